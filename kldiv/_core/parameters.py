"""The parameters of a distribution: a tree of named tuples, which is walked here and nowhere else.

A parameter has batch axes and behind them event axes. Where a distribution holds another, the axes that the holder
takes count among the event axes of the parameters inside. Components may share a parameter, which then has fewer axes
than it has event axes, and broadcasts as it is.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from kldiv._arrays.namespace import computing_dtype, gather
from kldiv._arrays.protocol import Array, DType, Namespace, Shape
from kldiv._core.family import Family, FamilyKey, Field, fields_of, kind_of, support_of
from kldiv._core.foreign import as_family
from kldiv.domains import Support


class Parameter(NamedTuple):
    """A parameter of a distribution, as a walk meets it."""

    value: Any
    owner: Family  # the distribution with this field: the whole one, or one that it holds
    field: Field
    component_axes: int  # axes that the holders of the owner take

    @property
    def event_axes(self) -> int:
        """The number of axes behind the batch axes."""
        return len(self.field.axes) + self.component_axes

    @property
    def label(self) -> str:
        """The name for messages."""
        return f"{type(self.owner).__name__}.{self.field.name}"


def walk(d: Family, component_axes: int = 0) -> Iterator[Parameter]:
    """Yield the parameters of a distribution in order, those of a held distribution in the place of its field."""
    for field, value in zip(fields_of(type(d)), d, strict=True):
        if field.component is None:
            yield Parameter(value, d, field, component_axes)
        else:
            yield from walk(value, component_axes + len(field.axes))


def leaves(d: Family) -> Iterator[Any]:
    """Yield the values of the parameters of a distribution."""
    for field, value in zip(fields_of(type(d)), d, strict=True):
        if field.component is None:
            yield value
        else:
            yield from leaves(value)


def named_leaves(d: Family, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the parameters of a distribution, each with its name for messages."""
    for parameter in walk(d):
        yield f"{parameter.label} of {name}", parameter.value


def event_axes(d: Family) -> Iterator[int]:
    """Yield the number of event axes of each parameter."""
    for parameter in walk(d):
        yield parameter.event_axes


def unflatten(d: Family, leaves: Iterator[Any]) -> Family:
    """Return the distribution with its parameters replaced."""
    cls = type(d)
    return cls(*[unflatten(x, leaves) if f.component else next(leaves) for f, x in zip(fields_of(cls), d, strict=True)])


def unflatten_pair(p: Family, q: Family, leaves: Iterator[Any]) -> tuple[Family, Family]:
    """Return two distributions with their parameters replaced, those of the first first."""
    return unflatten(p, leaves), unflatten(q, leaves)


def structure_of(d: Family) -> Family:
    """Return the distribution without its parameters."""
    return unflatten(d, itertools.repeat(None))


# Verbs: what is done to all parameters of a distribution.


def tree_map(function: Callable[[Any], Any], d: Family) -> Family:
    """Return the distribution with a function applied to each parameter."""
    cls = type(d)
    parts = zip(fields_of(cls), d, strict=True)
    return cls(*[function(x) if field.component is None else tree_map(function, x) for field, x in parts])


def map_with_axes(function: Callable[[Any, int], Any], d: Family) -> Family:
    """Return the distribution with ``function(parameter, number of its event axes)`` in place of each parameter."""
    return unflatten(d, iter([function(x.value, x.event_axes) for x in walk(d)]))


def insert_batch_axes(xp: Namespace, d: Family, count: int = 1, before: int = 0) -> Family:
    """Return the distribution with `count` more batch axes of length 1, before the last `before` batch axes."""

    def insert(x: Array, axes: int) -> Array:
        batch_axes = len(xp.shape(x)) - axes
        if batch_axes < 0 or count == 0:
            return x
        return x[(..., *[None] * count, *[slice(None)] * (min(before, batch_axes) + axes))]

    return map_with_axes(insert, d)


def with_batch_rank(xp: Namespace, d: Family, rank: int) -> Family:
    """Return the distribution with `rank` batch axes, where it has fewer with axes of length 1 in front."""

    def extend(x: Array, axes: int) -> Array:
        missing = rank + axes - len(xp.shape(x))
        return x[(*[None] * missing, ...)] if missing > 0 else x

    return map_with_axes(extend, d)


