"""A product of matrices that gives all divergences, and the entries of it that are not accurate enough.

A divergence is a sum of terms. The rounding error of the sum is a small multiple of the sum of their absolute values,
of which each side knows a bound. An entry is reliable if it is large against that error.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from kldiv.divergences.inner_products import Side

Array: TypeAlias = Any  # numpy.ndarray
Block: TypeAlias = tuple[slice, ...]  # of a stack of matrices: in each of its axes, the last two those of p and q


class _Factor(NamedTuple):
    """One side of the product, a row for each distribution, with all batch axes."""

    matrix: Array  # the features, and two columns more for the constants
    size: Array  # that of the side


class _Edges(NamedTuple):
    """Matrices of 0 and 1 whose product is positive where the divergence is infinite."""

    p: Array  # 1 where P is positive
    q: Array  # 1 where Q vanishes
    q_vanishes: Array  # which rows of `q` have a 1


class CheckedProducts(NamedTuple):
    """The two factors, and what the error of an entry of their product follows from."""

    p: _Factor
    q: _Factor
    weight: Array  # that of the side of Q
    bounded: bool  # whether the sizes bound the products of features too
    unit: float  # the error of a sum of terms of size 1, as a multiple of what is allowed
    finite: bool  # whether no sum can overflow
    edges: _Edges | None

    def multiply(self, block: Block, out: Array) -> Array | None:
        """Compute a block of the product; return which of its entries are infinite, or None if none is."""
        rows, columns = _factor_indices(block)
        np.matmul(self.p.matrix[rows], np.swapaxes(self.q.matrix[columns], -1, -2), out=out)
        if self.edges is None or not self.edges.q_vanishes[columns].any():
            return None
        infinite: Array = self.edges.p[rows] @ np.swapaxes(self.edges.q[columns], -1, -2) > 0
        out[infinite] = np.inf
        return infinite

    def unreliable(self, block: Block, values: Array, infinite: Array | None) -> tuple[Array, ...] | None:
        """Return the indices of the unreliable entries of a block, and perhaps of some others; None if there are none.

        Most rows have none, and their least entry tells it. Bounds that differ within a row are computed only where
        they save much.
        """
        row_bounds = self._row_bounds(block)
        reliable_rows = values.min(-1) >= row_bounds
        if not self.finite:
            reliable_rows &= values.max(-1) < np.inf
        rows = np.nonzero(~reliable_rows)
        if not rows[0].size:
            return None
        row_values = values[rows]
        reliable = row_values >= row_bounds[rows][..., None]
        if not self.finite:
            reliable &= (row_values < np.inf) if infinite is None else (row_values < np.inf) | infinite[rows]
        places = np.flatnonzero(~reliable)  # much faster than nonzero
        if places.size > 8 * len(row_values):
            reliable |= row_values >= self._entry_bounds(block, rows)
            places = np.flatnonzero(~reliable)
        row, column = np.divmod(places, row_values.shape[-1])
        return (*[index[row] for index in rows], column)

    def _row_bounds(self, block: Block) -> Array:
        """Return for each row of a block a value above which its entries are reliable."""
        rows, columns = _factor_indices(block)
        size = self.p.size[rows] + self.q.size[columns].max(-1, keepdims=True)
        if not self.bounded:
            largest = np.abs(self.q.matrix[columns][..., :-2]).max(-2)[..., None]
            size = size + (np.abs(self.p.matrix[rows][..., :-2]) @ largest)[..., 0]
        return self.unit * size * self.weight[columns].max(-1, keepdims=True)

    def _entry_bounds(self, block: Block, selected: tuple[Array, ...]) -> Array:
        """Return for each entry of some rows of a block a value above which it is reliable."""
        rows, columns = _factor_indices(block)
        lead = selected[:-1]
        size = self.p.size[rows][selected][..., None] + self.q.size[columns][lead]
        if not self.bounded:
            p = np.abs(self.p.matrix[rows][selected][..., :-2])
            q = np.abs(self.q.matrix[columns][lead][..., :-2])
            size += (q @ p[..., None])[..., 0] if lead else p @ q.T
        return self.unit * size * self.weight[columns][lead]


def checked_products(p: Side, q: Side, bounded: bool, tolerance: float, lead: tuple[int, ...]) -> CheckedProducts:
    """Return the product of two sides, with the batch axes `lead` in front, and a relative error of `tolerance`."""
    width = p.features.shape[-1]
    matrix_p, matrix_q = _with_columns(p.features, p.constant, 1.0), _with_columns(q.features, 1.0, q.constant)
    largest = max(matrix_p.max(), -matrix_p.min()) * max(matrix_q.max(), -matrix_q.min()) * (width + 2)
    edges = None
    if p.edge is not None and q.edge is not None and q.edge.any():
        edge_p, edge_q = (_with_lead(x.astype(np.float32), lead, 2) for x in (p.edge, q.edge))
        edges = _Edges(edge_p, edge_q, edge_q.any(-1))
    return CheckedProducts(
        p=_Factor(_with_lead(matrix_p, lead, 2), _with_lead(p.size + 1, lead, 1)),  # 1 for the result itself
        q=_Factor(_with_lead(matrix_q, lead, 2), _with_lead(q.size, lead, 1)),
        weight=_with_lead(np.broadcast_to(q.weight, q.size.shape), lead, 1),
        bounded=bounded,
        # A product is summed in parts, and the errors of many parts are as good as independent.
        unit=(min(width, 16 * math.sqrt(width)) + 8) * 2.0**-53 / tolerance,
        finite=bool(largest < 1e300),
        edges=edges,
    )


def _factor_indices(block: Block) -> tuple[Block, Block]:
    """Return which rows of the factors of P and of Q a block comes from."""
    *lead, rows, columns = block
    return (*lead, rows), (*lead, columns)


def _with_columns(x: Array, first: Array | float, second: Array | float) -> Array:
    """Return the features and two more."""
    out = np.empty((*x.shape[:-1], x.shape[-1] + 2))
    out[..., :-2], out[..., -2], out[..., -1] = x, first, second
    return out


def _with_lead(x: Array, lead: tuple[int, ...], axes: int) -> Array:
    """Return an array with other batch axes in front of its last `axes`."""
    return np.broadcast_to(x, (*lead, *x.shape[x.ndim - axes :]))
