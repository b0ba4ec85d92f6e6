"""Special functions that a framework lacks, or has without derivatives, written from standard operations.

Incomplete gamma and beta functions and the normal tail are integrals of log-concave functions from a point down one
side. Their logarithm at a distance w from the point is known without cancellation, and fixed nodes integrate them to
the last digits at any parameters, in value and in every derivative.
"""

from __future__ import annotations

from math import log, pi

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.edges import lesser
from kldiv._numerics.exact import is_single
from kldiv._numerics.gaps import STIRLING, entropy_gap, expm1_gap, log1p_gap, log_quotient, stirling_gap
from kldiv._numerics.integrals import integrate_half_line

EULER = 0.5772156649015329  # Euler's constant

# Bernoulli numbers B_2n / (2 n), exact.
_BERNOULLI = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12, -3617 / 8160)

_SHIFT = 8


def digamma(xp: Namespace, x: Array) -> Array:
    """The derivative of log Gamma(x), for positive x.

    Parameters
    ----------
    xp
        The array namespace of the arguments.
    x
        Positive numbers.

    Returns
    -------
    array
        One value for each element.

    Examples
    --------
    >>> import numpy as np
    >>> from kldiv import namespace, numerics
    >>> x = np.asarray([1.0, 10.0])
    >>> print(numerics.digamma(namespace(x), x))
    [-0.57721566  2.25175259]
    """
    y = x + _SHIFT
    z = 1 / y
    value = xp.log(y) - 0.5 * z
    power = z * z
    for b in _BERNOULLI:
        value = value - b * power
        power = power * z * z
    for k in range(_SHIFT):
        value = value - 1 / (x + k)
    return value


def digamma_gap(xp: Namespace, x: Array) -> Array:
    """log(x) - digamma(x) for positive x, about 1 / (2 x) where x is large."""
    # The recurrence of digamma leaves gaps of log1p, which are positive as the series far out is.
    n = 3 if is_single(xp, x) else _SHIFT
    value = log1p_gap(xp, 1 / x, (x + 1, x))
    for k in range(1, n):
        value = value + log1p_gap(xp, 1 / (x + k))
    z = 1 / (x + n)
    power = z * z
    tail = 0.0 * z
    for b in _BERNOULLI:
        tail = tail + b * power
        power = power * z * z
    return value + (0.5 * z + tail)


def trigamma(xp: Namespace, x: Array) -> Array:
    """The second derivative of lgamma, for positive x."""
    y = x + _SHIFT
    z = 1 / y
    value = z + 0.5 * z * z
    power = z * z * z
    for n, b in enumerate(_BERNOULLI, start=1):
        value = value + 2 * n * b * power
        power = power * z * z
    for k in range(_SHIFT):
        value = value + 1 / ((x + k) * (x + k))
    return value


def gammaln_gap(xp: Namespace, y: Array, x: Array, difference: Array | None = None) -> Array:
    """The remainder at y of lgamma over its tangent at x, at least 0; `difference` is y - x if known better."""
    return stirling_gap(xp, y, x, difference) + entropy_gap(xp, y, x, None if difference is None else -difference)


def gammaln_difference(xp: Namespace, y: Array, x: Array, difference: Array | None = None) -> Array:
    """log Gamma(y) - log Gamma(x) for positive arguments, which may be large and close.

    `difference` is y - x where that is known better than from y and x.

    Parameters
    ----------
    xp
        The array namespace of the arguments.
    y, x
        Positive numbers.
    difference
        y - x, where it is known better than from y and x.

    Returns
    -------
    array
        One value for each element.

    Examples
    --------
    >>> import numpy as np
    >>> from kldiv import namespace, numerics
    >>> y, x = np.asarray(1e9), np.asarray(1e9 - 1)
    >>> print(f"{numerics.gammaln_difference(namespace(y, x), y, x):.10f}")
    20.7232658359
    """
    d = y - x if difference is None else difference
    # One step of the recurrence, as next to 0 the tangent at x is steep.
    return gammaln_gap(xp, y + 1, x + 1, d) + d * digamma(xp, x + 1) - log_quotient(xp, y, x, d)


def stirling(xp: Namespace, a: Array) -> Array:
    """lgamma(a) - a log(a) + a for positive a."""
    large = a > _SHIFT
    a_large = xp.where(large, a, 1.0 * _SHIFT)
    z = 1 / a_large
    tail, power = 0.0 * z, z
    for c in STIRLING:
        tail = tail + c * power
        power = power * z * z
    a_small = xp.where(large, 1.0, a)
    small = xp.gammaln(a_small) - a_small * xp.log(a_small) + a_small
    return xp.where(large, 0.5 * (log(2 * pi) - xp.log(a_large)) + tail, small)


def betaln(xp: Namespace, a: Array, b: Array) -> Array:
    """log B(a, b) for positive arguments, also where they are large or far apart."""
    # With H = stirling: H(a) + H(b) - H(a + b) + a log(a / (a + b)) + b log(b / (a + b)).
    total = a + b
    return stirling(xp, a) + stirling(xp, b) - stirling(xp, total) - a * xp.log1p(b / a) - b * xp.log1p(a / b)


