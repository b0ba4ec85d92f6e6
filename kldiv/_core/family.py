"""What a family is: a named tuple whose fields are annotated with domains, declared together with its support.

A distribution is an instance of it. Its *kind*, which rules are looked up by, is its class, or for one that holds other
distributions the tuple of its class and their kinds.
"""

from __future__ import annotations

import functools
import inspect
import math
import reprlib
from collections.abc import Callable, Iterator
from typing import Annotated, Any, NamedTuple, Protocol, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from kldiv.domains import Component, Domain, Support

Family: TypeAlias = Any  # a NamedTuple whose fields are annotated with domains, or hold a family
FamilyKey: TypeAlias = Any  # a family's class, or the tuple (class, kind, ...) for a family that holds others
Declared = TypeVar("Declared")


class Distribution(Protocol):
    """A distribution, as type checkers see it: an instance of a family, which is a named tuple of its parameters."""

    @property
    def _fields(self) -> tuple[str, ...]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Field(NamedTuple):
    """A field of a family: a parameter, which has a domain, or a component, which is a distribution."""

    name: str
    domain: Domain | None
    component: Component | None

    @property
    def axes(self) -> tuple[str, ...]:
        """The event axes of a parameter, or the batch axes of a component that its holder takes."""
        return (self.component or self.domain).axes  # type: ignore[union-attr]


_known_fields: dict[type, tuple[Field, ...]] = {}
_supports: dict[type, Support] = {}
_kinks: dict[type, str] = {}
_by_name: dict[str, type] = {}


def family(support: Support | None = None, *, kink: str = "") -> Callable[[type[Declared]], type[Declared]]:
    """Declare the decorated NamedTuple, with fields annotated by their domains, to be a family on `support`.

    From the support follows where a divergence is infinite. Distributions of the family are equal if they are of the
    same family and their parameters are equal.

    Parameters
    ----------
    support
        The set of outcomes, such as ``kldiv.domains.POSITIVE``; None for a family that holds another and has the
        outcomes of that, or vectors of them.
    kink
        The parameter at which the density is not smooth, if there is one: quadrature splits there.

    Returns
    -------
    decorator
        It returns the class itself.

    Raises
    ------
    TypeError
        If the class is no NamedTuple, a field has no domain, or a class is derived from a family.
    ValueError
        If there is a family of that name already, or `kink` is no parameter.

    Examples
    --------
    >>> from typing import Annotated, NamedTuple
    >>> import kldiv
    >>> from kldiv import domains
    >>> @kldiv.declare.family(domains.POSITIVE)
    ... class Arrival(NamedTuple):
    ...     mean: Annotated[object, domains.Positive]
    >>> float(kldiv.kl_divergence(kldiv.Normal(0.0, 1.0), Arrival(1.0)))
    inf
    """

    def declare(cls: type[Declared]) -> type[Declared]:
        _require_named_tuple(cls)
        fields = fields_of(cls)
        if kink and kink not in {field.name for field in fields}:
            raise ValueError(f"{cls.__name__} has no parameter {kink!r}, which `kink` names")
        _require_new_name(cls)
        _by_name[cls.__name__] = cls
        if support is not None:
            _supports[cls] = support
        if kink:
            _kinks[cls] = kink
        _dress(cls, fields)
        return cls

    return declare


def _require_named_tuple(cls: Any) -> None:
    """Raise TypeError unless a class is a NamedTuple of its own whose fields all have domains."""
    name = getattr(cls, "__name__", repr(cls))
    names: tuple[str, ...] | None = getattr(cls, "_fields", None)
    if names is None or not (isinstance(cls, type) and issubclass(cls, tuple)):
        raise TypeError(f"{name} must be a NamedTuple whose fields are Annotated with domains")
    try:
        hints = get_type_hints(cls, include_extras=True)
    except NameError as error:
        raise TypeError(f"{error}, in the annotations of {name}, which are to name domains of kldiv.domains") from None
    without = [field for field in names if _mark(hints.get(field)) is None]
    if without or not names:
        what = f"the field {without[0]} of {name} has no domain" if without else f"{name} has no fields"
        field = without[0] if without else "rate"
        raise TypeError(
            f"{what}; {name} must be a NamedTuple whose fields are Annotated with domains: "
            f"write `{field}: Annotated[Array, domains.Positive]`, or another domain of kldiv.domains"
        )


