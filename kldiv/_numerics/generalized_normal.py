"""Numerics of the generalized normal distribution: density proportional to exp(-(|x - loc| / scale)^power)."""

from __future__ import annotations

from math import inf, log

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.edges import lesser
from kldiv._numerics.exact import is_single, polynomial
from kldiv._numerics.gaps import (
    ATANH_TAIL,
    entropy_gap,
    expm1_gap,
    log_ratio,
    relative_entropy,
    relative_gap,
    stirling_gap,
)
from kldiv._numerics.integrals import integrate_half_line, integrate_unit_interval, unit_interval_nodes
from kldiv._numerics.special import digamma, gammainc, gammaln_difference

_FINE_UNIT_INTERVAL = unit_interval_nodes(0.035, 92)


def generalized_normal_gap(
    xp: Namespace, distance: Array, scale_p: Array, power_p: Array, scale_q: Array, power_q: Array
) -> Array:
    """The divergence between generalized normal distributions whose locations are `distance` apart.

    With k = 1 / power_q, r = power_q / power_p and t the logarithm of power_q E_P (|x - m_p| / s_q)^power_q, it is at
    equal locations k [expm1(t) - t] plus what two distributions have that differ in their powers only. That is
    k B(r (1 + k); 1 + k) - (1 + k) B(1 + r k; 1 + k) - k (r - 1 - log r), with B(y; x) the remainder of lgamma.
    Distance adds E_P (|x - m_q|^power_q - |x - m_p|^power_q) / s_q^power_q, which is positive.
    """
    k, r, d = 1 / power_q, power_q / power_p, (power_q - power_p) / power_p
    x, first, second = 1 + k, r * (1 + k), 1 + 1 / power_p
    first_step, second_step = d * x, d * k
    first_gap = stirling_gap(xp, first, x, first_step)
    second_gap = stirling_gap(xp, second, x, second_step)
    first_entropy = entropy_gap(xp, first, x, -first_step)
    second_entropy = entropy_gap(xp, second, x, -second_step)
    # The entropic parts agree up to the second order of d, and nearly so up to the third.
    near = xp.abs(d) < 0.5
    e = xp.where(near, d, 0.0)
    f = e * k / x
    cubic = 0.5 * (x * x * f * f * f - k * x * e * e * e)
    cubic = cubic + (k * x * (1 + e) + k) * _log1p_cubic(xp, e) - x * x * (1 + f) * _log1p_cubic(xp, f)
    direct = k * first_entropy - x * second_entropy - k * relative_gap(xp, power_q, power_p)
    shapes = k * first_gap - x * second_gap + xp.where(near, cubic, direct)
    log_power = relative_entropy(xp, power_q, power_p) / power_q
    log_scale = relative_entropy(xp, scale_p, scale_q) / scale_p
    steps = (first_gap + first_entropy) - (second_gap + second_entropy) + d * digamma(xp, x)
    largest = xp.finfo(d.dtype).max
    t = power_q * log_scale + steps + log_power
    t = xp.where(t < largest, t, largest)
    value = k * expm1_gap(xp, t) + xp.where(shapes > 0, shapes, 0.0)
    return value + _generalized_normal_distance_gap(xp, xp.abs(distance), scale_p, power_p, scale_q, power_q)


def generalized_normal_variance(xp: Namespace, power: Array) -> Array:
    """Gamma(3 / power) / Gamma(1 / power)."""
    return xp.exp(gammaln_difference(xp, 3 / power, 1 / power))


def generalized_normal_distance(xp: Namespace, d: Array, power: Array) -> Array:
    """E |x| of the generalized normal distribution with mean d and scale 1, which is E max(|x - d|, |d|)."""
    d = xp.abs(d)
    zero = d == 0
    k = 1 / power
    exponent = power * xp.log(xp.where(zero, 1.0, d))
    bounded = xp.abs(exponent) < 50
    x = xp.exp(xp.where(bounded, exponent, 0.0))
    inside, _ = gammainc(xp, k, x)
    _, outside = gammainc(xp, 2 * k, x)
    mean = xp.exp(gammaln_difference(xp, 2 * k, k))
    far = xp.where(exponent > 0, d, mean)
    return xp.where(zero, mean, xp.where(bounded, d * inside + mean * outside, far))


def power_of(xp: Namespace, z: Array, power: Array) -> Array:
    """z^power for z >= 0."""
    zero = z == 0
    return xp.where(zero, 0.0, xp.exp(power * xp.log(xp.where(zero, 1.0, z))))


def _log1p_cubic(xp: Namespace, u: Array) -> Array:
    """log1p(u) - u + u^2 / 2 for u near 0."""
    s = u / (2 + u)
    return 0.5 * s * u * u + 2 * s * s * s * polynomial(ATANH_TAIL[is_single(xp, u)], s * s)


def _even_powers(xp: Namespace, b: Array, w: Array) -> Array:
    """(1 + w)^b + (1 - w)^b - 2, for 0 < w < 1."""
    mean = 0.5 * b * (xp.log1p(w) + xp.log1p(-w))
    mean = xp.where(w < 0.5, 0.5 * b * xp.log1p(-w * w), mean)
    half = 0.25 * b * (xp.log1p(w) - xp.log1p(-w))
    sinh = 0.5 * (xp.expm1(half) - xp.expm1(-half))
    return 2 * xp.expm1(mean) + 4 * xp.exp(mean) * sinh * sinh


