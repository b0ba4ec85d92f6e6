"""Numerics of the geometric, the negative binomial and the Poisson distribution.

Entropies, and divergences between different numbers of successes, have E log Gamma(x + r), which has no closed form: it
is an integral of generating functions, which do not cancel, also for large means.
"""

from __future__ import annotations

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.edges import non_negative
from kldiv._numerics.gaps import entropy_gap, relative_gap
from kldiv._numerics.generating_functions import negative_binomial_cgf, poisson_cgf


def odds_gap(xp: Namespace, m: Array, r: Array, p: Array, q: Array) -> Array:
    """m log(m / ((m + r) p)) + r log(r / ((m + r) q)), at least 0, for q = 1 - p."""
    total = m + r
    d = r * p - m * q
    return entropy_gap(xp, m, total * p, d) + entropy_gap(xp, r, total * q, -d)


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
    d = ((other - r) * p_other * q + r * xp.where(p < 0.5, p_other - p, q - q_other)) / q
    same = entropy_gap(xp, m, total * p_other, d) + entropy_gap(xp, other + 0 * m, total * q_other, -d)
    gap = counts.rising_gap(shape, other + 0 * shape)
    return same + non_negative(xp, gap)


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
