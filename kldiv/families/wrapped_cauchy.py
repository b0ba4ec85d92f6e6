"""The wrapped Cauchy distribution."""

from math import log, pi
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.edges import non_negative
from kldiv._numerics.spherical import circle_gap, log_partition_gap, mean_log_distance
from kldiv._numerics.student_t import half_turn_tangent
from kldiv.domains import CIRCLE, Real, ZeroToBelowOne
from kldiv.families.von_mises import VonMises


@declare.family(CIRCLE)
class WrappedCauchy(NamedTuple):
    """The wrapped Cauchy distribution of an angle with mean `loc` and mean resultant length `concentration`.

    Density over angles x, in radians, with r = concentration::

        p(x) = (1 - r^2) / (2 pi (1 + r^2 - 2 r cos(x - loc)))

    Parameters
    ----------
    loc : real
        Mean angle, in radians.
    concentration : at least 0 and below 1
        Mean resultant length, ``c`` in SciPy.

    Notes
    -----
    With z = r exp(i loc)::

        KL(P || Q) = log(|1 - z_p conj(z_q)|^2 / ((1 - r_p^2) (1 - r_q^2)))

    Source: arXiv:1905.10965, mapped from the half-plane to the disc. SciPy's angles lie between loc and loc + 2 pi.

    The same distribution elsewhere: ``scipy.stats.wrapcauchy(c=concentration, loc=loc)``.

    Examples
    --------
    >>> import kldiv
    >>> round(float(kldiv.kl_divergence(kldiv.WrappedCauchy(0.0, 0.5), kldiv.WrappedCauchy(0.0, 0.0))), 14)
    0.28768207245178
    """

    loc: Annotated[Array, Real]
    concentration: Annotated[Array, ZeroToBelowOne]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at the angle `x`."""
        r = self.concentration
        distance = (1 - r) * (1 - r) + 2 * r * circle_gap(xp, x, self.loc)
        return xp.log1p(-r) + xp.log1p(r) - log(2 * pi) - xp.log(distance)


@declare.sampler(WrappedCauchy)
def sample_wrapped_cauchy(xp: Namespace, draw: SamplingContext, loc: Array, concentration: Array) -> Array:
    """Return loc + 2 atan((1 - r) / (1 + r) tan(pi (u - 1 / 2))), between -pi and pi."""
    t = (1 - concentration) / (1 + concentration) * half_turn_tangent(xp, draw.uniform(loc))
    x = loc + 2 * xp.atan(t)
    return x - 2 * pi * xp.floor(x / (2 * pi) + 0.5)


@declare.formula(WrappedCauchy, WrappedCauchy)
def kl_wrapped_cauchy_wrapped_cauchy(
    xp: Namespace, loc_p: Array, concentration_p: Array, loc_q: Array, concentration_q: Array
) -> Array:
    """log(|1 - z_p conj(z_q)|^2 / ((1 - r_p^2) (1 - r_q^2))), with z = r exp(i loc) and r the concentration.

    It is evaluated as log(1 + |z_p - z_q|^2 / ((1 - r_p^2) (1 - r_q^2))).

    Source: arXiv:1905.10965, mapped from the half-plane to the disc
    """
    d = concentration_p - concentration_q
    square = d * d + 2 * concentration_p * concentration_q * circle_gap(xp, loc_p, loc_q)
    width_p, width_q = ((1 - r) * (1 + r) for r in (concentration_p, concentration_q))
    return xp.log1p(square / width_p / width_q)


@declare.formula(WrappedCauchy, VonMises)
def kl_wrapped_cauchy_von_mises(
    xp: Namespace, loc_p: Array, concentration_p: Array, loc_q: Array, concentration_q: Array
) -> Array:
    """-log(1 - r^2) + log I0(k) - k r cos(m_p - m_q), with r and k the concentrations of P and Q.

    Source: the definition, as E exp(i x) = r exp(i m_p)
    """
    r, k = concentration_p, concentration_q
    entropy = xp.log1p(-r) + xp.log1p(r)
    value = xp.log(xp.i0e(k)) + k * (1 - r) + k * r * circle_gap(xp, loc_p, loc_q) - entropy
    return non_negative(xp, value)


@declare.formula(VonMises, WrappedCauchy)
def kl_von_mises_wrapped_cauchy(
    xp: Namespace, loc_p: Array, concentration_p: Array, loc_q: Array, concentration_q: Array
) -> Array:
    """k A - log I0(k) - log(1 - r^2) + E log|1 - r exp(i (x - m_q))|^2, with k and r the concentrations of P and Q.

    Here A = I1(k) / I0(k), and the last expectation is -2 sum_j r^j I_j(k) / (j I0(k)) cos(j (m_p - m_q)).

    Source: the definition
    """
    k, r = concentration_p, concentration_q
    to_uniform = log_partition_gap(xp, 0.5 * xp.ones_like(k), 0 * k, k)
    distance = mean_log_distance(xp, k, r, 1 - r, loc_q - loc_p)
    value = to_uniform - xp.log1p(-r) - xp.log1p(r) + distance
    return non_negative(xp, value)
