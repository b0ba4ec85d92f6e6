"""What the oracle knows of Bernoulli, BernoulliLogits and ProbitBernoulli."""

from dataclasses import replace

from oracle import Bound, Draw, Oracle, Real, mp
from oracles.categorical import FINITE


def _log1pexp(x: Real) -> Real:
    return mp.log(1 + mp.exp(x))


ORACLES: dict[str, Oracle] = {
    "Bernoulli": replace(FINITE, convert=lambda probs: (mp.log(1 - probs), mp.log(probs))),
    "BernoulliLogits": replace(FINITE, convert=lambda logits: (-_log1pexp(logits), -_log1pexp(-logits))),
    "ProbitBernoulli": replace(FINITE, convert=lambda probits: (mp.log(mp.ncdf(-probits)), mp.log(mp.ncdf(probits)))),
}

BOUNDS: dict[str, Bound] = {
    "Bernoulli": 4.0,
    "BernoulliLogits": {"interior": 5.0, "near": 5.0, "extreme": 10.0, "boundary": 10.0},
    "ProbitBernoulli": {"interior": 8.0, "near": 8.0, "extreme": 128.0, "boundary": 8.0},  # extreme: about probit^2/2
}

DRAWS: dict[str, Draw] = {
    "ProbitBernoulli": lambda rng, kind, dtype, size: {
        "probits": rng.normal(size=size) if kind == "interior" else rng.uniform(-12, 12, size)
    },
}
