"""What `python -m kldiv` compares: worked examples, real data and nearly equal distributions, each with its truth.

The formulas that circulate are written here as people write them, wrong where they are wrong, and run live. The truths
use nothing of kldiv: SciPy's log densities in the definition E_p[log p - log q], or 60-digit decimals.
"""

import decimal
import functools
import math
from collections.abc import Sequence
from decimal import Decimal
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

import kldiv
from kldiv import domains

Vector = NDArray[np.float64]

DRAWS = 10_000


class Comparison(NamedTuple):
    """Two distributions, or a batch of pairs, and the divergences that every framework must find."""

    cases: Sequence[str]  # a label for each number
    p: Any
    q: Any
    truth: Vector
    circulates: Sequence[float] = ()  # what other ways to compute them give
    errors: Sequence[float] = ()  # the standard errors of those, if they are estimates
    total: str = ""  # "sum" or "mean": one more number at the end, over the batch
    dtype: str = "float64"
    peers: bool = False  # whether to ask the frameworks' own divergences too


class Example(NamedTuple):
    """A formula that circulates, and what is wrong with it."""

    title: str
    folklore: str
    comparisons: Sequence[Comparison]
    heading: str = "circulates"


class Dataset(NamedTuple):
    """A Gaussian for each class of a data set, and the divergences of all ordered pairs, row by row of a matrix."""

    name: str
    classes: Sequence[str]
    samples: Sequence[int]
    features: int
    element_wise: Comparison
    full_covariance: Comparison


class NearlyEqual(NamedTuple):
    """Two nearly equal distributions in float32, and what other libraries make of them."""

    comparison: Comparison
    textbook: float
    scipy: float | None


# ---------------------------------------------------------------------------------------------- truths from outside


def normal_truth(loc_p: ArrayLike, scale_p: ArrayLike, loc_q: ArrayLike, scale_q: ArrayLike) -> Vector:
    """E_p[log p - log q] with SciPy's log densities.

    The mean over loc_p - scale_p and loc_p + scale_p is the expectation: the integrand is quadratic, and two points
    with the mean and the variance of P integrate that exactly.
    """
    points = np.stack([np.subtract(loc_p, scale_p), np.add(loc_p, scale_p)])
    log_ratios = stats.norm.logpdf(points, loc_p, scale_p) - stats.norm.logpdf(points, loc_q, scale_q)
    return np.asarray(np.mean(log_ratios, axis=0))


def multivariate_normal_truth(loc_p: Vector, covariance_p: Vector, loc_q: Vector, covariance_q: Vector) -> float:
    """E_p[log p - log q] with SciPy's log densities.

    The mean over loc_p +- sqrt(d) times the columns of a square root of covariance_p is exact for quadratic integrands.
    """
    # The divergence does not depend on units. Those that are powers of two change no digit, and make all variances
    # about 1, which the eigenvalue decomposition inside SciPy needs for its last digits.
    unit = 2.0 ** -np.rint(np.log2(np.diag(covariance_q)) / 2)
    p: Any = (loc_p * unit, covariance_p * np.outer(unit, unit))
    q: Any = (loc_q * unit, covariance_q * np.outer(unit, unit))
    steps = math.sqrt(unit.size) * np.linalg.cholesky(p[1]).T
    points = np.concatenate([p[0] + steps, p[0] - steps])
    log_density = stats.multivariate_normal.logpdf
    return float(np.mean(log_density(points, *p) - log_density(points, *q)))


def _exactly(x: ArrayLike) -> list[Decimal]:
    return [Decimal(v) for v in np.ravel(x).tolist()]


def normal_truth_decimal(loc_p: float, scale_p: float, loc_q: float, scale_q: float) -> Decimal:
    """The textbook formula in decimals, whose 60 digits leave enough after any cancellation."""
    with decimal.localcontext(prec=60):
        m_p, s_p, m_q, s_q = _exactly([loc_p, scale_p, loc_q, scale_q])
        return (s_q / s_p).ln() + (s_p**2 + (m_p - m_q) ** 2) / (2 * s_q**2) - Decimal("0.5")


