"""Formulas for arrays in the computer's own memory, in one sweep through its cache.

A *sweep* cuts the batch into blocks whose intermediate results stay in the cache, in buffers that are used again. Its
kernels write into them, and may take a cheap formula where the error bound of that formula holds the accuracy of the
core's. Entries that a kernel does not vouch for (invalid parameters, infinite results, edges) are not below infinity
when it is done; the core's own formula computes those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

Array: TypeAlias = Any  # numpy.ndarray; its shape and dtype are what counts
Exact: TypeAlias = Callable[..., Array]  # the core's formula, of arrays along one batch axis

FEW = 512  # entries of a small array
BLOCK = 2**15  # entries of a block; a dozen arrays of them fit the cache


class Kernel(NamedTuple):
    """The formula of a pair of families on a block."""

    # values(scratch, out, *parameters) writes into `out`.
    values: Callable[..., None]
    # With 1, the last axis of the parameters belongs to one entry of `out`.
    axes: int
    # gradients(scratch, weights, values, outs, *parameters) writes the derivatives, times weights, into the arrays
    # among `outs`; None stands for one that is not wanted.
    gradients: Callable[..., None] | None = None
    # few(*parameters) is for small arrays, where each call counts; None where it does not know.
    few: Callable[..., Array | None] | None = None
    # scalar(*parameters) is for Python floats; nan where it does not know.
    scalar: Callable[..., float] | None = None


class Scratch:
    """Buffers of one dtype that are used again for each block."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        self._buffers: dict[int, Array] = {}

    def __call__(self, i: int, shape: tuple[int, ...]) -> Array:
        """Return buffer number `i` as an array of that shape."""
        size = 1
        for length in shape:
            size *= length
        buffer = self._buffers.get(i)
        if buffer is None or buffer.size < size:
            buffer = self._buffers[i] = np.empty(size, self.dtype)
        return buffer[:size].reshape(shape)


def divergence(kernel: Kernel, exact: Exact, parameters: Sequence[Array], dtype: Any) -> tuple[Array, bool]:
    """Return the divergences, and whether one is nan."""
    if kernel.few is not None and all(0 < x.size <= FEW for x in parameters):
        with np.errstate(all="ignore"):
            value = kernel.few(*parameters)
        if value is not None:
            return value, False
    return sweep(kernel, exact, parameters, dtype)


def sweep(kernel: Kernel, exact: Exact, parameters: Sequence[Array], dtype: Any) -> tuple[Array, bool]:
    """Return the divergences, and whether one is nan."""
    out, parameters = prepared(kernel.axes, parameters, dtype)
    if not out.size:
        return out, False
    scratch = Scratch(dtype)
    doubtful = False
    with np.errstate(all="ignore"):
        for part, *rows in blocks(kernel.axes, out, *parameters):
            kernel.values(scratch, part, *rows)
            if not part.max() < np.inf:
                doubtful |= finish(exact, part, rows)
    return out, doubtful


def prepared(axes: int, parameters: Sequence[Array], dtype: Any) -> tuple[Array, list[Array]]:
    """Return an array for the results, and the parameters as they broadcast."""
    shape = parameters[0].shape
    if any(x.shape != shape for x in parameters):
        shape = np.broadcast_shapes(*[x.shape for x in parameters])
        parameters = [np.broadcast_to(x, shape) for x in parameters]
    return np.empty(shape[: len(shape) - axes], dtype), list(parameters)


def finish(exact: Exact, out: Array, parameters: Sequence[Array]) -> bool:
    """Compute what a kernel does not vouch for, and tell whether it is nan."""
    rows = np.nonzero(~(out < np.inf))
    out[rows] = values = exact(*[x[rows] for x in parameters])
    return bool(np.isnan(values).any())


def blocks(axes: int, out: Array, *parameters: Array) -> Iterator[tuple[Array, ...]]:
    """Yield the blocks of an array and of the parameters that belong to them, which have `axes` more axes."""
    batch = out.ndim
    size = max(1, out.size and parameters[0].size)
    if size <= BLOCK and batch:
        yield out, *parameters
        return
    out, *parameters = merged(batch, out, *parameters)  # type: ignore[assignment]
    yield from _cut(axes, out, *parameters)


def _cut(axes: int, out: Array, *parameters: Array) -> Iterator[tuple[Array, ...]]:
    width = max(1, int(np.prod(parameters[0].shape[1:])))
    if out.ndim > 1 and 2 * width > BLOCK:
        for i in range(len(out)):
            yield from _cut(axes, out[i], *[x[i] for x in parameters])
        return
    rows = max(1, BLOCK // width)
    for start in range(0, len(out), rows):
        yield out[start : start + rows], *[x[start : start + rows] for x in parameters]


def merged(batch: int, *arrays: Array) -> list[Array]:
    """Return views of arrays of one batch shape in which batch axes are one where they can be."""
    if batch == 0:
        return [x[None] for x in arrays]
    shape = list(arrays[0].shape[:batch])
    strides = [list(x.strides[:batch]) for x in arrays]
    for i in range(batch - 2, -1, -1):
        if all(s[i] == s[i + 1] * shape[i + 1] or shape[i] == 1 for s in strides):
            shape[i : i + 2] = [shape[i] * shape[i + 1]]
            for s in strides:
                del s[i]
    return [
        as_strided(x, (*shape, *x.shape[batch:]), (*s, *x.strides[batch:]))
        for x, s in zip(arrays, strides, strict=True)
    ]


def polynomial(coefficients: Sequence[float], x: Array, out: Array) -> Array:
    """Horner's rule into `out`, ascending powers."""
    np.multiply(x, coefficients[-1], out=out)
    for c in coefficients[-2:0:-1]:
        out += c
        out *= x
    out += coefficients[0]
    return out


def kernel_of(formula: str, axes: int) -> Kernel | None:
    """Return the kernel of a formula that is summed over so many batch axes."""
    from kldiv.backends import _host_categorical, _host_normal

    return _host_normal.KERNELS.get((formula, axes)) or _host_categorical.KERNELS.get((formula, axes))
