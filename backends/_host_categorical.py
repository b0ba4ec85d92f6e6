"""Categorical distributions in one sweep, their classes along the last axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from kldiv.backends._host import Array, Kernel, Scratch
from kldiv.backends._host_exp import expm1_gap
from kldiv.backends._host_normal import near_gap

SAMPLE = 512  # classes that tell which formula to try
RARE = 5.0  # from this tau on its rounding tells in the exponential, which may be most of a small divergence


class _Softmax(NamedTuple):
    """With t = b - a: p = softmax(a), the mean of t under p, and the deviation tau of t from it."""

    p: Array
    mean: Array
    tau: Array


def _softmax(scratch: Scratch, a: Array, b: Array) -> _Softmax:
    p, tau = scratch(0, a.shape), scratch(1, a.shape)
    np.subtract(a, a.max(axis=-1, keepdims=True), out=p)
    np.exp(p, out=p)
    p /= p.sum(axis=-1, keepdims=True)
    np.subtract(b, a, out=tau)
    mean = np.vecdot(p, tau)
    tau -= mean[..., None]
    return _Softmax(p, mean, tau)


def _refine(scratch: Scratch, softmax: _Softmax, a: Array, b: Array) -> None:
    """Add to tau the rounding errors of t (Knuth), and take away what the rounding of its mean has left."""
    p, _, tau = softmax
    d, back = scratch(2, a.shape), scratch(3, a.shape)
    np.subtract(b, a, out=d)
    np.subtract(d, b, out=back)
    np.subtract(d, back, out=d)
    back += a
    np.subtract(b, d, out=d)
    d -= back
    tau += d
    tau -= np.vecdot(p, tau)[..., None]


def logits(scratch: Scratch, out: Array, a: Array, b: Array) -> None:
    """log(sum_i p_i exp(tau_i)) where that is not near 0, log1p(sum_i p_i (exp(tau_i) - 1 - tau_i)) elsewhere."""
    logits_and_slopes(scratch, out, [None, None], a, b)


def logits_and_slopes(scratch: Scratch, out: Array, slopes: list[Array | None], a: Array, b: Array) -> None:
    """Write the divergences and their derivatives, -p tau for a and p (exp(tau - KL) - 1) = q - p for b."""
    softmax = p, mean, tau = _softmax(scratch, a, b)
    if not (tau.max() < np.inf and tau.min() > -np.inf):
        known = np.isfinite(tau.max(axis=-1)) & np.isfinite(tau.min(axis=-1))
        out[...] = np.nan
        _for_some(known, out, slopes, lambda out, slopes: logits_and_slopes(scratch, out, slopes, a[known], b[known]))
        return
    some = slice(None, None, max(1, a.shape[-1] // SAMPLE))
    near = np.ones(out.shape, bool)
    # The variance of tau is about twice the divergence.
    if np.any(np.vecdot(p[..., some], tau[..., some] ** 2) > 0.8 * p[..., some].sum(axis=-1)):
        powers = scratch(2, a.shape)
        np.exp(tau, out=powers)
        powers *= p
        of_q = powers.sum(axis=-1)
        np.log(of_q, out=out)
        out -= np.vecdot(p, tau)
        # The error is about eps times 2 and half the means of |t| under Q and P.
        near = ~(5 * out >= 2 + 0.5 * (np.vecdot(powers, tau) / of_q + np.abs(mean)))
        if not near.all():
            _slope_for_a(slopes[0], p, tau)
            if slopes[1] is not None:
                np.divide(powers, of_q[..., None], out=slopes[1])
                slopes[1] -= p
    if near.all():
        _near_logits(scratch, out, slopes, softmax, a, b)
    else:
        part = _Softmax(*[x[near] for x in softmax])
        _for_some(near, out, slopes, lambda out, slopes: _near_logits(scratch, out, slopes, part, a[near], b[near]))


def _near_logits(
    scratch: Scratch, out: Array, slopes: list[Array | None], softmax: _Softmax, a: Array, b: Array
) -> None:
    p, mean, tau = softmax
    gaps = scratch(4, a.shape)
    np.log1p(np.vecdot(p, expm1_gap(tau, gaps)), out=out)
    if np.any(mean * mean > 8 * out):  # the rounding of t, which is about its mean, tells in its deviation
        _refine(scratch, softmax, a, b)
        np.log1p(np.vecdot(p, expm1_gap(tau, gaps)), out=out)
    _slope_for_a(slopes[0], p, tau)
    if slopes[1] is not None:  # p (exp(tau - KL) - 1)
        np.add(gaps, tau, out=slopes[1])
        slopes[1] *= np.exp(-out)[..., None]
        slopes[1] += np.expm1(-out)[..., None]
        slopes[1] *= p
    out[tau.max(axis=-1) > RARE] = np.nan


def _slope_for_a(slope: Array | None, p: Array, tau: Array) -> None:
    if slope is not None:
        np.multiply(p, tau, out=slope)
        np.negative(slope, out=slope)


def _for_some(rows: Array, out: Array, slopes: list[Array | None], write: Callable[..., None]) -> None:
    """Let ``write(out, slopes)`` compute some rows."""
    count = np.count_nonzero(rows)
    if count == 0:
        return
    part = np.empty(count, out.dtype)
    some = [None if x is None else np.empty((count, *x.shape[out.ndim :]), x.dtype) for x in slopes]
    write(part, some)
    out[rows] = part
    for x, of_x in zip(slopes, some, strict=True):
        if x is not None:
            x[rows] = of_x


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
    least = p.min()
    if least == 0:
        np.copyto(terms, d, where=p == 0)
    value: Array = terms.sum(axis=-1) / total_p
    if least < tiny:
        value[((p < tiny) & (p > 0)).any(axis=-1)] = np.nan
    if not q.min() > 0:
        value[((q == 0) & (p > 0)).any(axis=-1)] = np.inf
    return value


_LOGITS = Kernel(logits, 1, logits_and_slopes)
_PROBABILITIES = Kernel(probabilities, 1)

KERNELS = {
    ("kl_categorical_logits_categorical_logits", 0): _LOGITS,
    ("kl_categorical_categorical", 0): _PROBABILITIES,
}
