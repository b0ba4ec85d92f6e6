"""Kullback-Leibler divergences for NumPy, PyTorch, TensorFlow and JAX: accurate, differentiable, never negative."""

import os

if not os.path.isdir(os.path.join(__path__[0], "backends")):  # a bare checkout keeps backends/ beside this package
    __path__.append(os.path.dirname(__path__[0]))

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kldiv import domains as domains, plotting as plotting
    from kldiv._divergence import (
        NoClosedForm as NoClosedForm,
        Rule as Rule,
        kl_divergence as kl_divergence,
        register as register,
        rule as rule,
    )
    from kldiv._elementwise import kl_div as kl_div, rel_entr as rel_entr
    from kldiv._families import family as family
    from kldiv._namespace import namespace as namespace
    from kldiv._pairwise import pairwise as pairwise
    from kldiv._rate import markov_chain_rate as markov_chain_rate
    from kldiv._sampling import sample as sample
    from kldiv.estimation.counts import estimate_from_counts as estimate_from_counts
    from kldiv.estimation.estimate import estimate as estimate
    from kldiv.estimation.mixtures import Bounds as Bounds, bounds as bounds
    from kldiv.estimation.result import Estimate as Estimate, EstimateWarning as EstimateWarning
    from kldiv.estimation.samples import estimate_from_samples as estimate_from_samples
    from kldiv.estimation.sequences import (
        k1 as k1,
        k2 as k2,
        k3 as k3,
        k3_with_score as k3_with_score,
        sequence_kl as sequence_kl,
    )
    from kldiv.families import *  # noqa: F403
    from kldiv.fitting.course import Fit as Fit, History as History
    from kldiv.fitting.descent import fit as fit
    from kldiv.fitting.grid import Grid as Grid, from_grid as from_grid
    from kldiv.fitting.projection import centroid as centroid, project as project

_MODULES = {
    "Bounds": "kldiv.estimation.mixtures",
    "Estimate": "kldiv.estimation.result",
    "EstimateWarning": "kldiv.estimation.result",
    "Fit": "kldiv.fitting.course",
    "Grid": "kldiv.fitting.grid",
    "History": "kldiv.fitting.course",
    "NoClosedForm": "kldiv._divergence",
    "Rule": "kldiv._divergence",
    "centroid": "kldiv.fitting.projection",
    "bounds": "kldiv.estimation.mixtures",
    "domains": "kldiv.domains",
    "estimate_from_counts": "kldiv.estimation.counts",
    "estimate_from_samples": "kldiv.estimation.samples",
    "estimate": "kldiv.estimation.estimate",
    "family": "kldiv._families",
    "fit": "kldiv.fitting.descent",
    "from_grid": "kldiv.fitting.grid",
    "k1": "kldiv.estimation.sequences",
    "k2": "kldiv.estimation.sequences",
    "k3": "kldiv.estimation.sequences",
    "k3_with_score": "kldiv.estimation.sequences",
    "kl_div": "kldiv._elementwise",
    "kl_divergence": "kldiv._divergence",
    "markov_chain_rate": "kldiv._rate",
    "namespace": "kldiv._namespace",
    "pairwise": "kldiv._pairwise",
    "plotting": "kldiv.plotting",
    "project": "kldiv.fitting.projection",
    "register": "kldiv._divergence",
    "rel_entr": "kldiv._elementwise",
    "rule": "kldiv._divergence",
    "sequence_kl": "kldiv.estimation.sequences",
    "sample": "kldiv._sampling",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for: families are many, and a program uses few."""
    import importlib

    if name in _MODULES:
        module = importlib.import_module(_MODULES[name])
        value = getattr(module, name, module)
    else:
        # `from kldiv import _kernels` asks here too, while the families that need it are being imported.
        families = None if name.startswith("_") else importlib.import_module("kldiv.families")
        if families is None or name not in families.__all__:
            raise AttributeError(f"module 'kldiv' has no attribute {name!r}")
        value = getattr(families, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    from kldiv import families

    return sorted([*_MODULES, *families.__all__])
