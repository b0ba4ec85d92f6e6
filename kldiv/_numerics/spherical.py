"""Numerics of the distributions on the circle and on spheres.

A density exp(kappa t) (1 - t^2)^(b - 1) of the cosine t, with b = (d - 1) / 2, is exp(kappa tanh u) / cosh(u)^(2 b) in
t = tanh u, which has one peak and exponential tails. About its mode, at steps stretched like exp in the slow tails, the
trapezoid rule integrates it to the last digits for every dimension and concentration: a Bessel function of any order
from standard operations, and expectations under it as sums of terms that cannot be negative.
"""

from __future__ import annotations

from math import cos, log, pi, sin
from typing import NamedTuple

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.edges import inf_for_nan, non_negative, root
from kldiv._numerics.exact import is_single, two_difference
from kldiv._numerics.gaps import expm1_gap, log1p_gap, stirling_gap
from kldiv._numerics.special import betaln

_PEAK_NODES = ([0.21 * k for k in range(-43, 44)], [0.4 * k for k in range(-15, 16)])

_CIRCLE_NODES = 96

_SHIFT = 1.0


def _turns(count: int) -> tuple[list[float], list[float]]:
    """cos and sin of the halves of equally spaced angles between -pi and pi."""
    halves = [(k + 0.5) * pi / count - 0.5 * pi for k in range(count)]
    return [cos(h) for h in halves], [sin(h) for h in halves]


_TURNS = _turns(_CIRCLE_NODES)


def circle_gap(xp: Namespace, a: Array, b: Array) -> Array:
    """1 - cos(a - b) for two angles."""
    d, error = two_difference(a, b)
    s = xp.sin(0.5 * d) + 0.5 * error * xp.cos(0.5 * d)
    return 2 * s * s


def sphere_gap(xp: Namespace, a: Array, b: Array) -> Array:
    """1 - cos of the angle between two vectors along the last axis, whatever their lengths."""
    lengths = xp.sqrt(xp.sum(a * a, axis=-1) * xp.sum(b * b, axis=-1))
    dot = xp.sum(a * b, axis=-1)
    near = dot > 0
    # The part of a - b that is orthogonal to a + b: what is along it is a difference of lengths.
    c = xp.where(near[..., None], a + b, a)
    d = a - b
    d = d - c * (xp.sum(d * c, axis=-1, keepdims=True) / xp.sum(c * c, axis=-1, keepdims=True))
    return xp.where(near, 0.5 * xp.sum(d * d, axis=-1), lengths - dot) / lengths


def log_partition_gap(xp: Namespace, b: Array, kappa_q: Array, kappa_p: Array) -> Array:
    """The remainder of `log_partition` at kappa_q over its tangent at kappa_p, at least 0.

    It is the divergence between the von Mises-Fisher distributions with one mean direction.
    """
    d = kappa_q - kappa_p
    p = _peak(xp, b, kappa_p)
    mean = xp.sum(p.weight * p.deviation, axis=-1) / p.total
    between_modes = _mode_gap(xp, b, kappa_q, kappa_p)
    near = between_modes < 0.5
    # Where the density underflows, that of Q is next to nothing too, while their quotient may overflow.
    has_mass = p.weight > xp.finfo(d.dtype).smallest_normal
    tau = xp.where(near, d, 0.0)[..., None] * (xp.where(has_mass, p.deviation, 0.0) - mean[..., None])
    excess = xp.sum(p.weight * expm1_gap(xp, tau), axis=-1) / p.total
    q = _peak(xp, b, kappa_q)
    far_value = between_modes + xp.log(q.total / p.total) - d * mean
    return xp.where(near, xp.log1p(excess), far_value)


def von_mises_fisher_gap(xp: Namespace, b: Array, kappa_p: Array, kappa_q: Array, angle_gap: Array) -> Array:
    """The divergence between von Mises-Fisher distributions, with `angle_gap` = 1 - cos of the angle between means."""
    return log_partition_gap(xp, b, kappa_q, kappa_p) + kappa_q * bessel_ratio(xp, b, kappa_p) * angle_gap