def gammainc(xp: Namespace, a: Array, x: Array) -> tuple[Array, Array]:
    """The regularized incomplete gamma functions P(a, x) and Q(a, x) = 1 - P(a, x), for positive a and x."""
    low = (x <= a) | (x <= 1)
    # x^a exp(-x) / Gamma(a), then the integral of t^(a - 1) exp(-t) down from x or up from it, relative to that.
    factor = xp.exp(-stirling(xp, a) - a * log1p_gap(xp, (x - a) / a, (x, a)))

    def tail(a: Array, x: Array, sign: float) -> Array:
        # With t = x exp(sign w): t^a exp(x - t) / x^a.
        rate = sign * (x - a)
        scale = xp.where(rate > 0, rate, 0.0) + lesser(xp, xp.sqrt(a) if sign < 0 else xp.sqrt(x), a if sign < 0 else x)

        def integrand(w: Array) -> Array:
            w = w / scale[..., None]
            return xp.exp(-rate[..., None] * w - x[..., None] * expm1_gap(xp, sign * w))

        return integrate_half_line(xp, integrand, a) / scale

    lower = factor * tail(a, xp.where(low, x, xp.where(a < 1, 1.0, a)), -1.0)
    upper = factor * tail(a, xp.where(low, xp.where(a < 1, 1.0, a), x), 1.0)
    return xp.where(low, lower, 1 - upper), xp.where(low, 1 - lower, upper)


def betainc(xp: Namespace, a: Array, b: Array, x: Array, complement: Array) -> Array:
    """The regularized incomplete beta function I_x(a, b), for 0 < x < 1 and `complement` = 1 - x."""
    low = x * b <= complement * a  # x is below the mean
    p, q = xp.where(low, a, b), xp.where(low, b, a)
    t, s = xp.where(low, x, complement), xp.where(low, complement, x)
    total = p + q
    # t^p s^q / B(p, q), then the integral over the log-odds down from those of t, relative to that.
    factor = xp.exp(p * xp.log(t) + q * xp.log(s) - betaln(xp, p, q))
    rate = p * s - q * t
    scale = xp.where(rate > 0, rate, 0.0) + lesser(xp, p, xp.sqrt(total * t * s))

    def integrand(w: Array) -> Array:
        w = w / scale[..., None]
        # The density falls by the factor exp(-p w) (s + t exp(-w))^-(p + q), or exp(q w) (t + s exp(w))^-(p + q).
        small = (t < s)[..., None] | (w > 0.9 * log(float(xp.finfo(w.dtype).max)))
        falls = -p[..., None] * w - total[..., None] * xp.log1p(t[..., None] * xp.expm1(-w))
        w = xp.where(small, 1.0, w)
        other = q[..., None] * w - total[..., None] * xp.log1p(s[..., None] * xp.expm1(w))
        return xp.exp(xp.where(small, falls, other))

    lower = factor * integrate_half_line(xp, integrand, p) / scale
    return xp.where(low, lower, 1 - lower)


def mills(xp: Namespace, x: Array) -> Array:
    """The upper tail of the standard normal distribution over its density, for x >= 0."""
    scale = 1 + x

    def integrand(w: Array) -> Array:
        w = w / scale[..., None]
        return xp.exp(-x[..., None] * w - 0.5 * w * w)

    return integrate_half_line(xp, integrand, x) / scale


def log_ndtr(xp: Namespace, x: Array) -> Array:
    """The logarithm of the normal distribution function.

    Parameters
    ----------
    xp
        The array namespace of the arguments.
    x
        Any numbers.

    Returns
    -------
    array
        One value for each element.

    Examples
    --------
    >>> import numpy as np
    >>> from kldiv import namespace, numerics
    >>> x = np.asarray([-40.0, 0.0])
    >>> print(numerics.log_ndtr(namespace(x), x))
    [-8.04608442e+02 -6.93147181e-01]
    """
    above = x > 0
    y = xp.where(above, x, -x)
    log_tail = -0.5 * y * y - 0.5 * log(2 * pi) + xp.log(mills(xp, y))
    return xp.where(above, xp.log1p(-xp.exp(xp.where(above, log_tail, -1.0))), log_tail)


def exp_e1(xp: Namespace, x: Array) -> Array:
    """exp(x) E1(x), with E1 the exponential integral, for positive x."""
    small = x < 1
    y = xp.where(small, x, 1.0)
    series, term = 0.0 * y, -1.0
    for k in range(1, 20):
        term = term * -y / k
        series = series + term / k
    near = xp.exp(y) * (series - xp.log(y) - EULER)
    z = xp.where(small, 1.0, x)
    far = integrate_half_line(xp, lambda w: xp.exp(-w) / (w + z[..., None]), z)
    return xp.where(small, near, far)


def log1p_square(xp: Namespace, z: Array) -> Array:
    """log(1 + z^2), where the square may overflow."""
    large = xp.abs(z) > 1
    y = xp.where(large, 1 / xp.where(large, z, 1.0), z)
    return xp.log1p(y * y) + 2 * xp.log(xp.where(large, xp.abs(z), 1.0))


def log1mexp(xp: Namespace, v: Array) -> Array:
    """log(1 - exp(-v)) for positive v."""
    small = v < log(2)
    near = xp.log(-xp.expm1(-xp.where(small, v, 0.5)))
    return xp.where(small, near, xp.log1p(-xp.exp(-xp.where(small, 1.0, v))))


def hypot(xp: Namespace, a: Array, b: Array) -> Array:
    """sqrt(a^2 + b^2) for positive a and b."""
    swap = b > a
    large, ratio = xp.where(swap, b, a), xp.where(swap, a, b) / xp.where(swap, b, a)
    return large * xp.sqrt(1 + ratio * ratio)


def log_hypot(xp: Namespace, a: Array, b: Array) -> Array:
    """log(sqrt(a^2 + b^2)) for positive a and any b."""
    b = xp.abs(b)
    swap = b > a
    large, small = xp.where(swap, b, a), xp.where(swap, a, b)
    ratio = small / large
    return xp.log(large) + 0.5 * xp.log1p(ratio * ratio)
