"""Estimates from samples, by distances to nearest neighbours.

In a ball around x that reaches to its k-th nearest neighbour among n - 1 others lies a mass of their distribution whose
logarithm has the mean psi(k) - psi(n), whatever the distribution is. Where the density is constant over the ball,
it is the mass over the volume, and so distances tell the logarithms of densities without bias.
"""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from kldiv._arrays.namespace import computing_dtype, gather, namespace
from kldiv._arrays.protocol import Array, DType, Namespace, Shape
from kldiv._core.family import FamilyKey, fields_of, held_kinds, kind_of, name_of, support_of
from kldiv._core.parameters import describe, gather_families, leaves, named_leaves
from kldiv._core.validation import diagnose_all
from kldiv._numerics.special import digamma
from kldiv.estimation.estimate_result import Estimate, EstimateWarning
from kldiv.estimation.log_density import require_density

# Beyond these dimensions the density is far from constant over a ball that holds a neighbour.
_MOST_COLUMNS, _MOST_COLUMNS_KNOWN = 5, 10
_GROUPS, _LARGEST_GROUP = 40, 1000  # for the standard error
_SPACES = ("line", "circle", "vectors")  # where densities are per length or volume of the space that points are in


def estimate_from_samples(
    x: Array, y_or_q: Any, *, k: int = 1, whiten: bool = True, correction: Literal["digamma", "log"] = "digamma"
) -> Estimate[Array]:
    """Estimate the Kullback-Leibler divergence KL(P || Q), in nats, from samples x of P and samples y of Q or Q itself.

    With r the distance from a point of x to its k-th nearest neighbour among the other n - 1 points of x, and s that to
    its k-th nearest among the m points of y, both in d dimensions::

        d mean(log(s / r)) + psi(m + 1) - psi(n)                        from samples of Q
        psi(k) - psi(n) - log(c) - d mean(log r) - mean(log q(x))       from the density q

    with psi the digamma function and c the volume of the unit ball. The second is the entropy estimate of Kozachenko
    and Leonenko beside the mean of -log q. Both are unbiased where the densities are constant over the balls. With l
    neighbours in x and k in y there would be a term psi(l) - psi(k) more, which is 0 as k serves for both. The estimate
    of a small divergence may be negative; it is not clipped, which would bias it.

    Parameters
    ----------
    x
        Independent samples of P: an array of n points, of shape (n, d), or (n,) for d = 1.
    y_or_q
        Independent samples of Q, of shape (m, d) or (m,), in the same framework; or a distribution such as
        ``kldiv.Normal(0.0, 1.0)`` with outcomes like those of x and no batch axes, a mixture too; or a function that
        returns the log density of Q, such as the `log_prob` of a distribution of another library, in a
        `kldiv.LogDensity`.
    k
        Which neighbour. More than 1 lowers the variance, and raises the bias where densities vary.
    whiten
        Whether to map the points to where the mean of the covariance matrices of x and y (the one of x, if Q is known)
        is the identity: balls are then as long as the distribution in every direction. The divergence
        does not change under an invertible affine map of both distributions, the bias of the estimate does.
    correction
        "digamma", or "log" for the estimate as first published, with log m and log(n - 1) for psi(m + 1) and psi(n).

    Returns
    -------
    Estimate
        `value`, `error` and `converged` are of the framework, dtype and device of the arrays, without axes. The
        neighbours are found on the host, in float64, and there are no derivatives.

        `error` is one standard error, by subsampling (a bootstrap would make ties): 40 groups, each of a tenth of the
        points of x and of y, of at most 1000, and disjoint as far as they can be, give independent estimates; their
        variance times the fraction of the points in a group is the variance of an estimate from all points, as that
        falls like 1 / n. It does not include the bias, and is about 15 % too small if E_P[p / q] is
        infinite, when the variance falls more slowly.

        `converged` is false, with an `EstimateWarning`, where the answer cannot be trusted: in more than 5 dimensions
        from two samples, and 10 with q known, where a ball that holds a neighbour is so large that the bias dominates;
        where there are ties, which with k > 1 need not be fatal; and where the points are too few for an `error`, which
        is inf then. If q is 0 at a point of x, the divergence is infinite: `value` is inf, and `error` 0.

    Raises
    ------
    ValueError
        If there are ties, for k = 1 within x, within y or between x and y, for other k where k or more neighbours lie
        at distance 0; if a value is not finite, a column is constant or a linear combination of others; if there are
        fewer than k + 1 points of x or k of y; if shapes do not agree; or if q is no density over such points.
    TypeError
        If the arrays belong to different frameworks, or have no values, as under a tracer; if `k` is no integer; or if
        `y_or_q` is an object that can be called and is no distribution.

    Notes
    -----
    Sources: Wang, Kulkarni and Verdu 2009, and Perez-Cruz 2008, for two samples; Kozachenko and Leonenko 1987 for the
    entropy.

    Examples
    --------
    >>> import kldiv
    >>> p, q = kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 1.0)
    >>> x, y = kldiv.sample(p, 2000, rng=1), kldiv.sample(q, 3000, rng=2)
    >>> two = kldiv.estimate_from_samples(x, y)
    >>> one = kldiv.estimate_from_samples(x, q)
    >>> float(kldiv.kl_divergence(p, q)), bool(abs(two.value - 0.5) < 0.2), bool(abs(one.value - 0.5) < 0.1)
    (0.5, True, True)
    >>> one.n_samples, one.method
    (2000, '1-nearest neighbours of whitened points, q known')
    """
    k = _checked_options(k, correction)
    data = _gather_data(x, y_or_q, k)
    doubts = list(_ties(data, k))
    _check_columns(data)
    points, shrinkage = _standardized(data, whiten)
    value = _mean_log(points, data.log_q, k) + _constant(data.sizes, data.dimension, k, shrinkage, correction)
    most = _MOST_COLUMNS if data.log_q is None else _MOST_COLUMNS_KNOWN
    if data.dimension > most:
        doubts.append(f"{data.dimension} columns, where in more than {most} the bias may be larger than the divergence")
    fraction = _fraction(data.sizes, k)
    if value == math.inf:
        error = 0.0
    elif fraction is None:
        error = math.inf
        doubts.append(f"{min(data.sizes)} points are too few for a standard error, which takes {2 * (k + 4)}")
    else:
        error = _standard_error(points, data.log_q, k, fraction)
    if doubts:
        warnings.warn(f"the estimate cannot be trusted: {'; '.join(doubts)}", EstimateWarning, stacklevel=2)
    result, standard_error = (data.xp.asarray_like(v, data.like, data.dtype) for v in (value, error))
    true = data.xp.ones_like(result) > 0
    method = _words(k, whiten, correction, data)
    return Estimate(result, standard_error, method, data.sizes[0], ~true if doubts else true)


