"""The p-value of a permutation test, whose statistic is the estimate by nearest neighbours; on the host."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial import KDTree
from scipy.special import psi
from scipy.stats import permutation_test

from kldiv.estimation.cells import Points, separate
from kldiv.estimation.neighbour_estimate import apart
from kldiv.estimation.neighbours import standardized

_NEIGHBOURS = 4  # of both samples are known, for each of one sample that is sought


def p_value(samples: dict[str, Points], k: int, n_resamples: int, rng: Any) -> float:
    """Return the share of permutations whose statistic is at least that of the samples."""
    n, both = len(samples["x"]), sum(map(len, samples.values()))
    statistic = _Statistic(samples, k)
    result = permutation_test(
        (np.arange(n), np.arange(n, both)),
        statistic,
        n_resamples=n_resamples,
        alternative="greater",
        random_state=np.random.default_rng(rng),  # pyright: ignore[reportCallIssue]  # SciPy 1.14 knows no `rng`
    )
    return float(result.pvalue)


class _Statistic:
    """The estimate, but for a constant, if points at given places are those of x.

    Whatever is computed here of the points does not depend on the sample that they belong to. Of the neighbours of a
    point only some are known; where too few are of the sample that is sought, the furthest stands for the others.
    """

    def __init__(self, samples: dict[str, Points], k: int) -> None:
        cells = separate(samples)[0]
        self._k = k
        self._classes, self._dimensions = (
            np.concatenate(z) for z in zip(*((c.classes, c.dimensions) for c in cells), strict=True)
        )
        points = np.concatenate([c.points for c in cells])
        if points.shape[1]:
            scaled = standardized([points], True)[0] or standardized([points], False)[0]
            points = points if scaled is None else scaled[0]
        (placed,) = apart(cells[0]._replace(points=points, classes=self._classes))
        found = KDTree(placed).query(placed, min(_NEIGHBOURS * k, len(placed) - 1) + 1)
        distances, self._places = (np.asarray(z)[:, 1:] for z in found)
        # Points of other classes are as far as points of one class can be.
        furthest = np.ptp(points, axis=0).sum()
        near = self._dimensions[:, None] > 0
        self._logs = self._dimensions[:, None] * np.log(np.where(near, np.minimum(distances, furthest), 1.0))

    def __call__(self, of_x: Points, of_y: Points) -> float:
        """Return the statistic."""
        is_x = np.zeros(len(self._classes), dtype=bool)
        is_x[of_x] = True
        neighbours_are_x, logs = is_x[self._places[of_x]], self._logs[of_x]
        terms = self._by_rank(~neighbours_are_x, logs) - self._by_rank(neighbours_are_x, logs)
        own, others = (np.bincount(self._classes[z], minlength=int(self._classes.max()) + 1) for z in (of_x, of_y))
        counted = psi(own) - psi(others + 1)
        near = self._dimensions[of_x] > 0
        return float(np.where(near, terms, counted[self._classes[of_x]]).mean())

    def _by_rank(self, wanted: Points, logs: Points) -> Points:
        """Return the logarithm of the distance to the k-th neighbour that is wanted, or to the last one known."""
        reached = np.cumsum(wanted, axis=1) >= self._k
        reached[:, -1] = True
        found: Points = np.take_along_axis(logs, reached.argmax(axis=1)[:, None], axis=1)[:, 0]
        return found
