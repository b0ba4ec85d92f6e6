"""Gradient descent on a grid of density values.

The sum of p log(p / q) over a grid is the divergence only when it is multiplied by the spacing dx of the grid. Without
dx the sum is 1/dx times too large, and so is every gradient step. The descent below goes from N(5, 1) towards N(0, 7)
along that sum, with dx = 0.1: each of its steps is 10 times as long as its learning rate says.
"""

import functools
import math
import sys
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
from scipy import stats

import kldiv
from _report.main import main
from _report.records import Case, Comparison, Example, Table
from _report.truths import Vector, normal_truth
from kldiv import domains


def divergence(mean_p, sd_p, mean_q, sd_q):
    """KL(p || q), in closed form."""
    return kldiv.kl_divergence(kldiv.Normal(mean_p, sd_p), kldiv.Normal(mean_q, sd_q))


def sum_without_dx(x: Vector, mean_p: float, sd_p: float, mean_q: float, sd_q: float) -> float:
    """The sum of p log(p / q) over a grid, which misses the factor dx."""
    p, q = stats.norm.pdf(x, mean_p, sd_p), stats.norm.pdf(x, mean_q, sd_q)
    return float(np.sum(p * np.log(p / q)))


@kldiv.declare.family(domains.REALS)
class NormalVariance(NamedTuple):
    """The normal distribution by its variance, on NumPy."""

    loc: Annotated[Any, domains.Real]
    variance: Annotated[Any, domains.Positive]

    def log_density(self, x: Vector) -> Vector:
        """Return the logarithm of the density at `x`."""
        return np.asarray(-0.5 * (x - self.loc) ** 2 / self.variance - 0.5 * np.log(2 * np.pi * self.variance))


@functools.cache
def descent() -> kldiv.Fit:
    """Descend from N(5, 1) towards N(0, 7), in mean and variance."""
    x = np.arange(-10.0, 10.0, 0.1)
    density = stats.norm.pdf(x, 0.0, math.sqrt(7.0))
    target = kldiv.from_grid(x, density, width=1.0, normalize=False)  # as if dx were 1
    options = {"optimizer": "gradient-descent", "learning_rate": 0.01, "steps": 911, "unconstrained": False}
    return kldiv.fit(target, NormalVariance(5.0, 1.0), **options)


def path() -> Table:
    """Return where the descent is after some of its steps."""
    parameters = descent().history.parameters
    steps = (0, 11, 111, 211, 311, 911)
    rows = [[str(step), *(f"{parameters[name][step]:.6f}" for name in ("loc", "variance"))] for step in steps]
    return Table(["step", "mean", "variance"], "rrr", rows)


def comparisons() -> list[Comparison]:
    """Return two normal distributions on a grid of spacing 0.001."""
    p, q = (0.0, 1.0), (1.0, 1.0)
    return [
        Comparison(
            ["N(0, 1) || N(1, 1), dx = 0.001"],
            divergence,
            [[x] for x in (*p, *q)],
            truth=normal_truth(*([x] for x in (*p, *q))).tolist(),
            alternative=[sum_without_dx(np.linspace(-10.0, 10.0, 20_001), *p, *q)],
        )
    ]


def figures(cases: Sequence[Case]) -> dict[str, Any]:
    """Draw the descent."""
    from _report.figures import trajectory

    return {"trajectory": trajectory(descent())}


EXAMPLE = Example(
    "Gradient descent on a grid: a sum of p log(p / q) without dx is 1/dx times the divergence",
    __doc__,
    comparisons,
    alternative="sum without dx",
    code=[descent],
    table=path,
    figures=figures,
)

if __name__ == "__main__":
    sys.exit(main(EXAMPLE))
