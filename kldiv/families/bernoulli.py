"""The Bernoulli distribution, given by a probability, a logit or a probit."""

from math import inf
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.binomial import (
    bernoulli_entropy,
    bernoulli_factorial_excess,
    bernoulli_pochhammer_excess,
    probit_logit,
    probit_logit_difference,
)
from kldiv._numerics.categorical import bernoulli_logits_gap, sigmoid, softplus
from kldiv._numerics.edges import indicator, logit, xlog1my, xlogy
from kldiv._numerics.gaps import entropy_gap
from kldiv._numerics.interpolation import logit_geometric
from kldiv._numerics.special import log_ndtr
from kldiv.domains import BITS, Logit, Real, UnitInterval
from kldiv.families.poisson import Poisson


@declare.family(BITS)
class Bernoulli(NamedTuple):
    """The Bernoulli distribution with probability `probs` of a 1.

    Mass, for k = 0 or 1, with p = probs::

        P(k) = p^k (1 - p)^(1 - k)

    Parameters
    ----------
    probs : between 0 and 1
        Probability of a 1, ``p`` in SciPy.

    Notes
    -----
    With p and q the two probabilities::

        KL(P || Q) = p log(p / q) + (1 - p) log((1 - p) / (1 - q))

    Source: statproofbook.github.io/P/bern-kl.

    The same distribution elsewhere: ``scipy.stats.bernoulli(p=probs)``, ``torch.distributions.Bernoulli(probs)``,
    ``tfp.distributions.Bernoulli(probs=probs)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.Bernoulli(0.0), kldiv.Bernoulli(0.5)))
    0.6931471805599453
    """

    probs: Annotated[Array, UnitInterval]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of `x`."""
        return xlogy(xp, x, self.probs) + xlog1my(xp, 1 - x, self.probs)

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether `x` has probability 1."""
        return (self.probs == x) & ((x == 0) | (x == 1))


@declare.family(BITS)
class BernoulliLogits(NamedTuple):
    """The Bernoulli distribution, given by its `logits`; an infinite logit is a certain outcome.

    Mass, for k = 0 or 1, with p = 1 / (1 + exp(-logits))::

        P(k) = p^k (1 - p)^(1 - k)

    Parameters
    ----------
    logits : real or infinite
        Log odds of a 1, log(p / (1 - p)).

    Notes
    -----
    With t the logit of Q less that of P, and p the probability of P::

        KL(P || Q) = log(1 - p + p exp(t)) - p t

    Source: statproofbook.github.io/P/bern-kl, with p = 1 / (1 + exp(-logit)).

    The same distribution elsewhere: ``scipy.stats.bernoulli(p=scipy.special.expit(logits))``,
    ``torch.distributions.Bernoulli(logits=logits)``, ``tfp.distributions.Bernoulli(logits)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.BernoulliLogits(40.0), kldiv.BernoulliLogits(-40.0)))
    40.0
    """

    logits: Annotated[Array, Logit]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of `x`."""
        return -softplus(xp, (1 - 2 * x) * self.logits)

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether `x` has probability 1."""
        return (self.logits == (2 * x - 1) * inf) & ((x == 0) | (x == 1))


@declare.family(BITS)
class ProbitBernoulli(NamedTuple):
    """The Bernoulli distribution whose probability of a 1 is the standard normal distribution function at `probits`.

    Mass, for k = 0 or 1, with p = Phi(probits), and Phi the standard normal distribution function::

        P(k) = p^k (1 - p)^(1 - k)

    Parameters
    ----------
    probits : real
        Standard normal quantile of the probability of a 1.

    Notes
    -----
    With t the logit of Q less that of P, and p the probability of P::

        KL(P || Q) = log(1 - p + p exp(t)) - p t

    Source: statproofbook.github.io/P/bern-kl.

    The same distribution elsewhere: ``scipy.stats.bernoulli(p=scipy.special.ndtr(probits))``,
    ``tfp.distributions.ProbitBernoulli(probits)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.ProbitBernoulli(0.0), kldiv.ProbitBernoulli(1.0)))
    0.31374053145641123
    """

    probits: Annotated[Array, Real]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of `x`."""
        return log_ndtr(xp, (2 * x - 1) * self.probits)

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether `x` has probability 1: never."""
        return (self.probits == inf) & (x == inf)


@declare.sampler(BernoulliLogits)
def sample_bernoulli_logits(xp: Namespace, draw: SamplingContext, logits: Array) -> Array:
    """Return 1 where a uniform draw is below the probability."""
    draw.mark_not_reparameterized()
    return xp.astype(draw.uniform(logits) < sigmoid(xp, logits), logits.dtype)


