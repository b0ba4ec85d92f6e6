"""Each kernel against mpmath: its value, its first and its second derivatives, in ulps.

A kernel is one record: the function, the truth and its derivatives, the points, and the bounds. The points are dense,
and crowd where something could go wrong: at the switches between branches, at 0, at equal arguments, at the ends of the
range. A truth is a number, or a tuple of terms where the kernel has no better way than to add them: then their sum is
the truth, and errors count in ulps of the largest.
"""

import functools
from collections.abc import Callable
from fractions import Fraction
from math import nan
from typing import Any, NamedTuple

import numpy as np
import pytest

import kldiv
from kldiv._numerics import categorical, edges, exact, gaps, linalg
from reference import chebyshev_fit, mp

DTYPES = ("float32", "float64")
CRITICAL = 70  # so many points come first that no sample may leave out


# --- Points -----------------------------------------------------------------------------------------------------------


def neighbours(*values, dtype, steps=3):
    """Return numbers of a dtype with those just below and just above them."""
    offsets = np.arange(-steps, steps + 1)
    values = np.asarray(values, dtype)[:, None]
    return (values + offsets * np.spacing(values)).ravel()


def largest_exponent(dtype):
    return {"float32": 37, "float64": 307}[dtype]


def excesses(dtype):
    """Return numbers above -1, dense between the switches at -2/3 and 2, and down to where squares underflow."""
    rng = np.random.default_rng(1)
    small = 10.0 ** np.linspace(-largest_exponent(dtype) / 2, -1, 150)
    return np.concatenate(
        [
            neighbours(-2 / 3, 2.0, -0.5, 1.0, dtype=dtype),
            (-1 + 2.0 ** -np.arange(1, 23)).astype(dtype),
            np.concatenate([[0.0], small, -small]).astype(dtype),
            np.linspace(-0.75, 2.2, 900).astype(dtype),
            rng.uniform(-0.75, 2.2, 300).astype(dtype),
            (10.0 ** np.linspace(0, largest_exponent(dtype), 100)).astype(dtype),
        ]
    )


def exponents(dtype):
    """Return numbers whose exponential is finite, dense between the switches at -1 and 1."""
    rng = np.random.default_rng(2)
    small = 10.0 ** np.linspace(-largest_exponent(dtype) / 2, -1, 150)
    top = {"float32": 88.0, "float64": 709.0}[dtype]
    return np.concatenate(
        [
            neighbours(-1.0, 1.0, dtype=dtype),
            np.concatenate([[0.0], small, -small]).astype(dtype),
            np.linspace(-1.2, 1.2, 700).astype(dtype),
            rng.uniform(-1.2, 1.2, 300).astype(dtype),
            rng.uniform(-20, top, 300).astype(dtype),
            (-(10.0 ** np.linspace(0, largest_exponent(dtype), 50))).astype(dtype),
        ]
    )


def positive_pairs(dtype, low, high):
    """Return pairs of positive numbers: at the quotients where kernels switch, equal, nearly equal, and far apart."""
    rng = np.random.default_rng(3)
    eps = np.finfo(dtype).eps
    near = 10 ** rng.uniform(np.log10(eps), 0, 300) * rng.choice([-0.5, 1], 300)
    ordinary = np.exp(rng.normal(size=300))
    switches = neighbours(1 / 3, 3.0, 0.5, 2.0, 1 / 1.5, 1.5, dtype=dtype)
    quotients = [switches, 1 + eps * np.arange(-10, 11), 1 + near, ordinary]
    b = np.concatenate([10 ** rng.uniform(max(low, -10), min(high, 10), q.size) for q in quotients]).astype(dtype)
    a = (b * np.concatenate(quotients).astype(dtype)).astype(dtype)
    far = (10 ** rng.uniform(low, high, size=(2, 200))).astype(dtype)
    return np.concatenate([a, far[0]]), np.concatenate([b, far[1]])


def scales(dtype):
    return positive_pairs(dtype, *{"float32": (-15, 15), "float64": (-75, 75)}[dtype])


def concentrations(dtype):
    return positive_pairs(dtype, -6, 8)


def non_negative_pairs(dtype):
    a, b = scales(dtype)
    edge = np.asarray([(0, 0), (0, 1), (0, 1e-30), (1, 0), (1e-30, 0)], dtype)
    return np.concatenate([edge[:, 0], a]), np.concatenate([edge[:, 1], b])


def probabilities(dtype):
    rng = np.random.default_rng(6)
    a = rng.uniform(size=300)
    b = np.concatenate(
        [rng.uniform(size=100), a[100:] * (1 + 10 ** rng.uniform(-7, -1, 200) * rng.choice([-1, 1], 200))]
    )
    tiny = 10 ** rng.uniform(-largest_exponent(dtype), -1, size=(2, 100))
    edge = np.asarray([(0, 0), (0, 0.5), (0.5, 0), (1, 1), (1, 0.5), (0.5, 1), (0, 1), (1, 0)])
    return tuple(
        np.concatenate([x, t, e]).clip(0, 1).astype(dtype)
        for x, t, e in ((a, tiny[0], edge[:, 0]), (b, tiny[1], edge[:, 1]))
    )


def exponent_pairs(dtype):
    rng = np.random.default_rng(7)
    top = {"float32": 60.0, "float64": 300.0}[dtype]
    a = np.concatenate([rng.normal(size=400), rng.uniform(-top, top, 300), rng.normal(size=100)])
    t = np.concatenate([rng.normal(size=400), rng.uniform(-20, 20, 300), 10 ** rng.uniform(-7, 0, 100)])
    return a.astype(dtype), (a - t).astype(dtype)


