"""Each backend is an array namespace: it has what `_protocol.Namespace` lists, and it does what it should."""

import importlib
from typing import NamedTuple

import numpy as np
import pytest
import scipy.special

import backends
import reference
from kldiv._arrays.protocol import Namespace
from reference import mp

DTYPES = ("float32", "float64")
OFFERED = sorted(name for name in vars(Namespace) if not name.startswith("_"))
over_dtypes = pytest.mark.parametrize("dtype", DTYPES)


def pytest_generate_tests(metafunc):
    if "dtype_and_numpys" in metafunc.fixturenames:
        short = {
            "float16": (16, 2.0**-10, 2.0**-14, 65504.0),
            "bfloat16": (16, 2.0**-7, 2.0**-126, 3.3895313892515355e38),
        }
        offered = backends.load(metafunc.config.getoption("--backend")).short_dtypes
        info = {dtype: np.finfo(dtype) for dtype in DTYPES}
        long = {dtype: (i.bits, float(i.eps), float(i.smallest_normal), float(i.max)) for dtype, i in info.items()}
        rows = {**long, **{dtype: short[dtype] for dtype in offered}}
        metafunc.parametrize("dtype_and_numpys", rows.items(), ids=rows.keys())


@pytest.fixture
def xp(backend):
    return importlib.import_module(backend.module)


def evaluated(backend, function, *arrays, dtype="float64"):
    return backend.to_numpy(function(*(backend.array(x, dtype) for x in arrays)))


@pytest.mark.parametrize("name", OFFERED)
def test_backend_offers(xp, name):
    assert hasattr(xp, name)


# --- The standard's functions, as the core calls them -----------------------------------------------------------------

