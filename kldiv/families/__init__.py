"""The families of distributions, one file each; this list is the list of public names."""

from kldiv.families.asymmetric_laplace import AsymmetricLaplace
from kldiv.families.bernoulli import Bernoulli, BernoulliLogits, ProbitBernoulli
from kldiv.families.beta import Beta
from kldiv.families.beta_binomial import BetaBinomial
from kldiv.families.beta_prime import BetaPrime
from kldiv.families.binomial import Binomial, BinomialLogits
from kldiv.families.categorical import Categorical, CategoricalLogits
from kldiv.families.chi import Chi
from kldiv.families.chi2 import Chi2
from kldiv.families.continuous_bernoulli import ContinuousBernoulli
from kldiv.families.delta import Delta
from kldiv.families.dirichlet import Dirichlet
from kldiv.families.discrete_uniform import DiscreteUniform
from kldiv.families.exp_gamma import ExpGamma, ExpInverseGamma
from kldiv.families.exponential import Exponential
from kldiv.families.frechet import Frechet
from kldiv.families.gamma import Gamma
from kldiv.families.generalized_gamma import GeneralizedGamma
from kldiv.families.generalized_normal import GeneralizedNormal
from kldiv.families.geometric import Geometric
from kldiv.families.gumbel import Gumbel
from kldiv.families.half_cauchy import HalfCauchy
from kldiv.families.half_normal import HalfNormal
from kldiv.families.histogram import Histogram, HistogramLogits
from kldiv.families.independent import Independent
from kldiv.families.inverse_gamma import InverseGamma
from kldiv.families.inverse_gaussian import InverseGaussian
from kldiv.families.kumaraswamy import Kumaraswamy
from kldiv.families.laplace import Laplace
from kldiv.families.levy import Levy
from kldiv.families.lindley import Lindley
from kldiv.families.log_logistic import LogLogistic
from kldiv.families.log_normal import LogNormal
from kldiv.families.log_series import LogSeries
from kldiv.families.log_uniform import LogUniform
from kldiv.families.logistic import Logistic
from kldiv.families.logit_normal import LogitNormal
from kldiv.families.lomax import Lomax
from kldiv.families.markov_chain import MarkovChain
from kldiv.families.matrix_normal import MatrixNormal
from kldiv.families.maxwell import Maxwell
from kldiv.families.mixture import Mixture
from kldiv.families.moyal import Moyal
from kldiv.families.multinomial import Multinomial, MultinomialLogits
from kldiv.families.multivariate_logit_normal import MultivariateLogitNormal
from kldiv.families.multivariate_normal import (
    MultivariateNormal,
    MultivariateNormalDiag,
    MultivariateNormalLowRank,
    MultivariateNormalPrecision,
    MultivariateNormalTriL,
)
from kldiv.families.nakagami import Nakagami
from kldiv.families.negative_binomial import NegativeBinomial
from kldiv.families.normal import Normal, NormalLogVariance
from kldiv.families.normal_gamma import NormalGamma, NormalInverseGamma
from kldiv.families.normal_wishart import NormalInverseWishart, NormalWishart
from kldiv.families.one_hot_categorical import OneHotCategorical, OneHotCategoricalLogits
from kldiv.families.ordered_logistic import OrderedLogistic
from kldiv.families.pareto import Pareto
from kldiv.families.poisson import Poisson
from kldiv.families.power_spherical import PowerSpherical
from kldiv.families.rayleigh import Rayleigh
from kldiv.families.spherical_uniform import SphericalUniform
from kldiv.families.stopping_ratio_logistic import StoppingRatioLogistic
from kldiv.families.student_t import Cauchy, StudentT
from kldiv.families.truncated_normal import TruncatedNormal
from kldiv.families.uniform import Uniform
from kldiv.families.von_mises import VonMises
from kldiv.families.von_mises_fisher import VonMisesFisher
from kldiv.families.weibull import Weibull
from kldiv.families.wishart import InverseWishart, Wishart
from kldiv.families.wrapped_cauchy import WrappedCauchy
from kldiv.families.zeta import Zeta

__all__ = [
    "AsymmetricLaplace",
    "Bernoulli",
    "BernoulliLogits",
    "Beta",
    "BetaBinomial",
    "BetaPrime",
    "Binomial",
    "BinomialLogits",
    "Categorical",
    "CategoricalLogits",
    "Cauchy",
    "Chi",
    "Chi2",
    "ContinuousBernoulli",
    "Delta",
    "Dirichlet",
    "DiscreteUniform",
    "ExpGamma",
    "ExpInverseGamma",
    "Exponential",
    "Frechet",
    "Gamma",
    "GeneralizedGamma",
    "GeneralizedNormal",
    "Geometric",
    "Gumbel",
    "HalfCauchy",
    "HalfNormal",
    "Histogram",
    "HistogramLogits",
    "Independent",
    "InverseGamma",
    "InverseGaussian",
    "InverseWishart",
    "Kumaraswamy",
    "Laplace",
    "Levy",
    "Lindley",
    "LogLogistic",
    "LogNormal",
    "LogSeries",
    "LogUniform",
    "Logistic",
    "LogitNormal",
    "Lomax",
    "MarkovChain",
    "MatrixNormal",
    "Maxwell",
    "Mixture",
    "Moyal",
    "Multinomial",
    "MultinomialLogits",
    "MultivariateLogitNormal",
    "MultivariateNormal",
    "MultivariateNormalDiag",
    "MultivariateNormalLowRank",
    "MultivariateNormalPrecision",
    "MultivariateNormalTriL",
    "Nakagami",
    "NegativeBinomial",
    "Normal",
    "NormalGamma",
    "NormalInverseGamma",
    "NormalInverseWishart",
    "NormalLogVariance",
    "NormalWishart",
    "OneHotCategorical",
    "OneHotCategoricalLogits",
    "OrderedLogistic",
    "Pareto",
    "Poisson",
    "PowerSpherical",
    "ProbitBernoulli",
    "Rayleigh",
    "SphericalUniform",
    "StoppingRatioLogistic",
    "StudentT",
    "TruncatedNormal",
    "Uniform",
    "VonMises",
    "VonMisesFisher",
    "Weibull",
    "Wishart",
    "WrappedCauchy",
    "Zeta",
]
