"""What the oracle knows of the multivariate normal distribution, in each parametrization."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from oracle import Bound, Draw, Oracle, Real, Space, Statistic, mp


# The multivariate normals. ``convert`` gives the mean, the covariance, its inverse and the log of its determinant.
def _multivariate_log_density(mean: list[Real], covariance: Any, *unused: Any) -> Callable[[Sequence[Real]], Real]:
    # By Cholesky and forward substitution, where log_terms goes by elimination and the full inverse.
    factor = mp.cholesky(mp.matrix(covariance)).tolist()
    log_normalizer = mp.fsum(mp.log(2 * mp.pi) / 2 + mp.log(row[i]) for i, row in enumerate(factor))

    def log_density(x: Sequence[Real]) -> Real:
        whitened: list[Real] = []
        for row, x_i, mean_i in zip(factor, x, mean, strict=True):
            known = sum((a * z for a, z in zip(row, whitened, strict=False)), mp.zero)
            whitened.append((x_i - mean_i - known) / row[len(whitened)])
        return -sum(z**2 for z in whitened) / 2 - log_normalizer

    return log_density


def _multivariate_log_terms(mean: Any, covariance: Any, precision: Any, log_det: Real) -> dict[Statistic, Real]:
    # (x - m)' A (x - m) expanded for an A that need not be symmetric; see ``gradient`` for why it may not be.
    size = range(len(mean))
    pull = [sum((precision[i][j] + precision[j][i]) * mean[j] for j in size) / 2 for i in size]
    constant = -sum(pull[i] * mean[i] for i in size) / 2 - log_det / 2 - len(mean) * mp.log(2 * mp.pi) / 2
    terms: dict[Statistic, Real] = {("1",): constant}
    terms |= {("x_i", i): pull[i] for i in size}
    terms |= {("x_i x_j", i, j): -precision[j][i] / 2 for i in size for j in size}
    return terms


MULTIVARIATE_NORMAL = Oracle(
    log_density=_multivariate_log_density,
    support=lambda mean, *unused: Space(len(mean)),
    log_terms=_multivariate_log_terms,
    expectations={
        "x_i": lambda i, mean, *unused: mean[i],
        "x_i x_j": lambda i, j, mean, covariance, *unused: covariance[i][j] + mean[i] * mean[j],
    },
    bulk=lambda mean, covariance, *unused: (mean, mp.cholesky(mp.matrix(covariance)).tolist()),
)


def inverse_and_log_det(matrix: Sequence[Sequence[Real]]) -> tuple[list[list[Real]], Real]:
    """Gauss-Jordan elimination with partial pivoting; much faster than mpmath's general routines at these sizes."""
    size = len(matrix)
    rows = [[*row, *(mp.mpf(i == j) for j in range(size))] for i, row in enumerate(matrix)]
    determinant = mp.one
    for k in range(size):
        pivot = max(range(k, size), key=lambda i: abs(rows[i][k]))
        if pivot != k:
            rows[k], rows[pivot] = rows[pivot], rows[k]
            determinant = -determinant
        determinant *= rows[k][k]
        if not determinant:
            raise ValueError("the covariance or precision matrix is singular")
        rows[k] = [entry / rows[k][k] for entry in rows[k]]
        for i in range(size):
            factor = rows[i][k]
            if i != k and factor:
                rows[i] = [entry - factor * head for entry, head in zip(rows[i], rows[k], strict=True)]
    return [row[size:] for row in rows], mp.log(determinant)


def from_covariance(mean: Any, covariance: Any) -> tuple[Any, ...]:
    return (mean, covariance, *inverse_and_log_det(covariance))


def from_scale_tril(mean: Any, scale_tril: Any) -> tuple[Any, ...]:
    rows = [row[: i + 1] for i, row in enumerate(scale_tril)]
    # zip stops at the shorter row: the factor is zero beyond it.
    covariance = [[sum(a * b for a, b in zip(left, right, strict=False)) for right in rows] for left in rows]
    return from_covariance(mean, covariance)


def _from_precision(mean: Any, precision: Any) -> tuple[Any, ...]:
    covariance, log_det = inverse_and_log_det(precision)
    return mean, covariance, precision, -log_det


def _from_scale_diag(mean: Any, scale_diag: Any) -> tuple[Any, ...]:
    size = range(len(scale_diag))
    covariance = [[scale_diag[i] ** 2 if i == j else mp.zero for j in size] for i in size]
    return from_covariance(mean, covariance)


# Multivariate normals
def _from_low_rank(mean: Any, cov_factor: Any, cov_diag: Any) -> tuple[Any, ...]:
    size = range(len(mean))
    product = [[mp.fdot(cov_factor[i], cov_factor[j]) + (cov_diag[i] if i == j else 0) for j in size] for i in size]
    return from_covariance(mean, product)


def _draw_low_rank(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    # One scale for both parts: a diagonal that is nothing beside the factor leaves a singular matrix.
    decades = 0 if kind == "interior" else 7 if dtype == "float32" else 35
    scale = 10 ** rng.uniform(-decades, decades, size=(size, 1))
    factor, diagonal = rng.normal(size=(size, 3, 2)), np.exp(rng.normal(size=(size, 3)))
    return {"cov_factor": factor * scale[..., None], "cov_diag": diagonal * scale**2}


# Of triangular factors, the condition number is in it: a few units at the sizes that are drawn, more in rare rows.
BOUND_OF_FACTORS = {"interior": 32.0, "near": 16.0, "extreme": 64.0, "boundary": 32.0}

ORACLES: dict[str, Oracle] = {
    "MultivariateNormal": replace(MULTIVARIATE_NORMAL, convert=from_covariance),
    "MultivariateNormalTriL": replace(MULTIVARIATE_NORMAL, convert=from_scale_tril, lower_triangular=1),
    "MultivariateNormalPrecision": replace(MULTIVARIATE_NORMAL, convert=_from_precision),
    "MultivariateNormalDiag": replace(MULTIVARIATE_NORMAL, convert=_from_scale_diag),
    "MultivariateNormalLowRank": replace(MULTIVARIATE_NORMAL, convert=_from_low_rank),
}

BOUNDS: dict[str, Bound] = {
    "MultivariateNormalDiag": 7.0,  # 4 sqrt(d)
    "MultivariateNormalLowRank": BOUND_OF_FACTORS,
}

DRAWS: dict[str, Draw] = {"MultivariateNormalLowRank": _draw_low_rank}
