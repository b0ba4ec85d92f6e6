"""Log densities: the formula inside the support, -inf outside."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, TypeAlias

from kldiv._arrays import cache
from kldiv._arrays.compilation import program_of, run
from kldiv._arrays.namespace import array_converter, computing_dtype, gather
from kldiv._arrays.protocol import Array, DType, Namespace
from kldiv._core.family import Family, fields_of, support_of
from kldiv._core.parameters import cast, named_leaves, structure_of, unflatten
from kldiv._core.signature import register_readers, signature
from kldiv._core.validation import match, where_outcomes_agree
from kldiv.domains import Support

_PLANS = "plans of log densities"  # their section of the cache

# From the distribution, the namespace, an outcome, and its complement if that is known better.
Formula: TypeAlias = Callable[[Any, Namespace, Array, Any], Array]


def density(formula: Callable[..., Array]) -> Callable[[Any, Any], Array]:
    """Make the formula for a log density inside the support into a method: any array, -inf outside the support.

    Parameters
    ----------
    formula
        The method ``log_density(self, xp, x)`` of a family; its parameters and `x` are arrays of the namespace `xp`.
        That of a family on the unit interval may be ``log_density(self, xp, x, complement)``, with 1 - x: quadrature
        knows it near 1 to all digits, where `x` itself is rounded.

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
    exact = _with_complement(formula)

    @functools.wraps(formula)
    def log_density(self: Any, x: Any) -> Array:
        parameters: list[Any] = []
        key = signature((self, (x,)), parameters)
        plan = None if key is None else cache.get(_PLANS, key)
        if plan is None:
            return _first_log_density(exact, self, x)
        value: Array = plan(parameters)
        return value

    log_density.__signature__ = _SIGNATURE  # type: ignore[attr-defined]
    log_density.formula = exact  # type: ignore[attr-defined]
    log_density.takes_complement = _takes_complement(formula)  # type: ignore[attr-defined]
    return log_density


_SIGNATURE = inspect.signature(lambda self, x: None)  # that of the method, not of the formula


def _with_complement(formula: Callable[..., Array]) -> Formula:
    """Return the formula as a function of an outcome and, if it is known better than from that, its complement."""
    if not _takes_complement(formula):
        return lambda self, xp, x, complement: formula(self, xp, x)
    return lambda self, xp, x, complement: formula(self, xp, x, 1 - x if complement is None else complement)


def _takes_complement(formula: Callable[..., Array]) -> bool:
    return "complement" in inspect.signature(formula).parameters


def takes_complement(cls: Any) -> bool:
    """Tell whether the formula for the log density of a family takes 1 - x, and so is exact near 1."""
    return getattr(cls.log_density, "takes_complement", False)


def evaluate_density(
    xp: Namespace, d: Family, x: Array, complement: Array | None = None, *, held: Any = None, between: bool = False
) -> Array:
    """Return the log density of a distribution at outcomes of the dtype of its parameters, inside of a computation.

    Parameters
    ----------
    complement
        1 - x, where it is known better than from x.
    held
        The distribution with what stands for those that it holds, if it holds any.
    between
        Whether a distribution of integers is evaluated between the integers too.
    """
    formula: Formula | None = getattr(type(d).log_density, "formula", None)
    if formula is None and between:
        raise TypeError(
            f"{type(d).__name__}.log_density is not declared, and this needs its formula between the integers: "
            "decorate it with @kldiv.declare.density, as `def log_density(self, xp, x)`"
        )
    if formula is None:
        value: Array = d.log_density(x)
        return value
    evaluate = functools.partial(formula, d if held is None else held, xp)
    if between:
        return evaluate(x, None)
    return _inside_support(xp, support_of(type(d)), d, x, complement, evaluate)


def _first_log_density(formula: Formula, d: Any, x: Any) -> Array:
    """Return a log density, and keep how to compute the next one like it."""
    names, values = zip(*named_leaves(d, "the distribution"), strict=True)
    xp, arrays, dtype = gather([x, *values], ["x", *names])
    distribution = unflatten(d, iter(arrays[1:]))
    _require_outcomes(xp, distribution, arrays[0])
    if not all(xp.is_concrete(a) for a in arrays):
        value = run(_log_density, formula, xp, dtype, arrays, distribution, arrays[0])
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


def _log_density(xp: Namespace, formula: Formula, dtype: DType, d: Family, x: Array) -> Array:
    d, x = cast(xp, d, dtype), xp.astype(x, computing_dtype(xp, dtype))
    value = _inside_support(xp, support_of(type(d)), d, x, None, functools.partial(formula, d, xp))
    return xp.astype(value, dtype)


def _inside_support(
    xp: Namespace,
    support: Support | None,
    d: Family,
    x: Array,
    complement: Array | None,
    formula: Callable[[Array, Any], Array],
) -> Array:
    """Return the formula where x lies in the support of d, and -inf elsewhere."""
    if support is None or support.space not in ("line", "integers"):
        return formula(x, complement)
    low = getattr(d, support.low) if isinstance(support.low, str) else support.low
    high = getattr(d, support.high, math.inf) if isinstance(support.high, str) else support.high
    inside = (x >= low) & (x <= high)
    if support.space == "integers":
        inside = inside & (xp.floor(x) == x)
    # Any point of the support serves where x lies outside.
    point = low if isinstance(support.low, str) or support.space == "integers" else 0.0 if low < 0 else 0.5
    inner_complement = None if complement is None else xp.where(inside, complement, 1 - point)
    return xp.where(inside, formula(xp.where(inside, x, point), inner_complement), -math.inf)
