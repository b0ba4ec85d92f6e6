"""The table of bad input: what is refused, by which exception, in which words; and what is not bad."""

import collections
import contextlib
import itertools
import math
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pytest
import scipy.stats

import backends
import kldiv
import reference
from kldiv import domains

INF, NAN = math.inf, math.nan
ROOT = Path(__file__).parents[2]

SCIPY_NORMAL = getattr(scipy.stats, "Normal", type("Normal", (), {"__module__": "scipy.stats"}))  # since SciPy 1.15

only = pytest.mark.parametrize
in_both_roles = only("role", ["p", "q"])


def pytest_generate_tests(metafunc):
    """Parametrize by what the framework under test has: sparse arrays, and frameworks beside it."""
    backend = backends.load(metafunc.config.getoption("--backend"))
    if "refused" in metafunc.fixturenames:
        refused = {**NO_PARAMETER, **arrays_in_lists(backend), **backend.refused}
        metafunc.parametrize("refused", refused.values(), ids=refused.keys())
    if "foreign" in metafunc.fixturenames:
        metafunc.parametrize("foreign", [] if backend.name == "numpy" else [np.asarray], ids=lambda f: "numpy")


@pytest.fixture
def array(backend):
    return lambda values, dtype="float64": backend.array(values, dtype)


@pytest.fixture
def on_backend(array):
    """Put the parameters of a distribution into arrays of the backend under test."""

    def convert(d, dtype="float64"):
        return type(d)(*(convert(value, dtype) if is_family(value) else array(value, dtype) for value in d))

    return convert


def is_family(value):
    return hasattr(value, "_fields")


def in_role(role, bad, good):
    """Return p and q, with `bad` in the role."""
    return (bad, good) if role == "p" else (good, bad)


def message_of(error, function, *arguments, **options):
    """Return the message of the exception that a call raises."""
    with pytest.raises(error) as caught:
        function(*arguments, **options)
    return str(caught.value)


# --------------------------------------------------------------------------------------------------- invalid parameters

IDENTITY = [[1.0, 0.0], [0.0, 1.0]]
VALID = {
    kldiv.Bernoulli: kldiv.Bernoulli(0.5),
    kldiv.BernoulliLogits: kldiv.BernoulliLogits(0.5),
    kldiv.Categorical: kldiv.Categorical([0.25, 0.75]),
    kldiv.CategoricalLogits: kldiv.CategoricalLogits([0.5, 1.0]),
    kldiv.Delta: kldiv.Delta(1.0),
    kldiv.Exponential: kldiv.Exponential(1.0),
    kldiv.Gamma: kldiv.Gamma(2.0, 1.0),
    kldiv.Independent: kldiv.Independent(kldiv.Normal([0.0, 1.0], [1.0, 2.0])),
    kldiv.MultivariateNormal: kldiv.MultivariateNormal([0.0, 1.0], IDENTITY),
    kldiv.MultivariateNormalDiag: kldiv.MultivariateNormalDiag([0.0, 1.0], [1.0, 1.0]),
    kldiv.MultivariateNormalPrecision: kldiv.MultivariateNormalPrecision([0.0, 1.0], IDENTITY),
    kldiv.MultivariateNormalTriL: kldiv.MultivariateNormalTriL([0.0, 1.0], IDENTITY),
    kldiv.Normal: kldiv.Normal(0.0, 1.0),
    kldiv.NormalLogVariance: kldiv.NormalLogVariance(0.0, 1.0),
    kldiv.Poisson: kldiv.Poisson(1.0),
    kldiv.Uniform: kldiv.Uniform(0.0, 1.0),
}


class Invalid(NamedTuple):
    """A distribution with an invalid parameter, and what the message must say of it."""

    bad: Any
    parameter: str
    value: str
    index: tuple[int, ...] = ()  # of the value in the event axes


def at(position, value, *others):
    """Return the others with a value put among them."""
    return [*others[:position], value, *others[position:]]


def not_finite(family, parameter, others, *, position=0):
    return [
        Invalid(family(*at(position, value, *others)), f"{family.__name__}.{parameter}", str(value))
        for value in (NAN, INF, -INF)
    ]


def not_positive(family, parameter, *others, position=0):
    return [
        Invalid(family(*at(position, value, *others)), f"{family.__name__}.{parameter}", str(value))
        for value in (0.0, -0.5, NAN, INF)
    ]


def matrices(family, parameter):
    """Return what is no covariance matrix and no precision matrix."""
    name = f"{family.__name__}.{parameter}"
    return [
        Invalid(family([0.0, NAN], IDENTITY), f"{family.__name__}.loc", "nan", (1,)),
        Invalid(family([INF, 0.0], IDENTITY), f"{family.__name__}.loc", "inf", (0,)),
        Invalid(family([0.0, 0.0], [[1.0, NAN], [NAN, 1.0]]), name, "nan", (0, 1)),
        Invalid(family([0.0, 0.0], [[1.0, 0.0], [0.0, INF]]), name, "inf", (1, 1)),
        Invalid(family([0.0, 0.0], [[1.0, 0.5], [0.0, 1.0]]), name, "0.5", (0, 1)),  # not symmetric
        Invalid(family([0.0, 0.0], [[1.0, 0.0], [0.0, -1.0]]), name, "-1.0"),
        Invalid(family([0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]]), name, "-"),
        Invalid(family([0.0, 0.0], [[1.0, 0.0], [0.0, 0.0]]), name, "0.0"),
        Invalid(family([0.0, 0.0], [[0.0, 0.0], [0.0, 0.0]]), name, "0.0"),
    ]


