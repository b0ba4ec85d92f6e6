"""Distributions that a traced function has captured: parameters have values, what is computed of them has none."""

import numpy as np
import pytest

import kldiv


def vectors(array):
    matrix = array(np.eye(2), "float64")
    p, q = (kldiv.MultivariateNormal(array(loc, "float64"), matrix) for loc in ([0.0, 0.0], [1.0, 2.0]))
    return lambda: kldiv.kl_divergence(p, q)


def classes(array):
    weights = [0.25, 0.25, 0.25, 0.25], [0.1, 0.2, 0.3, 0.4]
    p, q = (kldiv.Categorical(array(w, "float64")) for w in weights)
    return lambda: kldiv.kl_divergence(p, q)


def sequences(array):
    p, q = (array(x, "float64") for x in (np.zeros((1, 3, 2)), np.arange(6.0).reshape(1, 3, 2)))
    mask = array([[1, 1, 0]], "int32")
    return lambda: kldiv.sequence_kl(p, q, mask=mask).value


def projection(array):
    normals = kldiv.Normal(array([-2.0, 3.0], "float64"), array([0.5, 1.0], "float64"))
    mixture = kldiv.Mixture(array([0.3, 0.7], "float64"), normals)
    return lambda: kldiv.project(mixture, kldiv.Normal).loc


def log_density(array):
    p, x = kldiv.Gamma(array(2.0, "float64"), array(1.0, "float64")), array(1.0, "float64")
    return lambda: p.log_density(x)


def terms(array):
    x, y = array(1.0, "float64"), array(2.0, "float64")
    return lambda: kldiv.rel_entr(x, y)


CAPTURED = {
    "classes": (classes, 0.12177727428716867),
    "vectors": (vectors, 2.5),
    "log density": (log_density, -1.0),
    "terms": (terms, -np.log(2)),
    "projection": (projection, 1.5),
    "sequences": (sequences, 2 * (np.log1p(np.e) - np.log(2) - 0.5)),
}


@pytest.mark.parametrize(("capture", "value"), CAPTURED.values(), ids=CAPTURED.keys())
def test_captured_parameters_are_computed_as_traced_ones_are(backend, transform, capture, value):
    compute = capture(backend.array)
    x = backend.array([0.0, 1.0], "float64")
    results = backend.to_numpy(transform(lambda x: x + compute())(x))
    np.testing.assert_allclose(results, [value, 1 + value], rtol=1e-12, atol=1e-12)
