"""The Lomax distribution."""

from math import pi
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.interpolation import linear
from kldiv._numerics.pareto import (
    lomax_deviation,
    lomax_distance,
    lomax_exponential,
    lomax_gap,
    lomax_log1p,
    lomax_mean,
    lomax_power,
    shifted_exponential,
)
from kldiv._numerics.special import EULER, digamma, trigamma
from kldiv.domains import POSITIVE, Positive


@declare.family(POSITIVE)
class Lomax(NamedTuple):
    """The Lomax distribution: a Pareto distribution with `scale` and tail index `alpha`, shifted to start at 0.

    Density, for x > 0::

        p(x) = alpha / scale (1 + x / scale)^-(alpha + 1)

    Parameters
    ----------
    scale : positive
        Scale of x.
    alpha : positive
        Tail index, ``c`` in SciPy.

    Notes
    -----
    With a the tail index and s the scale::

        KL(P || Q) = log(a_p s_q / (a_q s_p)) - 1 - 1 / a_p + (a_q + 1) E_P log(1 + x / s_q)

    Source: the definition, as log(1 + x / s_p) is exponential with rate a_p under P.

    The same distribution elsewhere: ``scipy.stats.lomax(c=alpha, scale=scale)``.

    Examples
    --------
    >>> import kldiv
    >>> round(float(kldiv.kl_divergence(kldiv.Lomax(1.0, 1.0), kldiv.Lomax(1.0, 2.0))), 6)
    0.306853
    """

    scale: Annotated[Array, Positive]
    alpha: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        return xp.log(self.alpha) - xp.log(self.scale) - (self.alpha + 1) * xp.log1p(x / self.scale)


@declare.sampler(Lomax)
def sample_lomax(xp: Namespace, draw: SamplingContext, scale: Array, alpha: Array) -> Array:
    """Return scale (u^(-1 / alpha) - 1)."""
    return scale * xp.expm1(-xp.log(draw.uniform(scale)) / alpha)


@declare.formula(Lomax, Lomax)
def kl_lomax_lomax(xp: Namespace, scale_p: Array, alpha_p: Array, scale_q: Array, alpha_q: Array) -> Array:
    """log(a_p s_q / (a_q s_p)) - 1 - 1 / a_p + (a_q + 1) E log(1 + x / s_q).

    Near equality it is the mean of q / p - 1 - log(q / p), where nothing cancels.

    Source: the definition, as log(1 + x / s_p) is exponential with rate a_p under P
    """
    return lomax_gap(xp, scale_p, alpha_p, scale_q, alpha_q)


declare.expectations(
    Lomax,
    entropy=lambda xp, scale, a: xp.log(scale) - xp.log(a) + 1 + 1 / a,
    mean=lomax_mean,
    standard_deviation=lomax_deviation,
    distance=lomax_distance,
    log=lambda xp, scale, a: xp.log(scale) - EULER - digamma(xp, a),
    log_variance=lambda xp, scale, a: pi * pi / 6 + trigamma(xp, a),
    log1p=lambda xp, s, scale, a: lomax_log1p(xp, scale / s, a),
    power=lambda xp, k, s, scale, a: lomax_power(xp, k, xp.log(scale) - xp.log(s), a),
    exponential=lambda xp, t, m, scale, a: shifted_exponential(xp, lomax_exponential(xp, t, scale, a), t, -m),
)


@declare.cross_entropy(Lomax, "log1p")
def cross_entropy_lomax(xp: Namespace, e: Expectations, scale: Array, alpha: Array) -> Array:
    """log(s / a) + (a + 1) E log(1 + x / s) - H(P).

    Source: the definition
    """
    return xp.log(scale) - xp.log(alpha) + (alpha + 1) * e("log1p", scale)


@declare.interpolation(Lomax, equal=("scale",))
def between_lomaxes(xp: Namespace, t: Array, scale_p: Array, alpha_p: Array, scale_q: Array, alpha_q: Array) -> Lomax:
    """The tail index is natural, for one scale."""
    return Lomax(scale_p, linear(xp, t, alpha_p, alpha_q))
