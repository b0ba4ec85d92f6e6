"""The pictures: what is in them, taken apart, with SciPy's numbers. On every backend where arrays are passed."""

import math
import subprocess
import sys
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm, to_rgba
from matplotlib.figure import Figure
from scipy import integrate, stats

import kldiv
from kldiv import plotting

only = pytest.mark.parametrize


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


# ------------------------------------------------------------------------------------------------------------ densities


def mixture(probs, loc, scale):
    return kldiv.Mixture(probs, kldiv.Normal(loc, scale))


def scipy_mixture(probs, loc, scale):
    return SimpleNamespace(pdf=lambda x: stats.norm.pdf(np.asarray(x)[:, None], loc, scale) @ probs)


D2 = ([0.3, 0.7], [-2.0, 3.0], [0.5, 1.0]), ([0.6, 0.4], [-1.0, 2.0], [1.0, 1.5])

# A family, parameters of P and Q, SciPy's distribution from the same, and the divergence.
CONTINUOUS = {
    "normal": (kldiv.Normal, (0.0, 1.0), (1.0, 1.5), stats.norm, 0.34990955255260883),
    "gamma": (kldiv.Gamma, (2.0, 1.0), (3.0, 2.0), lambda a, rate: stats.gamma(a, scale=1 / rate), 0.19092130378164224),
    "beta": (kldiv.Beta, (2.0, 5.0), (3.0, 3.0), stats.beta, 43 / 60),
    "mixture": (mixture, *D2, scipy_mixture, 0.646834407173067),
}
continuous = only(("family", "p", "q", "scipy", "divergence"), CONTINUOUS.values(), ids=CONTINUOUS.keys())


@continuous
def test_lines_are_the_densities(family, p, q, scipy, divergence, array, ax):
    plotting.densities(family(*map(array, p)), family(*map(array, q)), ax=ax)
    lines = ax.get_lines()[:2]
    assert len(lines[0].get_xdata()) > 500
    drawn = [line.get_ydata() for line in lines]
    expected = [scipy(*parameters).pdf(lines[0].get_xdata()) for parameters in (p, q)]
    np.testing.assert_allclose(drawn, expected, rtol=1e-12, atol=1e-300)


@continuous
def test_shaded_area_is_the_divergence(family, p, q, scipy, divergence, ax):
    plotting.densities(family(*p), family(*q), ax=ax)
    positive, negative = areas(ax)
    assert area_of(positive) - area_of(negative) == pytest.approx(divergence, rel=5e-3)
    assert (positive.get_datalim(ax.transData).y0, negative.get_datalim(ax.transData).y1) == (0.0, 0.0)


def test_legend_tells_the_divergence(ax):
    plotting.densities(kldiv.Beta(2.0, 5.0), kldiv.Beta(3.0, 3.0), ax=ax)
    assert legend(ax)[0] == "KL(P || Q) = 0.7167 nats"


def test_legend_tells_an_estimate_where_there_is_no_closed_form(ax):
    plotting.densities(mixture(*D2[0]), mixture(*D2[1]), ax=ax)
    assert legend(ax)[0] == "KL(P || Q) = 0.6468 nats"


def test_every_name_in_a_picture(ax):
    plotting.densities(kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 1.5), ax=ax, labels=("Prior", "Posterior"))
    term = "prior log(prior / posterior)"
    assert ax.get_xlabel() == "x"
    assert ax.get_ylabel() == f"density; {term} in nats per unit of x"
    assert legend(ax) == (
        "KL(Prior || Posterior) = 0.3499 nats",
        ["Prior", "Posterior", f"{term} > 0", f"{term} < 0"],
    )


DISCRETE = {
    "few": (kldiv.Binomial(10, 0.3), kldiv.Binomial(10, 0.5), stats.binom(10, 0.3), stats.binom(10, 0.5)),
    "two": (kldiv.Bernoulli(0.2), kldiv.Bernoulli(0.6), stats.bernoulli(0.2), stats.bernoulli(0.6)),
    "from 1": (kldiv.Zeta(4.0), kldiv.Zeta(3.0), stats.zipf(4.0), stats.zipf(3.0)),
}


