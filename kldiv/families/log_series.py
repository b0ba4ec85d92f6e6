"""The logarithmic distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext, positive
from kldiv._numerics.interpolation import geometric
from kldiv._numerics.log_series import (
    log_series_gap,
    log_series_mean_log,
    log_series_mean_log_factorial,
    log_series_mean_rest,
    log_series_rest,
    log_series_variance,
)
from kldiv._numerics.special import log1mexp
from kldiv.domains import OpenUnitInterval, Support


@declare.family(Support("integers", 1.0))
class LogSeries(NamedTuple):
    """The logarithmic distribution, with probabilities proportional to the powers of `probs` over k.

    Mass, for k = 1, 2, 3, ...::

        P(k) = -probs^k / (k log(1 - probs))

    Parameters
    ----------
    probs : between 0 and 1, neither included
        Base of the power, ``p`` in SciPy.

    Notes
    -----
    With p and q the two parameters, and m = -p / ((1 - p) log(1 - p)) the mean of k under P::

        KL(P || Q) = log(log(1 - q) / log(1 - p)) + m log(p / q)

    Source: the definition.

    The same distribution elsewhere: ``scipy.stats.logser(p=probs)``.

    Examples
    --------
    >>> import kldiv
    >>> round(float(kldiv.kl_divergence(kldiv.LogSeries(0.5), kldiv.LogSeries(0.25))), 14)
    0.12061359687443
    """

    probs: Annotated[Array, OpenUnitInterval]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of `x`."""
        return (x - 1) * xp.log(self.probs) - xp.log(x) - xp.log1p(log_series_rest(xp, self.probs))

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether `x` has probability 1: never."""
        return (self.probs == 0) & (x == 1)


@declare.sampler(LogSeries)
def sample_log_series(xp: Namespace, draw: SamplingContext, probs: Array) -> Array:
    """Return geometric draws from 1 on, whose ratio 1 - (1 - p)^u is drawn.

    Source: Kemp, Applied Statistics 30 (1981)
    """
    draw.mark_not_reparameterized()
    log_ratio = log1mexp(xp, positive(xp, -xp.log1p(-probs) * draw.uniform(probs)))
    return 1 + xp.floor(xp.log(draw.uniform(probs)) / log_ratio)


@declare.formula(LogSeries, LogSeries)
def kl_log_series_log_series(xp: Namespace, probs_p: Array, probs_q: Array) -> Array:
    """log(log(1 - q) / log(1 - p)) + m log(p / q), with m = -p / ((1 - p) log(1 - p)).

    Source: the definition, as m is the mean of k under P
    """
    return log_series_gap(xp, probs_p, probs_q)


declare.expectations(
    LogSeries,
    # With -log(1 - p) = p (1 + rest): log(1 + rest) - (E k - 1) log p + E log k.
    entropy=lambda xp, p: (
        xp.log1p(log_series_rest(xp, p)) - log_series_mean_rest(xp, p) * xp.log(p) + log_series_mean_log(xp, p)
    ),
    mean=lambda xp, p: 1 + log_series_mean_rest(xp, p),
    variance=log_series_variance,
    log=log_series_mean_log,
    log_factorial=log_series_mean_log_factorial,
)


@declare.cross_entropy(LogSeries, "mean", "log")
def cross_entropy_log_series(xp: Namespace, e: Expectations, p: Array) -> Array:
    """log(-log(1 - p)) - E k log p + E log k - H(P).

    Source: the definition
    """
    return xp.log1p(log_series_rest(xp, p)) - (e("mean") - 1) * xp.log(p) + e("log")


@declare.interpolation(LogSeries)
def between_log_series(xp: Namespace, t: Array, probs_p: Array, probs_q: Array) -> LogSeries:
    """log(probs) is natural."""
    return LogSeries(geometric(xp, t, probs_p, probs_q))
