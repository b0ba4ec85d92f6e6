"""Formulas for eager tensors on the host, swept through the cache as NumPy's arrays that share their memory.

So is the derivative of the first order. Those of higher orders go through the formula in TensorFlow's own operations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from kldiv.backends import _host
from kldiv.backends._tensorflow_graphs import Derivatives, graph_of, pullback

from kldiv._arrays.protocol import Plan


def call_of(kernel: _host.Kernel, exact: Callable[..., Any], dtype: Any) -> Plan:
    """Return the values of a kernel, with derivatives."""
    core = _host.in_core(exact)

    def formula(*tensors: tf.Tensor) -> tf.Tensor:
        from kldiv.backends import tensorflow as xp

        value: tf.Tensor = exact(xp, *tensors)
        return value

    in_operations = graph_of(pullback(formula, 1))

    def exact_slopes(*arrays: Any) -> list[Any]:
        return [g.numpy() for g in in_operations(*map(tf.convert_to_tensor, (np.ones(len(arrays[0]), dtype), *arrays)))]

    def slopes(weights: tf.Tensor, *tensors: tf.Tensor) -> list[tf.Tensor]:
        needed = [True] * len(tensors)
        _, found, _ = _host.with_slopes(kernel, core, exact_slopes, [np.asarray(x) for x in tensors], needed)
        _host.weigh(found, np.asarray(weights))
        return [tf.convert_to_tensor(x) for x in found if x is not None]

    derivatives = Derivatives(formula, None if kernel.both is None else slopes)

    def call(validate: bool, *parameters: Any) -> tuple[tf.Tensor, bool]:
        tensors = [x if tf.is_tensor(x) else tf.convert_to_tensor(np.asarray(x, dtype)) for x in parameters]
        shape = tensors[0].shape
        if kernel.both is not None and any(x.shape != shape for x in tensors):
            shapes: list[Any] = [tuple(x.shape) for x in tensors]
            broadcast = tuple(np.broadcast_shapes(*shapes))
            tensors = [tf.broadcast_to(x, broadcast) for x in tensors]
        doubtful: list[bool] = []

        def values(*tensors: tf.Tensor) -> tf.Tensor:
            found, has_nan = _host.divergence(kernel, core, [np.asarray(x) for x in tensors], dtype)
            doubtful.append(has_nan)
            return tf.convert_to_tensor(found)

        value = derivatives.followed(values, *tensors)
        return value, validate and doubtful[0]

    return call
