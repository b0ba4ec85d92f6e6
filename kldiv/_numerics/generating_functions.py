"""Expectations of log-factorials of counts, as integrals of generating functions.

With G(z) = E z^x and z = exp(-t), log Gamma is an integral over t > 0 in which x appears as z^x only. What is left of E
log Gamma(x + r) beyond log Gamma(E x + r) is the integral of exp(-r t) (G(z) - z^m) / ((1 - z) t), m = E x, where
nothing cancels, as the cumulant log G + m t is a sum of gaps. In log t every integrand is smooth on the scale of 1, at
any mean, so the trapezoid rule on fixed nodes is exact to rounding.
"""

from __future__ import annotations

from math import exp

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.edges import non_negative, xlogx
from kldiv._numerics.exact import is_single
from kldiv._numerics.gaps import expm1_gap, log1p_gap, stirling_gap
from kldiv._numerics.special import digamma_gap, stirling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    # From t and 1 - exp(-t): the logarithm of the generating function, and that plus the mean times t.
    Cumulant: TypeAlias = Callable[[Array, Array], tuple[Array, Array]]


def _log_spread(step: float, first: int, last: int) -> tuple[list[float], float]:
    """Nodes t at equal steps of log(t), and the step."""
    return [exp(step * k) for k in range(first, last + 1)], step


# The poles of 1 / (1 - z) bound the strip of analyticity in log t: the error is exp(-pi^2 / step).
_NODES = (_log_spread(0.25, -152, 140), _log_spread(0.5, -38, 76))

# A remainder of higher order in t needs them closer.
_CLOSE_NODES = (_log_spread(0.18, -211, 195), _log_spread(0.3, -64, 127))


def log_factorial_excess(xp: Namespace, x: Array) -> Array:
    """log x! - x log x + x, for non-negative x."""
    small = x < 1
    y = xp.where(small, 1.0, x)
    x = xp.where(small, x, 0.0)
    return xp.where(small, xp.gammaln(x + 1) - xlogx(xp, x) + x, xp.log(y) + stirling(xp, y))


def log_factorial_excess_difference(xp: Namespace, x: Array, d: Array) -> Array:
    """The difference of `log_factorial_excess` between x + d and x, for non-negative arguments."""
    near = (d < 0.5 * x) & (x > 0.5)
    x_near, d_near = xp.where(near, x, 1.0), xp.where(near, d, 0.0)
    close = xp.log1p(d_near / x_near) + stirling_difference(xp, x_near, d_near)
    x_far, d_far = xp.where(near, 1.0, x), xp.where(near, 0.0, d)
    return xp.where(near, close, log_factorial_excess(xp, x_far + d_far) - log_factorial_excess(xp, x_far))


def stirling_difference(xp: Namespace, x: Array, d: Array) -> Array:
    """H(x + d) - H(x) for positive x and non-negative d, with H(a) = lgamma(a) - a log a + a."""
    near = d < 0.5 * x
    x_near, d_near = xp.where(near, x, 1.0), xp.where(near, d, 0.0)
    close = stirling_gap(xp, x_near + d_near, x_near, d_near) - d_near * digamma_gap(xp, x_near)
    x_far, y_far = xp.where(near, 1.0, x), xp.where(near, 1.0, x + d)
    return xp.where(near, close, stirling(xp, y_far) - stirling(xp, x_far))


class GeneratingFunction:
    """A distribution of counts, by its mean, its cumulants, and the scale of its outcomes."""

    def __init__(self, xp: Namespace, mean: Array, scale: Array, cumulant: Cumulant) -> None:
        self._xp, self.mean, self._scale, self.cumulant = xp, mean, scale + 1, cumulant

    def jensen(self, r: Array) -> Array:
        """Return E log Gamma(x + r) - log Gamma(E x + r)."""
        xp = self._xp
        return _jensen_gap(xp, r + 0 * self.mean, self.mean + 0 * r, self._scale, self.cumulant)

    def log_factorial_excess(self) -> Array:
        """Return E log x! less m log m - m."""
        m = self.mean
        return log_factorial_excess(self._xp, m) + self.jensen(self._xp.ones_like(m))

    def log_pochhammer_excess(self, r: Array) -> Array:
        """Return E log (Gamma(x + r) / Gamma(r)) less (m + r) log(m + r) - r log r - m."""
        m = self.mean + 0 * r
        return stirling_difference(self._xp, r + 0 * m, m) + self.jensen(r)