def logits(dtype):
    rng = np.random.default_rng(4)
    ordinary, wide = 3 * rng.normal(size=(2, 400)), rng.uniform(-500, 500, size=(2, 200))
    near = rng.normal(size=300) * 3
    t = 10 ** rng.uniform(np.log10(np.finfo(dtype).eps), 0, 300) * rng.choice([-1, 1], 300)
    switches = np.concatenate([neighbours(1.1, -1.1, 40.0, dtype=dtype), [-40.0, 0.0]])
    at_zero = np.concatenate([np.zeros(switches.size), neighbours(0.0, dtype=dtype), [3.0, -3.0]])
    a = np.concatenate([at_zero, ordinary[0], near, wide[0]])
    b = np.concatenate([switches, np.zeros(7), [3.0, -3.0], ordinary[1], near + t, wide[1]])
    return a.astype(dtype), b.astype(dtype)


def real_numbers(dtype):
    rng = np.random.default_rng(5)
    return np.concatenate([np.linspace(-40, 40, 401), rng.normal(size=200), rng.uniform(-85, 500, 100)]).astype(dtype)


# --- Kernels ----------------------------------------------------------------------------------------------------------

Bounds = tuple[float, float]  # in ulps, for float32 and float64


class Kernel(NamedTuple):
    """A function of kldiv._numerics, what it should be, and how nearly."""

    name: str
    function: Callable[..., Any]
    truth: Callable[..., Any]
    points: Callable[[str], tuple[np.ndarray, ...]]
    bound: Bounds
    # The largest quotient of a logarithm or an exponential in it by its value: what an error of those is multiplied by.
    amplification: float = 1.0
    slopes: tuple[Callable[..., Any], ...] = ()  # the derivatives with respect to each argument
    slope_bound: Bounds = (nan, nan)
    curvatures: tuple[Callable[..., Any], ...] = ()
    curvature_bound: Bounds = (nan, nan)
    floor: float = 0.0  # errors of smaller values count in ulps of this one
    digits: int = 100  # to compute the truth with


def big_h(order, a):
    """Return a derivative of H(a) = lgamma(a) - a log(a) + a."""
    match order:
        case 0:
            return mp.loggamma(a) - a * mp.log(a) + a
        case 1:
            return mp.digamma(a) - mp.log(a)
        case 2:
            return mp.psi(1, a) - 1 / a
        case _:
            return mp.psi(2, a) + 1 / a**2


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def xlogy(x, y):
    return x * mp.log(y) if x else mp.zero


def rarer(a, b):
    """Return the larger probability of the outcome that the coin with logit a disfavours: terms of that size cancel."""
    return sigmoid(max(a, b)) if a <= 0 else sigmoid(max(-a, -b))


def beside(size, value):
    """Return a truth whose errors count in ulps of a size."""
    return value, size, -size


