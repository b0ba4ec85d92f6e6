"""All pairs: each as accurate as one divergence by itself, whichever way it is computed."""

import numpy as np
import pytest

import kldiv
import oracle_values
import reference
from cases import DTYPES, SAME, bound, cases_of
from kldiv._core.family import kind_of
from kldiv.divergences import inner_products, pairwise as pairwise_by_rows, pairwise_host
from oracle import mp

RTOL = {"float32": 1e-6, "float64": 1e-10}
ROWS = 7  # of P; Q has fewer


def positive(rng, *shape):
    return np.exp(0.7 * rng.normal(size=shape))


def simplex(rng, *shape):
    x = positive(rng, *shape)
    return x / x.sum(axis=-1, keepdims=True)


def triangular(rng, *shape):
    size = shape[-1]
    return np.tril(0.4 * rng.normal(size=shape), -1) + positive(rng, *shape[:-1], 1) * np.eye(size)


def covariance(rng, *shape):
    factor = triangular(rng, *shape)
    return factor @ np.swapaxes(factor, -1, -2)


def real(rng, *shape):
    return rng.normal(size=shape)


def unit(rng, *shape):
    return rng.uniform(0.05, 0.95, size=shape)


def independent(family):
    return lambda *parameters: kldiv.Independent(family(*parameters))


# What makes a distribution, and draws each of its parameters, with the shape of its event axes.
FAMILIES = {
    "Normal": (kldiv.Normal, [(real, ()), (positive, ())]),
    "LogNormal": (kldiv.LogNormal, [(real, ()), (positive, ())]),
    "NormalLogVariance": (kldiv.NormalLogVariance, [(real, ()), (real, ())]),
    "Laplace": (kldiv.Laplace, [(real, ()), (positive, ())]),
    "Exponential": (kldiv.Exponential, [(positive, ())]),
    "Poisson": (kldiv.Poisson, [(positive, ())]),
    "Gamma": (kldiv.Gamma, [(positive, ()), (positive, ())]),
    "InverseGamma": (kldiv.InverseGamma, [(positive, ()), (positive, ())]),
    "Beta": (kldiv.Beta, [(positive, ()), (positive, ())]),
    "Dirichlet": (kldiv.Dirichlet, [(positive, (4,))]),
    "Bernoulli": (kldiv.Bernoulli, [(unit, ())]),
    "BernoulliLogits": (kldiv.BernoulliLogits, [(real, ())]),
    "Geometric": (kldiv.Geometric, [(unit, ())]),
    "Categorical": (kldiv.Categorical, [(simplex, (5,))]),
    "CategoricalLogits": (kldiv.CategoricalLogits, [(real, (5,))]),
    "OneHotCategorical": (kldiv.OneHotCategorical, [(simplex, (5,))]),
    "MultivariateNormalDiag": (kldiv.MultivariateNormalDiag, [(real, (3,)), (positive, (3,))]),
    "MultivariateNormalTriL": (kldiv.MultivariateNormalTriL, [(real, (3,)), (triangular, (3, 3))]),
    "MultivariateNormal": (kldiv.MultivariateNormal, [(real, (3,)), (covariance, (3, 3))]),
    "MultivariateNormalPrecision": (kldiv.MultivariateNormalPrecision, [(real, (3,)), (covariance, (3, 3))]),
    "MultivariateNormalLowRank": (
        kldiv.MultivariateNormalLowRank,
        [(real, (3,)), (real, (3, 2)), (positive, (3,))],
    ),
    "Wishart": (lambda df, tril: kldiv.Wishart(2.5 + df, tril), [(positive, ()), (triangular, (3, 3))]),
    "independent Normal": (independent(kldiv.Normal), [(real, (3,)), (positive, (3,))]),
    "independent NormalLogVariance": (independent(kldiv.NormalLogVariance), [(real, (3,)), (real, (3,))]),
    "independent Gamma": (independent(kldiv.Gamma), [(positive, (3,)), (positive, (3,))]),
    "independent Poisson": (independent(kldiv.Poisson), [(positive, (3,))]),
    "independent Bernoulli": (independent(kldiv.Bernoulli), [(unit, (3,))]),
    "independent Laplace": (independent(kldiv.Laplace), [(real, (3,)), (positive, (3,))]),
    "independent vectors": (
        lambda logits: kldiv.Independent(kldiv.CategoricalLogits(logits)),
        [(real, (2, 5))],
    ),
}
BY_RULE = {"Laplace", "independent Laplace"}
BY_PRODUCTS = [pair for pair in SAME if inner_products.find_form(*pair)]
QUICK = ["CategoricalLogits", "MultivariateNormalDiag", "Gamma", "Laplace"]
each_family = pytest.mark.parametrize("family", FAMILIES)
each_quick_family = pytest.mark.parametrize("family", QUICK)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def draws(family, *shape, seed=0):
    """Return parameters of a family with the batch axes of a shape, rounded to numbers that both dtypes have."""
    rng = np.random.default_rng(seed)
    return [draw(rng, *shape, *event).astype("float32").astype("float64") for draw, event in FAMILIES[family][1]]


