"""All benchmarks of a backend: ``python benchmarks/run.py --backend torch`` prints a table and writes it to the docs.

Everything is measured in one thread. ``nox -s bench-torch`` does it in an environment with the peers.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import os
import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent
TOPICS = {
    "import_time": "Import",
    "small_calls": "Small calls",
    "large_arrays": "Large arrays",
    "gradients": "Forward and backward",
    "covariance": "Full covariance",
    "pairs": "All pairs",
    "estimates": "Estimates",
    "nearest_neighbours": "Nearest neighbours",
}
README, MARK = ROOT / "README.md", "<!-- speed -->"
NAMES = {"numpy": "NumPy", "torch": "PyTorch", "jax": "JAX", "tensorflow": "TensorFlow"}
BACKENDS = list(NAMES)
# The rows that the README shows, by how they begin.
SHOWN = {
    "numpy": ["Normal, scalars / torch", "Normal, batches of 100 / torch", "diagonal normal, 4096 x 1024 / textbook"],
    "torch": [
        "Normal, scalars / torch",
        "categorical from logits, 1024 x 32000: times",
        "logits of Q, 512 x 32000 /",
    ],
    "jax": ["Normal, scalars, eager", "categorical from logits, 1024 x 32000, jit"],
    "tensorflow": ["Normal, scalars, eager", "logits of Q, 512 x 32000, eager /"],
}
PEERS = ("numpy", "scipy", "torch", "jax", "numpyro", "tensorflow", "tensorflow-probability")
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}


def versions() -> Iterator[str]:
    """Yield what is installed of the peers."""
    for name in PEERS:
        try:
            yield f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            continue


def processor() -> str:
    """Return what the operating system says of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    widest = [w for w in ("avx512f", "avx2") if w in fields.get("flags", "").split()]
    return f"{fields.get('model name', platform.machine())} ({', '.join(widest[:1]) or 'no AVX2'})"


def table(backend: str, topics: list[str]) -> Iterator[str]:
    """Yield the lines of a page, each row as soon as it is measured."""
    yield f"# Benchmarks on {backend}"
    yield ""
    yield (
        f"Written by `nox -s bench-{backend}` on {datetime.date.today()}: Python {platform.python_version()}, "
        f"{', '.join(versions())}; {processor()}, one thread, float32 unless said. Ratios of medians of "
        "processor time, both measured in turn in one process."
    )
    for topic in topics:
        rows = list(importlib.import_module(topic).rows(backend))
        if rows:
            yield ""
            yield f"## {TOPICS[topic]}"
            yield ""
            yield "| | found | wanted | |"
            yield "|---|---|---|---|"
        for row in rows:
            yield f"| {row.what} | {row.ratio:.3g} | {row.wanted} | {'✓' if row.reached else '✗'} |"


def times_as_fast(what: str, found: str) -> str:
    """Return the cells of a row: a page has the ratio of the times, or says that a number is its inverse."""
    task, ratio, peer = what.partition(" / ")
    if not ratio:
        task, _, peer = what.partition(": times as fast as ")
    return f"{task} | {peer} | {float(found) if not ratio else 1 / float(found):.2g}"


def update_readme(pages: Path) -> None:
    """Write the rows that the README shows: how many times as fast as its peer kldiv is."""
    rows = [
        f"| {NAMES[backend]}: {times_as_fast(what, found)} |"
        for backend in BACKENDS
        if (pages / f"{backend}.md").exists()
        for line in (pages / f"{backend}.md").read_text().splitlines()
        for what, found in [line.strip("| ").split(" | ")[:2] if line.startswith("| ") else ("", "")]
        if any(what.startswith(begin) for begin in SHOWN.get(backend, ()))
    ]
    text = README.read_text()
    begin, end = text.index(MARK) + len(MARK), text.index("<!-- speed end -->")
    lines = ["| what | the peer | kldiv is so many times as fast |", "|---|---|---|", *rows]
    README.write_text(text[:begin] + "\n" + "\n".join(lines) + "\n" + text[end:])


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", required=True, choices=BACKENDS)
    parser.add_argument("--topics", nargs="*", choices=list(TOPICS), default=list(TOPICS))
    parser.add_argument("--write", type=Path, default=ROOT / "docs" / "benchmarks")
    options = parser.parse_args()
    if not ONE_THREAD.items() <= os.environ.items():  # libraries read it when they are loaded
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD})
    if options.backend in ("numpy", "torch"):
        import torch

        torch.set_num_threads(1)
    lines: list[str] = []
    for line in table(options.backend, options.topics):
        print(line, flush=True)
        lines.append(line)
    if options.topics == list(TOPICS):
        options.write.mkdir(exist_ok=True)
        (options.write / f"{options.backend}.md").write_text("\n".join(lines) + "\n")
        update_readme(options.write)


if __name__ == "__main__":
    main()
