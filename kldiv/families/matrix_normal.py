"""The matrix normal distribution."""

from math import log, pi
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.linalg import kronecker_gap, squares
from kldiv.domains import MATRICES, ColumnFactor, RealMatrix, RowFactor


def _standardized(xp: Namespace, x: Array, row: Array, column: Array) -> Array:
    """The transpose of R^-1 X C'^-1."""
    return xp.solve_triangular(column, xp.matrix_transpose(xp.solve_triangular(row, x)))


@declare.family(MATRICES)
class MatrixNormal(NamedTuple):
    """The matrix normal distribution with mean `loc`, covariance R R' of the rows and C C' of the columns.

    Density over n by m matrices X, with R = row_scale_tril and C = column_scale_tril::

        p(X) = exp(-|R^-1 (X - loc) C'^-1|^2 / 2) / ((2 pi)^(n m / 2) det(R)^m det(C)^n)

    Parameters
    ----------
    loc : real matrix
        Mean, ``mean`` in SciPy.
    row_scale_tril : lower triangular matrix, positive on the diagonal
        Cholesky factor R of the covariance of the rows, which is ``rowcov`` in SciPy.
    column_scale_tril : lower triangular matrix, positive on the diagonal
        Cholesky factor C of the covariance of the columns, which is ``colcov`` in SciPy.

    Notes
    -----
    With I + Z the Kronecker product of C_q^-1 C_p and R_q^-1 R_p, and M the mean::

        KL(P || Q) = sum_i [Z_ii - log(1 + Z_ii)] + |Z|^2 / 2 + |R_q^-1 (M_p - M_q) C_q'^-1|^2 / 2

    Source: statproofbook.github.io/P/matn-kl.

    The same distribution elsewhere: ``scipy.stats.matrix_normal(mean=loc, rowcov=row_scale_tril @ row_scale_tril.T,
    colcov=column_scale_tril @ column_scale_tril.T)``.

    Examples
    --------
    >>> import kldiv
    >>> one = [[1.0, 0.0], [0.0, 1.0]]
    >>> p = kldiv.MatrixNormal([[1.0, 0.0], [0.0, 1.0]], row_scale_tril=one, column_scale_tril=one)
    >>> q = kldiv.MatrixNormal([[0.0, 0.0], [0.0, 0.0]], row_scale_tril=one, column_scale_tril=one)
    >>> float(kldiv.kl_divergence(p, q))
    1.0
    """

    loc: Annotated[Array, RealMatrix]
    row_scale_tril: Annotated[Array, RowFactor]
    column_scale_tril: Annotated[Array, ColumnFactor]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at the matrices `x`."""
        loc, row, column = self
        logs = xp.log(xp.diagonal(row))[..., :, None] + xp.log(xp.diagonal(column))[..., None, :]
        z = _standardized(xp, x - loc, row, column)
        return -xp.sum(logs + 0.5 * log(2 * pi), axis=(-2, -1)) - 0.5 * squares(xp, z)


@declare.sampler(MatrixNormal)
def sample_matrix_normal(xp: Namespace, draw: SamplingContext, loc: Array, row: Array, column: Array) -> Array:
    """Return loc + R Z C', with Z of standard normal entries."""
    return loc + xp.matmul(xp.matmul(row, draw.normal(loc, axes=2)), xp.matrix_transpose(column))


@declare.formula(MatrixNormal, MatrixNormal)
def kl_matrix_normal_matrix_normal(
    xp: Namespace, loc_p: Array, row_p: Array, column_p: Array, loc_q: Array, row_q: Array, column_q: Array
) -> Array:
    """sum_i [Z_ii - log(1 + Z_ii)] + |Z|^2 / 2 + |R_q^-1 (M_p - M_q) C_q'^-1|^2 / 2.

    Here I + Z is the Kronecker product of C_q^-1 C_p and R_q^-1 R_p, which is not formed.

    Source: statproofbook.github.io/P/matn-kl
    """
    gap = kronecker_gap(xp, row_p, row_q, column_p, column_q)
    return gap + 0.5 * squares(xp, _standardized(xp, loc_p - loc_q, row_q, column_q))
