"""Numerics of the uniform and the log-uniform distribution, right for very narrow and very wide intervals.

An expectation is the difference of an integral at the two ends over their distance, which cancels for a narrow
interval. There the function is integrated on fixed nodes, or its closed form is written in the width.
"""

from __future__ import annotations

from math import inf, pi

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.edges import exp_or_inf
from kldiv._numerics.gaps import entropy_gap, expm1_gap, log1p_ratio, log_ratio
from kldiv._numerics.integrals import integrate_unit_interval
from kldiv._numerics.special import exp_e1, log1p_square

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_TERMS = 12


def _factorials(first: int) -> list[float]:
    """1 / (2 k + 1)! from k = first on."""
    value, values = 1.0, []
    for k in range(1, first + _TERMS):
        value = value / (2 * k * (2 * k + 1))
        values.append(value)
    return values[first - 1 :]


_SINE = _factorials(1)


def interval_distance(xp: Namespace, m: Array, low: Array, high: Array) -> Array:
    """E |x - m| of the uniform distribution."""
    below, above = m <= low, m >= high
    outside = below | above
    x = xp.where(outside, 0.5 * low + 0.5 * high, m)
    width = high - low
    a, b = high - x, x - low
    middle = 0.5 * (low - m) + 0.5 * (high - m)
    return xp.where(outside, xp.where(below, middle, -middle), 0.5 * (a * (a / width) + b * (b / width)))


def interval_log(xp: Namespace, low: Array, high: Array) -> Array:
    """E log x of the uniform distribution on an interval from low >= 0."""
    # With the middle c and r = (high - low) / (2 c): log(c) and what is left of the entropies of 1 + r and 1 - r.
    c = 0.5 * low + 0.5 * high
    r, y = 0.5 * (high - low) / c, low / c
    wide = r > 0.5
    y_wide = xp.where(wide & (y > 0), y, 1.0)
    y_log_y = y * xp.where(wide, xp.log(y_wide), xp.log1p(-xp.where(wide, 0.0, r)))
    return xp.log(c) + (((1 + r) * xp.log1p(r) - y_log_y) / (2 * r) - 1)


def interval_log_variance(xp: Namespace, low: Array, high: Array) -> Array:
    """Var log x of the uniform distribution: 1 - (y / sinh(y))^2, with y = log(high / low) / 2, for low >= 0."""
    starts = low > 0
    d = _sinh_deficit(xp, 0.5 * _log_width(xp, xp.where(starts, low, 1.0), xp.where(starts, high, 2.0)))
    return xp.where(starts, d * (2 - d), 1.0)


def interval_power(xp: Namespace, k: Array, s: Array, low: Array, high: Array) -> Array:
    """E (x / s)^k of the uniform distribution on an interval from low >= 0; inf at low = 0 for k <= -1."""
    starts = low > 0
    rising = k > -1
    n = k + 1
    low_in, high_in = xp.where(starts, low, 1.0), xp.where(starts, high, 2.0)
    width = _log_width(xp, low_in, high_in)
    # The integral of exp(k t) over t between the logarithms of the ends, from the end at which it is largest.
    end = xp.where(rising, high_in, low_in)
    log_value = k * log_ratio(xp, end, s) + xp.log(_mean_decay(xp, xp.abs(n) * width) / _mean_decay(xp, width))
    value = exp_or_inf(xp, log_value - xp.where(rising, 0.0, width))
    n_in = xp.where(rising, n, 1.0)
    from_zero = exp_or_inf(xp, k * log_ratio(xp, high, s) - xp.log(n_in), rising)
    return xp.where(starts, value, from_zero)


def interval_exponential(xp: Namespace, t: Array, m: Array, low: Array, high: Array) -> Array:
    """E exp(t (x - m)) of the uniform distribution."""
    end = xp.where(t > 0, high, low)
    z = xp.abs(t) * (high - low)
    return exp_or_inf(xp, t * (end - m) + xp.log(_mean_decay(xp, xp.where(z < inf, z, 1.0))), z < inf)


