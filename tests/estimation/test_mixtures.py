"""Bounds on the divergence of mixtures against exact values, quadrature of SciPy's densities, and themselves."""

import numpy as np
import pytest
import scipy.special
import scipy.stats

import kldiv
from kldiv._arrays import cache
from kldiv._core.parameters import gather_families
from kldiv.estimation import mixtures
from kldiv.estimation.mixtures import variational_approximation

only = pytest.mark.parametrize
D2 = (([0.3, 0.7], [-2.0, 3.0], [0.5, 1.0]), ([0.6, 0.4], [-1.0, 2.0], [1.0, 1.5]))
METHODS = ["tightest", "durrieu", "variational", "matching"]


@pytest.fixture
def mixture(backend):
    """Make mixtures of normal distributions from arrays of NumPy."""
    return lambda weights, loc, scale, dtype="float64": kldiv.Mixture(
        backend.array(weights, dtype), kldiv.Normal(backend.array(loc, dtype), backend.array(scale, dtype))
    )


@pytest.fixture
def both(backend):
    """Return the bounds as numbers of NumPy."""
    return lambda p, q, **options: [backend.to_numpy(x) for x in kldiv.bounds(p, q, **options)]


# --------------------------------------------------------------------------------------------------------- exact values

EXACT = {
    "durrieu": (0.528923144785367748567619, 0.820475136939677548835648),
    "variational": (0.0, 0.674167738341622058885342),
    "tightest": (0.528923144785367748567619, 0.674167738341622058885342),
}


@only(("method", "expected"), EXACT.items())
def test_bounds_of_two_pairs(mixture, both, method, expected):
    np.testing.assert_allclose(both(mixture(*D2[0]), mixture(*D2[1]), method=method), expected, rtol=1e-14)


def test_approximation_of_two_pairs(backend, mixture):
    xp, _, _, (p, q) = gather_families(p=mixture(*D2[0]), q=mixture(*D2[1]))
    value = float(variational_approximation(xp, p, q))
    np.testing.assert_allclose(value, 0.667013298418106406427935, rtol=1e-14)


def test_single_precision(backend, mixture):
    bounds = kldiv.bounds(mixture(*D2[0], "float32"), mixture(*D2[1], "float32"))
    assert [backend.dtype_name(x) for x in bounds] == ["float32", "float32"]
    np.testing.assert_allclose([float(x) for x in bounds], EXACT["tightest"], rtol=2e-6)


def test_lists_are_numpys(eager):
    lower, upper = kldiv.bounds(kldiv.Mixture(D2[0][0], kldiv.Normal(*D2[0][1:])), kldiv.Normal(0.0, 2.0))
    assert 0 < lower < upper


# .5 N(-1, 1) + .5 N(1, 1) against N(0, 2), and in d dimensions mapped linearly, beside standard normal coordinates.
LINE = (0.00974276993314104270381126, 0.0111775440317474965834652)
MAP = np.array([[1.5, 0.5, 0.0], [-0.7, 0.8, 0.4], [0.2, -0.3, 2.0]])


def lifted(locs, variance):
    """Return the means (M, 3) and the covariance matrix under the map, with two standard coordinates."""
    loc = np.array([[m, 0.0, 0.0] for m in locs]) @ MAP.T
    return loc, MAP @ np.diag([variance, 1.0, 1.0]) @ MAP.T


PARAMETRIZATIONS = {
    kldiv.MultivariateNormal: lambda s: s,
    kldiv.MultivariateNormalTriL: np.linalg.cholesky,
    kldiv.MultivariateNormalPrecision: np.linalg.inv,
}


@only(("family", "scale"), PARAMETRIZATIONS.items(), ids=lambda f: f.__name__)
@only("method", ["variational", "durrieu"])
def test_bounds_do_not_change_under_a_linear_map(eager, backend, both, mixture, family, scale, method):
    loc, covariance = lifted([-1.0, 1.0], 1.0)
    p = kldiv.Mixture(
        backend.array([0.5, 0.5], "float64"),
        family(*(backend.array(x, "float64") for x in (loc, np.stack([scale(covariance)] * 2)))),
    )
    loc, covariance = lifted([0.0], 2.0)
    q = family(*(backend.array(x, "float64") for x in (loc[0], scale(covariance))))
    line = mixture([0.5, 0.5], [-1.0, 1.0], [1.0, 1.0]), kldiv.Normal(*map(float, (0.0, 2.0**0.5)))
    # In Durrieu's, the other two coordinates add log(2) / 2 - 1 / 2 each to the entropies less the overlaps.
    lower, upper = both(*line, method=method)
    more = {"durrieu": 1 - np.log(2), "variational": 0.0}[method]
    np.testing.assert_allclose(both(p, q, method=method), [lower, upper + more], rtol=1e-12)
    assert lower <= LINE[0] <= upper