class _Data(NamedTuple):
    """Samples of P, and samples of Q or its density there, on the host; and of which kind the caller's arrays are."""

    samples: dict[str, Array]  # by name, a point in each row
    log_q: Array | None  # at the samples of P; None: Q is known by samples
    xp: Namespace
    like: Array
    dtype: DType

    @property
    def sizes(self) -> list[int]:
        """The number of points of each sample."""
        return [len(points) for points in self.samples.values()]

    @property
    def dimension(self) -> int:
        """The number of columns."""
        columns: int = self.samples["x"].shape[1]
        return columns


def _gather_data(x: Any, y_or_q: Any, k: int) -> _Data:
    require_density(y_or_q, "y")
    is_known = _is_distribution(y_or_q)
    passed = {"x": x} if is_known else {"x": x, "y": y_or_q}
    parameters = _parameters(y_or_q)
    xp, arrays, dtype = gather([*passed.values(), *parameters.values()], [*passed, *parameters])
    samples = {name: _points(xp, array, name) for name, array in zip(passed, arrays, strict=False)}
    _check_sizes({name: xp.shape(array) for name, array in zip(passed, arrays, strict=False)}, k)
    log_q = _log_density(xp, arrays[0], y_or_q) if is_known else None
    return _Data(samples, log_q, xp, arrays[0], dtype)


def _words(k: int, whiten: bool, correction: str, data: _Data) -> str:
    """Return the method in words."""
    known = "" if data.log_q is None else ", q known"
    logarithmic = ", logarithmic correction" if correction == "log" else ""
    return f"{k}-nearest neighbours of {'whitened' if whiten else 'the'} points{known}{logarithmic}"


# ------------------------------------------------------------------------------------------------------- the estimate


def _standardized(data: _Data, whiten: bool) -> tuple[list[Array], float]:
    """Return the samples under a common affine map, and the logarithm by which the map shrinks volumes."""
    from kldiv.estimation.neighbours import standardized

    points, shrinkage = standardized(list(data.samples.values()), whiten)
    if points is None:
        raise ValueError(
            f"{' and '.join(data.samples)} have {' and '.join(map(str, data.sizes))} points, too few to tell the "
            f"covariance matrix of {data.dimension} columns; pass whiten=False"
        )
    return points, shrinkage


