"""Independent oracles where they are right: SciPy's densities and functions, and the framework's own distributions.

Their formulas lose digits near equality and at the edges, so parameters are ordinary here and tolerances theirs: the
truth to the last digits is for test_conformance.py.
"""

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats

import backends
import kldiv
import reference
from cases import FINITE, Case

DTYPES = ("float32", "float64")


def pytest_generate_tests(metafunc):
    if "own_pair" in metafunc.fixturenames:
        pairs = backends.load(metafunc.config.getoption("--backend")).own_pairs
        metafunc.parametrize("own_pair", pairs, ids="-".join)


# --- SciPy's distributions --------------------------------------------------------------------------------------------


def bernoulli_logits(logits):
    return scipy.stats.bernoulli(scipy.special.expit(logits))


def tril(loc, scale_tril):
    return scipy.stats.multivariate_normal(loc, scale_tril @ scale_tril.T)


CONTINUOUS = {  # SciPy's distribution of a family's parameters, and parameters
    kldiv.Normal: (scipy.stats.norm, [(0.5, 2.0), (-1.0, 1.5), (3.0, 0.7)]),
    kldiv.NormalLogVariance: (lambda m, v: scipy.stats.norm(m, np.exp(v / 2)), [(0.5, 1.5), (-1.0, 0.3), (3.0, -1.0)]),
    kldiv.Exponential: (lambda rate: scipy.stats.expon(scale=1 / rate), [(0.5,), (1.0,), (3.5,)]),
    kldiv.Gamma: (lambda a, rate: scipy.stats.gamma(a, scale=1 / rate), [(2.0, 0.5), (3.0, 1.0), (5.0, 2.5)]),
    kldiv.Uniform: (lambda low, high: scipy.stats.uniform(low, high - low), [(0.5, 2.0), (0.25, 3.0), (-4.0, 4.0)]),
}
DISCRETE = {
    kldiv.Poisson: (scipy.stats.poisson, [(0.5,), (3.0,), (7.5,)]),
    kldiv.Bernoulli: (scipy.stats.bernoulli, [(0.25,), (0.5,), (0.9,)]),
    kldiv.BernoulliLogits: (bernoulli_logits, [(-1.5,), (0.0,), (3.0,)]),
}
MULTIVARIATE = {
    kldiv.MultivariateNormal: (
        scipy.stats.multivariate_normal,
        ([1.0, -2.0], [[2.0, 0.5], [0.5, 1.0]]),
    ),
    kldiv.MultivariateNormalTriL: (tril, ([1.0, -2.0], [[1.5, 0.0], [0.5, 0.75]])),
    kldiv.MultivariateNormalPrecision: (
        lambda m, r: scipy.stats.multivariate_normal(m, np.linalg.inv(r)),
        ([1.0, -2.0], [[2.0, 0.5], [0.5, 1.0]]),
    ),
    kldiv.MultivariateNormalDiag: (
        lambda m, s: scipy.stats.multivariate_normal(m, np.diag(s) ** 2),
        ([1.0, -2.0], [1.5, 0.75]),
    ),
}
CLASSES = {
    kldiv.Categorical: [0.5, 0.125, 0.25, 0.125],
    kldiv.CategoricalLogits: [1.0, -2.0, 0.0, 3.0],
}

over_dtypes = pytest.mark.parametrize("dtype", DTYPES)


def over(families):
    return pytest.mark.parametrize("family", families, ids=lambda f: f.__name__)


def make(backend, family, parameters, dtype):
    return family(*(backend.array(np.asarray(x), dtype) for x in parameters))


def log_density(backend, family, parameters, x, dtype="float64"):
    """Return kldiv's log density as an array of NumPy."""
    return backend.to_numpy(make(backend, family, parameters, dtype).log_density(backend.array(x, dtype)))


def tolerance(dtype):
    return {"float32": 2e-6, "float64": 1e-13}[dtype]


# --- Divergences by their definition ----------------------------------------------------------------------------------


def pairs_of(families):
    """Return the pairs whose divergence is finite, with one set of parameters for each side."""
    return [(p, q, families[p][1][0], families[q][1][1]) for p, q in FINITE if p in families and q in families]


def over_pairs(families):
    pairs = pairs_of(families)
    return pytest.mark.parametrize(
        ("p", "q", "of_p", "of_q"), pairs, ids=[f"{p.__name__}-{q.__name__}" for p, q, *_ in pairs]
    )


