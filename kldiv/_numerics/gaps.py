"""Gaps: remainders of convex functions over their tangents, which every formula is made of.

A divergence between nearly equal distributions is of the order of their squared distance, while the terms of the
textbook formulas are of order one, so those formulas lose every digit. A gap is at least 0 and is computed from the
difference of its arguments, without cancellation. An argument is made safe before the branch is taken (the double
`where`), so that derivatives of any order are finite. Logarithms of quotients, which gaps need far from equality, are
here too. `kldiv.numerics` has the recipe.
"""

from __future__ import annotations

import functools
from math import inf, log as ln

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.exact import is_single, polynomial, two_difference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Concatenate, ParamSpec, Protocol

    P = ParamSpec("P")

    class Native(Protocol[P]):
        """A function that a backend may replace; `plain` is the one that others use."""

        plain: Callable[Concatenate[Namespace, P], Array]

        def __call__(self, xp: Namespace, /, *args: P.args, **kwargs: P.kwargs) -> Array: ...


# Chebyshev fits, ascending powers, (float64, float32). The tests derive them again with mpmath.
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
STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)

_NEAR = (-2 / 3, 2.0)  # where u - log1p(u) is a series: far from there the subtraction costs less than two bits


def native(plain: Callable[Concatenate[Namespace, P], Array]) -> Native[P]:
    """Let a backend replace a function by one of the same name."""

    @functools.wraps(plain)
    def call(xp: Namespace, /, *args: P.args, **kwargs: P.kwargs) -> Array:
        of_backend: Callable[P, Array] | None = getattr(xp, plain.__name__, None)
        return plain(xp, *args, **kwargs) if of_backend is None else of_backend(*args, **kwargs)

    call.plain = plain  # type: ignore[attr-defined]
    return call  # type: ignore[return-value]


def log1p_gap(xp: Namespace, u: Array, *quotients: tuple[Array, Array]) -> Array:
    """u - log(1 + u), at least 0, for u > -1.

    If 1 + u is a product of quotients of positive numbers, name them as `quotients`, pairs (numerator, denominator):
    far from u = 0 the logarithm is taken of these, as the sum 1 + u has lost digits of them.

    Parameters
    ----------
    xp
        The array namespace of the arguments.
    u
        Numbers above -1.
    *quotients
        Pairs (numerator, denominator) of positive numbers whose quotients have the product 1 + u.

    Returns
    -------
    array
        One value for each element.

    Examples
    --------
    >>> import numpy as np
    >>> from kldiv import namespace, numerics
    >>> u = np.asarray([1e-9, 1.0])
    >>> print(numerics.log1p_gap(namespace(u), u))
    [5.00000000e-19 3.06852819e-01]
    """
    near = (u >= _NEAR[0]) & (u <= _NEAR[1])
    far_log = _log_of_product(xp, quotients, near) if quotients else xp.log1p(xp.where(near, 1.0, u))
    return xp.where(near, _log1p_gap_near(xp, xp.where(near, u, 0.0)), u - far_log)


def expm1_gap(xp: Namespace, t: Array) -> Array:
    """exp(t) - 1 - t, at least 0, for any t.

    Parameters
    ----------
    xp
        The array namespace of the arguments.
    t
        Any numbers.

    Returns
    -------
    array
        One value for each element.

    Examples
    --------
    >>> import numpy as np
    >>> from kldiv import namespace, numerics
    >>> t = np.asarray([1e-9, 1.0])
    >>> print(numerics.expm1_gap(namespace(t), t))
    [5.00000000e-19 7.18281828e-01]
    """
    below, above = t < -1, t > 1
    near = ~(below | above)
    t_near = xp.where(near, t, 0.0)
    t_above = xp.where(above, t, 1.0)
    value = t_near * t_near * polynomial(EXP_TAIL[is_single(xp, t)], t_near)
    value = xp.where(above, xp.expm1(t_above) - t_above, value)
    # Below -1 nothing cancels in exp(t) - (1 + t), and its derivatives keep the digits of exp(t).
    return xp.where(below, xp.exp(xp.where(below, t, 0.0)) - (1 + t), value)


