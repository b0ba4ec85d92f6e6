"""What a family is: a named tuple whose fields are annotated with domains, declared together with its support.

A distribution is an instance of it. Its *kind*, which rules are looked up by, is its class, or for one that holds other
distributions the tuple of its class and their kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from kldiv.domains import Component, Domain, Support

Family: TypeAlias = Any  # a NamedTuple whose fields are annotated with domains, or hold a family


FamilyKey: TypeAlias = Any  # a family's class, or the tuple (class, kind, ...) for a family that holds others


Declared = TypeVar("Declared")


class Field(NamedTuple):
    name: str
    domain: Domain | None  # of a parameter
    held: Component | None  # of a family


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
    >>> @kldiv.declare.family(domains.POSITIVE)
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
        held = next((m for m in marks if isinstance(m, Component)), None)
        if domain is None and held is None:
            return ()
        fields.append(Field(name, domain, held))
    return tuple(fields)


def as_kind(family: Any) -> FamilyKey:
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


def kind_of(distribution: Family) -> FamilyKey:
    """Return the kind of a distribution."""
    cls = type(distribution)
    held = tuple([kind_of(getattr(distribution, f.name)) for f in fields_of(cls) if f.held])
    return (cls, *held) if held else cls


def class_of(kind: FamilyKey) -> Any:
    """Return the class of a kind."""
    return kind[0] if isinstance(kind, tuple) else kind


def support_of(kind: FamilyKey) -> Support | None:
    """Return the declared support of a kind, None for a kind that has none of its own."""
    own = _supports.get(class_of(kind))
    passed_on = [f.held for f in fields_of(class_of(kind)) if f.held and not f.held.event]
    return support_of(held_kinds(kind)[0]) if own is None and passed_on and held_kinds(kind) else own


def kink_of(cls: type) -> str | None:
    """Return the parameter at which the density of a family is not smooth, None if there is none."""
    return _kinks.get(cls)


def held_kinds(kind: FamilyKey) -> tuple[FamilyKey, ...]:
    """Return the kinds that a kind holds."""
    return kind[1:] if isinstance(kind, tuple) else ()


def name_of(kind: FamilyKey) -> str:
    """Return the name of a kind for messages."""
    held = held_kinds(kind)
    return f"{class_of(kind).__name__}({', '.join(map(name_of, held))})" if held else kind.__name__
