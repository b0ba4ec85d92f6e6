"""The reference is right: it agrees with the definition, with SciPy and with constants published by others.

Every other test trusts ``reference.kl``, so nothing here uses kldiv.
"""

import math
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats

import reference
from reference import ORACLES, Integers, Interval, Oracle, definition, gradient, hessian_diag, kl, mp, ulps

INF = math.inf
Pair = tuple[str, Any, str, Any]


def relative_error(value: Any, truth: Any) -> float:
    return float(abs(value - truth) / abs(truth))


def label(value: Any) -> str:
    return f"{value[0]}{value[1]}-{value[2]}{value[3]}" if isinstance(value, tuple) else str(value)


def decimal(text: str) -> Any:
    with mp.workdps(60):
        return mp.mpf(text)


# --- The expectations against the definition -------------------------------------------------------------------------

LINE: list[Pair] = [
    ("Normal", (0.0, 1.0), "Normal", (1.0, 2.0)),
    ("Normal", (0.0, 1.0), "Normal", (1e-7, 1.0 + 1e-7)),
    ("Normal", (0.0, 1.0), "Normal", (0.0, 1.0 + 1e-15)),
    ("Normal", (5.0, 1e-10), "Normal", (0.0, 1e5)),
    ("Normal", (0.3, 2.0), "NormalLogVariance", (0.2, -1.0)),
    ("NormalLogVariance", (0.3, 2.0), "NormalLogVariance", (0.3 + 1e-7, 2.0 + 1e-7)),
    ("NormalLogVariance", (0.3, 40.0), "Normal", (0.3, 1.5)),
    ("Gamma", (2.0, 1.0), "Gamma", (3.0, 2.0)),
    ("Gamma", (2.5, 0.3), "Gamma", (2.5 + 1e-7, 0.3 + 1e-7)),
    ("Gamma", (1e-2, 3.0), "Gamma", (1.5, 1e-2)),
    ("Gamma", (1e3, 3.0), "Gamma", (1.1e3, 4.0)),
    ("Gamma", (3.0, 1.5), "Exponential", (0.2,)),
    ("Gamma", (3.0, 2.0), "Normal", (1.0, 3.0)),
    ("Gamma", (3.0, 2.0), "NormalLogVariance", (1.0, 3.0)),
    ("Exponential", (0.7,), "Exponential", (0.7 + 1e-7,)),
    ("Exponential", (1e-4,), "Exponential", (1e4,)),
    ("Exponential", (1.5,), "Gamma", (0.5, 2.0)),
    ("Exponential", (1.5,), "Normal", (0.0, 1.0)),
    ("Uniform", (0.0, 1.0), "Uniform", (0.0, 1.0 + 1e-7)),
    ("Uniform", (-1.0, 2.0), "Uniform", (-3.0, 2.0)),
    ("Uniform", (-1.0, 2.0), "Normal", (0.4, 0.6)),
    ("Uniform", (-1.0, 2.0), "NormalLogVariance", (0.4, 0.6)),
    ("Uniform", (0.0, 2.0), "Exponential", (0.6,)),
    ("Uniform", (0.0, 2.0), "Gamma", (0.5, 0.6)),
    ("Uniform", (1.0, 2.0), "Gamma", (4.0, 0.6)),
]
DISCRETE: list[Pair] = [
    ("Poisson", (3.0,), "Poisson", (3.0 + 1e-7,)),
    ("Poisson", (30.0,), "Poisson", (1e-3,)),
    ("Poisson", (1e-3,), "Poisson", (2.0,)),
    ("Poisson", (0.0,), "Poisson", (1.0,)),
    ("Poisson", (0.0,), "Bernoulli", (0.5,)),
    ("Poisson", (0.0,), "BernoulliLogits", (2.0,)),
    ("Bernoulli", (0.3,), "Bernoulli", (0.3 + 1e-7,)),
    ("Bernoulli", (5e-324,), "Bernoulli", (1.0 - 1e-16,)),
    ("Bernoulli", (0.0,), "BernoulliLogits", (500.0,)),
    ("Bernoulli", (0.3,), "Poisson", (0.8,)),
    ("BernoulliLogits", (-500.0,), "BernoulliLogits", (500.0,)),
    ("BernoulliLogits", (0.3,), "BernoulliLogits", (0.3 + 1e-7,)),
    ("BernoulliLogits", (0.3,), "Poisson", (0.8,)),
    ("Categorical", ([0.2, 0.3, 0.5],), "Categorical", ([0.4, 0.4, 0.2],)),
    ("Categorical", ([0.0, 0.3, 0.7],), "CategoricalLogits", ([1.0, -2.0, 0.5],)),
    ("CategoricalLogits", ([1.0, -INF, 0.5],), "CategoricalLogits", ([1.0 + 1e-7, 2.0, 0.5],)),
    ("CategoricalLogits", ([500.0, -500.0, 0.5],), "Categorical", ([0.1, 0.2, 0.7],)),
    ("Delta", (2.0,), "Poisson", (0.7,)),
    ("Delta", (1.0,), "BernoulliLogits", (-3.0,)),
    ("Delta", (2.0,), "Categorical", ([0.1, 0.2, 0.7],)),
]
PLANE: list[Pair] = [
    ("MultivariateNormal", ([0.0, 0.5], [[2.0, 0.5], [0.5, 1.0]]), "MultivariateNormalDiag", ([1.0, 0.0], [1.0, 3.0])),
    (
        "MultivariateNormalTriL",
        ([0.0, 0.5], [[2.0, 0.0], [0.5, 1e-3]]),
        "MultivariateNormalPrecision",
        ([1.0, 0.0], [[2.0, -1.0], [-1.0, 4.0]]),
    ),
    (
        "MultivariateNormalPrecision",
        ([0.0, 0.5], [[2.0, 1.0], [1.0, 3.0]]),
        "MultivariateNormalPrecision",
        ([1e-7, 0.5], [[2.0, 1.0 + 1e-7], [1.0 + 1e-7, 3.0]]),
    ),
]


