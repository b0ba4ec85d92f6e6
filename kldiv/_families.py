"""What a family is: a named tuple whose fields are annotated with domains, declared together with its support.

A distribution is an instance of it. Its *kind*, which rules are looked up by, is its class, or for one that holds other
distributions the tuple of its class and their kinds.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Annotated, Any, NamedTuple, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from kldiv._namespace import computing_dtype, gather
from kldiv._programs import program_of, run
from kldiv._protocol import Array, DType, Namespace
from kldiv.domains import Domain, Held, Support

Family: TypeAlias = Any  # a NamedTuple whose fields are annotated with domains, or hold a family
Kind: TypeAlias = Any  # a family's class, or the tuple (class, kind, ...) for a family that holds others
Declared = TypeVar("Declared")


class Field(NamedTuple):
    name: str
    domain: Domain | None  # of a parameter
    held: Held | None  # of a family


_known_fields: dict[type, tuple[Field, ...]] = {}
_supports: dict[type, Support] = {}
_kinks: dict[type, str] = {}


def family(support: Support, *, kink: str = "") -> Callable[[type[Declared]], type[Declared]]:
    """Declare the decorated NamedTuple, with fields annotated by their domains, to be a family on `support`.

    The domains and the supports are in `kldiv.domains`. From the support follows where a divergence is infinite. `kink`
    names the parameter at which the density is not smooth, if there is one: quadrature splits there.

    Raises
    ------
    TypeError
        If a field has no domain.

    Examples
    --------
    >>> from typing import Annotated, Any, NamedTuple
    >>> import kldiv
    >>> from kldiv import domains
    >>> @kldiv.family(domains.POSITIVE)
    ... class Arrival(NamedTuple):
    ...     mean: Annotated[Any, domains.Positive]
    >>> float(kldiv.kl_divergence(kldiv.Normal(0.0, 1.0), Arrival(1.0)))
    inf
    """

    def declare(cls: type[Declared]) -> type[Declared]:
        if not fields_of(cls):
            raise TypeError(f"{cls.__name__} must be a NamedTuple whose fields are Annotated with domains")
        _supports[cls] = support
        if kink:
            _kinks[cls] = kink
        return cls

    return declare


def fields_of(cls: type) -> tuple[Field, ...]:
    """Return the fields of a family's class, and nothing for a class that is not a family."""
    if cls not in _known_fields:
        _known_fields[cls] = _read_fields(cls)
    return _known_fields[cls]


def _read_fields(cls: Any) -> tuple[Field, ...]:
    names = getattr(cls, "_fields", None)
    if names is None or not issubclass(cls, tuple):
        return ()
    try:
        hints = get_type_hints(cls, include_extras=True)
    except NameError:  # a class of somebody else, whose annotations name what is not there
        return ()
    fields: list[Field] = []
    for name in names:
        marks = get_args(hints.get(name)) if get_origin(hints.get(name)) is Annotated else ()
        domain = next((m for m in marks if isinstance(m, Domain)), None)
        held = next((m for m in marks if isinstance(m, Held)), None)
        if domain is None and held is None:
            return ()
        fields.append(Field(name, domain, held))
    return tuple(fields)


def as_kind(family: Any) -> Kind:
    """Return the kind that a class such as `Normal` or an alias such as `Independent[Normal]` stands for."""
    if type(family) is tuple and family and all(isinstance(class_of(k), type) for k in family):
        return family
    cls = get_origin(family) or family
    if not (isinstance(cls, type) and fields_of(cls)):
        raise TypeError(f"{family!r} is not a family; pass the class of one, such as kldiv.Normal")
    held = tuple(as_kind(k) for k in get_args(family))
    if len(held) != sum(f.held is not None for f in fields_of(cls)):
        raise TypeError(f"{cls.__name__} holds a family; name it too, such as {cls.__name__}[Normal]")
    return (cls, *held) if held else cls


def kind_of(distribution: Family) -> Kind:
    """Return the kind of a distribution."""
    cls = type(distribution)
    held = tuple([kind_of(getattr(distribution, f.name)) for f in fields_of(cls) if f.held])
    return (cls, *held) if held else cls


def class_of(kind: Kind) -> Any:
    """Return the class of a kind."""
    return kind[0] if isinstance(kind, tuple) else kind


def support_of(kind: Kind) -> Support | None:
    """Return the declared support of a kind, None for a kind that has none of its own."""
    own = _supports.get(class_of(kind))
    passed_on = [f.held for f in fields_of(class_of(kind)) if f.held and not f.held.event]
    return support_of(held_kinds(kind)[0]) if own is None and passed_on and held_kinds(kind) else own


def kink_of(cls: type) -> str | None:
    """Return the parameter at which the density of a family is not smooth, None if there is none."""
    return _kinks.get(cls)


def held_kinds(kind: Kind) -> tuple[Kind, ...]:
    """Return the kinds that a kind holds."""
    return kind[1:] if isinstance(kind, tuple) else ()


def name_of(kind: Kind) -> str:
    """Return the name of a kind for messages."""
    held = held_kinds(kind)
    return f"{class_of(kind).__name__}({', '.join(map(name_of, held))})" if held else kind.__name__


