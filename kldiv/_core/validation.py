"""What is asked of parameters: shapes always, values where there are any."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from kldiv._arrays.protocol import Array, DType, Namespace, Shape
from kldiv._core.family import Family, Field, fields_of, kind_of, name_of, support_of
from kldiv._core.parameters import cast, tree_map


def broadcast_shapes(shapes: Iterable[tuple[str, Shape]]) -> Shape:
    """Return the shape that batch shapes broadcast to; None stands for a length that is not known yet."""
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


def shapes_of(xp: Namespace, d: Family, name: str, axes: dict[str, tuple[int | None, str]]) -> tuple[Shape, Shape]:
    """Return batch and event shape of a distribution, and collect the lengths of its named axes in `axes`."""
    cls = type(d)
    batches: list[tuple[str, Shape]] = []
    event: Shape = ()
    for field in fields_of(cls):
        where = f"{cls.__name__}.{field.name} of {name}"
        value = getattr(d, field.name)
        if field.held:
            shape, event = shapes_of(xp, value, where, {})
            names = field.held.axes
        else:
            shape = xp.shape(value)
            names = field.domain.axes  # type: ignore[union-attr]
        split = len(shape) - len(names)
        if split < 0:
            what = "batch" if field.held else "event"
            raise ValueError(f"{where} has shape {tuple(shape)}; it needs {what} axes {names} at the end")
        for axis, length in zip(names, shape[split:], strict=True):
            if length == 0:
                raise ValueError(f"{where} has shape {tuple(shape)}; its event axis {axis} must not be empty")
            known, owner = axes.setdefault(axis, (length, where))
            if known != length and known is not None and length is not None:
                raise ValueError(f"event sizes differ: {known} in {owner}, {length} in {where}")
            if field.held and field.held.event:
                event = (length, *event)
        batches.append((where, shape[:split]))
    support = support_of(cls)
    if support is not None:
        event = support.event({axis: length for axis, (length, _) in axes.items()})
    return broadcast_shapes(batches), event


def check_structure(xp: Namespace, p: Family, q: Family) -> None:
    """Raise ValueError unless outcomes are alike, event axes agree, and batch axes broadcast."""
    axes_p: dict[str, tuple[int | None, str]] = {}
    axes_q: dict[str, tuple[int | None, str]] = {}
    batch_p, event_p = shapes_of(xp, p, "p", axes_p)
    batch_q, event_q = shapes_of(xp, q, "q", axes_q)
    if not (_match(event_p, event_q) or _renames(p, event_p, q) or _renames(q, event_q, p)):
        raise ValueError(
            f"p and q are distributions of different things: an outcome of p, {name_of(kind_of(p))}, has "
            f"shape {event_p}, "
            f"one of q, {name_of(kind_of(q))}, has shape {event_q}"
        )
    for axis, (length, owner) in axes_p.items():
        other, other_owner = axes_q.get(axis, (length, ""))
        if not axis.startswith("_") and other != length and other is not None and length is not None:
            raise ValueError(f"event sizes differ: {length} in {owner}, {other} in {other_owner}")
    broadcast_shapes((("p", batch_p), ("q", batch_q)))


def _match(a: Shape, b: Shape) -> bool:
    """Tell whether two shapes are equal; None stands for any length."""
    return len(a) == len(b) and all(m == n or m is None or n is None for m, n in zip(a, b, strict=True))


def _renames(d: Family, event: Shape, other: Family) -> bool:
    """Tell whether the outcomes of a distribution are other names of those of another."""
    support = support_of(type(d))
    if support is None or support.renames is None:
        return False
    named, shape = support.renames
    return named == support_of(type(other)) and _match(event, shape)


class _Requirement(NamedTuple):
    """Something that a parameter must satisfy."""

    words: str
    holds: Array
    shown: Callable[[], Array]  # the values that a message quotes
    event_axes: int  # how many of the last axes of `holds` are event axes


def _requirements(xp: Namespace, d: Family, eps: Family, field: Field, *, inherent: bool) -> Iterator[_Requirement]:
    """Yield what a parameter must satisfy; with `inherent`, also what formulas tell by nan."""
    x = getattr(d, field.name)
    domain = field.domain
    assert domain is not None
    batch_axes = len(xp.shape(x)) - len(domain.axes)
    for condition in domain.conditions:
        if condition.inherent and not inherent:
            continue
        holds = condition.holds(xp, x, getattr(eps, field.name))
        event_axes = len(xp.shape(holds)) - batch_axes
        shown = functools.partial(condition.shown, xp, x)
        yield _Requirement(condition.words, holds, shown, event_axes)
    if domain.above:
        low = getattr(d, domain.above)
        holds = ((x >= low) if domain.inclusive else (x > low)) & (0.5 * x - 0.5 * low <= 0.5 * xp.finfo(x.dtype).max)
        words = f"be {'at least' if domain.inclusive else 'greater than'} {domain.above}, by a finite amount"
        yield _Requirement(words, holds, lambda: x + xp.zeros_like(low), len(domain.axes))
    if domain.beyond:
        matrix = getattr(d, domain.beyond)
        dimension = xp.sum(xp.ones_like(matrix[..., 0, :]), axis=-1)
        holds = x > dimension - 1
        yield _Requirement("exceed the dimension less one", holds, lambda: x + xp.zeros_like(dimension), 0)


def tolerances(xp: Namespace, d: Family) -> Family:
    """Return a distribution's parameters replaced by the eps of their dtypes; integers are exact to that of float32."""

    def eps(x: Array) -> float:
        return float(xp.finfo(x.dtype if xp.isdtype(x.dtype, "real floating") else xp.float32).eps)

    return tree_map(eps, d)


