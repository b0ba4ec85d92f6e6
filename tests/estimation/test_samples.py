"""Estimates from samples: the definition, exact cases, invariances, measured bands, errors, and what is refused."""

import functools
import math

import numpy as np
import pytest
import scipy.spatial
import scipy.special
import scipy.stats

import kldiv
from kldiv import estimate_from_samples
from kldiv.estimation import neighbours

INF, NAN = math.inf, math.nan

only = pytest.mark.parametrize
few = pytest.mark.filterwarnings("ignore::kldiv.EstimateWarning")  # points that are too few to trust


@pytest.fixture
def array(backend):
    return lambda values, dtype="float64": backend.array(values, dtype)


@pytest.fixture
def number(backend):
    """Return a field of an estimate as a NumPy array without axes."""
    return lambda x: np.asarray(backend.to_numpy(x))[()]


def covariance(d):
    """Return S of case A: S_ij = 0.5^|i - j|."""
    place = np.arange(d)
    return 0.5 ** np.abs(place[:, None] - place)


@functools.cache
def case_a(d, n=2000, m=2000, seed=1):
    """Return samples of N(0, I) and of N(0.5, S)."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((n, d))
    return x, 0.5 + random.standard_normal((m, d)) @ np.linalg.cholesky(covariance(d)).T


def q_of_case_a(array, d, dtype="float64"):
    return kldiv.MultivariateNormal(array([0.5] * d, dtype), array(covariance(d), dtype))


def definition(x, y, k):
    """Return the estimate from all pairs of points."""
    own = np.sort(scipy.spatial.distance.cdist(x, x), axis=1)[:, k]
    other = np.sort(scipy.spatial.distance.cdist(x, y), axis=1)[:, k - 1]
    psi = scipy.special.digamma
    return x.shape[1] * np.mean(np.log(other / own)) + psi(len(y) + 1) - psi(len(x))


def definition_known(x, log_q, k):
    """Return the estimate beside a density from all pairs of points."""
    d = x.shape[1]
    own = np.sort(scipy.spatial.distance.cdist(x, x), axis=1)[:, k]
    psi = scipy.special.digamma
    log_ball = d / 2 * np.log(np.pi) - scipy.special.gammaln(d / 2 + 1)
    return psi(k) - psi(len(x)) - log_ball - d * np.mean(np.log(own)) - np.mean(log_q)


def rough(*args, **options):
    """Return an estimate that warns."""
    with pytest.warns(kldiv.EstimateWarning):
        return estimate_from_samples(*args, **options)


# ---------------------------------------------------------------------------------------------------------- the value


EXACT = {"minus log 2": ((1, 2, 4), (1.5, 3), -math.log(2)), "zero": ((1, 2), (1.5, 2.5), 0.0)}


@only(("x", "y", "value"), EXACT.values(), ids=EXACT.keys())
def test_exact_cases(x, y, value, array, number):
    estimate = rough(array(x), array(y), correction="log")
    assert number(estimate.value) == pytest.approx(value, abs=1e-15)
    assert number(estimate.error) == INF
    assert not number(estimate.converged)
    assert estimate.n_samples == len(x)


@few
@only("k", [1, 3])
@only("d", [1, 3])
def test_value_is_that_of_the_definition(d, k, array, number):
    x, y = case_a(d, 60, 90)
    estimate = estimate_from_samples(array(x), array(y), k=k, whiten=False)
    assert number(estimate.value) == pytest.approx(definition(x, y, k), rel=1e-12)


@few
@only("k", [1, 3])
@only("d", [1, 3])
def test_value_beside_a_density_is_that_of_the_definition(d, k, array, number):
    x = case_a(d, 60)[0]
    log_q = -np.abs(x).sum(axis=1)
    q = kldiv.LogDensity(lambda points: array(log_q), dimension=d)
    estimate = estimate_from_samples(array(x), q, k=k, whiten=False)
    assert number(estimate.value) == pytest.approx(definition_known(x, log_q, k), rel=1e-12)


@few
def test_logarithmic_correction(array, number):
    x, y = case_a(2, 60, 90)
    two = [number(estimate_from_samples(array(x), array(y), correction=c).value) for c in ("log", "digamma")]
    psi = scipy.special.digamma
    assert two[0] - two[1] == pytest.approx(math.log(90 / 59) - psi(91) + psi(60), rel=1e-10)


# The measured means and standard deviations at n = m = 2000.
BANDS = {1: (0.149, 0.047), 2: (0.322, 0.060)}
KNOWN_BANDS = {5: (1.070, 0.047), 10: (2.178, 0.070)}
SEEDS = (5, 6, 7, 8)


def assert_in_band(estimates, mean, deviation, number):
    """Check the mean of some estimates, and their errors, against the mean and the deviation of one."""
    assert abs(np.mean([number(e.value) for e in estimates]) - mean) < 2 * deviation / math.sqrt(len(estimates))
    assert np.mean([number(e.error) for e in estimates]) == pytest.approx(deviation, rel=0.2)
    assert all(number(e.converged) for e in estimates)


@only(("d", "mean", "deviation"), [(d, *band) for d, band in BANDS.items()])
def test_value_and_error_of_case_a(d, mean, deviation, eager, array, number):
    estimates = [estimate_from_samples(*map(array, case_a(d, seed=seed))) for seed in SEEDS]
    assert_in_band(estimates, mean, deviation, number)


@only(("d", "mean", "deviation"), [(d, *band) for d, band in KNOWN_BANDS.items()])
def test_value_and_error_of_case_a_with_q_known(d, mean, deviation, eager, array, number):
    q = q_of_case_a(array, d)
    estimates = [estimate_from_samples(array(case_a(d, seed=seed)[0]), q) for seed in range(5, 9)]
    assert_in_band(estimates, mean, deviation, number)


@few
def test_negative_estimates_are_returned(eager, array, number):
    # The points of y lie beside those of x, closer than these to each other.
    x = np.arange(10.0)
    assert number(estimate_from_samples(array(x), array(x + 0.1)).value) < 0


# --------------------------------------------------------------------------------------------------------- invariances

MAP = np.asarray([[3.0, 1.0], [-200.0, 500.0]])


@few
def test_affine_maps_change_nothing(array, number):
    x, y = case_a(2, 200, 300)
    plain, mapped = (estimate_from_samples(array(x @ m + s), array(y @ m + s)) for m, s in ((np.eye(2), 0), (MAP, 7)))
    assert number(mapped.value) == pytest.approx(number(plain.value), rel=1e-9)
    assert number(mapped.error) == pytest.approx(number(plain.error), rel=1e-9)


@few
def test_affine_maps_change_nothing_beside_a_density(array, number):
    x = case_a(2, 200)[0]
    q = kldiv.MultivariateNormal(array([0.5, 0.5]), array(covariance(2)))
    mapped = kldiv.MultivariateNormal(array([0.5, 0.5] @ MAP), array(MAP.T @ covariance(2) @ MAP))
    plain = estimate_from_samples(array(x), q)
    assert number(estimate_from_samples(array(x @ MAP), mapped).value) == pytest.approx(number(plain.value), rel=1e-9)


@few
def test_order_changes_nothing(array, number):
    x, y = case_a(2, 200, 300)
    plain, turned = (estimate_from_samples(array(x[::s]), array(y[::s])) for s in (1, -1))
    assert number(turned.value) == pytest.approx(number(plain.value), rel=1e-12)
    assert number(turned.error) == pytest.approx(number(plain.error), rel=0.5)


@few
@only("scale", [1e-200, 1e200])
@only("whiten", [True, False])
def test_scale_of_the_points(scale, whiten, array, number):
    x, y = case_a(2, 50, 60)
    plain, scaled = (estimate_from_samples(array(s * x), array(s * y), whiten=whiten) for s in (1.0, scale))
    assert number(scaled.value) == pytest.approx(number(plain.value), rel=1e-9)


@only("d", [1, 2, 12])
@only("k", [1, 4])
def test_all_pairs_and_tree_agree(d, k):
    x, y = case_a(d, 1000, 1300)
    pairs, tree = (neighbours.distances(x, y, [k, 8 * k], tree=t) for t in (False, True))
    np.testing.assert_allclose(pairs, tree, rtol=1e-12)


def test_all_pairs_of_few_points():
    x, y = case_a(12, 4, 3)
    pairs, tree = (neighbours.distances(x, y, [3, 8], tree=t) for t in (False, True))
    np.testing.assert_allclose(pairs, tree, rtol=1e-12)
    assert np.isinf(tree[1][:, 1]).all()


@few
def test_numbers_are_the_same_on_every_backend(array, number):
    x, y = case_a(3, 100, 130)
    ours, numpys = estimate_from_samples(array(x), array(y)), estimate_from_samples(x, y)
    assert number(ours.value) == numpys.value
    assert number(ours.error) == numpys.error


# ----------------------------------------------------------------------------------------------------- repeated values

N = 2000


def normals(random, shift=0.0, columns=1):
    return random.standard_normal((N, columns)) + shift


def beside_classes(probs, shift=0.0):
    return lambda random: np.column_stack([normals(random, shift), random.choice(len(probs), N, p=probs)])


def zero_inflated(zeros, shift):
    return lambda random: np.where(random.random(N) < zeros, 0.0, np.exp(normals(random, shift)[:, 0]))


def rounded(decimals, shift=0.0, columns=1):
    return lambda random: normals(random, shift, columns).round(decimals)


def divergence_of_rounded(shift, step):
    """Return the divergence of N(0, 1) from N(shift, 1), both rounded, from SciPy's distribution function."""
    edges = step * (np.arange(-10 / step, 10 / step + 1) - 0.5)
    return np.sum(scipy.special.rel_entr(*(np.diff(scipy.stats.norm.cdf(edges - at)) for at in (0.0, shift))))


