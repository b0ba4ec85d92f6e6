"""Moment matching: the members of families that have given expectations."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family, FamilyKey, class_of, held_kinds
from kldiv._numerics.edges import log, logit
from kldiv._numerics.spherical import polar
from kldiv.families.bernoulli import Bernoulli, BernoulliLogits
from kldiv.families.beta import Beta
from kldiv.families.beta_prime import BetaPrime
from kldiv.families.binomial import Binomial, BinomialLogits
from kldiv.families.categorical import Categorical, CategoricalLogits
from kldiv.families.dirichlet import Dirichlet
from kldiv.families.exponential import Exponential
from kldiv.families.gamma import Gamma
from kldiv.families.geometric import Geometric
from kldiv.families.half_normal import HalfNormal
from kldiv.families.independent import Independent
from kldiv.families.inverse_gamma import InverseGamma
from kldiv.families.inverse_gaussian import InverseGaussian
from kldiv.families.laplace import Laplace
from kldiv.families.log_normal import LogNormal
from kldiv.families.logit_normal import LogitNormal
from kldiv.families.maxwell import Maxwell
from kldiv.families.multivariate_normal import (
    MultivariateNormal,
    MultivariateNormalDiag,
    MultivariateNormalPrecision,
    MultivariateNormalTriL,
)
from kldiv.families.negative_binomial import NegativeBinomial
from kldiv.families.normal import Normal, NormalLogVariance
from kldiv.families.one_hot_categorical import OneHotCategorical, OneHotCategoricalLogits
from kldiv.families.pareto import Pareto
from kldiv.families.poisson import Poisson
from kldiv.families.rayleigh import Rayleigh
from kldiv.families.von_mises import VonMises
from kldiv.families.von_mises_fisher import VonMisesFisher
from kldiv.fitting.newton import dirichlet_concentration, gamma_concentration, spherical_concentration


class Projection(NamedTuple):
    """How parameters follow from expectations, and from the parameters that are held fixed."""

    needs: tuple[str, ...]
    fixed: tuple[str, ...]
    formula: Callable[..., Family]


projections: dict[type, Projection] = {}


def _projects(
    family: type, *needs: str, fixed: tuple[str, ...] = ()
) -> Callable[[Callable[..., Family]], Callable[..., Family]]:
    """Declare that the decorated function gives the member of a family with the named expectations."""

    def declare(formula: Callable[..., Family]) -> Callable[..., Family]:
        projections[family] = Projection(needs, fixed, formula)
        return formula

    return declare


_projects(Normal, "mean", "variance")(lambda xp, m, v: Normal(m, xp.sqrt(v)))
_projects(NormalLogVariance, "mean", "variance")(lambda xp, m, v: NormalLogVariance(m, log(xp, v)))
_projects(LogNormal, "log", "log_variance")(lambda xp, m, v: LogNormal(m, xp.sqrt(v)))
_projects(Laplace, "median", "deviation")(lambda xp, m, d: Laplace(m, d))
_projects(Exponential, "mean")(lambda xp, m: Exponential(1 / m))
_projects(Poisson, "mean")(lambda xp, m: Poisson(m))
_projects(Geometric, "mean")(lambda xp, m: Geometric(1 / (1 + m)))
_projects(Bernoulli, "mean")(lambda xp, m: Bernoulli(m))
_projects(BernoulliLogits, "mean")(lambda xp, m: BernoulliLogits(logit(xp, m)))
_projects(Binomial, "mean", fixed=("total_count",))(lambda xp, m, n: Binomial(n + 0 * m, m / n))
_projects(BinomialLogits, "mean", fixed=("total_count",))(lambda xp, m, n: BinomialLogits(n + 0 * m, logit(xp, m / n)))
_projects(NegativeBinomial, "mean", fixed=("total_count",))(lambda xp, m, n: NegativeBinomial(n + 0 * m, m / (m + n)))
_projects(Pareto, "log", fixed=("scale",))(lambda xp, m, s: Pareto(s + 0 * m, 1 / (m - xp.log(s))))
_projects(Rayleigh, "mean", "variance")(lambda xp, m, v: Rayleigh(xp.sqrt((v + m * m) / 2)))
_projects(HalfNormal, "mean", "variance")(lambda xp, m, v: HalfNormal(xp.sqrt(v + m * m)))
_projects(Maxwell, "mean", "variance")(lambda xp, m, v: Maxwell(xp.sqrt((v + m * m) / 3)))
_projects(InverseGaussian, "mean", "reciprocal")(lambda xp, m, r: InverseGaussian(m, m / (m * r - 1)))
_projects(LogitNormal, "log", "log_complement", "logit_variance")(lambda xp, a, b, v: LogitNormal(a - b, xp.sqrt(v)))
_projects(Categorical, "classes")(lambda xp, probs: Categorical(probs))
_projects(CategoricalLogits, "classes")(lambda xp, probs: CategoricalLogits(log(xp, probs)))
_projects(OneHotCategorical, "classes")(lambda xp, probs: OneHotCategorical(probs))
_projects(OneHotCategoricalLogits, "classes")(lambda xp, probs: OneHotCategoricalLogits(log(xp, probs)))
_projects(MultivariateNormal, "vector", "covariance")(lambda xp, m, c: MultivariateNormal(m, c))
_projects(MultivariateNormalTriL, "vector", "covariance")(lambda xp, m, c: MultivariateNormalTriL(m, xp.cholesky(c)))
_projects(MultivariateNormalDiag, "vector", "variances")(lambda xp, m, v: MultivariateNormalDiag(m, xp.sqrt(v)))
_projects(Dirichlet, "logs")(lambda xp, logs: Dirichlet(dirichlet_concentration(xp, logs)))


@_projects(MultivariateNormalPrecision, "vector", "covariance")
def _precision(xp: Namespace, mean: Array, covariance: Array) -> Family:
    return MultivariateNormalPrecision(mean, inverse(xp, covariance))


@_projects(Gamma, "mean", "log")
def _gamma(xp: Namespace, mean: Array, log_mean: Array) -> Family:
    a = gamma_concentration(xp, xp.log(mean) - log_mean)
    return Gamma(a, a / mean)


@_projects(InverseGamma, "reciprocal", "log")
def _inverse_gamma(xp: Namespace, reciprocal: Array, log_mean: Array) -> Family:
    return InverseGamma(*_gamma(xp, reciprocal, -log_mean))


def _beta_of(xp: Namespace, log_mean: Array, log_complement: Array) -> tuple[Array, Array]:
    first, second = (xp.asarray_like(unit, log_mean, log_mean.dtype) for unit in ([1.0, 0.0], [0.0, 1.0]))
    a = dirichlet_concentration(xp, log_mean[..., None] * first + log_complement[..., None] * second)
    return a[..., 0], a[..., 1]


@_projects(Beta, "log", "log_complement")
def _beta(xp: Namespace, log_mean: Array, log_complement: Array) -> Family:
    return Beta(*_beta_of(xp, log_mean, log_complement))


@_projects(BetaPrime, "log", "log1p")
def _beta_prime(xp: Namespace, log_mean: Array, log1p_mean: Array) -> Family:
    # x / (1 + x) is a beta variable.
    return BetaPrime(*_beta_of(xp, log_mean - log1p_mean, -log1p_mean))


@_projects(VonMises, "cosine", "sine")
def _von_mises(xp: Namespace, cosine: Array, sine: Array) -> Family:
    length, angle = polar(xp, cosine, sine)
    return VonMises(angle, spherical_concentration(xp, 0.5 * xp.ones_like(length), length))


@_projects(VonMisesFisher, "vector")
def _von_mises_fisher(xp: Namespace, vector: Array) -> Family:
    length = xp.sqrt(xp.sum(vector * vector, axis=-1))
    half = 0.5 * (xp.sum(xp.ones_like(vector), axis=-1) - 1)
    return VonMisesFisher(vector / length[..., None], spherical_concentration(xp, half, length))


def inverse(xp: Namespace, matrix: Array) -> Array:
    """Return the inverse of symmetric positive definite matrices."""
    factor = xp.cholesky(matrix)
    inverse = xp.solve_triangular(factor, xp.tril(xp.triu(xp.ones_like(matrix))))
    return xp.matmul(xp.matrix_transpose(inverse), inverse)


def base_of(kind: FamilyKey) -> tuple[FamilyKey, int]:
    """Return what an `Independent` kind holds in the end, and how many axes it adds to that."""
    axes = 0
    while class_of(kind) is Independent:
        (kind,) = held_kinds(kind)
        axes += 1
    return kind, axes


def wrapped(d: Family, axes: int) -> Family:
    """Return a distribution in as many `Independent` as there are axes."""
    for _ in range(axes):
        d = Independent(d)
    return d
