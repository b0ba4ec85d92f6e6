"""Sums over the outcomes of discrete distributions: exact where these are few, with a tail by quadrature where not.

Far from the ends of the support, log masses are smooth functions between the integers too, and a sum over integers from
k on is the integral from k on with Gregory's correction at its end, which is made of the first few terms.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from kldiv._arrays.compilation import compile_whole
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family, fields_of, support_of, unlisted
from kldiv._core.parameters import constant
from kldiv.domains import CLASSES, ONE_HOT, Support
from kldiv.estimation.components import components_of, with_support
from kldiv.estimation.quadrature import (
    Integral,
    Judge,
    TrapezoidRule,
    refine,
    refined,
    total_of,
    totals_of,
    with_mass_of_q,
)
from kldiv.estimation.segments import Segment, chart_between, column, end_value, locate_mass, same_support
from kldiv.estimation.terms import Densities, Terms, terms_of
from kldiv.estimation.window import Rest

EXACT = 2**14  # outcomes that are all added up, if there are no more
DENSE = 2**10  # outcomes at each end that are added up, if there are more
BLOCK = 2**18  # numbers in a block of terms
ORDER = 12  # of differences in Gregory's correction


def sum_outcomes(xp: Namespace, p: Family, q: Family, like: Array, *, rtol: float, atol: float) -> Integral:
    """Return the sum of p (log p - log q) over integers, or vectors with a single 1; batches are shaped as `like`."""
    return with_mass_of_q(xp, functools.partial(_sum, xp), p, q, like, rtol, atol)


def _sum(
    xp: Namespace, judge: Judge, is_enough: Callable[[Integral], Array], p: Family, q: Family, like: Array
) -> Integral:
    d, support = _bearer(components_of(xp, p).components)
    if support == ONE_HOT:
        body, count = _over_classes, xp.shape(d[0])[-1]
        if count is None:
            raise ValueError("the number of classes must be known where a function is traced")
    else:
        body, count = _over_all, _count(xp, *_ends(xp, d, support))
    if count is None and not (_has_density_between(xp, p) and _has_density_between(xp, q)):
        body, count = _over_most, EXACT
    if count is None:
        integral = refined(xp, _with_tail, judge, is_enough, p, q, like)
        return integral._replace(points=DENSE + integral.points)
    found: Integral = compile_whole(body, xp, judge, count)(p, q, like)
    return found._replace(points=count)


def _has_density_between(xp: Namespace, d: Family) -> bool:
    """Tell whether a distribution has a formula that holds between integers too; a function of a caller may not."""
    return unlisted(type(_bearer(components_of(xp, d).components)[0])) is None


def _bearer(d: Family) -> tuple[Family, Support]:
    """Return the distribution whose support a plain distribution has, and that support."""
    bearer = with_support(d)
    support = support_of(type(bearer))
    assert support is not None
    return bearer, support


def _ends(xp: Namespace, d: Family, support: Support) -> tuple[Any, Any]:
    """Return the ends of a support, each a number or an array."""
    high = end_value(d, support.high)
    if isinstance(high, str):  # the name of an axis: of the classes from 0 on, or of the cuts between them
        length = next(xp.shape(x)[-1] for field, x in zip(fields_of(type(d)), d, strict=True) if high in field.axes)
        high = float((length or math.nan) - (support == CLASSES))
    return end_value(d, support.low), high


def _count(xp: Namespace, low: Any, high: Any) -> int | None:
    """Return how many outcomes there are at most, if they can be counted and are few."""
    if isinstance(low, float) and isinstance(high, float):
        return int(high - low) + 1 if high - low < EXACT else None
    if isinstance(high, float) and math.isinf(high):
        return None
    span = xp.stop_gradient(high - low)
    if not xp.is_concrete(span):
        return None
    most = float(xp.to_numpy(span).max(initial=0.0))
    return int(most) + 1 if most < EXACT else None


# ------------------------------------------------------------------------------------------------ sums of all outcomes


def _over_classes(xp: Namespace, judge: Judge, count: int, p: Family, q: Family, like: Array) -> Integral:
    return _finite(xp, judge, p, q, like, count, _Outcomes(xp, p, q, like).over_classes(count))


def _over_all(xp: Namespace, judge: Judge, count: int, p: Family, q: Family, like: Array) -> Integral:
    outcomes = _Outcomes(xp, p, q, like)
    return _finite(xp, judge, p, q, like, count, outcomes.over(*_ends(xp, *outcomes.bearer), count))


def _over_most(xp: Namespace, judge: Judge, count: int, p: Family, q: Family, like: Array) -> Integral:
    """Return the sum over outcomes next to the lower end, or to 0; the masses tell whether any are left that matter."""
    outcomes = _Outcomes(xp, p, q, like)
    low, high = _ends(xp, *outcomes.bearer)
    low = -0.5 * count if isinstance(low, float) and math.isinf(low) else low
    return _finite(xp, judge, p, q, like, count, outcomes.over(low, high, count))


def _finite(xp: Namespace, judge: Judge, p: Family, q: Family, like: Array, count: int, terms: Terms) -> Integral:
    """Return what is judged of the sum over all outcomes."""
    none = terms.map(xp.zeros_like)
    alike = same_support(xp, p, q, like)
    sums = Rest(terms, none, terms.apart == math.inf, terms.mass > 0)
    totals = total_of(xp, components_of(xp, p), sums, none, alike)
    return judge(xp, totals, count)[0]


# ------------------------------------------------------------------------------------------------ sums of many outcomes


class _DenseEnds(NamedTuple):
    """The sums at the ends of a support, and what is left between them for an integral."""

    terms: Terms  # with Gregory's correction
    omitted: Terms  # the last terms of the correction, which bound those that are left out
    first: Array  # the lowest outcome of the integral
    last: Array | None  # the highest; None: there is no upper end
    has_rest: Array | None  # where there is anything between the ends; None: everywhere


def _with_tail(
    xp: Namespace,
    judge: Judge,
    is_enough: Callable[[Integral], Array] | None,
    count: int,
    p: Family,
    q: Family,
    like: Array,
) -> Integral:
    """Return the sum over the ends of the support, with an integral for the rest."""
    outcomes = _Outcomes(xp, p, q, like)
    ends, components, deep = outcomes.dense_ends(), components_of(xp, p), outcomes.like
    densities = Densities(xp, p, q, between=True)
    still = Densities(xp, constant(xp, p), constant(xp, q), between=True)
    chart = chart_between(ends.first, ends.last)
    segment = Segment(chart, ends.has_rest, *locate_mass(xp, lambda node: still.log_f(node.x), chart, deep))
    rule = TrapezoidRule(xp, densities, still, segment)
    rest = rule.rest.joined(Rest(ends.terms, ends.omitted, ends.terms.apart == math.inf, ends.terms.mass > 0))
    alike = same_support(xp, p, q, like)
    return refine(xp, [rule], lambda sums: totals_of(xp, components, sums, rest, alike), judge, is_enough, count)


class _Outcomes:
    """The terms at outcomes, for the components of P."""

    def __init__(self, xp: Namespace, p: Family, q: Family, like: Array) -> None:
        self._xp = xp
        self._densities, self._between = Densities(xp, p, q), Densities(xp, p, q, between=True)
        self.like = self._densities.components.like(xp, like)
        self.bearer = _bearer(self._densities.components.components)

    def over(self, low: Any, high: Any, count: int) -> Terms:
        """Return the sum over the first `count` integers from `low` on, but not beyond `high`."""
        xp, like = self._xp, self.like
        total = self._none()
        for block in _blocks(xp, count, like):
            x = column(xp, block, like) + low + xp.zeros_like(like)
            inside = x <= high
            terms = terms_of(xp, self._densities.logs(xp.where(inside, x, low + xp.zeros_like(x))))
            total = total + [xp.sum(xp.where(inside, y, 0.0), axis=0) for y in terms]
        return total

    def over_classes(self, count: int) -> Terms:
        """Return the sum over all vectors of a single 1."""
        xp, like = self._xp, self.like
        total = self._none()
        for block in _blocks(xp, count, like):
            rows = [[1.0 if int(k) == j else 0.0 for j in range(count)] for k in block]
            x = xp.asarray_like(rows, like, like.dtype)[(slice(None), *[None] * len(xp.shape(like)), slice(None))]
            terms = terms_of(xp, self._densities.logs(x + xp.zeros_like(like)[..., None]))
            total = total + [xp.sum(y, axis=0) for y in terms]
        return total

    def dense_ends(self) -> _DenseEnds:
        """Return the sums at the ends of the support."""
        xp = self._xp
        low, high = _ends(xp, *self.bearer)
        low = low + xp.zeros_like(self.like)
        if not (isinstance(high, float) and math.isinf(high)):
            return self._both_ends(low, high + xp.zeros_like(self.like))
        first = low + DENSE
        correction, omitted = self._correction(first, 1)
        return _DenseEnds(self.over(low, high, DENSE) + correction, omitted, first, None, None)

    def _both_ends(self, low: Array, high: Array) -> _DenseEnds:
        """Return the sums at both ends of a support; where there are few outcomes, dense sums hold them all."""
        xp, first = self._xp, low + DENSE
        many = high - low >= 2 * DENSE + 2 * ORDER
        dense = self.over(low, high, DENSE)
        dense = dense + self.over(xp.where(many, high - (DENSE - 1), first), high, DENSE + 2 * ORDER)
        last = xp.where(many, high - DENSE, first + 1)
        corrections = [self._correction(first, 1), self._correction(last, -1)]
        correction, omitted = ((a + b).map(lambda x: xp.where(many, x, 0.0)) for a, b in zip(*corrections, strict=True))
        return _DenseEnds(dense + correction, omitted, first, last, many)

    def _correction(self, start: Array, sign: int) -> tuple[Terms, Terms]:
        """Return Gregory's correction at an end of the integral, from where integers go up or down, and its error."""
        xp = self._xp
        x = start + sign * column(xp, [float(i) for i in range(ORDER)], start)
        terms = terms_of(xp, self._between.logs(x))

        def weighted(weights: list[float]) -> Terms:
            factors = column(xp, weights, start)
            sums = terms.map(lambda y: xp.sum(factors * y, axis=0))
            return sums._replace(
                rounding=xp.sum(xp.abs(factors) * terms.rounding, axis=0),
                rounding_near=xp.sum(xp.abs(factors) * terms.rounding_near, axis=0),
                apart=xp.sum(terms.apart, axis=0),
            )

        last, before = ([xp.abs(y) for y in weighted(_difference(order))] for order in (ORDER, ORDER - 1))
        omitted = Terms(*[xp.where(a > b, a, b) for a, b in zip(last, before, strict=True)])
        return weighted(_gregory()), omitted.map(xp.stop_gradient)

    def _none(self) -> Terms:
        return Terms(*[self._xp.zeros_like(self.like)] * len(Terms._fields))