def power_gap(xp: Namespace, b: Array, kappa_p: Array, kappa_q: Array) -> Array:
    """The divergence between power spherical distributions with one mean direction.

    It is that between the beta distributions with concentrations b + kappa and b.
    """
    d = kappa_q - kappa_p
    a_p, a_q = b + kappa_p, b + kappa_q
    total_p, total_q = a_p + b, a_q + b
    share = a_q * log1p_gap(xp, -d / a_q * (b / total_p), (a_p, a_q), (total_q, total_p))
    other = b * log1p_gap(xp, d / total_p, (total_q, total_p))
    return share + other + (stirling_gap(xp, a_q, a_p, d) - stirling_gap(xp, total_q, total_p, d))


def power_von_mises_fisher_gap(xp: Namespace, b: Array, kappa_p: Array, kappa_q: Array, angle_gap: Array) -> Array:
    """The divergence from a power spherical to a von Mises-Fisher distribution."""
    zero = 0 * kappa_q
    to_uniform = power_gap(xp, b, kappa_p, 0 * kappa_p)
    # log Z(kappa_q) - log Z(0) - kappa_q m, where log Z is r - b log(b + r) + log of a sum of order 1.
    m = power_mean(xp, b, kappa_p)
    r = _hypotenuse(xp, b, kappa_q)
    height = kappa_q * (2 * b / (2 * b + kappa_p)) + b * (b / (r + kappa_q) - 1) - b * xp.log((b + r) / (2 * b))
    sums = xp.log(_peak(xp, b, kappa_q).total / _peak(xp, b, zero).total)
    value = to_uniform + height + sums + kappa_q * m * angle_gap
    return inf_for_nan(xp, non_negative(xp, value))


def power_axis_gap(xp: Namespace, b: Array, kappa: Array, angle_gap: Array) -> Array:
    """E log((1 + m . x) / (1 + n . x)) of the power spherical distribution with mean direction m; at least 0.

    `angle_gap` is 1 - m . n. The expectation of (1 + n . x)^s is a hypergeometric function of y = angle_gap / 2, whose
    derivative at s = 0 is an Euler integral: with v = 1 - u, the difference is the integral of
    v^b [(v + u y)^kappa - v^kappa] / (u v) over u from 0 to 1. It is taken over the log-odds of u.
    """
    single = is_single(xp, kappa)
    depth, top, count = (20.0, 85.0, 160) if single else (39.0, 300.0, 512)
    y = 0.5 * angle_gap
    least = xp.finfo(xp.float32).smallest_normal
    stop = xp.stop_gradient
    low = -depth - stop(xp.log1p(kappa))
    # To the right the integrand falls like exp(-(b + kappa - 1) q) as far as q = log(1 / y), then like exp(-b q).
    turn = -stop(xp.log(xp.where(y > least, y, least)))
    rate = stop(b + kappa - 1)
    rest = depth - xp.where(rate > 0, rate, 0.0) * turn
    high = 5 + xp.where(rest > 0, turn + rest / stop(b), depth / xp.where(rest > 0, 1.0, rate))
    step = (xp.where(high < top, high, top) - low) / count
    nodes = xp.asarray_like([k + 0.5 for k in range(count)], kappa, kappa.dtype)
    q = low[..., None] + step[..., None] * nodes
    y, kappa = y[..., None], kappa[..., None]
    below = q < 0
    e = xp.exp(xp.where(below, q, -q))
    safe = below | (y > 0.5)
    u, v = xp.where(below, e, 1.0) / (1 + e), xp.where(below, 1.0, e) / (1 + e)
    log_mix = xp.where(safe, xp.log1p(xp.where(safe, (y - 1) * u, 0.0)), xp.log(xp.where(safe, 1.0, v + u * y)))
    log_v = -xp.where(below, 0.0, q) - xp.log1p(e)
    change = -xp.expm1(-kappa * xp.log1p(y * xp.exp(q)))
    return step * xp.sum(xp.exp(b[..., None] * log_v + kappa * log_mix) * change, axis=-1)


def unit_vector(xp: Namespace, x: Array) -> Array:
    """The direction of a vector along the last axis."""
    return x / xp.sqrt(xp.sum(x * x, axis=-1, keepdims=True))


