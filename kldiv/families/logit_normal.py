"""The logit-normal distribution."""

from math import log, pi
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._numerics.logit_normal import (
    logit_normal_log_density,
    sigmoid_mean,
    sigmoid_variance,
    softplus_mean,
    softplus_variance,
)
from kldiv.domains import UNIT_INTERVAL, Positive, Real
from kldiv.families.normal import Normal


@declare.family(UNIT_INTERVAL)
class LogitNormal(NamedTuple):
    """The distribution of 1 / (1 + exp(-y)), where y is normal with mean `loc` and standard deviation `scale`.

    Density, for 0 < x < 1, with z = (log(x / (1 - x)) - loc) / scale::

        p(x) = exp(-z^2 / 2) / (x (1 - x) scale sqrt(2 pi))

    Parameters
    ----------
    loc : real
        Mean of y.
    scale : positive
        Standard deviation of y.

    Notes
    -----
    The divergence is that of the normal distributions of y, with m the location and s the scale::

        KL(P || Q) = KL(Normal(m_p, s_p) || Normal(m_q, s_q))

    The same distribution elsewhere: ``tfp.distributions.LogitNormal(loc, scale)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.LogitNormal(0.0, 1.0), kldiv.LogitNormal(1.0, 1.0)))
    0.5
    """

    loc: Annotated[Array, Real]
    scale: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array, complement: Array) -> Array:
        """Return the logarithm of the density at `x`, which is 1 less the complement."""
        return logit_normal_log_density(xp, x, complement, self.loc, self.scale)


@declare.conversion(LogitNormal, Normal, shared="sigmoid")
def logit_normal_as_normal(xp: Namespace, loc: Array, scale: Array) -> Normal:
    """log(x / (1 - x)) is a normal variable."""
    return Normal(loc, scale)


def _entropy(xp: Namespace, loc: Array, scale: Array) -> Array:
    # That of the normal variable, and E log dx/dy.
    jacobian = softplus_mean(xp, loc, scale) + softplus_mean(xp, -loc, scale)
    return xp.log(scale) + 0.5 * log(2 * pi) + 0.5 - jacobian


declare.expectations(
    LogitNormal,
    entropy=_entropy,
    mean=sigmoid_mean,
    variance=sigmoid_variance,
    log=lambda xp, loc, scale: -softplus_mean(xp, -loc, scale),
    log_variance=lambda xp, loc, scale: softplus_variance(xp, -loc, scale),
    log_complement=lambda xp, loc, scale: -softplus_mean(xp, loc, scale),
    reciprocal=lambda xp, loc, scale: 1 + xp.exp(0.5 * scale * scale - loc),
    logit_variance=lambda xp, loc, scale: scale * scale,
)


@declare.cross_entropy(LogitNormal, "log", "log_complement", "logit_variance")
def cross_entropy_logit_normal(xp: Namespace, e: Expectations, loc: Array, scale: Array) -> Array:
    """log(2 pi s^2) / 2 + E log x + E log(1 - x) + (Var y + (E y - m)^2) / (2 s^2) - H(P), with y = log(x / (1 - x)).

    Source: the definition
    """
    log_x, log_complement = e("log"), e("log_complement")
    z = (log_x - log_complement - loc) / scale
    spread = e("logit_variance") / scale / scale + z * z
    return xp.log(scale) + 0.5 * log(2 * pi) + log_x + log_complement + 0.5 * spread
