"""The log-logistic distribution."""

from math import pi
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.categorical import softplus
from kldiv._numerics.logistic import (
    log_logistic_deviation,
    log_logistic_distance,
    log_logistic_log1p,
    log_logistic_power,
)
from kldiv.domains import POSITIVE, Positive, Real
from kldiv.families.logistic import Logistic


@declare.family(POSITIVE)
class LogLogistic(NamedTuple):
    """The distribution of exp of a logistic variable with mean `loc` and scale `scale`; its median is exp(loc).

    Density, for x > 0, with z = (log x - loc) / scale::

        p(x) = exp(-z) / (scale x (1 + exp(-z))^2)

    Parameters
    ----------
    loc : real
        Mean of log x, ``log(scale)`` in SciPy.
    scale : positive
        Scale of log x, ``1 / c`` in SciPy.

    Notes
    -----
    The divergence is that of the logistic distributions of log x, with m the location and s the scale::

        KL(P || Q) = KL(Logistic(m_p, s_p) || Logistic(m_q, s_q))

    The same distribution elsewhere: ``scipy.stats.fisk(c=1 / scale, scale=np.exp(loc))``,
    ``tfp.distributions.LogLogistic(loc, scale)``.

    Examples
    --------
    >>> import kldiv
    >>> round(float(kldiv.kl_divergence(kldiv.LogLogistic(0.0, 1.0), kldiv.LogLogistic(2.0, 1.0))), 6)
    0.626071
    """

    loc: Annotated[Array, Real]
    scale: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        log_x = xp.log(x)
        z = (log_x - self.loc) / self.scale
        return -softplus(xp, z) - softplus(xp, -z) - xp.log(self.scale) - log_x


@declare.conversion(LogLogistic, Logistic, shared="exp")
def log_logistic_as_logistic(xp: Namespace, loc: Array, scale: Array) -> Logistic:
    """The logarithm is logistic, with the same parameters."""
    return Logistic(loc, scale)


declare.expectations(
    LogLogistic,
    entropy=lambda xp, loc, scale: loc + xp.log(scale) + 2,
    standard_deviation=log_logistic_deviation,
    distance=log_logistic_distance,
    log=lambda xp, loc, scale: loc,
    log_variance=lambda xp, loc, scale: pi * pi / 3 * scale * scale,
    log1p=lambda xp, s, loc, scale: log_logistic_log1p(xp, loc - xp.log(s), scale),
    power=lambda xp, k, s, loc, scale: log_logistic_power(xp, k, loc - xp.log(s), scale),
)
