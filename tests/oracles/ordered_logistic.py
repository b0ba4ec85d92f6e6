"""What the oracle knows of OrderedLogistic."""

from dataclasses import replace
from typing import Any

import numpy as np

from oracle import Bound, Draw, Oracle, Real, mp
from oracles.categorical import FINITE


# Ordered classes: from cut points and a location to the logarithms of the probabilities.
def _ordered(cuts: Any, loc: Real) -> tuple[Real, ...]:
    above = [mp.one, *(1 / (1 + mp.exp(cut - loc)) for cut in cuts), mp.zero]
    below = [mp.zero, *(1 / (1 + mp.exp(loc - cut)) for cut in cuts), mp.one]
    # Of both ways to write a probability, the one without cancellation.
    return tuple(
        mp.log(above[k] - above[k + 1] if above[k] < below[k + 1] else below[k + 1] - below[k])
        for k in range(len(cuts) + 1)
    )


def draw_cuts(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    reach = 1 if kind == "interior" else 30
    cuts = np.cumsum(np.exp(rng.normal(size=(size, 4))), axis=-1) - 3
    return {"cutpoints": cuts, "loc": reach * rng.normal(size=size)}


ORACLES: dict[str, Oracle] = {"OrderedLogistic": replace(FINITE, convert=_ordered)}

BOUNDS: dict[str, Bound] = {"OrderedLogistic": {"interior": 16.0, "near": 16.0, "extreme": 64.0, "boundary": 16.0}}

DRAWS: dict[str, Draw] = {"OrderedLogistic": draw_cuts}
