"""Every picture keeps to the active style of matplotlib, and leaves pyplot and global settings alone."""

import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import style
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

import kldiv
from kldiv import plotting
from pictures import MATRIX, NORMAL, areas, fit_of

only = pytest.mark.parametrize

PICTURES = {
    "densities": lambda ax=None: plotting.densities(NORMAL, kldiv.Normal(1.0, 1.5), ax=ax),
    "stems": lambda ax=None: plotting.densities(kldiv.Bernoulli(0.2), kldiv.Bernoulli(0.6), ax=ax),
    "contours": lambda ax=None: plotting.densities(
        kldiv.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0]),
        kldiv.MultivariateNormalDiag([1.0, 0.0], [1.0, 2.0]),
        ax=ax,
    ),
    "divergences": lambda ax=None: plotting.divergences(NORMAL, kldiv.Normal(1.0, 1.5), ax=ax),
    "convergence": lambda ax=None: plotting.convergence(np.linspace(0.0, 1.0, 100), ax=ax),
    "errors": lambda ax=None: plotting.convergence(np.linspace(0.0, 1.0, 100), 0.4, ax=ax),
    "trajectory": lambda ax=None: plotting.trajectory(
        fit_of(NORMAL, {"loc": np.linspace(5.0, 0.0, 20), "scale": np.ones(20)}, np.linspace(9.0, 1.0, 20)), ax=ax
    ),
    "pairwise": lambda ax=None: plotting.pairwise(MATRIX, ["one", "another", "a third"], ax=ax),
}
each_picture = only("picture", PICTURES.values(), ids=PICTURES.keys())
each_style = only("name", ["default", "dark_background", "ggplot"])


@each_picture
def test_pyplot_is_left_alone(picture, ax, pyplot, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it fails
    assert picture(ax) is ax
    assert pyplot.get_fignums() == []


@each_picture
def test_new_figure_for_pyplot_to_show(picture, pyplot):
    axes = np.ravel(picture())
    (number,) = pyplot.get_fignums()
    assert {ax.figure for ax in axes} == {pyplot.figure(number)}


@each_picture
@only("name", ["default", "ggplot"])
def test_no_text_is_cut_off(picture, name, pyplot):
    with style.context(name):
        figure = np.ravel(picture())[0].figure
        figure.canvas.draw()
        texts = [t for ax in figure.axes for t in (ax.xaxis.label, ax.yaxis.label, ax.get_legend(), *ax.texts) if t]
        boxes = [box for box in (text.get_window_extent() for text in texts) if box.width > 0]
    width, height = figure.bbox.width, figure.bbox.height
    assert [b for b in boxes if b.x0 < 0 or b.y0 < 0 or b.x1 > width or b.y1 > height] == []


@each_style
def test_colours_are_those_of_the_style(name):
    with style.context(name):
        cycle = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
        ax, integrand = PICTURES["densities"](Figure().subplots(2))
        lines, (positive, negative) = ax.get_lines()[:2], areas(integrand)
    assert [to_rgba(line.get_color()) for line in lines] == [to_rgba(colour) for colour in cycle[:2]]
    assert positive.get_facecolor()[0, :3] == pytest.approx(to_rgba(cycle[0])[:3])
    assert negative.get_facecolor()[0, :3] == pytest.approx(to_rgba(cycle[1])[:3])


def test_colours_go_on_where_the_caller_left_off(ax):
    ax.plot([0.0, 1.0], [0.0, 0.1])
    PICTURES["densities"](ax)
    assert ax.get_lines()[1].get_color() == mpl.rcParams["axes.prop_cycle"].by_key()["color"][1]


def test_map_is_that_of_the_style(ax):
    with mpl.rc_context({"image.cmap": "magma"}):
        assert PICTURES["pairwise"](ax).get_images()[0].get_cmap().name == "magma"
