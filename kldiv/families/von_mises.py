"""The von Mises distribution."""

from math import log, pi
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.interpolation import linear
from kldiv._numerics.spherical import circle_gap, polar, von_mises_fisher_gap
from kldiv.domains import CIRCLE, NonNegative, Real


@declare.family(CIRCLE)
class VonMises(NamedTuple):
    """The von Mises distribution of an angle with mean `loc`, in radians; at concentration 0 it is uniform.

    Density over angles x, with k = concentration and I0 the modified Bessel function::

        p(x) = exp(k cos(x - loc)) / (2 pi I0(k))

    Parameters
    ----------
    loc : real
        Mean angle, in radians.
    concentration : non-negative
        Concentration around loc, ``kappa`` in SciPy.

    Notes
    -----
    With A = I1(k_p) / I0(k_p) and m the mean angle::

        KL(P || Q) = [log I0(k_q) - log I0(k_p) - A (k_q - k_p)] + A k_q (1 - cos(m_p - m_q))

    Source: the definition, as E cos(x - m_p) = A.

    The same distribution elsewhere: ``scipy.stats.vonmises(kappa=concentration, loc=loc)``,
    ``torch.distributions.VonMises(loc, concentration)``, ``tfp.distributions.VonMises(loc, concentration)``.

    Examples
    --------
    >>> import kldiv
    >>> round(float(kldiv.kl_divergence(kldiv.VonMises(0.0, 1.0), kldiv.VonMises(0.0, 2.0))), 14)
    0.14168921707924
    """

    loc: Annotated[Array, Real]
    concentration: Annotated[Array, NonNegative]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at the angle `x`."""
        kappa = self.concentration
        return -kappa * circle_gap(xp, x, self.loc) - log(2 * pi) - xp.log(xp.i0e(kappa))


@declare.formula(VonMises, VonMises)
def kl_von_mises_von_mises(
    xp: Namespace, loc_p: Array, concentration_p: Array, loc_q: Array, concentration_q: Array
) -> Array:
    """[log I0(k_q) - log I0(k_p) - A (k_q - k_p)] + A k_q (1 - cos(m_p - m_q)), with A = I1(k_p) / I0(k_p).

    Source: the definition, as E cos(x - m_p) = A
    """
    half = 0.5 * xp.ones_like(concentration_p)
    return von_mises_fisher_gap(xp, half, concentration_p, concentration_q, circle_gap(xp, loc_p, loc_q))


@declare.interpolation(VonMises)
def between_von_mises(xp: Namespace, t: Array, loc_p: Array, kappa_p: Array, loc_q: Array, kappa_q: Array) -> VonMises:
    """The vector of length kappa in the direction of loc is natural."""
    x = linear(xp, t, kappa_p, kappa_q * xp.cos(loc_q - loc_p))
    y = t * kappa_q * xp.sin(loc_q - loc_p)
    length, angle = polar(xp, x, y)
    return VonMises(loc_p + angle, length)
