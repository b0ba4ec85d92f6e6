"""All pairs of distributions whose parameters are constants in the host's memory.

The array of results is made once and filled block by block: by a product of matrices where there is a form for that,
otherwise by the rule of the pair. A block of products is checked while it is in the cache, and its unreliable entries
are computed again by the rule.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from kldiv._arrays.namespace import computing_dtype
from kldiv._arrays.protocol import DType, Namespace
from kldiv._core.family import Family
from kldiv._core.parameters import event_size, leaves, map_with_axes, tree_map, unflatten
from kldiv._core.registry import Rule
from kldiv._core.validation import diagnose_all, tolerances, valid
from kldiv.backends import numpy as host
from kldiv.divergences.checked_products import Block, CheckedProducts, checked_products
from kldiv.divergences.inner_products import find_form

Array: TypeAlias = Any  # numpy.ndarray
Batch: TypeAlias = tuple[int, ...]

PRODUCTS = 2**17  # entries of a block of products
ENTRIES = 2**14  # of the parameters of a block that the rule computes
# The relative error that products may have in float64, and in what is rounded to float32.
TOLERANCES = {8: 2.0**-34, 4: 2.0**-27}


class AllPairs(NamedTuple):
    """Two batches of distributions, whose parameters are arrays of `xp`, and the rule for a pair of them."""

    xp: Namespace
    dtype: DType  # of the result
    rule: Rule
    p: Family
    q: Family
    batch_p: Batch  # its last axis is that of the rows
    batch_q: Batch
    lead: Batch  # what the axes in front of the rows broadcast to


def divergences(pairs: AllPairs, base: float | None, check: bool) -> Array | None:
    """Return the divergences of all pairs, or None if a parameter is not in the host's memory."""
    xp, dtype = pairs.xp, pairs.dtype
    p, q = _host_view(pairs.p, xp, dtype), _host_view(pairs.q, xp, dtype)
    if p is None or q is None:
        return None
    diagnose = functools.partial(diagnose_all, xp, dtype, p=pairs.p, q=pairs.q)
    with host.ignore_warnings():
        valid_p = np.broadcast_to(valid(host, p, tolerances(xp, pairs.p)), pairs.batch_p)
        valid_q = np.broadcast_to(valid(host, q, tolerances(xp, pairs.q)), pairs.batch_q)
        all_valid = valid_p.all() and valid_q.all()
        if check and not all_valid:
            diagnose()
        out = _empty((*pairs.lead, pairs.batch_p[-1], pairs.batch_q[-1]), next(leaves(p)).dtype)
        has_nan = _fill(out, pairs.rule, _with_batch(p, pairs.batch_p), _with_batch(q, pairs.batch_q))
        if not all_valid:
            np.copyto(out, np.nan, where=~valid_p[..., :, None])
            np.copyto(out, np.nan, where=~valid_q[..., None, :])
        if check and has_nan:
            diagnose()
        if base is not None:
            out /= math.log(base)
    value = xp.from_host(out, next(leaves(pairs.p)))
    return value if value.dtype == dtype else xp.astype(value, dtype)


def _host_view(d: Family, xp: Namespace, dtype: DType) -> Family | None:
    """Return the distribution with NumPy arrays of the dtype to compute in, None if one is not in the host's memory."""
    computing = computing_dtype(xp, dtype)
    arrays = [xp.host_view(x if x.dtype == computing else xp.astype(x, computing)) for x in leaves(d)]
    return None if any(x is None for x in arrays) else unflatten(d, iter(arrays))


def _empty(shape: Batch, dtype: Any) -> Array:
    """Return an array that starts at a multiple of 64 bytes, which frameworks take over without a copy."""
    size = math.prod(shape) * dtype.itemsize
    buffer = np.empty(size + 64, np.uint8)
    start = -buffer.ctypes.data % 64
    return buffer[start : start + size].view(dtype).reshape(shape)


def _with_batch(d: Family, batch: Batch) -> Family:
    """Return the distribution with parameters that all have its batch axes."""

    def broadcast(x: Array, axes: int) -> Array:
        x = x.reshape((1,) * (axes - x.ndim) + x.shape)
        return np.broadcast_to(x, (*batch, *x.shape[x.ndim - axes :]))

    return map_with_axes(broadcast, d)


def _with_lead(d: Family, lead: Batch) -> Family:
    """Return the distribution with other batch axes in front of its rows."""
    return map_with_axes(lambda x, axes: np.broadcast_to(x, (*lead, *x.shape[x.ndim - axes - 1 :])), d)


