"""The half-normal distribution."""

from math import log, pi, sqrt
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
class HalfNormal(NamedTuple):
    """The absolute value of a normal variable with mean 0 and standard deviation `scale`.

    Density, for x > 0::

        p(x) = sqrt(2 / pi) exp(-(x / scale)^2 / 2) / scale

    Parameters
    ----------
    scale : positive
        Standard deviation of the normal variable.

    Notes
    -----
    With r = scale_p / scale_q::

        KL(P || Q) = [r^2 - 1 - log(r^2)] / 2

    Source: the definition, as E x^2 = scale_p^2 under P.

    The same distribution elsewhere: ``scipy.stats.halfnorm(scale=scale)``, ``torch.distributions.HalfNormal(scale)``,
    ``tfp.distributions.HalfNormal(scale)``.

    Examples
    --------
    >>> import kldiv
    >>> round(float(kldiv.kl_divergence(kldiv.HalfNormal(1.0), kldiv.HalfNormal(2.0))), 12)
    0.31814718056
    """

    scale: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        z = x / self.scale
        return -0.5 * z * z - xp.log(self.scale) + 0.5 * log(2 / pi)


@declare.sampler(HalfNormal)
def sample_half_normal(xp: Namespace, draw: SamplingContext, scale: Array) -> Array:
    """Return scale |z|, with z standard normal."""
    return scale * xp.abs(draw.normal(scale))


@declare.formula(HalfNormal, HalfNormal)
def kl_half_normal_half_normal(xp: Namespace, scale_p: Array, scale_q: Array) -> Array:
    """[r^2 - 1 - log(r^2)] / 2, with r = s_p / s_q.

    Source: the definition, as E x^2 = s_p^2 under P
    """
    d = xp.divide(scale_p - scale_q, scale_q)
    return relative_gap(xp, scale_p, scale_q) + 0.5 * d * d


@declare.conversion(HalfNormal, GeneralizedGamma)
def half_normal_as_generalized_gamma(xp: Namespace, scale: Array) -> GeneralizedGamma:
    """The scale is sqrt(2) times this one, the concentration 1, the power 2."""
    return GeneralizedGamma(sqrt(2) * scale, xp.ones_like(scale), 2 * xp.ones_like(scale))


declare.expectations(
    HalfNormal,
    **power_of_gamma(half_normal_as_generalized_gamma),
    exponential=lambda xp, t, m, scale: normal_length_exponential(xp, 1, t * scale, t * m),
)


@declare.cross_entropy(HalfNormal, "mean", "standard_deviation")
def cross_entropy_half_normal(xp: Namespace, e: Expectations, scale: Array) -> Array:
    """log s - log(2 / pi) / 2 + E x^2 / (2 s^2) - H(P).

    Source: the definition
    """
    mean, deviation = xp.divide(e("mean"), scale), xp.divide(e("standard_deviation"), scale)
    square = deviation * deviation + mean * mean
    return xp.log(scale) - 0.5 * log(2 / pi) + 0.5 * square


@declare.interpolation(HalfNormal)
def between_half_normals(xp: Namespace, t: Array, scale_p: Array, scale_q: Array) -> HalfNormal:
    """1 / scale^2 is natural."""
    return HalfNormal(root_harmonic(xp, t, scale_p, scale_q))
