"""All pairs of distributions whose parameters are in the computer's own memory and are constants.

An array of results is made once, and filled block by block: by a product of matrices where there is a form for that,
otherwise by the rule of the pair. A block of products is checked while it is in the cache: entries that are not large
against the error of their terms, or not finite, are computed again by the rule.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from kldiv._arrays.namespace import computing_dtype
from kldiv._arrays.protocol import DType, Namespace
from kldiv._core.family import Family
from kldiv._core.parameters import event_axes, event_size, leaves, tree_map, unflatten
from kldiv._core.registry import Rule
from kldiv._core.validation import diagnose_all, tolerances, valid
from kldiv.backends import numpy as host
from kldiv.divergences.inner_products import Side, find_form

Array: TypeAlias = Any  # numpy.ndarray
Batch: TypeAlias = tuple[int, ...]

PRODUCTS = 2**17  # entries of a block of products
ENTRIES = 2**14  # of the parameters of a block that the rule computes
# The relative error that products may have in float64, and in what is rounded to float32.
TOLERANCES = {8: 2.0**-34, 4: 2.0**-27}


def divergences(
    xp: Namespace,
    dtype: DType,
    rule: Rule,
    p: Family,
    q: Family,
    shapes: tuple[Batch, Batch, Batch],
    base: float | None,
    check: bool,
) -> Array | None:
    """Return the divergences of all pairs, None if a parameter is somewhere else.

    `shapes` are the batch axes that both have in front of the rows, and the batch shapes of `p` and `q`.
    """
    computing = computing_dtype(xp, dtype)
    views: list[Family] = []
    for d in (p, q):
        arrays = [xp.host_view(x if x.dtype == computing else xp.astype(x, computing)) for x in leaves(d)]
        if any(x is None for x in arrays):
            return None
        views.append(unflatten(d, iter(arrays)))
    lead, batch_p, batch_q = shapes
    with host.ignore_warnings():
        good = [
            np.broadcast_to(valid(host, view, tolerances(xp, d)), batch)
            for view, d, batch in zip(views, (p, q), (batch_p, batch_q), strict=True)
        ]
        if check and not all(x.all() for x in good):
            diagnose_all(xp, dtype, p=p, q=q)
        out = _empty((*lead, batch_p[-1], batch_q[-1]), next(leaves(views[0])).dtype)
        doubtful = _fill(out, rule, *[_rows(d, batch) for d, batch in zip(views, (batch_p, batch_q), strict=True)])
        for side, axis in zip(good, (-1, -2), strict=True):
            if not side.all():
                np.copyto(out, np.nan, where=~np.expand_dims(side, axis))
        if check and doubtful:
            diagnose_all(xp, dtype, p=p, q=q)
        if base is not None:
            out /= math.log(base)
    value = xp.from_host(out, next(leaves(p)))
    return value if value.dtype == dtype else xp.astype(value, dtype)


def _empty(shape: Any, dtype: Any) -> Array:
    """Return an array that starts at a multiple of 64 bytes, which frameworks take over without a copy."""
    size = math.prod(shape) * dtype.itemsize
    buffer = np.empty(size + 64, np.uint8)
    start = -buffer.ctypes.data % 64
    return buffer[start : start + size].view(dtype).reshape(shape)


def _rows(d: Family, batch: Batch) -> Family:
    """Return the distribution with parameters that all have its batch axes."""
    rows: list[Array] = []
    for x, events in zip(leaves(d), event_axes(d), strict=True):
        x = x.reshape((1,) * (events - x.ndim) + x.shape)
        rows.append(np.broadcast_to(x, (*batch, *x.shape[x.ndim - events :])))
    return unflatten(d, iter(rows))


def _fill(out: Array, rule: Rule, p: Family, q: Family) -> bool:
    """Fill an array with the divergences of all pairs of rows, and tell whether one may be nan."""
    lead = out.shape[:-2]
    form = find_form(rule.p, rule.q)
    pairs = _Pairs(rule, *(_with_lead(d, lead) for d in (p, q)))
    if form is None or not out.size:
        size = max(1, ENTRIES // max(event_size(host, p), event_size(host, q)))
        return _any(pairs.fill(out, part) for part in _blocks(out.shape, size))
    sides = form.sides(*(tree_map(_double, d) for d in (p, q)))
    products = _Products.of(*sides, form.bounded, TOLERANCES[out.itemsize], lead)
    scratch = np.empty(0 if out.dtype == np.float64 else min(out.size, PRODUCTS))
    return _any(_fill_products(out, part, products, pairs, scratch) for part in _blocks(out.shape, PRODUCTS))


def _any(found: Iterable[bool]) -> bool:
    """Return whether something is found, after the whole search."""
    return max(found, default=False)


def _with_lead(d: Family, lead: tuple[int, ...]) -> Family:
    """Return the distribution with the batch axes that both have in front of the rows."""
    wide = [
        np.broadcast_to(x, (*lead, *x.shape[x.ndim - events - 1 :]))
        for x, events in zip(leaves(d), event_axes(d), strict=True)
    ]
    return unflatten(d, iter(wide))


def _blocks(shape: tuple[int, ...], size: int) -> Iterator[tuple[slice, ...]]:
    """Yield blocks of a stack of matrices, of about `size` entries: whole ones, or parts not too far from square."""
    *lead, rows, columns = shape
    width = max(1, min(columns, size // max(1, min(rows, 256))))
    height = max(1, min(rows, size // width))
    depth = size // (height * width) if (height, width) == (rows, columns) else 1
    for index in _cut(lead, max(1, depth)):
        for top in range(0, rows, height):
            for left in range(0, columns, width):
                yield (*index, slice(top, top + height), slice(left, left + width))


def _cut(shape: list[int], size: int) -> Iterator[tuple[slice, ...]]:
    """Yield blocks of an array of no more than `size` entries."""
    if not shape:
        yield ()
        return
    inner = math.prod(shape[1:])
    step = max(1, size // max(1, inner))
    for start in range(0, shape[0], step):
        for rest in _cut(shape[1:], size):
            yield (slice(start, start + step), *rest)


class _Pairs(NamedTuple):
    """The distributions on both sides, whose parameters have all batch axes, and the rule for a pair of them."""

    rule: Rule
    p: Family
    q: Family

    def fill(self, out: Array, part: tuple[slice, ...]) -> bool:
        """Compute a block by the rule, and tell whether there is a nan in it."""
        *lead, rows, columns = part
        p = _indexed(self.p, (*lead, rows, None))
        q = _indexed(self.q, (*lead, None, columns))
        out[part] = self.rule.evaluate(host, p, q)
        return bool(np.isnan(out[part]).any())

    def some(self, places: tuple[Array, ...], products: Array) -> Array:
        """Return the divergences at some places in the array of results, in float64."""
        *lead, rows, columns = places
        values = np.zeros(len(rows))
        step = max(1, ENTRIES // max(event_size(host, self.p), event_size(host, self.q)))
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            front = [x[part] for x in lead]
            p, q = _indexed(self.p, (*front, rows[part])), _indexed(self.q, (*front, columns[part]))
            # Of identical parameters, which were valid if their product is finite, the divergence is 0.
            other = ~np.isfinite(products[part]) | (self.rule.p != self.rule.q)
            for x, y in zip(leaves(p), leaves(q), strict=False):
                other = other | (x != y).any(tuple(range(1, x.ndim))) if self.rule.p == self.rule.q else other
            if other.any():
                p, q = (tree_map(_double, _indexed(d, (other,))) for d in (p, q))
                values[part][other] = self.rule.evaluate(host, p, q)
        return values


def _double(x: Array) -> Array:
    return np.asarray(x, np.float64)


def _indexed(d: Family, index: tuple[Any, ...]) -> Family:
    return tree_map(lambda x: x[index], d)


class _Products(NamedTuple):
    """The matrices whose product is the divergences, and what the error of an entry follows from."""

    p: Array  # the features and two columns more, for the constants
    q: Array
    size_p: Array  # as those of the sides, with one more for each entry
    size_q: Array
    weight: Array
    bounded: bool  # whether the sizes bound the products of features too
    unit: float  # the error of a sum of terms of size 1, as a multiple of what is allowed
    finite: bool  # whether no sum can overflow
    edge_p: Array | None  # 1 where P is positive and Q vanishes: the product is positive where the divergence is inf
    edge_q: Array | None
    has_edge: Array | None  # of Q

    @classmethod
    def of(cls, p: Side, q: Side, bounded: bool, tolerance: float, lead: tuple[int, ...]) -> _Products:
        """Return the matrices of two sides, with all batch axes."""
        width = p.features.shape[-1]
        left, right = _with_columns(p.features, p.constant, 1.0), _with_columns(q.features, 1.0, q.constant)
        largest = max(left.max(), -left.min()) * max(right.max(), -right.min()) * (width + 2)
        edge_p = edge_q = has_edge = None
        if p.edge is not None and q.edge is not None and q.edge.any():
            edge_p, edge_q = (_in_all(x.astype(np.float32), lead, 2) for x in (p.edge, q.edge))
            has_edge = edge_q.any(-1)
        return cls(
            p=_in_all(left, lead, 2),
            q=_in_all(right, lead, 2),
            size_p=_in_all(p.size + 1, lead, 1),
            size_q=_in_all(q.size, lead, 1),
            weight=_in_all(np.broadcast_to(q.weight, q.size.shape), lead, 1),
            bounded=bounded,
            # An entry of a product is sum_axes in parts, whose errors are as good as random where there are many.
            unit=(min(width, 16 * math.sqrt(width)) + 8) * 2.0**-53 / tolerance,
            finite=bool(largest < 1e300),
            edge_p=edge_p,
            edge_q=edge_q,
            has_edge=has_edge,
        )

    def infinite(self, top: tuple[slice, ...], left: tuple[slice, ...]) -> Array | None:
        """Return which entries of a block are infinite; None: none are."""
        if self.edge_p is None or self.edge_q is None or self.has_edge is None or not self.has_edge[left].any():
            return None
        infinite: Array = self.edge_p[top] @ np.swapaxes(self.edge_q[left], -1, -2) > 0
        return infinite

    def doubtful(
        self, value: Array, infinite: Array | None, top: tuple[slice, ...], left: tuple[slice, ...]
    ) -> tuple[Array, ...] | None:
        """Return the places in a block of products that are not accurate enough, and perhaps of some that are."""
        size = self.size_p[top] + self.size_q[left].max(-1, keepdims=True)
        if not self.bounded:
            columns = np.abs(self.q[left][..., :-2]).max(-2)[..., None]
            size = size + (np.abs(self.p[top][..., :-2]) @ columns)[..., 0]
        least = self.unit * size * self.weight[left].max(-1, keepdims=True)
        # Most rows hold nothing doubtful, which their least entry tells.
        good = value.min(-1) >= least
        if not self.finite:
            good &= value.max(-1) < np.inf
        rows = np.nonzero(~good)
        if not rows[0].size:
            return None
        found = value[rows]
        good = found >= least[rows][..., None]
        if not self.finite:
            good &= (found < np.inf) if infinite is None else (found < np.inf) | infinite[rows]
        where = np.flatnonzero(~good)  # much faster than nonzero
        if where.size > 8 * len(found):
            good |= found >= self._least(rows, top, left)
            where = np.flatnonzero(~good)
        at, column = np.divmod(where, found.shape[-1])
        return (*[x[at] for x in rows], column)

    def _least(self, rows: tuple[Array, ...], top: tuple[slice, ...], left: tuple[slice, ...]) -> Array:
        """Return the least entries of some rows of a block that are accurate enough."""
        lead = rows[:-1]
        size = self.size_p[top][rows][..., None] + self.size_q[left][lead]
        if not self.bounded:
            p, q = np.abs(self.p[top][rows][..., :-2]), np.abs(self.q[left][lead][..., :-2])
            size += (q @ p[..., None])[..., 0] if lead else p @ q.T
        return self.unit * size * self.weight[left][lead]


def _with_columns(x: Array, first: Array | float, second: Array | float) -> Array:
    """Return the features and two more."""
    out = np.empty((*x.shape[:-1], x.shape[-1] + 2))
    out[..., :-2], out[..., -2], out[..., -1] = x, first, second
    return out


def _in_all(x: Array, lead: tuple[int, ...], kept: int) -> Array:
    return np.broadcast_to(x, (*lead, *x.shape[x.ndim - kept :]))


def _fill_products(out: Array, part: tuple[slice, ...], products: _Products, pairs: _Pairs, scratch: Array) -> bool:
    """Compute a block by products, and again by the rule where that is not enough; tell whether a nan remains."""
    *lead, rows, columns = part
    top, left = (*lead, rows), (*lead, columns)
    target = out[part]
    value = target if out.dtype == np.float64 else scratch[: target.size].reshape(target.shape)
    np.matmul(products.p[top], np.swapaxes(products.q[left], -1, -2), out=value)
    infinite = products.infinite(top, left)
    if infinite is not None:
        value[infinite] = np.inf
    doubtful = False
    places = products.doubtful(value, infinite, top, left)
    if places is not None:
        values = pairs.some(tuple([x + axis.start for x, axis in zip(places, part, strict=True)]), value[places])
        value[places] = values
        doubtful = bool(np.isnan(values).any())
    if value is not target:
        target[...] = value
    return doubtful
