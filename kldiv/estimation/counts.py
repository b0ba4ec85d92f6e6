"""Estimates from counts of classes in two samples."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, Literal

from kldiv._arrays.compilation import run
from kldiv._arrays.namespace import computing_dtype, gather
from kldiv._arrays.protocol import Array, DType, Namespace
from kldiv._core.parameters import broadcast_shapes
from kldiv._numerics.categorical import categorical_gap
from kldiv._numerics.gaps import log_ratio
from kldiv._numerics.special import digamma_gap
from kldiv.estimation.estimate_result import Estimate, EstimateWarning


def estimate_from_counts(
    x: Array,
    y: Array,
    *,
    method: Literal["zhang-grabchak", "plug-in", "additive"] = "zhang-grabchak",
    pseudocount: float | None = None,
) -> Estimate[Array]:
    """Estimate the Kullback-Leibler divergence KL(P || Q), in nats, from counts of classes in samples of P and of Q.

    With n = sum(x), m = sum(y), K classes and psi the digamma function::

        sum_i (x_i / n) [psi(x_i) - psi(n) + psi(m + 1) - psi(y_i + 1)]     "zhang-grabchak"
        sum_i p_i log(p_i / q_i), with p = x / n, q = y / m                 "plug-in"
        the same with p = (x + a) / (n + K a), q = (y + a) / (m + K a)      "additive", a the pseudocount

    The first is always finite and needs no tuning; its bias falls exponentially with the expected counts n p_i and
    m q_i, where that of the others falls like 1 / n and 1 / m. (Where many classes are expected less than once in y,
    it is far too low.) The plug-in is inf where a class of x is missing from y, which can happen however large the
    samples are, so that its bias is infinite. The estimate of a small divergence may be negative; it is not
    clipped, which would bias it.

    Parameters
    ----------
    x, y
        Counts along the last axis, whole numbers in integers or floats; the other axes are batch axes and broadcast.
    method
        "zhang-grabchak", "plug-in" or "additive".
    pseudocount
        What "additive" adds to each count, 0.5 if not given.

    Returns
    -------
    Estimate
        `value`, `error` and `converged` are of the framework and device of the counts, and of their dtype, or the
        default one for integers. `n_samples` is the largest n of the batch (the array of them under a tracer).

        `error` is one standard error: the square root of Var_P(t) / n + (E_P(p / q) - 1) / m, the variance of a smooth
        function of multinomial frequencies, with t the terms in brackets or the logarithms, and estimates in place of p
        and q, (y + 1) / (m + K) for q beside the first. Where P = Q the true one is smaller, in large samples by the
        square root of 2. It does not include the bias.

        Where the plug-in is inf, so is its `error`, and `converged` is false, with an `EstimateWarning`: a class may be
        missing from y by chance.

    Raises
    ------
    ValueError
        If a count is negative or no whole number, all counts of a sample are 0, the last axes differ in length, batch
        axes do not broadcast, or `method` or `pseudocount` is none.
    TypeError
        If the arrays belong to different frameworks.

    Notes
    -----
    Source: Zhang and Grabchak 2014, Nonparametric estimation of Kullback-Leibler divergence.

    Examples
    --------
    >>> import kldiv
    >>> estimate = kldiv.estimate_from_counts([50, 30, 20], [20, 30, 50])
    >>> print(f"{estimate.value:.4f} +- {estimate.error:.4f}")
    0.2504 +- 0.1057
    >>> print(f"{kldiv.kl_divergence(kldiv.Categorical([0.5, 0.3, 0.2]), kldiv.Categorical([0.2, 0.3, 0.5])):.4f}")
    0.2749

    A class that is missing from y:

    >>> print(f"{kldiv.estimate_from_counts([2, 3], [6, 0]).value:.4f}")
    0.6867
    """
    if method not in _METHODS:
        raise ValueError(f"method must be one of {', '.join(map(repr, _METHODS))}; got {method!r}")
    if pseudocount is not None and (method != "additive" or not 0 < pseudocount < math.inf):
        raise ValueError(
            f"pseudocount must be a positive number, for method='additive'; got {pseudocount!r}, {method!r}"
        )
    xp, (x, y), dtype = gather([x, y], ["x", "y"])
    computing = computing_dtype(xp, dtype)
    x, y = (_counts(xp, c, name, computing) for c, name in ((x, "x"), (y, "y")))
    _check_shapes(xp, x, y)
    added = xp.asarray_like(0.5 if pseudocount is None else pseudocount, x, computing)
    both = run(_value_and_error, _METHODS[method], xp, dtype, [x, y], x, y, added)
    value, error = both[..., 0], both[..., 1]
    converged = value < math.inf
    n_samples: Any = xp.sum(x, axis=-1)
    if xp.is_concrete(value):
        n_samples = int(xp.max(n_samples))
        if not bool(xp.all(converged)):
            warnings.warn(
                "the estimate cannot be trusted: it is inf, as a class of x is missing from y, perhaps by chance",
                EstimateWarning,
                stacklevel=2,
            )
    words = f"{method}, pseudocount {0.5 if pseudocount is None else pseudocount}" if method == "additive" else method
    return Estimate(value, error, words, n_samples, converged)


# ---------------------------------------------------------------------------------------------------------- the methods


def _zhang_grabchak(xp: Namespace, x: Array, y: Array, added: Array) -> tuple[Array, Array]:
    """Return value and squared error of the estimate by digammas."""
    n, m = xp.sum(x, axis=-1, keepdims=True), xp.sum(y, axis=-1, keepdims=True)
    classes = xp.sum(xp.ones_like(y), axis=-1, keepdims=True)
    x_safe = xp.where(x > 0, x, 1.0)
    # psi(x) is log(x) less a gap: the logarithms are one of a quotient, which keeps its digits where it is about 1.
    gap_x = digamma_gap(xp, xp.concat([x_safe, n], axis=-1))
    gap_y = digamma_gap(xp, xp.concat([y + 1, m + 1], axis=-1))
    gaps = gap_x[..., -1:] - gap_x[..., :-1] + gap_y[..., :-1] - gap_y[..., -1:]
    logarithm = log_ratio(xp, x_safe / n, (y + 1) / (m + 1)) + gaps
    p, q = x / n, (y + 1) / (m + classes)
    return xp.sum(p * logarithm, axis=-1), _variance(xp, p, q, logarithm, n, m)


def _plug_in(xp: Namespace, x: Array, y: Array, added: Array) -> tuple[Array, Array]:
    """Return value and squared error of the estimate by frequencies."""
    value, variance = _by_frequencies(xp, x, y, x, y)
    return value, xp.where(value < math.inf, variance, math.inf)


def _additive(xp: Namespace, x: Array, y: Array, added: Array) -> tuple[Array, Array]:
    """Return value and squared error of the estimate by smoothed frequencies."""
    return _by_frequencies(xp, x + added, y + added, x, y)


def _by_frequencies(xp: Namespace, weight_p: Array, weight_q: Array, x: Array, y: Array) -> tuple[Array, Array]:
    p = weight_p / xp.sum(weight_p, axis=-1, keepdims=True)
    # A class that is missing from x alone counts in the error of y, one missing from y makes everything infinite.
    q = xp.where(weight_q > 0, weight_q / xp.sum(weight_q, axis=-1, keepdims=True), 1.0)
    logarithm = log_ratio(xp, xp.where(p > 0, p, 1.0), q)
    n, m = xp.sum(x, axis=-1, keepdims=True), xp.sum(y, axis=-1, keepdims=True)
    return categorical_gap(xp, *xp.broadcast_arrays(weight_p, weight_q)), _variance(xp, p, q, logarithm, n, m)


def _variance(xp: Namespace, p: Array, q: Array, logarithm: Array, n: Array, m: Array) -> Array:
    deviation = logarithm - xp.sum(p * logarithm, axis=-1, keepdims=True)
    excess = p / q - 1
    return xp.sum(p * deviation * deviation / n + q * excess * excess / m, axis=-1)


_METHODS = {"zhang-grabchak": _zhang_grabchak, "plug-in": _plug_in, "additive": _additive}


def _value_and_error(
    xp: Namespace,
    method: Callable[..., tuple[Array, Array]],
    dtype: DType,
    x: Array,
    y: Array,
    added: Array,
) -> Array:
    """Return both along a last axis, nan for what are no counts."""
    valid = xp.all(_is_count(xp, x) & _is_count(xp, y), axis=-1) & xp.any(x > 0, axis=-1) & xp.any(y > 0, axis=-1)
    value, variance = method(xp, x, y, added)
    both = xp.concat([value[..., None], xp.sqrt(variance)[..., None]], axis=-1)
    return xp.astype(xp.where(valid[..., None], both, math.nan), dtype)


# ----------------------------------------------------------------------------------------------------------- the checks


def _is_count(xp: Namespace, x: Array) -> Array:
    return (x >= 0) & (x < math.inf) & (xp.floor(x) == x)


def _counts(xp: Namespace, x: Array, name: str, dtype: DType) -> Array:
    """Return counts as floats."""
    x = xp.astype(x, dtype)
    shape = xp.shape(x)
    if not shape or shape[-1] == 0:
        raise ValueError(f"{name} must have the counts of one class or more along its last axis; got shape {shape}")
    if xp.is_concrete(x):
        for words, holds in (
            ("be counts: whole numbers of at least 0", _is_count(xp, x)),
            ("have a positive count along its last axis", xp.any(x > 0, axis=-1)),
        ):
            bad = ~xp.to_numpy(holds)
            if bad.any():
                index = tuple(int(i) for i in next(zip(*bad.nonzero(), strict=True))) if bad.ndim else ()
                place = f" at index {index}" if index else ""
                raise ValueError(f"{name} must {words}; got {xp.to_numpy(x)[index]}{place}")
    return x


def _check_shapes(xp: Namespace, x: Array, y: Array) -> None:
    shape_x, shape_y = xp.shape(x), xp.shape(y)
    if shape_x[-1] != shape_y[-1] and None not in (shape_x[-1], shape_y[-1]):
        raise ValueError(
            f"x has counts of {shape_x[-1]} classes, y of {shape_y[-1]}; a class never seen has a count of 0"
        )
    broadcast_shapes((("x", shape_x[:-1]), ("y", shape_y[:-1])))
