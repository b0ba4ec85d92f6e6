"""Normal distributions with full covariance where one batch holds matrices that go different ways."""

import numpy as np
import pytest

import kldiv

# Sizes and numbers of pairs on either side of where matrices are eliminated together.
STACKS = pytest.mark.parametrize(("d", "count"), [(3, 4), (3, 40), (30, 4)])
BATCH_LAST = pytest.mark.parametrize("d", [1, 3])
FAMILIES = pytest.mark.parametrize(
    ("family", "of"),
    [
        (kldiv.MultivariateNormal, lambda s: s),
        (kldiv.MultivariateNormalTriL, np.linalg.cholesky),
        (kldiv.MultivariateNormalPrecision, lambda s: s),
    ],
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def matrices(backend, x):
    return [backend.array(a, "float64") for a in x]


def drawn(rng, *shape):
    factors = rng.normal(size=(*shape, shape[-1]))
    covariances = factors @ np.swapaxes(factors, -1, -2) / shape[-1] + np.eye(shape[-1])
    return rng.normal(size=shape), (covariances + np.swapaxes(covariances, -1, -2)) / 2


def divergence(backend, family, p, q):
    return backend.to_numpy(kldiv.kl_divergence(*(family(*matrices(backend, x)) for x in (p, q))))


@FAMILIES
@STACKS
@pytest.mark.parametrize("single", [(), (1,)])
def test_one_against_many_is_one_repeated_against_many(eager, rng, family, of, d, count, single):
    loc, s = drawn(rng, *single, d)
    locs, many = drawn(rng, count, d)
    one, others = (loc, of(s)), (locs, of(many))
    repeated = [np.ascontiguousarray(np.broadcast_to(x, y.shape)) for x, y in zip(one, others, strict=True)]
    np.testing.assert_allclose(
        divergence(eager, family, one, others), divergence(eager, family, repeated, others), rtol=1e-12
    )
    np.testing.assert_allclose(
        divergence(eager, family, others, one), divergence(eager, family, others, repeated), rtol=1e-12
    )


@FAMILIES
@BATCH_LAST
def test_parameters_are_left_alone(eager, rng, family, of, d):
    (loc, s), (other, t) = drawn(rng, 40, d), drawn(rng, 40, d)
    # In memory the batch is the last axis.
    given = [np.moveaxis(np.ascontiguousarray(np.moveaxis(of(x), 0, -1)), -1, 0) for x in (s, t)]
    p, q = (family(*matrices(eager, pair)) for pair in ((loc, given[0]), (other, given[1])))
    values = eager.to_numpy(kldiv.kl_divergence(p, q))
    alone = [
        eager.to_numpy(kldiv.kl_divergence(*(family(*(x[i, ...] for x in d)) for d in (p, q))))
        for i in range(len(values))
    ]
    np.testing.assert_allclose(values, alone, rtol=1e-12)
    np.testing.assert_array_equal(eager.to_numpy(p[1]), of(s))
    np.testing.assert_array_equal(eager.to_numpy(q[1]), of(t))


@STACKS
def test_a_pair_near_equality_among_others_keeps_its_digits(backend, rng, d, count):
    loc, s_p = drawn(rng, count, d)
    _, s_q = drawn(rng, count, d)
    delta = 2.0**-25
    s_p[1] = s_p[1].astype(np.float32)  # so that the product is exact
    s_q[1] = s_p[1] * (1 + delta)
    value = divergence(backend, kldiv.MultivariateNormal, (loc, s_p), (loc, s_q))
    expected = d * delta**2 / 4 * (1 - 4 * delta / 3)
    np.testing.assert_allclose(value[1], expected, rtol=1e-15 * (4 * d**0.5 + np.linalg.cond(s_p[1])))
    alone = divergence(backend, kldiv.MultivariateNormal, (loc[2], s_p[2]), (loc[2], s_q[2]))
    np.testing.assert_allclose(value[2], alone, rtol=1e-12)


@STACKS
@pytest.mark.parametrize("role", [0, 1])
def test_what_is_not_positive_definite_marks_its_own_pair(backend, rng, d, count, role):
    pair = [drawn(rng, count, d) for _ in range(2)]
    good = divergence(backend, kldiv.MultivariateNormal, *pair)
    bad = [(loc, s.copy()) for loc, s in pair]
    bad[role][1][1] = 1.0  # of rank 1
    bad[role][1][1, -1, -1] = 0.5
    bad[role][1][2, 0, 1] += 1.0  # not symmetric
    made = [kldiv.MultivariateNormal(*matrices(backend, x)) for x in bad]
    value = backend.to_numpy(kldiv.kl_divergence(*made, validate=False))
    expected = good.copy()
    expected[1:3] = np.nan
    np.testing.assert_allclose(value, expected, rtol=1e-12)


@pytest.mark.parametrize("change", [1e-4, -1e-4, np.inf, np.nan])
@pytest.mark.parametrize("place", [(0, 149), (149, 0), (70, 71)])
@pytest.mark.parametrize("name", ["p", "q"])
def test_a_large_matrix_is_checked_in_every_entry(eager, rng, change, place, name):
    given = {"p": drawn(rng, 150), "q": drawn(rng, 150)}
    given[name][1][place] += change
    p, q = (kldiv.MultivariateNormal(*matrices(eager, given[n])) for n in ("p", "q"))
    with pytest.raises(ValueError, match=f"covariance_matrix must be .* of {name}"):
        kldiv.kl_divergence(p, q)


def test_a_large_matrix_may_be_symmetric_but_for_rounding(eager, rng):
    p, q = drawn(rng, 150), drawn(rng, 150)
    rough = p[1] * (1 + 1e-15 * rng.normal(size=(150, 150)))
    found = divergence(eager, kldiv.MultivariateNormal, (p[0], rough), q)
    np.testing.assert_allclose(found, divergence(eager, kldiv.MultivariateNormal, p, q), rtol=1e-12)


def textbook_slopes(family, a, b, delta):
    """Return the derivatives for m_p, the matrix of P and that of Q, of one pair; those of matrices are symmetric."""
    if family is kldiv.MultivariateNormalPrecision:
        inverse_p, inverse_q = np.linalg.inv(a), np.linalg.inv(b)
        of_q = inverse_p - inverse_q + np.outer(delta, delta)
        return b @ delta, (inverse_p - inverse_p @ b @ inverse_p) / 2, of_q / 2
    if family is kldiv.MultivariateNormalTriL:
        of_loc, *of_matrices = textbook_slopes(kldiv.MultivariateNormal, a @ a.T, b @ b.T, delta)
        return of_loc, *[np.tril(2 * g @ factor) for g, factor in zip(of_matrices, (a, b), strict=True)]
    inverse = np.linalg.inv(b)
    z = inverse @ delta
    of_q = inverse - inverse @ a @ inverse - np.outer(z, z)
    return z, (inverse - np.linalg.inv(a)) / 2, of_q / 2


def as_slopes_of(x, slopes):
    """Return the derivatives for every pair as those with respect to what broadcasts to them."""
    more = slopes.ndim - x.ndim
    repeated = [i for i, n in enumerate(slopes.shape) if i < more or (n > 1 and x.shape[i - more] == 1)]
    return slopes.sum(tuple(repeated), keepdims=True).reshape(x.shape)


def alike(x):
    return x


@FAMILIES
@pytest.mark.parametrize(
    ("shape_p", "shape_q", "d", "wrap"),
    [((2, 1), (3,), 3, alike), ((20,), (20,), 3, kldiv.Independent), ((), (2,), 30, alike)],
)
@pytest.mark.one_in(3)
def test_slopes_are_the_textbooks(differentiable, rng, family, of, shape_p, shape_q, d, wrap):
    p, q = drawn(rng, *shape_p, d), drawn(rng, *shape_q, d)
    given = [p[0], of(p[1]), q[0], of(q[1])]
    found = differentiable.gradient(
        lambda *x: kldiv.kl_divergence(wrap(family(*x[:2])), wrap(family(*x[2:]))), *matrices(differentiable, given)
    )
    batch = np.broadcast_shapes(shape_p, shape_q)
    loc_p, a, loc_q, b = (np.broadcast_to(x, (*batch, *[d] * n)) for x, n in zip(given, (1, 2, 1, 2), strict=True))
    every = [textbook_slopes(family, a[i], b[i], loc_p[i] - loc_q[i]) for i in np.ndindex(batch)]
    of_loc, of_a, of_b = (np.reshape(x, (*batch, *x[0].shape)) for x in zip(*every, strict=True))
    for slope, x, expected in zip(found, given, (of_loc, of_a, -of_loc, of_b), strict=True):
        slope, expected = differentiable.to_numpy(slope), as_slopes_of(x, expected)
        if x is not given[0] and x is not given[2] and family is not kldiv.MultivariateNormalTriL:
            slope = (slope + np.swapaxes(slope, -1, -2)) / 2  # a function may read one triangle
        np.testing.assert_allclose(slope, expected, rtol=1e-8, atol=1e-10 * np.abs(expected).max())


@pytest.mark.one_in(2)
def test_many_matrices_under_a_transform(backend, rng, transform):
    (loc_p, a), (loc_q, b) = drawn(rng, 1000, 10), drawn(rng, 1000, 10)
    found = transform(
        lambda *x: kldiv.kl_divergence(kldiv.MultivariateNormal(*x[:2]), kldiv.MultivariateNormal(*x[2:]))
    )(*matrices(backend, (loc_p, a, loc_q, b)))
    ratio, delta = np.linalg.solve(b, a), loc_p - loc_q
    squares = np.vecdot(delta, np.linalg.solve(b, delta[..., None])[..., 0])
    textbook = np.trace(ratio, axis1=-2, axis2=-1) - 10 - np.linalg.slogdet(ratio)[1] + squares
    np.testing.assert_allclose(backend.to_numpy(found), textbook / 2, rtol=1e-10)
