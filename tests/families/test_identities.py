"""One divergence written in two ways: identities between families, under maps of the outcome, and between batches.

Two routes to one number round differently, so each test says by how much. To round a parameter once more moves a
divergence k by about eps (k + sqrt(k)): near equality its square root is what is linear in the parameters. Where both
routes lead to the same operations on exact numbers, the results are equal.
"""

import numpy as np
import pytest

import kldiv

DTYPES = ("float32", "float64")
SIZE = 40


def normal_parameters(rng, *shape):
    return 2 * rng.normal(size=shape), np.exp(rng.normal(size=shape))


def covariances(rng, *shape):
    """Return well-conditioned covariance matrices."""
    size = shape[-1]
    factor = np.tril(0.5 * rng.normal(size=(*shape, size)), -1) + np.eye(size) * np.exp(
        0.3 * rng.normal(size=(*shape, 1))
    )
    return factor @ np.swapaxes(factor, -1, -2)


def transposed(x):
    return np.swapaxes(x, -1, -2)


class Seen:
    """The backend under test at one dtype: makes distributions of NumPy's parameters and compares divergences."""

    def __init__(self, backend, dtype):
        self.backend = backend
        self.dtype = dtype
        self.eps = np.finfo(dtype).eps

    def array(self, x):
        return self.backend.array(x, self.dtype)

    def make(self, family, *parameters):
        return family(*map(self.array, parameters))

    def rounded(self, x):
        return np.asarray(x).astype(self.dtype)

    def divergence(self, p, q, **options):
        return self.backend.to_numpy(kldiv.kl_divergence(p, q, **options))

    def assert_close(self, actual, expected, eps):
        """Assert equality to so many eps of the larger of the divergence and its square root."""
        size = np.maximum(abs(expected), np.sqrt(abs(expected)))
        np.testing.assert_array_less(abs(actual - expected), eps * self.eps * size + np.finfo(self.dtype).tiny)


@pytest.fixture(params=DTYPES)
def seen(backend, request):
    return Seen(backend, request.param)


@pytest.fixture
def rng():
    return np.random.default_rng(20)


# --- One family is another --------------------------------------------------------------------------------------------


def test_exponential_is_gamma_of_concentration_one(seen, rng):
    rate_p, rate_q = np.exp(rng.normal(size=(2, SIZE)))
    one = np.ones(SIZE)
    exponential = seen.divergence(seen.make(kldiv.Exponential, rate_p), seen.make(kldiv.Exponential, rate_q))
    gamma = seen.divergence(seen.make(kldiv.Gamma, one, rate_p), seen.make(kldiv.Gamma, one, rate_q))
    np.testing.assert_allclose(exponential, gamma, rtol=16 * seen.eps)  # both are right to 4 ulps, or to 6


def test_exponential_against_gamma_is_gamma_against_gamma(seen, rng):
    rate_p, concentration, rate_q = np.exp(rng.normal(size=(3, SIZE)))
    q = seen.make(kldiv.Gamma, concentration, rate_q)
    converted = seen.divergence(seen.make(kldiv.Exponential, rate_p), q)
    direct = seen.divergence(seen.make(kldiv.Gamma, np.ones(SIZE), rate_p), q)
    np.testing.assert_allclose(converted, direct, rtol=4 * seen.eps)  # a compiler folds the constant 1


def test_gamma_against_exponential_is_gamma_against_gamma(seen, rng):
    rate_p, concentration, rate_q = np.exp(rng.normal(size=(3, SIZE)))
    p = seen.make(kldiv.Gamma, concentration, rate_p)
    converted = seen.divergence(p, seen.make(kldiv.Exponential, rate_q))
    direct = seen.divergence(p, seen.make(kldiv.Gamma, np.ones(SIZE), rate_q))
    np.testing.assert_allclose(converted, direct, rtol=4 * seen.eps)  # a compiler folds the constant 1


def test_normal_log_variance_is_normal(seen, rng):
    # With powers of 2 for scales the log variance is all that is rounded: the variance moves by |log variance| eps / 2.
    (loc_p, loc_q), power = 2 * rng.normal(size=(2, SIZE)), rng.integers(-4, 5, size=(2, SIZE))
    log_variance = 2 * np.log(2.0) * power
    p, q = (seen.make(kldiv.Normal, m, 2.0**k) for m, k in ((loc_p, power[0]), (loc_q, power[1])))
    a, b = (seen.make(kldiv.NormalLogVariance, m, v) for m, v in ((loc_p, log_variance[0]), (loc_q, log_variance[1])))
    seen.assert_close(seen.divergence(a, b), seen.divergence(p, q), eps=24)