LOG1P_GAP = Kernel(
    "log1p_gap",
    gaps.log1p_gap,
    lambda u: u - mp.log1p(u),
    lambda dtype: (excesses(dtype),),
    bound=(1.75, 1.75),
    amplification=3.6,  # log(1/2) / (log(1/2) + 1/2)
    slopes=(lambda u: u / (1 + u),),
    slope_bound=(2.5, 2.5),
    curvatures=(lambda u: 1 / (1 + u) ** 2,),
    curvature_bound=(6.0, 6.0),
    digits=400,
)
EXPM1_GAP = Kernel(
    "expm1_gap",
    gaps.expm1_gap,
    lambda t: mp.expm1(t) - t,
    lambda dtype: (exponents(dtype),),
    bound=(1.4, 1.4),
    amplification=2.4,  # expm1(1) / (expm1(1) - 1)
    slopes=(mp.expm1,),
    slope_bound=(2.0, 2.0),
    curvatures=(mp.exp,),
    curvature_bound=(6.0, 6.0),
    digits=400,
)
EXPM1_GAP_OF_DIFFERENCE = Kernel(
    "expm1_gap_of_difference",
    gaps.expm1_gap_of_difference,
    lambda a, b: mp.expm1(a - b) - (a - b),
    exponent_pairs,
    bound=(2.0, 2.0),
    amplification=2.4,
    slopes=(lambda a, b: mp.expm1(a - b), lambda a, b: -mp.expm1(a - b)),
    slope_bound=(2.0, 2.0),
)
RELATIVE_GAP = Kernel(
    "relative_gap",
    gaps.relative_gap,
    lambda a, b: a / b - 1 - mp.log(a / b),
    scales,
    bound=(2.6, 2.6),
    amplification=3.6,
    slopes=(lambda a, b: (a - b) / (a * b), lambda a, b: (b - a) / b**2),
    slope_bound=(4.0, 4.0),
    curvatures=(lambda a, b: 1 / a**2, lambda a, b: (2 * a / b**3, -1 / b**2)),
    curvature_bound=(6.0, 6.0),
)
# At a = 0 the derivative in a is taken as 0, and where the value is infinite both are.
ENTROPY_GAP = Kernel(
    "entropy_gap",
    gaps.entropy_gap,
    lambda a, b: mp.inf if a and not b else xlogy(a, a / b if a else 1) - a + b,
    non_negative_pairs,
    bound=(3.1, 3.1),
    amplification=3.6,
    slopes=(
        lambda a, b: mp.log(a / b) if a and b else mp.zero,
        lambda a, b: (b - a) / b if b else mp.mpf(a == 0),
    ),
    slope_bound=(2.5, 2.5),
    curvatures=(
        lambda a, b: 1 / a if a and b else mp.zero,
        lambda a, b: a / b**2 if b else mp.zero,
    ),
    curvature_bound=(4.0, 4.0),
)
# The other outcome of a coin: the difference is known better than the arguments.
ENTROPY_GAP_OF_COMPLEMENTS = Kernel(
    "entropy_gap of complements",
    lambda xp, a, b: gaps.entropy_gap(xp, 1 - a, 1 - b, a - b),
    lambda a, b: mp.inf if a < 1 == b else xlogy(1 - a, (1 - a) / (1 - b) if a < 1 else 1) + a - b,
    probabilities,
    bound=(3.0, 3.0),
    amplification=3.6,
    digits=700,
)
RELATIVE_ENTROPY = Kernel(
    "relative_entropy",
    gaps.relative_entropy,
    lambda a, b: mp.inf if a and not b else xlogy(a, a / b if a else 1),
    non_negative_pairs,
    bound=(2.0, 2.0),
    slopes=(
        lambda a, b: (mp.log(a / b), mp.one) if a and b else mp.zero,
        lambda a, b: -a / b if b else mp.zero,
    ),
    slope_bound=(2.0, 2.0),
)
STIRLING_GAP = Kernel(
    "stirling_gap",
    gaps.stirling_gap,
    lambda y, x: big_h(0, y) - big_h(0, x) - big_h(1, x) * (y - x),
    concentrations,
    bound=(5.0, 5.0),
    amplification=3.6,
    slopes=(
        lambda y, x: big_h(1, y) - big_h(1, x),
        lambda y, x: big_h(2, x) * (x - y),
    ),
    slope_bound=(8.0, 8.0),
    curvatures=(
        lambda y, x: beside(1 / (x * (y + 1)), big_h(2, y)),
        lambda y, x: (big_h(3, x) * (x - y), big_h(2, x)),
    ),
    curvature_bound=(10.0, 10.0),
)
LOG1P = Kernel(
    "log1p",
    gaps.log1p,
    mp.log1p,
    lambda dtype: (excesses(dtype)[excesses(dtype) < 1e30],),
    bound=(1.5, 1.5),
    slopes=(lambda x: 1 / (1 + x),),
    slope_bound=(2.0, 2.0),
    curvatures=(lambda x: -1 / (1 + x) ** 2,),
    curvature_bound=(6.0, 6.0),
)
LOG_RATIO = Kernel(
    "log_ratio",
    gaps.log_ratio,
    lambda a, b: mp.log(a / b),
    scales,
    bound=(1.0, 1.0),
    floor=1.0,  # it rounds the quotient
    slopes=(lambda a, b: 1 / a, lambda a, b: -1 / b),
    slope_bound=(2.0, 2.0),
)
LOG1P_RATIO = Kernel(
    "log1p_ratio",
    gaps.log1p_ratio,
    lambda a, b: mp.log1p(a / b),
    scales,
    bound=(2.0, 2.0),
    slopes=(lambda a, b: 1 / (a + b), lambda a, b: -a / (b * (a + b))),
    slope_bound=(2.5, 2.5),
)
SOFTPLUS = Kernel(
    "softplus",
    categorical.softplus,
    lambda x: mp.log1p(mp.exp(x)),
    lambda dtype: (real_numbers(dtype),),
    bound=(2.0, 2.0),
    slopes=(sigmoid,),
    slope_bound=(2.0, 2.0),
    curvatures=(lambda x: sigmoid(x) * sigmoid(-x),),
    curvature_bound=(4.0, 4.0),
)
SIGMOID = Kernel(
    "sigmoid",
    categorical.sigmoid,
    sigmoid,
    lambda dtype: (real_numbers(dtype),),
    bound=(2.0, 2.0),
    slopes=(lambda x: sigmoid(x) * sigmoid(-x),),
    slope_bound=(2.5, 2.5),
)
BERNOULLI_LOGITS_GAP = Kernel(
    "bernoulli_logits_gap",
    categorical.bernoulli_logits_gap,
    lambda a, b: mp.log1p(mp.exp(b)) - mp.log1p(mp.exp(a)) + sigmoid(a) * (a - b),
    logits,
    bound=(5.0, 5.0),
    amplification=3.6,
    slopes=(
        lambda a, b: beside(rarer(a, b), sigmoid(a) * sigmoid(-a) * (a - b)),
        lambda a, b: beside(rarer(a, b), sigmoid(b) - sigmoid(a)),
    ),
    slope_bound=(4.0, 4.0),
    curvatures=(
        lambda a, b: beside(rarer(a, b), sigmoid(a) * sigmoid(-a) * (1 + (1 - 2 * sigmoid(a)) * (a - b))),
        lambda a, b: beside(rarer(a, b), sigmoid(b) * sigmoid(-b)),
    ),
    curvature_bound=(5.0, 5.0),
    digits=500,
)
LOGIT = Kernel(
    "logit",
    edges.logit,
    lambda p: mp.inf if p == 1 else -mp.inf if p == 0 else mp.log(p) - mp.log1p(-p),
    lambda dtype: (np.unique(np.concatenate(probabilities(dtype))),),
    bound=(1.5, 1.5),
    floor=1.0,  # it rounds both logarithms
    slopes=(lambda p: 1 / (p * (1 - p)) if 0 < p < 1 else mp.zero,),
    slope_bound=(2.0, 2.0),
)


KERNELS = [k for k in globals().values() if isinstance(k, Kernel)]
GAPS = [LOG1P_GAP, EXPM1_GAP, RELATIVE_GAP, ENTROPY_GAP, STIRLING_GAP, BERNOULLI_LOGITS_GAP]


