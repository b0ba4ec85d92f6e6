"""Numerics of divergences between class probabilities that depend on their ratio alone: Jensen-Shannon, variation.

With m = w p + v q, w + v = 1 and e = (q - p) / p, the part of a class in the Jensen-Shannon divergence is
``p [w G(v e) + v (1 + e) G(-w e / (1 + e))]``, where G(x) = x - log(1 + x) is not negative. It is taken for e <= 0,
with the parts of p and q exchanged where q is the larger one, so that nothing overflows.
"""

from __future__ import annotations

from math import inf

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.categorical import largest_where, log_sum_exp, sigmoid, softmax
from kldiv._numerics.edges import xlogx
from kldiv._numerics.exact import two_difference
from kldiv._numerics.gaps import expm1_gap, log1p_gap


def jensen_shannon_terms(xp: Namespace, larger: Array, e: Array, w: Array) -> Array:
    """The part of a class whose larger weight is `larger`, the other (1 + e) times that; w is the weight of the larger.

    e is from -1 to 0.
    """
    v = 1 - w
    gone = e <= -1
    inner = xp.where(gone, -0.5, e)
    both = w * log1p_gap(xp, v * inner) + v * (1 + inner) * log1p_gap(xp, -w * inner / (1 + inner))
    # Where the other weight is 0 there is w log(1 / w) of the larger one.
    return larger * xp.where(gone, -xlogx(xp, w), both)


def jensen_shannon_of_parts(xp: Namespace, p: Array, q: Array, difference: Array, w: Array) -> Array:
    """The parts of classes with weights p and q in the Jensen-Shannon divergence; `difference` is q - p."""
    falls = difference <= 0
    larger = xp.where(falls, p, q)
    none = larger == 0
    e = xp.where(falls, difference, -difference) / xp.where(none, 1.0, larger)
    return jensen_shannon_terms(xp, larger, e, xp.where(falls, w, 1 - w))


def categorical_jensen_shannon(xp: Namespace, p: Array, q: Array, w: Array) -> Array:
    """The Jensen-Shannon divergence of the distributions proportional to weights p and q along the last axis."""
    return xp.sum(jensen_shannon_of_parts(xp, *_normalized(xp, p, q), w[..., None]), axis=-1)


def _normalized(xp: Namespace, p: Array, q: Array) -> tuple[Array, Array, Array]:
    """Weights divided by their sums along the last axis, and the difference of these, which keeps its digits."""
    total_p, total_q = xp.sum(p, axis=-1, keepdims=True), xp.sum(q, axis=-1, keepdims=True)
    d = q - p
    excess = xp.sum(d, axis=-1, keepdims=True)
    return p / total_p, q / total_q, (d - p * (excess / total_p)) / total_q


def categorical_logits_jensen_shannon(xp: Namespace, a: Array, b: Array, w: Array) -> Array:
    """The Jensen-Shannon divergence of softmax(a) and softmax(b) along the last axis; logits may be -inf."""
    w = w[..., None]
    p, q = softmax(xp, a), softmax(xp, b)
    ratio = log_ratio(xp, a, b)
    falls = ratio <= 0
    live = (a != -inf) & (b != -inf)
    # A class that one of the two rules out has e = -1, seen from the other.
    falls = xp.where(live, falls, a != -inf)
    e = xp.where(live, xp.expm1(xp.where(falls, ratio, -ratio)), -1.0)
    return xp.sum(jensen_shannon_terms(xp, xp.where(falls, p, q), e, xp.where(falls, w, 1 - w)), axis=-1)


