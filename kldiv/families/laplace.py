"""The Laplace distribution."""

from math import log, sqrt
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._numerics.gaps import relative_gap
from kldiv._numerics.interpolation import harmonic
from kldiv._numerics.laplace import exponential_sides, laplace_distance, laplace_gap
from kldiv.domains import REALS, Positive, Real
from kldiv.families.asymmetric_laplace import AsymmetricLaplace


@declare.family(REALS, kink="loc")
class Laplace(NamedTuple):
    """The Laplace distribution with mean `loc` and mean distance `scale` from it.

    Density, for real x::

        p(x) = exp(-|x - loc| / scale) / (2 scale)

    Parameters
    ----------
    loc : real
        Mean.
    scale : positive
        Mean distance from loc.

    Notes
    -----
    With r = b_p / b_q and z = abs(m_p - m_q) / b_p, for location m and scale b::

        KL(P || Q) = [r - 1 - log r] + r [exp(-z) - 1 + z]

    Source: the definition, as the mean distance of x from m_q under P is b_p (z + exp(-z)).

    The same distribution elsewhere: ``scipy.stats.laplace(loc=loc, scale=scale)``, ``torch.distributions.Laplace(loc,
    scale)``, ``tfp.distributions.Laplace(loc, scale)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.Laplace(0.0, 1.0), kldiv.Laplace(0.0, 2.0)))
    0.19314718055994531
    """

    loc: Annotated[Array, Real]
    scale: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        return -xp.abs(x - self.loc) / self.scale - xp.log(self.scale) - log(2)


@declare.formula(Laplace, Laplace)
def kl_laplace_laplace(xp: Namespace, loc_p: Array, scale_p: Array, loc_q: Array, scale_q: Array) -> Array:
    """[r - 1 - log r] + r [exp(-z) - 1 + z], with r = b_p / b_q and z = |m_p - m_q| / b_p.

    Source: the definition, as the mean of |x - m_q| under P is |m_p - m_q| + b_p exp(-z)
    """
    return relative_gap(xp, scale_p, scale_q) + laplace_gap(xp, loc_p - loc_q, scale_p, scale_q)


@declare.conversion(Laplace, AsymmetricLaplace)
def laplace_as_asymmetric_laplace(xp: Namespace, loc: Array, scale: Array) -> AsymmetricLaplace:
    """The asymmetry is 1."""
    return AsymmetricLaplace(loc, scale, xp.ones_like(scale))


declare.expectations(
    Laplace,
    entropy=lambda xp, loc, scale: xp.log(scale) + log(2) + 1,
    mean=lambda xp, loc, scale: loc,
    standard_deviation=lambda xp, loc, scale: sqrt(2) * scale,
    distance=lambda xp, m, loc, scale: laplace_distance(xp, loc - m, scale),
    # exp(t (loc - m)) / (1 - (t b)^2)
    exponential=lambda xp, t, m, loc, scale: exponential_sides(xp, t * scale, -t * scale, t * (loc - m)),
)


@declare.cross_entropy(Laplace, "distance")
def cross_entropy_laplace(xp: Namespace, e: Expectations, loc: Array, scale: Array) -> Array:
    """log(2 b) + E |x - m| / b - H(P).

    Source: the definition
    """
    return xp.log(scale) + log(2) + xp.divide(e("distance", loc), scale)


@declare.interpolation(Laplace, equal=("loc",))
def between_laplaces(xp: Namespace, t: Array, loc_p: Array, scale_p: Array, loc_q: Array, scale_q: Array) -> Laplace:
    """1 / scale is natural, for one median."""
    return Laplace(loc_p, harmonic(xp, t, scale_p, scale_q))
