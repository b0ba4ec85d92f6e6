"""The member of a family that is nearest: to a distribution, a mixture, samples, several members, or a grid."""

from typing import Annotated, Any, NamedTuple

import mpmath as mp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats

import kldiv
from backends import BACKEND
from kldiv import declare, domains
from kldiv._core.parameters import named_leaves, unflatten
from kldiv.fitting import charts

only = pytest.mark.parametrize


def pytest_generate_tests(metafunc):
    if "optimizer" in metafunc.fixturenames:
        metafunc.parametrize("optimizer", metafunc.config.stash[BACKEND].optimizers.values())


@pytest.fixture
def array(backend):
    return lambda x, dtype="float64": backend.array(x, dtype)


@pytest.fixture
def values(backend):
    """Return a function to the parameters of a distribution, as NumPy arrays."""
    return lambda d: [np.asarray(backend.to_numpy(x)) for _, x in named_leaves(d, "")]


@pytest.fixture
def made(array):
    """Return a function that makes a distribution with arrays of the framework for its parameters."""

    def make(d, dtype="float64"):
        return unflatten(d, iter([array(x, dtype) for _, x in named_leaves(d, "")]))

    return make


def same(found, expected, rtol=1e-13, atol=0.0):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


# ---------------------------------------------------------------------------------------------------------- projections

D2 = kldiv.Mixture([0.3, 0.7], kldiv.Normal([-2.0, 3.0], [0.5, 1.0]))
RNG = np.random.default_rng(20)
POSITIVE = RNG.gamma(2.5, 0.4, 40)
LINE = RNG.normal(1.0, 2.0, 41)
UNIT = RNG.beta(0.7, 2.0, 40)
COUNTS = RNG.poisson(3.0, 40).astype(float)
SIMPLEX = RNG.dirichlet([0.5, 1.0, 3.0], 40)
VECTORS = RNG.normal(size=(40, 3)) @ [[1.0, 0.5, 0.0], [0.0, 1.0, 0.3], [0.0, 0.0, 2.0]]
ANGLES = RNG.vonmises(2.5, 1.5, 40)
DIRECTIONS = VECTORS / np.linalg.norm(VECTORS, axis=-1, keepdims=True)
CLASSES = np.asarray([0.0, 2.0, 2.0, 1.0, 2.0])


def inverse_digamma(y):
    return mp.findroot(lambda x: mp.digamma(x) - y, mp.exp(y) + 0.5 if y > -2.2 else -1 / (y - mp.digamma(1)))


def gamma_of(mean, log_mean):
    """Return the gamma parameters with E x and E log x."""
    gap = mp.log(mean) - log_mean
    a = mp.findroot(lambda a: mp.log(a) - mp.digamma(a) - gap, (0.3 / gap, 1.2 / gap), solver="anderson")
    return [float(a), float(a / mean)]


def dirichlet_of(logs):
    """Return the concentrations with E log x_k."""

    def excess(log_total):
        total = mp.exp(log_total)
        return mp.log(sum(inverse_digamma(g + mp.digamma(total)) for g in logs) / total)

    total = mp.exp(mp.findroot(excess, (-3, 6), solver="anderson"))
    return [float(inverse_digamma(g + mp.digamma(total))) for g in logs]


def concentration_of(length, d):
    """Return the concentration of the von Mises-Fisher distribution in d dimensions with this mean cosine."""

    def excess(k):
        return mp.besseli(d / mp.mpf(2), k) / mp.besseli(d / mp.mpf(2) - 1, k) - length

    return float(mp.findroot(excess, length * (d - length**2) / (1 - length**2)))


def von_mises_of(x):
    mean = np.exp(1j * x).mean()
    return [np.angle(mean), concentration_of(abs(mean), 2)]


def von_mises_fisher_of(x):
    mean = x.mean(axis=0)
    length = np.linalg.norm(mean)
    return [mean / length, concentration_of(length, 3)]


def logit(x):
    return np.log(x / (1 - x))


def maximum_likelihood(x):
    return np.cov(x.T, bias=True)


SAMPLED = {  # samples, the family, and the maximum likelihood estimate by other means
    "Normal": (LINE, kldiv.Normal, lambda: scipy.stats.norm.fit(LINE)),
    "Gamma": (POSITIVE, kldiv.Gamma, lambda: gamma_of(mp.mpf(POSITIVE.mean()), mp.mpf(np.log(POSITIVE).mean()))),
    "Dirichlet": (SIMPLEX, kldiv.Dirichlet, lambda: [dirichlet_of(np.log(SIMPLEX).mean(axis=0))]),
    "MultivariateNormal": (
        VECTORS,
        kldiv.MultivariateNormal,
        lambda: [VECTORS.mean(axis=0), maximum_likelihood(VECTORS)],
    ),
}
MORE_SAMPLED = {
    "VonMises": (ANGLES, kldiv.VonMises, lambda: von_mises_of(ANGLES)),
    "NormalLogVariance": (LINE, kldiv.NormalLogVariance, lambda: [LINE.mean(), np.log(LINE.var())]),
    "LogNormal": (POSITIVE, kldiv.LogNormal, lambda: scipy.stats.norm.fit(np.log(POSITIVE))),
    "LogitNormal": (UNIT, kldiv.LogitNormal, lambda: scipy.stats.norm.fit(logit(UNIT))),
    "Laplace": (LINE, kldiv.Laplace, lambda: scipy.stats.laplace.fit(LINE)),
    "Laplace, even": (LINE[1:], kldiv.Laplace, lambda: scipy.stats.laplace.fit(LINE[1:])),
    "Exponential": (POSITIVE, kldiv.Exponential, lambda: [1 / POSITIVE.mean()]),
    "InverseGamma": (
        POSITIVE,
        kldiv.InverseGamma,
        lambda: gamma_of(mp.mpf((1 / POSITIVE).mean()), mp.mpf(-np.log(POSITIVE).mean())),
    ),
    "InverseGaussian": (
        POSITIVE,
        kldiv.InverseGaussian,
        lambda: [POSITIVE.mean(), 1 / ((1 / POSITIVE).mean() - 1 / POSITIVE.mean())],
    ),
    "Rayleigh": (POSITIVE, kldiv.Rayleigh, lambda: scipy.stats.rayleigh.fit(POSITIVE, floc=0)[1:]),
    "HalfNormal": (POSITIVE, kldiv.HalfNormal, lambda: [(POSITIVE**2).mean() ** 0.5]),
    "Maxwell": (POSITIVE, kldiv.Maxwell, lambda: [((POSITIVE**2).mean() / 3) ** 0.5]),
    "Beta": (
        UNIT,
        kldiv.Beta,
        lambda: dirichlet_of([mp.mpf(np.log(UNIT).mean()), mp.mpf(np.log1p(-UNIT).mean())]),
    ),
    "BetaPrime": (
        POSITIVE,
        kldiv.BetaPrime,
        lambda: dirichlet_of([np.log(POSITIVE / (1 + POSITIVE)).mean(), -np.log1p(POSITIVE).mean()]),
    ),
    "Poisson": (COUNTS, kldiv.Poisson, lambda: [COUNTS.mean()]),
    "Geometric": (COUNTS, kldiv.Geometric, lambda: [1 / (1 + COUNTS.mean())]),
    "Bernoulli": (CLASSES[:2] / 2, kldiv.Bernoulli, lambda: [0.5]),
    "BernoulliLogits": ([0.0, 1.0, 1.0], kldiv.BernoulliLogits, lambda: [np.log(2)]),
    "OneHotCategorical": (np.eye(3)[[0, 2, 2, 1, 2]], kldiv.OneHotCategorical, lambda: [[0.2, 0.2, 0.6]]),
    "MultivariateNormalTriL": (
        VECTORS,
        kldiv.MultivariateNormalTriL,
        lambda: [VECTORS.mean(axis=0), np.linalg.cholesky(maximum_likelihood(VECTORS))],
    ),
    "MultivariateNormalDiag": (
        VECTORS,
        kldiv.MultivariateNormalDiag,
        lambda: [VECTORS.mean(axis=0), VECTORS.std(axis=0)],
    ),
    "MultivariateNormalPrecision": (
        VECTORS,
        kldiv.MultivariateNormalPrecision,
        lambda: [VECTORS.mean(axis=0), np.linalg.inv(maximum_likelihood(VECTORS))],
    ),
    "Independent": (
        VECTORS,
        kldiv.Independent[kldiv.Normal],
        lambda: [VECTORS.mean(axis=0), VECTORS.std(axis=0)],
    ),
    "VonMisesFisher": (DIRECTIONS, kldiv.VonMisesFisher, lambda: von_mises_fisher_of(DIRECTIONS)),
}
HELD = {  # with parameters that are held fixed
    "Binomial": (COUNTS, kldiv.Binomial, {"total_count": 20}, lambda: [20, COUNTS.mean() / 20]),
    "BinomialLogits": (COUNTS, kldiv.BinomialLogits, {"total_count": 20}, lambda: [20, logit(COUNTS.mean() / 20)]),
    "NegativeBinomial": (
        COUNTS,
        kldiv.NegativeBinomial,
        {"total_count": 2.5},
        lambda: [2.5, COUNTS.mean() / (COUNTS.mean() + 2.5)],
    ),
    "Pareto": (1 + POSITIVE, kldiv.Pareto, {"scale": 1.0}, lambda: [1.0, 1 / np.log1p(POSITIVE).mean()]),
    "Categorical": (CLASSES, kldiv.Categorical, {"classes": 4}, lambda: [[0.2, 0.2, 0.6, 0.0]]),
    "CategoricalLogits": (CLASSES, kldiv.CategoricalLogits, {"classes": 3}, lambda: [np.log([0.2, 0.2, 0.6])]),
}


