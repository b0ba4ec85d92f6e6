"""What the oracle knows of InverseGaussian."""

from collections.abc import Callable

import numpy as np

from oracle import Bound, Draw, Oracle, Real, Statistic, half_line, mp

_RECIPROCAL: Statistic = ("x^k", -mp.one)  # the statistic 1/x, by the name that it has as a power


# InverseGaussian(loc, concentration)
def _inverse_gaussian_log_density(mean: Real, shape: Real) -> Callable[[Real], Real]:
    half_log = mp.log(shape / (2 * mp.pi)) / 2
    return lambda x: half_log - 3 * mp.log(x) / 2 - shape * (x - mean) ** 2 / (2 * mean**2 * x)


def _inverse_gaussian_log_terms(mean: Real, shape: Real) -> dict[Statistic, Real]:
    return {
        ("1",): mp.log(shape / (2 * mp.pi)) / 2 + shape / mean,
        ("x",): -shape / (2 * mean**2),
        _RECIPROCAL: -shape / 2,
        ("log x",): mp.mpf(-3) / 2,
    }


def scaled_e1(x: Real) -> Real:
    """exp(x) E1(x)."""
    if x < 10**5:
        return mp.exp(x) * mp.e1(x)
    term, total, k = 1 / x, mp.zero, 0  # its asymptotic series, whose least term is of the order of exp(-x)
    while abs(term) > mp.eps**2 * abs(total):
        total, k = total + term, k + 1
        term *= -k / x
    return total


def _inverse_gaussian_power(k: Real, mean: Real, shape: Real) -> Real:
    if k == -1:
        return 1 / mean + 1 / shape
    ratio = shape / mean
    return mean**k * mp.besselk(k - mp.mpf(1) / 2, ratio) / mp.besselk(mp.mpf(1) / 2, ratio)


INVERSE_GAUSSIAN = Oracle(
    log_density=_inverse_gaussian_log_density,
    support=half_line,
    log_terms=_inverse_gaussian_log_terms,
    expectations={
        "x": lambda mean, shape: mean,
        "x^2": lambda mean, shape: mean**2 + mean**3 / shape,
        "x^k": _inverse_gaussian_power,
        "log x": lambda mean, shape: mp.log(mean) - scaled_e1(2 * shape / mean),
    },
    bulk=lambda mean, shape: (mean * shape / (mean + shape), mean * shape / (mean + shape) * mp.sqrt(mean / shape)),
)


def draw_positive(rng: np.random.Generator, kind: str, dtype: str, size: int) -> np.ndarray:
    decades = 15 if dtype == "float32" else 75
    return 10 ** rng.uniform(-decades, decades, size=size) if kind == "extreme" else np.exp(rng.normal(size=size))


def _draw_inverse_gaussian(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    return {"loc": draw_positive(rng, kind, dtype, size), "concentration": draw_positive(rng, kind, dtype, size)}


ORACLES: dict[str, Oracle] = {"InverseGaussian": INVERSE_GAUSSIAN}

BOUNDS: dict[str, Bound] = {"InverseGaussian": 4.0}

DRAWS: dict[str, Draw] = {"InverseGaussian": _draw_inverse_gaussian}
