"""Numerics of Student's t distribution and of the Cauchy distribution.

For many degrees of freedom everything is a small difference from the normal distribution: of lgammas, or, in the
divergence from a normal distribution, of an entropy, which is a power series in 1 / df there.
"""

from __future__ import annotations

from math import inf, log, pi

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.edges import exp_or_inf, indicator
from kldiv._numerics.exact import is_single, polynomial
from kldiv._numerics.gaps import log1p_gap, log_ratio
from kldiv._numerics.special import betainc, digamma, gammaln_difference, gammaln_gap, log_hypot

# The divergence of Student's t distribution from the normal distribution with its mean and variance, in powers of
# 1 / df from the second on: (2^k / k - a_k) / 2, exact, where the a_k come from the series of lgamma and digamma.
_STUDENT_TAIL = (
    0.75, 1.5, 2.125, 2.9, 5.083333333333333, 10.357142857142858, 17.0625, 19.833333333333332, 43.45,
    187.3181818181818, 257.0416666666667, -1155.1923076923076, -780.1071428571429, 32077.9, 31097.03125,
    -843810.2058823529, -793290.9722222222, 29215189.289473683, 27767537.025, -1236694870.9285715, -1180433805.159091,
    63155639806.28261,
)  # fmt: skip


def cauchy_gap(xp: Namespace, distance: Array, scale_p: Array, scale_q: Array) -> Array:
    """log(1 + ((s_p - s_q)^2 + distance^2) / (4 s_p s_q))."""
    d = scale_p - scale_q
    u = _cauchy_excess(xp, d, distance, scale_p, scale_q)
    near = u < 1e4
    # Far apart, by logarithms that cannot overflow.
    a_p, a_q = xp.where(near, 1.0, scale_p), xp.where(near, 1.0, scale_q)
    far_value = 2 * log_hypot(xp, a_p + a_q, xp.where(near, 0.0, distance)) - xp.log(a_p) - xp.log(a_q) - log(4)
    d, s_p, s_q = xp.where(near, d, 0.0), xp.where(near, scale_p, 1.0), xp.where(near, scale_q, 1.0)
    distance = xp.where(near, distance, 0.0)
    u = _cauchy_excess(xp, d, distance, s_p, s_q)
    return xp.where(near, xp.log1p(u), far_value)


def _cauchy_excess(xp: Namespace, d: Array, distance: Array, scale_p: Array, scale_q: Array) -> Array:
    """(d^2 + distance^2) / (4 s_p s_q)."""
    scales = xp.divide(d, scale_p) * xp.divide(d, scale_q)
    return 0.25 * (scales + xp.divide(distance, scale_p) * xp.divide(distance, scale_q))


def student_normal_gap(xp: Namespace, df: Array, distance: Array, scale_p: Array, scale_q: Array) -> Array:
    """The divergence of Student's t distribution from a normal one, inf for df <= 2.

    [v - 1 - log v] / 2 + distance^2 / (2 s_q^2) + J(df), with v the ratio of the variances and J the divergence from
    the normal distribution with the same mean and variance.
    """
    exists = df > 2
    df = xp.where(exists, df, 4.0)
    c = 2 / (df - 2)
    a = (scale_p - scale_q) / scale_q
    u = a * (2 + a) * (1 + c) + c
    variances = log1p_gap(xp, u, (scale_p, scale_q), (scale_p, scale_q), (df, df - 2))
    z = distance / scale_q
    large = df > (7 if is_single(xp, df) else 13)
    df_large, df_small = xp.where(large, df, 20.0), xp.where(large, 4.0, df)
    series = polynomial(_STUDENT_TAIL, 1 / df_large) / df_large / df_large
    direct = 0.5 * (xp.log(df_small / (df_small - 2)) + log(2 * pi) + 1) - student_entropy(xp, df_small)
    return xp.where(exists, 0.5 * (variances + z * z) + xp.where(large, series, direct), inf)


