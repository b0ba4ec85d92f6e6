"""L-BFGS, which runs on the host."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kldiv._arrays.protocol import Array
from kldiv.fitting.history import Recorder
from kldiv.fitting.objective import Problem


class _FlatProblem:
    """A problem as SciPy sees it: one vector of float64 for all numbers, and the sum over the batch for the value."""

    def __init__(self, problem: Problem, recorder: Recorder[Any], numbers: list[Array]) -> None:
        self._problem, self._recorder, self._numbers = problem, recorder, numbers
        self._value_and_grad = problem.xp.value_and_grad(problem.value)
        self._shapes = [np.shape(problem.xp.to_numpy(x)) for x in numbers]
        self._ends = np.cumsum([math.prod(shape) for shape in self._shapes])
        self._step = 0
        self._evaluated: dict[bytes, tuple[list[Array], Array]] = {}  # since the last step

    def flatten(self, arrays: list[Array]) -> NDArray[np.float64]:
        to_numpy = self._problem.xp.to_numpy
        return np.concatenate([np.asarray(to_numpy(x), np.float64).ravel() for x in arrays])

    def _split(self, x: NDArray[np.float64]) -> list[Array]:
        asarray_like = self._problem.xp.asarray_like
        members = zip(np.split(x, self._ends[:-1]), self._shapes, self._numbers, strict=True)
        return [asarray_like(values.reshape(shape), like, like.dtype) for values, shape, like in members]

    def begin(self) -> bool:
        """Record the start; tell whether the callback wants to stop."""
        value, gradients = self._value_and_grad(*self._numbers)
        self._recorder.require_finite(0, self._numbers, value, gradients)
        return self._recorder.record(0, self._numbers, value)

    def value_and_grad(self, x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        numbers = self._split(x)
        value, gradients = self._value_and_grad(*numbers)
        self._recorder.require_finite(self._step, numbers, value, gradients)
        self._evaluated[x.tobytes()] = (numbers, value)
        return float(np.sum(self._problem.xp.to_numpy(value), dtype=np.float64)), self.flatten(gradients)

    def after_step(self, x: NDArray[np.float64]) -> None:
        self._step += 1
        evaluation = self._evaluated.get(x.tobytes())
        numbers, value = evaluation or (self._split(x), self._problem.value(*self._split(x)))
        self._evaluated.clear()
        if self._recorder.record(self._step, numbers, value):
            raise StopIteration


def lbfgs(problem: Problem, recorder: Recorder[Any], numbers: list[Array], steps: int) -> None:
    """Minimize by SciPy's L-BFGS-B, on the host in float64, in all batch elements together."""
    from scipy import optimize

    flat = _FlatProblem(problem, recorder, numbers)
    start = flat.flatten(numbers)
    if flat.begin():
        return
    eps = float(problem.xp.finfo(numbers[0].dtype).eps)
    options = {"maxiter": steps, "maxfun": 40 * steps, "ftol": 8 * eps, "gtol": eps ** (2 / 3)}
    optimize.minimize(
        flat.value_and_grad, start, jac=True, method="L-BFGS-B", callback=flat.after_step, options=options
    )
