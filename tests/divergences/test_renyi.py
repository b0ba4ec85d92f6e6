"""Rényi divergences and what is made of them, against closed forms of the literature and the definition."""

import math

import numpy as np
import pytest
import scipy.stats

import kldiv
import reference
from oracle import mp

only = pytest.mark.parametrize


@pytest.fixture
def value(backend):
    """Return a function to a divergence of distributions in the arrays of the framework, in NumPy's."""

    def evaluate(divergence, p, q, *numbers, dtype="float64", **options):
        p, q = (type(d)(*[backend.array(x, dtype) for x in d]) for d in (p, q))
        numbers = [backend.array(x, dtype) for x in numbers]
        return np.asarray(backend.to_numpy(divergence(p, q, *numbers, **options)))

    return evaluate


# ------------------------------------------------------------- closed forms: Gil, Alajaji and Linder (2013), in mpmath


def normal(a, m_p, s_p, m_q, s_q):
    square = (1 - a) * s_p**2 + a * s_q**2
    if square <= 0:
        return mp.inf
    return mp.log(s_q / s_p) + mp.log(s_q**2 / square) / (2 * (a - 1)) + a * (m_p - m_q) ** 2 / (2 * square)


def gamma(a, k_p, r_p, k_q, r_q):
    k, r = a * k_p + (1 - a) * k_q, a * r_p + (1 - a) * r_q
    if k <= 0 or r <= 0:
        return mp.inf
    log_integral = (
        a * (k_p * mp.log(r_p) - mp.loggamma(k_p))
        + (1 - a) * (k_q * mp.log(r_q) - mp.loggamma(k_q))
        + mp.loggamma(k)
        - k * mp.log(r)
    )
    return log_integral / (a - 1)


def log_beta(a, b):
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def beta(a, a_p, b_p, a_q, b_q):
    mixed = [a * x + (1 - a) * y for x, y in ((a_p, a_q), (b_p, b_q))]
    if min(mixed) <= 0:
        return mp.inf
    return (log_beta(*mixed) - a * log_beta(a_p, b_p) - (1 - a) * log_beta(a_q, b_q)) / (a - 1)


def poisson(a, r_p, r_q):
    return (a * r_p + (1 - a) * r_q - r_p**a * r_q ** (1 - a)) / (1 - a)


def bernoulli(a, p, q):
    return mp.log(p**a * q ** (1 - a) + (1 - p) ** a * (1 - q) ** (1 - a)) / (a - 1)


def geometric(a, p, q):
    ratio = (1 - p) ** a * (1 - q) ** (1 - a)
    return mp.inf if ratio >= 1 else mp.log(p**a * q ** (1 - a) / (1 - ratio)) / (a - 1)


def laplace(a, m_p, s_p, m_q, s_q):
    rate = a / s_p + (1 - a) / s_q
    return mp.inf if rate <= 0 else mp.log(s_p**-a * s_q ** (a - 1) / rate) / (a - 1)


CLOSED = {
    "Normal": (kldiv.Normal(3.0, 1.5), [1.0, 1.0], normal),
    "Gamma": (kldiv.Gamma(2.5, 1.5), [1.0, 1.0], gamma),
    "Beta": (kldiv.Beta(2.5, 0.75), [1.0, 1.0], beta),
    "Poisson": (kldiv.Poisson(3.0), [1.0], poisson),
    "Bernoulli": (kldiv.Bernoulli(0.25), [1.0], bernoulli),
    "Geometric": (kldiv.Geometric(0.25), [1.0], geometric),
    "Laplace": (kldiv.Laplace(1.0, 2.0), [0.0, 1.0], laplace),
    "Kumaraswamy": (
        kldiv.Kumaraswamy(2.0, 1.5),
        [0.0, 1.0],
        # x^2 is a beta variable.
        lambda a, k_p, b_p, k_q, b_q: beta(a, mp.one, b_p, mp.one, b_q),
    ),
}
ORDERS = np.asarray([0.1, 0.5, 0.9, 1.5, 2.0])
STEPS = [0.3, 1e-3, 1e-6, 1e-9, 1e-12]


