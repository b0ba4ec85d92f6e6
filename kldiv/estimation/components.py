"""A distribution as a mixture of plain ones, and its log density where frameworks and quadrature need it.

Quadrature, summation and stratified sampling all treat the expectation under a mixture as the weighted sum of the
expectations under its components, so that each is located on its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.density import evaluate_density, takes_complement
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


def log_density(xp: Namespace, d: Family, x: Array, complement: Array | None = None, *, between: bool = False) -> Array:
    """Return the log density at outcomes, whose complements 1 - x may be known better than they are themselves.

    With `between`, that of a distribution of integers between the integers too.
    """
    if type(d) is Mixture:
        x = along_components(d.components, x)
        complement = None if complement is None else along_components(d.components, complement)
        return log_mixture(xp, d.probs, log_density(xp, d.components, x, complement, between=between))
    fields = fields_of(type(d))
    if not any(field.component for field in fields):
        return evaluate_density(xp, d, x, complement, between=between)
    parts = [_Held(xp, y, between) if field.component else y for field, y in zip(fields, d, strict=True)]
    return evaluate_density(xp, d, x, held=type(d)(*parts), between=between)


class _Held:
    """A distribution that another holds, evaluated inside of a computation."""

    def __init__(self, xp: Namespace, d: Family, between: bool) -> None:
        self._xp, self._d, self._between = xp, d, between

    def __getattr__(self, name: str) -> Any:
        return getattr(self._d, name)

    def log_density(self, x: Array) -> Array:
        """Return the log density at outcomes of the distribution that is held."""
        return log_density(self._xp, self._d, x, between=self._between)


def takes_complements(d: Family) -> bool:
    """Tell whether the log density of a distribution on the unit interval is exact near 1, given 1 - x."""
    return takes_complements(d.components) if type(d) is Mixture else takes_complement(type(d))


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
