"""What the oracle knows of Binomial and BinomialLogits."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from oracle import Atoms, Bound, Draw, Oracle, Real, Support, mp, xlogy


def log_choose(n: Real, x: Real) -> Real:
    return mp.log(mp.binomial(n, x))


# Binomial(total_count, probs), with the complement of the probability
def _binomial_log_density(n: Real, p: Real, q: Real) -> Callable[[Real], Real]:
    def log_density(x: Real) -> Real:
        if not 0 <= x <= n or (x and not p) or (x < n and not q):
            return -mp.inf
        return log_choose(n, x) + xlogy(x, p) + xlogy(n - x, q)

    return log_density


def _binomial_support(n: Real, p: Real, q: Real) -> Support:
    outcomes = range(int(n) + 1) if p and q else (int(n) if p else 0,)
    return Atoms(tuple(mp.mpf(k) for k in outcomes))


def from_logit(logit: Real) -> tuple[Real, Real]:
    return 1 / (1 + mp.exp(-logit)), 1 / (1 + mp.exp(logit))


BINOMIAL = Oracle(
    log_density=_binomial_log_density,
    support=_binomial_support,
    bulk=lambda n, p, q: (n * p, mp.sqrt(n * p * q)),
    few_outcomes=True,
)


def draw_probability(rng: np.random.Generator, kind: str, dtype: str, size: int) -> np.ndarray:
    if kind == "interior":
        return rng.uniform(0.02, 0.98, size)
    tiny = 10 ** rng.uniform(-30 if dtype == "float32" else -150, -1, size)
    least = 1e-7 if dtype == "float32" else 1e-16
    return np.where(rng.uniform(size=size) < 0.3, 1 - np.clip(tiny, least, 1), tiny)


def draw_count(rng: np.random.Generator, kind: str, size: int) -> np.ndarray:
    return rng.integers(1, 20 if kind == "interior" else 300, size).astype(float)


def _draw_binomial(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    return {"total_count": draw_count(rng, kind, size), "probs": draw_probability(rng, kind, dtype, size)}


def _draw_binomial_logits(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    logits = 2 * rng.normal(size=size) if kind == "interior" else rng.uniform(-60, 60, size)
    return {"total_count": draw_count(rng, kind, size), "logits": logits}


ORACLES: dict[str, Oracle] = {
    "Binomial": replace(BINOMIAL, convert=lambda n, probs: (n, probs, 1 - probs)),
    "BinomialLogits": replace(BINOMIAL, convert=lambda n, logits: (n, *from_logit(logits))),
}

BOUNDS: dict[str, Bound] = {
    # Different counts have integrals.
    "Binomial": {"interior": 24.0, "near": 8.0, "extreme": 64.0, "boundary": 24.0},
    "BinomialLogits": {"interior": 24.0, "near": 8.0, "extreme": 128.0, "boundary": 24.0},
}

DRAWS: dict[str, Draw] = {
    "Binomial": _draw_binomial,
    "BinomialLogits": _draw_binomial_logits,
}
