"""What the oracle knows of Normal and NormalLogVariance."""

from collections.abc import Callable
from dataclasses import replace

from oracle import Bound, Oracle, Real, Statistic, mp, real_line, unchanged


# Normal(loc, scale)
def _normal_log_density(loc: Real, scale: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.log(scale) + mp.log(2 * mp.pi) / 2
    return lambda x: -(((x - loc) / scale) ** 2) / 2 - log_normalizer


def _normal_log_terms(loc: Real, scale: Real) -> dict[Statistic, Real]:
    variance = scale**2
    return {
        ("1",): -(loc**2) / (2 * variance) - mp.log(2 * mp.pi) / 2 - mp.log(scale),
        ("x",): loc / variance,
        ("x^2",): -1 / (2 * variance),
    }


def _normal_excess(mean: Real) -> Real:
    """E x^+ at scale 1."""
    return mp.npdf(mean) + mean * mp.ncdf(mean)


NORMAL = Oracle(
    log_density=_normal_log_density,
    support=real_line,
    log_terms=_normal_log_terms,
    expectations={
        "x": lambda loc, scale: loc,
        "x^2": lambda loc, scale: loc**2 + scale**2,
        "exp((x - m) / s)": lambda m, s, loc, scale: mp.exp((loc - m) / s + (scale / s) ** 2 / 2),
        "(x - m)^+": lambda m, loc, scale: _normal_excess((loc - m) / scale) * scale,
        "(m - x)^+": lambda m, loc, scale: _normal_excess((m - loc) / scale) * scale,
    },
    bulk=unchanged,
)

ORACLES: dict[str, Oracle] = {
    "Normal": NORMAL,
    "NormalLogVariance": replace(NORMAL, convert=lambda loc, log_variance: (loc, mp.exp(log_variance / 2))),
}

BOUNDS: dict[str, Bound] = {
    "Normal": 4.0,
    "NormalLogVariance": 4.0,
}