@over_dtypes
@over_pairs(CONTINUOUS)
def test_divergence_is_the_integral_of_scipys_densities(backend, p, q, of_p, of_q, dtype):
    a, b = CONTINUOUS[p][0](*of_p), CONTINUOUS[q][0](*of_q)
    low, high = a.ppf(1e-300), a.isf(1e-300)
    integral, _ = scipy.integrate.quad(
        lambda x: a.pdf(x) * (a.logpdf(x) - b.logpdf(x)), low, high, epsabs=0, epsrel=1e-12, limit=400
    )
    value = backend.to_numpy(kldiv.kl_divergence(make(backend, p, of_p, dtype), make(backend, q, of_q, dtype)))
    np.testing.assert_allclose(value, integral, rtol={"float32": 2e-6, "float64": 1e-10}[dtype])


@over_dtypes
@over_pairs(DISCRETE)
def test_divergence_is_the_sum_over_scipys_probabilities(backend, p, q, of_p, of_q, dtype):
    a, b = DISCRETE[p][0](*of_p), DISCRETE[q][0](*of_q)
    k = np.arange(0, 200)
    k = k[a.pmf(k) > 0]
    total = np.sum(a.pmf(k) * (a.logpmf(k) - b.logpmf(k)))
    value = backend.to_numpy(kldiv.kl_divergence(make(backend, p, of_p, dtype), make(backend, q, of_q, dtype)))
    np.testing.assert_allclose(value, total, rtol={"float32": 4e-6, "float64": 1e-11}[dtype])


@over_dtypes
@pytest.mark.parametrize("base", [None, 2])
def test_divergence_of_categoricals_is_scipys_entropy(backend, dtype, base):
    p, q = np.random.default_rng(30).dirichlet(np.ones(6), size=(2, 20))
    distributions = (make(backend, kldiv.Categorical, (x,), dtype) for x in (p, q))
    value = backend.to_numpy(kldiv.kl_divergence(*distributions, base=base))
    np.testing.assert_allclose(value, scipy.stats.entropy(p, q, base=base, axis=-1), rtol=10 * tolerance(dtype))


# --- Elementwise functions --------------------------------------------------------------------------------------------

GRID = [np.nan, -np.inf, -1.0, -0.0, 0.0, 1e-30, 1e-3, 0.25, 1.0, 3.5, 1e4, 1e30]


@over_dtypes
@pytest.mark.parametrize("function", ["rel_entr", "kl_div"])
def test_elementwise_functions_are_scipys_on_a_grid(backend, function, dtype):
    x, y = (a.astype(dtype).astype("float64") for a in np.meshgrid(GRID, GRID, indexing="ij"))
    value = backend.to_numpy(getattr(kldiv, function)(backend.array(x, dtype), backend.array(y, dtype), validate=False))
    with np.errstate(all="ignore"):
        expected = getattr(scipy.special, function)(x, y).astype(dtype)
    np.testing.assert_allclose(value, expected, rtol=10 * tolerance(dtype))


@over_dtypes
@pytest.mark.parametrize("function", ["rel_entr", "kl_div"])
def test_elementwise_functions_of_infinite_arguments_are_the_limits(backend, function, dtype):
    x, y = [np.inf, np.inf, np.inf, np.inf, 0.0, 1.0, -1.0], [0.0, 1.0, -1.0, np.inf, np.inf, np.inf, np.inf]
    value = backend.to_numpy(getattr(kldiv, function)(backend.array(x, dtype), backend.array(y, dtype), validate=False))
    limits = [float(getattr(reference, function)(a, b)) for a, b in zip(x, y, strict=True)]
    np.testing.assert_array_equal(value, limits)


@over_dtypes
@pytest.mark.parametrize("function", ["rel_entr", "kl_div"])
def test_elementwise_functions_are_scipys_on_ordinary_numbers(backend, function, dtype):
    x, y = np.exp(np.random.default_rng(31).normal(size=(2, 500))).astype(dtype).astype("float64")
    value = backend.to_numpy(getattr(kldiv, function)(backend.array(x, dtype), backend.array(y, dtype)))
    expected = getattr(scipy.special, function)(x, y)
    np.testing.assert_allclose(value, expected, rtol=10 * tolerance(dtype), atol=tolerance(dtype))


