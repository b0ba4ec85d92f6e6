"""What the oracle knows of BetaPrime."""

from collections.abc import Callable

import numpy as np

from oracle import Bound, Draw, Oracle, Real, expectations_of_powers, half_line, mp


def beta_prime_power(k: Real, a: Real, b: Real) -> Real:
    if not -a < k < b:
        return mp.inf
    return mp.exp(mp.loggamma(a + k) - mp.loggamma(a) + mp.loggamma(b - k) - mp.loggamma(b))


# BetaPrime(concentration1, concentration0)
def _beta_prime_log_density(a: Real, b: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)
    return lambda x: (a - 1) * mp.log(x) - (a + b) * mp.log(1 + x) - log_normalizer


BETA_PRIME = Oracle(
    log_density=_beta_prime_log_density,
    support=half_line,
    log_terms=lambda a, b: {
        ("1",): mp.loggamma(a + b) - mp.loggamma(a) - mp.loggamma(b),
        ("log x",): a - 1,
        ("log(1+x)",): -(a + b),
    },
    expectations=expectations_of_powers(beta_prime_power)
    | {
        "log x": lambda a, b: mp.digamma(a) - mp.digamma(b),
        "log(1+x)": lambda a, b: mp.digamma(a + b) - mp.digamma(b),
    },
    bulk=lambda a, b: (a / b, a / b * mp.sqrt(1 / a + 1 / b)),
)


def _draw_beta_prime(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    def draw() -> np.ndarray:
        return 10 ** rng.uniform(-6, 8, size=size) if kind == "extreme" else np.exp(rng.normal(size=size))

    return {"concentration1": draw(), "concentration0": draw()}


ORACLES: dict[str, Oracle] = {"BetaPrime": BETA_PRIME}

BOUNDS: dict[str, Bound] = {
    # That of the beta distribution.
    "BetaPrime": {"interior": 12.0, "near": 12.0, "extreme": 16.0 * (1 + 1e6), "boundary": 12.0},
}

DRAWS: dict[str, Draw] = {"BetaPrime": _draw_beta_prime}
