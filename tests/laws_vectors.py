"""The laws over vectors, matrices and paths."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from law import Atoms, Family, Manifold, Real, Statistic, mp
from laws_basic import (
    FINITE,
    MULTIVARIATE_NORMAL,
    _from_covariance,
    _from_scale_tril,
    _inverse_and_log_det,
    _normalized_logits,
    _normalized_logs,
)

# Multivariate normals


def _from_low_rank(mean: Any, cov_factor: Any, cov_diag: Any) -> tuple[Any, ...]:
    size = range(len(mean))
    product = [[mp.fdot(cov_factor[i], cov_factor[j]) + (cov_diag[i] if i == j else 0) for j in size] for i in size]
    return _from_covariance(mean, product)


def _logit_normal_log_density(mean: Any, *moments: Any) -> Callable[[Sequence[Real]], Real]:
    normal = MULTIVARIATE_NORMAL.log_density(mean, *moments)
    return lambda x: normal([mp.log(x_i / x[-1]) for x_i in x[:-1]]) - mp.fsum(mp.log(x_i) for x_i in x)


def _logit_normal_log_terms(mean: Any, *moments: Any) -> dict[Statistic, Real]:
    normal = MULTIVARIATE_NORMAL.log_terms(mean, *moments)  # type: ignore[misc]
    terms: dict[Statistic, Real] = {(f"{name} of log odds", *rest): a for (name, *rest), a in normal.items()}
    terms[("1",)] = terms.pop(("1 of log odds",))
    return terms | {("log x_i", i): -mp.one for i in range(len(mean) + 1)}


LOGIT_NORMAL = Family(
    log_density=_logit_normal_log_density,
    support=lambda mean, *unused: Manifold("simplex", len(mean) + 1),
    convert=_from_scale_tril,
    log_terms=_logit_normal_log_terms,
    expectations={f"{name} of log odds": known for name, known in MULTIVARIATE_NORMAL.expectations.items()},
    lower_triangular=1,
)


def _from_kronecker(loc: Any, row: Any, column: Any) -> tuple[Any, ...]:
    """The rows of the matrix one after the other, as a normal vector."""
    u, v = (_from_scale_tril([mp.zero] * len(factor), factor)[1] for factor in (row, column))
    n, m = range(len(row)), range(len(column))
    covariance = [[u[i][k] * v[j][h] for k in n for h in m] for i in n for j in m]
    return _from_covariance([loc[i][j] for i in n for j in m], covariance)


MATRIX_NORMAL = replace(
    MULTIVARIATE_NORMAL,
    support=lambda mean, *unused: Manifold("matrices", len(mean)),
    convert=_from_kronecker,
)


# Dirichlet(concentration)


def _dirichlet_log_normalizer(concentration: Sequence[Real]) -> Real:
    return mp.fsum(mp.loggamma(a) for a in concentration) - mp.loggamma(mp.fsum(concentration))


def _dirichlet_log_density(*concentration: Real) -> Callable[[Sequence[Real]], Real]:
    log_normalizer = _dirichlet_log_normalizer(concentration)
    return lambda x: mp.fsum((a - 1) * mp.log(x_i) for a, x_i in zip(concentration, x, strict=True)) - log_normalizer


DIRICHLET = Family(
    log_density=_dirichlet_log_density,
    support=lambda *concentration: Manifold("simplex", len(concentration)),
    convert=tuple,
    log_terms=lambda *concentration: {
        ("1",): -_dirichlet_log_normalizer(concentration),
        **{("log x_i", i): a - 1 for i, a in enumerate(concentration)},
    },
    expectations={
        "log x_i": lambda i, *concentration: mp.digamma(concentration[i]) - mp.digamma(mp.fsum(concentration))
    },
)


# Wishart(df, scale_tril) and its inverse. ``convert`` gives the scale matrix, its inverse and its log determinant.


def _multigammaln(a: Real, d: int) -> Real:
    return mp.mpf(d * (d - 1)) / 4 * mp.log(mp.pi) + mp.fsum(mp.loggamma(a - mp.mpf(i) / 2) for i in range(d))


def _multidigamma(a: Real, d: int) -> Real:
    return mp.fsum(mp.digamma(a - mp.mpf(i) / 2) for i in range(d))


def _from_df_and_factor(df: Real, scale_tril: Any) -> tuple[Any, ...]:
    return df, *_from_scale_tril([mp.zero] * len(scale_tril), scale_tril)[1:]


def _entries(name: str, matrix: Any, factor: Real) -> dict[Statistic, Real]:
    size = range(len(matrix))
    return {(name, i, j): factor * matrix[i][j] for i in size for j in size}


def _wishart_log_terms(df: Real, scale: Any, inverse: Any, log_det: Real) -> dict[Statistic, Real]:
    d = len(scale)
    constant = -df * d * mp.log(2) / 2 - df * log_det / 2 - _multigammaln(df / 2, d)
    return {("1",): constant, ("log det",): (df - d - 1) / 2, **_entries("X_ij", inverse, -mp.mpf(1) / 2)}


def _inverse_wishart_log_terms(df: Real, scale: Any, inverse: Any, log_det: Real) -> dict[Statistic, Real]:
    d = len(scale)
    constant = -df * d * mp.log(2) / 2 + df * log_det / 2 - _multigammaln(df / 2, d)
    return {("1",): constant, ("log det",): -(df + d + 1) / 2, **_entries("inverse X_ij", scale, -mp.mpf(1) / 2)}


def _of_statistics(
    log_terms: Callable[..., dict[Statistic, Real]], values: Callable[[Any], dict[Statistic, Real]]
) -> Any:
    """The log density, from its terms and the values of the statistics at an outcome."""

    def log_density(*parameters: Any) -> Callable[[Any], Real]:
        terms = log_terms(*parameters)

        def at(x: Any) -> Real:
            known = values(x)
            return mp.fsum(a * known[statistic] for statistic, a in terms.items())

        return at

    return log_density


def _matrix_statistics(x: Any) -> dict[Statistic, Real]:
    inverse, log_det = _inverse_and_log_det(x)
    return {
        ("1",): mp.one,
        ("log det",): log_det,
        **_entries("X_ij", x, mp.one),
        **_entries("inverse X_ij", inverse, mp.one),
    }


WISHART = Family(
    log_density=_of_statistics(_wishart_log_terms, _matrix_statistics),
    support=lambda df, scale, *unused: Manifold("positive definite matrices", len(scale)),
    convert=_from_df_and_factor,
    log_terms=_wishart_log_terms,
    expectations={
        "X_ij": lambda i, j, df, scale, *unused: df * scale[i][j],
        "log det": lambda df, scale, inverse, log_det: (
            _multidigamma(df / 2, len(scale)) + len(scale) * mp.log(2) + log_det
        ),
    },
    lower_triangular=1,
)
INVERSE_WISHART = replace(
    WISHART,
    log_density=_of_statistics(_inverse_wishart_log_terms, _matrix_statistics),
    log_terms=_inverse_wishart_log_terms,
    expectations={
        "inverse X_ij": lambda i, j, df, scale, inverse, log_det: df * inverse[i][j],
        "log det": lambda df, scale, inverse, log_det: (
            log_det - _multidigamma(df / 2, len(scale)) - len(scale) * mp.log(2)
        ),
    },
)


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


NORMAL_GAMMA = Family(
    log_density=_of_statistics(_normal_gamma_log_terms, _normal_gamma_statistics),
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
    log_density=_of_statistics(_normal_inverse_gamma_log_terms, _normal_inverse_gamma_statistics),
    log_terms=_normal_inverse_gamma_log_terms,
    expectations={f"{name} of 1/v": known for name, known in NORMAL_GAMMA.expectations.items()},
)


@dataclass(frozen=True)
class _NormalWishart:
    """The normal distribution of a mean m with precision T count, where T or its inverse is a Wishart matrix."""

    matrices: Family
    precision: str  # the statistic that T is in
    mean: Callable[[Any], Any]  # E T over df, from what ``convert`` of the Wishart family gives

    def log_terms(self, loc: Any, count: Real, *wishart: Any) -> dict[Statistic, Real]:
        terms = self.matrices.log_terms(*wishart)  # type: ignore[misc]
        d, sign = len(loc), 1 if self.precision == "X_ij" else -1
        terms["1",] += d * mp.log(count / (2 * mp.pi)) / 2
        terms["log det",] += sign * mp.mpf(1) / 2
        for i, j in itertools.product(range(d), range(d)):
            terms[self.precision, i, j] = terms.get((self.precision, i, j), mp.zero) - count * loc[i] * loc[j] / 2
        terms |= {("(T m)_i", self.precision, i): count * loc[i] for i in range(d)}
        terms["m' T m", self.precision] = -count / 2
        return terms

    def statistics(self, x: Any) -> dict[Statistic, Real]:
        mean, *matrix = x
        known, size = _matrix_statistics(matrix), range(len(mean))
        pull = [mp.fsum(known[self.precision, i, j] * mean[j] for j in size) for i in size]
        known |= {("(T m)_i", self.precision, i): pull[i] for i in size}
        return known | {("m' T m", self.precision): mp.fdot(pull, mean)}

    def family(self) -> Family:
        def pull(i: int, loc: Any, df: Real, *wishart: Any) -> Real:
            return df * mp.fdot(self.mean(wishart)[i], loc)

        return Family(
            log_density=_of_statistics(self.log_terms, self.statistics),
            support=lambda loc, *unused: Manifold("mean and matrix", len(loc)),
            convert=lambda loc, count, df, scale_tril: (loc, count, *_from_df_and_factor(df, scale_tril)),
            log_terms=self.log_terms,
            expectations={
                **{
                    name: lambda *args, f=f, n=n: f(*args[:n], *args[n + 2 :])
                    for name, n in ((self.precision, 2), ("log det", 0))
                    for f in [self.matrices.expectations[name]]
                },
                "(T m)_i": lambda name, i, loc, count, df, *wishart: pull(i, loc, df, *wishart),
                "m' T m": lambda name, loc, count, df, *wishart: (
                    len(loc) / count + mp.fsum(loc[i] * pull(i, loc, df, *wishart) for i in range(len(loc)))
                ),
            },
            lower_triangular=3,
        )


NORMAL_WISHART = _NormalWishart(WISHART, "X_ij", lambda wishart: wishart[0]).family()
NORMAL_INVERSE_WISHART = _NormalWishart(INVERSE_WISHART, "inverse X_ij", lambda wishart: wishart[1]).family()


# Multinomial(total_count, probs): every outcome


def _compositions(total: int, classes: int) -> list[tuple[int, ...]]:
    if classes == 1:
        return [(total,)]
    return [(k, *rest) for k in range(total + 1) for rest in _compositions(total - k, classes - 1)]


def _times(k: int, log_mass: Real) -> Real:
    return k * log_mass if k else mp.zero


def _multinomial_log_density(total: Real, *log_masses: Real) -> Callable[[Sequence[int]], Real]:
    def log_density(x: Sequence[int]) -> Real:
        if sum(x) != total:
            return -mp.inf
        choices = mp.loggamma(total + 1) - mp.fsum(mp.loggamma(k + 1) for k in x)
        return choices + sum(_times(k, mass) for k, mass in zip(x, log_masses, strict=True))

    return log_density


def _multinomial_support(total: Real, *log_masses: Real) -> Atoms:
    dead = [k for k, mass in enumerate(log_masses) if mass == -mp.inf]
    return Atoms(tuple(x for x in _compositions(int(total), len(log_masses)) if not any(x[k] for k in dead)))


MULTINOMIAL = Family(log_density=_multinomial_log_density, support=_multinomial_support)


# MarkovChain(initial_probs, transition_matrices): every path


def _chain_log_density(initial: Sequence[Real], steps: Any) -> Callable[[Sequence[int]], Real]:
    def log_density(path: Sequence[int]) -> Real:
        moves = zip(steps, itertools.pairwise(path), strict=True)
        return initial[path[0]] + sum(matrix[i][j] for matrix, (i, j) in moves)

    return log_density


def _chain_support(initial: Sequence[Real], steps: Any) -> Atoms:
    log_density = _chain_log_density(initial, steps)
    paths = itertools.product(range(len(initial)), repeat=len(steps) + 1)
    return Atoms(tuple(path for path in paths if log_density(path) != -mp.inf))


MARKOV_CHAIN = Family(
    log_density=_chain_log_density,
    support=_chain_support,
    convert=lambda initial, steps: (
        _normalized_logs(initial),
        [[_normalized_logs(row) for row in matrix] for matrix in steps],
    ),
)


LAWS: dict[str, Family] = {
    "MultivariateNormalLowRank": replace(MULTIVARIATE_NORMAL, convert=_from_low_rank),
    "MultivariateLogitNormal": LOGIT_NORMAL,
    "MatrixNormal": MATRIX_NORMAL,
    "Dirichlet": DIRICHLET,
    "Wishart": WISHART,
    "InverseWishart": INVERSE_WISHART,
    "NormalGamma": NORMAL_GAMMA,
    "NormalInverseGamma": NORMAL_INVERSE_GAMMA,
    "NormalWishart": NORMAL_WISHART,
    "NormalInverseWishart": NORMAL_INVERSE_WISHART,
    "OneHotCategorical": replace(FINITE, convert=_normalized_logs),
    "OneHotCategoricalLogits": replace(FINITE, convert=_normalized_logits),
    "Multinomial": replace(MULTINOMIAL, convert=lambda total, probs: (total, *_normalized_logs(probs))),
    "MultinomialLogits": replace(MULTINOMIAL, convert=lambda total, logits: (total, *_normalized_logits(logits))),
    "MarkovChain": MARKOV_CHAIN,
}


# --- What the tests draw, and the accuracy that they ask for --------------------------------------------------------

Draw = Callable[[np.random.Generator, str, str, int], dict[str, np.ndarray]]


def _draw_low_rank(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    # One scale for both parts: a diagonal that is nothing beside the factor leaves a singular matrix.
    decades = 0 if kind == "interior" else 7 if dtype == "float32" else 35
    scale = 10 ** rng.uniform(-decades, decades, size=(size, 1))
    factor, diagonal = rng.normal(size=(size, 3, 2)), np.exp(rng.normal(size=(size, 3)))
    return {"cov_factor": factor * scale[..., None], "cov_diag": diagonal * scale**2}


def _draw_df(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    excess = np.exp(1 + rng.normal(size=size)) if kind == "interior" else 10 ** rng.uniform(-2, 5, size=size)
    return {"df": 2 + excess}


def _draw_total_count(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    # Few, as the oracle goes through all outcomes; the same for P and Q in most rows; never a single draw, whose
    # outcomes the oracle names by their classes.
    counts = np.asarray([0.0, 2.0, 3.0, 4.0])
    rare = rng.uniform(size=size) < 0.1
    return {"total_count": np.where(rare, rng.choice(counts, size=size), counts[np.arange(size) % 4])}


def _draw_chain(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    def rows(*shape: int) -> np.ndarray:
        decades = 30 if dtype == "float32" else 150
        exponents = rng.normal(size=shape) if kind == "interior" else rng.uniform(-decades * np.log(10), 0, size=shape)
        return _over_sums(np.exp(exponents))

    return {"initial_probs": rows(size, 3), "transition_matrices": rows(size, 2, 3, 3)}


def _over_sums(x: np.ndarray) -> np.ndarray:
    return x / x.sum(axis=-1, keepdims=True)


def _draw_factors(rng: np.random.Generator, kind: str, dtype: str, size: int) -> dict[str, np.ndarray]:
    """Two factors multiply: each takes half of the range of scales, so that derivatives stay in that of numbers."""
    if kind != "extreme":
        return {}
    decades = 6 if dtype == "float32" else 35

    def factor(d: int) -> np.ndarray:
        shape = (size, d, d)
        triangle = np.tril(rng.normal(size=shape), -1) + np.exp(0.5 * rng.normal(size=shape)) * np.eye(d)
        return triangle * 10 ** rng.uniform(-decades, decades, size=(size, 1, 1))

    return {"row_scale_tril": factor(2), "column_scale_tril": factor(3)}


DRAWS: dict[str, Draw] = {
    "MatrixNormal": _draw_factors,
    "MultivariateNormalLowRank": _draw_low_rank,
    "Wishart": _draw_df,
    "InverseWishart": _draw_df,
    "NormalWishart": _draw_df,
    "NormalInverseWishart": _draw_df,
    "Multinomial": _draw_total_count,
    "MultinomialLogits": _draw_total_count,
    "MarkovChain": _draw_chain,
}


def _nudge(rng: np.random.Generator, x: np.ndarray, delta: np.ndarray) -> np.ndarray:
    return x * (1 + delta.reshape(-1, *(1,) * (x.ndim - 1)) * rng.uniform(-1, 1, size=x.shape))


def _near_df(rng: np.random.Generator, p: dict[str, np.ndarray], delta: np.ndarray) -> dict[str, np.ndarray]:
    return {name: 2 + _nudge(rng, x - 2, delta) if name == "df" else _nudge(rng, x, delta) for name, x in p.items()}


def _near_chain(rng: np.random.Generator, p: dict[str, np.ndarray], delta: np.ndarray) -> dict[str, np.ndarray]:
    return {name: _over_sums(_nudge(rng, x, delta)) for name, x in p.items()}


NEAR: dict[str, Callable[..., dict[str, np.ndarray]]] = {
    **dict.fromkeys(("Wishart", "InverseWishart", "NormalWishart", "NormalInverseWishart"), _near_df),
    "MarkovChain": _near_chain,
}
# Of triangular factors, the condition number is in it: a few units at the sizes that are drawn, more in rare rows.
_OF_FACTORS = {"interior": 32.0, "near": 16.0, "extreme": 64.0, "boundary": 32.0}
BOUNDS: dict[str, float | dict[str, float]] = {
    "MultivariateNormalLowRank": _OF_FACTORS,
    "MultivariateLogitNormal": _OF_FACTORS,
    "MatrixNormal": _OF_FACTORS,
    "Dirichlet": {"interior": 6.0, "near": 6.0, "extreme": 64.0, "boundary": 6.0},
    "Wishart": _OF_FACTORS,
    "InverseWishart": _OF_FACTORS,
    "NormalGamma": 8.0,
    "NormalInverseGamma": 8.0,
    "NormalWishart": _OF_FACTORS,
    "NormalInverseWishart": _OF_FACTORS,
    "OneHotCategorical": 7.0,  # as of its class: one row in hundreds is above 6
    "Multinomial": 8.0,
    "MarkovChain": 8.0,
}
