"""What the oracle knows of Uniform."""

from collections.abc import Callable

from oracle import Bound, Interval, Oracle, Real, mp, xlogy


# Uniform(low, high)
def _uniform_log_density(low: Real, high: Real) -> Callable[[Real], Real]:
    log_width = mp.log(high - low)
    return lambda x: -log_width if low <= x <= high else -mp.inf


UNIFORM = Oracle(
    log_density=_uniform_log_density,
    support=Interval,
    log_terms=lambda low, high: {("1",): -mp.log(high - low)},
    expectations={
        "x": lambda low, high: (low + high) / 2,
        "x^2": lambda low, high: (low**2 + low * high + high**2) / 3,
        "log x": lambda low, high: (xlogy(high, high) - xlogy(low, low)) / (high - low) - 1,
    },
    bulk=lambda low, high: ((low + high) / 2, (high - low) / 2),
)

ORACLES: dict[str, Oracle] = {"Uniform": UNIFORM}

BOUNDS: dict[str, Bound] = {"Uniform": 4.0}