def test_normal_log_variance_against_normal_converts(seen, rng):
    loc_p, loc_q = 2 * rng.normal(size=(2, SIZE))
    log_variance, scale = rng.normal(size=SIZE), np.exp(rng.normal(size=SIZE))
    scale_p = np.exp(seen.rounded(log_variance).astype(float) / 2)
    q = seen.make(kldiv.Normal, loc_q, scale)
    converted = seen.divergence(seen.make(kldiv.NormalLogVariance, loc_p, log_variance), q)
    seen.assert_close(converted, seen.divergence(seen.make(kldiv.Normal, loc_p, scale_p), q), eps=16)


def test_bernoulli_is_categorical_of_two_classes(seen, rng):
    p, q = seen.rounded(rng.uniform(0.1, 0.9, size=(2, SIZE)))
    bernoulli = seen.divergence(seen.make(kldiv.Bernoulli, p), seen.make(kldiv.Bernoulli, q))
    p, q = (np.stack([1 - x, x], axis=-1) for x in (p, q))
    categorical = seen.divergence(seen.make(kldiv.Categorical, p), seen.make(kldiv.Categorical, q))
    seen.assert_close(categorical, bernoulli, eps=8)  # 1 - p is rounded


def test_bernoulli_logits_is_categorical_logits_of_two_classes(seen, rng):
    a, b = 2 * rng.normal(size=(2, SIZE))
    bernoulli = seen.divergence(seen.make(kldiv.BernoulliLogits, a), seen.make(kldiv.BernoulliLogits, b))
    a, b = (np.stack([np.zeros(SIZE), x], axis=-1) for x in (a, b))
    categorical = seen.divergence(seen.make(kldiv.CategoricalLogits, a), seen.make(kldiv.CategoricalLogits, b))
    np.testing.assert_allclose(categorical, bernoulli, rtol=16 * seen.eps)


def test_bernoulli_is_bernoulli_logits(seen, rng):
    p, q = seen.rounded(rng.uniform(0.1, 0.9, size=(2, SIZE))).astype(float)
    probs = seen.divergence(seen.make(kldiv.Bernoulli, p), seen.make(kldiv.Bernoulli, q))
    a, b = (np.log(x) - np.log1p(-x) for x in (p, q))
    logits = seen.divergence(seen.make(kldiv.BernoulliLogits, a), seen.make(kldiv.BernoulliLogits, b))
    seen.assert_close(logits, probs, eps=16)  # the logits are rounded, and at most 2.2


def test_categorical_is_categorical_logits(seen, rng):
    a, b = rng.normal(size=(2, SIZE, 5))
    logits = seen.divergence(seen.make(kldiv.CategoricalLogits, a), seen.make(kldiv.CategoricalLogits, b))
    p, q = (np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True) for x in seen.rounded([a, b]).astype(float))
    probs = seen.divergence(seen.make(kldiv.Categorical, p), seen.make(kldiv.Categorical, q))
    seen.assert_close(probs, logits, eps=8)


@pytest.mark.parametrize("form", ["factor", "inverse"])
def test_multivariate_normal_is_the_same_from(seen, rng, form):
    loc_p, loc_q = rng.normal(size=(2, SIZE, 3))
    s_p, s_q = covariances(rng, 2, SIZE, 3)
    family, of = {
        "factor": (kldiv.MultivariateNormalTriL, np.linalg.cholesky),
        "inverse": (
            kldiv.MultivariateNormalPrecision,
            lambda s: np.linalg.inv(s) / 2 + transposed(np.linalg.inv(s)) / 2,
        ),
    }[form]
    from_covariance = seen.divergence(
        seen.make(kldiv.MultivariateNormal, loc_p, s_p), seen.make(kldiv.MultivariateNormal, loc_q, s_q)
    )
    other = seen.divergence(seen.make(family, loc_p, of(s_p)), seen.make(family, loc_q, of(s_q)))
    seen.assert_close(other, from_covariance, eps=4 * np.max(np.linalg.cond([s_p, s_q])))  # each is rounded once


