"""Formulas for tensors on the host, swept through the cache as NumPy's arrays that share their memory.

The derivative of the first order is a sweep too, and takes no more memory than the gradient itself. Those of higher
orders, and whatever follows what is done with tensors, go through the formula in PyTorch's own operations.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from kldiv.backends import _host

from kldiv._arrays.protocol import Plan

# There are no public tests for what is_plain asks.
_internals: Any = torch._C  # pyright: ignore
_forward: Any = torch.autograd.forward_ad


def is_traced() -> bool:
    """Tell whether what is computed has no values for Python: in a compiler, under torch.func, in a dispatch mode.

    This is so of captured tensors too, whose values are known.
    """
    return (
        torch.compiler.is_compiling()
        or _internals._functorch.peek_interpreter_stack() is not None
        or bool(_internals._len_torch_dispatch_stack())
        or _internals._get_tracing_state() is not None
    )


def is_plain() -> bool:
    """Tell whether nothing follows what is done with tensors but the autograd of `backward`."""
    return not (is_traced() or _forward._current_level >= 0)


def _numbers(parameters: tuple[Any, ...], dtype: Any) -> list[Any]:
    return [x.detach().numpy() if isinstance(x, torch.Tensor) else np.asarray(x, dtype) for x in parameters]


def _in_core(exact: Callable[..., Any]) -> _host.Exact:
    """Return the core's formula for NumPy's arrays, computed by PyTorch: the backend of NumPy need not be loaded."""

    def core(*arrays: Any) -> Any:
        from kldiv.backends import torch as xp

        with torch.no_grad():
            return exact(xp, *[torch.from_numpy(np.array(x)) for x in arrays]).numpy()

    return core


def _threads(parameters: list[Any]) -> int:
    return torch.get_num_threads() if parameters[0].size > 2**20 else 1


def constant(kernel: _host.Kernel, exact: Callable[..., Any], dtype: Any, parameters: list[Any]) -> Plan:
    """Return the values of a kernel, of tensors like these that need no gradient."""
    core = _in_core(exact)
    numbers = kernel.scalar is not None and not any(np.ndim(x) for x in parameters)

    def call(validate: bool, *parameters: Any) -> tuple[torch.Tensor, bool]:
        arrays = _numbers(parameters, dtype)
        if numbers:
            value = _host.of_numbers(kernel, [float(x) for x in arrays])
            if value < math.inf:
                return torch.from_numpy(np.asarray(value, dtype)), False
        values, doubtful = _host.divergence(kernel, core, arrays, dtype, _threads(arrays))
        return torch.from_numpy(values), validate and doubtful

    return call


def differentiable(
    kernel: _host.Kernel, exact: Callable[..., Any], dtype: Any, slopes: Callable[..., Any] | None = None
) -> Plan:
    """Return the values of a kernel, with derivatives.

    Those are ``slopes(weights, needed, tensors)`` if it is given, what the kernel writes if not.
    """
    core = _in_core(exact)

    def formula(*tensors: torch.Tensor) -> torch.Tensor:
        from kldiv.backends import torch as xp

        value: torch.Tensor = exact(xp, *tensors)
        return value

    def call(validate: bool, *parameters: Any) -> tuple[torch.Tensor, bool]:
        tensors = [x if isinstance(x, torch.Tensor) else torch.from_numpy(np.asarray(x, dtype)) for x in parameters]
        shape = tensors[0].shape
        if slopes is None and any(x.shape != shape for x in tensors):
            broadcast: Any = torch.broadcast_tensors
            tensors = list(broadcast(*tensors))
        doubtful: list[bool] = []
        apply: Any = _Sweep.apply
        value = apply(kernel, core, formula, slopes, doubtful, *tensors)
        return value, validate and doubtful[0]

    return call


_FIRST = 5  # place of the first tensor among the arguments of a sweep


class _Sweep(torch.autograd.Function):
    """The sweep of a kernel as a function that autograd knows the derivative of."""

    @staticmethod
    def forward(
        ctx: Any,
        kernel: _host.Kernel,
        core: Callable[..., Any],
        formula: Callable[..., torch.Tensor],
        written: Callable[..., Any] | None,
        doubtful: list[bool],
        *tensors: torch.Tensor,
    ) -> torch.Tensor:
        ctx.kernel, ctx.core, ctx.formula, ctx.written = kernel, core, formula, written
        ctx.save_for_backward(*tensors)
        if written is None:
            value, ctx.slopes, nan = _values_and_slopes(ctx, tensors)
        else:
            arrays = [x.detach().numpy() for x in tensors]
            value, nan = _host.divergence(kernel, core, arrays, arrays[0].dtype)
        doubtful.append(nan)
        return torch.from_numpy(value)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (weights,) = grad_outputs
        tensors = ctx.saved_tensors
        needed = ctx.needs_input_grad[_FIRST:]
        found: tuple[torch.Tensor | None, ...]
        if torch.is_grad_enabled() or not is_plain() or type(weights) is not torch.Tensor:
            found = _derivatives(ctx.formula, weights, tensors, needed, create_graph=torch.is_grad_enabled())
        elif ctx.written is not None:
            with torch.autocast("cpu", enabled=False):
                found = ctx.written(weights, needed, tensors)
        else:
            # What is returned is the caller's, so another time the derivatives are computed anew.
            slopes = ctx.slopes or _values_and_slopes(ctx, tensors)[1]
            ctx.slopes = None
            _host.weigh(slopes, weights.numpy())
            found = tuple([None if x is None else torch.from_numpy(x) for x in slopes])
        return (None,) * _FIRST + found


def _values_and_slopes(ctx: Any, tensors: tuple[torch.Tensor, ...]) -> tuple[Any, list[Any], bool]:
    def exact_slopes(*arrays: Any) -> list[Any]:
        rows = tuple([torch.from_numpy(x) for x in arrays])
        weights = torch.ones(len(rows[0]), dtype=rows[0].dtype)
        found = _derivatives(ctx.formula, weights, rows, (True,) * len(rows))
        return [g.numpy() for g in found if g is not None]

    arrays = [x.detach().numpy() for x in tensors]
    needed = ctx.needs_input_grad[_FIRST:]
    return _host.with_slopes(ctx.kernel, ctx.core, exact_slopes, arrays, needed, _threads(arrays))


def _derivatives(
    formula: Callable[..., torch.Tensor],
    weights: torch.Tensor,
    tensors: tuple[torch.Tensor, ...],
    needed: tuple[bool, ...],
    create_graph: bool = False,
) -> tuple[torch.Tensor | None, ...]:
    with torch.enable_grad():
        if not create_graph:
            tensors = tuple([x.detach().requires_grad_(n) for x, n in zip(tensors, needed, strict=True)])
        wanted = [x for x, n in zip(tensors, needed, strict=True) if n]
        # The sum, for torch.autograd.grad imports hundreds of modules at the first call that has weights.
        total = (weights * formula(*tensors)).sum()
        found = iter(torch.autograd.grad(total, wanted, create_graph=create_graph, materialize_grads=True))
    return tuple([next(found) if n else None for n in needed])
