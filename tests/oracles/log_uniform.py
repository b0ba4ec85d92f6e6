"""What the oracle knows of LogUniform."""

from collections.abc import Callable
from typing import Any

import numpy as np

from oracle import Bound, Draw, Interval, Near, Oracle, Real, expectations_of_powers, mp
from oracles.inverse_gaussian import draw_positive


# LogUniform(low, high)
def _log_uniform_log_density(low: Real, high: Real) -> Callable[[Real], Real]:
    log_width = mp.log(mp.log(high / low))
    return lambda x: -mp.log(x) - log_width if low <= x <= high else -mp.inf


LOG_UNIFORM = Oracle(
    log_density=_log_uniform_log_density,
    support=Interval,
    log_terms=lambda low, high: {("1",): -mp.log(mp.log(high / low)), ("log x",): -mp.one},
    expectations=expectations_of_powers(lambda k, low, high: (high**k - low**k) / (k * mp.log(high / low)))
    | {
        "log x": lambda low, high: (mp.log(low) + mp.log(high)) / 2,
        "log^2 x": lambda low, high: (mp.log(low) ** 2 + mp.log(low) * mp.log(high) + mp.log(high) ** 2) / 3,
    },
    bulk=lambda low, high: ((low + high) / 2, (high - low) / 2),
)


def _draw_log_uniform(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    low = draw_positive(rng, kind, dtype, size)
    return {"low": low, "high": low + np.maximum(draw_positive(rng, kind, dtype, size), 1e-3 * low)}


def _near_log_uniform(rng: np.random.Generator, p: dict[str, Any], delta: np.ndarray) -> dict[str, np.ndarray]:
    """Outwards, so that P stays inside Q."""
    return {
        "low": p["low"] * (1 - delta * rng.uniform(0, 1, size=delta.shape)),
        "high": p["high"] * (1 + delta * rng.uniform(0, 1, size=delta.shape)),
    }


ORACLES: dict[str, Oracle] = {"LogUniform": LOG_UNIFORM}

BOUNDS: dict[str, Bound] = {"LogUniform": 4.0}

DRAWS: dict[str, Draw] = {"LogUniform": _draw_log_uniform}

NEAR: dict[str, Near] = {"LogUniform": _near_log_uniform}
