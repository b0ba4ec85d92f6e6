"""What the oracle knows of MatrixNormal."""

from dataclasses import replace
from typing import Any

import numpy as np

from oracle import Bound, Draw, Manifold, Oracle, mp
from oracles.multivariate_normal import BOUND_OF_FACTORS, MULTIVARIATE_NORMAL, from_covariance, from_scale_tril


def _from_kronecker(loc: Any, row: Any, column: Any) -> tuple[Any, ...]:
    """The rows of the matrix one after the other, as a normal vector."""
    u, v = (from_scale_tril([mp.zero] * len(factor), factor)[1] for factor in (row, column))
    n, m = range(len(row)), range(len(column))
    covariance = [[u[i][k] * v[j][h] for k in n for h in m] for i in n for j in m]
    return from_covariance([loc[i][j] for i in n for j in m], covariance)


MATRIX_NORMAL = replace(
    MULTIVARIATE_NORMAL,
    support=lambda mean, *unused: Manifold("matrices", len(mean)),
    convert=_from_kronecker,
)


def _draw_factors(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    """Two factors multiply: each takes half of the range of scales, so that derivatives stay in that of numbers."""
    if kind != "extreme":
        return {}
    decades = 6 if dtype == "float32" else 35

    def factor(d: int) -> np.ndarray:
        shape = (size, d, d)
        triangle = np.tril(rng.normal(size=shape), -1) + np.exp(0.5 * rng.normal(size=shape)) * np.eye(d)
        return triangle * 10 ** rng.uniform(-decades, decades, size=(size, 1, 1))

    return {"row_scale_tril": factor(2), "column_scale_tril": factor(3)}


ORACLES: dict[str, Oracle] = {"MatrixNormal": MATRIX_NORMAL}

BOUNDS: dict[str, Bound] = {"MatrixNormal": BOUND_OF_FACTORS}

DRAWS: dict[str, Draw] = {"MatrixNormal": _draw_factors}
