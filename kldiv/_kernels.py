"""The few functions that every formula is written in: sums of terms that cannot be negative, free of cancellation.

A divergence between nearly equal distributions is of the order of their squared distance, while the terms of the
textbook formulas are of order one, so those formulas lose every digit. Each kernel here is a *gap*, the remainder of a
convex function over its tangent, computed from the difference of its arguments. All numerical care lives here, and
every `where`: an argument is made safe before the branch is taken, so that derivatives of any order are finite.
"""

from __future__ import annotations

import functools
from math import inf, isinf, log as ln

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from kldiv._protocol import Array, Namespace

    class Native(Protocol):
        """A kernel that a backend may have in a way of its own; `plain` is the one for all."""

        plain: Callable[..., Array]

        def __call__(self, xp: Namespace, /, *args: Array | None) -> Array: ...


def native(kernel: Callable[..., Array]) -> Native:
    """Let a backend have the kernel in a way of its own, under the kernel's name."""

    @functools.wraps(kernel)
    def call(xp: Namespace, *args: Array | None) -> Array:
        own: Callable[..., Array] | None = getattr(xp, kernel.__name__, None)
        return kernel(xp, *args) if own is None else own(*args)

    found: Native = call  # type: ignore[assignment]
    found.plain = kernel
    return found


# Chebyshev fits, ascending powers, (float64, float32). tests/test_kernels.py derives them again with mpmath.
# sum_k z^k / (2 k + 3) on [0, 1/4].
ATANH_TAIL = (
    (
        0.3333333333333333, 0.2, 0.14285714285714274, 0.1111111111111331, 0.09090909090712157,
        0.07692307703017752, 0.0666666628192533, 0.05882362573690282, 0.052629837651409765, 0.04764230720558815,
        0.04324548407540815, 0.041755735763662316, 0.02707531701506099, 0.07653434648202147, -0.096729500994544,
        0.3052746500684254, -0.34456472726280635, 0.2871507674309063,
    ),
    (
        0.3333333333330515, 0.20000000022523756, 0.14285711330018452, 0.11111260770998829, 0.09087085457391365,
        0.07747934199936934, 0.061803140661500944, 0.08458090078786835, -0.02640266145845657,
        0.1681174399638068,
    ),
)  # fmt: skip
_NEAR = (-2 / 3, 2.0)  # where u - log1p(u) is a series: far from there the subtraction costs less than two bits
# sum_k t^k / (k + 2)! on [-1, 1].
EXP_TAIL = (
    (
        0.5, 0.16666666666666666, 0.041666666666666664, 0.008333333333333333, 0.001388888888888889,
        0.00019841269841269698, 2.480158730158723e-05, 2.7557319224076847e-06, 2.7557319224031326e-07,
        2.5052108355133426e-08, 2.08767569727269e-09, 1.605904956472749e-10, 1.1470748459377174e-11,
        7.64654746625834e-13, 4.7791694211110394e-14, 2.8466037099749953e-15, 1.579484405651758e-16,
    ),
    (
        0.5000000000041339, 0.16666666666698407, 0.04166666645999521, 0.008333333317464362,
        0.0013888905413098637, 0.0001984128253011599, 2.479696640440422e-05, 2.755377026364149e-06,
        2.808392438088153e-07, 2.545670657152382e-08,
    ),
)  # fmt: skip
# Stirling's series: B_2n / (2 n (2 n - 1)), exact.
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)


def is_single(xp: Namespace, x: Array) -> bool:
    return bool(xp.finfo(x.dtype).bits == 32)


def polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    """Horner's rule, ascending powers."""
    value = x * coefficients[-1] + coefficients[-2]
    for c in coefficients[-3::-1]:
        value = value * x + c
    return value


