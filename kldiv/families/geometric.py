"""The geometric distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.edges import xlog1my
from kldiv._numerics.generating_functions import negative_binomial_cgf
from kldiv._numerics.interpolation import linear
from kldiv._numerics.negative_binomial import geometric_entropy, geometric_gap, odds_gap
from kldiv.domains import COUNTS, LeftOpenUnitInterval


@declare.family(COUNTS)
class Geometric(NamedTuple):
    """The number of failures before the first success, which has probability `probs` each time.

    Mass, for k = 0, 1, 2, ...::

        P(k) = probs (1 - probs)^k

    Parameters
    ----------
    probs : above 0 and at most 1
        Probability of a success, ``p`` in SciPy, which counts the success too.

    Notes
    -----
    With p and q the two probabilities::

        KL(P || Q) = log(p / q) + (1 - p) / p log((1 - p) / (1 - q))

    Source: the definition, as the mean of k under P is (1 - p) / p.

    The same distribution elsewhere: ``scipy.stats.geom(p=probs, loc=-1)``, ``torch.distributions.Geometric(probs)``,
    ``tfp.distributions.Geometric(probs=probs)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.Geometric(0.5), kldiv.Geometric(0.25)))
    0.2876820724517809
    """

    probs: Annotated[Array, LeftOpenUnitInterval]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of `x`."""
        return xp.log(self.probs) + xlog1my(xp, x, self.probs)

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether `x` has probability 1."""
        return (self.probs == 1) & (x == 0)


@declare.sampler(Geometric)
def sample_geometric(xp: Namespace, draw: SamplingContext, probs: Array) -> Array:
    """Return floor(log(u) / log(1 - p))."""
    draw.mark_not_reparameterized()
    certain = probs == 1
    count = xp.floor(xp.log(draw.uniform(probs)) / xp.log1p(-xp.where(certain, 0.5, probs)))
    return xp.where(certain, 0.0, count)


@declare.formula(Geometric, Geometric)
def kl_geometric_geometric(xp: Namespace, probs_p: Array, probs_q: Array) -> Array:
    """log(p / q) + (1 - p) / p log((1 - p) / (1 - q)), written as the divergence of Bernoulli distributions over p.

    Source: the definition, as the mean of k under P is (1 - p) / p
    """
    return geometric_gap(xp, probs_p, probs_q)


declare.expectations(
    Geometric,
    entropy=lambda xp, p: geometric_entropy(xp, (1 - p) / p),
    mean=lambda xp, p: (1 - p) / p,
    log_factorial_excess=lambda xp, p: negative_binomial_cgf(xp, xp.ones_like(p), 1 - p, p).log_factorial_excess(),
    log_pochhammer_excess=lambda xp, r, p: negative_binomial_cgf(xp, xp.ones_like(p), 1 - p, p).log_pochhammer_excess(
        r
    ),
)


@declare.cross_entropy(Geometric, "mean")
def cross_entropy_geometric(xp: Namespace, e: Expectations, probs: Array) -> Array:
    """-log p - E k log(1 - p) - H(P).

    Source: the definition
    """
    m = e("mean")
    return odds_gap(xp, m, xp.ones_like(probs), 1 - probs, probs) + geometric_entropy(xp, m)


@declare.interpolation(Geometric)
def between_geometrics(xp: Namespace, t: Array, probs_p: Array, probs_q: Array) -> Geometric:
    """log(1 - probs) is natural."""
    return Geometric(-xp.expm1(linear(xp, t, xp.log1p(-probs_p), xp.log1p(-probs_q))))
