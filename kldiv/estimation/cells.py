"""Repeated values: they are counted where many points share them, and have a cell of their own where few do.

To spread an atom evenly over an interval that no other value of its column touches is an injective random map, the same
for both samples: it changes no divergence. So rounded columns and scattered repetitions become columns with a density,
the piecewise constant one of the rounded distribution. Where many points share a value there is nothing to gain from
distances along that column: by the chain rule, the divergence is that of the classes that the values make, plus the
mean divergence within the classes. Both are sums of the same terms, which `neighbour_terms` adds up.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np

Points: TypeAlias = "np.ndarray[Any, Any]"  # a point in each row

# Points of both samples that make a value worth counting: where no other column is left, and beside others.
LEAST, _LEAST_BESIDE = 20, 200
_SHARE = 0.9  # of all points that are to lie in classes of at least so many
_COPIES = 5  # repetitions that are more than chance
_HEAVIEST = 0.1  # of all points that may share a value beside a density
SEED = 0


class Cells(NamedTuple):
    """Points of both samples, one after the other, with their repeated values counted or spread."""

    points: Points  # without the columns of which each value is counted
    columns: list[int]  # those that are left, of all
    all_columns: int
    classes: Points  # for each point, which values of its counted ones it has: 0, 1, ...
    dimensions: Points  # for each point, how many of its values are not counted
    counted: int  # columns with counted values
    spread: int  # columns with spread values

    @property
    def of_full_dimension(self) -> Points:
        """The points that have no counted value in the columns that are left."""
        points: Points = self.points[self.dimensions == len(self.columns)]
        return points

    def take(self, places: Points | slice) -> Cells:
        """Return the points at these places."""
        return self._replace(
            points=self.points[places], classes=self.classes[places], dimensions=self.dimensions[places]
        )


class Column(NamedTuple):
    """The different values of a column, and which of them each point has."""

    values: Points
    places: Points
    counts: Points

    def spread(self, random: np.random.Generator) -> Points:
        """Return each value, or a number in its cell, which ends halfway to the next values, if it is repeated."""
        middles = 0.5 * (self.values[1:] + self.values[:-1])
        lower = np.concatenate([2 * self.values[:1] - middles[:1], middles])[self.places]
        upper = np.concatenate([middles, 2 * self.values[-1:] - middles[-1:]])[self.places]
        spread = lower + (upper - lower) * random.random(len(self.places))
        return np.where(self.counts[self.places] > 1, spread, self.values[self.places])


def separate(samples: dict[str, Points]) -> tuple[list[Cells], list[str]]:
    """Return each sample with a cell of its own for each repeated value, and why these may be wrong, in words.

    In one sample, beside a density, all repeated values are spread. The generator is private and starts alike each
    time: the same points have the same cells.
    """
    points = np.concatenate(list(samples.values()))
    n = len(samples["x"])
    columns = [Column(*np.unique(column, return_inverse=True, return_counts=True)) for column in points.T]
    known = len(samples) == 1
    _check_columns(columns, " and ".join(samples), known)
    classes, counted = _classes(columns) if not known else (np.zeros(n, int), np.zeros(points.shape, bool))
    random = np.random.default_rng(SEED)
    spread = points.copy()
    for j, column in enumerate(columns):
        if len(column.values) < len(points):
            spread[:, j] = np.where(counted[:, j], points[:, j], column.spread(random))
    moved = (spread != points).any(axis=0)
    left = ~counted.all(axis=0)
    cells = Cells(
        points=spread[:, left],
        columns=[int(j) for j in np.flatnonzero(left)],
        all_columns=len(columns),
        classes=classes,
        dimensions=(~counted).sum(axis=1),
        counted=int(counted.any(axis=0).sum()),
        spread=int(moved.sum()),
    )
    if known:
        return [cells], []
    return [cells.take(slice(n)), cells.take(slice(n, None))], _doubts_on_copies(columns, n)


def _classes(columns: list[Column]) -> tuple[Points, Points]:
    """Return the classes of points by the values that are counted, and where these stand.

    Classes of few points are of use only where nothing else is to be told in them, by distances.
    """
    number = len(columns[0].places)
    for least in (LEAST, max(LEAST, min(_LEAST_BESIDE, number // 10))):
        classes, counted = np.zeros(number, dtype=int), np.zeros((number, len(columns)), dtype=bool)
        heavy = [column.counts >= least for column in columns]
        for j in sorted(range(len(columns)), key=lambda j: int(heavy[j].sum())):
            # Each heavy value makes a class, and so do the others between two heavy values.
            labels = (2 * np.cumsum(heavy[j]) - heavy[j])[columns[j].places]
            finer = np.unique(classes * (labels.max() + 1) + labels, return_inverse=True)[1]
            if np.mean(np.bincount(finer)[finer] >= least) >= _SHARE:
                classes, counted[:, j] = finer, heavy[j][columns[j].places]
        if counted.all(axis=1).mean() >= _SHARE:
            break
    return classes, counted


def _check_columns(columns: list[Column], names: str, known: bool) -> None:
    """Raise ValueError for a column without information, and for atoms beside a density."""
    for j, column in enumerate(columns):
        if len(column.values) == 1 < len(column.places):
            raise ValueError(
                f"column {j} of {names} is constant, {column.values[0] + 0.0}: leave it out, as it tells nothing"
            )
        place, n = int(column.counts.argmax()), len(column.places)
        if known and column.counts[place] > max(_COPIES, _HEAVIEST * n):
            raise ValueError(
                f"{column.counts[place]} of {n} points of x have the value {column.values[place] + 0.0} in column {j}, "
                "but q is a density, under which no value repeats: if these are classes, the divergence is infinite; "
                "if x is rounded, round samples of q alike and pass them, or see estimate_from_counts"
            )


def _doubts_on_copies(columns: list[Column], n: int) -> list[str]:
    """Return what is wrong with the repetitions in the first n points and in the others, in words.

    Rounded values repeat within a sample about as often as across samples.
    """
    if len(columns) > 1 and all(len(c.values) < len(c.places) for c in columns):
        whole = np.stack([c.places for c in columns], axis=1)
        columns = [*columns, Column(*np.unique(whole, axis=0, return_inverse=True, return_counts=True))]
    for column in columns:
        of_x, of_y = (np.bincount(part, minlength=len(column.counts)) for part in np.split(column.places, [n]))
        within, across = int((of_x > 1).sum() + (of_y > 1).sum()), int(((of_x > 0) & (of_y > 0)).sum())
        if across == 0 and within >= _COPIES:
            return [
                f"{within} values repeat within a sample, and none is in both: keep each draw of a Markov chain, or of "
                "a bootstrap, once (`numpy.unique`)"
            ]
        if within == 0 and across >= _COPIES:
            return [f"x and y have {across} values in common, and none repeats within a sample: they share points"]
    return []
