"""What the oracle knows of Pareto."""

from typing import Any

import numpy as np

from oracle import Bound, Interval, Near, Oracle, expectations_of_powers, mp

# Pareto(scale, alpha) and Lomax(scale, alpha)
PARETO = Oracle(
    log_density=lambda scale, alpha: lambda x: mp.log(alpha) + alpha * mp.log(scale) - (alpha + 1) * mp.log(x),
    support=lambda scale, alpha: Interval(scale, mp.inf),
    log_terms=lambda scale, alpha: {("1",): mp.log(alpha) + alpha * mp.log(scale), ("log x",): -(alpha + 1)},
    expectations=expectations_of_powers(lambda k, scale, alpha: alpha * scale**k / (alpha - k) if k < alpha else mp.inf)
    | {
        "log x": lambda scale, alpha: mp.log(scale) + 1 / alpha,
        "log^2 x": lambda scale, alpha: (mp.log(scale) + 1 / alpha) ** 2 + 1 / alpha**2,
    },
    bulk=lambda scale, alpha: (scale + scale / alpha, scale / alpha),
)


def _near_pareto(rng: np.random.Generator, p: dict[str, Any], delta: np.ndarray) -> dict[str, np.ndarray]:
    """Downwards in scale, so that P stays inside Q."""
    return {
        "scale": p["scale"] * (1 - delta * rng.uniform(0, 1, size=delta.shape)),
        "alpha": p["alpha"] * (1 + delta * rng.uniform(-1, 1, size=delta.shape)),
    }


ORACLES: dict[str, Oracle] = {"Pareto": PARETO}

BOUNDS: dict[str, Bound] = {"Pareto": 4.0}

NEAR: dict[str, Near] = {"Pareto": _near_pareto}
