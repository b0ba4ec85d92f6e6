"""Distributions that are known by a function: they are taken only where it is said what the function returns."""

import math

import numpy as np
import pytest
import scipy.stats

import kldiv
from kldiv import LogDensity, Normal

only = pytest.mark.parametrize


def normal(backend, loc):
    """Return the standard normal distribution at a place, by a function of the framework."""
    return LogDensity(lambda x: -0.5 * (x - loc) ** 2 - 0.5 * math.log(2 * math.pi), like=backend.array(0.0, "float64"))


def value_of(backend, found):
    assert backend.is_array(found.value)
    assert bool(backend.to_numpy(found.converged))
    return float(backend.to_numpy(found.value))


def test_function_on_either_side_of_a_family(backend):
    p, q = Normal(backend.array(0.0, "float64"), 1.0), normal(backend, 1.0)
    assert value_of(backend, kldiv.estimate(p, q)) == pytest.approx(0.5, rel=1e-9)
    assert value_of(backend, kldiv.estimate(q, p)) == pytest.approx(0.5, rel=1e-9)


def test_functions_on_both_sides(backend):
    found = kldiv.estimate(normal(backend, 1.0), normal(backend, 3.0))
    assert value_of(backend, found) == pytest.approx(2.0, rel=1e-9)


SCIPY = {
    "interval": (scipy.stats.beta(2, 3), (0.0, 1.0), kldiv.Beta(2.0, 3.0), kldiv.Beta(3.0, 3.0)),
    "half line": (scipy.stats.gamma(3), (0.0, math.inf), kldiv.Gamma(3.0, 1.0), kldiv.Gamma(2.0, 1.0)),
    "line": (scipy.stats.norm(1, 2), kldiv.domains.REALS, Normal(1.0, 2.0), Normal(0.0, 2.0)),
}


@only(("known", "support", "p", "q"), SCIPY.values(), ids=SCIPY.keys())
def test_densities_of_scipy(known, support, p, q):
    truth = float(kldiv.kl_divergence(p, q))
    assert float(kldiv.estimate(LogDensity(known.logpdf, support=support), q)) == pytest.approx(truth, rel=1e-8)


def test_counts_of_scipy():
    found = kldiv.estimate(kldiv.Poisson(2.0), LogDensity(scipy.stats.poisson(3).logpmf, support=kldiv.domains.COUNTS))
    assert float(found) == pytest.approx(2 * math.log(2 / 3) + 1, rel=1e-9)
    assert found.method == "sum"


def vectors(sampler):
    return LogDensity(scipy.stats.multivariate_normal(np.zeros(3)).logpdf, dimension=3, sampler=sampler)


@only("method", ["auto", "monte-carlo"])
def test_vectors_with_a_sampler(method):
    p = vectors(lambda n, seed: np.random.default_rng(seed).standard_normal((n, 3)))
    q = kldiv.MultivariateNormalDiag([1.0, 0.0, 0.0], [1.0, 1.0, 1.0])
    first, again, back = (kldiv.estimate(*pair, rng=3, rtol=0.02, method=method) for pair in ((p, q), (p, q), (q, p)))
    assert abs(float(first) - 0.5) < 5 * float(first.error)
    assert float(first) == float(again)
    assert abs(float(back) - 0.5) < 5 * float(back.error)


def test_vectors_without_a_sampler_are_refused_as_p():
    with pytest.raises(NotImplementedError, match="LogDensity has no sampler"):
        kldiv.estimate(vectors(None), kldiv.MultivariateNormalDiag([1.0] * 3, [1.0] * 3))


@only("q", [scipy.stats.norm(3, 1).pdf, lambda x: x], ids=["density", "function"])
def test_what_can_only_be_called_is_refused(q):
    with pytest.raises(TypeError, match=r"a function that returns log densities as kldiv\.LogDensity\(f, support"):
        kldiv.estimate_from_samples(np.arange(5.0), q)
    with pytest.raises(TypeError, match="returns log densities"):
        kldiv.estimate(Normal(0.0, 1.0), q)


REFUSED = {
    "function": (TypeError, lambda: LogDensity(1.0), "function must be callable; got 1.0"),
    "sampler": (TypeError, lambda: LogDensity(abs, sampler=3), "sampler must be callable; got 3"),
    "ends": (ValueError, lambda: LogDensity(abs, support=(1.0, 0.0)), r"low < high; got \(1.0, 0.0\)"),
    "space": (ValueError, lambda: LogDensity(abs, support=kldiv.domains.SPHERE), "For vectors pass dimension="),
    "dimension": (ValueError, lambda: LogDensity(abs, dimension=0), "must be a positive integer, or None"),
    "shape": (ValueError, lambda: kldiv.estimate(LogDensity(np.sum), Normal(0.0, 1.0)), "one number for each outcome"),
}


@only(("error", "call", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_log_density_is_refused(error, call, words):
    with pytest.raises(error, match=words):
        call()


def test_nothing_keeps_a_function_that_is_no_longer_in_use():
    import gc
    import weakref

    from kldiv._arrays import cache

    class Function:
        def __call__(self, x):
            return -0.5 * x * x - 0.5 * math.log(2 * math.pi)

    function = Function()
    assert float(kldiv.estimate(LogDensity(function), Normal(0.0, 1.0))) == pytest.approx(0.0, abs=1e-12)
    gone = weakref.ref(function)
    del function
    cache.clear()
    gc.collect()
    assert gone() is None


INTEGERS = kldiv.domains.Support("integers")
COUNTED = {
    "counts": (lambda: LogDensity(scipy.stats.poisson(2).logpmf, support=kldiv.domains.COUNTS), kldiv.Poisson(3.0)),
    "counts on both sides": (
        lambda: LogDensity(scipy.stats.poisson(2).logpmf, support=kldiv.domains.COUNTS),
        LogDensity(scipy.stats.poisson(3).logpmf, support=kldiv.domains.COUNTS),
    ),
    "integers": (
        lambda: LogDensity(scipy.stats.poisson(2, -3).logpmf, support=INTEGERS),
        LogDensity(scipy.stats.poisson(3, -3).logpmf, support=INTEGERS),
    ),
}


@pytest.mark.parametrize("case", COUNTED.values(), ids=COUNTED.keys())
def test_mass_that_is_known_at_integers_only(eager, case):
    make, q = case
    found = kldiv.estimate(make(), q)
    assert float(found) == pytest.approx(2 * math.log(2 / 3) + 1, rel=1e-10)
    assert bool(found.converged)
