"""The multinomial distribution, given by probabilities or logits."""

from math import inf
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext, known_length
from kldiv._numerics.categorical import (
    are_counts,
    categorical_gap,
    categorical_logits_gap,
    equal_counts_gap,
    is_only_count,
    log_choices,
    log_softmax,
    normalized,
)
from kldiv._numerics.edges import indicator, log, log_factorial
from kldiv._numerics.interpolation import geometric, log_geometric
from kldiv.domains import CLASS_COUNTS, Count, Logits, Simplex
from kldiv.families.one_hot_categorical import OneHotCategorical, OneHotCategoricalLogits


def _log_mass(xp: Namespace, x: Array, total_count: Array, log_probs: Array) -> Array:
    choices = log_factorial(xp, total_count) - xp.sum(log_factorial(xp, x), axis=-1)
    possible = are_counts(xp, x, total_count)
    return choices + log_choices(xp, log_probs, x) - indicator(xp, possible, total_count)


@declare.family(CLASS_COUNTS)
class Multinomial(NamedTuple):
    """The numbers of draws of each class among `total_count` draws with probabilities `probs` along the last axis.

    Mass, for counts x that sum to n = total_count::

        P(x) = n! prod_k probs[k]^x_k / x_k!

    Parameters
    ----------
    total_count : non-negative integer
        Number of draws, ``n`` in SciPy.
    probs : vector of probabilities
        Probabilities of the classes, ``p`` in SciPy.

    Notes
    -----
    The divergence is infinite unless the total counts n are equal; then, with p and q the probabilities::

        KL(P || Q) = n sum_k p_k log(p_k / q_k)

    Source: the definition, as the draws are independent.

    The same distribution elsewhere: ``scipy.stats.multinomial(n=total_count, p=probs)``,
    ``torch.distributions.Multinomial(total_count, probs)``, ``tfp.distributions.Multinomial(total_count,
    probs=probs)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.Multinomial(3, [0.0, 1.0]), kldiv.Multinomial(3, [0.5, 0.5])))
    2.0794415416798357
    """

    total_count: Annotated[Array, Count]
    probs: Annotated[Array, Simplex]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of the counts `x`."""
        return _log_mass(xp, x, self.total_count, log(xp, normalized(xp, self.probs)))

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether the counts `x` have probability 1."""
        return is_only_count(xp, self.probs > 0, self.total_count, x)


@declare.family(CLASS_COUNTS)
class MultinomialLogits(NamedTuple):
    """The numbers of draws of each class among `total_count` draws with probabilities softmax(`logits`).

    Mass, for counts x that sum to n = total_count, with p = softmax(logits) along the last axis::

        P(x) = n! prod_k p_k^x_k / x_k!

    Parameters
    ----------
    total_count : non-negative integer
        Number of draws, ``n`` in SciPy.
    logits : vector, real or -inf
        Log probabilities of the classes, up to a constant; -inf is a class of probability 0.

    Notes
    -----
    The divergence is infinite unless the total counts n are equal; then, with a and b the logits::

        KL(P || Q) = n KL(softmax(a) || softmax(b))

    Source: the definition, as the draws are independent.

    The same distribution elsewhere: ``scipy.stats.multinomial(n=total_count, p=scipy.special.softmax(logits))``,
    ``torch.distributions.Multinomial(total_count, logits=logits)``, ``tfp.distributions.Multinomial(total_count,
    logits)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.MultinomialLogits(2, [0.0, 0.0]), kldiv.MultinomialLogits(3, [0.0, 0.0])))
    inf
    """

    total_count: Annotated[Array, Count]
    logits: Annotated[Array, Logits]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of the counts `x`."""
        return _log_mass(xp, x, self.total_count, log_softmax(xp, self.logits))

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether the counts `x` have probability 1."""
        return is_only_count(xp, self.logits > -inf, self.total_count, x)


@declare.sampler(MultinomialLogits)
def sample_multinomial_logits(xp: Namespace, draw: SamplingContext, total_count: Array, logits: Array) -> Array:
    """Return binomial draws for one class after the other, of what is left and the share of the class in the rest."""
    probs = xp.exp(log_softmax(xp, logits))
    rest = xp.flip(xp.cumulative_sum(xp.flip(probs, axis=(-1,)), axis=-1), axis=(-1,))
    share = xp.where(rest > 0, probs / xp.where(rest > 0, rest, 1.0), 1.0)
    counts = [draw.binomial(total_count, share[..., 0])]
    left = total_count - counts[0]
    for k in range(1, known_length(xp, logits, -1)):
        counts.append(draw.binomial(left, share[..., k] + xp.zeros_like(left), per_sample=True))
        left = left - counts[-1]
    return xp.concat([count[..., None] for count in counts], axis=-1)


@declare.formula(Multinomial, Multinomial)
def kl_multinomial_multinomial(xp: Namespace, count_p: Array, probs_p: Array, count_q: Array, probs_q: Array) -> Array:
    """n sum_k p_k log(p_k / q_k) for equal total counts n, infinite elsewhere, as counts differ in their sum.

    Source: the definition, as the draws are independent
    """
    return equal_counts_gap(xp, count_p, count_q, categorical_gap(xp, probs_p, probs_q))


@declare.formula(MultinomialLogits, MultinomialLogits)
def kl_multinomial_logits_multinomial_logits(
    xp: Namespace, count_p: Array, logits_p: Array, count_q: Array, logits_q: Array
) -> Array:
    """n KL(softmax(a) || softmax(b)) for equal total counts n, infinite elsewhere, as counts differ in their sum.

    Source: the definition, as the draws are independent
    """
    return equal_counts_gap(xp, count_p, count_q, categorical_logits_gap(xp, logits_p, logits_q))


@declare.conversion(Multinomial, MultinomialLogits)
def multinomial_as_multinomial_logits(xp: Namespace, total_count: Array, probs: Array) -> MultinomialLogits:
    """The logits cannot underflow, as a softmax can."""
    return MultinomialLogits(total_count, log(xp, probs))


@declare.conversion(OneHotCategorical, Multinomial)
def one_hot_categorical_as_multinomial(xp: Namespace, probs: Array) -> Multinomial:
    """A single draw."""
    return Multinomial(xp.ones_like(probs[..., 0]), probs)


@declare.conversion(OneHotCategoricalLogits, MultinomialLogits)
def one_hot_categorical_logits_as_multinomial_logits(xp: Namespace, logits: Array) -> MultinomialLogits:
    """A single draw."""
    return MultinomialLogits(xp.ones_like(logits[..., 0]), logits)


@declare.interpolation(MultinomialLogits, equal=("total_count",))
def between_multinomial_logits(
    xp: Namespace, t: Array, n_p: Array, logits_p: Array, n_q: Array, logits_q: Array
) -> MultinomialLogits:
    """Logits are natural, for one count."""
    return MultinomialLogits(n_p, log_geometric(xp, t[..., None], logits_p, logits_q))


@declare.interpolation(Multinomial, equal=("total_count",))
def between_multinomials(
    xp: Namespace, t: Array, n_p: Array, probs_p: Array, n_q: Array, probs_q: Array
) -> Multinomial:
    """The logarithms of probabilities are natural, for one count."""
    return Multinomial(n_p, normalized(xp, geometric(xp, t[..., None], probs_p, probs_q)))
