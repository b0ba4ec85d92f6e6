"""What the oracle knows of ContinuousBernoulli."""

import numpy as np

from oracle import Bound, Draw, Near, Oracle, Real, mp, unit_interval


# ContinuousBernoulli(probs), by its logit
def _tilted_partition(eta: Real) -> Real:
    return mp.expm1(eta) / eta if eta else mp.one


def _tilted_mean(eta: Real) -> Real:
    return 1 / -mp.expm1(-eta) - 1 / eta if eta else mp.mpf(1) / 2


CONTINUOUS_BERNOULLI = Oracle(
    log_density=lambda eta: lambda x: eta * x - mp.log(_tilted_partition(eta)),
    support=unit_interval,
    convert=lambda probs: (mp.log(probs) - mp.log(1 - probs),),
    log_terms=lambda eta: {("1",): -mp.log(_tilted_partition(eta)), ("x",): eta},
    expectations={
        "x": _tilted_mean,
        # By parts: the integral of x^2 exp(eta x) is exp(eta) / eta less 2 / eta times that of x exp(eta x).
        "x^2": lambda eta: (1 / -mp.expm1(-eta) - 2 * _tilted_mean(eta) / eta) if eta else mp.mpf(1) / 3,
    },
    bulk=lambda eta: (_tilted_mean(eta), 1 / (4 + abs(eta))),
)


def _draw_continuous_bernoulli(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    if kind != "extreme":
        return {"probs": rng.uniform(0.02, 0.98, size=size)}
    decades, eps = (35, 1e-7) if dtype == "float32" else (300, 1e-15)
    tiny = 10 ** rng.uniform(-decades, -1, size=size)
    return {"probs": np.where(rng.uniform(size=size) < 0.3, 1 - np.clip(tiny, eps, 1), tiny)}


def _near_continuous_bernoulli(
    rng: np.random.Generator, p: dict[str, np.ndarray], delta: np.ndarray
) -> dict[str, np.ndarray]:
    return {"probs": p["probs"] + delta * rng.uniform(-1, 1, size=delta.shape) * np.minimum(p["probs"], 1 - p["probs"])}


ORACLES: dict[str, Oracle] = {"ContinuousBernoulli": CONTINUOUS_BERNOULLI}

BOUNDS: dict[str, Bound] = {"ContinuousBernoulli": 8.0}

DRAWS: dict[str, Draw] = {"ContinuousBernoulli": _draw_continuous_bernoulli}

NEAR: dict[str, Near] = {"ContinuousBernoulli": _near_continuous_bernoulli}