class RisingCounts(GeneratingFunction):
    """Counts whose probabilities have the rising factorials Gamma(k + r) / Gamma(r): negative binomial or Poisson.

    `logs` has log G and log G + m (1 - z) as functions of 1 - z; the latter is at least 0, and 0 for Poisson counts.
    """

    def __init__(self, xp: Namespace, mean: Array, scale: Array, logs: Callable[[Array], tuple[Array, Array]]) -> None:
        def cumulant(t: Array, u: Array) -> tuple[Array, Array]:
            log_g, bend = logs(u)
            return log_g, bend + mean[..., None] * expm1_gap(xp, -t)

        super().__init__(xp, mean, scale, cumulant)
        self._logs = logs

    def gap(self, r: Array | None, other: Array | None) -> Array:
        """Return the divergence from these counts to those with the same mean and `other` in place of their own r.

        None stands for an infinite one, that of the Poisson distribution.
        """
        xp = self._xp
        scale = self._scale + (0.0 if r is None else r) + (0.0 if other is None else other)

        def integrand(t: Array, u: Array) -> Array:
            return xp.divide(_remainder(xp, t, r, other) * self._rest(t, u), t)

        return non_negative(xp, integrate_generating_function(xp, integrand, scale, close=True))

    def _rest(self, t: Array, u: Array) -> Array:
        """(1 - G(z)) t / (1 - z) - (1 - z^m), which is of the order of t^2."""
        xp, m = self._xp, self.mean[..., None]
        (log_g, bend), c = self._logs(u), self.cumulant(t, u)[1]
        near = m * t < 1
        x, c_near = xp.where(near, m * t, 0.0), xp.where(near, c, 0.0)
        inner = expm1_gap(xp, -x) * (expm1_gap(xp, -t) / t) + xp.expm1(-x) * xp.expm1(c_near) + expm1_gap(xp, c_near)
        far = expm1_gap(xp, -t) * -xp.expm1(log_g) / u - spread(xp, self.mean, self.cumulant, t, u)
        return xp.where(near, -(bend + inner) * (t / u), far)


def _remainder(xp: Namespace, t: Array, r: Array | None, other: Array | None) -> Array:
    """exp(-other t) less exp(-r t), and less the tangent of that where it is near; None stands for infinity.

    The integral of the tangent is 0.
    """
    if r is None:
        return xp.exp(-other[..., None] * t)  # type: ignore[index]
    if other is None:
        return -xp.exp(-r[..., None] * t)
    d = (other - r)[..., None]
    above = -d * t > 1
    fall, step = xp.exp(-r[..., None] * t), xp.where(above, 0.0, -d * t)
    close = fall * xp.where(d <= r[..., None], expm1_gap(xp, step), xp.expm1(step))
    return xp.where(above, xp.exp(-other[..., None] * t) - (1 - d * t) * fall, close)


def falling_gap(xp: Namespace, n: Array, p: Array, q: Array, other: Array | None) -> Array:
    """The divergence from Binomial(n, p) to that with the same mean and `other` trials, or to Poisson for None.

    `other` is above n, q = 1 - p, and n q above 1 / 2.
    """
    y = n * q
    misses = binomial_cgf(xp, n, q, p)
    more = None if other is None else (other - n)[..., None]
    # The tangent, whose integral is of the order of p^n, may be subtracted where few more trials make few ulps.
    log_power = (n - 2) * xp.log(xp.where(p < 1e-30, 1e-30, p))
    few_more = more is not None and (more <= y[..., None]) & (log_power < -60)[..., None]

    def integrand(t: Array, u: Array) -> Array:
        # exp(-n t) (E exp(k t) - 1) / (exp(t) - 1) less exp(-n t) (exp(m t) - 1) / t, with k the hits and m their mean
        n_, p_, m = n[..., None], p[..., None], (n * p)[..., None]
        c = misses.cumulant(t, u)[1]
        excess = spread(xp, y, misses.cumulant, t, u)
        none, mean = xp.exp(-n_ * t), xp.exp(-y[..., None] * t)
        near = m * t < 1
        s = xp.where(t < 60, t, 60.0)
        v = xp.expm1(s)
        x = xp.where(near, m * s, 0.0)
        c_near = xp.where(c < 1, c, 0.0)
        curve = none * (xp.expm1(x) * xp.expm1(c_near) + expm1_gap(xp, c_near))
        curve = xp.where(c < 1, curve, excess - none * c)
        bend = n_ * log1p_gap(xp, p_ * v) + expm1_gap(xp, x) * (expm1_gap(xp, s) / s)
        close = (curve - none * bend) / v
        far = xp.exp(-t) * excess / u + mean * xp.expm1(-m * t) * (u - expm1_gap(xp, -t) / t) / u
        value = xp.where(near, close, far)
        if more is None:
            return -value
        steps = xp.where(few_more, expm1_gap(xp, -more * t), xp.expm1(-more * t))
        return steps * value

    scale = n + 1 if other is None else other + 1
    return non_negative(xp, integrate_generating_function(xp, integrand, scale, close=True))


