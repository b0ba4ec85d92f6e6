"""Errors of quadrature and of sums: what says to have converged is as near to the truth as its error says."""

import math
import warnings
from typing import Annotated, Any, NamedTuple

import numpy as np
import pytest

import kldiv
from draws import PAIRS, Draw, estimated, is_honest
from kldiv import Mixture, declare, domains
from oracle import mp

only = pytest.mark.parametrize


class Pair(NamedTuple):
    """A pair, its divergence from mpmath or from algebra, the dtype, and whether it must converge."""

    name: str
    p: Any
    q: Any
    truth: float
    dtype: str = "float64"
    converges: bool = True

    def __str__(self) -> str:
        return f"{self.name}-{self.dtype}"


def made(backend, d, dtype):
    """Return a distribution with arrays of the backend under test in place of numbers."""
    if hasattr(d, "_fields"):
        return type(d)(*[made(backend, x, dtype) for x in d])
    return backend.array(d, dtype)


def estimate(p, q, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kldiv.EstimateWarning)
        return kldiv.estimate(p, q, **options)


ZETA = kldiv.Zeta(2.0)
BETWEEN = Mixture([0.5, 0.5], kldiv.LogitNormal([0.0, 0.0], [1.0, 1.0]))

HARD = [
    # The pole at 1 of densities on the unit interval, of which floats see little.
    Pair("pole at 1", kldiv.Beta(1.0, 0.1), BETWEEN, 97.4791771),
    Pair("poles at both ends", kldiv.Beta(0.5, 0.5), kldiv.LogitNormal(0.0, 1.0), 3.3227164868),
    Pair("power at 1", kldiv.Kumaraswamy(1.37, 0.22), kldiv.LogitNormal(-0.1, 2.66), 2.28822808819903),
    # What lies beyond the largest or smallest outcomes that floats have.
    Pair("half beyond", kldiv.BetaPrime(1.00873, 1.714), Mixture([1.0], kldiv.Levy([0.0862])), 8.37757, "float32"),
    Pair("beyond 0", kldiv.Gamma(1.05, 1.0), kldiv.Levy(1.0), 9.1241, "float32"),
    Pair("beyond exp", kldiv.Logistic(0.0, 1.0), kldiv.Gumbel(0.0, 1.02), 48.05, "float32"),
    Pair("farther", kldiv.Logistic(0.0, 1.0), kldiv.Gumbel(0.0, 1.005), 198.01, converges=False),
    Pair("finite after all", kldiv.LogNormal(0.0, 4.0), kldiv.Normal(0.0, 1.0), 3.9481480e13, "float32"),
    Pair("slow", kldiv.Gamma(3.466, 1.0149), kldiv.ExpGamma(2.712, 0.598), 1351131.0, converges=False),
    Pair("out of sight", kldiv.Gamma(0.005, 1.0), kldiv.Gamma(0.01, 1.0), 0.30687318, converges=False),
    # A difference of two rules may vanish by chance.
    Pair(
        "chance",
        kldiv.NormalLogVariance(0.006286, 1.921746),
        kldiv.Cauchy(-0.0797, 0.30694),
        0.8795338007824,
    ),
    # Infinite, at an end of the support and where the integrand neither falls nor grows.
    Pair(
        "infinite at 0",
        Mixture([0.5, 0.5], kldiv.HalfNormal([1.0, 2.0])),
        kldiv.InverseGamma(1.75, 0.5),
        math.inf,
        "float32",
    ),
    Pair("infinite by a logarithm", kldiv.StudentT(2.0, 0.0, 1.0), kldiv.Normal(0.0, 1.0), math.inf),
    Pair("infinite sum", ZETA, kldiv.Geometric(0.5), math.inf),
    Pair("infinite beyond exp", kldiv.Logistic(0.0, 1.0), kldiv.Gumbel(0.0, 0.9), math.inf),
    # Finite, but as large as what would be infinite if its outcomes went on to grow.
    Pair(
        "largest",
        kldiv.NormalLogVariance(-0.24885399686172605, 3.0704046152532101),
        kldiv.Gumbel(-0.43489101513599354, 0.136183558536383),
        5.423897815e251,
        converges=False,
    ),
    # Outcomes are too coarse for the density of P.
    Pair("narrow", kldiv.Normal(1.5, 1e-30), kldiv.Laplace(1.5, 1.0), 68.35, converges=False),
    # Q has a mode far beyond the outcomes of P.
    Pair("tail of Q", kldiv.HalfCauchy(2.5e-54), kldiv.Exponential(0.9), math.inf),
]


def deterministic(pair):
    return "sum" if pair.p is ZETA else "quadrature"


@only("pair", HARD, ids=str)
def test_hard_integral_is_honest(eager, pair):
    found = estimate(*[made(eager, d, pair.dtype) for d in (pair.p, pair.q)], method=deterministic(pair))
    value, error, converged = (eager.to_numpy(x).item() for x in (found.value, found.error, found.converged))
    assert converged or not pair.converges
    digits = 1e-4 if pair.dtype == "float32" else 1e-5  # of the truths above
    assert not converged or value == pair.truth or abs(value - pair.truth) <= 1.5 * error + digits * pair.truth


@only("dtype", ["float32", "float64"])
@only("kind", ["interior", "extreme"])
def test_no_certain_estimate_is_wrong(kind, dtype):
    outcomes = [estimated(Draw(*pair, kind, dtype, 0)) for pair in PAIRS[::20]]
    assert [outcome for outcome in outcomes if not outcome.is_honest] == []
    assert sum(outcome.converged for outcome in outcomes) >= (0.97 if kind == "interior" else 0.4) * len(outcomes)