DIAGONAL = {
    "MultivariateNormalDiag": kldiv.MultivariateNormalDiag,
    "Independent(Normal)": lambda loc, scale: kldiv.Independent(kldiv.Normal(loc, scale)),
    "Independent(LogNormal)": lambda loc, scale: kldiv.Independent(kldiv.LogNormal(loc, scale)),
}


@only("family", DIAGONAL.values(), ids=DIAGONAL.keys())
def test_diagonal_families_agree_with_the_general_one(eager, backend, both, family):
    rng = np.random.default_rng(0)
    weights, loc, scale = rng.dirichlet(np.ones(3), 2), rng.normal(size=(2, 3, 2)), np.exp(rng.normal(size=(2, 3, 2)))

    def make(family, scale):
        return [
            kldiv.Mixture(backend.array(w, "float64"), family(backend.array(m, "float64"), backend.array(s, "float64")))
            for w, m, s in zip(weights, loc, scale, strict=True)
        ]

    general = both(*make(kldiv.MultivariateNormalTriL, scale[..., None] * np.eye(2)), method="durrieu")
    np.testing.assert_allclose(both(*make(family, scale), method="durrieu"), general, rtol=1e-12)


def test_single_components_have_the_closed_form(eager, backend, both):
    p, q = (kldiv.Gamma(*(backend.array(x, "float64") for x in pair)) for pair in ((2.0, 1.0), (3.0, 2.0)))
    np.testing.assert_allclose(both(p, q), [0.190921303781642241772048] * 2, rtol=1e-13)


def test_exact_where_q_is_single_and_components_do_not_overlap(eager, backend, both, mixture):
    # KL = sum_a pi_a (log pi_a + D_a), up to exp(-1e3).
    p, q = mixture([0.25, 0.75], [-100.0, 100.0], [1.0, 1.0]), mixture([1.0], [0.0], [100.0])
    exact = scipy.special.xlogy([0.25, 0.75], [0.25, 0.75]).sum() + np.log(100) + (1 + 1e4) / 2e4 - 0.5
    lower, upper = both(p, q, method="variational")
    np.testing.assert_allclose(lower, exact, rtol=1e-13)
    assert upper > exact


# ---------------------------------------------------------------------------------------------------------- the truth


def random_mixtures(seed, batch, size):
    rng = np.random.default_rng(seed)
    spread = np.exp(rng.normal(size=(batch, 1)))
    return (
        rng.dirichlet(np.ones(size), batch),
        spread * rng.normal(size=(batch, size)),
        np.exp(0.5 * rng.normal(size=(batch, size))),
    )


def log_density(x, weights, loc, scale):
    return scipy.special.logsumexp(scipy.stats.norm.logpdf(x[..., None], loc, scale), b=weights, axis=-1)


def truth(p, q):
    """Return the divergence of two mixtures by Gauss-Legendre quadrature of SciPy's densities, piece by piece."""
    ends = np.unique((p[1] + p[2] * np.array([[-12], [-6], [-3], [0], [3], [6], [12]])).ravel())
    nodes, weights = np.polynomial.legendre.leggauss(80)
    half = np.diff(ends)[:, None] / 2
    x = ends[:-1, None] + half * (nodes + 1)
    log_p, log_q = log_density(x, *p), log_density(x, *q)
    return (half * weights * np.exp(log_p) * (log_p - log_q)).sum()


def test_quadrature_of_two_pairs():
    np.testing.assert_allclose(truth(*(tuple(map(np.array, d)) for d in D2)), 0.646834407173066982383950, rtol=1e-12)


@only(("size_p", "size_q"), [(3, 2), (2, 2)])
def test_truth_is_between_the_bounds(eager, mixture, both, size_p, size_q):
    p, q = random_mixtures(0, 8, size_p), random_mixtures(1, 8, size_q)
    exact = np.array([truth([x[i] for x in p], [x[i] for x in q]) for i in range(8)])
    lower, upper = both(mixture(*p), mixture(*q))
    assert (lower >= 0).all()
    assert (lower <= exact + 1e-9).all()
    assert (exact <= upper + 1e-9).all()


@only("method", METHODS[1:])
def test_tightest_is_at_least_as_tight_as_any(eager, mixture, both, method):
    p, q = mixture(*random_mixtures(2, 20, 3)), mixture(*random_mixtures(3, 20, 3))
    lower, upper = both(p, q, method=method)
    best_lower, best_upper = both(p, q)
    assert (best_lower >= lower).all()
    assert (best_upper <= upper).all()


