"""The Wishart distribution and its inverse."""

from math import log
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext, bounded_exp
from kldiv._numerics.interpolation import precision_between
from kldiv._numerics.linalg import identity_like, index_like, squares
from kldiv._numerics.wishart import log_multigamma, wishart_gap
from kldiv.domains import POSITIVE_DEFINITE, DegreesOfFreedom, LowerTriangular


@declare.family(POSITIVE_DEFINITE)
class Wishart(NamedTuple):
    """The Wishart distribution with `df` degrees of freedom and mean df L L', with L = `scale_tril`.

    Density over positive definite d by d matrices X, with n = df, V = L L' and L = scale_tril::

        p(X) = det(X)^((n - d - 1) / 2) exp(-tr(V^-1 X) / 2) / (2^(n d / 2) det(V)^(n / 2) Gamma_d(n / 2))

    Parameters
    ----------
    df : above d - 1
        Degrees of freedom, for d by d matrices.
    scale_tril : lower triangular matrix, positive on the diagonal
        Cholesky factor L of the scale V, which is ``scale`` in SciPy.

    Notes
    -----
    With R = n_p V_p (n_q V_q)^-1, a_i = (n - i) / 2 for i = 0, ..., d - 1, D(y, x) = y log(y / x) - y + x, and B the
    remainder of lgamma(a) - a log a + a over its tangent::

        KL(P || Q) = n_q (tr R - d - log det R) / 2 + sum_i [B(a_q_i; a_p_i) + D(a_q_i, a_p_i) - D(n_q / 2, n_p / 2)]

    Source: statproofbook.github.io/P/wish-kl.

    The same distribution elsewhere: ``scipy.stats.wishart(df=df, scale=scale_tril @ scale_tril.T)``,
    ``torch.distributions.Wishart(df, scale_tril=scale_tril)``, ``tfp.distributions.WishartTriL(df, scale_tril)``.

    Examples
    --------
    >>> import kldiv
    >>> one = [[1.0, 0.0], [0.0, 1.0]]
    >>> round(float(kldiv.kl_divergence(kldiv.Wishart(3.0, one), kldiv.Wishart(4.0, one))), 12)
    0.270362845461
    """

    df: Annotated[Array, DegreesOfFreedom]
    scale_tril: Annotated[Array, LowerTriangular]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at the matrices `x`."""
        factor = xp.cholesky(x)
        return wishart_log_density(xp, self.df, self.scale_tril, factor)


@declare.family(POSITIVE_DEFINITE)
class InverseWishart(NamedTuple):
    """The inverse Wishart distribution with `df` degrees of freedom and mean L L' / (df - d - 1), L = `scale_tril`.

    Density over positive definite d by d matrices X, with n = df, S = L L' and L = scale_tril::

        p(X) = det(S)^(n / 2) det(X)^(-(n + d + 1) / 2) exp(-tr(S X^-1) / 2) / (2^(n d / 2) Gamma_d(n / 2))

    Parameters
    ----------
    df : above d - 1
        Degrees of freedom, for d by d matrices.
    scale_tril : lower triangular matrix, positive on the diagonal
        Cholesky factor L of the scale S, which is ``scale`` in SciPy.

    Notes
    -----
    The divergence is that of the Wishart distributions of the inverses, with scales S^-1::

        KL(P || Q) = KL(Wishart(n_p, S_p^-1) || Wishart(n_q, S_q^-1))

    Source: statproofbook.github.io/P/wish-kl, with V = S^-1.

    The same distribution elsewhere: ``scipy.stats.invwishart(df=df, scale=scale_tril @ scale_tril.T)``.

    Examples
    --------
    >>> import kldiv
    >>> one, two = [[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.0], [0.0, 2.0]]
    >>> round(float(kldiv.kl_divergence(kldiv.InverseWishart(3.0, one), kldiv.InverseWishart(3.0, two))), 12)
    4.84111691664
    """

    df: Annotated[Array, DegreesOfFreedom]
    scale_tril: Annotated[Array, LowerTriangular]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at the matrices `x`."""
        factor = xp.cholesky(x)
        return inverse_wishart_log_density(xp, self.df, self.scale_tril, factor)


def bartlett_factor(xp: Namespace, draw: SamplingContext, df: Array, like: Array) -> Array:
    """Return lower triangular A, where A A' is a Wishart matrix of scale 1: normal, the diagonal of chi variables.

    Source: Bartlett's decomposition, Smith and Hocking, Applied Statistics 21 (1972)
    """
    index = index_like(xp, xp.diagonal(like))
    half = 0.5 * (df[..., None] - index)
    diagonal = bounded_exp(xp, 0.5 * (draw.log_gamma(xp, half, axes=1) + log(2)))
    return xp.tril(draw.normal(like, axes=2), k=-1) + diagonal[..., None] * identity_like(xp, like)


