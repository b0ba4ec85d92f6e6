"""Numerics of the beta and the beta prime distribution.

The two concentrations differ in their sum and in the mean a / (a + b). The divergence is a gap of the means and a gap
of lgamma, and the quotient of two means near 0 or 1 comes from products that are exact to the last digits.
"""

from __future__ import annotations

from math import inf

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.edges import exp_or_inf
from kldiv._numerics.exact import product_excess
from kldiv._numerics.gaps import log1p_gap, log_quotient, relative_gap, stirling_gap
from kldiv._numerics.integrals import integrate_log_line, working_digits
from kldiv._numerics.special import betainc, betaln, digamma_gap, gammaln_difference, gammaln_gap, stirling

_DISTANT = 1e6  # a ratio of odds beyond which nothing cancels, and before which nothing overflows


def beta_gap(xp: Namespace, a_p: Array, b_p: Array, a_q: Array, b_q: Array) -> Array:
    """The divergence between the beta distributions with concentrations a_p, b_p and a_q, b_q."""
    # Next to 0 lgamma is steep, and what a sum of small concentrations has must not be taken from what its parts have.
    small = a_p + b_p < 1
    of_small = [xp.where(small, x, 0.25) for x in (a_p, b_p, a_q, b_q)]
    others = [xp.where(small, 1.0, x) for x in (a_p, b_p, a_q, b_q)]
    return xp.where(small, _gap_of_small(xp, *of_small), _gap_of_large(xp, *others))


def _gap_of_large(xp: Namespace, a_p: Array, b_p: Array, a_q: Array, b_q: Array) -> Array:
    total_p, total_q = a_p + b_p, a_q + b_q
    u_a = _share_excess(xp, a_p, b_p, a_q, b_q)
    u_b = _share_excess(xp, b_p, a_p, b_q, a_q)
    shares = a_q * log1p_gap(xp, u_a, (a_p, a_q), (total_q, total_p)) + b_q * log1p_gap(
        xp, u_b, (b_p, b_q), (total_q, total_p)
    )
    d = (a_q - a_p) + (b_q - b_p)
    gaps = (stirling_gap(xp, a_q, a_p) + stirling_gap(xp, b_q, b_p)) - stirling_gap(xp, total_q, total_p, d)
    return shares + gaps


def _gap_of_small(xp: Namespace, a_p: Array, b_p: Array, a_q: Array, b_q: Array) -> Array:
    """The same by lgamma(x) = lgamma(x + 1) - log(x), with s and t the shares a / (a + b) and b / (a + b) of P.

    The logarithms leave t [r_a - 1 - log r_a] + s [r_b - 1 - log r_b] + KL(s || s_q), with r = a_q / a_p and the like.
    """
    total_p, total_q = a_p + b_p, a_q + b_q
    share_a, share_b = a_p / total_p, b_p / total_p
    ratios = share_b * relative_gap(xp, a_q, a_p) + share_a * relative_gap(xp, b_q, b_p)
    u_a = _share_excess(xp, a_q, b_q, a_p, b_p)
    u_b = _share_excess(xp, b_q, a_q, b_p, a_p)
    shares = share_a * log1p_gap(xp, u_a, (a_q, a_p), (total_p, total_q)) + share_b * log1p_gap(
        xp, u_b, (b_q, b_p), (total_p, total_q)
    )
    d_a, d_b = a_q - a_p, b_q - b_p
    gaps = gammaln_gap(xp, a_q + 1, a_p + 1, d_a) + gammaln_gap(xp, b_q + 1, b_p + 1, d_b)
    return ratios + shares + (gaps - gammaln_gap(xp, total_q + 1, total_p + 1, d_a + d_b))


def beta_power(xp: Namespace, a: Array, b: Array, k: Array, shift: Array) -> Array:
    """E x^k exp(shift) of the beta distribution with concentrations a and b; inf where it has none."""
    exists = a + k > 0
    k = xp.where(exists, k, 0.0)
    log_power = gammaln_difference(xp, a + k, a, k) - gammaln_difference(xp, a + b + k, a + b, k)
    return exp_or_inf(xp, log_power + shift, exists)


def beta_distance(xp: Namespace, m: Array, a: Array, b: Array) -> Array:
    """E |x - m| of the beta distribution with concentrations a and b."""
    mean = a / (a + b)
    inside = (m > 0) & (m < 1)
    x = xp.where(inside, m, 0.5)
    below, weighted = betainc(xp, a, b, x, 1 - x), betainc(xp, a + 1, b, x, 1 - x)
    # E max(x - m, 0) + E max(m - x, 0)
    value = x * (2 * below - 1) + mean * (1 - 2 * weighted)
    return xp.where(inside, value, xp.abs(mean - xp.where(inside, 0.0, m)))


