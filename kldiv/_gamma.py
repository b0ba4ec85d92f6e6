"""Kernels of the generalized gamma distribution: x = a y^(1/p), where y has a gamma distribution with rate 1.

In the tables of expectations the power p may be negative, and then the concentration d too: d / p is that of y.
"""

from __future__ import annotations

from math import inf

from kldiv._kernels import entropy_gap, expm1_gap, log1p_gap, log_ratio, product_excess, relative_gap, stirling_gap
from kldiv._special import digamma, digamma_gap, gammainc, gammaln_difference, gammaln_gap, stirling, trigamma

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from kldiv._protocol import Array, Namespace

    Triple = tuple[Array, Array, Array]


def log_quotient(xp: Namespace, a: Array, b: Array) -> Array:
    """log(a / b) for positive a and b, also where they nearly agree."""
    u = (a - b) / b
    near = xp.abs(u) <= 0.5
    far = log_ratio(xp, xp.where(near, 1.0, a), xp.where(near, 1.0, b))
    return xp.where(near, xp.log1p(xp.where(near, u, 0.0)), far)


def expm1_gap_times(xp: Namespace, a: Array, t: Array) -> Array:
    """a (expm1(t) - t) for positive a, also where exp(t) overflows and the product does not."""
    large = t > 60
    far = xp.exp(xp.where(large, t, 0.0) + xp.log(a)) - a * (1 + xp.where(large, t, 0.0))
    return xp.where(large, far, a * expm1_gap(xp, xp.where(large, 0.0, t)))


def weibull_gap(
    xp: Namespace, scale_p: Array, concentration_p: Array, scale_q: Array, concentration_q: Array
) -> Array:
    """expm1(t) - t + B(r), at least 0: the divergence of Weibull distributions.

    Here r = k_q / k_p, t = k_q log(s_p / s_q) + lgamma(1 + r), and B(r) is the remainder of lgamma over its tangent at
    1.
    """
    r = concentration_q / concentration_p
    d = (concentration_q - concentration_p) / concentration_p
    t = concentration_q * log_quotient(xp, scale_p, scale_q) + gammaln_difference(xp, 1 + r, 2 * xp.ones_like(r), d)
    return expm1_gap(xp, t) + gammaln_gap(xp, r, xp.ones_like(r), d)


def _entropy_gap_step(xp: Namespace, y: Array, x: Array, u: Array, gap: Array) -> Array:
    """D(y, x) - D(y + 1, x + 1), D the entropy gap, from u = (y - x) / x and gap = u - log(1 + u)."""
    small = x <= 1
    y_small, x_small = xp.where(small, y, 1.0), xp.where(small, x, 1.0)
    d = xp.where(small, x * u, 0.0)
    near = entropy_gap(xp, y_small, x_small, -d) - entropy_gap(xp, y_small + 1, x_small + 1, -d)
    y, x = xp.where(small, 1.0, y), xp.where(small, 1.0, x)
    step = log1p_gap(xp, xp.where(small, 0.0, u) / (y + 1), (y / (y + 1), x / (x + 1)))
    return xp.where(small, near, gap - (y + 1) * step)


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
    gap = log1p_gap(xp, u, (d_q, d_p), (power_p, power_q))
    tangent = gammaln_gap(xp, x + r, x + 1, v)
    log_kappas = -_log1p(xp, u, (d_q, d_p), (power_p, power_q))
    t = power_q * log_quotient(xp, scale_p, scale_q) + (tangent + v * digamma(xp, x + 1) + log_kappas)
    value = expm1_gap_times(xp, y, t) + y * tangent + relative_gap(xp, d_q, d_p)
    value = value + (stirling_gap(xp, y + 1, x + 1, x * u) - _entropy_gap_step(xp, y, x, u, gap))
    return value - xp.stop_gradient(xp.where(value < 0, value, 0.0))


