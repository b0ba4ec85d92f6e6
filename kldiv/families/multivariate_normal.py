"""The multivariate normal distribution, given by its covariance matrix in five forms."""

from math import log, pi
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.gaps import log1p_gap, relative_gap
from kldiv._numerics.interpolation import mean_between, normal_between, precision_between
from kldiv._numerics.linalg import cholesky_difference, identity_like, low_rank_factor, low_rank_gap, low_rank_solve
from kldiv.domains import VECTORS, LowerTriangular, LowRankFactor, PositiveDefinite, PositiveVector, RealVector


def _solve_vector(xp: Namespace, factor: Array, x: Array) -> Array:
    return xp.solve_triangular(factor, x[..., None])[..., 0]


def _multiply_vector(xp: Namespace, matrix: Array, x: Array) -> Array:
    return xp.matmul(matrix, x[..., None])[..., 0]


def _log_density(xp: Namespace, z: Array, diagonal: Array) -> Array:
    return -xp.sum(0.5 * z * z + xp.log(diagonal) + 0.5 * log(2 * pi), axis=-1)


@declare.family(VECTORS)
class MultivariateNormal(NamedTuple):
    """The multivariate normal distribution with mean `loc` and `covariance_matrix`.

    Density over vectors of d coordinates, with S = covariance_matrix::

        p(x) = exp(-(x - loc)' S^-1 (x - loc) / 2) / sqrt(det(2 pi S))

    Parameters
    ----------
    loc : real vector
        Mean, ``mean`` in SciPy.
    covariance_matrix : positive definite matrix
        Covariance matrix, ``cov`` in SciPy.

    Notes
    -----
    With m the mean and S the covariance matrix::

        KL(P || Q) = [tr(S_q^-1 S_p) - d - log det(S_q^-1 S_p) + (m_p - m_q)' S_q^-1 (m_p - m_q)] / 2

    Source: statproofbook.github.io/P/mvn-kl.

    The same distribution elsewhere: ``scipy.stats.multivariate_normal(mean=loc, cov=covariance_matrix)``,
    ``torch.distributions.MultivariateNormal(loc, covariance_matrix)``,
    ``tfp.distributions.MultivariateNormalFullCovariance(loc, covariance_matrix)``.

    Examples
    --------
    >>> import kldiv
    >>> p = kldiv.MultivariateNormal(loc=[0.0, 0.0], covariance_matrix=[[1.0, 0.0], [0.0, 1.0]])
    >>> q = kldiv.MultivariateNormal(loc=[0.5, 0.5], covariance_matrix=[[1.0, 0.5], [0.5, 1.0]])
    >>> round(float(kldiv.kl_divergence(p, q)), 12)
    0.356158963774
    """

    loc: Annotated[Array, RealVector]
    covariance_matrix: Annotated[Array, PositiveDefinite]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at the vectors `x`."""
        factor = xp.cholesky(self.covariance_matrix)
        return _log_density(xp, _solve_vector(xp, factor, x - self.loc), xp.diagonal(factor))


@declare.family(VECTORS)
class MultivariateNormalTriL(NamedTuple):
    """The multivariate normal distribution with mean `loc` and covariance matrix L L', with L = `scale_tril`.

    Density over vectors of d coordinates, with L = scale_tril::

        p(x) = exp(-|L^-1 (x - loc)|^2 / 2) / ((2 pi)^(d / 2) det(L))

    Parameters
    ----------
    loc : real vector
        Mean, ``mean`` in SciPy.
    scale_tril : lower triangular matrix, positive on the diagonal
        Cholesky factor of the covariance matrix.

    Notes
    -----
    With X = L_q^-1 (L_p - L_q) and z = L_q^-1 (m_p - m_q)::

        KL(P || Q) = sum_i [X_ii - log(1 + X_ii)] + |X|^2 / 2 + |z|^2 / 2

    Source: statproofbook.github.io/P/mvn-kl, with S = L L' for both.

    The same distribution elsewhere: ``scipy.stats.multivariate_normal(mean=loc,
    cov=scipy.stats.Covariance.from_cholesky(scale_tril))``, ``torch.distributions.MultivariateNormal(loc,
    scale_tril=scale_tril)``, ``tfp.distributions.MultivariateNormalTriL(loc, scale_tril)``.

    Examples
    --------
    >>> import kldiv
    >>> p = kldiv.MultivariateNormalTriL(loc=[3.0, 4.0], scale_tril=[[1.0, 0.0], [0.5, 1.0]])
    >>> float(kldiv.kl_divergence(p, p))
    0.0
    """

    loc: Annotated[Array, RealVector]
    scale_tril: Annotated[Array, LowerTriangular]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at the vectors `x`."""
        return _log_density(xp, _solve_vector(xp, self.scale_tril, x - self.loc), xp.diagonal(self.scale_tril))