@pytest.mark.parametrize("pair", LINE + DISCRETE, ids=label)
def test_expectations_agree_with_the_definition(pair: Pair) -> None:
    assert relative_error(kl(*pair), definition(*pair, digits=26)) < 1e-25


@pytest.mark.parametrize("pair", PLANE, ids=label)
def test_multivariate_expectations_agree_with_a_grid(pair: Pair) -> None:
    assert relative_error(kl(*pair), definition(*pair, digits=26)) < 1e-25


INFINITE: list[Pair] = [
    ("Normal", (0.0, 1.0), "Gamma", (1.0, 1.0)),
    ("Normal", (0.0, 1.0), "Exponential", (1.0,)),
    ("Normal", (0.0, 1.0), "Uniform", (-9.0, 9.0)),
    ("Exponential", (1.0,), "Uniform", (0.0, 9.0)),
    ("Gamma", (2.0, 1.0), "Uniform", (0.0, 9.0)),
    ("Uniform", (0.0, 2.0), "Uniform", (0.0, 1.0)),
    ("Uniform", (-1e-300, 1.0), "Uniform", (0.0, 1.0)),
    ("Uniform", (-1e-300, 1.0), "Gamma", (1.0, 1.0)),
    ("Bernoulli", (0.5,), "Bernoulli", (1.0,)),
    ("Bernoulli", (5e-324,), "Bernoulli", (0.0,)),
    ("Bernoulli", (0.5,), "Poisson", (0.0,)),
    ("Bernoulli", (0.5,), "Delta", (0.0,)),
    ("Bernoulli", (0.5,), "Normal", (0.0, 1.0)),
    ("Poisson", (5e-324,), "Bernoulli", (0.5,)),
    ("Poisson", (1.0,), "Poisson", (0.0,)),
    ("Poisson", (1.0,), "Gamma", (1.0, 1.0)),
    ("Poisson", (1.0,), "Delta", (1.0,)),
    ("Categorical", ([0.5, 0.5],), "Categorical", ([1.0, 0.0],)),
    ("CategoricalLogits", ([0.0, 0.0],), "CategoricalLogits", ([0.0, -INF],)),
    ("Delta", (0.5,), "Poisson", (1.0,)),
    ("Delta", (2.0,), "Bernoulli", (0.5,)),
    ("Delta", (1.0,), "Normal", (1.0, 1.0)),
    ("Delta", (1.0,), "Delta", (1.0 + 2**-52,)),
    ("Normal", (1.0, 1.0), "Delta", (1.0,)),
    ("Gamma", (1.0, 1.0), "Poisson", (1.0,)),
]


