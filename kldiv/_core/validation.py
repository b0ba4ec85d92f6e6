"""What is asked of parameters: shapes always, values where there are any."""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kldiv._arrays.protocol import Array, DType, Namespace, Shape
from kldiv._core.family import Family, fields_of, name_of, support_of
from kldiv._core.parameters import Layout, Parameter, broadcast_shapes, cast, describe, leaves, tree_map, walk
from kldiv.domains import Domain, End


def check_structure(xp: Namespace, p: Family, q: Family) -> tuple[Layout, Layout]:
    """Return the layouts of two distributions, which have like outcomes and axes that agree or broadcast.

    Raises ValueError if they have not.
    """
    layouts = describe(xp, p, "p"), describe(xp, q, "q")
    _require_like(*layouts)
    return layouts


def _require_like(p: Layout, q: Layout) -> None:
    """Raise ValueError unless outcomes are alike, event axes agree, and batch axes broadcast."""
    if not (match(p.event_shape, q.event_shape) or _renames(p, q) or _renames(q, p)):
        raise ValueError(
            f"p and q are distributions of different things: an outcome of p, {name_of(p.kind)}, has shape "
            f"{p.event_shape}, one of q, {name_of(q.kind)}, has shape {q.event_shape}"
        )
    for axis, (length, owner) in p.axes.items():
        other, other_owner = q.axes.get(axis, (length, ""))
        if not axis.startswith("_") and other != length and other is not None and length is not None:
            raise ValueError(f"event sizes differ: {length} in {owner}, {other} in {other_owner}")
    broadcast_shapes((("p", p.batch_shape), ("q", q.batch_shape)))


def match(a: Shape, b: Shape) -> bool:
    """Tell whether two shapes are equal; None stands for any length."""
    return len(a) == len(b) and all(m == n or m is None or n is None for m, n in zip(a, b, strict=True))


def _renames(d: Layout, other: Layout) -> bool:
    """Tell whether the outcomes of a distribution are other names of those of another."""
    if d.support is None or d.support.renames is None:
        return False
    named, shape = d.support.renames
    return named == other.support and match(d.event_shape, shape)


def where_axes_agree(xp: Namespace, value: Array, *distributions: Family) -> Array:
    """Return a value, nan if event axes do not agree whose lengths were not known while the program was made."""
    arrays = [x for d in distributions for x in leaves(d)]
    if all(None not in xp.shape(x) for x in arrays):
        return value
    equal: list[tuple[Any, Any]] = []
    first: dict[str, Any] = {}
    for d in distributions:
        axes, event = _lengths(xp, d, equal)
        named = {axis: length for axis, length in axes.items() if not axis.startswith("_")}
        named.update({f"event axis {i}": length for i, length in enumerate(event)})
        equal.extend([(first.setdefault(axis, length), length) for axis, length in named.items()])
    return nan_unless_equal(xp, value, equal)


def where_outcomes_agree(xp: Namespace, value: Array, d: Family, x: Array) -> Array:
    """Return a value, nan if the axes of `x` at run time are not those of an outcome."""
    if all(None not in xp.shape(y) for y in (x, *leaves(d))):
        return value
    equal: list[tuple[Any, Any]] = []
    _, event = _lengths(xp, d, equal)
    outcome = xp.lengths(x)[len(xp.shape(x)) - len(event) :]
    return nan_unless_equal(xp, value, [*equal, *zip(event, outcome, strict=True)])


def nan_unless_equal(xp: Namespace, value: Array, lengths: Iterable[tuple[Any, Any]]) -> Array:
    """Return a value, nan unless the lengths of each pair are equal."""
    agree = [a == b for a, b in lengths if a is not b]
    return xp.where(functools.reduce(operator.and_, agree), value, math.nan) if agree else value


def _lengths(xp: Namespace, d: Family, equal: list[tuple[Any, Any]]) -> tuple[dict[str, Any], Sequence[Any]]:
    """Return the lengths of named axes and of an outcome at run time, and collect the pairs that must be equal."""
    axes: dict[str, Any] = {}
    event: Sequence[Any] = ()
    for field, value in zip(fields_of(type(d)), d, strict=True):
        count = len(field.axes)
        if field.component:
            lengths: Sequence[Any] = [_longest(xp, value, count, i) for i in range(count)]
            _, inner = _lengths(xp, value, equal)
            event = [*lengths, *inner] if field.component.event else inner
        else:
            lengths = xp.lengths(value)[len(xp.shape(value)) - count :]
        equal.extend([(axes.setdefault(axis, n), n) for axis, n in zip(field.axes, lengths, strict=True)])
    support = support_of(type(d))
    return axes, event if support is None else support.event(axes)


def _longest(xp: Namespace, d: Family, count: int, i: int) -> Any:
    """Return the length of axis `i` of the last `count` batch axes of a distribution: parameters broadcast there."""
    places = [(x.value, i - count - x.event_axes) for x in walk(d)]
    return xp.max(xp.asarray([xp.lengths(x)[place] for x, place in places if len(xp.shape(x)) >= -place]))


class _Requirement(NamedTuple):
    """Something that a parameter must satisfy."""

    words: str
    holds: Array
    shown: Callable[[], Array]  # the values that a message quotes
    event_axes: int  # how many of the last axes of `holds` are event axes of the owner
    hint: Callable[[], str] = str  # the cure, where it can be told


