"""The sets that parameters and outcomes live in.

A family annotates each parameter with its `Domain` and declares the `Support` of its outcomes; checks of input, nan for
invalid parameters under a compiler, infinite divergences and test cases all follow from these declarations.

Examples
--------
>>> import kldiv
>>> kldiv.domains.Positive.conditions[0].words
'be positive and finite'
>>> kldiv.domains.POSITIVE.space, kldiv.domains.POSITIVE.low, kldiv.domains.POSITIVE.high
('line', 0.0, inf)
"""

from collections.abc import Callable, Mapping
from math import inf
from typing import NamedTuple

from kldiv._arrays.protocol import Array, Namespace, Shape
from kldiv._numerics.markov import recurrent


class Condition(NamedTuple):
    """One requirement on a parameter."""

    words: str  # completes "Gamma.rate must ..."
    holds: Callable[
        [Namespace, Array, float], Array
    ]  # from the array and the eps of its dtype: a mask, shaped as `shown`
    shown: Callable[[Namespace, Array], Array] = lambda xp, x: x  # the values that an error message quotes
    inherent: bool = False  # formulas give nan by themselves where it fails
    hint: Callable[[Namespace, Array, float], str] = lambda xp, x, eps: ""  # the cure, where it can be told


class Domain(NamedTuple):
    """The set that a parameter lives in.

    `axes` names its event axes. Axes of the same name have the same length in both distributions of a divergence,
    except that the lengths of axes whose names begin with an underscore may differ. An axis "d+1" is one entry longer
    than the axis "d" of another parameter.
    """

    axes: tuple[str, ...]
    conditions: tuple[Condition, ...]
    low: "End | None" = None  # the parameter that it must lie above
    high: "End | None" = None  # the parameter that it must lie below
    exceeds_dimension_of: str | None = None  # the parameter whose last axis, less one, it must exceed

    def __repr__(self) -> str:
        return f"<Domain: {', '.join([*[c.words for c in self.conditions], *self._constraints()])}>"

    def _constraints(self) -> list[str]:
        """Return the constraints between parameters in words."""
        words = [end.words(above) for end, above in ((self.low, True), (self.high, False)) if end]
        return [*words, "exceed the dimension less one"] if self.exceeds_dimension_of else words


class End(NamedTuple):
    """An end of the interval in which a parameter lives, where it is another parameter of the same distribution."""

    parameter: str
    inclusive: bool = False

    def words(self, above: bool) -> str:
        """Return the constraint in words, for the parameter above or below this end."""
        relation = (
            ("at least" if above else "at most") if self.inclusive else ("greater than" if above else "less than")
        )
        return f"be {relation} {self.parameter}, by a finite amount"


class Component(NamedTuple):
    """Marks a field that holds a family, whose last batch axes are the holder's."""

    axes: tuple[str, ...]
    event: bool = True  # whether they are axes of the holder's outcomes


def _finite(xp: Namespace, x: Array, eps: float) -> Array:
    return xp.isfinite(x)


def _positive(xp: Namespace, x: Array, eps: float) -> Array:
    return (x > 0) & (x < inf)


def _total(xp: Namespace, x: Array) -> Array:
    return xp.sum(x, axis=-1)


def _sums_to_one(xp: Namespace, x: Array, eps: float) -> Array:
    return xp.abs(_total(xp, x) - 1) <= eps**0.5


def _axis_of_classes(xp: Namespace, x: Array, eps: float) -> str:
    """Return the cure where probabilities sum to 1 along another axis than the last, as channels first do."""
    for axis in range(len(xp.shape(x)) - 1):
        if bool(xp.all(xp.abs(xp.sum(x, axis=axis) - 1) <= eps**0.5)):
            return f"; the sums along axis {axis} are 1: move it to the end, as moveaxis({axis}, -1) does"
    return ""


def _squared_length(xp: Namespace, x: Array) -> Array:
    return xp.sum(x * x, axis=-1)


def _has_length_one(xp: Namespace, x: Array, eps: float) -> Array:
    return xp.abs(_squared_length(xp, x) - 1) <= eps**0.5


def _entries(xp: Namespace, x: Array) -> Array:
    return xp.sum(xp.ones_like(x), axis=-1)


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
LeftOpenUnitInterval = Domain((), (Condition("be above 0 and at most 1", lambda xp, x, eps: (x > 0) & (x <= 1)),))
ZeroToBelowOne = Domain((), (Condition("be at least 0 and below 1", lambda xp, x, eps: (x >= 0) & (x < 1)),))
AboveOne = Domain((), (Condition("be above 1 and finite", lambda xp, x, eps: (x > 1) & (x < inf)),))
Integer = Domain((), (Condition("be an integer", lambda xp, x, eps: (xp.floor(x) == x) & xp.isfinite(x)),))
Count = Domain(
    (), (Condition("be a non-negative integer", lambda xp, x, eps: (xp.floor(x) == x) & (x >= 0) & (x < inf)),)
)


def Above(parameter: str) -> Domain:
    """Return the domain of numbers above another parameter, which is named.

    Parameters
    ----------
    parameter
        The name of the other parameter of the family.

    Returns
    -------
    Domain
        Finite numbers greater than that parameter.

    Examples
    --------
    >>> import kldiv
    >>> kldiv.domains.Above("low")
    <Domain: be finite, be greater than low, by a finite amount>
    """
    return Domain((), (_FINITE,), low=End(parameter))