@pytest.mark.parametrize("pair", INFINITE, ids=label)
def test_infinite_without_absolute_continuity(pair: Pair) -> None:
    assert kl(*pair) == mp.inf


ZERO: list[Pair] = [
    ("Normal", (0.3, 1.0), "Normal", (0.3, 1.0)),
    ("Normal", (0.3, 1.0), "NormalLogVariance", (0.3, 0.0)),
    ("Exponential", (0.3,), "Gamma", (1.0, 0.3)),
    ("Bernoulli", (0.5,), "BernoulliLogits", (0.0,)),
    ("Bernoulli", (0.25,), "Categorical", ([0.75, 0.25],)),
    ("Bernoulli", (0.0,), "Delta", (0.0,)),
    ("Bernoulli", (0.0,), "Poisson", (0.0,)),
    ("Poisson", (0.0,), "Delta", (0.0,)),
    ("Delta", (1.5,), "Delta", (1.5,)),
    ("Categorical", ([0.5, 0.5],), "Categorical", ([0.25, 0.25],)),
    ("CategoricalLogits", ([0.5, 0.25],), "CategoricalLogits", ([1.5, 1.25],)),
    (
        "MultivariateNormal",
        ([1.0, 2.0], [[4.0, 2.0], [2.0, 10.0]]),
        "MultivariateNormalTriL",
        ([1.0, 2.0], [[2.0, 0.0], [1.0, 3.0]]),
    ),
]


@pytest.mark.parametrize("pair", ZERO, ids=label)
def test_zero_for_one_distribution_in_two_forms(pair: Pair) -> None:
    assert kl(*pair) == 0


# --- Constants published by others -----------------------------------------------------------------------------------


def case_a(dimension: int) -> tuple[Any, Any]:
    lags = np.abs(np.subtract.outer(np.arange(dimension), np.arange(dimension)))
    return (np.zeros(dimension), np.eye(dimension)), (np.full(dimension, 0.5), 0.5**lags)


LITERATURE = [
    (("Normal", (0.0, 1.0), "Normal", (1.0, 1.5)), "0.349909552552608826422458"),
    (("Normal", (0.0, 1.0), "Normal", (50.0, 1.0)), "1250"),
    (("Gamma", (2.0, 1.0), "Gamma", (3.0, 2.0)), "0.190921303781642241772048"),
    (("Gamma", (3.0, 2.0), "Gamma", (2.0, 1.0)), "0.115931515658412448810720"),
    (("Exponential", (1.0,), "Normal", (3.0, 2.0)), "1.23708571376461805119756"),
    (("Poisson", (0.0,), "Poisson", (1.0,)), "1"),
]


@pytest.mark.parametrize(("pair", "constant"), LITERATURE, ids=label)
def test_published_constant(pair: Pair, constant: str) -> None:
    assert relative_error(kl(*pair), decimal(constant)) < 1e-23


@pytest.mark.parametrize(
    ("dimension", "forward", "reverse"),
    [
        (1, "0.125", "0.125"),
        (2, "0.356158963774109536280390", "0.393841036225890463719610"),
        (5, "1.04963585509643814512156", "1.20036414490356185487844"),
        (10, "2.20543067396698582652351", "2.54456932603301417347649"),
    ],
)
class TestCaseA:
    def test_forward(self, dimension: int, forward: str, reverse: str) -> None:
        p, q = case_a(dimension)
        assert relative_error(kl("MultivariateNormal", p, "MultivariateNormal", q), decimal(forward)) < 1e-22

    def test_reverse(self, dimension: int, forward: str, reverse: str) -> None:
        p, q = case_a(dimension)
        assert relative_error(kl("MultivariateNormal", q, "MultivariateNormal", p), decimal(reverse)) < 1e-22


