"""What the oracle knows of Kumaraswamy."""

from collections.abc import Callable

import numpy as np

from oracle import Bound, Draw, Oracle, Real, mp, unit_interval


# Kumaraswamy(concentration1, concentration0): x^a is a beta(1, b) variable
def _log_one_minus_power(x: Real, a: Real) -> Real:
    return mp.log(-mp.expm1(a * mp.log(x)))


def _kumaraswamy_log_density(a: Real, b: Real) -> Callable[[Real], Real]:
    return lambda x: mp.log(a * b) + (a - 1) * mp.log(x) + (b - 1) * _log_one_minus_power(x, a)


def _kumaraswamy_bulk(a: Real, b: Real) -> tuple[Real, Real]:
    quantiles = [(1 - (1 - u) ** (1 / b)) ** (1 / a) for u in (mp.mpf(1) / 4, mp.mpf(1) / 2, mp.mpf(3) / 4)]
    return quantiles[1], quantiles[2] - quantiles[0]


def _kumaraswamy_power(k: Real, a: Real, b: Real) -> Real:
    return b * mp.beta(1 + k / a, b)


def _kumaraswamy_log_complement(power: Real, a: Real, b: Real) -> Real:
    """E log(1 - x^power), an integral over u = (1 - x^a)^b, which is uniform."""
    if power == a:
        return -1 / b

    def log_complement(u: Real) -> Real:
        log_x = mp.log1p(-(u ** (1 / b))) / a if u < mp.mpf(1) / 2 else mp.log(-mp.expm1(mp.log(u) / b)) / a
        return mp.log(-mp.expm1(power * log_x))

    with mp.extradps(10):
        return mp.quad(log_complement, [0, mp.mpf(1) / 2, 1])


KUMARASWAMY = Oracle(
    log_density=_kumaraswamy_log_density,
    support=unit_interval,
    log_terms=lambda a, b: {
        ("1",): mp.log(a * b),
        ("log x",): a - 1,
        ("log(1-x^a)", a): b - 1,
    },
    expectations={
        "x": lambda a, b: _kumaraswamy_power(mp.one, a, b),
        "x^2": lambda a, b: _kumaraswamy_power(mp.mpf(2), a, b),
        "log x": lambda a, b: -(mp.euler + mp.digamma(b + 1)) / a,
        "log(1-x)": lambda a, b: _kumaraswamy_log_complement(mp.one, a, b),
        "log(1-x^a)": _kumaraswamy_log_complement,
    },
    bulk=_kumaraswamy_bulk,
)


def _draw_kumaraswamy(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    def draw() -> np.ndarray:
        return 10 ** rng.uniform(-2, 2, size=size) if kind == "extreme" else np.exp(rng.normal(size=size))

    return {"concentration1": draw(), "concentration0": draw()}


ORACLES: dict[str, Oracle] = {"Kumaraswamy": KUMARASWAMY}

BOUNDS: dict[str, Bound] = {
    # Far from equality an integral over 114 nodes, to which the divergence is a small difference.
    "Kumaraswamy": {"interior": 64.0, "near": 8.0, "extreme": 1e5, "boundary": 64.0},
}

DRAWS: dict[str, Draw] = {"Kumaraswamy": _draw_kumaraswamy}
