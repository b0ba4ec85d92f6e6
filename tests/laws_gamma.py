"""The laws of the generalized gamma distribution, its special cases and their reciprocals."""

from collections.abc import Callable
from dataclasses import replace

from law import Family, Real, Statistic, half_line, mp
from laws_basic import GAMMA


def _power(k: Real) -> Statistic:
    """The statistic x^k, by the name that it shares with other families."""
    return {1: ("x",), 2: ("x^2",)}.get(k, ("x^k", k))


# GeneralizedGamma(scale, concentration, power)


def _generalized_gamma_log_density(a: Real, d: Real, p: Real) -> Callable[[Real], Real]:
    log_normalizer = d * mp.log(a) + mp.loggamma(d / p) - mp.log(p)
    return lambda x: (d - 1) * mp.log(x) - (x / a) ** p - log_normalizer


def _generalized_gamma_log_terms(a: Real, d: Real, p: Real) -> dict[Statistic, Real]:
    return {
        ("1",): mp.log(p) - d * mp.log(a) - mp.loggamma(d / p),
        ("log x",): d - 1,
        _power(p): -(a**-p),
    }


def _generalized_gamma_power(k: Real, a: Real, d: Real, p: Real) -> Real:
    return a**k * mp.exp(mp.loggamma((d + k) / p) - mp.loggamma(d / p)) if d + k > 0 else mp.inf


GENERALIZED_GAMMA = Family(
    log_density=_generalized_gamma_log_density,
    support=half_line,
    log_terms=_generalized_gamma_log_terms,
    expectations={
        "log x": lambda a, d, p: mp.log(a) + mp.digamma(d / p) / p,
        "x": lambda *parameters: _generalized_gamma_power(mp.one, *parameters),
        "x^2": lambda *parameters: _generalized_gamma_power(mp.mpf(2), *parameters),
        "x^k": _generalized_gamma_power,
    },
    # The mean of the logarithm, and its deviation as a share of x.
    bulk=lambda a, d, p: (
        a * mp.exp(mp.digamma(d / p) / p),
        a * mp.exp(mp.digamma(d / p) / p) * mp.sqrt(mp.polygamma(1, d / p)) / p,
    ),
)


# InverseGamma(concentration, rate)


def _inverse_gamma_log_density(concentration: Real, rate: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.loggamma(concentration) - concentration * mp.log(rate)
    return lambda x: -(concentration + 1) * mp.log(x) - rate / x - log_normalizer


def _inverse_gamma_log_terms(concentration: Real, rate: Real) -> dict[Statistic, Real]:
    return {
        ("1",): concentration * mp.log(rate) - mp.loggamma(concentration),
        ("log x",): -concentration - 1,
        _power(-mp.one): -rate,
    }


def _inverse_gamma_power(k: Real, concentration: Real, rate: Real) -> Real:
    if concentration <= k:
        return mp.inf
    return rate**k * mp.exp(mp.loggamma(concentration - k) - mp.loggamma(concentration))


INVERSE_GAMMA = Family(
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
        _power(-concentration): -(scale**concentration),
    }


def _frechet_power(k: Real, scale: Real, concentration: Real) -> Real:
    return scale**k * mp.gamma(1 - k / concentration) if k < concentration else mp.inf


FRECHET = Family(
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

# The gamma distribution has further powers than those that the basic families ask for.
_POWERS_OF_GAMMA = replace(
    GAMMA,
    expectations={
        **GAMMA.expectations,
        "x^k": lambda k, concentration, rate: _generalized_gamma_power(k, 1 / rate, concentration, mp.one),
    },
)


LAWS: dict[str, Family] = {
    "Gamma": _POWERS_OF_GAMMA,
    "Exponential": replace(_POWERS_OF_GAMMA, convert=lambda rate: (mp.one, rate)),
    "Chi2": replace(_POWERS_OF_GAMMA, convert=lambda df: (df / 2, mp.mpf(1) / 2)),
    "GeneralizedGamma": GENERALIZED_GAMMA,
    "Chi": replace(GENERALIZED_GAMMA, convert=lambda df: (mp.sqrt(2), df, mp.mpf(2))),
    "HalfNormal": replace(GENERALIZED_GAMMA, convert=lambda scale: (mp.sqrt(2) * scale, mp.one, mp.mpf(2))),
    "Maxwell": replace(GENERALIZED_GAMMA, convert=lambda scale: (mp.sqrt(2) * scale, mp.mpf(3), mp.mpf(2))),
    "Nakagami": replace(
        GENERALIZED_GAMMA,
        convert=lambda concentration, spread: (mp.sqrt(spread / concentration), 2 * concentration, mp.mpf(2)),
    ),
    "Rayleigh": replace(GENERALIZED_GAMMA, convert=lambda scale: (mp.sqrt(2) * scale, mp.mpf(2), mp.mpf(2))),
    "Weibull": replace(GENERALIZED_GAMMA, convert=lambda scale, concentration: (scale, concentration, concentration)),
    "InverseGamma": INVERSE_GAMMA,
    "Levy": replace(INVERSE_GAMMA, convert=lambda scale: (mp.mpf(1) / 2, scale / 2)),
    "Frechet": FRECHET,
}

# Where exp(t) is large, its relative error is that of t, a sum of terms of opposite signs, times their size.
_EXPONENTIAL = {"interior": 512.0, "near": 4.0, "extreme": 16384.0, "boundary": 512.0}

# The largest errors of a family with itself in ulps.
BOUNDS: dict[str, float | dict[str, float]] = {
    "Chi": 6.0,
    "Chi2": 6.0,
    "Frechet": _EXPONENTIAL,
    "GeneralizedGamma": {**_EXPONENTIAL, "near": 64.0},
    "InverseGamma": {"interior": 6.0, "near": 6.0, "extreme": 8.0, "boundary": 6.0},
    "Nakagami": {"interior": 6.0, "near": 6.0, "extreme": 8.0, "boundary": 6.0},
    "Weibull": _EXPONENTIAL,
}
