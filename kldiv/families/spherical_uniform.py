"""The uniform distribution on a sphere."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.spherical import half_dimension, log_sphere_area, unit_vector
from kldiv.domains import SPHERE, UnitVector
from kldiv.families.von_mises_fisher import VonMisesFisher


@declare.family(SPHERE)
class SphericalUniform(NamedTuple):
    """The uniform distribution of a unit vector; of `mean_direction` only the length matters.

    Density over unit vectors x of d coordinates, with d the length of mean_direction::

        p(x) = Gamma(d / 2) / (2 pi^(d / 2))

    Parameters
    ----------
    mean_direction : unit vector
        Any unit vector of d entries; d is ``dimension`` in TFP.

    Notes
    -----
    All such distributions of one d are equal::

        KL(P || Q) = 0

    Source: the definition, as there is one such distribution.

    The same distribution elsewhere: ``tfp.distributions.SphericalUniform(len(mean_direction))``.

    Examples
    --------
    >>> import kldiv
    >>> p, q = kldiv.VonMisesFisher([1.0, 0.0], 0.0), kldiv.SphericalUniform([0.0, 1.0])
    >>> float(kldiv.kl_divergence(p, q))
    0.0
    """

    mean_direction: Annotated[Array, UnitVector]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at the unit vector `x`, with respect to the area of the sphere."""
        b = half_dimension(xp, self.mean_direction)
        return xp.sum(0 * x, axis=-1) - log_sphere_area(xp, b + 0.5)


@declare.sampler(SphericalUniform)
def sample_spherical_uniform(xp: Namespace, draw: SamplingContext, mean_direction: Array) -> Array:
    """Return the direction of a vector of standard normal entries."""
    return unit_vector(xp, draw.normal(mean_direction, axes=1))


@declare.formula(SphericalUniform, SphericalUniform)
def kl_spherical_uniform_spherical_uniform(xp: Namespace, mean_direction_p: Array, mean_direction_q: Array) -> Array:
    """log C - log C, which is 0, with C the area of the sphere.

    Source: the definition, as there is one such distribution
    """
    return xp.sum(0 * mean_direction_p * mean_direction_q, axis=-1)


@declare.conversion(SphericalUniform, VonMisesFisher)
def spherical_uniform_as_von_mises_fisher(xp: Namespace, mean_direction: Array) -> VonMisesFisher:
    """The concentration is 0."""
    return VonMisesFisher(mean_direction, xp.zeros_like(mean_direction[..., 0]))
