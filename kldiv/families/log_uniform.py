"""The log-uniform distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.edges import greater, lesser
from kldiv._numerics.gaps import log1p_ratio
from kldiv._numerics.uniform import (
    log_uniform_distance,
    log_uniform_exponential,
    log_uniform_log1p,
    log_uniform_log_complement,
    log_uniform_power,
    log_uniform_variance,
)
from kldiv.domains import AboveLow, Positive, Support


@declare.family(Support("line", "low", "high"))
class LogUniform(NamedTuple):
    """The distribution of a variable between `low` and `high` whose logarithm is uniform.

    Density, for low < x < high::

        p(x) = 1 / (x log(high / low))

    Parameters
    ----------
    low : positive
        Lower end, ``a`` in SciPy.
    high : above low
        Upper end, ``b`` in SciPy.

    Notes
    -----
    The divergence is infinite unless the interval of P lies inside that of Q; then it is::

        KL(P || Q) = log(log(high_q / low_q) / log(high_p / low_p))

    Source: statproofbook.github.io/P/cuni-kl, as the logarithms are uniform.

    The same distribution elsewhere: ``scipy.stats.loguniform(a=low, b=high)``.

    Examples
    --------
    >>> import kldiv
    >>> print(kldiv.kl_divergence(kldiv.LogUniform(1.0, [10.0, 1000.0]), kldiv.LogUniform(1.0, 100.0)))
    [0.69314718        inf]
    """

    low: Annotated[Array, Positive]
    high: Annotated[Array, AboveLow]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        return -xp.log(x) - xp.log(_width(xp, self.low, self.high))


def _width(xp: Namespace, low: Array, high: Array) -> Array:
    """log(high / low), also where they are close."""
    return log1p_ratio(xp, high - low, low)


@declare.sampler(LogUniform)
def sample_log_uniform(xp: Namespace, draw: SamplingContext, low: Array, high: Array) -> Array:
    """Return low (high / low)^u."""
    return low * xp.exp(draw.uniform(low) * _width(xp, low, high))


@declare.formula(LogUniform, LogUniform)
def kl_log_uniform_log_uniform(xp: Namespace, low_p: Array, high_p: Array, low_q: Array, high_q: Array) -> Array:
    """log(log(high_q / low_q) / log(high_p / low_p)) where P's interval lies inside Q's, infinite elsewhere.

    Source: statproofbook.github.io/P/cuni-kl, as the logarithms are uniform
    """
    return log1p_ratio(xp, _width(xp, high_p, high_q) + _width(xp, low_q, low_p), _width(xp, low_p, high_p))


def _log(xp: Namespace, low: Array, high: Array) -> Array:
    return xp.log(low) + 0.5 * _width(xp, low, high)


declare.expectations(
    LogUniform,
    entropy=lambda xp, low, high: _log(xp, low, high) + xp.log(_width(xp, low, high)),
    variance=log_uniform_variance,
    distance=log_uniform_distance,
    log=_log,
    log_variance=lambda xp, low, high: _width(xp, low, high) * (_width(xp, low, high) / 12),
    log1p=log_uniform_log1p,
    power=log_uniform_power,
    exponential=log_uniform_exponential,
    log_complement=log_uniform_log_complement,
)


@declare.cross_entropy(LogUniform, "log")
def cross_entropy_log_uniform(xp: Namespace, e: Expectations, low: Array, high: Array) -> Array:
    """log(log(high / low)) + E log x - H(P).

    Source: the definition
    """
    return xp.log(_width(xp, low, high)) + e("log")


@declare.interpolation(LogUniform)
def between_log_uniforms(
    xp: Namespace, t: Array, low_p: Array, high_p: Array, low_q: Array, high_q: Array
) -> LogUniform:
    """Its logarithm is uniform where both are."""
    return LogUniform(greater(xp, low_p, low_q), lesser(xp, high_p, high_q))
