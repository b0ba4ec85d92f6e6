"""What other libraries get wrong, one regression test each; the comment above it says who, and with what result."""

import itertools
import math
from typing import Annotated, Any, NamedTuple

import numpy as np
import pytest

import kldiv
import reference
from kldiv import domains

INF = math.inf


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture
def on_backend(backend, dtype):
    """Put the parameters of a distribution into arrays of the backend under test."""

    def convert(d):
        return type(d)(*(convert(value) if isinstance(value, tuple) else backend.array(value, dtype) for value in d))

    return convert


@pytest.fixture
def kl(backend, on_backend):
    """kldiv's value, as an array of NumPy."""
    return lambda p, q, **options: backend.to_numpy(kldiv.kl_divergence(on_backend(p), on_backend(q), **options))


@pytest.fixture
def error(kl, dtype):
    """The distance of kldiv's value from the truth, in ulps."""
    return lambda p, q: reference.ulps(kl(p, q), truth(p, q, dtype), dtype)


@pytest.fixture
def elementwise(backend, dtype):
    """The value of kldiv.rel_entr or kldiv.kl_div, as an array of NumPy."""
    return lambda name, *numbers: backend.to_numpy(
        getattr(kldiv, name)(*[backend.array(x, dtype) for x in numbers], validate=False)
    )


@pytest.fixture
def gradient(differentiable, dtype):
    """The derivatives by all parameters, those of p first: all numbers in a row."""

    def gradient(p, q):
        n = len(p)
        arrays = [differentiable.array(value, dtype) for value in (*p, *q)]
        slopes = differentiable.gradient(
            lambda *a: kldiv.kl_divergence(type(p)(*a[:n]), type(q)(*a[n:])),
            *arrays,
        )
        return np.concatenate([differentiable.to_numpy(slope).ravel() for slope in slopes])

    return gradient


@pytest.fixture
def elementwise_gradient(differentiable, dtype):
    def gradient(name, x, y):
        arrays = [differentiable.array(value, dtype) for value in (x, y)]
        return [float(differentiable.to_numpy(s)) for s in differentiable.gradient(getattr(kldiv, name), *arrays)]

    return gradient


def truth(p, q, dtype):
    sides = [(type(d).__name__, [np.asarray(value, dtype).tolist() for value in d]) for d in (p, q)]
    return reference.kl(*sides[0], *sides[1])


def true_gradient(p, q, dtype, side=0):
    sides = [(type(d).__name__, [np.asarray(value, dtype).tolist() for value in d]) for d in (p, q)]
    return np.asarray([float(slope) for slope in reference.gradient(*sides[0], *sides[1], side=side)])


def allclose(values, expected, dtype):
    """Raise unless the values are right to some ulps of the largest."""
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(values, expected, rtol=16 * eps, atol=16 * eps * np.max(np.abs(expected)))


only = pytest.mark.parametrize
float32_only = only("dtype", ["float32"])
float64_only = only("dtype", ["float64"])


# -------------------------------------------------------------------------------------------- supports and their edges


# torch has `>=` where `>` is meant: ContinuousBernoulli against Uniform on the same interval is inf.
@only(("p", "q"), [((0.0, 1.0), (0.0, 2.0)), ((1.0, 2.0), (0.0, 2.0)), ((0.25, 0.5), (0.25, 0.5))])
def test_supports_that_share_an_end_are_nested(error, p, q):
    assert error(kldiv.Uniform(*p), kldiv.Uniform(*q)) <= 4


# torch gives Binomial(5, 1) || Binomial(5, .5) = -inf; here for one trial.
def test_bernoulli_with_a_certain_outcome_is_not_minus_infinity(error):
    assert error(kldiv.Bernoulli(1.0), kldiv.Bernoulli(0.5)) <= 1


# torch gives Binomial(5, .5) || Binomial(5, 0) = 36.39; here for one trial.
@only("q", [0.0, 1.0])
def test_bernoulli_against_a_certain_outcome_is_infinite(kl, q):
    assert kl(kldiv.Bernoulli(0.5), kldiv.Bernoulli(q)) == INF