X = np.asarray([[0.5, -1.5, 2.0], [-0.25, 3.0, 1.0]])
SQUARE = np.asarray([[[2.0, 0.5, 0.1], [0.5, 1.0, -0.2], [0.1, -0.2, 3.0]]] * 2)
EXAMPLES = {  # a call, its arguments, and what NumPy or SciPy makes of them
    "abs": (lambda xp, x: xp.abs(x), (X,), np.abs),
    "all": (lambda xp, x: xp.all(x > 0, axis=-1), (X,), lambda x: (x > 0).all(axis=-1)),
    "all along axes": (lambda xp, x: xp.all(x > 0, axis=(-2, -1)), (X,), lambda x: (x > 0).all()),
    "any": (lambda xp, x: xp.any(x > 2, axis=-1), (X,), lambda x: (x > 2).any(axis=-1)),
    "any of all": (lambda xp, x: xp.any(x > 2), (X,), lambda x: (x > 2).any()),
    "asarray": (lambda xp, x: x + xp.asarray(2.0, dtype=x.dtype), (X,), lambda x: x + 2),
    "astype": (lambda xp, x: xp.astype(x, xp.float64), (X,), lambda x: x),
    "broadcast_arrays": (lambda xp, x, y: xp.broadcast_arrays(x, y)[1], (X, X[:1]), lambda x, y: np.tile(y, (2, 1))),
    "cumulative_sum": (lambda xp, x: xp.cumulative_sum(x, axis=-1), (X,), lambda x: np.cumsum(x, axis=-1)),
    "cumulative_sum of a vector": (lambda xp, x: xp.cumulative_sum(x), (X[0],), np.cumsum),
    "diagonal": (lambda xp, x: xp.diagonal(x), (SQUARE,), lambda x: np.diagonal(x, axis1=-2, axis2=-1)),
    "eigvalsh": (lambda xp, x: xp.eigvalsh(x), (SQUARE,), np.linalg.eigvalsh),
    "exp": (lambda xp, x: xp.exp(x), (X,), np.exp),
    "expm1": (lambda xp, x: xp.expm1(x), (1e-9 * X,), np.expm1),
    "flip": (lambda xp, x: xp.flip(x, axis=(-2, -1)), (SQUARE,), lambda x: x[..., ::-1, ::-1]),
    "floor": (lambda xp, x: xp.floor(x), (X,), np.floor),
    "gammaln": (lambda xp, x: xp.gammaln(x), (X**2 + 5,), scipy.special.gammaln),
    "isfinite": (lambda xp, x: xp.isfinite(x), ([1.0, np.inf, -np.inf, np.nan],), np.isfinite),
    "isnan": (lambda xp, x: xp.isnan(x), ([1.0, np.inf, -np.inf, np.nan],), np.isnan),
    "log": (lambda xp, x: xp.log(x), (X**2,), np.log),
    "log1p": (lambda xp, x: xp.log1p(x), (1e-9 * X,), np.log1p),
    "matmul": (lambda xp, x, y: xp.matmul(x, y), (SQUARE, X.T), np.matmul),
    "matrix_transpose": (lambda xp, x: xp.matrix_transpose(x), (X[None],), lambda x: np.swapaxes(x, -1, -2)),
    "max": (lambda xp, x: xp.max(x, axis=-1), (X,), lambda x: x.max(axis=-1)),
    "max that keeps axes": (
        lambda xp, x: xp.max(x, axis=(-2, -1), keepdims=True),
        (SQUARE,),
        lambda x: x.max(axis=(-2, -1), keepdims=True),
    ),
    "max of all": (lambda xp, x: xp.max(x), (X,), np.max),
    "ones_like": (lambda xp, x: xp.ones_like(x), (X,), np.ones_like),
    "sqrt": (lambda xp, x: xp.sqrt(x), (X**2,), np.sqrt),
    "stop_gradient": (lambda xp, x: xp.stop_gradient(x), (X,), lambda x: x),
    "sum": (lambda xp, x: xp.sum(x, axis=-1), (X,), lambda x: x.sum(axis=-1)),
    "sum that keeps axes": (lambda xp, x: xp.sum(x, axis=-1, keepdims=True), (X,), lambda x: x.sum(axis=-1)[:, None]),
    "tril": (lambda xp, x: xp.tril(x), (SQUARE,), np.tril),
    "tril below the diagonal": (lambda xp, x: xp.tril(x, k=-1), (SQUARE,), lambda x: np.tril(x, -1)),
    "triu": (lambda xp, x: xp.triu(x), (SQUARE,), np.triu),
    "triu above the diagonal": (lambda xp, x: xp.triu(x, k=1), (SQUARE,), lambda x: np.triu(x, 1)),
    "where": (lambda xp, x, y: xp.where(x > y, x, y), (X, 0.5 * X), np.maximum),
    "where with a number": (lambda xp, x: xp.where(x > 0, x, 0.0), (X,), lambda x: np.maximum(x, 0)),
    "where with a number first": (lambda xp, x: xp.where(x > 0, 1.0, x), (X,), lambda x: np.where(x > 0, 1, x)),
    "xlogy": (
        lambda xp, x, y: xp.xlogy(x, y),
        ([0.0, 0.0, 2.0, 2.0], [0.0, 3.0, 3.0, 0.0]),
        lambda x, y: [0.0, 0.0, 2 * np.log(3.0), -np.inf],
    ),
    "zeros_like": (lambda xp, x: xp.zeros_like(x), (X,), np.zeros_like),
}


@over_dtypes
@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())
@pytest.mark.one_in(3)
def test_function_does_as_numpys(backend, xp, example, dtype):
    call, arguments, numpys = example
    arguments = [np.asarray(x, dtype) for x in arguments]
    values = evaluated(backend, lambda *arrays: call(xp, *arrays), *arguments, dtype=dtype)
    expected = np.asarray(numpys(*arguments))
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(
        values, expected, rtol=16 * eps, atol=4 * eps * (np.max(abs(expected[np.isfinite(expected)])) > 1e-6)
    )


@pytest.mark.parametrize("name", ["divide"])
def test_function_of_two_numbers_does_as_numpys(backend, xp, name):
    x, y = np.random.default_rng(50).normal(size=(2, 20))
    np.testing.assert_allclose(evaluated(backend, getattr(xp, name), x, y), getattr(np, name)(x, y), rtol=1e-15)


