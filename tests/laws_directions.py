"""The laws of angles and unit vectors, and the zeta and logarithmic distributions.

The circle is written as the interval from -pi to pi, and the sphere as the space of its vectors: expectations on it are
closed, so nothing is integrated over it.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from law import Family, Integers, Interval, Real, Space, Statistic, mp


def _circle(*parameters: Any) -> Interval:
    return Interval(-mp.pi, mp.pi)


def _wrapped(angle: Real) -> Real:
    return angle - 2 * mp.pi * mp.floor((angle + mp.pi) / (2 * mp.pi))


def _log_area(size: int) -> Real:
    """Log of the area of the unit sphere of vectors of that size."""
    return mp.log(2) + mp.mpf(size) / 2 * mp.log(mp.pi) - mp.loggamma(mp.mpf(size) / 2)


def _log_mean_exp(size: int, kappa: Real) -> Real:
    """Log of the mean of exp(kappa m . x) over the sphere, from the Bessel function I of order size / 2 - 1."""
    return mp.log(mp.hyp0f1(mp.mpf(size) / 2, kappa**2 / 4))


def _resultant(size: int, kappa: Real) -> Real:
    """The ratio of the Bessel functions I of the orders size / 2 and size / 2 - 1."""
    half = mp.mpf(size) / 2
    return kappa / size * mp.hyp0f1(half + 1, kappa**2 / 4) / mp.hyp0f1(half, kappa**2 / 4)


# VonMises(loc, concentration)


def _von_mises_log_density(loc: Real, kappa: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.log(2 * mp.pi * mp.besseli(0, kappa))
    return lambda x: kappa * mp.cos(x - loc) - log_normalizer


def _von_mises_log_terms(loc: Real, kappa: Real) -> dict[Statistic, Real]:
    return {
        ("1",): -_log_area(2) - _log_mean_exp(2, kappa),
        ("cos x",): kappa * mp.cos(loc),
        ("sin x",): kappa * mp.sin(loc),
    }


def _von_mises_log_distance(r: Real, m: Real, loc: Real, kappa: Real) -> Real:
    total, base = mp.zero, mp.besseli(0, kappa)
    for j in itertools.count(1):
        term = r**j / j * mp.besseli(j, kappa) / base
        if term < mp.eps * mp.mpf(10) ** -5:
            return -2 * total
        total += term * mp.cos(j * (loc - m))
    raise AssertionError


VON_MISES = Family(
    log_density=_von_mises_log_density,
    support=_circle,
    log_terms=_von_mises_log_terms,
    expectations={
        "cos x": lambda loc, kappa: _resultant(2, kappa) * mp.cos(loc),
        "sin x": lambda loc, kappa: _resultant(2, kappa) * mp.sin(loc),
        "log |1 - r exp(i (x - m))|^2": _von_mises_log_distance,
    },
    bulk=lambda loc, kappa: (_wrapped(loc), 1 / mp.sqrt(1 + kappa)),
)


# WrappedCauchy(loc, concentration)


def _wrapped_cauchy_log_density(loc: Real, r: Real) -> Callable[[Real], Real]:
    return lambda x: mp.log((1 - r**2) / (2 * mp.pi)) - mp.log(1 + r**2 - 2 * r * mp.cos(x - loc))


WRAPPED_CAUCHY = Family(
    log_density=_wrapped_cauchy_log_density,
    support=_circle,
    log_terms=lambda loc, r: {
        ("1",): mp.log((1 - r**2) / (2 * mp.pi)),
        ("log |1 - r exp(i (x - m))|^2", r, loc): -mp.one,
    },
    expectations={
        "cos x": lambda loc, r: r * mp.cos(loc),
        "sin x": lambda loc, r: r * mp.sin(loc),
        # The logarithm is harmonic in the disc, where a wrapped Cauchy law is Poisson's kernel.
        "log |1 - r exp(i (x - m))|^2": lambda r, m, loc, own: mp.log(
            1 + (r * own) ** 2 - 2 * r * own * mp.cos(loc - m)
        ),
    },
    bulk=lambda loc, r: (_wrapped(loc), 1 - r),
)


# Unit vectors. ``convert`` makes their lengths exactly 1.


def _normalized(vector: Sequence[Real], *parameters: Real) -> tuple[Any, ...]:
    length = mp.sqrt(mp.fsum(x**2 for x in vector))
    return ([x / length for x in vector], *parameters)


def _dot(a: Sequence[Real], b: Sequence[Real]) -> Real:
    return mp.fsum(x * y for x, y in zip(a, b, strict=True))


def _space(mean_direction: Sequence[Real], *parameters: Any) -> Space:
    return Space(len(mean_direction))


def _von_mises_fisher_log_density(mu: Sequence[Real], kappa: Real) -> Callable[[Any], Real]:
    log_normalizer = _log_area(len(mu)) + _log_mean_exp(len(mu), kappa)
    return lambda x: kappa * _dot(mu, x) - log_normalizer


def _von_mises_fisher_log_terms(mu: Sequence[Real], kappa: Real) -> dict[Statistic, Real]:
    terms: dict[Statistic, Real] = {("1",): -_log_area(len(mu)) - _log_mean_exp(len(mu), kappa)}
    return terms | {("x_i", i): kappa * x for i, x in enumerate(mu)}


VON_MISES_FISHER = Family(
    convert=_normalized,
    log_density=_von_mises_fisher_log_density,
    support=_space,
    log_terms=_von_mises_fisher_log_terms,
    expectations={"x_i": lambda i, mu, kappa: _resultant(len(mu), kappa) * mu[i]},
)


def _power_log_normalizer(size: int, kappa: Real) -> Real:
    """Log of the integral of (1 + m . x)^kappa over the sphere."""
    a, b = kappa + mp.mpf(size - 1) / 2, mp.mpf(size - 1) / 2
    return (a + b) * mp.log(2) + b * mp.log(mp.pi) + mp.loggamma(a) - mp.loggamma(a + b)


def _power_spherical_log_density(mu: Sequence[Real], kappa: Real) -> Callable[[Any], Real]:
    log_normalizer = _power_log_normalizer(len(mu), kappa)
    return lambda x: kappa * mp.log(1 + _dot(mu, x)) - log_normalizer


def _power_spherical_log(*parameters: Any) -> Real:
    """E log(1 + m . x), where m comes first: in three dimensions, with x around its own axis integrated away."""
    *m, mu, kappa = parameters
    a, b = kappa + mp.mpf(len(mu) - 1) / 2, mp.mpf(len(mu) - 1) / 2
    if m == mu or not kappa:
        return mp.log(2) + mp.digamma(a) - mp.digamma(a + b)
    if len(mu) != 3:
        raise NotImplementedError("different axes are for three dimensions")
    c = _dot(m, mu)
    c = c if 1 + c > 1000 * mp.eps else -mp.one
    # The mean over a circle of log(u + v cos) is log((u + sqrt(u^2 - v^2)) / 2), u = 1 + c t and u^2 - v^2 = (c + t)^2.
    # The density of t is (kappa + 1) (1 + t)^kappa / 2^(kappa + 1), so with y = 1 + t by parts:
    top = 1 - c
    share = (top / 2) ** (kappa + 1)
    below = share * (mp.log(top) - 1 / (kappa + 1)) if top else mp.zero
    full = mp.log(2) - 1 / (kappa + 1)
    # below the fold log(((1 - c) (1 - t)) / 2), above it log(((1 + c) (1 + t)) / 2)
    above = full - below + (1 - share) * mp.log((1 + c) / 2) if 1 + c else mp.zero
    # and what log(2 - y) adds below the fold is, by parts again, a hypergeometric function.
    if share < mp.eps * mp.mpf(10) ** -20:
        folded = mp.zero
    elif 1 + c:
        series = mp.hyp2f1(1, kappa + 2, kappa + 3, top / 2)
        folded = share * (mp.log(2 - top) + top / (2 * (kappa + 2)) * series)
    else:
        folded = mp.log(2) + mp.digamma(1) - mp.digamma(kappa + 2)
    return above + folded + (share * mp.log(top / 2) if top else mp.zero)


POWER_SPHERICAL = Family(
    convert=_normalized,
    log_density=_power_spherical_log_density,
    support=_space,
    log_terms=lambda mu, kappa: {
        ("1",): -_power_log_normalizer(len(mu), kappa),
        ("log(1 + m.x)", *mu): kappa,
    },
    expectations={
        "x_i": lambda i, mu, kappa: kappa / (len(mu) - 1 + kappa) * mu[i],
        "log(1 + m.x)": _power_spherical_log,
    },
)

SPHERICAL_UNIFORM = Family(
    convert=_normalized,
    log_density=lambda mu: lambda x: -_log_area(len(mu)),
    support=_space,
    log_terms=lambda mu: {("1",): -_log_area(len(mu))},
    expectations={
        "x_i": lambda i, mu: mp.zero,
        "log(1 + m.x)": lambda *parameters: _power_spherical_log(*parameters, mp.zero),
    },
)


# Zeta(exponent) and LogSeries(probs)


def _counts(*parameters: Any) -> Integers:
    return Integers(1)


def _zeta_log_density(s: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.log(mp.zeta(s))
    return lambda x: -s * mp.log(x) - log_normalizer


def _zeta_mean_log_factorial(s: Real) -> Real:
    if s <= 2:
        return mp.inf
    return mp.sumem(lambda k: mp.loggamma(k + 1) * k**-s, [60, mp.inf]) / mp.zeta(s) + mp.fsum(
        mp.loggamma(k + 1) * mp.mpf(k) ** -s for k in range(1, 60)
    ) / mp.zeta(s)


ZETA = Family(
    log_density=_zeta_log_density,
    support=_counts,
    log_terms=lambda s: {("1",): -mp.log(mp.zeta(s)), ("log x",): -s},
    expectations={
        "x": lambda s: mp.zeta(s - 1) / mp.zeta(s) if s > 2 else mp.inf,
        "log x": lambda s: -mp.zeta(s, 1, 1) / mp.zeta(s),
        "log x!": _zeta_mean_log_factorial,
    },
    bulk=lambda s: (mp.one, mp.one),
)


def _log_series_log_density(p: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.log(-mp.log1p(-p))
    return lambda x: x * mp.log(p) - mp.log(x) - log_normalizer


def _log_series_expectation(function: Callable[[Real], Real]) -> Callable[[Real], Real]:
    def expectation(p: Real) -> Real:
        total, power = mp.zero, p
        for k in itertools.count(2):
            power *= p
            total += power / k * function(mp.mpf(k))
            if power < p * p * (1 - p) * mp.eps * mp.mpf(10) ** -8:
                return -total / mp.log1p(-p)
        raise AssertionError

    return expectation


LOG_SERIES = Family(
    log_density=_log_series_log_density,
    support=_counts,
    log_terms=lambda p: {("1",): -mp.log(-mp.log1p(-p)), ("x",): mp.log(p), ("log x",): -mp.one},
    expectations={
        "x": lambda p: -p / ((1 - p) * mp.log1p(-p)),
        "log x": _log_series_expectation(mp.log),
        "log x!": _log_series_expectation(lambda k: mp.loggamma(k + 1)),
    },
    bulk=lambda p: (mp.one, mp.one),
)


LAWS: dict[str, Family] = {
    "VonMises": VON_MISES,
    "WrappedCauchy": WRAPPED_CAUCHY,
    "VonMisesFisher": VON_MISES_FISHER,
    "PowerSpherical": POWER_SPHERICAL,
    "SphericalUniform": SPHERICAL_UNIFORM,
    "Zeta": ZETA,
    "LogSeries": LOG_SERIES,
}

# The largest errors of a family with itself in ulps.
BOUNDS: dict[str, float | dict[str, float]] = {
    "VonMises": 8.0,
    "WrappedCauchy": 8.0,
    "VonMisesFisher": 16.0,
    "PowerSpherical": 32.0,
    "SphericalUniform": 1.0,
    "Zeta": 32.0,  # a probability k^-s has the rounding of s log k
    "LogSeries": 24.0,
}


def _draw_zeta(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    excess = 10 ** rng.uniform(-5, 1.5, size=size) if kind == "extreme" else np.exp(rng.normal(size=size))
    return {"exponent": 1 + excess}


def _draw_below_one(rng: np.random.Generator, kind: str, dtype: str, size: int) -> np.ndarray:
    if kind != "extreme":
        return rng.uniform(0.02, 0.98, size=size)
    decades, digits = (30, 6) if dtype == "float32" else (150, 15)
    tiny = 10 ** rng.uniform(-decades, -1, size=size)
    return np.where(rng.uniform(size=size) < 0.5, 1 - 10 ** rng.uniform(-digits, -1, size=size), tiny)


def _draw_log_series(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    return {"probs": _draw_below_one(rng, kind, dtype, size)}


def _draw_wrapped_cauchy(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    loc = rng.normal(size=size) * (10 ** rng.uniform(-5, 5, size=size) if kind == "extreme" else 1)
    return {"loc": loc, "concentration": _draw_below_one(rng, kind, dtype, size)}


def _draw_direction(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    """Unit vectors, if of float32 then such that their length is 1 for float64 too, and concentrations."""
    x = rng.normal(size=(200 * size, 3))
    x = (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(dtype).astype(np.float64)
    x = x[abs(np.sum(x * x, axis=-1) - 1) < 1e-8][:size]
    kappa = 10 ** rng.uniform(-6, 8, size=size) if kind == "extreme" else np.exp(rng.normal(size=size))
    return {"mean_direction": x, "concentration": kappa}


DRAWS: dict[str, Callable[..., dict[str, np.ndarray]]] = {
    "LogSeries": _draw_log_series,
    "PowerSpherical": _draw_direction,
    "SphericalUniform": _draw_direction,
    "VonMisesFisher": _draw_direction,
    "WrappedCauchy": _draw_wrapped_cauchy,
    "Zeta": _draw_zeta,
}
