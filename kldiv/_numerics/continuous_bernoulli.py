"""Numerics of the continuous Bernoulli distribution: density proportional to exp(eta x) between 0 and 1.

The closed forms, such as log((exp(eta) - 1) / eta), are 0 / 0 at eta = 0 and cancel near it. Up to a certain size of
eta fixed nodes integrate the density to the last digits, and beyond it the closed forms do not cancel. Where an
expectation has no closed form, every integrand is smooth, and the nodes lie where the mass is.
"""

from __future__ import annotations

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.exact import is_single, polynomial
from kldiv._numerics.gaps import EXP_TAIL, expm1_gap, log1p_gap, log_ratio
from kldiv._numerics.integrals import gauss_legendre, integrate_half_line, integrate_unit_interval

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_GAUSS = gauss_legendre(20)

_STEEP = 40.0  # exp(-40) is nothing beside 1

_TILT = 6.0  # the largest exponent on the whole interval that these nodes integrate


def continuous_bernoulli_gap(xp: Namespace, eta_p: Array, eta_q: Array, difference: Array) -> Array:
    """The divergence between the densities exp(eta x) / Z on the unit interval; `difference` is eta_q - eta_p."""
    flip = eta_p < 0
    a, b, d = (xp.where(flip, -x, x) for x in (eta_p, eta_q, difference))
    # Both small: log E_P exp(d (x - E_P x)).
    small = (a <= _TILT) & (xp.abs(b) <= _TILT)
    x, p, _ = _tilted(xp, xp.where(small, a, 0.0))
    t = xp.where(small, d, 0.0)[..., None] * (x - xp.sum(p * x, axis=-1, keepdims=True))
    small_value = xp.log1p(xp.sum(p * expm1_gap(xp, t), axis=-1))
    # Both large: the remainders of -log(eta), convex, and of log(1 - exp(-eta)), concave.
    large = ~small & (a >= 0.5 * _TILT) & (b >= 0.5 * _TILT)
    a_in, b_in, d_in = xp.where(large, a, 1.0), xp.where(large, b, 1.0), xp.where(large, d, 0.0)
    falls = d_in < -1
    e = xp.exp(-a_in)
    r, fall = e / (1 - e), xp.where(falls, 0.0, d_in)
    s = xp.where(falls, (e - xp.exp(-b_in)) / (1 - e), -r * xp.expm1(-fall))
    concave = log1p_gap(xp, s) + xp.where(falls, r * d_in - s, r * expm1_gap(xp, -fall))
    large_value = log1p_gap(xp, d_in / a_in, (b_in, a_in)) - concave
    # Otherwise far apart.
    other = small | large
    a, b, d = xp.where(other, 1.0, a), xp.where(other, 0.0, b), xp.where(other, -1.0, d)
    far = (
        continuous_bernoulli_log_partition(xp, -b)
        - continuous_bernoulli_log_partition(xp, -a)
        + continuous_bernoulli_mean(xp, -a) * d
    )
    return xp.where(small, small_value, xp.where(large, large_value, far))


def continuous_bernoulli_log_partition(xp: Namespace, eta: Array) -> Array:
    """log((exp(eta) - 1) / eta), the integral of exp(eta x) over the unit interval."""
    small, eta_small, h = _split_tilt(xp, eta)
    near = _tilted(xp, eta_small)[2]
    far = xp.where(eta > 0, h, 0.0) - xp.log(h) + xp.log1p(-xp.exp(-h))
    return xp.where(small, near, far)


def continuous_bernoulli_mean(xp: Namespace, eta: Array) -> Array:
    """The mean of the density exp(eta x) / Z on the unit interval."""
    h = xp.where(eta < -_TILT, -eta, _TILT)
    e = xp.exp(-h)
    return xp.where(eta < -_TILT, 1 / h - e / (1 - e), 0.5 + _tilted_excess(xp, xp.where(eta < -_TILT, 0.0, eta)))


def continuous_bernoulli_variance(xp: Namespace, eta: Array) -> Array:
    """The variance of the density exp(eta x) / Z on the unit interval."""
    small, eta_small, h = _split_tilt(xp, eta)
    x, p, _ = _tilted(xp, eta_small)
    d = x - xp.sum(p * x, axis=-1, keepdims=True)
    e = xp.exp(-h)
    return xp.where(small, xp.sum(p * d * d, axis=-1), 1 / (h * h) - e / ((1 - e) * (1 - e)))


def logit_difference(xp: Namespace, p: Array, q: Array) -> Array:
    """logit(q) - logit(p), for probabilities between 0 and 1 that may nearly agree."""
    d = q - p

    def difference(of: Array, to: Array, d: Array) -> Array:
        near = xp.abs(d) <= 0.5 * of
        far = log_ratio(xp, xp.where(near, 1.0, to), xp.where(near, 1.0, of))
        return xp.where(near, xp.log1p(xp.divide(xp.where(near, d, 0.0), of)), far)

    return difference(p, q, d) - difference(1 - p, 1 - q, -d)