def test_normal_of_twice_the_scale_one_apart() -> None:
    assert relative_error(kl("Normal", (0.0, 1.0), "Normal", (1.0, 2.0)), mp.log(2) - mp.mpf("0.25")) < 1e-40


def test_case_h_is_read_from_the_exact_floats() -> None:
    # The constant is for tenths; the nearest floats are within an ulp of it, not within 24 digits.
    weights = [0.1, 0.2, 0.3, 0.4]
    value = kl("Categorical", (weights,), "Categorical", ([0.25] * 4,))
    assert relative_error(value, decimal("0.106440135286223151652278")) < 1e-15


def test_case_h_in_whole_weights() -> None:
    value = kl("Categorical", ([1.0, 2.0, 3.0, 4.0],), "Categorical", ([1.0] * 4,))
    assert relative_error(value, decimal("0.106440135286223151652278")) < 1e-23


def test_generalized_case_h() -> None:
    value = mp.fsum(reference.kl_div(x, 2.0) for x in (1.0, 2.0, 3.0, 4.0))
    assert relative_error(value, decimal("1.29583686600432907418574")) < 1e-23


FOLKLORE = [
    (4.611619913759925, "NormalLogVariance", [(0.0, 1.0)] * 3, [(5.0, math.log(10.0))] * 3),
    (55.18191617571634, "NormalLogVariance", [(0.0, 1.0)] * 3, [(10.0, 1.0)] * 3),
    (0.0055181916175716375, "NormalLogVariance", [(0.0, 1.0)] * 3, [(0.1, 1.0)] * 3),
    (0.6669851763185994, "Normal", [(2.0, 1.0), (4.0, 2.0), (6.0, 3.0)], [(3.0, 1.5), (5.0, 2.5), (8.0, 4.0)]),
    (2.5925814637483104, "Normal", [(1.0, 1.0), (4.0, 1.0)], [(-3.0, 2.5), (2.0, 2.5)]),
]


@pytest.mark.parametrize(("constant", "family", "p", "q"), FOLKLORE)
def test_folklore_constant(constant: float, family: str, p: Any, q: Any) -> None:
    assert ulps(constant, reference.kl_independent(family, p, family, q), "float64") <= 4


PEERS = [
    (("Normal", (0.0, 1e-25), "Normal", (0.0, 1.0)), 57.06),
    (("Poisson", (1e8,), "Poisson", (1e8 + 96,)), 4.6e-5),
    (("Gamma", (100.0, 1.0), "Gamma", (100.001, 1.0)), 5.0e-9),
    (("Bernoulli", (1.0,), "Bernoulli", (0.5,)), math.log(2)),
    (("Categorical", ([0.5, 0.5],), "CategoricalLogits", ([0.0, -120.0],)), 59.3),
]


@pytest.mark.parametrize(("pair", "constant"), PEERS, ids=label)
def test_value_that_a_peer_gets_wrong(pair: Pair, constant: float) -> None:
    assert float(kl(*pair)) == pytest.approx(constant, rel=1e-2)  # printed with two digits or more


# --- SciPy -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 3, 50])
def test_categorical_agrees_with_scipy_entropy(size: int) -> None:
    p, q = np.random.default_rng(size).dirichlet(np.ones(size), 2)
    value = float(kl("Categorical", (p,), "Categorical", (q,)))
    assert value == pytest.approx(scipy.stats.entropy(p, q), rel=1e-12)


@pytest.mark.parametrize("probs", [(0.25, 0.75), (2**-40, 0.5), (0.5, 1 - 2**-53), (0.0, 0.125), (1.0, 2**-50)])
def test_bernoulli_is_the_sum_of_its_relative_entropies(probs: tuple[float, float]) -> None:
    # 1 - p is exact in these, so the two summands can be written down without the record's normalization.
    p, q = probs
    expected = reference.rel_entr(p, q) + reference.rel_entr(1 - p, 1 - q)
    assert relative_error(kl("Bernoulli", (p,), "Bernoulli", (q,)), expected) < 1e-40