@declare.family(VECTORS)
class MultivariateNormalPrecision(NamedTuple):
    """The multivariate normal distribution with mean `loc` and covariance matrix the inverse of `precision_matrix`.

    Density over vectors of d coordinates, with R = precision_matrix::

        p(x) = exp(-(x - loc)' R (x - loc) / 2) sqrt(det(R / (2 pi)))

    Parameters
    ----------
    loc : real vector
        Mean, ``mean`` in SciPy.
    precision_matrix : positive definite matrix
        Inverse of the covariance matrix.

    Notes
    -----
    With m the mean and R the precision matrix::

        KL(P || Q) = [tr(R_p^-1 R_q) - d - log det(R_p^-1 R_q) + (m_p - m_q)' R_q (m_p - m_q)] / 2

    Source: statproofbook.github.io/P/mvn-kl, with S = R^-1 for both.

    The same distribution elsewhere: ``scipy.stats.multivariate_normal(mean=loc,
    cov=scipy.stats.Covariance.from_precision(precision_matrix))``, ``torch.distributions.MultivariateNormal(loc,
    precision_matrix=precision_matrix)``.

    Examples
    --------
    >>> import kldiv
    >>> p = kldiv.MultivariateNormalPrecision(loc=[1.0, 0.0], precision_matrix=[[4.0, 0.0], [0.0, 1.0]])
    >>> q = kldiv.MultivariateNormalPrecision(loc=[0.0, 0.0], precision_matrix=[[4.0, 0.0], [0.0, 1.0]])
    >>> float(kldiv.kl_divergence(p, q))
    2.0
    """

    loc: Annotated[Array, RealVector]
    precision_matrix: Annotated[Array, PositiveDefinite]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at the vectors `x`."""
        factor = xp.cholesky(self.precision_matrix)
        z = _multiply_vector(xp, xp.matrix_transpose(factor), x - self.loc)
        return _log_density(xp, z, 1 / xp.diagonal(factor))


@declare.family(VECTORS)
class MultivariateNormalDiag(NamedTuple):
    """The multivariate normal distribution with mean `loc` and uncorrelated components of deviations `scale_diag`.

    Density over vectors x, with z = (x - loc) / scale_diag::

        p(x) = prod_i exp(-z_i^2 / 2) / (scale_diag[i] sqrt(2 pi))

    Parameters
    ----------
    loc : real vector
        Mean, ``mean`` in SciPy.
    scale_diag : positive vector
        Standard deviations of the components.

    Notes
    -----
    With r = s_p / s_q and z = (m_p - m_q) / s_q, for mean m and deviations s::

        KL(P || Q) = sum_i ([r_i - 1 - log r_i] + (r_i - 1)^2 / 2 + z_i^2 / 2)

    Source: statproofbook.github.io/P/mvn-kl, at diagonal S.

    The same distribution elsewhere: ``scipy.stats.multivariate_normal(mean=loc,
    cov=scipy.stats.Covariance.from_diagonal(scale_diag**2))``, ``tfp.distributions.MultivariateNormalDiag(loc,
    scale_diag)``.

    Examples
    --------
    >>> import kldiv
    >>> p = kldiv.MultivariateNormalDiag(loc=[1.0, 4.0], scale_diag=[1.0, 1.0])
    >>> q = kldiv.MultivariateNormalDiag(loc=[-3.0, 2.0], scale_diag=[2.5, 2.5])
    >>> round(float(kldiv.kl_divergence(p, q)), 12)
    2.592581463748
    """

    loc: Annotated[Array, RealVector]
    scale_diag: Annotated[Array, PositiveVector]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at the vectors `x`."""
        return _log_density(xp, (x - self.loc) / self.scale_diag, self.scale_diag)


