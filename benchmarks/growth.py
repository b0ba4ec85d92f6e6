"""Time and memory as the work grows: ``python benchmarks/growth.py`` draws both to docs/benchmarks/growth.png."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from large_arrays import CLASSES, categorical_logits, logits, normal, normals, textbook_normal
from measure import medians, peak
from run import ONE_THREAD

FIGURE = Path(__file__).parent.parent / "docs" / "benchmarks" / "growth.png"
SIZES = [10**k for k in range(1, 8)]
ROWS = [1, 10, 100, 1000, 4000]


def times() -> dict[str, list[float]]:
    """Return nanoseconds an element for each size, by what computes them."""
    import torch
    from torch.distributions import Normal, kl_divergence

    torch.set_num_threads(1)

    def peer(loc_p: Any, scale_p: Any, loc_q: Any, scale_q: Any) -> Any:
        p, q = Normal(loc_p, scale_p, validate_args=False), Normal(loc_q, scale_q, validate_args=False)
        return kl_divergence(p, q)

    found: dict[str, list[float]] = {}
    for size in SIZES:
        arrays = normals((size,))
        tensors = [torch.from_numpy(x) for x in arrays]
        functions: dict[str, Callable[[], Any]] = {
            "kldiv, NumPy": lambda a=arrays: normal(*a),
            "textbook formula, NumPy": lambda a=arrays: textbook_normal(np, *a),
            "kldiv, PyTorch": lambda t=tensors: normal(*t),
            "torch.distributions": lambda t=tensors: peer(*t),
        }
        for name, seconds in zip(functions, medians(*functions.values()), strict=True):
            found.setdefault(name, []).append(1e9 * seconds / size)
    return found


def textbook_logits(a: Any, b: Any) -> Any:
    """Return the divergences by SciPy's log_softmax."""
    from scipy.special import log_softmax

    log_p = log_softmax(a, axis=-1)
    return (np.exp(log_p) * (log_p - log_softmax(b, axis=-1))).sum(axis=-1)


def memory(function: str, rows: str) -> tuple[Callable[[], Any], Callable[[], Any], int]:
    """Return a computation, the same on a little input, and 1 for the size: for `measure.peak`."""
    compute = {"kldiv": categorical_logits, "textbook": textbook_logits}[function]
    arrays, few = logits((int(rows), CLASSES[1])), logits((1, CLASSES[1]))
    return lambda: compute(*arrays), lambda: compute(*few), 1


def main() -> None:
    """Measure and draw."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for name, values in times().items():
        left.loglog(SIZES, values, "o-" if name.startswith("kldiv") else "x--", label=name)
    left.set(title="Normal, float32, one thread", xlabel="elements", ylabel="nanoseconds an element")
    left.legend()
    inputs = [2 * 4 * rows * CLASSES[1] / 1e6 for rows in ROWS]
    for name, style in {"kldiv": "o-", "textbook": "x--"}.items():
        extra = [max(peak("growth", "memory", name, str(rows)) / 1e6, 0.1) for rows in ROWS]
        right.loglog(inputs, extra, style, label={"kldiv": "kldiv", "textbook": "log_softmax and a sum"}[name])
    right.loglog(inputs, inputs, ":", color="gray", label="the input itself")
    right.set(title="Logits, 32000 classes, NumPy", xlabel="input, MB", ylabel="peak memory beyond the input, MB")
    right.legend()
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=100)


if __name__ == "__main__":
    if not ONE_THREAD.items() <= os.environ.items():  # libraries read it when they are loaded
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD})
    main()
