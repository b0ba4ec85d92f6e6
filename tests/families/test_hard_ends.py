"""Values where the textbook formula loses its digits or overflows, though the divergence is well conditioned.

The truth is the definition in mpmath at the exact numbers that the arrays hold.
"""

from typing import Any, NamedTuple

import numpy as np
import pytest

import kldiv
import reference
from kldiv import (
    MultivariateNormalDiag,
    MultivariateNormalLowRank,
    MultivariateNormalTriL,
)


class End(NamedTuple):
    """A pair of distributions, and by how many ulps of its dtype a value may be off."""

    p: Any
    p_parameters: tuple[Any, ...]
    q: Any
    q_parameters: tuple[Any, ...]
    dtype: str
    ulps: float

    def __str__(self) -> str:
        p, q = (f"{f.__name__}{x}".replace(" ", "") for f, x in (self[:2], self[2:4]))
        return f"{p}-{q}-{self.dtype}"


ORIGIN = [0.0, 0.0, 0.0]
FACTOR = [[1.0], [2.0], [-1.0]]
OTHER = [[1.25, 1.0], [1.75, 0.0], [-0.5, 1.0]]
TRIANGLE = [[1e-4, 0.0, 0.0], [1e-4, 2e-4, 0.0], [-1e-4, 1e-4, 1e-4]]


def low_rank(factor: Any, diagonal: float) -> tuple[Any, ...]:
    return ORIGIN, factor, 3 * [diagonal]


LOW_RANK = [  # diagonals that are next to nothing beside the factor
    End(MultivariateNormalLowRank, low_rank(f, d), MultivariateNormalLowRank, low_rank(g, 2 * d), dtype, 64.0)
    for dtype, diagonals in (("float32", (1e-8,)), ("float64", (1e-12, 1e-16)))
    for d in diagonals
    for f, g in ((FACTOR, FACTOR), (FACTOR, OTHER), (OTHER, FACTOR))
]
LOW_RANK += [
    End(MultivariateNormalLowRank, low_rank(OTHER, 1e-8), MultivariateNormalDiag, (ORIGIN, 3 * [1.0]), "float32", 16.0),
    End(MultivariateNormalDiag, (ORIGIN, 3 * [1e-4]), MultivariateNormalLowRank, low_rank(OTHER, 1e-8), "float32", 16.0),
    End(MultivariateNormalTriL, (ORIGIN, TRIANGLE), MultivariateNormalLowRank, low_rank(OTHER, 1e-8), "float32", 16.0),
]


@pytest.mark.parametrize("end", LOW_RANK, ids=str)
def test_value_is_that_of_the_definition(backend, end, record_property):
    p, q = ([np.asarray(x, end.dtype) for x in y] for y in (end.p_parameters, end.q_parameters))
    distributions = (f(*(backend.array(x, end.dtype) for x in y)) for f, y in ((end.p, p), (end.q, q)))
    value = backend.to_numpy(kldiv.kl_divergence(*distributions))
    ulps = reference.ulps(value, reference.kl(end.p.__name__, p, end.q.__name__, q), end.dtype)
    record_property("ulps", f"{ulps:.2f}")
    assert ulps <= end.ulps, value