@only("case", SAMPLED.values(), ids=SAMPLED.keys())
@pytest.mark.one_in(2)
def test_projection_of_samples_is_the_maximum_likelihood_estimate(array, values, case):
    x, family, expected = case
    same(values(kldiv.project(array(x), family)), expected(), rtol=1e-12, atol=1e-12)


@only("case", MORE_SAMPLED.values(), ids=MORE_SAMPLED.keys())
def test_projection_of_samples_on_each_family(eager, array, values, case):
    x, family, expected = case
    same(values(kldiv.project(array(x), family)), expected(), rtol=1e-12, atol=1e-12)


@only("case", HELD.values(), ids=HELD.keys())
def test_projection_with_parameters_held_fixed(eager, array, values, case):
    x, family, fixed, expected = case
    same(values(kldiv.project(array(x), family, **fixed)), expected(), rtol=1e-12, atol=1e-12)


def test_projection_of_a_mixture_of_normal_distributions_is_exact(array, values, made):
    loc, scale = values(kldiv.project(made(D2), kldiv.Normal))
    np.testing.assert_allclose([loc, scale**2], [1.5, 6.025], rtol=1e-15)

    def integrand(x):
        p = 0.3 * scipy.stats.norm.pdf(x, -2, 0.5) + 0.7 * scipy.stats.norm.pdf(x, 3, 1)
        return p * (np.log(p) - scipy.stats.norm.logpdf(x, loc, scale))

    value = scipy.integrate.quad(integrand, -6, 13, points=[-2, 0, 3], epsabs=1e-13)[0]
    np.testing.assert_allclose(value, 0.496401905374097798211800, rtol=1e-12)


def log_normal_moments(s):
    return mp.exp(s * s / 2), mp.mpf(0)


BETA = (mp.mpf(2), mp.mpf("0.5"))
OF_DISTRIBUTIONS = {  # a distribution, the family, and its parameters from moments by other means
    "LogNormal, Gamma": (kldiv.LogNormal(0.0, 0.8), kldiv.Gamma, lambda: gamma_of(*log_normal_moments(mp.mpf("0.8")))),
    "Exponential, LogNormal": (
        kldiv.Exponential(2.0),
        kldiv.LogNormal,
        lambda: [float(mp.digamma(1) - mp.log(2)), np.pi / 6**0.5],
    ),
    "StudentT, Normal": (kldiv.StudentT(5.0, 1.0, 2.0), kldiv.Normal, lambda: [1.0, 2 * (5 / 3) ** 0.5]),
    "StudentT, Laplace": (
        kldiv.StudentT(3.0, 1.0, 2.0),
        kldiv.Laplace,
        lambda: [1.0, scipy.stats.t(3, 1, 2).expect(lambda x: abs(x - 1), epsabs=1e-12)],
    ),
    "Logistic, NormalLogVariance": (
        kldiv.Logistic(1.0, 2.0),
        kldiv.NormalLogVariance,
        lambda: [1.0, np.log(4 * np.pi**2 / 3)],
    ),
    "Uniform, Beta": (kldiv.Uniform(0.0, 1.0), kldiv.Beta, lambda: [1.0, 1.0]),
    "Uniform, Laplace": (kldiv.Uniform(1.0, 3.0), kldiv.Laplace, lambda: [2.0, 0.5]),
    "Binomial, Poisson": (kldiv.Binomial(10, 0.25), kldiv.Poisson, lambda: [2.5]),
    "Binomial, itself": (kldiv.Binomial(10, 0.25), kldiv.Binomial, lambda: [10, 0.25]),
    "BernoulliLogits, Bernoulli": (kldiv.BernoulliLogits(np.log(3)), kldiv.Bernoulli, lambda: [0.75]),
    "Pareto, itself": (kldiv.Pareto(2.0, 3.0), kldiv.Pareto, lambda: [2.0, 3.0]),
    "mixture of Gamma": (
        kldiv.Mixture([0.25, 0.75], kldiv.Gamma([2.0, 5.0], [1.0, 3.0])),
        kldiv.Gamma,
        lambda: gamma_of(
            mp.mpf(2) / 4 + mp.mpf(5) / 4,
            mp.digamma(2) / 4 + 3 * (mp.digamma(5) - mp.log(3)) / 4,
        ),
    ),
    "mixture of Beta": (
        kldiv.Mixture([0.5, 0.5], kldiv.Beta([2.0, 0.5], [0.5, 2.0])),
        kldiv.Beta,
        lambda: dirichlet_of([(mp.digamma(2) + mp.digamma(0.5)) / 2 - mp.digamma(2.5)] * 2),
    ),
    "mixture of LogNormal": (
        kldiv.Mixture([0.3, 0.7], kldiv.LogNormal([-2.0, 3.0], [0.5, 1.0])),
        kldiv.LogNormal,
        lambda: [1.5, 6.025**0.5],
    ),
    "mixture of a mixture": (
        kldiv.Mixture([0.5, 0.5], kldiv.Mixture([[0.3, 0.7]] * 2, kldiv.Normal([[-2.0, 3.0]] * 2, [0.5, 1.0]))),
        kldiv.Normal,
        lambda: [1.5, 6.025**0.5],
    ),
    "mixture with a component of weight 0": (
        kldiv.Mixture([1.0, 0.0], kldiv.StudentT([5.0, 1.0], 1.0, 2.0)),
        kldiv.Normal,
        lambda: [1.0, 2 * (5 / 3) ** 0.5],
    ),
    "VonMises in a mixture": (
        kldiv.Mixture([0.5, 0.5], kldiv.VonMises([-2.0, -2.0], 3.0)),
        kldiv.VonMises,
        lambda: [-2.0, 3.0],
    ),
    "VonMises, uniform": (kldiv.Mixture([0.5, 0.5], kldiv.VonMises([0.0, 0.0], 0.0)), kldiv.VonMises, lambda: [0, 0]),
    "WrappedCauchy, VonMises": (
        kldiv.WrappedCauchy(np.pi, 0.7),
        kldiv.VonMises,
        lambda: [np.pi, concentration_of(0.7, 2)],
    ),
    "PowerSpherical, VonMisesFisher": (
        kldiv.PowerSpherical([0.0, 1.0, 0.0], 4.0),
        kldiv.VonMisesFisher,
        lambda: [[0.0, 1.0, 0.0], concentration_of(4 / 6, 3)],
    ),
    "Beta, Dirichlet": (kldiv.Beta(2.0, 0.5), kldiv.Dirichlet, lambda: [[2.0, 0.5]]),
    "MultivariateNormal, Diag": (
        kldiv.MultivariateNormal([1.0, 2.0], [[4.0, 1.0], [1.0, 9.0]]),
        kldiv.MultivariateNormalDiag,
        lambda: [[1.0, 2.0], [2.0, 3.0]],
    ),
    "MultivariateNormal, Independent": (
        kldiv.MultivariateNormal([1.0, 2.0], [[4.0, 1.0], [1.0, 9.0]]),
        kldiv.Independent[kldiv.Normal],
        lambda: [[1.0, 2.0], [2.0, 3.0]],
    ),
    "Independent, MultivariateNormal": (
        kldiv.Independent(kldiv.Laplace([1.0, 2.0], 1.0)),
        kldiv.MultivariateNormal,
        lambda: [[1.0, 2.0], [[2.0, 0.0], [0.0, 2.0]]],
    ),
    "mixture of Independent": (
        kldiv.Mixture([0.3, 0.7], kldiv.Independent(kldiv.Normal([[-2.0, 0.0], [3.0, 0.0]], [[0.5, 1], [1, 1]]))),
        kldiv.Independent[kldiv.Normal],
        lambda: [[1.5, 0.0], [6.025**0.5, 1.0]],
    ),
    "mixture of MultivariateNormalDiag": (
        kldiv.Mixture([0.3, 0.7], kldiv.MultivariateNormalDiag([[-2.0, 0.0], [3.0, 1.0]], [[0.5, 1.0], [1.0, 2.0]])),
        kldiv.MultivariateNormal,
        lambda: [[1.5, 0.7], [[6.025, 1.05], [1.05, 0.3 + 0.7 * 4 + 0.21]]],
    ),
    "mixture of Categorical": (
        kldiv.Mixture([0.25, 0.75], kldiv.Categorical([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])),
        kldiv.CategoricalLogits,
        lambda: [np.log([0.25, 0.375, 0.375])],
    ),
}