INVALID = [
    *not_finite(kldiv.Normal, "loc", [1.0]),
    *not_positive(kldiv.Normal, "scale", 0.0, position=1),
    *not_finite(kldiv.NormalLogVariance, "loc", [1.0]),
    *not_finite(kldiv.NormalLogVariance, "log_variance", [0.0], position=1),
    *not_positive(kldiv.Exponential, "rate"),
    *not_positive(kldiv.Gamma, "concentration", 1.0),
    *not_positive(kldiv.Gamma, "rate", 2.0, position=1),
    Invalid(kldiv.Poisson(-0.5), "Poisson.rate", "-0.5"),
    Invalid(kldiv.Poisson(NAN), "Poisson.rate", "nan"),
    Invalid(kldiv.Poisson(INF), "Poisson.rate", "inf"),
    *not_finite(kldiv.Uniform, "low", [1.0]),
    Invalid(kldiv.Uniform(0.0, NAN), "Uniform.high", "nan"),
    Invalid(kldiv.Uniform(0.0, INF), "Uniform.high", "inf"),
    Invalid(kldiv.Uniform(0.0, 0.0), "Uniform.high", "0.0"),
    Invalid(kldiv.Uniform(0.0, -0.5), "Uniform.high", "-0.5"),
    *not_finite(kldiv.Delta, "value", []),
    Invalid(kldiv.Bernoulli(-0.5), "Bernoulli.probs", "-0.5"),
    Invalid(kldiv.Bernoulli(1.5), "Bernoulli.probs", "1.5"),
    Invalid(kldiv.Bernoulli(NAN), "Bernoulli.probs", "nan"),
    Invalid(kldiv.BernoulliLogits(NAN), "BernoulliLogits.logits", "nan"),
    Invalid(kldiv.Categorical([1.5, -0.5]), "Categorical.probs", "-0.5", (1,)),
    Invalid(kldiv.Categorical([NAN, 1.0]), "Categorical.probs", "nan", (0,)),
    Invalid(kldiv.Categorical([0.5, 0.75]), "Categorical.probs", "1.25"),
    Invalid(kldiv.Categorical([0.5, 0.0]), "Categorical.probs", "0.5"),
    Invalid(kldiv.Categorical([0.0, 0.0]), "Categorical.probs", "0.0"),
    Invalid(kldiv.Categorical([INF, 0.0]), "Categorical.probs", "inf"),
    Invalid(kldiv.CategoricalLogits([0.0, NAN]), "CategoricalLogits.logits", "nan", (1,)),
    Invalid(kldiv.CategoricalLogits([INF, 0.0]), "CategoricalLogits.logits", "inf", (0,)),
    Invalid(kldiv.CategoricalLogits([-INF, -INF]), "CategoricalLogits.logits", "-inf"),
    *matrices(kldiv.MultivariateNormal, "covariance_matrix"),
    *matrices(kldiv.MultivariateNormalPrecision, "precision_matrix"),
    *[
        Invalid(kldiv.MultivariateNormalTriL([0.0, 0.0], factor), "MultivariateNormalTriL.scale_tril", value, index)
        for factor, value, index in [
            ([[1.0, 0.5], [0.0, 1.0]], "0.5", (0, 1)),
            ([[1.0, 0.0], [0.5, 0.0]], "0.0", (1,)),
            ([[-0.5, 0.0], [0.5, 1.0]], "-0.5", (0,)),
            ([[1.0, 0.0], [NAN, 1.0]], "nan", (1, 0)),
        ]
    ],
    *[
        Invalid(kldiv.MultivariateNormalDiag([0.0, 0.0], [1.0, x]), "MultivariateNormalDiag.scale_diag", str(x), (1,))
        for x in (0.0, -0.5, NAN, INF)
    ],
    Invalid(kldiv.Independent(kldiv.Normal([0.0, 0.0], [1.0, -0.5])), "Normal.scale", "-0.5", (1,)),
    Invalid(kldiv.Independent(kldiv.Normal([NAN, 0.0], [1.0, 1.0])), "Normal.loc", "nan", (0,)),
]
BY_FAMILY = {f: [row.bad for row in INVALID if type(row.bad) is f] for f in VALID}

each_invalid = only("invalid", INVALID, ids=[f"{row.parameter}-{i}" for i, row in enumerate(INVALID)])
each_family = only("family", VALID, ids=lambda f: f.__name__)


def stacked(*distributions):
    """Return distributions of one family as a batch."""
    first = distributions[0]
    return type(first)(
        *(
            stacked(*column) if is_family(column[0]) else np.stack([np.asarray(value) for value in column])
            for column in zip(*distributions, strict=True)
        )
    )


def batch(*distributions, rest=None):
    """Return a batch of one length for all, filled up with `rest` or else with the last: compilers see few shapes."""
    return stacked(*distributions, *[rest or distributions[-1]] * (LENGTH - len(distributions)))


LENGTH = max(map(len, BY_FAMILY.values()))


@each_invalid
@pytest.mark.one_in(4)
def test_invalid_parameter_of_p_is_quoted(on_backend, invalid):
    p, q = on_backend(invalid.bad), on_backend(VALID[type(invalid.bad)])
    message = message_of(ValueError, kldiv.kl_divergence, p, q)
    place = f"at index {invalid.index} of" if invalid.index else "in"
    assert message.startswith(f"{invalid.parameter} must ")
    assert f"; got {invalid.value}" in message
    assert message.endswith(f" {place} p")


@each_invalid
@pytest.mark.one_in(4)
def test_invalid_parameter_in_a_batch_of_q_is_quoted_with_its_index(on_backend, invalid):
    good = VALID[type(invalid.bad)]
    p, q = on_backend(batch(good)), on_backend(batch(good, good, invalid.bad, rest=good))
    message = message_of(ValueError, kldiv.kl_divergence, p, q)
    assert message.startswith(f"{invalid.parameter} must ")
    assert f"; got {invalid.value}" in message
    assert message.endswith(f" at index {(2, *invalid.index)} of q")


def test_index_counts_all_batch_axes(array):
    rate = array([[1.0, 2.0], [3.0, -0.5]])
    message = message_of(ValueError, kldiv.kl_divergence, kldiv.Gamma(2.0, 1.0), kldiv.Gamma(2.0, rate))
    assert message == "Gamma.rate must be positive and finite; got -0.5 at index (1, 1) of q"


@only("roles", ["p", "q", "both"])
@each_family
def test_without_validation_invalid_parameters_give_nan(backend, on_backend, family, roles):
    bad, good = batch(*BY_FAMILY[family]), batch(VALID[family])
    p, q = {"p": (bad, good), "q": (good, bad), "both": (bad, bad)}[roles]
    values = backend.to_numpy(kldiv.kl_divergence(on_backend(p), on_backend(q), validate=False))
    assert np.isnan(values).all(), values


@each_family
def test_without_validation_the_valid_rest_of_a_batch_is_right(backend, on_backend, family):
    good = VALID[family]
    p, q = batch(good, BY_FAMILY[family][0], rest=good), batch(good)
    values = backend.to_numpy(kldiv.kl_divergence(on_backend(p), on_backend(q), validate=False))
    assert np.flatnonzero(np.isnan(values)).tolist() == [1]


