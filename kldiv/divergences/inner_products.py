"""Divergences that are inner products: sum_k a_k(P) b_k(Q) + c(P) + c(Q). All pairs take one product of matrices.

Such a sum cancels where P approaches Q. Each form therefore tells how large its terms are, from which follows the error
of the sum, and `kldiv.pairwise` computes the pairs again for which that is too much. Forms need not handle extremes
either: what is nan or infinite is computed again too. Here arrays are NumPy's, in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
from scipy import special

from kldiv._core.family import Family, FamilyKey, as_kind, class_of, held_kinds
from kldiv._core.registry import Path, convert
from kldiv._core.search import reachable
from kldiv._numerics.wishart import log_multigamma
from kldiv.backends import numpy as xp
from kldiv.families.bernoulli import Bernoulli, BernoulliLogits
from kldiv.families.categorical import Categorical, CategoricalLogits
from kldiv.families.dirichlet import Dirichlet
from kldiv.families.exponential import Exponential
from kldiv.families.gamma import Gamma
from kldiv.families.geometric import Geometric
from kldiv.families.independent import Independent
from kldiv.families.multivariate_normal import MultivariateNormalDiag, MultivariateNormalTriL
from kldiv.families.normal import Normal
from kldiv.families.poisson import Poisson
from kldiv.families.wishart import Wishart

Array: TypeAlias = Any  # numpy.ndarray


class Side(NamedTuple):
    """What the inner products take from the distributions on one side, a row for each."""

    features: Array  # a_k or b_k along the last axis
    constant: Array
    size: Array  # a bound on the sum of the absolute values of the terms that `constant` is made of
    edge: Array | None = None  # of P, where a feature is positive; of Q, where it should be inf, for which it has 0
    weight: Array | float = 1.0  # by how much more than by rounding once the features are wrong


class Form(NamedTuple):
    """How to get the two sides from the parameters of P and Q, which have one shape but for the number of rows."""

    sides: Callable[[Family, Family], tuple[Side, Side]]
    # Whether the sizes, of P and of Q, bound the products too, up to a multiple of the divergence. Otherwise the sum of
    # their absolute values is computed.
    bounded: bool


Sides = TypeVar("Sides", bound=Callable[..., tuple[Side, Side]])
_forms: dict[FamilyKey, Form] = {}


def inner_products(family: FamilyKey, *, bounded: bool = False) -> Callable[[Sides], Sides]:
    """Declare the decorated function of the parameters of P, then of Q, to be the form of a family with itself."""

    def declare(function: Sides) -> Sides:
        _forms[as_kind(family)] = Form(lambda p, q: function(*p, *q), bounded)
        return function

    return declare


def find_form(p: FamilyKey, q: FamilyKey) -> Form | None:
    """Return the form of a pair of kinds, perhaps by conversions; None if it has none."""
    for find in (_declared_form, _form_of_components):
        for at_p, at_q, path in reachable(p, q):
            form = find(at_p, at_q)
            if form is not None:
                return _along(path, form)
    return None


def _along(path: Path, form: Form) -> Form:
    """Return the form that converts along `path` and then applies another."""
    return form._replace(sides=lambda a, b: form.sides(convert(xp, path, a, 0), convert(xp, path, b, 1)))


def _declared_form(p: FamilyKey, q: FamilyKey) -> Form | None:
    return _forms.get(p) if p == q else None


def _form_of_components(p: FamilyKey, q: FamilyKey) -> Form | None:
    """Return the form of vectors of independent components from that of the components."""
    if class_of(p) is not Independent or class_of(q) is not Independent:
        return None
    inner = find_form(*held_kinds(p), *held_kinds(q))
    if inner is None:
        return None

    def sides(a: Family, b: Family) -> tuple[Side, Side]:
        side_p, side_q = inner.sides(a.base, b.base)
        components = max(side_p.features.shape[-2], side_q.features.shape[-2])
        return _merged(side_p, components), _merged(side_q, components)

    return inner._replace(sides=sides)


def _merged(side: Side, components: int) -> Side:
    """Return the side of vectors from that of their components, which are the rows along the last axis."""

    def flat(x: Array) -> Array:
        x = np.broadcast_to(x, (*x.shape[:-2], components, x.shape[-1]))
        return x.reshape(*x.shape[:-2], -1)

    def total(x: Array) -> Array:
        return np.broadcast_to(x, (*x.shape[:-1], components)).sum(-1)

    edge = None if side.edge is None else flat(side.edge)
    weight = np.max(np.broadcast_to(side.weight, side.constant.shape), axis=-1)
    return Side(flat(side.features), total(side.constant), total(side.size), edge, weight)


def _mean(x: Array) -> Array:
    """Return the mean over all rows of what is finite."""
    rows = tuple(range(x.ndim - 1))
    finite = np.isfinite(x)
    mean: Array = np.where(finite, x, 0.0).sum(rows) / np.maximum(finite.sum(rows), 1)
    return mean


def _columns(*features: Array) -> Array:
    return np.stack(np.broadcast_arrays(*features), axis=-1)


# ---------------------------------------------------------------------------------------------------------- categorical


@inner_products(Categorical, bounded=True)
def categorical_products(probs_p: Array, probs_q: Array) -> tuple[Side, Side]:
    """sum_k p_k log p_k - sum_k p_k log q_k."""
    p = probs_p / probs_p.sum(-1, keepdims=True)
    logs = np.log(np.where(probs_q == 0, 1.0, probs_q)) - np.log(probs_q.sum(-1, keepdims=True))
    return _entropy_side(p, (p * np.log(np.where(p == 0, 1.0, p))).sum(-1)), _log_side(logs, probs_q == 0)


@inner_products(CategoricalLogits, bounded=True)
def categorical_logits_products(logits_p: Array, logits_q: Array) -> tuple[Side, Side]:
    """sum_k p_k log p_k - sum_k p_k log q_k."""
    p, logs_p = _softmax(logits_p)
    # The exponential multiplies the rounding error of its argument.
    steepness = 1 + np.max(np.where(p > 0, -logs_p, 0.0), axis=-1) / 16
    side = _entropy_side(p, np.where(p > 0, p * logs_p, 0.0).sum(-1))
    return side._replace(size=side.size * steepness), _log_side(_softmax(logits_q)[1], logits_q == -np.inf)


def _softmax(logits: Array) -> tuple[Array, Array]:
    logs = logits - logits.max(-1, keepdims=True)
    weights = np.exp(logs)
    total = weights.sum(-1, keepdims=True)
    logs -= np.log(total)
    weights /= total
    return weights, logs


def _entropy_side(p: Array, constant: Array) -> Side:
    # -sum p log q is the entropy and the divergence.
    return Side(p, constant, 1 - 2 * constant, p > 0)


def _log_side(logs: Array, vanishes: Array) -> Side:
    zero = np.zeros(logs.shape[:-1])
    return Side(np.where(vanishes, 0.0, -logs), zero, zero, vanishes)


@inner_products(Bernoulli, bounded=True)
def bernoulli_products(probs_p: Array, probs_q: Array) -> tuple[Side, Side]:
    """sum_k p_k log p_k - sum_k p_k log q_k, for the two outcomes k."""
    p = _columns(probs_p, 1 - probs_p)
    logs_p, logs_q = (_columns(np.log(x), np.log1p(-x)) for x in (probs_p, probs_q))
    entropy = np.where(p > 0, p * logs_p, 0.0).sum(-1)
    return _entropy_side(p, entropy), _log_side(logs_q, logs_q == -np.inf)


@inner_products(BernoulliLogits, bounded=True)
def bernoulli_logits_products(logits_p: Array, logits_q: Array) -> tuple[Side, Side]:
    """sum_k p_k log p_k - sum_k p_k log q_k, for the two outcomes k."""
    p = special.expit(_columns(logits_p, -logits_p))
    logs_p, logs_q = (special.log_expit(_columns(x, -x)) for x in (logits_p, logits_q))
    entropy = np.where(p > 0, p * logs_p, 0.0).sum(-1)
    return _entropy_side(p, entropy), _log_side(logs_q, logs_q == -np.inf)


# --------------------------------------------------------------------------------------------------------------- counts


@inner_products(Poisson)
def poisson_products(rate_p: Array, rate_q: Array) -> tuple[Side, Side]:
    """r_p log r_p - r_p - r_p log r_q + r_q."""
    rate_log_rate = special.xlogy(rate_p, rate_p)
    vanishes = rate_q == 0
    return (
        Side(rate_p[..., None], rate_log_rate - rate_p, np.abs(rate_log_rate) + rate_p, rate_p[..., None] > 0),
        Side(-np.log(np.where(vanishes, 1.0, rate_q))[..., None], rate_q, rate_q, vanishes[..., None]),
    )


@inner_products(Geometric)
def geometric_products(probs_p: Array, probs_q: Array) -> tuple[Side, Side]:
    """log p + m log(1 - p) - m log(1 - q) - log q, with the mean m = (1 - p) / p."""
    mean = (1 - probs_p) / probs_p
    first, second = np.log(probs_p), special.xlog1py(mean, -probs_p)
    log, vanishes = np.log(probs_q), probs_q == 1
    return (
        Side(mean[..., None], first + second, np.abs(first) + np.abs(second), mean[..., None] > 0),
        Side(-np.log1p(-np.where(vanishes, 0.0, probs_q))[..., None], -log, np.abs(log), vanishes[..., None]),
    )


# ---------------------------------------------------------------------------------------------------------------- gamma


@inner_products(Exponential)
def exponential_products(rate_p: Array, rate_q: Array) -> tuple[Side, Side]:
    """r_q / r_p + log r_p - 1 - log r_q."""
    log_p, log_q = np.log(rate_p), np.log(rate_q)
    return (
        Side((1 / rate_p)[..., None], log_p - 1, np.abs(log_p) + 1),
        Side(rate_q[..., None], -log_q, np.abs(log_q)),
    )


@inner_products(Gamma)
def gamma_products(a_p: Array, b_p: Array, a_q: Array, b_q: Array) -> tuple[Side, Side]:
    """a_p psi(a_p) - lgamma(a_p) - a_p + lgamma(a_q) - a_q log b_q - a_q E log x + b_q E x."""
    psi, log_q = special.digamma(a_p), a_q * np.log(b_q)
    first, second, third = a_p * psi, special.gammaln(a_p), special.gammaln(a_q)
    return (
        Side(_columns(psi - np.log(b_p), a_p / b_p), first - second - a_p, np.abs(first) + np.abs(second) + a_p),
        Side(_columns(-a_q, b_q), third - log_q, np.abs(third) + np.abs(log_q)),
    )


@inner_products(Dirichlet)
def dirichlet_products(a_p: Array, a_q: Array) -> tuple[Side, Side]:
    """sum_k (a_p_k - a_q_k) E log x_k + log B(a_q) - log B(a_p), with the multivariate beta function B."""
    logs = special.digamma(a_p) - special.digamma(a_p.sum(-1, keepdims=True))
    parts_p, size_p = _log_beta(a_p)
    parts_q, size_q = _log_beta(a_q)
    products = a_p * logs
    return (
        Side(logs, products.sum(-1) - parts_p, np.abs(products).sum(-1) + size_p),
        Side(-a_q, parts_q, size_q),
    )


def _log_beta(a: Array) -> tuple[Array, Array]:
    """Return the logarithm of the multivariate beta function, and the sum of the absolute values of its terms."""
    terms, total = special.gammaln(a), special.gammaln(a.sum(-1))
    return terms.sum(-1) - total, np.abs(terms).sum(-1) + np.abs(total)


# --------------------------------------------------------------------------------------------------------------- normal


@inner_products(Normal, bounded=True)
def normal_products(loc_p: Array, scale_p: Array, loc_q: Array, scale_q: Array) -> tuple[Side, Side]:
    """The same as for vectors of one component."""
    return diagonal_normal_products(loc_p[..., None], scale_p[..., None], loc_q[..., None], scale_q[..., None])


@inner_products(MultivariateNormalDiag, bounded=True)
def diagonal_normal_products(loc_p: Array, scale_p: Array, loc_q: Array, scale_q: Array) -> tuple[Side, Side]:
    """sum_k [(m_p^2 + s_p^2) / (2 s_q^2) - m_p m_q / s_q^2 + m_q^2 / (2 s_q^2) + log s_q - log s_p - 1/2]."""
    # In units in which the Q are about standard normal, terms are smallest. A power of 2 divides without an error.
    (loc_p, scale_p), (loc_q, scale_q) = np.broadcast_arrays(loc_p, scale_p), np.broadcast_arrays(loc_q, scale_q)
    unit, middle = np.exp2(np.round(np.log2(_mean(scale_q)))), _mean(loc_q)
    loc_p, scale_p, loc_q, scale_q = (loc_p - middle) / unit, scale_p / unit, (loc_q - middle) / unit, scale_q / unit
    weight = 1 / (scale_q * scale_q)
    weighted = loc_q * weight
    log_p, log_q, square = np.log(scale_p), np.log(scale_q), loc_q * weighted
    dimension = loc_p.shape[-1]
    # With z = (m_p - m_q) / s_q and w = m_q / s_q, m_p^2 / s_q^2 is at most 2 z^2 + 2 w^2 and the product of the means
    # at most z^2 / 2 + 3 w^2 / 2; z^2 / 2 and s_p^2 / (2 s_q^2) together are at most the divergence, d / 2 and the
    # logarithms.
    return (
        Side(
            np.concatenate([loc_p * loc_p + scale_p * scale_p, loc_p], axis=-1),
            -log_p.sum(-1) - 0.5 * dimension,
            5 * np.abs(log_p).sum(-1) + 2.5 * dimension,
        ),
        Side(
            np.concatenate([0.5 * weight, -weighted], axis=-1),
            (log_q + 0.5 * square).sum(-1),
            (5 * np.abs(log_q) + 3 * square).sum(-1),
        ),
    )


@inner_products(MultivariateNormalTriL)
def normal_products_of_factors(loc_p: Array, tril_p: Array, loc_q: Array, tril_q: Array) -> tuple[Side, Side]:
    """tr(S_q^-1 (S_p + m_p m_p')) / 2 - m_p' S_q^-1 m_q + m_q' S_q^-1 m_q / 2 + log det L_q - log det L_p - d / 2."""
    unit, middle = _common_factor(tril_q), _mean(loc_q)
    dimension = tril_p.shape[-1]
    factor_p, factor_q = (_solve(unit, x) for x in (tril_p, tril_q))
    mean_p, mean_q = (_solve(unit, (x - middle)[..., None]) for x in (loc_p, loc_q))
    inverse = _inverse(factor_q)
    mean_q = inverse @ mean_q
    size_p, size_q = (np.abs(np.log(xp.diagonal(x))).sum(-1) for x in (factor_p, factor_q))
    log_p, log_q = (np.log(xp.diagonal(x)).sum(-1) for x in (factor_p, factor_q))
    square = 0.5 * (mean_q * mean_q).sum((-2, -1))
    steepness = _condition(unit) + _condition(factor_q, inverse)
    second_moments = _triangle(factor_p @ _transpose(factor_p) + mean_p @ _transpose(mean_p))
    weights = _pair_weights(_transpose(inverse) @ inverse)
    features_q = np.concatenate([weights, -(_transpose(inverse) @ mean_q)[..., 0]], axis=-1)
    return (
        Side(
            np.concatenate([second_moments, mean_p[..., 0]], axis=-1),
            -log_p - 0.5 * dimension,
            size_p + 0.5 * dimension,
        ),
        Side(features_q, log_q + square, size_q + square, weight=1 + steepness / 16),
    )


@inner_products(Wishart)
def wishart_products(df_p: Array, tril_p: Array, df_q: Array, tril_q: Array) -> tuple[Side, Side]:
    """n_p / 2 (tr(V_q^-1 V_p) + psi_p - d) - n_q / 2 (psi_p + log det (V_q^-1 V_p)) + lG(n_q / 2) - lG(n_p / 2).

    Here psi_p = sum_i psi((n_p - i) / 2) and lG is the logarithm of the multivariate gamma function.
    """
    unit = _common_factor(tril_q)
    dimension = tril_p.shape[-1]
    factor_p, factor_q = (_solve(unit, x) for x in (tril_p, tril_q))
    inverse = _inverse(factor_q)
    psi = special.digamma(0.5 * (df_p[..., None] - np.arange(dimension))).sum(-1)
    log_p, log_q = (2 * np.log(xp.diagonal(x)).sum(-1) for x in (factor_p, factor_q))
    gamma_p, gamma_q = (log_multigamma(xp, 0.5 * x, np.empty(dimension)) for x in (df_p, df_q))
    means = df_p[..., None] * _triangle(factor_p @ _transpose(factor_p))
    weights = _pair_weights(_transpose(inverse) @ inverse)
    parts_p, parts_q = (0.5 * df_p * psi, -0.5 * df_p * dimension, -gamma_p), (0.5 * df_q * log_q, gamma_q)
    logs_p = (psi + log_p)[..., None]
    df_q = np.broadcast_to(df_q, weights.shape[:-1])
    return (
        Side(np.concatenate([means, logs_p], axis=-1), sum(parts_p), sum(map(np.abs, parts_p))),
        Side(
            np.concatenate([weights, -0.5 * df_q[..., None]], axis=-1),
            sum(parts_q),
            sum(map(np.abs, parts_q)),
            weight=1 + (_condition(unit) + _condition(factor_q, inverse)) / 16,
        ),
    )


def _transpose(x: Array) -> Array:
    return np.swapaxes(x, -1, -2)


def _common_factor(tril: Array) -> Array:
    """Return the Cholesky factor of the mean covariance matrix, which makes what is divided by it well-conditioned."""
    factors = tril.reshape(-1, *tril.shape[-2:])
    factors = factors[np.isfinite(factors).all((-2, -1))]
    columns = np.moveaxis(factors, 0, -1).reshape(tril.shape[-1], -1)
    factor = xp.cholesky(columns @ columns.T / max(1, len(factors)))
    return factor if np.isfinite(factor).all() else np.eye(len(factor))


def _solve(factor: Array, x: Array) -> Array:
    return xp.solve_triangular(factor, x)


def _inverse(factor: Array) -> Array:
    identity = np.broadcast_to(np.eye(factor.shape[-1]), factor.shape)
    return xp.solve_triangular(factor, identity)


def _condition(factor: Array, inverse: Any = None) -> Array:
    """Return a condition number of triangular matrices."""
    inverse = _inverse(factor) if inverse is None else inverse
    squares = [np.square(x).sum((-2, -1)) for x in (factor, inverse)]
    return np.sqrt(squares[0] * squares[1])


def _triangle(x: Array) -> Array:
    return x[(..., *np.tril_indices(x.shape[-1]))]


def _pair_weights(x: Array) -> Array:
    """Return half the inner product with a symmetric matrix as weights of the triangle of another."""
    rows, columns = np.tril_indices(x.shape[-1])
    return x[..., rows, columns] * np.where(rows == columns, 0.5, 1.0)
