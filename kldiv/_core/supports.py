"""Supports: where a divergence is infinite because P has outcomes that Q rules out."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeAlias

from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family, FamilyKey, class_of, fields_of, name_of, support_of
from kldiv._core.parameters import any_batch_array
from kldiv._core.registry import Evaluate, Rule
from kldiv._core.validation import tolerances, valid
from kldiv._numerics.edges import indicator, interior, positive_part
from kldiv.domains import Positive, Support

End: TypeAlias = float | str  # of an interval: a number, or the name of the parameter that is the end


def _bound_relation(inner: End, outer: End, sign: int) -> bool | None:
    """Tell whether a lower (sign 1) or upper (sign -1) bound lies inside another; None if it depends on parameters."""
    if outer == -sign * math.inf:
        return True
    if isinstance(inner, str) or isinstance(outer, str):
        return False if inner == -sign * math.inf else None
    return sign * inner >= sign * outer


def _is_positive(kind: FamilyKey, name: str) -> bool:
    return any(field.name == name and field.domain is Positive for field in fields_of(class_of(kind)))


def is_inside(p: FamilyKey, q: FamilyKey) -> bool | None:
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


class _Intervals(NamedTuple):
    """The supports of two families on the line or the integers, of which some ends depend on parameters."""

    space: str
    ends_p: tuple[End, End]
    ends_q: tuple[End, End]
    undecided: tuple[tuple[End, End, int], ...]  # ends of P and Q whose order depends on parameters, and the side
    positive: bool  # whether the lower end of P must be positive

    def are_nested(self, p: Family, q: Family) -> Array:
        """Return where the support of P lies inside that of Q."""
        nested: Array = True
        for end_p, end_q, sign in self.undecided:
            nested = nested & (_end(p, end_p) * sign >= _end(q, end_q) * sign)
        return nested

    def with_p_inside(self, xp: Namespace, p: Family, q: Family, nested: Array) -> Family:
        """Return P, and where supports are not nested a P inside of Q, so that all formulas have a meaning."""
        low, high = _end(q, self.ends_q[0]), _end(q, self.ends_q[1])
        if self.positive:
            low, high = positive_part(xp, low, high)
        inside = zip(self.ends_p, interior(xp, low, high, self.space), strict=True)
        return p._replace(**{end: xp.where(nested, _end(p, end), x) for end, x in inside if isinstance(end, str)})


def _undecided_intervals(p: FamilyKey, q: FamilyKey) -> _Intervals | None:
    """Return the supports of two families if they are intervals and nested or not depending on parameters."""
    a, b = support_of(p), support_of(q)
    if a is None or b is None or a.space != b.space or a.space not in ("line", "integers"):
        return None
    ends_p, ends_q = _ends(p, a), _ends(q, b)
    if ends_p is None or ends_q is None:
        return None
    undecided = [side for side in zip(ends_p, ends_q, (1, -1), strict=True) if _bound_relation(*side) is None]
    positive = isinstance(ends_p[0], str) and _is_positive(p, ends_p[0])
    return _Intervals(a.space, ends_p, ends_q, tuple(undecided), positive) if undecided else None


def infinite_outside(p: FamilyKey, q: FamilyKey, evaluate: Evaluate) -> Evaluate:
    """Return the evaluation, infinite where supports that depend on parameters are not nested."""
    intervals = _undecided_intervals(p, q)
    if intervals is None:
        return evaluate

    def evaluate_inside(xp: Namespace, p: Family, q: Family) -> Array:
        nested = intervals.are_nested(p, q)
        value = evaluate(xp, intervals.with_p_inside(xp, p, q, nested), q)
        return xp.where(nested, value, _surprisal(xp, p, q))

    return evaluate_inside


def _ends(kind: FamilyKey, support: Support) -> tuple[End, End] | None:
    """Return the ends of a support that is an interval; None if one is not a parameter but the length of an axis."""
    ends = (support.low, support.high)
    names = [field.name for field in fields_of(class_of(kind))]
    return None if any(isinstance(end, str) and end not in names for end in ends) else ends


def _end(d: Family, end: End) -> Any:
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
    """Return the rule of a pair whose supports are not nested, whatever the parameters; None if they are or may be."""
    if is_inside(p, q) is False:
        return infinite(p, q, f"{name_of(p)} has outcomes that {name_of(q)} rules out")
    return None
