"""Log densities of all families whose outcomes are numbers: the oracle's, which integrate to 1, and SciPy's."""

import numpy as np
import pytest
import scipy.stats as s

import kldiv
import kldiv.families
import reference
from cases import SIMPLE, number, ordinary
from kldiv._core.family import support_of
from nodes import nodes_of
from oracle import Atoms, Integers, Interval, mp

ROWS = 3
each_family = pytest.mark.parametrize("family", [f for f in SIMPLE if not support_of(f).axes], ids=lambda f: f.__name__)


def parameters(family):
    """Return ordinary parameters that float32 holds, each with one batch axis."""
    drawn = ordinary(np.random.default_rng(number(family)), family, ROWS)
    return [drawn[name].astype("float32").astype("float64") for name in family._fields]


def record_of(family, row):
    """Return support, log density and bulk of the oracle for one row of parameters."""
    record, converted = reference.converted(family.__name__, [a[row] for a in parameters(family)])
    return record.support(*converted), record.log_density(*converted), record, converted


def outcomes(support, record, converted):
    """Return a few outcomes inside the support."""
    match support:
        case Atoms():
            return [float(x) for x in support.points[:12]]
        case Integers():
            return [support.low + float(k) for k in range(12)]
        case Interval():
            centre, width = record.bulk(*converted)
            points = [float(centre + width * t) for t in np.linspace(-1.9, 2.1, 11)]
            return [x for x in points if support.low < x < support.high]


@each_family
def test_log_density_is_that_of_the_oracle(eager, family):
    arrays = [eager.array(a[:, None], "float64") for a in parameters(family)]
    points = [outcomes(*record_of(family, row)[::2], record_of(family, row)[3]) for row in range(ROWS)]
    count = min(map(len, points))
    x = np.asarray([row[:count] for row in points])
    values = eager.to_numpy(family(*arrays).log_density(eager.array(x, "float64")))
    expected = [[float(record_of(family, row)[1](mp.mpf(point))) for point in x[row]] for row in range(ROWS)]
    assert count > 1
    np.testing.assert_allclose(values, expected, rtol=1e-11, atol=1e-11)


@each_family
@pytest.mark.one_in(4)
def test_density_integrates_to_one(family):
    for row in range(ROWS):
        distribution = family(*[a[row] for a in parameters(family)])
        support, _, record, converted = record_of(family, row)
        match support:
            case Atoms():
                x, weights = np.asarray([float(x) for x in support.points]), 1.0
            case Integers():
                x, weights = support.low + np.arange(1e5), 1.0
            case Interval():
                x, weights = nodes_of(record, converted)
        density = np.exp(distribution.log_density(x))
        inside = (x > support.low) & (x < support.high) if isinstance(support, Interval) else np.isfinite(x)
        missing = x[-1] * density[-1] if isinstance(support, Integers) else 0.0  # about, of a power law's tail
        np.testing.assert_allclose(np.sum((density * weights)[inside]), 1, atol=5e-3 + 10 * missing)


def gengamma(scale, concentration, power):
    return s.gengamma(concentration / power, power, scale=scale)


SCIPY = {
    "AsymmetricLaplace": lambda loc, scale, k: s.laplace_asymmetric(k, loc, scale),
    "Bernoulli": s.bernoulli,
    "Beta": s.beta,
    "BetaBinomial": s.betabinom,
    "BetaPrime": s.betaprime,
    "Binomial": s.binom,
    "Cauchy": s.cauchy,
    "Chi": s.chi,
    "Chi2": s.chi2,
    "DiscreteUniform": lambda low, high: s.randint(low, high + 1),
    "ExpGamma": lambda a, rate: s.loggamma(a, loc=-np.log(rate)),
    "Exponential": lambda rate: s.expon(scale=1 / rate),
    "Frechet": lambda scale, a: s.invweibull(a, scale=scale),
    "Gamma": lambda a, rate: s.gamma(a, scale=1 / rate),
    "GeneralizedGamma": gengamma,
    "GeneralizedNormal": lambda loc, scale, power: s.gennorm(power, loc, scale),
    "Geometric": lambda probs: s.geom(probs, loc=-1),
    "Gumbel": s.gumbel_r,
    "HalfCauchy": lambda scale: s.halfcauchy(scale=scale),
    "HalfNormal": lambda scale: s.halfnorm(scale=scale),
    "InverseGamma": lambda a, rate: s.invgamma(a, scale=rate),
    "InverseGaussian": lambda loc, shape: s.invgauss(loc / shape, scale=shape),
    "Laplace": s.laplace,
    "Levy": lambda scale: s.levy(scale=scale),
    "LogLogistic": lambda loc, scale: s.fisk(1 / scale, scale=np.exp(loc)),
    "LogNormal": lambda loc, scale: s.lognorm(scale, scale=np.exp(loc)),
    "LogSeries": s.logser,
    "LogUniform": s.loguniform,
    "Logistic": s.logistic,
    "Lomax": lambda scale, alpha: s.lomax(alpha, scale=scale),
    "Maxwell": lambda scale: s.maxwell(scale=scale),
    "Moyal": s.moyal,
    "Nakagami": lambda m, spread: s.nakagami(m, scale=np.sqrt(spread)),
    "NegativeBinomial": lambda count, probs: s.nbinom(count, 1 - probs),
    "Normal": s.norm,
    "Pareto": lambda scale, alpha: s.pareto(alpha, scale=scale),
    "Poisson": s.poisson,
    "Rayleigh": lambda scale: s.rayleigh(scale=scale),
    "StudentT": s.t,
    "TruncatedNormal": lambda loc, scale, low, high: s.truncnorm((low - loc) / scale, (high - loc) / scale, loc, scale),
    "Uniform": lambda low, high: s.uniform(low, high - low),
    "VonMises": lambda loc, concentration: s.vonmises(concentration, loc),
    "Weibull": lambda scale, a: s.weibull_min(a, scale=scale),
    "Zeta": s.zipf,
}


@pytest.mark.parametrize("name", [name for name in SCIPY if name in kldiv.families.__all__])
def test_log_density_is_scipys(eager, name):
    family = getattr(kldiv, name)
    for row in range(ROWS):
        values = [a[row] for a in parameters(family)]
        support, _, record, converted = record_of(family, row)
        x = np.asarray(outcomes(support, record, converted))
        own = SCIPY[name](*values)
        expected = own.logpmf(x) if isinstance(own, s._distn_infrastructure.rv_discrete_frozen) else own.logpdf(x)
        distribution = family(*[eager.array(a, "float64") for a in values])
        value = eager.to_numpy(distribution.log_density(eager.array(x, "float64")))
        np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-9)
