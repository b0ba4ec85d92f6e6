"""Numerics of matrices: the identity, differences of Cholesky factors and of matrices of low rank.

A divergence between normal distributions with full covariance is a sum of gaps of the triangular matrix L_q^-1 L_p.
Near equality this must come from the difference of the covariance matrices, as their factors have rounding errors.
"""

from __future__ import annotations

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.exact import product_excess
from kldiv._numerics.gaps import log1p_gap, log_ratio


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


def cholesky_difference(xp: Namespace, a: Array, b: Array, factor_a: Array, factor_b: Array) -> Array:
    """The lower triangular X with (I + X)(I + X)' = L^-1 A L'^-1, for A = K K' and B = L L' with their factors K and L.

    The Cholesky factors K of A and L of B alone give it to cond eps / delta; one Newton step against the difference A -
    B of the matrices themselves, which is exact near equality, removes delta.
    """
    x = xp.tril(xp.solve_triangular(factor_b, factor_a - factor_b))
    excess = _congruence(xp, factor_b, a - b)
    # Far from equality the factors are enough, and I + X may be singular to rounding.
    near = xp.max(xp.abs(excess), axis=(-2, -1), keepdims=True) <= 0.5
    return x + xp.where(near, _newton_step(xp, xp.where(near, x, 0.0), xp.where(near, excess, 0.0)), 0.0)


def low_rank_gap(
    xp: Namespace, factor_p: Array, diag_p: Array, factor_q: Array, diag_q: Array, distance: Array
) -> Array:
    """The divergence of normal distributions with covariances F F' + diag(d), whose means are at a distance.

    With L L' the covariance of Q and L^-1 S_p L'^-1 = I + E it is [tr E - log det(I + E) + |L^-1 distance|^2] / 2.
    Neither covariance is formed: where the diagonal is small beside the factor, it would be lost in the sum.
    """
    p, q = xp.pad_last_axis(factor_p, factor_q), xp.pad_last_axis(factor_q, factor_p)
    root = xp.sqrt(diag_q)[..., None]
    unit = identity_like(xp, diag_q[..., None] * diag_p[..., None, :])
    (w, u, z, inverse), log_det_q = _low_rank_whitened(xp, q / root, [(p - q) / root, distance[..., None] / root, unit])
    _, log_det_p = _low_rank_whitened(xp, p / xp.sqrt(diag_p)[..., None], [])
    # E = (W + U)(W + U)' - W W' + L^-1 diag(d_p - d_q) L'^-1, with W = L^-1 F_q and U = L^-1 (F_p - F_q).
    change = (diag_p - diag_q) / diag_q
    cross = xp.matmul(u, xp.matrix_transpose(2 * w + u))
    diagonal = xp.matmul(inverse * change[..., None, :], xp.matrix_transpose(inverse))
    excess = 0.5 * (cross + xp.matrix_transpose(cross)) + diagonal
    near = xp.max(xp.abs(excess), axis=(-2, -1)) <= 0.5
    small = xp.where(near[..., None, None], excess, 0.0)
    x = xp.cholesky(unit + small) - unit
    x = x + _newton_step(xp, x, small)
    gaps = xp.sum(log1p_gap(xp, xp.diagonal(x)), axis=-1) + 0.5 * squares(xp, x)
    trace = xp.sum(u * (2 * w + u), axis=(-2, -1)) + xp.sum(change * xp.sum(inverse * inverse, axis=-2), axis=-1)
    log_det = xp.sum(log_ratio(xp, diag_p, diag_q), axis=-1) + (log_det_p - log_det_q)
    return xp.where(near, gaps, 0.5 * (trace - log_det)) + 0.5 * squares(xp, z)


def low_rank_solve(xp: Namespace, factor: Array, diag: Array, x: Array) -> Array:
    """L^-1 X for a matrix X, with L the Cholesky factor of F F' + diag(d)."""
    root = xp.sqrt(diag)[..., None]
    return _low_rank_whitened(xp, factor / root, [x / root])[0][1]


def low_rank_factor(xp: Namespace, factor: Array, diag: Array) -> Array:
    """The Cholesky factor of F F' + diag(d)."""
    root = xp.sqrt(diag)[..., None]
    unit = identity_like(xp, diag[..., None] * diag[..., None, :])
    (whitened, inverse), _ = _low_rank_whitened(xp, factor / root, [unit])
    # L = (I + F F') L'^-1, where row i of L^-1 F and of L^-1 is known.
    product = xp.matmul(factor / root, xp.matrix_transpose(whitened))
    return root * xp.tril(product + xp.matrix_transpose(inverse))


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


def _congruence(xp: Namespace, factor: Array, m: Array) -> Array:
    """L^-1 M L'^-1 for a symmetric M."""
    left = xp.solve_triangular(factor, m)
    m = xp.solve_triangular(factor, xp.matrix_transpose(left))
    return 0.5 * (m + xp.matrix_transpose(m))


def _newton_step(xp: Namespace, x: Array, excess: Array) -> Array:
    """The step from a lower triangular X near the one with (I + X)(I + X)' = I + E to that."""
    factor = identity_like(xp, x) + x
    x_t = xp.matrix_transpose(x)
    residual = _congruence(xp, factor, excess - x - x_t - xp.matmul(x, x_t))
    return xp.matmul(factor, 0.5 * (xp.tril(residual) + xp.tril(residual, k=-1)))


def _low_rank_whitened(xp: Namespace, factor: Array, others: list[Array]) -> tuple[list[Array], Array]:
    """L^-1 X for each of the matrices X, and log det(I + F F'), with L L' = I + F F' and L lower triangular.

    It is done column by column of F: with I + v v' = T T', t_i = 1 + sum_{j<i} v_j^2 and s_i = sum_{j<i} v_j x_j, the
    components of T^-1 x are (x_i - v_i s_i / t_i) sqrt(t_i / t_{i+1}), and those of T^-1 v are v_i / sqrt(t_i t_{i+1}).
    """

    def step(state: tuple[Array, ...], chosen: Array) -> tuple[Array, ...]:
        f, log_det, *rest = state
        v = xp.sum(chosen * f, axis=-1, keepdims=True)
        after = 1 + xp.cumulative_sum(v * v, axis=-2)
        before = _one_row_down(xp, xp.ones_like(after[..., :1, :]), after)

        def whiten(x: Array) -> Array:
            s = _one_row_down(xp, xp.zeros_like(x[..., :1, :]), xp.cumulative_sum(v * x, axis=-2))
            return (x - v * (s / before)) * xp.sqrt(before / after)

        f = xp.where(chosen > 0, v / xp.sqrt(before) / xp.sqrt(after), whiten(f))
        return f, log_det + xp.log1p(squares(xp, v)), *(whiten(x) for x in rest)

    row = factor[..., :1, :]
    columns = identity_like(xp, xp.matrix_transpose(row) * row)[..., None, :]
    batch = 0 * factor[..., :1, :1]
    state = (factor, 0 * factor[..., 0, 0], *(x + batch for x in others))
    whitened, log_det, *rest = xp.scan(step, state, (columns,))
    return [whitened, *rest], log_det


def _one_row_down(xp: Namespace, first: Array, x: Array) -> Array:
    """The rows of a matrix one place further down, after a first one."""
    return xp.concat([first, x[..., :-1, :]], axis=-2)
