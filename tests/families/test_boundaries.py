"""The boundary table: values that other libraries get wrong, integrals that diverge, and what shrinks to nothing.

The numbers are the truths to at least the digits that are written, from quadrature and sums in high precision.
"""

import importlib
import math

import numpy as np
import pytest
from mpmath import mp

from kldiv import (
    Beta,
    BetaPrime,
    Binomial,
    Categorical,
    Cauchy,
    ContinuousBernoulli,
    Dirichlet,
    Exponential,
    Frechet,
    Gamma,
    Geometric,
    Gumbel,
    HalfCauchy,
    InverseGamma,
    Kumaraswamy,
    Laplace,
    Levy,
    Logistic,
    Lomax,
    NegativeBinomial,
    Normal,
    NormalLogVariance,
    Pareto,
    Poisson,
    StudentT,
    TruncatedNormal,
    Uniform,
    VonMises,
    Weibull,
    Zeta,
    kl_divergence,
)

TRUE = [  # P, Q, the truth, and how far a float64 may be off
    (ContinuousBernoulli(0.7), Uniform(0.0, 1.0), 0.029386202232129083, 1e-13),
    (Uniform(0.0, 1.0), ContinuousBernoulli(0.8), 0.078830848129883400, 1e-13),
    (Binomial(5.0, 1.0), Binomial(5.0, 0.5), 5 * math.log(2), 1e-15),
    (Poisson(0.0), Poisson(1.0), 1.0, 0),
    (Poisson(0.0), Binomial(3.0, 0.5), 3 * math.log(2), 1e-15),
    (Kumaraswamy(5.0, 0.3), Beta(1.0, 10.0), 43.353, 2e-5),
    (Kumaraswamy(0.5, 0.5), Beta(1.0, 2.0), 1.0414, 5e-5),
    (Kumaraswamy(1.0, 1.0), Beta(1.0, 5.0), 2.3906, 2e-5),
    (Kumaraswamy(2.0, 3.0), Beta(1.5, 2.5), 0.0889, 1e-4),
    (Gamma(2.0, 1.0), Gamma(3.0, 2.0), 0.190921303781642241772048, 1e-14),
    (Beta(2.0, 5.0), Beta(3.0, 3.0), 43 / 60, 1e-14),
    (Beta(3.0, 3.0), Beta(2.0, 5.0), 47 / 60, 1e-14),
    (Beta(0.5, 0.5), Uniform(0.0, 1.0), math.log(4 / math.pi), 1e-14),
    (Exponential(1.0), Normal(3.0, 2.0), 1.23708571376461805119756, 1e-14),
    (Cauchy(0.0, 1.0), Cauchy(1.0, 2.0), math.log(1.25), 1e-14),
    (Poisson(4.0), Geometric(0.2), 0.415339417809975554301034, 1e-12),
]

INFINITE = [
    (Cauchy(0.0, 1.0), Normal(0.0, 1.0)),
    (Cauchy(0.0, 1.0), Laplace(0.0, 1.0)),
    (StudentT(2.0, 0.0, 1.0), Normal(0.0, 1.0)),
    (HalfCauchy(1.0), Exponential(1.0)),
    (InverseGamma(1.0, 1.0), Gamma(1.0, 1.0)),
    (Levy(1.0), Gamma(1.0, 1.0)),
    (Frechet(1.0, 1.0), Exponential(1.0)),
    (Laplace(0.0, 1.0), Gumbel(0.0, 1.0)),
    (Logistic(0.0, 2.0), Gumbel(0.0, 1.0)),
    (Pareto(1.0, 0.5), Exponential(1.0)),
    (Pareto(1.0, 2.0), Normal(0.0, 1.0)),
    (Lomax(1.0, 1.0), Gamma(2.0, 1.0)),
    (BetaPrime(2.0, 0.5), Exponential(1.0)),
    (Gamma(1.0, 1.0), InverseGamma(1.0, 1.0)),
    (Beta(1.0, 1.0), InverseGamma(1.0, 1.0)),
    (Weibull(1.0, 1.0), Pareto(1.0, 1.0)),
    (Pareto(1.0, 2.0), Pareto(2.0, 2.0)),
    (TruncatedNormal(0.0, 1.0, -1.0, 1.0), TruncatedNormal(0.0, 1.0, 0.0, 1.0)),
    (Binomial(5.0, 0.5), Binomial(5.0, 0.0)),
    (Binomial(5.0, 0.5), Binomial(4.0, 0.5)),
    (Zeta(2.0), Geometric(0.5)),
    (NegativeBinomial(2.0, 0.5), Binomial(9.0, 0.5)),
]

# Nearer and nearer through a common sub-family: P, Q, and the truth.
VANISHING = [
    (Gamma(1.000001, 2.0), Exponential(2.0), 8.224662319183e-13),
    (Beta(1.0, 1.0), Uniform(0.0, 1.0), 0.0),
    (StudentT(1e8, 0.0, 1.0), Normal(0.0, 1.0), 1.75e-16),
    (Geometric(0.3), Geometric(0.3), 0.0),
    (VonMises(1.0, 0.0), VonMises(2.0, 0.0), 0.0),
]


def shown(value):
    return repr(value) if isinstance(value, tuple) else ""


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return request.param


def on(backend, d, dtype):
    return type(d)(*(backend.array([value], dtype) for value in d))


