"""Divergences of arrays in chunks, on disk or on other machines: one call for each chunk of the batch.

Where the chunk is computed in another process, what is given along is found there by name, so it looks up the formula.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from kldiv._arrays.compilation import run
from kldiv._arrays.namespace import namespace
from kldiv._arrays.protocol import Array, DType, Namespace, Shape
from kldiv._core.family import Family
from kldiv._core.parameters import event_axes, structure_of, unflatten_pair
from kldiv._core.validation import diagnose_all
from kldiv.divergences.kl import kl_divergence


def divergence(xp: Namespace, dtype: DType, arrays: list[Array], p: Family, q: Family, validate: bool) -> Array | None:
    """Return the divergence of prepared distributions as an array in chunks, None if their parameters are not.

    Values are checked chunk by chunk.
    """
    function = functools.partial(_divergence_of_chunk, structure_of(p), structure_of(q), dtype, validate)
    assert xp.map_chunks is not None
    return xp.map_chunks(function, dtype, arrays, [*event_axes(p), *event_axes(q)])


def elementwise(
    xp: Namespace, body: Callable[..., Array], function: Callable[..., Array], dtype: DType, arrays: list[Array]
) -> Array | None:
    """Return ``body(xp, function, dtype, *arrays)``, which has no event axes, in chunks; None if `arrays` are not."""
    assert xp.map_chunks is not None
    return xp.map_chunks(functools.partial(_elements_of_chunk, body, function, dtype), dtype, arrays, [0] * len(arrays))


def _divergence_of_chunk(
    p: Family, q: Family, dtype: DType, validate: bool, chunks: list[Array], starts: list[Shape]
) -> Array:
    p, q = unflatten_pair(p, q, iter(chunks))
    value = kl_divergence(p, q, validate=False)
    xp = namespace(value)
    if validate and __debug__ and xp.is_concrete(value) and xp.has_nan(value):
        start_p, start_q = unflatten_pair(p, q, iter(starts))
        diagnose_all(xp, dtype, {"p": start_p, "q": start_q}, p=p, q=q)
    return xp.astype(xp.asarray(value), dtype)


def _elements_of_chunk(
    body: Callable[..., Array],
    function: Callable[..., Array],
    dtype: DType,
    chunks: list[Array],
    starts: list[Shape],
) -> Array:
    xp = namespace(*chunks)
    return xp.asarray(run(body, function, xp, dtype, chunks, *chunks))
