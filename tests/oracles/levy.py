"""What the oracle knows of Levy."""

from dataclasses import replace

from oracle import Oracle, mp
from oracles.inverse_gamma import INVERSE_GAMMA

ORACLES: dict[str, Oracle] = {"Levy": replace(INVERSE_GAMMA, convert=lambda scale: (mp.mpf(1) / 2, scale / 2))}