def steps_of(p, steps, moved):
    """Return members at relative distances from p."""
    directions = np.asarray([1.0, -0.7, 0.4])[: len(p)]
    return type(p)(
        *[np.asarray([[x * (1 + s * m * d)] for s in steps]) for x, m, d in zip(p, moved, directions, strict=True)]
    )


@pytest.mark.one_in(8)
@only("case", CLOSED.values(), ids=CLOSED.keys())
def test_value_is_that_of_the_closed_form(value, case):
    p, moved, formula = case
    q = steps_of(p, STEPS, moved)
    found = value(kldiv.renyi, p, q, ORDERS)
    with mp.workdps(80):
        rows = [[mp.mpf(float(x[i, 0])) for x in q] for i in range(len(STEPS))]
        truth = [formula(mp.mpf(float(a)), *map(mp.mpf, p), *row) for row in rows for a in ORDERS]
    errors = [reference.ulps(x, t, "float64") for x, t in zip(found.ravel(), truth, strict=True)]
    assert max(errors) <= 64


@pytest.mark.one_in(2)
@only("case", [CLOSED["Normal"], CLOSED["Beta"]], ids=["Normal", "Beta"])
def test_value_in_float32(value, case):
    p, moved, formula = case
    q = steps_of(p, [0.3, 1e-2, 1e-4], moved)
    q = type(q)(*[np.asarray(x, np.float32) for x in q])
    orders = np.asarray([0.5, 2.0], np.float32)
    found = value(kldiv.renyi, p, q, orders, dtype="float32")
    assert found.dtype == np.float32
    with mp.workdps(60):
        truth = [
            formula(mp.mpf(float(a)), *map(mp.mpf, p), *[mp.mpf(float(x[i, 0])) for x in q])
            for i in range(3)
            for a in orders
        ]
    assert max(reference.ulps(x, t, "float32") for x, t in zip(found.ravel(), truth, strict=True)) <= 64


FACTOR = np.asarray([[1.0, 0.0], [0.4, 0.8]])
OTHER = np.asarray([[1.2, 0.0], [0.2, 0.7]])
NORMALS = {
    "TriL": (kldiv.MultivariateNormalTriL, lambda f: f),
    "covariance": (kldiv.MultivariateNormal, lambda f: f @ f.T),
    "precision": (kldiv.MultivariateNormalPrecision, lambda f: np.linalg.inv(f @ f.T)),
}


@pytest.mark.one_in(3)
@only("case", NORMALS.values(), ids=NORMALS.keys())
def test_normal_with_full_covariance(value, case):
    family, parameter = case
    p, q = family([0.0, 1.0], parameter(FACTOR)), family([0.5, 0.0], parameter(OTHER))
    found = value(kldiv.renyi, p, q, np.asarray([0.5, 0.9, 1.5]))
    s_p, s_q, gap = FACTOR @ FACTOR.T, OTHER @ OTHER.T, np.asarray([0.5, -1.0])
    expected = []
    for a in (0.5, 0.9, 1.5):  # Gil, Alajaji and Linder (2013), table 3
        s = (1 - a) * s_p + a * s_q
        logs = [np.linalg.slogdet(x)[1] for x in (s, s_p, s_q)]
        quadratic = a / 2 * gap @ np.linalg.solve(s, gap)
        expected.append(quadratic - (logs[0] - (1 - a) * logs[1] - a * logs[2]) / (2 * (a - 1)))
    np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.one_in(2)