def over(kernels):
    return pytest.mark.parametrize("kernel", kernels, ids=lambda k: k.name)


# --- Errors -----------------------------------------------------------------------------------------------------------


@functools.cache
def program(xp, function):
    """Return a function of `xp` and arrays, compiled as the core compiles it."""
    return xp.compiled(lambda *arrays: function(xp, *arrays))


def evaluate(backend, function, dtype, *points):
    """Return a function of `xp` and arrays at the points."""
    arrays = [backend.array(x, dtype) for x in points]
    return backend.to_numpy(program(kldiv.namespace(*arrays), function)(*arrays))


def rows(points):
    return [[mp.mpf(float(x)) for x in row] for row in zip(*points, strict=True)]


def exactly(truth, points, digits):
    """Return the truths, and the sizes that their errors count by."""
    with mp.workdps(digits):
        terms = [t if isinstance(t, tuple) else (t,) for t in (truth(*row) for row in rows(points))]
        return [mp.fsum(t) for t in terms], [max(abs(x) for x in t) for t in terms]


def errors(backend, values, truths, sizes, dtype):
    """Return |value - truth| in ulps of the size; for an infinity 0 if the truth rounds to it, else infinity.

    Where subnormal numbers are flushed to zero, an error smaller than they are does not count.
    """
    info = np.finfo(dtype)
    least, most = float(info.smallest_normal), float(info.max)
    flushed = least if backend.flushes_subnormals else 0.0
    result = []
    for value, truth, size in zip(values.tolist(), truths, sizes, strict=True):
        if abs(truth) > most or not np.isfinite(value):
            wrong = np.isnan(value) or value * truth <= 0 or (np.isfinite(value) and abs(value) < most / 2)
            result.append(np.inf if wrong or abs(truth) < most / 2 else 0.0)
        else:
            error = max(0.0, abs(value - truth) - flushed)
            result.append(float(error / (float(info.eps) * max(size, least))))
    return np.asarray(result)


def bound_of(backend, kernel, bounds, dtype):
    return bounds[DTYPES.index(dtype)] + kernel.amplification * backend.elementary_ulps


def report(ulps, points, values):
    i = int(np.argmax(ulps))
    return f"{ulps[i]} ulps at {[float(x[i]) for x in points]}: {values[i]!r}"


def thinned(points, size):
    """Return so many of the points, all of the critical ones that come first among them."""
    rest = np.linspace(CRITICAL, len(points[0]) - 1, size - CRITICAL).astype(int)
    return tuple(x[np.concatenate([np.arange(CRITICAL), rest])] for x in points)


# --- Values -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def values_of(backend):
    """Return a function that gives the values of a kernel at its points, computed once."""
    return functools.cache(lambda kernel, dtype: evaluate(backend, kernel.function, dtype, *kernel.points(dtype)))


@pytest.mark.parametrize("dtype", DTYPES)
@over(KERNELS)
def test_value_is_within_its_bound_of_the_truth(backend, values_of, kernel, dtype, record_property):
    points = kernel.points(dtype)
    values = values_of(kernel, dtype)
    truths, _ = exactly(kernel.truth, points, kernel.digits)
    ulps = errors(backend, values, truths, [max(abs(t), kernel.floor) for t in truths], dtype)
    record_property("ulps", f"{max(ulps):.2f}")
    assert max(ulps) <= bound_of(backend, kernel, kernel.bound, dtype), report(ulps, points, values)


DENSE = {  # the points, and by how many ulps float32 may be wrong anywhere: no grid for mpmath is as dense
    LOG1P_GAP: (lambda u: (3 * u - 0.75,), 2.0),
    EXPM1_GAP: (lambda u: (4 * u - 2,), 2.0),
    RELATIVE_GAP: (lambda u: (4**u, 4.0 ** np.roll(u, 1)), 4.0),
    ENTROPY_GAP: (lambda u: (4**u, 4.0 ** np.roll(u, 1)), 4.5),
    RELATIVE_ENTROPY: (lambda u: (4**u, 4.0 ** np.roll(u, 1)), 2.5),
    STIRLING_GAP: (lambda u: (10 ** (8 * u - 4), 10 ** (8 * u - 4 + np.roll(u, 1) - 0.5)), 6.5),
    BERNOULLI_LOGITS_GAP: (lambda u: (8 * u - 4, 8 * u - 4 + 6 * np.roll(u, 1) - 3), 8.0),
}


@pytest.mark.parametrize("kernel", DENSE, ids=lambda k: k.name)
def test_single_precision_agrees_with_double_everywhere(backend, kernel, record_property):
    spread, bound = DENSE[kernel]
    points = [x.astype("float32") for x in spread(np.random.default_rng(8).uniform(size=100_000))]
    values = evaluate(backend, kernel.function, "float32", *points)
    truths = evaluate(backend, kernel.function, "float64", *(x.astype("float64") for x in points))
    info = np.finfo("float32")
    ulps = abs(values - truths) / (info.eps * np.maximum(abs(truths), info.smallest_normal))
    record_property("ulps", f"{max(ulps):.2f}")
    assert max(ulps) <= bound + kernel.amplification * backend.elementary_ulps, report(ulps, points, values)


@pytest.mark.parametrize("dtype", DTYPES)
@over(GAPS)
def test_gap_is_not_negative(values_of, kernel, dtype):
    assert np.all(values_of(kernel, dtype) >= 0)


