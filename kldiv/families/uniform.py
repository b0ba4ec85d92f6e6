"""The uniform distribution."""

from math import sqrt
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.edges import greater, lesser
from kldiv._numerics.gaps import log1p_ratio
from kldiv._numerics.uniform import (
    interval_distance,
    interval_exponential,
    interval_log,
    interval_log_square,
    interval_log_variance,
    interval_power,
)
from kldiv.domains import AboveLow, Real, Support


@declare.family(Support("line", "low", "high"))
class Uniform(NamedTuple):
    """The uniform distribution between `low` and `high`.

    Density, for low < x < high::

        p(x) = 1 / (high - low)

    Parameters
    ----------
    low : real
        Lower end, ``loc`` in SciPy.
    high : above low
        Upper end, ``loc + scale`` in SciPy.

    Notes
    -----
    The divergence is infinite unless the interval of P lies inside that of Q; then it is::

        KL(P || Q) = log((high_q - low_q) / (high_p - low_p))

    Source: statproofbook.github.io/P/cuni-kl.

    The same distribution elsewhere: ``scipy.stats.uniform(loc=low, scale=high - low)``,
    ``torch.distributions.Uniform(low, high)``, ``tfp.distributions.Uniform(low, high)``.

    Examples
    --------
    >>> import kldiv
    >>> print(kldiv.kl_divergence(kldiv.Uniform(0.0, [1.0, 3.0]), kldiv.Uniform(0.0, 2.0)))
    [0.69314718        inf]
    """

    low: Annotated[Array, Real]
    high: Annotated[Array, AboveLow]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        return -xp.log(self.high - self.low) + 0 * x


@declare.sampler(Uniform)
def sample_uniform(xp: Namespace, draw: SamplingContext, low: Array, high: Array) -> Array:
    """Return low + (high - low) u, with u uniform between 0 and 1."""
    return low + (high - low) * draw.uniform(low)


@declare.formula(Uniform, Uniform)
def kl_uniform_uniform(xp: Namespace, low_p: Array, high_p: Array, low_q: Array, high_q: Array) -> Array:
    """log((high_q - low_q) / (high_p - low_p)) where P's interval lies inside Q's, infinite elsewhere.

    Source: statproofbook.github.io/P/cuni-kl
    """
    return log1p_ratio(xp, (high_q - high_p) + (low_p - low_q), high_p - low_p)


declare.expectations(
    Uniform,
    entropy=lambda xp, low, high: xp.log(high - low),
    mean=lambda xp, low, high: 0.5 * low + 0.5 * high,
    standard_deviation=lambda xp, low, high: (high - low) / sqrt(12),
    distance=interval_distance,
    log=interval_log,
    log_variance=interval_log_variance,
    log1p=lambda xp, s, low, high: interval_log(xp, 1 + low / s, 1 + high / s),
    log_complement=lambda xp, low, high: interval_log(xp, 1 - high, 1 - low),
    log_square=interval_log_square,
    power=interval_power,
    exponential=interval_exponential,
)


@declare.cross_entropy(Uniform)
def cross_entropy_uniform(xp: Namespace, e: Expectations, low: Array, high: Array) -> Array:
    """log(high - low) - H(P) where P's outcomes lie between low and high, infinite elsewhere.

    Source: the definition
    """
    return xp.log(high - low)


@declare.interpolation(Uniform)
def between_uniforms(xp: Namespace, t: Array, low_p: Array, high_p: Array, low_q: Array, high_q: Array) -> Uniform:
    """It is uniform where both are."""
    return Uniform(greater(xp, low_p, low_q), lesser(xp, high_p, high_q))
