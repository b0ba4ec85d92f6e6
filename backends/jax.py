"""JAX: `jax.numpy` with `jax.scipy.special`; eager calls run compiled."""

import builtins
import contextlib
import functools
import math
import sys
from collections.abc import Callable, Hashable
from typing import Any

import jax
import jax.core
import numpy as np
from jax._src.core import trace_state_clean  # pyright: ignore  # JAX has no public name for it
from jax.numpy import (
    abs as abs,
    any as any,
    argsort as argsort,
    asarray as asarray,
    astype as astype,
    atan as atan,
    broadcast_arrays as broadcast_arrays,
    concat as concat,
    cos as cos,
    cumulative_sum as cumulative_sum,
    exp as exp,
    finfo as finfo,
    flip as flip,
    float32 as float32,
    float64 as float64,
    floor as floor,
    isdtype as isdtype,
    isfinite as isfinite,
    isnan as isnan,
    log as log,
    matmul as matmul,
    matrix_transpose as matrix_transpose,
    max as max,
    ones_like as ones_like,
    result_type as result_type,
    sin as sin,
    sqrt as sqrt,
    take_along_axis as take_along_axis,
    tanh as tanh,
    tril as tril,
    triu as triu,
    where as where,
    zeros_like as zeros_like,
)
from jax.numpy.linalg import diagonal as diagonal, eigvalsh as eigvalsh
from jax.scipy.special import erf as erf, gammaln as gammaln, i0e as i0e, i1e as i1e, xlogy as xlogy
from kldiv.backends import _host, _jax_categorical as _categorical, _jax_lapack as _lapack, _jax_random as _random
from kldiv.backends._jax_blocks import map_blocks as map_blocks
from kldiv.backends._jax_lapack import cholesky as cholesky

from kldiv._arrays.protocol import FastPathRequest, Plan
from kldiv._numerics import categorical, exact, gaps

map_chunks = None
eager_is_slow = True
random = _random.Random
differentiable = True
_own: Any = sys.modules[__name__]
_FEW = 2**12  # entries of covariance matrices, for which the call of a program takes less than that of LAPACK


def all(x: jax.Array, /, *, axis: Any = None) -> jax.Array:
    """Tell whether all are true; XLA has no vector instructions for the conjunction of truth values, but for bytes."""
    return jax.numpy.max(astype(~x, "uint8"), axis=axis, initial=0) == 0


def categorical_gap(p: jax.Array, q: jax.Array, /) -> jax.Array:
    """Return the divergence between categorical distributions with weights p and q."""
    many = _categorical.are_many(p, q)
    value: jax.Array = _categorical.probabilities_gap(p, q) if many else categorical.categorical_gap.plain(_own, p, q)
    return value


def categorical_logits_gap(a: jax.Array, b: jax.Array, /) -> jax.Array:
    """Return the divergence between categorical distributions with logits a and b."""
    many = _categorical.are_many(a, b)
    value: jax.Array = _categorical.logits_gap(a, b) if many else categorical.categorical_logits_gap.plain(_own, a, b)
    return value


def compiled(function: Callable[..., Any], /) -> Callable[..., Any]:
    """Return `function` under `jax.jit`."""
    jitted: Callable[..., Any] = jax.jit(function)
    return jitted


def widest_dtype(x: Any, /) -> Any:
    """Return the widest float dtype that the framework has on the device of `x`."""
    return result_type(float)


def default_dtype() -> Any:
    """Return float32, or float64 where JAX is set to 64 bits."""
    return result_type(float)


@jax.custom_jvp
def divide(x1: Any, x2: Any) -> jax.Array:
    """Return the quotient; JAX's own derivative forms 1 / x2^2, which overflows long before the derivative does."""
    return jax.numpy.divide(x1, x2)


def _copied(x: jax.Array) -> jax.Array:
    """Return a copy, for XLA makes a / (b * b) of the quotient of a quotient a / b by b."""
    info: Any = finfo
    return jax.numpy.maximum(x, -info(x.dtype).max)


divide.defjvps(
    lambda tangent, quotient, x1, x2: divide(tangent, x2),
    lambda tangent, quotient, x1, x2: -tangent * divide(_copied(quotient), x2),
)


def entropy_gap(a: Any, b: Any, difference: Any = None) -> jax.Array:
    """Return a log(a / b) - a + b for non-negative a and b; JAX's own second derivatives form 1 / a^2."""
    return _entropy_gap(a, b, b - a if difference is None else difference)


@jax.custom_jvp
def _entropy_gap(a: Any, b: Any, d: Any) -> jax.Array:
    value: jax.Array = gaps.entropy_gap.plain(_own, a, b, d)
    return value


