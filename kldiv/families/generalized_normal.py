"""The generalized normal distribution."""

from math import log, sqrt
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext, bounded_exp
from kldiv._numerics.generalized_normal import (
    generalized_normal_deviation,
    generalized_normal_distance,
    generalized_normal_gap,
    power_of,
)
from kldiv._numerics.interpolation import power_harmonic
from kldiv.domains import REALS, Positive, Real
from kldiv.families.laplace import Laplace
from kldiv.families.normal import Normal


@declare.family(REALS, kink="loc")
class GeneralizedNormal(NamedTuple):
    """The generalized normal distribution: at `power` 1 Laplace's, at 2 normal with standard deviation scale / sqrt(2).

    Density, for real x::

        p(x) = power exp(-(|x - loc| / scale)^power) / (2 scale Gamma(1 / power))

    Parameters
    ----------
    loc : real
        Mean.
    scale : positive
        Scale of x - loc.
    power : positive
        Shape, ``beta`` in SciPy.

    Notes
    -----
    With m the location, s the scale and b the power::

        KL(P || Q) = E_P (|x - m_q| / s_q)^b_q - 1 / b_p + log(s_q Gamma(1 + 1 / b_q) / (s_p Gamma(1 + 1 / b_p)))

    At equal locations the mean is (s_p / s_q)^b_q Gamma((1 + b_q) / b_p) / Gamma(1 / b_p); at others it is integrated
    numerically, to the last digits. Source: the definition.

    The same distribution elsewhere: ``scipy.stats.gennorm(beta=power, loc=loc, scale=scale)``,
    ``tfp.distributions.GeneralizedNormal(loc, scale, power)``.

    Examples
    --------
    >>> import kldiv
    >>> p = kldiv.GeneralizedNormal(loc=0.0, scale=1.0, power=[2.0, 4.0])
    >>> print(kldiv.kl_divergence(p, kldiv.GeneralizedNormal(loc=1.0, scale=1.0, power=2.0)))
    [1.         1.06547872]
    """

    loc: Annotated[Array, Real]
    scale: Annotated[Array, Positive]
    power: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        loc, scale, power = self
        return -power_of(xp, xp.abs(x - loc) / scale, power) - xp.log(scale) - xp.gammaln(1 + 1 / power) - log(2)


@declare.sampler(GeneralizedNormal)
def sample_generalized_normal(xp: Namespace, draw: SamplingContext, loc: Array, scale: Array, power: Array) -> Array:
    """Return loc + s v g^(1 / power), with v uniform between -1 and 1 and g a gamma variable, 1 + 1 / power."""
    width = bounded_exp(xp, xp.log(draw.gamma(1 + 1 / power)) / power)
    return loc + scale * (2 * draw.uniform(loc) - 1) * width


@declare.formula(GeneralizedNormal, GeneralizedNormal)
def kl_generalized_normal_generalized_normal(
    xp: Namespace, loc_p: Array, scale_p: Array, power_p: Array, loc_q: Array, scale_q: Array, power_q: Array
) -> Array:
    """E_P (|x - m_q| / s_q)^b_q - 1 / b_p + log(s_q Gamma(1 + 1 / b_q) / (s_p Gamma(1 + 1 / b_p))), b being the power.

    At equal locations the mean is (s_p / s_q)^b_q Gamma((1 + b_q) / b_p) / Gamma(1 / b_p); what is added to it at
    others is integrated numerically, to the last digits.

    Source: the definition, as the mean of (|x - m_p| / s_p)^b_p is 1 / b_p
    """
    return generalized_normal_gap(xp, loc_p - loc_q, scale_p, power_p, scale_q, power_q)


@declare.formula(Normal, GeneralizedNormal)
def kl_normal_generalized_normal(
    xp: Namespace, loc_p: Array, scale_p: Array, loc_q: Array, scale_q: Array, power_q: Array
) -> Array:
    """E_P (|x - m_q| / s_q)^b_q - 1 / 2 + log(2 s_q Gamma(1 + 1 / b_q) / (s_p sqrt(2 pi))), b_q being the power.

    Source: the definition
    """
    two = xp.zeros_like(scale_p) + 2
    return generalized_normal_gap(xp, loc_p - loc_q, sqrt(2) * scale_p, two, scale_q, power_q)


@declare.formula(Laplace, GeneralizedNormal)
def kl_laplace_generalized_normal(
    xp: Namespace, loc_p: Array, scale_p: Array, loc_q: Array, scale_q: Array, power_q: Array
) -> Array:
    """E_P (|x - m_q| / s_q)^b_q - 1 + log(s_q Gamma(1 + 1 / b_q) / s_p), b_q being the power.

    Source: the definition
    """
    return generalized_normal_gap(xp, loc_p - loc_q, scale_p, xp.ones_like(scale_p), scale_q, power_q)


declare.expectations(
    GeneralizedNormal,
    # log(2 s Gamma(1 + 1 / b)) + 1 / b
    entropy=lambda xp, loc, scale, power: xp.log(scale) + log(2) + xp.gammaln(1 + 1 / power) + 1 / power,
    mean=lambda xp, loc, scale, power: loc,
    standard_deviation=lambda xp, loc, scale, power: scale * generalized_normal_deviation(xp, power),
    # |d| P(|z| < d) + s E |z| 1(|z| > d), with d = |loc - m| / s
    distance=lambda xp, m, loc, scale, power: scale * generalized_normal_distance(xp, (loc - m) / scale, power),
)


@declare.interpolation(
    GeneralizedNormal,
    equal=("loc", "power"),
)
def between_generalized_normals(
    xp: Namespace, t: Array, loc_p: Array, scale_p: Array, power_p: Array, loc_q: Array, scale_q: Array, power_q: Array
) -> GeneralizedNormal:
    """1 / scale^power is natural, for one median and one power."""
    return GeneralizedNormal(loc_p, power_harmonic(xp, t, scale_p, scale_q, power_p), power_p)
