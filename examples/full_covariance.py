"""Full covariance: stacks of means, and the penalty on the change of a policy.

The textbook formula has log(det S_q / det S_p). In many dimensions, or with small variances, determinants leave the
range of floating-point numbers: they lose digits where they are subnormal and are 0 below. A policy whose actions have
a variance of 1e-8 is such a case. kldiv works with Cholesky factors and never computes a determinant.
"""

import sys
from collections.abc import Sequence

import numpy as np

import kldiv
from _report.main import main
from _report.records import Comparison, Example
from _report.truths import Vector, multivariate_normal_truth


def divergences(means, covariance_p, mean_q, covariance_q):
    """KL(p || q) for each of a stack of means."""
    p = kldiv.MultivariateNormal(means, covariance_p)
    q = kldiv.MultivariateNormal(mean_q, covariance_q)
    return kldiv.kl_divergence(p, q)


def inv_and_det(means: Vector, covariance_p: Vector, mean_q: Vector, covariance_q: Vector) -> Vector:
    """The textbook formula, with an inverse and determinants."""
    with np.errstate(all="ignore"):
        inverse = np.linalg.inv(covariance_q)
        difference = mean_q - means
        trace = np.trace(inverse @ covariance_p)
        log_det = np.log(np.linalg.det(covariance_q) / np.linalg.det(covariance_p))
        mahalanobis = np.sum(difference @ inverse * difference, axis=1)
        return np.asarray(0.5 * (trace + log_det + mahalanobis - len(covariance_p)))


def stack_of_means(cases: Sequence[str], means: Vector, covariance_p: Vector, covariance_q: Vector) -> Comparison:
    """Compare a stack of Gaussians of one covariance with a Gaussian at the origin."""
    origin = np.zeros(len(covariance_q))
    return Comparison(
        cases,
        divergences,
        [means, covariance_p, origin, covariance_q],
        truth=[multivariate_normal_truth(mean, covariance_p, origin, covariance_q) for mean in means],
        alternative=inv_and_det(means, covariance_p, origin, covariance_q).tolist(),
    )


def policy(dimension: int) -> Comparison:
    """Compare a policy with an old one: small variances, now with correlations, and a step of the mean."""
    index = np.arange(dimension)
    correlation = 0.1 ** np.abs(index[:, None] - index)
    case = f"policy in {dimension} dimensions, variance 1e-8"
    return stack_of_means([case], np.full((1, dimension), 1e-4), 1e-8 * correlation, 1e-8 * np.eye(dimension))


def comparisons() -> list[Comparison]:
    """Return a stack of three means in 2 dimensions, and policies in 40 and 100."""
    means = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 2.0]])
    cases = [f"stack of means: [{a:g}, {b:g}]" for a, b in means]
    covariance_p, covariance_q = np.array([[1.0, 0.5], [0.5, 2.0]]), np.array([[2.0, 0.3], [0.3, 1.0]])
    return [stack_of_means(cases, means, covariance_p, covariance_q), policy(40), policy(100)]


EXAMPLE = Example(
    "Full covariance, stacks of means and policies: determinants leave the range of floating-point numbers",
    __doc__,
    comparisons,
    alternative="inv and det",
    brief=[f"policy in {dimension} dimensions, variance 1e-8" for dimension in (40, 100)],
)

if __name__ == "__main__":
    sys.exit(main(EXAMPLE))
