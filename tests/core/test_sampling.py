"""Samples follow the distribution of their family, and have its derivatives, wherever the draws come from."""

import importlib
import itertools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
from scipy.stats import chi2, kstest

import cases
import kldiv
import kldiv.families
import reference
from kldiv._core.family import kind_of, support_of
from kldiv._core.parameters import cast
from kldiv._core.sampling import Counter, SamplingContext, sampler_of
from kldiv.estimation.sobol import Sobol
from nodes import nodes_of
from oracle import Atoms, Integers, Interval

N = 4096  # in one shape, for the compilers; a power of 2, for the sequence
# By chance a right sampler fails one test in as many; all seeds are fixed.
LEAST = 1e-4
DEVIATIONS = 4.0

WITHOUT_SAMPLER = ["VonMises", "VonMisesFisher", "Zeta"]
# Samples of these jump where parameters move, though their outcomes are continuous.
JUMPS = ["InverseGaussian", "Lindley"]

L = [[1.0, 0.0], [0.5, 2.0]]
S = [[1.0, 0.5], [0.5, 4.25]]
L_INVERSE = np.linalg.inv(L)


class Line(NamedTuple):
    """A distribution on an interval: SciPy's of the same kind, or the interval to integrate its density over."""

    family: str
    parameters: tuple
    distribution: object


s = scipy.stats
LINES = [
    Line("AsymmetricLaplace", (1.0, 2.0, 1.5), s.laplace_asymmetric(1.5, 1.0, 2.0)),
    Line("Beta", (2.5, 0.7), s.beta(2.5, 0.7)),
    Line("Beta", (0.05, 0.3), s.beta(0.05, 0.3)),
    Line("BetaPrime", (2.5, 0.7), s.betaprime(2.5, 0.7)),
    Line("Cauchy", (1.0, 2.0), s.cauchy(1.0, 2.0)),
    Line("Chi", (2.5,), s.chi(2.5)),
    Line("Chi2", (2.5,), s.chi2(2.5)),
    Line("ContinuousBernoulli", (0.1,), (0.0, 1.0)),
    Line("ContinuousBernoulli", (0.5,), s.uniform()),
    Line("ContinuousBernoulli", (0.999,), (0.0, 1.0)),
    Line("ExpGamma", (0.1, 2.0), s.loggamma(0.1, loc=-np.log(2.0))),
    Line("ExpInverseGamma", (1.5, 2.0), (-6.0, 12.0)),
    Line("Exponential", (2.0,), s.expon(scale=0.5)),
    Line("Frechet", (2.0, 1.5), s.invweibull(1.5, scale=2.0)),
    Line("Gamma", (0.3, 2.0), s.gamma(0.3, scale=0.5)),
    Line("GeneralizedGamma", (2.0, 0.5, 1.5), s.gengamma(0.5 / 1.5, 1.5, scale=2.0)),
    Line("GeneralizedNormal", (1.0, 2.0, 0.7), s.gennorm(0.7, 1.0, 2.0)),
    Line("GeneralizedNormal", (1.0, 2.0, 50.0), s.gennorm(50.0, 1.0, 2.0)),
    Line("Gumbel", (1.0, 2.0), s.gumbel_r(1.0, 2.0)),
    Line("HalfCauchy", (2.0,), s.halfcauchy(scale=2.0)),
    Line("HalfNormal", (2.0,), s.halfnorm(scale=2.0)),
    Line("InverseGamma", (1.5, 2.0), s.invgamma(1.5, scale=2.0)),
    Line("InverseGaussian", (2.0, 0.5), s.invgauss(4.0, scale=0.5)),
    Line("InverseGaussian", (2.0, 50.0), s.invgauss(0.04, scale=50.0)),
    Line("Kumaraswamy", (2.0, 3.0), (0.0, 1.0)),
    Line("Laplace", (1.0, 2.0), s.laplace(1.0, 2.0)),
    Line("Levy", (2.0,), s.levy(scale=2.0)),
    Line("Lindley", (0.5,), (0.0, 80.0)),
    Line("LogLogistic", (1.0, 0.5), s.fisk(2.0, scale=np.exp(1.0))),
    Line("LogNormal", (1.0, 0.5), s.lognorm(0.5, scale=np.exp(1.0))),
    Line("LogUniform", (0.5, 20.0), s.loguniform(0.5, 20.0)),
    Line("Logistic", (1.0, 2.0), s.logistic(1.0, 2.0)),
    Line("LogitNormal", (1.0, 0.7), (0.0, 1.0)),
    Line("Lomax", (2.0, 1.5), s.lomax(1.5, scale=2.0)),
    Line("Maxwell", (2.0,), s.maxwell(scale=2.0)),
    Line("Moyal", (1.0, 2.0), s.moyal(1.0, 2.0)),
    Line("Nakagami", (1.5, 2.0), s.nakagami(1.5, scale=np.sqrt(2.0))),
    Line("Normal", (1.0, 2.0), s.norm(1.0, 2.0)),
    Line("NormalLogVariance", (1.0, np.log(4.0)), s.norm(1.0, 2.0)),
    Line("Pareto", (2.0, 1.5), s.pareto(1.5, scale=2.0)),
    Line("Rayleigh", (2.0,), s.rayleigh(scale=2.0)),
    Line("StudentT", (2.5, 1.0, 2.0), s.t(2.5, 1.0, 2.0)),
    Line("TruncatedNormal", (1.0, 2.0, -1.0, 4.0), s.truncnorm(-1.0, 1.5, 1.0, 2.0)),
    Line("TruncatedNormal", (0.0, 1.0, 6.0, 9.0), s.truncnorm(6.0, 9.0)),
    Line("TruncatedNormal", (0.0, 1.0, -40.0, -3.0), s.truncnorm(-40.0, -3.0)),
    Line("Uniform", (-1.0, 3.0), s.uniform(-1.0, 4.0)),
    Line("Weibull", (2.0, 1.5), s.weibull_min(1.5, scale=2.0)),
    Line("WrappedCauchy", (1.0, 0.6), (-np.pi, np.pi)),
]


