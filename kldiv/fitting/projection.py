"""The nearest members of families: moment projections and centroids."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from kldiv._checks import broadcast_shapes, diagnose, diagnose_all, tolerances, valid
from kldiv._divergence import NoClosedForm, find
from kldiv._families import (
    Family,
    Kind,
    as_kind,
    cast,
    class_of,
    fields_of,
    gather_families,
    held_kinds,
    kind_of,
    leaves,
    name_of,
    parameters_of,
    rebuild,
    support_of,
)
from kldiv._kernels import log, logit, product
from kldiv._namespace import computing_dtype, gather
from kldiv._programs import run
from kldiv._protocol import Array, DType, Namespace
from kldiv._vectors import normalised
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
from kldiv.families.mixture import Mixture
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
from kldiv.fitting.expectation import WORDS, Samples, append_axes, batch_zeros, moment, of_samples, one_hot
from kldiv.fitting.grid import cast_back
from kldiv.fitting.solve import dirichlet_concentration, gamma_concentration, spherical_concentration

# ---------------------------------------------------------------------------------------------------------- projections


class _Projection(NamedTuple):
    """How parameters follow from expectations, and from the parameters that are held fixed."""

    needs: tuple[str, ...]
    fixed: tuple[str, ...]
    formula: Callable[..., Family]


_projections: dict[type, _Projection] = {}


def _projects(
    family: type, *needs: str, fixed: tuple[str, ...] = ()
) -> Callable[[Callable[..., Family]], Callable[..., Family]]:
    """Declare that the decorated function gives the member of a family with the named expectations."""

    def declare(formula: Callable[..., Family]) -> Callable[..., Family]:
        _projections[family] = _Projection(needs, fixed, formula)
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
    return MultivariateNormalPrecision(mean, _inverse(xp, covariance))


@_projects(Gamma, "mean", "log")
def _gamma(xp: Namespace, mean: Array, log_mean: Array) -> Family:
    a = gamma_concentration(xp, xp.log(mean) - log_mean)
    return Gamma(a, a / mean)


@_projects(InverseGamma, "reciprocal", "log")
def _inverse_gamma(xp: Namespace, reciprocal: Array, log_mean: Array) -> Family:
    return InverseGamma(*_gamma(xp, reciprocal, -log_mean))


def _beta_of(xp: Namespace, log_mean: Array, log_complement: Array) -> tuple[Array, Array]:
    first, second = (xp.like(unit, log_mean, log_mean.dtype) for unit in ([1.0, 0.0], [0.0, 1.0]))
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
    length, angle = _polar(xp, cosine, sine)
    return VonMises(angle, spherical_concentration(xp, 0.5 * xp.ones_like(length), length))


@_projects(VonMisesFisher, "vector")
def _von_mises_fisher(xp: Namespace, vector: Array) -> Family:
    length = xp.sqrt(xp.sum(vector * vector, axis=-1))
    half = 0.5 * (xp.sum(xp.ones_like(vector), axis=-1) - 1)
    return VonMisesFisher(vector / length[..., None], spherical_concentration(xp, half, length))


def _polar(xp: Namespace, x: Array, y: Array) -> tuple[Array, Array]:
    """Return length and angle of points of the plane; the angle at the origin is 0."""
    origin = (x == 0) & (y == 0)
    x = xp.where(origin, 1.0, x)
    length = xp.sqrt(x * x + y * y)
    right = x > 0
    upright = xp.where(right | (y == 0), 1.0, y)
    # The tangent of half the angle is y / (r + x) = (r - x) / y.
    half = xp.where(right, y / (length + xp.where(right, x, 0.0)), (length - x) / upright)
    angle = xp.where(right | (y != 0), 2 * xp.atan(half), math.pi)
    return xp.where(origin, 0.0, length), xp.where(origin, 0.0, angle)


def _inverse(xp: Namespace, matrix: Array) -> Array:
    """Return the inverse of symmetric positive definite matrices."""
    factor = xp.cholesky(matrix)
    inverse = xp.solve_triangular(factor, xp.tril(xp.triu(xp.ones_like(matrix))))
    return xp.matmul(xp.matrix_transpose(inverse), inverse)


def _base_of(kind: Kind) -> tuple[Kind, int]:
    """Return what an `Independent` kind holds in the end, and how many axes it adds to that."""
    axes = 0
    while class_of(kind) is Independent:
        (kind,) = held_kinds(kind)
        axes += 1
    return kind, axes


def _wrapped(d: Family, axes: int) -> Family:
    for _ in range(axes):
        d = Independent(d)
    return d


# Kept, as compiled programs are known by their function; a plain table, which torch.compile can trace.
_programs: dict[tuple[Kind, bool], Callable[..., tuple[Family, tuple[Array, ...]]]] = {}
_left_programs: dict[Kind, Callable[..., Family]] = {}


def _program(kind: Kind, of_distribution: bool) -> Callable[..., tuple[Family, tuple[Array, ...]]]:
    """Return the function from a distribution or samples to the projection and the expectations that it is made of."""
    if (kind, of_distribution) not in _programs:
        _programs[kind, of_distribution] = _make_program(kind, of_distribution)
    return _programs[kind, of_distribution]


def _make_program(kind: Kind, of_distribution: bool) -> Callable[..., tuple[Family, tuple[Array, ...]]]:
    base, axes = _base_of(kind)
    projection = _projections[class_of(base)]

    def program(xp: Namespace, p: Any, fixed: tuple[Array, ...], good: Array) -> tuple[Family, tuple[Array, ...]]:
        if of_distribution:
            ranks = [WORDS[name][1] + axes for name in projection.needs]
            # nan where p is invalid, in the shape of its batch.
            zeros = xp.where(good, batch_zeros(xp, p), math.nan)
            found = [moment(xp, p, name, axes) for name in projection.needs]
            moments = tuple([x + append_axes(zeros, rank) for x, rank in zip(found, ranks, strict=True)])
        else:
            moments = tuple([of_samples(xp, p, name) for name in projection.needs])
        return _wrapped(projection.formula(xp, *moments, *fixed), axes), moments

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
    base, axes = _base_of(kind)
    projection = _projections.get(class_of(base))
    if projection is None or held_kinds(base):
        raise NoClosedForm(f"there is no projection on {name_of(kind)}; minimise the divergence with kldiv.fit")
    if fields_of(type(p)):
        if weights is not None:
            raise TypeError("weights are those of samples; a weighted set of distributions is a Mixture")
        return _project_distribution(p, kind, projection, fixed)
    return _project_samples(p, kind, projection, weights, fixed, axes)


def _project_distribution(p: Family, kind: Kind, projection: _Projection, given: dict[str, Any]) -> Family:
    values = _fixed_values(kind, projection, given, p)
    xp, arrays, dtype, (p,) = gather_families(p=p)
    xp, arrays, dtype = gather([*arrays, *values], [*(name for name, _ in leaves(p, "p")), *projection.fixed])
    each = iter(arrays)
    p, fixed = rebuild(p, each), tuple(each)
    if kind_of(p) == kind and not projection.fixed:
        diagnose_all(xp, dtype, p=p)
        return p
    _require_support(p, kind)
    if all(xp.is_concrete(x) for x in arrays):
        diagnose_all(xp, dtype, p=p)
    try:
        q, moments = run(_project, _program(kind, True), xp, dtype, arrays, p, fixed)
    except NoClosedForm as error:
        needs = " and ".join(WORDS[name][0] for name in projection.needs)
        raise NoClosedForm(
            f"to project {name_of(kind_of(p))} on {name_of(kind)} takes {needs}: {error}. "
            "Project samples, or minimise the divergence with kldiv.fit"
        ) from None
    _require_result(xp, dtype, q, moments, projection, kind, name_of(kind_of(p)))
    if _is_bounded_by_parameters(p):
        _require_finite(xp, dtype, p, q, kind)
    return q


def _project_samples(
    x: Any, kind: Kind, projection: _Projection, weights: Any, given: dict[str, Any], axes: int
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


def _fixed_values(kind: Kind, projection: _Projection, given: dict[str, Any], p: Any) -> list[Any]:
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


# --------------------------------------------------------------------------------------------------------------- checks


def _event_axes(kind: Kind) -> int:
    support = support_of(_base_of(kind)[0])
    return len(support.axes) if support else 0


def _require_support(p: Family, kind: Kind) -> None:
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


def _require_finite(xp: Namespace, dtype: DType, p: Family, q: Family, kind: Kind) -> None:
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
    xp: Namespace, x: Array, weights: Array, kind: Kind, classes: int | None, fixed: dict[str, Array]
) -> None:
    """Raise ValueError for the first sample that a family rules out, and for weights that are none."""
    if not bool(xp.all((weights >= 0) & xp.isfinite(weights))) or not bool(xp.all(xp.sum(weights, axis=0) > 0)):
        raise ValueError("weights must be non-negative and finite, and not all 0")
    support = support_of(_base_of(kind)[0])
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
    projection: _Projection,
    kind: Kind,
    source: str,
) -> None:
    """Raise ValueError if an expectation is infinite, or there is no member with these expectations."""
    if not all(xp.is_concrete(x) for x in parameters_of(q)):
        return
    for name, value in zip(projection.needs, moments, strict=True):
        if not bool(xp.all(xp.isfinite(value))):
            raise ValueError(f"{WORDS[name][0]} of {source} is not finite: no {name_of(kind)} is nearest")
    try:
        diagnose(xp, cast(xp, q, dtype), tolerances(xp, q), "the projection")
    except ValueError as error:
        raise ValueError(f"no {name_of(kind)} is nearest to {source}, which may not vary enough: {error}") from None


# ------------------------------------------------------------------------------------------------------------ centroids


def centroid(distributions: Family, *, weights: Any = None, side: str = "right") -> Family:
    """Return the member of a family that is nearest, on average, to the members along the last batch axis.

    The right centroid is argmin_q sum_i w_i KL(p_i || q): the projection of their mixture, with the average
    expectations. The left centroid is argmin_q sum_i w_i KL(q || p_i): the member of an exponential family with the
    average natural parameters, which are, for a normal distribution, mean over variance and 1 over variance.

    Parameters
    ----------
    distributions
        A distribution with a batch. Right centroids are there for the families that `project` goes to but Laplace; left
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
        names = [name for name, _ in leaves(distributions, "distributions")]
        xp, arrays, dtype = gather([*arrays, weights], [*names, "weights"])
        d = rebuild(d, iter(arrays))
    zeros = batch_zeros(xp, cast(xp, d, dtype))
    if not xp.shape(zeros):
        raise ValueError("distributions have no batch axis to take the centroid along")
    computing = computing_dtype(xp, dtype)
    w = zeros + (1.0 if weights is None else xp.astype(arrays[-1], computing))
    if xp.is_concrete(w):
        diagnose_all(xp, dtype, distributions=d)
        if not bool(xp.all((w >= 0) & xp.isfinite(w))) or not bool(xp.all(xp.sum(w, axis=-1) > 0)):
            raise ValueError("weights must be non-negative and finite, and not all 0 along the last axis")
    w = normalised(xp, w)
    if side == "right":
        mixture = Mixture(w, cast(xp, d, dtype))
        q = project(mixture, kind_of(d), **_fixed_of(d))
        return cast_back(xp, q, dtype)
    return run(_left, _left_program(kind_of(d)), xp, dtype, arrays, d, w)


