"""PyTorch: array-api-compat's namespace, `torch.special`, and linear algebra that marks failure with nan."""

import builtins
import contextlib
import sys
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import torch
from array_api_compat.torch import (
    all as all,
    any as any,
    asarray as asarray,
    astype as astype,
    broadcast_arrays as broadcast_arrays,
    concat as concat,
    divide as divide,
    finfo as finfo,
    flip as flip,
    isdtype as isdtype,
    matrix_transpose as matrix_transpose,
    max as max,
    result_type as result_type,
    sum as sum,
    tril as tril,
    triu as triu,
    where as where,
)
from kldiv.backends import _host, _torch_covariance, _torch_random as _random, _torch_sweep
from torch import (
    abs as abs,
    atan as atan,
    cos as cos,
    exp as exp,
    expm1 as expm1,
    float32 as float32,
    float64 as float64,
    floor as floor,
    isfinite as isfinite,
    isnan as isnan,
    log as log,
    log1p as log1p,
    ones_like as ones_like,
    sin as sin,
    sqrt as sqrt,
    tanh as tanh,
    zeros_like as zeros_like,
)
from torch.autograd import forward_ad
from torch.linalg import diagonal as diagonal, eigvalsh as eigvalsh
from torch.special import erf as erf, gammaln as gammaln, i0e as i0e, i1e as i1e, xlogy as xlogy

from kldiv._arrays.protocol import FastPathRequest, Plan
from kldiv._numerics import gaps

_NUMPY_DTYPES = {torch.float32: np.dtype(np.float32), torch.float64: np.dtype(np.float64)}
_PLAIN = (torch.Tensor, torch.nn.Parameter)
_own: Any = sys.modules[__name__]  # looked up here, for torch.compile keeps a list of modules from before this one
eager_is_slow = False
random = _random.Random
differentiable = True
map_blocks = None


def map_chunks(
    function: Callable[..., torch.Tensor], dtype: Any, arrays: list[torch.Tensor], event: list[int], /
) -> torch.Tensor | None:
    """Return what a function makes of the parts of DTensors, part by part; None for tensors that are in one piece."""
    if not _is_distributed(arrays[0]):
        return None
    from kldiv.backends import _dtensor

    return _dtensor.map_chunks(function, arrays, event)


def _is_distributed(x: torch.Tensor) -> bool:
    return hasattr(x, "device_mesh")


def cholesky(x: torch.Tensor, /) -> torch.Tensor:
    """Return the lower Cholesky factors; nan where a matrix has none."""
    factor, info = torch.linalg.cholesky_ex(x)
    return torch.where((info == 0)[..., None, None], factor, torch.nan)


def compiled(function: Callable[..., Any], /) -> Callable[..., Any]:
    """Return `function` itself: compiling it takes seconds, which is for the caller to choose."""
    return function


def argsort(x: torch.Tensor, /, *, axis: int = -1) -> torch.Tensor:
    """Return the indices that sort `x` along `axis`."""
    return torch.argsort(x, dim=axis)


def cumulative_sum(x: torch.Tensor, /, *, axis: int | None = None) -> torch.Tensor:
    """Return the sums up to each entry along `axis`; array-api-compat's way there warns under `torch.compile`."""
    return torch.cumsum(x, dim=0 if axis is None else axis)


def widest_dtype(x: torch.Tensor, /) -> torch.dtype:
    """Return the widest float dtype that the framework has on the device of `x`."""
    return torch.float32 if x.device.type == "mps" else torch.float64


def default_dtype() -> torch.dtype:
    """Return `torch.get_default_dtype()`."""
    return torch.get_default_dtype()


def scan(step: Callable[..., Any], state: Any, items: tuple[torch.Tensor, ...], /) -> Any:
    """Return the last of the states ``state = step(state, *item)``, with items along the third axis from the end."""
    for k in range(items[0].shape[-3]):
        state = step(state, *(x[..., k, :, :] for x in items))
    return state


def has_nan(x: torch.Tensor, /) -> bool:
    """Tell whether there is a nan."""
    return bool(torch.isnan(x).any())


def from_host(values: Any, other: torch.Tensor, /) -> torch.Tensor:
    """Return a tensor that shares the memory."""
    return torch.from_numpy(values)


def host_view(x: torch.Tensor, /) -> Any:
    """Return the memory of a plain tensor on the CPU that needs no gradient, backwards or forwards."""
    if type(x) not in (torch.Tensor, torch.nn.Parameter) or x.device.type != "cpu":
        return None
    unpack: Any = forward_ad.unpack_dual
    if (x.requires_grad and torch.is_grad_enabled()) or unpack(x).tangent is not None:
        return None
    return x.detach().resolve_neg().numpy()


def is_concrete(x: torch.Tensor, /) -> bool:
    """Tell whether Python may look at what is computed of `x`: not while it is traced, nor on the meta device."""
    return not (_torch_sweep.is_traced() or x.is_meta)


def asarray_like(value: Any, other: Any, dtype: torch.dtype, /) -> torch.Tensor:
    """Return numbers as a tensor on the device of `other`."""
    made = torch.asarray(value, dtype=dtype, device=None if other is None else other.device)
    if other is None or not _is_distributed(other):
        return made
    from kldiv.backends import _dtensor

    return _dtensor.replicated(made, other)


def log_ratio(a: torch.Tensor, b: torch.Tensor, /) -> torch.Tensor:
    """Return log(a / b) for positive a and b; without what derivatives need where none can be taken."""
    backwards = torch.is_grad_enabled() and (a.requires_grad or b.requires_grad)
    # There are no public tests for these; torch.compile can follow them.
    forwards = forward_ad._current_level >= 0  # pyright: ignore
    transformed = torch._C._are_functorch_transforms_active()  # pyright: ignore
    kernel = gaps.log_ratio.plain if backwards or forwards or transformed else gaps.log_of_quotient
    value: torch.Tensor = kernel(_own, a, b)
    return value


