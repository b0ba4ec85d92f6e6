"""Densities on a grid, as histograms over its cells."""

from __future__ import annotations

from typing import Any, NamedTuple

from kldiv._arrays.namespace import computing_dtype, gather
from kldiv._arrays.protocol import Array, DType, Namespace
from kldiv._core.family import Family, fields_of
from kldiv._core.foreign import as_family, is_distribution
from kldiv._core.parameters import cast, insert_batch_axes, named_leaves, tree_map, unflatten
from kldiv._numerics.edges import log
from kldiv._numerics.linalg import index_like
from kldiv.families.categorical import Categorical, CategoricalLogits
from kldiv.families.histogram import Histogram, HistogramLogits


class Grid(NamedTuple):
    """A density on a grid: a histogram over its cells.

    Attributes
    ----------
    points
        The points of the grid, one in each cell.
    width
        The widths that the density counts with.
    distribution
        The density that is constant on each cell: a `Histogram`, or `HistogramLogits` of a distribution. Where a caller
        has passed `width`, the probabilities of the cells alone: a `Categorical` or `CategoricalLogits`.
    mass
        What density times width sums to before it is divided by that: 1 less the mass of a density that is off the
        grid.
    total
        What the weights of the cells sum to in `kldiv.fit`: 1, or `mass` where they were not to be normalized.

    Examples
    --------
    >>> import kldiv
    >>> grid = kldiv.from_grid([0.0, 1.0, 2.0], [0.25, 0.5, 0.25])
    >>> print(grid.distribution.edges, grid.distribution.masses, grid.mass)
    [0.  0.5 1.5 2. ] [0.25 0.5  0.25] 1.0
    """

    points: Array
    width: Array
    distribution: Family
    mass: Array
    total: Array


def from_grid(x: Any, density: Any, *, width: Any = None, normalize: bool | None = None) -> Grid:
    """Return a density that is known on a grid, or counted in bins, as a histogram.

    Two densities are compared by ``kl_divergence(p.distribution, q.distribution)``, be they on one grid or on two, and
    a histogram with other families too; `kldiv.fit` takes a grid for its target.

    Between points, cells meet halfway, and the outermost end at the first and the last point. A cell has the
    probability density * width, divided by the sum of these; there the outermost cells count as if they reached as far
    outwards as inwards. For a smooth density that vanishes at both ends, the error of a divergence comes from the mass
    outside the grid, and hardly from the step; elsewhere edges are more accurate.

    Parameters
    ----------
    x
        The points, an increasing vector of two or more, which need not be equidistant. Or the edges of the cells, one
        more than `density` has entries: the second array that ``numpy.histogram`` returns.
    density
        The density at the points or in the cells, along the last axis, after the axes of a batch. With edges, integers
        are counts, as ``numpy.histogram`` returns them first. Or a distribution of a number, whose log density is
        evaluated at the points, so that what underflows is not lost: the logarithm of a normal density at 14
        standard deviations is -99, but in float32 the density is 0, which would make a divergence infinite.
    width
        The widths that the density at points counts with, one number or a vector. With 1, `density` is that of weights
        which have no width. `distribution` then is one of classes, and not of numbers.
    normalize
        What to do with a density that does not integrate to 1 over the grid within the square root of its dtype's eps.
        None refuses it. True divides by the integral, `mass`. False keeps the weights as they are in `kldiv.fit`, which
        then minimizes ``sum_i w_i log(w_i / q_i)``; `distribution` is normalized all the same.

    Returns
    -------
    Grid
        The histogram, the points, and the integral of the density.

    Raises
    ------
    ValueError
        If the points do not increase, the density is negative, not finite or 0 everywhere, or is not normalized and
        `normalize` is None; or if `width` is passed with edges.

    Examples
    --------
    >>> import kldiv
    >>> x = [i / 10 for i in range(-100, 101)]
    >>> p = kldiv.from_grid(x, kldiv.Normal(0.0, 1.0))
    >>> q = kldiv.from_grid(x, kldiv.Normal(1.0, 1.5))
    >>> round(float(kldiv.kl_divergence(p.distribution, q.distribution)), 9)  # 0.349909553 on the whole line
    0.349909552
    >>> short = kldiv.from_grid(x[:101], kldiv.Normal(0.0, 1.0), normalize=True)  # up to x = 0
    >>> round(float(short.mass), 2)
    0.52
    >>> counted = kldiv.from_grid([0.0, 1.0, 10.0, 100.0], [2, 5, 3])  # numpy.histogram(data, bins=[0, 1, 10, 100])
    >>> round(float(kldiv.kl_divergence(counted.distribution, kldiv.Uniform(0.0, 100.0))), 6)
    1.126962
    """
    if normalize not in (None, True, False):
        raise ValueError(f"normalize must be True, False or None; got {normalize!r}")
    named: dict[str, Any] = {"x": x}
    if is_distribution(density):
        density = as_family(density, "density")
    is_density = bool(fields_of(type(density)))
    named.update(named_leaves(density, "density") if is_density else {"density": density})
    if width is not None:
        named["width"] = width
    xp, arrays, dtype = gather(list(named.values()), list(named))
    computing = computing_dtype(xp, dtype)
    has_edges = not is_density and _has_edges(xp, arrays[0], arrays[1])
    cells = _cells(xp, xp.astype(arrays[0], computing), has_edges, None if width is None else arrays[-1])
    family: Any
    of_classes: Any
    if is_density:
        family, of_classes = HistogramLogits, CategoricalLogits
        values, mass = _of_distribution(xp, density, arrays[1:], dtype, cells.points, cells.width)
    else:
        family, of_classes = Histogram, Categorical
        counts = has_edges and (_are_integers(density) or xp.isdtype(arrays[1].dtype, "integral"))
        values, mass = _of_values(xp, xp.astype(arrays[1], computing), cells, counts=counts)
    distribution = family(cells.edges, values) if width is None else of_classes(values)
    if normalize is None and xp.is_concrete(mass):
        _require_normalized(xp, mass, float(xp.finfo(dtype).eps) ** 0.5, has_edges)
    total = mass if normalize is False else xp.ones_like(mass)
    points, widths, mass, total = (xp.astype(a, dtype) for a in (cells.points, cells.width, mass, total))
    return Grid(points, widths, cast_back(xp, distribution, dtype), mass, total)


