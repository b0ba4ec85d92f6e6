"""Kernels of the distributions on an interval."""

from __future__ import annotations

from math import inf

from kldiv._kernels import log1p_gap, product_excess, stirling_gap
from kldiv._special import betainc, gammaln_difference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kldiv._protocol import Array, Namespace

_DISTANT = 1e6  # a ratio of odds beyond which nothing cancels, and before which nothing overflows


def _share_excess(xp: Namespace, a_p: Array, b_p: Array, a_q: Array, b_q: Array) -> Array:
    """pi_p / pi_q - 1 for pi = a / (a + b), right in the last digits also where the two nearly agree."""
    odds = product_excess(xp, a_p, b_q, a_q, b_p)
    near = odds < _DISTANT
    total_p, total_q = a_p + b_p, a_q + b_q
    far = (b_q / total_q - b_p / total_p) / (a_q / total_q)
    return xp.where(near, xp.where(near, odds, 0.0) * (b_p / total_p), xp.where(near, 0.0, far))


def beta_gap(xp: Namespace, a_p: Array, b_p: Array, a_q: Array, b_q: Array) -> Array:
    """The divergence between the beta distributions with concentrations a_p, b_p and a_q, b_q."""
    total_p, total_q = a_p + b_p, a_q + b_q
    u_a = _share_excess(xp, a_p, b_p, a_q, b_q)
    u_b = _share_excess(xp, b_p, a_p, b_q, a_q)
    shares = a_q * log1p_gap(xp, u_a, (a_p, a_q), (total_q, total_p)) + b_q * log1p_gap(
        xp, u_b, (b_p, b_q), (total_q, total_p)
    )
    d = (a_q - a_p) + (b_q - b_p)
    gaps = (stirling_gap(xp, a_q, a_p) + stirling_gap(xp, b_q, b_p)) - stirling_gap(xp, total_q, total_p, d)
    return shares + gaps


def beta_power(xp: Namespace, a: Array, b: Array, k: Array) -> Array:
    """E x^k of the beta distribution with concentrations a and b; inf where it has none."""
    exists = a + k > 0
    k = xp.where(exists, k, 0.0)
    log_power = gammaln_difference(xp, a + k, a, k) - gammaln_difference(xp, a + b + k, a + b, k)
    return xp.where(exists, xp.exp(log_power), inf)


def beta_distance(xp: Namespace, m: Array, a: Array, b: Array) -> Array:
    """E |x - m| of the beta distribution with concentrations a and b."""
    mean = a / (a + b)
    inside = (m > 0) & (m < 1)
    x = xp.where(inside, m, 0.5)
    below, weighted = betainc(xp, a, b, x, 1 - x), betainc(xp, a + 1, b, x, 1 - x)
    # E max(x - m, 0) + E max(m - x, 0)
    value = x * (2 * below - 1) + mean * (1 - 2 * weighted)
    return xp.where(inside, value, xp.abs(mean - xp.where(inside, 0.0, m)))