QUADRATURE = [
    ("Gamma", (2.5, 1.5), scipy.stats.gamma(2.5, scale=1 / 1.5), "Normal", (1.0, 2.0), scipy.stats.norm(1.0, 2.0)),
    ("Normal", (0.5, 1.5), scipy.stats.norm(0.5, 1.5), "Normal", (1.0, 2.0), scipy.stats.norm(1.0, 2.0)),
    ("Exponential", (2.0,), scipy.stats.expon(scale=0.5), "Gamma", (2.0, 3.0), scipy.stats.gamma(2.0, scale=1 / 3.0)),
    ("Uniform", (1.0, 3.0), scipy.stats.uniform(1.0, 2.0), "Exponential", (0.5,), scipy.stats.expon(scale=2.0)),
]


@pytest.mark.parametrize(("p_name", "p", "scipy_p", "q_name", "q", "scipy_q"), QUADRATURE)
def test_agrees_with_scipy_quadrature(p_name: str, p: Any, scipy_p: Any, q_name: str, q: Any, scipy_q: Any) -> None:
    def integrand(x: float) -> float:
        return float(scipy_p.pdf(x) * (scipy_p.logpdf(x) - scipy_q.logpdf(x)))

    # Beyond these quantiles there is 1e-15 of the mass.
    expected, _ = scipy.integrate.quad(integrand, scipy_p.ppf(1e-15), scipy_p.isf(1e-15), epsabs=0, epsrel=1e-10)
    assert float(kl(p_name, p, q_name, q)) == pytest.approx(expected, rel=1e-9)


# Not among these: scipy's kl_div is wrong where x/y overflows and where y is infinite.
ELEMENTS = [
    (0.3, 0.7),
    (4.0, 1e-38),
    (0.0, 0.0),
    (0.0, 2.5),
    (2.5, 0.0),
    (-1.0, 1.0),
    (1.0, -1.0),
    (5e-324, 0.5),
    (0.0, INF),
]


@pytest.mark.parametrize(("x", "y"), ELEMENTS)
@pytest.mark.parametrize("name", ["rel_entr", "kl_div"])
def test_elementwise_agrees_with_scipy(name: str, x: float, y: float) -> None:
    expected = float(getattr(scipy.special, name)(x, y))
    assert ulps(expected, getattr(reference, name)(x, y), "float64") <= 4


@pytest.mark.parametrize("arguments", [(math.nan, 1.0), (1.0, math.nan), (0.0, math.nan), (INF, INF)])
@pytest.mark.parametrize("function", [reference.rel_entr, reference.kl_div])
def test_elementwise_nan(function: Any, arguments: tuple[float, float]) -> None:
    assert mp.isnan(function(*arguments))


def test_kl_div_near_equality() -> None:
    d = mp.mpf(1 + 1e-9) - 1  # x = 1, y = 1 + d: d - log(1 + d)
    series = mp.fsum(-((-d) ** k) / k for k in range(2, 8)) * -1
    assert relative_error(reference.kl_div(1.0, 1.0 + 1e-9), series) < 1e-30


def test_kl_div_where_the_ratio_overflows() -> None:
    expected = -mp.log(mp.mpf(5e-324)) - 1
    assert relative_error(reference.kl_div(1.0, 5e-324), expected) < 1e-30


# --- Precision that is found, not chosen -----------------------------------------------------------------------------


def test_locations_that_no_fixed_precision_resolves() -> None:
    value = kl("Normal", (5e-324, 1e308), "Normal", (0.0, 1e308))
    with mp.workdps(60):
        expected = (mp.mpf(5e-324) / mp.mpf(1e308)) ** 2 / 2
    assert relative_error(value, expected) < 1e-25


def test_a_small_term_is_not_mistaken_for_the_whole() -> None:
    # At 75 and at 105 digits exp(2^-170) - 1 - 2^-170 is exactly 0, and both agree on the rest: m^2/2, far too small.
    value = kl("NormalLogVariance", (0.0, 2.0**-170), "NormalLogVariance", (2.0**-200, 0.0))
    t, m = mp.ldexp(1, -170), mp.ldexp(1, -200)
    assert relative_error(value, (t**2 / 2 + t**3 / 6) / 2 + m**2 / 2) < 1e-25


