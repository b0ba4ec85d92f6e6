"""Distributions of PyTorch, `torch.distributions`, and of Pyro, whose classes are derived from them."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import torch
from torch import distributions as td

from kldiv import families as f
from kldiv._core.family import Family
from kldiv.interop.library import Library, external, known_by_its_log_density


def _lacks(p: type, q: type) -> bool:
    dispatch = getattr(td.kl, "_dispatch_kl")  # noqa: B009, as there is no public test
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of several formulas for classes above these
        return dispatch(p, q) is NotImplemented


def _register(p: type, q: type, function: Any) -> None:
    register_kl: Any = td.register_kl  # untyped
    register_kl(p, q)(function)


library = Library("torch", torch.as_tensor, _lacks, _register)
same, converter, maker = library.same, library.converter, library.maker

same(td.Beta, f.Beta)
same(td.Cauchy, f.Cauchy)
same(td.Chi2, f.Chi2)
same(td.ContinuousBernoulli, f.ContinuousBernoulli)
same(td.Dirichlet, f.Dirichlet)
same(td.Exponential, f.Exponential)
same(td.Gamma, f.Gamma)
same(td.Geometric, f.Geometric)
same(td.Gumbel, f.Gumbel)
same(td.HalfCauchy, f.HalfCauchy)
same(td.HalfNormal, f.HalfNormal)
same(td.InverseGamma, f.InverseGamma)
same(td.Kumaraswamy, f.Kumaraswamy)
same(td.Laplace, f.Laplace)
same(td.LogNormal, f.LogNormal)
same(td.LowRankMultivariateNormal, f.MultivariateNormalLowRank)
same(td.NegativeBinomial, f.NegativeBinomial)
same(td.Normal, f.Normal)
same(td.Pareto, f.Pareto)
same(td.Poisson, f.Poisson)
same(td.StudentT, f.StudentT)
same(td.Uniform, f.Uniform)
same(td.VonMises, f.VonMises)
same(td.Weibull, f.Weibull)
same(td.Wishart, f.Wishart)


def _has_probs(d: Any) -> bool:
    """Tell whether a distribution was made of probabilities; torch adds the logits when they are asked for."""
    return d._param is d.__dict__.get("probs")


def _by_probs_or_logits(cls: type, of_probs: type, of_logits: type, *first: str) -> None:
    """Declare the two families of a class that takes probabilities or logits, and the parameters before them."""

    def convert(d: Any) -> Family:
        given, family = (d.probs, of_probs) if _has_probs(d) else (d.logits, of_logits)
        return family(*[getattr(d, name) for name in first], given)

    converter(cls, of_probs, of_logits)(convert)
    maker(of_probs)(lambda *x: cls(*x[:-1], probs=x[-1]))
    maker(of_logits)(lambda *x: cls(*x[:-1], logits=x[-1]))


_by_probs_or_logits(td.Bernoulli, f.Bernoulli, f.BernoulliLogits)
_by_probs_or_logits(td.Binomial, f.Binomial, f.BinomialLogits, "total_count")
_by_probs_or_logits(td.Categorical, f.Categorical, f.CategoricalLogits)


def _of_categorical(d: Any, of_probs: type, of_logits: type, *first: Any) -> Family:
    """Return the distribution whose probabilities are those of the Categorical that a distribution holds."""
    inner = d._categorical
    return of_probs(*first, inner.probs) if _has_probs(inner) else of_logits(*first, inner.logits)


@converter(td.Multinomial, f.Multinomial, f.MultinomialLogits)
def _multinomial(d: Any) -> Family:
    return _of_categorical(d, f.Multinomial, f.MultinomialLogits, d.total_count)


@converter(td.OneHotCategorical, f.OneHotCategorical, f.OneHotCategoricalLogits)
@converter(td.OneHotCategoricalStraightThrough, f.OneHotCategorical, f.OneHotCategoricalLogits)
def _one_hot(d: Any) -> Family:
    return _of_categorical(d, f.OneHotCategorical, f.OneHotCategoricalLogits)


maker(f.Multinomial)(lambda count, probs: td.Multinomial(int(count), probs=probs))
maker(f.MultinomialLogits)(lambda count, logits: td.Multinomial(int(count), logits=logits))
maker(f.OneHotCategorical)(lambda probs: td.OneHotCategorical(probs=probs))
maker(f.OneHotCategoricalLogits)(lambda logits: td.OneHotCategorical(logits=logits))


@converter(td.MultivariateNormal, f.MultivariateNormalTriL, f.MultivariateNormalPrecision, f.MultivariateNormal)
def _multivariate_normal(d: Any) -> Family:
    if "scale_tril" in d.__dict__:
        return f.MultivariateNormalTriL(d.loc, d.scale_tril)
    if "precision_matrix" in d.__dict__:
        return f.MultivariateNormalPrecision(d.loc, d.precision_matrix)
    return f.MultivariateNormal(d.loc, d.covariance_matrix)


maker(f.MultivariateNormal)(lambda loc, matrix: td.MultivariateNormal(loc, covariance_matrix=matrix))
maker(f.MultivariateNormalPrecision)(lambda loc, matrix: td.MultivariateNormal(loc, precision_matrix=matrix))
maker(f.MultivariateNormalTriL)(lambda loc, factor: td.MultivariateNormal(loc, scale_tril=factor))
maker(f.MultivariateNormalDiag)(lambda loc, scale: td.Independent(td.Normal(loc, scale), 1))
maker(f.NormalLogVariance)(lambda loc, log_variance: td.Normal(loc, torch.exp(log_variance / 2)))
maker(f.Wishart)(lambda df, factor: td.Wishart(df, scale_tril=factor))


@converter(td.Independent)
def _independent(d: Any) -> Family:
    base = d.base_dist
    for _ in range(d.reinterpreted_batch_ndims):
        base = f.Independent(base)
    return base


maker(f.Independent)(lambda base: td.Independent(base, 1))


@converter(td.MixtureSameFamily)
def _mixture(d: Any) -> Family:
    return f.Mixture(d.mixture_distribution.probs, d.component_distribution)


maker(f.Mixture)(lambda probs, components: td.MixtureSameFamily(td.Categorical(probs=probs), components))

_SYMMETRIC = (td.Normal, td.Laplace, td.Cauchy, td.StudentT)  # families of a location and a scale


@converter(td.TransformedDistribution)
def _transformed(d: Any) -> Family:
    base: Any = d.base_dist
    for transform in d.transforms:
        base = _mapped(base, transform)
        if base is None:
            return by_log_density(d)
    return base


def _mapped(base: Any, transform: Any) -> Any:
    """Return what a transform makes of a distribution, None if that is of no family."""
    match type(base), type(transform):
        case td.Normal, td.ExpTransform:
            return td.LogNormal(base.loc, base.scale)
        case td.Normal, td.SigmoidTransform:
            return f.LogitNormal(base.loc, base.scale)
        case cls, td.AffineTransform if cls in _SYMMETRIC:
            moved = {"loc": transform.loc + transform.scale * base.loc, "scale": abs(transform.scale) * base.scale}
            return cls(**moved) if cls is not td.StudentT else cls(base.df, **moved)
        case _:
            return None


@external(td.Distribution)
def _external(d: Any) -> Family:
    return by_log_density(d)


def by_log_density(d: Any) -> Family:
    """Return a distribution without a family, as `estimate` takes it."""
    unchecked = copy.copy(d)  # quadrature asks for the density of integers between the integers too
    unchecked._validate_args = False
    constraint = d.support
    tensors = [x for x in d.__dict__.values() if isinstance(x, torch.Tensor) and x.is_floating_point()]
    return known_by_its_log_density(
        unchecked,
        low=getattr(constraint, "lower_bound", None),
        high=getattr(constraint, "upper_bound", None),
        discrete=constraint.is_discrete,
        sample=_sampler(d),
        like=torch.zeros((), dtype=tensors[0].dtype, device=tensors[0].device) if tensors else torch.zeros(()),
        name=type(constraint).__name__.strip("_").lower(),
    )


def _sampler(d: Any) -> Any:
    def sample(n: int, seed: int) -> torch.Tensor:
        with torch.random.fork_rng():  # torch.distributions draws from the global generator, which is left as it was
            torch.manual_seed(seed % 2**63)
            drawn: torch.Tensor = d.sample((n,))
            return drawn

    return sample