def test_multivariate_normal_diag_is_the_full_one_with_diagonal_factors(seen, rng):
    (loc_p, scale_p), (loc_q, scale_q) = normal_parameters(rng, SIZE, 3), normal_parameters(rng, SIZE, 3)
    diagonal = seen.divergence(
        seen.make(kldiv.MultivariateNormalDiag, loc_p, scale_p), seen.make(kldiv.MultivariateNormalDiag, loc_q, scale_q)
    )
    p, q = (
        seen.make(kldiv.MultivariateNormalTriL, loc, scale[..., None] * np.eye(3))
        for loc, scale in ((loc_p, scale_p), (loc_q, scale_q))
    )
    np.testing.assert_allclose(seen.divergence(p, q), diagonal, rtol=16 * seen.eps)


def test_multivariate_normal_diag_is_independent_normal(seen, rng):
    p, q = normal_parameters(rng, SIZE, 3), normal_parameters(rng, SIZE, 3)
    diagonal = seen.divergence(seen.make(kldiv.MultivariateNormalDiag, *p), seen.make(kldiv.MultivariateNormalDiag, *q))
    a, b = (kldiv.Independent(seen.make(kldiv.Normal, *x)) for x in (p, q))
    np.testing.assert_allclose(seen.divergence(a, b), diagonal, rtol=16 * seen.eps)


@pytest.mark.parametrize("independent_first", [True, False])
def test_independent_normal_against_full_multivariate_normal_is_the_diagonal_one_against_it(
    seen, rng, independent_first
):
    loc, scale = normal_parameters(rng, SIZE, 3)
    full = seen.make(kldiv.MultivariateNormal, rng.normal(size=(SIZE, 3)), covariances(rng, SIZE, 3))
    pairs = [
        (d, full) if independent_first else (full, d)
        for d in (
            kldiv.Independent(seen.make(kldiv.Normal, loc, scale)),
            seen.make(kldiv.MultivariateNormalDiag, loc, scale),
        )
    ]
    actual, expected = (seen.divergence(*pair) for pair in pairs)
    np.testing.assert_allclose(actual, expected, rtol=4 * seen.eps)


@pytest.mark.parametrize("independent_first", [True, False])
def test_independent_normal_against_full_multivariate_normal_is_the_full_one_of_its_covariance(
    seen, rng, independent_first
):
    loc, scale = normal_parameters(rng, SIZE, 3)
    other = covariances(rng, SIZE, 3)
    full = seen.make(kldiv.MultivariateNormal, rng.normal(size=(SIZE, 3)), other)
    independent = kldiv.Independent(seen.make(kldiv.Normal, loc, scale))
    covariance = seen.rounded(scale).astype(float)[..., None] ** 2 * np.eye(3)
    written_out = seen.make(kldiv.MultivariateNormal, loc, covariance)
    pairs = [(d, full) if independent_first else (full, d) for d in (independent, written_out)]
    actual, expected = (seen.divergence(*pair) for pair in pairs)
    seen.assert_close(actual, expected, eps=4 * np.max(np.linalg.cond([covariance, other])))


def test_independent_is_the_sum_over_its_components(seen, rng):
    p, q = np.exp(rng.normal(size=(2, 2, SIZE, 4)))
    gammas = [seen.make(kldiv.Gamma, *x) for x in (p, q)]
    components = seen.divergence(*gammas)
    total = seen.divergence(*(kldiv.Independent(d) for d in gammas))
    np.testing.assert_allclose(total, components.sum(axis=-1), rtol=8 * seen.eps)


def test_nested_independent_is_the_sum_over_both_axes(seen, rng):
    p, q = np.exp(rng.normal(size=(2, 2, SIZE, 3, 4)))
    gammas = [seen.make(kldiv.Gamma, *x) for x in (p, q)]
    components = seen.divergence(*gammas)
    total = seen.divergence(*(kldiv.Independent(kldiv.Independent(d)) for d in gammas))
    np.testing.assert_allclose(total, components.sum(axis=(-2, -1)), rtol=8 * seen.eps)


