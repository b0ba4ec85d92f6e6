"""What samples cannot tell is in the error: outcomes that were not drawn, or that round to others."""

import math
import warnings

import numpy as np
import pytest

import kldiv
import sweep_sampled
from cases import share

only = pytest.mark.parametrize
each_method = only("method", ["monte-carlo", "quasi-monte-carlo"])

# Pairs, and divergences from outside.
UNSEEN = {
    "rare under q": (kldiv.Bernoulli(1e-6), kldiv.Bernoulli(1e-300), 6.759599e-4),
    "rare under p": (kldiv.Bernoulli(1e-7), kldiv.Bernoulli(1e-6), 6.697415e-7),
    "few floats": (kldiv.Pareto(1e18, 1e20), kldiv.Exponential(1e-19), 47.4542870),
    "pole at 1": (kldiv.Kumaraswamy(0.188, 0.054), kldiv.Laplace(-0.9, 0.5), 16.8640),
}


def estimated(p, q, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kldiv.EstimateWarning)
        return kldiv.estimate(p, q, rng=1, **options)


@each_method
@only(("p", "q", "truth"), UNSEEN.values(), ids=UNSEEN.keys())
def test_what_matters_was_not_drawn(p, q, truth, method):
    found = estimated(p, q, method=method, rtol=0.01, max_samples=2**16)
    assert not found.converged
    assert found.error > 0
    # Where the sample has drawn nothing of it, the reason is the mean of q / p alone.
    assert abs(float(found) - truth) < 3 * found.error or float(found) < 0


@each_method
def test_outcomes_where_p_has_none_do_not_bias_the_control_variate(method):
    p, q = kldiv.Exponential(np.full(50, 1.0)), kldiv.Normal(0.0, 1.0)
    found = estimated(p, q, method=method, rtol=0.0, max_samples=2**13)
    truth = 0.5 * math.log(2 * math.pi)  # E x^2 / 2 less the entropy, 1 - 1
    assert np.mean(abs(found.value - truth) < 3 * found.error) >= 0.95


@each_method
def test_a_ratio_without_spread_is_certain_where_nothing_is_left(method):
    found = estimated(kldiv.Uniform(0.0, 1.0), kldiv.Uniform(0.0, 2.0), method=method, rtol=0.01)
    assert float(found) == pytest.approx(math.log(2), rel=1e-12)
    assert found.converged


@each_method
def test_narrow_outcomes_far_from_0_are_drawn_in_wide_floats(backend, method):
    loc, narrow, wide = (backend.array([x, x], "float32") for x in (100.0, 1e-6, 1e-4))
    p, q = kldiv.MultivariateNormalDiag(loc, narrow), kldiv.MultivariateNormalDiag(loc, wide)
    found = estimated(p, q, method=method, rtol=0.02)
    truth = 2 * (math.log(100) + 0.5 * (1e-4 - 1))
    value, error = (float(backend.to_numpy(x)) for x in found[:2])
    assert abs(value - truth) < 4 * error or not bool(backend.to_numpy(found.converged))
    assert backend.dtype_name(found.value) == "float32"


@only("count", [3, 5, 6, 7])
def test_no_warning_of_another_library(count):
    means = np.arange(float(count))[:, None] * [1.0, 0.5]
    p = kldiv.Mixture(np.full(count, 1 / count), kldiv.MultivariateNormalDiag(means, np.ones((count, 2))))
    q = kldiv.MultivariateNormalDiag([1.0, 0.0], [2.0, 2.0])
    assert kldiv.estimate(p, q, rng=0, rtol=0.05).converged


def test_infinity_by_overflow_is_not_certain():
    p = kldiv.NormalInverseGamma(79.3, 4.5e27, 7.7e-4, 5.1e51)
    q = kldiv.NormalInverseGamma(-14252.9, 2.1e-73, 259.0, 7.5e-27)
    assert not estimated(p, q, method="monte-carlo", max_samples=1000).converged


def test_what_is_certain_is_so():
    pairs = share(sweep_sampled.sampled_pairs(), 120, 7)
    scores = [score.z for score in sweep_sampled.scores(pairs, kinds=("interior",))]
    assert len(scores) > 10
    assert np.mean(np.abs(scores) > 3) <= 0.05