def _mean_log(points: list[Array], log_q: Array | None, k: int) -> float:
    """Return the means over x in the estimate."""
    from kldiv.estimation.neighbours import kth_distances

    log = namespace().log
    x, y = points if log_q is None else (points[0], None)
    to_x, to_y = kth_distances(x, y, k)
    _check_distances(to_x, "x", k)
    if to_y is None:
        return float(-x.shape[1] * log(to_x).mean() - log_q.mean())  # type: ignore[union-attr]
    _check_distances(to_y, "y", k)
    return float(x.shape[1] * log(to_y / to_x).mean())


def _standard_error(points: list[Array], log_q: Array | None, k: int, fraction: float) -> float:
    """Return the standard error, from estimates of groups that have this fraction of the points."""
    from kldiv.estimation.neighbours import disjoint_groups

    sizes = [len(p) for p in points]
    group_sizes = [round(n * fraction) for n in sizes]

    def of_group(group: tuple[Array, ...]) -> float:
        inside = [p[places] for p, places in zip(points, group, strict=True)]
        return _mean_log(inside, None if log_q is None else log_q[group[0]], k)

    variances = [
        _variance([of_group(group) for group in groups]) for groups in disjoint_groups(sizes, group_sizes, _GROUPS)
    ]
    return math.sqrt(sum(variances) / len(variances) * group_sizes[0] / sizes[0])


def _constant(sizes: list[int], dimension: int, k: int, shrinkage: float, correction: str) -> float:
    """Return what the estimate has beside the means: the bias of log distances, and volumes."""
    if len(sizes) == 2:
        n, m = sizes
        return math.log(m / (n - 1)) if correction == "log" else _psi(m + 1) - _psi(n)
    n = sizes[0]
    log_unit_ball = 0.5 * dimension * math.log(math.pi) - math.lgamma(0.5 * dimension + 1)
    return _psi(k) - (math.log(n - 1) if correction == "log" else _psi(n)) - log_unit_ball - shrinkage


def _psi(n: int) -> float:
    host = namespace()
    return float(digamma(host, host.asarray_like(n, None, host.float64)))


def _fraction(sizes: list[int], k: int) -> float | None:
    """Return the fraction of the points to put into a group for the standard error, None if there are too few."""
    fraction = max(min(0.1, _LARGEST_GROUP / max(sizes)), (k + 4) / min(sizes))
    return fraction if fraction <= 0.5 else None


