"""The Nakagami distribution."""

from math import log
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._numerics.gaps import relative_gap, stirling_gap
from kldiv.domains import POSITIVE, Positive
from kldiv.families.generalized_gamma import GeneralizedGamma


@declare.family(POSITIVE)
class Nakagami(NamedTuple):
    """The Nakagami distribution: x^2 is gamma with shape `concentration` and mean `spread`.

    Density, for x > 0, with m = concentration and w = spread::

        p(x) = 2 (m / w)^m x^(2 m - 1) exp(-m x^2 / w) / Gamma(m)

    Parameters
    ----------
    concentration : positive
        Shape, ``nu`` in SciPy.
    spread : positive
        Mean of x^2, ``scale**2`` in SciPy.

    Notes
    -----
    With r = w_p / w_q, and H(a) = lgamma(a) - a log a + a, which is convex::

        KL(P || Q) = m_q [r - 1 - log r] + H(m_q) - H(m_p) - H'(m_p) (m_q - m_p)

    Source: statproofbook.github.io/P/gam-kl, as x^2 is a gamma variable with rate m / w.

    The same distribution elsewhere: ``scipy.stats.nakagami(nu=concentration, scale=np.sqrt(spread))``.

    Examples
    --------
    >>> import kldiv
    >>> round(float(kldiv.kl_divergence(kldiv.Nakagami(1.0, 1.0), kldiv.Nakagami(1.0, 2.0))), 12)
    0.19314718056
    """

    concentration: Annotated[Array, Positive]
    spread: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        m, w = self
        z = x / xp.sqrt(w)
        return log(2) + m * xp.log(m) + xp.xlogy(2 * m - 1, z) - m * z * z - 0.5 * xp.log(w) - xp.gammaln(m)


@declare.formula(Nakagami, Nakagami)
def kl_nakagami_nakagami(
    xp: Namespace, concentration_p: Array, spread_p: Array, concentration_q: Array, spread_q: Array
) -> Array:
    """m_q [r - 1 - log r] + H(m_q) - H(m_p) - H'(m_p) (m_q - m_p), with r = w_p / w_q.

    Here H(a) = lgamma(a) - a log a + a, which is convex.

    Source: statproofbook.github.io/P/gam-kl, as x^2 is a gamma variable with rate m / w
    """
    return concentration_q * relative_gap(xp, spread_p, spread_q) + stirling_gap(xp, concentration_q, concentration_p)


@declare.conversion(Nakagami, GeneralizedGamma)
def nakagami_as_generalized_gamma(xp: Namespace, concentration: Array, spread: Array) -> GeneralizedGamma:
    """The scale is sqrt(w / m), the concentration 2 m, the power 2."""
    scale = xp.sqrt(spread) / xp.sqrt(concentration)
    return GeneralizedGamma(scale, 2 * concentration, 2 * xp.ones_like(scale))


@declare.cross_entropy(Nakagami, "log", "mean", "standard_deviation")
def cross_entropy_nakagami(xp: Namespace, e: Expectations, m: Array, w: Array) -> Array:
    """lgamma(m) - log 2 - m log(m / w) - (2 m - 1) E log x + m E x^2 / w - H(P).

    Source: the definition
    """
    mean, deviation = e("mean") / xp.sqrt(w), e("standard_deviation") / xp.sqrt(w)
    square = deviation * deviation + mean * mean
    normalizer = xp.gammaln(m) - log(2) - m * (xp.log(m) - xp.log(w))
    return normalizer - e.times(2 * m - 1, "log") + m * square
