"""What the oracle knows of Weibull."""

from dataclasses import replace

from oracle import Bound, Oracle
from oracles.generalized_gamma import BOUND_OF_EXPONENTIALS, GENERALIZED_GAMMA

ORACLES: dict[str, Oracle] = {
    "Weibull": replace(GENERALIZED_GAMMA, convert=lambda scale, concentration: (scale, concentration, concentration))
}

BOUNDS: dict[str, Bound] = {"Weibull": BOUND_OF_EXPONENTIALS}
