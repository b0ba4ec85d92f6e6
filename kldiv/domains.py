"""The sets that parameters and outcomes live in.

A family annotates each parameter with its `Domain` and declares the `Support` of its outcomes; checks of input, nan for
invalid parameters under a compiler, infinite divergences and test cases all follow from these declarations.

Examples
--------
>>> import kldiv
>>> kldiv.domains.Positive.conditions[0].words
'be positive and finite'
>>> kldiv.domains.POSITIVE
Support(space='line', low=0.0, high=inf, axes=())
"""

from collections.abc import Callable
from math import inf
from typing import NamedTuple

from kldiv._protocol import Array, Namespace


class Condition(NamedTuple):
    """One requirement on a parameter."""

    words: str  # completes "Gamma.rate must ..."
    holds: Callable[
        [Namespace, Array, float], Array
    ]  # from the array and the eps of its dtype: a mask, shaped as `shown`
    shown: Callable[[Namespace, Array], Array] = lambda xp, x: x  # the values that an error message quotes
    inherent: bool = False  # formulas give nan by themselves where it fails


class Domain(NamedTuple):
    """The set that a parameter lives in.

    `axes` names its event axes. Axes of the same name have the same length in both distributions of a divergence,
    except that a name with a leading underscore is the distribution's own affair.
    """

    axes: tuple[str, ...]
    conditions: tuple[Condition, ...]
    above: str | None = None  # the parameter that it must exceed


class Held(NamedTuple):
    """Marks a field that holds a family, whose last batch axes are event axes of the holder."""

    axes: tuple[str, ...]


def _finite(xp: Namespace, x: Array, eps: float) -> Array:
    return xp.isfinite(x)


def _positive(xp: Namespace, x: Array, eps: float) -> Array:
    return (x > 0) & (x < inf)


def _total(xp: Namespace, x: Array) -> Array:
    return xp.sum(x, axis=-1)


def _sums_to_one(xp: Namespace, x: Array, eps: float) -> Array:
    return xp.abs(_total(xp, x) - 1) <= eps**0.5


def _squared_length(xp: Namespace, x: Array) -> Array:
    return xp.sum(x * x, axis=-1)


def _has_length_one(xp: Namespace, x: Array, eps: float) -> Array:
    return xp.abs(_squared_length(xp, x) - 1) <= eps**0.5


def _steps(xp: Namespace, x: Array) -> Array:
    return x[..., 1:] - x[..., :-1]


def _increases(xp: Namespace, x: Array, eps: float) -> Array:
    return _steps(xp, x) > 0


def _diagonal(xp: Namespace, x: Array) -> Array:
    return xp.diagonal(x)


def _zero_above(xp: Namespace, x: Array, eps: float) -> Array:
    return xp.triu(x, k=1) == 0


def _asymmetry(xp: Namespace, x: Array) -> Array:
    return x - xp.matrix_transpose(x)


def _symmetric(xp: Namespace, x: Array, eps: float) -> Array:
    return xp.abs(_asymmetry(xp, x)) <= eps**0.5 * xp.max(xp.abs(x), axis=(-2, -1), keepdims=True)


def _positive_definite(xp: Namespace, x: Array, eps: float) -> Array:
    return xp.all(xp.isfinite(xp.cholesky(x)), axis=(-2, -1))


_FINITE = Condition("be finite", _finite)
_POSITIVE = Condition("be positive and finite", _positive)

Real = Domain((), (_FINITE,))
Positive = Domain((), (_POSITIVE,))
NonNegative = Domain((), (Condition("be non-negative and finite", lambda xp, x, eps: (x >= 0) & (x < inf)),))
UnitInterval = Domain((), (Condition("be between 0 and 1", lambda xp, x, eps: (x >= 0) & (x <= 1)),))
OpenUnitInterval = Domain(
    (), (Condition("be between 0 and 1, neither included", lambda xp, x, eps: (x > 0) & (x < 1)),)
)
AboveZeroToOne = Domain((), (Condition("be above 0 and at most 1", lambda xp, x, eps: (x > 0) & (x <= 1)),))
ZeroToBelowOne = Domain((), (Condition("be at least 0 and below 1", lambda xp, x, eps: (x >= 0) & (x < 1)),))
AboveOne = Domain((), (Condition("be above 1 and finite", lambda xp, x, eps: (x > 1) & (x < inf)),))
Integer = Domain((), (Condition("be an integer", lambda xp, x, eps: (xp.floor(x) == x) & xp.isfinite(x)),))
Count = Domain(
    (), (Condition("be a non-negative integer", lambda xp, x, eps: (xp.floor(x) == x) & (x >= 0) & (x < inf)),)
)
AboveLow = Domain((), (_FINITE,), above="low")
Logit = Domain((), (Condition("be a number, not nan", lambda xp, x, eps: x == x),))

RealVector = Domain(("d",), (_FINITE,))
PositiveVector = Domain(("d",), (_POSITIVE,))
PositiveClasses = Domain(("k",), (_POSITIVE,))
UnitVector = Domain(
    ("d",),
    (Condition("be a vector of length 1 within the square root of eps", _has_length_one, _squared_length),),
)
Increasing = Domain(("c",), (_FINITE, Condition("increase along the last axis", _increases, _steps)))
Simplex = Domain(
    ("k",),
    (
        Condition("be non-negative", lambda xp, x, eps: x >= 0),
        Condition("sum to 1 along the last axis within the square root of eps", _sums_to_one, _total),
    ),
)
Logits = Domain(
    ("k",),
    (
        Condition("be numbers below inf, not nan", lambda xp, x, eps: x < inf),
        Condition(
            "have a finite entry along the last axis",
            lambda xp, x, eps: xp.max(x, axis=-1) > -inf,
            lambda xp, x: xp.max(x, axis=-1),
        ),
    ),
)
LowerTriangular = Domain(
    ("d", "d"),
    (
        _FINITE,
        Condition("be zero above the diagonal", _zero_above),
        Condition("be positive on the diagonal", lambda xp, x, eps: _diagonal(xp, x) > 0, _diagonal),
    ),
)
PositiveDefinite = Domain(
    ("d", "d"),
    (
        _FINITE,
        Condition("be symmetric within the square root of eps of the largest entry", _symmetric, _asymmetry),
        Condition(
            "be positive definite",
            _positive_definite,
            lambda xp, x: xp.eigvalsh(x)[..., 0],
            inherent=True,
        ),
    ),
)


class Support(NamedTuple):
    """The set that the outcomes of a family live in.

    `space` names it; outcomes in different spaces have no common events of positive probability. In the spaces "line"
    and "integers" it is the interval from `low` to `high`, each a number or the name of the parameter or axis that
    gives it.
    """

    space: str
    low: float | str = -inf
    high: float | str = inf
    axes: tuple[str, ...] = ()  # the event axes of an outcome


REALS = Support("line")
POSITIVE = Support("line", 0.0)
UNIT_INTERVAL = Support("line", 0.0, 1.0)
CIRCLE = Support("circle")
SPHERE = Support("sphere", axes=("d",))
COUNTS = Support("integers", 0.0)
BITS = Support("integers", 0.0, 1.0)
CLASSES = Support("integers", 0.0, "k")
VECTORS = Support("vectors", axes=("d",))
