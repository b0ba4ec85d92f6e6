"""Near equality: pairs of distributions that differ by a relative 1e-4, in float32.

The divergence of nearly equal distributions is a small difference of large terms. The textbook formulas, and the
libraries that use them, return rounding errors there, often negative ones. kldiv sums terms that cannot be negative.
"""

import sys

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

import kldiv
from _report.main import main
from _report.records import Comparison, Example
from _report.truths import (
    categorical_truth_decimal,
    near_normal_truth_decimal,
    normal_truth_decimal,
    poisson_truth_decimal,
)


def poisson(rate_p, rate_q, library=kldiv):
    """KL(p || q) of Poisson distributions."""
    return library.kl_divergence(library.Poisson(rate_p), library.Poisson(rate_q))


def normal(mean_p, sd_p, mean_q, sd_q, library=kldiv):
    """KL(p || q) of normal distributions."""
    return library.kl_divergence(library.Normal(mean_p, sd_p), library.Normal(mean_q, sd_q))


def categorical(probs_p, probs_q, library=kldiv):
    """KL(p || q) of categorical distributions."""
    return library.kl_divergence(library.Categorical(probs_p), library.Categorical(probs_q))


def multivariate_normal(mean, covariance_p, covariance_q, library=kldiv):
    """KL(p || q) of multivariate normal distributions."""
    p, q = library.MultivariateNormal(mean, covariance_p), library.MultivariateNormal(mean, covariance_q)
    return library.kl_divergence(p, q)


def single(x: ArrayLike) -> NDArray[np.float32]:
    """Return single-precision numbers."""
    return np.asarray(x, dtype=np.float32)


def compare_poisson() -> Comparison:
    """Return Poisson distributions of large rates."""
    x, y = single([1e6, 1e6 + 100])
    truth = float(poisson_truth_decimal(float(x), float(y)))
    others = {"textbook": float(x * np.log(x / y) - x + y), "SciPy": float(special.kl_div(x, y))}
    return Comparison(["Poisson, rate 1e6"], poisson, [x, y], [truth], dtype="float32", others=others, peers=True)


def compare_normal() -> Comparison:
    """Return normal distributions."""
    m_p, s_p, m_q, s_q = parameters = single([0.3, 0.7, 0.30003, 0.70007])
    truth = float(normal_truth_decimal(*parameters.tolist()))
    textbook = np.log(s_q / s_p) + (s_p**2 + (m_p - m_q) ** 2) / (2 * s_q**2) - np.float32(0.5)
    others = {"textbook": float(textbook)}
    return Comparison(["Normal"], normal, list(parameters), [truth], dtype="float32", others=others, peers=True)


def compare_categorical() -> Comparison:
    """Return categorical distributions of ten outcomes."""
    weights = np.arange(1.0, 11.0)
    changed = weights * (1 + 1e-4 * (-1.0) ** np.arange(10))
    x, y = single(weights / weights.sum()), single(changed / changed.sum())
    truth = float(categorical_truth_decimal(x, y))
    others = {"textbook": float(np.sum(x * np.log(x / y))), "SciPy": float(stats.entropy(x, y))}
    return Comparison(["Categorical, K=10"], categorical, [x, y], [truth], dtype="float32", others=others, peers=True)


def compare_multivariate_normal() -> Comparison:
    """Return multivariate normal distributions, of 50 independent components for the sake of the truth."""
    identity = np.eye(50, dtype=np.float32)
    mean, covariance_q = np.zeros_like(identity[0]), np.float32(1.0001) * identity
    truth = float(near_normal_truth_decimal(50, float(np.float32(1.0001))))
    log_det = np.log(np.linalg.det(covariance_q) / np.linalg.det(identity))
    textbook = 0.5 * (np.trace(np.linalg.inv(covariance_q) @ identity) + log_det - np.float32(50))
    parameters, others = [mean, identity, covariance_q], {"textbook": float(textbook)}
    return Comparison(
        ["Normal, d=50"], multivariate_normal, parameters, [truth], dtype="float32", others=others, peers=True
    )


def comparisons() -> list[Comparison]:
    """Return four pairs, the largest errors first."""
    return [compare_poisson(), compare_normal(), compare_categorical(), compare_multivariate_normal()]


EXAMPLE = Example(
    "Near equality: distributions a relative 1e-4 apart, in float32, where others return rounding errors",
    __doc__,
    comparisons,
    layout="peers",
)

if __name__ == "__main__":
    sys.exit(main(EXAMPLE))
