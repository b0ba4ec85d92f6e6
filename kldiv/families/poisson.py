"""The Poisson distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.edges import log_factorial, xlogy
from kldiv._numerics.gaps import entropy_gap
from kldiv._numerics.generating_functions import poisson_cgf
from kldiv._numerics.interpolation import geometric
from kldiv._numerics.negative_binomial import poisson_entropy
from kldiv.domains import COUNTS, NonNegative


@declare.family(COUNTS)
class Poisson(NamedTuple):
    """The Poisson distribution with mean `rate`; at rate 0 it is a point mass at 0.

    Mass, for k = 0, 1, 2, ...::

        P(k) = rate^k exp(-rate) / k!

    Parameters
    ----------
    rate : non-negative
        Mean, ``mu`` in SciPy.

    Notes
    -----
    With r the rate::

        KL(P || Q) = r_p log(r_p / r_q) - r_p + r_q

    Source: the definition, as the mean of k under P is r_p.

    The same distribution elsewhere: ``scipy.stats.poisson(mu=rate)``, ``torch.distributions.Poisson(rate)``,
    ``tfp.distributions.Poisson(rate)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.Poisson(0.0), kldiv.Poisson(1.0)))
    1.0
    """

    rate: Annotated[Array, NonNegative]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of `x`."""
        return xlogy(xp, x, self.rate) - self.rate - log_factorial(xp, x)

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether `x` has probability 1."""
        return (self.rate == 0) & (x == 0)


@declare.sampler(Poisson)
def sample_poisson(xp: Namespace, draw: SamplingContext, rate: Array) -> Array:
    """Return what the framework draws."""
    return draw.poisson(rate)


@declare.formula(Poisson, Poisson)
def kl_poisson_poisson(xp: Namespace, rate_p: Array, rate_q: Array) -> Array:
    """r_p log(r_p / r_q) - r_p + r_q.

    Source: the definition, as the mean of k under P is r_p
    """
    return entropy_gap(xp, rate_p, rate_q)


declare.expectations(
    Poisson,
    entropy=lambda xp, rate: poisson_entropy(xp, rate),
    mean=lambda xp, rate: rate,
    log_factorial_excess=lambda xp, rate: poisson_cgf(xp, rate).log_factorial_excess(),
    log_pochhammer_excess=lambda xp, r, rate: poisson_cgf(xp, rate).log_pochhammer_excess(r),
)


@declare.cross_entropy(Poisson, "mean", "log_factorial_excess")
def cross_entropy_poisson(xp: Namespace, e: Expectations, rate: Array) -> Array:
    """rate - E k log(rate) + E log k! - H(P).

    Source: the definition
    """
    return entropy_gap(xp, e("mean"), rate) + e("log_factorial_excess")


@declare.interpolation(Poisson)
def between_poissons(xp: Namespace, t: Array, rate_p: Array, rate_q: Array) -> Poisson:
    """The logarithm of the rate is natural."""
    return Poisson(geometric(xp, t, rate_p, rate_q))