def _fixed_of(d: Family) -> dict[str, Any]:
    """Return the parameters that members of a family must share to have a right centroid."""
    projection = _projections.get(type(d))
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
    return loc, _inverse(xp, precision)


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
        lambda xp, loc, c: _of_precision(xp, loc, _inverse(xp, c)),
        _to_covariance,
        (1, 2),
    ),
    MultivariateNormalTriL: _Natural(
        lambda xp, loc, tril: _of_precision(xp, loc, _inverse(xp, xp.matmul(tril, xp.matrix_transpose(tril)))),
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
    Categorical: _Natural(lambda xp, p: (log(xp, p),), lambda xp, a: (_softmax(xp, a),), (1,)),
    OneHotCategorical: _Natural(lambda xp, p: (log(xp, p),), lambda xp, a: (_softmax(xp, a),), (1,)),
    Rayleigh: _MEAN_FREE,
    HalfNormal: _MEAN_FREE,
    Maxwell: _MEAN_FREE,
    VonMises: _Natural(
        lambda xp, m, k: (k * xp.cos(m), k * xp.sin(m)), lambda xp, c, s: _polar(xp, c, s)[::-1], (0, 0)
    ),
}


def _softmax(xp: Namespace, a: Array) -> Array:
    return normalised(xp, xp.exp(a - xp.max(a, axis=-1, keepdims=True)))


