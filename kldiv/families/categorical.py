"""The categorical distribution, given by probabilities or logits."""

from math import inf
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.categorical import (
    categorical_gap,
    categorical_logits_gap,
    is_only_class,
    log_softmax,
    normalized,
    select_class,
)
from kldiv._numerics.edges import log
from kldiv._numerics.interpolation import geometric, log_geometric
from kldiv.domains import CLASSES, Logits, Simplex


@declare.family(CLASSES)
class Categorical(NamedTuple):
    """The categorical distribution with probabilities `probs` along the last axis.

    Mass, for k = 0, ..., K - 1, with K classes::

        P(k) = probs[k]

    Parameters
    ----------
    probs : vector of probabilities
        Probabilities of the classes. They must sum to 1 within the square root of their dtype's eps, and are divided by
        their exact sum. Classes are along the last axis: of images (B, C, H, W) pass ``moveaxis(probs, 1, -1)``.

    Notes
    -----
    With p and q the two vectors of probabilities::

        KL(P || Q) = sum_k p_k log(p_k / q_k)

    Source: statproofbook.github.io/D/kl.

    The same distribution elsewhere: ``torch.distributions.Categorical(probs)``,
    ``tfp.distributions.Categorical(probs=probs)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.Categorical([0.1, 0.2, 0.3, 0.4]), kldiv.Categorical([0.25, 0.25, 0.25, 0.25])))
    0.10644013528622314
    """

    probs: Annotated[Array, Simplex]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of class `x`."""
        return select_class(xp, log(xp, self.probs) - xp.log(xp.sum(self.probs, axis=-1, keepdims=True)), x)

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether class `x` has probability 1."""
        return is_only_class(xp, self.probs > 0, x)


@declare.family(CLASSES)
class CategoricalLogits(NamedTuple):
    """The categorical distribution with probabilities softmax(`logits`) along the last axis.

    Mass, for k = 0, ..., K - 1, with K classes::

        P(k) = exp(logits[k]) / sum_j exp(logits[j])

    Parameters
    ----------
    logits : vector, real or -inf
        Log probabilities of the classes, up to a constant; -inf is a class of probability 0. Classes are along the last
        axis: of images (B, C, H, W) pass ``moveaxis(logits, 1, -1)``.

    Notes
    -----
    With p = softmax(a), and t = b - a the logits b of Q less the logits a of P::

        KL(P || Q) = log(sum_k p_k exp(t_k)) - sum_k p_k t_k

    Source: statproofbook.github.io/D/kl, with log p = a - log sum exp a.

    The same distribution elsewhere: ``torch.distributions.Categorical(logits=logits)``,
    ``tfp.distributions.Categorical(logits)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.CategoricalLogits([0.0, -1000.0]), kldiv.CategoricalLogits([0.0, 0.0])))
    0.6931471805599453
    """

    logits: Annotated[Array, Logits]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of class `x`."""
        return select_class(xp, log_softmax(xp, self.logits), x)

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether class `x` has probability 1."""
        return is_only_class(xp, self.logits > -inf, x)


@declare.sampler(Categorical)
def sample_categorical(xp: Namespace, draw: SamplingContext, probs: Array, *, per_sample: bool = False) -> Array:
    """Return how many of the cumulative probabilities a uniform draw has passed."""
    draw.mark_not_reparameterized()
    total = xp.cumulative_sum(probs, axis=-1)
    u = draw.uniform(total[..., 0], per_sample=per_sample)[..., None] * total[..., -1:]
    return xp.sum(xp.astype(u >= total, probs.dtype), axis=-1)


@declare.sampler(CategoricalLogits)
def sample_categorical_logits(xp: Namespace, draw: SamplingContext, logits: Array) -> Array:
    """Return how many of the cumulative probabilities a uniform draw has passed."""
    return sample_categorical(xp, draw, xp.exp(log_softmax(xp, logits)))


@declare.formula(Categorical, Categorical)
def kl_categorical_categorical(xp: Namespace, probs_p: Array, probs_q: Array) -> Array:
    """sum_k p_k log(p_k / q_k), written as sum_k [p_k log(p_k / q_k) - p_k + q_k].

    Source: statproofbook.github.io/D/kl
    """
    return categorical_gap(xp, probs_p, probs_q)


@declare.formula(CategoricalLogits, CategoricalLogits)
def kl_categorical_logits_categorical_logits(xp: Namespace, logits_p: Array, logits_q: Array) -> Array:
    """log sum_k p_k exp(t_k) - sum_k p_k t_k, with p = softmax(a) and t = b - a the difference of the logits.

    Source: statproofbook.github.io/D/kl, with log p = a - log sum exp a
    """
    return categorical_logits_gap(xp, logits_p, logits_q)


@declare.conversion(Categorical, CategoricalLogits)
def categorical_as_categorical_logits(xp: Namespace, probs: Array) -> CategoricalLogits:
    """The logits cannot underflow, as a softmax can."""
    return CategoricalLogits(log(xp, probs))


@declare.interpolation(CategoricalLogits)
def between_categorical_logits(xp: Namespace, t: Array, logits_p: Array, logits_q: Array) -> CategoricalLogits:
    """Logits are natural."""
    return CategoricalLogits(log_geometric(xp, t[..., None], logits_p, logits_q))


@declare.interpolation(Categorical)
def between_categoricals(xp: Namespace, t: Array, probs_p: Array, probs_q: Array) -> Categorical:
    """The logarithms of probabilities are natural."""
    return Categorical(normalized(xp, geometric(xp, t[..., None], probs_p, probs_q)))
