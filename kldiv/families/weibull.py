"""The Weibull distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext, bounded_exp
from kldiv._numerics.gamma import weibull_gap
from kldiv.domains import POSITIVE, Positive
from kldiv.families.generalized_gamma import GeneralizedGamma


@declare.family(POSITIVE)
class Weibull(NamedTuple):
    """The Weibull distribution: (x / scale)^concentration is exponential with mean 1.

    Density, for x > 0, with s = scale and k = concentration::

        p(x) = (k / s) (x / s)^(k - 1) exp(-(x / s)^k)

    Parameters
    ----------
    scale : positive
        Scale of x.
    concentration : positive
        Shape, ``c`` in SciPy.

    Notes
    -----
    With r = k_q / k_p, and g Euler's constant::

        KL(P || Q) = log(k_p / k_q) + k_q log(s_q / s_p) + (r - 1) g + (s_p / s_q)^k_q Gamma(1 + r) - 1

    Source: arXiv:1401.6853, at d = p = k.

    The same distribution elsewhere: ``scipy.stats.weibull_min(c=concentration, scale=scale)``,
    ``torch.distributions.Weibull(scale, concentration)``, ``tfp.distributions.Weibull(concentration, scale)``.

    Examples
    --------
    >>> import kldiv
    >>> round(float(kldiv.kl_divergence(kldiv.Weibull(1.0, 1.0), kldiv.Weibull(1.0, 2.0))), 12)
    0.884068484342
    """

    scale: Annotated[Array, Positive]
    concentration: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        s, k = self
        z = x / s
        return xp.log(k) - xp.log(s) + xp.xlogy(k - 1, z) - z**k


@declare.sampler(Weibull)
def sample_weibull(xp: Namespace, draw: SamplingContext, scale: Array, concentration: Array) -> Array:
    """Return scale (-log(u))^(1 / concentration)."""
    return scale * bounded_exp(xp, xp.log(-xp.log(draw.uniform(scale))) / concentration)


@declare.formula(Weibull, Weibull)
def kl_weibull_weibull(
    xp: Namespace, scale_p: Array, concentration_p: Array, scale_q: Array, concentration_q: Array
) -> Array:
    """log(k_p / k_q) + k_q log(s_q / s_p) + (r - 1) g + (s_p / s_q)^k_q Gamma(1 + r) - 1.

    Here r = k_q / k_p, and g is Euler's constant.

    Source: arXiv:1401.6853, at d = p = k
    """
    return weibull_gap(xp, scale_p, concentration_p, scale_q, concentration_q)


@declare.conversion(Weibull, GeneralizedGamma)
def weibull_as_generalized_gamma(xp: Namespace, scale: Array, concentration: Array) -> GeneralizedGamma:
    """The power is the concentration."""
    return GeneralizedGamma(scale, concentration, concentration)
