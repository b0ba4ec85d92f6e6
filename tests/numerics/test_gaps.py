"""The coefficients of the gaps."""

import numpy as np
import pytest

import kldiv
from kernels import DTYPES
from kldiv._numerics import gaps
from reference import chebyshev_fit, mp


@pytest.mark.parametrize("table", gaps.ATANH_TAIL, ids=DTYPES[::-1])
def test_coefficients_of_log1p_gap_are_the_chebyshev_fit(table):
    # sum_k z^k / (2 k + 3)
    fit = chebyshev_fit(lambda z: mp.hyp2f1(1, 1.5, 2.5, z) / 3, [0, mp.mpf(1) / 4], len(table))
    assert table == fit


@pytest.mark.parametrize("table", gaps.EXP_TAIL, ids=DTYPES[::-1])
def test_coefficients_of_expm1_gap_are_the_chebyshev_fit(table):
    # sum_k t^k / (k + 2)!
    assert table == chebyshev_fit(lambda t: mp.hyp1f1(1, 3, t) / 2, [-1, 1], len(table))


def test_coefficients_of_stirling_gap_are_bernoulli_numbers():
    exact = [mp.bernoulli(2 * n) / (2 * n * (2 * n - 1)) for n in range(1, len(gaps.STIRLING) + 1)]
    assert pytest.approx([float(c) for c in exact], rel=2**-52, abs=0) == gaps.STIRLING


@pytest.mark.parametrize(("a", "b"), [(1e300, 1e-300), (1e-300, 1e300), (3.0, 2.0), (1e-310, 1e10)], ids=str)
def test_logarithm_of_a_quotient_that_is_out_of_range(a, b):
    x, y = np.asarray(a), np.asarray(b)
    with np.errstate(all="ignore"):
        value = gaps.log_of_quotient(kldiv.namespace(x), x, y)
    assert float(value) == pytest.approx(float(mp.log(mp.mpf(a) / mp.mpf(b))), rel=1e-15)
