"""Kernels of the families on the whole line, and of the positive ones whose logarithms these are."""

from __future__ import annotations

from math import exp, inf, log, pi, sqrt

from kldiv._kernels import (
    ATANH_TAIL,
    entropy_gap,
    expm1_gap,
    indicator,
    is_single,
    log1p_gap,
    log_ratio,
    non_negative,
    polynomial,
    product_excess,
    relative_entropy,
    relative_gap,
    sigmoid,
    softplus,
    stirling_gap,
)
from kldiv._special import (
    EULER,
    betainc,
    digamma,
    digamma_gap,
    exp_e1,
    gammainc,
    gammaln_difference,
    gammaln_gap,
    half_line_nodes,
    integrate_half_line,
    integrate_unit_interval,
    stirling,
    unit_interval_nodes,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kldiv._protocol import Array, Namespace

# Finer rules than those of _special.py, for sharper peaks.
_FINE_HALF_LINE = half_line_nodes(0.045, -87, 89)
_FINE_UNIT_INTERVAL = unit_interval_nodes(0.035, 92)


def log_gamma_location_scale_gap(
    xp: Namespace, kappa: Array | float, scale_p: Array, scale_q: Array, offset: Array
) -> Array:
    """The divergence between m + s log G under P and under Q, where G is gamma with concentration kappa and rate 1.

    Only the ratio of the scales matters, and `offset` = (m_p - m_q) / s_q; for m - s log G it is (m_q - m_p) / s_q.

    With r = s_p / s_q and t = offset + lgamma(kappa + r) - lgamma(kappa + 1) it is
    kappa [expm1(t) - t] + kappa [remainder at kappa + r of lgamma over its tangent at kappa + 1] + [r - 1 - log r].
    """
    largest = xp.finfo(offset.dtype).max
    r = scale_p / scale_q
    possible = r < largest / 1024
    r = xp.where(possible, r, 1.0)
    d = xp.where(possible, (scale_p - scale_q) / scale_q, 0.0)
    x = kappa + xp.ones_like(r)
    remainder = gammaln_gap(xp, kappa + r, x, d)
    t = offset + (remainder + d * digamma(xp, x))
    t = xp.where(t < largest, t, largest)
    value = kappa * (expm1_gap(xp, t) + remainder) + relative_gap(xp, scale_p, scale_q)
    return value + indicator(xp, possible, value)


def laplace_gap(xp: Namespace, distance: Array, scale_p: Array, scale_q: Array) -> Array:
    """(s_p / s_q) [expm1(-x) + x] with x = |distance| / s_p, at least 0."""
    x = xp.abs(distance) / scale_p
    near = x < 1000
    near_value = scale_p / scale_q * expm1_gap(xp, -xp.where(near, x, 1.0))
    return xp.where(near, near_value, xp.where(near, 0.0, xp.abs(distance)) / scale_q - scale_p / scale_q)


def laplace_distance(xp: Namespace, d: Array, scale: Array) -> Array:
    """E |x| of the Laplace distribution with mean d."""
    return xp.abs(d) + scale * xp.exp(-xp.abs(d) / scale)


def asymmetric_laplace_gap(
    xp: Namespace,
    loc_p: Array,
    scale_p: Array,
    asymmetry_p: Array,
    loc_q: Array,
    scale_q: Array,
    asymmetry_q: Array,
) -> Array:
    """The divergence between asymmetric Laplace distributions.

    With a = s / k and b = s k, the means of the two sides, which have the weights a / (a + b) and b / (a + b), it is at
    equal locations the divergence of the weights plus the weighted ones of the two exponential distributions. Further
    terms are due to the distance of the locations.
    """
    p_right, p_left = _side_weights(xp, asymmetry_p)
    q_right, q_left = _side_weights(xp, asymmetry_q)
    u_right = product_excess(xp, scale_p, asymmetry_q, scale_q, asymmetry_p)
    u_left = product_excess(xp, scale_p, asymmetry_p, scale_q, asymmetry_q)
    # Mirror it where Q lies to the left.
    d = loc_q - loc_p
    mirrored = d < 0
    distance = xp.abs(d)
    side = xp.where(mirrored, scale_p * asymmetry_p, scale_p / asymmetry_p)
    other_side = xp.where(mirrored, scale_p / asymmetry_p, scale_p * asymmetry_p)
    side_q = xp.where(mirrored, scale_q * asymmetry_q, scale_q / asymmetry_q)
    other_side_q = xp.where(mirrored, scale_q / asymmetry_q, scale_q * asymmetry_q)
    weight, other_weight = xp.where(mirrored, p_left, p_right), xp.where(mirrored, p_right, p_left)
    x = distance / side
    near = (xp.abs(u_right) < 0.5) & (xp.abs(u_left) < 0.5) & (x < 1)

    def safe(value: Array, stand_in: Array | float = 1.0) -> Array:
        return xp.where(near, value, stand_in)

    difference = safe((asymmetry_p - asymmetry_q) * (asymmetry_p + asymmetry_q) * p_right * q_right, 0.0)
    near_value = entropy_gap(xp, safe(p_right, 0.5), safe(q_right, 0.5), difference)
    near_value = near_value + entropy_gap(xp, safe(p_left, 0.5), safe(q_left, 0.5), -difference)
    near_value = near_value + p_right * log1p_gap(xp, safe(u_right, 0.0)) + p_left * log1p_gap(xp, safe(u_left, 0.0))
    tilt = safe(xp.where(mirrored, u_right - u_left, u_left - u_right), 0.0)
    gap = expm1_gap(xp, -safe(x, 0.0))
    near_value = near_value + weight * gap * safe(side / side_q + side / other_side_q)
    near_value = near_value + safe(distance / (side + other_side), 0.0) * tilt
    # Far apart: log((a_q + b_q) / (a_p + b_p)) - 1 and the mean distances to the sides, in positive terms.
    x = xp.where(near, 1.0, x)
    beyond = weight * xp.exp(-x) * side
    before = other_weight * (other_side + distance) / other_side_q
    far = x > 1000
    straight = weight * xp.where(far, distance - side, 0.0) / other_side_q
    curved = weight * side / other_side_q * expm1_gap(xp, -xp.where(far, 1.0, x))
    before = before + xp.where(far, straight, curved)
    logs = log_ratio(xp, side_q + other_side_q, side + other_side)
    far_value = logs - 1 + xp.where(near, 1.0, beyond / side_q + before)
    return non_negative(xp, xp.where(near, near_value, far_value), far_value == far_value)


def _side_weights(xp: Namespace, k: Array) -> tuple[Array, Array]:
    """1 / (1 + k^2) and k^2 / (1 + k^2)."""
    large = k > 1
    z = xp.where(large, 1 / k, k)
    small_weight, weight = z * z / (1 + z * z), 1 / (1 + z * z)
    return xp.where(large, small_weight, weight), xp.where(large, weight, small_weight)


def least_of_sides(xp: Namespace, a: Array, b: Array) -> Array:
    """The lesser of two numbers."""
    return xp.where(a < b, a, b)


def asymmetric_laplace_distance(xp: Namespace, d: Array, right: Array, left: Array) -> Array:
    """E |x - d| of the distribution whose sides are exponential with means `right` and `left`."""
    below = d < 0
    distance = xp.abs(d)
    side, other = xp.where(below, left, right), xp.where(below, right, left)
    weight, other_weight = side / (side + other), other / (side + other)
    beyond = weight * side * xp.exp(-distance / side)
    return beyond + other_weight * (other + distance) + weight * side * expm1_gap(xp, -distance / side)


def exponential_sides(xp: Namespace, right: Array, left: Array, shift: Array) -> Array:
    """exp(shift) / ((1 - right) (1 - left)), the exponential moment of two exponential sides; inf where it has none."""
    exists = (right < 1) & (left < 1)
    factors = xp.log1p(-xp.where(exists, right, 0.0)) + xp.log1p(-xp.where(exists, left, 0.0))
    return _exp_or_inf(xp, shift - factors, exists)


def logistic_exponential(xp: Namespace, u: Array, shift: Array) -> Array:
    """exp(shift) Gamma(1 + u) Gamma(1 - u), an exponential moment of the logistic distribution."""
    exists = xp.abs(u) < 1
    u = xp.where(exists, u, 0.0)
    return _exp_or_inf(xp, shift + (xp.gammaln(1 + u) + xp.gammaln(1 - u)), exists)


def log_gamma_exponential(xp: Namespace, kappa: Array | float, u: Array, shift: Array) -> Array:
    """exp(shift) Gamma(kappa + u) / Gamma(kappa), an exponential moment of the logarithm of a gamma variable."""
    exists = kappa + u > 0
    u = xp.where(exists, u, 0.0)
    kappa = kappa + xp.zeros_like(u)
    return _exp_or_inf(xp, shift + gammaln_difference(xp, kappa + u, kappa, u), exists)


def log_gamma_entropy(xp: Namespace, a: Array) -> Array:
    """The entropy of the logarithm of a gamma variable: lgamma(a) + a - a psi(a)."""
    return stirling(xp, a) + a * digamma_gap(xp, a)


def heavy_exponential(xp: Namespace, t: Array) -> Array:
    """The exponential moment of heavy tails: inf but for t = 0."""
    return 1 + indicator(xp, t == 0, t)


def _exp_or_inf(xp: Namespace, exponent: Array, exists: Array) -> Array:
    return xp.where(exists, xp.exp(xp.where(exists, exponent, 0.0)), inf)


def infinite_like(xp: Namespace, x: Array) -> Array:
    """inf, as an expectation that does not exist, with derivative 0."""
    return indicator(xp, x != x, x)


def logistic_distance(xp: Namespace, d: Array, scale: Array) -> Array:
    """2 s log(2 cosh(d / (2 s))), E |x| of the logistic distribution with mean d."""
    return xp.abs(d) + 2 * scale * xp.log1p(xp.exp(-xp.abs(d) / scale))


def _logistic_nodes(step: float, count: int) -> tuple[list[float], list[float], list[float]]:
    """Nodes a >= 0 of the trapezoid rule under the logistic density, with signs for the two halves, and weights."""
    a = [k * step for k in range(count)]
    weights = [step * exp(-x) / (1 + exp(-x)) ** 2 / (1 if x else 2) for x in a]
    return a + a, [1.0] * count + [-1.0] * count, weights + weights


_LOGISTIC = (_logistic_nodes(0.42, 96), _logistic_nodes(0.7, 31))


def logistic_gap(xp: Namespace, loc_p: Array, scale_p: Array, loc_q: Array, scale_q: Array) -> Array:
    """The divergence between logistic distributions.

    It is [r - 1 - log r] + 2 W(d, r), with r = s_p / s_q, d = (m_p - m_q) / s_q, and W(d, r) the mean, over a logistic
    z, of the divergence of the Bernoulli distributions with logits z and d + r z. W(d, r) = r W(d / r, 1 / r), so that
    r may be taken at most 1; then the integrand is analytic in the strip of width pi about the real line.
    """
    a, sign, weights = (xp.like(x, scale_p, scale_p.dtype) for x in _LOGISTIC[is_single(xp, scale_p)])
    narrower = scale_p <= scale_q
    wide, narrow = xp.where(narrower, scale_q, scale_p), xp.where(narrower, scale_p, scale_q)
    d, shrink = (loc_p - loc_q) / wide, (wide - narrow) / wide
    t = shrink[..., None] * a + d[..., None] * sign
    far_gap = xp.sum(weights * _bernoulli_cumulant_gap(xp, a, t), axis=-1)
    return relative_gap(xp, scale_p, scale_q) + 2 * (wide / scale_q) * far_gap


def _bernoulli_cumulant_gap(xp: Namespace, a: Array, t: Array) -> Array:
    """log(1 - p + p exp(t)) - p t, with p = 1 / (1 + exp(a)) and a >= 0."""
    p = sigmoid(xp, -a)
    near = xp.abs(t) <= 1
    t_near = xp.where(near, t, 0.0)
    near_value = p * expm1_gap(xp, t_near) - log1p_gap(xp, p * xp.expm1(t_near))
    t_far = xp.where(near, 1.0, t)
    return xp.where(near, near_value, softplus(xp, t_far - a) - softplus(xp, -a) - p * t_far)


def gumbel_distance(xp: Namespace, z: Array) -> Array:
    """E |x| of the Gumbel distribution with location z and scale 1: z + Euler's constant + 2 E1(exp(z))."""
    high, low = z > 6, z < -30
    inner = ~(high | low)
    y = xp.exp(xp.where(inner, z, 0.0))
    twice_e1 = 2 * xp.exp(-y) * exp_e1(xp, y)
    return xp.where(high, z + EULER, xp.where(low, -z - EULER, z + EULER + twice_e1))


def log_hypot(xp: Namespace, a: Array, b: Array) -> Array:
    """log(sqrt(a^2 + b^2)) for positive a and any b."""
    b = xp.abs(b)
    swap = b > a
    large, small = xp.where(swap, b, a), xp.where(swap, a, b)
    ratio = small / large
    return xp.log(large) + 0.5 * xp.log1p(ratio * ratio)


def half_turn_tangent(xp: Namespace, u: Array) -> Array:
    """tan(pi (u - 1 / 2)) for u between 0 and 1, right where it is large and where it is 0."""
    return xp.sin(pi * (u - 0.5)) / xp.sin(pi * xp.where(u < 0.5, u, 1 - u))


def cauchy_gap(xp: Namespace, distance: Array, scale_p: Array, scale_q: Array) -> Array:
    """log(1 + ((s_p - s_q)^2 + distance^2) / (4 s_p s_q))."""
    d = scale_p - scale_q
    u = 0.25 * ((d / scale_p) * (d / scale_q) + (distance / scale_p) * (distance / scale_q))
    near = u < 1e4
    # Far apart, by logarithms that cannot overflow.
    a_p, a_q = xp.where(near, 1.0, scale_p), xp.where(near, 1.0, scale_q)
    far_value = 2 * log_hypot(xp, a_p + a_q, xp.where(near, 0.0, distance)) - xp.log(a_p) - xp.log(a_q) - log(4)
    d, s_p, s_q = xp.where(near, d, 0.0), xp.where(near, scale_p, 1.0), xp.where(near, scale_q, 1.0)
    distance = xp.where(near, distance, 0.0)
    u = 0.25 * ((d / s_p) * (d / s_q) + (distance / s_p) * (distance / s_q))
    return xp.where(near, xp.log1p(u), far_value)


def student_variance(xp: Namespace, df: Array, scale: Array) -> Array:
    """s^2 df / (df - 2), inf for df <= 2."""
    exists = df > 2
    df = xp.where(exists, df, 4.0)
    return xp.where(exists, scale * (scale * (df / (df - 2))), inf)


def student_entropy(xp: Namespace, df: Array) -> Array:
    """The entropy of Student's t distribution with scale 1."""
    # (df + 1) / 2 [psi((df + 1) / 2) - psi(df / 2)] - lgamma((df + 1) / 2) + lgamma(df / 2) + log(pi df) / 2
    a = 0.5 * df
    remainder = gammaln_gap(xp, a + 0.5, a, 0.5 + 0.0 * a)
    psi = digamma(xp, a)
    return (a + 0.5) * (digamma(xp, a + 0.5) - psi) - remainder - 0.5 * psi + 0.5 * xp.log(a) + 0.5 * log(2 * pi)


def student_log_density(xp: Namespace, z: Array, df: Array) -> Array:
    """The logarithm of the density of Student's t distribution with scale 1."""
    a = 0.5 * df
    constant = gammaln_difference(xp, a + 0.5, a, 0.5 + 0.0 * a) - 0.5 * xp.log(a) - 0.5 * log(2 * pi)
    return constant - (df + 1) * (log_hypot(xp, xp.sqrt(df), z) - 0.5 * xp.log(df))


def student_distance(xp: Namespace, d: Array, df: Array, scale: Array) -> Array:
    """E |x| of Student's t distribution with mean d, inf for df <= 1."""
    exists = df > 1
    d = d / scale
    df = xp.where(exists, df, 2.0)
    zero = d * d < xp.finfo(d.dtype).smallest_normal
    z = xp.where(zero, 1.0, xp.abs(d))
    ratio = z / xp.sqrt(df)
    far = ratio > 1
    square = xp.where(far, 1 / ratio, ratio)
    square = square * square
    small, large = square / (1 + square), 1 / (1 + square)
    inside, outside = xp.where(far, large, small), xp.where(far, small, large)
    within = betainc(xp, 0.5 + 0.0 * df, 0.5 * df, inside, outside)
    z = xp.where(zero, 0.0, z)
    edge = xp.exp(student_log_density(xp, z, df) + 2 * log_hypot(xp, xp.sqrt(df), z)) / (df - 1)
    return xp.where(exists, scale * (2 * edge + z * within), inf)


# The divergence of Student's t distribution from the normal distribution with its mean and variance, in powers of
# 1 / df from the second on: (2^k / k - a_k) / 2, exact, where the a_k come from the series of lgamma and digamma.
_STUDENT_TAIL = (
    0.75, 1.5, 2.125, 2.9, 5.083333333333333, 10.357142857142858, 17.0625, 19.833333333333332, 43.45,
    187.3181818181818, 257.0416666666667, -1155.1923076923076, -780.1071428571429, 32077.9, 31097.03125,
    -843810.2058823529, -793290.9722222222, 29215189.289473683, 27767537.025, -1236694870.9285715, -1180433805.159091,
    63155639806.28261,
)  # fmt: skip


def student_normal_gap(xp: Namespace, df: Array, distance: Array, scale_p: Array, scale_q: Array) -> Array:
    """The divergence of Student's t distribution from a normal one, inf for df <= 2.

    [v - 1 - log v] / 2 + distance^2 / (2 s_q^2) + J(df), with v the ratio of the variances and J the divergence from
    the normal distribution with the same mean and variance.
    """
    exists = df > 2
    df = xp.where(exists, df, 4.0)
    c = 2 / (df - 2)
    a = (scale_p - scale_q) / scale_q
    u = a * (2 + a) * (1 + c) + c
    variances = log1p_gap(xp, u, (scale_p, scale_q), (scale_p, scale_q), (df, df - 2))
    z = distance / scale_q
    large = df > (7 if is_single(xp, df) else 13)
    df_large, df_small = xp.where(large, df, 20.0), xp.where(large, 4.0, df)
    series = polynomial(_STUDENT_TAIL, 1 / df_large) / df_large / df_large
    direct = 0.5 * (xp.log(df_small / (df_small - 2)) + log(2 * pi) + 1) - student_entropy(xp, df_small)
    return xp.where(exists, 0.5 * (variances + z * z) + xp.where(large, series, direct), inf)


def generalized_normal_gap(
    xp: Namespace, distance: Array, scale_p: Array, power_p: Array, scale_q: Array, power_q: Array
) -> Array:
    """The divergence between generalised normal distributions whose locations are `distance` apart.

    With k = 1 / power_q, r = power_q / power_p and t the logarithm of power_q E_P (|x - m_p| / s_q)^power_q, it is at
    equal locations k [expm1(t) - t] plus what two distributions have that differ in their powers only. That is
    k B(r (1 + k); 1 + k) - (1 + k) B(1 + r k; 1 + k) - k (r - 1 - log r), with B(y; x) the remainder of lgamma.
    Distance adds E_P (|x - m_q|^power_q - |x - m_p|^power_q) / s_q^power_q, which is positive.
    """
    k, r, d = 1 / power_q, power_q / power_p, (power_q - power_p) / power_p
    x, first, second = 1 + k, r * (1 + k), 1 + 1 / power_p
    first_step, second_step = d * x, d * k
    first_gap = stirling_gap(xp, first, x, first_step)
    second_gap = stirling_gap(xp, second, x, second_step)
    first_entropy = entropy_gap(xp, first, x, -first_step)
    second_entropy = entropy_gap(xp, second, x, -second_step)
    # The entropic parts agree up to the second order of d, and nearly so up to the third.
    near = xp.abs(d) < 0.5
    e = xp.where(near, d, 0.0)
    f = e * k / x
    cubic = 0.5 * (x * x * f * f * f - k * x * e * e * e)
    cubic = cubic + (k * x * (1 + e) + k) * _log1p_cubic(xp, e) - x * x * (1 + f) * _log1p_cubic(xp, f)
    direct = k * first_entropy - x * second_entropy - k * relative_gap(xp, power_q, power_p)
    shapes = k * first_gap - x * second_gap + xp.where(near, cubic, direct)
    log_power = relative_entropy(xp, power_q, power_p) / power_q
    log_scale = relative_entropy(xp, scale_p, scale_q) / scale_p
    steps = (first_gap + first_entropy) - (second_gap + second_entropy) + d * digamma(xp, x)
    largest = xp.finfo(d.dtype).max
    t = power_q * log_scale + steps + log_power
    t = xp.where(t < largest, t, largest)
    value = k * expm1_gap(xp, t) + xp.where(shapes > 0, shapes, 0.0)
    return value + _generalized_normal_distance_gap(xp, xp.abs(distance), scale_p, power_p, scale_q, power_q)


def _log1p_cubic(xp: Namespace, u: Array) -> Array:
    """log1p(u) - u + u^2 / 2 for u near 0."""
    s = u / (2 + u)
    return 0.5 * s * u * u + 2 * s * s * s * polynomial(ATANH_TAIL[is_single(xp, u)], s * s)


def _even_powers(xp: Namespace, b: Array, w: Array) -> Array:
    """(1 + w)^b + (1 - w)^b - 2, for 0 < w < 1."""
    mean = 0.5 * b * (xp.log1p(w) + xp.log1p(-w))
    mean = xp.where(w < 0.5, 0.5 * b * xp.log1p(-w * w), mean)
    half = 0.25 * b * (xp.log1p(w) - xp.log1p(-w))
    sinh = 0.5 * (xp.expm1(half) - xp.expm1(-half))
    return 2 * xp.expm1(mean) + 4 * xp.exp(mean) * sinh * sinh


def _generalized_normal_distance_gap(
    xp: Namespace, distance: Array, scale_p: Array, power_p: Array, scale_q: Array, power_q: Array
) -> Array:
    """E_P (|x - m_q|^b - |x - m_p|^b) / s_q^b, with b = power_q and m_q at a distance from m_p."""
    zero = distance == 0
    distance = xp.where(zero, scale_p, distance)
    d = distance / scale_p
    inside = d < 1
    d_in = xp.where(inside, d, 0.5)
    log_d = log_ratio(xp, distance, scale_p)
    # The unit of length is the larger of the distance and the scale of P.
    log_unit, log_inner = xp.where(inside, 0.0, log_d)[..., None], xp.where(inside, log_d, 0.0)[..., None]
    inner, a, b = inside[..., None], power_p[..., None], power_q[..., None]

    log_factor = power_q * (log_ratio(xp, scale_p, scale_q) + log_unit[..., 0]) - xp.gammaln(1 + 1 / power_p) - log(2)
    representable = log_factor < log(xp.finfo(d.dtype).max) - 1
    log_factor = xp.where(representable, log_factor, 0.0)

    def powers(log_z: Array, log_less: Array, log_weight: Array | float = 0.0) -> Array:
        """(z + d)^b + |z - d|^b - 2 z^b, with log_less that of |z - d| over the larger; in units of s_q^b."""
        below = log_z < log_inner
        top = xp.where(below, log_inner, log_z)
        w = xp.exp(-xp.abs(log_z - log_inner))
        twice = xp.exp(b * xp.where(below, log_z - log_inner, 0.0))
        near, least = ~(below | (w > 0.5)), w < xp.finfo(w.dtype).eps
        direct = xp.exp(b * xp.log1p(w)) + xp.exp(b * log_less) - 2 * twice
        even = xp.where(near, _even_powers(xp, b, xp.where(near & ~least, w, 0.25)), direct)
        # Where w is next to nothing, so that w^2 might be less than the least number, it is b (b - 1) w^2.
        log_square = xp.where(near & least, -2 * xp.abs(log_z - log_inner), 0.0)
        exponent = b * top + log_weight + log_factor[..., None] + log_square
        return xp.exp(exponent) * xp.where(near & least, b * (b - 1), even)

    # Within the scale of P the integral of the powers alone is known, and what its density lacks is integrated.
    def weight(log_z: Array) -> Array:
        exponent = -xp.exp(a * log_z)
        return xp.where(inner, xp.expm1(exponent), xp.exp(exponent))

    def below_both(u: Array, v: Array) -> Array:
        log_z = log_inner + xp.log(u)  # z = u times the lesser of d and 1
        less = xp.where(inside, 0.0, xp.where(inside, 2.0, d) - 1)[..., None] + v
        log_less = xp.log(less) - xp.where(inner, 0.0, log_unit)
        return xp.exp(log_inner) * weight(log_z) * powers(log_z - log_unit, log_less)

    def between(u: Array, v: Array) -> Array:
        # From d up to 1 by z = d^u; from 1 up to d, or to where no mass is left, by the power of z that is gamma.
        span = xp.where(inner, -log_inner, 1.0)
        log_z = -span * u
        less = xp.log(-xp.expm1(-span * v))
        value = span * xp.exp(log_z) * weight(xp.where(inner, log_z, 0.0))
        low = xp.where(inner, 1.0, a * log_unit)
        end = xp.exp(least_of_sides(xp, low, log(61.0) + 0.0 * low)) - 1
        g = 1 + end * u
        log_g = xp.log(g) / a
        beyond = end * xp.exp(log_g - xp.log(g) - g) / a
        rest = least_of_sides(xp, log_g - log_unit, -xp.finfo(d.dtype).eps + 0.0 * log_g)
        less = xp.where(inner, less, xp.log(-xp.expm1(rest)))
        return xp.where(inner, value, beyond) * powers(xp.where(inner, log_z, log_g - log_unit), less)

    def above_both(w: Array) -> Array:
        log_low = least_of_sides(xp, a * log_unit, log(1000.0) + 0.0 * log_unit)
        low = xp.exp(log_low)
        rise = xp.log1p(w / low) / a
        log_density = rise + log_low / a - xp.log(low + w) - low - w
        return powers(rise, xp.log(-xp.expm1(log_inner - rise)), log_density) / a

    known = xp.where(inside, xp.exp(log_factor) * _even_powers(xp, power_q + 1, d_in) / (power_q + 1), 0.0)
    u, v, weights = (xp.like(x, d, d.dtype) for x in _FINE_UNIT_INTERVAL)
    total = integrate_unit_interval(xp, below_both, d) + xp.sum(between(u, v) * weights, axis=-1)
    total = known + total + integrate_half_line(xp, above_both, d)
    value = xp.where(representable, total, inf)
    return xp.where(zero, 0.0, value)


def generalized_normal_variance(xp: Namespace, power: Array) -> Array:
    """Gamma(3 / power) / Gamma(1 / power)."""
    return xp.exp(gammaln_difference(xp, 3 / power, 1 / power))


def generalized_normal_distance(xp: Namespace, d: Array, power: Array) -> Array:
    """E |x| of the generalised normal distribution with mean d and scale 1, which is E max(|x - d|, |d|)."""
    d = xp.abs(d)
    zero = d == 0
    k = 1 / power
    exponent = power * xp.log(xp.where(zero, 1.0, d))
    bounded = xp.abs(exponent) < 50
    x = xp.exp(xp.where(bounded, exponent, 0.0))
    inside, _ = gammainc(xp, k, x)
    _, outside = gammainc(xp, 2 * k, x)
    mean = xp.exp(gammaln_difference(xp, 2 * k, k))
    far = xp.where(exponent > 0, d, mean)
    return xp.where(zero, mean, xp.where(bounded, d * inside + mean * outside, far))


def power_of(xp: Namespace, z: Array, power: Array) -> Array:
    """z^power for z >= 0."""
    zero = z == 0
    return xp.where(zero, 0.0, xp.exp(power * xp.log(xp.where(zero, 1.0, z))))


_NORMAL_NODES = [0.5 * k for k in range(-17, 18)]
_NORMAL_WEIGHTS = [0.5 * exp(-0.5 * z * z) / sqrt(2 * pi) for z in _NORMAL_NODES]


def normal_log_square(xp: Namespace, d: Array, scale: Array, s: Array) -> Array:
    """E log(1 + (x / s)^2) of the normal distribution with mean d."""
    d, s = xp.abs(d) / scale, s / scale
    near = d < 9
    d_near, d_far = xp.where(near, d, 1.0)[..., None], xp.where(near, 9.0, d)[..., None]
    # By the distance from 0, where the logarithm may be next to singular; or by that from d, if 0 is too far away.

    def integrand(w: Array) -> Array:
        density = xp.exp(-0.5 * (w - d_near) * (w - d_near)) + xp.exp(-0.5 * (w + d_near) * (w + d_near))
        return density * _log1p_square(xp, w / s[..., None])

    w, w_weights = (xp.like(x, d, d.dtype) for x in _FINE_HALF_LINE)
    near_value = xp.sum(integrand(w) * w_weights, axis=-1) / sqrt(2 * pi)
    z, weights = (xp.like(x, d, d.dtype) for x in (_NORMAL_NODES, _NORMAL_WEIGHTS))
    far_value = xp.sum(_log1p_square(xp, (z + d_far) / s[..., None]) * weights, axis=-1)
    return xp.where(near, near_value, far_value)


def _log1p_square(xp: Namespace, x: Array) -> Array:
    """log(1 + x^2) for x >= 0."""
    large = x > 1
    x = xp.where(large, x, 1.0), xp.where(large, 0.5, x)
    return xp.where(large, 2 * xp.log(x[0]) + xp.log1p(1 / x[0] / x[0]), xp.log1p(x[1] * x[1]))