@declare.family(VECTORS)
class MultivariateNormalLowRank(NamedTuple):
    """The multivariate normal distribution with covariance matrix F F' + diag(`cov_diag`), with F = `cov_factor`.

    Density over vectors of d coordinates, with S = F F' + diag(cov_diag) and F = cov_factor::

        p(x) = exp(-(x - loc)' S^-1 (x - loc) / 2) / sqrt(det(2 pi S))

    Parameters
    ----------
    loc : real vector
        Mean, ``mean`` in SciPy.
    cov_factor : real matrix
        The matrix F of d rows, ``cov_perturb_factor`` in TFP.
    cov_diag : positive vector
        Variances that are added to the diagonal of F F', ``cov_diag_factor`` in TFP.

    Notes
    -----
    With m the mean and S the covariance matrix::

        KL(P || Q) = [tr(S_q^-1 S_p) - d - log det(S_q^-1 S_p) + (m_p - m_q)' S_q^-1 (m_p - m_q)] / 2

    Source: statproofbook.github.io/P/mvn-kl.

    The same distribution elsewhere: ``scipy.stats.multivariate_normal(mean=loc, cov=cov_factor @ cov_factor.T +
    np.diag(cov_diag))``, ``torch.distributions.LowRankMultivariateNormal(loc, cov_factor, cov_diag)``,
    ``tfp.distributions.MultivariateNormalDiagPlusLowRankCovariance(loc, cov_diag, cov_factor)``.

    Examples
    --------
    >>> import kldiv
    >>> p = kldiv.MultivariateNormalLowRank(loc=[0.0, 0.0], cov_factor=[[1.0], [1.0]], cov_diag=[1.0, 1.0])
    >>> q = kldiv.MultivariateNormalDiag(loc=[0.0, 0.0], scale_diag=[1.0, 1.0])
    >>> round(float(kldiv.kl_divergence(p, q)), 12)
    0.450693855666
    """

    loc: Annotated[Array, RealVector]
    cov_factor: Annotated[Array, LowRankFactor]
    cov_diag: Annotated[Array, PositiveVector]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at the vectors `x`."""
        factor = low_rank_factor(xp, self.cov_factor, self.cov_diag)
        return _log_density(xp, _solve_vector(xp, factor, x - self.loc), xp.diagonal(factor))


def _sum_of_gaps(xp: Namespace, x: Array, diagonal: Array, factor_p: Array, factor_q: Array, z: Array) -> Array:
    """sum_i (X_ii - log(1 + X_ii)) + |X|^2 / 2 + |z|^2 / 2; 1 + X_ii is the quotient of the factors' diagonals."""
    gaps = log1p_gap(xp, diagonal, (xp.diagonal(factor_p), xp.diagonal(factor_q)))
    return xp.sum(gaps + 0.5 * xp.sum(x * x, axis=-1) + 0.5 * z * z, axis=-1)


@declare.sampler(MultivariateNormalTriL)
def sample_multivariate_normal_tril(xp: Namespace, draw: SamplingContext, loc: Array, scale_tril: Array) -> Array:
    """Return loc + L z, with z standard normal."""
    return loc + _multiply_vector(xp, scale_tril, draw.normal(loc, axes=1))


@declare.sampler(MultivariateNormal)
def sample_multivariate_normal(xp: Namespace, draw: SamplingContext, loc: Array, covariance_matrix: Array) -> Array:
    """Return loc + L z, with z standard normal and L the Cholesky factor of the covariance matrix."""
    return sample_multivariate_normal_tril(xp, draw, loc, xp.cholesky(covariance_matrix))


@declare.sampler(MultivariateNormalDiag)
def sample_multivariate_normal_diag(xp: Namespace, draw: SamplingContext, loc: Array, scale_diag: Array) -> Array:
    """Return loc + s z, with z standard normal."""
    return loc + scale_diag * draw.normal(loc, axes=1)


