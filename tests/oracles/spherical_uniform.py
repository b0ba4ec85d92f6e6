"""What the oracle knows of SphericalUniform."""

from oracle import Bound, Draw, Oracle, mp
from oracles.power_spherical import power_spherical_log
from oracles.von_mises_fisher import draw_direction, log_area, normalized, space

SPHERICAL_UNIFORM = Oracle(
    convert=normalized,
    log_density=lambda mu: lambda x: -log_area(len(mu)),
    support=space,
    log_terms=lambda mu: {("1",): -log_area(len(mu))},
    expectations={
        "x_i": lambda i, mu: mp.zero,
        "log(1 + m.x)": lambda *parameters: power_spherical_log(*parameters, mp.zero),
    },
)

ORACLES: dict[str, Oracle] = {"SphericalUniform": SPHERICAL_UNIFORM}

BOUNDS: dict[str, Bound] = {"SphericalUniform": 1.0}

DRAWS: dict[str, Draw] = {"SphericalUniform": draw_direction}