def _log1p(xp: Namespace, u: Array, *quotients: tuple[Array, Array]) -> Array:
    """log(1 + u), where 1 + u is also the product of `quotients`."""
    near = xp.abs(u) <= 0.5
    far = 0.0
    for a, b in quotients:
        far = far + log_ratio(xp, xp.where(near, 1.0, a), xp.where(near, 1.0, b))
    return xp.where(near, xp.log1p(xp.where(near, u, 0.0)), far)


def power_of_gamma(parameters: Callable[..., Triple]) -> dict[str, Callable[..., Array]]:
    """The expectations of a family whose scale a, concentration d and power p `parameters` returns, for the moment rule.

    The power is negative for a reciprocal, and d then too.
    """

    def moment(xp: Namespace, k: Array, log_scale: Array, d: Array, p: Array) -> Array:
        """E x^k = a^k Gamma((d + k) / p) / Gamma(d / p); inf where it does not exist."""
        shifted = (d + k) / p
        exists = shifted > 0
        k = xp.where(exists, k, 0.0)
        shifted = xp.where(exists, shifted, d / p)
        return xp.where(exists, xp.exp(k * log_scale + gammaln_difference(xp, shifted, d / p, k / p)), inf)

    def power(xp: Namespace, k: Array, s: Array, *p: Array) -> Array:
        scale, d, p = parameters(xp, *p)
        return moment(xp, k, log_quotient(xp, scale, s), d, p)

    def entropy(xp: Namespace, *p: Array) -> Array:
        scale, d, p = parameters(xp, *p)
        y = d / p
        return log_quotient(xp, scale, xp.abs(p)) + stirling(xp, y) + y * digamma_gap(xp, y) + digamma(xp, y) / p

    def mean(xp: Namespace, *p: Array) -> Array:
        scale, d, p = parameters(xp, *p)
        return scale * moment(xp, xp.ones_like(d), xp.zeros_like(d), d, p)

    def variance(xp: Namespace, *p: Array) -> Array:
        # The mean squared, times expm1 of the second difference of lgamma.
        scale, d, p = parameters(xp, *p)
        exists = (d + 2) / p > 0
        d = xp.where(exists, d, p - 2)
        middle, h = (d + 1) / p, 1 / p
        second = gammaln_gap(xp, (d + 2) / p, middle, h) + gammaln_gap(xp, d / p, middle, -h)
        root = scale * moment(xp, xp.ones_like(d), xp.zeros_like(d), d, p)
        return xp.where(exists, root * (root * xp.expm1(second)), inf)

    def log(xp: Namespace, *p: Array) -> Array:
        scale, d, p = parameters(xp, *p)
        return xp.log(scale) + digamma(xp, d / p) / p

    def log_variance(xp: Namespace, *p: Array) -> Array:
        _, d, p = parameters(xp, *p)
        return trigamma(xp, d / p) / p / p

    def distance(xp: Namespace, m: Array, *p: Array) -> Array:
        # E |x - m| = m (2 F(m) - 1) + E x (1 - 2 G(m)), with G the distribution function of the density x p(x) / E x.
        scale, d, p = parameters(xp, *p)
        average = scale * moment(xp, xp.ones_like(d), xp.zeros_like(d), d, p)
        exists = (d + 1) / p > 0
        d = xp.where(exists, d, p - 1)
        inside = m > 0
        t = p * log_quotient(xp, xp.where(inside, m, scale), scale)
        t = xp.where(t > -80, xp.where(t < 80, t, 80.0), -80.0)
        z = xp.exp(t)
        below, above = gammainc(xp, d / p, z)
        below_1, above_1 = gammainc(xp, (d + 1) / p, z)
        sign = xp.where(p > 0, 1.0, -1.0)
        m_inside, average_inside = xp.where(inside, m, 0.0), xp.where(exists, average, 0.0)
        value = sign * (m_inside * (below - above) + average_inside * (above_1 - below_1))
        return xp.where(exists, xp.where(inside, value, average_inside - m), inf)

    return {
        "entropy": entropy,
        "mean": mean,
        "variance": variance,
        "distance": distance,
        "log": log,
        "log_variance": log_variance,
        "power": power,
    }
