"""Distributions of NumPyro: their densities, gradients, round trips, and its own table of divergences."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
import pytest

import kldiv

only = pytest.mark.parametrize

PROBS = jnp.array([0.2, 0.3, 0.5])
MATRIX = jnp.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.1], [0.0, 0.1, 1.5]])
ZERO = jnp.zeros(3)
NORMAL = nd.Normal(0.1, 1.2)
MADE = {
    "Bernoulli by logits": lambda: nd.Bernoulli(logits=0.3),
    "Categorical by logits": lambda: nd.Categorical(logits=PROBS),
    "GammaPoisson": lambda: nd.GammaPoisson(2.0, 3.0),
    "Independent": lambda: nd.Normal(0.0, 1.0).expand([2, 3]).to_event(2),
    "Levy": lambda: nd.Levy(0.0, 2.0),
    "MixtureSameFamily": lambda: nd.MixtureSameFamily(nd.Categorical(PROBS), nd.Normal(ZERO, 1.0)),
    "MultivariateNormal": lambda: nd.MultivariateNormal(ZERO, MATRIX),
    "NegativeBinomial": lambda: nd.NegativeBinomial(3.0, 0.3),
    "Normal, expanded": lambda: NORMAL.expand([3]),
    "TruncatedNormal": lambda: nd.TruncatedNormal(0.1, 1.2, low=-1.0, high=2.0),
    "Wishart": lambda: nd.Wishart(5.0, scale_tril=jnp.linalg.cholesky(MATRIX)),
}


@only("made", MADE.values(), ids=MADE.keys())
def test_log_density_is_that_of_the_object_and_so_is_that_of_the_round_trip(made):
    d = made()
    x = d.sample(jax.random.key(0), (4,))
    family = kldiv.from_distribution(d)
    expected = np.asarray(d.log_prob(x))
    np.testing.assert_allclose(family.log_density(x), expected, rtol=1e-6, atol=1e-8)
    again = kldiv.to_distribution(family, "numpyro")
    np.testing.assert_allclose(again.log_prob(x), expected, rtol=1e-6, atol=1e-8)


def test_gradient_under_jit_arrives_at_the_array_of_the_caller():
    slope = jax.jit(jax.grad(lambda loc: kldiv.kl_divergence(nd.Normal(loc, 1.0), NORMAL)))
    assert float(slope(2.0)) == pytest.approx(1.9 / 1.44, rel=1e-12)


@only(
    ("d", "words"),
    [
        (NORMAL.mask(False), "a masked distribution has no density"),
        (nd.Delta(0.0, log_density=1.0), "log_density is not 0"),
        (nd.Levy(1.0, 1.0), "loc is not 0"),
    ],
    ids=["masked", "weighted", "shifted"],
)
def test_what_is_not_converted_says_why(d, words):
    with pytest.raises(TypeError, match=words):
        kldiv.kl_divergence(d, NORMAL)


def test_estimate_takes_what_has_no_family():
    estimate = kldiv.estimate(nd.ZeroInflatedPoisson(0.3, 2.0), nd.Poisson(2.0))
    k = np.arange(60)
    p, q = (np.exp(np.asarray(d.log_prob(k))) for d in (nd.ZeroInflatedPoisson(0.3, 2.0), nd.Poisson(2.0)))
    assert float(estimate) == pytest.approx(np.sum(p * np.log(p / q)), rel=1e-9)


def test_registration_gives_numpyro_pairs_that_it_lacks():
    gamma, log_normal = nd.Gamma(2.0, 1.0), nd.LogNormal(0.0, 1.0)
    with pytest.raises(NotImplementedError):
        nd.kl_divergence(gamma, log_normal)
    own = nd.kl_divergence(NORMAL, nd.Normal(0.0, 1.0))
    assert kldiv.register_with("numpyro") > 500
    assert kldiv.register_with("numpyro") == 0
    expected = kldiv.kl_divergence(kldiv.Gamma(2.0, 1.0), kldiv.LogNormal(0.0, 1.0))
    assert float(nd.kl_divergence(gamma, log_normal)) == pytest.approx(float(expected), rel=1e-12)
    assert float(nd.kl_divergence(NORMAL, nd.Normal(0.0, 1.0))) == float(own)
