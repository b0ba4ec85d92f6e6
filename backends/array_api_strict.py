"""The array API standard and nothing more: `array_api_strict`, which proves that the core uses only standard names.

Special functions are SciPy's, by way of NumPy.
"""

from collections.abc import Callable
from typing import Any

import array_api_strict
import numpy as np
from array_api_strict import (
    abs as abs,
)
from array_api_strict import (
    all as all,
)
from array_api_strict import (
    any as any,
)
from array_api_strict import (
    asarray as asarray,
)
from array_api_strict import (
    astype as astype,
)
from array_api_strict import (
    broadcast_arrays as broadcast_arrays,
)
from array_api_strict import (
    cumulative_sum as cumulative_sum,
)
from array_api_strict import (
    divide as divide,
)
from array_api_strict import (
    exp as exp,
)
from array_api_strict import (
    expm1 as expm1,
)
from array_api_strict import (
    finfo as finfo,
)
from array_api_strict import (
    flip as flip,
)
from array_api_strict import (
    float32 as float32,
)
from array_api_strict import (
    float64 as float64,
)
from array_api_strict import (
    floor as floor,
)
from array_api_strict import (
    isdtype as isdtype,
)
from array_api_strict import (
    isfinite as isfinite,
)
from array_api_strict import (
    isnan as isnan,
)
from array_api_strict import (
    log as log,
)
from array_api_strict import (
    log1p as log1p,
)
from array_api_strict import (
    matmul as matmul,
)
from array_api_strict import (
    matrix_transpose as matrix_transpose,
)
from array_api_strict import (
    max as max,
)
from array_api_strict import (
    ones_like as ones_like,
)
from array_api_strict import (
    result_type as result_type,
)
from array_api_strict import (
    sqrt as sqrt,
)
from array_api_strict import (
    sum as sum,
)
from array_api_strict import (
    tril as tril,
)
from array_api_strict import (
    triu as triu,
)
from array_api_strict import (
    where as where,
)
from array_api_strict import (
    zeros_like as zeros_like,
)
from kldiv.backends import numpy as _numpy

differentiable = False


def _through_numpy(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*arrays: Any) -> Any:
        return asarray(function(*(to_numpy(a) for a in arrays)))

    wrapped.__doc__ = function.__doc__
    return wrapped


cholesky = _through_numpy(_numpy.cholesky)
diagonal = array_api_strict.linalg.diagonal
eigvalsh = array_api_strict.linalg.eigvalsh
gammaln = _through_numpy(_numpy.gammaln)
solve_triangular = _through_numpy(_numpy.solve_triangular)
xlogy = _through_numpy(_numpy.xlogy)
compiled = _numpy.compiled


def default_dtype() -> Any:
    """Return float64."""
    return array_api_strict.float64


def is_concrete(x: Any, /) -> bool:
    """Strict arrays always have values."""
    return True


def like(value: Any, other: Any, dtype: Any, /) -> Any:
    """Return numbers as an array."""
    return asarray(np.asarray(value).tolist(), dtype=dtype)


def shape(x: Any, /) -> tuple[int | None, ...]:
    """Return the shape."""
    return tuple(x.shape)


def stop_gradient(x: Any, /) -> Any:
    """Return `x`: there are no derivatives in the standard."""
    return x


def to_numpy(x: Any, /) -> np.ndarray:
    """Return the values as a NumPy array."""
    return np.from_dlpack(x)
