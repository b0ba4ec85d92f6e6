"""Categorical distributions with so many classes that sums are taken in slices: values, edges, derivatives."""

import math

import numpy as np
import pytest
import scipy.special

import kldiv

CLASSES = 4160  # not a whole number of slices
NEARNESS = [1.0, 1e-1, 1e-3, 1e-6, 0.0]
OFFSET = [0.0, 1.0, 0.0, 100.0, 0.0]


@pytest.fixture
def logits():
    """Return rows of logits ever nearer to each other, in float64 what float32 can hold."""
    a, noise = np.random.default_rng(0).normal(size=(2, len(NEARNESS), CLASSES))
    a, b = a, a + np.asarray(NEARNESS)[:, None] * noise + np.asarray(OFFSET)[:, None]
    return [x.astype("float32").astype("float64") for x in (a, b)]


@pytest.fixture
def far(logits):
    """Return rows of which none is near to another."""
    return [logits[0][:2], logits[0][2:4]]


def truth(a, b):
    """Return the divergence by long doubles and terms that cannot be negative."""
    a, b = a.astype(np.longdouble), b.astype(np.longdouble)
    p = np.exp(a - a.max(axis=-1, keepdims=True))
    return mean_gap(p / p.sum(axis=-1, keepdims=True), b - a)


def mean_gap(p, t):
    """Return log(E_p exp(t)) - E_p t."""
    tau = t - (p * t).sum(axis=-1, keepdims=True)
    small = np.where(abs(tau) < 1e-2, tau, 0.0)
    series = small**2 * sum(small**k / math.factorial(k + 2) for k in range(8))
    return np.log1p((p * np.where(abs(tau) < 1e-2, series, np.expm1(tau) - tau)).sum(axis=-1))


def truth_of_probabilities(p, q):
    p, q = p.astype(np.longdouble), q.astype(np.longdouble)
    return mean_gap(p / p.sum(axis=-1, keepdims=True), np.log1p((q - p) / p))


def of_logits(a, b):
    return kldiv.kl_divergence(kldiv.CategoricalLogits(a), kldiv.CategoricalLogits(b))


def of_probabilities(p, q):
    return kldiv.kl_divergence(kldiv.Categorical(p), kldiv.Categorical(q))


def values(backend, function, arrays, dtype):
    return backend.to_numpy(function(*[backend.array(x, dtype) for x in arrays]))


def ulps(found, expected, dtype):
    return np.max(abs(found - expected) / np.maximum(expected, 1e-300)) / np.finfo(dtype).eps


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_logits_are_within_their_bound(backend, logits, dtype):
    found = values(backend, of_logits, logits, dtype)
    assert found[-1] == 0
    assert ulps(found[:-1], truth(*logits)[:-1], dtype) <= 5 + backend.elementary_ulps


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_logits_far_apart_are_within_their_bound(backend, far, dtype):
    assert ulps(values(backend, of_logits, far, dtype), truth(*far), dtype) <= 5 + backend.elementary_ulps


@pytest.mark.parametrize("scale", [30.0, 300.0])
def test_wide_logits_are_within_their_bound(backend, far, scale):
    far = [(scale * x).astype("float32") for x in far]
    found = values(backend, of_logits, far, "float32")
    expected = truth(*(x.astype("float64") for x in far))
    assert ulps(found, expected, "float32") <= max(abs(far[0]).max(), abs(far[1]).max())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_probabilities_are_within_their_bound(backend, logits, dtype):
    p, q = (scipy.special.softmax(x, axis=-1).astype(dtype).astype("float64") for x in logits)
    found = values(backend, of_probabilities, [p, q], dtype)
    assert found[-1] == 0
    assert ulps(found[:-1], truth_of_probabilities(p, q)[:-1], dtype) <= 6 + backend.elementary_ulps


def test_edges_of_logits(backend, logits):
    a, b = logits
    a[0, 3] = b[0, 3] = -np.inf  # nobody has this class
    a[1, :5] = -np.inf  # q has these alone
    b[2, 7] = -np.inf  # p has this alone
    found = values(backend, of_logits, [a, b], "float64")
    log_p, log_q = scipy.special.log_softmax(a[:2], axis=-1), scipy.special.log_softmax(b[:2], axis=-1)
    with np.errstate(invalid="ignore"):
        terms = np.where(log_p > -np.inf, np.exp(log_p) * (log_p - log_q), 0.0)
    np.testing.assert_allclose(found[:2], terms.sum(axis=-1), rtol=1e-9)
    assert found[2] == np.inf


