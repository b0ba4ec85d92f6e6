"""Numerics of the ordered logistic and the stopping ratio logistic distribution.

The probability of a class is a difference of sigmoids, which cancels in both tails. Its logarithm is a sum of terms of
one sign, and the divergence comes from differences of these logarithms, computed from those of the parameters.
"""

from __future__ import annotations

from math import inf

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.categorical import bernoulli_logits_gap, select_class, sigmoid, softplus
from kldiv._numerics.gaps import expm1_gap


def ordered_logistic_gap(xp: Namespace, cuts: Array, loc: Array, cuts_q: Array, loc_q: Array) -> Array:
    """The sum over classes of p (expm1(t) - t), with t the difference of the logarithms of their probabilities."""
    a, b = cuts - loc[..., None], cuts_q - loc_q[..., None]
    moved = cuts_q - cuts
    d = moved - (loc_q - loc)[..., None]
    # t of the events below and above each cut
    below = -_softplus_difference(xp, -a, -b, -d)
    above = -_softplus_difference(xp, a, b, d)
    first = _mass_gap(xp, -softplus(xp, -a[..., 0]), below[..., 0])
    last = _mass_gap(xp, -softplus(xp, a[..., -1]), above[..., -1])
    width, width_q = cuts[..., 1:] - cuts[..., :-1], cuts_q[..., 1:] - cuts_q[..., :-1]
    wider = moved[..., 1:] - moved[..., :-1]
    near = xp.abs(wider) < 0.5 * width
    ratio = -xp.expm1(-xp.where(near, wider, 0.0)) * xp.exp(-width) / -xp.expm1(-width)
    close = xp.log1p(ratio)
    t = below[..., 1:] + above[..., :-1] + xp.where(near, close, _log_step(xp, width_q) - _log_step(xp, width))
    log_p = ordered_log_mass(xp, a[..., :-1], a[..., 1:], width)
    return first + last + xp.sum(_mass_gap(xp, log_p, t), axis=-1)


def stopping_ratio_gap(xp: Namespace, cuts: Array, loc: Array, cuts_q: Array, loc_q: Array) -> Array:
    """The sum over classes of the probability to reach one times the divergence of stopping there."""
    a, b = cuts - loc[..., None], cuts_q - loc_q[..., None]
    passed = softplus(xp, a)
    reached = xp.exp(passed - xp.cumulative_sum(passed, axis=-1))
    gaps = bernoulli_logits_gap(xp, a, b, (cuts_q - cuts) - (loc_q - loc)[..., None])
    return xp.sum(reached * gaps, axis=-1)


def ordered_log_mass(xp: Namespace, low: Array, high: Array, width: Array) -> Array:
    """log(sigmoid(high) - sigmoid(low)), with width = high - low; the ends may be infinite."""
    return -softplus(xp, -high) - softplus(xp, low) + _log_step(xp, width)


def ordered_log_density(xp: Namespace, cuts: Array, loc: Array, x: Array) -> Array:
    """The logarithm of the probability of class x; -inf where there is no such class."""
    last = xp.sum(xp.ones_like(cuts), axis=-1)
    low, high = select_class(xp, cuts, x - 1), -select_class(xp, -cuts, x)
    return xp.where((x < 0) | (x > last), -inf, ordered_log_mass(xp, low - loc, high - loc, high - low))


def stopping_log_mass(xp: Namespace, logits: Array, x: Array) -> Array:
    """The logarithm of the probability to stop at class x, the logits of stopping being along the last axis."""
    passed = softplus(xp, logits)
    before = xp.cumulative_sum(passed, axis=-1) - passed
    last = -xp.sum(passed, axis=-1)
    stops = select_class(xp, -softplus(xp, -logits) - before, x)
    return xp.where(x == xp.sum(xp.ones_like(logits), axis=-1), last, stops)


def _softplus_difference(xp: Namespace, a: Array, b: Array, difference: Array) -> Array:
    """softplus(b) - softplus(a), for b - a as given."""
    near = xp.abs(difference) < 1
    close = xp.log1p(sigmoid(xp, a) * xp.expm1(xp.where(near, difference, 0.0)))
    return xp.where(near, close, softplus(xp, b) - softplus(xp, a))


def _mass_gap(xp: Namespace, log_p: Array, t: Array) -> Array:
    """p (expm1(t) - t), from log p; p exp(t) is at most 1."""
    above = t > 1
    p = xp.exp(log_p)
    near = p * expm1_gap(xp, xp.where(above, 0.0, t))
    return xp.where(above, xp.exp(log_p + xp.where(above, t, 0.0)) - p * (1 + t), near)


def _log_step(xp: Namespace, width: Array) -> Array:
    """log(1 - exp(-width)) for positive width."""
    return xp.log(-xp.expm1(-width))
