"""Centroids: the member of a family that is nearest to several distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from kldiv._arrays.compilation import run
from kldiv._arrays.namespace import computing_dtype, gather
from kldiv._arrays.protocol import Array, DType, Namespace
from kldiv._core.family import Family, FamilyKey, class_of, held_kinds, kind_of, name_of
from kldiv._core.parameters import batch_zeros, cast, gather_families, named_leaves, unflatten
from kldiv._core.registry import NoClosedForm
from kldiv._core.validation import diagnose_all
from kldiv._numerics.categorical import normalized, softmax
from kldiv._numerics.edges import log, logit, product
from kldiv._numerics.spherical import polar
from kldiv.families.bernoulli import Bernoulli, BernoulliLogits
from kldiv.families.beta import Beta
from kldiv.families.beta_prime import BetaPrime
from kldiv.families.categorical import Categorical, CategoricalLogits
from kldiv.families.dirichlet import Dirichlet
from kldiv.families.exponential import Exponential
from kldiv.families.gamma import Gamma
from kldiv.families.geometric import Geometric
from kldiv.families.half_normal import HalfNormal
from kldiv.families.inverse_gamma import InverseGamma
from kldiv.families.log_normal import LogNormal
from kldiv.families.logit_normal import LogitNormal
from kldiv.families.maxwell import Maxwell
from kldiv.families.mixture import Mixture
from kldiv.families.multivariate_normal import (
    MultivariateNormal,
    MultivariateNormalDiag,
    MultivariateNormalPrecision,
    MultivariateNormalTriL,
)
from kldiv.families.normal import Normal, NormalLogVariance
from kldiv.families.one_hot_categorical import OneHotCategorical, OneHotCategoricalLogits
from kldiv.families.poisson import Poisson
from kldiv.families.rayleigh import Rayleigh
from kldiv.families.von_mises import VonMises
from kldiv.fitting.grid import cast_back
from kldiv.fitting.moment_matching import base_of, inverse, projections, wrapped
from kldiv.fitting.projection import Member, project
from kldiv.fitting.samples import append_axes


def centroid(distributions: Member, *, weights: Any = None, side: Literal["right", "left"] = "right") -> Member:
    """Return the member of a family that is nearest, on average, to the members along the last batch axis.

    The right centroid is argmin_q sum_i w_i KL(p_i || q): the projection of their mixture, with the average
    expectations. The left centroid is argmin_q sum_i w_i KL(q || p_i): the member of an exponential family with the
    average natural parameters, which are, for a normal distribution, mean over variance and 1 over variance.

    Parameters
    ----------
    distributions
        A distribution with a batch. Right centroids exist for the families of `project` except Laplace; left
        ones for Normal, NormalLogVariance, LogNormal, LogitNormal, MultivariateNormal in all forms but the one of low
        rank, Exponential, Gamma, InverseGamma, Beta, BetaPrime, Dirichlet, Poisson, Geometric, Bernoulli, Categorical
        and those given by logits, Rayleigh, HalfNormal, Maxwell and VonMises.
    weights
        Non-negative weights along the last axis, which need not sum to 1; equal ones by default.
    side
        "right" or "left".

    Returns
    -------
    distribution
        A member of the family, with one batch axis less.

    Raises
    ------
    NoClosedForm
        If the family has no such centroid here.
    ValueError
        If a parameter or a weight is invalid, or there is no batch axis.

    Notes
    -----
    Source: Nielsen and Nock, Sided and symmetrized Bregman centroids (2009)

    Examples
    --------
    >>> import kldiv
    >>> two = kldiv.Normal([0.0, 2.0], [1.0, 2.0])
    >>> q = kldiv.centroid(two)
    >>> float(q.loc), round(float(q.scale**2), 12)
    (1.0, 3.5)
    >>> q = kldiv.centroid(two, side="left")
    >>> round(float(q.loc), 12), round(float(q.scale**2), 12)
    (0.4, 1.6)
    """
    if side not in ("right", "left"):
        raise ValueError(f'side must be "right" or "left"; got {side!r}')
    xp, arrays, dtype, (d,) = gather_families(distributions=distributions)
    if weights is not None:
        names = [name for name, _ in named_leaves(distributions, "distributions")]
        xp, arrays, dtype = gather([*arrays, weights], [*names, "weights"])
        d = unflatten(d, iter(arrays))
    zeros = batch_zeros(xp, cast(xp, d, dtype))
    if not xp.shape(zeros):
        raise ValueError("distributions have no batch axis to take the centroid along")
    computing = computing_dtype(xp, dtype)
    w = zeros + (1.0 if weights is None else xp.astype(arrays[-1], computing))
    if xp.is_concrete(w):
        diagnose_all(xp, dtype, distributions=d)
        if not bool(xp.all((w >= 0) & xp.isfinite(w))) or not bool(xp.all(xp.sum(w, axis=-1) > 0)):
            raise ValueError("weights must be non-negative and finite, and not all 0 along the last axis")
    w = normalized(xp, w)
    if side == "right":
        mixture = Mixture(w, cast(xp, d, dtype))
        q: Member = cast_back(xp, project(mixture, kind_of(d), **_fixed_of(d)), dtype)
        return q
    _require_natural(kind_of(d))
    q = run(_left, kind_of(d), xp, dtype, arrays, d, w)
    return q


def _fixed_of(d: Family) -> dict[str, Any]:
    """Return the parameters that members of a family must share to have a right centroid."""
    projection = projections.get(type(d))
    if projection is None or not projection.fixed:
        return {}
    raise NoClosedForm(f"members of {type(d).__name__} with different {projection.fixed[0]} have no centroid")


class _Natural(NamedTuple):
    """The maps from parameters to parameters whose average is that of natural ones, and back."""

    there: Callable[..., tuple[Array, ...]]
    back: Callable[..., Family]
    axes: tuple[int, ...]  # of each


_MEAN_FREE = _Natural(lambda xp, s: (s**-2,), lambda xp, r: (r**-0.5,), (0,))


def _same(axes: int, count: int) -> _Natural:
    return _Natural(lambda xp, *x: x, lambda xp, *x: x, (axes,) * count)


def _of_normal(xp: Namespace, loc: Array, scale: Array) -> tuple[Array, ...]:
    precision = 1 / scale / scale
    return precision * loc, precision


def _to_normal(xp: Namespace, shift: Array, precision: Array) -> tuple[Array, ...]:
    return shift / precision, 1 / xp.sqrt(precision)


def _of_precision(xp: Namespace, loc: Array, precision: Array) -> tuple[Array, ...]:
    return xp.matmul(precision, loc[..., None])[..., 0], precision


def _to_precision(xp: Namespace, shift: Array, precision: Array) -> tuple[Array, ...]:
    factor = xp.cholesky(precision)
    half = xp.solve_triangular(factor, shift[..., None])
    inverse = xp.solve_triangular(factor, xp.tril(xp.triu(xp.ones_like(precision))))
    return xp.matmul(xp.matrix_transpose(inverse), half)[..., 0], precision


def _to_covariance(xp: Namespace, shift: Array, precision: Array) -> tuple[Array, ...]:
    loc, _ = _to_precision(xp, shift, precision)
    return loc, inverse(xp, precision)


_NORMAL = _Natural(_of_normal, _to_normal, (0, 0))


_naturals: dict[type, _Natural] = {
    Normal: _NORMAL,
    LogNormal: _NORMAL,
    LogitNormal: _NORMAL,
    NormalLogVariance: _Natural(
        lambda xp, loc, v: (loc * xp.exp(-v), xp.exp(-v)),
        lambda xp, shift, precision: (shift / precision, -xp.log(precision)),
        (0, 0),
    ),
    MultivariateNormalDiag: _Natural(_of_normal, _to_normal, (1, 1)),
    MultivariateNormalPrecision: _Natural(_of_precision, _to_precision, (1, 2)),
    MultivariateNormal: _Natural(
        lambda xp, loc, c: _of_precision(xp, loc, inverse(xp, c)),
        _to_covariance,
        (1, 2),
    ),
    MultivariateNormalTriL: _Natural(
        lambda xp, loc, tril: _of_precision(xp, loc, inverse(xp, xp.matmul(tril, xp.matrix_transpose(tril)))),
        lambda xp, *x: (_to_covariance(xp, *x)[0], xp.cholesky(_to_covariance(xp, *x)[1])),
        (1, 2),
    ),
    Exponential: _same(0, 1),
    Gamma: _same(0, 2),
    InverseGamma: _same(0, 2),
    Beta: _same(0, 2),
    BetaPrime: _same(0, 2),
    Dirichlet: _same(1, 1),
    BernoulliLogits: _same(0, 1),
    CategoricalLogits: _same(1, 1),
    OneHotCategoricalLogits: _same(1, 1),
    Poisson: _Natural(lambda xp, r: (log(xp, r),), lambda xp, a: (xp.exp(a),), (0,)),
    Geometric: _Natural(lambda xp, p: (log(xp, 1 - p),), lambda xp, a: (-xp.expm1(a),), (0,)),
    Bernoulli: _Natural(lambda xp, p: (logit(xp, p),), lambda xp, a: (1 / (1 + xp.exp(-a)),), (0,)),
    Categorical: _Natural(lambda xp, p: (log(xp, p),), lambda xp, a: (softmax(xp, a),), (1,)),
    OneHotCategorical: _Natural(lambda xp, p: (log(xp, p),), lambda xp, a: (softmax(xp, a),), (1,)),
    Rayleigh: _MEAN_FREE,
    HalfNormal: _MEAN_FREE,
    Maxwell: _MEAN_FREE,
    VonMises: _Natural(lambda xp, m, k: (k * xp.cos(m), k * xp.sin(m)), lambda xp, c, s: polar(xp, c, s)[::-1], (0, 0)),
}


def _require_natural(kind: FamilyKey) -> None:
    base, _ = base_of(kind)
    if held_kinds(base) or class_of(base) not in _naturals:
        raise NoClosedForm(f"there is no left centroid of {name_of(kind)}; minimize the divergence with kldiv.fit")


def _left(xp: Namespace, kind: FamilyKey, dtype: DType, d: Family, weights: Array) -> Family:
    """Return the left centroid of members of a kind."""
    base, axes = base_of(kind)
    natural = _naturals[class_of(base)]
    d = cast(xp, d, dtype)
    zeros = batch_zeros(xp, d)
    for _ in range(axes):
        d = d.base
    averages: list[Array] = []
    for x, event_axes in zip(natural.there(xp, *d), natural.axes, strict=True):
        rank = event_axes + axes
        term = product(xp, append_axes(weights, rank), x + append_axes(zeros, rank))
        averages.append(xp.sum(term, axis=-1 - rank))
    return cast_back(xp, wrapped(class_of(base)(*natural.back(xp, *averages)), axes), dtype)
