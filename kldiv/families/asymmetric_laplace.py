"""The asymmetric Laplace distribution on the real line."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.edges import lesser
from kldiv._numerics.laplace import (
    asymmetric_laplace_distance,
    asymmetric_laplace_gap,
    distances_above_and_below,
    exponential_sides,
)
from kldiv._numerics.special import hypot
from kldiv.domains import REALS, Positive, Real


@declare.family(REALS, kink="loc")
class AsymmetricLaplace(NamedTuple):
    """The asymmetric Laplace distribution, whose mean distances on the sides of `loc` are scale / k and scale k.

    Density, for real x, with k = asymmetry, y = k (x - loc) / scale above loc and y = (loc - x) / (k scale) below::

        p(x) = exp(-y) / (scale (k + 1 / k))

    Parameters
    ----------
    loc : real
        Mode.
    scale : positive
        Geometric mean of the mean distances above and below loc.
    asymmetry : positive
        Square root of the mean distance below over that above, ``kappa`` in SciPy.

    Notes
    -----
    With a = s / k and b = s k, for location m, scale s and asymmetry k::

        KL(P || Q) = log((a_q + b_q) / (a_p + b_p)) - 1 + E_P (x - m_q)^+ / a_q + E_P (m_q - x)^+ / b_q

    Source: the definition.

    The same distribution elsewhere: ``scipy.stats.laplace_asymmetric(kappa=asymmetry, loc=loc, scale=scale)``.

    Examples
    --------
    >>> import kldiv
    >>> p = kldiv.AsymmetricLaplace(loc=0.0, scale=1.0, asymmetry=1.0)
    >>> float(kldiv.kl_divergence(p, kldiv.AsymmetricLaplace(loc=0.0, scale=1.0, asymmetry=2.0)))
    0.4731435513142097
    """

    loc: Annotated[Array, Real]
    scale: Annotated[Array, Positive]
    asymmetry: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        loc, scale, k = self
        slopes = lesser(xp, -k * (x - loc) / scale, (x - loc) / scale / k)
        return slopes - xp.log(scale) - xp.log(k + 1 / k)


@declare.sampler(AsymmetricLaplace)
def sample_asymmetric_laplace(xp: Namespace, draw: SamplingContext, loc: Array, scale: Array, k: Array) -> Array:
    """Return loc + s k log(u (1 + k^2) / k^2), or loc - s log((1 - u) (1 + k^2)) / k where that is positive."""
    u = draw.uniform(loc)
    left, right = k / (k + 1 / k), 1 / (k * k + 1)
    below = u < left
    fall = xp.log(xp.where(below, u, left) / left)
    rise = -xp.log(xp.where(below, right, 1 - u) / right)
    return loc + scale * (k * fall + rise / k)


@declare.formula(AsymmetricLaplace, AsymmetricLaplace)
def kl_asymmetric_laplace_asymmetric_laplace(
    xp: Namespace,
    loc_p: Array,
    scale_p: Array,
    asymmetry_p: Array,
    loc_q: Array,
    scale_q: Array,
    asymmetry_q: Array,
) -> Array:
    """log((a_q + b_q) / (a_p + b_p)) - 1 + E (x - m_q)^+ / a_q + E (m_q - x)^+ / b_q, with a = s / k and b = s k.

    At equal locations E (x - m_q)^+ = a_p^2 / (a_p + b_p) and E (m_q - x)^+ = b_p^2 / (a_p + b_p).

    Source: the definition
    """
    return asymmetric_laplace_gap(xp, loc_p, scale_p, asymmetry_p, loc_q, scale_q, asymmetry_q)


declare.expectations(
    AsymmetricLaplace,
    entropy=lambda xp, loc, scale, k: 1 + xp.log(scale) + xp.log(k + 1 / k),
    mean=lambda xp, loc, scale, k: loc + scale / k - scale * k,
    standard_deviation=lambda xp, loc, scale, k: hypot(xp, scale / k, scale * k),
    distance=lambda xp, m, loc, scale, k: asymmetric_laplace_distance(xp, m - loc, scale / k, scale * k),
    # exp(t (loc - m)) / ((1 - t s / k) (1 + t s k))
    exponential=lambda xp, t, m, loc, scale, k: exponential_sides(xp, t * scale / k, -t * scale * k, t * (loc - m)),
)


@declare.cross_entropy(AsymmetricLaplace, "mean", "distance")
def cross_entropy_asymmetric_laplace(xp: Namespace, e: Expectations, loc: Array, scale: Array, k: Array) -> Array:
    """log(s (k + 1 / k)) + [k E (x - m)^+ + E (m - x)^+ / k] / s - H(P).

    The two means are half the sum and half the difference of E |x - m| and E x - m.

    Source: the definition
    """
    above, below = distances_above_and_below(xp, e("distance", loc), e("mean") - loc)
    return xp.log(scale) + xp.log(k + 1 / k) + k * above / scale + below / scale / k
