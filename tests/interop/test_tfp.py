"""Distributions of TensorFlow Probability: their densities, gradients, round trips, and its table of divergences."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import kldiv

only = pytest.mark.parametrize

PROBS = tf.constant([0.2, 0.3, 0.5])
MATRIX = tf.constant([[2.0, 0.5, 0.0], [0.5, 1.0, 0.1], [0.0, 0.1, 1.5]])
FACTOR = tf.linalg.cholesky(MATRIX)
ZERO = tf.zeros(3)
MADE = {
    "Bernoulli by logits": lambda: tfd.Bernoulli(logits=0.3),
    "BetaBinomial": lambda: tfd.BetaBinomial(7.0, 2.0, 3.0),
    "Binomial": lambda: tfd.Binomial(5.0, probs=0.3),
    "Categorical": lambda: tfd.Categorical(probs=PROBS),
    "Deterministic": lambda: tfd.VectorDeterministic(ZERO),
    "ExpInverseGamma": lambda: tfd.ExpInverseGamma(2.0, 3.0),
    "Gamma by the logarithm of its rate": lambda: tfd.Gamma(2.0, log_rate=0.3),
    "Geometric by logits": lambda: tfd.Geometric(logits=0.3),
    "HalfCauchy": lambda: tfd.HalfCauchy(0.0, 1.2),
    "Independent": lambda: tfd.Independent(tfd.Normal(tf.zeros((2, 3)), 1.0), 2),
    "InverseGamma": lambda: tfd.InverseGamma(2.0, 3.0),
    "MixtureSameFamily": lambda: tfd.MixtureSameFamily(tfd.Categorical(probs=PROBS), tfd.Normal(ZERO, 1.0)),
    "MultivariateNormalDiag": lambda: tfd.MultivariateNormalDiag(ZERO, PROBS),
    "MultivariateNormalTriL, negative": lambda: tfd.MultivariateNormalTriL(ZERO, -FACTOR),
    "NegativeBinomial": lambda: tfd.NegativeBinomial(3.0, probs=0.3),
    "Normal": lambda: tfd.Normal([0.1, 0.2], 1.2),
    "Pareto": lambda: tfd.Pareto(3.0, 1.2),
    "TruncatedNormal": lambda: tfd.TruncatedNormal(0.1, 1.2, -1.0, 2.0),
    "Weibull": lambda: tfd.Weibull(3.0, 1.2),
    "WishartTriL": lambda: tfd.WishartTriL(5.0, FACTOR),
    "Zipf": lambda: tfd.Zipf(2.5),
}


@only("made", MADE.values(), ids=MADE.keys())
def test_log_density_is_that_of_the_object_and_so_is_that_of_the_round_trip(made):
    d = made()
    x = d.sample(4, seed=1)
    family = kldiv.from_distribution(d)
    np.testing.assert_allclose(family.log_density(tf.cast(x, tf.float32)), d.log_prob(x), rtol=1e-4, atol=1e-5)
    again = kldiv.to_distribution(family, "tfp")
    np.testing.assert_allclose(again.log_prob(x), d.log_prob(x), rtol=1e-4, atol=1e-5)


def test_gradient_arrives_at_the_variable_of_the_caller():
    loc = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        value = kldiv.kl_divergence(tfd.Normal(loc, 1.0), tfd.Normal(0.0, 1.0))
    assert float(tape.gradient(value, loc)) == 2.0


@only(
    ("made", "words"),
    [
        (lambda: tfd.HalfCauchy(1.0, 1.2), "loc is not 0"),
        (lambda: tfd.Masked(tfd.Normal(0.0, 1.0), True), "a masked distribution has no density"),
        (lambda: tfd.Skellam(1.0, 2.0), r"kldiv.LogDensity\(d.log_prob, support=...\)"),
    ],
    ids=["shifted", "masked", "no family"],
)
def test_what_is_not_converted_says_why(made, words):
    with pytest.raises(TypeError, match=words):
        kldiv.kl_divergence(made(), tfd.Normal(0.0, 1.0))


def test_registration_gives_tfp_pairs_that_it_lacks():
    gamma, log_normal = tfd.Gamma(2.0, 1.0), tfd.LogNormal(0.0, 1.0)
    with pytest.raises(NotImplementedError):
        tfd.kl_divergence(gamma, log_normal)
    assert kldiv.register_with("tfp") > 500
    assert kldiv.register_with("tfp") == 0
    expected = kldiv.kl_divergence(kldiv.Gamma(2.0, 1.0), kldiv.LogNormal(0.0, 1.0))
    assert float(tfd.kl_divergence(gamma, log_normal)) == pytest.approx(float(expected), rel=1e-6)
