"""What the oracle knows of Geometric."""

from oracle import Atoms, Bound, Draw, Integers, Oracle, Real, mp
from oracles.binomial import draw_probability


def _log1m(q: Real) -> Real:
    """log(1 - q), also for q far below the precision; 0 at q = 1, where it is multiplied by 0."""
    return mp.log1p(-q) if q < 1 else mp.zero


# Geometric(probs), with the complement of the probability
GEOMETRIC = Oracle(
    log_density=lambda p, q: lambda x: mp.log(q) + x * _log1m(q),
    support=lambda p, q: Integers(0) if p else Atoms((mp.zero,)),
    convert=lambda probs: (1 - probs, probs),
    log_terms=lambda p, q: {("1",): mp.log(q), ("x",): _log1m(q)},
    expectations={"x": lambda p, q: p / q},
    bulk=lambda p, q: (p / q, mp.sqrt(p) / q),
)


ORACLES: dict[str, Oracle] = {"Geometric": GEOMETRIC}

BOUNDS: dict[str, Bound] = {"Geometric": 4.0}

DRAWS: dict[str, Draw] = {
    "Geometric": lambda rng, kind, dtype, size: {"probs": draw_probability(rng, kind, dtype, size)}
}