@over_dtypes
@pytest.mark.parametrize("function", ["rel_entr", "kl_div"])
def test_elementwise_functions_sum_to_the_divergence(backend, function, dtype):
    p, q = np.random.default_rng(32).integers(1, 64, size=(2, 8)) / 256
    p[-1], q[-1] = 2 - p[:-1].sum(), 2 - q[:-1].sum()  # multiples of 1/256 that sum to 2
    p, q = backend.array(p / 2, dtype), backend.array(q / 2, dtype)
    total = backend.to_numpy(getattr(kldiv, function)(p, q)).sum()
    value = backend.to_numpy(kldiv.kl_divergence(kldiv.Categorical(p), kldiv.Categorical(q)))
    np.testing.assert_allclose(total, value, rtol=10 * tolerance(dtype))


# --- The framework's own distributions --------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "relative"), [("float32", 1e-3), ("float64", 1e-7)])
@pytest.mark.one_in(3)
def test_divergence_is_that_of_the_frameworks_own_distributions(backend, own_pair, dtype, relative):
    case = Case(*(getattr(kldiv, name) for name in own_pair), dtype)
    p, q = ([backend.array(x, dtype) for x in parameters] for parameters in case.batch(("interior",))[:2])
    value = backend.to_numpy(kldiv.kl_divergence(case.p(*p), case.q(*q)))
    own = backend.to_numpy(backend.own_divergence(own_pair[0], tuple(p), own_pair[1], tuple(q)))
    np.testing.assert_allclose(value, own, rtol=relative)


# --- Log densities ----------------------------------------------------------------------------------------------------


@over_dtypes
@over(CONTINUOUS)
def test_log_density_is_scipys(backend, family, dtype):
    make_own, parameters = CONTINUOUS[family]
    own = make_own(*parameters[0])
    x = own.ppf(np.linspace(0.001, 0.999, 101)).astype(dtype)
    value = log_density(backend, family, parameters[0], x, dtype)
    np.testing.assert_allclose(value, own.logpdf(x), rtol=tolerance(dtype), atol=tolerance(dtype))


@over_dtypes
@over(DISCRETE)
def test_log_density_of_counts_is_scipys(backend, family, dtype):
    make_own, parameters = DISCRETE[family]
    k = np.arange(-2, 30)
    with np.errstate(divide="ignore"):
        expected = make_own(*parameters[0]).logpmf(k)
    value = log_density(backend, family, parameters[0], k, dtype)
    np.testing.assert_allclose(value, expected, rtol=4 * tolerance(dtype), atol=4 * tolerance(dtype))


@over_dtypes
@over(MULTIVARIATE)
def test_log_density_of_vectors_is_scipys(backend, family, dtype):
    make_own, parameters = MULTIVARIATE[family]
    parameters = [np.asarray(x) for x in parameters]
    x = np.random.default_rng(33).normal(size=(50, 2)).astype(dtype)
    value = log_density(backend, family, parameters, x, dtype)
    np.testing.assert_allclose(value, make_own(*parameters).logpdf(x), rtol=8 * tolerance(dtype))


@over_dtypes
@over(CLASSES)
def test_log_density_of_classes_is_scipys(backend, family, dtype):
    parameter = np.asarray(CLASSES[family])
    expected = {kldiv.Categorical: np.log, kldiv.CategoricalLogits: scipy.special.log_softmax}[family](parameter)
    value = log_density(backend, family, (parameter,), np.arange(4), dtype)
    np.testing.assert_allclose(value, expected, rtol=tolerance(dtype), atol=tolerance(dtype))


@over(CONTINUOUS)
def test_density_integrates_to_one(backend, family):
    make_own, parameters = CONTINUOUS[family]
    own = make_own(*parameters[1])
    x, weights = np.polynomial.legendre.leggauss(300)
    low, high = own.ppf(0) if np.isfinite(own.ppf(0)) else own.ppf(1e-20), own.isf(1e-20)
    x, weights = (high - low) / 2 * x + (high + low) / 2, (high - low) / 2 * weights
    total = np.sum(weights * np.exp(log_density(backend, family, parameters[1], x)))
    np.testing.assert_allclose(total, 1, rtol=1e-11)


@over(MULTIVARIATE)
def test_density_of_vectors_integrates_to_one(backend, family):
    x, weights = np.polynomial.legendre.leggauss(120)
    points = 14 * np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1) + [1.0, -2.0]
    density = np.exp(log_density(backend, family, MULTIVARIATE[family][1], points))
    np.testing.assert_allclose(14**2 * weights @ density @ weights, 1, rtol=1e-11)


