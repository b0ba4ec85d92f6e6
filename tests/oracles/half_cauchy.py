"""What the oracle knows of HalfCauchy."""

from oracle import Bound, Oracle, expectations_of_powers, half_line, mp

# HalfCauchy(scale)
HALF_CAUCHY = Oracle(
    log_density=lambda scale: lambda x: mp.log(2 / (mp.pi * scale)) - mp.log(1 + (x / scale) ** 2),
    support=half_line,
    log_terms=lambda scale: {("1",): mp.log(2 / (mp.pi * scale)), ("log(1+x^2/s^2)", scale): -mp.one},
    expectations=expectations_of_powers(lambda k, scale: scale**k / mp.cos(mp.pi * k / 2) if abs(k) < 1 else mp.inf)
    | {
        "log x": mp.log,
        "log^2 x": lambda scale: mp.log(scale) ** 2 + mp.pi**2 / 4,
        "log(1+x^2/s^2)": lambda s, scale: 2 * mp.log(1 + scale / s),
    },
    bulk=lambda scale: (scale, scale),
)

ORACLES: dict[str, Oracle] = {"HalfCauchy": HALF_CAUCHY}

BOUNDS: dict[str, Bound] = {"HalfCauchy": 4.0}