@declare.formula(Bernoulli, Bernoulli)
def kl_bernoulli_bernoulli(xp: Namespace, probs_p: Array, probs_q: Array) -> Array:
    """p log(p / q) + (1 - p) log((1 - p) / (1 - q)).

    Source: statproofbook.github.io/P/bern-kl
    """
    return entropy_gap(xp, probs_p, probs_q) + entropy_gap(xp, 1 - probs_p, 1 - probs_q, probs_p - probs_q)


@declare.formula(BernoulliLogits, BernoulliLogits)
def kl_bernoulli_logits_bernoulli_logits(xp: Namespace, logits_p: Array, logits_q: Array) -> Array:
    """log(1 - p + p exp(t)) - p t, with t the difference of the logits of Q and P.

    Source: statproofbook.github.io/P/bern-kl, with p = 1 / (1 + exp(-logit))
    """
    return bernoulli_logits_gap(xp, logits_p, logits_q)


@declare.formula(ProbitBernoulli, ProbitBernoulli)
def kl_probit_bernoulli_probit_bernoulli(xp: Namespace, probits_p: Array, probits_q: Array) -> Array:
    """log(1 - p + p exp(t)) - p t, with t the difference of the logits of Q and P, and p the normal cdf of the probit.

    Source: statproofbook.github.io/P/bern-kl
    """
    t = probit_logit_difference(xp, probits_p, probits_q)
    return bernoulli_logits_gap(xp, probit_logit(xp, probits_p), probit_logit(xp, probits_q), t)


@declare.conversion(ProbitBernoulli, BernoulliLogits)
def probit_bernoulli_as_bernoulli_logits(xp: Namespace, probits: Array) -> BernoulliLogits:
    """The probability is the normal distribution function at the probit."""
    return BernoulliLogits(probit_logit(xp, probits))


@declare.conversion(Bernoulli, BernoulliLogits)
def bernoulli_as_bernoulli_logits(xp: Namespace, probs: Array) -> BernoulliLogits:
    """The logits cannot underflow, as the sigmoid of a logit can."""
    return BernoulliLogits(logit(xp, probs))


@declare.formula(Bernoulli, Poisson)
def kl_bernoulli_poisson(xp: Namespace, probs_p: Array, rate_q: Array) -> Array:
    """p log(p / r) + (1 - p) log(1 - p) + r, written as [p log(p / r) - p + r] + [(1 - p) log(1 - p) + p].

    Source: the definition, as only k = 0 and k = 1 have mass under P
    """
    return entropy_gap(xp, probs_p, rate_q) + entropy_gap(xp, 1 - probs_p, xp.ones_like(probs_p), probs_p)


@declare.formula(BernoulliLogits, Poisson)
def kl_bernoulli_logits_poisson(xp: Namespace, logits_p: Array, rate_q: Array) -> Array:
    """p log(p / r) + (1 - p) log(1 - p) + r, with p the sigmoid of the logit; inf at r = 0 even if p underflows.

    Source: the definition, as only k = 0 and k = 1 have mass under P
    """
    probs_p = sigmoid(xp, logits_p)
    possible = (rate_q > 0) | (logits_p == -inf)
    value = entropy_gap(xp, probs_p, rate_q) + entropy_gap(xp, sigmoid(xp, -logits_p), xp.ones_like(probs_p), probs_p)
    return value + indicator(xp, possible, rate_q)


declare.expectations(
    Bernoulli,
    entropy=lambda xp, p: bernoulli_entropy(xp, p, 1 - p),
    mean=lambda xp, p: p,
    log_factorial_excess=lambda xp, p: bernoulli_factorial_excess(xp, p),
    log_pochhammer_excess=lambda xp, r, p: bernoulli_pochhammer_excess(xp, r, p),
)
declare.expectations(
    BernoulliLogits,
    entropy=lambda xp, a: bernoulli_entropy(xp, sigmoid(xp, a), sigmoid(xp, -a)),
    mean=lambda xp, a: sigmoid(xp, a),
    log_factorial_excess=lambda xp, a: bernoulli_factorial_excess(xp, sigmoid(xp, a)),
    log_pochhammer_excess=lambda xp, r, a: bernoulli_pochhammer_excess(xp, r, sigmoid(xp, a)),
)


@declare.interpolation(BernoulliLogits)
def between_bernoulli_logits(xp: Namespace, t: Array, logits_p: Array, logits_q: Array) -> BernoulliLogits:
    """The logit is natural."""
    return BernoulliLogits(logit_geometric(xp, t, logits_p, logits_q))


@declare.interpolation(Bernoulli)
def between_bernoullis(xp: Namespace, t: Array, probs_p: Array, probs_q: Array) -> Bernoulli:
    """The logit is natural."""
    return Bernoulli(sigmoid(xp, logit_geometric(xp, t, logit(xp, probs_p), logit(xp, probs_q))))
