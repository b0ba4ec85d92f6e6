"""The beta-binomial distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.binomial import log_choose
from kldiv._numerics.special import betaln
from kldiv.domains import Count, Positive
from kldiv.families.beta import sample_beta
from kldiv.families.binomial import TO_TOTAL_COUNT


@declare.family(TO_TOTAL_COUNT)
class BetaBinomial(NamedTuple):
    """The successes in `total_count` trials whose probability is drawn from Beta(concentration1, concentration0).

    Mass, for k = 0, ..., n, with n = total_count, a = concentration1 and b = concentration0::

        P(k) = C(n, k) B(k + a, n - k + b) / B(a, b)

    Parameters
    ----------
    total_count : non-negative integer
        Number of trials, ``n`` in SciPy.
    concentration1 : positive
        Shape of the beta distribution at 1, ``a`` in SciPy.
    concentration0 : positive
        Shape of the beta distribution at 0, ``b`` in SciPy.

    Notes
    -----
    There is no closed form between two beta-binomial distributions; `kldiv.estimate` gives the divergence.

    The same distribution elsewhere: ``scipy.stats.betabinom(n=total_count, a=concentration1, b=concentration0)``,
    ``tfp.distributions.BetaBinomial(total_count, concentration1, concentration0)``.

    Examples
    --------
    >>> import kldiv
    >>> print(kldiv.kl_divergence(kldiv.Poisson([0.0, 1.0]), kldiv.BetaBinomial(1, 1.0, 1.0)))
    [0.69314718        inf]
    """

    total_count: Annotated[Array, Count]
    concentration1: Annotated[Array, Positive]
    concentration0: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of `x`."""
        n, a, b = self
        return log_choose(xp, n, x) + betaln(xp, x + a, n - x + b) - betaln(xp, a, b)

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether `x` has probability 1."""
        return (self.total_count == 0) & (x == 0)


@declare.sampler(BetaBinomial)
def sample_beta_binomial(xp: Namespace, draw: SamplingContext, total_count: Array, a: Array, b: Array) -> Array:
    """Return binomial draws whose probabilities are beta draws."""
    probs = sample_beta(xp, draw, a, b)
    return draw.binomial(total_count + xp.zeros_like(probs), probs, per_sample=True)