def test_nested_independent_may_share_a_parameter_among_its_components(seen, rng):
    shared, scale = rng.normal(size=(3, 4)), np.exp(rng.normal(size=(2, SIZE, 2, 3, 4)))
    whole = np.broadcast_to(shared, scale[0].shape)
    parts, repeated = (
        [seen.make(kldiv.MultivariateNormalDiag, loc, s) for s in scale] for loc in (shared, np.array(whole))
    )
    total = seen.divergence(*(kldiv.Independent(kldiv.Independent(d)) for d in parts))
    np.testing.assert_allclose(total, seen.divergence(*repeated).sum(axis=(-2, -1)), rtol=8 * seen.eps)


def test_independent_of_multivariate_normals_is_the_sum_over_them(seen, rng):
    p, q = (
        seen.make(kldiv.MultivariateNormal, rng.normal(size=(SIZE, 4, 3)), covariances(rng, SIZE, 4, 3)) for _ in "pq"
    )
    total = seen.divergence(kldiv.Independent(p), kldiv.Independent(q))
    np.testing.assert_allclose(total, seen.divergence(p, q).sum(axis=-1), rtol=8 * seen.eps)


# --- Point masses -----------------------------------------------------------------------------------------------------

PROBABILITIES = [  # a discrete distribution, a point, and its probability
    (kldiv.Bernoulli, 0.3, 1.0, 0.3),
    (kldiv.BernoulliLogits, np.log(3.0), 0.0, 0.25),
    (kldiv.Categorical, [0.5, 0.125, 0.375], 2.0, 0.375),
    (kldiv.CategoricalLogits, np.log([1.0, 2.0, 5.0]), 1.0, 0.25),
    (kldiv.Poisson, 2.0, 3.0, np.exp(-2.0) * 8 / 6),
]


@pytest.mark.parametrize(
    ("discrete", "parameter", "point", "probability"), PROBABILITIES, ids=[row[0].__name__ for row in PROBABILITIES]
)
def test_delta_against_a_discrete_distribution_is_minus_its_log_probability(
    seen, discrete, parameter, point, probability
):
    value = seen.divergence(seen.make(kldiv.Delta, point), seen.make(discrete, parameter))
    np.testing.assert_allclose(value, -np.log(probability), rtol=8 * seen.eps)


@pytest.mark.parametrize(
    ("discrete", "parameter"),
    [(kldiv.Bernoulli, 0.3), (kldiv.Categorical, [0.5, 0.5]), (kldiv.Poisson, 2.0)],
    ids=lambda x: getattr(x, "__name__", ""),
)
@pytest.mark.parametrize("point", [0.5, -1.0])
def test_delta_at_an_impossible_point_is_infinitely_far(seen, discrete, parameter, point):
    assert seen.divergence(seen.make(kldiv.Delta, point), seen.make(discrete, parameter)) == np.inf


# --- Invariance -------------------------------------------------------------------------------------------------------


def test_normal_is_invariant_under_shift_and_scaling(seen, rng):
    # Powers of 2 and small integers, so that the moved parameters are exact.
    (loc_p, loc_q), (scale_p, scale_q) = (
        rng.integers(-64, 65, size=(2, SIZE)),
        2.0 ** rng.integers(-3, 4, size=(2, SIZE)),
    )
    p, q = seen.make(kldiv.Normal, loc_p, scale_p), seen.make(kldiv.Normal, loc_q, scale_q)
    moved_p, moved_q = (
        seen.make(kldiv.Normal, 4.0 * loc + 32.0, 4.0 * scale) for loc, scale in ((loc_p, scale_p), (loc_q, scale_q))
    )
    np.testing.assert_array_equal(seen.divergence(moved_p, moved_q), seen.divergence(p, q))


def test_uniform_is_invariant_under_shift_and_scaling(seen, rng):
    low, high = rng.integers(-64, 0, size=SIZE), rng.integers(1, 65, size=SIZE)
    wider = rng.integers(0, 64, size=(2, SIZE))
    intervals = [(low, high), (low - wider[0], high + wider[1])]
    p, q = (seen.make(kldiv.Uniform, *x) for x in intervals)
    moved_p, moved_q = (seen.make(kldiv.Uniform, *(4.0 * end + 32.0 for end in x)) for x in intervals)
    np.testing.assert_array_equal(seen.divergence(moved_p, moved_q), seen.divergence(p, q))


