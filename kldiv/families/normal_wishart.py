"""Conjugate priors of the mean and the precision, or covariance, matrix of a normal distribution."""

from math import log, pi
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.gaps import relative_gap
from kldiv._numerics.linalg import multiply_transposed, solve_vector
from kldiv.domains import DegreesOfFreedom, LowerTriangular, Positive, RealVector, Support
from kldiv.families.wishart import (
    bartlett_factor,
    inverse_wishart_factor,
    inverse_wishart_log_density,
    kl_inverse_wishart_inverse_wishart,
    kl_wishart_wishart,
    wishart_log_density,
)

MEAN_AND_MATRIX = Support("mean and matrix", axes=("d+1", "d"), within="matrices")


def _log_normal(xp: Namespace, z: Array, count: Array, diagonal: Array) -> Array:
    """The log density of a mean, from its deviation z in units of T^(-1/2) and the diagonal of a factor of T."""
    logs = xp.log(diagonal) + 0.5 * xp.log(count)[..., None] - 0.5 * log(2 * pi)
    return xp.sum(logs - 0.5 * count[..., None] * z * z, axis=-1)


@declare.family(MEAN_AND_MATRIX)
class NormalWishart(NamedTuple):
    """The normal-Wishart distribution of matrices: the mean, as first row, above the precision matrix.

    It is a conjugate prior of a multivariate normal distribution.

    Density over a vector m and a positive definite matrix T, with k = precision_count::

        p(m, T) = MultivariateNormalPrecision(loc, k T)(m) Wishart(df, scale_tril)(T)

    Parameters
    ----------
    loc : real vector
        Expected mean.
    precision_count : positive
        Precision of the mean over the precision matrix.
    df : above d - 1
        Degrees of freedom of the precision matrix, for d coordinates.
    scale_tril : lower triangular matrix, positive on the diagonal
        Cholesky factor of the scale of the precision matrix.

    Notes
    -----
    With r = k_q / k_p, n = df, L = scale_tril and m the location::

        KL(P || Q) = KL(Wishart_p || Wishart_q) + (d [r - 1 - log r] + k_q n_p |L_p' (m_p - m_q)|^2) / 2

    Source: the definition, by the chain rule: the mean of the precision matrix under P is n_p L_p L_p'.

    Examples
    --------
    >>> import kldiv
    >>> one = [[1.0, 0.0], [0.0, 1.0]]
    >>> p, q = kldiv.NormalWishart([1.0, 0.0], 1.0, 3.0, one), kldiv.NormalWishart([0.0, 0.0], 1.0, 3.0, one)
    >>> float(kldiv.kl_divergence(p, q))
    1.5
    """

    loc: Annotated[Array, RealVector]
    precision_count: Annotated[Array, Positive]
    df: Annotated[Array, DegreesOfFreedom]
    scale_tril: Annotated[Array, LowerTriangular]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at matrices `x` of a mean above a precision matrix."""
        factor = xp.cholesky(x[..., 1:, :])
        z = multiply_transposed(xp, factor, x[..., 0, :] - self.loc)
        conditional = _log_normal(xp, z, self.precision_count, xp.diagonal(factor))
        return conditional + wishart_log_density(xp, self.df, self.scale_tril, factor)


@declare.family(MEAN_AND_MATRIX)
class NormalInverseWishart(NamedTuple):
    """The normal-inverse-Wishart distribution of matrices: the mean, as first row, above the covariance matrix.

    It is a conjugate prior of a multivariate normal distribution.

    Density over a vector m and a positive definite matrix S, with k = precision_count::

        p(m, S) = MultivariateNormal(loc, S / k)(m) InverseWishart(df, scale_tril)(S)

    Parameters
    ----------
    loc : real vector
        Expected mean.
    precision_count : positive
        Covariance matrix over that of the mean.
    df : above d - 1
        Degrees of freedom of the covariance matrix, for d coordinates.
    scale_tril : lower triangular matrix, positive on the diagonal
        Cholesky factor of the scale of the covariance matrix.

    Notes
    -----
    With r = k_q / k_p, n = df, L = scale_tril and m the location::

        KL(P || Q) = KL(InverseWishart_p || InverseWishart_q) + (d [r - 1 - log r] + k_q n_p |L_p^-1 (m_p - m_q)|^2) / 2

    Source: the definition, by the chain rule: the mean of the inverse covariance matrix under P is n_p (L_p L_p')^-1.

    Examples
    --------
    >>> import kldiv
    >>> one = [[1.0, 0.0], [0.0, 1.0]]
    >>> p = kldiv.NormalInverseWishart([1.0, 0.0], 1.0, 3.0, one)
    >>> q = kldiv.NormalInverseWishart([0.0, 0.0], 1.0, 3.0, one)
    >>> float(kldiv.kl_divergence(p, q))
    1.5
    """

    loc: Annotated[Array, RealVector]
    precision_count: Annotated[Array, Positive]
    df: Annotated[Array, DegreesOfFreedom]
    scale_tril: Annotated[Array, LowerTriangular]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at matrices `x` of a mean above a covariance matrix."""
        factor = xp.cholesky(x[..., 1:, :])
        z = solve_vector(xp, factor, x[..., 0, :] - self.loc)
        conditional = _log_normal(xp, z, self.precision_count, 1 / xp.diagonal(factor))
        return conditional + inverse_wishart_log_density(xp, self.df, self.scale_tril, factor)


@declare.sampler(NormalWishart)
def sample_normal_wishart(
    xp: Namespace, draw: SamplingContext, loc: Array, count: Array, df: Array, scale_tril: Array
) -> Array:
    """Return loc + M'^-1 z / sqrt(k) above a Wishart matrix M M', with z standard normal."""
    factor = xp.matmul(scale_tril, bartlett_factor(xp, draw, df, scale_tril))
    z = draw.normal(loc, axes=1) / xp.sqrt(count)[..., None]
    mean = xp.matrix_transpose(xp.solve(xp.matrix_transpose(factor), z[..., None]))
    return xp.concat([loc[..., None, :] + mean, xp.matmul(factor, xp.matrix_transpose(factor))], axis=-2)


@declare.sampler(NormalInverseWishart)
def sample_normal_inverse_wishart(
    xp: Namespace, draw: SamplingContext, loc: Array, count: Array, df: Array, scale_tril: Array
) -> Array:
    """Return loc + M z / sqrt(k) above an inverse Wishart matrix M M', with z standard normal."""
    factor = inverse_wishart_factor(xp, draw, df, scale_tril)
    z = draw.normal(loc, axes=1) / xp.sqrt(count)[..., None]
    mean = xp.matrix_transpose(xp.matmul(factor, z[..., None]))
    return xp.concat([loc[..., None, :] + mean, xp.matmul(factor, xp.matrix_transpose(factor))], axis=-2)


def _means(xp: Namespace, count_p: Array, count_q: Array, df_p: Array, d: Array) -> Array:
    """sum_i ([r - 1 - log r] + k_q n_p d_i^2) / 2, with r = k_q / k_p."""
    means = (count_q[..., None] * d) * (df_p[..., None] * d)
    return 0.5 * xp.sum(relative_gap(xp, count_q, count_p)[..., None] + means, axis=-1)


@declare.formula(NormalWishart, NormalWishart)
def kl_normal_wishart_normal_wishart(
    xp: Namespace,
    loc_p: Array,
    count_p: Array,
    df_p: Array,
    tril_p: Array,
    loc_q: Array,
    count_q: Array,
    df_q: Array,
    tril_q: Array,
) -> Array:
    """KL(Wishart_p || Wishart_q) + (d [r - 1 - log r] + k_q n_p |L_p' (m_p - m_q)|^2) / 2, with r = k_q / k_p.

    Source: the definition, by the chain rule: E_p of the precision matrix is n_p L_p L_p'
    """
    means = _means(xp, count_p, count_q, df_p, multiply_transposed(xp, tril_p, loc_p - loc_q))
    return kl_wishart_wishart(xp, df_p, tril_p, df_q, tril_q) + means


@declare.formula(NormalInverseWishart, NormalInverseWishart)
def kl_normal_inverse_wishart_normal_inverse_wishart(
    xp: Namespace,
    loc_p: Array,
    count_p: Array,
    df_p: Array,
    tril_p: Array,
    loc_q: Array,
    count_q: Array,
    df_q: Array,
    tril_q: Array,
) -> Array:
    """KL(InverseWishart_p || InverseWishart_q) + (d [r - 1 - log r] + k_q n_p |L_p^-1 (m_p - m_q)|^2) / 2.

    Here r = k_q / k_p.

    Source: the definition, by the chain rule: E_p of the inverse of the covariance matrix is n_p (L_p L_p')^-1
    """
    means = _means(xp, count_p, count_q, df_p, solve_vector(xp, tril_p, loc_p - loc_q))
    return kl_inverse_wishart_inverse_wishart(xp, df_p, tril_p, df_q, tril_q) + means
