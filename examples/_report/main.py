"""The command line of every example: what the frameworks compute is compared with truths, and reported.

Each framework computes in a process of its own, for some cannot share one. This process loads none of them: it sends
the parameters of every comparison, gets the numbers back, and compares them with truths that it computes itself.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from _report import text
from _report.records import Case, Comparison, Example, body, stem

Json: TypeAlias = Any

STYLE = Path(__file__).parents[1] / "kldiv.mplstyle"
FRAMEWORKS = ("numpy", "torch", "tensorflow", "jax")

# What a framework's process needs in its environment. JAX has no float64 without the first of these; the others keep
# the examples on the CPU and TensorFlow's log messages out of them, and give way to what the caller has set.
_REQUIRED = {"jax": {"JAX_ENABLE_X64": "1"}}
_PREFERRED = {
    "jax": {"JAX_PLATFORMS": "cpu"},
    "tensorflow": {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0", "CUDA_VISIBLE_DEVICES": "-1"},
}

# Relative. The truths in float64 are SciPy's, good to about 1e-13; those for float32 are exact.
_TOLERANCE = {"float64": 1e-12, "float32": 1e-6}


# ------------------------------------------------------------------------------------------ one framework, one process


def start(framework: str) -> "subprocess.Popen[str]":
    """Start a framework's process, which loads the framework while this one prepares the comparisons."""
    environment = {
        **_PREFERRED.get(framework, {}),
        **os.environ,
        **_REQUIRED.get(framework, {}),
        # The same modules as here, whichever way this process found them (-P: and no others).
        "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        "PYTHONWARNINGS": "ignore",
        "PYTHONIOENCODING": "utf-8",
    }
    pipe = subprocess.PIPE
    command = [sys.executable, "-P", "-m", "_report.worker", framework]
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, encoding="utf-8")


def finish(process: "subprocess.Popen[str]", comparisons: Iterable[Comparison]) -> Json:
    """Send the comparisons and return the process's reply, or ``{"failure": reason}``."""
    calls = [
        {
            "function": f"{stem(c.function)}:{c.function.__name__}",
            "parameters": [np.asarray(value).tolist() for value in c.parameters],
            "dtype": c.dtype,
            "total": c.total,
            "peers": c.peers,
        }
        for c in comparisons
    ]
    out, err = process.communicate(json.dumps(calls))
    if process.returncode == 0:
        return json.loads(out)
    last = [line for line in err.splitlines() if line.strip()][-1:]
    return {"failure": last[0].strip() if last else f"exit status {process.returncode}"}


# ------------------------------------------------------------------------------------------------------ the comparison


def is_installed(package: str) -> bool:
    """Tell whether a package can be imported, without importing it; a mere folder of its name does not count."""
    spec = importlib.util.find_spec(package)
    return spec is not None and spec.origin is not None


