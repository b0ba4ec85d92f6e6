"""Near equality: pairs of distributions that differ by a relative 1e-4, in float32.

The divergence of nearly equal distributions is a small difference of large terms. The textbook formulas, and the
libraries that use them, return rounding errors there, often negative ones. kldiv sums terms that cannot be negative.
The figure has the error of each library, in float64, for distributions that come closer and closer.
"""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

import kldiv
from _report.main import main
from _report.records import Case, Comparison, Example
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
    return library.kl_divergence(library.Categorical(probs=probs_p), library.Categorical(probs=probs_q))


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
    others = {"textbook": [float(x * np.log(x / y) - x + y)], "SciPy": [float(special.kl_div(x, y))]}
    return Comparison(["Poisson, rate 1e6"], poisson, [x, y], [truth], dtype="float32", others=others, peers=True)


def compare_normal() -> Comparison:
    """Return normal distributions."""
    m_p, s_p, m_q, s_q = parameters = single([0.3, 0.7, 0.30003, 0.70007])
    truth = float(normal_truth_decimal(*parameters.tolist()))
    textbook = np.log(s_q / s_p) + (s_p**2 + (m_p - m_q) ** 2) / (2 * s_q**2) - np.float32(0.5)
    others = {"textbook": [float(textbook)]}
    return Comparison(["Normal"], normal, list(parameters), [truth], dtype="float32", others=others, peers=True)


def compare_categorical() -> Comparison:
    """Return categorical distributions of ten outcomes."""
    weights = np.arange(1.0, 11.0)
    changed = weights * (1 + 1e-4 * (-1.0) ** np.arange(10))
    x, y = single(weights / weights.sum()), single(changed / changed.sum())
    truth = float(categorical_truth_decimal(x, y))
    others = {"textbook": [float(np.sum(x * np.log(x / y)))], "SciPy": [float(stats.entropy(x, y))]}
    return Comparison(["Categorical, K=10"], categorical, [x, y], [truth], dtype="float32", others=others, peers=True)


def compare_multivariate_normal() -> Comparison:
    """Return multivariate normal distributions, of 50 independent components for the sake of the truth."""
    identity = np.eye(50, dtype=np.float32)
    mean, covariance_q = np.zeros_like(identity[0]), np.float32(1.0001) * identity
    truth = float(near_normal_truth_decimal(50, float(np.float32(1.0001))))
    log_det = np.log(np.linalg.det(covariance_q) / np.linalg.det(identity))
    textbook = 0.5 * (np.trace(np.linalg.inv(covariance_q) @ identity) + log_det - np.float32(50))
    parameters, others = [mean, identity, covariance_q], {"textbook": [float(textbook)]}
    return Comparison(
        ["Normal, d=50"], multivariate_normal, parameters, [truth], dtype="float32", others=others, peers=True
    )


# Relative distances of two categorical distributions. They have 20 bits, so that all probabilities below are exact, and
# so are their sums: a wrong digit is the library's.
DISTANCES = 734_003 * 2.0 ** -np.arange(21, 48)


def compare_distances() -> Comparison:
    """Return categorical distributions of five outcomes, closer and closer, in float64."""
    p = np.broadcast_to(np.asarray([1.0, 2.0, 2.0, 4.0, 7.0]) / 16, (len(DISTANCES), 5))
    q = p * (1 + DISTANCES[:, None] * np.asarray([1.0, -1.0, 1.0, -0.25, 0.0]))
    truth = [float(categorical_truth_decimal(a, b)) for a, b in zip(p, q, strict=True)]
    textbook, scipy = np.sum(p * np.log(p / q), axis=-1), stats.entropy(p, q, axis=-1)
    others = {"textbook": textbook.tolist(), "SciPy": scipy.tolist()}
    cases = [f"{distance:.1g} apart" for distance in DISTANCES]
    return Comparison(cases, categorical, [p, q], truth, others=others, peers=True)


def comparisons() -> list[Comparison]:
    """Return four pairs, the largest errors first, and those of the figure."""
    return [
        compare_poisson(),
        compare_normal(),
        compare_categorical(),
        compare_multivariate_normal(),
        compare_distances(),
    ]


def figures(cases: Sequence[Case]) -> dict[str, Any]:
    """Draw the error of each library against the distance of the distributions."""
    from _report.figures import errors

    return {"near_equality": errors(DISTANCES, cases[-len(DISTANCES) :])}


EXAMPLE = Example(
    "Near equality: distributions a relative 1e-4 apart, in float32, where others return rounding errors",
    __doc__,
    comparisons,
    layout="peers",
    brief=["Poisson, rate 1e6", "Normal", "Categorical, K=10", "Normal, d=50"],
    figures=figures,
)

if __name__ == "__main__":
    sys.exit(main(EXAMPLE))
