"""The laws of the normal, gamma, uniform, Poisson, categorical and multivariate normal families."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from law import (
    Atoms,
    Family,
    Integers,
    Interval,
    Real,
    Space,
    Statistic,
    half_line,
    mp,
    real_line,
    unchanged,
    xlogy,
)

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


NORMAL = Family(
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


# Gamma(concentration, rate)


def _gamma_log_density(concentration: Real, rate: Real) -> Callable[[Real], Real]:
    log_normalizer = mp.loggamma(concentration) - concentration * mp.log(rate)
    return lambda x: (concentration - 1) * mp.log(x) - rate * x - log_normalizer


def _gamma_log_terms(concentration: Real, rate: Real) -> dict[Statistic, Real]:
    return {
        ("1",): concentration * mp.log(rate) - mp.loggamma(concentration),
        ("log x",): concentration - 1,
        ("x",): -rate,
    }


GAMMA = Family(
    log_density=_gamma_log_density,
    support=half_line,
    log_terms=_gamma_log_terms,
    expectations={
        "x": lambda concentration, rate: concentration / rate,
        "x^2": lambda concentration, rate: concentration * (concentration + 1) / rate**2,
        "log x": lambda concentration, rate: mp.digamma(concentration) - mp.log(rate),
    },
    bulk=lambda concentration, rate: (concentration / rate, mp.sqrt(concentration) / rate),
)


# Uniform(low, high)


def _uniform_log_density(low: Real, high: Real) -> Callable[[Real], Real]:
    log_width = mp.log(high - low)
    return lambda x: -log_width if low <= x <= high else -mp.inf


UNIFORM = Family(
    log_density=_uniform_log_density,
    support=Interval,
    log_terms=lambda low, high: {("1",): -mp.log(high - low)},
    expectations={
        "x": lambda low, high: (low + high) / 2,
        "x^2": lambda low, high: (low**2 + low * high + high**2) / 3,
        "log x": lambda low, high: (xlogy(high, high) - xlogy(low, low)) / (high - low) - 1,
    },
    bulk=lambda low, high: ((low + high) / 2, (high - low) / 2),
)


# Discrete families


def _poisson_log_density(rate: Real) -> Callable[[Real], Real]:
    return lambda x: xlogy(x, rate) - rate - mp.loggamma(x + 1)


POISSON = Family(
    log_density=_poisson_log_density,
    support=lambda rate: Integers(0) if rate else Atoms((mp.zero,)),  # rate 0 is a point mass at 0
    log_terms=lambda rate: {("1",): -rate, ("x",): mp.log(rate), ("log x!",): -mp.one},
    # E[log x!] has no closed form. Between two Poisson laws it has the coefficient -1 - -1 and is never asked for.
    expectations={"x": lambda rate: rate},
    bulk=lambda rate: (rate, mp.sqrt(rate)),
)

# The law on 0, 1, ..., k - 1 with the given log probabilities, some of which may be -inf.
FINITE = Family(
    log_density=lambda *log_masses: lambda x: log_masses[int(x)] if x in range(len(log_masses)) else -mp.inf,
    support=lambda *log_masses: Atoms(tuple(mp.mpf(k) for k, mass in enumerate(log_masses) if mass != -mp.inf)),
    few_outcomes=True,
)

DELTA = Family(
    log_density=lambda value: lambda x: mp.zero if x == value else -mp.inf,
    support=lambda value: Atoms((value,)),
)


def _log1pexp(x: Real) -> Real:
    return mp.log(1 + mp.exp(x))


def _normalized_logs(weights: Sequence[Real]) -> tuple[Real, ...]:
    log_total = mp.log(mp.fsum(weights))
    return tuple(mp.log(weight) - log_total for weight in weights)


def _normalized_logits(logits: Sequence[Real]) -> tuple[Real, ...]:
    log_total = mp.log(mp.fsum(mp.exp(logit) for logit in logits))
    return tuple(logit - log_total for logit in logits)


# The multivariate normals. ``convert`` gives the mean, the covariance, its inverse and the log of its determinant.


def _multivariate_log_density(mean: list[Real], covariance: Any, *unused: Any) -> Callable[[Sequence[Real]], Real]:
    # By Cholesky and forward substitution, where log_terms goes by elimination and the full inverse.
    factor = mp.cholesky(mp.matrix(covariance)).tolist()
    log_normalizer = mp.fsum(mp.log(2 * mp.pi) / 2 + mp.log(row[i]) for i, row in enumerate(factor))

    def log_density(x: Sequence[Real]) -> Real:
        whitened: list[Real] = []
        for row, x_i, mean_i in zip(factor, x, mean, strict=True):
            known = sum((a * z for a, z in zip(row, whitened, strict=False)), mp.zero)
            whitened.append((x_i - mean_i - known) / row[len(whitened)])
        return -sum(z**2 for z in whitened) / 2 - log_normalizer

    return log_density


def _multivariate_log_terms(mean: Any, covariance: Any, precision: Any, log_det: Real) -> dict[Statistic, Real]:
    # (x - m)' A (x - m) expanded for an A that need not be symmetric; see ``gradient`` for why it may not be.
    size = range(len(mean))
    pull = [sum((precision[i][j] + precision[j][i]) * mean[j] for j in size) / 2 for i in size]
    constant = -sum(pull[i] * mean[i] for i in size) / 2 - log_det / 2 - len(mean) * mp.log(2 * mp.pi) / 2
    terms: dict[Statistic, Real] = {("1",): constant}
    terms |= {("x_i", i): pull[i] for i in size}
    terms |= {("x_i x_j", i, j): -precision[j][i] / 2 for i in size for j in size}
    return terms


MULTIVARIATE_NORMAL = Family(
    log_density=_multivariate_log_density,
    support=lambda mean, *unused: Space(len(mean)),
    log_terms=_multivariate_log_terms,
    expectations={
        "x_i": lambda i, mean, *unused: mean[i],
        "x_i x_j": lambda i, j, mean, covariance, *unused: covariance[i][j] + mean[i] * mean[j],
    },
    bulk=lambda mean, covariance, *unused: (mean, mp.cholesky(mp.matrix(covariance)).tolist()),
)


def _inverse_and_log_det(matrix: Sequence[Sequence[Real]]) -> tuple[list[list[Real]], Real]:
    """Gauss-Jordan elimination with partial pivoting; much faster than mpmath's general routines at these sizes."""
    size = len(matrix)
    rows = [[*row, *(mp.mpf(i == j) for j in range(size))] for i, row in enumerate(matrix)]
    determinant = mp.one
    for k in range(size):
        pivot = max(range(k, size), key=lambda i: abs(rows[i][k]))
        if pivot != k:
            rows[k], rows[pivot] = rows[pivot], rows[k]
            determinant = -determinant
        determinant *= rows[k][k]
        if not determinant:
            raise ValueError("the covariance or precision matrix is singular")
        rows[k] = [entry / rows[k][k] for entry in rows[k]]
        for i in range(size):
            factor = rows[i][k]
            if i != k and factor:
                rows[i] = [entry - factor * head for entry, head in zip(rows[i], rows[k], strict=True)]
    return [row[size:] for row in rows], mp.log(determinant)


