"""The segments that an integral is split into, and charts in which the mass of each lies near 0 on the scale of 1.

A segment ends where the support does, and where a density may not be smooth. Each kind of ends has a chart, which maps
a variable t from minus to plus infinity to the outcomes between them. The mass on a segment is located by log densities
alone, which do not underflow; t counts the widths of the mass from its centre.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol, TypeAlias

from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family, fields_of, kink_of, support_of
from kldiv._core.parameters import insert_batch_axes
from kldiv.domains import Support
from kldiv.estimation.components import Components, components_of, plain_components, with_support


class UpperEnd(NamedTuple):
    """The upper end of an interval in the unit interval: numbers near 1 are too coarse for what happens there."""

    at: Array
    distance: Array  # from it, exact where that of the rounded outcome is not


class Node(NamedTuple):
    """An outcome, and the slope there of the chart that leads to it."""

    x: Array
    log_slope: Array  # of dx/dt
    upper_end: UpperEnd | None = None


LogMass: TypeAlias = Callable[[Node], Array]


class Range(NamedTuple):
    """How far the variable t goes: towards an end of a segment, and out where outcomes grow."""

    inwards: float
    outwards: float


class Window(NamedTuple):
    """Where the mass is searched for, with so many steps."""

    low: float
    high: float
    steps: int


def range_of(xp: Namespace, x: Array) -> Range:
    """Return how far t goes for the dtype of an array."""
    # Squares of what lies exp(outwards) widths away must not overflow.
    return Range(80.0, 38.0) if x.dtype == xp.float32 else Range(330.0, 165.0)


def column(xp: Namespace, numbers: list[float], like: Array) -> Array:
    """Return numbers along a first axis, before those of an array."""
    column = xp.asarray_like(numbers, like, like.dtype)
    return column[(slice(None), *[None] * len(xp.shape(like)))]


# ----------------------------------------------------------------------------------------------------------- the charts


class Chart(Protocol):
    """A map to the outcomes of a segment.

    The mass is searched for in a coordinate v: the logarithm of the distance from the only end, the logit of the
    fraction between two ends, the angle on the circle, asinh(x) on the line. `place` and `spread` are those of the
    mass in v, on the line in x.
    """

    def reach(self, limits: Range) -> tuple[float, float]:
        """Return how far t goes down and up."""
        ...

    def window(self, limits: Range) -> Window:
        """Return where in v to search for the mass."""
        ...

    def search_node(self, xp: Namespace, v: Array) -> Node:
        """Return the outcome at v; the mass is where log f + log_slope is largest."""
        ...

    def mass_at(self, xp: Namespace, v: Array, spread: Array) -> tuple[Array, Array]:
        """Return the place and spread of the mass from those in v."""
        ...

    def node(self, xp: Namespace, place: Array, spread: Array, t: Array) -> Node:
        """Return the outcome at t, which counts widths of the mass from its centre."""
        ...

    def constant(self, xp: Namespace) -> Chart:
        """Return the chart with ends that are constants to differentiation."""
        ...


def _sinh(xp: Namespace, x: Array) -> Array:
    return 0.5 * (xp.exp(x) - xp.exp(-x))


def _log_slope(xp: Namespace, spread: Array, t: Array) -> Array:
    """log(spread cosh(t)), the logarithm of the derivative of spread sinh(t)."""
    return xp.log(spread) + xp.abs(t) + xp.log1p(xp.exp(-2 * xp.abs(t))) - math.log(2)


def _at_most_1(xp: Namespace, spread: Array) -> Array:
    return xp.where(spread < 1, spread, 1.0)


class _Line(NamedTuple):
    """All numbers: x = place + spread sinh(t)."""

    def reach(self, limits: Range) -> tuple[float, float]:
        return -limits.outwards, limits.outwards

    def window(self, limits: Range) -> Window:
        return Window(-2 * limits.outwards, 2 * limits.outwards, 128)

    def search_node(self, xp: Namespace, v: Array) -> Node:
        return Node(_sinh(xp, v), xp.zeros_like(v))  # where log f is largest, in x

    def mass_at(self, xp: Namespace, v: Array, spread: Array) -> tuple[Array, Array]:
        place = _sinh(xp, v)
        return place, _sinh(xp, v + spread) - place

    def node(self, xp: Namespace, place: Array, spread: Array, t: Array) -> Node:
        return Node(place + spread * _sinh(xp, t), _log_slope(xp, spread, t))

    def constant(self, xp: Namespace) -> Chart:
        return self


class _Circle(NamedTuple):
    """The circle, with the line wrapped around it: x = place + 2 atan(spread sinh(t))."""

    def reach(self, limits: Range) -> tuple[float, float]:
        return -limits.outwards, limits.outwards

    def window(self, limits: Range) -> Window:
        return Window(-math.pi, math.pi, 256)

    def search_node(self, xp: Namespace, v: Array) -> Node:
        return Node(v, xp.zeros_like(v))

    def mass_at(self, xp: Namespace, v: Array, spread: Array) -> tuple[Array, Array]:
        return v, _at_most_1(xp, spread)

    def node(self, xp: Namespace, place: Array, spread: Array, t: Array) -> Node:
        y = spread * _sinh(xp, t)
        log_slope = _log_slope(xp, spread, t) - xp.log1p(y * y) + math.log(2)
        return Node(place + 2 * xp.atan(y), log_slope)

    def constant(self, xp: Namespace) -> Chart:
        return self


class _HalfLine(NamedTuple):
    """The numbers above an end, or below it with direction -1: x = end + direction exp(place + spread t)."""

    end: Array
    direction: int

    def reach(self, limits: Range) -> tuple[float, float]:
        inwards, outwards = limits
        return (-inwards, outwards) if self.direction > 0 else (-outwards, inwards)

    def window(self, limits: Range) -> Window:
        return Window(-limits.inwards, 2 * limits.outwards, 128)

    def search_node(self, xp: Namespace, v: Array) -> Node:
        return Node(self.end + self.direction * xp.exp(v), v)

    def mass_at(self, xp: Namespace, v: Array, spread: Array) -> tuple[Array, Array]:
        return v, _at_most_1(xp, spread)

    def node(self, xp: Namespace, place: Array, spread: Array, t: Array) -> Node:
        x, v = self.search_node(xp, place + spread * t)[:2]
        return Node(x, xp.log(spread) + v)

    def constant(self, xp: Namespace) -> Chart:
        return self._replace(end=xp.stop_gradient(self.end))


class _Interval(NamedTuple):
    """The numbers between two ends: x = low + (high - low) / (1 + exp(-v)), with v = place + spread t."""

    low: Array
    high: Array
    in_unit_interval: bool

    def reach(self, limits: Range) -> tuple[float, float]:
        return -limits.inwards, limits.inwards

    def window(self, limits: Range) -> Window:
        return Window(-limits.inwards, limits.inwards, 128)

    def search_node(self, xp: Namespace, v: Array) -> Node:
        return self.node(xp, xp.zeros_like(v), xp.ones_like(v), v)

    def mass_at(self, xp: Namespace, v: Array, spread: Array) -> tuple[Array, Array]:
        return v, _at_most_1(xp, spread)

    def node(self, xp: Namespace, place: Array, spread: Array, t: Array) -> Node:
        v, width = place + spread * t, self.high - self.low
        small = xp.exp(-xp.abs(v))
        near, far = width * xp.divide(small, 1 + small), width / (1 + small)
        x = xp.where(v < 0, self.low + near, self.high - near)
        log_slope = xp.log(width * spread) - xp.abs(v) - 2 * xp.log1p(small)
        upper_end = UpperEnd(self.high, xp.where(v < 0, far, near)) if self.in_unit_interval else None
        return Node(x, log_slope, upper_end)

    def constant(self, xp: Namespace) -> Chart:
        return self._replace(low=xp.stop_gradient(self.low), high=xp.stop_gradient(self.high))


def chart_between(low: Array | None, high: Array | None, *, in_unit_interval: bool = False) -> Chart:
    """Return the chart for the outcomes between two ends, which are infinite where they are None."""
    if low is not None and high is not None:
        return _Interval(low, high, in_unit_interval)
    if low is not None:
        return _HalfLine(low, 1)
    return _Line() if high is None else _HalfLine(high, -1)


# ------------------------------------------------------------------------------------------------ where the mass lies


class Segment(NamedTuple):
    """The outcomes of a chart, and where in it the mass lies."""

    chart: Chart
    exists: Array | None  # False where kinks leave nothing between the ends
    place: Array
    spread: Array

    def node(self, xp: Namespace, t: Array) -> Node:
        """Return the outcome at t, which counts widths of the mass from its centre."""
        return self.chart.node(xp, self.place, self.spread, t)


def locate_mass(xp: Namespace, log_mass: LogMass, chart: Chart, like: Array) -> tuple[Array, Array]:
    """Return the place and the spread of the mass of f on a segment, without derivatives.

    It is where log f, or for segments with ends log (f dx/dv), is largest: first on a wide grid, then between the
    neighbours of the best point. The spread is how far from there it takes to fall by 2.
    """
    chart = chart.constant(xp)

    def height(v: Array) -> Array:
        node = chart.search_node(xp, v)
        return finite_or_less(xp, log_mass(node) + node.log_slope)

    v = _highest(xp, height, chart.window(range_of(xp, like)), like)
    return chart.mass_at(xp, v, _half_width(xp, height, v))


def _highest(xp: Namespace, height: Callable[[Array], Array], window: Window, like: Array) -> Array:
    """Return where a function is largest, on a grid that is refined around the best point."""
    step = (window.high - window.low) / window.steps
    grid = column(xp, [window.low + step * k for k in range(window.steps + 1)], like) + xp.zeros_like(like)
    v = _peak(xp, height(grid), grid)
    around = column(xp, [k / 8 for k in range(-8, 9)], v)

    def zoom(state: tuple[Array, Array], _: Array) -> tuple[Array, Array]:
        centre, width = state
        points = centre + width * around
        return _peak(xp, height(points), points), width / 8

    rounds = 8 if like.dtype == xp.float32 else 14
    counter = xp.asarray_like([[[0.0]]] * rounds, like, like.dtype)
    v, _ = xp.scan(zoom, (v, xp.zeros_like(v) + step), (counter,))
    return v


def _half_width(xp: Namespace, height: Callable[[Array], Array], v: Array) -> Array:
    """Return how far from its peak at v a function takes to fall by 2, on the wider side."""
    top = height(v[None, ...])
    distances = column(xp, [2.0**k for k in range(-44, 8)], v)
    spread = xp.zeros_like(v) + 2.0**-44
    for sign in (-1, 1):
        flat = top - height(v + sign * distances) < 2
        spread = spread + xp.max(xp.where(flat, distances, 0.0), axis=0)
    return spread


def _peak(xp: Namespace, values: Array, points: Array) -> Array:
    """Return the point where values are largest along the first axis."""
    top = xp.max(values, axis=0, keepdims=True)
    return xp.max(xp.where(values == top, points + xp.zeros_like(values), -math.inf), axis=0)


def finite_or_less(xp: Namespace, x: Array) -> Array:
    """Return x with -inf in place of nan."""
    return xp.where(xp.isnan(x), -math.inf, x)


# ------------------------------------------------------------------------------------------------------ where to split


def segments_of(
    xp: Namespace, log_mass: LogMass, p: Family, q: Family, components: Components, like: Array
) -> list[Segment]:
    """Return the segments that the support of each component of P is split into, with their mass located."""
    f = components.components
    bearer = with_support(f)
    support = support_of(type(bearer))
    assert support is not None
    if support.space == "circle":
        return [Segment(_Circle(), None, *locate_mass(xp, log_mass, _Circle(), like))]
    low, high = _ends(xp, bearer, support, like)
    kinks = list(_kinks(xp, p, q, components, support, like))
    if low is None and high is None and not kinks and {"loc", "scale"} <= {field.name for field in fields_of(type(f))}:
        place, spread = (xp.stop_gradient(x + xp.zeros_like(like)) for x in (f.loc, f.scale))
        return [Segment(_Line(), None, place, spread)]
    bounds = [low, *_sorted(xp, [_clipped(xp, k, low, high) for k in kinks]), high]
    segments: list[Segment] = []
    for a, b in itertools.pairwise(bounds):
        exists = None
        if kinks and a is not None and b is not None:
            exists = a < b
            a, b = xp.where(exists, a, 0.0), xp.where(exists, b, 1.0)
        chart = chart_between(a, b, in_unit_interval=support.high == 1.0 and support.space == "line")
        segments.append(Segment(chart, exists, *locate_mass(xp, log_mass, chart, like)))
    return segments


def end_value(d: Family, end: float | str) -> float | Array:
    """Return the end of a support: a number, or the parameter of that name."""
    return getattr(d, end) if isinstance(end, str) else end


def _ends(xp: Namespace, d: Family, support: Support, like: Array) -> tuple[Array | None, Array | None]:
    """Return the ends of the support, None where they are infinite."""
    low, high = (
        None if isinstance(end, float) and math.isinf(end) else end_value(d, end) + xp.zeros_like(like)
        for end in (support.low, support.high)
    )
    return low, high


def _kinks(
    xp: Namespace, p: Family, q: Family, components: Components, support: Support, like: Array
) -> Iterator[Array]:
    """Yield the points at which a density may not be smooth, inside or outside the support of a component of P."""
    f = components.components
    kink = kink_of(type(f))
    if kink and components.weights is None:
        yield getattr(f, kink) + xp.zeros_like(like)
    for d in (q,) if components.weights is None else (p, q):
        rough = _rough_points(type(components_of(xp, d).components), support)
        for component in plain_components(xp, d) if rough else ():
            component = insert_batch_axes(xp, component, components.axes)
            for point in rough:
                yield end_value(component, point) + xp.zeros_like(like)


def _rough_points(cls: type, support: Support) -> list[float | str]:
    """Return where the density of a family is not smooth on a support: at its kink, and where its own support ends."""
    kink, its_support = kink_of(cls), support_of(cls)
    points: list[float | str] = [kink] if kink else []
    if its_support is not None and its_support.space == support.space:
        for end, other in ((its_support.low, support.low), (its_support.high, support.high)):
            if isinstance(end, str) or (end != other and math.isfinite(end)):
                points.append(end)
    return points


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
