"""Distributions over classes: gaps between weights and logits, and what is taken from them."""

import numpy as np
import pytest

from kernels import DTYPES, errors, evaluate, xlogy
from kldiv._numerics import categorical
from reference import mp


def weights(dtype):
    """Return rows of weights, nearly equal and not, with zeros in the first rows."""
    rng = np.random.default_rng(12)
    p, q = np.exp(2 * rng.normal(size=(2, 60, 6)))
    delta = 10 ** rng.uniform(np.log10(np.finfo(dtype).eps), -1, size=(60, 1))
    q[20:] = (p * (1 + delta * rng.uniform(-1, 1, size=p.shape)))[20:]
    p[:10, 0] = 0
    q[:5, 0] = 0
    p, q = (x / x.sum(axis=-1, keepdims=True) for x in (p, q))
    return p.astype(dtype), q.astype(dtype)


def logit_rows(dtype):
    """Return rows of logits, nearly equal and not, with -inf in the first rows."""
    rng = np.random.default_rng(13)
    a, b = 3 * rng.normal(size=(2, 60, 6))
    delta = 10 ** rng.uniform(np.log10(np.finfo(dtype).eps), -1, size=(60, 1))
    b[20:] = (a + delta * rng.uniform(-1, 1, size=a.shape))[20:]
    a[:10, 0] = -np.inf
    b[:5, 0] = -np.inf
    return a.astype(dtype), b.astype(dtype)


def normalized(row):
    return [x / mp.fsum(row) for x in row]


def numbers(row):
    return [mp.mpf(float(x)) for x in row]


def exponentials(row):
    return [mp.exp(x) for x in numbers(row)]


def divergence(p, q):
    return mp.fsum(xlogy(x, x / y) if x else mp.zero for x, y in zip(normalized(p), normalized(q), strict=True))


def class_errors(backend, values, points, dtype, weights_of):
    with mp.workdps(80):
        truths = [divergence(weights_of(p), weights_of(q)) for p, q in zip(*points, strict=True)]
    return errors(backend, values, truths, [abs(t) for t in truths], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_categorical_gap_is_within_its_bound_of_the_truth(backend, dtype, record_property):
    points = weights(dtype)
    values = evaluate(backend, categorical.categorical_gap, dtype, *points)
    ulps = class_errors(backend, values, points, dtype, numbers)
    record_property("ulps", f"{max(ulps):.2f}")
    assert max(ulps) <= 6.0


@pytest.mark.parametrize("dtype", DTYPES)
def test_categorical_logits_gap_is_within_its_bound_of_the_truth(backend, dtype, record_property):
    points = logit_rows(dtype)
    values = evaluate(backend, categorical.categorical_logits_gap, dtype, *points)
    ulps = class_errors(backend, values, points, dtype, exponentials)
    record_property("ulps", f"{max(ulps):.2f}")
    assert max(ulps) <= 5.0 + backend.elementary_ulps


@pytest.mark.parametrize("dtype", DTYPES)
def test_categorical_logits_gap_of_huge_logits_is_within_its_bound(backend, dtype, record_property):
    points = tuple(np.random.default_rng(14).uniform(-500, 500, size=(2, 100, 6)).astype(dtype))
    values = evaluate(backend, categorical.categorical_logits_gap, dtype, *points)
    ulps = class_errors(backend, values, points, dtype, exponentials)
    record_property("ulps", f"{max(ulps):.2f}")
    assert max(ulps) <= 500.0


@pytest.mark.parametrize(
    "kernel", [categorical.categorical_gap, categorical.categorical_logits_gap], ids=lambda k: k.__name__
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_gap_between_equal_classes_is_exactly_zero(backend, kernel, dtype):
    p, q = weights(dtype)
    assert np.all(evaluate(backend, kernel, dtype, p, p) == 0)
    assert np.all(evaluate(backend, kernel, dtype, q, q) == 0)


@pytest.mark.parametrize(
    "kernel", [categorical.categorical_gap, categorical.categorical_logits_gap], ids=lambda k: k.__name__
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_gap_between_nearly_equal_classes_is_positive(backend, kernel, dtype):
    p = np.asarray([[0.1, 0.2, 0.3, 0.4]] * 40, dtype)
    q = p.copy()
    q[:, 2] += np.concatenate([np.arange(-20, 0), np.arange(1, 21)]) * np.spacing(q[:, 2])
    assert np.all(evaluate(backend, kernel, dtype, p, q) > 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_log_softmax_is_right_to_a_few_ulps(backend, dtype):
    a, _ = logit_rows(dtype)
    values = evaluate(backend, categorical.log_softmax, dtype, a)
    with mp.workdps(60):
        expected = [[float(mp.log(w)) if w else -np.inf for w in normalized(exponentials(row))] for row in a]
    np.testing.assert_allclose(values, expected, rtol=8 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_is_right_to_a_few_ulps(backend, dtype):
    a, _ = logit_rows(dtype)
    values = evaluate(backend, categorical.softmax, dtype, a)
    with mp.workdps(60):
        expected = [[float(w) for w in normalized(exponentials(row))] for row in a]
    np.testing.assert_allclose(values, expected, rtol=16 * np.finfo(dtype).eps)


@pytest.mark.parametrize(
    ("x", "expected"), [([0.0, 2.0], [10, 22]), ([1.0, 1.0], [11, 21]), ([3.0, -1.0], [-np.inf] * 2)]
)
def test_select_class_takes_the_entry_of_that_index(backend, x, expected):
    values = evaluate(backend, categorical.select_class, "float32", [[10.0, 11.0, 12.0], [20.0, 21.0, 22.0]], x)
    np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize(("x", "expected"), [([1.0, 1.0], [True, False]), ([0.0, 0.0], [False, False])], ids=str)
def test_is_only_class_is_true_of_a_class_with_no_other_beside_it(backend, x, expected):
    values = evaluate(
        backend, lambda xp, p, x: categorical.is_only_class(xp, p > 0, x), "float32", [[0.0, 1.0], [0.5, 0.5]], x
    )
    np.testing.assert_array_equal(values, expected)