def cast_back(xp: Namespace, d: Family, dtype: DType) -> Family:
    """Return a distribution in the dtype of a result."""
    return tree_map(lambda x: xp.astype(x, dtype), d)


class _Cells(NamedTuple):
    """The cells of a grid."""

    edges: Array
    points: Array
    width: Array


def _cells(xp: Namespace, x: Array, has_edges: bool, width: Array | None) -> _Cells:
    """Return the cells between edges, or around points."""
    _require_points(xp, x)
    middles = 0.5 * x[1:] + 0.5 * x[:-1]
    if not has_edges:
        edges = xp.concat([x[:1], middles, x[-1:]], axis=0)
        return _Cells(edges, x, _widths(xp, x, None if width is None else xp.astype(width, x.dtype)))
    if width is not None:
        raise ValueError("width is for a density at points; edges have their own")
    return _Cells(x, middles, x[1:] - x[:-1])


def _require_points(xp: Namespace, points: Array) -> None:
    shape = xp.shape(points)
    if len(shape) != 1 or (shape[0] is not None and shape[0] < 2):
        raise ValueError(f"x has shape {shape}; the points of a grid are a vector of two or more")
    if xp.is_concrete(points) and not bool(xp.all(points[1:] > points[:-1]) & xp.all(xp.isfinite(points))):
        raise ValueError("x must be finite and increase")


def _are_integers(values: Any) -> bool:
    """Tell whether a list, or a list of lists, holds nothing but integers."""
    if isinstance(values, list | tuple):
        return all(_are_integers(x) for x in values)
    return isinstance(values, int)


def _has_edges(xp: Namespace, points: Array, density: Array) -> bool:
    """Tell whether x are the edges of cells, one more than there are values of the density."""
    n, m = ((xp.shape(x) or (None,))[-1] for x in (points, density))
    if n is None or m is None:
        return False
    if m == n + 1:
        raise ValueError(
            f"density has {m} entries and x {n}; edges come first: "
            "from_grid(edges, counts), where numpy.histogram returns counts, edges"
        )
    return n == m + 1


def _widths(xp: Namespace, points: Array, passed: Array | None) -> Array:
    """Return the widths of the cells: those that a caller has passed, or else from the distances of the points."""
    if passed is not None and xp.shape(passed) not in ((), xp.shape(points)):
        raise ValueError(f"width has shape {xp.shape(passed)}; it is a number or one for each of the points of x")
    width: Array = _distances(xp, points) if passed is None else passed + xp.zeros_like(points)
    if xp.is_concrete(width) and not bool(xp.all((width > 0) & xp.isfinite(width))):
        raise ValueError("width must be positive and finite")
    return width