def categorical_truth_decimal(probs_p: ArrayLike, probs_q: ArrayLike) -> Decimal:
    """The definition in decimals; probabilities count as divided by their exact sum."""
    with decimal.localcontext(prec=60):
        x, y = _exactly(probs_p), _exactly(probs_q)
        terms = [a * (a / b).ln() for a, b in zip(x, y, strict=True)]
        return sum(terms, Decimal(0)) / sum(x) + (sum(y, Decimal(0)) / sum(x)).ln()


def poisson_truth_decimal(rate_p: float, rate_q: float) -> Decimal:
    """The textbook formula in decimals."""
    with decimal.localcontext(prec=60):
        x, y = _exactly([rate_p, rate_q])
        return x * (x / y).ln() - x + y


# --------------------------------------------------------------------------------------- the formulas that circulate


def inverted_trace(mean1: Vector, ln_var1: Vector, mean2: Vector, ln_var2: Vector) -> Vector:
    """The batch KL of diagonal Gaussians; the trace term should be exp(ln_var1 - ln_var2)."""
    trace = np.exp(ln_var2 - ln_var1)
    mahalanobis = (mean2 - mean1) ** 2 / np.exp(ln_var2)
    return np.asarray(0.5 * np.sum(trace + mahalanobis - 1 + ln_var2 - ln_var1, axis=1))


def log10_beside_nats(mean1: Vector, sd1: Vector, mean2: Vector, sd2: Vector) -> Vector:
    """The KL of normals, term by term; the logarithm should be natural."""
    return np.asarray(np.log10(sd2 / sd1) + (sd1**2 + (mean1 - mean2) ** 2) / (2 * sd2**2) - 0.5)


def inv_and_det(means0: Vector, cov0: Vector, mean1: Vector, cov1: Vector) -> Vector:
    """The KL of a stack of Gaussians with one covariance to another; in many dimensions det is no ordinary float."""
    with np.errstate(all="ignore"):
        inverse = np.linalg.inv(cov1)
        difference = mean1 - means0
        trace = np.trace(inverse @ cov0)
        log_det = np.log(np.linalg.det(cov1) / np.linalg.det(cov0))
        mahalanobis = np.sum(difference @ inverse * difference, axis=1)
        return np.asarray(0.5 * (trace + log_det + mahalanobis - len(cov0)))


def forgotten_dx(x: Vector, mean1: float, sd1: float, mean2: float, sd2: float) -> float:
    """The sum of p log(p / q) over a grid; it should be multiplied by the distance of the points."""
    p, q = stats.norm.pdf(x, mean1, sd1), stats.norm.pdf(x, mean2, sd2)
    return float(np.sum(p * np.log(p / q)))


# --------------------------------------------------------------------------------------------------- worked examples


class MonteCarlo(NamedTuple):
    """Two diagonal Gaussians, draws from the first, and the log density ratios at them, whose mean estimates the KL."""

    loc_p: Vector
    scale_p: Vector
    loc_q: Vector
    scale_q: Vector
    draws: Vector
    log_ratios: Vector

    @property
    def standard_error(self) -> float:
        """The standard error of the mean of the log density ratios."""
        return float(np.std(self.log_ratios, ddof=1) / math.sqrt(self.log_ratios.size))


@functools.cache
def monte_carlo() -> MonteCarlo:
    """Draw from a seeded generator of its own, so that every run shows the same."""
    p, q = (np.array([1.0, 4.0]), np.array([1.0, 1.0])), (np.array([-3.0, 2.0]), np.array([2.5, 2.5]))
    draws = np.random.default_rng(0).normal(*p, size=(DRAWS, 2))
    return MonteCarlo(*p, *q, draws, np.sum(stats.norm.logpdf(draws, *p) - stats.norm.logpdf(draws, *q), axis=1))