def test_probabilities_below_the_working_precision() -> None:
    value = kl("Bernoulli", (1e-300,), "Bernoulli", (2e-300,))
    assert relative_error(value, mp.mpf(1e-300) * (1 - mp.log(2))) < 1e-25


@pytest.mark.parametrize("concentration", [1e-6, 1.0, 1e8])
def test_concentrations_one_ulp_apart(concentration: float) -> None:
    # Half the Fisher information times the square of the distance, to first order in the distance.
    near = math.nextafter(concentration, INF)
    distance = mp.mpf(near) - concentration
    expected = mp.psi(1, concentration) * distance**2 / 2
    value = kl("Gamma", (concentration, 3.0), "Gamma", (near, 3.0))
    assert relative_error(value, expected) < 3 * float(distance / concentration)


def test_variance_ratio_of_300_digits() -> None:
    value = kl(
        "MultivariateNormalDiag", ([0.0, 0.0], [1e150, 1.0]), "MultivariateNormalDiag", ([0.0, 1.0], [1e-150, 1.0])
    )
    parts = kl("Normal", (0.0, 1e150), "Normal", (0.0, 1e-150)) + kl("Normal", (0.0, 1.0), "Normal", (1.0, 1.0))
    assert relative_error(value, parts) < 1e-25


@pytest.mark.parametrize("function", [kl, definition, gradient])
def test_the_global_precision_is_untouched(function: Any) -> None:
    before = mpmath.mp.prec
    function("Normal", (0.0, 1.0), "Normal", (0.125, 1.5))
    assert mpmath.mp.prec == before


def test_own_precision_is_restored() -> None:
    kl("Normal", (0.0, 1.0), "Normal", (1e-100, 1.0))
    assert mp.dps == 50


def test_floats_are_taken_exactly() -> None:
    assert relative_error(kl("Normal", (0.0, 1.0), "Normal", (0.1, 1.0)), mp.mpf(0.1) ** 2 / 2) < 1e-45


def test_arrays_of_float32_are_taken_exactly() -> None:
    p, q = np.asarray([[0.0, 1.0], [0.1, 1.0]], dtype=np.float32)
    assert kl("Normal", p, "Normal", q) == kl("Normal", (0.0, 1.0), "Normal", (float(np.float32(0.1)), 1.0))


# --- Derivatives -----------------------------------------------------------------------------------------------------


def test_normal_gradient() -> None:
    # KL = log(s_q/s_p) + (s_p^2 + (m_p - m_q)^2)/(2 s_q^2) - 1/2 at (1, 2), (0, 4)
    expected = [mp.mpf(1) / 16, -mp.mpf(1) / 2 + mp.mpf(2) / 16, -mp.mpf(1) / 16, mp.mpf(1) / 4 - mp.mpf(5) / 64]
    errors = [relative_error(g, e) for g, e in zip(gradient("Normal", (1, 2), "Normal", (0, 4)), expected, strict=True)]
    assert max(errors) < 1e-28


def test_normal_second_derivatives() -> None:
    expected = [mp.mpf(1) / 16, mp.mpf(1) / 4 + mp.mpf(1) / 16, mp.mpf(1) / 16, -mp.mpf(1) / 16 + mp.mpf(15) / 256]
    found = hessian_diag("Normal", (1, 2), "Normal", (0, 4))
    assert max(relative_error(h, e) for h, e in zip(found, expected, strict=True)) < 1e-28


def test_gamma_gradient_near_equality() -> None:
    # d/da_q = psi(a_q) - psi(a_p) + log b_p - log b_q; d/db_q = a_p/b_p - a_q/b_q
    a, b, near = 2.5, 3.0, 2.5 + 2.0**-50
    *_, d_concentration, d_rate = gradient("Gamma", (a, b), "Gamma", (near, b))
    with mp.workdps(80):
        expected = mp.digamma(near) - mp.digamma(a), (mp.mpf(a) - near) / b
    assert max(relative_error(d_concentration, expected[0]), relative_error(d_rate, expected[1])) < 1e-27


def test_categorical_gradient_is_of_the_normalized_weights() -> None:
    # Scaling the weights changes nothing, so the gradient is orthogonal to them (Euler).
    p, q = [0.5, 1.5, 4.0], [2.0, 1.0, 0.25]
    slopes = gradient("Categorical", (p,), "Categorical", (q,))
    assert abs(mp.fdot(slopes[:3], p)) + abs(mp.fdot(slopes[3:], q)) < 1e-28