@only("family", [kldiv.MultivariateNormalTriL, kldiv.MultivariateNormal], ids=["TriL", "covariance"])
def test_normal_with_full_covariance_near_equality(value, family):
    matrix = FACTOR if family is kldiv.MultivariateNormalTriL else FACTOR @ FACTOR.T
    p, q = family([3.0, 1.0], matrix), family([3.0 + 2e-9, 1.0], matrix)
    gap = np.asarray([(3.0 + 2e-9) - 3.0, 0.0])
    expected = 0.25 * gap @ np.linalg.solve(FACTOR @ FACTOR.T, gap)
    np.testing.assert_allclose(value(kldiv.renyi, p, q, np.asarray(0.5)), expected, rtol=1e-14)


# Families without a formula of the literature, by the definition: parameters of p and q, and an order.
DEFINED = {
    "InverseGaussian": (kldiv.InverseGaussian, (1.0, 2.0), (1.5, 3.0), 0.5),
    "Gumbel": (kldiv.Gumbel, (0.0, 1.0), (1.5, 1.0), 0.5),
    "Lindley": (kldiv.Lindley, (1.0,), (2.0,), 0.5),
    "GeneralizedGamma": (kldiv.GeneralizedGamma, (1.0, 2.0, 1.5), (1.4, 2.5, 1.5), 0.7),
    "LogSeries": (kldiv.LogSeries, (0.5,), (0.25,), 0.5),
    "NormalLogVariance": (kldiv.NormalLogVariance, (0.0, 0.5), (1.0, 0.75), 0.5),
}
MORE_DEFINED = {
    "VonMises": (kldiv.VonMises, (0.5, 2.0), (1.5, 1.0), 2.0),
    "ContinuousBernoulli": (kldiv.ContinuousBernoulli, (0.25,), (0.75,), 0.5),
    "Moyal": (kldiv.Moyal, (0.0, 1.0), (0.5, 1.0), 0.5),
    "Frechet": (kldiv.Frechet, (1.0, 2.0), (1.5, 2.0), 0.5),
    "Rayleigh": (kldiv.Rayleigh, (1.0,), (1.5,), 2.0),
    "HalfNormal": (kldiv.HalfNormal, (1.0,), (1.5,), 2.0),
    "Weibull": (kldiv.Weibull, (1.0, 1.5), (2.0, 1.5), 0.5),
    "TruncatedNormal": (kldiv.TruncatedNormal, (0.0, 1.0, -1.0, 2.0), (1.0, 1.5, -1.0, 2.0), 2.0),
    "GeneralizedNormal": (kldiv.GeneralizedNormal, (0.0, 1.0, 1.5), (0.0, 2.0, 1.5), 0.5),
    "NegativeBinomial": (kldiv.NegativeBinomial, (2.5, 0.25), (2.5, 0.5), 0.5),
    "Binomial": (kldiv.Binomial, (5.0, 0.25), (5.0, 0.5), 2.0),
    "Lomax": (kldiv.Lomax, (1.0, 2.0), (1.0, 3.0), 0.5),
    "LogNormal": (kldiv.LogNormal, (0.0, 1.0), (1.0, 1.5), 0.5),
    "BetaPrime": (kldiv.BetaPrime, (1.5, 2.0), (2.0, 3.0), 0.5),
}


def check_definition(value, name, case):
    family, p, q, order = case
    truth = reference.renyi(name, p, name, q, order, 15)
    found = value(kldiv.renyi, family(*p), family(*q), np.asarray(order))
    assert reference.ulps(found, truth, "float64") <= 64


@pytest.mark.one_in(6)
@only("name", DEFINED)
def test_value_is_that_of_the_definition(value, name):
    check_definition(value, name, DEFINED[name])


@only("name", MORE_DEFINED)
def test_value_of_each_family_is_that_of_the_definition(eager, value, name):
    check_definition(value, name, MORE_DEFINED[name])


# ----------------------------------------------------------------------------------------------------------------- laws

PAIRS = {
    "Normal": (kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 1.25)),
    "Gamma": (kldiv.Gamma(2.0, 1.0), kldiv.Gamma(2.5, 0.75)),
    "Categorical": (kldiv.Categorical([0.2, 0.3, 0.5]), kldiv.Categorical([0.25, 0.5, 0.25])),
    "CategoricalLogits": (kldiv.CategoricalLogits([0.0, 1.0, 2.0]), kldiv.CategoricalLogits([1.0, 0.0, 2.5])),
}


