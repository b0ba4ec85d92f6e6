"""The picture of the steps of a fit."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kldiv._core.family import Family
from kldiv._core.foreign import as_family
from kldiv.plotting._arguments import Vector
from kldiv.plotting._axes import (
    Axes,
    draw_curve,
    draw_outline,
    limit_height,
    neutral_colour,
    prepare_axes,
    require_matplotlib,
)
from kldiv.plotting._distributions import is_discrete, log_density, on_host, outcome_space, without_grid
from kldiv.plotting._range import find_range

_MAX_LABELS = 10  # lines of parameters, above which a legend hides them
_N_DENSITIES = 8  # how many of the densities of a fit are drawn


def trajectory(fit: Any, target: Any = None, *, ax: Axes = None) -> Axes:
    """Draw the steps of a fit: its densities, fading from the last to the first, its parameters and its divergence.

    Parameters
    ----------
    fit
        What `kldiv.fit` returns.
    target
        What was fitted to, to be drawn beside the densities: a distribution of numbers, or a density on a grid, as
        `kldiv.from_grid` returns it.
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
    >>> target = kldiv.Exponential(2.0)
    >>> fit = kldiv.fit(target, kldiv.Exponential(1.0), steps=3)
    >>> panels = kldiv.plotting.trajectory(fit, target, ax=Figure().subplots(1, 3))
    >>> [panel.get_ylabel() for panel in panels]
    ['density', 'parameters', 'divergence in nats']
    """
    require_matplotlib()
    as_family(fit.distribution, "fit.distribution")
    history = fit.history
    steps, divergence = np.asarray(history.steps), np.asarray(history.divergence)
    if not len(steps):
        raise ValueError("the history of the fit is empty")
    panels = prepare_axes(ax, 3 if outcome_space(fit.distribution) and divergence.ndim == 1 else 2)
    if not isinstance(panels, tuple):
        _draw_densities(panels, _compute_densities(fit, target, steps))
        return panels
    if len(panels) not in (2, 3):
        raise ValueError(f"ax must be one, two or three axes; got {len(panels)}")
    if len(panels) == 3:
        _draw_densities(panels[0], _compute_densities(fit, target, steps))
    _draw_parameters(panels[-2], steps, history.parameters)
    _draw_divergence(panels[-1], steps, divergence)
    return panels


# ------------------------------------------------------------------------------------------------------------- compute


class _Densities(NamedTuple):
    """The densities of some steps of a fit, at the same points."""

    x: Vector
    limits: tuple[float, float]  # of the horizontal axis
    discrete: bool
    steps: list[int]
    densities: list[Vector]
    target: tuple[Vector, Vector] | None  # points and densities


def _compute_densities(fit: Any, target: Any, steps: NDArray[Any]) -> _Densities:
    discrete = is_discrete(on_host(fit.distribution), "the distribution of the fit")
    indices = np.unique(np.geomspace(1, len(steps), _N_DENSITIES).round().astype(int)) - 1  # early steps change more
    distributions: Sequence[Family] = [on_host(fit.at(i)) for i in indices.tolist()]
    x, limits = find_range(distributions, 501, discrete)
    curves = [np.exp(log_density(d, x)) for d in distributions]
    drawn = None if target is None else _compute_target(target, discrete)
    if drawn is not None:
        shown = drawn[0][drawn[1] > 5e-3 * drawn[1].max()]
        limits = min(limits[0], shown[0]), max(limits[1], shown[-1])
    return _Densities(x, limits, discrete, steps[indices].tolist(), curves, drawn)


def _compute_target(target: Any, discrete: bool) -> tuple[Vector, Vector]:
    """Return points and the densities of the target there; raise ValueError if it has no picture beside the fit."""
    target = as_family(without_grid(target), "target")
    d = on_host(target)
    if is_discrete(d, "the target") != discrete:
        raise ValueError("the target and the fit have no picture in common: one of them is discrete")
    x, _ = find_range([d], 501, discrete)
    return x, np.exp(log_density(d, x))


def _columns(parameters: dict[str, Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield each number in the parameters of a history, with its name and its values at all steps."""
    for name, values in parameters.items():
        values = np.asarray(values)
        for index in np.ndindex(values.shape[1:]):
            place = f"[{', '.join(map(str, index))}]" if index else ""
            yield name + place, values[(slice(None), *index)]


# ---------------------------------------------------------------------------------------------------------------- draw


def _draw_densities(ax: Axes, c: _Densities) -> None:
    """Draw the densities in one colour, the more opaque the later, with the first and the last in the legend."""
    draw = draw_outline if c.discrete else draw_curve
    count = len(c.densities)
    opacities = np.geomspace(0.2, 1.0, count).tolist() if count > 1 else [1.0]
    labels = ["_"] * count  # which leaves a line out of the legend
    labels[0], labels[-1] = f"step {c.steps[0]}", f"step {c.steps[-1]}"
    style: dict[str, Any] = {}  # the first takes the next colour of the style
    for density, opacity, label in zip(c.densities, opacities, labels, strict=True):
        style = {"color": draw(ax, c.x, density, alpha=opacity, label=label, **style)}
    if c.target is not None:
        draw(ax, *c.target, color=neutral_colour(), linestyle="--", label="target")
    limit_height(ax, c.x, c.densities[-1])
    ax.set(xlim=c.limits, ylim=(0.0, None), xlabel="x", ylabel="probability" if c.discrete else "density")
    ax.legend()


def _draw_parameters(ax: Axes, steps: NDArray[Any], parameters: dict[str, Any]) -> None:
    columns = list(_columns(parameters))
    for name, values in columns:
        ax.plot(steps, values, label=name)
    ax.set(xlabel="step", ylabel="parameters")
    if 0 < len(columns) <= _MAX_LABELS:
        ax.legend()


def _draw_divergence(ax: Axes, steps: NDArray[Any], divergence: NDArray[Any]) -> None:
    (line, *others) = ax.plot(steps, np.reshape(divergence, (len(steps), -1)))
    if not others:
        line.set_label(f"last: {divergence[-1]:.4g}")
        ax.legend()
    finite = divergence[np.isfinite(divergence)]
    if finite.size and finite.min() > 0 and finite.max() > 5 * finite.min():
        ax.set_yscale("log")
    ax.set(xlabel="step", ylabel="divergence in nats")
