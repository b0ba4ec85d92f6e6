"""Exact arithmetic: differences and products of floats together with what their rounding loses.

A gap between nearly equal parameters starts from the difference of two numbers or of two products. Rounding it once
loses digits that nothing later can restore, so these functions compute the rounding error too, and add it.
"""

from __future__ import annotations

from kldiv._arrays.protocol import Array, Namespace


def two_difference(a: Array, b: Array) -> tuple[Array, Array]:
    """Return a - b as it rounds and its rounding error (Knuth), whose derivative is 0."""
    d = a - b
    back = d - a
    return d, (a - (d - back)) - (b + back)


def two_product(xp: Namespace, x: Array, y: Array) -> tuple[Array, Array]:
    """Return x y as it rounds and its rounding error (Dekker), which is exact in the range of normal numbers."""
    product = x * y
    (x1, x2), (y1, y2) = _halves(xp, x), _halves(xp, y)
    # Exact in this order only; a sum would be an invitation to optimizers of graphs to take another.
    return product, x2 * y2 - (((product - x1 * y1) - x2 * y1) - x1 * y2)


def product_error(xp: Namespace, x: Array, y: Array) -> Array:
    """What x y loses in rounding; 0 where the numbers are so large that it cannot be known."""
    largest = 1e15 if is_single(xp, x) else 1e150
    safe = (xp.abs(x) < largest) & (xp.abs(y) < largest)
    return xp.where(safe, two_product(xp, xp.where(safe, x, 1.0), xp.where(safe, y, 1.0))[1], 0.0)


def sum_of_products(xp: Namespace, a: Array, b: Array, c: Array, d: Array) -> Array:
    """a b + c d, right in the last digits also where the two products nearly cancel."""
    largest = 1e15 if is_single(xp, a) else 1e150
    safe = (xp.abs(a) < largest) & (xp.abs(b) < largest) & (xp.abs(c) < largest) & (xp.abs(d) < largest)
    a_in, b_in, c_in, d_in = (xp.where(safe, x, 1.0) for x in (a, b, c, d))
    (ab, error_ab), (cd, error_cd) = two_product(xp, a_in, b_in), two_product(xp, c_in, d_in)
    total, error = two_difference(ab, -cd)
    return xp.where(safe, total + (error + (error_ab + error_cd)), a * b + c * d)


def product_excess(xp: Namespace, a: Array, b: Array, c: Array, d: Array) -> Array:
    """a b / (c d) - 1 for positive arguments, right in the last digits also where the two products nearly agree.

    Parameters
    ----------
    xp
        The array namespace of the arguments.
    a, b, c, d
        Positive numbers.

    Returns
    -------
    array
        One value for each element.

    Examples
    --------
    >>> import numpy as np
    >>> from kldiv import namespace, numerics
    >>> a, b, c, d = (np.asarray(x) for x in (0.1, 0.3, 0.03, 1.0))
    >>> print(a * b / (c * d) - 1, numerics.product_excess(namespace(a), a, b, c, d))
    0.0 5.551115123125783e-17
    """
    # A product is high + low exactly, unless it leaves the range of normal numbers.
    info = xp.finfo(a.dtype)
    low, high = info.smallest_normal / info.eps**2, info.max * info.eps**2
    ab, cd = a * b, c * d
    safe = (ab > low) & (ab < high) & (cd > low) & (cd < high)
    for x in (a, b, c, d):
        safe = safe & (x < high)
    a_in, b_in, c_in, d_in = (xp.where(safe, x, 1.0) for x in (a, b, c, d))
    (ab, error_ab), (cd, error_cd) = two_product(xp, a_in, b_in), two_product(xp, c_in, d_in)
    exact = (ab - cd) + (error_ab - error_cd)
    u, v = xp.divide(a - c, c), xp.divide(b - d, d)
    near = (xp.abs(u) < 0.5) & (xp.abs(v) < 0.5)
    # Square roots, so that quotients which leave the range of normal numbers may make up for each other.
    a_far, b_far, c_far, d_far = (xp.where(safe | near, 1.0, x) for x in (a, b, c, d))
    root = xp.divide(xp.sqrt(a_far), xp.sqrt(c_far)) * xp.divide(xp.sqrt(b_far), xp.sqrt(d_far))
    u, v = xp.where(near, u, 0.0), xp.where(near, v, 0.0)
    return xp.where(safe, xp.divide(xp.divide(exact, c_in), d_in), xp.where(near, u + v + u * v, root * root - 1))


def polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    """Horner's rule, ascending powers."""
    value = x * coefficients[-1] + coefficients[-2]
    for c in coefficients[-3::-1]:
        value = value * x + c
    return value


def is_single(xp: Namespace, x: Array) -> bool:
    """Whether an array is of float32, so that shorter series and fewer nodes are enough."""
    return bool(xp.finfo(x.dtype).bits == 32)


def _halves(xp: Namespace, x: Array) -> tuple[Array, Array]:
    """Return x as the sum of two numbers of half as many digits, whose products are exact."""
    t = (4097.0 if is_single(xp, x) else 134217729.0) * x
    upper = t - (t - x)
    return upper, x - upper