@pytest.mark.one_in(4)
@only("pair", PAIRS.values(), ids=PAIRS.keys())
def test_laws_of_the_order(value, pair):
    p, q = pair
    orders = np.asarray([0.0, 1e-3, 0.3, 0.5, 1 - 1e-7, 1.0, 1 + 1e-7, 1.5, 2.0])
    found = value(kldiv.renyi, p, q, orders)
    assert (np.diff(found) >= 0).all()
    np.testing.assert_allclose(found[0], 0, atol=1e-30)
    np.testing.assert_allclose(found[5], value(kldiv.kl_divergence, p, q), rtol=1e-15)
    np.testing.assert_allclose(found[[4, 6]], found[5], rtol=1e-6)
    # Skew symmetry: (1 - a) D_a(P || Q) = a D_(1 - a)(Q || P).
    np.testing.assert_allclose(0.7 * found[2], 0.3 * value(kldiv.renyi, q, p, np.asarray(0.7)), rtol=1e-13)
    np.testing.assert_array_equal(value(kldiv.renyi, p, p, orders), np.zeros(9))


INFINITE = {
    "precision that is none": (kldiv.Normal(0.0, 2.0), kldiv.Normal(0.0, 1.0), 2.0),
    "class that q rules out": (kldiv.Categorical([0.5, 0.5]), kldiv.Categorical([1.0, 0.0]), 1.5),
    "the same in logits": (kldiv.CategoricalLogits([0.0, 0.0]), kldiv.CategoricalLogits([0.0, -np.inf]), 1.5),
    "nothing in common": (kldiv.Bernoulli(0.0), kldiv.Bernoulli(1.0), 0.5),
    "intervals apart": (kldiv.Uniform(0.0, 1.0), kldiv.Uniform(2.0, 3.0), 0.5),
    "an interval that sticks out": (kldiv.Uniform(0.0, 2.0), kldiv.Uniform(0.0, 1.0), 1.0),
}
FINITE = {  # of edges
    "class that q rules out": (kldiv.Categorical([0.5, 0.5]), kldiv.Categorical([1.0, 0.0]), 0.5, math.log(2)),
    "the same in logits": (
        kldiv.CategoricalLogits([0.0, 0.0]),
        kldiv.CategoricalLogits([0.0, -np.inf]),
        0.5,
        math.log(2),
    ),
    "class that p rules out": (kldiv.Categorical([1.0, 0.0]), kldiv.Categorical([0.5, 0.5]), 2.0, math.log(2)),
    "order 0": (kldiv.Categorical([1.0, 0.0]), kldiv.Categorical([0.25, 0.75]), 0.0, math.log(4)),
    "intervals that overlap": (kldiv.Uniform(0.0, 2.0), kldiv.Uniform(1.0, 3.0), 0.5, 2 * math.log(2)),
    "a certain count": (kldiv.Poisson(0.0), kldiv.Poisson(3.0), 0.5, 3.0),
    "a certain bit": (kldiv.BernoulliLogits(np.inf), kldiv.BernoulliLogits(0.0), 2.0, math.log(2)),
    "far apart": (kldiv.Normal(0.0, 1e-30), kldiv.Normal(0.0, 1e30), 0.5, 60 * math.log(10) - math.log(2)),
}


@pytest.mark.one_in(6)
@only("case", INFINITE.values(), ids=INFINITE.keys())
def test_divergence_is_infinite(value, case):
    p, q, order = case
    assert value(kldiv.renyi, p, q, np.asarray(order)) == math.inf


@pytest.mark.one_in(6)
@only("case", FINITE.values(), ids=FINITE.keys())
def test_edges_are_finite(value, case):
    p, q, order, expected = case
    np.testing.assert_allclose(value(kldiv.renyi, p, q, np.asarray(order)), expected, rtol=1e-14)