def continuous_bernoulli_log(xp: Namespace, eta: Array) -> Array:
    """E log x under the density exp(eta x) / Z on the unit interval."""
    return _mean_under_tilt(xp, eta, lambda x, y: _log_of(xp, x, y))


def continuous_bernoulli_log_variance(xp: Namespace, eta: Array) -> Array:
    """Var log x under the density exp(eta x) / Z on the unit interval."""
    mean = continuous_bernoulli_log(xp, eta)[..., None]

    def square(x: Array, y: Array) -> Array:
        d = _log_of(xp, x, y) - mean
        return d * d

    return _mean_under_tilt(xp, eta, square)


def continuous_bernoulli_logit_variance(xp: Namespace, eta: Array) -> Array:
    """Var log(x / (1 - x)) under the density exp(eta x) / Z on the unit interval."""

    def logit(x: Array, y: Array) -> Array:
        return _log_of(xp, x, y) - _log_of(xp, y, x)

    mean = _mean_under_tilt(xp, eta, logit)[..., None]
    return _mean_under_tilt(xp, eta, lambda x, y: (logit(x, y) - mean) * (logit(x, y) - mean))


def continuous_bernoulli_distance(xp: Namespace, m: Array, eta: Array) -> Array:
    """E |x - m| under the density exp(eta x) / Z on the unit interval."""
    flip = eta > 0
    h, x = xp.where(flip, eta, -eta), xp.where(flip, 1 - m, m)
    mean = continuous_bernoulli_mean(xp, -h)
    inside = (x > 0) & (x < 1)
    y = xp.where(inside, x, 0.5)
    # E max(y - x, 0) is the integral of (1 - exp(-h t)) / (1 - exp(-h)) over t from 0 to y.
    below = y * y * _half_gap(xp, -h * y) / (1 - h * _half_gap(xp, -h))
    return xp.where(inside, (mean - y) + 2 * below, xp.abs(mean - xp.where(inside, 0.0, x)))


def _tilted(xp: Namespace, eta: Array) -> tuple[Array, Array, Array]:
    """The nodes, their probabilities under the density exp(eta x) / Z on (0, 1), and log(Z), for abs(eta) <= 6."""
    x, weights = (xp.asarray_like(values, eta, eta.dtype) for values in _GAUSS)
    # Symmetric about 1/2, so that exp(eta (x - 1/2)) is as small as may be.
    mass = weights * xp.exp(eta[..., None] * (x - 0.5))
    total = xp.sum(mass, axis=-1)
    return x, mass / total[..., None], xp.log(total) + 0.5 * eta


def _split_tilt(xp: Namespace, eta: Array) -> tuple[Array, Array, Array]:
    """Where abs(eta) is within reach of the nodes; eta there and 0 elsewhere; abs(eta) elsewhere and 6 there."""
    small = xp.abs(eta) <= _TILT
    return small, xp.where(small, eta, 0.0), xp.where(small, _TILT, xp.abs(eta))


def _tilted_excess(xp: Namespace, eta: Array) -> Array:
    """The mean of the density exp(eta x) / Z on the unit interval, less 1/2."""
    small, eta_small, h = _split_tilt(xp, eta)
    x, p, _ = _tilted(xp, eta_small)
    e = xp.exp(-h)
    far = 0.5 - 1 / h + e / (1 - e)
    return xp.where(small, xp.sum(p * (x - 0.5), axis=-1), xp.where(eta > 0, far, -far))


def _mean_under_tilt(xp: Namespace, eta: Array, function: Callable[[Array, Array], Array]) -> Array:
    """The mean of a function of x and 1 - x under the density exp(eta x) / Z, which may be singular at 0 and 1."""
    large = xp.abs(eta) > _STEEP
    near = xp.where(large, 0.0, eta)[..., None]
    partition = continuous_bernoulli_log_partition(xp, near)
    value = integrate_unit_interval(xp, lambda u, v: xp.exp(near * u - partition) * function(u, v), eta)
    # The distance from the likelier end is exponential; beyond the other end it has no weight.
    h, ends_at_one = xp.where(large, xp.abs(eta), 2 * _STEEP)[..., None], (eta > 0)[..., None]

    def far(w: Array) -> Array:
        d = xp.where(w < 0.9 * h, w, 0.9 * h) / h
        return xp.exp(-w) * function(xp.where(ends_at_one, 1 - d, d), xp.where(ends_at_one, d, 1 - d))

    return xp.where(large, integrate_half_line(xp, far, eta), value)


def _log_of(xp: Namespace, x: Array, y: Array) -> Array:
    """log(x), given y = 1 - x."""
    small = x < 0.5
    return xp.where(small, xp.log(xp.where(small, x, 0.5)), xp.log1p(-xp.where(small, 0.5, y)))


def _half_gap(xp: Namespace, t: Array) -> Array:
    """(expm1(t) - t) / t^2 for t <= 0."""
    near = t > -1
    far = xp.where(near, -1.0, t)
    return xp.where(
        near, polynomial(EXP_TAIL[is_single(xp, t)], xp.where(near, t, 0.0)), (xp.exp(far) - 1 - far) / (far * far)
    )
