"""Random pairs of one-number distributions that have a closed form, and what is wrong with their estimates.

`python tests/draws.py 25000` estimates so many pairs of each dtype and kind of parameters, in as many
processes as there are processors, and prints those whose error is not honest. The closed form is computed in float64
from the parameters as they are rounded to the dtype.
"""

import math
import multiprocessing
import os
import sys
import warnings
import zlib
from typing import Any, NamedTuple

import numpy as np

import cases
import kldiv
from kldiv._core.family import support_of
from kldiv.domains import ONE_HOT

# Closed forms between families are right to these shares of them; at extreme parameters they lose more.
CLOSED_FORM = {"interior": 1e-11, "extreme": 1e-6}


class Draw(NamedTuple):
    """A pair of families, and which draw of parameters for them."""

    p: Any
    q: Any
    kind: str
    dtype: str
    seed: int


class Outcome(NamedTuple):
    """The parameters of a pair, its divergence, and the estimate."""

    draw: Draw
    parameters: Any
    truth: float
    value: float
    error: float
    converged: bool

    @property
    def is_honest(self) -> bool:
        """Whether an estimate that says to have converged is as near to the truth as its error says."""
        return not self.converged or is_honest(self.truth, self.value, self.error, self.draw.dtype, self.draw.kind)


def is_honest(truth: float, value: float, error: float, dtype: str, kind: str) -> bool:
    """Tell whether a value lies within 1.5 times its error of the truth, as far as that and the dtype are exact."""
    largest = float(np.finfo(dtype).max)
    if abs(truth) > largest or math.isinf(value):
        return math.isinf(value) == (abs(truth) > largest)
    eps = float(np.finfo(dtype).eps)
    return abs(value - truth) <= 1.5 * error + (CLOSED_FORM[kind] + 2 * eps) * abs(truth)


def method(p: Any, q: Any) -> str | None:
    """Return the deterministic method for a pair of families, if there is one."""
    a, b = support_of(p), support_of(q)
    if all(s.space in ("line", "circle") and not s.axes for s in (a, b)):
        return "quadrature"
    return "sum" if all(s.space == "integers" or s == ONE_HOT for s in (a, b)) else None


def has_numbers_only(family: Any) -> bool:
    """Tell whether all parameters of a family are numbers, which remain valid as they are rounded."""
    return not any(domain.axes for _, domain in cases.fields(family))


PAIRS = [pair for pair in cases.FINITE if method(*pair) and all(map(has_numbers_only, pair))]


def estimated(draw: Draw) -> Outcome:
    """Return what becomes of a draw."""
    rng = np.random.default_rng(zlib.crc32(repr((draw.p.__name__, draw.q.__name__, *draw[2:])).encode()))
    make = {"interior": cases._interior, "extreme": cases._extreme}[draw.kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # One of three rows, since the supports are nested in two.
        row = int(rng.integers(3))
        drawn = make(rng, cases.Case(draw.p, draw.q, draw.dtype), 3)
        p, q = ([np.asarray(x[row]).astype(draw.dtype) for x in d.values()] for d in drawn)
        truth = kldiv.kl_divergence(*(f(*[x.astype("float64") for x in d]) for f, d in ((draw.p, p), (draw.q, q))))
        found = kldiv.estimate(draw.p(*p), draw.q(*q), method=method(draw.p, draw.q))  # type: ignore[arg-type]
    return Outcome(draw, (p, q), float(truth), float(found.value), float(found.error), bool(found.converged))


def main(count: int, seed: int = 0) -> bool:
    """Print what becomes of so many draws of each kind; tell whether all errors are honest and enough converge."""
    rng = np.random.default_rng(seed)
    kinds = [(kind, dtype) for kind in ("interior", "extreme") for dtype in ("float64", "float32")]
    draws = [Draw(*PAIRS[rng.integers(len(PAIRS))], *kinds[k % 4], k) for k in range(4 * count)]
    with multiprocessing.Pool() as pool:
        outcomes = pool.map(estimated, draws, chunksize=50)
    for outcome in outcomes:
        if not outcome.is_honest:
            print(outcome.draw.p.__name__, outcome.draw.q.__name__, outcome.draw[2:4], *outcome[1:], sep="  ")
    shares = {}
    for kind in kinds:
        of_kind = [outcome for outcome in outcomes if (outcome.draw.kind, outcome.draw.dtype) == kind]
        wrong = sum(not outcome.is_honest for outcome in of_kind)
        shares[kind] = sum(outcome.converged for outcome in of_kind) / len(of_kind)
        print(f"{' '.join(kind)}: {len(of_kind)} draws, {shares[kind]:.2%} converged, {wrong} of these wrong")
    return all(outcome.is_honest for outcome in outcomes) and shares["interior", "float64"] >= 0.97


if __name__ == "__main__":
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    sys.exit(not main(*map(int, sys.argv[1:])))
