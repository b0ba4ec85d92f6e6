"""The pages of the site that are written from the library itself: families, pairs, API, changes.

They lie in docs/generated, which is not committed. A new family has its page by existing.
"""

import html
import inspect
import json
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.style as mpl_style
import pairs
from matplotlib.figure import Figure

ROOT = pairs.ROOT
sys.path.append(str(ROOT / "tests"))

import kldiv  # noqa: E402
from kldiv import domains  # noqa: E402
from kldiv._core.family import fields_of  # noqa: E402
from oracle import merged  # noqa: E402

STYLE = ROOT / "examples" / "kldiv.mplstyle"


def write(folder: Path) -> None:
    """Write all pages that are generated."""
    mpl_style.use(STYLE)
    shutil.rmtree(folder / "families", ignore_errors=True)
    (folder / "families").mkdir(parents=True)
    for name in kldiv.families.__all__:
        _write(folder / "families" / f"{name}.md", family_page(name))
        draw_family(name, folder / "families" / f"{name}.png")
    _write(folder / "families" / "index.md", families_page())
    _write(folder / "pairs.md", pairs_page())
    _write(folder / "api.md", api_page())
    _write(folder / "changes.md", changes_page())


def _write(path: Path, lines: Iterator[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


# ------------------------------------------------------------------------------------------------------------ families

# What P and Q of a picture have for a parameter of each domain.
DRAWN: dict[Any, tuple[Any, Any]] = {
    domains.Real: (0.0, 1.0),
    domains.Positive: (2.0, 3.0),
    domains.UnitInterval: (0.3, 0.5),
    domains.OpenUnitInterval: (0.3, 0.5),
    domains.LeftOpenUnitInterval: (0.3, 0.5),
    domains.ZeroToBelowOne: (0.3, 0.5),
    domains.AboveOne: (3.0, 2.5),
    domains.Logit: (-1.0, 0.0),
    domains.Count: (10, 10),
    domains.Integer: (0, 0),
    domains.AboveLow: (1.0, 2.0),
    domains.IntegerFromLow: (5, 8),
    domains.Increasing: ([-1.0, 0.5, 2.0], [-1.0, 0.0, 1.0]),
    domains.Simplex: ([0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.25, 0.25]),
    domains.Logits: ([0.0, 0.5, 1.0, 1.5], [0.0, 0.0, 0.0, 0.0]),
    domains.RealVector: ([0.0, 0.0], [1.0, 0.5]),
    domains.PositiveVector: ([1.0, 0.7], [1.5, 1.0]),
    domains.LowerTriangular: ([[1.0, 0.0], [0.5, 0.8]], [[1.5, 0.0], [0.0, 1.0]]),
    domains.PositiveDefinite: ([[1.0, 0.5], [0.5, 0.9]], [[2.0, 0.0], [0.0, 1.0]]),
    domains.LowRankFactor: ([[0.8], [0.6]], [[0.0], [1.0]]),
}
# Where the numbers above have little mass in common, or nothing to show.
OTHERWISE: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "Frechet": ((3.0, 1.0), (2.0, 1.5)),
    "InverseGamma": ((3.0, 2.0), (4.0, 2.0)),
    "LogUniform": ((1.0, 3.0), (0.5, 5.0)),
    "LogNormal": ((0.0, 0.5), (0.5, 0.6)),
    "Pareto": ((1.0, 3.0), (1.0, 2.0)),
    "Poisson": ((3.0,), (5.0,)),
    "TruncatedNormal": ((0.0, 1.0, -1.0, 2.0), (1.0, 1.5, -1.0, 2.0)),
    "Uniform": ((0.5, 1.5), (0.0, 2.0)),
    "Mixture": (
        ([0.4, 0.6], kldiv.Normal([-2.0, 2.0], [0.7, 1.0])),
        ([0.5, 0.5], kldiv.Normal([-1.0, 2.0], [1.0, 1.5])),
    ),
}


def members(name: str) -> list[Any]:
    """Return the two members of a family that its picture shows; none where it cannot be drawn."""
    family = getattr(kldiv, name)
    if name in OTHERWISE:
        return [family(*parameters) for parameters in OTHERWISE[name]]
    of_fields = [DRAWN.get(field.domain) for field in fields_of(family)]
    if name in pairs.HOLDERS or None in of_fields or pairs.space(name) not in ("line", "integers", "circle", "vectors"):
        return []
    return [family(*(both[i] for both in of_fields)) for i in range(2)]


def draw_family(name: str, path: Path) -> None:
    """Draw two members of a family."""
    both = members(name)
    if both:
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        kldiv.plotting.densities(*both, ax=figure.subplots(1, 1 if pairs.space(name) == "vectors" else 2))
        figure.savefig(path, dpi=120)


def family_page(name: str) -> Iterator[str]:
    """Yield the lines of the page of a family."""
    yield from ["(family-" + name + ")=", f"# {name}", "", "```{eval-rst}", f".. autoclass:: kldiv.{name}", "```", ""]
    if members(name):
        text = " and ".join(f"`{'Q' if i else 'P'} = {d}`" for i, d in enumerate(members(name)))
        yield from [f"![Two members of the family {name}, and the integrand of their divergence]({name}.png)", "", text]
    if name in pairs.HOLDERS:
        yield from ["", "Its divergences depend on what it holds: `kldiv.rule` tells how one is computed.", ""]
    else:
        yield from ["", "## Accuracy", "", accuracy(name), ""]
        yield from _partners(name, "p", "q", f"KL({name} || Q)")
        yield from _partners(name, "q", "p", f"KL(P || {name})")
    file = Path(inspect.getfile(getattr(kldiv, name)))
    # One literal text, as a folder `families` of the checkout or of the installed package holds it.
    yield from ["## Code", "", ":::{dropdown} kldiv/families/" + file.name, "", "```python"]
    yield from [file.read_text(encoding="utf-8").rstrip(), "```", ":::"]


def _partners(name: str, this: str, other: str, title: str) -> Iterator[str]:
    """Yield the lines of a section: the partners with a finite divergence, and the names of all others."""
    mine = [pair for pair in pairs.pairs() if getattr(pair, this) == name]
    yield from ["", f"## {title}", "", "{.rules}", f"| {other.upper()} | way | how | source |", "|---|---|---|---|"]
    for pair in mine:
        if pair.way in pairs.FINITE:
            cells = [_link(getattr(pair, other)), pair.way, f"`{pair.equation}`", pair.source]
            yield "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
    for way, words in (("infinite", "Infinite for"), ("estimate", "No closed form; use `kldiv.estimate` for")):
        links = [_link(getattr(pair, other)) for pair in mine if pair.way == way]
        if links:
            yield from ["", f"{words} {other.upper()} = {', '.join(links)}."]
    yield ""


def _link(name: str) -> str:
    return f"[{name}](#family-{name})"


def accuracy(name: str) -> str:
    """Return the error within a family that the tests allow, in words."""
    end = (
        " The tests compare with the definition in mpmath; [Exactness](/exactness.md) explains the unit, and has the "
        "bounds between different families."
    )
    if name in ("MultivariateNormal", "MultivariateNormalPrecision"):
        return "At most `4 sqrt(d)` ulps plus the condition number of the matrices." + end
    if name == "MultivariateNormalTriL":
        return "At most `4 sqrt(d)` ulps plus a twentieth of the condition number of the matrices." + end
    if "logits" in getattr(kldiv, name)._fields and name.startswith(("Categorical", "OneHot", "Multinomial")):
        return "At most 5 ulps, or as many as the largest logit for extreme parameters." + end
    bound = merged("BOUNDS").get(name, 64.0)
    if not isinstance(bound, dict):
        return f"At most {bound:g} ulps." + end
    kinds = {"interior": "ordinary", "near": "nearly equal", "extreme": "extreme", "boundary": "boundary"}
    words = [f"{bound[kind]:g} ulps for {kinds[kind]} parameters" for kind in kinds if kind in bound]
    return f"At most {', '.join(words)}." + end


def families_page() -> Iterator[str]:
    """Yield the lines of the list of families, by their outcomes."""
    yield from ["# Families", "", f"{len(kldiv.families.__all__)} families, by what their outcomes are.", ""]
    for outcome, found in pairs.families().items():
        yield from [f"## {outcome}", "", "| family | what it is |", "|---|---|"]
        summaries = {name: (inspect.getdoc(getattr(kldiv, name)) or "").splitlines()[0] for name in found}
        yield from [f"| {_link(name)} | {summary} |" for name, summary in summaries.items()]
        yield ""
    yield from ["```{toctree}", ":hidden:", ":maxdepth: 1", "", *kldiv.families.__all__, "```"]


# --------------------------------------------------------------------------------------------------------------- pairs


def pairs_page() -> Iterator[str]:
    """Yield the lines of the table of all pairs, with fields that filter it."""
    found = pairs.counts()
    yield from ["---", "html_theme.sidebar_secondary.remove: true", "---", "", "# All pairs", ""]
    yield "How KL(P || Q) is computed for each pair of families, by the rules of kldiv itself."
    yield f"**{found['finite']} ordered pairs have a finite divergence** ({pairs.distinct()} if parametrizations of one"
    yield f"family count once), and {found['infinite']} an infinite one. `print(kldiv.rule(P, Q))` tells the same."
    yield from ["", "| way | pairs | what it is |", "|---|---|---|"]
    yield from [f"| {way} | {found[way]} | {words} |" for way, words in pairs.WAYS.items()]
    yield from ["", "## The table", "", "```{raw} html", *_filter(), "```", "", "## Other libraries", ""]
    yield "The pairs for which another library returns a number, of all pairs of families that it shares with kldiv, at"
    yield "ordinary parameters. Where it always returns infinity, the pair is counted as infinite."
    yield from ["", *pairs.peers()]


def _filter() -> Iterator[str]:
    rows = [[*pair] if pair.way in pairs.FINITE else [*pair[:3], "", ""] for pair in pairs.pairs()]
    yield '<form class="pairs-filter" id="pairs-filter">'
    for name in ("P", "Q"):
        yield f'<label>{name}<input name="{name.lower()}" type="search" list="pairs-names" placeholder="any"></label>'
    yield '<label>way<select name="way"><option value="">any</option>'
    yield from (f"<option>{way}</option>" for way in pairs.WAYS)
    yield '</select></label></form><datalist id="pairs-names">'
    yield from (f"<option>{name}</option>" for name in pairs.names())
    yield '</datalist><p id="pairs-count" aria-live="polite">The table needs JavaScript.</p>'
    yield '<table class="table" id="pairs-table"><thead><tr>'
    yield from (f"<th>{heading}</th>" for heading in ("P", "Q", "way", "how", "source"))
    yield "</tr></thead><tbody></tbody></table>"
    yield f'<script type="application/json" id="pairs-data">{html.escape(json.dumps(rows), quote=False)}</script>'


# ------------------------------------------------------------------------------------------------------ API and changes

ROOMS = {
    "divergences": "Divergences",
    "estimation": "Estimates and bounds",
    "fitting": "Fits and projections",
    "sequences": "Language models",
    "_core": "Rules and samples",
    "interop": "Distributions of other libraries",
    "plotting": "Pictures",
    "declare": "Declarations",
    "numerics": "Numerics of formulas",
}


def api_page() -> Iterator[str]:
    """Yield the lines of the list of public names, with a page each."""
    yield from ["# API", "", "All public names but [the families](families/index.md)."]
    listed = {*kldiv.families.__all__}
    groups: dict[str, list[str]] = {room: [] for room in ROOMS}
    for name in dir(kldiv):
        value = getattr(kldiv, name)
        room = getattr(value, "__module__", "").split(".")[1:2]
        if name not in listed and room and room[0] in groups:
            groups[room[0]].append(f"kldiv.{name}")
    for module in ("plotting", "declare", "numerics"):
        of_module = getattr(kldiv, module)
        groups[module] = [f"kldiv.{module}.{name}" for name in of_module.__all__]
    for room, title in ROOMS.items():
        if groups[room]:
            yield from [
                "",
                f"## {title}",
                "",
                "```{eval-rst}",
                ".. autosummary::",
                "   :toctree: api",
                "   :nosignatures:",
                "",
            ]
            yield from [f"   {name}" for name in sorted(groups[room])]
            yield "```"
    yield from ["", "## Domains and supports", "", "```{eval-rst}", ".. automodule:: kldiv.domains", "```"]
    for of, title in ((domains.Domain, "Domains of parameters"), (domains.Support, "Supports of outcomes")):
        constants = [name for name in dir(domains) if isinstance(getattr(domains, name), of)]
        yield from ["", f"{title}: {', '.join(f'`{name}`' for name in constants)}."]


def changes_page() -> Iterator[str]:
    """Yield the lines of the list of changes: those of the next release, then CHANGELOG.md."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["towncrier"]
    title, _, released = (ROOT / settings["filename"]).read_text(encoding="utf-8").partition(settings["start_string"])
    yield from [title.splitlines()[0], "", "## Not released yet"]
    for kind in settings["fragment"]:
        files = sorted((ROOT / settings["directory"]).glob(f"*.{kind}.md"))
        if files:
            yield from ["", f"### {kind.capitalize()}", ""]
            yield from [f"- {file.read_text(encoding='utf-8').strip()}" for file in files]
    yield from ["", released.strip()]
