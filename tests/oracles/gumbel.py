"""What the oracle knows of Gumbel."""

from collections.abc import Callable

from oracle import Bound, Oracle, Real, Statistic, mp, real_line


# Gumbel(loc, scale) and Moyal(loc, scale): the statistic ("exp(x / s)", s, m) is exp((x - m) / s)
def _gumbel_log_density(loc: Real, scale: Real) -> Callable[[Real], Real]:
    return lambda x: -(x - loc) / scale - mp.exp(-(x - loc) / scale) - mp.log(scale)


def _gumbel_log_terms(loc: Real, scale: Real) -> dict[Statistic, Real]:
    return {
        ("1",): loc / scale - mp.log(scale),
        ("x",): -1 / scale,
        ("exp((x - m) / s)", loc, -scale): -mp.one,
    }


GUMBEL = Oracle(
    log_density=_gumbel_log_density,
    support=real_line,
    log_terms=_gumbel_log_terms,
    expectations={
        "x": lambda loc, scale: loc + mp.euler * scale,
        "(x - m)^+": lambda m, loc, scale: loc + mp.euler * scale - m + scale * mp.e1(mp.exp((loc - m) / scale)),
        "(m - x)^+": lambda m, loc, scale: scale * mp.e1(mp.exp((loc - m) / scale)),
        "x^2": lambda loc, scale: (loc + mp.euler * scale) ** 2 + (mp.pi * scale) ** 2 / 6,
        "exp((x - m) / s)": lambda m, s, loc, scale: (
            mp.exp((loc - m) / s) * mp.gamma(1 - scale / s) if scale / s < 1 else mp.inf
        ),
    },
    bulk=lambda loc, scale: (loc, scale),
)

ORACLES: dict[str, Oracle] = {"Gumbel": GUMBEL}

BOUNDS: dict[str, Bound] = {
    # exp(t), where t is a sum of numbers up to 700, is right to as many ulps.
    "Gumbel": {"interior": 512.0, "near": 4.0, "extreme": 2048.0, "boundary": 512.0},
}
