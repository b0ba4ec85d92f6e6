"""Vectors of independent components."""

from collections.abc import Iterable
from typing import Annotated, Generic, NamedTuple, TypeVar

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family, FamilyKey, class_of, held_kinds
from kldiv._core.interpolation import Way, find_way, way_factory
from kldiv._core.registry import (
    Conversion,
    NoClosedForm,
    Rule,
    conversions_of,
    derived_conversions,
    rule_factory_before,
)
from kldiv._core.sampling import SamplingContext
from kldiv._core.search import find
from kldiv.domains import Component
from kldiv.families.multivariate_normal import MultivariateNormalDiag
from kldiv.families.normal import Normal

Base = TypeVar("Base")


@declare.family()
class Independent(NamedTuple, Generic[Base]):
    """A vector of independent components: the last batch axis of `base` becomes an event axis. Nest it for more axes.

    Density or mass, with base[i] entry i of the last batch axis::

        p(x) = prod_i base[i](x_i)

    Parameters
    ----------
    base : distribution
        Distribution of the components, ``base_distribution`` in PyTorch, ``distribution`` in TFP.

    Notes
    -----
    With P_i and Q_i the components::

        KL(P || Q) = sum_i KL(P_i || Q_i)

    Source: statproofbook.github.io/P/kl-add.

    The same distribution elsewhere: ``torch.distributions.Independent(base, 1)``, ``tfp.distributions.Independent(base,
    1)``.

    Examples
    --------
    >>> import kldiv
    >>> p = kldiv.Independent(kldiv.Normal(loc=[1.0, 2.0], scale=[1.0, 1.0]))
    >>> q = kldiv.Independent(kldiv.Normal(loc=[0.0, 0.0], scale=[1.0, 1.0]))
    >>> float(kldiv.kl_divergence(p, q))
    2.5
    """

    base: Annotated[Base, Component(("_n",))]

    def log_density(self, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        from kldiv._arrays.namespace import namespace

        value = self.base.log_density(x)  # type: ignore[attr-defined]
        return namespace(value).sum(value, axis=-1)


@declare.sampler(Independent)
def sample_independent(xp: Namespace, draw: SamplingContext, d: Family) -> Array:
    """Return samples of the base, whose last axis is that of the vector."""
    return draw.sample(xp, d.base, axes=1)


@rule_factory_before
def independent_rule(p: FamilyKey, q: FamilyKey) -> Rule | None:
    """Return the sum over components of the divergences between the bases.

    Source: statproofbook.github.io/P/kl-add
    """
    if class_of(p) is not Independent or class_of(q) is not Independent:
        return None
    try:
        inner = find(*held_kinds(p), *held_kinds(q))
    except NoClosedForm:
        return None

    def evaluate(xp: Namespace, a: Family, b: Family) -> Array:
        return xp.sum(inner.evaluate(xp, a.base, b.base), axis=-1)

    steps = ("the sum over independent components", *inner.steps)
    summed = None if inner.sum_axes is None else inner.sum_axes + 1
    return Rule(p, q, inner.method, steps, inner.formula, evaluate, summed)


@derived_conversions
def independent_conversions(kind: FamilyKey) -> Iterable[Conversion]:
    """If the base is something, so is the vector."""
    if class_of(kind) is not Independent:
        return

    for inner in conversions_of(*held_kinds(kind)):

        def apply(xp: Namespace, d: Family, inner: Conversion = inner) -> Family:
            return Independent(inner.apply(xp, d.base))

        yield Conversion((Independent, inner.target), apply, inner.words, inner.shared)


@declare.conversion(Independent[Normal], MultivariateNormalDiag)
def independent_normal_as_multivariate_normal(xp: Namespace, d: Family) -> MultivariateNormalDiag:
    """Location and scale become vectors along the last axis."""
    return MultivariateNormalDiag(*xp.broadcast_arrays(d.base.loc, d.base.scale))


@way_factory
def independent_way(p: FamilyKey, q: FamilyKey) -> Way | None:
    """Return the way of the components: Rényi divergences of independent components add up."""
    if class_of(p) is not Independent or class_of(q) is not Independent:
        return None
    try:
        inner = find_way(*held_kinds(p), *held_kinds(q))
    except NoClosedForm:
        return None
    return inner._replace(sums=inner.sums + 1)
