"""The discrete uniform distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.binomial import discrete_uniform_binomial_gap
from kldiv._numerics.categorical import sigmoid
from kldiv._numerics.edges import greater, lesser
from kldiv._numerics.gaps import log1p_ratio
from kldiv._numerics.generating_functions import discrete_uniform_cgf
from kldiv.domains import Integer, IntegerFromLow, Support
from kldiv.families.binomial import Binomial, BinomialLogits


@declare.family(Support("integers", "low", "high"))
class DiscreteUniform(NamedTuple):
    """The uniform distribution on the integers from `low` to `high`, both included.

    Mass, for k = low, low + 1, ..., high::

        P(k) = 1 / (high - low + 1)

    Parameters
    ----------
    low : integer
        Least outcome.
    high : integer, at least low
        Greatest outcome, ``high - 1`` in SciPy, where ``high`` is excluded.

    Notes
    -----
    The divergence is infinite unless the outcomes of P are among those of Q; then it is::

        KL(P || Q) = log((high_q - low_q + 1) / (high_p - low_p + 1))

    Source: statproofbook.github.io/P/duni-kl.

    The same distribution elsewhere: ``scipy.stats.randint(low=low, high=high + 1)``.

    Examples
    --------
    >>> import kldiv
    >>> print(kldiv.kl_divergence(kldiv.DiscreteUniform(1, [3, 9]), kldiv.DiscreteUniform(1, 6)))
    [0.69314718        inf]
    """

    low: Annotated[Array, Integer]
    high: Annotated[Array, IntegerFromLow]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of `x`."""
        return -xp.log(self.high - self.low + 1) + 0 * x

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether `x` has probability 1."""
        return (self.low == x) & (self.high == x)


@declare.sampler(DiscreteUniform)
def sample_discrete_uniform(xp: Namespace, draw: SamplingContext, low: Array, high: Array) -> Array:
    """Return low + floor(u (high - low + 1))."""
    draw.mark_not_reparameterized()
    return low + xp.floor(draw.uniform(low) * (high - low + 1))


@declare.formula(DiscreteUniform, DiscreteUniform)
def kl_discrete_uniform_discrete_uniform(
    xp: Namespace, low_p: Array, high_p: Array, low_q: Array, high_q: Array
) -> Array:
    """log((high_q - low_q + 1) / (high_p - low_p + 1)) where P's outcomes are among Q's, infinite elsewhere.

    Source: statproofbook.github.io/P/duni-kl
    """
    return log1p_ratio(xp, (high_q - high_p) + (low_p - low_q), high_p - low_p + 1)


@declare.formula(DiscreteUniform, Binomial)
def kl_discrete_uniform_binomial(xp: Namespace, low: Array, high: Array, total_count: Array, probs: Array) -> Array:
    """-log(high - low + 1) - E log C(n, k) - E k log p - (n - E k) log(1 - p).

    The means of log-factorials are integrals of the generating function.

    Source: the definition
    """
    return discrete_uniform_binomial_gap(xp, low, high, total_count, probs, 1 - probs)


@declare.formula(DiscreteUniform, BinomialLogits)
def kl_discrete_uniform_binomial_logits(
    xp: Namespace, low: Array, high: Array, total_count: Array, logits: Array
) -> Array:
    """-log(high - low + 1) - E log C(n, k) - E k log p - (n - E k) log(1 - p), with p the sigmoid of the logit.

    Source: the definition
    """
    return discrete_uniform_binomial_gap(xp, low, high, total_count, sigmoid(xp, logits), sigmoid(xp, -logits))


declare.expectations(
    DiscreteUniform,
    entropy=lambda xp, low, high: xp.log(high - low + 1),
    mean=lambda xp, low, high: low + 0.5 * (high - low),
    log_factorial_excess=lambda xp, low, high: discrete_uniform_cgf(xp, low, high).log_factorial_excess(),
    log_pochhammer_excess=lambda xp, r, low, high: discrete_uniform_cgf(xp, low, high).log_pochhammer_excess(r),
)


@declare.cross_entropy(DiscreteUniform)
def cross_entropy_discrete_uniform(xp: Namespace, e: Expectations, low: Array, high: Array) -> Array:
    """log(high - low + 1) - H(P).

    Source: the definition
    """
    return xp.log(high - low + 1)


@declare.interpolation(DiscreteUniform)
def between_discrete_uniforms(
    xp: Namespace, t: Array, low_p: Array, high_p: Array, low_q: Array, high_q: Array
) -> DiscreteUniform:
    """It is uniform where both are."""
    return DiscreteUniform(greater(xp, low_p, low_q), lesser(xp, high_p, high_q))
