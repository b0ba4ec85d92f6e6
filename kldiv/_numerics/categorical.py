"""Numerics of distributions over classes, from probabilities, weights or logits: sums of gaps along the last axis.

Weights need not sum to 1, and a softmax rounds: the divergence between logits is computed from their differences, with
what the differences lose in rounding. Classes of probability 0 add nothing, or make the divergence infinite.
"""

from __future__ import annotations

from math import inf

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.edges import finite_part, indicator, log, product
from kldiv._numerics.exact import two_difference
from kldiv._numerics.gaps import entropy_gap, expm1_gap, log1p_gap, native
from kldiv._numerics.linalg import index_like


def bernoulli_logits_gap(xp: Namespace, a: Array, b: Array, difference: Array | None = None) -> Array:
    """The divergence between the Bernoulli distributions with logits a and b, either of which may be infinite.

    `difference` is b - a where it is known better.
    """
    finite = xp.isfinite(a) & xp.isfinite(b)
    x, y = xp.where(finite, a, 0.0), xp.where(finite, b, 0.0)
    t = y - x if difference is None else xp.where(finite, difference, 0.0)
    near = xp.abs(t) <= 1.1
    t_near = xp.where(near, t, 0.0)
    near_value = sigmoid(xp, x) * log1p_gap(xp, sigmoid(xp, -y) * xp.expm1(t_near)) + sigmoid(xp, -x) * log1p_gap(
        xp, sigmoid(xp, y) * xp.expm1(-t_near)
    )
    # Far apart, name the outcomes so that P favours 0; then log1p(p expm1(t)) - p t loses nothing until exp(t)
    # overflows.
    flip = x > 0
    x, y, d = xp.where(flip, -x, x), xp.where(flip, -y, y), xp.where(flip, -t, t)
    t = xp.where(near, 1.0, d)
    p = sigmoid(xp, x)
    moderate = t < 40
    log_sum = xp.where(moderate, xp.log1p(p * xp.expm1(xp.where(moderate, t, 0.0))), softplus(xp, y) - softplus(xp, x))
    far_value = log_sum - p * t
    if xp.differentiable:
        # The derivatives are p (1 - p) (x - y) and q - p; through log1p(p expm1(t)) they would be differences of these.
        bregman = softplus(xp, y) - p * y + (p * x - softplus(xp, x))
        far_value = xp.stop_gradient(far_value - bregman) + bregman
    value = xp.where(near, near_value, far_value)
    # Where both probabilities of 1 are next to nothing, it is p (expm1(t) - t), multiplied so that p never underflows.
    least = xp.finfo(x.dtype).smallest_normal ** 0.9
    rare = (p < least) & (sigmoid(xp, y) < least) & moderate
    root = xp.exp(xp.where(rare, 0.5 * x, 0.0))
    value = xp.where(rare, root * (root * expm1_gap(xp, xp.where(rare, d, 0.0))), value)
    # An infinite logit is a certain outcome: of P, the divergence is -log q of it; of Q alone, infinite.
    b_in = xp.where(xp.isfinite(b), b, 0.0)
    surprisal = softplus(xp, xp.where(a > 0, -b_in, b_in))
    certain = xp.where(a == b, 0.0, xp.where(xp.isfinite(b), surprisal, inf))
    return xp.where(finite, value, certain)


@native
def categorical_gap(xp: Namespace, p: Array, q: Array) -> Array:
    """The divergence between the distributions proportional to the weights p and q along the last axis."""
    missing = (q == 0) & (p > 0)
    q = xp.where(missing, 1.0, q)
    total_p = xp.sum(p, axis=-1, keepdims=True)
    total_q = xp.sum(q, axis=-1, keepdims=True)
    d = q - p
    # With q scaled to the sum of p, q' - p = (d - p sum(d) / P) P / Q. The quotient p / P itself would lose eps /
    # delta.
    scale = total_p / total_q
    excess = xp.sum(d, axis=-1, keepdims=True) / total_p
    near = xp.abs(excess) <= 0.5
    difference = xp.where(near, (d - p * xp.where(near, excess, 0.0)) * scale, q * scale - p)
    value = xp.sum(entropy_gap(xp, p, q * scale, difference) / total_p, axis=-1)
    return xp.where(xp.any(missing, axis=-1), inf, value)


