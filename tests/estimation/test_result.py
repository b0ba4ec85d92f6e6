"""What an estimate is to its holder: a number with an error, which prints, formats and scales as one."""

import math
import pickle

import numpy as np
import pytest

import kldiv

only = pytest.mark.parametrize

ESTIMATE = kldiv.Estimate(np.asarray(0.826), np.asarray(6e-9), "quadrature", 257, np.asarray(True))
BATCH = kldiv.Estimate(np.asarray([0.5, 2.0]), np.asarray([0.25, 0.125]), "sum", 9, np.asarray([True, False]))


def test_prints_as_value_and_error():
    assert str(ESTIMATE) == "0.8260 ± 6e-09 (quadrature)"
    assert str(BATCH) == "2 values from 0.5000 to 2.000 ± 0.2 at most (sum, not converged)"


def test_prints_from_every_framework(backend):
    p, q = (kldiv.Normal(backend.array(x, "float64"), 1.0) for x in (0.0, 1.0))
    found = kldiv.estimate(p, q)
    assert f"{found}" == "0.5000 ± 0 (closed form)"
    assert f"{found:.2f}" == "0.50"
    assert float(found) == 0.5


def test_repr_is_short(backend):
    means = backend.array(np.zeros(1000), "float64")
    assert len(repr(kldiv.estimate(kldiv.Normal(means, 1.0), kldiv.Normal(0.0, 1.0)))) < 600


RESULTS = {
    "times": (lambda e: 2 * e, (1.652, 1.2e-8)),
    "divided": (lambda e: e / -2, (-0.413, 3e-9)),
    "of NumPy": (lambda e: np.float64(2.0) * e, (1.652, 1.2e-8)),
    "plus": (lambda e: 1 + e, (1.826, 6e-9)),
    "minus": (lambda e: 1 - e, (0.174, 6e-9)),
    "difference": (lambda e: e - e, (0.0, 1.2e-8)),
    "sum": (lambda e: sum([e, e]), (1.652, 1.2e-8)),
}


@only(("operation", "expected"), RESULTS.values(), ids=RESULTS.keys())
def test_arithmetic_acts_on_value_and_error(operation, expected):
    found = operation(ESTIMATE)
    np.testing.assert_allclose((found.value, found.error), expected, rtol=1e-12, atol=1e-15)
    assert found.method == "quadrature"


def test_order_is_that_of_values():
    assert ESTIMATE > 0.8
    assert ESTIMATE < 2 * ESTIMATE
    assert (BATCH >= 1).tolist() == [False, True]
    assert (BATCH <= 1).tolist() == [True, False]


def test_arithmetic_on_arrays_of_a_framework(backend):
    p, q = (kldiv.Normal(backend.array(x, "float64"), 1.0) for x in ([0.0, 0.0], [1.0, 2.0]))
    found = kldiv.estimate(p, q) * backend.array([1.0, 2.0], "float64")
    assert backend.to_numpy(found.value).tolist() == [0.5, 4.0]


def test_estimate_pickles():
    assert pickle.loads(pickle.dumps(ESTIMATE)) == ESTIMATE


REFUSED = {
    "product": (lambda: ESTIMATE * ESTIMATE, "takes a number or an array; got Estimate"),
    "text": (lambda: ESTIMATE + "1", "takes a number or an array; got '1'"),
    "float": (lambda: float(BATCH), r"values of shape \(2,\)"),
    "format": (lambda: f"{BATCH:.3f}", r"use its .value"),
}


@only(("call", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_has_no_meaning_is_refused(call, words):
    with pytest.raises(TypeError, match=words):
        call()


@only("method", ["auto", "quadrature", "monte-carlo"])
def test_value_error_and_tolerance_are_in_the_base(backend, method):
    p, q = (kldiv.Normal(backend.array(x, "float64"), 1.0) for x in (0.0, 1.0))
    options = {"method": method, "rng": 1, "rtol": 0.05, "atol": 0.05}
    found = [kldiv.estimate(p, q, base=base, **options) for base in (None, 2)]
    nats, bits = ([float(backend.to_numpy(x)) for x in f[:2]] for f in found)
    assert abs(bits[0] - 0.5 / math.log(2)) < 0.1
    np.testing.assert_allclose(bits[1], nats[1] / math.log(2), rtol=0.5)


def test_base_is_checked():
    with pytest.raises(ValueError, match="base must be a number above 1"):
        kldiv.estimate(kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 1.0), base=1)