ELEMENTARY = {  # points: dense where implementations switch, and over the range
    "exp": np.concatenate([np.linspace(-85, 85, 1500), np.linspace(-1, 1, 500)]),
    "expm1": np.concatenate([np.linspace(-20, 85, 1000), np.linspace(-1, 1, 1000), 10.0 ** np.linspace(-30, 0, 100)]),
    "log": np.concatenate([10.0 ** np.linspace(-37, 37, 1000), np.linspace(0.5, 2, 1000)]),
    "log1p": np.concatenate([np.linspace(-0.999, 3, 2000), 10.0 ** np.linspace(-30, 37, 200)]),
}


@over_dtypes
@pytest.mark.parametrize("name", ELEMENTARY)
def test_elementary_function_is_right_to_an_ulp_or_two(backend, xp, name, dtype, record_property):
    points = ELEMENTARY[name].astype(dtype)
    values = evaluated(backend, getattr(xp, name), points, dtype=dtype)
    truths = [getattr(mp, name)(mp.mpf(float(x))) for x in points]
    ulps = max(reference.ulps(value, truth, dtype) for value, truth in zip(values, truths, strict=True))
    record_property("ulps", f"{ulps:.2f}")
    assert ulps <= 1.5 + 1.5 * backend.elementary_ulps


def test_stop_gradient_has_derivative_zero(differentiable):
    module = importlib.import_module(differentiable.module)
    x = differentiable.array([1.0, 2.0], "float64")
    (slope,) = differentiable.gradient(lambda x: x * module.stop_gradient(x), x)
    np.testing.assert_array_equal(differentiable.to_numpy(slope), [1.0, 2.0])


def test_differentiable_tells_whether_there_are_derivatives(backend, xp):
    assert xp.differentiable == (backend.gradient is not None)


def test_cumulative_sum_counts_exactly(backend, xp):
    values = evaluated(
        backend, lambda x: xp.cumulative_sum(xp.ones_like(x), axis=-1), np.zeros((2, 5000)), dtype="float32"
    )
    np.testing.assert_array_equal(values, [np.arange(1, 5001)] * 2)


# --- Dtypes -----------------------------------------------------------------------------------------------------------


def test_finfo_is_numpys(backend, xp, dtype_and_numpys):
    dtype, numpys = dtype_and_numpys
    info = xp.finfo(backend.array([1.0], dtype).dtype)
    assert (info.bits, float(info.eps), float(info.smallest_normal), float(info.max)) == numpys


@pytest.mark.parametrize("dtype", DTYPES)
def test_namespace_names_the_dtype(backend, xp, dtype):
    assert getattr(xp, dtype) == backend.array([1.0], dtype).dtype


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [("float32", "real floating"), ("float64", "real floating"), ("int32", "integral"), ("uint8", "integral")],
)
def test_isdtype_knows_the_kind(backend, xp, dtype, kind):
    array = backend.array([1], dtype)
    other = {"real floating": "integral", "integral": "real floating"}[kind]
    assert xp.isdtype(array.dtype, kind)
    assert not xp.isdtype(array.dtype, other)


def test_isdtype_knows_short_floats(backend, xp, short_dtype):
    assert xp.isdtype(backend.array([1.0], short_dtype).dtype, "real floating")


def test_result_type_is_the_wider(backend, xp):
    assert xp.result_type(xp.float32, xp.float64) == xp.float64
    assert xp.result_type(xp.float64, xp.float32) == xp.float64
    assert xp.result_type(xp.float32, xp.float32) == xp.float32


def test_result_type_of_a_short_float_is_the_longer(backend, xp, short_dtype):
    short = backend.array([1.0], short_dtype).dtype
    assert xp.result_type(short, xp.float32) == xp.float32
    assert xp.result_type(xp.float64, short) == xp.float64
    assert xp.result_type(short, short) == short


def test_default_dtype_is_the_frameworks(backend, xp):
    assert xp.default_dtype() == getattr(xp, backend.default_float)


# --- Arrays -----------------------------------------------------------------------------------------------------------


