"""Dask: arrays in chunks, which need not fit in memory together, each computed by NumPy.

Not a namespace that formulas run in, as the other modules are: a function of chunks, which are NumPy's arrays, becomes
one task for each chunk of the batch, and the core sees of Dask no more than shapes and dtypes.
"""

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import dask.array
import dask.config
import numpy as np
from dask.array.core import unify_chunks
from dask.layers import ArraySliceDep
from dask.utils import parse_bytes
from kldiv.backends.numpy import (
    asarray as asarray,
    asarray_like as asarray_like,
    default_dtype as default_dtype,
    finfo as finfo,
    float32 as float32,
    float64 as float64,
    isdtype as isdtype,
    result_type as result_type,
    shape as shape,
)

from kldiv._arrays.protocol import Array

_dask: Any = dask.array  # few of its annotations are there, and not all of those are right


def map_chunks(
    function: Callable[[list[Any], list[tuple[int, ...]]], Any], dtype: Any, arrays: Sequence[Any], event: Sequence[int]
) -> Array:
    """Return the lazy array of ``function(chunks, starts)``, one task for each chunk of the batch.

    The last axes of each array, as many as `event` says, are kept whole; those in front of them broadcast to the axes
    of the result, which is of `dtype`. `starts` are the indices at which the chunks begin in their arrays.
    """
    batches = [max(x.ndim - axes, 0) for x, axes in zip(arrays, event, strict=True)]
    batch = tuple(range(max(batches)))
    whole = [_with_whole_event(x, n) for x, n in zip(arrays, batches, strict=True)]
    own = itertools.count(len(batch))  # labels for event axes, each for one array
    labels = [
        (*batch[len(batch) - n :], *itertools.islice(own, x.ndim - n)) for x, n in zip(whole, batches, strict=True)
    ]
    lengths, unified = unify_chunks(*_alternating(whole, labels))
    chunks = tuple(lengths[axis] for axis in batch)
    moving = [tuple(length != 1 for length in x.shape[:n]) for x, n in zip(unified, batches, strict=True)]
    # The result keeps an entry along each event axis, and loses it afterwards: Dask makes one task of a chunk and of
    # what it comes from, such as a file, only where no axis is lost.
    kept = tuple(sorted({label for axes in labels for label in axes} - {*batch}))
    result = _dask.blockwise(
        functools.partial(_of_chunk, function, moving, len(kept)),
        (*batch, *kept),
        ArraySliceDep(chunks),
        batch,
        *_alternating(unified, labels),
        align_arrays=False,
        adjust_chunks={**dict(enumerate(chunks)), **dict.fromkeys(kept, 1)},
        meta=np.empty((0,) * (len(batch) + len(kept)), dtype=dtype),
        token="kldiv",
    )
    return result[(..., *[0] * len(kept))] if kept else result


def _alternating(arrays: Sequence[Array], labels: list[tuple[int, ...]]) -> list[Any]:
    return [item for pair in zip(arrays, labels, strict=True) for item in pair]


def _with_whole_event(x: Any, batch: int) -> Array:
    """Return `x`, which may be NumPy's, as a dask array of one chunk along all axes but the first, `batch` many."""
    if not isinstance(x, _dask.Array):
        return _dask.from_array(x, chunks=-1)
    event = range(batch, x.ndim)
    if all(x.numblocks[axis] == 1 for axis in event):
        return x
    joined = x.rechunk(dict.fromkeys(event, -1))
    if math.prod(joined.chunksize) * x.dtype.itemsize <= parse_bytes(dask.config.get("array.chunk-size")):
        return joined
    return x.rechunk({**dict.fromkeys(range(batch), "auto"), **dict.fromkeys(event, -1)})


def _of_chunk(
    function: Callable[..., Any], moving: list[tuple[bool, ...]], kept: int, place: tuple[slice, ...], *blocks: Any
) -> Any:
    """Return `function` of the blocks of arrays at one place in the batch, with `kept` axes of length 1 behind."""
    starts: list[tuple[int, ...]] = []
    for block, moves in zip(blocks, moving, strict=True):
        at = place[len(place) - len(moves) :]
        start = [along.start if moved else 0 for along, moved in zip(at, moves, strict=True)]
        starts.append((*start, *[0] * (block.ndim - len(start))))
    return function(list(blocks), starts)[(..., *[None] * kept)]
