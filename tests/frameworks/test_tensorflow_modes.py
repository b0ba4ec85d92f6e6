"""TensorFlow's modes: accumulators and nested tapes, graphs with lengths that are not known yet, AutoGraph."""

import numpy as np
import pytest
import scipy.special
import tensorflow as tf

import kldiv

X = [1.0, 2.0]


def normal(x):
    return kldiv.kl_divergence(kldiv.Normal(x, x), kldiv.Normal(0.0, 2.0))


def poisson(x):
    return kldiv.kl_divergence(kldiv.Poisson(x), kldiv.Poisson(3.0))


def classes(x):
    return kldiv.kl_divergence(kldiv.CategoricalLogits(x), kldiv.CategoricalLogits([1.0, -1.0]))[None]


# The derivative along the direction (1, 0), and that of the gradient along it, from textbooks.
P, R = scipy.special.softmax(X)[0], scipy.special.expit(2.0)
LOG_ODDS = np.log(P / (1 - P)) - np.log(R / (1 - R))
FIRST = {
    "sweep": (normal, [-0.5, 0.0], [1.5, 0.0]),
    "graph": (poisson, [-np.log(3.0), 0.0], [1.0, 0.0]),
    "sweep of vectors": (classes, [P * (1 - P) * LOG_ODDS], None),
}
modes = pytest.mark.parametrize(("divergence", "slope", "curvature"), FIRST.values(), ids=FIRST.keys())


def tangent():
    return tf.constant(X, tf.float64), tf.constant([1.0, 0.0], tf.float64)


@modes
def test_accumulator_gives_the_derivative_along_a_direction(divergence, slope, curvature):
    x, direction = tangent()
    with tf.autodiff.ForwardAccumulator(x, direction) as accumulator:
        value = divergence(x)
    np.testing.assert_allclose(accumulator.jvp(value), slope, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ["sweep", "graph"])
def test_accumulator_over_a_tape_gives_the_hessian_along_a_direction(name):
    divergence, _, curvature = FIRST[name]
    x, direction = tangent()
    with tf.autodiff.ForwardAccumulator(x, direction) as accumulator:
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = divergence(x)
        gradient = tape.gradient(value, x)
    np.testing.assert_allclose(accumulator.jvp(gradient), curvature, rtol=1e-12, atol=1e-15)


def test_accumulators_and_tapes_nest():
    x = tf.constant(X, tf.float64)
    with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as outer:
        with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as inner:
            value = normal(x)
        slope = inner.jvp(value)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        value = normal(x)
    np.testing.assert_allclose(outer.jvp(slope), [1.5, 0.75], rtol=1e-12)
    np.testing.assert_allclose(tape.jacobian(value, x), np.diag([-0.5, 0.5]), rtol=1e-12)


# --- Lengths that are known at run time only --------------------------------------------------------------------------


def of(family):
    return lambda p, q: kldiv.kl_divergence(family(p), family(q))


LENGTHS = {
    "probabilities": of(kldiv.Categorical),
    "logits": of(kldiv.CategoricalLogits),
    "one family as another": lambda p, q: kldiv.kl_divergence(kldiv.OneHotCategorical(p), kldiv.Categorical(q)),
    "concentrations": of(kldiv.Dirichlet),
    "vectors": of(lambda x: kldiv.MultivariateNormalDiag(0.0 * x, x)),
    "parameters of one": lambda p, q: kldiv.kl_divergence(
        kldiv.MultivariateNormalDiag(p, q), kldiv.MultivariateNormalDiag(0.0 * q, q)
    ),
    "components": of(lambda x: kldiv.Independent(kldiv.Exponential(x))),
    "pairs": lambda p, q: kldiv.pairwise(kldiv.Categorical(p[None]), kldiv.Categorical(q[None])),
    "log density": lambda p, q: kldiv.Dirichlet(p).log_density(q),
    "sequences": lambda p, q: kldiv.sequence_kl(p + tf.zeros([2, 3, 1]), q + tf.zeros([2, 3, 1])).value,
}


def unknown(function, **options):
    return tf.function(function, input_signature=[tf.TensorSpec([None])] * 2, **options)


@pytest.mark.parametrize("function", LENGTHS.values(), ids=LENGTHS.keys())
def test_lengths_that_differ_at_run_time_give_nan(function):
    p, same, other = (tf.constant(x) for x in ([0.5, 0.5], [0.25, 0.75], [1.0]))
    program = unknown(function)
    assert np.isfinite(program(p, same)).all()
    assert np.isnan(program(p, other)).all()


def test_lengths_that_differ_at_run_time_give_nan_under_xla():
    program = unknown(LENGTHS["probabilities"], jit_compile=True)
    assert np.isnan(program(tf.constant([0.5, 0.5]), tf.constant([1.0])))


# --- AutoGraph --------------------------------------------------------------------------------------------------------


def test_autograph_leaves_the_library_as_it_is(monkeypatch):
    from tensorflow.python.autograph.impl import api

    rewritten = []
    convert = api._convert_actual
    monkeypatch.setattr(
        api, "_convert_actual", lambda f, context: rewritten.append(f.__module__) or convert(f, context)
    )
    value = tf.function(lambda x: normal(x) + kldiv.rel_entr(x, x))(tf.constant([2.0]))
    np.testing.assert_allclose(value, [0.5], rtol=1e-6)
    assert [name for name in rewritten if name.startswith("kldiv")] == []


# --- TensorFlow 1 -----------------------------------------------------------------------------------------------------


def test_graph_of_tensorflow_1_is_refused():
    with tf.Graph().as_default():
        x = tf.constant([0.0, 1.0])
        with pytest.raises(
            TypeError, match=r"Categorical.probs of p is a tensor of a TensorFlow 1 graph; .*tf.function"
        ):
            kldiv.kl_divergence(kldiv.Categorical(x), kldiv.Categorical(x))
