"""The inverse Gaussian distribution."""

from math import log, pi
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.gaps import relative_gap
from kldiv._numerics.interpolation import linear
from kldiv._numerics.inverse_gaussian import (
    inverse_gaussian_distance,
    inverse_gaussian_exponential,
    inverse_gaussian_log,
    inverse_gaussian_log1p,
    inverse_gaussian_log_variance,
    inverse_gaussian_power,
)
from kldiv.domains import POSITIVE, Positive


@declare.family(POSITIVE)
class InverseGaussian(NamedTuple):
    """The inverse Gaussian (Wald) distribution with mean `loc` and variance loc^3 / concentration.

    Density, for x > 0, with m = loc and l = concentration::

        p(x) = sqrt(l / (2 pi x^3)) exp(-l (x - m)^2 / (2 m^2 x))

    Parameters
    ----------
    loc : positive
        Mean, ``mu * scale`` in SciPy.
    concentration : positive
        Shape, ``scale`` in SciPy.

    Notes
    -----
    With r = l_q / l_p::

        KL(P || Q) = [r - 1 - log r] / 2 + l_q (m_p - m_q)^2 / (2 m_q^2 m_p)

    Source: the definition, as E x = m and E 1/x = 1/m + 1/l under P.

    The same distribution elsewhere: ``scipy.stats.invgauss(mu=loc / concentration, scale=concentration)``,
    ``tfp.distributions.InverseGaussian(loc, concentration)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.InverseGaussian(1.0, 1.0), kldiv.InverseGaussian(2.0, 1.0)))
    0.125
    """

    loc: Annotated[Array, Positive]
    concentration: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        z = (x - self.loc) / self.loc
        return 0.5 * (xp.log(self.concentration) - log(2 * pi) - 3 * xp.log(x) - self.concentration / x * z * z)


@declare.sampler(InverseGaussian)
def sample_inverse_gaussian(xp: Namespace, draw: SamplingContext, loc: Array, concentration: Array) -> Array:
    """Return one of the two x with concentration (x - loc)^2 / (loc^2 x) = z^2, the square of a normal draw.

    Source: Michael, Schucany and Haas, The American Statistician 30 (1976)
    """
    draw.mark_not_reparameterized()
    z = draw.normal(loc)
    w = 0.5 * z * z * (loc / concentration)
    ratio = 1 + w + xp.sqrt(w) * xp.sqrt(2 + w)  # of the larger one to loc, and of loc to the smaller one
    return xp.where(draw.uniform(loc) * (1 + 1 / ratio) < 1, loc / ratio, loc * ratio)


@declare.formula(InverseGaussian, InverseGaussian)
def kl_inverse_gaussian_inverse_gaussian(
    xp: Namespace, loc_p: Array, concentration_p: Array, loc_q: Array, concentration_q: Array
) -> Array:
    """[r - 1 - log r] / 2 + l_q (m_p - m_q)^2 / (2 m_q^2 m_p), with r = l_q / l_p.

    Source: the definition, as E x = m and E 1/x = 1/m + 1/l under P
    """
    d = (loc_p - loc_q) / loc_q
    return 0.5 * relative_gap(xp, concentration_q, concentration_p) + 0.5 * concentration_q / loc_p * d * d


def _log(xp: Namespace, loc: Array, concentration: Array) -> Array:
    return xp.log(loc) + inverse_gaussian_log(xp, concentration / loc)


declare.expectations(
    InverseGaussian,
    entropy=lambda xp, m, c: 0.5 * (log(2 * pi) + 1 - xp.log(c)) + 1.5 * _log(xp, m, c),
    mean=lambda xp, m, c: m,
    standard_deviation=lambda xp, m, c: m * (xp.sqrt(m) / xp.sqrt(c)),
    distance=inverse_gaussian_distance,
    log=_log,
    log_variance=lambda xp, m, c: inverse_gaussian_log_variance(xp, c / m),
    log1p=inverse_gaussian_log1p,
    reciprocal=lambda xp, m, c: 1 / m + 1 / c,
    power=lambda xp, k, s, m, c: inverse_gaussian_power(xp, k, xp.log(m) - xp.log(s), c / m),
    exponential=inverse_gaussian_exponential,
)


@declare.cross_entropy(InverseGaussian, "log", "mean", "reciprocal")
def cross_entropy_inverse_gaussian(xp: Namespace, e: Expectations, loc: Array, concentration: Array) -> Array:
    """log(2 pi / l) / 2 + 3/2 E log x + l (E x / m^2 - 2 / m + E 1/x) / 2 - H(P).

    Source: the definition
    """
    quadratic = concentration * (e("mean") / loc / loc - 2 / loc + e("reciprocal"))
    return 0.5 * (log(2 * pi) - xp.log(concentration) + quadratic) + 1.5 * e("log")


@declare.interpolation(InverseGaussian)
def between_inverse_gaussians(
    xp: Namespace, t: Array, m_p: Array, l_p: Array, m_q: Array, l_q: Array
) -> InverseGaussian:
    """l and l / m^2 are natural."""
    rate = linear(xp, t, l_p / m_p / m_p, l_q / m_q / m_q)
    concentration = linear(xp, t, l_p, l_q)
    return InverseGaussian(xp.sqrt(concentration / rate), concentration)
