"""Numerics of the logit-normal distribution: expectations under a normal variable on fixed nodes.

The sigmoid is smooth on the scale of 1. A narrow normal variable is integrated over itself; under a wide one the
sigmoid is a step, whose expectation is known, and what is left of it falls off like exp(-|x|).
"""

from __future__ import annotations

from math import inf, log, pi, sqrt

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.categorical import sigmoid, softplus
from kldiv._numerics.edges import log_fraction
from kldiv._numerics.integrals import integrate_half_line, normal_nodes
from kldiv._numerics.special import log_ndtr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


_NORMAL = normal_nodes(0.25, 35)

_WIDE = 2.0  # the scale from which the sigmoid is a step rather than smooth


def sigmoid_mean(xp: Namespace, loc: Array, scale: Array) -> Array:
    """E sigmoid(x) of a normal variable."""
    small, near, far = _split_scale(xp, loc, scale)
    step = xp.exp(log_ndtr(xp, far[0] / far[1]))
    rest = _mean_around_zero(xp, *far, lambda w: -sigmoid(xp, -w), lambda w: sigmoid(xp, -w))
    return xp.where(small, _mean_under_normal(xp, *near, lambda x: sigmoid(xp, x)), step + rest)


def sigmoid_variance(xp: Namespace, loc: Array, scale: Array) -> Array:
    """Var sigmoid(x) of a normal variable."""
    small, near, far = _split_scale(xp, loc, scale)
    mean = sigmoid_mean(xp, *near)[..., None]
    near_value = _mean_under_normal(xp, *near, lambda x: (sigmoid(xp, x) - mean) * (sigmoid(xp, x) - mean))

    def product(w: Array) -> Array:
        return sigmoid(xp, w) * sigmoid(xp, -w)

    # m (1 - m) - E s (1 - s)
    far_mean = sigmoid_mean(xp, *far)
    return xp.where(small, near_value, far_mean * (1 - far_mean) - _mean_around_zero(xp, *far, product, product))


def softplus_mean(xp: Namespace, loc: Array, scale: Array) -> Array:
    """E log(1 + exp(x)) of a normal variable."""
    small, near, far = _split_scale(xp, loc, scale)
    rest = _mean_around_zero(xp, *far, lambda w: softplus(xp, -w), lambda w: softplus(xp, -w))
    far_value = _positive_part(xp, *far)[0] + rest
    return xp.where(small, _mean_under_normal(xp, *near, lambda x: softplus(xp, x)), far_value)


def softplus_variance(xp: Namespace, loc: Array, scale: Array) -> Array:
    """Var log(1 + exp(x)) of a normal variable."""
    small, near, far = _split_scale(xp, loc, scale)
    mean = softplus_mean(xp, *near)[..., None]
    near_value = _mean_under_normal(xp, *near, lambda x: (softplus(xp, x) - mean) * (softplus(xp, x) - mean))
    rest = _mean_around_zero(
        xp,
        *far,
        lambda w: softplus(xp, -w) * (softplus(xp, -w) + 2 * w),
        lambda w: softplus(xp, -w) * softplus(xp, -w),
    )
    far_mean = softplus_mean(xp, *far)
    return xp.where(small, near_value, _positive_part(xp, *far)[1] + rest - far_mean * far_mean)


def logit_normal_log_density(xp: Namespace, x: Array, complement: Array, loc: Array, scale: Array) -> Array:
    """The log density at x, 1 less the complement, of the sigmoid of a normal variable, -inf at 0 and 1."""
    edge = (x == 0) | (complement == 0)
    x, complement = xp.where(edge, 0.5, x), xp.where(edge, 0.5, complement)
    log_x, log_y = log_fraction(xp, x, complement), log_fraction(xp, complement, x)
    z = ((log_x - log_y) - loc) / scale
    return xp.where(edge, -inf, -0.5 * z * z - xp.log(scale) - 0.5 * log(2 * pi) - log_x - log_y)


def _mean_under_normal(xp: Namespace, loc: Array, scale: Array, function: Callable[[Array], Array]) -> Array:
    """The mean of a function analytic within pi of the real line, for a scale up to 2."""
    z, weights = (xp.asarray_like(x, loc, loc.dtype) for x in _NORMAL)
    return xp.sum(weights * function(loc[..., None] + scale[..., None] * z), axis=-1)


def _mean_around_zero(
    xp: Namespace, loc: Array, scale: Array, above: Callable[[Array], Array], below: Callable[[Array], Array]
) -> Array:
    """E above(x) for x > 0 and below(-x) for x < 0, of functions that fall like exp(-x), for a scale from 2 on."""
    loc, scale = loc[..., None], scale[..., None]

    def density(x: Array) -> Array:
        z = (x - loc) / scale
        return xp.exp(-0.5 * z * z) / (scale * sqrt(2 * pi))

    return integrate_half_line(xp, lambda w: density(w) * above(w) + density(-w) * below(w), loc[..., 0])


def _split_scale(xp: Namespace, loc: Array, scale: Array) -> tuple[Array, tuple[Array, Array], tuple[Array, Array]]:
    """Where the scale is small; location and scale there, and elsewhere."""
    small = scale < _WIDE
    near = xp.where(small, loc, 0.0), xp.where(small, scale, 1.0)
    return small, near, (xp.where(small, 0.0, loc), xp.where(small, _WIDE, scale))


def _positive_part(xp: Namespace, loc: Array, scale: Array) -> tuple[Array, Array]:
    """E max(x, 0) and E max(x, 0)^2 of a normal variable."""
    z = loc / scale
    probability = xp.exp(log_ndtr(xp, z))
    edge = scale * xp.exp(-0.5 * z * z) / sqrt(2 * pi)
    return loc * probability + edge, (loc * loc + scale * scale) * probability + loc * edge
