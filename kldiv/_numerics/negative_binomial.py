"""Numerics of the geometric, the negative binomial and the Poisson distribution.

Entropies, and divergences between different numbers of successes, have E log Gamma(x + r), which has no closed form: it
is an integral of generating functions, which do not cancel, also for large means.
"""

from __future__ import annotations

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.exact import product_error, sum_of_products
from kldiv._numerics.gaps import entropy_gap, relative_gap
from kldiv._numerics.generating_functions import negative_binomial_cgf, poisson_cgf


def odds_gap(xp: Namespace, m: Array, r: Array, p: Array, q: Array) -> Array:
    """m log(m / ((m + r) p)) + r log(r / ((m + r) q)), at least 0, for q = 1 - p."""
    total = m + r
    d = odds_difference(xp, m, r, p, q)
    return entropy_gap(xp, m, total * p, d) + entropy_gap(xp, r, total * q, -d)


def odds_difference(xp: Namespace, m: Array, r: Array, p: Array, q: Array) -> Array:
    """r p - m q, right in the last digits, for q = 1 - p or p = 1 - q as they round."""
    zeros = 0 * (m + r + p + q)
    m, r, p, q = m + zeros, r + zeros, p + zeros, q + zeros
    p_less, q_less = _complement_errors(p, q)
    return sum_of_products(xp, r, p, -m, q) + (r * p_less - m * q_less)


def _complement_errors(p: Array, q: Array) -> tuple[Array, Array]:
    """What two complements lost in rounding: of the lesser nothing, which is exact."""
    return (1 - p) - q, (1 - q) - p


def _mean_difference(xp: Namespace, r: Array, p: Array, q: Array, s: Array, p_s: Array, q_s: Array) -> Array:
    """s p_s q - r p q_s, right in the last digits, for complements as they round."""
    (p_less, q_less), (p_s_less, q_s_less) = _complement_errors(p, q), _complement_errors(p_s, q_s)
    lost = product_error(xp, s, p_s) * q - product_error(xp, r, p) * q_s
    lost = lost + (s * p_s * q_less + s * p_s_less * q) - (r * p * q_s_less + r * p_less * q_s)
    return sum_of_products(xp, s * p_s, q, -r * p, q_s) + lost


def geometric_gap(xp: Namespace, p: Array, other: Array) -> Array:
    """The divergence of the Bernoulli distributions with probabilities p > 0 and `other`, over p."""
    return relative_gap(xp, other, p) + xp.divide(entropy_gap(xp, 1 - p, 1 - other, p - other), p)


def negative_binomial_gap(
    xp: Namespace, r: Array, p: Array, q: Array, other: Array, p_other: Array, q_other: Array
) -> Array:
    """The divergence of NegativeBinomial(r, p) from NegativeBinomial(other, p_other), where q are the complements."""
    shape = r + 0 * q + 0 * other
    counts = negative_binomial_cgf(xp, shape, p + 0 * shape, q + 0 * shape)
    m, total = counts.mean, counts.mean + other
    # First to the distribution with the same mean, from there to Q.
    zeros = 0 * (shape + p + q + other + p_other + q_other)
    d = _mean_difference(xp, *(x + zeros for x in (shape, p, q, other, p_other, q_other))) / q
    same = entropy_gap(xp, m, total * p_other, d) + entropy_gap(xp, other + 0 * m, total * q_other, -d)
    return same + counts.gap(shape, other + 0 * shape)


def negative_binomial_poisson_gap(xp: Namespace, r: Array, p: Array, q: Array, rate: Array) -> Array:
    """The divergence of NegativeBinomial(r, p) from the Poisson distribution, for q = 1 - p."""
    counts = negative_binomial_cgf(xp, r, p, q)
    more = odds_difference(xp, rate, r, p, q) / q
    return entropy_gap(xp, counts.mean, rate, -more) + counts.gap(r, None)


def geometric_entropy(xp: Namespace, m: Array) -> Array:
    """(m + 1) log(m + 1) - m log m, the entropy of the geometric distribution with mean m."""
    zero = m == 0
    x = xp.where(zero, 1.0, m)
    small = x < 1
    y = xp.where(small, 1.0, x)
    # m log(1 + 1/m), without overflow of 1/m
    rest = xp.where(small, x * (xp.log1p(x) - xp.log(x)), y * xp.log1p(1 / y))
    return xp.where(zero, 0.0 * m, xp.log1p(x) + rest)


def poisson_entropy(xp: Namespace, rate: Array) -> Array:
    """The entropy of the Poisson distribution."""
    return poisson_cgf(xp, rate).log_factorial_excess()


def negative_binomial_entropy(xp: Namespace, r: Array, p: Array, q: Array) -> Array:
    """The entropy of the negative binomial distribution, for q = 1 - p."""
    counts = negative_binomial_cgf(xp, r, p, q)
    return counts.log_factorial_excess() - counts.log_pochhammer_excess(r)
