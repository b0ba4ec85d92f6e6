"""Geometric mixtures p^(1-t) q^t of two members of a family, where these are members again, divided by their mass."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from kldiv._arrays import cache
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family, FamilyKey, as_kind, class_of, name_of
from kldiv._core.parameters import constant, unflatten, walk
from kldiv._core.registry import Evaluate, NoClosedForm, Path, convert, parameter_names, require_arguments
from kldiv._core.search import find, reachable
from kldiv._core.validation import tolerances, valid
from kldiv._numerics.iteration import repeat

Between: TypeAlias = Callable[..., Family]
Step: TypeAlias = Callable[[Namespace, Family], Family]


class Interpolation(NamedTuple):
    """How a family interpolates."""

    between: Between
    equal: tuple[str, ...]  # parameters that both sides must share
    location: str | None  # a parameter of which only the difference matters


class Way(NamedTuple):
    """How the geometric mixture of two distributions of given kinds is found, and the divergences from it."""

    interpolation: Interpolation
    divergence: Evaluate  # within the family that interpolates
    forward: Evaluate  # KL(P || Q) of the distributions as they are
    backward: Evaluate
    p: Step  # what makes P a member of the family that interpolates
    q: Step
    sums: int = 0  # over how many axes of independent components

    @property
    def equal(self) -> tuple[str, ...]:
        """Names of parameters that P and Q must share."""
        return self.interpolation.equal

    def components(self, p: Family, q: Family) -> tuple[Family, Family]:
        """Return the independent components of P and Q, along the last axes of their batch."""
        for _ in range(self.sums):
            p, q = p.base, q.base
        return p, q

    def of_components(self, order: Array) -> Array:
        """Return an order for all components."""
        return order[(..., *[None] * self.sums)]

    def total(self, xp: Namespace, value: Array) -> Array:
        """Return the sum over the independent components."""
        return xp.sum(value, axis=tuple(range(-self.sums, 0))) if self.sums else value

    def reversed(self) -> Way:
        """Return the way of the pair with P and Q in each other's place."""
        return self._replace(forward=self.backward, backward=self.forward, p=self.q, q=self.p)


WayFactory: TypeAlias = Callable[[FamilyKey, FamilyKey], "Way | None"]

_interpolations: dict[type, Interpolation] = {}
_way_factories: list[WayFactory] = []


def interpolation(
    family: type, *, equal: tuple[str, ...] = (), location: str | None = None
) -> Callable[[Between], Between]:
    """Declare that geometric mixtures of members of a family are members: p^(1-t) q^t, divided by its integral.

    An exponential family has the natural parameters (1 - t) theta_P + t theta_Q there. From this follow `kldiv.renyi`
    and all that is made of it.

    Parameters
    ----------
    family
        The family.
    equal
        Parameters that both sides must share, such as the scale of Pareto distributions.
    location
        A parameter of which only the difference matters: it is called with 0 for that of P, and keeps its digits.

    Returns
    -------
    decorator
        The decorated function is called as ``between(xp, t, *parameters_of_p, *parameters_of_q)``, with `t` any real
        number, the weight of Q. Where no distribution is between, it returns parameters that are not valid.

    Raises
    ------
    TypeError
        If the function does not take these arguments.

    Examples
    --------
    >>> from typing import Annotated, NamedTuple
    >>> import kldiv
    >>> @kldiv.declare.family(kldiv.domains.POSITIVE)
    ... class Delay(NamedTuple):
    ...     rate: Annotated[object, kldiv.domains.Positive]
    >>> @kldiv.declare.formula(Delay, Delay)
    ... def kl_delay_delay(xp, rate_p, rate_q):
    ...     "r - 1 - log r with r = r_q / r_p"
    ...     return kldiv.numerics.relative_gap(xp, rate_q, rate_p)
    >>> @kldiv.declare.interpolation(Delay)
    ... def between_delays(xp, t, rate_p, rate_q):
    ...     return Delay(rate_p + t * (rate_q - rate_p))
    >>> round(float(kldiv.renyi(Delay(2.0), Delay(1.0), 2.0)), 6)
    0.287682
    """
    kind = as_kind(family)

    def declare(between: Between) -> Between:
        require_arguments(between, f"an interpolation of {name_of(kind)}", ["t", *parameter_names(kind, kind)])
        _interpolations[class_of(kind)] = Interpolation(between, equal, location)
        cache.clear()
        return between

    return declare


def way_factory(factory: WayFactory) -> WayFactory:
    """Declare a function that makes the way of a pair of kinds from that of the kinds that they hold."""
    _way_factories.append(factory)
    return factory


def find_way(p: FamilyKey, q: FamilyKey) -> Way:
    """Return how two kinds interpolate: after the conversions that lead to a family which does.

    Raises NoClosedForm if there is none.
    """
    way: Way = cache.get_or_make("interpolations", (p, q), _search, p, q)
    return way


