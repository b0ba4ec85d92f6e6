"""Divergences of arrays in chunks, on disk or on other machines: one call for each chunk of the batch.

A chunk may be computed in another process, so the functions that go there are found by name and look up the rule anew.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from kldiv._arrays.compilation import run
from kldiv._arrays.namespace import namespace
from kldiv._arrays.protocol import Array, DType, Namespace, Shape
from kldiv._core.evaluation import Pair, gather_pair, known_plan, plan_for
from kldiv._core.family import Family
from kldiv._core.parameters import structure_of, unflatten_pair
from kldiv._core.validation import diagnose_all, require_weights


def divergence(pair: Pair, validate: bool) -> Array | None:
    """Return the divergence of a pair as an array in chunks, None if its parameters are not in chunks.

    Values are checked chunk by chunk.
    """
    structures = structure_of(pair.p), structure_of(pair.q)
    function = functools.partial(_divergence_of_chunk, *structures, pair.dtype, validate)
    event_axes = [*pair.layouts[0].event_axes, *pair.layouts[1].event_axes]
    assert pair.xp.map_chunks is not None
    return pair.xp.map_chunks(function, pair.dtype, pair.arrays, event_axes)


def elementwise(
    xp: Namespace,
    body: Callable[..., Array],
    function: Callable[..., Array],
    dtype: DType,
    arrays: list[Array],
    validate: bool,
) -> Array | None:
    """Return ``body(xp, function, dtype, *arrays)``, which has no event axes, in chunks; None if `arrays` are not."""
    assert xp.map_chunks is not None
    of_chunk = functools.partial(_elements_of_chunk, body, function, dtype, validate and __debug__)
    return xp.map_chunks(of_chunk, dtype, arrays, [0] * len(arrays))


def _divergence_of_chunk(
    p: Family, q: Family, dtype: DType, validate: bool, chunks: list[Array], starts: list[Shape]
) -> Array:
    p, q = unflatten_pair(p, q, iter(chunks))
    parameters: list[Any] = []
    plan = known_plan(p, q, parameters)
    if plan is None:
        plan, parameters = plan_for(gather_pair(p, q), p, q)
    value, _ = plan(False, *parameters)
    xp = namespace(value)
    if validate and xp.is_concrete(value) and xp.has_nan(value):
        start_p, start_q = unflatten_pair(p, q, iter(starts))
        diagnose_all(xp, dtype, {"p": start_p, "q": start_q}, p=p, q=q)
    return xp.astype(xp.asarray(value), dtype)


def _elements_of_chunk(
    body: Callable[..., Array],
    function: Callable[..., Array],
    dtype: DType,
    validate: bool,
    chunks: list[Array],
    starts: list[Shape],
) -> Array:
    xp = namespace(*chunks)
    value = run(body, function, xp, dtype, chunks, *chunks)
    if validate:
        require_weights(xp, value, starts, x=chunks[0], y=chunks[1])
    return xp.asarray(value)
