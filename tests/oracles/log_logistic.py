"""What the oracle knows of LogLogistic."""

from collections.abc import Callable

import numpy as np

from oracle import Bound, Draw, Oracle, Real, half_line, mp


# LogLogistic(loc, scale)
def _log_logistic_log_density(loc: Real, scale: Real) -> Callable[[Real], Real]:
    log_scale = mp.log(scale)

    def log_density(x: Real) -> Real:
        z = abs((mp.log(x) - loc) / scale)  # the density of the logarithm is even
        return -z - log_scale - 2 * mp.log(1 + mp.exp(-z)) - mp.log(x)

    return log_density


LOG_LOGISTIC = Oracle(
    log_density=_log_logistic_log_density,
    support=half_line,
    bulk=lambda loc, scale: (mp.exp(loc), scale * mp.exp(loc)),
)


def _draw_log_logistic(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    """Scales at most 30 apart: the truth is an integral."""
    spread = 3.0 if kind == "extreme" else 1.0
    return {
        "loc": 2 * spread * rng.normal(size=size),
        "scale": np.exp(rng.uniform(-1.7, 1.7, size=size))
        if kind == "extreme"
        else np.exp(0.5 * rng.normal(size=size)),
    }


ORACLES: dict[str, Oracle] = {"LogLogistic": LOG_LOGISTIC}

BOUNDS: dict[str, Bound] = {"LogLogistic": 64.0}

DRAWS: dict[str, Draw] = {"LogLogistic": _draw_log_logistic}
