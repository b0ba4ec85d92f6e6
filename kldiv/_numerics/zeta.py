"""Numerics of the zeta distribution on 1, 2, 3, ...

Sums over k of k^-s are added up to a number n, and the rest is the integral and the corrections of Euler and Maclaurin,
also for the remainders of a convex function: each part is a remainder itself, known without cancellation.
"""

from __future__ import annotations

from math import inf, lgamma, log, pi
from typing import NamedTuple

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.exact import is_single
from kldiv._numerics.gaps import STIRLING, expm1_gap

# B_2j / (2 j)!, exact quotients of Bernoulli numbers.
_EULER_MACLAURIN = (
    1 / 12,
    -1 / 720,
    1 / 30240,
    -1 / 1209600,
    1 / 47900160,
    -691 / 1307674368000,
    1 / 74724249600,
    -3617 / 10670622842880000,
    43867 / 5109094217170944000,
    -174611 / 802857662698291200000,
)

_REACH = ((10, 10), (6, 4))  # the number n and the count of corrections, in float64 and float32

_STEEP = 60.0  # a tail from n is nothing beside 2^-s at this exponent s


def zeta_gap(xp: Namespace, s_p: Array, s_q: Array) -> Array:
    """The remainder at s_q of log zeta over its tangent at s_p: the divergence between zeta distributions."""
    p, q = _zeta(xp, s_p), _zeta(xp, s_q)
    mean = p.log / (1 + p.power)
    d = s_q - s_p
    near = (xp.abs(d) < 1) & (xp.abs(d) < 0.5 * (s_p - 1))
    value = xp.log1p(q.power) - xp.log1p(p.power) + xp.where(near, 0.0, d) * mean
    excess = _zeta_excess(xp, xp.where(near, s_p, 2.0), xp.where(near, d, 0.0), xp.where(near, mean, 0.5))
    return xp.where(near, xp.log1p(excess / (1 + p.power)), value)


def zeta_rest(xp: Namespace, s: Array) -> Array:
    """zeta(s) - 1 for s > 1."""
    return _zeta(xp, s).power


def zeta_mean_log(xp: Namespace, s: Array) -> Array:
    """E log k of the zeta distribution, -zeta'(s) / zeta(s)."""
    z = _zeta(xp, s)
    return z.log / (1 + z.power)


def zeta_mean(xp: Namespace, s: Array) -> Array:
    """E k of the zeta distribution; inf for s <= 2."""
    exists = s > 2
    s = xp.where(exists, s, 3.0)
    here, less = zeta_rest(xp, s), zeta_rest(xp, s - 1)
    return xp.where(exists, 1 + (less - here) / (1 + here), inf)


def zeta_variance(xp: Namespace, s: Array) -> Array:
    """Var k of the zeta distribution; inf for s <= 3."""
    exists = s > 3
    s = xp.where(exists, s, 4.0)
    # Moments of k - 1.
    here, less, least = zeta_rest(xp, s), zeta_rest(xp, s - 1), zeta_rest(xp, s - 2)
    mean = (less - here) / (1 + here)
    return xp.where(exists, (least - 2 * less + here) / (1 + here) - mean * mean, inf)


def zeta_mean_log_factorial(xp: Namespace, s: Array) -> Array:
    """E log k! of the zeta distribution; inf for s <= 2."""
    exists = s > 2
    s = xp.where(exists, s, 3.0)
    n, _ = _REACH[is_single(xp, s)]
    # Beyond n, Stirling's series for log k!.
    less, here = _tail(xp, s - 1), _tail(xp, s)
    total = less.log - less.power + 0.5 * (here.log + log(2 * pi) * here.power)
    for j, c in enumerate(STIRLING):
        total = total + c * _tail(xp, s + (2 * j + 1)).power
    for k in range(2, n):
        total = total + lgamma(k + 1) * xp.exp(-log(k) * s)
    return xp.where(exists, total / (1 + zeta_rest(xp, s)), inf)


class _Zeta(NamedTuple):
    """Sums over k >= 2, or over k >= n."""

    power: Array  # of k^-s
    log: Array  # of k^-s log k


def _tail(xp: Namespace, s: Array) -> _Zeta:
    """The sums over k >= n, by Euler and Maclaurin's formula."""
    n, count = _REACH[is_single(xp, s)]
    power = xp.exp(-log(n) * s)
    s = xp.where(s < _STEEP, s, _STEEP)
    z = 1 / (s - 1)
    tail, logs = n * z + 0.5, n * z * (log(n) + z) + 0.5 * log(n)
    # The derivative of order m of x^-s is -a x^(-s - m) with a = s (s + 1) ... (s + m - 1), m odd; `slope` is da/ds.
    a, slope = s / n, 1 / n + 0 * s
    for j in range(count):
        tail = tail + _EULER_MACLAURIN[j] * a
        logs = logs + _EULER_MACLAURIN[j] * (log(n) * a - slope)
        for i in (2 * j + 1, 2 * j + 2):
            a, slope = a * (s + i) / n, (slope * (s + i) + a) / n
    return _Zeta(power * tail, power * logs)


def _zeta(xp: Namespace, s: Array) -> _Zeta:
    """The sums over k >= 2."""
    n, _ = _REACH[is_single(xp, s)]
    total, logs = _tail(xp, s)
    for k in range(n - 1, 1, -1):
        power = xp.exp(-log(k) * s)
        total, logs = total + power, logs + log(k) * power
    return _Zeta(total, logs)


def _zeta_excess(xp: Namespace, s: Array, d: Array, mean: Array) -> Array:
    """The sum over k of k^-s [exp(t) - 1 - t], with t = -d (log k - mean)."""
    n, count = _REACH[is_single(xp, s)]
    logs = xp.asarray_like([log(k) for k in range(2, n)], s, s.dtype)
    head = xp.exp(-logs * s[..., None]) * expm1_gap(xp, -d[..., None] * (logs - mean[..., None]))
    total = expm1_gap(xp, d * mean) + xp.sum(head, axis=-1)
    t = -d * (log(n) - mean)
    gap, rise = expm1_gap(xp, t), xp.expm1(t)
    power = xp.exp(-log(n) * s)
    s = xp.where(s < _STEEP, s, _STEEP)
    u = d / (s - 1)
    # The integral from n, where t is linear in the logarithm; then half the term at n and the corrections, in which
    # `remainder` is that of a(s + d) over its tangent at s.
    tail = (n * (gap - u * rise) + n * u * u * (1 + rise) / (1 + u)) / (s - 1) + 0.5 * gap
    a, slope, remainder = s / n, 1 / n + 0 * s, 0 * s
    for j in range(count):
        tail = tail + _EULER_MACLAURIN[j] * (a * gap + remainder * (1 + rise) + d * slope * rise)
        for i in (2 * j + 1, 2 * j + 2):
            remainder = (remainder * (s + d + i) + d * d * slope) / n
            a, slope = a * (s + i) / n, (slope * (s + i) + a) / n
    return total + power * tail