class Countable(NamedTuple):
    """A distribution over outcomes that can be listed, but for a negligible rest."""

    family: str
    parameters: tuple
    outcomes: object


def vectors(length, count):
    return np.asarray(list(itertools.product(range(count + 1), repeat=length)), dtype=float)


COUNTABLES = [
    Countable("Bernoulli", (0.3,), np.arange(2.0)),
    Countable("BernoulliLogits", (-1.0,), np.arange(2.0)),
    Countable("BetaBinomial", (6.0, 0.5, 2.0), np.arange(7.0)),
    Countable("Binomial", (6.0, 0.3), np.arange(7.0)),
    Countable("BinomialLogits", (6.0, -1.0), np.arange(7.0)),
    Countable("Categorical", ([0.2, 0.0, 0.5, 0.3],), np.arange(4.0)),
    Countable("CategoricalLogits", ([1.0, -np.inf, 2.0, 0.0],), np.arange(4.0)),
    Countable("DiscreteUniform", (-2.0, 4.0), np.arange(-2.0, 5.0)),
    Countable("Geometric", (0.3,), np.arange(100.0)),
    Countable("Geometric", (1.0,), np.arange(3.0)),
    Countable("LogSeries", (0.8,), np.arange(1.0, 200.0)),
    Countable("MarkovChain", ([0.2, 0.8], [[[0.1, 0.9], [1.0, 0.0]], [[0.4, 0.6], [0.5, 0.5]]]), vectors(3, 1)),
    Countable("Multinomial", (4.0, [0.2, 0.5, 0.3]), vectors(3, 4)),
    Countable("MultinomialLogits", (4.0, [1.0, -np.inf, 0.0]), vectors(3, 4)),
    Countable("NegativeBinomial", (2.5, 0.6), np.arange(200.0)),
    Countable("OneHotCategorical", ([0.2, 0.5, 0.3],), vectors(3, 1)),
    Countable("OneHotCategoricalLogits", ([1.0, -np.inf, 0.0],), vectors(3, 1)),
    Countable("OrderedLogistic", ([-1.0, 0.0, 2.0], 0.5), np.arange(4.0)),
    Countable("Poisson", (0.7,), np.arange(40.0)),
    Countable("Poisson", (30.0,), np.arange(120.0)),
    Countable("ProbitBernoulli", (-0.5,), np.arange(2.0)),
    Countable("StoppingRatioLogistic", ([-1.0, 0.0, 2.0], 0.5), np.arange(4.0)),
]


class Vector(NamedTuple):
    """A distribution of vectors or matrices: others near it, and those of some functions of its outcomes."""

    family: str
    parameters: tuple
    others: list
    functions: list


def normal(weights, loc=(1.0, -1.0), covariance=S):
    weights = np.asarray(weights)
    return (lambda x: x @ weights, s.norm(weights @ loc, np.sqrt(weights @ np.asarray(covariance) @ weights)))


