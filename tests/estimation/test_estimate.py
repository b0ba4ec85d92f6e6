"""Estimates against exact values, against their own errors, and against the derivatives of what they estimate."""

import math
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import numpy as np
import pytest

import cases
import kldiv
import reference
from kldiv import Mixture, Normal, declare, domains
from kldiv._core.family import support_of
from kldiv.estimation import monte_carlo, pareto_tail
from kldiv.estimation.components import components_of
from oracle import mp

only = pytest.mark.parametrize


class Exact(NamedTuple):
    """A pair, its divergence to more than 20 digits, and the deterministic method for it."""

    name: str
    p: Any
    q: Any
    truth: Any
    method: str = "quadrature"

    def __str__(self) -> str:
        return self.name


def made(backend, d, dtype="float64"):
    """Return a distribution with arrays of the backend under test in place of NumPy's numbers."""
    if hasattr(d, "_fields"):
        return type(d)(*[made(backend, x, dtype) for x in d])
    return backend.array(d, dtype)


def lattice(d):
    """Return the matrix of a Gaussian whose components are correlated by .5^|i - j|."""
    return 0.5 ** np.abs(np.subtract.outer(np.arange(d), np.arange(d)))


TWO = Mixture([0.3, 0.7], Normal([-2.0, 3.0], [0.5, 1.0]))
OTHER = Mixture([0.6, 0.4], Normal([-1.0, 2.0], [1.0, 1.5]))
TWIN = Mixture([0.5, 0.5], Normal([-1.0, 1.0], [1.0, 1.0]))
WIDE = Normal(0.0, 2.0**0.5)
ZETA = mp.mpf(".270023099726937186803159") + mp.log(2)  # Geometric counts from 0 here

# The divergences of kldiv/docs are not these: they come from mpmath, or from algebra.
EXACT = [
    Exact("far", Normal(50.0, 1.0), Normal(51.0, 1.0), 0.5),
    Exact("farther", Normal(300.0, 1.0), Normal(301.0, 1.0), 0.5),
    Exact("mixtures", TWO, OTHER, ".646834407173066982383950"),
    Exact("mixtures back", OTHER, TWO, "1.19260663422969582842809"),
    Exact("twin", TWIN, WIDE, ".00974276993314104270381126"),
    Exact("twin back", WIDE, TWIN, ".0111775440317474965834652"),
    Exact("gamma", kldiv.Gamma(2.0, 1.0), kldiv.Gamma(3.0, 2.0), ".190921303781642241772048"),
    Exact("gamma back", kldiv.Gamma(3.0, 2.0), kldiv.Gamma(2.0, 1.0), ".115931515658412448810720"),
    Exact("beta", kldiv.Beta(2.0, 5.0), kldiv.Beta(3.0, 3.0), mp.mpf(43) / 60),
    Exact("beta back", kldiv.Beta(3.0, 3.0), kldiv.Beta(2.0, 5.0), mp.mpf(47) / 60),
    Exact("arcsine", kldiv.Beta(0.5, 0.5), kldiv.Uniform(0.0, 1.0), mp.log(4 / mp.pi)),
    Exact("exponential", kldiv.Exponential(1.0), Normal(3.0, 2.0), "1.23708571376461805119756"),
    Exact("log normal", kldiv.Gamma(2.0, 1.0), kldiv.LogNormal(0.0, 1.0), ".176347533828046715356189"),
    Exact("cauchy", kldiv.Cauchy(0.0, 1.0), kldiv.Cauchy(1.0, 2.0), mp.log(mp.mpf(5) / 4)),
    Exact("kinks", kldiv.Laplace(0.0, 1.0), kldiv.Laplace(3.0, 1.0), 2 + mp.exp(-3)),
    Exact("nested", kldiv.Uniform(0.0, 1.0), kldiv.Uniform(-1.0, 2.0), mp.log(3)),
    Exact("zeta", kldiv.Zeta(3.0), kldiv.Geometric(0.5), ZETA, "sum"),
    Exact("poisson", kldiv.Poisson(4.0), kldiv.Geometric(0.2), ".415339417809975554301034", "sum"),
    Exact(
        "classes",
        kldiv.Categorical([0.1, 0.2, 0.3, 0.4]),
        kldiv.Categorical([0.25] * 4),
        ".106440135286223151652278",
        "sum",
    ),
    Exact(
        "one of four",
        kldiv.OneHotCategorical([0.1, 0.2, 0.3, 0.4]),
        kldiv.OneHotCategorical([0.25] * 4),
        ".106440135286223151652278",
        "sum",
    ),
    Exact("same", TWO, TWO, 0),
]
INFINITE = [
    Exact("heavy tail", kldiv.Cauchy(0.0, 1.0), Normal(0.0, 1.0), math.inf),
    Exact("two degrees of freedom", kldiv.StudentT(2.0, 0.0, 1.0), Normal(0.0, 1.0), math.inf),
    Exact("half line", Normal(0.0, 1.0), kldiv.Exponential(1.0), math.inf),
    Exact("interval", kldiv.Uniform(0.0, 2.0), kldiv.Uniform(0.0, 1.0), math.inf),
    Exact("zeta", kldiv.Zeta(2.0), kldiv.Geometric(0.5), math.inf, "sum"),
    Exact("no such class", kldiv.Categorical([0.5, 0.5]), kldiv.Categorical([1.0, 0.0]), math.inf, "sum"),
]
# Where estimates are compiled, each family is a program more; `--full` runs all.
QUICK = [
    case for case in EXACT if case.name in ("far", "farther", "mixtures", "mixtures back", "cauchy", "poisson", "same")
]


