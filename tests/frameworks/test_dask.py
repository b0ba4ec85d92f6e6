"""Dask's arrays: the chunks of the result are those of the batch, each as NumPy computes it; everything is lazy."""

import math

import dask
import dask.array as da
import numpy as np
import pytest

import cases
import kldiv
from kldiv._core.parameters import named_leaves, unflatten

RNG = np.random.default_rng(7)
A, B = RNG.normal(size=(2, 12, 5))
SIMPLE = {family.__name__: family for family in cases.SIMPLE if (family, family) in cases.SAME}


def normal(loc, scale):
    return kldiv.Normal(loc, scale)


def in_chunks(d, length=4):
    """Put the parameters of a distribution into chunks along all axes, those of events too."""
    lazy = [da.from_array(np.asarray(x), chunks=length) for _, x in named_leaves(d, "")]
    return unflatten(d, iter(lazy))


def computed(lazy):
    assert isinstance(lazy, da.Array)
    value = lazy.compute()
    assert value.dtype == lazy.dtype
    assert value.shape == lazy.shape
    return value


def assert_same(lazy, expected):
    value = computed(lazy)
    assert value.dtype == expected.dtype
    np.testing.assert_allclose(value, expected, rtol=4 * np.finfo(value.dtype).eps, atol=0)


# --- Values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", SIMPLE.values(), ids=SIMPLE.keys())
def test_every_family_is_computed_in_chunks(family):
    p, q = (family(**cases.ordinary(RNG, family, 10)) for _ in range(2))
    assert_same(kldiv.kl_divergence(in_chunks(p, 3), in_chunks(q, 4)), kldiv.kl_divergence(p, q))


HOLDERS = {
    "Independent": kldiv.Independent(normal(A, 1.0)),
    "Independent of Independent": kldiv.Independent(kldiv.Independent(normal(np.stack([A, B], axis=1), 1.0))),
    "Independent whose scale has no axes": kldiv.Independent(normal(A, 2.0)),
    "Independent vectors": kldiv.Independent(kldiv.MultivariateNormalDiag(np.stack([A, B], axis=1), np.ones(5))),
}


@pytest.mark.parametrize("p", HOLDERS.values(), ids=HOLDERS.keys())
def test_families_that_hold_others_are_computed_in_chunks(p):
    q = unflatten(p, iter([np.asarray(x) + 0.5 for _, x in named_leaves(p, "")]))
    assert_same(kldiv.kl_divergence(in_chunks(p), in_chunks(q, 3)), kldiv.kl_divergence(p, q))


OTHERS = {
    "number": 2.0,
    "list": [1.0, 2.0, 3.0, 4.0, 5.0],
    "NumPy scalar": np.float32(2.0),
    "NumPy array": np.exp(B),
    "NumPy array that broadcasts": np.exp(B[:, :1]),
    "dask array in other chunks": da.from_array(np.exp(B), chunks=(5, 2)),
    "dask array that broadcasts": da.from_array(np.exp(B[:1]), chunks=(1, 2)),
    "dask array without axes": da.from_array(np.asarray(2.0)),
    "integers": da.from_array(np.arange(1, 6), chunks=2),
}


@pytest.mark.parametrize("scale", OTHERS.values(), ids=OTHERS.keys())
def test_dask_arrays_go_with_numbers_and_numpys_arrays_in_either_role(scale):
    plain = scale.compute() if isinstance(scale, da.Array) else scale
    lazy, expected, other = normal(da.from_array(A, chunks=(4, 3)), scale), normal(A, plain), normal(0.0, 1.0)
    assert_same(kldiv.kl_divergence(lazy, other), kldiv.kl_divergence(expected, other))
    assert_same(kldiv.kl_divergence(other, lazy), kldiv.kl_divergence(other, expected))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64"])
def test_dtype_is_that_of_the_computation_in_memory(dtype):
    loc = (10 * A).astype(dtype)
    p, q = (lambda x: normal(x, 1.5)), normal(0.1, [1.0, 2.0, 3.0, 4.0, 5.0])
    assert_same(kldiv.kl_divergence(p(da.from_array(loc, chunks=4)), q), kldiv.kl_divergence(p(loc), q))


