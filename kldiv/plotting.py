"""Pictures of divergences, with matplotlib: ``pip install kldiv[plot]``.

Each function draws into the axes that are passed as `ax` and returns them. Without `ax` it makes a new figure through
pyplot, so that notebooks show it; with `ax` pyplot is never loaded. Colours, sizes and fonts are those of the active
style. Arrays may be of any framework. What is drawn is computed on the host, in float64.

Examples
--------
>>> from matplotlib.figure import Figure
>>> import kldiv
>>> ax = kldiv.plotting.densities(kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 1.5), ax=Figure().subplots())
>>> ax.get_legend().get_title().get_text()
'KL(P || Q) = 0.3499 nats'
"""
# pyright: reportMissingImports=false
# matplotlib is optional.

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from kldiv._arrays.namespace import computing_dtype, gather
from kldiv._core.family import Family, kind_of, name_of, support_of
from kldiv._core.parameters import gather_families, named_leaves, require_family, unflatten
from kldiv._core.validation import check_structure, diagnose_all
from kldiv.backends import numpy
from kldiv.estimation.components import components_of, plain_components
from kldiv.estimation.estimate import estimate

try:
    from matplotlib import rcParams
    from matplotlib.colors import LogNorm
    from matplotlib.patches import Rectangle
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter
except ModuleNotFoundError as error:
    raise ImportError("kldiv.plotting needs matplotlib; try: pip install kldiv[plot]") from error

__all__ = ["convergence", "densities", "pairwise", "trajectory"]

Axes: TypeAlias = Any
Vector: TypeAlias = NDArray[np.float64]

_STEMS = 60  # outcomes, above which stems hide each other and an outline is drawn instead
_NUMBERS = 10  # rows of a matrix, above which its cells hold no numbers
_LINES = 10  # of parameters, above which a legend hides them
_SHOWN = 8  # densities of a trajectory
_POINTS = 2000  # of a running mean: more than there are pixels
_SHADE = 0.3  # the opacity of an area
_NEGLIGIBLE = 1e-9  # an error of a divergence


