"""The laws of counts: binomial, geometric, negative binomial, discrete uniform, beta-binomial; and ordered classes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from law import Atoms, Family, Integers, Real, Support, mp, xlogy

# Binomial(total_count, probs), with the complement of the probability


def _log_choose(n: Real, x: Real) -> Real:
    return mp.log(mp.binomial(n, x))


def _binomial_log_density(n: Real, p: Real, q: Real) -> Callable[[Real], Real]:
    def log_density(x: Real) -> Real:
        if not 0 <= x <= n or (x and not p) or (x < n and not q):
            return -mp.inf
        return _log_choose(n, x) + xlogy(x, p) + xlogy(n - x, q)

    return log_density


def _binomial_support(n: Real, p: Real, q: Real) -> Support:
    outcomes = range(int(n) + 1) if p and q else (int(n) if p else 0,)
    return Atoms(tuple(mp.mpf(k) for k in outcomes))


def _from_logit(logit: Real) -> tuple[Real, Real]:
    return 1 / (1 + mp.exp(-logit)), 1 / (1 + mp.exp(logit))


def _binomial(convert: Callable[..., tuple[Any, ...]]) -> Family:
    return Family(
        log_density=_binomial_log_density,
        support=_binomial_support,
        convert=convert,
        bulk=lambda n, p, q: (n * p, mp.sqrt(n * p * q)),
        few_outcomes=True,
    )


# NegativeBinomial(total_count, probs), with the complement of the probability; Geometric is the one with total_count 1


def _negative_binomial_log_density(r: Real, p: Real, q: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.loggamma(r) - r * mp.log(q)
    return lambda x: mp.loggamma(r + x) - mp.loggamma(x + 1) + xlogy(x, p) - log_normalizer


def _negative_binomial(convert: Callable[..., tuple[Any, ...]]) -> Family:
    return Family(
        log_density=_negative_binomial_log_density,
        support=lambda r, p, q: Integers(0) if p else Atoms((mp.zero,)),
        convert=convert,
        # The statistic log Gamma(x + r) has no closed expectation, and drops out between laws of the same count.
        log_terms=lambda r, p, q: {
            ("1",): r * mp.log(q) - mp.loggamma(r),
            ("x",): mp.log(p) if p else mp.zero,
            ("log Gamma(x + r)", r): mp.one,
            ("log x!",): -mp.one,
        },
        expectations={"x": lambda r, p, q: r * p / q},
        bulk=lambda r, p, q: (r * p / q, mp.sqrt(r * p) / q),
    )


def _log1m(q: Real) -> Real:
    """log(1 - q), also for q far below the precision; 0 at q = 1, where it is multiplied by 0."""
    return mp.log1p(-q) if q < 1 else mp.zero


def _geometric() -> Family:
    return Family(
        log_density=lambda p, q: lambda x: mp.log(q) + x * _log1m(q),
        support=lambda p, q: Integers(0) if p else Atoms((mp.zero,)),
        convert=lambda probs: (1 - probs, probs),
        log_terms=lambda p, q: {("1",): mp.log(q), ("x",): _log1m(q)},
        expectations={"x": lambda p, q: p / q},
        bulk=lambda p, q: (p / q, mp.sqrt(p) / q),
    )


# DiscreteUniform(low, high)


DISCRETE_UNIFORM = Family(
    log_density=lambda low, high: lambda x: -mp.log(high - low + 1) if low <= x <= high else -mp.inf,
    support=lambda low, high: Atoms(tuple(mp.mpf(k) for k in range(int(low), int(high) + 1))),
    few_outcomes=True,
)


# BetaBinomial(total_count, concentration1, concentration0)


def _log_beta(a: Real, b: Real) -> Real:
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


BETA_BINOMIAL = Family(
    log_density=lambda n, a, b: (
        lambda x: _log_choose(n, x) + _log_beta(x + a, n - x + b) - _log_beta(a, b) if 0 <= x <= n else -mp.inf
    ),
    support=lambda n, a, b: Atoms(tuple(mp.mpf(k) for k in range(int(n) + 1))),
    few_outcomes=True,
)


# Ordered classes: from cut points and a location to the logarithms of the probabilities.


def _ordered(cuts: Any, loc: Real) -> tuple[Real, ...]:
    above = [mp.one, *(1 / (1 + mp.exp(cut - loc)) for cut in cuts), mp.zero]
    below = [mp.zero, *(1 / (1 + mp.exp(loc - cut)) for cut in cuts), mp.one]
    # Of both ways to write a probability, the one without cancellation.
    return tuple(
        mp.log(above[k] - above[k + 1] if above[k] < below[k + 1] else below[k + 1] - below[k])
        for k in range(len(cuts) + 1)
    )


def _stopping(cuts: Any, loc: Real) -> tuple[Real, ...]:
    logs, reached = [], mp.zero
    for cut in cuts:
        stop, pass_on = _from_logit(cut - loc)
        logs.append(reached + mp.log(stop))
        reached += mp.log(pass_on)
    return (*logs, reached)


def _classes(convert: Callable[..., tuple[Any, ...]]) -> Family:
    return Family(
        log_density=lambda *logs: lambda x: logs[int(x)] if x in range(len(logs)) else -mp.inf,
        support=lambda *logs: Atoms(tuple(mp.mpf(k) for k in range(len(logs)))),
        convert=convert,
        few_outcomes=True,
    )


LAWS: dict[str, Family] = {
    "ProbitBernoulli": _classes(lambda probits: (mp.log(mp.ncdf(-probits)), mp.log(mp.ncdf(probits)))),
    "Binomial": _binomial(lambda n, probs: (n, probs, 1 - probs)),
    "BinomialLogits": _binomial(lambda n, logits: (n, *_from_logit(logits))),
    "Geometric": _geometric(),
    "NegativeBinomial": _negative_binomial(lambda total_count, probs: (total_count, probs, 1 - probs)),
    "DiscreteUniform": DISCRETE_UNIFORM,
    "BetaBinomial": BETA_BINOMIAL,
    "OrderedLogistic": _classes(_ordered),
    "StoppingRatioLogistic": _classes(_stopping),
}

BOUNDS: dict[str, float | dict[str, float]] = {
    "ProbitBernoulli": {"interior": 8.0, "near": 8.0, "extreme": 128.0, "boundary": 8.0},  # extreme: about probit^2/2
    # Different counts: near the common Poisson limit the difference of log-factorials cancels.
    "Binomial": {"interior": 128.0, "near": 8.0, "extreme": 128.0, "boundary": 128.0},
    "BinomialLogits": {"interior": 128.0, "near": 8.0, "extreme": 128.0, "boundary": 128.0},
    "Geometric": 4.0,
    # Where count and probability move together along the ridge of equal means, the difference of the means cancels;
    # where the counts are far apart and the mean is next to 0, the integral loses the ratio of the counts.
    "NegativeBinomial": {"interior": 128.0, "near": 256.0, "extreme": 4096.0, "boundary": 3e8},
    "DiscreteUniform": 4.0,
    "OrderedLogistic": {"interior": 16.0, "near": 16.0, "extreme": 64.0, "boundary": 16.0},
    "StoppingRatioLogistic": {"interior": 16.0, "near": 16.0, "extreme": 64.0, "boundary": 16.0},
}

Draw = Callable[[np.random.Generator, str, str, int], dict[str, np.ndarray]]


def _draw_probability(rng: np.random.Generator, kind: str, dtype: str, size: int) -> np.ndarray:
    if kind == "interior":
        return rng.uniform(0.02, 0.98, size)
    tiny = 10 ** rng.uniform(-30 if dtype == "float32" else -150, -1, size)
    least = 1e-7 if dtype == "float32" else 1e-16
    return np.where(rng.uniform(size=size) < 0.3, 1 - np.clip(tiny, least, 1), tiny)


def _draw_count(rng: np.random.Generator, kind: str, size: int) -> np.ndarray:
    return rng.integers(1, 20 if kind == "interior" else 300, size).astype(float)


def _draw_binomial(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    return {"total_count": _draw_count(rng, kind, size), "probs": _draw_probability(rng, kind, dtype, size)}


def _draw_binomial_logits(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    logits = 2 * rng.normal(size=size) if kind == "interior" else rng.uniform(-60, 60, size)
    return {"total_count": _draw_count(rng, kind, size), "logits": logits}


def _draw_negative_binomial(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    # Means of some hundreds at most, as the truth is a sum; and away from 1 - eps for the same reason.
    interior = kind == "interior"
    count = np.exp(rng.normal(size=size)) if interior else 10 ** rng.uniform(-3, 3, size)
    probs = rng.uniform(0.02, 0.9, size) if interior else 10 ** rng.uniform(-30, -1, size)
    return {"total_count": count, "probs": probs}


def _draw_discrete_uniform(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    reach = 9 if kind == "interior" else 10**6
    low = rng.integers(-reach, reach, size).astype(float)
    return {"low": low, "high": low + rng.integers(0, 12 if kind == "interior" else 2000, size)}


def _draw_cuts(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    reach = 1 if kind == "interior" else 30
    cuts = np.cumsum(np.exp(rng.normal(size=(size, 4))), axis=-1) - 3
    return {"cutpoints": cuts, "loc": reach * rng.normal(size=size)}


DRAWS: dict[str, Draw] = {
    "ProbitBernoulli": lambda rng, kind, dtype, size: {
        "probits": rng.normal(size=size) if kind == "interior" else rng.uniform(-12, 12, size)
    },
    "Binomial": _draw_binomial,
    "BinomialLogits": _draw_binomial_logits,
    "Geometric": lambda rng, kind, dtype, size: {"probs": _draw_probability(rng, kind, dtype, size)},
    "NegativeBinomial": _draw_negative_binomial,
    "DiscreteUniform": _draw_discrete_uniform,
    "OrderedLogistic": _draw_cuts,
    "StoppingRatioLogistic": _draw_cuts,
    "BetaBinomial": lambda rng, kind, dtype, size: {
        "total_count": _draw_count(rng, kind, size),
        "concentration1": np.exp(rng.normal(size=size)),
        "concentration0": np.exp(rng.normal(size=size)),
    },
}


def _widened(rng: np.random.Generator, p: dict[str, np.ndarray], delta: np.ndarray) -> dict[str, np.ndarray]:
    """Return intervals that hold those of P."""
    extra = rng.integers(0, 3, size=(2, len(delta)))
    return {"low": p["low"] - extra[0], "high": p["high"] + extra[1]}


NEAR: dict[str, Callable[..., dict[str, np.ndarray]]] = {"DiscreteUniform": _widened}
