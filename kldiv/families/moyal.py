"""The Moyal distribution."""

from math import log, pi, sqrt
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext, positive
from kldiv._numerics.interpolation import log_linear
from kldiv._numerics.log_gamma import log_gamma_exponential, log_gamma_location_scale_gap
from kldiv._numerics.special import EULER
from kldiv.domains import REALS, Positive, Real


@declare.family(REALS)
class Moyal(NamedTuple):
    """The Moyal distribution with mode `loc`; exp(-(x - loc) / scale) is the square of a standard normal variable.

    Density, for real x, with z = (x - loc) / scale::

        p(x) = exp(-(z + exp(-z)) / 2) / (scale sqrt(2 pi))

    Parameters
    ----------
    loc : real
        Mode.
    scale : positive
        Scale of x - loc.

    Notes
    -----
    With r = s_p / s_q, d = (m_p - m_q) / s_q, m the mode, s the scale, and c = log 2 + Euler's constant::

        KL(P || Q) = [d + r c + exp(-d) 2^r Gamma(r + 1/2) / Gamma(1/2) - c - 1] / 2 - log r

    Source: the definition, as exp(-(x - m_p) / s_p) / 2 is gamma with concentration 1/2 and rate 1.

    The same distribution elsewhere: ``scipy.stats.moyal(loc=loc, scale=scale)``, ``tfp.distributions.Moyal(loc,
    scale)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.Moyal(0.0, 1.0), kldiv.Moyal(0.0, 2.0)))
    0.2744987495960084
    """

    loc: Annotated[Array, Real]
    scale: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        z = (x - self.loc) / self.scale
        return -0.5 * (z + xp.exp(-z)) - xp.log(self.scale) - 0.5 * log(2 * pi)


@declare.sampler(Moyal)
def sample_moyal(xp: Namespace, draw: SamplingContext, loc: Array, scale: Array) -> Array:
    """Return loc - scale log(z^2), with z standard normal."""
    return loc - 2 * scale * xp.log(positive(xp, xp.abs(draw.normal(loc))))


@declare.formula(Moyal, Moyal)
def kl_moyal_moyal(xp: Namespace, loc_p: Array, scale_p: Array, loc_q: Array, scale_q: Array) -> Array:
    """[d + r c + exp(-d) 2^r Gamma(r + 1/2) / Gamma(1/2) - c - 1] / 2 - log r, with c = log 2 + Euler's constant.

    Here r = s_p / s_q and d = (m_p - m_q) / s_q.

    Source: the definition, as exp(-(x - m_p) / s_p) / 2 is gamma with concentration 1/2 and rate 1
    """
    # The location of the logarithm of the gamma variable is m - s log 2.
    d = xp.divide(loc_q - loc_p, scale_q) + log(2) * xp.divide(scale_p - scale_q, scale_q)
    return log_gamma_location_scale_gap(xp, 0.5, scale_p, scale_q, d)


declare.expectations(
    Moyal,
    entropy=lambda xp, loc, scale: xp.log(scale) + 0.5 * (log(2 * pi) + EULER + log(2) + 1),
    mean=lambda xp, loc, scale: loc + (EULER + log(2)) * scale,
    standard_deviation=lambda xp, loc, scale: pi / sqrt(2) * scale,
    # exp(t (loc - m)) 2^(-t s) Gamma(1/2 - t s) / Gamma(1/2)
    exponential=lambda xp, t, m, loc, scale: log_gamma_exponential(xp, 0.5, -t * scale, t * (loc - m - log(2) * scale)),
)


@declare.cross_entropy(Moyal, "mean", "exponential")
def cross_entropy_moyal(xp: Namespace, e: Expectations, loc: Array, scale: Array) -> Array:
    """log s + log(2 pi) / 2 + [(E x - m) / s + E exp(-(x - m) / s)] / 2 - H(P).

    Source: the definition
    """
    z = (e("mean") - loc) / scale
    return xp.log(scale) + 0.5 * log(2 * pi) + 0.5 * (z + e("exponential", -1 / scale, loc))


@declare.interpolation(Moyal, equal=("scale",), location="loc")
def between_moyals(xp: Namespace, t: Array, loc_p: Array, scale_p: Array, loc_q: Array, scale_q: Array) -> Moyal:
    """exp(loc / scale) is natural, for one scale."""
    return Moyal(loc_p + scale_p * log_linear(xp, t, (loc_q - loc_p) / scale_p), scale_p)
