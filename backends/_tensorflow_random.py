"""Random numbers of TensorFlow: the source that samplers draw from."""

import secrets
from typing import Any

import numpy as np
import tensorflow as tf


class Random:
    """Seeds for TensorFlow's stateless operations: from the caller's generator, or a seed and a counter."""

    def __init__(self, rng: Any, like: tf.Tensor) -> None:
        self._generator = rng if isinstance(rng, tf.random.Generator) else None
        self._count = 0
        if rng is None:
            if not tf.executing_eagerly() or tf.is_symbolic_tensor(like):
                raise ValueError("in a tf.function rng must be a generator or a seed; None is drawn only once")
            rng = secrets.randbits(63)
        if self._generator is None and (not isinstance(rng, int) or isinstance(rng, bool)):
            raise TypeError(f"rng must be a seed, a tf.random.Generator or None; got {rng!r}")
        self._seed: Any = rng

    def _next(self) -> tf.Tensor:
        if self._generator is not None:
            return self._generator.make_seeds(1)[:, 0]
        self._count += 1
        return tf.constant([self._seed & (2**63 - 1), self._count], tf.int64)

    @staticmethod
    def _shape(n: int, like: tf.Tensor) -> tf.Tensor:
        return tf.concat([[n], tf.shape(like)], axis=0)

    def binomial(self, n: int, count: tf.Tensor, probs: tf.Tensor, /) -> tf.Tensor:
        """Draw numbers of successes."""
        count, probs = tf.stop_gradient(count), tf.stop_gradient(probs)
        return tf.random.stateless_binomial(self._shape(n, probs), self._next(), count, probs, probs.dtype)

    def gamma(self, n: int, concentration: tf.Tensor, /) -> tf.Tensor:
        """Draw from gamma distributions of rate 1."""
        shape = self._shape(n, concentration)
        return tf.random.stateless_gamma(shape, self._next(), concentration, dtype=concentration.dtype)

    def normal(self, n: int, like: tf.Tensor, /) -> tf.Tensor:
        """Draw from the standard normal distribution."""
        # The same numbers from XLA and without it.
        return tf.random.stateless_normal(self._shape(n, like), self._next(), dtype=like.dtype, alg="philox")

    def poisson(self, n: int, rate: tf.Tensor, /) -> tf.Tensor:
        """Draw from Poisson distributions."""
        return tf.random.stateless_poisson(self._shape(n, rate), self._next(), tf.stop_gradient(rate), rate.dtype)

    def seed(self) -> int:
        """Draw a seed."""
        draw = tf.random.stateless_uniform((), self._next(), 0, 2**62, tf.int64, alg="philox")
        return int(draw)

    def uniform(self, n: int, like: tf.Tensor, /) -> tf.Tensor:
        """Draw from the uniform distribution, 0 excluded."""
        dtype: Any = like.dtype.as_numpy_dtype
        tiny = float(np.finfo(dtype).tiny)
        shape = self._shape(n, like)
        return tf.random.stateless_uniform(shape, self._next(), minval=tiny, dtype=like.dtype, alg="philox")
