"""What the oracle knows of Exponential."""

from dataclasses import replace

from oracle import Bound, Oracle, mp
from oracles.gamma import GAMMA

ORACLES: dict[str, Oracle] = {"Exponential": replace(GAMMA, convert=lambda rate: (mp.one, rate))}

BOUNDS: dict[str, Bound] = {"Exponential": 4.0}
