"""What an integral adds beyond the last outcome at which its integrand can be computed.

There the logarithm of the integrand is taken to go on as a straight line, of the logarithm of the distance or of the
distance itself, whichever it resembles more over a long way before.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from kldiv._arrays.protocol import Array, Namespace

# Slopes are taken between the last outcome and those at these fractions of the coordinate.
FRACTIONS = (0.75, 0.5)
# By how much of itself a slope may change there. A power of the logarithm of the distance reaches 0.1 and more.
STRAIGHT = 0.1
VERY_STRAIGHT = 0.02


class Tail(NamedTuple):
    """An integral from the last outcome on."""

    value: Array
    error: Array  # infinite where nothing is known of it
    falls: Array  # where the integrand falls
    stays: Array  # where it stays the same, as far as numbers tell
    grows: Array  # where it grows without end


class _Line(NamedTuple):
    """A straight line for the logarithm of an integrand, in a coordinate whose unit is that of the last outcome."""

    near: Array  # the slope, downwards, over the last quarter
    far: Array  # over the last half
    unit: Array  # of the integration variable

    @property
    def last(self) -> Array:
        """The slope at the last outcome: one that changes linearly is extrapolated to it."""
        return 2 * self.near - self.far


def tail(xp: Namespace, log_size: Array, by_log: Array, by_distance: Array, reach: Array, rate: Array) -> Tail:
    """Return the integral of exp(log_size) beyond the last outcome.

    Parameters
    ----------
    log_size
        The logarithm of the integrand at the last outcome.
    by_log, by_distance
        The same at two outcomes before it, along the first axis: at the `FRACTIONS` of the logarithm of the distance
        and of the distance.
    reach
        How far the integration variable has come at the last outcome.
    rate
        How fast the logarithm of the distance changes with the integration variable.
    """
    last, half = FRACTIONS
    lines = (
        _Line((by_log[0, ...] - log_size) / (1 - last), (by_log[1, ...] - log_size) / (1 - half), xp.abs(reach)),
        _Line(
            (by_distance[0, ...] - log_size - math.log(last)) / (1 - last),
            (by_distance[1, ...] - log_size - math.log(half)) / (1 - half),
            1 / rate,
        ),
    )
    first, second = (_extrapolated(xp, log_size, line) for line in lines)
    bends = [_bend(xp, line) for line in lines]
    straighter = bends[0] <= bends[1]
    value, error = (xp.where(straighter, a, b) for a, b in zip(first, second, strict=True))
    error = xp.where((bends[0] < STRAIGHT) | (bends[1] < STRAIGHT), error, math.inf)
    endless = [_is_endless(xp, log_size, line) for line in lines]
    grows = [grows & (bend < VERY_STRAIGHT) for grows, bend in zip(endless, bends, strict=True)]
    flat = _is_flat(xp, lines[0])
    # What is not straight in either coordinate must be without end in both.
    return Tail(
        value,
        error,
        (lines[0].near > 0) & ~flat,
        flat,
        xp.where(straighter, *grows) | (endless[0] & endless[1]),
    )


def _bend(xp: Namespace, line: _Line) -> Array:
    """Return by how much of itself, or of 1, the slope changes."""
    size = xp.where(xp.abs(line.near) > xp.abs(line.far), xp.abs(line.near), xp.abs(line.far))
    change = xp.abs(line.near - line.far)
    return xp.where(xp.isfinite(change), change / xp.where(size > 1, size, 1.0), math.inf)


def _extrapolated(xp: Namespace, log_size: Array, line: _Line) -> tuple[Array, Array]:
    """Return the integral under a line that falls, and an error from what other slopes make of it.

    The error has a factor that matters where sizes have not fallen much over the whole way: then the slope may change
    as much again.
    """
    still = [xp.stop_gradient(x) for x in line[:2]]
    falls = (still[0] > 0) & (still[1] > 0) & (2 * still[0] - still[1] > 0)
    last, near, far = (xp.where(falls, x, 1.0) for x in (line.last, *still))
    value = xp.exp(log_size) * line.unit / last
    others = [xp.abs(xp.stop_gradient(last) / x - 1) for x in (near, far)]
    change = xp.where(others[0] > others[1], others[0], others[1]) * (1 + 10 / xp.stop_gradient(last))
    error = xp.stop_gradient(value) * change
    return xp.where(falls, value, 0.0), xp.where(falls, error, math.inf)


def _rounding(xp: Namespace, x: Array) -> float:
    """Return what rounding makes of slopes of logarithms of some hundreds."""
    return 4096 * float(xp.finfo(x.dtype).eps)


def _is_flat(xp: Namespace, line: _Line) -> Array:
    """Return where the slope is 0 but for rounding."""
    rounding = _rounding(xp, line.near)
    return (xp.abs(line.near) < rounding) & (xp.abs(line.far) < rounding)


def _is_endless(xp: Namespace, log_size: Array, line: _Line) -> Array:
    """Return where an integrand grows, and does not reach a maximum among the numbers that floats have.

    A slope that goes on to change as it did would reach 0 where sizes are larger by slope^2 / 2 over its change.
    """
    rounding = _rounding(xp, log_size)
    change = 8 * (line.near - line.far)  # the slopes are those in the middle of the last quarter and of the last half
    rise = line.last * line.last / (2 * xp.where(change > rounding, change, rounding))
    grows = (line.last < -rounding) & (line.near < -rounding)
    return grows & (log_size + rise > math.log(xp.finfo(log_size.dtype).max))
