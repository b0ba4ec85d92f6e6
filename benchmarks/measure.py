"""How the benchmarks measure: two functions in turn in one process, and peak memory in a process of its own.

Machines are shared and noisy, so only the ratio of two medians of one run is ever reported.
"""

from __future__ import annotations

import gc
import importlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Row(NamedTuple):
    """One line of a table: what is compared, the ratio found and the ratio wanted, such as "<= 0.4"."""

    what: str
    ratio: float
    wanted: str

    @property
    def reached(self) -> bool:
        """Whether the ratio is what was wanted."""
        relation, limit = self.wanted.split()
        return self.ratio <= float(limit) if relation == "<=" else self.ratio >= float(limit)


def array_of(backend: str) -> Callable[[Any], Any]:
    """Return what makes a framework's array of NumPy's."""
    if backend == "torch":
        import torch

        return torch.from_numpy
    if backend == "jax":
        import jax.numpy as jnp

        return jnp.asarray
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.convert_to_tensor
    import numpy as np

    return np.asarray


def medians(
    *functions: Callable[[], Any],
    seconds: float = 1.0,
    least: int = 5,
    clock: Callable[[], float] = time.process_time,
) -> list[float]:
    """Return the median time of a call of each function, in seconds; they are called in turn.

    It is the time that the processor was at it: others may want it too, for which neither side can be blamed.
    What processes of their own do needs another `clock`.
    Short calls are timed in loops of a millisecond or so. `seconds` is about how long it takes in all.
    """
    loops: list[int] = []
    for function in functions:
        function()
        began = clock()
        function()
        loops.append(max(1, int(1e-3 / max(clock() - began, 1e-7))))
    times: list[list[float]] = [[] for _ in functions]
    stop = clock() + seconds
    gc.collect()
    gc.disable()
    try:
        while len(times[0]) < least or clock() < stop:
            for function, count, taken in zip(functions, loops, times, strict=True):
                began = clock()
                for _ in range(count):
                    function()
                taken.append((clock() - began) / count)
    finally:
        gc.enable()
    return [statistics.median(taken) for taken in times]


def ratio(ours: Callable[[], Any], peer: Callable[[], Any], seconds: float = 1.0, least: int = 5) -> float:
    """Return the median time of a call of `ours` over that of `peer`."""
    ours_time, peer_time = medians(ours, peer, seconds=seconds, least=least)
    return ours_time / peer_time


def peak(module: str, function: str, *arguments: str) -> float:
    """Return what a computation takes at its peak beyond what is there before and after, as a multiple of its input.

    ``module.function(*arguments)`` is called in a process of its own and returns the computation, the same on a little
    input, to load what it needs, and the size of the input in bytes.
    """
    command = [sys.executable, __file__, module, function, *arguments]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def _resident(name: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return 1024 * int(line.split()[1])


def _measure_peak(module: str, function: str, *arguments: str) -> float:
    compute, warm_up, size = getattr(importlib.import_module(module), function)(*arguments)
    warm_up()
    gc.collect()
    before = _resident("VmRSS")
    CLEAR.write_text("5")  # forgets the peak so far
    kept = compute()
    extra = _resident("VmHWM") - before
    del kept
    return extra / size


if __name__ == "__main__":
    print(_measure_peak(*sys.argv[1:]))
