"""Equations between expectations and parameters that have no closed solution, by Newton's method.

Each is iterated on constants, in a loop that compilers take as one, and then twice more on the caller's own arrays:
a Newton step from the solution has the derivatives of the implicit function, two steps those of the second order too.
"""

from __future__ import annotations

from collections.abc import Callable

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.iteration import repeat
from kldiv._numerics.special import EULER, digamma, digamma_gap, trigamma
from kldiv._numerics.spherical import bessel_ratio


def _solve(
    xp: Namespace, step: Callable[[Array, Array], Array], start: Array, target: Array, count: int, attached: int = 2
) -> Array:
    constant = xp.stop_gradient(target)
    start = xp.stop_gradient(start) + xp.zeros_like(constant)
    value = repeat(xp, lambda x: step(x, constant), start, count, constant)
    value = xp.stop_gradient(value)
    for _ in range(attached):
        value = step(value, target)
    return value


def gamma_concentration(xp: Namespace, gap: Array) -> Array:
    """The a with log(a) - digamma(a) = gap, for a positive gap: log E x - E log x of the gamma distribution."""

    def step(a: Array, gap: Array) -> Array:
        # Newton's step in 1/a, in which the equation is nearly linear at both ends (Minka 2002).
        return 1 / (1 / a + (digamma_gap(xp, a) - gap) / (a - a * a * trigamma(xp, a)))

    start = (3 - gap + xp.sqrt((gap - 3) * (gap - 3) + 24 * gap)) / (12 * gap)
    return _solve(xp, step, start, gap, 6)


def _inverse_digamma(xp: Namespace, y: Array) -> Array:
    large = y > -2.22
    x = xp.where(large, xp.exp(xp.where(large, y, 0.0)) + 0.5, -1 / (xp.where(large, -3.0, y) + EULER))
    # From there five steps of Newton's method give all digits (Minka 2000).
    return repeat(xp, lambda x: x - (digamma(xp, x) - y) / trigamma(xp, x), x, 5, y)


def dirichlet_concentration(xp: Namespace, logs: Array) -> Array:
    """The a with digamma(a_k) - digamma(sum a) = logs_k along the last axis: E log x_k of a Dirichlet distribution."""
    constant = xp.stop_gradient(logs)

    def total_step(v: Array) -> Array:
        # The equation sum_k a_k = A for a_k = digamma^-1(logs_k + digamma(A)), in v = 1 / A. The logarithm of its left
        # side over its right is concave in v, so that Newton's method converges from the left, and 0 is on the left.
        total = 1 / v
        a = _inverse_digamma(xp, constant + digamma(xp, total)[..., None])
        slope = xp.sum(trigamma(xp, total)[..., None] / trigamma(xp, a), axis=-1)
        a = xp.sum(a, axis=-1)
        new = v + xp.log(v * a) / (total * total * (slope / a - v))
        return xp.where(new > 0, new, 0.5 * v)

    def step(a: Array, logs: Array) -> Array:
        total = xp.sum(a, axis=-1, keepdims=True)
        residual = digamma(xp, a) - digamma(xp, total) - logs
        weight = 1 / trigamma(xp, a)
        common = xp.sum(residual * weight, axis=-1, keepdims=True)
        common = common / (xp.sum(weight, axis=-1, keepdims=True) - 1 / trigamma(xp, total))
        return a - (residual - common) * weight

    more = xp.sum(xp.ones_like(constant), axis=-1) - 1
    # For large concentrations, digamma(a) is log(a) - 1 / (2 a).
    start = 2 * (1 - xp.sum(xp.exp(constant), axis=-1)) / more
    v = repeat(xp, total_step, start, 20, constant)
    a = _inverse_digamma(xp, constant + digamma(xp, 1 / v)[..., None])
    return _solve(xp, step, a, logs, 2)


def spherical_concentration(xp: Namespace, b: Array, length: Array) -> Array:
    """The kappa with I_(b + 1/2)(kappa) / I_(b - 1/2)(kappa) = length, the mean cosine of von Mises-Fisher."""

    def step(kappa: Array, length: Array) -> Array:
        a = bessel_ratio(xp, b, kappa)
        small, large = kappa < 1e-8, kappa > 1e4
        inner = xp.where(small | large, 1.0, kappa)
        slope = xp.where(small, 1 / (2 * b + 1), 1 - a * a - 2 * b * a / inner)
        # Far out, where that cancels, 1 - b / kappa + b (b - 1) / (2 kappa^2) is the mean.
        far = xp.where(large, kappa, 1.0)
        slope = xp.where(large, b / far / far * (1 - (b - 1) / far), slope)
        new = kappa - (a - length) / slope
        return xp.where(new < 0, 0.5 * kappa, new)

    # Banerjee, Dhillon, Ghosh and Sra (2005).
    start = length * (2 * b + 1 - length * length) / (1 - length * length)
    return _solve(xp, step, start, length, 8)


def weighted_median(xp: Namespace, x: Array, weights: Array) -> Array:
    """The median along the first axis, halfway between the two of an even number; `weights` as `x`, of any sum."""
    half = 0.5 * xp.sum(weights, axis=0)

    def below(point: Array) -> Array:
        return xp.sum(xp.where(x <= point, weights, 0.0), axis=0)

    def halve(ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = low + 0.5 * (high - low)
        enough = below(middle) >= half
        return xp.where(enough, low, middle), xp.where(enough, middle, high)

    constant = xp.stop_gradient(x)
    high = xp.max(constant, axis=0)
    low = -xp.max(-constant, axis=0)
    _, high = repeat(xp, halve, (low - (high - low), high), 70, constant)
    lower = xp.max(xp.where(x <= high, x, -float("inf")), axis=0)
    upper = -xp.max(xp.where(x > lower, -x, -float("inf")), axis=0)
    even = below(lower) == half
    return xp.where(even, lower + 0.5 * (xp.where(even, upper, lower) - lower), lower)
