"""A distribution as a mixture of plain ones, and its log density where frameworks and quadrature need it.

Quadrature, summation and stratified sampling all treat the expectation under a mixture as the weighted sum of the
expectations under its components, so that each is located on its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family, fields_of, support_of
from kldiv._core.parameters import index_batch
from kldiv._numerics.categorical import log_mixture
from kldiv.families.mixture import Mixture, along_components


class Components(NamedTuple):
    """The components of a mixture, along `axes` more batch axes than it has, and the probability of each."""

    weights: Array | None  # None: there is one component, the distribution itself
    components: Family
    axes: int

    def like(self, xp: Namespace, batch: Array) -> Array:
        """Return zeros, without derivatives, of the shape of a batch and its components."""
        deep = xp.zeros_like(xp.stop_gradient(batch))[(..., *[None] * self.axes)]
        return deep if self.weights is None else deep + xp.zeros_like(xp.stop_gradient(self.weights))

    def total(self, xp: Namespace, x: Array) -> Array:
        """Return the expectation of what has a value for each component."""
        if self.weights is None:
            return x
        # A component without weight does not count, even where its value is infinite.
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


def with_support(d: Family) -> Family:
    """Return the distribution whose support a plain distribution has: its own, or that of the one that it holds."""
    while support_of(type(d)) is None:
        passed_on = (f.name for f in fields_of(type(d)) if f.component and not f.component.event)
        d = getattr(d, next(passed_on))
    return d


def log_density(xp: Namespace, d: Family, x: Array, *, extended: bool = False) -> Array:
    """Return the log density; with `extended`, that of a distribution of integers between the integers too."""
    if not extended:
        return d.log_density(x)
    if type(d) is Mixture:
        inner = log_density(xp, d.components, along_components(d.components, x), extended=True)
        return log_mixture(xp, d.probs, inner)
    cls = type(d)
    parts = [_Extended(xp, y) if field.component else y for field, y in zip(fields_of(cls), d, strict=True)]
    formula = getattr(cls.log_density, "__wrapped__", None)
    if formula is None:
        raise TypeError(
            f"{cls.__name__}.log_density is not declared, and this needs its formula between the integers: decorate it "
            "with @kldiv.declare.density, as `def log_density(self, xp, x)`"
        )
    value: Array = formula(cls(*parts), xp, x)
    return value


class _Extended:
    """A distribution of integers inside another, whose log density between the integers is asked for."""

    def __init__(self, xp: Namespace, d: Family) -> None:
        self._xp, self._d = xp, d

    def __getattr__(self, name: str) -> Any:
        return getattr(self._d, name)

    def log_density(self, x: Array) -> Array:
        """Return the log density, between the integers too."""
        return log_density(self._xp, self._d, x, extended=True)


def plain_components(xp: Namespace, d: Family) -> Iterator[Family]:
    """Yield the plain distributions that a distribution is a mixture of, each with its batch shape."""
    if type(d) is not Mixture:
        yield d
        return
    count = xp.shape(d.probs)[-1]
    if count is None:
        raise ValueError("the number of components of a mixture must be known where a function is traced")
    for i in range(count):
        yield from plain_components(xp, index_batch(xp, d.components, i))
