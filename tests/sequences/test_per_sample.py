"""The estimates of one sample each, against Gauss-Hermite quadrature and mpmath."""

import mpmath
import numpy as np
import pytest

import kldiv


@pytest.fixture
def array(backend):
    return lambda x: backend.array(x, "float64")


NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(150)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
THETA = 0.7  # P = N(THETA, 1), Q = N(0, var 4)
DIVERGENCE = np.log(2) + (1 + THETA**2) / 8 - 0.5
SAMPLED = {"k1": DIVERGENCE, "k3": DIVERGENCE, "k3_with_score": DIVERGENCE}
DETACHED = {"k1": 0.0, "k2": THETA / 4, "k3": THETA, "k3_with_score": THETA / 4}


@pytest.mark.parametrize(("name", "expected"), SAMPLED.items())
def test_mean_is_the_divergence(eager, backend, array, name, expected):
    x = array(THETA + NODES)
    log_p, log_q = kldiv.Normal(THETA, 1.0).log_density(x), kldiv.Normal(0.0, 2.0).log_density(x)
    values = backend.to_numpy(getattr(kldiv, name)(log_p, log_q))
    np.testing.assert_allclose(WEIGHTS @ values, expected, rtol=1e-10)


@pytest.mark.parametrize(("name", "expected"), DETACHED.items())
def test_mean_gradient_with_samples_held_fixed(differentiable, array, name, expected):
    x, weights = array(THETA + NODES), array(WEIGHTS)

    def loss(theta):
        log_p, log_q = kldiv.Normal(theta, 1.0).log_density(x), kldiv.Normal(0.0, 2.0).log_density(x)
        return getattr(kldiv, name)(log_p, log_q) * weights

    (slope,) = differentiable.gradient(loss, array(THETA))
    np.testing.assert_allclose(differentiable.to_numpy(slope), expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", ["k1", "k3"])
def test_mean_gradient_through_samples(differentiable, array, name):
    nodes, weights = array(NODES), array(WEIGHTS)

    def loss(theta):
        x = theta + nodes
        log_p, log_q = kldiv.Normal(theta, 1.0).log_density(x), kldiv.Normal(0.0, 2.0).log_density(x)
        return getattr(kldiv, name)(log_p, log_q) * weights

    (slope,) = differentiable.gradient(loss, array(THETA))
    np.testing.assert_allclose(differentiable.to_numpy(slope), THETA / 4, rtol=1e-9)


EDGES = [(-1.0, -np.inf), (-np.inf, -1.0), (-np.inf, -np.inf), (np.inf, np.inf), (-1.0, np.inf), (np.inf, 0.0)]
BEYOND = {  # the values at those, and at (-1000, 0)
    "k1": [np.inf, -np.inf, 0, 0, -np.inf, np.inf, -1000],
    "k2": [np.inf, np.inf, 0, 0, np.inf, np.inf, 5e5],
    "k3": [np.inf, np.inf, 0, 0, np.inf, np.inf, np.inf],
    "k3_with_score": [np.inf, np.inf, 0, 0, np.inf, np.inf, np.inf],
}
each_estimate = pytest.mark.parametrize("name", BEYOND)


@each_estimate
def test_infinite_logarithms(eager, backend, array, name):
    log_p, log_q = np.array([*EDGES, (-1000.0, 0.0)]).T
    np.testing.assert_array_equal(backend.to_numpy(getattr(kldiv, name)(array(log_p), array(log_q))), BEYOND[name])


@each_estimate
def test_gradients_at_infinite_logarithms_are_zero(differentiable, array, name):
    slopes = differentiable.gradient(getattr(kldiv, name), *(array(x) for x in np.array(EDGES).T))
    assert [list(differentiable.to_numpy(slope)) for slope in slopes] == [[0.0] * len(EDGES)] * 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_k3_keeps_its_digits_near_equality(backend, dtype):
    step = 2.0**-10
    log_q = np.array([-1.0 + step, -1.0 - step, -1.0])
    value = backend.to_numpy(kldiv.k3(backend.array([-1.0, -1.0, -1.0], dtype), backend.array(log_q, dtype)))
    with mpmath.workdps(40):
        exact = [float(mpmath.expm1(t) - t) for t in (step, -step)]
    np.testing.assert_allclose(value, [*exact, 0.0], rtol=4 * np.finfo(dtype).eps)


@each_estimate
def test_nan_is_refused_by_name(eager, array, name):
    with pytest.raises(ValueError, match=r"log_q must be numbers, not nan; got nan at index \(1,\)"):
        getattr(kldiv, name)(array([0.0, 0.0]), array([0.0, np.nan]))


@each_estimate
def test_shapes_broadcast(eager, backend, array, name):
    value = getattr(kldiv, name)(array(np.zeros((3, 1))), array(np.zeros(2)))
    assert backend.to_numpy(value).shape == (3, 2)
