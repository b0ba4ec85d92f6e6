"""What the oracle knows of TruncatedNormal."""

from collections.abc import Callable

import numpy as np

from oracle import Bound, Draw, Interval, Near, Oracle, Real, mp


# TruncatedNormal(loc, scale, low, high)
def _normal_probability(a: Real, b: Real) -> Real:
    if a > 0:
        a, b = -b, -a
    return (mp.erfc(-b / mp.sqrt(2)) - mp.erfc(-a / mp.sqrt(2))) / 2


def _truncated_log_total(loc: Real, scale: Real, low: Real, high: Real) -> Real:
    return mp.log(scale * mp.sqrt(2 * mp.pi) * _normal_probability((low - loc) / scale, (high - loc) / scale))


def _truncated_moments(loc: Real, scale: Real, low: Real, high: Real) -> tuple[Real, Real]:
    a, b = (low - loc) / scale, (high - loc) / scale
    probability = _normal_probability(a, b)
    first = (mp.npdf(a) - mp.npdf(b)) / probability
    second = 1 + (a * mp.npdf(a) - b * mp.npdf(b)) / probability
    return loc + scale * first, loc**2 + 2 * loc * scale * first + scale**2 * second


def _truncated_normal_log_density(loc: Real, scale: Real, low: Real, high: Real) -> Callable[[Real], Real]:
    log_total = _truncated_log_total(loc, scale, low, high)
    return lambda x: -(((x - loc) / scale) ** 2) / 2 - log_total if low <= x <= high else -mp.inf


def _truncated_normal_bulk(loc: Real, scale: Real, low: Real, high: Real) -> tuple[Real, Real]:
    mean, square = _truncated_moments(loc, scale, low, high)
    return mean, mp.sqrt(square - mean**2)


TRUNCATED_NORMAL = Oracle(
    log_density=_truncated_normal_log_density,
    support=lambda loc, scale, low, high: Interval(low, high),
    log_terms=lambda loc, scale, low, high: {
        ("1",): -(loc**2) / (2 * scale**2) - _truncated_log_total(loc, scale, low, high),
        ("x",): loc / scale**2,
        ("x^2",): -1 / (2 * scale**2),
    },
    expectations={
        "x": lambda *parameters: _truncated_moments(*parameters)[0],
        "x^2": lambda *parameters: _truncated_moments(*parameters)[1],
    },
    bulk=_truncated_normal_bulk,
)


def _draw_truncated_normal(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    def positive() -> np.ndarray:
        return 10 ** rng.uniform(-3, 3, size=size) if kind == "extreme" else np.exp(rng.normal(size=size))

    loc, low = rng.normal(size=size) * positive(), rng.normal(size=size) * positive()
    return {"loc": loc, "scale": positive(), "low": low, "high": low + np.maximum(positive(), 1e-3 * abs(low))}


def _near_truncated_normal(
    rng: np.random.Generator, p: dict[str, np.ndarray], delta: np.ndarray
) -> dict[str, np.ndarray]:
    noise = {name: delta * rng.uniform(-1, 1, size=x.shape) for name, x in p.items()}
    return {
        "loc": p["loc"] + noise["loc"],
        "scale": p["scale"] * (1 + noise["scale"]),
        "low": p["low"] - abs(noise["low"]),  # outwards, so that P stays inside Q
        "high": p["high"] + abs(noise["high"]),
    }


ORACLES: dict[str, Oracle] = {"TruncatedNormal": TRUNCATED_NORMAL}

BOUNDS: dict[str, Bound] = {
    # Far from equality a difference of logarithms of integrals, which are large in the tails.
    "TruncatedNormal": {"interior": 16.0, "near": 16.0, "extreme": 2e4, "boundary": 16.0},
}

DRAWS: dict[str, Draw] = {"TruncatedNormal": _draw_truncated_normal}

NEAR: dict[str, Near] = {"TruncatedNormal": _near_truncated_normal}
