"""What is remembered from call to call: so many entries, and nothing that a declaration makes wrong."""

from typing import Annotated, Any, NamedTuple

import pytest

import kldiv
from kldiv import declare, domains
from kldiv._arrays import cache


@pytest.fixture
def empty(monkeypatch):
    monkeypatch.setattr(cache, "_sections", {})
    monkeypatch.setattr(cache, "MOST", 3)


@pytest.mark.parametrize("key", [lambda i: (0, i), lambda i: (i, 0)], ids=["entries", "sections"])
def test_full_cache_is_emptied(empty, key):
    keys = [key(i) for i in range(10)]
    kept = []
    for section, entry in keys:
        cache.put(section, entry, "value")
        kept.append(sum(cache.get(*k) is not None for k in keys))
    assert cache.get(*keys[-1]) == "value"
    assert max(kept) == 3


def test_shapes_that_vary_fill_the_cache_up_to_its_bound(backend, empty):
    for n in range(1, 8):
        x = backend.array([1.0] * n, "float64")
        kldiv.kl_divergence(kldiv.Normal(x, x), kldiv.Normal(0.0, 1.0))
    assert len(cache._sections["plans of divergences"]) == 1


def family():
    class Wait(NamedTuple):
        mean: Annotated[Any, domains.Positive]

    return Wait


def conversion(wait):
    @declare.conversion(wait, kldiv.Exponential)
    def wait_as_exponential(xp, mean):
        """The rate is 1 / mean."""
        return kldiv.Exponential(1 / mean)

    return wait, kldiv.Exponential


def expectations(wait, more):
    declare.expectations(wait, entropy=lambda xp, mean: 1 + xp.log(mean) - more, mean=lambda xp, mean: mean)
    return wait, kldiv.Exponential


def cross_entropy(wait, more):
    @declare.cross_entropy(wait, "mean")
    def cross_entropy_wait(xp, e, mean):
        return xp.log(mean) + e("mean") / mean + more

    return kldiv.Exponential, wait


@pytest.mark.parametrize("declaration", [expectations, cross_entropy])
def test_new_moments_replace_those_of_before(backend, declaration):
    wait, one = family(), backend.array([1.0], "float64")

    def value(more):
        p, q = declaration(wait, more)
        return float(backend.to_numpy(kldiv.kl_divergence(p(one), q(one)))[0])

    assert [value(0), value(7)] == [0, 7]


def test_conversion_comes_before_moments_once_it_is_declared():
    wait = family()
    expectations(wait, 0)
    methods = [kldiv.rule(wait, kldiv.Exponential).method]
    conversion(wait)
    methods.append(kldiv.rule(wait, kldiv.Exponential).method)
    assert methods == ["moments", "conversion"]


def test_formula_comes_before_a_conversion_once_it_is_declared(backend):
    wait, one = family(), backend.array([1.0], "float64")
    conversion(wait)
    before = kldiv.kl_divergence(wait(one), wait(2 * one))
    assert float(backend.to_numpy(before)[0]) == pytest.approx(0.19314718055994530)  # log 2 - 1 / 2

    @declare.formula(wait, wait)
    def kl_wait_wait(xp, mean_p, mean_q):
        """7, to be told from the truth"""
        return mean_p * 0 + 7

    assert float(backend.to_numpy(kldiv.kl_divergence(wait(one), wait(2 * one)))[0]) == 7


@pytest.mark.parametrize("number", [10**400, -(10**400)], ids=["large", "negative"])
def test_integer_beyond_the_range_is_refused_after_a_small_one_too(backend, number):
    x = backend.array([1.0], "float64")
    kldiv.kl_divergence(kldiv.Normal(x, 1), kldiv.Normal(2, 1))
    with pytest.raises(ValueError, match=r"Normal\.loc of q holds .* beyond the range of .*float64"):
        kldiv.kl_divergence(kldiv.Normal(x, 1), kldiv.Normal(number, 1))