def interval_log_square(xp: Namespace, m: Array, s: Array, low: Array, high: Array) -> Array:
    """E log(1 + ((x - m) / s)^2) of the uniform distribution."""

    def primitive(z: Array) -> Array:
        return z * (log1p_square(xp, z) - 2) + 2 * xp.atan(z)

    a, b = (low - m) / s, (high - m) / s
    # Its ends cancel where the interval is short against its distance from the singularities m +- i s.
    width, middle = (high - low) / s, 0.5 * (a + b)
    short = width <= 1 + xp.abs(middle)
    a_wide, b_wide, width_in = xp.where(short, 0.0, a), xp.where(short, 1.0, b), xp.where(short, 1.0, width)
    wide = (primitive(b_wide) - primitive(a_wide)) / width_in
    start, step = xp.where(short, a, 0.0)[..., None], xp.where(short, width, 1.0)[..., None]
    thin = integrate_unit_interval(xp, lambda u, v: log1p_square(xp, start + step * u), middle)
    return xp.where(short, thin, wide)


def log_uniform_power(xp: Namespace, k: Array, s: Array, low: Array, high: Array) -> Array:
    """E (x / s)^k of the log-uniform distribution."""
    end = xp.where(k > 0, high, low)
    decay = _mean_decay(xp, xp.abs(k) * _log_width(xp, low, high))
    return exp_or_inf(xp, k * log_ratio(xp, end, s) + xp.log(decay))


def log_uniform_variance(xp: Namespace, low: Array, high: Array) -> Array:
    """Var x of the log-uniform distribution: (E x)^2 (y coth(y) - 1), y = log(high / low) / 2."""
    width = _log_width(xp, low, high)
    mean = high * _mean_decay(xp, width)
    return mean * mean * _coth_excess(xp, 0.5 * width)


def log_uniform_distance(xp: Namespace, m: Array, low: Array, high: Array) -> Array:
    """E |x - m| of the log-uniform distribution."""
    below, above = m <= low, m >= high
    outside = below | above
    x = xp.where(outside, low, m)
    width = _log_width(xp, low, high)
    mean = high * _mean_decay(xp, width)
    inside_value = (entropy_gap(xp, x, low) + entropy_gap(xp, x, high)) / width
    return xp.where(outside, xp.where(below, mean - m, m - mean), inside_value)


def log_uniform_exponential(xp: Namespace, t: Array, m: Array, low: Array, high: Array) -> Array:
    """E exp(t (x - m)) of the log-uniform distribution."""
    falls = t < 0
    rate = xp.where(falls, -t, 1.0)
    # Relative to the exponential at `low`; for positive t, which no wide interval can have, at `high`.
    value = _log_mean(
        xp,
        lambda x: xp.exp(-rate[..., None] * (x - low[..., None])),
        low,
        high,
        lambda x: -exp_e1(xp, rate * x) * xp.exp(-rate * xp.where(x > low, x - low, 0.0)),
    )
    grows = t > 0
    rate_up = xp.where(grows, t, 1.0)
    width = _log_width(xp, low, high)[..., None]
    up = integrate_unit_interval(
        xp, lambda u, v: xp.exp(rate_up[..., None] * high[..., None] * xp.expm1(-width * v)), low
    )
    end = xp.where(grows, high, low)
    value = xp.where(grows, up, value)
    exists = value > 0
    moved = exp_or_inf(xp, xp.log(xp.where(exists, value, 1.0)) + t * (end - m), exists)
    return xp.where(t == 0, 1.0, xp.where(exists, moved, 0.0))


def log_uniform_log1p(xp: Namespace, s: Array, low: Array, high: Array) -> Array:
    """E log(1 + x / s) of the log-uniform distribution."""
    return _log_mean(xp, xp.log1p, low / s, high / s, lambda x: _dilogarithm(xp, x))


def log_uniform_log_complement(xp: Namespace, low: Array, high: Array) -> Array:
    """E log(1 - x) of the log-uniform distribution, for high <= 1."""
    width = _log_width(xp, low, high)
    short = width < 2
    start, step = xp.where(short, 1 - high, 1.0)[..., None], xp.where(short, width, 1.0)[..., None]
    top = xp.where(short, high, 0.5)[..., None]
    # 1 - high exp(-w) = (1 - high) + high (1 - exp(-w)).
    thin = integrate_unit_interval(xp, lambda u, v: xp.log(start - top * xp.expm1(-step * v)), width)

    low, high = xp.where(short, 0.25, low), xp.where(short, 0.5, high)
    wide = _unit_log1p(xp, high) - _unit_log1p(xp, low)
    return xp.where(short, thin, wide / xp.where(short, 1.0, width))