def _generalized_normal_distance_gap(
    xp: Namespace, distance: Array, scale_p: Array, power_p: Array, scale_q: Array, power_q: Array
) -> Array:
    """E_P (|x - m_q|^b - |x - m_p|^b) / s_q^b, with b = power_q and m_q at a distance from m_p."""
    zero = distance == 0
    distance = xp.where(zero, scale_p, distance)
    d = distance / scale_p
    inside = d < 1
    d_in = xp.where(inside, d, 0.5)
    log_d = log_ratio(xp, distance, scale_p)
    # The unit of length is the larger of the distance and the scale of P.
    log_unit, log_inner = xp.where(inside, 0.0, log_d)[..., None], xp.where(inside, log_d, 0.0)[..., None]
    inner, a, b = inside[..., None], power_p[..., None], power_q[..., None]

    log_factor = power_q * (log_ratio(xp, scale_p, scale_q) + log_unit[..., 0]) - xp.gammaln(1 + 1 / power_p) - log(2)
    representable = log_factor < log(xp.finfo(d.dtype).max) - 1
    log_factor = xp.where(representable, log_factor, 0.0)

    def powers(log_z: Array, log_less: Array, log_weight: Array | float = 0.0) -> Array:
        """(z + d)^b + |z - d|^b - 2 z^b, with log_less that of |z - d| over the larger; in units of s_q^b."""
        below = log_z < log_inner
        top = xp.where(below, log_inner, log_z)
        w = xp.exp(-xp.abs(log_z - log_inner))
        twice = xp.exp(b * xp.where(below, log_z - log_inner, 0.0))
        near, least = ~(below | (w > 0.5)), w < xp.finfo(w.dtype).eps
        direct = xp.exp(b * xp.log1p(w)) + xp.exp(b * log_less) - 2 * twice
        even = xp.where(near, _even_powers(xp, b, xp.where(near & ~least, w, 0.25)), direct)
        # Where w is next to nothing, so that w^2 might be less than the least number, it is b (b - 1) w^2.
        log_square = xp.where(near & least, -2 * xp.abs(log_z - log_inner), 0.0)
        exponent = b * top + log_weight + log_factor[..., None] + log_square
        return xp.exp(exponent) * xp.where(near & least, b * (b - 1), even)

    # Within the scale of P the integral of the powers alone is known, and what its density lacks is integrated.
    def weight(log_z: Array) -> Array:
        exponent = -xp.exp(a * log_z)
        return xp.where(inner, xp.expm1(exponent), xp.exp(exponent))

    def below_both(u: Array, v: Array) -> Array:
        log_z = log_inner + xp.log(u)  # z = u times the lesser of d and 1
        less = xp.where(inside, 0.0, xp.where(inside, 2.0, d) - 1)[..., None] + v
        log_less = xp.log(less) - xp.where(inner, 0.0, log_unit)
        return xp.exp(log_inner) * weight(log_z) * powers(log_z - log_unit, log_less)

    def between(u: Array, v: Array) -> Array:
        # From d up to 1 by z = d^u; from 1 up to d, or to where no mass is left, by the power of z that is gamma.
        span = xp.where(inner, -log_inner, 1.0)
        log_z = -span * u
        less = xp.log(-xp.expm1(-span * v))
        value = span * xp.exp(log_z) * weight(xp.where(inner, log_z, 0.0))
        low = xp.where(inner, 1.0, a * log_unit)
        end = xp.exp(lesser(xp, low, log(61.0) + 0.0 * low)) - 1
        g = 1 + end * u
        log_g = xp.log(g) / a
        beyond = end * xp.exp(log_g - xp.log(g) - g) / a
        rest = lesser(xp, log_g - log_unit, -xp.finfo(d.dtype).eps + 0.0 * log_g)
        less = xp.where(inner, less, xp.log(-xp.expm1(rest)))
        return xp.where(inner, value, beyond) * powers(xp.where(inner, log_z, log_g - log_unit), less)

    def above_both(w: Array) -> Array:
        log_low = lesser(xp, a * log_unit, log(1000.0) + 0.0 * log_unit)
        low = xp.exp(log_low)
        rise = xp.log1p(w / low) / a
        log_density = rise + log_low / a - xp.log(low + w) - low - w
        return powers(rise, xp.log(-xp.expm1(log_inner - rise)), log_density) / a

    known = xp.where(inside, xp.exp(log_factor) * _even_powers(xp, power_q + 1, d_in) / (power_q + 1), 0.0)
    u, v, weights = (xp.asarray_like(x, d, d.dtype) for x in _FINE_UNIT_INTERVAL)
    total = integrate_unit_interval(xp, below_both, d) + xp.sum(between(u, v) * weights, axis=-1)
    total = known + total + integrate_half_line(xp, above_both, d)
    value = xp.where(representable, total, inf)
    return xp.where(zero, 0.0, value)
