"""The signature of a call: all that the way of computing it depends on, but not the values.

It holds the families of the distributions, and of each parameter what its backend reads off: dtype, shape, device, and
the default dtype where that decides. Most of the time of a small call goes into recognizing arguments; a signature that
was met before skips all of it. Tracers have no signature.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeAlias

from kldiv._arrays.namespace import identify
from kldiv._arrays.protocol import Namespace

Signature: TypeAlias = tuple[Hashable, ...]


def _number(x: Any) -> Hashable:
    """Return the type of a number, None for one that is checked at each call: float32 may not hold it."""
    cls: Any = type(x)
    return cls if abs(float(x)) < 3.4e38 else None


def _integer(n: int) -> Hashable:
    """Return int, None for an integer that is checked at each call: float64 may not hold it exactly."""
    return int if abs(n) < 2**53 else None


_readers: dict[type, Callable[[Any], Hashable]] = {float: _number, int: _integer}  # how parameters of a type are read


def signature(distributions: Iterable[Any], parameters: list[Any]) -> Signature | None:
    """Return the signature of a call and collect the parameters, None if there is a parameter without one."""
    parts: list[Hashable] = []
    return tuple(parts) if _read(distributions, parts, parameters) else None


def _read(distributions: Iterable[Any], parts: list[Hashable], parameters: list[Any]) -> bool:
    for d in distributions:
        if not isinstance(d, tuple):
            return False
        parts.append(type(d))
        for x in d:
            cls = type(x)
            reader = _readers.get(cls)
            if reader is None:
                if not _read((x,), parts, parameters):
                    return False
                continue
            part = reader(x)
            if part is None:
                return False
            parts.append(part)
            parameters.append(x)
    return True


def register_readers(xp: Namespace, parameters: Iterable[Any]) -> None:
    """Keep how parameters of these types are read; `xp` is the backend of those that are arrays."""
    for x in parameters:
        if type(x) in _readers:
            continue
        owner, array = identify(x, "a parameter")
        if owner is None:
            if not isinstance(x, list):
                _readers[type(x)] = _number
        elif array is x:
            _readers[type(x)] = xp.signature
