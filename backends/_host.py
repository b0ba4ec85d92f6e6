"""Formulas for arrays in the computer's own memory, in one sweep through its cache.

A *sweep* cuts the batch into blocks whose intermediate results stay in the cache, in buffers that are used again. Its
kernels write into them, and may take a cheap formula where the error bound of that formula holds the accuracy of the
core's. Entries that a kernel does not vouch for (invalid parameters, infinite results, edges) are not below infinity
when it is done; the core's own formula computes those.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
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
    values: Callable[..., Any]
    # With 1, the last axis of the parameters belongs to one entry of `out`.
    axes: int
    # both(scratch, out, slopes, *parameters) writes the derivatives with respect to the parameters too, into the arrays
    # `slopes`; None stands for one that is not wanted.
    both: Callable[..., None] | None = None
    # few(*parameters) is for small arrays, where each call counts; None where it does not know.
    few: Callable[..., Array | None] | None = None
    # scalar(*parameters) is for Python floats; nan where it does not know.
    scalar: Callable[..., float] | None = None
    # With true, values(exact, *parameters) goes through the batch itself and returns what `divergence` does.
    whole: bool = False


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


def divergence(
    kernel: Kernel, exact: Exact, parameters: Sequence[Array], dtype: Any, threads: int = 1
) -> tuple[Array, bool]:
    """Return the divergences, and whether one is nan."""
    if kernel.whole:
        whole: Callable[..., tuple[Array, bool]] = kernel.values
        return whole(exact, *parameters)
    if kernel.few is not None and all(0 < x.size <= FEW for x in parameters):
        with np.errstate(all="ignore"):
            value = kernel.few(*parameters)
        if value is not None:
            return value, False
    out, parameters = prepared(kernel.axes, parameters, dtype)

    def work(scratch: Scratch, part: Array, *rows: Array) -> bool:
        kernel.values(scratch, part, *rows)
        return not part.max() < np.inf and finish(exact, part, rows)

    return out, sweep(work, blocks(kernel.axes, out, *parameters), dtype, threads)


def sweep(work: Callable[..., bool], parts: Iterator[tuple[Array, ...]], dtype: Any, threads: int) -> bool:
    """Plan ``work(scratch, *part)`` for all parts, and tell whether one is true."""

    def some(parts: Iterable[tuple[Array, ...]]) -> bool:
        scratch = Scratch(dtype)
        with np.errstate(all="ignore"):
            found = [work(scratch, *part) for part in parts]
        return any(found)

    if threads == 1:
        return some(parts)
    every = list(parts)
    if len(every) < 2 * threads:
        return some(every)
    with ThreadPoolExecutor(threads) as pool:
        return any(pool.map(some, [every[i::threads] for i in range(threads)]))


def map_blocks(exact: Exact, axes: int, parameters: Sequence[Array], dtype: Any) -> tuple[Array, bool]:
    """Return the divergences by the core's own formula, block by block, and whether one is nan."""
    out, parameters = prepared(axes, parameters, dtype)

    def work(scratch: Scratch, part: Array, *rows: Array) -> bool:
        part[...] = exact(*rows)
        return bool(np.isnan(part.min()))

    return out, sweep(work, blocks(axes, out, *parameters), dtype, 1)


def with_slopes(
    kernel: Kernel,
    exact: Exact,
    exact_slopes: Callable[..., Sequence[Array]],
    parameters: Sequence[Array],
    needed: Sequence[bool],
    threads: int = 1,
) -> tuple[Array, list[Array | None], bool]:
    """Return the divergences, the derivatives with respect to the parameters that are needed, and whether one is nan.

    The parameters have one shape. `exact_slopes(*parameters)` returns the derivatives with respect to all of them.
    """
    assert kernel.both is not None
    both = kernel.both
    out, parameters = prepared(kernel.axes, parameters, parameters[0].dtype)
    slopes = [np.empty(x.shape, x.dtype) if n else None for x, n in zip(parameters, needed, strict=True)]
    count = len(parameters)

    def work(scratch: Scratch, part: Array, *arrays: Array) -> bool:
        rows, wanted = arrays[:count], arrays[count:]
        each = iter(wanted)
        both(scratch, part, [next(each) if n else None for n in needed], *rows)
        if part.max() < np.inf and all(np.isfinite(x.max() + x.min()) for x in wanted):
            return False
        known = part < np.inf
        for x in wanted:
            known &= np.isfinite(x).all(axis=-1) if kernel.axes else np.isfinite(x)
        unknown = np.nonzero(~known)
        found = exact_slopes(*[x[unknown] for x in rows])
        for x, slope in zip(wanted, [g for g, n in zip(found, needed, strict=True) if n], strict=True):
            x[unknown] = slope
        return not part.max() < np.inf and finish(exact, part, rows)

    parts = blocks(kernel.axes, out, *parameters, *[x for x in slopes if x is not None])
    return out, slopes, sweep(work, parts, out.dtype, threads)


def in_core(exact: Callable[..., Array]) -> Exact:
    """Return the core's formula for NumPy's arrays; it is loaded when it is called for."""

    def core(*arrays: Array) -> Array:
        from kldiv.backends import numpy

        return exact(numpy, *arrays)

    return core


def of_numbers(kernel: Kernel, numbers: Iterable[float]) -> float:
    """Return the divergence of Python floats, nan where the kernel does not know."""
    assert kernel.scalar is not None
    try:
        return kernel.scalar(*numbers)
    except (ArithmeticError, ValueError):
        return math.nan


def weigh(slopes: Sequence[Array | None], weights: Array) -> None:
    """Multiply the derivatives of values by the weights of these."""
    for slope in slopes:
        if slope is not None:
            slope *= weights.reshape(weights.shape + (1,) * (slope.ndim - weights.ndim))


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
    if not out.size:
        return
    if parameters[0].size <= BLOCK and batch:
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


def kernel_of(formula: tuple[str, int] | None) -> Kernel | None:
    """Return the kernel of a formula, given by its name and the number of batch axes that it is sum_axes over."""
    if formula is None:
        return None
    from kldiv.backends import _host_categorical, _host_normal

    found = _host_normal.KERNELS.get(formula) or _host_categorical.KERNELS.get(formula)
    if found is None and formula[0].startswith("kl_multivariate_normal"):
        from kldiv.backends import _linalg  # with SciPy's linear algebra, which takes a while to load

        found = _linalg.KERNELS.get(formula)
    return found
