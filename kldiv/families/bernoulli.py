"""The Bernoulli distribution: mass p at 1 and 1 - p at 0."""

from math import inf
from typing import Annotated, NamedTuple

from kldiv._divergence import converts, register
from kldiv._families import density, family
from kldiv._kernels import bernoulli_logits_gap, entropy_gap, indicator, logit, sigmoid, softplus
from kldiv._protocol import Array, Namespace
from kldiv.domains import BITS, Logit, UnitInterval
from kldiv.families.poisson import Poisson


@family(BITS)
class Bernoulli(NamedTuple):
    """The Bernoulli distribution with probability `probs` of a 1.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.Bernoulli(0.0), kldiv.Bernoulli(0.5)))
    0.6931471805599453
    """

    probs: Annotated[Array, UnitInterval]

    @density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of `x`."""
        return xp.xlogy(x, self.probs) + xp.xlogy(1 - x, 1 - self.probs)

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether `x` has probability 1."""
        return (self.probs == x) & ((x == 0) | (x == 1))


@family(BITS)
class BernoulliLogits(NamedTuple):
    """The Bernoulli distribution with `logits` log(p / (1 - p)); an infinite logit is a certain outcome.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.BernoulliLogits(40.0), kldiv.BernoulliLogits(-40.0)))
    40.0
    """

    logits: Annotated[Array, Logit]

    @density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of `x`."""
        return -softplus(xp, (1 - 2 * x) * self.logits)

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether `x` has probability 1."""
        return (self.logits == (2 * x - 1) * inf) & ((x == 0) | (x == 1))


@register(Bernoulli, Bernoulli)
def kl_bernoulli_bernoulli(xp: Namespace, probs_p: Array, probs_q: Array) -> Array:
    """p log(p / q) + (1 - p) log((1 - p) / (1 - q)).

    Source: statproofbook.github.io/P/bern-kl
    """
    return entropy_gap(xp, probs_p, probs_q) + entropy_gap(xp, 1 - probs_p, 1 - probs_q, probs_p - probs_q)


@register(BernoulliLogits, BernoulliLogits)
def kl_bernoulli_logits_bernoulli_logits(xp: Namespace, logits_p: Array, logits_q: Array) -> Array:
    """log(1 - p + p exp(t)) - p t, with t the difference of the logits of Q and P.

    Source: statproofbook.github.io/P/bern-kl, with p = 1 / (1 + exp(-logit))
    """
    return bernoulli_logits_gap(xp, logits_p, logits_q)


@converts(Bernoulli, BernoulliLogits)
def bernoulli_as_bernoulli_logits(xp: Namespace, probs: Array) -> BernoulliLogits:
    """The logits cannot underflow, as the sigmoid of a logit can."""
    return BernoulliLogits(logit(xp, probs))


@register(Bernoulli, Poisson)
def kl_bernoulli_poisson(xp: Namespace, probs_p: Array, rate_q: Array) -> Array:
    """p log(p / r) + (1 - p) log(1 - p) + r, written as [p log(p / r) - p + r] + [(1 - p) log(1 - p) + p].

    Source: the definition, as only k = 0 and k = 1 have mass under P
    """
    return entropy_gap(xp, probs_p, rate_q) + entropy_gap(xp, 1 - probs_p, xp.ones_like(probs_p), probs_p)


@register(BernoulliLogits, Poisson)
def kl_bernoulli_logits_poisson(xp: Namespace, logits_p: Array, rate_q: Array) -> Array:
    """p log(p / r) + (1 - p) log(1 - p) + r, with p the sigmoid of the logit; inf at r = 0 even if p underflows.

    Source: the definition, as only k = 0 and k = 1 have mass under P
    """
    probs_p = sigmoid(xp, logits_p)
    possible = (rate_q > 0) | (logits_p == -inf)
    return kl_bernoulli_poisson(xp, probs_p, rate_q) + indicator(xp, possible, rate_q)


@register(Poisson, Bernoulli)
def kl_poisson_bernoulli(xp: Namespace, rate_p: Array, probs_q: Array) -> Array:
    """-log(1 - q) at rate 0, infinite otherwise.

    Source: the definition, as at rate 0 all mass is at 0, and otherwise some is beyond 1
    """
    return indicator(xp, rate_p == 0, rate_p) - xp.log1p(-probs_q)


@register(Poisson, BernoulliLogits)
def kl_poisson_bernoulli_logits(xp: Namespace, rate_p: Array, logits_q: Array) -> Array:
    """log(1 + exp(b)) at rate 0, infinite otherwise.

    Source: the definition, as at rate 0 all mass is at 0, and otherwise some is beyond 1
    """
    return indicator(xp, rate_p == 0, rate_p) + softplus(xp, logits_q)