# A pair without a formula of its own has other ways to be plausible: an infinity, a conversion, a look at one number.
INDEFINITE = [[1.0, 0.0], [0.0, -1.0]]
BOTH_WAYS = [
    *itertools.product([kldiv.Normal(0.0, -1.0)], [VALID[kldiv.NormalLogVariance], VALID[kldiv.Delta]]),
    *itertools.product([kldiv.Exponential(-1.0)], [VALID[kldiv.Gamma], VALID[kldiv.Poisson]]),
    *itertools.product([kldiv.Poisson(-1.0)], [kldiv.Bernoulli(1.0), kldiv.BernoulliLogits(0.0), kldiv.Delta(0.0)]),
    *itertools.product([kldiv.Delta(NAN)], [VALID[kldiv.Bernoulli], VALID[kldiv.Categorical], VALID[kldiv.Normal]]),
    *itertools.product([kldiv.Bernoulli(1.5)], [kldiv.BernoulliLogits(0.0), VALID[kldiv.Normal], kldiv.Delta(1.0)]),
    *itertools.product([kldiv.Categorical([0.5, 0.25])], [VALID[kldiv.CategoricalLogits], kldiv.Delta(1.0)]),
    *itertools.product(
        [
            kldiv.MultivariateNormal([0.0, 0.0], INDEFINITE),
            kldiv.MultivariateNormal([0.0, 0.0], [[1.0, 0.5], [0.0, 1.0]]),
            kldiv.MultivariateNormalPrecision([0.0, 0.0], INDEFINITE),
        ],
        [
            VALID[kldiv.MultivariateNormalDiag],
            VALID[kldiv.MultivariateNormalTriL],
            VALID[kldiv.Independent],
            kldiv.Independent(kldiv.Delta([0.0, 0.0])),
        ],
    ),
    (kldiv.MultivariateNormal([0.0, 0.0], INDEFINITE), VALID[kldiv.MultivariateNormalPrecision]),
    (kldiv.MultivariateNormalPrecision([0.0, 0.0], INDEFINITE), VALID[kldiv.MultivariateNormal]),
]
ROUTES = [
    *[(bad, good, "p") for bad, good in BOTH_WAYS],
    *[(good, bad, "q") for bad, good in BOTH_WAYS],
    (kldiv.Normal(0.0, -1.0), VALID[kldiv.Gamma], "p"),
    (VALID[kldiv.Normal], kldiv.Gamma(-1.0, 1.0), "q"),
    (kldiv.Exponential(-1.0), VALID[kldiv.Uniform], "p"),
    (VALID[kldiv.Exponential], kldiv.Uniform(1.0, 0.0), "q"),
]


def kind(d):
    return f"{type(d).__name__}({kind(d.base)})" if isinstance(d, kldiv.Independent) else type(d).__name__


each_route = only(("p", "q", "role"), ROUTES, ids=[f"{kind(p)}-{kind(q)}-{role}" for p, q, role in ROUTES])


@each_route
@pytest.mark.one_in(4)
def test_no_route_has_a_number_for_invalid_parameters(backend, on_backend, p, q, role):
    assert np.isnan(backend.to_numpy(kldiv.kl_divergence(on_backend(p), on_backend(q), validate=False)))


@each_route
@pytest.mark.one_in(4)
def test_every_route_refuses_invalid_parameters(on_backend, p, q, role):
    message = message_of(ValueError, kldiv.kl_divergence, on_backend(p), on_backend(q))
    assert message.endswith((f"in {role}", f"of {role}"))


ONE_OF_EACH_DOMAIN = [
    kldiv.Bernoulli,
    kldiv.Categorical,
    kldiv.CategoricalLogits,
    kldiv.MultivariateNormal,
    kldiv.MultivariateNormalTriL,
    kldiv.Normal,
    kldiv.Poisson,
    kldiv.Uniform,
]


@only("family", ONE_OF_EACH_DOMAIN, ids=lambda f: f.__name__)
def test_transformed_function_gives_nan_for_invalid_parameters(backend, on_backend, transform, family):
    bad, good = batch(*BY_FAMILY[family]), batch(VALID[family])
    p, q = (type(bad)(*map(np.concatenate, zip(*three, strict=True))) for three in ((bad, good, bad), (good, bad, bad)))
    n = len(p)
    function = transform(lambda *a: kldiv.kl_divergence(family(*a[:n]), family(*a[n:])))
    assert np.isnan(backend.to_numpy(function(*on_backend(p, "float32"), *on_backend(q, "float32")))).all()


def optimized(code):
    """Return what Python prints when assertions are off."""
    command = [sys.executable, "-O", "-c", code]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)


def test_optimized_python_does_not_look_at_values():
    run = optimized("import kldiv; print(float(kldiv.kl_divergence(kldiv.Normal(0.0, -1.0), kldiv.Normal(0.0, 1.0))))")
    assert run.stdout == "nan\n"


def test_optimized_python_still_looks_at_structure():
    run = optimized("import kldiv; kldiv.kl_divergence(kldiv.Categorical([1.0]), kldiv.Categorical([0.5, 0.5]))")
    assert "ValueError: event sizes differ" in run.stderr


# --------------------------------------------------------------------------------------- weights that nearly sum to one


@only("dtype", ["float32", "float64"])
@only("excess", [0.9, -0.9])
@in_both_roles
def test_weights_within_the_tolerance_count_as_normalized(backend, on_backend, dtype, excess, role):
    weights = np.asarray([0.25, 0.75]) * (1 + excess * float(np.finfo(dtype).eps) ** 0.5)
    p, q = in_role(role, kldiv.Categorical(weights), kldiv.Categorical([0.5, 0.5]))
    value = backend.to_numpy(kldiv.kl_divergence(on_backend(p, dtype), on_backend(q, dtype)))
    exact = [(np.asarray(d.probs, dtype).tolist(),) for d in (p, q)]
    assert reference.ulps(value, reference.kl("Categorical", exact[0], "Categorical", exact[1]), dtype) <= 6


@only("dtype", ["float32", "float64"])
@only("excess", [1.1, -1.1])
@in_both_roles
def test_weights_outside_the_tolerance_are_refused(on_backend, dtype, excess, role):
    weights = np.asarray([0.25, 0.75]) * (1 + excess * float(np.finfo(dtype).eps) ** 0.5)
    p, q = in_role(role, kldiv.Categorical(weights), kldiv.Categorical([0.5, 0.5]))
    assert "sum to 1" in message_of(ValueError, kldiv.kl_divergence, on_backend(p, dtype), on_backend(q, dtype))


@in_both_roles
def test_tolerance_is_that_of_the_weights_own_dtype(backend, array, role):
    # Their sum is 1 to float32's tolerance, and would not be to that of float64, in which the result is.
    weights, half = np.asarray([0.25 * (1 + 1e-4), 0.75], "float32"), [0.5, 0.5]
    p, q = in_role(role, kldiv.Categorical(array(weights, "float32")), kldiv.Categorical(array(half)))
    exact = in_role(role, (weights,), (half,))
    expected = reference.kl("Categorical", exact[0], "Categorical", exact[1])
    assert float(backend.to_numpy(kldiv.kl_divergence(p, q))) == pytest.approx(float(expected), rel=1e-6)


