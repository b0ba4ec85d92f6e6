"""Kullback-Leibler divergences for NumPy, PyTorch, TensorFlow and JAX: accurate, differentiable, never negative."""

import os

if not os.path.isdir(os.path.join(__path__[0], "backends")):  # a bare checkout keeps backends/ beside this package
    __path__.append(os.path.dirname(__path__[0]))

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kldiv import (
        declare as declare,
        domains as domains,
        numerics as numerics,
        plotting as plotting,
        typing as typing,
    )
    from kldiv._arrays.namespace import namespace as namespace
    from kldiv._core.registry import NoClosedForm as NoClosedForm, Rule as Rule
    from kldiv._core.sampling import sample as sample
    from kldiv._core.search import rule as rule
    from kldiv._environment import show_versions as show_versions
    from kldiv.divergences.elementwise import kl_div as kl_div, rel_entr as rel_entr
    from kldiv.divergences.jensen_shannon import (
        jensen_shannon as jensen_shannon,
        jensen_shannon_distance as jensen_shannon_distance,
        total_variation as total_variation,
    )
    from kldiv.divergences.kl import kl_divergence as kl_divergence
    from kldiv.divergences.markov_chain_rate import markov_chain_rate as markov_chain_rate
    from kldiv.divergences.pairwise import pairwise as pairwise
    from kldiv.divergences.renyi import (
        alpha as alpha,
        bhattacharyya as bhattacharyya,
        chernoff as chernoff,
        chi2 as chi2,
        hellinger as hellinger,
        jeffreys as jeffreys,
        renyi as renyi,
        tsallis as tsallis,
    )
    from kldiv.estimation.counts import estimate_from_counts as estimate_from_counts
    from kldiv.estimation.estimate import estimate as estimate
    from kldiv.estimation.estimate_result import Estimate as Estimate, EstimateWarning as EstimateWarning
    from kldiv.estimation.log_density import LogDensity as LogDensity
    from kldiv.estimation.mixtures import Bounds as Bounds, bounds as bounds
    from kldiv.estimation.permutation import permutation_test as permutation_test
    from kldiv.estimation.samples import estimate_from_samples as estimate_from_samples
    from kldiv.families import *  # noqa: F403
    from kldiv.fitting.centroid import centroid as centroid
    from kldiv.fitting.fit import fit as fit
    from kldiv.fitting.grid import Grid as Grid, from_grid as from_grid
    from kldiv.fitting.history import Fit as Fit, History as History
    from kldiv.fitting.projection import project as project
    from kldiv.interop.convert import (
        from_distribution as from_distribution,
        register_with as register_with,
        to_distribution as to_distribution,
    )
    from kldiv.sequences.per_sample import k1 as k1, k2 as k2, k3 as k3, k3_with_score as k3_with_score
    from kldiv.sequences.sequence_kl import sequence_kl as sequence_kl

    __version__: str

_MODULES = {
    "Bounds": "kldiv.estimation.mixtures",
    "Estimate": "kldiv.estimation.estimate_result",
    "EstimateWarning": "kldiv.estimation.estimate_result",
    "Fit": "kldiv.fitting.history",
    "Grid": "kldiv.fitting.grid",
    "History": "kldiv.fitting.history",
    "LogDensity": "kldiv.estimation.log_density",
    "NoClosedForm": "kldiv._core.registry",
    "Rule": "kldiv._core.registry",
    "centroid": "kldiv.fitting.centroid",
    "alpha": "kldiv.divergences.renyi",
    "bhattacharyya": "kldiv.divergences.renyi",
    "chernoff": "kldiv.divergences.renyi",
    "chi2": "kldiv.divergences.renyi",
    "hellinger": "kldiv.divergences.renyi",
    "jeffreys": "kldiv.divergences.renyi",
    "renyi": "kldiv.divergences.renyi",
    "tsallis": "kldiv.divergences.renyi",
    "jensen_shannon": "kldiv.divergences.jensen_shannon",
    "jensen_shannon_distance": "kldiv.divergences.jensen_shannon",
    "total_variation": "kldiv.divergences.jensen_shannon",
    "bounds": "kldiv.estimation.mixtures",
    "declare": "kldiv.declare",
    "domains": "kldiv.domains",
    "estimate_from_counts": "kldiv.estimation.counts",
    "estimate_from_samples": "kldiv.estimation.samples",
    "permutation_test": "kldiv.estimation.permutation",
    "estimate": "kldiv.estimation.estimate",
    "fit": "kldiv.fitting.fit",
    "from_distribution": "kldiv.interop.convert",
    "from_grid": "kldiv.fitting.grid",
    "k1": "kldiv.sequences.per_sample",
    "k2": "kldiv.sequences.per_sample",
    "k3": "kldiv.sequences.per_sample",
    "k3_with_score": "kldiv.sequences.per_sample",
    "kl_div": "kldiv.divergences.elementwise",
    "kl_divergence": "kldiv.divergences.kl",
    "markov_chain_rate": "kldiv.divergences.markov_chain_rate",
    "namespace": "kldiv._arrays.namespace",
    "numerics": "kldiv.numerics",
    "pairwise": "kldiv.divergences.pairwise",
    "plotting": "kldiv.plotting",
    "project": "kldiv.fitting.projection",
    "register_with": "kldiv.interop.convert",
    "rel_entr": "kldiv.divergences.elementwise",
    "rule": "kldiv._core.search",
    "sequence_kl": "kldiv.sequences.sequence_kl",
    "sample": "kldiv._core.sampling",
    "show_versions": "kldiv._environment",
    "to_distribution": "kldiv.interop.convert",
    "typing": "kldiv.typing",
}


def _load(name: str) -> object:
    """Load a public name when it is first asked for: families are many, and a program uses few."""
    import importlib

    if name in _MODULES:
        module = importlib.import_module(_MODULES[name])
        value = getattr(module, name, module)
        if callable(value) and not isinstance(value, type):
            # What tf.function takes for a sign that it need not rewrite a function and all that this calls, which takes
            # seconds: there is no control flow that depends on values.
            vars(value)["autograph_info__"] = {}
    elif name == "__version__":
        value = importlib.import_module("kldiv._environment").own_version()
    elif name == "families":
        value = importlib.import_module("kldiv.families")
    else:
        # `from kldiv import _core` asks here too, while the families that need it are being imported.
        families = None if name.startswith("_") else importlib.import_module("kldiv.families")
        if families is None or name not in families.__all__:
            raise AttributeError(f"module 'kldiv' has no attribute {name!r}{_suggestion(name)}")
        value = getattr(families, name)
    globals()[name] = value
    return value


def _suggestion(name: str) -> str:
    from kldiv._core.names import did_you_mean

    return "" if name.startswith("_") else did_you_mean(name, __dir__())


if not TYPE_CHECKING:  # a type checker that saw it would take any misspelt name for a public one
    __getattr__ = _load


def __dir__() -> list[str]:
    from kldiv import families

    return sorted([*_MODULES, *families.__all__])
