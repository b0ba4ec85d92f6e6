"""Numerics of the Bernoulli and the binomial distribution.

With different numbers of trials the divergence has E log x! of the counts, which has no closed form: it is an integral
of generating functions, which do not cancel. A certain outcome (p = 0 or 1) is an edge with finite derivatives.
"""

from __future__ import annotations

from math import inf, pi

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.categorical import bernoulli_logits_gap
from kldiv._numerics.edges import log_factorial, non_negative, xlogx
from kldiv._numerics.exact import sum_of_products
from kldiv._numerics.gaps import entropy_gap
from kldiv._numerics.generating_functions import (
    binomial_cgf,
    discrete_uniform_cgf,
    falling_gap,
    integrate_generating_function,
    log_factorial_excess,
    log_factorial_excess_difference,
    spread,
)
from kldiv._numerics.integrals import gauss_legendre
from kldiv._numerics.negative_binomial import odds_gap
from kldiv._numerics.special import log_ndtr, mills

_GAUSS = gauss_legendre(10)


def binomial_count_gap(xp: Namespace, n: Array, p: Array, q: Array, other: Array) -> Array:
    """The divergence of Binomial(n, p) from Binomial(other, n p / other), for other >= n and q = 1 - p."""
    n, other = n + 0 * p + 0 * other, other + 0 * p + 0 * n
    more = other - n
    y = n * q
    few = (y < 0.5) | (p == 0) | (more == 0)
    misses = binomial_cgf(xp, n, q, p)

    def integrand(t: Array, u: Array) -> Array:
        part = -xp.exp(-t) * xp.expm1(-more[..., None] * t)
        return xp.divide(part * spread(xp, y, misses.cumulant, t, u), u)

    first = log_factorial_excess_difference(xp, y, n * p)
    second = log_factorial_excess_difference(xp, y + more, n * p)
    direct = non_negative(xp, (first - second) - integrate_generating_function(xp, integrand, other + 1))
    many = [xp.where(few, safe, x) for x, safe in ((n, 2.0), (p, 0.5), (q, 0.5), (other, 3.0))]
    value = xp.where(few, direct, falling_gap(xp, *many))
    return xp.where(more == 0, 0.0 * direct, value)


def binomial_gap(xp: Namespace, n: Array, p: Array, other: Array, p_other: Array) -> Array:
    """The divergence of Binomial(n, p) from Binomial(other, p_other), for other >= n."""
    # First to the distribution with the same mean, from there to Q.
    hits, misses = n * p + 0 * other, (other - n) + n * (1 - p)
    d = sum_of_products(xp, other + 0 * hits, p_other + 0 * hits, -n + 0 * hits, p + 0 * hits)
    same = entropy_gap(xp, hits, other * p_other, d) + entropy_gap(xp, misses, other * (1 - p_other), -d)
    return same + binomial_count_gap(xp, n, p, 1 - p, other)


def discrete_uniform_binomial_gap(xp: Namespace, low: Array, high: Array, n: Array, p: Array, q: Array) -> Array:
    """The divergence of the uniform distribution on low, ..., high from Binomial(n, p), for high <= n and q = 1 - p."""
    hits, misses = (
        discrete_uniform_cgf(xp, low, high),
        discrete_uniform_cgf(xp, n - high, n - low),
    )
    choices = log_factorial_excess(xp, n) - hits.log_factorial_excess() - misses.log_factorial_excess()
    value = odds_gap(xp, hits.mean, misses.mean, p, q) - xp.log(high - low + 1) - choices
    return non_negative(xp, value)


def log_choose(xp: Namespace, n: Array, k: Array) -> Array:
    """The logarithm of the binomial coefficient."""
    return log_factorial(xp, n) - log_factorial(xp, k) - log_factorial(xp, n - k)


def bernoulli_entropy(xp: Namespace, p: Array, q: Array) -> Array:
    """-p log p - q log q, for q = 1 - p."""
    small = p < 0.5
    least = xp.where(small, p, q)
    edge = least == 0
    inner = xp.where(edge, 0.5, least)
    value = -inner * xp.log(inner) - (1 - inner) * xp.log1p(-inner)
    return xp.where(edge, 0.0 * p, value)


