"""From objects of other libraries to distributions of families and back; and kldiv's divergences in those libraries."""

from __future__ import annotations

import importlib
from typing import Any

from kldiv._core.family import Distribution, Family, fields_of, support_of
from kldiv._core.foreign import as_family
from kldiv._core.registry import NoClosedForm
from kldiv._core.search import find
from kldiv.divergences.kl import kl_divergence
from kldiv.interop.library import Library

_REGISTERING = ("numpyro", "tfp", "torch")
_MAKING = (*_REGISTERING, "scipy")


def from_distribution(distribution: Any) -> Distribution:
    """Return a distribution of another library as one of a family.

    Functions that take distributions do this by themselves; here is how to see the result.

    Parameters
    ----------
    distribution
        A distribution of torch.distributions, Pyro, TensorFlow Probability, NumPyro or SciPy (frozen), a
        `gaussian_kde`, a fitted mixture of scikit-learn, or an object of a class with a `kldiv.declare.converter`.

    Returns
    -------
    distribution
        Its parameters are those of the object: gradients arrive at them. An object with a log density that is of no
        family becomes a `kldiv.LogDensity`, which `kldiv.estimate` takes.

    Raises
    ------
    TypeError
        If the object is no distribution, or there is no family for its parameters.

    Examples
    --------
    >>> import scipy.stats
    >>> import kldiv
    >>> kldiv.from_distribution(scipy.stats.gamma(a=2.0, scale=4.0))
    Gamma(concentration=2.0, rate=0.25)
    """
    family: Distribution = as_family(distribution, "distribution")
    return family


def to_distribution(distribution: Distribution, library: str) -> Any:
    """Return a distribution of a family as an object of another library.

    Parameters
    ----------
    distribution
        A distribution. Numbers and lists become arrays of the library's framework.
    library
        "torch" for torch.distributions, "tfp" for TensorFlow Probability, "numpyro", or "scipy" for a frozen one.

    Returns
    -------
    object
        An object of the library, which is imported.

    Raises
    ------
    TypeError
        If the library has no such distribution.
    ValueError
        If `library` is none of those.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.to_distribution(kldiv.Gamma(2.0, 0.25), "scipy").mean())
    8.0
    """
    return _made(_library(library, _MAKING), as_family(distribution, "distribution"))


def _made(library: Library, d: Family) -> Any:
    cls = type(d)
    make = library.makers.get(cls)
    if make is None:
        known = ", ".join(sorted(family.__name__ for family in library.makers))
        raise TypeError(f"{library.name} has no distribution for {cls.__name__}; it has {known}")
    return make(
        *[
            _made(library, x) if field.component else library.asarray(x)
            for field, x in zip(fields_of(cls), d, strict=True)
        ]
    )


def register_with(library: str, *, override: bool = False) -> int:
    """Give a library's own `kl_divergence` the pairs of its classes that it lacks, by the formulas of kldiv.

    It changes a table of that library, for the whole process; nothing else in kldiv does such a thing.

    Parameters
    ----------
    library
        "torch" for torch.distributions, "tfp" for TensorFlow Probability, or "numpyro".
    override
        Whether to take the place of formulas that the library has.

    Returns
    -------
    int
        How many pairs of classes were registered. Where the formula depends on what an object holds, such as a mixture,
        a pair may turn out to have none: this raises NotImplementedError, as without it.

    Raises
    ------
    ValueError
        If `library` is none of those.

    Examples
    --------
    >>> import kldiv
    >>> kldiv.register_with("pymc")
    Traceback (most recent call last):
    ...
    ValueError: library must be one of 'numpyro', 'tfp', 'torch'; got 'pymc'
    """
    known = _library(library, _REGISTERING)
    pairs = [(p, q) for p in known.classes for q in known.classes if _may_have_rule(known, p, q)]
    new = [pair for pair in pairs if override or known.lacks(*pair)]
    for p, q in new:
        known.register(p, q, _divergence)
    return len(new)


def _divergence(p: Any, q: Any, **options: Any) -> Any:
    return kl_divergence(p, q)


def _may_have_rule(library: Library, p: type, q: type) -> bool:
    """Tell whether there is a rule for some pair of the families of two classes, or that is not known of classes."""
    pairs = [(a, b) for a in library.classes[p] for b in library.classes[q]]
    return not pairs or any(_has_rule(*pair) for pair in pairs)


def _has_rule(p: type, q: type) -> bool:
    try:
        rule = find(p, q)
    except NoClosedForm:
        return False
    a, b = support_of(p), support_of(q)
    are_alike = a is None or b is None or len(a.axes) == len(b.axes)  # numbers are not compared with vectors
    return are_alike or rule.method != "infinite"


def _library(name: str, names: tuple[str, ...]) -> Library:
    if name not in names:
        raise ValueError(f"library must be one of {', '.join(map(repr, names))}; got {name!r}")
    library: Library = importlib.import_module(f"kldiv.interop.{name}").library
    return library
