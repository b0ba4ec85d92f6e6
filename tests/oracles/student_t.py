"""What the oracle knows of StudentT and Cauchy."""

from collections.abc import Callable

from oracle import Bound, Oracle, Real, Statistic, mp, real_line


# StudentT(df, loc, scale) and Cauchy(loc, scale)
def _student_log_density(df: Real, loc: Real, scale: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.loggamma(df / 2) - mp.loggamma((df + 1) / 2) + mp.log(df * mp.pi) / 2 + mp.log(scale)
    return lambda x: -(df + 1) / 2 * mp.log(1 + ((x - loc) / scale) ** 2 / df) - log_normalizer


def _student_log_terms(df: Real, loc: Real, scale: Real) -> dict[Statistic, Real]:
    constant = mp.loggamma((df + 1) / 2) - mp.loggamma(df / 2) - mp.log(mp.pi) / 2 + df / 2 * mp.log(df * scale**2)
    return {("1",): constant, ("log((x - m)^2 + s^2)", loc, df * scale**2): -(df + 1) / 2}


def _student_log_square(m: Real, square: Real, df: Real, loc: Real, scale: Real) -> Real:
    if df == 1:
        return mp.log((loc - m) ** 2 + (scale + mp.sqrt(square)) ** 2)
    if m == loc and square == df * scale**2:
        return mp.log(square) + mp.digamma((df + 1) / 2) - mp.digamma(df / 2)
    raise NotImplementedError


STUDENT_T = Oracle(
    log_density=_student_log_density,
    support=real_line,
    log_terms=_student_log_terms,
    expectations={
        "x^2": lambda df, loc, scale: loc**2 + scale**2 * df / (df - 2) if df > 2 else mp.inf,
        "x": lambda df, loc, scale: loc,
        "exp((x - m) / s)": lambda m, s, df, loc, scale: mp.inf,
        "log((x - m)^2 + s^2)": _student_log_square,
    },
    bulk=lambda df, loc, scale: (loc, scale),
    kinks=lambda df, loc, scale: (loc,),  # none, but a place where it may be narrow against another
)

CAUCHY = Oracle(
    log_density=_student_log_density,
    support=real_line,
    convert=lambda loc, scale: (mp.one, loc, scale),
    log_terms=_student_log_terms,
    expectations=STUDENT_T.expectations,
    bulk=lambda df, loc, scale: (loc, scale),
    kinks=lambda df, loc, scale: (loc,),  # none, but a place where it may be narrow against another
)

ORACLES: dict[str, Oracle] = {
    "StudentT": STUDENT_T,
    "Cauchy": CAUCHY,
}

BOUNDS: dict[str, Bound] = {"Cauchy": 8.0}