def make(family, parameters):
    return FAMILIES[family][0](*parameters)


def expected(family, p, q):
    """Return the divergences of all pairs by broadcasting, in NumPy and float64."""
    batch_p, batch_q = (x[0].ndim - len(FAMILIES[family][1][0][1]) for x in (p, q))
    tall = [np.expand_dims(x, batch_p) for x in p]
    wide = [np.expand_dims(x, batch_q - 1) for x in q]
    return kldiv.kl_divergence(make(family, tall), make(family, wide))


def arrays(backend, parameters, dtype="float64"):
    return [backend.array(x, dtype) for x in parameters]


def pairwise(backend, family, p, q, dtype="float64", **options):
    both = (make(family, arrays(backend, x, dtype)) for x in (p, q))
    return backend.to_numpy(kldiv.pairwise(*both, **options))


def assert_same(actual, truth, rtol):
    """Assert equality to a relative error; zeros and infinities are exact."""
    assert actual.shape == truth.shape
    assert np.all(actual >= 0)
    np.testing.assert_array_equal(np.isinf(actual), np.isinf(truth))
    np.testing.assert_allclose(actual, truth, rtol=rtol, atol=0)


# ------------------------------------------------------------------------------------------------------------- accuracy


@each_dtype
@each_family
def test_all_pairs_agree_with_the_rule(backend, family, dtype):
    p, q = draws(family, ROWS), draws(family, ROWS - 2, seed=1)
    value = pairwise(backend, family, p, q, dtype)
    assert value.dtype == dtype
    assert_same(value, expected(family, p, q), RTOL[dtype])


@each_family
def test_identical_rows_have_no_divergence(backend, family):
    p = draws(family, ROWS)
    np.testing.assert_array_equal(np.diagonal(pairwise(backend, family, p, p)), 0)


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in BY_RULE])
def test_families_have_an_inner_product(family):
    d = make(family, draws(family, 1))
    assert inner_products.find_form(*[kind_of(d)] * 2)


@pytest.mark.parametrize("case", cases_of(BY_PRODUCTS), ids=str)
def test_every_family_is_within_its_bound(eager, case):
    """Rows of ordinary, nearly equal, extreme and boundary parameters: the pairs on the diagonal have kept truths."""
    batch = case.batch()
    p, q = (d(*arrays(eager, x, case.dtype)) for d, x in ((case.p, batch.p), (case.q, batch.q)))
    value = eager.to_numpy(kldiv.pairwise(p, q))
    assert np.all(value >= 0)
    exact = np.isin(batch.kinds, case.exact_kinds)
    batch, value = batch.take(exact), np.diagonal(value)[exact]
    names = case.p.__name__, case.q.__name__
    truth = [
        oracle_values.kl(names[0], [a[i] for a in batch.p], names[1], [a[i] for a in batch.q])
        for i in range(len(batch.kinds))
    ]
    known = np.asarray([not mp.isnan(t) for t in truth])
    ulps = [reference.ulps(v, t, case.dtype) for v, t in zip(value[known], np.asarray(truth)[known], strict=True)]
    allowed = np.maximum(bound(case, batch, truth)[known], RTOL[case.dtype] / np.finfo(case.dtype).eps)
    assert np.all(np.asarray(ulps) <= allowed)


