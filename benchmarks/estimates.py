"""What estimates cost, as ratios in one run: ``python benchmarks/estimates.py`` prints a table with versions and date.

Quadrature is compared with one evaluation of both densities on 512 points a component, quasi-Monte Carlo with plain
Monte Carlo at the same number of samples, and a batch of 1000 pairs with 10 pairs, 100 times.
"""

import datetime
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import scipy

import kldiv
from kldiv import Mixture, Normal

P = Mixture(np.asarray([0.3, 0.7]), Normal(np.asarray([-2.0, 3.0]), np.asarray([0.5, 1.0])))
Q = Mixture(np.asarray([0.6, 0.4]), Normal(np.asarray([-1.0, 2.0]), np.asarray([1.0, 1.5])))
TRUTH = 0.646834407173066982
SAMPLES = 16384


def ratio(first: Callable[[], object], second: Callable[[], object], repeats: int = 30) -> float:
    """Return the ratio of the medians of two interleaved timings."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for function, taken in zip((first, second), times, strict=True):
            began = time.perf_counter()
            function()
            taken.append(time.perf_counter() - began)
    return statistics.median(times[0]) / statistics.median(times[1])


def quadrature() -> float:
    """Return the time of a quadrature to 1e-10, over that of both densities on 512 points a component."""
    x = np.linspace(-8.0, 8.0, 1024)
    return ratio(
        lambda: kldiv.estimate(P, Q, method="quadrature", rtol=1e-10), lambda: (P.log_density(x), Q.log_density(x))
    )


def quadrature_of_many(rows: int = 1000) -> float:
    """Return the same for a batch of pairs."""
    p, q = batch(rows)
    x = np.linspace(-8.0, 8.0, 1024)[:, None]
    return ratio(
        lambda: kldiv.estimate(p, q, method="quadrature", rtol=1e-10),
        lambda: (p.log_density(x), q.log_density(x)),
        repeats=5,
    )


def batch(rows: int) -> tuple[Mixture[Normal], Mixture[Normal]]:
    """Return so many pairs of mixtures."""
    shift = np.linspace(-1.0, 1.0, rows)[:, None]
    p = Mixture(P.probs, Normal(P.components.loc + shift, P.components.scale))
    return p, Mixture(Q.probs, Normal(Q.components.loc - shift, Q.components.scale))


def batch_over_calls() -> float:
    """Return the time of 1000 pairs in one call over that of 10 pairs in each of 100 calls."""
    many, few = batch(1000), batch(10)

    def calls() -> None:
        for _ in range(100):
            kldiv.estimate(*few)

    return ratio(lambda: kldiv.estimate(*many), calls, repeats=5)


def accuracy(seeds: int = 100) -> float:
    """Return the root mean square error of plain Monte Carlo over that of quasi-Monte Carlo, of as many samples."""
    errors: dict[str, float] = {}
    for method in ("monte-carlo", "quasi-monte-carlo"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", kldiv.EstimateWarning)  # no tolerance: all samples are taken
            options = {"method": method, "rtol": 0.0, "max_samples": SAMPLES}
            values = [float(kldiv.estimate(P, Q, rng=seed, **options).value) for seed in range(seeds)]
        errors[method] = float(np.sqrt(np.mean((np.asarray(values) - TRUTH) ** 2)))
    return errors["monte-carlo"] / errors["quasi-monte-carlo"]


if __name__ == "__main__":
    print(f"numpy {np.__version__}, scipy {scipy.__version__}, {datetime.date.today()}")
    rows = [
        ("quadrature of a pair of mixtures to 1e-10 / both densities on 512 points a component", quadrature(), "<= 3"),
        ("the same for 1000 pairs at once", quadrature_of_many(), "<= 3"),
        (f"error of plain / quasi-Monte Carlo, {SAMPLES} samples", accuracy(), ">= 20"),
        ("1000 pairs in one call / 100 calls of 10 pairs", batch_over_calls(), "<= 5"),
    ]
    for what, value, wanted in rows:
        print(f"{what:90s} {value:8.2f}   wanted {wanted}")