@in_both_roles
def test_symmetry_is_to_the_tolerance_of_the_matrix_own_dtype(backend, array, role):
    covariance = array([[1.0, 0.5], [0.5 + 1e-4, 1.0]], "float32")
    zero, identity = array([0.0, 0.0]), array(IDENTITY)
    p, q = in_role(role, kldiv.MultivariateNormal(zero, covariance), kldiv.MultivariateNormal(zero, identity))
    expected = [0.14384104, 0.18949230][role == "q"]
    assert float(backend.to_numpy(kldiv.kl_divergence(p, q))) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("dtype", "asymmetry", "is_refused"),
    [("float32", 1e-4, False), ("float32", 1e-3, True), ("float64", 5e-9, False), ("float64", 5e-8, True)],
)
def test_asymmetry_beyond_the_root_of_eps_is_refused(array, dtype, asymmetry, is_refused):
    covariance = array([[1.0, 0.5], [0.5 + asymmetry, 1.0]], dtype)
    p = kldiv.MultivariateNormal(array([0.0, 0.0], dtype), covariance)
    refused = pytest.raises(ValueError, match="must be symmetric") if is_refused else contextlib.nullcontext()
    with refused:
        kldiv.kl_divergence(p, p)


def test_tolerance_of_short_floats_is_their_own(backend, short_dtype):
    # One unit in the last place of 16-bit numbers is far beyond the tolerance of float32, in which they are computed.
    weights, others = [0.125, 0.25, 0.625 + 2.0**-7], [0.25, 0.25, 0.5]
    p, q = (kldiv.Categorical(backend.array(w, short_dtype)) for w in (weights, others))
    value = kldiv.kl_divergence(p, q)
    expected = reference.kl("Categorical", (weights,), "Categorical", (others,))
    assert float(backend.to_numpy(backend.astype(value, "float64"))) == pytest.approx(float(expected), rel=0.02)


# ------------------------------------------------------------------------------------------------- what is no parameter

NO_PARAMETER = {
    "None": lambda: None,
    "bool": lambda: True,
    "complex": lambda: 1j,
    "str": lambda: "1",
    "bytes": lambda: b"1",
    "dict": lambda: {"loc": 1.0},
    "set": lambda: {1.0},
    "range": lambda: range(3),
    "generator": lambda: (x for x in [1.0]),
    "object": lambda: object(),
    "class": lambda: float,
    "function": lambda: math.sqrt,
    "family": lambda: kldiv.Normal(0.0, 1.0),
    "empty list": lambda: [],
    "empty rows": lambda: [[], []],
    "ragged list": lambda: [[1.0, 2.0], [3.0]],
    "list of unequal depth": lambda: [1.0, [2.0]],
    "list of bools": lambda: [1.0, True],
    "list of None": lambda: [1.0, None],
    "list of strings": lambda: ["1", "2"],
    "list of complex": lambda: [1j],
}


def arrays_in_lists(backend):
    """Return lists that hold arrays, whose derivatives would be lost."""
    return {"list of arrays": lambda: [backend.array([1.0, 2.0], "float64")] * 2}


@in_both_roles
def test_what_is_no_parameter_is_refused(refused, array, role):
    p, q = in_role(role, kldiv.Normal(refused(), 1.0), kldiv.Normal(array([0.0, 0.0]), 1.0))
    assert message_of(TypeError, kldiv.kl_divergence, p, q).startswith(f"Normal.loc of {role} ")


def test_what_is_no_parameter_is_refused_after_a_call_with_parameters(refused, array):
    good = kldiv.Normal(array([1.0, 1.0]), 1.0)
    assert kldiv.kl_divergence(good, good) is not None
    p = kldiv.Normal(array([1.0, 1.0]), refused())
    assert message_of(TypeError, kldiv.kl_divergence, p, good).startswith("Normal.scale of p ")


@only(("function", "name"), [(kldiv.rel_entr, "x"), (kldiv.kl_div, "y")], ids=["rel_entr", "kl_div"])
def test_what_is_no_array_is_refused_element_by_element(refused, array, function, name):
    x, y = (refused(), array([1.0, 1.0])) if name == "x" else (array([1.0, 1.0]), refused())
    assert message_of(TypeError, function, x, y).startswith(f"{name} ")


def test_what_is_no_array_has_no_namespace(refused, array):
    assert message_of(TypeError, kldiv.namespace, array([1.0]), refused()).startswith("argument 1 ")


FOREIGN = {
    "one distribution": (
        lambda a, b: kldiv.kl_divergence(kldiv.Normal(a, b), kldiv.Normal(0.0, 1.0)),
        "loc of p",
        "scale of p",
    ),
    "p and q": (lambda a, b: kldiv.kl_divergence(kldiv.Exponential(a), kldiv.Exponential(b)), "rate of p", "rate of q"),
    "held": (
        lambda a, b: kldiv.kl_divergence(
            kldiv.Independent(kldiv.Normal(a, 1.0)), kldiv.Independent(kldiv.Normal(0.0, b))
        ),
        "loc of p",
        "scale of q",
    ),
    "elements": (kldiv.rel_entr, "x is", "y is"),
    "namespace": (kldiv.namespace, "argument 0", "argument 1"),
}


@only(("function", "first", "second"), FOREIGN.values(), ids=FOREIGN.keys())
def test_mixed_frameworks_are_refused(backend, array, foreign, function, first, second):
    message = message_of(TypeError, function, array([1.0, 2.0]), foreign([1.0, 2.0]))
    assert first in message
    assert second in message
    assert backend.name in message
    assert "numpy" in message


@only(("function", "first", "second"), FOREIGN.values(), ids=FOREIGN.keys())
def test_numbers_and_lists_mix_with_every_framework(backend, array, function, first, second):
    assert function(array([1.0, 2.0]), [1.0, np.float32(2.0)]) is not None


# ------------------------------------------------------------------------------------------------------------ structure


def mvn(a, loc, matrix):
    return kldiv.MultivariateNormal(a(np.zeros(loc)), a(np.ones(matrix)))


def categorical(a, *shape):
    return kldiv.Categorical(a(np.full(shape, 0.5)))


def normal(a, *shapes):
    return kldiv.Normal(*(a(np.ones(shape)) for shape in shapes))


