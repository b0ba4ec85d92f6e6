"""The test matrix: one body for each property, over backend, dtype and pair of families."""

import numpy as np
import pytest

import cases as drawing
import kldiv
import oracle_values
import reference
from backends import BACKEND
from cases import (
    CONVERTED,
    CROSS,
    DTYPES,
    FINITE,
    INFINITE,
    PAIRS,
    SAME,
    STANDALONE,
    Case,
    bound,
    cases_of,
    covering,
    fields,
    number,
    share,
)
from kldiv import domains
from oracle import mp

ALIKE = [*SAME, *CONVERTED]
# What compilers have the time for: each family in one dtype, and a covering sample of pairs.
ALTERNATING = [Case(p, q, DTYPES[number(p) % 2]) for p, q in SAME]
QUARTERS = [share(SAME, 4, which) for which in range(4)]
TWELFTHS = [share(SAME, 12, which) for which in range(12)]
# Those that run as programs too, where a framework's programs are compiled and its operations need not be.
PROGRAMS = [Case(p, q, DTYPES[number(p) // 4 % 2]) for p, q in QUARTERS[1]]
FEW = share(SAME, 16, 9)


def cases(*, default, quick=(), eager=(), compiled=(), full=()):
    """Parametrize by cases, of which there are more where they take little time.

    `default` are those of all backends, `quick` more where values are computed operation by operation, `eager` more
    where all cases run by default, `compiled` some that run as programs beside the same operation by operation, and
    `full` more for `--full`, under which all that a framework compiles is a program.
    """
    return pytest.mark.cases(default, quick, eager, compiled, full)


def pytest_generate_tests(metafunc):
    backend, is_full = metafunc.config.stash[BACKEND], metafunc.config.getoption("--full")
    for mark in metafunc.definition.iter_markers("cases"):
        default, quick, eager, compiled, full = mark.args
        chosen = [*default]
        chosen += quick if is_full or backend.is_eager or backend.programs else []
        chosen += eager if is_full or backend.runs_all_cases else []
        chosen += full if is_full else []
        unique = {str(case): case for case in chosen}
        cases = [pytest.param(case, id=name) for name, case in unique.items()]
        if backend.programs and not is_full:
            cases += [pytest.param(case, id=f"{case}-compiled", marks=pytest.mark.compiled) for case in compiled]
        metafunc.parametrize("case", cases)


def function_of(case, **options):
    """Return the divergence of a case's pair as a function of all parameters, as transforms and gradients need it."""
    n = len(case.p._fields)
    return lambda *arrays: kldiv.kl_divergence(case.p(*arrays[:n]), case.q(*arrays[n:]), **options)


def drawn(backend, case, kinds=None):
    """Return a case's parameters without rows that have subnormal numbers, where the backend flushes those to 0."""
    batch = case.batch(kinds)
    rows = np.ones(len(batch.kinds), dtype=bool)
    for a in [*batch.p, *batch.q] if backend.flushes_subnormals else []:
        subnormal = (a != 0) & (abs(a) < np.finfo(a.dtype).smallest_normal)
        rows &= ~subnormal.reshape(len(a), -1).any(axis=-1)
    return batch.take(rows)


def arrays_of(backend, case, batch):
    return [backend.array(a, case.dtype) for a in (*batch.p, *batch.q)]


def values_of(backend, case, batch):
    return backend.to_numpy(function_of(case)(*arrays_of(backend, case, batch)))


def truth_of(case, batch):
    rows = range(len(batch.kinds))
    names = case.p.__name__, case.q.__name__
    return [oracle_values.kl(names[0], [a[i] for a in batch.p], names[1], [a[i] for a in batch.q]) for i in rows]


def assert_within_bounds(backend, case, batch, values):
    """Fail for nan and negative values in any row, and for a value beyond its bound in rows that have one."""
    good = values >= 0
    assert np.all(good), report(~good, batch, values)
    exact = np.isin(batch.kinds, case.exact_kinds)
    batch, values = batch.take(exact), values[exact]
    truth = truth_of(case, batch)
    known = np.asarray([not mp.isnan(t) for t in truth], dtype=bool)
    batch, values, truth = batch.take(known), values[known], [t for t in truth if not mp.isnan(t)]
    errors = np.asarray([reference.ulps(v, t, case.dtype) for v, t in zip(values, truth, strict=True)])
    if backend.flushes_subnormals:
        smallest = float(np.finfo(case.dtype).smallest_normal)
        errors[(values == 0) & np.asarray([float(t) < smallest for t in truth])] = 0
    excess = errors / bound(case, batch, truth)
    assert len(excess)
    assert np.all(excess <= 1), report(excess, batch, values)


def report(excess, batch, values):
    i = int(np.argmax(excess))
    p, q = [a[i].tolist() for a in batch.p], [a[i].tolist() for a in batch.q]
    return f"{excess[i]} of its bound ({batch.kinds[i]}) at p = {p}, q = {q}: {values[i]!r}"


def smallest_step(backend, case):
    """Return how far apart results may be that are 0 but for subnormal numbers."""
    info = np.finfo(case.dtype)
    return info.smallest_normal if backend.flushes_subnormals else info.smallest_subnormal


@cases(
    default=[*ALTERNATING, *cases_of(share(covering(CROSS), 10), ("float64",))],
    compiled=PROGRAMS,
    quick=[*cases_of(SAME), *cases_of(covering(CROSS), ("float64",))],
    eager=cases_of(FINITE, ("float64",)),
    full=cases_of(FINITE),
)
def test_value_is_within_its_bound_of_the_truth(backend, case):
    batch = drawn(backend, case)
    assert_within_bounds(backend, case, batch, values_of(backend, case, batch))


@cases(default=ALTERNATING, quick=cases_of(SAME), compiled=PROGRAMS, full=cases_of(SAME))
def test_identical_parameters_give_exactly_zero(backend, case):
    batch = drawn(backend, case)
    batch = batch._replace(q=batch.p)
    assert np.all(values_of(backend, case, batch) == 0)


@cases(
    default=cases_of(share(covering(INFINITE), 3), ("float32",)),
    quick=cases_of(covering(INFINITE), ("float32",)),
    compiled=cases_of(share(covering(INFINITE), 12), ("float32",)),
    full=cases_of(INFINITE),
)
def test_supports_that_do_not_nest_give_infinity(backend, case):
    batch = drawn(backend, case, ("interior",))
    values = values_of(backend, case, batch)
    assert np.array_equal(values, np.full(len(values), np.inf))


@cases(default=ALTERNATING, quick=cases_of(SAME), compiled=PROGRAMS, full=cases_of(FINITE))
def test_backend_agrees_with_numpy(backend, case):
    batch = drawn(backend, case)
    values = values_of(backend, case, batch)
    exact = np.isin(batch.kinds, case.exact_kinds)
    batch, values = batch.take(exact), values[exact]
    expected = function_of(case)(*batch.p, *batch.q)
    finite = np.isfinite(expected)
    tolerance = 2 * np.finfo(case.dtype).eps * bound(case, batch, truth_of(case, batch))
    assert np.array_equal(values[~finite], expected[~finite])
    smallest = np.finfo(case.dtype).smallest_normal
    allowed = tolerance[finite] * np.maximum(expected[finite], smallest) + smallest_step(backend, case)
    assert np.all(abs(values[finite] - expected[finite]) <= allowed)


@cases(
    default=ALTERNATING,
    quick=[*cases_of(SAME), *cases_of(covering(INFINITE), ("float32",))],
    compiled=PROGRAMS,
    full=cases_of(PAIRS),
)
def test_result_is_an_array_of_the_framework_with_the_dtype_of_the_parameters(backend, case):
    value = function_of(case)(*arrays_of(backend, case, drawn(backend, case)))
    assert backend.is_array(value)
    assert backend.dtype_name(value) == case.dtype


@cases(
    default=cases_of(TWELFTHS[0], ("float64",)),
    quick=cases_of(QUARTERS[0], ("float64",)),
    eager=cases_of([*SAME, *covering(CROSS), *covering(INFINITE)], ("float64",)),
    compiled=cases_of(FEW, ("float64",)),
    full=cases_of(PAIRS, ("float64",)),
)
def test_batch_axes_broadcast(backend, case):
    batch = drawn(backend, case, ("interior",)).take(slice(0, 3))
    rows, columns = [a[:, None] for a in batch.p], [a[None, :2] for a in batch.q]
    values = backend.to_numpy(function_of(case)(*arrays_of(backend, case, batch._replace(p=rows, q=columns))))
    both = batch._replace(
        p=[np.repeat(a, 2, axis=0) for a in batch.p],
        q=[np.tile(a[:2], (3, *(1,) * (a.ndim - 1))) for a in batch.q],
    )
    expected = values_of(backend, case, both).reshape(3, 2)
    assert values.shape == (3, 2)
    np.testing.assert_allclose(values, expected, rtol=1e-13)


@cases(
    default=[*cases_of(TWELFTHS[6], ("float32",)), *cases_of(share(covering(CROSS), 16), ("float64",))],
    quick=cases_of(QUARTERS[1], ("float32",)),
    eager=[*cases_of(SAME, ("float32",)), *cases_of(share(covering(CROSS), 8), ("float64",))],
    full=cases_of(PAIRS),
)
def test_transformed_function_has_the_same_values(backend, case, transform):
    batch = drawn(backend, case)
    values = backend.to_numpy(transform(function_of(case))(*arrays_of(backend, case, batch)))
    assert_within_bounds(backend, case, batch, values)


@cases(
    default=cases_of(TWELFTHS[7], ("float64",)),
    quick=cases_of(QUARTERS[2], ("float64",)),
    eager=cases_of(ALIKE, ("float64",)),
    compiled=cases_of(FEW, ("float64",)),
    full=cases_of(ALIKE, ("float64",)),
)
def test_gradient_is_that_of_the_truth(differentiable, case):
    batch = finite_rows(case, drawn(differentiable, case, ("interior",)))
    names = case.p.__name__, case.q.__name__
    exact = all(reference.ORACLES[name].is_quick and not has_counts(name) for name in names)
    try:
        expected = (true_gradients if exact else difference_quotients)(case, batch)
    except NotImplementedError:  # the oracle has no closed expectations for this pair
        expected, exact = difference_quotients(case, batch), False
    assert_gradients_are(differentiable, case, batch, expected, exact)


@cases(
    default=cases_of(share(covering(CROSS), 30), ("float64",)),
    quick=cases_of(share(covering(CROSS), 15), ("float64",)),
    eager=cases_of(covering(CROSS), ("float64",)),
    full=cases_of(CROSS, ("float64",)),
)
def test_gradient_is_that_of_the_values(differentiable, case):
    batch = finite_rows(case, drawn(differentiable, case, ("interior",)))
    assert_gradients_are(differentiable, case, batch, difference_quotients(case, batch), False)


def assert_gradients_are(differentiable, case, batch, expected, exact):
    """Compare gradients, relative to the largest component, for parameters that are neither counts nor fixed zeros."""
    if not len(batch.kinds):
        return  # infinite whatever the parameters: `test_gradient_is_not_nan` has these
    gradients = differentiable.gradient(function_of(case), *arrays_of(differentiable, case, batch))
    both = list(zip([*batch.p, *batch.q], domains_of(case), strict=True))
    gradients = [differentiable.to_numpy(g) for g in gradients]
    if not exact:  # along the simplex, as there probabilities move
        gradients = [
            along(g) if is_stochastic(domain, a) else g for g, (a, domain) in zip(gradients, both, strict=True)
        ]
    values = flat(gradients)
    free = flat([is_free(domain, a) for a, domain in both])
    values, expected = np.where(free, values, 0.0), np.where(free, expected, 0.0)
    scale = np.max(np.abs(expected), axis=-1, keepdims=True)
    scale = np.where(scale == 0, 1.0, scale)
    np.testing.assert_allclose(values / scale, expected / scale, atol=1e-11 if exact else 1e-6)


def finite_rows(case, batch):
    """Return two rows in which the divergence is finite, if there are any."""
    return batch.take(np.flatnonzero(np.isfinite([float(t) for t in truth_of(case, batch)]))[:2])


def domains_of(case):
    return [domain for family in (case.p, case.q) for _, domain in fields(family)]


def has_counts(name):
    """Tell whether a family has parameters that are integers."""
    return any(domain in (domains.Count, domains.Integer) for _, domain in fields(getattr(kldiv, name)))


def is_free(domain, a):
    """Return which entries of a parameter one may differentiate by."""
    if domain in (domains.Count, domains.Integer, domains.IntegerFromLow, domains.UnitVector):
        return np.zeros(a.shape, dtype=bool)
    triangular = len(domain.axes) == 2 and domain.axes[0] == domain.axes[1] and not np.any(np.triu(a, 1))
    return np.broadcast_to(np.tril(np.ones(a.shape[-2:], dtype=bool)), a.shape) if triangular else np.isfinite(a)


def is_stochastic(domain, a):
    """Tell whether a parameter is made of probabilities that sum to 1."""
    return bool(domain.axes) and np.all(a >= 0) and np.allclose(a.sum(axis=-1), 1)


def along(g):
    """Return derivatives in the direction from each class to the one before it."""
    return g - np.roll(g, -1, axis=-1)


def flat(arrays):
    """Return arrays, one for each parameter, as one vector for each row."""
    return np.concatenate([np.reshape(a, (len(a), -1)) for a in arrays], axis=-1)


def true_gradients(case, batch):
    rows = range(len(batch.kinds))
    names = case.p.__name__, case.q.__name__
    found = [reference.gradient(names[0], [a[i] for a in batch.p], names[1], [a[i] for a in batch.q]) for i in rows]
    return np.asarray([[float(g) for g in row] for row in found])


def difference_quotients(case, batch):
    """Return the gradients by central differences of the values, which another test compares with the truth."""
    arrays = [*batch.p, *batch.q]
    quotients = []
    for n, (a, domain) in enumerate(zip(arrays, domains_of(case), strict=True)):
        for index in np.ndindex(a.shape[1:]):
            at = (slice(None), *index)
            next_one = (*at[:-1], (at[-1] + 1) % a.shape[-1]) if is_stochastic(domain, a) else None
            sides = []
            # Two step sizes and Richardson's extrapolation: the error is of the fourth order.
            for h in (4e-4, 2e-4):
                step = h * np.maximum(abs(a[at]), 1e-2)
                moved = []
                for sign in (1, -1):
                    b = a.copy()
                    b[at] += sign * step
                    if next_one:
                        b[next_one] -= sign * step
                    moved.append(function_of(case, validate=False)(*arrays[:n], b, *arrays[n + 1 :]))
                sides.append((moved[0] - moved[1]) / (2 * step))
            quotients.append((4 * sides[1] - sides[0]) / 3)
    return np.asarray(quotients).T


@cases(
    default=cases_of(TWELFTHS[1], ("float32",)),
    quick=cases_of(QUARTERS[3], ("float32",)),
    eager=[*cases_of([*ALIKE, *covering(CROSS)], ("float32",)), *cases_of(covering(CROSS), ("float64",))],
    compiled=cases_of(FEW, ("float32",)),
    full=cases_of(PAIRS),
)
def test_gradient_is_not_nan(differentiable, case):
    batch = drawn(differentiable, case, case.exact_kinds)
    values = values_of(differentiable, case, batch)
    gradients = differentiable.gradient(function_of(case), *arrays_of(differentiable, case, batch))
    bad = np.isnan(flat([differentiable.to_numpy(g) for g in gradients])).any(axis=-1)
    bad &= has_derivative(case, batch, values)
    assert not np.any(bad), report(bad, batch, values)


def has_derivative(case, batch, values):
    """Return which rows have derivatives that the dtype can hold; those of an infinite divergence are 0."""
    info = np.finfo(case.dtype)
    sizes = [
        np.where((a == 0) | np.isinf(a), 1.0, abs(a.astype(np.float64))).reshape(len(a), -1).min(axis=-1)
        for a in (*batch.p, *batch.q)
    ]
    smallest = np.min(sizes, axis=0)
    infinite = np.zeros(len(values), dtype=bool)
    exact = np.isin(batch.kinds, case.exact_kinds)
    infinite[exact] = [bool(mp.isinf(t)) for t in truth_of(case, batch.take(exact))]
    with np.errstate(over="ignore"):
        steepest = values.astype(np.float64) / smallest
    return exact & (smallest >= info.smallest_normal) & (infinite | (steepest < float(info.max)))


# Rounded to 16 bits, probabilities sum to 1 by the tolerance of 16-bit floats but not of float32; so do lengths of 1.
UNROUNDED = [pair for pair in SAME if not {"probs", "masses", "mean_direction", "initial_probs"} & set(pair[0]._fields)]


@cases(
    default=cases_of(share(UNROUNDED, 12, 2), ("float32",)),
    quick=cases_of(share(UNROUNDED, 6), ("float32",)),
    eager=cases_of(UNROUNDED, ("float32",)),
    compiled=cases_of(share(UNROUNDED, 16, 2), ("float32",)),
    full=cases_of(UNROUNDED, ("float32",)),
)
def test_short_floats_are_computed_in_float32(backend, case, short_dtype):
    short = [backend.array(a, short_dtype) for x in case.batch(("interior",))[:2] for a in x]
    full = [backend.astype(a, "float32") for a in short]
    value = function_of(case, validate=False)(*short)
    expected = backend.astype(function_of(case, validate=False)(*full), short_dtype)
    assert backend.dtype_name(value) == short_dtype
    np.testing.assert_array_equal(*(backend.to_numpy(backend.astype(x, "float32")) for x in (value, expected)))


@cases(default=cases_of(SAME, ("float64",)))
def test_parameters_do_not_depend_on_the_last_bits_of_exp_and_of_products(monkeypatch, case):
    # These are the processor's: without this, truths that are kept on one machine would be missing on another.
    batch, draw = case.batch(), drawing.draw
    monkeypatch.setattr(drawing, "draw", lambda *args: in_other_bits(draw(*args)))
    monkeypatch.setattr(np, "exp", lambda x, exp=np.exp: in_other_bits(exp(x)))
    other = case.batch()
    np.testing.assert_equal([other.p, other.q], [batch.p, batch.q])


def in_other_bits(x):
    return np.where(x == np.rint(x), x, np.nextafter(x, np.inf))


def test_every_oracle_value_of_families_that_have_a_file_is_kept():
    kept = oracle_values.kept_families()
    missing = {
        f"{case.p.__name__} || {case.q.__name__}"
        for case in cases_of(FINITE, DTYPES)
        if {case.p.__name__, case.q.__name__} <= kept
        for batch in [case.batch(case.exact_kinds)]
        for i in range(len(batch.kinds))
        if not oracle_values.is_kept(case.p.__name__, [a[i] for a in batch.p], case.q.__name__, [a[i] for a in batch.q])
    }
    assert missing == set(), "run: python tests/oracle_values.py"


def test_few_oracle_values_are_unknown():
    assert sum(oracle_values.unknown().values()) <= 40, oracle_values.unknown()


@pytest.mark.parametrize("sample", [CROSS, INFINITE], ids=["CROSS", "INFINITE"])
def test_covering_sample_has_every_family_on_both_sides(sample):
    for place in (0, 1):
        assert {pair[place] for pair in covering(sample)} == {pair[place] for pair in sample}


@pytest.mark.parametrize("sample", [CROSS, INFINITE], ids=["CROSS", "INFINITE"])
def test_a_family_more_changes_the_sample_of_no_others(sample):
    new = kldiv.Gamma
    without = [pair for pair in sample if new not in pair]
    assert covering(without) == [pair for pair in covering(sample) if new not in pair]


@pytest.mark.parametrize("family", STANDALONE, ids=lambda f: f.__name__)
def test_family_has_an_oracle(family):
    name = family.__name__
    if name not in reference.ORACLES:
        pytest.fail(
            f"{name} has no oracle. Write tests/oracles/{family.__module__.rpartition('.')[2]}.py with\n\n"
            f'    ORACLES: dict[str, Oracle] = {{"{name}": Oracle(log_density=..., support=..., bulk=...)}}\n\n'
            f"whose functions take {', '.join(family._fields)}, as those of tests/oracles/generalized_normal.py do",
            pytrace=False,
        )
