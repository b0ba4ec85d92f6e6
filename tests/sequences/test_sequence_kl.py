"""The divergence of sequences against exact enumeration of a short chain."""

import itertools

import numpy as np
import pytest
import scipy.special

import kldiv
from kldiv.sequences import sequence_kl

P = np.array([[0.9, 0.1], [0.2, 0.8]])
Q = np.array([[0.7, 0.3], [0.4, 0.6]])
FIRST_P = np.array([2 / 3, 1 / 3])  # the stationary distributions
FIRST_Q = np.array([4 / 7, 3 / 7])


def chain(first, matrix, steps):
    """Return all paths (2^T, T), and for each the probabilities of every step given those before (2^T, T, 2)."""
    paths = np.array(list(itertools.product((0, 1), repeat=steps)))
    steps = np.concatenate([np.broadcast_to(first, (len(paths), 1, 2)), matrix[paths[:, :-1]]], axis=1)
    return paths, steps


def chosen(steps, paths):
    return np.take_along_axis(steps, paths[..., None], axis=-1)[..., 0]


@pytest.fixture
def array(backend):
    return lambda x: backend.array(x, "float64")


def each_alone(array, steps):
    """Return the logits of one sample in each of many batch elements."""
    return array(np.log(steps)[:, None])


def test_mean_over_all_paths_is_the_divergence(eager, backend, array):
    paths, steps_p = chain(FIRST_P, P, 10)
    _, steps_q = chain(FIRST_P, Q, 10)
    probs = chosen(steps_p, paths).prod(axis=-1)
    values = backend.to_numpy(kldiv.sequence_kl(each_alone(array, steps_p), each_alone(array, steps_q)).value)
    # Nine steps from the stationary distribution of P; and one to the first state, from the probabilities given for it.
    np.testing.assert_allclose(probs @ values, 9 * 0.108053245007148227207376, rtol=1e-13)


def test_divergence_of_ten_states(backend, array):
    paths, steps_p = chain(FIRST_P, P, 10)
    _, steps_q = chain(FIRST_Q, Q, 10)
    probs = chosen(steps_p, paths).prod(axis=-1)
    values = backend.to_numpy(kldiv.sequence_kl(each_alone(array, steps_p), each_alone(array, steps_q)).value)
    np.testing.assert_allclose(probs @ values, 0.991474848855537555166587, rtol=1e-13)


def test_variance_is_hundreds_of_times_below_that_of_k1(eager, backend, array):
    paths, steps_p = chain(FIRST_P, P, 10)
    _, steps_q = chain(FIRST_Q, Q, 10)
    probs = chosen(steps_p, paths).prod(axis=-1)
    log_p, log_q = (np.log(chosen(steps, paths)).sum(axis=-1) for steps in (steps_p, steps_q))
    plain = backend.to_numpy(kldiv.k1(array(log_p), array(log_q)))
    better = backend.to_numpy(kldiv.sequence_kl(each_alone(array, steps_p), each_alone(array, steps_q)).value)
    np.testing.assert_allclose(probs @ plain, probs @ better, rtol=1e-13)
    np.testing.assert_allclose(probs @ (plain - probs @ plain) ** 2, 1.529, rtol=5e-4)
    np.testing.assert_allclose(probs @ (better - probs @ better) ** 2, 0.00493, rtol=5e-3)


def draw(rng, *shape):
    return 2 * rng.normal(size=shape), 2 * rng.normal(size=shape)


def step_divergences(p, q):
    """Return the definition, by SciPy."""
    return scipy.special.rel_entr(scipy.special.softmax(p, axis=-1), scipy.special.softmax(q, axis=-1)).sum(axis=-1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_value_and_standard_error(backend, dtype):
    p, q = draw(np.random.default_rng(0), 2, 5, 4, 3)
    mask = np.random.default_rng(1).integers(0, 2, (2, 5, 4))
    totals = (step_divergences(p, q) * mask).sum(axis=-1)
    estimate = kldiv.sequence_kl(backend.array(p, dtype), backend.array(q, dtype), mask=backend.array(mask, "int32"))
    rtol = {"float32": 1e-5, "float64": 1e-12}[dtype]
    assert backend.dtype_name(estimate.value) == backend.dtype_name(estimate.error) == dtype
    np.testing.assert_allclose(backend.to_numpy(estimate.value), totals.mean(axis=-1), rtol=rtol)
    np.testing.assert_allclose(
        backend.to_numpy(estimate.error), totals.std(axis=-1, ddof=1) / np.sqrt(5), rtol=10 * rtol
    )
    assert estimate.n_samples == 5
    assert backend.to_numpy(estimate.converged).all()


def test_equal_models_have_divergence_zero(eager, backend, array):
    p, _ = draw(np.random.default_rng(0), 3, 4, 3)
    estimate = kldiv.sequence_kl(array(p), array(p))
    assert float(estimate.value) == float(estimate.error) == 0


def test_what_does_not_count_has_no_influence(eager, backend, array):
    p, q = draw(np.random.default_rng(0), 3, 4, 3)
    mask = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]])
    expected = (step_divergences(p, q) * mask).sum() / 3
    p[mask == 0], q[mask == 0] = np.nan, -np.inf
    estimate = kldiv.sequence_kl(array(p), array(q), mask=mask.tolist())
    np.testing.assert_allclose(float(estimate.value), expected, rtol=1e-13)


