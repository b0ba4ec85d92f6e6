"""Standard errors of maximum likelihood estimates."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kldiv._arrays.protocol import Array
from kldiv._core.family import Family, kind_of
from kldiv._core.parameters import constant, leaves, tree_map, unflatten, walk
from kldiv._core.registry import NoClosedForm
from kldiv._core.search import find
from kldiv.fitting.charts import is_moved
from kldiv.fitting.grid import cast_back
from kldiv.fitting.objective import Divergence, Problem

_Numbers = NDArray[np.float64]


def standard_errors(problem: Problem, numbers: list[Array]) -> Family:
    """Return the standard errors of the parameters, each in the place of its parameter; nan for what is not moved.

    The covariance of the estimates is the inverse of the Fisher information, which is n times the second derivative of
    KL(fitted || q) with respect to q, here by central differences of the gradient. Where a family has no closed form
    with itself it is the observed one, the second derivative of -sum w log q(x). Both are taken in the numbers that
    stand for the parameters, and mapped to these by the derivative J of the map, J H^+ J': where several numbers stand
    for one distribution, as the logits of classes do, the pseudo-inverse leaves out what J maps to 0.
    """
    if not numbers:
        return tree_map(
            lambda x: problem.xp.zeros_like(x) + math.nan, cast_back(problem.xp, problem.template, problem.dtype)
        )
    flat = _Flattened(problem, numbers)
    information = flat.derivatives(flat.gradient) * flat.count[:, None, None]
    jacobian = flat.derivatives(flat.parameters)
    symmetric = 0.5 * (information + information.swapaxes(1, 2))
    return flat.as_family(np.sqrt(_covariance_diagonal(symmetric, jacobian, 10 * flat.eps**0.5)))


def _divergence_from_fitted(problem: Problem, numbers: list[Array]) -> Divergence:
    """Return what has the information for its second derivative, as a function of a distribution."""
    fitted = constant(problem.xp, problem.member(numbers))
    try:
        evaluate = find(kind_of(fitted), kind_of(fitted)).evaluate
    except NoClosedForm:
        return problem.divergence
    return lambda q: evaluate(problem.xp, fitted, q)


def _covariance_diagonal(information: _Numbers, jacobian: _Numbers, tolerance: float) -> _Numbers:
    """Return the diagonal of J H^+ J', nan where the information is not that of a maximum."""
    size: _Numbers = np.sqrt(np.abs(np.einsum("bii->bi", information)))
    size = np.where(size > 0, size, 1.0)
    # In units of the diagonal, so that parameters of different sizes are judged alike.
    scaled = information / (size[:, :, None] * size[:, None, :])
    finite = np.isfinite(np.sum(scaled, axis=(1, 2), keepdims=True))
    values, vectors = np.linalg.eigh(np.where(finite, scaled, 0.0))
    flat = values[:, None, :] <= tolerance
    directions: _Numbers = np.einsum("bpk,bkj->bpj", jacobian / size[:, None, :], vectors)
    matters = np.abs(directions) > 1e-3 * np.max(np.abs(directions), axis=-1, keepdims=True)
    squares = np.where(flat, 0.0, directions**2 / np.where(flat, 1.0, values[:, None, :]))
    diagonal: _Numbers = np.where(np.any(flat & matters, axis=-1), math.nan, np.sum(squares, axis=-1))
    return np.where(finite[:, :, 0], diagonal, math.nan)


class _Flattened:
    """A problem as functions of one vector of numbers for each batch element."""

    def __init__(self, problem: Problem, numbers: list[Array]) -> None:
        self._problem, self._numbers = problem, numbers
        divergence = _divergence_from_fitted(problem, numbers)
        self._value_and_grad = problem.xp.value_and_grad(lambda *x: divergence(problem.member(list(x))))
        self._moved = [is_moved(x) for x in walk(problem.template)]
        self._batch = np.shape(problem.xp.to_numpy(problem.zeros))
        self._shapes = [np.shape(problem.xp.to_numpy(x)) for x in numbers]
        self._at = self._flatten(numbers)
        self.eps = float(problem.xp.finfo(numbers[0].dtype).eps)
        self.count = np.broadcast_to(np.asarray(problem.xp.to_numpy(problem.size), np.float64), self._batch).ravel()

    def _flatten(self, arrays: list[Array]) -> _Numbers:
        """Return arrays as one, of shape (batch, numbers)."""
        size = math.prod(self._batch)
        host = [np.asarray(self._problem.xp.to_numpy(x), np.float64) for x in arrays]
        return np.concatenate([x.reshape(size, -1) for x in host], axis=1)

    def _split(self, x: _Numbers) -> list[Array]:
        asarray_like = self._problem.xp.asarray_like
        sizes = [math.prod(shape[len(self._batch) :]) for shape in self._shapes]
        parts = np.split(x, np.cumsum(sizes)[:-1], axis=1)
        members = zip(parts, self._shapes, self._numbers, strict=True)
        return [asarray_like(part.reshape(shape), like, like.dtype) for part, shape, like in members]

    def gradient(self, x: _Numbers) -> _Numbers:
        return self._flatten(self._value_and_grad(*self._split(x))[1])

    def parameters(self, x: _Numbers) -> _Numbers:
        """Return the moved parameters that numbers stand for."""
        moved = zip(leaves(self._problem.member(self._split(x))), self._moved, strict=True)
        return self._flatten([value for value, is_moved in moved if is_moved])

    def derivatives(self, function: Callable[[_Numbers], _Numbers]) -> _Numbers:
        """Return the derivatives of a function, of shape (batch, values, numbers), by central differences."""
        columns: list[_Numbers] = []
        for j in range(self._at.shape[1]):
            step = np.zeros_like(self._at)
            step[:, j] = self.eps ** (1 / 3) * np.maximum(1.0, np.abs(self._at[:, j]))
            columns.append((function(self._at + step) - function(self._at - step)) / (2 * step[:, j : j + 1]))
        return np.stack(columns, axis=-1)

    def as_family(self, values: _Numbers) -> Family:
        """Return a value for each moved parameter in its place in the family, nan for the others."""
        problem = self._problem
        columns = iter(self._split(values))
        places: list[Any] = []
        for parameter in walk(problem.template):
            value = next(columns) if is_moved(parameter) else parameter.value
            unknown = not is_moved(parameter) or parameter.field.name in problem.ends
            places.append(problem.xp.zeros_like(value) + math.nan if unknown else value)
        return cast_back(problem.xp, unflatten(problem.template, iter(places)), problem.dtype)