@over_dtypes
@pytest.mark.parametrize(
    "value", [2, 2.5, [1.0, 2.5], [[1], [2]], np.float32(2.5), np.int64(2), [np.float64(2.5)]], ids=str
)
def test_like_makes_an_array_of_numbers(backend, xp, value, dtype):
    for_dtype = backend.array([1.0], dtype)
    array = xp.asarray_like(value, for_dtype, for_dtype.dtype)
    assert backend.is_array(array)
    assert backend.dtype_name(array) == dtype
    np.testing.assert_array_equal(backend.to_numpy(array), np.asarray(value, dtype))


def test_like_needs_no_array_beside_it(backend, xp):
    array = xp.asarray_like([1.0, 2.0], None, xp.float32)
    assert backend.dtype_name(array) == "float32"
    np.testing.assert_array_equal(backend.to_numpy(array), [1.0, 2.0])


def test_like_does_not_round_through_a_narrower_dtype(backend, xp):
    assert float(backend.to_numpy(xp.asarray_like(0.1, None, xp.float64))) == 0.1


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (1, 2, 3, 4)], ids=str)
def test_shape_is_a_plain_tuple(backend, xp, shape):
    result = xp.shape(backend.array(np.ones(shape), "float32"))
    assert type(result) is tuple
    assert result == shape


def test_shape_has_an_entry_for_each_axis_inside_a_transform(backend, xp, transform):
    function = transform(lambda x: x * 0.0 + len(xp.shape(x[..., None])) - len(xp.shape(x)))
    np.testing.assert_array_equal(backend.to_numpy(function(backend.array([1.0, 2.0], "float64"))), [1.0, 1.0])


@over_dtypes
def test_to_numpy_gives_numpys_array(backend, xp, dtype):
    array = xp.to_numpy(backend.array(X, dtype))
    assert type(array) is np.ndarray
    np.testing.assert_array_equal(array, X.astype(dtype), strict=True)


def test_arrays_at_hand_are_concrete(backend, xp):
    assert xp.is_concrete(backend.array([1.0], "float32"))


def test_arrays_inside_a_transform_are_not_concrete(backend, xp, transform):
    function = transform(lambda x: x * 0.0 + (1.0 if xp.is_concrete(x) else 2.0))
    np.testing.assert_array_equal(backend.to_numpy(function(backend.array([1.0, 1.0], "float64"))), [2.0, 2.0])


# --- Cholesky factors -------------------------------------------------------------------------------------------------

GOOD = np.asarray([[4.0, 2.0], [2.0, 3.0]])
BAD = {
    "indefinite": [[1.0, 2.0], [2.0, 1.0]],
    "negative": [[-1.0, 0.0], [0.0, 1.0]],
    "zero": [[0.0, 0.0], [0.0, 0.0]],
    "nan": [[np.nan, 0.0], [0.0, 1.0]],
}
over_bad = pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())


@over_dtypes
def test_cholesky_is_numpys(backend, xp, dtype):
    factors = evaluated(backend, xp.cholesky, SQUARE, dtype=dtype)
    np.testing.assert_allclose(factors, np.linalg.cholesky(SQUARE), rtol=0, atol=8 * np.finfo(dtype).eps)
    assert np.all(np.triu(factors, 1) == 0)


@over_bad
def test_cholesky_of_a_bad_matrix_is_nan(backend, xp, bad):
    assert not np.isfinite(evaluated(backend, xp.cholesky, bad)).all()
    assert np.isnan(evaluated(backend, xp.cholesky, bad)).any()


@over_dtypes
@over_bad
def test_cholesky_of_a_bad_matrix_leaves_the_others_of_the_stack_right(backend, xp, bad, dtype):
    factors = evaluated(backend, xp.cholesky, [[GOOD, bad], [bad, 4 * GOOD]], dtype=dtype)
    expected = np.linalg.cholesky(GOOD)
    np.testing.assert_allclose(factors[0, 0], expected, atol=4 * np.finfo(dtype).eps)
    np.testing.assert_allclose(factors[1, 1], 2 * expected, atol=8 * np.finfo(dtype).eps)
    assert np.isnan(factors[[0, 1], [1, 0]]).any(axis=(-2, -1)).all()