@pytest.mark.parametrize("make", [lambda x, _: x.tolist(), lambda x, array: array(x), lambda x, array: array(x) > 0])
def test_masks_of_lists_numbers_and_booleans(eager, array, make):
    p, q = draw(np.random.default_rng(0), 3, 4, 3)
    mask = np.array([1, 0, 1, 0])
    estimate = kldiv.sequence_kl(array(p), array(q), mask=make(mask, array))
    np.testing.assert_allclose(float(estimate.value), (step_divergences(p, q) * mask).sum() / 3, rtol=1e-13)


def test_tokens_that_are_ruled_out(backend, array):
    p = np.zeros((4, 2, 1, 3))
    q = np.zeros((4, 2, 1, 3))
    p[1, 0, 0, 2] = -np.inf
    p[2, 0, 0, 2] = q[2, 0, 0, 2] = -np.inf
    q[3, 0, 0, 2] = -np.inf
    estimate = kldiv.sequence_kl(array(p), array(q))
    np.testing.assert_allclose(backend.to_numpy(estimate.value), [0, np.log(1.5) / 2, 0, np.inf], rtol=1e-14)
    np.testing.assert_allclose(backend.to_numpy(estimate.error), [0, np.log(1.5) / 2, 0, 0], rtol=1e-14)


def test_one_sample_has_no_standard_error(eager, array):
    p, q = draw(np.random.default_rng(0), 1, 4, 3)
    estimate = kldiv.sequence_kl(array(p), array(q))
    assert float(estimate.error) == np.inf
    assert not bool(estimate.converged)


def test_long_vocabularies_are_taken_some_steps_at_a_time(eager, backend, array, monkeypatch):
    p, q = draw(np.random.default_rng(0), 3, 7, 5)
    whole = kldiv.sequence_kl(array(p), array(q))
    monkeypatch.setattr(sequence_kl, "_CHUNK", 32)
    parts = kldiv.sequence_kl(array(p), array(q))
    np.testing.assert_allclose(float(parts.value), float(whole.value), rtol=1e-14)
    np.testing.assert_allclose(float(parts.error), float(whole.error), rtol=1e-13)


def divergence_of_chain(theta, q, steps):
    """Return the exact divergence of the chain with logits `theta` (3, 2): of the first state and after each state."""
    p = scipy.special.softmax(theta, axis=-1)
    rows = step_divergences(theta, q)
    state_probs, total = p[0], rows[0]
    for _ in range(steps - 1):
        total = total + state_probs @ rows[1:]
        state_probs = state_probs @ p[1:]
    return total


def numerical_gradient(function, x, h=1e-3):
    slope = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        d = np.zeros_like(x)
        d[index] = h
        slope[index] = (8 * (function(x + d) - function(x - d)) - function(x + 2 * d) + function(x - 2 * d)) / (12 * h)
    return slope


def test_gradient_with_the_score_is_that_of_the_divergence(differentiable):
    backend = differentiable
    steps = 3
    theta, q = draw(np.random.default_rng(3), 3, 2)
    paths = np.array(list(itertools.product((0, 1), repeat=steps)))
    # Which row of the logits each step takes, and which token it samples: as weights, so that every framework can.
    row = np.eye(3)[np.concatenate([np.zeros((len(paths), 1), int), 1 + paths[:, :-1]], axis=1)]
    token = np.eye(2)[paths]
    probs = chosen(scipy.special.softmax(row @ theta, axis=-1), paths).prod(axis=-1)
    row, token, probs, logits_q = (backend.array(x, "float64") for x in (row, token, probs, (row @ q)[:, None]))

    def loss(theta):
        logits = sum(row[..., i, None] * theta[i] for i in range(3))
        at = kldiv.CategoricalLogits(logits)
        log_probs = token[..., 0] * at.log_density(0.0) + token[..., 1] * at.log_density(1.0)
        value = kldiv.sequence_kl(logits[:, None], logits_q, log_probs=log_probs[:, None]).value
        return probs * value

    (slope,) = backend.gradient(loss, backend.array(theta, "float64"))
    exact = numerical_gradient(lambda t: divergence_of_chain(t, q, steps), theta)
    np.testing.assert_allclose(backend.to_numpy(slope), exact, rtol=1e-8, atol=1e-10)