# torch: nan.
def test_poisson_of_rate_zero_is_not_nan(kl):
    assert kl(kldiv.Poisson(0.0), kldiv.Poisson(1.0)) == 1


# torch: nan.
def test_bernoulli_that_is_zero_equals_poisson_that_is_zero(kl):
    assert kl(kldiv.Bernoulli(0.0), kldiv.Poisson(0.0)) == 0


# torch: inf, as if the support of the Poisson were unbounded at rate 0 too.
def test_poisson_of_rate_zero_against_bernoulli_is_finite(error):
    assert error(kldiv.Poisson(0.0), kldiv.Bernoulli(0.5)) <= 1


def test_poisson_against_rate_zero_is_infinite(kl):
    assert kl(kldiv.Poisson(1.0), kldiv.Poisson(0.0)) == INF


# torch masks on `q.probs == 0` after the softmax has underflowed: inf in float32.
def test_categorical_with_a_logit_of_minus_120_is_finite(kl, error):
    p, q = kldiv.CategoricalLogits([0.0, 0.0]), kldiv.CategoricalLogits([0.0, -120.0])
    assert kl(p, q) == pytest.approx(59.3, abs=0.05)
    assert error(p, q) <= 5


# torch gives ContinuousBernoulli(logits=-500) || (logits=20) = -16.7; here for the outcomes 0 and 1.
def test_extreme_logits_are_not_negative(error):
    assert error(kldiv.BernoulliLogits(-500.0), kldiv.BernoulliLogits(20.0)) <= 10


# torch: sign errors near 1/2 in float32.
@only("distance", [1e-2, 1e-4, 1e-6])
def test_probabilities_near_one_half_are_right(error, distance):
    assert error(kldiv.Bernoulli(0.5), kldiv.Bernoulli(0.5 + distance)) <= 4


# torch: inf in float32, as the variance underflows.
def test_normal_of_scale_1e_minus_25_is_finite(kl, error):
    p, q = kldiv.Normal(0.0, 1e-25), kldiv.Normal(0.0, 1.0)
    assert kl(p, q) == pytest.approx(57.06, abs=0.005)
    assert error(p, q) <= 4


# torch: -inf for Uniform(100, 101) || Pareto(100, 30), and Cauchy at 1e25 infinite, in float32: a square overflows.
@float32_only
def test_normal_at_1e25_does_not_overflow(error):
    assert error(kldiv.Normal(1e25, 1e25), kldiv.Normal(-1e25, 1e25)) <= 4


# torch clamps probabilities to [eps, 1 - eps].
@only("p", [0.0, 1.0, 1e-30, 1 - 2.0**-24])
@only("q", [0.5, 1e-30, 1 - 2.0**-24])
def test_probabilities_are_not_clamped(error, p, q):
    assert error(kldiv.Bernoulli(p), kldiv.Bernoulli(q)) <= 4


# torch clamps this one too: 15.6 for 88 in float32.
def test_smallest_normal_probability_is_not_clamped(error, dtype):
    tiny = float(np.finfo(dtype).smallest_normal)
    assert error(kldiv.Bernoulli(0.5), kldiv.Bernoulli(tiny)) <= 4


# torch: up to 100 % wrong.
def test_subnormal_probability_counts(keeps_subnormals, error, dtype):
    subnormal = float(np.finfo(dtype).smallest_subnormal)
    assert error(kldiv.Bernoulli(0.5), kldiv.Bernoulli(subnormal)) <= 4


@pytest.fixture
def keeps_subnormals(backend):
    if backend.flushes_subnormals:
        pytest.skip("a subnormal number is 0 to this framework")


# --------------------------------------------------------------------------------------------------------------- shapes


# torch: -.693; numpyro: Dirichlet .693. An event axis is never broadcast.
@only("families", list(itertools.product([kldiv.Categorical, kldiv.CategoricalLogits], repeat=2)))
@only("sizes", [(2, 1), (1, 2), (3, 1), (3, 2)])
def test_numbers_of_classes_are_not_broadcast(on_backend, families, sizes):
    p, q = (f([1 / n] * n if f is kldiv.Categorical else [0.0] * n) for f, n in zip(families, sizes, strict=True))
    with pytest.raises(ValueError, match="event sizes differ"):
        kldiv.kl_divergence(on_backend(p), on_backend(q))


