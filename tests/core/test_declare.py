"""What a family declares: wrong declarations are refused where they are made, and say what to write."""

import copy
import inspect
import os
import pickle
import subprocess
import sys
from typing import Annotated, Any, NamedTuple

import numpy as np
import pytest

import kldiv
from kldiv import declare, domains


class Rate(NamedTuple):
    rate: Annotated[Any, domains.Positive]


class Plain(NamedTuple):
    rate: Annotated[Any, domains.Positive]


@declare.family(domains.COUNTS)
class Written(NamedTuple):
    """A Poisson distribution whose log density is a method as any other."""

    rate: Annotated[Any, domains.Positive]

    def log_density(self, x):
        return kldiv.Poisson(self.rate).log_density(x)


class Unmarked(NamedTuple):
    rate: float


@declare.family(domains.REALS)
class Tent(NamedTuple):
    """A tent between two numbers."""

    low: Annotated[Any, domains.Real]
    mode: Annotated[Any, domains.Between("low", "high")]
    high: Annotated[Any, domains.Above("low")]


@declare.formula(Tent, Tent)
def kl_tent_tent(xp, low_p, mode_p, high_p, low_q, mode_q, high_q):
    """(m_p - m_q)^2, which is enough to tell that a formula is called."""
    return (mode_p - mode_q) ** 2


def test_parameter_lives_between_two_others():
    assert float(kldiv.kl_divergence(Tent(0.0, 1.0, 3.0), Tent(0.0, 3.0, 3.0))) == 4


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ((0.0, 4.0, 3.0), "Tent.mode must be at most high, by a finite amount; got 4.0 in p"),
        ((0.0, -1.0, 3.0), "Tent.mode must be at least low, by a finite amount; got -1.0 in p"),
        ((0.0, 0.0, 0.0), "Tent.high must be greater than low, by a finite amount; got 0.0 in p"),
    ],
)
def test_constraint_between_parameters_is_named(parameters, words):
    with pytest.raises(ValueError, match="Tent") as caught:
        kldiv.kl_divergence(Tent(*parameters), Tent(0.0, 1.0, 2.0))
    assert words in str(caught.value)


def test_field_without_a_domain_is_refused():
    with pytest.raises(TypeError, match=r"the field rate of Unmarked has no domain.*rate: Annotated\[Array, domains\."):
        declare.family(domains.POSITIVE)(Unmarked)


def test_name_of_a_built_in_family_is_refused():
    with pytest.raises(ValueError, match=r"there is a family Gumbel already, in kldiv\.families\.gumbel"):

        @declare.family(domains.POSITIVE)
        class Gumbel(NamedTuple):
            rate: Annotated[Any, domains.Positive]


def test_family_that_is_defined_again_takes_its_own_place():
    first = declare.family(domains.POSITIVE)(NamedTuple("Again", [("rate", Annotated[Any, domains.Positive])]))
    second = declare.family(domains.POSITIVE)(NamedTuple("Again", [("rate", Annotated[Any, domains.Positive])]))
    assert first is not second


def test_subclass_of_a_family_is_refused():
    with pytest.raises(TypeError, match=r"Bad is derived from the family Normal.*declare\.conversion\(Bad, Normal\)"):
        type("Bad", (kldiv.Normal,), {})


def test_kink_names_a_parameter():
    with pytest.raises(ValueError, match="Rate has no parameter 'loc'"):
        declare.family(domains.POSITIVE, kink="loc")(Rate)


@pytest.mark.parametrize("formula", [lambda xp, rate_p: rate_p, lambda: 0.0, lambda xp, a, b, c: a])
def test_formula_with_other_arguments_is_refused_when_it_is_declared(formula):
    with pytest.raises(TypeError, match=r"KL\(Rate \|\| Rate\).*\(xp, rate_p, rate_q\)"):
        declare.formula(Rate, Rate)(formula)


def test_conversion_returns_its_target():
    source = declare.family(domains.POSITIVE)(NamedTuple("Source", [("rate", Annotated[Any, domains.Positive])]))

    @declare.conversion(source, kldiv.Exponential)
    def source_as_exponential(xp, rate):
        return (rate,)

    with pytest.raises(TypeError, match=r"source_as_exponential returns a tuple.*must return a Exponential"):
        kldiv.kl_divergence(source(1.0), kldiv.Exponential(2.0))


