"""Products that nearly agree, to the last digits."""

from fractions import Fraction

import numpy as np
import pytest

import kldiv
from kernels import DTYPES, errors, evaluate, largest_exponent, report
from kldiv._numerics import exact
from reference import mp


def exact_excess(row):
    a, b, c, d = (Fraction(float(x)) for x in row)
    return mp.mpf((a * b / (c * d) - 1).numerator) / (a * b / (c * d) - 1).denominator


def products(dtype):
    """Return factors of products that nearly agree: by a few units in the last place, and by ever more."""
    rng = np.random.default_rng(10)
    a, b, c = (np.exp(2 * rng.normal(size=600)) for _ in range(3))
    delta = 10 ** rng.uniform(np.log10(np.finfo(dtype).eps), 0, 600) * rng.choice([-0.5, 1], 600)
    a, b, c = (x.astype(dtype) for x in (a, b, c))
    d = (a * b / c * (1 + delta)).astype(dtype)
    close = (a * b / c + rng.integers(-3, 4, 600) * np.spacing(a * b / c)).astype(dtype)
    return tuple(np.concatenate(x) for x in ((a, a), (b, b), (c, c), (d, close)))


def excess_errors(backend, values, points, dtype, size=lambda truth: 0):
    with mp.workdps(60):
        truths = [exact_excess(row) for row in zip(*points, strict=True)]
        return errors(backend, values, truths, [max(abs(t), size(t)) for t in truths], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_product_excess_is_right_to_the_last_digits(backend, dtype, record_property):
    points = products(dtype)
    values = evaluate(backend, exact.product_excess, dtype, *points)
    ulps = excess_errors(backend, values, points, dtype)
    record_property("ulps", f"{max(ulps):.2f}")
    assert max(ulps) <= 3.0, report(ulps, points, values)


@pytest.mark.parametrize("dtype", DTYPES)
def test_product_excess_is_right_when_compiled(backend, dtype, transform):
    # A compiler that contracts or reorders operations would lose what the products have beyond their rounding.
    points = products(dtype)
    arrays = [backend.array(x, dtype) for x in points]
    xp = kldiv.namespace(*arrays)
    values = backend.to_numpy(transform(lambda *arrays: exact.product_excess(xp, *arrays))(*arrays))
    ulps = excess_errors(backend, values, points, dtype)
    assert max(ulps) <= 3.0, report(ulps, points, values)


@pytest.mark.parametrize("exponents", [(-0.9, 0.9, -0.9, 0.9), (0.9, 0.9, 0.9, 0.9), (-0.9, -0.9, -0.9, -0.9)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_product_excess_out_of_range_is_right_to_a_few_eps(backend, dtype, exponents):
    # Where the products leave the range of the dtype the quotients a / c and b / d are what is left.
    rng = np.random.default_rng(11)
    scales = [10.0 ** (e * largest_exponent(dtype)) for e in exponents]
    points = [(s * np.exp(0.1 * rng.normal(size=50))).astype(dtype) for s in scales]
    values = evaluate(backend, exact.product_excess, dtype, *points)
    assert max(excess_errors(backend, values, points, dtype, size=lambda truth: 1)) <= 4.0


@pytest.mark.parametrize("dtype", DTYPES)
def test_product_excess_of_equal_products_is_exactly_zero(backend, dtype):
    a, b, c, _ = products(dtype)
    assert np.all(evaluate(backend, exact.product_excess, dtype, a, b, a, b) == 0)
    assert np.all(evaluate(backend, exact.product_excess, dtype, a, c, c, a) == 0)


def is_exact(value, error, truth):
    """Tell which sums of a value and its rounding error are exactly the truth."""
    return [Fraction(float(v)) + Fraction(float(e)) == t for v, e, t in zip(value, error, truth, strict=True)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_two_product_is_exact(backend, dtype):
    x, y = products(dtype)[:2]
    value, error = (
        evaluate(backend, lambda xp, x, y, i=i: exact.two_product(xp, x, y)[i], dtype, x, y) for i in (0, 1)
    )
    truth = [Fraction(float(a)) * Fraction(float(b)) for a, b in zip(x, y, strict=True)]
    assert all(is_exact(value, error, truth))


@pytest.mark.parametrize("dtype", DTYPES)
def test_two_difference_is_exact(backend, dtype):
    x, y = products(dtype)[:2]
    value = evaluate(backend, lambda xp, x, y: exact.two_difference(x, y)[0], dtype, x, y)
    error = evaluate(backend, lambda xp, x, y: exact.two_difference(x, y)[1], dtype, x, y)
    truth = [Fraction(float(a)) - Fraction(float(b)) for a, b in zip(x, y, strict=True)]
    assert all(is_exact(value, error, truth))
