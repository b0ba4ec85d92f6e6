"""The array API standard and nothing more: `array_api_strict`, which proves that the core uses only standard names.

Special functions are SciPy's, by way of NumPy.
"""

from collections.abc import Callable, Hashable
from typing import Any

import array_api_strict
import numpy as np
from array_api_strict import (
    abs as abs,
    all as all,
    any as any,
    argsort as argsort,
    asarray as asarray,
    astype as astype,
    atan as atan,
    broadcast_arrays as broadcast_arrays,
    concat as concat,
    cos as cos,
    cumulative_sum as cumulative_sum,
    divide as divide,
    exp as exp,
    expm1 as expm1,
    finfo as finfo,
    flip as flip,
    float32 as float32,
    float64 as float64,
    floor as floor,
    isdtype as isdtype,
    isfinite as isfinite,
    isnan as isnan,
    log as log,
    log1p as log1p,
    matmul as matmul,
    matrix_transpose as matrix_transpose,
    max as max,
    ones_like as ones_like,
    result_type as result_type,
    sin as sin,
    sqrt as sqrt,
    sum as sum,
    take_along_axis as take_along_axis,
    tanh as tanh,
    tril as tril,
    triu as triu,
    where as where,
    zeros_like as zeros_like,
)
from kldiv.backends import _array_api_strict_random as _random, numpy as _numpy

from kldiv._arrays.protocol import FastPathRequest, Plan

map_chunks = None
eager_is_slow = False
random = _random.Random
differentiable = False
map_blocks = None


def _through_numpy(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*arrays: Any) -> Any:
        return asarray(function(*(to_numpy(a) for a in arrays)))

    wrapped.__doc__ = function.__doc__
    return wrapped


cholesky = _through_numpy(_numpy.cholesky)
diagonal = array_api_strict.linalg.diagonal
eigvalsh = array_api_strict.linalg.eigvalsh
erf = _through_numpy(_numpy.erf)
gammaln = _through_numpy(_numpy.gammaln)
i0e = _through_numpy(_numpy.i0e)
i1e = _through_numpy(_numpy.i1e)
pad_last_axis = _through_numpy(_numpy.pad_last_axis)
solve = _through_numpy(_numpy.solve)
solve_triangular = _through_numpy(_numpy.solve_triangular)
xlogy = _through_numpy(_numpy.xlogy)


def compiled(function: Callable[..., Any], /) -> Callable[..., Any]:
    """Return `function`, silent about the branches of a kernel that are computed but not taken."""
    return np.errstate(all="ignore")(function)


def widest_dtype(x: Any, /) -> Any:
    """Return the widest float dtype that the framework has on the device of `x`."""
    return array_api_strict.float64


def default_dtype() -> Any:
    """Return float64."""
    return array_api_strict.float64


def scan(step: Callable[..., Any], state: Any, items: tuple[Any, ...], /) -> Any:
    """Return the last of the states ``state = step(state, *item)``, with items along the third axis from the end."""
    for k in range(items[0].shape[-3]):
        state = step(state, *(x[..., k, :, :] for x in items))
    return state


def has_nan(x: Any, /) -> bool:
    """Tell whether there is a nan."""
    return bool(np.isnan(to_numpy(x)).any())


def from_host(values: np.ndarray, other: Any, /) -> Any:
    """Return a strict array that shares the memory."""
    return array_api_strict.from_dlpack(values)


def host_view(x: Any, /) -> np.ndarray:
    """Return the values as a NumPy array."""
    return to_numpy(x)


def is_concrete(x: Any, /) -> bool:
    """Strict arrays always have values."""
    return True


def asarray_like(value: Any, other: Any, dtype: Any, /) -> Any:
    """Return numbers as an array."""
    return asarray(np.asarray(value).tolist(), dtype=dtype)


def ignore_warnings() -> np.errstate:
    """Return a context without warnings about what is computed and not taken."""
    return np.errstate(all="ignore")


def block_until_ready(x: Any, /) -> None:
    """Do nothing: operations are done when they return."""


def shape(x: Any, /) -> tuple[int | None, ...]:
    """Return the shape."""
    return tuple(x.shape)


lengths = shape


def fast_path(wanted: FastPathRequest, /) -> Plan | None:
    """Return None: this namespace is there to show what the core uses."""
    return None


def signature(x: Any, /) -> Hashable:
    """Return dtype and shape, in a word: these dtypes refuse to be compared with NumPy's."""
    return f"{x.dtype} {x.shape}"


def stop_gradient(x: Any, /) -> Any:
    """Return `x`: there are no derivatives in the standard."""
    return x


def to_numpy(x: Any, /) -> np.ndarray:
    """Return the values as a NumPy array."""
    return np.from_dlpack(x)


optimizer_step = _numpy.optimizer_step


def value_and_grad(function: Callable[..., Any], /) -> Callable[..., tuple[Any, list[Any]]]:
    """Return a function to the value of `function` and the gradients of its sum, by central differences."""
    graded = _numpy.value_and_grad(lambda *arrays: to_numpy(function(*map(asarray, arrays))))

    def both(*arrays: Any) -> tuple[Any, list[Any]]:
        value, gradients = graded(*map(to_numpy, arrays))
        return asarray(value), [asarray(g) for g in gradients]

    return both
