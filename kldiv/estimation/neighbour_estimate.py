"""The estimate by nearest neighbours, its error, and why it may be wrong; on the host, in float64.

Of n - 1 other points, the ball around x that reaches to the k-th nearest holds a mass whose logarithm has the mean
psi(k) - psi(n), whatever the distribution is; of m points of another sample psi(k) - psi(m + 1). Where the density is
constant over the ball, it is the mass over the volume. Points that are equal make a class, a ball without a volume: if
c others lie in it, the estimates of the logarithm of its mass are psi(c + 1) - psi(n) and psi(c + 1) - psi(m + 1).

Both are right on average whatever the rank and the number of points are. So an estimate that moves with them is wrong:
its balls reach where the density is another, or the points lie on a curve, whose dimension is not that of the space.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import psi

from kldiv.estimation.cells import Cells, Points
from kldiv.estimation.neighbours import disjoint_groups, distances, shares_served
from kldiv.estimation.pareto_tail import has_heavy_tail

_GROUPS, _LARGEST_GROUP, _LEAST_GROUP = 40, 1000, 30  # for the standard error
# Among an eighth of the points, the neighbours are those of eight times the rank. In classes, whose bias falls
# exponentially, a third of the points is compared.
_FEWER, _FEWER_OF_CLASS = 8, 1 / 3
# The thresholds of the verdict are chosen by the table that docs/calibration.py makes.
_SHIFT_X, _SHIFT_Y, _SHIFT_KNOWN = 2.5, 1.75, 3.0  # standard errors by which an estimate from fewer points may differ
_POINTS, _PER_DIMENSION = 10, 3  # of y that are to lie where x does, in one dimension, and the factor for each other
_MOST_COLUMNS_KNOWN = 10
_HEAVY = 0.6  # the tail index from which on a standard error means little


class Samples(NamedTuple):
    """Points of P, and points of Q or the logarithm of its density at those of P."""

    x: Cells
    y: Cells | None
    log_q: Points | None

    @property
    def sizes(self) -> list[int]:
        """The number of points of each sample."""
        return [len(z.classes) for z in (self.x, self.y) if z is not None]

    def take(self, of_x: Points, of_y: Points | None = None) -> Samples:
        """Return the points at these places."""
        y = None if self.y is None or of_y is None else self.y.take(of_y)
        return Samples(self.x.take(of_x), y, None if self.log_q is None else self.log_q[of_x])


class Terms(NamedTuple):
    """At each point of x, the logarithms of both densities but for constants, by neighbours of each rank."""

    log_p: Points
    log_q: Points
    near: Points  # whether they are by distances, or by counts
    sizes: list[Points]  # of the class of each point, among the other points of x, and among those of y

    @property
    def log_ratio(self) -> Points:
        """The logarithm of p / q, but for a constant, by neighbours of the first rank."""
        return (self.log_p - self.log_q)[:, 0]


class Measured(NamedTuple):
    """An estimate, its standard error with the bias that shows, and why it cannot be trusted, in words."""

    value: float
    error: float
    doubts: list[str]


def measure(samples: Samples, k: int, constant: float) -> Measured:
    """Return the estimate by k-th neighbours, where `constant` is what it has beside the mean over x."""
    found = terms(samples, k, fewer=True)
    value = float(found.log_ratio.mean()) + constant
    if value == math.inf:
        return Measured(value, 0.0, [])
    noise = standard_error(samples, k)
    if noise is None:
        few = f"{min(samples.sizes)} points are too few for a standard error, which takes {2 * (k + 4)}"
        return Measured(value, math.inf, [few])
    shift_x, shift_y = float(np.diff(found.log_p).mean()), -float(np.diff(found.log_q).mean())
    dimension = int(samples.x.dimensions.max())
    if samples.y is None:
        doubts = [*_doubts_on_shifts(found, dimension, shift_x, 0.0, noise), *_doubts_on_density(samples, found)]
        return Measured(value, noise, doubts)
    doubts = [
        *_doubts_on_shifts(found, dimension, shift_x, shift_y, noise),
        *_doubts_on_coverage(samples, found, noise),
    ]
    # The bias with all points follows from that with an eighth of them, if it falls like a power of their number.
    bias = (shift_x + shift_y) / (_FEWER ** (1 / (dimension + 0.5)) - 1)
    return Measured(value, math.hypot(max(noise, _noise_of_few(samples, found.near)), bias), doubts)


# ----------------------------------------------------------------------------------------------------------- the terms


def terms(samples: Samples, k: int, *, fewer: bool = False) -> Terms:
    """Return the terms by neighbours within classes, and by counts where a class has no extent or too few points.

    With `fewer`, a second column is what they are expected to be with an eighth of the points, or a third of a class.
    """
    x, y, log_q = samples
    ranks = [k, _FEWER * k] if fewer else [k]
    sizes = [_sizes_of_classes(x, z) for z in (x, y) if z is not None]
    sizes[0] = sizes[0] - 1
    near = (x.dimensions > 0) & np.all([size >= k for size in sizes], axis=0)
    found = [np.ones((len(near), len(ranks)))] * 2
    if near.any():
        points = apart(x, y)
        found = distances(points[0], points[1] if y is not None else None, ranks)
    logs = [_log_density(x.dimensions, near, *z, ranks) for z in zip(sizes, found, strict=False)]
    log_p, by_points = logs[0], logs[-1]
    return Terms(log_p, by_points if log_q is None else np.stack([log_q] * len(ranks), axis=1), near, sizes)


def _log_density(dimensions: Points, near: Points, sizes: Points, to: Points, ranks: list[int]) -> Points:
    """Return the logarithm of a density by the distances to neighbours, or of a mass by the size of a class."""
    if (to[near] == 0).any():
        raise ValueError(
            "points that differ round to the same point once they are scaled; subtract what they have in common, "
            "or pass float64"
        )
    enough = sizes[:, None] >= ranks
    by_distance = psi(ranks) - dimensions[:, None] * np.log(np.where(near[:, None] & enough, to, 1.0))
    by_size = np.stack([psi(sizes + 1), psi(sizes + 1) + _rest_of_series(sizes)], axis=1)[:, : len(ranks)]
    return np.where(near[:, None], np.where(enough, by_distance, by_distance[:, :1]), by_size)


def _rest_of_series(sizes: Points) -> Points:
    """Return what an estimate of -log q, or -log p, is expected to lose with a third of the points, for c in a class.

    The estimate is the first terms of a series, as many as there are points. Those from a fraction f of them on have
    the mean ``integral_f^1 (1 - s)^c / s ds``, which is ``-log f`` less a sum of c terms.
    """
    i = np.arange(1, 100)
    rests = -math.log(_FEWER_OF_CLASS) - np.insert(np.cumsum((1 - _FEWER_OF_CLASS) ** i / i), 0, 0.0)
    found: Points = rests[np.minimum(sizes, len(i))]
    return found


def _sizes_of_classes(x: Cells, others: Cells) -> Points:
    """Return how many of others are in the class of each point of x."""
    most = max(int(x.classes.max()), int(others.classes.max())) + 1
    sizes: Points = np.bincount(others.classes, minlength=most)[x.classes]
    return sizes


def apart(*samples: Cells | None) -> list[Points]:
    """Return the points with a coordinate more, along which classes are further apart than all points of a class."""
    cells = [z for z in samples if z is not None]
    if not any(z.classes.any() for z in cells):
        return [z.points for z in cells]
    gap = 2 * np.ptp(np.concatenate([z.points for z in cells]), axis=0).sum()
    return [np.column_stack([z.points, gap * z.classes]) for z in cells]


# ----------------------------------------------------------------------------------------------------------- the error


def standard_error(samples: Samples, k: int) -> float | None:
    """Return the standard error, from estimates of groups of the points; None if there are too few points."""
    sizes = samples.sizes
    fraction = min(max(0.1, min(_LEAST_GROUP / min(sizes), 1 / 3)), _LARGEST_GROUP / max(sizes))
    fraction = max(fraction, (k + 4) / min(sizes))
    if fraction > 0.5:
        return None
    group_sizes = [round(n * fraction) for n in sizes]
    variances = [
        np.var([terms(samples.take(*group), k).log_ratio.mean() for group in groups], ddof=1)
        for groups in disjoint_groups(sizes, group_sizes, _GROUPS)
    ]
    return math.sqrt(np.mean(variances) * group_sizes[0] / sizes[0])


def _noise_of_few(samples: Samples, near: Points) -> float:
    """Return what the standard error is at least, where few points of y serve many of x as neighbours.

    The logarithm of a distance deviates by about 1 over the dimension, so that a point of y moves the estimate by the
    share of x that it serves. Groups of the points see this too late.
    """
    if samples.y is None or not near.any():
        return 0.0
    x, y = apart(samples.x, samples.y)
    return float(near.mean() * np.linalg.norm(shares_served(x[near], y)))


# --------------------------------------------------------------------------------------------------------- the verdict


def _doubts_on_shifts(found: Terms, dimension: int, shift_x: float, shift_y: float, noise: float) -> Iterator[str]:
    """Yield why the estimate is another with fewer points of one sample."""
    limit_x = noise * (_SHIFT_X if len(found.sizes) == 2 else _SHIFT_KNOWN)
    limit_y = noise * _SHIFT_Y
    if shift_x < -limit_x:
        # Between the ranks, the logarithm of a distance grows like that of the rank, divided by the dimension.
        grown = psi(_FEWER) - psi(1)
        local = dimension * grown / (grown - np.diff(found.log_p)[found.near].mean())
        yield (
            f"near each other the points of x have about {local:.1f} dimensions, not {dimension}, as on a curve, a "
            "surface or in small clusters: pass coordinates along it"
        )
    elif shift_x > limit_x:
        yield (
            f"fewer points of x would change the estimate by {shift_x:+.2g}, where {limit_x:.2g} may be chance: pass "
            "more points of x"
        )
    elif abs(shift_y) > limit_y:
        yield (
            f"fewer points of y would change the estimate by {shift_y:+.2g}, where {limit_y:.2g} may be chance: y "
            "covers x too thinly, and the divergence may be much larger, or infinite. Pass more points of y, or the "
            "density of Q"
        )


def _doubts_on_coverage(samples: Samples, found: Terms, noise: float) -> Iterator[str]:
    """Yield why there are too few points where both distributions lie."""
    own, others = found.sizes
    unseen = float((others == 0).mean())
    alone = float((~found.near & (samples.x.dimensions > 0)).mean())
    if unseen > noise:
        yield (
            f"{unseen:.0%} of the points of x have repeated values that no point of y has: if Q rules them out, the "
            "divergence is infinite"
        )
    elif alone > noise:
        yield f"{alone:.0%} of the points of x share repeated values with too few other points for distances to tell"
    if not found.near.any():
        return
    # n / (n p / q) = n q / p points of y lie, on (geometric) average, where n points of x do.
    log_own = np.log(own[found.near] + 1)
    shared = math.exp(min(log_own.mean(), (log_own - found.log_ratio[found.near]).mean()))
    needed = _POINTS * _PER_DIMENSION ** (samples.x.dimensions[found.near].mean() - 1) * found.near.mean()
    if shared < needed:
        yield (
            f"about {shared:.0f} points of y lie where those of x do, and {needed:.0f} are needed: pass more points, "
            "or the density of Q"
        )


def _doubts_on_density(samples: Samples, found: Terms) -> Iterator[str]:
    """Yield why the mean of log q, or of the densities of x, is not to be trusted."""
    dimension = int(samples.x.dimensions.max())
    if dimension > _MOST_COLUMNS_KNOWN:
        yield (
            f"{dimension} columns, where in more than {_MOST_COLUMNS_KNOWN} the bias may be larger than the divergence"
        )
    if bool(has_heavy_tail(found.log_q[:, 0], _HEAVY)):
        yield "the tail of log q at the points of x is so heavy that the error means little: it may have no mean"
