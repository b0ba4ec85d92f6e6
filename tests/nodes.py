"""Where the density of a family on the line is looked at to integrate it, from what the oracle knows of its mass."""

import itertools
from typing import Any

import numpy as np
import scipy.special

from oracle import Interval, Oracle


def nodes_of(record: Oracle, parameters: tuple[Any, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes, in order, and weights that integrate a density over its interval, for the record's parameters."""
    support = record.support(*parameters)
    assert isinstance(support, Interval)
    kinks = sorted(float(x) for x in record.kinks(*parameters) if support.low < x < support.high)
    bulk = [float(x) for x in record.bulk(*parameters)]
    pieces = [
        _double_exponential(low, high, *bulk)
        for low, high in itertools.pairwise([float(support.low), *kinks, float(support.high)])
    ]
    nodes, weights = (np.concatenate(arrays) for arrays in zip(*pieces, strict=True))
    order = np.argsort(nodes)
    return nodes[order], weights[order]


def _double_exponential(low: float, high: float, centre: float, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of the trapezoid rule in a variable that stretches both ends of an interval."""
    u, step = np.linspace(-5.2, 5.2, 4001, retstep=True)
    t, slope = np.pi / 2 * np.sinh(u), np.pi / 2 * np.cosh(u) * step
    if np.isinf(low) and np.isinf(high):
        return centre + width * np.sinh(t), width * np.cosh(t) * slope
    if np.isinf(high):
        distance = centre - low if centre > low else width
        return low + distance * np.exp(t), distance * np.exp(t) * slope
    if np.isinf(low):
        distance = high - centre if centre < high else width
        return high - distance * np.exp(t), distance * np.exp(t) * slope
    fraction = scipy.special.expit(2 * t)
    return low + (high - low) * fraction, (high - low) * 2 * fraction * scipy.special.expit(-2 * t) * slope
