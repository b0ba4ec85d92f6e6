"""What every estimate returns, and the warning for one whose error cannot be trusted."""

from __future__ import annotations

from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from kldiv._arrays.namespace import namespace
from kldiv._core.family import shown

ArrayType = TypeVar("ArrayType")
Method: TypeAlias = Literal[
    "auto", "closed-form", "sum", "quadrature", "monte-carlo", "quasi-monte-carlo", "variational"
]


class Estimate(NamedTuple, Generic[ArrayType]):
    """An estimate of a divergence, in nats or in units of another base, that says how far off it may be.

    It prints as ``value ± error (method)``. `float` and a format, such as ``f"{estimate:.3f}"``, take the value. An
    estimate times a number is one of the multiple: value and error are scaled. Sums and differences of estimates, and
    of an estimate and a number, add the errors, which is right or too much however the errors depend on each other.

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
    >>> estimate = kldiv.estimate(kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 1.0))
    >>> print(estimate)
    0.5000 ± 0 (closed form)
    >>> f"{estimate:.2f}", float(2 * estimate), bool(estimate > 0.4), bool(estimate.converged)
    ('0.50', 1.0, True, True)
    """

    value: ArrayType
    error: ArrayType
    method: str
    n_samples: int
    converged: ArrayType

    def __str__(self) -> str:
        xp = namespace(self.value)
        if not xp.is_concrete(self.value):  # a traced array has no numbers to show
            return repr(self)
        value, error, converged = (xp.to_numpy(x) for x in (self.value, self.error, self.converged))
        doubt = "" if converged.all() else ", not converged"
        method = self.method.partition(":")[0]  # of a closed form without its rule
        if value.size == 1:
            return f"{value.item():#.4g} ± {error.item():.1g} ({method}{doubt})"
        if value.size == 0:
            return f"no values ({method})"
        low, high = value.min(), value.max()
        return f"{value.size} values from {low:#.4g} to {high:#.4g} ± {error.max():.1g} at most ({method}{doubt})"

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={shown(x)}" for name, x in zip(self._fields, self, strict=True))
        return f"Estimate({fields})"

    def __format__(self, spec: str) -> str:
        return format(float(self), spec) if spec else str(self)

    def __float__(self) -> float:
        xp = namespace(self.value)
        shape = xp.shape(self.value)
        if shape not in ((), (1,)):
            raise TypeError(
                f"this Estimate holds values of shape {shape}; float() and formats take one: use its .value"
            )
        return float(xp.to_numpy(self.value).item())

    # A tuple repeats, joins and orders itself. An estimate stands for its value instead.

    def __mul__(self, factor: Any) -> Estimate[ArrayType]:
        _require_number(factor, "*")
        value, error = _numbers(self)
        return self._replace(value=value * factor, error=error * abs(factor))

    def __rmul__(self, factor: Any) -> Estimate[ArrayType]:
        return self.__mul__(factor)

    def __truediv__(self, divisor: Any) -> Estimate[ArrayType]:
        _require_number(divisor, "/")
        value, error = _numbers(self)
        return self._replace(value=value / divisor, error=error / abs(divisor))

    def __neg__(self) -> Estimate[ArrayType]:
        return self.__mul__(-1)

    def __add__(self, other: Any) -> Estimate[ArrayType]:
        if not isinstance(other, Estimate):
            _require_number(other, "+")
            return self._replace(value=_value(self) + other)
        value: Any = self.value + other.value
        error: Any = self.error + other.error
        method = self.method if self.method == other.method else f"{self.method} and {other.method}"
        return Estimate(value, error, method, self.n_samples + other.n_samples, self.converged & other.converged)

    def __radd__(self, other: Any) -> Estimate[ArrayType]:
        return self.__add__(other)

    def __sub__(self, other: Any) -> Estimate[ArrayType]:
        return self.__add__(-other)

    def __rsub__(self, other: Any) -> Estimate[ArrayType]:
        return self.__neg__().__add__(other)

    def __lt__(self, other: Any) -> Any:
        return _value(self) < _value(other)

    def __le__(self, other: Any) -> Any:
        return _value(self) <= _value(other)

    def __gt__(self, other: Any) -> Any:
        return _value(self) > _value(other)

    def __ge__(self, other: Any) -> Any:
        return _value(self) >= _value(other)


# NumPy's arrays and numbers leave arithmetic with an estimate to its own methods.
Estimate.__array_ufunc__ = None  # type: ignore[attr-defined]


def _numbers(estimate: Any) -> tuple[Any, Any]:
    return estimate.value, estimate.error


def _value(x: Any) -> Any:
    return x.value if isinstance(x, Estimate) else x


def _require_number(x: Any, operator: str) -> None:
    if isinstance(x, tuple | list | str):
        raise TypeError(
            f"an Estimate {operator} takes a number or an array; got {x!r}: compute with its .value instead"
        )


class EstimateWarning(UserWarning):
    """The error of an estimate cannot be trusted, or does not meet the tolerance.

    Examples
    --------
    >>> import warnings, kldiv
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", kldiv.EstimateWarning)  # raise instead
    """
