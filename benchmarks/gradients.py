"""Value and gradient together, as a step of training takes them: time and peak memory against autodiff of the peers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from covariance import drawn
from large_arrays import DIAGONAL, categorical_logits, diagonal, logits, normals
from measure import Row, peak, ratio

import kldiv

STUDENT = (512, 32000)


def student_step() -> tuple[Callable[[], Any], Callable[[], Any], int]:
    """Return a step that differentiates the logits of Q in PyTorch, the same on little input, and the input's size."""
    import torch

    def step(a: Any, b: Any) -> Callable[[], Any]:
        b.requires_grad_()
        return lambda: categorical_logits(a, b).sum().backward()

    a, b = (torch.from_numpy(x) for x in logits(STUDENT))
    few = [torch.from_numpy(x) for x in logits((2, STUDENT[1]))]
    return step(a, b), step(*few), 2 * 4 * int(np.prod(STUDENT))


def rows(backend: str) -> Iterator[Row]:
    """Yield the rows of a framework that differentiates."""
    if backend in ROWS:
        yield from ROWS[backend]()


def _torch() -> Iterator[Row]:
    import torch
    import torch.nn.functional as F
    from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

    def step(function: Callable[..., Any], tensors: list[Any]) -> Callable[[], None]:
        def run() -> None:
            for x in tensors:
                x.grad = None
            function(*tensors).sum().backward()

        return run

    def textbook(a: Any, b: Any) -> Any:
        return F.kl_div(F.log_softmax(b, -1), F.log_softmax(a, -1), log_target=True, reduction="none")

    def independent(loc_p: Any, scale_p: Any, loc_q: Any, scale_q: Any) -> Any:
        p, q = Normal(loc_p, scale_p, validate_args=False), Normal(loc_q, scale_q, validate_args=False)
        return kl_divergence(Independent(p, 1, validate_args=False), Independent(q, 1, validate_args=False))

    a, b = (torch.from_numpy(x) for x in logits(STUDENT))
    tensors = [a, b.requires_grad_()]
    found = ratio(step(categorical_logits, tensors), step(textbook, tensors))
    yield Row("logits of Q, 512 x 32000 / autodiff of log_softmax and F.kl_div", found, "<= 0.35")
    yield Row(
        "logits of Q, 512 x 32000: peak memory beyond the input / input", peak("gradients", "student_step"), "<= 0.6"
    )
    tensors = [torch.from_numpy(x).requires_grad_() for x in normals(DIAGONAL)]
    found = ratio(step(diagonal, tensors), step(independent, tensors))
    yield Row("diagonal normal, 4096 x 1024, all parameters / torch.distributions unvalidated", found, "<= 0.4")

    def full(loc_p: Any, covariance_p: Any, loc_q: Any, covariance_q: Any) -> Any:
        return kldiv.kl_divergence(
            kldiv.MultivariateNormal(loc_p, covariance_p), kldiv.MultivariateNormal(loc_q, covariance_q)
        )

    def peer(loc_p: Any, covariance_p: Any, loc_q: Any, covariance_q: Any) -> Any:
        return kl_divergence(MultivariateNormal(loc_p, covariance_p), MultivariateNormal(loc_q, covariance_q))

    for shape, d in ((1000,), 10), ((100,), 50), ((), 500):
        tensors = [torch.from_numpy(x).requires_grad_() for i in (0, 1) for x in drawn(shape, d, i)]
        found = ratio(step(full, tensors), step(peer, tensors))
        yield Row(f"covariance, batch {shape}, d = {d}, all parameters / torch.distributions", found, "<= 1")


def _jax() -> Iterator[Row]:
    import jax
    import jax.numpy as jnp

    def textbook(a: Any, b: Any) -> Any:
        log_p, log_q = jax.nn.log_softmax(a), jax.nn.log_softmax(b)
        return (jnp.exp(log_p) * (log_p - log_q)).sum(axis=-1)

    a, b = (jnp.asarray(x) for x in logits(STUDENT))
    ours, peer = (
        jax.jit(jax.value_and_grad(lambda a, b, f=f: f(a, b).sum(), argnums=1)) for f in (categorical_logits, textbook)
    )
    found = ratio(lambda: jax.block_until_ready(ours(a, b)), lambda: jax.block_until_ready(peer(a, b)))
    yield Row("logits of Q, 512 x 32000, jit / jax's autodiff of the textbook's, jit", found, "<= 0.9")


def _tensorflow() -> Iterator[Row]:
    import tensorflow as tf
    from tensorflow_probability.python.distributions import Categorical, kl_divergence

    a, b = (tf.convert_to_tensor(x) for x in logits(STUDENT))

    def step(function: Callable[..., Any]) -> Callable[[], Any]:
        def run() -> Any:
            with tf.GradientTape() as tape:
                tape.watch(b)
                value = tf.reduce_sum(function(a, b))
            return tape.gradient(value, b)

        return run

    found = ratio(
        step(categorical_logits), step(lambda a, b: kl_divergence(Categorical(logits=a), Categorical(logits=b)))
    )
    yield Row("logits of Q, 512 x 32000, eager / TensorFlow Probability, eager", found, "<= 0.7")


ROWS = {"torch": _torch, "jax": _jax, "tensorflow": _tensorflow}