STRUCTURE = {
    # event sizes that differ: never a broadcast
    "3 classes, 1 class": (
        lambda a: (categorical(a, 3), categorical(a, 1)),
        "3 in Categorical.probs of p",
        "1 in Categorical.probs of q",
    ),
    "1 class, 3 classes": (
        lambda a: (categorical(a, 1), categorical(a, 3)),
        "1 in Categorical.probs of p",
        "3 in Categorical.probs of q",
    ),
    "probabilities, logits": (
        lambda a: (categorical(a, 3), kldiv.CategoricalLogits(a([0.0]))),
        "3 in Categorical.probs of p",
        "1 in CategoricalLogits.logits of q",
    ),
    "batches of classes": (
        lambda a: (categorical(a, 4, 3), categorical(a, 4, 2)),
        "Categorical.probs of p",
        "Categorical.probs of q",
    ),
    "loc, covariance": (
        lambda a: (mvn(a, 3, (1, 1)), mvn(a, 3, (3, 3))),
        "3 in MultivariateNormal.loc of p",
        "1 in MultivariateNormal.covariance_matrix of p",
    ),
    "loc of 1": (
        lambda a: (mvn(a, 3, (3, 3)), mvn(a, 1, (3, 3))),
        "1 in MultivariateNormal.loc of q",
        "3 in MultivariateNormal.covariance_matrix of q",
    ),
    "not square": (
        lambda a: (mvn(a, 3, (3, 1)), mvn(a, 3, (3, 3))),
        "MultivariateNormal.covariance_matrix of p",
        "3",
        "1",
    ),
    "dimensions": (
        lambda a: (mvn(a, 3, (3, 3)), mvn(a, 1, (1, 1))),
        "p, MultivariateNormal, has shape (3,)",
        "q, MultivariateNormal, has shape (1,)",
    ),
    "components": (
        lambda a: (kldiv.Independent(normal(a, 3, 3)), kldiv.Independent(normal(a, 1, 1))),
        "p, Independent(Normal), has shape (3,)",
        "q, Independent(Normal), has shape (1,)",
    ),
    "components, dimensions": (
        lambda a: (kldiv.Independent(normal(a, 3, 3)), mvn(a, 1, (1, 1))),
        "(3,)",
        "(1,)",
        "p",
        "q",
    ),
    # event axes missing
    "no classes axis": (
        lambda a: (kldiv.Categorical(a(1.0)), categorical(a, 2)),
        "Categorical.probs of p has shape ()",
    ),
    "no logits axis": (
        lambda a: (kldiv.CategoricalLogits(1.0), kldiv.CategoricalLogits(a([1.0]))),
        "CategoricalLogits.logits of p has shape ()",
    ),
    "no loc axis": (lambda a: (mvn(a, (), (3, 3)), mvn(a, 3, (3, 3))), "MultivariateNormal.loc of p has shape ()"),
    "covariance a vector": (
        lambda a: (mvn(a, 3, (3, 3)), mvn(a, 3, 3)),
        "MultivariateNormal.covariance_matrix of q has shape (3,)",
    ),
    "no batch axis": (
        lambda a: (kldiv.Independent(normal(a, 3, ())), kldiv.Independent(normal(a, (), ()))),
        "Independent.base of q has shape ()",
    ),
    "one batch axis for two": (
        lambda a: (kldiv.Independent(kldiv.Independent(normal(a, 3, 3))),) * 2,
        "Independent.base of p has shape ()",
    ),
    # event axes of no length
    "zero classes": (lambda a: (kldiv.CategoricalLogits(a(np.zeros((2, 0)))),) * 2, "CategoricalLogits.logits of p"),
    "zero dimensions": (
        lambda a: (kldiv.MultivariateNormal(a([0.0])[:0], a([[1.0]])[:0, :0]),) * 2,
        "MultivariateNormal.loc of p",
    ),
    # outcomes of different shape
    "number, vector": (
        lambda a: (normal(a, (), ()), mvn(a, 3, (3, 3))),
        "p, Normal, has shape ()",
        "q, MultivariateNormal, has shape (3,)",
    ),
    "vector, number": (
        lambda a: (mvn(a, 3, (3, 3)), normal(a, 3, 3)),
        "p, MultivariateNormal, has shape (3,)",
        "q, Normal, has shape ()",
    ),
    "components, numbers": (
        lambda a: (kldiv.Independent(normal(a, 3, 3)), normal(a, 3, 3)),
        "p, Independent(Normal), has shape (3,)",
        "q, Normal, has shape ()",
    ),
    # batch shapes that do not broadcast
    "batches of p": (
        lambda a: (normal(a, 3, 4), normal(a, (), ())),
        "(3,) of Normal.loc of p",
        "(4,) of Normal.scale of p",
    ),
    "batches of q": (
        lambda a: (normal(a, (), ()), normal(a, (2, 3), 2)),
        "(2, 3) of Normal.loc of q",
        "(2,) of Normal.scale of q",
    ),
    "batches of p and q": (lambda a: (normal(a, 3, 3), normal(a, 4, 4)), "(3,) of p", "(4,) of q"),
    "batches of classes, classes": (lambda a: (categorical(a, 3, 2), categorical(a, 4, 2)), "(3,) of p", "(4,) of q"),
    "batches of vectors": (lambda a: (mvn(a, (3, 2), (2, 2)), mvn(a, (4, 2), (2, 2))), "(3,) of p", "(4,) of q"),
    "batch of factors": (
        lambda a: (mvn(a, (3, 2), (4, 2, 2)), mvn(a, 2, (2, 2))),
        "(3,) of MultivariateNormal.loc of p",
        "(4,) of MultivariateNormal.covariance_matrix of p",
    ),
    "batches of components": (
        lambda a: (kldiv.Independent(normal(a, (3, 2), (3, 2))), kldiv.Independent(normal(a, (4, 2), (4, 2)))),
        "(3,) of p",
        "(4,) of q",
    ),
}


@only(("distributions", "words"), [(d, words) for d, *words in STRUCTURE.values()], ids=STRUCTURE.keys())
def test_shapes_that_do_not_fit_are_refused(array, distributions, words):
    message = message_of(ValueError, kldiv.kl_divergence, *distributions(array), validate=False)
    assert [word for word in words if word not in message] == [], message


@only("function", [kldiv.rel_entr, kldiv.kl_div])
def test_arrays_that_do_not_broadcast_are_refused(array, function):
    message = message_of(ValueError, function, array(np.ones((2, 3))), array(np.ones(2)))
    assert "(2, 3) of x" in message
    assert "(2,) of y" in message


# ----------------------------------------------------------------------------------------------------- no distributions


class Point(NamedTuple):
    """Fields without domains."""

    loc: float
    scale: float


class Unresolvable(NamedTuple):
    """An annotation that names nothing."""

    loc: "Nothing"  # noqa: F821


Plain = collections.namedtuple("Plain", "loc scale")


class Undecorated(NamedTuple):
    """A family that is declared by its formula alone."""

    rate: Annotated[Any, domains.Positive]


class Derived(Undecorated):
    """A class derived from a family, of whose pairs nothing is declared."""


