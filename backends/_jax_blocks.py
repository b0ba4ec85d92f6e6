"""Blocks of a batch, one after the other, on JAX.

XLA for the CPU makes an array of each operand of a sum and of each truth value that is looked at. Those of a block stay
in the cache, and their memory is used again for the next one. A block has every n-th entry of the batch rather than
successive ones: a batch that is sharded over devices stays sharded.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

BLOCK = 2**21  # bytes of the parameters of a block
FEWEST = 4  # blocks that are worth it
RUN = 64  # the least number of entries that are next to each other in memory


def map_blocks(function: Callable[..., jax.Array], arrays: list[jax.Array], event: Sequence[int], /) -> jax.Array:
    """Return a function of arrays with batch axes in front of `event` others, computed in blocks if they are large."""
    shapes = [x.shape[: max(0, x.ndim - n)] for x, n in zip(arrays, event, strict=True)]
    # A program for any length has symbols for lengths.
    lengths: list[Any] = [n for x in arrays for n in x.shape]
    if jax.default_backend() != "cpu" or not all(isinstance(n, int) for n in lengths):
        return function(*arrays)
    batch = jnp.broadcast_shapes(*shapes)
    if not batch or 0 in batch:
        return function(*arrays)
    axis = max(range(len(batch)), key=batch.__getitem__) - len(batch)  # counted from the end, which shapes share
    # Where that axis is; None for parameters that are the same all along it.
    places = [len(s) + axis if len(s) >= -axis and s[axis] == batch[axis] else None for s in shapes]
    parts = [(x, place) for x, place in zip(arrays, places, strict=True) if place is not None]
    count = _count(batch[axis], [x for x, _ in parts])
    if count < FEWEST or max(math.prod(x.shape[place + 1 :]) for x, place in parts) < RUN:
        return function(*arrays)

    @jax.custom_jvp
    def value(*arrays: jax.Array) -> jax.Array:
        def block(i: Any) -> jax.Array:
            return function(*[x if k is None else _part(x, k, count, i) for x, k in zip(arrays, places, strict=True)])

        blocks = jnp.moveaxis(jax.lax.map(block, jnp.arange(count)), 0, axis)
        return blocks.reshape(batch)

    def slopes(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[jax.Array, jax.Array]:
        # Of the whole batch at once: what a loop keeps for its way back is more than that.
        live = [i for i, x in enumerate(tangents) if not isinstance(x, SymbolicZero)]

        def of_live(*some: jax.Array) -> jax.Array:
            given = dict(zip(live, some, strict=True))
            return function(*[given.get(i, x) for i, x in enumerate(primals)])

        found: tuple[jax.Array, jax.Array] = jax.jvp(
            of_live, tuple(primals[i] for i in live), tuple(tangents[i] for i in live)
        )
        return found

    value.defjvp(slopes, symbolic_zeros=True)
    found: jax.Array = value(*arrays)
    return found


def _count(length: int, arrays: list[jax.Array]) -> int:
    """Return into how many blocks of one size an axis of that length is divided; 1 where there are no fitting ones."""
    each = sum(x.size * x.dtype.itemsize for x in arrays) // length
    devices = jax.device_count()
    if length % devices:
        return 1
    most = max(1, BLOCK // each)
    size = max(n for n in range(1, most + 1) if length // devices % n == 0)
    return 1 if 16 * size < most else length // devices // size


def _part(x: jax.Array, place: int, count: int, i: Any) -> jax.Array:
    """Return every `count`-th entry along an axis, beginning with the `i`-th."""
    split = x.reshape(*x.shape[:place], -1, count, *x.shape[place + 1 :])
    part: jax.Array = jax.lax.dynamic_index_in_dim(split, i, place + 1, keepdims=False)
    return part
