"""The moment rule: KL(P || Q) = -H(P) - E_P[log q], where log q is linear in statistics whose expectations P knows.

A family that can be a P declares its `expectations`, one that can be a Q its `cross_entropy`; every P that knows the
statistics of a Q then has a divergence to it. The two parts cancel where P approaches Q, so one family with itself
never goes this way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from kldiv._arrays import cache
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family, FamilyKey, as_kind, class_of, name_of
from kldiv._core.registry import Rule, rule_factory_after
from kldiv._numerics.edges import finite_part, non_negative, product, root

Expectation: TypeAlias = Callable[..., Array]

# What `expectations` may declare, in words. Each function is called with the namespace, the arguments named here, and
# the parameters of P; it returns inf (or -inf) where the expectation is infinite.
DESCRIPTIONS = {
    "entropy": "entropy",
    "mean": "E x",
    "variance": "Var x",
    "standard_deviation": "sqrt(Var x)",
    "distance": "E |x - m|",  # m
    "log": "E log x",
    "log_variance": "Var log x",
    "log1p": "E log(1 + x/s)",  # s
    "reciprocal": "E 1/x",
    "power": "E (x/s)^k",  # k, s
    "exponential": "E exp(t (x - m))",  # t, m
    "log_complement": "E log(1 - x)",
    "logit_variance": "Var log(x / (1 - x))",
    "log_square": "E log(1 + ((x - m)/s)^2)",  # m, s
    "log_factorial": "E log x!",
    "log_factorial_excess": "E log x! less m log m - m, where m = E x",
    "log_pochhammer_excess": "E log (Gamma(x + r)/Gamma(r)) less (m + r) log(m + r) - r log r - m, where m = E x",  # r
    "cosine": "E cos(x - m)",  # m
}
_known: dict[FamilyKey, dict[str, Expectation]] = {}
_forms: dict[FamilyKey, _Form] = {}


class _Form(NamedTuple):
    """The cross-entropy of a Q, and the statistics that it is made of."""

    statistics: tuple[str, ...]
    formula: Callable[..., Array]


def expectations(family: FamilyKey, **known: Expectation) -> None:
    """Declare the expectations that a family knows as a P, by their names; one of them is its entropy.

    Each is a function of the namespace, the arguments of the expectation, and the parameters of the family. It returns
    inf or -inf where the expectation is infinite. The names are those of the statistics that a `cross_entropy` may
    need: ``mean``, ``variance``, ``log`` and so on; an unknown one raises an error that lists all.

    Parameters
    ----------
    family
        A family.
    **known
        Its expectations by name, each a function ``expectation(xp, *arguments, *parameters)``; ``entropy`` is required.

    Raises
    ------
    ValueError
        If a name is not known, or there is no entropy.

    Examples
    --------
    >>> from typing import Annotated, Any, NamedTuple
    >>> import kldiv
    >>> @kldiv.declare.family(kldiv.domains.POSITIVE)
    ... class Pause(NamedTuple):
    ...     mean: Annotated[Any, kldiv.domains.Positive]
    >>> kldiv.declare.expectations(Pause, entropy=lambda xp, mean: 1 + xp.log(mean), mean=lambda xp, mean: mean)
    >>> float(kldiv.kl_divergence(Pause(1.0), kldiv.Exponential(1.0)))
    0.0
    """
    key = as_kind(family)
    _require_known(f"declare.expectations({name_of(key)}, ...)", known)
    if "entropy" not in known:
        raise ValueError(f"declare.expectations({name_of(key)}, ...) needs entropy=, beside {', '.join(known)}")
    _known[key] = _with_derived(known)
    cache.clear()


def _with_derived(known: dict[str, Expectation]) -> dict[str, Expectation]:
    """Add the expectations that follow from others: those of powers 1 and -1, the variance or its square root."""
    derived: dict[str, Expectation] = {}
    if "power" in known:
        power = known["power"]
        derived["mean"] = lambda xp, *p: power(xp, xp.ones_like(p[0]), xp.ones_like(p[0]), *p)
        derived["reciprocal"] = lambda xp, *p: power(xp, -xp.ones_like(p[0]), xp.ones_like(p[0]), *p)
    if "variance" in known:
        variance = known["variance"]
        derived["standard_deviation"] = lambda xp, *p: root(xp, variance(xp, *p))
    if "standard_deviation" in known:
        deviation = known["standard_deviation"]
        derived["variance"] = lambda xp, *p: deviation(xp, *p) * deviation(xp, *p)
    return derived | known


def _require_known(what: str, names: Iterable[str]) -> None:
    """Raise ValueError for a statistic that is not in `DESCRIPTIONS`."""
    for name in names:
        if name not in DESCRIPTIONS:
            raise ValueError(f"{what} names {name!r}, which is no expectation; there are {', '.join(DESCRIPTIONS)}")


def known_expectations(kind: FamilyKey) -> dict[str, Expectation]:
    """Return the expectations that a kind declares, by their names."""
    return _known.get(kind, {})


def cross_entropy(family: FamilyKey, *statistics: str) -> Callable[[Callable[..., Array]], Callable[..., Array]]:
    """Declare the decorated function to be -E_P[log q] of a family Q, from the named statistics.

    The function is called as ``formula(xp, e, *parameters_of_q)``. There ``e(name, *arguments)`` is an expectation
    under P, and ``e.times(coefficient, name, *arguments)`` a product that is 0 where the coefficient is, even if the
    expectation is infinite. The docstring is the equation; a line that begins with "Source:" tells where it comes from.

    Parameters
    ----------
    family
        The family of Q.
    *statistics
        Names of the expectations under P that the cross-entropy is made of.

    Returns
    -------
    decorator
        It returns the function itself.

    Raises
    ------
    ValueError
        If a name is not known.

    Examples
    --------
    >>> from typing import Annotated, Any, NamedTuple
    >>> import kldiv
    >>> @kldiv.declare.family(kldiv.domains.POSITIVE)
    ... class Delay(NamedTuple):
    ...     mean: Annotated[Any, kldiv.domains.Positive]
    >>> @kldiv.declare.cross_entropy(Delay, "mean")
    ... def cross_entropy_delay(xp, e, mean):
    ...     return xp.log(mean) + e("mean") / mean
    >>> float(kldiv.kl_divergence(kldiv.Exponential(1.0), Delay(1.0)))
    0.0
    """
    key = as_kind(family)
    _require_known(f"declare.cross_entropy({name_of(key)}, ...)", statistics)

    def declare(formula: Callable[..., Array]) -> Callable[..., Array]:
        _forms[key] = _Form(statistics, formula)
        cache.clear()
        return formula

    return declare


class Expectations:
    """The expectations under a P, which remembers where one of them is infinite."""

    def __init__(self, xp: Namespace, known: dict[str, Expectation], p: Family) -> None:
        self._xp, self._known, self._p = xp, known, p
        self.exist: Array = True

    def __call__(self, name: str, *arguments: Array) -> Array:
        """Return an expectation, 0 where it is infinite: there the divergence is infinite whatever the rest."""
        value, finite = finite_part(self._xp, self._known[name](self._xp, *arguments, *self._p))
        self.exist = self.exist & finite
        return value

    def times(self, coefficient: Array, name: str, *arguments: Array) -> Array:
        """Return a coefficient times an expectation, 0 where the coefficient is 0."""
        value, finite = finite_part(self._xp, self._known[name](self._xp, *arguments, *self._p))
        self.exist = self.exist & (finite | (coefficient == 0))
        return product(self._xp, coefficient, value)


@rule_factory_after
def moment_rule(p: FamilyKey, q: FamilyKey) -> Rule | None:
    """Return the rule by moments, if P knows the statistics of Q."""
    if p not in _known or q not in _forms or class_of(p) is class_of(q):
        return None
    known, (statistics, formula) = _known[p], _forms[q]
    if not set(statistics) <= set(known):
        return None

    def evaluate(xp: Namespace, a: Family, b: Family) -> Array:
        e = Expectations(xp, known, a)
        value = formula(xp, e, *b) - e("entropy")
        return non_negative(xp, value, e.exist)

    words = [DESCRIPTIONS[name] for name in ("entropy", *statistics)]
    step = f"cross-entropy less entropy, from the {', '.join(words)} of {name_of(p)}"
    return Rule(p, q, "moments", (step,), formula, evaluate)