def log_of_quotient(xp: Namespace, a: Array, b: Array) -> Array:
    """log(a / b) for positive a and b; no derivative may be taken of it."""
    # A quotient that leaves the range of normal numbers is shifted into it, with room for one of subnormal numbers.
    # By products alone: compilers make (a up up) / b of (a up) / (b / up), which leaves it again.
    shift = 2.0**96 if is_single(xp, a) else 2.0**768
    r = a / b
    below, above = r < xp.finfo(r.dtype).smallest_normal, ~(r < inf)
    one = xp.ones_like(r)
    up = xp.where(below, shift, xp.where(above, 1 / shift, one))
    down = xp.where(below, 1 / shift, xp.where(above, shift, one))
    offset = xp.where(below, -2 * ln(shift), xp.where(above, 2 * ln(shift), 0.0 * one))
    return xp.log((a * up) / (b * down)) + offset


@native
def log_ratio(xp: Namespace, a: Array, b: Array) -> Array:
    """log(a / b) for positive a and b, also where the quotient leaves the range of normal numbers."""
    value = log_of_quotient(xp, a, b)
    if not xp.differentiable:
        return value
    # The derivatives 1 / a and -1 / b; through the quotient they would over- or underflow on the way.
    log_a, log_b = xp.log(a), xp.log(b)
    stop = xp.stop_gradient
    return stop(value) + ((log_a - stop(log_a)) - (log_b - stop(log_b)))


def _log1p_gap_near(xp: Namespace, u: Array) -> Array:
    # log1p(u) = 2 atanh(s), with s between -1/2 and 1/2; its first term cancels against u exactly, as s (2 + u) = u.
    s = u / (2 + u)
    z = s * s
    return s * (u - 2 * z * polynomial(ATANH_TAIL[is_single(xp, u)], z))


def log1p_gap(xp: Namespace, u: Array, *quotients: tuple[Array, Array]) -> Array:
    """u - log1p(u), at least 0, for u > -1.

    Far from u = 0 the logarithm is that of the product of `quotients`, pairs (numerator, denominator), where 1 + u is
    such a product of known numbers: the sum 1 + u has lost digits of it.
    """
    near = (u >= _NEAR[0]) & (u <= _NEAR[1])
    if quotients:
        far_log = 0.0
        for a, b in quotients:
            far_log = far_log + log_ratio(xp, xp.where(near, 1.0, a), xp.where(near, 1.0, b))
    else:
        far_log = xp.log1p(xp.where(near, 1.0, u))
    return xp.where(near, _log1p_gap_near(xp, xp.where(near, u, 0.0)), u - far_log)


def log1p(xp: Namespace, x: Array) -> Array:
    """log(1 + x), for a framework whose own is not right to the last digits."""
    near = (x >= _NEAR[0]) & (x <= _NEAR[1])
    x_near = xp.where(near, x, 0.0)
    return xp.where(near, x_near - _log1p_gap_near(xp, x_near), xp.log(1 + xp.where(near, 1.0, x)))


def expm1_gap(xp: Namespace, t: Array) -> Array:
    """expm1(t) - t, at least 0."""
    below, above = t < -1, t > 1
    near = ~(below | above)
    t_near = xp.where(near, t, 0.0)
    t_above = xp.where(above, t, 1.0)
    value = t_near * t_near * polynomial(EXP_TAIL[is_single(xp, t)], t_near)
    value = xp.where(above, xp.expm1(t_above) - t_above, value)
    # Below -1 nothing cancels in exp(t) - (1 + t), and its derivatives keep the digits of exp(t).
    return xp.where(below, xp.exp(xp.where(below, t, 0.0)) - (1 + t), value)


def rounded_difference(a: Array, b: Array) -> tuple[Array, Array]:
    """Return a - b as it rounds and its rounding error (Knuth), whose derivative is 0."""
    d = a - b
    back = d - a
    return d, (a - (d - back)) - (b + back)


def expm1_gap_of_difference(xp: Namespace, a: Array, b: Array) -> Array:
    """expm1(a - b) - (a - b), at least 0, where the rounding of a - b would tell in the exponential."""
    t, error = rounded_difference(a, b)
    t_far = xp.where(t > 1, t, 0.0)
    return expm1_gap(xp, t) + error * xp.expm1(t_far)


@native
def relative_gap(xp: Namespace, a: Array, b: Array) -> Array:
    """a / b - 1 - log(a / b), at least 0, for positive a and b: the divergence of exponential distributions."""
    return log1p_gap(xp, xp.divide(a - b, b), (a, b))


