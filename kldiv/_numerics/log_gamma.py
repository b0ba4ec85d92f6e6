"""Numerics of the logarithms of gamma variables: Gumbel, Moyal, ExpGamma and their like.

The divergence has E exp(x / s), a quotient of gamma functions that is nearly 1 for nearly equal scales. Its logarithm
is a remainder of lgamma, and the divergence a gap of exp at that.
"""

from __future__ import annotations

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.edges import exp_or_inf, indicator
from kldiv._numerics.gaps import expm1_gap, relative_gap
from kldiv._numerics.special import EULER, digamma, digamma_gap, exp_e1, gammaln_difference, gammaln_gap, stirling


def log_gamma_location_scale_gap(
    xp: Namespace, kappa: Array | float, scale_p: Array, scale_q: Array, offset: Array
) -> Array:
    """The divergence between m + s log G under P and under Q, where G is gamma with concentration kappa and rate 1.

    Only the ratio of the scales matters, and `offset` = (m_p - m_q) / s_q; for m - s log G it is (m_q - m_p) / s_q.

    With r = s_p / s_q and t = offset + lgamma(kappa + r) - lgamma(kappa + 1) it is
    kappa [expm1(t) - t] + kappa [remainder at kappa + r of lgamma over its tangent at kappa + 1] + [r - 1 - log r].
    """
    largest = xp.finfo(offset.dtype).max
    r = xp.divide(scale_p, scale_q)
    possible = r < largest / 1024
    r = xp.where(possible, r, 1.0)
    d = xp.where(possible, xp.divide(scale_p - scale_q, scale_q), 0.0)
    x = kappa + xp.ones_like(r)
    remainder = gammaln_gap(xp, kappa + r, x, d)
    t = offset + (remainder + d * digamma(xp, x))
    t = xp.where(t < largest, t, largest)
    value = kappa * (expm1_gap(xp, t) + remainder) + relative_gap(xp, scale_p, scale_q)
    return value + indicator(xp, possible, value)


def log_gamma_exponential(xp: Namespace, kappa: Array | float, u: Array, shift: Array) -> Array:
    """exp(shift) Gamma(kappa + u) / Gamma(kappa), an exponential moment of the logarithm of a gamma variable."""
    exists = kappa + u > 0
    u = xp.where(exists, u, 0.0)
    kappa = kappa + xp.zeros_like(u)
    return exp_or_inf(xp, shift + gammaln_difference(xp, kappa + u, kappa, u), exists)


def log_gamma_entropy(xp: Namespace, a: Array) -> Array:
    """The entropy of the logarithm of a gamma variable: lgamma(a) + a - a psi(a)."""
    return stirling(xp, a) + a * digamma_gap(xp, a)


def gumbel_distance(xp: Namespace, z: Array) -> Array:
    """E |x| of the Gumbel distribution with location z and scale 1: z + Euler's constant + 2 E1(exp(z))."""
    high, low = z > 6, z < -30
    inner = ~(high | low)
    y = xp.exp(xp.where(inner, z, 0.0))
    twice_e1 = 2 * xp.exp(-y) * exp_e1(xp, y)
    return xp.where(high, z + EULER, xp.where(low, -z - EULER, z + EULER + twice_e1))
