"""Numerics of the Lindley distribution.

The factor 1 + x of the density cancels in the divergence. What is left is twice a gap of the rate less a gap of 1 +
rate, which is at most as large as the first, so that at most one bit is lost.
"""

from __future__ import annotations

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.edges import exp_or_inf
from kldiv._numerics.gaps import log1p_gap
from kldiv._numerics.special import exp_e1


def lindley_gap(xp: Namespace, a: Array, b: Array) -> Array:
    """2 [r - 1 - log r] - [s - 1 - log s], with r = b / a and s = (1 + b) / (1 + a), which is between 1 and r."""
    d = b - a
    return 2 * log1p_gap(xp, d / a, (b, a)) - log1p_gap(xp, d / (1 + a), (1 + b, 1 + a))


def lindley_distance(xp: Namespace, m: Array, rate: Array) -> Array:
    """E |x - m| of the Lindley distribution."""
    mean = 1 / rate + 1 / (rate * (1 + rate))
    x = xp.where(m > 0, m, 0.0)
    # Twice the mean of max(x - m, 0), less mean - m.
    return m - mean + 2 * (xp.exp(-rate * x) * (mean + x / (1 + rate)) - xp.where(m > 0, 0.0, m))


def lindley_exponential(xp: Namespace, t: Array, m: Array, rate: Array) -> Array:
    """E exp(t (x - m)) of the Lindley distribution; inf for t >= rate."""
    exists = t < rate
    rest = xp.where(exists, rate - t, rate)
    value = 2 * (xp.log(rate) - xp.log(rest)) + xp.log1p(rest) - xp.log1p(rate)
    return exp_or_inf(xp, value - t * m, exists)


def lindley_log1p(xp: Namespace, s: Array, rate: Array) -> Array:
    """E log(1 + x / s) of the Lindley distribution."""
    c = rate * s
    e = exp_e1(xp, c)
    return e + (1 - c * e) / (1 + rate)


def lindley_power(xp: Namespace, k: Array, s: Array, rate: Array) -> Array:
    """E (x / s)^k of the Lindley distribution; inf for k <= -1."""
    exists = k > -1
    k_in = xp.where(exists, k, 0.0)
    value = xp.gammaln(1 + k_in) + xp.log1p(k_in / (1 + rate))
    return exp_or_inf(xp, value - k_in * (xp.log(rate) + xp.log(s)), exists)