def densities(
    p: Family,
    q: Family,
    *,
    ax: Axes = None,
    x: Any = None,
    n: int = 501,
    labels: tuple[str, str] = ("P", "Q"),
) -> Axes:
    """Draw the densities of P and Q, and shade the integrand ``p(x) log(p(x) / q(x))`` of their divergence.

    The integrand is shaded in the colour of P where it is positive, and in the colour of Q where it is negative; it is
    hatched where q(x) = 0 < p(x), which makes the divergence infinite. Its integral stands in the title of the legend:
    the closed form, or an estimate with its error where there is none. Discrete distributions have stems, and bars for
    the terms of the sum; where they have many outcomes, outlines of their probabilities.

    Parameters
    ----------
    p, q
        Distributions of numbers, one each, both continuous or both discrete. Mixtures count.
    ax
        The matplotlib axes to draw into; None for those of a new figure.
    x
        Where to evaluate the densities, in ascending order. By default the range that holds nearly all mass of both,
        which is found from the densities alone; of angles, from -pi to pi.
    n
        How many points, if they are not given. A density that is narrow in the range gets as many of its own.
    labels
        What to call P and Q.

    Returns
    -------
    Axes
        What was drawn into, with densities per unit of x, and the integrand in nats per unit of x.

    Raises
    ------
    TypeError
        If `p` or `q` is no distribution, or they belong to different frameworks.
    ValueError
        If a parameter is invalid, an outcome is not a number, there is a batch of distributions, or one of them is
        continuous and the other discrete.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import kldiv
    >>> p = kldiv.Mixture([0.5, 0.5], kldiv.Normal([-1.0, 1.0], 1.0))
    >>> ax = kldiv.plotting.densities(p, p, ax=Figure().subplots(), x=[-1.0, 0.0, 1.0])
    >>> line, *_ = ax.get_lines()
    >>> print(line.get_ydata().round(4))
    [0.2265 0.242  0.2265]
    """
    xp, _, dtype, prepared = gather_families(p=p, q=q)
    check_structure(xp, *prepared)
    diagnose_all(xp, dtype, p=prepared[0], q=prepared[1])
    p, q = map(_on_host, prepared)
    discrete, other = _is_discrete(p, "p"), _is_discrete(q, "q")
    if discrete != other:
        names = f"p, {name_of(kind_of(p))}, and q, {name_of(kind_of(q))}"
        raise ValueError(f"{names}, have no picture in common: one has a density, the other probabilities")
    if len(labels) != 2:
        raise ValueError(f"labels must be two names, for P and Q; got {labels!r}")
    points, limits = _grid([p, q], n, discrete, (p, q)) if x is None else (_given(x, discrete), None)
    log_p, log_q = (_log_density(d, points) for d in (p, q))
    density_p, density_q = np.exp(log_p), np.exp(log_q)
    with np.errstate(all="ignore"):
        integrand = np.where(density_p > 0, density_p * (log_p - log_q), 0.0)
    infinite = (density_p > 0) & (log_q == -math.inf)
    if not discrete:  # a single point does not matter
        infinite &= np.append(infinite[1:], False) | np.append(False, infinite[:-1])
    integrand = np.where(np.isfinite(integrand), integrand, 0.0)

    ax = _axes(ax, 1)
    stems = discrete and len(points) <= _STEMS
    dodge = 0.1 if stems else 0.0
    colours = [
        _draw_density(ax, points + shift, y, discrete, label=label)
        for shift, y, label in ((-dodge, density_p, labels[0]), (dodge, density_q, labels[1]))
    ]
    term = f"{labels[0].lower()} log({labels[0].lower()} / {labels[1].lower()})"
    for sign, colour in zip((">", "<"), colours, strict=True):
        part = np.maximum(integrand, 0.0) if sign == ">" else np.minimum(integrand, 0.0)
        label = f"{term} {sign} 0"
        if stems:
            ax.bar(points, part, width=0.8, color=colour, alpha=_SHADE, label=label, zorder=1)
        else:
            step = "mid" if discrete else None
            ax.fill_between(points, part, step=step, color=colour, alpha=_SHADE, linewidth=0, label=label)
            # The legend makes way for lines, not for areas.
            style = "steps-mid" if discrete else "default"
            ax.plot(points, part, drawstyle=style, color=colour, alpha=_SHADE, linewidth=0.5, zorder=1)
    if infinite.any():
        ax.fill_between(
            *(_surrounded(points, infinite) if discrete else (points, infinite * 1.0)),
            step="mid" if discrete else None,
            transform=ax.get_xaxis_transform(),
            facecolor="none",
            edgecolor=colours[0],
            hatch="///",
            alpha=2 * _SHADE,
            linewidth=0,
            label=f"{labels[1].lower()} = 0 < {labels[0].lower()}",
        )
    ax.axhline(0.0, color=rcParams["text.color"], linewidth=rcParams["axes.linewidth"], zorder=0.9)
    if limits is not None:
        ax.set_xlim(*limits)
    _keep_finite(ax, points, density_p, density_q, integrand)
    if discrete:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        if len(points) < 6:  # stems leave no room for the legend
            ax.set_ylim(top=1.5 * ax.get_ylim()[1])
    unit = "nats" if discrete else "nats per unit of x"
    ax.set(xlabel="x", ylabel=f"{'probability' if discrete else 'density'}; {term} in {unit}")
    ax.legend(title=f"KL({labels[0]} || {labels[1]}) {_total(p, q)}")
    return ax


