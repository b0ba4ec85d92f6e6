"""What the oracle knows of LogitNormal."""

from collections.abc import Callable

from oracle import Bound, Oracle, Real, mp, unit_interval


# LogitNormal(loc, scale)
def _logit_normal_log_density(loc: Real, scale: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.log(scale) + mp.log(2 * mp.pi) / 2

    def log_density(x: Real) -> Real:
        log_x, log_y = mp.log(x), mp.log(1 - x)
        return -(((log_x - log_y - loc) / scale) ** 2) / 2 - log_normalizer - log_x - log_y

    return log_density


LOGIT_NORMAL = Oracle(
    log_density=_logit_normal_log_density,
    support=unit_interval,
    log_terms=lambda loc, scale: {
        ("1",): -(loc**2) / (2 * scale**2) - mp.log(2 * mp.pi) / 2 - mp.log(scale),
        ("logit x",): loc / scale**2,
        ("logit^2 x",): -1 / (2 * scale**2),
        ("log x",): -mp.one,
        ("log(1-x)",): -mp.one,
    },
    expectations={"logit x": lambda loc, scale: loc, "logit^2 x": lambda loc, scale: loc**2 + scale**2},
    bulk=lambda loc, scale: (
        1 / (1 + mp.exp(-loc)),
        min(scale, mp.one) * mp.exp(-loc) / (1 + mp.exp(-loc)) ** 2,
    ),
)

ORACLES: dict[str, Oracle] = {"LogitNormal": LOGIT_NORMAL}

BOUNDS: dict[str, Bound] = {"LogitNormal": 4.0}