def _search(p: FamilyKey, q: FamilyKey) -> Way:
    for at_p, at_q, path in reachable(p, q):
        convert_p, convert_q = _along(path, 0), _along(path, 1)
        declared = _interpolations.get(class_of(at_p))
        if at_p == at_q and declared is not None:
            within = find(at_p, at_q).evaluate
            return Way(declared, within, find(p, q).evaluate, find(q, p).evaluate, convert_p, convert_q)
        for make in _way_factories:
            made = make(at_p, at_q)
            if made is not None:
                return made._replace(p=_after(convert_p, made.p), q=_after(convert_q, made.q))
    raise NoClosedForm(
        f"the geometric mixtures of {name_of(p)} and {name_of(q)} belong to no family that is known here"
    )


def _along(path: Path, side: int) -> Step:
    return lambda xp, d: convert(xp, path, d, side)


def _after(first: Step, second: Step) -> Step:
    return lambda xp, d: second(xp, first(xp, d))


def renyi_divergence(way: Way, xp: Namespace, p: Family, q: Family, order: Array) -> Array:
    """Return the Rényi divergence of an order that is not negative and finite.

    With R between P and Q, (1 - a) D_a = a KL(R || P) + (1 - a) KL(R || Q). R minimizes the right side, so that its
    rounding hardly matters, unless P and Q are nearly equal: there D_a is a [a KL(P || Q) + (1 - a) KL(Q || P)] but for
    terms of the fourth order. Source: van Erven and Harremoes (2014), arXiv:1206.2459, theorem 30.
    """
    p, q = way.components(p, q)
    order = way.of_components(order)
    t = 1 - order
    to_p, to_q, exists, same = _from_between(way, xp, p, q, t)
    forward, backward = way.forward(xp, p, q), way.backward(xp, q, p)
    at_one = t == 0
    value = to_q + order * (to_p / xp.where(at_one, 1.0, t))
    small = (forward + backward) * (1 + order * order) < 4 * float(xp.finfo(forward.dtype).eps)
    near = order * (order * xp.where(small, forward, 0.0) + t * xp.where(small, backward, 0.0))
    value = xp.where(small, near, xp.where(at_one, forward, value))
    # D_a grows with the order: from order 1 on it is infinite where KL is.
    value = xp.where(exists & ~((t <= 0) & (forward == math.inf)), value, math.inf)
    return way.total(xp, xp.where(same, value, math.nan))


def chernoff_order(way: Way, xp: Namespace, p: Family, q: Family, like: Array) -> Array:
    """Return the order a between 0 and 1 at which (1 - a) D_a is largest, as a constant, by halving.

    There KL(R || P) = KL(R || Q): towards order 1, R comes nearer to P.
    """
    p, q = (constant(xp, d) for d in way.components(p, q))

    def excess(order: Array) -> Array:
        """Return KL(R || P) - KL(R || Q), summed over independent components."""
        to_p, to_q, _, _ = _from_between(way, xp, p, q, 1 - way.of_components(order))
        # Where both are infinite, or nothing is between, any order serves.
        return way.total(xp, xp.where(to_p == to_q, 0.0, to_p - to_q))

    def halve(ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = 0.5 * (low + high)
        farther = excess(middle) > 0
        return xp.where(farther, middle, low), xp.where(farther, high, middle)

    zeros = xp.zeros_like(excess(like) + like)
    low, high = repeat(xp, halve, (zeros, zeros + 1), 60, zeros)
    return xp.stop_gradient(0.5 * (low + high))


def _from_between(way: Way, xp: Namespace, p: Family, q: Family, t: Array) -> tuple[Array, Array, Array, Array]:
    """Return KL(R || P), KL(R || Q), where R exists, and where P and Q share what must be equal."""
    between, equal, location = way.interpolation
    p, q = way.p(xp, p), way.q(xp, q)
    if location is not None:
        shift = getattr(p, location)
        p, q = (d._replace(**{location: getattr(d, location) - shift}) for d in (p, q))
    same = t == t
    for name in equal:
        same = same & (getattr(p, name) == getattr(q, name))
    r = between(xp, t, *p, *q)
    exists = valid(xp, r, tolerances(xp, r))
    r = _select(xp, exists, r, p)
    return way.divergence(xp, r, p), way.divergence(xp, r, q), exists, same


def _select(xp: Namespace, mask: Array, a: Family, b: Family) -> Family:
    """Return a distribution that is one where the mask of the batch holds, and another elsewhere."""
    pairs = zip(walk(a), walk(b), strict=True)
    return unflatten(a, iter([xp.where(mask[(..., *[None] * x.event_axes)], x.value, y.value) for x, y in pairs]))
