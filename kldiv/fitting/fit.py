"""Minimization of a divergence over the parameters of a family, with the framework's own gradients."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Generator
from typing import Any, Literal, Protocol, TypeAlias

from kldiv._arrays.protocol import Array, Namespace
from kldiv._environment import missing
from kldiv.estimation.estimate_result import Method
from kldiv.fitting.history import Callback, Fit, Member, Recorder
from kldiv.fitting.lbfgs import lbfgs
from kldiv.fitting.objective import Problem, make_problem, start
from kldiv.fitting.standard_errors import standard_errors

Step: TypeAlias = Callable[[list[Array]], list[Array]]  # from gradients to the numbers after the step


class _OptaxTransformation(Protocol):
    """An optax transformation, as type checkers see it."""

    @property
    def init(self) -> Callable[..., Any]: ...

    @property
    def update(self) -> Callable[..., Any]: ...


class _KerasOptimizer(Protocol):
    """A Keras optimizer, as type checkers see it."""

    @property
    def apply_gradients(self) -> Callable[..., Any]: ...


Optimizer: TypeAlias = (
    Literal["lbfgs", "gradient-descent", "adam"] | _OptaxTransformation | _KerasOptimizer | Callable[..., Any]
)


def _gradient_descent(xp: Namespace, numbers: list[Array], learning_rate: float) -> Step:
    def step(gradients: list[Array]) -> list[Array]:
        nonlocal numbers
        numbers = [x - learning_rate * g for x, g in zip(numbers, gradients, strict=True)]
        return numbers

    return step


def _adam(xp: Namespace, numbers: list[Array], learning_rate: float) -> Step:
    """Return the steps of Adam (Kingma and Ba 2015), with the constants of the paper."""
    first = [xp.zeros_like(x) for x in numbers]
    second = first
    count = 0

    def step(gradients: list[Array]) -> list[Array]:
        nonlocal numbers, first, second, count
        count += 1
        first = [0.9 * m + 0.1 * g for m, g in zip(first, gradients, strict=True)]
        second = [0.999 * v + 0.001 * (g * g) for v, g in zip(second, gradients, strict=True)]
        rate, scale = learning_rate / (1 - 0.9**count), 1 / (1 - 0.999**count)
        numbers = [x - rate * m / (xp.sqrt(v * scale) + 1e-8) for x, m, v in zip(numbers, first, second, strict=True)]
        return numbers

    return step


_NAMED: dict[str, tuple[Callable[..., Step], float]] = {
    "gradient-descent": (_gradient_descent, 0.1),
    "adam": (_adam, 0.05),
}


def fit(
    target: Any,
    init: Member | type[Member],
    *,
    weights: Any = None,
    direction: Literal["forward", "reverse"] = "forward",
    optimizer: Optimizer = "lbfgs",
    steps: int = 200,
    learning_rate: float | None = None,
    unconstrained: bool = True,
    method: Method = "auto",
    keep_every: int = 1,
    callback: Callback[Member] | None = None,
    progress: bool = False,
) -> Fit[Member]:
    """Minimize the divergence between a target and a member of a family, over the parameters of the family.

    To samples it is the fit of maximum likelihood, with standard errors.

    Parameters
    ----------
    target
        A distribution, such as a `Mixture`; a density on a grid from `from_grid`; or an array of samples along its
        first axis, followed by the axes of a batch and those of an outcome. On a grid, q is made discrete too: its
        density times the widths of the cells, divided by their sum. For samples, the divergence is that from their
        empirical distribution, but for its entropy: the mean of -log q(x), which is minimal where the likelihood is
        maximal.
    init
        The member of the family to start from. Each batch element of the target, or of `init`, is fitted on its own.
        Parameters that are integers are held fixed. For samples it may be the class of a family whose parameters are
        numbers, or on which `project` projects: the start is then found from the samples. Parameters that cut off the
        support, as those of `Uniform`, are the extremes of the samples.
    weights
        Weights of the samples, non-negative numbers along the first axis, alone or followed by the axes of the batch:
        how often each sample is counted.
    direction
        "forward" minimizes KL(target || q), which covers all of the target; "reverse" KL(q || target), which seeks one
        of its modes and may have several minima.
    optimizer
        "lbfgs" (SciPy's L-BFGS-B, on the host), "gradient-descent" or "adam"; or an optimizer of the framework: an
        optax transformation for JAX; for PyTorch a class of torch.optim, or a function that makes one for a list of
        tensors; for TensorFlow a Keras optimizer or its class.
    steps
        The number of updates, at most.
    learning_rate
        For "gradient-descent", 0.1 by default, for "adam", 0.05, and for a class of optimizers.
    unconstrained
        Whether to minimize over numbers without constraints: the logarithm of what is positive, the logit of what
        is between 0 and 1, logits of probabilities, the triangular factor of a covariance matrix with the logarithm of
        its diagonal. Otherwise the minimization is over the parameters themselves, which a long step may make invalid.
    method
        For a pair without closed form, the method of `kldiv.estimate`. Samples are drawn with one and the same seed.
    keep_every
        Which steps the history keeps: each, or every so many, and the last.
    callback
        Called as ``callback(step, distribution, divergence)`` at the start and after each update; returns True to stop.
    progress
        Whether to show a bar (tqdm), with the divergence averaged over the batch.

    Returns
    -------
    Fit
        The distribution after the last step, its divergence, and the history.

    Raises
    ------
    ValueError
        If an argument is invalid, or the divergence or a derivative is not finite on the way: the message tells the
        step and the parameter.
    TypeError
        If the optimizer is none that the framework knows, or fit is called inside a compiled function.

    Notes
    -----
    The standard errors of a fit to samples are those of maximum likelihood: the roots of the diagonal of the inverse of
    the Fisher information, for a family that is the right one. Source: Lehmann and Casella, Theory of Point Estimation
    (1998), section 6.5.

    Derivatives are the framework's own. NumPy has none: there they are central differences of the sixth order, which
    take six evaluations of the divergence for each number and are right to about 1e-12.

    Examples
    --------
    >>> import kldiv
    >>> fit = kldiv.fit(kldiv.Normal(1.0, 2.0), kldiv.Normal(0.0, 1.0))
    >>> round(float(fit.distribution.loc), 6), round(float(fit.distribution.scale), 6)
    (1.0, 2.0)

    To a density on a grid, by plain gradient descent:

    >>> grid = kldiv.from_grid([i / 10 for i in range(-100, 100)], kldiv.Normal(0.0, 1.5))
    >>> fit = kldiv.fit(grid, kldiv.Normal(2.0, 1.0), optimizer="gradient-descent", steps=200)
    >>> round(float(fit.distribution.scale), 3)
    1.5

    To samples, with the standard errors of the parameters:

    >>> fit = kldiv.fit([0.3, 0.9, 1.2, 1.7, 2.4], kldiv.Weibull)
    >>> for name, value, error in zip(fit.distribution._fields, fit.distribution, fit.standard_errors):
    ...     print(f"{name} {value:.4f} +- {error:.4f}")
    scale 1.4631 +- 0.3670
    concentration 1.8774 +- 0.6546
    """
    _check_options(direction, steps, keep_every, optimizer, learning_rate)
    problem = make_problem(target, init, direction == "forward", unconstrained, method, weights)
    with _bar(progress, steps) as bar:
        recorder: Recorder[Member] = Recorder(problem, keep_every, callback, bar)
        if not problem.parameters:
            recorder.record(0, [], problem.value())
        elif optimizer == "lbfgs":
            lbfgs(problem, recorder, start(problem), steps)
        else:
            _descend(problem, recorder, start(problem), optimizer, learning_rate, steps)
    fitted = recorder.fit()
    return (
        fitted if problem.size is None else fitted._replace(standard_errors=standard_errors(problem, recorder.last()))
    )


def _check_options(direction: str, steps: Any, keep_every: Any, optimizer: Any, learning_rate: float | None) -> None:
    if direction not in ("forward", "reverse"):
        raise ValueError(f'direction must be "forward" or "reverse"; got {direction!r}')
    for name, count in (("steps", steps), ("keep_every", keep_every)):
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ValueError(f"{name} must be a positive integer; got {count!r}")
    if isinstance(optimizer, str) and optimizer != "lbfgs" and optimizer not in _NAMED:
        raise ValueError(f'optimizer must be "lbfgs", {", ".join(map(repr, _NAMED))} or an object; got {optimizer!r}')
    if learning_rate is not None and not 0 < learning_rate < math.inf:
        raise ValueError(f"learning_rate must be positive and finite; got {learning_rate!r}")
    if isinstance(optimizer, str) and optimizer == "lbfgs" and learning_rate is not None:
        raise ValueError("lbfgs finds the lengths of its steps itself; it takes no learning_rate")


def _descend(
    problem: Problem,
    recorder: Recorder[Any],
    numbers: list[Array],
    optimizer: Optimizer,
    learning_rate: float | None,
    steps: int,
) -> None:
    """Minimize by so many steps of an optimizer, or until the callback wants to stop."""
    value_and_grad = problem.xp.value_and_grad(problem.value)
    if isinstance(optimizer, str):
        make, default = _NAMED[optimizer]
        update = make(problem.xp, numbers, default if learning_rate is None else learning_rate)
    else:
        update = problem.xp.optimizer_step(optimizer, numbers, learning_rate)
    for step in range(steps + 1):
        value, gradients = value_and_grad(*numbers)
        recorder.require_finite(step, numbers, value, gradients)
        if recorder.record(step, numbers, value) or step == steps:
            break
        with problem.xp.ignore_warnings():
            numbers = update(gradients)


@contextlib.contextmanager
def _bar(progress: bool, steps: int) -> Generator[Any]:
    if not progress:
        yield None
        return
    try:
        from tqdm import tqdm
    except ModuleNotFoundError as error:
        raise missing("progress=True", "tqdm", "progress") from error
    with tqdm(total=steps, desc="fit") as bar:
        yield bar