OF_P, OF_Q = (0.3, 0.3, 0.2, 0.1, 0.1), (0.1, 0.1, 0.2, 0.3, 0.3)
ATOMS = {
    "0-1 column": (beside_classes((0.8, 0.2)), beside_classes((0.2, 0.8)), 0.6 * math.log(4)),
    "five classes": (beside_classes(OF_P), beside_classes(OF_Q, 1.0), 0.5 + scipy.stats.entropy(OF_P, OF_Q)),
    "forty ages": (beside_classes([1 / 40] * 40), beside_classes([1 / 40] * 40, 0.5), 0.125),
    "classes alone": (
        lambda random: random.choice(5, N, p=OF_P),
        lambda random: random.choice(5, N, p=OF_Q),
        scipy.stats.entropy(OF_P, OF_Q),
    ),
    "zero-inflated": (
        zero_inflated(0.3, 0.0),
        zero_inflated(0.5, 0.5),
        scipy.stats.entropy((0.3, 0.7), (0.5, 0.5)) + 0.7 * 0.125,
    ),
    "integers": (rounded(0), rounded(0, 0.5), divergence_of_rounded(0.5, 1.0)),
    "one decimal": (rounded(1), rounded(1, 0.5), divergence_of_rounded(0.5, 0.1)),
    "two decimals": (rounded(2), rounded(2, 0.5), divergence_of_rounded(0.5, 0.01)),
    "rounded plane": (rounded(1, 0.0, 2), rounded(1, 0.5, 2), 2 * divergence_of_rounded(0.5, 0.1)),
    "control": (normals, lambda random: normals(random, 1.0), 0.5),
}