def index_batch(xp: Namespace, d: Family, index: int | slice, before: int = 0) -> Family:
    """Return what an index selects along the batch axis that is followed by `before` others."""

    def select(x: Array, axes: int) -> Array:
        after = before + axes
        lengths = xp.shape(x)
        if len(lengths) <= after:  # all along the axis share it
            return x
        if lengths[-1 - after] != 1:
            return x[(..., index, *[slice(None)] * after)]
        return x if isinstance(index, slice) else x[(..., 0, *[slice(None)] * after)]

    return map_with_axes(select, d)


def batch_zeros(xp: Namespace, d: Family) -> Array:
    """Return zeros of the batch shape of a distribution."""
    zeros: Array = 0.0
    for x in walk(d):
        zeros = zeros + xp.zeros_like(without_event_axes(xp, x.value, x.event_axes))
    return zeros


def broadcast_batch(xp: Namespace, d: Family) -> Family:
    """Return the distribution with all parameters broadcast to its batch shape, components to theirs."""

    def broadcast(d: Family, zeros: Array) -> Family:
        parts = []
        for field, x in zip(fields_of(type(d)), d, strict=True):
            zeros_inside = zeros[(..., *[None] * len(field.axes))] if field.axes else zeros
            inside = None if field.component is None else broadcast(x, zeros_inside + batch_zeros(xp, x))
            parts.append(x + zeros_inside if inside is None else inside)
        return type(d)(*parts)

    return broadcast(d, batch_zeros(xp, d))


def cast(xp: Namespace, d: Family, dtype: DType) -> Family:
    """Return the distribution in the dtype that a result of `dtype` is computed in."""
    computing = computing_dtype(xp, dtype)
    return tree_map(lambda x: xp.astype(x, computing), d)


def constant(xp: Namespace, d: Family) -> Family:
    """Return the distribution with parameters that are constants to differentiation."""
    return tree_map(xp.stop_gradient, d)


def are_equal(xp: Namespace, p: Family, q: Family, like: Array) -> Array:
    """Return where two distributions are of one kind and have equal parameters, in the batch shape of `like`."""
    equal = xp.zeros_like(like) == 0
    if kind_of(p) != kind_of(q):
        return ~equal
    for a, b in zip(walk(p), walk(q), strict=True):
        x, y, axes = xp.stop_gradient(a.value), xp.stop_gradient(b.value), a.event_axes
        if axes and xp.shape(x)[-axes:] != xp.shape(y)[-axes:]:
            return ~(xp.zeros_like(like) == 0)
        same = x == y
        axes = min(axes, len(xp.shape(same)))  # a parameter that all components share may lack the axis of components
        equal = equal & (xp.all(same, axis=tuple(range(-axes, 0))) if axes else same)
    return equal


def without_event_axes(xp: Namespace, x: Array, axes: int) -> Array:
    """Return the first entry of a parameter along its event axes, as far as it has them."""
    return x[(..., *[0] * min(axes, len(xp.shape(x))))] if axes else x


def any_batch_array(xp: Namespace, d: Family) -> Array:
    """Return an array that has the batch axes of one parameter and depends on it, to hang a constant on."""
    first = next(walk(d))
    return without_event_axes(xp, first.value, first.event_axes)


def event_size(xp: Namespace, d: Family) -> int:
    """Return the number of entries of the largest parameter of one distribution of a batch."""
    sizes = [
        math.prod([length or 1 for length in xp.shape(x)[max(0, len(xp.shape(x)) - events) :]])
        for x, events in zip(leaves(d), event_axes(d), strict=True)
    ]
    return max(1, *sizes)


# Entry: what a caller passes becomes distributions of arrays of one framework.


