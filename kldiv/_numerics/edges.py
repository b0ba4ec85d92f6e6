"""Values at the edges: zeros, infinities and empty sets, each with finite derivatives."""

from __future__ import annotations

from math import inf, isinf, log as ln

from kldiv._arrays.protocol import Array, Namespace


def xlogy(xp: Namespace, x: Array, y: Array) -> Array:
    """x log(y) for y at least 0: 0 where x is 0, else infinite at y = 0, with derivative 0.

    Parameters
    ----------
    xp
        The array namespace of the arguments.
    x
        Any numbers.
    y
        Non-negative numbers.

    Returns
    -------
    array
        One value for each element.

    Examples
    --------
    >>> import numpy as np
    >>> from kldiv import namespace, numerics
    >>> x, y = np.asarray([0.0, 2.0, 2.0]), np.asarray([0.0, 0.0, 1.0])
    >>> print(numerics.xlogy(namespace(x, y), x, y))
    [  0. -inf   0.]
    """
    none, edge = x == 0, y == 0
    value = x * xp.log(xp.where(none | edge, 1.0, y))
    return xp.where(edge & ~none, -inf, value)


def xlog1my(xp: Namespace, x: Array, y: Array) -> Array:
    """x log(1 - y), 0 where x is, -inf at y = 1 with derivative 0."""
    none, edge = x == 0, y == 1
    value = x * xp.log1p(-xp.where(none | edge, 0.0, y))
    return xp.where(edge & ~none, -inf, value)


def xlogx(xp: Namespace, x: Array) -> Array:
    """x log(x), 0 at x = 0."""
    zero = x == 0
    return xp.where(zero, 0.0 * x, x * xp.log(xp.where(zero, 1.0, x)))


def product(xp: Namespace, coefficient: Array, x: Array) -> Array:
    """coefficient * x, 0 where the coefficient is 0."""
    zero = coefficient == 0
    return xp.where(zero, 0.0, coefficient * xp.where(zero, 0.0, x))


def multiple(xp: Namespace, n: Array, gap: Array) -> Array:
    """n gap, 0 where n is; where the gap is infinite the derivative is 0."""
    value, finite = finite_part(xp, gap)
    return n * value + indicator(xp, finite | (n == 0), n)


def root(xp: Namespace, x: Array) -> Array:
    """The square root of a non-negative x, with derivative 0 at 0."""
    zero = x == 0
    return xp.where(zero, 0.0, xp.sqrt(xp.where(zero, 1.0, x)))


def log(xp: Namespace, p: Array) -> Array:
    """log(p), -inf at 0 with derivative 0."""
    zero = p == 0
    return xp.where(zero, -inf, xp.log(xp.where(zero, 1.0, p)))


def log_fraction(xp: Namespace, x: Array, complement: Array) -> Array:
    """log(x) for x + complement = 1, to the last digits near 1 too; -inf at 0 with derivative 0."""
    small = x < 0.5
    return xp.where(small, log(xp, xp.where(small, x, 1.0)), xp.log1p(-xp.where(small, 0.0, complement)))


def logit(xp: Namespace, p: Array) -> Array:
    """log(p / (1 - p)), infinite at 0 and 1 with derivative 0."""
    edge = (p == 0) | (p == 1)
    inner = xp.where(edge, 0.5, p)
    return xp.where(p == 0, -inf, xp.where(p == 1, inf, xp.log(inner) - xp.log1p(-inner)))


def log_factorial(xp: Namespace, k: Array) -> Array:
    """log(k!), exactly 0 at k = 0 and k = 1."""
    return xp.where(k < 2, 0.0 * k, xp.gammaln(xp.where(k < 2, 2.0, k) + 1))


def indicator(xp: Namespace, holds: Array, like: Array) -> Array:
    """0 where `holds`, inf elsewhere: a constraint as a term of a sum, with derivative 0 with respect to `like`.

    Parameters
    ----------
    xp
        The array namespace of the arguments.
    holds
        A mask.
    like
        An array of the dtype and the shape of the result.

    Returns
    -------
    array
        One value for each element.

    Examples
    --------
    >>> import numpy as np
    >>> from kldiv import namespace, numerics
    >>> count_p, count_q = np.asarray([3.0, 3.0]), np.asarray([3.0, 4.0])
    >>> print(numerics.indicator(namespace(count_p), count_p == count_q, count_p))
    [ 0. inf]
    """
    zero = xp.where(xp.isfinite(like), like, 0.0) * 0.0
    return xp.where(holds, zero, inf)


def infinite_like(xp: Namespace, x: Array) -> Array:
    """inf, as an expectation that does not exist, with derivative 0."""
    return indicator(xp, x != x, x)


def finite_part(xp: Namespace, x: Array) -> tuple[Array, Array]:
    """x with 0 in place of what is infinite, and where x is finite."""
    finite = xp.isfinite(x)
    return xp.where(finite, x, 0.0), finite


def exp_or_inf(xp: Namespace, x: Array, exists: Array | None = None) -> Array:
    """exp(x) where that exists and does not overflow, and inf with derivative 0 elsewhere."""
    finite = x < ln(float(xp.finfo(x.dtype).max))
    finite = finite if exists is None else exists & finite
    return xp.where(finite, xp.exp(xp.where(finite, x, 0.0)), inf)


def positive_exp(xp: Namespace, x: Array) -> Array:
    """exp(x), held above 0 where it underflows, and inf with derivative 0 where it overflows."""
    low = ln(float(xp.finfo(x.dtype).smallest_normal))
    return exp_or_inf(xp, xp.where(x < low, low, x))


def inf_for_nan(xp: Namespace, x: Array) -> Array:
    """x, and inf where it is nan, as a sum of positive and negative terms is that overflow."""
    return xp.where(xp.isnan(x), inf, x)


def non_negative(xp: Namespace, x: Array, exists: Array | None = None) -> Array:
    """x, inf where it does not exist; where rounding makes it negative it is raised to 0 with its derivatives."""
    value = x - xp.stop_gradient(xp.where(x < 0, x, 0.0))
    return value if exists is None else xp.where(exists, value, inf)


def lesser(xp: Namespace, a: Array, b: Array) -> Array:
    """The lesser of two numbers."""
    return xp.where(a < b, a, b)


def greater(xp: Namespace, a: Array, b: Array) -> Array:
    """The greater of two numbers."""
    return xp.where(a < b, b, a)


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
    """The ends of the middle third of an interval."""
    third = (high - low) / 3.0
    return low + third, high - third
