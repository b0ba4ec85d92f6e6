"""Normal distributions in one sweep: elementwise, and sum_axes over the components of a vector."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from kldiv.backends._host import Array, Kernel, Scratch, polynomial
from kldiv.backends._host_exp import expm1_gap

# Chebyshev fits, ascending powers, (float64, float32); tests/frameworks/test_sweeps.py derives them again with mpmath.
# Twice sum_k z^k / (2 k + 3) on [0, 1/9].
ATANH_TAIL = (
    (
        0.6666666666666666, 0.40000000000014585, 0.2857142856710876, 0.22222222717427864, 0.18181789436132859,
        0.15385570064958623, 0.13314144209654935, 0.12001072809590713, 0.08800738486144674, 0.1616404561194353,
    ),
    (
        0.6666666732052742, 0.3999970633192972, 0.28592357994302836, 0.21706575800880373, 0.2322432922402335,
    ),
)  # fmt: skip
# The same on [0, 0.45], where a / b lies between 1/5 and 5, in float64.
WIDE_ATANH_TAIL = np.array([
    0.6666666666666666, 0.40000000000000335, 0.2857142857132913, 0.22222222233831654, 0.18181817466545172,
    0.15384642246601657, 0.13332663493450797, 0.11776428555197764, 0.10376830623651456, 0.10948993916156774,
    -0.01640163229750714, 0.6562266445495142, -2.406834126246199, 8.306961227853398, -20.86350644593873,
    40.056198097927805, -55.73709201372002, 53.90267462113847, -32.32437181099288, 9.33932040882181,
])  # fmt: skip
_FALLING = ATANH_TAIL[0][::-1]
NEAR = (-0.5, 1.0)  # where u - log1p(u) is that series
SLACK = {4: 2.0**15, 8: 2.0**60}  # a quotient within these bounds may be multiplied with seven others, or fifteen


def near_gap(scratch: Scratch, u: Array) -> tuple[Array, Any]:
    """u - log(1 + u) where that is near 0, and the indices of where it is not: None if that is nowhere."""
    s, z, value = scratch(2, u.shape), scratch(3, u.shape), scratch(4, u.shape)
    np.add(u, 2.0, out=s)
    np.divide(u, s, out=s)
    np.multiply(s, s, out=z)
    polynomial(ATANH_TAIL[u.itemsize == 4], z, value)
    value *= z
    np.subtract(u, value, out=value)
    value *= s
    if u.min() >= NEAR[0] and u.max() <= NEAR[1]:
        return value, None
    return value, np.nonzero(~((u >= NEAR[0]) & (u <= NEAR[1])))


def _terms(scratch: Scratch, loc_p: Array, scale_p: Array, loc_q: Array, scale_q: Array) -> Array:
    u, z = scratch(0, loc_p.shape), scratch(1, loc_p.shape)
    np.subtract(scale_p, scale_q, out=u)
    u /= scale_q
    np.subtract(loc_p, loc_q, out=z)
    z /= scale_q
    value, far = near_gap(scratch, u)
    if far is not None:
        r = scale_p[far] / scale_q[far]
        r[~(r >= np.finfo(r.dtype).smallest_normal)] = np.nan  # of subnormal numbers, or of invalid ones
        value[far] = u[far] - np.log(r)
    if not scale_q.min() > 0:
        value[~(scale_q > 0)] = np.nan
    u *= u
    z *= z
    u += z
    u *= 0.5
    value += u
    return value


def normal(scratch: Scratch, out: Array, *parameters: Array) -> None:
    """u - log(1 + u) + u^2 / 2 + z^2 / 2, with u = s_p / s_q - 1 and z = (m_p - m_q) / s_q."""
    np.copyto(out, _terms(scratch, *parameters))


def normal_scalar(loc_p: float, scale_p: float, loc_q: float, scale_q: float) -> float:
    """The same for Python floats."""
    if not (scale_p > 0 and scale_q > 0):
        return math.nan
    u = (scale_p - scale_q) / scale_q
    z = (loc_p - loc_q) / scale_q
    if NEAR[0] <= u <= NEAR[1]:
        s = u / (2 + u)
        w = s * s
        tail = 0.0
        for c in _FALLING:
            tail = tail * w + c
        gap = s * (u - w * tail)
    else:
        r = scale_p / scale_q
        if not 1e-300 < r < math.inf:
            return math.nan
        gap = u - math.log(r)
    return gap + 0.5 * (u * u + z * z)


def normal_few(loc_p: Array, scale_p: Array, loc_q: Array, scale_q: Array) -> Array | None:
    """The same for few numbers, where a call costs more than its numbers; None if it does not hold for all."""
    if not np.minimum.reduce(scale_q, axis=None) > 0:
        return None
    dtype = scale_q.dtype
    if dtype == np.float32:
        loc_p, scale_p, scale_q = (x.astype(np.float64) for x in (loc_p, scale_p, scale_q))
    u = (scale_p - scale_q) / scale_q
    if dtype == np.float64:
        gap = _gap_of_few(u, scale_p, scale_q)
    elif np.minimum.reduce(u, axis=None) > 1e-8 - 1:
        gap = u - np.log1p(u)  # u is 0 or 2^-24 at least: what cancels leaves enough digits
    else:
        return None
    z = (loc_p - loc_q) / scale_q
    value = (gap + 0.5 * (u * u + z * z)).astype(dtype, copy=False)
    return value if np.maximum.reduce(value, axis=None) < np.inf else None


def _gap_of_few(u: Array, scale_p: Array, scale_q: Array) -> Array:
    s = u / (u + 2.0)
    w = s * s
    powers = np.empty((len(WIDE_ATANH_TAIL), w.size))
    powers[0] = w.reshape(-1)
    known = 1
    while known < len(powers):
        more = min(known, len(powers) - known)
        np.multiply(powers[:more], powers[known - 1], out=powers[known : known + more])
        known += more
    gap: Array = s * (u - (WIDE_ATANH_TAIL @ powers).reshape(w.shape))
    if not np.maximum.reduce(w, axis=None) <= 0.45:
        gap = np.where(w <= 0.45, gap, u - np.log(scale_p / scale_q))
    return gap


def normal_rows(scratch: Scratch, out: Array, *parameters: Array) -> None:
    """The sum along the last axis: by the textbook's formula where its terms do not cancel, elementwise elsewhere."""
    loc_p, scale_p, loc_q, scale_q = parameters
    rows, n = loc_p.shape[:-1], loc_p.shape[-1]
    r, z = scratch(0, loc_p.shape), scratch(1, loc_p.shape)
    slack = SLACK[r.itemsize]
    np.divide(scale_p, scale_q, out=r)
    if scale_q.min() > 0 and r.min() > 1 / slack and r.max() < slack:
        np.subtract(loc_p, loc_q, out=z)
        z /= scale_q
        squares = np.vecdot(r, r) + np.vecdot(z, z)
        # The logarithm of a product of quotients for the sum of their logarithms.
        width = n
        while width % 2 == 0 and width > n / (8 if r.itemsize == 4 else 16):
            width //= 2
            np.multiply(r[..., :width], r[..., width : 2 * width], out=r[..., :width])
        logs = np.log(r[..., :width], out=z[..., :width]).sum(axis=-1)
        np.subtract(0.5 * (squares - n), logs, out=out)
        factor = min(8.0, 2 * math.sqrt(n))
        near = ~(factor * out >= squares + n + np.abs(logs))
    else:
        near = np.ones(rows, bool)
    if near.any():
        if near.all():
            out[...] = _terms(scratch, *parameters).sum(axis=-1)
        else:
            out[near] = _terms(scratch, *[x[near] for x in parameters]).sum(axis=-1)


