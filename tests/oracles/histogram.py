"""What the oracle knows of Histogram and HistogramLogits."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from oracle import Bound, Draw, Interval, Near, Oracle, Real, mp
from oracles.categorical import normalized_logits, normalized_logs
from oracles.uniform import UNIFORM


def _cells(edges: Sequence[Real], logs: Sequence[Real]) -> list[tuple[Real, Real, Real]]:
    """The ends and the log probability of each cell that has one."""
    cells = zip(itertools.pairwise(edges), logs, strict=True)
    return [(low, high, log) for (low, high), log in cells if log != -mp.inf]


def _log_density(edges: Sequence[Real], logs: Sequence[Real]) -> Callable[[Real], Real]:
    cells = [(low, high, log - mp.log(high - low)) for low, high, log in _cells(edges, logs)]
    return lambda x: next((log for low, high, log in cells if low <= x < high), -mp.inf)


def _support(edges: Sequence[Real], logs: Sequence[Real]) -> Interval:
    cells = _cells(edges, logs)
    return Interval(cells[0][0], cells[-1][1])


def _expectation(statistic: str) -> Callable[..., Real]:
    """The expectation under a histogram: the mean of those under uniform distributions."""

    def expectation(edges: Sequence[Real], logs: Sequence[Real]) -> Real:
        return mp.fsum(mp.exp(log) * UNIFORM.expectations[statistic](a, b) for a, b, log in _cells(edges, logs))

    return expectation


def _log_of_another(
    edges_q: Sequence[Real], logs_q: Sequence[Real], edges: Sequence[Real], logs: Sequence[Real]
) -> Real:
    """The expectation of the log density of another histogram, constant between all edges."""
    log_q, log_p = _log_density(edges_q, logs_q), _log_density(edges, logs)
    value = mp.zero
    for low, high in itertools.pairwise(sorted({*edges, *edges_q})):
        middle = (low + high) / 2
        if log_p(middle) != -mp.inf:
            value += (high - low) * mp.exp(log_p(middle)) * log_q(middle)
    return value


def _bulk(edges: Sequence[Real], logs: Sequence[Real]) -> tuple[Real, Real]:
    low, high = edges[0], edges[-1]
    return (low + high) / 2, (high - low) / 2


HISTOGRAM = Oracle(
    log_density=_log_density,
    support=_support,
    convert=lambda edges, masses: (tuple(edges), normalized_logs(masses)),
    log_terms=lambda edges, logs: {("log density of cells", edges, logs): mp.one},
    expectations={
        "log density of cells": _log_of_another,
        **{name: _expectation(name) for name in ("x", "x^2", "log x")},
    },
    bulk=_bulk,
    kinks=lambda edges, logs: tuple(edges),
)

ORACLES: dict[str, Oracle] = {
    "Histogram": HISTOGRAM,
    "HistogramLogits": replace(HISTOGRAM, convert=lambda edges, logits: (tuple(edges), normalized_logits(logits))),
}

BOUNDS: dict[str, Bound] = {"Histogram": 32.0, "HistogramLogits": 32.0}


def _edges(rng: np.random.Generator, kind: str, size: int) -> np.ndarray:
    steps = rng.uniform(0.5, 2.0, size=(size, 5))
    edges = np.cumsum(steps, axis=-1) - 4
    return edges if kind == "interior" else edges * 10.0 ** rng.integers(-5, 6, size=(size, 1))


def draw_logits(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    return {"edges": _edges(rng, kind, size), "logits": (2 if kind == "interior" else 200) * rng.normal(size=(size, 4))}


def draw_histogram(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    weights = np.exp((1 if kind == "interior" else 9) * rng.normal(size=(size, 4)))
    return {"edges": _edges(rng, kind, size), "masses": weights / weights.sum(axis=-1, keepdims=True)}


def near_histogram(rng: np.random.Generator, p: dict[str, np.ndarray], delta: np.ndarray) -> dict[str, np.ndarray]:
    """The same edges, and masses at a distance delta."""
    masses = p["masses"] * (1 + delta[:, None] * rng.uniform(-1, 1, size=p["masses"].shape))
    return {"edges": p["edges"], "masses": masses / masses.sum(axis=-1, keepdims=True)}


def near_logits(rng: np.random.Generator, p: dict[str, np.ndarray], delta: np.ndarray) -> dict[str, np.ndarray]:
    """The same edges, and logits at a distance delta."""
    return {"edges": p["edges"], "logits": p["logits"] + delta[:, None] * rng.uniform(-1, 1, size=p["logits"].shape)}


DRAWS: dict[str, Draw] = {"Histogram": draw_histogram, "HistogramLogits": draw_logits}
NEAR: dict[str, Near] = {"Histogram": near_histogram, "HistogramLogits": near_logits}
