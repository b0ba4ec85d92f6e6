"""The permutation test: exact over all permutations of few points, its level, its power, seeds, and bad input."""

import math

import numpy as np
import pytest

import kldiv
from kldiv import permutation_test


def columns(random, n, shift=0.0):
    """Draw a normal column, a rounded one and one of two classes."""
    return np.column_stack(
        [random.standard_normal(n) + shift, random.standard_normal(n).round(1), random.random(n) < 0.3]
    )


DRAWS = {
    "normal": lambda random, n, shift: random.standard_normal(n) + shift,
    "integers": lambda random, n, shift: random.poisson(3.0 + 2 * shift, n),
    "two classes": lambda random, n, shift: (random.random(n) < 0.3 + 0.4 * shift).astype(float),
    "columns": columns,
}

only = pytest.mark.parametrize
each_draw = only("draw", DRAWS.values(), ids=DRAWS.keys())


@each_draw
def test_level(draw):
    random = np.random.default_rng(1)
    values = [permutation_test(draw(random, 40, 0.0), draw(random, 30, 0.0), n_resamples=19) for _ in range(60)]
    # Uniform on multiples of 0.05: of sixty, more than 8 are at most 0.05 with a probability of 0.2 %.
    assert np.sum(np.asarray(values) <= 0.0501) <= 8
    assert 0.4 < np.mean(values) < 0.65


@each_draw
def test_power(draw):
    random = np.random.default_rng(2)
    assert permutation_test(draw(random, 150, 0.0), draw(random, 150, 1.0), n_resamples=199) <= 0.01


def test_few_points_are_permuted_in_all_ways():
    # Of all 20 ways to split six points, the one that is seen has the largest statistic.
    value = permutation_test([1.0, 1.1, 1.3], [7.0, 7.2, 7.5], k=1)
    assert value == pytest.approx(1 / math.comb(6, 3))


def test_seeds(backend):
    x, y = (backend.array(np.random.default_rng(s).standard_normal(30), "float32") for s in (1, 2))
    values = [permutation_test(x, y, rng=rng, n_resamples=99) for rng in (5, 5, np.random.default_rng(5))]
    assert backend.dtype_name(values[0]) == "float32"
    assert len({float(backend.to_numpy(v)) for v in values}) == 1


REFUSED = {
    "n_resamples": (([1.0, 2.0], [3.0, 4.0]), {"n_resamples": 0}, ValueError, "n_resamples must be a positive integer"),
    "k": (([1.0, 2.0], [3.0, 4.0]), {"k": 2}, ValueError, "x has too few points for k = 2"),
    "density": (([1.0, 2.0], kldiv.Normal(0.0, 1.0)), {}, TypeError, "y must be samples"),
    "nan": (([1.0, np.nan], [3.0, 4.0]), {}, ValueError, "x must be finite"),
}


@only(("samples", "options", "error", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_no_samples_are_refused(samples, options, error, words):
    with pytest.raises(error, match=words):
        permutation_test(*samples, **options)