@declare.formula(MultivariateNormalTriL, MultivariateNormalTriL)
def kl_multivariate_normal_tril_multivariate_normal_tril(
    xp: Namespace, loc_p: Array, tril_p: Array, loc_q: Array, tril_q: Array
) -> Array:
    """sum_i [X_ii - log(1 + X_ii)] + |X|^2 / 2 + |z|^2 / 2, with X = L_q^-1 (L_p - L_q) and z = L_q^-1 (m_p - m_q).

    Source: statproofbook.github.io/P/mvn-kl, with S = L L' for both
    """
    difference = xp.tril(tril_p - tril_q)
    x = xp.solve_triangular(tril_q, difference)
    z = _solve_vector(xp, tril_q, loc_p - loc_q)
    diagonal = xp.divide(xp.diagonal(difference), xp.diagonal(tril_q))
    return _sum_of_gaps(xp, x, diagonal, tril_p, tril_q, z)


@declare.formula(MultivariateNormal, MultivariateNormal)
def kl_multivariate_normal_multivariate_normal(
    xp: Namespace, loc_p: Array, covariance_p: Array, loc_q: Array, covariance_q: Array
) -> Array:
    """[tr(S_q^-1 S_p) - d - log det(S_q^-1 S_p) + (m_p - m_q)' S_q^-1 (m_p - m_q)] / 2.

    Computed from the Cholesky factors of S_p and S_q, corrected by the difference S_p - S_q.

    Source: statproofbook.github.io/P/mvn-kl
    """
    factor_p, factor_q = xp.cholesky(covariance_p), xp.cholesky(covariance_q)
    x = cholesky_difference(xp, covariance_p, covariance_q, factor_p, factor_q)
    z = _solve_vector(xp, factor_q, loc_p - loc_q)
    return _sum_of_gaps(xp, x, xp.diagonal(x), factor_p, factor_q, z)


@declare.formula(MultivariateNormalPrecision, MultivariateNormalPrecision)
def kl_multivariate_normal_precision_multivariate_normal_precision(
    xp: Namespace, loc_p: Array, precision_p: Array, loc_q: Array, precision_q: Array
) -> Array:
    """[tr(R_p^-1 R_q) - d - log det(R_p^-1 R_q) + (m_p - m_q)' R_q (m_p - m_q)] / 2, with R the precision matrices.

    Source: statproofbook.github.io/P/mvn-kl, with S = R^-1 for both
    """
    factor_p, factor_q = xp.cholesky(precision_p), xp.cholesky(precision_q)
    x = cholesky_difference(xp, precision_q, precision_p, factor_q, factor_p)
    z = _multiply_vector(xp, xp.matrix_transpose(factor_q), loc_p - loc_q)
    return _sum_of_gaps(xp, x, xp.diagonal(x), factor_q, factor_p, z)


@declare.formula(MultivariateNormalDiag, MultivariateNormalDiag)
def kl_multivariate_normal_diag_multivariate_normal_diag(
    xp: Namespace, loc_p: Array, scale_p: Array, loc_q: Array, scale_q: Array
) -> Array:
    """sum_i ([r_i - 1 - log r_i] + (r_i - 1)^2 / 2 + z_i^2 / 2), with r = s_p / s_q and z = (m_p - m_q) / s_q.

    Source: statproofbook.github.io/P/mvn-kl, at diagonal S
    """
    d, z = xp.divide(scale_p - scale_q, scale_q), xp.divide(loc_p - loc_q, scale_q)
    return xp.sum(relative_gap(xp, scale_p, scale_q) + 0.5 * (d * d + z * z), axis=-1)


@declare.formula(MultivariateNormalLowRank, MultivariateNormalLowRank)
def kl_multivariate_normal_low_rank_multivariate_normal_low_rank(
    xp: Namespace, loc_p: Array, factor_p: Array, diag_p: Array, loc_q: Array, factor_q: Array, diag_q: Array
) -> Array:
    """[tr(S_q^-1 S_p) - d - log det(S_q^-1 S_p) + (m_p - m_q)' S_q^-1 (m_p - m_q)] / 2, with S = F F' + diag(d).

    Source: statproofbook.github.io/P/mvn-kl
    """
    return low_rank_gap(xp, factor_p, diag_p, factor_q, diag_q, loc_p - loc_q)


