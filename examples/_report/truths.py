"""Truths that use nothing of kldiv: the definition E_p[log p - log q] with SciPy's log densities, or 60 digits."""

import decimal
import math
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Vector = NDArray[np.float64]


def normal_truth(loc_p: ArrayLike, scale_p: ArrayLike, loc_q: ArrayLike, scale_q: ArrayLike) -> Vector:
    """E_p[log p - log q] with SciPy's log densities.

    The mean over loc_p - scale_p and loc_p + scale_p is the expectation: the integrand is quadratic, and two points
    with the mean and the variance of P integrate that exactly.
    """
    points = np.stack([np.subtract(loc_p, scale_p), np.add(loc_p, scale_p)])
    log_ratios = stats.norm.logpdf(points, loc_p, scale_p) - stats.norm.logpdf(points, loc_q, scale_q)
    return np.asarray(np.mean(log_ratios, axis=0))


def multivariate_normal_truth(loc_p: Vector, covariance_p: Vector, loc_q: Vector, covariance_q: Vector) -> float:
    """E_p[log p - log q] with SciPy's log densities.

    The mean over loc_p +- sqrt(d) times the columns of a square root of covariance_p is exact for quadratic integrands.
    """
    # The divergence does not depend on units. Those that are powers of two change no digit, and make all variances
    # about 1, which the eigenvalue decomposition inside SciPy needs for its last digits.
    unit = 2.0 ** -np.rint(np.log2(np.diag(covariance_q)) / 2)
    p: Any = (loc_p * unit, covariance_p * np.outer(unit, unit))
    q: Any = (loc_q * unit, covariance_q * np.outer(unit, unit))
    steps = math.sqrt(unit.size) * np.linalg.cholesky(p[1]).T
    points = np.concatenate([p[0] + steps, p[0] - steps])
    log_density = stats.multivariate_normal.logpdf
    return float(np.mean(log_density(points, *p) - log_density(points, *q)))


def _exactly(x: ArrayLike) -> list[Decimal]:
    return [Decimal(v) for v in np.ravel(x).tolist()]


def normal_truth_decimal(loc_p: float, scale_p: float, loc_q: float, scale_q: float) -> Decimal:
    """The textbook formula in decimals, whose 60 digits leave enough after any cancellation."""
    with decimal.localcontext(prec=60):
        m_p, s_p, m_q, s_q = _exactly([loc_p, scale_p, loc_q, scale_q])
        return (s_q / s_p).ln() + (s_p**2 + (m_p - m_q) ** 2) / (2 * s_q**2) - Decimal("0.5")


def categorical_truth_decimal(probs_p: ArrayLike, probs_q: ArrayLike) -> Decimal:
    """The definition in decimals; probabilities count as divided by their exact sum."""
    with decimal.localcontext(prec=60):
        x, y = _exactly(probs_p), _exactly(probs_q)
        terms = [a * (a / b).ln() for a, b in zip(x, y, strict=True)]
        return sum(terms, Decimal(0)) / sum(x) + (sum(y, Decimal(0)) / sum(x)).ln()


def poisson_truth_decimal(rate_p: float, rate_q: float) -> Decimal:
    """The textbook formula in decimals."""
    with decimal.localcontext(prec=60):
        x, y = _exactly([rate_p, rate_q])
        return x * (x / y).ln() - x + y


def near_normal_truth_decimal(dimension: int, variance: float) -> Decimal:
    """The textbook formula in decimals, of independent components with variance 1 and the variance given."""
    with decimal.localcontext(prec=60):
        (v,) = _exactly(variance)
        return dimension * (v.ln() + 1 / v - 1) / 2
