"""What the oracle knows of HalfNormal."""

from dataclasses import replace

from oracle import Oracle, mp
from oracles.generalized_gamma import GENERALIZED_GAMMA

ORACLES: dict[str, Oracle] = {
    "HalfNormal": replace(GENERALIZED_GAMMA, convert=lambda scale: (mp.sqrt(2) * scale, mp.one, mp.mpf(2)))
}
