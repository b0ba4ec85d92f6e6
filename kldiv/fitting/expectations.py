"""The expectations that projections are made of: under a distribution, a mixture, or the weighted samples."""

from __future__ import annotations

from collections.abc import Callable

from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family, class_of, held_kinds, kind_of, name_of
from kldiv._core.moments import DESCRIPTIONS as _WORDS, known_expectations
from kldiv._core.parameters import batch_zeros
from kldiv._core.registry import NoClosedForm, conversions_of
from kldiv._numerics.categorical import log_softmax, normalized
from kldiv._numerics.edges import product
from kldiv._numerics.linalg import identity_like, index_like
from kldiv._numerics.special import digamma_gap
from kldiv._numerics.spherical import bessel_ratio, half_dimension, power_mean
from kldiv.families.categorical import Categorical, CategoricalLogits
from kldiv.families.dirichlet import Dirichlet
from kldiv.families.generalized_normal import GeneralizedNormal
from kldiv.families.independent import Independent
from kldiv.families.laplace import Laplace
from kldiv.families.logistic import Logistic
from kldiv.families.mixture import Mixture
from kldiv.families.multivariate_normal import MultivariateNormalTriL
from kldiv.families.normal import Normal
from kldiv.families.power_spherical import PowerSpherical
from kldiv.families.student_t import StudentT
from kldiv.families.uniform import Uniform
from kldiv.families.von_mises import VonMises
from kldiv.families.von_mises_fisher import VonMisesFisher
from kldiv.families.wrapped_cauchy import WrappedCauchy
from kldiv.fitting.newton import weighted_median
from kldiv.fitting.samples import Samples, append_axes

# In words, each with the number of axes that the expectation has.
DESCRIPTIONS: dict[str, tuple[str, int]] = {
    **{name: (words, 0) for name, words in _WORDS.items()},
    "log1p": ("E log(1 + x)", 0),
    "median": ("median", 0),
    "deviation": ("mean distance from the median", 0),
    "cosine": ("E cos x", 0),
    "sine": ("E sin x", 0),
    "vector": ("mean vector", 1),
    "variances": ("variances of the coordinates", 1),
    "covariance": ("covariance matrix", 2),
    "logs": ("E log x_k", 1),
    "classes": ("probabilities of classes", 1),
}
# Of a name, the expectation that it is the spread around: the spread of a mixture has a part between its components.
_CENTRES = {
    "variance": "mean",
    "log_variance": "log",
    "logit_variance": "logit",
    "variances": "vector",
    "covariance": "vector",
}


def _diagonal_matrix(xp: Namespace, x: Array) -> Array:
    return x[..., None] * identity_like(xp, x[..., None] * x[..., None, :])


def _circle(xp: Namespace, kappa: Array) -> Array:
    return bessel_ratio(xp, 0.5 * xp.ones_like(kappa), kappa)


def _unit(xp: Namespace, x: Array) -> Array:
    return x / xp.sqrt(xp.sum(x * x, axis=-1, keepdims=True))


def _mean_logs(xp: Namespace, a: Array, total: Array) -> Array:
    # digamma(a) - digamma(total)
    return digamma_gap(xp, total) - digamma_gap(xp, a) + xp.log(a / total)


