"""What the oracle knows of PowerSpherical."""

from collections.abc import Callable, Sequence
from typing import Any

from oracle import Bound, Draw, Oracle, Real, mp
from oracles.von_mises_fisher import dot, draw_direction, normalized, space


def _power_log_normalizer(size: int, kappa: Real) -> Real:
    """Log of the integral of (1 + m . x)^kappa over the sphere."""
    a, b = kappa + mp.mpf(size - 1) / 2, mp.mpf(size - 1) / 2
    return (a + b) * mp.log(2) + b * mp.log(mp.pi) + mp.loggamma(a) - mp.loggamma(a + b)


def _power_spherical_log_density(mu: Sequence[Real], kappa: Real) -> Callable[[Any], Real]:
    log_normalizer = _power_log_normalizer(len(mu), kappa)
    return lambda x: kappa * mp.log(1 + dot(mu, x)) - log_normalizer


def power_spherical_log(*parameters: Any) -> Real:
    """E log(1 + m . x), where m comes first: in three dimensions, with x around its own axis integrated away."""
    *m, mu, kappa = parameters
    a, b = kappa + mp.mpf(len(mu) - 1) / 2, mp.mpf(len(mu) - 1) / 2
    if m == mu or not kappa:
        return mp.log(2) + mp.digamma(a) - mp.digamma(a + b)
    if len(mu) != 3:
        raise NotImplementedError("different axes are for three dimensions")
    c = dot(m, mu)
    c = c if 1 + c > 1000 * mp.eps else -mp.one
    # The mean over a circle of log(u + v cos) is log((u + sqrt(u^2 - v^2)) / 2), u = 1 + c t and u^2 - v^2 = (c + t)^2.
    # The density of t is (kappa + 1) (1 + t)^kappa / 2^(kappa + 1), so with y = 1 + t by parts:
    top = 1 - c
    share = (top / 2) ** (kappa + 1)
    below = share * (mp.log(top) - 1 / (kappa + 1)) if top else mp.zero
    full = mp.log(2) - 1 / (kappa + 1)
    # below the fold log(((1 - c) (1 - t)) / 2), above it log(((1 + c) (1 + t)) / 2)
    above = full - below + (1 - share) * mp.log((1 + c) / 2) if 1 + c else mp.zero
    # and what log(2 - y) adds below the fold is, by parts again, a hypergeometric function.
    if share < mp.eps * mp.mpf(10) ** -20:
        folded = mp.zero
    elif 1 + c:
        series = mp.hyp2f1(1, kappa + 2, kappa + 3, top / 2)
        folded = share * (mp.log(2 - top) + top / (2 * (kappa + 2)) * series)
    else:
        folded = mp.log(2) + mp.digamma(1) - mp.digamma(kappa + 2)
    return above + folded + (share * mp.log(top / 2) if top else mp.zero)


POWER_SPHERICAL = Oracle(
    convert=normalized,
    log_density=_power_spherical_log_density,
    support=space,
    log_terms=lambda mu, kappa: {
        ("1",): -_power_log_normalizer(len(mu), kappa),
        ("log(1 + m.x)", *mu): kappa,
    },
    expectations={
        "x_i": lambda i, mu, kappa: kappa / (len(mu) - 1 + kappa) * mu[i],
        "log(1 + m.x)": power_spherical_log,
    },
)

ORACLES: dict[str, Oracle] = {"PowerSpherical": POWER_SPHERICAL}

BOUNDS: dict[str, Bound] = {"PowerSpherical": 32.0}

DRAWS: dict[str, Draw] = {"PowerSpherical": draw_direction}
