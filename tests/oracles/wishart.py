"""What the oracle knows of Wishart and InverseWishart."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from oracle import Bound, Draw, Manifold, Near, Oracle, Real, Statistic, mp
from oracles.multivariate_normal import BOUND_OF_FACTORS, from_scale_tril, inverse_and_log_det


# Wishart(df, scale_tril) and its inverse. ``convert`` gives the scale matrix, its inverse and its log determinant.
def _multigammaln(a: Real, d: int) -> Real:
    return mp.mpf(d * (d - 1)) / 4 * mp.log(mp.pi) + mp.fsum(mp.loggamma(a - mp.mpf(i) / 2) for i in range(d))


def _multidigamma(a: Real, d: int) -> Real:
    return mp.fsum(mp.digamma(a - mp.mpf(i) / 2) for i in range(d))


def from_df_and_factor(df: Real, scale_tril: Any) -> tuple[Any, ...]:
    return df, *from_scale_tril([mp.zero] * len(scale_tril), scale_tril)[1:]


def _entries(name: str, matrix: Any, factor: Real) -> dict[Statistic, Real]:
    size = range(len(matrix))
    return {(name, i, j): factor * matrix[i][j] for i in size for j in size}


def _wishart_log_terms(df: Real, scale: Any, inverse: Any, log_det: Real) -> dict[Statistic, Real]:
    d = len(scale)
    constant = -df * d * mp.log(2) / 2 - df * log_det / 2 - _multigammaln(df / 2, d)
    return {("1",): constant, ("log det",): (df - d - 1) / 2, **_entries("X_ij", inverse, -mp.mpf(1) / 2)}


def _inverse_wishart_log_terms(df: Real, scale: Any, inverse: Any, log_det: Real) -> dict[Statistic, Real]:
    d = len(scale)
    constant = -df * d * mp.log(2) / 2 + df * log_det / 2 - _multigammaln(df / 2, d)
    return {("1",): constant, ("log det",): -(df + d + 1) / 2, **_entries("inverse X_ij", scale, -mp.mpf(1) / 2)}


def density_of_statistics(
    log_terms: Callable[..., dict[Statistic, Real]], values: Callable[[Any], dict[Statistic, Real]]
) -> Any:
    """The log density, from its terms and the values of the statistics at an outcome."""

    def log_density(*parameters: Any) -> Callable[[Any], Real]:
        terms = log_terms(*parameters)

        def at(x: Any) -> Real:
            known = values(x)
            return mp.fsum(a * known[statistic] for statistic, a in terms.items())

        return at

    return log_density


def matrix_statistics(x: Any) -> dict[Statistic, Real]:
    inverse, log_det = inverse_and_log_det(x)
    return {
        ("1",): mp.one,
        ("log det",): log_det,
        **_entries("X_ij", x, mp.one),
        **_entries("inverse X_ij", inverse, mp.one),
    }


WISHART = Oracle(
    log_density=density_of_statistics(_wishart_log_terms, matrix_statistics),
    support=lambda df, scale, *unused: Manifold("positive definite matrices", len(scale)),
    convert=from_df_and_factor,
    log_terms=_wishart_log_terms,
    expectations={
        "X_ij": lambda i, j, df, scale, *unused: df * scale[i][j],
        "log det": lambda df, scale, inverse, log_det: (
            _multidigamma(df / 2, len(scale)) + len(scale) * mp.log(2) + log_det
        ),
    },
    lower_triangular=1,
)

INVERSE_WISHART = replace(
    WISHART,
    log_density=density_of_statistics(_inverse_wishart_log_terms, matrix_statistics),
    log_terms=_inverse_wishart_log_terms,
    expectations={
        "inverse X_ij": lambda i, j, df, scale, inverse, log_det: df * inverse[i][j],
        "log det": lambda df, scale, inverse, log_det: (
            log_det - _multidigamma(df / 2, len(scale)) - len(scale) * mp.log(2)
        ),
    },
)


def draw_df(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    excess = np.exp(1 + rng.normal(size=size)) if kind == "interior" else 10 ** rng.uniform(-2, 5, size=size)
    return {"df": 2 + excess}


def nudge(rng: np.random.Generator, x: np.ndarray, delta: np.ndarray) -> np.ndarray:
    return x * (1 + delta.reshape(-1, *(1,) * (x.ndim - 1)) * rng.uniform(-1, 1, size=x.shape))


def near_df(rng: np.random.Generator, p: dict[str, np.ndarray], delta: np.ndarray) -> dict[str, np.ndarray]:
    return {name: 2 + nudge(rng, x - 2, delta) if name == "df" else nudge(rng, x, delta) for name, x in p.items()}


ORACLES: dict[str, Oracle] = {
    "Wishart": WISHART,
    "InverseWishart": INVERSE_WISHART,
}

BOUNDS: dict[str, Bound] = {
    "Wishart": BOUND_OF_FACTORS,
    "InverseWishart": BOUND_OF_FACTORS,
}

DRAWS: dict[str, Draw] = {
    "Wishart": draw_df,
    "InverseWishart": draw_df,
}

NEAR: dict[str, Near] = {
    "Wishart": near_df,
    "InverseWishart": near_df,
}
