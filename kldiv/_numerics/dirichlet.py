"""Numerics of the Dirichlet distribution.

Concentrations differ in their sum and in their shares of it; each part has a gap of its own, so that neither hides in
the rounding of the other.
"""

from __future__ import annotations

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.categorical import categorical_gap
from kldiv._numerics.edges import inf_for_nan, non_negative
from kldiv._numerics.gaps import relative_gap, stirling_gap
from kldiv._numerics.special import gammaln_gap


def dirichlet_gap(xp: Namespace, a: Array, b: Array) -> Array:
    """The divergence between the Dirichlet distributions with concentrations a and b."""
    # Next to 0 lgamma is steep, and what a sum of small concentrations has must not be taken from what its parts have.
    small = xp.sum(a, axis=-1, keepdims=True) < 1
    of_small = _gap_of_small(xp, xp.where(small, a, 0.25), xp.where(small, b, 0.25))
    of_large = _gap_of_large(xp, xp.where(small, 1.0, a), xp.where(small, 1.0, b))
    return inf_for_nan(xp, non_negative(xp, xp.where(small[..., 0], of_small, of_large)))


def _gap_of_large(xp: Namespace, a: Array, b: Array) -> Array:
    difference = b - a
    totals = (xp.sum(x, axis=-1) for x in (b, a, difference))
    components = xp.sum(stirling_gap(xp, b, a, difference), axis=-1)
    return xp.sum(b, axis=-1) * categorical_gap(xp, b, a) + (components - stirling_gap(xp, *totals))


def _gap_of_small(xp: Namespace, a: Array, b: Array) -> Array:
    """The same by lgamma(x) = lgamma(x + 1) - log(x).

    The logarithms leave sum_i (1 - s_i) [r_i - 1 - log r_i] + KL(s || t), with r = b / a and s and t the shares.
    """
    difference = b - a
    total, total_b, total_difference = (xp.sum(x, axis=-1) for x in (a, b, difference))
    largest = a == xp.max(a, axis=-1, keepdims=True)
    others = xp.where(largest, a, 0.0)
    rest = xp.sum(a - others, axis=-1, keepdims=True) + (xp.sum(others, axis=-1, keepdims=True) - others)
    ratios = xp.sum(xp.where(largest, rest, total[..., None] - a) * relative_gap(xp, b, a), axis=-1) / total
    components = xp.sum(gammaln_gap(xp, b + 1, a + 1, difference), axis=-1)
    whole = gammaln_gap(xp, total_b + 1, total + 1, total_difference)
    # By a power of two, so that no product with the quotient of the totals underflows.
    scaled = a * xp.where(total < 1e-8, 2.0**96, xp.ones_like(total))[..., None]
    return ratios + categorical_gap(xp, scaled, b) + (components - whole)
