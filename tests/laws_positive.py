"""The laws of the families on the half-line that are no powers of gamma variables, and of the log-uniform family."""

from collections.abc import Callable

from law import Family, Interval, Real, Statistic, half_line, mp

# HalfCauchy(scale)

HALF_CAUCHY = Family(
    log_density=lambda scale: lambda x: mp.log(2 / (mp.pi * scale)) - mp.log(1 + (x / scale) ** 2),
    support=half_line,
    log_terms=lambda scale: {("1",): mp.log(2 / (mp.pi * scale)), ("log(1+x^2/s^2)", scale): -mp.one},
    expectations={
        "log x": mp.log,
        "log(1+x^2/s^2)": lambda s, scale: 2 * mp.log(1 + scale / s),
    },
    bulk=lambda scale: (scale, scale),
)


# LogNormal(loc, scale)


def _log_normal_log_density(loc: Real, scale: Real) -> Callable[[Real], Real]:
    log_normaliser = mp.log(scale) + mp.log(2 * mp.pi) / 2
    return lambda x: -(((mp.log(x) - loc) / scale) ** 2) / 2 - mp.log(x) - log_normaliser


def _log_normal_log_terms(loc: Real, scale: Real) -> dict[Statistic, Real]:
    variance = scale**2
    return {
        ("1",): -(loc**2) / (2 * variance) - mp.log(2 * mp.pi) / 2 - mp.log(scale),
        ("log x",): loc / variance - 1,
        ("log^2 x",): -1 / (2 * variance),
    }


LOG_NORMAL = Family(
    log_density=_log_normal_log_density,
    support=half_line,
    log_terms=_log_normal_log_terms,
    expectations={
        "x": lambda loc, scale: mp.exp(loc + scale**2 / 2),
        "x^2": lambda loc, scale: mp.exp(2 * loc + 2 * scale**2),
        "1/x": lambda loc, scale: mp.exp(-loc + scale**2 / 2),
        "log x": lambda loc, scale: loc,
        "log^2 x": lambda loc, scale: loc**2 + scale**2,
    },
    bulk=lambda loc, scale: (mp.exp(loc), scale * mp.exp(loc)),
)


# LogLogistic(loc, scale)


def _log_logistic_log_density(loc: Real, scale: Real) -> Callable[[Real], Real]:
    log_scale = mp.log(scale)

    def log_density(x: Real) -> Real:
        z = abs((mp.log(x) - loc) / scale)  # the density of the logarithm is even
        return -z - log_scale - 2 * mp.log(1 + mp.exp(-z)) - mp.log(x)

    return log_density


LOG_LOGISTIC = Family(
    log_density=_log_logistic_log_density,
    support=half_line,
    bulk=lambda loc, scale: (mp.exp(loc), scale * mp.exp(loc)),
)


# InverseGaussian(loc, concentration)


def _inverse_gaussian_log_density(mean: Real, shape: Real) -> Callable[[Real], Real]:
    half_log = mp.log(shape / (2 * mp.pi)) / 2
    return lambda x: half_log - 3 * mp.log(x) / 2 - shape * (x - mean) ** 2 / (2 * mean**2 * x)


def _inverse_gaussian_log_terms(mean: Real, shape: Real) -> dict[Statistic, Real]:
    return {
        ("1",): mp.log(shape / (2 * mp.pi)) / 2 + shape / mean,
        ("x",): -shape / (2 * mean**2),
        ("1/x",): -shape / 2,
        ("log x",): mp.mpf(-3) / 2,
    }


def _scaled_e1(x: Real) -> Real:
    """exp(x) E1(x)."""
    if x < 10**5:
        return mp.exp(x) * mp.e1(x)
    term, total, k = 1 / x, mp.zero, 0  # its asymptotic series, whose least term is of the order of exp(-x)
    while abs(term) > mp.eps**2 * abs(total):
        total, k = total + term, k + 1
        term *= -k / x
    return total


INVERSE_GAUSSIAN = Family(
    log_density=_inverse_gaussian_log_density,
    support=half_line,
    log_terms=_inverse_gaussian_log_terms,
    expectations={
        "x": lambda mean, shape: mean,
        "x^2": lambda mean, shape: mean**2 + mean**3 / shape,
        "1/x": lambda mean, shape: 1 / mean + 1 / shape,
        "log x": lambda mean, shape: mp.log(mean) - _scaled_e1(2 * shape / mean),
    },
    bulk=lambda mean, shape: (mean * shape / (mean + shape), mean * shape / (mean + shape) * mp.sqrt(mean / shape)),
)


# Pareto(scale, alpha) and Lomax(scale, alpha)


def _moment_below(alpha: Real, k: int, value: Callable[[], Real]) -> Real:
    return value() if alpha > k else mp.inf


PARETO = Family(
    log_density=lambda scale, alpha: lambda x: mp.log(alpha) + alpha * mp.log(scale) - (alpha + 1) * mp.log(x),
    support=lambda scale, alpha: Interval(scale, mp.inf),
    log_terms=lambda scale, alpha: {("1",): mp.log(alpha) + alpha * mp.log(scale), ("log x",): -(alpha + 1)},
    expectations={
        "x": lambda scale, alpha: _moment_below(alpha, 1, lambda: alpha * scale / (alpha - 1)),
        "x^2": lambda scale, alpha: _moment_below(alpha, 2, lambda: alpha * scale**2 / (alpha - 2)),
        "1/x": lambda scale, alpha: alpha / (scale * (alpha + 1)),
        "log x": lambda scale, alpha: mp.log(scale) + 1 / alpha,
    },
    bulk=lambda scale, alpha: (scale + scale / alpha, scale / alpha),
)


