"""What estimates cost.

Quadrature is compared with one evaluation of both densities on 512 points a component, quasi-Monte Carlo with plain
Monte Carlo at the same number of samples, and a batch of 1000 pairs with 10 pairs, 100 times.
"""

import warnings
from collections.abc import Iterator

import numpy as np
from measure import Row, ratio

import kldiv
from kldiv import Mixture, Normal

P = Mixture(np.asarray([0.3, 0.7]), Normal(np.asarray([-2.0, 3.0]), np.asarray([0.5, 1.0])))
Q = Mixture(np.asarray([0.6, 0.4]), Normal(np.asarray([-1.0, 2.0]), np.asarray([1.0, 1.5])))
TRUTH = 0.646834407173066982
SAMPLES = 16384


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

    return ratio(lambda: kldiv.estimate(*many), calls)


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


def rows(backend: str) -> Iterator[Row]:
    """Yield the rows of NumPy."""
    if backend == "numpy":
        what = "quadrature of a pair of mixtures to 1e-10 / both densities on 512 points a component"
        yield Row(what, quadrature(), "<= 3")
        yield Row("the same for 1000 pairs at once", quadrature_of_many(), "<= 3")
        yield Row(f"error of plain / quasi-Monte Carlo, {SAMPLES} samples", accuracy(), ">= 20")
        yield Row("1000 pairs in one call / 100 calls of 10 pairs", batch_over_calls(), "<= 5")
