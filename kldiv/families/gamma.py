"""The gamma distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.exact import product_excess
from kldiv._numerics.gamma import gamma_distance, gamma_entropy, gamma_exponential, gamma_log1p, scaled_power
from kldiv._numerics.gaps import log1p_gap, stirling_gap
from kldiv._numerics.interpolation import linear
from kldiv._numerics.special import digamma, trigamma
from kldiv.domains import POSITIVE, Positive
from kldiv.families.generalized_gamma import GeneralizedGamma


@declare.family(POSITIVE)
class Gamma(NamedTuple):
    """The gamma distribution with shape `concentration` and mean concentration / rate.

    Density, for x > 0, with a = concentration::

        p(x) = rate^a x^(a - 1) exp(-rate x) / Gamma(a)

    Parameters
    ----------
    concentration : positive
        Shape, ``a`` in SciPy.
    rate : positive
        One over the scale, ``1 / scale`` in SciPy.

    Notes
    -----
    With r the mean of P over that of Q, and H(a) = lgamma(a) - a log a + a, which is convex::

        KL(P || Q) = a_q [r - 1 - log r] + H(a_q) - H(a_p) - H'(a_p) (a_q - a_p)

    Source: statproofbook.github.io/P/gam-kl.

    The same distribution elsewhere: ``scipy.stats.gamma(a=concentration, scale=1 / rate)``,
    ``torch.distributions.Gamma(concentration, rate)``, ``tfp.distributions.Gamma(concentration, rate)``.

    Examples
    --------
    >>> import kldiv
    >>> round(float(kldiv.kl_divergence(kldiv.Gamma(2.0, 1.0), kldiv.Gamma(3.0, 2.0))), 12)
    0.190921303782
    """

    concentration: Annotated[Array, Positive]
    rate: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        a, rate = self
        return a * xp.log(rate) + xp.xlogy(a - 1, x) - rate * x - xp.gammaln(a)


@declare.formula(Gamma, Gamma)
def kl_gamma_gamma(
    xp: Namespace, concentration_p: Array, rate_p: Array, concentration_q: Array, rate_q: Array
) -> Array:
    """a_q [r - 1 - log r] + H(a_q) - H(a_p) - H'(a_p) (a_q - a_p).

    Here r is the mean of P over that of Q, and H(a) = lgamma(a) - a log a + a, which is convex.

    Source: statproofbook.github.io/P/gam-kl
    """
    u = product_excess(xp, concentration_p, rate_q, concentration_q, rate_p)
    means = log1p_gap(xp, u, (concentration_p, concentration_q), (rate_q, rate_p))
    return concentration_q * means + stirling_gap(xp, concentration_q, concentration_p)


@declare.sampler(Gamma)
def sample_gamma(xp: Namespace, draw: SamplingContext, concentration: Array, rate: Array) -> Array:
    """Return a draw of rate 1, divided by the rate."""
    return draw.gamma(concentration) / rate


@declare.conversion(Gamma, GeneralizedGamma)
def gamma_as_generalized_gamma(xp: Namespace, concentration: Array, rate: Array) -> GeneralizedGamma:
    """The scale is 1 / rate, the power 1."""
    return GeneralizedGamma(1 / rate, concentration, xp.ones_like(rate))


declare.expectations(
    Gamma,
    # lgamma(a) + a + (1 - a) psi(a) - log b
    entropy=lambda xp, a, b: gamma_entropy(xp, a) - xp.log(b),
    mean=lambda xp, a, b: a / b,
    standard_deviation=lambda xp, a, b: xp.sqrt(a) / b,
    distance=lambda xp, m, a, b: gamma_distance(xp, m * b, a) / b,
    log=lambda xp, a, b: digamma(xp, a) - xp.log(b),
    log_variance=lambda xp, a, b: trigamma(xp, a),
    power=lambda xp, k, s, a, b: scaled_power(xp, k, -(xp.log(b) + xp.log(s)), a, xp.ones_like(a)),
    log1p=gamma_log1p,
    exponential=lambda xp, t, m, a, b: gamma_exponential(xp, a, t / b, -t * m),
)


@declare.cross_entropy(Gamma, "mean", "log")
def cross_entropy_gamma(xp: Namespace, e: Expectations, a: Array, b: Array) -> Array:
    """lgamma(a) - a log b - (a - 1) E log x + b E x - H(P).

    Source: the definition
    """
    return xp.gammaln(a) - a * xp.log(b) - e.times(a - 1, "log") + b * e("mean")


@declare.interpolation(Gamma)
def between_gammas(xp: Namespace, t: Array, a_p: Array, b_p: Array, a_q: Array, b_q: Array) -> Gamma:
    """The parameters are natural."""
    return Gamma(linear(xp, t, a_p, a_q), linear(xp, t, b_p, b_q))