@_entropy_gap.defjvp
def _entropy_gap_change(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    a, b, d = primals
    change_a, change_b, _ = tangents  # d follows from a and b
    edge = (a == 0) | (b == 0)
    near = edge | (jax.numpy.abs(d) <= 0.5 * a)
    d_near, a_near, b_near = (where(near & ~edge, x, safe) for x, safe in ((d, 0.0), (a, 1.0), (b, 1.0)))
    a_far, b_far = where(near, 1.0, a), where(near, 1.0, b)
    slope_a = where(near, -log1p(divide(d_near, a_near)), gaps.log_ratio(_own, a_far, b_far))
    slope_b = where(a == 0, 1.0, where(near, divide(d_near, b_near), 1 - divide(a_far, b_far)))
    return _entropy_gap(a, b, d), slope_a * change_a + slope_b * change_b


@jax.custom_jvp
def expm1(x: Any) -> jax.Array:
    """Return exp(x) - 1; JAX's own derivative, expm1(x) + 1, has no digits left where exp(x) is small."""
    return jax.numpy.expm1(x)


expm1.defjvps(lambda tangent, value, x: tangent * exp(x))


def log1p(x: Any, /) -> jax.Array:
    """Return log(1 + x); XLA's own is wrong by up to 120 ulps in float64."""
    value: jax.Array = gaps.log1p(_own, x)
    return value


def scan(step: Callable[..., Any], state: Any, items: tuple[jax.Array, ...], /) -> Any:
    """Return the last of the states ``state = step(state, *item)``, with items along the third axis from the end."""
    first = tuple(jax.numpy.moveaxis(x, -3, 0) for x in items)
    return jax.lax.scan(lambda state, item: (step(state, *item), None), state, first)[0]


def has_nan(x: Any, /) -> bool:
    """Tell whether there is a nan."""
    return bool(np.isnan(np.asarray(x)).any())


def from_host(values: np.ndarray, other: jax.Array, /) -> jax.Array:
    """Return an array that shares the memory, if that is aligned."""
    x: jax.Array = jax.device_put(values, other.sharding if other.committed else None, may_alias=True)
    return x


def host_view(x: Any, /) -> np.ndarray | None:
    """Return the memory of an array on one CPU."""
    devices = x.devices()
    return np.asarray(x) if len(devices) == 1 and next(iter(devices)).platform == "cpu" else None


def is_concrete(x: Any, /) -> bool:
    """Tell whether Python may look at what is computed of `x`: not of a tracer, nor while a program is made.

    Under `jit`, what is computed of an array with values, which the function has captured, is a tracer too; under
    `grad` and `vmap` alone it has values.
    """
    if isinstance(x, jax.core.Tracer):
        return False
    return trace_state_clean() or not isinstance(jax.lax.full((), 0.0), jax.core.Tracer)


def asarray_like(value: Any, other: jax.Array | None, dtype: Any, /) -> Any:
    """Return numbers as an array; uncommitted, so that it follows the others to their device."""
    return jax.numpy.asarray(np.asarray(value), dtype=dtype)


@jax.custom_jvp
def log_ratio(a: Any, b: Any) -> jax.Array:
    """Return log(a / b) for positive a and b, with the derivatives 1 / a and -1 / b."""
    value: jax.Array = gaps.log_of_quotient(_own, a, b)
    return value


log_ratio.defjvps(
    lambda tangent, value, a, b: jax.numpy.broadcast_to(divide(tangent, a), value.shape),
    lambda tangent, value, a, b: jax.numpy.broadcast_to(divide(-tangent, b), value.shape),
)


def pad_last_axis(x: jax.Array, other: jax.Array, /) -> jax.Array:
    """Return `x` with zeros appended to its last axis, up to the length of that of `other`."""
    more = builtins.max(0, other.shape[-1] - x.shape[-1])
    return jax.numpy.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, more)]) if more else x


def ignore_warnings() -> contextlib.AbstractContextManager[None]:
    """Return a context without warnings about what is computed and not taken: there are none."""
    return contextlib.nullcontext()


@jax.custom_jvp
def relative_gap(a: Any, b: Any) -> jax.Array:
    """Return a / b - 1 - log(a / b) for positive a and b; as one loop, for which XLA wants no quotient used twice."""
    less = b - a
    near = (3 * a >= b) & (a <= 3 * b)
    u = jax.numpy.maximum(-(less / b), -1.5)  # never so small: a copy of the quotient
    s = jax.numpy.maximum(-(0.5 * less / (0.5 * a + 0.5 * b)), -1.5)  # u / (2 + u)
    square = s * s
    table = gaps.ATANH_TAIL[exact.is_single(_own, a)]
    series = s * (u - 2 * square * exact.polynomial(table, where(near, square, 0.0)))
    return where(near, series, u - gaps.log_of_quotient(_own, a, b))


