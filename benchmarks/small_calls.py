"""Calls with scalars and with batches of 100, where recognizing the arguments costs more than the arithmetic.

The parameters are float32 and in the caller's framework; distributions are built in each call, ours and the peers'.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from measure import Row, medians, ratio

import kldiv

SHAPES: dict[str, tuple[int, ...]] = {"scalars": (), "batches of 100": (100,)}


def parameters(shape: tuple[int, ...]) -> list[Any]:
    """Return locations and scales of two normal distributions."""
    rng = np.random.default_rng(0)
    loc_p, loc_q = rng.normal(size=(2, *shape))
    scale_p, scale_q = np.exp(0.5 * rng.normal(size=(2, *shape)))
    return [np.asarray(x, np.float32) for x in (loc_p, scale_p, loc_q, scale_q)]


def kl(loc_p: Any, scale_p: Any, loc_q: Any, scale_q: Any) -> Any:
    """Return kldiv's divergence."""
    return kldiv.kl_divergence(kldiv.Normal(loc_p, scale_p), kldiv.Normal(loc_q, scale_q))


def torch_peer(arrays: list[Any]) -> Callable[[], Any]:
    """Return the call of torch.distributions, with distributions built and validated."""
    import torch
    from torch.distributions import Normal, kl_divergence

    loc_p, scale_p, loc_q, scale_q = (torch.asarray(x) for x in arrays)
    return lambda: kl_divergence(Normal(loc_p, scale_p, validate_args=True), Normal(loc_q, scale_q, validate_args=True))


def rows(backend: str) -> Iterator[Row]:
    """Yield a row for each size."""
    for size, shape in SHAPES.items():
        arrays = parameters(shape)
        yield from ROWS[backend](size, arrays)
    if backend == "numpy":
        (ours,) = medians(lambda: kl(0.0, 1.0, 1.0, 2.0), least=50)
        yield Row("Normal of Python floats, microseconds", 1e6 * ours, "<= 3")


def _numpy(size: str, arrays: list[Any]) -> Iterator[Row]:
    peer = torch_peer(arrays)
    yield Row(f"Normal, {size} / torch.distributions built and validated", ratio(lambda: kl(*arrays), peer), "<= 0.4")
    xp = importlib.import_module("kldiv.backends.numpy")
    formula = kldiv.rule(kldiv.Normal, kldiv.Normal).formula
    p, q = kldiv.Normal(*arrays[:2]), kldiv.Normal(*arrays[2:])
    ours, bare = medians(
        lambda: kldiv.kl_divergence(p, q, validate=False),
        lambda: formula(xp, *arrays),  # type: ignore[misc]
    )
    what = f"Normal, {size}: microseconds more than the bare formula of the core, values unchecked"
    yield Row(what, 1e6 * (ours - bare), "<= 3")


def _torch(size: str, arrays: list[Any]) -> Iterator[Row]:
    import torch

    tensors = [torch.asarray(x) for x in arrays]
    peer = torch_peer(arrays)
    yield Row(f"Normal, {size} / torch.distributions built and validated", ratio(lambda: kl(*tensors), peer), "<= 1")


def _jax(size: str, arrays: list[Any]) -> Iterator[Row]:
    import jax.numpy as jnp
    from numpyro.distributions import Normal, kl_divergence

    tensors = [jnp.asarray(x) for x in arrays]
    loc_p, scale_p, loc_q, scale_q = tensors
    found = ratio(
        lambda: kl(*tensors).block_until_ready(),
        lambda: kl_divergence(Normal(loc_p, scale_p), Normal(loc_q, scale_q)).block_until_ready(),
    )
    yield Row(f"Normal, {size}, eager / numpyro built", found, "<= 0.25")


def _tensorflow(size: str, arrays: list[Any]) -> Iterator[Row]:
    import tensorflow as tf
    from tensorflow_probability.python.distributions import Normal, kl_divergence

    tensors = [tf.convert_to_tensor(x) for x in arrays]
    loc_p, scale_p, loc_q, scale_q = tensors
    found = ratio(lambda: kl(*tensors), lambda: kl_divergence(Normal(loc_p, scale_p), Normal(loc_q, scale_q)))
    yield Row(f"Normal, {size}, eager / TensorFlow Probability built", found, "<= 0.4")


ROWS = {"numpy": _numpy, "torch": _torch, "jax": _jax, "tensorflow": _tensorflow}
