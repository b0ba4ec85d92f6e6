"""The laws of the families on the whole line: Laplace's, the logistic, extreme values, Student's, and their like."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from law import Family, Real, Statistic, mp, real_line


def _at(loc: Real, *parameters: Real) -> tuple[Real, ...]:
    return (loc,)


# Laplace(loc, scale) and AsymmetricLaplace(loc, scale, asymmetry): exponential on both sides of loc


def _asymmetric_laplace_log_density(loc: Real, scale: Real, asymmetry: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.log(scale * (asymmetry + 1 / asymmetry))
    above, below = -asymmetry / scale, 1 / (asymmetry * scale)
    return lambda x: (x - loc) * (above if x >= loc else below) - log_normalizer


def _asymmetric_laplace_log_terms(loc: Real, scale: Real, asymmetry: Real) -> dict[Statistic, Real]:
    return {
        ("1",): -mp.log(scale * (asymmetry + 1 / asymmetry)),
        ("(x - m)^+", loc): -asymmetry / scale,
        ("(m - x)^+", loc): -1 / (asymmetry * scale),
    }


def _mean_above(m: Real, loc: Real, scale: Real, asymmetry: Real) -> Real:
    """E (x - m)^+."""
    right, left = scale / asymmetry, scale * asymmetry
    if m >= loc:
        return right**2 / (right + left) * mp.exp(-(m - loc) / right)
    return _mean_below(m, loc, scale, asymmetry) + loc + right - left - m


def _mean_below(m: Real, loc: Real, scale: Real, asymmetry: Real) -> Real:
    """E (m - x)^+."""
    right, left = scale / asymmetry, scale * asymmetry
    if m <= loc:
        return left**2 / (right + left) * mp.exp((m - loc) / left)
    return _mean_above(m, loc, scale, asymmetry) - (loc + right - left - m)


def _asymmetric_laplace_exponential(m: Real, s: Real, loc: Real, scale: Real, asymmetry: Real) -> Real:
    right, left = scale / asymmetry / s, scale * asymmetry / s
    return mp.exp((loc - m) / s) / ((1 - right) * (1 + left)) if right < 1 and left > -1 else mp.inf


ASYMMETRIC_LAPLACE = Family(
    log_density=_asymmetric_laplace_log_density,
    support=real_line,
    log_terms=_asymmetric_laplace_log_terms,
    expectations={
        "x": lambda loc, scale, asymmetry: loc + scale / asymmetry - scale * asymmetry,
        "x^2": lambda loc, scale, asymmetry: (
            (scale / asymmetry) ** 2 + (scale * asymmetry) ** 2 + (loc + scale / asymmetry - scale * asymmetry) ** 2
        ),
        "exp((x - m) / s)": _asymmetric_laplace_exponential,
        "(x - m)^+": _mean_above,
        "(m - x)^+": _mean_below,
    },
    bulk=lambda loc, scale, asymmetry: (loc, scale * (asymmetry + 1 / asymmetry) / 2),
    kinks=_at,
)


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


LOGISTIC = Family(
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


# Gumbel(loc, scale) and Moyal(loc, scale): the statistic ("exp(x / s)", s, m) is exp((x - m) / s)


def _gumbel_log_density(loc: Real, scale: Real) -> Callable[[Real], Real]:
    return lambda x: -(x - loc) / scale - mp.exp(-(x - loc) / scale) - mp.log(scale)


def _gumbel_log_terms(loc: Real, scale: Real) -> dict[Statistic, Real]:
    return {
        ("1",): loc / scale - mp.log(scale),
        ("x",): -1 / scale,
        ("exp((x - m) / s)", loc, -scale): -mp.one,
    }


GUMBEL = Family(
    log_density=_gumbel_log_density,
    support=real_line,
    log_terms=_gumbel_log_terms,
    expectations={
        "x": lambda loc, scale: loc + mp.euler * scale,
        "(x - m)^+": lambda m, loc, scale: loc + mp.euler * scale - m + scale * mp.e1(mp.exp((loc - m) / scale)),
        "(m - x)^+": lambda m, loc, scale: scale * mp.e1(mp.exp((loc - m) / scale)),
        "x^2": lambda loc, scale: (loc + mp.euler * scale) ** 2 + (mp.pi * scale) ** 2 / 6,
        "exp((x - m) / s)": lambda m, s, loc, scale: (
            mp.exp((loc - m) / s) * mp.gamma(1 - scale / s) if scale / s < 1 else mp.inf
        ),
    },
    bulk=lambda loc, scale: (loc, scale),
)


def _moyal_log_density(loc: Real, scale: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.log(scale) + mp.log(2 * mp.pi) / 2
    return lambda x: -((x - loc) / scale + mp.exp(-(x - loc) / scale)) / 2 - log_normalizer


def _moyal_log_terms(loc: Real, scale: Real) -> dict[Statistic, Real]:
    return {
        ("1",): loc / (2 * scale) - mp.log(scale) - mp.log(2 * mp.pi) / 2,
        ("x",): -1 / (2 * scale),
        ("exp((x - m) / s)", loc, -scale): -mp.one / 2,
    }


MOYAL = Family(
    log_density=_moyal_log_density,
    support=real_line,
    log_terms=_moyal_log_terms,
    expectations={
        "x": lambda loc, scale: loc + (mp.euler + mp.log(2)) * scale,
        "x^2": lambda loc, scale: (loc + (mp.euler + mp.log(2)) * scale) ** 2 + (mp.pi * scale) ** 2 / 2,
        "exp((x - m) / s)": lambda m, s, loc, scale: (
            mp.exp((loc - m) / s) * mp.mpf(2) ** (-scale / s) * mp.gamma(0.5 - scale / s) / mp.sqrt(mp.pi)
            if scale / s < 0.5
            else mp.inf
        ),
    },
    bulk=lambda loc, scale: (loc + scale, 2 * scale),
)


# ExpGamma(concentration, rate) and ExpInverseGamma: sign 1 and -1


def _log_gamma_log_density(sign: Real, concentration: Real, rate: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.loggamma(concentration) - concentration * mp.log(rate)
    return lambda x: concentration * sign * x - rate * mp.exp(sign * x) - log_normalizer


LOG_GAMMA = Family(
    log_density=_log_gamma_log_density,
    support=real_line,
    log_terms=lambda sign, concentration, rate: {
        ("1",): concentration * mp.log(rate) - mp.loggamma(concentration),
        ("x",): concentration * sign,
        ("exp((x - m) / s)", mp.zero, sign): -rate,
    },
    expectations={
        "x": lambda sign, concentration, rate: sign * (mp.digamma(concentration) - mp.log(rate)),
        "x^2": lambda sign, concentration, rate: (
            mp.psi(1, concentration) + (mp.digamma(concentration) - mp.log(rate)) ** 2
        ),
        "exp((x - m) / s)": lambda m, s, sign, concentration, rate: (
            mp.exp(mp.loggamma(concentration + sign / s) - mp.loggamma(concentration) - m / s) * rate ** (-sign / s)
            if concentration + sign / s > 0
            else mp.inf
        ),
    },
    bulk=lambda sign, concentration, rate: (
        sign * (mp.digamma(concentration) - mp.log(rate)),
        mp.sqrt(mp.psi(1, concentration)),
    ),
)


# StudentT(df, loc, scale) and Cauchy(loc, scale)


def _student_log_density(df: Real, loc: Real, scale: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.loggamma(df / 2) - mp.loggamma((df + 1) / 2) + mp.log(df * mp.pi) / 2 + mp.log(scale)
    return lambda x: -(df + 1) / 2 * mp.log(1 + ((x - loc) / scale) ** 2 / df) - log_normalizer


def _student_log_terms(df: Real, loc: Real, scale: Real) -> dict[Statistic, Real]:
    constant = mp.loggamma((df + 1) / 2) - mp.loggamma(df / 2) - mp.log(mp.pi) / 2 + df / 2 * mp.log(df * scale**2)
    return {("1",): constant, ("log((x - m)^2 + s^2)", loc, df * scale**2): -(df + 1) / 2}


def _student_log_square(m: Real, square: Real, df: Real, loc: Real, scale: Real) -> Real:
    if df == 1:
        return mp.log((loc - m) ** 2 + (scale + mp.sqrt(square)) ** 2)
    if m == loc and square == df * scale**2:
        return mp.log(square) + mp.digamma((df + 1) / 2) - mp.digamma(df / 2)
    raise NotImplementedError


STUDENT_T = Family(
    log_density=_student_log_density,
    support=real_line,
    log_terms=_student_log_terms,
    expectations={
        "x^2": lambda df, loc, scale: loc**2 + scale**2 * df / (df - 2) if df > 2 else mp.inf,
        "x": lambda df, loc, scale: loc,
        "exp((x - m) / s)": lambda m, s, df, loc, scale: mp.inf,
        "log((x - m)^2 + s^2)": _student_log_square,
    },
    bulk=lambda df, loc, scale: (loc, scale),
    kinks=lambda df, loc, scale: (loc,),  # none, but a place where it may be narrow against another
)
CAUCHY = Family(
    log_density=_student_log_density,
    support=real_line,
    convert=lambda loc, scale: (mp.one, loc, scale),
    log_terms=_student_log_terms,
    expectations=STUDENT_T.expectations,
    bulk=lambda df, loc, scale: (loc, scale),
    kinks=lambda df, loc, scale: (loc,),  # none, but a place where it may be narrow against another
)


# GeneralizedNormal(loc, scale, power)


def _generalized_normal_log_density(loc: Real, scale: Real, power: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.log(2 * scale / power) + mp.loggamma(1 / power)
    return lambda x: -(abs((x - loc) / scale) ** power) - log_normalizer


GENERALIZED_NORMAL = Family(
    log_density=_generalized_normal_log_density,
    support=real_line,
    bulk=lambda loc, scale, power: (loc, scale),
    kinks=_at,
)

LAWS: dict[str, Family] = {
    "Laplace": replace(ASYMMETRIC_LAPLACE, convert=lambda loc, scale: (loc, scale, mp.one)),
    "AsymmetricLaplace": ASYMMETRIC_LAPLACE,
    "Logistic": LOGISTIC,
    "Gumbel": GUMBEL,
    "Moyal": MOYAL,
    "ExpGamma": replace(LOG_GAMMA, convert=lambda concentration, rate: (mp.one, concentration, rate)),
    "ExpInverseGamma": replace(LOG_GAMMA, convert=lambda concentration, rate: (-mp.one, concentration, rate)),
    "StudentT": STUDENT_T,
    "Cauchy": CAUCHY,
    "GeneralizedNormal": GENERALIZED_NORMAL,
}

# Accuracy of a family with itself, in ulps.
BOUNDS: dict[str, float | dict[str, float]] = {
    "Laplace": 4.0,
    "Cauchy": 8.0,
    "ExpGamma": {"interior": 6.0, "near": 6.0, "extreme": 8.0, "boundary": 6.0},
    "ExpInverseGamma": {"interior": 6.0, "near": 6.0, "extreme": 8.0, "boundary": 6.0},
    "Logistic": 8.0,
    # exp(t), where t is a sum of numbers up to 700, is right to as many ulps.
    "Gumbel": {"interior": 512.0, "near": 4.0, "extreme": 2048.0, "boundary": 512.0},
    "Moyal": {"interior": 512.0, "near": 6.0, "extreme": 2048.0, "boundary": 512.0},
    # As is a power of the ratio of the scales.
    "GeneralizedNormal": {"interior": 128.0, "near": 64.0, "extreme": 4096.0, "boundary": 128.0},
}


def _draw_asymmetric_laplace(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    decades = {"interior": 0.4, "extreme": 15.0 if dtype == "float32" else 75.0}[kind]
    return {
        "loc": rng.normal(size=size) * 10 ** rng.uniform(-decades / 15, decades / 15, size=size),
        "scale": 10 ** rng.uniform(-decades, decades, size=size),
        "asymmetry": 10 ** rng.uniform(-min(decades, 3.0), min(decades, 3.0), size=size),
    }


def _draw_logistic(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    decades = {"interior": 0.4, "extreme": 1.0}[kind]  # as far as the oracle integrates
    return {"loc": rng.normal(size=size), "scale": 10 ** rng.uniform(-decades, decades, size=size)}


def _draw_generalized_normal(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    # Powers between those of densities with a cusp and of nearly uniform ones.
    decades = {"interior": 0.4, "extreme": 3.0}[kind]  # as far as the oracle integrates
    return {
        "loc": rng.normal(size=size),
        "scale": 10 ** rng.uniform(-decades, decades, size=size),
        "power": 10 ** rng.uniform(-0.4, 0.9, size=size),
    }


DRAWS: dict[str, Callable[[np.random.Generator, str, str, int], dict[str, np.ndarray]]] = {
    "AsymmetricLaplace": _draw_asymmetric_laplace,
    "Logistic": _draw_logistic,
    "GeneralizedNormal": _draw_generalized_normal,
}
