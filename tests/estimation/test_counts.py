"""Estimates from counts: the definitions, exact expectations over all outcomes, coverage, edges and bad input."""

import collections
import itertools
import math

import numpy as np
import pytest
import scipy.special
import scipy.stats

import kldiv
from kldiv import estimate_from_counts

INF, NAN = math.inf, math.nan
P, Q = (0.5, 0.3, 0.2), (0.2, 0.3, 0.5)
TRUTH = 0.274887219562246519555058  # of KL(P || Q)
METHODS = ["zhang-grabchak", "plug-in", "additive"]
ADDED = {"plug-in": 0.0, "additive": 0.5}

only = pytest.mark.parametrize
each_method = only("method", METHODS)
few = pytest.mark.filterwarnings("ignore::kldiv.EstimateWarning")  # counts that are too small to trust


@pytest.fixture
def counts(backend):
    """Make arrays of counts of the backend under test."""
    return lambda *samples, dtype="float64": [backend.array(s, dtype) for s in samples]


@pytest.fixture
def numbers(backend):
    """Return a field of an estimate as a NumPy array."""
    return lambda x: np.asarray(backend.to_numpy(x))


def definition(x, y, method):
    """Return the estimate as its definition has it, from SciPy's functions."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if method == "zhang-grabchak":
        psi = scipy.special.digamma
        seen = x > 0
        terms = psi(x[seen]) - psi(x.sum()) + psi(y.sum() + 1) - psi(y[seen] + 1)
        return float(x[seen] / x.sum() @ terms)
    return scipy.stats.entropy(x + ADDED[method], y + ADDED[method])


CASES = {
    "three classes": ([50, 30, 20], [20, 30, 50]),
    "missing from x": ([3, 0, 1], [2, 5, 1]),
    "missing from both": ([3, 0, 1], [2, 0, 1]),
    "one outcome": ([1, 0, 0], [1, 1, 0]),
    "many": ([123456, 654321, 7], [123000, 655000, 9]),
}
each_case = only(("x", "y"), CASES.values(), ids=CASES.keys())


@few
@each_method
@each_case
def test_value_is_that_of_the_definition(x, y, method, counts, numbers):
    estimate = estimate_from_counts(*counts(x, y), method=method)
    assert numbers(estimate.value) == pytest.approx(definition(x, y, method), rel=1e-10, abs=1e-14)
    assert estimate.n_samples == sum(x)
    assert estimate.method.startswith(method)


@each_method
def test_one_class_is_certain(method, eager, counts, numbers):
    estimate = estimate_from_counts(*counts([4], [7]), method=method)
    assert [numbers(z) for z in (estimate.value, estimate.error, estimate.converged)] == [0, 0, True]


@few
def test_proportional_counts_differ_by_bias_alone(counts, numbers):
    estimate = estimate_from_counts(*counts([2, 4, 6], [1, 2, 3]), method="plug-in")
    assert numbers(estimate.value) == 0


def test_missing_class_makes_the_plug_in_infinite(counts, numbers):
    x, y = counts([[300, 100], [300, 100]], [[200, 0], [200, 100]])
    with pytest.warns(kldiv.EstimateWarning, match="missing from y"):
        estimate = estimate_from_counts(x, y, method="plug-in")
    np.testing.assert_array_equal(np.isinf(numbers(estimate.value)), [True, False])
    np.testing.assert_array_equal(np.isinf(numbers(estimate.error)), [True, False])
    np.testing.assert_array_equal(numbers(estimate.converged), [False, True])


@few
def test_pseudocount_is_added_to_every_count(counts, numbers):
    x, y = [3, 0, 1], [2, 5, 0]
    estimate = estimate_from_counts(*counts(x, y), method="additive", pseudocount=2)
    assert numbers(estimate.value) == pytest.approx(scipy.stats.entropy(np.add(x, 2), np.add(y, 2)), rel=1e-12)
    assert "pseudocount 2" in estimate.method


# ------------------------------------------------------------------------------------------------- exact expectations


def outcomes(n, classes):
    """Return all counts of n draws among classes."""
    bars = itertools.combinations(range(n + classes - 1), classes - 1)
    edges = np.asarray([(-1, *b, n + classes - 1) for b in bars])
    return np.diff(edges) - 1


@few
def test_bias_of_the_plug_in_with_q_known(eager, counts, numbers):
    x = outcomes(20, 3)
    # Counts in the proportions of q have exactly its frequencies.
    estimate = estimate_from_counts(*counts(x, [2, 3, 5]), method="plug-in")
    expectation = scipy.stats.multinomial.pmf(x, 20, P) @ numbers(estimate.value)
    assert expectation == pytest.approx(0.327424116348142731172768, rel=1e-12)


def tail(p, probs, n):
    """Return sum_i p_i sum_{v >= n} (1 - l_i)^v / v, the tail of the series of -sum_i p_i log(l_i)."""
    return sum(a * sum((1 - b) ** v / v for v in range(n, n + 300)) for a, b in zip(p, probs, strict=True))


@few
@only("n", [5, 20])
def test_zhang_grabchak_leaves_out_the_tail_of_a_series_with_q_known(n, eager, counts, numbers):
    x = outcomes(n, 3)
    many = 10**9  # of y: as good as q itself
    estimate = estimate_from_counts(*counts(x, np.multiply([2, 3, 5], many)))
    expectation = scipy.stats.multinomial.pmf(x, n, P) @ numbers(estimate.value)
    assert expectation == pytest.approx(TRUTH + tail(P, P, n), rel=1e-8)


def test_zhang_grabchak_is_closer_than_the_plug_in():
    assert tail(P, P, 20) < 0.000531
    assert 0.327424116348142731172768 - TRUTH > 0.0525


@few
def test_zhang_grabchak_over_all_outcomes_of_both_samples(eager, counts, numbers):
    n, m = 12, 16
    x, y = outcomes(n, 3), outcomes(m, 3)
    weights = scipy.stats.multinomial.pmf(x, n, P), scipy.stats.multinomial.pmf(y, m, Q)
    pairs = counts(x[:, None, :], y[None, :, :])
    ours = weights[0] @ numbers(estimate_from_counts(*pairs).value) @ weights[1]
    smoothed = weights[0] @ numbers(estimate_from_counts(*pairs, method="additive").value) @ weights[1]
    assert ours == pytest.approx(TRUTH + tail(P, P, n) - tail(P, Q, m + 1), rel=1e-12)
    assert abs(ours - TRUTH) < 0.003  # the plug-in is infinite
    assert abs(smoothed - TRUTH) > 0.05


# -------------------------------------------------------------------------------------------------------------- errors


def draws(p, q, n, m, repetitions):
    random = np.random.default_rng(7)
    return random.multinomial(n, p, repetitions), random.multinomial(m, q, repetitions)


PAIRS = {"far": (P, Q), "farther": ((0.9, 0.05, 0.05), (0.3, 0.3, 0.4)), "missing": ((0.5, 0.5, 0.0), (0.3, 0.4, 0.3))}


@only(("n", "m"), [(1000, 1000), (1000, 300)])
@only(("p", "q"), PAIRS.values(), ids=PAIRS.keys())
@each_method
def test_interval_covers_the_truth(method, p, q, n, m, counts, numbers):
    estimate = estimate_from_counts(*counts(*draws(p, q, n, m, 400)), method=method)
    missed = np.abs(numbers(estimate.value) - scipy.stats.entropy(p, q)) > 1.96 * numbers(estimate.error)
    assert 0.92 <= 1 - np.mean(missed) <= 0.98


@each_method
def test_error_is_the_deviation_of_the_estimate(method, eager, counts, numbers):
    estimate = estimate_from_counts(*counts(*draws(P, Q, 1000, 300, 4000)), method=method)
    assert np.std(numbers(estimate.value)) == pytest.approx(np.sqrt(np.mean(numbers(estimate.error) ** 2)), rel=0.05)


def test_error_where_the_distributions_agree_is_at_least_the_deviation(eager, counts, numbers):
    estimate = estimate_from_counts(*counts(*draws(P, P, 1000, 1000, 4000)))
    ratio = np.sqrt(np.mean(numbers(estimate.error) ** 2)) / np.std(numbers(estimate.value))
    # The squares are those of the deviation times max(2 z, 1), with z exponential for three classes: z is chi^2 / 2.
    assert ratio == pytest.approx(math.sqrt(2 * (0.5 + math.exp(-0.5))), rel=0.05)
    assert numbers(estimate.value).min() < 0


# ------------------------------------------------------------------------------------------------------------- verdict

ZIPF = 1 / np.arange(1, 10_001) / np.sum(1 / np.arange(1, 10_001))
GREY = np.repeat([1.0, 1e-5], [200, 56]) / (200 + 56e-5)


def drawn(n, p, q):
    random = np.random.default_rng(3)
    return random.multinomial(n, p), random.multinomial(n, q)


DOUBTED = {
    "two classes once": (([1, 1], [1, 1]), "its bias may be 0.9, .* 0 of x is in classes that y has not seen"),
    "uniform and Zipf": (drawn(500, np.full(10_000, 1e-4), ZIPF), "0.9[0-9] of x is in classes that y has not seen"),
    "grey values": (drawn(4096, np.full(256, 1 / 256), GREY), "0.2[0-9]* of x is in classes that y has not seen"),
    "in the batch": (([[50, 50], [50, 50]], [[50, 50], [100, 0]]), r"at index \(1,\) .*: 0.5 of x is in classes"),
}


@only(("samples", "words"), DOUBTED.values(), ids=DOUBTED.keys())
def test_counts_that_tell_too_little_are_doubted(samples, words, counts, numbers):
    with pytest.warns(kldiv.EstimateWarning, match=words):
        estimate = estimate_from_counts(*counts(*samples))
    assert not numbers(estimate.converged).all()


def test_plug_in_of_many_classes_is_doubted(counts, numbers):
    # Its bias is (256 - 1) (1 / n + 1 / m) / 2, several times its standard error.
    with pytest.warns(kldiv.EstimateWarning, match=r"its bias may be 0\.1"):
        estimate = estimate_from_counts(*counts(*drawn(2560, *[np.full(256, 1 / 256)] * 2)), method="plug-in")
    assert not numbers(estimate.converged)


@only("count", [5, 20])
def test_equal_counts_are_not_certain_beyond_their_noise(count, counts, numbers):
    # Half a chi^2 of one degree, times 1 / n + 1 / m, deviates by sqrt(1 / 2) (1 / n + 1 / m).
    estimate = estimate_from_counts(*counts([count, count], [count, count]))
    assert numbers(estimate.error) == pytest.approx(math.sqrt(0.5) / count)
    assert numbers(estimate.converged)


WEIGHTS = np.arange(1.0, 9.0) / 36


@only(("p", "q"), [(P, Q), (P, P), (WEIGHTS, WEIGHTS[::-1])], ids=["three", "equal", "eight"])
@few
@only("n", [100, 1000])
def test_certain_intervals_cover_the_truth(n, p, q, eager, counts, numbers):
    estimate = estimate_from_counts(*counts(*draws(p, q, n, n, 400)))
    covered = np.abs(numbers(estimate.value) - scipy.stats.entropy(p, q)) <= 1.96 * numbers(estimate.error)
    assert np.mean(covered[numbers(estimate.converged)]) >= 0.9
    assert numbers(estimate.converged).any()


# ----------------------------------------------------------------------------------------------------------- all pairs


@few
@only("lead", [(), (2,)])
def test_all_pairs_are_those_of_each_pair(lead, counts, numbers):
    random = np.random.default_rng(9)
    x, y = random.multinomial(60, ZIPF[:50] / ZIPF[:50].sum(), (*lead, 7)), random.multinomial(90, [0.02] * 50, 5)
    pairs = estimate_from_counts(*counts(x[..., :, None, :], y))
    each = estimate_from_counts(*counts(*np.broadcast_arrays(x[..., :, None, :], y)))
    np.testing.assert_allclose(numbers(pairs.value), numbers(each.value), rtol=1e-10)
    np.testing.assert_allclose(numbers(pairs.error), numbers(each.error), rtol=1e-10)
    np.testing.assert_array_equal(numbers(pairs.converged), numbers(each.converged))


# ------------------------------------------------------------------------------------------------------ dtype and batch


@only("dtype", ["float32", "float64"])
def test_dtype_is_that_of_the_counts(dtype, backend, counts):
    estimate = estimate_from_counts(*counts([50, 30, 20], [20, 30, 50], dtype=dtype))
    assert [backend.dtype_name(z) for z in (estimate.value, estimate.error)] == [dtype, dtype]
    assert backend.is_array(estimate.value)


def test_short_floats(short_dtype, backend, numbers, counts):
    estimate = estimate_from_counts(*counts([50, 30, 20], [20, 30, 50], dtype=short_dtype))
    assert backend.dtype_name(estimate.value) == short_dtype
    value = numbers(backend.astype(estimate.value, "float32"))
    assert value == pytest.approx(definition([50, 30, 20], [20, 30, 50], "zhang-grabchak"), rel=1e-2)


def test_integers_become_the_default_float(backend, counts):
    estimate = estimate_from_counts(*counts([50, 30, 20], [20, 30, 50], dtype="int32"))
    assert backend.dtype_name(estimate.value) == backend.default_float


def test_lists_are_counts():
    assert float(estimate_from_counts([9, 5], [6, 8]).value) == pytest.approx(definition([9, 5], [6, 8], METHODS[0]))


@each_method
def test_base(method, counts, numbers):
    nats, bits = (estimate_from_counts(*counts([50, 30, 20], [20, 30, 50]), method=method, base=b) for b in (None, 2))
    assert numbers(bits.value) == pytest.approx(numbers(nats.value) / math.log(2), rel=1e-12)
    assert numbers(bits.error) == pytest.approx(numbers(nats.error) / math.log(2), rel=1e-12)


def test_empty_batch(counts, numbers):
    estimate = estimate_from_counts(*counts(np.ones((0, 3)), [2, 3, 4]))
    assert numbers(estimate.value).shape == numbers(estimate.converged).shape == (0,)
    assert estimate.n_samples == 0


def test_large_counts_in_float32_keep_their_digits(counts, numbers):
    x, y = [5000000, 3000000, 2000000], [5001000, 3000000, 1999000]
    estimate = estimate_from_counts(*counts(x, y, dtype="float32"))
    assert numbers(estimate.value) == pytest.approx(definition(x, y, "zhang-grabchak"), abs=3e-7)


@few
def test_batch_axes_broadcast(counts, numbers):
    x, y = counts([[[3, 1, 4]], [[1, 5, 9]]], [[2, 6, 5], [3, 5, 8], [9, 7, 9]])
    estimate = estimate_from_counts(x, y, method="additive")
    expected = [[definition(a, b, "additive") for b in numbers(y)] for a in numbers(x)[:, 0]]
    np.testing.assert_allclose(numbers(estimate.value), expected, rtol=1e-12, atol=1e-15)
    assert numbers(estimate.error).shape == numbers(estimate.converged).shape == (2, 3)
    assert estimate.n_samples == 15


def test_value_is_the_same_inside_compilers_and_transforms(transform, counts, numbers):
    x, y = counts([[3, 1, 4], [1, 5, 9]], [[2, 6, 5], [3, 5, 8]])
    value = transform(lambda x, y: estimate_from_counts(x, y, method="additive").value)(x, y)
    expected = [definition(a, b, "additive") for a, b in zip(numbers(x), numbers(y), strict=True)]
    np.testing.assert_allclose(numbers(value), expected, rtol=1e-10)


# ------------------------------------------------------------------------------------------------------------ bad input

GOOD = [3, 1, 2]
REFUSED = {
    "negative": ([3, -1, 2], GOOD, r"x must be counts.*-1.0 at index \(1,\)"),
    "fractional": (GOOD, [3, 1, 0.5], r"y must be counts.*0.5 at index \(2,\)"),
    "nan": ([NAN, 1, 2], GOOD, r"x must be counts.*nan at index \(0,\)"),
    "infinite": ([INF, 1, 2], GOOD, r"x must be counts.*inf at index \(0,\)"),
    "in the batch": ([GOOD, [1, 2, -3]], GOOD, r"x must be counts.*-3.0 at index \(1, 2\)"),
    "all zero": (GOOD, [0, 0, 0], r"y must have a positive count along its last axis; got \[0. 0. 0.\]"),
    "zero in the batch": ([GOOD, [0, 0, 0]], GOOD, r"x must have a positive count.* at index \(1,\)"),
    "lengths": (GOOD, [1, 2], "x has counts of 3 classes, y of 2"),
    "one class does not broadcast": (GOOD, [1], "x has counts of 3 classes, y of 1"),
    "batches": ([GOOD] * 2, [GOOD] * 3, "do not broadcast"),
    "no axis": (3, GOOD, r"x must have the counts .* got shape \(\)"),
    "no class": (np.ones((2, 0)), GOOD, r"x must have the counts .* got shape \(2, 0\)"),
}


@only(("x", "y", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_no_counts_are_refused(x, y, words, counts):
    with pytest.raises(ValueError, match=words):
        estimate_from_counts(*counts(x, y))


class Series:
    """What is asked of a pandas Series."""

    def align(self, other, fill_value):
        raise NotImplementedError


LABELLED = {
    "Series": (Series(), Series(), r"x, y = x.align\(y, fill_value=0\)"),
    "Counter": (collections.Counter("aab"), {"b": 2}, r"classes = sorted\({\*x, \*y}\)"),
}


@only(("x", "y", "cure"), LABELLED.values(), ids=LABELLED.keys())
def test_counts_with_labels_are_refused_with_the_cure(x, y, cure):
    with pytest.raises(TypeError, match=cure):
        estimate_from_counts(x, y)


OPTIONS = {
    "method": ({"method": "laplace"}, "method must be one of 'zhang-grabchak', 'plug-in', 'additive'; got 'laplace'"),
    "base": ({"base": 1.0}, "base must be a number above 1, such as 2 for bits; got 1.0"),
    "pseudocount unused": ({"pseudocount": 1.0}, "pseudocount must be a positive number, for method='additive'"),
    "pseudocount zero": ({"method": "additive", "pseudocount": 0.0}, "pseudocount must be a positive number.*got 0.0"),
    "pseudocount nan": ({"method": "additive", "pseudocount": NAN}, "pseudocount must be a positive number.*got nan"),
}


@only(("options", "words"), OPTIONS.values(), ids=OPTIONS.keys())
def test_options_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        estimate_from_counts(GOOD, GOOD, **options)
