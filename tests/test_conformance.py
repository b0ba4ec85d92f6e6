"""The test matrix: one body for each property, over backend, dtype, pair of families and kind of parameters."""

import numpy as np
import pytest
import reference
from cases import DTYPES, FINITE, INFINITE, PAIRS, SAME, Case, bound, cases

import kldiv


def ids(values):
    return [str(v) if isinstance(v, Case) else "-".join(f.__name__ for f in v) for v in values]


def over(values):
    return pytest.mark.parametrize("case" if isinstance(values[0], Case) else "pair", values, ids=ids(values))


def divergence(backend, case, p, q, **options):
    """Return kldiv's value for the parameters of a case, as an array of NumPy."""
    distributions = [family(*(backend.array(a, case.dtype) for a in x)) for family, x in ((case.p, p), (case.q, q))]
    return backend.to_numpy(kldiv.kl_divergence(*distributions, **options))


def truths(case, p, q):
    return [
        reference.kl(case.p.__name__, [a[i].tolist() for a in p], case.q.__name__, [a[i].tolist() for a in q])
        for i in range(len(p[0]))
    ]


def usable(backend, *parameters):
    """Return which rows have no subnormal number in them, where the backend flushes those to zero."""
    rows = np.ones(len(parameters[0]), dtype=bool)
    if backend.flushes_subnormals:
        for a in parameters:
            subnormal = (a != 0) & (abs(a) < np.finfo(a.dtype).smallest_normal)
            rows &= ~subnormal.reshape(len(a), -1).any(axis=-1)
    return rows


@over(cases(FINITE))
def test_value_is_within_its_bound_of_the_truth(backend, case):
    p, q = case.parameters()
    rows = usable(backend, *p, *q)
    p, q = [a[rows] for a in p], [a[rows] for a in q]
    values = divergence(backend, case, p, q)
    errors = [reference.ulps(value, truth, case.dtype) for value, truth in zip(values, truths(case, p, q), strict=True)]
    assert np.all(np.asarray(errors) <= bound(case, p, q)), worst(errors, p, q, values)


def worst(errors, p, q, values):
    i = int(np.argmax(errors))
    return f"{errors[i]} ulps at p = {[a[i].tolist() for a in p]}, q = {[a[i].tolist() for a in q]}: {values[i]!r}"