def barely_different(kernel, dtype):
    """Return arguments that are a few units in the last place apart, at many magnitudes; none of them equal."""
    rng = np.random.default_rng(9)
    b = (10 ** rng.uniform(-3, 6, 400)).astype(dtype)
    steps = np.concatenate([np.arange(-20, 0), np.arange(1, 21)])
    if len(kernel.points(dtype)) == 1:
        return ((np.finfo(dtype).eps * steps).astype(dtype),)
    return (b + np.resize(steps, b.size) * np.spacing(b)).astype(dtype), b


@pytest.mark.parametrize("dtype", DTYPES)
@over([LOG1P_GAP, EXPM1_GAP, RELATIVE_GAP, ENTROPY_GAP, STIRLING_GAP])
def test_gap_is_positive_where_arguments_barely_differ(backend, kernel, dtype):
    values = evaluate(backend, kernel.function, dtype, *barely_different(kernel, dtype))
    assert np.all(values > 0)


@pytest.mark.parametrize("dtype", DTYPES)
@over([RELATIVE_GAP, ENTROPY_GAP, STIRLING_GAP, BERNOULLI_LOGITS_GAP])
def test_gap_of_equal_arguments_is_exactly_zero(backend, kernel, dtype):
    x, _ = kernel.points(dtype)
    assert np.all(evaluate(backend, kernel.function, dtype, x, x) == 0)


# --- Derivatives ------------------------------------------------------------------------------------------------------

SLOPES = [(kernel, i) for kernel in KERNELS for i in range(len(kernel.slopes))]
CURVATURES = [(kernel, i) for kernel in KERNELS for i in range(len(kernel.curvatures))]


def over_arguments(pairs):
    return pytest.mark.parametrize(("kernel", "argument"), pairs, ids=[f"{k.name}-{i}" for k, i in pairs])


def derivative_errors(backend, values, truth, points, dtype, digits):
    """Return the errors where a number of the dtype can hold the truth."""
    truths, sizes = exactly(truth, points, digits)
    held = [abs(t) <= float(np.finfo(dtype).max) / 2 for t in truths]
    sizes = [max(size, abs(t)) for size, t in zip(sizes, truths, strict=True)]
    return np.where(held, errors(backend, values, truths, sizes, dtype), 0.0)


@pytest.fixture(scope="module")
def slopes_of(differentiable):
    """Return a function that gives the derivatives of a kernel with respect to all its arguments, computed once."""

    @functools.cache
    def slopes(kernel, dtype):
        points = thinned(kernel.points(dtype), 400)
        arrays = [differentiable.array(x, dtype) for x in points]
        xp = kldiv.namespace(*arrays)
        return points, differentiable.gradient(lambda *arrays: kernel.function(xp, *arrays), *arrays)

    return slopes


@pytest.mark.parametrize("dtype", DTYPES)
@over_arguments(SLOPES)
def test_first_derivative_is_that_of_the_truth(differentiable, slopes_of, kernel, argument, dtype, record_property):
    points, slopes = slopes_of(kernel, dtype)
    slope = differentiable.to_numpy(slopes[argument])
    ulps = derivative_errors(differentiable, slope, kernel.slopes[argument], points, dtype, kernel.digits)
    record_property("ulps", f"{max(ulps):.2f}")
    bound = bound_of(differentiable, kernel, kernel.slope_bound, dtype)
    assert max(ulps) <= bound, report(ulps, points, slope)


@pytest.mark.parametrize("dtype", DTYPES)
@over_arguments(CURVATURES)
def test_second_derivative_is_that_of_the_truth(differentiable, kernel, argument, dtype, record_property):
    points = thinned(kernel.points(dtype), 200)
    arrays = [differentiable.array(x, dtype) for x in points]
    before, x, after = arrays[:argument], arrays[argument], arrays[argument + 1 :]
    xp = kldiv.namespace(x)
    curvature = differentiable.curvature(lambda x: kernel.function(xp, *before, x, *after), x)
    curvature = differentiable.to_numpy(curvature)
    ulps = derivative_errors(differentiable, curvature, kernel.curvatures[argument], points, dtype, kernel.digits)
    record_property("ulps", f"{max(ulps):.2f}")
    bound = bound_of(differentiable, kernel, kernel.curvature_bound, dtype)
    assert max(ulps) <= bound, report(ulps, points, curvature)


EDGES = {  # for each kernel: arguments, and the derivatives, as conventions and limits have them
    ENTROPY_GAP: [
        ((0.0, 2.0), (0.0, 1.0)),
        ((2.0, 0.0), (0.0, 0.0)),
        ((0.0, 0.0), (0.0, 1.0)),
        ((3.0, 3.0), (0.0, 0.0)),
    ],
    RELATIVE_ENTROPY: [((0.0, 2.0), (0.0, 0.0)), ((2.0, 0.0), (0.0, 0.0)), ((0.0, 0.0), (0.0, 0.0))],
    RELATIVE_GAP: [((3.0, 3.0), (0.0, 0.0))],
    STIRLING_GAP: [((3.0, 3.0), (0.0, 0.0))],
    # where the quotient over- or underflows
    LOG_RATIO: [((2.0**100, 2.0**-40), (2.0**-100, -(2.0**40))), ((2.0**-100, 2.0**40), (2.0**100, -(2.0**-40)))],
    LOG1P_RATIO: [((0.0, 2.0), (0.5, 0.0)), ((2.0**100, 2.0**-40), (2.0**-100, -(2.0**40)))],
    LOGIT: [((0.0,), (0.0,)), ((1.0,), (0.0,))],
    BERNOULLI_LOGITS_GAP: [
        ((3.0, 3.0), (0.0, 0.0)),
        ((np.inf, 0.0), (0.0, -0.5)),
        ((0.0, np.inf), (0.0, 0.0)),
        ((np.inf, np.inf), (0.0, 0.0)),
        ((np.inf, -np.inf), (0.0, 0.0)),
    ],
}
EDGE_CASES = [(kernel, i) for kernel in EDGES for i in range(len(EDGES[kernel]))]
EDGE_ARGUMENTS = [(kernel, i) for kernel in EDGES for i in range(len(EDGES[kernel][0][0]))]


