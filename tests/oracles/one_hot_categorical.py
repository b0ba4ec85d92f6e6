"""What the oracle knows of OneHotCategorical and OneHotCategoricalLogits."""

from dataclasses import replace

from oracle import Bound, Oracle
from oracles.categorical import FINITE, normalized_logits, normalized_logs

ORACLES: dict[str, Oracle] = {
    "OneHotCategorical": replace(FINITE, convert=normalized_logs),
    "OneHotCategoricalLogits": replace(FINITE, convert=normalized_logits),
}

BOUNDS: dict[str, Bound] = {
    "OneHotCategorical": 7.0,  # as of its class: one row in hundreds is above 6
}
