"""Large batches, which go through the cache block by block where they are eager: values, edges, derivatives, tables."""

import numpy as np
import pytest
import scipy.special
from kldiv.backends import _host, _host_exp, _host_normal

import kldiv
from reference import chebyshev_fit, mp

ROWS, CLASSES = 130, 300  # more than one block, and not a whole number of them


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def normals(rng):
    loc_p, loc_q = rng.normal(size=(2, ROWS, CLASSES))
    scale_p, scale_q = np.exp(0.5 * rng.normal(size=(2, ROWS, CLASSES)))
    return [loc_p, scale_p, loc_q, scale_q]


@pytest.fixture
def logits(rng):
    """Return logits of which a third are far apart, a third near each other, and a third nearly equal."""
    a, noise = rng.normal(size=(2, ROWS, CLASSES))
    nearness = np.resize([1.0, 0.2, 1e-4], ROWS)[:, None]
    return [a, a + nearness * noise + rng.normal(size=(ROWS, 1))]


def textbook(loc_p, scale_p, loc_q, scale_q):
    return np.log(scale_q / scale_p) + (scale_p**2 + (loc_p - loc_q) ** 2) / (2 * scale_q**2) - 0.5


def made(backend, family, arrays, dtype="float64"):
    half = len(arrays) // 2
    arrays = [backend.array(x, dtype) for x in arrays]
    return family(*arrays[:half]), family(*arrays[half:])


def divergence(backend, family, arrays, dtype="float64", **options):
    return backend.to_numpy(kldiv.kl_divergence(*made(backend, family, arrays, dtype), **options))


def test_elements_of_a_large_batch_are_the_textbooks(backend, normals):
    values = divergence(backend, kldiv.Normal, normals)
    np.testing.assert_allclose(values, textbook(*normals), rtol=1e-9, atol=1e-12)


def test_rows_of_a_large_batch_are_sums_of_elements(backend, normals):
    values = divergence(backend, kldiv.MultivariateNormalDiag, normals)
    np.testing.assert_allclose(values, textbook(*normals).sum(axis=-1), rtol=1e-12)


MANY = [  # shapes of the parameters of P and of Q: blocks of the first, of the second and of no axis
    ((4096, 256), (256,)),
    ((3, 2048, 256), (2048, 256)),
    ((2048, 1, 256), (3, 256)),
    ((4099, 256), (1, 256)),
]


@pytest.mark.parametrize("shapes", MANY, ids=str)
def test_many_rows_are_sums_of_elements(backend, rng, shapes):
    arrays = [draw for shape in shapes for draw in (rng.normal(size=shape), np.exp(0.5 * rng.normal(size=shape)))]
    values = divergence(backend, kldiv.MultivariateNormalDiag, arrays)
    np.testing.assert_allclose(values, textbook(*arrays).sum(axis=-1), rtol=1e-12)


@pytest.mark.parametrize("shapes", MANY[1:3], ids=str)
def test_slopes_of_many_rows_are_those_of_the_textbook(differentiable, rng, shapes):
    loc_p, loc_q, scale_q = (rng.normal(size=shape) for shape in (*shapes, shapes[1]))
    p, q, scale = (differentiable.array(x, "float64") for x in (loc_p, loc_q, np.exp(scale_q)))
    slopes = differentiable.gradient(
        lambda p, q: kldiv.kl_divergence(
            kldiv.MultivariateNormalDiag(p, scale), kldiv.MultivariateNormalDiag(q, scale)
        ),
        p,
        q,
    )
    d = (loc_p - loc_q) / np.exp(scale_q) ** 2
    np.testing.assert_allclose(differentiable.to_numpy(slopes[0]), unbroadcast(d, loc_p), rtol=1e-10)
    np.testing.assert_allclose(differentiable.to_numpy(slopes[1]), unbroadcast(-d, loc_q), rtol=1e-10)


def unbroadcast(slope, parameter):
    """Return a slope summed over the axes along which a parameter is repeated."""
    more = slope.ndim - parameter.ndim
    slope = slope.sum(axis=tuple(range(more)))
    repeated = tuple(i for i, n in enumerate(parameter.shape) if n != slope.shape[i])
    return slope.sum(axis=repeated, keepdims=True)


def test_components_of_a_vector_are_summed(backend, normals):
    values = divergence(backend, lambda *x: kldiv.Independent(kldiv.Normal(*x)), normals)
    np.testing.assert_allclose(values, textbook(*normals).sum(axis=-1), rtol=1e-12)