def estimates_of(draw_x, draw_y, count=4):
    pairs = [(draw_x(np.random.default_rng([s, 1])), draw_y(np.random.default_rng([s, 2]))) for s in range(count)]
    return [estimate_from_samples(x, y) for x, y in pairs]


@only(("draw_x", "draw_y", "truth"), ATOMS.values(), ids=ATOMS.keys())
def test_repeated_values_change_no_divergence(draw_x, draw_y, truth):
    estimates = estimates_of(draw_x, draw_y)
    scores = [(e.value - truth) / e.error for e in estimates]
    assert all(e.converged for e in estimates)
    assert abs(np.mean(scores)) < 1.5  # three standard deviations of the mean of four
    assert max(map(abs, scores)) < 3
    assert np.mean([e.error for e in estimates]) < 0.1


def test_method_says_what_became_of_repeated_values():
    x, y = (beside_classes(p)(np.random.default_rng(s)).round(1) for s, p in enumerate([(0.8, 0.2), (0.2, 0.8)]))
    method = estimate_from_samples(x, y).method
    assert method.endswith("repeated values counted in 2 and spread in 1 of 2 columns (seed 0)")


def test_classes_are_the_estimate_from_counts(array, number):
    # The same sums of digammas, point by point and class by class.
    x, y = (np.repeat([0.0, 1.0, 5.0], counts) for counts in ([50, 30, 20], [20, 30, 50]))
    by_points, by_counts = (
        estimate_from_samples(array(x), array(y)),
        kldiv.estimate_from_counts([50, 30, 20], [20, 30, 50]),
    )
    assert number(by_points.value) == pytest.approx(float(by_counts.value), rel=1e-12)


