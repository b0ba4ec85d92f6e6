"""Sampled estimates against closed forms, over all pairs of families that have both: is what is called certain so?

`nox -s sampled_estimates` runs it on many draws and prints the pairs that fail; a test runs it on a few. A result that
has converged must lie within its error as often as a normal variable lies within its standard deviation: the share of
those beyond three errors is 0.3 %. Of a t distribution of 15 degrees of freedom, which the error of 16 sequences has,
0.9 % are.

    python tests/sweep_sampled.py --rounds 4 --part 0/2
"""

import argparse
import itertools
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

import cases
import kldiv

METHODS = ("monte-carlo", "quasi-monte-carlo")
KINDS = {"interior": cases._interior, "extreme": cases._extreme, "near": cases._near}


class Score(NamedTuple):
    """How far off an estimate is, in its errors, and where it comes from."""

    pair: str
    method: str
    dtype: str
    kind: str
    z: float  # inf where an error of 0, or an infinite value, is wrong
    value: float
    error: float
    truth: float
    parameters: str


def scores(
    pairs: Iterable[tuple[type, type]],
    rounds: int = 1,
    size: int = 4,
    seed: int = 0,
    kinds: Iterable[str] = tuple(KINDS),
) -> Iterator[Score]:
    """Yield a score for each estimate that has converged."""
    for (p, q), dtype, kind, turn in itertools.product(pairs, cases.DTYPES, kinds, range(rounds)):
        if kind == "near" and p is not q:
            continue
        rng = np.random.default_rng([cases.number(p, q), sorted(KINDS).index(kind), turn, seed])
        drawn = KINDS[kind](rng, cases.Case(p, q, dtype), size)
        a, b = (f(*[x.astype(dtype) for x in d.values()]) for f, d in zip((p, q), drawn, strict=True))
        yield from _scores_of(
            a, b, dtype, kind, METHODS[(turn + cases.DTYPES.index(dtype) + cases.number(q, p)) % 2], turn
        )


def _scores_of(p, q, dtype, kind, method, seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kldiv.EstimateWarning)
        try:
            found = kldiv.estimate(p, q, method=method, rng=seed, rtol=0.02, max_samples=2**16)
        except (NotImplementedError, ValueError):  # no sampler
            return
    wide = [type(d)(*[np.asarray(x, "float64") for x in d]) for d in (p, q)]
    truth = kldiv.kl_divergence(*wide, validate=False)
    name = f"{type(p).__name__} || {type(q).__name__}"
    for i in np.ndindex(truth.shape):
        if found.converged[i]:
            parameters = " ".join(str([np.asarray(x)[i].tolist() for x in d]) for d in wide)
            z = _z(float(found.value[i]), float(found.error[i]), float(truth[i]), dtype)
            yield Score(
                name, method, dtype, kind, z, *map(float, (found.value[i], found.error[i], truth[i])), parameters
            )


def _z(value, error, truth, dtype):
    if value == truth or np.isnan(truth):
        return 0.0
    if not np.isfinite(value) or not np.isfinite(truth):
        return 0.0 if abs(truth) > np.finfo(dtype).max else np.inf
    return (value - truth) / max(error + 16 * float(np.finfo(dtype).eps) * abs(truth), 1e-300)


def sampled_pairs():
    """Return the pairs that have a finite closed form."""
    return [pair for pair in cases.FINITE if kldiv.families.Delta not in pair]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--part", default="0/1", help="which of how many shares of the pairs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="pairs whose name contains this")
    options = parser.parse_args()
    which, count = map(int, options.part.split("/"))
    pairs = [
        p for p in cases.share(sampled_pairs(), count, which) if options.only in f"{p[0].__name__}-{p[1].__name__}"
    ]
    found = list(scores(pairs, options.rounds, seed=options.seed))
    total, far = Counter(), defaultdict(list)
    for score in found:
        total[score.method, score.dtype, score.kind] += 1
        if abs(score.z) > 4:
            far[score.method, score.dtype, score.kind].append(score)
    for group, n in sorted(total.items()):
        beyond = sum(abs(s.z) > 3 for s in found if (s.method, s.dtype, s.kind) == group)
        print(*group, f"{n} converged, {beyond} ({beyond / n:.2%}) beyond 3 errors, {len(far[group])} beyond 4")
    for score in sorted(itertools.chain(*far.values()), key=lambda s: -abs(s.z)):
        print(
            f"{score.z:10.3g} {score.value:12.6g} ± {score.error:8.2g} for {score.truth:12.6g}  {score.pair}", end=" "
        )
        print(f"({score.method}, {score.dtype}, {score.kind}) {score.parameters}")


if __name__ == "__main__":
    main()
