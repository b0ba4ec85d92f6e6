"""What the oracle knows of BetaBinomial."""

import numpy as np

from oracle import Atoms, Draw, Oracle, Real, mp
from oracles.binomial import draw_count, log_choose


# BetaBinomial(total_count, concentration1, concentration0)
def _log_beta(a: Real, b: Real) -> Real:
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


BETA_BINOMIAL = Oracle(
    log_density=lambda n, a, b: (
        lambda x: log_choose(n, x) + _log_beta(x + a, n - x + b) - _log_beta(a, b) if 0 <= x <= n else -mp.inf
    ),
    support=lambda n, a, b: Atoms(tuple(mp.mpf(k) for k in range(int(n) + 1))),
    few_outcomes=True,
)

ORACLES: dict[str, Oracle] = {"BetaBinomial": BETA_BINOMIAL}

DRAWS: dict[str, Draw] = {
    "BetaBinomial": lambda rng, kind, dtype, size: {
        "total_count": draw_count(rng, kind, size),
        "concentration1": np.exp(rng.normal(size=size)),
        "concentration0": np.exp(rng.normal(size=size)),
    },
}
