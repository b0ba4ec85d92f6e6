"""``python -m kldiv``: the worked examples on every installed framework, beside what circulates and beside the truth.

Each framework computes in a process of its own, for some cannot share one. This process loads none of them: it sends
the parameters of every comparison, gets the numbers back, and compares them with truths that it computes itself.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import math
import os
import pkgutil
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import kldiv
import kldiv.backends
from kldiv import _examples as examples
from kldiv._demo_worker import encode
from kldiv._examples import Comparison

Json: TypeAlias = Any

# What a framework's process needs in its environment. JAX has no float64 without the first of these; the others keep
# the demonstration on the CPU and TensorFlow's log messages out of it, and give way to what the caller has set.
_REQUIRED = {"jax": {"JAX_ENABLE_X64": "1"}}
_PREFERRED = {
    "jax": {"JAX_PLATFORMS": "cpu"},
    "tensorflow": {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0", "CUDA_VISIBLE_DEVICES": "-1"},
}

_NOT_FRAMEWORKS = {"array_api_strict"}  # a backend for testing only

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
    command = [sys.executable, "-P", "-m", "kldiv._demo_worker", framework]
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, encoding="utf-8")


def finish(process: "subprocess.Popen[str]", comparisons: Iterable[Comparison]) -> Json:
    """Send the comparisons and return the process's reply, or ``{"failure": reason}``."""
    jobs = [
        {"p": encode(c.p), "q": encode(c.q), "dtype": c.dtype, "total": c.total, "peers": c.peers} for c in comparisons
    ]
    out, err = process.communicate(json.dumps(jobs))
    if process.returncode == 0:
        return json.loads(out)
    last = [line for line in err.splitlines() if line.strip()][-1:]
    return {"failure": last[0].strip() if last else f"exit status {process.returncode}"}


# ------------------------------------------------------------------------------------------------------- the report


def frameworks() -> list[str]:
    """Return the names of all frameworks that there is a backend for."""
    names = [module.name for module in pkgutil.iter_modules(kldiv.backends.__path__)]
    return [name for name in names if not name.startswith("_") and name not in _NOT_FRAMEWORKS]


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


def compare(comparison: Comparison, replies: dict[str, Json], index: int) -> list[Json]:
    """Return what is known of each case of a comparison, the `index`-th of those that the frameworks were sent."""
    cases = []
    for i, (label, truth) in enumerate(zip(comparison.cases, comparison.truth.tolist(), strict=True)):
        found = {name: reply["numbers"][index][i] for name, reply in replies.items()}
        wrong = [name for name, value in found.items() if not agrees(value, truth, _TOLERANCE[comparison.dtype])]
        case: Json = {"case": label, "truth": truth, "kldiv": found, "agree": not wrong, "wrong": wrong}
        case["spread"] = spread(found.values())
        if comparison.circulates:
            case["circulates"] = float(comparison.circulates[i])
        if comparison.peers:
            case["peers"] = {peer: v[i] for reply in replies.values() for peer, v in reply["peers"][index].items()}
        if comparison.errors:
            case["standard_error"] = float(comparison.errors[i])
        cases.append(case)
    return cases


def report(names: Sequence[str]) -> Json:
    """Compute everything on the frameworks of these names, and return it as one JSON document."""
    began = time.perf_counter()
    processes = {name: start(name) for name in names}
    worked, near = examples.worked_examples(), examples.near_equality()
    datasets = examples.real_data() if is_installed("sklearn") else []

    comparisons = [c for example in worked for c in example.comparisons]
    comparisons += [c for dataset in datasets for c in (dataset.element_wise, dataset.full_covariance)]
    comparisons += [pair.comparison for pair in near]
    replies = {name: finish(process, comparisons) for name, process in processes.items()}
    failures = {name: reply["failure"] for name, reply in replies.items() if "failure" in reply}
    replies = {name: reply for name, reply in replies.items() if name not in failures}
    compared = {id(c): compare(c, replies, index) if replies else [] for index, c in enumerate(comparisons)}
    cases = [case for several in compared.values() for case in several]

    return {
        "kldiv": version("kldiv"),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "frameworks": {name: reply["version"] for name, reply in replies.items()},
        "failures": failures,
        "not_installed": [name for name in frameworks() if not is_installed(name)],
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
                "title": example.title,
                "folklore": example.folklore,
                "heading": example.heading,
                "cases": [case for c in example.comparisons for case in compared[id(c)]],
            }
            for example in worked
        ],
        "data": [
            {
                "name": dataset.name,
                "classes": dataset.classes,
                "samples": dataset.samples,
                "features": dataset.features,
                "element_wise": compared[id(dataset.element_wise)],
                "full_covariance": compared[id(dataset.full_covariance)],
            }
            for dataset in datasets
        ],
        "near_equality": [
            {**case, "peers": {"textbook": pair.textbook, "SciPy": pair.scipy, **case["peers"]}}
            for pair in near
            for case in compared[id(pair.comparison)]
        ],
        "seconds": round(time.perf_counter() - began, 1),
    }


def strict(value: Json) -> Json:
    """Return a document without the literals NaN and Infinity, which are not JSON: strings take their places."""
    if isinstance(value, dict):
        return {key: strict(item) for key, item in value.items()}
    if isinstance(value, list):
        return [strict(item) for item in value]
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the worked examples, and return 0 if every framework agrees with the truth."""
    parser = argparse.ArgumentParser(
        prog="python -m kldiv", description="The worked examples on every framework found."
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document; nan and inf are strings in it")
    parser.add_argument("--figures", metavar="DIR", help="save pictures in this folder (needs matplotlib)")
    parser.add_argument(
        "--framework", action="append", choices=frameworks(), help="use this one only; may be given again for more"
    )
    options = parser.parse_args(arguments)

    names = options.framework or [name for name in frameworks() if is_installed(name)]
    for name in names:
        if not is_installed(name):
            parser.error(f"{name} is not installed; try: pip install kldiv[{name}]")
    if options.figures and not is_installed("matplotlib"):
        parser.error("--figures needs matplotlib; try: pip install kldiv[demo]")
    if sys.stderr.isatty():
        print(f"Computing on {', '.join(names)} ...", file=sys.stderr)

    document = report(list(dict.fromkeys(names)))
    if options.figures and document["frameworks"]:
        from kldiv._demo_figures import save

        document["figures"] = save(document, options.figures)
    if options.json:
        print(json.dumps(strict(document), indent=2, allow_nan=False))
    else:
        from kldiv._demo_text import show

        show(document)
    return 0 if document["agree"] else 1


if __name__ == "__main__":
    sys.exit(main())
