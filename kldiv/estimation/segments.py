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
from kldiv.domains import REALS, UNIT_INTERVAL, Support
from kldiv.estimation.components import (
    Components,
    components_of,
    plain_components,
    takes_complements,
    with_support,
)
from kldiv.families.mixture import Mixture


class Node(NamedTuple):
    """An outcome, and the slope there of the chart that leads to it."""

    x: Array
    log_slope: Array  # of dx/dt
    blur: Array  # what t may be off by, in eps, as x is rounded; infinite where x is not told from an end
    complement: Array | None = None  # 1 - x, where x is rounded near 1


LogMass: TypeAlias = Callable[[Node], Array]


class Range(NamedTuple):
    """The logarithms of distances that are told apart: from an end of a segment, and out where outcomes grow."""

    inwards: float
    outwards: float


class Window(NamedTuple):
    """Where the mass is searched for, with so many steps."""

    low: float
    high: float
    steps: int


def range_of(xp: Namespace, x: Array) -> Range:
    """Return the distances for a dtype: those that are shorter underflow, and squares of longer ones overflow."""
    return Range(-80.0, 40.0) if x.dtype == xp.float32 else Range(-680.0, 340.0)


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

    def reach(self, xp: Namespace, place: Array, spread: Array, limits: Range) -> tuple[Array, Array]:
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

    def log_rate(self, xp: Namespace, spread: Array) -> Array:
        """Return how fast the logarithm of the distance changes with t, towards an end or out to infinity."""
        ...

    def constant(self, xp: Namespace) -> Chart:
        """Return the chart with ends that are constants to differentiation."""
        ...


def _sinh(xp: Namespace, x: Array) -> Array:
    return 0.5 * (xp.exp(x) - xp.exp(-x))


def _log_slope(xp: Namespace, spread: Array, t: Array) -> Array:
    """log(spread cosh(t)), the logarithm of the derivative of spread sinh(t)."""
    return xp.log(spread) + xp.abs(t) + xp.log1p(xp.exp(-2 * xp.abs(t))) - math.log(2)


def _at_least_1(xp: Namespace, t: Array) -> Array:
    return xp.where(t > 1, t, 1.0)


def _at_most_1(xp: Namespace, spread: Array) -> Array:
    return xp.where(spread < 1, spread, 1.0)


class _Line(NamedTuple):
    """All numbers: x = place + spread sinh(t)."""

    def reach(self, xp: Namespace, place: Array, spread: Array, limits: Range) -> tuple[Array, Array]:
        up = _at_least_1(xp, limits.outwards - xp.log(spread))
        return -up, up

    def window(self, limits: Range) -> Window:
        return Window(-limits.outwards, limits.outwards, 128)

    def search_node(self, xp: Namespace, v: Array) -> Node:
        return Node(_sinh(xp, v), xp.zeros_like(v), xp.zeros_like(v))  # where log f is largest, in x

    def mass_at(self, xp: Namespace, v: Array, spread: Array) -> tuple[Array, Array]:
        place = _sinh(xp, v)
        return place, _sinh(xp, v + spread) - place

    def node(self, xp: Namespace, place: Array, spread: Array, t: Array) -> Node:
        x, log_slope = place + spread * _sinh(xp, t), _log_slope(xp, spread, t)
        return Node(x, log_slope, xp.abs(x) * xp.exp(-log_slope))

    def log_rate(self, xp: Namespace, spread: Array) -> Array:
        return xp.ones_like(spread)

    def constant(self, xp: Namespace) -> Chart:
        return self


