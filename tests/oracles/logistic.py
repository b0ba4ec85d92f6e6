"""What the oracle knows of Logistic."""

from collections.abc import Callable

import numpy as np

from oracle import Bound, Draw, Oracle, Real, mp, real_line


# Logistic(loc, scale)
def _logistic_log_density(loc: Real, scale: Real) -> Callable[[Real], Real]:
    def log_density(x: Real) -> Real:
        z = (x - loc) / scale
        return -abs(z) - mp.log(scale) - 2 * mp.log(1 + mp.exp(-abs(z)))

    return log_density


def _logistic_log_cosh(m: Real, s: Real, loc: Real, scale: Real) -> Real:
    if (m, s) != (loc, scale):
        raise NotImplementedError
    return 2 * mp.one


LOGISTIC = Oracle(
    log_density=_logistic_log_density,
    support=real_line,
    log_terms=lambda loc, scale: {("1",): -mp.log(scale), ("2 log(2 cosh((x - m) / 2 s))", loc, scale): -mp.one},
    expectations={
        "x": lambda loc, scale: loc,
        "x^2": lambda loc, scale: loc**2 + (mp.pi * scale) ** 2 / 3,
        "2 log(2 cosh((x - m) / 2 s))": _logistic_log_cosh,
        "(x - m)^+": lambda m, loc, scale: scale * mp.log(1 + mp.exp((loc - m) / scale)),
        "(m - x)^+": lambda m, loc, scale: scale * mp.log(1 + mp.exp((m - loc) / scale)),
        "exp((x - m) / s)": lambda m, s, loc, scale: (
            mp.exp((loc - m) / s) * mp.gamma(1 + scale / s) * mp.gamma(1 - scale / s) if abs(scale / s) < 1 else mp.inf
        ),
    },
    bulk=lambda loc, scale: (loc, scale),
)


def _draw_logistic(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    decades = {"interior": 0.4, "extreme": 1.0}[kind]  # as far as the oracle integrates
    return {"loc": rng.normal(size=size), "scale": 10 ** rng.uniform(-decades, decades, size=size)}


ORACLES: dict[str, Oracle] = {"Logistic": LOGISTIC}

BOUNDS: dict[str, Bound] = {"Logistic": 8.0}

DRAWS: dict[str, Draw] = {"Logistic": _draw_logistic}
