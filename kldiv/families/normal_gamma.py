"""Conjugate priors of the mean and the precision, or variance, of a normal distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext, bounded_exp, positive
from kldiv._numerics.gaps import relative_gap
from kldiv._numerics.interpolation import linear
from kldiv.domains import Positive, Real, Support
from kldiv.families.gamma import Gamma, kl_gamma_gamma
from kldiv.families.normal import Normal

MEAN_AND_SCALE = Support("mean and scale", axes=("2",), within="vectors")


@declare.family(MEAN_AND_SCALE)
class NormalGamma(NamedTuple):
    """The normal-gamma distribution of vectors (mean, precision), a conjugate prior of a normal distribution.

    The precision has a `Gamma` distribution with `concentration` and `rate`. For a known precision, the mean has a
    `Normal` distribution around `loc` with that precision times `precision_count`.

    Density, for real m and t > 0, with k = precision_count and a = concentration::

        p(m, t) = sqrt(k t / (2 pi)) exp(-k t (m - loc)^2 / 2) rate^a t^(a - 1) exp(-rate t) / Gamma(a)

    Parameters
    ----------
    loc : real
        Expected mean.
    precision_count : positive
        Precision of the mean over the precision.
    concentration : positive
        Shape of the precision.
    rate : positive
        Rate of the precision.

    Notes
    -----
    With r = k_q / k_p, m the location, a and b the concentration and the rate::

        KL(P || Q) = KL(Gamma(a_p, b_p) || Gamma(a_q, b_q)) + [r - 1 - log r] / 2 + k_q (m_p - m_q)^2 a_p / (2 b_p)

    Source: statproofbook.github.io/P/ng-kl.

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
        conditional = Normal(self.loc, 1 / xp.sqrt(self.precision_count * precision)).log_density(mean)
        return conditional + Gamma(self.concentration, self.rate).log_density(precision)


@declare.family(MEAN_AND_SCALE)
class NormalInverseGamma(NamedTuple):
    """The normal-inverse-gamma distribution of vectors (mean, variance), a conjugate prior of a normal distribution.

    One over the variance has a `Gamma` distribution with `concentration` and `rate`. For a known variance, the mean has
    a `Normal` distribution around `loc` with that variance over `precision_count`.

    Density, for real m and v > 0, with k = precision_count and a = concentration::

        p(m, v) = sqrt(k / (2 pi v)) exp(-k (m - loc)^2 / (2 v)) rate^a v^(-a - 1) exp(-rate / v) / Gamma(a)

    Parameters
    ----------
    loc : real
        Expected mean, ``mu`` in SciPy.
    precision_count : positive
        Variance over that of the mean, ``lmbda`` in SciPy.
    concentration : positive
        Shape of one over the variance, ``a`` in SciPy.
    rate : positive
        Rate of one over the variance, ``b`` in SciPy.

    Notes
    -----
    The divergence is that of the distributions of (mean, 1 / variance), with the same parameters::

        KL(P || Q) = KL(NormalGamma_p || NormalGamma_q)

    The same distribution elsewhere: ``scipy.stats.normal_inverse_gamma(mu=loc, lmbda=precision_count, a=concentration,
    b=rate)``.

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
        conditional = Normal(self.loc, xp.sqrt(variance / self.precision_count)).log_density(mean)
        return conditional + Gamma(self.concentration, self.rate).log_density(1 / variance) - 2 * xp.log(variance)


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


@declare.interpolation(NormalGamma, location="loc")
def between_normal_gammas(
    xp: Namespace,
    t: Array,
    loc_p: Array,
    k_p: Array,
    a_p: Array,
    b_p: Array,
    loc_q: Array,
    k_q: Array,
    a_q: Array,
    b_q: Array,
) -> NormalGamma:
    """k, k loc, a and b + k loc^2 / 2 are natural."""
    k = linear(xp, t, k_p, k_q)
    share = t * k_q / k  # of Q in the mean
    spread = 0.5 * (1 - t) * k_p * share * (loc_q - loc_p) ** 2
    loc = loc_p + share * (loc_q - loc_p)
    return NormalGamma(loc, k, linear(xp, t, a_p, a_q), linear(xp, t, b_p, b_q) + spread)
