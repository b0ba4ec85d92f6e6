"""What the oracle knows of DiscreteUniform."""

import numpy as np

from oracle import Atoms, Bound, Draw, Near, Oracle, mp

# DiscreteUniform(low, high)
DISCRETE_UNIFORM = Oracle(
    log_density=lambda low, high: lambda x: -mp.log(high - low + 1) if low <= x <= high else -mp.inf,
    support=lambda low, high: Atoms(tuple(mp.mpf(k) for k in range(int(low), int(high) + 1))),
    few_outcomes=True,
)


def _draw_discrete_uniform(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    reach = 9 if kind == "interior" else 10**6
    low = rng.integers(-reach, reach, size).astype(float)
    return {"low": low, "high": low + rng.integers(0, 12 if kind == "interior" else 2000, size)}


def _widened(rng: np.random.Generator, p: dict[str, np.ndarray], delta: np.ndarray) -> dict[str, np.ndarray]:
    """Return intervals that hold those of P."""
    extra = rng.integers(0, 3, size=(2, len(delta)))
    return {"low": p["low"] - extra[0], "high": p["high"] + extra[1]}


ORACLES: dict[str, Oracle] = {"DiscreteUniform": DISCRETE_UNIFORM}

BOUNDS: dict[str, Bound] = {"DiscreteUniform": 4.0}

DRAWS: dict[str, Draw] = {"DiscreteUniform": _draw_discrete_uniform}

NEAR: dict[str, Near] = {"DiscreteUniform": _widened}
