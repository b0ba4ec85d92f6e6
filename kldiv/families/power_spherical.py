"""The power spherical distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.categorical import sigmoid
from kldiv._numerics.spherical import (
    half_dimension,
    log_power_partition,
    log_sphere_area,
    power_axis_gap,
    power_gap,
    power_von_mises_fisher_gap,
    sphere_gap,
    unit_vector,
)
from kldiv.domains import SPHERE, NonNegative, UnitVector
from kldiv.families.spherical_uniform import SphericalUniform
from kldiv.families.von_mises_fisher import VonMisesFisher


@declare.family(SPHERE)
class PowerSpherical(NamedTuple):
    """The power spherical distribution of a unit vector; at `concentration` 0 it is uniform.

    Density over unit vectors x of d coordinates, with mu = mean_direction, k = concentration and b = (d - 1) / 2::

        p(x) = Gamma(2 b + k) (1 + mu . x)^k / (2^(2 b + k) pi^b Gamma(b + k))

    Parameters
    ----------
    mean_direction : unit vector
        Mean direction. It must have length 1 within the square root of its dtype's eps, and is divided by its exact
        length.
    concentration : non-negative
        Power of 1 + mu . x.

    Notes
    -----
    With k the concentration::

        KL(P || Q) = KL(Beta(b + k_p, b) || Beta(b + k_q, b)) + k_q E_P log((1 + mu_p . x) / (1 + mu_q . x))

    Source: arXiv:2006.04437 for one direction; for two, the derivative of E (1 + mu_q . x)^s at s = 0.

    The same distribution elsewhere: ``tfp.distributions.PowerSpherical(mean_direction, concentration)``.

    Examples
    --------
    >>> import kldiv
    >>> p, q = kldiv.PowerSpherical([1.0, 0.0, 0.0], 1.0), kldiv.SphericalUniform([1.0, 0.0, 0.0])
    >>> round(float(kldiv.kl_divergence(p, q)), 14)
    0.19314718055995
    """

    mean_direction: Annotated[Array, UnitVector]
    concentration: Annotated[Array, NonNegative]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at the unit vector `x`, with respect to the area of the sphere."""
        mu, kappa = self
        b = half_dimension(xp, mu)
        return xp.xlogy(kappa, sphere_gap(xp, mu, -x)) - log_power_partition(xp, b, kappa) - log_sphere_area(xp, b)


@declare.sampler(PowerSpherical)
def sample_power_spherical(xp: Namespace, draw: SamplingContext, mean_direction: Array, concentration: Array) -> Array:
    """Return t m + sqrt(1 - t^2) v, with (1 + t) / 2 a beta variable and v uniform on what is orthogonal to m.

    Source: De Cao and Aziz, arXiv 2006.04437
    """
    b = half_dimension(xp, mean_direction)
    log_odds = (draw.log_gamma(xp, b + concentration) - draw.log_gamma(xp, b))[..., None]
    above, below = sigmoid(xp, log_odds), sigmoid(xp, -log_odds)
    m = unit_vector(xp, mean_direction)
    z = draw.normal(m, axes=1)
    v = unit_vector(xp, z - m * xp.sum(z * m, axis=-1, keepdims=True))
    return (above - below) * m + 2 * xp.sqrt(above) * xp.sqrt(below) * v


@declare.formula(PowerSpherical, PowerSpherical)
def kl_power_spherical_power_spherical(
    xp: Namespace, mean_direction_p: Array, concentration_p: Array, mean_direction_q: Array, concentration_q: Array
) -> Array:
    """KL(Beta(b + k_p, b) || Beta(b + k_q, b)) + k_q E log((1 + mu_p . x) / (1 + mu_q . x)), with b = (d - 1) / 2.

    The expectation is the integral of (1 - u)^(b-1) [(1 - w u)^k_p - (1 - u)^k_p] / u over u from 0 to 1, where
    w = (1 + mu_p . mu_q) / 2.

    Source: arXiv:2006.04437 for one direction; for two, the derivative of E (1 + mu_q . x)^s at s = 0
    """
    b = half_dimension(xp, mean_direction_p)
    gap = sphere_gap(xp, mean_direction_p, mean_direction_q)
    axes = power_axis_gap(xp, b, concentration_p, gap)
    return power_gap(xp, b, concentration_p, concentration_q) + concentration_q * axes


@declare.formula(PowerSpherical, SphericalUniform)
def kl_power_spherical_spherical_uniform(
    xp: Namespace, mean_direction_p: Array, concentration_p: Array, mean_direction_q: Array
) -> Array:
    """KL(Beta(b + k, b) || Beta(b, b)), with b = (d - 1) / 2.

    Source: arXiv:2006.04437, as (1 + mu . x) / 2 has these distributions
    """
    zero = xp.sum(0 * mean_direction_q, axis=-1)
    return power_gap(xp, half_dimension(xp, mean_direction_p), concentration_p, zero)


@declare.formula(SphericalUniform, PowerSpherical)
def kl_spherical_uniform_power_spherical(
    xp: Namespace, mean_direction_p: Array, mean_direction_q: Array, concentration_q: Array
) -> Array:
    """KL(Beta(b, b) || Beta(b + k, b)), with b = (d - 1) / 2.

    Source: arXiv:2006.04437, as (1 + mu . x) / 2 has these distributions
    """
    zero = xp.sum(0 * mean_direction_p, axis=-1)
    return power_gap(xp, half_dimension(xp, mean_direction_q), zero, concentration_q)


@declare.formula(PowerSpherical, VonMisesFisher)
def kl_power_spherical_von_mises_fisher(
    xp: Namespace, mean_direction_p: Array, concentration_p: Array, mean_direction_q: Array, concentration_q: Array
) -> Array:
    """KL(Beta(b + k_p, b) || Beta(b, b)) + log Z(k_q) - log Z(0) - k_q m mu_p . mu_q, with b = (d - 1) / 2.

    Here m = k_p / (2 b + k_p) and Z(k) is the integral of exp(k mu . x).

    Source: the definition, as E x = m mu_p
    """
    b = half_dimension(xp, mean_direction_p)
    gap = sphere_gap(xp, mean_direction_p, mean_direction_q)
    return power_von_mises_fisher_gap(xp, b, concentration_p, concentration_q, gap)