def bernoulli_factorial_excess(xp: Namespace, p: Array) -> Array:
    """p - p log p."""
    return p - xlogx(xp, p)


def bernoulli_pochhammer_excess(xp: Namespace, r: Array, p: Array) -> Array:
    """p log r - (p + r) log(p + r) + r log r + p."""
    return -entropy_gap(xp, p + r, r, -p)


def binomial_entropy(xp: Namespace, n: Array, p: Array, q: Array) -> Array:
    """The entropy of the binomial distribution, for q = 1 - p."""
    counts = binomial_cgf(xp, n, p, q).log_factorial_excess() + binomial_cgf(xp, n, q, p).log_factorial_excess()
    return counts - log_factorial_excess(xp, n)


def binomial_divergence_from_poisson(xp: Namespace, n: Array, p: Array, q: Array) -> Array:
    """The divergence of a binomial distribution from the Poisson distribution of the same mean, for q = 1 - p."""
    n = n + 0 * p
    few = (n * q < 0.5) | (p == 0)
    misses = binomial_cgf(xp, n, q, p)
    direct = log_factorial_excess_difference(xp, n * q, n * p) - misses.jensen(xp.ones_like(n))
    many, p_many, q_many = (xp.where(few, safe, x) for x, safe in ((n, 2.0), (p, 0.5), (q, 0.5)))
    return xp.where(few, non_negative(xp, direct), falling_gap(xp, many, p_many, q_many, None))


def thinned_logit(xp: Namespace, n: Array, other: Array, a: Array) -> Array:
    """The logit of n / other times the probability with logit a, for other >= n."""
    none = n == 0
    more = (other - n) / xp.where(none, 1.0, n)
    positive = a > 0
    finite = xp.where(more > 0, xp.where(a > -inf, a, 0.0), 0.0)
    least = xp.exp(xp.where(positive, -finite, finite))
    below = xp.where(positive, 0.0, a) - xp.log1p(more + more * xp.where(positive, 0.0, least))
    more_in = xp.where(positive & (more > 0), more, 1.0)
    above = -xp.log(least * (1 + more_in) + more_in)
    value = xp.where(more == 0, a, xp.where(positive, above, below))
    return xp.where(none & (other > 0), -inf, value)


def thinned_logits_gap(xp: Namespace, n: Array, a: Array, other: Array, b: Array) -> Array:
    """The divergence of Bernoulli distributions with n / other times the probability with logit a, and with logit b."""
    thinned = thinned_logit(xp, n, other, a)
    more = (other - n) / xp.where(n == 0, 1.0, n)
    known = (n > 0) & xp.isfinite(b) & (xp.abs(a) < 40)
    a_in, b_in = xp.where(known, a, 0.0), xp.where(known, b, 0.0)
    t = (b_in - a_in) + xp.log1p(xp.where(known, more, 0.0) * (1 + xp.exp(a_in)))
    difference = xp.where(known, t, xp.where(xp.isfinite(b), b, 0.0) - xp.where(xp.isfinite(thinned), thinned, 0.0))
    return bernoulli_logits_gap(xp, thinned, b, difference)


def probit_logit(xp: Namespace, x: Array) -> Array:
    """The logit of the normal distribution function."""
    return log_ndtr(xp, x) - log_ndtr(xp, -x)


def probit_logit_difference(xp: Namespace, a: Array, b: Array) -> Array:
    """The logit of the normal distribution function at b less that at a."""
    d = b - a
    near = xp.abs(d) < 1
    x, weights = (xp.asarray_like(v, d, d.dtype) for v in _GAUSS)
    start, width = xp.where(near, a, 0.0), xp.where(near, d, 0.0)
    x = start[..., None] + width[..., None] * x
    # The slope: the density over the product of both tails.
    x = xp.abs(x)
    tail = mills(xp, x)
    density = xp.exp(-0.5 * x * x) / (2 * pi) ** 0.5
    slope = 1 / (tail * (1 - density * tail))
    close = width * xp.sum(slope * weights, axis=-1)
    return xp.where(near, close, probit_logit(xp, b) - probit_logit(xp, a))
