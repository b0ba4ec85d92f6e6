"""The divergence of autoregressive models, from sampled sequences.

A token that is sampled is also a prefix of the tokens after it. So the gradient has two parts: that of the divergences
at each step, and that of the probabilities of the prefixes, which needs the log probabilities of the sampled tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from kldiv._arrays.compilation import run
from kldiv._arrays.namespace import computing_dtype, gather
from kldiv._arrays.protocol import Array, DType, Namespace
from kldiv._core.parameters import broadcast_shapes
from kldiv._core.validation import diagnose_all, nan_unless_equal, tolerances, valid
from kldiv._numerics.categorical import categorical_logits_gap
from kldiv._numerics.edges import finite_part
from kldiv.estimation.estimate_result import Estimate
from kldiv.families.categorical import CategoricalLogits
from kldiv.sequences.arguments import read_mask, require_shapes, require_values

_CHUNK = 1 << 22  # logits at a time: what is computed on the way takes some twenty times the memory


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
    require_shapes(xp, dict(zip(named, arrays, strict=True)))
    p, q = arrays[:2]
    counts = xp.ones_like(p[..., 0]) > 0 if mask is None else read_mask(xp, mask, p)
    is_concrete = all(xp.is_concrete(x) for x in arrays + [counts])  # noqa: RUF005
    chunks = [
        run(_steps, categorical_logits_gap, xp, dtype, arrays, *x) for x in _chunks(xp, p, q, counts, is_concrete)
    ]
    steps = chunks[0] if len(chunks) == 1 else xp.concat(chunks, axis=-1)
    if None in (*xp.shape(p), *xp.shape(q)):
        steps = nan_unless_equal(xp, steps, zip(xp.lengths(p)[-3:], xp.lengths(q)[-3:], strict=True))
    counted = (xp.where(counts, arrays[2], 0.0),) if log_probs is not None else ()
    summary: _Summary = run(_summary, _with_score, xp, dtype, arrays + [counts], steps, *counted)  # noqa: RUF005
    if __debug__ and is_concrete and bool(xp.any(xp.isnan(summary.value))):
        logits = {name: CategoricalLogits(_counted(xp, x, counts)) for name, x in zip(named, (p, q), strict=False)}
        diagnose_all(xp, dtype, **logits)
        for x in counted:
            require_values(xp, "log_probs", "numbers that are at most 0", x, _are_log_probs(xp, x))
    n = xp.shape(p)[-3]
    method = "Rao-Blackwell, over sampled prefixes" + ("" if log_probs is None else ", with the score of the prefixes")
    return Estimate(summary.value, summary.error, method, n if n is not None else -1, summary.converged)


def _chunks(
    xp: Namespace, p: Array, q: Array, counts: Array, is_concrete: bool
) -> Iterator[tuple[Array, Array, Array]]:
    """Yield the arguments: as they are in a trace, else as many steps at a time as have at most `_CHUNK` logits."""
    length = xp.shape(p)[-2] or 1
    n_steps = length
    if is_concrete:
        shape = broadcast_shapes((("logits_p", xp.shape(p)), ("logits_q", xp.shape(q))))
        n_steps = max(1, _CHUNK * length // max(1, math.prod(n or 1 for n in shape)))
    if n_steps >= length:
        yield p, q, counts
        return
    for start in range(0, length, n_steps):
        stop = min(start + n_steps, length)
        yield p[..., start:stop, :], q[..., start:stop, :], counts[..., start:stop]


def _counted(xp: Namespace, logits: Array, counts: Array) -> Array:
    """Return the logits at steps that count, and 0 at others."""
    return xp.where(counts[..., None], logits, 0.0)


def _steps(
    xp: Namespace, kernel: Callable[..., Array], dtype: DType, logits_p: Array, logits_q: Array, counts: Array
) -> Array:
    """Return the divergence of each step that counts, 0 for others, nan where logits are invalid."""
    computing = computing_dtype(xp, dtype)
    p, q = [CategoricalLogits(_counted(xp, xp.astype(x, computing), counts)) for x in (logits_p, logits_q)]
    is_valid = valid(xp, p, tolerances(xp, p)) & valid(xp, q, tolerances(xp, q))
    return xp.where(is_valid, xp.where(counts, kernel(xp, *p, *q), 0.0), math.nan)


class _Summary(NamedTuple):
    value: Array
    error: Array
    converged: Array


def _summary(xp: Namespace, score: Callable[..., Array], dtype: DType, steps: Array, *log_probs: Array) -> _Summary:
    """Return the mean over samples of the sums over steps, and its standard error."""
    totals, finite = finite_part(xp, xp.sum(steps, axis=-1))
    is_valid = ~xp.any(xp.isnan(steps), axis=(-2, -1))
    n = xp.sum(xp.ones_like(totals), axis=-1)
    constant = xp.stop_gradient(totals)
    deviations = constant - (xp.sum(constant, axis=-1) / n)[..., None]
    error = xp.sqrt(xp.sum(deviations * deviations, axis=-1) / xp.where(n > 1, n * (n - 1), 1.0))
    for x in log_probs:
        x = xp.astype(x, steps.dtype)
        is_valid = is_valid & xp.all(_are_log_probs(xp, x), axis=(-2, -1))
        totals = totals + score(xp, finite_part(xp, steps)[0], x)
    value = xp.sum(totals, axis=-1) / n
    finite = xp.all(finite, axis=-1)
    value = xp.where(is_valid, xp.where(finite, value, math.inf), math.nan)
    error = xp.where(is_valid, xp.where(finite, xp.where(n > 1, error, math.inf), 0.0), math.nan)
    return _Summary(xp.astype(value, dtype), xp.astype(error, dtype), is_valid & ((n > 1) | ~finite))


def _are_log_probs(xp: Namespace, x: Array) -> Array:
    """Tell which numbers are at most 0, but for the rounding of the softmax that they come from."""
    return x <= xp.finfo(x.dtype).eps ** 0.5


def _with_score(xp: Namespace, steps: Array, log_probs: Array) -> Array:
    """Return 0, with the derivative of the log probabilities, each times the divergence of the steps after it."""
    x, _ = finite_part(xp, log_probs)
    to_go = xp.sum(steps, axis=-1, keepdims=True) - xp.cumulative_sum(steps, axis=-1)
    return xp.sum((x - xp.stop_gradient(x)) * xp.stop_gradient(to_go), axis=-1)