def test_log_variances_of_a_large_batch_are_the_textbooks(backend, normals):
    loc_p, scale_p, loc_q, scale_q = normals
    arrays = [loc_p, 2 * np.log(scale_p), loc_q, 2 * np.log(scale_q)]
    values = divergence(backend, kldiv.NormalLogVariance, arrays)
    np.testing.assert_allclose(values, textbook(*normals), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nearly_equal_rows_keep_their_digits(backend, rng, dtype):
    scale = np.exp(rng.normal(size=(ROWS, CLASSES))).astype(dtype)
    other = (scale * (1 + 2.0**-12)).astype(dtype)
    loc = np.zeros_like(scale)
    values = divergence(backend, kldiv.MultivariateNormalDiag, [loc, other, loc, scale], dtype)
    r = [mp.mpf(float(a)) / mp.mpf(float(b)) for a, b in zip(other[7], scale[7], strict=True)]
    truth = float(sum((x * x - 1) / 2 - mp.log(x) for x in r))
    assert values[7] == pytest.approx(truth, rel=32 * float(np.finfo(dtype).eps))


def test_logits_near_and_far_in_one_batch(backend, logits):
    a, b = logits
    values = divergence(backend, kldiv.CategoricalLogits, logits)
    log_p, log_q = scipy.special.log_softmax(a, axis=-1), scipy.special.log_softmax(b, axis=-1)
    np.testing.assert_allclose(values, (np.exp(log_p) * (log_p - log_q)).sum(axis=-1), rtol=1e-6, atol=1e-14)


def test_probabilities_near_and_far_in_one_batch(backend, logits):
    p, q = (scipy.special.softmax(x, axis=-1) for x in logits)
    p[4, 10:] = q[4, 20:] = 0.0
    p[4] /= p[4].sum()
    q[4] /= q[4].sum()
    p[5, 7] = 0.0
    p[5] /= p[5].sum()
    values = divergence(backend, kldiv.Categorical, [p, q])
    np.testing.assert_allclose(values, scipy.special.rel_entr(p, q).sum(axis=-1), rtol=1e-6, atol=1e-14)


def test_edges_inside_a_large_batch(backend, logits):
    a, b = logits
    a[3, 5] = -np.inf  # q has this class alone
    a[90, :2] = b[90, :2] = -np.inf  # nobody has these
    b[91, 0] = -np.inf  # p has this class alone
    b[92] = a[92]
    values = divergence(backend, kldiv.CategoricalLogits, [a, b])
    assert values[91] == np.inf
    assert values[92] == 0
    for row in (3, 90):
        log_p, log_q = scipy.special.log_softmax(a[row]), scipy.special.log_softmax(b[row])
        has = log_p > -np.inf
        expected = (np.exp(log_p[has]) * (log_p[has] - log_q[has])).sum()
        assert values[row] == pytest.approx(expected, rel=1e-9)


def test_an_invalid_parameter_of_a_large_batch_is_found(backend, normals):
    normals[3][101, 200] = -1.0
    with pytest.raises(
        ValueError, match=r"Normal.scale must be positive and finite; got -1.0 at index \(101, 200\) of q"
    ):
        divergence(backend, kldiv.Normal, normals)
    values = divergence(backend, kldiv.Normal, normals, validate=False)
    assert np.isnan(values[101, 200])
    assert np.isnan(values).sum() == 1


def test_parameters_of_a_large_batch_broadcast(backend, normals):
    loc_p, scale_p, loc_q, scale_q = normals
    arrays = [loc_p, scale_p[:1], loc_q[:, :1], scale_q[0]]
    values = divergence(backend, kldiv.Normal, arrays)
    np.testing.assert_allclose(values, textbook(*arrays), rtol=1e-9, atol=1e-12)


def test_axes_of_a_large_batch_may_have_steps(eager, normals):
    p, q = made(eager, kldiv.Normal, normals)
    values = eager.to_numpy(kldiv.kl_divergence(*(kldiv.Normal(*[x[::2, ::3] for x in d]) for d in (p, q))))
    np.testing.assert_allclose(values, textbook(*[x[::2, ::3] for x in normals]), rtol=1e-9, atol=1e-12)


def test_a_large_batch_of_a_family_without_a_kernel_is_what_its_rows_are(eager, normals):
    _, a, _, b = normals
    arrays = [a, b, b, a]
    values = divergence(eager, kldiv.Gamma, arrays)
    rows = [divergence(eager, kldiv.Gamma, [x[i] for x in arrays]) for i in (0, 77, ROWS - 1)]
    np.testing.assert_array_equal(values[[0, 77, ROWS - 1]], rows)


# --- Derivatives ------------------------------------------------------------------------------------------------------


def test_slope_of_the_logits_of_q_is_q_less_p(differentiable, logits):
    a, b = (differentiable.array(x, "float64") for x in logits)
    (slope,) = differentiable.gradient(
        lambda b: kldiv.kl_divergence(kldiv.CategoricalLogits(a), kldiv.CategoricalLogits(b)), b
    )
    p, q = (scipy.special.softmax(x, axis=-1) for x in logits)
    np.testing.assert_allclose(differentiable.to_numpy(slope), q - p, rtol=1e-7, atol=1e-15)


def test_slopes_of_normals_are_the_textbooks(differentiable, normals):
    loc_p, scale_p, loc_q, scale_q = normals
    arrays = [differentiable.array(x, "float64") for x in normals]
    slopes = differentiable.gradient(
        lambda *x: kldiv.kl_divergence(kldiv.MultivariateNormalDiag(*x[:2]), kldiv.MultivariateNormalDiag(*x[2:])),
        *arrays,
    )
    z = (loc_p - loc_q) / scale_q
    expected = [
        z / scale_q,
        scale_p / scale_q**2 - 1 / scale_p,
        -z / scale_q,
        1 / scale_q - (scale_p**2 / scale_q**2 + z**2) / scale_q,
    ]
    for slope, e in zip(slopes, expected, strict=True):
        np.testing.assert_allclose(differentiable.to_numpy(slope), e, rtol=1e-9, atol=1e-12)


def test_slopes_of_log_variances_are_the_textbooks(differentiable, normals):
    loc_p, scale_p, loc_q, scale_q = normals
    arrays = [loc_p, 2 * np.log(scale_p), loc_q, 2 * np.log(scale_q)]
    slopes = differentiable.gradient(
        lambda *x: kldiv.kl_divergence(kldiv.NormalLogVariance(*x[:2]), kldiv.NormalLogVariance(*x[2:])),
        *[differentiable.array(x, "float64") for x in arrays],
    )
    r, w = (scale_p / scale_q) ** 2, (loc_p - loc_q) / scale_q**2
    expected = [w, (r - 1) / 2, -w, (1 - r - w * (loc_p - loc_q)) / 2]
    for slope, e in zip(slopes, expected, strict=True):
        np.testing.assert_allclose(differentiable.to_numpy(slope), e, rtol=1e-9, atol=1e-12)


def test_slope_where_a_class_is_ruled_out_by_both(differentiable, logits):
    a, b = logits
    a[90, :2] = b[90, :2] = -np.inf
    p, q = (scipy.special.softmax(x, axis=-1) for x in logits)
    a, b = (differentiable.array(x, "float64") for x in logits)
    (slope,) = differentiable.gradient(
        lambda b: kldiv.kl_divergence(kldiv.CategoricalLogits(a), kldiv.CategoricalLogits(b)), b
    )
    np.testing.assert_allclose(differentiable.to_numpy(slope), q - p, rtol=1e-7, atol=1e-15)


def test_second_derivative_of_a_large_batch(differentiable, normals):
    loc_p, scale_p, loc_q, scale_q = (differentiable.array(x, "float64") for x in normals)
    curvature = differentiable.curvature(
        lambda scale: kldiv.kl_divergence(kldiv.Normal(loc_p, scale), kldiv.Normal(loc_q, scale_q)), scale_p
    )
    expected = 1 / normals[3] ** 2 + 1 / normals[1] ** 2
    np.testing.assert_allclose(differentiable.to_numpy(curvature), expected, rtol=1e-9)


# --- The tables -------------------------------------------------------------------------------------------------------


def twice_atanh_tail(z):
    return 2 * mp.hyp2f1(1, 1.5, 2.5, z) / 3  # 2 sum_k z^k / (2 k + 3)


@pytest.mark.parametrize(
    ("table", "highest"),
    [
        (_host_normal.ATANH_TAIL[0], mp.mpf(1) / 9),
        (_host_normal.ATANH_TAIL[1], mp.mpf(1) / 9),
        (_host_normal.WIDE_ATANH_TAIL, mp.mpf("0.45")),
    ],
    ids=["float64", "float32", "wide"],
)
def test_coefficients_of_the_logarithm_are_the_chebyshev_fit(table, highest):
    assert tuple(table) == chebyshev_fit(twice_atanh_tail, [0, highest], len(table))


@pytest.mark.parametrize("single", [0, 1])
def test_coefficients_of_the_exponential_are_the_chebyshev_fit(single):
    table = _host_exp.EXP_TAIL[single]
    assert table == chebyshev_fit(lambda t: mp.hyp1f1(1, 3, t) / 2, [-1, 1], len(table))


# --- Blocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 50_000), (50_000, 3), (2, 3, 40_000), (5, 1, 7)], ids=str)
def test_blocks_cover_an_array_once(shape):
    out = np.zeros(shape)
    for part, x in _host.blocks(0, out, out):
        assert part.shape == x.shape
        assert 0 < part.size <= _host.BLOCK
        part += 1
    assert (out == 1).all()


def test_blocks_of_broadcast_arrays_are_theirs():
    out, x = np.zeros((400, 300)), np.broadcast_to(np.arange(300.0), (400, 300))
    for part, rows in _host.blocks(0, out, x):
        part[...] = rows
    np.testing.assert_array_equal(out, x)


def test_entries_that_a_kernel_does_not_vouch_for_are_computed_by_the_core():
    out, x = np.asarray([1.0, np.inf, np.nan, 4.0]), np.arange(4.0)
    assert not _host.finish(lambda x: 10 * x, out, [x])
    np.testing.assert_array_equal(out, [1, 10, 20, 4])
    assert _host.finish(lambda x: x + np.nan, np.asarray([np.inf]), [np.ones(1)])


def test_threads_share_the_blocks():
    out = np.zeros(20 * _host.BLOCK)

    def work(scratch, part, same):
        part += 1
        return False

    assert not _host.sweep(work, _host.blocks(0, out, out), np.float64, 3)
    assert (out == 1).all()
