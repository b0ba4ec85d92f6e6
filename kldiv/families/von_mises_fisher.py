"""The von Mises-Fisher distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.interpolation import linear
from kldiv._numerics.spherical import (
    direction_and_length,
    half_dimension,
    log_partition,
    log_sphere_area,
    sphere_gap,
    von_mises_fisher_gap,
)
from kldiv.domains import SPHERE, NonNegative, UnitVector


@declare.family(SPHERE)
class VonMisesFisher(NamedTuple):
    """The von Mises-Fisher distribution of a unit vector; at `concentration` 0 it is uniform.

    Density over unit vectors x of d coordinates, with mu = mean_direction, k = concentration and I_v the Bessel
    function::

        p(x) = C(k) exp(k mu . x),    C(k) = k^(d/2 - 1) / ((2 pi)^(d/2) I_(d/2 - 1)(k))

    Parameters
    ----------
    mean_direction : unit vector
        Mean direction, ``mu`` in SciPy. It must have length 1 within the square root of its dtype's eps, and is divided
        by its exact length.
    concentration : non-negative
        Concentration around the mean direction, ``kappa`` in SciPy.

    Notes
    -----
    With A = I_(d/2)(k_p) / I_(d/2 - 1)(k_p)::

        KL(P || Q) = log C(k_p) - log C(k_q) + A (k_p - k_q mu_p . mu_q)

    Source: the definition, as E x = A mu_p.

    The same distribution elsewhere: ``scipy.stats.vonmises_fisher(mu=mean_direction, kappa=concentration)``,
    ``tfp.distributions.VonMisesFisher(mean_direction, concentration)``.

    Examples
    --------
    >>> import kldiv
    >>> p, q = kldiv.VonMisesFisher([1.0, 0.0, 0.0], 2.0), kldiv.VonMisesFisher([0.0, 1.0, 0.0], 2.0)
    >>> round(float(kldiv.kl_divergence(p, q)), 14)
    1.0746294414551
    """

    mean_direction: Annotated[Array, UnitVector]
    concentration: Annotated[Array, NonNegative]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at the unit vector `x`, with respect to the area of the sphere."""
        mu, kappa = self
        b = half_dimension(xp, mu)
        return -kappa * sphere_gap(xp, mu, x) - log_partition(xp, b, kappa) - log_sphere_area(xp, b)


@declare.formula(VonMisesFisher, VonMisesFisher)
def kl_von_mises_fisher_von_mises_fisher(
    xp: Namespace, mean_direction_p: Array, concentration_p: Array, mean_direction_q: Array, concentration_q: Array
) -> Array:
    """log C(k_p) - log C(k_q) + A (k_p - k_q mu_p . mu_q), with A = I_{d/2}(k_p) / I_{d/2-1}(k_p).

    Here C(k) = k^(d/2-1) / ((2 pi)^(d/2) I_{d/2-1}(k)). It is evaluated as the remainder of -log C at k_q over its
    tangent at k_p, and k_q A (1 - mu_p . mu_q).

    Source: the definition, as E x = A mu_p
    """
    b = half_dimension(xp, mean_direction_p)
    gap = sphere_gap(xp, mean_direction_p, mean_direction_q)
    return von_mises_fisher_gap(xp, b, concentration_p, concentration_q, gap)


@declare.interpolation(VonMisesFisher)
def between_von_mises_fishers(
    xp: Namespace, t: Array, mu_p: Array, kappa_p: Array, mu_q: Array, kappa_q: Array
) -> VonMisesFisher:
    """The vector of length kappa in the direction of mu is natural."""
    vector = linear(xp, t[..., None], kappa_p[..., None] * mu_p, kappa_q[..., None] * mu_q)
    return VonMisesFisher(*direction_and_length(xp, vector, mu_p))
