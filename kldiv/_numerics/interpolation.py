"""Parameters between those of two distributions: the steps of geometric mixtures p^(1-t) q^t, for any real t."""

from __future__ import annotations

import math

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.linalg import identity_like

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def linear(xp: Namespace, t: Array, x: Array, y: Array) -> Array:
    """x + t (y - x): x at t = 0, near x where y is."""
    return x + t * (y - x)


def geometric(xp: Namespace, t: Array, x: Array, y: Array) -> Array:
    """x^(1-t) y^t for non-negative x and y: 0 where x is 0, and where y is and t is positive; inf if t is negative."""
    return _between_weights(xp, t, x, y, 0.0, 1.0, lambda x, y: x * xp.exp(t * (xp.log(y) - xp.log(x))))


def log_geometric(xp: Namespace, t: Array, x: Array, y: Array) -> Array:
    """(1 - t) x + t y for logarithms of weights: -inf where x is, and where y is and t is positive."""
    return _between_weights(xp, t, x, y, -math.inf, 0.0, lambda x, y: linear(xp, t, x, y))


def _between_weights(
    xp: Namespace,
    t: Array,
    x: Array,
    y: Array,
    none: float,
    safe: float,
    between: Callable[[Array, Array], Array],
) -> Array:
    """What is between two weights, or their logarithms: `none` is that of no weight, and `safe` stands for it."""
    gone = (x == none) | ((y == none) & (t > 0))
    edge = gone | (y == none)
    value = between(xp.where(edge, safe, x), xp.where(edge, safe, y))
    # Where only y is without weight, there is no end to it for t < 0, and x is left at t = 0.
    return xp.where(gone, none, xp.where(edge, xp.where(t < 0, math.inf, x), value))


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


def normal_between(
    xp: Namespace, t: Array, loc_p: Array, scale_p: Array, loc_q: Array, scale_q: Array
) -> tuple[Array, Array]:
    """Location and scale between those of two normal distributions: 1 / scale^2 and loc / scale^2 are linear in t."""
    scale = root_harmonic(xp, t, scale_p, scale_q)
    ratio = scale / scale_q
    return loc_p + t * (loc_q - loc_p) * ratio * ratio, scale


def power_harmonic(xp: Namespace, t: Array, x: Array, y: Array, k: Array) -> Array:
    """((1 - t) / x^k + t / y^k)^(-1 / k), of two scales that between them; not positive where there is none."""
    gap = k * (xp.log(y) - xp.log(x))
    ratio = harmonic(xp, t, xp.ones_like(gap), xp.exp(gap))
    return x * xp.exp(xp.log(ratio) / k)


def log_linear(xp: Namespace, t: Array, gap: Array) -> Array:
    """log(1 - t + t exp(gap)): the logarithm of what is between 1 and exp(gap)."""
    return xp.log1p(t * xp.expm1(gap))


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