def test_least_of_the_variational_bounds_is_reached(eager, mixture, both):
    """The order of components does not matter: the least is 0 for two orders of one mixture."""
    weights, loc, scale = [0.2, 0.3, 0.5], [-3.0, 0.0, 4.0], [1.0, 0.5, 2.0]
    q = mixture(weights[::-1], loc[::-1], scale[::-1])
    assert both(mixture(weights, loc, scale), q, method="variational")[1] < 1e-13


def test_near_equality_matching_keeps_its_digits(eager, mixture, both):
    step = 2.0**-30
    p, q = mixture([0.5, 0.5], [-1.0, 1.0], [1.0, 1.0]), mixture([0.5 + step, 0.5 - step], [-1.0, 1.0 + step], [1, 1])
    # 2 step^2 from the weights, and step^2 / 4 from the mean.
    np.testing.assert_allclose(both(p, q)[1], 2.25 * step**2, rtol=1e-8)


@only("method", METHODS)
def test_equal_mixtures(eager, mixture, both, method):
    p = mixture(*D2[0])
    lower, upper = both(p, p, method=method)
    assert lower == 0
    assert upper == 0 or method in ("durrieu", "variational")


# -------------------------------------------------------------------------------------------------- edges and gradients


def test_batches_broadcast(eager, mixture, both):
    p, q = random_mixtures(0, 2, 3), random_mixtures(1, 4, 2)
    lower, upper = both(mixture(*(x[:, None] for x in p)), mixture(*q))
    assert lower.shape == upper.shape == (2, 4)
    one = both(mixture(*(x[1] for x in p)), mixture(*(x[2] for x in q)))
    np.testing.assert_allclose([lower[1, 2], upper[1, 2]], one, rtol=1e-12)


def test_parameters_that_components_share(eager, backend, both, mixture):
    shared = kldiv.Mixture(
        backend.array([0.5, 0.5], "float64"), kldiv.Normal(backend.array([-1.0, 1.0], "float64"), 2.0)
    )
    q = mixture(*D2[1])
    np.testing.assert_allclose(both(shared, q), both(mixture([0.5, 0.5], [-1.0, 1.0], [2.0, 2.0]), q), rtol=1e-14)


@only("method", METHODS[:3])
def test_components_of_weight_zero_do_not_count(eager, mixture, both, method):
    p, q = ([0.3, 0.0, 0.7], [-2.0, 50.0, 3.0], [0.5, 0.1, 1.0]), ([0.6, 0.4, 0.0], [-1.0, 2.0, 3.0], [1.0, 1.5, 1.0])
    np.testing.assert_allclose(both(mixture(*p), mixture(*q), method=method), EXACT[method], rtol=1e-13)


def uniforms(backend, weights, low, high):
    make = lambda x: backend.array(x, "float64")  # noqa: E731
    return kldiv.Mixture(make(weights), kldiv.Uniform(make(low), make(high)))


def test_infinite_divergences_between_components(backend, both):
    p = uniforms(backend, [0.5, 0.5], [0.0, 1.0], [1.0, 2.0])
    # By what of Q each component of P can be covered: by one, by either, by none.
    np.testing.assert_allclose(both(p, uniforms(backend, [0.25, 0.75], [0.0, 1.0], [1.0, 3.0]))[1], 0.5 * np.log(8 / 3))
    np.testing.assert_allclose(both(p, uniforms(backend, [0.5, 0.5], [0.0, 5.0], [2.0, 6.0]))[1], np.log(4))
    assert both(p, uniforms(backend, [0.5, 0.5], [0.0, 1.5], [1.0, 3.0]))[1] == np.inf


@only("method", METHODS)
def test_extreme_parameters_give_no_nan(eager, mixture, both, method):
    p = mixture([1.0, 0.0], [-1e100, 1e100], [1e-100, 1e100])
    q = mixture([1e-300, 1.0], [1e150, 0.0], [1e-200, 1e200])
    assert not np.isnan(both(p, q, method=method)).any()
    assert not np.isnan(both(q, p, method=method)).any()


def numerical_gradient(function, x, h=1e-4):
    """Return the gradient of a function by differences of order four."""
    slope = np.zeros_like(x)
    for i in range(len(x)):
        d = np.zeros_like(x)
        d[i] = h
        slope[i] = (8 * (function(x + d) - function(x - d)) - function(x + 2 * d) + function(x - 2 * d)) / (12 * h)
    return slope