def gather_families(
    *, lazy: bool = False, rng: Any = None, **distributions: Any
) -> tuple[Namespace, list[Array], DType, list[Family]]:
    """Return the namespace of named distributions, all their parameters as its arrays, the dtype of a result, and them.

    Where all parameters are numbers, the framework is that of the source `rng` of random numbers.
    Raises TypeError if an argument is not a distribution, or the parameters belong to different frameworks.
    """
    distributions = {name: as_family(d, name) for name, d in distributions.items()}
    names, values = zip(*[leaf for name, d in distributions.items() for leaf in named_leaves(d, name)], strict=True)
    xp, arrays, dtype = gather(values, names, lazy=lazy, rng=rng)
    remaining = iter(arrays)
    return xp, arrays, dtype, [unflatten(d, remaining) for d in distributions.values()]


class Layout(NamedTuple):
    """What a distribution is apart from the values of its parameters."""

    kind: FamilyKey
    support: Support | None
    batch_shape: Shape
    event_shape: Shape
    axes: dict[str, tuple[int | None, str]]  # the length of each named axis, and the parameter that has it
    event_axes: tuple[int, ...]  # of each parameter


def describe(xp: Namespace, d: Family, name: str) -> Layout:
    """Return the layout of a distribution of arrays.

    Raises ValueError if an axis is missing or empty, or axes that must agree do not.
    """
    cls = type(d)
    axes: dict[str, tuple[int | None, str]] = {}
    batches: list[tuple[str, Shape]] = []
    event: Shape = ()
    for field, value in zip(fields_of(cls), d, strict=True):
        label = f"{cls.__name__}.{field.name} of {name}"
        inner = describe(xp, value, label) if field.component else None
        shape = inner.batch_shape if inner else xp.shape(value)
        split = len(shape) - len(field.axes)
        if split < 0:
            raise ValueError(f"{label} has shape {tuple(shape)}; {_missing_axes(cls, field, value)}")
        batches.append((label, shape[:split]))
        _collect_axes(axes, field, shape[split:], label, shape)
        if inner:
            event = (
                (*shape[split:], *inner.event_shape) if field.component and field.component.event else inner.event_shape
            )
    support = support_of(cls)
    if support is not None:
        event = support.event({axis: length for axis, (length, _) in axes.items()})
    return Layout(kind_of(d), support, broadcast_shapes(batches), event, axes, tuple(event_axes(d)))


def _missing_axes(cls: type, field: Field, value: Any) -> str:
    """Return what to do where a parameter or a component has fewer axes than its field asks for."""
    if field.component is None:
        return f"it needs event axes {field.axes} at the end"
    example = ", ".join(f"{name}=[...]" for name in value._fields)
    return (
        f"{cls.__name__} takes its last batch axis, so it needs a parameter with an axis, "
        f"such as {type(value).__name__}({example})"
    )


def _collect_axes(
    axes: dict[str, tuple[int | None, str]], field: Field, lengths: Shape, label: str, shape: Shape
) -> None:
    """Add the lengths of the named axes of a parameter to those that are known."""
    for name, found in zip(field.axes, lengths, strict=True):
        axis, _, more = name.partition("+")  # an axis that is longer than another: "cells+1"
        length = None if found is None else found - int(more or 0)
        if length is not None and length < 1:
            least = "must not be empty" if not more else f"must have {1 + int(more)} entries or more"
            raise ValueError(f"{label} has shape {tuple(shape)}; its event axis {name} {least}")
        label = f"{label} less {more}" if more else label
        known, owner = axes.setdefault(axis, (length, label))
        if known != length and known is not None and length is not None:
            raise ValueError(f"event sizes differ: {known} in {owner}, {length} in {label}")


def broadcast_shapes(shapes: Iterable[tuple[str, Shape]]) -> Shape:
    """Return the shape that named batch shapes broadcast to; None stands for a length that is not known yet."""
    result: list[int | None] = []
    owner = ""
    for name, shape in shapes:
        merged = list(shape)
        for i in range(1, min(len(shape), len(result)) + 1):
            a, b = result[-i], shape[-i]
            if a == 1 or a == b:
                continue
            if b == 1 or b is None:
                merged[-i] = a
            elif a is not None:
                raise ValueError(
                    f"batch shapes {tuple(result)} of {owner} and {tuple(shape)} of {name} do not broadcast"
                )
        if len(result) > len(shape):
            merged = result[: len(result) - len(shape)] + merged
        result, owner = merged, name if not owner else f"{owner} and {name}"
    return tuple(result)
