"""What the oracle knows of Categorical and CategoricalLogits."""

from collections.abc import Sequence
from dataclasses import replace

from oracle import Atoms, Bound, Oracle, Real, mp

# The distribution on 0, 1, ..., k - 1 with the given log probabilities, some of which may be -inf.
FINITE = Oracle(
    log_density=lambda *log_masses: lambda x: log_masses[int(x)] if x in range(len(log_masses)) else -mp.inf,
    support=lambda *log_masses: Atoms(tuple(mp.mpf(k) for k, mass in enumerate(log_masses) if mass != -mp.inf)),
    few_outcomes=True,
)


def normalized_logs(weights: Sequence[Real]) -> tuple[Real, ...]:
    log_total = mp.log(mp.fsum(weights))
    return tuple(mp.log(weight) - log_total for weight in weights)


def normalized_logits(logits: Sequence[Real]) -> tuple[Real, ...]:
    log_total = mp.log(mp.fsum(mp.exp(logit) for logit in logits))
    return tuple(logit - log_total for logit in logits)


ORACLES: dict[str, Oracle] = {
    "Categorical": replace(FINITE, convert=normalized_logs),  # the KL is that of the exactly normalized weights
    "CategoricalLogits": replace(FINITE, convert=normalized_logits),
}

BOUNDS: dict[str, Bound] = {"Categorical": 6.0}
