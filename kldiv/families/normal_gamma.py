"""Conjugate priors of a normal mean and precision, or mean and variance.

In the normal-gamma distribution the precision t has a gamma distribution and the mean given it the variance 1 / (k t),
with k = precision_count; in the normal-inverse-gamma distribution the variance is 1 / t.
"""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext, bounded_exp, positive
from kldiv._numerics.gaps import relative_gap
from kldiv.domains import Positive, Real, Support
from kldiv.families.gamma import Gamma, kl_gamma_gamma
from kldiv.families.normal import Normal

MEAN_AND_SCALE = Support("mean and scale", axes=("2",), within="vectors")


@declare.family(MEAN_AND_SCALE)
class NormalGamma(NamedTuple):
    """The normal-gamma distribution; its outcomes are vectors (mean, precision).

    The precision has a `Gamma` distribution with `concentration` and `rate`, and the mean given the precision a
    `Normal` one around `loc` with the precision times `precision_count`.

    Examples
    --------
    >>> import kldiv
    >>> p, q = kldiv.NormalGamma(1.0, 1.0, 2.0, 1.0), kldiv.NormalGamma(0.0, 1.0, 2.0, 1.0)
    >>> float(kldiv.kl_divergence(p, q))
    1.0
    """

    loc: Annotated[Array, Real]
    precision_count: Annotated[Array, Positive]
    concentration: Annotated[Array, Positive]
    rate: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at vectors `x` of a mean and a precision."""
        mean, precision = x[..., 0], x[..., 1]
        given = Normal(self.loc, 1 / xp.sqrt(self.precision_count * precision)).log_density(mean)
        return given + Gamma(self.concentration, self.rate).log_density(precision)


@declare.family(MEAN_AND_SCALE)
class NormalInverseGamma(NamedTuple):
    """The normal-inverse-gamma distribution; its outcomes are vectors (mean, variance).

    One over the variance has a `Gamma` distribution with `concentration` and `rate`, and the mean given the variance a
    `Normal` one around `loc` with the variance over `precision_count`.

    Examples
    --------
    >>> import kldiv
    >>> p, q = kldiv.NormalInverseGamma(1.0, 1.0, 2.0, 1.0), kldiv.NormalInverseGamma(0.0, 1.0, 2.0, 1.0)
    >>> float(kldiv.kl_divergence(p, q))
    1.0
    """

    loc: Annotated[Array, Real]
    precision_count: Annotated[Array, Positive]
    concentration: Annotated[Array, Positive]
    rate: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at vectors `x` of a mean and a variance."""
        mean, variance = x[..., 0], x[..., 1]
        given = Normal(self.loc, xp.sqrt(variance / self.precision_count)).log_density(mean)
        return given + Gamma(self.concentration, self.rate).log_density(1 / variance) - 2 * xp.log(variance)


@declare.sampler(NormalGamma)
def sample_normal_gamma(
    xp: Namespace, draw: SamplingContext, loc: Array, count: Array, concentration: Array, rate: Array
) -> Array:
    """Return loc + z / sqrt(k t), with z standard normal, and t, a gamma variable over the rate."""
    precision = positive(xp, bounded_exp(xp, draw.log_gamma(xp, concentration)) / rate)
    mean = loc + draw.normal(loc) / xp.sqrt(count) / xp.sqrt(precision)
    return xp.concat([mean[..., None], precision[..., None]], axis=-1)


@declare.formula(NormalGamma, NormalGamma)
def kl_normal_gamma_normal_gamma(
    xp: Namespace,
    loc_p: Array,
    count_p: Array,
    concentration_p: Array,
    rate_p: Array,
    loc_q: Array,
    count_q: Array,
    concentration_q: Array,
    rate_q: Array,
) -> Array:
    """KL(Gamma_p || Gamma_q) + [r - 1 - log r] / 2 + k_q (m_p - m_q)^2 a_p / (2 b_p), with r = k_q / k_p.

    Source: statproofbook.github.io/P/ng-kl
    """
    d = loc_p - loc_q
    means = (count_q * d) * (d * concentration_p / rate_p)
    gamma = kl_gamma_gamma(xp, concentration_p, rate_p, concentration_q, rate_q)
    return gamma + 0.5 * (relative_gap(xp, count_q, count_p) + means)


@declare.conversion(NormalInverseGamma, NormalGamma, shared="variance for precision")
def normal_inverse_gamma_as_normal_gamma(
    xp: Namespace, loc: Array, precision_count: Array, concentration: Array, rate: Array
) -> NormalGamma:
    """The parameters are those of the mean and the precision."""
    return NormalGamma(loc, precision_count, concentration, rate)