def _series(x: Array, coefficients: list[float]) -> Array:
    """The power series without constant term."""
    value = 0.0 * x
    for c in reversed(coefficients):
        value = (value + c) * x
    return value


def _sinh_deficit(xp: Namespace, y: Array) -> Array:
    """1 - y / sinh(y) for y >= 0."""
    near = y < 2
    x = xp.where(near, y, 0.0)
    excess = _series(x * x, _SINE)
    far = xp.where(near, 2.0, y)
    return xp.where(near, excess / (1 + excess), 1 + 2 * far * xp.exp(-far) / xp.expm1(-2 * far))


def _coth_excess(xp: Namespace, y: Array) -> Array:
    """y coth(y) - 1 for y >= 0."""
    near = y < 2
    x = xp.where(near, y, 0.0)
    x = x * x
    value = _series(x, [2 * k * c for k, c in enumerate(_SINE, start=1)]) / (1 + _series(x, _SINE))
    far = xp.where(near, 2.0, y)
    return xp.where(near, value, -far * (1 + xp.exp(-2 * far)) / xp.expm1(-2 * far) - 1)


def _mean_decay(xp: Namespace, z: Array) -> Array:
    """The mean of exp(-z u) for u between 0 and 1: (1 - exp(-z)) / z, for z >= 0."""
    small = z < 1
    positive = z > 0
    near = xp.where(small & positive, z, 1.0)
    far = xp.where(small, 1.0, z)
    return xp.where(positive, xp.where(small, 1 - expm1_gap(xp, -near) / near, -xp.expm1(-far) / far), 1.0)


def _log_width(xp: Namespace, low: Array, high: Array) -> Array:
    """log(high / low)."""
    return log1p_ratio(xp, high - low, low)


def _dilogarithm(xp: Namespace, x: Array) -> Array:
    """The integral of log(1 + t) / t from 0 to x, for positive x."""
    large = x > 1
    y = xp.where(large, 1 / xp.where(large, x, 1.0), x)
    value = integrate_unit_interval(xp, lambda u, v: xp.log1p(y[..., None] * u) / u, x)
    log_x = xp.log(xp.where(large, x, 1.0))
    return xp.where(large, pi * pi / 6 + 0.5 * log_x * log_x - value, value)


def _log_mean(
    xp: Namespace, function: Callable[[Array], Array], low: Array, high: Array, integral: Callable[[Array], Array]
) -> Array:
    """The mean of a function of a log-uniform x: over a short interval by quadrature, else by its integral of dx/x."""
    width = _log_width(xp, low, high)
    short = width < 2
    start, step = xp.where(short, low, 1.0)[..., None], xp.where(short, width, 1.0)[..., None]
    thin = integrate_unit_interval(xp, lambda u, v: function(start * xp.exp(step * u)), width)
    low, high = xp.where(short, 1.0, low), xp.where(short, 8.0, high)
    return xp.where(short, thin, (integral(high) - integral(low)) / xp.where(short, 1.0, width))


def _unit_log1p(xp: Namespace, x: Array) -> Array:
    """The integral of log(1 - t) / t from 0 to x, for x between 0 and 1."""
    near_one = x > 0.5
    y = xp.where(near_one, 1 - x, x)[..., None]
    inner = y > 0
    y = xp.where(inner, y, 0.5)
    value = integrate_unit_interval(xp, lambda u, v: xp.log1p(-y * u) / u, x)
    value = xp.where(inner[..., 0], value, 0.0)
    # Euler's reflection.
    y, x_in = xp.where(inner, y, 0.5)[..., 0], xp.where(near_one, x, 0.5)
    product = xp.where(inner[..., 0], xp.log(y), 0.0) * xp.log(x_in)
    return xp.where(near_one, product - pi * pi / 6 - value, value)