def test_dead_logits_have_no_gradient() -> None:
    slopes = gradient("CategoricalLogits", ([0.0, 1.0, -INF],), "CategoricalLogits", ([1.0, 0.0, -INF],))
    assert (slopes[2], slopes[5]) == (0, 0)


def test_covariance_gradient_is_of_single_entries() -> None:
    # d/dS_p = (S_q^-1 - S_p^-1)'/2 entry by entry; where one triangle is read the off-diagonal entries count twice.
    slopes = gradient(
        "MultivariateNormal",
        ([0.0, 0.0], [[2.0, 1.0], [1.0, 1.0]]),
        "MultivariateNormal",
        ([0.0, 0.0], [[1.0, 0.0], [0.0, 4.0]]),
    )
    expected = [(1 - 1) / 2, (0 + 1) / 2, (0 + 1) / 2, (0.25 - 2) / 2]
    assert max(abs(slope - e) for slope, e in zip(slopes[2:6], expected, strict=True)) < 1e-28


def test_entries_above_the_diagonal_of_a_factor_have_no_gradient() -> None:
    p, q = ([0.0, 0.0], [[2.0, 0.0], [1.0, 1.0]]), ([0.0, 1.0], [[1.0, 0.0], [0.5, 4.0]])
    slopes = gradient("MultivariateNormalTriL", p, "MultivariateNormalTriL", q)
    assert (slopes[3], slopes[9]) == (0, 0)


@pytest.mark.parametrize(
    "pair",
    [
        ("Normal", (0.3, 2.0), "Normal", (0.3, 2.0)),
        ("Gamma", (0.3, 2.0), "Gamma", (0.3, 2.0)),
        ("Exponential", (2.0,), "Exponential", (2.0,)),
        ("BernoulliLogits", (5.0,), "BernoulliLogits", (5.0,)),
        ("Normal", (0.0, 1.0), "NormalLogVariance", (0.0, 0.0)),
    ],
    ids=label,
)
def test_gradient_is_zero_at_equality(pair: Pair) -> None:
    assert set(gradient(*pair)) == {0}


ONE_SIDED = [
    (("Bernoulli", (0.0,), "Bernoulli", (0.0,)), (1, 1), [INF, 1]),
    (("Bernoulli", (1.0,), "Bernoulli", (1.0,)), (-1, -1), [-INF, -1]),
    (("Poisson", (0.0,), "Poisson", (2.0,)), (1, 0), [-INF, 1]),
    (("Uniform", (0.0, 1.0), "Uniform", (0.0, 1.0)), (1, -1, -1, 1), [1, -1, -1, 1]),
    (("Uniform", (0.0, 1.0), "Uniform", (0.0, 1.0)), (-1, 1, 1, -1), [-INF, INF, INF, -INF]),
]


@pytest.mark.parametrize(("pair", "side", "expected"), ONE_SIDED)
def test_one_sided_gradient(pair: Pair, side: Any, expected: list[float]) -> None:
    assert [float(slope) for slope in gradient(*pair, side=side)] == expected


@pytest.mark.parametrize(
    "pair",
    [
        ("Bernoulli", (0.0,), "Bernoulli", (0.5,)),
        ("Uniform", (0.0, 1.0), "Uniform", (0.0, 1.0)),
        ("Poisson", (0.0,), "Poisson", (0.5,)),
    ],
    ids=label,
)
def test_central_differences_across_a_boundary_are_refused(pair: Pair) -> None:
    with pytest.raises(ValueError, match="ask for a side"):
        gradient(*pair)


def test_gradient_of_an_infinite_divergence_is_refused() -> None:
    with pytest.raises(ValueError, match="infinite here"):
        gradient("Bernoulli", (0.5,), "Bernoulli", (0.0,))


