"""Numerics of matrices: the identity, differences of Cholesky factors and of matrices of low rank.

A divergence between normal distributions with full covariance is a sum of gaps of the triangular matrix L_q^-1 L_p.
Near equality this must come from the difference of the covariance matrices, as their factors have rounding errors.
"""

from __future__ import annotations

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.exact import product_excess
from kldiv._numerics.gaps import log1p_gap


def kronecker_gap(xp: Namespace, row_p: Array, row_q: Array, column_p: Array, column_q: Array) -> Array:
    """sum_i (Z_ii - log(1 + Z_ii)) + |Z|^2 / 2, with I + Z the Kronecker product of L_q^-1 L_p of columns and of rows.

    The arguments are the triangular factors L.
    """
    a, b = _quotient_below(xp, row_p, row_q), _quotient_below(xp, column_p, column_q)
    row_top, row_bottom = xp.diagonal(row_p)[..., :, None], xp.diagonal(row_q)[..., :, None]
    column_top, column_bottom = xp.diagonal(column_p)[..., None, :], xp.diagonal(column_q)[..., None, :]
    diagonal = product_excess(xp, row_top, column_top, row_bottom, column_bottom)
    gaps = log1p_gap(xp, diagonal, (row_top, row_bottom), (column_top, column_bottom))
    value = xp.sum(gaps + 0.5 * diagonal * diagonal, axis=(-2, -1))
    # Off the diagonal, Z has (I + A)_ii' (I + B)_jj' where i > i' or j > j'.
    row, column = row_top / row_bottom, column_top / column_bottom
    return value + 0.5 * (_squared_product(xp, a, column) + _squared_product(xp, b, a + row * identity_like(xp, a)))


def cholesky_difference(
    xp: Namespace, a: Array, b: Array, factor_a: Array, factor_b: Array, difference: Array | None = None
) -> Array:
    """The lower triangular X with (I + X)(I + X)' = L^-1 A L'^-1, for A = K K' and B = L L' with their factors K and L.

    The Cholesky factors K of A and L of B alone give it to cond eps / delta; one Newton step against the difference A -
    B of the matrices themselves, which is exact near equality, removes delta; `difference` is A - B if known better.
    """

    def congruence(factor: Array, m: Array) -> Array:
        left = xp.solve_triangular(factor, m)
        m = xp.solve_triangular(factor, xp.matrix_transpose(left))
        return 0.5 * (m + xp.matrix_transpose(m))

    x = xp.tril(xp.solve_triangular(factor_b, factor_a - factor_b))
    excess = congruence(factor_b, a - b if difference is None else difference)
    # Far from equality the factors are enough, and I + X may be singular to rounding.
    near = xp.max(xp.abs(excess), axis=(-2, -1), keepdims=True) <= 0.5
    x_in, excess = xp.where(near, x, 0.0), xp.where(near, excess, 0.0)
    factor = identity_like(xp, x) + x_in
    x_t = xp.matrix_transpose(x_in)
    residual = congruence(factor, excess - x_in - x_t - xp.matmul(x_in, x_t))
    step = xp.matmul(factor, 0.5 * (xp.tril(residual) + xp.tril(residual, k=-1)))
    return x + xp.where(near, step, 0.0)


def low_rank_difference(xp: Namespace, factor_p: Array, diag_p: Array, factor_q: Array, diag_q: Array) -> Array:
    """The difference of the covariance matrices F F' + diag(d) of P and Q, from those of the factors and diagonals.

    Columns that only one of the factors has count as zero in the other.
    """
    p, q = xp.pad_last_axis(factor_p, factor_q), xp.pad_last_axis(factor_q, factor_p)
    half = 0.5 * xp.matmul(p - q, xp.matrix_transpose(p + q))
    diagonal = (diag_p - diag_q)[..., None]
    return half + xp.matrix_transpose(half) + diagonal * identity_like(xp, half)


def identity_like(xp: Namespace, x: Array) -> Array:
    """The identity matrices of the shape of `x`."""
    return xp.tril(xp.triu(xp.ones_like(x)))


def index_like(xp: Namespace, x: Array) -> Array:
    """0, 1, 2, ... along the last axis of `x`."""
    return xp.cumulative_sum(xp.ones_like(x), axis=-1) - 1


def solve_vector(xp: Namespace, factor: Array, x: Array) -> Array:
    """The vector z with L z = x for a lower triangular L."""
    return xp.solve_triangular(factor, x[..., None])[..., 0]


def multiply_transposed(xp: Namespace, factor: Array, x: Array) -> Array:
    """The vector L' x."""
    return xp.matmul(xp.matrix_transpose(factor), x[..., None])[..., 0]


def squares(xp: Namespace, x: Array) -> Array:
    """The sum of the squares of the entries of a matrix."""
    return xp.sum(x * x, axis=(-2, -1))


def _quotient_below(xp: Namespace, top: Array, bottom: Array) -> Array:
    """The part of M^-1 L below the diagonal, for lower triangular L = `top` and M = `bottom`."""
    # As M^-1 (L - M), exact near equality; but where L is much smaller than M, that has the rounding errors of M^-1 M.
    diagonal = xp.diagonal(top - bottom) / xp.diagonal(bottom)
    near = xp.max(xp.abs(diagonal), axis=-1)[..., None, None] <= 0.5
    return xp.tril(xp.solve_triangular(bottom, xp.where(near, top - bottom, top)), k=-1)


def _squared_product(xp: Namespace, a: Array, b: Array) -> Array:
    """The product of the sums of squares of the entries of two matrices, where one alone might over- or underflow."""
    scale = xp.stop_gradient(xp.max(xp.abs(b), axis=(-2, -1), keepdims=True))
    return squares(xp, a * scale) * squares(xp, b / scale)
