"""The Kumaraswamy distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext, positive
from kldiv._numerics.beta import beta_power
from kldiv._numerics.edges import log_fraction, product
from kldiv._numerics.interpolation import linear
from kldiv._numerics.kumaraswamy import (
    kumaraswamy_distance,
    kumaraswamy_gap,
    kumaraswamy_log_complement,
    kumaraswamy_logit_variance,
    kumaraswamy_variance,
)
from kldiv._numerics.special import EULER, digamma, log1mexp, trigamma
from kldiv.domains import UNIT_INTERVAL, Positive


@declare.family(UNIT_INTERVAL)
class Kumaraswamy(NamedTuple):
    """The Kumaraswamy distribution, where x^a is a beta variable with concentrations 1 and b.

    Density, for 0 < x < 1, with a = concentration1 and b = concentration0::

        p(x) = a b x^(a - 1) (1 - x^a)^(b - 1)

    Parameters
    ----------
    concentration1 : positive
        Power of x.
    concentration0 : positive
        Shape at 1.

    Notes
    -----
    The divergence is an integral over v = -log(1 - x^a_p), which is exponential with rate b_p::

        KL(P || Q) = E_P log(p(x) / q(x))

    Where a_p = a_q it is r - 1 - log r, with r = b_q / b_p. Source: the definition.

    The same distribution elsewhere: ``torch.distributions.Kumaraswamy(concentration1, concentration0)``,
    ``tfp.distributions.Kumaraswamy(concentration1, concentration0)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.Kumaraswamy(3.0, 1.0), kldiv.Kumaraswamy(3.0, 2.0)))
    0.3068528194400547
    """

    concentration1: Annotated[Array, Positive]
    concentration0: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array, complement: Array) -> Array:
        """Return the logarithm of the density at `x`, which is 1 less the complement."""
        a, b = self
        log_x = log_fraction(xp, x, complement)
        return xp.log(a) + xp.log(b) + product(xp, a - 1, log_x) + xp.xlogy(b - 1, -xp.expm1(a * log_x))


@declare.sampler(Kumaraswamy)
def sample_kumaraswamy(xp: Namespace, draw: SamplingContext, a: Array, b: Array) -> Array:
    """Return (1 - u^(1 / b))^(1 / a)."""
    return xp.exp(log1mexp(xp, positive(xp, -xp.log(draw.uniform(a)) / b)) / a)


@declare.formula(Kumaraswamy, Kumaraswamy)
def kl_kumaraswamy_kumaraswamy(
    xp: Namespace,
    concentration1_p: Array,
    concentration0_p: Array,
    concentration1_q: Array,
    concentration0_q: Array,
) -> Array:
    """E log(p / q), an integral over v = -log(1 - x^a_p), which is exponential with rate b_p.

    Where a_p = a_q it is r - 1 - log r, with r = b_q / b_p.

    Source: the definition
    """
    return kumaraswamy_gap(xp, concentration1_p, concentration0_p, concentration1_q, concentration0_q)


def _harmonic(xp: Namespace, b: Array) -> Array:
    # -E log(x^a)
    return digamma(xp, b + 1) + EULER


declare.expectations(
    Kumaraswamy,
    entropy=lambda xp, a, b: 1 - 1 / b + (1 - 1 / a) * _harmonic(xp, b) - xp.log(a) - xp.log(b),
    variance=kumaraswamy_variance,
    distance=kumaraswamy_distance,
    log=lambda xp, a, b: -_harmonic(xp, b) / a,
    log_variance=lambda xp, a, b: (trigamma(xp, xp.ones_like(b)) - trigamma(xp, b + 1)) / a / a,
    log_complement=kumaraswamy_log_complement,
    logit_variance=kumaraswamy_logit_variance,
    power=lambda xp, k, s, a, b: beta_power(xp, xp.ones_like(a), b, k / a, -k * xp.log(s)),
)


@declare.interpolation(Kumaraswamy, equal=("concentration1",))
def between_kumaraswamys(xp: Namespace, t: Array, a_p: Array, b_p: Array, a_q: Array, b_q: Array) -> Kumaraswamy:
    """concentration0 is natural, for one concentration1."""
    return Kumaraswamy(a_p, linear(xp, t, b_p, b_q))
