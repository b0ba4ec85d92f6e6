"""Nearest neighbours of two samples against plain queries of SciPy's k-d tree: python benchmarks/nearest_neighbours.py.

Both run in turn in one process, and what counts is the ratio of the medians: machines are shared and noisy.
"""

import argparse
import datetime
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
from scipy.spatial import cKDTree

import kldiv
from kldiv.estimation.neighbours import kth_distances

TARGET = 0.8


def plain(x: Any, y: Any) -> tuple[Any, Any]:
    """Return the distances to the nearest neighbours the way that examples show."""
    return cKDTree(x).query(x, k=2)[0][:, 1], cKDTree(y).query(x, k=1)[0]


def search(x: Any, y: Any) -> tuple[Any, Any]:
    """Return the distances to the nearest neighbours."""
    return kth_distances(x, y, 1)


def estimate(x: Any, y: Any) -> Any:
    """Return the estimate with its standard error: checks, whitening, neighbours, and those of 40 groups."""
    return kldiv.estimate_from_samples(x, y)


def medians(repetitions: int, functions: list[Callable[..., Any]], *args: Any) -> list[float]:
    """Return the median time of each function, in seconds."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(repetitions):
        for function, taken in zip(functions, times, strict=True):
            start = time.perf_counter()
            function(*args)
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in times]


def main() -> None:
    """Print a row for each number of dimensions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    print(
        f"{datetime.date.today()}, {platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}, "
        f"SciPy {scipy.__version__}; n = m = {options.points}, medians of {options.repetitions}, target {TARGET}"
    )
    print(f"{'d':>2} {'plain (s)':>10} {'neighbours':>11} {'whole estimate':>15}   (ratios to plain)")
    random = np.random.default_rng(0)
    for d in (1, 2, 3, 5):
        x = random.standard_normal((options.points, d))
        y = random.standard_normal((options.points, d)) + 0.5
        if not all(np.array_equal(a, b) for a, b in zip(plain(x, y), search(x, y), strict=True)):
            warnings.warn(f"d = {d}: the distances differ", stacklevel=1)
        base, ours, whole = medians(options.repetitions, [plain, search, estimate], x, y)
        print(f"{d:>2} {base:>10.3f} {ours / base:>11.2f} {whole / base:>15.2f}", flush=True)


if __name__ == "__main__":
    main()
