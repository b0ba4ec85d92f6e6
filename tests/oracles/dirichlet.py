"""What the oracle knows of Dirichlet."""

from collections.abc import Callable, Sequence

from oracle import Bound, Manifold, Oracle, Real, mp


# Dirichlet(concentration)
def _dirichlet_log_normalizer(concentration: Sequence[Real]) -> Real:
    return mp.fsum(mp.loggamma(a) for a in concentration) - mp.loggamma(mp.fsum(concentration))


def _dirichlet_log_density(*concentration: Real) -> Callable[[Sequence[Real]], Real]:
    log_normalizer = _dirichlet_log_normalizer(concentration)
    return lambda x: mp.fsum((a - 1) * mp.log(x_i) for a, x_i in zip(concentration, x, strict=True)) - log_normalizer


DIRICHLET = Oracle(
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

ORACLES: dict[str, Oracle] = {"Dirichlet": DIRICHLET}

BOUNDS: dict[str, Bound] = {"Dirichlet": {"interior": 6.0, "near": 6.0, "extreme": 64.0, "boundary": 6.0}}