def _from_covariance(mean: Any, covariance: Any) -> tuple[Any, ...]:
    return (mean, covariance, *_inverse_and_log_det(covariance))


def _from_scale_tril(mean: Any, scale_tril: Any) -> tuple[Any, ...]:
    rows = [row[: i + 1] for i, row in enumerate(scale_tril)]
    # zip stops at the shorter row: the factor is zero beyond it.
    covariance = [[sum(a * b for a, b in zip(left, right, strict=False)) for right in rows] for left in rows]
    return _from_covariance(mean, covariance)


def _from_precision(mean: Any, precision: Any) -> tuple[Any, ...]:
    covariance, log_det = _inverse_and_log_det(precision)
    return mean, covariance, precision, -log_det


def _from_scale_diag(mean: Any, scale_diag: Any) -> tuple[Any, ...]:
    size = range(len(scale_diag))
    covariance = [[scale_diag[i] ** 2 if i == j else mp.zero for j in size] for i in size]
    return _from_covariance(mean, covariance)


LAWS: dict[str, Family] = {
    "Normal": NORMAL,
    "NormalLogVariance": replace(NORMAL, convert=lambda loc, log_variance: (loc, mp.exp(log_variance / 2))),
    "MultivariateNormal": replace(MULTIVARIATE_NORMAL, convert=_from_covariance),
    "MultivariateNormalTriL": replace(MULTIVARIATE_NORMAL, convert=_from_scale_tril, lower_triangular=1),
    "MultivariateNormalPrecision": replace(MULTIVARIATE_NORMAL, convert=_from_precision),
    "MultivariateNormalDiag": replace(MULTIVARIATE_NORMAL, convert=_from_scale_diag),
    "Bernoulli": replace(FINITE, convert=lambda probs: (mp.log(1 - probs), mp.log(probs))),
    "BernoulliLogits": replace(FINITE, convert=lambda logits: (-_log1pexp(logits), -_log1pexp(-logits))),
    "Categorical": replace(FINITE, convert=_normalized_logs),  # the KL is that of the exactly normalized weights
    "CategoricalLogits": replace(FINITE, convert=_normalized_logits),
    "Exponential": replace(GAMMA, convert=lambda rate: (mp.one, rate)),
    "Gamma": GAMMA,
    "Poisson": POISSON,
    "Uniform": UNIFORM,
    "Delta": DELTA,
}

BOUNDS = {
    "Normal": 4.0,
    "NormalLogVariance": 4.0,
    "MultivariateNormalDiag": 7.0,  # 4 sqrt(d)
    "Bernoulli": 4.0,
    "BernoulliLogits": {"interior": 5.0, "near": 5.0, "extreme": 10.0, "boundary": 10.0},
    "Categorical": 6.0,
    "Exponential": 4.0,
    "Gamma": {"interior": 6.0, "near": 6.0, "extreme": 8.0, "boundary": 6.0},
    "Poisson": 4.0,
    "Uniform": 4.0,
}
