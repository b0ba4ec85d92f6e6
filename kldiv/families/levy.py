"""The Levy distribution."""

from math import log, pi
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext, positive
from kldiv._numerics.gamma import log_power_exp
from kldiv._numerics.gaps import relative_gap
from kldiv.domains import POSITIVE, Positive
from kldiv.families.inverse_gamma import InverseGamma


@declare.family(POSITIVE)
class Levy(NamedTuple):
    """The stable distribution of the time that a Brownian motion takes to reach sqrt(`scale`); it has no mean.

    Density, for x > 0::

        p(x) = sqrt(scale / (2 pi)) x^(-3/2) exp(-scale / (2 x))

    Parameters
    ----------
    scale : positive
        Scale of x.

    Notes
    -----
    With r = scale_q / scale_p::

        KL(P || Q) = [r - 1 - log r] / 2

    Source: statproofbook.github.io/P/gam-kl, as 1 / x is a gamma variable with concentration 1 / 2 and rate scale / 2.

    The same distribution elsewhere: ``scipy.stats.levy(scale=scale)``.

    Examples
    --------
    >>> import kldiv
    >>> round(float(kldiv.kl_divergence(kldiv.Levy(1.0), kldiv.Levy(2.0))), 12)
    0.15342640972
    """

    scale: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        z = 0.5 * self.scale / x
        return log_power_exp(xp, 1.5 * xp.ones_like(z), z, z) - xp.log(self.scale) + log(2) - 0.5 * log(pi)


@declare.sampler(Levy)
def sample_levy(xp: Namespace, draw: SamplingContext, scale: Array) -> Array:
    """Return scale / z^2, with z standard normal."""
    z = draw.normal(scale)
    return scale / positive(xp, z * z)


@declare.formula(Levy, Levy)
def kl_levy_levy(xp: Namespace, scale_p: Array, scale_q: Array) -> Array:
    """[r - 1 - log r] / 2, with r = s_q / s_p.

    Source: statproofbook.github.io/P/gam-kl, as 1 / x is a gamma variable with concentration 1 / 2 and rate s / 2
    """
    return 0.5 * relative_gap(xp, scale_q, scale_p)


@declare.conversion(Levy, InverseGamma)
def levy_as_inverse_gamma(xp: Namespace, scale: Array) -> InverseGamma:
    """The concentration is 1 / 2, the rate half the scale."""
    return InverseGamma(0.5 * xp.ones_like(scale), 0.5 * scale)