def _lomax_log1p(s: Real, scale: Real, alpha: Real) -> Real:
    """E log(1 + x/s): by parts, the integral of y^(alpha - 1) / (1 + (s/scale - 1) y) over y from 0 to 1."""
    with mp.extradps(max(0, int(mp.log10(scale / s)) + 10)):  # the argument must not round to 1
        return mp.hyp2f1(1, alpha, alpha + 1, 1 - s / scale) / alpha


LOMAX = Family(
    log_density=lambda scale, alpha: lambda x: mp.log(alpha / scale) - (alpha + 1) * mp.log(1 + x / scale),
    support=half_line,
    log_terms=lambda scale, alpha: {("1",): mp.log(alpha / scale), ("log(1+x/s)", scale): -(alpha + 1)},
    expectations={
        "x": lambda scale, alpha: _moment_below(alpha, 1, lambda: scale / (alpha - 1)),
        "x^2": lambda scale, alpha: _moment_below(alpha, 2, lambda: 2 * scale**2 / ((alpha - 1) * (alpha - 2))),
        "log x": lambda scale, alpha: mp.log(scale) - mp.euler - mp.digamma(alpha),
        "log(1+x/s)": _lomax_log1p,
    },
    bulk=lambda scale, alpha: (scale / alpha, scale / alpha),
)


# BetaPrime(concentration1, concentration0)


def _beta_prime_log_density(a: Real, b: Real) -> Callable[[Real], Real]:
    log_normaliser = mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)
    return lambda x: (a - 1) * mp.log(x) - (a + b) * mp.log(1 + x) - log_normaliser


BETA_PRIME = Family(
    log_density=_beta_prime_log_density,
    support=half_line,
    log_terms=lambda a, b: {
        ("1",): mp.loggamma(a + b) - mp.loggamma(a) - mp.loggamma(b),
        ("log x",): a - 1,
        ("log(1+x)",): -(a + b),
    },
    expectations={
        "x": lambda a, b: _moment_below(b, 1, lambda: a / (b - 1)),
        "x^2": lambda a, b: _moment_below(b, 2, lambda: a * (a + 1) / ((b - 1) * (b - 2))),
        "log x": lambda a, b: mp.digamma(a) - mp.digamma(b),
        "log(1+x)": lambda a, b: mp.digamma(a + b) - mp.digamma(b),
    },
    bulk=lambda a, b: (a / b, a / b * mp.sqrt(1 / a + 1 / b)),
)


# Lindley(rate)

LINDLEY = Family(
    log_density=lambda rate: lambda x: mp.log(rate**2 / (1 + rate)) + mp.log(1 + x) - rate * x,
    support=half_line,
    log_terms=lambda rate: {("1",): mp.log(rate**2 / (1 + rate)), ("log(1+x)",): mp.one, ("x",): -rate},
    expectations={
        "x": lambda rate: (rate + 2) / (rate * (rate + 1)),
        "x^2": lambda rate: 2 * (rate + 3) / (rate**2 * (rate + 1)),
        "log x": lambda rate: 1 / (1 + rate) - mp.euler - mp.log(rate),
        "log(1+x)": lambda rate: (1 + _scaled_e1(rate)) / (1 + rate),
    },
    bulk=lambda rate: (1 / rate, 1 / rate),
)


# LogUniform(low, high)


def _log_uniform_log_density(low: Real, high: Real) -> Callable[[Real], Real]:
    log_width = mp.log(mp.log(high / low))
    return lambda x: -mp.log(x) - log_width if low <= x <= high else -mp.inf


LOG_UNIFORM = Family(
    log_density=_log_uniform_log_density,
    support=Interval,
    log_terms=lambda low, high: {("1",): -mp.log(mp.log(high / low)), ("log x",): -mp.one},
    expectations={
        "x": lambda low, high: (high - low) / mp.log(high / low),
        "x^2": lambda low, high: (high**2 - low**2) / (2 * mp.log(high / low)),
        "1/x": lambda low, high: (1 / low - 1 / high) / mp.log(high / low),
        "log x": lambda low, high: (mp.log(low) + mp.log(high)) / 2,
        "log^2 x": lambda low, high: (mp.log(low) ** 2 + mp.log(low) * mp.log(high) + mp.log(high) ** 2) / 3,
    },
    bulk=lambda low, high: ((low + high) / 2, (high - low) / 2),
)


LAWS: dict[str, Family] = {
    "HalfCauchy": HALF_CAUCHY,
    "LogNormal": LOG_NORMAL,
    "LogLogistic": LOG_LOGISTIC,
    "InverseGaussian": INVERSE_GAUSSIAN,
    "Pareto": PARETO,
    "Lomax": LOMAX,
    "BetaPrime": BETA_PRIME,
    "Lindley": LINDLEY,
    "LogUniform": LOG_UNIFORM,
}
