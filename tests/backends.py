"""The backends under test, one record each: everything that the tests know of a particular framework is in this file."""

import functools
import importlib
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Backend(NamedTuple):
    """What a test needs of a framework."""

    name: str
    array: Callable[[Any, str], Any]  # from values and the name of a dtype
    to_numpy: Callable[[Any], np.ndarray]
    is_array: Callable[[Any], bool]
    dtype_name: Callable[[Any], str]
    # The gradient of the sum of a function of arrays: one array for each argument. None: no derivatives.
    gradient: Callable[..., list[Any]] | None
    # The diagonal of the Hessian of a function of one vector to a scalar, when the Hessian is diagonal.
    hessian: Callable[..., Any] | None
    # The framework's compilers and batching transforms, each from a function of arrays to a function of arrays that must
    # return the same. Arguments have one batch axis.
    transforms: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]]
    flushes_subnormals: bool
    default_float: str  # the dtype that integers become


def load(name: str) -> Backend:
    """Return the record of a backend; only this imports its framework."""
    return {"numpy": _numpy, "strict": _strict, "torch": _torch, "jax": _jax, "tensorflow": _tensorflow}[name]()


def _numpy() -> Backend:
    return Backend(
        name="numpy",
        array=lambda values, dtype: np.asarray(values, dtype=dtype),
        to_numpy=np.asarray,
        is_array=lambda x: isinstance(x, np.ndarray | np.floating),
        dtype_name=lambda x: x.dtype.name,
        gradient=None,
        hessian=None,
        transforms={},
        flushes_subnormals=False,
        default_float="float64",
    )


def _strict() -> Backend:
    import array_api_strict as xp

    return Backend(
        name="strict",
        array=lambda values, dtype: xp.asarray(np.asarray(values).tolist(), dtype=getattr(xp, dtype)),
        to_numpy=np.from_dlpack,
        is_array=lambda x: type(x) is type(xp.asarray(0.0)),
        dtype_name=lambda x: str(x.dtype).removeprefix("array_api_strict."),
        gradient=None,
        hessian=None,
        transforms={},
        flushes_subnormals=False,
        default_float="float64",
    )


def _torch() -> Backend:
    import torch

    def gradient(function, *arrays):
        leaves = [a.detach().clone().requires_grad_() for a in arrays]
        return list(torch.autograd.grad(function(*leaves).sum(), leaves, materialize_grads=True))

    def compile_(function):
        torch._dynamo.reset()
        return torch.compile(function, fullgraph=True, backend="aot_eager")

    def export(function):
        class Module(torch.nn.Module):
            def forward(self, *arrays):
                return function(*arrays)

        return lambda *arrays: torch.export.export(Module(), arrays).module()(*arrays)

    def value_under_grad(function):
        """Return the value that a function has inside torch.func.grad, where tensors are wrapped."""
        return lambda *arrays: torch.func.vjp(function, *arrays)[0]

    return Backend(
        name="torch",
        array=lambda values, dtype: torch.asarray(np.asarray(values).tolist(), dtype=getattr(torch, dtype)),
        to_numpy=lambda x: x.detach().numpy(),
        is_array=lambda x: isinstance(x, torch.Tensor),
        dtype_name=lambda x: str(x.dtype).removeprefix("torch."),
        gradient=gradient,
        hessian=lambda function, x: torch.func.hessian(function)(x),
        transforms={"compile": compile_, "vmap": torch.func.vmap, "vjp": value_under_grad, "export": export},
        flushes_subnormals=False,
        default_float="float32",
    )


def _jax() -> Backend:
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax

    jax.config.update("jax_enable_x64", True)

    def gradient(function, *arrays):
        return list(jax.grad(lambda *a: function(*a).sum(), argnums=tuple(range(len(arrays))))(*arrays))

    return Backend(
        name="jax",
        array=lambda values, dtype: jax.numpy.asarray(np.asarray(values), dtype=dtype),
        to_numpy=np.asarray,
        is_array=lambda x: isinstance(x, jax.Array),
        dtype_name=lambda x: x.dtype.name,
        gradient=gradient,
        hessian=lambda function, x: jax.hessian(function)(x),
        transforms={
            "jit": jax.jit,
            "vmap": jax.vmap,
            "jit of vmap": lambda f: jax.jit(jax.vmap(f)),
            "vjp": lambda f: lambda *arrays: jax.vjp(f, *arrays)[0],
        },
        flushes_subnormals=True,
        default_float="float64",
    )


def _tensorflow() -> Backend:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    def gradient(function, *arrays):
        with tf.GradientTape() as tape:
            for a in arrays:
                tape.watch(a)
            value = tf.reduce_sum(function(*arrays))
        return tape.gradient(value, arrays, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def hessian(function, x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                value = function(x)
            slope = inner.gradient(value, x)
        return outer.jacobian(slope, x)

    return Backend(
        name="tensorflow",
        array=lambda values, dtype: tf.constant(np.asarray(values).tolist(), dtype=dtype),
        to_numpy=lambda x: x.numpy(),
        is_array=tf.is_tensor,
        dtype_name=lambda x: x.dtype.name,
        gradient=gradient,
        hessian=hessian,
        transforms={
            "function": lambda f: tf.function(f),
            "unknown shapes": lambda f: lambda *arrays: tf.function(
                f, input_signature=[tf.TensorSpec([None] * a.shape.rank, a.dtype) for a in arrays]
            )(*arrays),
            "xla": lambda f: tf.function(f, jit_compile=True),
            "vectorized_map": lambda f: lambda *arrays: tf.vectorized_map(lambda slices: f(*slices), arrays),
        },
        flushes_subnormals=True,
        default_float="float32",
    )
