"""NumPy: array-api-compat's namespace, SciPy's special functions, and linear algebra that marks failure with nan."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from array_api_compat.numpy import (
    abs as abs,
)
from array_api_compat.numpy import (
    all as all,
)
from array_api_compat.numpy import (
    any as any,
)
from array_api_compat.numpy import (
    asarray as asarray,
)
from array_api_compat.numpy import (
    astype as astype,
)
from array_api_compat.numpy import (
    broadcast_arrays as broadcast_arrays,
)
from array_api_compat.numpy import (
    cumulative_sum as cumulative_sum,
)
from array_api_compat.numpy import (
    divide as divide,
)
from array_api_compat.numpy import (
    exp as exp,
)
from array_api_compat.numpy import (
    expm1 as expm1,
)
from array_api_compat.numpy import (
    finfo as finfo,
)
from array_api_compat.numpy import (
    flip as flip,
)
from array_api_compat.numpy import (
    float32 as float32,
)
from array_api_compat.numpy import (
    float64 as float64,
)
from array_api_compat.numpy import (
    floor as floor,
)
from array_api_compat.numpy import (
    isdtype as isdtype,
)
from array_api_compat.numpy import (
    isfinite as isfinite,
)
from array_api_compat.numpy import (
    isnan as isnan,
)
from array_api_compat.numpy import (
    log as log,
)
from array_api_compat.numpy import (
    log1p as log1p,
)
from array_api_compat.numpy import (
    matmul as matmul,
)
from array_api_compat.numpy import (
    matrix_transpose as matrix_transpose,
)
from array_api_compat.numpy import (
    max as max,
)
from array_api_compat.numpy import (
    ones_like as ones_like,
)
from array_api_compat.numpy import (
    result_type as result_type,
)
from array_api_compat.numpy import (
    sqrt as sqrt,
)
from array_api_compat.numpy import (
    sum as sum,
)
from array_api_compat.numpy import (
    tril as tril,
)
from array_api_compat.numpy import (
    triu as triu,
)
from array_api_compat.numpy import (
    where as where,
)
from array_api_compat.numpy import (
    zeros_like as zeros_like,
)
from array_api_compat.numpy.linalg import diagonal as diagonal
from numpy.linalg import eigvalsh as eigvalsh
from scipy.linalg.lapack import get_lapack_funcs
from scipy.special import gammaln as gammaln
from scipy.special import xlogy as xlogy

differentiable = False


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
    def quiet(*args: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*args)

    return quiet


def default_dtype() -> Any:
    """Return float64."""
    return np.dtype(np.float64)


def is_concrete(x: Any, /) -> bool:
    """NumPy's arrays always have values."""
    return True


def like(value: Any, other: Any, dtype: Any, /) -> np.ndarray:
    """Return numbers as an array."""
    return np.asarray(value, dtype=dtype)


def shape(x: np.ndarray, /) -> tuple[int | None, ...]:
    """Return the shape."""
    return x.shape


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
