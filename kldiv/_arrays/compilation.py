"""Functions of arrays, compiled where eager calls are slow, and kept."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from kldiv._arrays import cache
from kldiv._arrays.protocol import Array, DType, Namespace


def run(
    body: Callable[..., Array],
    function: Callable[..., Array],
    xp: Namespace,
    dtype: DType,
    arrays: list[Array],
    *args: Any,
) -> Array:
    """Return ``body(xp, function, dtype, *args)``, compiled where eager calls are slow.

    A tracer is passed on to the program where each operation would be compiled by itself: under `jax.grad` alone too.
    """
    if xp.eager_is_slow or all(xp.is_concrete(x) for x in arrays):
        return program_of(body, function, xp, dtype)(*args)
    return body(xp, function, dtype, *args)


def program_of(
    body: Callable[..., Array], function: Callable[..., Array], xp: Namespace, dtype: DType
) -> Callable[..., Array]:
    """Return ``body(xp, function, dtype, ...)`` as a function of the rest, compiled where eager calls are slow."""
    program: Callable[..., Array] = cache.get_or_make(
        "programs", (body, xp, function, dtype), lambda: xp.compiled(functools.partial(body, xp, function, dtype))
    )
    return program


def compile_whole(body: Callable[..., Any], xp: Namespace, *static: Any) -> Callable[..., Any]:
    """Return ``partial(body, xp, *static)``, a function of arrays and families to arrays.

    It is compiled as a whole where each of its operations would be compiled by itself.
    """

    def make() -> Callable[..., Any]:
        function = functools.partial(body, xp, *static)
        return xp.compiled(function) if xp.eager_is_slow else function

    program: Callable[..., Any] = cache.get_or_make("programs", (body, xp, *static), make)
    return program