def convergence(trace: Any, truth: Any = None, *, ax: Axes = None, confidence: float = 0.95) -> Axes:
    """Draw how a Monte Carlo estimate converges: the running mean of its terms, and its squared error.

    After n terms the mean is m_n and the variance of the terms s_n^2. The band is ``m_n +- z s_n / sqrt(n)``, which
    holds the truth with probability `confidence`, point by point, once n is large enough for the central limit theorem.
    The squared error ``(m_n - truth)^2`` is drawn beside the line ``s^2 / n``, its expectation, with the interval that
    holds it with probability `confidence`: ``s^2 / n`` times quantiles of the chi-square distribution with 1 degree of
    freedom. A squared error that leaves the line for good has a bias.

    Parameters
    ----------
    trace
        The terms, a vector: log p(x) - log q(x) at draws of P, in the order in which they were drawn.
    truth
        What the mean should be.
    ax
        Axes for the running mean, or a pair of axes, for the mean and for the squared error. None makes a new figure:
        with both if there is a `truth`, with the mean alone if there is none.
    confidence
        The probability of the band, between 0 and 1.

    Returns
    -------
    Axes or tuple of two Axes
        What was drawn into; the values are in nats, the squared errors in square nats.

    Raises
    ------
    ValueError
        If the trace is not a vector of three terms or more, or has one that is not finite; the truth is not a finite
        number; or a pair of axes is given and no truth.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import numpy as np, kldiv
    >>> p, q = kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 1.0)
    >>> x = np.random.default_rng(0).normal(size=1000)
    >>> trace = p.log_density(x) - q.log_density(x)
    >>> mean, error = kldiv.plotting.convergence(trace, kldiv.kl_divergence(p, q), ax=Figure().subplots(1, 2))
    >>> error.get_xscale(), error.get_yscale()
    ('log', 'log')
    """
    terms = _as_numpy(trace, "trace")
    if terms.ndim != 1 or terms.size < 3:
        raise ValueError(f"trace must be a vector of three terms or more; got shape {terms.shape}")
    _require_finite(terms, "trace")
    target = None if truth is None else _as_numpy(truth, "truth")
    if target is not None:
        if target.ndim:
            raise ValueError(f"truth must be one number; got shape {target.shape}")
        _require_finite(target, "truth")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1; got {confidence!r}")
    panels = _axes(ax, 1 if target is None else 2)
    several = isinstance(panels, tuple)
    if several and (len(panels) != 2 or target is None):
        reason = "the squared error needs a truth" if len(panels) == 2 else f"got {len(panels)}"
        raise ValueError(f"ax must be one axes, or two and a truth; {reason}")
    left = panels[0] if several else panels

    count = np.arange(1, terms.size + 1)
    centre = terms.mean()  # which takes the cancellation out of the sums of squares
    sums = np.cumsum(terms - centre)
    squares = np.cumsum((terms - centre) ** 2)
    variance = np.maximum(squares - sums**2 / count, 0.0) / np.maximum(count - 1, 1)
    first = min(10, 1 + terms.size // 10) + 1  # before which there is nothing but noise
    shown = np.unique(np.geomspace(first, terms.size, _POINTS).round().astype(int)) - 1
    n, mean, variance = count[shown], centre + sums[shown] / count[shown], variance[shown]
    half = special.ndtri(0.5 + 0.5 * confidence) * np.sqrt(variance / n)

    (line,) = left.plot(n, mean, label=f"mean of n terms: {mean[-1]:.4g}")
    band = f"{100 * confidence:g} % confidence: ± {half[-1]:.2g}"
    left.fill_between(n, mean - half, mean + half, color=line.get_color(), alpha=_SHADE, linewidth=0, label=band)
    neutral = rcParams["text.color"]
    if target is not None:
        left.axhline(float(target), color=neutral, linestyle="--", label=f"truth: {float(target):.4g}")
    settled = slice(len(n) // 4, None)  # the band begins too wide to choose limits by
    edges = np.concatenate([(mean - half)[settled], (mean + half)[settled], mean])
    edges = edges if target is None else np.append(edges, target)
    if edges.max() > edges.min():
        margin = 0.1 * (edges.max() - edges.min())
        left.set_ylim(edges.min() - margin, edges.max() + margin)
    left.set(xscale="log", xlim=(n[0], n[-1]), xlabel="number of terms n", ylabel="KL(P || Q) in nats")
    left.legend()
    if not several:
        return left

    right = panels[1]
    error = (mean - float(target)) ** 2  # type: ignore[arg-type]
    expected = variance[-1] / n
    low, high = (
        special.ndtri(0.5 + 0.5 * quantile) ** 2 for quantile in (0.5 - 0.5 * confidence, 0.5 + 0.5 * confidence)
    )
    right.plot(n, np.ma.masked_equal(error, 0.0), color=line.get_color(), label="(mean - truth)²")
    if variance[-1] > 0:
        right.plot(n, expected, color=neutral, linestyle="--", label=f"expected: {variance[-1]:.3g} / n")
        band = f"{100 * confidence:g} % of squared errors"
        right.fill_between(
            n, low * expected, high * expected, color=neutral, alpha=0.5 * _SHADE, linewidth=0, label=band
        )
    right.set(xscale="log", xlim=(n[0], n[-1]), xlabel="number of terms n", ylabel="squared error in nats²")
    if variance[-1] > 0 or error.any():
        right.set_yscale("log")
        lowest = low * expected[-1] if variance[-1] > 0 else error[error > 0].min()
        right.set_ylim(bottom=0.5 * lowest)  # the error passes through 0 whenever the mean crosses the truth
    right.legend()
    return panels


def trajectory(fit: Any, *, ax: Axes = None) -> Axes:
    """Draw the course of a fit: its densities, fading from the last to the first, its parameters and its divergence.

    Parameters
    ----------
    fit
        What `kldiv.fit` returns.
    ax
        Three axes: for the densities, the parameters and the divergence, the last two against the step. Two axes: for
        the parameters and the divergence. One: for the densities. None makes a new figure, with all three where an
        outcome of the distribution is a number, and without the densities elsewhere.

    Returns
    -------
    Axes or tuple of Axes
        What was drawn into.

    Raises
    ------
    ValueError
        If the densities are asked for and the distribution is none of numbers, or is a batch, the number of axes is
        none of the above, or the history has no steps.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import kldiv
    >>> fit = kldiv.fit(kldiv.Exponential(2.0), kldiv.Exponential(1.0), steps=3)
    >>> panels = kldiv.plotting.trajectory(fit, ax=Figure().subplots(1, 3))
    >>> [panel.get_ylabel() for panel in panels]
    ['density', 'parameters', 'divergence in nats']
    """
    require_family(fit.distribution, "fit.distribution")
    steps, divergence = np.asarray(fit.history.steps), np.asarray(fit.history.divergence)
    if not len(steps):
        raise ValueError("the history of the fit is empty")
    panels = _axes(ax, 3 if _space(fit.distribution) and divergence.ndim == 1 else 2)
    several = isinstance(panels, tuple)
    if several and len(panels) not in (2, 3):
        raise ValueError(f"ax must be one, two or three axes; got {len(panels)}")

    if not several or len(panels) == 3:
        shown = np.unique(np.geomspace(1, len(steps), _SHOWN).round().astype(int)) - 1  # early on more changes
        stages = [_on_host(fit.at(i)) for i in shown.tolist()]
        _draw_stages(panels[0] if several else panels, stages, steps[shown])
    if several:
        _draw_parameters(panels[-2], steps, fit.history.parameters)
        _draw_divergence(panels[-1], steps, divergence)
    return panels


def _draw_stages(ax: Axes, stages: Sequence[Family], steps: NDArray[Any]) -> None:
    discrete = _is_discrete(stages[-1], "the distribution of the fit")
    x, limits = _grid(stages, 501, discrete)
    opacities = np.geomspace(0.2, 1.0, len(stages))
    colour: Any = None
    for i, (stage, opacity) in enumerate(zip(stages, opacities, strict=True)):
        ends = i in (0, len(stages) - 1)
        y = np.exp(_log_density(stage, x))
        colour = _draw_density(
            ax,
            x,
            y,
            discrete,
            color=colour,
            alpha=float(opacity) if len(stages) > 1 else 1.0,
            outline=True,
            label=f"step {steps[i]}" if ends else "_",
        )
        if i == len(stages) - 1:
            _keep_finite(ax, x, y)
    ax.set(xlim=limits, ylim=(0.0, None), xlabel="x", ylabel="probability" if discrete else "density")
    ax.legend()


def _draw_parameters(ax: Axes, steps: NDArray[Any], parameters: dict[str, Any]) -> None:
    columns = list(_columns(parameters))
    for name, values in columns:
        ax.plot(steps, values, label=name)
    ax.set(xlabel="step", ylabel="parameters")
    if 0 < len(columns) <= _LINES:
        ax.legend()


def _columns(parameters: dict[str, Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the course of each number in the parameters of a history, with its name."""
    for name, values in parameters.items():
        values = np.asarray(values)
        for index in np.ndindex(values.shape[1:]):
            place = f"[{', '.join(map(str, index))}]" if index else ""
            yield name + place, values[(slice(None), *index)]


def _draw_divergence(ax: Axes, steps: NDArray[Any], divergence: NDArray[Any]) -> None:
    (line, *others) = ax.plot(steps, np.reshape(divergence, (len(steps), -1)))
    if not others:
        line.set_label(f"last: {divergence[-1]:.4g}")
        ax.legend()
    finite = divergence[np.isfinite(divergence)]
    if finite.size and finite.min() > 0 and finite.max() > 5 * finite.min():
        ax.set_yscale("log")
    ax.set(xlabel="step", ylabel="divergence in nats")


def pairwise(matrix: Any, labels: Sequence[str] | None = None, *, ax: Axes = None, norm: Any = None) -> Axes:
    """Draw a square matrix of divergences as a heat map, with P along the rows and Q along the columns.

    For the divergences of all pairs of two batches see `kldiv.pairwise`, which draws nothing.

    Colours are logarithmic. What they cannot show is told apart from them: cells that are exactly 0, as those on the
    diagonal are, have the background's colour, and infinite ones are hatched. Where there are at most 10 rows the cells
    hold their numbers.

    Parameters
    ----------
    matrix
        The divergences KL(P_i || P_j), in nats.
    labels
        What to call the distributions; by default their indices.
    ax
        The axes to draw into, of which the scale of colours takes some space; None for those of a new figure.
    norm
        A matplotlib norm, to have the same colours in several pictures; by default a logarithmic one over the entries.

    Returns
    -------
    Axes
        What was drawn into.

    Raises
    ------
    ValueError
        If the matrix is not square, an entry is negative or nan, or there is not one label for each row.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import numpy as np, kldiv
    >>> loc = np.array([0.0, 1.0, 5.0])
    >>> matrix = kldiv.kl_divergence(kldiv.Normal(loc[:, None], 1.0), kldiv.Normal(loc, 1.0))
    >>> ax = kldiv.plotting.pairwise(matrix, ["a", "b", "c"], ax=Figure().subplots())
    >>> [text.get_text() for text in ax.texts]
    ['0', '0.5', '12.5', '0.5', '0', '8', '12.5', '8', '0']
    """
    values = _as_numpy(matrix, "matrix")
    if values.ndim != 2 or values.shape[0] != values.shape[1] or not values.size:
        raise ValueError(f"matrix must be square; got shape {values.shape}")
    _require(values >= 0, values, "matrix", "be at least 0")
    size = len(values)
    names = [str(i) for i in range(size)] if labels is None else [str(label) for label in labels]
    if len(names) != size:
        raise ValueError(f"labels must name the {size} rows of the matrix; got {len(names)}")
    coloured = (values > 0) & (values < math.inf)
    norm = _logarithmic(values[coloured]) if norm is None else norm

    ax = _axes(ax, 1)
    ax.grid(visible=False)
    image = ax.imshow(np.ma.masked_array(values, ~coloured), norm=norm, cmap=rcParams["image.cmap"])
    for i, j in np.argwhere(values == math.inf):
        ax.add_patch(
            Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, hatch="//", edgecolor=rcParams["text.color"], linewidth=0)
        )
    if size <= _NUMBERS:
        for (i, j), value in np.ndenumerate(values):
            _write(ax, image, i, j, float(value), rcParams["font.size"] * min(1.0, 6 / size))
    slanted = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if sum(map(len, names)) > 30 else {}
    if labels is not None or size <= _NUMBERS:
        ax.set_xticks(range(size), names, **slanted)
        ax.set_yticks(range(size), names)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel="Q", ylabel="P")
    _draw_scale(ax, image)
    return ax


def _logarithmic(values: Vector) -> Any:
    """Return a norm over positive values, which may be few or none."""
    low, high = (values.min(), values.max()) if values.size else (1.0, 1.0)
    return LogNorm(low, high) if high > low else LogNorm(low / 2, high * 2)


def _write(ax: Axes, image: Any, i: int, j: int, value: float, size: float) -> None:
    """Write a number into a cell, so that it can be read on the cell's colour."""
    colour, box = rcParams["text.color"], None
    if value == math.inf:
        box = {"facecolor": ax.get_facecolor(), "edgecolor": "none", "pad": 1.5}
    elif value > 0:
        red, green, blue, _ = image.cmap(image.norm(value))
        colour = "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"
    text = "∞" if value == math.inf else f"{value:.3g}"
    ax.text(j, i, text, ha="center", va="center", color=colour, fontsize=size, bbox=box)


def _draw_scale(ax: Axes, image: Any) -> None:
    bar = ax.figure.colorbar(image, ax=ax, label="KL(P || Q) in nats")
    if isinstance(image.norm, LogNorm) and image.norm.vmax < 100 * image.norm.vmin:  # which has few powers of ten in it
        bar.ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        bar.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        bar.ax.yaxis.set_minor_formatter(NullFormatter())


# ------------------------------------------------------------------------------------------------------ what is passed


def _axes(ax: Any, panels: int) -> Any:
    """Return the axes to draw into: one, or a tuple of several."""
    if ax is None:
        from matplotlib import pyplot

        width, height = rcParams["figure.figsize"]
        figure = pyplot.figure(figsize=(width * (1 if panels == 1 else 0.8 * panels), height), layout="constrained")
        ax = figure.subplots(1, panels)
    if isinstance(ax, list | tuple | np.ndarray):
        several = tuple(np.ravel(np.asarray(ax, dtype=object)))
        return several[0] if len(several) == 1 else several
    return ax


def _as_numpy(values: Any, name: str) -> Vector:
    """Return an array of any framework, a number or a list of numbers as NumPy's, in float64."""
    xp, (array,), dtype = gather([values], [name])
    return np.asarray(xp.to_numpy(xp.astype(array, computing_dtype(xp, dtype))), dtype=np.float64)


def _require(holds: NDArray[np.bool_], values: Vector, name: str, words: str) -> None:
    """Raise ValueError for the first value that does not hold."""
    if not holds.all():
        index = tuple(np.argwhere(~holds)[0].tolist())
        place = f" at index {index}" if index else ""
        raise ValueError(f"{name} must {words}; got {values[index]}{place}")


def _require_finite(values: Vector, name: str) -> None:
    _require(np.isfinite(values), values, name, "be finite")


def _given(x: Any, discrete: bool) -> Vector:
    points = _as_numpy(x, "x")
    if points.ndim != 1 or points.size < 2:
        raise ValueError(f"x must be a vector of two points or more; got shape {points.shape}")
    _require_finite(points, "x")
    _require(np.diff(points, prepend=-math.inf) > 0, points, "x", "ascend")
    if discrete:
        _require(np.floor(points) == points, points, "x", "be integers, as the outcomes of p and q are")
    return points


# ------------------------------------------------------------------------------------------------------- distributions


def _on_host(d: Family) -> Family:
    """Return a distribution with its parameters as NumPy's, in float64."""
    return unflatten(d, iter([_as_numpy(x, name) for name, x in named_leaves(d, "the distribution")]))


def _space(d: Family) -> str:
    """Return where the outcomes of a distribution live, if they are numbers: "line", "integers" or "circle"."""
    support = support_of(kind_of(d))
    return support.space if support is not None and support.space in ("line", "integers", "circle") else ""


def _is_discrete(d: Family, name: str) -> bool:
    """Tell whether a distribution is one of integers; raise ValueError if it is none of numbers, or a batch."""
    kind = kind_of(d)
    if not _space(d):
        raise ValueError(
            f"the outcomes of {name}, {name_of(kind)}, are not numbers on a line; they have no picture here"
        )
    batch = np.shape(_log_density(d, np.asarray(0.0)))
    if batch:
        raise ValueError(f"{name} is a batch of distributions, of shape {batch}; pass one of them")
    return _space(d) == "integers"


def _log_density(d: Family, x: Any) -> Vector:
    with np.errstate(all="ignore"):
        return np.asarray(d.log_density(x))


def _total(p: Family, q: Family) -> str:
    """Return the divergence in words: the closed form, or an estimate with its error."""
    found = estimate(p, q, atol=_NEGLIGIBLE)
    value, error = float(found.value), float(found.error)
    if value == math.inf:
        return "= ∞"
    exact = error <= max(5e-5 * abs(value), _NEGLIGIBLE)
    return f"= {value:.4g} nats" if exact else f"= {value:.4g} ± {error:.1g} nats"


# ------------------------------------------------------------------------------------------- where densities have mass


class _Window(NamedTuple):
    """An interval that holds nearly all mass of a distribution."""

    low: float
    high: float


def _grid(
    distributions: Sequence[Family], n: int, discrete: bool, pair: tuple[Family, Family] | None = None
) -> tuple[Vector, tuple[float, float]]:
    """Return points that show all of the densities and the integrand of a pair, and the limits of an axis for them."""
    if n < 2:
        raise ValueError(f"n must be at least 2; got {n!r}")
    if _space(distributions[0]) == "circle":
        return np.linspace(-math.pi, math.pi, n), (-math.pi, math.pi)
    ends = np.concatenate([_ends(d) for d in distributions])
    windows = [window for d in distributions for window in _windows(d, discrete)]
    if not windows:
        raise ValueError("the densities have no mass that can be found; pass x")
    if pair is not None:
        windows += _window(lambda x: _log_integrand(*pair, x), ends, discrete)
    low, high = min(w.low for w in windows), max(w.high for w in windows)
    if discrete:
        every = np.arange(low, high + 1) if high - low < n else np.unique(np.linspace(low, high, n).round())
        return every, (low - 0.7, high + 0.7)
    margin = 0.04 * (high - low)
    limits = low - margin, high + margin
    ends = ends[(limits[0] < ends) & (ends < limits[1])]
    # The neighbours of an end make a jump there vertical.
    narrow = [(w, 0.5 * (w.high - w.low)) for w in windows if w.high - w.low < 0.2 * (high - low)]
    fine = [np.linspace(w.low - more, w.high + more, n) for w, more in narrow]
    jumps = [np.nextafter(ends, -math.inf), ends, np.nextafter(ends, math.inf)]
    return np.unique(np.concatenate([np.linspace(*limits, n), *fine, *jumps])), limits


def _ends(d: Family) -> Vector:
    """Return the finite ends of the supports of the parts of a distribution."""
    components = components_of(numpy, d).components
    support = support_of(type(components))
    assert support is not None
    ends = [getattr(components, end, math.inf) if isinstance(end, str) else end for end in (support.low, support.high)]
    flat: Vector = np.concatenate([np.ravel(end) for end in ends])
    return flat[np.isfinite(flat)]


def _windows(d: Family, discrete: bool) -> list[_Window]:
    """Return a window for each part of a distribution that matters."""
    weights = components_of(numpy, d).weights
    each = [1.0] if weights is None else np.ravel(weights)
    parts = zip(plain_components(numpy, d), each, strict=True)
    found = [
        _window(functools.partial(_log_density, part), _ends(part), discrete) for part, weight in parts if weight > 1e-3
    ]
    return [*itertools.chain.from_iterable(found)]


def _log_integrand(p: Family, q: Family, x: Vector) -> Vector:
    """Return log |p log(p / q)|."""
    log_p, log_q = _log_density(p, x), _log_density(q, x)
    with np.errstate(all="ignore"):
        return np.asarray(log_p + np.log(np.abs(log_p - log_q)))


def _window(log_density: Callable[[Vector], Vector], ends: Vector, discrete: bool) -> list[_Window]:
    """Find where a density has its mass, if it has any.

    Start from all orders of magnitude, and split the intervals that hold too much of it. The share of an interval is
    judged by the larger density at its ends, relative to that of the best interval. So the search climbs towards a peak
    that all points miss, as long as the density rises towards it.
    """
    offsets = np.geomspace(1e-40, 1e40, 321) if not discrete else np.unique(np.geomspace(1, 1e15, 61).round())
    anchors = np.append(ends, 0.0)[:, None]
    x = np.unique(np.concatenate([anchors, anchors - offsets, anchors + offsets], axis=None))
    y = _finite(log_density(x))
    for _ in range(300):
        with np.errstate(all="ignore"):
            share = np.maximum(y[1:], y[:-1]) + np.log(np.diff(x))
            share = np.exp(share - share.max())
        middle = x[:-1] + np.diff(x) / 2
        middle = np.floor(middle) if discrete else middle
        split = (share > share.sum() / 2000) & (middle > x[:-1]) & (middle < x[1:])
        if not split.any():
            break
        x, order = np.unique(np.concatenate([x, middle[split]]), return_index=True)
        y = np.concatenate([y, _finite(log_density(middle[split]))])[order]
    if y.max() == -math.inf:
        return []
    width = np.diff(x)
    density = np.exp(y - y.max())
    mass = np.cumsum(np.concatenate([[0.0], 0.5 * (density[1:] + density[:-1]) * width]))
    if discrete:  # a sum: what is at the ends of the intervals counts, not what is between them
        mass = np.cumsum(density * 0.5 * (np.append(width, 1.0) + np.concatenate([[1.0], width])))
    mass = mass / mass[-1]
    visible = x[density > 5e-3]
    far, near = (_quantiles(mass, x, tail, discrete) for tail in (1e-4, 0.05))
    # As far as there is something to see; but some mass, and not the tail of a tail.
    low, high = min(max(visible[0], far[0]), near[0]), max(min(visible[-1], far[1]), near[1])
    return [_Window(float(low), float(high))]


def _quantiles(mass: Vector, x: Vector, tail: float, discrete: bool) -> Vector:
    """Return the points with a mass of `tail` below the one and above the other."""
    levels = np.asarray([tail, 1 - tail])
    return x[np.searchsorted(mass, levels)] if discrete else np.interp(levels, mass, x)


def _finite(y: Vector) -> Vector:
    """Return log densities without those that are infinite or undefined at an end of the support."""
    return np.where(y < math.inf, y, -math.inf)


# ------------------------------------------------------------------------------------------------------------- drawing


def _surrounded(x: Vector, y: NDArray[Any]) -> tuple[Vector, Vector]:
    """Return the probabilities of integers with zeros around them, so that outlines close."""
    return np.concatenate([[x[0] - 1], x, [x[-1] + 1]]), np.concatenate([[0.0], y, [0.0]])


def _draw_density(
    ax: Axes, x: Vector, y: Vector, discrete: bool, *, outline: bool = False, color: Any = None, **style: Any
) -> Any:
    """Draw a density or probabilities in the next colour of the cycle, or in a given one, and return the colour."""
    style = style if color is None else {**style, "color": color}
    if discrete and not outline and len(x) <= _STEMS:
        (line,) = ax.plot(x, y, "o", **style)
        ax.vlines(x, 0.0, y, color=line.get_color())
    else:
        x, y = _surrounded(x, y) if discrete else (x, y)
        (line,) = ax.plot(x, y, drawstyle="steps-mid" if discrete else "default", **style)
    return line.get_color()


def _keep_finite(ax: Axes, x: Vector, *curves: Vector) -> None:
    """Choose the limits of the vertical axis where a density is infinite: leave out what is close to that point."""
    infinite = x[np.logical_or.reduce([np.isinf(y) for y in curves])]
    if infinite.size:
        left, right = ax.get_xlim()
        far = np.abs(x[:, None] - infinite).min(axis=1) > 0.02 * (right - left)
        top, bottom = (choose([choose(y[far], initial=0.0) for y in curves]) for choose in (np.max, np.min))
        ax.set_ylim(bottom - 0.05 * (top - bottom), top + 0.05 * (top - bottom))
