"""Draws from the points of a scrambled Sobol sequence, by SciPy on the host, whatever the framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import gammaincinv, ndtri
from scipy.stats import binom, poisson, qmc

from kldiv._arrays.namespace import computing_dtype
from kldiv._arrays.protocol import Array, DType, Namespace
from kldiv._core.sampling import coordinates


class Sobol:
    """Draws from the points of a scrambled Sobol sequence, one coordinate for each entry of an outcome.

    All batch elements share the points. Quantile functions that frameworks lack are SciPy's, so such draws carry no
    derivatives.
    """

    def __init__(self, xp: Namespace, dtype: DType, dimensions: int, seed: int) -> None:
        self._xp, self._dtype = xp, computing_dtype(xp, dtype)
        self._seeds = np.random.default_rng(seed)
        # A sampler of another library takes a seed and no coordinates.
        self._sequence = qmc.Sobol(max(1, dimensions), rng=self._seeds)
        self.reparameterized = True
        self.n = 0
        self._points: Any = None
        self._used = 0

    def advance(self, n: int) -> None:
        """Take the next `n` points, for the draws of `n` samples."""
        self.n, self._used = n, 0
        # The points are multiples of 2^-30; in the middle of their cells none is 0.
        self._points = self._sequence.random(n) + 2.0**-31

    def _quantiles(
        self, function: Callable[..., Any], like: Array, axes: int, *parameters: Array, per_sample: bool = False
    ) -> Array:
        count = coordinates(self._xp, like, axes)
        event = self._xp.shape(like)[len(self._xp.shape(like)) - axes :]
        batch = len(self._xp.shape(like)) - axes - per_sample
        columns = self._points[:, self._used : self._used + count]
        self._used += count
        points = columns.reshape(self.n, *[1] * batch, *event)
        values = [self._xp.to_numpy(self._xp.stop_gradient(x)).astype("float64") for x in parameters]
        numbers = function(*values, points)
        if self._dtype == self._xp.float32:  # rounding may lead to the ends
            numbers = numbers.clip(-3e38, 3e38)
        return self._xp.asarray_like(numbers, like, self._dtype) + self._xp.zeros_like(like)

    def binomial(self, count: Array, probs: Array, axes: int, per_sample: bool) -> Array:
        """Draw numbers of successes in `count` trials."""
        return self._quantiles(lambda n, p, u: binom.ppf(u, n, p), probs, axes, count, probs, per_sample=per_sample)

    def gamma(self, concentration: Array, axes: int) -> Array:
        """Draw gamma variables of rate 1."""
        self.reparameterized = False
        return self._quantiles(gammaincinv, concentration, axes, concentration)

    def normal(self, like: Array, axes: int) -> Array:
        """Draw standard normal variables."""
        return self._quantiles(ndtri, like, axes)

    def poisson(self, rate: Array, axes: int, per_sample: bool) -> Array:
        """Draw Poisson variables."""
        return self._quantiles(lambda r, u: poisson.ppf(u, r), rate, axes, rate, per_sample=per_sample)

    def seed(self) -> int:
        """Draw a seed."""
        return int(self._seeds.integers(2**31))

    def uniform(self, like: Array, axes: int, per_sample: bool) -> Array:
        """Draw uniform variables between 0 and 1."""
        limit = 1 - 2.0**-24 if self._dtype == self._xp.float32 else 1.0
        return self._quantiles(lambda u: u.clip(max=limit), like, axes, per_sample=per_sample)
