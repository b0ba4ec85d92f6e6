"""NumPy: array-api-compat's namespace, SciPy's special functions, and linear algebra that marks failure with nan."""

import builtins
import functools
import math
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from array_api_compat.numpy import (
    asarray as asarray,
    cumulative_sum as cumulative_sum,
    floor as floor,
    isdtype as isdtype,
    matmul as matmul,
    matrix_transpose as matrix_transpose,
    ones_like as ones_like,
    zeros_like as zeros_like,
)
from array_api_compat.numpy.linalg import diagonal as diagonal
from kldiv.backends import _host, _numpy_random as _random
from numpy import (
    abs as abs,
    all as all,
    any as any,
    argsort as argsort,
    atan as atan,
    broadcast_arrays as broadcast_arrays,
    concat as concat,
    cos as cos,
    divide as divide,
    exp as exp,
    expm1 as expm1,
    flip as flip,
    float32 as float32,
    float64 as float64,
    isfinite as isfinite,
    isnan as isnan,
    log as log,
    log1p as log1p,
    max as max,
    result_type as result_type,
    sin as sin,
    sqrt as sqrt,
    sum as sum,
    take_along_axis as take_along_axis,
    tanh as tanh,
    tril as tril,
    triu as triu,
    where as where,
)
from numpy.linalg import eigvalsh as eigvalsh
from scipy.linalg.lapack import get_lapack_funcs
from scipy.special import erf as erf, gammaln as gammaln, i0e as i0e, i1e as i1e, xlogy as xlogy

from kldiv._arrays.protocol import FastPathRequest, Plan

map_chunks = None
eager_is_slow = False
random = _random.Random
differentiable = False
map_blocks = None
finfo = functools.cache(np.finfo)


def astype(x: Any, dtype: Any, /) -> Any:
    """Return `x` in another dtype, and itself if it has that dtype."""
    return x if x.dtype == dtype else x.astype(dtype)


def cholesky(x: np.ndarray, /) -> np.ndarray:
    """Return the lower Cholesky factors; nan where a matrix has none."""
    try:
        return np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        pass
    factors = np.full_like(x, np.nan)
    for index in np.ndindex(x.shape[:-2]):
        try:
            factors[index] = np.linalg.cholesky(x[index])
        except np.linalg.LinAlgError:
            continue
    return factors


def compiled(function: Callable[..., Any], /) -> Callable[..., Any]:
    """Return `function`, silent about the branches of a kernel that are computed but not taken."""

    @functools.wraps(function)
    def ignore_warnings(*args: Any) -> Any:
        with np.errstate(all="ignore"):
            value = function(*args)
            return value if isinstance(value, tuple) else value[()]  # a scalar rather than an array without axes

    return ignore_warnings


def widest_dtype(x: np.ndarray, /) -> Any:
    """Return the widest float dtype that the framework has on the device of `x`."""
    return np.dtype(np.float64)


def default_dtype() -> Any:
    """Return float64."""
    return np.dtype(np.float64)


def scan(step: Callable[..., Any], state: Any, items: tuple[np.ndarray, ...], /) -> Any:
    """Return the last of the states ``state = step(state, *item)``, with items along the third axis from the end."""
    for k in range(items[0].shape[-3]):
        state = step(state, *(x[..., k, :, :] for x in items))
    return state


def has_nan(x: np.ndarray, /) -> bool:
    """Tell whether there is a nan."""
    return bool(x.size and np.isnan(np.minimum.reduce(x, axis=None)))


def from_host(values: np.ndarray, other: Any, /) -> np.ndarray:
    """Return the array itself."""
    return values


def host_view(x: Any, /) -> np.ndarray:
    """Return the array itself."""
    return np.asarray(x)


def is_concrete(x: Any, /) -> bool:
    """NumPy's arrays always have values."""
    return True


def asarray_like(value: Any, other: Any, dtype: Any, /) -> np.ndarray:
    """Return numbers as an array."""
    return np.asarray(value, dtype=dtype)


