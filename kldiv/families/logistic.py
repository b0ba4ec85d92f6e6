"""The logistic distribution."""

from math import pi, sqrt
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.categorical import softplus
from kldiv._numerics.logistic import logistic_distance, logistic_exponential, logistic_gap
from kldiv.domains import REALS, Positive, Real


@declare.family(REALS)
class Logistic(NamedTuple):
    """The logistic distribution with mean `loc` and standard deviation pi scale / sqrt(3).

    Density, for real x, with z = (x - loc) / scale::

        p(x) = exp(-z) / (scale (1 + exp(-z))^2)

    Parameters
    ----------
    loc : real
        Mean.
    scale : positive
        Scale of x - loc.

    Notes
    -----
    With z standard logistic, r = s_p / s_q and d = (m_p - m_q) / s_q, for location m and scale s::

        KL(P || Q) = 2 E log(2 cosh((d + r z) / 2)) - log r - 2

    At equal scales it is d coth(d / 2) - 2; in general it is integrated numerically, to the last digits. Source: the
    definition, as the entropy of P is log s_p + 2.

    The same distribution elsewhere: ``scipy.stats.logistic(loc=loc, scale=scale)``, ``tfp.distributions.Logistic(loc,
    scale)``.

    Examples
    --------
    >>> import kldiv
    >>> print(kldiv.kl_divergence(kldiv.Logistic(0.0, 1.0), kldiv.Logistic([0.0, 2.0], 1.0)))
    [0.         0.62607057]
    """

    loc: Annotated[Array, Real]
    scale: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        z = (x - self.loc) / self.scale
        return -softplus(xp, z) - softplus(xp, -z) - xp.log(self.scale)


@declare.sampler(Logistic)
def sample_logistic(xp: Namespace, draw: SamplingContext, loc: Array, scale: Array) -> Array:
    """Return loc + scale log(u / (1 - u))."""
    u = draw.uniform(loc)
    return loc + scale * (xp.log(u) - xp.log1p(-u))


@declare.formula(Logistic, Logistic)
def kl_logistic_logistic(xp: Namespace, loc_p: Array, scale_p: Array, loc_q: Array, scale_q: Array) -> Array:
    """2 E log(2 cosh((d + r z) / 2)) - log r - 2 with z logistic, r = s_p / s_q and d = (m_p - m_q) / s_q.

    At equal scales it is d coth(d / 2) - 2; in general it is integrated numerically, to the last digits.

    Source: the definition, as the entropy of P is log s_p + 2
    """
    return logistic_gap(xp, loc_p, scale_p, loc_q, scale_q)


declare.expectations(
    Logistic,
    entropy=lambda xp, loc, scale: xp.log(scale) + 2,
    mean=lambda xp, loc, scale: loc,
    standard_deviation=lambda xp, loc, scale: pi / sqrt(3) * scale,
    # 2 s log(2 cosh((loc - m) / (2 s)))
    distance=lambda xp, m, loc, scale: logistic_distance(xp, loc - m, scale),
    # exp(t (loc - m)) Gamma(1 + t s) Gamma(1 - t s)
    exponential=lambda xp, t, m, loc, scale: logistic_exponential(xp, t * scale, t * (loc - m)),
)