@relative_gap.defjvp
def _relative_gap_change(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    _, change = jax.jvp(lambda a, b: gaps.relative_gap.plain(_own, a, b), primals, tangents)
    return relative_gap(*primals), change


def block_until_ready(x: jax.Array, /) -> None:
    """Wait for an array that has values: XLA's threads for the CPU are few, and each program wants some."""
    if is_concrete(x):
        wait: Any = jax.block_until_ready
        wait(x)


def shape(x: jax.Array, /) -> tuple[int | None, ...]:
    """Return the shape."""
    return tuple(x.shape)


lengths = shape


def fast_path(wanted: FastPathRequest, /) -> Plan | None:
    """Return LAPACK's way for large or many covariance matrices on the host; for all else programs of XLA are fast."""
    formula, _, parameters, dtype, exact = wanted
    kernel = _host.kernel_of(formula)
    if kernel is None or not kernel.whole or dtype not in (float32, float64):
        return None
    if builtins.max(np.size(x) for x in parameters) < _FEW:
        return None
    core, program = _host.in_core(exact), compiled(functools.partial(exact, _own))

    def call(validate: bool, *parameters: Any) -> tuple[jax.Array, bool]:
        arrays = [x if isinstance(x, jax.Array) else asarray_like(x, None, dtype) for x in parameters]
        views = [host_view(x) for x in arrays]
        if builtins.any(view is None or view.dtype != dtype for view in views):
            value: jax.Array = program(*arrays)
            return value, validate and has_nan(value)
        values, doubtful = _host.divergence(kernel, core, views, np.dtype(dtype))
        return from_host(values, arrays[0]), validate and doubtful

    return call


def signature(x: Any, /) -> Hashable:
    """Return dtype, which is NumPy's, whether that is weak, and shape of an array that is no tracer."""
    # Integers have results of the default dtype.
    dtype = (x.dtype, default_dtype()) if x.dtype.kind in "iu" else x.dtype
    return ("jax", dtype, x.weak_type, x.shape) if is_concrete(x) else None


def solve(a: jax.Array, b: jax.Array, /) -> jax.Array:
    """Solve `a @ x = b` for regular matrices `a`."""
    solution: jax.Array = jax.numpy.linalg.solve(a, b)
    return solution


def solve_triangular(a: jax.Array, b: jax.Array, /) -> jax.Array:
    """Solve `a @ x = b` for lower triangular `a`; the batch axes broadcast."""
    more = builtins.max(0, b.ndim - a.ndim)
    # Batch axes that only `b` has become columns: XLA solves a system for each matrix of `a`, one after the other.
    columns = jax.numpy.moveaxis(b, tuple(range(more)), tuple(range(-more, 0)))
    kept = columns.shape[: b.ndim - more]
    columns = columns.reshape(*kept[:-1], math.prod(columns.shape[len(kept) - 1 :]))
    batch = jax.numpy.broadcast_shapes(a.shape[:-2], columns.shape[:-2])
    a = jax.numpy.broadcast_to(a, (*batch, *a.shape[-2:]))
    columns = jax.numpy.broadcast_to(columns, (*batch, *columns.shape[-2:]))
    x = _lapack.solve_triangular(a, columns)
    x = x.reshape(*batch, *b.shape[-2:], *b.shape[:more])
    return jax.numpy.moveaxis(x, tuple(range(-more, 0)), tuple(range(more)))


def sum(x: jax.Array, /, *, axis: Any = None, keepdims: bool = False) -> jax.Array:
    """Return sums; along a last axis as products with ones, which XLA for the CPU computes several times as fast."""
    is_long = axis == -1 and x.shape[-1] >= 32 and isdtype(x.dtype, "real floating")
    if not is_long or jax.default_backend() != "cpu":
        return jax.numpy.sum(x, axis=axis, keepdims=keepdims)
    value = jax.numpy.matmul(x, jax.numpy.ones(x.shape[-1], x.dtype))
    return value[..., None] if keepdims else value


def stop_gradient(x: jax.Array, /) -> jax.Array:
    """Return the array as a constant to differentiation."""
    return jax.lax.stop_gradient(x)


def to_numpy(x: Any, /) -> np.ndarray:
    """Return the values on the host."""
    return np.asarray(x)


def optimizer_step(
    optimizer: Any, arrays: list[jax.Array], learning_rate: float | None, /
) -> Callable[[list[jax.Array]], list[jax.Array]]:
    """Return the updates of an optax transformation."""
    if not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        raise TypeError(f"optimizer is {optimizer!r}; for JAX pass an optax transformation, such as optax.adam(0.1)")
    if learning_rate is not None:
        raise TypeError("an optax transformation has its own learning rate; pass none to fit")
    state = optimizer.init(arrays)

    @jax.jit
    def step(gradients: Any, state: Any, arrays: Any) -> Any:
        changes, state = optimizer.update(gradients, state, arrays)
        return [(x + change).astype(x.dtype) for x, change in zip(arrays, changes, strict=True)], state

    def update(gradients: list[jax.Array]) -> list[jax.Array]:
        nonlocal arrays, state
        arrays, state = step(gradients, state, arrays)
        return arrays

    return update


def value_and_grad(function: Callable[..., jax.Array], /) -> Callable[..., tuple[jax.Array, list[jax.Array]]]:
    """Return a function to the value of `function` and the gradients of its sum, under `jax.jit`."""

    def total(arrays: list[jax.Array]) -> tuple[jax.Array, jax.Array]:
        value = function(*arrays)
        return sum(value), value

    graded = jax.jit(jax.value_and_grad(total, has_aux=True))

    def both(*arrays: jax.Array) -> tuple[jax.Array, list[jax.Array]]:
        (_, value), gradients = graded(list(arrays))
        return value, gradients

    return both
