"""What the oracle knows of LogSeries."""

import itertools
from collections.abc import Callable

import numpy as np

from oracle import Bound, Draw, Oracle, Real, mp
from oracles.zeta import counts_from_one


def _log_series_log_density(p: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.log(-mp.log1p(-p))
    return lambda x: x * mp.log(p) - mp.log(x) - log_normalizer


def _log_series_expectation(function: Callable[[Real], Real]) -> Callable[[Real], Real]:
    def expectation(p: Real) -> Real:
        total, power = mp.zero, p
        for k in itertools.count(2):
            power *= p
            total += power / k * function(mp.mpf(k))
            if power < p * p * (1 - p) * mp.eps * mp.mpf(10) ** -8:
                return -total / mp.log1p(-p)
        raise AssertionError

    return expectation


LOG_SERIES = Oracle(
    log_density=_log_series_log_density,
    support=counts_from_one,
    log_terms=lambda p: {("1",): -mp.log(-mp.log1p(-p)), ("x",): mp.log(p), ("log x",): -mp.one},
    expectations={
        "x": lambda p: -p / ((1 - p) * mp.log1p(-p)),
        "log x": _log_series_expectation(mp.log),
        "log x!": _log_series_expectation(lambda k: mp.loggamma(k + 1)),
    },
    bulk=lambda p: (mp.one, mp.one),
)


def draw_below_one(rng: np.random.Generator, kind: str, dtype: str, size: int) -> np.ndarray:
    if kind != "extreme":
        return rng.uniform(0.02, 0.98, size=size)
    decades, digits = (30, 6) if dtype == "float32" else (150, 15)
    tiny = 10 ** rng.uniform(-decades, -1, size=size)
    return np.where(rng.uniform(size=size) < 0.5, 1 - 10 ** rng.uniform(-digits, -1, size=size), tiny)


def _draw_log_series(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    return {"probs": draw_below_one(rng, kind, dtype, size)}


ORACLES: dict[str, Oracle] = {"LogSeries": LOG_SERIES}

BOUNDS: dict[str, Bound] = {"LogSeries": 24.0}

DRAWS: dict[str, Draw] = {"LogSeries": _draw_log_series}
