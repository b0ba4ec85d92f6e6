"""The picture of two densities, and beside it that of the integrand of their divergence."""
# pyright: reportMissingImports=false

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kldiv._core.family import Family
from kldiv.plotting._arguments import Vector, as_numpy, require, require_finite
from kldiv.plotting._axes import (
    MAX_STEMS,
    SHADE,
    Axes,
    close_outline,
    draw_curve,
    draw_outline,
    draw_stems,
    limit_height,
    neutral_colour,
    prepare_axes,
    require_matplotlib,
)
from kldiv.plotting._contours import draw_contours
from kldiv.plotting._distributions import (
    divergence_text,
    is_discrete,
    is_planar,
    log_density,
    read_pair,
)
from kldiv.plotting._range import Range, find_range


def densities(
    p: Any,
    q: Any,
    *,
    ax: Axes = None,
    x: Any = None,
    n: int = 501,
    labels: tuple[str, str] = ("P", "Q"),
    classes: Sequence[str] | None = None,
) -> Axes:
    """Draw the densities of P and Q, and the integrand ``p(x) log(p(x) / q(x))`` of their divergence.

    The integrand has axes of its own. It is shaded in the colour of P where it is positive, and in the colour of Q
    where it is negative; it is hatched where q(x) = 0 < p(x), which makes the divergence infinite. Its integral is
    the title: the closed form, or an estimate with its error where there is none. Discrete distributions have
    stems, and bars for the terms of the sum; where they have many outcomes, outlines of their probabilities.

    Distributions of two numbers have contours around the regions of highest density that hold half and nine tenths
    of their mass, and no integrand.

    Parameters
    ----------
    p, q
        Distributions of a number, one each, both continuous or both discrete, or of two numbers. Mixtures count, and
        densities on a grid, as `kldiv.from_grid` returns them.
    ax
        Two matplotlib axes to draw into, for the densities and for the integrand, or one, for the densities alone; None
        for those of a new figure.
    x
        Where to evaluate the densities, in ascending order. By default the range that holds nearly all mass of both,
        which is found from the densities alone; of angles, from -pi to pi.
    n
        How many points, if they are not given. A density that is narrow in the range gets as many of its own.
    labels
        What to call P and Q.
    classes
        What to call the outcomes 0, 1, 2, ... of discrete distributions.

    Returns
    -------
    Axes or tuple of two Axes
        What was drawn into, with densities per unit of x, and the integrand in nats per unit of x.

    Raises
    ------
    TypeError
        If `p` or `q` is no distribution, or they belong to different frameworks.
    ValueError
        If a parameter is invalid, an outcome is not one or two numbers, there is a batch of distributions, one of them
        is continuous and the other discrete.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import kldiv
    >>> p, q = kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 1.5)
    >>> density, integrand = kldiv.plotting.densities(p, q, ax=Figure().subplots(2), x=[-1.0, 0.0, 1.0])
    >>> print(density.get_lines()[0].get_ydata().round(4))
    [0.242  0.3989 0.242 ]
    >>> density.get_title()
    'KL(P || Q) = 0.3499 nats'
    """
    require_matplotlib()
    if len(labels) != 2:
        raise ValueError(f"labels must be two names, for P and Q; got {labels!r}")
    p, q = read_pair(p, q)
    if is_planar(p):
        ax = prepare_axes(ax, 1)
        draw_contours(ax, p, q, labels, _title(labels, divergence_text(p, q)))
        return ax
    comparison = _compare(p, q, x, n)
    if classes is not None and not comparison.discrete:
        raise ValueError("classes name the outcomes of discrete distributions; p and q are continuous")
    panels = prepare_axes(ax, 2, down=True)
    density, *more = panels if isinstance(panels, tuple) else (panels,)
    if len(more) > 1:
        raise ValueError(f"ax must be one axes or two; got {len(panels)}")
    colours = _draw_densities(density, comparison, labels)
    for below in more:
        _draw_integrand(below, comparison, labels, colours)
    for panel in (density, *more):
        _set_limits(panel, comparison, classes)
    return panels


# ------------------------------------------------------------------------------------------------------------- compute


class _Comparison(NamedTuple):
    """Two densities and the integrand p log(p / q), at the same points."""

    x: Vector
    limits: tuple[float, float]  # of the horizontal axis
    discrete: bool
    density_p: Vector
    density_q: Vector
    integrand: Vector  # 0 where it is infinite
    infinite: NDArray[np.bool_]  # where q = 0 < p
    divergence: str


def _read_points(x: Any, discrete: bool) -> Range:
    points = as_numpy(x, "x")
    if points.ndim != 1 or points.size < 2:
        raise ValueError(f"x must be a vector of two points or more; got shape {points.shape}")
    require_finite(points, "x")
    require(np.diff(points, prepend=-math.inf) > 0, points, "x", "ascend")
    if discrete:
        require(np.floor(points) == points, points, "x", "be integers, as the outcomes of p and q are")
    return Range(points, (points[0], points[-1]))