@pytest.mark.parametrize(("p", "q", "truth", "relative"), TRUE, ids=shown)
@pytest.mark.one_in(3)
def test_value_is_the_truth(backend, p, q, truth, relative):
    value = backend.to_numpy(kl_divergence(on(backend, p, "float64"), on(backend, q, "float64")))
    np.testing.assert_allclose(value, [truth], rtol=max(relative, 5e-15))


@pytest.mark.parametrize(("p", "q", "truth", "relative"), TRUE, ids=shown)
def test_value_is_the_truth_in_any_dtype(eager, p, q, truth, relative, dtype):
    value = eager.to_numpy(kl_divergence(on(eager, p, dtype), on(eager, q, dtype)))
    np.testing.assert_allclose(value, [truth], rtol=max(relative, 20 * np.finfo(dtype).eps))


@pytest.mark.parametrize(("p", "q"), INFINITE, ids=shown)
def test_divergence_is_infinite(eager, p, q, dtype):
    assert eager.to_numpy(kl_divergence(on(eager, p, dtype), on(eager, q, dtype))) == [np.inf]


@pytest.mark.parametrize(("p", "q"), INFINITE, ids=shown)
def test_gradient_of_an_infinite_divergence_is_finite(differentiable, eager, p, q):
    n = len(p)
    arrays = [differentiable.array([value], "float64") for value in (*p, *q)]
    gradients = differentiable.gradient(lambda *a: kl_divergence(type(p)(*a[:n]), type(q)(*a[n:])), *arrays)
    assert np.all(np.isfinite([differentiable.to_numpy(g) for g in gradients]))


@pytest.mark.parametrize("rare", [1e-18, 1e-25, 1e-33])
def test_gradient_at_a_rare_class_is_the_truth(differentiable, rare):
    def divergence(*weights):
        p, q = ([x / mp.fsum(side) for x in side] for side in (weights[:3], weights[3:]))
        return mp.fsum(x * mp.log(x / y) for x, y in zip(p, q, strict=True))

    p, q = (np.asarray([rare * x, *more], "float32") for x, more in ((1.0, (0.5, 0.5)), (1.3, (0.25, 0.75))))
    # Compiled, where the framework compiles.
    both = importlib.import_module(differentiable.module).value_and_grad(
        lambda p, q: kl_divergence(Categorical(p), Categorical(q))
    )
    _, gradients = both(*(differentiable.array(x, "float32") for x in (p, q)))
    point = [mp.mpf(float(x)) for x in (*p, *q)]
    with mp.workdps(60):
        truth = [
            mp.diff(lambda x, i=i: divergence(*point[:i], x, *point[i + 1 :]), point[i], h=point[i] * mp.mpf(10) ** -20)
            for i in range(6)
        ]
    found = np.concatenate([differentiable.to_numpy(g) for g in gradients])
    np.testing.assert_allclose(found, [float(x) for x in truth], rtol=1e-5)


@pytest.mark.parametrize(("p", "q", "truth"), VANISHING, ids=shown)
def test_divergence_vanishes_with_the_difference(backend, p, q, truth):
    value = backend.to_numpy(kl_divergence(on(backend, p, "float64"), on(backend, q, "float64")))
    np.testing.assert_allclose(value, [truth], rtol=1e-6)


@pytest.mark.parametrize("sizes", [(3, 1), (1, 3), (2, 3)], ids=str)
def test_numbers_of_classes_are_not_broadcast(backend, sizes):
    p, q = (Dirichlet(backend.array(np.ones(k), "float64")) for k in sizes)
    with pytest.raises(ValueError, match=rf"{sizes[0]}.*{sizes[1]}"):
        kl_divergence(p, q)


def half_exponential_gap(t):
    with mp.workdps(60):
        return float((mp.exp(t) - 1 - t) / 2)


# The log variances of P and Q, whose means are equal.
LOG_VARIANCES = {
    "float32": [(89.0, 0.0), (0.0, -89.25), (61.5, 0.5), (59.5, 0.25), (200.0, 0.0), (0.0, -200.0), (-200.0, -200.0)],
    "float64": [(710.0, 0.0), (709.75, 0.5), (60.5, 0.125), (800.0, 0.0), (0.0, -1500.0), (-1500.0, -1500.0)],
}


@pytest.mark.parametrize("dtype", LOG_VARIANCES)
def test_log_variances_far_apart_lose_no_digits_and_give_no_nan(backend, dtype):
    p, q = np.asarray(LOG_VARIANCES[dtype]).T
    zero = backend.array(np.zeros(p.shape), dtype)
    value = kl_divergence(
        NormalLogVariance(zero, backend.array(p, dtype)), NormalLogVariance(zero, backend.array(q, dtype))
    )
    truth = np.asarray([half_exponential_gap(mp.mpf(a) - mp.mpf(b)) for a, b in zip(p, q, strict=True)])
    truth = np.where(truth > np.finfo(dtype).max, np.inf, truth)
    np.testing.assert_allclose(backend.to_numpy(value), truth, rtol=5 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", LOG_VARIANCES)
def test_gradients_with_respect_to_log_variances_are_never_nan(differentiable, dtype):
    p, q = (differentiable.array(x, dtype) for x in np.asarray(LOG_VARIANCES[dtype]).T)

    def divergence(a, b, m):
        return kl_divergence(NormalLogVariance(m, a), NormalLogVariance(m * 0.0, b))

    for gradient in differentiable.gradient(divergence, p, q, 0.0 * p):
        assert not np.any(np.isnan(differentiable.to_numpy(gradient)))
