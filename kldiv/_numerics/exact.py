"""Exact arithmetic: sums and products of floats together with what their rounding loses."""

from __future__ import annotations

from kldiv._arrays.protocol import Array, Namespace


def two_difference(a: Array, b: Array) -> tuple[Array, Array]:
    """a - b as it rounds, and its rounding error (Knuth)."""
    d = a - b
    back = d - a
    return d, (a - (d - back)) - (b + back)


def sum_of_products(xp: Namespace, a: Array, b: Array, c: Array, d: Array) -> Array:
    """a b + c d, right in the last digits also where the two products nearly cancel (Dekker)."""
    splitter, most = (4097.0, 1e15) if xp.finfo(a.dtype).bits == 32 else (134217729.0, 1e150)
    safe = (xp.abs(a) < most) & (xp.abs(b) < most) & (xp.abs(c) < most) & (xp.abs(d) < most)

    def halves(x: Array) -> tuple[Array, Array]:
        t = splitter * x
        upper = t - (t - x)
        return upper, x - upper

    def error(x: Array, y: Array, product: Array) -> Array:
        (x1, x2), (y1, y2) = halves(x), halves(y)
        return x2 * y2 - (((product - x1 * y1) - x2 * y1) - x1 * y2)

    x, y, z, w = (xp.where(safe, v, 1.0) for v in (a, b, c, d))
    ab, cd = x * y, z * w
    total, rest = two_difference(ab, -cd)
    return xp.where(safe, total + (rest + (error(x, y, ab) + error(z, w, cd))), a * b + c * d)


def is_single(xp: Namespace, x: Array) -> bool:
    return bool(xp.finfo(x.dtype).bits == 32)


def polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    """Horner's rule, ascending powers."""
    value = x * coefficients[-1] + coefficients[-2]
    for c in coefficients[-3::-1]:
        value = value * x + c
    return value


def rounded_difference(a: Array, b: Array) -> tuple[Array, Array]:
    """Return a - b as it rounds and its rounding error (Knuth), whose derivative is 0."""
    d = a - b
    back = d - a
    return d, (a - (d - back)) - (b + back)


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
        # Exact in this order only; a sum would be an invitation to optimizers of graphs to take another.
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


def log_hypot(xp: Namespace, a: Array, b: Array) -> Array:
    """log(sqrt(a^2 + b^2)) for positive a and any b."""
    b = xp.abs(b)
    swap = b > a
    large, small = xp.where(swap, b, a), xp.where(swap, a, b)
    ratio = small / large
    return xp.log(large) + 0.5 * xp.log1p(ratio * ratio)
