"""Distributions of TensorFlow Probability, and of its substrate on JAX, which has the same classes."""

from __future__ import annotations

import importlib
from typing import Any

from kldiv import families as f
from kldiv._arrays.namespace import namespace
from kldiv._arrays.protocol import Array
from kldiv._core.family import Family
from kldiv._core.foreign import converter as declare_converter
from kldiv.interop.library import Library, external, require_zero

_SUBSTRATES: dict[str, Library] = {}


def declare_classes(module: str) -> Library:
    """Declare the converters of the substrate that a module belongs to, once."""
    path = "tensorflow_probability"
    if module.startswith("tensorflow_probability.substrates."):
        path = ".".join(module.split(".")[:3])
    if path not in _SUBSTRATES:
        _SUBSTRATES[path] = _declare(importlib.import_module(path).distributions)
    return _SUBSTRATES[path]


def _declare(tfd: Any) -> Library:
    def lacks(p: type, q: type) -> bool:
        return tfd.kullback_leibler._registered_kl(p, q) is None

    def register(p: type, q: type, function: Any) -> None:
        tfd.RegisterKL(p, q)(function)

    library = Library("tfp", _asarray, lacks, register)
    _declare_same(library, tfd)
    _declare_probs_and_logits(library, tfd)
    _declare_numbers(library, tfd)
    _declare_vectors(library, tfd)
    _declare_holders(library, tfd)

    @external(tfd.Distribution)
    def _external(d: Any) -> Family:
        raise TypeError(
            "it has no family; kldiv.estimate takes kldiv.LogDensity(d.log_prob, support=...) for a distribution d"
        )

    return library


def _asarray(x: Any) -> Any:
    import tensorflow as tf

    return x if tf.is_tensor(x) else tf.convert_to_tensor(x)


def _declare_same(library: Library, tfd: Any) -> None:
    for name in (
        *("Beta", "BetaBinomial", "Cauchy", "Chi", "Chi2", "Dirichlet", "Exponential", "GeneralizedNormal", "Gumbel"),
        *("HalfNormal", "InverseGaussian", "Kumaraswamy", "Laplace", "LogLogistic", "LogNormal", "Logistic"),
        *("LogitNormal", "Moyal", "Normal", "OrderedLogistic", "PowerSpherical", "StoppingRatioLogistic", "StudentT"),
        *("TruncatedNormal", "Uniform", "VonMises", "VonMisesFisher", "Weibull"),
    ):
        library.same(getattr(tfd, name), getattr(f, name))
    library.same(tfd.Deterministic, f.Delta, value="loc")
    library.same(tfd.ExpInverseGamma, f.ExpInverseGamma, rate="scale")
    library.same(tfd.InverseGamma, f.InverseGamma, rate="scale")
    library.same(tfd.Pareto, f.Pareto, alpha="concentration")
    library.same(tfd.Zipf, f.Zeta, exponent="power")


def _declare_probs_and_logits(library: Library, tfd: Any) -> None:
    """Declare the classes that are made of probabilities or logits; what was not given is None."""

    def declare(name: str, *first: str) -> None:
        cls, of_probs, of_logits = getattr(tfd, name), getattr(f, name), getattr(f, f"{name}Logits")

        def convert(d: Any) -> Family:
            given, family = (d.logits, of_logits) if d.probs is None else (d.probs, of_probs)
            return family(*[getattr(d, x) for x in first], given)

        library.converter(cls, of_probs, of_logits)(convert)
        library.maker(of_probs)(lambda *x: cls(*x[:-1], probs=x[-1]))
        library.maker(of_logits)(lambda *x: cls(*x[:-1], logits=x[-1]))

    declare("Bernoulli")
    declare("Binomial", "total_count")
    declare("Categorical")
    declare("Multinomial", "total_count")
    declare("OneHotCategorical")

    def declare_probs(name: str, *first: str) -> None:
        cls, family = getattr(tfd, name), getattr(f, name)
        library.converter(cls, family)(lambda d: family(*[getattr(d, x) for x in first], d.probs_parameter()))
        library.maker(family)(lambda *x: cls(*x[:-1], probs=x[-1]))

    declare_probs("ContinuousBernoulli")
    declare_probs("Geometric")
    declare_probs("NegativeBinomial", "total_count")


