"""What the oracle knows of MultivariateLogitNormal."""

from collections.abc import Callable, Sequence
from typing import Any

from oracle import Bound, Manifold, Oracle, Real, Statistic, mp
from oracles.multivariate_normal import BOUND_OF_FACTORS, MULTIVARIATE_NORMAL, from_scale_tril


def _logit_normal_log_density(mean: Any, *moments: Any) -> Callable[[Sequence[Real]], Real]:
    normal = MULTIVARIATE_NORMAL.log_density(mean, *moments)
    return lambda x: normal([mp.log(x_i / x[-1]) for x_i in x[:-1]]) - mp.fsum(mp.log(x_i) for x_i in x)


def _logit_normal_log_terms(mean: Any, *moments: Any) -> dict[Statistic, Real]:
    normal = MULTIVARIATE_NORMAL.log_terms(mean, *moments)  # type: ignore[misc]
    terms: dict[Statistic, Real] = {(f"{name} of log odds", *rest): a for (name, *rest), a in normal.items()}
    terms[("1",)] = terms.pop(("1 of log odds",))
    return terms | {("log x_i", i): -mp.one for i in range(len(mean) + 1)}


LOGIT_NORMAL = Oracle(
    log_density=_logit_normal_log_density,
    support=lambda mean, *unused: Manifold("simplex", len(mean) + 1),
    convert=from_scale_tril,
    log_terms=_logit_normal_log_terms,
    expectations={f"{name} of log odds": known for name, known in MULTIVARIATE_NORMAL.expectations.items()},
    lower_triangular=1,
)

ORACLES: dict[str, Oracle] = {"MultivariateLogitNormal": LOGIT_NORMAL}

BOUNDS: dict[str, Bound] = {"MultivariateLogitNormal": BOUND_OF_FACTORS}
