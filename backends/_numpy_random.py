"""Random numbers of NumPy: the source that samplers draw from."""

from typing import Any

import numpy as np


class Random:
    """NumPy's generator."""

    def __init__(self, rng: Any, like: Any) -> None:
        if isinstance(rng, bool) or not (rng is None or isinstance(rng, np.random.Generator | int)):
            raise TypeError(f"rng must be a seed, a numpy.random.Generator or None; got {rng!r}")
        self._generator = np.random.default_rng(rng)

    def binomial(self, n: int, count: np.ndarray, probs: np.ndarray, /) -> np.ndarray:
        """Draw numbers of successes."""
        return self._generator.binomial(count.astype(np.int64), probs, (n, *probs.shape)).astype(probs.dtype)

    def gamma(self, n: int, concentration: np.ndarray, /) -> np.ndarray:
        """Draw from gamma distributions of rate 1."""
        return self._generator.standard_gamma(concentration, (n, *concentration.shape)).astype(concentration.dtype)

    def normal(self, n: int, like: np.ndarray, /) -> np.ndarray:
        """Draw from the standard normal distribution."""
        return self._generator.standard_normal((n, *like.shape), like.dtype)

    def poisson(self, n: int, rate: np.ndarray, /) -> np.ndarray:
        """Draw from Poisson distributions."""
        return self._generator.poisson(rate, (n, *rate.shape)).astype(rate.dtype)

    def seed(self) -> int:
        """Draw a seed."""
        return int(self._generator.integers(2**63))

    def uniform(self, n: int, like: np.ndarray, /) -> np.ndarray:
        """Draw from the uniform distribution; 0 becomes the smallest number."""
        return np.maximum(self._generator.random((n, *like.shape), like.dtype), np.finfo(like.dtype).tiny)
