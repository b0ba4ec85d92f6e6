"""The laws of the families on an interval: beta, Kumaraswamy, continuous Bernoulli, logit-normal, truncated normal."""

from collections.abc import Callable
from typing import Any

import numpy as np

from law import Family, Interval, Real, Statistic, mp


def _unit_interval(*parameters: Any) -> Interval:
    return Interval(mp.zero, mp.one)


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


BETA = Family(
    log_density=_beta_log_density,
    support=_unit_interval,
    log_terms=_beta_log_terms,
    expectations={
        "x": lambda a, b: a / (a + b),
        "x^2": lambda a, b: a * (a + 1) / ((a + b) * (a + b + 1)),
        "log x": lambda a, b: mp.digamma(a) - mp.digamma(a + b),
        "log(1-x)": lambda a, b: mp.digamma(b) - mp.digamma(a + b),
    },
    bulk=lambda a, b: (a / (a + b), mp.sqrt(a * b / (a + b + 1)) / (a + b)),
)


# Kumaraswamy(concentration1, concentration0): x^a is a beta(1, b) variable


def _log_one_minus_power(x: Real, a: Real) -> Real:
    return mp.log(-mp.expm1(a * mp.log(x)))


def _kumaraswamy_log_density(a: Real, b: Real) -> Callable[[Real], Real]:
    return lambda x: mp.log(a * b) + (a - 1) * mp.log(x) + (b - 1) * _log_one_minus_power(x, a)


def _kumaraswamy_bulk(a: Real, b: Real) -> tuple[Real, Real]:
    quantiles = [(1 - (1 - u) ** (1 / b)) ** (1 / a) for u in (mp.mpf(1) / 4, mp.mpf(1) / 2, mp.mpf(3) / 4)]
    return quantiles[1], quantiles[2] - quantiles[0]


def _kumaraswamy_power(k: Real, a: Real, b: Real) -> Real:
    return b * mp.beta(1 + k / a, b)


def _kumaraswamy_log_complement(power: Real, a: Real, b: Real) -> Real:
    """E log(1 - x^power), an integral over u = (1 - x^a)^b, which is uniform."""
    if power == a:
        return -1 / b

    def log_complement(u: Real) -> Real:
        log_x = mp.log1p(-(u ** (1 / b))) / a if u < mp.mpf(1) / 2 else mp.log(-mp.expm1(mp.log(u) / b)) / a
        return mp.log(-mp.expm1(power * log_x))

    with mp.extradps(10):
        return mp.quad(log_complement, [0, mp.mpf(1) / 2, 1])


KUMARASWAMY = Family(
    log_density=_kumaraswamy_log_density,
    support=_unit_interval,
    log_terms=lambda a, b: {
        ("1",): mp.log(a * b),
        ("log x",): a - 1,
        ("log(1-x^a)", a): b - 1,
    },
    expectations={
        "x": lambda a, b: _kumaraswamy_power(mp.one, a, b),
        "x^2": lambda a, b: _kumaraswamy_power(mp.mpf(2), a, b),
        "log x": lambda a, b: -(mp.euler + mp.digamma(b + 1)) / a,
        "log(1-x)": lambda a, b: _kumaraswamy_log_complement(mp.one, a, b),
        "log(1-x^a)": _kumaraswamy_log_complement,
    },
    bulk=_kumaraswamy_bulk,
)


# ContinuousBernoulli(probs), by its logit


def _tilted_partition(eta: Real) -> Real:
    return mp.expm1(eta) / eta if eta else mp.one


def _tilted_mean(eta: Real) -> Real:
    return 1 / -mp.expm1(-eta) - 1 / eta if eta else mp.mpf(1) / 2