@only(("p", "q", "scipy_p", "scipy_q"), DISCRETE.values(), ids=DISCRETE.keys())
def test_stems_are_the_probabilities(p, q, scipy_p, scipy_q, ax):
    plotting.densities(p, q, ax=ax)
    first, second = ax.get_lines()[:2]
    k = first.get_xdata().round()
    assert k.tolist() == list(range(int(k[0]), int(k[-1]) + 1))
    np.testing.assert_allclose(first.get_ydata(), scipy_p.pmf(k), rtol=1e-11)
    np.testing.assert_allclose(second.get_ydata(), scipy_q.pmf(k), rtol=1e-11)
    assert second.get_xdata() - first.get_xdata() == pytest.approx(0.2)
    assert scipy_p.pmf(k).sum() > 0.99
    assert scipy_p.pmf([k[0] - 1, k[0]]) == pytest.approx([0.0, scipy_p.pmf(k[0])])


def test_bars_add_up_to_the_divergence(array, ax):
    p, q = kldiv.Categorical(array([0.1, 0.2, 0.3, 0.4])), kldiv.Categorical(array([0.25] * 4))
    plotting.densities(p, q, ax=ax)
    heights = [bar.get_height() for bar in ax.patches]
    assert sum(heights) == pytest.approx(0.106440135286223151652278, rel=1e-12)
    assert len(heights) == 8
    assert ax.get_ylabel() == "probability; p log(p / q) in nats"


def test_many_outcomes_have_outlines(ax):
    plotting.densities(kldiv.Poisson(1e4), kldiv.Poisson(1.01e4), ax=ax)
    line = ax.get_lines()[0]
    k, y = line.get_data()
    assert line.get_drawstyle() == "steps-mid"
    np.testing.assert_allclose(y[1:-1], stats.poisson(1e4).pmf(k[1:-1]), rtol=1e-8)
    assert y[0] == y[-1] == 0


def test_discrete_mixture(ax):
    p = kldiv.Mixture([0.5, 0.5], kldiv.Poisson([2.0, 20.0]))
    plotting.densities(p, p, ax=ax)
    k, y = ax.get_lines()[0].get_data()
    expected = 0.5 * (stats.poisson(2.0).pmf(k.round()) + stats.poisson(20.0).pmf(k.round()))
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    assert sum(y) > 0.999


WINDOWS = {
    "standard": (kldiv.Normal(0.0, 1.0), stats.norm()),
    "narrow and far": (kldiv.Normal(1e6, 1e-3), stats.norm(1e6, 1e-3)),
    "wide": (kldiv.Normal(-1e9, 1e12), stats.norm(-1e9, 1e12)),
    "tiny": (kldiv.Exponential(1e20), stats.expon(scale=1e-20)),
    "heavy tails": (kldiv.StudentT(1.0, -3.0, 1.0), stats.t(1.0, -3.0)),
    "one tail": (kldiv.LogNormal(0.0, 1.0), stats.lognorm(1.0)),
    "infinite density": (kldiv.Gamma(0.1, 1.0), stats.gamma(0.1)),
    "interior of an interval": (kldiv.Beta(1e4, 1e4), stats.beta(1e4, 1e4)),
    "two ends": (kldiv.Beta(0.2, 0.3), stats.beta(0.2, 0.3)),
    "plateau": (kldiv.Uniform(1e6, 1e6 + 1), stats.uniform(1e6, 1.0)),
    "double exponential": (kldiv.Gumbel(1e5, 1.0), stats.gumbel_r(1e5, 1.0)),
    "counts": (kldiv.Poisson(1e6), stats.poisson(1e6)),
    "integers": (kldiv.DiscreteUniform(-1_000_000, -999_990), stats.randint(-1_000_000, -999_989)),
}


@only(("d", "scipy"), WINDOWS.values(), ids=WINDOWS.keys())
def test_range_holds_the_mass_and_little_else(d, scipy, ax):
    plotting.densities(d, d, ax=ax)
    low, high = ax.get_xlim()
    assert scipy.cdf(high) - scipy.cdf(low) > 0.94
    assert high - low < 25 * (scipy.ppf(0.8) - scipy.ppf(0.2))


def test_range_holds_all_components(ax):
    p = mixture([0.5, 0.25, 0.25], [-1e4, 0.0, 1e3], [1.0, 1e-2, 100.0])
    plotting.densities(p, kldiv.Normal(0.0, 1.0), ax=ax)
    low, high = ax.get_xlim()
    assert low < -1e4 - 2
    assert 1e3 + 200 < high < 2e3
    x, y = ax.get_lines()[0].get_data()
    assert integrate.trapezoid(y, x) == pytest.approx(1.0, rel=5e-3)  # enough points in the narrow ones