class _Circle(NamedTuple):
    """The circle, with the line wrapped around it: x = place + 2 atan(spread sinh(t))."""

    def reach(self, xp: Namespace, place: Array, spread: Array, limits: Range) -> tuple[Array, Array]:
        up = xp.zeros_like(spread) + 0.5 * limits.outwards
        return -up, up

    def window(self, limits: Range) -> Window:
        return Window(-math.pi, math.pi, 256)

    def search_node(self, xp: Namespace, v: Array) -> Node:
        return Node(v, xp.zeros_like(v), xp.zeros_like(v))

    def mass_at(self, xp: Namespace, v: Array, spread: Array) -> tuple[Array, Array]:
        return v, _at_most_1(xp, spread)

    def node(self, xp: Namespace, place: Array, spread: Array, t: Array) -> Node:
        y = spread * _sinh(xp, t)
        log_slope = _log_slope(xp, spread, t) - xp.log1p(y * y) + math.log(2)
        x = place + 2 * xp.atan(y)
        return Node(x, log_slope, xp.abs(x) * xp.exp(-log_slope))

    def log_rate(self, xp: Namespace, spread: Array) -> Array:
        return xp.ones_like(spread)

    def constant(self, xp: Namespace) -> Chart:
        return self


class _HalfLine(NamedTuple):
    """The numbers above an end, or below it with direction -1: x = end + direction exp(place + spread t)."""

    end: Array
    direction: int

    def reach(self, xp: Namespace, place: Array, spread: Array, limits: Range) -> tuple[Array, Array]:
        return (
            -_at_least_1(xp, (place - limits.inwards) / spread),
            _at_least_1(xp, (limits.outwards - place) / spread),
        )

    def window(self, limits: Range) -> Window:
        return Window(0.5 * limits.inwards, limits.outwards, 128)

    def search_node(self, xp: Namespace, v: Array) -> Node:
        return self.node(xp, xp.zeros_like(v), xp.ones_like(v), v)

    def mass_at(self, xp: Namespace, v: Array, spread: Array) -> tuple[Array, Array]:
        return v, _at_most_1(xp, spread)

    def node(self, xp: Namespace, place: Array, spread: Array, t: Array) -> Node:
        v = place + spread * t
        distance = xp.exp(v)
        return Node(self.end + self.direction * distance, xp.log(spread) + v, _blur(xp, self.end, distance, v, spread))

    def log_rate(self, xp: Namespace, spread: Array) -> Array:
        return spread

    def constant(self, xp: Namespace) -> Chart:
        return self._replace(end=xp.stop_gradient(self.end))


class _Interval(NamedTuple):
    """The numbers between two ends: x = low + (high - low) / (1 + exp(-v)), with v = place + spread t."""

    low: Array
    high: Array
    complements: bool  # whether log densities take 1 - x

    def reach(self, xp: Namespace, place: Array, spread: Array, limits: Range) -> tuple[Array, Array]:
        return (
            -_at_least_1(xp, (place - limits.inwards) / spread),
            _at_least_1(xp, (-limits.inwards - place) / spread),
        )

    def window(self, limits: Range) -> Window:
        return Window(0.5 * limits.inwards, -0.5 * limits.inwards, 128)

    def search_node(self, xp: Namespace, v: Array) -> Node:
        return self.node(xp, xp.zeros_like(v), xp.ones_like(v), v)

    def mass_at(self, xp: Namespace, v: Array, spread: Array) -> tuple[Array, Array]:
        return v, _at_most_1(xp, spread)

    def node(self, xp: Namespace, place: Array, spread: Array, t: Array) -> Node:
        v, width = place + spread * t, self.high - self.low
        small = xp.exp(-xp.abs(v))
        near, far = width * xp.divide(small, 1 + small), width / (1 + small)
        below = v < 0
        x = xp.where(below, self.low + near, self.high - near)
        log_slope = xp.log(width * spread) - xp.abs(v) - 2 * xp.log1p(small)
        above = 1 - self.high if self.complements else self.high
        blur = _blur(xp, xp.where(below, self.low, above), near, v, spread)
        return Node(x, log_slope, blur, above + xp.where(below, far, near) if self.complements else None)

    def log_rate(self, xp: Namespace, spread: Array) -> Array:
        return spread

    def constant(self, xp: Namespace) -> Chart:
        return self._replace(low=xp.stop_gradient(self.low), high=xp.stop_gradient(self.high))


