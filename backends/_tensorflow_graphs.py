"""Functions of eager tensors as graphs, whose derivatives are graphs too, each made when it is first asked for.

TensorFlow's own derivatives of a graph that two tapes follow, or an accumulator, take it apart and trace it several
times over, and accumulators do not see what a custom gradient does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import tensorflow as tf
from tensorflow.python.eager import forwardprop_util, record  # pyright: ignore  # there is nothing public for these

Function: TypeAlias = Callable[..., Any]  # of tensors, to a tensor or a list of tensors


def is_followed() -> bool:
    """Tell whether a tape or an accumulator is active."""
    return bool(record.could_possibly_record())


def graph_of(function: Function) -> Function:
    """Return `function` as a graph that no tape follows.

    There is one for each combination of dtypes and ranks, whatever the lengths of the axes.
    """
    graphs: dict[Any, Function] = {}

    def run(*args: Any) -> Any:
        key = _signature(args)
        if key not in graphs:
            specs = tf.nest.map_structure(lambda x: tf.TensorSpec([None] * x.shape.rank, x.dtype), args)
            with forwardprop_util.push_forwardprop_state():  # in an accumulator's own, tapes of the function are blind
                graphs[key] = tf.function(function, autograph=False).get_concrete_function(*specs)
        with record.stop_recording():
            return graphs[key](*args)

    return run


def _signature(arguments: Any) -> Any:
    if isinstance(arguments, tuple):
        return type(arguments), *map(_signature, arguments)
    return arguments.dtype, arguments.shape.rank


def compiled(function: Function) -> Function:
    """Return a function of tensors and of tuples of tensors, as families are, as a graph with derivatives."""
    graph = graph_of(function)
    derivatives: dict[Any, Derivatives] = {}

    def run(*args: Any) -> Any:
        if not is_followed():
            return graph(*args)
        key = _signature(args)
        if key not in derivatives:
            derivatives[key] = Derivatives(lambda *flat: function(*tf.nest.pack_sequence_as(args, flat)))
        return derivatives[key].followed(lambda *_: graph(*args), *tf.nest.flatten(args))

    return run


class Derivatives:
    """The derivatives of a function of eager tensors, which are functions of that kind themselves."""

    def __init__(self, function: Function, sweep: Function | None = None) -> None:
        # sweep(weights, *tensors), if there is one, computes the derivatives of the first order on the host.
        self._function = function
        self._sweep = sweep
        self._orders: dict[Any, tuple[Function, Derivatives]] = {}

    def followed(self, compute: Function, *tensors: tf.Tensor) -> Any:
        """Return ``compute(*tensors)``, the value of the function, in a way that tapes and accumulators can follow.

        What `compute` does is not followed itself.
        """
        if not is_followed():
            return compute(*tensors)
        value = compute(*tensors)
        outputs = tf.nest.flatten(value)

        def backward(*weights: tf.Tensor) -> list[tf.Tensor | None]:
            found = iter(self._derivative(pullback, self._sweep, weights, tensors))
            return [next(found) if x.dtype.is_floating else None for x in tensors]

        def forward(*tangents: tf.Tensor | None) -> Any:
            pairs = [(t, x) for t, x in zip(tangents, tensors, strict=True) if x.dtype.is_floating]
            along = [tf.zeros_like(x) if t is None else t for t, x in pairs]
            return self._derivative(pushforward, None, along, tensors)

        record.record_operation("kldiv", outputs, list(tensors), backward, forward)
        return value

    def _derivative(
        self, kind: Function, sweep: Function | None, along: Sequence[tf.Tensor], tensors: Sequence[tf.Tensor]
    ) -> Any:
        arguments = (*along, *tensors)
        key = kind, len(along)
        if key not in self._orders:
            function = kind(self._function, len(along))
            self._orders[key] = sweep or graph_of(function), Derivatives(function)
        compute, derivatives = self._orders[key]
        if not tf.executing_eagerly() or any(tf.is_symbolic_tensor(x) for x in arguments):
            return kind(self._function, len(along))(*arguments)
        return derivatives.followed(compute, *arguments)


def pullback(function: Function, count: int) -> Function:
    """Return the derivatives of the sum of the values times `count` weights, a function of weights and tensors."""

    def derivative(*arguments: tf.Tensor) -> Any:
        weights, tensors = arguments[:count], arguments[count:]
        floats, tape, outputs = _watched(function, tensors)
        return _gradient(tape, outputs, floats, weights)

    return derivative


def pushforward(function: Function, count: int) -> Function:
    """Return the derivatives of the values along `count` tangents, a function of tangents and tensors.

    The derivatives with respect to tensors are linear in the weights of the values, and the coefficients are sought.
    """

    def derivative(*arguments: tf.Tensor) -> Any:
        tangents, tensors = arguments[:count], arguments[count:]
        floats, inner, outputs = _watched(function, tensors)
        weights = [tf.zeros_like(y) for y in outputs]
        with tf.GradientTape() as outer:
            outer.watch(weights)
            slopes = _gradient(inner, outputs, floats, weights)
        return _gradient(outer, slopes, weights, tangents)

    return derivative


def _watched(function: Function, tensors: Sequence[tf.Tensor]) -> tuple[list[tf.Tensor], tf.GradientTape, list[Any]]:
    tensors = [tf.identity(x) for x in tensors]  # one may be there twice
    floats = [x for x in tensors if x.dtype.is_floating]
    with tf.GradientTape() as tape:
        tape.watch(floats)
        outputs = tf.nest.flatten(function(*tensors))
    return floats, tape, outputs


def _gradient(tape: tf.GradientTape, outputs: Any, sources: Any, weights: Any) -> Any:
    zero = tf.UnconnectedGradients.ZERO
    return tape.gradient(outputs, sources, list(weights), unconnected_gradients=zero)