def expm1_gap_of_difference(xp: Namespace, a: Array, b: Array) -> Array:
    """expm1(a - b) - (a - b), at least 0, where the rounding of a - b would tell in the exponential."""
    t, error = two_difference(a, b)
    t_far = xp.where(t > 1, t, 0.0)
    return expm1_gap(xp, t) + error * xp.expm1(t_far)


@native
def relative_gap(xp: Namespace, a: Array, b: Array) -> Array:
    """a / b - 1 - log(a / b), at least 0, for positive a and b.

    It is the divergence between exponential distributions whose means are a and b.

    Parameters
    ----------
    xp
        The array namespace of the arguments.
    a, b
        Positive numbers.

    Returns
    -------
    array
        One value for each element.

    Examples
    --------
    >>> import numpy as np
    >>> from kldiv import namespace, numerics
    >>> a, b = np.asarray(2.0), np.asarray(1.0)
    >>> print(numerics.relative_gap(namespace(a, b), a, b))
    0.3068528194400547
    """
    return log1p_gap(xp, xp.divide(a - b, b), (a, b))


@native
def entropy_gap(xp: Namespace, a: Array, b: Array, difference: Array | None = None) -> Array:
    """a log(a / b) - a + b, at least 0, for non-negative a and b; infinite where only b is 0.

    It is the divergence between Poisson distributions with rates a and b, and the sum of these over classes is that
    between probabilities. `difference` is b - a where that is known better than from a and b.

    Parameters
    ----------
    xp
        The array namespace of the arguments.
    a, b
        Non-negative numbers.
    difference
        b - a, where it is known better than from a and b.

    Returns
    -------
    array
        One value for each element.

    Examples
    --------
    >>> import numpy as np
    >>> from kldiv import namespace, numerics
    >>> a, b = np.asarray([0.0, 0.25, 0.25]), np.asarray([0.5, 0.25, 0.0])
    >>> print(numerics.entropy_gap(namespace(a, b), a, b))
    [0.5 0.  inf]
    """
    d = b - a if difference is None else difference
    a_zero = a == 0
    b_zero = b == 0
    edge = a_zero | b_zero
    a_in, b_in, d_in = xp.where(edge, 1.0, a), xp.where(edge, 1.0, b), xp.where(edge, 0.0, d)
    near = (d_in >= -0.5 * a_in) & (d_in <= a_in)
    inner = a_in * _log1p_gap_near(xp, xp.divide(xp.where(near, d_in, 0.0), a_in))
    outer = d_in - a_in * log_ratio(xp, xp.where(near, 1.0, b_in), xp.where(near, 1.0, a_in))
    return xp.where(a_zero, b, xp.where(b_zero, inf, xp.where(near, inner, outer)))


