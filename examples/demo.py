"""All worked examples as one report: ``python examples/demo.py``, or ``nox -s demo`` with every framework installed."""

import sys
from pathlib import Path

import diagonal_gaussians
import elementwise_terms
import full_covariance
import grid_descent
import monte_carlo
import near_equality
import real_data
from _report.main import main

EXAMPLES = [
    module.EXAMPLE
    for module in (
        near_equality,
        diagonal_gaussians,
        full_covariance,
        monte_carlo,
        elementwise_terms,
        grid_descent,
        real_data,
    )
]
FOLDER = Path(__file__).parent.parent / "build" / "demo"

if __name__ == "__main__":
    sys.exit(main(*EXAMPLES, folder=FOLDER))
