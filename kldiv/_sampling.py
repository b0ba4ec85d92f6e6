"""Samples: families declare how a draw is made of uniform, normal, gamma and Poisson draws, whatever these come from.

They come from a framework's generator, or from the points of a randomised Sobol sequence through quantile functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias

from kldiv._checks import diagnose_all, tolerances, valid
from kldiv._divergence import conversions_of
from kldiv._families import (
    Family,
    Kind,
    batch_member,
    cast,
    class_of,
    fields_of,
    gather_families,
    held_kinds,
    kind_of,
    name_of,
)
from kldiv._namespace import computing_dtype
from kldiv._protocol import Array, DType, Namespace

Transform: TypeAlias = Callable[[Namespace, Array], Array]
_samplers: dict[type, Callable[..., Array]] = {}

# The injective maps that conversions name: the outcome of one family is the map of the outcome of another.
_MAPS: dict[str, Transform] = {
    "exp": lambda xp, x: xp.exp(x),
    "log": lambda xp, x: xp.log(x),
    "odds": lambda xp, x: xp.divide(x, 1 - x),
    "sigmoid": lambda xp, x: 1 / (1 + xp.exp(-x)),
    "the negative": lambda xp, x: -x,
    "the reciprocal": lambda xp, x: 1 / x,
    "the square root": lambda xp, x: xp.sqrt(x),
}


class Source(Protocol):
    """Where draws come from. A draw has an axis of length `n` before those of the array that it is made like.

    The last `axes` axes are those of one outcome, so that a sequence of points gives each entry a coordinate.
    """

    n: int
    pathwise: bool  # whether all draws so far carry the derivatives of a sample with respect to parameters

    def binomial(self, count: Array, probs: Array, axes: int) -> Array: ...
    def gamma(self, concentration: Array, axes: int) -> Array: ...
    def normal(self, like: Array, axes: int) -> Array: ...
    def poisson(self, rate: Array, axes: int) -> Array: ...
    def uniform(self, like: Array, axes: int) -> Array: ...


class Draw:
    """What a sampler draws with: numbers of the shape of a parameter, after an axis for the samples.

    `axes` tells how many of the last axes of the parameter are event axes.
    """

    def __init__(self, source: Source, axes: int = 0) -> None:
        self._source, self._axes = source, axes

    @property
    def n(self) -> int:
        """The number of samples."""
        return self._source.n

    def inside(self, axes: int) -> Draw:
        """Return what draws for a distribution whose last `axes` batch axes are event axes of its holder."""
        return Draw(self._source, self._axes + axes)

    def binomial(self, count: Array, probs: Array, axes: int = 0) -> Array:
        """Draw numbers of successes in `count` trials."""
        self._source.pathwise = False
        return self._source.binomial(count, probs, self._axes + axes)

    def gamma(self, concentration: Array, axes: int = 0) -> Array:
        """Draw from gamma distributions of rate 1."""
        return self._source.gamma(concentration, self._axes + axes)

    def normal(self, like: Array, axes: int = 0) -> Array:
        """Draw from the standard normal distribution."""
        return self._source.normal(like, self._axes + axes)

    def poisson(self, rate: Array, axes: int = 0) -> Array:
        """Draw from Poisson distributions."""
        self._source.pathwise = False
        return self._source.poisson(rate, self._axes + axes)

    def uniform(self, like: Array, axes: int = 0) -> Array:
        """Draw from the uniform distribution between 0 and 1, neither included."""
        return self._source.uniform(like, self._axes + axes)

    def discretely(self) -> None:
        """Say that the sample jumps where parameters move, so that it has no derivatives with respect to them."""
        self._source.pathwise = False


class Generator:
    """Independent draws from a framework's generator."""

    def __init__(self, xp: Namespace, rng: Any, like: Array) -> None:
        self._random = xp.random(rng, like)
        self.n = 1
        self.pathwise = True

    def binomial(self, count: Array, probs: Array, axes: int) -> Array:
        return self._random.binomial(self.n, count, probs)

    def gamma(self, concentration: Array, axes: int) -> Array:
        return self._random.gamma(self.n, concentration)

    def normal(self, like: Array, axes: int) -> Array:
        return self._random.normal(self.n, like)

    def poisson(self, rate: Array, axes: int) -> Array:
        return self._random.poisson(self.n, rate)

    def seed(self) -> int:
        """Draw a seed for another source."""
        return self._random.seed()

    def uniform(self, like: Array, axes: int) -> Array:
        return self._random.uniform(self.n, like)


