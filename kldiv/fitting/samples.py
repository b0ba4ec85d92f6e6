"""Samples along the first axis, with weights, as projections and maximum likelihood take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import FamilyKey, name_of, support_of
from kldiv._core.parameters import broadcast_shapes


class Samples(NamedTuple):
    """Samples along the first axis, and their weights, of as many axes as the batch of samples has and that one."""

    values: Array
    weights: Array


def append_axes(x: Array, count: int) -> Array:
    """Return an array with axes of length 1 at the end."""
    return x[(..., *[None] * count)] if count else x


def arrange(xp: Namespace, x: Array, weights: Array | None, event: int, name: str, family: str) -> Samples:
    """Return samples and their weights, all 1 by default.

    Raises ValueError unless their shapes agree, and an outcome has `event` axes.
    """
    shape = xp.shape(x)
    if len(shape) < 1 + event or 0 in shape:
        raise ValueError(
            f"{name} has shape {shape}; samples are along the first axis, and an outcome of {family} has {event} axes"
        )
    if weights is None:
        return Samples(x, xp.ones_like(x[(..., *[0] * event)]))
    weights = xp.astype(weights, x.dtype)
    batch, lengths = shape[: len(shape) - event], xp.shape(weights)
    if len(lengths) not in (1, len(batch)):
        raise ValueError(f"weights have shape {lengths}; samples have shape {shape}")
    broadcast_shapes((("weights", xp.shape(append_axes(weights, len(batch) - len(lengths)))), (name, batch)))
    if lengths[0] != shape[0]:
        raise ValueError(f"weights have shape {lengths}; there are {shape[0]} samples")
    return Samples(x, append_axes(weights, len(batch) - len(lengths)))


def require_weights(xp: Namespace, weights: Array) -> None:
    """Raise ValueError unless weights are non-negative and finite, and not all 0."""
    if not bool(xp.all((weights >= 0) & xp.isfinite(weights))) or not bool(xp.all(xp.sum(weights, axis=0) > 0)):
        raise ValueError("weights must be non-negative and finite, and not all 0")


def require_outcomes(xp: Namespace, x: Array, kind: FamilyKey, ends: Mapping[str, Any], name: str) -> None:
    """Raise ValueError for the first sample that every member of a family rules out.

    `ends` has the values of those ends of the support that are parameters; the others are free.
    """
    support = support_of(kind)
    good, words = xp.isfinite(x), "finite numbers"
    if support is not None and support.space in ("line", "integers"):
        low = ends.get(support.low, -float("inf")) if isinstance(support.low, str) else support.low
        high = ends.get(support.high, float("inf")) if isinstance(support.high, str) else support.high
        good = good & (x >= low) & (x <= high)
        words = "integers" if support.space == "integers" else words
        words = f"{words} from {support.low} to {support.high}"
        if support.space == "integers":
            good = good & (xp.floor(x) == x)
    bad = ~xp.to_numpy(good)
    if bad.any():
        index = tuple(int(i[0]) for i in bad.nonzero())
        raise ValueError(
            f"samples of {name_of(kind)} are {words}; got {xp.to_numpy(x)[index]} at index {index} of {name}"
        )
