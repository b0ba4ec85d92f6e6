"""What the oracle knows of Lomax."""

import numpy as np

from oracle import Bound, Draw, Oracle, Real, expectations_of_powers, half_line, mp
from oracles.beta_prime import beta_prime_power


def _lomax_log1p(s: Real, scale: Real, alpha: Real) -> Real:
    """E log(1 + x/s): by parts, the integral of y^(alpha - 1) / (1 + (s/scale - 1) y) over y from 0 to 1."""
    with mp.extradps(max(0, int(mp.log10(scale / s)) + 10)):  # the argument must not round to 1
        return mp.hyp2f1(1, alpha, alpha + 1, 1 - s / scale) / alpha


LOMAX = Oracle(
    log_density=lambda scale, alpha: lambda x: mp.log(alpha / scale) - (alpha + 1) * mp.log(1 + x / scale),
    support=half_line,
    log_terms=lambda scale, alpha: {("1",): mp.log(alpha / scale), ("log(1+x/s)", scale): -(alpha + 1)},
    expectations=expectations_of_powers(lambda k, scale, alpha: scale**k * beta_prime_power(k, mp.one, alpha))
    | {
        "log x": lambda scale, alpha: mp.log(scale) - mp.euler - mp.digamma(alpha),
        "log(1+x/s)": _lomax_log1p,
    },
    bulk=lambda scale, alpha: (scale / alpha, scale / alpha),
)


def _draw_lomax(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    decades = 6 if dtype == "float32" else 12
    if kind != "extreme":
        return {"scale": np.exp(rng.normal(size=size)), "alpha": np.exp(rng.normal(size=size))}
    return {"scale": 10 ** rng.uniform(-decades, decades, size=size), "alpha": 10 ** rng.uniform(-2, 4, size=size)}


ORACLES: dict[str, Oracle] = {"Lomax": LOMAX}

BOUNDS: dict[str, Bound] = {
    # Away from equality, at different scales, terms of the order of alpha cancel.
    "Lomax": {"interior": 128.0, "near": 8.0, "extreme": 256.0, "boundary": 128.0},
}

DRAWS: dict[str, Draw] = {"Lomax": _draw_lomax}
