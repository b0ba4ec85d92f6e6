"""Samples: families declare how a draw is made of uniform, normal, gamma and Poisson draws, whatever these come from.

They come from a framework's generator, or from the points of a randomized Sobol sequence through quantile functions.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import (
    Distribution,
    Family,
    FamilyKey,
    class_of,
    held_kinds,
    kind_of,
    name_of,
    support_of,
    unlisted,
)
from kldiv._core.parameters import any_batch_array, broadcast_batch, cast, gather_families
from kldiv._core.registry import Conversion, conversions_of
from kldiv._core.validation import diagnose_all, tolerances, valid
from kldiv._numerics.categorical import sigmoid, softmax
from kldiv.domains import Support

Transform: TypeAlias = Callable[[Namespace, Array], Array]
# sampler(xp, context, d) has the shape (n, *batch, *event).
Sampler: TypeAlias = "Callable[[Namespace, SamplingContext, Family], Array]"
_samplers: dict[type, Callable[..., Array]] = {}


def bounded_exp(xp: Namespace, x: Array) -> Array:
    """Return exp(x), where that would overflow or underflow the nearest number that does not."""
    bound = -0.9999 * math.log(float(xp.finfo(x.dtype).smallest_normal))
    return xp.exp(xp.where(x > bound, bound, xp.where(x < -bound, -bound, x)))


def positive(xp: Namespace, x: Array) -> Array:
    """Return x, and the smallest normal number in place of 0."""
    tiny = float(xp.finfo(x.dtype).smallest_normal)
    return xp.where(x < tiny, tiny, x)


def positive_softmax(xp: Namespace, x: Array) -> Array:
    """Return probabilities, none of them 0, proportional to exp(x) along the last axis."""
    return positive(xp, softmax(xp, x))


def _variance_for_precision(xp: Namespace, x: Array) -> Array:
    return xp.concat([x[..., :1], 1 / x[..., 1:]], axis=-1)


def _softmax_against_0(xp: Namespace, x: Array) -> Array:
    return positive_softmax(xp, xp.concat([x, xp.zeros_like(x[..., :1])], axis=-1))


# The injective maps that conversions name: the outcome of one family is the map of the outcome of another.
_MAPS: dict[str, Transform] = {
    "exp": bounded_exp,
    "sigmoid": sigmoid,
    "softmax": _softmax_against_0,
    "the negative": lambda xp, x: -x,
    "the reciprocal": lambda xp, x: 1 / x,
    "the square root": lambda xp, x: xp.sqrt(x),
    "variance for precision": _variance_for_precision,
}


class Source(Protocol):
    """Where draws come from. A draw has an axis of length `n` before those of the array that it is made like.

    The last `axes` axes are those of one outcome, so that a sequence of points gives each entry a coordinate. Where
    `per_sample`, the parameters have the axis of the samples already, and there is one draw for each.
    """

    n: int
    reparameterized: bool  # whether all draws so far carry the derivatives of a sample with respect to parameters

    def binomial(self, count: Array, probs: Array, axes: int, per_sample: bool) -> Array: ...
    def gamma(self, concentration: Array, axes: int) -> Array: ...
    def normal(self, like: Array, axes: int) -> Array: ...
    def poisson(self, rate: Array, axes: int, per_sample: bool) -> Array: ...
    def seed(self) -> int: ...
    def uniform(self, like: Array, axes: int, per_sample: bool) -> Array: ...


class SamplingContext:
    """What a sampler draws with: numbers of the shape of a parameter, after an axis for the samples.

    `axes` tells how many of the last axes of the parameter are event axes.
    """

    def __init__(self, source: Source, axes: int = 0) -> None:
        self._source, self._axes = source, axes

    @property
    def n(self) -> int:
        """The number of samples."""
        return self._source.n

    def inside(self, axes: int) -> SamplingContext:
        """Return what draws for a distribution whose last `axes` batch axes are event axes of its holder."""
        return SamplingContext(self._source, self._axes + axes)

    def binomial(self, count: Array, probs: Array, axes: int = 0, *, per_sample: bool = False) -> Array:
        """Draw numbers of successes in `count` trials.

        With `per_sample`, here and below, parameters have the axis of the samples already, because they were drawn.
        """
        self._source.reparameterized = False
        return self._source.binomial(count, probs, self._axes + axes, per_sample)

    def gamma(self, concentration: Array, axes: int = 0) -> Array:
        """Draw from gamma distributions of rate 1."""
        return self._source.gamma(concentration, self._axes + axes)

    def log_gamma(self, xp: Namespace, concentration: Array, axes: int = 0) -> Array:
        """Draw logarithms of gamma variables of rate 1, which do not underflow at small concentrations.

        A gamma variable of concentration a + 1 times u^(1 / a), with u uniform, is one of concentration a.
        """
        return xp.log(self.gamma(concentration + 1, axes)) + xp.log(self.uniform(concentration, axes)) / concentration

    def normal(self, like: Array, axes: int = 0) -> Array:
        """Draw from the standard normal distribution."""
        return self._source.normal(like, self._axes + axes)

    def poisson(self, rate: Array, axes: int = 0, *, per_sample: bool = False) -> Array:
        """Draw from Poisson distributions."""
        self._source.reparameterized = False
        return self._source.poisson(rate, self._axes + axes, per_sample)

    def sample(self, xp: Namespace, d: Distribution, axes: int = 0) -> Array:
        """Draw from a distribution that the family holds, whose last `axes` batch axes are event axes of the family."""
        return require_sampler(kind_of(d))(xp, self.inside(axes), d)

    def seed(self) -> int:
        """Draw a seed for a sampler of another library, whose samples then have no derivatives."""
        self._source.reparameterized = False
        return self._source.seed()

    def uniform(self, like: Array, axes: int = 0, *, per_sample: bool = False) -> Array:
        """Draw from the uniform distribution between 0 and 1, neither included."""
        return self._source.uniform(like, self._axes + axes, per_sample)

    def mark_not_reparameterized(self) -> None:
        """Say that the sample jumps where parameters move, so that it has no derivatives with respect to them."""
        self._source.reparameterized = False


class IndependentSource:
    """Independent draws from a framework's generator."""

    def __init__(self, xp: Namespace, rng: Any, like: Array) -> None:
        self._random = xp.random(rng, like)
        self.n = 1
        self.reparameterized = True

    def binomial(self, count: Array, probs: Array, axes: int, per_sample: bool) -> Array:
        return (
            self._random.binomial(1, count, probs)[0, ...]
            if per_sample
            else self._random.binomial(self.n, count, probs)
        )

    def gamma(self, concentration: Array, axes: int) -> Array:
        return self._random.gamma(self.n, concentration)

    def normal(self, like: Array, axes: int) -> Array:
        return self._random.normal(self.n, like)

    def poisson(self, rate: Array, axes: int, per_sample: bool) -> Array:
        return self._random.poisson(1, rate)[0, ...] if per_sample else self._random.poisson(self.n, rate)

    def seed(self) -> int:
        """Draw a seed for another source."""
        return self._random.seed()

    def uniform(self, like: Array, axes: int, per_sample: bool) -> Array:
        return self._random.uniform(1, like)[0, ...] if per_sample else self._random.uniform(self.n, like)