def pad_last_axis(x: np.ndarray, other: np.ndarray, /) -> np.ndarray:
    """Return `x` with zeros appended to its last axis, up to the length of that of `other`."""
    more = builtins.max(0, other.shape[-1] - x.shape[-1])
    return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, more)]) if more else x


def ignore_warnings() -> np.errstate:
    """Return a context without warnings about what is computed and not taken."""
    return np.errstate(all="ignore")


def block_until_ready(x: np.ndarray, /) -> None:
    """Do nothing: operations are done when they return."""


def shape(x: np.ndarray, /) -> tuple[int | None, ...]:
    """Return the shape."""
    return x.shape


lengths = shape


def fast_path(wanted: FastPathRequest, /) -> Plan | None:
    """Return the sweep for a formula if it has one, and that of the core's formula for large batches."""
    formula, axes, parameters, dtype, exact = wanted
    if builtins.any(x.dtype != dtype for x in parameters if hasattr(x, "dtype")):
        return None
    if dtype == np.float16:  # computed in float32, which takes copies anyway
        return None
    core = _host.in_core(exact)
    kernel = _host.kernel_of(formula)
    if kernel is None:
        return _call_in_blocks(core, axes, parameters, dtype)
    numbers = builtins.any(not isinstance(x, np.ndarray) for x in parameters)

    def call(validate: bool, *parameters: Any) -> tuple[Any, bool]:
        if numbers:
            parameters = tuple([np.asarray(x, dtype) for x in parameters])
        value, doubtful = _host.divergence(kernel, core, parameters, dtype)
        return value if value.ndim else value[()], validate and doubtful

    if kernel.scalar is None or builtins.any(np.ndim(x) for x in parameters):
        return call
    result = dtype.type
    exact_numbers = result is np.float64 and builtins.all(type(x) in (float, int) for x in parameters)

    def call_of_numbers(validate: bool, *parameters: Any) -> tuple[Any, bool]:
        value = _host.of_numbers(kernel, parameters if exact_numbers else [float(result(x)) for x in parameters])
        return (result(value), False) if value < math.inf else call(validate, *parameters)

    return call_of_numbers


def _call_in_blocks(core: Callable[..., Any], axes: list[int], parameters: list[Any], dtype: Any) -> Plan | None:
    """Return the sweep of the core's formula, if there is more than a block and all parameters have like event axes."""
    shapes = [np.shape(x) for x in parameters]
    if len(set(axes)) > 1 or axes[0] > 1 or builtins.max(map(math.prod, shapes)) <= _host.BLOCK:
        return None
    if axes[0] and len({shape[-1] for shape in shapes}) > 1:
        return None

    def call(validate: bool, *parameters: Any) -> tuple[Any, bool]:
        value, has_nan = _host.map_blocks(core, axes[0], [np.asarray(x, dtype) for x in parameters], dtype)
        return value, validate and has_nan

    return call


def signature(x: np.ndarray, /) -> Hashable:
    """Return dtype and shape, None for an array in the byte order of another machine, which is swapped at each call."""
    return (x.dtype, x.shape) if x.dtype.isnative else None


def solve(a: np.ndarray, b: np.ndarray, /) -> np.ndarray:
    """Solve `a @ x = b` for regular matrices `a`."""
    x: np.ndarray = np.linalg.solve(a, b)
    return x


def solve_triangular(a: np.ndarray, b: np.ndarray, /) -> np.ndarray:
    """Solve `a @ x = b` for lower triangular `a`: one matrix by LAPACK, a stack by substitution over the stack."""
    if a.ndim == 2:
        columns = np.moveaxis(b, -2, 0)
        (trtrs,) = get_lapack_funcs(("trtrs",), (a, b))
        x, info = trtrs(a, columns.reshape(a.shape[0], -1), lower=True)
        x = x if info == 0 else np.full_like(x, np.nan)
        return np.moveaxis(x.reshape(columns.shape), 0, -2)
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = np.empty((*batch, *b.shape[-2:]), dtype=b.dtype)
    for i in range(a.shape[-1]):
        known = np.matmul(a[..., i : i + 1, :i], x[..., :i, :])[..., 0, :]
        x[..., i, :] = (b[..., i, :] - known) / a[..., i, i, None]
    return x