def _compare(p: Family, q: Family, x: Any, n: int) -> _Comparison:
    discrete = is_discrete(p, "p")
    drawn = find_range([p, q], n, discrete, (p, q)) if x is None else _read_points(x, discrete)
    of_points = log_density(p, drawn.points), log_density(q, drawn.points)
    return _compare_logs(drawn, discrete, *of_points, divergence_text(p, q))


def _compare_logs(drawn: Range, discrete: bool, log_p: Vector, log_q: Vector, divergence: str) -> _Comparison:
    density_p, density_q = np.exp(log_p), np.exp(log_q)
    with np.errstate(all="ignore"):
        integrand = np.where(density_p > 0, density_p * (log_p - log_q), 0.0)
    infinite = (density_p > 0) & (log_q == -math.inf)
    if not discrete:  # a single point has no mass
        infinite &= np.append(infinite[1:], False) | np.append(False, infinite[:-1])
    return _Comparison(
        x=drawn.points,
        limits=drawn.limits,
        discrete=discrete,
        density_p=density_p,
        density_q=density_q,
        integrand=np.where(np.isfinite(integrand), integrand, 0.0),
        infinite=infinite,
        divergence=divergence,
    )


# ---------------------------------------------------------------------------------------------------------------- draw


def _title(labels: tuple[str, str], divergence: str) -> str:
    """Return the title of a picture: the divergence and its value."""
    return f"KL({labels[0]} || {labels[1]}) {divergence}"


def _has_stems(c: _Comparison) -> bool:
    return c.discrete and len(c.x) <= MAX_STEMS


def _draw_densities(ax: Axes, c: _Comparison, labels: tuple[str, str]) -> tuple[Any, Any]:
    """Draw both densities and return their colours."""
    if _has_stems(c):  # side by side
        colour_p = draw_stems(ax, c.x - 0.1, c.density_p, label=labels[0])
        colours = colour_p, draw_stems(ax, c.x + 0.1, c.density_q, label=labels[1])
    else:
        draw = draw_outline if c.discrete else draw_curve
        colours = draw(ax, c.x, c.density_p, label=labels[0]), draw(ax, c.x, c.density_q, label=labels[1])
    _draw_zero(ax)
    limit_height(ax, c.x, c.density_p, c.density_q)
    ax.set(xlabel="x", ylabel="probability" if c.discrete else "density", title=_title(labels, c.divergence))
    ax.legend()
    return colours


def _draw_integrand(ax: Axes, c: _Comparison, labels: tuple[str, str], colours: tuple[Any, Any]) -> None:
    p, q = (label.lower() for label in labels)
    integrand = f"{p} log({p} / {q})"
    _shade(ax, c, np.maximum(c.integrand, 0.0), colours[0], f"{integrand} > 0")
    _shade(ax, c, np.minimum(c.integrand, 0.0), colours[1], f"{integrand} < 0")
    if c.infinite.any():
        _hatch(ax, c, colours[0], f"{q} = 0 < {p}")
    _draw_zero(ax)
    limit_height(ax, c.x, c.integrand)
    ax.set(xlabel="x", ylabel=f"{integrand} in {'nats' if c.discrete else 'nats per unit of x'}")
    ax.legend()


def _shade(ax: Axes, c: _Comparison, heights: Vector, colour: Any, label: str) -> None:
    """Draw the area between 0 and the integrand where it has one sign; elsewhere the heights are 0."""
    if _has_stems(c):
        ax.bar(c.x, heights, width=0.8, color=colour, alpha=SHADE, label=label, zorder=1)
        return
    step, style = ("mid", "steps-mid") if c.discrete else (None, "default")
    ax.fill_between(c.x, heights, step=step, color=colour, alpha=SHADE, linewidth=0, label=label)
    # matplotlib places the legend clear of lines, not of areas.
    ax.plot(c.x, heights, drawstyle=style, color=colour, alpha=SHADE, linewidth=0.5, zorder=1)


def _hatch(ax: Axes, c: _Comparison, colour: Any, label: str) -> None:
    """Hatch, over the full height of the axes, where the integrand is infinite."""
    x, inside = close_outline(c.x, c.infinite) if c.discrete else (c.x, c.infinite * 1.0)
    ax.fill_between(
        x,
        inside,
        step="mid" if c.discrete else None,
        transform=ax.get_xaxis_transform(),
        facecolor="none",
        edgecolor=colour,
        hatch="///",
        alpha=2 * SHADE,
        linewidth=0,
        label=label,
    )


def _draw_zero(ax: Axes) -> None:
    from matplotlib import rcParams

    ax.axhline(0.0, color=neutral_colour(), linewidth=rcParams["axes.linewidth"], zorder=0.9)


def _set_limits(ax: Axes, c: _Comparison, classes: Sequence[str] | None) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.set_xlim(*c.limits)
    if c.discrete and len(c.x) < 6:  # stems leave no room for the legend
        ax.set_ylim(top=1.5 * ax.get_ylim()[1])
    if classes is not None:
        ax.set_xticks(range(len(classes)), classes)
        ax.set_xlabel("")
    elif c.discrete:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