@pytest.mark.parametrize("family", [kldiv.Exponential, kldiv.Gamma], ids=lambda f: f.__name__)
def test_rate_families_are_invariant_under_scaling(seen, rng, family):
    shape = (2, len(family._fields), SIZE)
    p, q = np.exp(rng.normal(size=shape))
    before = seen.divergence(seen.make(family, *p), seen.make(family, *q))
    p[-1], q[-1] = 4 * p[-1], 4 * q[-1]
    np.testing.assert_array_equal(seen.divergence(seen.make(family, *p), seen.make(family, *q)), before)


def test_categorical_logits_are_invariant_under_shifts(seen, rng):
    # Sixty-fourths, so that the shifted logits are exact.
    a, b = rng.integers(-256, 257, size=(2, SIZE, 5)) / 64
    before = seen.divergence(seen.make(kldiv.CategoricalLogits, a), seen.make(kldiv.CategoricalLogits, b))
    after = seen.divergence(seen.make(kldiv.CategoricalLogits, a + 37.0), seen.make(kldiv.CategoricalLogits, b - 11.0))
    np.testing.assert_allclose(after, before, rtol=16 * seen.eps)


def test_categorical_is_invariant_under_permutations(seen, rng):
    p, q = rng.dirichlet(np.ones(5), size=(2, SIZE))
    before = seen.divergence(seen.make(kldiv.Categorical, p), seen.make(kldiv.Categorical, q))
    after = seen.divergence(seen.make(kldiv.Categorical, p[:, ::-1]), seen.make(kldiv.Categorical, q[:, ::-1]))
    seen.assert_close(after, before, eps=4)  # sums that differ by eps count as exactly 1 all the same


def test_bernoulli_is_invariant_under_exchange_of_outcomes(seen, rng):
    p, q = seen.rounded(rng.integers(1, 256, size=(2, SIZE)) / 256)  # 1 - p is exact
    before = seen.divergence(seen.make(kldiv.Bernoulli, p), seen.make(kldiv.Bernoulli, q))
    after = seen.divergence(seen.make(kldiv.Bernoulli, 1 - p), seen.make(kldiv.Bernoulli, 1 - q))
    np.testing.assert_allclose(after, before, rtol=8 * seen.eps)


def test_multivariate_normal_is_invariant_under_a_common_linear_map(seen, rng):
    loc_p, loc_q = rng.normal(size=(2, SIZE, 3))
    s_p, s_q = covariances(rng, 2, SIZE, 3)
    linear = np.linalg.qr(rng.normal(size=(3, 3)))[0] @ np.diag([0.5, 1.0, 2.0])
    mapped = [(loc @ linear.T, linear @ s @ linear.T) for loc, s in ((loc_p, s_p), (loc_q, s_q))]
    p, q = seen.make(kldiv.MultivariateNormal, loc_p, s_p), seen.make(kldiv.MultivariateNormal, loc_q, s_q)
    a, b = (seen.make(kldiv.MultivariateNormal, loc, (s + transposed(s)) / 2) for loc, s in mapped)
    condition = np.max(np.linalg.cond([s_p, s_q, mapped[0][1], mapped[1][1]]))
    seen.assert_close(seen.divergence(a, b), seen.divergence(p, q), eps=4 * condition)  # the map rounds once


def test_multivariate_normal_of_independent_blocks_is_the_sum_over_blocks(seen, rng):
    parts = [(rng.normal(size=(2, SIZE, n)), covariances(rng, 2, SIZE, n)) for n in (2, 3)]
    blocks = [seen.divergence(*(seen.make(kldiv.MultivariateNormal, loc[i], s[i]) for i in (0, 1))) for loc, s in parts]
    loc = np.concatenate([loc for loc, _ in parts], axis=-1)
    s = np.zeros((2, SIZE, 5, 5))
    s[..., :2, :2], s[..., 2:, 2:] = parts[0][1], parts[1][1]
    joint = seen.divergence(*(seen.make(kldiv.MultivariateNormal, loc[i], s[i]) for i in (0, 1)))
    np.testing.assert_allclose(joint, sum(blocks), rtol=2 * np.max(np.linalg.cond(s)) * seen.eps)


