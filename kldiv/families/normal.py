"""The normal distribution, given by a standard deviation or a log variance."""

from math import log, pi
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.edges import exp_or_inf, positive_exp
from kldiv._numerics.gaps import relative_gap
from kldiv._numerics.interpolation import log_linear, normal_between
from kldiv._numerics.normal import log_variance_distance, log_variance_gap, normal_distance, normal_log_square
from kldiv.domains import REALS, Positive, Real


@declare.family(REALS)
class Normal(NamedTuple):
    """The normal distribution with mean `loc` and standard deviation `scale`.

    Density, for real x::

        p(x) = exp(-((x - loc) / scale)^2 / 2) / (scale sqrt(2 pi))

    Parameters
    ----------
    loc : real
        Mean.
    scale : positive
        Standard deviation.

    Notes
    -----
    With r = s_p / s_q and z = (m_p - m_q) / s_q, for mean m and standard deviation s::

        KL(P || Q) = [r - 1 - log r] + (r - 1)^2 / 2 + z^2 / 2

    Source: statproofbook.github.io/P/norm-kl.

    The same distribution elsewhere: ``scipy.stats.norm(loc=loc, scale=scale)``, ``torch.distributions.Normal(loc,
    scale)``, ``tfp.distributions.Normal(loc, scale)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 1.0)))
    0.5
    """

    loc: Annotated[Array, Real]
    scale: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        z = (x - self.loc) / self.scale
        return -0.5 * z * z - xp.log(self.scale) - 0.5 * log(2 * pi)


@declare.family(REALS)
class NormalLogVariance(NamedTuple):
    """The normal distribution with mean `loc` and variance exp(`log_variance`), as a variational auto-encoder gives it.

    Density, for real x::

        p(x) = exp(-(x - loc)^2 exp(-log_variance) / 2 - log_variance / 2) / sqrt(2 pi)

    Parameters
    ----------
    loc : real
        Mean.
    log_variance : real
        Logarithm of the variance, ``2 * log(scale)`` in SciPy.

    Notes
    -----
    With t = l_p - l_q, for mean m and logarithm l of the variance::

        KL(P || Q) = (exp(t) - 1 - t) / 2 + (m_p - m_q)^2 exp(-l_q) / 2

    Source: statproofbook.github.io/P/norm-kl.

    The same distribution elsewhere: ``scipy.stats.norm(loc=loc, scale=np.exp(log_variance / 2))``.

    Examples
    --------
    >>> import kldiv
    >>> latent = kldiv.NormalLogVariance(loc=[0.0, 1.0], log_variance=[0.0, 0.0])
    >>> print(kldiv.kl_divergence(latent, kldiv.NormalLogVariance(0.0, 0.0)))
    [0.  0.5]
    """

    loc: Annotated[Array, Real]
    log_variance: Annotated[Array, Real]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        z = (x - self.loc) * xp.exp(-0.5 * self.log_variance)
        return -0.5 * z * z - 0.5 * self.log_variance - 0.5 * log(2 * pi)


@declare.formula(Normal, Normal)
def kl_normal_normal(xp: Namespace, loc_p: Array, scale_p: Array, loc_q: Array, scale_q: Array) -> Array:
    """[r - 1 - log r] + (r - 1)^2 / 2 + z^2 / 2, with r = s_p / s_q and z = (m_p - m_q) / s_q.

    Source: statproofbook.github.io/P/norm-kl
    """
    d, z = xp.divide(scale_p - scale_q, scale_q), xp.divide(loc_p - loc_q, scale_q)
    return relative_gap(xp, scale_p, scale_q) + 0.5 * (d * d + z * z)


@declare.formula(NormalLogVariance, NormalLogVariance)
def kl_normal_log_variance_normal_log_variance(
    xp: Namespace, loc_p: Array, log_variance_p: Array, loc_q: Array, log_variance_q: Array
) -> Array:
    """(exp(t) - 1 - t) / 2 + (m_p - m_q)^2 exp(-l_q) / 2, with t = l_p - l_q.

    Source: statproofbook.github.io/P/norm-kl, with l the logarithm of the variance
    """
    return log_variance_gap(xp, log_variance_p, log_variance_q) + log_variance_distance(
        xp, loc_p - loc_q, log_variance_q
    )


@declare.formula(Normal, NormalLogVariance)
def kl_normal_normal_log_variance(
    xp: Namespace, loc_p: Array, scale_p: Array, loc_q: Array, log_variance_q: Array
) -> Array:
    """(exp(t) - 1 - t) / 2 + (m_p - m_q)^2 exp(-l_q) / 2, with t = 2 log s_p - l_q.

    Source: statproofbook.github.io/P/norm-kl, with l the logarithm of the variance
    """
    return kl_normal_log_variance_normal_log_variance(xp, loc_p, 2 * xp.log(scale_p), loc_q, log_variance_q)