NORMAL = [normal([1.0, 0.0]), normal([0.0, 1.0]), normal([1.0, -1.0])]
T_PRECISION = s.t(6.0, 1.0, np.sqrt(2.0 / (3.0 * 1.5)))
VECTORS = [
    Vector("Delta", (2.0,), [(2.0,)], []),
    Vector(
        "Dirichlet",
        ([0.4, 1.5, 3.0],),
        [([0.6, 1.5, 3.0],), ([0.4, 1.9, 3.0],), ([0.4, 1.5, 3.5],)],
        [(lambda x: x[:, 0], s.beta(0.4, 4.5)), (lambda x: x[:, 1], s.beta(1.5, 3.4))],
    ),
    Vector(
        "InverseWishart",
        (5.0, L),
        [(5.5, L), (5.0, [[1.05, 0.0], [0.5, 2.0]]), (5.0, [[1.0, 0.0], [0.6, 2.05]])],
        [(lambda x: x[:, 0, 0], s.invgamma(2.0, scale=0.5)), (lambda x: x[:, 1, 1], s.invgamma(2.0, scale=2.125))],
    ),
    Vector(
        "MatrixNormal",
        ([[1.0, -1.0], [0.0, 2.0]], L, [[1.0, 0.0], [-0.5, 0.5]]),
        [([[1.1, -1.0], [0.0, 1.9]], L, [[1.0, 0.0], [-0.5, 0.5]])],
        [
            (lambda x: x[:, 0, 1], s.norm(-1.0, np.sqrt(0.5))),
            (lambda x: x[:, 1, 0], s.norm(0.0, np.sqrt(4.25))),
            # Covariances S_01 C_01 between the entries off a diagonal.
            (lambda x: x[:, 0, 0] + x[:, 1, 1], s.norm(3.0, np.sqrt(1.0 + 4.25 * 0.5 - 2 * 0.5 * 0.5))),
        ],
    ),
    Vector(
        "MultivariateLogitNormal",
        ([1.0, -1.0], L),
        [([1.1, -1.0], L), ([1.0, -0.8], [[0.9, 0.0], [0.4, 1.9]])],
        [
            (lambda x: np.log(x[:, 0] / x[:, 2]), s.norm(1.0, 1.0)),
            (lambda x: np.log(x[:, 1] / x[:, 0]), s.norm(-2, 4.25**0.5)),
        ],
    ),
    Vector("MultivariateNormal", ([1.0, -1.0], S), [([1.2, -1.0], S)], NORMAL),
    Vector(
        "MultivariateNormalDiag",
        ([1.0, -1.0], [1.0, 2.0]),
        [([1.2, -1.0], [1.0, 1.8])],
        [normal([1.0, 1.0], covariance=[[1.0, 0.0], [0.0, 4.0]])],
    ),
    Vector("MultivariateNormalLowRank", ([1.0, -1.0], [[0.5], [1.0]], [0.75, 3.25]), [], NORMAL),
    Vector("MultivariateNormalPrecision", ([1.0, -1.0], np.linalg.inv(S)), [], NORMAL),
    Vector("MultivariateNormalTriL", ([1.0, -1.0], L), [([1.2, -1.0], L)], NORMAL),
    Vector(
        "NormalGamma",
        (1.0, 1.5, 3.0, 2.0),
        [(1.2, 1.5, 3.0, 2.0), (1.0, 1.8, 3.0, 2.0), (1.0, 1.5, 3.3, 2.2)],
        [(lambda x: x[:, 1], s.gamma(3.0, scale=0.5)), (lambda x: x[:, 0], T_PRECISION)],
    ),
    Vector(
        "NormalInverseGamma",
        (1.0, 1.5, 3.0, 2.0),
        [(1.2, 1.5, 3.0, 2.0), (1.0, 1.8, 3.0, 2.0), (1.0, 1.5, 3.3, 2.2)],
        [(lambda x: x[:, 1], s.invgamma(3.0, scale=2.0)), (lambda x: x[:, 0], T_PRECISION)],
    ),
    Vector(
        "NormalInverseWishart",
        ([1.0, -1.0], 1.5, 5.0, L),
        [([1.2, -1.0], 1.5, 5.0, L), ([1.0, -1.0], 1.8, 5.4, L)],
        [
            (lambda x: x[:, 1, 0], s.invgamma(2.0, scale=0.5)),
            (lambda x: x[:, 0, 1], s.t(4.0, -1.0, np.sqrt(4.25 / (1.5 * 4.0)))),
        ],
    ),
    Vector(
        "NormalWishart",
        ([1.0, -1.0], 1.5, 5.0, L),
        [([1.2, -1.0], 1.5, 5.0, L), ([1.0, -1.0], 1.8, 5.4, L)],
        [
            (lambda x: x[:, 1, 0], s.chi2(5.0)),
            (lambda x: x[:, 0, 1], s.t(4.0, -1.0, np.sqrt(np.linalg.inv(S)[1, 1] / (1.5 * 4.0)))),
        ],
    ),
    Vector(
        "PowerSpherical",
        ([0.6, 0.0, 0.8], 3.0),
        [([0.6, 0.0, 0.8], 3.5), ([0.64, 0.48, 0.6], 3.5)],
        [(lambda x: 0.5 * (1 + x @ [0.6, 0.0, 0.8]), s.beta(4.0, 1.0))],
    ),
    Vector("PowerSpherical", ([0.6, 0.8], 0.5), [([0.8, 0.6], 0.7)], []),
    Vector(
        "SphericalUniform",
        ([0.6, 0.0, 0.8],),
        [],
        [(lambda x: x[:, 0], s.uniform(-1.0, 2.0)), (lambda x: x @ [0.6, 0.8, 0.0], s.uniform(-1.0, 2.0))],
    ),
    Vector(
        "Wishart",
        (5.0, L),
        [(5.5, L), (5.0, [[0.95, 0.0], [0.5, 2.0]]), (5.0, [[1.0, 0.0], [0.4, 1.95]])],
        [(lambda x: x[:, 0, 0], s.chi2(5.0)), (lambda x: x[:, 1, 1], s.chi2(5.0, scale=4.25))],
    ),
]


