"""The Frechet distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._numerics.gamma import log_power_exp, power_of_gamma, weibull_gap
from kldiv._numerics.interpolation import log_linear
from kldiv.domains import POSITIVE, Positive
from kldiv.families.gumbel import Gumbel
from kldiv.families.weibull import Weibull


@declare.family(POSITIVE)
class Frechet(NamedTuple):
    """The Frechet distribution: (x / scale)^-concentration is exponential with mean 1.

    Density, for x > 0, with s = scale and a = concentration::

        p(x) = (a / s) (x / s)^(-a - 1) exp(-(x / s)^-a)

    Parameters
    ----------
    scale : positive
        Scale of x.
    concentration : positive
        Tail index, ``c`` in SciPy.

    Notes
    -----
    With r = a_q / a_p, and g Euler's constant::

        KL(P || Q) = log(a_p / a_q) + a_q log(s_p / s_q) + (r - 1) g + (s_q / s_p)^a_q Gamma(1 + r) - 1

    Source: arXiv:1401.6853, at d = p = a, as 1 / x is a Weibull variable with scale 1 / s.

    The same distribution elsewhere: ``scipy.stats.invweibull(c=concentration, scale=scale)``.

    Examples
    --------
    >>> import kldiv
    >>> round(float(kldiv.kl_divergence(kldiv.Frechet(1.0, 1.0), kldiv.Frechet(1.0, 2.0))), 12)
    0.884068484342
    """

    scale: Annotated[Array, Positive]
    concentration: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        s, a = self
        z = s / x
        return log_power_exp(xp, a + 1, z, z**a) + xp.log(a) - xp.log(s)


@declare.formula(Frechet, Frechet)
def kl_frechet_frechet(
    xp: Namespace, scale_p: Array, concentration_p: Array, scale_q: Array, concentration_q: Array
) -> Array:
    """log(a_p / a_q) + a_q log(s_p / s_q) + (r - 1) g + (s_q / s_p)^a_q Gamma(1 + r) - 1.

    Here r = a_q / a_p, and g is Euler's constant.

    Source: arXiv:1401.6853, at d = p = a, as 1 / x is a Weibull variable with scale 1 / s
    """
    return weibull_gap(xp, scale_q, concentration_p, scale_p, concentration_q)


@declare.conversion(Frechet, Weibull, shared="the reciprocal")
def frechet_as_reciprocal_of_weibull(xp: Namespace, scale: Array, concentration: Array) -> Weibull:
    """The scale is 1 over this one."""
    return Weibull(1 / scale, concentration)


@declare.conversion(Frechet, Gumbel, shared="exp")
def frechet_as_exp_of_gumbel(xp: Namespace, scale: Array, concentration: Array) -> Gumbel:
    """The location is log(s), the scale 1 / a."""
    return Gumbel(xp.log(scale), 1 / concentration)


declare.expectations(
    Frechet, **power_of_gamma(lambda xp, scale, concentration: (scale, -concentration, -concentration))
)


@declare.cross_entropy(Frechet, "log", "power")
def cross_entropy_frechet(xp: Namespace, e: Expectations, s: Array, a: Array) -> Array:
    """-log a - a log s + (a + 1) E log x + E (x / s)^-a - H(P).

    Source: the definition
    """
    return -xp.log(a) - a * xp.log(s) + (a + 1) * e("log") + e("power", -a, s)


@declare.interpolation(Frechet, equal=("concentration",))
def between_frechets(xp: Namespace, t: Array, scale_p: Array, k_p: Array, scale_q: Array, k_q: Array) -> Frechet:
    """scale^k is natural, for one concentration k."""
    power = log_linear(xp, t, k_p * (xp.log(scale_q) - xp.log(scale_p)))
    return Frechet(scale_p * xp.exp(power / k_p), k_p)
