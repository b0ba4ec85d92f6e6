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
from collections.abc import Callable, Iterable, Iterator
from numbers import Real
from typing import Annotated, Any, NamedTuple, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from kldiv import _kernels
from kldiv._namespace import computing_dtype, gather
from kldiv._protocol import Array, DType, Namespace, Shape
from kldiv.domains import Domain, Held, Support

Family: TypeAlias = Any  # a NamedTuple whose fields are annotated with domains, or hold a family
Kind: TypeAlias = Any  # a family's class, or the tuple (class, kind, ...) for a family that holds others
Declared = TypeVar("Declared")
Evaluate: TypeAlias = Callable[[Namespace, Family, Family], Array]


class NoClosedForm(NotImplementedError):
    """There is no closed form for this pair, or none that anyone has written down here.

    Examples
    --------
    >>> import kldiv
    >>> try:
    ...     kldiv.kl_divergence(kldiv.Uniform(0.0, 1.0), kldiv.Exponential(1.0))
    ... except kldiv.NoClosedForm:
    ...     print("estimate it")
    estimate it
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
    steps: tuple[str, ...]  # what is done first, in words
    formula: Callable[..., Array] | None  # what is computed then, if it is not in the words
    evaluate: Evaluate

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


class _Field(NamedTuple):
    name: str
    domain: Domain | None  # of a parameter
    held: Held | None  # of a family


# Plain dictionaries, filled by declarations and by search: compilers that trace Python can follow a look-up in them.
_known_fields: dict[type, tuple[_Field, ...]] = {}
_supports: dict[type, Support] = {}
_formulas: dict[tuple[Kind, Kind], Callable[..., Array]] = {}
_conversions: dict[Kind, list[Conversion]] = {}
_lifts: list[Callable[[Kind], Iterable[Conversion]]] = []
_structural: list[Callable[[Kind, Kind], Rule | None]] = []
_rules: dict[tuple[Kind, Kind], Rule] = {}
_programs: dict[tuple[Namespace, Callable[..., Array], DType], Callable[..., Array]] = {}


# ---------------------------------------------------------------------------------------------------- declarations


def register(p: Kind, q: Kind) -> Callable[[Callable[..., Array]], Callable[..., Array]]:
    """Declare the decorated function to be the formula for KL(p || q).

    The function is called as ``formula(xp, *parameters_of_p, *parameters_of_q)``, where `xp` is an array namespace and
    the parameters are its arrays, all of one dtype, which broadcast against each other along their batch axes. It
    returns one number per batch element, in nats. The first paragraph of its docstring is the equation, a line "Source:
    ..." its source.

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
        _rules.clear()
        return formula

    return declare


def family(support: Support) -> Callable[[type[Declared]], type[Declared]]:
    """Declare the decorated NamedTuple, with fields annotated by their domains, to be a family on `support`.

    The domains and the supports are in `kldiv.domains`. From the support follows where a divergence is infinite.

    Raises
    ------
    TypeError
        If a field has no domain.

    Examples
    --------
    >>> from typing import Annotated, Any, NamedTuple
    >>> import kldiv
    >>> from kldiv import domains
    >>> @kldiv.family(domains.POSITIVE)
    ... class Arrival(NamedTuple):
    ...     mean: Annotated[Any, domains.Positive]
    >>> float(kldiv.kl_divergence(kldiv.Normal(0.0, 1.0), Arrival(1.0)))
    inf
    """

    def declare(cls: type[Declared]) -> type[Declared]:
        if not _fields(cls):
            raise TypeError(f"{cls.__name__} must be a NamedTuple whose fields are Annotated with domains")
        _supports[cls] = support
        return cls

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
        _rules.clear()
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


# --------------------------------------------------------------------------------------------------------- families


def _fields(cls: type) -> tuple[_Field, ...]:
    """Return the fields of a family's class, and nothing for a class that is not a family."""
    if cls not in _known_fields:
        _known_fields[cls] = _read_fields(cls)
    return _known_fields[cls]


def _read_fields(cls: Any) -> tuple[_Field, ...]:
    names = getattr(cls, "_fields", None)
    if names is None or not issubclass(cls, tuple):
        return ()
    try:
        hints = get_type_hints(cls, include_extras=True)
    except NameError:  # a class of somebody else, whose annotations name what is not there
        return ()
    fields: list[_Field] = []
    for name in names:
        marks = get_args(hints.get(name)) if get_origin(hints.get(name)) is Annotated else ()
        domain = next((m for m in marks if isinstance(m, Domain)), None)
        held = next((m for m in marks if isinstance(m, Held)), None)
        if domain is None and held is None:
            return ()
        fields.append(_Field(name, domain, held))
    return tuple(fields)


