"""Numerics of the Dirichlet distribution.

Concentrations differ in their sum and in their shares of it; each part has a gap of its own, so that neither hides in
the rounding of the other.
"""

from __future__ import annotations

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.categorical import categorical_gap
from kldiv._numerics.edges import inf_for_nan, non_negative
from kldiv._numerics.gaps import stirling_gap


def dirichlet_gap(xp: Namespace, a: Array, b: Array) -> Array:
    """The divergence between the Dirichlet distributions with concentrations a and b."""
    difference = b - a
    totals = (xp.sum(x, axis=-1) for x in (b, a, difference))
    components = xp.sum(stirling_gap(xp, b, a, difference), axis=-1)
    shape = components - stirling_gap(xp, *totals)
    value = xp.sum(b, axis=-1) * categorical_gap(xp, b, a) + shape
    return inf_for_nan(xp, non_negative(xp, value))
