"""The picture of two densities and of the integrand of their divergence."""
# pyright: reportMissingImports=false

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kldiv._core.family import Family, kind_of, name_of
from kldiv._core.parameters import gather_families
from kldiv._core.validation import check_structure, diagnose_all
from kldiv.estimation.estimate import estimate
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
from kldiv.plotting._distributions import is_discrete, log_density, on_host
from kldiv.plotting._range import Grid, find_grid

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
    require_matplotlib()
    p, q = _read_pair(p, q)
    discrete = is_discrete(p, "p")
    if len(labels) != 2:
        raise ValueError(f"labels must be two names, for P and Q; got {labels!r}")
    grid = find_grid([p, q], n, discrete, (p, q)) if x is None else Grid(_read_points(x, discrete), None)
    comparison = _compare(p, q, grid, discrete)
    ax = prepare_axes(ax, 1)
    _draw(ax, comparison, labels)
    return ax


# ------------------------------------------------------------------------------------------------------------- compute


class _Comparison(NamedTuple):
    """Two densities and the integrand p log(p / q), at the same points."""

    x: Vector
    limits: tuple[float, float] | None  # of the horizontal axis
    discrete: bool
    density_p: Vector
    density_q: Vector
    integrand: Vector  # 0 where it is infinite
    infinite: NDArray[np.bool_]  # where q = 0 < p
    divergence: str


def _read_pair(p: Family, q: Family) -> tuple[Family, Family]:
    """Return P and Q on the host; raise unless they are valid and both continuous or both discrete."""
    xp, _, dtype, (p, q) = gather_families(p=p, q=q)
    check_structure(xp, p, q)
    diagnose_all(xp, dtype, p=p, q=q)
    p, q = on_host(p), on_host(q)
    if is_discrete(p, "p") != is_discrete(q, "q"):
        names = f"p, {name_of(kind_of(p))}, and q, {name_of(kind_of(q))}"
        raise ValueError(f"{names}, have no picture in common: one has a density, the other probabilities")
    return p, q


def _read_points(x: Any, discrete: bool) -> Vector:
    points = as_numpy(x, "x")
    if points.ndim != 1 or points.size < 2:
        raise ValueError(f"x must be a vector of two points or more; got shape {points.shape}")
    require_finite(points, "x")
    require(np.diff(points, prepend=-math.inf) > 0, points, "x", "ascend")
    if discrete:
        require(np.floor(points) == points, points, "x", "be integers, as the outcomes of p and q are")
    return points


def _compare(p: Family, q: Family, grid: Grid, discrete: bool) -> _Comparison:
    log_p, log_q = log_density(p, grid.points), log_density(q, grid.points)
    density_p, density_q = np.exp(log_p), np.exp(log_q)
    with np.errstate(all="ignore"):
        integrand = np.where(density_p > 0, density_p * (log_p - log_q), 0.0)
    infinite = (density_p > 0) & (log_q == -math.inf)
    if not discrete:  # a single point has no mass
        infinite &= np.append(infinite[1:], False) | np.append(False, infinite[:-1])
    return _Comparison(
        x=grid.points,
        limits=grid.limits,
        discrete=discrete,
        density_p=density_p,
        density_q=density_q,
        integrand=np.where(np.isfinite(integrand), integrand, 0.0),
        infinite=infinite,
        divergence=_divergence_text(p, q),
    )


def _divergence_text(p: Family, q: Family) -> str:
    """Return the divergence as "= value", with the error of an estimate where it is not negligible."""
    result = estimate(p, q, atol=_NEGLIGIBLE)
    value, error = float(result.value), float(result.error)
    if value == math.inf:
        return "= ∞"
    exact = error <= max(5e-5 * abs(value), _NEGLIGIBLE)
    return f"= {value:.4g} nats" if exact else f"= {value:.4g} ± {error:.1g} nats"


# ---------------------------------------------------------------------------------------------------------------- draw


def _draw(ax: Axes, c: _Comparison, labels: tuple[str, str]) -> None:
    p, q = (label.lower() for label in labels)
    integrand = f"{p} log({p} / {q})"
    colours = _draw_densities(ax, c, labels)
    _shade(ax, c, np.maximum(c.integrand, 0.0), colours[0], f"{integrand} > 0")
    _shade(ax, c, np.minimum(c.integrand, 0.0), colours[1], f"{integrand} < 0")
    if c.infinite.any():
        _hatch(ax, c, colours[0], f"{q} = 0 < {p}")
    _draw_zero(ax)
    _set_limits(ax, c)
    height, unit = ("probability", "nats") if c.discrete else ("density", "nats per unit of x")
    ax.set(xlabel="x", ylabel=f"{height}; {integrand} in {unit}")
    ax.legend(title=f"KL({labels[0]} || {labels[1]}) {c.divergence}")


def _has_stems(c: _Comparison) -> bool:
    return c.discrete and len(c.x) <= MAX_STEMS


def _draw_densities(ax: Axes, c: _Comparison, labels: tuple[str, str]) -> tuple[Any, Any]:
    """Draw both densities and return their colours."""
    if _has_stems(c):  # side by side
        colour_p = draw_stems(ax, c.x - 0.1, c.density_p, label=labels[0])
        return colour_p, draw_stems(ax, c.x + 0.1, c.density_q, label=labels[1])
    draw = draw_outline if c.discrete else draw_curve
    return draw(ax, c.x, c.density_p, label=labels[0]), draw(ax, c.x, c.density_q, label=labels[1])


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


def _set_limits(ax: Axes, c: _Comparison) -> None:
    from matplotlib.ticker import MaxNLocator

    if c.limits is not None:
        ax.set_xlim(*c.limits)
    limit_height(ax, c.x, c.density_p, c.density_q, c.integrand)
    if c.discrete:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        if len(c.x) < 6:  # stems leave no room for the legend
            ax.set_ylim(top=1.5 * ax.get_ylim()[1])
