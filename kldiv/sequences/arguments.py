"""What is asked of logits, log probabilities and masks."""

from __future__ import annotations

from typing import Any

from kldiv._arrays.namespace import computing_dtype, gather, identify
from kldiv._arrays.protocol import Array, Namespace, Shape
from kldiv._core.parameters import broadcast_shapes


def require_values(xp: Namespace, name: str, words: str, x: Array, holds: Array) -> None:
    """Raise ValueError for the first entry that is not what it must be."""
    bad = ~xp.to_numpy(holds)
    if bad.any():
        index = tuple(int(i) for i in next(zip(*bad.nonzero(), strict=True))) if bad.ndim else ()
        place = f" at index {index}" if index else ""
        raise ValueError(f"{name} must be {words}; got {xp.to_numpy(x)[index]}{place}")


def require_shapes(xp: Namespace, arrays: dict[str, Array]) -> None:
    """Raise ValueError unless samples, steps and tokens agree, and batch axes broadcast."""
    axes: dict[str, tuple[int | None, str]] = {}
    batches: list[tuple[str, Shape]] = []
    for name, x in arrays.items():
        names = ("samples", "steps") if name == "log_probs" else ("samples", "steps", "tokens")
        shape = xp.shape(x)
        if len(shape) < len(names):
            raise ValueError(f"{name} has shape {shape}; it needs axes for {', '.join(names)} at the end")
        for axis, length in zip(names, shape[-len(names) :], strict=True):
            known, owner = axes.setdefault(axis, (length, name))
            if length == 0:
                raise ValueError(f"{name} has shape {shape}; its axis of {axis} must not be empty")
            if known != length and known is not None and length is not None:
                raise ValueError(f"{name} has {length} {axis}, but {owner} has {known}")
        batches.append((name, shape[: -len(names)]))
    broadcast_shapes(batches)


def read_mask(xp: Namespace, mask: Any, logits: Array) -> Array:
    """Return a mask of zeros and ones, or booleans, as booleans (..., N, T)."""
    mask_xp, x = identify(mask, "mask")
    if mask_xp is None:
        _, (x,), _ = gather([mask], ["mask"])
        x = xp.asarray_like(mask, logits, computing_dtype(xp, xp.default_dtype()))
    elif mask_xp is not xp:
        raise TypeError("mask and logits_p belong to different frameworks; convert one of them")
    lengths = xp.shape(logits)[-3:-1]
    shape = xp.shape(x)
    merged = broadcast_shapes((("logits_p", xp.shape(logits)[:-1]), ("mask", shape)))
    if any(m != n for m, n in zip(merged[-2:], lengths, strict=True) if m is not None and n is not None):
        raise ValueError(f"mask has shape {shape}; it must broadcast to samples and steps, {lengths}")
    if xp.isdtype(x.dtype, "integral") or xp.isdtype(x.dtype, "real floating"):
        if xp.is_concrete(x):
            require_values(xp, "mask", "0 or 1", x, (x == 0) | (x == 1))
        x = x != 0
    elif "bool" not in str(x.dtype):
        raise TypeError(f"mask has dtype {x.dtype}; it holds booleans, or numbers 0 and 1")
    if xp.is_concrete(x) and not bool(xp.any(x)):
        raise ValueError("mask is 0 everywhere; some step must count")
    return x & (xp.ones_like(logits[..., 0]) > 0)
