"""Parameters as unconstrained numbers, through the domains of their fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

from kldiv import domains
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family, Field, fields_of
from kldiv._core.parameters import Parameter, walk
from kldiv._numerics.categorical import sigmoid, softmax
from kldiv._numerics.edges import log, logit
from kldiv._numerics.linalg import identity_like, index_like
from kldiv.domains import Condition, Domain

Ends: TypeAlias = tuple[Any, Any]


class Chart(NamedTuple):
    """The maps from a parameter to unconstrained numbers and back.

    The third argument holds the ends that other parameters set: what this one must lie above, and below.
    """

    there: Callable[[Namespace, Array, Any], Array]
    back: Callable[[Namespace, Array, Any], Array]


def _diagonal_of(xp: Namespace, x: Array, function: Callable[[Array], Array]) -> Array:
    """Return a lower triangular matrix with a function of its diagonal."""
    on = identity_like(xp, x) > 0
    return xp.where(on, function(xp.where(on, x, 1.0)), xp.tril(x, k=-1))


def _increments(xp: Namespace, x: Array, ends: Ends) -> Array:
    """Return the first entry and the logarithms of the steps from one to the next."""
    columns = x[..., :, None] - x[..., None, :]
    steps = xp.sum(xp.tril(columns) * (1 - xp.tril(columns * 0 + 1, k=-2)), axis=-1)
    first = index_like(xp, x) == 0
    return xp.where(first, x, xp.log(xp.where(first, 1.0, steps)))


def _increasing(xp: Namespace, x: Array, ends: Ends) -> Array:
    first = index_like(xp, x) == 0
    return xp.cumulative_sum(xp.where(first, x, xp.exp(xp.where(first, 0.0, x))), axis=-1)


def _log_factor(xp: Namespace, x: Array, ends: Ends) -> Array:
    return _diagonal_of(xp, xp.cholesky(x), xp.log)


def _from_log_factor(xp: Namespace, x: Array, ends: Ends) -> Array:
    factor = _diagonal_of(xp, x, xp.exp)
    return xp.matmul(factor, xp.matrix_transpose(factor))


_AS_IT_IS = Chart(lambda xp, x, ends: x, lambda xp, x, ends: x)
_ABOVE = Chart(lambda xp, x, ends: log(xp, x - ends[0]), lambda xp, x, ends: ends[0] + xp.exp(x))
_BELOW = Chart(lambda xp, x, ends: log(xp, ends[1] - x), lambda xp, x, ends: ends[1] - xp.exp(x))
_BETWEEN = Chart(
    lambda xp, x, ends: logit(xp, (x - ends[0]) / (ends[1] - ends[0])),
    lambda xp, x, ends: ends[0] + (ends[1] - ends[0]) * sigmoid(xp, x),
)
_POSITIVE = Chart(lambda xp, x, ends: log(xp, x), lambda xp, x, ends: xp.exp(x))
_UNIT = Chart(lambda xp, x, ends: logit(xp, x), lambda xp, x, ends: sigmoid(xp, x))
_CHARTS: list[tuple[Domain, Chart]] = [
    (domains.Real, _AS_IT_IS),
    (domains.Logit, _AS_IT_IS),
    (domains.Logits, _AS_IT_IS),
    (domains.Positive, _POSITIVE),
    (domains.NonNegative, _POSITIVE),
    (domains.UnitInterval, _UNIT),
    (domains.OpenUnitInterval, _UNIT),
    (domains.LeftOpenUnitInterval, _UNIT),
    (domains.ZeroToBelowOne, _UNIT),
    (domains.AboveOne, Chart(lambda xp, x, ends: log(xp, x - 1), lambda xp, x, ends: 1 + xp.exp(x))),
    (domains.Simplex, Chart(lambda xp, x, ends: log(xp, x), lambda xp, x, ends: softmax(xp, x))),
    (domains.ErgodicTransition, Chart(lambda xp, x, ends: log(xp, x), lambda xp, x, ends: softmax(xp, x))),
    (domains.Increasing, Chart(_increments, _increasing)),
    (
        domains.UnitVector,
        Chart(lambda xp, x, ends: x, lambda xp, x, ends: x / xp.sqrt(xp.sum(x * x, axis=-1, keepdims=True))),
    ),
    (
        domains.LowerTriangular,
        Chart(
            lambda xp, x, ends: _diagonal_of(xp, x, xp.log),
            lambda xp, x, ends: _diagonal_of(xp, x, xp.exp),
        ),
    ),
    (domains.PositiveDefinite, Chart(_log_factor, _from_log_factor)),
]
_BY_CONDITIONS: dict[tuple[Condition, ...], Chart] = {domain.conditions: chart for domain, chart in _CHARTS}
_COUNTS = (domains.Integer, domains.Count)


def is_fixed(domain: Domain) -> bool:
    """Tell whether a parameter moves in steps, and so is held fixed."""
    return any(domain.conditions == count.conditions for count in _COUNTS)


def is_moved(parameter: Parameter) -> bool:
    """Tell whether a minimization moves a parameter of a distribution."""
    return not is_fixed(_domain(parameter.field))


def _chart(domain: Domain, unconstrained: bool) -> Chart | None:
    if not unconstrained:
        return _AS_IT_IS
    has_low = domain.low or domain.exceeds_dimension_of
    if has_low or domain.high:
        return _BELOW if not has_low else _BETWEEN if domain.high else _ABOVE
    return _BY_CONDITIONS.get(domain.conditions)


class MovedParameter(NamedTuple):
    """A parameter that is moved, and how."""

    name: str  # with the names of the fields that hold its family
    owner: str
    axes: int  # event axes, and those of its holders
    is_real: bool  # whether it is a number without constraints


def moved_parameters(d: Family, unconstrained: bool, prefix: str = "", axes: int = 0) -> Iterator[MovedParameter]:
    """Yield the parameters of a distribution that are moved, in the order of `walk`.

    Raises TypeError if a domain has no chart.
    """
    for field in fields_of(type(d)):
        name = prefix + field.name
        if field.component:
            yield from moved_parameters(getattr(d, field.name), unconstrained, f"{name}.", axes + len(field.axes))
            continue
        domain = _domain(field)
        if is_fixed(domain):
            continue
        if _chart(domain, unconstrained) is None:
            raise TypeError(
                f"{type(d).__name__}.{field.name} has a domain that is not one of kldiv.domains; pass "
                "unconstrained=False to minimize over the parameters themselves"
            )
        is_real = not field.axes and domain.conditions == domains.Real.conditions and not (domain.low or domain.high)
        yield MovedParameter(name, type(d).__name__, axes + len(field.axes), is_real)


def _domain(field: Field) -> Domain:
    assert field.domain is not None
    return field.domain


def free(xp: Namespace, d: Family, unconstrained: bool) -> list[Array]:
    """Return the unconstrained numbers that stand for the parameters of a distribution that are moved."""
    numbers: list[Array] = []
    for parameter in filter(is_moved, walk(d)):
        domain = _domain(parameter.field)
        chart = _chart(domain, unconstrained)
        assert chart is not None
        numbers.append(chart.there(xp, parameter.value, _ends(xp, domain, parameter.owner._asdict())))
    return numbers


def bound(xp: Namespace, d: Family, numbers: Iterator[Array], unconstrained: bool) -> Family:
    """Return the distribution whose moved parameters stand for `numbers`, with those of `d` that are held fixed."""
    values: dict[str, Any] = d._asdict()
    moved: dict[str, tuple[Domain, Array]] = {}
    for field in fields_of(type(d)):
        if field.component:
            values[field.name] = bound(xp, values[field.name], numbers, unconstrained)
        elif not is_fixed(_domain(field)):
            moved[field.name] = _domain(field), next(numbers)
    # The ends come first: those of an interval, then what lies between them.
    for name, (domain, number) in sorted(moved.items(), key=lambda item: _count_of_ends(item[1][0])):
        chart = _chart(domain, unconstrained)
        assert chart is not None
        values[name] = chart.back(xp, number, _ends(xp, domain, values))
    return type(d)(**values)


def _count_of_ends(domain: Domain) -> int:
    return bool(domain.low) + bool(domain.high)


def _ends(xp: Namespace, domain: Domain, values: dict[str, Any]) -> Ends:
    """Return what a parameter must lie above and below, from those of its distribution; None where there is no end."""
    low = values[domain.low.parameter] if domain.low else None
    high = values[domain.high.parameter] if domain.high else None
    if domain.exceeds_dimension_of:
        low = xp.sum(xp.ones_like(values[domain.exceeds_dimension_of][..., 0, :]), axis=-1) - 1
    return low, high