# --- Errors in ulps --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "truth", "dtype", "expected"),
    [
        (1.0, mp.one, "float64", 0.0),
        (1.0 + 2**-52, mp.one, "float64", 1.0),
        (1.0 + 2**-23, mp.one, "float32", 1.0),
        (2.0**-1022 + 2**-1074, mp.ldexp(1, -1022), "float64", 1.0),
        (0.0, mp.mpf("1e-5000"), "float64", 0.0),
        (0.0, mp.ldexp(1, -149), "float32", 1.0),
        (2.0**-500, mp.zero, "float64", 2.0**574),
        (1.0, mp.zero, "float64", INF),
        (INF, mp.inf, "float64", 0.0),
        (INF, mp.mpf("1e39"), "float32", 0.0),
        (INF, mp.mpf("3.40282e38"), "float32", INF),
        (-INF, mp.inf, "float64", INF),
        (1.0, mp.inf, "float64", INF),
        (math.nan, mp.one, "float64", INF),
        (math.nan, mp.inf, "float64", INF),
    ],
)
def test_ulps(value: float, truth: Any, dtype: str, expected: float) -> None:
    assert ulps(value, truth, dtype) == pytest.approx(expected, abs=1e-40)


def test_ulps_of_an_array_scalar() -> None:
    assert ulps(np.float32(0.1), mp.mpf(0.1), "float32") < 0.5


# --- Bad input, and new families -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (("Normal", (math.nan, 1.0), "Normal", (0.0, 1.0)), "nan"),
        (("Normal", (0.0, -1.0), "Normal", (0.0, 1.0)), "outside their domain"),
        (("Categorical", ([1.5, -0.5],), "Categorical", ([0.5, 0.5],)), "outside their domain"),
        (("MultivariateNormalDiag", ([0.0], [1.0]), "MultivariateNormalDiag", ([0.0] * 3, [1.0] * 3)), "event sizes"),
    ],
)
def test_bad_parameters_raise(pair: Pair, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kl(*pair)


def _laplace(loc: Any, scale: Any) -> Any:
    return lambda x: -abs(x - loc) / scale - mp.log(2 * scale)


def _geometric(probs: Any) -> Any:
    return lambda x: x * mp.log(1 - probs) + mp.log(probs)


@pytest.fixture
def new_families(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two records with a density and no closed expectations, as a family starts out; the caches do not know of them."""
    laplace = Oracle(
        log_density=_laplace,
        support=lambda *_: Interval(-mp.inf, mp.inf),
        bulk=lambda loc, scale: (loc, scale),
        kinks=lambda loc, scale: (loc,),
    )
    geometric = Oracle(_geometric, support=lambda probs: Integers(0), bulk=lambda probs: (1 / probs, 1 / probs))
    monkeypatch.setitem(ORACLES, "TestLaplace", laplace)
    monkeypatch.setitem(ORACLES, "TestGeometric", geometric)
    monkeypatch.setitem(ORACLES, "TestGeometricOdds", replace(geometric, convert=lambda odds: (odds / (1 + odds),)))


@pytest.mark.usefixtures("new_families")
class TestFamiliesWithoutExpectations:
    def test_density_with_kinks(self) -> None:
        value = kl("TestLaplace", (0.0, 1.0), "TestLaplace", (1.0, 2.0))
        assert relative_error(value, mp.log(2) - 1 + (1 + mp.exp(-1)) / 2) < 1e-25

    def test_against_a_family_with_expectations(self) -> None:
        value = kl("TestLaplace", (0.0, 1.0), "Normal", (0.0, 1.0))
        assert relative_error(value, mp.log(2 * mp.pi) / 2 - mp.log(2)) < 1e-25

    def test_sum_over_all_integers(self) -> None:
        value = kl("TestGeometric", (0.5,), "TestGeometric", (0.25,))
        assert relative_error(value, mp.log(2) + mp.log(mp.mpf(2) / 3)) < 1e-25

    def test_second_parametrization(self) -> None:
        value = kl("TestGeometricOdds", (1.0,), "TestGeometric", (0.25,))
        assert value == kl("TestGeometric", (0.5,), "TestGeometric", (0.25,))

    def test_derivatives_are_refused(self) -> None:
        with pytest.raises(reference.NoClosedExpectation):
            gradient("TestGeometric", (0.5,), "TestGeometric", (0.25,))
