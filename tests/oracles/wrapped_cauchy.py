"""What the oracle knows of WrappedCauchy."""

from collections.abc import Callable

import numpy as np

from oracle import Bound, Draw, Oracle, Real, mp
from oracles.log_series import draw_below_one
from oracles.von_mises import circle, wrapped


# WrappedCauchy(loc, concentration)
def _wrapped_cauchy_log_density(loc: Real, r: Real) -> Callable[[Real], Real]:
    return lambda x: mp.log((1 - r**2) / (2 * mp.pi)) - mp.log(1 + r**2 - 2 * r * mp.cos(x - loc))


WRAPPED_CAUCHY = Oracle(
    log_density=_wrapped_cauchy_log_density,
    support=circle,
    log_terms=lambda loc, r: {
        ("1",): mp.log((1 - r**2) / (2 * mp.pi)),
        ("log |1 - r exp(i (x - m))|^2", r, loc): -mp.one,
    },
    expectations={
        "cos x": lambda loc, r: r * mp.cos(loc),
        "sin x": lambda loc, r: r * mp.sin(loc),
        # The logarithm is harmonic in the disc, where a wrapped Cauchy density is Poisson's kernel.
        "log |1 - r exp(i (x - m))|^2": lambda r, m, loc, own: mp.log(
            1 + (r * own) ** 2 - 2 * r * own * mp.cos(loc - m)
        ),
    },
    bulk=lambda loc, r: (wrapped(loc), 1 - r),
)


def _draw_wrapped_cauchy(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    loc = rng.normal(size=size) * (10 ** rng.uniform(-5, 5, size=size) if kind == "extreme" else 1)
    return {"loc": loc, "concentration": draw_below_one(rng, kind, dtype, size)}


ORACLES: dict[str, Oracle] = {"WrappedCauchy": WRAPPED_CAUCHY}

BOUNDS: dict[str, Bound] = {"WrappedCauchy": 8.0}

DRAWS: dict[str, Draw] = {"WrappedCauchy": _draw_wrapped_cauchy}
