"""A distribution as a mixture of plain ones, and its log density where frameworks and quadrature need it.

Quadrature, summation and stratified sampling all treat the expectation under a mixture as the weighted sum of the
expectations under its components, so that each is located on its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family, fields_of
from kldiv._numerics.categorical import log_mixture
from kldiv.families.mixture import Mixture, along_components


class Components(NamedTuple):
    """The components of a mixture, along `axes` more batch axes than it has, and the probability of each."""

    weights: Array | None  # None: there is one part, the distribution itself
    components: Family
    axes: int

    def like(self, xp: Namespace, batch: Array) -> Array:
        """Return zeros, without derivatives, of the shape of a batch and its parts."""
        deep = xp.zeros_like(xp.stop_gradient(batch))[(..., *[None] * self.axes)]
        return deep if self.weights is None else deep + xp.zeros_like(xp.stop_gradient(self.weights))

    def total(self, xp: Namespace, x: Array) -> Array:
        """Return the expectation of what has a value for each part."""
        if self.weights is None:
            return x
        # A part without weight does not count, even where its value is infinite.
        x = xp.where(self.weights > 0, x, 0.0)
        return xp.sum(self.weights * x, axis=tuple(range(-self.axes, 0)))


def components_of(xp: Namespace, d: Family) -> Components:
    """Return the plain distributions that a distribution is a mixture of."""
    if type(d) is not Mixture:
        return Components(None, d, 0)
    weights = d.probs / xp.sum(d.probs, axis=-1, keepdims=True)
    inner = components_of(xp, d.components)
    if inner.weights is not None:
        weights = weights[(..., *[None] * inner.axes)] * inner.weights
    return Components(weights, inner.components, 1 + inner.axes)


def with_axes(xp: Namespace, d: Family, count: int, inside: int = 0) -> Family:
    """Return a distribution with `count` more batch axes of length 1, before the last `inside` batch axes."""
    if count == 0:
        return d
    values: list[Family] = []
    for field in fields_of(type(d)):
        value = getattr(d, field.name)
        if field.component:
            values.append(with_axes(xp, value, count, inside + len(field.axes)))
        else:
            last = inside + len(field.domain.axes)  # type: ignore[union-attr]
            # What the components share has fewer axes, and broadcasts as it is.
            alone = len(xp.shape(value)) < last
            values.append(value if alone else value[(..., *[None] * count, *[slice(None)] * last)])
    return type(d)(*values)


def with_rank(xp: Namespace, d: Family, rank: int, inside: int = 0) -> Family:
    """Return a distribution with batch axes of length 1 before its own, so that it has `rank` of them in all."""
    values: list[Family] = []
    for field in fields_of(type(d)):
        value = getattr(d, field.name)
        if field.component:
            values.append(with_rank(xp, value, rank, inside + len(field.axes)))
        else:
            missing = rank + inside + len(field.domain.axes) - len(xp.shape(value))  # type: ignore[union-attr]
            values.append(value[(*[None] * missing, ...)] if missing > 0 else value)
    return type(d)(*values)


def log_density(xp: Namespace, d: Family, x: Array, *, extended: bool = False) -> Array:
    """Return the log density; with `extended`, that of a distribution of integers between the integers too."""
    if not extended:
        return d.log_density(x)
    if type(d) is Mixture:
        inner = log_density(xp, d.components, along_components(d.components, x), extended=True)
        return log_mixture(xp, d.probs, inner)
    return type(d).log_density.__wrapped__(d, xp, x)


def plain_components(xp: Namespace, d: Family) -> Iterator[Family]:
    """Yield the plain distributions that a distribution is a mixture of, each with its batch shape."""
    if type(d) is not Mixture:
        yield d
        return
    count = xp.shape(d.probs)[-1]
    if count is None:
        raise ValueError("the number of components of a mixture must be known where a function is traced")
    for i in range(count):
        yield from plain_components(xp, _component(xp, d.components, i, 0))


def _component(xp: Namespace, d: Family, i: int, inside: int) -> Family:
    """Return the i-th along the batch axis that is followed by `inside` ones."""
    values: list[Family] = []
    for field in fields_of(type(d)):
        value = getattr(d, field.name)
        if field.component:
            values.append(_component(xp, value, i, inside + len(field.axes)))
            continue
        last = inside + len(field.domain.axes)  # type: ignore[union-attr]
        lengths = xp.shape(value)
        if len(lengths) > last:  # otherwise the components share it
            at = 0 if lengths[-1 - last] == 1 else i
            value = value[(..., at, *[slice(None)] * last)]
        values.append(value)
    return type(d)(*values)
