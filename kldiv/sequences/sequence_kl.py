"""Divergences of autoregressive models from sampled sequences, and the estimates k1, k2, k3 of one sample each.

Their values and their gradients are two things: the sampled law depends on the parameters too, and the gradient of a
number with samples held fixed does not see that. Each docstring says of both what they estimate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from kldiv._arrays.compilation import run
from kldiv._arrays.namespace import computing_dtype, gather, identify
from kldiv._arrays.protocol import Array, DType, Namespace, Shape
from kldiv._core.parameters import broadcast_shapes
from kldiv._core.validation import diagnose_all, tolerances, valid
from kldiv._numerics.categorical import categorical_logits_gap
from kldiv._numerics.edges import finite_part
from kldiv._numerics.gaps import expm1_gap_of_difference
from kldiv.estimation.estimate_result import Estimate
from kldiv.families.categorical import CategoricalLogits

_CHUNK = 1 << 22  # logits at a time: what is computed on the way takes some twenty times the memory


# ----------------------------------------------------------------------------------------------------------- sequences


def sequence_kl(logits_p: Any, logits_q: Any, *, mask: Any = None, log_probs: Any = None) -> Estimate[Array]:
    """Return the Rao-Blackwell estimate of KL(P || Q) of autoregressive models, from prefixes sampled from P.

    The estimate is the mean over samples of sum_t KL(P(. | x_<t) || Q(. | x_<t)), the exact divergences of the next
    token given each prefix x_<t. It has the divergence of the sequences for its mean, as log P(x) - log Q(x) has, at a
    small part of the variance.

    **Its gradient alone is not that of the divergence**: it misses that the parameters of P also decide which prefixes
    are sampled. With `log_probs`, the logarithms of the probabilities of the sampled tokens under P, the value is the
    same and the gradient is right: the term sum_s [grad log P(x_s | x_<s)] sum_{t>s} KL_t is added, and its mean is
    what was missing. Without, take the value as a number to watch, or the gradient as that with respect to Q.

    Parameters
    ----------
    logits_p, logits_q
        Logits (..., N, T, K) of N sequences sampled from P, of T steps each, over K tokens; at step t given the tokens
        before it. -inf rules a token out. Axes to the left are batch axes, and broadcast.
    mask
        Numbers 0 and 1 or booleans (..., N, T), or what broadcasts to that: the steps that count. What stands at other
        steps (prompts, padding) has no influence. By default, all count.
    log_probs
        log P(x_t | x_<t) of the sampled tokens (..., N, T), through which to differentiate. Those at steps that do not
        count are not used: tokens there are taken as given, and not as sampled from P.

    Returns
    -------
    Estimate
        In nats for a whole sequence, with its standard error over the N samples, which is infinite for N = 1. Where a
        token that P may sample next is ruled out by Q, the value is infinite, with error 0.

    Raises
    ------
    ValueError
        If shapes do not agree, an axis is empty, no step counts, the mask holds anything but 0 and 1, logits are nan or
        inf or all -inf at a step that counts, or a log probability is nan or above 0.
    TypeError
        If the arguments belong to different frameworks.

    References
    ----------
    Amini, Vieira and Cotterell, "Better estimation of the Kullback-Leibler divergence between language models",
    arXiv:2504.10637.

    Examples
    --------
    >>> import kldiv
    >>> p = [[[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [-1.0, 0.0]]]  # two samples, two steps, two tokens
    >>> q = [[[0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]]
    >>> estimate = kldiv.sequence_kl(p, q)
    >>> print(round(float(estimate.value), 12), float(estimate.error), estimate.n_samples)
    0.110944071672 0.0 2
    >>> print(float(kldiv.sequence_kl(p, q, mask=[[1, 0], [1, 0]]).value))
    0.0
    """
    named = {"logits_p": logits_p, "logits_q": logits_q}
    if log_probs is not None:
        named["log_probs"] = log_probs
    # list(...) and sums rather than stars inside of brackets, which AutoGraph does not read right.
    xp, arrays, dtype = gather(list(named.values()), list(named))
    _require_shapes(xp, dict(zip(named, arrays, strict=True)))
    p, q = arrays[:2]
    counts = xp.ones_like(p[..., 0]) > 0 if mask is None else _read_mask(xp, mask, p)
    is_concrete = all(xp.is_concrete(x) for x in arrays + [counts])  # noqa: RUF005
    pieces = [
        run(_steps, categorical_logits_gap, xp, dtype, arrays, *x) for x in _chunks(xp, p, q, counts, is_concrete)
    ]
    steps = pieces[0] if len(pieces) == 1 else xp.concat(pieces, axis=-1)
    more = (xp.where(counts, arrays[2], 0.0),) if log_probs is not None else ()
    found: _Summary = run(_summary, _with_score, xp, dtype, arrays + [counts], steps, *more)  # noqa: RUF005
    if __debug__ and is_concrete and bool(xp.any(xp.isnan(found.value))):
        logits = {name: CategoricalLogits(_counted(xp, x, counts)) for name, x in zip(named, (p, q), strict=False)}
        diagnose_all(xp, dtype, **logits)
        for x in more:
            _diagnose(xp, "log_probs", "numbers that are at most 0", x, _are_log_probs(xp, x))
    n = xp.shape(p)[-3]
    method = "Rao-Blackwell, over sampled prefixes" + ("" if log_probs is None else ", with the score of the prefixes")
    return Estimate(found.value, found.error, method, n if n is not None else -1, found.converged)


def _require_shapes(xp: Namespace, arrays: dict[str, Array]) -> None:
    """Raise ValueError unless samples, steps and tokens agree, and batch axes broadcast."""
    axes: dict[str, tuple[int | None, str]] = {}
    batches: list[tuple[str, Shape]] = []
    for name, x in arrays.items():
        names = ("samples", "steps") if name == "log_probs" else ("samples", "steps", "tokens")
        shape = xp.shape(x)
        if len(shape) < len(names):
            raise ValueError(f"{name} has shape {shape}; it needs axes for {', '.join(names)} at the end")
        for axis, length in zip(names, shape[-len(names) :], strict=True):
            known, owner = axes.setdefault(axis, (length, name))
            if length == 0:
                raise ValueError(f"{name} has shape {shape}; its axis of {axis} must not be empty")
            if known != length and known is not None and length is not None:
                raise ValueError(f"{name} has {length} {axis}, but {owner} has {known}")
        batches.append((name, shape[: -len(names)]))
    broadcast_shapes(batches)


def _read_mask(xp: Namespace, mask: Any, logits: Array) -> Array:
    """Return a mask of zeros and ones, or booleans, as booleans (..., N, T)."""
    found, x = identify(mask, "mask")
    if found is None:
        _, (x,), _ = gather([mask], ["mask"])
        x = xp.asarray_like(mask, logits, computing_dtype(xp, xp.default_dtype()))
    elif found is not xp:
        raise TypeError("mask and logits_p belong to different frameworks; convert one of them")
    wanted = xp.shape(logits)[-3:-1]
    shape = xp.shape(x)
    merged = broadcast_shapes((("logits_p", xp.shape(logits)[:-1]), ("mask", shape)))
    if any(m != w for m, w in zip(merged[-2:], wanted, strict=True) if m is not None and w is not None):
        raise ValueError(f"mask has shape {shape}; it must broadcast to samples and steps, {wanted}")
    if xp.isdtype(x.dtype, "integral") or xp.isdtype(x.dtype, "real floating"):
        if xp.is_concrete(x):
            _diagnose(xp, "mask", "0 or 1", x, (x == 0) | (x == 1))
        x = x != 0
    elif "bool" not in str(x.dtype):
        raise TypeError(f"mask has dtype {x.dtype}; it holds booleans, or numbers 0 and 1")
    if xp.is_concrete(x) and not bool(xp.any(x)):
        raise ValueError("mask is 0 everywhere; some step must count")
    return x & (xp.ones_like(logits[..., 0]) > 0)


def _chunks(
    xp: Namespace, p: Array, q: Array, counts: Array, is_concrete: bool
) -> Iterator[tuple[Array, Array, Array]]:
    """Yield the arguments, some steps at a time if there are values and they are many."""
    length, size = xp.shape(p)[-2] or 1, 1
    if is_concrete:
        lengths = broadcast_shapes((("logits_p", xp.shape(p)), ("logits_q", xp.shape(q))))
        each = max(1, _CHUNK * length // max(1, math.prod(n or 1 for n in lengths)))
        size = min(length, each)
    if not is_concrete or size == length:
        yield p, q, counts
        return
    for start in range(0, length, size):
        stop = min(start + size, length)
        yield p[..., start:stop, :], q[..., start:stop, :], counts[..., start:stop]


def _counted(xp: Namespace, logits: Array, counts: Array) -> Array:
    return xp.where(counts[..., None], logits, 0.0)


def _steps(
    xp: Namespace, kernel: Callable[..., Array], dtype: DType, logits_p: Array, logits_q: Array, counts: Array
) -> Array:
    """Return the divergence of each step that counts, 0 for others, nan where logits are invalid."""
    computing = computing_dtype(xp, dtype)
    p, q = [CategoricalLogits(_counted(xp, xp.astype(x, computing), counts)) for x in (logits_p, logits_q)]
    good = valid(xp, p, tolerances(xp, p)) & valid(xp, q, tolerances(xp, q))
    return xp.where(good, xp.where(counts, kernel(xp, *p, *q), 0.0), math.nan)


class _Summary(NamedTuple):
    value: Array
    error: Array
    converged: Array


def _summary(xp: Namespace, score: Callable[..., Array], dtype: DType, steps: Array, *log_probs: Array) -> _Summary:
    """Return the mean over samples of the sums over steps, and its standard error."""
    totals, finite = finite_part(xp, xp.sum(steps, axis=-1))
    known = ~xp.any(xp.isnan(steps), axis=(-2, -1))
    n = xp.sum(xp.ones_like(totals), axis=-1)
    fixed = xp.stop_gradient(totals)
    deviations = fixed - (xp.sum(fixed, axis=-1) / n)[..., None]
    error = xp.sqrt(xp.sum(deviations * deviations, axis=-1) / xp.where(n > 1, n * (n - 1), 1.0))
    for x in log_probs:
        x = xp.astype(x, steps.dtype)
        known = known & xp.all(_are_log_probs(xp, x), axis=(-2, -1))
        totals = totals + score(xp, finite_part(xp, steps)[0], x)
    value = xp.sum(totals, axis=-1) / n
    finite = xp.all(finite, axis=-1)
    value = xp.where(known, xp.where(finite, value, math.inf), math.nan)
    error = xp.where(known, xp.where(finite, xp.where(n > 1, error, math.inf), 0.0), math.nan)
    return _Summary(xp.astype(value, dtype), xp.astype(error, dtype), known & ((n > 1) | ~finite))


def _are_log_probs(xp: Namespace, x: Array) -> Array:
    return x <= xp.finfo(x.dtype).eps ** 0.5


def _with_score(xp: Namespace, steps: Array, log_probs: Array) -> Array:
    """Return 0, with the derivative of the log probabilities, each times the divergence of the steps after it."""
    x, _ = finite_part(xp, log_probs)
    to_go = xp.sum(steps, axis=-1, keepdims=True) - xp.cumulative_sum(steps, axis=-1)
    return xp.sum((x - xp.stop_gradient(x)) * xp.stop_gradient(to_go), axis=-1)


# ---------------------------------------------------------------------------------------------------------- per sample


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

    Arguments, edges and errors are as for `k1`.

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

    Arguments, edges and errors are as for `k1`. Near r = 1 it keeps all digits.

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

    P must be the law that was sampled and `log_p` what is differentiated; with respect to parameters of Q, it is as k3.
    Arguments, edges and errors are as for `k1`. See arXiv:2506.09477 on the confusion of values and gradients.

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
            _diagnose(xp, name, "numbers, not nan", x, x == x)
    return value


def _diagnose(xp: Namespace, name: str, words: str, x: Array, holds: Array) -> None:
    """Raise ValueError for the first entry that is not what it must be."""
    bad = ~xp.to_numpy(holds)
    if bad.any():
        index = tuple(int(i) for i in next(zip(*bad.nonzero(), strict=True))) if bad.ndim else ()
        place = f" at index {index}" if index else ""
        raise ValueError(f"{name} must be {words}; got {xp.to_numpy(x)[index]}{place}")


def _with_edges(xp: Namespace, kernel: Callable[..., Array], dtype: DType, log_p: Array, log_q: Array) -> Array:
    """Return the kernel's values; infinite, with its sign, where one logarithm is; 0 where both are the same."""
    computing = computing_dtype(xp, dtype)
    p, q = xp.astype(log_p, computing), xp.astype(log_q, computing)
    finite = xp.isfinite(p) & xp.isfinite(q)
    value = kernel(
        xp, xp.where(finite, p, xp.where(p > q, xp.ones_like(p), -1.0)), xp.where(finite, q, xp.zeros_like(q))
    )
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
