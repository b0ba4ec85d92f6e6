"""Distributions of SciPy: frozen ones, those made of a class such as `scipy.stats.Normal`, and densities of samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from kldiv import families as f
from kldiv._core.family import Family
from kldiv._core.foreign import converter
from kldiv.domains import Support
from kldiv.estimation.log_density import LogDensity
from kldiv.interop.library import Library, require_zero

# The stubs of SciPy take their arguments for integers.
_multivariate_normal: Any = stats.multivariate_normal
_vonmises_fisher: Any = stats.vonmises_fisher


def _has_no_divergence(*_: Any) -> Any:
    raise TypeError("SciPy has no divergence of distributions that others could extend")


library = Library("scipy", np.asarray, _has_no_divergence, _has_no_divergence)
maker = library.maker

# The families of numbers, by SciPy's names: from the shape parameters, the location and the scale.
_LOCATED: dict[str, Callable[..., Family]] = {
    "cauchy": lambda loc, scale: f.Cauchy(loc, scale),
    "gennorm": lambda beta, loc, scale: f.GeneralizedNormal(loc, scale, beta),
    "gumbel_r": lambda loc, scale: f.Gumbel(loc, scale),
    "laplace": lambda loc, scale: f.Laplace(loc, scale),
    "laplace_asymmetric": lambda kappa, loc, scale: f.AsymmetricLaplace(loc, scale, kappa),
    "logistic": lambda loc, scale: f.Logistic(loc, scale),
    "moyal": lambda loc, scale: f.Moyal(loc, scale),
    "norm": lambda loc, scale: f.Normal(loc, scale),
    "t": lambda df, loc, scale: f.StudentT(df, loc, scale),
    "truncnorm": lambda a, b, loc, scale: f.TruncatedNormal(loc, scale, loc + a * scale, loc + b * scale),
    "uniform": lambda loc, scale: f.Uniform(loc, loc + scale),
}
_SCALED: dict[str, Callable[..., Family]] = {  # those on the positive numbers, which have no location here
    "chi2": lambda df, scale: f.Gamma(df / 2, 0.5 / scale),
    "erlang": lambda a, scale: f.Gamma(a, 1 / scale),
    "expon": lambda scale: f.Exponential(1 / scale),
    "fisk": lambda c, scale: f.LogLogistic(np.log(scale), 1 / c),
    "gamma": lambda a, scale: f.Gamma(a, 1 / scale),
    "gengamma": lambda a, c, scale: f.GeneralizedGamma(scale, a * c, c),
    "halfcauchy": lambda scale: f.HalfCauchy(scale),
    "halfnorm": lambda scale: f.HalfNormal(scale),
    "invgamma": lambda a, scale: f.InverseGamma(a, scale),
    "invgauss": lambda mu, scale: f.InverseGaussian(mu * scale, scale),
    "invweibull": lambda c, scale: f.Frechet(scale, c),
    "levy": lambda scale: f.Levy(scale),
    "lognorm": lambda s, scale: f.LogNormal(np.log(scale), s),
    "lomax": lambda c, scale: f.Lomax(scale, c),
    "loguniform": lambda a, b, scale: f.LogUniform(a * scale, b * scale),
    "maxwell": lambda scale: f.Maxwell(scale),
    "nakagami": lambda nu, scale: f.Nakagami(nu, scale**2),
    "pareto": lambda b, scale: f.Pareto(scale, b),
    "rayleigh": lambda scale: f.Rayleigh(scale),
    "reciprocal": lambda a, b, scale: f.LogUniform(a * scale, b * scale),
    "wald": lambda scale: f.InverseGaussian(scale, scale),
    "weibull_min": lambda c, scale: f.Weibull(scale, c),
}
_PLAIN: dict[str, Callable[..., Family]] = {  # those whose location is 0 and whose scale is 1
    "arcsine": lambda: f.Beta(0.5, 0.5),
    "bernoulli": lambda p: f.Bernoulli(p),
    "beta": lambda a, b: f.Beta(a, b),
    "betabinom": lambda n, a, b: f.BetaBinomial(n, a, b),
    "betaprime": lambda a, b: f.BetaPrime(a, b),
    "binom": lambda n, p: f.Binomial(n, p),
    "chi": lambda df: f.Chi(df),
    "logser": lambda p: f.LogSeries(p),
    "nbinom": lambda n, p: f.NegativeBinomial(n, 1 - np.asarray(p)),
    "poisson": lambda mu: f.Poisson(mu),
    "powerlaw": lambda a: f.Beta(a, 1.0),
    "zipf": lambda a: f.Zeta(a),
}


def _frozen(d: Any) -> Family:
    """Return the distribution that a frozen one is; its parameters are those that it was frozen with."""
    shapes, loc, scale = d.dist._parse_args(*d.args, **d.kwds)
    name, shapes = d.dist.name, [np.asarray(x) if np.ndim(x) else x for x in shapes]
    if name in _LOCATED:
        return _LOCATED[name](*shapes, loc, scale)
    if name in _SCALED:
        require_zero(loc, "loc")
        return _SCALED[name](*shapes, scale)
    if name in _PLAIN:
        require_zero(loc, "loc")
        require_zero(np.asarray(scale) - 1, "scale - 1")
        return _PLAIN[name](*shapes)
    return _others(d, name, shapes, loc, scale)


def _others(d: Any, name: str, shapes: list[Any], loc: Any, scale: Any) -> Family:
    match name:
        case "geom":  # the number of trials, which begins at 1
            require_zero(np.asarray(loc) + 1, "loc + 1")
            return f.Geometric(shapes[0])
        case "loggamma":
            require_zero(np.asarray(scale) - 1, "scale - 1")
            return f.ExpGamma(shapes[0], np.exp(-np.asarray(loc)))
        case "randint":
            low, high = shapes
            return f.DiscreteUniform(low + loc, high + loc - 1)
        case "vonmises" | "wrapcauchy":
            require_zero(np.asarray(scale) - 1, "scale - 1")
            return (f.VonMises if name == "vonmises" else f.WrappedCauchy)(loc, *shapes)
        case _:
            return _by_log_density(d)


def _by_log_density(d: Any) -> Family:
    """Return a frozen distribution of numbers without a family, as `estimate` takes it."""
    low, high = (np.asarray(end, dtype=float) for end in d.support())
    if low.ndim or high.ndim:
        raise TypeError(f"it has no family, and without one a batch, of shape {low.shape}, cannot be taken")
    discrete = hasattr(d.dist, "pmf")
    if discrete and low == -np.inf:
        raise TypeError("it has no family, and its outcomes are integers without a smallest one")
    return LogDensity(
        d.logpmf if discrete else d.logpdf,
        support=Support("integers" if discrete else "line", float(low), float(high)),
        sampler=lambda n, seed: np.asarray(d.rvs(n, random_state=seed % 2**32), dtype=float),
    )


for _example in (stats.norm(), stats.poisson(1.0)):
    converter(type(_example))(_frozen)
converter(type(stats.multivariate_normal([0.0])))(lambda d: f.MultivariateNormal(d.mean, d.cov))
converter(type(stats.dirichlet([1.0, 1.0])))(lambda d: f.Dirichlet(d.alpha))
converter(type(stats.multinomial(1, [1.0])))(lambda d: f.Multinomial(d.n, d.p))
converter(type(stats.wishart(2, 1.0)))(lambda d: f.Wishart(d.df, np.linalg.cholesky(d.scale)))
converter(type(stats.invwishart(2, 1.0)))(lambda d: f.InverseWishart(d.df, np.linalg.cholesky(d.scale)))
converter(type(_vonmises_fisher([1.0, 0.0], 1.0)))(lambda d: f.VonMisesFisher(d.mu, d.kappa))
converter(type(stats.matrix_normal()))(
    lambda d: f.MatrixNormal(d.mean, np.linalg.cholesky(d.rowcov), np.linalg.cholesky(d.colcov))
)


@converter(stats.rv_histogram)
def _histogram(d: Any) -> Family:
    """Return the density that is constant between the edges."""
    counts, edges = d._histogram
    masses = np.asarray(counts, dtype=float) * (np.diff(edges) if d._density else 1.0)
    return f.Histogram(edges, masses / masses.sum())


@converter(stats.gaussian_kde)
def _gaussian_kde(d: Any) -> Family:
    """Return the mixture of one normal distribution for each sample."""
    points = d.dataset.T
    if points.shape[1] == 1:
        return f.Mixture(d.weights, f.Normal(points[:, 0], math.sqrt(d.covariance[0, 0])))
    return f.Mixture(d.weights, f.MultivariateNormal(points, d.covariance))


_CLASSES: dict[str, Callable[[Any], Family]] = {
    "Binomial": lambda d: f.Binomial(d.n, d.p),
    "Normal": lambda d: f.Normal(d.mu, d.sigma),
    "Uniform": lambda d: f.Uniform(d.a, d.b),
}
for _name in _CLASSES.keys() & vars(stats).keys():  # which of these there are depends on SciPy's version
    converter(getattr(stats, _name))(_CLASSES[_name])
if hasattr(stats, "Normal"):
    converter(type(stats.Normal()))(_CLASSES["Normal"])  # the standard one, of a class of its own

maker(f.Beta)(stats.beta)
maker(f.Bernoulli)(stats.bernoulli)
maker(f.BetaBinomial)(stats.betabinom)
maker(f.BetaPrime)(stats.betaprime)
maker(f.Binomial)(stats.binom)
maker(f.Cauchy)(stats.cauchy)
maker(f.Chi)(stats.chi)
maker(f.Chi2)(stats.chi2)
maker(f.Dirichlet)(stats.dirichlet)
maker(f.DiscreteUniform)(lambda low, high: stats.randint(low, high + 1))
maker(f.ExpGamma)(lambda a, rate: stats.loggamma(a, loc=-np.log(rate)))
maker(f.Exponential)(lambda rate: stats.expon(scale=1 / rate))
maker(f.Frechet)(lambda scale, c: stats.invweibull(c, scale=scale))
maker(f.Gamma)(lambda a, rate: stats.gamma(a, scale=1 / rate))
maker(f.GeneralizedGamma)(lambda scale, d, p: stats.gengamma(d / p, p, scale=scale))
maker(f.GeneralizedNormal)(lambda loc, scale, power: stats.gennorm(power, loc, scale))
maker(f.Geometric)(lambda probs: stats.geom(probs, loc=-1))
maker(f.Gumbel)(stats.gumbel_r)
maker(f.HalfCauchy)(lambda scale: stats.halfcauchy(scale=scale))
maker(f.HalfNormal)(lambda scale: stats.halfnorm(scale=scale))
maker(f.InverseGamma)(lambda a, rate: stats.invgamma(a, scale=rate))
maker(f.InverseGaussian)(lambda loc, c: stats.invgauss(loc / c, scale=c))
maker(f.InverseWishart)(lambda df, factor: stats.invwishart(float(df), factor @ factor.T))
maker(f.AsymmetricLaplace)(lambda loc, scale, kappa: stats.laplace_asymmetric(kappa, loc, scale))
maker(f.Laplace)(stats.laplace)
maker(f.Levy)(lambda scale: stats.levy(scale=scale))
maker(f.LogLogistic)(lambda loc, scale: stats.fisk(1 / scale, scale=np.exp(loc)))
maker(f.LogNormal)(lambda loc, scale: stats.lognorm(scale, scale=np.exp(loc)))
maker(f.LogSeries)(stats.logser)
maker(f.LogUniform)(stats.loguniform)
maker(f.Logistic)(stats.logistic)
maker(f.Lomax)(lambda scale, alpha: stats.lomax(alpha, scale=scale))
maker(f.Maxwell)(lambda scale: stats.maxwell(scale=scale))
maker(f.MatrixNormal)(lambda loc, rows, columns: stats.matrix_normal(loc, rows @ rows.T, columns @ columns.T))
maker(f.Multinomial)(lambda count, probs: stats.multinomial(int(count), probs))
maker(f.Moyal)(stats.moyal)
maker(f.MultivariateNormal)(stats.multivariate_normal)
maker(f.MultivariateNormalDiag)(lambda loc, scale: _multivariate_normal(loc, np.diag(scale**2)))
maker(f.MultivariateNormalTriL)(lambda loc, factor: stats.multivariate_normal(loc, factor @ factor.T))
maker(f.Nakagami)(lambda m, w: stats.nakagami(m, scale=np.sqrt(w)))
maker(f.NegativeBinomial)(lambda n, probs: stats.nbinom(n, 1 - probs))
maker(f.Normal)(stats.norm)
maker(f.NormalLogVariance)(lambda loc, t: stats.norm(loc, np.exp(t / 2)))
maker(f.Pareto)(lambda scale, alpha: stats.pareto(alpha, scale=scale))
maker(f.Poisson)(stats.poisson)
maker(f.Rayleigh)(lambda scale: stats.rayleigh(scale=scale))
maker(f.StudentT)(stats.t)
maker(f.TruncatedNormal)(lambda m, s, low, high: stats.truncnorm((low - m) / s, (high - m) / s, m, s))
maker(f.Uniform)(lambda low, high: stats.uniform(low, high - low))
maker(f.VonMises)(lambda loc, kappa: stats.vonmises(kappa, loc))
maker(f.VonMisesFisher)(lambda mu, kappa: _vonmises_fisher(mu, float(kappa)))
maker(f.Weibull)(lambda scale, c: stats.weibull_min(c, scale=scale))
maker(f.Wishart)(lambda df, factor: stats.wishart(float(df), factor @ factor.T))
maker(f.WrappedCauchy)(lambda loc, c: stats.wrapcauchy(c, loc))
maker(f.Zeta)(stats.zipf)