@only("case", OF_DISTRIBUTIONS.values(), ids=OF_DISTRIBUTIONS.keys())
def test_projection_of_a_distribution_has_its_moments(eager, made, values, case):
    p, family, expected = case
    same(values(kldiv.project(made(p), family)), expected(), rtol=1e-11, atol=1e-11)


EXTREME = {
    "wide": kldiv.Gamma([1e-3, 1e-3], [2.0, 2.0]),
    "narrow": kldiv.Gamma([1e4, 1e4], [2.0, 2.0]),
    "at the ends": kldiv.Beta([1e-3, 1e-3], [2e-3, 2e-3]),
    "at one end": kldiv.Beta([1e3, 1e3], [1e-2, 1e-2]),
    "on the simplex": kldiv.Dirichlet([[1e-2, 1.0, 50.0, 1e3]] * 2),
    "directed": kldiv.VonMises([3.0, 3.0], [500.0, 500.0]),
    "hardly directed": kldiv.VonMises([3.0, 3.0], [1e-3, 1e-3]),
}


@only("member", EXTREME.values(), ids=EXTREME.keys())
def test_mixture_of_equal_members_is_projected_on_them(eager, made, values, member):
    found = kldiv.project(made(kldiv.Mixture([0.5, 0.5], member)), type(member))
    same(values(found), [x[0] for x in map(np.asarray, member)], rtol=1e-8)


def test_projection_on_the_own_family_is_what_it_was(made, values):
    same(values(kldiv.project(made(kldiv.Gamma(2.0, [3.0, 4.0])), kldiv.Gamma)), [2.0, [3.0, 4.0]], rtol=0)


def test_projection_of_a_batch_is_that_of_each(made, values):
    p = kldiv.Mixture([[0.3, 0.7], [0.5, 0.5]], kldiv.Normal([-2.0, 3.0], [0.5, 1.0]))
    second = 0.5 * (0.25 + 1) + 6.25
    same(values(kldiv.project(made(p), kldiv.Normal)), [[1.5, 0.5], [6.025**0.5, second**0.5]])


def test_weights_count_samples(array, values):
    once = kldiv.project(array([1.0, 2.0, 2.0, 5.0]), kldiv.Normal)
    weighted = kldiv.project(array([1.0, 2.0, 5.0]), kldiv.Normal, weights=array([2.0, 4.0, 2.0]))
    same(values(weighted), values(once))


def test_weights_of_a_batch(eager, array, values):
    x = array([[1.0, 1.0], [2.0, 2.0], [5.0, 5.0]])
    q = kldiv.project(x, kldiv.Laplace, weights=array([[1.0, 1.0], [1.0, 4.0], [1.0, 5.0]]))
    same(values(q), [[2.0, 3.5], [4 / 3, 1.6]])


def test_projection_keeps_framework_and_dtype(backend, array):
    q = kldiv.project(array([1.0, 2.0, 4.0], "float32"), kldiv.Normal)
    assert all(backend.is_array(x) and backend.dtype_name(x) == "float32" for x in q)


def concentration(scale):
    return kldiv.project(kldiv.LogNormal(scale * 0, scale), kldiv.Gamma).concentration


def concentration_by_definition(scale):
    # log(a) - psi(a) = s^2 / 2
    gap = scale * scale / 2
    return mp.findroot(lambda a: mp.log(a) - mp.digamma(a) - gap, 0.5 / gap + 0.2)


def test_derivative_of_a_projection_is_that_of_the_implicit_function(differentiable, array):
    (found,) = differentiable.gradient(concentration, array([0.8]))
    with mp.workdps(40):
        expected = float(mp.diff(concentration_by_definition, mp.mpf("0.8")))
    np.testing.assert_allclose(differentiable.to_numpy(found), [expected], rtol=1e-11)


def test_second_derivative_of_a_projection(eager, differentiable, array):
    found = differentiable.curvature(concentration, array([0.8]))
    with mp.workdps(40):
        expected = float(mp.diff(concentration_by_definition, mp.mpf("0.8"), 2))
    np.testing.assert_allclose(differentiable.to_numpy(found), [expected], rtol=1e-9)


def test_derivatives_on_the_simplex(eager, differentiable, array):
    logs = np.log(SIMPLEX).mean(axis=0)

    def first_concentration(x):
        return kldiv.project(x, kldiv.Dirichlet).concentration[0]

    (found,) = differentiable.gradient(lambda x: first_concentration(x), array(SIMPLEX))
    moved = [dirichlet_of([mp.mpf(g) + (h if k == 1 else 0) for k, g in enumerate(logs)])[0] for h in (1e-4, -1e-4)]
    slope = (moved[0] - moved[1]) / 2e-4  # with respect to the mean of log x_1
    np.testing.assert_allclose(differentiable.to_numpy(found)[:, 1] * SIMPLEX[:, 1] * len(SIMPLEX), slope, rtol=1e-6)