@declare.formula(NormalLogVariance, Normal)
def kl_normal_log_variance_normal(
    xp: Namespace, loc_p: Array, log_variance_p: Array, loc_q: Array, scale_q: Array
) -> Array:
    """(exp(t) - 1 - t) / 2 + ((m_p - m_q) / s_q)^2 / 2, with t = l_p - 2 log s_q.

    Source: statproofbook.github.io/P/norm-kl, with l the logarithm of the variance
    """
    z = xp.divide(loc_p - loc_q, scale_q)
    return log_variance_gap(xp, log_variance_p, 2 * xp.log(scale_q)) + 0.5 * z * z


@declare.sampler(Normal)
def sample_normal(xp: Namespace, draw: SamplingContext, loc: Array, scale: Array) -> Array:
    """Return loc + scale z, with z standard normal."""
    return loc + scale * draw.normal(loc + scale)


@declare.conversion(NormalLogVariance, Normal)
def normal_log_variance_as_normal(xp: Namespace, loc: Array, log_variance: Array) -> Normal:
    """The standard deviation is exp(log_variance / 2)."""
    return Normal(loc, xp.exp(0.5 * log_variance))


declare.expectations(
    Normal,
    entropy=lambda xp, loc, scale: xp.log(scale) + 0.5 * log(2 * pi) + 0.5,
    mean=lambda xp, loc, scale: loc,
    standard_deviation=lambda xp, loc, scale: scale,
    distance=lambda xp, m, loc, scale: normal_distance(xp, loc - m, scale),
    exponential=lambda xp, t, m, loc, scale: xp.exp(t * (loc - m) + 0.5 * t * t * scale * scale),
    log_square=lambda xp, m, s, loc, scale: normal_log_square(xp, loc - m, scale, s),
)


declare.expectations(
    NormalLogVariance,
    entropy=lambda xp, loc, v: 0.5 * v + 0.5 * log(2 * pi) + 0.5,
    mean=lambda xp, loc, v: loc,
    standard_deviation=lambda xp, loc, v: exp_or_inf(xp, 0.5 * v),
    distance=lambda xp, m, loc, v: normal_distance(xp, loc - m, positive_exp(xp, 0.5 * v)),
    exponential=lambda xp, t, m, loc, v: exp_or_inf(xp, t * (loc - m) + 0.5 * t * t * exp_or_inf(xp, v)),
    log_square=lambda xp, m, s, loc, v: normal_log_square(xp, loc - m, positive_exp(xp, 0.5 * v), s),
)


@declare.cross_entropy(Normal, "mean", "standard_deviation")
def cross_entropy_normal(xp: Namespace, e: Expectations, loc: Array, scale: Array) -> Array:
    """log(2 pi s^2) / 2 + (Var x + (E x - m)^2) / (2 s^2) - H(P).

    Source: the definition
    """
    z, deviation = xp.divide(e("mean") - loc, scale), xp.divide(e("standard_deviation"), scale)
    return xp.log(scale) + 0.5 * log(2 * pi) + 0.5 * (deviation * deviation + z * z)


@declare.cross_entropy(NormalLogVariance, "mean", "standard_deviation")
def cross_entropy_normal_log_variance(xp: Namespace, e: Expectations, loc: Array, log_variance: Array) -> Array:
    """(log(2 pi) + l) / 2 + (Var x + (E x - m)^2) exp(-l) / 2 - H(P).

    Source: the definition
    """
    squares = log_variance_distance(xp, e("mean") - loc, log_variance)
    squares = squares + log_variance_distance(xp, e("standard_deviation"), log_variance)
    return 0.5 * (log(2 * pi) + log_variance) + squares


@declare.interpolation(Normal, location="loc")
def between_normals(xp: Namespace, t: Array, loc_p: Array, scale_p: Array, loc_q: Array, scale_q: Array) -> Normal:
    """The precision 1 / scale^2 and loc / scale^2 are natural."""
    return Normal(*normal_between(xp, t, loc_p, scale_p, loc_q, scale_q))


@declare.interpolation(NormalLogVariance, location="loc")
def between_normals_of_log_variances(
    xp: Namespace, t: Array, loc_p: Array, v_p: Array, loc_q: Array, v_q: Array
) -> NormalLogVariance:
    """exp(-v) and loc exp(-v) are natural."""
    v = v_p - log_linear(xp, t, v_p - v_q)
    return NormalLogVariance(loc_p + t * (loc_q - loc_p) * xp.exp(v - v_q), v)