def _fill(out: Array, rule: Rule, p: Family, q: Family) -> bool:
    """Fill an array with the divergences of all pairs of rows, and tell whether the rule gave a nan."""
    lead = out.shape[:-2]
    by_rule = _ByRule(rule, _with_lead(p, lead), _with_lead(q, lead))
    form = find_form(rule.p, rule.q)
    if form is None or not out.size:
        have_nan = [by_rule.fill(out, block) for block in _blocks(out.shape, by_rule.block_size())]
        return any(have_nan)
    side_p, side_q = form.sides(tree_map(_double, p), tree_map(_double, q))
    products = checked_products(side_p, side_q, form.bounded, TOLERANCES[out.itemsize], lead)
    scratch = np.empty(0 if out.dtype == np.float64 else min(out.size, PRODUCTS))
    have_nan = [_fill_products(out, block, products, by_rule, scratch) for block in _blocks(out.shape, PRODUCTS)]
    return any(have_nan)


def _fill_products(out: Array, block: Block, products: CheckedProducts, by_rule: _ByRule, scratch: Array) -> bool:
    """Compute a block by products, and its unreliable entries by the rule; tell whether the rule gave a nan."""
    target = out[block]
    values = target if out.dtype == np.float64 else scratch[: target.size].reshape(target.shape)
    infinite = products.multiply(block, values)
    places = products.unreliable(block, values, infinite)
    has_nan = False
    if places is not None:
        exact = by_rule.at([x + axis.start for x, axis in zip(places, block, strict=True)], values[places])
        values[places] = exact
        has_nan = bool(np.isnan(exact).any())
    if values is not target:
        target[...] = values
    return has_nan


class _ByRule(NamedTuple):
    """Divergences by the rule, of distributions whose parameters have all batch axes."""

    rule: Rule
    p: Family
    q: Family

    def block_size(self) -> int:
        """Return the number of pairs to compute at a time."""
        return max(1, ENTRIES // max(event_size(host, self.p), event_size(host, self.q)))

    def fill(self, out: Array, block: Block) -> bool:
        """Compute a block, and tell whether there is a nan in it."""
        *lead, rows, columns = block
        p, q = _index(self.p, (*lead, rows, None)), _index(self.q, (*lead, None, columns))
        out[block] = self.rule.evaluate(host, p, q)
        return bool(np.isnan(out[block]).any())

    def at(self, places: Sequence[Array], products: Array) -> Array:
        """Return the divergences at some places in the array of results, where products gave `products`, in float64."""
        *lead, rows, columns = places
        values = np.zeros(len(rows))
        step = self.block_size()
        for part in (slice(start, start + step) for start in range(0, len(rows), step)):
            front = [x[part] for x in lead]
            p, q = _index(self.p, (*front, rows[part])), _index(self.q, (*front, columns[part]))
            # Identical parameters have divergence 0: they are valid, as their product is finite.
            nonzero = ~np.isfinite(products[part]) | self._differ(p, q)
            if nonzero.any():
                p, q = (tree_map(_double, _index(d, (nonzero,))) for d in (p, q))
                values[part][nonzero] = self.rule.evaluate(host, p, q)
        return values

    def _differ(self, p: Family, q: Family) -> Array | bool:
        """Return where distributions in a vector may differ: all of them if they are of two families."""
        if self.rule.p != self.rule.q:
            return True
        differences = [(x != y).any(tuple(range(1, x.ndim))) for x, y in zip(leaves(p), leaves(q), strict=True)]
        return functools.reduce(operator.or_, differences)


def _double(x: Array) -> Array:
    return np.asarray(x, np.float64)


def _index(d: Family, index: tuple[Any, ...]) -> Family:
    return tree_map(lambda x: x[index], d)


def _blocks(shape: Batch, size: int) -> Iterator[Block]:
    """Yield blocks of a stack of matrices, of about `size` entries: whole ones, or parts not too far from square."""
    *lead, rows, columns = shape
    width = max(1, min(columns, size // max(1, min(rows, 256))))
    height = max(1, min(rows, size // width))
    depth = size // (height * width) if (height, width) == (rows, columns) else 1
    for index in _cut(lead, max(1, depth)):
        for top in range(0, rows, height):
            for left in range(0, columns, width):
                yield (*index, slice(top, top + height), slice(left, left + width))


def _cut(shape: list[int], size: int) -> Iterator[Block]:
    """Yield blocks of an array of no more than `size` entries."""
    if not shape:
        yield ()
        return
    inner = math.prod(shape[1:])
    step = max(1, size // max(1, inner))
    for start in range(0, shape[0], step):
        for rest in _cut(shape[1:], size):
            yield (slice(start, start + step), *rest)
