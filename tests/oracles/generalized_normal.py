"""What the oracle knows of GeneralizedNormal."""

from collections.abc import Callable

import numpy as np

from oracle import Bound, Draw, Oracle, Real, at_loc, mp, real_line


# GeneralizedNormal(loc, scale, power)
def _generalized_normal_log_density(loc: Real, scale: Real, power: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.log(2 * scale / power) + mp.loggamma(1 / power)
    return lambda x: -(abs((x - loc) / scale) ** power) - log_normalizer


GENERALIZED_NORMAL = Oracle(
    log_density=_generalized_normal_log_density,
    support=real_line,
    bulk=lambda loc, scale, power: (loc, scale),
    kinks=at_loc,
)


def _draw_generalized_normal(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    # Powers between those of densities with a cusp and of nearly uniform ones.
    decades = {"interior": 0.4, "extreme": 3.0}[kind]  # as far as the oracle integrates
    return {
        "loc": rng.normal(size=size),
        "scale": 10 ** rng.uniform(-decades, decades, size=size),
        "power": 10 ** rng.uniform(-0.4, 0.9, size=size),
    }


ORACLES: dict[str, Oracle] = {"GeneralizedNormal": GENERALIZED_NORMAL}

BOUNDS: dict[str, Bound] = {
    # A power of the ratio of the scales is right to as many ulps as its exponent is large.
    "GeneralizedNormal": {"interior": 128.0, "near": 64.0, "extreme": 4096.0, "boundary": 128.0},
}

DRAWS: dict[str, Draw] = {"GeneralizedNormal": _draw_generalized_normal}
