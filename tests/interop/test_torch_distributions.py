"""Distributions of PyTorch: their densities, gradients, round trips, and its own table of divergences."""

import contextlib
import itertools

import pytest
import torch
from torch import distributions as td

import kldiv
import kldiv.interop.torch
import reference

only = pytest.mark.parametrize
# Chi2 is a Gamma to PyTorch, which has formulas for both that fit; samples of Wishart may be singular.
pytestmark = pytest.mark.filterwarnings("ignore:Ambiguous kl_divergence", "ignore:Singular sample detected")
tensor = torch.tensor

PROBS = tensor([0.2, 0.3, 0.5])
MATRIX = tensor([[2.0, 0.5, 0.0], [0.5, 1.0, 0.1], [0.0, 0.1, 1.5]])
FACTOR = torch.linalg.cholesky(MATRIX)
ZERO = torch.zeros(3)
OBJECTS = {
    "Bernoulli": td.Bernoulli(tensor(0.3)),
    "Bernoulli by logits": td.Bernoulli(logits=tensor(0.3)),
    "Beta": td.Beta(2.0, 3.0),
    "Binomial": td.Binomial(5, tensor(0.3)),
    "Binomial by logits": td.Binomial(5, logits=tensor(0.3)),
    "Categorical": td.Categorical(PROBS),
    "Categorical by logits": td.Categorical(logits=PROBS),
    "Cauchy": td.Cauchy(0.1, 1.2),
    "Chi2": td.Chi2(3.0),
    "ContinuousBernoulli": td.ContinuousBernoulli(tensor(0.3)),
    "Dirichlet": td.Dirichlet(PROBS),
    "Exponential": td.Exponential(2.0),
    "Gamma": td.Gamma(2.0, 3.0),
    "Geometric": td.Geometric(tensor(0.3)),
    "Geometric by logits": td.Geometric(logits=tensor(0.3)),
    "Gumbel": td.Gumbel(0.1, 1.2),
    "HalfCauchy": td.HalfCauchy(1.2),
    "HalfNormal": td.HalfNormal(1.2),
    "Independent": td.Independent(td.Normal(torch.zeros(2, 3), torch.ones(2, 3)), 2),
    "InverseGamma": td.InverseGamma(2.0, 3.0),
    "Kumaraswamy": td.Kumaraswamy(2.0, 3.0),
    "Laplace": td.Laplace(0.1, 1.2),
    "LogNormal": td.LogNormal(0.1, 1.2),
    "LowRankMultivariateNormal": td.LowRankMultivariateNormal(ZERO, torch.ones(3, 1), torch.ones(3)),
    "MixtureSameFamily": td.MixtureSameFamily(td.Categorical(logits=PROBS), td.Normal(ZERO, torch.ones(3))),
    "Multinomial": td.Multinomial(5, PROBS),
    "Multinomial by logits": td.Multinomial(5, logits=PROBS),
    "MultivariateNormal": td.MultivariateNormal(ZERO, MATRIX),
    "MultivariateNormal by its factor": td.MultivariateNormal(ZERO, scale_tril=FACTOR),
    "MultivariateNormal by its precision": td.MultivariateNormal(ZERO, precision_matrix=MATRIX),
    "NegativeBinomial": td.NegativeBinomial(3.0, tensor(0.3)),
    "NegativeBinomial by logits": td.NegativeBinomial(3.0, logits=tensor(0.3)),
    "Normal": td.Normal(0.1, 1.2),
    "Normal, expanded": td.Normal(0.1, 1.2).expand([2, 3]),
    "OneHotCategorical": td.OneHotCategorical(PROBS),
    "OneHotCategorical by logits": td.OneHotCategoricalStraightThrough(logits=PROBS),
    "Pareto": td.Pareto(1.2, 3.0),
    "Poisson": td.Poisson(2.0),
    "StudentT": td.StudentT(3.0, 0.1, 1.2),
    "Uniform": td.Uniform(0.1, 1.2),
    "VonMises": td.VonMises(0.1, 1.2),
    "Weibull": td.Weibull(1.2, 3.0),
    "Wishart": td.Wishart(tensor(5.0), scale_tril=FACTOR),
}
MAPPED = {
    "exp": td.TransformedDistribution(td.Normal(0.1, 1.2), [td.ExpTransform()]),
    "sigmoid": td.TransformedDistribution(td.Normal(0.1, 1.2), [td.SigmoidTransform()]),
    "affine": td.TransformedDistribution(td.Laplace(0.1, 1.2), [td.AffineTransform(1.0, -2.0)]),
    "affine, exp": td.TransformedDistribution(td.Normal(0.1, 1.2), [td.AffineTransform(1.0, 2.0), td.ExpTransform()]),
}


def samples(d):
    torch.manual_seed(0)
    return d.sample((4,))


@only("d", [*OBJECTS.values(), *MAPPED.values()], ids=[*OBJECTS, *MAPPED])
def test_log_density_and_shape_are_those_of_the_object(d):
    x = samples(d)
    torch.testing.assert_close(kldiv.from_distribution(d).log_density(x.float()), d.log_prob(x), rtol=1e-4, atol=1e-5)


