"""Sums over the outcomes of discrete distributions: exact where these are few, with a tail by quadrature where not.

Far from the ends of the support, log masses are smooth functions between the integers too, and a sum over integers from
k on is the integral from k on with Gregory's correction at its end, which is made of the first few terms.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from kldiv._arrays.compilation import compile_whole
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family, support_of
from kldiv._core.parameters import constant, insert_batch_axes
from kldiv.domains import ONE_HOT, Support
from kldiv.estimation.components import Components, components_of, log_density, with_support
from kldiv.estimation.quadrature import (
    FIRST,
    Integral,
    Integrand,
    TrapezoidRule,
    missing_mass,
    refine,
    rounding_size,
)
from kldiv.estimation.segments import Segment, chart_between, column, end_value, locate_mass

EXACT = 2**14  # outcomes that are all added up, if there are no more
DENSE = 2**10  # outcomes at each end that are added up, if there are more
BLOCK = 2**18  # numbers in a block of terms
ORDER = 12  # of differences in Gregory's correction


class Sum(NamedTuple):
    """Sums over outcomes: of the terms, of what rounding may change of them, and of the mass of each component."""

    value: Array
    rounding: Array
    mass: Array

    def __add__(self, other: Any) -> Sum:
        """Return the sum over the outcomes of both."""
        return Sum(*[a + b for a, b in zip(self, other, strict=True)])


def sum_outcomes(xp: Namespace, p: Family, q: Family, like: Array, *, rtol: float, atol: float) -> Integral:
    """Return the sum of p (log p - log q) over integers, or vectors with a single 1; batches are shaped as `like`."""
    d = with_support(components_of(xp, p).components)
    support = support_of(type(d))
    assert support is not None
    if support == ONE_HOT:
        count = xp.shape(d[0])[-1]
        if count is None:
            raise ValueError("the number of classes must be known where a function is traced")
        value, error, mass, _ = compile_whole(_over_classes, xp, count)(p, q, like)
        return Integral(value, error, mass, count)
    count = _count(xp, *_ends(xp, d, support))
    if count is not None:
        value, error, mass, _ = compile_whole(_over_all, xp, count)(p, q, like)
        return Integral(value, error, mass, count)
    if not xp.eager_is_slow:
        return _with_tail(xp, rtol, atol, p, q, like)
    value, error, mass, _ = compile_whole(_with_tail, xp, 0.0, 0.0)(p, q, like)
    return Integral(value, error, mass, DENSE + FIRST + 1)


def _ends(xp: Namespace, d: Family, support: Support) -> tuple[Any, Any]:
    """Return the ends of a support, each a number or an array."""
    if isinstance(support.high, str) and not hasattr(d, support.high):  # the last class
        return support.low, float((xp.shape(d[0])[-1] or math.nan) - 1)
    return end_value(d, support.low), end_value(d, support.high)


def _prepared(xp: Namespace, p: Family, q: Family, like: Array) -> tuple[Components, _Terms, Array]:
    components = components_of(xp, p)
    like = components.like(xp, like)
    return components, _Terms(xp, p, q, components, like), like


def _over_classes(xp: Namespace, count: int, p: Family, q: Family, like: Array) -> Integral:
    components, terms, _ = _prepared(xp, p, q, like)
    return _finite(xp, components, terms.over_classes(count), count)


def _over_all(xp: Namespace, count: int, p: Family, q: Family, like: Array) -> Integral:
    components, terms, _ = _prepared(xp, p, q, like)
    d = with_support(components.components)
    support = support_of(type(d))
    assert support is not None
    return _finite(xp, components, terms.over(*_ends(xp, d, support), count), count)


class _DenseEnds(NamedTuple):
    """The sums at the ends of a support, and what is left between them for an integral."""

    total: Sum  # with Gregory's correction
    omitted: Array  # the last term of the correction, which bounds those that are left out
    first: Array  # the lowest outcome of the integral
    last: Array | None  # the highest; None: there is no upper end
    has_rest: Array | None  # where there is anything between the ends; None: everywhere


def _with_tail(xp: Namespace, rtol: float, atol: float, p: Family, q: Family, like: Array) -> Integral:
    """Return the sum over the ends of the support, with an integral for the rest."""
    components, terms, like = _prepared(xp, p, q, like)
    d = with_support(components.components)
    support = support_of(type(d))
    assert support is not None
    low, high = _ends(xp, d, support)
    if isinstance(high, float) and math.isinf(high):
        ends = _lower_end(xp, terms, low + xp.zeros_like(like), high)
    else:
        ends = _both_ends(xp, terms, low + xp.zeros_like(like), high + xp.zeros_like(like))
    integrand = Integrand(xp, p, q, extended=True)
    still = Integrand(xp, constant(xp, p), constant(xp, q), extended=True)
    chart = chart_between(ends.first, ends.last)
    segment = Segment(chart, ends.has_rest, *locate_mass(xp, still.log_mass, chart, like))
    rule = TrapezoidRule(xp, integrand, still, segment)
    integral = refine(xp, [rule], components, like, rtol=0.1 * rtol, atol=0.1 * atol)
    # Where the integral is infinite, what is added to it may be anything.
    infinite = xp.abs(xp.stop_gradient(integral.value)) == math.inf
    value = integral.value + xp.where(infinite, 0.0, components.total(xp, ends.total.value))
    error = integral.error + xp.stop_gradient(components.total(xp, ends.total.rounding + xp.abs(ends.omitted)))
    return _finished(xp, components, value, error, ends.total.mass + integral.mass, DENSE + integral.points)


def _lower_end(xp: Namespace, terms: _Terms, low: Array, high: Any) -> _DenseEnds:
    """Return the sums at the lower end of a support."""
    first = low + DENSE
    correction = terms.weighted(first, _gregory(), 1)
    omitted = terms.weighted(first, _last_difference(), 1).value
    return _DenseEnds(terms.over(low, high, DENSE) + correction, omitted, first, None, None)


def _both_ends(xp: Namespace, terms: _Terms, low: Array, high: Array) -> _DenseEnds:
    """Return the sums at both ends of a support; where there are few outcomes, dense sums hold them all."""
    first = low + DENSE
    many = high - low >= 2 * DENSE + 2 * ORDER
    dense = terms.over(low, high, DENSE)
    dense = dense + terms.over(xp.where(many, high - (DENSE - 1), first), high, DENSE + 2 * ORDER)
    last = xp.where(many, high - DENSE, first + 1)
    corrections = terms.weighted(first, _gregory(), 1) + terms.weighted(last, _gregory(), -1)
    omitted = xp.abs(terms.weighted(first, _last_difference(), 1).value)
    omitted = omitted + xp.abs(terms.weighted(last, _last_difference(), -1).value)
    total = dense + [xp.where(many, x, 0.0) for x in corrections]
    return _DenseEnds(total, xp.where(many, omitted, 0.0), first, last, many)


def _finite(xp: Namespace, components: Components, total: Sum, points: int) -> Integral:
    """Return the expectation over the components of sums over all outcomes."""
    error = xp.stop_gradient(components.total(xp, total.rounding))
    return _finished(xp, components, components.total(xp, total.value), error, total.mass, points)


def _finished(xp: Namespace, components: Components, value: Array, error: Array, mass: Array, points: int) -> Integral:
    finite = xp.abs(xp.stop_gradient(value)) < math.inf
    error = xp.where(finite, error + missing_mass(xp, components, mass, value), 0.0)
    return Integral(value, error, mass, points)


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


class _Terms:
    """The terms of a sum, for the components of P."""

    def __init__(self, xp: Namespace, p: Family, q: Family, components: Components, like: Array) -> None:
        self._xp, self._like, self._components = xp, like, components
        self._p, self._q = insert_batch_axes(xp, p, components.axes), insert_batch_axes(xp, q, components.axes)

    def at(self, x: Array, extended: bool = False) -> Sum:
        """Return the terms for outcomes."""
        xp = self._xp
        log_f = log_density(xp, self._components.components, x, extended=extended)
        log_p = log_f if self._components.weights is None else log_density(xp, self._p, x, extended=extended)
        log_q = log_density(xp, self._q, x, extended=extended)
        has_mass = xp.stop_gradient(log_f) > math.log(xp.finfo(log_f.dtype).smallest_normal)
        mass = xp.where(has_mass, xp.exp(xp.where(has_mass, log_f, 0.0)), 0.0)
        log_p, log_q = xp.where(has_mass, log_p, 0.0), xp.where(has_mass, log_q, 0.0)
        eps = 4 * float(xp.finfo(mass.dtype).eps)
        return Sum(mass * (log_p - log_q), xp.stop_gradient(eps * mass * rounding_size(xp, log_p, log_q)), mass)

    def over(self, low: Any, high: Any, count: int) -> Sum:
        """Return the sum over the first `count` integers from `low` on, but not beyond `high`."""
        xp, like = self._xp, self._like
        total = Sum(*[xp.zeros_like(like)] * 3)
        for block in _blocks(xp, count, like):
            x = column(xp, block, like) + low + xp.zeros_like(like)
            inside = x <= high
            terms = self.at(xp.where(inside, x, low + xp.zeros_like(x)))
            total = total + [xp.sum(xp.where(inside, y, 0.0), axis=0) for y in terms]
        return total

    def over_classes(self, count: int) -> Sum:
        """Return the sum over all vectors of a single 1."""
        xp, like = self._xp, self._like
        total = Sum(*[xp.zeros_like(like)] * 3)
        for block in _blocks(xp, count, like):
            rows = [[1.0 if int(k) == j else 0.0 for j in range(count)] for k in block]
            x = xp.asarray_like(rows, like, like.dtype)[(slice(None), *[None] * len(xp.shape(like)), slice(None))]
            total = total + [xp.sum(y, axis=0) for y in self.at(x + xp.zeros_like(like)[..., None])]
        return total

    def weighted(self, start: Array, weights: list[float], sign: int) -> Sum:
        """Return the weighted sum of the terms at `start` and the next integers up or down."""
        xp = self._xp
        x = start + sign * column(xp, [float(i) for i in range(len(weights))], start)
        factors = column(xp, weights, start)
        return Sum(*[xp.sum(factors * y, axis=0) for y in self.at(x, extended=True)])


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
    weights = [Fraction(0)] * ORDER
    for j, g in enumerate(_coefficients()):  # g times the j-th difference, with alternating signs
        for i in range(j + 1):
            weights[i] += g * math.comb(j, i) * (-1) ** i
    return [float(w) for w in weights]


@functools.cache
def _last_difference() -> list[float]:
    """Return the weights of the last difference in Gregory's correction, which bounds those that are left out."""
    coefficient = float(_coefficients()[-1])
    return [coefficient * math.comb(ORDER - 1, i) * (-1) ** i for i in range(ORDER)]
