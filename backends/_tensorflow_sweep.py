"""Formulas for eager tensors on the host, swept through the cache as NumPy's arrays that share their memory.

So is the derivative of the first order. Those of higher orders, and whatever is traced, go through the formula in
TensorFlow's own operations.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from kldiv.backends import _host

from kldiv._arrays.protocol import Plan


def call_of(kernel: _host.Kernel, exact: Callable[..., Any], dtype: Any) -> Plan:
    """Return the values of a kernel, with derivatives."""
    core = _host.in_core(exact)

    @functools.cache
    def compiled() -> Callable[..., tf.Tensor]:
        from kldiv.backends import tensorflow as xp

        return xp.compiled(functools.partial(exact, xp))

    def formula(*tensors: tf.Tensor) -> tf.Tensor:
        return compiled()(*tensors)

    def values(*tensors: tf.Tensor) -> tuple[tf.Tensor, bool]:
        found, doubtful = _host.divergence(kernel, core, [np.asarray(x) for x in tensors], dtype)
        return tf.convert_to_tensor(found), doubtful

    def call(validate: bool, *parameters: Any) -> tuple[tf.Tensor, bool]:
        tensors = [x if tf.is_tensor(x) else tf.convert_to_tensor(np.asarray(x, dtype)) for x in parameters]
        shape = tensors[0].shape
        if kernel.both is not None and any(x.shape != shape for x in tensors):
            shapes: list[Any] = [tuple(x.shape) for x in tensors]
            broadcast = tuple(np.broadcast_shapes(*shapes))
            tensors = [tf.broadcast_to(x, broadcast) for x in tensors]
        found: list[bool] = []

        def divergence(*tensors: tf.Tensor) -> Any:
            value, doubtful = values(*tensors)
            found.append(doubtful)
            return value, lambda weights: _slopes(kernel, core, formula, weights, tensors)

        value = tf.custom_gradient(divergence)(*tensors)
        return value, validate and found[0]

    return call


def _slopes(
    kernel: _host.Kernel,
    core: Callable[..., Any],
    formula: Callable[..., tf.Tensor],
    weights: tf.Tensor,
    tensors: Sequence[tf.Tensor],
) -> Any:
    """Return the derivatives of the sum of values times weights, themselves differentiable."""

    def in_operations(weights: Any, *tensors: tf.Tensor) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            value: Any = formula(*tensors)
        zero = tf.UnconnectedGradients.ZERO
        return tape.gradient(value, list(tensors), weights, unconnected_gradients=zero)

    if kernel.both is None or not tf.executing_eagerly() or tf.is_symbolic_tensor(weights):
        return in_operations(weights, *tensors)

    def exact(*arrays: Any) -> list[Any]:
        rows = [tf.convert_to_tensor(x) for x in arrays]
        return [g.numpy() for g in in_operations(tf.ones(len(arrays[0]), rows[0].dtype), *rows)]

    def slopes(weights: tf.Tensor, *tensors: tf.Tensor) -> Any:
        needed = [True] * len(tensors)
        _, found, _ = _host.with_slopes(kernel, core, exact, [np.asarray(x) for x in tensors], needed)
        _host.weigh(found, np.asarray(weights))

        def gradient(*outer: tf.Tensor) -> Any:
            with tf.GradientTape() as tape:
                tape.watch([weights, *tensors])
                inner = in_operations(weights, *tensors)
            return tape.gradient(
                inner, [weights, *tensors], list(outer), unconnected_gradients=tf.UnconnectedGradients.ZERO
            )

        return [tf.convert_to_tensor(x) for x in found if x is not None], gradient

    return tf.custom_gradient(slopes)(weights, *tensors)
