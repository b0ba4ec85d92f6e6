"""What the oracle knows of Poisson."""

from collections.abc import Callable

from oracle import Atoms, Bound, Integers, Oracle, Real, mp, xlogy


# Discrete families
def _poisson_log_density(rate: Real) -> Callable[[Real], Real]:
    return lambda x: xlogy(x, rate) - rate - mp.loggamma(x + 1)


POISSON = Oracle(
    log_density=_poisson_log_density,
    support=lambda rate: Integers(0) if rate else Atoms((mp.zero,)),  # rate 0 is a point mass at 0
    log_terms=lambda rate: {("1",): -rate, ("x",): mp.log(rate), ("log x!",): -mp.one},
    # E[log x!] has no closed form. Between Poisson distributions its coefficient is -1 - -1, so it is not needed.
    expectations={"x": lambda rate: rate},
    bulk=lambda rate: (rate, mp.sqrt(rate)),
)

ORACLES: dict[str, Oracle] = {"Poisson": POISSON}

BOUNDS: dict[str, Bound] = {"Poisson": 4.0}
