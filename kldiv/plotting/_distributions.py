"""What the pictures ask of a distribution."""

import math
from typing import Any

import numpy as np

from kldiv._core.family import Family, held_kinds, kind_of, name_of, support_of
from kldiv._core.parameters import describe, gather_families, named_leaves, unflatten
from kldiv._core.validation import check_structure, diagnose_all
from kldiv.backends import numpy
from kldiv.estimation.estimate import estimate
from kldiv.fitting.grid import Grid
from kldiv.plotting._arguments import Vector, as_numpy

_NEGLIGIBLE = 1e-9  # an error of a divergence


def on_host(d: Family) -> Family:
    """Return a distribution with its parameters as NumPy arrays of float64."""
    return unflatten(d, iter([as_numpy(x, name) for name, x in named_leaves(d, "the distribution")]))


def without_grid(d: Any) -> Any:
    """Return a distribution as it is, and that of a density on a grid."""
    return d.distribution if isinstance(d, Grid) else d


def read_pair(p: Any, q: Any) -> tuple[Family, Family]:
    """Return P and Q on the host; raise unless they are valid, and both continuous, both discrete or both of pairs."""
    xp, _, dtype, (p, q) = gather_families(p=without_grid(p), q=without_grid(q))
    check_structure(xp, p, q)
    diagnose_all(xp, dtype, p=p, q=q)
    p, q = on_host(p), on_host(q)
    if is_planar(p) and is_planar(q):
        return p, q
    if is_discrete(p, "p") != is_discrete(q, "q"):
        names = f"p, {name_of(kind_of(p))}, and q, {name_of(kind_of(q))}"
        raise ValueError(f"{names}, have no picture in common: one has a density, the other probabilities")
    return p, q


def outcome_space(d: Family) -> str:
    """Return "line", "integers" or "circle", or "" for a distribution whose outcomes are not numbers."""
    support = support_of(kind_of(d))
    return support.space if support is not None and support.space in ("line", "integers", "circle") else ""


def is_discrete(d: Family, name: str) -> bool:
    """Tell whether outcomes are integers; raise ValueError if they are not numbers, or for a batch."""
    space = outcome_space(d)
    if not space:
        family = name_of(kind_of(d))
        raise ValueError(f"the outcomes of {name}, {family}, are not numbers on a line; they have no picture here")
    batch = np.shape(log_density(d, np.asarray(0.0)))
    if batch:
        raise ValueError(f"{name} is a batch of distributions, of shape {batch}; pass one of them")
    return space == "integers"


def log_density(d: Family, x: Vector) -> Vector:
    """Return the log density, of a distribution on the host, without warnings at the ends of its support."""
    with np.errstate(all="ignore"):
        return np.asarray(d.log_density(x))


def is_planar(d: Family) -> bool:
    """Tell whether an outcome, of a distribution on the host, is a pair of real numbers."""
    layout = describe(numpy, d, "the distribution")
    spaces = [support_of(kind) for kind in (layout.kind, *held_kinds(layout.kind))]
    real = any(support is not None and support.space in ("vectors", "line") for support in spaces)
    return real and (layout.batch_shape, layout.event_shape) == ((), (2,))


def divergence_text(p: Family, q: Family) -> str:
    """Return the divergence as "= value", with the error of an estimate where it is not negligible."""
    result = estimate(p, q, atol=_NEGLIGIBLE)
    value, error = float(result.value), float(result.error)
    if value == math.inf:
        return "= ∞"
    exact = error <= max(5e-5 * abs(value), _NEGLIGIBLE)
    return f"= {value:.4g} nats" if exact else f"= {value:.4g} ± {error:.1g} nats"
