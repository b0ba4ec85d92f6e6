"""What the oracle knows of Frechet."""

from collections.abc import Callable

from oracle import Bound, Oracle, Real, Statistic, half_line, mp, power_of_x
from oracles.generalized_gamma import BOUND_OF_EXPONENTIALS


# Frechet(scale, concentration)
def _frechet_log_density(scale: Real, concentration: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.log(scale) - mp.log(concentration)
    return lambda x: (
        -(concentration + 1) * mp.log(x / scale) - mp.exp(-concentration * mp.log(x / scale)) - log_normalizer
    )


def _frechet_log_terms(scale: Real, concentration: Real) -> dict[Statistic, Real]:
    return {
        ("1",): mp.log(concentration) + concentration * mp.log(scale),
        ("log x",): -concentration - 1,
        power_of_x(-concentration): -(scale**concentration),
    }


def _frechet_power(k: Real, scale: Real, concentration: Real) -> Real:
    return scale**k * mp.gamma(1 - k / concentration) if k < concentration else mp.inf


FRECHET = Oracle(
    log_density=_frechet_log_density,
    support=half_line,
    log_terms=_frechet_log_terms,
    expectations={
        "log x": lambda scale, concentration: mp.log(scale) + mp.euler / concentration,
        "x": lambda *parameters: _frechet_power(mp.one, *parameters),
        "x^2": lambda *parameters: _frechet_power(mp.mpf(2), *parameters),
        "x^k": _frechet_power,
    },
    bulk=lambda scale, concentration: (scale, scale / concentration),
)

ORACLES: dict[str, Oracle] = {"Frechet": FRECHET}

BOUNDS: dict[str, Bound] = {"Frechet": BOUND_OF_EXPONENTIALS}