def test_projection_under_a_compiler_or_transform(transform, array, backend):
    x = array(POSITIVE[:12].reshape(3, 4))
    function = transform(lambda x: kldiv.project(kldiv.Laplace(x[..., 0], x[..., 1]), kldiv.Normal).scale)
    np.testing.assert_allclose(backend.to_numpy(function(x)), 2**0.5 * backend.to_numpy(x)[..., 1], rtol=1e-15)


REFUSED = {
    "infinite for every member": (lambda: kldiv.project(kldiv.Normal(0.0, 1.0), kldiv.Gamma), ValueError, "rules out"),
    "infinite for the fixed": (
        lambda: kldiv.project(kldiv.Binomial(10, 0.5), kldiv.Binomial, total_count=5),
        ValueError,
        "these fixed parameters",
    ),
    "no moment": (
        lambda: kldiv.project(kldiv.Cauchy(0.0, 1.0), kldiv.Normal),
        ValueError,
        "Cauchy is not finite: no Normal is nearest",
    ),
    "an unknown moment": (
        lambda: kldiv.project(kldiv.Frechet(1.0, 2.0), kldiv.Laplace),
        kldiv.NoClosedForm,
        "to project Frechet on Laplace takes median and mean distance from the median: Frechet does not know",
    ),
    "the median of a mixture": (lambda: kldiv.project(D2, kldiv.Laplace), kldiv.NoClosedForm, "median"),
    "no projection": (lambda: kldiv.project(D2, kldiv.StudentT), kldiv.NoClosedForm, "no projection on StudentT"),
    "a mixture as a family": (
        lambda: kldiv.project(D2, kldiv.Mixture[kldiv.Normal]),
        kldiv.NoClosedForm,
        r"no projection on Mixture\(Normal\)",
    ),
    "weights of a distribution": (lambda: kldiv.project(D2, kldiv.Normal, weights=[1.0]), TypeError, "Mixture"),
    "an invalid parameter": (
        lambda: kldiv.project(kldiv.LogNormal(0.0, [1.0, -1.0]), kldiv.Gamma),
        ValueError,
        r"LogNormal.scale must be positive and finite; got -1.0 at index \(1,\) of p",
    ),
    "a sample outside": (
        lambda: kldiv.project([[1.0, 2.0], [3.0, -4.0]], kldiv.Gamma),
        ValueError,
        r"numbers from 0.0 to inf; got -4.0 at index \(1, 1\) of p",
    ),
    "no integer": (lambda: kldiv.project([1.0, 2.5], kldiv.Poisson), ValueError, "integers from 0.0 to inf; got 2.5"),
    "no finite sample": (lambda: kldiv.project([1.0, np.nan], kldiv.Normal), ValueError, "finite"),
    "equal samples": (lambda: kldiv.project([2.0, 2.0], kldiv.Normal), ValueError, "vary"),
    "equal samples of a shape": (lambda: kldiv.project([2.0, 2.0, 2.0], kldiv.Gamma), ValueError, "Gamma"),
    "a zero among the logarithms": (lambda: kldiv.project([0.0, 2.0], kldiv.Gamma), ValueError, "E log x"),
    "no samples": (lambda: kldiv.project(np.ones((0,)), kldiv.Normal), ValueError, "samples are along the first"),
    "no axis": (lambda: kldiv.project(2.0, kldiv.Normal), ValueError, "samples are along the first"),
    "no classes": (lambda: kldiv.project([0.0, 1.0], kldiv.Categorical), TypeError, "classes="),
    "a class too many": (lambda: kldiv.project([0.0, 3.0], kldiv.Categorical, classes=3), ValueError, "got 3.0"),
    "classes of another": (lambda: kldiv.project([0.0, 1.0], kldiv.Normal, classes=3), TypeError, "no parameter"),
    "nothing fixed": (lambda: kldiv.project([0.0, 1.0], kldiv.Binomial), TypeError, "total_count="),
    "a name too many": (lambda: kldiv.project([0.0, 1.0], kldiv.Normal, loc=1.0), TypeError, "loc: no parameter"),
    "a negative weight": (
        lambda: kldiv.project([0.0, 1.0], kldiv.Normal, weights=[1.0, -1.0]),
        ValueError,
        "weights must be non-negative",
    ),
    "a weight too many": (
        lambda: kldiv.project([0.0, 1.0], kldiv.Normal, weights=[1.0, 1.0, 1.0]),
        ValueError,
        "weights",
    ),
    "no family": (lambda: kldiv.project([0.0, 1.0], float), TypeError, "not a family"),
}


@only("case", REFUSED.values(), ids=REFUSED.keys())
def test_what_has_no_projection_is_refused(eager, case):
    call, error, words = case
    with pytest.raises(error, match=words):
        call()


# ------------------------------------------------------------------------------------------------------------ centroids

SIDES = {
    "right": (1.0, 3.5, 0.279807893967711343135444),
    "left": (0.4, 1.6, 0.311571775657104877883148),
}


@only("side", SIDES)
def test_centroid_of_two_normal_distributions_is_exact(made, values, backend, side):
    two = made(kldiv.Normal([0.0, 2.0], [1.0, 2.0]))
    q = kldiv.centroid(two, side=side)
    loc, variance, divergence = SIDES[side]
    same(values(q), [loc, variance**0.5])
    pairs = {"right": (two, q), "left": (q, two)}
    np.testing.assert_allclose(np.mean(backend.to_numpy(kldiv.kl_divergence(*pairs[side]))), divergence, rtol=1e-14)


