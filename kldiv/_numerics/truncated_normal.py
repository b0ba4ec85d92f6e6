"""Numerics of the truncated normal distribution, on fixed nodes on both sides of its mode.

Far in a tail the normal distribution function underflows, and on a short interval its differences cancel. Instead of
it, the density over its largest value is integrated: its exponent is known from the mode on without cancellation.
"""

from __future__ import annotations

from math import pi, sqrt

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.edges import lesser, non_negative
from kldiv._numerics.exact import is_single, sum_of_products, two_difference
from kldiv._numerics.gaps import expm1_gap, log_ratio
from kldiv._numerics.integrals import gauss_legendre

_DEPTH = 50.0  # how far in its exponent a density is followed from its mode


def _both_sides(nodes: list[float], weights: list[float]) -> tuple[list[float], list[float]]:
    """Nodes and weights on (-1, 1), from those on (0, 1)."""
    return [-x for x in reversed(nodes)] + nodes, [*reversed(weights), *weights]


_PIECE = _both_sides(*gauss_legendre(32))


def truncated_normal_gap(
    xp: Namespace,
    loc_p: Array,
    scale_p: Array,
    low_p: Array,
    high_p: Array,
    loc_q: Array,
    scale_q: Array,
    low_q: Array,
    high_q: Array,
) -> Array:
    """The divergence between truncated normal distributions, the interval of P inside that of Q."""
    bell, inner = _Bell(xp, loc_p, scale_p, low_p, high_p), _Bell(xp, loc_q, scale_q, low_p, high_p)
    # log q - log p at the nodes of P, but for a constant, from the differences of the parameters.
    wider, total = scale_q - scale_p, scale_q + scale_p
    d = wider / scale_q * (total / scale_q)  # 1 - (s_p / s_q)^2
    # slope d + (m_q - m_p) s_p / s_q^2, whose two parts may cancel.
    below, error = two_difference(bell.mode, loc_p)
    moved = loc_q - loc_p
    excess = sum_of_products(xp, below, wider, moved, 0.5 * scale_p) + (
        error * wider - moved * (0.5 * scale_p) * (wider / total)
    )
    shift = excess / scale_p * (total / scale_q) / scale_q
    z = bell.offset / scale_p[..., None]
    t = z * (shift[..., None] + 0.5 * d[..., None] * z)
    mean = bell.mean(t)
    deviation = t - mean[..., None]
    near = (xp.max(deviation, axis=-1) < 10) & (xp.max(-deviation, axis=-1) < 30)
    near_value = xp.log1p(bell.mean(expm1_gap(xp, xp.where(near[..., None], deviation, 0.0))))
    total_p, total_q = xp.where(near, 1.0, bell.total), xp.where(near, 1.0, inner.total)
    far_value = inner.rise(bell.mode) + log_ratio(xp, total_q, total_p) - mean
    far_value = non_negative(xp, far_value)
    within = xp.where(near, near_value, xp.where(near, 0.0, far_value))
    return within + _log_outside(xp, (loc_q, scale_q, low_q, high_q), inner, low_p, high_p)


def truncated_normal_quantile(xp: Namespace, u: Array, loc: Array, scale: Array, low: Array, high: Array) -> Array:
    """The x below which a truncated normal variable lies with probability u, with its first derivatives."""
    stop = xp.stop_gradient
    a, b = stop((low - loc) / scale), stop((high - loc) / scale)
    above, below = a > 0, b < 0  # loc is below the interval, or above it
    # Distances t from the end nearer to loc, or from loc on the side that u chooses; v is the probability to go beyond.
    share = _share_below(xp, a, b)
    falls = u < share
    v = xp.where(falls, u / xp.where(share > 0, share, 1.0), (1 - u) / xp.where(share < 1, 1 - share, 1.0))
    start = xp.where(above, a, xp.where(below, -b, 0.0))
    reach = xp.where(above | below, stop((high - low) / scale), xp.where(falls, -a, b))
    t = _tail_quantile(xp, v, start, reach)
    moved = xp.where(falls, -t, t)
    x = stop(xp.where(above, low, xp.where(below, high, loc)) + scale * moved)
    # From Phi(z) = (1 - u) Phi(a) + u Phi(b), with no change of value.
    z = stop(xp.where(above, a, xp.where(below, b, 0.0)) + moved)
    pull_low = (1 - u) * xp.exp(0.5 * (z - a) * (z + a))
    pull_high = u * xp.exp(0.5 * (z - b) * (z + b))
    for parameter, weight in ((low, pull_low), (high, pull_high), (loc, 1 - pull_low - pull_high)):
        x = x + weight * (parameter - stop(parameter))
    spread = z - pull_low * a - pull_high * b
    return x + spread * (scale - stop(scale))


