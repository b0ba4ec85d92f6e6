"""DTensors: each process computes the part of the batch that it holds, and nothing is sent.

Operation by operation, PyTorch gathers what it cannot factorize or solve in parts, and knows no constants beside parts.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard


def replicated(x: torch.Tensor, like: DTensor) -> DTensor:
    """Return a tensor that every process has as a DTensor on the mesh of another."""
    return DTensor.from_local(x, like.device_mesh, [Replicate()] * like.device_mesh.ndim, run_check=False)


def map_chunks(
    function: Callable[[list[Any], list[tuple[int, ...]]], torch.Tensor], arrays: Sequence[Any], event: Sequence[int]
) -> DTensor | None:
    """Return what ``function(chunks, starts)`` makes of the parts that each process holds, as a DTensor.

    None if one is no DTensor, or they are not parts of one batch: divided along event axes, or each in its own way.
    """
    if not all(isinstance(x, DTensor) for x in arrays) or len({x.device_mesh for x in arrays}) > 1:
        return None
    mesh = arrays[0].device_mesh
    batches = [max(x.ndim - axes, 0) for x, axes in zip(arrays, event, strict=True)]
    broadcast: Any = torch.broadcast_shapes
    shape = broadcast(*[x.shape[:n] for x, n in zip(arrays, batches, strict=True)])
    divided = [_divided_axis(i, arrays, batches, shape) for i in range(mesh.ndim)]  # from the end; 0: none
    if None in divided:
        return None
    placements = [Shard(len(shape) + axis) if axis else Replicate() for axis in divided]
    chunks: list[torch.Tensor] = []
    starts: list[tuple[int, ...]] = []
    for x, n in zip(arrays, batches, strict=True):
        own = [Shard(n + axis) if axis and n + axis >= 0 and x.shape[n + axis] > 1 else Replicate() for axis in divided]
        # Where a parameter is the same for all parts, each part has its share of the derivative.
        shares = [Partial() if axis and o.is_replicate() else o for axis, o in zip(divided, own, strict=True)]
        chunks.append(x.redistribute(mesh, own).to_local(grad_placements=shares))
        starts.append(_start(x, own))
    value = function(chunks, starts)
    stride = torch.empty(shape, device="meta").stride()
    return DTensor.from_local(value, mesh, placements, run_check=False, shape=shape, stride=stride)


def _divided_axis(i: int, arrays: Sequence[DTensor], batches: Sequence[int], shape: tuple[int, ...]) -> int | None:
    """Return which axis of the batch is divided along a dimension of the mesh; None if it is no batch axis of all."""
    axes: set[int] = set()
    for x, n in zip(arrays, batches, strict=True):
        placement = x.placements[i]
        if type(placement) is Shard and placement.dim < n and x.shape[placement.dim] == shape[placement.dim - n]:
            axes.add(placement.dim - n)
        elif not placement.is_replicate():
            return None
    return None if len(axes) > 1 else axes.pop() if axes else 0


def _start(x: DTensor, placements: Sequence[Any]) -> tuple[int, ...]:
    """Return the index at which the part of this process begins."""
    start, lengths = [0] * x.ndim, list(x.shape)
    for i, placement in enumerate(placements):
        if placement.is_shard():
            axis, parts = placement.dim, x.device_mesh.size(i)
            step = -(-lengths[axis] // parts)
            before = min(step * x.device_mesh.get_local_rank(i), lengths[axis])
            start[axis] += before
            lengths[axis] = min(step, lengths[axis] - before)
    return tuple(start)