def beta_prime_entropy(xp: Namespace, a: Array, b: Array) -> Array:
    """The entropy of the beta prime distribution."""
    # With H = stirling and psi(x) = log(x) - r(x), the logarithms of large numbers cancel: what is left is of order 1.
    total = a + b
    shapes = stirling(xp, a) + stirling(xp, b) - stirling(xp, total)
    slopes = (a - 1) * digamma_gap(xp, a) + (b + 1) * digamma_gap(xp, b) - total * digamma_gap(xp, total)
    return shapes + slopes + log_quotient(xp, a, b)


def beta_prime_log(xp: Namespace, a: Array, b: Array) -> Array:
    """E log x of the beta prime distribution: psi(a) - psi(b)."""
    return log_quotient(xp, a, b) + digamma_gap(xp, b) - digamma_gap(xp, a)


def beta_prime_log1p(xp: Namespace, s: Array, a: Array, b: Array) -> Array:
    """E log(1 + x / s) of the beta prime distribution."""
    light = b > 1.5
    a_light, b_light = xp.where(light, a, 1.0), xp.where(light, b, 2.0)
    a_heavy, b_heavy = xp.where(light, 1.0, a), xp.where(light, 1.0, b)
    value = _light_beta_prime_log1p(xp, s, a_light, b_light)
    return xp.where(light, value, _heavy_beta_prime_log1p(xp, s, a_heavy, b_heavy))


def _light_beta_prime_log1p(xp: Namespace, s: Array, a: Array, b: Array) -> Array:
    # With x = y / z of gamma variables it is E log(s z + y) - E log(s z), by Frullani's integral one of Laplace
    # transforms: (1 + s w)^-b [1 - (1 + w)^-a] / w, which is positive.
    digits = working_digits(xp, a)

    def integrand(w: Array) -> Array:
        falls = xp.exp(-b[..., None] * xp.log1p(s[..., None] * w))
        return falls * -xp.expm1(-a[..., None] * xp.log1p(w)) / w

    low = -digits - xp.log1p(a + b * s)
    return integrate_log_line(xp, integrand, low, xp.log(xp.expm1(digits / b)) - xp.log(s))


def _heavy_beta_prime_log1p(xp: Namespace, s: Array, a: Array, b: Array) -> Array:
    # log((1 + x / s) / (1 + x)) goes from 0 to -log(s), as -log(s) x / (1 + x) does; what is left of it falls off at
    # both ends.
    digits = working_digits(xp, a)
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
    return xp.log1p(a / b) + digamma_gap(xp, b) - digamma_gap(xp, a + b) - log_s * (a / (a + b)) + rest


def beta_prime_power(xp: Namespace, k: Array, log_scale: Array, a: Array, b: Array) -> Array:
    """E x^k of a beta prime distribution with the given scale: inf unless k is between -a and b."""
    exists = (a + k > 0) & (b - k > 0)
    k_in = xp.where(exists, k, 0.0)
    value = gammaln_difference(xp, a + k_in, a, k_in) + gammaln_difference(xp, b - k_in, b, -k_in)
    return exp_or_inf(xp, k_in * log_scale + value, exists)


def beta_prime_deviation(xp: Namespace, a: Array, b: Array) -> Array:
    """The standard deviation of the beta prime distribution; inf for b <= 2."""
    exists = b > 2
    b = xp.where(exists, b, 3.0)
    return xp.where(exists, xp.sqrt(a / (b - 1)) * xp.sqrt((a + b - 1) / (b - 1) / (b - 2)), inf)


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


def _share_excess(xp: Namespace, a_p: Array, b_p: Array, a_q: Array, b_q: Array) -> Array:
    """pi_p / pi_q - 1 for pi = a / (a + b), right in the last digits also where the two nearly agree."""
    odds = product_excess(xp, a_p, b_q, a_q, b_p)
    near = odds < _DISTANT
    total_p, total_q = a_p + b_p, a_q + b_q
    share_p, share_q = a_p / total_p, a_q / total_q
    far = xp.where(b_q > a_q, share_p - share_q, b_q / total_q - b_p / total_p) / share_q
    return xp.where(near, xp.where(near, odds, 0.0) * (b_p / total_p), xp.where(near, 0.0, far))
