"""The laws of the families on the half-line that are no powers of gamma variables, and of the log-uniform family."""

from collections.abc import Callable
from typing import Any

import numpy as np

from law import Family, Interval, Real, Statistic, half_line, mp

_RECIPROCAL: Statistic = ("x^k", -mp.one)  # the statistic 1/x, by the name that it has as a power


def _powers(power: Callable[..., Real]) -> dict[str, Callable[..., Real]]:
    """The expectations of x, x^2 and x^k, from that of x^k."""
    return {
        "x": lambda *parameters: power(mp.one, *parameters),
        "x^2": lambda *parameters: power(mp.mpf(2), *parameters),
        "x^k": power,
    }


# HalfCauchy(scale)

HALF_CAUCHY = Family(
    log_density=lambda scale: lambda x: mp.log(2 / (mp.pi * scale)) - mp.log(1 + (x / scale) ** 2),
    support=half_line,
    log_terms=lambda scale: {("1",): mp.log(2 / (mp.pi * scale)), ("log(1+x^2/s^2)", scale): -mp.one},
    expectations=_powers(lambda k, scale: scale**k / mp.cos(mp.pi * k / 2) if abs(k) < 1 else mp.inf)
    | {
        "log x": mp.log,
        "log^2 x": lambda scale: mp.log(scale) ** 2 + mp.pi**2 / 4,
        "log(1+x^2/s^2)": lambda s, scale: 2 * mp.log(1 + scale / s),
    },
    bulk=lambda scale: (scale, scale),
)


# LogNormal(loc, scale)


