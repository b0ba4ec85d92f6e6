"""The Dirichlet distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext, positive_softmax
from kldiv._numerics.dirichlet import dirichlet_gap
from kldiv._numerics.interpolation import linear
from kldiv.domains import SIMPLEX, PositiveClasses
from kldiv.families.beta import Beta


@declare.family(SIMPLEX)
class Dirichlet(NamedTuple):
    """The Dirichlet distribution with `concentration` along the last axis.

    An outcome is a vector of as many coordinates, which sum to 1, and its density is that of all but the last. With two
    coordinates the first has a `Beta` distribution, and the two families can be compared.

    Density, for x on the simplex, with a = concentration::

        p(x) = Gamma(sum_k a_k) prod_k x_k^(a_k - 1) / Gamma(a_k)

    Parameters
    ----------
    concentration : positive vector
        Shapes of the coordinates, ``alpha`` in SciPy.

    Notes
    -----
    With A = sum a, the means m = a / A, and B(y; x) = H(y) - H(x) - H'(x) (y - x) for H(a) = lgamma(a) - a log a + a::

        KL(P || Q) = A_q sum_k m_q_k log(m_q_k / m_p_k) + sum_k B(a_q_k; a_p_k) - B(A_q; A_p)

    Source: statproofbook.github.io/P/dir-kl.

    The same distribution elsewhere: ``scipy.stats.dirichlet(alpha=concentration)``,
    ``torch.distributions.Dirichlet(concentration)``, ``tfp.distributions.Dirichlet(concentration)``.

    Examples
    --------
    >>> import kldiv
    >>> p, q = kldiv.Dirichlet([1.0, 1.0, 1.0]), kldiv.Dirichlet([2.0, 1.0, 1.0])
    >>> round(float(kldiv.kl_divergence(p, q)), 12)
    0.401387711332
    """

    concentration: Annotated[Array, PositiveClasses]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at the vectors `x`."""
        a = self.concentration
        return xp.gammaln(xp.sum(a, axis=-1)) + xp.sum(xp.xlogy(a - 1, x) - xp.gammaln(a), axis=-1)


@declare.sampler(Dirichlet)
def sample_dirichlet(xp: Namespace, draw: SamplingContext, concentration: Array) -> Array:
    """Return the shares of gamma variables in their sum."""
    return positive_softmax(xp, draw.log_gamma(xp, concentration, axes=1))


@declare.formula(Dirichlet, Dirichlet)
def kl_dirichlet_dirichlet(xp: Namespace, concentration_p: Array, concentration_q: Array) -> Array:
    """A_q KL_cat(m_q || m_p) + sum_k B(a_q_k; a_p_k) - B(A_q; A_p), with A = sum a and the means m = a / A.

    Here B is the remainder of H(a) = lgamma(a) - a log a + a over its tangent, B(y; x) = H(y) - H(x) - H'(x) (y - x).

    Source: statproofbook.github.io/P/dir-kl
    """
    return dirichlet_gap(xp, concentration_p, concentration_q)


@declare.conversion(Beta, Dirichlet)
def beta_as_dirichlet(xp: Namespace, concentration1: Array, concentration0: Array) -> Dirichlet:
    """The vector (x, 1 - x)."""
    first, second = (xp.asarray_like(unit, concentration1, concentration1.dtype) for unit in ([1.0, 0.0], [0.0, 1.0]))
    return Dirichlet(concentration1[..., None] * first + concentration0[..., None] * second)


@declare.interpolation(Dirichlet)
def between_dirichlets(xp: Namespace, t: Array, a_p: Array, a_q: Array) -> Dirichlet:
    """The parameters are natural."""
    return Dirichlet(linear(xp, t[..., None], a_p, a_q))
