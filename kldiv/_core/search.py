"""The search for a rule: from a pair of families to the way in which its divergence is computed."""

from __future__ import annotations

from kldiv._arrays import cache
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family, FamilyKey, as_kind, name_of
from kldiv._core.registry import (
    NoClosedForm,
    Path,
    Rule,
    RuleFactory,
    convert,
    formulas,
    rule_factories_after,
    rule_factories_before,
    steps_from,
)
from kldiv._core.supports import infinite_outside, support_rule


def rule(p: FamilyKey, q: FamilyKey) -> Rule:
    """Return how KL(p || q) is computed for two families; printing it tells the steps and the source.

    A family that holds another is written ``Independent[Normal]``.

    Parameters
    ----------
    p, q
        Families: their classes, such as ``kldiv.Normal``, not distributions.

    Returns
    -------
    Rule
        The steps of the computation, their source, and ``method``: "closed form", "conversion", "infinite" and so on.

    Raises
    ------
    NoClosedForm
        If there is no formula.
    TypeError
        If an argument is no family.

    Examples
    --------
    >>> import kldiv
    >>> print(kldiv.rule(kldiv.Normal, kldiv.Gamma))
    KL(Normal || Gamma): infinite: Normal has outcomes that Gamma rules out.
    """
    return find(as_kind(p), as_kind(q))


def find(p: FamilyKey, q: FamilyKey) -> Rule:
    """Return the rule for a pair of kinds."""
    known: Rule | None = cache.get(p, q)
    if known is None:
        known = _search(p, q)
        cache.put(p, q, known)
    return known


def _search(p: FamilyKey, q: FamilyKey) -> Rule:
    # In plain loops: a compiler may meet a pair for the first time, and traces this too.
    states = reachable(p, q)
    found = None
    for state in states:
        if found is None:
            found = _direct(*state)
    if found is None:
        found = support_rule(p, q)
    for state in states:
        if found is None:
            found = _indirect(*state)
    if found is None:
        raise NoClosedForm(_no_closed_form(p, q))
    return found._replace(p=p, q=q)


def reachable(p: FamilyKey, q: FamilyKey) -> list[tuple[FamilyKey, FamilyKey, Path]]:
    """Return the pairs that conversions lead to and the way there, the shortest ways first."""
    states: list[tuple[FamilyKey, FamilyKey, Path]] = [(p, q, ())]
    seen = {(p, q)}
    done = 0
    while done < len(states):
        at_p, at_q, path = states[done]
        done += 1
        for step_p, step_q in steps_from(at_p, at_q):
            pair = (step_p.target if step_p else at_p, step_q.target if step_q else at_q)
            if pair not in seen:
                seen.add(pair)
                states.append((*pair, (*path, (step_p, step_q))))
    return states


def _first(factories: list[RuleFactory], p: FamilyKey, q: FamilyKey) -> Rule | None:
    for make in factories:
        rule = make(p, q)
        if rule is not None:
            return rule
    return None


def _no_closed_form(p: FamilyKey, q: FamilyKey) -> str:
    known = sorted({name_of(b) for a, b in formulas if a == p})
    return (
        f"no closed form is known here for KL({name_of(p)} || {name_of(q)}); from {name_of(p)} there "
        + (f"are formulas to {', '.join(known)}" if known else "are none")
        + ". To add one, see kldiv.declare.formula; for a value with its error, call kldiv.estimate"
    )


def _direct(p: FamilyKey, q: FamilyKey, path: Path) -> Rule | None:
    """Return the rule that goes along `path` and ends in a formula or structural rule for the pair, if there is one."""
    formula = formulas.get((p, q))
    if formula is not None:

        def evaluate(xp: Namespace, a: Family, b: Family) -> Array:
            return formula(xp, *a, *b)

        return _along(path, Rule(p, q, "closed form", (), formula, infinite_outside(p, q, evaluate), 0))
    structural = _first(rule_factories_before, p, q)
    return _along(path, structural) if structural else None


def _indirect(p: FamilyKey, q: FamilyKey, path: Path) -> Rule | None:
    """Return the rule that goes along `path` and ends in the moment rule for the pair, if there is one."""
    last = _first(rule_factories_after, p, q)
    return _along(path, last._replace(evaluate=infinite_outside(p, q, last.evaluate))) if last else None


def _along(path: Path, final: Rule) -> Rule:
    """Return the rule that converts along `path` and then applies another."""
    if not path:
        return final
    evaluate_final = final.evaluate

    def evaluate(xp: Namespace, a: Family, b: Family) -> Array:
        return evaluate_final(xp, convert(xp, path, a, 0), convert(xp, path, b, 1))

    words = [step.words for pair in path for step in pair if step]
    method = "conversion" if final.method == "closed form" else final.method
    return final._replace(method=method, steps=(*words, *final.steps), evaluate=evaluate, sum_axes=None)
