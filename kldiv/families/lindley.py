"""The Lindley distribution."""

from math import pi
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.interpolation import linear
from kldiv._numerics.lindley import lindley_distance, lindley_exponential, lindley_gap, lindley_log1p, lindley_power
from kldiv._numerics.special import EULER
from kldiv.domains import POSITIVE, Positive


@declare.family(POSITIVE)
class Lindley(NamedTuple):
    """The Lindley distribution: an exponential variable, plus a second one with probability 1 / (1 + rate).

    Density, for x > 0::

        p(x) = rate^2 / (1 + rate) (1 + x) exp(-rate x)

    Parameters
    ----------
    rate : positive
        Rate of the exponential variables.

    Notes
    -----
    With r = rate_q / rate_p and s = (1 + rate_q) / (1 + rate_p)::

        KL(P || Q) = 2 [r - 1 - log r] - [s - 1 - log s]

    Source: the definition, as E x = 2 / rate - 1 / (1 + rate).

    Examples
    --------
    >>> import kldiv
    >>> round(float(kldiv.kl_divergence(kldiv.Lindley(1.0), kldiv.Lindley(2.0))), 6)
    0.519171
    """

    rate: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        return 2 * xp.log(self.rate) - xp.log1p(self.rate) + xp.log1p(x) - self.rate * x


@declare.sampler(Lindley)
def sample_lindley(xp: Namespace, draw: SamplingContext, rate: Array) -> Array:
    """Return an exponential variable, plus a second one with probability 1 / (1 + rate)."""
    draw.mark_not_reparameterized()
    both = draw.uniform(rate) * (1 + rate) < 1
    first, second = xp.log(draw.uniform(rate)), xp.log(draw.uniform(rate))
    return -(first + xp.where(both, second, 0.0)) / rate


@declare.formula(Lindley, Lindley)
def kl_lindley_lindley(xp: Namespace, rate_p: Array, rate_q: Array) -> Array:
    """2 [r - 1 - log r] - [s - 1 - log s], with r = r_q / r_p and s = (1 + r_q) / (1 + r_p).

    Source: the definition, as E x = 2 / r - 1 / (1 + r) under P
    """
    return lindley_gap(xp, rate_p, rate_q)


def _mean(xp: Namespace, rate: Array) -> Array:
    return (1 + 1 / (1 + rate)) / rate


def _entropy(xp: Namespace, rate: Array) -> Array:
    log1p = lindley_log1p(xp, xp.ones_like(rate), rate)
    return xp.log1p(rate) - 2 * xp.log(rate) - log1p + (1 + 1 / (1 + rate))


declare.expectations(
    Lindley,
    entropy=_entropy,
    mean=_mean,
    standard_deviation=lambda xp, rate: xp.sqrt(2 - rate / (1 + rate) * (rate / (1 + rate))) / rate,
    distance=lindley_distance,
    log=lambda xp, rate: 1 / (1 + rate) - EULER - xp.log(rate),
    log_variance=lambda xp, rate: pi * pi / 6 - 1 / (1 + rate) / (1 + rate),
    log1p=lindley_log1p,
    power=lindley_power,
    exponential=lindley_exponential,
)


@declare.cross_entropy(Lindley, "mean", "log1p")
def cross_entropy_lindley(xp: Namespace, e: Expectations, rate: Array) -> Array:
    """log((1 + r) / r^2) - E log(1 + x) + r E x - H(P).

    Source: the definition
    """
    return xp.log1p(rate) - 2 * xp.log(rate) - e("log1p", xp.ones_like(rate)) + rate * e("mean")


@declare.interpolation(Lindley)
def between_lindleys(xp: Namespace, t: Array, rate_p: Array, rate_q: Array) -> Lindley:
    """The rate is natural."""
    return Lindley(linear(xp, t, rate_p, rate_q))