@kldiv.declare.family(domains.REALS)
class NormalVariance(NamedTuple):
    """The normal distribution by its variance, on NumPy."""

    loc: Annotated[Any, domains.Real]
    variance: Annotated[Any, domains.Positive]

    def log_density(self, x: Vector) -> Vector:
        """Return the logarithm of the density at `x`."""
        return np.asarray(-0.5 * (x - self.loc) ** 2 / self.variance - 0.5 * np.log(2 * np.pi * self.variance))


@functools.cache
def descent() -> kldiv.Fit:
    """The gradient descent that circulates as a notebook: towards N(0, 7) in mean and variance, from N(5, 1).

    Its target is the sum over a grid that forgot dx, which makes every step 10 times as long.
    """
    x = np.arange(-10.0, 10.0, 0.1)
    target = kldiv.from_grid(x, stats.norm.pdf(x, 0.0, math.sqrt(7.0)), width=1.0, normalize=False)
    return kldiv.fit(
        target,
        NormalVariance(5.0, 1.0),
        optimizer="gradient-descent",
        learning_rate=0.01,
        steps=911,
        unconstrained=False,
    )


def _batch_from_log_variances() -> Comparison:
    mean = np.repeat([[5.0], [10.0], [0.1], [0.0]], 3, axis=1)
    log_variance = np.repeat(np.log([[10.0], [math.e], [math.e], [math.e]]), 3, axis=1)
    zero, one = np.zeros_like(mean), np.ones_like(mean)
    truth = normal_truth(zero, np.exp(one / 2), mean, np.exp(log_variance / 2)).sum(axis=1)
    circulates = inverted_trace(zero, one, mean, log_variance)
    return Comparison(
        cases=["N(0, e) || N(5, 10)", "N(0, e) || N(10, e)", "N(0, e) || N(0.1, e)", "N(0, e) || itself", "batch mean"],
        p=kldiv.Independent(kldiv.NormalLogVariance(zero, one)),
        q=kldiv.Independent(kldiv.NormalLogVariance(mean, log_variance)),
        truth=np.append(truth, truth.mean()),
        circulates=[*circulates, circulates.mean()],
        total="mean",
    )


def _terms() -> Comparison:
    p = np.array([2.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0])
    q = np.array([3.0, 5.0, 8.0]), np.array([1.5, 2.5, 4.0])
    truth, circulates = normal_truth(*p, *q), log10_beside_nats(*p, *q)
    return Comparison(
        cases=["N(2, 1²) || N(3, 1.5²)", "N(4, 2²) || N(5, 2.5²)", "N(6, 3²) || N(8, 4²)", "their sum"],
        p=kldiv.Normal(*p),
        q=kldiv.Normal(*q),
        truth=np.append(truth, truth.sum()),
        circulates=[*circulates, circulates.sum()],
        total="sum",
    )


def _stack_of_means(cases: Sequence[str], means: Vector, covariance_p: Vector, covariance_q: Vector) -> Comparison:
    origin = np.zeros(len(covariance_q))
    return Comparison(
        cases=cases,
        p=kldiv.MultivariateNormal(means, covariance_p),
        q=kldiv.MultivariateNormal(origin, covariance_q),
        truth=np.array([multivariate_normal_truth(mean, covariance_p, origin, covariance_q) for mean in means]),
        circulates=inv_and_det(means, covariance_p, origin, covariance_q).tolist(),
    )


def _tiny_variances(dimension: int) -> Comparison:
    index = np.arange(dimension)
    correlation = 0.1 ** np.abs(index[:, None] - index)
    means = np.full((1, dimension), 1e-4)
    case = f"{dimension} dimensions, variance 1e-8"
    return _stack_of_means([case], means, 1e-8 * correlation, 1e-8 * np.eye(dimension))


