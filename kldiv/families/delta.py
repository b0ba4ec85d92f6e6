"""The point mass."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family, FamilyKey, class_of, held_kinds, name_of
from kldiv._core.registry import Rule, rule_factory_before
from kldiv._core.sampling import SamplingContext
from kldiv._core.supports import infinite
from kldiv._numerics.edges import indicator
from kldiv.domains import Real, Support


@declare.family(Support("point"))
class Delta(NamedTuple):
    """The point mass at `value`; ``Independent(Delta(values))`` is a point mass at a vector.

    Mass::

        P(x) = 1 where x = value, 0 elsewhere

    Parameters
    ----------
    value : real
        The only outcome.

    Notes
    -----
    The divergence from a point mass to a discrete distribution Q is -log Q(value), and to a density it is infinite.
    From any other distribution to a point mass it is infinite, except where that distribution is certain of the point::

        KL(P || Q) = 0 where value_p = value_q, inf elsewhere

    The same distribution elsewhere: ``tfp.distributions.Deterministic(value)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.Delta(0.0), kldiv.Poisson(2.0)))
    2.0
    """

    value: Annotated[Array, Real]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of `x`."""
        return -indicator(xp, x == self.value, self.value)

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether `x` has probability 1."""
        return self.value == x


@declare.sampler(Delta)
def sample_delta(xp: Namespace, draw: SamplingContext, value: Array) -> Array:
    """Return the value itself."""
    return value + xp.zeros_like(draw.uniform(value))


@rule_factory_before
def point_mass_rule(p: FamilyKey, q: FamilyKey) -> Rule | None:
    """Return the rule of a pair with a point mass in it."""
    if p is Delta and _is_discrete(q):
        return Rule(
            p, q, "closed form", (f"-log of the probability that {name_of(q)} gives the point",), None, _from_point
        )
    if q is Delta and _is_discrete(p):
        return Rule(
            p, q, "closed form", (f"0 where {name_of(p)} is certain of the point, infinite elsewhere",), None, _to_point
        )
    if Delta in (_innermost(p), _innermost(q)) and not (_is_discrete(p) and _is_discrete(q)):
        return infinite(p, q, f"{name_of(p)} and {name_of(q)} have no event of positive probability in common")
    return None


def _innermost(kind: FamilyKey) -> FamilyKey:
    held = held_kinds(kind)
    return _innermost(held[0]) if held else kind


def _is_discrete(kind: FamilyKey) -> bool:
    return hasattr(class_of(_innermost(kind)), "is_certain_of")


def _from_point(xp: Namespace, p: Family, q: Family) -> Array:
    return -q.log_density(p.value)


def _to_point(xp: Namespace, p: Family, q: Family) -> Array:
    return indicator(xp, p.is_certain_of(xp, q.value), q.value)