def without_warnings(*arguments, **options):
    """Return an estimate, whether its error can be trusted or not."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kldiv.EstimateWarning)
        return kldiv.estimate(*arguments, **options)


# ------------------------------------------------------------------------------------------------ deterministic methods


def assert_exact(backend, case):
    p, q = made(backend, case.p), made(backend, case.q)
    found = kldiv.estimate(p, q, method=case.method, rtol=1e-10)
    truth = float(mp.mpf(case.truth))
    value, error = float(backend.to_numpy(found.value)), float(backend.to_numpy(found.error))
    assert abs(value - truth) <= 1e-10 * truth
    assert abs(value - truth) <= error + 2 * np.spacing(truth)  # the bound is one
    assert bool(backend.to_numpy(found.converged))
    assert found.method == case.method
    assert backend.is_array(found.value)
    assert backend.is_array(found.error)


@only("case", QUICK, ids=str)
@pytest.mark.one_in(2)
def test_deterministic_estimate_is_exact(backend, case):
    assert_exact(backend, case)


@only("case", [case for case in EXACT if case not in QUICK], ids=str)
def test_deterministic_estimate_of_another_family_is_exact(eager, case):
    assert_exact(eager, case)


WITHOUT_RULE = [f for f in cases.SIMPLE if cases.METHODS.get((f, f)) == "none" and not support_of(f).axes]


@only("family", WITHOUT_RULE, ids=lambda f: f.__name__)
def test_estimate_of_a_family_without_a_rule_is_the_definition(eager, family):
    batch = cases.Case(family, family, "float64").batch(("interior",)).take(slice(0, 4))
    p, q = (family(*[eager.array(a, "float64") for a in x]) for x in (batch.p, batch.q))
    with pytest.raises(kldiv.NoClosedForm, match=r"kldiv\.estimate"):
        kldiv.kl_divergence(p, q)
    found = without_warnings(p, q, rtol=1e-8)
    values, errors = eager.to_numpy(found.value), eager.to_numpy(found.error)
    name = family.__name__
    rows = zip(zip(*batch.p, strict=True), zip(*batch.q, strict=True), strict=True)
    truth = [float(reference.definition(name, row_p, name, row_q, 12)) for row_p, row_q in rows]
    np.testing.assert_allclose(values, truth, rtol=1e-8)
    assert np.all(np.isinf(truth) | (abs(values - truth) <= errors + 4 * np.spacing(truth)))
    assert np.all(eager.to_numpy(found.converged))


@only("case", EXACT, ids=str)
def test_deterministic_estimate_in_single_precision(eager, case):
    p, q = made(eager, case.p, "float32"), made(eager, case.q, "float32")
    found = without_warnings(p, q, method=case.method, rtol=1e-4)
    truth = float(mp.mpf(case.truth))
    assert eager.dtype_name(found.value) == "float32"
    assert abs(float(eager.to_numpy(found.value)) - truth) <= float(eager.to_numpy(found.error)) + 1e-6 * truth
    assert float(eager.to_numpy(found.error)) <= 1e-4 + 1e-2 * truth


def assert_infinite(backend, case):
    found = kldiv.estimate(made(backend, case.p), made(backend, case.q), method=case.method)
    assert float(backend.to_numpy(found.value)) == math.inf
    assert float(backend.to_numpy(found.error)) == 0
    assert bool(backend.to_numpy(found.converged))


@only("case", INFINITE[:1], ids=str)
def test_infinite_divergence_is_found_infinite(backend, case):
    assert_infinite(backend, case)


@only("case", INFINITE[1:], ids=str)
def test_another_infinite_divergence_is_found_infinite(eager, case):
    assert_infinite(eager, case)


def test_error_is_honest_where_outcomes_are_rounded(eager):
    p, q = (made(eager, Normal(1e6, scale)) for scale in (0.01, 0.02))
    found = without_warnings(p, q, method="quadrature", rtol=1e-10)
    off = abs(float(eager.to_numpy(found.value)) - (math.log(2) - 0.375))
    assert 1e-12 < off < float(eager.to_numpy(found.error))
    assert not bool(eager.to_numpy(found.converged))


@only("mean", [3.0, 300.0, 1000.0, 1e6])
def test_error_of_a_sum_is_honest(eager, mean):
    p, q = (made(eager, kldiv.Poisson(m)) for m in (mean, 1.1 * mean))
    found = without_warnings(p, q, method="sum", rtol=1e-13)
    truth = mp.mpf(mean) * mp.log(mp.mpf(mean) / (1.1 * mean)) - mp.mpf(mean) + 1.1 * mean
    assert abs(float(eager.to_numpy(found.value)) - float(truth)) <= float(eager.to_numpy(found.error))


@only("n", [9, 3000, 100_000])
def test_sum_over_many_trials(eager, n):
    p, q = (made(eager, kldiv.Binomial(float(n), probs)) for probs in (0.25, 0.375))
    truth = n * (mp.mpf(0.25) * mp.log(mp.mpf(2) / 3) + mp.mpf(0.75) * mp.log(mp.mpf(0.75) / 0.625))
    found = kldiv.estimate(p, q, method="sum", rtol=1e-8)
    assert abs(float(eager.to_numpy(found.value)) - float(truth)) <= 1e-9 * float(truth)


def test_tail_that_is_cut_off_is_not_trusted(eager):
    p, q = made(eager, kldiv.Gamma(0.005, 1.0)), made(eager, kldiv.Gamma(0.01, 1.0))
    with pytest.warns(kldiv.EstimateWarning, match="does not meet the tolerance"):
        found = kldiv.estimate(p, q, method="quadrature")
    assert not bool(eager.to_numpy(found.converged))


# ---------------------------------------------------------------------------------------------------- the choice of one


CHOICES = {
    "closed form: KL(Normal || Normal)": (Normal(0.0, 1.0), Normal(1.0, 1.0), 0.5),
    "quadrature": (TWO, OTHER, 0.646834407173066982),
    "sum": (Mixture([0.5, 0.5], kldiv.Poisson([1.0, 1.0])), kldiv.Poisson(2.0), 1 - math.log(2)),
    "quasi-monte-carlo": (
        Mixture([1.0], kldiv.MultivariateNormalDiag([[0.0]], [[1.0]])),
        kldiv.MultivariateNormalDiag([1.0], [1.0]),
        0.5,
    ),
    "the sum over independent components, each by quadrature": (
        kldiv.Independent(Mixture([[0.5, 0.5]] * 2, Normal([[-1.0, 1.0]] * 2, 1.0))),
        kldiv.Independent(Normal([0.0, 0.0], 2**0.5)),
        0.01948553986628208,
    ),
}


@only("method", CHOICES)
@pytest.mark.one_in(2)
def test_best_method_is_chosen(backend, method):
    p, q, truth = CHOICES[method]
    found = kldiv.estimate(made(backend, p), made(backend, q), rng=0)
    assert found.method.startswith(method)
    assert abs(float(backend.to_numpy(found.value)) - truth) <= 1e-3
    assert bool(backend.to_numpy(found.converged))


def test_closed_form_has_no_error(backend):
    found = kldiv.estimate(made(backend, Normal(0.0, 1.0)), made(backend, Normal([1.0, 2.0], 1.0)))
    assert backend.to_numpy(found.value).tolist() == [0.5, 2.0]
    assert backend.to_numpy(found.error).tolist() == [0.0, 0.0]
    assert found.n_samples == 0


def test_closed_form_is_demanded(backend):
    with pytest.raises(kldiv.NoClosedForm, match="Mixture"):
        kldiv.estimate(made(backend, TWO), made(backend, OTHER), method="closed-form")


def test_variational_approximation_comes_with_what_bounds_leave_open(eager):
    found = kldiv.estimate(made(eager, TWO), made(eager, OTHER), method="variational")
    assert abs(float(eager.to_numpy(found.value)) - 0.667013298418106406427935) < 1e-12
    assert abs(float(eager.to_numpy(found.value)) - 0.646834407173066982) < float(eager.to_numpy(found.error))


# -------------------------------------------------------------------------------------------------------------- samples


def gaussians(d):
    return kldiv.MultivariateNormal(np.zeros(d), np.eye(d)), kldiv.MultivariateNormal(np.full(d, 0.5), lattice(d))


def lifted(d):
    """Return the twin mixture and its Gaussian in d dimensions, mapped by an invertible matrix: their KL stays."""
    rng = np.random.default_rng(5)
    factor = np.tril(rng.normal(size=(d, d)), -1) + np.diag(1 + rng.uniform(size=d))
    means = np.zeros((2, d))
    means[:, 0] = [-1.0, 1.0]
    wide = np.eye(d)
    wide[0, 0] = 2**0.5
    shift = rng.normal(size=d)
    p = Mixture([0.5, 0.5], kldiv.MultivariateNormalTriL(means @ factor.T + shift, np.stack([factor, factor])))
    return p, kldiv.MultivariateNormalTriL(shift, factor @ wide)


SAMPLED = [
    Exact("mixtures", TWO, OTHER, ".646834407173066982383950"),
    Exact("two dimensions", *gaussians(2), ".356158963774109536280390"),
    Exact("two back", *gaussians(2)[::-1], ".393841036225890463719610"),
    Exact("five", *gaussians(5), "1.04963585509643814512156"),
    Exact("five back", *gaussians(5)[::-1], "1.20036414490356185487844"),
    Exact("ten", *gaussians(10), "2.20543067396698582652351"),
    Exact("lifted", *lifted(4), ".00974276993314104270381126"),
]


def assert_inside_its_interval(backend, case, method):
    found = kldiv.estimate(made(backend, case.p), made(backend, case.q), method=method, rtol=0.03, rng=11)
    error = float(backend.to_numpy(found.error))
    value, truth = float(backend.to_numpy(found.value)), float(mp.mpf(case.truth))
    assert abs(value - truth) <= 3.5 * error
    assert 0 < error <= 0.03 / 1.95 * value
    assert bool(backend.to_numpy(found.converged))


each_method = only("method", ["monte-carlo", "quasi-monte-carlo"])


@each_method
@only("case", [case for case in SAMPLED if case.name in ("mixtures", "five", "five back")], ids=str)
@pytest.mark.one_in(3)
def test_estimate_from_samples_is_inside_its_interval(backend, case, method):
    assert_inside_its_interval(backend, case, method)


@each_method
@only("case", [case for case in SAMPLED if case.name not in ("mixtures", "five", "five back")], ids=str)
def test_another_estimate_from_samples_is_inside_its_interval(eager, case, method):
    assert_inside_its_interval(eager, case, method)


ROWS = 400


def covered(values, errors, truth, quantile=1.96):
    return np.mean(np.abs(np.asarray(values) - truth) <= quantile * np.asarray(errors))


@only(
    "case",
    [
        Exact("normal", Normal(0.0, 1.0), Normal(0.5, 1.0), 0.125),
        Exact("gamma", kldiv.Gamma(2.0, 1.0), kldiv.Gamma(3.0, 2.0), ".190921303781642241772048"),
        Exact("mixtures", TWO, OTHER, ".646834407173066982383950"),
        Exact("poisson", kldiv.Poisson(4.0), kldiv.Geometric(0.2), ".415339417809975554301034"),
    ],
    ids=str,
)
def test_interval_covers_the_truth_as_often_as_it_says(eager, case):
    # A batch of one pair is as many independent estimates of it.
    rows = np.zeros((ROWS, 1))
    location = case.p.components.loc if type(case.p) is Mixture else None
    p = (
        case.p._replace(components=case.p.components._replace(loc=rows + location))
        if type(case.p) is Mixture
        else type(case.p)(*[rows[:, 0] + x for x in case.p])
    )
    found = without_warnings(
        made(eager, p), made(eager, case.q), method="monte-carlo", rng=2, max_samples=4096, rtol=0.0
    )
    share = covered(eager.to_numpy(found.value), eager.to_numpy(found.error), float(mp.mpf(case.truth)))
    assert 0.92 <= share <= 0.98


@only(
    ("method", "seeds", "options", "quantile"),
    [("monte-carlo", ROWS, {"rtol": 0.05}, 1.96), ("quasi-monte-carlo", 60, {"rtol": 0.002}, 2.13)],  # of 15 degrees
)
def test_interval_covers_the_truth_over_seeds(eager, method, seeds, options, quantile):
    p, q = made(eager, Normal(0.0, 1.0)), made(eager, Normal(0.5, 1.0))
    found = [kldiv.estimate(p, q, method=method, rng=seed, **options) for seed in range(seeds)]
    values, errors = ([float(eager.to_numpy(f[i])) for f in found] for i in (0, 1))
    assert 0.92 <= covered(values, errors, 0.125, quantile) <= 0.98


def test_control_variate_pays_near_equality(eager):
    # Without it, an interval of 5 % takes 2 (1.96 / 0.05)^2 / KL = 600 000 samples.
    p, q = made(eager, Normal(0.0, 1.0)), made(eager, Normal(0.1, 1.0))
    found = [kldiv.estimate(p, q, method="monte-carlo", rtol=0.05, rng=seed) for seed in range(9)]
    assert np.median([f.n_samples for f in found]) < 10_000
    assert abs(float(eager.to_numpy(found[0].value)) - 0.005) < 0.0005


def test_sample_that_q_rules_out_makes_the_estimate_infinite(backend):
    p, q = made(backend, kldiv.Uniform(0.0, 2.0)), made(backend, kldiv.Uniform(0.0, 1.0))
    found = kldiv.estimate(p, q, method="monte-carlo", rng=0)
    assert float(backend.to_numpy(found.value)) == math.inf


def test_heavy_tail_is_not_trusted(eager):
    p, q = made(eager, kldiv.StudentT(2.2, 0.0, 1.0)), made(eager, Normal(0.0, 1.0))
    with pytest.warns(kldiv.EstimateWarning, match="so heavy that the error means little"):
        found = kldiv.estimate(p, q, method="monte-carlo", rng=1, max_samples=20_000)
    assert not bool(eager.to_numpy(found.converged))


@pytest.mark.parametrize(("index", "is_heavy"), [(0.5, False), (0.55, False), (0.68, True), (0.8, True)])
def test_tail_is_heavy_from_an_index_of_three_fifths(index, is_heavy):
    u = (np.arange(2**14) + 0.5) / 2**14
    xp, excess = kldiv.namespace(u), u**-index - 1  # a generalized Pareto distribution
    components = components_of(xp, Normal(np.asarray(0.0), np.asarray(1.0)))
    assert bool(pareto_tail.is_heavy(xp, components, excess, monte_carlo.HEAVY)) == is_heavy


def test_warning_names_the_place_and_the_remedy(backend):
    p, q = made(backend, Normal([0.0, 0.0], 1.0)), made(backend, Normal([0.0, 3.0], 1.0))
    message = r"estimate at index \(1,\) of .* raise max_samples, rtol or atol"
    with pytest.warns(kldiv.EstimateWarning, match=message):
        found = kldiv.estimate(p, q, method="monte-carlo", rng=1, max_samples=1000)
    assert backend.to_numpy(found.converged).tolist() == [True, False]
    assert found.n_samples <= 1000


def test_same_seed_same_estimate(backend):
    p, q = made(backend, TWO), made(backend, OTHER)
    values = [
        float(backend.to_numpy(without_warnings(p, q, method="monte-carlo", rng=seed, max_samples=2000).value))
        for seed in (7, 7, 8)
    ]
    assert values[0] == values[1] != values[2]


def test_own_generators_are_sources(backend):
    p, q = made(backend, Normal(0.0, 1.0)), made(backend, Normal(0.5, 1.0))
    for make in backend.generators.values():
        found = kldiv.estimate(p, q, method="monte-carlo", rng=make(), rtol=0.1)
        assert abs(float(backend.to_numpy(found.value)) - 0.125) < 0.05


def test_progress_shows_value_and_error(backend, capsys):
    p, q = made(backend, Normal(0.0, 1.0)), made(backend, Normal(0.5, 1.0))
    kldiv.estimate(p, q, method="monte-carlo", rng=0, rtol=0.1, progress=True)
    shown = capsys.readouterr().err
    assert "value=0.1" in shown
    assert "error=0.0" in shown


# -------------------------------------------------------------------------------------------------------------- batches


def test_batch_is_estimated_row_by_row(backend):
    means = np.asarray([[[-1.0, 1.0]], [[-2.0, 2.0]], [[0.0, 3.0]]])
    p = made(backend, Mixture(np.asarray([0.25, 0.75]), Normal(means, 1.0)))
    q = made(backend, Normal(np.asarray([0.0, 1.0]), 2.0))
    found = kldiv.estimate(p, q, rtol=1e-9)
    alone = [
        [
            float(backend.to_numpy(kldiv.estimate(
                made(backend, Mixture(np.asarray([0.25, 0.75]), Normal(row[0], 1.0))),
                made(backend, Normal(loc, 2.0)), rtol=1e-9).value))
            for loc in (0.0, 1.0)
        ]
        for row in means[:2]
    ]  # fmt: skip
    assert backend.to_numpy(found.value).shape == (3, 2)
    np.testing.assert_allclose(backend.to_numpy(found.value)[:2], alone, rtol=1e-9)


def test_nested_mixture_is_the_flat_one(eager):
    inner = Mixture(np.asarray([[0.5, 0.5], [0.25, 0.75]]), Normal(np.asarray([[-2.0, 0.0], [1.0, 3.0]]), 1.0))
    nested = Mixture(np.asarray([0.4, 0.6]), inner)
    flat = Mixture(np.asarray([0.2, 0.2, 0.15, 0.45]), Normal(np.asarray([-2.0, 0.0, 1.0, 3.0]), 1.0))
    values = [
        float(eager.to_numpy(kldiv.estimate(made(eager, p), made(eager, OTHER), rtol=1e-10).value))
        for p in (nested, flat)
    ]
    assert abs(values[0] - values[1]) < 1e-10


def test_component_without_weight_does_not_count(eager):
    p = made(eager, Mixture([0.0, 1.0], Normal([-9.0, 0.0], 1.0)))
    found = kldiv.estimate(p, made(eager, Normal(1.0, 1.0)), method="quadrature", rtol=1e-10)
    assert abs(float(eager.to_numpy(found.value)) - 0.5) < 1e-10


@pytest.mark.parametrize("p", [Mixture([0.5, 0.5], kldiv.Uniform([0.0, 1.0], [2.0, 3.0]))], ids=["steps"])
def test_mixture_of_distributions_with_ends(eager, p):
    found = kldiv.estimate(made(eager, p), made(eager, kldiv.Uniform(-1.0, 4.0)), rtol=1e-10)
    truth = 0.5 * math.log(5 / 4) + 0.5 * math.log(5 / 2)
    assert abs(float(eager.to_numpy(found.value)) - truth) < 1e-10


def test_short_floats_keep_their_dtype(backend, short_dtype):
    p, q = (
        Mixture(*[backend.array(d.probs, short_dtype), Normal(*[backend.array(x, short_dtype) for x in d.components])])
        for d in (TWO, OTHER)
    )
    found = without_warnings(p, q)
    assert backend.dtype_name(found.value) == short_dtype
    assert abs(float(backend.to_numpy(backend.astype(found.value, "float32"))) - 0.6468) < 0.02


# ---------------------------------------------------------------------------------------------------------- derivatives


def slopes(differentiable, function, *values):
    arrays = [differentiable.array(v, "float64") for v in values]
    return [differentiable.to_numpy(g) for g in differentiable.eager_gradient(function, *arrays)]


def of_normal(method, **options):
    return lambda loc, scale: kldiv.estimate(Normal(loc, scale), Normal(0.0, 2.0), method=method, **options).value


@only(
    ("method", "tolerance", "options"),
    [
        ("quadrature", 1e-9, {"rtol": 1e-9}),
        ("monte-carlo", 0.02, {"rng": 0, "rtol": 0.02}),
        ("quasi-monte-carlo", 0.01, {"rng": 0, "rtol": 0.02}),
    ],
)
@pytest.mark.one_in(2)
def test_gradient_of_an_estimate_is_that_of_the_divergence(differentiable, method, tolerance, options):
    # KL = log(2 / s) + (s^2 + m^2) / 8 - 1/2
    loc, scale = slopes(differentiable, of_normal(method, **options), 0.5, 1.5)
    assert abs(loc - 0.125) < tolerance
    assert abs(scale - (1.5 / 4 - 1 / 1.5)) < tolerance


def test_gradient_with_respect_to_q(differentiable):
    def value(loc, scale):
        return kldiv.estimate(Normal(0.5, 1.5), Normal(loc, scale), method="monte-carlo", rng=0, rtol=0.02).value

    loc, scale = slopes(differentiable, value, 0.0, 2.0)
    assert abs(loc + 0.125) < 0.02
    assert abs(scale - (0.5 - 2.5 / 8)) < 0.02


def test_gradient_through_samples_that_jump(differentiable):
    # d/dr of E log(p / q) under Poisson(r) against a geometric distribution: E[(x - r) / r log(p / q)].
    def value(rate):
        return kldiv.estimate(kldiv.Poisson(rate), kldiv.Geometric(0.2), method="monte-carlo", rng=0, rtol=0.02).value

    k = np.arange(200)
    log_p = k * math.log(4) - 4 - np.asarray([math.lgamma(i + 1) for i in k])
    truth = np.sum(np.exp(log_p) * (k - 4) / 4 * (log_p - math.log(0.2) - k * math.log(0.8)))
    assert abs(slopes(differentiable, value, 4.0)[0] - truth) < 0.02


def test_gradient_of_a_sum(differentiable):
    (slope,) = slopes(
        differentiable,
        lambda rate: kldiv.estimate(kldiv.Poisson(rate), kldiv.Poisson(3.0), method="sum", rtol=1e-9).value,
        4.0,
    )
    assert abs(slope - math.log(4 / 3)) < 1e-9


def weights_and_means(method, **options):
    def value(weights, means):
        p = Mixture(weights, Normal(means, means * 0 + 1.0))
        return kldiv.estimate(p, Normal(0.0, 2.0), method=method, **options).value

    return value


def test_gradients_of_mixtures_agree_between_methods(differentiable):
    point = ([0.3, 0.7], [-1.0, 2.0])
    exact = slopes(differentiable, weights_and_means("quadrature", rtol=1e-9), *point)
    sampled = slopes(differentiable, weights_and_means("monte-carlo", rng=0, rtol=0.02), *point)
    step = 1e-4
    moved = [
        float(differentiable.to_numpy(weights_and_means("quadrature", rtol=1e-12)(
            differentiable.array(point[0], "float64"), differentiable.array([-1.0, 2.0 + h], "float64"))))
        for h in (-step, step)
    ]  # fmt: skip
    assert abs(exact[1][1] - (moved[1] - moved[0]) / (2 * step)) < 1e-7
    np.testing.assert_allclose(np.concatenate(sampled), np.concatenate(exact), atol=0.03)


def test_gradient_moves_the_ends_of_a_support(differentiable):
    # KL = -log(h - l) + log(2 sqrt(2 pi)) + (h^3 - l^3) / (24 (h - l))
    def value(low, high):
        return kldiv.estimate(kldiv.Uniform(low, high), Normal(0.0, 2.0), method="quadrature", rtol=1e-9).value

    low, high = slopes(differentiable, value, -1.0, 2.0)
    assert abs(low - (1 / 3 + (-3 / 24 + 9 / 24 / 3) / 3)) < 1e-9
    assert abs(high - (-1 / 3 + (12 / 24 - 9 / 24 / 3) / 3)) < 1e-9


@pytest.mark.one_in(2)
def test_quadrature_under_transforms(backend, transform):
    def value(weights, means):
        return kldiv.estimate(Mixture(weights, Normal(means, 1.0)), Normal(0.0, 2.0)).value

    arguments = [
        backend.array([[0.3, 0.7], [0.5, 0.5]], "float64"),
        backend.array([[-2.0, 3.0], [0.0, 1.0]], "float64"),
    ]
    expected = backend.to_numpy(value(*arguments))
    np.testing.assert_allclose(backend.to_numpy(transform(value)(*arguments)), expected, rtol=1e-6)


# ----------------------------------------------------------------------------------------------------------- bad input


@only(
    ("options", "message"),
    [
        ({"method": "exact"}, "method must be one of 'auto', .*; got 'exact'"),
        ({"rtol": -1.0}, "rtol must be a number of at least 0; got -1.0"),
        ({"atol": math.nan}, "atol must be a number of at least 0; got nan"),
        ({"confidence": 95}, "confidence must be a number between 0 and 1, such as 0.95; got 95"),
        ({"max_samples": 10}, "max_samples must be an integer of at least 100, or None; got 10"),
        ({"method": "sum"}, "method='sum' is for distributions of integers and classes; got Mixture"),
    ],
    ids=str,
)
def test_bad_option_is_refused(backend, options, message):
    with pytest.raises(ValueError, match=message):
        kldiv.estimate(made(backend, TWO), made(backend, OTHER), **options)


Base = TypeVar("Base")


@declare.family()
class Diluted(NamedTuple, Generic[Base]):
    """A distribution of numbers, all of whose probability but that of 0 is multiplied by 1 - `zero`; no support."""

    zero: Annotated[Any, domains.UnitInterval]
    base: Annotated[Base, domains.Component((), event=False)]

    @declare.density
    def log_density(self, xp, x):
        """Return the logarithm of the mass at `x`; there is none more at 0 if `zero` is 0."""
        inner = xp.log1p(-self.zero) + self.base.log_density(x)
        return xp.where(x == 0, xp.log(self.zero + xp.exp(inner)), inner)


@only(
    ("p", "q", "n"),
    [
        (kldiv.Poisson(3.0), kldiv.Poisson(2.0), 60),
        (kldiv.Binomial(6.0, 0.3), kldiv.Binomial(6.0, 0.4), 7),
        (kldiv.Categorical([0.5, 0.3, 0.2]), kldiv.Categorical([0.1, 0.3, 0.6]), 3),
        (kldiv.DiscreteUniform(0.0, 5.0), kldiv.DiscreteUniform(0.0, 7.0), 6),
    ],
    ids=lambda d: type(d).__name__,
)
def test_sum_over_the_support_of_a_held_family(backend, p, q, n):
    p, q = Diluted(0.2, p), Diluted(0.4, q)
    log_p, log_q = (d.log_density(np.arange(float(n))) for d in (p, q))
    result = kldiv.estimate(made(backend, p), made(backend, q))
    assert result.method == "sum"
    found = backend.to_numpy(result.value)
    np.testing.assert_allclose(found, np.sum(np.exp(log_p) * (log_p - log_q)), rtol=1e-12)


@only("p", [kldiv.Poisson(3000.0), Diluted(0.2, kldiv.Poisson(3000.0))], ids=["plain", "held"])
def test_tail_of_a_held_family_is_an_integral(eager, backend, p):
    q = Diluted(0.4, kldiv.Poisson(2900.0))
    log_p, log_q = (d.log_density(np.arange(6000.0)) for d in (p, q))
    result = kldiv.estimate(made(backend, p), made(backend, q), rtol=1e-9)
    assert result.n_samples < 6000
    found = backend.to_numpy(result.value)
    np.testing.assert_allclose(found, np.sum(np.exp(log_p) * (log_p - log_q)), rtol=1e-10)


def test_integral_over_the_support_of_a_held_family(backend):
    p, q = (made(backend, Diluted(0.0, kldiv.Gamma(c, 1.0))) for c in (1.0, 2.0))
    result = kldiv.estimate(p, q)
    assert result.method == "quadrature"
    np.testing.assert_allclose(backend.to_numpy(result.value), np.euler_gamma, rtol=1e-12)


@declare.family()
class Copies(NamedTuple, Generic[Base]):
    """Independent numbers, with vectors of them for outcomes and no support of its own."""

    base: Annotated[Base, domains.Component(("n",))]

    @declare.density
    def log_density(self, xp, x):
        """Return the sum over the entries."""
        return xp.sum(self.base.log_density(x), axis=-1)


@declare.sampler(Copies)
def sample_copies(xp, draw, d):
    """Return the samples of the entries."""
    return draw.sample(xp, d.base)


def test_family_of_vectors_of_a_held_family_is_sampled(eager, backend):
    p, q = (made(backend, Copies(d([0.0, 1.0], 1.0))) for d in (Normal, kldiv.Laplace))
    result = kldiv.estimate(p, q, rng=1)
    assert result.method == "quasi-monte-carlo"
    truth = 2 * ((2 / math.pi) ** 0.5 + math.log(2) - 0.5 * math.log(2 * math.pi * math.e))
    assert abs(float(result.value) - truth) < 6 * float(result.error)


def test_quadrature_of_vectors_is_refused(backend):
    p, q = (made(backend, d) for d in gaussians(2))
    with pytest.raises(ValueError, match="method='quadrature' is for distributions of one number"):
        kldiv.estimate(p, q, method="quadrature")


def test_bad_parameter_is_named(backend):
    p = made(backend, Mixture([0.5, 0.5], Normal([0.0, 1.0], [1.0, -1.0])))
    with pytest.raises(ValueError, match=r"Normal.scale must be positive and finite; got -1.0 at index \(1,\) of p"):
        kldiv.estimate(p, made(backend, OTHER))


def test_family_without_sampler_is_named(backend):
    p, q = (made(backend, kldiv.VonMises(0.0, c)) for c in (1.0, 2.0))
    with pytest.raises(NotImplementedError, match="VonMises has no sampler here"):
        kldiv.estimate(p, q, method="monte-carlo")


def test_wrong_source_is_refused(backend):
    with pytest.raises(TypeError, match="rng must be a seed"):
        kldiv.estimate(made(backend, TWO), made(backend, OTHER), method="monte-carlo", rng="seed")
