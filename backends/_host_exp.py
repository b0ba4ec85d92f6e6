"""Remainders of the exponential on blocks of arrays."""

from __future__ import annotations

import numpy as np
from kldiv.backends._host import Array, polynomial

# Chebyshev fits, ascending powers, (float64, float32); tests/frameworks/test_sweeps.py derives them again with mpmath.
# sum_k t^k / (k + 2)! on [-1, 1].
EXP_TAIL = (
    (
        0.5, 0.16666666666666666, 0.04166666666666609, 0.008333333333333299, 0.0013888888888981404,
        0.00019841269841324198, 2.4801587246096818e-05, 2.7557319191381816e-06, 2.755733506893373e-07,
        2.5052117695907823e-08, 2.0874435575864273e-09, 1.6057679623801638e-10,
        1.1639194124150522e-11, 7.746178593018827e-13,
    ),
    (
        0.49999999781421683, 0.16666666646842135, 0.04166673659523746, 0.00833333967591706, 0.0013885396911807102,
        0.00019838101968683888, 2.535851224463976e-05, 2.8062802582276946e-06,
    ),
)  # fmt: skip


def expm1_gap(t: Array, out: Array) -> Array:
    """exp(t) - 1 - t into `out`."""
    polynomial(EXP_TAIL[t.itemsize == 4], t, out)
    out *= t
    out *= t
    if not (t.max() <= 1 and t.min() >= -1):
        far = np.nonzero(~((t <= 1) & (t >= -1)))
        x = t[far]
        # Below -1 nothing cancels, and above it the subtraction of 1 is the one that does.
        out[far] = np.where(x > 0, np.expm1(x) - x, np.exp(x) - (1 + x))
    return out