def _density_on_a_grid() -> Comparison:
    return Comparison(
        cases=["N(0, 1) || N(1, 1), dx 0.001"],
        p=kldiv.Normal(np.array([0.0]), np.array([1.0])),
        q=kldiv.Normal(np.array([1.0]), np.array([1.0])),
        truth=normal_truth([0.0], [1.0], [1.0], [1.0]),
        circulates=[forgotten_dx(np.linspace(-10.0, 10.0, 20_001), 0.0, 1.0, 1.0, 1.0)],
    )


def _against_monte_carlo() -> Comparison:
    mc = monte_carlo()
    p, q = (mc.loc_p, mc.scale_p), (mc.loc_q, mc.scale_q)
    return Comparison(
        cases=["[1, 4], sd 1 || [-3, 2], sd 2.5"],
        p=kldiv.MultivariateNormalDiag(*p),
        q=kldiv.MultivariateNormalDiag(*q),
        truth=np.array([normal_truth(*p, *q).sum()]),
        circulates=[float(np.mean(mc.log_ratios))],
        errors=[mc.standard_error],
    )


def worked_examples() -> list[Example]:
    """Return the examples, with what circulates and the truths computed."""
    grid_total = float(np.sum(stats.norm.pdf(np.arange(-10.0, 10.0, 0.1), 0.0, math.sqrt(7.0))))
    return [
        Example(
            "The trace term upside down",
            "The batch KL of diagonal Gaussians from (mean, log-variance), here in 3 dimensions, circulates with "
            "exp(ln_var2 - ln_var1) as its trace term; exp(ln_var1 - ln_var2) is right, and at equal variances "
            "nobody notices.",
            [_batch_from_log_variances()],
        ),
        Example(
            "log10 beside nats",
            "One term in log10, the others in nats: no term of this sum can be negative, and one is.",
            [_terms()],
        ),
        Example(
            "inv and det",
            "log(det S1 / det S0) is right while the determinants are ordinary floats; it loses digits where they are "
            "subnormal, and everything where they underflow.",
            [
                _stack_of_means(
                    [f"stack of means: [{a}, {b}]" for a, b in ((0, 0), (1, 0), (1, 2))],
                    np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 2.0]]),
                    np.array([[1.0, 0.5], [0.5, 2.0]]),
                    np.array([[2.0, 0.3], [0.3, 1.0]]),
                ),
                _tiny_variances(40),
                _tiny_variances(100),
            ],
        ),
        Example(
            "The sum that forgot dx",
            "A sum of p log(p / q) over a grid of density values is 1/dx times the KL, and so is every gradient step "
            f"along it: p with variance 7 on -10, -9.9, ..., 10 adds up to {grid_total:.5g}, not to 1.",
            [_density_on_a_grid()],
        ),
        Example(
            "The mean of log density ratios",
            f"Right, but an estimate: the mean over {DRAWS} draws, with one standard error.",
            [_against_monte_carlo()],
            heading="Monte Carlo",
        ),
    ]


# --------------------------------------------------------------------------------------------------------- real data


def real_data() -> list[Dataset]:
    """Return Gaussians fitted to the classes of the data sets that scikit-learn has on board.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    """
    sklearn = import_module("sklearn.datasets")
    return [_fitted("Iris", sklearn.load_iris()), _fitted("Wine", sklearn.load_wine())]


