"""Fits to samples: maximum likelihood and its standard errors."""

import math

import mpmath as mp
import numpy as np
import pytest
import scipy.stats

import kldiv
from kldiv._core.parameters import named_leaves

only = pytest.mark.parametrize
RNG = np.random.default_rng(31)


@pytest.fixture
def array(backend):
    return backend.array


@pytest.fixture
def values(backend):
    """Return a function to the parameters of a distribution, as NumPy arrays."""
    return lambda d: [np.asarray(backend.to_numpy(x), np.float64) for _, x in named_leaves(d, "")]


def draws(law, n=120):
    return law.rvs(n, random_state=np.random.default_rng(7))


# Samples, the family, and the log density of SciPy as a function of its parameters and an outcome.
STATS = scipy.stats
LAWS = {
    "Weibull": (
        draws(STATS.weibull_min(1.7, scale=40.0)),
        kldiv.Weibull,
        lambda x, scale, k: STATS.weibull_min(k, scale=scale).logpdf(x),
    ),
    "StudentT": (
        draws(STATS.t(4, 2, 1e-3)),
        kldiv.StudentT,
        lambda x, df, loc, scale: STATS.t(df, loc, scale).logpdf(x),
    ),
    "NegativeBinomial": (
        draws(STATS.nbinom(3.3, 0.2)),
        kldiv.NegativeBinomial,
        lambda x, n, p: STATS.nbinom(n, 1 - p).logpmf(x),
    ),
}
MORE_LAWS = {
    "LogLogistic": (
        draws(STATS.fisk(2.5, scale=0.02)),
        kldiv.LogLogistic,
        lambda x, loc, scale: STATS.fisk(1 / scale, scale=np.exp(loc)).logpdf(x),
    ),
    "Logistic": (draws(STATS.logistic(1e6, 3)), kldiv.Logistic, lambda x, loc, s: STATS.logistic(loc, s).logpdf(x)),
    "Gumbel": (draws(STATS.gumbel_r(-5, 300)), kldiv.Gumbel, lambda x, loc, s: STATS.gumbel_r(loc, s).logpdf(x)),
    "GeneralizedGamma": (
        draws(STATS.gengamma(2.0, 1.5, scale=3)),
        kldiv.GeneralizedGamma,
        lambda x, scale, c, p: STATS.gengamma(c / p, p, scale=scale).logpdf(x),
    ),
    "GeneralizedNormal": (
        draws(STATS.gennorm(2.5, 2, 3)),
        kldiv.GeneralizedNormal,
        lambda x, loc, scale, power: STATS.gennorm(power, loc, scale).logpdf(x),
    ),
    "Lomax": (draws(STATS.lomax(3, scale=100)), kldiv.Lomax, lambda x, s, a: STATS.lomax(a, scale=s).logpdf(x)),
    "BetaBinomial": (
        draws(STATS.betabinom(10, 2, 3)),
        kldiv.BetaBinomial(10, 1.0, 1.0),
        lambda x, n, a, b: STATS.betabinom(10, a, b).logpmf(x),
    ),
    "Normal": (draws(STATS.norm(3, 2)), kldiv.Normal, lambda x, loc, scale: STATS.norm(loc, scale).logpdf(x)),
}


def check_score(array, values, case):
    """Check that the likelihood, by SciPy, is largest within a hundredth of a standard error of the fit."""
    x, family, log_density = case
    fit = kldiv.fit(array(x, "float64"), family)
    found, errors = np.asarray(values(fit.distribution)), np.asarray(values(fit.standard_errors))
    best = np.sum(log_density(x, *found))
    for step in np.diag(0.1 * errors)[np.isfinite(errors)]:
        up, down = (np.sum(log_density(x, *(found + s))) for s in (step, -step))
        vertex = 0.5 * (down - up) / (up - 2 * best + down)  # of the parabola through the three, in steps
        assert abs(vertex) < 0.1


@pytest.mark.one_in(3)
@only("case", LAWS.values(), ids=LAWS.keys())
def test_no_member_is_likelier_than_the_fit(array, values, case):
    check_score(array, values, case)


@only("case", MORE_LAWS.values(), ids=MORE_LAWS.keys())
def test_no_member_of_each_family_is_likelier(eager, array, values, case):
    check_score(array, values, case)


