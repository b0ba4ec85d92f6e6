"""Nearest neighbours of two samples against plain queries of SciPy's k-d tree."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from measure import Row, medians
from scipy.spatial import cKDTree

import kldiv
from kldiv.estimation.neighbours import distances

POINTS = 100_000


def plain(x: Any, y: Any) -> tuple[Any, Any]:
    """Return the distances to the nearest neighbours the way that examples show."""
    return cKDTree(x).query(x, k=2)[0][:, 1], cKDTree(y).query(x, k=1)[0]


def search(x: Any, y: Any) -> tuple[Any, Any]:
    """Return the distances to the nearest neighbours."""
    to_x, to_y = distances(x, y, [1])
    return to_x[:, 0], to_y[:, 0]


def estimate(x: Any, y: Any) -> Any:
    """Return the estimate with its standard error: checks, whitening, neighbours, and those of 40 groups."""
    return kldiv.estimate_from_samples(x, y)


def rows(backend: str) -> Iterator[Row]:
    """Yield the rows of NumPy, two for each number of dimensions."""
    if backend != "numpy":
        return
    random = np.random.default_rng(0)
    for d in (1, 2, 3, 5):
        x = random.standard_normal((POINTS, d))
        y = random.standard_normal((POINTS, d)) + 0.5
        if not all(np.array_equal(a, b) for a, b in zip(plain(x, y), search(x, y), strict=True)):
            warnings.warn(f"d = {d}: the distances differ", stacklevel=1)
        base, ours, whole = medians(
            lambda x=x, y=y: plain(x, y), lambda x=x, y=y: search(x, y), lambda x=x, y=y: estimate(x, y)
        )
        yield Row(f"{POINTS} points in {d} dimensions, neighbours / plain queries of cKDTree", ours / base, "<= 0.8")
        yield Row("the same with the estimate, its checks and its standard error", whole / base, "<= 1")
