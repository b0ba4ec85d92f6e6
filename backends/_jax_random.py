"""Random numbers of JAX: the source that samplers draw from."""

import secrets
from typing import Any

import jax
import jax.core


class Random:
    """A key, split at each draw."""

    def __init__(self, rng: Any, like: jax.Array) -> None:
        if rng is None:
            if isinstance(like, jax.core.Tracer):
                raise ValueError("under jax.jit and jax.vmap rng must be a key or a seed; None is drawn only once")
            rng = secrets.randbits(31)
        if isinstance(rng, jax.Array):
            is_key = jax.numpy.issubdtype(rng.dtype, jax.dtypes.prng_key)
            self._key = rng if is_key else jax.random.wrap_key_data(rng)
        elif isinstance(rng, int) and not isinstance(rng, bool):
            self._key = jax.random.key(rng & (2**63 - 1))
        else:
            raise TypeError(f"rng must be a seed, a JAX key or None; got {rng!r}")

    def _next(self) -> jax.Array:
        key: jax.Array
        self._key, key = jax.random.split(self._key)
        return key

    def binomial(self, n: int, count: jax.Array, probs: jax.Array, /) -> jax.Array:
        """Draw numbers of successes."""
        count, probs = jax.lax.stop_gradient(count), jax.lax.stop_gradient(probs)
        return jax.random.binomial(self._next(), count, probs, (n, *probs.shape), probs.dtype)

    def gamma(self, n: int, concentration: jax.Array, /) -> jax.Array:
        """Draw from gamma distributions of rate 1."""
        return jax.random.gamma(self._next(), concentration, (n, *concentration.shape), concentration.dtype)

    def normal(self, n: int, like: jax.Array, /) -> jax.Array:
        """Draw from the standard normal distribution."""
        return jax.random.normal(self._next(), (n, *like.shape), like.dtype)

    def poisson(self, n: int, rate: jax.Array, /) -> jax.Array:
        """Draw from Poisson distributions."""
        draws = jax.random.poisson(self._next(), jax.lax.stop_gradient(rate), (n, *rate.shape))
        return draws.astype(rate.dtype)

    def seed(self) -> int:
        """Draw a seed."""
        return int(jax.random.bits(self._next(), dtype="uint32"))

    def uniform(self, n: int, like: jax.Array, /) -> jax.Array:
        """Draw from the uniform distribution, 0 excluded."""
        finfo: Any = jax.numpy.finfo  # untyped
        tiny = float(finfo(like.dtype).tiny)
        return jax.random.uniform(self._next(), (n, *like.shape), like.dtype, minval=tiny)
