"""The binomial distribution, given by a probability or a logit."""

from math import inf
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.binomial import (
    binomial_count_gap,
    binomial_divergence_from_poisson,
    binomial_entropy,
    binomial_gap,
    log_choose,
    thinned_logits_gap,
)
from kldiv._numerics.categorical import sigmoid, softplus
from kldiv._numerics.edges import logit, multiple, xlog1my, xlogy
from kldiv._numerics.gaps import entropy_gap
from kldiv._numerics.generating_functions import binomial_cgf
from kldiv._numerics.interpolation import logit_geometric
from kldiv.domains import Count, Logit, Support, UnitInterval
from kldiv.families.bernoulli import Bernoulli, BernoulliLogits
from kldiv.families.poisson import Poisson

TO_TOTAL_COUNT = Support("integers", 0.0, "total_count")


@declare.family(TO_TOTAL_COUNT)
class Binomial(NamedTuple):
    """The number of successes in `total_count` independent trials, each with probability `probs`.

    Mass, for k = 0, ..., n, with n = total_count and p = probs::

        P(k) = C(n, k) p^k (1 - p)^(n - k)

    Parameters
    ----------
    total_count : non-negative integer
        Number of trials, ``n`` in SciPy.
    probs : between 0 and 1
        Probability of a success, ``p`` in SciPy.

    Notes
    -----
    With p and q the two probabilities, where the last two terms vanish at equal counts::

        KL(P || Q) = n_p p log(p / q) + n_p (1 - p) log((1 - p) / (1 - q))
                   - (n_q - n_p) log(1 - q) + E_P log(C(n_p, k) / C(n_q, k))

    Source: statproofbook.github.io/P/bin-kl.

    The same distribution elsewhere: ``scipy.stats.binom(n=total_count, p=probs)``,
    ``torch.distributions.Binomial(total_count, probs)``, ``tfp.distributions.Binomial(total_count, probs=probs)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.Binomial(5, 1.0), kldiv.Binomial(5, 0.5)))
    3.4657359027997265
    """

    total_count: Annotated[Array, Count]
    probs: Annotated[Array, UnitInterval]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of `x`."""
        n, p = self
        return log_choose(xp, n, x) + xlogy(xp, x, p) + xlog1my(xp, n - x, p)

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether `x` has probability 1."""
        n, p = self
        return ((p == 0) & (x == 0)) | ((p == 1) & (x == n)) | ((n == 0) & (x == 0))


@declare.family(TO_TOTAL_COUNT)
class BinomialLogits(NamedTuple):
    """The number of successes in `total_count` independent trials, with `logits` log(p / (1 - p)) of a success.

    Mass, for k = 0, ..., n, with n = total_count and p = 1 / (1 + exp(-logits))::

        P(k) = C(n, k) p^k (1 - p)^(n - k)

    Parameters
    ----------
    total_count : non-negative integer
        Number of trials, ``n`` in SciPy.
    logits : real or infinite
        Log odds of a success, log(p / (1 - p)).

    Notes
    -----
    With p and q the two probabilities, where the last two terms vanish at equal counts::

        KL(P || Q) = n_p p log(p / q) + n_p (1 - p) log((1 - p) / (1 - q))
                   - (n_q - n_p) log(1 - q) + E_P log(C(n_p, k) / C(n_q, k))

    Source: statproofbook.github.io/P/bin-kl, with p = 1 / (1 + exp(-logit)).

    The same distribution elsewhere: ``scipy.stats.binom(n=total_count, p=scipy.special.expit(logits))``,
    ``torch.distributions.Binomial(total_count, logits=logits)``, ``tfp.distributions.Binomial(total_count, logits)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.BinomialLogits(3, 40.0), kldiv.BinomialLogits(3, -40.0)))
    120.0
    """

    total_count: Annotated[Array, Count]
    logits: Annotated[Array, Logit]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of `x`."""
        n, a = self
        return log_choose(xp, n, x) - multiple(xp, x, softplus(xp, -a)) - multiple(xp, n - x, softplus(xp, a))

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether `x` has probability 1."""
        n, a = self
        return ((a == -inf) & (x == 0)) | ((a == inf) & (x == n)) | ((n == 0) & (x == 0))


@declare.sampler(BinomialLogits)
def sample_binomial_logits(xp: Namespace, draw: SamplingContext, total_count: Array, logits: Array) -> Array:
    """Return what the framework draws."""
    return draw.binomial(total_count, sigmoid(xp, logits))


@declare.formula(Binomial, Binomial)
def kl_binomial_binomial(xp: Namespace, n_p: Array, probs_p: Array, n_q: Array, probs_q: Array) -> Array:
    """n_p p log(p / q) + n_p (1 - p) log((1 - p) / (1 - q)) - (n_q - n_p) log(1 - q) + E log(C(n_p, k) / C(n_q, k)).

    The last two terms vanish at equal counts. Otherwise it is the divergence to the distribution of the same mean as P,
    and that from there to Q; the mean of log-factorials is an integral of the generating function.

    Source: statproofbook.github.io/P/bin-kl
    """
    return binomial_gap(xp, n_p, probs_p, n_q, probs_q)


