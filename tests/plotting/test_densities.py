"""The picture of two densities, with SciPy's numbers."""

import math
from types import SimpleNamespace
from typing import Annotated, Generic, NamedTuple, TypeVar

import numpy as np
import pytest
from scipy import integrate, stats

import kldiv
from kldiv import declare, domains, plotting
from pictures import NORMAL, area_of, areas, legend

only = pytest.mark.parametrize
Base = TypeVar("Base")


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
def test_shaded_area_is_the_divergence(family, p, q, scipy, divergence, pair):
    _, integrand = plotting.densities(family(*p), family(*q), ax=pair)
    positive, negative = areas(integrand)
    assert area_of(positive) - area_of(negative) == pytest.approx(divergence, rel=5e-3)
    assert (positive.get_datalim(integrand.transData).y0, negative.get_datalim(integrand.transData).y1) == (0.0, 0.0)


def test_title_tells_the_divergence(ax):
    plotting.densities(kldiv.Beta(2.0, 5.0), kldiv.Beta(3.0, 3.0), ax=ax)
    assert ax.get_title() == "KL(P || Q) = 0.7167 nats"


def test_title_tells_an_estimate_where_there_is_no_closed_form(ax):
    plotting.densities(mixture(*D2[0]), mixture(*D2[1]), ax=ax)
    assert ax.get_title() == "KL(P || Q) = 0.6468 nats"


@declare.family()
class Held(NamedTuple, Generic[Base]):
    """The distribution that it holds, without a support of its own."""

    base: Annotated[Base, domains.Component((), event=False)]

    @declare.density
    def log_density(self, xp, x):
        """Return that of the base."""
        return self.base.log_density(x)


def test_family_that_holds_another_has_its_range(ax):
    gammas = [kldiv.Gamma(2.0, 1.0), kldiv.Gamma(3.0, 2.0)]
    plotting.densities(*map(Held, gammas), ax=ax)
    assert ax.get_title() == "KL(P || Q) = 0.1909 nats"


def test_every_name_in_a_picture(pair):
    plotting.densities(kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 1.5), ax=pair, labels=("Prior", "Posterior"))
    term = "prior log(prior / posterior)"
    assert [ax.get_xlabel() for ax in pair] == ["x", "x"]
    assert [ax.get_ylabel() for ax in pair] == ["density", f"{term} in nats per unit of x"]
    assert pair[0].get_title() == "KL(Prior || Posterior) = 0.3499 nats"
    assert [legend(ax)[1] for ax in pair] == [["Prior", "Posterior"], [f"{term} > 0", f"{term} < 0"]]


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


def test_bars_add_up_to_the_divergence(array, pair):
    p, q = kldiv.Categorical(array([0.1, 0.2, 0.3, 0.4])), kldiv.Categorical(array([0.25] * 4))
    _, ax = plotting.densities(p, q, ax=pair, classes=["cat", "cow", "dog", "hen"])
    heights = [bar.get_height() for bar in ax.patches]
    assert sum(heights) == pytest.approx(0.106440135286223151652278, rel=1e-12)
    assert len(heights) == 8
    assert [panel.get_ylabel() for panel in pair] == ["probability", "p log(p / q) in nats"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["cat", "cow", "dog", "hen"]


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


def test_hatched_where_q_has_no_mass(pair):
    density, ax = plotting.densities(kldiv.Uniform(0.0, 2.0), kldiv.Uniform(-1.0, 1.0), ax=pair)
    (hatched,) = (c for c in ax.collections if c.get_hatch())
    x = np.concatenate([path.vertices[:, 0] for path in hatched.get_paths()])
    inside = x[np.concatenate([path.vertices[:, 1] for path in hatched.get_paths()]) == 1]
    assert (inside.min(), inside.max()) == pytest.approx((1.0, 2.0))
    assert density.get_title() == "KL(P || Q) = ∞"
    assert "q = 0 < p" in legend(ax)[1]


def test_hatched_outcomes(pair):
    _, ax = plotting.densities(kldiv.Binomial(4, 0.5), kldiv.Binomial(3, 0.5), ax=pair)
    assert "q = 0 < p" in legend(ax)[1]
    assert np.isfinite([bar.get_height() for bar in ax.patches]).all()


@only("p", [kldiv.Beta(0.5, 0.5), kldiv.Exponential(1.0)])
def test_nothing_is_hatched_where_a_single_point_has_no_mass(p, pair):
    q = kldiv.Beta(2.0, 2.0) if isinstance(p, kldiv.Beta) else kldiv.Gamma(2.0, 1.0)
    _, ax = plotting.densities(p, q, ax=pair)
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


def test_densities_on_a_grid_stand_over_its_points(array, pair):
    x = np.linspace(-4.0, 4.0, 81)
    p, q = (kldiv.from_grid(array(x), array(stats.norm.pdf(x, loc)), normalize=True) for loc in (0.0, 0.5))
    plotting.densities(p, q, ax=pair, x=x[1:-1])
    drawn, y = pair[0].get_lines()[0].get_data()
    np.testing.assert_array_equal(drawn, x[1:-1])
    np.testing.assert_allclose(y, stats.norm.pdf(drawn), rtol=1e-3)
    assert pair[0].get_title() == "KL(P || Q) = 0.1249 nats"


PLANAR = {
    "normal": (
        kldiv.MultivariateNormal([1.0, 2.0], [[1.0, 0.5], [0.5, 2.0]]),
        stats.multivariate_normal([1.0, 2.0], [[1.0, 0.5], [0.5, 2.0]]),
    ),
    "independent": (
        kldiv.Independent(kldiv.Normal([1.0, 2.0], [1.0, 3.0])),
        stats.multivariate_normal([1.0, 2.0], [1.0, 9.0]),
    ),
}


@only(("d", "scipy"), PLANAR.values(), ids=PLANAR.keys())
def test_contours_hold_half_and_nine_tenths_of_the_mass(d, scipy, ax):
    """The density of a normal at the border of such a region is known: the squared radius is a chi-square quantile."""
    assert plotting.densities(d, kldiv.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0]), ax=ax) is ax
    levels = next(c.levels for c in ax.collections)
    exact = scipy.logpdf(scipy.mean) - stats.chi2(2).ppf([0.9, 0.5]) / 2
    np.testing.assert_allclose(levels, exact, atol=0.1)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x[0]", "x[1]")
    assert ax.get_title().startswith("KL(P || Q) = ")


REFUSED = {
    "names of numbers": ((NORMAL, NORMAL), {"classes": ["a"]}, "classes name the outcomes of discrete distributions"),
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
