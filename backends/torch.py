"""PyTorch: array-api-compat's namespace, `torch.special`, and linear algebra that marks failure with nan."""

from collections.abc import Callable
from typing import Any

import torch
from array_api_compat.torch import (
    abs as abs,
)
from array_api_compat.torch import (
    all as all,
)
from array_api_compat.torch import (
    any as any,
)
from array_api_compat.torch import (
    asarray as asarray,
)
from array_api_compat.torch import (
    astype as astype,
)
from array_api_compat.torch import (
    broadcast_arrays as broadcast_arrays,
)
from array_api_compat.torch import (
    cumulative_sum as cumulative_sum,
)
from array_api_compat.torch import (
    divide as divide,
)
from array_api_compat.torch import (
    exp as exp,
)
from array_api_compat.torch import (
    expm1 as expm1,
)
from array_api_compat.torch import (
    finfo as finfo,
)
from array_api_compat.torch import (
    flip as flip,
)
from array_api_compat.torch import (
    float32 as float32,
)
from array_api_compat.torch import (
    float64 as float64,
)
from array_api_compat.torch import (
    floor as floor,
)
from array_api_compat.torch import (
    isdtype as isdtype,
)
from array_api_compat.torch import (
    isfinite as isfinite,
)
from array_api_compat.torch import (
    isnan as isnan,
)
from array_api_compat.torch import (
    log as log,
)
from array_api_compat.torch import (
    log1p as log1p,
)
from array_api_compat.torch import (
    matmul as matmul,
)
from array_api_compat.torch import (
    matrix_transpose as matrix_transpose,
)
from array_api_compat.torch import (
    max as max,
)
from array_api_compat.torch import (
    ones_like as ones_like,
)
from array_api_compat.torch import (
    result_type as result_type,
)
from array_api_compat.torch import (
    sqrt as sqrt,
)
from array_api_compat.torch import (
    sum as sum,
)
from array_api_compat.torch import (
    tril as tril,
)
from array_api_compat.torch import (
    triu as triu,
)
from array_api_compat.torch import (
    where as where,
)
from array_api_compat.torch import (
    zeros_like as zeros_like,
)
from torch.linalg import diagonal as diagonal
from torch.linalg import eigvalsh as eigvalsh
from torch.special import gammaln as gammaln
from torch.special import xlogy as xlogy

differentiable = True


def cholesky(x: torch.Tensor, /) -> torch.Tensor:
    """Return the lower Cholesky factors; nan where a matrix has none."""
    factor, info = torch.linalg.cholesky_ex(x)
    return torch.where((info == 0)[..., None, None], factor, torch.nan)


def compiled(function: Callable[..., Any], /) -> Callable[..., Any]:
    """Return `function` itself: compiling it takes seconds, which is for the caller to choose."""
    return function


def default_dtype() -> torch.dtype:
    """Return `torch.get_default_dtype()`."""
    return torch.get_default_dtype()


def is_concrete(x: torch.Tensor, /) -> bool:
    """Tell whether `x` has values for Python: not while compiling, under torch.func, or on the meta device."""
    if torch.compiler.is_compiling():
        return False
    return not (x.is_meta or torch._C._functorch.is_functorch_wrapped_tensor(x))


def like(value: Any, other: torch.Tensor | None, dtype: torch.dtype, /) -> torch.Tensor:
    """Return numbers as a tensor on the device of `other`."""
    return torch.asarray(value, dtype=dtype, device=None if other is None else other.device)


def shape(x: torch.Tensor, /) -> tuple[int | None, ...]:
    """Return the shape."""
    return tuple(x.shape)


def solve_triangular(a: torch.Tensor, b: torch.Tensor, /) -> torch.Tensor:
    """Solve `a @ x = b` for lower triangular `a`."""
    return torch.linalg.solve_triangular(a, b, upper=False)


def stop_gradient(x: torch.Tensor, /) -> torch.Tensor:
    """Return the tensor detached."""
    return x.detach()


def to_numpy(x: torch.Tensor, /) -> Any:
    """Return the values on the host."""
    return x.detach().cpu().numpy()