@dataclass
class Integrated:
    """A distribution on an interval, from the density of a family."""

    nodes: np.ndarray
    masses: np.ndarray

    def cdf(self, x):
        below = np.cumsum(self.masses) - self.masses / 2
        assert abs(np.sum(self.masses) - 1) < 5e-3
        return np.interp(x, self.nodes, below, 0.0, 1.0)


def example_of(family):
    """Return a case of a family that is not listed above, at ordinary parameters."""
    rng = np.random.default_rng(cases.number(family))
    drawn = cases.ordinary(rng, family, 1)
    parameters = tuple(drawn[name][0].tolist() for name in family._fields)
    record, converted = reference.converted(family.__name__, parameters)
    density = family(*parameters).log_density
    match support := record.support(*converted):
        case Interval():
            x, weights = nodes_of(record, converted)
            inside = (x > support.low) & (x < support.high)
            return Line(family.__name__, parameters, Integrated(x[inside], (np.exp(density(x)) * weights)[inside]))
        case Integers():
            return Countable(family.__name__, parameters, np.arange(support.low, support.low + 1000.0))
        case Atoms():
            return Countable(family.__name__, parameters, np.asarray([float(x) for x in support.points]))


@pytest.fixture
def case(request):
    """Return a case that is listed, or that of a family: made by the test, so that a wrong family fails alone."""
    return example_of(request.param) if isinstance(request.param, type) else request.param


def named(case):
    return case.__name__ if isinstance(case, type) else f"{case.family}{case.parameters}".replace("\n", "")[:60]


LISTED = {case.family for case in [*LINES, *COUNTABLES, *VECTORS]}
OTHERS = [
    family
    for family in cases.SIMPLE
    if family.__name__ not in {*LISTED, *WITHOUT_SAMPLER} and sampler_of(family) and not support_of(family).axes
]
OTHER_LINES = [family for family in OTHERS if support_of(family).space != "integers"]
OTHER_COUNTABLES = [family for family in OTHERS if support_of(family).space == "integers"]

over_lines = pytest.mark.parametrize("case", [*LINES, *OTHER_LINES], ids=named, indirect=True)
over_countables = pytest.mark.parametrize("case", [*COUNTABLES, *OTHER_COUNTABLES], ids=named, indirect=True)
# What compilers have the time for, with all that the others are made of.
COMPILED = ["BetaBinomial", "Categorical", "LogSeries", "MarkovChain", "NegativeBinomial", "NormalInverseWishart"]
over_all = pytest.mark.parametrize("case", [*LINES, *COUNTABLES, *VECTORS], ids=named)


def made(case, array, dtype="float64", parameters=None):
    parameters = case.parameters if parameters is None else parameters
    return getattr(kldiv, case.family)(*[array(x, dtype) for x in parameters])


def on_numpy(x, dtype):
    return np.asarray(x, dtype=dtype)


def drawn(backend, case, n=N, rng=1, dtype="float64"):
    return backend.to_numpy(kldiv.sample(made(case, backend.array, dtype), n, rng=rng))


def cdf(case):
    """Return the distribution function: SciPy's, or the integral of the density."""
    if not isinstance(case.distribution, tuple):
        return case.distribution.cdf
    low, high = case.distribution
    grid = np.linspace(low, high, 40001)
    density = np.exp(made(case, on_numpy).log_density(np.clip(grid, low + 1e-12, high - 1e-12)))
    below = scipy.integrate.cumulative_simpson(density, x=grid, initial=0.0)
    assert abs(below[-1] - 1) < 1e-4
    return lambda x: np.interp(x, grid, below)