def sampler(family: type) -> Callable[[Callable[..., Array]], Callable[..., Array]]:
    """Declare the decorated function to draw samples of a family.

    It is called as ``sampler(xp, draw, *parameters)``, where parameters broadcast along their batch axes, and for a
    family that holds another as ``sampler(xp, draw, d)``. `kldiv.typing.SamplingContext` says what `draw` offers.

    Parameters
    ----------
    family
        A family.

    Returns
    -------
    decorator
        It returns the function itself.

    Examples
    --------
    >>> from typing import Annotated, Any, NamedTuple
    >>> import kldiv
    >>> @kldiv.declare.family(kldiv.domains.UNIT_INTERVAL)
    ... class Ramp(NamedTuple):
    ...     power: Annotated[Any, kldiv.domains.Positive]
    >>> @kldiv.declare.sampler(Ramp)
    ... def sample_ramp(xp, draw, power):
    ...     return draw.uniform(power) ** (1 / power)
    >>> kldiv.sample(Ramp([1.0, 2.0]), 5, rng=0).shape
    (5, 2)
    """

    def declare(sampler: Callable[..., Array]) -> Callable[..., Array]:
        _samplers[family] = sampler
        return sampler

    return declare


def sampler_of(kind: FamilyKey) -> Sampler | None:
    """Return the sampler of a kind: its own, or that of what it is by a conversion; None if there is none."""
    known = unlisted(class_of(kind))
    declared = _samplers.get(class_of(kind)) if known is None else known.sampler
    if declared is None:
        return _converted_sampler(kind)
    if any(sampler_of(component) is None for component in held_kinds(kind)):
        return None
    support = support_of(kind)

    def sample(xp: Namespace, context: SamplingContext, d: Family) -> Array:
        d = broadcast_batch(xp, d)
        if held_kinds(kind):
            return declared(xp, context, d)
        return _moved_inside(xp, support, d, declared(xp, context, *d))

    return sample


def _converted_sampler(kind: FamilyKey) -> Sampler | None:
    """Return the sampler that maps samples of what a kind is by a conversion; None if there is none."""
    support = support_of(kind)
    for conversion in conversions_of(kind):
        transform = _outcome_map(support, conversion)
        sample_target = sampler_of(conversion.target) if transform else None
        if transform is not None and sample_target is not None:
            return functools.partial(_sample_converted, support, conversion, transform, sample_target)
    return None


def _outcome_map(support: Support | None, conversion: Conversion) -> Transform | None:
    """Return the map from outcomes of the target of a conversion to those of its source; None if it is not known."""
    if conversion.shared:
        return _MAPS.get(conversion.shared)
    target = support_of(conversion.target)
    other_names = support is not None and target is not None and support.space != target.space
    return None if other_names else _identity


def _identity(xp: Namespace, x: Array) -> Array:
    return x


