"""Integrals on fixed nodes: the half-line, the unit interval and the logarithmic line.

The trapezoid rule in a variable that stretches both ends (Takahasi and Mori's double exponential) integrates smooth
functions to the last digits. The nodes do not depend on values, so a compiler can trace every integral.
"""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from math import cos, exp, log, pi, sinh, sqrt

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.exact import is_single

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def gauss_legendre(n: int) -> tuple[list[float], list[float]]:
    """The nodes between 0 and 1 and the weights of Gauss and Legendre's rule, for even n."""
    # In decimals, as a weight has many times the relative error of its node.
    with localcontext(Context(prec=32)):
        half = []
        for i in range(n // 2):
            x, slope = Decimal(cos(pi * (i + 0.75) / (n + 0.5))), Decimal(1)
            for _ in range(5):
                before, value = Decimal(1), x
                for k in range(2, n + 1):
                    before, value = value, ((2 * k - 1) * x * value - (k - 1) * before) / k
                slope = n * (x * value - before) / (x * x - 1)
                x -= value / slope
            half.append((x, float(1 / ((1 - x * x) * slope * slope))))
        points = half + [(-x, weight) for x, weight in reversed(half)]
        return [float((1 + x) / 2) for x, _ in points], [weight for _, weight in points]


def half_line_nodes(step: float, first: int, last: int) -> tuple[list[float], list[float]]:
    """w = exp(t - exp(-t)) at equal steps of t, and the weights dw/dt step."""
    t = [k * step for k in range(first, last + 1)]
    w = [exp(x - exp(-x)) for x in t]
    return w, [a * (1 + exp(-x)) * step for a, x in zip(w, t, strict=True)]


def unit_interval_nodes(step: float, count: int) -> tuple[list[float], list[float], list[float]]:
    """u = 1 / (1 + exp(-pi sinh t)) at equal steps of t, 1 - u, and the weights du/dt step (tanh-sinh)."""
    t = [k * step for k in range(-count, count + 1)]
    u = [1 / (1 + exp(-pi * sinh(x))) for x in t]
    v = u[::-1]
    return u, v, [a * b * pi * (exp(x) + exp(-x)) / 2 * step for a, b, x in zip(u, v, t, strict=True)]


def normal_nodes(step: float, count: int) -> tuple[list[float], list[float]]:
    """Equal steps of a standard normal variable, `count` on each side of 0, and their probabilities."""
    z = [k * step for k in range(-count, count + 1)]
    return z, [exp(-0.5 * x * x) / sqrt(2 * pi) * step for x in z]


_HALF_LINE = half_line_nodes(0.07, -56, 57)

_UNIT_INTERVAL = unit_interval_nodes(0.07, 46)

_COUNT = 240

_STEPS = [k / (_COUNT - 1) for k in range(_COUNT)]


def integrate_half_line(xp: Namespace, function: Callable[[Array], Array], like: Array) -> Array:
    """The integral over w > 0 of a function that falls like exp(-w) or faster, for an array of functions.

    `function` takes the nodes along a new last axis, so parameters in it need one too. `like` tells dtype and device.

    Parameters
    ----------
    xp
        The array namespace of the arguments.
    function
        The integrand, a function of the nodes w.
    like
        An array of the dtype and the device of the result.

    Returns
    -------
    array
        The integrals, of the shape of `function`'s values without their last axis.

    Examples
    --------
    >>> import numpy as np
    >>> from kldiv import namespace, numerics
    >>> a = np.asarray([1.0, 2.0, 3.0])
    >>> xp = namespace(a)
    >>> print(numerics.integrate_half_line(xp, lambda w: w ** a[..., None] * xp.exp(-w), a))
    [1. 2. 6.]
    """
    w, weights = (xp.asarray_like(x, like, like.dtype) for x in _HALF_LINE)
    return xp.sum(function(w) * weights, axis=-1)


def integrate_unit_interval(xp: Namespace, function: Callable[[Array, Array], Array], like: Array) -> Array:
    """The integral over 0 < u < 1 of a function of u and 1 - u, which may be singular at the ends, as u^-0.9 is not.

    `function` takes the nodes along a new last axis, so parameters in it need one too. `like` tells dtype and device.

    Parameters
    ----------
    xp
        The array namespace of the arguments.
    function
        The integrand, a function of the nodes u and of 1 - u.
    like
        An array of the dtype and the device of the result.

    Returns
    -------
    array
        The integrals, of the shape of `function`'s values without their last axis.

    Examples
    --------
    >>> import numpy as np
    >>> from kldiv import namespace, numerics
    >>> a = np.asarray([1.0, 2.0, 3.0])
    >>> xp = namespace(a)
    >>> print(numerics.integrate_unit_interval(xp, lambda u, v: a[..., None] * u * v, a))
    [0.16666667 0.33333333 0.5       ]
    """
    u, v, weights = (xp.asarray_like(x, like, like.dtype) for x in _UNIT_INTERVAL)
    return xp.sum(function(u, v) * weights, axis=-1)


def integrate_log_line(xp: Namespace, function: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """The integral over x > 0 of an array of functions that matter between exp(low) and exp(high).

    The trapezoid rule in log(x): poles on the negative axis are as far from every point of it. `function` takes the
    nodes along a new last axis, so parameters in it need one too.
    """
    low, high = xp.stop_gradient(low), xp.stop_gradient(high)
    nodes = xp.asarray_like(_STEPS, low, low.dtype)
    x = xp.exp(low[..., None] + (high - low)[..., None] * nodes)
    return xp.sum(function(x) * x, axis=-1) * (high - low) / (_COUNT - 1)


def log1p_by_laplace(xp: Namespace, log_transform: Callable[[Array], Array], mean: Array) -> Array:
    """E log(1 + x) of a positive x, from w -> log E exp(-w x) and an upper estimate of the size of x.

    It is the integral of (1 - E exp(-w x)) exp(-w) / w, Frullani's.
    """
    digits = working_digits(xp, mean)
    return integrate_log_line(
        xp,
        lambda w: -xp.expm1(log_transform(w)) * xp.exp(-w) / w,
        -digits - xp.log1p(mean),
        log(digits) + 0.0 * mean,
    )


def working_digits(xp: Namespace, x: Array) -> float:
    """How far an exponent must fall for its exponential to be beneath rounding."""
    return 20.0 if is_single(xp, x) else 40.0