def half_dimension(xp: Namespace, mean_direction: Array) -> Array:
    """(d - 1) / 2 for vectors of length d along the last axis."""
    return 0.5 * (xp.sum(xp.ones_like(mean_direction), axis=-1) - 1)


def bessel_ratio(xp: Namespace, b: Array, kappa: Array) -> Array:
    """E t, the ratio I_(b + 1/2)(kappa) / I_(b - 1/2)(kappa)."""
    peak = _peak(xp, b, kappa)
    return peak.mode * (xp.sum(peak.weight * peak.roundness, axis=-1) / peak.total)


def log_partition(xp: Namespace, b: Array, kappa: Array) -> Array:
    """log of the integral of exp(kappa (t - 1)) (1 - t^2)^(b - 1) over t from -1 to 1."""
    peak = _peak(xp, b, kappa)
    height = b * (xp.log(peak.complement) + xp.log1p(peak.mode)) - kappa * peak.complement
    return height + xp.log(peak.total)


def power_mean(xp: Namespace, b: Array, kappa: Array) -> Array:
    """E t of the power spherical distribution."""
    return kappa / (2 * b + kappa)


def log_power_partition(xp: Namespace, b: Array, kappa: Array) -> Array:
    """log of the integral of (1 + t)^kappa (1 - t^2)^(b - 1) over t from -1 to 1."""
    return (kappa + 2 * b - 1) * log(2) + betaln(xp, b + kappa, b)


def log_sphere_area(xp: Namespace, half_dimension: Array) -> Array:
    """log of the area of the unit sphere in n dimensions, where `half_dimension` = n / 2."""
    return log(2) + half_dimension * log(pi) - xp.gammaln(half_dimension)


def mean_log_distance(xp: Namespace, kappa: Array, rho: Array, complement: Array, angle: Array) -> Array:
    """E log|1 - rho exp(i (x - angle))|^2 of the von Mises distribution with mean 0; `complement` = 1 - rho.

    The logarithm of 1 - rho exp(i x) is analytic above the real axis and the density everywhere, so the path of
    integration is moved up by about one width of the density, away from the singularity, which may be near the axis.
    """
    c, s = (xp.asarray_like(x, kappa, kappa.dtype) for x in _TURNS)
    k = kappa[..., None]
    sigma = 1 / xp.sqrt(1 + 0.5 * k)
    norm = c * c + sigma * sigma * (s * s)
    root = xp.sqrt(norm)
    half_sin, half_cos = sigma * s / root, c / root
    slope = sigma / norm
    # cosh y = 1 + shift / kappa and kappa sinh y for the displacement y.
    sinh = xp.sqrt(_SHIFT * _SHIFT + 2 * _SHIFT * k)
    shrink = k / (k + _SHIFT + sinh)
    rho = rho[..., None]
    radius = rho * shrink
    gap = complement[..., None] + rho * ((_SHIFT + sinh) / (k + _SHIFT + sinh))
    turn = 0.5 * angle[..., None]
    sin_turn, cos_turn = xp.sin(turn), xp.cos(turn)
    x_sin, x_cos = half_sin * cos_turn - half_cos * sin_turn, half_cos * cos_turn + half_sin * sin_turn
    real = xp.log(gap * gap + 4 * radius * x_sin * x_sin)
    imaginary = -2 * xp.atan(2 * radius * x_sin * x_cos / (gap + 2 * radius * x_sin * x_sin))
    phase = 2 * sinh * half_sin * half_cos
    away = 2 * half_sin * half_sin
    weight = slope * xp.exp(_SHIFT - (k + _SHIFT) * away)
    total = xp.sum(slope * xp.exp(-k * away), axis=-1)
    return xp.sum(weight * (real * xp.cos(phase) + imaginary * xp.sin(phase)), axis=-1) / total


def _hypotenuse(xp: Namespace, a: Array, b: Array) -> Array:
    """sqrt(a^2 + b^2) for positive a and non-negative b."""
    swap = b > a
    large, small = xp.where(swap, b, a), xp.where(swap, a, b)
    r = small / large
    return large * xp.sqrt(1 + r * r)