def _log_normal_log_density(loc: Real, scale: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.log(scale) + mp.log(2 * mp.pi) / 2
    return lambda x: -(((mp.log(x) - loc) / scale) ** 2) / 2 - mp.log(x) - log_normalizer


def _log_normal_log_terms(loc: Real, scale: Real) -> dict[Statistic, Real]:
    variance = scale**2
    return {
        ("1",): -(loc**2) / (2 * variance) - mp.log(2 * mp.pi) / 2 - mp.log(scale),
        ("log x",): loc / variance - 1,
        ("log^2 x",): -1 / (2 * variance),
    }


LOG_NORMAL = Family(
    log_density=_log_normal_log_density,
    support=half_line,
    log_terms=_log_normal_log_terms,
    expectations=_powers(lambda k, loc, scale: mp.exp(k * loc + (k * scale) ** 2 / 2))
    | {
        "log x": lambda loc, scale: loc,
        "log^2 x": lambda loc, scale: loc**2 + scale**2,
    },
    bulk=lambda loc, scale: (mp.exp(loc), scale * mp.exp(loc)),
)


# LogLogistic(loc, scale)


def _log_logistic_log_density(loc: Real, scale: Real) -> Callable[[Real], Real]:
    log_scale = mp.log(scale)

    def log_density(x: Real) -> Real:
        z = abs((mp.log(x) - loc) / scale)  # the density of the logarithm is even
        return -z - log_scale - 2 * mp.log(1 + mp.exp(-z)) - mp.log(x)

    return log_density


def _log_logistic_power(k: Real, loc: Real, scale: Real) -> Real:
    b = mp.pi * k * scale
    return mp.exp(k * loc) * (b / mp.sin(b) if b else 1) if abs(b) < mp.pi else mp.inf


LOG_LOGISTIC = Family(
    log_density=_log_logistic_log_density,
    support=half_line,
    bulk=lambda loc, scale: (mp.exp(loc), scale * mp.exp(loc)),
)


# InverseGaussian(loc, concentration)


def _inverse_gaussian_log_density(mean: Real, shape: Real) -> Callable[[Real], Real]:
    half_log = mp.log(shape / (2 * mp.pi)) / 2
    return lambda x: half_log - 3 * mp.log(x) / 2 - shape * (x - mean) ** 2 / (2 * mean**2 * x)


def _inverse_gaussian_log_terms(mean: Real, shape: Real) -> dict[Statistic, Real]:
    return {
        ("1",): mp.log(shape / (2 * mp.pi)) / 2 + shape / mean,
        ("x",): -shape / (2 * mean**2),
        _RECIPROCAL: -shape / 2,
        ("log x",): mp.mpf(-3) / 2,
    }


def _scaled_e1(x: Real) -> Real:
    """exp(x) E1(x)."""
    if x < 10**5:
        return mp.exp(x) * mp.e1(x)
    term, total, k = 1 / x, mp.zero, 0  # its asymptotic series, whose least term is of the order of exp(-x)
    while abs(term) > mp.eps**2 * abs(total):
        total, k = total + term, k + 1
        term *= -k / x
    return total


def _inverse_gaussian_power(k: Real, mean: Real, shape: Real) -> Real:
    if k == -1:
        return 1 / mean + 1 / shape
    ratio = shape / mean
    return mean**k * mp.besselk(k - mp.mpf(1) / 2, ratio) / mp.besselk(mp.mpf(1) / 2, ratio)


INVERSE_GAUSSIAN = Family(
    log_density=_inverse_gaussian_log_density,
    support=half_line,
    log_terms=_inverse_gaussian_log_terms,
    expectations={
        "x": lambda mean, shape: mean,
        "x^2": lambda mean, shape: mean**2 + mean**3 / shape,
        "x^k": _inverse_gaussian_power,
        "log x": lambda mean, shape: mp.log(mean) - _scaled_e1(2 * shape / mean),
    },
    bulk=lambda mean, shape: (mean * shape / (mean + shape), mean * shape / (mean + shape) * mp.sqrt(mean / shape)),
)


# Pareto(scale, alpha) and Lomax(scale, alpha)


PARETO = Family(
    log_density=lambda scale, alpha: lambda x: mp.log(alpha) + alpha * mp.log(scale) - (alpha + 1) * mp.log(x),
    support=lambda scale, alpha: Interval(scale, mp.inf),
    log_terms=lambda scale, alpha: {("1",): mp.log(alpha) + alpha * mp.log(scale), ("log x",): -(alpha + 1)},
    expectations=_powers(lambda k, scale, alpha: alpha * scale**k / (alpha - k) if k < alpha else mp.inf)
    | {
        "log x": lambda scale, alpha: mp.log(scale) + 1 / alpha,
        "log^2 x": lambda scale, alpha: (mp.log(scale) + 1 / alpha) ** 2 + 1 / alpha**2,
    },
    bulk=lambda scale, alpha: (scale + scale / alpha, scale / alpha),
)


def _lomax_log1p(s: Real, scale: Real, alpha: Real) -> Real:
    """E log(1 + x/s): by parts, the integral of y^(alpha - 1) / (1 + (s/scale - 1) y) over y from 0 to 1."""
    with mp.extradps(max(0, int(mp.log10(scale / s)) + 10)):  # the argument must not round to 1
        return mp.hyp2f1(1, alpha, alpha + 1, 1 - s / scale) / alpha


def _beta_prime_power(k: Real, a: Real, b: Real) -> Real:
    if not -a < k < b:
        return mp.inf
    return mp.exp(mp.loggamma(a + k) - mp.loggamma(a) + mp.loggamma(b - k) - mp.loggamma(b))


LOMAX = Family(
    log_density=lambda scale, alpha: lambda x: mp.log(alpha / scale) - (alpha + 1) * mp.log(1 + x / scale),
    support=half_line,
    log_terms=lambda scale, alpha: {("1",): mp.log(alpha / scale), ("log(1+x/s)", scale): -(alpha + 1)},
    expectations=_powers(lambda k, scale, alpha: scale**k * _beta_prime_power(k, mp.one, alpha))
    | {
        "log x": lambda scale, alpha: mp.log(scale) - mp.euler - mp.digamma(alpha),
        "log(1+x/s)": _lomax_log1p,
    },
    bulk=lambda scale, alpha: (scale / alpha, scale / alpha),
)


# BetaPrime(concentration1, concentration0)


def _beta_prime_log_density(a: Real, b: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)
    return lambda x: (a - 1) * mp.log(x) - (a + b) * mp.log(1 + x) - log_normalizer


BETA_PRIME = Family(
    log_density=_beta_prime_log_density,
    support=half_line,
    log_terms=lambda a, b: {
        ("1",): mp.loggamma(a + b) - mp.loggamma(a) - mp.loggamma(b),
        ("log x",): a - 1,
        ("log(1+x)",): -(a + b),
    },
    expectations=_powers(_beta_prime_power)
    | {
        "log x": lambda a, b: mp.digamma(a) - mp.digamma(b),
        "log(1+x)": lambda a, b: mp.digamma(a + b) - mp.digamma(b),
    },
    bulk=lambda a, b: (a / b, a / b * mp.sqrt(1 / a + 1 / b)),
)


# Lindley(rate)

LINDLEY = Family(
    log_density=lambda rate: lambda x: mp.log(rate**2 / (1 + rate)) + mp.log(1 + x) - rate * x,
    support=half_line,
    log_terms=lambda rate: {("1",): mp.log(rate**2 / (1 + rate)), ("log(1+x)",): mp.one, ("x",): -rate},
    expectations=_powers(lambda k, rate: mp.gamma(k + 1) * rate**-k * (rate + k + 1) / (rate + 1) if k > -1 else mp.inf)
    | {
        "log x": lambda rate: 1 / (1 + rate) - mp.euler - mp.log(rate),
        "log(1+x)": lambda rate: (1 + _scaled_e1(rate)) / (1 + rate),
    },
    bulk=lambda rate: (1 / rate, 1 / rate),
)


# LogUniform(low, high)


def _log_uniform_log_density(low: Real, high: Real) -> Callable[[Real], Real]:
    log_width = mp.log(mp.log(high / low))
    return lambda x: -mp.log(x) - log_width if low <= x <= high else -mp.inf


LOG_UNIFORM = Family(
    log_density=_log_uniform_log_density,
    support=Interval,
    log_terms=lambda low, high: {("1",): -mp.log(mp.log(high / low)), ("log x",): -mp.one},
    expectations=_powers(lambda k, low, high: (high**k - low**k) / (k * mp.log(high / low)))
    | {
        "log x": lambda low, high: (mp.log(low) + mp.log(high)) / 2,
        "log^2 x": lambda low, high: (mp.log(low) ** 2 + mp.log(low) * mp.log(high) + mp.log(high) ** 2) / 3,
    },
    bulk=lambda low, high: ((low + high) / 2, (high - low) / 2),
)


LAWS: dict[str, Family] = {
    "HalfCauchy": HALF_CAUCHY,
    "LogNormal": LOG_NORMAL,
    "LogLogistic": LOG_LOGISTIC,
    "InverseGaussian": INVERSE_GAUSSIAN,
    "Pareto": PARETO,
    "Lomax": LOMAX,
    "BetaPrime": BETA_PRIME,
    "Lindley": LINDLEY,
    "LogUniform": LOG_UNIFORM,
}

# The largest errors of a family with itself in ulps.
BOUNDS: dict[str, float | dict[str, float]] = {
    "HalfCauchy": 4.0,
    "LogNormal": 4.0,
    "LogLogistic": 64.0,
    "InverseGaussian": 4.0,
    "Pareto": 4.0,
    # Away from equality, at different scales, terms of the order of alpha cancel.
    "Lomax": {"interior": 128.0, "near": 8.0, "extreme": 256.0, "boundary": 128.0},
    # That of the beta distribution.
    "BetaPrime": {"interior": 12.0, "near": 12.0, "extreme": 16.0 * (1 + 1e6), "boundary": 12.0},
    "Lindley": 6.0,
    "LogUniform": 4.0,
}


def _positive(rng: np.random.Generator, kind: str, dtype: str, size: int) -> np.ndarray:
    decades = 15 if dtype == "float32" else 75
    return 10 ** rng.uniform(-decades, decades, size=size) if kind == "extreme" else np.exp(rng.normal(size=size))


def _draw_inverse_gaussian(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    return {"loc": _positive(rng, kind, dtype, size), "concentration": _positive(rng, kind, dtype, size)}


def _draw_log_logistic(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    """Scales at most 30 apart: the truth is an integral."""
    spread = 3.0 if kind == "extreme" else 1.0
    return {
        "loc": 2 * spread * rng.normal(size=size),
        "scale": np.exp(rng.uniform(-1.7, 1.7, size=size))
        if kind == "extreme"
        else np.exp(0.5 * rng.normal(size=size)),
    }


def _draw_lomax(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    decades = 6 if dtype == "float32" else 12
    if kind != "extreme":
        return {"scale": np.exp(rng.normal(size=size)), "alpha": np.exp(rng.normal(size=size))}
    return {"scale": 10 ** rng.uniform(-decades, decades, size=size), "alpha": 10 ** rng.uniform(-2, 4, size=size)}


def _draw_beta_prime(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    def draw() -> np.ndarray:
        return 10 ** rng.uniform(-6, 8, size=size) if kind == "extreme" else np.exp(rng.normal(size=size))

    return {"concentration1": draw(), "concentration0": draw()}


def _draw_log_uniform(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    low = _positive(rng, kind, dtype, size)
    return {"low": low, "high": low + np.maximum(_positive(rng, kind, dtype, size), 1e-3 * low)}


DRAWS: dict[str, Callable[[np.random.Generator, str, str, int], dict[str, np.ndarray]]] = {
    "InverseGaussian": _draw_inverse_gaussian,
    "LogLogistic": _draw_log_logistic,
    "Lomax": _draw_lomax,
    "BetaPrime": _draw_beta_prime,
    "LogUniform": _draw_log_uniform,
}


def _near_pareto(rng: np.random.Generator, p: dict[str, Any], delta: np.ndarray) -> dict[str, np.ndarray]:
    """Downwards in scale, so that P stays inside Q."""
    return {
        "scale": p["scale"] * (1 - delta * rng.uniform(0, 1, size=delta.shape)),
        "alpha": p["alpha"] * (1 + delta * rng.uniform(-1, 1, size=delta.shape)),
    }


def _near_log_uniform(rng: np.random.Generator, p: dict[str, Any], delta: np.ndarray) -> dict[str, np.ndarray]:
    """Outwards, so that P stays inside Q."""
    return {
        "low": p["low"] * (1 - delta * rng.uniform(0, 1, size=delta.shape)),
        "high": p["high"] * (1 + delta * rng.uniform(0, 1, size=delta.shape)),
    }


NEAR: dict[str, Callable[[np.random.Generator, dict[str, Any], np.ndarray], dict[str, np.ndarray]]] = {
    "Pareto": _near_pareto,
    "LogUniform": _near_log_uniform,
}
