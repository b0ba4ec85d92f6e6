"""What the oracle knows of LogNormal."""

from collections.abc import Callable

from oracle import Bound, Oracle, Real, Statistic, expectations_of_powers, half_line, mp


# LogNormal(loc, scale)
def _log_normal_log_density(loc: Real, scale: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.log(scale) + mp.log(2 * mp.pi) / 2
    return lambda x: -(((mp.log(x) - loc) / scale) ** 2) / 2 - mp.log(x) - log_normalizer


def _log_normal_log_terms(loc: Real, scale: Real) -> dict[Statistic, Real]:
    variance = scale**2
    return {
        ("1",): -(loc**2) / (2 * variance) - mp.log(2 * mp.pi) / 2 - mp.log(scale),
        ("log x",): loc / variance - 1,
        ("log^2 x",): -1 / (2 * variance),
    }


LOG_NORMAL = Oracle(
    log_density=_log_normal_log_density,
    support=half_line,
    log_terms=_log_normal_log_terms,
    expectations=expectations_of_powers(lambda k, loc, scale: mp.exp(k * loc + (k * scale) ** 2 / 2))
    | {
        "log x": lambda loc, scale: loc,
        "log^2 x": lambda loc, scale: loc**2 + scale**2,
    },
    bulk=lambda loc, scale: (mp.exp(loc), scale * mp.exp(loc)),
)

ORACLES: dict[str, Oracle] = {"LogNormal": LOG_NORMAL}

BOUNDS: dict[str, Bound] = {"LogNormal": 4.0}
