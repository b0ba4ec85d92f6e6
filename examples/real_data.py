"""Real data: a Gaussian fitted to each class of Iris and Wine, and the divergences of all ordered pairs.

Without correlations: the sum over the features, as if they were independent. Full covariance: with their correlations.
The data sets come with scikit-learn.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

import kldiv
from _report.main import main
from _report.records import Case, Comparison, Example
from _report.truths import multivariate_normal_truth, normal_truth


def without_correlations(means_p, sds_p, means_q, sds_q):
    """KL(p || q) of all pairs: p has a batch axis of length 1 more, and broadcasting does the rest."""
    p = kldiv.Independent(kldiv.Normal(means_p, sds_p))
    return kldiv.kl_divergence(p, kldiv.Independent(kldiv.Normal(means_q, sds_q)))


def full_covariance(means_p, covariances_p, means_q, covariances_q):
    """KL(p || q) of all pairs: p has a batch axis of length 1 more, and broadcasting does the rest."""
    p = kldiv.MultivariateNormal(means_p, covariances_p)
    return kldiv.kl_divergence(p, kldiv.MultivariateNormal(means_q, covariances_q))


def fitted(name: str, bunch: Any) -> list[Comparison]:
    """Return the comparisons of a data set, first without correlations."""
    classes = [str(c).replace("_", " ") for c in bunch.target_names]
    groups = [bunch.data[bunch.target == label] for label in range(len(classes))]
    loc = np.stack([np.mean(x, axis=0) for x in groups])
    covariance = np.stack([np.cov(x, rowvar=False) for x in groups])
    scale = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    pairs = [(i, j) for i in range(len(classes)) for j in range(len(classes))]
    cases = [f"{name}: {classes[i]} || {classes[j]}" for i, j in pairs]
    return [
        Comparison(
            cases,
            without_correlations,
            [loc[:, None], scale[:, None], loc, scale],
            truth=[float(normal_truth(loc[i], scale[i], loc[j], scale[j]).sum()) for i, j in pairs],
        ),
        Comparison(
            cases,
            full_covariance,
            [loc[:, None], covariance[:, None], loc, covariance],
            truth=[multivariate_normal_truth(loc[i], covariance[i], loc[j], covariance[j]) for i, j in pairs],
        ),
    ]


def comparisons() -> list[Comparison]:
    """Return the comparisons of both data sets."""
    datasets = import_module("sklearn.datasets")
    return [*fitted("Iris", datasets.load_iris()), *fitted("Wine", datasets.load_wine())]


def figures(cases: Sequence[Case]) -> dict[str, Any]:
    """Draw a heat map of all pairs of each data set."""
    from _report.figures import heat_maps

    names = dict.fromkeys(case["case"].partition(":")[0] for case in cases)
    return {name.lower(): heat_maps(name, [c for c in cases if c["case"].startswith(f"{name}:")]) for name in names}


EXAMPLE = Example(
    "Real data: a Gaussian for each class of Iris and Wine, all ordered pairs, both ways",
    __doc__,
    comparisons,
    layout="pairs",
    figures=figures,
    needs="sklearn",
)

if __name__ == "__main__":
    sys.exit(main(EXAMPLE))
