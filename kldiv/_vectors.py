"""The kernels of the families over vectors, matrices and paths: sums of gaps, as in `kldiv._kernels`."""

from __future__ import annotations

from math import inf, log, nan, pi

from kldiv._kernels import (
    categorical_gap,
    finite_part,
    identity_like,
    indicator,
    log as log_or_inf,
    log1p_gap,
    log_ratio,
    non_negative,
    product,
    product_excess,
    select_class,
    stirling_gap,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kldiv._protocol import Array, Namespace


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


# ------------------------------------------------------------------------------------------------ Dirichlet and Wishart


def dirichlet_gap(xp: Namespace, a: Array, b: Array) -> Array:
    """The divergence between the Dirichlet distributions with concentrations a and b."""
    difference = b - a
    totals = (xp.sum(x, axis=-1) for x in (b, a, difference))
    components = xp.sum(stirling_gap(xp, b, a, difference), axis=-1)
    shape = components - stirling_gap(xp, *totals)
    value = xp.sum(b, axis=-1) * categorical_gap(xp, b, a) + shape
    return non_negative(xp, value, value == value)


def log_multigamma(xp: Namespace, a: Array, like: Array) -> Array:
    """The logarithm of the multivariate gamma function at a, in as many dimensions as `like` has entries."""
    half = 0.5 * index_like(xp, like)
    return xp.sum(xp.gammaln(a[..., None] - half) + half * log(pi), axis=-1)


def _common_shift_gap(xp: Namespace, y: Array, x: Array, d: Array, c: Array) -> Array:
    """y log(y / x) - (y + c) log((y + c) / (x + c)), at least 0, for positive x and y = x + d, and c >= 0."""
    # y log(1 + v) - c log(1 + w), with v = c d / (x (y + c)) and w = d / (x + c); y v - c w = c^2 d^2 / (...).
    v, w = c * d / x / (y + c), d / (x + c)
    near = xp.abs(v) <= 0.5
    v_near = xp.where(near, v, 0.0)
    small = v_near * w * c - y * log1p_gap(xp, v_near) + c * log1p_gap(xp, w, (y + c, x + c))
    y_far, x_far = xp.where(near, 1.0, y), xp.where(near, 1.0, x)
    log_w = log_ratio(xp, y_far + c, x_far + c)
    log_v = xp.where(v > 0, xp.log1p(xp.where(near | (v < 0), 0.0, v)), log_ratio(xp, y_far, x_far) - log_w)
    return xp.where(near, small, y * log_v - c * log_w)


def wishart_gap(xp: Namespace, df_p: Array, df_q: Array, x: Array, top: Array, bottom: Array) -> Array:
    """The divergence between Wishart distributions, with I + X the quotient of their triangular factors.

    `top` and `bottom` are the diagonals that the diagonal of I + X is the quotient of.
    """
    # A matrix of means n V against another: the quotient of factors of these is I + Y = sqrt(n_p / n_q) (I + X).
    df_p, df_q = df_p[..., None], df_q[..., None]
    root = xp.sqrt(df_p / df_q)
    s = (df_p - df_q) / df_q / (root + 1)
    u = (top - bottom) / bottom * root + s
    gaps = log1p_gap(xp, u, (top, bottom), (xp.sqrt(df_p), xp.sqrt(df_q)))
    below = root * root * xp.sum(xp.tril(x, k=-1) ** 2, axis=-1)
    means = df_q * (gaps + 0.5 * (u * u + below))
    # What is left is that of gamma distributions of equal means with the concentrations (n - i) / 2.
    half = 0.5 * index_like(xp, top)
    d = 0.5 * (df_q - df_p)
    a_p, a_q = 0.5 * df_p - half, 0.5 * df_q - half
    shapes = stirling_gap(xp, a_q, a_p, d) + _common_shift_gap(xp, a_q, a_p, d, half)
    return xp.sum(means + shapes, axis=-1)


# ----------------------------------------------------------------------------------------------------- normal matrices


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


def low_rank_difference(xp: Namespace, factor_p: Array, diag_p: Array, factor_q: Array, diag_q: Array) -> Array:
    """The difference of the covariance matrices F F' + diag(d) of P and Q, from those of the factors and diagonals.

    Columns that only one of the factors has count as zero in the other.
    """
    p, q = xp.padded(factor_p, factor_q), xp.padded(factor_q, factor_p)
    half = 0.5 * xp.matmul(p - q, xp.matrix_transpose(p + q))
    diagonal = (diag_p - diag_q)[..., None]
    return half + xp.matrix_transpose(half) + diagonal * identity_like(xp, half)


# -------------------------------------------------------------------------------------------------------- counts, paths


def log_choices(xp: Namespace, log_probs: Array, x: Array) -> Array:
    """sum_k x_k log_probs_k, where 0 times an infinite logarithm is 0."""
    return xp.sum(product(xp, x, log_probs), axis=-1)


def is_only_count(xp: Namespace, possible: Array, total: Array, x: Array) -> Array:
    """Whether the counts x are `total` times the only entry of `possible` along the last axis that is true."""
    expected = xp.where(possible, total[..., None], 0.0)
    single = xp.sum(xp.where(possible, xp.ones_like(expected), 0.0), axis=-1) == 1
    return (single | (total == 0)) & xp.all(x == expected, axis=-1)


def are_counts(xp: Namespace, x: Array, total: Array) -> Array:
    """Whether x holds non-negative integers that sum to `total` along the last axis."""
    return xp.all((x >= 0) & (xp.floor(x) == x), axis=-1) & (xp.sum(x, axis=-1) == total)


def equal_counts_gap(xp: Namespace, total_p: Array, total_q: Array, gap: Array) -> Array:
    """`total_p` times a gap, 0 where the total is 0; infinite where the totals differ."""
    gap, finite = finite_part(xp, gap)
    return total_p * gap + indicator(xp, (total_p == total_q) & (finite | (total_p == 0)), total_p)


def normalised(xp: Namespace, weights: Array) -> Array:
    """Weights divided by their sum along the last axis."""
    return weights / xp.sum(weights, axis=-1, keepdims=True)


def path_gap(xp: Namespace, initial_p: Array, steps_p: Array, initial_q: Array, steps_q: Array) -> Array:
    """The divergence between two Markov chains; what is infinite counts only where P can get to."""
    rows, finite = finite_part(xp, categorical_gap(xp, steps_p, steps_q))
    matrices = normalised(xp, steps_p)
    lost = xp.where(finite, xp.zeros_like(rows), 1.0)
    last = rows[..., 0, :]

    # From the last step backwards: the divergence of what is to come, by state, and whether it is infinite.
    def step(state: tuple[Array, Array], matrix: Array, row: Array, bad: Array) -> tuple[Array, Array]:
        later, dead = state
        later = row[..., 0] + xp.sum(matrix * later[..., None, :], axis=-1)
        reached = xp.max(xp.where(matrix > 0, dead[..., None, :], 0.0), axis=-1)
        return later, xp.where(bad[..., 0] > 0, xp.ones_like(reached), reached)

    items = tuple(xp.flip(x, axis=(-3,)) for x in (matrices, rows[..., None], lost[..., None]))
    later, dead = xp.fold(step, (xp.zeros_like(last), xp.zeros_like(last)), items)
    bad = xp.any((dead > 0) & (initial_p > 0), axis=-1)
    value = categorical_gap(xp, initial_p, initial_q) + xp.sum(normalised(xp, initial_p) * later, axis=-1)
    return xp.where(bad, inf, value)


def _states_of(xp: Namespace, like: Array, x: Array) -> Array:
    """Whether the states x are those of the last axis of `like`, along a new last axis."""
    return index_like(xp, like)[..., None, :] == x[..., None]


def log_path(xp: Namespace, initial: Array, steps: Array, x: Array) -> Array:
    """The logarithm of the probability of the path x."""
    at = _states_of(xp, initial, x)
    moves = at[..., :-1, :, None] & at[..., 1:, None, :]
    log_steps = log_or_inf(xp, normalised(xp, steps))
    first = select_class(xp, log_or_inf(xp, normalised(xp, initial)), x[..., 0])
    return first + xp.sum(xp.max(xp.where(moves, log_steps, -inf), axis=(-2, -1)), axis=-1)


def is_only_path(xp: Namespace, initial: Array, steps: Array, x: Array) -> Array:
    """Whether the path x has probability 1."""
    at = _states_of(xp, initial, x)
    first = xp.all((initial > 0) == at[..., 0, :], axis=-1)
    then = ~at[..., :-1, :, None] | ((steps > 0) == at[..., 1:, None, :])
    return first & xp.all(then, axis=(-3, -2, -1))


def recurrent(xp: Namespace, matrix: Array) -> Array:
    """Whether each state of a Markov chain can be reached from every state."""
    reach = xp.where(matrix > 0, xp.ones_like(matrix), identity_like(xp, matrix))
    for _ in range(16):  # paths of up to 2^16 steps
        reach = xp.where(xp.matmul(reach, reach) > 0, xp.ones_like(reach), 0.0)
    return xp.all(reach > 0, axis=-2)


def stationary(xp: Namespace, matrix: Array) -> Array:
    """The stationary law of a transition matrix, nan where there is more than one; 0 at transient states."""
    remain = recurrent(xp, matrix)
    unique = xp.any(remain, axis=-1)[..., None]
    # (I - P + 1 u') is regular and its transpose maps pi to u. The diagonal of I - P is what leaves the state.
    identity = identity_like(xp, matrix)
    steps = xp.where(unique[..., None], normalised(xp, matrix), identity + 0.0 * matrix)
    leaving = xp.where(identity > 0, 0.0, steps)
    uniform = normalised(xp, xp.ones_like(matrix[..., 0, :]))
    system = identity * xp.sum(leaving, axis=-1, keepdims=True) - leaving + uniform[..., None, :]
    system = xp.where(unique[..., None], system, identity)
    law = xp.solve(xp.matrix_transpose(system), uniform[..., None])[..., 0]
    return xp.where(unique, xp.where(remain & (law > 0), law, 0.0), nan)


def weighted_gap(xp: Namespace, weights: Array, gaps: Array) -> Array:
    """The sum of weights times gaps along the last axis, where an infinite gap of weight 0 does not count."""
    gaps, finite = finite_part(xp, gaps)
    bad = xp.any((weights > 0) & ~finite, axis=-1)
    return xp.where(bad, inf, xp.sum(weights * gaps, axis=-1))


def log_mixture(xp: Namespace, probs: Array, log_densities: Array) -> Array:
    """log sum_m probs_m exp(log_densities_m) along the last axis, for probs divided by their sum."""
    terms = log_or_inf(xp, probs) + log_densities
    top = xp.max(terms, axis=-1, keepdims=True)
    top = xp.where(xp.isfinite(top), top, 0.0)
    total = log_or_inf(xp, xp.sum(xp.exp(terms - top), axis=-1))
    return top[..., 0] + total - xp.log(xp.sum(probs, axis=-1))