def _blur(xp: Namespace, end: Array, distance: Array, v: Array, spread: Array) -> Array:
    """Return the blur of an outcome whose distance from an end is exp(v), infinite where rounding hides that."""
    end = xp.abs(end)
    hidden = (distance < 4 * float(xp.finfo(v.dtype).eps) * end) | (distance == 0)
    blur = (1 + xp.abs(v) + end / xp.where(hidden, 1.0, distance)) / spread
    return xp.where(hidden, math.inf, blur)


def chart_between(low: Array | None, high: Array | None, *, complements: bool = False) -> Chart:
    """Return the chart for the outcomes between two ends, which are infinite where they are None."""
    if low is not None and high is not None:
        return _Interval(low, high, complements)
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

    def reach(self, xp: Namespace) -> tuple[Array, Array]:
        """Return how far t goes down and up."""
        return self.chart.reach(xp, self.place, self.spread, range_of(xp, self.place))


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
    around = column(xp, [k / 16 for k in range(-16, 17)], v)

    def zoom(state: tuple[Array, Array], _: Array) -> tuple[Array, Array]:
        centre, width = state
        points = centre + width * around
        return _peak(xp, height(points), points), width / 16

    rounds = 6 if like.dtype == xp.float32 else 11
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
    support = _support(f)
    kinks = [] if support.space == "circle" else list(_kinks(xp, p, q, components, support, like))
    if support == REALS and not kinks and {"loc", "scale"} <= {field.name for field in fields_of(type(f))}:
        return [Segment(_Line(), None, *[xp.stop_gradient(x + xp.zeros_like(like)) for x in (f.loc, f.scale)])]
    return [
        Segment(chart, exists, *locate_mass(xp, log_mass, chart, like))
        for chart, exists in _charts(xp, f, support, kinks, _take_complements(p, q, support), like)
    ]


def _support(d: Family) -> Support:
    """Return the support of a plain distribution."""
    support = support_of(type(with_support(d)))
    assert support is not None
    return support


def same_support(xp: Namespace, p: Family, q: Family, like: Array) -> Array:
    """Return where two distributions are known to have the same support."""
    a, b = _support(p), _support(q)
    same = xp.zeros_like(like) == 0
    if a.space != b.space:
        return ~same
    for x, y in ((a.low, b.low), (a.high, b.high)):
        ends = [end_value(with_support(d), end) for d, end in ((p, x), (q, y))]
        if any(isinstance(end, str) and (x != y or Mixture in (type(p), type(q))) for end in (x, y)):
            return ~same
        if not isinstance(ends[0], str):
            same = same & (xp.stop_gradient(ends[0] + xp.zeros_like(like)) == ends[1])
    return same


def _take_complements(p: Family, q: Family, support: Support) -> bool:
    """Tell whether all log densities near 1 can be had from 1 - x."""
    return support == UNIT_INTERVAL and all(
        takes_complements(d) for d in (p, q) if support_of(type(with_support(d))) == UNIT_INTERVAL
    )


def _charts(
    xp: Namespace, f: Family, support: Support, kinks: list[Array], complements: bool, like: Array
) -> Iterator[tuple[Chart, Array | None]]:
    """Yield the charts between the ends of a support and the kinks, and where there is anything between these."""
    if support.space == "circle":
        yield _Circle(), None
        return
    low, high = _ends(xp, with_support(f), support, like)
    for a, b in itertools.pairwise([low, *_sorted(xp, [_clipped(xp, k, low, high) for k in kinks]), high]):
        exists = None
        if kinks and a is not None and b is not None:
            exists = a < b
            a, b = xp.where(exists, a, 0.0), xp.where(exists, b, 1.0)
        yield chart_between(a, b, complements=complements), exists


def end_value(d: Family, end: float | str) -> float | str | Array:
    """Return the end of a support: a number, the parameter of that name, or the name of an axis."""
    return getattr(d, end, end) if isinstance(end, str) else end


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
