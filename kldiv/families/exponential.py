"""The exponential distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.gaps import relative_gap
from kldiv.domains import POSITIVE, Positive
from kldiv.families.gamma import Gamma


@declare.family(POSITIVE)
class Exponential(NamedTuple):
    """The exponential distribution with mean 1 / `rate`.

    Density, for x > 0::

        p(x) = rate exp(-rate x)

    Parameters
    ----------
    rate : positive
        One over the mean, ``1 / scale`` in SciPy.

    Notes
    -----
    With r = rate_q / rate_p::

        KL(P || Q) = r - 1 - log r

    Source: statproofbook.github.io/P/gam-kl, at concentrations 1.

    The same distribution elsewhere: ``scipy.stats.expon(scale=1 / rate)``, ``torch.distributions.Exponential(rate)``,
    ``tfp.distributions.Exponential(rate)``.

    Examples
    --------
    >>> import kldiv
    >>> round(float(kldiv.kl_divergence(kldiv.Exponential(1.0), kldiv.Exponential(2.0))), 12)
    0.30685281944
    """

    rate: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        return xp.log(self.rate) - self.rate * x


@declare.sampler(Exponential)
def sample_exponential(xp: Namespace, draw: SamplingContext, rate: Array) -> Array:
    """Return -log(u) / rate."""
    return -xp.log(draw.uniform(rate)) / rate


@declare.formula(Exponential, Exponential)
def kl_exponential_exponential(xp: Namespace, rate_p: Array, rate_q: Array) -> Array:
    """r - 1 - log r, with r = rate_q / rate_p.

    Source: statproofbook.github.io/P/gam-kl, at concentrations 1
    """
    return relative_gap(xp, rate_q, rate_p)


@declare.conversion(Exponential, Gamma)
def exponential_as_gamma(xp: Namespace, rate: Array) -> Gamma:
    """The concentration is 1."""
    return Gamma(xp.ones_like(rate), rate)


@declare.cross_entropy(Exponential, "mean")
def cross_entropy_exponential(xp: Namespace, e: Expectations, rate: Array) -> Array:
    """-log r + r E x - H(P).

    Source: the definition
    """
    return -xp.log(rate) + rate * e("mean")
