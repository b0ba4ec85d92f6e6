"""Moment projections: the nearest member of a family, in closed form."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple, TypeVar, overload

from kldiv._arrays.compilation import run
from kldiv._arrays.namespace import computing_dtype, gather
from kldiv._arrays.protocol import Array, DType, Namespace
from kldiv._core.family import (
    Distribution,
    Family,
    FamilyKey,
    as_kind,
    class_of,
    held_kinds,
    kind_of,
    name_of,
    support_of,
)
from kldiv._core.foreign import as_family, is_distribution
from kldiv._core.parameters import batch_zeros, cast, gather_families, leaves, named_leaves, unflatten
from kldiv._core.registry import NoClosedForm
from kldiv._core.search import find
from kldiv._core.validation import diagnose, diagnose_all, tolerances, valid
from kldiv.families.categorical import Categorical, CategoricalLogits
from kldiv.fitting.expectations import DESCRIPTIONS, moment, of_samples, one_hot
from kldiv.fitting.grid import cast_back
from kldiv.fitting.moment_matching import Projection, base_of, projections, wrapped
from kldiv.fitting.samples import Samples, append_axes, arrange, require_outcomes, require_weights

Member = TypeVar("Member", bound=Distribution)  # of the family that is projected on


class _Target(NamedTuple):
    """The family that is projected on, and how."""

    kind: FamilyKey
    base: FamilyKey  # what an `Independent` kind holds in the end
    axes: int  # how many `Independent` add to its outcomes
    projection: Projection

    @property
    def name(self) -> str:
        return name_of(self.kind)


def _target_of(kind: FamilyKey) -> _Target:
    base, axes = base_of(kind)
    projection = projections.get(class_of(base))
    if projection is None or held_kinds(base):
        raise NoClosedForm(
            f"there is no projection on {name_of(kind)}; kldiv.fit minimizes the divergence from a distribution, and "
            "finds the likeliest member for samples"
        )
    return _Target(kind, base, axes, projection)


@overload
def project(p: Any, family: type[Member], *, weights: Any = None, **fixed: Any) -> Member: ...


@overload
def project(p: Any, family: FamilyKey, *, weights: Any = None, **fixed: Any) -> Family: ...


def project(p: Any, family: FamilyKey, *, weights: Any = None, **fixed: Any) -> Family:
    """Return the member q of a family that is nearest to p: the M-projection, argmin_q KL(p || q).

    For an exponential family it is the member whose sufficient statistics have the expectations that they have under p:
    a normal distribution is projected on by mean and variance, a gamma distribution by E x and E log x. The projection
    of samples is the maximum likelihood estimate.

    Parameters
    ----------
    p
        A distribution, with any batch; a `Mixture`, which has the weighted expectations of its components; or an array
        of samples along its first axis, followed by the axes of a batch and those of an outcome.
    family
        The class of a family, such as `Normal`, or ``Independent[Normal]``. There are projections on Normal,
        NormalLogVariance, LogNormal, LogitNormal, Laplace, Exponential, Gamma, InverseGamma, InverseGaussian, Rayleigh,
        HalfNormal, Maxwell, Beta, BetaPrime, Dirichlet, Pareto, Poisson, Geometric, NegativeBinomial, Bernoulli,
        Binomial, Categorical, OneHotCategorical and their families by logits, MultivariateNormal in all forms except
        the one of low rank, VonMises and VonMisesFisher.
    weights
        Weights of the samples, non-negative numbers along the first axis, alone or followed by the axes of the batch.
        They need not sum to 1.
    **fixed
        Parameters of the family that are held fixed: `total_count` of Binomial and NegativeBinomial, `scale` of
        Pareto; by default those of `p` if it has them. For samples of classes, `classes` is their number.

    Returns
    -------
    distribution
        A member of the family, in the framework and dtype of `p`. It is differentiable with respect to the parameters
        of `p`, or the samples.

    Raises
    ------
    NoClosedForm
        If `p` does not know an expectation that is needed, or there is no projection on the family.
    ValueError
        If KL(p || q) is infinite for every member, an expectation is infinite, samples lie outside the support or do
        not vary, or a parameter is invalid.

    Notes
    -----
    Equations with digammas and Bessel functions are solved by Newton's method, those for a Dirichlet distribution in
    one unknown, the sum of the concentrations.

    Source: Bishop, Pattern Recognition and Machine Learning (2006), section 10.7; Minka, Estimating a Dirichlet
    distribution (2000)

    Examples
    --------
    >>> import kldiv
    >>> p = kldiv.Mixture([0.3, 0.7], kldiv.Normal([-2.0, 3.0], [0.5, 1.0]))
    >>> q = kldiv.project(p, kldiv.Normal)
    >>> round(float(q.loc), 12), round(float(q.scale**2), 12)
    (1.5, 6.025)

    Of samples it is the maximum likelihood estimate:

    >>> float(kldiv.project([1.0, 2.0, 6.0, 7.0], kldiv.Exponential).rate)
    0.25
    """
    target = _target_of(as_kind(family))
    if isinstance(p, type) or is_distribution(p):
        p = as_family(p, "p")
        if weights is not None:
            raise TypeError("weights are those of samples; a weighted set of distributions is a Mixture")
        return _project_distribution(p, target, fixed)
    classes = fixed.pop("classes", None)
    return _project_samples(p, weights, classes, target, fixed)


def _fixed_values(target: _Target, options: dict[str, Any], p: Any) -> list[Any]:
    """Return the parameters that are held fixed, of the options or else of p."""
    unknown = set(options) - set(target.projection.fixed)
    if unknown:
        raise TypeError(f"{', '.join(sorted(unknown))}: no parameter of {target.name} that is held fixed")
    values: list[Any] = []
    for name in target.projection.fixed:
        value = options.get(name, getattr(p, name, None))
        if value is None:
            raise TypeError(f"a projection on {target.name} needs {name}=, which is held fixed")
        values.append(value)
    return values


def _nearest(
    xp: Namespace, target: _Target, dtype: DType, moments: tuple[Array, ...], fixed: Iterable[Array]
) -> Family:
    """Return the member of a family with these expectations."""
    computing = computing_dtype(xp, dtype)
    q = target.projection.formula(xp, *moments, *[xp.astype(x, computing) for x in fixed])
    return cast_back(xp, wrapped(q, target.axes), dtype)


# -------------------------------------------------------------------------------------------------------- distributions


def _project_distribution(p: Family, target: _Target, options: dict[str, Any]) -> Family:
    values = _fixed_values(target, options, p)
    xp, arrays, dtype, (p,) = gather_families(p=p)
    names = [*(name for name, _ in named_leaves(p, "p")), *target.projection.fixed]
    xp, arrays, dtype = gather([*arrays, *values], names)
    remaining = iter(arrays)
    p, fixed = unflatten(p, remaining), tuple(remaining)
    if kind_of(p) == target.kind and not fixed:
        diagnose_all(xp, dtype, p=p)
        return p
    _require_support(p, target)
    if all(xp.is_concrete(x) for x in arrays):
        diagnose_all(xp, dtype, p=p)
    name = name_of(kind_of(p))
    try:
        q, moments = run(_nearest_to_distribution, target.kind, xp, dtype, arrays, p, fixed)
    except NoClosedForm as error:
        needs = " and ".join(DESCRIPTIONS[name][0] for name in target.projection.needs)
        raise NoClosedForm(
            f"to project {name} on {target.name} takes {needs}: {error}. "
            "Project samples, or minimize the divergence with kldiv.fit"
        ) from None
    _require_result(xp, dtype, q, moments, target, name)
    if _is_bounded_by_parameters(p):
        _require_finite(xp, dtype, p, q, target)
    return q


def _nearest_to_distribution(
    xp: Namespace, kind: FamilyKey, dtype: DType, p: Family, fixed: tuple[Array, ...]
) -> tuple[Family, tuple[Array, ...]]:
    """Return the projection of a distribution, and the expectations that it is made of."""
    target = _target_of(kind)
    good = valid(xp, p, tolerances(xp, p))
    p = cast(xp, p, dtype)
    # nan where p is invalid, in the shape of its batch.
    zeros = xp.where(good, batch_zeros(xp, p), math.nan)
    moments: list[Array] = []
    for name in target.projection.needs:
        axes = DESCRIPTIONS[name][1] + target.axes
        moments.append(moment(xp, p, name, target.axes) + append_axes(zeros, axes))
    return _nearest(xp, target, dtype, tuple(moments), fixed), tuple(moments)


def _require_support(p: Family, target: _Target) -> None:
    """Raise ValueError if every member of a family rules out outcomes of p."""
    try:
        rule = find(kind_of(p), target.kind)
    except NoClosedForm:
        return
    if rule.method == "infinite":
        raise ValueError(
            f"{name_of(kind_of(p))} has outcomes that {target.name} rules out: the divergence to every member is "
            "infinite, and none is nearest"
        )


def _is_bounded_by_parameters(p: Family) -> bool:
    support = support_of(kind_of(p))
    return support is not None and (isinstance(support.low, str) or isinstance(support.high, str))


def _require_finite(xp: Namespace, dtype: DType, p: Family, q: Family, target: _Target) -> None:
    try:
        evaluate = find(kind_of(p), target.kind).evaluate
    except NoClosedForm:
        return
    value = evaluate(xp, cast(xp, p, dtype), cast(xp, q, dtype))
    if xp.is_concrete(value) and bool(xp.any(value == math.inf)):
        raise ValueError(
            f"p has outcomes that every {target.name} with these fixed parameters rules out: none is nearest"
        )


# -------------------------------------------------------------------------------------------------------------- samples


def _project_samples(x: Any, weights: Any, classes: Any, target: _Target, options: dict[str, Any]) -> Family:
    named = {"p": x} if weights is None else {"p": x, "weights": weights}
    named.update(zip(target.projection.fixed, _fixed_values(target, options, None), strict=True))
    xp, arrays, dtype = gather(list(named.values()), list(named))
    gathered = dict(zip(named, arrays, strict=True))
    fixed = {name: gathered[name] for name in target.projection.fixed}
    x = xp.astype(gathered["p"], dtype)
    samples = arrange(xp, x, gathered.get("weights"), _event_axes(target, classes), "p", target.name)
    if xp.is_concrete(samples.values) and xp.is_concrete(samples.weights):
        require_weights(xp, samples.weights)
        last = {} if classes is None else {"k": classes - 1.0}
        require_outcomes(xp, samples.values, target.base, {**fixed, **last}, "p")
    if classes is not None:
        samples = samples._replace(values=one_hot(xp, samples.values, classes))
    q, moments = run(_nearest_to_samples, target.kind, xp, dtype, arrays, samples, tuple(fixed.values()))
    _require_result(xp, dtype, q, moments, target, "the samples")
    return q


def _nearest_to_samples(
    xp: Namespace, kind: FamilyKey, dtype: DType, samples: Samples, fixed: tuple[Array, ...]
) -> tuple[Family, tuple[Array, ...]]:
    """Return the projection of samples, and the expectations that it is made of."""
    target = _target_of(kind)
    samples = Samples(*[xp.astype(x, computing_dtype(xp, dtype)) for x in samples])
    moments = tuple([of_samples(xp, samples, name) for name in target.projection.needs])
    return _nearest(xp, target, dtype, moments, fixed), moments


def _event_axes(target: _Target, classes: Any) -> int:
    """Return how many axes a sample has; raise TypeError unless classes are given where they are needed."""
    if class_of(target.kind) in (Categorical, CategoricalLogits):
        if isinstance(classes, bool) or not isinstance(classes, int) or classes < 1:
            raise TypeError(f"to project samples on {target.name}, pass classes=, how many there are; got {classes!r}")
        return 0
    if classes is not None:
        raise TypeError(f"{target.name} has no parameter classes")
    support = support_of(target.base)
    return target.axes + (len(support.axes) if support else 0)


# ----------------------------------------------------------------------------------------------------------- the result


def _require_result(
    xp: Namespace, dtype: DType, q: Family, moments: tuple[Array, ...], target: _Target, source: str
) -> None:
    """Raise ValueError if an expectation is infinite, or there is no member with these expectations."""
    if not all(xp.is_concrete(x) for x in leaves(q)):
        return
    for name, value in zip(target.projection.needs, moments, strict=True):
        if not bool(xp.all(xp.isfinite(value))):
            raise ValueError(f"{DESCRIPTIONS[name][0]} of {source} is not finite: no {target.name} is nearest")
    try:
        diagnose(xp, cast(xp, q, dtype), tolerances(xp, q), "the projection")
    except ValueError as error:
        raise ValueError(f"no {target.name} is nearest to {source}, which may not vary enough: {error}") from None