def test_cholesky_of_a_bad_matrix_is_nan_inside_a_transform(backend, xp, transform):
    matrices = backend.array([GOOD, BAD["indefinite"], GOOD], "float64")
    factors = backend.to_numpy(transform(xp.cholesky)(matrices))
    assert np.isnan(factors[1]).any()
    np.testing.assert_allclose(factors[[0, 2]], [np.linalg.cholesky(GOOD)] * 2, rtol=1e-15)


def test_cholesky_of_an_empty_stack_is_empty(backend, xp):
    assert evaluated(backend, xp.cholesky, np.ones((0, 2, 2))).shape == (0, 2, 2)


# --- Triangular systems -----------------------------------------------------------------------------------------------

SYSTEMS = [  # shapes of a and b
    ((3, 3), (3, 2)),
    ((3, 3), (3, 1)),
    ((1, 1), (1, 1)),
    ((3, 3), (4, 3, 2)),
    ((4, 3, 3), (3, 2)),
    ((4, 3, 3), (4, 3, 2)),
    ((4, 1, 3, 3), (5, 3, 2)),
    ((5, 3, 3), (4, 1, 3, 2)),
    ((1, 3, 3), (4, 3, 2)),
    ((2, 0, 3, 3), (3, 2)),
    ((3, 3), (0, 3, 2)),
]


def system(shape_a, shape_b):
    rng = np.random.default_rng(51)
    a = np.tril(rng.normal(size=shape_a), -1) + np.eye(shape_a[-1]) * np.exp(0.3 * rng.normal(size=shape_a))
    return a, rng.normal(size=shape_b)


def solved(a, b):
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return np.linalg.solve(np.broadcast_to(a, batch + a.shape[-2:]), np.broadcast_to(b, batch + b.shape[-2:]))


@over_dtypes
@pytest.mark.parametrize(("shape_a", "shape_b"), SYSTEMS, ids=str)
@pytest.mark.one_in(3)
def test_solve_triangular_is_numpys_and_broadcasts_both_ways(backend, xp, shape_a, shape_b, dtype):
    a, b = system(shape_a, shape_b)
    x = evaluated(backend, xp.solve_triangular, a, b, dtype=dtype)
    expected = solved(a, b)
    eps = np.finfo(dtype).eps
    assert x.shape == expected.shape
    np.testing.assert_allclose(x, expected, rtol=64 * eps, atol=64 * eps * np.max(abs(expected), initial=0))


def test_solve_triangular_broadcasts_inside_a_transform(backend, xp, transform):
    a, b = system((3, 3), (4, 3, 2))
    factor = backend.array(a, "float64")
    x = transform(lambda b: xp.solve_triangular(factor, b))(backend.array(b, "float64"))
    np.testing.assert_allclose(backend.to_numpy(x), solved(a, b), rtol=1e-13)


def test_solve_triangular_divides_by_zero_as_floats_do(backend, xp):
    # Where a factor does not exist nothing must raise, and no number must come out of it.
    a, b = np.asarray([[np.nan, 0.0], [np.nan, np.nan]]), np.ones((2, 1))
    assert np.isnan(evaluated(backend, xp.solve_triangular, a, b)).all()
    assert np.isnan(evaluated(backend, xp.solve_triangular, [a, a], b)).all()


# --- Compiling --------------------------------------------------------------------------------------------------------


class Two(NamedTuple):
    """A family, as far as `compiled` knows."""

    x: object
    y: object


class Other(NamedTuple):
    """Another family, with the same parameters."""

    x: object
    y: object


def test_compiled_does_not_trace_again_for_shapes_that_it_knows(backend, xp):
    shapes = []

    def function(d):
        shapes.append(xp.shape(d.x))
        return d.x + d.y

    program = xp.compiled(function)
    runs = []
    for shape in ((3,), (3,), (5,), (2, 3)):
        program(Two(backend.array(np.ones(shape), "float32"), backend.array(np.ones(shape), "float32")))
        runs.append(len(shapes))
    assert runs == backend.runs_of_compiled