def stop_gradient(x: np.ndarray, /) -> np.ndarray:
    """Return `x`: NumPy does not differentiate."""
    return x


def to_numpy(x: Any, /) -> np.ndarray:
    """Return the array itself."""
    return np.asarray(x)


def optimizer_step(
    optimizer: Any, arrays: list[Any], learning_rate: float | None, /
) -> Callable[[list[Any]], list[Any]]:
    """Raise TypeError: NumPy has no optimizers."""
    raise TypeError(f"optimizer is {optimizer!r}; NumPy has none of its own, so pass the name of one")


def value_and_grad(function: Callable[..., np.ndarray], /) -> Callable[..., tuple[np.ndarray, list[np.ndarray]]]:
    """Return a function to the value of `function` and the gradients of its sum, by central differences.

    They are of the sixth order, at steps where the error of the formula and that of rounding are about equal.
    """
    axes: int | None = None  # of the value

    def both(*arrays: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        nonlocal axes
        with np.errstate(all="ignore"):
            if axes is None:
                axes = np.ndim(function(*arrays))
            steps = [_step(x) for x in arrays]
            value, gradients = _differences(function, arrays, steps, axes)
            for _ in range(4):
                wrong = [~np.isfinite(g) for g in gradients]
                if not (np.isfinite(value).all() and builtins.any(w.any() for w in wrong)):
                    break
                # It may be infinite where a parameter leaves its domain.
                steps = [np.where(w, h / 16, h) for w, h in zip(wrong, steps, strict=True)]
                value, gradients = _differences(function, arrays, steps, axes)
        return value, gradients

    return both


def _step(x: np.ndarray) -> np.ndarray:
    power = np.round(np.log2(np.finfo(x.dtype).eps) / 6.5) + np.floor(np.log2(np.maximum(1, np.abs(x))))
    step: np.ndarray = np.exp2(power).astype(x.dtype)  # a power of 2 is added and subtracted without an error
    return step


_WEIGHTS = {1: 45 / 60, 2: -9 / 60, 3: 1 / 60}


def _differences(
    function: Callable[..., np.ndarray], arrays: tuple[np.ndarray, ...], steps: list[np.ndarray], axes: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the value of a function, and its differences over the steps, from one call for all moved arrays.

    Each of the first `axes` axes is a batch: an entry of the value depends on the entries at its place.
    """
    sizes = [math.prod(x.shape[axes:]) for x in arrays]
    moves = [(i, k, sign) for i, size in enumerate(sizes) for k in range(size) for j in _WEIGHTS for sign in (j, -j)]
    flat = [x.reshape(*x.shape[:axes], -1) for x in arrays]
    widths = [h.reshape(x.shape) for h, x in zip(steps, flat, strict=True)]
    values: list[np.ndarray] = []
    rows = builtins.max(1, 2**22 // builtins.max(1, *[x.size for x in arrays]))
    for start in range(0, len(moves) + 1, rows):
        part = [None, *moves][start : start + rows]
        moved = [np.repeat(x[None], len(part), axis=0) for x in flat]
        for row, move in enumerate(part):
            if move is not None:
                i, k, times = move
                moved[i][row, ..., k] += times * widths[i][..., k]
        values.append(np.asarray(function(*[m.reshape(-1, *x.shape) for m, x in zip(moved, arrays, strict=True)])))
    value, *others = np.concatenate(values)
    gradients = [np.zeros(x.shape, x.dtype) for x in flat]
    for n in range(0, len(moves), 2):
        i, k, times = moves[n]
        gradients[i][..., k] += _WEIGHTS[times] * (others[n] - others[n + 1]) / widths[i][..., k]
    return value, [g.reshape(x.shape) for g, x in zip(gradients, arrays, strict=True)]
