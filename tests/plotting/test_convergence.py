"""The picture of the convergence of an estimate, with NumPy's and SciPy's numbers."""

import math

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy import stats

from kldiv import plotting
from pictures import areas, legend

only = pytest.mark.parametrize


@pytest.fixture(scope="module")
def terms():
    return np.random.default_rng(3).normal(0.5, 2.0, size=1000)


def test_running_mean(terms, array, ax):
    assert plotting.convergence(array(terms), ax=ax) is ax
    n, mean = ax.get_lines()[0].get_data()
    np.testing.assert_allclose(mean, [np.mean(terms[:i]) for i in n], rtol=1e-12)
    assert (n[0], n[-1]) == (11, 1000)
    assert ax.get_xscale() == "log"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("number of terms n", "KL(P || Q) in nats")


@only("confidence", [0.5, 0.95])
@only("n", [11, 100, 1000])
def test_width_of_the_band(terms, confidence, n, ax):
    plotting.convergence(terms, ax=ax, confidence=confidence)
    (band,) = areas(ax)
    x, y = band.get_paths()[0].vertices.T
    expected = stats.norm.interval(confidence, terms[:n].mean(), terms[:n].std(ddof=1) / math.sqrt(n))
    assert (y[x == n].min(), y[x == n].max()) == pytest.approx(expected, rel=1e-12)


def test_legend_tells_mean_and_error(terms, ax):
    plotting.convergence(terms, ax=ax)
    half = 1.959963984540054 * terms.std(ddof=1) / math.sqrt(1000)
    assert legend(ax)[1] == [f"mean of n terms: {terms.mean():.4g}", f"95 % confidence: ± {half:.2g}"]


def test_means_far_from_zero_keep_their_digits(ax):
    terms = 1e8 + np.random.default_rng(0).normal(size=100)
    plotting.convergence(terms, ax=ax)
    x, y = areas(ax)[0].get_paths()[0].vertices.T
    assert np.ptp(y[x == 100]) == pytest.approx(2 * 1.959963984540054 * terms.std(ddof=1) / 10, rel=1e-6)


def test_truth_is_a_line(terms, array, ax):
    plotting.convergence(terms, array(0.5), ax=ax)
    assert list(ax.get_lines()[1].get_ydata()) == [0.5, 0.5]
    assert "truth: 0.5" in legend(ax)[1]


def test_squared_error(terms, array, pair):
    assert plotting.convergence(array(terms), array(0.5), ax=pair) == pair
    n, error = pair[1].get_lines()[0].get_data()
    np.testing.assert_allclose(error, [(np.mean(terms[:i]) - 0.5) ** 2 for i in n], rtol=1e-8)
    assert (pair[1].get_xscale(), pair[1].get_yscale()) == ("log", "log")
    assert pair[1].get_ylabel() == "squared error in nats²"


def test_reference_line_and_its_interval(terms, pair):
    plotting.convergence(terms, 0.5, ax=pair)
    n, expected = pair[1].get_lines()[1].get_data()
    np.testing.assert_allclose(expected, terms.var(ddof=1) / n, rtol=1e-12)
    (band,) = areas(pair[1])
    x, y = band.get_paths()[0].vertices.T
    interval = stats.chi2(1).interval(0.95)
    assert (y[x == 100].min(), y[x == 100].max()) == pytest.approx(np.multiply(interval, terms.var(ddof=1) / 100))


def test_long_traces_are_thinned(ax):
    plotting.convergence(np.random.default_rng(0).normal(size=100_000), ax=ax)
    n, _ = ax.get_lines()[0].get_data()
    assert len(n) <= 2000
    assert n[-1] == 100_000


@only("truth", [1.0, 2.0])
def test_constant_terms(truth, pair):
    plotting.convergence(np.ones(50), truth, ax=pair)
    FigureCanvasAgg(pair[0].figure).draw()


def test_three_terms(pair):
    plotting.convergence([1.0, 2.0, 4.0], 1.0, ax=pair)
    FigureCanvasAgg(pair[0].figure).draw()


WRONG_TRACES = {
    "matrix": ([[1.0, 2.0]], {}, "trace must be a vector of three terms or more; got shape \\(1, 2\\)"),
    "one": ([1.0], {}, "trace must be a vector of three terms or more; got shape \\(1,\\)"),
    "nan": ([1.0, math.nan, 2.0], {}, "trace must be finite; got nan at index \\(1,\\)"),
    "infinite": ([math.inf, 1.0, 2.0], {}, "trace must be finite; got inf at index \\(0,\\)"),
    "truths": ([1.0, 2.0, 3.0], {"truth": [1.0, 2.0]}, "truth must be one number; got shape \\(2,\\)"),
    "no truth": ([1.0, 2.0, 3.0], {"truth": math.nan}, "truth must be finite; got nan$"),
    "certain": ([1.0, 2.0, 3.0], {"confidence": 1.0}, "confidence must be between 0 and 1; got 1.0"),
    "percent": ([1.0, 2.0, 3.0], {"confidence": 95}, "confidence must be between 0 and 1; got 95"),
}


@only(("trace", "options", "message"), WRONG_TRACES.values(), ids=WRONG_TRACES.keys())
def test_convergence_refuses(trace, options, message, ax):
    with pytest.raises(ValueError, match=message):
        plotting.convergence(trace, ax=ax, **options)


@only(
    ("panels", "truth", "message"),
    [(2, None, "the squared error needs a truth"), (3, 1.0, "got 3")],
    ids=["two", "three"],
)
def test_convergence_refuses_axes(panels, truth, message):
    with pytest.raises(ValueError, match=f"ax must be one axes, or two and a truth; {message}"):
        plotting.convergence([1.0, 2.0, 3.0], truth, ax=Figure().subplots(1, panels))
