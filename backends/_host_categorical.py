"""Categorical distributions in one sweep, their classes along the last axis."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kldiv.backends._host import Array, Kernel, Scratch
from kldiv.backends._host_exp import expm1, expm1_gap
from kldiv.backends._host_normal import near_gap


SAMPLE = 512  # classes that tell which formula to try
RARE = 5.0  # from this tau on its rounding tells in the exponential, which may be most of a small divergence


class _Softmax(NamedTuple):
    """With t = b - a: exp(a - max a), its sum, the mean of t under softmax(a), and the deviation tau of t from it."""

    weights: Array
    total: Array
    mean: Array
    tau: Array


def _softmax(scratch: Scratch, a: Array, b: Array) -> _Softmax:
    weights, tau = scratch(0, a.shape), scratch(1, a.shape)
    np.subtract(a, a.max(axis=-1, keepdims=True), out=weights)
    np.exp(weights, out=weights)
    total = weights.sum(axis=-1, keepdims=True)
    np.subtract(b, a, out=tau)
    mean = np.vecdot(weights, tau)[..., None] / total
    tau -= mean
    return _Softmax(weights, total, mean, tau)


def _refine(scratch: Scratch, softmax: _Softmax, a: Array, b: Array) -> None:
    """Add to tau the rounding errors of t (Knuth), and take away what the rounding of its mean has left."""
    weights, total, _, tau = softmax
    d, back = scratch(2, a.shape), scratch(3, a.shape)
    np.subtract(b, a, out=d)
    np.subtract(d, b, out=back)
    np.subtract(d, back, out=d)
    back += a
    np.subtract(b, d, out=d)
    d -= back
    tau += d
    tau -= np.vecdot(weights, tau)[..., None] / total


def _variance(weights: Array, tau: Array) -> Array:
    variance: Array = np.vecdot(weights, tau * tau) / weights.sum(axis=-1)  # about twice the divergence
    return variance


def logits(scratch: Scratch, out: Array, a: Array, b: Array) -> None:
    """log(sum_i p_i exp(tau_i)) where that is not near 0, log1p(sum_i p_i (exp(tau_i) - 1 - tau_i)) elsewhere."""
    softmax = weights, total, mean, tau = _softmax(scratch, a, b)
    if not (tau.max() < np.inf and tau.min() > -np.inf):
        known = np.isfinite(tau.max(axis=-1)) & np.isfinite(tau.min(axis=-1))
        out[...] = np.nan
        if known.any():
            part = np.empty(np.count_nonzero(known), out.dtype)
            logits(scratch, part, a[known], b[known])
            out[known] = part
        return
    total = total[..., 0]
    near = np.ones(out.shape, bool)
    few = slice(None, None, max(1, a.shape[-1] // SAMPLE))
    if np.any(_variance(weights[..., few], tau[..., few]) > 0.8):
        powers = scratch(2, a.shape)
        np.exp(tau, out=powers)
        powers *= weights
        of_q = powers.sum(axis=-1)
        np.log(of_q / total, out=out)
        out -= np.vecdot(weights, tau) / total
        # The error is about eps times 2 and half the means of |t| under Q and P.
        near = ~(5 * out >= 2 + 0.5 * (np.vecdot(powers, tau) / of_q + np.abs(mean[..., 0])))
    rare = near & (tau.max(axis=-1) > RARE)
    if near.all():
        _refine(scratch, softmax, a, b)
        np.log1p(np.vecdot(weights, expm1_gap(tau, scratch(2, a.shape))) / total, out=out)
    elif near.any():
        part = np.empty(np.count_nonzero(near), out.dtype)
        some = _Softmax(weights[near], total[near][..., None], mean[near], tau[near])
        _refine(scratch, some, a[near], b[near])
        gaps = expm1_gap(some.tau, scratch(2, some.tau.shape))
        out[near] = np.log1p(np.vecdot(some.weights, gaps) / total[near])
    out[rare] = np.nan


def logits_gradients(
    scratch: Scratch, of_values: Array, values: Array, outs: list[Array | None], a: Array, b: Array
) -> None:
    """-p tau for a and p (exp(tau - KL) - 1) = q - p for b."""
    softmax = weights, total, _, tau = _softmax(scratch, a, b)
    _refine(scratch, softmax, a, b)
    weights *= of_values[..., None] / total
    for_a, for_b = outs
    if for_a is not None:
        np.multiply(weights, tau, out=for_a)
        np.negative(for_a, out=for_a)
    if for_b is not None:
        tau -= values[..., None]
        expm1(tau, for_b)
        for_b *= weights


def probabilities(scratch: Scratch, out: Array, p: Array, q: Array) -> None:
    """sum_i p_i log(p_i / q_i) where that is not near 0, sum_i [p_i log(p_i / q_i) - p_i + q_i] elsewhere.

    Both sums are those of p and of q divided by their totals.
    """
    info = np.finfo(p.dtype)
    tiny, tolerance = info.smallest_normal, info.eps**0.5
    total_p, total_q = p.sum(axis=-1), q.sum(axis=-1)
    near = np.ones(out.shape, bool)
    few = slice(None, None, max(1, p.shape[-1] // SAMPLE))
    some = np.abs(p[..., few] - q[..., few]).sum(axis=-1) / p[..., few].sum(axis=-1)
    if np.any(some > 0.7):  # by Pinsker's inequality twice the divergence is at least its square, and often twice that
        logs = scratch(0, p.shape)
        np.maximum(p, tiny, out=logs)
        logs /= q
        np.log(logs, out=logs)
        np.divide(np.vecdot(p, logs), total_p, out=out)
        out += np.log1p((total_q - total_p) / total_p)
        near = ~(out >= 0.7)
    if near.all():
        out[...] = _near_probabilities(scratch, p, q, total_p, total_q)
    elif near.any():
        out[near] = _near_probabilities(scratch, p[near], q[near], total_p[near], total_q[near])
    valid = (np.abs(total_p - 1) <= tolerance) & (np.abs(total_q - 1) <= tolerance)
    if not (valid.all() and p.min() >= 0 and q.min() >= 0):
        out[~(valid & (p.min(axis=-1) >= 0) & (q.min(axis=-1) >= 0))] = np.nan


def _near_probabilities(scratch: Scratch, p: Array, q: Array, total_p: Array, total_q: Array) -> Array:
    tiny = np.finfo(p.dtype).smallest_normal
    scale = (total_p / total_q)[..., None]
    d, u = scratch(0, p.shape), scratch(1, p.shape)
    np.subtract(q, p, out=d)
    np.multiply(p, (d.sum(axis=-1) / total_p)[..., None], out=u)
    d -= u
    d *= scale  # q' - p, where q' is q scaled to the sum of p
    np.divide(d, np.maximum(p, tiny), out=u)
    terms, far = near_gap(scratch, u)
    terms *= p
    if far is not None:
        some_p = p[far]
        some_q = np.broadcast_to(scale, p.shape)[far] * q[far]
        terms[far] = d[far] - some_p * np.log(some_q / np.maximum(some_p, tiny))
    value: Array = terms.sum(axis=-1) / total_p
    return value


_LOGITS = Kernel(logits, 1, logits_gradients)
_PROBABILITIES = Kernel(probabilities, 1)

KERNELS = {
    ("kl_categorical_logits_categorical_logits", 0): _LOGITS,
    ("kl_categorical_categorical", 0): _PROBABILITIES,
}