def truncated_normal_log_density(xp: Namespace, x: Array, loc: Array, scale: Array, low: Array, high: Array) -> Array:
    """The log density of the truncated normal distribution at a point of its interval."""
    bell = _Bell(xp, loc, scale, low, high)
    z = (x - bell.mode) / scale
    return -z * (bell.slope + 0.5 * z) - xp.log(bell.total)


def truncated_normal_entropy(xp: Namespace, loc: Array, scale: Array, low: Array, high: Array) -> Array:
    """The entropy of the truncated normal distribution."""
    bell = _Bell(xp, loc, scale, low, high)
    return xp.log(bell.total) + bell.mean(bell.depth)


def truncated_normal_mean(xp: Namespace, loc: Array, scale: Array, low: Array, high: Array) -> Array:
    """E x of the truncated normal distribution."""
    bell = _Bell(xp, loc, scale, low, high)
    return bell.mode + bell.mean(bell.offset)


def truncated_normal_variance(xp: Namespace, loc: Array, scale: Array, low: Array, high: Array) -> Array:
    """Var x of the truncated normal distribution."""
    bell = _Bell(xp, loc, scale, low, high)
    d = bell.offset - bell.mean(bell.offset)[..., None]
    return bell.mean(d * d)


def truncated_normal_distance(xp: Namespace, m: Array, loc: Array, scale: Array, low: Array, high: Array) -> Array:
    """E |x - m| of the truncated normal distribution."""
    bell = _Bell(xp, loc, scale, low, high)
    start = xp.where(m < low, low, m)
    below = _Bell(xp, loc, scale, low, xp.where(start > high, high, start))
    # E max(m - x, 0); relative to the larger mode of the two, no exponential overflows.
    part = xp.sum(below.mass * ((m - below.mode)[..., None] - below.offset), axis=-1)
    short = part / bell.total * xp.exp(below.rise(bell.mode))
    return (bell.mode - m) + bell.mean(bell.offset) + 2 * short


def truncated_normal_exponential(
    xp: Namespace, t: Array, m: Array, loc: Array, scale: Array, low: Array, high: Array
) -> Array:
    """E exp(t (x - m)) of the truncated normal distribution."""
    bell, tilted = _Bell(xp, loc, scale, low, high), _Bell(xp, loc + t * scale * scale, scale, low, high)
    return xp.exp(t * (bell.mode - m) + tilted.rise(bell.mode) + log_ratio(xp, tilted.total, bell.total))


def truncated_normal_cross_entropy(
    xp: Namespace, mean: Array, deviation: Array, loc: Array, scale: Array, low: Array, high: Array
) -> Array:
    """-E log q of a truncated normal Q, from the mean and the standard deviation of P."""
    bell = _Bell(xp, loc, scale, low, high)
    z = (mean - bell.mode) / scale
    return xp.log(bell.total) + z * bell.slope + 0.5 * (z * z + deviation / scale * (deviation / scale))


class _Bell:
    """The function exp(-(x - loc)^2 / (2 scale^2)) between low and high, on nodes on both sides of its mode there."""

    def __init__(self, xp: Namespace, loc: Array, scale: Array, low: Array, high: Array) -> None:
        self.xp, self.loc, self.scale = xp, loc, scale
        inside_low = xp.where(loc < low, low, loc)
        self.mode = mode = xp.where(loc > high, high, inside_low)
        # Down from the mode the exponent is rho t + t^2 / 2 at a distance of t scales.
        self.slope = (mode - loc) / scale
        rho = xp.abs(self.slope)
        reach = scale * (2 * _DEPTH / (rho + xp.sqrt(rho * rho + 2 * _DEPTH)))
        above, below = lesser(xp, high - mode, reach), lesser(xp, mode - low, reach)
        u, weights = (xp.asarray_like(values, mode, mode.dtype) for values in _PIECE)
        length = xp.where(u > 0, above[..., None], below[..., None])
        self.offset = u * length  # x - mode at the nodes
        z = self.offset / scale[..., None]
        self.depth = z * (self.slope[..., None] + 0.5 * z)  # -log of the function, relative to the mode
        self.mass = weights * length * xp.exp(-self.depth)
        self.total = xp.sum(self.mass, axis=-1)

    def mean(self, values: Array) -> Array:
        return self.xp.sum(self.mass * values, axis=-1) / self.total

    def rise(self, x: Array) -> Array:
        """The logarithm of the function at its mode, less that at x."""
        return (x - self.mode) / self.scale * (0.5 * ((x - self.loc) + (self.mode - self.loc)) / self.scale)


