"""What every estimate returns, and the warning for one whose error cannot be trusted."""

from __future__ import annotations

from typing import Generic, Literal, NamedTuple, TypeAlias, TypeVar

ArrayType = TypeVar("ArrayType")
Method: TypeAlias = Literal[
    "auto", "closed-form", "sum", "quadrature", "monte-carlo", "quasi-monte-carlo", "variational"
]


class Estimate(NamedTuple, Generic[ArrayType]):
    """An estimate of a divergence, in nats, that says how it was made and how far off it may be.

    It is generic in the array type: a checker takes ``Estimate[torch.Tensor]``. A compiler may refuse to return it
    whole, as `method` is a text: return what is needed of the others.

    Attributes
    ----------
    value
        The estimate, one number per batch element, in the framework, dtype and device of what was passed.
    error
        As `value`: one standard error for methods that draw or are given samples, a bound on the absolute error for
        deterministic ones, 0 for closed forms.
    method
        How it was made, in words: the rule of a closed form, or the name of a method and its settings.
    n_samples
        How many points, terms or samples of P each batch element took.
    converged
        As `value`, of booleans: whether the error meets the tolerance that was asked for and can be trusted.

    Examples
    --------
    >>> import kldiv
    >>> mixture = kldiv.Mixture([0.5, 0.5], kldiv.Normal([-1.0, 1.0], 1.0))
    >>> estimate = kldiv.estimate(mixture, kldiv.Normal(0.0, 2.0**0.5), rtol=1e-9)
    >>> round(float(estimate.value), 10), bool(estimate.error < 1e-11), bool(estimate.converged)
    (0.0097427699, True, True)
    """

    value: ArrayType
    error: ArrayType
    method: str
    n_samples: int
    converged: ArrayType


class EstimateWarning(UserWarning):
    """The error of an estimate cannot be trusted, or does not meet the tolerance.

    Examples
    --------
    >>> import warnings, kldiv
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", kldiv.EstimateWarning)  # raise instead
    """
