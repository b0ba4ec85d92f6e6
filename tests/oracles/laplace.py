"""What the oracle knows of Laplace."""

from dataclasses import replace

from oracle import Bound, Oracle, mp
from oracles.asymmetric_laplace import ASYMMETRIC_LAPLACE

ORACLES: dict[str, Oracle] = {"Laplace": replace(ASYMMETRIC_LAPLACE, convert=lambda loc, scale: (loc, scale, mp.one))}

BOUNDS: dict[str, Bound] = {"Laplace": 4.0}
