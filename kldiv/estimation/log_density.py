"""`LogDensity`: a distribution that is known by a function alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

from kldiv._arrays.namespace import gather
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.density import density
from kldiv._core.family import Distribution, make_unlisted
from kldiv._core.sampling import SamplingContext
from kldiv._core.validation import match
from kldiv.domains import REALS, VECTORS, Real, Support

SPACES = ("line", "integers", "circle")


def LogDensity(
    function: Callable[[Any], Any],
    *,
    support: Support | tuple[float, float] = REALS,
    dimension: int | None = None,
    sampler: Callable[[int, int], Any] | None = None,
    like: Any = 0.0,
) -> Distribution:
    """Return the distribution whose log density or log probability is a function, for `estimate` and its like.

    An object that can merely be called is not taken for a log density: it may return the density, or samples. This is
    how to say what a function is. As the first distribution of `estimate` it needs one dimension, or a sampler.

    Parameters
    ----------
    function
        The natural logarithm of the normalized density. It is called with an array of outcomes, of any shape, and
        returns an array of the same shape; of vectors, which lie along the last axis, one number for each.
    support
        Where the density is positive: the two ends of an interval, or a support of `kldiv.domains`, such as
        ``kldiv.domains.COUNTS``. The function is not called outside, where the density is 0.
    dimension
        The length of the vectors; None for a distribution of a number.
    sampler
        ``sampler(n, seed)`` returns an array of n independent samples along its first axis; `seed` is an integer.
    like
        An array of the framework, dtype and device that the function takes. By default they are those of what the
        distribution is compared with, and NumPy's if that is a `LogDensity` too.

    Returns
    -------
    distribution
        The only member of a family of its own, which takes no part in rules.

    Raises
    ------
    TypeError
        If the function, or the sampler, cannot be called.
    ValueError
        If the ends of the support do not ascend, or the dimension is no positive integer.

    Examples
    --------
    >>> import kldiv
    >>> tent = kldiv.LogDensity(lambda x: kldiv.namespace(x).log(1 - abs(x)), support=(-1.0, 1.0))
    >>> print(kldiv.estimate(kldiv.Uniform(0.0, 0.5), tent).method)
    quadrature
    """
    for name, value in (("function", function), ("sampler", sampler or function)):
        if not callable(value):
            raise TypeError(f"{name} must be callable; got {value!r}")
    space = _space(support, dimension)

    class LogDensity(NamedTuple):
        origin: Annotated[Array, Real]

        @density
        def log_density(self, xp: Namespace, x: Array) -> Array:
            """Return the logarithm of the density at `x`."""
            return _checked(xp, function(x), x, len(space.axes)) + 0 * self.origin

    LogDensity.__doc__ = f"The distribution whose log density is {function!r}."
    make_unlisted(LogDensity, space, None if sampler is None else _sampler(sampler))
    return LogDensity(like)


def _space(support: Support | tuple[float, float], dimension: int | None) -> Support:
    """Return the support, with the length of vectors."""
    length: Any = dimension  # whatever a caller may pass
    if length is not None:
        if isinstance(length, bool) or not isinstance(length, int) or length < 1:
            raise ValueError(f"dimension must be a positive integer, or None for numbers; got {length!r}")
        return VECTORS._replace(axes=(str(length),))
    if not isinstance(support, Support):
        low, high = (float(end) for end in support)
        if not low < high:
            raise ValueError(f"support must be an interval (low, high) with low < high; got {support!r}")
        return Support("line", low, high)
    named = [end for end in (support.low, support.high, *support.axes) if isinstance(end, str)]
    if support.space not in SPACES or named:
        raise ValueError(
            f"support must be one of numbers, such as kldiv.domains.POSITIVE or COUNTS; got {support!r}. "
            "For vectors pass dimension="
        )
    return support


def _checked(xp: Namespace, value: Any, x: Array, event_axes: int) -> Array:
    """Return what the function gave for the outcomes x, if it is one number of the same framework for each."""
    of_value, (array,), _ = gather([value], ["the value of the log density"])
    if of_value is not xp:
        names = (module.__name__.rpartition(".")[2] for module in (of_value, xp))
        raise TypeError("the function of a LogDensity returns arrays of {} for outcomes in {}".format(*names))
    shape = xp.shape(x)
    if not match(xp.shape(array), shape[: len(shape) - event_axes]):
        raise ValueError(
            f"the function of a LogDensity must return one number for each outcome: for outcomes of shape {shape} "
            f"shape {shape[: len(shape) - event_axes]}; it has returned shape {xp.shape(array)}"
        )
    return xp.astype(array, x.dtype)


def _sampler(sampler: Callable[[int, int], Any]) -> Callable[..., Array]:
    """Return the caller's sampler in the form that families have."""

    def sample(xp: Namespace, draw: SamplingContext, origin: Array) -> Array:
        x = sampler(draw.n, draw.seed())
        _, (array,), _ = gather([x], ["the samples of a LogDensity"])
        return xp.astype(array, origin.dtype)

    return sample
