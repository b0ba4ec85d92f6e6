"""TensorFlow as an array namespace, written over plain ops; eager calls run as compiled graphs.

`tf.experimental.numpy` will not do: it needs a process-wide switch that changes the caller's own results.
"""

import builtins
import contextlib
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from kldiv.backends import _host, _tensorflow_graphs as _graphs, _tensorflow_random as _random, _tensorflow_sweep

from kldiv._arrays.protocol import FastPathRequest, Plan

float32 = tf.float32
float64 = tf.float64

abs = tf.math.abs
atan = tf.math.atan
cos = tf.math.cos
diagonal = tf.linalg.diag_part
divide = tf.math.divide
eigvalsh = tf.linalg.eigvalsh
erf = tf.math.erf
exp = tf.math.exp
expm1 = tf.math.expm1
floor = tf.math.floor
gammaln = tf.math.lgamma
i0e = tf.math.bessel_i0e
i1e = tf.math.bessel_i1e
isfinite = tf.math.is_finite
isnan = tf.math.is_nan
log = tf.math.log
log1p = tf.math.log1p
matmul = tf.linalg.matmul
matrix_transpose = tf.linalg.matrix_transpose
ones_like = tf.ones_like
sin = tf.math.sin
sqrt = tf.math.sqrt
tanh = tf.math.tanh
xlogy = tf.math.xlogy
zeros_like = tf.zeros_like

_KINDS = {
    "real floating": (tf.bfloat16, tf.float16, tf.float32, tf.float64),
    "integral": (tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8, tf.uint16, tf.uint32, tf.uint64),
}


class _FloatInfo(NamedTuple):
    bits: int
    eps: float
    max: float
    smallest_normal: float


_FLOAT_INFO = {
    tf.bfloat16: _FloatInfo(16, 2.0**-7, 3.3895313892515355e38, 2.0**-126),
    **{
        dtype: _FloatInfo(i.bits, float(i.eps), float(i.max), float(i.smallest_normal))
        for dtype in (tf.float16, tf.float32, tf.float64)
        for i in [np.finfo(dtype.name)]
    },
}

map_chunks = None
compiled = _graphs.compiled
eager_is_slow = False
random = _random.Random
differentiable = True
map_blocks = None


def all(x: tf.Tensor, /, *, axis: Any = None) -> tf.Tensor:
    """Tell whether all are true along `axis`."""
    return tf.math.reduce_all(x, axis=axis)


def any(x: tf.Tensor, /, *, axis: Any = None) -> tf.Tensor:
    """Tell whether any is true along `axis`."""
    return tf.math.reduce_any(x, axis=axis)


def argsort(x: tf.Tensor, /, *, axis: int = -1) -> tf.Tensor:
    """Return the indices that sort `x` along `axis`."""
    return tf.argsort(x, axis=axis)


def asarray(obj: Any, /, *, dtype: Any = None) -> tf.Tensor:
    """Return numbers as a tensor."""
    return tf.convert_to_tensor(obj, dtype=dtype)


def astype(x: tf.Tensor, dtype: Any, /) -> tf.Tensor:
    """Return `x` in another dtype."""
    return x if x.dtype == dtype else tf.cast(x, dtype)


def broadcast_arrays(*arrays: tf.Tensor) -> list[tf.Tensor]:
    """Return the arrays, broadcast against each other."""
    shape = tf.shape(arrays[0])
    for x in arrays[1:]:
        shape = tf.broadcast_dynamic_shape(shape, tf.shape(x))
    return [tf.broadcast_to(x, shape) for x in arrays]


def cholesky(x: tf.Tensor, /) -> tf.Tensor:
    """Return the lower Cholesky factors; nan where a matrix has none."""
    return tril(tf.linalg.cholesky(x))


def concat(arrays: Any, /, *, axis: int | None = 0) -> tf.Tensor:
    """Return the arrays joined along `axis`."""
    return tf.concat(list(arrays), 0 if axis is None else axis)


def cumulative_sum(x: tf.Tensor, /, *, axis: int | None = None) -> tf.Tensor:
    """Return the sums up to each entry along `axis`."""
    return tf.math.cumsum(x, axis=0 if axis is None else axis)


def widest_dtype(x: Any, /) -> Any:
    """Return the widest float dtype that the framework has on the device of `x`."""
    return tf.float64


def default_dtype() -> Any:
    """Return float32."""
    return tf.float32


def finfo(type: Any, /) -> _FloatInfo:
    """Return the properties of a float dtype."""
    return _FLOAT_INFO[type]