def stirling_gap(xp: Namespace, y: Array, x: Array, difference: Array | None = None) -> Array:
    """H(y) - H(x) - H'(x) (y - x) with H(a) = lgamma(a) - a log(a) + a, at least 0, for positive y and x.

    H is the convex part of lgamma that Stirling's series describes; `gammaln` itself has the remainder
    stirling_gap(y, x) + entropy_gap(y, x). `difference` is y - x where that is known better than from y and x.

    Parameters
    ----------
    xp
        The array namespace of the arguments.
    y, x
        Positive numbers.
    difference
        y - x, where it is known better than from y and x.

    Returns
    -------
    array
        One value for each element.

    Examples
    --------
    >>> import numpy as np
    >>> from kldiv import namespace, numerics
    >>> y, x = np.asarray(3.5), np.asarray(3.0)
    >>> print(f"{numerics.stirling_gap(namespace(y, x), y, x):.12f}")
    0.006906874842
    """
    # The recurrence of lgamma shifts both arguments by n, which leaves n gaps of log1p, and beyond that Stirling's
    # series is differenced term by term. There is no lgamma and no digamma in it, and no switch but one for a tiny
    # argument.
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
    tail = STIRLING[0] * t
    for m in range(2, 2 * terms):
        t = w * t + m * power * w
        power = power * z
        if m % 2:
            tail = tail + STIRLING[m // 2] * t
    e = d * z
    return total + e * (e * tail)


def relative_entropy(xp: Namespace, a: Array, b: Array) -> Array:
    """a log(a / b) for non-negative a and b."""
    a_zero = a == 0
    b_zero = b == 0
    edge = a_zero | b_zero
    a_in, b_in = xp.where(edge, 1.0, a), xp.where(edge, 1.0, b)
    return xp.where(a_zero, 0.0 * b, xp.where(b_zero, inf, a_in * log_quotient(xp, a_in, b_in)))


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


@native
def log_ratio(xp: Namespace, a: Array, b: Array) -> Array:
    """log(a / b) for positive a and b, also where the quotient leaves the range of normal numbers.

    Parameters
    ----------
    xp
        The array namespace of the arguments.
    a, b
        Positive numbers.

    Returns
    -------
    array
        One value for each element.

    Examples
    --------
    >>> import numpy as np
    >>> from kldiv import namespace, numerics
    >>> a, b = np.asarray(1e-200), np.asarray(1e200)
    >>> print(f"{numerics.log_ratio(namespace(a, b), a, b):.9f}")
    -921.034037198
    """
    value = log_of_quotient(xp, a, b)
    if not xp.differentiable:
        return value
    # The derivatives 1 / a and -1 / b; through the quotient they would over- or underflow on the way.
    log_a, log_b = xp.log(a), xp.log(b)
    stop = xp.stop_gradient
    return stop(value) + ((log_a - stop(log_a)) - (log_b - stop(log_b)))


def log_quotient(xp: Namespace, a: Array, b: Array, difference: Array | None = None) -> Array:
    """log(a / b) for positive arguments, also where they nearly agree; `difference` is a - b if known better."""
    return log1p_product(xp, xp.divide(a - b if difference is None else difference, b), (a, b))


def log1p_product(xp: Namespace, u: Array, *quotients: tuple[Array, Array]) -> Array:
    """log(1 + u), where 1 + u is also the product of `quotients`."""
    near = xp.abs(u) <= 0.5
    return xp.where(near, xp.log1p(xp.where(near, u, 0.0)), _log_of_product(xp, quotients, near))


def log1p_ratio(xp: Namespace, a: Array, b: Array) -> Array:
    """log(1 + a / b) for positive b; a below 0 counts as 0."""
    a = xp.where(a < 0, 0.0, a)
    far = a > b
    near_log = xp.log1p(xp.divide(xp.where(far, 0.0, a), b))
    return xp.where(far, log_ratio(xp, xp.where(far, a, 1.0) + b, b), near_log)


def log1p(xp: Namespace, x: Array) -> Array:
    """log(1 + x), for a framework whose log1p is not right to the last digits."""
    near = (x >= _NEAR[0]) & (x <= _NEAR[1])
    x_near = xp.where(near, x, 0.0)
    return xp.where(near, x_near - _log1p_gap_near(xp, x_near), xp.log(1 + xp.where(near, 1.0, x)))


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


def _log_of_product(xp: Namespace, quotients: tuple[tuple[Array, Array], ...], unwanted: Array) -> Array:
    """The logarithm of a product of quotients, 0 where it is unwanted."""
    total = 0.0
    for a, b in quotients:
        total = total + log_ratio(xp, xp.where(unwanted, 1.0, a), xp.where(unwanted, 1.0, b))
    return total


def _log1p_gap_near(xp: Namespace, u: Array) -> Array:
    """u - log(1 + u) for u between -2/3 and 2."""
    # log1p(u) = 2 atanh(s), with s between -1/2 and 1/2; its first term cancels against u exactly, as s (2 + u) = u.
    s = u / (2 + u)
    z = s * s
    return s * (u - 2 * z * polynomial(ATANH_TAIL[is_single(xp, u)], z))
