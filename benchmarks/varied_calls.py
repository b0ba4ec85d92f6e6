"""Whether calls of ever new shapes stay as fast and as small: ``python benchmarks/varied_calls.py torch 100000``.

A line for each tenth of the calls: the processor time of one, and the memory of the process.
"""

from __future__ import annotations

import importlib
import random
import resource
import sys
import time
from typing import Any

import numpy as np

import kldiv

MAKERS = {
    "numpy": "numpy.asarray",
    "torch": "torch.from_numpy",
    "jax": "jax.numpy.asarray",
    "tensorflow": "tensorflow.convert_to_tensor",
}


def calls(backend: str, count: int) -> None:
    """Call `kl_divergence` with shapes, dtypes, families and kinds of numbers in turn."""
    module, _, name = MAKERS[backend].rpartition(".")
    array: Any = getattr(importlib.import_module(module), name)
    rng = random.Random(0)
    families = (kldiv.Normal, kldiv.Gamma, kldiv.Laplace, kldiv.Uniform)
    start = time.process_time()
    for i in range(1, count + 1):
        columns = rng.randrange(1, 60)
        rows, shared = rng.randrange(1, 40), rng.choice([1, columns])
        dtype, family = rng.choice(["float32", "float64"]), rng.choice(families)
        x, y = array(np.full(columns, 1.5, dtype)), array(np.full((rows, shared), 2.5, dtype))
        q = family(y, y + 2) if rng.random() < 0.5 else family(1.0, i + 1.5)
        kldiv.kl_divergence(family(x, x + 1), q, validate=bool(i % 2))
        if i % max(1, count // 10) == 0:
            used = (time.process_time() - start) / max(1, count // 10)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
            print(f"{i} calls: {1e6 * used:.0f} us each, at most {peak:.0f} MiB", flush=True)
            start = time.process_time()


if __name__ == "__main__":
    calls(sys.argv[1], int(sys.argv[2]))
