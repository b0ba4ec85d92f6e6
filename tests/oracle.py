"""What the oracle knows of a family: records, without a formula for any divergence.

A family is one `Oracle`, and a parametrization of it the same record with another ``convert``. The records lie in
``oracles/``, one file for each file of ``kldiv/families/``. Such a file offers, by the names of families, ``ORACLES``,
and where the cases need them ``BOUNDS``, ``DRAWS`` and ``NEAR`` (see ``cases.py``). Nothing of kldiv is imported.
"""

import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import mpmath
import numpy as np

Real: TypeAlias = Any  # a number of the context ``mp``; mpmath carries no types
Parameters: TypeAlias = Any  # of one batch element: floats, vectors and matrices, as nested sequences or arrays
Bound: TypeAlias = float | dict[str, float]  # in ulps, one for all kinds of parameters or one for each
Draw: TypeAlias = Callable[[np.random.Generator, str, str, int], dict[str, np.ndarray]]  # of a kind, a dtype, a size
Near: TypeAlias = Callable[[np.random.Generator, dict[str, np.ndarray], np.ndarray], dict[str, np.ndarray]]
Statistic: TypeAlias = tuple[Any, ...]  # a name, then what it depends on: ("x^2",), ("x x", 0, 1), ("x^k", 2.5)

mp = mpmath.mp.clone()  # a context of our own: mpmath's global precision is neither read nor changed
mp.dps = 50  # precision of returned numbers and of arithmetic between them


# --- Supports: where a distribution has mass -------------------------------------------------------------------------


@dataclass(frozen=True)
class Interval:
    """Continuous on (low, high); the ends may be infinite."""

    low: Real
    high: Real


@dataclass(frozen=True)
class Space:
    """Continuous on all of R^dimension."""

    dimension: int


@dataclass(frozen=True)
class Manifold:
    """Continuous on a set of vectors or matrices, which ``space`` names."""

    space: str
    dimension: int  # of an outcome


@dataclass(frozen=True)
class Atoms:
    """Finitely many points, each of positive probability."""

    points: tuple[Real, ...]


@dataclass(frozen=True)
class Integers:
    """Positive probability on each of low, low + 1, low + 2, ..."""

    low: int


Support: TypeAlias = Interval | Space | Manifold | Atoms | Integers


def covers(outer: Support, inner: Support) -> bool:
    """Whether every set of positive mass on ``inner`` has positive mass on ``outer`` (absolute continuity)."""
    match outer, inner:
        case Interval(), Interval():
            return bool(outer.low <= inner.low and inner.high <= outer.high)
        case Space(), Space():
            if outer.dimension != inner.dimension:
                raise ValueError(f"event sizes differ: {inner.dimension} of p, {outer.dimension} of q")
            return True
        case Manifold(), Manifold():
            if outer.space == inner.space and outer.dimension != inner.dimension:
                raise ValueError(f"event sizes differ: {inner.dimension} of p, {outer.dimension} of q")
            return outer.space == inner.space
        case Atoms(), Atoms():
            return all(point in outer.points for point in inner.points)
        case Integers(), Atoms():
            return all(point >= outer.low and point == math.floor(point) for point in inner.points)
        case Integers(), Integers():
            return outer.low <= inner.low
        case _:  # an infinite set in a finite one, or discrete against continuous: mutually singular somewhere
            return False


# --- Oracles ---------------------------------------------------------------------------------------------------------


def unchanged(*parameters: Any) -> tuple[Any, ...]:
    return parameters


def _no_kinks(*parameters: Any) -> tuple[Real, ...]:
    return ()


def _no_bulk(*parameters: Any) -> tuple[Any, Any]:
    raise NotImplementedError("without `bulk` the definition of this family cannot be evaluated")


@dataclass(frozen=True)
class Oracle:
    """What is known of a family. Every function takes the parameters that ``convert`` makes of the public ones.

    ``log_density(*parameters)`` returns the function x -> log p(x), its normalizing constant computed once.

    ``log_terms`` and ``expectations`` are optional and serve ``kl``: log p(x) = sum of coefficient * statistic(x), and
    the expectation of statistic ``(name, *args)`` under the family is ``expectations[name](*args, *parameters)``. The
    constant statistic is ``("1",)``. They are written separately from ``log_density``, so that ``definition`` checks
    them.

    ``bulk`` and ``kinks`` serve ``definition``: where the mass is (centre and width; for vectors centre and triangular
    factor), and the points where the density is not analytic.
    """

    log_density: Callable[..., Callable[[Any], Real]]
    support: Callable[..., Support]
    convert: Callable[..., tuple[Any, ...]] = unchanged
    log_terms: Callable[..., dict[Statistic, Real]] | None = None
    expectations: Mapping[str, Callable[..., Real]] = field(default_factory=dict)
    bulk: Callable[..., tuple[Any, Any]] = _no_bulk
    kinks: Callable[..., tuple[Real, ...]] = _no_kinks
    lower_triangular: int | None = None  # place of the parameter that is read only on and below its diagonal
    few_outcomes: bool = False  # so few that adding them up is quick

    @property
    def is_quick(self) -> bool:
        """Whether divergences are sums of closed expectations or of few terms, rather than integrals."""
        return self.few_outcomes or self.log_terms is not None


def real_line(*parameters: Any) -> Support:
    return Interval(-mp.inf, mp.inf)


def half_line(*parameters: Any) -> Support:
    return Interval(mp.zero, mp.inf)


def unit_interval(*parameters: Any) -> Support:
    return Interval(mp.zero, mp.one)


def at_loc(loc: Real, *parameters: Real) -> tuple[Real, ...]:
    """The kink of a density whose first parameter is its location."""
    return (loc,)


def power_of_x(k: Real) -> Statistic:
    """The statistic x^k, by the name that it shares with other families."""
    return {1: ("x",), 2: ("x^2",)}.get(k, ("x^k", k))


def expectations_of_powers(power: Callable[..., Real]) -> dict[str, Callable[..., Real]]:
    """The expectations of x, x^2 and x^k, from that of x^k."""
    return {
        "x": lambda *parameters: power(mp.one, *parameters),
        "x^2": lambda *parameters: power(mp.mpf(2), *parameters),
        "x^k": power,
    }


def xlogy(x: Real, y: Real) -> Real:
    return x * mp.log(y) if x else mp.zero


def merged(name: str) -> dict[str, Any]:
    """Return the dictionaries of that name in all files of ``oracles/``, as one."""
    files = sorted(Path(__file__).with_name("oracles").glob("*.py"))
    modules = [importlib.import_module(f"oracles.{file.stem}") for file in files]
    return {family: value for module in modules for family, value in getattr(module, name, {}).items()}
