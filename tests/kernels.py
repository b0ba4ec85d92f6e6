"""The functions of `kldiv._numerics` that have a truth: what each should be, where, and how nearly, in ulps.

A kernel is one record: the function, the truth and its derivatives, the points, and the bounds. The points are dense,
and crowd where something could go wrong: at the switches between branches, at 0, at equal arguments, at the ends of the
range. A truth is a number, or a tuple of terms where the kernel has no better way than to add them: then their sum is
the truth, and errors count in ulps of the largest.
"""

import functools
from collections.abc import Callable
from math import nan
from typing import Any, NamedTuple

import numpy as np

import kldiv
from kldiv._numerics import categorical, edges, gaps
from reference import mp

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
