"""Numerics of the logistic and the log-logistic distribution.

The divergence has no closed form. It is a gap of the scales and an integral of divergences of Bernoulli distributions,
each of which is at least 0, on fixed nodes of the trapezoid rule.
"""

from __future__ import annotations

from math import exp, inf, pi

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.categorical import sigmoid, softplus
from kldiv._numerics.edges import exp_or_inf
from kldiv._numerics.exact import is_single
from kldiv._numerics.gaps import expm1_gap, log1p_gap, relative_gap
from kldiv._numerics.integrals import integrate_unit_interval
from kldiv._numerics.special import betainc


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
    a, sign, weights = (xp.asarray_like(x, scale_p, scale_p.dtype) for x in _LOGISTIC[is_single(xp, scale_p)])
    narrower = scale_p <= scale_q
    wide, narrow = xp.where(narrower, scale_q, scale_p), xp.where(narrower, scale_p, scale_q)
    d, shrink = xp.divide(loc_p - loc_q, wide), xp.divide(wide - narrow, wide)
    t = shrink[..., None] * a + d[..., None] * sign
    far_gap = xp.sum(weights * _bernoulli_cumulant_gap(xp, a, t), axis=-1)
    return relative_gap(xp, scale_p, scale_q) + 2 * xp.divide(wide, scale_q) * far_gap


def logistic_exponential(xp: Namespace, u: Array, shift: Array) -> Array:
    """exp(shift) Gamma(1 + u) Gamma(1 - u), an exponential moment of the logistic distribution."""
    exists = xp.abs(u) < 1
    u = xp.where(exists, u, 0.0)
    return exp_or_inf(xp, shift + (xp.gammaln(1 + u) + xp.gammaln(1 - u)), exists)


def logistic_distance(xp: Namespace, d: Array, scale: Array) -> Array:
    """2 s log(2 cosh(d / (2 s))), E |x| of the logistic distribution with mean d."""
    return xp.abs(d) + 2 * scale * xp.log1p(xp.exp(-xp.abs(d) / scale))


def log_logistic_power(xp: Namespace, k: Array, loc: Array, scale: Array) -> Array:
    """E x^k of the log-logistic distribution: exp(k loc) b / sin(b), with b = pi k scale below pi."""
    b = pi * xp.abs(k) * scale
    exists = (b < pi) & (xp.abs(k) * scale < 1)
    b = xp.where(exists & (b > 0), b, 1.0)
    log_factor = xp.where(k == 0, 0.0, xp.log(b) - xp.log(xp.sin(b)))
    return exp_or_inf(xp, k * loc + log_factor, exists)


def log_logistic_deviation(xp: Namespace, loc: Array, scale: Array) -> Array:
    """The standard deviation of the log-logistic distribution; inf for scale >= 1 / 2.

    Its square is exp(2 loc) b (tan(b) - b) / sin(b)^2, with b = pi scale.
    """
    exists = scale < 0.5
    b = pi * xp.where(exists, scale, 0.25)
    s, c = xp.sin(b), xp.cos(b)
    ratio = b / s
    return exp_or_inf(xp, loc + xp.log(b * ratio) + 0.5 * xp.log(_alternating_tail(b * b) / c), exists)


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


def _bernoulli_cumulant_gap(xp: Namespace, a: Array, t: Array) -> Array:
    """log(1 - p + p exp(t)) - p t, with p = 1 / (1 + exp(a)) and a >= 0."""
    p = sigmoid(xp, -a)
    near = xp.abs(t) <= 1
    t_near = xp.where(near, t, 0.0)
    near_value = p * expm1_gap(xp, t_near) - log1p_gap(xp, p * xp.expm1(t_near))
    t_far = xp.where(near, 1.0, t)
    return xp.where(near, near_value, softplus(xp, t_far - a) - softplus(xp, -a) - p * t_far)


def _alternating_tail(x: Array) -> Array:
    """(sin(b) - b cos(b)) / b^3, with x = b^2, for b up to 2."""
    value, factor = 0.0 * x, 1.0
    for k in range(1, 14):
        factor = factor / ((2 * k) * (2 * k + 1))
        value = value + (2 * k * factor) * (-x) ** (k - 1)
    return value
