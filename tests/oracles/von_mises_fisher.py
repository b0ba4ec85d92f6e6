"""What the oracle knows of VonMisesFisher."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from oracle import Bound, Draw, Oracle, Real, Space, Statistic, mp


def log_area(size: int) -> Real:
    """Log of the area of the unit sphere of vectors of that size."""
    return mp.log(2) + mp.mpf(size) / 2 * mp.log(mp.pi) - mp.loggamma(mp.mpf(size) / 2)


def log_mean_exp(size: int, kappa: Real) -> Real:
    """Log of the mean of exp(kappa m . x) over the sphere, from the Bessel function I of order size / 2 - 1."""
    return mp.log(mp.hyp0f1(mp.mpf(size) / 2, kappa**2 / 4))


def resultant(size: int, kappa: Real) -> Real:
    """The ratio of the Bessel functions I of the orders size / 2 and size / 2 - 1."""
    half = mp.mpf(size) / 2
    return kappa / size * mp.hyp0f1(half + 1, kappa**2 / 4) / mp.hyp0f1(half, kappa**2 / 4)


# Unit vectors. ``convert`` makes their lengths exactly 1.
def normalized(vector: Sequence[Real], *parameters: Real) -> tuple[Any, ...]:
    length = mp.sqrt(mp.fsum(x**2 for x in vector))
    return ([x / length for x in vector], *parameters)


def dot(a: Sequence[Real], b: Sequence[Real]) -> Real:
    return mp.fsum(x * y for x, y in zip(a, b, strict=True))


def space(mean_direction: Sequence[Real], *parameters: Any) -> Space:
    return Space(len(mean_direction))


def _von_mises_fisher_log_density(mu: Sequence[Real], kappa: Real) -> Callable[[Any], Real]:
    log_normalizer = log_area(len(mu)) + log_mean_exp(len(mu), kappa)
    return lambda x: kappa * dot(mu, x) - log_normalizer


def _von_mises_fisher_log_terms(mu: Sequence[Real], kappa: Real) -> dict[Statistic, Real]:
    terms: dict[Statistic, Real] = {("1",): -log_area(len(mu)) - log_mean_exp(len(mu), kappa)}
    return terms | {("x_i", i): kappa * x for i, x in enumerate(mu)}


VON_MISES_FISHER = Oracle(
    convert=normalized,
    log_density=_von_mises_fisher_log_density,
    support=space,
    log_terms=_von_mises_fisher_log_terms,
    expectations={"x_i": lambda i, mu, kappa: resultant(len(mu), kappa) * mu[i]},
)


def draw_direction(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    """Unit vectors, if of float32 then such that their length is 1 for float64 too, and concentrations."""
    x = rng.normal(size=(200 * size, 3))
    x = (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(dtype).astype(np.float64)
    x = x[abs(np.sum(x * x, axis=-1) - 1) < 1e-8][:size]
    kappa = 10 ** rng.uniform(-6, 8, size=size) if kind == "extreme" else np.exp(rng.normal(size=size))
    return {"mean_direction": x, "concentration": kappa}


ORACLES: dict[str, Oracle] = {"VonMisesFisher": VON_MISES_FISHER}

BOUNDS: dict[str, Bound] = {"VonMisesFisher": 16.0}

DRAWS: dict[str, Draw] = {"VonMisesFisher": draw_direction}
