"""The generalized gamma distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext, bounded_exp
from kldiv._numerics.gamma import generalized_gamma_gap, power_of_gamma
from kldiv._numerics.interpolation import linear, power_harmonic
from kldiv.domains import POSITIVE, Positive


@declare.family(POSITIVE)
class GeneralizedGamma(NamedTuple):
    """The generalized gamma distribution: (x / scale)^power is gamma with shape concentration / power and rate 1.

    Density, for x > 0, with a = scale, d = concentration and p = power::

        p(x) = p x^(d - 1) exp(-(x / a)^p) / (a^d Gamma(d / p))

    Parameters
    ----------
    scale : positive
        Scale of x.
    concentration : positive
        Shape near 0, ``a * c`` in SciPy.
    power : positive
        Power of x, ``c`` in SciPy.

    Notes
    -----
    With k = d / p, and e = (a_p / a_q)^p_q Gamma(k_p + p_q / p_p) / Gamma(k_p)::

        KL(P || Q) = log(p_p / p_q) + d_q log(a_q / a_p) + lgamma(k_q) - lgamma(k_p)
                   + (d_p - d_q) psi(k_p) / p_p + e - k_p

    Source: arXiv:1401.6853.

    The same distribution elsewhere: ``scipy.stats.gengamma(a=concentration / power, c=power, scale=scale)``.

    Examples
    --------
    >>> import kldiv
    >>> weibull = kldiv.GeneralizedGamma(scale=1.0, concentration=1.0, power=1.0)
    >>> round(float(kldiv.kl_divergence(weibull, kldiv.GeneralizedGamma(2.0, 2.0, 2.0))), 12)
    0.770362845461
    """

    scale: Annotated[Array, Positive]
    concentration: Annotated[Array, Positive]
    power: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        a, d, p = self
        z = x / a
        return xp.log(p) - xp.log(a) + xp.xlogy(d - 1, z) - z**p - xp.gammaln(d / p)


@declare.sampler(GeneralizedGamma)
def sample_generalized_gamma(
    xp: Namespace, draw: SamplingContext, scale: Array, concentration: Array, power: Array
) -> Array:
    """Return scale times a gamma variable to the 1 / power."""
    return scale * bounded_exp(xp, draw.log_gamma(xp, concentration / power) / power)


@declare.formula(GeneralizedGamma, GeneralizedGamma)
def kl_generalized_gamma_generalized_gamma(
    xp: Namespace,
    scale_p: Array,
    concentration_p: Array,
    power_p: Array,
    scale_q: Array,
    concentration_q: Array,
    power_q: Array,
) -> Array:
    """log(p_p / p_q) + d_q log(a_q / a_p) + lgamma(k_q) - lgamma(k_p) + (d_p - d_q) psi(k_p) / p_p + e - k_p.

    Here k = d / p, and e = (a_p / a_q)^p_q Gamma(k_p + p_q / p_p) / Gamma(k_p).

    Source: arXiv:1401.6853
    """
    return generalized_gamma_gap(xp, scale_p, concentration_p, power_p, scale_q, concentration_q, power_q)


declare.expectations(
    GeneralizedGamma, **power_of_gamma(lambda xp, scale, concentration, power: (scale, concentration, power))
)


@declare.cross_entropy(GeneralizedGamma, "log", "power")
def cross_entropy_generalized_gamma(xp: Namespace, e: Expectations, a: Array, d: Array, p: Array) -> Array:
    """lgamma(d / p) - log p + d log a - (d - 1) E log x + E (x / a)^p - H(P).

    Source: the definition
    """
    return xp.gammaln(d / p) - xp.log(p) + d * xp.log(a) - e.times(d - 1, "log") + e("power", p, a)


@declare.interpolation(GeneralizedGamma, equal=("power",))
def between_generalized_gammas(
    xp: Namespace, t: Array, scale_p: Array, d_p: Array, power_p: Array, scale_q: Array, d_q: Array, power_q: Array
) -> GeneralizedGamma:
    """1 / s^k and the concentration are natural, for one power k."""
    return GeneralizedGamma(power_harmonic(xp, t, scale_p, scale_q, power_p), linear(xp, t, d_p, d_q), power_p)