def test_value_with_the_score_is_the_same(array):
    p, q = draw(np.random.default_rng(0), 3, 4, 3)
    log_probs = -np.ones((3, 4))
    log_probs[0, 0] = -np.inf
    plain = kldiv.sequence_kl(array(p), array(q))
    assert float(kldiv.sequence_kl(array(p), array(q), log_probs=array(log_probs)).value) == float(plain.value)


def test_gradients_at_the_edges_are_finite(differentiable):
    backend = differentiable
    p, q = draw(np.random.default_rng(0), 2, 2, 2, 3)
    q[0, 0, 0, 0] = -np.inf
    mask = backend.array([[1, 1], [1, 0]], "float64")
    log_probs = np.full((2, 2, 2), -1.0)
    log_probs[1, 0, 0] = -np.inf
    slopes = backend.eager_gradient(
        lambda p, q, x: kldiv.sequence_kl(p, q, mask=mask, log_probs=x).value,
        *(backend.array(x, "float64") for x in (p, q, log_probs)),
    )
    assert [bool(np.isfinite(backend.to_numpy(slope)).all()) for slope in slopes] == [True] * 3


def test_under_a_transform(backend, array, transform):
    p, q = draw(np.random.default_rng(0), 2, 3, 4, 3)
    mask = np.random.default_rng(1).integers(0, 2, (2, 3, 4))

    def value(p, q, mask):
        return kldiv.sequence_kl(p, q, mask=mask, log_probs=-mask).value

    arguments = [array(x) for x in (p, q, mask)]
    np.testing.assert_allclose(
        backend.to_numpy(transform(value)(*arguments)),
        backend.to_numpy(value(*arguments)),
        rtol=1e-13,
    )


SHAPES = {
    "samples": ((4, 2, 3), (3, 2, 3), {}, "logits_q has 3 samples, but logits_p has 4"),
    "one sample": ((4, 2, 3), (1, 2, 3), {}, "logits_q has 1 samples, but logits_p has 4"),
    "steps": ((4, 2, 3), (4, 1, 3), {}, "logits_q has 1 steps, but logits_p has 2"),
    "tokens": ((4, 2, 3), (4, 2, 4), {}, "logits_q has 4 tokens, but logits_p has 3"),
    "axes": ((2, 3), (2, 3), {}, r"logits_p has shape \(2, 3\); it needs axes for samples, steps, tokens"),
    "empty": ((4, 0, 3), (4, 0, 3), {}, "its axis of steps must not be empty"),
    "batch": ((2, 4, 2, 3), (3, 4, 2, 3), {}, "do not broadcast"),
    "mask": ((4, 2, 3), (4, 2, 3), {"mask": np.ones((4, 3))}, "do not broadcast"),
    "wide mask": ((4, 1, 3), (4, 1, 3), {"mask": np.ones((4, 2))}, r"it must broadcast to samples and steps, \(4, 1\)"),
    "log_probs": ((4, 2, 3), (4, 2, 3), {"log_probs": np.zeros((4, 3))}, "log_probs has 3 steps, but logits_p has 2"),
    "no step": ((4, 2, 3), (4, 2, 3), {"mask": np.zeros((4, 2))}, "mask is 0 everywhere"),
    "half": ((1, 2, 3), (1, 2, 3), {"mask": np.array([[1, 0.5]])}, r"mask must be 0 or 1; got 0.5 at index \(0, 1\)"),
    "nan": ((1, 1, 3), (1, 1, 3), {"log_probs": np.array([[np.nan]])}, r"log_probs must be numbers that are at most 0"),
    "above 0": ((1, 1, 3), (1, 1, 3), {"log_probs": np.array([[0.5]])}, r"must be .*; got 0.5 at index \(0, 0\)"),
}  # fmt: skip


@pytest.mark.parametrize(("p", "q", "options", "message"), SHAPES.values(), ids=SHAPES.keys())
def test_bad_arguments_are_named(array, p, q, options, message):
    options = {name: array(x) for name, x in options.items()}
    with pytest.raises(ValueError, match=message):
        kldiv.sequence_kl(array(np.zeros(p)), array(np.zeros(q)), **options)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_logits_are_named(array, bad):
    q = np.zeros((1, 2, 3))
    q[0, 1, 2] = bad
    with pytest.raises(ValueError, match=rf"got {bad} at index \(0, 1, 2\) of logits_q"):
        kldiv.sequence_kl(array(np.zeros((1, 2, 3))), array(q))
