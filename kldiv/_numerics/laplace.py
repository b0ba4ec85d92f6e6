"""Numerics of the Laplace and the asymmetric Laplace distribution.

The density has a kink at the location. What the distance of two locations adds is of second order when it is small, as
a gap of the exponential, and linear when it is large, where that gap would overflow in its terms.
"""

from __future__ import annotations

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.edges import exp_or_inf, inf_for_nan, non_negative
from kldiv._numerics.exact import product_excess
from kldiv._numerics.gaps import entropy_gap, expm1_gap, log1p_gap, log_ratio


def laplace_gap(xp: Namespace, distance: Array, scale_p: Array, scale_q: Array) -> Array:
    """(s_p / s_q) [expm1(-x) + x] with x = |distance| / s_p, at least 0."""
    x, ratio = xp.divide(xp.abs(distance), scale_p), xp.divide(scale_p, scale_q)
    near = x < 1000
    near_value = ratio * expm1_gap(xp, -xp.where(near, x, 1.0))
    return xp.where(near, near_value, xp.divide(xp.where(near, 0.0, xp.abs(distance)), scale_q) - ratio)


def asymmetric_laplace_gap(
    xp: Namespace,
    loc_p: Array,
    scale_p: Array,
    asymmetry_p: Array,
    loc_q: Array,
    scale_q: Array,
    asymmetry_q: Array,
) -> Array:
    """The divergence between asymmetric Laplace distributions.

    With a = s / k and b = s k, the means of the two sides, which have the weights a / (a + b) and b / (a + b), it is at
    equal locations the divergence of the weights plus the weighted ones of the two exponential distributions. Further
    terms are due to the distance of the locations.
    """
    p_right, p_left = _side_weights(xp, asymmetry_p)
    q_right, q_left = _side_weights(xp, asymmetry_q)
    u_right = product_excess(xp, scale_p, asymmetry_q, scale_q, asymmetry_p)
    u_left = product_excess(xp, scale_p, asymmetry_p, scale_q, asymmetry_q)
    # The side of P that faces Q is the right one, or the left one where Q lies to the left.
    distance, mirrored = xp.abs(loc_q - loc_p), loc_q - loc_p < 0
    side, other_side = _swapped(xp, mirrored, scale_p / asymmetry_p, scale_p * asymmetry_p)
    side_q, other_side_q = _swapped(xp, mirrored, scale_q / asymmetry_q, scale_q * asymmetry_q)
    weight, other_weight = _swapped(xp, mirrored, p_right, p_left)
    u, other_u = _swapped(xp, mirrored, u_right, u_left)
    x = distance / side
    near = (xp.abs(u_right) < 0.5) & (xp.abs(u_left) < 0.5) & (x < 1)

    def safe(value: Array, stand_in: Array | float = 1.0) -> Array:
        return xp.where(near, value, stand_in)

    difference = safe((asymmetry_p - asymmetry_q) * (asymmetry_p + asymmetry_q) * p_right * q_right, 0.0)
    near_value = entropy_gap(xp, safe(p_right, 0.5), safe(q_right, 0.5), difference)
    near_value = near_value + entropy_gap(xp, safe(p_left, 0.5), safe(q_left, 0.5), -difference)
    near_value = near_value + p_right * log1p_gap(xp, safe(u_right, 0.0)) + p_left * log1p_gap(xp, safe(u_left, 0.0))
    gap = expm1_gap(xp, -safe(x, 0.0))
    near_value = near_value + weight * gap * safe(side / side_q + side / other_side_q)
    near_value = near_value + safe(distance / (side + other_side), 0.0) * safe(other_u - u, 0.0)
    # Far apart: log((a_q + b_q) / (a_p + b_p)) - 1 and the mean distances to the sides, in positive terms.
    x = xp.where(near, 1.0, x)
    beyond = weight * xp.exp(-x) * side
    before = other_weight * (other_side + distance) / other_side_q
    before = before + _weighted_laplace_gap(xp, weight, x, distance, side, other_side_q)
    logs = log_ratio(xp, side_q + other_side_q, side + other_side)
    far_value = logs - 1 + xp.where(near, 1.0, beyond / side_q + before)
    return inf_for_nan(xp, non_negative(xp, xp.where(near, near_value, far_value)))


def laplace_distance(xp: Namespace, d: Array, scale: Array) -> Array:
    """E |x| of the Laplace distribution with mean d."""
    return xp.abs(d) + scale * xp.exp(-xp.abs(d) / scale)


def asymmetric_laplace_distance(xp: Namespace, d: Array, right: Array, left: Array) -> Array:
    """E |x - d| of the distribution whose sides are exponential with means `right` and `left`."""
    below = d < 0
    distance = xp.abs(d)
    side, other = xp.where(below, left, right), xp.where(below, right, left)
    weight, other_weight = side / (side + other), other / (side + other)
    beyond = weight * side * xp.exp(-distance / side)
    return beyond + other_weight * (other + distance) + weight * side * expm1_gap(xp, -distance / side)


def distances_above_and_below(xp: Namespace, distance: Array, excess: Array) -> tuple[Array, Array]:
    """E max(x - m, 0) and E max(m - x, 0), from E |x - m| and E x - m."""
    # Where all of the mass may lie on one side, what the difference leaves for the other is rounding.
    beyond = xp.abs(excess) > distance * (1 - 16 * float(xp.finfo(distance.dtype).eps))
    none = xp.zeros_like(excess)
    above = xp.where(beyond, xp.where(excess > 0, excess, none), 0.5 * (distance + excess))
    below = xp.where(beyond, xp.where(excess > 0, none, -excess), 0.5 * (distance - excess))
    return above, below


def exponential_sides(xp: Namespace, right: Array, left: Array, shift: Array) -> Array:
    """exp(shift) / ((1 - right) (1 - left)), the exponential moment of two exponential sides; inf where it has none."""
    exists = (right < 1) & (left < 1)
    factors = xp.log1p(-xp.where(exists, right, 0.0)) + xp.log1p(-xp.where(exists, left, 0.0))
    return exp_or_inf(xp, shift - factors, exists)


def _side_weights(xp: Namespace, k: Array) -> tuple[Array, Array]:
    """1 / (1 + k^2) and k^2 / (1 + k^2)."""
    large = k > 1
    z = xp.where(large, 1 / k, k)
    small_weight, weight = z * z / (1 + z * z), 1 / (1 + z * z)
    return xp.where(large, small_weight, weight), xp.where(large, weight, small_weight)


def _swapped(xp: Namespace, swap: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """a and b, in the other order where `swap` holds."""
    return xp.where(swap, b, a), xp.where(swap, a, b)


def _weighted_laplace_gap(
    xp: Namespace, weight: Array, x: Array, distance: Array, scale_p: Array, scale_q: Array
) -> Array:
    """`laplace_gap` times a weight, without which it might overflow; x = distance / scale_p."""
    far = x > 1000
    straight = weight * xp.where(far, distance - scale_p, 0.0) / scale_q
    curved = weight * scale_p / scale_q * expm1_gap(xp, -xp.where(far, 1.0, x))
    return xp.where(far, straight, curved)