def edge_points(backend, kernel, dtype):
    points = np.asarray([point for point, _ in EDGES[kernel]]).T
    return [backend.array(x, dtype) for x in points]


@pytest.fixture(scope="module")
def edge_slopes_of(differentiable):
    """Return a function that gives the derivatives of a kernel at its edges, one row for each, computed once."""

    @functools.cache
    def slopes(kernel):
        arrays = edge_points(differentiable, kernel, "float32")
        xp = kldiv.namespace(*arrays)
        slopes = differentiable.gradient(lambda *arrays: kernel.function(xp, *arrays), *arrays)
        return np.stack([differentiable.to_numpy(s) for s in slopes], axis=-1)

    return slopes


@pytest.mark.parametrize(
    ("kernel", "edge"), EDGE_CASES, ids=[f"{kernel.name}{EDGES[kernel][i][0]}" for kernel, i in EDGE_CASES]
)
def test_first_derivatives_at_the_edges(edge_slopes_of, kernel, edge):
    _, expected = EDGES[kernel][edge]
    np.testing.assert_allclose(edge_slopes_of(kernel)[edge], expected, rtol=1e-6)


@over_arguments(EDGE_ARGUMENTS)
def test_second_derivatives_at_the_edges_are_finite(differentiable, kernel, argument):
    arrays = edge_points(differentiable, kernel, "float64")
    before, x, after = arrays[:argument], arrays[argument], arrays[argument + 1 :]
    xp = kldiv.namespace(x)
    curvature = differentiable.curvature(lambda x: kernel.function(xp, *before, x, *after), x)
    assert np.isfinite(differentiable.to_numpy(curvature)).all()


# --- Tables -----------------------------------------------------------------------------------------------------------


# mpmath 1.3 has one order of coefficients, later ones warn that it will change.
@pytest.mark.parametrize("table", gaps.ATANH_TAIL, ids=DTYPES[::-1])
def test_coefficients_of_log1p_gap_are_the_chebyshev_fit(table):
    # sum_k z^k / (2 k + 3)
    fit = chebyshev_fit(lambda z: mp.hyp2f1(1, 1.5, 2.5, z) / 3, [0, mp.mpf(1) / 4], len(table))
    assert table == fit


@pytest.mark.parametrize("table", gaps.EXP_TAIL, ids=DTYPES[::-1])
def test_coefficients_of_expm1_gap_are_the_chebyshev_fit(table):
    # sum_k t^k / (k + 2)!
    assert table == chebyshev_fit(lambda t: mp.hyp1f1(1, 3, t) / 2, [-1, 1], len(table))


def test_coefficients_of_stirling_gap_are_bernoulli_numbers():
    exact = [mp.bernoulli(2 * n) / (2 * n * (2 * n - 1)) for n in range(1, len(gaps.STIRLING) + 1)]
    assert pytest.approx([float(c) for c in exact], rel=2**-52, abs=0) == gaps.STIRLING


# --- Products ---------------------------------------------------------------------------------------------------------


def exact_excess(row):
    a, b, c, d = (Fraction(float(x)) for x in row)
    return mp.mpf((a * b / (c * d) - 1).numerator) / (a * b / (c * d) - 1).denominator


def products(dtype):
    """Return factors of products that nearly agree: by a few units in the last place, and by ever more."""
    rng = np.random.default_rng(10)
    a, b, c = (np.exp(2 * rng.normal(size=600)) for _ in range(3))
    delta = 10 ** rng.uniform(np.log10(np.finfo(dtype).eps), 0, 600) * rng.choice([-0.5, 1], 600)
    a, b, c = (x.astype(dtype) for x in (a, b, c))
    d = (a * b / c * (1 + delta)).astype(dtype)
    close = (a * b / c + rng.integers(-3, 4, 600) * np.spacing(a * b / c)).astype(dtype)
    return tuple(np.concatenate(x) for x in ((a, a), (b, b), (c, c), (d, close)))


