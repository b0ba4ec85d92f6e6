"""Iterations of a fixed number of steps, which a compiler takes as one loop."""

from __future__ import annotations

from kldiv._arrays.protocol import Array, Namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def repeat(xp: Namespace, step: Callable[[Any], Any], state: Any, count: int, like: Array) -> Any:
    """Return the state after `count` steps; `like` tells dtype and device."""
    return xp.scan(lambda state, item: step(state), state, (xp.asarray_like([[[0.0]]] * count, like, like.dtype),))