def _fitted(name: str, bunch: Any) -> Dataset:
    classes = [str(c).replace("_", " ") for c in bunch.target_names]
    groups = [bunch.data[bunch.target == label] for label in range(len(classes))]
    loc = np.stack([np.mean(x, axis=0) for x in groups])
    covariance = np.stack([np.cov(x, rowvar=False) for x in groups])
    scale = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    pairs = [(i, j) for i in range(len(classes)) for j in range(len(classes))]
    cases = [f"{classes[i]} || {classes[j]}" for i, j in pairs]
    # Every row against every column: a batch axis of length 1 on either side, and broadcasting does the rest.
    element_wise = Comparison(
        cases=cases,
        p=kldiv.Independent(kldiv.Normal(loc[:, None], scale[:, None])),
        q=kldiv.Independent(kldiv.Normal(loc, scale)),
        truth=np.array([normal_truth(loc[i], scale[i], loc[j], scale[j]).sum() for i, j in pairs]),
    )
    full_covariance = Comparison(
        cases=cases,
        p=kldiv.MultivariateNormal(loc[:, None], covariance[:, None]),
        q=kldiv.MultivariateNormal(loc, covariance),
        truth=np.array([multivariate_normal_truth(loc[i], covariance[i], loc[j], covariance[j]) for i, j in pairs]),
    )
    return Dataset(name, classes, [len(x) for x in groups], loc.shape[1], element_wise, full_covariance)


# ----------------------------------------------------------------------------------------------------- near equality


def near_equality() -> list[NearlyEqual]:
    """Return pairs that differ by a relative 1e-4, in float32, where differences of logarithms keep no digit."""
    return [_near_normal(), _near_categorical(), _near_poisson(), _near_multivariate_normal()]


def _single(x: ArrayLike) -> NDArray[np.float32]:
    return np.asarray(x, dtype=np.float32)


def _compared(case: str, p: Any, q: Any, truth: Decimal) -> Comparison:
    return Comparison([case], p, q, np.array([float(truth)]), dtype="float32", peers=True)


def _near_normal() -> NearlyEqual:
    m_p, s_p, m_q, s_q = _single([0.3, 0.7, 0.30003, 0.70007])
    truth = normal_truth_decimal(float(m_p), float(s_p), float(m_q), float(s_q))
    textbook = np.log(s_q / s_p) + (s_p**2 + (m_p - m_q) ** 2) / (2 * s_q**2) - np.float32(0.5)
    comparison = _compared("Normal", kldiv.Normal(m_p, s_p), kldiv.Normal(m_q, s_q), truth)
    return NearlyEqual(comparison, float(textbook), None)


def _near_categorical() -> NearlyEqual:
    weights = np.arange(1.0, 11.0)
    changed = weights * (1 + 1e-4 * (-1.0) ** np.arange(10))
    x, y = _single(weights / weights.sum()), _single(changed / changed.sum())
    comparison = _compared(
        "Categorical, K=10", kldiv.Categorical(x), kldiv.Categorical(y), categorical_truth_decimal(x, y)
    )
    return NearlyEqual(comparison, float(np.sum(x * np.log(x / y))), float(stats.entropy(x, y)))


def _near_poisson() -> NearlyEqual:
    x, y = _single([1e6, 1e6 + 100])
    comparison = _compared(
        "Poisson, rate 1e6", kldiv.Poisson(x), kldiv.Poisson(y), poisson_truth_decimal(float(x), float(y))
    )
    return NearlyEqual(comparison, float(x * np.log(x / y) - x + y), float(special.kl_div(x, y)))


def _near_multivariate_normal() -> NearlyEqual:
    identity = np.eye(50, dtype=np.float32)
    loc, covariance_q = np.zeros_like(identity[0]), np.float32(1.0001) * identity
    with decimal.localcontext(prec=60):
        v = Decimal(float(np.float32(1.0001)))  # 50 independent components, whose variances are 1 and v
        truth = 50 * (v.ln() + 1 / v - 1) / 2
    inverse = np.linalg.inv(covariance_q)
    log_det = np.log(np.linalg.det(covariance_q) / np.linalg.det(identity))
    comparison = _compared(
        "Normal, d=50",
        kldiv.MultivariateNormal(loc, identity),
        kldiv.MultivariateNormal(loc, covariance_q),
        truth,
    )
    return NearlyEqual(comparison, float(0.5 * (np.trace(inverse @ identity) + log_det - np.float32(50))), None)
