"""Values where the textbook formula loses its digits or overflows, though the divergence is well conditioned.

The truth is the definition in mpmath at the exact numbers that the arrays hold.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import pytest

import kldiv
import reference
from kldiv import (
    AsymmetricLaplace,
    Bernoulli,
    BernoulliLogits,
    Beta,
    BetaBinomial,
    BetaPrime,
    Binomial,
    BinomialLogits,
    Categorical,
    CategoricalLogits,
    Dirichlet,
    GeneralizedGamma,
    Geometric,
    HalfNormal,
    Independent,
    InverseGamma,
    Laplace,
    LogNormal,
    Lomax,
    Mixture,
    MultivariateNormalDiag,
    MultivariateNormalLowRank,
    MultivariateNormalTriL,
    NegativeBinomial,
    Normal,
    NormalLogVariance,
    OneHotCategorical,
    OneHotCategoricalLogits,
    Poisson,
    Rayleigh,
    StudentT,
    Uniform,
)
from oracle import mp


class End(NamedTuple):
    """A pair of distributions, and by how many ulps of its dtype a value may be off."""

    p: Any
    p_parameters: tuple[Any, ...]
    q: Any
    q_parameters: tuple[Any, ...]
    dtype: str
    ulps: float

    def __str__(self) -> str:
        p, q = (f"{f.__name__}{x}".replace(" ", "") for f, x in (self[:2], self[2:4]))
        return f"{p}-{q}-{self.dtype}"


def kl_of(backend: Any, dtype: str, p: Any, p_parameters: Any, q: Any, q_parameters: Any) -> Any:
    """Return the divergence of distributions with the backend's arrays."""
    distributions = (f(*(backend.array(x, dtype) for x in y)) for f, y in ((p, p_parameters), (q, q_parameters)))
    return kldiv.kl_divergence(*distributions)


ORIGIN = [0.0, 0.0, 0.0]
FACTOR = [[1.0], [2.0], [-1.0]]
OTHER = [[1.25, 1.0], [1.75, 0.0], [-0.5, 1.0]]
TRIANGLE = [[1e-4, 0.0, 0.0], [1e-4, 2e-4, 0.0], [-1e-4, 1e-4, 1e-4]]


def low_rank(factor: Any, diagonal: float) -> tuple[Any, ...]:
    return ORIGIN, factor, 3 * [diagonal]


LOW_RANK = [  # diagonals that are next to nothing beside the factor
    End(MultivariateNormalLowRank, low_rank(f, d), MultivariateNormalLowRank, low_rank(g, 2 * d), dtype, 64.0)
    for dtype, diagonals in (("float32", (1e-8,)), ("float64", (1e-12, 1e-16)))
    for d in diagonals
    for f, g in ((FACTOR, FACTOR), (FACTOR, OTHER), (OTHER, FACTOR))
]
THIN = (MultivariateNormalLowRank, low_rank(OTHER, 1e-8))
LOW_RANK += [
    End(*THIN, MultivariateNormalDiag, (ORIGIN, 3 * [1.0]), "float32", 16.0),
    End(MultivariateNormalDiag, (ORIGIN, 3 * [1e-4]), *THIN, "float32", 16.0),
    End(MultivariateNormalTriL, (ORIGIN, TRIANGLE), *THIN, "float32", 16.0),
]