def _variance(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return sum((v - mean) ** 2 for v in values) / (len(values) - 1)


# ---------------------------------------------------------------------------------------------------------- the density


def _is_distribution(q: Any) -> bool:
    return bool(fields_of(q if isinstance(q, type) else type(q)))


def _parameters(q: Any) -> dict[str, Array]:
    """Return the parameters of a distribution by their names for messages, nothing for samples."""
    if not _is_distribution(q):
        return {}
    xp, _, dtype, (prepared,) = gather_families(q=q)
    if all(xp.is_concrete(value) for value in leaves(prepared)):
        diagnose_all(xp, dtype, q=prepared)
    return dict(named_leaves(q, "q"))


def _spaces(kind: FamilyKey) -> set[str]:
    """Return the spaces that the outcomes of a kind, or their components, are in."""
    support = support_of(kind)
    return {support.space} if support else {s for held in held_kinds(kind) for s in _spaces(held)}


def _log_density(xp: Namespace, x: Array, q: Any) -> Array:
    """Return log q at the points, on the host."""
    shape = xp.shape(x)
    _check_outcomes(q, shape)
    log_q = _on_host(xp, q.log_density(_at_least_32_bits(xp, x)), "the log density of q")
    bad = (~(log_q < math.inf)).nonzero()[0]
    if len(bad):
        raise ValueError(f"the log density of q must be finite or -inf; got {log_q[bad[0]]} at x[{bad[0]}]")
    return log_q


def _check_outcomes(q: Any, shape: Shape) -> None:
    """Raise ValueError unless the outcomes of a distribution are like points of this shape."""
    kind = kind_of(q)
    spaces = _spaces(kind)
    if not spaces.issubset(_SPACES):
        raise ValueError(
            f"q is {name_of(kind)}, whose outcomes are in the space of {', '.join(sorted(spaces))}: it has no "
            "density over lengths or volumes, which distances could tell. For counts see estimate_from_counts"
        )
    xp, _, _, (prepared,) = gather_families(q=q)
    layout = describe(xp, prepared, "q")
    batch, event = layout.batch_shape, layout.event_shape
    if batch or event != shape[1:]:
        raise ValueError(
            f"q, {name_of(kind)}, has batch shape {tuple(batch)} and outcomes of shape {tuple(event)}; for x of "
            f"shape {shape} it must have batch shape () and outcomes of shape {shape[1:]}"
        )


# ----------------------------------------------------------------------------------------------------------- the checks


def _checked_options(k: Any, correction: str) -> int:
    """Return k as an integer."""
    try:
        number = operator.index(k)
    except TypeError:
        raise TypeError(f"k must be a positive integer; got {k!r}") from None
    if isinstance(k, bool) or number < 1:
        raise ValueError(f"k must be a positive integer; got {k!r}")
    if correction not in ("digamma", "log"):
        raise ValueError(f"correction must be 'digamma' or 'log'; got {correction!r}")
    return number


def _at_least_32_bits(xp: Namespace, x: Array) -> Array:
    return xp.astype(x, computing_dtype(xp, x.dtype)) if xp.isdtype(x.dtype, "real floating") else x


def _on_host(xp: Namespace, x: Array, name: str) -> Array:
    if not xp.is_concrete(x):
        raise TypeError(f"{name} has no values while a function is traced or batched; call this outside of it")
    return xp.to_numpy(_at_least_32_bits(xp, x)).astype("float64")


def _points(xp: Namespace, x: Array, name: str) -> Array:
    """Return finite points on the host, one in each row."""
    host, shape = _on_host(xp, x, name), xp.shape(x)
    if len(shape) not in (1, 2) or shape[1:] == (0,):
        raise ValueError(f"{name} must have shape (points, dimensions) or (points,); got {tuple(shape)}")
    bad = (abs(host) < math.inf) == 0
    if bad.any():
        index = tuple(int(i) for i in next(zip(*bad.nonzero(), strict=True)))
        raise ValueError(f"{name} must be finite; got {host[index]} at index {index}")
    return host if len(shape) == 2 else host[:, None]


def _check_sizes(shapes: dict[str, Shape], k: int) -> None:
    if len({shape[1:] for shape in shapes.values()}) > 1:
        raise ValueError(f"x and y must be points of one space; x has shape {shapes['x']} and y {shapes['y']}")
    for (name, shape), least in zip(shapes.items(), (k + 1, k), strict=False):
        if (shape[0] or 0) < least:
            raise ValueError(f"{name} has too few points for k = {k}: {shape[0]}, where at least {least} are needed")


def _ties(data: _Data, k: int) -> Iterator[str]:
    """Raise ValueError for ties with which no neighbour is at a distance, and yield words on those that k bridges."""
    from kldiv.estimation.neighbours import find_tie

    tie = find_tie(*data.samples.values())
    if tie is None:
        return
    n = data.sizes[0]
    one, other = (f"x[{i}]" if i < n else f"y[{i - n}]" for i in tie)
    point = data.samples["x"][tie[0]] if tie[0] < n else data.samples["y"][tie[0] - n]
    words = f"{one} equals {other}: {_shown(point)}"
    if k == 1:
        raise ValueError(
            f"{words}; samples of distributions with densities have no ties, and the logarithm of their distance is "
            "-inf. If they are rounded, take k above the number of copies; if they are counts, see estimate_from_counts"
        )
    yield f"{words}, where samples of distributions with densities have no ties"


def _shown(point: Array) -> str:
    return str(point[0] if len(point) == 1 else point)


def _check_distances(distances: Array, name: str, k: int) -> None:
    tied = (distances == 0).nonzero()[0]
    if len(tied):
        raise ValueError(
            f"{k} or more points of {name} equal x[{tied[0]}] or round to it; samples of distributions with densities "
            "have no ties, and the logarithm of their distance is -inf"
        )


def _check_columns(data: _Data) -> None:
    """Raise ValueError if points lie in a plane, where no distribution has a density."""
    from kldiv.estimation.neighbours import constant_column, dependent_column

    for name, points in data.samples.items():
        column = constant_column(points) if len(points) > 1 else None
        if column is not None:
            raise ValueError(
                f"column {column} of {name} is constant, {points[0, column]}: {name} is no sample of a density"
            )
        if len(points) > points.shape[1] > 1:
            column = dependent_column(points, float(data.xp.finfo(data.dtype).eps))
            if column is not None:
                raise ValueError(
                    f"column {column} of {name} is a linear combination of the columns before it, up to rounding: "
                    f"{name} is no sample of a density; leave that column out"
                )