def AtLeast(parameter: str) -> Domain:
    """Return the domain of numbers that are another parameter or above it.

    Parameters
    ----------
    parameter
        The name of the other parameter of the family.

    Returns
    -------
    Domain
        Finite numbers, that parameter or greater.

    Examples
    --------
    >>> import kldiv
    >>> kldiv.domains.AtLeast("low")
    <Domain: be finite, be at least low, by a finite amount>
    """
    return Domain((), (_FINITE,), low=End(parameter, inclusive=True))


def Between(low: str, high: str) -> Domain:
    """Return the domain of numbers between two other parameters, both included.

    Parameters
    ----------
    low, high
        The names of the other parameters of the family.

    Returns
    -------
    Domain
        Finite numbers between those parameters.

    Examples
    --------
    >>> import kldiv
    >>> kldiv.domains.Between("low", "high")
    <Domain: be finite, be at least low, by a finite amount, be at most high, by a finite amount>
    """
    return Domain((), (_FINITE,), low=End(low, inclusive=True), high=End(high, inclusive=True))


AboveLow = Above("low")
IntegerFromLow = Domain((), Integer.conditions, low=End("low", inclusive=True))
Logit = Domain((), (Condition("be a number, not nan", lambda xp, x, eps: x == x),))

RealVector = Domain(("d",), (_FINITE,))
PositiveVector = Domain(("d",), (_POSITIVE,))
PositiveClasses = Domain(("k",), (_POSITIVE,))
UnitVector = Domain(
    ("d",),
    (
        Condition("be a vector of length 1 within the square root of eps", _has_length_one, _squared_length),
        Condition("have two entries or more", lambda xp, x, eps: _entries(xp, x) > 1, lambda xp, x: _entries(xp, x)),
    ),
)
Increasing = Domain(("c",), (_FINITE, Condition("increase along the last axis", _increases, _steps)))
Simplex = Domain(
    ("k",),
    (
        Condition("be non-negative", lambda xp, x, eps: x >= 0),
        Condition(
            "sum to 1 along the last axis within the square root of eps",
            _sums_to_one,
            _total,
            hint=_axis_of_classes,
        ),
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

LowRankFactor = Domain(("d", "_r"), (_FINITE,))
DegreesOfFreedom = Domain((), (_FINITE,), exceeds_dimension_of="scale_tril")
RealMatrix = Domain(("n", "m"), (_FINITE,))
RowFactor = LowerTriangular._replace(axes=("n", "n"))
ColumnFactor = LowerTriangular._replace(axes=("m", "m"))
States = Simplex._replace(axes=("s",))
Transitions = Simplex._replace(axes=("t", "s", "s"))
Transition = Simplex._replace(axes=("s", "s"))
ErgodicTransition = Domain(
    ("s", "s"),
    (
        *Simplex.conditions,
        Condition(
            "let some state be reached from every state",
            lambda xp, x, eps: xp.any(recurrent(xp, x), axis=-1),
            lambda xp, x: xp.sum(xp.where(recurrent(xp, x), xp.ones_like(x[..., 0, :]), 0.0), axis=-1),
        ),
    ),
)
Weights = Simplex._replace(axes=("_m",))

# A histogram has one edge more than cells.
Edges = Increasing._replace(axes=("_cells+1",))
CellProbabilities = Simplex._replace(axes=("_cells",))
CellLogits = Logits._replace(axes=("_cells",))


def _length(axis: str, lengths: Mapping[str, int | None]) -> int | None:
    name, _, more = axis.partition("+")
    length = int(name) if name.isdigit() else lengths[name]
    return None if length is None else length + int(more or 0)


class Support(NamedTuple):
    """The set that the outcomes of a family live in.

    `space` names it; outcomes in different spaces have no common events of positive probability. In the spaces "line"
    and "integers" it is the interval from `low` to `high`, each a number or the name of the parameter or axis that
    gives it.
    """

    space: str
    low: float | str = -inf
    high: float | str = inf
    axes: tuple[str, ...] = ()  # the event axes of an outcome: a parameter's axis, one more ("d+1"), or a number
    within: str = ""  # a space that this one may be a part of
    renames: "tuple[Support, Shape] | None" = None  # what outcomes are other names of, if they have this shape

    def event(self, lengths: Mapping[str, int | None]) -> Shape:
        """Return the shape of an outcome, from the lengths of the parameters' axes."""
        return tuple([_length(axis, lengths) for axis in self.axes])


REALS = Support("line")
POSITIVE = Support("line", 0.0)
UNIT_INTERVAL = Support("line", 0.0, 1.0)
CIRCLE = Support("circle")
SPHERE = Support("sphere", axes=("d",))
COUNTS = Support("integers", 0.0)
BITS = Support("integers", 0.0, 1.0)
CLASSES = Support("integers", 0.0, "k")
VECTORS = Support("vectors", axes=("d",))
SIMPLEX = Support("simplex", axes=("k",), renames=(UNIT_INTERVAL, (2,)))
MATRICES = Support("matrices", axes=("n", "m"))
POSITIVE_DEFINITE = Support("positive definite matrices", axes=("d", "d"), within="matrices")
ONE_HOT = Support("vectors of integers", axes=("k",), renames=(CLASSES, (None,)))
CLASS_COUNTS = Support("vectors of integers", axes=("k",))
PATHS = Support("vectors of integers", axes=("t+1",))
