"""The test matrix: one body for each property, over backend, dtype, pair of families and kind of parameters."""

import numpy as np
import pytest

import kldiv
import reference
from cases import FINITE, INFINITE, PAIRS, SAME, SIMPLE, Case, bound, cases, covering, sample

SHARP = ("near", "extreme", "boundary")


def over(values, beyond=()):
    """Parametrise by cases; those of `beyond` that are not among them are left to `pytest --full`."""
    rest = [pytest.param(v, marks=pytest.mark.full) for v in beyond if v not in set(values)]
    return pytest.mark.parametrize("case", [*values, *rest], ids=str)


def function_of(case, **options):
    """Return the divergence of a case's pair as a function of all parameters, as transforms and gradients need it."""
    n = len(case.p._fields)
    return lambda *arrays: kldiv.kl_divergence(case.p(*arrays[:n]), case.q(*arrays[n:]), **options)


def drawn(backend, case):
    """Return a case's parameters without rows that have subnormal numbers, where the backend flushes those to 0."""
    p, q = case.parameters()
    rows = np.ones(len(p[0]), dtype=bool)
    for a in [*p, *q] if backend.flushes_subnormals else []:
        subnormal = (a != 0) & (abs(a) < np.finfo(a.dtype).smallest_normal)
        rows &= ~subnormal.reshape(len(a), -1).any(axis=-1)
    return [a[rows] for a in p], [a[rows] for a in q]


def arrays_of(backend, case, p, q):
    return [backend.array(a, case.dtype) for a in (*p, *q)]


def truths(case, p, q):
    rows = range(len(p[0]))
    return [reference.kl(case.p.__name__, [a[i] for a in p], case.q.__name__, [a[i] for a in q]) for i in rows]


def excesses(backend, case, p, q, values):
    """Return the errors in units of their bounds; infinite for nan, a wrong infinity, and a negative value."""
    truth = truths(case, p, q)
    errors = np.asarray([reference.ulps(v, t, case.dtype) for v, t in zip(values, truth, strict=True)])
    errors[values < 0] = np.inf
    if backend.flushes_subnormals:
        smallest = float(np.finfo(case.dtype).smallest_normal)
        errors[(values == 0) & np.asarray([float(t) < smallest for t in truth])] = 0
    return errors / bound(case, p, q, truth)


def report(excess, p, q, values):
    i = int(np.argmax(excess))
    return (
        f"{excess[i]} of its bound at p = {[a[i].tolist() for a in p]}, q = {[a[i].tolist() for a in q]}: {values[i]!r}"
    )


def smallest_step(backend, case):
    """Return how far apart results may be that are 0 but for subnormal numbers."""
    info = np.finfo(case.dtype)
    return info.smallest_normal if backend.flushes_subnormals else info.smallest_subnormal


@over(sample(), beyond=cases(FINITE))
def test_value_is_within_its_bound_of_the_truth(backend, case):
    p, q = drawn(backend, case)
    values = backend.to_numpy(function_of(case)(*arrays_of(backend, case, p, q)))
    excess = excesses(backend, case, p, q, values)
    assert np.all(excess <= 1), report(excess, p, q, values)


@over(cases(SAME))
def test_identical_parameters_give_exactly_zero(backend, case):
    p, _ = drawn(backend, case)
    assert np.all(backend.to_numpy(function_of(case)(*arrays_of(backend, case, p, p))) == 0)


@over(cases(covering(INFINITE), ("interior",)), beyond=cases(INFINITE, ("interior", "boundary")))
def test_supports_that_do_not_nest_give_infinity(backend, case):
    p, q = drawn(backend, case)
    values = backend.to_numpy(function_of(case)(*arrays_of(backend, case, p, q)))
    assert np.array_equal(values, np.full(len(p[0]), np.inf))


@over(sample(("interior", "near", "extreme")), beyond=cases(FINITE))
def test_backend_agrees_with_numpy(backend, case):
    p, q = drawn(backend, case)
    values = backend.to_numpy(function_of(case)(*arrays_of(backend, case, p, q)))
    expected = function_of(case)(*p, *q)
    finite = np.isfinite(expected)
    tolerance = 2 * np.finfo(case.dtype).eps * np.broadcast_to(bound(case, p, q, truths(case, p, q)), finite.shape)
    assert np.array_equal(values[~finite], expected[~finite])
    allowed = tolerance[finite] * expected[finite] + smallest_step(backend, case)
    assert np.all(abs(values[finite] - expected[finite]) <= allowed)


@over(cases(SAME + covering(INFINITE), ("interior",)), beyond=cases(PAIRS, ("interior",)))
def test_result_is_an_array_of_the_framework_with_the_dtype_of_the_parameters(backend, case):
    value = function_of(case)(*arrays_of(backend, case, *drawn(backend, case)))
    assert backend.is_array(value)
    assert backend.dtype_name(value) == case.dtype


