"""What the oracle knows of Multinomial and MultinomialLogits."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from oracle import Atoms, Bound, Draw, Oracle, Real, mp
from oracles.categorical import normalized_logits, normalized_logs


# Multinomial(total_count, probs): every outcome
def _compositions(total: int, classes: int) -> list[tuple[int, ...]]:
    if classes == 1:
        return [(total,)]
    return [(k, *rest) for k in range(total + 1) for rest in _compositions(total - k, classes - 1)]


def _times(k: int, log_mass: Real) -> Real:
    return k * log_mass if k else mp.zero


def _multinomial_log_density(total: Real, *log_masses: Real) -> Callable[[Sequence[int]], Real]:
    def log_density(x: Sequence[int]) -> Real:
        if sum(x) != total:
            return -mp.inf
        choices = mp.loggamma(total + 1) - mp.fsum(mp.loggamma(k + 1) for k in x)
        return choices + sum(_times(k, mass) for k, mass in zip(x, log_masses, strict=True))

    return log_density


def _multinomial_support(total: Real, *log_masses: Real) -> Atoms:
    dead = [k for k, mass in enumerate(log_masses) if mass == -mp.inf]
    return Atoms(tuple(x for x in _compositions(int(total), len(log_masses)) if not any(x[k] for k in dead)))


MULTINOMIAL = Oracle(log_density=_multinomial_log_density, support=_multinomial_support)


def _draw_total_count(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    # Few, as the oracle goes through all outcomes; the same for P and Q in most rows; never a single draw, whose
    # outcomes the oracle names by their classes.
    counts = np.asarray([0.0, 2.0, 3.0, 4.0])
    rare = rng.uniform(size=size) < 0.1
    return {"total_count": np.where(rare, rng.choice(counts, size=size), counts[np.arange(size) % 4])}


ORACLES: dict[str, Oracle] = {
    "Multinomial": replace(MULTINOMIAL, convert=lambda total, probs: (total, *normalized_logs(probs))),
    "MultinomialLogits": replace(MULTINOMIAL, convert=lambda total, logits: (total, *normalized_logits(logits))),
}

BOUNDS: dict[str, Bound] = {"Multinomial": 8.0}

DRAWS: dict[str, Draw] = {
    "Multinomial": _draw_total_count,
    "MultinomialLogits": _draw_total_count,
}