def entropy_gap(xp: Namespace, a: Array, b: Array, difference: Array | None = None) -> Array:
    """a log(a / b) - a + b, at least 0, for non-negative a and b; `difference` is b - a where it is known better."""
    d = b - a if difference is None else difference
    a_zero = a == 0
    b_zero = b == 0
    edge = a_zero | b_zero
    a_in, b_in, d_in = xp.where(edge, 1.0, a), xp.where(edge, 1.0, b), xp.where(edge, 0.0, d)
    near = (d_in >= -0.5 * a_in) & (d_in <= a_in)
    inner = a_in * _log1p_gap_near(xp, xp.divide(xp.where(near, d_in, 0.0), a_in))
    outer = d_in - a_in * log_ratio(xp, xp.where(near, 1.0, b_in), xp.where(near, 1.0, a_in))
    return xp.where(a_zero, b, xp.where(b_zero, inf, xp.where(near, inner, outer)))


def relative_entropy(xp: Namespace, a: Array, b: Array) -> Array:
    """a log(a / b) for non-negative a and b."""
    a_zero = a == 0
    b_zero = b == 0
    edge = a_zero | b_zero
    a_in, b_in = xp.where(edge, 1.0, a), xp.where(edge, 1.0, b)
    u = (a_in - b_in) / b_in
    near = xp.abs(u) <= 0.5
    log = xp.where(
        near,
        xp.log1p(xp.where(near, u, 0.0)),
        log_ratio(xp, xp.where(near, 1.0, a_in), xp.where(near, 1.0, b_in)),
    )
    return xp.where(a_zero, 0.0 * b, xp.where(b_zero, inf, a_in * log))


def kl_div(xp: Namespace, x: Array, y: Array) -> Array:
    """x log(x / y) - x + y for non-negative x and y, either of which may be infinite."""
    finite = (x < inf) & (y < inf)
    value = entropy_gap(xp, xp.where(finite, x, 1.0), xp.where(finite, y, 1.0))
    return xp.where(finite, value, xp.abs(x - y))


def rel_entr(xp: Namespace, x: Array, y: Array) -> Array:
    """x log(x / y) for non-negative x and y, either of which may be infinite."""
    finite = (x < inf) & (y < inf)
    value = relative_entropy(xp, xp.where(finite, x, 1.0), xp.where(finite, y, 1.0))
    return xp.where(finite, value, xp.where(x == 0, xp.zeros_like(x), x - y))


