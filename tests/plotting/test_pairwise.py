"""The picture of a matrix of divergences."""

import math

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm

from kldiv import plotting
from pictures import MATRIX

only = pytest.mark.parametrize


def test_cells(array, ax):
    assert plotting.pairwise(array(MATRIX), ["a", "b", "c"], ax=ax) is ax
    (image,) = ax.get_images()
    shown = image.get_array()
    assert shown.mask.tolist() == [[x in (0, math.inf) for x in row] for row in MATRIX]
    assert shown.compressed().tolist() == [0.5, 2.0, 30.0, 0.01, 8.0]
    assert isinstance(image.norm, LogNorm)
    assert (image.norm.vmin, image.norm.vmax) == (0.01, 30.0)
    assert [text.get_text() for text in ax.texts] == ["0", "0.5", "∞", "2", "0", "30", "0.01", "8", "0"]
    assert [(round(x), round(y)) for x, y in (text.get_position() for text in ax.texts)][:4] == [
        (0, 0), (1, 0), (2, 0), (0, 1),
    ]  # fmt: skip


def test_rows_are_p_and_columns_q(ax):
    plotting.pairwise(MATRIX, ["a", "b", "c"], ax=ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Q", "P")
    assert [text.get_text() for text in ax.get_xticklabels()] == ["a", "b", "c"]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b", "c"]
    assert ax.yaxis_inverted()  # as a matrix is written
    assert ax.figure.axes[1].get_ylabel() == "KL(P || Q) in nats"


def test_infinite_cells_are_hatched(ax):
    plotting.pairwise(MATRIX, ax=ax)
    (cell,) = ax.patches
    assert cell.get_hatch()
    assert (cell.get_x() + 0.5, cell.get_y() + 0.5) == (2, 0)


def test_many_cells_hold_no_numbers(ax):
    plotting.pairwise(np.ones((11, 11)) - np.eye(11), ax=ax)
    assert list(ax.texts) == []


@only(
    "matrix", [[[0.0]], [[0.0, math.inf], [math.inf, 0.0]], [[0.0, 2.0], [2.0, 0.0]]], ids=["zero", "infinite", "one"]
)
def test_matrices_without_a_range(matrix, ax):
    plotting.pairwise(matrix, ax=ax)
    FigureCanvasAgg(ax.figure).draw()


def test_colours_can_be_shared(ax):
    norm = LogNorm(1.0, 100.0)
    plotting.pairwise(MATRIX, ax=ax, norm=norm)
    assert ax.get_images()[0].norm is norm


WRONG_MATRICES = {
    "not square": ([[0.0, 1.0]], None, "matrix must be square; got shape \\(1, 2\\)"),
    "vector": ([0.0, 1.0], None, "matrix must be square; got shape \\(2,\\)"),
    "nan": ([[0.0, math.nan], [1.0, 0.0]], None, "matrix must be at least 0; got nan at index \\(0, 1\\)"),
    "negative": ([[0.0, 1.0], [-1.0, 0.0]], None, "matrix must be at least 0; got -1.0 at index \\(1, 0\\)"),
    "labels": ([[0.0, 1.0], [1.0, 0.0]], ["a"], "labels must name the 2 rows of the matrix; got 1"),
}


@only(("matrix", "labels", "message"), WRONG_MATRICES.values(), ids=WRONG_MATRICES.keys())
def test_pairwise_refuses(matrix, labels, message, ax):
    with pytest.raises(ValueError, match=message):
        plotting.pairwise(matrix, labels, ax=ax)