def _requirements(xp: Namespace, parameter: Parameter, eps: float, *, inherent: bool) -> Iterator[_Requirement]:
    """Yield what a parameter must satisfy; with `inherent`, also what formulas tell by nan."""
    x, owner, domain = parameter.value, parameter.owner, parameter.field.domain
    assert domain is not None
    batch_axes = len(xp.shape(x)) - len(domain.axes)
    for condition in domain.conditions:
        if condition.inherent and not inherent:
            continue
        holds = condition.holds(xp, x, eps)
        shown = functools.partial(condition.shown, xp, x)
        hint = functools.partial(condition.hint, xp, x, eps)
        yield _Requirement(condition.words, holds, shown, len(xp.shape(holds)) - batch_axes, hint)
    if domain.low:
        yield _on_one_side(xp, x, getattr(owner, domain.low.parameter), domain, domain.low, above=True)
    if domain.high:
        yield _on_one_side(xp, x, getattr(owner, domain.high.parameter), domain, domain.high, above=False)
    if domain.exceeds_dimension_of:
        matrix = getattr(owner, domain.exceeds_dimension_of)
        dimension = xp.sum(xp.ones_like(matrix[..., 0, :]), axis=-1)
        yield _Requirement("exceed the dimension less one", x > dimension - 1, lambda: x + xp.zeros_like(dimension), 0)


def _on_one_side(xp: Namespace, x: Array, end: Array, domain: Domain, named: End, *, above: bool) -> _Requirement:
    """Return the requirement that a parameter lies above or below another, by a finite amount."""
    greater, smaller = (x, end) if above else (end, x)
    ordered = greater >= smaller if named.inclusive else greater > smaller
    finite = 0.5 * greater - 0.5 * smaller <= 0.5 * xp.finfo(x.dtype).max
    return _Requirement(named.words(above), ordered & finite, lambda: x + xp.zeros_like(end), len(domain.axes))


def tolerances(xp: Namespace, d: Family) -> Family:
    """Return a distribution's parameters replaced by the eps of their dtypes; integers are exact to that of float32."""

    def eps(x: Array) -> float:
        return float(xp.finfo(x.dtype if xp.isdtype(x.dtype, "real floating") else xp.float32).eps)

    return tree_map(eps, d)


def valid(xp: Namespace, d: Family, eps: Family, *, inherent: bool = False) -> Array:
    """Return where in the batch all parameters are valid, by default as far as formulas do not tell by nan."""
    masks: list[Array] = []
    for parameter, tolerance in zip(walk(d), leaves(eps), strict=True):
        for required in _requirements(xp, parameter, tolerance, inherent=inherent):
            axes = min(required.event_axes + parameter.component_axes, len(xp.shape(required.holds)))
            masks.append(xp.all(required.holds, axis=tuple(range(-axes, 0))) if axes else required.holds)
    return functools.reduce(operator.and_, masks)


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
    parts = [None] * len(list(walk(d))) if starts is None else list(walk(starts))
    for parameter, tolerance, part in zip(walk(d), leaves(eps), parts, strict=True):
        for requirement in _requirements(xp, parameter, tolerance, inherent=True):
            bad = ~xp.to_numpy(requirement.holds)
            if not bad.any():
                continue
            index = tuple(int(i) for i in next(zip(*bad.nonzero(), strict=True))) if bad.ndim else ()
            value = xp.to_numpy(requirement.shown())[index]
            if part is not None:
                index = _index_in_whole(index, part, bad.ndim - requirement.event_axes)
            place = f"at index {index} of" if index else "in"
            message = f"{parameter.label} must {requirement.words}; got {value} {place} {name}"
            raise ValueError(message + requirement.hint())


def require_weights(xp: Namespace, value: Array, starts: Iterable[Shape] = ((), ()), /, **named: Array) -> None:
    """Raise ValueError for the first negative number of named arrays, where a `value` made of them is infinite.

    For parts of arrays, `starts` are the indices at which the parts begin.
    """
    if not xp.is_concrete(value) or not bool(xp.any(xp.stop_gradient(value) == math.inf)):
        return
    for (name, x), start in zip(named.items(), starts, strict=True):
        numbers = xp.to_numpy(x)
        bad = numbers < 0
        if bad.any():
            index = tuple(int(i[0]) for i in bad.nonzero()) if bad.ndim else ()
            whole = tuple(i + (first or 0) for i, first in itertools.zip_longest(index, start, fillvalue=0))
            place = f"at index {whole} of" if whole else "in"
            raise ValueError(
                f"{name} must be non-negative; got {numbers[index]} {place} {name}. A logarithm is no weight: pass exp "
                "of it. Where you have log q beside p, as for a loss with the prediction first, write kl_div(p, "
                "exp(log_q)), or kl_divergence(Categorical(p), CategoricalLogits(log_q)) for the sum over classes"
            )


def _index_in_whole(index: tuple[int, ...], start: Parameter, batch_axes: int) -> tuple[int, ...]:
    """Return where an index into a part, with its `batch_axes` in front, is in the whole.

    The part of a requirement on two parameters begins where the part of that one does which has the axis.
    """
    domain = start.field.domain
    assert domain is not None
    ends = [end.parameter for end in (domain.low, domain.high) if end]
    names = (start.field.name, *ends, *([domain.exceeds_dimension_of] if domain.exceeds_dimension_of else []))
    moved = list(index)
    for other in (x for x in walk(start.owner) if x.field.name in names):
        batch = other.value[: len(other.value) - len(other.field.axes)]
        for i in range(1, len(batch) + 1):
            moved[batch_axes - i] = max(moved[batch_axes - i], index[batch_axes - i] + batch[-i])
    return tuple(moved)