def test_mixtures_of_mixtures(ax):
    inner = kldiv.Mixture([[0.5, 0.5], [0.9, 0.1]], kldiv.Normal([[-50.0, 50.0], [0.0, 1.0]], [[1.0], [2.0]]))
    plotting.densities(kldiv.Mixture([0.5, 0.5], inner), kldiv.Normal(0.0, 1.0), ax=ax)
    low, high = ax.get_xlim()
    assert -70 < low < -52
    assert 52 < high < 70


def test_supports_are_respected(ax):
    plotting.densities(kldiv.Uniform(0.0, 2.0), kldiv.Exponential(1.0), ax=ax)
    x, y = ax.get_lines()[0].get_data()
    np.testing.assert_array_equal(y, np.where((x >= 0) & (x <= 2), 0.5, 0.0))
    jumps = np.diff(x)[np.diff(y) != 0]
    assert jumps.max() < 1e-12  # they are vertical


def test_angles(ax):
    plotting.densities(kldiv.VonMises(1.0, 3.0), kldiv.VonMises(0.0, 1.0), ax=ax)
    assert ax.get_xlim() == pytest.approx((-math.pi, math.pi))
    x, y = ax.get_lines()[0].get_data()
    np.testing.assert_allclose(y, stats.vonmises(3.0, 1.0).pdf(x), rtol=1e-12)


def test_hatched_where_q_has_no_mass(ax):
    plotting.densities(kldiv.Uniform(0.0, 2.0), kldiv.Uniform(-1.0, 1.0), ax=ax)
    (hatched,) = (c for c in ax.collections if c.get_hatch())
    x = np.concatenate([path.vertices[:, 0] for path in hatched.get_paths()])
    inside = x[np.concatenate([path.vertices[:, 1] for path in hatched.get_paths()]) == 1]
    assert (inside.min(), inside.max()) == pytest.approx((1.0, 2.0))
    assert legend(ax)[0] == "KL(P || Q) = ∞"
    assert "q = 0 < p" in legend(ax)[1]


def test_hatched_outcomes(ax):
    plotting.densities(kldiv.Binomial(4, 0.5), kldiv.Binomial(3, 0.5), ax=ax)
    assert "q = 0 < p" in legend(ax)[1]
    assert np.isfinite([bar.get_height() for bar in ax.patches]).all()


@only("p", [kldiv.Beta(0.5, 0.5), kldiv.Exponential(1.0)])
def test_nothing_is_hatched_where_a_single_point_has_no_mass(p, ax):
    plotting.densities(p, kldiv.Beta(2.0, 2.0) if isinstance(p, kldiv.Beta) else kldiv.Gamma(2.0, 1.0), ax=ax)
    assert [c for c in ax.collections if c.get_hatch()] == []


def test_infinite_densities_leave_the_rest_visible(ax):
    plotting.densities(kldiv.Gamma(0.1, 1.0), kldiv.Gamma(0.5, 1.0), ax=ax)
    assert 1 < ax.get_ylim()[1] < 20


def test_points_of_the_caller(array, ax):
    x = [-1.0, 0.0, 0.5]
    plotting.densities(kldiv.Normal(array(0.0), array(1.0)), kldiv.Normal(array(1.0), array(1.0)), ax=ax, x=array(x))
    drawn, y = ax.get_lines()[0].get_data()
    assert drawn.tolist() == x
    np.testing.assert_allclose(y, stats.norm.pdf(x), rtol=1e-14)


def test_number_of_points(ax):
    plotting.densities(kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 1.0), ax=ax, n=11)
    assert len(ax.get_lines()[0].get_xdata()) == 11


def test_sixteen_bits(short_dtype, backend, ax):
    parameters = backend.array(1.0, short_dtype), backend.array(2.0, short_dtype)
    plotting.densities(kldiv.Normal(*parameters), kldiv.Normal(*parameters), ax=ax)
    x, y = ax.get_lines()[0].get_data()
    np.testing.assert_allclose(y, stats.norm.pdf(x, 1.0, 2.0), rtol=1e-12)


