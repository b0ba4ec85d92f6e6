"""What the oracle knows of VonMises."""

import itertools
from collections.abc import Callable
from typing import Any

from oracle import Bound, Interval, Oracle, Real, Statistic, mp
from oracles.von_mises_fisher import log_area, log_mean_exp, resultant


def circle(*parameters: Any) -> Interval:
    return Interval(-mp.pi, mp.pi)


def wrapped(angle: Real) -> Real:
    return angle - 2 * mp.pi * mp.floor((angle + mp.pi) / (2 * mp.pi))


# VonMises(loc, concentration)
def _von_mises_log_density(loc: Real, kappa: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.log(2 * mp.pi * mp.besseli(0, kappa))
    return lambda x: kappa * mp.cos(x - loc) - log_normalizer


def _von_mises_log_terms(loc: Real, kappa: Real) -> dict[Statistic, Real]:
    return {
        ("1",): -log_area(2) - log_mean_exp(2, kappa),
        ("cos x",): kappa * mp.cos(loc),
        ("sin x",): kappa * mp.sin(loc),
    }


def _von_mises_log_distance(r: Real, m: Real, loc: Real, kappa: Real) -> Real:
    total, base = mp.zero, mp.besseli(0, kappa)
    for j in itertools.count(1):
        term = r**j / j * mp.besseli(j, kappa) / base
        if term < mp.eps * mp.mpf(10) ** -5:
            return -2 * total
        total += term * mp.cos(j * (loc - m))
    raise AssertionError


VON_MISES = Oracle(
    log_density=_von_mises_log_density,
    support=circle,
    log_terms=_von_mises_log_terms,
    expectations={
        "cos x": lambda loc, kappa: resultant(2, kappa) * mp.cos(loc),
        "sin x": lambda loc, kappa: resultant(2, kappa) * mp.sin(loc),
        "log |1 - r exp(i (x - m))|^2": _von_mises_log_distance,
    },
    bulk=lambda loc, kappa: (wrapped(loc), 1 / mp.sqrt(1 + kappa)),
)

ORACLES: dict[str, Oracle] = {"VonMises": VON_MISES}

BOUNDS: dict[str, Bound] = {"VonMises": 8.0}
