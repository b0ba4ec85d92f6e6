"""Supports: where a divergence is infinite because P has outcomes that Q rules out."""

from __future__ import annotations

import math
from typing import Any

from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family, FamilyKey, class_of, fields_of, name_of, support_of
from kldiv._core.parameters import any_batch_array
from kldiv._core.registry import Evaluate, Rule
from kldiv._core.validation import tolerances, valid
from kldiv._numerics.edges import indicator, interior, positive_part
from kldiv.domains import Positive, Support


def _bound_relation(inner: float | str, outer: float | str, sign: int) -> bool | None:
    """Tell whether a lower (sign 1) or upper (sign -1) bound lies inside another; None if it depends on parameters."""
    if outer == -sign * math.inf:
        return True
    if isinstance(inner, str) or isinstance(outer, str):
        return False if inner == -sign * math.inf else None
    return sign * inner >= sign * outer


def _is_positive(kind: FamilyKey, name: str) -> bool:
    return any(field.name == name and field.domain is Positive for field in fields_of(class_of(kind)))


def _is_inside(p: FamilyKey, q: FamilyKey) -> bool | None:
    """Tell whether the support of p lies inside that of q; None if it depends on parameters or is not known."""
    a, b = support_of(p), support_of(q)
    if a is None or b is None or len(a.axes) != len(b.axes):
        return None
    if a.space != b.space:
        return None if a.within == b.space else False
    low, high = _bound_relation(a.low, b.low, 1), _bound_relation(a.high, b.high, -1)
    if isinstance(b.low, str) and not isinstance(a.low, str) and a.low <= 0 and _is_positive(q, b.low):
        return False
    return False if low is False or high is False else None if low is None or high is None else True


def guarded(p: FamilyKey, q: FamilyKey, evaluate: Evaluate) -> Evaluate:
    """Return the evaluation, infinite where supports that depend on parameters are not nested."""
    a, b = support_of(p), support_of(q)
    if a is None or b is None or a.space != b.space or a.space not in ("line", "integers"):
        return evaluate
    inside, outside = _ends(p, a), _ends(q, b)
    if inside is None or outside is None:
        return evaluate
    sides = [side for side in zip(inside, outside, (1, -1), strict=True) if _bound_relation(*side) is None]
    if not sides:
        return evaluate

    positive = isinstance(inside[0], str) and _is_positive(p, inside[0])

    def guarded(xp: Namespace, p: Family, q: Family) -> Array:
        nested = True
        for inner, outer, sign in sides:
            nested = nested & (_end(p, inner) * sign >= _end(q, outer) * sign)
        # Where they are not nested, a P inside of Q stands in, so that nothing is evaluated where it has no meaning.
        low, high = _end(q, outside[0]), _end(q, outside[1])
        if positive:
            low, high = positive_part(xp, low, high)
        low, high = interior(xp, low, high, a.space)
        ends = zip(inside, (low, high), strict=True)
        stand_in = {end: xp.where(nested, _end(p, end), x) for end, x in ends if isinstance(end, str)}
        return xp.where(nested, evaluate(xp, p._replace(**stand_in), q), _surprisal(xp, p, q))

    return guarded


def _ends(kind: FamilyKey, support: Support) -> tuple[float | str, float | str] | None:
    """Return the ends of a support that is an interval; None if one is not a parameter but the length of an axis."""
    ends = (support.low, support.high)
    names = [field.name for field in fields_of(class_of(kind))]
    return None if any(isinstance(end, str) and end not in names for end in ends) else ends


def _end(d: Family, end: float | str) -> Any:
    return getattr(d, end) if isinstance(end, str) else end


def _surprisal(xp: Namespace, p: Family, q: Family) -> Array:
    """Return the divergence where P has outcomes that Q rules out: infinite, unless P has no more than one outcome."""
    member = any_batch_array(xp, p)
    value = indicator(xp, member != member, member)  # inf, with derivative 0
    support = support_of(type(p))
    if support is None or not hasattr(p, "is_certain_of") or not hasattr(q, "is_certain_of"):
        return value
    ends = _ends(type(p), support) or ()
    for end in ends:
        if isinstance(end, str) or math.isfinite(end):
            point = _end(p, end) + xp.zeros_like(member)
            value = xp.where(p.is_certain_of(xp, point), -q.log_density(point), value)
    return value


def infinite(p: FamilyKey, q: FamilyKey, why: str) -> Rule:
    """Return the rule of a pair whose divergence is infinite, but from a P with one outcome only."""

    def evaluate(xp: Namespace, a: Family, b: Family) -> Array:
        # The check of the parameters broadcasts this to the shape of the batch; the derivative of a constant is 0.
        good = valid(xp, a, tolerances(xp, a), inherent=True) & valid(xp, b, tolerances(xp, b), inherent=True)
        return xp.where(good, _surprisal(xp, a, b), xp.zeros_like(any_batch_array(xp, a)) + math.nan)

    return Rule(p, q, "infinite", (f"infinite: {why}",), None, evaluate)


def support_rule(p: FamilyKey, q: FamilyKey) -> Rule | None:
    if _is_inside(p, q) is False:
        return infinite(p, q, f"{name_of(p)} has outcomes that {name_of(q)} rules out")
    return None
