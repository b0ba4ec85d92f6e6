"""What the oracle knows of Chi."""

from dataclasses import replace

from oracle import Bound, Oracle, mp
from oracles.generalized_gamma import GENERALIZED_GAMMA

ORACLES: dict[str, Oracle] = {"Chi": replace(GENERALIZED_GAMMA, convert=lambda df: (mp.sqrt(2), df, mp.mpf(2)))}

BOUNDS: dict[str, Bound] = {"Chi": 6.0}