@over(cases(FINITE + covering(INFINITE), ("interior",), ("float64",)), beyond=cases(PAIRS, ("interior",), ("float64",)))
def test_batch_axes_broadcast(backend, case):
    p, q = drawn(backend, case)
    rows, columns = [a[:4, None] for a in p], [a[None, :5] for a in q]
    values = backend.to_numpy(function_of(case)(*arrays_of(backend, case, rows, columns)))
    both = [np.repeat(a[:4], 5, axis=0) for a in p], [np.tile(a[:5], (4, *(1,) * (a.ndim - 1))) for a in q]
    expected = backend.to_numpy(function_of(case)(*arrays_of(backend, case, *both))).reshape(4, 5)
    assert values.shape == (4, 5)
    np.testing.assert_allclose(values, expected, rtol=1e-13)


@over(
    cases(FINITE, ("interior",), ("float32",))
    + cases(SAME, SHARP, ("float64",))
    + cases(covering(INFINITE)[::4], ("interior",), ("float32",)),
    beyond=cases(PAIRS),
)
def test_transformed_function_has_the_same_values(backend, case, transform):
    p, q = drawn(backend, case)
    values = backend.to_numpy(transform(function_of(case))(*arrays_of(backend, case, p, q)))
    excess = excesses(backend, case, p, q, values)
    assert np.all(excess <= 1), report(excess, p, q, values)


@over(
    cases(
        [pair for pair in FINITE if kldiv.Poisson is not pair[0] or kldiv.Poisson is pair[1]],
        ("interior",),
        ("float64",),
    )
)
def test_gradient_is_that_of_the_truth(differentiable, case):
    p, q = drawn(differentiable, case)
    rows = [i for i, t in enumerate(truths(case, p, q)) if not np.isinf(float(t))][:4]
    p, q = [a[rows] for a in p], [a[rows] for a in q]
    gradients = differentiable.gradient(function_of(case), *arrays_of(differentiable, case, p, q))
    values = [np.concatenate([differentiable.to_numpy(g)[i].ravel() for g in gradients]) for i in range(len(rows))]
    expected = [true_gradient(case, [a[i] for a in p], [a[i] for a in q]) for i in range(len(rows))]
    scale = np.max(np.abs(expected), axis=-1, keepdims=True)
    np.testing.assert_allclose(values / scale, expected / scale, atol=1e-11)


def true_gradient(case, p, q):
    flat = reference.gradient(case.p.__name__, p, case.q.__name__, q)
    return np.asarray([float(g) for g in flat])


@over(cases(FINITE, SHARP, ("float32",)), beyond=cases(PAIRS, SHARP))
def test_gradient_is_not_nan(differentiable, case):
    p, q = drawn(differentiable, case)
    values = differentiable.to_numpy(function_of(case)(*arrays_of(differentiable, case, p, q)))
    rows = has_derivative(case, p, q, values)
    p, q = [a[rows] for a in p], [a[rows] for a in q]
    gradients = differentiable.gradient(function_of(case), *arrays_of(differentiable, case, p, q))
    good = ~np.any(
        [np.isnan(differentiable.to_numpy(g)).reshape(len(p[0]), -1).any(axis=-1) for g in gradients], axis=0
    )
    assert np.all(good), f"p = {[a[~good][:1].tolist() for a in p]}, q = {[a[~good][:1].tolist() for a in q]}"


def has_derivative(case, p, q, values):
    """Return which rows have derivatives that the dtype can hold; those of an infinite divergence are 0."""
    info = np.finfo(case.dtype)
    sizes = [
        np.where((a == 0) | np.isinf(a), 1.0, abs(a.astype(np.float64))).reshape(len(a), -1).min(axis=-1)
        for a in (*p, *q)
    ]
    smallest = np.min(sizes, axis=0)
    infinite = np.asarray([bool(np.isinf(float(t))) for t in truths(case, p, q)])
    with np.errstate(over="ignore"):
        steepest = values.astype(np.float64) / smallest
    return (smallest >= info.smallest_normal) & (infinite | (steepest < float(info.max)))


# Rounded to 16 bits, probabilities sum to 1 by the tolerance of 16-bit floats but not of float32.
@pytest.mark.parametrize("family", [f for f in SIMPLE if f is not kldiv.Categorical], ids=lambda f: f.__name__)
def test_short_floats_are_computed_in_float32(backend, family, short_dtype):
    case = Case(family, family, "interior", "float32")
    short = [backend.array(a, short_dtype) for x in case.parameters() for a in x]
    full = [backend.astype(a, "float32") for a in short]
    value = function_of(case, validate=False)(*short)
    expected = backend.astype(function_of(case, validate=False)(*full), short_dtype)
    assert backend.dtype_name(value) == short_dtype
    np.testing.assert_array_equal(*(backend.to_numpy(backend.astype(x, "float32")) for x in (value, expected)))