MEMBERS = {
    "Normal": kldiv.Normal([0.0, 1.0, 3.0], [1.0, 0.5, 2.0]),
    "NormalLogVariance": kldiv.NormalLogVariance([0.0, 1.0, 3.0], [1.0, 0.5, -2.0]),
    "LogNormal": kldiv.LogNormal([0.0, 1.0, 3.0], 1.5),
    "LogitNormal": kldiv.LogitNormal([0.0, 1.0, 3.0], 1.5),
    "Exponential": kldiv.Exponential([0.5, 1.0, 3.0]),
    "Gamma": kldiv.Gamma([0.5, 1.0, 3.0], [1.0, 2.0, 1.0]),
    "InverseGamma": kldiv.InverseGamma([1.5, 1.0, 3.0], [1.0, 2.0, 1.0]),
    "Beta": kldiv.Beta([0.5, 1.0, 3.0], [1.0, 2.0, 1.0]),
    "BetaPrime": kldiv.BetaPrime([0.5, 1.0, 3.0], [1.0, 2.0, 1.0]),
    "Dirichlet": kldiv.Dirichlet([[0.5, 1.0, 3.0], [1.0, 1.0, 1.0], [2.0, 1.0, 0.5]]),
    "Poisson": kldiv.Poisson([0.5, 1.0, 3.0]),
    "Geometric": kldiv.Geometric([0.5, 0.1, 0.3]),
    "Bernoulli": kldiv.Bernoulli([0.5, 0.1, 0.3]),
    "BernoulliLogits": kldiv.BernoulliLogits([0.5, -0.1, 3.0]),
    "CategoricalLogits": kldiv.CategoricalLogits([[0.5, -0.1, 3.0], [0.0, 0.0, 0.0], [1.0, 2.0, 3.0]]),
    "Rayleigh": kldiv.Rayleigh([0.5, 1.0, 3.0]),
    "HalfNormal": kldiv.HalfNormal([0.5, 1.0, 3.0]),
    "Maxwell": kldiv.Maxwell([0.5, 1.0, 3.0]),
    "VonMises": kldiv.VonMises([0.5, 1.0, 3.0], [1.0, 2.0, 0.5]),
    "MultivariateNormal": kldiv.MultivariateNormal(
        [[0.0, 0.0], [1.0, 2.0], [3.0, 1.0]], [[[1.0, 0.5], [0.5, 1.0]], [[2.0, 0.0], [0.0, 1.0]], [[1.0, 0], [0, 1]]]
    ),
    "MultivariateNormalTriL": kldiv.MultivariateNormalTriL(
        [[0.0, 0.0], [1.0, 2.0], [3.0, 1.0]], [[[1.0, 0.0], [0.5, 1.0]], [[2.0, 0.0], [0.0, 1.0]], [[1.0, 0], [0, 1]]]
    ),
    "MultivariateNormalPrecision": kldiv.MultivariateNormalPrecision(
        [[0.0, 0.0], [1.0, 2.0], [3.0, 1.0]], [[[1.0, 0.5], [0.5, 1.0]], [[2.0, 0.0], [0.0, 1.0]], [[1.0, 0], [0, 1]]]
    ),
    "MultivariateNormalDiag": kldiv.MultivariateNormalDiag(
        [[0.0, 0.0], [1.0, 2.0], [3.0, 1.0]], [[0.5, 1.0], [1.0, 1.0], [2.0, 1.0]]
    ),
    "Independent": kldiv.Independent(
        kldiv.Normal([[0.0, 0.0], [1.0, 2.0], [3.0, 1.0]], [[0.5, 1.0], [1.0, 1.0], [2.0, 1.0]])
    ),
}
WEIGHTS = np.asarray([0.5, 0.3, 0.2])


@only("side", SIDES)
@only("members", MEMBERS.values(), ids=MEMBERS.keys())
def test_no_member_is_nearer_than_the_centroid(eager, backend, made, members, side):
    p, w = made(members), backend.array(5 * WEIGHTS, "float64")
    q = kldiv.centroid(p, weights=w, side=side)

    def average(q):
        pair = {"right": (p, q), "left": (q, p)}[side]
        return float(np.sum(WEIGHTS * backend.to_numpy(kldiv.kl_divergence(*pair))))

    least = average(q)
    xp = kldiv.namespace(w)
    numbers = charts.free(xp, q, True)
    # A step of 0.01 in any direction of unconstrained numbers costs something of its square, and no more.
    for i, x in enumerate(numbers):
        for step in (0.01, -0.01):
            moved = [*numbers[:i], x + step * (1 + 0 * x), *numbers[i + 1 :]]
            costs = average(charts.bound(xp, q, iter(moved), True)) - least
            assert -1e-12 < costs < 0.05


def test_weight_0_leaves_a_member_out(made, values):
    members = made(kldiv.Normal([[0.0, 2.0], [5.0, 5.0]], [1.0, 2.0]))
    q = kldiv.centroid(members, weights=[3.0, 0.0], side="left")
    same(values(q), [[0.0, 5.0], [1.0, 1.0]])


NO_CENTROID = {
    "side": (lambda: kldiv.centroid(kldiv.Normal([0.0], 1.0), side="up"), ValueError, "side must be"),
    "no batch": (lambda: kldiv.centroid(kldiv.Normal(0.0, 1.0)), ValueError, "no batch axis"),
    "weights": (lambda: kldiv.centroid(kldiv.Normal([0.0], 1.0), weights=[-1.0]), ValueError, "weights must be"),
    "invalid": (lambda: kldiv.centroid(kldiv.Normal([0.0], -1.0)), ValueError, "Normal.scale must be positive"),
    "left of a t distribution": (
        lambda: kldiv.centroid(kldiv.StudentT([1.0], 0.0, 1.0), side="left"),
        kldiv.NoClosedForm,
        "no left centroid of StudentT",
    ),
    "counts": (lambda: kldiv.centroid(kldiv.Binomial([5.0], 0.5)), kldiv.NoClosedForm, "different total_count"),
}


@only("case", NO_CENTROID.values(), ids=NO_CENTROID.keys())
def test_what_has_no_centroid_is_refused(eager, case):
    call, error, words = case
    with pytest.raises(error, match=words):
        call()


# ---------------------------------------------------------------------------------------------------------------- grids

GRIDS = {  # of points, for N(0, 1) || N(1, 1.5^2), which is 0.349909552552608826422458 on the whole line
    "wide": (np.linspace(-10, 10, 201), 0.349909551754994967139239, 1.0),
    "narrow": (np.linspace(-3, 3, 101), 0.263146061557691130678742, 0.99755814038590670),
}


def test_divergence_on_a_wide_grid(backend, array):
    check_grid(backend, array, *GRIDS["wide"])


def test_divergence_on_a_narrow_grid_is_off_by_what_is_off_the_grid(eager, array):
    check_grid(eager, array, *GRIDS["narrow"])


def check_grid(backend, array, x, expected, mass):
    normal = scipy.stats.norm
    p = kldiv.from_grid(array(x), array(normal.pdf(x)), normalize=True)
    q = kldiv.from_grid(array(x), array(normal.pdf(x, 1, 1.5)), normalize=True)
    value = kldiv.kl_divergence(p.distribution, q.distribution)
    np.testing.assert_allclose(backend.to_numpy(value), expected, rtol=1e-14)
    np.testing.assert_allclose(backend.to_numpy(p.mass), mass, rtol=1e-14)


def test_log_densities_on_a_grid_do_not_underflow(eager, backend, array, made):
    dtype = "float32"
    x = array(np.linspace(-10, 10, 201), dtype)
    p = kldiv.from_grid(x, made(kldiv.Normal(0.0, 1.0), dtype))
    q = kldiv.from_grid(x, made(kldiv.Normal(5.0, 0.75), dtype), normalize=True)
    # KL(p || q) on the whole line; q is off by 20 standard deviations at the left end.
    expected = np.log(0.75) + 26 / 2 / 0.75**2 - 0.5
    value = kldiv.kl_divergence(p.distribution, q.distribution)
    np.testing.assert_allclose(backend.to_numpy(value), expected, rtol=1e-5)


def test_cells_reach_halfway_to_the_next_points(backend, array):
    grid = kldiv.from_grid(array([0.0, 1.0, 4.0]), array([1.0, 2.0, 1.0]), normalize=True)
    np.testing.assert_allclose(backend.to_numpy(grid.width), [1.0, 2.0, 3.0])
    np.testing.assert_allclose(backend.to_numpy(grid.distribution.probs), np.asarray([1.0, 4.0, 3.0]) / 8)
    assert backend.to_numpy(grid.mass) == 8


def test_batch_of_densities_on_a_grid(eager, backend, made, array):
    grid = kldiv.from_grid(array(np.linspace(-8, 8, 65)), made(kldiv.Normal([0.0, 1.0], 1.0)))
    first, second = (
        kldiv.Categorical(backend.array(np.exp(backend.to_numpy(grid.distribution.logits)[i]), "float64"))
        for i in (0, 1)
    )
    np.testing.assert_allclose(backend.to_numpy(kldiv.kl_divergence(first, second)), 0.5, rtol=1e-9)
    assert backend.to_numpy(grid.mass).shape == (2,)