def test_honest_is_what_lies_within_the_error():
    assert is_honest(1.0, 1.1, 0.1, "float64", "interior")
    assert not is_honest(1.0, 1.2, 0.1, "float64", "interior")
    assert not is_honest(math.inf, 1.2, 0.1, "float64", "interior")


# ------------------------------------------------------------------------------------------------------ near equality


@only("dtype", ["float32", "float64"])
def test_sum_near_equality_is_not_negative(eager, dtype):
    a, b = (2.5, 1.75), (2.50025, 1.749825)
    p, q = (made(eager, kldiv.BetaBinomial(6.0, *x), dtype) for x in (a, b))
    found = estimate(p, q)
    rounded = [[mp.mpf(float(np.dtype(dtype).type(x))) for x in pair] for pair in (a, b)]

    def mass(k, alpha, beta):
        return mp.binomial(6, k) * mp.beta(k + alpha, 6 - k + beta) / mp.beta(alpha, beta)

    pairs = [[mass(k, *x) for x in rounded] for k in range(7)]
    truth = float(mp.fsum(x * mp.log(x / y) for x, y in pairs))
    assert abs(float(eager.to_numpy(found.value)) - truth) <= 1e-6 * truth
    assert bool(eager.to_numpy(found.converged))


def test_quadrature_near_equality_keeps_its_digits(eager):
    p, q = (made(eager, kldiv.Gamma(2.0, rate), "float64") for rate in (1.0, 1.0000001))
    found = estimate(p, q, method="quadrature", rtol=1e-6)
    r = mp.mpf(1.0000001)
    truth = float(2 * (r - 1 - mp.log(r)))
    assert abs(float(eager.to_numpy(found.value)) - truth) <= 1e-6 * truth
    assert bool(eager.to_numpy(found.converged))


@only("d", [kldiv.StudentT(3.0, 0.0, 1.0), Mixture([0.3, 0.7], kldiv.Normal([-2.0, 3.0], [0.5, 1.0]))], ids=["t", "m"])
def test_estimate_of_equal_distributions_is_exactly_zero(eager, d):
    found = kldiv.estimate(made(eager, d, "float64"), made(eager, d, "float64"), method="quadrature")
    assert eager.to_numpy(found.value).tolist() == eager.to_numpy(found.error).tolist() == 0
    assert bool(eager.to_numpy(found.converged))


def test_sum_has_the_class_above_the_last_cut(eager):
    p, q = (made(eager, kldiv.OrderedLogistic([-1.0, 0.0, 2.0], loc), "float64") for loc in (0.0, 1.0))
    found = kldiv.estimate(p, q, method="sum", rtol=1e-12)
    assert abs(float(eager.to_numpy(found.value)) - 0.14836199) < 1e-8


# ------------------------------------------------------------------------------------------------- what is no density


@declare.family(domains.REALS)
class WideBox(NamedTuple):
    """The uniform distribution, declared on a support that is too wide."""

    low: Annotated[Any, domains.Real]
    high: Annotated[Any, domains.Real]

    @declare.density
    def log_density(self, xp, x):
        """Return the logarithm of the density at `x`."""
        inside = (x >= self.low) & (x <= self.high)
        return xp.where(inside, -xp.log(self.high - self.low) + 0 * x, -math.inf)


@declare.family(domains.POSITIVE)
class HalfOfNormal(NamedTuple):
    """The density of a normal distribution on half of its support, whose mass there is 1/2."""

    scale: Annotated[Any, domains.Positive]

    @declare.density
    def log_density(self, xp, x):
        """Return the logarithm of the function at `x`."""
        z = x / self.scale
        return -0.5 * z * z - xp.log(self.scale) - 0.5 * math.log(2 * math.pi)


@declare.family(domains.COUNTS)
class WithoutNorm(NamedTuple):
    """The terms rate^k / k! of the Poisson distribution, without its factor exp(-rate)."""

    rate: Annotated[Any, domains.Positive]

    @declare.density
    def log_density(self, xp, x):
        """Return the logarithm of the term at `x`."""
        return xp.xlogy(x, self.rate) - xp.gammaln(x + 1)


@only(
    ("p", "q", "message"),
    [
        (WideBox(2.0, 3.0), kldiv.Normal(0.0, 1.0), "the density of p, WideBox, integrates to 0, not to 1"),
        (kldiv.Normal(0.0, 0.1), WideBox(-500.0, 500.0), "the density of q, WideBox, integrates to 0"),
        (HalfOfNormal(1.0), kldiv.HalfNormal(1.0), "the density of p, HalfOfNormal, integrates to 0.5"),
        (kldiv.HalfNormal(1.0), HalfOfNormal(2.0), "the density of q, HalfOfNormal, integrates to 0.5"),
        (WithoutNorm(2.0), kldiv.Poisson(3.0), "the density of p, WithoutNorm, integrates to 7.389"),
        (kldiv.Poisson(2.0), WithoutNorm(3.0), "the density of q, WithoutNorm, integrates to 20.09"),
    ],
    ids=lambda x: "" if isinstance(x, str) else type(x).__name__,
)
def test_density_that_does_not_integrate_to_1_is_refused(eager, p, q, message):
    with pytest.raises(ValueError, match=message):
        kldiv.estimate(made(eager, p, "float64"), made(eager, q, "float64"))


def test_parameter_that_all_components_share(eager):
    """A kernel density estimate has one bandwidth for all of its components."""
    p = kldiv.Mixture([0.5, 0.5], kldiv.Normal([0.0, 1.0], 0.5))
    q = kldiv.Mixture([0.5, 0.5], kldiv.Normal([0.0, 1.0], [0.5, 0.5]))
    assert float(kldiv.estimate(p, q)) == 0
    assert float(kldiv.estimate(p, p)) == 0