def test_independent_components_add_up(value, backend):
    p = kldiv.Independent(kldiv.Gamma(backend.array([2.0, 3.0], "float64"), backend.array([1.0, 1.0], "float64")))
    q = kldiv.Independent(kldiv.Gamma(backend.array([2.5, 2.0], "float64"), backend.array([1.0, 0.5], "float64")))
    order = backend.array([0.5, 1.5], "float64")
    found = backend.to_numpy(kldiv.renyi(p, q, order))
    parts = [backend.to_numpy(kldiv.renyi(p.base, q.base, a)) for a in (0.5, 1.5)]
    np.testing.assert_allclose(found, np.sum(parts, axis=-1), rtol=1e-14)
    information = backend.to_numpy(kldiv.chernoff(p, q))
    grid = [float((1 - a) * backend.to_numpy(kldiv.renyi(p, q, float(a)))) for a in np.linspace(0.4, 0.6, 21)]
    np.testing.assert_allclose(information, max(grid), rtol=1e-3)
    assert information >= max(grid) * (1 - 1e-14)


# ------------------------------------------------------------------------------------------------------ what follows

A, B = kldiv.Categorical([0.2, 0.3, 0.5]), kldiv.Categorical([0.25, 0.5, 0.25])
P, Q = np.asarray(A.probs), np.asarray(B.probs)
FOLLOWS = {
    "bhattacharyya": (kldiv.bhattacharyya, (), lambda: -np.log(np.sum(np.sqrt(P * Q)))),
    "hellinger": (kldiv.hellinger, (), lambda: np.sqrt(0.5 * np.sum((np.sqrt(P) - np.sqrt(Q)) ** 2))),
    "chi2": (kldiv.chi2, (), lambda: np.sum((P - Q) ** 2 / Q)),
    "tsallis": (kldiv.tsallis, (1.5,), lambda: (np.sum(P**1.5 * Q**-0.5) - 1) / 0.5),
    "alpha": (kldiv.alpha, (1.5,), lambda: (np.sum(P**1.5 * Q**-0.5) - 1) / 0.75),
    "alpha of order 0": (kldiv.alpha, (0.0,), lambda: scipy.stats.entropy(Q, P)),
    "alpha of order 1": (kldiv.alpha, (1.0,), lambda: scipy.stats.entropy(P, Q)),
    "alpha of a small order": (kldiv.alpha, (0.1,), lambda: (1 - np.sum(P**0.1 * Q**0.9)) / 0.09),
    "jeffreys": (kldiv.jeffreys, (), lambda: np.sum((P - Q) * np.log(P / Q))),
    "chernoff": (
        kldiv.chernoff,
        (),
        lambda: (
            -scipy.optimize.minimize_scalar(
                lambda a: np.log(np.sum(P**a * Q ** (1 - a))), bounds=(0, 1), method="bounded", options={"xatol": 1e-10}
            ).fun
        ),
    ),
}


@pytest.mark.one_in(5)
@only("case", FOLLOWS.values(), ids=FOLLOWS.keys())
def test_divergences_that_follow(value, case):
    divergence, numbers, expected = case
    np.testing.assert_allclose(value(divergence, A, B, *map(np.asarray, numbers)), expected(), rtol=2e-14)


BASES = {"renyi": [2.0], "bhattacharyya": [], "chernoff": [], "jeffreys": []}


@pytest.mark.one_in(4)
@only("name", BASES)
def test_base(value, name):
    divergence, numbers = getattr(kldiv, name), [np.asarray(x) for x in BASES[name]]
    nats, bits = (value(divergence, A, B, *numbers, base=base) for base in (None, 2))
    np.testing.assert_allclose(bits * math.log(2), nats, rtol=1e-15)


def test_squared_hellinger_distance_near_equality(value):
    p, q = kldiv.Normal(0.0, 1.0), kldiv.Normal(1e-9, 1.0)
    np.testing.assert_allclose(value(kldiv.hellinger, p, q, squared=True), 1e-18 / 8, rtol=1e-14)


