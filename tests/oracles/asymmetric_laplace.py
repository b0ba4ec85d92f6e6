"""What the oracle knows of AsymmetricLaplace."""

from collections.abc import Callable

import numpy as np

from oracle import Draw, Oracle, Real, Statistic, at_loc, mp, real_line


# Laplace(loc, scale) and AsymmetricLaplace(loc, scale, asymmetry): exponential on both sides of loc
def _asymmetric_laplace_log_density(loc: Real, scale: Real, asymmetry: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.log(scale * (asymmetry + 1 / asymmetry))
    above, below = -asymmetry / scale, 1 / (asymmetry * scale)
    return lambda x: (x - loc) * (above if x >= loc else below) - log_normalizer


def _asymmetric_laplace_log_terms(loc: Real, scale: Real, asymmetry: Real) -> dict[Statistic, Real]:
    return {
        ("1",): -mp.log(scale * (asymmetry + 1 / asymmetry)),
        ("(x - m)^+", loc): -asymmetry / scale,
        ("(m - x)^+", loc): -1 / (asymmetry * scale),
    }


def _mean_above(m: Real, loc: Real, scale: Real, asymmetry: Real) -> Real:
    """E (x - m)^+."""
    right, left = scale / asymmetry, scale * asymmetry
    if m >= loc:
        return right**2 / (right + left) * mp.exp(-(m - loc) / right)
    return _mean_below(m, loc, scale, asymmetry) + loc + right - left - m


def _mean_below(m: Real, loc: Real, scale: Real, asymmetry: Real) -> Real:
    """E (m - x)^+."""
    right, left = scale / asymmetry, scale * asymmetry
    if m <= loc:
        return left**2 / (right + left) * mp.exp((m - loc) / left)
    return _mean_above(m, loc, scale, asymmetry) - (loc + right - left - m)


def _asymmetric_laplace_exponential(m: Real, s: Real, loc: Real, scale: Real, asymmetry: Real) -> Real:
    right, left = scale / asymmetry / s, scale * asymmetry / s
    return mp.exp((loc - m) / s) / ((1 - right) * (1 + left)) if right < 1 and left > -1 else mp.inf


ASYMMETRIC_LAPLACE = Oracle(
    log_density=_asymmetric_laplace_log_density,
    support=real_line,
    log_terms=_asymmetric_laplace_log_terms,
    expectations={
        "x": lambda loc, scale, asymmetry: loc + scale / asymmetry - scale * asymmetry,
        "x^2": lambda loc, scale, asymmetry: (
            (scale / asymmetry) ** 2 + (scale * asymmetry) ** 2 + (loc + scale / asymmetry - scale * asymmetry) ** 2
        ),
        "exp((x - m) / s)": _asymmetric_laplace_exponential,
        "(x - m)^+": _mean_above,
        "(m - x)^+": _mean_below,
    },
    bulk=lambda loc, scale, asymmetry: (loc, scale * (asymmetry + 1 / asymmetry) / 2),
    kinks=at_loc,
)


def _draw_asymmetric_laplace(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    decades = {"interior": 0.4, "extreme": 15.0 if dtype == "float32" else 75.0}[kind]
    return {
        "loc": rng.normal(size=size) * 10 ** rng.uniform(-decades / 15, decades / 15, size=size),
        "scale": 10 ** rng.uniform(-decades, decades, size=size),
        "asymmetry": 10 ** rng.uniform(-min(decades, 3.0), min(decades, 3.0), size=size),
    }


ORACLES: dict[str, Oracle] = {"AsymmetricLaplace": ASYMMETRIC_LAPLACE}

DRAWS: dict[str, Draw] = {"AsymmetricLaplace": _draw_asymmetric_laplace}