@only(("method", "side"), [("durrieu", 1), ("durrieu", 0), ("variational", 1), ("matching", 1)])
@pytest.mark.one_in(2)
def test_gradients(differentiable, method, side):
    backend = differentiable
    weights, loc, scale = (backend.array(x, "float64") for x in D2[1])
    q = kldiv.Mixture(weights, kldiv.Normal(loc, scale))

    def bound(loc, scale):
        p = kldiv.Mixture(backend.array(D2[0][0], "float64"), kldiv.Normal(loc, scale))
        return kldiv.bounds(p, q, method=method)[side]

    def of_numpy(x):
        return float(bound(backend.array(x[:2], "float64"), backend.array(x[2:], "float64")))

    slopes = backend.eager_gradient(bound, *(backend.array(x, "float64") for x in D2[0][1:]))
    exact = numerical_gradient(of_numpy, np.array([*D2[0][1], *D2[0][2]]))
    actual = np.concatenate([backend.to_numpy(slope) for slope in slopes])
    np.testing.assert_allclose(actual, exact, rtol=1e-8, atol=1e-10)


@only("method", ["tightest", "durrieu"])
@pytest.mark.one_in(2)
def test_gradients_at_the_edges_are_finite(differentiable, method):
    backend = differentiable
    low, high = (backend.array(x, "float64") for x in ([0.0, 0.5], [1.0, 3.0]))
    weights = backend.array([0.0, 1.0], "float64")
    make = {"durrieu": kldiv.Normal}.get(method, kldiv.Uniform)

    def upper(weights_p, weights_q, low, high):
        p, q = kldiv.Mixture(weights_p, make(low, high)), kldiv.Mixture(weights_q, make(low + 0.25, high))
        return kldiv.bounds(p, q, method=method).upper

    slopes = backend.gradient(upper, weights, weights, low, high)
    assert [bool(np.isfinite(backend.to_numpy(slope)).all()) for slope in slopes] == [True] * 4


@pytest.mark.one_in(2)
def test_under_a_transform(backend, transform, monkeypatch):
    # Fewer steps of the iteration, as some compilers unroll them, and new programs for them.
    monkeypatch.setattr(mixtures, "_STEPS", mixtures._STEPS[:8])
    monkeypatch.setattr(cache, "_sections", {})

    def value(weights, loc, scale):
        p = kldiv.Mixture(weights, kldiv.Normal(loc, scale))
        lower, upper = kldiv.bounds(p, kldiv.Mixture(weights, kldiv.Normal(loc + 0.5, scale)))
        return lower + 2 * upper

    arguments = [backend.array(x, "float64") for x in random_mixtures(0, 3, 2)]
    np.testing.assert_allclose(
        backend.to_numpy(transform(value)(*arguments)), backend.to_numpy(value(*arguments)), rtol=1e-12, atol=1e-14
    )


# ---------------------------------------------------------------------------------------------------------- the errors


def test_unknown_method():
    with pytest.raises(ValueError, match=r"method must be one of 'tightest', .*; got 'best'"):
        kldiv.bounds(kldiv.Normal(0.0, 1.0), kldiv.Normal(0.0, 1.0), method="best")


def test_components_without_a_closed_form():
    p = kldiv.Mixture([0.5, 0.5], kldiv.StudentT([3.0, 4.0], 0.0, 1.0))
    with pytest.raises(kldiv.NoClosedForm, match=r"KL\(StudentT \|\| StudentT\) between components"):
        kldiv.bounds(p, p)


def test_components_that_are_not_normal():
    p = kldiv.Mixture([0.5, 0.5], kldiv.Exponential([3.0, 4.0]))
    with pytest.raises(kldiv.NoClosedForm, match="'durrieu' needs normal components"):
        kldiv.bounds(p, p, method="durrieu")


def test_numbers_of_components_that_do_not_match(mixture):
    with pytest.raises(ValueError, match="pairs components, but p has 2 and q has 1"):
        kldiv.bounds(mixture(*D2[0]), kldiv.Normal(0.0, 1.0), method="matching")


def test_bad_parameters_are_named(mixture):
    with pytest.raises(ValueError, match=r"Normal.scale must be positive and finite; got -1.0 at index \(1,\) of q"):
        kldiv.bounds(mixture(*D2[0]), mixture([0.5, 0.5], [0.0, 1.0], [1.0, -1.0]))


def test_outcomes_that_are_not_alike(mixture):
    with pytest.raises(ValueError, match="distributions of different things"):
        kldiv.bounds(mixture(*D2[0]), kldiv.MultivariateNormalDiag([0.0], [1.0]))