LARGE_ENTROPIES = [  # entropies that are small differences of large terms
    End(BetaPrime, shapes, *q, dtype, 32.0)
    for dtype, shapes in (("float32", (1e6, 1e4)), ("float64", (1e6, 1e4)))
    for q in ((Lomax, (1.0, 2.0)), (Lomax, (3.0, 2.0)), (InverseGamma, (1.0, 2.0)))
]
LARGE_ENTROPIES += [End(BetaPrime, (2.5, 2.75), LogNormal, (-0.5, 1.25), "float32", 64.0)]
ONE_SIDED = [  # all of P on the thin side of a very asymmetric Q
    End(Uniform, (-3345.16, -3341.75), AsymmetricLaplace, (70.18, 1.3e-6, 450.0), "float32", 16.0),
    End(Uniform, (3341.75, 3345.16), AsymmetricLaplace, (70.18, 1.3e-6, 1 / 450), "float32", 16.0),
]
LARGE_SQUARES = [  # a variance that is beyond the range of floats, though the divergence is not
    End(LogNormal, (1.1787, 6.6763), Rayleigh, (5.0878,), "float32", 512.0),
    End(GeneralizedGamma, (0.73, 13.5, 0.096), Normal, (645.0, 182824.0), "float32", 1024.0),
    End(Laplace, (0.0, 1e25), Normal, (0.0, 1e24), "float32", 16.0),
    End(StudentT, (3.0, 0.0, 1e200), NormalLogVariance, (0.0, 920.0), "float64", 64.0),
    End(Laplace, (0.0, 1.0), NormalLogVariance, (0.0, 300.0), "float32", 16.0),
    End(NormalLogVariance, (0.0, -300.0), Laplace, (1.0, 2.0), "float32", 16.0),
    End(NormalLogVariance, (0.0, 90.0), Normal, (0.0, 1.0), "float32", 64.0),
    End(Normal, (0.0, 1e-30), NormalLogVariance, (0.0, 200.0), "float32", 16.0),
]
COUNTS = [  # nearly the same means, and both nearly Poisson: what differs is of second order in two small numbers
    End(*pair, dtype, 32.0)
    for dtype in ("float32", "float64")
    for pair in (
        (Binomial, (184.0, 0.0373292), Binomial, (187.0, 0.0367279)),
        (Binomial, (100.0, 1e-4), Binomial, (101.0, 9.90099e-5)),
        (Binomial, (100.0, 0.99), Binomial, (101.0, 0.98)),
        (BinomialLogits, (200.0, -1.3), BinomialLogits, (201.0, -1.31)),
        (Binomial, (100.0, 1e-4), Poisson, (1e-2,)),
        (NegativeBinomial, (10.0, 0.2), NegativeBinomial, (10.01, 0.19984)),
        (NegativeBinomial, (1000.0, 0.002), NegativeBinomial, (2000.0, 0.001)),
        (NegativeBinomial, (1000.0, 0.002), Poisson, (2.0,)),
        (Poisson, (2.0,), NegativeBinomial, (1000.0, 0.002)),
        (Geometric, (0.999,), Poisson, (0.001001,)),
    )
]
COUNTS += [End(NegativeBinomial, (69291.648, 0.0012709187), NegativeBinomial, (7.349554, 0.91421967), "float32", 16.0)]
SMALL_TOTALS = [  # concentrations of P far below 1 and those of Q
    End(Beta, (1e-36, 1e-17), Beta, (1e-37, 0.1), "float32", 16.0),
    End(Beta, (1e-36, 1e-17), Beta, (1e-37, 0.1), "float64", 16.0),
    End(Beta, (48.1, 6.6e6), Beta, (1.6e-5, 5.1e7), "float32", 16.0),
    End(Dirichlet, ([1e-36, 1e-17, 1e-17],), Dirichlet, ([1e-37, 0.1, 0.2],), "float32", 16.0),
    End(Dirichlet, ([1e-6, 0.3, 0.4],), Dirichlet, ([1.001e-6, 0.30001, 0.40001],), "float32", 16.0),
    End(Dirichlet, ([1e-6, 0.3, 1e-7],), Dirichlet, ([1.001e-6, 0.30001, 1e-7],), "float64", 16.0),
]


@pytest.mark.parametrize(
    "end", [*SMALL_TOTALS, *LOW_RANK, *LARGE_ENTROPIES, *ONE_SIDED, *LARGE_SQUARES, *COUNTS], ids=str
)
def test_value_is_that_of_the_definition(backend, end, record_property):
    p, q = ([np.asarray(x, end.dtype) for x in y] for y in (end.p_parameters, end.q_parameters))
    value = backend.to_numpy(kl_of(backend, end.dtype, end.p, p, end.q, q))
    ulps = reference.ulps(value, reference.kl(end.p.__name__, p, end.q.__name__, q), end.dtype)
    record_property("ulps", f"{ulps:.2f}")
    assert ulps <= end.ulps, value


