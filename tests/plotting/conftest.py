"""Axes to draw into, arrays of the framework under test, and the check that no picture changes a global setting."""

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure


@pytest.fixture
def ax():
    return Figure().subplots()


@pytest.fixture
def pair():
    return tuple(Figure().subplots(1, 2))


@pytest.fixture
def array(backend):
    """Return what makes an array of the framework under test."""
    return lambda values: backend.array(values, "float64")


@pytest.fixture
def pyplot():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    yield pyplot
    pyplot.close("all")


@pytest.fixture(autouse=True)
def nothing_global_changes():
    before = dict(mpl.rcParams)
    yield
    after = dict(mpl.rcParams)
    assert {key for key in before if before[key] != after[key]} <= {"backend"}
