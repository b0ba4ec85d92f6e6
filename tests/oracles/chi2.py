"""What the oracle knows of Chi2."""

from dataclasses import replace

from oracle import Bound, Oracle, mp
from oracles.gamma import GAMMA

ORACLES: dict[str, Oracle] = {"Chi2": replace(GAMMA, convert=lambda df: (df / 2, mp.mpf(1) / 2))}

BOUNDS: dict[str, Bound] = {"Chi2": 6.0}
