"""The categorical distribution over one-hot vectors, given by probabilities or logits."""

from math import inf
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.categorical import are_counts, is_only_count, log_choices, log_softmax, normalized
from kldiv._numerics.edges import indicator, log
from kldiv._numerics.linalg import index_like
from kldiv.domains import ONE_HOT, Logits, Simplex
from kldiv.families.categorical import Categorical, CategoricalLogits, sample_categorical


def _log_mass(xp: Namespace, x: Array, log_probs: Array) -> Array:
    one = xp.ones_like(x[..., 0])
    return log_choices(xp, log_probs, x) - indicator(xp, are_counts(xp, x, one), one)


@declare.family(ONE_HOT)
class OneHotCategorical(NamedTuple):
    """The categorical distribution with probabilities `probs`, of classes written as one-hot vectors.

    It can be compared with a `Categorical` too, of which the outcomes are the classes themselves.

    Mass, for vectors x with a single 1 and zeros elsewhere::

        P(x) = sum_k x_k probs[k]

    Parameters
    ----------
    probs : vector of probabilities
        Probabilities of the classes.

    Notes
    -----
    With p and q the two vectors of probabilities::

        KL(P || Q) = sum_k p_k log(p_k / q_k)

    The same distribution elsewhere: ``torch.distributions.OneHotCategorical(probs)``,
    ``tfp.distributions.OneHotCategorical(probs=probs)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.OneHotCategorical([0.0, 1.0]), kldiv.Categorical([0.5, 0.5])))
    0.6931471805599453
    """

    probs: Annotated[Array, Simplex]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of the vector `x`."""
        return _log_mass(xp, x, log(xp, normalized(xp, self.probs)))

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether the vector `x` has probability 1."""
        return is_only_count(xp, self.probs > 0, xp.ones_like(x[..., 0]), x)


@declare.family(ONE_HOT)
class OneHotCategoricalLogits(NamedTuple):
    """The categorical distribution with probabilities softmax(`logits`), of classes written as one-hot vectors.

    It can be compared with a `CategoricalLogits` too, of which the outcomes are the classes themselves.

    Mass, for vectors x with a single 1 and zeros elsewhere::

        P(x) = sum_k x_k exp(logits[k]) / sum_j exp(logits[j])

    Parameters
    ----------
    logits : vector, real or -inf
        Log probabilities of the classes, up to a constant; -inf is a class of probability 0.

    Notes
    -----
    With p = softmax(a), and t = b - a the logits b of Q less the logits a of P::

        KL(P || Q) = log(sum_k p_k exp(t_k)) - sum_k p_k t_k

    The same distribution elsewhere: ``torch.distributions.OneHotCategorical(logits=logits)``,
    ``tfp.distributions.OneHotCategorical(logits)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.OneHotCategoricalLogits([0.0, 0.0]), kldiv.CategoricalLogits([2.0, 2.0])))
    0.0
    """

    logits: Annotated[Array, Logits]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of the vector `x`."""
        return _log_mass(xp, x, log_softmax(xp, self.logits))

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether the vector `x` has probability 1."""
        return is_only_count(xp, self.logits > -inf, xp.ones_like(x[..., 0]), x)


@declare.sampler(OneHotCategorical)
def sample_one_hot_categorical(xp: Namespace, draw: SamplingContext, probs: Array) -> Array:
    """Return the vectors of the classes that a categorical distribution draws."""
    index = index_like(xp, probs)
    return xp.astype(index == sample_categorical(xp, draw, probs)[..., None], index.dtype)


@declare.sampler(OneHotCategoricalLogits)
def sample_one_hot_categorical_logits(xp: Namespace, draw: SamplingContext, logits: Array) -> Array:
    """Return the vectors of the classes that a categorical distribution draws."""
    return sample_one_hot_categorical(xp, draw, xp.exp(log_softmax(xp, logits)))


@declare.conversion(OneHotCategorical, Categorical)
def one_hot_categorical_as_categorical(xp: Namespace, probs: Array) -> Categorical:
    """The place of the 1 is the class."""
    return Categorical(probs)


@declare.conversion(OneHotCategoricalLogits, CategoricalLogits)
def one_hot_categorical_logits_as_categorical_logits(xp: Namespace, logits: Array) -> CategoricalLogits:
    """The place of the 1 is the class."""
    return CategoricalLogits(logits)