def _distances(xp: Namespace, points: Array) -> Array:
    """Return half the distances between the neighbours of each point, at the ends the distance to the one neighbour."""
    steps = points[1:] - points[:-1]
    right = xp.pad_last_axis(steps, points)  # of each point the step to the next, 0 at the last
    left = xp.flip(xp.pad_last_axis(xp.flip(steps, axis=(-1,)), points), axis=(-1,))
    index = index_like(xp, points)
    first, last = index == 0, xp.flip(index, axis=(-1,)) == 0
    return 0.5 * (xp.where(last, left, right) + xp.where(first, right, left))


def log_weights(xp: Namespace, q: Family, points: Array, width: Array) -> Array:
    """Return the logarithms of density times width along a new last batch axis of a distribution of a number."""
    value: Array = insert_batch_axes(xp, q).log_density(points) + xp.log(width)
    return value


def _of_distribution(
    xp: Namespace, density: Family, parameters: list[Array], dtype: DType, points: Array, width: Array
) -> tuple[Array, Array]:
    """Return the logits of the cells, and the mass."""
    if any(field.axes for field in fields_of(type(density))):
        raise ValueError(f"density is a {type(density).__name__}; pass a distribution of a number, or its density at x")
    logits = log_weights(xp, cast(xp, unflatten(density, iter(parameters)), dtype), points, width)
    if xp.is_concrete(logits) and not bool(xp.all(xp.any(xp.isfinite(logits), axis=-1))):
        raise ValueError("density is 0 on the whole grid")
    return logits, xp.sum(xp.exp(logits), axis=-1)


def _of_values(xp: Namespace, density: Array, cells: _Cells, *, counts: bool) -> tuple[Array, Array]:
    """Return the probabilities of the cells, and the mass, which is 1 for counts."""
    if not xp.shape(density) or xp.shape(density)[-1] != xp.shape(cells.points)[0]:
        raise ValueError(f"density has shape {xp.shape(density)}; x has {xp.shape(cells.points)[0]} points")
    if xp.is_concrete(density):
        bad = ~xp.to_numpy((density >= 0) & xp.isfinite(density))
        if bad.any():
            index = tuple(int(i[0]) for i in bad.nonzero())
            raise ValueError(
                f"density must be non-negative and finite; got {xp.to_numpy(density)[index]} at index {index}"
            )
    weights = density if counts else density * cells.width
    mass = xp.sum(weights, axis=-1)
    if xp.is_concrete(mass) and not bool(xp.all(mass > 0)):
        raise ValueError("density is 0 on the whole grid")
    return weights / mass[..., None], xp.ones_like(mass) if counts else mass


def _require_normalized(xp: Namespace, mass: Array, tolerance: float, has_edges: bool) -> None:
    bad = ~xp.to_numpy(xp.abs(mass - 1) <= tolerance)
    if bad.any():
        index = tuple(int(i[0]) for i in bad.nonzero()) if bad.ndim else ()
        raise ValueError(
            f"density has mass {xp.to_numpy(mass)[index]} on the grid, not 1; pass normalize=True to divide by it, "
            "or normalize=False to keep the weights as they are"
            + ("; for weighted counts there is kldiv.Histogram(edges, counts / counts.sum())" if has_edges else "")
        )


def cell_logits(xp: Namespace, grid: Grid) -> Array:
    """Return the logarithms of the probabilities of the cells of a grid."""
    if isinstance(grid.distribution, CategoricalLogits | HistogramLogits):
        return grid.distribution.logits
    return log(xp, grid.distribution.probs)


def gather_grid(grid: Grid, **more: Family) -> tuple[Namespace, list[Array], DType, Grid, list[Family]]:
    """Return the namespace of a grid and named distributions, all arrays, the dtype of a result, and them."""
    names = ["points", "width", "mass", "total"]
    cells = [getattr(grid, name) for name in names]
    distributions = {"target": grid.distribution, **more}
    owners, values = zip(*[leaf for name, d in distributions.items() for leaf in named_leaves(d, name)], strict=True)
    xp, arrays, dtype = gather([*cells, *values], [*(f"Grid.{name} of target" for name in names), *owners])
    parameters = iter(arrays[4:])
    distribution, *families = [unflatten(d, parameters) for d in distributions.values()]
    points, width, mass, total = arrays[:4]
    return xp, arrays, dtype, Grid(points, width, distribution, mass, total), families
