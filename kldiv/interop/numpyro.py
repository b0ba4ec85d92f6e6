"""Distributions of NumPyro."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from numpyro import distributions as nd  # pyright: ignore[reportAttributeAccessIssue]

from kldiv import families as f
from kldiv._core.family import Family
from kldiv._core.foreign import as_family, converter as declare_converter
from kldiv._core.parameters import map_with_axes
from kldiv.interop.library import Library, external, known_by_its_log_density, require_zero


def _lacks(p: type, q: type) -> bool:
    return nd.kl_divergence.dispatch(p, q) is None


def _register(p: type, q: type, function: Any) -> None:
    nd.kl_divergence.register(p, q)(function)


library = Library("numpyro", jnp.asarray, _lacks, _register, mixes_numpy=True)
same, converter, maker = library.same, library.converter, library.maker

same(nd.AsymmetricLaplace, f.AsymmetricLaplace)
same(nd.BernoulliLogits, f.BernoulliLogits)
same(nd.BernoulliProbs, f.Bernoulli)
same(nd.Beta, f.Beta)
same(nd.BetaBinomial, f.BetaBinomial)
same(nd.BinomialLogits, f.BinomialLogits)
same(nd.BinomialProbs, f.Binomial)
same(nd.CategoricalLogits, f.CategoricalLogits)
same(nd.CategoricalProbs, f.Categorical)
same(nd.Cauchy, f.Cauchy)
same(nd.Chi2, f.Chi2)
same(nd.Dirichlet, f.Dirichlet)
same(nd.DiscreteUniform, f.DiscreteUniform)
same(nd.Exponential, f.Exponential)
same(nd.Gamma, f.Gamma)
same(nd.GeometricProbs, f.Geometric)
same(nd.GeometricLogits, f.Geometric)
same(nd.Gumbel, f.Gumbel)
same(nd.HalfCauchy, f.HalfCauchy)
same(nd.HalfNormal, f.HalfNormal)
same(nd.InverseGamma, f.InverseGamma)
same(nd.InverseWishart, f.InverseWishart, df="concentration")
same(nd.Kumaraswamy, f.Kumaraswamy)
same(nd.Laplace, f.Laplace)
same(nd.LogNormal, f.LogNormal)
same(nd.LogUniform, f.LogUniform)
same(nd.Logistic, f.Logistic)
same(nd.LowRankMultivariateNormal, f.MultivariateNormalLowRank)
same(nd.MatrixNormal, f.MatrixNormal, row_scale_tril="scale_tril_row", column_scale_tril="scale_tril_column")
same(nd.MultinomialLogits, f.MultinomialLogits)
same(nd.MultinomialProbs, f.Multinomial)
same(nd.MultivariateNormal, f.MultivariateNormalTriL)
same(nd.NegativeBinomialProbs, f.NegativeBinomial)
same(nd.Normal, f.Normal)
same(nd.Pareto, f.Pareto)
same(nd.Poisson, f.Poisson)
same(nd.StudentT, f.StudentT)
same(nd.Uniform, f.Uniform)
same(nd.VonMises, f.VonMises)
same(nd.Weibull, f.Weibull)
same(nd.Wishart, f.Wishart, df="concentration")

maker(f.MultivariateNormal)(lambda loc, matrix: nd.MultivariateNormal(loc, covariance_matrix=matrix))
maker(f.MultivariateNormalPrecision)(lambda loc, matrix: nd.MultivariateNormal(loc, precision_matrix=matrix))
maker(f.MultivariateNormalDiag)(lambda loc, scale: nd.Normal(loc, scale).to_event(1))
maker(f.NormalLogVariance)(lambda loc, log_variance: nd.Normal(loc, jnp.exp(log_variance / 2)))
maker(f.Delta)(nd.Delta)
maker(f.Levy)(lambda scale: nd.Levy(0.0, scale))
maker(f.TruncatedNormal)(lambda loc, scale, low, high: nd.TruncatedNormal(loc, scale, low=low, high=high))
maker(f.Independent)(lambda base: base.to_event(1))
maker(f.Mixture)(lambda probs, components: nd.MixtureSameFamily(nd.CategoricalProbs(probs), components))


@converter(nd.NegativeBinomialLogits, f.NegativeBinomial)
def _negative_binomial_logits(d: Any) -> Family:
    return f.NegativeBinomial(d.total_count, 1 / (1 + jnp.exp(-d.logits)))


@converter(nd.GammaPoisson, f.NegativeBinomial)
def _gamma_poisson(d: Any) -> Family:
    return f.NegativeBinomial(d.concentration, 1 / (1 + d.rate))


@converter(nd.NegativeBinomial2, f.NegativeBinomial)
def _negative_binomial_2(d: Any) -> Family:
    return f.NegativeBinomial(d.concentration, 1 / (1 + d.rate))


@converter(nd.BetaProportion, f.Beta)
def _beta_proportion(d: Any) -> Family:
    return f.Beta(d.concentration1, d.concentration0)


@converter(nd.Levy, f.Levy)
def _levy(d: Any) -> Family:
    require_zero(d.loc, "loc")
    return f.Levy(d.scale)


@converter(nd.Delta)
def _delta(d: Any) -> Family:
    require_zero(d.log_density, "log_density")
    return _independent_axes(f.Delta(d.v), d.event_dim)


@converter(nd.Independent)
def _independent(d: Any) -> Family:
    return _independent_axes(d.base_dist, d.reinterpreted_batch_ndims)


def _independent_axes(base: Any, count: int) -> Any:
    for _ in range(count):
        base = f.Independent(base)
    return base


@converter(nd.ExpandedDistribution)
def _expanded(d: Any) -> Family:
    """Return the distribution with all parameters of the whole batch."""
    base, batch = as_family(d.base_dist, "the distribution that is expanded"), d.batch_shape

    def expand(x: Any, event_axes: int) -> Any:
        x = jnp.asarray(x)
        return jnp.broadcast_to(x, (*batch, *x.shape[x.ndim - event_axes :])) if x.ndim >= event_axes else x

    return map_with_axes(expand, base)


@converter(nd.MixtureSameFamily)
def _mixture(d: Any) -> Family:
    return f.Mixture(d.mixing_distribution.probs, d.component_distribution)


@converter(nd.TwoSidedTruncatedDistribution)
def _two_sided(d: Any) -> Family:
    return _truncated(d, d.low, d.high)


@converter(nd.LeftTruncatedDistribution)
@converter(nd.RightTruncatedDistribution)
def _one_sided(d: Any) -> Family:
    return known_by_its_log_density(d, **_facts(d))


def _truncated(d: Any, low: Any, high: Any) -> Family:
    base = d.base_dist
    if type(base) is nd.Normal:
        return f.TruncatedNormal(base.loc, base.scale, low, high)
    return known_by_its_log_density(d, **_facts(d))


@declare_converter(nd.MaskedDistribution)
def _masked(d: Any) -> Family:
    raise TypeError("a masked distribution has no density: take that of its base_dist, and mask the divergence")


@external(nd.Distribution)
def _external(d: Any) -> Family:
    return known_by_its_log_density(d, **_facts(d))


def _facts(d: Any) -> dict[str, Any]:
    constraint = d.support
    return {
        "low": getattr(constraint, "lower_bound", None),
        "high": getattr(constraint, "upper_bound", None),
        "discrete": constraint.is_discrete,
        "sample": lambda n, seed: d.sample(jax.random.key(seed % 2**63), (n,)),
        "like": jnp.zeros(()),
        "name": type(constraint).__name__.strip("_").lower(),
    }