def _log_variance_terms(
    scratch: Scratch, loc_p: Array, log_variance_p: Array, loc_q: Array, log_variance_q: Array
) -> Array:
    t, z, value = (scratch(i, loc_p.shape) for i in range(3))
    np.subtract(log_variance_p, log_variance_q, out=t)
    np.multiply(log_variance_q, -0.5, out=z)
    np.exp(z, out=z)
    z *= loc_p - loc_q
    z *= z
    expm1_gap(t, value)
    if not t.max() <= 1:
        far = np.nonzero(~(t <= 1))
        a, b, d = log_variance_p[far], log_variance_q[far], t[far]
        error = (a - (d - (d - a))) - (b + (d - a))  # of the difference (Knuth), which tells in the exponential
        value[far] += error * np.expm1(d)
    value += z
    value *= 0.5
    return value


def log_variances(scratch: Scratch, out: Array, *parameters: Array) -> None:
    """(exp(t) - 1 - t) / 2 + (m_p - m_q)^2 exp(-l_q) / 2, with t = l_p - l_q."""
    np.copyto(out, _log_variance_terms(scratch, *parameters))


def log_variance_rows(scratch: Scratch, out: Array, *parameters: Array) -> None:
    """The sum along the last axis."""
    np.sum(_log_variance_terms(scratch, *parameters), axis=-1, out=out)


