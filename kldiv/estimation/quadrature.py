"""Integrals over one dimension: the trapezoid rule in a variable in which the mass lies near 0 on the scale of 1.

The integral of f (log p - log q) for each plain part f of P is split where a density is not smooth. On each piece the
mass of f is found first, by log densities alone, which do not underflow; then x = centre + width sinh(sinh(u)), or the
like for a piece with ends, turns tails of all kinds into ones that fall double exponentially, for which the rule
converges geometrically (Takahasi and Mori 1974). Its step is halved until two results agree.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

from kldiv._arrays.compilation import compile_whole
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family, fields_of, kink_of, support_of
from kldiv._core.parameters import constant
from kldiv.domains import Support
from kldiv.estimation.components import Components, components_of, log_density, plain_components, with_axes

FIRST = 256  # steps of the first rule, whose every second and fourth point make coarser ones
LAST = 4096  # of the finest
WHOLE = (FIRST, 1024, LAST)  # where a rule is compiled as a whole, and not refined step by step
CLOSE = 2.0**-6  # to 1, where numbers are too coarse


class Integral(NamedTuple):
    """An integral over all parts of P, as far as it is known."""

    value: Array
    error: Array  # a bound on what truncation and the step leave, and an estimate of what rounding leaves
    mass: Array  # that the points have seen of each part
    points: int  # of each part and piece


class Range(NamedTuple):
    """How far the variable t goes: towards an end of a piece, and out where outcomes grow."""

    inwards: float
    outwards: float


def _reach(xp: Namespace, x: Array) -> Range:
    # Squares of what lies exp(outwards) widths away must not overflow.
    return Range(80.0, 38.0) if x.dtype == xp.float32 else Range(330.0, 165.0)


# ----------------------------------------------------------------------------------------------------------- the charts


class Segment(NamedTuple):
    """An interval between ends, which are infinite where they are None, or the circle, and where it has its mass.

    `place` and `spread` are those of the mass in the coordinate that the ends call for: x itself, the logarithm of the
    distance from the only end, the logit of the fraction between two.
    """

    low: Array | None
    high: Array | None
    circle: bool
    exists: Array | None  # False where kinks leave nothing between the ends
    unit: bool  # whether the upper end may be 1, where numbers are too coarse to resolve what happens near it
    place: Array
    spread: Array

    def reach(self, xp: Namespace) -> tuple[float, float]:
        """Return how far t goes down and up."""
        inwards, outwards = _reach(xp, self.place)
        if self.low is None and self.high is None:
            return -outwards, outwards
        if self.high is None:
            return -inwards, outwards
        return (-outwards, inwards) if self.low is None else (-inwards, inwards)

    def at(self, xp: Namespace, t: Array) -> Node:
        """Return the point at t, which counts widths of the mass from its centre."""
        if self.circle or (self.low is None and self.high is None):
            y = self.spread * 0.5 * (xp.exp(t) - xp.exp(-t))
            log_slope = xp.log(self.spread) + xp.abs(t) + xp.log1p(xp.exp(-2 * xp.abs(t))) - math.log(2)
            if self.circle:  # the line, wrapped around it
                return Node(self.place + 2 * xp.atan(y), log_slope - xp.log1p(y * y) + math.log(2), None)
            return Node(self.place + y, log_slope, None)
        v = self.place + self.spread * t
        if self.high is None:
            return Node(self.low + xp.exp(v), xp.log(self.spread) + v, None)
        if self.low is None:
            return Node(self.high - xp.exp(v), xp.log(self.spread) + v, None)
        width = self.high - self.low
        small = xp.exp(-xp.abs(v))
        near, far = width * xp.divide(small, 1 + small), width / (1 + small)
        x = xp.where(v < 0, self.low + near, self.high - near)
        slope = xp.log(width * self.spread) - xp.abs(v) - 2 * xp.log1p(small)
        return Node(x, slope, xp.where(v < 0, far, near))


class Node(NamedTuple):
    """An outcome, and the slope there of the chart that leads to it."""

    x: Array
    log_slope: Array  # of dx/dt
    to_high: Array | None  # the distance from the upper end, exact where x is not


def column(xp: Namespace, numbers: list[float], like: Array) -> Array:
    """Return numbers along a first axis, before those of an array."""
    column = xp.asarray_like(numbers, like, like.dtype)
    return column[(slice(None), *[None] * len(xp.shape(like)))]


def _peak(xp: Namespace, values: Array, at: Array) -> Array:
    """Return where values are largest along the first axis."""
    top = xp.max(values, axis=0, keepdims=True)
    return xp.max(xp.where(values == top, at + xp.zeros_like(values), -math.inf), axis=0)


def _clean(xp: Namespace, x: Array) -> Array:
    """Return x with -inf in place of nan."""
    return xp.where(xp.isnan(x), -math.inf, x)


class Integrand:
    """f (log p - log q), for the parts f of P."""

    def __init__(self, xp: Namespace, p: Family, q: Family, *, extended: bool = False) -> None:
        self._xp, self._extended = xp, extended
        parts = components_of(xp, p)
        self._f, self._parts = parts.components, parts
        self._p, self._q = with_axes(xp, p, parts.axes), with_axes(xp, q, parts.axes)

    def log_mass(self, point: Node, piece: Segment) -> Array:
        """Return log f, from a point."""
        return self._log_density(self._f, point, piece)

    def logs(self, point: Node, piece: Segment) -> tuple[Array, Array, Array]:
        """Return log f, log p and log q."""
        log_f = self.log_mass(point, piece)
        log_p = log_f if self._parts.weights is None else self._log_density(self._p, point, piece)
        return log_f, log_p, self._log_density(self._q, point, piece)

    def _log_density(self, d: Family, point: Node, piece: Segment) -> Array:
        xp = self._xp
        if not piece.unit or point.to_high is None:
            return log_density(xp, d, point.x, extended=self._extended)
        # Numbers below 1 are too coarse for a density with a pole at 1. Log densities are linear functions of
        # log(1 - x) near 1, to a relative 1 - x, so they can be moved there from where x is to where it should be. The
        # slope is taken between numbers that are powers of 2 away from 1, and so are exact.
        near = 2.0**-14 if point.x.dtype == xp.float32 else 2.0**-36
        close = (point.to_high < CLOSE) & (piece.high == 1)
        x = xp.where(close & (point.to_high < near), 1 - near, point.x)
        value = log_density(xp, d, x)
        ends = log_density(xp, d, column(xp, [1 - near, 1 - 2 * near], point.x[0, ...]) + xp.zeros_like(value[:1, ...]))
        regular = xp.isfinite(ends[1, ...]) & xp.isfinite(ends[0, ...])
        slope = (xp.where(regular, ends[1, ...], 0.0) - xp.where(regular, ends[0, ...], 0.0)) / math.log(2)
        return value + slope * xp.log(xp.where(close, xp.divide(point.to_high, xp.where(close, 1 - x, 1.0)), 1.0))


def locate_mass(xp: Namespace, integrand: Integrand, piece: Segment) -> Segment:
    """Return a piece without derivatives, with the place and the spread of its mass.

    It is where log f, or for pieces with ends log (f dx/dv), is largest: first on a wide grid, then between the
    neighbours of the best point. The spread is how far from there it takes to fall by 2.
    """
    bounded = piece.low is not None or piece.high is not None
    inwards, outwards = _reach(xp, piece.place)
    if piece.circle:
        low, high, count = -math.pi, math.pi, 256
    elif bounded:
        low = -inwards if piece.low is not None else -outwards
        high = inwards if piece.high is not None else 2 * outwards
        if piece.low is None:
            low, high = -inwards, 2 * outwards
        count = 128
    else:
        low, high, count = -2 * outwards, 2 * outwards, 128
    one = xp.ones_like(piece.place)

    def height(v: Array) -> Array:
        if bounded:
            point = piece._replace(place=xp.zeros_like(v), spread=one).at(xp, v)
            return _clean(xp, integrand.log_mass(point, piece) + point.log_slope)
        x = v if piece.circle else 0.5 * (xp.exp(v) - xp.exp(-v))
        return _clean(xp, integrand.log_mass(Node(x, v, None), piece))

    step = (high - low) / count
    grid = column(xp, [low + step * k for k in range(count + 1)], piece.place) + xp.zeros_like(piece.place)
    v = _peak(xp, height(grid), grid)
    around = column(xp, [k / 8 for k in range(-8, 9)], v)

    def zoom(state: tuple[Array, Array], _: Array) -> tuple[Array, Array]:
        at, width = state
        points = at + width * around
        return _peak(xp, height(points), points), width / 8

    rounds = 8 if piece.place.dtype == xp.float32 else 14
    counter = xp.asarray_like([[[0.0]]] * rounds, piece.place, piece.place.dtype)
    v, _ = xp.scan(zoom, (v, xp.zeros_like(v) + step), (counter,))
    top = height(v[None, ...])
    distances = column(xp, [2.0**k for k in range(-44, 8)], v)
    spread = xp.zeros_like(v) + 2.0**-44
    for sign in (-1, 1):
        flat = top - height(v + sign * distances) < 2
        spread = spread + xp.max(xp.where(flat, distances, 0.0), axis=0)
    if bounded or piece.circle:
        return piece._replace(place=v, spread=xp.where(spread < 1, spread, 1.0))
    x, beyond = (0.5 * (xp.exp(a) - xp.exp(-a)) for a in (v, v + spread))
    return piece._replace(place=x, spread=beyond - x)


def _pieces(xp: Namespace, integrand: Integrand, p: Family, q: Family, parts: Components, like: Array) -> list[Segment]:
    """Return the pieces that the support of each part is split into, located."""
    f = parts.components
    support = support_of(type(f))
    assert support is not None
    if support.space == "circle":
        return [locate_mass(xp, integrand, Segment(None, None, True, None, False, like, like))]
    low, high = _ends(xp, f, support, like)
    kinks = list(_kinks(xp, f, support, p, q, parts, like))
    names = [field.name for field in fields_of(type(f))]
    if low is None and high is None and not kinks and {"loc", "scale"} <= set(names):
        place, spread = (xp.stop_gradient(x + xp.zeros_like(like)) for x in (f.loc, f.scale))
        return [Segment(None, None, False, None, False, place, spread)]
    bounds = [low, *_sorted(xp, [_clipped(xp, k, low, high) for k in kinks]), high]
    pieces: list[Segment] = []
    for a, b in itertools.pairwise(bounds):
        exists = None
        if kinks and a is not None and b is not None:
            exists = a < b
            a, b = xp.where(exists, a, 0.0), xp.where(exists, b, 1.0)
        unit = support.high == 1.0 and support.space == "line"
        still_a, still_b = (None if end is None else xp.stop_gradient(end) for end in (a, b))
        found = locate_mass(xp, integrand, Segment(still_a, still_b, False, exists, unit, like, like))
        pieces.append(found._replace(low=a, high=b))
    return pieces


def _ends(xp: Namespace, d: Family, support: Support, like: Array) -> tuple[Array | None, Array | None]:
    ends: list[Array | None] = []
    for end in (support.low, support.high):
        value = getattr(d, end) if isinstance(end, str) else end
        ends.append(None if isinstance(value, float) and math.isinf(value) else value + xp.zeros_like(like))
    return ends[0], ends[1]


def _kinks(
    xp: Namespace, f: Family, support: Support, p: Family, q: Family, parts: Components, like: Array
) -> Iterator[Array]:
    """Yield the points at which a density may not be smooth, inside or outside the support of a part."""
    own = kink_of(type(f))
    if own and parts.weights is None:
        yield getattr(f, own) + xp.zeros_like(like)
    for mixed in (p, q) if parts.weights is not None else (q,):
        cls = type(components_of(xp, mixed).components)
        kink, its = kink_of(cls), support_of(cls)
        ends: list[float | str] = [kink] if kink else []
        if its is not None and its.space == support.space:
            for end, mine in ((its.low, support.low), (its.high, support.high)):
                if isinstance(end, str) or (end != mine and math.isfinite(end)):
                    ends.append(end)
        for d in plain_components(xp, mixed) if ends else ():
            d = with_axes(xp, d, parts.axes)
            for end in ends:
                yield (getattr(d, end) if isinstance(end, str) else end) + xp.zeros_like(like)


def _clipped(xp: Namespace, x: Array, low: Array | None, high: Array | None) -> Array:
    x = x if low is None else xp.where(x > low, x, low)
    return x if high is None else xp.where(x < high, x, high)


def _sorted(xp: Namespace, values: list[Array]) -> list[Array]:
    """Return arrays sorted against each other, element by element, by exchanges of neighbours."""
    values = list(values)
    for last in range(len(values) - 1, 0, -1):
        for i in range(last):
            a, b = values[i], values[i + 1]
            ordered = a <= b
            values[i], values[i + 1] = xp.where(ordered, a, b), xp.where(ordered, b, a)
    return values


# ------------------------------------------------------------------------------------------------------------- the rule


class TrapezoidRule:
    """The trapezoid rule on one piece, refined by halving its step."""

    def __init__(self, xp: Namespace, integrand: Integrand, still: Integrand, piece: Segment) -> None:
        """Find the part of the axis outside of which `still`, the integrand without derivatives, adds nothing."""
        self._xp, self._integrand, self._piece = xp, integrand, piece
        ends = [None if end is None else xp.stop_gradient(end) for end in (piece.low, piece.high)]
        piece = piece._replace(low=ends[0], high=ends[1])
        down, up = piece.reach(xp)
        start, stop = math.asinh(down), math.asinh(up)
        count = math.ceil((stop - start) / 0.2)
        step = (stop - start) / count
        us = [start + step * k for k in range(count + 1)]
        reaches = [down, 0.5 * down, 0.5 * up, up]
        all_sizes, log_ratios = _log_sizes(xp, still, piece, [*map(math.sinh, us), *reaches])
        sizes = all_sizes[: count + 1, ...] + column(xp, [math.log(math.cosh(v)) for v in us], piece.place)
        top = xp.max(sizes, axis=0)
        top = xp.where(xp.isfinite(top), top, 0.0)
        inside = sizes > top + math.log(xp.finfo(top.dtype).eps) - 3
        u = column(xp, us, piece.place) + xp.zeros_like(sizes)
        low = -xp.max(xp.where(inside, -u, -stop), axis=0) - step
        high = xp.max(xp.where(inside, u, start), axis=0) + step
        self._low = xp.where(low > start, low, start)
        high = xp.where(high < stop, high, stop)
        self.width = xp.where(high > self._low, high - self._low, step)
        self.infinite = xp.zeros_like(top) > 0
        self.left = xp.zeros_like(top)
        for near, far, t in ((count + 2, count + 1, down), (count + 3, count + 4, up)):
            # What lies beyond the end is what an exponential leaves that falls as sizes do. The integral is infinite
            # where sizes do not fall since the ratio of the densities grows exponentially.
            size = all_sizes[far, ...]
            there = xp.isfinite(size)
            falls = xp.where(there, all_sizes[near, ...], 0.0) - xp.where(there, size, 0.0)
            grows = log_ratios[far, ...] - log_ratios[near, ...] > 5
            self.infinite = self.infinite | (there & (falls < 0.1) & grows)
            rate = xp.where(falls > 0.05, falls, 0.05) / abs(0.5 * t)
            self.left = self.left + xp.exp(size) / rate

    def terms(self, fractions: list[float]) -> tuple[Array, Array, Array]:
        """Return the integrand at points, given as fractions of the window, its rounding errors, and the mass of f."""
        xp, piece = self._xp, self._piece
        u = self._low + self.width * column(xp, fractions, piece.place)
        grow, fall = xp.exp(u), xp.exp(-u)
        point = piece.at(xp, 0.5 * (grow - fall))
        log_f, log_p, log_q = self._integrand.logs(point, piece)
        log_mass = log_f + point.log_slope + xp.log(0.5 * (grow + fall))
        # Where f has no mass nothing is added, whatever log q is there; not so where only q has none.
        there = xp.stop_gradient(log_mass) > math.log(xp.finfo(log_mass.dtype).smallest_normal)
        if piece.exists is not None:
            there = there & piece.exists
        mass = xp.where(there, xp.exp(xp.where(there, log_mass, 0.0)), 0.0)
        log_p, log_q = xp.where(there, log_p, 0.0), xp.where(there, log_q, 0.0)
        ratio = log_p - log_q
        size = xp.where((ratio != 0) & (log_q > -math.inf), 1 + xp.abs(log_p) + xp.abs(log_q), 0.0)
        # An outcome is itself rounded, by more of the width of a distribution the farther from 0 it lies.
        moves = xp.abs(point.x) * xp.exp(-xp.where(there, point.log_slope, 0.0))
        if piece.unit and point.to_high is not None:
            moves = xp.where(point.to_high < CLOSE, 0.0, moves)
        size = size * (1 + moves)
        size = xp.where(there & (size < math.inf), size, 0.0)
        eps = 4 * float(xp.finfo(mass.dtype).eps)
        return mass * ratio, xp.stop_gradient(eps * mass * size), xp.stop_gradient(mass)


def _log_sizes(xp: Namespace, integrand: Integrand, piece: Segment, t: list[float]) -> tuple[Array, Array]:
    """Return the logarithms of f |log p - log q| dx/dt, where there is any f, and of the ratio in it."""
    point = piece.at(xp, column(xp, t, piece.place))
    log_f, log_p, log_q = integrand.logs(point, piece)
    log_mass = _clean(xp, log_f + point.log_slope)
    there = log_mass > -0.9 * math.log(xp.finfo(log_mass.dtype).max)
    ratio = xp.abs(xp.where(there, log_p, 0.0) - xp.where(there, log_q, 0.0))
    # An infinite ratio is that of an outcome which Q rules out; the points that meet it make the integral infinite.
    log_ratio = xp.log1p(xp.where(ratio < math.inf, ratio, 0.0))
    return xp.where(there, log_mass + log_ratio, -math.inf), log_ratio


def integrate(xp: Namespace, p: Family, q: Family, like: Array, *, rtol: float, atol: float) -> Integral:
    """Return the integral of p (log p - log q) over numbers; the batch shape is that of `like`."""
    if not xp.eager_is_slow:
        return _integral(xp, rtol, atol, FIRST, p, q, like)
    found: Integral | None = None
    for count in WHOLE:
        value, error, mass, _ = compile_whole(_integral, xp, 0.0, 0.0, count)(p, q, like)
        found = Integral(value, error, mass, count + 1)
        still = xp.stop_gradient(value)
        wanted = atol + rtol * xp.abs(xp.where(xp.isfinite(still), still, 0.0))
        if not xp.is_concrete(still) or bool(xp.all(error <= wanted)):
            break
    assert found is not None
    return found


def _integral(xp: Namespace, rtol: float, atol: float, count: int, p: Family, q: Family, like: Array) -> Integral:
    parts = components_of(xp, p)
    like = parts.like(xp, like)
    integrand, still = Integrand(xp, p, q), Integrand(xp, constant(xp, p), constant(xp, q))
    rules = [TrapezoidRule(xp, integrand, still, piece) for piece in _pieces(xp, still, p, q, parts, like)]
    found = refine(xp, rules, parts, like, rtol=rtol, atol=atol, count=count)
    return found._replace(error=found.error + missing_mass(xp, parts, found.mass, found.value))


def missing_mass(xp: Namespace, parts: Components, mass: Array, value: Array) -> Array:
    """Return what mass that was not seen, or was computed wrongly, may add to a divergence."""
    size = xp.abs(xp.stop_gradient(value))
    missing = parts.total(xp, xp.abs(mass - 1))
    # Of identical distributions the value is exactly 0, and the mass no matter.
    matters = (size < math.inf) & (size > 0)
    return xp.stop_gradient(xp.where(matters, 10 * missing * (1 + xp.where(matters, size, 0.0)), 0.0))


def refine(
    xp: Namespace,
    rules: list[TrapezoidRule],
    parts: Components,
    like: Array,
    *,
    rtol: float,
    atol: float,
    count: int = FIRST,
) -> Integral:
    """Return the sum of rules, whose steps are halved until two results agree within the tolerance."""
    concrete = all(xp.is_concrete(rule.width) for rule in rules)
    results: list[list[Array]] = []  # of each rule, from coarse to fine, for a window of length 1
    others: list[tuple[Array, Array]] = []  # rounding and mass
    for rule in rules:
        terms, *more = rule.terms([k / count for k in range(count + 1)])
        results.append([xp.sum(terms[::n, ...], axis=0) * (n / count) for n in (4, 2, 1)])
        others.append(tuple([xp.sum(x, axis=0) / count for x in more]))
    while True:
        value = error = rounding = mass = xp.zeros_like(like)
        for rule, (*_, before, half, now), (rounded, seen) in zip(rules, results, others, strict=True):
            value = value + xp.where(rule.infinite, math.inf, now * rule.width)
            rounding = rounding + rounded * rule.width
            mass = mass + seen * rule.width
            error = error + _step_error(xp, before, half, now) * rule.width + rule.left
        value, error, rounding = (parts.total(xp, x) for x in (value, error, rounding))
        size = xp.abs(xp.stop_gradient(value))
        error, rounding = xp.stop_gradient(error), xp.stop_gradient(rounding)
        wanted = atol + rtol * xp.where(size < math.inf, size, 0.0)
        done = (error <= wanted) | (error <= rounding) | ~(size < math.inf)
        if not concrete or count >= LAST or bool(xp.all(done)):
            error = xp.where(size < math.inf, error + rounding, 0.0)
            return Integral(value, error, mass, count + 1)
        for i, rule in enumerate(rules):
            terms, *more = rule.terms([(2 * k + 1) / (2 * count) for k in range(count)])
            results[i].append(0.5 * results[i][-1] + xp.sum(terms, axis=0) / (2 * count))
            sums = [xp.sum(x, axis=0) / (2 * count) for x in more]
            others[i] = tuple([0.5 * a + b for a, b in zip(others[i], sums, strict=True)])
        count *= 2


def _step_error(xp: Namespace, coarse: Array, middle: Array, fine: Array) -> Array:
    """Return how far off the finest of three results is whose steps are halved.

    Differences that fall geometrically, d to e, leave less than e. Where the rule converges exponentially the next
    difference is about e (e / d), or less, of which ten times is taken.
    """
    coarse, middle, fine = xp.stop_gradient(coarse), xp.stop_gradient(middle), xp.stop_gradient(fine)
    finite = xp.isfinite(coarse) & xp.isfinite(middle) & xp.isfinite(fine)
    coarse, middle, fine = (xp.where(finite, x, 0.0) for x in (coarse, middle, fine))
    first, last = xp.abs(middle - coarse), xp.abs(fine - middle)
    falls = xp.where(first > 0, 10 * last / xp.where(first > 0, first, 1.0), 1.0)
    return last * xp.where(falls < 1, falls, 1.0)
