"""Numerics of the gamma and the generalized gamma distribution: x = a y^(1/p), y gamma distributed with rate 1.

Moments are quotients of gamma functions, which overflow one by one and cancel in logarithms: they are differences of
lgamma, computed from the difference of the arguments. In the expectations the power p may be negative, and then the
concentration d too: d / p is that of y.
"""

from __future__ import annotations

from math import inf, log, pi, sqrt

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.edges import exp_or_inf, non_negative, root
from kldiv._numerics.exact import product_excess
from kldiv._numerics.gaps import (
    entropy_gap,
    expm1_gap,
    log1p_gap,
    log1p_product,
    log_quotient,
    relative_gap,
    stirling_gap,
)
from kldiv._numerics.integrals import integrate_half_line, log1p_by_laplace
from kldiv._numerics.special import (
    EULER,
    digamma,
    digamma_gap,
    gammainc,
    gammaln_difference,
    gammaln_gap,
    stirling,
    trigamma,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Triple = tuple[Array, Array, Array]


def weibull_gap(xp: Namespace, scale_p: Array, concentration_p: Array, scale_q: Array, concentration_q: Array) -> Array:
    """The divergence of Weibull distributions, which are generalized gamma with d = p.

    With r = k_q / k_p and t = k_q log(s_p / s_q) + lgamma(1 + r) it is expm1(t) - t, and the remainder of lgamma at r
    over its tangent at 1.
    """
    r, one = concentration_q / concentration_p, xp.ones_like(concentration_p)
    d = (concentration_q - concentration_p) / concentration_p
    tangent = gammaln_gap(xp, 1 + r, 2 * one, d)
    t = concentration_q * log_quotient(xp, scale_p, scale_q) + (tangent + (1 - EULER) * d)
    return expm1_gap_times(xp, one, t) + (tangent + relative_gap(xp, concentration_q, concentration_p))


def generalized_gamma_gap(
    xp: Namespace, scale_p: Array, d_p: Array, power_p: Array, scale_q: Array, d_q: Array, power_q: Array
) -> Array:
    """The divergence of generalized gamma distributions.

    With kappa = d / p of each, r = p_q / p_p, L = p_q log(a_p / a_q) + lgamma(kappa_p + r) - lgamma(kappa_p + 1) +
    log(kappa_p / kappa_q), f(u) = u - log1p(u), g(t) = expm1(t) - t, and B_F(y; x) the remainder of F over its tangent,

        kappa_q g(L) + kappa_q B_lgamma(kappa_p + r; kappa_p + 1) + f(d_q / d_p - 1) + B_H(kappa_q + 1; kappa_p + 1)
        - D(kappa_q, kappa_p) + D(kappa_q + 1, kappa_p + 1),

    where H(a) = lgamma(a) - a log(a) + a and D(y, x) = y log(y / x) - y + x. The two last terms
    together are negative, and nearly as large as the rest only where both distributions are nearly log-normal.
    """
    x, y, r = d_p / power_p, d_q / power_q, power_q / power_p
    u = product_excess(xp, d_q, power_p, d_p, power_q)  # y / x - 1
    v = (power_q - power_p) / power_p
    difference = xp.where(xp.abs(u) <= 1, x * u, y - x)
    tangent = gammaln_gap(xp, x + r, x + 1, v)
    log_kappas = -log1p_product(xp, u, (d_q, d_p), (power_p, power_q))
    t = power_q * log_quotient(xp, scale_p, scale_q) + (tangent + v * digamma(xp, x + 1) + log_kappas)
    value = expm1_gap_times(xp, y, t) + y * tangent + relative_gap(xp, d_q, d_p)
    value = value + (stirling_gap(xp, y + 1, x + 1, difference) - _entropy_gap_step(xp, y, x, difference))
    return non_negative(xp, value)


def expm1_gap_times(xp: Namespace, a: Array, t: Array) -> Array:
    """a (expm1(t) - t) for positive a, also where exp(t) overflows and the product does not."""
    large = t > 60
    t_large = xp.where(large, t, 60.0)
    exponent = t_large + xp.log(a)
    possible = exponent < log(xp.finfo(t.dtype).max)
    far = xp.exp(xp.where(possible, exponent, 0.0)) - a * (1 + xp.where(possible, t_large, 0.0))
    value = xp.where(large, far, a * expm1_gap(xp, xp.where(large, 0.0, t)))
    return xp.where(large & ~possible, inf, value)


def scaled_power(xp: Namespace, k: Array, log_scale: Array, d: Array, p: Array) -> Array:
    """E x^k = a^k Gamma((d + k) / p) / Gamma(d / p), given log(a); inf where it does not exist."""
    value, exists = _moment(xp, k, log_scale, d, p)
    return xp.where(exists, value, inf)


def log_power_exp(xp: Namespace, k: Array, x: Array, z: Array) -> Array:
    """k log(x) - z, -inf where z is infinite."""
    finite = z < inf
    value = k * xp.log(xp.where(finite, x, 1.0)) - xp.where(finite, z, 0.0)
    return xp.where(finite, value, -inf)


def normal_length_exponential(xp: Namespace, n: int, t: Array, shift: Array) -> Array:
    """E exp(t x - shift) of the length x of a vector of n = 1, 2 or 3 independent standard normal variables."""
    above = t > 0
    z = xp.where(above, t, -t)
    scale = 1 + z

    def integrand(w: Array) -> Array:
        w = w / scale[..., None]
        return xp.where(above[..., None], 1.0, w ** (n - 1)) * xp.exp(-z[..., None] * w - 0.5 * w * w)

    # The integral of x^(n-1) exp(t x - x^2 / 2) for t < 0. For t > 0 it is that for n = 1 at -t, and goes on by parts.
    integral = integrate_half_line(xp, integrand, t) / scale
    exponents = (-shift, xp.where(above, 0.5 * z * z, 0.0) - shift)
    possible = (exponents[0] < log(xp.finfo(t.dtype).max)) & (exponents[1] < log(xp.finfo(t.dtype).max))
    edge, whole = (xp.exp(xp.where(possible, x, 0.0)) for x in exponents)
    first, factor = ((0.0, 1.0), (1.0, z), (z, 1 + z * z))[n - 1]
    value = xp.where(above, first * edge + factor * (sqrt(2 * pi) * whole - integral * edge), integral * edge)
    return xp.where(possible, (1.0 if n == 2 else sqrt(2 / pi)) * value, inf)


def power_of_gamma(parameters: Callable[..., Triple]) -> dict[str, Callable[..., Array]]:
    """The expectations of a family, for the moment rule; `parameters` returns its scale a, concentration d and power p.

    The power is negative for a reciprocal, and d then too.
    """

    def power(xp: Namespace, k: Array, s: Array, *args: Array) -> Array:
        scale, d, p = parameters(xp, *args)
        return scaled_power(xp, k, log_quotient(xp, scale, s), d, p)

    def log_mean(xp: Namespace, *args: Array) -> Array:
        scale, d, p = parameters(xp, *args)
        return xp.log(scale) + digamma(xp, d / p) / p

    def log_variance(xp: Namespace, *args: Array) -> Array:
        _, d, p = parameters(xp, *args)
        return trigamma(xp, d / p) / p / p

    return {
        "entropy": lambda xp, *args: generalized_gamma_entropy(xp, *parameters(xp, *args)),
        "mean": lambda xp, *args: generalized_gamma_mean(xp, *parameters(xp, *args)),
        "standard_deviation": lambda xp, *args: generalized_gamma_deviation(xp, *parameters(xp, *args)),
        "distance": lambda xp, m, *args: generalized_gamma_distance(xp, m, *parameters(xp, *args)),
        "log": log_mean,
        "log_variance": log_variance,
        "power": power,
    }


def generalized_gamma_entropy(xp: Namespace, scale: Array, d: Array, p: Array) -> Array:
    """The entropy of the generalized gamma distribution."""
    y = d / p
    return log_quotient(xp, scale, xp.abs(p)) + stirling(xp, y) + y * digamma_gap(xp, y) + digamma(xp, y) / p


def generalized_gamma_mean(xp: Namespace, scale: Array, d: Array, p: Array) -> Array:
    """E x of the generalized gamma distribution; inf where it does not exist."""
    value, exists = _unit_mean(xp, d, p)
    return xp.where(exists, scale * value, inf)


def generalized_gamma_deviation(xp: Namespace, scale: Array, d: Array, p: Array) -> Array:
    """The standard deviation of the generalized gamma distribution; inf where it does not exist."""
    # The mean, times the root of expm1 of the second difference of lgamma.
    exists = (d + 2) / p > 0
    d = xp.where(exists, d, p - 2)
    middle, h = (d + 1) / p, 1 / p
    second = gammaln_gap(xp, (d + 2) / p, middle, h) + gammaln_gap(xp, d / p, middle, -h)
    value, finite = _unit_mean(xp, d, p)
    exists = exists & finite & (second < log(xp.finfo(d.dtype).max))
    return xp.where(exists, scale * value * root(xp, xp.expm1(xp.where(exists, second, 0.0))), inf)


def generalized_gamma_distance(xp: Namespace, m: Array, scale: Array, d: Array, p: Array) -> Array:
    """E |x - m| of the generalized gamma distribution; inf where it does not exist."""
    # E |x - m| = m (2 F(m) - 1) + E x (1 - 2 G(m)), with G the distribution function of the density x p(x) / E x.
    value, exists = _unit_mean(xp, d, p)
    mean = scale * value
    p = p + xp.zeros_like(d)
    d = xp.where(exists, d, xp.where(p > 0, p, p - 1))
    inside = m > 0
    m_inside = xp.where(inside, m, scale)
    t = p * log_quotient(xp, m_inside, scale)
    sign = xp.where(p > 0, xp.ones_like(p), -1.0)
    odds, odds_1 = _gammainc_of_exp(xp, d / p, t), _gammainc_of_exp(xp, (d + 1) / p, t)
    value = xp.where(inside, sign * (m_inside * odds - mean * odds_1), mean - m)
    return xp.where(exists, value, inf)


def gamma_log1p(xp: Namespace, s: Array, a: Array, b: Array) -> Array:
    """E log(1 + x / s) of the gamma distribution."""
    rate = s * b
    return log1p_by_laplace(xp, lambda w: -a[..., None] * xp.log1p(w / rate[..., None]), (1 + a) / rate)


def gamma_entropy(xp: Namespace, a: Array) -> Array:
    """The entropy of the gamma distribution with concentration a and rate 1: lgamma(a) + a + (1 - a) psi(a)."""
    # With psi(a) = log(a) - r: H(a) + log(a) - (1 - a) r, where nothing is of the order of a log(a).
    return stirling(xp, a) + xp.log(a) - (1 - a) * digamma_gap(xp, a)


def gamma_exponential(xp: Namespace, a: Array, t: Array, shift: Array) -> Array:
    """E exp(t x + shift) of the gamma distribution with concentration a and rate 1; inf for t >= 1."""
    exists = t < 1
    return exp_or_inf(xp, shift - a * xp.log1p(xp.where(exists, -t, 0.0)), exists)


def gamma_distance(xp: Namespace, m: Array, a: Array) -> Array:
    """E |x - m| of the gamma distribution with concentration a and rate 1."""
    inside = m > 0
    x = xp.where(inside, m, 1.0)
    lower, upper = gammainc(xp, a, x)
    # (a - x) (Q - P) + 2 x^a exp(-x) / Gamma(a)
    edge = xp.exp(-stirling(xp, a) - a * log1p_gap(xp, (x - a) / a, (x, a)))
    return xp.where(inside, (a - x) * (upper - lower) + 2 * edge, a - m)


def _entropy_gap_step(xp: Namespace, y: Array, x: Array, difference: Array) -> Array:
    """D(y, x) - D(y + 1, x + 1) with D the entropy gap; `difference` is y - x."""
    small = x <= 1
    y_small, x_small, d = xp.where(small, y, 1.0), xp.where(small, x, 1.0), xp.where(small, difference, 0.0)
    near = entropy_gap(xp, y_small, x_small, -d) - entropy_gap(xp, y_small + 1, x_small + 1, -d)
    y, x, d = xp.where(small, 1.0, y), xp.where(small, 1.0, x), xp.where(small, 0.0, difference)
    step = log1p_gap(xp, d / x / (y + 1), (y / (y + 1), x / (x + 1)))
    return xp.where(small, near, log1p_gap(xp, d / x, (y, x)) - (y + 1) * step)


def _moment(xp: Namespace, k: Array, log_scale: Array, d: Array, p: Array) -> tuple[Array, Array]:
    """E x^k where it exists, anything elsewhere; and where it does."""
    shifted = (d + k) / p
    exists = shifted > 0
    k = xp.where(exists, k, 0.0)
    shifted = xp.where(exists, shifted, d / p)
    t = k * log_scale + gammaln_difference(xp, shifted, d / p, k / p)
    exists = exists & (t < log(xp.finfo(t.dtype).max))
    return xp.exp(xp.where(exists, t, 0.0)), exists


def _gammainc_of_exp(xp: Namespace, a: Array, t: Array) -> Array:
    """P(a, z) - Q(a, z) of the regularized incomplete gamma functions, at z = exp(t)."""
    tiny, huge = t < -40, t > 80
    below, above = gammainc(xp, a, xp.exp(xp.where(tiny | huge, 0.0, t)))
    # z^a / Gamma(a + 1) is what P is close to.
    power = xp.exp(xp.where(tiny, a * t - xp.gammaln(a + 1), 0.0))
    return xp.where(tiny, 2 * power - 1, xp.where(huge, 1.0, below - above))


def _unit_mean(xp: Namespace, d: Array, p: Array) -> tuple[Array, Array]:
    """E x of scale 1 where it exists, anything elsewhere; and where it does."""
    return _moment(xp, xp.ones_like(d), xp.zeros_like(d), d, p)
