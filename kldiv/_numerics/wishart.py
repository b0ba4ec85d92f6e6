"""Numerics of the Wishart distribution.

With the mean n V in place of V, the divergence is a sum of gaps of the triangular quotient of the matrices, and gaps of
lgamma for the degrees of freedom, with no terms between them that cancel.
"""

from __future__ import annotations

from math import log, pi

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.gaps import log1p_gap, log_ratio, stirling_gap
from kldiv._numerics.linalg import index_like


def wishart_gap(xp: Namespace, df_p: Array, df_q: Array, x: Array, top: Array, bottom: Array) -> Array:
    """The divergence between Wishart distributions, with I + X the quotient of their triangular factors.

    `top` and `bottom` are the diagonals that the diagonal of I + X is the quotient of.
    """
    # A matrix of means n V against another: the quotient of factors of these is I + Y = sqrt(n_p / n_q) (I + X).
    df_p, df_q = df_p[..., None], df_q[..., None]
    root = xp.sqrt(df_p / df_q)
    s = (df_p - df_q) / df_q / (root + 1)
    u = (top - bottom) / bottom * root + s
    gaps = log1p_gap(xp, u, (top, bottom), (xp.sqrt(df_p), xp.sqrt(df_q)))
    below = root * root * xp.sum(xp.tril(x, k=-1) ** 2, axis=-1)
    means = df_q * (gaps + 0.5 * (u * u + below))
    # What is left is that of gamma distributions of equal means with the concentrations (n - i) / 2.
    half = 0.5 * index_like(xp, top)
    d = 0.5 * (df_q - df_p)
    a_p, a_q = 0.5 * df_p - half, 0.5 * df_q - half
    shapes = stirling_gap(xp, a_q, a_p, d) + _common_shift_gap(xp, a_q, a_p, d, half)
    return xp.sum(means + shapes, axis=-1)


def log_multigamma(xp: Namespace, a: Array, like: Array) -> Array:
    """The logarithm of the multivariate gamma function at a, in as many dimensions as `like` has entries."""
    half = 0.5 * index_like(xp, like)
    return xp.sum(xp.gammaln(a[..., None] - half) + half * log(pi), axis=-1)


def _common_shift_gap(xp: Namespace, y: Array, x: Array, d: Array, c: Array) -> Array:
    """y log(y / x) - (y + c) log((y + c) / (x + c)), at least 0, for positive x and y = x + d, and c >= 0."""
    # y log(1 + v) - c log(1 + w), with v = c d / (x (y + c)) and w = d / (x + c); y v - c w = c^2 d^2 / (...).
    v, w = c * d / x / (y + c), d / (x + c)
    near = xp.abs(v) <= 0.5
    v_near = xp.where(near, v, 0.0)
    small = v_near * w * c - y * log1p_gap(xp, v_near) + c * log1p_gap(xp, w, (y + c, x + c))
    y_far, x_far = xp.where(near, 1.0, y), xp.where(near, 1.0, x)
    log_w = log_ratio(xp, y_far + c, x_far + c)
    log_v = xp.where(v > 0, xp.log1p(xp.where(near | (v < 0), 0.0, v)), log_ratio(xp, y_far, x_far) - log_w)
    return xp.where(near, small, y * log_v - c * log_w)
