"""Element-wise terms: one divergence for each pair of normal distributions, and their sum.

A formula that is often copied computes log(sd_q / sd_p) as log10, while its other terms need the natural logarithm.
A divergence is never negative, so the negative term in its result shows the mistake.
"""

import sys

import numpy as np

import kldiv
from _report.main import main
from _report.records import Comparison, Example
from _report.truths import Vector, normal_truth


def terms(mean_p, sd_p, mean_q, sd_q):
    """KL(p || q) of each pair; there is no reduction."""
    return kldiv.kl_divergence(kldiv.Normal(mean_p, sd_p), kldiv.Normal(mean_q, sd_q))


def with_log10(mean_p: Vector, sd_p: Vector, mean_q: Vector, sd_q: Vector) -> Vector:
    """The formula that is often copied, with a decimal logarithm."""
    return np.asarray(np.log10(sd_q / sd_p) + (sd_p**2 + (mean_p - mean_q) ** 2) / (2 * sd_q**2) - 0.5)


def comparisons() -> list[Comparison]:
    """Return three pairs and their sum."""
    p = np.array([2.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0])
    q = np.array([3.0, 5.0, 8.0]), np.array([1.5, 2.5, 4.0])
    truth, wrong = normal_truth(*p, *q), with_log10(*p, *q)
    return [
        Comparison(
            ["N(2, 1²) || N(3, 1.5²)", "N(4, 2²) || N(5, 2.5²)", "N(6, 3²) || N(8, 4²)", "their sum"],
            terms,
            [*p, *q],
            truth=[*truth, truth.sum()],
            alternative=[*wrong, wrong.sum()],
            total="sum",
        )
    ]


EXAMPLE = Example(
    "Element-wise terms: with log10 in place of the natural logarithm, one term is negative",
    __doc__,
    comparisons,
    alternative="with log10",
    brief=["N(4, 2²) || N(5, 2.5²)", "their sum"],
)

if __name__ == "__main__":
    sys.exit(main(EXAMPLE))