@native
def categorical_logits_gap(xp: Namespace, a: Array, b: Array) -> Array:
    """The divergence between the distributions softmax(a) and softmax(b) along the last axis; logits may be -inf.

    With t = b - a and tau its deviation from its mean under p, the divergence is log1p(sum p (expm1(tau) - tau)): every
    term is at least 0, and only a softmax of `a` is needed.
    """
    p_dead, q_dead = a == -inf, b == -inf
    live = ~(p_dead | q_dead)
    top = xp.max(a, axis=-1, keepdims=True)
    likeliest = live & (a == top)
    # All is relative to the likeliest class: what it has itself is 0, and its derivative too if there is one only.
    alone = likeliest & (xp.sum(xp.where(likeliest, xp.ones_like(a), 0.0), axis=-1, keepdims=True) == 1)
    weights = xp.exp(xp.where(alone, 0.0, a - top))
    total = xp.sum(weights, axis=-1, keepdims=True)
    p = weights / total
    a_in, b_in = xp.where(live, a, 0.0), xp.where(live, b, 0.0)
    # Their difference is taken relative to that of the likeliest class, which cancels exactly.
    t, error = two_difference(b_in, a_in)
    t_ref = largest_where(xp, likeliest, t)
    error_ref = largest_where(xp, likeliest & (t == t_ref), error)
    t = xp.where(live & ~alone, (t - t_ref) + (error - error_ref), 0.0)
    mean = xp.sum(p * t, axis=-1, keepdims=True)
    tau = xp.where(live, t - mean, 0.0)
    large = live & (tau > 1)
    # A class that only P rules out has no term in that sum, but its share of Q's mass counts. The exponent is log p +
    # tau, without the logits of P, which may be large and cancel in it.
    shifted = xp.where(q_dead, 0.0, b) - largest_where(xp, likeliest, b_in)
    exponent = xp.where(alone, 0.0, shifted) - mean - xp.log(total)
    exponent = xp.where(large | (p_dead & ~q_dead), exponent, -inf)
    moderate = xp.max(exponent, axis=-1, keepdims=True) < 60
    powers = xp.exp(xp.where(moderate, exponent, -inf))
    gap = xp.where(large, -p * (1 + tau), p * expm1_gap(xp, xp.where(live & ~large, tau, 0.0)))
    excess = xp.sum(powers + gap, axis=-1)
    moderate = moderate[..., 0]
    near_value = xp.log1p(xp.where(moderate, excess, 0.0))
    far_value = log_sum_exp(xp, b) - log_sum_exp(xp, a) - (t_ref + mean)[..., 0]
    value = xp.where(moderate, near_value, far_value)
    return xp.where(xp.any(q_dead & (p > 0), axis=-1), inf, value)


def equal_counts_gap(xp: Namespace, total_p: Array, total_q: Array, gap: Array) -> Array:
    """`total_p` times a gap, 0 where the total is 0; infinite where the totals differ."""
    gap, finite = finite_part(xp, gap)
    return total_p * gap + indicator(xp, (total_p == total_q) & (finite | (total_p == 0)), total_p)


def weighted_gap(xp: Namespace, weights: Array, gaps: Array) -> Array:
    """The sum of weights times gaps along the last axis, where an infinite gap of weight 0 does not count."""
    gaps, finite = finite_part(xp, gaps)
    bad = xp.any((weights > 0) & ~finite, axis=-1)
    return xp.where(bad, inf, xp.sum(weights * gaps, axis=-1))


def softplus(xp: Namespace, x: Array) -> Array:
    """log(1 + exp(x)) for any x, as -log(1 - p) is where x is the logit of a probability p.

    Parameters
    ----------
    xp
        The array namespace of the arguments.
    x
        Any numbers.

    Returns
    -------
    array
        One value for each element.

    Examples
    --------
    >>> import numpy as np
    >>> from kldiv import namespace, numerics
    >>> x = np.asarray([-1000.0, 0.0, 1000.0])
    >>> print(numerics.softplus(namespace(x), x))
    [0.00000000e+00 6.93147181e-01 1.00000000e+03]
    """
    positive = x > 0
    return xp.where(positive, x, 0.0) + xp.log1p(xp.exp(xp.where(positive, -x, x)))


def sigmoid(xp: Namespace, x: Array) -> Array:
    """1 / (1 + exp(-x)) for any x: the probability whose logit is x. That of the other outcome is sigmoid(-x).

    Parameters
    ----------
    xp
        The array namespace of the arguments.
    x
        Any numbers.

    Returns
    -------
    array
        One value for each element.

    Examples
    --------
    >>> import numpy as np
    >>> from kldiv import namespace, numerics
    >>> x = np.asarray([-1000.0, 0.0, 1000.0])
    >>> print(numerics.sigmoid(namespace(x), x))
    [0.  0.5 1. ]
    """
    positive = x >= 0
    e = xp.exp(xp.where(positive, -x, x))
    return xp.where(positive, 1.0, e) / (1 + e)