def poisson_cgf(xp: Namespace, rate: Array) -> RisingCounts:
    """The Poisson distribution."""

    def logs(u: Array) -> tuple[Array, Array]:
        log_g = -rate[..., None] * u
        return log_g, 0.0 * log_g

    return RisingCounts(xp, rate, rate, logs)


def binomial_cgf(xp: Namespace, n: Array, p: Array, q: Array) -> GeneratingFunction:
    """The binomial distribution, for q = 1 - p."""

    def cumulant(t: Array, u: Array) -> tuple[Array, Array]:
        n_, p_, q_ = n[..., None], p[..., None], q[..., None]
        late = u > 0.5
        z = xp.exp(-t)
        rest = q_ + p_ * z
        none = rest == 0  # p = 1, and z underflows
        log_rest = xp.where(none, -t, xp.log(xp.where(none, 1.0, rest)))
        log_g = n_ * xp.where(late, log_rest, xp.log1p(-p_ * xp.where(late, 0.0, u)))
        # The mean of exp(-t (x - p)) over x = 0 and 1; far out the first form serves.
        moderate = p_ * t < 40
        t = xp.where(moderate, t, 0.0)
        c = n_ * xp.log1p(p_ * expm1_gap(xp, -q_ * t) + q_ * expm1_gap(xp, p_ * t))
        return log_g, xp.where(moderate, c, 2.0)

    n = n + 0 * p
    return GeneratingFunction(xp, n * p, n * p, cumulant)


def negative_binomial_cgf(xp: Namespace, r: Array, p: Array, q: Array) -> RisingCounts:
    """The negative binomial distribution, for q = 1 - p."""
    odds = p / q
    r = r + 0 * odds

    def logs(u: Array) -> tuple[Array, Array]:
        x = odds[..., None] * u
        return -r[..., None] * xp.log1p(x), r[..., None] * log1p_gap(xp, x)

    return RisingCounts(xp, r * odds, r * odds + odds, logs)


def discrete_uniform_cgf(xp: Namespace, low: Array, high: Array) -> GeneratingFunction:
    """The discrete uniform distribution, for non-negative `low`."""
    width = (high - low) + 1
    m = low + 0.5 * (high - low)

    def cumulant(t: Array, u: Array) -> tuple[Array, Array]:
        w, half = width[..., None], 0.5 * t
        log_g = xp.log(-xp.expm1(-w * t) / (w * u)) - low[..., None] * t
        return log_g, _log_sinhc(xp, w * half) - _log_sinhc(xp, half)

    return GeneratingFunction(xp, m, high + 0 * m, cumulant)


def integrate_generating_function(
    xp: Namespace, function: Callable[[Array, Array], Array], scale: Array, *, close: bool = False
) -> Array:
    """The integral over log(t) of a function of t and 1 - exp(-t) that is nearly linear in t below t = 1 / scale."""
    nodes, step = (_CLOSE_NODES if close else _NODES)[is_single(xp, scale)]
    t = xp.asarray_like(nodes, scale, scale.dtype) / scale[..., None]
    return xp.sum(function(t, -xp.expm1(-t)), axis=-1) * step


def spread(xp: Namespace, m: Array, cumulant: Cumulant, t: Array, u: Array) -> Array:
    """G(z) - z^m at z = exp(-t), at least 0."""
    log_g, c = cumulant(t, u)
    power = xp.exp(-m[..., None] * t)
    small = c < 1
    return xp.where(small, power * xp.expm1(xp.where(small, c, 0.0)), xp.exp(log_g) - power)


def _jensen_gap(xp: Namespace, r: Array, m: Array, scale: Array, cumulant: Cumulant) -> Array:
    """E log Gamma(x + r) - log Gamma(E x + r)."""

    def integrand(t: Array, u: Array) -> Array:
        return xp.divide(xp.exp(-r[..., None] * t) * spread(xp, m, cumulant, t, u), u)

    return integrate_generating_function(xp, integrand, scale + r)


def _log_sinhc(xp: Namespace, x: Array) -> Array:
    """log(sinh(x) / x), for non-negative x."""
    near = x < 1
    y = xp.where(near, x, 0.0)
    y = y * y
    series = 0.0 * y
    for k in range(19, 1, -2):
        series = (series + 1) * y / (k * (k - 1))
    far = xp.where(near, 1.0, x)
    return xp.where(near, xp.log1p(series), far + xp.log(-xp.expm1(-2 * far) / (2 * far)))
