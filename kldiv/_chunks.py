"""Divergences of arrays in chunks, on disk or on other machines: one call for each chunk of the batch.

Where the chunk is computed in another process, what is given along is found there by name, so it looks up the formula.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from kldiv._checks import diagnose_all
from kldiv._divergence import kl_divergence
from kldiv._families import Family, fields_of, rebuild
from kldiv._namespace import namespace
from kldiv._programs import run
from kldiv._protocol import Array, DType, Namespace, Shape


def divergence(xp: Namespace, dtype: DType, arrays: list[Array], p: Family, q: Family, validate: bool) -> Array | None:
    """Return the divergence of prepared distributions as an array in chunks, None if their parameters are not.

    Values are checked chunk by chunk.
    """
    empty_p, empty_q = (rebuild(d, itertools.repeat(None)) for d in (p, q))
    function = functools.partial(_divergence_of_chunk, empty_p, empty_q, dtype, validate)
    assert xp.by_chunks is not None
    return xp.by_chunks(function, dtype, arrays, [*_event_axes(p), *_event_axes(q)])


def elementwise(
    xp: Namespace, body: Callable[..., Array], function: Callable[..., Array], dtype: DType, arrays: list[Array]
) -> Array | None:
    """Return ``body(xp, function, dtype, *arrays)``, which has no event axes, in chunks; None if `arrays` are not."""
    assert xp.by_chunks is not None
    return xp.by_chunks(functools.partial(_elements_of_chunk, body, function, dtype), dtype, arrays, [0] * len(arrays))


def _event_axes(d: Family, held: int = 0) -> Iterator[int]:
    """Yield how many axes of each parameter are no batch axes of the whole distribution."""
    for field in fields_of(type(d)):
        if field.held:
            yield from _event_axes(getattr(d, field.name), held + len(field.held.axes))
        else:
            yield held + len(field.domain.axes)  # type: ignore[union-attr]


def _divergence_of_chunk(
    p: Family, q: Family, dtype: DType, validate: bool, chunks: list[Array], starts: list[Shape]
) -> Array:
    p, q = _filled(p, q, chunks)
    value = kl_divergence(p, q, validate=False)
    xp = namespace(value)
    if validate and __debug__ and xp.is_concrete(value) and xp.has_nan(value):
        start_p, start_q = _filled(p, q, starts)
        diagnose_all(xp, dtype, {"p": start_p, "q": start_q}, p=p, q=q)
    return xp.astype(xp.asarray(value), dtype)


def _filled(p: Family, q: Family, leaves: list[Any]) -> tuple[Family, Family]:
    each = iter(leaves)
    return rebuild(p, each), rebuild(q, each)


def _elements_of_chunk(
    body: Callable[..., Array],
    function: Callable[..., Array],
    dtype: DType,
    chunks: list[Array],
    starts: list[Shape],
) -> Array:
    xp = namespace(*chunks)
    return xp.asarray(run(body, function, xp, dtype, chunks, *chunks))
