"""Distributions of SciPy and scikit-learn: their densities, round trips, and what is refused."""

import numpy as np
import pytest
import scipy.stats as s
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

import kldiv
from kldiv import declare

only = pytest.mark.parametrize

PROBS = [0.2, 0.3, 0.5]
MATRIX = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.1], [0.0, 0.1, 1.5]])
NUMBERS = [
    *(s.norm(0.1, 1.2), s.cauchy(0.1, 1.2), s.gennorm(1.5, 0.1, 1.2), s.gumbel_r(0.1, 1.2), s.laplace(0.1, 1.2)),
    *(s.laplace_asymmetric(1.5, 0.1, 1.2), s.logistic(0.1, 1.2), s.moyal(0.1, 1.2), s.t(3, 0.1, 1.2)),
    *(s.truncnorm(-1, 2, 0.1, 1.2), s.uniform(0.1, 1.2), s.chi2(3, scale=2.0), s.erlang(3, scale=2.0)),
    *(s.expon(scale=2.0), s.fisk(3, scale=2.0), s.gamma(a=3, scale=2.0), s.gengamma(3, 1.5, scale=2.0)),
    *(s.halfcauchy(scale=2.0), s.halfnorm(scale=2.0), s.invgamma(3, scale=2.0), s.invgauss(3, scale=2.0)),
    *(s.invweibull(3, scale=2.0), s.levy(scale=2.0), s.lognorm(0.5, scale=2.0), s.lomax(3, scale=2.0)),
    *(s.loguniform(1, 3, scale=2.0), s.maxwell(scale=2.0), s.nakagami(3, scale=2.0), s.pareto(3, scale=2.0)),
    *(s.rayleigh(scale=2.0), s.weibull_min(3, scale=2.0), s.beta(2, 3), s.betaprime(2, 3), s.chi(3)),
    *(s.loggamma(2, loc=0.3), s.vonmises(2, loc=0.1), s.wrapcauchy(0.5), s.wald(scale=2.0), s.arcsine()),
    *(s.bernoulli(0.3), s.betabinom(5, 2, 3), s.binom(5, 0.3), s.logser(0.3), s.nbinom(3, 0.3), s.poisson(2)),
    *(s.zipf(2.5), s.geom(0.3, loc=-1), s.randint(1, 7), s.powerlaw(2)),
]


def name_of(d):
    return d.dist.name


def log_density(d, x):
    return d.logpmf(x) if hasattr(d.dist, "pmf") else d.logpdf(x)


