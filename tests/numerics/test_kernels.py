"""Each kernel against mpmath: its value, its first and its second derivatives, in ulps."""

import functools

import numpy as np
import pytest

import kldiv
from kernels import (
    BERNOULLI_LOGITS_GAP,
    DTYPES,
    ENTROPY_GAP,
    EXPM1_GAP,
    GAPS,
    KERNELS,
    LOG1P_GAP,
    LOG1P_RATIO,
    LOG_RATIO,
    LOGIT,
    RELATIVE_ENTROPY,
    RELATIVE_GAP,
    STIRLING_GAP,
    bound_of,
    errors,
    evaluate,
    exactly,
    report,
    thinned,
)


def over(kernels):
    return pytest.mark.parametrize("kernel", kernels, ids=lambda k: k.name)


# --- Values -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def values_of(backend):
    """Return a function that gives the values of a kernel at its points, computed once."""
    return functools.cache(lambda kernel, dtype: evaluate(backend, kernel.function, dtype, *kernel.points(dtype)))


@pytest.mark.parametrize("dtype", DTYPES)
@over(KERNELS)
def test_value_is_within_its_bound_of_the_truth(backend, values_of, kernel, dtype, record_property):
    points = kernel.points(dtype)
    values = values_of(kernel, dtype)
    truths, _ = exactly(kernel.truth, points, kernel.digits)
    ulps = errors(backend, values, truths, [max(abs(t), kernel.floor) for t in truths], dtype)
    record_property("ulps", f"{max(ulps):.2f}")
    assert max(ulps) <= bound_of(backend, kernel, kernel.bound, dtype), report(ulps, points, values)


DENSE = {  # the points, and by how many ulps float32 may be wrong anywhere: no grid for mpmath is as dense
    LOG1P_GAP: (lambda u: (3 * u - 0.75,), 2.0),
    EXPM1_GAP: (lambda u: (4 * u - 2,), 2.0),
    RELATIVE_GAP: (lambda u: (4**u, 4.0 ** np.roll(u, 1)), 4.0),
    ENTROPY_GAP: (lambda u: (4**u, 4.0 ** np.roll(u, 1)), 4.5),
    RELATIVE_ENTROPY: (lambda u: (4**u, 4.0 ** np.roll(u, 1)), 2.5),
    STIRLING_GAP: (lambda u: (10 ** (8 * u - 4), 10 ** (8 * u - 4 + np.roll(u, 1) - 0.5)), 6.5),
    BERNOULLI_LOGITS_GAP: (lambda u: (8 * u - 4, 8 * u - 4 + 6 * np.roll(u, 1) - 3), 8.0),
}


@pytest.mark.parametrize("kernel", DENSE, ids=lambda k: k.name)
def test_single_precision_agrees_with_double_everywhere(backend, kernel, record_property):
    spread, bound = DENSE[kernel]
    points = [x.astype("float32") for x in spread(np.random.default_rng(8).uniform(size=100_000))]
    values = evaluate(backend, kernel.function, "float32", *points)
    truths = evaluate(backend, kernel.function, "float64", *(x.astype("float64") for x in points))
    info = np.finfo("float32")
    ulps = abs(values - truths) / (info.eps * np.maximum(abs(truths), info.smallest_normal))
    record_property("ulps", f"{max(ulps):.2f}")
    assert max(ulps) <= bound + kernel.amplification * backend.elementary_ulps, report(ulps, points, values)


@pytest.mark.parametrize("dtype", DTYPES)
@over(GAPS)
def test_gap_is_not_negative(values_of, kernel, dtype):
    assert np.all(values_of(kernel, dtype) >= 0)