def test_rounded_samples_beside_a_density(array, number):
    x = np.random.default_rng(1).standard_normal(N).round(2)
    estimate = estimate_from_samples(array(x), kldiv.Normal(1.0, 1.0))
    assert abs(number(estimate.value) - 0.5) < 3 * number(estimate.error)
    assert number(estimate.converged)


def test_atoms_beside_a_density_are_refused(array):
    x = beside_classes((0.8, 0.2))(np.random.default_rng(1))
    q = kldiv.Independent(kldiv.Normal([0.0, 0.0], 1.0))
    with pytest.raises(ValueError, match=r"points of x have the value 0.0 in column 1, but q is a density"):
        estimate_from_samples(array(x), q)


# -------------------------------------------------------------------------------------------------------- the verdict


def circle(concentration):
    def draw(random):
        angle = random.vonmises(0.0, concentration, N)
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)

    return draw


DOUBTED = {
    "narrow": (normals, lambda random: 0.1 * normals(random), "y covers x too thinly"),
    "4 deviations apart": (normals, lambda random: normals(random, 4.0), "y covers x too thinly"),
    "wider support": (lambda random: 10 * random.random(N), lambda random: random.random(N), "y covers x too thinly"),
    "heavy tails": (lambda random: random.standard_cauchy((N, 1)), normals, "y covers x too thinly"),
    "four dimensions": (
        lambda random: normals(random, 0.0, 4),
        lambda random: normals(random, 1.5, 4),
        "y covers x too thinly",
    ),
    "five dimensions": (
        lambda random: normals(random, 0.0, 5)[:200],
        lambda random: normals(random, 0.5, 5)[:200],
        "points of y lie where those of x do",
    ),
    "unseen class": (lambda random: random.choice(3, N), lambda random: random.choice(2, N), "that no point of y has"),
    "bootstrap": (lambda random: random.choice(normals(random), N), normals, "repeat within a sample"),
    "shared points": (
        lambda random: np.random.default_rng(1).standard_normal(N),
        lambda random: np.random.default_rng(1).standard_normal(N),
        "they share points",
    ),
    "curve": (circle(1.0), circle(2.0), "about 1.0 dimensions, not 2"),
}


@only(("draw_x", "draw_y", "words"), DOUBTED.values(), ids=DOUBTED.keys())
def test_what_samples_cannot_tell_is_doubted(draw_x, draw_y, words):
    with pytest.warns(kldiv.EstimateWarning, match=words):
        (estimate,) = estimates_of(draw_x, draw_y, 1)
    assert not estimate.converged


def test_heavy_tail_of_a_density_is_doubted(array, number):
    x = np.random.default_rng(1).standard_cauchy(N)
    with pytest.warns(kldiv.EstimateWarning, match="the tail of log q at the points of x is so heavy"):
        estimate = estimate_from_samples(array(x), kldiv.Normal(0.0, 1.0))
    assert not number(estimate.converged)


