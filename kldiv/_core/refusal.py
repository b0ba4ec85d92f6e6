"""What is said of a value that is passed where a distribution is meant: what it is, and what to write instead."""

from __future__ import annotations

from typing import Any, get_origin

from kldiv._core.family import family_above, fields_of
from kldiv._core.names import meant_by


def refusal(value: Any, name: str) -> str:
    """Return the message for a value that is no distribution; `name` says which argument it is."""
    what, cure = _of_class(value) or _of_derived(value) or _of_list(value) or _of_object(value) or _of_numbers(value)
    return f"{name} is {what}; {cure}"


def holds_distributions(value: Any) -> bool:
    """Tell whether a value is a list, or the like, with distributions in it."""
    return _of_list(value) is not None


def _of_class(value: Any) -> tuple[str, str] | None:
    """Return what is wrong with a class."""
    cls = get_origin(value) or value
    if not isinstance(cls, type):
        return None
    if fields_of(cls):
        return f"the family {cls.__name__} itself, not a distribution of it", f"pass {_call(cls)}"
    if cls.__module__ == "builtins":
        return f"the class {cls.__name__}, not a distribution", "pass one, such as kldiv.Normal(0.0, 1.0)"
    return f"the class {path_of(cls)}, not a distribution", f"pass an instance of it{_or_family(cls.__name__)}"


def _of_derived(value: Any) -> tuple[str, str] | None:
    """Return what is wrong with an instance of a class that is derived from a family."""
    base = family_above(type(value))
    if base is None:
        return None
    name, family = type(value).__name__, base.__name__
    return (
        f"a {name}, not a distribution of a family: the class is derived from the family {family}",
        f"declare {name} with kldiv.declare.family, and with kldiv.declare.conversion that it is a {family}",
    )


def _of_list(value: Any) -> tuple[str, str] | None:
    """Return what is wrong with a list that holds distributions."""
    if not isinstance(value, list | tuple | set | dict):
        return None
    held = [item for item in (value.values() if isinstance(value, dict) else value) if is_like_distribution(item)]
    if not held:
        return None
    names = list(dict.fromkeys(type(item).__name__ for item in held))
    what = f"a {type(value).__name__} of distributions, not one distribution"
    if len(names) > 1:
        return what, f"a batch or a mixture is of one family, and these are {', '.join(names)}: pass one at a time"
    of_family = bool(fields_of(type(held[0])))
    example = _call(type(held[0]), "[...]") if of_family else f"one {names[0]} with arrays for parameters"
    return what, f"a batch is one distribution whose parameters have an axis for it: pass {example}"


def _of_object(value: Any) -> tuple[str, str] | None:
    """Return what is wrong with a distribution of another library, or something like it."""
    if not is_like_distribution(value):
        return None
    cls = type(value)
    known_as = getattr(getattr(value, "dist", value), "name", None)  # SciPy has its name there
    known_as = known_as if isinstance(known_as, str) else cls.__name__.removesuffix("_frozen").removesuffix("_gen")
    what = (
        f"a {path_of(cls)}, not a distribution of a family of kldiv{_or_family(known_as, ', the nearest of which is')}"
    )
    known = next((x for x in ("log_prob", "logpdf", "logpmf") if hasattr(value, x)), "score_samples")
    return what, (
        f"declare one with @kldiv.declare.converter({cls.__name__}); kldiv.estimate takes kldiv.LogDensity(x.{known}, "
        "support=...) for an x without a family"
    )


def _of_numbers(value: Any) -> tuple[str, str]:
    """Return what is wrong with an array, a number, or anything else."""
    cls = type(value)
    what = f"a {path_of(cls)}, not a distribution such as kldiv.Normal(0.0, 1.0)"
    if callable(value):
        return what, "kldiv.estimate takes a function that returns log densities as kldiv.LogDensity(f, support=...)"
    return what, (
        "for probabilities in arrays pass Categorical(p) and Categorical(q), or use kldiv.rel_entr(p, q) for the "
        "element-wise terms; for samples see kldiv.estimate_from_samples"
    )


def is_like_distribution(value: Any) -> bool:
    """Tell whether a value is a distribution, of a family or of another library."""
    if fields_of(type(value)):
        return True
    return any(hasattr(value, name) for name in ("log_prob", "logpdf", "logpmf", "score_samples"))


def _or_family(name: str, words: str = ", or of the nearest family:") -> str:
    """Return the words for the family that a name of another library stands for; none if there is none."""
    from kldiv import families

    near = meant_by(name, families.__all__)
    return f"{words} {_call(getattr(families, near[0]))}" if near else ""


def _call(cls: Any, value: str = "...") -> str:
    """Return the line that makes a distribution of a family."""
    return f"{cls.__name__}({', '.join(f'{field.name}={value}' for field in fields_of(cls))})"


def path_of(cls: type) -> str:
    """Return the name of a class with its module."""
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