def test_density_on_a_grid_stands_for_a_density(backend, array):
    x = np.linspace(0, 1, 2001)
    grid = kldiv.from_grid(array(x), array(2 * x), normalize=True)
    value = kldiv.kl_divergence(grid.distribution, kldiv.Uniform(array(0.0), 1.0))
    np.testing.assert_allclose(backend.to_numpy(value), np.log(2) - 0.5, rtol=3e-3)


def test_densities_on_different_grids(backend, array):
    normal = scipy.stats.norm
    p, q = (
        kldiv.from_grid(array(x), array(normal.pdf(x, *law)), normalize=True).distribution
        for x, law in ((np.linspace(-9, 9, 1801), (0, 1)), (np.linspace(-10, 11, 2201), (1, 1.5)))
    )
    np.testing.assert_allclose(backend.to_numpy(kldiv.kl_divergence(p, q)), GRIDS["wide"][1], rtol=1e-4)


@only("of_density", [False, True])
def test_bins_by_their_edges(backend, array, of_density):
    edges = np.asarray([0.0, 1.0, 3.0, 10.0, 100.0])
    counts = np.asarray([4, 10, 5, 1])
    masses = counts / counts.sum()
    grid = kldiv.from_grid(array(edges), array(masses / np.diff(edges)) if of_density else counts.tolist())
    np.testing.assert_allclose(backend.to_numpy(grid.distribution.masses), masses, rtol=1e-15)
    assert backend.to_numpy(grid.distribution.edges).tolist() == edges.tolist()
    found = kldiv.kl_divergence(grid.distribution, kldiv.Uniform(array(0.0), 100.0))
    np.testing.assert_allclose(
        backend.to_numpy(found), np.sum(masses * np.log(masses / np.diff(edges) * 100)), rtol=1e-14
    )


X = [0.0, 1.0, 2.0]
NO_GRID = {
    "swapped": (lambda: kldiv.from_grid([3, 1], X), r"edges come first: from_grid\(edges, counts\)"),
    "counts": (lambda: kldiv.from_grid(X, [3.0, 1.0]), r"for weighted counts there is kldiv.Histogram"),
    "width of edges": (lambda: kldiv.from_grid(X, [3, 1], width=1.0), "edges have their own"),
    "unnormalized": (lambda: kldiv.from_grid(X, [1.0, 2.0, 1.0]), "mass 4.0 on the grid, not 1; pass normalize=True"),
    "decreasing": (lambda: kldiv.from_grid(X[::-1], [0.25, 0.5, 0.25]), "x must be finite and increase"),
    "one point": (lambda: kldiv.from_grid([1.0], [1.0]), "two or more"),
    "shape": (lambda: kldiv.from_grid(X, [0.5]), "x has 3 points"),
    "negative": (lambda: kldiv.from_grid(X, [0.5, -0.5, 1.0]), r"got -0.5 at index \(1,\)"),
    "zero": (lambda: kldiv.from_grid(X, [0.0, 0.0, 0.0]), "0 on the whole grid"),
    "off the support": (lambda: kldiv.from_grid(X, kldiv.Uniform(5.0, 6.0)), "0 on the whole grid"),
    "width": (lambda: kldiv.from_grid(X, [0.25, 0.5, 0.25], width=-1.0), "width must be positive"),
    "widths": (lambda: kldiv.from_grid(X, [0.25, 0.5, 0.25], width=[1.0] * 4), "width"),
    "choice": (lambda: kldiv.from_grid(X, [0.25, 0.5, 0.25], normalize="yes"), "normalize must be"),
    "vectors": (lambda: kldiv.from_grid(X, kldiv.MultivariateNormalDiag([0.0], [1.0])), "distribution of a number"),
}


@only("case", NO_GRID.values(), ids=NO_GRID.keys())
def test_what_is_no_density_on_a_grid_is_refused(eager, case):
    call, words = case
    with pytest.raises(ValueError, match=words):
        call()


# ----------------------------------------------------------------------------------------------------------------- fits


@kldiv.declare.family(domains.REALS)
class NormalByVariance(NamedTuple):
    """The normal distribution by mean and variance, up to a constant that a grid takes out."""

    loc: Annotated[Any, domains.Real]
    variance: Annotated[Any, domains.Positive]

    def log_density(self, x):
        return -((x - self.loc) ** 2) / (2 * self.variance)


CLASSIC = {  # after so many updates: mean and variance
    11: (3.240110589514338, 3.583713402009752),
    111: (0.33567628558185547, 4.877738489906517),
    211: (0.04580545377069405, 5.254824151499824),
    311: (0.006973782991828586, 5.528220598522301),
    911: (-6.21346886535364e-05, 6.353949397003121),
}


def test_classic_descent_digit_for_digit(array):
    x = np.arange(-10, 10, 0.1)
    p = scipy.stats.norm.pdf(x, 0, 7**0.5)
    # The weights of p are its density, which sums to 10 nearly; those of q sum to 1.
    grid = kldiv.from_grid(array(x), array(p), width=1.0, normalize=False)
    fit = kldiv.fit(
        grid,
        NormalByVariance(5.0, 1.0),
        optimizer="gradient-descent",
        learning_rate=0.01,
        steps=911,
        unconstrained=False,
    )
    found = [[fit.history.parameters[name][k] for name in ("loc", "variance")] for k in CLASSIC]
    np.testing.assert_allclose(found, list(CLASSIC.values()), rtol=1e-9, atol=1e-9)


def test_classic_descent_on_a_normalized_density(eager, array, backend):
    x = np.arange(-10, 10, 0.1)
    grid = kldiv.from_grid(array(x), array(scipy.stats.norm.pdf(x, 0, 7**0.5)), normalize=True)
    fit = kldiv.fit(
        grid,
        NormalByVariance(5.0, 1.0),
        optimizer="gradient-descent",
        learning_rate=0.1,
        steps=111,
        unconstrained=False,
    )
    # Ten times the step, for a tenth of the weights: the same but for the mass that is off the grid.
    found = [fit.history.parameters[name][111] for name in ("loc", "variance")]
    np.testing.assert_allclose(found, CLASSIC[111], rtol=2e-3)
    # The divergence is that of distributions now: at the truth it would be 0.
    assert 0 < backend.to_numpy(fit.divergence) < fit.history.divergence[0] / 10


NORMALS = (kldiv.Normal(1.0, 2.0), kldiv.Normal(0.0, 1.0))
FITTED = {
    "Normal": NORMALS,
    "MultivariateNormal": (
        kldiv.MultivariateNormal([1.0, 2.0], [[2.0, 0.5], [0.5, 1.0]]),
        kldiv.MultivariateNormal([0.0, 0.0], [[1.0, 0.0], [0.0, 1.0]]),
    ),
    "Gamma": (kldiv.Gamma(3.0, 2.0), kldiv.Gamma(1.0, 1.0)),
    "Uniform, which may not be left": (kldiv.Beta(3.0, 2.0), kldiv.Beta(1.0, 1.0)),
    "Categorical": (kldiv.Categorical([0.1, 0.2, 0.7]), kldiv.Categorical([0.4, 0.3, 0.3])),
    "Bernoulli": (kldiv.Bernoulli(0.1), kldiv.Bernoulli(0.4)),
    "Poisson": (kldiv.Poisson(3.0), kldiv.Poisson(0.5)),
    "Dirichlet": (kldiv.Dirichlet([1.0, 2.0, 0.5]), kldiv.Dirichlet([1.0, 1.0, 1.0])),
    "Binomial, whose count stays": (kldiv.Binomial(7, 0.3), kldiv.Binomial(7, 0.5)),
    "TriL": (
        kldiv.MultivariateNormalTriL([1.0, 2.0], [[2.0, 0.0], [0.5, 1.0]]),
        kldiv.MultivariateNormalTriL([0.0, 0.0], [[1.0, 0.0], [0.0, 1.0]]),
    ),
    "VonMisesFisher": (
        kldiv.VonMisesFisher([0.0, 0.6, 0.8], 2.0),
        kldiv.VonMisesFisher([0.0, 1.0, 0.0], 1.0),
    ),
    "Independent": (
        kldiv.Independent(kldiv.Normal([1.0, 2.0], [3.0, 1.0])),
        kldiv.Independent(kldiv.Normal(0.0, [1.0, 1.0])),
    ),
}