def test_compiled_traces_again_for_another_family_with_the_same_parameters(backend, xp):
    program = xp.compiled(lambda d: d.x + d.y if isinstance(d, Two) else d.x - d.y)
    x, y = backend.array([3.0], "float32"), backend.array([1.0], "float32")
    values = [float(backend.to_numpy(program(family(x, y)))[0]) for family in (Two, Other, Two)]
    assert values == [4.0, 2.0, 4.0]


def test_compiled_keeps_shape_and_dtype(backend, xp):
    program = xp.compiled(lambda d: d.x * d.y)
    value = program(Two(backend.array(np.ones((2, 1)), "float32"), backend.array(np.ones((1, 3)), "float32")))
    assert backend.dtype_name(value) == "float32"
    assert backend.to_numpy(value).shape == (2, 3)


def test_compiled_is_silent_about_branches_that_are_not_taken(backend, xp):
    program = xp.compiled(lambda d: xp.where(d.x > 0, d.x / d.y, xp.log(d.x)))
    value = program(Two(backend.array([1.0, 0.0], "float64"), backend.array([0.0, 1.0], "float64")))
    np.testing.assert_array_equal(backend.to_numpy(value), [np.inf, -np.inf])


# --- Random numbers ---------------------------------------------------------------------------------------------------

DRAWS = {  # a draw for each entry of an array, and the mean and the variance that it has
    "binomial": (lambda source, n, x: source.binomial(n, 0.0 * x + 5.0, x), lambda x: 5 * x, lambda x: 5 * x * (1 - x)),
    "gamma": (lambda source, n, x: source.gamma(n, x), lambda x: x, lambda x: x),
    "normal": (lambda source, n, x: source.normal(n, x), lambda x: 0 * x, lambda x: 0 * x + 1),
    "poisson": (lambda source, n, x: source.poisson(n, x), lambda x: x, lambda x: x),
    "uniform": (lambda source, n, x: source.uniform(n, x), lambda x: 0 * x + 0.5, lambda x: 0 * x + 1 / 12),
}


@over_dtypes
@pytest.mark.parametrize(("draw", "mean", "variance"), DRAWS.values(), ids=DRAWS.keys())
def test_draws_have_the_dtype_and_the_moments(eager, xp, draw, mean, variance, dtype):
    x = np.asarray([[0.2], [0.7]])
    like = eager.array(x, dtype)
    draws = draw(xp.random(0, like), 5000, like)
    assert eager.dtype_name(draws) == dtype
    values = eager.to_numpy(draws)
    assert values.shape == (5000, 2, 1)
    assert np.all(abs(values.mean(axis=0) - mean(x)) < 4 * np.sqrt(variance(x) / 5000))
    np.testing.assert_allclose(values.var(axis=0, dtype="float64"), variance(x), rtol=0.2)


@over_dtypes
def test_uniform_draws_are_strictly_inside(backend, xp, dtype):
    like = backend.array(0.0, dtype)
    values = backend.to_numpy(xp.random(0, like).uniform(2**18, like))
    assert backend.dtype_name(xp.random(0, like).uniform(1, like)) == dtype
    assert np.all((values > 0) & (values < 1))


def test_draws_of_a_source_differ_and_so_do_its_seeds(backend, xp):
    like = backend.array([0.0, 0.0], "float32")
    source = xp.random(0, like)
    values = [backend.to_numpy(source.uniform(2, like)).ravel() for _ in range(2)]
    assert len(np.unique(values)) == 8
    seeds = [source.seed(), source.seed(), xp.random(0, like).seed()]
    assert all(isinstance(seed, int) for seed in seeds)
    assert seeds[0] != seeds[1]


def test_arrays_are_joined_along_the_last_axis(backend, xp):
    x, y = backend.array(X, "float32"), backend.array(X[:, :1], "float32")
    np.testing.assert_array_equal(backend.to_numpy(xp.concat([x, y], axis=-1)), np.concat([X, X[:, :1]], axis=-1))
