"""The parameters of a distribution: a tree of named tuples, walked here and nowhere else."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

from kldiv._arrays.namespace import computing_dtype, gather
from kldiv._arrays.protocol import Array, DType, Namespace
from kldiv._core.family import Family, fields_of


def named_leaves(distribution: Family, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the parameters of a distribution, each with its name for messages."""
    cls = type(distribution)
    for field in fields_of(cls):
        value = getattr(distribution, field.name)
        if field.held:
            yield from named_leaves(value, name)
        else:
            yield f"{cls.__name__}.{field.name} of {name}", value


def leaves(distribution: Family) -> Iterator[Any]:
    """Yield the parameters of a distribution."""
    for field, value in zip(fields_of(type(distribution)), distribution, strict=True):
        if field.held:
            yield from leaves(value)
        else:
            yield value


def event_axes(distribution: Family) -> Iterator[int]:
    """Yield the number of event axes of each parameter, those of what holds its distribution included."""
    for field in fields_of(type(distribution)):
        if field.held:
            for axes in event_axes(getattr(distribution, field.name)):
                yield axes + len(field.held.axes)
        elif field.domain:
            yield len(field.domain.axes)


def unflatten(distribution: Family, leaves: Iterator[Array]) -> Family:
    """Return the distribution with its parameters replaced."""
    cls = type(distribution)
    return cls(*[unflatten(getattr(distribution, f.name), leaves) if f.held else next(leaves) for f in fields_of(cls)])


def tree_map(function: Callable[[Any], Any], distribution: Family) -> Family:
    """Return the distribution with a function applied to each parameter."""
    cls = type(distribution)
    each = zip(fields_of(cls), distribution, strict=True)
    return cls(*[tree_map(function, x) if field.held else function(x) for field, x in each])


def unflatten_pair(p: Family, q: Family, leaves: Iterator[Array]) -> tuple[Family, Family]:
    """Return two distributions with their parameters replaced, those of the first first."""
    return unflatten(p, leaves), unflatten(q, leaves)


def structure_of(distribution: Family) -> Family:
    """Return the distribution without its parameters."""
    return unflatten(distribution, itertools.repeat(None))


def require_family(distribution: Any, name: str) -> None:
    if isinstance(distribution, type) and fields_of(distribution):
        fields = ", ".join(f"{f.name}=..." for f in fields_of(distribution))
        raise TypeError(f"{name} is the family {distribution.__name__} itself; pass {distribution.__name__}({fields})")
    if not fields_of(type(distribution)):
        kind = type(distribution)
        raise TypeError(
            f"{name} is a {kind.__module__}.{kind.__qualname__}, not a distribution such as kldiv.Normal(0.0, 1.0). "
            "For probabilities in arrays pass Categorical(p) and Categorical(q), "
            "or use kldiv.rel_entr(p, q) for the element-wise terms"
        )
    for field in fields_of(type(distribution)):
        if field.held:
            require_family(getattr(distribution, field.name), f"{type(distribution).__name__}.{field.name} of {name}")


def gather_families(*, lazy: bool = False, **distributions: Any) -> tuple[Namespace, list[Array], DType, list[Family]]:
    """Return the namespace of named distributions, all their parameters as its arrays, the dtype of a result, and them.

    Raises TypeError if an argument is not a distribution, or the parameters belong to different frameworks.
    """
    for name, d in distributions.items():
        require_family(d, name)
    names, values = zip(*[leaf for name, d in distributions.items() for leaf in named_leaves(d, name)], strict=True)
    xp, arrays, dtype = gather(values, names, lazy=lazy)
    each = iter(arrays)
    return xp, arrays, dtype, [unflatten(d, each) for d in distributions.values()]


def cast(xp: Namespace, d: Family, dtype: DType) -> Family:
    """Return the distribution in the dtype that a result of `dtype` is computed in."""
    computing = computing_dtype(xp, dtype)
    return tree_map(lambda x: xp.astype(x, computing), d)


def constant(xp: Namespace, d: Family) -> Family:
    """Return the distribution with parameters that are constants to differentiation."""
    return tree_map(xp.stop_gradient, d)


def any_batch_array(d: Family) -> Array:
    """Return an array that has the batch axes of one parameter and depends on it, to hang a constant on."""
    field = fields_of(type(d))[0]
    x = any_batch_array(getattr(d, field.name)) if field.held else getattr(d, field.name)
    for _ in (field.held or field.domain).axes:  # type: ignore[union-attr]
        # What components share has not their axis.
        x = x[..., 0] if len(x.shape) else x
    return x


def event_size(xp: Namespace, d: Family) -> int:
    """Return the number of entries of the largest parameter of one distribution of a batch."""
    sizes = [
        math.prod([length or 1 for length in xp.shape(x)[max(0, len(xp.shape(x)) - events) :]])
        for x, events in zip(leaves(d), event_axes(d), strict=True)
    ]
    return max(1, *sizes)
