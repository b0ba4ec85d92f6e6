"""What the oracle knows of StoppingRatioLogistic."""

from dataclasses import replace
from typing import Any

from oracle import Bound, Draw, Oracle, Real, mp
from oracles.binomial import from_logit
from oracles.categorical import FINITE
from oracles.ordered_logistic import draw_cuts


def _stopping(cuts: Any, loc: Real) -> tuple[Real, ...]:
    logs, reached = [], mp.zero
    for cut in cuts:
        stop, pass_on = from_logit(cut - loc)
        logs.append(reached + mp.log(stop))
        reached += mp.log(pass_on)
    return (*logs, reached)


ORACLES: dict[str, Oracle] = {"StoppingRatioLogistic": replace(FINITE, convert=_stopping)}

BOUNDS: dict[str, Bound] = {
    "StoppingRatioLogistic": {"interior": 16.0, "near": 16.0, "extreme": 64.0, "boundary": 16.0}
}

DRAWS: dict[str, Draw] = {"StoppingRatioLogistic": draw_cuts}