def log_variance_slopes(scratch: Scratch, slopes: list[Array | None], *parameters: Array) -> None:
    """w for m_p, (exp(t) - 1) / 2 for l_p, -w for m_q, -(exp(t) - 1 + d w) / 2 for l_q, with w = d exp(-l_q)."""
    loc_p, log_variance_p, loc_q, log_variance_q = parameters
    for_loc_p, for_log_variance_p, for_loc_q, for_log_variance_q = slopes
    t, growth, d, w = (scratch(i, loc_p.shape) for i in range(4))
    np.subtract(log_variance_p, log_variance_q, out=t)
    expm1_gap(t, growth)
    growth += t
    np.subtract(loc_p, loc_q, out=d)
    np.negative(log_variance_q, out=w)
    np.exp(w, out=w)
    w *= d
    if for_loc_p is not None:
        np.copyto(for_loc_p, w)
    if for_loc_q is not None:
        np.negative(w, out=for_loc_q)
    if for_log_variance_p is not None:
        np.multiply(growth, 0.5, out=for_log_variance_p)
    if for_log_variance_q is not None:
        d *= w
        d += growth
        np.multiply(d, -0.5, out=for_log_variance_q)


def _and_slopes(values: Callable[..., None], derivatives: Callable[..., None]) -> Callable[..., None]:
    def both(scratch: Scratch, out: Array, slopes: list[Array | None], *parameters: Array) -> None:
        values(scratch, out, *parameters)
        derivatives(scratch, slopes, *parameters)

    return both


def normal_slopes(scratch: Scratch, slopes: list[Array | None], *parameters: Array) -> None:
    """z / s_q for m_p, u (2 + u) / s_p for s_p, -z / s_q for m_q and -(u (2 + u) + z^2) / s_q for s_q."""
    loc_p, scale_p, loc_q, scale_q = parameters
    for_loc_p, for_scale_p, for_loc_q, for_scale_q = slopes
    u, z, w = (scratch(i, loc_p.shape) for i in range(3))
    np.subtract(loc_p, loc_q, out=z)
    z /= scale_q
    for_loc = for_loc_q if for_loc_p is None else for_loc_p
    if for_loc is not None:
        np.divide(z, scale_q, out=for_loc)
        if for_loc_q is not None:
            np.negative(for_loc, out=for_loc_q)
    if for_scale_p is None and for_scale_q is None:
        return
    np.subtract(scale_p, scale_q, out=u)
    u /= scale_q
    np.add(u, 2.0, out=w)
    u *= w
    if for_scale_p is not None:
        np.divide(u, scale_p, out=for_scale_p)
    if for_scale_q is not None:
        z *= z
        u += z
        u /= scale_q
        np.negative(u, out=for_scale_q)


_NORMAL = Kernel(normal, 0, _and_slopes(normal, normal_slopes), normal_few, normal_scalar)
_NORMAL_ROWS = Kernel(normal_rows, 1, _and_slopes(normal_rows, normal_slopes))

KERNELS = {
    ("kl_normal_log_variance_normal_log_variance", 0): Kernel(
        log_variances, 0, _and_slopes(log_variances, log_variance_slopes)
    ),
    ("kl_normal_log_variance_normal_log_variance", 1): Kernel(
        log_variance_rows, 1, _and_slopes(log_variance_rows, log_variance_slopes)
    ),
    ("kl_normal_normal", 0): _NORMAL,
    ("kl_normal_normal", 1): _NORMAL_ROWS,
    ("kl_multivariate_normal_diag_multivariate_normal_diag", 0): _NORMAL_ROWS,
}