def barely_different(kernel, dtype):
    """Return arguments that are a few units in the last place apart, at many magnitudes; none of them equal."""
    rng = np.random.default_rng(9)
    b = (10 ** rng.uniform(-3, 6, 400)).astype(dtype)
    steps = np.concatenate([np.arange(-20, 0), np.arange(1, 21)])
    if len(kernel.points(dtype)) == 1:
        return ((np.finfo(dtype).eps * steps).astype(dtype),)
    return (b + np.resize(steps, b.size) * np.spacing(b)).astype(dtype), b


@pytest.mark.parametrize("dtype", DTYPES)
@over([LOG1P_GAP, EXPM1_GAP, RELATIVE_GAP, ENTROPY_GAP, STIRLING_GAP])
def test_gap_is_positive_where_arguments_barely_differ(backend, kernel, dtype):
    values = evaluate(backend, kernel.function, dtype, *barely_different(kernel, dtype))
    assert np.all(values > 0)


@pytest.mark.parametrize("dtype", DTYPES)
@over([RELATIVE_GAP, ENTROPY_GAP, STIRLING_GAP, BERNOULLI_LOGITS_GAP])
def test_gap_of_equal_arguments_is_exactly_zero(backend, kernel, dtype):
    x, _ = kernel.points(dtype)
    assert np.all(evaluate(backend, kernel.function, dtype, x, x) == 0)


# --- Derivatives ------------------------------------------------------------------------------------------------------

SLOPES = [(kernel, i) for kernel in KERNELS for i in range(len(kernel.slopes))]
CURVATURES = [(kernel, i) for kernel in KERNELS for i in range(len(kernel.curvatures))]


def over_arguments(pairs):
    return pytest.mark.parametrize(("kernel", "argument"), pairs, ids=[f"{k.name}-{i}" for k, i in pairs])


def derivative_errors(backend, values, truth, points, dtype, digits):
    """Return the errors where a number of the dtype can hold the truth."""
    truths, sizes = exactly(truth, points, digits)
    held = [abs(t) <= float(np.finfo(dtype).max) / 2 for t in truths]
    sizes = [max(size, abs(t)) for size, t in zip(sizes, truths, strict=True)]
    return np.where(held, errors(backend, values, truths, sizes, dtype), 0.0)


@pytest.fixture(scope="module")
def slopes_of(differentiable):
    """Return a function that gives the derivatives of a kernel with respect to all its arguments, computed once."""

    @functools.cache
    def slopes(kernel, dtype):
        points = thinned(kernel.points(dtype), 400)
        arrays = [differentiable.array(x, dtype) for x in points]
        xp = kldiv.namespace(*arrays)
        return points, differentiable.gradient(lambda *arrays: kernel.function(xp, *arrays), *arrays)

    return slopes


@pytest.mark.parametrize("dtype", DTYPES)
@over_arguments(SLOPES)
@pytest.mark.one_in(2)
def test_first_derivative_is_that_of_the_truth(differentiable, slopes_of, kernel, argument, dtype, record_property):
    points, slopes = slopes_of(kernel, dtype)
    slope = differentiable.to_numpy(slopes[argument])
    ulps = derivative_errors(differentiable, slope, kernel.slopes[argument], points, dtype, kernel.digits)
    record_property("ulps", f"{max(ulps):.2f}")
    bound = bound_of(differentiable, kernel, kernel.slope_bound, dtype)
    assert max(ulps) <= bound, report(ulps, points, slope)


@pytest.mark.parametrize("dtype", DTYPES)
@over_arguments(CURVATURES)
@pytest.mark.one_in(3)
def test_second_derivative_is_that_of_the_truth(differentiable, kernel, argument, dtype, record_property):
    points = thinned(kernel.points(dtype), 200)
    arrays = [differentiable.array(x, dtype) for x in points]
    before, x, after = arrays[:argument], arrays[argument], arrays[argument + 1 :]
    xp = kldiv.namespace(x)
    curvature = differentiable.curvature(lambda x: kernel.function(xp, *before, x, *after), x)
    curvature = differentiable.to_numpy(curvature)
    ulps = derivative_errors(differentiable, curvature, kernel.curvatures[argument], points, dtype, kernel.digits)
    record_property("ulps", f"{max(ulps):.2f}")
    bound = bound_of(differentiable, kernel, kernel.curvature_bound, dtype)
    assert max(ulps) <= bound, report(ulps, points, curvature)