@pytest.mark.parametrize("case", cases_of(BY_PRODUCTS, ("float64",)), ids=str)
def test_every_family_agrees_with_the_rule_at_extremes(eager, case):
    """All pairs of rows of every kind: the infinite ones are the same."""
    batch = case.batch()
    value = eager.to_numpy(kldiv.pairwise(case.p(*arrays(eager, batch.p)), case.q(*arrays(eager, batch.q))))
    by_rule = kldiv.kl_divergence(case.p(*[x[:, None] for x in batch.p]), case.q(*batch.q))
    assert_same(value, by_rule, 1e-10)


# --------------------------------------------------------------------------------------------------------------- edges


@pytest.mark.parametrize("make", [kldiv.Categorical, kldiv.OneHotCategorical])
@each_dtype
def test_zero_probabilities_are_exact(backend, make, dtype):
    p = [[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.25, 0.25, 0.5], [0.0, 1.0, 0.0]]
    value = backend.to_numpy(kldiv.pairwise(make(backend.array(p, dtype)), make(backend.array(p, dtype))))
    log2, inf = np.log(2), np.inf
    truth = [[0, inf, log2, inf], [log2, 0, 2 * log2, inf], [inf, inf, 0, inf], [log2, inf, 2 * log2, 0]]
    assert_same(value, np.asarray(truth), 1e-6 if dtype == "float32" else 1e-15)


@each_dtype
def test_dead_logits_are_exact(backend, dtype):
    inf = np.inf
    p = backend.array([[0.0, 0.0, -inf], [3.0, -inf, -inf], [0.0, 0.0, 0.0]], dtype)
    value = backend.to_numpy(kldiv.pairwise(kldiv.CategoricalLogits(p), kldiv.CategoricalLogits(p)))
    truth = [[0, inf, np.log(1.5)], [np.log(2), 0, np.log(3)], [inf, inf, 0]]
    assert_same(value, np.asarray(truth), 1e-6 if dtype == "float32" else 1e-15)


def test_infinite_pairs_of_families(backend):
    p = kldiv.Normal(backend.array([0.0, 1.0], "float64"), 1.0)
    q = kldiv.Exponential(backend.array([1.0, 2.0, 3.0], "float64"))
    np.testing.assert_array_equal(backend.to_numpy(kldiv.pairwise(p, q)), np.full((2, 3), np.inf))


def test_supports_that_depend_on_parameters(backend):
    p = kldiv.Uniform(0.0, backend.array([1.0, 2.0], "float64"))
    value = backend.to_numpy(kldiv.pairwise(p, p))
    np.testing.assert_array_equal(value, [[0.0, np.log(2.0)], [np.inf, 0.0]])


# -------------------------------------------------------------------------------------------------------------- shapes


@each_quick_family
@pytest.mark.parametrize(
    ("shape_p", "shape_q"), [((2, 1, 4), (3, 5)), ((3, 4), (1, 2)), ((2, 0), (3,)), ((3,), (0,)), ((1,), (2, 2, 3))]
)
def test_batch_axes_before_the_last_broadcast(backend, family, shape_p, shape_q):
    p, q = draws(family, *shape_p), draws(family, *shape_q, seed=1)
    tall, wide = (1,) * (len(shape_q) - len(shape_p)), (1,) * (len(shape_p) - len(shape_q))
    p_full, q_full = ([x.reshape(ones + x.shape) for x in d] for ones, d in ((tall, p), (wide, q)))
    assert_same(pairwise(backend, family, p, q), expected(family, p_full, q_full), 1e-10)