def _left_program(kind: Kind) -> Callable[..., Family]:
    """Return the function from members and weights to their left centroid."""
    if kind not in _left_programs:
        _left_programs[kind] = _make_left_program(kind)
    return _left_programs[kind]


def _make_left_program(kind: Kind) -> Callable[..., Family]:
    base, axes = _base_of(kind)
    if held_kinds(base) or class_of(base) not in _naturals:
        raise NoClosedForm(f"there is no left centroid of {name_of(kind)}; minimise the divergence with kldiv.fit")
    natural = _naturals[class_of(base)]

    def program(xp: Namespace, d: Family, weights: Array) -> Family:
        for _ in range(axes):
            d = d.base
        terms: list[Array] = []
        for x, own in zip(natural.there(xp, *d), natural.axes, strict=True):
            rank = own + axes
            zeros = batch_zeros(xp, _wrapped(d, axes))
            term = product(xp, append_axes(weights, rank), x + append_axes(zeros, rank))
            terms.append(xp.sum(term, axis=-1 - rank))
        return _wrapped(class_of(base)(*natural.back(xp, *terms)), axes)

    return program


def _left(xp: Namespace, program: Callable[..., Family], dtype: DType, d: Family, weights: Array) -> Family:
    q = program(xp, cast(xp, d, dtype), weights)
    return cast_back(xp, q, dtype)
