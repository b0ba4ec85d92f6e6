"""What the oracle knows of Zeta."""

from collections.abc import Callable
from typing import Any

import numpy as np

from oracle import Bound, Draw, Integers, Oracle, Real, mp


# Zeta(exponent) and LogSeries(probs)
def counts_from_one(*parameters: Any) -> Integers:
    return Integers(1)


def _zeta_log_density(s: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.log(mp.zeta(s))
    return lambda x: -s * mp.log(x) - log_normalizer


def _zeta_mean_log_factorial(s: Real) -> Real:
    if s <= 2:
        return mp.inf
    return mp.sumem(lambda k: mp.loggamma(k + 1) * k**-s, [60, mp.inf]) / mp.zeta(s) + mp.fsum(
        mp.loggamma(k + 1) * mp.mpf(k) ** -s for k in range(1, 60)
    ) / mp.zeta(s)


ZETA = Oracle(
    log_density=_zeta_log_density,
    support=counts_from_one,
    log_terms=lambda s: {("1",): -mp.log(mp.zeta(s)), ("log x",): -s},
    expectations={
        "x": lambda s: mp.zeta(s - 1) / mp.zeta(s) if s > 2 else mp.inf,
        "log x": lambda s: -mp.zeta(s, 1, 1) / mp.zeta(s),
        "log x!": _zeta_mean_log_factorial,
    },
    bulk=lambda s: (mp.one, mp.one),
)


def _draw_zeta(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    excess = 10 ** rng.uniform(-5, 1.5, size=size) if kind == "extreme" else np.exp(rng.normal(size=size))
    return {"exponent": 1 + excess}


ORACLES: dict[str, Oracle] = {"Zeta": ZETA}

BOUNDS: dict[str, Bound] = {
    "Zeta": 32.0,  # a probability k^-s has the rounding of s log k
}

DRAWS: dict[str, Draw] = {"Zeta": _draw_zeta}