# tensorflow/probability #1133: wrong when event shapes differ.
@only("sizes", [(2, 1), (1, 3)])
def test_dimensions_are_not_broadcast(on_backend, sizes):
    p, q = (kldiv.MultivariateNormal(np.zeros(n), np.eye(n)) for n in sizes)
    with pytest.raises(ValueError, match=r"shape \(\d,\), .* shape \(\d,\)"):
        kldiv.kl_divergence(on_backend(p), on_backend(q))


COLUMN, ROW = np.full((3, 1), 0.5), np.full((1, 4), 0.25)


# torch returns the shapes (), (3, 1), or raises IndexError.
@float32_only
@only(
    ("p", "q", "shape"),
    [
        (kldiv.Normal(0.0, 1.0), kldiv.Uniform(np.zeros(4), 1.0), (4,)),
        (kldiv.Normal(COLUMN, 1.0), kldiv.Gamma(ROW, ROW), (3, 4)),
        (kldiv.Bernoulli(COLUMN), kldiv.Exponential(ROW), (3, 4)),
        (kldiv.Bernoulli(COLUMN), kldiv.Poisson(ROW), (3, 4)),
        (kldiv.Exponential(COLUMN), kldiv.Uniform(0.0, ROW), (3, 4)),
        (kldiv.Exponential(COLUMN), kldiv.Gamma(ROW, 1.0), (3, 4)),
        (kldiv.Uniform(-COLUMN, COLUMN), kldiv.Uniform(-ROW, ROW), (3, 4)),
        (kldiv.Normal(COLUMN, 1.0), kldiv.NormalLogVariance(0.0, ROW), (3, 4)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_batch_shapes_broadcast(kl, p, q, shape):
    assert kl(p, q).shape == shape


# pytorch #13545, #29698, #34859; pyro #2149: missing, then of the wrong shape.
@float32_only
def test_independent_keeps_the_other_batch_axes(kl):
    p = kldiv.Independent(kldiv.Normal(np.zeros((2, 3)), 1.0))
    q = kldiv.Independent(kldiv.Normal(np.ones(3), 1.0))
    assert kl(p, q).tolist() == [1.5, 1.5]


# kmeans_pytorch #44: all pairs of two sets of distributions.
@float32_only
def test_all_pairs_by_broadcasting(kl):
    loc = np.asarray([0.0, 1.0, 3.0])
    values = kl(kldiv.Normal(loc[:, None], 1.0), kldiv.Normal(loc, 1.0))
    assert values.tolist() == [[0, 0.5, 4.5], [0.5, 0, 2], [4.5, 2, 0]]


# pytorch #2259, PR #7006, PR #14457; deit #61: `reduction='mean'` divides by the size of the support.
@float32_only
def test_one_number_per_batch_element(kl):
    p = kldiv.Categorical([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    assert kl(p, kldiv.Categorical([0.5, 0.5])).shape == (3,)


def test_there_is_no_reduction(kl):
    with pytest.raises(TypeError, match="reduction"):
        kl(kldiv.Normal(0.0, 1.0), kldiv.Normal(0.0, 1.0), reduction="mean")


# numpyro returns float64 for float32 parameters when JAX is set to 64 bits.
@float32_only
def test_multivariate_normal_stays_in_float32(backend, on_backend):
    p = on_backend(kldiv.MultivariateNormal([0.0, 0.0], [[2.0, 0.5], [0.5, 1.0]]))
    assert backend.dtype_name(kldiv.kl_divergence(p, p)) == "float32"


# -------------------------------------------------------------------------------------------------------- near equality


# torch: -1.1e-5, in float32.
@float32_only
@only("family", [kldiv.MultivariateNormal, kldiv.MultivariateNormalPrecision])
@pytest.mark.one_in(2)
def test_nearly_equal_covariances_in_50_dimensions(kl, error, family):
    p, q = family(np.zeros(50), np.eye(50)), family(np.zeros(50), (1 + 1e-4) * np.eye(50))
    assert kl(p, q) == pytest.approx(1.25e-7, rel=0.01)
    assert error(p, q) <= 4 * math.sqrt(50) + 1


@float32_only
@only("family", [kldiv.MultivariateNormal, kldiv.MultivariateNormalPrecision, kldiv.MultivariateNormalTriL])
def test_nearly_equal_matrices_with_correlations(error, family):
    rng = np.random.default_rng(0)
    factor = np.tril(rng.normal(size=(8, 8)), -1) * 0.2 + np.eye(8)
    nearby = factor + 1e-3 * np.tril(rng.normal(size=(8, 8)))
    p, q = (family(np.zeros(8), f if family is kldiv.MultivariateNormalTriL else f @ f.T) for f in (factor, nearby))
    assert error(p, q) <= 4 * math.sqrt(8) + np.linalg.cond(factor) ** 2


# torch: 96, in float32; there 1e8 + 100 is 1e8 + 104.
@float32_only
def test_nearly_equal_large_rates(kl, error):
    p, q = kldiv.Poisson(1e8), kldiv.Poisson(1e8 + 96)
    assert kl(p, q) == pytest.approx(4.6e-5, rel=0.01)
    assert error(p, q) <= 4


# torch: -2.0e-5, in float32.
@float32_only
def test_nearly_equal_concentrations(kl, error):
    p, q = kldiv.Gamma(100.0, 1.0), kldiv.Gamma(100.001, 1.0)
    assert kl(p, q) == pytest.approx(5.0e-9, rel=0.01)
    assert error(p, q) <= 6


# torch, TFP, scipy: no right digit below a relative change of 1e-4.
@float32_only
@only(
    ("p", "q", "bound"),
    [
        (kldiv.Normal(0.0, 1.0), kldiv.Normal(0.0, 1.0001), 4),
        (kldiv.NormalLogVariance(0.0, 1.0), kldiv.NormalLogVariance(0.0, 1.0001), 4),
        (kldiv.Exponential(1.0), kldiv.Exponential(1.0001), 4),
        (kldiv.Bernoulli(0.3), kldiv.Bernoulli(0.30001), 4),
        (kldiv.BernoulliLogits(0.3), kldiv.BernoulliLogits(0.3001), 5),
        (kldiv.Categorical([0.25, 0.25, 0.5]), kldiv.Categorical([0.25, 0.2501, 0.4999]), 6),
        (kldiv.CategoricalLogits([1.0, 2.0, 3.0]), kldiv.CategoricalLogits([1.0001, 2.0, 3.0]), 5),
        (kldiv.Uniform(0.0, 1.0), kldiv.Uniform(0.0, 1.0001), 4),
    ],
    ids=lambda value: type(value).__name__,
)
def test_nearly_equal_distributions(error, p, q, bound):
    assert error(p, q) <= bound


# pytorch #80488 (high priority), #32520; keras #9754, #13747: 20-60 % of such results are negative.
@float32_only
def test_nearly_equal_vocabularies_are_not_negative(kl):
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(64, 1000))
    nearby = logits + 1e-4 * rng.normal(size=logits.shape)
    assert np.all(kl(kldiv.CategoricalLogits(logits), kldiv.CategoricalLogits(nearby)) > 0)


# pytorch #80488: non-zero for equal inputs. torch Geometric: KL(p, p) != 0.
@float32_only
def test_equal_vocabularies_give_exactly_zero(kl):
    logits = np.random.default_rng(2).normal(size=(64, 1000))
    p = kldiv.CategoricalLogits(logits)
    assert np.all(kl(p, p) == 0)


# pytorch #72525, #144279: negative or nan for Uniform.
@only("q", [(1e5, 1e5 + 1), (1e5 - 1, 1e5 + 1), (-1e30, 1e30)])
def test_uniform_is_right_far_from_zero(error, q):
    assert error(kldiv.Uniform(1e5, 1e5 + 1), kldiv.Uniform(*q)) <= 4


# ------------------------------------------------------------------------------------ probabilities, element by element


# keras clips to [1e-7, 1]: 7.37.
@float32_only
@only(
    ("p", "q"),
    [
        (kldiv.Categorical([0.5, 0.5]), kldiv.Categorical([1.0, 0.0])),
        (kldiv.CategoricalLogits([0.0, 0.0]), kldiv.CategoricalLogits([0.0, -INF])),
    ],
)
def test_zero_of_q_under_mass_of_p_is_infinite(kl, p, q):
    assert kl(p, q) == INF


# keras clips to [1e-7, 1]: keras #19520.
def test_small_probabilities_are_not_clipped(error):
    assert error(kldiv.Categorical([0.5, 0.5]), kldiv.Categorical([1.0, 1e-30])) <= 6


# keras goes negative, scipy.stats.entropy rescales silently (scipy #12553), pytorch #69230 accepts negative targets.
@only("probs", [[1.0, 1.0], [0.25, 0.25], [0.5, 0.501], [-0.1, 1.1]])
def test_unnormalized_or_negative_weights_are_refused(kl, probs):
    uniform = kldiv.Categorical([0.5, 0.5])
    with pytest.raises(ValueError, match=r"(of|in) p$"):
        kl(kldiv.Categorical(probs), uniform)
    with pytest.raises(ValueError, match=r"(of|in) q$"):
        kl(uniform, kldiv.Categorical(probs))


# torch.nn.functional.kl_div: nan where both are zero, and for log targets of -inf.
@float32_only
@only(
    ("p", "q"),
    [
        (kldiv.Categorical([0.0, 1.0]), kldiv.Categorical([0.0, 1.0])),
        (kldiv.CategoricalLogits([-INF, 0.0]), kldiv.CategoricalLogits([-INF, 0.0])),
        (kldiv.BernoulliLogits(-INF), kldiv.BernoulliLogits(-INF)),
    ],
)
def test_common_zeros_are_not_nan(kl, p, q):
    assert kl(p, q) == 0


@only("name", ["rel_entr", "kl_div"])
def test_common_zeros_are_not_nan_element_by_element(elementwise, name):
    assert elementwise(name, 0.0, 0.0) == 0


# scipy.special.kl_div: 0.0.
@float64_only
def test_kl_div_near_equality(elementwise):
    value = elementwise("kl_div", 1.0, 1 + 1e-9)
    assert value == pytest.approx(5e-19, rel=1e-6)
    assert reference.ulps(value, reference.kl_div(1.0, 1 + 1e-9), "float64") <= 4


# jax.scipy.special.rel_entr: inf in float32. This number is subnormal there, which is 0 to some frameworks.
@float32_only
def test_rel_entr_of_a_subnormal_number_is_finite(keeps_subnormals, elementwise):
    assert elementwise("rel_entr", 4.0, 1e-38) == pytest.approx(355.5, abs=0.05)


# jax.scipy.special.rel_entr, scipy.special.kl_div: inf, as the quotient overflows.
@only("name", ["rel_entr", "kl_div"])
def test_quotient_may_overflow_element_by_element(elementwise, dtype, name):
    tiny = float(np.finfo(dtype).smallest_normal)
    assert reference.ulps(elementwise(name, 40.0, tiny), getattr(reference, name)(40.0, tiny), dtype) <= 4


# scipy.special.kl_div: nan for infinite arguments and where the quotient overflows.
@float64_only
@only("y", [0.0, -0.0, 1.0, 2.0, -1.0, 1e300, INF, -INF, math.nan])
@only("x", [0.0, -0.0, 1.0, 2.0, -1.0, 1e300, INF, -INF, math.nan])
@only("name", ["rel_entr", "kl_div"])
def test_edges_element_by_element(elementwise, name, x, y):
    assert reference.ulps(elementwise(name, x, y), getattr(reference, name)(x, y), "float64") <= 4


# scipy #6521: `rel_entr` against `kl_div`.
@only(("name", "expected"), [("rel_entr", 2 * math.log(2)), ("kl_div", 2 * math.log(2) - 1)])
def test_elementwise_functions_differ_where_sums_do(elementwise, name, expected, dtype):
    assert elementwise(name, 2.0, 1.0) == pytest.approx(expected, rel=4 * float(np.finfo(dtype).eps))


# pytorch #57459 (silent correctness), #51716: the direction gets confused ...
def test_direction_is_from_p_to_q(kl):
    certain, fair = kldiv.Categorical([1.0, 0.0]), kldiv.Categorical([0.5, 0.5])
    assert (kl(certain, fair), kl(fair, certain)) == (pytest.approx(math.log(2)), INF)


# ... and the logarithm of the arguments.
@float64_only
@only("q", [kldiv.Categorical([0.25, 0.75]), kldiv.CategoricalLogits(np.log([0.25, 0.75]))], ids=["probs", "logits"])
@only("p", [kldiv.Categorical([0.5, 0.5]), kldiv.CategoricalLogits(np.log([0.5, 0.5]))], ids=["probs", "logits"])
def test_probabilities_and_their_logarithms_are_families_of_their_own(kl, dtype, p, q):
    assert kl(p, q) == pytest.approx(0.5 * math.log(4 / 3), rel=64 * float(np.finfo(dtype).eps))


@kldiv.declare.family(domains.COUNTS)
class Lonely(NamedTuple):
    """A family that no formula is registered for."""

    rate: Annotated[Any, domains.NonNegative]


# pytorch #68746, #72765: the error does not say which pair.
def test_error_for_an_unknown_pair_names_it(kl):
    with pytest.raises(NotImplementedError, match=r"KL\(Lonely \|\| Poisson\)"):
        kl(Lonely(1.0), kldiv.Poisson(1.0))


# ------------------------------------------------------------------------------------------------------------ gradients


# torch.nn.functional.kl_div, optax.kl_divergence (optax PR #473, jax #16630, pytorch #89558): nan.
@only("name", ["rel_entr", "kl_div"])
def test_gradient_at_a_zero_target_is_not_nan(elementwise_gradient, name):
    slope_x, slope_y = elementwise_gradient(name, 0.0, 0.5)
    assert math.isfinite(slope_x)
    assert slope_y == {"rel_entr": 0.0, "kl_div": 1.0}[name]


# numpyro: nan. By the zero of p itself the slope is infinite, and any finite number will do.
@float64_only
@only("q", [[0.25, 0.25, 0.5], [0.75, 0.25, 0.0]], ids=["zero in p", "zero in both"])
def test_gradient_of_categorical_at_probability_zero(gradient, dtype, q):
    p, q = kldiv.Categorical([0.5, 0.5, 0.0]), kldiv.Categorical(q)
    slopes, expected = gradient(p, q), true_gradient(p, q, dtype, side=[0, 0, 1, 0, 0, 1])
    assert np.isfinite(slopes).all()
    assert np.isinf(expected[2])
    allclose(np.delete(slopes, 2), np.delete(expected, 2), dtype)


# torch Categorical with any -inf logit: nan (pytorch #15288). So a masked token spoils a whole batch.
@float64_only
@only(
    "q",
    [[1.0, 0.25, -INF], [1.0, 0.25, 2.0], [0.5, 1.0, -INF]],
    ids=["masked in both", "masked in p", "masked, equal"],
)
def test_gradient_with_masked_tokens(gradient, dtype, q):
    p, q = kldiv.CategoricalLogits([0.5, 1.0, -INF]), kldiv.CategoricalLogits(q)
    allclose(gradient(p, q), true_gradient(p, q, dtype), dtype)


# The masked tokens of one row must not reach the others.
@float64_only
def test_gradient_beside_an_infinite_row_is_not_nan(gradient, dtype):
    p = kldiv.CategoricalLogits([[0.5, 1.0], [0.5, 1.0]])
    q = kldiv.CategoricalLogits([[1.0, 0.25], [0.0, -INF]])
    slopes = gradient(p, q).reshape(2, 2, 2)
    first = true_gradient(kldiv.CategoricalLogits(p.logits[0]), kldiv.CategoricalLogits(q.logits[0]), dtype)
    assert not np.isnan(slopes).any()
    allclose(slopes[:, 0].ravel(), first, dtype)


# torch: 0; TFP: nan. KL(0 || q) = -log(1 - q), and KL(1 || q) = -log q.
@only(("probs", "slope"), [(0.0, 1.0), (1.0, -1.0)])
def test_gradient_of_bernoulli_where_both_are_certain(gradient, probs, slope):
    slopes = gradient(kldiv.Bernoulli(probs), kldiv.Bernoulli(probs))
    assert math.isfinite(slopes[0])
    assert slopes[1] == slope


# torch: nan for `high` of Uniform || Beta at 1.
@float64_only
def test_gradient_of_uniform_at_the_ends_of_its_support(gradient, dtype):
    p = kldiv.Uniform(0.0, 1.0)
    allclose(gradient(p, p), true_gradient(p, p, dtype, side=[1, -1, -1, 1]), dtype)


# pytorch #89558, #114049, #51910, optax PR #1786: nan at zeros, here at a rate of 0.
@float64_only
def test_gradient_of_poisson_at_rate_zero(gradient):
    slopes = gradient(kldiv.Poisson(0.0), kldiv.Poisson(2.0))
    assert math.isfinite(slopes[0])
    assert slopes[1] == 1


# torch.vmap fails for Bernoulli, Uniform and Categorical; torch.compile(fullgraph=True) for Bernoulli and Uniform
# (pytorch #194593, #120497).
@float32_only
@only(
    ("p", "q"),
    [
        (kldiv.Bernoulli([0.0, 0.3, 1.0]), kldiv.Bernoulli([0.5, 0.3, 0.5])),
        (kldiv.Uniform([0.0, 0.25, 0.0], [1.0, 0.75, 2.0]), kldiv.Uniform([0.0, 0.0, 0.0], [1.0, 1.0, 1.0])),
        (kldiv.Categorical([[0.5, 0.5], [1.0, 0.0]]), kldiv.Categorical([[0.5, 0.5], [0.25, 0.75]])),
        (kldiv.CategoricalLogits([[0.0, 0.0], [1.0, -INF]]), kldiv.CategoricalLogits([[0.0, 0.0], [0.5, 1.0]])),
    ],
    ids=lambda value: type(value).__name__,
)
def test_compilers_and_vmap_accept(backend, transform, on_backend, kl, p, q):
    n = len(p)
    arrays = [*on_backend(p), *on_backend(q)]
    values = transform(lambda *a: kldiv.kl_divergence(type(p)(*a[:n]), type(q)(*a[n:])))(*arrays)
    np.testing.assert_allclose(backend.to_numpy(values), kl(p, q), rtol=1e-6)


# --------------------------------------------------------------------------------------------------------- the folklore


def independent(family, *columns):
    return kldiv.Independent(family(*columns))


LN10 = math.log(10.0)
LATENT = independent(kldiv.NormalLogVariance, np.zeros(3), np.ones(3))


# The trace term inverted: sum exp(ln_var2 - ln_var1) prints 9.722069 for the first. At equal variances nobody notices.
@float64_only
@only(
    ("loc", "log_variance", "expected"),
    [
        (5.0, LN10, 4.611619913759925),
        (10.0, 1.0, 55.18191617571634),
        (0.1, 1.0, 0.0055181916175716375),
        (0.0, 1.0, 0.0),
    ],
)
def test_trace_term_is_not_inverted(kl, loc, log_variance, expected):
    q = independent(kldiv.NormalLogVariance, np.full(3, loc), np.full(3, log_variance))
    assert kl(LATENT, q) == pytest.approx(expected, rel=1e-15)


@float64_only
def test_batch_mean_is_the_caller_s_to_take(kl):
    loc = np.asarray([5.0, 10.0, 0.1, 0.0])[:, None] * np.ones(3)
    log_variance = np.asarray([LN10, 1.0, 1.0, 1.0])[:, None] * np.ones(3)
    values = kl(LATENT, independent(kldiv.NormalLogVariance, loc, log_variance))
    assert values.mean() == pytest.approx(
        (4.611619913759925 + 55.18191617571634 + 0.0055181916175716375) / 4, rel=1e-15
    )


TERMS_P = kldiv.Normal([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
TERMS_Q = kldiv.Normal([3.0, 5.0, 8.0], [1.5, 2.5, 4.0])


# log10 beside nats: 0.1486, with a negative term.
@float64_only
def test_nats_are_not_mixed_with_bans(kl):
    terms = [0.34990956, 0.12314355, 0.19393207]
    assert kl(TERMS_P, TERMS_Q) == pytest.approx(terms, abs=1e-8)
    assert kl(kldiv.Independent(TERMS_P), kldiv.Independent(TERMS_Q)) == pytest.approx(0.6669851763185994, rel=1e-15)


@float64_only
def test_bans_are_asked_for_by_base(kl):
    bans = kl(kldiv.Independent(TERMS_P), kldiv.Independent(TERMS_Q), base=10)
    assert bans == pytest.approx(0.6669851763185994 / LN10, rel=1e-15)


# log(det S1 / det S0): the determinants underflow, to nan.
@float32_only
@only(
    ("family", "matrix", "expected"),
    [
        (kldiv.MultivariateNormal, 1e-8 * np.eye(100), 100 * (math.log(2) - 0.5) / 2),
        (kldiv.MultivariateNormalTriL, 1e-4 * np.eye(100), 100 * (math.log(2) - 0.375)),
        (kldiv.MultivariateNormalDiag, np.full(100, 1e-4), 100 * (math.log(2) - 0.375)),
    ],
    ids=["covariance", "tril", "diag"],
)
def test_determinants_may_underflow(kl, dtype, family, matrix, expected):
    value = kl(family(np.zeros(100), matrix), family(np.zeros(100), 2 * matrix))
    assert value == pytest.approx(expected, rel=41 * float(np.finfo(dtype).eps))


# A stack of means against one covariance, which is what `inv` is used for; `inv` loses cond^2.
@float64_only
def test_stack_of_means_against_one_covariance(kl, dtype):
    covariance = np.asarray([[4.0, 2.0, 0.5], [2.0, 3.0, 1.0], [0.5, 1.0, 2.0]])
    means = np.asarray([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0], [-1.0, 0.5, 0.0], [0.0, 1e-3, 0.0]])
    values = kl(kldiv.MultivariateNormal(means, covariance), kldiv.MultivariateNormal(np.zeros(3), covariance))
    expected = [
        truth(kldiv.MultivariateNormal(m, covariance), kldiv.MultivariateNormal(np.zeros(3), covariance), dtype)
        for m in means
    ]
    errors = [reference.ulps(value, t, dtype) for value, t in zip(values, expected, strict=True)]
    assert max(errors) <= 4 * math.sqrt(3) + np.linalg.cond(covariance)


# A sum over a grid that forgot dx: 500.
def test_divergence_is_an_integral(kl):
    assert kl(kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 1.0)) == 0.5


RIGHT_P = kldiv.MultivariateNormalDiag([1.0, 4.0], [1.0, 1.0])
RIGHT_Q = kldiv.MultivariateNormalDiag([-3.0, 2.0], [2.5, 2.5])


@float64_only
@only(
    ("p", "q"),
    [
        (RIGHT_P, RIGHT_Q),
        (kldiv.Independent(kldiv.Normal(*RIGHT_P)), kldiv.Independent(kldiv.Normal(*RIGHT_Q))),
        (
            kldiv.MultivariateNormalTriL([1.0, 4.0], np.eye(2)),
            kldiv.MultivariateNormalTriL([-3.0, 2.0], 2.5 * np.eye(2)),
        ),
        (kldiv.MultivariateNormal([1.0, 4.0], np.eye(2)), kldiv.MultivariateNormal([-3.0, 2.0], 6.25 * np.eye(2))),
        (kldiv.Independent(kldiv.Normal(*RIGHT_P)), kldiv.MultivariateNormal([-3.0, 2.0], 6.25 * np.eye(2))),
    ],
    ids=["diag", "independent", "tril", "covariance", "independent against covariance"],
)
def test_diagonal_gaussians(kl, p, q):
    assert kl(p, q) == pytest.approx(2.5925814637483104, rel=1e-15)


@float64_only
def test_mean_of_log_density_ratios_converges_to_the_divergence(backend, on_backend):
    x = backend.array(np.random.default_rng(0).normal([1.0, 4.0], 1.0, size=(10_000, 2)), "float64")
    p, q = on_backend(RIGHT_P), on_backend(RIGHT_Q)
    ratios = backend.to_numpy(p.log_density(x)) - backend.to_numpy(q.log_density(x))
    assert ratios.mean() == pytest.approx(2.5925814637483104, abs=3 * ratios.std() / 100)