def version(distribution: str) -> str | None:
    """Return the version of an installed distribution."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def agrees(value: float, truth: float, tolerance: float) -> bool:
    """Tell whether a number is the truth; 0 and inf must be found exactly, and nan never agrees."""
    return value == truth or abs(value - truth) <= tolerance * abs(truth) < math.inf


def spread(values: Iterable[float]) -> float:
    """Return the largest relative difference between numbers."""
    values = list(values)
    low, high = min(values), max(values)
    return (high - low) / max(abs(low), abs(high)) if low != high else 0.0


def compare(comparison: Comparison, replies: dict[str, Json], index: int) -> list[Case]:
    """Return what is known of each case of a comparison, the `index`-th of those that the frameworks were sent."""
    cases = []
    for i, (label, truth) in enumerate(zip(comparison.cases, comparison.truth, strict=True)):
        computed = {name: reply["numbers"][index][i] for name, reply in replies.items()}
        wrong = [name for name, value in computed.items() if not agrees(value, truth, _TOLERANCE[comparison.dtype])]
        case: Case = {"case": label, "truth": float(truth), "kldiv": computed, "agree": not wrong, "wrong": wrong}
        case["spread"] = spread(computed.values())
        if comparison.alternative:
            case["alternative"] = float(comparison.alternative[i])
        if comparison.errors:
            case["standard_error"] = float(comparison.errors[i])
        if comparison.peers:
            peers = {peer: v[i] for reply in replies.values() for peer, v in reply["peers"][index].items()}
            case["peers"] = {**{name: v[i] for name, v in comparison.others.items()}, **peers}
        cases.append(case)
    return cases


def report(examples: Sequence[Example], frameworks: Sequence[str]) -> Json:
    """Compute the examples on the frameworks of these names, and return everything as one JSON document."""
    began = time.perf_counter()
    processes = {name: start(name) for name in frameworks}
    left_out = [example.title for example in examples if example.needs and not is_installed(example.needs)]
    examples = [example for example in examples if example.title not in left_out]
    several = [example.comparisons() for example in examples]

    comparisons = [comparison for one in several for comparison in one]
    replies = {name: finish(process, comparisons) for name, process in processes.items()}
    failures = {name: reply["failure"] for name, reply in replies.items() if "failure" in reply}
    replies = {name: reply for name, reply in replies.items() if name not in failures}
    compared = iter([compare(c, replies, index) if replies else [] for index, c in enumerate(comparisons)])
    cases_of = [[case for _ in one for case in next(compared)] for one in several]
    cases = [case for one in cases_of for case in one]

    return {
        "kldiv": version("kldiv"),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "frameworks": {name: reply["version"] for name, reply in replies.items()},
        "failures": failures,
        "not_installed": [name for name in FRAMEWORKS if not is_installed(name)],
        "left_out": left_out,
        "libraries": {name: version(name) for name in ("scipy", "scikit-learn", "matplotlib", "rich")},
        "agree": bool(cases) and not failures and all(case["agree"] for case in cases),
        "disagreements": [case for case in cases if not case["agree"]],
        "compared": len(cases) * len(replies),
        "tolerance": _TOLERANCE,
        "truth": {
            "float64": "E_p[log p - log q] with SciPy's log densities, by a rule that is exact for them",
            "float32": "60-digit decimals, from the same float32 numbers",
        },
        "examples": [
            {
                "name": example.name,
                "title": example.title,
                "explanation": example.explanation,
                "layout": example.layout,
                "alternative": example.alternative,
                "brief": list(example.brief),
                "code": [body(f) for f in dict.fromkeys([c.function for c in several[i]] + list(example.code))],
                "cases": cases_of[i],
            }
            for i, example in enumerate(examples)
        ],
        "seconds": round(time.perf_counter() - began, 1),
    }


def save_figures(examples: Sequence[Example], document: Json, folder: Path) -> list[str]:
    """Save the figures of the examples, and return their paths."""
    cases = {example["name"]: example["cases"] for example in document["examples"]}
    paths = []
    with import_module("matplotlib.style").context(STYLE):
        for example in examples:
            if example.figures and example.name in cases:
                for name, figure in example.figures(cases[example.name]).items():
                    paths.append(str(folder / f"{name}.png"))
                    figure.savefig(paths[-1], dpi=150)
    return paths


def strict(value: Json) -> Json:
    """Return a document without the literals NaN and Infinity, which are not JSON: strings take their places."""
    if isinstance(value, dict):
        return {key: strict(item) for key, item in value.items()}
    if isinstance(value, list):
        return [strict(item) for item in value]
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


# ---------------------------------------------------------------------------------------------------- the command line


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """Return the options and the names of the frameworks to use; what is not installed is an error."""
    parser.add_argument("--framework", action="append", choices=FRAMEWORKS, help="use this one only; may be repeated")
    parser.add_argument("--json", action="store_true", help="print one JSON document; nan and inf are strings in it")
    parser.add_argument("--folder", metavar="DIR", type=Path, help="save the report and its figures in this folder")
    options = parser.parse_args(arguments)
    names = list(dict.fromkeys(options.framework or filter(is_installed, FRAMEWORKS)))
    for name in names:
        if not is_installed(name):
            parser.error(f"{name} is not installed; try: pip install {name}")
    if options.folder and not is_installed("matplotlib"):
        parser.error("--folder needs matplotlib; try: pip install matplotlib")
    return options, names


def main(*examples: Example, folder: Path | None = None, arguments: Sequence[str] | None = None) -> int:
    """Run examples, and return 0 if every framework agrees with the truth.

    Several examples make a report in brief, which is saved in `folder` unless another one is asked for.
    """
    (first, *_) = examples
    description = "All worked examples, in brief." if len(examples) > 1 else first.title
    options, names = parse(argparse.ArgumentParser(description=description), arguments)
    if sys.stderr.isatty():
        print(f"Computing on {', '.join(names)} ...", file=sys.stderr)
    document = report(examples, names)

    target: Path | None = options.folder or folder
    if target:
        target.mkdir(parents=True, exist_ok=True)
        drawn = document["frameworks"] and is_installed("matplotlib")
        document["folder"] = str(target.resolve())
        document["figures"] = save_figures(examples, document, target) if drawn else []
    tables = {example.name: example.table() for example in examples if example.table and len(examples) == 1}
    sections = list(text.sections(document, tables))
    if target:
        (target / "report.txt").write_text(text.plain(sections) + "\n", encoding="utf-8")

    try:
        if options.json:
            print(json.dumps(strict(document), indent=2, allow_nan=False))
        else:
            text.show(sections)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough; Python would try to flush once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0 if document["agree"] else 1
