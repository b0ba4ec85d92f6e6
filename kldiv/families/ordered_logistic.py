"""The ordered logistic distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.ordinal import ordered_log_density, ordered_logistic_gap
from kldiv.domains import Increasing, Real, Support
from kldiv.families.logistic import sample_logistic

CUT_CLASSES = Support("integers", 0.0, "c")


@declare.family(CUT_CLASSES)
class OrderedLogistic(NamedTuple):
    """The class of a logistic variable at `loc` among the intervals between the increasing `cutpoints`.

    Mass, for k = 0, ..., C, with C cutpoints, cutpoints[-1] = -inf and cutpoints[C] = inf::

        P(k) = sigmoid(cutpoints[k] - loc) - sigmoid(cutpoints[k - 1] - loc)

    Parameters
    ----------
    cutpoints : increasing vector
        Ends of the intervals, along the last axis.
    loc : real
        Mean of the logistic variable.

    Notes
    -----
    With p and q the probabilities of the classes::

        KL(P || Q) = sum_k p_k log(p_k / q_k)

    Source: the definition.

    The same distribution elsewhere: ``tfp.distributions.OrderedLogistic(cutpoints, loc)``.

    Examples
    --------
    >>> import kldiv
    >>> low, high = (
    ...     kldiv.OrderedLogistic([-1.0, 0.0, 2.0], loc=[0.0, 1.0]),
    ...     kldiv.OrderedLogistic([-1.0, 0.0, 2.0], 1.0),
    ... )
    >>> print(kldiv.kl_divergence(low, high))
    [0.14836199 0.        ]
    """

    cutpoints: Annotated[Array, Increasing]
    loc: Annotated[Array, Real]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of class `x`."""
        return ordered_log_density(xp, self.cutpoints, self.loc, x)

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether class `x` has probability 1: never."""
        return self.loc != self.loc


@declare.sampler(OrderedLogistic)
def sample_ordered_logistic(xp: Namespace, draw: SamplingContext, cutpoints: Array, loc: Array) -> Array:
    """Return how many cutpoints a logistic variable exceeds."""
    draw.mark_not_reparameterized()
    x = sample_logistic(xp, draw, loc, xp.ones_like(loc))
    return xp.sum(xp.astype(x[..., None] > cutpoints, cutpoints.dtype), axis=-1)


@declare.formula(OrderedLogistic, OrderedLogistic)
def kl_ordered_logistic_ordered_logistic(
    xp: Namespace, cutpoints_p: Array, loc_p: Array, cutpoints_q: Array, loc_q: Array
) -> Array:
    """sum_k p_k log(p_k / q_k), written as sum_k p_k (exp(t_k) - 1 - t_k) with t_k = log(q_k / p_k).

    Source: the definition, as the probabilities of Q sum to 1
    """
    return ordered_logistic_gap(xp, cutpoints_p, loc_p, cutpoints_q, loc_q)