def probability_of_worse_counts(case, samples):
    """Return the p-value of the chi-square test; outcomes of a small expectation are one."""
    outcomes = np.asarray(case.outcomes)
    masses = np.exp(made(case, on_numpy).log_density(outcomes))
    assert abs(masses.sum() - 1) < 1e-9
    axes = tuple(range(2, outcomes.ndim + 1))
    counts = np.sum(np.all(samples[:, None] == outcomes, axis=axes), axis=0)
    assert np.all(counts[masses == 0] == 0)
    assert counts.sum() >= len(samples) - 1
    expected = masses * len(samples)
    often = expected >= 8
    counts, expected = ([*x[often], x[~often].sum()] for x in (counts, expected))
    terms = [(c - e) ** 2 / e for c, e in zip(counts, expected, strict=True) if e > 0]
    return chi2.sf(sum(terms), max(len(terms) - 1, 1)) if len(terms) > 1 else 1.0


# --- The distribution -------------------------------------------------------------------------------------------------


@over_lines
@pytest.mark.one_in(3)
def test_samples_on_the_line_follow_the_distribution(backend, case):
    assert kstest(drawn(backend, case), cdf(case)).pvalue > LEAST


@over_lines
def test_samples_on_the_line_follow_the_distribution_in_float32(eager, case):
    assert kstest(drawn(eager, case, dtype="float32").astype(float), cdf(case)).pvalue > LEAST


@over_countables
def test_samples_of_counts_follow_the_distribution(eager, case):
    assert probability_of_worse_counts(case, drawn(eager, case)) > LEAST


@over_countables
def test_samples_of_counts_follow_the_distribution_in_float32(eager, case):
    assert probability_of_worse_counts(case, drawn(eager, case, dtype="float32")) > LEAST


OVER_OTHERS = {f"{named(case)} {k}": (case, q) for case in VECTORS for k, q in enumerate(case.others)}


def deviation_of_ratio(case, other, samples):
    """Return by how many standard errors the mean of the density of another over that of the samples misses 1."""
    p = made(case, on_numpy).log_density(samples)
    assert np.all(np.isfinite(p))
    ratios = np.exp(made(case, on_numpy, parameters=other).log_density(samples) - p)
    error = ratios.std() / np.sqrt(N) + 1e-9
    assert error < 0.05
    return abs(ratios.mean() - 1) / error


@pytest.mark.parametrize(("case", "other"), OVER_OTHERS.values(), ids=OVER_OTHERS.keys())
def test_the_density_of_another_over_that_of_the_samples_has_mean_1(eager, case, other):
    assert deviation_of_ratio(case, other, drawn(eager, case)) < DEVIATIONS


@pytest.mark.parametrize("case", [case for case in COUNTABLES if case.family in COMPILED], ids=named)
def test_compiled_samples_of_counts_follow_the_distribution(backend, case):
    assert probability_of_worse_counts(case, drawn(backend, case)) > LEAST


@pytest.mark.parametrize("case", [case for case in VECTORS if case.family in COMPILED], ids=named)
def test_the_density_of_another_over_that_of_compiled_samples_has_mean_1(backend, case):
    assert deviation_of_ratio(case, case.others[0], drawn(backend, case)) < DEVIATIONS


OVER_FUNCTIONS = {f"{named(case)} {k}": (case, *f) for case in VECTORS for k, f in enumerate(case.functions)}


@pytest.mark.parametrize(("case", "function", "distribution"), OVER_FUNCTIONS.values(), ids=OVER_FUNCTIONS.keys())
def test_functions_of_vectors_follow_their_distribution(eager, case, function, distribution):
    assert kstest(function(drawn(eager, case)), distribution.cdf).pvalue > LEAST


def test_samples_of_a_mixture_follow_the_distribution(backend):
    p = kldiv.Mixture(
        backend.array([0.3, 0.0, 0.7], "float64"),
        kldiv.Normal(backend.array([[-2.0, 0.0, 3.0], [5.0, 0.0, -3.0]], "float64"), backend.array(0.5, "float64")),
    )
    samples = backend.to_numpy(kldiv.sample(p, N, rng=2))
    assert samples.shape == (N, 2)
    assert kstest(samples[:, 0], lambda x: 0.3 * s.norm.cdf(x, -2, 0.5) + 0.7 * s.norm.cdf(x, 3, 0.5)).pvalue > LEAST
    assert kstest(samples[:, 1], lambda x: 0.3 * s.norm.cdf(x, 5, 0.5) + 0.7 * s.norm.cdf(x, -3, 0.5)).pvalue > LEAST
    # One component is drawn for each, whatever the batch shape of the components.
    assert abs(np.corrcoef(samples[:, 0] > 0, samples[:, 1] > 0)[0, 1]) < DEVIATIONS / np.sqrt(N)


