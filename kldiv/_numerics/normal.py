"""Numerics of the normal and the log-normal distribution.

Their divergences are gaps that `kldiv._numerics.gaps` has, but from log variances the exponentials leave the range of
floats long before the divergence does. Expectations of functions with a singularity or a bend whose place and width
depend on the parameters are integrated in the variable in which each is smooth.
"""

from __future__ import annotations

from math import inf, log, pi, sqrt

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.categorical import softplus
from kldiv._numerics.edges import exp_or_inf
from kldiv._numerics.exact import two_difference
from kldiv._numerics.gaps import expm1_gap_of_difference
from kldiv._numerics.integrals import half_line_nodes, integrate_half_line, integrate_unit_interval, normal_nodes
from kldiv._numerics.special import log1p_square

# Finer than the nodes of `integrals`, for sharper peaks.
_FINE_HALF_LINE = half_line_nodes(0.045, -87, 89)

_NORMAL = normal_nodes(0.5, 17)


def log_variance_gap(xp: Namespace, a: Array, b: Array) -> Array:
    """(exp(t) - 1 - t) / 2 with t = a - b, also where exp(t) overflows and its half does not."""
    t, error = two_difference(a, b)
    finite = xp.abs(t) < inf
    large = (t > 60) & finite
    moderate = finite & ~large
    near = 0.5 * expm1_gap_of_difference(xp, xp.where(moderate, a, 0.0), xp.where(moderate, b, 0.0))
    fits = large & (t < log(2) + log(float(xp.finfo(t.dtype).max)))
    t_far, error = xp.where(fits, t, 0.0), xp.stop_gradient(xp.where(fits, error, 0.0))
    root = xp.exp(0.5 * t_far)
    far = (0.5 * root) * root * (1 + error) - 0.5 * (1 + t_far)
    return xp.where(moderate, near, xp.where(fits, far, inf))


def log_variance_distance(xp: Namespace, d: Array, log_variance: Array) -> Array:
    """d^2 exp(-log_variance) / 2, also where the exponential overflows and d is 0."""
    overflows = -0.5 * log_variance > log(float(xp.finfo(d.dtype).max))
    z = xp.where(overflows, 0.0, d) * xp.exp(xp.where(overflows, 0.0, -0.5 * log_variance))
    return xp.where(overflows & (d != 0), inf, (0.5 * z) * z)


def normal_log_square(xp: Namespace, d: Array, scale: Array, s: Array) -> Array:
    """E log(1 + (x / s)^2) of the normal distribution with mean d."""
    d, s = xp.abs(d) / scale, s / scale
    near = d < 9
    d_near, d_far = xp.where(near, d, 1.0)[..., None], xp.where(near, 9.0, d)[..., None]
    # By the distance from 0, where the logarithm may be next to singular; or by that from d, if 0 is too far away.

    def integrand(w: Array) -> Array:
        density = xp.exp(-0.5 * (w - d_near) * (w - d_near)) + xp.exp(-0.5 * (w + d_near) * (w + d_near))
        return density * log1p_square(xp, w / s[..., None])

    w, w_weights = (xp.asarray_like(x, d, d.dtype) for x in _FINE_HALF_LINE)
    near_value = xp.sum(integrand(w) * w_weights, axis=-1) / sqrt(2 * pi)
    z, weights = (xp.asarray_like(x, d, d.dtype) for x in _NORMAL)
    far_value = xp.sum(log1p_square(xp, (z + d_far) / s[..., None]) * weights, axis=-1)
    return xp.where(near, near_value, far_value)


def log_normal_deviation(xp: Namespace, loc: Array, scale: Array) -> Array:
    """The standard deviation of the log-normal distribution: sqrt(expm1(s^2)) exp(m + s^2 / 2)."""
    v = scale * scale
    moderate = v < 1
    log_expm1 = xp.where(
        moderate,
        xp.log(xp.expm1(xp.where(moderate, v, 1.0))),
        v + xp.log1p(-xp.exp(-xp.where(moderate, 1.0, v))),
    )
    return exp_or_inf(xp, loc + 0.5 * (v + log_expm1), v < inf)


def log_normal_distance(xp: Namespace, m: Array, loc: Array, scale: Array) -> Array:
    """E |x - m| of the log-normal distribution."""
    mean = exp_or_inf(xp, loc + 0.5 * scale * scale, scale < inf)
    exists = mean < inf
    mean = xp.where(exists, mean, 1.0)
    inside = m > 0
    z = (loc - xp.log(xp.where(inside, m, 1.0))) / scale
    value = mean * xp.erf((z + scale) / sqrt(2)) - m * xp.erf(z / sqrt(2))
    return xp.where(exists, xp.where(inside, value, mean - m), inf)


def log_normal_log1p(xp: Namespace, loc: Array, scale: Array) -> Array:
    """E log(1 + x) of the log-normal distribution."""
    # With a standard logistic y it is also E max(0, loc + scale z + y): the narrower of z and y is integrated over.
    wide = scale > 1
    narrow_scale, wide_scale = xp.where(wide, 1.0, scale)[..., None], xp.where(wide, scale, 1.0)[..., None]
    c = loc[..., None]

    def over_normal(z: Array) -> Array:
        upper, lower = softplus(xp, c + narrow_scale * z), softplus(xp, c - narrow_scale * z)
        return (upper + lower) * xp.exp(-0.5 * z * z) / sqrt(2 * pi)

    def over_logistic(u: Array, v: Array) -> Array:
        d = c + xp.log(u) - xp.log(v)
        z = d / wide_scale
        tail = wide_scale / sqrt(2 * pi) * xp.exp(-0.5 * z * z)
        return xp.abs(d) * 0.5 * xp.erf(xp.abs(z) / sqrt(2)) + tail

    narrow = integrate_half_line(xp, over_normal, loc + scale)
    # E max(0, d + scale z) is d / 2 and an even part, and the mean of d is loc.
    return xp.where(wide, 0.5 * loc + integrate_unit_interval(xp, over_logistic, loc + scale), narrow)


def normal_distance(xp: Namespace, d: Array, scale: Array) -> Array:
    """E |x| of the normal distribution with mean d."""
    far = xp.abs(d) > 40 * scale
    z = xp.where(far, 0.0, d) / scale
    return xp.where(far, xp.abs(d), scale * sqrt(2 / pi) * xp.exp(-0.5 * z * z) + d * xp.erf(z / sqrt(2)))