def cauchy_scale_gap(xp: Namespace, a: Array, b: Array) -> Array:
    """log((a + b)^2 / (4 a b)), at least 0, for positive a and b."""
    near = (a <= 4 * b) & (b <= 4 * a)
    x, y = xp.where(near, a, 1.0), xp.where(near, b, 1.0)
    d = x - y
    small = xp.where(near, 1.0, xp.where(a < b, a, b))
    large = xp.where(near, 8.0, xp.where(a < b, b, a))
    far = 2 * xp.log1p(small / large) + log_ratio(xp, large, small) - log(4)
    return xp.where(near, xp.log1p(0.25 * (d / x) * (d / y)), far)


def heavy_exponential(xp: Namespace, t: Array) -> Array:
    """The exponential moment of heavy tails: inf but for t = 0."""
    return 1 + indicator(xp, t == 0, t)


def half_turn_tangent(xp: Namespace, u: Array) -> Array:
    """tan(pi (u - 1 / 2)) for u between 0 and 1, right where it is large and where it is 0."""
    return xp.sin(pi * (u - 0.5)) / xp.sin(pi * xp.where(u < 0.5, u, 1 - u))


def student_deviation(xp: Namespace, df: Array, scale: Array) -> Array:
    """s sqrt(df / (df - 2)), inf for df <= 2."""
    exists = df > 2
    df = xp.where(exists, df, 4.0)
    return xp.where(exists, scale * xp.sqrt(df / (df - 2)), inf)


def student_entropy(xp: Namespace, df: Array) -> Array:
    """The entropy of Student's t distribution with scale 1."""
    # (df + 1) / 2 [psi((df + 1) / 2) - psi(df / 2)] - lgamma((df + 1) / 2) + lgamma(df / 2) + log(pi df) / 2
    a = 0.5 * df
    remainder = gammaln_gap(xp, a + 0.5, a, 0.5 + 0.0 * a)
    psi = digamma(xp, a)
    return (a + 0.5) * (digamma(xp, a + 0.5) - psi) - remainder - 0.5 * psi + 0.5 * xp.log(a) + 0.5 * log(2 * pi)


def student_log_density(xp: Namespace, z: Array, df: Array) -> Array:
    """The logarithm of the density of Student's t distribution with scale 1."""
    a = 0.5 * df
    constant = gammaln_difference(xp, a + 0.5, a, 0.5 + 0.0 * a) - 0.5 * xp.log(a) - 0.5 * log(2 * pi)
    return constant - (df + 1) * (log_hypot(xp, xp.sqrt(df), z) - 0.5 * xp.log(df))


def student_distance(xp: Namespace, d: Array, df: Array, scale: Array) -> Array:
    """E |x| of Student's t distribution with mean d, inf for df <= 1."""
    exists = df > 1
    d = d / scale
    df = xp.where(exists, df, 2.0)
    zero = d * d < xp.finfo(d.dtype).smallest_normal
    z = xp.where(zero, 1.0, xp.abs(d))
    ratio = z / xp.sqrt(df)
    far = ratio > 1
    square = xp.where(far, 1 / ratio, ratio)
    square = square * square
    small, large = square / (1 + square), 1 / (1 + square)
    inside, outside = xp.where(far, large, small), xp.where(far, small, large)
    within = betainc(xp, 0.5 + 0.0 * df, 0.5 * df, inside, outside)
    z = xp.where(zero, 0.0, z)
    edge = xp.exp(student_log_density(xp, z, df) + 2 * log_hypot(xp, xp.sqrt(df), z)) / (df - 1)
    return xp.where(exists, scale * (2 * edge + z * within), inf)


def half_cauchy_power(xp: Namespace, k: Array, log_scale: Array) -> Array:
    """E x^k of the half-Cauchy distribution, 1 / cos(pi k / 2) at scale 1; inf unless k is between -1 and 1."""
    exists = xp.abs(k) < 1
    return exp_or_inf(xp, k * log_scale - xp.log(xp.cos(0.5 * pi * xp.where(exists, k, 0.0))), exists)