NO_DISTRIBUTION = {
    "array": (lambda a: a([0.5, 0.5]), "not a distribution", "Categorical(p)", "kldiv.rel_entr"),
    "number": (lambda a: 0.5, "float", "not a distribution"),
    "list": (lambda a: [0.5, 0.5], "list", "not a distribution"),
    "None": (lambda a: None, "NoneType", "not a distribution"),
    "tuple": (lambda a: (0.0, 1.0), "tuple", "not a distribution"),
    "named tuple": (lambda a: Plain(0.0, 1.0), "Plain", "not a distribution"),
    "typed named tuple": (lambda a: Point(0.0, 1.0), "Point", "not a distribution"),
    "unresolvable named tuple": (lambda a: Unresolvable(0.0), "Unresolvable", "not a distribution"),
    "class of a named tuple": (lambda a: Plain, "not a distribution"),
    "object": (lambda a: object(), "object", "not a distribution"),
    "family": (lambda a: kldiv.Normal, "the family Normal itself", "pass Normal(loc=..., scale=...)"),
    "alias": (lambda a: kldiv.Independent[kldiv.Normal], "the family Independent itself", "pass Independent(base=...)"),
    "module": (lambda a: kldiv, "module", "not a distribution"),
    "derived": (lambda a: Derived(1.0), "Derived", "derived from the family Undecorated", "kldiv.declare.conversion"),
    "list of distributions": (
        lambda a: [kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 1.0)],
        "a list of distributions",
        "pass Normal(loc=[...], scale=[...])",
    ),
    "list of families": (lambda a: [kldiv.Normal(0.0, 1.0), kldiv.Poisson(1.0)], "these are Normal, Poisson"),
    "class": (lambda a: dict, "the class dict"),
    "another library's class": (
        lambda a: SCIPY_NORMAL,
        "the class scipy.stats",
        "pass an instance of it, or of the nearest family: Normal(loc=..., scale=...)",
    ),
    "held array": (lambda a: kldiv.Independent(a([0.5, 0.5])), "Independent.base", "not a distribution"),
}


@in_both_roles
@only(("value", "words"), [(value, words) for value, *words in NO_DISTRIBUTION.values()], ids=NO_DISTRIBUTION.keys())
def test_what_is_no_distribution_is_refused(array, value, words, role):
    p, q = in_role(role, value(array), kldiv.Normal(array(0.0), 1.0))
    message = message_of(TypeError, kldiv.kl_divergence, p, q)
    assert message.startswith(f"{role} is ") or f" of {role} is " in message
    assert [word for word in words if word not in message] == [], message


HELD = {
    "family": (lambda: kldiv.Normal, "the family Normal itself"),
    "list of distributions": (lambda: [kldiv.Normal(0.0, 1.0)], "a list of distributions"),
    "another library's class": (lambda: SCIPY_NORMAL, "the class scipy.stats"),
}


@only(("value", "words"), HELD.values(), ids=HELD.keys())
@only("holder", [lambda x: kldiv.Independent(base=x), lambda x: kldiv.Mixture([0.5, 0.5], x)], ids=["base", "mixture"])
def test_family_does_not_hold_what_is_no_distribution(holder, value, words):
    message = message_of(TypeError, holder, value())
    assert message.startswith(("Independent.base is ", "Mixture.components is "))
    assert words in message


@only("placeholder", [None, 0, "leaf"])
def test_family_holds_the_placeholders_of_functions_that_map_trees(placeholder):
    assert kldiv.Independent(placeholder).base == placeholder


PAIR = [kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 2.0)]
AS_NUMBERS = {
    "kl_div": ("x", lambda: kldiv.kl_div(PAIR, PAIR)),
    "project": ("p", lambda: kldiv.project(PAIR, kldiv.Normal)),
    "parameter": ("Normal.loc of p", lambda: kldiv.kl_divergence(kldiv.Normal(PAIR, 1.0), PAIR[0])),
    "log_density": ("x", lambda: PAIR[0].log_density(PAIR)),
    "plotting.pairwise": ("matrix", lambda: kldiv.plotting.pairwise(PAIR)),
    "from_grid": ("density", lambda: kldiv.from_grid([0.0, 1.0], PAIR)),
    "namespace": ("argument 0", lambda: kldiv.namespace(PAIR)),
}


@only(("name", "call"), AS_NUMBERS.values(), ids=AS_NUMBERS.keys())
def test_distributions_in_a_list_are_no_numbers(name, call):
    message = message_of(TypeError, call)
    assert message.startswith(f"{name} holds Normal(loc=")
    assert message.endswith("Normal(loc=[...], scale=[...])")


def test_distributions_are_no_arrays():
    assert message_of(TypeError, kldiv.rel_entr, *PAIR).endswith("; kldiv.kl_divergence is for distributions")


@only(("function", "argument"), [(kldiv.kl_div, "x"), (kldiv.rel_entr, "y")], ids=["kl_div", "rel_entr"])
def test_logarithms_of_probabilities_are_refused_with_the_cure(array, function, argument):
    logarithms, probs = array(np.log([[0.25, 0.75]] * 2)), array([0.5, 0.5])
    message = message_of(ValueError, function, *((logarithms, probs) if argument == "x" else (probs, logarithms)))
    assert message.startswith(f"{argument} must be non-negative; got -1.386")
    assert f"at index (0, 0) of {argument}" in message
    assert "kl_div(p, exp(log_q))" in message


@only("function", [kldiv.kl_div, kldiv.rel_entr])
def test_without_validation_negative_weights_give_infinity_as_in_scipy(backend, array, function):
    weights = [-1.0, 0.5], [0.5, 0.5]
    values = backend.to_numpy(function(*map(array, weights), validate=False))
    assert values.tolist() == getattr(scipy.special, function.__name__)(*weights).tolist()


def test_channels_first_are_told_where_the_sums_tell(array):
    probs = array(np.full((2, 4, 3, 3), 0.25))
    message = message_of(ValueError, kldiv.kl_divergence, kldiv.Categorical(probs), kldiv.Categorical(probs))
    assert message.endswith("the sums along axis 1 are 1: move it to the end, as moveaxis(1, -1) does")


def test_vector_of_one_number_asks_for_an_axis(array):
    p = kldiv.Independent(kldiv.Normal(array(0.0), 1.0))
    message = message_of(ValueError, kldiv.kl_divergence, p, p)
    assert message.endswith("it needs a parameter with an axis, such as Normal(loc=[...], scale=[...])")


@only("value", [1e300, -1e300, 10**300, [1.0, 1e300], 10**400], ids=lambda x: repr(x)[:12])
@only("met", [False, True], ids=["first call", "later call"])
def test_numbers_beyond_the_range_of_float32_are_refused(array, value, met):
    loc = array([0.0, 1.0], "float32")
    assert not met or kldiv.kl_divergence(kldiv.Normal(loc, 1.0), kldiv.Normal(0, np.float64(1.0))) is not None
    message = message_of(ValueError, kldiv.kl_divergence, kldiv.Normal(loc, 1.0), kldiv.Normal(0.0, value))
    assert message.startswith("Normal.scale of q holds ")
    assert "float32" in message


def test_scalars_of_numpy_beyond_the_range_of_float32_are_refused(array, foreign):
    p = kldiv.Normal(array([0.0, 1.0], "float32"), foreign(1e300)[()])
    assert message_of(ValueError, kldiv.kl_divergence, p, p).startswith("Normal.scale of p holds ")


@only("value", [np.longdouble(1.0), [np.longdouble(1.0)], np.complex64(1.0), np.bool_(True)], ids=repr)
def test_scalars_that_are_no_64_bit_numbers_are_refused_beside_arrays(array, value):
    p = kldiv.Normal(array([0.0, 1.0], "float32"), value)
    assert message_of(TypeError, kldiv.kl_divergence, p, p).startswith("Normal.scale of p ")