@over(DISCRETE)
def test_probabilities_of_counts_sum_to_one(backend, family):
    values = log_density(backend, family, DISCRETE[family][1][1], np.arange(0.0, 100.0))
    np.testing.assert_allclose(np.exp(values).sum(), 1, rtol=1e-13)


@over(CLASSES)
def test_probabilities_of_classes_sum_to_one(backend, family):
    values = log_density(backend, family, (CLASSES[family],), np.arange(4.0))
    np.testing.assert_allclose(np.exp(values).sum(), 1, rtol=1e-14)


OUTSIDE = {  # numbers that the support of a family, at the first of its parameters, does not hold
    kldiv.Exponential: [-1e-3, -np.inf],
    kldiv.Gamma: [-1e-3, -np.inf],
    kldiv.Uniform: [0.499, 2.001, -np.inf, np.inf],
    kldiv.Poisson: [-1.0, 0.5, 2.5, -np.inf],
    kldiv.Bernoulli: [-1.0, 0.5, 2.0],
    kldiv.BernoulliLogits: [-1.0, 0.5, 2.0],
    kldiv.Categorical: [-1.0, 0.5, 4.0],
    kldiv.CategoricalLogits: [-1.0, 0.5, 4.0],
}


@over_dtypes
@over(OUTSIDE)
def test_log_density_is_minus_infinity_outside_the_support(backend, family, dtype):
    of_family = {**CONTINUOUS, **DISCRETE}.get(family)
    parameters = of_family[1][0] if of_family else (CLASSES[family],)
    values = log_density(backend, family, parameters, OUTSIDE[family], dtype)
    np.testing.assert_array_equal(values, np.full(len(OUTSIDE[family]), -np.inf))


@over_dtypes
def test_log_density_of_a_point_mass_is_zero_there_and_minus_infinity_elsewhere(backend, dtype):
    values = log_density(backend, kldiv.Delta, (1.5,), [1.5, 1.0, -1.5], dtype)
    np.testing.assert_array_equal(values, [0.0, -np.inf, -np.inf])


# A parameter at the edge, the outcome that it makes certain, and one that it makes impossible.
EDGES = [
    (kldiv.Bernoulli, 1.0, 1.0, 0.0),
    (kldiv.Bernoulli, 0.0, 0.0, 1.0),
    (kldiv.BernoulliLogits, np.inf, 1.0, 0.0),
    (kldiv.BernoulliLogits, -np.inf, 0.0, 1.0),
    (kldiv.Categorical, [0.0, 1.0], 1.0, 0.0),
    (kldiv.CategoricalLogits, [-np.inf, 0.0], 1.0, 0.0),
    (kldiv.Poisson, 0.0, 0.0, 1.0),
]
over_edges = pytest.mark.parametrize(
    ("family", "parameter", "certain", "impossible"), EDGES, ids=[f"{row[0].__name__}({row[1]})" for row in EDGES]
)


@over_dtypes
@over_edges
def test_log_density_of_a_certain_outcome_is_zero(backend, family, parameter, certain, impossible, dtype):
    assert log_density(backend, family, (parameter,), certain, dtype) == 0


@over_dtypes
@over_edges
def test_log_density_of_an_impossible_outcome_is_minus_infinity(backend, family, parameter, certain, impossible, dtype):
    assert log_density(backend, family, (parameter,), impossible, dtype) == -np.inf


@over_dtypes
def test_log_density_of_independent_components_is_their_sum(backend, dtype):
    loc, scale, x = np.random.default_rng(34).uniform(0.5, 2.0, size=(3, 7, 4))
    base = make(backend, kldiv.Normal, (loc, scale), dtype)
    value = backend.to_numpy(kldiv.Independent(base).log_density(backend.array(x, dtype)))
    expected = scipy.stats.norm(loc, scale).logpdf(x).sum(axis=-1)
    np.testing.assert_allclose(value, expected, rtol=8 * tolerance(dtype))


@over_dtypes
@over({**CONTINUOUS, **DISCRETE})
def test_log_density_broadcasts_outcomes_against_parameters(backend, family, dtype):
    _, parameters = {**CONTINUOUS, **DISCRETE}[family]
    stacked = np.asarray(parameters).T[..., None]
    x = np.asarray([1.0, 0.0, 1.0, 1.0])
    value = log_density(backend, family, tuple(stacked), x, dtype)
    expected = np.stack([log_density(backend, family, row, x, dtype) for row in parameters])
    assert value.shape == (3, 4)
    np.testing.assert_allclose(value, expected, rtol=4 * tolerance(dtype))