def columns_of_data():
    datasets = pytest.importorskip("sklearn.datasets")
    data = {
        "diabetes": datasets.load_diabetes(scaled=False),
        "wine": datasets.load_wine(),
        "iris": datasets.load_iris(),
    }
    return {f"{name} {j}": d.data[:, j] for name, d in data.items() for j in range(4)}


@few
@only("name", [f"{name} {j}" for name in ("diabetes", "wine", "iris") for j in range(4)])
def test_halves_of_a_measured_column_agree(name):
    column = np.random.default_rng(0).permutation(columns_of_data()[name])
    estimate = estimate_from_samples(column[::2], column[1::2])
    assert abs(estimate.value) < 3 * estimate.error


# ------------------------------------------------------------------------------------------------------- the framework


@few
def test_result_is_in_the_framework_and_dtype(backend, array):
    x, y = case_a(2, 50, 60)
    estimate = estimate_from_samples(array(x, "float32"), array(y, "float32"))
    assert backend.is_array(estimate.value)
    assert backend.is_array(estimate.converged) or isinstance(estimate.converged, np.bool_)
    assert [backend.dtype_name(z) for z in (estimate.value, estimate.error)] == ["float32", "float32"]
    assert "bool" in str(estimate.converged.dtype)
    assert estimate.value.shape == estimate.error.shape == estimate.converged.shape == ()


def test_short_floats(short_dtype, backend, array):
    x, y = np.linspace(0, 1, 9)[1:-1], np.asarray([0.3, 0.9])
    assert backend.dtype_name(rough(array(x, short_dtype), array(y, short_dtype)).value) == short_dtype


def test_lists_are_samples():
    assert float(rough([1, 2, 4], [1.5, 3]).value) == pytest.approx(-math.log(2))


@few
def test_column_of_points_is_one_dimension(array, number):
    x, y = case_a(1, 50, 60)
    flat, column = estimate_from_samples(array(x[:, 0]), array(y[:, 0])), estimate_from_samples(array(x), array(y))
    assert number(flat.value) == number(column.value)


# -------------------------------------------------------------------------------------------------------- densities

DENSITIES = {
    "normal": kldiv.Normal(0.5, 1.5),
    "mixture": kldiv.Mixture([0.5, 0.5], kldiv.Normal([-1.0, 1.0], 1.0)),
    "vector": kldiv.MultivariateNormalDiag([0.5, 0.0], [1.0, 2.0]),
    "independent": kldiv.Independent(kldiv.Normal([0.5, 0.0], [1.0, 2.0])),
}


@only("q", DENSITIES.values(), ids=DENSITIES.keys())
def test_distribution_is_its_log_density(q, array, number):
    points = case_a(2, 60)[0]
    x = array(points if q in (DENSITIES["vector"], DENSITIES["independent"]) else points[:, 0])
    function = kldiv.LogDensity(q.log_density, dimension=2 if len(x.shape) == 2 else None)
    family, function = estimate_from_samples(x, q), estimate_from_samples(x, function)
    assert number(family.value) == pytest.approx(number(function.value), rel=1e-14)
    assert family.method.endswith("q known")


def test_point_outside_the_support_makes_the_divergence_infinite(array, number):
    estimate = estimate_from_samples(array([0.5, 1.0, -0.25, 2.0]), kldiv.Exponential(1.0))
    assert (number(estimate.value), number(estimate.error), number(estimate.converged)) == (INF, 0, True)


# ----------------------------------------------------------------------------------------------------------- the error


def test_interval_covers_the_truth(eager, array, number):
    q = kldiv.Normal(array(0.5), array(1.0))
    random = np.random.default_rng(11)
    estimates = [estimate_from_samples(array(random.standard_normal(200)), q) for _ in range(100)]
    missed = [abs(number(e.value) - 0.125) > 1.96 * number(e.error) for e in estimates]
    assert sum(missed) <= 11  # 5 are expected; more with a probability of 0.4 %


