"""What the tests of pictures share: what is read from a picture, and the fits and the matrix that are drawn."""

import math

import numpy as np
from matplotlib.collections import PolyCollection

import kldiv

NORMAL = kldiv.Normal(0.0, 1.0)
MATRIX = [[0.0, 0.5, math.inf], [2.0, 0.0, 30.0], [0.01, 8.0, 0.0]]


def fit_of(distribution, parameters, divergence):
    divergence = np.asarray(divergence)
    return kldiv.Fit(distribution, divergence[-1:], kldiv.History(np.arange(len(divergence)), divergence, parameters))


def legend(ax):
    """Return the title of a legend and its entries."""
    box = ax.get_legend()
    return box.get_title().get_text(), [text.get_text() for text in box.get_texts()]


def areas(ax):
    """Return the filled areas that are drawn with the axes' own coordinates."""
    return [c for c in ax.collections if isinstance(c, PolyCollection) and not c.get_hatch()]


def area_of(collection):
    """Return the area between the vertices, by the shoelace formula."""
    total = 0.0
    for path in collection.get_paths():
        x, y = path.vertices.T
        total += 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))
    return total
