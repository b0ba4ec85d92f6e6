"""What the oracle knows of Nakagami."""

from dataclasses import replace

from oracle import Bound, Oracle, mp
from oracles.generalized_gamma import GENERALIZED_GAMMA

ORACLES: dict[str, Oracle] = {
    "Nakagami": replace(
        GENERALIZED_GAMMA,
        convert=lambda concentration, spread: (mp.sqrt(spread / concentration), 2 * concentration, mp.mpf(2)),
    ),
}

BOUNDS: dict[str, Bound] = {"Nakagami": {"interior": 6.0, "near": 6.0, "extreme": 8.0, "boundary": 6.0}}