@pytest.mark.parametrize(("probs", "dtype"), [(7.6e-23, "float32"), (1e-170, "float64")])
def test_divergence_of_a_huge_mean_is_finite(backend, probs, dtype):
    value = backend.to_numpy(kl_of(backend, dtype, Geometric, [probs], Poisson, [1.3]))
    # E log k! is m (log m - Euler's constant), to the first order.
    m = 1 / np.asarray(probs, dtype).astype(float)
    np.testing.assert_allclose(value / m, np.log(m / 1.3) - np.euler_gamma, rtol=1e-6)


# Mixtures of distributions of few outcomes: of equal weights, so that the probability of each outcome is a mean.
FEW_OUTCOMES = [
    (Bernoulli, [0.25, 0.75], Bernoulli, 0.3, [0.5, 0.5], [0.7, 0.3]),
    (BernoulliLogits, [-1.0, 1.0], Bernoulli, 0.3, [0.5, 0.5], [0.7, 0.3]),
    (BernoulliLogits, [-math.inf, math.inf], Bernoulli, 0.3, [0.5, 0.5], [0.7, 0.3]),
    (Categorical, [[0.25, 0.75], [0.75, 0.25]], Categorical, [0.7, 0.3], [0.5, 0.5], [0.7, 0.3]),
    (OneHotCategoricalLogits, [[0.0, 2.0], [2.0, 0.0]], OneHotCategorical, [0.7, 0.3], [0.5, 0.5], [0.7, 0.3]),
]


@pytest.mark.parametrize(("family", "components", "q", "q_parameters", "p_masses", "q_masses"), FEW_OUTCOMES)
def test_mixture_of_few_outcomes_is_one_distribution_of_them(
    backend, family, components, q, q_parameters, p_masses, q_masses
):
    components = family(backend.array(np.asarray(components), "float64"))
    p = Mixture(backend.array(np.asarray([0.5, 0.5]), "float64"), components)
    value = backend.to_numpy(kldiv.kl_divergence(p, q(backend.array(np.asarray(q_parameters), "float64"))))
    np.testing.assert_allclose(value, np.sum(np.multiply(p_masses, np.log(np.divide(p_masses, q_masses)))), rtol=1e-14)


def test_divergence_to_a_mixture_of_categoricals(backend):
    p, (q_1, q_2) = np.asarray([0.0, 1.0, 2.0]), np.asarray([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])
    weights, components = (backend.array(x, "float64") for x in (np.asarray([0.5, 0.5]), np.stack([q_1, q_2])))
    value = kldiv.kl_divergence(
        CategoricalLogits(backend.array(p, "float64")), Mixture(weights, CategoricalLogits(components))
    )
    np.testing.assert_allclose(backend.to_numpy(value), 0.2475880715384058, rtol=1e-14)


IDENTICAL = {  # families without a closed form with themselves
    "StudentT": lambda a: StudentT(a([3.0, 4.0]), a([0.0, 1.0]), a([1.0, 2.0])),
    "BetaBinomial": lambda a: BetaBinomial(a([6.0, 3.0]), a([2.5, 1.0]), a([1.75, 2.0])),
    "Independent": lambda a: Independent(StudentT(a([[3.0], [4.0]]), a([[0.0], [1.0]]), a([[1.0], [2.0]]))),
    "Mixture": lambda a: Mixture(a([[0.5, 0.5], [0.25, 0.75]]), Normal(a([[0.0, 1.0], [2.0, 3.0]]), a([[1.0, 2.0]]))),
}


@pytest.mark.parametrize("make", IDENTICAL.values(), ids=IDENTICAL.keys())
def test_identical_parameters_give_zero_without_a_closed_form(backend, make):
    p, q = (make(lambda x: backend.array(np.asarray(x), "float64")) for _ in range(2))
    np.testing.assert_array_equal(backend.to_numpy(kldiv.kl_divergence(p, q)), [0.0, 0.0])


def test_zero_of_identical_parameters_does_not_serve_others_of_their_shapes(backend):
    one, other = (StudentT(*(backend.array(x, "float64") for x in (3.0, 0.0, scale))) for scale in (1.0, 2.0))
    assert backend.to_numpy(kldiv.kl_divergence(one, one)) == 0
    with pytest.raises(kldiv.NoClosedForm):
        kldiv.kl_divergence(one, other)