def test_samples_of_independent_components_follow_their_distributions(backend):
    p = kldiv.Independent(kldiv.Exponential(backend.array([1.0, 4.0], "float64")))
    samples = backend.to_numpy(kldiv.sample(p, N, rng=3))
    assert kstest(samples[:, 0], s.expon.cdf).pvalue > LEAST
    assert kstest(samples[:, 1], s.expon(scale=0.25).cdf).pvalue > LEAST
    assert abs(s.spearmanr(samples).statistic) < DEVIATIONS / np.sqrt(N)


# --- Points of a sequence ---------------------------------------------------------------------------------------------


def by_sobol(backend, case, n, dtype="float64"):
    """Return samples from a Sobol sequence, and whether their derivatives are those of the distribution."""
    xp = importlib.import_module(backend.module)
    p = cast(xp, made(case, backend.array, dtype), getattr(xp, dtype))
    sampler = sampler_of(kind_of(p))
    counter = Counter(xp)
    with np.errstate(all="ignore"):
        sampler(xp, SamplingContext(counter), p)
        source = Sobol(xp, getattr(xp, dtype), max(counter.coordinates, 1), seed=4)
        source.advance(n)
        return backend.to_numpy(sampler(xp, SamplingContext(source), p)), counter.reparameterized


@over_lines
def test_points_of_a_sequence_follow_the_distribution_on_the_line(eager, case):
    assert kstest(by_sobol(eager, case, N)[0], cdf(case)).statistic < 0.02


@over_countables
def test_points_of_a_sequence_follow_the_distribution_of_counts(eager, case):
    assert probability_of_worse_counts(case, by_sobol(eager, case, N)[0]) > 0.05


@pytest.mark.parametrize(("case", "function", "distribution"), OVER_FUNCTIONS.values(), ids=OVER_FUNCTIONS.keys())
def test_points_of_a_sequence_follow_the_distributions_of_functions(eager, case, function, distribution):
    assert kstest(function(by_sobol(eager, case, N)[0]), distribution.cdf).statistic < 0.02


@over_all
def test_samplers_tell_whether_their_samples_jump(eager, case):
    reparameterized = by_sobol(eager, case, 2)[1]
    assert reparameterized == (case in [*LINES, *VECTORS] and case.family not in JUMPS)


def test_a_sequence_needs_no_coordinate_twice(eager):
    # One coordinate for each entry: the marginals of a product are those of a permutation of the same points.
    case = Line("MultivariateNormalDiag", ([0.0, 0.0], [1.0, 1.0]), None)
    samples = by_sobol(eager, case, N)[0]
    assert abs(np.corrcoef(samples.T)[0, 1]) < 0.02
    assert np.all(abs(samples.mean(axis=0)) < 0.01)


# --- Derivatives ------------------------------------------------------------------------------------------------------

PATHWISE = [
    case
    for case in LINES
    if case.family not in [*JUMPS, "Chi", "Laplace", "Maxwell", "NormalLogVariance", "Rayleigh", "Frechet", "Uniform"]
    and case.parameters not in [(0.999,), (0.05, 0.3), (0.0, 1.0, -40.0, -3.0)]
]
ROWS = 40


# A smooth bounded function on the line, and one on the circle.
SMOOTH = {"WrappedCauchy": "sin"}


def mean_slope(case, k, function):
    """Return d/dt E f(x), for the parameter number k, from the density alone."""
    t = np.linspace(-40.0, 40.0, 40001)

    def mean(parameter):
        parameters = list(case.parameters)
        parameters[k] = parameter
        d = made(case, on_numpy, parameters=parameters)
        low, high = case.distribution if isinstance(case.distribution, tuple) else case.distribution.support()
        low, high = getattr(d, "low", low), getattr(d, "high", high)
        low = d.scale if case.family == "Pareto" else low
        if np.isfinite(low) and np.isfinite(high):
            share = scipy.special.expit(t)
            x, slope = low + (high - low) * share, (high - low) * share * scipy.special.expit(-t)
        elif np.isfinite(low):
            x, slope = low + np.exp(t), np.exp(t)
        else:
            x, slope = np.sinh(t), np.cosh(t)
        masses = np.where((x > low) & (x < high), np.exp(d.log_density(x)) * slope, 0.0)
        return np.trapezoid(masses * function(np, x), t)

    step = 1e-3 * max(abs(case.parameters[k]), 0.1)
    value = case.parameters[k]
    return (mean(value + step) - mean(value - step)) / (2 * step)


