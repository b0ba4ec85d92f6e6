"""The Gumbel distribution."""

from math import pi, sqrt
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.interpolation import log_linear
from kldiv._numerics.log_gamma import gumbel_distance, log_gamma_exponential, log_gamma_location_scale_gap
from kldiv._numerics.special import EULER
from kldiv.domains import REALS, Positive, Real


@declare.family(REALS)
class Gumbel(NamedTuple):
    """The Gumbel distribution with mode `loc`; exp(-(x - loc) / scale) is exponential with rate 1.

    Density, for real x, with z = (x - loc) / scale::

        p(x) = exp(-z - exp(-z)) / scale

    Parameters
    ----------
    loc : real
        Mode.
    scale : positive
        Scale of x - loc.

    Notes
    -----
    With r = s_p / s_q, d = (m_p - m_q) / s_q, m the mode, s the scale, and g Euler's constant::

        KL(P || Q) = -log r - g (1 - r) - 1 + d + exp(-d) Gamma(1 + r)

    Source: the definition, as exp(-(x - m_p) / s_p) is exponential with rate 1.

    The same distribution elsewhere: ``scipy.stats.gumbel_r(loc=loc, scale=scale)``, ``torch.distributions.Gumbel(loc,
    scale)``, ``tfp.distributions.Gumbel(loc, scale)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.Gumbel(0.0, 1.0), kldiv.Gumbel(0.0, 2.0)))
    0.29076627356193685
    """

    loc: Annotated[Array, Real]
    scale: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        z = (x - self.loc) / self.scale
        return -z - xp.exp(-z) - xp.log(self.scale)


@declare.sampler(Gumbel)
def sample_gumbel(xp: Namespace, draw: SamplingContext, loc: Array, scale: Array) -> Array:
    """Return loc - scale log(-log(u))."""
    return loc - scale * xp.log(-xp.log(draw.uniform(loc)))


@declare.formula(Gumbel, Gumbel)
def kl_gumbel_gumbel(xp: Namespace, loc_p: Array, scale_p: Array, loc_q: Array, scale_q: Array) -> Array:
    """-log r - g (1 - r) - 1 + d + exp(-d) Gamma(1 + r), with r = s_p / s_q and d = (m_p - m_q) / s_q.

    Here g is Euler's constant.

    Source: the definition, as exp(-(x - m_p) / s_p) is exponential with rate 1
    """
    return log_gamma_location_scale_gap(xp, 1.0, scale_p, scale_q, xp.divide(loc_q - loc_p, scale_q))


declare.expectations(
    Gumbel,
    entropy=lambda xp, loc, scale: xp.log(scale) + (1 + EULER),
    mean=lambda xp, loc, scale: loc + EULER * scale,
    standard_deviation=lambda xp, loc, scale: pi / sqrt(6) * scale,
    # E x - m + 2 s E1(exp((loc - m) / s))
    distance=lambda xp, m, loc, scale: scale * gumbel_distance(xp, (loc - m) / scale),
    # exp(t (loc - m)) Gamma(1 - t s)
    exponential=lambda xp, t, m, loc, scale: log_gamma_exponential(xp, 1.0, -t * scale, t * (loc - m)),
)


@declare.cross_entropy(Gumbel, "mean", "exponential")
def cross_entropy_gumbel(xp: Namespace, e: Expectations, loc: Array, scale: Array) -> Array:
    """log s + (E x - m) / s + E exp(-(x - m) / s) - H(P).

    Source: the definition
    """
    return xp.log(scale) + xp.divide(e("mean") - loc, scale) + e("exponential", -1 / scale, loc)


@declare.interpolation(Gumbel, equal=("scale",), location="loc")
def between_gumbels(xp: Namespace, t: Array, loc_p: Array, scale_p: Array, loc_q: Array, scale_q: Array) -> Gumbel:
    """exp(loc / scale) is natural, for one scale."""
    return Gumbel(loc_p + scale_p * log_linear(xp, t, (loc_q - loc_p) / scale_p), scale_p)