def log_ratio(xp: Namespace, a: Array, b: Array) -> Array:
    """log q - log p for p = softmax(a) and q = softmax(b) along the last axis, 0 where a or b is -inf.

    It keeps its digits where a and b differ by little but for a constant.
    """
    a_live, b_live = a != -inf, b != -inf
    live = a_live & b_live
    t, error = two_difference(xp.where(live, b, 0.0), xp.where(live, a, 0.0))
    p = softmax(xp, a)
    # Relative to the likeliest class that both have: a constant in the logits cancels exactly.
    top = xp.max(xp.where(live, a, -inf), axis=-1, keepdims=True)
    likeliest = live & (a == top)
    reference = largest_where(xp, likeliest, t)
    t = xp.where(live, (t - reference) + (error - largest_where(xp, likeliest & (t == reference), error)), 0.0)
    mass = xp.sum(xp.where(live, p, 0.0), axis=-1, keepdims=True)
    mean = xp.sum(p * t, axis=-1, keepdims=True) / xp.where(mass > 0, mass, 1.0)
    tau = xp.where(live, t - mean, 0.0)
    # log sum p exp(tau), with what only one of the two has.
    exponent = xp.where(
        b_live & ~a_live, xp.where(b_live, b, 0.0) - log_sum_exp(xp, a)[..., None] - reference - mean, -inf
    )
    moderate = xp.max(xp.where(tau > exponent, tau, exponent), axis=-1, keepdims=True) < 40
    gaps = xp.where(live, p * expm1_gap(xp, xp.where(moderate, tau, 0.0)), xp.where(a_live, -p, 0.0))
    excess = xp.sum(gaps + xp.exp(xp.where(moderate, exponent, -inf)), axis=-1, keepdims=True)
    near = xp.log1p(xp.where(moderate, excess, 0.0))
    far = (log_sum_exp(xp, b) - log_sum_exp(xp, a))[..., None] - reference - mean
    return xp.where(live, tau - xp.where(moderate & (excess > -1), near, far), 0.0)


def bernoulli_jensen_shannon(xp: Namespace, p: Array, q: Array, w: Array) -> Array:
    """The Jensen-Shannon divergence of Bernoulli distributions."""
    first = jensen_shannon_of_parts(xp, p, q, q - p, w)
    return first + jensen_shannon_of_parts(xp, 1 - p, 1 - q, p - q, w)


def bernoulli_logits_jensen_shannon(xp: Namespace, a: Array, b: Array, w: Array) -> Array:
    """The same from logits, either of which may be infinite."""
    finite = xp.isfinite(a) & xp.isfinite(b)
    t = xp.where(finite, xp.where(finite, b, 0.0) - xp.where(finite, a, 0.0), 0.0)

    def part(a: Array, b: Array, t: Array) -> Array:
        # sigmoid(b) - sigmoid(a) = sigmoid(a) sigmoid(-b) (exp(b - a) - 1), from the side where it is not large.
        falls = xp.where(finite, t <= 0, sigmoid(xp, b) <= sigmoid(xp, a))
        larger, other = xp.where(falls, a, b), xp.where(falls, b, a)
        share = sigmoid(xp, larger)
        exact = (sigmoid(xp, other) - share) / xp.where(share > 0, share, 1.0)
        e = xp.where(finite, sigmoid(xp, -other) * xp.expm1(-xp.abs(t)), exact)
        return jensen_shannon_terms(xp, share, e, xp.where(falls, w, 1 - w))

    return part(a, b, t) + part(-a, -b, -t)


def categorical_variation(xp: Namespace, p: Array, q: Array) -> Array:
    """The total variation of the distributions proportional to weights p and q along the last axis."""
    return 0.5 * xp.sum(xp.abs(_normalized(xp, p, q)[2]), axis=-1)


def categorical_logits_variation(xp: Namespace, a: Array, b: Array) -> Array:
    """The total variation of softmax(a) and softmax(b) along the last axis; logits may be -inf."""
    ratio, p, q = log_ratio(xp, a, b), softmax(xp, a), softmax(xp, b)
    live = (a != -inf) & (b != -inf)
    difference = xp.where(ratio <= 0, p, q) * xp.expm1(-xp.abs(ratio))
    return 0.5 * xp.sum(xp.where(live, xp.abs(difference), p + q), axis=-1)


def bernoulli_logits_variation(xp: Namespace, a: Array, b: Array) -> Array:
    """The total variation of Bernoulli distributions, from logits, either of which may be infinite."""
    finite = xp.isfinite(a) & xp.isfinite(b)
    t = xp.where(finite, xp.where(finite, b, 0.0) - xp.where(finite, a, 0.0), 0.0)
    falls = t <= 0
    larger, other = xp.where(falls, a, b), xp.where(falls, b, a)
    exact = xp.abs(sigmoid(xp, b) - sigmoid(xp, a))
    return xp.where(finite, -sigmoid(xp, larger) * sigmoid(xp, -other) * xp.expm1(-xp.abs(t)), exact)
