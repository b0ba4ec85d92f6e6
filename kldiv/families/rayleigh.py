"""The Rayleigh distribution."""

from math import sqrt
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.gamma import normal_length_exponential, power_of_gamma
from kldiv._numerics.gaps import relative_gap
from kldiv._numerics.interpolation import root_harmonic
from kldiv.domains import POSITIVE, Positive
from kldiv.families.generalized_gamma import GeneralizedGamma


@declare.family(POSITIVE)
class Rayleigh(NamedTuple):
    """The length of a vector of two independent normal variables with mean 0 and standard deviation `scale`.

    Density, for x > 0::

        p(x) = x exp(-(x / scale)^2 / 2) / scale^2

    Parameters
    ----------
    scale : positive
        Standard deviation of the normal variables.

    Notes
    -----
    With r = scale_p / scale_q::

        KL(P || Q) = r^2 - 1 - log(r^2)

    Source: the definition, as E x^2 = 2 scale_p^2 under P.

    The same distribution elsewhere: ``scipy.stats.rayleigh(scale=scale)``.

    Examples
    --------
    >>> import kldiv
    >>> round(float(kldiv.kl_divergence(kldiv.Rayleigh(1.0), kldiv.Rayleigh(2.0))), 12)
    0.63629436112
    """

    scale: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        z = x / self.scale
        return xp.log(z) - xp.log(self.scale) - 0.5 * z * z


@declare.sampler(Rayleigh)
def sample_rayleigh(xp: Namespace, draw: SamplingContext, scale: Array) -> Array:
    """Return scale sqrt(-2 log(u))."""
    return scale * xp.sqrt(-2 * xp.log(draw.uniform(scale)))


@declare.formula(Rayleigh, Rayleigh)
def kl_rayleigh_rayleigh(xp: Namespace, scale_p: Array, scale_q: Array) -> Array:
    """r^2 - 1 - log(r^2), with r = s_p / s_q.

    Source: the definition, as E x^2 = 2 s_p^2 under P
    """
    d = xp.divide(scale_p - scale_q, scale_q)
    return 2 * relative_gap(xp, scale_p, scale_q) + d * d


@declare.conversion(Rayleigh, GeneralizedGamma)
def rayleigh_as_generalized_gamma(xp: Namespace, scale: Array) -> GeneralizedGamma:
    """The scale is sqrt(2) times this one, the concentration 2, the power 2."""
    return GeneralizedGamma(sqrt(2) * scale, 2 * xp.ones_like(scale), 2 * xp.ones_like(scale))


declare.expectations(
    Rayleigh,
    **power_of_gamma(rayleigh_as_generalized_gamma),
    exponential=lambda xp, t, m, scale: normal_length_exponential(xp, 2, t * scale, t * m),
)


@declare.cross_entropy(Rayleigh, "log", "mean", "standard_deviation")
def cross_entropy_rayleigh(xp: Namespace, e: Expectations, scale: Array) -> Array:
    """2 log s - E log x + E x^2 / (2 s^2) - H(P).

    Source: the definition
    """
    mean, deviation = xp.divide(e("mean"), scale), xp.divide(e("standard_deviation"), scale)
    square = deviation * deviation + mean * mean
    return 2 * xp.log(scale) - e("log") + 0.5 * square


@declare.interpolation(Rayleigh)
def between_rayleighs(xp: Namespace, t: Array, scale_p: Array, scale_q: Array) -> Rayleigh:
    """1 / scale^2 is natural."""
    return Rayleigh(root_harmonic(xp, t, scale_p, scale_q))
