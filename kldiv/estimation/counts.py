"""Estimates from counts of classes in two samples."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from kldiv._arrays.compilation import run
from kldiv._arrays.namespace import computing_dtype, gather, namespace
from kldiv._arrays.protocol import Array, DType, Namespace
from kldiv._core.evaluation import in_base
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
    base: float | None = None,
) -> Estimate[Array]:
    """Estimate the Kullback-Leibler divergence KL(P || Q), in nats, from counts of classes in samples of P and of Q.

    With n = sum(x), m = sum(y), K classes and psi the digamma function::

        sum_i (x_i / n) [psi(x_i) - psi(n) + psi(m + 1) - psi(y_i + 1)]     "zhang-grabchak"
        sum_i p_i log(p_i / q_i), with p = x / n, q = y / m                 "plug-in"
        the same with p = (x + a) / (n + K a), q = (y + a) / (m + K a)      "additive", a the pseudocount

    The first is always finite and needs no tuning; its bias falls exponentially with the expected counts n p_i and
    m q_i, where that of the others falls like 1 / n and 1 / m. The plug-in is inf where a class of x is missing from y,
    which can happen however large the samples are, so that its bias is infinite. The estimate of a small divergence may
    be negative; it is not clipped, which would bias it.

    Parameters
    ----------
    x, y
        Counts along the last axis, whole numbers in integers or floats; the other axes are batch axes and broadcast.
    method
        "zhang-grabchak", "plug-in" or "additive".
    pseudocount
        What "additive" adds to each count, 0.5 if not given.
    base
        The base of the logarithm: None for nats, 2 for bits.

    Returns
    -------
    Estimate
        `value`, `error` and `converged` are of the framework and device of the counts, and of their dtype, or the
        default one for integers. `n_samples` is the largest n of the batch (the array of them under a tracer).

        `error` is one standard error: the square root of Var_P(t) / n + (E_P(p / q) - 1) / m, the variance of a smooth
        function of multinomial frequencies, with t the terms in brackets or the logarithms, and estimates in place of p
        and q, (y + 1) / (m + K) for q beside the first. Where P = Q these terms vanish, and the next one of the
        expansion, c (1 / n + 1 / m)^2 / 2, remains, with c the number of classes that were seen, at most K - 1: the
        error is at least its square root.

        `converged` is false, with an `EstimateWarning` that gives the reason, where the bias may be more than half the
        error: where the first estimate is expected to change by more than that if half of y, or of x, is left out,
        as it does if a large part of x is in classes that y has not seen, or where the others differ from the first
        by more than that. The warning tells which part of x is in classes that y has not seen. Where the plug-in is
        inf, so is its `error`: a class may be missing from y by chance.

    Raises
    ------
    ValueError
        If a count is negative or no whole number, all counts of a sample are 0, the last axes differ in length, batch
        axes do not broadcast, or `method`, `pseudocount` or `base` is none.
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

    >>> estimate = kldiv.estimate_from_counts([60, 38, 2], [50, 50, 0])
    >>> print(f"{estimate.value:.4f} +- {estimate.error:.4f}")
    0.0153 +- 0.0360

    All pairs of rows:

    >>> kldiv.estimate_from_counts([[[9, 7]], [[8, 8]]], [[6, 9], [7, 7], [2, 9]]).value.shape
    (2, 3)
    """
    if method not in _METHODS:
        raise ValueError(f"method must be one of {', '.join(map(repr, _METHODS))}; got {method!r}")
    if pseudocount is not None and (method != "additive" or not 0 < pseudocount < math.inf):
        raise ValueError(
            f"pseudocount must be a positive number, for method='additive'; got {pseudocount!r}, {method!r}"
        )
    _refuse_labels(x, y)
    xp, (x, y), dtype = gather([x, y], ["x", "y"])
    computing = computing_dtype(xp, dtype)
    x, y = (_counts(xp, c, name, computing) for c, name in ((x, "x"), (y, "y")))
    _check_shapes(xp, x, y)
    added = 0.5 if pseudocount is None else pseudocount
    scale = 1.0 if base is None else in_base(1.0, base)
    found = _found(xp, computing, method, x, y, added)
    value, error, bias, unseen = (found[..., i] for i in range(4))
    converged = (value < math.inf) & (bias <= 0.5 * error)
    n_samples: Any = xp.sum(x, axis=-1)
    if xp.is_concrete(value):
        n_samples = int(xp.to_numpy(n_samples).max(initial=0))
        _warn(*(xp.to_numpy(z) for z in (converged, value, error, bias, unseen)))
    words = f"{method}, pseudocount {added}" if method == "additive" else method
    value, error = (xp.astype(scale * z, dtype) for z in (value, error))
    return Estimate(value, error, words, n_samples, converged)


def _warn(converged: Any, value: Any, error: Any, bias: Any, unseen: Any) -> None:
    """Warn of the first element that cannot be trusted, with the reason."""
    if converged.all():
        return
    index = next(zip(*(~converged).nonzero(), strict=True)) if converged.ndim else ()
    place = f" at index {tuple(map(int, index))}" if index else ""
    seen = f"{unseen[index]:.2g} of x is in classes that y has not seen"
    reason = (
        f"it is inf, as a class of x is missing from y, perhaps by chance: {seen}"
        if value[index] == math.inf
        else f"its bias may be {bias[index]:.2g}, where the standard error is {error[index]:.2g}: {seen}; draw more"
    )
    warnings.warn(f"the estimate{place} cannot be trusted: {reason}", EstimateWarning, stacklevel=3)


# ---------------------------------------------------------------------------------------------------------- the methods


class _Sides(NamedTuple):
    """What the default estimate is made of: the estimates of p, log p, q and log q, of one sample each."""

    p: Array
    log_p: Array
    q: Array
    log_q: Array


def _sides(xp: Namespace, x: Array, y: Array) -> _Sides:
    n, m = xp.sum(x, axis=-1, keepdims=True), xp.sum(y, axis=-1, keepdims=True)
    classes = xp.sum(xp.ones_like(y), axis=-1, keepdims=True)
    x_safe = xp.where(x > 0, x, 1.0)
    # psi(x) is log(x) less a gap: logarithms of quotients keep the digits that those of large counts lose.
    log_p = xp.log(x_safe / n) - digamma_gap(xp, x_safe) + digamma_gap(xp, n)
    log_q = xp.log((y + 1) / (m + 1)) - digamma_gap(xp, y + 1) + digamma_gap(xp, m + 1)
    return _Sides(x / n, log_p, (y + 1) / (m + classes), log_q)


def _zhang_grabchak(xp: Namespace, x: Array, y: Array, added: float) -> tuple[Array, Array]:
    """Return value and squared error of the estimate by digammas."""
    p, log_p, q, log_q = _sides(xp, x, y)
    logarithm = log_p - log_q
    n, m = xp.sum(x, axis=-1, keepdims=True), xp.sum(y, axis=-1, keepdims=True)
    return xp.sum(p * logarithm, axis=-1), _variance(xp, p, q, logarithm, n, m)


def _plug_in(xp: Namespace, x: Array, y: Array, added: float) -> tuple[Array, Array]:
    """Return value and squared error of the estimate by frequencies."""
    value, variance = _by_frequencies(xp, x, y, x, y)
    return value, xp.where(value < math.inf, variance, math.inf)


def _additive(xp: Namespace, x: Array, y: Array, added: float) -> tuple[Array, Array]:
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


def _found(xp: Namespace, dtype: DType, method: str, x: Array, y: Array, added: float) -> Array:
    """Return value, error, what the bias may be, and the part of x in classes that y lacks, along a last axis."""
    shape_x, shape_y = xp.shape(x), xp.shape(y)
    # Each row of x with each of y: (..., rows, 1, classes) beside (rows, classes) or (..., 1, rows, classes).
    is_product = len(shape_x) > 2 and len(shape_y) > 1 and shape_x[-2] == 1 and shape_y[-3:-2] in ((), (1,))
    if method == "zhang-grabchak" and is_product and xp.is_concrete(x) and xp.is_concrete(y):
        host = namespace()
        rows, columns = (host.astype(xp.to_numpy(z), host.float64) for z in (x, y))
        columns = columns if len(shape_y) < 3 else columns[..., 0, :, :]
        return xp.asarray_like(_of_all_pairs(host, rows[..., 0, :], columns), x, dtype)
    added = xp.asarray_like(added, x, x.dtype)
    return run(_of_pairs, _METHODS[method], xp, dtype, [x, y], x, y, added)


def _of_pairs(
    xp: Namespace,
    method: Callable[..., tuple[Array, Array]],
    dtype: DType,
    x: Array,
    y: Array,
    added: Array,
) -> Array:
    """Return what `_found` does for counts that broadcast, nan for what are no counts."""
    value, variance = method(xp, x, y, added)
    first = value if method is _zhang_grabchak else _zhang_grabchak(xp, x, y, added)[0]
    p = x / xp.sum(x, axis=-1, keepdims=True)
    least = _least_variance(xp, x, y, xp.sum(xp.astype(x + y > 0, x.dtype), axis=-1))
    rest = xp.sum(p * (_rest(xp, x - 1) + _rest(xp, y)), axis=-1)
    bias = _greater(xp, xp.abs(value - first), xp.where(least > 0, rest, 0.0))  # one class is certain
    unseen = xp.sum(xp.where(y > 0, 0.0, p), axis=-1)
    error = xp.sqrt(_greater(xp, variance, least))
    found = xp.concat([z[..., None] for z in xp.broadcast_arrays(value, error, bias, unseen)], axis=-1)
    valid = xp.all(_is_count(xp, x) & _is_count(xp, y), axis=-1) & xp.any(x > 0, axis=-1) & xp.any(y > 0, axis=-1)
    return xp.astype(xp.where(valid[..., None], found, math.nan), dtype)


def _of_all_pairs(xp: Namespace, x: Array, y: Array) -> Array:
    """Return what `_found` does for each row of x and each row of y, by products of matrices."""
    p, log_p, q, log_q = _sides(xp, x, y)

    def products(a: Array, b: Array) -> Array:
        return xp.matmul(a, xp.matrix_transpose(b))

    n, m = xp.sum(x, axis=-1)[..., :, None], xp.sum(y, axis=-1)[..., None, :]
    value = xp.sum(p * log_p, axis=-1)[..., :, None] - products(p, log_q)
    squares = xp.sum(p * log_p * log_p, axis=-1)[..., :, None] + products(p, log_q * log_q)
    variance = (squares - 2 * products(p * log_p, log_q) - value * value) / n + (products(p * p, 1 / q) - 1) / m
    seen_x, seen_y = (xp.astype(z > 0, xp.float64) for z in (x, y))
    seen = xp.sum(seen_x, axis=-1)[..., :, None] + xp.sum(seen_y, axis=-1)[..., None, :] - products(seen_x, seen_y)
    least = _least_variance(xp, x[..., :, None, :], y[..., None, :, :], seen)
    bias = xp.sum(p * _rest(xp, x - 1), axis=-1)[..., :, None] + products(p, _rest(xp, y))
    error = xp.sqrt(_greater(xp, variance, least))
    return xp.concat([z[..., None] for z in (value, error, bias, products(p, 1 - seen_y))], axis=-1)


def _least_variance(xp: Namespace, x: Array, y: Array, seen: Array) -> Array:
    """Return the variance where P = Q, by the term of second order: that of half a chi^2 of `seen` degrees, scaled."""
    reciprocals = 1 / xp.sum(x, axis=-1) + 1 / xp.sum(y, axis=-1)
    most = xp.sum(xp.ones_like(x), axis=-1) - 1
    return 0.5 * reciprocals * reciprocals * xp.where(seen > most, most, seen)


def _greater(xp: Namespace, a: Array, b: Array) -> Array:
    return xp.where(a > b, a, b)


def _rest(xp: Namespace, others: Array) -> Array:
    """Return by how much an estimate of -log q is expected to change if half of the sample is left out.

    With c others in the class it is the part of a series that half of the sample leaves out,
    ``integral_0.5^1 (1 - s)^c / s ds``, here within 7 percent.
    """
    return xp.exp(-math.log(2) * others) / (xp.where(others > 0, others, 0.0) + 1 / math.log(2))


# ----------------------------------------------------------------------------------------------------------- the checks


def _refuse_labels(x: Any, y: Any) -> None:
    """Raise TypeError for counts with labels, whose classes may stand in another order, or be others."""
    cures = {
        "align": "x, y = x.align(y, fill_value=0); then pass x.to_numpy() and y.to_numpy()",  # pandas' Series
        "keys": "classes = sorted({*x, *y}); then pass [x.get(c, 0) for c in classes], and the same of y",
    }
    for method, cure in cures.items():
        if hasattr(x, method) and hasattr(y, method):
            raise TypeError(f"x and y have labels, and the same class must have the same place in both: {cure}")


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