EDGES = {  # for each kernel: arguments, and the derivatives, as conventions and limits have them
    ENTROPY_GAP: [
        ((0.0, 2.0), (0.0, 1.0)),
        ((2.0, 0.0), (0.0, 0.0)),
        ((0.0, 0.0), (0.0, 1.0)),
        ((3.0, 3.0), (0.0, 0.0)),
    ],
    RELATIVE_ENTROPY: [((0.0, 2.0), (0.0, 0.0)), ((2.0, 0.0), (0.0, 0.0)), ((0.0, 0.0), (0.0, 0.0))],
    RELATIVE_GAP: [((3.0, 3.0), (0.0, 0.0))],
    STIRLING_GAP: [((3.0, 3.0), (0.0, 0.0))],
    # where the quotient over- or underflows
    LOG_RATIO: [((2.0**100, 2.0**-40), (2.0**-100, -(2.0**40))), ((2.0**-100, 2.0**40), (2.0**100, -(2.0**-40)))],
    LOG1P_RATIO: [((0.0, 2.0), (0.5, 0.0)), ((2.0**100, 2.0**-40), (2.0**-100, -(2.0**40)))],
    LOGIT: [((0.0,), (0.0,)), ((1.0,), (0.0,))],
    BERNOULLI_LOGITS_GAP: [
        ((3.0, 3.0), (0.0, 0.0)),
        ((np.inf, 0.0), (0.0, -0.5)),
        ((0.0, np.inf), (0.0, 0.0)),
        ((np.inf, np.inf), (0.0, 0.0)),
        ((np.inf, -np.inf), (0.0, 0.0)),
    ],
}
EDGE_CASES = [(kernel, i) for kernel in EDGES for i in range(len(EDGES[kernel]))]
EDGE_ARGUMENTS = [(kernel, i) for kernel in EDGES for i in range(len(EDGES[kernel][0][0]))]


def edge_points(backend, kernel, dtype):
    points = np.asarray([point for point, _ in EDGES[kernel]]).T
    return [backend.array(x, dtype) for x in points]


@pytest.fixture(scope="module")
def edge_slopes_of(differentiable):
    """Return a function that gives the derivatives of a kernel at its edges, one row for each, computed once."""

    @functools.cache
    def slopes(kernel):
        arrays = edge_points(differentiable, kernel, "float32")
        xp = kldiv.namespace(*arrays)
        slopes = differentiable.gradient(lambda *arrays: kernel.function(xp, *arrays), *arrays)
        return np.stack([differentiable.to_numpy(s) for s in slopes], axis=-1)

    return slopes


@pytest.mark.parametrize(
    ("kernel", "edge"), EDGE_CASES, ids=[f"{kernel.name}{EDGES[kernel][i][0]}" for kernel, i in EDGE_CASES]
)
def test_first_derivatives_at_the_edges(edge_slopes_of, kernel, edge):
    _, expected = EDGES[kernel][edge]
    np.testing.assert_allclose(edge_slopes_of(kernel)[edge], expected, rtol=1e-6)


@over_arguments(EDGE_ARGUMENTS)
@pytest.mark.one_in(3)
def test_second_derivatives_at_the_edges_are_finite(differentiable, kernel, argument):
    arrays = edge_points(differentiable, kernel, "float64")
    before, x, after = arrays[:argument], arrays[argument], arrays[argument + 1 :]
    xp = kldiv.namespace(x)
    curvature = differentiable.curvature(lambda x: kernel.function(xp, *before, x, *after), x)
    assert np.isfinite(differentiable.to_numpy(curvature)).all()
