"""What the oracle knows of InverseGamma."""

from collections.abc import Callable

from oracle import Bound, Oracle, Real, Statistic, half_line, mp, power_of_x


# InverseGamma(concentration, rate)
def _inverse_gamma_log_density(concentration: Real, rate: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.loggamma(concentration) - concentration * mp.log(rate)
    return lambda x: -(concentration + 1) * mp.log(x) - rate / x - log_normalizer


def _inverse_gamma_log_terms(concentration: Real, rate: Real) -> dict[Statistic, Real]:
    return {
        ("1",): concentration * mp.log(rate) - mp.loggamma(concentration),
        ("log x",): -concentration - 1,
        power_of_x(-mp.one): -rate,
    }


def _inverse_gamma_power(k: Real, concentration: Real, rate: Real) -> Real:
    if concentration <= k:
        return mp.inf
    return rate**k * mp.exp(mp.loggamma(concentration - k) - mp.loggamma(concentration))


INVERSE_GAMMA = Oracle(
    log_density=_inverse_gamma_log_density,
    support=half_line,
    log_terms=_inverse_gamma_log_terms,
    expectations={
        "log x": lambda concentration, rate: mp.log(rate) - mp.digamma(concentration),
        "x": lambda *parameters: _inverse_gamma_power(mp.one, *parameters),
        "x^2": lambda *parameters: _inverse_gamma_power(mp.mpf(2), *parameters),
        "x^k": _inverse_gamma_power,
    },
    bulk=lambda concentration, rate: (
        rate / concentration,
        rate / concentration * mp.sqrt(mp.polygamma(1, concentration)),
    ),
)

ORACLES: dict[str, Oracle] = {"InverseGamma": INVERSE_GAMMA}

BOUNDS: dict[str, Bound] = {"InverseGamma": {"interior": 6.0, "near": 6.0, "extreme": 8.0, "boundary": 6.0}}
