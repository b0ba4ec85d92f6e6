"""Expectations and gaps of families on the half-line that need care: heavy tails, and moments that do not exist."""

from __future__ import annotations

from math import inf, log, pi, sqrt

from kldiv._kernels import expm1_gap, log1p_gap, log1p_ratio, log_ratio, non_negative, sigmoid, softplus
from kldiv._special import (
    betainc,
    betaln,
    digamma,
    exp_e1,
    exp_where,
    gammaln_difference,
    integrate_half_line,
    integrate_unit_interval,
    mills,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from kldiv._protocol import Array, Namespace

_COUNT = 240
_STEPS = [k / (_COUNT - 1) for k in range(_COUNT)]


def _digits(xp: Namespace, x: Array) -> float:
    """How far an exponent must fall for its exponential to be beneath rounding."""
    return 20.0 if xp.finfo(x.dtype).bits == 32 else 40.0


def _log_expm1(xp: Namespace, x: Array) -> Array:
    return x + xp.log(-xp.expm1(-x))


def integrate_log_line(xp: Namespace, function: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """The integral over x > 0 of an array of functions that matter between exp(low) and exp(high).

    The trapezoid rule in log(x): poles on the negative axis are as far from every point of it. `function` takes the
    nodes along a new last axis, so parameters in it need one too.
    """
    low, high = xp.stop_gradient(low), xp.stop_gradient(high)
    nodes = xp.like(_STEPS, low, low.dtype)
    x = xp.exp(low[..., None] + (high - low)[..., None] * nodes)
    return xp.sum(function(x) * x, axis=-1) * (high - low) / (_COUNT - 1)


def cauchy_scale_gap(xp: Namespace, a: Array, b: Array) -> Array:
    """log((a + b)^2 / (4 a b)), at least 0, for positive a and b."""
    near = (a <= 4 * b) & (b <= 4 * a)
    x, y = xp.where(near, a, 1.0), xp.where(near, b, 1.0)
    d = x - y
    small = xp.where(near, 1.0, xp.where(a < b, a, b))
    large = xp.where(near, 8.0, xp.where(a < b, b, a))
    far = 2 * xp.log1p(small / large) + log_ratio(xp, large, small) - log(4)
    return xp.where(near, xp.log1p(0.25 * (d / x) * (d / y)), far)


def half_cauchy_power(xp: Namespace, k: Array, log_scale: Array) -> Array:
    """E x^k of the half-Cauchy distribution, 1 / cos(pi k / 2) at scale 1; inf unless k is between -1 and 1."""
    exists = xp.abs(k) < 1
    return exp_where(xp, exists, k * log_scale - xp.log(xp.cos(0.5 * pi * xp.where(exists, k, 0.0))))


# ------------------------------------------------------------------------------------------------------ log-logistic


def _alternating_tail(x: Array) -> Array:
    """(sin(b) - b cos(b)) / b^3, with x = b^2, for b up to 2."""
    value, factor = 0.0 * x, 1.0
    for k in range(1, 14):
        factor = factor / ((2 * k) * (2 * k + 1))
        value = value + (2 * k * factor) * (-x) ** (k - 1)
    return value


def log_logistic_power(xp: Namespace, k: Array, loc: Array, scale: Array) -> Array:
    """E x^k of the log-logistic distribution: exp(k loc) b / sin(b), with b = pi k scale below pi."""
    b = pi * xp.abs(k) * scale
    exists = (b < pi) & (xp.abs(k) * scale < 1)
    b = xp.where(exists & (b > 0), b, 1.0)
    log_factor = xp.where(k == 0, 0.0, xp.log(b) - xp.log(xp.sin(b)))
    return exp_where(xp, exists, k * loc + log_factor)


def log_logistic_variance(xp: Namespace, loc: Array, scale: Array) -> Array:
    """Var x of the log-logistic distribution: exp(2 loc) b (tan(b) - b) / sin(b)^2, with b = pi scale below pi / 2."""
    exists = scale < 0.5
    b = pi * xp.where(exists, scale, 0.25)
    s, c = xp.sin(b), xp.cos(b)
    ratio = b / s
    return exp_where(xp, exists, 2 * (loc + xp.log(b * ratio)) + xp.log(_alternating_tail(b * b) / c))


def log_logistic_distance(xp: Namespace, m: Array, loc: Array, scale: Array) -> Array:
    """E |x - m| of the log-logistic distribution; inf for scale >= 1."""
    exists = scale < 1
    scale = xp.where(exists, scale, 0.5)
    mean = log_logistic_power(xp, xp.ones_like(scale), loc, scale)
    exists = exists & (mean < inf)
    mean = xp.where(exists, mean, 1.0)
    inside = m > 0
    z = (xp.log(xp.where(inside, m, 1.0)) - loc) / scale
    below, above = sigmoid(xp, z), sigmoid(xp, -z)
    open_ends = (below > 0) & (above > 0)
    share = betainc(xp, 1 + scale, 1 - scale, xp.where(open_ends, below, 0.5), xp.where(open_ends, above, 0.5))
    share = xp.where(open_ends, share, below)
    value = mean * (1 - 2 * share) - m * (above - below)
    return xp.where(exists, xp.where(inside, value, mean - m), inf)


def log_logistic_log1p(xp: Namespace, shift: Array, scale: Array) -> Array:
    """E log(1 + exp(shift + scale y)) of a standard logistic y."""
    # It is E max(0, shift + scale y + y') of two such, so the narrower of them can be the one that is integrated over.
    wide = scale > 1
    factor = xp.where(wide, scale, 1.0)
    c, s = (shift / factor)[..., None], xp.where(wide, 1 / xp.where(wide, scale, 1.0), scale)[..., None]

    def integrand(u: Array, v: Array) -> Array:
        # log(1 + exp(z)) = z / 2 + log(2 cosh(z / 2)), whose first term has no mean but that of c.
        z = xp.abs(c + s * (xp.log(u) - xp.log(v)))
        return 0.5 * z + xp.log1p(xp.exp(-z))

    return factor * (0.5 * c[..., 0] + integrate_unit_interval(xp, integrand, c))


# --------------------------------------------------------------------------------------------------------- log-normal


def log_normal_variance(xp: Namespace, loc: Array, scale: Array) -> Array:
    """Var x of the log-normal distribution: expm1(s^2) exp(2 m + s^2)."""
    v = scale * scale
    moderate = v < 1
    log_expm1 = xp.where(
        moderate,
        xp.log(xp.expm1(xp.where(moderate, v, 1.0))),
        v + xp.log1p(-xp.exp(-xp.where(moderate, 1.0, v))),
    )
    return exp_where(xp, v < inf, 2 * loc + v + log_expm1)


def log_normal_distance(xp: Namespace, m: Array, loc: Array, scale: Array) -> Array:
    """E |x - m| of the log-normal distribution."""
    mean = exp_where(xp, scale < inf, loc + 0.5 * scale * scale)
    exists = mean < inf
    mean = xp.where(exists, mean, 1.0)
    inside = m > 0
    z = (loc - xp.log(xp.where(inside, m, 1.0))) / scale
    value = mean * xp.erf((z + scale) / sqrt(2)) - m * xp.erf(z / sqrt(2))
    return xp.where(exists, xp.where(inside, value, mean - m), inf)


def log_normal_log1p(xp: Namespace, loc: Array, scale: Array) -> Array:
    """E log(1 + x) of the log-normal distribution."""
    # With a standard logistic y it is also E max(0, loc + scale z + y): the narrower of z and y is integrated over.
    wide = scale > 1
    narrow_scale, wide_scale = xp.where(wide, 1.0, scale)[..., None], xp.where(wide, scale, 1.0)[..., None]
    c = loc[..., None]

    def over_normal(z: Array) -> Array:
        upper, lower = softplus(xp, c + narrow_scale * z), softplus(xp, c - narrow_scale * z)
        return (upper + lower) * xp.exp(-0.5 * z * z) / sqrt(2 * pi)

    def over_logistic(u: Array, v: Array) -> Array:
        d = c + xp.log(u) - xp.log(v)
        z = d / wide_scale
        tail = wide_scale / sqrt(2 * pi) * xp.exp(-0.5 * z * z)
        return xp.abs(d) * 0.5 * xp.erf(xp.abs(z) / sqrt(2)) + tail

    narrow = integrate_half_line(xp, over_normal, loc + scale)
    # E max(0, d + scale z) is d / 2 and an even part, and the mean of d is loc.
    return xp.where(wide, 0.5 * loc + integrate_unit_interval(xp, over_logistic, loc + scale), narrow)


# --------------------------------------------------------------------------------------------------- inverse Gaussian


def _inverse_gaussian_mean(xp: Namespace, function: Callable[[Array, Array], Array], ratio: Array) -> Array:
    """The mean under P of a function of u = |log(x / m)|, even in u after its weight, and of exponents to add to.

    A normal z, with u = 2 asinh(|z| / (2 sqrt(ratio))), has the law that makes the density of log(x / m) that of u.
    """
    root = 2 * xp.sqrt(ratio)[..., None]

    def integrand(z: Array) -> Array:
        y = z / root
        r = xp.sqrt(1 + y * y)
        return function(2 * xp.log1p(y + y * (y / (1 + r))), -0.5 * z * z)

    return sqrt(2 / pi) * integrate_half_line(xp, integrand, ratio)


def inverse_gaussian_power(xp: Namespace, k: Array, loc: Array, ratio: Array) -> Array:
    """E x^k of the inverse Gaussian distribution with log-mean `loc`: cosh((k - 1/2) u) / cosh(u / 2) on average."""
    b = xp.abs(k - 0.5) - 0.5
    # The integrand is at most about 1 relative to where z^2 / 2 falls as fast as b u rises.
    c = 2 * xp.where(b > 0, b, 0.0)
    square = 2 * c * (c / (4 * ratio + xp.sqrt(16 * ratio * ratio + 4 * c * c)))
    top = xp.stop_gradient(c * xp.log1p(_sqrt1pm1(xp, square / ratio / 4)) - 0.5 * square)
    b = b[..., None]

    def integrand(u: Array, exponent: Array) -> Array:
        # Both hyperbolic cosines by their exponentials.
        cosines = xp.log1p(xp.exp(-(2 * b + 1) * u)) - xp.log1p(xp.exp(-u))
        return xp.exp(exponent + b * u + cosines - top[..., None])

    value = xp.log(_inverse_gaussian_mean(xp, integrand, ratio))
    return exp_where(xp, value == value, k * loc + top + value)


def _sqrt1pm1(xp: Namespace, y: Array) -> Array:
    """exp(asinh(sqrt(y))) - 1."""
    return xp.sqrt(y) + y / (1 + xp.sqrt(1 + y))


def inverse_gaussian_log(xp: Namespace, ratio: Array) -> Array:
    """E log(x / m) of the inverse Gaussian distribution with mean m."""
    return -exp_e1(xp, 2 * ratio)


def inverse_gaussian_log_variance(xp: Namespace, ratio: Array) -> Array:
    """Var log x of the inverse Gaussian distribution."""
    square = _inverse_gaussian_mean(xp, lambda u, exponent: u * u * xp.exp(exponent), ratio)
    mean = inverse_gaussian_log(xp, ratio)
    return square - mean * mean


def inverse_gaussian_distance(xp: Namespace, c: Array, m: Array, concentration: Array) -> Array:
    """E |x - c| of the inverse Gaussian distribution with mean m."""
    inside = c > 0
    x = xp.where(inside, c, m)
    root = xp.sqrt(concentration / x)
    a, b = root * ((x - m) / m), root * ((x + m) / m)
    value = (x - m) * xp.erf(a / sqrt(2)) + (x + m) * sqrt(2 / pi) * xp.exp(-0.5 * a * a) * mills(xp, b)
    return xp.where(inside, value, m - c)


def inverse_gaussian_exponential(xp: Namespace, t: Array, c: Array, m: Array, concentration: Array) -> Array:
    """E exp(t (x - c)) of the inverse Gaussian distribution; inf for t > concentration / (2 m^2)."""
    u = 2 * (m / concentration) * (m * t)
    exists = u < 1
    u = xp.where(exists, u, 0.0)
    return exp_where(xp, exists, 2 * m * t / (1 + xp.sqrt(1 - u)) - t * c)


# ------------------------------------------------------------------------------- E log(1 + x / s) by Laplace transforms


def log1p_by_laplace(xp: Namespace, log_transform: Callable[[Array], Array], mean: Array) -> Array:
    """E log(1 + x) of a positive x, from w -> log E exp(-w x) and an upper estimate of the size of x.

    It is the integral of (1 - E exp(-w x)) exp(-w) / w, Frullani's.
    """
    digits = _digits(xp, mean)
    return integrate_log_line(
        xp,
        lambda w: -xp.expm1(log_transform(w)) * xp.exp(-w) / w,
        -digits - xp.log1p(mean),
        log(digits) + 0.0 * mean,
    )


def gamma_log1p(xp: Namespace, s: Array, a: Array, b: Array) -> Array:
    """E log(1 + x / s) of the gamma distribution."""
    rate = s * b
    return log1p_by_laplace(xp, lambda w: -a[..., None] * xp.log1p(w / rate[..., None]), (1 + a) / rate)


def inverse_gaussian_log1p(xp: Namespace, s: Array, m: Array, concentration: Array) -> Array:
    """E log(1 + x / s) of the inverse Gaussian distribution."""
    mean, spread = m / s, 2 * (m / concentration) * (m / s)

    def log_transform(w: Array) -> Array:
        return -2 * mean[..., None] * w / (1 + xp.sqrt(1 + spread[..., None] * w))

    return log1p_by_laplace(xp, log_transform, mean + spread)


# --------------------------------------------------------------------------------------------------- Pareto and Lomax


def lomax_log1p(xp: Namespace, ratio: Array, a: Array) -> Array:
    """E log(1 + ratio x) of the Lomax distribution with scale 1: the integral of ratio (1 + x)^-a / (1 + ratio x)."""
    digits = _digits(xp, a)
    wide = ratio > 1
    # Integrated by parts so that both ends fall off whatever the parameters, and no terms cancel.
    r = xp.where(wide, ratio, 1.0)
    end = _log_expm1(xp, digits / (a + 1))
    excess = integrate_log_line(
        xp,
        lambda x: xp.exp(-(a[..., None] + 1) * xp.log1p(x)) / (1 + r[..., None] * x),
        -digits - xp.log(a + r),
        end + 0.0 * r,
    )
    above = 1 / a + (r - 1) * excess
    r = xp.where(wide, 1.0, ratio)
    end = -xp.log(r) + digits / (a + 1)
    other = _log_expm1(xp, digits / a)
    share = integrate_log_line(
        xp,
        lambda x: xp.exp(-a[..., None] * xp.log1p(x) - 2 * xp.log1p(r[..., None] * x)),
        -digits - xp.log1p(a) + 0.0 * r,
        xp.where(end < other, end, other),
    )
    below = r * (1 + (1 - r) * share) / a
    return xp.where(wide, above, below)


def lomax_gap(xp: Namespace, scale_p: Array, a_p: Array, scale_q: Array, a_q: Array) -> Array:
    """The divergence between two Lomax distributions."""
    ratio = scale_p / scale_q
    near = (ratio >= 0.3) & (ratio <= 3) & (a_q >= 0.3 * a_p) & (a_q <= 3 * a_p)
    near_value = _lomax_gap_near(
        xp,
        xp.where(near, (scale_p - scale_q) / scale_q, 0.0),
        xp.where(near, log1p_signed(xp, scale_p - scale_q, scale_q), 0.0),
        xp.where(near, a_p, 1.0),
        xp.where(near, a_q, 1.0),
    )
    a, b, r = xp.where(near, 1.0, a_p), xp.where(near, 3.0, a_q), xp.where(near, 1.0, ratio)
    log_r = xp.where(near, 0.0, log_ratio(xp, scale_p, scale_q))
    far = log_ratio(xp, a, b) - log_r - 1 - 1 / a + (b + 1) * lomax_log1p(xp, r, a)
    return xp.where(near, near_value, non_negative(xp, far, far == far))


def log1p_signed(xp: Namespace, d: Array, b: Array) -> Array:
    """log(1 + d / b) for d > -0.8 b, elsewhere something finite."""
    u = d / b
    return xp.log1p(xp.where(u > -0.8, u, 0.0))


def _lomax_gap_near(xp: Namespace, u: Array, log_ratio: Array, a: Array, b: Array) -> Array:
    # The mean under P of expm1(t) - t, with t the logarithm of the ratio of the densities and w = log(1 + x / scale_p).
    constant = (xp.log1p((b - a) / a) + log_ratio)[..., None]
    least = xp.where(a < b, a, b)[..., None]
    a, b, u = a[..., None], b[..., None], u[..., None]

    def integrand(w: Array) -> Array:
        y = w / least
        t = constant + (a - b) * y - (b + 1) * xp.log1p(u * -xp.expm1(-y))
        large = t > 1
        gap = expm1_gap(xp, xp.where(large, 0.0, t))
        t = xp.where(large, t, 0.0)
        return xp.where(large, xp.exp(t - a * y) - (1 + t) * xp.exp(-a * y), gap * xp.exp(-a * y))

    return (a / least)[..., 0] * integrate_half_line(xp, integrand, constant)


def lomax_mean(xp: Namespace, scale: Array, a: Array) -> Array:
    """E x of the Lomax distribution; inf for a <= 1."""
    exists = a > 1
    return xp.where(exists, scale / xp.where(exists, a - 1, 1.0), inf)


def lomax_distance(xp: Namespace, m: Array, scale: Array, a: Array) -> Array:
    """E |x - m| of the Lomax distribution; inf for a <= 1."""
    exists = a > 1
    a = xp.where(exists, a, 3.0)
    inside = m > 0
    below = xp.where(inside, m, 0.0)
    gap = below + scale * xp.expm1(-(a - 1) * log1p_ratio(xp, below, scale)) / (a - 1)
    return xp.where(exists, scale / (a - 1) - m + 2 * gap, inf)


def lomax_power(xp: Namespace, k: Array, log_scale: Array, a: Array) -> Array:
    """E x^k of the Lomax distribution; inf unless k is between -1 and a."""
    exists = (k > -1) & (k < a)
    k_in = xp.where(exists, k, 0.0)
    value = xp.gammaln(1 + k_in) + gammaln_difference(xp, xp.where(exists, a - k_in, a), a, -k_in)
    return exp_where(xp, exists, k_in * log_scale + value)


def pareto_power(xp: Namespace, k: Array, log_scale: Array, a: Array) -> Array:
    """E x^k of the Pareto distribution; inf for k >= a."""
    exists = k < a
    k_in = xp.where(exists, k, 0.0)
    return exp_where(xp, exists, k_in * log_scale - xp.log1p(-k_in / a))


def shifted_exponential(xp: Namespace, value: Array, t: Array, shift: Array) -> Array:
    """E exp(t (x + shift)), from E exp(t x)."""
    finite = (value > 0) & (value < inf)
    moved = exp_where(xp, finite, xp.log(xp.where(finite, value, 1.0)) + t * shift)
    return xp.where(value == 0, 0.0, moved)


def lomax_variance(xp: Namespace, scale: Array, a: Array) -> Array:
    """Var x of the Lomax distribution, and of the Pareto distribution; inf for a <= 2."""
    exists = a > 2
    a = xp.where(exists, a, 3.0)
    deviation = scale / (a - 1)
    return xp.where(exists, deviation * deviation * (a / (a - 2)), inf)


def lomax_exponential(xp: Namespace, t: Array, scale: Array, a: Array) -> Array:
    """E exp(t x) of the Lomax distribution; inf for t > 0."""
    exists = t <= 0
    moves = t < 0
    b = xp.where(moves, -t, 1.0) * scale
    digits = _digits(xp, a)
    tail, cut = digits / a, xp.log(digits / b)
    value = integrate_log_line(
        xp,
        lambda x: a[..., None] * xp.exp(-(a[..., None] + 1) * xp.log1p(x) - b[..., None] * x),
        -digits - xp.log1p(a + b),
        xp.where(tail < cut, _log_expm1(xp, tail), cut),
    )
    return xp.where(moves, value, xp.where(exists, xp.ones_like(t), inf))


# --------------------------------------------------------------------------------------------------------- beta prime


def beta_prime_log1p(xp: Namespace, s: Array, a: Array, b: Array) -> Array:
    """E log(1 + x / s) of the beta prime distribution."""
    # log((1 + x / s) / (1 + x)) goes from 0 to -log(s), as -log(s) x / (1 + x) does; what is left of it falls off at
    # both ends.
    digits = _digits(xp, a)
    log_s = xp.log(s)
    log_beta = betaln(xp, a, b)

    def integrand(x: Array) -> Array:
        rest = xp.log1p(x / s[..., None]) - xp.log1p(x) + log_s[..., None] * (x / (1 + x))
        density = (a[..., None] - 1) * xp.log(x) - (a + b)[..., None] * xp.log1p(x) - log_beta[..., None]
        return rest * xp.exp(density)

    rest = integrate_log_line(
        xp,
        integrand,
        -xp.abs(log_s) - xp.log1p(b) - digits / (a + 1),
        xp.abs(log_s) + xp.log1p(a) + digits / (b + 1),
    )
    return digamma(xp, a + b) - digamma(xp, b) - log_s * (a / (a + b)) + rest


def beta_prime_power(xp: Namespace, k: Array, log_scale: Array, a: Array, b: Array) -> Array:
    """E x^k of a beta prime distribution with the given scale: inf unless k is between -a and b."""
    exists = (a + k > 0) & (b - k > 0)
    k_in = xp.where(exists, k, 0.0)
    value = gammaln_difference(xp, a + k_in, a, k_in) + gammaln_difference(xp, b - k_in, b, -k_in)
    return exp_where(xp, exists, k_in * log_scale + value)


def beta_prime_variance(xp: Namespace, a: Array, b: Array) -> Array:
    """Var x of the beta prime distribution; inf for b <= 2."""
    exists = b > 2
    b = xp.where(exists, b, 3.0)
    return xp.where(exists, (a / (b - 1)) * ((a + b - 1) / (b - 1)) / (b - 2), inf)


def beta_prime_distance(xp: Namespace, m: Array, a: Array, b: Array) -> Array:
    """E |x - m| of the beta prime distribution; inf for b <= 1."""
    exists = b > 1
    b = xp.where(exists, b, 3.0)
    mean = a / (b - 1)
    inside = m > 0
    x = xp.where(inside, m, 1.0)
    t, s = x / (1 + x), 1 / (1 + x)
    below, share = betainc(xp, a, b, t, s), betainc(xp, a + 1, b - 1, t, s)
    value = mean * (1 - 2 * share) - x * (1 - 2 * below)
    return xp.where(exists, xp.where(inside, value, mean - m), inf)


# ------------------------------------------------------------------------------------------------------------- Lindley


def lindley_gap(xp: Namespace, a: Array, b: Array) -> Array:
    """2 [r - 1 - log r] - [s - 1 - log s], with r = b / a and s = (1 + b) / (1 + a), which is between 1 and r."""
    d = b - a
    return 2 * log1p_gap(xp, d / a, (b, a)) - log1p_gap(xp, d / (1 + a), (1 + b, 1 + a))


def lindley_distance(xp: Namespace, m: Array, rate: Array) -> Array:
    """E |x - m| of the Lindley distribution."""
    mean = 1 / rate + 1 / (rate * (1 + rate))
    x = xp.where(m > 0, m, 0.0)
    # Twice the mean of max(x - m, 0), less mean - m.
    return m - mean + 2 * (xp.exp(-rate * x) * (mean + x / (1 + rate)) - xp.where(m > 0, 0.0, m))


def lindley_exponential(xp: Namespace, t: Array, m: Array, rate: Array) -> Array:
    """E exp(t (x - m)) of the Lindley distribution; inf for t >= rate."""
    exists = t < rate
    rest = xp.where(exists, rate - t, rate)
    value = 2 * (xp.log(rate) - xp.log(rest)) + xp.log1p(rest) - xp.log1p(rate)
    return exp_where(xp, exists, value - t * m)


def lindley_log1p(xp: Namespace, s: Array, rate: Array) -> Array:
    """E log(1 + x / s) of the Lindley distribution."""
    c = rate * s
    e = exp_e1(xp, c)
    return e + (1 - c * e) / (1 + rate)


def lindley_power(xp: Namespace, k: Array, s: Array, rate: Array) -> Array:
    """E (x / s)^k of the Lindley distribution; inf for k <= -1."""
    exists = k > -1
    k_in = xp.where(exists, k, 0.0)
    value = xp.gammaln(1 + k_in) + xp.log1p(k_in / (1 + rate))
    return exp_where(xp, exists, value - k_in * (xp.log(rate) + xp.log(s)))