@few
def test_error_is_the_deviation_of_the_estimate(eager, array, number):
    random = np.random.default_rng(12)
    pairs = [(random.standard_normal(200), 0.5 + random.standard_normal(300)) for _ in range(60)]
    estimates = [estimate_from_samples(array(x), array(y)) for x, y in pairs]
    deviation = np.std([number(e.value) for e in estimates])
    # The deviation of sixty numbers is itself known to 9 %.
    assert np.mean([number(e.error) for e in estimates]) == pytest.approx(deviation, rel=0.25)


def test_groups_are_disjoint_and_enough():
    lists = list(neighbours.disjoint_groups([100, 50], [10, 5], 40))
    assert [len(groups) for groups in lists] == [10] * 4
    np.testing.assert_array_equal(np.sort(np.concatenate([x for x, _ in lists[0]])), np.arange(100))
    np.testing.assert_array_equal(np.sort(np.concatenate([y for _, y in lists[0]])), np.arange(50))


# -------------------------------------------------------------------------------------------------------------- doubts


def test_many_columns_beside_a_density_are_doubted(array, number):
    with pytest.warns(kldiv.EstimateWarning, match="11 columns, where in more than 10 the bias"):
        estimate = estimate_from_samples(array(case_a(11, 60)[0]), q_of_case_a(array, 11))
    assert not number(estimate.converged)


@few
@only("name", ["n of x", "n of y", "all equal in each", "two points"])
def test_few_points_are_no_error_and_not_certain(name, array, number):
    x, y = {
        "n of x": ([1.0, 2.0], np.linspace(0, 3, 40)),
        "n of y": (np.linspace(0, 3, 40), [1.5]),
        "all equal in each": (np.zeros(40), np.ones(40)),
        "two points": ([1.0, 2.0], [1.0, 2.0]),
    }[name]
    assert not number(estimate_from_samples(array(x), array(y)).converged)


# ------------------------------------------------------------------------------------------------------------- refused

X = [[0.1, 0.2], [1.3, 0.9], [2.1, -0.7], [3.9, 1.1], [0.3, 5.0]]
Y = [[0.6, 0.25], [1.2, 1.9], [2.2, 3.7]]
PLANE = [[a, b, a + 2 * b] for a, b in X]
REFUSED = {
    "nan": ([[0.1, 0.2], [NAN, 0.9]], Y, {}, r"x must be finite; got nan at index \(1, 0\)"),
    "infinite": (X, [[0.6, 0.25], [1.2, -INF]], {}, r"y must be finite; got -inf at index \(1, 1\)"),
    "few of x": (X[:2], Y, {"k": 2}, "x has too few points for k = 2: 2, where at least 3 are needed"),
    "one of x": ([1.0], [2.0], {}, "x has too few points for k = 1: 1, where at least 2"),
    "few of y": (X, Y[:1], {"k": 2}, "y has too few points for k = 2: 1, where at least 2 are needed"),
    "constant": ([[a, 1.0] for a, _ in X], [[a, 1.0] for a, _ in Y], {}, "column 1 of x and y is constant, 1.0: leave"),
    "all equal": ([3.0, 3.0], [3.0, 3.0, 3.0], {}, "column 0 of x and y is constant, 3.0"),
    "plane": (PLANE, [[1.0, 2.0, 3.0], [2.0, 1.0, 5.0]], {}, "column 2 of x is a linear combination"),
    "chains and draws": (np.ones((4, 100)) * np.arange(100), np.eye(4, 100), {}, r"pass .* x.reshape\(-1\)"),
    "chains, draws, dimensions": (
        np.ones((4, 9, 2)),
        np.ones((4, 9, 2)),
        {},
        r"got \(4, 9, 2\); .* x.reshape\(-1, 2\)",
    ),
    "too few to whiten": ([[0.0, 1.0, 2.0], [1.0, 2.5, 0.0]], [[3.0, 4.0, 7.0]], {}, "too few to tell the covariance"),
    "columns": (X, PLANE, {}, r"x has shape \(5, 2\) and y \(5, 3\)"),
    "axes": (X, [1.0, 2.0], {}, r"x has shape \(5, 2\) and y \(2,\)"),
    "rank": ([X], Y, {}, r"x must have shape \(points, dimensions\) or \(points,\); got \(1, 5, 2\)"),
    "no axis": (1.0, Y, {}, r"x must have shape .* got \(\)"),
    "no column": (np.ones((3, 0)), np.ones((3, 0)), {}, r"x must have shape .* got \(3, 0\)"),
    "k zero": (X, Y, {"k": 0}, "k must be a positive integer; got 0"),
    "k true": (X, Y, {"k": True}, "k must be a positive integer; got True"),
    "base": (X, Y, {"base": 1}, "base must be a number above 1"),
    "correction": (X, Y, {"correction": "none"}, "correction must be 'digamma' or 'log'; got 'none'"),
}


