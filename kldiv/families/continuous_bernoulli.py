"""The continuous Bernoulli distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.categorical import sigmoid
from kldiv._numerics.continuous_bernoulli import (
    continuous_bernoulli_distance,
    continuous_bernoulli_gap,
    continuous_bernoulli_log,
    continuous_bernoulli_log_partition,
    continuous_bernoulli_log_variance,
    continuous_bernoulli_logit_variance,
    continuous_bernoulli_mean,
    continuous_bernoulli_variance,
    logit_difference,
)
from kldiv._numerics.edges import logit
from kldiv._numerics.gaps import log1p_ratio
from kldiv._numerics.interpolation import linear
from kldiv.domains import UNIT_INTERVAL, OpenUnitInterval
from kldiv.families.uniform import Uniform


@declare.family(UNIT_INTERVAL)
class ContinuousBernoulli(NamedTuple):
    """The continuous Bernoulli distribution on the unit interval.

    Density, for 0 < x < 1, with p = probs, and C(p) = log((1 - p) / p) / (1 - 2 p), or 2 at p = 1/2::

        p(x) = C(p) p^x (1 - p)^(1 - x)

    Parameters
    ----------
    probs : between 0 and 1, neither included
        Weight of 1. It is not the mean, except at 1/2.

    Notes
    -----
    With eta = log(p / (1 - p)), and A(eta) = log((exp(eta) - 1) / eta)::

        KL(P || Q) = A(eta_q) - A(eta_p) - A'(eta_p) (eta_q - eta_p)

    Source: the definition, as the density is exp(eta x - A(eta)).

    The same distribution elsewhere: ``torch.distributions.ContinuousBernoulli(probs)``,
    ``tfp.distributions.ContinuousBernoulli(probs=probs)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.ContinuousBernoulli(0.5), kldiv.Uniform(0.0, 1.0)))
    0.0
    """

    probs: Annotated[Array, OpenUnitInterval]

    @declare.density
    def log_density(self, xp: Namespace, x: Array, complement: Array) -> Array:
        """Return the logarithm of the density at `x`; it is smooth at 1, so that the complement tells no more."""
        eta = logit(xp, self.probs)
        return eta * x - continuous_bernoulli_log_partition(xp, eta)


@declare.sampler(ContinuousBernoulli)
def sample_continuous_bernoulli(xp: Namespace, draw: SamplingContext, probs: Array) -> Array:
    """Return log(1 + u (exp(a) - 1)) / a with a = log(p / (1 - p)); for positive a, 1 - x has -a instead."""
    u, eta = draw.uniform(probs), logit(xp, probs)
    rises = eta > 0
    a = -xp.abs(xp.where(eta == 0, 1.0, eta))
    v = xp.where(rises, 1 - u, u)
    y = xp.where(eta == 0, v * (1 + 0.5 * eta * (1 - v)), xp.log1p(v * xp.expm1(a)) / a)
    return xp.where(rises, 1 - y, y)


@declare.formula(ContinuousBernoulli, ContinuousBernoulli)
def kl_continuous_bernoulli_continuous_bernoulli(xp: Namespace, probs_p: Array, probs_q: Array) -> Array:
    """A(eta_q) - A(eta_p) - A'(eta_p) (eta_q - eta_p), with eta = log(p / (1 - p)) and A = log((exp(eta) - 1) / eta).

    Source: the definition, as the density is exp(eta x - A(eta))
    """
    return continuous_bernoulli_gap(xp, logit(xp, probs_p), logit(xp, probs_q), logit_difference(xp, probs_p, probs_q))


@declare.formula(ContinuousBernoulli, Uniform)
def kl_continuous_bernoulli_uniform(xp: Namespace, probs: Array, low: Array, high: Array) -> Array:
    """KL(P || ContinuousBernoulli(1/2)) + log(high - low).

    Source: the definition, as the continuous Bernoulli distribution of 1/2 is uniform between 0 and 1
    """
    half = 0.5 * xp.ones_like(probs)
    width = log1p_ratio(xp, (high - 1) - low, xp.ones_like(high))
    return kl_continuous_bernoulli_continuous_bernoulli(xp, probs, half) + width


@declare.formula(Uniform, ContinuousBernoulli)
def kl_uniform_continuous_bernoulli(xp: Namespace, low: Array, high: Array, probs: Array) -> Array:
    """KL(ContinuousBernoulli(1/2) || Q) + eta (1/2 - (low + high) / 2) - log(high - low), with eta = log(q / (1 - q)).

    Source: the definition, as the continuous Bernoulli distribution of 1/2 is uniform between 0 and 1
    """
    half = 0.5 * xp.ones_like(probs)
    beyond = 0.5 * ((1 - high) - low)
    narrower = log1p_ratio(xp, (1 - high) + low, high - low)
    return kl_continuous_bernoulli_continuous_bernoulli(xp, half, probs) + logit(xp, probs) * beyond + narrower


def _entropy(xp: Namespace, probs: Array) -> Array:
    return -kl_continuous_bernoulli_continuous_bernoulli(xp, probs, 0.5 * xp.ones_like(probs))


def _exponential(xp: Namespace, t: Array, m: Array, probs: Array) -> Array:
    eta = logit(xp, probs)
    return xp.exp(continuous_bernoulli_log_partition(xp, eta + t) - continuous_bernoulli_log_partition(xp, eta) - t * m)


declare.expectations(
    ContinuousBernoulli,
    entropy=_entropy,
    mean=lambda xp, probs: continuous_bernoulli_mean(xp, logit(xp, probs)),
    variance=lambda xp, probs: continuous_bernoulli_variance(xp, logit(xp, probs)),
    distance=lambda xp, m, probs: continuous_bernoulli_distance(xp, m, logit(xp, probs)),
    log=lambda xp, probs: continuous_bernoulli_log(xp, logit(xp, probs)),
    log_variance=lambda xp, probs: continuous_bernoulli_log_variance(xp, logit(xp, probs)),
    log_complement=lambda xp, probs: continuous_bernoulli_log(xp, -logit(xp, probs)),
    logit_variance=lambda xp, probs: continuous_bernoulli_logit_variance(xp, logit(xp, probs)),
    exponential=_exponential,
)


@declare.cross_entropy(ContinuousBernoulli, "mean")
def cross_entropy_continuous_bernoulli(xp: Namespace, e: Expectations, probs: Array) -> Array:
    """A(eta) - eta E x - H(P), with eta = log(q / (1 - q)) and A = log((exp(eta) - 1) / eta).

    Source: the definition
    """
    eta = logit(xp, probs)
    return continuous_bernoulli_log_partition(xp, eta) - eta * e("mean")


@declare.interpolation(ContinuousBernoulli)
def between_continuous_bernoullis(xp: Namespace, t: Array, probs_p: Array, probs_q: Array) -> ContinuousBernoulli:
    """The logit is natural."""
    return ContinuousBernoulli(sigmoid(xp, linear(xp, t, logit(xp, probs_p), logit(xp, probs_q))))