# --------------------------------------------------------------------------------------------------- derivatives, modes


def test_gradient_with_respect_to_parameters_and_order(differentiable):
    def divergence(loc, scale, order):
        return kldiv.renyi(kldiv.Normal(loc, scale), kldiv.Normal(1.0, 1.5), order)

    at = [np.asarray(x) for x in (0.25, 1.25, 0.75)]
    found = differentiable.gradient(divergence, *[differentiable.array(x, "float64") for x in at])

    def truth(loc, scale, order):
        return normal(order, loc, scale, mp.one, mp.mpf(1.5))

    with mp.workdps(40):
        expected = [
            float(mp.diff(truth, tuple(map(mp.mpf, map(float, at))), tuple(int(i == k) for i in range(3))))
            for k in range(3)
        ]
    np.testing.assert_allclose([float(differentiable.to_numpy(x)) for x in found], expected, rtol=1e-12)


@pytest.mark.one_in(3)
@only("order", [0.5, 1.0, 2.0])
def test_gradient_at_equality_is_0(differentiable, order):
    def divergence(logits):
        return kldiv.renyi(kldiv.CategoricalLogits(logits), kldiv.CategoricalLogits([0.0, 1.0, -math.inf]), order)

    (found,) = differentiable.gradient(divergence, differentiable.array([0.0, 1.0, -math.inf], "float64"))
    np.testing.assert_allclose(differentiable.to_numpy(found), np.zeros(3), atol=1e-15)


def test_under_a_compiler_or_transform(transform, backend):
    x = backend.array(np.asarray([[0.2, 1.0], [0.4, 1.5], [0.6, 0.7]]), "float64")
    function = transform(lambda x: kldiv.renyi(kldiv.Normal(x[..., 0], x[..., 1]), kldiv.Normal(1.0, 2.0), 0.5))
    x_p, s_p = backend.to_numpy(x).T
    square = (s_p**2 + 4) / 2
    expected = 0.25 * (x_p - 1) ** 2 / square + np.log(square / (s_p * 2))
    np.testing.assert_allclose(backend.to_numpy(function(x)), expected, rtol=1e-13)


# ------------------------------------------------------------------------------------------------------------ bad input

N = kldiv.Normal(0.0, 1.0)
REFUSED = {
    "negative order": (lambda: kldiv.renyi(N, N, -0.5), ValueError, "order must be finite and not negative; got -0.5"),
    "order nan": (lambda: kldiv.renyi(N, N, [0.5, math.nan]), ValueError, "got nan at index"),
    "order inf": (lambda: kldiv.renyi(N, N, math.inf), ValueError, "must be finite"),
    "a parameter": (lambda: kldiv.renyi(N, kldiv.Normal(0.0, -1.0), 0.5), ValueError, "Normal.scale must be positive"),
    "what must be shared": (
        lambda: kldiv.renyi(kldiv.Laplace(0.0, 1.0), kldiv.Laplace(1.0, 1.0), 0.5),
        ValueError,
        "only where p and q share loc",
    ),
    "no family": (
        lambda: kldiv.renyi(kldiv.Cauchy(0.0, 1.0), kldiv.Cauchy(1.0, 1.0), 0.5),
        kldiv.NoClosedForm,
        "Cauchy",
    ),
    "no distribution": (lambda: kldiv.renyi(N, 3.0, 0.5), TypeError, "q is"),
    "base": (lambda: kldiv.renyi(N, N, 0.5, base=1), ValueError, "base must be"),
    "arguments": (
        lambda: kldiv.declare.interpolation(kldiv.Cauchy)(lambda xp, t, loc: None),
        TypeError,
        r"def <lambda>\(xp, t, loc_p, scale_p, loc_q, scale_q\)",
    ),
}


@only("case", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(eager, case):
    call, error, words = case
    with pytest.raises(error, match=words):
        call()
