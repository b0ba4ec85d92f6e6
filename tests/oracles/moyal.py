"""What the oracle knows of Moyal."""

from collections.abc import Callable

from oracle import Bound, Oracle, Real, Statistic, mp, real_line


def _moyal_log_density(loc: Real, scale: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.log(scale) + mp.log(2 * mp.pi) / 2
    return lambda x: -((x - loc) / scale + mp.exp(-(x - loc) / scale)) / 2 - log_normalizer


def _moyal_log_terms(loc: Real, scale: Real) -> dict[Statistic, Real]:
    return {
        ("1",): loc / (2 * scale) - mp.log(scale) - mp.log(2 * mp.pi) / 2,
        ("x",): -1 / (2 * scale),
        ("exp((x - m) / s)", loc, -scale): -mp.one / 2,
    }


MOYAL = Oracle(
    log_density=_moyal_log_density,
    support=real_line,
    log_terms=_moyal_log_terms,
    expectations={
        "x": lambda loc, scale: loc + (mp.euler + mp.log(2)) * scale,
        "x^2": lambda loc, scale: (loc + (mp.euler + mp.log(2)) * scale) ** 2 + (mp.pi * scale) ** 2 / 2,
        "exp((x - m) / s)": lambda m, s, loc, scale: (
            mp.exp((loc - m) / s) * mp.mpf(2) ** (-scale / s) * mp.gamma(0.5 - scale / s) / mp.sqrt(mp.pi)
            if scale / s < 0.5
            else mp.inf
        ),
    },
    bulk=lambda loc, scale: (loc + scale, 2 * scale),
)

ORACLES: dict[str, Oracle] = {"Moyal": MOYAL}

BOUNDS: dict[str, Bound] = {"Moyal": {"interior": 512.0, "near": 6.0, "extreme": 2048.0, "boundary": 512.0}}
