"""Bounds on the divergence of mixtures, which has no closed form, from the closed forms between their components.

Everything is computed from two grids: the divergences between the components of P and those of Q, and between those of
P and one another. A family that is no mixture counts as a mixture of one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

from kldiv._arrays import cache
from kldiv._arrays.compilation import run
from kldiv._arrays.protocol import Array, DType, Namespace
from kldiv._core.family import Distribution, Family, FamilyKey, class_of, held_kinds, kind_of, name_of
from kldiv._core.parameters import any_batch_array, cast, gather_families, insert_batch_axes
from kldiv._core.registry import NoClosedForm, Path, convert
from kldiv._core.search import find, reachable
from kldiv._core.validation import check_structure, diagnose_all, tolerances, valid
from kldiv._numerics.categorical import categorical_gap, log_mixture, normalized, weighted_gap
from kldiv._numerics.edges import finite_part, log
from kldiv._numerics.gaps import entropy_gap, log_ratio
from kldiv._numerics.linalg import identity_like, solve_vector, squares
from kldiv.families.mixture import Mixture
from kldiv.families.multivariate_normal import MultivariateNormalDiag, MultivariateNormalTriL
from kldiv.families.normal import Normal

# The iteration of the variational upper bound converges as that of gradient descent does, with a rate between 0 and 1
# for each direction. Steps of these lengths, one over the roots of a Chebyshev polynomial on [0.03, 1], damp all rates
# in that range in a cycle of eight; of the usual length 1, only the highest. The short ones come first.
_CYCLE = [1 / (0.515 + 0.485 * math.cos(math.pi * (2 * k + 1) / 16)) for k in range(8)]
_STEPS = 6 * _CYCLE
_FAR = 1e30


class Bounds(NamedTuple):
    """A lower and an upper bound on a divergence, in nats: arrays of one number per batch element.

    Examples
    --------
    >>> import kldiv
    >>> lower, upper = kldiv.bounds(kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 1.0))
    >>> print(lower, upper)
    0.5 0.5
    """

    lower: Array
    upper: Array


_Method: TypeAlias = "Callable[[Namespace, Family, Family], Bounds]"


def bounds(
    p: Distribution,
    q: Distribution,
    *,
    method: Literal["tightest", "durrieu", "variational", "matching"] = "tightest",
) -> Bounds:
    """Return a lower and an upper bound on KL(p || q) for mixtures p and q, or a mixture and a distribution.

    With p = sum_a pi_a f_a, q = sum_b om_b g_b, D_ab = KL(f_a || g_b), D_aa' = KL(f_a || f_a'), entropies H_a, and
    overlaps t_ab, z_aa', the integrals of f_a g_b and f_a f_a', the methods are:

    "variational"
        The upper bound is the least of sum_ab [phi_ab log(phi_ab / psi_ab) + phi_ab D_ab] over weights phi with
        sum_b phi_ab = pi_a, and psi with sum_a psi_ab = om_b, to which 48 steps of an iteration lead; what it has not
        reached by then is a bound all the same. The lower bound is 0; or, where q has one component only,
        sum_a pi_a [log sum_a' pi_a' exp(-D_aa') + D_ab].
    "matching"
        The upper bound KL(pi || om) + sum_a pi_a D_aa, with the components in the order given, as many in p as in q;
        the lower bound is 0. It is accurate in all digits where p and q nearly agree, component by component.
    "durrieu"
        For normal components, or those that are a common map of normal ones, such as log-normal:
        sum_a pi_a [log sum_a' pi_a' exp(-D_aa') - log sum_b om_b t_ab - H_a], raised to 0 where it is negative, and
        sum_a pi_a [log sum_a' pi_a' z_aa' - log sum_b om_b exp(-D_ab) + H_a].
    "tightest"
        The largest of the lower and the smallest of the upper bounds that there are for p and q.

    The upper bounds are infinite where some component of p has infinite divergence from every component of q. The
    derivatives are those of the bounds. A weight of 0 takes its component out, with derivative 0.

    Parameters
    ----------
    p, q
        Mixtures, or distributions of any family, which count as mixtures of one. Batch shapes broadcast.
    method
        One of those above.

    Returns
    -------
    Bounds
        Two arrays of the framework, device and dtype of the parameters, and of the shape that their batch shapes
        broadcast to. In nats; 0 <= lower <= KL(p || q) <= upper.

    Raises
    ------
    ValueError
        If a parameter is invalid, shapes do not agree, `method` is none of those, or the numbers of components differ
        for "matching".
    TypeError
        If an argument is not a distribution, or the parameters belong to different frameworks.
    NoClosedForm
        If there is no closed form between the components, or they are not normal for "durrieu".

    References
    ----------
    Hershey and Olsen, "Approximating the Kullback Leibler divergence between Gaussian mixture models", ICASSP 2007.
    Durrieu, Thiran and Kelly, "Lower and upper bounds for approximation of the Kullback-Leibler divergence between
    Gaussian mixture models", ICASSP 2012; its equation 22 lacks a logarithm as printed.

    Examples
    --------
    >>> import kldiv
    >>> p = kldiv.Mixture([0.3, 0.7], kldiv.Normal([-2.0, 3.0], [0.5, 1.0]))
    >>> q = kldiv.Mixture([0.6, 0.4], kldiv.Normal([-1.0, 2.0], [1.0, 1.5]))
    >>> lower, upper = kldiv.bounds(p, q)  # the divergence is 0.6468
    >>> print(round(float(lower), 12), round(float(upper), 12))
    0.528923144785 0.674167738342
    """
    if method not in _METHODS:
        raise ValueError(f"method must be one of {', '.join(map(repr, _METHODS))}; got {method!r}")
    xp, arrays, dtype, (p, q) = gather_families(p=p, q=q)
    check_structure(xp, p, q)
    _require_method(xp, method, p, q)
    result: Bounds = run(_bounds, _METHODS[method], xp, dtype, arrays, p, q)
    if __debug__ and xp.is_concrete(result.upper) and bool(xp.any(xp.isnan(result.lower) | xp.isnan(result.upper))):
        diagnose_all(xp, dtype, p=p, q=q)
    return result


def _bounds(xp: Namespace, method: _Method, dtype: DType, p: Family, q: Family) -> Bounds:
    """Return the bounds in `dtype`, nan where parameters are invalid."""
    eps_p, eps_q = tolerances(xp, p), tolerances(xp, q)
    p, q = cast(xp, p, dtype), cast(xp, q, dtype)
    good = valid(xp, p, eps_p, inherent=True) & valid(xp, q, eps_q, inherent=True)
    lower, upper = [xp.astype(xp.where(good, x, math.nan), dtype) for x in method(xp, p, q)]
    return Bounds(lower, upper)


def variational_approximation(xp: Namespace, p: Family, q: Family) -> Array:
    """sum_a pi_a log[sum_a' pi_a' exp(-D_aa') / sum_b om_b exp(-D_ab)]: an approximation, and no bound.

    The arguments are as `kldiv._core.registry.Evaluate` takes them. Source: Hershey and Olsen 2007
    """
    return _approximation(xp, _grids(xp, p, q))


# ---------------------------------------------------------------------------------------------------------- components


def as_mixture(xp: Namespace, d: Family) -> tuple[Array, Family]:
    """Return the weights of any distribution as a mixture, whose sum is 1, and its components."""
    if isinstance(d, Mixture):
        return normalized(xp, d.probs), d.components
    return xp.ones_like(any_batch_array(xp, d))[..., None], insert_batch_axes(xp, d)


def component_kind(kind: FamilyKey) -> FamilyKey:
    """Return the kind of the components of a kind as a mixture."""
    return held_kinds(kind)[0] if class_of(kind) is Mixture else kind


def require_closed_form(p: FamilyKey, q: FamilyKey, what: str) -> None:
    """Raise NoClosedForm, naming the pair, unless there is a closed form between two kinds of components."""
    if not _has_closed_form(p, q):
        raise NoClosedForm(
            f"{what} need a closed form for KL({name_of(p)} || {name_of(q)}) between components, and there is none; "
            "kldiv.estimate(p, q) needs none"
        )


def _has_closed_form(p: FamilyKey, q: FamilyKey) -> bool:
    try:
        find(p, q)
    except NoClosedForm:
        return False
    return True


class _Grids(NamedTuple):
    """The weights of two mixtures, their components along axes that broadcast to pairs, and the divergences."""

    pi: Array  # (..., a)
    om: Array  # (..., b)
    f: Family  # the components of P, along the last batch axis but one of length 1
    f_columns: Family  # the same, along the last batch axis
    g: Family  # those of Q, along the last batch axis
    kl: Array  # (..., a, b)


def _grids(xp: Namespace, p: Family, q: Family) -> _Grids:
    (pi, f), (om, g) = as_mixture(xp, p), as_mixture(xp, q)
    f, f_columns = insert_batch_axes(xp, f), insert_batch_axes(xp, f, before=1)
    g = insert_batch_axes(xp, g, before=1)
    kl = find(kind_of(f), kind_of(g)).evaluate(xp, f, g)
    return _Grids(pi, om, f, f_columns, g, kl + xp.zeros_like(pi[..., :, None] + om[..., None, :]))


def _kl_within_p(xp: Namespace, grids: _Grids) -> Array:
    """Return the divergences between components of P (..., a, a')."""
    return find(kind_of(grids.f), kind_of(grids.f)).evaluate(xp, grids.f, grids.f_columns)


# ------------------------------------------------------------------------------------------------------------- methods


def _approximation(xp: Namespace, grids: _Grids) -> Array:
    to_p = log_mixture(xp, grids.pi[..., None, :], -_kl_within_p(xp, grids))
    return weighted_gap(xp, grids.pi, to_p - log_mixture(xp, grids.om[..., None, :], -grids.kl))


def _variational(xp: Namespace, p: Family, q: Family) -> Bounds:
    grids = _grids(xp, p, q)
    upper = _variational_upper(xp, grids.pi, grids.om, grids.kl)
    return Bounds(_single_lower(xp, grids, _zero(xp, upper)), upper)


def _matching(xp: Namespace, p: Family, q: Family) -> Bounds:
    grids = _grids(xp, p, q)
    upper = _matching_upper(xp, grids)
    return Bounds(_zero(xp, upper), upper)


def _durrieu(xp: Namespace, p: Family, q: Family) -> Bounds:
    lower, upper = _durrieu_bounds(xp, _grids(xp, p, q))
    return Bounds(_larger(xp, lower, xp.zeros_like(lower)), upper)


def _tightest(xp: Namespace, p: Family, q: Family) -> Bounds:
    grids = _grids(xp, p, q)
    upper = _variational_upper(xp, grids.pi, grids.om, grids.kl)
    lower = _single_lower(xp, grids, _zero(xp, upper))
    upper = _smaller(xp, upper, _matching_upper(xp, grids))
    if _normal_pair(kind_of(grids.f), kind_of(grids.g)) is not None:
        durrieu = _durrieu_bounds(xp, grids)
        lower, upper = _larger(xp, lower, durrieu.lower), _smaller(xp, upper, durrieu.upper)
    return Bounds(lower, upper)


_METHODS: dict[str, _Method] = {
    "tightest": _tightest,
    "durrieu": _durrieu,
    "variational": _variational,
    "matching": _matching,
}


def _require_method(xp: Namespace, method: str, p: Family, q: Family) -> None:
    """Raise an error that says why, unless there are the bounds of this method for p and q."""
    kind_p, kind_q = component_kind(kind_of(p)), component_kind(kind_of(q))
    require_closed_form(kind_p, kind_q, "bounds")
    if method == "durrieu" and _normal_pair(kind_p, kind_q) is None:
        raise NoClosedForm(
            f"method 'durrieu' needs normal components, or a common map of normal ones; got {name_of(kind_p)} and "
            f"{name_of(kind_q)}; method 'variational' needs no more than closed forms between components"
        )
    if method == "matching":
        m, n = [xp.shape(d.probs)[-1] if isinstance(d, Mixture) else 1 for d in (p, q)]
        if m is None or n is None or m != n:
            raise ValueError(f"method 'matching' pairs components, but p has {m} and q has {n}")


def _zero(xp: Namespace, upper: Array) -> Array:
    """Return 0 as the lower bound, with derivative 0."""
    return 0.0 * finite_part(xp, upper)[0]


def _larger(xp: Namespace, x: Array, y: Array) -> Array:
    return xp.where(x > y, x, y)


def _smaller(xp: Namespace, x: Array, y: Array) -> Array:
    return xp.where(x < y, x, y)


def _single_lower(xp: Namespace, grids: _Grids, zero: Array) -> Array:
    """The lower bound that there is where Q has only one component of positive weight."""
    if not _has_closed_form(kind_of(grids.f), kind_of(grids.f)):
        return zero
    # The expectation of log q is exact then, and that of log p is bounded from below in the approximation.
    single = xp.sum(xp.where(grids.om > 0, xp.ones_like(grids.om), 0.0), axis=-1) == 1
    value = _approximation(xp, grids)
    return xp.where(single & (value > 0), value, zero)


def _matching_upper(xp: Namespace, grids: _Grids) -> Array:
    """KL(pi || om) + sum_a pi_a D_aa, infinite where the numbers of components differ."""
    pi, om, kl = grids.pi, grids.om, grids.kl
    diagonal = identity_like(xp, kl) > 0
    alike = xp.sum(xp.ones_like(pi), axis=-1) == xp.sum(xp.ones_like(om), axis=-1)
    partners = xp.sum(xp.where(diagonal, om[..., None, :], 0.0), axis=-1)
    partners = xp.where(alike[..., None], partners, pi)
    value = categorical_gap(xp, pi, partners) + weighted_gap(xp, pi, xp.sum(xp.where(diagonal, kl, 0.0), axis=-1))
    return xp.where(alike, value, math.inf)


def _variational_upper(xp: Namespace, pi: Array, om: Array, kl: Array) -> Array:
    """The least of sum_ab [phi_ab log(phi_ab / psi_ab) + phi_ab D_ab].

    Source: Hershey and Olsen 2007; with psi_ab = om_b s_ab, its iteration is s_ab proportional to
    s_ab (pi_a exp(-D_ab) / u_a)^w at w = 1, where u_a = sum_b om_b s_ab exp(-D_ab). Other powers have the same fixed
    points.
    """
    distance, finite = finite_part(xp, kl)
    allowed = finite & (pi > 0)[..., :, None] & (om > 0)[..., None, :]
    log_pi = log(xp, xp.where(pi > 0, pi, 1.0))[..., :, None]
    log_om = log(xp, xp.where(om > 0, om, 1.0))[..., None, :]
    # So far that its exponential is 0, and finite, so that no derivative is nan.
    far = xp.where(allowed, -distance, -_FAR)
    log_s = _log_shares(xp, log_pi, log_om, far, allowed)
    u = log_s + (log_om + far)
    phi = xp.where(allowed, xp.exp(xp.where(allowed, log_pi + u - _log_sum(xp, u, -1), 0.0)), 0.0)
    psi = xp.where(allowed, xp.exp(xp.where(allowed, log_om + log_s, 0.0)), 0.0)
    # A component of Q that is infinitely far from all those of P keeps its weight, which nothing of phi is compared to.
    lonely = ~xp.any(allowed, axis=-2)
    unused = xp.sum(xp.where(lonely, om, 0.0), axis=-1)
    value = xp.sum(entropy_gap(xp, phi, psi) + phi * distance, axis=(-2, -1)) + unused
    return xp.where(xp.any((pi > 0) & ~xp.any(allowed, axis=-1), axis=-1), math.inf, value)


def _log_shares(xp: Namespace, log_pi: Array, log_om: Array, far: Array, allowed: Array) -> Array:
    """Return the logarithms of s_ab after the iteration; `far` is -D_ab."""
    to_q, to_p = log_om + far, log_pi + far

    def step(log_s: Array, power: Array) -> Array:
        moved = log_s + power * (to_p - _log_sum(xp, log_s + to_q, -1))
        return moved - _log_sum(xp, moved, -2)

    start = xp.where(allowed, log_pi + xp.zeros_like(far), -_FAR)
    start = start - _log_sum(xp, start, -2)
    shares: Array = xp.scan(step, start, (xp.asarray_like([[[w]] for w in _STEPS], far, far.dtype),))
    return shares


def _log_sum(xp: Namespace, x: Array, axis: int) -> Array:
    """Return log sum exp(x), with the axis kept."""
    top = xp.stop_gradient(xp.max(x, axis=axis, keepdims=True))
    return top + xp.log(xp.sum(xp.exp(x - top), axis=axis, keepdims=True))


def _durrieu_bounds(xp: Namespace, grids: _Grids) -> Bounds:
    """The bounds of Durrieu, Thiran and Kelly 2012, the lower one as it comes."""
    pair = _normal_pair(kind_of(grids.f), kind_of(grids.g))
    assert pair is not None
    f, f_columns = (convert(xp, pair.path, d, 0) for d in (grids.f, grids.f_columns))
    g = convert(xp, pair.path, grids.g, 1)
    pi, om = grids.pi[..., None, :], grids.om[..., None, :]
    near, far = log_mixture(xp, pi, -_kl_within_p(xp, grids)), log_mixture(xp, om, pair.overlap(xp, *f, *g))
    lower = weighted_gap(xp, grids.pi, near - far)
    near, far = log_mixture(xp, pi, pair.overlap(xp, *f, *f_columns)), log_mixture(xp, om, -grids.kl)
    return Bounds(lower, weighted_gap(xp, grids.pi, near - far))


# ------------------------------------------------------------------------------------------------------ normal overlaps

# The logarithm of the overlap of two densities changes with the unit of the outcome, and so does the entropy: what does
# not is log t_ab + H_a, and is at most half the dimension.


def _normal_terms(xp: Namespace, loc_a: Array, scale_a: Array, loc_b: Array, scale_b: Array) -> Array:
    """1/2 - log(s / s_a) - (m_a - m_b)^2 / (2 s^2), with s^2 = s_a^2 + s_b^2."""
    wider = scale_a > scale_b
    ratio = xp.where(wider, scale_b, scale_a) / xp.where(wider, scale_a, scale_b)
    scale = xp.where(wider, scale_a, scale_b) * xp.sqrt(1 + ratio * ratio)
    z = (loc_a - loc_b) / scale
    return 0.5 - log_ratio(xp, scale, scale_a) - 0.5 * z * z


def _diagonal_overlap(xp: Namespace, loc_a: Array, scale_a: Array, loc_b: Array, scale_b: Array) -> Array:
    return xp.sum(_normal_terms(xp, loc_a, scale_a, loc_b, scale_b), axis=-1)


def _tril_overlap(xp: Namespace, loc_a: Array, tril_a: Array, loc_b: Array, tril_b: Array) -> Array:
    """[d - log det M - z' M^-1 z] / 2, with M = I + L_a^-1 S_b L_a'^-1 and z = L_a^-1 (m_a - m_b)."""
    root = xp.solve_triangular(tril_a, tril_b)
    z = solve_vector(xp, tril_a, loc_a - loc_b)
    # The matrix times a number that keeps it in range.
    unit = xp.stop_gradient(1 / xp.sqrt(1 + squares(xp, root)))[..., None, None]
    root = root * unit
    matrix = unit * unit * identity_like(xp, root) + xp.matmul(root, xp.matrix_transpose(root))
    # Too ill-conditioned to be positive definite as it rounds: the overlap is at most that of equal means and S_b = 0.
    good = xp.all(xp.isfinite(xp.cholesky(xp.stop_gradient(matrix))), axis=(-2, -1))
    factor = xp.cholesky(xp.where(good[..., None, None], matrix, identity_like(xp, matrix)))
    y = solve_vector(xp, factor, z * unit[..., 0])
    value = 0.5 + xp.log(unit[..., 0]) - xp.log(xp.diagonal(factor)) - 0.5 * y * y
    return xp.sum(xp.where(good[..., None], value, 0.5), axis=-1)


_OVERLAPS: dict[FamilyKey, Callable[..., Array]] = {
    Normal: _normal_terms,
    MultivariateNormalDiag: _diagonal_overlap,
    MultivariateNormalTriL: _tril_overlap,
}


class _NormalPair(NamedTuple):
    """The conversions that make components normal, and the overlap of those."""

    path: Path
    overlap: Callable[..., Array]


def _normal_pair(p: FamilyKey, q: FamilyKey) -> _NormalPair | None:
    """Return the way to see two kinds as normal: because they are, or because both are the same map of normal ones."""
    entry: tuple[_NormalPair | None] = cache.get_or_make("normal pairs", (p, q), lambda: (_search_normal_pair(p, q),))
    return entry[0]


def _search_normal_pair(p: FamilyKey, q: FamilyKey) -> _NormalPair | None:
    if p == q and p in _OVERLAPS:  # the usual case, before a search that takes a compiler long to follow
        return _NormalPair((), _OVERLAPS[p])
    for at_p, at_q, path in reachable(p, q):
        if at_p == at_q and at_p in _OVERLAPS:
            return _NormalPair(path, _OVERLAPS[at_p])
    return None