def as_kind(family: Any) -> Kind:
    """Return the kind that a class such as `Normal` or an alias such as `Independent[Normal]` stands for."""
    if type(family) is tuple and family and all(isinstance(class_of(k), type) for k in family):
        return family
    cls = get_origin(family) or family
    if not (isinstance(cls, type) and _fields(cls)):
        raise TypeError(f"{family!r} is not a family; pass the class of one, such as kldiv.Normal")
    held = tuple(as_kind(k) for k in get_args(family))
    if len(held) != sum(f.held is not None for f in _fields(cls)):
        raise TypeError(f"{cls.__name__} holds a family; name it too, such as {cls.__name__}[Normal]")
    return (cls, *held) if held else cls


def kind_of(distribution: Family) -> Kind:
    """Return the kind of a distribution."""
    cls = type(distribution)
    held = tuple([kind_of(getattr(distribution, f.name)) for f in _fields(cls) if f.held])
    return (cls, *held) if held else cls


def class_of(kind: Kind) -> Any:
    """Return the class of a kind."""
    return kind[0] if isinstance(kind, tuple) else kind


def support_of(kind: Kind) -> Support | None:
    """Return the declared support of a kind, None for a kind that has none of its own."""
    return _supports.get(class_of(kind))


def held_kinds(kind: Kind) -> tuple[Kind, ...]:
    """Return the kinds that a kind holds."""
    return kind[1:] if isinstance(kind, tuple) else ()


def name_of(kind: Kind) -> str:
    """Return the name of a kind for messages."""
    held = held_kinds(kind)
    return f"{class_of(kind).__name__}({', '.join(map(name_of, held))})" if held else kind.__name__


