"""The beta distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.beta import beta_distance, beta_gap, beta_power
from kldiv._numerics.categorical import sigmoid
from kldiv._numerics.edges import non_negative
from kldiv._numerics.gaps import log1p_ratio
from kldiv._numerics.interpolation import linear
from kldiv._numerics.special import betaln, digamma_gap, trigamma
from kldiv._numerics.uniform import interval_log
from kldiv.domains import UNIT_INTERVAL, Positive
from kldiv.families.uniform import Uniform


@declare.family(UNIT_INTERVAL)
class Beta(NamedTuple):
    """The beta distribution with mean concentration1 / (concentration1 + concentration0).

    Density, for 0 < x < 1, with a = concentration1 and b = concentration0::

        p(x) = x^(a - 1) (1 - x)^(b - 1) / B(a, b)

    Parameters
    ----------
    concentration1 : positive
        Shape at 1, ``a`` in SciPy.
    concentration0 : positive
        Shape at 0, ``b`` in SciPy.

    Notes
    -----
    With A = a + b, and psi the digamma function::

        KL(P || Q) = log(B(a_q, b_q) / B(a_p, b_p)) + (a_p - a_q) psi(a_p) + (b_p - b_q) psi(b_p) + (A_q - A_p) psi(A_p)

    Source: the definition, as E log x = psi(a) - psi(A).

    The same distribution elsewhere: ``scipy.stats.beta(a=concentration1, b=concentration0)``,
    ``torch.distributions.Beta(concentration1, concentration0)``, ``tfp.distributions.Beta(concentration1,
    concentration0)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.Beta(2.0, 1.0), kldiv.Beta(1.0, 1.0)))
    0.1931471805599453
    """

    concentration1: Annotated[Array, Positive]
    concentration0: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array, complement: Array) -> Array:
        """Return the logarithm of the density at `x`, which is 1 less the complement."""
        a, b = self
        return xp.xlogy(a - 1, x) + xp.xlogy(b - 1, complement) - betaln(xp, a, b)


@declare.sampler(Beta)
def sample_beta(xp: Namespace, draw: SamplingContext, concentration1: Array, concentration0: Array) -> Array:
    """Return the share of one gamma variable in a sum of two."""
    return sigmoid(xp, draw.log_gamma(xp, concentration1) - draw.log_gamma(xp, concentration0))


@declare.formula(Beta, Beta)
def kl_beta_beta(
    xp: Namespace,
    concentration1_p: Array,
    concentration0_p: Array,
    concentration1_q: Array,
    concentration0_q: Array,
) -> Array:
    """log(B(a_q, b_q) / B(a_p, b_p)) + (a_p - a_q) psi(a_p) + (b_p - b_q) psi(b_p) + (A_q - A_p) psi(A_p).

    Here A = a + b. It is evaluated as A_q KL(a_q / A_q || a_p / A_p), of Bernoulli distributions, and the remainders of
    lgamma(a) - a log a + a over its tangent for a and for b less that for A.

    Source: the definition, as E log x = psi(a) - psi(A)
    """
    return beta_gap(xp, concentration1_p, concentration0_p, concentration1_q, concentration0_q)


@declare.formula(Beta, Uniform)
def kl_beta_uniform(xp: Namespace, concentration1_p: Array, concentration0_p: Array, low: Array, high: Array) -> Array:
    """KL(Beta(a, b) || Beta(1, 1)) + log(high - low).

    Source: the definition, as Beta(1, 1) is uniform between 0 and 1
    """
    one = xp.ones_like(concentration1_p)
    width = log1p_ratio(xp, (high - 1) - low, xp.ones_like(high))
    return beta_gap(xp, concentration1_p, concentration0_p, one, one) + width


@declare.formula(Uniform, Beta)
def kl_uniform_beta(xp: Namespace, low: Array, high: Array, concentration1: Array, concentration0: Array) -> Array:
    """KL(Beta(1, 1) || Q) - (a - 1) (1 + E log x) - (b - 1) (1 + E log(1 - x)) - log(high - low).

    Source: the definition, as Beta(1, 1) is uniform between 0 and 1, where both logarithms have mean -1
    """
    a, b = concentration1, concentration0
    one = xp.ones_like(a)
    moved = (a - 1) * (1 + interval_log(xp, low, high)) + (b - 1) * (1 + interval_log(xp, 1 - high, 1 - low))
    return non_negative(xp, beta_gap(xp, one, one, a, b) - moved + log1p_ratio(xp, (1 - high) + low, high - low))


def _mean_log(xp: Namespace, a: Array, b: Array) -> Array:
    # psi(a) - psi(a + b)
    return digamma_gap(xp, a + b) - digamma_gap(xp, a) - xp.log1p(b / a)


declare.expectations(
    Beta,
    entropy=lambda xp, a, b: -beta_gap(xp, a, b, xp.ones_like(a), xp.ones_like(b)),
    mean=lambda xp, a, b: a / (a + b),
    variance=lambda xp, a, b: a / (a + b) * (b / (a + b)) / (a + b + 1),
    distance=beta_distance,
    log=_mean_log,
    log_variance=lambda xp, a, b: trigamma(xp, a) - trigamma(xp, a + b),
    log_complement=lambda xp, a, b: _mean_log(xp, b, a),
    power=lambda xp, k, s, a, b: beta_power(xp, a, b, k, -k * xp.log(s)),
    logit_variance=lambda xp, a, b: trigamma(xp, a) + trigamma(xp, b),
)


@declare.cross_entropy(Beta, "log", "log_complement")
def cross_entropy_beta(xp: Namespace, e: Expectations, a: Array, b: Array) -> Array:
    """log B(a, b) - (a - 1) E log x - (b - 1) E log(1 - x) - H(P).

    Source: the definition
    """
    return betaln(xp, a, b) - e.times(a - 1, "log") - e.times(b - 1, "log_complement")


@declare.interpolation(Beta)
def between_betas(xp: Namespace, t: Array, a_p: Array, b_p: Array, a_q: Array, b_q: Array) -> Beta:
    """The parameters are natural."""
    return Beta(linear(xp, t, a_p, a_q), linear(xp, t, b_p, b_q))