def flip(x: tf.Tensor, /, *, axis: Any = None) -> tf.Tensor:
    """Reverse `x` along a sequence of axes."""
    return tf.reverse(x, axis)


def scan(step: Callable[..., Any], state: Any, items: tuple[tf.Tensor, ...], /) -> Any:
    """Return the last of the states ``state = step(state, *item)``, with items along the third axis from the end."""

    def keep_shape(state: Any, item: tuple[tf.Tensor, ...]) -> Any:
        return tf.nest.map_structure(lambda new, old: tf.ensure_shape(new, old.shape), step(state, *item), state)

    def items_first(x: tf.Tensor) -> tf.Tensor:
        *batch, item, row, column = range(x.shape.rank)
        return tf.transpose(x, [item, *batch, row, column])

    unchanged: Any = tf.autograph.experimental.do_not_convert  # AutoGraph need not rewrite a step
    return tf.foldl(unchanged(keep_shape), tuple([items_first(x) for x in items]), initializer=state)


def has_nan(x: tf.Tensor, /) -> bool:
    """Tell whether there is a nan."""
    return bool(np.isnan(x.numpy()).any())  # a scalar of bfloat16 has no __array__


def from_host(values: np.ndarray, other: tf.Tensor, /) -> tf.Tensor:
    """Return a tensor that shares the memory."""
    return tf.experimental.dlpack.from_dlpack(values.__dlpack__())


def host_view(x: tf.Tensor, /) -> np.ndarray | None:
    """Return the memory of a tensor on the CPU, unless a tape or a forward accumulator is active."""
    return None if "CPU" not in x.device or _graphs.is_followed() else np.asarray(x)


def is_concrete(x: tf.Tensor, /) -> bool:
    """Tell whether `x` has values: a tensor of a graph under construction has none."""
    return tf.executing_eagerly() and not tf.is_symbolic_tensor(x)


def isdtype(dtype: Any, kind: str) -> bool:
    """Tell whether `dtype` is of a kind."""
    return dtype in _KINDS[kind]


def asarray_like(value: Any, other: tf.Tensor | None, dtype: Any, /) -> tf.Tensor:
    """Return numbers as a tensor; TensorFlow moves it to the device of the others."""
    return tf.constant(np.asarray(value, dtype=dtype.as_numpy_dtype))


def max(x: tf.Tensor, /, *, axis: Any = None, keepdims: bool = False) -> tf.Tensor:
    """Return the largest along `axis`."""
    return tf.math.reduce_max(x, axis=axis, keepdims=keepdims)


def ignore_warnings() -> contextlib.AbstractContextManager[None]:
    """Return a context without warnings about what is computed and not taken: there are none."""
    return contextlib.nullcontext()


def result_type(*dtypes: Any) -> Any:
    """Return the float dtype that holds the others."""
    widest = builtins.max(dtypes, key=lambda d: _FLOAT_INFO[d].bits)
    return tf.float32 if len(set(dtypes)) > 1 and _FLOAT_INFO[widest].bits == 16 else widest


def pad_last_axis(x: tf.Tensor, other: tf.Tensor, /) -> tf.Tensor:
    """Return `x` with zeros appended to its last axis, up to the length of that of `other`."""
    more = tf.maximum(0, tf.shape(other)[-1] - tf.shape(x)[-1])
    paddings: Any = [*[[0, 0]] * (x.shape.rank - 1), [0, more]]
    return tf.pad(x, paddings)


def block_until_ready(x: tf.Tensor, /) -> None:
    """Do nothing: operations are done when they return."""


def shape(x: tf.Tensor, /) -> tuple[int | None, ...]:
    """Return the static shape; None stands for a length that is not known while tracing."""
    rank: Any = x.shape.rank
    if rank is None:
        raise ValueError("a tensor of unknown rank; give it one with tf.ensure_shape or an input_signature")
    return tuple(x.shape)


def lengths(x: tf.Tensor, /) -> list[Any]:
    """Return the shape, with scalars in place of lengths that are not known while tracing."""
    known = tf.shape(x)
    return [known[i] if length is None else length for i, length in enumerate(x.shape)]


