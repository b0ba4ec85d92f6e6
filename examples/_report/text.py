"""The report in words and tables: coloured by rich in a terminal, plain aligned text elsewhere."""

import importlib.util
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from _report.records import Case, Table

WIDTH = 110
TICK, CROSS = "✓", "✗"
_ASCII = str.maketrans({TICK: "ok", CROSS: "x", "±": "+-", "²": "^2"})
_MARKED_FROM = 1e-6  # the relative error from which on a number that is not kldiv's counts as wrong


class Section(NamedTuple):
    """A heading, a paragraph, code and tables, each of which may be missing."""

    title: str = ""
    text: str = ""
    code: str = ""
    tables: Sequence[Table] = ()


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


def together(computed: dict[str, float], text: Callable[[float], str]) -> tuple[str, str]:
    """Return a line for each different number, and beside it the frameworks that computed it."""
    names_of: dict[str, list[str]] = {}
    for name, value in computed.items():
        names_of.setdefault(text(value), []).append(name)
    return "\n".join(names_of), "\n".join(_who(names, list(computed)) for names in names_of.values())


def _who(names: list[str], everyone: list[str]) -> str:
    others = [name for name in everyone if name not in names]
    if len(names) == 1 or len(names) <= len(others):
        return ", ".join(names)
    return f"all but {', '.join(others)}" if others else "both" if len(names) == 2 else f"all {len(names)}"


def sections(document: Any, more_tables: dict[str, Table]) -> Iterator[Section]:
    """Yield the report piece by piece: a single example in full, several in brief."""
    brief = len(document["examples"]) + len(document["left_out"]) > 1
    kldiv = f"kldiv {document['kldiv']}" if document["kldiv"] else "kldiv"
    yield Section(f"{kldiv}: divergences in nats; N(m, v) has mean m and variance v", _environment(document))
    for example in document["examples"]:
        cases = [
            case for case in example["cases"] if not (brief and example["brief"]) or case["case"] in example["brief"]
        ]
        tables = [_TABLES[example["layout"]](example, cases, brief)] if cases else []
        tables += [more_tables[example["name"]]] if example["name"] in more_tables else []
        yield Section(
            example["title"],
            "" if brief else example["explanation"].partition("\n\n")[2],
            example["code"][0] if brief else "\n\n".join(example["code"]),
            tables,
        )
    for title in document["left_out"]:
        yield Section(title, "Iris and Wine come with scikit-learn: pip install scikit-learn")
    yield Section(text=_verdict(document))


def _environment(document: Any) -> str:
    def listed(versions: dict[str, str | None]) -> str:
        return ", ".join(f"{name} {version}" for name, version in versions.items() if version) or "none"

    lines = [
        f"Python {document['python']} on {document['platform']}; {listed(document['libraries'])}",
        f"Frameworks: {listed(document['frameworks'])}",
    ]
    if document["not_installed"]:
        lines[-1] += f"; not installed: {', '.join(document['not_installed'])}"
    return "\n".join(textwrap.fill(line, WIDTH) for line in lines)


def _formula_table(example: Any, cases: Sequence[Case], brief: bool) -> Table:
    rows = []
    for case in cases:
        alternative = marked(case["alternative"], case["truth"], 7)
        if "standard_error" in case:
            alternative = f"{case['alternative']:.4f} ± {case['standard_error']:.4f}"
        computed = together(case["kldiv"], "{:.12g}".format if brief else repr)
        rows.append(
            [case["case"], alternative, *computed, number(case["truth"], 12 if brief else 13), tick(case["agree"])]
        )
    return Table(["", example["alternative"], "kldiv", "on", "truth", ""], "lrlllr", rows)


def _pairs_table(example: Any, cases: Sequence[Case], brief: bool) -> Table:
    """Return a row for each unordered pair of classes, with both directions, without and with correlations."""
    columns: dict[str, list[Case]] = {}
    for case in cases:
        columns.setdefault(case["case"], []).append(case)
    rows = []
    for name, there in columns.items():
        dataset, _, pair = name.partition(": ")
        p, _, q = pair.partition(" || ")
        back = columns[f"{dataset}: {q} || {p}"]
        if p != q and list(columns).index(name) < list(columns).index(back[0]["case"]):
            row = [f"{x['kldiv'][next(iter(x['kldiv']))]:.10g}" for both in zip(there, back, strict=True) for x in both]
            largest = max(case["spread"] for case in (*there, *back))
            differ = f"{largest:.0e}" if len(there[0]["kldiv"]) > 1 else "-"
            rows.append([name, *row, differ, tick(all(case["agree"] for case in (*there, *back)))])
    headings = ["p || q", "independent", "q || p", "full covariance", "q || p", "differ by", ""]
    return Table(headings, "lrrrrrr", rows)


