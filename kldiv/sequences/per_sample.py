"""The estimates k1, k2 and k3 of a divergence, of one sample each.

The right value and the right gradient are two things: the parameters of P also decide which samples are drawn, and the
gradient with samples held fixed does not see that. Each docstring says what the value estimates and what the gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from kldiv._arrays.compilation import run
from kldiv._arrays.namespace import computing_dtype, gather
from kldiv._arrays.protocol import Array, DType, Namespace
from kldiv._core.parameters import broadcast_shapes
from kldiv._numerics.gaps import expm1_gap_of_difference
from kldiv.sequences.arguments import require_values


def k1(log_p: Any, log_q: Any) -> Array:
    """Return ``log p - log q`` at samples of P, element by element: the plain estimate of KL(P || Q).

    With samples x of P and parameters theta that P depends on:

    - value: its mean is KL(P || Q). Single values may be negative.
    - gradient, samples held fixed: its mean with respect to theta is 0, whatever the divergence. As a loss it does
      nothing but add noise. Use `k3_with_score`, or `k2` for its gradient.
    - gradient through reparameterized samples x(theta): its mean is the gradient of KL(P || Q).

    Parameters
    ----------
    log_p, log_q
        Logarithms of the densities or probabilities of samples of P under P and Q; they broadcast. Where `log_q` is
        -inf the value is inf; where both are infinite and equal it is 0. Derivatives are 0 there.

    Returns
    -------
    array
        One value for each sample, in nats.

    Raises
    ------
    ValueError
        If an argument holds nan, or the shapes do not broadcast.
    TypeError
        If the arguments belong to different frameworks.

    Examples
    --------
    >>> import kldiv
    >>> print(kldiv.k1([-1.0, -2.0, -1.0], [-1.5, -1.5, -float("inf")]))
    [ 0.5 -0.5  inf]
    """
    return _per_sample(_k1, log_p, log_q)


def k2(log_p: Any, log_q: Any) -> Array:
    """Return ``(log p - log q)^2 / 2`` at samples of P, element by element: a number with the right gradient.

    With samples x of P and parameters theta that P depends on:

    - value: its mean is not KL(P || Q), which it only approaches as P and Q do.
    - gradient, samples held fixed: its mean with respect to theta is the gradient of KL(P || Q).
    - gradient through reparameterized samples x(theta): its mean is the gradient of the mean of k2, not of KL(P || Q).

    Edges are as for `k1`.

    Parameters
    ----------
    log_p, log_q
        Logarithms of the densities or probabilities of samples of P under P and Q, in nats; they broadcast.

    Returns
    -------
    array
        One value for each sample, in nats^2.

    Raises
    ------
    ValueError
        If an argument holds nan, or the shapes do not broadcast.
    TypeError
        If the arguments belong to different frameworks.

    Examples
    --------
    >>> import kldiv
    >>> print(kldiv.k2([-1.0, -2.0], [-1.5, -1.5]))
    [0.125 0.125]
    """
    return _per_sample(_k2, log_p, log_q)


def k3(log_p: Any, log_q: Any) -> Array:
    """Return ``r - 1 - log r`` with r = q / p at samples of P, element by element: an estimate of KL(P || Q), >= 0.

    With samples x of P and parameters theta that P depends on:

    - value: its mean is KL(P || Q) if Q puts no mass where P has none. Its variance is below that of `k1` only where
      the two nearly agree, and may be infinite.
    - gradient, samples held fixed: its mean with respect to theta is the gradient of KL(Q || P), the *other*
      divergence. Use `k3_with_score`.
    - gradient through reparameterized samples x(theta): its mean is the gradient of KL(P || Q).

    Edges are as for `k1`. Near r = 1 it keeps all digits.

    Parameters
    ----------
    log_p, log_q
        Logarithms of the densities or probabilities of samples of P under P and Q, in nats; they broadcast.

    Returns
    -------
    array
        One value for each sample, in nats, at least 0.

    Raises
    ------
    ValueError
        If an argument holds nan, or the shapes do not broadcast.
    TypeError
        If the arguments belong to different frameworks.

    Examples
    --------
    >>> import kldiv
    >>> print(kldiv.k3([-1.0, -1.0, -1.0], [-1.0, -1.0 + 2**-20, -float("inf")]))
    [0.00000000e+00 4.54747495e-13            inf]
    """
    return _per_sample(_k3, log_p, log_q)


def k3_with_score(log_p: Any, log_q: Any) -> Array:
    """Return `k3`, with the right gradient: ``rho (r - 1 - log r)`` with rho = p / p = exp(log p - constant log p).

    With samples x of P and parameters theta that P depends on:

    - value: that of `k3`; rho is 1.
    - gradient, samples held fixed: its mean with respect to theta is the gradient of KL(P || Q), as the derivative of
      rho is the score of P.
    - gradient through reparameterized samples x(theta): not that; use `k1` or `k3` there.

    The samples must be of P, and `log_p` what is differentiated. With respect to parameters of Q it is as `k3`.
    Edges are as for `k1`. See arXiv:2506.09477 on the confusion of values and gradients.

    Parameters
    ----------
    log_p, log_q
        Logarithms of the densities or probabilities of samples of P under P and Q, in nats; they broadcast.

    Returns
    -------
    array
        One value for each sample, in nats, at least 0.

    Raises
    ------
    ValueError
        If an argument holds nan, or the shapes do not broadcast.
    TypeError
        If the arguments belong to different frameworks.

    Examples
    --------
    >>> import kldiv
    >>> print(kldiv.k3_with_score([-1.0, -2.0], [-1.5, -1.5]))
    [0.10653066 0.14872127]
    """
    return _per_sample(_k3_with_score, log_p, log_q)


def _per_sample(kernel: Callable[[Namespace, Array, Array], Array], log_p: Any, log_q: Any) -> Array:
    xp, arrays, dtype = gather([log_p, log_q], ["log_p", "log_q"])
    broadcast_shapes((("log_p", xp.shape(arrays[0])), ("log_q", xp.shape(arrays[1]))))
    value = run(_with_edges, kernel, xp, dtype, arrays, *arrays)
    if __debug__ and xp.is_concrete(value) and bool(xp.any(xp.isnan(value))):
        for name, x in zip(("log_p", "log_q"), arrays, strict=True):
            require_values(xp, name, "numbers, not nan", x, x == x)
    return value


def _with_edges(xp: Namespace, kernel: Callable[..., Array], dtype: DType, log_p: Array, log_q: Array) -> Array:
    """Return the kernel's values; infinite, with its sign, where one logarithm is; 0 where both are the same."""
    computing = computing_dtype(xp, dtype)
    p, q = xp.astype(log_p, computing), xp.astype(log_q, computing)
    finite = xp.isfinite(p) & xp.isfinite(q)
    # The sign of the kernel at (1, 0) or (-1, 0) is that of the infinite value.
    safe_p = xp.where(finite, p, xp.where(p > q, xp.ones_like(p), -1.0))
    safe_q = xp.where(finite, q, xp.zeros_like(q))
    value = kernel(xp, safe_p, safe_q)
    edge = xp.where(p == q, 0.0, xp.where(value > 0, xp.zeros_like(value) + math.inf, -math.inf))
    value = xp.where(finite, value, edge)
    return xp.astype(xp.where(xp.isnan(p) | xp.isnan(q), math.nan, value), dtype)


def _k1(xp: Namespace, p: Array, q: Array) -> Array:
    return p - q


def _k2(xp: Namespace, p: Array, q: Array) -> Array:
    return 0.5 * (p - q) ** 2


def _k3(xp: Namespace, p: Array, q: Array) -> Array:
    return _times_k3(xp, xp.ones_like(p), p, q)


def _k3_with_score(xp: Namespace, p: Array, q: Array) -> Array:
    return _times_k3(xp, xp.exp(p - xp.stop_gradient(p)), p, q)


def _times_k3(xp: Namespace, rho: Array, p: Array, q: Array) -> Array:
    fits = q - p < math.log(float(xp.finfo(p.dtype).max))
    return xp.where(fits, rho * expm1_gap_of_difference(xp, xp.where(fits, q, 0.0), xp.where(fits, p, 0.0)), math.inf)
