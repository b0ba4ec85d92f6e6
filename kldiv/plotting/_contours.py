"""The densities of two distributions of pairs of numbers, as contours."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kldiv._core.family import Family
from kldiv._core.sampling import sample
from kldiv.plotting._arguments import Vector
from kldiv.plotting._axes import Axes
from kldiv.plotting._distributions import log_density

_MASSES = (0.9, 0.5)  # of the regions that contours enclose
_N_SAMPLES = 4096
_N_POINTS = 201  # along each axis


def draw_contours(ax: Axes, p: Family, q: Family, labels: tuple[str, str], title: str) -> None:
    """Draw contours around the regions of highest density that hold nine tenths and half of the mass."""
    samples = [np.asarray(sample(d, _N_SAMPLES, rng=0)) for d in (p, q)]
    x, y = (_window(samples, axis) for axis in range(2))
    points = np.stack(np.meshgrid(x, y), axis=-1)
    for d, drawn, label in zip((p, q), samples, labels, strict=True):
        (mark,) = ax.plot(*drawn.mean(axis=0), "+", label=label)
        # A region of highest density holds the share m of the mass if its border is the (1 - m)-quantile of densities.
        levels = np.quantile(log_density(d, drawn), [1 - m for m in _MASSES])
        ax.contour(x, y, log_density(d, points), levels=levels, colors=[mark.get_color()], linestyles=["--", "-"])
    ax.set(xlabel="x[0]", ylabel="x[1]", title=title)
    ax.legend(title="in the contours: 50 % and 90 %")


def _window(samples: list[NDArray[Any]], axis: int) -> Vector:
    """Return points along an axis, from below nearly all samples to above them."""
    ends = np.asarray([np.quantile(x[:, axis], [0.002, 0.998]) for x in samples])
    low, high = ends[:, 0].min(), ends[:, 1].max()
    margin = 0.1 * (high - low)
    return np.linspace(low - margin, high + margin, _N_POINTS)