def test_fit_of_a_family_to_a_member_finds_it(made, values, backend):
    p, q = map(made, FITTED["MultivariateNormal"])
    fit = kldiv.fit(p, q, direction="reverse")
    same(values(fit.distribution), values(p), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(backend.to_numpy(fit.divergence), 0, atol=1e-12)


@only("direction", ["forward", "reverse"])
@only("pair", FITTED.values(), ids=FITTED.keys())
def test_fit_of_each_kind_of_parameter(eager, made, values, pair, direction):
    fit = kldiv.fit(*map(made, pair), direction=direction)
    same(values(fit.distribution), values(made(pair[0])), rtol=1e-5, atol=1e-6)


CHARTED = {
    **{name: pair[0] for name, pair in FITTED.items()},
    "Uniform": kldiv.Uniform([1.0, -2.0], [3.0, 5.0]),
    "Zeta": kldiv.Zeta(2.5),
    "OrderedLogistic": kldiv.OrderedLogistic([-1.0, 0.5, 0.75, 3.0], 0.5),
    "Wishart": kldiv.Wishart(3.5, [[2.0, 0.0], [0.5, 1.0]]),
    "MarkovChain": kldiv.MarkovChain([0.25, 0.75], [[[0.5, 0.5], [0.1, 0.9]]]),
    "Mixture": D2,
    "Geometric": kldiv.Geometric(0.25),
    "NegativeBinomial": kldiv.NegativeBinomial(2.0, 0.25),
    "VonMises": kldiv.VonMises(1.0, 0.5),
    "CategoricalLogits": kldiv.CategoricalLogits([1.0, -2.0]),
}


@only("member", CHARTED.values(), ids=CHARTED.keys())
def test_unconstrained_numbers_stand_for_parameters(eager, made, values, member):
    d = made(member)
    xp = kldiv.namespace(*[x for _, x in named_leaves(d, "")])
    numbers = charts.free(xp, d, True)
    same(values(charts.bound(xp, d, iter(numbers), True)), values(d), rtol=1e-14, atol=1e-15)
    # Wherever they go, parameters stay valid.
    moved = charts.bound(xp, d, iter([x + 3.0 for x in numbers]), True)
    assert np.isfinite(np.concatenate([x.ravel() for x in values(moved)])).all()


DOMAINS = {name: value for name, value in vars(domains).items() if isinstance(value, domains.Domain)}


@only("domain", DOMAINS.values(), ids=DOMAINS.keys())
def test_every_domain_has_unconstrained_numbers(eager, domain):
    assert charts.is_fixed(domain) or charts._chart(domain, True) is not None


@only("name", ["gradient-descent", "adam"])
def test_named_optimizers_descend(made, values, name):
    fit = kldiv.fit(made(NORMALS[0]), kldiv.Normal(0.0, 1.0), optimizer=name, steps=200)
    same(values(fit.distribution), [1.0, 2.0], rtol=0.02)


def test_own_optimizer_of_the_framework_descends_alike(differentiable, made, optimizer):
    target, init = made(NORMALS[0]), kldiv.Normal(0.0, 1.0)
    own = kldiv.fit(target, init, **optimizer(0.125), steps=5)
    ours = kldiv.fit(target, init, optimizer="gradient-descent", learning_rate=0.125, steps=5)
    np.testing.assert_allclose(own.history.divergence, ours.history.divergence, rtol=1e-12)


def test_what_is_no_optimizer_is_refused(made):
    with pytest.raises(TypeError, match="optimizer is 3"):
        kldiv.fit(made(NORMALS[0]), kldiv.Normal(0.0, 1.0), optimizer=3)


def test_batch_is_fitted_element_by_element(eager, made, values, array):
    target = made(kldiv.Normal([[1.0, 2.0, -3.0]], [[1.0], [2.0]]))
    fit = kldiv.fit(target, kldiv.Normal(array(0.0), array(1.0)))
    same(values(fit.distribution), [[[1.0, 2.0, -3.0]] * 2, [[1.0] * 3, [2.0] * 3]], rtol=1e-5)
    assert fit.history.divergence.shape == (len(fit.history.steps), 2, 3)


def test_history_tells_the_course(made, values, backend):
    pair = [made(d) for d in NORMALS]
    fit = kldiv.fit(*pair, optimizer="gradient-descent", steps=7, keep_every=3)
    np.testing.assert_array_equal(fit.history.steps, [0, 3, 6, 7])
    assert set(fit.history.parameters) == {"loc", "scale"}
    again = [backend.to_numpy(kldiv.kl_divergence(pair[0], made(fit.at(i)))) for i in range(4)]
    np.testing.assert_allclose(fit.history.divergence, again, rtol=1e-13)
    same(values(fit.distribution), [fit.history.parameters[name][-1] for name in ("loc", "scale")])


def test_history_of_a_family_that_holds_another(eager, made, values):
    target = made(kldiv.Independent(kldiv.Normal([1.0, 2.0], 1.0)))
    fit = kldiv.fit(target, kldiv.Independent(kldiv.Normal([0.0, 0.0], 2.0)), steps=3)
    assert set(fit.history.parameters) == {"base.loc", "base.scale"}
    same(values(made(fit.at(0))), [[0.0, 0.0], [2.0, 2.0]])


def test_parameter_that_a_history_lacks_is_that_of_the_distribution(eager, made):
    target = made(kldiv.Independent(kldiv.Normal([1.0, 2.0], 1.0)))
    fit = kldiv.fit(target, kldiv.Independent(kldiv.Normal([0.0, 0.0], 2.0)), steps=3)
    history = fit.history._replace(parameters={"base.scale": fit.history.parameters["base.scale"]})
    first = fit._replace(history=history).at(0).base
    assert first.loc is fit.distribution.base.loc
    np.testing.assert_array_equal(first.scale, [2.0, 2.0])


@only("optimizer_name", ["lbfgs", "adam"])
def test_callback_sees_each_step_and_may_stop(eager, made, values, optimizer_name):
    seen = []

    def callback(step, distribution, divergence):
        seen.append((step, *values(distribution), float(divergence)))
        return step == 2

    fit = kldiv.fit(*map(made, NORMALS), optimizer=optimizer_name, callback=callback)
    assert [step for step, *_ in seen] == [0, 1, 2]
    np.testing.assert_array_equal(fit.history.steps, [0, 1, 2])
    np.testing.assert_allclose([row[3] for row in seen], fit.history.divergence)


@only("optimizer_name", ["lbfgs", "adam"])
@only("step", [0, 1])
def test_callback_that_runs_out_of_items_is_an_error(eager, made, optimizer_name, step):
    items = iter(range(step))
    with pytest.raises(RuntimeError, match=f"callback raised StopIteration at step {step}; to stop, return True"):
        kldiv.fit(*map(made, NORMALS), optimizer=optimizer_name, callback=lambda *_: next(items) and None)


@only("p", [kldiv.Normal, [kldiv.Normal(0.0, 1.0)]], ids=["family", "list"])
def test_what_is_no_distribution_is_no_sample(p):
    with pytest.raises(TypeError, match=r"^p (is|holds) .*Normal"):
        kldiv.project(p, kldiv.Normal)


def test_progress_shows_the_divergence(eager, made, capsys):
    kldiv.fit(*map(made, NORMALS), steps=3, optimizer="adam", progress=True)
    assert "divergence=" in capsys.readouterr().err


def test_fit_keeps_framework_and_dtype(backend, made):
    fit = kldiv.fit(made(kldiv.Exponential(2.0), "float32"), kldiv.Exponential(1.0))
    assert backend.dtype_name(fit.distribution.rate) == backend.dtype_name(fit.divergence) == "float32"
    np.testing.assert_allclose(backend.to_numpy(fit.distribution.rate), 2.0, rtol=1e-3)


def test_fit_of_a_16_bit_float(eager, backend, short_dtype, made):
    fit = kldiv.fit(made(kldiv.Exponential(2.0), short_dtype), kldiv.Exponential(1.0))
    assert backend.dtype_name(fit.distribution.rate) == short_dtype


# Of D2, estimated by quadrature: direction, start, mean, scale and divergence at the optimum.
SEEKING = {
    "right mode": ("reverse", 2.0, 2.9948493438180418905, 1.0089124658977531092, 0.35535572972475826679),
    "left mode": ("reverse", -1.5, -1.9970589114705076403, 0.50448353916176203152, 1.202225151988705216),
    "both": ("forward", 1.0, 1.5, 6.025**0.5, 0.496401905374097798211800),
}


def check_modes(made, values, backend, case):
    direction, start, loc, scale, divergence = case
    fit = kldiv.fit(made(D2), kldiv.Normal(start, 1.0), direction=direction)
    same(values(fit.distribution), [loc, scale], rtol=1e-6)
    np.testing.assert_allclose(backend.to_numpy(fit.divergence), divergence, rtol=1e-10)


def test_reverse_divergence_seeks_a_mode(made, values, backend):
    check_modes(made, values, backend, SEEKING["right mode"])


@only("case", list(SEEKING.values())[1:], ids=list(SEEKING)[1:])
def test_directions_have_their_optima(eager, made, values, backend, case):
    check_modes(made, values, backend, case)


NORMAL = kldiv.Normal(0.0, 1.0)
TARGET = kldiv.from_grid(X, [1.0, 2.0, 1.0], width=1.0, normalize=False)
NO_FIT = {
    "direction": (lambda: kldiv.fit(NORMAL, NORMAL, direction="up"), ValueError, "direction must be"),
    "optimizer": (lambda: kldiv.fit(NORMAL, NORMAL, optimizer="newton"), ValueError, "optimizer must be"),
    "steps": (lambda: kldiv.fit(NORMAL, NORMAL, steps=0), ValueError, "steps must be a positive integer"),
    "keep_every": (lambda: kldiv.fit(NORMAL, NORMAL, keep_every=1.5), ValueError, "every must be a positive integer"),
    "rate": (lambda: kldiv.fit(NORMAL, NORMAL, learning_rate=-1), ValueError, "learning_rate must be"),
    "rate of lbfgs": (lambda: kldiv.fit(NORMAL, NORMAL, learning_rate=1.0), ValueError, "takes no learning_rate"),
    "no family": (lambda: kldiv.fit(NORMAL, 3.0), TypeError, "init is a"),
    "no distribution": (lambda: kldiv.fit(NORMAL, kldiv.Normal), TypeError, "init is the family Normal itself"),
    "invalid": (lambda: kldiv.fit(NORMAL, kldiv.Normal(0.0, -1.0)), ValueError, "Normal.scale must be positive"),
    "other things": (lambda: kldiv.fit(NORMAL, kldiv.Dirichlet([1.0, 1.0, 1.0])), ValueError, "different things"),
    "edge": (
        lambda: kldiv.fit(kldiv.Bernoulli(0.5), kldiv.Bernoulli(1.0)),
        ValueError,
        "Bernoulli.probs of init is at the edge of its domain",
    ),
    "nothing to move": (
        lambda: kldiv.fit(kldiv.DiscreteUniform(0, 5), kldiv.DiscreteUniform(0, 5)),
        ValueError,
        "no parameter that can be moved",
    ),
    "infinite": (lambda: kldiv.fit(NORMAL, kldiv.Gamma(1.0, 1.0)), ValueError, "at step 0 the divergence is inf"),
    "a step too long": (
        lambda: kldiv.fit(
            kldiv.Normal(0.0, 0.1),
            kldiv.Normal(0.0, 2.0),
            optimizer="gradient-descent",
            learning_rate=10.0,
            unconstrained=False,
        ),
        ValueError,
        r"at step 1 the divergence is nan: Normal.scale must be positive and finite; got -.*smaller learning_rate",
    ),
    "weights in reverse": (lambda: kldiv.fit(TARGET, NORMAL, direction="reverse"), ValueError, "do not sum to 1"),
    "vectors on a grid": (
        lambda: kldiv.fit(TARGET, kldiv.MultivariateNormalDiag([0.0], [1.0])),
        ValueError,
        "grid of numbers",
    ),
    "closed form": (
        lambda: kldiv.fit(D2, NORMAL, method="closed-form"),
        kldiv.NoClosedForm,
        r"KL\(Mixture\(Normal\) \|\| Normal\)",
    ),
}


@only("case", NO_FIT.values(), ids=NO_FIT.keys())
def test_what_cannot_be_fitted_is_refused(eager, case):
    call, error, words = case
    with pytest.raises(error, match=words):
        call()


def test_domain_of_the_callers_own_is_descended_in_itself(eager):
    even = domains.Domain((), (domains.Condition("be below 4", lambda xp, x, eps: x < 4),))

    @kldiv.declare.family(domains.REALS)
    class Location(NamedTuple):
        loc: Annotated[Any, even]

    @kldiv.declare.formula(Location, Location)
    def kl_location_location(xp, loc_p, loc_q):
        return (loc_p - loc_q) ** 2 / 2

    with pytest.raises(TypeError, match="pass unconstrained=False"):
        kldiv.fit(Location(1.0), Location(0.0))
    fit = kldiv.fit(Location(1.0), Location(0.0), unconstrained=False)
    assert abs(float(fit.distribution.loc) - 1) < 1e-6


@declare.family(domains.REALS)
class Three(NamedTuple):
    low: Annotated[Any, domains.Real]
    mode: Annotated[Any, domains.Between("low", "high")]
    high: Annotated[Any, domains.Above("low")]


@declare.formula(Three, Three)
def kl_three_three(xp, low_p, mode_p, high_p, low_q, mode_q, high_q):
    """The sum of squared differences, which has its minimum where the parameters agree."""
    return (low_p - low_q) ** 2 + (mode_p - mode_q) ** 2 + (high_p - high_q) ** 2


def test_parameter_between_two_others_stays_there(differentiable):
    array = differentiable.array
    p = Three(array(0.0, "float64"), array(1.0, "float64"), array(3.0, "float64"))
    q = Three(array(-1.0, "float64"), array(1.5, "float64"), array(2.0, "float64"))
    found = kldiv.fit(p, q, steps=200, optimizer="lbfgs").distribution
    parameters = [differentiable.to_numpy(x) for x in found]
    np.testing.assert_allclose(parameters, [0.0, 1.0, 3.0], atol=1e-5)
