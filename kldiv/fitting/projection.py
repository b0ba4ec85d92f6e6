"""Moment projections: the nearest member of a family, in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from kldiv._arrays.compilation import run
from kldiv._arrays.namespace import computing_dtype, gather
from kldiv._arrays.protocol import Array, DType, Namespace
from kldiv._core.family import Family, FamilyKey, as_kind, class_of, fields_of, held_kinds, kind_of, name_of, support_of
from kldiv._core.parameters import broadcast_shapes, cast, gather_families, leaves, named_leaves, unflatten
from kldiv._core.registry import NoClosedForm
from kldiv._core.search import find
from kldiv._core.validation import diagnose, diagnose_all, tolerances, valid
from kldiv.families.categorical import Categorical, CategoricalLogits
from kldiv.fitting.expectations import DESCRIPTIONS, Samples, append_axes, batch_zeros, moment, of_samples, one_hot
from kldiv.fitting.grid import cast_back
from kldiv.fitting.moment_matching import Projection, base_of, projections, wrapped

# Kept, as compiled programs are known by their function; a plain table, which torch.compile can trace.
_programs: dict[tuple[FamilyKey, bool], Callable[..., tuple[Family, tuple[Array, ...]]]] = {}


def _program(kind: FamilyKey, of_distribution: bool) -> Callable[..., tuple[Family, tuple[Array, ...]]]:
    """Return the function from a distribution or samples to the projection and the expectations that it is made of."""
    if (kind, of_distribution) not in _programs:
        _programs[kind, of_distribution] = _make_program(kind, of_distribution)
    return _programs[kind, of_distribution]


def _make_program(kind: FamilyKey, of_distribution: bool) -> Callable[..., tuple[Family, tuple[Array, ...]]]:
    base, axes = base_of(kind)
    projection = projections[class_of(base)]

    def program(xp: Namespace, p: Any, fixed: tuple[Array, ...], good: Array) -> tuple[Family, tuple[Array, ...]]:
        if of_distribution:
            ranks = [DESCRIPTIONS[name][1] + axes for name in projection.needs]
            # nan where p is invalid, in the shape of its batch.
            zeros = xp.where(good, batch_zeros(xp, p), math.nan)
            found = [moment(xp, p, name, axes) for name in projection.needs]
            moments = tuple([x + append_axes(zeros, rank) for x, rank in zip(found, ranks, strict=True)])
        else:
            moments = tuple([of_samples(xp, p, name) for name in projection.needs])
        return wrapped(projection.formula(xp, *moments, *fixed), axes), moments

    return program


def _project(
    xp: Namespace, program: Callable[..., Any], dtype: DType, p: Any, fixed: tuple[Array, ...]
) -> tuple[Family, tuple[Array, ...]]:
    computing = computing_dtype(xp, dtype)
    if isinstance(p, Samples):
        p, good = Samples(*[xp.astype(x, computing) for x in p]), True
    else:
        good = valid(xp, p, tolerances(xp, p))
        p = cast(xp, p, dtype)
    q, moments = program(xp, p, tuple([xp.astype(x, computing) for x in fixed]), good)
    return cast_back(xp, q, dtype), moments


def project(p: Any, family: Any, *, weights: Any = None, **fixed: Any) -> Family:
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
        Binomial, Categorical, OneHotCategorical and those given by logits, MultivariateNormal in all forms but the one
        of low rank, VonMises and VonMisesFisher.
    weights
        Weights of the samples, non-negative numbers along the first axis, alone or followed by the axes of the batch.
        They need not sum to 1.
    **fixed
        Parameters of the family that are no more free: `total_count` of Binomial and NegativeBinomial, `scale` of
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
    kind = as_kind(family)
    base, axes = base_of(kind)
    projection = projections.get(class_of(base))
    if projection is None or held_kinds(base):
        raise NoClosedForm(f"there is no projection on {name_of(kind)}; minimize the divergence with kldiv.fit")
    if fields_of(type(p)):
        if weights is not None:
            raise TypeError("weights are those of samples; a weighted set of distributions is a Mixture")
        return _project_distribution(p, kind, projection, fixed)
    return _project_samples(p, kind, projection, weights, fixed, axes)


def _project_distribution(p: Family, kind: FamilyKey, projection: Projection, given: dict[str, Any]) -> Family:
    values = _fixed_values(kind, projection, given, p)
    xp, arrays, dtype, (p,) = gather_families(p=p)
    xp, arrays, dtype = gather([*arrays, *values], [*(name for name, _ in named_leaves(p, "p")), *projection.fixed])
    each = iter(arrays)
    p, fixed = unflatten(p, each), tuple(each)
    if kind_of(p) == kind and not projection.fixed:
        diagnose_all(xp, dtype, p=p)
        return p
    _require_support(p, kind)
    if all(xp.is_concrete(x) for x in arrays):
        diagnose_all(xp, dtype, p=p)
    try:
        q, moments = run(_project, _program(kind, True), xp, dtype, arrays, p, fixed)
    except NoClosedForm as error:
        needs = " and ".join(DESCRIPTIONS[name][0] for name in projection.needs)
        raise NoClosedForm(
            f"to project {name_of(kind_of(p))} on {name_of(kind)} takes {needs}: {error}. "
            "Project samples, or minimize the divergence with kldiv.fit"
        ) from None
    _require_result(xp, dtype, q, moments, projection, kind, name_of(kind_of(p)))
    if _is_bounded_by_parameters(p):
        _require_finite(xp, dtype, p, q, kind)
    return q


def _project_samples(
    x: Any, kind: FamilyKey, projection: Projection, weights: Any, given: dict[str, Any], axes: int
) -> Family:
    classes = given.pop("classes", None)
    values = _fixed_values(kind, projection, given, None)
    (xp, arrays, dtype) = gather(
        [x, *([] if weights is None else [weights]), *values],
        ["p", *([] if weights is None else ["weights"]), *projection.fixed],
    )
    each = iter(arrays)
    x = xp.astype(next(each), dtype)
    event = _event_axes(kind) + axes
    is_class = class_of(kind) in (Categorical, CategoricalLogits)
    if is_class:
        if isinstance(classes, bool) or not isinstance(classes, int) or classes < 1:
            raise TypeError(
                f"to project samples on {name_of(kind)}, pass classes=, how many there are; got {classes!r}"
            )
        event = 0
    elif classes is not None:
        raise TypeError(f"{name_of(kind)} has no parameter classes")
    shape = xp.shape(x)
    if len(shape) < 1 + event or 0 in shape:
        raise ValueError(
            f"p has shape {shape}; samples are along the first axis, and an outcome of {name_of(kind)} has {event} axes"
        )
    weights = xp.ones_like(x[(..., *[0] * (len(shape) - 1))]) if weights is None else xp.astype(next(each), dtype)
    if len(xp.shape(weights)) not in (1, len(shape) - event):
        raise ValueError(f"weights have shape {xp.shape(weights)}; samples have shape {shape}")
    fixed = tuple(each)
    batch = shape[: len(shape) - event]
    broadcast_shapes((("weights", xp.shape(append_axes(weights, len(batch) - len(xp.shape(weights))))), ("p", batch)))
    if len(xp.shape(weights)) == 1 and xp.shape(weights)[0] != shape[0]:
        raise ValueError(f"weights have shape {xp.shape(weights)}; there are {shape[0]} samples")
    if xp.is_concrete(x) and xp.is_concrete(weights):
        _require_samples(xp, x, weights, kind, classes, dict(zip(projection.fixed, fixed, strict=True)))
    if classes is not None:
        x = one_hot(xp, x, classes)
    q, moments = run(_project, _program(kind, False), xp, dtype, [x, *arrays], Samples(x, weights), fixed)
    _require_result(xp, dtype, q, moments, projection, kind, "the samples")
    return q


def _fixed_values(kind: FamilyKey, projection: Projection, given: dict[str, Any], p: Any) -> list[Any]:
    unknown = set(given) - set(projection.fixed)
    if unknown:
        raise TypeError(f"{', '.join(sorted(unknown))}: no parameter of {name_of(kind)} that is held fixed")
    values: list[Any] = []
    for name in projection.fixed:
        value = given.get(name, getattr(p, name, None))
        if value is None:
            raise TypeError(f"a projection on {name_of(kind)} needs {name}=, which is held fixed")
        values.append(value)
    return values


def _event_axes(kind: FamilyKey) -> int:
    support = support_of(base_of(kind)[0])
    return len(support.axes) if support else 0


def _require_support(p: Family, kind: FamilyKey) -> None:
    """Raise ValueError if every member of a family rules out outcomes of p."""
    try:
        rule = find(kind_of(p), kind)
    except NoClosedForm:
        return
    if rule.method == "infinite":
        raise ValueError(
            f"{name_of(kind_of(p))} has outcomes that {name_of(kind)} rules out: the divergence to every member is "
            "infinite, and none is nearest"
        )


def _is_bounded_by_parameters(p: Family) -> bool:
    support = support_of(kind_of(p))
    return support is not None and (isinstance(support.low, str) or isinstance(support.high, str))


def _require_finite(xp: Namespace, dtype: DType, p: Family, q: Family, kind: FamilyKey) -> None:
    try:
        evaluate = find(kind_of(p), kind).evaluate
    except NoClosedForm:
        return
    value = evaluate(xp, cast(xp, p, dtype), cast(xp, q, dtype))
    if xp.is_concrete(value) and bool(xp.any(value == math.inf)):
        raise ValueError(
            f"p has outcomes that every {name_of(kind)} with these fixed parameters rules out: none is nearest"
        )


def _require_samples(
    xp: Namespace, x: Array, weights: Array, kind: FamilyKey, classes: int | None, fixed: dict[str, Array]
) -> None:
    """Raise ValueError for the first sample that a family rules out, and for weights that are none."""
    if not bool(xp.all((weights >= 0) & xp.isfinite(weights))) or not bool(xp.all(xp.sum(weights, axis=0) > 0)):
        raise ValueError("weights must be non-negative and finite, and not all 0")
    support = support_of(base_of(kind)[0])
    good, words = xp.isfinite(x), "finite numbers"
    if support is not None and support.space in ("line", "integers"):
        low = fixed[support.low] if isinstance(support.low, str) else support.low
        high = classes - 1.0 if classes else fixed[support.high] if isinstance(support.high, str) else support.high
        good = good & (x >= low) & (x <= high)
        words = (
            f"{'integers' if support.space == 'integers' else 'finite numbers'} from {support.low} to {support.high}"
        )
        if support.space == "integers":
            good = good & (xp.floor(x) == x)
    bad = ~xp.to_numpy(good)
    if bad.any():
        index = tuple(int(i[0]) for i in bad.nonzero())
        raise ValueError(f"samples of {name_of(kind)} are {words}; got {xp.to_numpy(x)[index]} at index {index} of p")


def _require_result(
    xp: Namespace,
    dtype: DType,
    q: Family,
    moments: tuple[Array, ...],
    projection: Projection,
    kind: FamilyKey,
    source: str,
) -> None:
    """Raise ValueError if an expectation is infinite, or there is no member with these expectations."""
    if not all(xp.is_concrete(x) for x in leaves(q)):
        return
    for name, value in zip(projection.needs, moments, strict=True):
        if not bool(xp.all(xp.isfinite(value))):
            raise ValueError(f"{DESCRIPTIONS[name][0]} of {source} is not finite: no {name_of(kind)} is nearest")
    try:
        diagnose(xp, cast(xp, q, dtype), tolerances(xp, q), "the projection")
    except ValueError as error:
        raise ValueError(f"no {name_of(kind)} is nearest to {source}, which may not vary enough: {error}") from None