@only(("x", "y", "options", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_no_samples_are_refused(x, y, options, words, array):
    with pytest.raises(ValueError, match=words):
        estimate_from_samples(array(x), array(y), **options)


NO_DENSITY = {
    "integers": (kldiv.Poisson(1.0), [1.0, 2.0, 4.0], "q is Poisson.*integers: it has no density.*from_counts"),
    "simplex": (kldiv.Dirichlet([1.0, 2.0]), X, "q is Dirichlet.*simplex: it has no density"),
    "components": (kldiv.Independent(kldiv.Poisson([1.0, 2.0])), X, "q is Independent.*integers"),
    "batch": (kldiv.Normal([0.0, 1.0, 2.0], 1.0), [1.0, 2.0, 4.0], r"batch shape \(3,\) and outcomes of shape \(\)"),
    "event": (kldiv.MultivariateNormalDiag([0.0] * 3, [1.0] * 3), X, r"outcomes of shape \(3,\); for x of shape"),
    "scalar": (kldiv.Normal(0.0, 1.0), X, r"it must have batch shape \(\) and outcomes of shape \(2,\)"),
    "parameter": (kldiv.Normal(0.0, -1.0), [1.0, 2.0, 4.0], r"Normal.scale must be positive .* got -1.0 in q"),
}


@only(("q", "x", "words"), NO_DENSITY.values(), ids=NO_DENSITY.keys())
def test_no_densities_are_refused(q, x, words, array):
    with pytest.raises(ValueError, match=words):
        estimate_from_samples(array(x), q)


FUNCTIONS = {
    "shape": (
        lambda x: x,
        "must return one number for each outcome: for outcomes of shape",
    ),
    "nan": (lambda x: x[:, 0] * NAN, r"the log density of q must be finite or -inf; got nan at x\[0\]"),
    "infinite": (lambda x: x[:, 0] + INF, r"the log density of q must be finite or -inf; got inf at x\[0\]"),
}


@only(("q", "words"), FUNCTIONS.values(), ids=FUNCTIONS.keys())
def test_no_log_densities_are_refused(q, words, array):
    with pytest.raises(ValueError, match=words):
        estimate_from_samples(array(X), kldiv.LogDensity(q, dimension=2))


@only("k", [1.0, "1", None])
def test_k_is_an_integer(k, array):
    with pytest.raises(TypeError, match="k must be a positive integer; got "):
        estimate_from_samples(array(X), array(Y), k=k)


def test_class_of_a_family_is_no_distribution(array):
    with pytest.raises(TypeError, match="is the family Normal itself"):
        estimate_from_samples(array(X), kldiv.Normal)


def test_something_else_is_refused(array):
    with pytest.raises(TypeError, match="y is a"):
        estimate_from_samples(array(X), "normal")


def test_traced_samples_are_refused(transform, array):
    with pytest.raises(Exception, match="has no values while a function is traced or batched"):
        transform(lambda x, y: estimate_from_samples(x, y).value)(array([X]), array([Y]))