def test_identical_parameters_are_checked(backend):
    p = StudentT(*(backend.array(x, "float64") for x in (-3.0, 0.0, 1.0)))
    with pytest.raises(ValueError, match=r"StudentT\.df must be positive"):
        kldiv.kl_divergence(p, p)


class Slope(NamedTuple):
    """A pair of distributions in float32, and the derivative with respect to each parameter, None for any."""

    p: Any
    p_parameters: tuple[Any, ...]
    q: Any
    q_parameters: tuple[Any, ...]
    slopes: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.p.__name__}{self.p_parameters}-{self.q.__name__}{self.q_parameters}".replace(" ", "")


def bernoulli_slopes(a: float, b: float) -> tuple[float, float]:
    """Return p (1 - p) (a - b) and q - p."""
    with mp.workdps(40):
        p, q = (1 / (1 + mp.exp(-mp.mpf(x))) for x in (a, b))
        return float(p * (1 - p) * (mp.mpf(a) - b)), float(q - p)


def normal_slopes(d: float, s: float, r: float) -> tuple[float, ...]:
    """Return the derivatives of log(r / s) + (s^2 + d^2) / (2 r^2) with respect to -d, s, d and r."""
    return d / r / r, s / r / r - 1 / s, -d / r / r, 1 / r - (s / r) ** 2 / r - (d / r) ** 2 / r


STEEP = bernoulli_slopes(30.0, 0.0)[0]
SLOPES = [  # a probability that is nearly 1, and scales whose squares underflow
    Slope(BernoulliLogits, (30.0,), Bernoulli, (0.5,), (STEEP, None)),
    Slope(BernoulliLogits, (-20.0,), BernoulliLogits, (-25.0,), bernoulli_slopes(-20.0, -25.0)),
    Slope(BernoulliLogits, (30.0,), BernoulliLogits, (-35.0,), bernoulli_slopes(30.0, -35.0)),
    Slope(CategoricalLogits, ([0.0, 30.0],), CategoricalLogits, ([0.0, 0.0],), ([-STEEP, STEEP], None)),
    Slope(Normal, (0.0, 1e-20), Normal, (1e-21, 2e-20), normal_slopes(-1e-21, 1e-20, 2e-20)),
    Slope(HalfNormal, (1e-25,), HalfNormal, (2e-25,), (-7.5e24, 3.75e24)),
    Slope(Uniform, (0.0, 1e-20), Uniform, (-1e-20, 2e-20), (1e20, -1e20, -1e20 / 3, 1e20 / 3)),
    Slope(
        MultivariateNormalDiag,
        ([0.0], [1e-20]),
        MultivariateNormalDiag,
        ([0.0], [2e-20]),
        (None, [-7.5e19], None, [3.75e19]),
    ),
]


@pytest.mark.parametrize("slope", SLOPES, ids=str)
def test_derivative_at_a_hard_end(differentiable, slope):
    count = len(slope.p_parameters)
    arrays = [differentiable.array(np.asarray(x), "float32") for x in (*slope.p_parameters, *slope.q_parameters)]
    found = differentiable.gradient(lambda *x: kldiv.kl_divergence(slope.p(*x[:count]), slope.q(*x[count:])), *arrays)
    pairs = [(differentiable.to_numpy(f), t) for f, t in zip(found, slope.slopes, strict=True) if t is not None]
    np.testing.assert_allclose(*zip(*((f.ravel(), np.ravel(t)) for f, t in pairs), strict=True), rtol=2e-6)


def test_second_derivative_at_a_tiny_probability(differentiable):
    p, q = (differentiable.array(np.asarray(x), "float32") for x in (1e-26, 0.25))
    curvature = differentiable.curvature(lambda p: kldiv.kl_divergence(Bernoulli(p), Bernoulli(q)), p)
    np.testing.assert_allclose(differentiable.to_numpy(curvature), 1e26, rtol=1e-5)  # 1 / p + 1 / (1 - p)
