"""The picture of a matrix of divergences."""
# pyright: reportMissingImports=false

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from kldiv.plotting._arguments import Vector, as_numpy, require
from kldiv.plotting._axes import Axes, neutral_colour, prepare_axes, require_matplotlib

_MAX_NUMBERS = 10  # rows of a matrix, above which its cells hold no numbers


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
    require_matplotlib()
    heat_map = _read(matrix, labels)
    ax = prepare_axes(ax, 1)
    image = _draw_cells(ax, heat_map.values, norm)
    if len(heat_map.values) <= _MAX_NUMBERS:
        _write_numbers(ax, image, heat_map.values)
    _draw_frame(ax, heat_map)
    _draw_colorbar(ax, image)
    return ax


# ------------------------------------------------------------------------------------------------------------- compute


class _HeatMap(NamedTuple):
    """A square matrix of divergences and the names of its rows, or None for many rows without names."""

    values: Vector
    names: list[str] | None


def _read(matrix: Any, labels: Sequence[str] | None) -> _HeatMap:
    values = as_numpy(matrix, "matrix")
    if values.ndim != 2 or values.shape[0] != values.shape[1] or not values.size:
        raise ValueError(f"matrix must be square; got shape {values.shape}")
    require(values >= 0, values, "matrix", "be at least 0")
    size = len(values)
    if labels is None:
        return _HeatMap(values, [str(i) for i in range(size)] if size <= _MAX_NUMBERS else None)
    names = [str(label) for label in labels]
    if len(names) != size:
        raise ValueError(f"labels must name the {size} rows of the matrix; got {len(names)}")
    return _HeatMap(values, names)


# ---------------------------------------------------------------------------------------------------------------- draw


def _draw_cells(ax: Axes, values: Vector, norm: Any) -> Any:
    """Draw the coloured cells and the hatched ones, and return the image."""
    from matplotlib import rcParams
    from matplotlib.patches import Rectangle

    coloured = (values > 0) & (values < math.inf)
    norm = _logarithmic_norm(values[coloured]) if norm is None else norm
    ax.grid(visible=False)
    image = ax.imshow(np.ma.masked_array(values, ~coloured), norm=norm, cmap=rcParams["image.cmap"])
    for i, j in np.argwhere(values == math.inf):
        corner = j - 0.5, i - 0.5
        ax.add_patch(Rectangle(corner, 1, 1, fill=False, hatch="//", edgecolor=neutral_colour(), linewidth=0))
    return image


def _logarithmic_norm(values: Vector) -> Any:
    """Return a logarithmic norm over positive values: also if there are none, or all are the same."""
    from matplotlib.colors import LogNorm

    low, high = (values.min(), values.max()) if values.size else (1.0, 1.0)
    return LogNorm(low, high) if high > low else LogNorm(low / 2, high * 2)


def _write_numbers(ax: Axes, image: Any, values: Vector) -> None:
    from matplotlib import rcParams

    size = rcParams["font.size"] * min(1.0, 6 / len(values))
    for (i, j), entry in np.ndenumerate(values):
        value = float(entry)
        text = "∞" if value == math.inf else f"{value:.3g}"
        box = {"facecolor": ax.get_facecolor(), "edgecolor": "none", "pad": 1.5} if value == math.inf else None
        coloured = 0 < value < math.inf
        colour = _readable_on(image.cmap(image.norm(value))) if coloured else neutral_colour()
        ax.text(j, i, text, ha="center", va="center", color=colour, fontsize=size, bbox=box)


def _readable_on(background: tuple[float, float, float, float]) -> str:
    """Return black or white, whichever can be read on a colour."""
    red, green, blue, _ = background
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"


def _draw_frame(ax: Axes, heat_map: _HeatMap) -> None:
    """Write the names of the rows and columns, without ticks or border."""
    names = heat_map.names
    if names is not None:
        slanted = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if sum(map(len, names)) > 30 else {}
        ax.set_xticks(range(len(names)), names, **slanted)
        ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel="Q", ylabel="P")


def _draw_colorbar(ax: Axes, image: Any) -> None:
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    bar = ax.figure.colorbar(image, ax=ax, label="KL(P || Q) in nats")
    if isinstance(image.norm, LogNorm) and image.norm.vmax < 100 * image.norm.vmin:  # which has few powers of ten in it
        bar.ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        bar.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        bar.ax.yaxis.set_minor_formatter(NullFormatter())
