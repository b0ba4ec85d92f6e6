"""L-BFGS, which runs on the host."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kldiv._arrays.protocol import Array
from kldiv.fitting.history import Recorder
from kldiv.fitting.objective import Problem


def lbfgs(
    problem: Problem,
    recorder: Recorder,
    both: Callable[..., tuple[Array, list[Array]]],
    numbers: list[Array],
    steps: int,
) -> None:
    """Minimize by SciPy's L-BFGS-B, on the host in float64, in all batch elements together."""
    from scipy import optimize

    xp = problem.xp
    shapes = [np.shape(xp.to_numpy(x)) for x in numbers]
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    dtype = numbers[0].dtype
    eps = float(xp.finfo(dtype).eps)
    step = 0
    evaluated: dict[bytes, tuple[list[Array], Array]] = {}

    def split(x: NDArray[np.float64]) -> list[Array]:
        parts = np.split(x, ends[:-1])
        return [xp.asarray_like(p.reshape(s), n, dtype) for p, s, n in zip(parts, shapes, numbers, strict=True)]

    def function(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        at = split(x)
        value, gradients = both(*at)
        recorder.require_finite(step, at, value, gradients)
        evaluated[x.tobytes()] = (at, value)
        flat = np.concatenate([np.asarray(xp.to_numpy(g), np.float64).ravel() for g in gradients])
        return float(np.sum(xp.to_numpy(value), dtype=np.float64)), flat

    def after(x: NDArray[np.float64]) -> None:
        nonlocal step
        step += 1
        key = x.tobytes()
        at, value = evaluated[key] if key in evaluated else (split(x), problem.value(*split(x)))
        evaluated.clear()
        if recorder.record(step, at, value):
            raise StopIteration

    start = np.concatenate([np.asarray(xp.to_numpy(x), np.float64).ravel() for x in numbers])
    value, gradients = both(*numbers)
    recorder.require_finite(0, numbers, value, gradients)
    if recorder.record(0, numbers, value):
        return
    options = {"maxiter": steps, "maxfun": 40 * steps, "ftol": 8 * eps, "gtol": eps ** (2 / 3)}
    optimize.minimize(function, start, jac=True, method="L-BFGS-B", callback=after, options=options)