CONTINUOUS_BERNOULLI = Family(
    log_density=lambda eta: lambda x: eta * x - mp.log(_tilted_partition(eta)),
    support=_unit_interval,
    convert=lambda probs: (mp.log(probs) - mp.log(1 - probs),),
    log_terms=lambda eta: {("1",): -mp.log(_tilted_partition(eta)), ("x",): eta},
    expectations={
        "x": _tilted_mean,
        # By parts: the integral of x^2 exp(eta x) is exp(eta) / eta less 2 / eta times that of x exp(eta x).
        "x^2": lambda eta: (1 / -mp.expm1(-eta) - 2 * _tilted_mean(eta) / eta) if eta else mp.mpf(1) / 3,
    },
    bulk=lambda eta: (_tilted_mean(eta), 1 / (4 + abs(eta))),
)


# LogitNormal(loc, scale)


def _logit_normal_log_density(loc: Real, scale: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.log(scale) + mp.log(2 * mp.pi) / 2

    def log_density(x: Real) -> Real:
        log_x, log_y = mp.log(x), mp.log(1 - x)
        return -(((log_x - log_y - loc) / scale) ** 2) / 2 - log_normalizer - log_x - log_y

    return log_density


LOGIT_NORMAL = Family(
    log_density=_logit_normal_log_density,
    support=_unit_interval,
    log_terms=lambda loc, scale: {
        ("1",): -(loc**2) / (2 * scale**2) - mp.log(2 * mp.pi) / 2 - mp.log(scale),
        ("logit x",): loc / scale**2,
        ("logit^2 x",): -1 / (2 * scale**2),
        ("log x",): -mp.one,
        ("log(1-x)",): -mp.one,
    },
    expectations={"logit x": lambda loc, scale: loc, "logit^2 x": lambda loc, scale: loc**2 + scale**2},
    bulk=lambda loc, scale: (
        1 / (1 + mp.exp(-loc)),
        min(scale, mp.one) * mp.exp(-loc) / (1 + mp.exp(-loc)) ** 2,
    ),
)


# TruncatedNormal(loc, scale, low, high)


def _normal_probability(a: Real, b: Real) -> Real:
    if a > 0:
        a, b = -b, -a
    return (mp.erfc(-b / mp.sqrt(2)) - mp.erfc(-a / mp.sqrt(2))) / 2


def _truncated_log_total(loc: Real, scale: Real, low: Real, high: Real) -> Real:
    return mp.log(scale * mp.sqrt(2 * mp.pi) * _normal_probability((low - loc) / scale, (high - loc) / scale))


def _truncated_moments(loc: Real, scale: Real, low: Real, high: Real) -> tuple[Real, Real]:
    a, b = (low - loc) / scale, (high - loc) / scale
    probability = _normal_probability(a, b)
    first = (mp.npdf(a) - mp.npdf(b)) / probability
    second = 1 + (a * mp.npdf(a) - b * mp.npdf(b)) / probability
    return loc + scale * first, loc**2 + 2 * loc * scale * first + scale**2 * second


def _truncated_normal_log_density(loc: Real, scale: Real, low: Real, high: Real) -> Callable[[Real], Real]:
    log_total = _truncated_log_total(loc, scale, low, high)
    return lambda x: -(((x - loc) / scale) ** 2) / 2 - log_total if low <= x <= high else -mp.inf


def _truncated_normal_bulk(loc: Real, scale: Real, low: Real, high: Real) -> tuple[Real, Real]:
    mean, square = _truncated_moments(loc, scale, low, high)
    return mean, mp.sqrt(square - mean**2)


TRUNCATED_NORMAL = Family(
    log_density=_truncated_normal_log_density,
    support=lambda loc, scale, low, high: Interval(low, high),
    log_terms=lambda loc, scale, low, high: {
        ("1",): -(loc**2) / (2 * scale**2) - _truncated_log_total(loc, scale, low, high),
        ("x",): loc / scale**2,
        ("x^2",): -1 / (2 * scale**2),
    },
    expectations={
        "x": lambda *parameters: _truncated_moments(*parameters)[0],
        "x^2": lambda *parameters: _truncated_moments(*parameters)[1],
    },
    bulk=_truncated_normal_bulk,
)


LAWS: dict[str, Family] = {
    "Beta": BETA,
    "ContinuousBernoulli": CONTINUOUS_BERNOULLI,
    "Kumaraswamy": KUMARASWAMY,
    "LogitNormal": LOGIT_NORMAL,
    "TruncatedNormal": TRUNCATED_NORMAL,
}

# The largest errors of a family with itself in ulps.
BOUNDS: dict[str, float | dict[str, float]] = {
    # Where one concentration is large and the rest is much below 1, what is left of the large terms is small: 16 (1 + 1
    # / (sum of the small concentrations)), which are 1e-6 or more here.
    "Beta": {"interior": 12.0, "near": 12.0, "extreme": 16.0 * (1 + 1e6), "boundary": 12.0},
    "ContinuousBernoulli": 8.0,
    # Far from equality an integral over 114 nodes, to which the divergence is a small difference.
    "Kumaraswamy": {"interior": 64.0, "near": 8.0, "extreme": 1e5, "boundary": 64.0},
    "LogitNormal": 4.0,
    # Far from equality a difference of logarithms of integrals, which are large in the tails.
    "TruncatedNormal": {"interior": 16.0, "near": 16.0, "extreme": 2e4, "boundary": 16.0},
}

Draw = Callable[[np.random.Generator, str, str, int], dict[str, np.ndarray]]


def _draw_beta(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    def draw() -> np.ndarray:
        return 10 ** rng.uniform(-6, 8, size=size) if kind == "extreme" else np.exp(rng.normal(size=size))

    return {"concentration1": draw(), "concentration0": draw()}


def _draw_kumaraswamy(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    def draw() -> np.ndarray:
        return 10 ** rng.uniform(-2, 2, size=size) if kind == "extreme" else np.exp(rng.normal(size=size))

    return {"concentration1": draw(), "concentration0": draw()}


def _draw_continuous_bernoulli(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    if kind != "extreme":
        return {"probs": rng.uniform(0.02, 0.98, size=size)}
    decades, eps = (35, 1e-7) if dtype == "float32" else (300, 1e-15)
    tiny = 10 ** rng.uniform(-decades, -1, size=size)
    return {"probs": np.where(rng.uniform(size=size) < 0.3, 1 - np.clip(tiny, eps, 1), tiny)}


def _draw_truncated_normal(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    def positive() -> np.ndarray:
        return 10 ** rng.uniform(-3, 3, size=size) if kind == "extreme" else np.exp(rng.normal(size=size))

    loc, low = rng.normal(size=size) * positive(), rng.normal(size=size) * positive()
    return {"loc": loc, "scale": positive(), "low": low, "high": low + np.maximum(positive(), 1e-3 * abs(low))}


DRAWS: dict[str, Draw] = {
    "Beta": _draw_beta,
    "ContinuousBernoulli": _draw_continuous_bernoulli,
    "Kumaraswamy": _draw_kumaraswamy,
    "TruncatedNormal": _draw_truncated_normal,
}


def _near_truncated_normal(
    rng: np.random.Generator, p: dict[str, np.ndarray], delta: np.ndarray
) -> dict[str, np.ndarray]:
    noise = {name: delta * rng.uniform(-1, 1, size=x.shape) for name, x in p.items()}
    return {
        "loc": p["loc"] + noise["loc"],
        "scale": p["scale"] * (1 + noise["scale"]),
        "low": p["low"] - abs(noise["low"]),  # outwards, so that P stays inside Q
        "high": p["high"] + abs(noise["high"]),
    }


def _near_continuous_bernoulli(
    rng: np.random.Generator, p: dict[str, np.ndarray], delta: np.ndarray
) -> dict[str, np.ndarray]:
    return {"probs": p["probs"] + delta * rng.uniform(-1, 1, size=delta.shape) * np.minimum(p["probs"], 1 - p["probs"])}


NEAR: dict[str, Callable[[np.random.Generator, dict[str, np.ndarray], np.ndarray], dict[str, np.ndarray]]] = {
    "ContinuousBernoulli": _near_continuous_bernoulli,
    "TruncatedNormal": _near_truncated_normal,
}
