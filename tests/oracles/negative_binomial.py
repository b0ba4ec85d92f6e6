"""What the oracle knows of NegativeBinomial."""

from collections.abc import Callable

import numpy as np

from oracle import Atoms, Bound, Draw, Integers, Oracle, Real, mp, xlogy


# NegativeBinomial(total_count, probs), with the complement of the probability
def _negative_binomial_log_density(r: Real, p: Real, q: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.loggamma(r) - r * mp.log(q)
    return lambda x: mp.loggamma(r + x) - mp.loggamma(x + 1) + xlogy(x, p) - log_normalizer


NEGATIVE_BINOMIAL = Oracle(
    log_density=_negative_binomial_log_density,
    support=lambda r, p, q: Integers(0) if p else Atoms((mp.zero,)),
    convert=lambda total_count, probs: (total_count, probs, 1 - probs),
    # The statistic log Gamma(x + r) has no closed expectation, and drops out where both counts are the same.
    log_terms=lambda r, p, q: {
        ("1",): r * mp.log(q) - mp.loggamma(r),
        ("x",): mp.log(p) if p else mp.zero,
        ("log Gamma(x + r)", r): mp.one,
        ("log x!",): -mp.one,
    },
    expectations={"x": lambda r, p, q: r * p / q},
    bulk=lambda r, p, q: (r * p / q, mp.sqrt(r * p) / q),
)


def _draw_negative_binomial(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    # Means of some hundreds at most, as the truth is a sum; and away from 1 - eps for the same reason.
    interior = kind == "interior"
    count = np.exp(rng.normal(size=size)) if interior else 10 ** rng.uniform(-3, 3, size)
    probs = rng.uniform(0.02, 0.9, size) if interior else 10 ** rng.uniform(-30, -1, size)
    return {"total_count": count, "probs": probs}


ORACLES: dict[str, Oracle] = {"NegativeBinomial": NEGATIVE_BINOMIAL}

BOUNDS: dict[str, Bound] = {
    # Where count and probability move together along the ridge of equal means, the difference of the means cancels;
    # where the counts are far apart and the mean is next to 0, the integral loses the ratio of the counts.
    "NegativeBinomial": {"interior": 128.0, "near": 256.0, "extreme": 4096.0, "boundary": 3e8},
}

DRAWS: dict[str, Draw] = {"NegativeBinomial": _draw_negative_binomial}
