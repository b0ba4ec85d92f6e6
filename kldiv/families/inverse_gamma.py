"""The inverse gamma distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._numerics.gamma import log_power_exp, power_of_gamma
from kldiv.domains import POSITIVE, Positive
from kldiv.families.gamma import Gamma


@declare.family(POSITIVE)
class InverseGamma(NamedTuple):
    """The distribution of 1 / y, where y is gamma with shape `concentration` and `rate`.

    Density, for x > 0, with a = concentration::

        p(x) = rate^a x^(-a - 1) exp(-rate / x) / Gamma(a)

    Parameters
    ----------
    concentration : positive
        Shape, ``a`` in SciPy.
    rate : positive
        Rate of 1 / x, ``scale`` in SciPy and TFP.

    Notes
    -----
    The divergence is that of the gamma distributions of y, with a and b the concentration and the rate::

        KL(P || Q) = KL(Gamma(a_p, b_p) || Gamma(a_q, b_q))

    The same distribution elsewhere: ``scipy.stats.invgamma(a=concentration, scale=rate)``,
    ``torch.distributions.InverseGamma(concentration, rate)``, ``tfp.distributions.InverseGamma(concentration,
    scale=rate)``.

    Examples
    --------
    >>> import kldiv
    >>> round(float(kldiv.kl_divergence(kldiv.InverseGamma(2.0, 1.0), kldiv.InverseGamma(3.0, 2.0))), 12)
    0.190921303782
    """

    concentration: Annotated[Array, Positive]
    rate: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        a, b = self
        z = b / x
        return log_power_exp(xp, a + 1, z, z) - xp.log(b) - xp.gammaln(a)


@declare.conversion(InverseGamma, Gamma, shared="the reciprocal")
def inverse_gamma_as_reciprocal_of_gamma(xp: Namespace, concentration: Array, rate: Array) -> Gamma:
    """The parameters are the same."""
    return Gamma(concentration, rate)


declare.expectations(InverseGamma, **power_of_gamma(lambda xp, a, b: (b, -a, -xp.ones_like(a))))


@declare.cross_entropy(InverseGamma, "log", "reciprocal")
def cross_entropy_inverse_gamma(xp: Namespace, e: Expectations, a: Array, b: Array) -> Array:
    """lgamma(a) - a log b + (a + 1) E log x + b E 1/x - H(P).

    Source: the definition
    """
    return xp.gammaln(a) - a * xp.log(b) + (a + 1) * e("log") + b * e("reciprocal")
