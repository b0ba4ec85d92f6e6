"""The log-normal distribution."""

from math import log, pi
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._numerics.edges import exp_or_inf
from kldiv._numerics.normal import log_normal_deviation, log_normal_distance, log_normal_log1p
from kldiv.domains import POSITIVE, Positive, Real
from kldiv.families.normal import Normal


@declare.family(POSITIVE)
class LogNormal(NamedTuple):
    """The distribution of exp of a normal variable with mean `loc` and standard deviation `scale`.

    Density, for x > 0, with z = (log x - loc) / scale::

        p(x) = exp(-z^2 / 2) / (x scale sqrt(2 pi))

    Parameters
    ----------
    loc : real
        Mean of log x, ``log(scale)`` in SciPy.
    scale : positive
        Standard deviation of log x, ``s`` in SciPy.

    Notes
    -----
    The divergence is that of the normal distributions of log x, with m the location and s the scale::

        KL(P || Q) = KL(Normal(m_p, s_p) || Normal(m_q, s_q))

    The same distribution elsewhere: ``scipy.stats.lognorm(s=scale, scale=np.exp(loc))``,
    ``torch.distributions.LogNormal(loc, scale)``, ``tfp.distributions.LogNormal(loc, scale)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.LogNormal(0.0, 1.0), kldiv.LogNormal(1.0, 1.0)))
    0.5
    """

    loc: Annotated[Array, Real]
    scale: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        log_x = xp.log(x)
        z = (log_x - self.loc) / self.scale
        return -0.5 * z * z - xp.log(self.scale) - 0.5 * log(2 * pi) - log_x


@declare.conversion(LogNormal, Normal, shared="exp")
def log_normal_as_normal(xp: Namespace, loc: Array, scale: Array) -> Normal:
    """The logarithm is normal, with the same parameters."""
    return Normal(loc, scale)


declare.expectations(
    LogNormal,
    entropy=lambda xp, loc, scale: loc + xp.log(scale) + 0.5 * log(2 * pi) + 0.5,
    standard_deviation=log_normal_deviation,
    distance=log_normal_distance,
    log=lambda xp, loc, scale: loc,
    log_variance=lambda xp, loc, scale: scale * scale,
    log1p=lambda xp, s, loc, scale: log_normal_log1p(xp, loc - xp.log(s), scale),
    power=lambda xp, k, s, loc, scale: exp_or_inf(xp, k * (loc - xp.log(s)) + 0.5 * (k * scale) * (k * scale)),
)


@declare.cross_entropy(LogNormal, "log", "log_variance")
def cross_entropy_log_normal(xp: Namespace, e: Expectations, loc: Array, scale: Array) -> Array:
    """log(2 pi s^2) / 2 + E log x + (Var log x + (E log x - m)^2) / (2 s^2) - H(P).

    Source: the definition
    """
    mean = e("log")
    z = (mean - loc) / scale
    return xp.log(scale) + 0.5 * log(2 * pi) + mean + 0.5 * (e("log_variance") / scale / scale + z * z)
