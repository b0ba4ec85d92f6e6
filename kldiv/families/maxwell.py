"""The Maxwell distribution."""

from math import log, pi, sqrt
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._numerics.gamma import normal_length_exponential, power_of_gamma
from kldiv._numerics.gaps import relative_gap
from kldiv._numerics.interpolation import root_harmonic
from kldiv.domains import POSITIVE, Positive
from kldiv.families.generalized_gamma import GeneralizedGamma


@declare.family(POSITIVE)
class Maxwell(NamedTuple):
    """The length of a vector of three independent normal variables with mean 0 and standard deviation `scale`.

    Density, for x > 0::

        p(x) = sqrt(2 / pi) x^2 exp(-(x / scale)^2 / 2) / scale^3

    Parameters
    ----------
    scale : positive
        Standard deviation of the normal variables.

    Notes
    -----
    With r = scale_p / scale_q::

        KL(P || Q) = (3/2) [r^2 - 1 - log(r^2)]

    Source: the definition, as E x^2 = 3 scale_p^2 under P.

    The same distribution elsewhere: ``scipy.stats.maxwell(scale=scale)``.

    Examples
    --------
    >>> import kldiv
    >>> round(float(kldiv.kl_divergence(kldiv.Maxwell(1.0), kldiv.Maxwell(2.0))), 12)
    0.95444154168
    """

    scale: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        z = x / self.scale
        return xp.xlogy(2 * xp.ones_like(z), z) - 0.5 * z * z - xp.log(self.scale) + 0.5 * log(2 / pi)


@declare.formula(Maxwell, Maxwell)
def kl_maxwell_maxwell(xp: Namespace, scale_p: Array, scale_q: Array) -> Array:
    """(3/2) [r^2 - 1 - log(r^2)], with r = s_p / s_q.

    Source: the definition, as E x^2 = 3 s_p^2 under P
    """
    d = xp.divide(scale_p - scale_q, scale_q)
    return 3 * (relative_gap(xp, scale_p, scale_q) + 0.5 * d * d)


@declare.conversion(Maxwell, GeneralizedGamma)
def maxwell_as_generalized_gamma(xp: Namespace, scale: Array) -> GeneralizedGamma:
    """The scale is sqrt(2) times this one, the concentration 3, the power 2."""
    return GeneralizedGamma(sqrt(2) * scale, 3 * xp.ones_like(scale), 2 * xp.ones_like(scale))


declare.expectations(
    Maxwell,
    **power_of_gamma(maxwell_as_generalized_gamma),
    exponential=lambda xp, t, m, scale: normal_length_exponential(xp, 3, t * scale, t * m),
)


@declare.cross_entropy(Maxwell, "log", "mean", "standard_deviation")
def cross_entropy_maxwell(xp: Namespace, e: Expectations, scale: Array) -> Array:
    """3 log s - log(2 / pi) / 2 - 2 E log x + E x^2 / (2 s^2) - H(P).

    Source: the definition
    """
    mean, deviation = xp.divide(e("mean"), scale), xp.divide(e("standard_deviation"), scale)
    square = deviation * deviation + mean * mean
    return 3 * xp.log(scale) - 0.5 * log(2 / pi) - 2 * e("log") + 0.5 * square


@declare.interpolation(Maxwell)
def between_maxwells(xp: Namespace, t: Array, scale_p: Array, scale_q: Array) -> Maxwell:
    """1 / scale^2 is natural."""
    return Maxwell(root_harmonic(xp, t, scale_p, scale_q))