@each_quick_family
def test_results_do_not_depend_on_blocks(backend, family, monkeypatch):
    p, q = draws(family, 2, 30), draws(family, 2, 21, seed=1)
    q[0][0, :4] = p[0][0, :4]
    whole = pairwise(backend, family, p, q)
    monkeypatch.setattr(pairwise_host, "PRODUCTS", 50)
    monkeypatch.setattr(pairwise_host, "ENTRIES", 40)
    np.testing.assert_allclose(pairwise(backend, family, p, q), whole, rtol=1e-12)


@each_quick_family
def test_arrays_that_are_elsewhere_are_computed_there(eager, family, monkeypatch):
    p, q = draws(family, 2, 30), draws(family, 21, seed=1)
    whole = pairwise(eager, family, p, q)
    monkeypatch.setattr(kldiv.namespace(eager.array(0.0, "float64")), "host_view", lambda x: None)
    monkeypatch.setattr(pairwise_by_rows, "BLOCK", 600)
    np.testing.assert_allclose(pairwise(eager, family, p, q), whole, rtol=1e-10)


def test_parameters_are_shared(backend):
    loc = backend.array([[0.0, 1.0], [2.0, 3.0], [0.5, 0.5]], "float64")
    p = kldiv.Independent(kldiv.Normal(loc, 1.0))
    q = kldiv.Independent(kldiv.Normal(loc, backend.array([[1.0], [2.0], [2.0]], "float64")))
    value = kldiv.pairwise(p, q)
    loc, scale = backend.to_numpy(loc), np.asarray([1.0, 2.0, 2.0])
    z = ((loc[:, None] - loc) ** 2).sum(axis=-1) / scale**2
    assert_same(backend.to_numpy(value), 0.5 * z + 1 / scale**2 - 1 + 2 * np.log(scale), 1e-14)


def test_components_of_a_vector_are_shared(backend):
    p = kldiv.Independent(kldiv.Poisson(backend.array([[1.0], [2.0]], "float64")))
    value = backend.to_numpy(kldiv.pairwise(p, p))
    np.testing.assert_allclose(value[0, 1], 1 - np.log(2), rtol=1e-15)


def test_short_floats_are_computed_in_float32(backend, short_dtype):
    p, q = draws("Gamma", ROWS), draws("Gamma", ROWS - 2, seed=1)
    p, q = ([backend.to_numpy(backend.astype(backend.array(x, short_dtype), "float64")) for x in d] for d in (p, q))
    value = kldiv.pairwise(
        make("Gamma", arrays(backend, p, short_dtype)), make("Gamma", arrays(backend, q, short_dtype))
    )
    assert backend.dtype_name(value) == short_dtype
    np.testing.assert_allclose(
        backend.to_numpy(backend.astype(value, "float64")), expected("Gamma", p, q), rtol=2.0**-8
    )


def test_integers_and_lists():
    np.testing.assert_array_equal(kldiv.pairwise(kldiv.Normal([0, 2], 1), kldiv.Normal([0], 1)), [[0.0], [2.0]])


# --------------------------------------------------------------------------------------------------------------- input


@each_quick_family
def test_in_bits(backend, family):
    p, q = draws(family, ROWS), draws(family, 3, seed=1)
    in_nats = pairwise(backend, family, p, q)
    np.testing.assert_allclose(pairwise(backend, family, p, q, base=2), in_nats / np.log(2), rtol=1e-15)


def test_base_is_checked(backend):
    with pytest.raises(ValueError, match="base must be a number above 1"):
        pairwise(backend, "Normal", draws("Normal", 2), draws("Normal", 2), base=1)


@pytest.mark.parametrize("family", ["Gamma", "Laplace", "MultivariateNormalDiag"])
def test_invalid_parameters_are_named(backend, family):
    p, q = draws(family, 4), draws(family, 3)
    q[1][2, ...] = -1.0
    with pytest.raises(ValueError, match=r"must be positive and finite; got -1\.0 at index \(2,.*\) of q"):
        pairwise(backend, family, p, q)


