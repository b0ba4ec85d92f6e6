"""What the oracle knows of ExpGamma and ExpInverseGamma."""

from collections.abc import Callable
from dataclasses import replace

from oracle import Bound, Oracle, Real, mp, real_line


# ExpGamma(concentration, rate) and ExpInverseGamma: sign 1 and -1
def _log_gamma_log_density(sign: Real, concentration: Real, rate: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.loggamma(concentration) - concentration * mp.log(rate)
    return lambda x: concentration * sign * x - rate * mp.exp(sign * x) - log_normalizer


LOG_GAMMA = Oracle(
    log_density=_log_gamma_log_density,
    support=real_line,
    log_terms=lambda sign, concentration, rate: {
        ("1",): concentration * mp.log(rate) - mp.loggamma(concentration),
        ("x",): concentration * sign,
        ("exp((x - m) / s)", mp.zero, sign): -rate,
    },
    expectations={
        "x": lambda sign, concentration, rate: sign * (mp.digamma(concentration) - mp.log(rate)),
        "x^2": lambda sign, concentration, rate: (
            mp.psi(1, concentration) + (mp.digamma(concentration) - mp.log(rate)) ** 2
        ),
        "exp((x - m) / s)": lambda m, s, sign, concentration, rate: (
            mp.exp(mp.loggamma(concentration + sign / s) - mp.loggamma(concentration) - m / s) * rate ** (-sign / s)
            if concentration + sign / s > 0
            else mp.inf
        ),
    },
    bulk=lambda sign, concentration, rate: (
        sign * (mp.digamma(concentration) - mp.log(rate)),
        mp.sqrt(mp.psi(1, concentration)),
    ),
)

ORACLES: dict[str, Oracle] = {
    "ExpGamma": replace(LOG_GAMMA, convert=lambda concentration, rate: (mp.one, concentration, rate)),
    "ExpInverseGamma": replace(LOG_GAMMA, convert=lambda concentration, rate: (-mp.one, concentration, rate)),
}

BOUNDS: dict[str, Bound] = {
    "ExpGamma": {"interior": 6.0, "near": 6.0, "extreme": 8.0, "boundary": 6.0},
    "ExpInverseGamma": {"interior": 6.0, "near": 6.0, "extreme": 8.0, "boundary": 6.0},
}
