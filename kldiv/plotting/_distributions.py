"""What the pictures ask of a distribution."""

import numpy as np

from kldiv._core.family import Family, kind_of, name_of, support_of
from kldiv._core.parameters import named_leaves, unflatten
from kldiv.plotting._arguments import Vector, as_numpy


def on_host(d: Family) -> Family:
    """Return a distribution with its parameters as NumPy arrays of float64."""
    return unflatten(d, iter([as_numpy(x, name) for name, x in named_leaves(d, "the distribution")]))


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
