"""What a library of distributions has: classes, the families that they are, and how its own objects are made."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from kldiv._arrays.namespace import gather
from kldiv._core.family import Family, fields_of
from kldiv._core.foreign import Converter, converter
from kldiv._core.parameters import tree_map
from kldiv.domains import Support
from kldiv.estimation.log_density import LogDensity

Maker: TypeAlias = Callable[..., Any]  # from the parameters of a distribution to an object of a library

externals: dict[type, Converter] = {}  # of classes above all those that have a log density and no family


class Library:
    """The distributions of a library."""

    def __init__(
        self,
        name: str,
        asarray: Callable[[Any], Any],
        lacks: Callable[[type, type], bool],
        register: Callable[[type, type, Callable[..., Any]], Any],
        *,
        mixes_numpy: bool = False,
    ) -> None:
        self.name = name
        self.asarray = asarray
        self.lacks = lacks  # tells whether its own divergence has no formula for a pair of classes
        self.register = register  # gives it one
        self.mixes_numpy = mixes_numpy  # whether objects hold NumPy's arrays beside those of the framework
        self.classes: dict[type, tuple[type, ...]] = {}  # with the families of their objects; none: it depends
        self.makers: dict[type, Maker] = {}

    def same(self, cls: type, family: type, **names: str) -> None:
        """Declare that a class has the parameters of a family; `names` are those that have another name there."""
        fields: tuple[str, ...] = family._fields  # type: ignore[attr-defined]
        attributes = [names.get(field, field) for field in fields]

        def convert(d: Any) -> Family:
            return family(*[getattr(d, attribute) for attribute in attributes])

        def make(*parameters: Any) -> Any:
            return cls(**dict(zip(attributes, parameters, strict=True)))

        self.converter(cls, family)(convert)
        self.makers.setdefault(family, make)

    def converter(self, cls: type, *families: type) -> Callable[[Converter], Converter]:
        """Declare the decorated function to convert objects of a class to distributions of these families."""
        self.classes[cls] = families
        if not self.mixes_numpy:
            return converter(cls)

        def declare(function: Converter) -> Converter:
            converter(cls)(lambda d: _without_numpy(self.asarray, function(d)))
            return function

        return declare

    def maker(self, family: type) -> Callable[[Maker], Maker]:
        """Declare the decorated function to make an object of the library from the parameters of a family."""

        def declare(function: Maker) -> Maker:
            self.makers[family] = function
            return function

        return declare


def _without_numpy(asarray: Callable[[Any], Any], d: Any) -> Any:
    """Return a distribution with arrays of the framework in the place of NumPy's."""
    if not fields_of(type(d)):
        return d
    return tree_map(lambda x: asarray(x) if type(x).__module__ == "numpy" else x, d)


def external(cls: type) -> Callable[[Converter], Converter]:
    """Declare the decorated function to convert objects of derived classes that have no converter of their own."""

    def declare(function: Converter) -> Converter:
        externals[cls] = function
        return function

    return declare


# The ends of supports that libraries give names to, and whether their outcomes are integers.
_NAMED = {
    "real": (-math.inf, math.inf),
    "positive": (0.0, math.inf),
    "greaterthan": (0.0, math.inf),
    "nonnegative": (0.0, math.inf),
    "softplus_positive": (0.0, math.inf),
    "unit_interval": (0.0, 1.0),
    "boolean": (0.0, 1.0),
    "integergreaterthan": (0.0, math.inf),
    "integernonnegative": (0.0, math.inf),
    "integerpositive": (1.0, math.inf),
}


def known_by_its_log_density(
    d: Any, *, low: Any, high: Any, discrete: bool, sample: Callable[[int, int], Any], like: Any, name: str
) -> Family:
    """Return a distribution that `estimate` takes, by the log density and the sampler of an object.

    Its support is an interval from `low` to `high`, or known by its `name` where it has none of these.
    """
    batch, event = tuple(d.batch_shape), tuple(d.event_shape)
    if batch:
        raise TypeError(
            f"it has no family, and without one a batch, of shape {batch}, cannot be taken; pass its distributions one "
            "by one"
        )
    if len(event) == 1 and not discrete:
        return LogDensity(d.log_prob, dimension=event[0], sampler=sample, like=like)
    if event or (low is None and high is None and name not in _NAMED):
        raise TypeError(f"it has no family, and outcomes of shape {event} in the support {name}")
    ends = _NAMED.get(name, (-math.inf, math.inf))
    first, last = (end if given is None else float(given) for end, given in zip(ends, (low, high), strict=True))
    if discrete and first == -math.inf:
        raise TypeError("it has no family, and its outcomes are integers without a smallest one")
    support = Support("integers" if discrete else "line", first, last)
    return LogDensity(d.log_prob, support=support, sampler=sample, like=like)


def require_zero(value: Any, name: str) -> None:
    """Raise TypeError unless a parameter that no family has is 0, as far as its values are known."""
    xp, (x,), _ = gather([value], [name])
    if xp.is_concrete(x) and not bool(xp.all(x == 0)):
        raise TypeError(f"{name} is not 0, and no family has that parameter")