def _leaves(distribution: Family, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the parameters of a distribution, each with its name for messages."""
    cls = type(distribution)
    for field in _fields(cls):
        value = getattr(distribution, field.name)
        if field.held:
            yield from _leaves(value, name)
        else:
            yield f"{cls.__name__}.{field.name} of {name}", value


def _rebuild(distribution: Family, leaves: Iterator[Array]) -> Family:
    """Return the distribution with its parameters replaced."""
    cls = type(distribution)
    return cls(*[_rebuild(getattr(distribution, f.name), leaves) if f.held else next(leaves) for f in _fields(cls)])


def _require_family(distribution: Any, name: str) -> None:
    if isinstance(distribution, type) and _fields(distribution):
        fields = ", ".join(f"{f.name}=..." for f in _fields(distribution))
        raise TypeError(f"{name} is the family {distribution.__name__} itself; pass {distribution.__name__}({fields})")
    if not _fields(type(distribution)):
        kind = type(distribution)
        raise TypeError(
            f"{name} is a {kind.__module__}.{kind.__qualname__}, not a distribution such as kldiv.Normal(0.0, 1.0). "
            "For probabilities in arrays pass Categorical(p) and Categorical(q), "
            "or use kldiv.rel_entr(p, q) for the element-wise terms"
        )
    for field in _fields(type(distribution)):
        if field.held:
            _require_family(getattr(distribution, field.name), f"{type(distribution).__name__}.{field.name} of {name}")


def density(formula: Callable[[Any, Namespace, Array], Array]) -> Callable[[Any, Any], Array]:
    """Make the formula for a log density inside the support into a method: any array, -inf outside the support."""

    @functools.wraps(formula)
    def log_density(self: Any, x: Any) -> Array:
        names, values = zip(*_leaves(self, "the distribution"), strict=True)
        xp, arrays, dtype = gather([x, *values], ["x", *names])
        return _run(_log_density, formula, xp, dtype, arrays, _rebuild(self, iter(arrays[1:])), arrays[0])

    return log_density


def _log_density(xp: Namespace, formula: Callable[..., Array], dtype: DType, d: Family, x: Array) -> Array:
    d, x = _cast(xp, d, dtype), xp.astype(x, computing_dtype(xp, dtype))
    value = inside_support(xp, support_of(type(d)), d, x, lambda y: formula(d, xp, y))
    return xp.astype(value, dtype)


def inside_support(
    xp: Namespace, support: Support | None, d: Family, x: Array, formula: Callable[[Array], Array]
) -> Array:
    """Return `formula(x)` where x lies in the support of d, and -inf elsewhere."""
    if support is None or support.space not in ("line", "integers"):
        return formula(x)
    low = getattr(d, support.low) if isinstance(support.low, str) else support.low
    high = getattr(d, support.high, math.inf) if isinstance(support.high, str) else support.high
    inside = (x >= low) & (x <= high)
    if support.space == "integers":
        inside = inside & (xp.floor(x) == x)
    # Any point of the support serves where x lies outside.
    point = low if isinstance(support.low, str) or support.space == "integers" else 0.0 if low < 0 else 0.5
    return xp.where(inside, formula(xp.where(inside, x, point)), -math.inf)


# ------------------------------------------------------------------------------------------------- checks of structure


def _broadcast(shapes: Iterable[tuple[str, Shape]]) -> Shape:
    """Return the shape that batch shapes broadcast to; None stands for a length that is not known yet."""
    result: list[int | None] = []
    owner = ""
    for name, shape in shapes:
        merged = list(shape)
        for i in range(1, min(len(shape), len(result)) + 1):
            a, b = result[-i], shape[-i]
            if a == 1 or a == b:
                continue
            if b == 1 or b is None:
                merged[-i] = a
            elif a is not None:
                raise ValueError(
                    f"batch shapes {tuple(result)} of {owner} and {tuple(shape)} of {name} do not broadcast"
                )
        if len(result) > len(shape):
            merged = result[: len(result) - len(shape)] + merged
        result, owner = merged, name if not owner else f"{owner} and {name}"
    return tuple(result)


def _shapes(xp: Namespace, d: Family, name: str, axes: dict[str, tuple[int | None, str]]) -> tuple[Shape, Shape]:
    """Return batch and event shape of a distribution, and collect the lengths of its named axes in `axes`."""
    cls = type(d)
    batches: list[tuple[str, Shape]] = []
    event: Shape = ()
    for field in _fields(cls):
        where = f"{cls.__name__}.{field.name} of {name}"
        value = getattr(d, field.name)
        if field.held:
            shape, event = _shapes(xp, value, where, {})
            names = field.held.axes
        else:
            shape = xp.shape(value)
            names = field.domain.axes  # type: ignore[union-attr]
        split = len(shape) - len(names)
        if split < 0:
            what = "batch" if field.held else "event"
            raise ValueError(f"{where} has shape {tuple(shape)}; it needs {what} axes {names} at the end")
        for axis, length in zip(names, shape[split:], strict=True):
            if length == 0:
                raise ValueError(f"{where} has shape {tuple(shape)}; its event axis {axis} must not be empty")
            known, owner = axes.setdefault(axis, (length, where))
            if known != length and known is not None and length is not None:
                raise ValueError(f"event sizes differ: {known} in {owner}, {length} in {where}")
            if field.held:
                event = (length, *event)
        batches.append((where, shape[:split]))
    support = support_of(cls)
    if support is not None:
        event = tuple([axes[a][0] for a in support.axes])
    return _broadcast(batches), event


def _check_structure(xp: Namespace, p: Family, q: Family) -> None:
    axes_p: dict[str, tuple[int | None, str]] = {}
    axes_q: dict[str, tuple[int | None, str]] = {}
    batch_p, event_p = _shapes(xp, p, "p", axes_p)
    batch_q, event_q = _shapes(xp, q, "q", axes_q)
    if len(event_p) != len(event_q) or any(
        a != b and a is not None and b is not None for a, b in zip(event_p, event_q, strict=True)
    ):
        raise ValueError(
            f"p and q are distributions of different things: an outcome of p, {name_of(kind_of(p))}, has "
            f"shape {event_p}, "
            f"one of q, {name_of(kind_of(q))}, has shape {event_q}"
        )
    for axis, (length, owner) in axes_p.items():
        other, other_owner = axes_q.get(axis, (length, ""))
        if not axis.startswith("_") and other != length and other is not None and length is not None:
            raise ValueError(f"event sizes differ: {length} in {owner}, {other} in {other_owner}")
    _broadcast((("p", batch_p), ("q", batch_q)))


# ---------------------------------------------------------------------------------------------------- checks of values


def _requirements(
    xp: Namespace, d: Family, eps: Family, field: _Field
) -> Iterator[tuple[str, Array, Callable[[], Array], bool]]:
    """Yield what a parameter must satisfy: words, a mask, the values to quote, and whether failure gives nan anyway."""
    x = getattr(d, field.name)
    domain = field.domain
    assert domain is not None
    for condition in domain.conditions:
        holds = condition.holds(xp, x, getattr(eps, field.name))
        yield condition.words, holds, functools.partial(condition.shown, xp, x), condition.inherent
    if domain.above:
        low = getattr(d, domain.above)
        holds = (x > low) & (0.5 * x - 0.5 * low <= 0.5 * xp.finfo(x.dtype).max)
        yield f"be greater than {domain.above}, by a finite amount", holds, lambda: x + xp.zeros_like(low), False


def _tolerances(xp: Namespace, d: Family) -> Family:
    """Return a distribution's parameters replaced by the eps of their dtypes; integers are exact to that of float32."""

    def eps(x: Array) -> float:
        return float(xp.finfo(x.dtype if xp.isdtype(x.dtype, "real floating") else xp.float32).eps)

    return _rebuild(d, iter([eps(x) for _, x in _leaves(d, "")]))


def _valid(xp: Namespace, d: Family, eps: Family, *, inherent: bool = False) -> Array:
    """Return where in the batch all parameters are valid, by default as far as formulas do not tell by nan."""
    mask: Any = None
    for field in _fields(type(d)):
        value = getattr(d, field.name)
        if field.held:
            inner = _valid(xp, value, getattr(eps, field.name), inherent=inherent)
            masks = [xp.all(inner, axis=tuple(range(-len(field.held.axes), 0)))]
        else:
            event = len(field.domain.axes)  # type: ignore[union-attr]
            masks = []
            for _, holds, _, by_nan in _requirements(xp, d, eps, field):
                if inherent or not by_nan:
                    extra = len(xp.shape(holds)) - (len(xp.shape(value)) - event)
                    masks.append(xp.all(holds, axis=tuple(range(-extra, 0))) if extra > 0 else holds)
        for m in masks:
            mask = m if mask is None else mask & m
    return mask


def _diagnose(xp: Namespace, d: Family, eps: Family, name: str) -> None:
    """Raise ValueError for the first invalid parameter of a distribution, with its value and place."""
    cls = type(d)
    for field in _fields(cls):
        if field.held:
            _diagnose(xp, getattr(d, field.name), getattr(eps, field.name), name)
            continue
        for words, holds, shown, _ in _requirements(xp, d, eps, field):
            bad = ~xp.to_numpy(holds)
            if bad.any():
                index = tuple(int(i) for i in next(zip(*bad.nonzero(), strict=True))) if bad.ndim else ()
                value = xp.to_numpy(shown())[index]
                place = f"at index {index} of" if index else "in"
                raise ValueError(f"{cls.__name__}.{field.name} must {words}; got {value} {place} {name}")


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
    if (p, q) not in _rules:
        _rules[p, q] = _search(p, q)
    return _rules[p, q]


def _search(p: Kind, q: Kind) -> Rule:
    found = _direct(p, q, ())
    queue: list[tuple[Kind, Kind, tuple[_Step, ...]]] = [(p, q, ())]
    seen = {(p, q)}
    while found is None and queue:
        at_p, at_q, path = queue.pop(0)
        for step_p, step_q in _steps(at_p, at_q):
            state = (step_p.target if step_p else at_p, step_q.target if step_q else at_q)
            if found is None and state not in seen:
                seen.add(state)
                longer = (*path, (step_p, step_q))
                found = _direct(*state, longer)
                queue.append((*state, longer))
    if found is None:
        found = _support_rule(p, q)
    if found is None:
        raise NoClosedForm(_no_closed_form(p, q))
    return found._replace(p=p, q=q)


def _no_closed_form(p: Kind, q: Kind) -> str:
    known = sorted({name_of(b) for a, b in _formulas if a == p})
    return (
        f"no closed form is known here for KL({name_of(p)} || {name_of(q)}); from {name_of(p)} there "
        + (f"are formulas to {', '.join(known)}" if known else "are none")
        + ". To add one, see kldiv.register"
    )


_Step: TypeAlias = tuple["Conversion | None", "Conversion | None"]


def _steps(p: Kind, q: Kind) -> list[_Step]:
    from_p, from_q = conversions_of(p), conversions_of(q)
    steps: list[_Step] = [(a, None) for a in from_p if a.shared is None]
    steps += [(None, b) for b in from_q if b.shared is None]
    steps += [(a, b) for a in from_p for b in from_q if a.shared is not None and a.shared == b.shared]
    return steps


def conversions_of(kind: Kind) -> list[Conversion]:
    """Return the declared and the lifted conversions of a kind."""
    lifted = [conversion for lift in _lifts for conversion in lift(kind)]
    return _conversions.get(kind, []) + lifted


def _direct(p: Kind, q: Kind, path: tuple[_Step, ...]) -> Rule | None:
    """Return the rule that goes along `path` and ends in a formula or structural rule for the pair, if there is one."""
    formula = _formulas.get((p, q))
    if formula is not None:
        final: Rule | None = Rule(p, q, (), formula, _guarded(p, q, formula))
    else:
        made = [made for made in [make(p, q) for make in _structural] if made is not None]
        final = made[0] if made else None
    if final is None or not path:
        return final
    last = final.evaluate

    def evaluate(xp: Namespace, a: Family, b: Family) -> Array:
        for step_p, step_q in path:
            a = step_p.apply(xp, a) if step_p else a
            b = step_q.apply(xp, b) if step_q else b
        return last(xp, a, b)

    words = [step.words for pair in path for step in pair if step]
    return final._replace(steps=(*words, *final.steps), evaluate=evaluate)


# ------------------------------------------------------------------------------------------------------------- supports


def _bound_relation(inner: float | str, outer: float | str, sign: int) -> bool | None:
    """Tell whether a lower (sign 1) or upper (sign -1) bound lies inside another; None if it depends on parameters."""
    if outer == -sign * math.inf:
        return True
    if isinstance(inner, str) or isinstance(outer, str):
        return False if inner == -sign * math.inf else None
    return sign * inner >= sign * outer


def _is_inside(p: Kind, q: Kind) -> bool | None:
    """Tell whether the support of p lies inside that of q; None if it depends on parameters or is not known."""
    a, b = support_of(p), support_of(q)
    if a is None or b is None or len(a.axes) != len(b.axes):
        return None
    if a.space != b.space:
        return False
    low, high = _bound_relation(a.low, b.low, 1), _bound_relation(a.high, b.high, -1)
    return False if low is False or high is False else None if low is None or high is None else True


def _guarded(p: Kind, q: Kind, formula: Callable[..., Array]) -> Evaluate:
    """Return the evaluation of a formula, infinite where supports that depend on parameters are not nested."""
    a, b = support_of(p), support_of(q)
    sides = []
    if a is not None and b is not None and a.space == b.space == "line":
        both = ((a.low, b.low, 1), (a.high, b.high, -1))
        sides = [side for side in both if _bound_relation(*side) is None]

    def evaluate(xp: Namespace, p: Family, q: Family) -> Array:
        value = formula(xp, *p, *q)
        for inner, outer, sign in sides:
            x = getattr(p, inner) if isinstance(inner, str) else inner
            y = getattr(q, outer) if isinstance(outer, str) else outer
            value = xp.where(x >= y if sign > 0 else x <= y, value, math.inf)
        return value

    return evaluate


def infinite(p: Kind, q: Kind, why: str) -> Rule:
    """Return the rule of a pair whose divergence is infinite whatever the parameters."""

    def evaluate(xp: Namespace, a: Family, b: Family) -> Array:
        # The check of the parameters broadcasts this to the shape of the batch; the derivative of a constant is 0.
        valid = _valid(xp, a, _tolerances(xp, a), inherent=True) & _valid(xp, b, _tolerances(xp, b), inherent=True)
        return xp.where(valid, math.inf, batch_member(a) * math.nan)

    return Rule(p, q, (f"infinite: {why}",), None, evaluate)


def batch_member(d: Family) -> Array:
    """Return an array that has the batch axes of one parameter and depends on it, to hang a constant on."""
    field = _fields(type(d))[0]
    x = batch_member(getattr(d, field.name)) if field.held else getattr(d, field.name)
    for _ in (field.held or field.domain).axes:  # type: ignore[union-attr]
        x = x[..., 0]
    return x


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
        TensorFlow or JAX, numbers, or lists. Batch shapes broadcast; event sizes must agree.
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
    _require_family(p, "p")
    _require_family(q, "q")
    names, values = zip(*_leaves(p, "p"), *_leaves(q, "q"), strict=True)
    xp, arrays, dtype = gather(values, names)
    leaves = iter(arrays)
    p, q = _rebuild(p, leaves), _rebuild(q, leaves)
    _check_structure(xp, p, q)
    evaluate = find(kind_of(p), kind_of(q)).evaluate
    value = _run(_divergence, evaluate, xp, dtype, arrays, p, q)
    if validate and __debug__ and xp.is_concrete(value) and bool(xp.any(xp.isnan(value))):
        for distribution, name in ((p, "p"), (q, "q")):
            _diagnose(xp, _cast(xp, distribution, dtype), _tolerances(xp, distribution), name)
    return value if base is None else _in_base(value, base)


def _divergence(xp: Namespace, evaluate: Evaluate, dtype: DType, p: Family, q: Family) -> Array:
    """Return the divergence in `dtype`, nan where parameters are invalid."""
    eps_p, eps_q = _tolerances(xp, p), _tolerances(xp, q)
    p, q = _cast(xp, p, dtype), _cast(xp, q, dtype)
    value = xp.where(_valid(xp, p, eps_p) & _valid(xp, q, eps_q), evaluate(xp, p, q), math.nan)
    return xp.astype(value, dtype)


def _cast(xp: Namespace, d: Family, dtype: DType) -> Family:
    """Return the distribution in the dtype that a result of `dtype` is computed in."""
    computing = computing_dtype(xp, dtype)
    return _rebuild(d, iter([xp.astype(x, computing) for _, x in _leaves(d, "")]))


def _run(
    body: Callable[..., Array],
    function: Callable[..., Array],
    xp: Namespace,
    dtype: DType,
    arrays: list[Array],
    *args: Any,
) -> Array:
    """Return ``body(xp, function, dtype, *args)``, compiled if the arrays have values and eager calls are slow."""
    if not all(xp.is_concrete(x) for x in arrays):
        return body(xp, function, dtype, *args)
    if (xp, function, dtype) not in _programs:
        _programs[xp, function, dtype] = xp.compiled(functools.partial(body, xp, function, dtype))
    return _programs[xp, function, dtype](*args)


def _in_base(value: Array, base: Any) -> Array:
    if isinstance(base, bool) or not isinstance(base, Real) or not 1 < base < math.inf:
        raise ValueError(f"base must be a number above 1, such as 2 for bits; got {base!r}")
    return value / math.log(base)


def _elementwise(kernel: Callable[[Namespace, Array, Array], Array], x: Any, y: Any) -> Array:
    xp, arrays, dtype = gather([x, y], ["x", "y"])
    _broadcast((("x", xp.shape(arrays[0])), ("y", xp.shape(arrays[1]))))
    return _run(_with_edges, kernel, xp, dtype, arrays, *arrays)


def _with_edges(xp: Namespace, kernel: Callable[..., Array], dtype: DType, x: Array, y: Array) -> Array:
    """Return a kernel of non-negative numbers, infinite where one is negative, nan where one is nan."""
    computing = computing_dtype(xp, dtype)
    x, y = xp.astype(x, computing), xp.astype(y, computing)
    negative = (x < 0) | (y < 0)
    value = xp.where(negative, math.inf, kernel(xp, xp.where(negative, 1.0, x), xp.where(negative, 1.0, y)))
    return xp.astype(xp.where(xp.isnan(x) | xp.isnan(y), math.nan, value), dtype)


def kl_div(x: Any, y: Any) -> Array:
    """Return ``x log(x / y) - x + y`` element by element: `scipy.special.kl_div` without its cancellation.

    It is y where x = 0, and inf where x > 0 = y or an argument is negative. It is at least 0, and vanishes only where
    x = y. Where x and y have the same sum, the sum of it is the Kullback-Leibler divergence. The derivative with
    respect to x at x = 0 is taken as 0.

    Examples
    --------
    >>> import kldiv
    >>> print(kldiv.kl_div([1.0, 0.0, 1.0], [1.0 + 1e-9, 0.5, 0.0]))
    [5.00000082e-19 5.00000000e-01            inf]
    """
    return _elementwise(_kernels.kl_div, x, y)


def rel_entr(x: Any, y: Any) -> Array:
    """Return ``x log(x / y)`` element by element, as `scipy.special.rel_entr` defines it.

    It is 0 where x = 0, and inf where x > 0 = y or an argument is negative. The derivative at x = 0 is taken as 0.

    Examples
    --------
    >>> import kldiv
    >>> print(kldiv.rel_entr([0.5, 0.0, 0.5], [0.25, 0.5, 0.0]))
    [0.34657359 0.                inf]
    """
    return _elementwise(_kernels.rel_entr, x, y)
