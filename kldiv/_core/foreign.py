"""Distributions of other libraries: they become distributions of families where they enter.

A converter is found by the exact class of an object, since a derived class may have another density. Those of other
libraries stand in `kldiv.interop`, one file for each library.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from kldiv._core.family import Family, fields_of
from kldiv._core.refusal import holds_distributions, is_like_distribution, path_of, refusal

Converter: TypeAlias = Callable[[Any], Family]

converters: dict[type, Converter] = {}  # by exact class; a plain dictionary, which compilers can follow


def converter(cls: type) -> Callable[[Converter], Converter]:
    """Declare the decorated function to convert objects of a class to distributions of a family.

    After this, such objects are taken wherever distributions are.

    Parameters
    ----------
    cls
        A class, of yours or of a library. Classes that are derived from it have converters of their own.

    Returns
    -------
    decorator
        It returns the function itself, which takes an object of the class and returns a distribution: of a family, or
        of a class that has a converter.

    Raises
    ------
    TypeError
        If `cls` is not a class, or it is a family.

    Examples
    --------
    >>> import kldiv
    >>> class Measurement:
    ...     def __init__(self, value, error):
    ...         self.value, self.error = value, error
    >>> @kldiv.declare.converter(Measurement)
    ... def measurement_as_normal(x):
    ...     return kldiv.Normal(x.value, x.error)
    >>> float(kldiv.kl_divergence(Measurement(1.0, 1.0), kldiv.Normal(0.0, 1.0)))
    0.5
    """
    passed: Any = cls  # what type checkers have not seen
    if not isinstance(passed, type) or fields_of(passed):
        raise TypeError(f"{cls!r} is not a class of other distributions than those of families")

    def declare(function: Converter) -> Converter:
        converters[cls] = function
        return function

    return declare


def find_converter(cls: type) -> Converter | None:
    """Return the converter of a class, None if it has none."""
    found = converters.get(cls)
    if found is None:
        from kldiv import interop

        interop.load(cls)
        found = converters.get(cls) or interop.inherited(cls)
    return found


def is_distribution(value: Any) -> bool:
    """Tell whether a value is a distribution of a family, or becomes one, or is like one."""
    return is_like_distribution(value) or find_converter(type(value)) is not None


def as_family(value: Any, name: str) -> Family:
    """Return a distribution, one of another library as one of a family, and so those that it holds.

    Raises TypeError if it is no distribution, or its converter does.
    """
    cls = type(value)
    fields = fields_of(cls)
    if not fields:
        return as_family(_converted(value, name), name)
    changed = False
    parts = []
    for field, x in zip(fields, value, strict=True):
        part = as_family(x, f"{cls.__name__}.{field.name} of {name}") if field.component else x
        changed = changed or part is not x
        parts.append(part)
    return cls(*parts) if changed else value


def component(value: Any, name: str) -> Any:
    """Return what a family holds: a distribution of another library converted, all that is like none as it is.

    Functions that map trees put placeholders in the place of distributions. Raises TypeError for a value that is meant
    to be a distribution and is none.
    """
    if isinstance(value, type) or is_like_distribution(value) or find_converter(type(value)):
        return as_family(value, name)
    if holds_distributions(value):
        raise TypeError(refusal(value, name))
    return value


def _converted(value: Any, name: str) -> Any:
    convert = None if isinstance(value, type) else find_converter(type(value))
    if convert is None:
        raise TypeError(refusal(value, name))
    try:
        return convert(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} is a {path_of(type(value))}, which is not converted: {error}") from error
