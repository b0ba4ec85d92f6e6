"""What a minimization minimizes: a divergence, as a function of arrays that stand for the parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from kldiv._arrays.namespace import computing_dtype
from kldiv._arrays.protocol import Array, DType, Namespace
from kldiv._core.family import Family, fields_of, kind_of
from kldiv._core.parameters import (
    batch_zeros,
    broadcast_batch,
    cast,
    constant,
    gather_families,
    leaves,
    require_family,
    unflatten,
    walk,
)
from kldiv._core.registry import NoClosedForm
from kldiv._core.search import find
from kldiv._core.validation import check_structure, diagnose_all, tolerances, valid
from kldiv._numerics.categorical import categorical_logits_gap
from kldiv.estimation.estimate_result import Method
from kldiv.fitting.charts import MovedParameter, bound, free, is_moved, moved_parameters
from kldiv.fitting.grid import Grid, cell_logits, gather_grid, log_weights
from kldiv.fitting.samples import append_axes

Divergence: TypeAlias = Callable[[Family], Array]


class Problem(NamedTuple):
    """What is minimized, from arrays that stand for the parameters."""

    xp: Namespace
    dtype: DType
    zeros: Array  # of the shape of the batch
    template: Family
    eps: Family
    divergence: Divergence
    parameters: list[MovedParameter]
    unconstrained: bool

    def member(self, numbers: list[Array]) -> Family:
        """Return the distribution that numbers stand for."""
        with self.xp.ignore_warnings():
            return bound(self.xp, self.template, iter(numbers), self.unconstrained)

    def value(self, *numbers: Array) -> Array:
        """Return the divergence, nan where a parameter is invalid."""
        q = self.member(list(numbers))
        return self.xp.where(valid(self.xp, q, self.eps), self.divergence(q), math.nan)


def _between(xp: Namespace, target: Family, init: Family, forward: bool, method: Method) -> Divergence:
    """Return the divergence of a distribution from or to the target: its closed form, or an estimate."""
    pair = (kind_of(target), kind_of(init)) if forward else (kind_of(init), kind_of(target))
    if method in ("auto", "closed-form"):
        try:
            evaluate = find(*pair).evaluate
        except NoClosedForm:
            if method == "closed-form":
                raise
        else:
            return lambda q: evaluate(xp, target, q) if forward else evaluate(xp, q, target)
    from kldiv.estimation.estimate import estimate

    def estimated(q: Family) -> Array:
        # One and the same seed, so that what is minimized is a function.
        p, q = (target, q) if forward else (q, target)
        return estimate(p, q, method=method, rng=0).value

    return estimated


def _on_grid(xp: Namespace, target: Grid, forward: bool) -> Divergence:
    """Return the divergence of a distribution, made discrete and normalized on the grid, from or to the target."""
    logits = cell_logits(xp, target)

    def divergence(q: Family) -> Array:
        of_q = log_weights(xp, q, target.points, target.width)
        if not forward:
            return categorical_logits_gap(xp, of_q, logits)
        return target.total * (categorical_logits_gap(xp, logits, of_q) + xp.log(target.total))

    return divergence


class _Aim(NamedTuple):
    """What a minimization goes for: a constant target, and the divergence from or to it."""

    xp: Namespace
    dtype: DType
    target: Family
    init: Family
    divergence: Divergence


def make_problem(target: Any, init: Family, forward: bool, unconstrained: bool, method: Method) -> Problem:
    """Return the minimization of the divergence between a target and the family of `init`."""
    require_family(init, "init")
    aim = _aim_at_grid(target, init, forward) if isinstance(target, Grid) else _aim_at(target, init, forward, method)
    xp, init = aim.xp, aim.init
    template = _broadcast_moved(xp, constant(xp, cast(xp, init, aim.dtype)))
    parameters = list(moved_parameters(template, unconstrained))
    if not parameters:
        raise ValueError(f"{type(init).__name__} has no parameter that can be moved")
    zeros = batch_zeros(xp, aim.target) + batch_zeros(xp, template)
    eps = tolerances(xp, init)
    return Problem(xp, aim.dtype, zeros, template, eps, aim.divergence, parameters, unconstrained)


def _aim_at(target: Family, init: Family, forward: bool, method: Method) -> _Aim:
    xp, arrays, dtype, (target, init) = gather_families(target=target, init=init)
    _require_concrete(xp, arrays)
    check_structure(xp, target, init)
    diagnose_all(xp, dtype, target=target, init=init)
    target = constant(xp, cast(xp, target, dtype))
    return _Aim(xp, dtype, target, init, _between(xp, target, init, forward, method))


def _aim_at_grid(grid: Grid, init: Family, forward: bool) -> _Aim:
    xp, arrays, dtype, grid, (init,) = gather_grid(grid, init=init)
    _require_concrete(xp, arrays)
    target = constant(xp, cast(xp, grid.distribution, dtype))
    computing = computing_dtype(xp, dtype)
    points, width, mass, total = (xp.astype(x, computing) for x in (grid.points, grid.width, grid.mass, grid.total))
    if any(field.axes for field in fields_of(type(init))):
        raise ValueError(f"init is a {type(init).__name__}; the target is a grid of numbers")
    if not forward and bool(xp.any(xp.abs(total - 1) > float(xp.finfo(dtype).eps) ** 0.5)):
        raise ValueError('the weights of the grid do not sum to 1; only direction="forward" has a meaning')
    diagnose_all(xp, dtype, init=init)
    return _Aim(xp, dtype, target, init, _on_grid(xp, Grid(points, width, target, mass, total), forward))


def _broadcast_moved(xp: Namespace, d: Family) -> Family:
    """Return the distribution with its moved parameters broadcast to its batch, so that each moves by itself."""
    broadcast = leaves(broadcast_batch(xp, d))
    return unflatten(d, iter([x if is_moved(p) else p.value for p, x in zip(walk(d), broadcast, strict=True)]))


def _require_concrete(xp: Namespace, arrays: list[Array]) -> None:
    if not all(xp.is_concrete(x) for x in arrays):
        raise TypeError("fit is a loop in Python: call it outside of compiled functions and transforms")


def start(problem: Problem) -> list[Array]:
    """Return the numbers to start from, those of each batch element on their own."""
    xp = problem.xp
    with xp.ignore_warnings():
        numbers = free(xp, problem.template, problem.unconstrained)
    for parameter, x in zip(problem.parameters, numbers, strict=True):
        if not bool(xp.all(xp.isfinite(x))):
            raise ValueError(
                f"{parameter.owner}.{parameter.name} of init is at the edge of its domain, which no step leaves; "
                "start from inside it"
            )
    pairs = zip(problem.parameters, numbers, strict=True)
    return [x + append_axes(problem.zeros, p.axes) for p, x in pairs]
