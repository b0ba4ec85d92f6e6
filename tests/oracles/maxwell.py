"""What the oracle knows of Maxwell."""

from dataclasses import replace

from oracle import Oracle, mp
from oracles.generalized_gamma import GENERALIZED_GAMMA

ORACLES: dict[str, Oracle] = {
    "Maxwell": replace(GENERALIZED_GAMMA, convert=lambda scale: (mp.sqrt(2) * scale, mp.mpf(3), mp.mpf(2)))
}
