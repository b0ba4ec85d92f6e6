"""Shapes and dtypes: parameters broadcast like NumPy's arrays, and results have the caller's framework and dtype."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

import kldiv
from cases import draw, fields

PAIRS = [
    (kldiv.Normal, kldiv.Normal),
    (kldiv.NormalLogVariance, kldiv.Normal),
    (kldiv.Gamma, kldiv.Gamma),
    (kldiv.Exponential, kldiv.Gamma),
    (kldiv.Uniform, kldiv.Uniform),
    (kldiv.Bernoulli, kldiv.Poisson),
    (kldiv.BernoulliLogits, kldiv.Bernoulli),
    (kldiv.Categorical, kldiv.Categorical),
    (kldiv.CategoricalLogits, kldiv.Categorical),
    (kldiv.MultivariateNormal, kldiv.MultivariateNormal),
    (kldiv.MultivariateNormalTriL, kldiv.MultivariateNormalPrecision),
    (kldiv.MultivariateNormalDiag, kldiv.MultivariateNormal),
    (kldiv.Normal, kldiv.Gamma),  # infinite whatever the parameters
    (kldiv.Delta, kldiv.Poisson),
]
over_pairs = pytest.mark.parametrize("pair", PAIRS, ids=[f"{p.__name__}-{q.__name__}" for p, q in PAIRS])


def for_all(backend, *strategies):
    """Run the decorated function on as many examples, always the same ones, as there is time for on the backend."""
    chosen = settings(
        derandomize=True,
        deadline=None,
        database=None,
        max_examples=backend.examples,
        suppress_health_check=list(HealthCheck),
    )
    return lambda function: chosen(given(*strategies)(function))()


def parameters(p, q):
    """Return a strategy for the parameters of two families, each with a batch shape of its own: they broadcast."""
    both = [*fields(p), *fields(q)]

    def drawn(shapes, length, seed):
        rng = np.random.default_rng(seed)
        # An upper end is drawn above every lower one.
        return [
            draw(rng, domain, (*shape, *[length] * len(domain.axes))) + (10.0 if domain.low else 0.0)
            for (_, domain), shape in zip(both, shapes.input_shapes, strict=True)
        ]

    shapes = mutually_broadcastable_shapes(num_shapes=len(both), max_dims=3, min_side=0, max_side=3)
    return st.builds(drawn, shapes, st.integers(1, 4), st.integers(0, 1000))


def batch_shapes(pair, arrays):
    axes = [len(domain.axes) for family in pair for _, domain in fields(family)]
    return [a.shape[: a.ndim - n] for a, n in zip(arrays, axes, strict=True)]


def divergence(pair, arrays):
    n = len(pair[0]._fields)
    return kldiv.kl_divergence(pair[0](*arrays[:n]), pair[1](*arrays[n:]))


@over_pairs
@pytest.mark.one_in(3)
def test_parameters_broadcast_like_numpys_arrays(backend, pair):
    @for_all(backend, parameters(*pair))
    def check(arrays):
        value = divergence(pair, [backend.array(a, "float64") for a in arrays])
        shapes = batch_shapes(pair, arrays)
        full = np.broadcast_shapes(*shapes)
        written_out = [
            np.broadcast_to(a, full + a.shape[len(shape) :]).copy() for a, shape in zip(arrays, shapes, strict=True)
        ]
        expected = np.asarray(divergence(pair, written_out))
        assert expected.shape == full
        np.testing.assert_allclose(backend.to_numpy(value), expected, rtol=1e-10, atol=1e-300, strict=True)


def components():
    """Return a strategy for locations and scales of P and Q: vectors of one length, with batches that broadcast."""

    def drawn(shapes, length, single, seed):
        rng = np.random.default_rng(seed)
        locs = [rng.normal(size=(*shape, length)) for shape in shapes.input_shapes[:2]]
        scales = [np.exp(rng.normal(size=(*s, 1 if single else length))) for s in shapes.input_shapes[2:]]
        return locs, scales

    shapes = mutually_broadcastable_shapes(num_shapes=4, max_dims=2, min_side=0, max_side=3)
    return st.builds(drawn, shapes, st.integers(1, 4), st.booleans(), st.integers(0, 1000))


def test_independent_sums_over_the_last_axis_of_what_its_base_broadcasts_to(backend):
    @for_all(backend, components())
    def check(drawn):
        p, q = (
            kldiv.Normal(backend.array(loc, "float64"), backend.array(scale, "float64"))
            for loc, scale in zip(*drawn, strict=True)
        )
        total = backend.to_numpy(kldiv.kl_divergence(kldiv.Independent(p), kldiv.Independent(q)))
        components = backend.to_numpy(kldiv.kl_divergence(p, q))
        assert total.shape == components.shape[:-1]
        np.testing.assert_allclose(total, components.sum(axis=-1), rtol=1e-13)


def test_independent_normals_against_a_full_one_broadcast(backend):
    @for_all(backend, components())
    def check(drawn):
        (loc_p, loc_q), (scale_p, scale_q) = drawn
        matrix = scale_q[..., None] ** 2 * np.eye(loc_q.shape[-1])
        p = kldiv.Independent(kldiv.Normal(backend.array(loc_p, "float64"), backend.array(scale_p, "float64")))
        q = kldiv.MultivariateNormal(backend.array(loc_q, "float64"), backend.array(matrix, "float64"))
        diagonal = kldiv.kl_divergence(
            kldiv.Independent(kldiv.Normal(loc_p, scale_p)), kldiv.Independent(kldiv.Normal(loc_q, scale_q))
        )
        np.testing.assert_allclose(backend.to_numpy(kldiv.kl_divergence(p, q)), diagonal, rtol=1e-10)


@pytest.mark.parametrize("function", [kldiv.kl_div, kldiv.rel_entr], ids=lambda f: f.__name__)
def test_elementwise_functions_broadcast(backend, function):
    shapes = mutually_broadcastable_shapes(num_shapes=2, max_dims=3, min_side=0, max_side=3)

    @for_all(backend, shapes)
    def check(shapes):
        x, y = (np.exp(np.random.default_rng(40).normal(size=shape)) for shape in shapes.input_shapes)
        value = backend.to_numpy(function(backend.array(x, "float64"), backend.array(y, "float64")))
        assert value.shape == shapes.result_shape
        np.testing.assert_allclose(value, function(*np.broadcast_arrays(x, y)), rtol=1e-13, atol=1e-16)


def test_log_density_broadcasts(backend):
    shapes = mutually_broadcastable_shapes(num_shapes=3, max_dims=3, min_side=0, max_side=3)

    @for_all(backend, shapes)
    def check(shapes):
        x, loc, scale = (np.exp(np.random.default_rng(41).normal(size=shape)) for shape in shapes.input_shapes)
        d = kldiv.Normal(backend.array(loc, "float64"), backend.array(scale, "float64"))
        value = backend.to_numpy(d.log_density(backend.array(x, "float64")))
        x, loc, scale = np.broadcast_arrays(x, loc, scale)
        assert value.shape == shapes.result_shape
        np.testing.assert_allclose(value, kldiv.Normal(loc, scale).log_density(x), rtol=1e-13)


# --- Shapes that do not fit -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape_p", "shape_q"), [((3,), (1,)), ((1,), (3,)), ((2, 3), (2, 1)), ((4, 3), (4,))], ids=str
)
@pytest.mark.parametrize("family", [kldiv.Categorical, kldiv.CategoricalLogits], ids=lambda f: f.__name__)
def test_event_sizes_never_broadcast(backend, family, shape_p, shape_q):
    p, q = (family(backend.array(np.full(shape, 1 / shape[-1]), "float64")) for shape in (shape_p, shape_q))
    with pytest.raises(ValueError, match="event sizes differ"):
        kldiv.kl_divergence(p, q)


def test_event_sizes_of_independent_never_broadcast(backend):
    p, q = (kldiv.Independent(kldiv.Exponential(backend.array(np.ones(n), "float64"))) for n in (3, 1))
    with pytest.raises(ValueError, match=r"\(3,\).*\(1,\)"):
        kldiv.kl_divergence(p, q)


def test_batch_shapes_that_do_not_broadcast_are_refused(backend):
    p, q = (kldiv.Exponential(backend.array(np.ones(n), "float64")) for n in (3, 2))
    with pytest.raises(ValueError, match="do not broadcast"):
        kldiv.kl_divergence(p, q)


# --- Dtypes -----------------------------------------------------------------------------------------------------------


def dtype_of(backend, value):
    assert backend.is_array(value)
    return backend.dtype_name(value)


def test_float32_beside_float64_gives_float64(backend):
    value = kldiv.kl_divergence(
        kldiv.Normal(backend.array([0.0, 1.0], "float32"), backend.array([1.0], "float32")),
        kldiv.Normal(backend.array([0.0], "float64"), backend.array([2.0], "float32")),
    )
    assert dtype_of(backend, value) == "float64"


def test_a_promoted_result_is_computed_in_the_wider_dtype(backend):
    scale = backend.array([1.5], "float32")
    value = kldiv.kl_divergence(kldiv.Normal(0.0, scale), kldiv.Normal(0.0, backend.array([1.5 + 1e-9], "float64")))
    np.testing.assert_allclose(backend.to_numpy(value), (1e-9 / 1.5) ** 2, rtol=1e-6)


def test_short_floats_beside_float32_give_float32(backend, short_dtype):
    p = kldiv.Normal(backend.array([0.0, 1.0], short_dtype), backend.array([1.0], "float32"))
    assert dtype_of(backend, kldiv.kl_divergence(p, p)) == "float32"


def test_two_sorts_of_short_floats_give_one_that_holds_both(backend, short_dtype):
    half = backend.short_dtypes[0]
    p = kldiv.Normal(backend.array([0.0, 1.0], half), backend.array([1.0], short_dtype))
    expected = half if half == short_dtype else "float32"
    assert dtype_of(backend, kldiv.kl_divergence(p, p)) == expected


def test_short_floats_keep_their_dtype_and_are_computed_in_float32(backend, short_dtype):
    loc = backend.array([0.0, 3.0], short_dtype)
    value = kldiv.kl_divergence(kldiv.Normal(loc, 1.0), kldiv.Normal(0.0, 1.0 / 16))
    assert dtype_of(backend, value) == short_dtype
    exact = [math.log(1 / 16) + 127.5, math.log(1 / 16) + 127.5 + 1152]
    expected = backend.astype(backend.array(exact, "float32"), short_dtype)
    np.testing.assert_array_equal(*(backend.to_numpy(backend.astype(x, "float32")) for x in (value, expected)))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64"])
def test_integers_become_the_default_float(backend, dtype):
    value = kldiv.kl_divergence(
        kldiv.Normal(backend.array([0, 1], dtype), backend.array([1], dtype)),
        kldiv.Normal(backend.array([0], dtype), backend.array([2], dtype)),
    )
    assert dtype_of(backend, value) == backend.default_float
    expected = math.log(2) + np.asarray([1 / 8, 1 / 4]) - 0.5
    np.testing.assert_allclose(backend.to_numpy(value), expected, rtol=1e-6)


def test_integers_beside_float64_become_float64(backend):
    p = kldiv.Normal(backend.array([0, 1], "int32"), backend.array([1.0], "float64"))
    assert dtype_of(backend, kldiv.kl_divergence(p, p)) == "float64"


# Numbers that take the dtype of the array beside them.
WEAK = {
    "float": 2.0,
    "integer": 2,
    "list": [2.0, 3.0],
    "nested list": [[2.0], [3.0]],
    "list of integers": [2, 3],
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("number", WEAK.values(), ids=WEAK.keys())
def test_python_numbers_and_lists_take_the_dtype_of_the_array_beside_them(backend, number, dtype):
    array = backend.array([1.0, 3.0], dtype)
    value = kldiv.kl_divergence(kldiv.Gamma(array, number), kldiv.Gamma(1.0, array))
    assert dtype_of(backend, value) == dtype


@pytest.mark.parametrize("number", WEAK.values(), ids=WEAK.keys())
def test_python_numbers_and_lists_count_with_the_precision_of_the_array_beside_them(backend, number):
    array = backend.array([1.0, 3.0], "float64")
    value = kldiv.kl_divergence(
        kldiv.Gamma(array, number), kldiv.Gamma(array, np.asarray(number).astype(float).tolist())
    )
    np.testing.assert_array_equal(backend.to_numpy(value), np.zeros(np.broadcast_shapes((2,), np.shape(number))))


def test_python_numbers_are_not_rounded_to_the_16_bits_beside_them(backend, short_dtype):
    # 33.1 rounds to 33.09375 or 33.0, and half its square to 547.5 or 544.
    value = kldiv.kl_divergence(kldiv.Normal(backend.array([0.0], short_dtype), 1.0), kldiv.Normal(33.1, 1.0))
    np.testing.assert_array_equal(backend.to_numpy(backend.astype(value, "float32")), [548.0])


@pytest.mark.parametrize("scalar", [np.float64(2.0), np.float32(2.0), np.int64(2)], ids=lambda x: type(x).__name__)
def test_numpy_scalars_beside_a_float64_array_count_as_numbers(backend, scalar):
    array = backend.array([1.0, 3.0], "float64")
    value = kldiv.kl_divergence(kldiv.Exponential(array), kldiv.Exponential(scalar))
    assert dtype_of(backend, value) == "float64"
    np.testing.assert_allclose(backend.to_numpy(value), [2 - 1 - math.log(2), 2 / 3 - 1 - math.log(2 / 3)])


@pytest.mark.parametrize("scalar", [np.float64(2.0), np.int64(2)], ids=lambda x: type(x).__name__)
def test_numpy_scalars_are_numbers_beside_a_frameworks_array_and_arrays_beside_numpys(backend, scalar):
    array = backend.array([1.0, 3.0], "float32")
    value = kldiv.kl_divergence(kldiv.Exponential(array), kldiv.Exponential(scalar))
    assert dtype_of(backend, value) == backend.float32_beside_numpy_scalar


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 0)], ids=str)
def test_results_of_every_shape_are_arrays_of_the_framework(backend, shape, dtype):
    rate = backend.array(np.ones(shape), dtype)
    assert dtype_of(backend, kldiv.kl_divergence(kldiv.Exponential(rate), kldiv.Exponential(rate))) == dtype


@pytest.mark.parametrize("base", [2, 10.0])
def test_base_keeps_the_dtype(backend, base):
    rate = backend.array([1.0, 2.0], "float32")
    value = kldiv.kl_divergence(kldiv.Exponential(rate), kldiv.Exponential(3.0), base=base)
    assert dtype_of(backend, value) == "float32"


def test_default_dtype_that_changes_between_calls_changes_the_next(backend):
    if backend.other_default is None:
        pytest.skip("the framework has one default dtype")
    p = kldiv.Poisson(backend.array([2, 3], "int32"))

    def dtype():
        return backend.dtype_name(kldiv.kl_divergence(p, kldiv.Poisson(2.5)))

    before = dtype()
    with backend.other_default():
        assert {before, dtype()} == {"float32", "float64"}
    assert dtype() == before