@only("d", NUMBERS, ids=name_of)
def test_log_density_is_that_of_scipy_and_so_is_that_of_the_round_trip(d):
    x = d.rvs(8, random_state=np.random.default_rng(0))
    family = kldiv.from_distribution(d)
    np.testing.assert_allclose(family.log_density(x.astype(float)), log_density(d, x), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(log_density(kldiv.to_distribution(family, "scipy"), x), log_density(d, x), rtol=1e-9)


VECTORS = {
    "multivariate_normal": (s.multivariate_normal([0, 0, 0], MATRIX), "logpdf"),
    "multinomial": (s.multinomial(5, PROBS), "logpmf"),
    "vonmises_fisher": (s.vonmises_fisher([1.0, 0, 0], 2.0), "logpdf"),
    "matrix_normal": (s.matrix_normal(np.zeros((3, 3)), MATRIX, MATRIX), "logpdf"),
    "dirichlet": (s.dirichlet(PROBS), "logpdf"),
    "wishart": (s.wishart(5, MATRIX), "logpdf"),
    "invwishart": (s.invwishart(5, MATRIX), "logpdf"),
}


@only(("d", "method"), VECTORS.values(), ids=VECTORS.keys())
def test_log_density_of_vectors_and_matrices_is_that_of_scipy(d, method):
    (x,) = d.rvs(1, random_state=np.random.default_rng(0)).reshape(1, *np.shape(d.rvs(1))[-2:])[-1:]
    x = x[0] if np.ndim(x) == 2 and x.shape[0] == 1 else x
    family = kldiv.from_distribution(d)
    expected = getattr(d, method)(x)
    np.testing.assert_allclose(family.log_density(np.asarray(x, float)), np.squeeze(expected), rtol=1e-9)
    again = kldiv.to_distribution(family, "scipy")
    np.testing.assert_allclose(getattr(again, method)(x), expected, rtol=1e-9)


@only("made", [lambda: s.Normal(mu=0.1, sigma=1.2), lambda: s.Normal(), lambda: s.Uniform(a=0.1, b=1.2)])
@pytest.mark.skipif(not hasattr(s, "Normal"), reason="since SciPy 1.15")
def test_log_density_is_that_of_the_new_classes(made):
    np.testing.assert_allclose(kldiv.from_distribution(made()).log_density([0.2, 1.0]), made().logpdf([0.2, 1.0]))


@only("points", [np.arange(5.0), np.random.default_rng(0).normal(size=(2, 9))], ids=["numbers", "vectors"])
def test_density_of_samples_is_a_mixture(points):
    kde = s.gaussian_kde(points)
    x = points[..., :3]
    np.testing.assert_allclose(kldiv.from_distribution(kde).log_density(x.T), kde.logpdf(x), rtol=1e-9)


@only("density", [True, False])
def test_histogram_has_its_density(density):
    d = s.rv_histogram(
        np.histogram([0.0, 1.0, 1.5, 4.0, 9.0], bins=[0.0, 1.0, 3.0, 10.0], density=density), density=density
    )
    x = [0.5, 1.0, 5.0]
    np.testing.assert_allclose(kldiv.from_distribution(d).log_density(x), d.logpdf(x))


@only("kind", ["full", "tied", "diag", "spherical"])
def test_fitted_mixture_has_its_density(kind):
    x = np.random.default_rng(0).normal(size=(60, 2))
    mixture = GaussianMixture(2, covariance_type=kind, random_state=0, tol=1.0).fit(x)
    np.testing.assert_allclose(kldiv.from_distribution(mixture).log_density(x), mixture.score_samples(x), rtol=1e-7)


def test_fitted_mixture_of_bayes_has_the_density_of_its_samples():
    x = np.random.default_rng(0).normal(size=(60, 2))  # score_samples is a bound of the evidence, and no density
    mixture = BayesianGaussianMixture(n_components=2, random_state=0, tol=1.0).fit(x)
    components = zip(mixture.weights_, mixture.means_, mixture.covariances_, strict=True)
    expected = np.log(sum(w * s.multivariate_normal(m, c).pdf(x) for w, m, c in components))
    np.testing.assert_allclose(kldiv.from_distribution(mixture).log_density(x), expected, rtol=1e-7)


REFUSED = {
    "not fitted": (GaussianMixture(2), "it is not fitted: call its method fit"),
    "location": (s.gamma(2.0, loc=1.0), "loc is not 0, and no family has that parameter"),
    "scale": (s.beta(2.0, 1.0, scale=2.0), "scale - 1 is not 0"),
    "no smallest integer": (s.skellam(1.0, 2.0), "integers without a smallest one"),
    "no parameters": (s.norm, r"norm_gen, not a distribution .* nearest of which is Normal\(loc=..., scale=...\)"),
    "no converter": (s.multivariate_t([0.0]), r"declare one with @kldiv.declare.converter\(multivariate_t_frozen\)"),
    "batch without a family": (s.skewnorm([1.0, 2.0]), r"without one a batch, of shape \(2,\), cannot be taken"),
}


@only(("d", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_converted_says_why(d, words):
    with pytest.raises(TypeError, match=f"^q is a .*{words}"):
        kldiv.kl_divergence(kldiv.Normal(0.0, 1.0), d)


P, Q = s.norm(0.0, 1.0), s.norm([0.0, 1.0], 2.0)
EVERYWHERE = {
    "kl_divergence": lambda p, q: kldiv.kl_divergence(p, q),
    "estimate": lambda p, q: kldiv.estimate(p, q).value,
    "pairwise": lambda p, q: kldiv.pairwise(q, q),
    "sample": lambda p, q: kldiv.sample(q, 3, rng=0),
    "project": lambda p, q: kldiv.project(q, kldiv.Laplace).scale,
    "fit target": lambda p, q: kldiv.fit(p, kldiv.Normal(1.0, 2.0)).divergence,
    "fit init": lambda p, q: kldiv.fit(kldiv.Normal(1.0, 2.0), p).divergence,
    "from_grid": lambda p, q: kldiv.from_grid(np.linspace(-9, 9, 99), p).mass,
    "estimate_from_samples": lambda p, q: kldiv.estimate_from_samples(np.arange(50.0) ** 1.1 / 10, p).value,
    "held": lambda p, q: kldiv.kl_divergence(kldiv.Independent(q), kldiv.Independent(q)),
}
FAMILIES = kldiv.Normal(0.0, 1.0), kldiv.Normal([0.0, 1.0], 2.0)


@only("function", EVERYWHERE.values(), ids=EVERYWHERE.keys())
def test_objects_are_taken_wherever_families_are(function):
    np.testing.assert_array_equal(function(P, Q), function(*FAMILIES))


def test_estimate_takes_what_has_no_family():
    # Normal(0, 1) is skewnorm with a = 0, of which E log(2 Phi(a x)) makes the rest.
    expected = -s.norm.expect(lambda x: np.log(2) + s.norm.logcdf(2 * x))
    estimate = kldiv.estimate(s.norm(), s.skewnorm(2.0))
    assert bool(estimate.converged)
    assert float(estimate) == pytest.approx(expected, rel=1e-6)


def test_divergence_from_a_density_of_samples_is_not_that_from_its_values():
    x, y = np.random.default_rng(0).normal(0, 1, 500), np.random.default_rng(1).normal(0, 1, 500)
    kde = s.gaussian_kde(y)
    expected = np.mean(s.norm.logpdf(x) - kde.logpdf(x))
    assert float(kldiv.estimate_from_samples(x, kde)) == pytest.approx(expected, abs=0.3)


class Measurement:
    def __init__(self, value):
        self.value = value


@declare.converter(Measurement)
def measurement_as_poisson(x):
    return s.poisson(x.value)  # an object that has a converter in its turn


def test_class_of_a_user_has_a_converter():
    assert kldiv.from_distribution(Measurement(2.0)) == kldiv.Poisson(2.0)
    assert float(kldiv.kl_divergence(Measurement(2.0), kldiv.Poisson(2.0))) == 0.0


@only("cls", [kldiv.Normal, 3, "Normal"])
def test_converter_is_for_classes_of_others(cls):
    with pytest.raises(TypeError, match="is not a class of other distributions"):
        declare.converter(cls)


def test_library_that_is_none_is_refused():
    with pytest.raises(ValueError, match="library must be one of 'numpyro', 'tfp', 'torch', 'scipy'; got 'pymc'"):
        kldiv.to_distribution(kldiv.Normal(0.0, 1.0), "pymc")


def test_family_that_a_library_lacks_is_named():
    with pytest.raises(TypeError, match=r"scipy has no distribution for Lindley; it has .*Normal"):
        kldiv.to_distribution(kldiv.Lindley(1.0), "scipy")
