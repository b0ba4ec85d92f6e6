"""What a minimization minimizes: a divergence, as a function of arrays that stand for the parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from kldiv._arrays.namespace import computing_dtype, gather
from kldiv._arrays.protocol import Array, DType, Namespace
from kldiv._core.family import Family, as_kind, fields_of, kind_of, name_of
from kldiv._core.foreign import as_family, is_distribution
from kldiv._core.parameters import (
    batch_zeros,
    broadcast_batch,
    cast,
    constant,
    describe,
    gather_families,
    leaves,
    named_leaves,
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
from kldiv.fitting.likelihood import behind_batch, extremes, first_member, mean_surprisal, narrowness
from kldiv.fitting.samples import Samples, append_axes, arrange, require_outcomes, require_weights

Divergence: TypeAlias = Callable[[Family], Array]


class Frame(NamedTuple):
    """Where numbers are 0, and their units: a location of 1e6 is moved in steps of the spread of the samples."""

    origin: list[Array]
    units: list[Array | float]


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
    ends: dict[str, Array]  # parameters that samples set
    size: Array | None  # how many samples there are, None where the target is none of samples
    frame: Frame | None

    def member(self, numbers: list[Array]) -> Family:
        """Return the distribution that numbers stand for."""
        if self.frame is not None:
            numbers = [o + u * x for o, u, x in zip(self.frame.origin, self.frame.units, numbers, strict=True)]
        with self.xp.ignore_warnings():
            q = bound(self.xp, self.template, iter(numbers), self.unconstrained)
            return q._replace(**{name: end + 0 * getattr(q, name) for name, end in self.ends.items()})

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
    """What a minimization goes for: the divergence from or to a constant target, or from samples."""

    xp: Namespace
    dtype: DType
    zeros: Array  # of the batch of the target
    init: Family
    divergence: Divergence
    ends: dict[str, Array]
    size: Array | None
    spread: Array | None  # of samples that are numbers


def make_problem(
    target: Any, init: Any, forward: bool, unconstrained: bool, method: Method, weights: Any = None
) -> Problem:
    """Return the minimization of the divergence between a target and the family of `init`."""
    if is_distribution(target):
        target = as_family(target, "target")
    if isinstance(target, Grid) or fields_of(type(target)):
        init = as_family(init, "init")
        if weights is not None:
            raise TypeError("weights are those of samples; a weighted set of distributions is a Mixture")
    if isinstance(target, Grid):
        aim = _aim_at_grid(target, init, forward)
    elif fields_of(type(target)):
        aim = _aim_at(target, init, forward, method)
    else:
        aim = _aim_at_samples(target, weights, init, forward, method)
    xp, init = aim.xp, aim.init
    template = _broadcast_moved(xp, constant(xp, cast(xp, init, aim.dtype)))
    parameters = list(moved_parameters(template, unconstrained))
    if not (parameters or aim.ends):
        raise ValueError(f"{type(init).__name__} has no parameter that can be moved")
    zeros = aim.zeros + batch_zeros(xp, template)
    eps = tolerances(xp, init)
    problem = Problem(
        xp, aim.dtype, zeros, template, eps, aim.divergence, parameters, unconstrained, aim.ends, aim.size, None
    )
    if aim.spread is None or not unconstrained:
        return problem
    units = [append_axes(aim.spread, p.axes) if p.is_real else 1.0 for p in parameters]
    return problem._replace(frame=Frame(start(problem), units))


def _aim_at(target: Family, init: Family, forward: bool, method: Method) -> _Aim:
    xp, arrays, dtype, (target, init) = gather_families(target=target, init=init)
    _require_concrete(xp, arrays)
    check_structure(xp, target, init)
    diagnose_all(xp, dtype, target=target, init=init)
    target = constant(xp, cast(xp, target, dtype))
    return _Aim(xp, dtype, batch_zeros(xp, target), init, _between(xp, target, init, forward, method), {}, None, None)


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
    grid = Grid(points, width, target, mass, total)
    return _Aim(xp, dtype, batch_zeros(xp, target), init, _on_grid(xp, grid, forward), {}, None, None)


def _aim_at_samples(x: Any, weights: Any, init: Any, forward: bool, method: Method) -> _Aim:
    """Return the aim of maximum likelihood: the divergence from the empirical distribution, but for its entropy."""
    if not forward:
        raise ValueError('samples have no density; for them only direction="forward" has a meaning')
    if method != "auto":
        raise ValueError(f'samples have a likelihood; for them method must be "auto"; got {method!r}')
    init = as_family(init, "init") if is_distribution(init) else first_member(as_kind(init), x, weights)
    named = {"target": x, **({} if weights is None else {"weights": weights}), **dict(named_leaves(init, "init"))}
    xp, arrays, dtype = gather(list(named.values()), list(named))
    _require_concrete(xp, arrays)
    gathered = dict(zip(named, map(xp.stop_gradient, arrays), strict=True))
    init = unflatten(init, iter([gathered[name] for name, _ in named_leaves(init, "init")]))
    event = len(describe(xp, init, "init").event_shape)
    values = xp.astype(gathered["target"], computing_dtype(xp, dtype))
    samples = arrange(xp, values, gathered.get("weights"), event, "target", type(init).__name__)
    require_weights(xp, samples.weights)
    ends = extremes(xp, type(init), samples)
    known = {f.name: x for f, x in zip(fields_of(type(init)), init, strict=True) if f.name not in ends}
    require_outcomes(xp, samples.values, kind_of(init), known, "target")
    _require_variation(xp, samples, init, ends)
    init = init._replace(**ends)
    diagnose_all(xp, dtype, init=init)
    zeros = xp.zeros_like(samples.values[(0, ..., *[0] * event)])
    count = xp.sum(samples.weights, axis=0)
    behind = behind_batch(xp, samples)
    spread = None if event else narrowness(xp, samples)
    return _Aim(xp, dtype, zeros, init, lambda q: mean_surprisal(xp, q, behind), ends, count, spread)


def _require_variation(xp: Namespace, samples: Samples, init: Family, ends: dict[str, Array]) -> None:
    """Raise ValueError if numbers are all equal and more than one parameter is free: no member is the likeliest."""
    moved = [x for x in walk(init) if is_moved(x) and x.field.name not in ends]
    if len(moved) < 2 or len(xp.shape(samples.values)) > len(xp.shape(samples.weights)):
        return
    off = xp.where(samples.weights > 0, xp.abs(samples.values - samples.values[:1, ...]), 0.0)
    if not bool(xp.all(xp.max(off, axis=0) > 0)):
        raise ValueError(
            f"the samples do not vary: the likelihood of {name_of(kind_of(init))} has no maximum; hold a parameter "
            "fixed by a family that has fewer of them"
        )


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
    if problem.frame is not None:
        return [xp.zeros_like(x) for x in problem.frame.origin]
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