@declare.sampler(Wishart)
def sample_wishart(xp: Namespace, draw: SamplingContext, df: Array, scale_tril: Array) -> Array:
    """Return L A A' L'."""
    factor = xp.matmul(scale_tril, bartlett_factor(xp, draw, df, scale_tril))
    return xp.matmul(factor, xp.matrix_transpose(factor))


def inverse_wishart_factor(xp: Namespace, draw: SamplingContext, df: Array, scale_tril: Array) -> Array:
    """Return M = L A'^-1, where M M' is an inverse Wishart matrix."""
    solved = xp.solve_triangular(bartlett_factor(xp, draw, df, scale_tril), xp.matrix_transpose(scale_tril))
    return xp.matrix_transpose(solved)


@declare.sampler(InverseWishart)
def sample_inverse_wishart(xp: Namespace, draw: SamplingContext, df: Array, scale_tril: Array) -> Array:
    """Return the inverse of a Wishart matrix."""
    factor = inverse_wishart_factor(xp, draw, df, scale_tril)
    return xp.matmul(factor, xp.matrix_transpose(factor))


def _log_volume(xp: Namespace, power: Array, diagonal: Array) -> Array:
    """The logarithm of the determinant of L L' to a power, from the diagonal of L."""
    return 2 * power * xp.sum(xp.log(diagonal), axis=-1)


def _log_normalizer(xp: Namespace, df: Array, diagonal: Array) -> Array:
    constant = xp.sum(0.5 * log(2) * df[..., None] * xp.ones_like(diagonal), axis=-1)
    return constant + log_multigamma(xp, 0.5 * df, diagonal)


def wishart_log_density(xp: Namespace, df: Array, tril: Array, factor: Array) -> Array:
    """Return the log density at X = K K', with K = `factor`."""
    diagonal = xp.diagonal(factor)
    power = 0.5 * (df - xp.sum(xp.ones_like(diagonal), axis=-1) - 1)
    logs = _log_volume(xp, power, diagonal) - _log_volume(xp, 0.5 * df, xp.diagonal(tril))
    trace = squares(xp, xp.solve_triangular(tril, factor))
    return logs - 0.5 * trace - _log_normalizer(xp, df, xp.diagonal(tril))


def inverse_wishart_log_density(xp: Namespace, df: Array, tril: Array, factor: Array) -> Array:
    """Return the log density at X = K K', with K = `factor`."""
    diagonal = xp.diagonal(factor)
    power = 0.5 * (df + xp.sum(xp.ones_like(diagonal), axis=-1) + 1)
    logs = _log_volume(xp, 0.5 * df, xp.diagonal(tril)) - _log_volume(xp, power, diagonal)
    trace = squares(xp, xp.solve_triangular(factor, tril))
    return logs - 0.5 * trace - _log_normalizer(xp, df, xp.diagonal(tril))


@declare.formula(Wishart, Wishart)
def kl_wishart_wishart(xp: Namespace, df_p: Array, tril_p: Array, df_q: Array, tril_q: Array) -> Array:
    """[n_q (tr R - d - log det R)] / 2 + sum_i [B(a_q_i; a_p_i) + D(a_q_i, a_p_i) - D(n_q / 2, n_p / 2)].

    Here R = n_p V_p (n_q V_q)^-1 compares the means, a_i = (n - i) / 2 for i = 0, ..., d - 1, D(y, x) is
    y log(y / x) - y + x, and B is the remainder of lgamma(a) - a log a + a over its tangent.

    Source: statproofbook.github.io/P/wish-kl
    """
    x = xp.solve_triangular(tril_q, tril_p - tril_q)
    return wishart_gap(xp, df_p, df_q, x, xp.diagonal(tril_p), xp.diagonal(tril_q))


@declare.formula(InverseWishart, InverseWishart)
def kl_inverse_wishart_inverse_wishart(xp: Namespace, df_p: Array, tril_p: Array, df_q: Array, tril_q: Array) -> Array:
    """[n_q (tr R - d - log det R)] / 2 + sum_i [B(a_q_i; a_p_i) + D(a_q_i, a_p_i) - D(n_q / 2, n_p / 2)].

    Here R = n_p S_q (n_q S_p)^-1 with S = L L'; the rest is as for the Wishart distributions of the inverses.

    Source: statproofbook.github.io/P/wish-kl, with V = S^-1
    """
    x = xp.solve_triangular(tril_p, tril_q - tril_p)
    return wishart_gap(xp, df_p, df_q, x, xp.diagonal(tril_q), xp.diagonal(tril_p))


@declare.interpolation(Wishart)
def between_wisharts(xp: Namespace, t: Array, df_p: Array, tril_p: Array, df_q: Array, tril_q: Array) -> Wishart:
    """df and the inverse of the scale matrix are natural."""
    return Wishart(df_p + t * (df_q - df_p), precision_between(xp, t, tril_p, tril_q))
