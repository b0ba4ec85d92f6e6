"""Where densities have their mass: the points at which to draw them."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from kldiv._core.family import Family, support_of
from kldiv.backends import numpy
from kldiv.estimation.components import components_of, plain_components, with_support
from kldiv.plotting._arguments import Vector
from kldiv.plotting._distributions import log_density, outcome_space

LogDensity: TypeAlias = Callable[[Vector], Vector]


class Range(NamedTuple):
    """Points in ascending order, and the limits of an axis that shows them."""

    points: Vector
    limits: tuple[float, float]


class _Window(NamedTuple):
    """An interval that holds nearly all mass of a distribution."""

    low: float
    high: float


def find_range(
    distributions: Sequence[Family], n: int, discrete: bool, pair: tuple[Family, Family] | None = None
) -> Range:
    """Return a range that shows all of the densities, and the integrand of the divergence of a pair."""
    if n < 2:
        raise ValueError(f"n must be at least 2; got {n!r}")
    if outcome_space(distributions[0]) == "circle":
        return Range(np.linspace(-math.pi, math.pi, n), (-math.pi, math.pi))
    ends = np.concatenate([_support_ends(d) for d in distributions])
    windows = [window for d in distributions for window in _component_windows(d, discrete)]
    if not windows:
        raise ValueError("the densities have no mass that can be found; pass x")
    if pair is not None:
        windows += _find_window(functools.partial(_log_integrand, *pair), ends, discrete)
    return _integer_range(windows, n) if discrete else _line_range(windows, ends, n)


def _integer_range(windows: list[_Window], n: int) -> Range:
    """Return all integers in the windows, or n of them if there are more."""
    low, high = min(w.low for w in windows), max(w.high for w in windows)
    points = np.arange(low, high + 1) if high - low < n else np.unique(np.linspace(low, high, n).round())
    return Range(points, (low - 0.7, high + 0.7))


def _line_range(windows: list[_Window], ends: Vector, n: int) -> Range:
    """Return n points over all windows, n more for each narrow one, and three at each end of a support."""
    low, high = min(w.low for w in windows), max(w.high for w in windows)
    margin = 0.04 * (high - low)
    limits = low - margin, high + margin
    narrow = [w for w in windows if w.high - w.low < 0.2 * (high - low)]
    margins = [0.5 * (w.high - w.low) for w in narrow]
    fine = [np.linspace(w.low - more, w.high + more, n) for w, more in zip(narrow, margins, strict=True)]
    ends = ends[(limits[0] < ends) & (ends < limits[1])]
    # The neighbours of an end make a jump there vertical.
    jumps = [np.nextafter(ends, -math.inf), ends, np.nextafter(ends, math.inf)]
    return Range(np.unique(np.concatenate([np.linspace(*limits, n), *fine, *jumps])), limits)


def _support_ends(d: Family) -> Vector:
    """Return the finite ends of the supports of the components of a distribution."""
    components = with_support(components_of(numpy, d).components)
    support = support_of(type(components))
    assert support is not None
    ends = [getattr(components, end, math.inf) if isinstance(end, str) else end for end in (support.low, support.high)]
    flat: Vector = np.concatenate([np.ravel(end) for end in ends])
    return flat[np.isfinite(flat)]


def _component_windows(d: Family, discrete: bool) -> list[_Window]:
    """Return a window for each component of a distribution that has a weight worth seeing."""
    weights = components_of(numpy, d).weights
    components = zip(plain_components(numpy, d), [1.0] if weights is None else np.ravel(weights), strict=True)
    return [
        window
        for component, weight in components
        if weight > 1e-3
        for window in _find_window(functools.partial(log_density, component), _support_ends(component), discrete)
    ]


def _log_integrand(p: Family, q: Family, x: Vector) -> Vector:
    """Return log |p log(p / q)|."""
    log_p, log_q = log_density(p, x), log_density(q, x)
    with np.errstate(all="ignore"):
        return np.asarray(log_p + np.log(np.abs(log_p - log_q)))


# ---------------------------------------------------------------------------------------------------- search for mass


def _find_window(log_density: LogDensity, ends: Vector, discrete: bool) -> list[_Window]:
    """Return the interval where a density has its mass, in a list; an empty list if no mass is found."""
    x, log_y = _locate_mass(log_density, _start_points(ends, discrete), discrete)
    if log_y.max() == -math.inf:
        return []
    density = np.exp(log_y - log_y.max())
    mass = _cumulative_mass(x, density, discrete)
    visible = x[density > 5e-3]
    far, near = (_quantiles(mass, x, tail, discrete) for tail in (1e-4, 0.05))
    # All that is visible, except the thin end of a long tail; in any case the middle 90 % of the mass.
    low = min(max(visible[0], far[0]), near[0])
    high = max(min(visible[-1], far[1]), near[1])
    return [_Window(float(low), float(high))]


def _start_points(ends: Vector, discrete: bool) -> Vector:
    """Return points at distances of all orders of magnitude from 0 and from the ends of the support."""
    offsets = np.unique(np.geomspace(1, 1e15, 61).round()) if discrete else np.geomspace(1e-40, 1e40, 321)
    anchors = np.append(ends, 0.0)[:, None]
    return np.unique(np.concatenate([anchors, anchors - offsets, anchors + offsets], axis=None))


def _locate_mass(log_density: LogDensity, x: Vector, discrete: bool) -> tuple[Vector, Vector]:
    """Return points that are dense where a density has its mass, and its logarithms there.

    Intervals that hold too large a share of the mass are split. The mass of an interval is taken to be its width times
    the larger density at its ends. So the search climbs towards a peak that all points miss, as long as the density
    rises towards it.
    """
    log_y = _without_infinity(log_density(x))
    for _ in range(300):
        with np.errstate(all="ignore"):
            share = np.maximum(log_y[1:], log_y[:-1]) + np.log(np.diff(x))
            share = np.exp(share - share.max())
        middle = x[:-1] + np.diff(x) / 2
        middle = np.floor(middle) if discrete else middle
        split = (share > share.sum() / 2000) & (middle > x[:-1]) & (middle < x[1:])
        if not split.any():
            break
        x, order = np.unique(np.concatenate([x, middle[split]]), return_index=True)
        log_y = np.concatenate([log_y, _without_infinity(log_density(middle[split]))])[order]
    return x, log_y


def _without_infinity(log_y: Vector) -> Vector:
    """Return log densities with -inf in place of inf and nan, which occur at an end of the support."""
    return np.where(log_y < math.inf, log_y, -math.inf)


def _cumulative_mass(x: Vector, density: Vector, discrete: bool) -> Vector:
    """Return the share of the mass up to each point: an integral by trapezoids, or a sum with gaps filled in."""
    width = np.diff(x)
    if discrete:
        mass = np.cumsum(density * 0.5 * (np.append(width, 1.0) + np.concatenate([[1.0], width])))
    else:
        mass = np.cumsum(np.concatenate([[0.0], 0.5 * (density[1:] + density[:-1]) * width]))
    return np.asarray(mass / mass[-1])


def _quantiles(mass: Vector, x: Vector, tail: float, discrete: bool) -> Vector:
    """Return two points: one with a mass of `tail` below it, and one with a mass of `tail` above it."""
    levels = np.asarray([tail, 1 - tail])
    return x[np.searchsorted(mass, levels)] if discrete else np.interp(levels, mass, x)