N = 400
ERRORS = {  # the exact Fisher information of each family, at the fit
    "Normal": (RNG.normal(2.0, 3.0, N), kldiv.Normal, lambda loc, s: [s / N**0.5, s / (2 * N) ** 0.5]),
    "Exponential": (RNG.exponential(0.2, N), kldiv.Exponential, lambda rate: [rate / N**0.5]),
    "Laplace": (RNG.laplace(1.0, 2.0, N), kldiv.Laplace, lambda loc, s: [s / N**0.5, s / N**0.5]),
    "Gumbel": (
        RNG.gumbel(1.0, 2.0, N),
        kldiv.Gumbel,
        lambda loc, s: [
            s / N**0.5 * math.sqrt(1 + 6 * (1 - float(mp.euler)) ** 2 / math.pi**2),
            s * math.sqrt(6 / N) / math.pi,
        ],
    ),
    "Bernoulli": ((RNG.random(N) < 0.3).astype(float), kldiv.Bernoulli, lambda p: [math.sqrt(p * (1 - p) / N)]),
    "Categorical": (
        RNG.integers(0, 3, N).astype(float),
        kldiv.Categorical([0.2, 0.3, 0.5]),
        lambda p: [np.sqrt(p * (1 - p) / N)],
    ),
}


@pytest.mark.one_in(3)
@only("name", ["Normal", "Laplace", "Categorical"])
def test_standard_errors_are_those_of_the_fisher_information(array, values, name):
    x, family, expected = ERRORS[name]
    fit = kldiv.fit(array(x, "float64"), family)
    found = [np.asarray(v) for v in values(fit.standard_errors)]
    for a, b in zip(found, expected(*values(fit.distribution)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3)


@only("name", ["Exponential", "Gumbel", "Bernoulli"])
def test_standard_errors_of_each_kind_of_parameter(eager, array, values, name):
    test_standard_errors_are_those_of_the_fisher_information(array, values, name)


def test_intervals_of_standard_errors_cover_the_parameters(eager, array, values):
    x = scipy.stats.weibull_min(1.7, scale=40.0).rvs((150, 400), random_state=np.random.default_rng(3))
    fit = kldiv.fit(array(x, "float64"), kldiv.Weibull)
    found = zip(values(fit.distribution), values(fit.standard_errors), (40.0, 1.7), strict=True)
    z = np.stack([(value - truth) / error for value, error, truth in found])
    np.testing.assert_allclose(np.std(z, axis=1), 1.0, atol=0.12)


def hessian(function, at, step):
    """Return the second derivatives of a function by differences."""
    steps = np.diag(step * np.abs(at))
    return np.asarray(
        [
            [
                (function(at + a + b) - function(at + a - b) - function(at - a + b) + function(at - a - b))
                / (4 * a.sum() * b.sum())
                for a in steps
            ]
            for b in steps
        ]
    )


def test_standard_errors_by_the_observed_information(eager, array, values):
    x = np.concatenate([RNG.normal(-2.0, 1.0, 80), RNG.normal(3.0, 0.5, 120)])
    fit = kldiv.fit(array(x, "float64"), kldiv.Mixture([0.5, 0.5], kldiv.Normal([-1.0, 2.0], [1.0, 1.0])))
    (p, _), (a, b), (s, t) = values(fit.distribution)

    def surprisal(parameters):
        p, a, b, s, t = parameters
        return -np.sum(np.log(p * STATS.norm.pdf(x, a, s) + (1 - p) * STATS.norm.pdf(x, b, t)))

    covariance = np.linalg.inv(hessian(surprisal, np.asarray([p, a, b, s, t]), 1e-4))
    found = np.concatenate(values(fit.standard_errors))
    np.testing.assert_allclose(found[[0, 2, 3, 4, 5]], np.sqrt(np.diag(covariance)), rtol=1e-3)


def test_parameters_that_cut_off_the_support_are_the_extremes(array, values):
    x = RNG.uniform(2.0, 5.0, (50, 2))
    fit = kldiv.fit(array(x, "float64"), kldiv.Uniform)
    np.testing.assert_array_equal(values(fit.distribution), [x.min(axis=0), x.max(axis=0)])
    assert np.isnan(values(fit.standard_errors)).all()


CUT = {
    "DiscreteUniform": (RNG.integers(3, 9, 60).astype(float), kldiv.DiscreteUniform, lambda x: [x.min(), x.max()]),
    "Pareto": (
        1 + RNG.pareto(3.0, 60),
        kldiv.Pareto,
        lambda x: [x.min(), 1 / np.mean(np.log(x / x.min()))],
    ),
}


@only("case", CUT.values(), ids=CUT.keys())
def test_extremes_of_each_family(eager, array, values, case):
    x, family, expected = case
    np.testing.assert_allclose(values(kldiv.fit(array(x, "float64"), family).distribution), expected(x), rtol=1e-7)


def test_weights_count_samples(array, values):
    x, weights = RNG.gamma(2.0, 3.0, 30), RNG.integers(0, 3, 30).astype(float)
    weighted = kldiv.fit(array(x, "float64"), kldiv.Weibull, weights=array(weights, "float64"))
    repeated = kldiv.fit(array(np.repeat(x, weights.astype(int)), "float64"), kldiv.Weibull)
    np.testing.assert_allclose(values(weighted.distribution), values(repeated.distribution), rtol=1e-6)
    np.testing.assert_allclose(values(weighted.standard_errors), values(repeated.standard_errors), rtol=1e-6)


def test_batch_is_fitted_element_by_element(eager, array, values):
    x = RNG.weibull(2.0, (80, 3)) * [1.0, 20.0, 0.01]
    together = values(kldiv.fit(array(x, "float64"), kldiv.Weibull).distribution)
    apart = [values(kldiv.fit(array(x[:, i], "float64"), kldiv.Weibull).distribution) for i in range(3)]
    np.testing.assert_allclose(together, np.transpose(apart), rtol=1e-4)


def test_fit_to_samples_keeps_framework_and_dtype(backend, array, values):
    fit = kldiv.fit(array(draws(STATS.norm(3, 2)), "float32"), kldiv.Normal)
    for x in (*fit.distribution, *fit.standard_errors, fit.divergence):
        assert backend.is_array(x)
        assert backend.dtype_name(x) == "float32"


def test_samples_of_vectors(eager, array, values):
    x = RNG.normal(size=(60, 2)) @ [[1.0, 0.5], [0.0, 2.0]]
    found = values(
        kldiv.fit(array(x, "float64"), kldiv.MultivariateNormalTriL([0.0, 0.0], [[1.0, 0.0], [0.0, 1.0]])).distribution
    )
    np.testing.assert_allclose(found[0], x.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(found[1] @ found[1].T, np.cov(x.T, bias=True), atol=1e-5)


X = [0.5, 1.0, 2.5]
REFUSED = {
    "outside": (
        lambda: kldiv.fit([1.0, -2.0], kldiv.Weibull),
        ValueError,
        "got -2.0 at index",
    ),
    "nan": (lambda: kldiv.fit([1.0, math.nan], kldiv.Logistic), ValueError, "got nan"),
    "no integer": (lambda: kldiv.fit([1.0, 2.5], kldiv.NegativeBinomial), ValueError, "integers from 0.0 to inf"),
    "above a count": (lambda: kldiv.fit([1.0, 7.0], kldiv.BetaBinomial(5, 1.0, 1.0)), ValueError, "got 7.0"),
    "equal": (lambda: kldiv.fit([2.0, 2.0, 2.0], kldiv.Logistic), ValueError, "do not vary"),
    "no start": (lambda: kldiv.fit([2.0, 3.0], kldiv.BetaBinomial), TypeError, "pass one of its members"),
    "holds a family": (lambda: kldiv.fit(X, kldiv.Mixture[kldiv.Normal]), TypeError, "pass one of its members"),
    "no family": (lambda: kldiv.fit(X, float), TypeError, "not a family"),
    "reverse": (lambda: kldiv.fit(X, kldiv.Weibull, direction="reverse"), ValueError, "samples have no density"),
    "method": (lambda: kldiv.fit(X, kldiv.Weibull, method="quadrature"), ValueError, 'method must be "auto"'),
    "weights": (lambda: kldiv.fit(X, kldiv.Weibull, weights=[1.0, -1.0, 1.0]), ValueError, "non-negative"),
    "weights of a distribution": (
        lambda: kldiv.fit(kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 1.0), weights=[1.0]),
        TypeError,
        "weights are those of samples",
    ),
    "a number": (lambda: kldiv.fit(3.0, kldiv.Weibull), ValueError, "samples are along the first axis"),
    "no samples": (lambda: kldiv.fit(np.ones(0), kldiv.Weibull), ValueError, "samples are along the first axis"),
}


@only("case", REFUSED.values(), ids=REFUSED.keys())
def test_samples_that_cannot_be_fitted_are_refused(eager, case):
    call, error, words = case
    with pytest.raises(error, match=words):
        call()
