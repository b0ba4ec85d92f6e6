"""The report of `python -m kldiv` in words and tables: coloured by rich in a terminal, plain aligned text in a pipe."""

import importlib.util
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any, NamedTuple

WIDTH = 110
TICK, CROSS = "✓", "✗"
_ASCII = str.maketrans({TICK: "ok", CROSS: "x", "±": "+-", "²": "^2"})
_MARKED_FROM = 1e-6  # the relative error from which on a number that is not kldiv's counts as wrong


class Table(NamedTuple):
    """Cells of text; a cell may have several lines."""

    headings: Sequence[str]
    alignment: str  # "l" or "r" for each column
    rows: Sequence[Sequence[str]]


class Section(NamedTuple):
    """A heading, a paragraph and a table."""

    title: str
    level: int
    text: str = ""
    table: Table | None = None


# ------------------------------------------------------------------------------------------------- what is to be shown


def number(value: float | None, digits: int) -> str:
    """Return a number with so many significant digits, or a dash for none."""
    return "-" if value is None else f"{value:.{digits}g}"


def marked(value: float | None, truth: float, digits: int) -> str:
    """Return somebody else's number, with a cross if it is wrong."""
    text = number(value, digits)
    return text if value is None or abs(value - truth) <= _MARKED_FROM * abs(truth) else f"{text} {CROSS}"


def tick(agree: bool) -> str:
    """Return the mark of a row."""
    return TICK if agree else CROSS


def together(found: dict[str, float], text: Callable[[float], str]) -> tuple[str, str]:
    """Return a line for each different number found, and beside it who found it."""
    finders: dict[str, list[str]] = {}
    for name, value in found.items():
        finders.setdefault(text(value), []).append(name)
    return "\n".join(finders), "\n".join(_who(names, list(found)) for names in finders.values())


def _who(names: list[str], everyone: list[str]) -> str:
    others = [name for name in everyone if name not in names]
    if len(names) == 1 or len(names) <= len(others):
        return ", ".join(names)
    return f"all but {', '.join(others)}" if others else "both" if len(names) == 2 else f"all {len(names)}"


def _double(value: float) -> str:
    return repr(value)


def _single(value: float) -> str:
    return number(value, 5)


def sections(document: Any) -> Iterator[Section]:
    """Yield the report piece by piece."""
    version = document["kldiv"]
    yield Section(
        f"kldiv {version}: worked examples" if version else "kldiv: worked examples", 0, _environment(document)
    )
    yield Section(
        "What circulates, what kldiv finds, and the truth",
        1,
        "Divergences in nats, computed in float64 by each framework. The truth is E_p[log p - log q] with SciPy's log "
        f"densities; {TICK} means that every framework agrees with it to a relative "
        f"{document['tolerance']['float64']:g}. N(m, v) has mean m and variance v.",
    )
    for example in document["examples"]:
        yield Section(example["title"], 2, example["folklore"], _example_table(example))
    if document["data"]:
        yield Section(
            "Real data: a Gaussian fitted to each class, all ordered pairs",
            1,
            "Element-wise: the sum over features, as if they were independent. Full covariance: with correlations. "
            "Differ by: the largest relative difference between frameworks.",
        )
    else:
        yield Section("Real data", 1, "Iris and Wine come with scikit-learn: pip install kldiv[demo]")
    for dataset in document["data"]:
        sizes = ", ".join(map(str, dataset["samples"]))
        title = f"{dataset['name']}: {dataset['features']} features, {sizes} samples"
        yield Section(title, 2, table=_data_table(dataset))
    if document["near_equality"]:
        yield Section(
            "Near equality: two distributions a relative 1e-4 apart, in float32",
            1,
            "The divergence of neighbours is the small difference of large logarithms, and rounding takes its place. "
            f"The truth is computed in 60-digit decimals from the same float32 numbers; {TICK} means agreement with it "
            f"to a relative {document['tolerance']['float32']:g}.",
            _near_table(document),
        )
    yield Section("Verdict", 1, _verdict(document))


def _environment(document: Any) -> str:
    def listed(versions: dict[str, str | None]) -> str:
        return ", ".join(f"{name} {version}" for name, version in versions.items() if version) or "none"

    lines = [
        f"Python {document['python']} on {document['platform']}; {listed(document['libraries'])}",
        f"Frameworks found: {listed(document['frameworks'])}",
    ]
    if document["not_installed"]:
        extras = ",".join(document["not_installed"])
        lines.append(f"Not installed: {', '.join(document['not_installed'])} (pip install kldiv[{extras}])")
    lines += [f"Failed: {name}: {reason}" for name, reason in document["failures"].items()]
    return "\n".join(lines)


def _example_table(example: Any) -> Table:
    rows = []
    for case in example["cases"]:
        circulates = marked(case["circulates"], case["truth"], 7)
        if "standard_error" in case:
            circulates = f"{case['circulates']:.4f} ± {case['standard_error']:.4f}"
        found = together(case["kldiv"], _double)
        rows.append([case["case"], circulates, *found, number(case["truth"], 13), tick(case["agree"])])
    return Table(["", example["heading"], "kldiv", "on", "truth", ""], "lrlllr", rows)