def deviations_of_slopes(backend, case):
    """Return by how many standard errors the mean derivatives of samples miss those of the distribution."""
    xp = importlib.import_module(backend.module)
    family = getattr(kldiv, case.family)
    parameters = [backend.array(np.full(ROWS, x), "float64") for x in case.parameters]

    def function(xp, x):
        return getattr(xp, SMOOTH.get(case.family, "atan"))(x)

    def mean(*parameters):
        return xp.sum(function(xp, kldiv.sample(family(*parameters), 100, rng=6)), axis=0) / 100

    slopes = np.asarray([backend.to_numpy(x) for x in backend.gradient(mean, *parameters)])
    truths = [mean_slope(case, k, function) for k in range(len(parameters))]
    return abs(slopes.mean(axis=-1) - truths) / (slopes.std(axis=-1, ddof=1) / np.sqrt(ROWS) + 1e-6)


@pytest.mark.parametrize("case", PATHWISE, ids=named)
def test_derivatives_of_samples_are_those_of_the_distribution(differentiable, eager, case):
    assert np.all(deviations_of_slopes(differentiable, case) < DEVIATIONS)


@pytest.mark.parametrize("name", ["StudentT", "TruncatedNormal", "WrappedCauchy"])
def test_derivatives_of_compiled_samples_are_those_of_the_distribution(differentiable, name):
    case = next(case for case in PATHWISE if case.family == name)
    assert np.all(deviations_of_slopes(differentiable, case) < DEVIATIONS)


# --- Numbers ----------------------------------------------------------------------------------------------------------

