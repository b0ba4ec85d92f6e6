"""Whether the tail of some terms is so heavy that their mean or its error means little, and quantiles; on the host."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import ndtri, stdtrit

from kldiv._arrays.protocol import Array, Namespace
from kldiv.estimation.components import Components

MOST = 2**14  # values that are looked at
SHARE = 0.1  # of all squares that the largest must have


def is_heavy(xp: Namespace, components: Components, values: Array, limit: float, *, cautious: bool = False) -> Array:
    """Return where the tail index of values is above a limit; 1/2 is that of an infinite variance.

    A generalized Pareto distribution is fitted to the largest values, and to the smallest, by the method of Zhang and
    Stephens (2009), as in Pareto smoothed importance sampling. A tail that reaches into a second mode looks heavy too,
    so the largest value must stand out as well, unless one is cautious. Of values that are not known nothing is told.
    """
    still = xp.stop_gradient(values)
    mask = xp.zeros_like(still[0, ...])
    if xp.is_concrete(still):
        heavy = has_heavy_tail(np.asarray(xp.to_numpy(still), dtype=np.float64), limit, cautious=cautious)
        mask = mask + xp.asarray_like(heavy.astype(float).tolist(), still, still.dtype)
    if components.weights is not None:
        weights = xp.stop_gradient(components.weights)
        mask = xp.max(xp.where(weights > 0, mask, 0.0), axis=tuple(range(-components.axes, 0)))
    return mask > 0


def has_heavy_tail(values: Any, limit: float, *, cautious: bool = False) -> Any:
    """Return the same for values on the host, along their first axis."""
    x = np.sort(np.where(np.isfinite(values), values, 0.0)[-MOST:], axis=0)
    heavy = _has_index_above(x, limit, cautious) | _has_index_above(-x[::-1], limit, cautious)
    if cautious:
        return heavy
    squares = (x - x.mean(axis=0)) ** 2
    return heavy & (squares.max(axis=0) > SHARE * squares.sum(axis=0))


def _has_index_above(x: Any, limit: float, cautious: bool) -> Any:
    count = min(x.shape[0] // 5, int(3 * x.shape[0] ** 0.5))
    if count < 10:
        return np.zeros(x.shape[1:], dtype=bool)
    index = tail_index(x[-count:] - x[-count - 1])
    return (index > limit) | (cautious & np.isnan(index))


def tail_index(excess: Any) -> Any:
    """Return the shape of the generalized Pareto distribution of sorted excesses along the first axis.

    It is -inf where all are 0, and nan where too many are for a fit.
    """
    n = excess.shape[0]
    candidates = 30 + int(n**0.5)
    quarter, top = excess[int(n / 4 + 0.5) - 1], excess[-1]
    j = np.arange(1, candidates + 1).reshape(-1, *[1] * quarter.ndim)
    with np.errstate(all="ignore"):
        b = 1 / top + (1 - np.sqrt(candidates / (j - 0.5))) / (3 * quarter)
        k = np.log1p(-b[:, None] * excess[None]).mean(axis=1)
        likelihood = n * (np.log(-b / k) - k - 1)
        weights = 1 / np.exp(likelihood[None] - likelihood[:, None]).sum(axis=1)
        best = (b * weights).sum(axis=0) / weights.sum(axis=0)
        shape = np.log1p(-best * excess).mean(axis=0)
    return np.where(top > 0, shape, -np.inf)


def normal_quantile(confidence: float) -> float:
    """Return how many standard errors half an interval is long."""
    return float(ndtri(0.5 + 0.5 * confidence))


def student_quantile(confidence: float, df: int) -> float:
    """Return the same for a standard error of so many degrees of freedom."""
    return float(stdtrit(df, 0.5 + 0.5 * confidence))
