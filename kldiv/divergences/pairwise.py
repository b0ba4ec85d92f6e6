"""All pairs of two batches of distributions."""

from __future__ import annotations

import math
from typing import Any

from kldiv._arrays.compilation import run
from kldiv._arrays.protocol import Array, DType, Namespace
from kldiv._core.evaluation import divergence, in_base
from kldiv._core.family import Distribution, Family, kind_of
from kldiv._core.parameters import (
    broadcast_shapes,
    describe,
    event_axes,
    event_size,
    gather_families,
    leaves,
    unflatten,
)
from kldiv._core.registry import Rule
from kldiv._core.search import find
from kldiv._core.validation import check_structure, diagnose_all

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
        in_base(1.0, base)
    batch_p, batch_q = _batch(xp, p, "p"), _batch(xp, q, "q")
    lead: tuple[Any, ...] = broadcast_shapes(
        (("p but its last axis", batch_p[:-1]), ("q but its last axis", batch_q[:-1]))
    )
    tall, wide = _spread(xp, p, 0), _spread(xp, q, 1)
    check_structure(xp, tall, wide)
    rule = find(kind_of(p), kind_of(q))
    check = validate and __debug__
    size = None
    if all(xp.is_concrete(x) for x in arrays):
        from kldiv.divergences import pairwise_host as host

        value = host.divergences(xp, dtype, rule, p, q, (lead, batch_p, batch_q), base, check)
        if value is not None:
            return value
        size = (batch_p[-1], math.prod([*lead, batch_q[-1], event_size(xp, p)]))
    value = _broadcast(xp, dtype, rule, arrays, tall, wide, size)
    if check and xp.is_concrete(value) and xp.has_nan(value):
        diagnose_all(xp, dtype, p=p, q=q)
    return value if base is None else in_base(value, base)


def _batch(xp: Namespace, d: Family, name: str) -> tuple[Any, ...]:
    batch = describe(xp, d, name).batch_shape
    if not batch:
        raise ValueError(f"{name} is a single {type(d).__name__}; pairwise needs a batch axis of rows at the end")
    return batch


def _spread(xp: Namespace, d: Family, kept: int) -> Family:
    """Return the distribution with a batch axis of length 1 more, in front of the last `kept` ones."""
    spread: list[Array] = []
    for x, events in zip(leaves(d), event_axes(d), strict=True):
        after = events + kept
        batch_axes = len(xp.shape(x)) - events
        spread.append(x if batch_axes <= 0 else x[(..., None, *[slice(None)] * after)])
    return unflatten(d, iter(spread))


def _broadcast(
    xp: Namespace, dtype: DType, rule: Rule, arrays: list[Array], p: Family, q: Family, size: tuple[int, int] | None
) -> Array:
    """Return the divergences of distributions that broadcast to all pairs.

    `size` is the number of rows of p and of entries in each, to compute several rows at once; None: all.
    """
    rows, entries = size or (1, 1)
    step = max(1, BLOCK // max(1, entries))
    if step >= rows:
        return run(divergence, rule.evaluate, xp, dtype, arrays, p, q)
    parts = [_rows(xp, p, start, min(start + step, rows)) for start in range(0, rows, step)]
    return xp.concat([run(divergence, rule.evaluate, xp, dtype, arrays, part, q) for part in parts], axis=-2)


def _rows(xp: Namespace, d: Family, start: int, stop: int) -> Family:
    """Return some of the rows of a distribution, which have another batch axis behind them."""
    parts: list[Array] = []
    for x, events in zip(leaves(d), event_axes(d), strict=True):
        axis = len(xp.shape(x)) - events - 2
        shared = axis < 0 or xp.shape(x)[axis] == 1
        parts.append(x if shared else x[(..., slice(start, stop), *[slice(None)] * (events + 1))])
    return unflatten(d, iter(parts))