# What families know beyond what the moment rule asks for, by the names of `WORDS`.
_KNOWN: dict[type, dict[str, Callable[..., Array]]] = {
    Normal: {"median": lambda xp, loc, scale: loc},
    Laplace: {"median": lambda xp, loc, scale: loc},
    Logistic: {"median": lambda xp, loc, scale: loc},
    StudentT: {"median": lambda xp, df, loc, scale: loc},
    GeneralizedNormal: {"median": lambda xp, loc, scale, power: loc},
    Uniform: {"median": lambda xp, low, high: low + 0.5 * (high - low)},
    VonMises: {
        "cosine": lambda xp, loc, kappa: _circle(xp, kappa) * xp.cos(loc),
        "sine": lambda xp, loc, kappa: _circle(xp, kappa) * xp.sin(loc),
    },
    WrappedCauchy: {
        "cosine": lambda xp, loc, rho: rho * xp.cos(loc),
        "sine": lambda xp, loc, rho: rho * xp.sin(loc),
    },
    VonMisesFisher: {
        "vector": lambda xp, mu, kappa: bessel_ratio(xp, half_dimension(xp, mu), kappa)[..., None] * _unit(xp, mu)
    },
    PowerSpherical: {
        "vector": lambda xp, mu, kappa: power_mean(xp, half_dimension(xp, mu), kappa)[..., None] * _unit(xp, mu)
    },
    MultivariateNormalTriL: {
        "vector": lambda xp, loc, tril: loc,
        "covariance": lambda xp, loc, tril: xp.matmul(tril, xp.matrix_transpose(tril)),
        "variances": lambda xp, loc, tril: xp.sum(tril * tril, axis=-1),
    },
    Dirichlet: {
        "vector": lambda xp, a: normalized(xp, a),
        "logs": lambda xp, a: _mean_logs(xp, a, xp.sum(a, axis=-1, keepdims=True)),
    },
    Categorical: {"classes": lambda xp, probs: normalized(xp, probs)},
    CategoricalLogits: {"classes": lambda xp, logits: xp.exp(log_softmax(xp, logits))},
}
# The same of the coordinates that an `Independent` distribution is made of.
_MARGINALS = {"mean": "vector", "variance": "variances"}


def moment(xp: Namespace, d: Family, name: str, marginals: int = 0) -> Array:
    """Return an expectation under a distribution; with `marginals`, of coordinates that so many `Independent` hold.

    Raises NoClosedForm if it is not known.
    """
    if type(d) is Mixture:
        return _of_mixture(xp, d, name, marginals)
    if name == "logit":
        return moment(xp, d, "log", marginals) - moment(xp, d, "log_complement", marginals)
    if type(d) is Independent:
        return _of_coordinates(xp, d, name, marginals)
    if marginals == 1 and name in _MARGINALS:
        return moment(xp, d, _MARGINALS[name])
    kind = kind_of(d)
    known = {**known_expectations(kind), **_KNOWN.get(class_of(kind), {})}
    if name == "deviation" and "median" in known and "distance" in known:
        return known["distance"](xp, known["median"](xp, *d), *d)
    if name == "log1p" and name in known:
        return known[name](xp, xp.ones_like(batch_zeros(xp, d)), *d)
    if name in known and not (name == "cosine" and class_of(kind) not in _KNOWN):
        return known[name](xp, *d)
    for conversion in conversions_of(kind):
        if conversion.shared is None:
            try:
                return moment(xp, conversion.apply(xp, d), name, marginals)
            except NoClosedForm:
                continue
    raise NoClosedForm(f"{name_of(kind)} does not know its {DESCRIPTIONS[name][0]}")


def _of_coordinates(xp: Namespace, d: Family, name: str, marginals: int) -> Array:
    (inner,) = held_kinds(kind_of(d))
    if marginals:
        return moment(xp, d.base, name, marginals - 1)
    if name == "vector":
        return moment(xp, d.base, "mean") + batch_zeros(xp, d.base)
    if name in ("variances", "covariance"):
        variances = moment(xp, d.base, "variance") + batch_zeros(xp, d.base)
        return variances if name == "variances" else _diagonal_matrix(xp, variances)
    raise NoClosedForm(f"{name_of((Independent, inner))} does not know its {DESCRIPTIONS[name][0]}")


