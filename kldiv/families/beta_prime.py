"""The beta prime distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext, bounded_exp
from kldiv._numerics.beta import (
    beta_prime_deviation,
    beta_prime_distance,
    beta_prime_entropy,
    beta_prime_log,
    beta_prime_log1p,
    beta_prime_power,
)
from kldiv._numerics.special import betaln, trigamma
from kldiv.domains import POSITIVE, Positive
from kldiv.families.beta import Beta


@declare.family(POSITIVE)
class BetaPrime(NamedTuple):
    """The distribution of the odds t / (1 - t) of a beta variable t with `concentration1` and `concentration0`.

    Density, for x > 0, with a = concentration1 and b = concentration0::

        p(x) = x^(a - 1) (1 + x)^-(a + b) / B(a, b)

    Parameters
    ----------
    concentration1 : positive
        Shape near 0, ``a`` in SciPy.
    concentration0 : positive
        Tail index, ``b`` in SciPy.

    Notes
    -----
    The divergence is that of the beta distributions of t::

        KL(P || Q) = KL(Beta(a_p, b_p) || Beta(a_q, b_q))

    The same distribution elsewhere: ``scipy.stats.betaprime(a=concentration1, b=concentration0)``.

    Examples
    --------
    >>> import kldiv
    >>> round(float(kldiv.kl_divergence(kldiv.BetaPrime(1.0, 1.0), kldiv.BetaPrime(1.0, 2.0))), 6)
    0.306853
    """

    concentration1: Annotated[Array, Positive]
    concentration0: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        a, b = self
        return xp.xlogy(a - 1, x) - (a + b) * xp.log1p(x) - betaln(xp, a, b)


@declare.sampler(BetaPrime)
def sample_beta_prime(xp: Namespace, draw: SamplingContext, a: Array, b: Array) -> Array:
    """Return the ratio of two gamma variables."""
    return bounded_exp(xp, draw.log_gamma(xp, a) - draw.log_gamma(xp, b))


@declare.conversion(BetaPrime, Beta, shared="odds")
def beta_prime_as_beta(xp: Namespace, a: Array, b: Array) -> Beta:
    """x / (1 + x) is a beta variable, with the same parameters."""
    return Beta(a, b)


declare.expectations(
    BetaPrime,
    entropy=beta_prime_entropy,
    standard_deviation=beta_prime_deviation,
    distance=beta_prime_distance,
    log=beta_prime_log,
    log_variance=lambda xp, a, b: trigamma(xp, a) + trigamma(xp, b),
    log1p=beta_prime_log1p,
    power=lambda xp, k, s, a, b: beta_prime_power(xp, k, -xp.log(s), a, b),
)


@declare.cross_entropy(BetaPrime, "log", "log1p")
def cross_entropy_beta_prime(xp: Namespace, e: Expectations, a: Array, b: Array) -> Array:
    """log B(a, b) - (a - 1) E log x + (a + b) E log(1 + x) - H(P).

    Source: the definition
    """
    return betaln(xp, a, b) - e.times(a - 1, "log") + (a + b) * e("log1p", xp.ones_like(a))