def fast_path(wanted: FastPathRequest, /) -> Plan | None:
    """Return the sweep for a formula, if it has one and the tensors are on the host and of the dtype."""
    formula, _, parameters, dtype, exact = wanted
    tensors = [x for x in parameters if tf.is_tensor(x)]
    kernel = _host.kernel_of(formula)
    if kernel is None or dtype not in (tf.float32, tf.float64):
        return None
    if builtins.any(x.dtype != dtype or "CPU" not in x.device for x in tensors):
        return None
    return _tensorflow_sweep.call_of(kernel, exact, np.dtype(dtype.as_numpy_dtype))


def signature(x: tf.Tensor, /) -> Hashable:
    """Return dtype, shape and device where there is no graph under construction."""
    return (x.dtype, tuple(x.shape), x.device) if is_concrete(x) else None


def solve(a: tf.Tensor, b: tf.Tensor, /) -> tf.Tensor:
    """Solve `a @ x = b` for regular matrices `a`."""
    return tf.linalg.solve(a, b)


def solve_triangular(a: tf.Tensor, b: tf.Tensor, /) -> tf.Tensor:
    """Solve `a @ x = b` for lower triangular `a`."""
    return tf.linalg.triangular_solve(a, b, lower=True)


def sum(x: tf.Tensor, /, *, axis: Any = None, keepdims: bool = False) -> tf.Tensor:
    """Return the sum along `axis`."""
    return tf.math.reduce_sum(x, axis=axis, keepdims=keepdims)


def stop_gradient(x: tf.Tensor, /) -> tf.Tensor:
    """Return the tensor as a constant to differentiation."""
    return tf.stop_gradient(x)


def take_along_axis(x: tf.Tensor, indices: tf.Tensor, /, *, axis: int = -1) -> tf.Tensor:
    """Return the entries of `x` at indices along the last axis, the only one that the core asks for."""
    return tf.gather(x, indices, axis=axis, batch_dims=len(x.shape) - 1)


def to_numpy(x: tf.Tensor, /) -> np.ndarray:
    """Return the values on the host."""
    return np.asarray(x)


def optimizer_step(
    optimizer: Any, arrays: list[tf.Tensor], learning_rate: float | None, /
) -> Callable[[list[tf.Tensor]], list[tf.Tensor]]:
    """Return the updates of a Keras optimizer, or of a class of them."""
    if isinstance(optimizer, type):
        optimizer = optimizer() if learning_rate is None else optimizer(learning_rate=learning_rate)
    elif learning_rate is not None:
        raise TypeError("a Keras optimizer has its own learning rate; pass none to fit")
    if not hasattr(optimizer, "apply_gradients"):
        raise TypeError(f"optimizer is {optimizer!r}; for TensorFlow pass a Keras optimizer, such as SGD(0.1)")
    variables = [tf.Variable(x) for x in arrays]

    def update(gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return [tf.convert_to_tensor(x) for x in variables]

    return update


def value_and_grad(function: Callable[..., tf.Tensor], /) -> Callable[..., tuple[tf.Tensor, list[tf.Tensor]]]:
    """Return a function to the value of `function` and the gradients of its sum, as a graph."""

    def both(*arrays: tf.Tensor) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(arrays)
            value = function(*arrays)
        return value, tape.gradient(value, list(arrays), unconnected_gradients=tf.UnconnectedGradients.ZERO)

    graph: Callable[..., Any] = tf.function(both, autograph=False)
    return graph


def _difference_of_indices(x: tf.Tensor) -> tf.Tensor:
    rows, columns = tf.unstack(tf.shape(x)[-2:])
    return tf.range(columns)[None, :] - tf.range(rows)[:, None]


def tril(x: tf.Tensor, /, *, k: int = 0) -> tf.Tensor:
    """Return the lower triangle, from the k-th diagonal down."""
    return tf.where(_difference_of_indices(x) <= k, x, tf.zeros((), x.dtype))


def triu(x: tf.Tensor, /, *, k: int = 0) -> tf.Tensor:
    """Return the upper triangle, from the k-th diagonal up."""
    return tf.where(_difference_of_indices(x) >= k, x, tf.zeros((), x.dtype))


def where(condition: tf.Tensor, x1: Any, x2: Any, /) -> tf.Tensor:
    """Return x1 where the condition holds and x2 elsewhere; either may be a number."""
    if not tf.is_tensor(x1) and not tf.is_tensor(x2):
        x1, x2 = tf.constant(x1, tf.float32), tf.constant(x2, tf.float32)
    elif not tf.is_tensor(x1):
        x1 = tf.constant(x1, x2.dtype)
    elif not tf.is_tensor(x2):
        x2 = tf.constant(x2, x1.dtype)
    return tf.where(condition, x1, x2)
