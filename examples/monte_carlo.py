"""Monte Carlo: how the mean of log density ratios converges to the divergence.

The mean of log p(x) - log q(x) over draws x from P estimates KL(P || Q). Its standard error falls with the square root
of the number of draws: 10,000 draws give two or three digits. The closed form gives all of them at once.
"""

import functools
import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

import kldiv
from _report.main import main
from _report.records import Case, Comparison, Example
from _report.truths import Vector, normal_truth

DRAWS = 10_000
P = np.array([1.0, 4.0]), np.array([1.0, 1.0])  # mean and standard deviation
Q = np.array([-3.0, 2.0]), np.array([2.5, 2.5])


def divergence(loc_p, sd_p, loc_q, sd_q):
    """KL(p || q), in closed form."""
    return kldiv.kl_divergence(kldiv.MultivariateNormalDiag(loc_p, sd_p), kldiv.MultivariateNormalDiag(loc_q, sd_q))


@functools.cache
def draws() -> Vector:
    """Return the draws from P, the same in every run."""
    return np.random.default_rng(0).normal(*P, size=(DRAWS, 2))


@functools.cache
def log_ratios() -> Vector:
    """Return log p(x) - log q(x) at each draw."""
    return np.asarray(np.sum(stats.norm.logpdf(draws(), *P) - stats.norm.logpdf(draws(), *Q), axis=1))


def comparisons() -> list[Comparison]:
    """Return the pair, with the mean over all draws and its standard error."""
    return [
        Comparison(
            ["[1, 4], sd 1 || [-3, 2], sd 2.5"],
            divergence,
            [*P, *Q],
            truth=[float(normal_truth(*P, *Q).sum())],
            alternative=[float(np.mean(log_ratios()))],
            errors=[float(np.std(log_ratios(), ddof=1) / math.sqrt(DRAWS))],
        )
    ]


def figures(cases: Sequence[Case]) -> dict[str, Any]:
    """Draw the two Gaussians with samples, and the estimate as draws are added."""
    from _report.figures import convergence, first, gaussians

    samples_q = np.random.default_rng(1).normal(*Q, size=(DRAWS, 2))
    return {
        "gaussians": gaussians(P, Q, draws(), samples_q),
        "convergence": convergence(log_ratios(), first(cases[0])),
    }


EXAMPLE = Example(
    "Monte Carlo: the mean of 10,000 log density ratios, with its standard error, beside the closed form",
    __doc__,
    comparisons,
    alternative="Monte Carlo",
    figures=figures,
)

if __name__ == "__main__":
    sys.exit(main(EXAMPLE))