def _data_table(dataset: Any) -> Table:
    rows = []
    for element_wise, full in zip(dataset["element_wise"], dataset["full_covariance"], strict=True):
        p, _, q = full["case"].partition(" || ")
        if p != q:
            numbers = [f"{next(iter(case['kldiv'].values())):.10f}" for case in (element_wise, full)]
            largest = max(element_wise["spread"], full["spread"])
            rows.append(
                [
                    full["case"],
                    *numbers,
                    f"{largest:.1e}" if len(full["kldiv"]) > 1 else "-",
                    tick(element_wise["agree"] and full["agree"]),
                ]
            )
    return Table(["p || q", "element-wise", "full covariance", "differ by", ""], "lrrrr", rows)


def _near_table(document: Any) -> Table:
    names = list(document["near_equality"][0]["peers"])
    rows = []
    for case in document["near_equality"]:
        peers = [marked(case["peers"][name], case["truth"], 5) for name in names]
        found = together(case["kldiv"], _single)
        rows.append([case["case"], *peers, *found, _single(case["truth"]), tick(case["agree"])])
    headings = [name.replace(".", ".\n") for name in names]
    return Table(["", *headings, "kldiv", "on", "truth", ""], f"l{'r' * len(names)}lllr", rows)


def _verdict(document: Any) -> str:
    seconds = f"{document['seconds']} seconds."
    if document.get("figures"):
        seconds += f"\nFigures: {', '.join(document['figures'])}"
    if document["agree"]:
        names = ", ".join(document["frameworks"])
        return f"{TICK} {document['compared']} numbers on {names}: all agree with the truth. {seconds}"
    failed = [f"{CROSS} {name} failed: {reason}" for name, reason in document["failures"].items()]
    wrong = [
        f"{CROSS} {case['case']}: {name} finds {case['kldiv'][name]!r}, the truth is {case['truth']!r}"
        for case in document["disagreements"]
        for name in case["wrong"]
    ]
    return "\n".join([*failed, *wrong, seconds])


# --------------------------------------------------------------------------------------------------- how it is shown


def show(document: Any) -> None:
    """Print the report: with colours in a terminal, if rich is installed."""
    if sys.stdout.isatty() and importlib.util.find_spec("rich"):
        _print_rich(document)
        return
    text = "\n\n".join(map(_plain, sections(document)))
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = text.translate(_ASCII)
    print(text)


def _plain(section: Section) -> str:
    lines = [section.title]
    if section.level < 2:
        lines.append("=-"[section.level] * len(section.title))
    for paragraph in section.text.splitlines():
        lines += textwrap.wrap(paragraph, WIDTH)
    if section.table:
        lines += _plain_table(section.table)
    return "\n".join(lines)


def _plain_table(table: Table) -> Iterator[str]:
    grid = [[cell.splitlines() or [""] for cell in row] for row in (table.headings, *table.rows)]
    widths = [max(len(line) for row in grid for line in row[column]) for column in range(len(table.headings))]
    for row in grid:
        for i in range(max(map(len, row))):
            lines = [cell[i] if i < len(cell) else "" for cell in row]
            aligned = [
                line.rjust(width) if side == "r" else line.ljust(width)
                for line, width, side in zip(lines, widths, table.alignment, strict=True)
            ]
            yield ("  " + "  ".join(aligned)).rstrip()


def _print_rich(document: Any) -> None:
    box, text = import_module("rich.box"), import_module("rich.text")
    console = import_module("rich.console").Console()
    for section in sections(document):
        console.print()
        if section.level < 2:
            console.rule(text.Text(section.title, style="bold"), align="left", characters="━─"[section.level])
        else:
            console.print(text.Text(section.title, style="bold cyan"))
        if section.text:
            console.print(text.Text(section.text, style=_style(section.text)))
        if section.table:
            table = import_module("rich.table").Table(
                box=box.SIMPLE_HEAD, show_edge=False, collapse_padding=True, pad_edge=False, header_style="dim"
            )
            for heading, side in zip(section.table.headings, section.table.alignment, strict=True):
                # In a narrow terminal words wrap and numbers do not.
                words = heading in ("", "on")
                style = "bold" if heading == "kldiv" else ""
                table.add_column(heading, justify="right" if side == "r" else "left", no_wrap=not words, style=style)
            for row in section.table.rows:
                label = row[0].replace(", ", ",\u00a0")  # may wrap between distributions, not inside
                table.add_row(*(text.Text(cell, style=_style(cell)) for cell in (label, *row[1:])))
            console.print(table)


def _style(cell: str) -> str:
    return "green" if cell.startswith(TICK) else "red" if cell.endswith(CROSS) or cell.startswith(CROSS) else ""
