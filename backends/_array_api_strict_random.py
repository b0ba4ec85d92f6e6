"""Random numbers of array-api-strict: the source that samplers draw from."""

from typing import Any

import array_api_strict
import numpy as np
from kldiv.backends import _numpy_random


class Random:
    """NumPy's generator."""

    def __init__(self, rng: Any, like: Any) -> None:
        self._source = _numpy_random.Random(rng, np.from_dlpack(like))

    def binomial(self, n: int, count: Any, probs: Any, /) -> Any:
        """Draw numbers of successes."""
        return array_api_strict.asarray(self._source.binomial(n, np.from_dlpack(count), np.from_dlpack(probs)))

    def gamma(self, n: int, concentration: Any, /) -> Any:
        """Draw from gamma distributions of rate 1."""
        return array_api_strict.asarray(self._source.gamma(n, np.from_dlpack(concentration)))

    def normal(self, n: int, like: Any, /) -> Any:
        """Draw from the standard normal distribution."""
        return array_api_strict.asarray(self._source.normal(n, np.from_dlpack(like)))

    def poisson(self, n: int, rate: Any, /) -> Any:
        """Draw from Poisson distributions."""
        return array_api_strict.asarray(self._source.poisson(n, np.from_dlpack(rate)))

    def seed(self) -> int:
        """Draw a seed."""
        return self._source.seed()

    def uniform(self, n: int, like: Any, /) -> Any:
        """Draw from the uniform distribution."""
        return array_api_strict.asarray(self._source.uniform(n, np.from_dlpack(like)))
