"""Numerics of the Pareto and the Lomax distribution, whose moments do not always exist.

The divergence between Lomax distributions with different scales has E log(1 + x / s), a hypergeometric function, which
is integrated. Near equality the gap of the log densities is integrated instead.
"""

from __future__ import annotations

from math import inf

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.edges import exp_or_inf, inf_for_nan, lesser, non_negative
from kldiv._numerics.gaps import expm1_gap, log1p_ratio, log_ratio
from kldiv._numerics.integrals import integrate_half_line, integrate_log_line, working_digits
from kldiv._numerics.special import gammaln_difference


def lomax_gap(xp: Namespace, scale_p: Array, a_p: Array, scale_q: Array, a_q: Array) -> Array:
    """The divergence between two Lomax distributions."""
    ratio = scale_p / scale_q
    near = (ratio >= 0.3) & (ratio <= 3) & (a_q >= 0.3 * a_p) & (a_q <= 3 * a_p)
    near_value = _lomax_gap_near(
        xp,
        xp.where(near, (scale_p - scale_q) / scale_q, 0.0),
        xp.where(near, _log1p_signed(xp, scale_p - scale_q, scale_q), 0.0),
        xp.where(near, a_p, 1.0),
        xp.where(near, a_q, 1.0),
    )
    a, b, r = xp.where(near, 1.0, a_p), xp.where(near, 3.0, a_q), xp.where(near, 1.0, ratio)
    log_r = xp.where(near, 0.0, log_ratio(xp, scale_p, scale_q))
    far = log_ratio(xp, a, b) - log_r - 1 - 1 / a + (b + 1) * lomax_log1p(xp, r, a)
    return xp.where(near, near_value, inf_for_nan(xp, non_negative(xp, far)))


def lomax_log1p(xp: Namespace, ratio: Array, a: Array) -> Array:
    """E log(1 + ratio x) of the Lomax distribution with scale 1: the integral of ratio (1 + x)^-a / (1 + ratio x)."""
    digits = working_digits(xp, a)
    wide = ratio > 1
    # Integrated by parts so that both ends fall off whatever the parameters, and no terms cancel.
    r = xp.where(wide, ratio, 1.0)
    end = _log_expm1(xp, digits / (a + 1))
    excess = integrate_log_line(
        xp,
        lambda x: xp.exp(-(a[..., None] + 1) * xp.log1p(x)) / (1 + r[..., None] * x),
        -digits - xp.log(a + r),
        end + 0.0 * r,
    )
    above = 1 / a + (r - 1) * excess
    r = xp.where(wide, 1.0, ratio)
    end = -xp.log(r) + digits / (a + 1)
    other = _log_expm1(xp, digits / a)
    share = integrate_log_line(
        xp,
        lambda x: xp.exp(-a[..., None] * xp.log1p(x) - 2 * xp.log1p(r[..., None] * x)),
        -digits - xp.log1p(a) + 0.0 * r,
        lesser(xp, end, other),
    )
    below = r * (1 + (1 - r) * share) / a
    return xp.where(wide, above, below)


def _log1p_signed(xp: Namespace, d: Array, b: Array) -> Array:
    """log(1 + d / b) for d > -0.8 b, elsewhere something finite."""
    u = d / b
    return xp.log1p(xp.where(u > -0.8, u, 0.0))


def lomax_mean(xp: Namespace, scale: Array, a: Array) -> Array:
    """E x of the Lomax distribution; inf for a <= 1."""
    exists = a > 1
    return xp.where(exists, scale / xp.where(exists, a - 1, 1.0), inf)


def lomax_distance(xp: Namespace, m: Array, scale: Array, a: Array) -> Array:
    """E |x - m| of the Lomax distribution; inf for a <= 1."""
    exists = a > 1
    a = xp.where(exists, a, 3.0)
    inside = m > 0
    below = xp.where(inside, m, 0.0)
    gap = below + scale * xp.expm1(-(a - 1) * log1p_ratio(xp, below, scale)) / (a - 1)
    return xp.where(exists, scale / (a - 1) - m + 2 * gap, inf)


def lomax_power(xp: Namespace, k: Array, log_scale: Array, a: Array) -> Array:
    """E x^k of the Lomax distribution; inf unless k is between -1 and a."""
    exists = (k > -1) & (k < a)
    k_in = xp.where(exists, k, 0.0)
    value = xp.gammaln(1 + k_in) + gammaln_difference(xp, xp.where(exists, a - k_in, a), a, -k_in)
    return exp_or_inf(xp, k_in * log_scale + value, exists)


def pareto_power(xp: Namespace, k: Array, log_scale: Array, a: Array) -> Array:
    """E x^k of the Pareto distribution; inf for k >= a."""
    exists = k < a
    k_in = xp.where(exists, k, 0.0)
    return exp_or_inf(xp, k_in * log_scale - xp.log1p(-k_in / a), exists)


def shifted_exponential(xp: Namespace, value: Array, t: Array, shift: Array) -> Array:
    """E exp(t (x + shift)), from E exp(t x)."""
    finite = (value > 0) & (value < inf)
    moved = exp_or_inf(xp, xp.log(xp.where(finite, value, 1.0)) + t * shift, finite)
    return xp.where(value == 0, 0.0, moved)


def lomax_deviation(xp: Namespace, scale: Array, a: Array) -> Array:
    """The standard deviation of the Lomax distribution, and of the Pareto distribution; inf for a <= 2."""
    exists = a > 2
    a = xp.where(exists, a, 3.0)
    return xp.where(exists, scale / (a - 1) * xp.sqrt(a / (a - 2)), inf)


def lomax_exponential(xp: Namespace, t: Array, scale: Array, a: Array) -> Array:
    """E exp(t x) of the Lomax distribution; inf for t > 0."""
    exists = t <= 0
    moves = t < 0
    b = xp.where(moves, -t, 1.0) * scale
    digits = working_digits(xp, a)
    tail, cut = digits / a, xp.log(digits / b)
    value = integrate_log_line(
        xp,
        lambda x: a[..., None] * xp.exp(-(a[..., None] + 1) * xp.log1p(x) - b[..., None] * x),
        -digits - xp.log1p(a + b),
        xp.where(tail < cut, _log_expm1(xp, tail), cut),
    )
    return xp.where(moves, value, xp.where(exists, xp.ones_like(t), inf))


def _lomax_gap_near(xp: Namespace, u: Array, log_ratio: Array, a: Array, b: Array) -> Array:
    """The gap of nearly equal distributions, with u the relative difference of the scales."""
    # The mean under P of expm1(t) - t, with t the logarithm of the ratio of the densities and w = log(1 + x / scale_p).
    constant = (xp.log1p((b - a) / a) + log_ratio)[..., None]
    least = lesser(xp, a, b)[..., None]
    a, b, u = a[..., None], b[..., None], u[..., None]

    def integrand(w: Array) -> Array:
        y = w / least
        t = constant + (a - b) * y - (b + 1) * xp.log1p(u * -xp.expm1(-y))
        large = t > 1
        gap = expm1_gap(xp, xp.where(large, 0.0, t))
        t = xp.where(large, t, 0.0)
        return xp.where(large, xp.exp(t - a * y) - (1 + t) * xp.exp(-a * y), gap * xp.exp(-a * y))

    return (a / least)[..., 0] * integrate_half_line(xp, integrand, constant)


def _log_expm1(xp: Namespace, x: Array) -> Array:
    """log(exp(x) - 1) for positive x."""
    return x + xp.log(-xp.expm1(-x))