def test_edges_of_probabilities(backend, logits):
    p, q = (scipy.special.softmax(x, axis=-1) for x in logits)
    p[0, 3] = q[0, 3] = p[1, 7] = q[2, 7] = 0.0
    p, q = (x / x.sum(axis=-1, keepdims=True) for x in (p, q))
    found = values(backend, of_probabilities, [p, q], "float64")
    np.testing.assert_allclose(found, scipy.special.rel_entr(p, q).sum(axis=-1), rtol=1e-6, atol=1e-15)


def test_one_distribution_against_many(backend, logits):
    a, b = logits
    found = values(backend, of_logits, [a, b[0]], "float64")
    expected = values(backend, of_logits, [a, np.broadcast_to(b[0], a.shape)], "float64")
    np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.one_in(2)
def test_transformed_function_has_the_same_values(backend, logits, transform):
    found = backend.to_numpy(transform(of_logits)(*[backend.array(x, "float64") for x in logits]))
    np.testing.assert_allclose(found[:-1], truth(*logits)[:-1].astype("float64"), rtol=2e-15 * 5)


def test_gradient_of_logits(differentiable, logits):
    a, b = logits
    slopes = differentiable.gradient(of_logits, *[differentiable.array(x, "float64") for x in logits])
    p, q = (scipy.special.softmax(x, axis=-1) for x in logits)
    t = b - a
    for slope, expected in zip(slopes, (-p * (t - (p * t).sum(axis=-1, keepdims=True)), q - p), strict=True):
        np.testing.assert_allclose(differentiable.to_numpy(slope), expected, atol=1e-16)


def test_gradient_of_probabilities(differentiable, logits):
    p, q = (scipy.special.softmax(x, axis=-1) for x in logits)
    slopes = differentiable.gradient(of_probabilities, *[differentiable.array(x, "float64") for x in (p, q)])
    log = np.log(p / q)
    expected = (log - scipy.special.rel_entr(p, q).sum(axis=-1, keepdims=True), 1 - p / q)
    for slope, wanted in zip(slopes, expected, strict=True):
        np.testing.assert_allclose(differentiable.to_numpy(slope), wanted, atol=1e-11)


def test_gradient_at_the_edges(differentiable, logits):
    a, b = logits
    a[0, 3] = b[0, 3] = a[1, 7] = b[2, 7] = -np.inf
    of_p, of_q = differentiable.gradient(of_logits, *[differentiable.array(x, "float64") for x in (a, b)])
    of_p, of_q = differentiable.to_numpy(of_p), differentiable.to_numpy(of_q)
    assert np.isfinite([of_p, of_q]).all()
    assert of_p[0, 3] == of_q[0, 3] == of_p[1, 7] == 0
    assert of_q[1, 7] == pytest.approx(scipy.special.softmax(b[1])[7])


def test_second_derivatives_are_those_of_the_truth(differentiable, far):
    a, b = far
    p, q = (scipy.special.softmax(x, axis=-1) for x in far)
    for_a, for_b = (differentiable.array(x, "float64") for x in far)
    weights = np.random.default_rng(1).normal(size=CLASSES)
    direction = differentiable.array(weights, "float64")
    zero = differentiable.array([[0.0]], "float64")
    found = differentiable.curvature(lambda s: of_logits(for_a, for_b + s * direction), zero)
    expected = ((q * weights**2).sum(axis=-1) - (q * weights).sum(axis=-1) ** 2).sum()
    assert differentiable.to_numpy(found).item() == pytest.approx(expected, rel=1e-12)
    found = differentiable.curvature(lambda s: of_logits(for_a + s * direction, for_b), zero)

    def mean(x):
        return (p * x).sum(axis=-1, keepdims=True)

    # The second derivative of E_p[a - b] - log sum exp a along the weights.
    c, w = a - b, weights - mean(weights)
    expected = (mean(w * w * (c - mean(c))) + mean(w * w)).sum()
    assert differentiable.to_numpy(found).item() == pytest.approx(expected, rel=1e-9)
