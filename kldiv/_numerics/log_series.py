"""Numerics of the logarithmic distribution on 1, 2, 3, ...

The log partition function log(-log(1 - p)) has two scales: p near 0, where it is a power series, and p near 1, where
the mean is large. Each needs gaps of a different kind. Expectations without a closed form are integrals of the
generating function.
"""

from __future__ import annotations

from math import exp, expm1, lgamma, log

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.exact import is_single, polynomial
from kldiv._numerics.gaps import ATANH_TAIL, expm1_gap, log1p_gap, log_ratio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SERIES = (64, 28)  # terms of a power series in x <= 0.6

_RANGE = [-75 + 0.25 * k for k in range(314)]  # of log(-log z), for generating functions at z

_LOGS = [log(k) / k for k in range(2, 66)]

_LOG_FACTORIALS = [lgamma(k + 1) / k for k in range(2, 66)]


def log_series_gap(xp: Namespace, p: Array, q: Array) -> Array:
    """The divergence between the logarithmic distributions with probs p and q."""
    high = p >= 0.5
    return xp.where(
        high,
        _high_gap(xp, xp.where(high, p, 0.5), xp.where(high, q, 0.5)),
        _low_gap(xp, xp.where(high, 0.25, p), xp.where(high, 0.25, q)),
    )


def log_series_rest(xp: Namespace, p: Array) -> Array:
    """-log(1 - p) / p - 1 for 0 <= p < 1."""
    near = p < 0.6
    x = xp.where(near, p, 0.0)
    # log(1 - p) = -2 atanh(s)
    s = x / (2 - x)
    series = (x + 2 * s * s * polynomial(ATANH_TAIL[is_single(xp, p)], s * s)) / (2 - x)
    far = xp.where(near, 0.6, p)
    return xp.where(near, series, xp.divide(-xp.log1p(-far), far) - 1)


def log_series_mean_rest(xp: Namespace, p: Array) -> Array:
    """E k - 1 of the logarithmic distribution."""
    rest = log_series_rest(xp, p)
    # E k = 1 / ((1 - p) (1 + rest)), and (1 - p) (1 + rest) = 1 - (p - rest (1 - p)).
    return (p - rest * (1 - p)) / ((1 - p) * (1 + rest))


def log_series_variance(xp: Namespace, p: Array) -> Array:
    """Var k of the logarithmic distribution."""
    rest = log_series_rest(xp, p)
    width = (1 - p) * (1 + rest)
    return rest / width / width


def log_series_mean_log(xp: Namespace, p: Array) -> Array:
    """E log k of the logarithmic distribution."""
    # log k is the integral over v > 0 of [z - z^k] / v, with z = exp(-v); the trapezoid rule in log v is right to the
    # last digits. The expectation of the bracket is log1p(x) / L - (1 - z).
    step = _RANGE[1] - _RANGE[0]
    return _log_series_mean(xp, p, _LOGS, lambda x, logarithm, weight, fall: step * (xp.log1p(x) / logarithm - fall))


def log_series_mean_log_factorial(xp: Namespace, p: Array) -> Array:
    """E log k! of the logarithmic distribution."""
    # log k! is the integral over v > 0 of [k - (1 - z^k) / (1 - z)] z / v, with z = exp(-v).
    return _log_series_mean(
        xp, p, _LOG_FACTORIALS, lambda x, logarithm, weight, fall: weight * log1p_gap(xp, x) / (logarithm * fall)
    )


def _high_gap(xp: Namespace, p: Array, q: Array) -> Array:
    """The gap for p >= 1/2."""
    # With L = -log(1 - p) and f(u) = u - log(1 + u), the first-order parts of log(L_q / L_p) and E k log(q / p) cancel.
    d = q - p
    big_p, big_q = -xp.log1p(-p), -xp.log1p(-q)
    c = d / (1 - p)
    complement = log1p_gap(xp, -c, (1 - q, 1 - p))
    ratio = log1p_gap(xp, xp.divide(c + complement, big_p), (big_q, big_p))
    weight = xp.divide(p, (1 - p) * big_p)
    return xp.divide(complement, big_p) + weight * log1p_gap(xp, xp.divide(d, p), (q, p)) - ratio


def _low_gap(xp: Namespace, p: Array, q: Array) -> Array:
    """The gap for p < 1/2."""
    rest_p, rest_q = log_series_rest(xp, p), log_series_rest(xp, q)
    mean_rest = log_series_mean_rest(xp, p)
    d = q - p
    near = (d > -0.5 * p) & (d < p) & (q < 0.6)
    t = xp.log1p(xp.divide(xp.where(near, d, 0.0), p))
    k = xp.asarray_like([float(i) for i in range(2, _SERIES[is_single(xp, p)])], p, p.dtype)
    power = p[..., None] * xp.exp((k - 2) * xp.log(p)[..., None])
    terms = power / k * expm1_gap(xp, (k - 1 - mean_rest[..., None]) * t[..., None])
    total = expm1_gap(xp, -mean_rest * t) + xp.sum(terms, axis=-1)
    far_t = log_ratio(xp, xp.where(near, 1.0, q), xp.where(near, 1.0, p))
    far_value = xp.log1p(rest_q) - xp.log1p(rest_p) - mean_rest * far_t
    return xp.where(near, xp.log1p(total / (1 + rest_p)), far_value)


def _nodes(xp: Namespace, like: Array) -> tuple[Array, Array]:
    """z = exp(-exp(y)) at equal steps of y, as step times z, and 1 - z."""
    step = _RANGE[1] - _RANGE[0]
    v = [exp(y) for y in _RANGE]
    weight, fall = (
        xp.asarray_like(x, like, like.dtype) for x in ([step * exp(-x) for x in v], [-expm1(-x) for x in v])
    )
    return weight, fall


def _log_series_mean(xp: Namespace, p: Array, terms: list[float], integral: Callable[..., Array]) -> Array:
    """An expectation from p_k / p_1 times its value, for k >= 2 over p^(k - 1), or for p > 1/2 from an integral."""
    low = p < 0.5
    p_low = xp.where(low, p, 0.25)
    series = p_low * polynomial(tuple(terms), p_low) / (1 + log_series_rest(xp, p_low))
    p = xp.where(low, 0.5, p)[..., None]
    weight, fall = _nodes(xp, p)
    # log(1 - p z) - log(1 - p) = log(1 + x), over -log(1 - p).
    value = xp.sum(integral(p * fall / (1 - p), -xp.log1p(-p), weight, fall), axis=-1)
    return xp.where(low, series, value)
