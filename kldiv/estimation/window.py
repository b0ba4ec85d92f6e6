"""Where on the axis of a rule the integrand matters, how far it can be followed, and what lies beyond."""

from __future__ import annotations

import math
from typing import NamedTuple

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.gaps import expm1_gap
from kldiv.estimation.segments import Segment, column, finite_or_less
from kldiv.estimation.tails import FRACTIONS, tail
from kldiv.estimation.terms import NEAR, Densities, Terms, stacked

PROBES = 144  # steps between the points that show how the integrand falls


class End(NamedTuple):
    """An end of the axis, beyond which the integrand cannot be followed."""

    u: Array
    matters: Array  # where the integrand is not negligible there, or grows
    unknown: Array  # where it is not known why it ends there


class Window(NamedTuple):
    """The part of the axis that an integral is taken over."""

    low: Array
    high: Array
    ends: tuple[End, End]
    excluded: Array  # where Q rules out all that has mass
    seen: Array  # where f is positive at all


class _Probes(NamedTuple):
    """The integrand at points along the axis, which are the first axis of arrays."""

    size: Array  # the logarithm of f (1 + |log p - log q|) dx/du
    mass: Array  # the logarithm of f dx/du
    ratio: Array  # log(1 + |log p - log q|), infinite where it is not known
    unexplained: Array  # where that is not so because outcomes are not told apart
    excluded: Array  # where Q rules out all that has mass
    seen: Array  # where f is positive at all


def window_of(xp: Namespace, densities: Densities, segment: Segment) -> Window:
    """Return the part of the axis outside of which the integrand adds nothing, or cannot be computed."""
    down, up = (_asinh(xp, t) for t in segment.reach(xp))
    step = (up - down) / PROBES
    u = down + step * column(xp, [float(k) for k in range(PROBES + 1)], down)
    probes = _probe(xp, densities, segment, u)
    known = probes.ratio < math.inf
    start = xp.max(xp.where(known | (u > 0), down, u + step), axis=0)
    stop = -xp.max(xp.where(known | (u < 0), -up, step - u), axis=0)
    ends = _end(xp, probes, u, start, -step), _end(xp, probes, u, stop, step)
    within = (u > start - 0.5 * step) & (u < stop + 0.5 * step)
    inside = _matters(xp, xp.where(within, probes.size, -math.inf)) | _matters(
        xp, xp.where(within, probes.mass, -math.inf)
    )
    low = -xp.max(xp.where(inside, -u, -stop), axis=0) - step
    high = xp.max(xp.where(inside, u, start), axis=0) + step
    low, high = xp.where(low > start, low, start), xp.where(high < stop, high, stop)
    return Window(low, xp.where(high > low, high, low + step), ends, probes.excluded, probes.seen)


def _matters(xp: Namespace, log_size: Array) -> Array:
    """Return where sizes add to the largest one along the first axis."""
    return log_size > _finite(xp, xp.max(log_size, axis=0)) + math.log(xp.finfo(log_size.dtype).eps) - 3


def _end(xp: Namespace, probes: _Probes, u: Array, at: Array, step: Array) -> End:
    """Return an end of the axis, from which `step` leads outwards."""
    after, here, before, earlier = (xp.abs(u - at - k * step) < 0.5 * xp.abs(step) for k in (1, 0, -1, -2))

    def pick(values: Array, where: Array) -> Array:
        return xp.max(xp.where(where, values, -math.inf), axis=0)

    sizes = [pick(probes.size - log_cosh(xp, u), where) for where in (here, before, earlier)]
    t = [xp.abs(sinh(xp, at - k * step)) for k in range(3)]
    # A ratio of densities grows until it overflows, if it does not end where Q does. Where the integrand falls ever
    # less before that, it may grow again afterwards.
    grown = pick(probes.ratio, here) > 0.4 * math.log(xp.finfo(u.dtype).max)
    slows = (sizes[1] - sizes[0]) * (t[1] - t[2]) < (1 - 1e-6) * (sizes[2] - sizes[1]) * (t[0] - t[1])
    unknown = xp.any(after & probes.unexplained, axis=0) & (~grown | slows)
    matters = xp.any(here & (_matters(xp, probes.size) | _matters(xp, probes.mass)), axis=0)
    grows = (sizes[0] > -math.inf) & (sizes[0] >= sizes[1] - 1e-6)
    return End(at, matters | unknown | grows, unknown)


def _overflows(xp: Namespace, log_f: Array, u: Array) -> Array:
    """Return where f is 0 since a number in its formula overflows: its logarithm was neither small nor huge before."""
    edge = log_f[:1, ...] + math.inf
    before = xp.where(u > 0, xp.concat([edge, log_f[:-1, ...]]), xp.concat([log_f[1:, ...], edge]))
    return (log_f == -math.inf) & (before < 0.4 * math.log(xp.finfo(u.dtype).smallest_normal)) & (before > -1e30)


def log_cosh(xp: Namespace, u: Array) -> Array:
    """Return the logarithm of the derivative of sinh."""
    return xp.log(0.5 * (xp.exp(u) + xp.exp(-u)))


def sinh(xp: Namespace, u: Array) -> Array:
    """Return the variable t of a chart from that of the rule."""
    return 0.5 * (xp.exp(u) - xp.exp(-u))


def _asinh(xp: Namespace, t: Array) -> Array:
    size = xp.abs(t)
    value = xp.log(size + xp.sqrt(size * size + 1))
    return xp.where(t < 0, -value, value)


