"""Numerics of the inverse Gaussian distribution.

Its moments are quotients of Bessel functions of any order. They are integrals over the logarithm of x, which is
symmetric about that of the mean up to a weight, on fixed nodes.
"""

from __future__ import annotations

from math import pi, sqrt

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.edges import exp_or_inf
from kldiv._numerics.integrals import integrate_half_line, log1p_by_laplace
from kldiv._numerics.special import exp_e1, mills

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def inverse_gaussian_power(xp: Namespace, k: Array, loc: Array, ratio: Array) -> Array:
    """E x^k of the inverse Gaussian distribution with log-mean `loc`: cosh((k - 1/2) u) / cosh(u / 2) on average."""
    b = xp.abs(k - 0.5) - 0.5
    # The integrand is at most about 1 relative to where z^2 / 2 falls as fast as b u rises.
    c = 2 * xp.where(b > 0, b, 0.0)
    square = 2 * c * (c / (4 * ratio + xp.sqrt(16 * ratio * ratio + 4 * c * c)))
    top = xp.stop_gradient(c * xp.log1p(_sqrt1pm1(xp, square / ratio / 4)) - 0.5 * square)
    b = b[..., None]

    def integrand(u: Array, exponent: Array) -> Array:
        # Both hyperbolic cosines by their exponentials.
        cosines = xp.log1p(xp.exp(-(2 * b + 1) * u)) - xp.log1p(xp.exp(-u))
        return xp.exp(exponent + b * u + cosines - top[..., None])

    value = xp.log(_inverse_gaussian_mean(xp, integrand, ratio))
    return exp_or_inf(xp, k * loc + top + value)


def inverse_gaussian_log(xp: Namespace, ratio: Array) -> Array:
    """E log(x / m) of the inverse Gaussian distribution with mean m."""
    return -exp_e1(xp, 2 * ratio)


def inverse_gaussian_log_variance(xp: Namespace, ratio: Array) -> Array:
    """Var log x of the inverse Gaussian distribution."""
    square = _inverse_gaussian_mean(xp, lambda u, exponent: u * u * xp.exp(exponent), ratio)
    mean = inverse_gaussian_log(xp, ratio)
    return square - mean * mean


def inverse_gaussian_distance(xp: Namespace, c: Array, m: Array, concentration: Array) -> Array:
    """E |x - c| of the inverse Gaussian distribution with mean m."""
    inside = c > 0
    x = xp.where(inside, c, m)
    root = xp.sqrt(concentration / x)
    a, b = root * ((x - m) / m), root * ((x + m) / m)
    value = (x - m) * xp.erf(a / sqrt(2)) + (x + m) * sqrt(2 / pi) * xp.exp(-0.5 * a * a) * mills(xp, b)
    return xp.where(inside, value, m - c)


def inverse_gaussian_exponential(xp: Namespace, t: Array, c: Array, m: Array, concentration: Array) -> Array:
    """E exp(t (x - c)) of the inverse Gaussian distribution; inf for t > concentration / (2 m^2)."""
    u = 2 * (m / concentration) * (m * t)
    exists = u < 1
    u = xp.where(exists, u, 0.0)
    return exp_or_inf(xp, 2 * m * t / (1 + xp.sqrt(1 - u)) - t * c, exists)


def inverse_gaussian_log1p(xp: Namespace, s: Array, m: Array, concentration: Array) -> Array:
    """E log(1 + x / s) of the inverse Gaussian distribution."""
    mean, spread = m / s, 2 * (m / concentration) * (m / s)

    def log_transform(w: Array) -> Array:
        return -2 * mean[..., None] * w / (1 + xp.sqrt(1 + spread[..., None] * w))

    return log1p_by_laplace(xp, log_transform, mean + spread)


def _inverse_gaussian_mean(xp: Namespace, function: Callable[[Array, Array], Array], ratio: Array) -> Array:
    """The mean under P of a function of u = |log(x / m)|, even in u after its weight, and of exponents to add to.

    A normal z, with u = 2 asinh(|z| / (2 sqrt(ratio))), is such that u has the density of log(x / m).
    """
    root = 2 * xp.sqrt(ratio)[..., None]

    def integrand(z: Array) -> Array:
        y = z / root
        r = xp.sqrt(1 + y * y)
        return function(2 * xp.log1p(y + y * (y / (1 + r))), -0.5 * z * z)

    return sqrt(2 / pi) * integrate_half_line(xp, integrand, ratio)


def _sqrt1pm1(xp: Namespace, y: Array) -> Array:
    """exp(asinh(sqrt(y))) - 1."""
    return xp.sqrt(y) + y / (1 + xp.sqrt(1 + y))