@pytest.mark.parametrize("family", ["Gamma", "Laplace", "MultivariateNormalDiag", "MultivariateNormal"])
def test_invalid_parameters_give_nan(backend, family):
    p, q = draws(family, 4), draws(family, 3, seed=1)
    truth = expected(family, p, q)
    p[1][1, ...] = -1.0
    truth[1] = np.nan
    np.testing.assert_allclose(pairwise(backend, family, p, q, validate=False), truth, rtol=1e-10)
    np.testing.assert_allclose(pairwise(backend, family, q, p, validate=False)[:, 1], np.nan)


def test_matrices_that_are_not_positive_definite_are_named(backend):
    p = draws("MultivariateNormal", 3)
    p[1][2, 0, 0] = -1.0
    with pytest.raises(ValueError, match=r"covariance_matrix must be positive definite; got .* at index \(2,\) of p"):
        pairwise(backend, "MultivariateNormal", p, draws("MultivariateNormal", 2))


def test_a_batch_axis_is_needed(backend):
    one, some = (kldiv.Normal(backend.array(x, "float64"), 1.0) for x in (0.0, [0.0]))
    with pytest.raises(ValueError, match="p is a single Normal; pairwise needs a batch axis"):
        kldiv.pairwise(one, some)
    with pytest.raises(ValueError, match="q is a single Normal; pairwise needs a batch axis"):
        kldiv.pairwise(some, one)


def test_event_sizes_must_agree(backend):
    with pytest.raises(ValueError, match=r"event sizes differ: 3 in .*, 4 in"):
        kldiv.pairwise(*(kldiv.Categorical(backend.array(np.full((2, k), 1 / k), "float64")) for k in (3, 4)))


def test_batch_axes_must_broadcast(backend):
    with pytest.raises(ValueError, match=r"\(2,\) of p but its last axis and \(3,\) of q but its last axis"):
        pairwise(backend, "Normal", draws("Normal", 2, 4), draws("Normal", 3, 4))


def test_a_rule_is_needed(backend):
    df = backend.array([3.0, 4.0], "float64")
    with pytest.raises(kldiv.NoClosedForm):
        kldiv.pairwise(kldiv.StudentT(df, 0.0, 1.0), kldiv.StudentT(df, 0.0, 1.0))


# ---------------------------------------------------------------------------------------------- compilers, derivatives


def test_compiled_is_eager(backend, transform):
    family = "Exponential"
    rows = backend.array([0.5, 1.0, 2.0], "float64")

    def function(*parameters):
        n = len(parameters) // 2
        p, q = ([x[..., None] * rows for x in part] for part in (parameters[:n], parameters[n:]))
        return kldiv.pairwise(make(family, p), make(family, q))

    parameters = arrays(backend, [*map(abs, draws(family, 4)), *map(abs, draws(family, 4, seed=1))])
    value = backend.to_numpy(transform(function)(*parameters))
    assert_same(value, backend.to_numpy(function(*parameters)), 1e-10)


def test_gradients_are_those_of_the_rule(differentiable):
    family = "Normal"
    p, q = draws(family, 4), draws(family, 3, seed=1)
    n = len(p)
    q[0][1] = p[0][2]

    def of(function):
        parameters = arrays(differentiable, [*p, *q])
        gradients = differentiable.gradient(lambda *x: function(x[:n], x[n:]), *parameters)
        return [differentiable.to_numpy(g) for g in gradients]

    gradients = of(lambda p, q: kldiv.pairwise(make(family, p), make(family, q)))
    by_rule = of(
        lambda p, q: kldiv.kl_divergence(make(family, [x[:, None] for x in p]), make(family, [x[None] for x in q]))
    )
    np.testing.assert_allclose(np.concatenate(gradients), np.concatenate(by_rule), rtol=1e-13, atol=1e-15)