def matmul(x1: torch.Tensor, x2: torch.Tensor, /) -> torch.Tensor:
    """Return the matrix product, in the dtype of the matrices under autocast too, which would round them to 16 bits."""
    device = x1.device.type
    if x1.is_meta or not torch.is_autocast_enabled(device):
        return torch.matmul(x1, x2)
    with torch.autocast(device, enabled=False):
        return torch.matmul(x1, x2)


def pad_last_axis(x: torch.Tensor, other: torch.Tensor, /) -> torch.Tensor:
    """Return `x` with zeros appended to its last axis, up to the length of that of `other`."""
    more = builtins.max(0, other.shape[-1] - x.shape[-1])
    return torch.nn.functional.pad(x, (0, more)) if more else x


def ignore_warnings() -> contextlib.AbstractContextManager[None]:
    """Return a context without warnings about what is computed and not taken: there are none."""
    return contextlib.nullcontext()


def block_until_ready(x: torch.Tensor, /) -> None:
    """Do nothing: operations are done when they return."""


def shape(x: torch.Tensor, /) -> tuple[int | None, ...]:
    """Return the shape."""
    return tuple(x.shape)


lengths = shape


def fast_path(wanted: FastPathRequest, /) -> Plan | None:
    """Return the sweep for a formula, if it has one and the tensors are on the host and of the dtype."""
    formula, _, parameters, dtype, exact = wanted
    tensors = [x for x in parameters if isinstance(x, torch.Tensor)]
    kernel = _host.kernel_of(formula)
    if kernel is None or dtype not in _NUMPY_DTYPES or builtins.any(x.dtype != dtype or not x.is_cpu for x in tensors):
        return None
    dtype = _NUMPY_DTYPES[dtype]
    if torch.is_grad_enabled() and builtins.any(x.requires_grad for x in tensors):
        slopes = _torch_covariance.slopes_of(formula)
        if slopes is None and kernel.both is None:
            return None
        return _torch_sweep.differentiable(kernel, exact, dtype, slopes)
    return _torch_sweep.constant(kernel, exact, dtype, parameters)


def signature(x: torch.Tensor, /) -> Hashable:
    """Return what a call depends on of a plain tensor with values, None for any other."""
    if type(x) not in _PLAIN or not _torch_sweep.is_plain():
        return None
    if x.layout is not torch.strided or x.is_nested or x.is_neg():
        return None
    # Integers have results of the default dtype.
    dtype = x.dtype if x.is_floating_point() else (x.dtype, torch.get_default_dtype())
    return dtype, x.shape, x.device, x.requires_grad and torch.is_grad_enabled()


def solve(a: torch.Tensor, b: torch.Tensor, /) -> torch.Tensor:
    """Solve `a @ x = b` for regular matrices `a`."""
    x: torch.Tensor = torch.linalg.solve_ex(a, b)[0]
    return x


def solve_triangular(a: torch.Tensor, b: torch.Tensor, /) -> torch.Tensor:
    """Solve `a @ x = b` for lower triangular `a`."""
    x: torch.Tensor = torch.linalg.solve_triangular(a, b, upper=False)
    return x


def stop_gradient(x: torch.Tensor, /) -> torch.Tensor:
    """Return the tensor detached."""
    return x.detach()


def take_along_axis(x: torch.Tensor, indices: torch.Tensor, /, *, axis: int = -1) -> torch.Tensor:
    """Return the entries of `x` at indices along `axis`."""
    return torch.take_along_dim(x, indices, dim=axis)


def to_numpy(x: torch.Tensor, /) -> Any:
    """Return the values on the host."""
    return x.detach().cpu().numpy()


def optimizer_step(
    optimizer: Any, arrays: list[torch.Tensor], learning_rate: float | None, /
) -> Callable[[list[torch.Tensor]], list[torch.Tensor]]:
    """Return the updates of a class of `torch.optim`, or of what a function makes of a list of tensors."""
    if not callable(optimizer):
        raise TypeError(
            f"optimizer is {optimizer!r}; for PyTorch pass a class of torch.optim, or a function that makes an "
            "optimizer for a list of tensors"
        )
    leaves = [x.detach().clone().requires_grad_() for x in arrays]
    if learning_rate is not None and not isinstance(optimizer, type):
        raise TypeError("a function that makes an optimizer sets its learning rate; pass none to fit")
    made: Any = optimizer(leaves) if learning_rate is None else optimizer(leaves, lr=learning_rate)
    if not isinstance(made, torch.optim.Optimizer):
        raise TypeError(f"optimizer made a {type(made).__name__} of a list of tensors, not a torch.optim.Optimizer")

    def update(gradients: list[torch.Tensor]) -> list[torch.Tensor]:
        for leaf, gradient in zip(leaves, gradients, strict=True):
            leaf.grad = gradient.clone()
        made.step()
        return [leaf.detach().clone() for leaf in leaves]

    return update


def value_and_grad(function: Callable[..., torch.Tensor], /) -> Callable[..., tuple[torch.Tensor, list[torch.Tensor]]]:
    """Return a function to the value of `function` and the gradients of its sum."""

    def both(*arrays: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        with torch.enable_grad():
            leaves = [x.detach().clone().requires_grad_() for x in arrays]
            value = function(*leaves)
            gradients = torch.autograd.grad(value.sum(), leaves, materialize_grads=True)
        return value.detach(), list(gradients)

    return both
