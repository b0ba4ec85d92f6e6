"""Differences of Cholesky factors."""

import numpy as np
import pytest

from kernels import DTYPES, evaluate
from kldiv._numerics import linalg
from reference import mp


def matrices(dtype, condition, distance, size=4, count=8):
    """Return two stacks of covariance matrices of a condition number, at a relative distance in each other's metric."""
    rng = np.random.default_rng(15)
    orthogonal, _ = np.linalg.qr(rng.normal(size=(count, size, size)))
    b = (orthogonal * np.logspace(0, np.log10(condition), size)) @ np.swapaxes(orthogonal, -1, -2)
    noise = rng.normal(size=b.shape)
    factor = np.linalg.cholesky(b) @ (np.eye(size) + distance * noise)
    a = factor @ np.swapaxes(factor, -1, -2)
    a, b = (x.astype(dtype) for x in (a, b))
    return tuple(np.tril(x) + np.swapaxes(np.tril(x, -1), -1, -2) for x in (a, b))


def true_cholesky_difference(a, b):
    """Return the factor of L^-1 A L^-T, with L that of B, less the identity."""
    with mp.workdps(60):
        a, b = (mp.matrix(x.astype(float).tolist()) for x in (a, b))
        inverse = mp.cholesky(b) ** -1
        x = mp.cholesky(inverse * a * inverse.T) - mp.eye(a.rows)
        return np.asarray([[float(x[i, j]) for j in range(a.rows)] for i in range(a.rows)])


def cholesky_difference(xp, a, b):
    return linalg.cholesky_difference(xp, a, b, xp.cholesky(a), xp.cholesky(b))


@pytest.mark.parametrize("distance", [3.0, 1e-1, 1e-3, 1e-6, 1e-10], ids=lambda d: f"distance {d}")
@pytest.mark.parametrize(
    ("dtype", "condition"), [("float32", 1e0), ("float32", 1e3), ("float64", 1e0), ("float64", 1e4), ("float64", 1e10)]
)
def test_cholesky_difference_is_right_to_cond_eps(backend, dtype, condition, distance, record_property):
    a, b = matrices(dtype, condition, distance)
    values = evaluate(backend, cholesky_difference, dtype, a, b)
    truth = np.asarray([true_cholesky_difference(*pair) for pair in zip(a, b, strict=True)])
    errors = np.linalg.norm(values - truth, axis=(-2, -1))
    bounds = (4 * np.sqrt(4) + np.maximum(*np.linalg.cond([a, b]))) * np.finfo(dtype).eps
    excess = np.max(errors / (bounds * np.linalg.norm(truth, axis=(-2, -1)) + np.finfo(dtype).tiny))
    record_property("ulps", f"{excess:.3f} of the bound")
    assert excess <= 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_cholesky_difference_of_equal_matrices_is_exactly_zero(backend, dtype):
    a, _ = matrices(dtype, 1e3, 0.1)
    assert np.all(evaluate(backend, cholesky_difference, dtype, a, a) == 0)


def test_cholesky_difference_is_lower_triangular(backend):
    values = evaluate(backend, cholesky_difference, "float64", *matrices("float64", 1e3, 0.1))
    assert np.all(np.triu(values, 1) == 0)


def test_identity_like_is_a_stack_of_identities(backend):
    values = evaluate(backend, linalg.identity_like, "float64", np.full((2, 3, 3), np.nan))
    np.testing.assert_array_equal(values, [np.eye(3)] * 2)
