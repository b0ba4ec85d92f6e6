"""Numerics of the Kumaraswamy distribution, whose -log(1 - x^a) is exponential.

The divergence has E log(1 - x^c) under P, which has no closed form. Near equality the gap of the log densities is
integrated on fixed nodes; elsewhere that expectation is, less its limit 1 / b - log(c) for small b.
"""

from __future__ import annotations

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.beta import beta_power
from kldiv._numerics.edges import non_negative
from kldiv._numerics.gaps import expm1_gap, log_quotient, relative_gap
from kldiv._numerics.integrals import integrate_half_line
from kldiv._numerics.special import EULER, betainc, digamma, log1mexp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_CLIP = 40.0  # exp(-40) is nothing beside 1


def kumaraswamy_gap(xp: Namespace, a_p: Array, b_p: Array, a_q: Array, b_q: Array) -> Array:
    """The divergence between the Kumaraswamy distributions with concentrations a_p, b_p and a_q, b_q."""
    ratio, excess = a_q / a_p, (a_q - a_p) / a_p
    log_ratio_a, log_ratio_b = log_quotient(xp, a_q, a_p), log_quotient(xp, b_q, b_p)
    near = (excess >= -0.2) & (excess <= 0.5) & (b_q > 0.75 * b_p) & (b_q < 2 * b_p)

    # Nearly equal: the mean of q / p - 1 - log(q / p), from log(q / p) without cancellation.
    def integrand(v: Array) -> Array:
        e, d = xp.where(near, excess, 0.0)[..., None], xp.where(near, b_q - b_p, 0.0)[..., None]
        b = xp.where(near, b_q, 1.0)[..., None]
        constant = xp.where(near, log_ratio_a, 0.0)[..., None] + xp.where(near, log_ratio_b, 0.0)[..., None]
        clipped = xp.where(v < _CLIP, v, _CLIP)
        log_y = log1mexp(xp, clipped)
        # log(1 - y^c) - log(1 - y)
        log_complements = xp.log1p(-xp.expm1(clipped) * xp.expm1(e * log_y))
        return expm1_gap(xp, constant + e * log_y + (b - 1) * log_complements - d * v)

    near_value = _mean_under_power(xp, b_p, integrand)
    # Otherwise from the mean of the logarithm, term by term.
    ratio_in, log_a = xp.where(near, 1.0, ratio), xp.where(near, 0.0, log_ratio_a)
    b_in = xp.where(near, 1.0, b_q) * xp.ones_like(b_p)
    small, mean = _mean_log_complement(xp, b_p, ratio_in, log_a)
    terms = xp.where(
        small, relative_gap(xp, b_in, b_p) - b_in * log_a, 1 / b_p - 1 - log_a - log_quotient(xp, b_in, b_p)
    )
    far_value = (b_in - 1) * mean + terms + xp.where(near, 0.0, excess) * (EULER + digamma(xp, b_p + 1))
    far_value = non_negative(xp, far_value)
    return xp.where(near, near_value, far_value)


def kumaraswamy_log_complement(xp: Namespace, a: Array, b: Array) -> Array:
    """E log(1 - x) of the Kumaraswamy distribution."""
    log_a = xp.log(a)
    small, mean = _mean_log_complement(xp, b, 1 / a, -log_a)
    return -(mean + xp.where(small, 1 / b + log_a, 0.0))


def kumaraswamy_variance(xp: Namespace, a: Array, b: Array) -> Array:
    """Var x of the Kumaraswamy distribution."""

    def below_one(v: Array) -> Array:
        return xp.expm1(log1mexp(xp, v) / a[..., None])

    mean = _mean_under_power(xp, b, below_one)[..., None]
    return _mean_under_power(xp, b, lambda v: (below_one(v) - mean) * (below_one(v) - mean))


def kumaraswamy_logit_variance(xp: Namespace, a: Array, b: Array) -> Array:
    """Var log(x / (1 - x)) of the Kumaraswamy distribution."""

    def logit(v: Array) -> Array:
        clipped = xp.where(v < _CLIP, v, _CLIP)
        return log1mexp(xp, clipped) / a[..., None] + _log_complement_of_power(xp, v, 1 / a[..., None])

    mean = _mean_under_power(xp, b, logit)[..., None]
    return _mean_under_power(xp, b, lambda v: (logit(v) - mean) * (logit(v) - mean))


def kumaraswamy_distance(xp: Namespace, m: Array, a: Array, b: Array) -> Array:
    """E |x - m| of the Kumaraswamy distribution."""
    inside = (m > 0) & (m < 1)
    log_x = xp.log(xp.where(inside, m, 0.5))
    mean = beta_power(xp, xp.ones_like(a), b, 1 / a, xp.zeros_like(a))
    y, complement = xp.exp(a * log_x), -xp.expm1(a * log_x)
    below = -xp.expm1(b * xp.log(complement))
    weighted = betainc(xp, 1 + 1 / a, b, y, complement)
    value = m * (2 * below - 1) + mean * (1 - 2 * weighted)
    return xp.where(inside, value, xp.abs(mean - xp.where(inside, 0.0, m)))


def _mean_under_power(xp: Namespace, b: Array, function: Callable[[Array], Array]) -> Array:
    """The mean of function(v) where v = -log(1 - y) is exponential with rate b, so that y is a beta(1, b) variable."""
    return integrate_half_line(xp, lambda w: xp.exp(-w) * function(w / b[..., None]), b)


def _log_complement_of_power(xp: Namespace, v: Array, c: Array) -> Array:
    """-log(1 - y^c), where v = -log(1 - y)."""
    # Beyond the clip it is v - log(c).
    clipped = xp.where(v < _CLIP, v, _CLIP)
    return (v - clipped) - log1mexp(xp, -c * log1mexp(xp, clipped))


def _mean_log_complement(xp: Namespace, b: Array, c: Array, log_c: Array) -> tuple[Array, Array]:
    """Where b < 1; there -E log(1 - y^c) less 1/b - log(c), which is its limit, and elsewhere the mean itself."""
    small = b < 1
    step = 1 / xp.where(small, 1.0, b)
    weight = (b * step)[..., None]
    limit, log_c, c, step = small[..., None], log_c[..., None], c[..., None], step[..., None]

    def integrand(w: Array) -> Array:
        v = w * step
        value = _log_complement_of_power(xp, v, c)
        clipped = xp.where(v < _CLIP, v, _CLIP)
        rest = (log_c - clipped) - log1mexp(xp, -c * log1mexp(xp, clipped))
        return weight * xp.exp(-weight * w) * xp.where(limit, rest, value)

    return small, integrate_half_line(xp, integrand, b)