@declare.formula(MultivariateNormalTriL, MultivariateNormalLowRank)
def kl_multivariate_normal_tril_multivariate_normal_low_rank(
    xp: Namespace, loc_p: Array, tril_p: Array, loc_q: Array, factor_q: Array, diag_q: Array
) -> Array:
    """sum_i [X_ii - log(1 + X_ii)] + |X|^2 / 2 + |z|^2 / 2, with I + X = L_q^-1 L_p and z = L_q^-1 (m_p - m_q).

    Source: statproofbook.github.io/P/mvn-kl, with S = L L' for both
    """
    y = low_rank_solve(xp, factor_q, diag_q, xp.tril(tril_p))
    x = xp.tril(y) - identity_like(xp, y)
    z = low_rank_solve(xp, factor_q, diag_q, (loc_p - loc_q)[..., None])[..., 0]
    gaps = log1p_gap(xp, xp.diagonal(x), (xp.diagonal(y), xp.ones_like(xp.diagonal(y))))
    return xp.sum(gaps + 0.5 * xp.sum(x * x, axis=-1) + 0.5 * z * z, axis=-1)


@declare.conversion(MultivariateNormal, MultivariateNormalTriL)
def multivariate_normal_as_tril(xp: Namespace, loc: Array, covariance_matrix: Array) -> MultivariateNormalTriL:
    """The Cholesky factor of the covariance matrix."""
    return MultivariateNormalTriL(loc, xp.cholesky(covariance_matrix))


@declare.conversion(MultivariateNormalPrecision, MultivariateNormalTriL)
def multivariate_normal_precision_as_tril(xp: Namespace, loc: Array, precision_matrix: Array) -> MultivariateNormalTriL:
    """With J the reversal of the axes and J R J = C C', the covariance matrix R^-1 is L L' for L = J C'^-1 J."""
    factor = xp.cholesky(xp.flip(precision_matrix, axis=(-2, -1)))
    inverse = xp.solve_triangular(factor, identity_like(xp, precision_matrix))
    return MultivariateNormalTriL(loc, xp.flip(xp.matrix_transpose(inverse), axis=(-2, -1)))


@declare.conversion(MultivariateNormalDiag, MultivariateNormalTriL)
def multivariate_normal_diag_as_tril(xp: Namespace, loc: Array, scale_diag: Array) -> MultivariateNormalTriL:
    """A diagonal matrix is triangular."""
    rows = scale_diag[..., None]
    return MultivariateNormalTriL(loc, rows * identity_like(xp, rows * scale_diag[..., None, :]))


@declare.conversion(MultivariateNormalLowRank, MultivariateNormalTriL)
def multivariate_normal_low_rank_as_tril(
    xp: Namespace, loc: Array, cov_factor: Array, cov_diag: Array
) -> MultivariateNormalTriL:
    """The Cholesky factor of F F' + diag(d), where a small diagonal is not lost in the sum."""
    return MultivariateNormalTriL(loc, low_rank_factor(xp, cov_factor, cov_diag))


@declare.interpolation(MultivariateNormalDiag, location="loc")
def between_diagonal_normals(
    xp: Namespace, t: Array, loc_p: Array, scale_p: Array, loc_q: Array, scale_q: Array
) -> MultivariateNormalDiag:
    """1 / scale^2 and loc / scale^2 are natural."""
    return MultivariateNormalDiag(*normal_between(xp, t[..., None], loc_p, scale_p, loc_q, scale_q))


@declare.interpolation(MultivariateNormalTriL, location="loc")
def between_normals_of_factors(
    xp: Namespace, t: Array, loc_p: Array, tril_p: Array, loc_q: Array, tril_q: Array
) -> MultivariateNormalTriL:
    """The precision matrix, and its product with loc, are natural."""
    tril = precision_between(xp, t, tril_p, tril_q)
    return MultivariateNormalTriL(loc_p + mean_between(xp, t, loc_q - loc_p, tril, tril_q), tril)


@declare.interpolation(MultivariateNormal, location="loc")
def between_normals(
    xp: Namespace, t: Array, loc_p: Array, cov_p: Array, loc_q: Array, cov_q: Array
) -> MultivariateNormal:
    """The precision matrix, and its product with loc, are natural."""
    factor_q = xp.cholesky(cov_q)
    factor = precision_between(xp, t, xp.cholesky(cov_p), factor_q)
    loc = loc_p + mean_between(xp, t, loc_q - loc_p, factor, factor_q)
    return MultivariateNormal(loc, xp.matmul(factor, xp.matrix_transpose(factor)))