EXTREMES = {
    "Beta": (1e-3, 1e-3),
    "BetaPrime": (1e-3, 1e-3),
    "ContinuousBernoulli": (1e-30,),
    "ExpGamma": (1e-3, 1.0),
    "Frechet": (1.0, 0.01),
    "Gamma": (1e-3, 10.0),
    "GeneralizedGamma": (1.0, 0.01, 0.1),
    "HalfCauchy": (1e37,),
    "InverseGamma": (1e-3, 10.0),
    "InverseGaussian": (1e20, 1e-10),
    "Kumaraswamy": (1e-3, 1e-3),
    "Levy": (1e37,),
    "LogNormal": (0.0, 200.0),
    "LogUniform": (1e-37, 1e37),
    "LogitNormal": (0.0, 100.0),
    "Lomax": (1.0, 0.01),
    "Pareto": (1.0, 0.01),
    "StudentT": (0.01, 0.0, 1.0),
    "TruncatedNormal": (0.0, 1.0, 1e4, 1e5),
    "Uniform": (1.0, 1.0 + 2.0**-20),
    "Weibull": (1.0, 0.01),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_samples_stay_inside_the_support_in_float32(eager, name):
    case = Line(name, EXTREMES[name], None)
    samples = drawn(eager, case, dtype="float32")
    assert np.all(np.isfinite(samples))
    assert np.all(np.isfinite(made(case, on_numpy).log_density(samples.astype(float))))


def test_samples_of_tiny_concentrations_are_never_0(backend):
    tiny = np.finfo("float32").smallest_normal
    samples = drawn(backend, Line("Gamma", (1e-3, 100.0), None), dtype="float32")
    assert np.min(samples) >= tiny


def test_no_coordinate_of_a_simplex_is_0(eager):
    tiny = np.finfo("float32").smallest_normal
    simplex = drawn(eager, Line("Dirichlet", ([1e-3, 1e-3, 1.0],), None), dtype="float32")
    assert np.min(simplex) >= tiny
    np.testing.assert_allclose(simplex.sum(axis=-1), 1, rtol=1e-6)


def test_certain_counts_are_certain(eager):
    n = eager.array(7.0, "float64")
    probs = eager.array([0.0, 1.0], "float64")
    samples = eager.to_numpy(kldiv.sample(kldiv.Binomial(n, probs), 50, rng=6))
    np.testing.assert_array_equal(samples, [[0.0, 7.0]] * 50)
    samples = eager.to_numpy(kldiv.sample(kldiv.Poisson(eager.array([0.0, 1e7], "float64")), 50, rng=6))
    np.testing.assert_array_equal(samples[:, 0], 0.0)
    assert np.all(abs(samples[:, 1] / 1e7 - 1) < 0.01)


@over_all
def test_samples_have_the_shape_and_dtype_of_the_distribution(eager, case):
    p = made(case, eager.array, "float32")
    samples = kldiv.sample(p, 3, rng=7)
    assert eager.is_array(samples)
    assert eager.dtype_name(samples) == "float32"
    batched = made(case, lambda x, dtype: eager.array([x, x], dtype), "float32")
    first = getattr(kldiv, case.family)(batched[0], *p[1:])
    shape = eager.to_numpy(samples).shape
    assert eager.to_numpy(kldiv.sample(batched, 3, rng=7)).shape == (3, 2, *shape[1:])
    # Parameters broadcast: no two entries of the batch are the same draw.
    several = eager.to_numpy(kldiv.sample(first, 3, rng=7))
    assert several.shape == (3, 2, *shape[1:])


def test_entries_of_a_batch_are_independent(backend):
    p = kldiv.Normal(backend.array([[0.0], [0.0]], "float64"), backend.array([1.0, 1.0, 1.0], "float64"))
    samples = backend.to_numpy(kldiv.sample(p, 2000, rng=8)).reshape(2000, 6)
    assert np.max(abs(np.corrcoef(samples.T) - np.eye(6))) < DEVIATIONS / np.sqrt(2000)


def test_short_floats_stay_short_and_inside(backend, short_dtype):
    p = kldiv.LogitNormal(backend.array(0.0, short_dtype), backend.array(50.0, short_dtype))
    samples = kldiv.sample(p, N, rng=9)
    assert backend.dtype_name(samples) == short_dtype
    values = backend.to_numpy(backend.astype(samples, "float32"))
    assert np.all((values > 0) & (values < 1))


@pytest.mark.parametrize("name", ["Normal", "TruncatedNormal"])
def test_compiled_points_of_a_sequence_follow_the_distribution(backend, name):
    case = next(case for case in LINES if case.family == name)
    assert kstest(by_sobol(backend, case, N)[0], cdf(case)).statistic < 0.02


# --- Sources ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def p(backend):
    return kldiv.Normal(backend.array([0.5, 2.0], "float64"), backend.array(1.0, "float64"))


def test_the_same_seed_gives_the_same_numbers(backend, p):
    first, again, other = (backend.to_numpy(kldiv.sample(p, 5, rng=seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.all(first != other)


def test_no_seed_gives_other_numbers_each_time(backend, p):
    first, other = (backend.to_numpy(kldiv.sample(p, 5)) for _ in range(2))
    assert np.all(first != other)


def pytest_generate_tests(metafunc):
    if "generator" in metafunc.fixturenames:
        generators = importlib.import_module("backends").load(metafunc.config.getoption("--backend")).generators
        metafunc.parametrize("generator", generators.values(), ids=generators.keys())


def test_generators_of_the_framework_are_taken(backend, p, generator):
    first, again = (backend.to_numpy(kldiv.sample(p, 5, rng=generator())) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(first)) == 10


def test_generator_gives_numbers_its_framework(backend, generator):
    p, q = kldiv.Normal(0.0, 1.0), kldiv.Mixture([0.5, 0.5], kldiv.Normal([0.0, 1.0], 1.0))
    estimate = kldiv.estimate(q, p, rng=generator(), method="monte-carlo", max_samples=100, rtol=1.0)
    assert backend.is_array(kldiv.sample(p, 4, rng=generator()))
    assert backend.is_array(estimate.value)


@pytest.mark.parametrize("rng", ["0", 1.5, True, object], ids=str)
def test_other_sources_are_refused(backend, p, rng):
    with pytest.raises(TypeError, match="rng must be a seed"):
        kldiv.sample(p, 5, rng=rng)


@pytest.mark.parametrize("n", [0, -1, 2.0, True, None], ids=str)
def test_n_must_be_a_positive_integer(backend, p, n):
    with pytest.raises(ValueError, match="n must be a positive integer; got"):
        kldiv.sample(p, n)


def test_invalid_parameters_are_refused(backend):
    with pytest.raises(ValueError, match=r"Gamma\.rate must be positive and finite; got -1\.0 at index \(1,\) of p"):
        kldiv.sample(kldiv.Gamma(backend.array(1.0, "float64"), backend.array([1.0, -1.0], "float64")), 5)


# --- Who has none -----------------------------------------------------------------------------------------------------

SINGLE = [name for name in kldiv.families.__all__ if name not in ("Independent", "Mixture")]


@pytest.mark.parametrize("name", WITHOUT_SAMPLER)
def test_families_without_a_sampler_are_known(name):
    assert sampler_of(getattr(kldiv, name)) is None


@pytest.mark.parametrize("name", sorted(LISTED))
def test_families_with_a_sampler_are_known(name):
    assert sampler_of(getattr(kldiv, name)) is not None


def test_every_sampler_is_tested():
    samplers = {name for name in SINGLE if sampler_of(getattr(kldiv, name)) is not None}
    assert samplers - LISTED - {family.__name__ for family in OTHERS} == set(), "add a case of it to VECTORS"


@pytest.mark.parametrize("hold", [lambda p: p, kldiv.Independent], ids=["itself", "held"])
def test_families_without_a_sampler_are_refused_by_name(backend, hold):
    p = hold(kldiv.VonMises(backend.array([0.0, 1.0], "float64"), backend.array([1.0, 1.0], "float64")))
    with pytest.raises(NotImplementedError, match=r"VonMises.* has no sampler here"):
        kldiv.sample(p, 5)
