"""The laws of the families on an interval: beta, Kumaraswamy, continuous Bernoulli, logit-normal, truncated normal."""

from collections.abc import Callable
from typing import Any

import numpy as np

from law import Family, Interval, Real, Statistic, mp


def _unit_interval(*parameters: Any) -> Interval:
    return Interval(mp.zero, mp.one)


# Beta(concentration1, concentration0)


def _beta_log_density(a: Real, b: Real) -> Callable[[Real], Real]:
    log_normaliser = mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)
    return lambda x: (a - 1) * mp.log(x) + (b - 1) * mp.log(1 - x) - log_normaliser


def _beta_log_terms(a: Real, b: Real) -> dict[Statistic, Real]:
    return {
        ("1",): mp.loggamma(a + b) - mp.loggamma(a) - mp.loggamma(b),
        ("log x",): a - 1,
        ("log(1-x)",): b - 1,
    }


BETA = Family(
    log_density=_beta_log_density,
    support=_unit_interval,
    log_terms=_beta_log_terms,
    expectations={
        "x": lambda a, b: a / (a + b),
        "x^2": lambda a, b: a * (a + 1) / ((a + b) * (a + b + 1)),
        "log x": lambda a, b: mp.digamma(a) - mp.digamma(a + b),
        "log(1-x)": lambda a, b: mp.digamma(b) - mp.digamma(a + b),
    },
    bulk=lambda a, b: (a / (a + b), mp.sqrt(a * b / (a + b + 1)) / (a + b)),
)


LAWS: dict[str, Family] = {
    "Beta": BETA,
}

# The largest errors of a family with itself in ulps.
BOUNDS: dict[str, float | dict[str, float]] = {
    # Where one concentration is large and the rest is much below 1, what is left of the large terms is small.
    "Beta": {"interior": 12.0, "near": 12.0, "extreme": 16.0 * (1 + 1e6), "boundary": 12.0},
}


def _draw_beta(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    draw = (lambda: 10 ** rng.uniform(-6, 8, size=size)) if kind == "extreme" else (lambda: np.exp(rng.normal(size=size)))
    return {"concentration1": draw(), "concentration0": draw()}


DRAWS: dict[str, Callable[[np.random.Generator, str, str, int], dict[str, np.ndarray]]] = {"Beta": _draw_beta}
