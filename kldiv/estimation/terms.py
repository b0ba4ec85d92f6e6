"""The terms of a divergence at outcomes: what integrals and sums add up, and what rounding may change of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family
from kldiv._core.parameters import insert_batch_axes
from kldiv._numerics.gaps import expm1_gap
from kldiv.estimation.components import components_of, log_density

NEAR = 1.0  # the largest |log(q / p)| at which q / p - 1 - log(q / p) is taken for log(p / q)


class Logs(NamedTuple):
    """The logarithms of f, p and q at outcomes, for each component f of P."""

    f: Array
    p: Array
    q: Array


class Terms(NamedTuple):
    """The terms of sums and integrals under a component f of P; all but `apart` are times f dx.

    The expectations of log(p / q) and of q / p - 1 - log(q / p) are equal where P and Q have the same support. The
    terms of the second are not negative, and small where P and Q nearly agree.
    """

    far: Array  # log(p / q)
    near: Array  # q / p - 1 - log(q / p)
    mass: Array  # 1
    mass_q: Array  # q / p
    rounding: Array  # what rounding may change of `far`
    rounding_near: Array  # and of `near`
    apart: Array  # positive where p and q differ too much for `near`, infinite where Q rules out what P does not

    def __add__(self, other: Any) -> Terms:
        """Return the sums of the terms of both."""
        return Terms(*[a + b for a, b in zip(self, other, strict=True)])

    @staticmethod
    def unstacked(values: Array) -> Terms:
        """Return the terms that lie along the first axis of an array."""
        return Terms(*[values[k, ...] for k in range(len(Terms._fields))])

    def map(self, function: Callable[[Array], Array]) -> Terms:
        """Return what a function makes of each of the terms."""
        return Terms(*map(function, self))


def stacked(xp: Namespace, arrays: Iterable[Array]) -> Array:
    """Return arrays along a new first axis."""
    return xp.concat([x[None, ...] for x in arrays])


class Densities:
    """The log densities of the components f of P, of P, and of Q."""

    def __init__(self, xp: Namespace, p: Family, q: Family, *, between: bool = False) -> None:
        self._xp, self._between, self._alone = xp, between, p is q  # alone: one distribution, for its mass
        self.components = components_of(xp, p)
        axes = self.components.axes
        self._p, self._q = insert_batch_axes(xp, p, axes), insert_batch_axes(xp, q, axes)

    def log_f(self, x: Array, complement: Array | None = None) -> Array:
        """Return log f."""
        return self._log(self.components.components, x, complement)

    def logs(self, x: Array, complement: Array | None = None) -> Logs:
        """Return log f, log p and log q."""
        log_f = self.log_f(x, complement)
        log_p = log_f if self.components.weights is None else self._log(self._p, x, complement)
        return Logs(log_f, log_p, log_p if self._alone else self._log(self._q, x, complement))

    def _log(self, d: Family, x: Array, complement: Array | None) -> Array:
        return log_density(self._xp, d, x, complement, between=self._between)


def terms_of(xp: Namespace, logs: Logs, log_slope: Any = 0.0, blur: Any = 0.0) -> Terms:
    """Return the terms at outcomes.

    `log_slope` is that of dx, and `blur` how many eps an outcome is off, in the unit of the width of P.
    """
    log_mass = logs.f + log_slope
    info = xp.finfo(log_mass.dtype)
    still, least = xp.stop_gradient(log_mass), math.log(info.smallest_normal)
    # Where f has no mass nothing is added, whatever log q is there; not so where only q has none. A product of f and
    # log(p / q) may be large where f underflows, so that each half of f is a factor of its own.
    some = (still > least) | ((still > 2 * least) & xp.isfinite(logs.q))
    half = xp.where(some, xp.exp(0.5 * xp.where(some, log_mass, 0.0)), 0.0)
    weight = xp.stop_gradient(half * half)
    log_p, log_q = xp.where(some, logs.p, 0.0), xp.where(some, logs.q, 0.0)
    t = log_q - log_p
    size = xp.where(xp.isfinite(t), (1 + xp.abs(log_p) + xp.abs(log_q)) * (1 + blur), 0.0)
    close = xp.abs(t) <= NEAR
    t_close = xp.where(close, t, 0.0)
    log_mass_q = xp.where(some, still, -math.inf) + xp.stop_gradient(t)
    # What rounding may change of t.
    off = xp.stop_gradient(4 * float(info.eps) * xp.where(some, size, 0.0))
    off_near = xp.abs(xp.stop_gradient(t_close)) + off
    rules_out = (logs.q == -math.inf) & (still > -math.inf)
    apart = xp.where(rules_out, math.inf, xp.where(some & ~close, xp.ones_like(still), 0.0))
    return Terms(
        half * (half * -t),
        half * (half * expm1_gap(xp, t_close)),
        weight,
        xp.exp(xp.where(log_mass_q < -least, log_mass_q, -least)),
        weight * off,
        weight * off * off_near,
        apart,
    )
