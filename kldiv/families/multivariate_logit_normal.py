"""The logit-normal distribution on the simplex."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv.domains import LowerTriangular, RealVector, Support
from kldiv.families.multivariate_normal import MultivariateNormalTriL


@declare.family(Support("simplex", axes=("d+1",)))
class MultivariateLogitNormal(NamedTuple):
    """The logit-normal distribution: y = log(x_i / x_last) is normal with mean `loc` and covariance matrix L L'.

    An outcome has one coordinate more than `loc`, and its density is that of all but the last.

    Density, for x on the simplex of d + 1 coordinates, with y_i = log(x_i / x_last) and L = scale_tril::

        p(x) = exp(-|L^-1 (y - loc)|^2 / 2) / ((2 pi)^(d / 2) det(L) prod_i x_i)

    Parameters
    ----------
    loc : real vector
        Mean of y.
    scale_tril : lower triangular matrix, positive on the diagonal
        Cholesky factor L of the covariance matrix of y.

    Notes
    -----
    The divergence is that of the normal distributions of y::

        KL(P || Q) = KL(MultivariateNormalTriL(loc_p, L_p) || MultivariateNormalTriL(loc_q, L_q))

    Examples
    --------
    >>> import kldiv
    >>> p = kldiv.MultivariateLogitNormal(loc=[0.0, 1.0], scale_tril=[[1.0, 0.0], [0.0, 1.0]])
    >>> q = kldiv.MultivariateLogitNormal(loc=[0.0, 0.0], scale_tril=[[1.0, 0.0], [0.0, 1.0]])
    >>> float(kldiv.kl_divergence(p, q))
    0.5
    """

    loc: Annotated[Array, RealVector]
    scale_tril: Annotated[Array, LowerTriangular]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at the vectors `x`, whose coordinates sum to 1."""
        logs = xp.log(x)
        y = logs[..., :-1] - logs[..., -1:]
        return MultivariateNormalTriL(self.loc, self.scale_tril).log_density(y) - xp.sum(logs, axis=-1)


@declare.conversion(MultivariateLogitNormal, MultivariateNormalTriL, shared="softmax")
def multivariate_logit_normal_as_softmax(xp: Namespace, loc: Array, scale_tril: Array) -> MultivariateNormalTriL:
    """The logarithms of the coordinates over the last one are normal."""
    return MultivariateNormalTriL(loc, scale_tril)
