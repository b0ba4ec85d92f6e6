"""What the oracle knows of Gamma."""

from collections.abc import Callable

from oracle import Bound, Oracle, Real, Statistic, half_line, mp
from oracles.generalized_gamma import generalized_gamma_power


# Gamma(concentration, rate)
def _gamma_log_density(concentration: Real, rate: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.loggamma(concentration) - concentration * mp.log(rate)
    return lambda x: (concentration - 1) * mp.log(x) - rate * x - log_normalizer


def _gamma_log_terms(concentration: Real, rate: Real) -> dict[Statistic, Real]:
    return {
        ("1",): concentration * mp.log(rate) - mp.loggamma(concentration),
        ("log x",): concentration - 1,
        ("x",): -rate,
    }


GAMMA = Oracle(
    log_density=_gamma_log_density,
    support=half_line,
    log_terms=_gamma_log_terms,
    expectations={
        "x": lambda concentration, rate: concentration / rate,
        "x^2": lambda concentration, rate: concentration * (concentration + 1) / rate**2,
        "log x": lambda concentration, rate: mp.digamma(concentration) - mp.log(rate),
        "x^k": lambda k, concentration, rate: generalized_gamma_power(k, 1 / rate, concentration, mp.one),
    },
    bulk=lambda concentration, rate: (concentration / rate, mp.sqrt(concentration) / rate),
)

ORACLES: dict[str, Oracle] = {"Gamma": GAMMA}

BOUNDS: dict[str, Bound] = {"Gamma": {"interior": 6.0, "near": 6.0, "extreme": 8.0, "boundary": 6.0}}
