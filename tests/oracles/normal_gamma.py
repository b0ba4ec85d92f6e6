"""What the oracle knows of NormalGamma and NormalInverseGamma."""

from dataclasses import replace
from typing import Any

from oracle import Bound, Manifold, Oracle, Real, Statistic, mp
from oracles.wishart import density_of_statistics


# Normal-gamma and normal-Wishart. The scalar one is written in the precision t and the mean m, and its inverse, in
# which the variance is 1 / t, with the Jacobian that this has.
def _normal_gamma_log_terms(loc: Real, count: Real, a: Real, b: Real) -> dict[Statistic, Real]:
    return {
        ("1",): mp.log(count / (2 * mp.pi)) / 2 + a * mp.log(b) - mp.loggamma(a),
        ("log t",): a - mp.mpf(1) / 2,
        ("t",): -b - count * loc**2 / 2,
        ("t m",): count * loc,
        ("t m^2",): -count / 2,
    }


def _normal_gamma_statistics(x: Any) -> dict[Statistic, Real]:
    m, t = x
    return {("1",): mp.one, ("log t",): mp.log(t), ("t",): t, ("t m",): t * m, ("t m^2",): t * m**2}


NORMAL_GAMMA = Oracle(
    log_density=density_of_statistics(_normal_gamma_log_terms, _normal_gamma_statistics),
    support=lambda *parameters: Manifold("mean and scale", 2),
    log_terms=_normal_gamma_log_terms,
    expectations={
        "log t": lambda loc, count, a, b: mp.digamma(a) - mp.log(b),
        "t": lambda loc, count, a, b: a / b,
        "t m": lambda loc, count, a, b: loc * a / b,
        "t m^2": lambda loc, count, a, b: 1 / count + loc**2 * a / b,
    },
)


def _normal_inverse_gamma_log_terms(*parameters: Real) -> dict[Statistic, Real]:
    terms = {
        (f"{name} of 1/v" if name != "1" else name,): a for (name,), a in _normal_gamma_log_terms(*parameters).items()
    }
    return terms | {("log t of 1/v",): terms["log t of 1/v",] + 2}


def _normal_inverse_gamma_statistics(x: Any) -> dict[Statistic, Real]:
    known = _normal_gamma_statistics((x[0], 1 / x[1]))
    return {(f"{name} of 1/v" if name != "1" else name,): value for (name,), value in known.items()}


NORMAL_INVERSE_GAMMA = replace(
    NORMAL_GAMMA,
    log_density=density_of_statistics(_normal_inverse_gamma_log_terms, _normal_inverse_gamma_statistics),
    log_terms=_normal_inverse_gamma_log_terms,
    expectations={f"{name} of 1/v": known for name, known in NORMAL_GAMMA.expectations.items()},
)

ORACLES: dict[str, Oracle] = {
    "NormalGamma": NORMAL_GAMMA,
    "NormalInverseGamma": NORMAL_INVERSE_GAMMA,
}

BOUNDS: dict[str, Bound] = {
    "NormalGamma": 8.0,
    "NormalInverseGamma": 8.0,
}