def _probe(xp: Namespace, densities: Densities, segment: Segment, u: Array) -> _Probes:
    node = segment.node(xp, sinh(xp, u))
    logs = densities.logs(node.x, node.complement)
    mass = finite_or_less(xp, logs.f + node.log_slope + log_cosh(xp, u))
    some = mass > -math.inf
    ratio = xp.abs(xp.where(some, logs.p, 0.0) - xp.where(some, logs.q, 0.0))
    told = (logs.f < math.inf) & (node.blur < math.inf) & ~_overflows(xp, logs.f, u)
    known = told & (ratio < math.inf)
    log_ratio = xp.where(known, xp.log1p(xp.where(known, ratio, 0.0)), math.inf)
    least = math.log(xp.finfo(mass.dtype).smallest_normal)
    mass = xp.where(told, mass, -math.inf)
    matters = (mass > xp.max(mass, axis=0) - 30) & (mass > least)
    excluded = xp.all(~matters | (logs.q == -math.inf), axis=0) & xp.any(matters, axis=0)
    size = xp.where(some & known, mass + xp.where(known, log_ratio, 0.0), -math.inf)
    seen = xp.any(logs.f > -math.inf, axis=0)
    return _Probes(size, mass, log_ratio, some & told & ~known, excluded, seen)


def _finite(xp: Namespace, x: Array) -> Array:
    return xp.where(xp.isfinite(x), x, 0.0)


# ----------------------------------------------------------------------------------------------------- what lies beyond


class Rest(NamedTuple):
    """What a segment adds beyond the window of its rule."""

    terms: Terms
    errors: Terms
    infinite: Array
    seen: Array  # where f is positive at all

    def joined(self, other: Rest) -> Rest:
        """Return what is left of two segments."""
        return Rest(
            self.terms + other.terms, self.errors + other.errors, self.infinite | other.infinite, self.seen | other.seen
        )


def rest_beyond(xp: Namespace, densities: Densities, segment: Segment, window: Window) -> Rest:
    """Return what lies beyond the ends of the axis, where that matters."""
    none = Terms(*[xp.zeros_like(window.low)] * len(Terms._fields))
    rest = Rest(none, none, window.excluded, window.seen)
    matters = window.ends[0].matters | window.ends[1].matters
    if not xp.is_concrete(matters) or bool(xp.any(matters)):
        rest = rest.joined(_beyond(xp, densities, segment, window, none))
    if segment.exists is None:
        return rest
    terms, errors = (Terms(*[xp.where(segment.exists, x, 0.0) for x in y]) for y in rest[:2])
    return Rest(terms, errors, rest.infinite & segment.exists, rest.seen & segment.exists)


def _beyond(xp: Namespace, densities: Densities, segment: Segment, window: Window, none: Terms) -> Rest:
    """Return what lies beyond the two ends, which are the first axis of arrays."""
    ends = End(*[stacked(xp, pair) for pair in zip(*window.ends, strict=True)])
    t = sinh(xp, ends.u)
    rate = segment.chart.log_rate(xp, segment.spread) + xp.zeros_like(t)
    back = xp.where(t < 0, -1 / rate, 1 / rate)
    node = segment.node(xp, stacked(xp, [t, *[x * t for x in FRACTIONS], *[t + back * math.log(x) for x in FRACTIONS]]))
    logs = densities.logs(node.x, node.complement)
    log_p, log_q = _finite(xp, logs.p), _finite(xp, logs.q)
    log_ratio = log_q - log_p
    # Where the ratio is 0 but for rounding, so is what is left.
    rounding = 8 * float(xp.finfo(t.dtype).eps) * (1 + xp.abs(log_p) + xp.abs(log_q))
    gap = expm1_gap(xp, xp.where(xp.abs(log_ratio) <= NEAR, log_ratio, 0.0))
    sizes = [xp.abs(log_ratio) + rounding, gap + rounding * rounding, xp.ones_like(rounding)]
    log_size = (logs.f + node.log_slope)[:, None, ...] + xp.log(xp.concat([x[:, None, ...] for x in sizes], axis=1))
    log_size = xp.where(ends.matters & xp.isfinite(log_size), log_size, 0.0)
    beyond = tail(xp, log_size[0, ...], log_size[1:3, ...], log_size[3:5, ...], t, rate)
    value, error = (xp.where(ends.matters, x, 0.0) for x in beyond[:2])
    falls, stays, grows = (x & ends.matters for x in beyond[2:])
    far = xp.where(log_ratio[0, ...] > 0, -value[0, ...], value[0, ...])
    near, mass = value[1, ...], xp.stop_gradient(value[2, ...])
    terms = [xp.sum(x, axis=0) for x in (far, near, mass)]
    unknown = xp.where(ends.unknown, math.inf, xp.zeros_like(t))
    errors = [xp.sum(error[k, ...] + x, axis=0) for k, x in enumerate((unknown, unknown, 0.0))]
    # The mass is finite: where it does not seem to fall, nothing is shown by an integrand that does not either.
    infinite = (grows[0, ...] & (falls[2, ...] | stays[2, ...])) | (stays[0, ...] & falls[2, ...])
    rest, off = (none._replace(far=x[0], near=x[1], mass=x[2]) for x in (terms, errors))
    return Rest(rest, off, xp.any(infinite, axis=0), window.seen)