# --- Bases ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [2, 10, np.e, 16])
def test_base_divides_by_its_logarithm(seen, rng, base):
    p, q = (seen.make(kldiv.Normal, *normal_parameters(rng, SIZE)) for _ in "pq")
    np.testing.assert_allclose(
        seen.divergence(p, q, base=base), seen.divergence(p, q) / np.log(base), rtol=2 * seen.eps
    )


# --- Batches ----------------------------------------------------------------------------------------------------------


def drawn_categorical(rng, *shape):
    return (rng.dirichlet(np.ones(4), size=shape),)


def drawn_multivariate(rng, *shape):
    return rng.normal(size=(*shape, 3)), covariances(rng, *shape, 3)


def drawn_gamma(rng, *shape):
    return tuple(np.exp(rng.normal(size=(2, *shape))))


DRAWN = {
    kldiv.Normal: normal_parameters,
    kldiv.Gamma: drawn_gamma,
    kldiv.Categorical: drawn_categorical,
    kldiv.MultivariateNormal: drawn_multivariate,
}
over_families = pytest.mark.parametrize("family", DRAWN, ids=lambda f: f.__name__)


@over_families
@pytest.mark.one_in(2)
def test_one_p_against_a_stack_of_q_is_the_loop_over_q(seen, rng, family):
    one, stack = DRAWN[family](rng), DRAWN[family](rng, 6)
    p = seen.make(family, *one)
    together = seen.divergence(p, seen.make(family, *stack))
    one_by_one = np.asarray([seen.divergence(p, seen.make(family, *(x[i] for x in stack))) for i in range(6)])
    np.testing.assert_allclose(together, one_by_one, rtol=32 * seen.eps)


@over_families
@pytest.mark.one_in(2)
def test_a_stack_of_p_against_one_q_is_the_loop_over_p(seen, rng, family):
    stack, one = DRAWN[family](rng, 6), DRAWN[family](rng)
    q = seen.make(family, *one)
    together = seen.divergence(seen.make(family, *stack), q)
    one_by_one = np.asarray([seen.divergence(seen.make(family, *(x[i] for x in stack)), q) for i in range(6)])
    np.testing.assert_allclose(together, one_by_one, rtol=32 * seen.eps)


@over_families
@pytest.mark.one_in(2)
def test_all_pairs_are_the_double_loop(seen, rng, family):
    rows, columns = DRAWN[family](rng, 3), DRAWN[family](rng, 4)
    p = seen.make(family, *(x[:, None] for x in rows))
    q = seen.make(family, *(x[None] for x in columns))
    pairs = [
        [
            seen.divergence(seen.make(family, *(x[i] for x in rows)), seen.make(family, *(x[j] for x in columns)))
            for j in range(4)
        ]
        for i in range(3)
    ]
    np.testing.assert_allclose(seen.divergence(p, q), np.asarray(pairs), rtol=32 * seen.eps)


def test_a_stack_of_means_against_one_covariance_is_the_loop_over_means(seen, rng):
    means, loc = rng.normal(size=(6, 3)), rng.normal(size=3)
    s_p, s_q = covariances(rng, 2, 3)
    q = seen.make(kldiv.MultivariateNormal, loc, s_q)
    together = seen.divergence(seen.make(kldiv.MultivariateNormal, means, s_p), q)
    one_by_one = np.asarray([seen.divergence(seen.make(kldiv.MultivariateNormal, m, s_p), q) for m in means])
    np.testing.assert_allclose(together, one_by_one, rtol=32 * seen.eps)


def test_a_stack_of_means_is_the_same_from_each_parametrization(seen, rng):
    means, loc = rng.normal(size=(6, 3)), rng.normal(size=3)
    s_p, s_q = covariances(rng, 2, 3)
    l_p, l_q = np.linalg.cholesky([s_p, s_q])
    covariance = seen.divergence(
        seen.make(kldiv.MultivariateNormal, means, s_p), seen.make(kldiv.MultivariateNormal, loc, s_q)
    )
    factor = seen.divergence(
        seen.make(kldiv.MultivariateNormalTriL, means, l_p), seen.make(kldiv.MultivariateNormalTriL, loc, l_q)
    )
    seen.assert_close(factor, covariance, eps=4 * np.max(np.linalg.cond([s_p, s_q])))
