"""The mixtures of normal distributions of scikit-learn, fitted ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture  # pyright: ignore[reportMissingImports]

from kldiv import families as f
from kldiv._core.family import Family
from kldiv._core.foreign import converter


@converter(BayesianGaussianMixture)
@converter(GaussianMixture)
def _mixture(d: Any) -> Family:
    """Return the mixture; its outcomes are vectors, for one feature too."""
    if not hasattr(d, "means_"):
        raise TypeError("it is not fitted: call its method fit(x) first")
    means, covariances = d.means_, d.covariances_
    if d.covariance_type in ("full", "tied"):
        return f.Mixture(d.weights_, f.MultivariateNormal(means, covariances))
    variances = covariances if d.covariance_type == "diag" else covariances[:, None] * np.ones_like(means)
    return f.Mixture(d.weights_, f.MultivariateNormalDiag(means, np.sqrt(variances)))
