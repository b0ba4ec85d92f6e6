"""What the oracle knows of NormalWishart and NormalInverseWishart."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from oracle import Bound, Draw, Manifold, Near, Oracle, Real, Statistic, mp
from oracles.multivariate_normal import BOUND_OF_FACTORS
from oracles.wishart import (
    INVERSE_WISHART,
    WISHART,
    density_of_statistics,
    draw_df,
    from_df_and_factor,
    matrix_statistics,
    near_df,
)


@dataclass(frozen=True)
class _NormalWishart:
    """The normal distribution of a mean m with precision T count, where T or its inverse is a Wishart matrix."""

    matrices: Oracle
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
        known, size = matrix_statistics(matrix), range(len(mean))
        pull = [mp.fsum(known[self.precision, i, j] * mean[j] for j in size) for i in size]
        known |= {("(T m)_i", self.precision, i): pull[i] for i in size}
        return known | {("m' T m", self.precision): mp.fdot(pull, mean)}

    def family(self) -> Oracle:
        def pull(i: int, loc: Any, df: Real, *wishart: Any) -> Real:
            return df * mp.fdot(self.mean(wishart)[i], loc)

        return Oracle(
            log_density=density_of_statistics(self.log_terms, self.statistics),
            support=lambda loc, *unused: Manifold("mean and matrix", len(loc)),
            convert=lambda loc, count, df, scale_tril: (loc, count, *from_df_and_factor(df, scale_tril)),
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

ORACLES: dict[str, Oracle] = {
    "NormalWishart": NORMAL_WISHART,
    "NormalInverseWishart": NORMAL_INVERSE_WISHART,
}

BOUNDS: dict[str, Bound] = {
    "NormalWishart": BOUND_OF_FACTORS,
    "NormalInverseWishart": BOUND_OF_FACTORS,
}

DRAWS: dict[str, Draw] = {
    "NormalWishart": draw_df,
    "NormalInverseWishart": draw_df,
}

NEAR: dict[str, Near] = {
    "NormalWishart": near_df,
    "NormalInverseWishart": near_df,
}
