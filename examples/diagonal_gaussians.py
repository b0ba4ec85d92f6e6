"""Batches of diagonal Gaussians, from mean and log variance.

A formula that is copied a lot, for instance into variational autoencoders, has exp(ln_var_q - ln_var_p) as its trace
term. Right is exp(ln_var_p - ln_var_q). The two are the same at equal variances, so the mistake is easily overlooked.
"""

import math
import sys

import numpy as np

import kldiv
from _report.main import main
from _report.records import Comparison, Example
from _report.truths import Vector, normal_truth


def divergences(mean_p, log_variance_p, mean_q, log_variance_q):
    """KL(p || q) of each row of a batch."""
    p = kldiv.Independent(kldiv.NormalLogVariance(mean_p, log_variance_p))
    q = kldiv.Independent(kldiv.NormalLogVariance(mean_q, log_variance_q))
    return kldiv.kl_divergence(p, q)


def inverted_trace(mean_p: Vector, log_variance_p: Vector, mean_q: Vector, log_variance_q: Vector) -> Vector:
    """The formula that is often copied, with its trace term upside down."""
    trace = np.exp(log_variance_q - log_variance_p)
    mahalanobis = (mean_q - mean_p) ** 2 / np.exp(log_variance_q)
    return np.asarray(0.5 * np.sum(trace + mahalanobis - 1 + log_variance_q - log_variance_p, axis=1))


def comparisons() -> list[Comparison]:
    """Return a batch of four pairs in 3 dimensions, and its mean."""
    mean = np.repeat([[5.0], [10.0], [0.1], [0.0]], 3, axis=1)
    log_variance = np.repeat(np.log([[10.0], [math.e], [math.e], [math.e]]), 3, axis=1)
    zero, one = np.zeros_like(mean), np.ones_like(mean)
    truth = normal_truth(zero, np.exp(one / 2), mean, np.exp(log_variance / 2)).sum(axis=1)
    wrong = inverted_trace(zero, one, mean, log_variance)
    return [
        Comparison(
            ["N(0, e) || N(5, 10)", "N(0, e) || N(10, e)", "N(0, e) || N(0.1, e)", "N(0, e) || itself", "batch mean"],
            divergences,
            [zero, one, mean, log_variance],
            truth=[*truth, truth.mean()],
            alternative=[*wrong, wrong.mean()],
            total="mean",
        )
    ]


EXAMPLE = Example(
    "Batches of diagonal Gaussians: a formula that is often copied has its trace term upside down",
    __doc__,
    comparisons,
    alternative="inverted trace",
    brief=["N(0, e) || N(5, 10)", "batch mean"],
)

if __name__ == "__main__":
    sys.exit(main(EXAMPLE))
