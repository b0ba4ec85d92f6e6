"""The Poisson distribution: mass rate^k exp(-rate) / k! on 0, 1, 2, ..."""

from typing import Annotated, NamedTuple

from kldiv._divergence import register
from kldiv._families import density, family
from kldiv._kernels import entropy_gap, log_factorial
from kldiv._protocol import Array, Namespace
from kldiv.domains import COUNTS, NonNegative


@family(COUNTS)
class Poisson(NamedTuple):
    """The Poisson distribution with mean `rate`; at rate 0 it is a point mass at 0.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.Poisson(0.0), kldiv.Poisson(1.0)))
    1.0
    """

    rate: Annotated[Array, NonNegative]

    @density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of `x`."""
        return xp.xlogy(x, self.rate) - self.rate - log_factorial(xp, x)

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether `x` has probability 1."""
        return (self.rate == 0) & (x == 0)


@register(Poisson, Poisson)
def kl_poisson_poisson(xp: Namespace, rate_p: Array, rate_q: Array) -> Array:
    """r_p log(r_p / r_q) - r_p + r_q.

    Source: the definition, as the mean of k under P is r_p
    """
    return entropy_gap(xp, rate_p, rate_q)