def _blocks(xp: Namespace, count: int, like: Array) -> Iterator[list[float]]:
    numbers = math.prod([length or 1 for length in xp.shape(like)])
    size = max(16, min(count, BLOCK // max(1, numbers)))
    for start in range(0, count, size):
        yield [float(k) for k in range(start, min(start + size, count))]


@functools.cache
def _coefficients() -> tuple[Fraction, ...]:
    """Return Gregory's coefficients 1/2, 1/12, 1/24, 19/720, ..., from z / log(1 + z)."""
    series = [Fraction(1)]
    for n in range(1, ORDER + 1):
        series.append(-sum((series[k] * Fraction((-1) ** (n - k), n - k + 1) for k in range(n)), Fraction(0)))
    return tuple(abs(g) for g in series[1:])


@functools.cache
def _gregory() -> list[float]:
    """Return the weights by which terms at an end are to be added to an integral from there on."""
    return [math.fsum(column) for column in zip(*map(_difference, range(1, ORDER + 1)), strict=True)]


@functools.cache
def _difference(order: int) -> list[float]:
    """Return the weights of one term of the correction: a difference of `order` - 1, with alternating signs."""
    weights = [_coefficients()[order - 1] * math.comb(order - 1, i) * (-1) ** i for i in range(order)]
    return [*map(float, weights), *[0.0] * (ORDER - order)]