def _peers_table(example: Any, cases: Sequence[Case], brief: bool) -> Table:
    names = dict.fromkeys(name for case in cases for name in case["peers"])
    rows = []
    for case in cases:
        peers = [marked(case["peers"].get(name), case["truth"], 4) for name in names]
        computed = together(case["kldiv"], "{:.5g}".format)
        rows.append([case["case"], *peers, *computed, number(case["truth"], 5), tick(case["agree"])])
    headings, alignment = ["", *names, "kldiv", "on", "truth", ""], f"l{'r' * len(names)}lllr"
    if not any("\n" in cell for row in rows for cell in row):  # all frameworks agree
        at = headings.index("on")
        headings.pop(at)
        alignment = alignment[:at] + alignment[at + 1 :]
        rows = [[*row[:at], *row[at + 1 :]] for row in rows]
    return Table(headings, alignment, rows)


_TABLES = {"formula": _formula_table, "pairs": _pairs_table, "peers": _peers_table}


def _verdict(document: Any) -> str:
    if document["agree"]:
        single = any("peers" in case for example in document["examples"] for case in example["cases"])
        tolerance = f"{document['tolerance']['float64']:g}"
        if single:
            tolerance += f", in float32 {document['tolerance']['float32']:g}"
        lines = [
            f"{TICK} {document['compared']} numbers on {', '.join(document['frameworks'])}: all agree with the truth "
            f"(relative error at most {tolerance}). {document['seconds']} seconds."
        ]
    else:
        lines = [f"{CROSS} {name} failed: {reason}" for name, reason in document["failures"].items()]
        lines += [
            f"{CROSS} {case['case']}: {name} computes {case['kldiv'][name]!r}, the truth is {case['truth']!r}"
            for case in document["disagreements"]
            for name in case["wrong"]
        ]
        lines.append(f"{document['seconds']} seconds.")
    if "folder" in document:
        figures = f"this report and {len(document['figures'])} figures" if document["figures"] else "this report"
        lines.append(f"Saved {figures} in {document['folder']}")
        if not document["figures"]:
            lines.append("Figures need matplotlib: pip install matplotlib")
    if len(document["examples"]) > 1:
        names = [f"{example['name']}.py" for example in document["examples"]]
        lines.append(f"Next: one example in full, as in python examples/{names[0]}; the guides, docs/guides.md")
    return "\n".join(lines)


# --------------------------------------------------------------------------------------------------- how it is shown


def show(sections: Sequence[Section]) -> None:
    """Print the report: with colours in a terminal, if rich is installed."""
    if sys.stdout.isatty() and importlib.util.find_spec("rich"):
        _print_rich(sections)
        return
    text = plain(sections)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = text.translate(_ASCII)
    print(text)


def plain(sections: Sequence[Section]) -> str:
    """Return the report as plain text."""
    return "\n\n".join("\n".join(_plain(section)) for section in sections)


def _plain(section: Section) -> Iterator[str]:
    if section.title:
        yield section.title
    for paragraph in _paragraphs(section.text):
        yield from textwrap.wrap(paragraph, WIDTH)
    if section.text and section.code:
        yield ""
    if section.code:
        yield from textwrap.indent(section.code, "    ").splitlines()
    for i, table in enumerate(section.tables):
        if i:
            yield ""
        yield from _plain_table(table)


def _paragraphs(text: str) -> list[str]:
    """Return the lines of a text; those of a docstring are joined."""
    return [" ".join(text.split())] if text.endswith("\n") else text.splitlines()


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


def _print_rich(sections: Sequence[Section]) -> None:
    text = import_module("rich.text")
    console = import_module("rich.console").Console()
    for i, section in enumerate(sections):
        if i:
            console.print()
        if section.title:
            console.print(text.Text(section.title, style="bold cyan"))
        for paragraph in _paragraphs(section.text):
            console.print(text.Text(paragraph, style=_style(paragraph)))
        if section.text and section.code:
            console.print()
        if section.code:
            console.print(text.Text(textwrap.indent(section.code.rstrip(), "    "), style="italic"))
        for cells in section.tables:
            table = import_module("rich.table").Table(
                box=None, collapse_padding=True, pad_edge=False, header_style="dim", padding=(0, 2)
            )
            for heading, side in zip(cells.headings, cells.alignment, strict=True):
                # In a narrow terminal words wrap and numbers do not.
                words = heading in ("", "on")
                style = "bold" if heading == "kldiv" else ""
                table.add_column(heading, justify="right" if side == "r" else "left", no_wrap=not words, style=style)
            for row in cells.rows:
                label = row[0].replace(", ", ",\u00a0")  # may wrap between distributions, not inside
                table.add_row(*(text.Text(cell, style=_style(cell)) for cell in (label, *row[1:])))
            console.print(table)


def _style(cell: str) -> str:
    return "green" if cell.startswith(TICK) else "red" if cell.endswith(CROSS) or cell.startswith(CROSS) else ""