def _require_new_name(cls: type) -> None:
    """Raise ValueError if another family has the name of a class; one that is defined again takes its place."""
    other = _by_name.get(cls.__name__)
    if other is None and not cls.__module__.startswith("kldiv.families."):
        import kldiv

        other = getattr(kldiv, cls.__name__, None)  # a built-in family, which may not have been loaded yet
        other = other if isinstance(other, type) and fields_of(other) else None
    if other is not None and (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ValueError(
            f"there is a family {cls.__name__} already, in {other.__module__}; give the one in {cls.__module__} "
            "another name, since messages and rules tell families by their names"
        )


def _dress(cls: Any, fields: tuple[Field, ...]) -> None:
    """Give a family's class a plain signature, a short repr, and equality that tells families apart."""
    cls.__signature__ = inspect.Signature(
        [
            inspect.Parameter(
                field.name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=cls._field_defaults.get(field.name, inspect.Parameter.empty),
            )
            for field in fields
        ]
    )
    cls.__new__.__annotations__ = {}  # `help` would print the domains, in full
    for name, method in _METHODS.items():
        setattr(cls, name, method)
    cls.__init_subclass__ = classmethod(_refuse_subclass)
    if any(field.component for field in fields):
        _convert_components(cls, fields)


def _convert_components(cls: Any, fields: tuple[Field, ...]) -> None:
    """Make a class convert the distributions of other libraries that it is called with, or refuse them."""
    from kldiv._core.foreign import component

    make = cls.__new__

    @functools.wraps(make)
    def checked(cls: Any, *args: Any, **kwargs: Any) -> Any:
        self = make(cls, *args, **kwargs)
        held = {f.name: x for f, x in zip(fields, self, strict=True) if f.component and not fields_of(type(x))}
        if not held:
            return self
        return self._replace(**{name: component(x, f"{cls.__name__}.{name}") for name, x in held.items()})

    cls.__new__ = checked


def _is_equal(self: Any, other: Any) -> bool:
    return type(self) is type(other) and bool(tuple.__eq__(self, other))


def _is_not_equal(self: Any, other: Any) -> bool:
    return not _is_equal(self, other)


def _hash(self: Any) -> int:
    return hash((type(self), tuple.__hash__(self)))


def _repr(self: Any) -> str:
    fields = ", ".join(f"{name}={shown(value)}" for name, value in zip(self._fields, self, strict=True))
    return f"{type(self).__name__}({fields})"


_METHODS: dict[str, Any] = {"__eq__": _is_equal, "__ne__": _is_not_equal, "__hash__": _hash, "__repr__": _repr}
for _name, _method in _METHODS.items():  # `help` shows functions by their names
    _method.__name__ = _name


_shorten = reprlib.Repr()
_shorten.maxlist = _shorten.maxtuple = 16
_shorten.maxother = 60


def shown(value: Any) -> str:
    """Return a parameter as text: large arrays by type, dtype and shape, long lists by their first entries."""
    shape = getattr(value, "shape", None)
    if type(value) is list or type(value) is tuple:
        return _shorten.repr(value)
    if shape is None or isinstance(value, tuple) or math.prod(n or 0 for n in shape) <= 16:
        return repr(value)
    return f"<{type(value).__name__} of {value.dtype}, shape {tuple(shape)}>"


def _refuse_subclass(cls: Any, /, **kwargs: Any) -> None:
    base = next(base for base in cls.__mro__[1:] if base in _known_fields)
    raise TypeError(
        f"{cls.__name__} is derived from the family {base.__name__}; a family is a NamedTuple of its own: declare it, "
        f"and with kldiv.declare.conversion({cls.__name__}, {base.__name__}) that it is a {base.__name__}"
    )


def _no_log_density(self: Any, x: Any) -> Any:
    """Raise TypeError: the family declares no log density."""
    name = type(self).__name__
    raise TypeError(
        f"{name} has no log_density; add a method `@declare.density def log_density(self, xp, x)` to the class"
    )


class Unlisted(NamedTuple):
    """What is known of a family that no list holds, so that it goes when its last distribution does."""

    fields: tuple[Field, ...]
    support: Support
    sampler: Callable[..., Any] | None


def make_unlisted(cls: Any, support: Support, sampler: Callable[..., Any] | None) -> None:
    """Make a NamedTuple a family that takes no part in rules, since nothing can be declared for it later."""
    fields = _read_fields(cls)
    cls._unlisted = Unlisted(fields, support, sampler)
    _dress(cls, fields)


def unlisted(cls: type) -> Unlisted | None:
    """Return what is known of an unlisted family, None for any other class."""
    known: Unlisted | None = getattr(cls, "_unlisted", None)
    return known


def fields_of(cls: type) -> tuple[Field, ...]:
    """Return the fields of a family's class, and nothing for a class that is not a family."""
    known = unlisted(cls)
    if known is not None:
        return known.fields
    if cls not in _known_fields:
        _known_fields[cls] = _read_fields(cls)
        if _known_fields[cls] and not hasattr(cls, "log_density"):
            cls.log_density = _no_log_density  # type: ignore[attr-defined]
    return _known_fields[cls]


def family_above(cls: type) -> type | None:
    """Return the family that a class is derived from, None if there is none."""
    return next((base for base in cls.__mro__[1:] if fields_of(base)), None)


def _read_fields(cls: Any) -> tuple[Field, ...]:
    names = getattr(cls, "_fields", None)
    if names is None or not issubclass(cls, tuple) or family_above(cls):
        return ()
    try:
        hints = get_type_hints(cls, include_extras=True)
    except NameError:  # a class of somebody else, whose annotations name what is not there
        return ()
    marks = [_mark(hints.get(name)) for name in names]
    if None in marks:
        return ()
    fields = zip(names, marks, strict=True)
    return tuple([Field(n, m, None) if isinstance(m, Domain) else Field(n, None, m) for n, m in fields])


def _mark(hint: Any) -> Any:
    """Return the domain or the component that an annotation names, None if it names neither."""
    marks = get_args(hint) if get_origin(hint) is Annotated else ()
    return next((mark for mark in marks if isinstance(mark, Domain | Component)), None)


def as_kind(family: Any) -> FamilyKey:
    """Return the kind that a class such as `Normal` or an alias such as `Independent[Normal]` stands for."""
    if type(family) is tuple and family and all(isinstance(class_of(k), type) for k in family):
        return family
    cls = get_origin(family) or family
    if not (isinstance(cls, type) and fields_of(cls)):
        raise TypeError(f"{family!r} is not a family; pass the class of one, such as kldiv.Normal")
    held = tuple(as_kind(k) for k in get_args(family))
    if len(held) != sum(f.component is not None for f in fields_of(cls)):
        raise TypeError(f"{cls.__name__} holds a family; name it too, such as {cls.__name__}[Normal]")
    return (cls, *held) if held else cls


def kind_of(distribution: Family) -> FamilyKey:
    """Return the kind of a distribution."""
    cls = type(distribution)
    held = tuple([kind_of(getattr(distribution, f.name)) for f in fields_of(cls) if f.component])
    return (cls, *held) if held else cls


def class_of(kind: FamilyKey) -> Any:
    """Return the class of a kind."""
    return kind[0] if isinstance(kind, tuple) else kind


def support_of(kind: FamilyKey) -> Support | None:
    """Return the declared support of a kind, None for a kind that has none of its own."""
    known = unlisted(class_of(kind))
    own = _supports.get(class_of(kind)) if known is None else known.support
    passed_on = [f for f in fields_of(class_of(kind)) if f.component and not f.component.event]
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
