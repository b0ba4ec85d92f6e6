"""Points on the host, in float64: the distances to their nearest neighbours, whitening, ties and groups.

A k-d tree in few dimensions, all pairs in many; both give the same numbers. The tree is SciPy's, and is queried in
the order of its leaves, so that a query finds in the cache what the last one read, and only for the k-th neighbour.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from scipy.spatial import KDTree

Points: TypeAlias = "np.ndarray[Any, Any]"  # float64, a point in each row

MOST_COLUMNS_OF_TREE = 10  # above, a tree visits nearly all points and is slower than multiplying all pairs
_ROWS, _COLUMNS = 128, 512  # of a block of pairs: half a megabyte, which stays in the cache


def distances(x: Points, y: Points | None, ranks: list[int], *, tree: bool | None = None) -> list[Points]:
    """Return the distances from each x to its neighbours of these ranks among the other x, and among the y if given.

    There is a column for each rank. Where there are not so many points, the distance is infinite.
    """
    if tree if tree is not None else x.shape[1] <= MOST_COLUMNS_OF_TREE:
        return _by_tree(x, y, ranks)
    return [_by_pairs(x, others, ranks) for others in ([x] if y is None else [x, y])]


def _by_tree(x: Points, y: Points | None, ranks: list[int]) -> list[Points]:
    tree_x = KDTree(x)
    leaf_order = tree_x.indices
    queries = x[leaf_order]

    def ask(tree: Any, places: list[int]) -> Points:
        found = np.empty((len(x), len(places)))
        found[leaf_order] = tree.query(queries, places)[0]
        return found

    # The nearest point of all is x itself, or a copy of it.
    to_x = ask(tree_x, [k + 1 for k in ranks])
    return [to_x] if y is None else [to_x, ask(KDTree(y), ranks)]


def shares_served(x: Points, y: Points) -> Points:
    """Return for each y the share of the x that it is the nearest neighbour of."""
    shares: Points = np.bincount(KDTree(y).query(x)[1], minlength=len(y)) / len(x)
    return shares


def _by_pairs(x: Points, y: Points, ranks: list[int]) -> Points:
    """Return the distances by blocks of matrix products; where y is x, a point is no neighbour of itself."""
    k = min(max(ranks), len(y) - (y is x))
    half_squares = 0.5 * np.einsum("ij,ij->i", y, y)
    found = np.full((len(x), max(ranks)), np.inf)
    for start in range(0, len(x), _ROWS):
        rows = x[start : start + _ROWS]
        values, places = [], []
        for first in range(0, len(y), _COLUMNS):
            block = half_squares[first : first + _COLUMNS] - rows @ y[first : first + _COLUMNS].T
            if y is x:
                i = np.arange(max(start, first), min(start + len(rows), first + block.shape[1]))
                block[i - start, i - first] = np.inf
            near = _smallest(block, k)
            values.append(np.take_along_axis(block, near, axis=1))
            places.append(near + first)
        candidates = np.concatenate(values, axis=1)
        nearest = np.take_along_axis(np.concatenate(places, axis=1), _smallest(candidates, k), axis=1)
        # The products have lost the digits of short distances, and only chose.
        differences = rows[:, None, :] - y[nearest]
        found[start : start + _ROWS, :k] = np.sort(np.sqrt(np.einsum("ijk,ijk->ij", differences, differences)))
    return found[:, np.asarray(ranks) - 1]


def _smallest(block: Points, k: int) -> Points:
    """Return the places of the k smallest entries of each row, in no order."""
    if k == 1:
        places: Points = block.argmin(axis=1)
        return places[:, None]
    return np.argpartition(block, k - 1, axis=1)[:, :k] if k < block.shape[1] else np.argsort(block, axis=1)


def dependent_column(points: Points, eps: float) -> int | None:
    """Return the first column that is, up to rounding at `eps`, a linear combination of those before it, or None.

    Points that are no more than the columns tell nothing.
    """
    if len(points) <= points.shape[1]:
        return None
    centred = points - points.mean(axis=0)
    largest = np.abs(centred).max(axis=0)
    scaled = centred / largest
    deviations = np.sqrt(np.mean(scaled * scaled, axis=0))
    # How far the entries were rounded, and the covariance, in units of the deviation of the column.
    rounding = eps * np.abs(points).max(axis=0) / largest / deviations
    correlations = scaled.T @ scaled / len(points) / np.outer(deviations, deviations)
    return _factor(correlations, 1e-7 + rounding)[1]


def _factor(matrix: Points, tolerance: Any) -> tuple[Points, int | None]:
    """Return the Cholesky factor of a correlation matrix, and the first column without a part of its own, or None."""
    factor = np.zeros_like(matrix)
    tolerance = np.broadcast_to(tolerance, matrix.shape[:1])
    for j in range(len(matrix)):
        rest = matrix[j:, j] - factor[j:, :j] @ factor[j, :j]
        if not rest[0] > tolerance[j] ** 2:
            return factor, j
        factor[j:, j] = rest / np.sqrt(rest[0])
    return factor, None


def standardized(samples: list[Points], whiten: bool) -> tuple[list[Points] | None, float]:
    """Return the samples under a common affine map, and the logarithm by which the map shrinks volumes.

    The mean of their covariance matrices becomes the identity; without whitening only the scale is changed. None stands
    for samples that are too few to tell their covariance.
    """
    dimension = samples[0].shape[1]
    centre = samples[0].mean(axis=0)
    spread = np.max([np.abs(s - centre).max(axis=0) for s in samples], axis=0)
    if not whiten or dimension == 1:
        spread = np.full_like(spread, spread.max())
    scaled = [(s - centre) / spread for s in samples]
    shrinkage = float(np.sum(np.log(spread)))
    if not whiten or dimension == 1:
        return scaled, shrinkage
    covariance = np.mean([np.cov(s.T) for s in scaled if len(s) > 1], axis=0)
    deviations = np.sqrt(np.diagonal(covariance))
    factor, dependent = _factor(covariance / np.outer(deviations, deviations), 1e-7)
    if dependent is not None:
        return None, shrinkage
    factor = factor * deviations[:, None]
    return [_substitute(factor, s) for s in scaled], shrinkage + float(np.sum(np.log(np.diagonal(factor))))


def _substitute(factor: Points, points: Points) -> Points:
    """Return the points z with ``points = z @ factor.T``, by columns, so that equal points stay equal."""
    columns: list[Points] = []
    for row, column in zip(factor, points.T, strict=True):
        rest = column.copy()
        for entry, known in zip(row, columns, strict=False):
            rest -= entry * known
        columns.append(rest / row[len(columns)])
    return np.stack(columns, axis=1)


def disjoint_groups(sizes: list[int], group_sizes: list[int], count: int) -> Iterator[list[tuple[Points, ...]]]:
    """Yield lists of groups of places in samples of these sizes, `count` groups in all; those of one list are disjoint.

    The generator is private and starts alike each time: an estimate from the same samples has the same error.
    """
    random = np.random.default_rng(0)
    in_a_list = min(n // b for n, b in zip(sizes, group_sizes, strict=True))
    for _ in range(-(-count // in_a_list)):
        orders = [random.permutation(n) for n in sizes]
        yield [
            tuple(order[g * b : (g + 1) * b] for order, b in zip(orders, group_sizes, strict=True))
            for g in range(min(in_a_list, count))
        ]
