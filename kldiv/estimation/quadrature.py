"""Integrals over one dimension: the trapezoid rule in a variable in which the mass lies near 0 on the scale of 1.

The integral of f (log p - log q) for each component f of P is split into segments, on each of which the mass of f is
located first. Then x = centre + width sinh(sinh(u)), or the like for a segment with ends, turns tails of all kinds into
ones that fall double exponentially, for which the rule converges geometrically (Takahasi and Mori 1974). Its step is
halved until two results agree.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from kldiv._arrays.compilation import compile_whole
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family
from kldiv._core.parameters import constant, insert_batch_axes
from kldiv.estimation.components import Components, components_of, log_density
from kldiv.estimation.segments import Node, Segment, column, finite_or_less, range_of, segments_of

FIRST = 256  # steps of the first rule, whose every second and fourth point make coarser ones
LAST = 4096  # of the finest
WHOLE = (FIRST, 1024, LAST)  # where a rule is compiled as a whole, and not refined step by step
CLOSE = 2.0**-6  # to 1, where numbers are too coarse


class Integral(NamedTuple):
    """An integral over all components of P, as far as it is known."""

    value: Array
    error: Array  # a bound on what truncation and the step leave, and an estimate of what rounding leaves
    mass: Array  # the mass of each component at the points
    points: int  # of each component and segment


def allowed_error(xp: Namespace, value: Array, rtol: float, atol: float) -> Array:
    """Return the error that meets the tolerance; that of an infinite value is 0."""
    size = xp.abs(xp.stop_gradient(value))
    return atol + rtol * xp.where(size < math.inf, size, 0.0)


class Integrand:
    """f (log p - log q), for the components f of P."""

    def __init__(self, xp: Namespace, p: Family, q: Family, *, extended: bool = False) -> None:
        self._xp, self._extended = xp, extended
        self._components = components_of(xp, p)
        axes = self._components.axes
        self._p, self._q = insert_batch_axes(xp, p, axes), insert_batch_axes(xp, q, axes)

    def log_mass(self, node: Node) -> Array:
        """Return log f."""
        return self._log_density(self._components.components, node)

    def logs(self, node: Node) -> tuple[Array, Array, Array]:
        """Return log f, log p and log q."""
        log_f = self.log_mass(node)
        log_p = log_f if self._components.weights is None else self._log_density(self._p, node)
        return log_f, log_p, self._log_density(self._q, node)

    def _log_density(self, d: Family, node: Node) -> Array:
        if node.upper_end is not None:
            return _log_density_near_1(self._xp, d, node)
        return log_density(self._xp, d, node.x, extended=self._extended)


def _log_density_near_1(xp: Namespace, d: Family, node: Node) -> Array:
    """Return the log density, at x as it is before it is rounded.

    Numbers below 1 are too coarse for a density with a pole at 1. Log densities are linear functions of log(1 - x) near
    1, to a relative 1 - x, so they can be moved there from where x is to where it should be. The slope is taken between
    numbers that are powers of 2 away from 1, and so are exact.
    """
    assert node.upper_end is not None
    end, distance = node.upper_end
    near = 2.0**-14 if node.x.dtype == xp.float32 else 2.0**-36
    close = (distance < CLOSE) & (end == 1)
    x = xp.where(close & (distance < near), 1 - near, node.x)
    value = log_density(xp, d, x)
    at_near = log_density(xp, d, column(xp, [1 - near, 1 - 2 * near], node.x[0, ...]) + xp.zeros_like(value[:1, ...]))
    regular = xp.isfinite(at_near[1, ...]) & xp.isfinite(at_near[0, ...])
    slope = (xp.where(regular, at_near[1, ...], 0.0) - xp.where(regular, at_near[0, ...], 0.0)) / math.log(2)
    return value + slope * xp.log(xp.where(close, xp.divide(distance, xp.where(close, 1 - x, 1.0)), 1.0))


# ------------------------------------------------------------------------------------------------------------- the rule


class Sums(NamedTuple):
    """The sums of a rule over a window of length 1."""

    values: tuple[Array, Array, Array]  # with four times the step, twice the step, and the step
    rounding: Array
    mass: Array


class TrapezoidRule:
    """The trapezoid rule on one segment, refined by halving its step.

    Attributes
    ----------
    width
        The length of the part of the axis outside of which the integrand adds nothing.
    infinite
        Whether the integral is infinite, as the integrand does not fall.
    truncated
        What lies beyond the ends of the axis.
    """

    def __init__(self, xp: Namespace, integrand: Integrand, still: Integrand, segment: Segment) -> None:
        """Find the part of the axis outside of which `still`, the integrand without derivatives, adds nothing."""
        self._xp, self._integrand, self._segment = xp, integrand, segment
        down, up = segment.chart.reach(range_of(xp, segment.place))
        start, stop = math.asinh(down), math.asinh(up)
        count = math.ceil((stop - start) / 0.2)
        step = (stop - start) / count
        us = [start + step * k for k in range(count + 1)]
        ts = [*map(math.sinh, us), down, 0.5 * down, 0.5 * up, up]
        log_sizes, log_ratios = _log_sizes(xp, still, segment._replace(chart=segment.chart.constant(xp)), ts)
        self._low, self.width = _window(xp, us, stop, step, log_sizes[: count + 1, ...])
        self.infinite = xp.zeros_like(self.width) > 0
        self.truncated = xp.zeros_like(self.width)
        for half, end, t in ((count + 2, count + 1, down), (count + 3, count + 4, up)):
            grows = log_ratios[end, ...] - log_ratios[half, ...] > 5
            infinite, rest = _tail(xp, log_sizes[half, ...], log_sizes[end, ...], grows, abs(0.5 * t))
            self.infinite = self.infinite | infinite
            self.truncated = self.truncated + rest

    def first_sums(self, count: int) -> Sums:
        """Return the sums with `count` steps."""
        xp = self._xp
        terms, rounding, mass = self._terms([k / count for k in range(count + 1)])
        coarse, middle, fine = (xp.sum(terms[::n, ...], axis=0) * (n / count) for n in (4, 2, 1))
        return Sums((coarse, middle, fine), xp.sum(rounding, axis=0) / count, xp.sum(mass, axis=0) / count)

    def halved(self, sums: Sums, count: int) -> Sums:
        """Return the sums with twice `count` steps, from those with `count`."""
        xp = self._xp
        terms, rounding, mass = self._terms([(2 * k + 1) / (2 * count) for k in range(count)])
        return Sums(
            (*sums.values[1:], 0.5 * sums.values[-1] + xp.sum(terms, axis=0) / (2 * count)),
            0.5 * sums.rounding + xp.sum(rounding, axis=0) / (2 * count),
            0.5 * sums.mass + xp.sum(mass, axis=0) / (2 * count),
        )

    def _terms(self, fractions: list[float]) -> tuple[Array, Array, Array]:
        """Return the integrand at points, given as fractions of the window, its rounding errors, and the mass of f."""
        xp, segment = self._xp, self._segment
        u = self._low + self.width * column(xp, fractions, segment.place)
        grow, fall = xp.exp(u), xp.exp(-u)
        node = segment.node(xp, 0.5 * (grow - fall))
        log_f, log_p, log_q = self._integrand.logs(node)
        log_mass = log_f + node.log_slope + xp.log(0.5 * (grow + fall))
        # Where f has no mass nothing is added, whatever log q is there; not so where only q has none.
        has_mass = xp.stop_gradient(log_mass) > math.log(xp.finfo(log_mass.dtype).smallest_normal)
        if segment.exists is not None:
            has_mass = has_mass & segment.exists
        mass = xp.where(has_mass, xp.exp(xp.where(has_mass, log_mass, 0.0)), 0.0)
        log_p, log_q = xp.where(has_mass, log_p, 0.0), xp.where(has_mass, log_q, 0.0)
        size = rounding_size(xp, log_p, log_q)
        # An outcome is itself rounded, by more of the width of a distribution the farther from 0 it lies.
        moves = xp.abs(node.x) * xp.exp(-xp.where(has_mass, node.log_slope, 0.0))
        if node.upper_end is not None:
            moves = xp.where(node.upper_end.distance < CLOSE, 0.0, moves)
        size = size * (1 + moves)
        size = xp.where(has_mass & (size < math.inf), size, 0.0)
        eps = 4 * float(xp.finfo(mass.dtype).eps)
        return mass * (log_p - log_q), xp.stop_gradient(eps * mass * size), xp.stop_gradient(mass)


def rounding_size(xp: Namespace, log_p: Array, log_q: Array) -> Array:
    """Return what the rounding error of log p - log q is proportional to."""
    return xp.where((log_p - log_q != 0) & (log_q > -math.inf), 1 + xp.abs(log_p) + xp.abs(log_q), 0.0)


def _log_sizes(xp: Namespace, integrand: Integrand, segment: Segment, t: list[float]) -> tuple[Array, Array]:
    """Return the logarithms of f |log p - log q| dx/dt, where there is any f, and of the ratio in it."""
    node = segment.node(xp, column(xp, t, segment.place))
    log_f, log_p, log_q = integrand.logs(node)
    log_mass = finite_or_less(xp, log_f + node.log_slope)
    has_mass = log_mass > -0.9 * math.log(xp.finfo(log_mass.dtype).max)
    ratio = xp.abs(xp.where(has_mass, log_p, 0.0) - xp.where(has_mass, log_q, 0.0))
    # An infinite ratio is that of an outcome which Q rules out; the points that meet it make the integral infinite.
    log_ratio = xp.log1p(xp.where(ratio < math.inf, ratio, 0.0))
    return xp.where(has_mass, log_mass + log_ratio, -math.inf), log_ratio


def _window(xp: Namespace, us: list[float], stop: float, step: float, log_sizes: Array) -> tuple[Array, Array]:
    """Return where the part of the axis begins outside of which sizes add nothing, and its length."""
    start = us[0]
    sizes = log_sizes + column(xp, [math.log(math.cosh(u)) for u in us], log_sizes[0, ...])
    top = xp.max(sizes, axis=0)
    top = xp.where(xp.isfinite(top), top, 0.0)
    inside = sizes > top + math.log(xp.finfo(top.dtype).eps) - 3
    u = column(xp, us, top) + xp.zeros_like(sizes)
    low = -xp.max(xp.where(inside, -u, -stop), axis=0) - step
    high = xp.max(xp.where(inside, u, start), axis=0) + step
    low = xp.where(low > start, low, start)
    high = xp.where(high < stop, high, stop)
    return low, xp.where(high > low, high - low, step)


def _tail(xp: Namespace, half_size: Array, end_size: Array, grows: Array, distance: float) -> tuple[Array, Array]:
    """Return where the integral beyond an end is infinite, and what it adds, from log sizes at the end and halfway.

    What lies beyond the end is what an exponential leaves that falls as sizes do. The integral is infinite where sizes
    do not fall since the ratio of the densities grows exponentially.
    """
    has_size = xp.isfinite(end_size)
    falls = xp.where(has_size, half_size, 0.0) - xp.where(has_size, end_size, 0.0)
    rate = xp.where(falls > 0.05, falls, 0.05) / distance
    return has_size & (falls < 0.1) & grows, xp.exp(end_size) / rate


# --------------------------------------------------------------------------------------------------------- the integral


def integrate(xp: Namespace, p: Family, q: Family, like: Array, *, rtol: float, atol: float) -> Integral:
    """Return the integral of p (log p - log q) over numbers; the batch shape is that of `like`."""
    if not xp.eager_is_slow:
        return _integral(xp, rtol, atol, FIRST, p, q, like)
    for count in WHOLE:
        value, error, mass, _ = compile_whole(_integral, xp, 0.0, 0.0, count)(p, q, like)
        is_enough = error <= allowed_error(xp, value, rtol, atol)
        if count == LAST or not xp.is_concrete(is_enough) or bool(xp.all(is_enough)):
            return Integral(value, error, mass, count + 1)
    raise AssertionError("the last rule is returned whatever its error")


def _integral(xp: Namespace, rtol: float, atol: float, count: int, p: Family, q: Family, like: Array) -> Integral:
    components = components_of(xp, p)
    like = components.like(xp, like)
    integrand, still = Integrand(xp, p, q), Integrand(xp, constant(xp, p), constant(xp, q))
    segments = segments_of(xp, still.log_mass, p, q, components, like)
    rules = [TrapezoidRule(xp, integrand, still, segment) for segment in segments]
    integral = refine(xp, rules, components, like, rtol=rtol, atol=atol, count=count)
    return integral._replace(error=integral.error + missing_mass(xp, components, integral.mass, integral.value))


def missing_mass(xp: Namespace, components: Components, mass: Array, value: Array) -> Array:
    """Return what mass that the points missed, or that was computed wrongly, may add to a divergence."""
    size = xp.abs(xp.stop_gradient(value))
    missing = components.total(xp, xp.abs(mass - 1))
    # Of identical distributions the value is exactly 0, and the mass no matter.
    matters = (size < math.inf) & (size > 0)
    return xp.stop_gradient(xp.where(matters, 10 * missing * (1 + xp.where(matters, size, 0.0)), 0.0))


def refine(
    xp: Namespace,
    rules: list[TrapezoidRule],
    components: Components,
    like: Array,
    *,
    rtol: float,
    atol: float,
    count: int = FIRST,
) -> Integral:
    """Return the sum of rules, whose steps are halved until two results agree within the tolerance."""
    concrete = all(xp.is_concrete(rule.width) for rule in rules)
    sums = [rule.first_sums(count) for rule in rules]
    while True:
        value, error, rounding, mass = _totals(xp, rules, sums, components, like)
        finite = xp.abs(xp.stop_gradient(value)) < math.inf
        done = (error <= allowed_error(xp, value, rtol, atol)) | (error <= rounding) | ~finite
        if not concrete or count >= LAST or bool(xp.all(done)):
            return Integral(value, xp.where(finite, error + rounding, 0.0), mass, count + 1)
        sums = [rule.halved(s, count) for rule, s in zip(rules, sums, strict=True)]
        count *= 2


def _totals(
    xp: Namespace, rules: list[TrapezoidRule], sums: list[Sums], components: Components, like: Array
) -> tuple[Array, Array, Array, Array]:
    """Return the value, the error of step and truncation, that of rounding, and the mass of each component."""
    value = error = rounding = mass = xp.zeros_like(like)
    for rule, s in zip(rules, sums, strict=True):
        value = value + xp.where(rule.infinite, math.inf, s.values[-1] * rule.width)
        rounding = rounding + s.rounding * rule.width
        mass = mass + s.mass * rule.width
        error = error + _step_error(xp, *s.values) * rule.width + rule.truncated
    value, error, rounding = (components.total(xp, x) for x in (value, error, rounding))
    return value, xp.stop_gradient(error), xp.stop_gradient(rounding), mass


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