@declare.formula(BinomialLogits, BinomialLogits)
def kl_binomial_logits_binomial_logits(
    xp: Namespace, n_p: Array, logits_p: Array, n_q: Array, logits_q: Array
) -> Array:
    """n_p times the divergence of Bernoulli distributions, - (n_q - n_p) log(1 - q) + E log(C(n_p, k) / C(n_q, k)).

    Source: statproofbook.github.io/P/bin-kl, with p = 1 / (1 + exp(-logit))
    """
    same = multiple(xp, n_q, thinned_logits_gap(xp, n_p, logits_p, n_q, logits_q))
    return same + binomial_count_gap(xp, n_p, sigmoid(xp, logits_p), sigmoid(xp, -logits_p), n_q)


@declare.formula(Binomial, Poisson)
def kl_binomial_poisson(xp: Namespace, total_count: Array, probs: Array, rate: Array) -> Array:
    """[n p log(n p / r) - n p + r] + n p + n (1 - p) log(1 - p) + E log(n! / ((n - k)! n^k)).

    The first part is the divergence between Poisson distributions, the second that to the one of the same mean, an
    integral of the generating function.

    Source: the definition
    """
    shortfall = binomial_divergence_from_poisson(xp, total_count, probs, 1 - probs)
    return entropy_gap(xp, total_count * probs, rate) + shortfall


@declare.formula(BinomialLogits, Poisson)
def kl_binomial_logits_poisson(xp: Namespace, total_count: Array, logits: Array, rate: Array) -> Array:
    """[n p log(n p / r) - n p + r] + n p + n (1 - p) log(1 - p) + E log(n! / ((n - k)! n^k)), p = sigmoid(logit).

    Source: the definition
    """
    p = sigmoid(xp, logits)
    return entropy_gap(xp, total_count * p, rate) + binomial_divergence_from_poisson(
        xp, total_count, p, sigmoid(xp, -logits)
    )


@declare.conversion(Binomial, BinomialLogits)
def binomial_as_binomial_logits(xp: Namespace, total_count: Array, probs: Array) -> BinomialLogits:
    """The logits cannot underflow, as the sigmoid of a logit can."""
    return BinomialLogits(total_count, logit(xp, probs))


@declare.conversion(Bernoulli, Binomial)
def bernoulli_as_binomial(xp: Namespace, probs: Array) -> Binomial:
    """One trial."""
    return Binomial(xp.ones_like(probs), probs)


@declare.conversion(BernoulliLogits, BinomialLogits)
def bernoulli_logits_as_binomial_logits(xp: Namespace, logits: Array) -> BinomialLogits:
    """One trial."""
    return BinomialLogits(xp.ones_like(logits), logits)


declare.expectations(
    Binomial,
    entropy=lambda xp, n, p: binomial_entropy(xp, n, p, 1 - p),
    mean=lambda xp, n, p: n * p,
    log_factorial_excess=lambda xp, n, p: binomial_cgf(xp, n, p, 1 - p).log_factorial_excess(),
    log_pochhammer_excess=lambda xp, r, n, p: binomial_cgf(xp, n, p, 1 - p).log_pochhammer_excess(r),
)
declare.expectations(
    BinomialLogits,
    entropy=lambda xp, n, a: binomial_entropy(xp, n, sigmoid(xp, a), sigmoid(xp, -a)),
    mean=lambda xp, n, a: n * sigmoid(xp, a),
    log_factorial_excess=lambda xp, n, a: binomial_cgf(xp, n, sigmoid(xp, a), sigmoid(xp, -a)).log_factorial_excess(),
    log_pochhammer_excess=lambda xp, r, n, a: binomial_cgf(
        xp, n, sigmoid(xp, a), sigmoid(xp, -a)
    ).log_pochhammer_excess(r),
)


@declare.interpolation(BinomialLogits, equal=("total_count",))
def between_binomial_logits(
    xp: Namespace, t: Array, n_p: Array, logits_p: Array, n_q: Array, logits_q: Array
) -> BinomialLogits:
    """The logit is natural, for one count."""
    return BinomialLogits(n_p, logit_geometric(xp, t, logits_p, logits_q))


@declare.interpolation(Binomial, equal=("total_count",))
def between_binomials(xp: Namespace, t: Array, n_p: Array, probs_p: Array, n_q: Array, probs_q: Array) -> Binomial:
    """The logit is natural, for one count."""
    return Binomial(n_p, sigmoid(xp, logit_geometric(xp, t, logit(xp, probs_p), logit(xp, probs_q))))