@only("dtype", [">f8", ">f4", ">i8"])
@only("met", [False, True], ids=["first call", "later call"])
def test_arrays_of_the_other_byte_order_give_those_of_this_machine(dtype, met):
    loc, native = np.asarray([0.0, 1.0], dtype), np.dtype(dtype).newbyteorder("=")
    assert not met or kldiv.kl_divergence(kldiv.Normal(loc.astype(native), 1.0), kldiv.Normal(0.0, 1.0)) is not None
    p, q = kldiv.Normal(loc, 1.0), kldiv.Normal(0.0, 1.0)
    values = [kldiv.kl_divergence(p, q), p.log_density(1.0), kldiv.kl_div(loc, 1.0), kldiv.sample(p, 3, rng=0)]
    assert [x.dtype.isnative for x in values] == [True] * 4
    assert values[0].tolist() == [0.0, 0.5]


def test_arrays_for_both_are_refused(array):
    message = message_of(TypeError, kldiv.kl_divergence, array([0.5, 0.5]), array([0.25, 0.75]))
    assert "pass Categorical(p) and Categorical(q)" in message


# ------------------------------------------------------------------------------------------------- pairs without a rule


@kldiv.declare.family(domains.COUNTS)
class Known(NamedTuple):
    """A family of whose pairs only one has a formula."""

    rate: Annotated[Any, domains.NonNegative]


@kldiv.declare.family(domains.COUNTS)
class Unknown(NamedTuple):
    """A family without formulas."""

    rate: Annotated[Any, domains.NonNegative]


@kldiv.declare.formula(Known, Known)
def kl_known_known(xp, rate_p, rate_q):
    """0."""
    return 0 * (rate_p + rate_q)


@only(
    ("p", "q", "words"),
    [
        (
            Known(1.0),
            Unknown(1.0),
            ["KL(Known || Unknown)", "there are formulas to Known", "kldiv.declare.formula", "kldiv.estimate"],
        ),
        (
            Unknown(1.0),
            Known(1.0),
            ["KL(Unknown || Known)", "from Unknown there are none", "kldiv.declare.formula", "kldiv.estimate"],
        ),
        (
            kldiv.Independent(Unknown([1.0])),
            kldiv.Independent(Known([1.0])),
            ["KL(Independent(Unknown) || Independent(Known))"],
        ),
    ],
    ids=["known", "unknown", "independent"],
)
def test_pair_without_a_rule_is_named(on_backend, p, q, words):
    message = message_of(kldiv.NoClosedForm, kldiv.kl_divergence, on_backend(p), on_backend(q))
    assert [word for word in words if word not in message] == [], message


def test_no_closed_form_is_a_not_implemented_error():
    assert issubclass(kldiv.NoClosedForm, NotImplementedError)


@in_both_roles
@only(
    ("family", "words"),
    [
        (int, ["int", "not a family"]),
        ("Normal", ["Normal", "not a family"]),
        (None, ["None", "not a family"]),
        (Plain, ["Plain", "not a family"]),
        (Point, ["Point", "not a family"]),
        (kldiv.Normal(0.0, 1.0), ["Normal", "not a family"]),
        ((1, 2), ["(1, 2)", "not a family"]),
        (kldiv.Independent, ["Independent[Normal]"]),
        (kldiv.Independent[int], ["int", "not a family"]),
    ],
    ids=lambda value: None if isinstance(value, list) else repr(value),
)
def test_rule_asks_for_families(family, words, role):
    message = message_of(TypeError, kldiv.rule, *in_role(role, family, kldiv.Normal))
    assert [word for word in words if word not in message] == [], message


@in_both_roles
@only("family", [int, "Normal", kldiv.Normal(0.0, 1.0), kldiv.Independent], ids=repr)
def test_register_asks_for_families(family, role):
    assert "family" in message_of(TypeError, kldiv.declare.formula, *in_role(role, family, kldiv.Normal))


@only("cls", [Point, Plain, Unresolvable, int], ids=lambda c: c.__name__)
def test_family_needs_domains(cls):
    message = message_of(TypeError, kldiv.declare.family(domains.REALS), cls)
    assert cls.__name__ in message
    assert "domains" in message


def test_pair_is_not_registered_twice():
    message = message_of(ValueError, kldiv.declare.formula(kldiv.Normal, kldiv.Normal), kl_known_known)
    assert message == "KL(Normal || Normal) has a formula already: kl_normal_normal"


@only("p", [kldiv.StudentT(3.0, 0.0, 1.0), kldiv.Mixture([0.5, 0.5], kldiv.Normal([0.0, 1.0], 1.0))], ids=kind)
def test_identical_distributions_have_divergence_0_without_a_rule(backend, on_backend, p):
    assert backend.to_numpy(kldiv.kl_divergence(on_backend(p), on_backend(p))).tolist() == 0.0


def test_identical_invalid_distributions_are_refused_without_a_rule(on_backend):
    p = on_backend(kldiv.StudentT(3.0, 0.0, -1.0))
    assert message_of(ValueError, kldiv.kl_divergence, p, p).startswith("StudentT.scale must be positive")


def test_pair_that_was_not_registered_twice_keeps_its_formula():
    with pytest.raises(ValueError, match="already"):
        kldiv.declare.formula(kldiv.Normal, kldiv.Normal)(kl_known_known)
    assert kldiv.rule(kldiv.Normal, kldiv.Normal).formula.__name__ == "kl_normal_normal"


# ----------------------------------------------------------------------------------------------------------------- base


@only("base", [0, 1, 1.0, -2, 0.5, NAN, INF, True, "2", 2j, [2.0]], ids=repr)
def test_base_is_a_number_above_1(array, base):
    normal = kldiv.Normal(array(0.0), 1.0)
    message = message_of((TypeError, ValueError), kldiv.kl_divergence, normal, normal, base=base)
    assert "base" in message
    assert repr(base) in message


def test_base_that_a_compiler_traces_is_to_be_static(array):
    p = kldiv.Normal(array(0.0), 1.0)
    message = message_of((TypeError, ValueError), kldiv.kl_divergence, p, p, base=array(2.0))
    assert message.endswith("; under a compiler it must be a static argument")


@only("base", [2, 10.0, math.e, np.float64(2.0), np.float32(2.0), np.int64(2)], ids=repr)
def test_base_may_be_any_kind_of_number(backend, array, base):
    p, q = kldiv.Bernoulli(array(1.0)), kldiv.Bernoulli(array(0.5))
    value = backend.to_numpy(kldiv.kl_divergence(p, q, base=base))
    assert float(value) == pytest.approx(math.log(2) / math.log(base), rel=1e-15)


# ------------------------------------------------------------------------------------------------------ what is not bad


