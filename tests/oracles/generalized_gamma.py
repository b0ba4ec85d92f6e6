"""What the oracle knows of GeneralizedGamma."""

from collections.abc import Callable

from oracle import Bound, Oracle, Real, Statistic, half_line, mp, power_of_x


# GeneralizedGamma(scale, concentration, power)
def _generalized_gamma_log_density(a: Real, d: Real, p: Real) -> Callable[[Real], Real]:
    log_normalizer = d * mp.log(a) + mp.loggamma(d / p) - mp.log(p)
    return lambda x: (d - 1) * mp.log(x) - (x / a) ** p - log_normalizer


def _generalized_gamma_log_terms(a: Real, d: Real, p: Real) -> dict[Statistic, Real]:
    return {
        ("1",): mp.log(p) - d * mp.log(a) - mp.loggamma(d / p),
        ("log x",): d - 1,
        power_of_x(p): -(a**-p),
    }


def generalized_gamma_power(k: Real, a: Real, d: Real, p: Real) -> Real:
    return a**k * mp.exp(mp.loggamma((d + k) / p) - mp.loggamma(d / p)) if d + k > 0 else mp.inf


GENERALIZED_GAMMA = Oracle(
    log_density=_generalized_gamma_log_density,
    support=half_line,
    log_terms=_generalized_gamma_log_terms,
    expectations={
        "log x": lambda a, d, p: mp.log(a) + mp.digamma(d / p) / p,
        "x": lambda *parameters: generalized_gamma_power(mp.one, *parameters),
        "x^2": lambda *parameters: generalized_gamma_power(mp.mpf(2), *parameters),
        "x^k": generalized_gamma_power,
    },
    # The mean of the logarithm, and its deviation as a share of x.
    bulk=lambda a, d, p: (
        a * mp.exp(mp.digamma(d / p) / p),
        a * mp.exp(mp.digamma(d / p) / p) * mp.sqrt(mp.polygamma(1, d / p)) / p,
    ),
)

# Where exp(t) is large, its relative error is that of t, a sum of terms of opposite signs, times their size.
BOUND_OF_EXPONENTIALS = {"interior": 512.0, "near": 4.0, "extreme": 16384.0, "boundary": 512.0}

ORACLES: dict[str, Oracle] = {"GeneralizedGamma": GENERALIZED_GAMMA}

BOUNDS: dict[str, Bound] = {"GeneralizedGamma": {**BOUND_OF_EXPONENTIALS, "near": 64.0}}
