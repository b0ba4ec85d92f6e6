"""All pairs of two batches of distributions."""

from __future__ import annotations

import math
from typing import Any

from kldiv._arrays.compilation import run
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.evaluation import divergence, in_base
from kldiv._core.family import Distribution, Family, kind_of
from kldiv._core.parameters import (
    broadcast_shapes,
    describe,
    event_size,
    gather_families,
    index_batch,
    insert_batch_axes,
)
from kldiv._core.search import find
from kldiv._core.validation import check_structure, diagnose_all, where_axes_agree
from kldiv.divergences import pairwise_host

BLOCK = 2**22  # entries of the parameters of a block


def pairwise(p: Distribution, q: Distribution, *, base: float | None = None, validate: bool = True) -> Array:
    """Return all divergences ``KL(p[i] || q[j])``, in nats: that of every row of `p` from every row of `q`.

    For categorical, normal and many other families, the divergence is an inner product plus a term of `p` and a term of
    `q`, and all pairs are one matrix product. Pairs that are so close that this suffers from cancellation are computed
    again by the rule of `kl_divergence`. Other families are computed in blocks. Under compilers, and for derivatives,
    everything is computed by `kl_divergence`. `kldiv.plotting.pairwise` draws such a matrix.

    Parameters
    ----------
    p, q
        Distributions, as for `kl_divergence`. The last batch axis of each is that of its rows; batch axes before it
        broadcast.
    base, validate
        As for `kl_divergence`.

    Returns
    -------
    array
        For batch shapes ``(..., m)`` of `p` and ``(..., n)`` of `q`, an array of shape ``(..., m, n)``: at least 0;
        exactly 0 for identical rows; inf exactly where the divergence is infinite. Its relative error is that of
        `kl_divergence`, or less than 1e-10 (float64).

    Raises
    ------
    ValueError
        If `p` or `q` has no batch axis, or as `kl_divergence`.
    TypeError, NoClosedForm
        As `kl_divergence`.

    Examples
    --------
    >>> import kldiv
    >>> p = kldiv.Normal(loc=[0.0, 1.0, 2.0], scale=1.0)
    >>> q = kldiv.Normal(loc=[0.0, 1.0], scale=1.0)
    >>> print(kldiv.pairwise(p, q))
    [[0.  0.5]
     [0.5 0. ]
     [2.  0.5]]
    """
    xp, arrays, dtype, (p, q) = gather_families(p=p, q=q)
    if base is not None:
        in_base(1.0, base)  # which raises for what is not a base
    batch_p, batch_q = _batch_shape(xp, p, "p"), _batch_shape(xp, q, "q")
    lead: tuple[Any, ...] = broadcast_shapes(
        (("p but its last axis", batch_p[:-1]), ("q but its last axis", batch_q[:-1]))
    )
    tall, wide = insert_batch_axes(xp, p), insert_batch_axes(xp, q, before=1)
    check_structure(xp, tall, wide)
    rule = find(kind_of(p), kind_of(q))
    check = validate and __debug__
    n_rows = rows_at_once = 1
    if all(xp.is_concrete(x) for x in arrays):
        pairs = pairwise_host.AllPairs(xp, dtype, rule, p, q, batch_p, batch_q, lead)
        value = pairwise_host.divergences(pairs, base, check)
        if value is not None:
            return value
        n_rows = batch_p[-1]
        rows_at_once = max(1, BLOCK // max(1, math.prod([*lead, batch_q[-1], event_size(xp, p)])))
    if rows_at_once >= n_rows:
        value = run(divergence, rule.evaluate, xp, dtype, arrays, tall, wide)
    else:
        starts = range(0, n_rows, rows_at_once)
        parts = [index_batch(xp, tall, slice(i, min(i + rows_at_once, n_rows)), before=1) for i in starts]
        value = xp.concat([run(divergence, rule.evaluate, xp, dtype, arrays, part, wide) for part in parts], axis=-2)
    value = where_axes_agree(xp, value, p, q)
    if check and xp.is_concrete(value) and xp.has_nan(value):
        diagnose_all(xp, dtype, p=p, q=q)
    return value if base is None else in_base(value, base)


def _batch_shape(xp: Namespace, d: Family, name: str) -> tuple[Any, ...]:
    batch = describe(xp, d, name).batch_shape
    if not batch:
        raise ValueError(f"{name} is a single {type(d).__name__}; pairwise needs a batch axis of rows at the end")
    return batch
