"""The history of a minimization, which is kept on the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from kldiv._arrays.protocol import Array
from kldiv._core.family import Distribution
from kldiv._core.parameters import unflatten, walk
from kldiv._core.validation import diagnose
from kldiv.fitting.charts import is_moved, moved_parameters
from kldiv.fitting.grid import cast_back
from kldiv.fitting.objective import Problem

Member = TypeVar("Member", bound=Distribution)  # of the family that is fitted
Callback: TypeAlias = Callable[[int, Member, Array], Any]


class History(NamedTuple):
    """The history of a minimization, as NumPy arrays with the steps that are kept along the first axis.

    Attributes
    ----------
    steps
        The numbers of the steps: 0 is the start, k is after k updates.
    divergence
        The divergence there, for each batch element.
    parameters
        For each parameter that was moved, by its name (``"components.loc"`` where a family holds another), its values.

    Examples
    --------
    >>> import kldiv
    >>> history = kldiv.fit(
    ...     kldiv.Exponential(2.0), kldiv.Exponential(1.0), steps=3, learning_rate=0.5, optimizer="gradient-descent"
    ... ).history
    >>> print(history.steps, history.parameters["rate"].round(2))
    [0 1 2 3] [1.   1.28 1.54 1.72]
    """

    steps: NDArray[np.int64]
    divergence: NDArray[np.floating[Any]]
    parameters: dict[str, NDArray[np.floating[Any]]]


class Fit(NamedTuple, Generic[Member]):
    """What a minimization has found, and how.

    Attributes
    ----------
    distribution
        The member of the family after the last step, in the caller's framework.
    divergence
        Its divergence, for each batch element; from samples, the mean of -log q(x), which is the divergence but for the
        entropy of the samples.
    history
        The steps on the way.
    standard_errors
        For a fit to samples, the standard error of each parameter in the place of the parameter, from the Fisher
        information: nan for what is held fixed, for an end of the support, and where the information is
        singular. None for other targets.

    Examples
    --------
    >>> import kldiv
    >>> fit = kldiv.fit(kldiv.Gamma(3.0, 2.0), kldiv.LogNormal(0.0, 1.0))
    >>> bool(fit.divergence < fit.history.divergence[0])
    True
    >>> float(fit.at(0).scale)
    1.0
    """

    distribution: Member
    divergence: Array
    history: History
    standard_errors: Member | None = None

    def at(self, index: int) -> Member:
        """Return the distribution at an entry of the history, with NumPy's arrays for the parameters moved.

        A parameter that the history does not hold has the value that it has in `distribution`.
        """
        kept = self.history.parameters
        names = iter([x.name for x in moved_parameters(self.distribution, unconstrained=False)])
        named = [(next(names) if is_moved(x) else "", x.value) for x in walk(self.distribution)]
        values = [kept[name][index] if name in kept else value for name, value in named]
        member: Member = unflatten(self.distribution, iter(values))
        return member


class Recorder(Generic[Member]):
    """Keeps the history of a minimization, shows it to the callback and the bar, and refuses what is not finite."""

    def __init__(self, problem: Problem, keep_every: int, callback: Callback[Member] | None, bar: Any) -> None:
        self._problem, self._every, self._callback, self._bar = problem, keep_every, callback, bar
        self._steps: list[int] = []
        self._divergence: list[Any] = []
        self._parameters: dict[str, list[Any]] = {p.name: [] for p in problem.parameters}
        self._last: tuple[int, list[Array], Array] | None = None

    def record(self, step: int, numbers: list[Array], value: Array) -> bool:
        """Take note of a step; tell whether the callback wants to stop."""
        self._last = (step, numbers, value)
        if step % self._every == 0:
            self._keep()
        if self._bar is not None:
            self._bar.update(step - self._bar.n)
            self._bar.set_postfix(divergence=float(np.mean(self._problem.xp.to_numpy(value))))
        if self._callback is None:
            return False
        q, value = self.result()
        try:
            return bool(self._callback(step, q, value))
        except StopIteration as error:  # SciPy would take it for the wish to stop
            raise RuntimeError(f"callback raised StopIteration at step {step}; to stop, return True") from error

    def _keep(self) -> None:
        assert self._last is not None
        step, numbers, value = self._last
        if self._steps[-1:] == [step]:
            return
        xp = self._problem.xp
        q = self._problem.member(numbers)
        self._steps.append(step)
        self._divergence.append(np.array(xp.to_numpy(value)))
        moved = [x.value for x in walk(q) if is_moved(x)]
        for values, x in zip(self._parameters.values(), moved, strict=True):
            values.append(np.array(xp.to_numpy(x)))

    def require_finite(self, step: int, numbers: list[Array], value: Array, gradients: list[Array]) -> None:
        """Raise ValueError if the divergence or a gradient is not finite."""
        xp = self._problem.xp
        bad = ~np.isfinite(xp.to_numpy(value))
        if bad.any():
            index = tuple(int(i[0]) for i in bad.nonzero()) if bad.ndim else ()
            what = f"the divergence is {xp.to_numpy(value)[index]}" + (f" at index {index}" if index else "")
            try:
                q = self._problem.member(numbers)
                diagnose(xp, q, self._problem.eps, "the distribution")
            except ValueError as error:
                what = f"{what}: {error}"
        else:
            wrong = [
                p
                for p, g in zip(self._problem.parameters, gradients, strict=True)
                if not np.isfinite(xp.to_numpy(g)).all()
            ]
            if not wrong:
                return
            what = f"the derivative with respect to {wrong[0].owner}.{wrong[0].name} is not finite"
        advice = "try a smaller learning_rate" if step else "start from another init"
        raise ValueError(f"at step {step} {what}; {advice}")

    def last(self) -> list[Array]:
        """Return the numbers after the last step."""
        assert self._last is not None
        return self._last[1]

    def result(self) -> tuple[Member, Array]:
        """Return the distribution after the last step, and its divergence, in the dtype of a result."""
        assert self._last is not None
        _, numbers, value = self._last
        xp, dtype = self._problem.xp, self._problem.dtype
        return cast_back(xp, self._problem.member(numbers), dtype), xp.astype(value, dtype)

    def fit(self) -> Fit[Member]:
        """Return the result and the history."""
        self._keep()
        parameters = {name: np.stack(values) for name, values in self._parameters.items()}
        return Fit(*self.result(), History(np.array(self._steps), np.stack(self._divergence), parameters))