def valid(xp: Namespace, d: Family, eps: Family, *, inherent: bool = False) -> Array:
    """Return where in the batch all parameters are valid, by default as far as formulas do not tell by nan."""
    masks: list[Array] = []
    for field in fields_of(type(d)):
        if field.held:
            inner = valid(xp, getattr(d, field.name), getattr(eps, field.name), inherent=inherent)
            masks.append(_all_along(xp, inner, len(field.held.axes)))
        else:
            required = _requirements(xp, d, eps, field, inherent=inherent)
            masks += [_all_along(xp, r.holds, r.event_axes) for r in required]
    return functools.reduce(operator.and_, masks)


def _all_along(xp: Namespace, mask: Array, axes: int) -> Array:
    """Return whether a mask is true all along its last axes."""
    return xp.all(mask, axis=tuple(range(-axes, 0))) if axes else mask


def diagnose_all(
    xp: Namespace, dtype: DType, starts: Mapping[str, Family] | None = None, /, **distributions: Family
) -> None:
    """Raise ValueError for the first invalid parameter of named distributions, computed in `dtype`.

    For distributions of parts of arrays, `starts` are those of the indices at which the parts begin.
    """
    for name, d in distributions.items():
        diagnose(xp, cast(xp, d, dtype), tolerances(xp, d), name, (starts or {}).get(name))


def diagnose(xp: Namespace, d: Family, eps: Family, name: str, starts: Family | None = None) -> None:
    """Raise ValueError for the first invalid parameter of a distribution, with its value and place."""
    cls = type(d)
    for field in fields_of(cls):
        if field.held:
            held_starts = None if starts is None else getattr(starts, field.name)
            diagnose(xp, getattr(d, field.name), getattr(eps, field.name), name, held_starts)
            continue
        for requirement in _requirements(xp, d, eps, field, inherent=True):
            bad = ~xp.to_numpy(requirement.holds)
            if bad.any():
                index = tuple(int(i) for i in next(zip(*bad.nonzero(), strict=True))) if bad.ndim else ()
                value = xp.to_numpy(requirement.shown())[index]
                if starts is not None:
                    index = _moved(index, starts, field, bad.ndim - requirement.event_axes)
                place = f"at index {index} of" if index else "in"
                raise ValueError(f"{cls.__name__}.{field.name} must {requirement.words}; got {value} {place} {name}")


def _moved(index: tuple[int, ...], starts: Family, field: Field, batch_axes: int) -> tuple[int, ...]:
    """Return where an index into a part, with its `batch_axes` in front, is in the whole."""
    domain = field.domain
    assert domain is not None
    moved = list(index)
    for name in (field.name, domain.above or domain.beyond):
        if name:
            axes = next(f.domain.axes for f in fields_of(type(starts)) if f.name == name and f.domain)
            start = getattr(starts, name)
            batch = start[: len(start) - len(axes)]
            for i in range(1, len(batch) + 1):
                moved[batch_axes - i] = max(moved[batch_axes - i], index[batch_axes - i] + batch[-i])
    return tuple(moved)