def softmax(xp: Namespace, a: Array) -> Array:
    """exp(a) / sum(exp(a)) along the last axis."""
    return normalized(xp, xp.exp(a - xp.stop_gradient(xp.max(a, axis=-1, keepdims=True))))


def log_softmax(xp: Namespace, a: Array) -> Array:
    """log(exp(a) / sum(exp(a))) along the last axis."""
    return a - log_sum_exp(xp, a)[..., None]


def normalized(xp: Namespace, weights: Array) -> Array:
    """Weights divided by their sum along the last axis."""
    return weights / xp.sum(weights, axis=-1, keepdims=True)


def mixed(xp: Namespace, weights: Array, probs: Array) -> Array:
    """The mean of `probs` along the last axis under the distribution proportional to `weights`."""
    return xp.sum(normalized(xp, weights) * probs, axis=-1)


def mixed_logit(xp: Namespace, weights: Array, logits: Array) -> Array:
    """The logit of the mean of the sigmoids of `logits` along the last axis under `weights`, which may be infinite."""
    log_weights = log(xp, weights)
    ones, zeros = (log_sum_exp(xp, log_weights - softplus(xp, sign * logits)) for sign in (-1, 1))
    edge = ~(xp.isfinite(ones) & xp.isfinite(zeros))
    inner = xp.where(edge, 0.0, ones) - xp.where(edge, 0.0, zeros)
    return xp.where(edge, xp.where(ones > zeros, inf, xp.zeros_like(ones) - inf), inner)


def mixed_logits(xp: Namespace, weights: Array, logits: Array) -> Array:
    """The logits along the last axis of the mean of softmax(logits) along the one before it under `weights`."""
    terms = log(xp, weights)[..., None] + log_softmax(xp, logits)
    top = xp.max(terms, axis=-2, keepdims=True)
    top = xp.where(top > -inf, top, 0.0)
    return top[..., 0, :] + log(xp, xp.sum(xp.exp(terms - top), axis=-2))


def log_mixture(xp: Namespace, probs: Array, log_densities: Array) -> Array:
    """log sum_m probs_m exp(log_densities_m) along the last axis, for probs divided by their sum."""
    terms = log(xp, probs) + log_densities
    top = xp.max(terms, axis=-1, keepdims=True)
    top = xp.where(xp.isfinite(top), top, 0.0)
    total = log(xp, xp.sum(xp.exp(terms - top), axis=-1))
    return top[..., 0] + total - xp.log(xp.sum(probs, axis=-1))


def select_class(xp: Namespace, values: Array, x: Array) -> Array:
    """The entry of `values` along the last axis whose index is x; -inf where there is none."""
    return xp.max(xp.where(index_like(xp, values) == x[..., None], values, -inf), axis=-1)


def is_only_class(xp: Namespace, possible: Array, x: Array) -> Array:
    """Whether x is the index of the only entry of `possible` along the last axis that is true."""
    index = index_like(xp, xp.where(possible, xp.ones_like(x)[..., None], 0.0))
    return xp.all(possible == (index == x[..., None]), axis=-1)


def log_choices(xp: Namespace, log_probs: Array, x: Array) -> Array:
    """sum_k x_k log_probs_k, where 0 times an infinite logarithm is 0."""
    return xp.sum(product(xp, x, log_probs), axis=-1)


def is_only_count(xp: Namespace, possible: Array, total: Array, x: Array) -> Array:
    """Whether the counts x are `total` times the only entry of `possible` along the last axis that is true."""
    expected = xp.where(possible, total[..., None], 0.0)
    single = xp.sum(xp.where(possible, xp.ones_like(expected), 0.0), axis=-1) == 1
    return (single | (total == 0)) & xp.all(x == expected, axis=-1)


def are_counts(xp: Namespace, x: Array, total: Array) -> Array:
    """Whether x holds non-negative integers that sum to `total` along the last axis."""
    return xp.all((x >= 0) & (xp.floor(x) == x), axis=-1) & (xp.sum(x, axis=-1) == total)


def log_sum_exp(xp: Namespace, a: Array) -> Array:
    """log(sum(exp(a))) along the last axis, -inf where every a is."""
    top = xp.max(a, axis=-1, keepdims=True)
    top = xp.where(top > -inf, top, 0.0)
    return (top + xp.log(xp.sum(xp.exp(a - top), axis=-1, keepdims=True)))[..., 0]


def largest_where(xp: Namespace, condition: Array, x: Array) -> Array:
    """The largest x along the last axis, which stays, of those that fulfil a condition; 0 where none does."""
    largest = xp.max(xp.where(condition, x, -inf), axis=-1, keepdims=True)
    return xp.where(largest > -inf, largest, 0.0)