def _log_outside(
    xp: Namespace, whole: tuple[Array, Array, Array, Array], inner: _Bell, low: Array, high: Array
) -> Array:
    """-log of the probability that a truncated normal variable lies between low and high, where `inner` is its bell."""
    loc, scale, low_q, high_q = whole
    left, right = _Bell(xp, loc, scale, low_q, low), _Bell(xp, loc, scale, high, high_q)
    rise_left, rise_right = left.rise(inner.mode), right.rise(inner.mode)
    left_share, right_share = left.total / inner.total, right.total / inner.total
    # At most one of them rises, the one that holds the mode.
    top = xp.where(rise_left > rise_right, rise_left, rise_right)
    rises = top > 60  # where the exponential of it may overflow
    top_in = xp.where(rises, top, 0.0)
    outside = left_share * xp.exp(rise_left - top_in) + right_share * xp.exp(rise_right - top_in)
    near = xp.log1p(xp.where(rises, 0.0, outside))
    return xp.where(rises, top_in + xp.log(xp.where(rises, xp.exp(-top_in) + outside, 1.0)), near)


def _share_below(xp: Namespace, a: Array, b: Array) -> Array:
    """The probability that a standard normal variable between a and b is negative."""
    above, below = a > 0, b < 0
    mass_below = xp.erf(xp.where(a < 0, -a, 0.0) / sqrt(2))
    mass_above = xp.erf(xp.where(b > 0, b, 0.0) / sqrt(2))
    share = mass_below / (mass_below + xp.where(above | below, 1.0, mass_above))
    return xp.where(above, 0.0, xp.where(below, 1.0, share))


def _tail_quantile(xp: Namespace, v: Array, start: Array, reach: Array) -> Array:
    """The t beyond which, from `start` on, a normal variable up to `start` + `reach` lies with probability v."""
    first = _tail_ratio(xp, start)

    def depth(t: Array) -> tuple[Array, Array]:
        # -log of the probability to go beyond t, were there no other end, and the tail ratio there.
        ratio = _tail_ratio(xp, start + t)
        return t * (start + 0.5 * t) - xp.log(ratio / first), ratio

    beyond = xp.exp(-depth(reach)[0])
    sure = v < 0.5
    near = -xp.log1p(-(1 - xp.where(sure, 0.5, v)) * (1 - beyond))
    target = xp.where(sure, -xp.log(xp.where(sure, v, 0.5) + (1 - v) * beyond), near)
    # The depth is convex, at least t / first and at least t (start + t / 2): Newton's method comes down to the root.
    t = lesser(xp, target * first, 2 * target / (start + xp.sqrt(start * start + 2 * target)))
    for _ in range(3 if is_single(xp, v) else 4):
        value, ratio = depth(t)
        t = t - (value - target) * ratio
    return xp.where(t < 0, 0.0, xp.where(t > reach, reach, t))


def _tail_ratio(xp: Namespace, x: Array) -> Array:
    """The upper tail of the standard normal distribution over its density, for x >= 0: what a sampler needs of digits.

    From 2 on it is a continued fraction (Laplace), which takes much less memory than the integral of `mills`.
    """
    near = x < 2
    y = xp.where(near, x, 2.0)
    central = sqrt(pi / 2) * xp.exp(0.5 * y * y) * (1 - xp.erf(y / sqrt(2)))
    y = xp.where(near, 2.0, x)
    tail = y
    for k in range(12 if is_single(xp, x) else 40, 0, -1):
        tail = y + k / tail
    return xp.where(near, central, 1 / tail)