class _Peak(NamedTuple):
    """The density at its nodes, along a new last axis."""

    weight: Array  # the density over its largest value, times the step
    deviation: Array  # t less the mode
    roundness: Array  # (1 - t^2) / (1 - mode^2)
    mode: Array
    complement: Array  # 1 - mode
    total: Array  # sum of the weights


def _peak(xp: Namespace, b: Array, kappa: Array) -> _Peak:
    """The density exp(kappa t) (1 - t^2)^(b - 1) at nodes about its mode."""
    r = _hypotenuse(xp, b, kappa)
    mode, complement = kappa / (b + r), b * (1 + b / (r + kappa)) / (b + r)
    nodes = _PEAK_NODES[is_single(xp, kappa)]
    t0, c0 = mode[..., None], complement[..., None]
    b2 = 2 * b[..., None]
    scale = 1 / xp.sqrt(b2)
    y = xp.asarray_like(nodes, kappa, kappa.dtype) * scale
    right, left = xp.expm1(y), xp.expm1(-y)
    w = y + 0.5 * ((right - y) - c0 * (left + y))
    slope = scale * (nodes[1] - nodes[0]) * (1 + 0.5 * (right + c0 * left))
    # With tau = tanh w, t = (t0 + tau) / (1 + t0 tau).
    above = w >= 0
    size = xp.abs(w)
    e, rise = xp.exp(-2 * size), -xp.expm1(-2 * size)
    tau = xp.where(above, rise, -rise) / (1 + e)
    one = t0 * (xp.where(above, 2.0, 2 * e) / (1 + e)) + c0
    near = size < 1
    e_near = xp.where(near, e, 1.0)
    rise_near = xp.where(near, rise, 0.0)
    log_cosh = xp.where(near, 0.5 * xp.log1p(rise_near * rise_near / (4 * e_near)), size + xp.log1p(e) - log(2))
    weight = xp.exp(-b2 * (log1p_gap(xp, -t0 * tau / one) + log_cosh)) * slope
    curve = 4 * e / ((1 + e) * (1 + e)) / (one * one)
    return _Peak(weight, c0 * (1 + t0) * tau / one, curve, mode, complement, xp.sum(weight, axis=-1))


def _mode_gap(xp: Namespace, b: Array, kappa_q: Array, kappa_p: Array) -> Array:
    """The remainder at kappa_q over the tangent at kappa_p of max_t [kappa t + b log(1 - t^2)]."""
    # With r = sqrt(b^2 + kappa^2) that maximum is r - b log(b + r) and a constant.
    r_p, r_q = _hypotenuse(xp, b, kappa_p), _hypotenuse(xp, b, kappa_q)
    d = kappa_q - kappa_p
    half = 0.5 * r_p + 0.5 * r_q
    rise = 0.5 * d * (kappa_p / half + kappa_q / half)
    rest = b * d / (b + r_p) * (b / r_p) * (d / (r_q + kappa_q * (kappa_p / r_p) + b * (b / r_p)))
    return b * log1p_gap(xp, rise / (b + r_p), (b + r_q, b + r_p)) + rest


def polar(xp: Namespace, x: Array, y: Array) -> tuple[Array, Array]:
    """Return length and angle of points of the plane; the angle at the origin is 0."""
    origin = (x == 0) & (y == 0)
    x = xp.where(origin, 1.0, x)
    length = xp.sqrt(x * x + y * y)
    right = x > 0
    upright = xp.where(right | (y == 0), 1.0, y)
    # The tangent of half the angle is y / (r + x) = (r - x) / y.
    half = xp.where(right, y / (length + xp.where(right, x, 0.0)), (length - x) / upright)
    angle = xp.where(right | (y != 0), 2 * xp.atan(half), pi)
    return xp.where(origin, 0.0, length), xp.where(origin, 0.0, angle)


def direction_and_length(xp: Namespace, vector: Array, otherwise: Array) -> tuple[Array, Array]:
    """The unit vector and the length of vectors along the last axis; one of length 0 has the direction `otherwise`."""
    length = root(xp, xp.sum(vector * vector, axis=-1))
    none = (length == 0)[..., None]
    return xp.where(none, otherwise, vector / xp.where(none, 1.0, length[..., None])), length
