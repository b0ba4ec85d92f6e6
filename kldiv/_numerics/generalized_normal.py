"""Numerics of the generalized normal distribution: density proportional to exp(-(|x - loc| / scale)^power).

At equal locations the divergence is a sum of gaps of lgamma. At different locations it has no closed form: what the
distance adds is an integral of a second difference of powers, taken in pieces between its kinks.
"""

from __future__ import annotations

from math import inf, log
from typing import NamedTuple

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.edges import exp_or_inf, lesser
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


def generalized_normal_deviation(xp: Namespace, power: Array) -> Array:
    """sqrt(Gamma(3 / power) / Gamma(1 / power))."""
    return exp_or_inf(xp, 0.5 * gammaln_difference(xp, 3 / power, 1 / power))


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
    """E_P (|x - m_q|^b - |x - m_p|^b) / s_q^b, with b = power_q and m_q at a distance from m_p.

    Both sides of m_p together give the integral over z = |x - m_p| > 0 of the density of P and of a second difference,
    (z + d)^b + |z - d|^b - 2 z^b. It has a kink at z = d, and the density one at most at z = 1, the scale of P. So the
    integral is taken below both, between them and above both, where it is smooth but for the ends.
    """
    zero = distance == 0
    distance = xp.where(zero, scale_p, distance)
    d, log_d = distance / scale_p, log_ratio(xp, distance, scale_p)
    near = d < 1
    log_unit = xp.where(near, 0.0, log_d)
    log_factor = power_q * (log_ratio(xp, scale_p, scale_q) + log_unit) - xp.gammaln(1 + 1 / power_p) - log(2)
    representable = log_factor < log(xp.finfo(d.dtype).max) - 1
    log_factor = xp.where(representable, log_factor, 0.0)
    log_near, excess = xp.where(near, log_d, 0.0), xp.where(near, 0.0, xp.where(near, 2.0, d) - 1)
    shift = _Shift(*(x[..., None] for x in (near, excess, log_near, log_unit, power_p, power_q, log_factor)))
    # Below d < 1 the integral of the powers alone is known, and what the density lacks of 1 is integrated.
    d_near = xp.where(near, d, 0.5)
    known = xp.where(near, xp.exp(log_factor) * _even_powers(xp, power_q + 1, d_near) / (power_q + 1), 0.0)
    below = integrate_unit_interval(xp, lambda u, v: _below_both(xp, shift, u, v), d)
    u, v, weights = (xp.asarray_like(x, d, d.dtype) for x in _FINE_UNIT_INTERVAL)
    between = xp.sum(_between(xp, shift, u, v) * weights, axis=-1)
    above = integrate_half_line(xp, lambda w: _above_both(xp, shift, w), d)
    return xp.where(zero, 0.0, xp.where(representable, known + (below + between) + above, inf))


class _Shift(NamedTuple):
    """The distance d of the locations in units of the scale of P, and the powers; with an axis for the nodes.

    The unit of length in integrals is the larger of d and 1.
    """

    near: Array  # whether d < 1
    excess: Array  # d - 1, but at least 0
    log_d: Array  # log(d), but at most 0
    log_unit: Array  # log(d), but at least 0
    a: Array  # the power of P
    b: Array  # the power of Q
    log_factor: Array  # the unit over the scale of Q to the power b, over the integral of the density of P


def _below_both(xp: Namespace, shift: _Shift, u: Array, v: Array) -> Array:
    """The integrand at z = u times the lesser of d and 1, for 0 < u < 1 and v = 1 - u."""
    log_z = shift.log_d + xp.log(u)
    log_rest = xp.log(shift.excess + v) - xp.where(shift.near, 0.0, shift.log_unit)
    exponent = -xp.exp(shift.a * log_z)
    density = xp.where(shift.near, xp.expm1(exponent), xp.exp(exponent))
    return xp.exp(shift.log_d) * density * _second_difference(xp, shift, log_z - shift.log_unit, log_rest)


def _between(xp: Namespace, shift: _Shift, u: Array, v: Array) -> Array:
    """The integrand between d and 1, at u from 0 to 1 and v = 1 - u."""
    near = shift.near
    # From d up to 1, by z = d^u.
    span = xp.where(near, -shift.log_d, 1.0)
    log_z = -span * u
    density = span * xp.exp(log_z) * xp.expm1(-xp.exp(shift.a * log_z))
    log_rest = xp.log(-xp.expm1(-span * v))
    # From 1 up to d, or to where no mass is left, by the power g of z that is gamma distributed.
    top = xp.where(near, 1.0, shift.a * shift.log_unit)
    end = xp.exp(lesser(xp, top, log(61.0) + 0.0 * top)) - 1
    g = 1 + end * u
    log_g = xp.log(g) / shift.a
    density_far = end * xp.exp(log_g - xp.log(g) - g) / shift.a
    fall = lesser(xp, log_g - shift.log_unit, -xp.finfo(g.dtype).eps + 0.0 * log_g)
    log_z = xp.where(near, log_z, log_g - shift.log_unit)
    log_rest = xp.where(near, log_rest, xp.log(-xp.expm1(fall)))
    return xp.where(near, density, density_far) * _second_difference(xp, shift, log_z, log_rest)


def _above_both(xp: Namespace, shift: _Shift, w: Array) -> Array:
    """The integrand above d and 1, at a distance w from there of the power of z that is gamma distributed."""
    log_low = lesser(xp, shift.a * shift.log_unit, log(1000.0) + 0.0 * shift.log_unit)
    low = xp.exp(log_low)
    rise = xp.log1p(w / low) / shift.a
    log_density = rise + log_low / shift.a - xp.log(low + w) - low - w
    return _second_difference(xp, shift, rise, xp.log(-xp.expm1(shift.log_d - rise)), log_density) / shift.a


def _second_difference(
    xp: Namespace, shift: _Shift, log_z: Array, log_rest: Array, log_weight: Array | float = 0.0
) -> Array:
    """(z + d)^b + |z - d|^b - 2 z^b over s_q^b; `log_rest` is the logarithm of |z - d| over the larger of z and d."""
    b, gap = shift.b, xp.abs(log_z - shift.log_d)
    below = log_z < shift.log_d
    top = xp.where(below, shift.log_d, log_z)
    w = xp.exp(-gap)  # the lesser of z and d over the larger
    twice = xp.exp(b * xp.where(below, log_z - shift.log_d, 0.0))
    direct = xp.exp(b * xp.log1p(w)) + xp.exp(b * log_rest) - 2 * twice
    even, tiny = ~(below | (w > 0.5)), w < xp.finfo(w.dtype).eps
    value = xp.where(even, _even_powers(xp, b, xp.where(even & ~tiny, w, 0.25)), direct)
    # Where w is next to nothing it is b (b - 1) w^2, and w^2, which might underflow, joins the exponent.
    value = xp.where(even & tiny, b * (b - 1), value)
    log_square = xp.where(even & tiny, -2 * gap, 0.0)
    return xp.exp(b * top + log_weight + shift.log_factor + log_square) * value
