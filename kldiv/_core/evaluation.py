"""The evaluation of a rule: from two distributions and a rule to a number."""

from __future__ import annotations

import functools
import math
from numbers import Real
from typing import Any

from kldiv._arrays.compilation import program_of, run
from kldiv._arrays.namespace import computing_dtype
from kldiv._arrays.protocol import Array, DType, FastPathRequest, Namespace
from kldiv._core.call_cache import Signature, generic_plan, put, register_signature_reader, signature
from kldiv._core.family import Family, kind_of
from kldiv._core.parameters import cast, event_axes, gather_families, leaves, structure_of, unflatten_pair
from kldiv._core.registry import Evaluate
from kldiv._core.search import find
from kldiv._core.validation import check_structure, tolerances, valid


def first_call(p: Any, q: Any, validate: bool, key: Signature | None, parameters: list[Any]) -> tuple[Array, bool]:
    """Return the divergence and whether a nan in it matters, and remember how to compute the next one like it."""
    given = p, q
    xp, arrays, dtype, (p, q) = gather_families(lazy=True, p=p, q=q)
    check_structure(xp, p, q)
    rule = find(kind_of(p), kind_of(q))
    if xp.map_chunks:
        from kldiv.divergences import chunks

        value = chunks.divergence(xp, dtype, arrays, p, q, validate)
        if value is not None:
            return value, False
    concrete = all(xp.is_concrete(x) for x in arrays)
    if key is None and concrete:
        register_signature_reader(xp, [x for d in given for x in leaves(d)])
        parameters = []
        key = signature(given, parameters)
    if key is None or not concrete:
        value = run(divergence, rule.evaluate, xp, dtype, arrays, p, q)
        return value, validate and concrete and xp.has_nan(value)
    hollows = structure_of(p), structure_of(q)
    exact = functools.partial(_core_formula, rule.evaluate, *hollows)
    formula = None
    if rule.formula is not None and rule.sum_axes is not None:
        formula = rule.formula.__name__, rule.sum_axes
    shortcut = xp.fast_path(FastPathRequest(formula, [*event_axes(p), *event_axes(q)], parameters, dtype, exact))
    call = shortcut or generic_plan(
        xp,
        computing_dtype(xp, dtype),
        parameters,
        program_of(divergence, rule.evaluate, xp, dtype),
        functools.partial(unflatten_pair, *hollows),
    )
    put(key, call)
    return call(validate, *parameters)


def _core_formula(evaluate: Evaluate, p: Family, q: Family, xp: Namespace, *arrays: Array) -> Array:
    """Return the divergence of `p` and `q` with arrays for parameters, nan where these are invalid."""
    return divergence(xp, evaluate, arrays[0].dtype, *unflatten_pair(p, q, iter(arrays)))


def divergence(xp: Namespace, evaluate: Evaluate, dtype: DType, p: Family, q: Family) -> Array:
    """Return the divergence in `dtype`, nan where parameters are invalid."""
    if xp.map_blocks is None:
        return _checked(xp, evaluate, dtype, p, q)

    def of(*arrays: Array) -> Array:
        return _checked(xp, evaluate, dtype, *unflatten_pair(p, q, iter(arrays)))

    return xp.map_blocks(of, [*leaves(p), *leaves(q)], [*event_axes(p), *event_axes(q)])


def _checked(xp: Namespace, evaluate: Evaluate, dtype: DType, p: Family, q: Family) -> Array:
    eps_p, eps_q = tolerances(xp, p), tolerances(xp, q)
    p, q = cast(xp, p, dtype), cast(xp, q, dtype)
    value = xp.where(valid(xp, p, eps_p) & valid(xp, q, eps_q), evaluate(xp, p, q), math.nan)
    return xp.astype(value, dtype)


def in_base(value: Array, base: Any) -> Array:
    if isinstance(base, bool) or not isinstance(base, Real) or not 1 < float(base) < math.inf:
        raise ValueError(f"base must be a number above 1, such as 2 for bits; got {base!r}")
    return value / math.log(base)
