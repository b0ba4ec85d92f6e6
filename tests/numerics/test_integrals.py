"""Fixed nodes against mpmath."""

import pytest

from kldiv._numerics import integrals
from reference import mp


def true_node_and_weight(n, node):
    """Return the node between 0 and 1 that is nearest to a given one, and its weight."""
    start = 2 * mp.mpf(node) - 1
    x = mp.findroot(lambda x: mp.legendre(n, x), (start, start + mp.mpf(10) ** -20))
    slope = n * (x * mp.legendre(n, x) - mp.legendre(n - 1, x)) / (x * x - 1)
    return float((1 + x) / 2), float(1 / ((1 - x * x) * slope * slope))


@pytest.mark.parametrize("n", [10, 20, 32])
def test_nodes_and_weights_of_gauss_and_legendre_are_right_to_the_last_digit(n):
    nodes, weights = integrals.gauss_legendre(n)
    with mp.workdps(50):
        truth = [true_node_and_weight(n, node) for node in nodes]
    assert list(zip(nodes, weights, strict=True)) == truth
    assert len(set(nodes)) == n
