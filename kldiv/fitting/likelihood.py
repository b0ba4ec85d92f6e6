"""Maximum likelihood: what is minimized for samples, and where to start."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kldiv import domains
from kldiv._arrays.namespace import gather
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family, FamilyKey, Field, class_of, fields_of, held_kinds, name_of, support_of
from kldiv._core.parameters import insert_batch_axes, tree_map
from kldiv._numerics.edges import product
from kldiv.domains import Condition
from kldiv.fitting.moment_matching import base_of, projections
from kldiv.fitting.projection import project
from kldiv.fitting.samples import Samples, arrange, require_outcomes

_Numbers = NDArray[np.floating[Any]]


def behind_batch(xp: Namespace, samples: Samples) -> Samples:
    """Return samples along the last axis of their batch, where parameters may have more axes in front."""
    batch = len(xp.shape(samples.weights)) - 1
    moved = [np.moveaxis(np.asarray(xp.to_numpy(x)), 0, batch) for x in samples]
    return Samples(*[xp.asarray_like(x, like, like.dtype) for x, like in zip(moved, samples, strict=True)])


def mean_surprisal(xp: Namespace, q: Family, samples: Samples) -> Array:
    """Return the weighted mean of -log q(x) over samples along the last axis of the batch."""
    surprisal = -insert_batch_axes(xp, q).log_density(samples.values)
    return xp.sum(product(xp, samples.weights, surprisal), axis=-1) / xp.sum(samples.weights, axis=-1)


def narrowness(xp: Namespace, samples: Samples) -> Array:
    """Return the spread of samples, at most 1."""
    spread = _Scales(np.asarray(xp.to_numpy(samples.values), np.float64)).spread
    return xp.asarray_like(np.minimum(spread, 1.0), samples.values, samples.values.dtype)


def extremes(xp: Namespace, cls: type, samples: Samples) -> dict[str, Array]:
    """Return the parameters that are ends of the support, at the extremes of the samples.

    A density that is cut off there is the larger, the shorter its support: the likelihood is largest at the extremes.
    """
    weighted = samples.weights > 0
    low, high = _ends(cls)
    values: dict[str, Array] = {}
    if low:
        values[low] = -xp.max(xp.where(weighted, -samples.values, -math.inf), axis=0)
    if high:
        values[high] = xp.max(xp.where(weighted, samples.values, -math.inf), axis=0)
    return values


def _ends(cls: type) -> tuple[str, str]:
    """Return the names of the parameters that cut off the density of a family, "" where there is none."""
    support = support_of(cls)
    # The number of trials of a binomial distribution is an end that does more than to cut off.
    cutting = {f.name for f in fields_of(cls) if f.domain and f.domain.conditions != domains.Count.conditions}
    if support is None or support.space not in ("line", "integers"):
        return "", ""
    low, high = (end if isinstance(end, str) and end in cutting else "" for end in (support.low, support.high))
    return low, high


# ------------------------------------------------------------------------------------------------------ where to start


def first_member(kind: FamilyKey, x: Any, weights: Any) -> Family:
    """Return a member of a family from which to climb the likelihood of samples."""
    base, _ = base_of(kind)
    projection = projections.get(class_of(base))
    if projection is not None and not projection.fixed:
        return project(x, kind, weights=weights)
    if held_kinds(kind) or any(_guesses_of(field) is None for field in _free_fields(class_of(kind))):
        raise TypeError(f"to fit {name_of(kind)} to samples, pass one of its members, from which to start")
    xp, (x,), dtype = gather([x], ["target"])
    arrange(xp, x, None, 0, "target", name_of(kind))
    require_outcomes(xp, x, kind, {}, "target")
    guess = _best_guess(class_of(kind), np.asarray(xp.to_numpy(x), np.float64))
    return tree_map(lambda value: xp.asarray_like(value, x, dtype), guess)


def _free_fields(cls: type) -> list[Field]:
    return [field for field in fields_of(cls) if field.name not in _ends(cls)]


class _Scales:
    """What numbers of samples are like: some of their quantiles, for each batch element."""

    def __init__(self, x: _Numbers) -> None:
        low, self.median, high = np.quantile(x, [0.25, 0.5, 0.75], axis=0)
        spread = np.where(high > low, high - low, np.std(x, axis=0))
        self.spread = np.where(spread > 0, spread, 1.0)
        size = np.quantile(np.abs(x), 0.5, axis=0)
        self.size = np.where(size > 0, size, self.spread)


def _constants(*values: float) -> Callable[[_Scales], list[Any]]:
    return lambda scales: list(values)


# What a parameter may be to begin with.
_GUESSES: list[tuple[domains.Domain, Callable[[_Scales], list[Any]]]] = [
    (domains.Real, lambda s: [s.median, 0.0, np.log(s.size)]),
    *(
        (domain, lambda s: [0.5, 1.0, 3.0, s.spread, 1 / s.spread, s.size, 1 / s.size])
        for domain in (domains.Positive, domains.NonNegative)
    ),
    *(
        (domain, _constants(0.1, 0.5, 0.9))
        for domain in (
            domains.UnitInterval,
            domains.OpenUnitInterval,
            domains.LeftOpenUnitInterval,
            domains.ZeroToBelowOne,
        )
    ),
    (domains.AboveOne, _constants(1.2, 2.0, 4.0)),
    (domains.Logit, _constants(-2.0, 0.0, 2.0)),
]
_BY_CONDITIONS: dict[tuple[Condition, ...], Callable[[_Scales], list[Any]]] = {d.conditions: g for d, g in _GUESSES}


def _guesses_of(field: Field) -> Callable[[_Scales], list[Any]] | None:
    domain = field.domain
    if domain is None or field.axes or domain.low or domain.high:
        return None
    return _BY_CONDITIONS.get(domain.conditions)


def _best_guess(cls: Any, x: _Numbers) -> Family:
    """Return the likeliest of all members whose parameters are among the guesses, for each batch element."""
    scales = _Scales(x)
    fields = _free_fields(cls)
    guesses = [[np.broadcast_to(g, x.shape[1:]) for g in (_guesses_of(f) or _constants())(scales)] for f in fields]
    combined = {
        f.name: np.stack(v) for f, v in zip(fields, zip(*itertools.product(*guesses), strict=True), strict=True)
    }
    low, high = _ends(cls)
    cut = {name: end for name, end in ((low, x.min(axis=0)), (high, x.max(axis=0))) if name}
    some = x[:: max(1, len(x) // 200)]
    with np.errstate(all="ignore"):
        member = cls(**{name: combined[name] if name in combined else cut[name] for name in cls._fields})
        likelihood = np.sum(member.log_density(some[:, None]), axis=0)
    best = np.argmax(np.where(np.isnan(likelihood), -np.inf, likelihood), axis=0)
    chosen = {name: np.take_along_axis(values, best[None], axis=0)[0] for name, values in combined.items()}
    return cls(**{name: chosen[name] if name in chosen else cut[name] for name in cls._fields})
