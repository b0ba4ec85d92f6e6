"""The terms of divergences between arrays of weights, element by element."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from kldiv._arrays.compilation import run
from kldiv._arrays.namespace import computing_dtype, gather
from kldiv._arrays.protocol import Array, DType, Namespace
from kldiv._core.parameters import broadcast_shapes
from kldiv._core.validation import require_weights
from kldiv._numerics import gaps
from kldiv.divergences import chunks


def _elementwise(kernel: Callable[[Namespace, Array, Array], Array], x: Any, y: Any, validate: bool) -> Array:
    xp, arrays, dtype = gather([x, y], ["x", "y"], lazy=True)
    broadcast_shapes((("x", xp.shape(arrays[0])), ("y", xp.shape(arrays[1]))))
    if xp.map_chunks:
        value = chunks.elementwise(xp, _with_edges, kernel, dtype, arrays, validate)
        if value is not None:
            return value
    value = run(_with_edges, kernel, xp, dtype, arrays, *arrays)
    if validate and __debug__:
        require_weights(xp, value, x=arrays[0], y=arrays[1])
    return value


def _with_edges(xp: Namespace, kernel: Callable[..., Array], dtype: DType, x: Array, y: Array) -> Array:
    """Return a kernel of non-negative numbers, infinite where one is negative, nan where one is nan."""
    computing = computing_dtype(xp, dtype)
    x, y = xp.astype(x, computing), xp.astype(y, computing)
    negative = (x < 0) | (y < 0)
    value = xp.where(negative, math.inf, kernel(xp, xp.where(negative, 1.0, x), xp.where(negative, 1.0, y)))
    return xp.astype(xp.where(xp.isnan(x) | xp.isnan(y), math.nan, value), dtype)


def kl_div(x: Any, y: Any, *, validate: bool = True) -> Array:
    """Return ``x log(x / y) - x + y`` element by element: `scipy.special.kl_div` without its cancellation.

    It is y where x = 0, and inf where x > 0 = y. It is at least 0, and vanishes only where
    x = y. Where x and y have the same sum, the sum of it is the Kullback-Leibler divergence. The derivative with
    respect to x at x = 0 is taken as 0.

    Parameters
    ----------
    x, y
        Arrays of non-negative numbers, which broadcast: probabilities or other weights, never their logarithms.
    validate
        Whether negative numbers raise. Otherwise, and under a compiler or ``python -O``, they give inf, as in SciPy.

    Returns
    -------
    array
        One value for each element, in nats, of the shape that x and y broadcast to; nan where an argument is nan.

    Raises
    ------
    TypeError
        If the arguments belong to different frameworks, or one is of a kind that no backend takes.
    ValueError
        If a number is negative, or the shapes do not broadcast.

    Examples
    --------
    >>> import kldiv
    >>> print(kldiv.kl_div([1.0, 0.0, 1.0], [1.0 + 1e-9, 0.5, 0.0]))
    [5.00000082e-19 5.00000000e-01            inf]
    """
    return _elementwise(gaps.kl_div, x, y, validate)


def rel_entr(x: Any, y: Any, *, validate: bool = True) -> Array:
    """Return ``x log(x / y)`` element by element, as `scipy.special.rel_entr` defines it.

    It is 0 where x = 0, and inf where x > 0 = y. The derivative at x = 0 is taken as 0.

    Parameters
    ----------
    x, y
        Arrays of non-negative numbers, which broadcast: probabilities or other weights, never their logarithms.
    validate
        Whether negative numbers raise. Otherwise, and under a compiler or ``python -O``, they give inf, as in SciPy.

    Returns
    -------
    array
        One value for each element, in nats, of the shape that x and y broadcast to; nan where an argument is nan.

    Raises
    ------
    TypeError
        If the arguments belong to different frameworks, or one is of a kind that no backend takes.
    ValueError
        If a number is negative, or the shapes do not broadcast.

    Examples
    --------
    >>> import kldiv
    >>> print(kldiv.rel_entr([0.5, 0.0, 0.5], [0.25, 0.5, 0.0]))
    [0.34657359 0.                inf]
    """
    return _elementwise(gaps.rel_entr, x, y, validate)
