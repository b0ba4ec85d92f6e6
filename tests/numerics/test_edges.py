"""Values and derivatives at the edges."""

import numpy as np
import pytest

import kldiv
from kernels import DTYPES, evaluate
from kldiv._numerics import edges
from reference import mp


@pytest.mark.parametrize("dtype", DTYPES)
def test_log_of_zero_is_minus_infinity_and_its_derivative_zero(differentiable, dtype):
    p = differentiable.array([0.0, 0.5], dtype)
    xp = kldiv.namespace(p)
    assert differentiable.to_numpy(edges.log(xp, p))[0] == -np.inf
    (slope,) = differentiable.gradient(lambda p: edges.log(xp, p), p)
    np.testing.assert_array_equal(differentiable.to_numpy(slope), [0.0, 2.0])


def test_log_factorial_is_exact_at_zero_and_one(backend):
    values = evaluate(backend, edges.log_factorial, "float64", [0.0, 1.0])
    np.testing.assert_array_equal(values, [0.0, 0.0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_log_factorial_is_that_of_the_truth(backend, dtype):
    k = np.arange(2.0, 200.0)
    expected = [float(mp.log(mp.factorial(x))) for x in k]
    np.testing.assert_allclose(evaluate(backend, edges.log_factorial, dtype, k), expected, rtol=8 * np.finfo(dtype).eps)


def test_indicator_is_zero_where_the_condition_holds_and_infinite_elsewhere(backend):
    values = evaluate(backend, lambda xp, x: edges.indicator(xp, x > 0, x), "float32", [1.0, -1.0, np.inf])
    np.testing.assert_array_equal(values, [0.0, np.inf, 0.0])
