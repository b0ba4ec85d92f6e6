"""Calls that repeat: what was found out about classes, dtypes and shapes of the arguments serves the next call.

A call is known by its *signature*: the classes of the distributions and what a backend reads off each parameter. Most
of the time of a small call goes into recognizing arguments; a signature that was met before skips all of it, and leads
to the backend's shortcut for the formula if it has one. Tracers have no signature.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, TypeAlias

from kldiv._arrays.namespace import identify
from kldiv._arrays.protocol import Array, Call, DType, Namespace

Signature: TypeAlias = tuple[Hashable, ...]

MOST = 4096  # calls that are remembered

_calls: dict[Signature, Call] = {}
_readers: dict[type, Callable[[Any], Hashable]] = {float: type, int: lambda n: int if abs(n) < 2**53 else None}


def signature(distributions: Iterable[Any], parameters: list[Any]) -> Signature | None:
    """Return the signature of a call and collect the parameters, None if there is a parameter without one."""
    found: list[Hashable] = []
    return tuple(found) if _read(distributions, found, parameters) else None


def _read(distributions: Iterable[Any], found: list[Hashable], parameters: list[Any]) -> bool:
    for d in distributions:
        if not isinstance(d, tuple):
            return False
        found.append(type(d))
        for x in d:
            cls = type(x)
            reader = _readers.get(cls)
            if reader is None:
                if not _read((x,), found, parameters):
                    return False
                continue
            read: Any = cls if reader is type else reader(x)
            if read is None:
                return False
            found.append(read)
            parameters.append(x)
    return True


def get(key: Signature | None) -> Call | None:
    """Return the call of that signature, if it is known."""
    # A compiler that traces this takes on every key of a dictionary that it meets, but what it traces has no signature.
    return None if key is None else _calls.get(key)


def put(key: Signature, call: Call) -> None:
    """Keep what to do with calls of that signature."""
    if len(_calls) >= MOST:
        _calls.clear()
    _calls[key] = call


def register_signature_reader(xp: Namespace, parameters: Iterable[Any]) -> None:
    """Keep how the signature of parameters of these types is read; `xp` is the backend of those that are arrays."""
    for x in parameters:
        owner, array = identify(x, "a parameter")
        if owner is None:
            if not isinstance(x, list):
                _readers.setdefault(type(x), type)
        elif array is x:
            _readers.setdefault(type(x), xp.signature)


def clear() -> None:
    """Search anew for what to do: a rule may have changed."""
    _calls.clear()


def generic_plan(
    xp: Namespace,
    dtype: DType,
    parameters: list[Any],
    program: Callable[..., Array],
    arguments: Callable[[Iterator[Array]], tuple[Any, ...]],
) -> Call:
    """Return the call of a program whose arguments are made of arrays; numbers are where these parameters have some."""
    is_number = [identify(x, "a parameter")[0] is None for x in parameters]
    array = is_number.index(False) if False in is_number else None

    def call(validate: bool, *parameters: Any) -> tuple[Array, bool]:
        other = None if array is None else parameters[array]
        each = iter([xp.asarray_like(x, other, dtype) if n else x for x, n in zip(parameters, is_number, strict=True)])
        value = program(*arguments(each))
        return value, validate and xp.has_nan(value)

    return call
