"""Log densities: the formula inside the support, -inf outside."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

from kldiv._arrays.compilation import program_of, run
from kldiv._arrays.namespace import computing_dtype, gather
from kldiv._arrays.protocol import Array, DType, Namespace
from kldiv._core import call_cache
from kldiv._core.family import Family, fields_of, support_of
from kldiv._core.parameters import cast, named_leaves, structure_of, unflatten
from kldiv.domains import Support


def density(formula: Callable[[Any, Namespace, Array], Array]) -> Callable[[Any, Any], Array]:
    """Make the formula for a log density inside the support into a method: any array, -inf outside the support."""

    @functools.wraps(formula)
    def log_density(self: Any, x: Any) -> Array:
        parameters: list[Any] = []
        key = call_cache.signature((self, (x,)), parameters)
        call = call_cache.get(key)
        if call is not None:
            return call(False, *parameters)[0]
        names, values = zip(*named_leaves(self, "the distribution"), strict=True)
        xp, arrays, dtype = gather([x, *values], ["x", *names])
        distribution = unflatten(self, iter(arrays[1:]))
        _require_outcomes(xp, distribution, arrays[0])
        if all(xp.is_concrete(a) for a in arrays):
            if key is None:
                call_cache.register_signature_reader(xp, [*values, x])
            else:
                program = program_of(_log_density, formula, xp, dtype)
                make = functools.partial(_outcome_of, structure_of(distribution))
                call_cache.put(key, call_cache.generic_plan(xp, computing_dtype(xp, dtype), parameters, program, make))
        return run(_log_density, formula, xp, dtype, arrays, distribution, arrays[0])

    return log_density


def _outcome_of(like: Family, arrays: Iterator[Array]) -> tuple[Family, Array]:
    return unflatten(like, arrays), next(arrays)


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
