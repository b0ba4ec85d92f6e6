"""Parameters as unconstrained numbers, through the domains of their fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from kldiv import domains
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family, Field, fields_of
from kldiv._core.parameters import Parameter, walk
from kldiv._numerics.categorical import sigmoid, softmax
from kldiv._numerics.edges import log, logit
from kldiv._numerics.linalg import identity_like, index_like
from kldiv.domains import Condition, Domain


class Chart(NamedTuple):
    """The maps from a parameter to unconstrained numbers and back; `low` is what the parameter must exceed."""

    there: Callable[[Namespace, Array, Any], Array]
    back: Callable[[Namespace, Array, Any], Array]


def _diagonal_of(xp: Namespace, x: Array, function: Callable[[Array], Array]) -> Array:
    """Return a lower triangular matrix with a function of its diagonal."""
    on = identity_like(xp, x) > 0
    return xp.where(on, function(xp.where(on, x, 1.0)), xp.tril(x, k=-1))


def _increments(xp: Namespace, x: Array, low: Any) -> Array:
    """Return the first entry and the logarithms of the steps from one to the next."""
    columns = x[..., :, None] - x[..., None, :]
    steps = xp.sum(xp.tril(columns) * (1 - xp.tril(columns * 0 + 1, k=-2)), axis=-1)
    first = index_like(xp, x) == 0
    return xp.where(first, x, xp.log(xp.where(first, 1.0, steps)))


def _increasing(xp: Namespace, x: Array, low: Any) -> Array:
    first = index_like(xp, x) == 0
    return xp.cumulative_sum(xp.where(first, x, xp.exp(xp.where(first, 0.0, x))), axis=-1)


def _log_factor(xp: Namespace, x: Array, low: Any) -> Array:
    return _diagonal_of(xp, xp.cholesky(x), xp.log)


def _from_log_factor(xp: Namespace, x: Array, low: Any) -> Array:
    factor = _diagonal_of(xp, x, xp.exp)
    return xp.matmul(factor, xp.matrix_transpose(factor))


_AS_IT_IS = Chart(lambda xp, x, low: x, lambda xp, x, low: x)
_ABOVE = Chart(lambda xp, x, low: log(xp, x - low), lambda xp, x, low: low + xp.exp(x))
_POSITIVE = Chart(lambda xp, x, low: log(xp, x), lambda xp, x, low: xp.exp(x))
_UNIT = Chart(lambda xp, x, low: logit(xp, x), lambda xp, x, low: sigmoid(xp, x))
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
    (domains.AboveOne, Chart(lambda xp, x, low: log(xp, x - 1), lambda xp, x, low: 1 + xp.exp(x))),
    (domains.Simplex, Chart(lambda xp, x, low: log(xp, x), lambda xp, x, low: softmax(xp, x))),
    (domains.ErgodicTransition, Chart(lambda xp, x, low: log(xp, x), lambda xp, x, low: softmax(xp, x))),
    (domains.Increasing, Chart(_increments, _increasing)),
    (
        domains.UnitVector,
        Chart(lambda xp, x, low: x, lambda xp, x, low: x / xp.sqrt(xp.sum(x * x, axis=-1, keepdims=True))),
    ),
    (
        domains.LowerTriangular,
        Chart(
            lambda xp, x, low: _diagonal_of(xp, x, xp.log),
            lambda xp, x, low: _diagonal_of(xp, x, xp.exp),
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
    if domain.low or domain.exceeds_dimension_of:
        return _ABOVE
    return _BY_CONDITIONS.get(domain.conditions)


class MovedParameter(NamedTuple):
    """A parameter that is moved, and how."""

    name: str  # with the names of the fields that hold its family
    owner: str
    axes: int  # event axes, and those of its holders


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
                f"{type(d).__name__}.{field.name} lives in a domain of your own; pass unconstrained=False to descend "
                "in the parameters themselves"
            )
        yield MovedParameter(name, type(d).__name__, axes + len(field.axes))


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
        numbers.append(chart.there(xp, parameter.value, _low(xp, domain, parameter.owner._asdict())))
    return numbers


def bound(xp: Namespace, d: Family, numbers: Iterator[Array], unconstrained: bool) -> Family:
    """Return the distribution whose moved parameters stand for `numbers`, with those of `d` that are held fixed."""
    values: dict[str, Any] = d._asdict()
    for field in fields_of(type(d)):
        if field.component:
            values[field.name] = bound(xp, values[field.name], numbers, unconstrained)
        elif not is_fixed(_domain(field)):
            chart = _chart(_domain(field), unconstrained)
            assert chart is not None
            values[field.name] = chart.back(xp, next(numbers), _low(xp, _domain(field), values))
    return type(d)(**values)


def _low(xp: Namespace, domain: Domain, values: dict[str, Any]) -> Any:
    """Return what a parameter must exceed, from those of its distribution; None if there is no such end."""
    if domain.low:
        return values[domain.low.parameter]
    if domain.exceeds_dimension_of:
        return xp.sum(xp.ones_like(values[domain.exceeds_dimension_of][..., 0, :]), axis=-1) - 1
    return None
