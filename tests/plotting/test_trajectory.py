"""The picture of the steps of a fit."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

import kldiv
from kldiv import plotting
from pictures import NORMAL, fit_of, legend

only = pytest.mark.parametrize


@pytest.fixture
def descent(array):
    steps = np.arange(101)
    loc, scale = 5 * np.exp(-steps / 20), 3 - 2 * np.exp(-steps / 50)
    distribution = kldiv.Normal(array(loc[-1]), array(scale[-1]))
    return fit_of(distribution, {"loc": loc, "scale": scale}, np.exp(-steps / 10))


def test_trajectory(descent):
    panels = tuple(Figure().subplots(1, 3))
    assert plotting.trajectory(descent, ax=panels) == panels
    history = descent.history
    parameters = {line.get_label(): line.get_data() for line in panels[1].get_lines()}
    assert set(parameters) == {"loc", "scale"}
    np.testing.assert_array_equal(parameters["loc"], [history.steps, history.parameters["loc"]])
    np.testing.assert_array_equal(panels[2].get_lines()[0].get_data(), [history.steps, history.divergence])
    assert panels[2].get_yscale() == "log"
    assert [panel.get_xlabel() for panel in panels] == ["x", "step", "step"]


def test_trajectory_of_a_fit(array):
    target = kldiv.Exponential(array(2.0))
    fit = kldiv.fit(target, kldiv.Exponential(array(1.0)), steps=3, learning_rate=0.5, optimizer="gradient-descent")
    _, parameters, divergence = plotting.trajectory(fit, ax=Figure().subplots(1, 3))
    assert parameters.get_lines()[0].get_xdata().tolist() == [0, 1, 2, 3]
    assert divergence.get_lines()[0].get_ydata()[-1] == pytest.approx(float(fit.divergence))


def test_densities_fade(descent, ax):
    assert plotting.trajectory(descent, ax=ax) is ax
    lines, history = ax.get_lines(), descent.history
    opacities = [line.get_alpha() for line in lines]
    assert opacities == sorted(set(opacities))
    assert opacities[-1] == 1
    assert len({line.get_color() for line in lines}) == 1
    assert legend(ax)[1] == ["step 0", "step 100"]
    ends = [0, -1]
    x = lines[0].get_xdata()[:, None]
    expected = stats.norm.pdf(x, history.parameters["loc"][ends], history.parameters["scale"][ends])
    drawn = np.transpose([lines[i].get_ydata() for i in ends])
    np.testing.assert_allclose(drawn, expected, rtol=1e-10, atol=1e-300)


TARGETS = {
    "distribution": kldiv.Normal(9.0, 0.5),
    "grid": kldiv.from_grid(np.linspace(5.0, 13.0, 801), kldiv.Normal(9.0, 0.5)),
}


@only("target", TARGETS.values(), ids=TARGETS.keys())
def test_target_is_drawn(target, descent, ax):
    plotting.trajectory(descent, target, ax=ax)
    line = ax.get_lines()[-1]
    x, y = line.get_data()
    np.testing.assert_allclose(y, stats.norm.pdf(x, 9.0, 0.5), atol=0.02)  # in a cell of the grid it is constant
    assert "target" in legend(ax)[1]
    assert ax.get_xlim()[1] > 10


def test_trajectory_refuses_a_target_of_another_kind(descent, ax):
    with pytest.raises(ValueError, match="no picture in common"):
        plotting.trajectory(descent, kldiv.Poisson(3.0), ax=ax)


def test_vectors_have_no_densities(array, pair):
    loc = np.linspace([0.0, 0.0], [1.0, 2.0], 5)
    distribution = kldiv.MultivariateNormalDiag(array(loc[-1]), array([1.0, 1.0]))
    fit = fit_of(distribution, {"loc": loc}, [5.0, 4.0, 3.0, 2.0, -1.0])
    assert plotting.trajectory(fit, ax=pair) == pair
    assert [line.get_label() for line in pair[0].get_lines()] == ["loc[0]", "loc[1]"]
    assert pair[1].get_yscale() == "linear"
    with pytest.raises(ValueError, match="MultivariateNormalDiag, are not numbers"):
        plotting.trajectory(fit, ax=Figure().subplots())


def test_trajectory_of_probabilities(array, ax):
    probs = np.linspace([1.0, 0.0, 0.0], [0.2, 0.3, 0.5], 4)
    plotting.trajectory(fit_of(kldiv.Categorical(array(probs[-1])), {"probs": probs}, [3.0, 2.0, 1.0, 0.5]), ax=ax)
    k, y = ax.get_lines()[-1].get_data()
    assert k.tolist() == [-1, 0, 1, 2, 3]
    np.testing.assert_allclose(y, [0.0, 0.2, 0.3, 0.5, 0.0], rtol=1e-12)
    assert ax.get_ylabel() == "probability"


def test_trajectory_of_a_batch(pyplot):
    loc = np.linspace([0.0, 0.0], [1.0, 2.0], 5)
    fit = fit_of(kldiv.Normal(loc[-1], 1.0), {"loc": loc}, np.linspace([9.0, 9.0], [1.0, 2.0], 5))
    parameters, divergence = plotting.trajectory(fit)
    assert [len(panel.get_lines()) for panel in (parameters, divergence)] == [2, 2]
    assert divergence.get_legend() is None


@only("panels", [4, 5])
def test_trajectory_refuses_axes(panels, descent):
    with pytest.raises(ValueError, match=f"ax must be one, two or three axes; got {panels}"):
        plotting.trajectory(descent, ax=Figure().subplots(1, panels))


def test_trajectory_refuses_an_empty_history(ax):
    with pytest.raises(ValueError, match="history of the fit is empty"):
        plotting.trajectory(fit_of(NORMAL, {"loc": np.zeros(0)}, []), ax=ax)