def _declare_numbers(library: Library, tfd: Any) -> None:
    """Declare the classes of numbers whose parameters may be given in several ways, or may have no place here."""

    @library.converter(tfd.Gamma, f.Gamma)
    def gamma(d: Any) -> Family:
        return f.Gamma(d.concentration, _or_exp(d.rate, d.log_rate))

    @library.converter(tfd.ExpGamma, f.ExpGamma)
    def exp_gamma(d: Any) -> Family:
        return f.ExpGamma(d.concentration, _or_exp(d.rate, d.log_rate))

    @library.converter(tfd.Poisson, f.Poisson)
    def poisson(d: Any) -> Family:
        return f.Poisson(_or_exp(d.rate, d.log_rate))

    @library.converter(tfd.HalfCauchy, f.HalfCauchy)
    def half_cauchy(d: Any) -> Family:
        require_zero(d.loc, "loc")
        return f.HalfCauchy(d.scale)

    @library.converter(tfd.ProbitBernoulli, f.ProbitBernoulli)
    def probit_bernoulli(d: Any) -> Family:
        return f.ProbitBernoulli(d.probits_parameter())

    library.maker(f.Gamma)(tfd.Gamma)
    library.maker(f.ExpGamma)(tfd.ExpGamma)
    library.maker(f.Poisson)(tfd.Poisson)
    library.maker(f.HalfCauchy)(lambda scale: tfd.HalfCauchy(0.0, scale))
    library.maker(f.ProbitBernoulli)(lambda probits: tfd.ProbitBernoulli(probits=probits))
    library.maker(f.NormalLogVariance)(lambda loc, t: tfd.Normal(loc, namespace(t).exp(t / 2)))


def _or_exp(value: Any, logarithm: Any) -> Any:
    return namespace(logarithm).exp(logarithm) if value is None else value


def _declare_vectors(library: Library, tfd: Any) -> None:
    @library.converter(tfd.MultivariateNormalDiag, f.MultivariateNormalDiag)
    def diag(d: Any) -> Family:
        scale = d.scale.diag_part()
        return f.MultivariateNormalDiag(_loc(d, scale), abs(scale))

    @library.converter(tfd.MultivariateNormalTriL, f.MultivariateNormalTriL)
    def tril(d: Any) -> Family:
        factor = _positive_on_diagonal(d.scale.to_dense())
        return f.MultivariateNormalTriL(_loc(d, factor[..., 0]), factor)

    @library.converter(tfd.MultivariateNormalFullCovariance, f.MultivariateNormal)
    def full(d: Any) -> Family:
        matrix = d.parameters["covariance_matrix"]
        matrix = d.covariance() if matrix is None else matrix
        return f.MultivariateNormal(_loc(d, d.covariance()[..., 0]), matrix)

    @library.converter(tfd.MultivariateNormalDiagPlusLowRank, f.MultivariateNormal)
    @library.converter(tfd.MultivariateNormalLinearOperator, f.MultivariateNormal)
    def dense(d: Any) -> Family:
        matrix = d.covariance()
        return f.MultivariateNormal(_loc(d, matrix[..., 0]), matrix)

    @library.converter(tfd.WishartTriL, f.Wishart)
    def wishart(d: Any) -> Family:
        if d.input_output_cholesky:
            raise TypeError("its outcomes are triangular factors of matrices, and those of Wishart the matrices")
        return f.Wishart(d.df, _positive_on_diagonal(d.parameters["scale_tril"]))

    library.maker(f.MultivariateNormal)(tfd.MultivariateNormalFullCovariance)
    library.maker(f.MultivariateNormalDiag)(tfd.MultivariateNormalDiag)
    library.maker(f.MultivariateNormalTriL)(tfd.MultivariateNormalTriL)
    library.maker(f.Wishart)(tfd.WishartTriL)


def _loc(d: Any, like: Array) -> Array:
    return namespace(like).zeros_like(like) if d.loc is None else d.loc


def _positive_on_diagonal(factor: Array) -> Array:
    """Return the triangular factor of the same matrix whose diagonal is positive: columns may change their sign."""
    xp = namespace(factor)
    diagonal = xp.diagonal(factor)
    return factor * xp.where(diagonal < 0, -xp.ones_like(diagonal), xp.ones_like(diagonal))[..., None, :]


def _declare_holders(library: Library, tfd: Any) -> None:
    @library.converter(tfd.VectorDeterministic)
    def vector_deterministic(d: Any) -> Family:
        return f.Independent(f.Delta(d.loc))

    @library.converter(tfd.Independent)
    def independent(d: Any) -> Any:
        base = d.distribution
        for _ in range(int(d.reinterpreted_batch_ndims)):
            base = f.Independent(base)
        return base

    @library.converter(tfd.MixtureSameFamily)
    def mixture(d: Any) -> Family:
        return f.Mixture(d.mixture_distribution.probs_parameter(), d.components_distribution)

    @declare_converter(tfd.Masked)
    def masked(d: Any) -> Family:
        raise TypeError("a masked distribution has no density: take that of its distribution, and mask the divergence")

    library.maker(f.Independent)(lambda base: tfd.Independent(base, 1))
    library.maker(f.Mixture)(lambda probs, components: tfd.MixtureSameFamily(tfd.Categorical(probs=probs), components))


library = declare_classes("tensorflow_probability")