def _sample_converted(
    support: Support | None,
    conversion: Conversion,
    transform: Transform,
    sample_target: Sampler,
    xp: Namespace,
    context: SamplingContext,
    d: Family,
) -> Array:
    return _moved_inside(xp, support, d, transform(xp, sample_target(xp, context, conversion.apply(xp, d))))


def _moved_inside(xp: Namespace, support: Support | None, d: Family | None, x: Array) -> Array:
    """Return outcomes, those that rounding moves to an end of the support or beyond it moved back inside."""
    if support is None or support.space not in ("line", "integers"):
        return x
    info = xp.finfo(x.dtype)
    low, high = support.low, support.high
    if not isinstance(low, str):
        low = float(info.smallest_normal) if low == 0 and support.space == "line" else max(low, -float(info.max))
    if not isinstance(high, str):
        high = 1 - 0.5 * float(info.eps) if high == 1 and support.space == "line" else min(high, float(info.max))
    least, most = (getattr(d, end, None) if isinstance(end, str) else end for end in (low, high))
    x = x if least is None else xp.where(x < least, least, x)
    return x if most is None else xp.where(x > most, most, x)


def require_sampler(kind: FamilyKey) -> Sampler:
    """Return the sampler of a kind, or raise NotImplementedError."""
    sample = sampler_of(kind)
    if sample is None:
        raise NotImplementedError(
            f"{name_of(kind)} has no sampler here; draw samples elsewhere and pass them to kldiv.estimate_from_samples"
        )
    return sample


def sample(p: Distribution, n: int, *, rng: Any = None) -> Array:
    """Return `n` independent samples of a distribution, along a first axis before the batch axes.

    Parameters
    ----------
    p
        A distribution.
    n
        How many samples.
    rng
        A seed, the generator of the framework (such as `numpy.random.Generator`) or, where it has those, a key, or
        None for fresh numbers at each call. The same seed gives the same numbers.

    Returns
    -------
    array
        Of shape (n, batch, event), in the framework, dtype and device of the parameters, or of `rng` where these are
        numbers. Where a sample is a smooth function of the parameters, it can be differentiated with respect to them.

    Raises
    ------
    ValueError
        If a parameter is invalid, or `n` is not a positive integer.
    NotImplementedError
        If there is no sampler for the family.

    Examples
    --------
    >>> import kldiv
    >>> x = kldiv.sample(kldiv.Normal(loc=[0.0, 100.0], scale=1.0), 1000, rng=0)
    >>> x.shape, [round(float(m)) for m in x.mean(axis=0)]
    ((1000, 2), [0, 100])
    """
    count: Any = n  # whatever a caller may pass
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"n must be a positive integer; got {n!r}")
    xp, arrays, dtype, (p,) = gather_families(rng=rng, p=p)
    draw = require_sampler(kind_of(p))
    if all(xp.is_concrete(x) for x in arrays) and not bool(xp.all(valid(xp, p, tolerances(xp, p), inherent=True))):
        diagnose_all(xp, dtype, p=p)
    source = IndependentSource(xp, rng, any_batch_array(xp, p))
    source.n = n
    with xp.ignore_warnings():  # results that overflow are clipped, and branches not taken are computed
        x = xp.astype(draw(xp, SamplingContext(source), cast(xp, p, dtype)), dtype)
        return _moved_inside(xp, support_of(kind_of(p)), None, x)


def known_length(xp: Namespace, x: Array, axis: int) -> int:
    """Return the length of an axis that a sampler goes along, or raise ValueError."""
    length = xp.shape(x)[axis]
    if length is None:
        raise ValueError("drawing samples needs to know the event shape; it is not known in this traced function")
    return length


def coordinates(xp: Namespace, like: Array, axes: int) -> int:
    """Return how many coordinates a draw takes of a sequence of points."""
    lengths = xp.shape(like)[len(xp.shape(like)) - axes :]
    if None in lengths:
        raise ValueError("a sequence of points needs to know the event shape; it is not known in this traced function")
    return math.prod(int(length) for length in lengths if length is not None)


class Counter:
    """Counts the coordinates that a sampler takes of a sequence of points; tells whether it can do with them."""

    def __init__(self, xp: Namespace) -> None:
        self._xp = xp
        self.n = 1
        self.reparameterized = True
        self.coordinates = 0

    def _count(self, like: Array, axes: int, value: float, per_sample: bool = False) -> Array:
        self.coordinates += coordinates(self._xp, like, axes)
        return self._xp.zeros_like(like)[(...,) if per_sample else (None, ...)] + value

    def binomial(self, count: Array, probs: Array, axes: int, per_sample: bool) -> Array:
        return self._count(probs, axes, 0.0, per_sample)

    def gamma(self, concentration: Array, axes: int) -> Array:
        return self._count(concentration, axes, 1.0)

    def normal(self, like: Array, axes: int) -> Array:
        return self._count(like, axes, 0.0)

    def poisson(self, rate: Array, axes: int, per_sample: bool) -> Array:
        return self._count(rate, axes, 0.0, per_sample)

    def seed(self) -> int:
        return 0

    def uniform(self, like: Array, axes: int, per_sample: bool) -> Array:
        return self._count(like, axes, 0.5, per_sample)
