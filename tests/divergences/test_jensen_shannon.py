"""Jensen-Shannon divergence and total variation of classes, against the definition in mpmath."""

import math

import numpy as np
import pytest
import scipy.spatial

import kldiv
import reference
from oracle import mp

only = pytest.mark.parametrize
RNG = np.random.default_rng(11)
SHAPE = (8, 6)
LOGITS = RNG.normal(size=SHAPE) * 3
MOVES = RNG.normal(size=SHAPE)
WEIGHTS = RNG.uniform(0.05, 0.95, 8)


def softmax(a):
    powers = [mp.exp(mp.convert(float(x))) for x in a]
    return [x / mp.fsum(powers) for x in powers]


def normalized(p):
    total = mp.fsum(float(x) for x in p)
    return [mp.convert(float(x)) / total for x in p]


def jensen_shannon(p, q, w=0.5):
    w = mp.convert(float(w))
    m = [w * a + (1 - w) * b for a, b in zip(p, q, strict=True)]
    parts = [(w, p), (1 - w, q)]
    return mp.fsum(s * a * mp.log(a / c) for s, d in parts for a, c in zip(d, m, strict=True) if a)


def variation(p, q, w=0.5):
    return mp.fsum(abs(a - b) for a, b in zip(p, q, strict=True)) / 2


def two(p):
    return [mp.convert(float(p[0])), 1 - mp.convert(float(p[0]))]


def two_of_logit(a):
    return softmax([a[0], 0.0])


KINDS = {  # a family, its parameter of 8 rows at a distance, and the probabilities of a row
    "Categorical": (kldiv.Categorical, lambda d: weights(d), normalized),
    "CategoricalLogits": (kldiv.CategoricalLogits, lambda d: LOGITS + d * (MOVES + 7), softmax),
    "Bernoulli": (kldiv.Bernoulli, lambda d: 0.1 + 0.8 / (1 + np.exp(-LOGITS[:, 0] - d * MOVES[:, 0])), two),
    "BernoulliLogits": (kldiv.BernoulliLogits, lambda d: LOGITS[:, 0] + d * MOVES[:, 0], two_of_logit),
}
FUNCTIONS = {
    "jensen_shannon": (lambda p, q, w: kldiv.jensen_shannon(p, q, weight=w), jensen_shannon),
    "total_variation": (lambda p, q, w: kldiv.total_variation(p, q), variation),
}


def weights(d):
    x = np.exp(LOGITS) * (1 + d * np.tanh(MOVES))
    return x / x.sum(axis=-1, keepdims=True)


@pytest.mark.one_in(8)
@only("distance", [0.5, 1e-4, 1e-8, 1e-12])
@only("kind", KINDS)
@only("name", FUNCTIONS)
def test_value_is_that_of_the_definition(backend, name, kind, distance):
    family, parameter, probabilities = KINDS[kind]
    function, definition = FUNCTIONS[name]
    x, y = parameter(0.0), parameter(distance)
    arrays = [backend.array(a, "float64") for a in (x, y, WEIGHTS)]
    found = backend.to_numpy(function(family(arrays[0]), family(arrays[1]), arrays[2]))
    with mp.workdps(70):
        rows = zip(x.reshape(8, -1), y.reshape(8, -1), WEIGHTS, strict=True)
        truth = [definition(probabilities(a), probabilities(b), w) for a, b, w in rows]
    assert max(reference.ulps(v, t, "float64") for v, t in zip(found, truth, strict=True)) <= 32


def test_two_thousand_classes_in_float32(backend):
    a = np.asarray(RNG.normal(size=2000), np.float32)
    b = np.asarray(a + 1e-4 * RNG.normal(size=2000), np.float32)
    p, q = (kldiv.CategoricalLogits(backend.array(x, "float32")) for x in (a, b))
    found = backend.to_numpy(kldiv.jensen_shannon(p, q))
    with mp.workdps(30):
        truth = jensen_shannon(softmax(a), softmax(b))
    assert reference.ulps(found, truth, "float32") <= 64


EDGES = {  # p, q, Jensen-Shannon divergence, total variation
    "a class that neither has": (
        kldiv.CategoricalLogits([0.0, -math.inf, 3.0]),
        kldiv.CategoricalLogits([0.0, -math.inf, 1.0]),
        lambda: jensen_shannon(softmax([0.0, 3.0]), softmax([0.0, 1.0])),
        lambda: variation(softmax([0.0, 3.0]), softmax([0.0, 1.0])),
    ),
    "no class that both have": (
        kldiv.CategoricalLogits([0.0, -math.inf]),
        kldiv.CategoricalLogits([-math.inf, 5.0]),
        lambda: math.log(2),
        lambda: 1.0,
    ),
    "the same in probabilities": (
        kldiv.Categorical([1.0, 0.0]),
        kldiv.Categorical([0.0, 1.0]),
        lambda: math.log(2),
        lambda: 1.0,
    ),
    "logits far apart": (
        kldiv.CategoricalLogits([1e4, 0.0]),
        kldiv.CategoricalLogits([0.0, 1e4]),
        lambda: math.log(2),
        lambda: 1.0,
    ),
    "certain bits": (
        kldiv.BernoulliLogits(math.inf),
        kldiv.BernoulliLogits(-math.inf),
        lambda: math.log(2),
        lambda: 1.0,
    ),
    "a certain bit": (
        kldiv.Bernoulli(1.0),
        kldiv.Bernoulli(0.5),
        lambda: jensen_shannon([mp.one, mp.zero], [mp.mpf(0.5), mp.mpf(0.5)]),
        lambda: 0.5,
    ),
    "one-hot": (
        kldiv.OneHotCategorical([0.5, 0.5, 0.0]),
        kldiv.OneHotCategorical([0.5, 0.0, 0.5]),
        lambda: math.log(2) / 2,
        lambda: 0.5,
    ),
}


