"""Calls of divergences that depend on a number beside the two distributions: an order, or a weight."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias

from kldiv._arrays import cache
from kldiv._arrays.namespace import computing_dtype, gather
from kldiv._arrays.protocol import Array, DType, Namespace
from kldiv._core.family import Family, FamilyKey
from kldiv._core.foreign import as_family
from kldiv._core.parameters import cast, named_leaves, unflatten
from kldiv._core.validation import check_structure, diagnose_all, tolerances, valid


class Way(Protocol):
    """How a divergence of given kinds is computed; hashable."""

    @property
    def equal(self) -> tuple[str, ...]:
        """Names of parameters that P and Q must share."""
        ...


Divergence: TypeAlias = Callable[[Any, Namespace, Family, Family, Array], Array]


class Number(NamedTuple):
    """A number that a divergence depends on."""

    name: str
    words: str  # what it must do
    holds: Callable[[Namespace, Array], Array]


def evaluate_pair(
    divergence: Divergence,
    find: Callable[[FamilyKey, FamilyKey], Way],
    p: Any,
    q: Any,
    number: Number,
    value: Any,
    validate: bool,
) -> Array:
    """Return ``divergence(way, xp, p, q, number)`` of what a caller passes, where ``way = find(kind of p, kind of q)``.

    Raises TypeError or ValueError for what is no pair, an invalid parameter, or an invalid number.
    """
    p, q = as_family(p, "p"), as_family(q, "q")
    names, values = zip(*named_leaves(p, "p"), *named_leaves(q, "q"), (number.name, value), strict=True)
    xp, arrays, dtype = gather(values, names)
    remaining = iter(arrays)
    p, q, value = unflatten(p, remaining), unflatten(q, remaining), next(remaining)
    layouts = check_structure(xp, p, q)
    way = find(layouts[0].kind, layouts[1].kind)
    if not all(xp.is_concrete(x) for x in arrays):
        return _checked(xp, divergence, way, number, dtype, p, q, value)
    key = (_checked, xp, divergence, way, number, dtype)
    program = cache.get_or_make(
        "programs", key, lambda: xp.compiled(functools.partial(_checked, xp, divergence, way, number, dtype))
    )
    result = program(p, q, value)
    if validate and __debug__ and xp.has_nan(result):
        diagnose_all(xp, dtype, p=p, q=q)
        _require(xp, number, value)
        _require_shared(xp, way)
    return result


def _checked(
    xp: Namespace,
    divergence: Divergence,
    way: Way,
    number: Number,
    dtype: DType,
    p: Family,
    q: Family,
    value: Array,
) -> Array:
    """Return a divergence in `dtype`, nan where parameters or the number are invalid."""
    good = valid(xp, p, tolerances(xp, p)) & valid(xp, q, tolerances(xp, q))
    value = xp.astype(value, computing_dtype(xp, dtype))
    holds = number.holds(xp, value)
    # Any number between 0 and 1 serves where it is invalid.
    result = divergence(way, xp, cast(xp, p, dtype), cast(xp, q, dtype), xp.where(holds, value, 0.5))
    return xp.astype(xp.where(good & holds, result, math.nan), dtype)


def _require(xp: Namespace, number: Number, value: Array) -> None:
    bad = ~xp.to_numpy(number.holds(xp, value))
    if bad.any():
        index = tuple(int(i[0]) for i in bad.nonzero()) if bad.ndim else ()
        place = f" at index {index}" if index else ""
        raise ValueError(f"{number.name} must {number.words}; got {xp.to_numpy(value)[index]}{place}")


def _require_shared(xp: Namespace, way: Way) -> None:
    if way.equal:
        names = " and ".join(way.equal)
        raise ValueError(f"this divergence has a closed form only where p and q share {names}; see kldiv.estimate")
