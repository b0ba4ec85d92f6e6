"""The axes to draw into, and the curves that several pictures draw.

matplotlib is optional, so only functions import it: `import kldiv.plotting` works without it.
"""
# pyright: reportMissingImports=false

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kldiv._environment import missing
from kldiv.plotting._arguments import Vector

Axes: TypeAlias = Any

MAX_STEMS = 60  # outcomes, above which stems hide each other and an outline is drawn instead
SHADE = 0.3  # the opacity of an area


def require_matplotlib() -> None:
    """Raise ImportError with the line that installs matplotlib, if it is missing."""
    try:
        import matplotlib as matplotlib
    except ModuleNotFoundError as error:
        raise missing("kldiv.plotting", "matplotlib", "plot") from error


def prepare_axes(ax: Any, n_panels: int, down: bool = False) -> Any:
    """Return the axes to draw into, one or a tuple of several: those of the caller, or those of a new figure.

    The panels of a new figure stand side by side or, with one horizontal axis, from the top down.
    """
    if ax is None:
        from matplotlib import pyplot, rcParams

        width, height = rcParams["figure.figsize"]
        longer = 1 if n_panels == 1 else 0.8 * n_panels
        size = (width, height * longer) if down else (width * longer, height)
        figure = pyplot.figure(figsize=size, layout="constrained")
        ax = figure.subplots(n_panels, 1, sharex=True) if down else figure.subplots(1, n_panels)
    if isinstance(ax, list | tuple | np.ndarray):
        panels = tuple(np.ravel(np.asarray(ax, dtype=object)))
        return panels[0] if len(panels) == 1 else panels
    return ax


def neutral_colour() -> Any:
    """Return the colour of text in the active style, for what belongs to no curve."""
    from matplotlib import rcParams

    return rcParams["text.color"]


def draw_curve(ax: Axes, x: Vector, density: Vector, **style: Any) -> Any:
    """Draw a density as a curve and return its colour."""
    (line,) = ax.plot(x, density, **style)
    return line.get_color()


def draw_stems(ax: Axes, x: Vector, probabilities: Vector, **style: Any) -> Any:
    """Draw each probability as a dot on a stem and return their colour."""
    (line,) = ax.plot(x, probabilities, "o", **style)
    ax.vlines(x, 0.0, probabilities, color=line.get_color())
    return line.get_color()


def draw_outline(ax: Axes, x: Vector, probabilities: Vector, **style: Any) -> Any:
    """Draw the outline of a bar chart of probabilities of integers and return its colour."""
    (line,) = ax.plot(*close_outline(x, probabilities), drawstyle="steps-mid", **style)
    return line.get_color()


def close_outline(x: Vector, heights: NDArray[Any]) -> tuple[Vector, Vector]:
    """Return heights over integers with a zero at each end, so that their outline closes."""
    return np.concatenate([[x[0] - 1], x, [x[-1] + 1]]), np.concatenate([[0.0], heights, [0.0]])


def limit_height(ax: Axes, x: Vector, *curves: Vector) -> None:
    """Where a curve is infinite, choose the vertical limits by the points that are not close to there."""
    infinite = x[np.logical_or.reduce([curve == math.inf for curve in curves])]
    if infinite.size:
        left, right = ax.get_xlim()
        far = np.abs(x[:, None] - infinite).min(axis=1) > 0.02 * (right - left)
        top, bottom = (choose([choose(curve[far], initial=0.0) for curve in curves]) for choose in (np.max, np.min))
        ax.set_ylim(bottom - 0.05 * (top - bottom), top + 0.05 * (top - bottom))
