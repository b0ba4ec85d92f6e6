"""Log densities: the formula inside the support, -inf outside."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

from kldiv._arrays import cache
from kldiv._arrays.compilation import program_of
from kldiv._arrays.namespace import array_converter, computing_dtype, gather
from kldiv._arrays.protocol import Array, DType, Namespace
from kldiv._core.family import Family, fields_of, support_of
from kldiv._core.parameters import cast, named_leaves, structure_of, unflatten
from kldiv._core.signature import register_readers, signature
from kldiv._core.validation import match, where_outcomes_agree
from kldiv.domains import Support

_PLANS = "plans of log densities"  # their section of the cache


def density(formula: Callable[[Any, Namespace, Array], Array]) -> Callable[[Any, Any], Array]:
    """Make the formula for a log density inside the support into a method: any array, -inf outside the support.

    Parameters
    ----------
    formula
        The method ``log_density(self, xp, x)`` of a family; its parameters and `x` are arrays of the namespace `xp`.

    Returns
    -------
    method
        ``log_density(self, x)``, in nats, one number for each batch element.

    Examples
    --------
    >>> from typing import Annotated, Any, NamedTuple
    >>> import kldiv
    >>> @kldiv.declare.family(kldiv.domains.UNIT_INTERVAL)
    ... class Wedge(NamedTuple):
    ...     power: Annotated[Any, kldiv.domains.Positive]
    ...
    ...     @kldiv.declare.density
    ...     def log_density(self, xp, x):
    ...         return xp.log(self.power) + xp.xlogy(self.power - 1, x)
    >>> print(Wedge(1.0).log_density([0.5, 2.0]))
    [  0. -inf]
    """

    @functools.wraps(formula)
    def log_density(self: Any, x: Any) -> Array:
        parameters: list[Any] = []
        key = signature((self, (x,)), parameters)
        plan = None if key is None else cache.get(_PLANS, key)
        if plan is None:
            return _first_log_density(formula, self, x)
        value: Array = plan(parameters)
        return value

    log_density.__signature__ = _SIGNATURE  # type: ignore[attr-defined]
    return log_density


_SIGNATURE = inspect.signature(lambda self, x: None)  # that of the method, not of the formula


def _first_log_density(formula: Callable[..., Array], d: Any, x: Any) -> Array:
    """Return a log density, and keep how to compute the next one like it."""
    names, values = zip(*named_leaves(d, "the distribution"), strict=True)
    xp, arrays, dtype = gather([x, *values], ["x", *names])
    distribution = unflatten(d, iter(arrays[1:]))
    _require_outcomes(xp, distribution, arrays[0])
    if not all(xp.is_concrete(a) for a in arrays):
        value = _log_density(xp, formula, dtype, distribution, arrays[0])
        return where_outcomes_agree(xp, value, distribution, arrays[0])
    program = program_of(_log_density, formula, xp, dtype)
    register_readers(xp, [*values, x])
    parameters: list[Any] = []
    key = signature((d, (x,)), parameters)
    if key is not None:
        convert = array_converter(xp, computing_dtype(xp, dtype), parameters)
        structure = structure_of(distribution)

        def plan(parameters: list[Any]) -> Array:
            *leaves, x = convert(parameters)
            return program(unflatten(structure, iter(leaves)), x)

        cache.put(_PLANS, key, plan)
    return program(distribution, arrays[0])


def _require_outcomes(xp: Namespace, d: Family, x: Array) -> None:
    """Raise ValueError if `x` has not the event axes of the outcomes of a distribution; these never broadcast."""
    lengths: dict[str, int | None] = {}
    for field, value in zip(fields_of(type(d)), d, strict=True):
        if field.domain is not None:
            lengths.update(zip(field.axes, xp.shape(value)[-len(field.axes) :], strict=False))
    support = support_of(type(d))
    event = support.event(lengths) if support else ()
    if event and not match(xp.shape(x)[-len(event) :], event):
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
