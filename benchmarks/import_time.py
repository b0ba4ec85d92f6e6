"""What ``import kldiv`` takes beyond a bare interpreter."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

from measure import Row, medians


def rows(backend: str) -> Iterator[Row]:
    """Yield the difference of the medians of two processes, in milliseconds; it is of no backend."""
    if backend == "numpy":

        def run(code: str) -> None:
            subprocess.run([sys.executable, "-c", code], check=True)

        ours, bare = medians(
            lambda: run("import kldiv"), lambda: run("pass"), seconds=5.0, least=20, clock=time.perf_counter
        )
        yield Row("import kldiv, milliseconds beyond `python -c pass`", 1e3 * (ours - bare), "<= 20")