class Sampler(NamedTuple):
    """How samples of a kind are drawn: ``sample(xp, draw, d)`` has the shape (n, *batch, *event)."""

    sample: Callable[[Namespace, Draw, Family], Array]


def samples(family: type) -> Callable[[Callable[..., Array]], Callable[..., Array]]:
    """Declare the decorated function to draw samples of a family.

    It is called as ``sampler(xp, draw, *parameters)``, where parameters broadcast along their batch axes, and for a
    family that holds another as ``sampler(xp, draw, d)``. See `Draw` for what it can draw with.
    """

    def declare(sampler: Callable[..., Array]) -> Callable[..., Array]:
        _samplers[family] = sampler
        return sampler

    return declare


def _spread(xp: Namespace, d: Family) -> Family:
    """Return a distribution whose parameters all have its batch shape."""
    fields = fields_of(type(d))
    axes = [len(f.domain.axes) if f.domain else 0 for f in fields]
    zero: Array = 0.0
    for x, n in zip(d, axes, strict=True):
        zero = zero + xp.zeros_like(x[(..., *[0] * n)])
    return type(d)(*[x + zero[(..., *[None] * n)] for x, n in zip(d, axes, strict=True)])


def sampler_of(kind: Kind) -> Sampler | None:
    """Return how samples of a kind are drawn: by its own sampler, or by way of what it is; None if nobody knows."""
    own = _samplers.get(class_of(kind))
    if own is not None:
        if not held_kinds(kind):
            return Sampler(lambda xp, draw, d: own(xp, draw, *_spread(xp, d)))
        if all(sampler_of(held) is not None for held in held_kinds(kind)):
            return Sampler(own)
        return None
    for conversion in conversions_of(kind):
        transform = _MAPS.get(conversion.shared) if conversion.shared else (lambda xp, x: x)
        inner = sampler_of(conversion.target) if transform else None
        if inner is not None:

            def sample(
                xp: Namespace,
                draw: Draw,
                d: Family,
                inner: Sampler = inner,
                convert: Callable[..., Family] = conversion.apply,
                transform: Any = transform,
            ) -> Array:
                return transform(xp, inner.sample(xp, draw, convert(xp, d)))

            return Sampler(sample)
    return None


def require_sampler(kind: Kind) -> Sampler:
    """Return how samples of a kind are drawn, or raise NotImplementedError."""
    found = sampler_of(kind)
    if found is None:
        raise NotImplementedError(
            f"{name_of(kind)} has no sampler here; draw samples elsewhere and pass them to kldiv.estimate_from_samples"
        )
    return found


