"""Integrals over one dimension: the trapezoid rule in a variable in which the mass lies near 0 on the scale of 1.

The integral of f (log p - log q) for each component f of P is split into segments, on each of which the mass of f is
located first. Then x = centre + width sinh(sinh(u)), or the like for a segment with ends, turns tails of all kinds into
ones that fall double exponentially, for which the rule converges geometrically (Takahasi and Mori 1974). Its step is
halved until its results agree. What lies beyond the outcomes that floats can tell apart is added from how the integrand
falls there. The same points say whether the densities integrate to 1.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from kldiv._arrays.compilation import compile_whole
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family
from kldiv._core.parameters import constant
from kldiv.estimation.components import Components, components_of
from kldiv.estimation.segments import Segment, column, same_support, segments_of
from kldiv.estimation.terms import Densities, Terms, stacked, terms_of
from kldiv.estimation.window import Rest, log_cosh, rest_beyond, sinh, window_of

FIRST = 256  # steps of the first rule, whose every second, fourth and eighth point make coarser ones
LAST = 4096  # of the finest
WHOLE = (FIRST, 1024, LAST)  # where a rule is compiled as a whole, and not refined step by step


class Mass(NamedTuple):
    """The integral of a density, which is 1 if it is one."""

    value: Array
    error: Array

    def is_wrong(self, xp: Namespace) -> Array:
        """Return where it is certain that a density does not integrate to 1."""
        return xp.abs(self.value - 1) > 0.01 + 10 * self.error


class Integral(NamedTuple):
    """An integral over all components of P, as far as it is known."""

    value: Array
    error: Array  # a bound on what truncation and the step leave, and an estimate of what rounding leaves
    mass: Mass  # of P, as the points see it
    mass_q: Mass  # of Q
    points: int  # of each component and segment


def allowed_error(xp: Namespace, value: Array, rtol: float, atol: float) -> Array:
    """Return the error that meets the tolerance; that of an infinite value is 0."""
    size = xp.abs(xp.stop_gradient(value))
    return atol + rtol * xp.where(size < math.inf, size, 0.0)


# ------------------------------------------------------------------------------------------------------------- the rule


class Sums(NamedTuple):
    """The sums of a rule over its window, with the fields of `Terms` along an axis."""

    quarters: Array  # along the first axis: rules of four times the step, each shifted by one step more
    before: Array  # how far apart rules of eight times the step are

    def finest(self, xp: Namespace) -> Array:
        """Return the rule with all points."""
        return 0.25 * xp.sum(self.quarters, axis=0)


class TrapezoidRule:
    """The trapezoid rule on one segment, refined by halving its step."""

    def __init__(self, xp: Namespace, densities: Densities, still: Densities, segment: Segment) -> None:
        """Find the part of the axis outside of which `still`, the densities without derivatives, add nothing."""
        self._xp, self._densities, self._segment = xp, densities, segment
        self._window = window_of(xp, still, segment._replace(chart=segment.chart.constant(xp)))
        self.rest = rest_beyond(xp, densities, segment, self._window)

    def first_sums(self, count: int) -> Sums:
        """Return the sums with `count` steps."""
        xp = self._xp
        terms = self._terms([k / count for k in range(count + 1)])
        terms = terms * column(xp, [0.5, *[1.0] * (count - 1), 0.5], terms[0, 0, ...])
        eighths = [_every(xp, terms, 8, k, count) for k in (0, 4)]
        quarters = stacked(xp, [_every(xp, terms, 4, k, count) for k in range(4)])
        return Sums(quarters, _finite(xp, xp.abs(xp.stop_gradient(eighths[0] - eighths[1]))))

    def halved(self, sums: Sums, count: int) -> Sums:
        """Return the sums with twice `count` steps, from those with `count`."""
        xp = self._xp
        terms = self._terms([(2 * k + 1) / (2 * count) for k in range(count)])
        even, odd = (0.5 * (sums.quarters[k, ...] + sums.quarters[k + 2, ...]) for k in (0, 1))
        quarters = stacked(xp, [even, _every(xp, terms, 2, 0, count), odd, _every(xp, terms, 2, 1, count)])
        return Sums(quarters, _distance(xp, sums.quarters, sums.finest(xp)))

    def _terms(self, fractions: list[float]) -> Array:
        """Return the terms at points, given as fractions of the window, times its length."""
        xp, segment, low, high = self._xp, self._segment, self._window.low, self._window.high
        u = low + (high - low) * column(xp, fractions, segment.place)
        node = segment.node(xp, sinh(xp, u))
        log_slope = node.log_slope + log_cosh(xp, u) + xp.log(high - low)
        terms = stacked(xp, terms_of(xp, self._densities.logs(node.x, node.complement), log_slope, node.blur))
        return terms if segment.exists is None else xp.where(segment.exists, terms, 0.0)


def _every(xp: Namespace, terms: Array, n: int, first: int, count: int) -> Array:
    """Return the rule with each n-th of the points of one with `count` steps."""
    return xp.sum(terms[:, first::n, ...], axis=1) * (n / count)


def _distance(xp: Namespace, rules: Array, finest: Array) -> Array:
    """Return the largest distance of rules, along the first axis, from the finest one."""
    return xp.max(_finite(xp, xp.abs(xp.stop_gradient(rules - finest))), axis=0)


def _step_errors(xp: Namespace, sums: Sums) -> Array:
    """Return how far off the rule with all points is.

    Rules of two and of four times the step are off by d and e, each the largest of the differences between shifted
    rules and the finest one, since a single difference may vanish by chance. Differences that fall geometrically leave
    less than d. Where the rule converges exponentially the next difference is about d (d / e), or less, of which ten
    times is taken.
    """
    finest, before = sums.finest(xp), sums.before
    e = _distance(xp, sums.quarters, finest)
    d = _finite(xp, xp.abs(xp.stop_gradient(0.5 * (sums.quarters[0, ...] + sums.quarters[2, ...]) - finest)))
    expected = e * xp.where(before > e, e / xp.where(before > 0, before, 1.0), 1.0)
    d = 2 * xp.where(d > expected, d, expected)
    falls = xp.where(e > 0, 10 * d / xp.where(e > 0, e, 1.0), 1.0)
    return d * xp.where(falls < 1, falls, 1.0)


def _finite(xp: Namespace, x: Array) -> Array:
    return xp.where(xp.isfinite(x), x, 0.0)


# --------------------------------------------------------------------------------------------------------- the integral


class Totals(NamedTuple):
    """Sums over all segments and components of P."""

    terms: Terms
    step: Terms  # what the step leaves
    beyond: Terms  # what the rest beyond windows may be off by
    missing: Array  # by how much the masses of components differ from 1
    infinite: Array
    seen: Array  # where P is positive at all
    alike: Array  # where P and Q have the same support


# From sums and the number of points to what is asked for, and to where a smaller step would make it no better.
Judge: TypeAlias = Callable[[Namespace, Totals, int], tuple[Integral, Array]]


def divergence(xp: Namespace, totals: Totals, points: int) -> tuple[Integral, Array]:
    """Return the divergence from sums."""
    terms, missing = totals.terms, totals.missing + totals.beyond.mass
    near = totals.alike & (terms.apart == 0)
    far_size = xp.abs(_finite(xp, xp.stop_gradient(terms.far)))
    # Where log(q / p) is off by d, its gap is off by d |q / p - 1|, whose mean is at most sqrt(2 KL).
    near_size = xp.sqrt(2 * _finite(xp, xp.stop_gradient(terms.near)))
    step = xp.where(near, totals.step.near, totals.step.far + 10 * totals.step.mass * (1 + far_size))
    floor = xp.where(
        near,
        totals.beyond.near
        + terms.rounding_near
        + 2 * missing * near_size
        + xp.where(missing < 1e-6, 0.0 * missing, math.inf),
        totals.beyond.far + terms.rounding + 10 * missing * (1 + far_size),
    )
    value = xp.where(near, terms.near, terms.far)
    known = xp.isfinite(xp.stop_gradient(value)) & ~totals.infinite
    value = xp.where(known, value - xp.where(value < 0, xp.stop_gradient(value), 0.0), math.inf)
    error = xp.where(totals.infinite, 0.0, xp.where(known, step + floor, math.inf))
    done = ~known | (step <= 0.5 * floor) | ~(floor < math.inf)
    return Integral(value, error, _mass_of(xp, totals), Mass(terms.mass_q, xp.zeros_like(error)), points), done


def mass(xp: Namespace, totals: Totals, points: int) -> tuple[Integral, Array]:
    """Return the mass of P from sums, as an integral of its own."""
    found = _mass_of(xp, totals)
    return Integral(found.value, found.error, found, found, points), 2 * totals.step.mass <= found.error


def _mass_of(xp: Namespace, totals: Totals) -> Mass:
    """Return the mass of P, which is not known where P is positive, but too narrow for what floats can tell apart."""
    value = totals.terms.mass
    narrow = totals.seen & (value < 0.01)
    error = totals.step.mass + totals.beyond.mass + totals.terms.rounding
    return Mass(value, xp.where(narrow | totals.infinite, math.inf, error))


def totals_of(xp: Namespace, components: Components, sums: list[Sums], rest: Rest, alike: Array) -> Totals:
    """Return the sums over components of P, from those of the rules of all segments and what these leave."""
    terms = rest.terms + Terms.unstacked(functools.reduce(operator.add, [s.finest(xp) for s in sums]))
    step = Terms.unstacked(functools.reduce(operator.add, [_step_errors(xp, s) for s in sums]))
    return total_of(xp, components, rest._replace(terms=terms), step, alike)


def total_of(xp: Namespace, components: Components, sums: Rest, step: Terms, alike: Array) -> Totals:
    """Return the sums over components of P."""
    terms = sums.terms

    def total(x: Array) -> Array:
        return components.total(xp, x)

    missing = total(xp.abs(xp.stop_gradient(terms.mass) - 1))
    infinite, seen = (total(xp.where(x, xp.ones_like(terms.mass), 0.0)) > 0 for x in (sums.infinite, sums.seen))
    return Totals(terms.map(total), step.map(total), sums.errors.map(total), missing, infinite, seen, alike)


def integrate(xp: Namespace, p: Family, q: Family, like: Array, *, rtol: float, atol: float) -> Integral:
    """Return the integral of p (log p - log q) over numbers; the batch shape is that of `like`."""
    return with_mass_of_q(xp, functools.partial(refined, xp, _integral), p, q, like, rtol, atol)


def with_mass_of_q(
    xp: Namespace, compute: Callable[..., Integral], p: Family, q: Family, like: Array, rtol: float, atol: float
) -> Integral:
    """Return the divergence, with the error that follows if Q does not integrate to 1.

    Where the outcomes of P do not see all of Q, the mass of Q is computed by itself.
    """
    integral = compute(divergence, lambda found: found.error <= allowed_error(xp, found.value, rtol, atol), p, q, like)
    missed = xp.abs(integral.mass_q.value - 1)
    little = 0.05 * allowed_error(xp, integral.value, rtol, atol)
    seen = (missed < 1e-8) | (missed < little) | (integral.value == math.inf)
    integral = integral._replace(
        error=integral.error + xp.where(seen & (missed >= 1e-8) & (integral.value < math.inf), 2 * missed, 0.0),
        mass_q=Mass(xp.ones_like(missed), xp.zeros_like(missed)),
    )
    if xp.is_concrete(seen) and bool(xp.all(seen)):
        return integral
    own = compute(mass, lambda found: found.error < 1e-9, q, q, like)
    positive = own.value > 0
    off = own.error + xp.abs(xp.log(xp.where(positive, own.value, 1.0)))
    error = xp.where(seen, 0.0, xp.where(positive, 2 * off, math.inf))
    mass_q = Mass(*[xp.where(seen, a, b) for a, b in zip(integral.mass_q, own.mass, strict=True)])
    return integral._replace(error=integral.error + xp.stop_gradient(error), mass_q=mass_q)


def refined(
    xp: Namespace,
    body: Callable[..., Integral],
    judge: Judge,
    is_enough: Callable[[Integral], Array],
    p: Family,
    q: Family,
    like: Array,
) -> Integral:
    """Return an integral with steps as small as needed."""
    if not xp.eager_is_slow:
        return body(xp, judge, is_enough, FIRST, p, q, like)
    for count in WHOLE:
        found: Integral = compile_whole(body, xp, judge, None, count)(p, q, like)
        integral = found._replace(points=count + 1)
        enough = is_enough(integral)
        if count == LAST or not xp.is_concrete(enough) or bool(xp.all(enough)):
            return integral
    raise AssertionError("the last rule is returned whatever its error")


def _integral(
    xp: Namespace,
    judge: Judge,
    is_enough: Callable[[Integral], Array] | None,
    count: int,
    p: Family,
    q: Family,
    like: Array,
) -> Integral:
    components = components_of(xp, p)
    alike, deep = same_support(xp, p, q, like), components.like(xp, like)
    still_p = constant(xp, p)
    densities, still = Densities(xp, p, q), Densities(xp, still_p, still_p if p is q else constant(xp, q))
    segments = segments_of(xp, lambda node: still.log_f(node.x, node.complement), p, q, components, deep)
    rules = [TrapezoidRule(xp, densities, still, segment) for segment in segments]
    rest = functools.reduce(Rest.joined, [rule.rest for rule in rules])
    return refine(xp, rules, lambda sums: totals_of(xp, components, sums, rest, alike), judge, is_enough, count)


def refine(
    xp: Namespace,
    rules: list[TrapezoidRule],
    totals: Callable[[list[Sums]], Totals],
    judge: Judge,
    is_enough: Callable[[Integral], Array] | None,
    count: int,
) -> Integral:
    """Return what is judged of the sums of rules, whose steps are halved until it is enough or can be no better."""
    sums = [rule.first_sums(count) for rule in rules]
    while True:
        integral, done = judge(xp, totals(sums), count + 1)
        if is_enough is None or count >= LAST or not xp.is_concrete(done):
            return integral
        if bool(xp.all(done | is_enough(integral))):
            return integral
        sums = [rule.halved(s, count) for rule, s in zip(rules, sums, strict=True)]
        count *= 2
