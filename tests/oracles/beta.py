"""What the oracle knows of Beta."""

from collections.abc import Callable

import numpy as np

from oracle import Bound, Draw, Oracle, Real, Statistic, mp, unit_interval


# Beta(concentration1, concentration0)
def _beta_log_density(a: Real, b: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)
    return lambda x: (a - 1) * mp.log(x) + (b - 1) * mp.log(1 - x) - log_normalizer


def _beta_log_terms(a: Real, b: Real) -> dict[Statistic, Real]:
    return {
        ("1",): mp.loggamma(a + b) - mp.loggamma(a) - mp.loggamma(b),
        ("log x",): a - 1,
        ("log(1-x)",): b - 1,
    }


BETA = Oracle(
    log_density=_beta_log_density,
    support=unit_interval,
    log_terms=_beta_log_terms,
    expectations={
        "x": lambda a, b: a / (a + b),
        "x^2": lambda a, b: a * (a + 1) / ((a + b) * (a + b + 1)),
        "log x": lambda a, b: mp.digamma(a) - mp.digamma(a + b),
        "log(1-x)": lambda a, b: mp.digamma(b) - mp.digamma(a + b),
    },
    bulk=lambda a, b: (a / (a + b), mp.sqrt(a * b / (a + b + 1)) / (a + b)),
)


def _draw_beta(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    def draw() -> np.ndarray:
        return 10 ** rng.uniform(-6, 8, size=size) if kind == "extreme" else np.exp(rng.normal(size=size))

    return {"concentration1": draw(), "concentration0": draw()}


ORACLES: dict[str, Oracle] = {"Beta": BETA}

BOUNDS: dict[str, Bound] = {
    # Where one concentration is large and the rest is much below 1, what is left of the large terms is small: 16 (1 + 1
    # / (sum of the small concentrations)), which are 1e-6 or more here.
    "Beta": {"interior": 12.0, "near": 12.0, "extreme": 16.0 * (1 + 1e6), "boundary": 12.0},
}

DRAWS: dict[str, Draw] = {"Beta": _draw_beta}
