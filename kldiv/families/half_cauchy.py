"""The half-Cauchy distribution."""

from math import inf, log, pi
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.student_t import cauchy_scale_gap, half_cauchy_power, half_turn_tangent
from kldiv.domains import POSITIVE, Positive


@declare.family(POSITIVE)
class HalfCauchy(NamedTuple):
    """The distribution of the absolute value of a Cauchy variable at 0; it has no mean.

    Density, for x > 0::

        p(x) = 2 / (pi scale (1 + (x / scale)^2))

    Parameters
    ----------
    scale : positive
        Median.

    Notes
    -----
    With s the scale::

        KL(P || Q) = log((s_p + s_q)^2 / (4 s_p s_q))

    Source: arXiv:1905.10965, as a Cauchy distribution at 0 is symmetric.

    The same distribution elsewhere: ``scipy.stats.halfcauchy(scale=scale)``, ``torch.distributions.HalfCauchy(scale)``,
    ``tfp.distributions.HalfCauchy(0.0, scale)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.HalfCauchy(1.0), kldiv.HalfCauchy(4.0)))
    0.44628710262841953
    """

    scale: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        z = x / self.scale
        return log(2 / pi) - xp.log(self.scale) - xp.log1p(z * z)


@declare.sampler(HalfCauchy)
def sample_half_cauchy(xp: Namespace, draw: SamplingContext, scale: Array) -> Array:
    """Return scale cot(pi u / 2)."""
    return -scale * half_turn_tangent(xp, 0.5 * draw.uniform(scale))


@declare.formula(HalfCauchy, HalfCauchy)
def kl_half_cauchy_half_cauchy(xp: Namespace, scale_p: Array, scale_q: Array) -> Array:
    """log((s_p + s_q)^2 / (4 s_p s_q)) = log(1 + (s_p - s_q)^2 / (4 s_p s_q)).

    Source: arXiv:1905.10965, as a Cauchy distribution at 0 is symmetric
    """
    return cauchy_scale_gap(xp, scale_p, scale_q)


declare.expectations(
    HalfCauchy,
    entropy=lambda xp, scale: xp.log(scale) + log(2 * pi),
    mean=lambda xp, scale: 0 * scale + inf,
    variance=lambda xp, scale: 0 * scale + inf,
    distance=lambda xp, m, scale: 0 * (m + scale) + inf,
    log=lambda xp, scale: xp.log(scale),
    log_variance=lambda xp, scale: 0 * scale + pi * pi / 4,
    power=lambda xp, k, s, scale: half_cauchy_power(xp, k, xp.log(scale) - xp.log(s)),
)


@declare.cross_entropy(HalfCauchy, "log_square")
def cross_entropy_half_cauchy(xp: Namespace, e: Expectations, scale: Array) -> Array:
    """log(pi s / 2) + E log(1 + (x / s)^2) - H(P).

    Source: the definition
    """
    return xp.log(scale) + log(pi / 2) + e("log_square", 0 * scale, scale)
