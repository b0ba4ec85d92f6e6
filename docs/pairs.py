"""Which divergences there are, by the rules of kldiv itself, and which of them other libraries have.

``python docs/pairs.py 0.1.0`` brings the counts in README.md up to date, which are those of the last release. The site
has the table of all pairs.
"""

import functools
import json
import math
import re
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parent
try:
    import kldiv
except ModuleNotFoundError:  # not installed: the checkout will do
    sys.path.insert(0, str(ROOT))
    import kldiv
import kldiv.families  # noqa: E402
from kldiv._core.family import support_of  # noqa: E402

WAYS = {
    "closed form": "a formula for the pair",
    "conversion": "a formula, after a change of parameters",
    "moments": "cross-entropy less entropy, from expectations that P knows",
    "infinite": "infinite, as P has outcomes that Q rules out",
    "estimate": "no closed form: `kldiv.estimate`",
}
FINITE = ("closed form", "conversion", "moments")
HOLDERS = ("Delta", "Independent", "Mixture")  # their divergences depend on what they hold
# Names of one family in two parametrizations.
SYNONYMS = {
    "NormalLogVariance": "Normal",
    "BernoulliLogits": "Bernoulli",
    "ProbitBernoulli": "Bernoulli",
    "BinomialLogits": "Binomial",
    "CategoricalLogits": "Categorical",
    "OneHotCategorical": "Categorical",
    "OneHotCategoricalLogits": "Categorical",
    "MultinomialLogits": "Multinomial",
    "MultivariateNormalDiag": "MultivariateNormal",
    "MultivariateNormalLowRank": "MultivariateNormal",
    "MultivariateNormalPrecision": "MultivariateNormal",
    "MultivariateNormalTriL": "MultivariateNormal",
}


OUTCOMES = {
    "line": "A real number",
    "half-line": "A positive number",
    "interval": "A number in an interval",
    "circle": "An angle",
    "integers": "A count or a class",
    "vectors": "A vector",
    "vectors of integers": "A vector of counts, or a path",
    "simplex": "A vector of probabilities",
    "sphere": "A direction",
    "matrices": "A matrix",
    "positive definite matrices": "A positive definite matrix",
    "": "What the family that it holds has",
}


class Pair(NamedTuple):
    """How the divergence of P to Q is computed."""

    p: str
    q: str
    way: str  # a key of WAYS
    equation: str = ""
    source: str = ""


def families() -> dict[str, list[str]]:
    """Return the families by what their outcomes are."""
    groups: dict[str, list[str]] = {outcome: [] for outcome in OUTCOMES.values()}
    for name in kldiv.families.__all__:
        groups[OUTCOMES.get(_outcome(name), OUTCOMES[""])].append(name)
    return {outcome: found for outcome, found in groups.items() if found}


def _outcome(name: str) -> str:
    support = support_of(getattr(kldiv, name))
    if support is None or support.space != "line" or support.low == -math.inf:
        return space(name)
    return "half-line" if support.high == math.inf else "interval"


def space(name: str) -> str:
    """Return the space that the outcomes of a family lie in; none for a family that holds others."""
    support = support_of(getattr(kldiv, name))
    return support.space if support is not None else ""


def names() -> list[str]:
    """Return the families that stand alone."""
    return [name for name in kldiv.families.__all__ if name not in HOLDERS]


@functools.cache
def pairs() -> list[Pair]:
    """Return all pairs whose outcomes have the same shape."""
    found = [_pair(p, q) for p in names() for q in names()]
    return [pair for pair in found if pair is not None]


def _pair(p: str, q: str) -> Pair | None:
    family_p, family_q = getattr(kldiv, p), getattr(kldiv, q)
    try:
        rule = kldiv.rule(family_p, family_q)
    except kldiv.NoClosedForm:
        same_shape = len(support_of(family_p).axes) == len(support_of(family_q).axes)
        return Pair(p, q, "estimate") if same_shape else None
    words = "; ".join([*dict.fromkeys(rule.steps), *[rule.equation][: bool(rule.equation)]])
    return Pair(p, q, rule.method, words, rule.source)


def counts() -> Counter[str]:
    """Return how many pairs there are of each way, and of all that are finite."""
    found = Counter(pair.way for pair in pairs())
    found["finite"] = sum(found[way] for way in FINITE)
    return found


def distinct() -> int:
    """Return how many finite pairs there are if the parametrizations of a family count once."""
    return len({(SYNONYMS.get(p, p), SYNONYMS.get(q, q)) for p, q, way, *_ in pairs() if way in FINITE})


def peers() -> list[str]:
    """Return the lines of the table of other libraries."""
    measured = json.loads((HERE / "peers.json").read_text())
    lines = ["| library | finite | infinite | measured on |", "|---|---|---|---|"]
    lines += [f"| kldiv | {counts()['finite']} | {counts()['infinite']} | |"]
    for name, answers in sorted(measured.items(), key=lambda item: -len(item[1]["finite"])):
        numbers = f"{len(answers['finite'])} | {len(answers['infinite'])}"
        lines.append(f"| {name} {answers['version']} | {numbers} | {answers['date']} |")
    union = {tuple(pair) for answers in measured.values() for pair in answers["finite"]}
    estimated = {(pair.p, pair.q) for pair in pairs() if pair.way == "estimate"}
    missing = sorted(" || ".join(pair) for pair in union & estimated)
    lines += [
        "",
        f"Together they have {len(union)} finite pairs. Of these, kldiv lacks: {', '.join(missing) or 'none'}.",
    ]
    return lines


def readme(version: str) -> str:
    """Return the text of README.md with the counts of a release."""
    listed = [f"| {outcome} | `{'`, `'.join(found)}` |" for outcome, found in families().items()]
    lines = [
        *["| outcome | families |", "|---|---|", *listed, ""],
        f"In release {version}, {counts()['finite']} ordered pairs of families have a finite divergence, and "
        f"{counts()['infinite']} an infinite one.",
        "",
        *peers(),
    ]
    block = "<!-- counts -->\n" + "\n".join(lines) + "\n<!-- counts end -->"
    text = (ROOT / "README.md").read_text()
    return re.sub("<!-- counts -->.*?<!-- counts end -->", lambda _: block, text, flags=re.DOTALL)


if __name__ == "__main__":
    (ROOT / "README.md").write_text(readme(*sys.argv[1:]))
