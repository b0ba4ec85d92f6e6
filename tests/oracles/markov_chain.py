"""What the oracle knows of MarkovChain."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from oracle import Atoms, Bound, Draw, Near, Oracle, Real, mp
from oracles.categorical import normalized_logs
from oracles.wishart import nudge


# MarkovChain(initial_probs, transition_matrices): every path
def _chain_log_density(initial: Sequence[Real], steps: Any) -> Callable[[Sequence[int]], Real]:
    def log_density(path: Sequence[int]) -> Real:
        moves = zip(steps, itertools.pairwise(path), strict=True)
        return initial[path[0]] + sum(matrix[i][j] for matrix, (i, j) in moves)

    return log_density


def _chain_support(initial: Sequence[Real], steps: Any) -> Atoms:
    log_density = _chain_log_density(initial, steps)
    paths = itertools.product(range(len(initial)), repeat=len(steps) + 1)
    return Atoms(tuple(path for path in paths if log_density(path) != -mp.inf))


MARKOV_CHAIN = Oracle(
    log_density=_chain_log_density,
    support=_chain_support,
    convert=lambda initial, steps: (
        normalized_logs(initial),
        [[normalized_logs(row) for row in matrix] for matrix in steps],
    ),
)


def _draw_chain(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    def rows(*shape: int) -> np.ndarray:
        decades = 30 if dtype == "float32" else 150
        exponents = rng.normal(size=shape) if kind == "interior" else rng.uniform(-decades * np.log(10), 0, size=shape)
        return _over_sums(np.exp(exponents))

    return {"initial_probs": rows(size, 3), "transition_matrices": rows(size, 2, 3, 3)}


def _over_sums(x: np.ndarray) -> np.ndarray:
    return x / x.sum(axis=-1, keepdims=True)


def _near_chain(rng: np.random.Generator, p: dict[str, np.ndarray], delta: np.ndarray) -> dict[str, np.ndarray]:
    return {name: _over_sums(nudge(rng, x, delta)) for name, x in p.items()}


ORACLES: dict[str, Oracle] = {"MarkovChain": MARKOV_CHAIN}

BOUNDS: dict[str, Bound] = {"MarkovChain": 8.0}

DRAWS: dict[str, Draw] = {"MarkovChain": _draw_chain}

NEAR: dict[str, Near] = {"MarkovChain": _near_chain}