def test_base_is_that_of_the_logarithm():
    p, q = kldiv.Bernoulli(da.ones(3, chunks=2)), kldiv.Bernoulli(0.5)
    np.testing.assert_array_equal(computed(kldiv.kl_divergence(p, q, base=2)), np.ones(3))


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1, 1)])
def test_batch_may_be_of_any_shape(shape):
    p, q = normal(da.ones(shape), 1.0), normal(0.0, 1.0)
    np.testing.assert_array_equal(computed(kldiv.kl_divergence(p, q)), np.full(shape, 0.5))


@pytest.mark.parametrize("function", [kldiv.rel_entr, kldiv.kl_div])
def test_elementwise_functions_are_computed_in_chunks(function):
    x, y = np.exp(A), np.exp(B)
    assert_same(function(da.from_array(x, chunks=(4, 5)), y), function(x, y))


def test_infinite_divergence_is_infinite():
    p, q = kldiv.Uniform(0.0, da.from_array(np.asarray([1.0, 3.0]))), kldiv.Uniform(0.0, 2.0)
    np.testing.assert_array_equal(computed(kldiv.kl_divergence(p, q)), [math.log(2.0), math.inf])


# --- Chunks -----------------------------------------------------------------------------------------------------------


def test_event_axes_are_kept_whole_and_batch_axes_in_their_chunks():
    p, q = (kldiv.CategoricalLogits(da.from_array(x, chunks=(4, 2))) for x in (A, B))
    assert kldiv.kl_divergence(p, q).chunks == ((4, 4, 4),)


def test_batch_is_cut_smaller_where_whole_events_would_be_too_large():
    logits = da.zeros((1000, 1000), chunks=(1000, 100))  # 0.8 MB a chunk
    with dask.config.set({"array.chunk-size": "1MB"}):
        lazy = kldiv.kl_divergence(kldiv.CategoricalLogits(logits), kldiv.CategoricalLogits(np.zeros(1000)))
    assert max(lazy.chunks[0]) <= 125


def test_there_is_one_task_for_each_chunk():
    p, q = (kldiv.CategoricalLogits(da.full((12, 5), x, chunks=(4, 5))) for x in (1.0, 2.0))
    (lazy,) = dask.optimize(kldiv.kl_divergence(p, q))
    # That of the chunk includes those that made its parameters; beside it there are only other names for it.
    assert sum(type(task).__name__ != "Alias" for task in dict(lazy.__dask_graph__()).values()) == 3


def test_nothing_is_computed_before_it_is_asked_for():
    def fail(block):
        raise AssertionError("this was to be lazy")

    loc = da.ones(6, chunks=2).map_blocks(fail, dtype="float64", meta=np.empty(0))
    assert kldiv.kl_divergence(normal(loc, 1.0), normal(0.0, 1.0)).shape == (6,)


# --- What is refused --------------------------------------------------------------------------------------------------


def test_shapes_are_checked_at_once():
    p, q = (kldiv.CategoricalLogits(da.zeros((12, k), chunks=4)) for k in (5, 3))
    with pytest.raises(ValueError, match=r"event sizes differ: 5 in CategoricalLogits\.logits of p, 3 in"):
        kldiv.kl_divergence(p, q)


def test_pair_without_closed_form_is_refused_at_once():
    p = kldiv.StudentT(da.ones(3) + 1, 0.0, 1.0)
    with pytest.raises(kldiv.NoClosedForm):
        kldiv.kl_divergence(p, kldiv.StudentT(5.0, 0.0, 1.0))


@pytest.mark.parametrize("base", [1, 0.5, "e", True])
def test_bad_base_is_refused_at_once(base):
    with pytest.raises(ValueError, match="base must be a number above 1"):
        kldiv.kl_divergence(normal(da.ones(3), 1.0), normal(0.0, 1.0), base=base)


def bad_scale(value):
    scale = np.ones((12, 5))
    scale[9, 4] = value
    return da.from_array(scale, chunks=(4, 2))