def excess_errors(backend, values, points, dtype, size=lambda truth: 0):
    with mp.workdps(60):
        truths = [exact_excess(row) for row in zip(*points, strict=True)]
        return errors(backend, values, truths, [max(abs(t), size(t)) for t in truths], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_product_excess_is_right_to_the_last_digits(backend, dtype, record_property):
    points = products(dtype)
    values = evaluate(backend, exact.product_excess, dtype, *points)
    ulps = excess_errors(backend, values, points, dtype)
    record_property("ulps", f"{max(ulps):.2f}")
    assert max(ulps) <= 3.0, report(ulps, points, values)


@pytest.mark.parametrize("dtype", DTYPES)
def test_product_excess_is_right_when_compiled(backend, dtype, transform):
    # A compiler that contracts or reorders operations would lose what the products have beyond their rounding.
    points = products(dtype)
    arrays = [backend.array(x, dtype) for x in points]
    xp = kldiv.namespace(*arrays)
    values = backend.to_numpy(transform(lambda *arrays: exact.product_excess(xp, *arrays))(*arrays))
    ulps = excess_errors(backend, values, points, dtype)
    assert max(ulps) <= 3.0, report(ulps, points, values)


@pytest.mark.parametrize("exponents", [(-0.9, 0.9, -0.9, 0.9), (0.9, 0.9, 0.9, 0.9), (-0.9, -0.9, -0.9, -0.9)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_product_excess_out_of_range_is_right_to_a_few_eps(backend, dtype, exponents):
    # Where the products leave the range of the dtype the quotients a / c and b / d are what is left.
    rng = np.random.default_rng(11)
    scales = [10.0 ** (e * largest_exponent(dtype)) for e in exponents]
    points = [(s * np.exp(0.1 * rng.normal(size=50))).astype(dtype) for s in scales]
    values = evaluate(backend, exact.product_excess, dtype, *points)
    assert max(excess_errors(backend, values, points, dtype, size=lambda truth: 1)) <= 4.0


@pytest.mark.parametrize("dtype", DTYPES)
def test_product_excess_of_equal_products_is_exactly_zero(backend, dtype):
    a, b, c, _ = products(dtype)
    assert np.all(evaluate(backend, exact.product_excess, dtype, a, b, a, b) == 0)
    assert np.all(evaluate(backend, exact.product_excess, dtype, a, c, c, a) == 0)


# --- Classes ----------------------------------------------------------------------------------------------------------


def weights(dtype):
    """Return rows of weights, nearly equal and not, with zeros in the first rows."""
    rng = np.random.default_rng(12)
    p, q = np.exp(2 * rng.normal(size=(2, 60, 6)))
    delta = 10 ** rng.uniform(np.log10(np.finfo(dtype).eps), -1, size=(60, 1))
    q[20:] = (p * (1 + delta * rng.uniform(-1, 1, size=p.shape)))[20:]
    p[:10, 0] = 0
    q[:5, 0] = 0
    p, q = (x / x.sum(axis=-1, keepdims=True) for x in (p, q))
    return p.astype(dtype), q.astype(dtype)


def logit_rows(dtype):
    """Return rows of logits, nearly equal and not, with -inf in the first rows."""
    rng = np.random.default_rng(13)
    a, b = 3 * rng.normal(size=(2, 60, 6))
    delta = 10 ** rng.uniform(np.log10(np.finfo(dtype).eps), -1, size=(60, 1))
    b[20:] = (a + delta * rng.uniform(-1, 1, size=a.shape))[20:]
    a[:10, 0] = -np.inf
    b[:5, 0] = -np.inf
    return a.astype(dtype), b.astype(dtype)


def normalized(row):
    return [x / mp.fsum(row) for x in row]


def numbers(row):
    return [mp.mpf(float(x)) for x in row]


def exponentials(row):
    return [mp.exp(x) for x in numbers(row)]


def divergence(p, q):
    return mp.fsum(xlogy(x, x / y) if x else mp.zero for x, y in zip(normalized(p), normalized(q), strict=True))


def class_errors(backend, values, points, dtype, weights_of):
    with mp.workdps(80):
        truths = [divergence(weights_of(p), weights_of(q)) for p, q in zip(*points, strict=True)]
    return errors(backend, values, truths, [abs(t) for t in truths], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_categorical_gap_is_within_its_bound_of_the_truth(backend, dtype, record_property):
    points = weights(dtype)
    values = evaluate(backend, categorical.categorical_gap, dtype, *points)
    ulps = class_errors(backend, values, points, dtype, numbers)
    record_property("ulps", f"{max(ulps):.2f}")
    assert max(ulps) <= 6.0


@pytest.mark.parametrize("dtype", DTYPES)
def test_categorical_logits_gap_is_within_its_bound_of_the_truth(backend, dtype, record_property):
    points = logit_rows(dtype)
    values = evaluate(backend, categorical.categorical_logits_gap, dtype, *points)
    ulps = class_errors(backend, values, points, dtype, exponentials)
    record_property("ulps", f"{max(ulps):.2f}")
    assert max(ulps) <= 5.0 + backend.elementary_ulps


@pytest.mark.parametrize("dtype", DTYPES)
def test_categorical_logits_gap_of_huge_logits_is_within_its_bound(backend, dtype, record_property):
    points = tuple(np.random.default_rng(14).uniform(-500, 500, size=(2, 100, 6)).astype(dtype))
    values = evaluate(backend, categorical.categorical_logits_gap, dtype, *points)
    ulps = class_errors(backend, values, points, dtype, exponentials)
    record_property("ulps", f"{max(ulps):.2f}")
    assert max(ulps) <= 500.0


@pytest.mark.parametrize(
    "kernel", [categorical.categorical_gap, categorical.categorical_logits_gap], ids=lambda k: k.__name__
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_gap_between_equal_classes_is_exactly_zero(backend, kernel, dtype):
    p, q = weights(dtype)
    assert np.all(evaluate(backend, kernel, dtype, p, p) == 0)
    assert np.all(evaluate(backend, kernel, dtype, q, q) == 0)


@pytest.mark.parametrize(
    "kernel", [categorical.categorical_gap, categorical.categorical_logits_gap], ids=lambda k: k.__name__
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_gap_between_nearly_equal_classes_is_positive(backend, kernel, dtype):
    p = np.asarray([[0.1, 0.2, 0.3, 0.4]] * 40, dtype)
    q = p.copy()
    q[:, 2] += np.concatenate([np.arange(-20, 0), np.arange(1, 21)]) * np.spacing(q[:, 2])
    assert np.all(evaluate(backend, kernel, dtype, p, q) > 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_log_softmax_is_right_to_a_few_ulps(backend, dtype):
    a, _ = logit_rows(dtype)
    values = evaluate(backend, categorical.log_softmax, dtype, a)
    with mp.workdps(60):
        expected = [[float(mp.log(w)) if w else -np.inf for w in normalized(exponentials(row))] for row in a]
    np.testing.assert_allclose(values, expected, rtol=8 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_log_of_zero_is_minus_infinity_and_its_derivative_zero(differentiable, dtype):
    p = differentiable.array([0.0, 0.5], dtype)
    xp = kldiv.namespace(p)
    assert differentiable.to_numpy(edges.log(xp, p))[0] == -np.inf
    (slope,) = differentiable.gradient(lambda p: edges.log(xp, p), p)
    np.testing.assert_array_equal(differentiable.to_numpy(slope), [0.0, 2.0])


@pytest.mark.parametrize(
    ("x", "expected"), [([0.0, 2.0], [10, 22]), ([1.0, 1.0], [11, 21]), ([3.0, -1.0], [-np.inf] * 2)]
)
def test_select_class_takes_the_entry_of_that_index(backend, x, expected):
    values = evaluate(backend, categorical.select_class, "float32", [[10.0, 11.0, 12.0], [20.0, 21.0, 22.0]], x)
    np.testing.assert_array_equal(values, expected)


def test_log_factorial_is_exact_at_zero_and_one(backend):
    values = evaluate(backend, edges.log_factorial, "float64", [0.0, 1.0])
    np.testing.assert_array_equal(values, [0.0, 0.0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_log_factorial_is_that_of_the_truth(backend, dtype):
    k = np.arange(2.0, 200.0)
    expected = [float(mp.log(mp.factorial(x))) for x in k]
    np.testing.assert_allclose(evaluate(backend, edges.log_factorial, dtype, k), expected, rtol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize(("x", "expected"), [([1.0, 1.0], [True, False]), ([0.0, 0.0], [False, False])], ids=str)
def test_is_only_class_is_true_of_a_class_with_no_other_beside_it(backend, x, expected):
    values = evaluate(
        backend, lambda xp, p, x: categorical.is_only_class(xp, p > 0, x), "float32", [[0.0, 1.0], [0.5, 0.5]], x
    )
    np.testing.assert_array_equal(values, expected)


def test_indicator_is_zero_where_the_condition_holds_and_infinite_elsewhere(backend):
    values = evaluate(backend, lambda xp, x: edges.indicator(xp, x > 0, x), "float32", [1.0, -1.0, np.inf])
    np.testing.assert_array_equal(values, [0.0, np.inf, 0.0])


# --- Matrices ---------------------------------------------------------------------------------------------------------


def matrices(dtype, condition, distance, size=4, count=8):
    """Return two stacks of covariance matrices of a condition number, at a relative distance in each other's metric."""
    rng = np.random.default_rng(15)
    orthogonal, _ = np.linalg.qr(rng.normal(size=(count, size, size)))
    b = (orthogonal * np.logspace(0, np.log10(condition), size)) @ np.swapaxes(orthogonal, -1, -2)
    noise = rng.normal(size=b.shape)
    factor = np.linalg.cholesky(b) @ (np.eye(size) + distance * noise)
    a = factor @ np.swapaxes(factor, -1, -2)
    a, b = (x.astype(dtype) for x in (a, b))
    return tuple(np.tril(x) + np.swapaxes(np.tril(x, -1), -1, -2) for x in (a, b))


def true_cholesky_difference(a, b):
    """Return the factor of L^-1 A L^-T, with L that of B, less the identity."""
    with mp.workdps(60):
        a, b = (mp.matrix(x.astype(float).tolist()) for x in (a, b))
        inverse = mp.cholesky(b) ** -1
        x = mp.cholesky(inverse * a * inverse.T) - mp.eye(a.rows)
        return np.asarray([[float(x[i, j]) for j in range(a.rows)] for i in range(a.rows)])


def cholesky_difference(xp, a, b):
    return linalg.cholesky_difference(xp, a, b, xp.cholesky(a), xp.cholesky(b))


@pytest.mark.parametrize("distance", [3.0, 1e-1, 1e-3, 1e-6, 1e-10], ids=lambda d: f"distance {d}")
@pytest.mark.parametrize(
    ("dtype", "condition"), [("float32", 1e0), ("float32", 1e3), ("float64", 1e0), ("float64", 1e4), ("float64", 1e10)]
)
def test_cholesky_difference_is_right_to_cond_eps(backend, dtype, condition, distance, record_property):
    a, b = matrices(dtype, condition, distance)
    values = evaluate(backend, cholesky_difference, dtype, a, b)
    truth = np.asarray([true_cholesky_difference(*pair) for pair in zip(a, b, strict=True)])
    errors = np.linalg.norm(values - truth, axis=(-2, -1))
    bounds = (4 * np.sqrt(4) + np.maximum(*np.linalg.cond([a, b]))) * np.finfo(dtype).eps
    excess = np.max(errors / (bounds * np.linalg.norm(truth, axis=(-2, -1)) + np.finfo(dtype).tiny))
    record_property("ulps", f"{excess:.3f} of the bound")
    assert excess <= 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_cholesky_difference_of_equal_matrices_is_exactly_zero(backend, dtype):
    a, _ = matrices(dtype, 1e3, 0.1)
    assert np.all(evaluate(backend, cholesky_difference, dtype, a, a) == 0)


def test_cholesky_difference_is_lower_triangular(backend):
    values = evaluate(backend, cholesky_difference, "float64", *matrices("float64", 1e3, 0.1))
    assert np.all(np.triu(values, 1) == 0)


def test_identity_like_is_a_stack_of_identities(backend):
    values = evaluate(backend, linalg.identity_like, "float64", np.full((2, 3, 3), np.nan))
    np.testing.assert_array_equal(values, [np.eye(3)] * 2)
