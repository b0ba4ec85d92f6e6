"""The families of distributions, one file each; this list is the list of public names."""

from kldiv.families.bernoulli import Bernoulli, BernoulliLogits
from kldiv.families.beta import Beta
from kldiv.families.categorical import Categorical, CategoricalLogits
from kldiv.families.delta import Delta
from kldiv.families.exponential import Exponential
from kldiv.families.gamma import Gamma
from kldiv.families.independent import Independent
from kldiv.families.multivariate_normal import (
    MultivariateNormal,
    MultivariateNormalDiag,
    MultivariateNormalPrecision,
    MultivariateNormalTriL,
)
from kldiv.families.normal import Normal, NormalLogVariance
from kldiv.families.poisson import Poisson
from kldiv.families.uniform import Uniform

__all__ = [
    "Bernoulli",
    "BernoulliLogits",
    "Beta",
    "Categorical",
    "CategoricalLogits",
    "Delta",
    "Exponential",
    "Gamma",
    "Independent",
    "MultivariateNormal",
    "MultivariateNormalDiag",
    "MultivariateNormalPrecision",
    "MultivariateNormalTriL",
    "Normal",
    "NormalLogVariance",
    "Poisson",
    "Uniform",
]
