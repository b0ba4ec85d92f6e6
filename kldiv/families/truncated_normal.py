"""The truncated normal distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.interpolation import normal_between
from kldiv._numerics.truncated_normal import (
    truncated_normal_cross_entropy,
    truncated_normal_distance,
    truncated_normal_entropy,
    truncated_normal_exponential,
    truncated_normal_gap,
    truncated_normal_log_density,
    truncated_normal_mean,
    truncated_normal_quantile,
    truncated_normal_variance,
)
from kldiv.domains import AboveLow, Positive, Real, Support


@declare.family(Support("line", "low", "high"))
class TruncatedNormal(NamedTuple):
    """The normal distribution with mean `loc` and standard deviation `scale`, conditioned on `low` < x < `high`.

    Density, for low < x < high, with Z = Phi((high - loc) / scale) - Phi((low - loc) / scale), Phi the standard normal
    distribution function::

        p(x) = exp(-((x - loc) / scale)^2 / 2) / (Z scale sqrt(2 pi))

    Parameters
    ----------
    loc : real
        Mean of the normal distribution.
    scale : positive
        Standard deviation of the normal distribution.
    low : real
        Lower end, ``loc + scale * a`` in SciPy.
    high : above low
        Upper end, ``loc + scale * b`` in SciPy.

    Notes
    -----
    The divergence is infinite unless the interval of P lies inside that of Q; then, with m = loc and s = scale::

        KL(P || Q) = log(s_q Z_q / (s_p Z_p)) + E_P ((x - m_q) / s_q)^2 / 2 - E_P ((x - m_p) / s_p)^2 / 2

    Source: the definition.

    The same distribution elsewhere: ``scipy.stats.truncnorm(a=(low - loc) / scale, b=(high - loc) / scale, loc=loc,
    scale=scale)``, ``tfp.distributions.TruncatedNormal(loc, scale, low, high)``.

    Examples
    --------
    >>> import kldiv
    >>> p = kldiv.TruncatedNormal(loc=0.0, scale=1.0, low=-1.0, high=1.0)
    >>> round(float(kldiv.kl_divergence(p, kldiv.TruncatedNormal(0.0, 1.0, -2.0, 2.0))), 12)
    0.33514723401
    """

    loc: Annotated[Array, Real]
    scale: Annotated[Array, Positive]
    low: Annotated[Array, Real]
    high: Annotated[Array, AboveLow]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        return truncated_normal_log_density(xp, x, *self)


@declare.sampler(TruncatedNormal)
def sample_truncated_normal(
    xp: Namespace, draw: SamplingContext, loc: Array, scale: Array, low: Array, high: Array
) -> Array:
    """Return the x below which there is the probability u."""
    return truncated_normal_quantile(xp, draw.uniform(loc), loc, scale, low, high)


@declare.formula(TruncatedNormal, TruncatedNormal)
def kl_truncated_normal_truncated_normal(
    xp: Namespace,
    loc_p: Array,
    scale_p: Array,
    low_p: Array,
    high_p: Array,
    loc_q: Array,
    scale_q: Array,
    low_q: Array,
    high_q: Array,
) -> Array:
    """log(s_q Z_q / (s_p Z_p)) + E ((x - m_q) / s_q)^2 / 2 - E ((x - m_p) / s_p)^2 / 2, Z the mass between the ends.

    It is evaluated as the divergence from Q conditioned on the interval of P, and -log of the probability of that
    interval under Q. The former is log E_P exp(t), with t the deviation of log(q / p) from its mean.

    Source: the definition
    """
    return truncated_normal_gap(xp, loc_p, scale_p, low_p, high_p, loc_q, scale_q, low_q, high_q)


declare.expectations(
    TruncatedNormal,
    entropy=truncated_normal_entropy,
    mean=truncated_normal_mean,
    variance=truncated_normal_variance,
    distance=truncated_normal_distance,
    exponential=truncated_normal_exponential,
)


@declare.cross_entropy(TruncatedNormal, "mean", "standard_deviation")
def cross_entropy_truncated_normal(
    xp: Namespace, e: Expectations, loc: Array, scale: Array, low: Array, high: Array
) -> Array:
    """log(s sqrt(2 pi) Z) + (Var x + (E x - m)^2) / (2 s^2) - H(P), Z the mass between the ends.

    Source: the definition
    """
    return truncated_normal_cross_entropy(xp, e("mean"), e("standard_deviation"), loc, scale, low, high)


@declare.interpolation(
    TruncatedNormal,
    equal=("low", "high"),
)
def between_truncated_normals(
    xp: Namespace,
    t: Array,
    loc_p: Array,
    scale_p: Array,
    low_p: Array,
    high_p: Array,
    loc_q: Array,
    scale_q: Array,
    low_q: Array,
    high_q: Array,
) -> TruncatedNormal:
    """1 / scale^2 and loc / scale^2 are natural, for one interval."""
    return TruncatedNormal(*normal_between(xp, t, loc_p, scale_p, loc_q, scale_q), low_p, high_p)