def _of_mixture(xp: Namespace, d: Family, name: str, marginals: int) -> Array:
    axes = marginals + (DESCRIPTIONS[name][1] if name in DESCRIPTIONS else 0)
    probs = normalized(xp, d.probs)
    zeros = batch_zeros(xp, d.components)

    def mean(values: Array, axes: int) -> Array:
        return xp.sum(product(xp, append_axes(probs, axes), values), axis=-1 - axes)

    def of_components(name: str, axes: int) -> Array:
        return moment(xp, d.components, name, marginals) + append_axes(zeros, axes)

    if name in ("median", "deviation"):
        raise NoClosedForm("Mixture does not know its median; project samples of it, or use kldiv.fit")
    within = mean(of_components(name, axes), axes)
    if name not in _CENTRES:
        return within
    rank = 1 if name == "covariance" else axes
    centres = of_components(_CENTRES[name], rank)
    off = centres - mean(centres, rank)[(..., None, *[slice(None)] * rank)]
    squares = off[..., :, None] * off[..., None, :] if name == "covariance" else off * off
    return within + mean(squares, axes)


# -------------------------------------------------------------------------------------------------------------- samples


def _average(xp: Namespace, samples: Samples, values: Array) -> Array:
    weights = append_axes(samples.weights, len(xp.shape(values)) - len(xp.shape(samples.weights)))
    total = xp.sum(weights, axis=0)
    return xp.sum(weights * values, axis=0) / total


def _spread(xp: Namespace, samples: Samples, values: Array) -> Array:
    off = values - _average(xp, samples, values)
    return _average(xp, samples, off * off)


def _covariance(xp: Namespace, samples: Samples) -> Array:
    off = samples.values - _average(xp, samples, samples.values)
    if len(xp.shape(off)) == 2:
        weights = (samples.weights / xp.sum(samples.weights, axis=0))[:, None]
        return xp.matmul(xp.matrix_transpose(off * weights), off)
    return _average(xp, samples, off[..., :, None] * off[..., None, :])


def _median(xp: Namespace, samples: Samples) -> Array:
    weights = append_axes(samples.weights, len(xp.shape(samples.values)) - len(xp.shape(samples.weights)))
    return weighted_median(xp, samples.values, weights + xp.zeros_like(samples.values))


def _logit(xp: Namespace, x: Array) -> Array:
    return xp.log(x) - xp.log1p(-x)


_OF_SAMPLES: dict[str, Callable[[Namespace, Samples], Array]] = {
    "mean": lambda xp, s: _average(xp, s, s.values),
    "variance": lambda xp, s: _spread(xp, s, s.values),
    "log": lambda xp, s: _average(xp, s, xp.log(s.values)),
    "log_variance": lambda xp, s: _spread(xp, s, xp.log(s.values)),
    "log_complement": lambda xp, s: _average(xp, s, xp.log1p(-s.values)),
    "logit_variance": lambda xp, s: _spread(xp, s, _logit(xp, s.values)),
    "log1p": lambda xp, s: _average(xp, s, xp.log1p(s.values)),
    "reciprocal": lambda xp, s: _average(xp, s, 1 / s.values),
    "median": _median,
    "deviation": lambda xp, s: _average(xp, s, xp.abs(s.values - _median(xp, s))),
    "cosine": lambda xp, s: _average(xp, s, xp.cos(s.values)),
    "sine": lambda xp, s: _average(xp, s, xp.sin(s.values)),
    "vector": lambda xp, s: _average(xp, s, s.values),
    "variances": lambda xp, s: _spread(xp, s, s.values),
    "covariance": _covariance,
    "logs": lambda xp, s: _average(xp, s, xp.log(s.values)),
    "classes": lambda xp, s: _average(xp, s, s.values),  # of one-hot vectors
}


def one_hot(xp: Namespace, classes: Array, count: int) -> Array:
    """Return one-hot vectors for the numbers of `count` classes."""
    index = index_like(xp, xp.asarray_like([0.0] * count, classes, classes.dtype))
    return xp.where(index == classes[..., None], xp.ones_like(index), 0.0)


def of_samples(xp: Namespace, samples: Samples, name: str) -> Array:
    """Return an expectation under the empirical distribution of samples."""
    return _OF_SAMPLES[name](xp, samples)