@only("d", OBJECTS.values(), ids=OBJECTS.keys())
def test_round_trip_keeps_the_log_density(d):
    x = samples(d)
    again = kldiv.to_distribution(kldiv.from_distribution(d), "torch")
    torch.testing.assert_close(again.log_prob(x), d.log_prob(x), rtol=1e-4, atol=1e-5)


def test_gradients_arrive_at_the_tensors_of_the_caller():
    loc, logits = tensor([0.0, 1.0], requires_grad=True), tensor([0.0, 1.0], requires_grad=True)
    kldiv.kl_divergence(td.Normal(loc, 1.0), td.Normal(0.0, 2.0)).sum().backward()
    torch.testing.assert_close(loc.grad, tensor([0.0, 0.25]))
    kldiv.kl_divergence(td.Bernoulli(logits=logits), td.Bernoulli(logits=tensor(0.0))).sum().backward()
    probs = torch.sigmoid(logits.detach())
    torch.testing.assert_close(logits.grad, logits.detach() * probs * (1 - probs))


def test_precision_of_logits_is_kept():
    # Probabilities of logits near 30 round to 1 in float32, and their divergence to 0.
    p, q = td.Bernoulli(logits=tensor(30.0)), td.Bernoulli(logits=tensor(31.0))
    expected = float(reference.kl("BernoulliLogits", (30.0,), "BernoulliLogits", (31.0,)))
    assert float(kldiv.kl_divergence(p, q)) == pytest.approx(expected, rel=1e-5)


@only("made", [lambda x: td.Normal(x, 1.0, validate_args=False)], ids=["Normal"])
def test_objects_that_are_made_in_a_compiled_function_are_traced(made):
    function = torch.compile(
        lambda x: kldiv.kl_divergence(made(x), kldiv.Normal(0.0, 1.0)), fullgraph=True, backend="eager"
    )
    torch.testing.assert_close(function(tensor([0.0, 2.0])), tensor([0.0, 2.0]))


class Shifted(td.Normal):
    """A class of a user with another density."""

    def log_prob(self, value):
        return super().log_prob(value - 1)


def test_derived_class_is_known_by_its_own_log_density():
    estimate = kldiv.estimate(Shifted(0.0, 1.0), td.Normal(0.0, 1.0))
    assert float(estimate) == pytest.approx(0.5, rel=1e-5)
    with pytest.raises(kldiv.NoClosedForm, match="LogDensity"):
        kldiv.kl_divergence(Shifted(0.0, 1.0), td.Normal(0.0, 1.0))


def test_random_state_of_the_framework_is_left_alone():
    p = td.MultivariateNormal(ZERO, MATRIX)
    before = torch.random.get_rng_state()
    by_density = kldiv.interop.torch.by_log_density(p)
    kldiv.estimate(by_density, td.MultivariateNormal(ZERO + 1, MATRIX), rng=0, max_samples=200, rtol=1.0)
    assert torch.equal(before, torch.random.get_rng_state())


def answers():
    """Return the divergences that torch has for pairs of the objects, by their names."""
    found = {}
    for (a, p), (b, q) in itertools.product(OBJECTS.items(), OBJECTS.items()):
        with contextlib.suppress(NotImplementedError, ValueError):  # ValueError: a pair of unlike outcomes
            found[a, b] = td.kl_divergence(p, q)
    return found


@pytest.fixture(scope="module")
def before_and_after():
    table = dict(td.kl._KL_REGISTRY)
    before = answers()
    count = kldiv.register_with("torch")
    after, again = answers(), kldiv.register_with("torch")
    td.kl._KL_REGISTRY.clear()
    td.kl._KL_REGISTRY.update(table)
    td.kl._KL_MEMOIZE.clear()
    return before, after, count, again


def finite(found):
    return sum(bool(torch.isfinite(value).all()) for value in found.values())


def test_registration_adds_the_pairs_that_torch_lacks(before_and_after):
    before, after, count, again = before_and_after
    assert count > 500
    assert again == 0
    assert before.keys() <= after.keys()
    assert finite(after) > 2 * finite(before)


def test_registration_leaves_the_formulas_of_torch(before_and_after):
    before, after, *_ = before_and_after
    torch.testing.assert_close([after[pair] for pair in before], list(before.values()), rtol=0, atol=0, equal_nan=True)


# PyTorch 2.13 says inf of these pairs, which have the same support; the values are integrals by mpmath.
WRONG_IN_TORCH = {("ContinuousBernoulli", "Uniform"), ("Uniform", "ContinuousBernoulli")}


def test_both_agree_wherever_both_have_a_divergence(before_and_after):
    before, *_ = before_and_after
    pairs = [pair for pair in before if not WRONG_IN_TORCH & {pair}]
    ours = [kldiv.kl_divergence(OBJECTS[a], OBJECTS[b]) for a, b in pairs]
    torch.testing.assert_close(ours, [before[pair] for pair in pairs], rtol=1e-3, atol=1e-5)
