"""The logarithms of a gamma and of an inverse gamma variable."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.log_gamma import log_gamma_entropy, log_gamma_exponential
from kldiv._numerics.special import digamma, trigamma
from kldiv.domains import REALS, Positive
from kldiv.families.gamma import Gamma


@declare.family(REALS)
class ExpGamma(NamedTuple):
    """The distribution of log y, where y is Gamma(concentration, rate).

    Density, for real x, with a = concentration::

        p(x) = rate^a exp(a x - rate exp(x)) / Gamma(a)

    Parameters
    ----------
    concentration : positive
        Shape of y, ``c`` in SciPy.
    rate : positive
        Rate of y, ``exp(-loc)`` in SciPy.

    Notes
    -----
    The divergence is that of the gamma distributions of y, with a and b the concentration and the rate::

        KL(P || Q) = KL(Gamma(a_p, b_p) || Gamma(a_q, b_q))

    The same distribution elsewhere: ``scipy.stats.loggamma(c=concentration, loc=-np.log(rate))``,
    ``tfp.distributions.ExpGamma(concentration, rate)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.ExpGamma(2.0, 1.0), kldiv.ExpGamma(3.0, 2.0)))
    0.1909213037816422
    """

    concentration: Annotated[Array, Positive]
    rate: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        a, log_rate = self.concentration, xp.log(self.rate)
        return a * (x + log_rate) - xp.exp(x + log_rate) - xp.gammaln(a)


@declare.family(REALS)
class ExpInverseGamma(NamedTuple):
    """The distribution of log y, where y is InverseGamma(concentration, rate): 1 / y is Gamma(concentration, rate).

    Density, for real x, with a = concentration::

        p(x) = rate^a exp(-a x - rate exp(-x)) / Gamma(a)

    Parameters
    ----------
    concentration : positive
        Shape of 1 / y.
    rate : positive
        Rate of 1 / y, ``scale`` in TFP.

    Notes
    -----
    The divergence is that of the gamma distributions of 1 / y, with a and b the concentration and the rate::

        KL(P || Q) = KL(Gamma(a_p, b_p) || Gamma(a_q, b_q))

    The same distribution elsewhere: ``tfp.distributions.ExpInverseGamma(concentration, scale=rate)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.ExpInverseGamma(2.0, 1.0), kldiv.ExpInverseGamma(3.0, 2.0)))
    0.1909213037816422
    """

    concentration: Annotated[Array, Positive]
    rate: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        a, log_rate = self.concentration, xp.log(self.rate)
        return a * (log_rate - x) - xp.exp(log_rate - x) - xp.gammaln(a)


@declare.sampler(ExpGamma)
def sample_exp_gamma(xp: Namespace, draw: SamplingContext, concentration: Array, rate: Array) -> Array:
    """Return the logarithm of a gamma variable, which itself may underflow."""
    return draw.log_gamma(xp, concentration) - xp.log(rate)


@declare.conversion(ExpGamma, Gamma, shared="log")
def exp_gamma_as_log_of_gamma(xp: Namespace, concentration: Array, rate: Array) -> Gamma:
    """The parameters are the same."""
    return Gamma(concentration, rate)


@declare.conversion(ExpInverseGamma, ExpGamma, shared="the negative")
def exp_inverse_gamma_as_negative_of_exp_gamma(xp: Namespace, concentration: Array, rate: Array) -> ExpGamma:
    """The parameters are the same."""
    return ExpGamma(concentration, rate)


declare.expectations(
    ExpGamma,
    # lgamma(a) + a - a psi(a)
    entropy=lambda xp, a, b: log_gamma_entropy(xp, a),
    mean=lambda xp, a, b: digamma(xp, a) - xp.log(b),
    variance=lambda xp, a, b: trigamma(xp, a),
    # exp(-t m) b^-t Gamma(a + t) / Gamma(a)
    exponential=lambda xp, t, m, a, b: log_gamma_exponential(xp, a, t, -t * (xp.log(b) + m)),
)

declare.expectations(
    ExpInverseGamma,
    entropy=lambda xp, a, b: log_gamma_entropy(xp, a),
    mean=lambda xp, a, b: xp.log(b) - digamma(xp, a),
    variance=lambda xp, a, b: trigamma(xp, a),
    exponential=lambda xp, t, m, a, b: log_gamma_exponential(xp, a, -t, t * (xp.log(b) - m)),
)


@declare.cross_entropy(ExpGamma, "mean", "exponential")
def cross_entropy_exp_gamma(xp: Namespace, e: Expectations, a: Array, b: Array) -> Array:
    """lgamma(a) - a (E x + log b) + E exp(x + log b) - H(P).

    Source: the definition
    """
    log_b = xp.log(b)
    return xp.gammaln(a) - a * (e("mean") + log_b) + e("exponential", xp.ones_like(b), -log_b)


@declare.cross_entropy(ExpInverseGamma, "mean", "exponential")
def cross_entropy_exp_inverse_gamma(xp: Namespace, e: Expectations, a: Array, b: Array) -> Array:
    """lgamma(a) + a (E x - log b) + E exp(log b - x) - H(P).

    Source: the definition
    """
    log_b = xp.log(b)
    return xp.gammaln(a) + a * (e("mean") - log_b) + e("exponential", -xp.ones_like(b), log_b)