def stirling_gap(xp: Namespace, y: Array, x: Array, difference: Array | None = None) -> Array:
    """The remainder at y over the tangent at x of lgamma(a) - a log a + a, for positive x and y.

    The recurrence of lgamma shifts both arguments by n, which leaves n gaps of log1p, and beyond that Stirling's series
    is differenced term by term. There is no lgamma and no digamma in it, and no switch but one for a tiny argument.
    """
    n, terms = (3, 3) if is_single(xp, x) else (8, 8)
    d = y - x if difference is None else difference
    # Only the first step can leave the range of the series: u < 1 / x, and 1 + u = y (x + 1) / (x (y + 1)).
    total = (y + 1) * log1p_gap(xp, d / x / (y + 1), (y / (y + 1), x / (x + 1)))
    for k in range(1, n):
        total = total + (y + (k + 1)) * _log1p_gap_near(xp, d / (x + k) / (y + (k + 1)))
    z, w = 1 / (x + n), 1 / (y + n)
    total = total + 0.5 * log1p_gap(xp, d * z, (y + n, x + n))
    # y^-m - x^-m + m x^(-m-1) (y - x) = d^2 z^2 t_m, with t_1 = w and t_m = w t_{m-1} + m z^(m-1) w.
    t, power = w, z
    tail = _STIRLING[0] * t
    for m in range(2, 2 * terms):
        t = w * t + m * power * w
        power = power * z
        if m % 2:
            tail = tail + _STIRLING[m // 2] * t
    e = d * z
    return total + e * (e * tail)


def product_excess(xp: Namespace, a: Array, b: Array, c: Array, d: Array) -> Array:
    """a b / (c d) - 1 for positive arguments, right in the last digits also where the two products nearly agree."""
    # Dekker's product: x y = high + low exactly, unless it leaves the range of normal numbers.
    splitter = 4097.0 if is_single(xp, a) else 134217729.0
    info = xp.finfo(a.dtype)
    low, high = info.smallest_normal / info.eps**2, info.max * info.eps**2

    def halves(x: Array) -> tuple[Array, Array]:
        t = splitter * x
        upper = t - (t - x)
        return upper, x - upper

    def error(x: Array, y: Array, product: Array) -> Array:
        (x1, x2), (y1, y2) = halves(x), halves(y)
        # Exact in this order only; a sum would be an invitation to optimisers of graphs to take another.
        return x2 * y2 - (((product - x1 * y1) - x2 * y1) - x1 * y2)

    ab, cd = a * b, c * d
    safe = (ab > low) & (ab < high) & (cd > low) & (cd < high)
    for x in (a, b, c, d):
        safe = safe & (x < high)
    a_in, b_in, c_in, d_in = (xp.where(safe, x, 1.0) for x in (a, b, c, d))
    ab, cd = a_in * b_in, c_in * d_in
    exact = (ab - cd) + (error(a_in, b_in, ab) - error(c_in, d_in, cd))
    u, v = (a - c) / c, (b - d) / d
    near = (xp.abs(u) < 0.5) & (xp.abs(v) < 0.5)
    # Square roots, so that quotients which leave the range of normal numbers may make up for each other.
    a_far, b_far, c_far, d_far = (xp.where(safe | near, 1.0, x) for x in (a, b, c, d))
    root = xp.sqrt(a_far) / xp.sqrt(c_far) * (xp.sqrt(b_far) / xp.sqrt(d_far))
    u, v = xp.where(near, u, 0.0), xp.where(near, v, 0.0)
    return xp.where(safe, exact / c_in / d_in, xp.where(near, u + v + u * v, root * root - 1))


def log1p_ratio(xp: Namespace, a: Array, b: Array) -> Array:
    """log(1 + a / b) for positive b; a below 0 counts as 0."""
    a = xp.where(a < 0, 0.0, a)
    far = a > b
    near_log = xp.log1p(xp.where(far, 0.0, a) / b)
    return xp.where(far, log_ratio(xp, xp.where(far, a, 1.0) + b, b), near_log)


def softplus(xp: Namespace, x: Array) -> Array:
    """log(1 + exp(x))."""
    positive = x > 0
    return xp.where(positive, x, 0.0) + xp.log1p(xp.exp(xp.where(positive, -x, x)))


def sigmoid(xp: Namespace, x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    positive = x >= 0
    e = xp.exp(xp.where(positive, -x, x))
    return xp.where(positive, 1.0, e) / (1 + e)


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
    value = xp.where(near, near_value, log_sum - p * t)
    # Where both probabilities of 1 are next to nothing, it is p (expm1(t) - t), multiplied so that p never underflows.
    least = xp.finfo(x.dtype).smallest_normal ** 0.9
    rare = (p < least) & (sigmoid(xp, y) < least) & moderate
    root = xp.exp(xp.where(rare, 0.5 * x, 0.0))
    value = xp.where(rare, root * (root * expm1_gap(xp, xp.where(rare, d, 0.0))), value)
    # An infinite logit is a certain outcome: of P, the divergence is -log q of it; of Q alone, infinite.
    b_in = xp.where(xp.isfinite(b), b, 0.0)
    surprise = softplus(xp, xp.where(a > 0, -b_in, b_in))
    certain = xp.where(a == b, 0.0, xp.where(xp.isfinite(b), surprise, inf))
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


def indicator(xp: Namespace, holds: Array, like: Array) -> Array:
    """0 where `holds`, inf elsewhere: a constraint as a term of a sum, with derivative 0 with respect to `like`."""
    zero = xp.where(xp.isfinite(like), like, 0.0) * 0.0
    return xp.where(holds, zero, inf)


def finite_part(xp: Namespace, x: Array) -> tuple[Array, Array]:
    """x with 0 in place of what is infinite, and where x is finite."""
    finite = xp.isfinite(x)
    return xp.where(finite, x, 0.0), finite


def product(xp: Namespace, coefficient: Array, x: Array) -> Array:
    """coefficient * x, 0 where the coefficient is 0."""
    zero = coefficient == 0
    return xp.where(zero, 0.0, coefficient * xp.where(zero, 0.0, x))


def non_negative(xp: Namespace, x: Array, exists: Array) -> Array:
    """x where it exists and inf elsewhere, with the negative rounding errors of a vanishing x raised to 0."""
    return xp.where(exists, x - xp.stop_gradient(xp.where(x < 0, x, 0.0)), inf)


def interior(xp: Namespace, low: Array | float, high: Array | float, space: str) -> tuple[Array, Array]:
    """The ends of an interval inside the one from low to high, either of which may be infinite."""
    if space == "integers":
        return low, low + 1.0 if isinstance(high, float) else high
    if isinstance(low, float) and isinstance(high, float):
        return _inner(high - 3.0 if isinf(low) else low, low + 3.0 if isinf(high) else high)
    if isinstance(high, float):
        return _inner(low, low + 3.0 if isinf(high) else high)
    if isinstance(low, float):
        return _inner(high - 3.0 if isinf(low) else low, high)
    return _inner(low, high)


def positive_part(xp: Namespace, low: Array | float, high: Array | float) -> tuple[Array, Array]:
    """The ends of what is positive of an interval; where that is nothing, of another interval."""
    if isinstance(low, float) and isinstance(high, float):
        return max(low, 0.0), high
    low = max(low, 0.0) if isinstance(low, float) else xp.where(low > 0, low, 0.0)
    return low, high if isinstance(high, float) else xp.where(high > low, high, low + 3.0)


def _inner(low: Array | float, high: Array | float) -> tuple[Array, Array]:
    third = (high - low) / 3.0
    return low + third, high - third


def log(xp: Namespace, p: Array) -> Array:
    """log(p), -inf at 0 with derivative 0."""
    zero = p == 0
    return xp.where(zero, -inf, xp.log(xp.where(zero, 1.0, p)))


def logit(xp: Namespace, p: Array) -> Array:
    """log(p / (1 - p)), infinite at 0 and 1 with derivative 0."""
    edge = (p == 0) | (p == 1)
    inner = xp.where(edge, 0.5, p)
    return xp.where(p == 0, -inf, xp.where(p == 1, inf, xp.log(inner) - xp.log1p(-inner)))


def log_factorial(xp: Namespace, k: Array) -> Array:
    """log(k!), exactly 0 at k = 0 and k = 1."""
    return xp.where(k < 2, 0.0 * k, xp.gammaln(xp.where(k < 2, 2.0, k) + 1))


def log_softmax(xp: Namespace, a: Array) -> Array:
    """log(exp(a) / sum(exp(a))) along the last axis."""
    return a - _log_sum_exp(xp, a)[..., None]


def select_class(xp: Namespace, values: Array, x: Array) -> Array:
    """The entry of `values` along the last axis whose index is x; -inf where there is none."""
    return xp.max(xp.where(_class_index(xp, values) == x[..., None], values, -inf), axis=-1)


def is_only_class(xp: Namespace, possible: Array, x: Array) -> Array:
    """Whether x is the index of the only entry of `possible` along the last axis that is true."""
    index = _class_index(xp, xp.where(possible, xp.ones_like(x)[..., None], 0.0))
    return xp.all(possible == (index == x[..., None]), axis=-1)


def _class_index(xp: Namespace, values: Array) -> Array:
    return xp.cumulative_sum(xp.ones_like(values), axis=-1) - 1


def _log_sum_exp(xp: Namespace, a: Array) -> Array:
    top = xp.max(a, axis=-1, keepdims=True)
    top = xp.where(top > -inf, top, 0.0)
    return (top + xp.log(xp.sum(xp.exp(a - top), axis=-1, keepdims=True)))[..., 0]


@native
def categorical_logits_gap(xp: Namespace, a: Array, b: Array) -> Array:
    """The divergence between the distributions softmax(a) and softmax(b) along the last axis; logits may be -inf.

    With t = b - a and tau its deviation from its mean under p, the divergence is log1p(sum p (expm1(tau) - tau)): every
    term is at least 0, and only a softmax of `a` is needed.
    """
    p_dead, q_dead = a == -inf, b == -inf
    live = ~(p_dead | q_dead)
    top = xp.max(a, axis=-1, keepdims=True)
    weights = xp.exp(a - top)
    total = xp.sum(weights, axis=-1, keepdims=True)
    p = weights / total
    a_in, b_in = xp.where(live, a, 0.0), xp.where(live, b, 0.0)
    # Their difference is taken relative to that of the likeliest class, which cancels exactly.
    t, error = rounded_difference(b_in, a_in)
    likeliest = live & (a == top)
    t_ref = xp.max(xp.where(likeliest, t, -inf), axis=-1, keepdims=True)
    t_ref = xp.where(t_ref > -inf, t_ref, 0.0)
    error_ref = xp.max(xp.where(likeliest & (t == t_ref), error, -inf), axis=-1, keepdims=True)
    error_ref = xp.where(error_ref > -inf, error_ref, 0.0)
    t = xp.where(live, (t - t_ref) + (error - error_ref), 0.0)
    mean = xp.sum(p * t, axis=-1, keepdims=True)
    tau = xp.where(live, t - mean, 0.0)
    large = live & (tau > 1)
    # A class that only P rules out has no term in that sum, but its share of Q's mass counts. The exponent is log p +
    # tau, without the logits of P, which may be large and cancel in it.
    b_ref = xp.max(xp.where(likeliest, b_in, -inf), axis=-1, keepdims=True)
    b_ref = xp.where(b_ref > -inf, b_ref, 0.0)
    exponent = (xp.where(q_dead, 0.0, b) - b_ref) - mean - xp.log(total)
    exponent = xp.where(large | (p_dead & ~q_dead), exponent, -inf)
    moderate = xp.max(exponent, axis=-1, keepdims=True) < 60
    powers = xp.exp(xp.where(moderate, exponent, -inf))
    gap = xp.where(large, -p * (1 + tau), p * expm1_gap(xp, xp.where(live & ~large, tau, 0.0)))
    excess = xp.sum(powers + gap, axis=-1)
    moderate = moderate[..., 0]
    near_value = xp.log1p(xp.where(moderate, excess, 0.0))
    far_value = _log_sum_exp(xp, b) - _log_sum_exp(xp, a) - (t_ref + mean)[..., 0]
    value = xp.where(moderate, near_value, far_value)
    return xp.where(xp.any(q_dead & (p > 0), axis=-1), inf, value)


def identity_like(xp: Namespace, x: Array) -> Array:
    """The identity matrices of the shape of `x`."""
    return xp.tril(xp.triu(xp.ones_like(x)))


def cholesky_difference(
    xp: Namespace, a: Array, b: Array, factor_a: Array, factor_b: Array, difference: Array | None = None
) -> Array:
    """The lower triangular X with (I + X)(I + X)' = L^-1 A L'^-1, for A = K K' and B = L L' with their factors K and L.

    The Cholesky factors K of A and L of B alone give it to cond eps / delta; one Newton step against the difference A -
    B of the matrices themselves, which is exact near equality, removes delta; `difference` is A - B if known better.
    """

    def congruence(factor: Array, m: Array) -> Array:
        left = xp.solve_triangular(factor, m)
        m = xp.solve_triangular(factor, xp.matrix_transpose(left))
        return 0.5 * (m + xp.matrix_transpose(m))

    x = xp.tril(xp.solve_triangular(factor_b, factor_a - factor_b))
    excess = congruence(factor_b, a - b if difference is None else difference)
    # Far from equality the factors are enough, and I + X may be singular to rounding.
    near = xp.max(xp.abs(excess), axis=(-2, -1), keepdims=True) <= 0.5
    x_in, excess = xp.where(near, x, 0.0), xp.where(near, excess, 0.0)
    factor = identity_like(xp, x) + x_in
    x_t = xp.matrix_transpose(x_in)
    residual = congruence(factor, excess - x_in - x_t - xp.matmul(x_in, x_t))
    step = xp.matmul(factor, 0.5 * (xp.tril(residual) + xp.tril(residual, k=-1)))
    return x + xp.where(near, step, 0.0)
