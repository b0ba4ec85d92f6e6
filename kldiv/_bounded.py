"""Kernels of the distributions on an interval.

Where an expectation has no closed form it is integrated on fixed nodes, to the last digits: every integrand is smooth,
and the nodes lie where the mass is.
"""

from __future__ import annotations

from math import cos, exp, factorial, inf, log, pi, sqrt

from kldiv._kernels import (
    expm1_gap,
    log1p_gap,
    log_ratio,
    product_excess,
    relative_gap,
    sigmoid,
    softplus,
    stirling_gap,
)
from kldiv._special import (
    EULER,
    betainc,
    digamma,
    exp_where,
    gammaln_difference,
    integrate_half_line,
    integrate_unit_interval,
    log_ndtr,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from kldiv._protocol import Array, Namespace

_DISTANT = 1e6  # a ratio of odds beyond which nothing cancels, and before which nothing overflows


def _share_excess(xp: Namespace, a_p: Array, b_p: Array, a_q: Array, b_q: Array) -> Array:
    """pi_p / pi_q - 1 for pi = a / (a + b), right in the last digits also where the two nearly agree."""
    odds = product_excess(xp, a_p, b_q, a_q, b_p)
    near = odds < _DISTANT
    total_p, total_q = a_p + b_p, a_q + b_q
    far = (b_q / total_q - b_p / total_p) / (a_q / total_q)
    return xp.where(near, xp.where(near, odds, 0.0) * (b_p / total_p), xp.where(near, 0.0, far))


def beta_gap(xp: Namespace, a_p: Array, b_p: Array, a_q: Array, b_q: Array) -> Array:
    """The divergence between the beta distributions with concentrations a_p, b_p and a_q, b_q."""
    total_p, total_q = a_p + b_p, a_q + b_q
    u_a = _share_excess(xp, a_p, b_p, a_q, b_q)
    u_b = _share_excess(xp, b_p, a_p, b_q, a_q)
    shares = a_q * log1p_gap(xp, u_a, (a_p, a_q), (total_q, total_p)) + b_q * log1p_gap(
        xp, u_b, (b_p, b_q), (total_q, total_p)
    )
    d = (a_q - a_p) + (b_q - b_p)
    gaps = (stirling_gap(xp, a_q, a_p) + stirling_gap(xp, b_q, b_p)) - stirling_gap(xp, total_q, total_p, d)
    return shares + gaps


def beta_power(xp: Namespace, a: Array, b: Array, k: Array, shift: Array) -> Array:
    """E x^k exp(shift) of the beta distribution with concentrations a and b; inf where it has none."""
    exists = a + k > 0
    k = xp.where(exists, k, 0.0)
    log_power = gammaln_difference(xp, a + k, a, k) - gammaln_difference(xp, a + b + k, a + b, k)
    return exp_where(xp, exists, log_power + shift)


def beta_distance(xp: Namespace, m: Array, a: Array, b: Array) -> Array:
    """E |x - m| of the beta distribution with concentrations a and b."""
    mean = a / (a + b)
    inside = (m > 0) & (m < 1)
    x = xp.where(inside, m, 0.5)
    below, weighted = betainc(xp, a, b, x, 1 - x), betainc(xp, a + 1, b, x, 1 - x)
    # E max(x - m, 0) + E max(m - x, 0)
    value = x * (2 * below - 1) + mean * (1 - 2 * weighted)
    return xp.where(inside, value, xp.abs(mean - xp.where(inside, 0.0, m)))


# --------------------------------------------------------------------------------------------------------- Kumaraswamy

_CLIP = 40.0  # exp(-40) is nothing beside 1


def _log_quotient(xp: Namespace, a: Array, b: Array) -> Array:
    """log(a / b) for positive a and b, also where they nearly agree."""
    u = (a - b) / b
    near = xp.abs(u) <= 0.5
    far = log_ratio(xp, xp.where(near, 1.0, a), xp.where(near, 1.0, b))
    return xp.where(near, xp.log1p(xp.where(near, u, 0.0)), far)


def log1mexp(xp: Namespace, v: Array) -> Array:
    """log(1 - exp(-v)) for positive v."""
    small = v < log(2)
    near = xp.log(-xp.expm1(-xp.where(small, v, 0.5)))
    return xp.where(small, near, xp.log1p(-xp.exp(-xp.where(small, 1.0, v))))


def _mean_under_power(xp: Namespace, b: Array, function: Callable[[Array], Array]) -> Array:
    """The mean of function(v) where v = -log(1 - y) is exponential with rate b, so that y is a beta(1, b) variable."""
    return integrate_half_line(xp, lambda w: xp.exp(-w) * function(w / b[..., None]), b)


def _log_complement_of_power(xp: Namespace, v: Array, c: Array) -> Array:
    """-log(1 - y^c), where v = -log(1 - y)."""
    # Beyond the clip it is v - log(c).
    clipped = xp.where(v < _CLIP, v, _CLIP)
    return (v - clipped) - log1mexp(xp, -c * log1mexp(xp, clipped))


def _mean_log_complement(xp: Namespace, b: Array, c: Array, log_c: Array) -> tuple[Array, Array]:
    """Where b < 1; there -E log(1 - y^c) less 1/b - log(c), which is its limit, and elsewhere the mean itself."""
    small = b < 1
    step = 1 / xp.where(small, 1.0, b)
    weight = (b * step)[..., None]
    limit, log_c, c, step = small[..., None], log_c[..., None], c[..., None], step[..., None]

    def integrand(w: Array) -> Array:
        v = w * step
        value = _log_complement_of_power(xp, v, c)
        clipped = xp.where(v < _CLIP, v, _CLIP)
        rest = (log_c - clipped) - log1mexp(xp, -c * log1mexp(xp, clipped))
        return weight * xp.exp(-weight * w) * xp.where(limit, rest, value)

    return small, integrate_half_line(xp, integrand, b)


def kumaraswamy_gap(xp: Namespace, a_p: Array, b_p: Array, a_q: Array, b_q: Array) -> Array:
    """The divergence between the Kumaraswamy distributions with concentrations a_p, b_p and a_q, b_q."""
    ratio, excess = a_q / a_p, (a_q - a_p) / a_p
    log_ratio_a, log_ratio_b = _log_quotient(xp, a_q, a_p), _log_quotient(xp, b_q, b_p)
    near = (excess >= -0.2) & (excess <= 0.5) & (b_q > 0.75 * b_p) & (b_q < 2 * b_p)

    # Nearly equal: the mean of q / p - 1 - log(q / p), from log(q / p) without cancellation.
    def integrand(v: Array) -> Array:
        e, d = xp.where(near, excess, 0.0)[..., None], xp.where(near, b_q - b_p, 0.0)[..., None]
        b = xp.where(near, b_q, 1.0)[..., None]
        constant = xp.where(near, log_ratio_a, 0.0)[..., None] + xp.where(near, log_ratio_b, 0.0)[..., None]
        clipped = xp.where(v < _CLIP, v, _CLIP)
        log_y = log1mexp(xp, clipped)
        # log(1 - y^c) - log(1 - y)
        log_complements = xp.log1p(-xp.expm1(clipped) * xp.expm1(e * log_y))
        return expm1_gap(xp, constant + e * log_y + (b - 1) * log_complements - d * v)

    near_value = _mean_under_power(xp, b_p, integrand)
    # Otherwise from the mean of the logarithm, term by term.
    ratio_in, log_a = xp.where(near, 1.0, ratio), xp.where(near, 0.0, log_ratio_a)
    b_in = xp.where(near, 1.0, b_q) * xp.ones_like(b_p)
    small, mean = _mean_log_complement(xp, b_p, ratio_in, log_a)
    terms = xp.where(
        small, relative_gap(xp, b_in, b_p) - b_in * log_a, 1 / b_p - 1 - log_a - _log_quotient(xp, b_in, b_p)
    )
    far_value = (b_in - 1) * mean + terms + xp.where(near, 0.0, excess) * (EULER + digamma(xp, b_p + 1))
    far_value = far_value - xp.stop_gradient(xp.where(far_value < 0, far_value, 0.0))
    return xp.where(near, near_value, far_value)


def kumaraswamy_log_complement(xp: Namespace, a: Array, b: Array) -> Array:
    """E log(1 - x) of the Kumaraswamy distribution."""
    log_a = xp.log(a)
    small, mean = _mean_log_complement(xp, b, 1 / a, -log_a)
    return -(mean + xp.where(small, 1 / b + log_a, 0.0))


def kumaraswamy_variance(xp: Namespace, a: Array, b: Array) -> Array:
    """Var x of the Kumaraswamy distribution."""

    def below_one(v: Array) -> Array:
        return xp.expm1(log1mexp(xp, v) / a[..., None])

    mean = _mean_under_power(xp, b, below_one)[..., None]
    return _mean_under_power(xp, b, lambda v: (below_one(v) - mean) * (below_one(v) - mean))


def kumaraswamy_logit_variance(xp: Namespace, a: Array, b: Array) -> Array:
    """Var log(x / (1 - x)) of the Kumaraswamy distribution."""

    def logit(v: Array) -> Array:
        clipped = xp.where(v < _CLIP, v, _CLIP)
        return log1mexp(xp, clipped) / a[..., None] + _log_complement_of_power(xp, v, 1 / a[..., None])

    mean = _mean_under_power(xp, b, logit)[..., None]
    return _mean_under_power(xp, b, lambda v: (logit(v) - mean) * (logit(v) - mean))


def kumaraswamy_distance(xp: Namespace, m: Array, a: Array, b: Array) -> Array:
    """E |x - m| of the Kumaraswamy distribution."""
    inside = (m > 0) & (m < 1)
    log_x = xp.log(xp.where(inside, m, 0.5))
    mean = beta_power(xp, xp.ones_like(a), b, 1 / a, xp.zeros_like(a))
    y, complement = xp.exp(a * log_x), -xp.expm1(a * log_x)
    below = -xp.expm1(b * xp.log(complement))
    weighted = betainc(xp, 1 + 1 / a, b, y, complement)
    value = m * (2 * below - 1) + mean * (1 - 2 * weighted)
    return xp.where(inside, value, xp.abs(mean - xp.where(inside, 0.0, m)))


# ------------------------------------------------------------------------------------------------ continuous Bernoulli


def _gauss_legendre(n: int) -> tuple[list[float], list[float]]:
    """The nodes between 0 and 1 and the weights of Gauss and Legendre's rule."""
    nodes, weights = [], []
    for i in range(n):
        x, slope = cos(pi * (i + 0.75) / (n + 0.5)), 1.0
        for _ in range(8):
            before, value = 1.0, x
            for k in range(2, n + 1):
                before, value = value, ((2 * k - 1) * x * value - (k - 1) * before) / k
            slope = n * (x * value - before) / (x * x - 1)
            x -= value / slope
        nodes.append((1 + x) / 2)
        weights.append(1 / ((1 - x * x) * slope * slope))
    return nodes, weights


_GAUSS = _gauss_legendre(20)
_TILT = 6.0  # the largest exponent on the whole interval that these nodes integrate


def _tilted(xp: Namespace, eta: Array) -> tuple[Array, Array, Array]:
    """The nodes, their probabilities under the density exp(eta x) / Z on (0, 1), and log(Z), for abs(eta) <= 6."""
    x, weights = (xp.like(values, eta, eta.dtype) for values in _GAUSS)
    # Symmetric about 1/2, so that exp(eta (x - 1/2)) is as small as may be.
    mass = weights * xp.exp(eta[..., None] * (x - 0.5))
    total = xp.sum(mass, axis=-1)
    return x, mass / total[..., None], xp.log(total) + 0.5 * eta


def _split_tilt(xp: Namespace, eta: Array) -> tuple[Array, Array, Array]:
    """Where abs(eta) is within reach of the nodes; eta there and 0 elsewhere; abs(eta) elsewhere and 6 there."""
    small = xp.abs(eta) <= _TILT
    return small, xp.where(small, eta, 0.0), xp.where(small, _TILT, xp.abs(eta))


def tilted_log_partition(xp: Namespace, eta: Array) -> Array:
    """log((exp(eta) - 1) / eta), the integral of exp(eta x) over the unit interval."""
    small, eta_small, h = _split_tilt(xp, eta)
    near = _tilted(xp, eta_small)[2]
    far = xp.where(eta > 0, h, 0.0) - xp.log(h) + xp.log1p(-xp.exp(-h))
    return xp.where(small, near, far)


def _tilted_excess(xp: Namespace, eta: Array) -> Array:
    """The mean of the density exp(eta x) / Z on the unit interval, less 1/2."""
    small, eta_small, h = _split_tilt(xp, eta)
    x, p, _ = _tilted(xp, eta_small)
    e = xp.exp(-h)
    far = 0.5 - 1 / h + e / (1 - e)
    return xp.where(small, xp.sum(p * (x - 0.5), axis=-1), xp.where(eta > 0, far, -far))


def tilted_mean(xp: Namespace, eta: Array) -> Array:
    """The mean of the density exp(eta x) / Z on the unit interval."""
    h = xp.where(eta < -_TILT, -eta, _TILT)
    e = xp.exp(-h)
    return xp.where(eta < -_TILT, 1 / h - e / (1 - e), 0.5 + _tilted_excess(xp, xp.where(eta < -_TILT, 0.0, eta)))


def tilted_variance(xp: Namespace, eta: Array) -> Array:
    """The variance of the density exp(eta x) / Z on the unit interval."""
    small, eta_small, h = _split_tilt(xp, eta)
    x, p, _ = _tilted(xp, eta_small)
    d = x - xp.sum(p * x, axis=-1, keepdims=True)
    e = xp.exp(-h)
    return xp.where(small, xp.sum(p * d * d, axis=-1), 1 / (h * h) - e / ((1 - e) * (1 - e)))


def tilted_gap(xp: Namespace, eta_p: Array, eta_q: Array, difference: Array) -> Array:
    """The divergence between the densities exp(eta x) / Z on the unit interval; `difference` is eta_q - eta_p."""
    flip = eta_p < 0
    a, b, d = (xp.where(flip, -x, x) for x in (eta_p, eta_q, difference))
    # Both small: log E_P exp(d (x - E_P x)).
    small = (a <= _TILT) & (xp.abs(b) <= _TILT)
    x, p, _ = _tilted(xp, xp.where(small, a, 0.0))
    t = xp.where(small, d, 0.0)[..., None] * (x - xp.sum(p * x, axis=-1, keepdims=True))
    small_value = xp.log1p(xp.sum(p * expm1_gap(xp, t), axis=-1))
    # Both large: the remainders of -log(eta), convex, and of log(1 - exp(-eta)), concave.
    large = ~small & (a >= 0.5 * _TILT) & (b >= 0.5 * _TILT)
    a_in, b_in, d_in = xp.where(large, a, 1.0), xp.where(large, b, 1.0), xp.where(large, d, 0.0)
    falls = d_in < -1
    e = xp.exp(-a_in)
    r, fall = e / (1 - e), xp.where(falls, 0.0, d_in)
    s = xp.where(falls, (e - xp.exp(-b_in)) / (1 - e), -r * xp.expm1(-fall))
    concave = log1p_gap(xp, s) + xp.where(falls, r * d_in - s, r * expm1_gap(xp, -fall))
    large_value = log1p_gap(xp, d_in / a_in, (b_in, a_in)) - concave
    # Otherwise far apart.
    other = small | large
    a, b, d = xp.where(other, 1.0, a), xp.where(other, 0.0, b), xp.where(other, -1.0, d)
    far = tilted_log_partition(xp, -b) - tilted_log_partition(xp, -a) + tilted_mean(xp, -a) * d
    return xp.where(small, small_value, xp.where(large, large_value, far))


def logit_difference(xp: Namespace, p: Array, q: Array) -> Array:
    """logit(q) - logit(p), for probabilities between 0 and 1 that may nearly agree."""
    d = q - p

    def difference(of: Array, to: Array, d: Array) -> Array:
        near = xp.abs(d) <= 0.5 * of
        far = log_ratio(xp, xp.where(near, 1.0, to), xp.where(near, 1.0, of))
        return xp.where(near, xp.log1p(xp.divide(xp.where(near, d, 0.0), of)), far)

    return difference(p, q, d) - difference(1 - p, 1 - q, -d)


def _mean_under_tilt(xp: Namespace, eta: Array, function: Callable[[Array, Array], Array]) -> Array:
    """The mean of a function of x and 1 - x under the density exp(eta x) / Z, which may be singular at 0 and 1."""
    large = xp.abs(eta) > _CLIP
    near = xp.where(large, 0.0, eta)[..., None]
    partition = tilted_log_partition(xp, near)
    value = integrate_unit_interval(xp, lambda u, v: xp.exp(near * u - partition) * function(u, v), eta)
    # The distance from the likelier end is exponential; beyond the other end it has no weight.
    h, ends_at_one = xp.where(large, xp.abs(eta), 2 * _CLIP)[..., None], (eta > 0)[..., None]

    def far(w: Array) -> Array:
        d = xp.where(w < 0.9 * h, w, 0.9 * h) / h
        return xp.exp(-w) * function(xp.where(ends_at_one, 1 - d, d), xp.where(ends_at_one, d, 1 - d))

    return xp.where(large, integrate_half_line(xp, far, eta), value)


def _log_of(xp: Namespace, x: Array, y: Array) -> Array:
    """log(x), given y = 1 - x."""
    small = x < 0.5
    return xp.where(small, xp.log(xp.where(small, x, 0.5)), xp.log1p(-xp.where(small, 0.5, y)))


def tilted_log(xp: Namespace, eta: Array) -> Array:
    """E log x under the density exp(eta x) / Z on the unit interval."""
    return _mean_under_tilt(xp, eta, lambda x, y: _log_of(xp, x, y))


def tilted_log_variance(xp: Namespace, eta: Array) -> Array:
    """Var log x under the density exp(eta x) / Z on the unit interval."""
    mean = tilted_log(xp, eta)[..., None]

    def square(x: Array, y: Array) -> Array:
        d = _log_of(xp, x, y) - mean
        return d * d

    return _mean_under_tilt(xp, eta, square)


def tilted_logit_variance(xp: Namespace, eta: Array) -> Array:
    """Var log(x / (1 - x)) under the density exp(eta x) / Z on the unit interval."""

    def logit(x: Array, y: Array) -> Array:
        return _log_of(xp, x, y) - _log_of(xp, y, x)

    mean = _mean_under_tilt(xp, eta, logit)[..., None]
    return _mean_under_tilt(xp, eta, lambda x, y: (logit(x, y) - mean) * (logit(x, y) - mean))


def _exp_tail(xp: Namespace, t: Array) -> Array:
    """(expm1(t) - t) / t^2 for abs(t) <= 1, by its series."""
    value = 0.0 * t
    for k in range(18, 1, -1):
        value = value * t + 1 / factorial(k)
    return value


def _half_gap(xp: Namespace, t: Array) -> Array:
    """(expm1(t) - t) / t^2 for t <= 0."""
    near = t > -1
    far = xp.where(near, -1.0, t)
    return xp.where(near, _exp_tail(xp, xp.where(near, t, 0.0)), (xp.exp(far) - 1 - far) / (far * far))


def tilted_distance(xp: Namespace, m: Array, eta: Array) -> Array:
    """E |x - m| under the density exp(eta x) / Z on the unit interval."""
    flip = eta > 0
    h, x = xp.where(flip, eta, -eta), xp.where(flip, 1 - m, m)
    mean = tilted_mean(xp, -h)
    inside = (x > 0) & (x < 1)
    y = xp.where(inside, x, 0.5)
    # E max(y - x, 0) is the integral of (1 - exp(-h t)) / (1 - exp(-h)) over t from 0 to y.
    below = y * y * _half_gap(xp, -h * y) / (1 - h * _half_gap(xp, -h))
    return xp.where(inside, (mean - y) + 2 * below, xp.abs(mean - xp.where(inside, 0.0, x)))


# --------------------------------------------------------------------------------------------------------- logit-normal


def _normal_nodes(step: float, count: int) -> tuple[list[float], list[float]]:
    """Equal steps of a standard normal variable, and their probabilities."""
    z = [k * step for k in range(-count, count + 1)]
    return z, [exp(-0.5 * x * x) / sqrt(2 * pi) * step for x in z]


_NORMAL = _normal_nodes(0.25, 35)
_WIDE = 2.0  # the scale from which the sigmoid is a step rather than smooth


def _mean_under_normal(xp: Namespace, loc: Array, scale: Array, function: Callable[[Array], Array]) -> Array:
    """The mean of a function analytic within pi of the real line, for a scale up to 2."""
    z, weights = (xp.like(x, loc, loc.dtype) for x in _NORMAL)
    return xp.sum(weights * function(loc[..., None] + scale[..., None] * z), axis=-1)


def _mean_around_zero(
    xp: Namespace, loc: Array, scale: Array, above: Callable[[Array], Array], below: Callable[[Array], Array]
) -> Array:
    """E above(x) for x > 0 and below(-x) for x < 0, of functions that fall like exp(-x), for a scale from 2 on."""
    loc, scale = loc[..., None], scale[..., None]

    def density(x: Array) -> Array:
        z = (x - loc) / scale
        return xp.exp(-0.5 * z * z) / (scale * sqrt(2 * pi))

    return integrate_half_line(xp, lambda w: density(w) * above(w) + density(-w) * below(w), loc[..., 0])


def _split_scale(xp: Namespace, loc: Array, scale: Array) -> tuple[Array, tuple[Array, Array], tuple[Array, Array]]:
    """Where the scale is small; location and scale there, and elsewhere."""
    small = scale < _WIDE
    near = xp.where(small, loc, 0.0), xp.where(small, scale, 1.0)
    return small, near, (xp.where(small, 0.0, loc), xp.where(small, _WIDE, scale))


def _positive_part(xp: Namespace, loc: Array, scale: Array) -> tuple[Array, Array]:
    """E max(x, 0) and E max(x, 0)^2 of a normal variable."""
    z = loc / scale
    probability = xp.exp(log_ndtr(xp, z))
    edge = scale * xp.exp(-0.5 * z * z) / sqrt(2 * pi)
    return loc * probability + edge, (loc * loc + scale * scale) * probability + loc * edge


def sigmoid_mean(xp: Namespace, loc: Array, scale: Array) -> Array:
    """E sigmoid(x) of a normal variable."""
    small, near, far = _split_scale(xp, loc, scale)
    step = xp.exp(log_ndtr(xp, far[0] / far[1]))
    rest = _mean_around_zero(xp, *far, lambda w: -sigmoid(xp, -w), lambda w: sigmoid(xp, -w))
    return xp.where(small, _mean_under_normal(xp, *near, lambda x: sigmoid(xp, x)), step + rest)


def sigmoid_variance(xp: Namespace, loc: Array, scale: Array) -> Array:
    """Var sigmoid(x) of a normal variable."""
    small, near, far = _split_scale(xp, loc, scale)
    mean = sigmoid_mean(xp, *near)[..., None]
    near_value = _mean_under_normal(xp, *near, lambda x: (sigmoid(xp, x) - mean) * (sigmoid(xp, x) - mean))

    def product(w: Array) -> Array:
        return sigmoid(xp, w) * sigmoid(xp, -w)

    # m (1 - m) - E s (1 - s)
    far_mean = sigmoid_mean(xp, *far)
    return xp.where(small, near_value, far_mean * (1 - far_mean) - _mean_around_zero(xp, *far, product, product))


def softplus_mean(xp: Namespace, loc: Array, scale: Array) -> Array:
    """E log(1 + exp(x)) of a normal variable."""
    small, near, far = _split_scale(xp, loc, scale)
    rest = _mean_around_zero(xp, *far, lambda w: softplus(xp, -w), lambda w: softplus(xp, -w))
    far_value = _positive_part(xp, *far)[0] + rest
    return xp.where(small, _mean_under_normal(xp, *near, lambda x: softplus(xp, x)), far_value)


def softplus_variance(xp: Namespace, loc: Array, scale: Array) -> Array:
    """Var log(1 + exp(x)) of a normal variable."""
    small, near, far = _split_scale(xp, loc, scale)
    mean = softplus_mean(xp, *near)[..., None]
    near_value = _mean_under_normal(xp, *near, lambda x: (softplus(xp, x) - mean) * (softplus(xp, x) - mean))
    rest = _mean_around_zero(
        xp,
        *far,
        lambda w: softplus(xp, -w) * (softplus(xp, -w) + 2 * w),
        lambda w: softplus(xp, -w) * softplus(xp, -w),
    )
    far_mean = softplus_mean(xp, *far)
    return xp.where(small, near_value, _positive_part(xp, *far)[1] + rest - far_mean * far_mean)


def logit_normal_log_density(xp: Namespace, x: Array, loc: Array, scale: Array) -> Array:
    """The log density at x of the sigmoid of a normal variable, -inf at 0 and 1."""
    edge = (x == 0) | (x == 1)
    x = xp.where(edge, 0.5, x)
    log_x, log_y = xp.log(x), xp.log1p(-x)
    z = ((log_x - log_y) - loc) / scale
    return xp.where(edge, -inf, -0.5 * z * z - xp.log(scale) - 0.5 * log(2 * pi) - log_x - log_y)


# ---------------------------------------------------------------------------------------------------- truncated normal

_DEPTH = 50.0  # how far in its exponent a density is followed from its mode


def _both_sides(nodes: list[float], weights: list[float]) -> tuple[list[float], list[float]]:
    return [-x for x in reversed(nodes)] + nodes, [*reversed(weights), *weights]


_PIECE = _both_sides(*_gauss_legendre(32))


def _least(xp: Namespace, a: Array, b: Array) -> Array:
    return xp.where(a < b, a, b)


class _Bell:
    """The function exp(-(x - loc)^2 / (2 scale^2)) between low and high, on nodes on both sides of its mode there."""

    def __init__(self, xp: Namespace, loc: Array, scale: Array, low: Array, high: Array) -> None:
        self.xp, self.loc, self.scale = xp, loc, scale
        inside_low = xp.where(loc < low, low, loc)
        self.mode = mode = xp.where(loc > high, high, inside_low)
        # Down from the mode the exponent is rho t + t^2 / 2 at a distance of t scales.
        self.slope = (mode - loc) / scale
        rho = xp.abs(self.slope)
        reach = scale * (2 * _DEPTH / (rho + xp.sqrt(rho * rho + 2 * _DEPTH)))
        above, below = _least(xp, high - mode, reach), _least(xp, mode - low, reach)
        u, weights = (xp.like(values, mode, mode.dtype) for values in _PIECE)
        length = xp.where(u > 0, above[..., None], below[..., None])
        self.offset = u * length  # x - mode at the nodes
        z = self.offset / scale[..., None]
        self.depth = z * (self.slope[..., None] + 0.5 * z)  # -log of the function, relative to the mode
        self.mass = weights * length * xp.exp(-self.depth)
        self.total = xp.sum(self.mass, axis=-1)

    def mean(self, values: Array) -> Array:
        return self.xp.sum(self.mass * values, axis=-1) / self.total

    def rise(self, x: Array) -> Array:
        """The logarithm of the function at its mode, less that at x."""
        return (x - self.mode) / self.scale * (0.5 * ((x - self.loc) + (self.mode - self.loc)) / self.scale)


def _log_outside(
    xp: Namespace, whole: tuple[Array, Array, Array, Array], inner: _Bell, low: Array, high: Array
) -> Array:
    """-log of the probability that a truncated normal variable lies between low and high, where `inner` is its bell."""
    loc, scale, low_q, high_q = whole
    left, right = _Bell(xp, loc, scale, low_q, low), _Bell(xp, loc, scale, high, high_q)
    rise_left, rise_right = left.rise(inner.mode), right.rise(inner.mode)
    left_share, right_share = left.total / inner.total, right.total / inner.total
    # At most one of them rises, the one that holds the mode.
    top = xp.where(rise_left > rise_right, rise_left, rise_right)
    rises = top > 60  # where the exponential of it may overflow
    top_in = xp.where(rises, top, 0.0)
    outside = left_share * xp.exp(rise_left - top_in) + right_share * xp.exp(rise_right - top_in)
    near = xp.log1p(xp.where(rises, 0.0, outside))
    return xp.where(rises, top_in + xp.log(xp.where(rises, xp.exp(-top_in) + outside, 1.0)), near)


def _two_difference(a: Array, b: Array) -> tuple[Array, Array]:
    """a - b as it rounds, and its rounding error (Knuth)."""
    d = a - b
    back = d - a
    return d, (a - (d - back)) - (b + back)


def _sum_of_products(xp: Namespace, a: Array, b: Array, c: Array, d: Array) -> Array:
    """a b + c d, right in the last digits also where the two products nearly cancel (Dekker)."""
    splitter, most = (4097.0, 1e15) if xp.finfo(a.dtype).bits == 32 else (134217729.0, 1e150)
    safe = (xp.abs(a) < most) & (xp.abs(b) < most) & (xp.abs(c) < most) & (xp.abs(d) < most)

    def halves(x: Array) -> tuple[Array, Array]:
        t = splitter * x
        upper = t - (t - x)
        return upper, x - upper

    def error(x: Array, y: Array, product: Array) -> Array:
        (x1, x2), (y1, y2) = halves(x), halves(y)
        return x2 * y2 - (((product - x1 * y1) - x2 * y1) - x1 * y2)

    x, y, z, w = (xp.where(safe, v, 1.0) for v in (a, b, c, d))
    ab, cd = x * y, z * w
    total, rest = _two_difference(ab, -cd)
    return xp.where(safe, total + (rest + (error(x, y, ab) + error(z, w, cd))), a * b + c * d)


def truncated_normal_gap(
    xp: Namespace,
    loc_p: Array,
    scale_p: Array,
    low_p: Array,
    high_p: Array,
    loc_q: Array,
    scale_q: Array,
    low_q: Array,
    high_q: Array,
) -> Array:
    """The divergence between truncated normal distributions, the interval of P inside that of Q."""
    bell, inner = _Bell(xp, loc_p, scale_p, low_p, high_p), _Bell(xp, loc_q, scale_q, low_p, high_p)
    # log q - log p at the nodes of P, but for a constant, from the differences of the parameters.
    wider, total = scale_q - scale_p, scale_q + scale_p
    d = wider / scale_q * (total / scale_q)  # 1 - (s_p / s_q)^2
    # slope d + (m_q - m_p) s_p / s_q^2, whose two parts may cancel.
    below, error = _two_difference(bell.mode, loc_p)
    moved = loc_q - loc_p
    excess = _sum_of_products(xp, below, wider, moved, 0.5 * scale_p) + (
        error * wider - moved * (0.5 * scale_p) * (wider / total)
    )
    shift = excess / scale_p * (total / scale_q) / scale_q
    z = bell.offset / scale_p[..., None]
    t = z * (shift[..., None] + 0.5 * d[..., None] * z)
    mean = bell.mean(t)
    deviation = t - mean[..., None]
    near = (xp.max(deviation, axis=-1) < 10) & (xp.max(-deviation, axis=-1) < 30)
    near_value = xp.log1p(bell.mean(expm1_gap(xp, xp.where(near[..., None], deviation, 0.0))))
    total_p, total_q = xp.where(near, 1.0, bell.total), xp.where(near, 1.0, inner.total)
    far_value = inner.rise(bell.mode) + log_ratio(xp, total_q, total_p) - mean
    far_value = far_value - xp.stop_gradient(xp.where(far_value < 0, far_value, 0.0))
    within = xp.where(near, near_value, xp.where(near, 0.0, far_value))
    return within + _log_outside(xp, (loc_q, scale_q, low_q, high_q), inner, low_p, high_p)


def _tail_ratio(xp: Namespace, x: Array) -> Array:
    """The upper tail of the standard normal distribution over its density, for x >= 0: what a sampler needs of digits.

    From 2 on it is a continued fraction (Laplace), which takes much less memory than the integral of `mills`.
    """
    near = x < 2
    y = xp.where(near, x, 2.0)
    central = sqrt(pi / 2) * xp.exp(0.5 * y * y) * (1 - xp.erf(y / sqrt(2)))
    y = xp.where(near, 2.0, x)
    tail = y
    for k in range(12 if xp.finfo(x.dtype).bits == 32 else 40, 0, -1):
        tail = y + k / tail
    return xp.where(near, central, 1 / tail)


def truncated_normal_quantile(xp: Namespace, u: Array, loc: Array, scale: Array, low: Array, high: Array) -> Array:
    """The x below which a truncated normal variable lies with probability u, with its first derivatives."""
    a, b = xp.stop_gradient((low - loc) / scale), xp.stop_gradient((high - loc) / scale)
    width = xp.stop_gradient((high - low) / scale)
    # Distances t from the end nearer to loc, or from loc on the side that u chooses; v is the probability to go beyond.
    above, below = a > 0, b < 0
    mass_below = xp.erf(xp.where(a < 0, -a, 0.0) / sqrt(2))
    mass_above = xp.erf(xp.where(b > 0, b, 0.0) / sqrt(2))
    share = xp.where(
        above, 0.0, xp.where(below, 1.0, mass_below / (mass_below + xp.where(above | below, 1.0, mass_above)))
    )
    falls = u < share
    v = xp.where(falls, u / xp.where(share > 0, share, 1.0), (1 - u) / xp.where(share < 1, 1 - share, 1.0))
    start = xp.where(above, a, xp.where(below, -b, 0.0))
    reach = xp.where(above | below, width, xp.where(falls, -a, b))
    first = _tail_ratio(xp, start)

    def depth(t: Array) -> tuple[Array, Array]:
        # -log of the probability to go beyond t, were there no other end, and the tail ratio there.
        ratio = _tail_ratio(xp, start + t)
        return t * (start + 0.5 * t) - xp.log(ratio / first), ratio

    beyond = xp.exp(-depth(reach)[0])
    sure = v < 0.5
    near = -xp.log1p(-(1 - xp.where(sure, 0.5, v)) * (1 - beyond))
    target = xp.where(sure, -xp.log(xp.where(sure, v, 0.5) + (1 - v) * beyond), near)
    # The depth is convex, at least t / first and at least t (start + t / 2): Newton's method comes down to the root.
    t = _least(xp, target * first, 2 * target / (start + xp.sqrt(start * start + 2 * target)))
    for _ in range(3 if xp.finfo(u.dtype).bits == 32 else 4):
        value, ratio = depth(t)
        t = t - (value - target) * ratio
    t = xp.where(t < 0, 0.0, xp.where(t > reach, reach, t))
    x = xp.stop_gradient(xp.where(above, low, xp.where(below, high, loc)) + scale * xp.where(falls, -t, t))
    # From Phi(z) = (1 - u) Phi(a) + u Phi(b), with no change of value.
    z = xp.stop_gradient(xp.where(above, a, xp.where(below, b, 0.0)) + xp.where(falls, -t, t))
    pull_low = (1 - u) * xp.exp(0.5 * (z - a) * (z + a))
    pull_high = u * xp.exp(0.5 * (z - b) * (z + b))
    for parameter, weight in ((low, pull_low), (high, pull_high), (loc, 1 - pull_low - pull_high)):
        x = x + weight * (parameter - xp.stop_gradient(parameter))
    spread = z - pull_low * a - pull_high * b
    return x + spread * (scale - xp.stop_gradient(scale))


def truncated_normal_log_density(xp: Namespace, x: Array, loc: Array, scale: Array, low: Array, high: Array) -> Array:
    """The log density of the truncated normal distribution at a point of its interval."""
    bell = _Bell(xp, loc, scale, low, high)
    z = (x - bell.mode) / scale
    return -z * (bell.slope + 0.5 * z) - xp.log(bell.total)


def truncated_normal_entropy(xp: Namespace, loc: Array, scale: Array, low: Array, high: Array) -> Array:
    """The entropy of the truncated normal distribution."""
    bell = _Bell(xp, loc, scale, low, high)
    return xp.log(bell.total) + bell.mean(bell.depth)


def truncated_normal_mean(xp: Namespace, loc: Array, scale: Array, low: Array, high: Array) -> Array:
    """E x of the truncated normal distribution."""
    bell = _Bell(xp, loc, scale, low, high)
    return bell.mode + bell.mean(bell.offset)


def truncated_normal_variance(xp: Namespace, loc: Array, scale: Array, low: Array, high: Array) -> Array:
    """Var x of the truncated normal distribution."""
    bell = _Bell(xp, loc, scale, low, high)
    d = bell.offset - bell.mean(bell.offset)[..., None]
    return bell.mean(d * d)


def truncated_normal_distance(xp: Namespace, m: Array, loc: Array, scale: Array, low: Array, high: Array) -> Array:
    """E |x - m| of the truncated normal distribution."""
    bell = _Bell(xp, loc, scale, low, high)
    start = xp.where(m < low, low, m)
    below = _Bell(xp, loc, scale, low, xp.where(start > high, high, start))
    # E max(m - x, 0); relative to the larger mode of the two, no exponential overflows.
    part = xp.sum(below.mass * ((m - below.mode)[..., None] - below.offset), axis=-1)
    short = part / bell.total * xp.exp(below.rise(bell.mode))
    return (bell.mode - m) + bell.mean(bell.offset) + 2 * short


def truncated_normal_exponential(
    xp: Namespace, t: Array, m: Array, loc: Array, scale: Array, low: Array, high: Array
) -> Array:
    """E exp(t (x - m)) of the truncated normal distribution."""
    bell, tilted = _Bell(xp, loc, scale, low, high), _Bell(xp, loc + t * scale * scale, scale, low, high)
    return xp.exp(t * (bell.mode - m) + tilted.rise(bell.mode) + log_ratio(xp, tilted.total, bell.total))


def truncated_normal_cross_entropy(
    xp: Namespace, mean: Array, variance: Array, loc: Array, scale: Array, low: Array, high: Array
) -> Array:
    """-E log q of a truncated normal Q, from the mean and the variance of P."""
    bell = _Bell(xp, loc, scale, low, high)
    z = (mean - bell.mode) / scale
    return xp.log(bell.total) + z * bell.slope + 0.5 * (z * z + variance / scale / scale)
