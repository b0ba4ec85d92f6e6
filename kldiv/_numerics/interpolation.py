"""Parameters between those of two distributions: the steps of geometric mixtures p^(1-t) q^t, for any real t."""

from __future__ import annotations

import math

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.linalg import identity_like


def linear(xp: Namespace, t: Array, x: Array, y: Array) -> Array:
    """x + t (y - x): x at t = 0, near x where y is."""
    return x + t * (y - x)


def geometric(xp: Namespace, t: Array, x: Array, y: Array) -> Array:
    """x^(1-t) y^t for non-negative x and y: 0 where x is 0, and where y is and t is positive; inf if t is negative."""
    none = (x == 0) | ((y == 0) & (t > 0))
    endless = ~none & (y == 0) & (t < 0)
    edge = none | (y == 0)
    inner_x, inner_y = xp.where(edge, 1.0, x), xp.where(edge, 1.0, y)
    value = inner_x * xp.exp(t * (xp.log(inner_y) - xp.log(inner_x)))
    # At t = 0 it is x.
    return xp.where(none, 0.0, xp.where(endless, math.inf, xp.where(edge, x, value)))


def log_geometric(xp: Namespace, t: Array, x: Array, y: Array) -> Array:
    """(1 - t) x + t y for logarithms of weights: -inf where x is, and where y is and t is positive."""
    none = (x == -math.inf) | ((y == -math.inf) & (t > 0))
    endless = ~none & (y == -math.inf) & (t < 0)
    edge = none | (y == -math.inf)
    value = linear(xp, t, xp.where(edge, 0.0, x), xp.where(edge, 0.0, y))
    return xp.where(none, -math.inf, xp.where(endless, math.inf, xp.where(edge, x, value)))


def logit_geometric(xp: Namespace, t: Array, x: Array, y: Array) -> Array:
    """(1 - t) x + t y for logits: nan where one outcome is impossible under x and the other under y."""
    certain = xp.isfinite(x) & xp.isfinite(y)
    value = linear(xp, t, xp.where(certain, x, 0.0), xp.where(certain, y, 0.0))
    # An infinite logit of x stays as it is; one of y is taken for t > 0, and for t < 0 there is nothing between.
    side = xp.where(t == 0, x, xp.where(t > 0, y, math.nan))
    edge = xp.where(xp.isfinite(x), side, xp.where(xp.isfinite(y) | (x == y) | (t == 0), x, math.nan))
    return xp.where(certain, value, edge)


def harmonic(xp: Namespace, t: Array, x: Array, y: Array) -> Array:
    """1 / ((1 - t) / x + t / y) for positive numbers; not positive where there is none."""
    lower = x <= y
    small, large = xp.where(lower, x, y), xp.where(lower, y, x)
    weight = xp.where(lower, t, 1 - t)  # of the larger one
    return small / (1 + weight * ((small - large) / large))


def root_harmonic(xp: Namespace, t: Array, x: Array, y: Array) -> Array:
    """1 / sqrt((1 - t) / x^2 + t / y^2), of two scales that of the precision between; nan where there is none."""
    lower = x <= y
    small, large = xp.where(lower, x, y), xp.where(lower, y, x)
    weight = xp.where(lower, t, 1 - t)
    rest = 1 + weight * ((small - large) / large) * ((small + large) / large)
    exists = rest > 0
    return xp.where(exists, small / xp.sqrt(xp.where(exists, rest, 1.0)), math.nan)


def normal_shift(xp: Namespace, t: Array, gap: Array, scale: Array, scale_q: Array) -> Array:
    """t gap (scale / scale_q)^2: how far the mean between lies from that of P, for the scale between."""
    ratio = scale / scale_q
    return t * gap * ratio * ratio


def precision_between(xp: Namespace, t: Array, factor_p: Array, factor_q: Array) -> Array:
    """The lower factor of [(1 - t) (A A')^-1 + t (B B')^-1]^-1, for lower factors A and B; nan where there is none."""
    whitened = xp.solve_triangular(factor_q, factor_p)
    one = identity_like(xp, whitened)
    # In units of P the precision is 1 + t (M'M - 1); its inverse is T T' with T lower triangular.
    square = xp.matmul(xp.matrix_transpose(whitened), whitened)
    precision = one + t[..., None, None] * (square - one)
    reversed_factor = xp.cholesky(xp.flip(precision, axis=(-2, -1)))
    inverse = xp.solve_triangular(reversed_factor, one)
    return xp.matmul(factor_p, xp.flip(xp.matrix_transpose(inverse), axis=(-2, -1)))


def mean_between(xp: Namespace, t: Array, gap: Array, factor: Array, factor_q: Array) -> Array:
    """t S (B B')^-1 gap, for the covariance S = factor factor' between."""
    whitened = xp.solve_triangular(factor_q, factor)
    scaled = xp.solve_triangular(factor_q, gap[..., None])
    moved = xp.matmul(factor, xp.matmul(xp.matrix_transpose(whitened), scaled))
    return t[..., None] * moved[..., 0]
