"""What families declare about pairs: formulas, conversions, and functions that make rules."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

from kldiv._arrays import cache
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family, FamilyKey, as_kind, class_of, fields_of, held_kinds, name_of

Evaluate: TypeAlias = Callable[[Namespace, Family, Family], Array]


class NoClosedForm(NotImplementedError):
    """There is no closed form for this pair, or none that anyone has written down here: see `kldiv.estimate`.

    Examples
    --------
    >>> import kldiv
    >>> p, q = kldiv.StudentT(3.0, 0.0, 1.0), kldiv.StudentT(5.0, 0.0, 1.0)
    >>> try:
    ...     value = kldiv.kl_divergence(p, q)
    ... except kldiv.NoClosedForm:
    ...     value = kldiv.estimate(p, q).value
    >>> round(float(value), 6)
    0.017631
    """


class Rule(NamedTuple):
    """How the divergence of a pair of families is computed.

    Examples
    --------
    >>> import kldiv
    >>> kldiv.rule(kldiv.Poisson, kldiv.Poisson).equation
    'r_p log(r_p / r_q) - r_p + r_q'
    """

    p: FamilyKey
    q: FamilyKey
    method: str  # "closed form", "conversion", "moments" or "infinite"
    steps: tuple[str, ...]  # what is done first, in words
    formula: Callable[..., Array] | None  # what is computed then, if it is not in the words
    evaluate: Evaluate
    sum_axes: int | None = None  # over how many batch axes the formula of the parameters as they are; None: of others

    @property
    def equation(self) -> str:
        """The equation of the formula."""
        return " ".join(_documentation(self.formula)[0].split("\n\n")[0].split()).rstrip(".")

    @property
    def source(self) -> str:
        """Where the equation comes from."""
        return " ".join(_documentation(self.formula)[1].split())

    def __reduce__(self) -> tuple[Callable[..., Rule], tuple[FamilyKey, FamilyKey]]:
        """Pickle the pair: its functions are not importable, and are found again where it is loaded."""
        from kldiv._core.search import find

        return find, (self.p, self.q)

    def __str__(self) -> str:
        parts = [*dict.fromkeys(self.steps)]
        if self.formula is not None:
            parts.append(f"{getattr(self.formula, '__name__', 'formula')}: {self.equation}")
        source = f" Source: {self.source}" if self.source else ""
        return f"KL({name_of(self.p)} || {name_of(self.q)}): {'; '.join(parts)}.{source}"


def _documentation(formula: Callable[..., Array] | None) -> tuple[str, str]:
    equation, _, source = ((inspect.getdoc(formula) if formula else "") or "").partition("Source:")
    return equation, source


class Conversion(NamedTuple):
    """A way to see a distribution as one of another family."""

    target: FamilyKey
    apply: Callable[[Namespace, Family], Family]
    words: str
    shared: str | None  # the injective map that both sides must share, or None: a distribution *is a* target


Step: TypeAlias = "tuple[Conversion | None, Conversion | None]"
Path: TypeAlias = "tuple[Step, ...]"
RuleFactory: TypeAlias = Callable[[FamilyKey, FamilyKey], Rule | None]

# Plain dictionaries, filled by declarations: compilers that trace Python can follow a look-up in them.
formulas: dict[tuple[FamilyKey, FamilyKey], Callable[..., Array]] = {}
rule_factories_before: list[RuleFactory] = []
rule_factories_after: list[RuleFactory] = []
_conversions: dict[FamilyKey, list[Conversion]] = {}
_derived_conversions: list[Callable[[FamilyKey], Iterable[Conversion]]] = []


def formula(p: FamilyKey, q: FamilyKey) -> Callable[[Callable[..., Array]], Callable[..., Array]]:
    """Declare the decorated function to be the formula for KL(p || q).

    The function is called as ``formula(xp, *parameters_of_p, *parameters_of_q)``, where `xp` is an array namespace and
    the parameters are its arrays, all of one dtype, which broadcast against each other along their batch axes. It
    returns one number per batch element, in nats. The first paragraph of its docstring is the equation, and a line that
    begins with "Source:" tells where it comes from.

    Parameters
    ----------
    p, q
        Families; one that holds another is written ``Independent[Normal]``.

    Returns
    -------
    decorator
        It returns the function itself.

    Raises
    ------
    ValueError
        If the pair has a formula already.

    Examples
    --------
    >>> from typing import Annotated, Any, NamedTuple
    >>> import kldiv
    >>> class Wait(NamedTuple):
    ...     mean: Annotated[Any, kldiv.domains.Positive]
    >>> @kldiv.declare.formula(Wait, Wait)
    ... def kl_wait_wait(xp, mean_p, mean_q):
    ...     "m_p / m_q - 1 - log(m_p / m_q)"
    ...     return mean_p / mean_q - 1 - xp.log(mean_p / mean_q)
    >>> float(kldiv.kl_divergence(Wait(2.0), Wait(1.0)))
    0.3068528194400547
    """
    p, q = as_kind(p), as_kind(q)

    def declare(formula: Callable[..., Array]) -> Callable[..., Array]:
        if (p, q) in formulas:
            raise ValueError(f"KL({name_of(p)} || {name_of(q)}) has a formula already: {formulas[p, q].__qualname__}")
        require_arguments(formula, f"a formula for KL({name_of(p)} || {name_of(q)})", parameter_names(p, q))
        formulas[p, q] = formula
        cache.clear()
        return formula

    return declare


def parameter_names(p: FamilyKey, q: FamilyKey) -> list[str]:
    """Return the names of the parameters of P and of Q, as functions of both take them."""
    return [f"{field.name}_{side}" for side, kind in (("p", p), ("q", q)) for field in fields_of(class_of(kind))]


def require_arguments(function: Callable[..., Any], purpose: str, names: list[str]) -> None:
    """Raise TypeError unless a function takes the namespace and the arguments of what it is declared to be."""
    try:
        inspect.signature(function).bind("xp", *names)
    except TypeError:
        name = getattr(function, "__name__", "the function")
        raise TypeError(
            f"{name} does not take the arguments of {purpose}; write `def {name}(xp, {', '.join(names)})`"
        ) from None


def conversion(
    source: FamilyKey, target: FamilyKey, *, shared: str | None = None
) -> Callable[[Callable[..., Family]], Callable[..., Family]]:
    """Declare that a `source` *is a* `target`, with the parameters that the decorated function returns.

    With `shared`, the name of an injective map, the outcome of `source` is that map of the outcome of `target`: the
    divergence is the same if both sides are converted.

    Parameters
    ----------
    source, target
        Families; one that holds another is written ``Independent[Normal]``.
    shared
        The name of an injective map, such as "exp", where `source` is not a `target` but a map of it.

    Returns
    -------
    decorator
        It returns the function itself.

    Examples
    --------
    >>> from typing import Annotated, Any, NamedTuple
    >>> import kldiv
    >>> @kldiv.declare.family(kldiv.domains.POSITIVE)
    ... class Lifetime(NamedTuple):
    ...     mean: Annotated[Any, kldiv.domains.Positive]
    >>> @kldiv.declare.conversion(Lifetime, kldiv.Exponential)
    ... def lifetime_as_exponential(xp, mean):
    ...     return kldiv.Exponential(1 / mean)
    >>> round(float(kldiv.kl_divergence(Lifetime(2.0), Lifetime(1.0))), 12)
    0.30685281944
    """
    source, target = as_kind(source), as_kind(target)
    words = (
        f"{name_of(source)} is {shared} of {name_of(target)}" if shared else f"{name_of(source)} is a {name_of(target)}"
    )

    def declare(function: Callable[..., Family]) -> Callable[..., Family]:
        def apply(xp: Namespace, d: Family) -> Family:
            converted = function(xp, d) if held_kinds(source) else function(xp, *d)
            if type(converted) is not class_of(target):
                raise TypeError(
                    f"{function.__name__} returns a {type(converted).__name__}; as a conversion from {name_of(source)} "
                    f"to {name_of(target)} it must return a {name_of(target)}"
                )
            return converted

        _conversions.setdefault(source, []).append(Conversion(target, apply, words, shared))
        cache.clear()
        return function

    return declare


def derived_conversions(
    function: Callable[[FamilyKey], Iterable[Conversion]],
) -> Callable[[FamilyKey], Iterable[Conversion]]:
    """Declare a function that derives the conversions of a kind from those of the kinds that it holds."""
    _derived_conversions.append(function)
    return function


def rule_factory_before(factory: RuleFactory) -> RuleFactory:
    """Declare a function that makes a rule for pairs of a certain form, and returns None for all others."""
    rule_factories_before.append(factory)
    return factory


def rule_factory_after(factory: RuleFactory) -> RuleFactory:
    """Declare a function that makes a rule for pairs that have no formula and whose supports are nested."""
    rule_factories_after.append(factory)
    return factory


def conversions_of(kind: FamilyKey) -> list[Conversion]:
    """Return the declared and the derived conversions of a kind."""
    derived = [conversion for derive in _derived_conversions for conversion in derive(kind)]
    return _conversions.get(kind, []) + derived


def steps_from(p: FamilyKey, q: FamilyKey) -> list[Step]:
    """Return the conversions of one side, and of both under one injective map, that lead from a pair to another."""
    from_p, from_q = conversions_of(p), conversions_of(q)
    steps: list[Step] = [(a, None) for a in from_p if a.shared is None]
    steps += [(None, b) for b in from_q if b.shared is None]
    steps += [(a, b) for a in from_p for b in from_q if a.shared is not None and a.shared == b.shared]
    return steps


def convert(xp: Namespace, path: Path, d: Family, side: int) -> Family:
    """Return the distribution on a side of a pair (0: P, 1: Q) after the conversions of a path."""
    for step in path:
        conversion = step[side]
        d = d if conversion is None else conversion.apply(xp, d)
    return d