NORMAL = kldiv.Normal(0.0, 1.0)
REFUSED = {
    "batch": ((NORMAL, kldiv.Normal([0.0, 1.0], 1.0)), {}, "q is a batch of distributions, of shape \\(2,\\)"),
    "vectors": (
        (kldiv.MultivariateNormalDiag([0.0], [1.0]),) * 2,
        {},
        "outcomes of p, MultivariateNormalDiag, are not",
    ),
    "both kinds": ((NORMAL, kldiv.Poisson(1.0)), {}, "p, Normal, and q, Poisson, have no picture in common"),
    "parameter": ((NORMAL, kldiv.Normal(0.0, -1.0)), {}, "Normal.scale must be positive and finite; got -1.0 in q"),
    "matrix": ((NORMAL, NORMAL), {"x": [[0.0, 1.0]]}, "x must be a vector of two points or more; got shape \\(1, 2\\)"),
    "order": ((NORMAL, NORMAL), {"x": [0.0, 1.0, 1.0]}, "x must ascend; got 1.0 at index \\(2,\\)"),
    "infinite": ((NORMAL, NORMAL), {"x": [0.0, math.inf]}, "x must be finite; got inf at index \\(1,\\)"),
    "fractions": ((kldiv.Poisson(1.0),) * 2, {"x": [0.0, 0.5]}, "x must be integers.*; got 0.5 at index \\(1,\\)"),
    "labels": ((NORMAL, NORMAL), {"labels": ["P"]}, "labels must be two names"),
    "no points": ((NORMAL, NORMAL), {"n": 1}, "n must be at least 2; got 1"),
}


@only(("pair", "options", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_densities_refuses(pair, options, message, ax):
    with pytest.raises(ValueError, match=message):
        plotting.densities(*pair, ax=ax, **options)
    assert not ax.has_data()


# ---------------------------------------------------------------------------------------------------------- convergence


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


# ----------------------------------------------------------------------------------------------------------- trajectory


def fit_of(distribution, parameters, divergence):
    divergence = np.asarray(divergence)
    return kldiv.Fit(distribution, divergence[-1:], kldiv.History(np.arange(len(divergence)), divergence, parameters))


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


# ------------------------------------------------------------------------------------------------------------- pairwise

MATRIX = [[0.0, 0.5, math.inf], [2.0, 0.0, 30.0], [0.01, 8.0, 0.0]]


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


# --------------------------------------------------------------------------------------------- the caller's own choices

PICTURES = {
    "densities": lambda ax=None: plotting.densities(NORMAL, kldiv.Normal(1.0, 1.5), ax=ax),
    "stems": lambda ax=None: plotting.densities(kldiv.Bernoulli(0.2), kldiv.Bernoulli(0.6), ax=ax),
    "convergence": lambda ax=None: plotting.convergence(np.linspace(0.0, 1.0, 100), ax=ax),
    "errors": lambda ax=None: plotting.convergence(np.linspace(0.0, 1.0, 100), 0.4, ax=ax),
    "trajectory": lambda ax=None: plotting.trajectory(
        fit_of(NORMAL, {"loc": np.linspace(5.0, 0.0, 20)}, np.linspace(9.0, 1.0, 20)), ax=ax
    ),
    "pairwise": lambda ax=None: plotting.pairwise(MATRIX, ["one", "another", "a third"], ax=ax),
}
each_picture = only("picture", PICTURES.values(), ids=PICTURES.keys())
each_style = only("name", ["default", "dark_background", "ggplot"])


@pytest.fixture(autouse=True)
def nothing_global_changes():
    before = dict(mpl.rcParams)
    yield
    after = dict(mpl.rcParams)
    assert {key for key in before if before[key] != after[key]} <= {"backend"}


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
        boxes = [text.get_window_extent() for text in texts]
    width, height = figure.bbox.width, figure.bbox.height
    assert [b for b in boxes if b.x0 < 0 or b.y0 < 0 or b.x1 > width or b.y1 > height] == []


@each_style
def test_colours_are_those_of_the_style(name):
    with style.context(name):
        cycle = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
        ax = PICTURES["densities"](Figure().subplots())
        lines, (positive, negative) = ax.get_lines()[:2], areas(ax)
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


def test_without_matplotlib_a_line_says_how_to_get_it():
    code = "import sys; sys.modules['matplotlib'] = None; import kldiv; kldiv.plotting"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ImportError: kldiv.plotting needs matplotlib; try: pip install kldiv[plot]"
