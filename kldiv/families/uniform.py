"""The uniform distribution: density 1 / (high - low) between low and high."""

from typing import Annotated, NamedTuple

from kldiv._divergence import register
from kldiv._families import density, family
from kldiv._kernels import log1p_ratio
from kldiv._protocol import Array, Namespace
from kldiv.domains import AboveLow, Real, Support


@family(Support("line", "low", "high"))
class Uniform(NamedTuple):
    """The uniform distribution between `low` and `high`.

    Examples
    --------
    >>> import kldiv
    >>> print(kldiv.kl_divergence(kldiv.Uniform(0.0, [1.0, 3.0]), kldiv.Uniform(0.0, 2.0)))
    [0.69314718        inf]
    """

    low: Annotated[Array, Real]
    high: Annotated[Array, AboveLow]

    @density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        return -xp.log(self.high - self.low) + 0 * x


@register(Uniform, Uniform)
def kl_uniform_uniform(xp: Namespace, low_p: Array, high_p: Array, low_q: Array, high_q: Array) -> Array:
    """log((high_q - low_q) / (high_p - low_p)) where P's interval lies inside Q's, infinite elsewhere.

    Source: statproofbook.github.io/P/cuni-kl
    """
    return log1p_ratio(xp, (high_q - high_p) + (low_p - low_q), high_p - low_p)