def leaves(distribution: Family, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the parameters of a distribution, each with its name for messages."""
    cls = type(distribution)
    for field in fields_of(cls):
        value = getattr(distribution, field.name)
        if field.held:
            yield from leaves(value, name)
        else:
            yield f"{cls.__name__}.{field.name} of {name}", value


def parameters_of(distribution: Family) -> Iterator[Any]:
    """Yield the parameters of a distribution."""
    for field, value in zip(fields_of(type(distribution)), distribution, strict=True):
        if field.held:
            yield from parameters_of(value)
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


def rebuild(distribution: Family, leaves: Iterator[Array]) -> Family:
    """Return the distribution with its parameters replaced."""
    cls = type(distribution)
    return cls(*[rebuild(getattr(distribution, f.name), leaves) if f.held else next(leaves) for f in fields_of(cls)])


def mapped(function: Callable[[Any], Any], distribution: Family) -> Family:
    """Return the distribution with a function applied to each parameter."""
    cls = type(distribution)
    each = zip(fields_of(cls), distribution, strict=True)
    return cls(*[mapped(function, x) if field.held else function(x) for field, x in each])


def rebuild_pair(p: Family, q: Family, leaves: Iterator[Array]) -> tuple[Family, Family]:
    """Return two distributions with their parameters replaced, those of the first first."""
    return rebuild(p, leaves), rebuild(q, leaves)


def hollow(distribution: Family) -> Family:
    """Return the distribution without its parameters."""
    return rebuild(distribution, itertools.repeat(None))


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
    names, values = zip(*[leaf for name, d in distributions.items() for leaf in leaves(d, name)], strict=True)
    xp, arrays, dtype = gather(values, names, lazy=lazy)
    each = iter(arrays)
    return xp, arrays, dtype, [rebuild(d, each) for d in distributions.values()]


def density(formula: Callable[[Any, Namespace, Array], Array]) -> Callable[[Any, Any], Array]:
    """Make the formula for a log density inside the support into a method: any array, -inf outside the support."""

    @functools.wraps(formula)
    def log_density(self: Any, x: Any) -> Array:
        from kldiv import _calls

        parameters: list[Any] = []
        key = _calls.signature((self, (x,)), parameters)
        call = _calls.recall(key)
        if call is not None:
            return call(False, *parameters)[0]
        names, values = zip(*leaves(self, "the distribution"), strict=True)
        xp, arrays, dtype = gather([x, *values], ["x", *names])
        distribution = rebuild(self, iter(arrays[1:]))
        _require_outcomes(xp, distribution, arrays[0])
        if all(xp.is_concrete(a) for a in arrays):
            if key is None:
                _calls.learn(xp, [*values, x])
            else:
                program = program_of(_log_density, formula, xp, dtype)
                make = functools.partial(_outcome_of, hollow(distribution))
                _calls.remember(key, _calls.general(xp, computing_dtype(xp, dtype), parameters, program, make))
        return run(_log_density, formula, xp, dtype, arrays, distribution, arrays[0])

    return log_density


def _outcome_of(like: Family, arrays: Iterator[Array]) -> tuple[Family, Array]:
    return rebuild(like, arrays), next(arrays)


def _require_outcomes(xp: Namespace, d: Family, x: Array) -> None:
    """Raise ValueError if `x` has not the event axes of the outcomes of a distribution; these never broadcast."""
    lengths: dict[str, int | None] = {}
    for field in fields_of(type(d)):
        if field.domain is None:
            continue
        axes = field.domain.axes
        lengths.update(zip(axes, xp.shape(getattr(d, field.name))[-len(axes) :], strict=False))
    support = support_of(type(d))
    event = support.event(lengths) if support else ()
    if event and xp.shape(x)[-len(event) :] != event:
        raise ValueError(
            f"x has shape {xp.shape(x)}; an outcome of this {type(d).__name__} has shape {event}, which x must end in"
        )


def _log_density(xp: Namespace, formula: Callable[..., Array], dtype: DType, d: Family, x: Array) -> Array:
    d, x = cast(xp, d, dtype), xp.astype(x, computing_dtype(xp, dtype))
    value = inside_support(xp, support_of(type(d)), d, x, lambda y: formula(d, xp, y))
    return xp.astype(value, dtype)


def inside_support(
    xp: Namespace, support: Support | None, d: Family, x: Array, formula: Callable[[Array], Array]
) -> Array:
    """Return `formula(x)` where x lies in the support of d, and -inf elsewhere."""
    if support is None or support.space not in ("line", "integers"):
        return formula(x)
    low = getattr(d, support.low) if isinstance(support.low, str) else support.low
    high = getattr(d, support.high, math.inf) if isinstance(support.high, str) else support.high
    inside = (x >= low) & (x <= high)
    if support.space == "integers":
        inside = inside & (xp.floor(x) == x)
    # Any point of the support serves where x lies outside.
    point = low if isinstance(support.low, str) or support.space == "integers" else 0.0 if low < 0 else 0.5
    return xp.where(inside, formula(xp.where(inside, x, point)), -math.inf)


def cast(xp: Namespace, d: Family, dtype: DType) -> Family:
    """Return the distribution in the dtype that a result of `dtype` is computed in."""
    computing = computing_dtype(xp, dtype)
    return mapped(lambda x: xp.astype(x, computing), d)


def constant(xp: Namespace, d: Family) -> Family:
    """Return the distribution with parameters that are constants to differentiation."""
    return mapped(xp.stop_gradient, d)


def batch_member(d: Family) -> Array:
    """Return an array that has the batch axes of one parameter and depends on it, to hang a constant on."""
    field = fields_of(type(d))[0]
    x = batch_member(getattr(d, field.name)) if field.held else getattr(d, field.name)
    for _ in (field.held or field.domain).axes:  # type: ignore[union-attr]
        # What components share has not their axis.
        x = x[..., 0] if len(x.shape) else x
    return x
