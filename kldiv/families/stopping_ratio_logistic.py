"""The stopping ratio logistic distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.categorical import softplus
from kldiv._numerics.ordinal import stopping_log_mass, stopping_ratio_gap
from kldiv.domains import Increasing, Real
from kldiv.families.ordered_logistic import CUT_CLASSES


@declare.family(CUT_CLASSES)
class StoppingRatioLogistic(NamedTuple):
    """The class at which a sequence of logistic decisions stops, with increasing `cutpoints` against `loc`.

    Mass, for k = 0, ..., C, with C cutpoints, h_j = sigmoid(cutpoints[j] - loc) and h_C = 1::

        P(k) = h_k prod_(j < k) (1 - h_j)

    Parameters
    ----------
    cutpoints : increasing vector
        Thresholds of the decisions, along the last axis.
    loc : real
        What the thresholds are compared with.

    Notes
    -----
    With h the probabilities of stopping::

        KL(P || Q) = sum_k P(X >= k) KL(Bernoulli(h_p_k) || Bernoulli(h_q_k))

    Source: the definition, by the chain rule.

    The same distribution elsewhere: ``tfp.distributions.StoppingRatioLogistic(cutpoints, loc)``.

    Examples
    --------
    >>> import kldiv
    >>> p = kldiv.StoppingRatioLogistic([-1.0, 0.0, 2.0], loc=[0.0, 1.0])
    >>> print(kldiv.kl_divergence(p, kldiv.StoppingRatioLogistic([-1.0, 0.0, 2.0], 1.0)))
    [0.19495674 0.        ]
    """

    cutpoints: Annotated[Array, Increasing]
    loc: Annotated[Array, Real]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of class `x`."""
        return stopping_log_mass(xp, self.cutpoints - self.loc[..., None], x)

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether class `x` has probability 1: never."""
        return self.loc != self.loc


@declare.sampler(StoppingRatioLogistic)
def sample_stopping_ratio_logistic(xp: Namespace, draw: SamplingContext, cutpoints: Array, loc: Array) -> Array:
    """Return how many of the probabilities to go on so far, each a product, a uniform draw is below."""
    draw.mark_not_reparameterized()
    log_survival = -xp.cumulative_sum(softplus(xp, cutpoints - loc[..., None]), axis=-1)
    goes_on = xp.log(draw.uniform(loc))[..., None] < log_survival
    return xp.sum(xp.astype(goes_on, cutpoints.dtype), axis=-1)


@declare.formula(StoppingRatioLogistic, StoppingRatioLogistic)
def kl_stopping_ratio_logistic_stopping_ratio_logistic(
    xp: Namespace, cutpoints_p: Array, loc_p: Array, cutpoints_q: Array, loc_q: Array
) -> Array:
    """sum_k P(X at least k) D_k, with D_k the divergence between the Bernoulli distributions of stopping at k.

    Source: the definition, by the chain rule
    """
    return stopping_ratio_gap(xp, cutpoints_p, loc_p, cutpoints_q, loc_q)
