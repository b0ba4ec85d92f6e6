"""Dispatch: from two distributions to the formula for their divergence.

Families register formulas for pairs of types, declare what they are special cases of, and declare their supports. A
route from a pair to a number is looked up once per pair of types; what happens on each call is: recognise the
framework, check shapes, evaluate (compiled where eager calls are slow), and look for nan, which only invalid parameters
can cause.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterable
from numbers import Real
from typing import Any, NamedTuple, TypeAlias

from kldiv._calls import Signature, forget_calls, general, learn, recall, remember, signature
from kldiv._checks import check_structure, diagnose_all, tolerances, valid
from kldiv._families import (
    Family,
    Kind,
    as_kind,
    batch_member,
    cast,
    class_of,
    event_axes,
    fields_of,
    gather_families,
    held_kinds,
    hollow,
    kind_of,
    name_of,
    parameters_of,
    rebuild_pair,
    support_of,
)
from kldiv._kernels import indicator, interior, positive_part
from kldiv._namespace import computing_dtype
from kldiv._programs import program_of, run
from kldiv._protocol import Array, DType, Namespace, Wanted
from kldiv.domains import Positive, Support

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

    p: Kind
    q: Kind
    method: str  # "closed form", "conversion", "moments" or "infinite"
    steps: tuple[str, ...]  # what is done first, in words
    formula: Callable[..., Array] | None  # what is computed then, if it is not in the words
    evaluate: Evaluate
    summed: int | None = None  # over how many batch axes the formula of the parameters as they are; None: of others

    @property
    def equation(self) -> str:
        """The equation of the formula."""
        return " ".join(_documentation(self.formula)[0].split("\n\n")[0].split()).rstrip(".")

    @property
    def source(self) -> str:
        """Where the equation comes from."""
        return " ".join(_documentation(self.formula)[1].split())

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

    target: Kind
    apply: Callable[[Namespace, Family], Family]
    words: str
    shared: str | None  # the injective map that both sides must share, or None: a distribution *is a* target


# Plain dictionaries, filled by declarations and by search: compilers that trace Python can follow a look-up in them.
_formulas: dict[tuple[Kind, Kind], Callable[..., Array]] = {}
_conversions: dict[Kind, list[Conversion]] = {}
_lifts: list[Callable[[Kind], Iterable[Conversion]]] = []
_structural: list[Callable[[Kind, Kind], Rule | None]] = []
_last_resorts: list[Callable[[Kind, Kind], Rule | None]] = []
_rules: dict[Kind, dict[Kind, Rule]] = {}  # by P, then by Q: such a compiler takes on every key that it meets


# ---------------------------------------------------------------------------------------------------- declarations


def register(p: Kind, q: Kind) -> Callable[[Callable[..., Array]], Callable[..., Array]]:
    """Declare the decorated function to be the formula for KL(p || q).

    The function is called as ``formula(xp, *parameters_of_p, *parameters_of_q)``, where `xp` is an array namespace and
    the parameters are its arrays, all of one dtype, which broadcast against each other along their batch axes. It
    returns one number per batch element, in nats. The first paragraph of its docstring is the equation, and a line that
    begins with "Source:" tells where it comes from.

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
    >>> @kldiv.register(Wait, Wait)
    ... def kl_wait_wait(xp, mean_p, mean_q):
    ...     "m_p / m_q - 1 - log(m_p / m_q)"
    ...     return mean_p / mean_q - 1 - xp.log(mean_p / mean_q)
    >>> float(kldiv.kl_divergence(Wait(2.0), Wait(1.0)))
    0.3068528194400547
    """
    p, q = as_kind(p), as_kind(q)

    def declare(formula: Callable[..., Array]) -> Callable[..., Array]:
        if (p, q) in _formulas:
            raise ValueError(f"KL({name_of(p)} || {name_of(q)}) has a formula already: {_formulas[p, q].__qualname__}")
        _formulas[p, q] = formula
        forget_rules()
        return formula

    return declare


def converts(
    source: Kind, target: Kind, *, shared: str | None = None
) -> Callable[[Callable[..., Family]], Callable[..., Family]]:
    """Declare that a `source` *is a* `target`, with the parameters that the decorated function returns.

    With `shared`, the name of an injective map, the outcome of `source` is that map of the outcome of `target`: the
    divergence is the same if both sides are converted.
    """
    source, target = as_kind(source), as_kind(target)
    words = (
        f"{name_of(source)} is {shared} of {name_of(target)}" if shared else f"{name_of(source)} is a {name_of(target)}"
    )

    def declare(function: Callable[..., Family]) -> Callable[..., Family]:
        def apply(xp: Namespace, d: Family) -> Family:
            return function(xp, d) if held_kinds(source) else function(xp, *d)

        _conversions.setdefault(source, []).append(Conversion(target, apply, words, shared))
        forget_rules()
        return function

    return declare


def lifts(function: Callable[[Kind], Iterable[Conversion]]) -> Callable[[Kind], Iterable[Conversion]]:
    """Declare a function that derives the conversions of a kind from those of the kinds that it holds."""
    _lifts.append(function)
    return function


def structural(function: Callable[[Kind, Kind], Rule | None]) -> Callable[[Kind, Kind], Rule | None]:
    """Declare a function that makes a rule for pairs of a certain form, and returns None for all others."""
    _structural.append(function)
    return function


def last_resort(function: Callable[[Kind, Kind], Rule | None]) -> Callable[[Kind, Kind], Rule | None]:
    """Declare a function that makes a rule for pairs that have no formula and whose supports are nested."""
    _last_resorts.append(function)
    return function


def forget_rules() -> None:
    """Search for every rule anew: a declaration has come in."""
    _rules.clear()
    forget_calls()


# ----------------------------------------------------------------------------------------------------------- the search


def rule(p: Kind, q: Kind) -> Rule:
    """Return how KL(p || q) is computed for two families; printing it tells the steps and the source.

    A family that holds another is written ``Independent[Normal]``.

    Raises
    ------
    NoClosedForm
        If there is no formula.

    Examples
    --------
    >>> import kldiv
    >>> print(kldiv.rule(kldiv.Normal, kldiv.Gamma))
    KL(Normal || Gamma): infinite: Normal has outcomes that Gamma rules out.
    """
    return find(as_kind(p), as_kind(q))


def find(p: Kind, q: Kind) -> Rule:
    """Return the rule for a pair of kinds."""
    if p not in _rules:
        _rules[p] = {}
    known = _rules[p]
    if q not in known:
        known[q] = _search(p, q)
    return known[q]


def _search(p: Kind, q: Kind) -> Rule:
    # In plain loops: a compiler may meet a pair for the first time, and traces this too.
    states = reachable(p, q)
    found = None
    for state in states:
        if found is None:
            found = _direct(*state)
    if found is None:
        found = _support_rule(p, q)
    for state in states:
        if found is None:
            found = _indirect(*state)
    if found is None:
        raise NoClosedForm(_no_closed_form(p, q))
    return found._replace(p=p, q=q)


def reachable(p: Kind, q: Kind) -> list[tuple[Kind, Kind, tuple[Step, ...]]]:
    """Return the pairs that conversions lead to and the way there, the shortest ways first."""
    states: list[tuple[Kind, Kind, tuple[Step, ...]]] = [(p, q, ())]
    seen = {(p, q)}
    done = 0
    while done < len(states):
        at_p, at_q, path = states[done]
        done += 1
        for step_p, step_q in _steps(at_p, at_q):
            pair = (step_p.target if step_p else at_p, step_q.target if step_q else at_q)
            if pair not in seen:
                seen.add(pair)
                states.append((*pair, (*path, (step_p, step_q))))
    return states


def _first(makers: list[Callable[[Kind, Kind], Rule | None]], p: Kind, q: Kind) -> Rule | None:
    for make in makers:
        made = make(p, q)
        if made is not None:
            return made
    return None


def _no_closed_form(p: Kind, q: Kind) -> str:
    known = sorted({name_of(b) for a, b in _formulas if a == p})
    return (
        f"no closed form is known here for KL({name_of(p)} || {name_of(q)}); from {name_of(p)} there "
        + (f"are formulas to {', '.join(known)}" if known else "are none")
        + ". To add one, see kldiv.register; for a value with its error, call kldiv.estimate"
    )


Step: TypeAlias = tuple["Conversion | None", "Conversion | None"]


def _steps(p: Kind, q: Kind) -> list[Step]:
    from_p, from_q = conversions_of(p), conversions_of(q)
    steps: list[Step] = [(a, None) for a in from_p if a.shared is None]
    steps += [(None, b) for b in from_q if b.shared is None]
    steps += [(a, b) for a in from_p for b in from_q if a.shared is not None and a.shared == b.shared]
    return steps


def conversions_of(kind: Kind) -> list[Conversion]:
    """Return the declared and the lifted conversions of a kind."""
    lifted = [conversion for lift in _lifts for conversion in lift(kind)]
    return _conversions.get(kind, []) + lifted


def _direct(p: Kind, q: Kind, path: tuple[Step, ...]) -> Rule | None:
    """Return the rule that goes along `path` and ends in a formula or structural rule for the pair, if there is one."""
    formula = _formulas.get((p, q))
    if formula is not None:

        def evaluate(xp: Namespace, a: Family, b: Family) -> Array:
            return formula(xp, *a, *b)

        return _along(path, Rule(p, q, "closed form", (), formula, _guarded(p, q, evaluate), 0))
    made = _first(_structural, p, q)
    return _along(path, made) if made else None


def _indirect(p: Kind, q: Kind, path: tuple[Step, ...]) -> Rule | None:
    """Return the rule that goes along `path` and ends in a last resort for the pair, if there is one."""
    made = _first(_last_resorts, p, q)
    return _along(path, made._replace(evaluate=_guarded(p, q, made.evaluate))) if made else None


def _along(path: tuple[Step, ...], final: Rule) -> Rule:
    """Return the rule that converts along `path` and then applies another."""
    if not path:
        return final
    last = final.evaluate

    def evaluate(xp: Namespace, a: Family, b: Family) -> Array:
        for step_p, step_q in path:
            a = step_p.apply(xp, a) if step_p else a
            b = step_q.apply(xp, b) if step_q else b
        return last(xp, a, b)

    words = [step.words for pair in path for step in pair if step]
    method = "conversion" if final.method == "closed form" else final.method
    return final._replace(method=method, steps=(*words, *final.steps), evaluate=evaluate, summed=None)


# ------------------------------------------------------------------------------------------------------------- supports


def _bound_relation(inner: float | str, outer: float | str, sign: int) -> bool | None:
    """Tell whether a lower (sign 1) or upper (sign -1) bound lies inside another; None if it depends on parameters."""
    if outer == -sign * math.inf:
        return True
    if isinstance(inner, str) or isinstance(outer, str):
        return False if inner == -sign * math.inf else None
    return sign * inner >= sign * outer


def _is_positive(kind: Kind, name: str) -> bool:
    return any(field.name == name and field.domain is Positive for field in fields_of(class_of(kind)))


def _is_inside(p: Kind, q: Kind) -> bool | None:
    """Tell whether the support of p lies inside that of q; None if it depends on parameters or is not known."""
    a, b = support_of(p), support_of(q)
    if a is None or b is None or len(a.axes) != len(b.axes):
        return None
    if a.space != b.space:
        return None if a.within == b.space else False
    low, high = _bound_relation(a.low, b.low, 1), _bound_relation(a.high, b.high, -1)
    if isinstance(b.low, str) and not isinstance(a.low, str) and a.low <= 0 and _is_positive(q, b.low):
        return False
    return False if low is False or high is False else None if low is None or high is None else True


def _guarded(p: Kind, q: Kind, evaluate: Evaluate) -> Evaluate:
    """Return the evaluation, infinite where supports that depend on parameters are not nested."""
    a, b = support_of(p), support_of(q)
    if a is None or b is None or a.space != b.space or a.space not in ("line", "integers"):
        return evaluate
    inside, outside = _ends(p, a), _ends(q, b)
    if inside is None or outside is None:
        return evaluate
    sides = [side for side in zip(inside, outside, (1, -1), strict=True) if _bound_relation(*side) is None]
    if not sides:
        return evaluate

    positive = isinstance(inside[0], str) and _is_positive(p, inside[0])

    def guarded(xp: Namespace, p: Family, q: Family) -> Array:
        nested = True
        for inner, outer, sign in sides:
            nested = nested & (_end(p, inner) * sign >= _end(q, outer) * sign)
        # Where they are not nested, a P inside of Q stands in, so that nothing is evaluated where it has no meaning.
        low, high = _end(q, outside[0]), _end(q, outside[1])
        if positive:
            low, high = positive_part(xp, low, high)
        low, high = interior(xp, low, high, a.space)
        ends = zip(inside, (low, high), strict=True)
        stand_in = {end: xp.where(nested, _end(p, end), x) for end, x in ends if isinstance(end, str)}
        return xp.where(nested, evaluate(xp, p._replace(**stand_in), q), _surprise(xp, p, q))

    return guarded


def _ends(kind: Kind, support: Support) -> tuple[float | str, float | str] | None:
    """Return the ends of a support that is an interval; None if one is not a parameter but the length of an axis."""
    ends = (support.low, support.high)
    names = [field.name for field in fields_of(class_of(kind))]
    return None if any(isinstance(end, str) and end not in names for end in ends) else ends


def _end(d: Family, end: float | str) -> Any:
    return getattr(d, end) if isinstance(end, str) else end


def _surprise(xp: Namespace, p: Family, q: Family) -> Array:
    """Return the divergence where P has outcomes that Q rules out: infinite, unless P has no more than one outcome."""
    member = batch_member(p)
    value = indicator(xp, member != member, member)  # inf, with derivative 0
    support = support_of(type(p))
    if support is None or not hasattr(p, "is_certain_of") or not hasattr(q, "is_certain_of"):
        return value
    ends = _ends(type(p), support) or ()
    for end in ends:
        if isinstance(end, str) or math.isfinite(end):
            point = _end(p, end) + xp.zeros_like(member)
            value = xp.where(p.is_certain_of(xp, point), -q.log_density(point), value)
    return value


def infinite(p: Kind, q: Kind, why: str) -> Rule:
    """Return the rule of a pair whose divergence is infinite, but from a P with one outcome only."""

    def evaluate(xp: Namespace, a: Family, b: Family) -> Array:
        # The check of the parameters broadcasts this to the shape of the batch; the derivative of a constant is 0.
        good = valid(xp, a, tolerances(xp, a), inherent=True) & valid(xp, b, tolerances(xp, b), inherent=True)
        return xp.where(good, _surprise(xp, a, b), xp.zeros_like(batch_member(a)) + math.nan)

    return Rule(p, q, "infinite", (f"infinite: {why}",), None, evaluate)


def _support_rule(p: Kind, q: Kind) -> Rule | None:
    if _is_inside(p, q) is False:
        return infinite(p, q, f"{name_of(p)} has outcomes that {name_of(q)} rules out")
    return None


# ----------------------------------------------------------------------------------------------------- public functions


def kl_divergence(p: Family, q: Family, *, base: float | None = None, validate: bool = True) -> Array:
    """Return the Kullback-Leibler divergence ``KL(p || q) = E_p[log p(x) - log q(x)]``, one number per batch element.

    Parameters
    ----------
    p, q
        Distributions, such as ``kldiv.Normal(loc, scale)``. Their parameters may be arrays of NumPy, PyTorch,
        TensorFlow or JAX, numbers, or lists. Batch shapes broadcast; event sizes must agree. Dask's arrays give a lazy
        one, a task for each chunk of the batch, in which values are checked when it is computed.
    base
        The base of the logarithm: None for nats, 2 for bits, 10 for bans.
    validate
        Whether invalid parameters raise. Otherwise, and under a compiler or ``python -O``, they give nan.

    Returns
    -------
    array
        At least 0; exactly 0 if the parameters are identical; inf exactly where the divergence is infinite. It is an
        array of the framework, device and dtype of the parameters, of the shape that their batch shapes broadcast to.

    Raises
    ------
    ValueError
        If a parameter is invalid, event sizes differ, or batch shapes do not broadcast.
    TypeError
        If an argument is not a distribution, or the parameters belong to different frameworks.
    NoClosedForm
        If no formula is known for the pair; `kldiv.rule` tells which one is used where there is one.

    Examples
    --------
    >>> import kldiv
    >>> print(kldiv.kl_divergence(kldiv.Normal(loc=0.0, scale=1.0), kldiv.Normal(loc=[0.0, 1.0], scale=1.0)))
    [0.  0.5]

    In bits:

    >>> print(kldiv.kl_divergence(kldiv.Bernoulli(1.0), kldiv.Bernoulli(0.5), base=2))
    1.0
    """
    parameters: list[Any] = []
    key = signature((p, q), parameters)
    call = recall(key)
    if call is None:
        value, has_nan = _first_call(p, q, validate and __debug__, key, parameters)
    else:
        value, has_nan = call(validate and __debug__, *parameters)
    if has_nan:
        xp, _, dtype, (p, q) = gather_families(p=p, q=q)
        diagnose_all(xp, dtype, p=p, q=q)
    return value if base is None else in_base(value, base)


def _first_call(p: Any, q: Any, validate: bool, key: Signature | None, parameters: list[Any]) -> tuple[Array, bool]:
    """Return the divergence and whether a nan in it matters, and remember how to compute the next one like it."""
    given = p, q
    xp, arrays, dtype, (p, q) = gather_families(lazy=True, p=p, q=q)
    check_structure(xp, p, q)
    rule = find(kind_of(p), kind_of(q))
    if xp.by_chunks:
        from kldiv import _chunks

        value = _chunks.divergence(xp, dtype, arrays, p, q, validate)
        if value is not None:
            return value, False
    concrete = all(xp.is_concrete(x) for x in arrays)
    if key is None and concrete:
        learn(xp, [x for d in given for x in parameters_of(d)])
        parameters = []
        key = signature(given, parameters)
    if key is None or not concrete:
        value = run(divergence, rule.evaluate, xp, dtype, arrays, p, q)
        return value, validate and concrete and xp.has_nan(value)
    hollows = hollow(p), hollow(q)
    exact = functools.partial(_exact, rule.evaluate, *hollows)
    formula = None
    if rule.formula is not None and rule.summed is not None:
        formula = rule.formula.__name__, rule.summed
    shortcut = xp.shortcut(Wanted(formula, [*event_axes(p), *event_axes(q)], parameters, dtype, exact))
    call = shortcut or general(
        xp,
        computing_dtype(xp, dtype),
        parameters,
        program_of(divergence, rule.evaluate, xp, dtype),
        functools.partial(rebuild_pair, *hollows),
    )
    remember(key, call)
    return call(validate, *parameters)


def _exact(evaluate: Evaluate, p: Family, q: Family, xp: Namespace, *arrays: Array) -> Array:
    """Return the divergence of `p` and `q` with arrays for parameters, nan where these are invalid."""
    return divergence(xp, evaluate, arrays[0].dtype, *rebuild_pair(p, q, iter(arrays)))


def divergence(xp: Namespace, evaluate: Evaluate, dtype: DType, p: Family, q: Family) -> Array:
    """Return the divergence in `dtype`, nan where parameters are invalid."""
    if xp.in_blocks is None:
        return _checked(xp, evaluate, dtype, p, q)

    def of(*arrays: Array) -> Array:
        return _checked(xp, evaluate, dtype, *rebuild_pair(p, q, iter(arrays)))

    return xp.in_blocks(of, [*parameters_of(p), *parameters_of(q)], [*event_axes(p), *event_axes(q)])


def _checked(xp: Namespace, evaluate: Evaluate, dtype: DType, p: Family, q: Family) -> Array:
    eps_p, eps_q = tolerances(xp, p), tolerances(xp, q)
    p, q = cast(xp, p, dtype), cast(xp, q, dtype)
    value = xp.where(valid(xp, p, eps_p) & valid(xp, q, eps_q), evaluate(xp, p, q), math.nan)
    return xp.astype(value, dtype)


def in_base(value: Array, base: Any) -> Array:
    if isinstance(base, bool) or not isinstance(base, Real) or not 1 < float(base) < math.inf:
        raise ValueError(f"base must be a number above 1, such as 2 for bits; got {base!r}")
    return value / math.log(base)