COVARIANCES = np.tile(np.eye(2), (6, 1, 1))
COVARIANCES[5, 0, 1] = 0.5
INVALID = {
    "batch": (normal(A, bad_scale(-1.0)), r"Normal.scale must be positive and finite; got -1.0 at index \(9, 4\) of p"),
    "held": (
        kldiv.Independent(normal(A, bad_scale(np.nan))),
        r"Normal.scale must be positive and finite; got nan at index \(9, 4\) of p",
    ),
    "event": (
        kldiv.MultivariateNormalDiag(A, bad_scale(0.0)),
        r"MultivariateNormalDiag.scale_diag must be positive and finite; got 0.0 at index \(9, 4\) of p",
    ),
    "matrix": (
        kldiv.MultivariateNormal(np.zeros(2), da.from_array(COVARIANCES, chunks=(4, 1, 2))),
        r"MultivariateNormal.covariance_matrix must be symmetric .*; got 0.5 at index \(5, 0, 1\) of p",
    ),
    "broadcast": (
        kldiv.Uniform(da.zeros((3, 1), chunks=1), da.from_array(np.asarray([1.0, 1.0, 1.0, -1.0]), chunks=2)),
        r"Uniform.high must be greater than low, by a finite amount; got -1.0 at index \(\d, 3\) of p",
    ),
}


@pytest.mark.parametrize(("p", "words"), INVALID.values(), ids=INVALID.keys())
def test_invalid_value_is_named_with_its_place_in_the_whole_when_it_is_computed(p, words):
    lazy = kldiv.kl_divergence(p, p)
    with pytest.raises(ValueError, match=words):
        lazy.compute()


def test_invalid_value_gives_nan_in_its_place_if_values_are_not_checked():
    value = computed(kldiv.kl_divergence(normal(A, bad_scale(-1.0)), normal(0.0, 1.0), validate=False))
    np.testing.assert_array_equal(np.argwhere(np.isnan(value)), [[9, 4]])


def test_chunks_of_unknown_sizes_are_refused_with_the_remedy():
    loc = da.from_array(A[:, 0], chunks=4)
    loc = loc[loc > 0]
    with pytest.raises(ValueError, match=r"Normal.loc of p is a dask array .* call its compute_chunk_sizes\(\) first"):
        kldiv.kl_divergence(normal(loc, 1.0), normal(0.0, 1.0))
    assert_same(
        kldiv.kl_divergence(normal(loc.compute_chunk_sizes(), 1.0), normal(0.0, 1.0)),
        kldiv.kl_divergence(normal(A[:, 0][A[:, 0] > 0], 1.0), normal(0.0, 1.0)),
    )


@pytest.mark.parametrize("dtype", ["complex128", "bool", "M8[s]"])
def test_dtype_that_is_no_parameter_is_refused(dtype):
    with pytest.raises(TypeError, match=r"Normal.loc of p has dtype"):
        kldiv.kl_divergence(normal(da.zeros(3, dtype=dtype), 1.0), normal(0.0, 1.0))


def test_chunks_that_are_not_numpys_arrays_are_refused():
    masked = da.ma.masked_greater(da.ones(3), 0.5)
    with pytest.raises(TypeError, match=r"a chunk of Normal.loc of p is a numpy MaskedArray"):
        kldiv.kl_divergence(normal(masked, 1.0), normal(0.0, 1.0))


LAZY = normal(da.ones(3), 1.0)
UNSUPPORTED = {
    "namespace": lambda: kldiv.namespace(da.ones(3)),
    "log_density": lambda: kldiv.Normal(0.0, 1.0).log_density(da.ones(3)),
    "estimate": lambda: kldiv.estimate(LAZY, kldiv.Laplace(0.0, 1.0)),
    "sample": lambda: kldiv.sample(LAZY, 3),
    "project": lambda: kldiv.project(LAZY, kldiv.Laplace),
    "fit": lambda: kldiv.fit(LAZY, kldiv.Normal(0.0, 1.0)),
}


@pytest.mark.parametrize("call", UNSUPPORTED.values(), ids=UNSUPPORTED.keys())
def test_everything_else_says_what_dask_arrays_are_for(call):
    with pytest.raises(TypeError, match=r"is a dask Array; dask arrays are for kl_divergence, kl_div and rel_entr"):
        call()


# --- Other processes --------------------------------------------------------------------------------------------------


def test_other_processes_compute_the_chunks():
    p, q = normal(A, bad_scale(2.0)), normal(0.0, [1.0, 2.0, 3.0, 4.0, 5.0])
    lazy = kldiv.kl_divergence(kldiv.Independent(p), kldiv.Independent(q))
    value = lazy.compute(scheduler="processes", num_workers=1)
    np.testing.assert_array_equal(value, computed(lazy))