def test_unknown_expectation_is_refused():
    with pytest.raises(ValueError, match=r"declare\.expectations\(Rate, \.\.\.\) names 'skewness'.*variance"):
        declare.expectations(Rate, entropy=lambda xp, r: 1 - xp.log(r), skewness=lambda xp, r: 2.0)


def test_expectations_need_an_entropy():
    with pytest.raises(ValueError, match=r"declare\.expectations\(Rate, \.\.\.\) needs entropy="):
        declare.expectations(Rate, mean=lambda xp, r: 1 / r)


def test_unknown_statistic_is_refused():
    with pytest.raises(ValueError, match=r"declare\.cross_entropy\(Rate, \.\.\.\) names 'skewness'"):
        declare.cross_entropy(Rate, "skewness")


def test_missing_log_density_says_what_to_write():
    with pytest.raises(TypeError, match=r"Tent has no log_density; add a method `@declare\.density def log_density"):
        Tent(0.0, 1.0, 2.0).log_density(1.0)


@pytest.mark.parametrize("method", ["auto", "monte-carlo"])
def test_estimate_of_a_family_without_log_density_says_what_to_write(method):
    with pytest.raises(TypeError, match=r"Plain has no log_density; add a method `@declare\.density def log_density"):
        kldiv.estimate(kldiv.Gamma(2.0, 1.0), Plain(1.0), method=method)


def test_log_density_that_is_not_declared_is_named_where_its_formula_is_needed():
    with pytest.raises(TypeError, match=r"Written\.log_density is not declared.*@kldiv\.declare\.density"):
        kldiv.estimate(kldiv.Poisson(2.0), Written(3.0))


def test_new_declaration_is_heeded_by_the_next_call():
    @declare.family(domains.POSITIVE)
    class Late(NamedTuple):
        rate: Annotated[Any, domains.Positive]

    with pytest.raises(kldiv.NoClosedForm):
        kldiv.kl_divergence(Late(1.0), Late(2.0))
    declare.formula(Late, Late)(lambda xp, rate_p, rate_q: (rate_p - rate_q) ** 2)
    assert float(kldiv.kl_divergence(Late(1.0), Late(3.0))) == 4


def test_families_are_told_apart():
    assert kldiv.Normal(0.0, 1.0) == kldiv.Normal(0.0, 1.0)
    assert kldiv.Normal(0.0, 1.0) != kldiv.Laplace(0.0, 1.0)
    assert kldiv.Normal(0.0, 1.0) != (0.0, 1.0)
    assert tuple(kldiv.Normal(0.0, 1.0)) != kldiv.Normal(0.0, 1.0)
    assert len({kldiv.Normal(0.0, 1.0), kldiv.Laplace(0.0, 1.0), kldiv.Normal(0.0, 1.0)}) == 2


def test_repr_of_large_parameters_is_short():
    assert repr(kldiv.Gamma(2.0, 1.0)) == "Gamma(concentration=2.0, rate=1.0)"
    assert repr(kldiv.Exponential(np.ones((10, 3)))) == "Exponential(rate=<ndarray of float64, shape (10, 3)>)"


def test_repr_of_long_lists_is_short():
    p = kldiv.Normal([0.0, 1.0], [float(i) for i in range(1000)])
    assert repr(p).startswith("Normal(loc=[0.0, 1.0], scale=[0.0, 1.0, 2.0, ")
    assert len(repr(p)) < 150


@pytest.mark.parametrize(
    "rule",
    [
        kldiv.rule(kldiv.Exponential, kldiv.Gamma),
        kldiv.rule(kldiv.Independent[kldiv.Normal], kldiv.MultivariateNormal),
        kldiv.rule(kldiv.Mixture[kldiv.Normal], kldiv.Gamma),
    ],
    ids=str,
)
@pytest.mark.parametrize("copied", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy], ids=["pickle", "copy"])
def test_rule_survives_pickle(copied, rule):
    again = copied(rule)
    assert (again.p, again.q, again.method, str(again)) == (rule.p, rule.q, rule.method, str(rule))


@pytest.mark.parametrize("name", kldiv.families.__all__)
def test_signature_is_plain(name):
    family = getattr(kldiv, name)
    assert str(inspect.signature(family)) == f"({', '.join(family._fields)})"


def test_distribution_survives_pickle():
    p = kldiv.Independent(kldiv.Normal(0.0, 1.0))
    assert pickle.loads(pickle.dumps(p)) == p


def test_module_of_the_families_is_there_at_once():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    code = "import kldiv; print(kldiv.families.Normal.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "Normal\n"