def sample(p: Family, n: int, *, rng: Any = None) -> Array:
    """Return `n` independent samples of a distribution, along a first axis before the batch axes.

    Parameters
    ----------
    p
        A distribution.
    n
        How many samples.
    rng
        A seed, the framework's own generator (`numpy.random.Generator`, `torch.Generator`, `tf.random.Generator`), a
        JAX key, or None for fresh numbers at each call. The same seed gives the same numbers.

    Returns
    -------
    array
        Of shape (n, batch, event), in the framework, dtype and device of the parameters. Where a sample is a smooth
        function of the parameters, it can be differentiated with respect to them.

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
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ValueError(f"n must be a positive integer; got {n!r}")
    xp, arrays, dtype, (p,) = gather_families(p=p)
    sampler = require_sampler(kind_of(p))
    if all(xp.is_concrete(x) for x in arrays) and not bool(xp.all(valid(xp, p, tolerances(xp, p), inherent=True))):
        diagnose_all(xp, dtype, p=p)
    source = Generator(xp, rng, batch_member(p))
    source.n = n
    return xp.astype(sampler.sample(xp, Draw(source), cast(xp, p, dtype)), dtype)


def _coordinates(xp: Namespace, like: Array, axes: int) -> int:
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
        self.pathwise = True
        self.coordinates = 0

    def _count(self, like: Array, axes: int, value: float) -> Array:
        self.coordinates += _coordinates(self._xp, like, axes)
        return self._xp.zeros_like(like)[None, ...] + value

    def binomial(self, count: Array, probs: Array, axes: int) -> Array:
        return self._count(probs, axes, 0.0)

    def gamma(self, concentration: Array, axes: int) -> Array:
        return self._count(concentration, axes, 1.0)

    def normal(self, like: Array, axes: int) -> Array:
        return self._count(like, axes, 0.0)

    def poisson(self, rate: Array, axes: int) -> Array:
        return self._count(rate, axes, 0.0)

    def uniform(self, like: Array, axes: int) -> Array:
        return self._count(like, axes, 0.5)


class Sobol:
    """Draws from the points of a scrambled Sobol sequence, one coordinate for each entry of an outcome.

    All batch elements share the points. Quantile functions that frameworks lack are SciPy's, so such draws carry no
    derivatives.
    """

    def __init__(self, xp: Namespace, dtype: DType, coordinates: int, seed: int) -> None:
        from scipy.stats import qmc

        self._xp, self._dtype = xp, computing_dtype(xp, dtype)
        self._sequence = qmc.Sobol(coordinates, rng=seed)
        self.pathwise = True
        self.n = 0
        self._points: Any = None
        self._used = 0

    def advance(self, n: int) -> None:
        """Take the next `n` points, for the draws of `n` samples."""
        self.n, self._used = n, 0
        # The points are multiples of 2^-30; in the middle of their cells none is 0.
        self._points = self._sequence.random(n) + 2.0**-31

    def _quantiles(self, function: Callable[..., Any], like: Array, axes: int, *parameters: Array) -> Array:
        import numpy as np

        count = _coordinates(self._xp, like, axes)
        event = self._xp.shape(like)[len(self._xp.shape(like)) - axes :]
        batch = len(self._xp.shape(like)) - axes
        columns = self._points[:, self._used : self._used + count]
        self._used += count
        points = np.reshape(columns, (self.n, *[1] * batch, *event))
        values = [np.asarray(self._xp.to_numpy(self._xp.stop_gradient(x)), dtype=np.float64) for x in parameters]
        numbers = function(*values, points)
        if self._dtype == self._xp.float32:  # rounding may lead to the ends
            numbers = np.clip(numbers, -3e38, 3e38)
        return self._xp.like(numbers, like, self._dtype) + self._xp.zeros_like(like)

    def binomial(self, count: Array, probs: Array, axes: int) -> Array:
        from scipy.stats import binom

        return self._quantiles(lambda n, p, u: binom.ppf(u, n, p), probs, axes, count, probs)

    def gamma(self, concentration: Array, axes: int) -> Array:
        from scipy.special import gammaincinv

        self.pathwise = False
        return self._quantiles(gammaincinv, concentration, axes, concentration)

    def normal(self, like: Array, axes: int) -> Array:
        from scipy.special import ndtri

        return self._quantiles(ndtri, like, axes)

    def poisson(self, rate: Array, axes: int) -> Array:
        from scipy.stats import poisson

        return self._quantiles(lambda r, u: poisson.ppf(u, r), rate, axes, rate)

    def uniform(self, like: Array, axes: int) -> Array:
        limit = 1 - 2.0**-24 if self._dtype == self._xp.float32 else 1.0
        return self._quantiles(lambda u: u.clip(max=limit), like, axes)