@only("dtype", ["int8", "int16", "int32", "int64", "uint8"])
def test_integer_arrays_become_the_default_float(backend, dtype):
    p = kldiv.Normal(backend.array([0, 1], dtype), backend.array([1, 2], dtype))
    value = kldiv.kl_divergence(p, kldiv.Normal(0, 1))
    assert backend.dtype_name(value) == backend.default_float


@only("dtype", ["float32", "float64"])
def test_python_numbers_and_lists_do_not_change_the_dtype(backend, array, dtype):
    value = kldiv.kl_divergence(kldiv.Normal(array([0.0, 1.0], dtype), 1), kldiv.Normal([0, 1.0], 2.0))
    assert backend.dtype_name(value) == dtype


def test_scalars_of_numpy_are_numbers_to_other_frameworks(backend, array, foreign):
    p = kldiv.Normal(array(0.0, "float32"), foreign(1.0)[()])
    assert backend.dtype_name(kldiv.kl_divergence(p, p)) == "float32"


def test_interval_too_wide_for_its_dtype_is_refused(array):
    p = kldiv.Uniform(array(-1e308), array(1e308))
    assert "by a finite amount; got 1e+308 in p" in message_of(ValueError, kldiv.kl_divergence, p, p)


TINY, HUGE = 1e-38, 1e38
EDGES = {
    "rate 0": (kldiv.Poisson(0.0), kldiv.Poisson(0.0), 0.0),
    "rate -0": (kldiv.Poisson(-0.0), kldiv.Poisson(1.0), 1.0),
    "certain bit": (kldiv.Bernoulli(1.0), kldiv.Bernoulli(1.0), 0.0),
    "certain logit": (kldiv.BernoulliLogits(INF), kldiv.BernoulliLogits(INF), 0.0),
    "opposite certainties": (kldiv.BernoulliLogits(INF), kldiv.BernoulliLogits(-INF), INF),
    "one class": (kldiv.Categorical([1.0]), kldiv.Categorical([1.0]), 0.0),
    "one logit": (kldiv.CategoricalLogits([-500.0]), kldiv.CategoricalLogits([500.0]), 0.0),
    "one hot": (kldiv.Categorical([0.0, 1.0]), kldiv.Categorical([0.0, 1.0]), 0.0),
    "one finite logit": (kldiv.CategoricalLogits([-INF, 3.0]), kldiv.CategoricalLogits([-INF, -3.0]), 0.0),
    "one dimension": (kldiv.MultivariateNormal([0.0], [[1.0]]), kldiv.MultivariateNormal([1.0], [[1.0]]), 0.5),
    "one component": (kldiv.Independent(kldiv.Normal([0.0], 1.0)), kldiv.Independent(kldiv.Normal([1.0], 1.0)), 0.5),
    "smallest scale": (kldiv.Normal(0.0, 2 * TINY), kldiv.Normal(0.0, 2 * TINY), 0.0),
    "largest scale": (kldiv.Normal(0.0, HUGE), kldiv.Normal(0.0, HUGE), 0.0),
    "negative location": (kldiv.Delta(-1.0), kldiv.Poisson(1.0), INF),
    "certain class": (kldiv.Delta(1.0), kldiv.Categorical([0.25, 0.75]), -math.log(0.75)),
    "certain class by logits": (kldiv.Delta(1.0), kldiv.CategoricalLogits([0.0, math.log(3.0)]), -math.log(0.75)),
    "one hot as a point mass": (kldiv.Categorical([0.0, 1.0]), kldiv.Delta(1.0), 0.0),
    "interval that just fits": (kldiv.Uniform(0.0, 1.0), kldiv.Uniform(0.0, 1.0), 0.0),
    "interval above zero": (kldiv.Uniform(-2.0, -1.0), kldiv.Uniform(-2.0, 0.0), math.log(2)),
    "factor of full triangle": (
        kldiv.MultivariateNormalTriL([0.0, 0.0], [[1.0, 0.0], [-5.0, 1.0]]),
        kldiv.MultivariateNormalTriL([0.0, 0.0], [[1.0, 0.0], [-5.0, 1.0]]),
        0.0,
    ),
    "correlation of nearly 1": (
        kldiv.MultivariateNormal([0.0, 0.0], [[1.0, 0.999], [0.999, 1.0]]),
        kldiv.MultivariateNormal([0.0, 0.0], [[1.0, 0.999], [0.999, 1.0]]),
        0.0,
    ),
}


@only(("p", "q", "expected"), EDGES.values(), ids=EDGES.keys())
def test_edges_of_the_domains_are_valid(backend, on_backend, p, q, expected):
    value = backend.to_numpy(kldiv.kl_divergence(on_backend(p, "float32"), on_backend(q, "float32")))
    assert float(value) == pytest.approx(expected, rel=1e-6)


# One function computes the divergence of a point mass from any discrete family.
def test_point_mass_against_one_family_after_another(backend, array):
    one = kldiv.Delta(array(1.0))
    values = [kldiv.kl_divergence(one, q) for q in (kldiv.Poisson(array(1.0)), kldiv.Bernoulli(array(0.5)))]
    assert [float(backend.to_numpy(v)) for v in values] == pytest.approx([1.0, math.log(2)])


@only("family", [kldiv.Normal, kldiv.Categorical, kldiv.MultivariateNormal], ids=lambda f: f.__name__)
def test_empty_batches_are_valid(backend, array, family):
    p = family(*(array(np.zeros((1, *np.shape(value))))[:0, ...] for value in VALID[family]))
    assert backend.to_numpy(kldiv.kl_divergence(p, VALID[family])).shape == (0,)


DENSITIES = {
    "outside the support": (kldiv.Exponential(1.0), -1.0, -INF),
    "at rate 0": (kldiv.Poisson(0.0), 0.0, 0.0),
    "certain bit": (kldiv.Bernoulli(1.0), 1.0, 0.0),
    "other bit": (kldiv.Bernoulli(1.0), 0.0, -INF),
    "impossible class": (kldiv.Categorical([1.0, 0.0]), 1.0, -INF),
    "certain class": (kldiv.Categorical([1.0, 0.0]), 0.0, 0.0),
    "class that is none": (kldiv.Categorical([1.0, 0.0]), 2.0, -INF),
    "impossible logit": (kldiv.CategoricalLogits([0.0, -INF]), 1.0, -INF),
    "far away": (kldiv.Normal(0.0, 1.0), 1e30, -0.5e60),
    "at the end": (kldiv.Gamma(1.0, 1.0), 0.0, 0.0),
    "pole": (kldiv.Gamma(0.5, 1.0), 0.0, INF),
}


@only(("distribution", "x", "expected"), DENSITIES.values(), ids=DENSITIES.keys())
def test_log_densities_at_the_edges_are_valid(backend, array, on_backend, distribution, x, expected):
    value = float(backend.to_numpy(on_backend(distribution).log_density(array(x))))
    assert value == pytest.approx(expected, rel=1e-12)