@pytest.mark.one_in(7)
@only("case", EDGES.values(), ids=EDGES.keys())
def test_edges(backend, case):
    p, q, divergence, variation = case
    p, q = (type(d)(backend.array(d[0], "float64")) for d in (p, q))
    for a, b in ((p, q), (q, p)):
        np.testing.assert_allclose(backend.to_numpy(kldiv.jensen_shannon(a, b)), float(divergence()), rtol=1e-14)
        np.testing.assert_allclose(backend.to_numpy(kldiv.total_variation(a, b)), float(variation()), rtol=1e-14)
    assert backend.to_numpy(kldiv.jensen_shannon(p, p)) == 0


def test_gradient_with_a_dead_class(differentiable):
    """At an edge the derivative is that of the classes which are left."""

    def divergence(logits):
        return kldiv.jensen_shannon(kldiv.CategoricalLogits(logits), kldiv.CategoricalLogits([0.0, -math.inf, 1.0]))

    (found,) = differentiable.gradient(divergence, differentiable.array([0.0, -math.inf, 3.0], "float64"))
    with mp.workdps(30):
        slope = float(
            mp.diff(lambda a: jensen_shannon([1 / (1 + mp.exp(a)), 1 / (1 + mp.exp(-a))], softmax([0.0, 1.0])), 3)
        )
    np.testing.assert_allclose(differentiable.to_numpy(found), [-slope, 0.0, slope], rtol=1e-13, atol=1e-17)


@pytest.mark.one_in(2)
@only("kind", KINDS)
def test_gradient_at_equality_is_0(differentiable, kind):
    family, parameter, _ = KINDS[kind]
    x = differentiable.array(parameter(0.0), "float64")
    (found,) = differentiable.gradient(lambda y: kldiv.jensen_shannon(family(x), family(y)), x)
    np.testing.assert_allclose(differentiable.to_numpy(found), np.zeros(np.shape(parameter(0.0))), atol=1e-15)


def test_under_a_compiler_or_transform(transform, backend):
    x = backend.array(LOGITS, "float64")
    function = transform(lambda x: kldiv.jensen_shannon(kldiv.CategoricalLogits(x), kldiv.CategoricalLogits(0 * x)))
    expected = [float(jensen_shannon(softmax(a), softmax(0 * a))) for a in LOGITS]
    np.testing.assert_allclose(backend.to_numpy(function(x)), expected, rtol=1e-13)


def test_distance_is_that_of_scipy(eager, backend):
    x, y = weights(0.0), weights(0.5)
    p, q = (kldiv.Categorical(backend.array(a, "float64")) for a in (x, y))
    expected = scipy.spatial.distance.jensenshannon(x, y, base=2, axis=-1)
    np.testing.assert_allclose(backend.to_numpy(kldiv.jensen_shannon_distance(p, q, base=2)), expected, rtol=1e-13)


def test_bounds_between_divergences(eager, backend):
    """Pinsker, Bretagnolle and Huber, and those of Le Cam between the Hellinger distance and the total variation."""
    p, q = (kldiv.Categorical(backend.array(RNG.dirichlet(np.full(5, 0.5), 200), "float64")) for _ in range(2))
    tv, kl, h, js = (
        backend.to_numpy(f(p, q))
        for f in (kldiv.total_variation, kldiv.kl_divergence, kldiv.hellinger, kldiv.jensen_shannon)
    )
    assert (tv <= np.sqrt(kl / 2)).all()
    assert (tv <= np.sqrt(-np.expm1(-kl)) + 1e-15).all()
    assert ((h**2 <= tv + 1e-15) & (tv <= h * np.sqrt(2 - h**2) + 1e-15)).all()
    assert (js <= math.log(2)).all()


C = kldiv.Categorical([0.5, 0.5])
REFUSED = {
    "weight": (lambda: kldiv.jensen_shannon(C, C, weight=1.5), ValueError, "weight must be between 0 and 1; got 1.5"),
    "a density": (
        lambda: kldiv.jensen_shannon(kldiv.Normal(0.0, 1.0), kldiv.Normal(0.0, 1.0)),
        kldiv.NoClosedForm,
        "Bernoulli and Categorical",
    ),
    "a parameter": (lambda: kldiv.total_variation(C, kldiv.Categorical([0.5, -0.5])), ValueError, "Categorical.probs"),
    "classes": (lambda: kldiv.jensen_shannon(C, kldiv.Categorical([0.2, 0.3, 0.5])), ValueError, "event"),
}


@only("case", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(eager, case):
    call, error, words = case
    with pytest.raises(error, match=words):
        call()
