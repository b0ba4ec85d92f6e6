"""Estimates from samples, by distances to nearest neighbours: the arguments, the checks and the words of the result."""

from __future__ import annotations

import math
import operator
import warnings
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from kldiv._arrays.namespace import computing_dtype, gather, namespace
from kldiv._arrays.protocol import Array, DType, Namespace, Shape
from kldiv._core.evaluation import in_base
from kldiv._core.family import FamilyKey, fields_of, held_kinds, kind_of, name_of, support_of
from kldiv._core.foreign import as_family, is_distribution
from kldiv._core.parameters import describe, gather_families, leaves, named_leaves
from kldiv._core.validation import diagnose_all
from kldiv._numerics.special import digamma
from kldiv.estimation.estimate_result import Estimate, EstimateWarning

if TYPE_CHECKING:  # these import NumPy
    from kldiv.estimation.cells import Cells
    from kldiv.estimation.neighbour_estimate import Samples

_SPACES = ("line", "circle", "vectors")  # where densities are per length or volume of the space that points are in


def estimate_from_samples(
    x: Array,
    y_or_q: Any,
    *,
    k: int = 1,
    whiten: bool = True,
    correction: Literal["digamma", "log"] = "digamma",
    base: float | None = None,
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

    Values that repeat, such as those of rounded, integer and 0-1 columns, are treated column by column. A value that
    many points have is counted (20 points, and 200 or a tenth of all beside columns that are not counted), as long as
    the classes of equal values stay that large: neighbours are sought within a class, and a class of a and b equal
    points adds ``(a / n) (psi(a) - psi(b + 1))`` to ``psi(m + 1) - psi(n)``. Any other value is spread evenly over its
    cell, which ends halfway to the next values of its column. This changes no divergence: the result is that of the
    rounded distributions.

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
    base
        The base of the logarithm: None for nats, 2 for bits.

    Returns
    -------
    Estimate
        `value`, `error` and `converged` are of the framework, dtype and device of the arrays, without axes. The
        neighbours are found on the host, in float64, and there are no derivatives.

        `error` is one standard error and, from samples of Q, the bias that shows: the root of the sum of their squares.
        The first is found by subsampling (a bootstrap would make ties): 40 groups, each of a tenth of the points, of at
        least 30 where it can be and at most 1000, and disjoint as far as they can be, give independent estimates; their
        variance times the fraction of the points in a group is the variance of an estimate from all points, as that
        falls like 1 / n. The second is extrapolated from the change of the estimate, b, if only an eighth of the points
        served as neighbours, as ``b / (8^(1 / (d + 1/2)) - 1)``. The standard error is at least the root of
        the sum of squares of the shares of x that each point of y serves as nearest neighbour, which shows first where
        y covers x thinly.

        `converged` says whether a 95 % interval of 1.96 errors can be relied on. It is false, with an
        `EstimateWarning` that gives the reason:

        - With fewer points of x or of y (an eighth as neighbours, a third in classes) the estimate is expected to
          change by more than 1.75 standard errors for y, 2.5 for x, or 3 for x with q known. Then y covers x too
          thinly, so that the divergence may be much larger or infinite, or the points lie on a curve or a surface.
        - Too few points of y lie where those of x do: less than 10 in one dimension, and 3 times as many for each more.
        - The share of x with repeated values that y does not have is larger than the error.
        - Repeated values within the samples do not go with those across them, as in Markov chains or shared points.
        - The points are too few for an `error`, which is inf then.
        - With q known: in more than 10 dimensions, or where the tail of log q(x) is so heavy that it may have no mean.

        The documentation has a table of how often intervals contain the true value. If q is 0 at a point of x,
        the divergence is infinite: `value` is inf, and `error` 0.

    Raises
    ------
    ValueError
        If a value is not finite; if a column is constant in both samples, or a linear combination of others; if q is
        known, and more than a tenth of the points of x share a value; if there are fewer than k + 1 points of x or k of
        y; if shapes do not agree; or if q is no density over such points.
    TypeError
        If the arrays belong to different frameworks, or have no values, as under a tracer; if `k` is no integer; or if
        `y_or_q` is an object that can be called and is no distribution.

    Notes
    -----
    Sources: Wang, Kulkarni and Verdu 2009, and Perez-Cruz 2008, for two samples; Kozachenko and Leonenko 1987 for the
    entropy; Zhang and Grabchak 2014 for classes.

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

    Rounded samples:

    >>> rounded = kldiv.estimate_from_samples(x.round(1), y.round(1))
    >>> bool(abs(rounded.value - 0.5) < 0.2), rounded.method.partition(", ")[2]
    (True, 'repeated values counted in 1 and spread in 1 of 1 columns (seed 0)')
    """
    from kldiv.estimation.neighbour_estimate import measure

    k = checked_rank(k)
    if correction not in ("digamma", "log"):
        raise ValueError(f"correction must be 'digamma' or 'log'; got {correction!r}")
    scale = 1.0 if base is None else in_base(1.0, base)
    data = gather_data(x, y_or_q, k)
    samples, constant, doubts = _prepared(data, k, whiten, correction)
    value, error, more_doubts = measure(samples, k, constant)
    doubts += more_doubts
    if doubts:
        warnings.warn(f"the estimate cannot be trusted: {'; '.join(doubts)}", EstimateWarning, stacklevel=2)
    result, standard_error = (data.xp.asarray_like(scale * v, data.like, data.dtype) for v in (value, error))
    true = data.xp.ones_like(result) > 0
    method = _words(k, whiten, correction, samples)
    return Estimate(result, standard_error, method, data.sizes[0], ~true if doubts else true)


class Data(NamedTuple):
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


def gather_data(x: Any, y_or_q: Any, k: int) -> Data:
    """Return what `estimate_from_samples` is called with, checked."""
    if callable(y_or_q) or is_distribution(y_or_q):
        y_or_q = as_family(y_or_q, "q")
    is_known = _is_distribution(y_or_q)
    passed = {"x": x} if is_known else {"x": x, "y": y_or_q}
    parameters = _parameters(y_or_q)
    xp, arrays, dtype = gather([*passed.values(), *parameters.values()], [*passed, *parameters])
    samples = {name: _points(xp, array, name) for name, array in zip(passed, arrays, strict=False)}
    _check_sizes({name: xp.shape(array) for name, array in zip(passed, arrays, strict=False)}, k)
    log_q = _log_density(xp, arrays[0], y_or_q) if is_known else None
    return Data(samples, log_q, xp, arrays[0], dtype)


def _words(k: int, whiten: bool, correction: str, samples: Samples) -> str:
    """Return the method in words."""
    x, _, log_q = samples
    known = "" if log_q is None else ", q known"
    logarithmic = ", logarithmic correction" if correction == "log" else ""
    ways = [f"{way} in {number}" for way, number in (("counted", x.counted), ("spread", x.spread)) if number]
    repeated = f", repeated values {' and '.join(ways)} of {x.all_columns} columns (seed 0)" if ways else ""
    return f"{k}-nearest neighbours of {'whitened' if whiten else 'the'} points{known}{logarithmic}{repeated}"


def _prepared(data: Data, k: int, whiten: bool, correction: str) -> tuple[Samples, float, list[str]]:
    """Return the samples in cells under a common affine map, what the estimate has beside a mean over x, and doubts."""
    from kldiv.estimation.cells import separate
    from kldiv.estimation.neighbour_estimate import Samples
    from kldiv.estimation.neighbours import standardized

    cells, doubts = separate(data.samples)
    shrinkage = 0.0
    if cells[0].columns:
        _check_dependence(data, cells)
        points, shrinkage = standardized([c.points for c in cells], whiten)
        if points is None:
            raise ValueError(
                f"{' and '.join(data.samples)} have {' and '.join(map(str, data.sizes))} points, too few to tell the "
                f"covariance matrix of {len(cells[0].columns)} columns; pass whiten=False, or, "
                "if the axes of x are chains and draws, x.reshape(-1)"
            )
        cells = [c._replace(points=p) for c, p in zip(cells, points, strict=True)]
    samples = Samples(cells[0], cells[1] if len(cells) > 1 else None, data.log_q)
    return samples, _constant(data.sizes, data.dimension, shrinkage, correction), doubts


def _constant(sizes: list[int], dimension: int, shrinkage: float, correction: str) -> float:
    """Return what the estimate has beside the mean: the numbers of points, and volumes."""
    n, m = sizes[0], sizes[-1]
    of_p = math.log(n - 1) if correction == "log" else _psi(n)
    if len(sizes) == 2:
        return (math.log(m) if correction == "log" else _psi(m + 1)) - of_p
    log_unit_ball = 0.5 * dimension * math.log(math.pi) - math.lgamma(0.5 * dimension + 1)
    return -of_p - log_unit_ball - shrinkage


def _psi(n: int) -> float:
    host = namespace()
    return float(digamma(host, host.asarray_like(n, None, host.float64)))


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


def checked_rank(k: Any) -> int:
    """Return k as an integer."""
    try:
        number = operator.index(k)
    except TypeError:
        raise TypeError(f"k must be a positive integer; got {k!r}") from None
    if isinstance(k, bool) or number < 1:
        raise ValueError(f"k must be a positive integer; got {k!r}")
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
        cure = (
            f"; if these are chains, draws and dimensions, pass {name}.reshape(-1, {shape[2]})"
            if len(shape) == 3
            else ""
        )
        raise ValueError(f"{name} must have shape (points, dimensions) or (points,); got {tuple(shape)}{cure}")
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


def _check_dependence(data: Data, cells: list[Cells]) -> None:
    """Raise ValueError if points lie in a plane, where no distribution has a density."""
    from kldiv.estimation.neighbours import dependent_column

    for name, of_sample in zip(data.samples, cells, strict=True):
        column = dependent_column(of_sample.of_full_dimension, float(data.xp.finfo(data.dtype).eps))
        if column is not None:
            raise ValueError(
                f"column {of_sample.columns[column]} of {name} is a linear combination of the columns before it, "
                f"up to rounding: {name} is no sample of a density; leave that column out"
            )
