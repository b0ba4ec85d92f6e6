"""The evaluation of a divergence: from two distributions to a plan, and from a plan to numbers.

A *plan* computes the divergence of all distributions of the same families, dtypes and shapes: by a fast path of the
backend, or by the rule's formula, compiled where eager calls are slow. It is kept under the signature of the call.
Under a tracer there is no signature and no plan: the formula is traced.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from numbers import Real
from typing import Any, NamedTuple

from kldiv._arrays import cache
from kldiv._arrays.compilation import program_of, run
from kldiv._arrays.namespace import array_converter, computing_dtype
from kldiv._arrays.protocol import Array, DType, FastPathRequest, Namespace, Plan
from kldiv._core.family import Family, kind_of
from kldiv._core.parameters import (
    Layout,
    batch_zeros,
    cast,
    event_axes,
    gather_families,
    leaves,
    structure_of,
    unflatten_pair,
)
from kldiv._core.registry import Evaluate, Rule
from kldiv._core.search import find
from kldiv._core.signature import register_readers, signature
from kldiv._core.validation import check_structure, diagnose_all, tolerances, valid, where_axes_agree

_PLANS = "plans of divergences"  # their section of the cache


class Pair(NamedTuple):
    """Two distributions of arrays of one framework, whose shapes agree."""

    xp: Namespace
    arrays: list[Array]
    dtype: DType
    p: Family
    q: Family
    layouts: tuple[Layout, Layout]
    rule: Rule

    def evaluate(self) -> Array:
        """Return the divergence by the rule's formula, as it is."""
        value = run(divergence, self.rule.evaluate, self.xp, self.dtype, self.arrays, self.p, self.q)
        return where_axes_agree(self.xp, value, self.p, self.q)


def gather_pair(p: Any, q: Any) -> Pair:
    """Return what a caller passes as a pair. The layout of each distribution is described here, once.

    Raises TypeError, ValueError or NoClosedForm if it is no pair, shapes do not agree, or there is no rule.
    """
    xp, arrays, dtype, (p, q) = gather_families(lazy=True, p=p, q=q)
    layouts = check_structure(xp, p, q)
    return Pair(xp, arrays, dtype, p, q, layouts, find(layouts[0].kind, layouts[1].kind))


def zero_of_identical(p: Any, q: Any) -> Array | None:
    """Return zeros for a pair without a rule if it is one distribution twice, None if it is not, or not known to be.

    Raises ValueError if a parameter is invalid.
    """
    xp, arrays, dtype, (p, q) = gather_families(lazy=True, p=p, q=q)
    pairs = list(zip(leaves(p), leaves(q), strict=False))
    is_concrete = getattr(xp, "is_concrete", lambda x: False)  # arrays in chunks are yet to be computed
    if kind_of(p) != kind_of(q) or not all(is_concrete(x) for x in arrays):
        return None
    if not all(xp.shape(x) == xp.shape(y) and bool(xp.all(x == y)) for x, y in pairs):
        return None
    diagnose_all(xp, dtype, p=p)
    return batch_zeros(xp, cast(xp, p, dtype))


def known_plan(p: Any, q: Any, parameters: list[Any]) -> Plan | None:
    """Return the plan for what a caller passes, if there is one, and collect the parameters to call it with."""
    key = signature((p, q), parameters)
    # A compiler that traces this sets a guard for each key of a dictionary, but what it traces has no signature.
    plan: Plan | None = None if key is None else cache.get(_PLANS, key)
    return plan


def plan_for(pair: Pair, p: Any, q: Any) -> tuple[Plan, list[Any]]:
    """Return a plan for a pair and the parameters to call it with; `p` and `q` are what the caller has passed."""
    xp, rule = pair.xp, pair.rule
    if not all(xp.is_concrete(x) for x in pair.arrays):
        return (lambda validate, *arrays: (pair.evaluate(), False)), []
    passed = [*leaves(p), *leaves(q)]
    register_readers(xp, passed)
    parameters: list[Any] = []
    key = signature((p, q), parameters)
    program = program_of(divergence, rule.evaluate, xp, pair.dtype)
    structures = structure_of(pair.p), structure_of(pair.q)
    if key is None:  # lists, or arrays of a kind that has no signature
        return _plan(xp, pair.dtype, pair.arrays, program, structures), pair.arrays
    request = FastPathRequest(
        formula=None if rule.formula is None or rule.sum_axes is None else (rule.formula.__name__, rule.sum_axes),
        axes=[*pair.layouts[0].event_axes, *pair.layouts[1].event_axes],
        parameters=parameters,
        dtype=pair.dtype,
        core_formula=functools.partial(_core_formula, rule.evaluate, *structures),
    )
    plan = xp.fast_path(request) or _plan(xp, pair.dtype, parameters, program, structures)
    cache.put(_PLANS, key, plan)
    return plan, parameters


def _plan(
    xp: Namespace, dtype: DType, parameters: list[Any], program: Callable[..., Array], structures: tuple[Family, Family]
) -> Plan:
    """Return the plan that calls a program; numbers are where these parameters have some."""
    convert = array_converter(xp, computing_dtype(xp, dtype), parameters)

    def plan(validate: bool, *parameters: Any) -> tuple[Array, bool]:
        value = program(*unflatten_pair(*structures, iter(convert(parameters))))
        return value, validate and xp.has_nan(value)

    return plan


def _core_formula(evaluate: Evaluate, p: Family, q: Family, xp: Namespace, *arrays: Array) -> Array:
    """Return the divergence of `p` and `q` with arrays for parameters, nan where these are invalid."""
    return divergence(xp, evaluate, arrays[0].dtype, *unflatten_pair(p, q, iter(arrays)))


def divergence(xp: Namespace, evaluate: Evaluate, dtype: DType, p: Family, q: Family) -> Array:
    """Return the divergence in `dtype`, nan where parameters are invalid."""
    if xp.map_blocks is None:
        return _checked(xp, evaluate, dtype, p, q)

    def of_arrays(*arrays: Array) -> Array:
        return _checked(xp, evaluate, dtype, *unflatten_pair(p, q, iter(arrays)))

    return xp.map_blocks(of_arrays, [*leaves(p), *leaves(q)], [*event_axes(p), *event_axes(q)])


def _checked(xp: Namespace, evaluate: Evaluate, dtype: DType, p: Family, q: Family) -> Array:
    eps_p, eps_q = tolerances(xp, p), tolerances(xp, q)
    p, q = cast(xp, p, dtype), cast(xp, q, dtype)
    value = xp.where(valid(xp, p, eps_p) & valid(xp, q, eps_q), evaluate(xp, p, q), math.nan)
    return xp.astype(value, dtype)


def in_base(value: Array, base: Any) -> Array:
    """Return a divergence in nats in another base, or raise ValueError."""
    if isinstance(base, bool) or not isinstance(base, Real) or not 1 < float(base) < math.inf:
        static = "; under a compiler it must be a static argument" if hasattr(base, "dtype") else ""
        raise ValueError(f"base must be a number above 1, such as 2 for bits; got {base!r}{static}")
    return value / math.log(base)
