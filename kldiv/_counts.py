"""Expectations of log-factorials under laws of counts, as integrals of their generating functions.

With G(z) = E z^x and z = exp(-t), log Gamma is an integral over t > 0 in which x appears as z^x only. What is left of
E log Gamma(x + r) beyond log Gamma(E x + r) is the integral of exp(-r t) (G(z) - z^m) / ((1 - z) t), m = E x, where
nothing cancels, as the cumulant log G + m t is a sum of gaps. In log t every integrand is smooth on the scale of 1, at
any mean, so the trapezoid rule on fixed nodes is exact to rounding.
"""

from __future__ import annotations

from math import exp, inf, pi

from kldiv._kernels import (
    bernoulli_logits_gap,
    entropy_gap,
    expm1_gap,
    finite_part,
    indicator,
    log1p_gap,
    log_factorial,
    relative_gap,
    select_class,
    sigmoid,
    softplus,
    stirling_gap,
)
from kldiv._special import digamma_gap, log_ndtr, mills, stirling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from kldiv._protocol import Array, Namespace

    # From t and 1 - exp(-t): the logarithm of the generating function, and that plus the mean times t.
    Cumulant: TypeAlias = Callable[[Array, Array], tuple[Array, Array]]


def _log_spread(step: float, first: int, last: int) -> tuple[list[float], list[float]]:
    t = [exp(step * k) for k in range(first, last + 1)]
    return t, [step * x for x in t]


# The poles of 1 / (1 - z) bound the strip of analyticity in log t: the error is exp(-pi^2 / step).
_NODES = (_log_spread(0.25, -152, 140), _log_spread(0.5, -38, 76))
# Gauss and Legendre's nodes and weights on [0, 1].
_LEGENDRE = (
    (
        0.013046735741414140, 0.067468316655507745, 0.16029521585048780, 0.28330230293537640,
        0.42556283050918439, 0.57443716949081561, 0.71669769706462360, 0.83970478414951220,
        0.93253168334449226, 0.98695326425858586,
    ),
    (
        0.033335672154344069, 0.074725674575290296, 0.10954318125799102, 0.13463335965499818,
        0.14776211235737644, 0.14776211235737644, 0.13463335965499818, 0.10954318125799102,
        0.074725674575290296, 0.033335672154344069,
    ),
)  # fmt: skip


def _integrate(xp: Namespace, function: Callable[[Array, Array], Array], scale: Array) -> Array:
    """The integral over t > 0 of a function of t and 1 - exp(-t) that is nearly constant below t = 1 / scale."""
    single = xp.finfo(scale.dtype).bits == 32
    t, weights = (xp.like(x, scale, scale.dtype) for x in _NODES[single])
    t = t / scale[..., None]
    return xp.sum(function(t, -xp.expm1(-t)) * weights, axis=-1) / scale


def xlogy(xp: Namespace, x: Array, y: Array) -> Array:
    """x log(y), 0 where x is, -inf at y = 0 with derivative 0."""
    none, edge = x == 0, y == 0
    value = x * xp.log(xp.where(none | edge, 1.0, y))
    return xp.where(edge & ~none, -inf, value)


def multiple(xp: Namespace, n: Array, gap: Array) -> Array:
    """n gap, 0 where n is; where the gap is infinite the derivative is 0."""
    value, finite = finite_part(xp, gap)
    return n * value + indicator(xp, finite | (n == 0), n)


def xlog1my(xp: Namespace, x: Array, y: Array) -> Array:
    """x log(1 - y), 0 where x is, -inf at y = 1 with derivative 0."""
    none, edge = x == 0, y == 1
    value = x * xp.log1p(-xp.where(none | edge, 0.0, y))
    return xp.where(edge & ~none, -inf, value)


def _xlogx(xp: Namespace, x: Array) -> Array:
    zero = x == 0
    return xp.where(zero, 0.0 * x, x * xp.log(xp.where(zero, 1.0, x)))


def log_choose(xp: Namespace, n: Array, k: Array) -> Array:
    """The logarithm of the binomial coefficient."""
    return log_factorial(xp, n) - log_factorial(xp, k) - log_factorial(xp, n - k)


def geometric_entropy(xp: Namespace, m: Array) -> Array:
    """(m + 1) log(m + 1) - m log m, the entropy of the geometric law with mean m."""
    zero = m == 0
    x = xp.where(zero, 1.0, m)
    small = x < 1
    y = xp.where(small, 1.0, x)
    # m log(1 + 1/m), without overflow of 1/m
    rest = xp.where(small, x * (xp.log1p(x) - xp.log(x)), y * xp.log1p(1 / y))
    return xp.where(zero, 0.0 * m, xp.log1p(x) + rest)


def bernoulli_entropy(xp: Namespace, p: Array, q: Array) -> Array:
    """-p log p - q log q, for q = 1 - p."""
    small = p < 0.5
    least = xp.where(small, p, q)
    edge = least == 0
    inner = xp.where(edge, 0.5, least)
    value = -inner * xp.log(inner) - (1 - inner) * xp.log1p(-inner)
    return xp.where(edge, 0.0 * p, value)


def bernoulli_factorial_excess(xp: Namespace, p: Array) -> Array:
    """p - p log p."""
    return p - _xlogx(xp, p)


def bernoulli_rising_excess(xp: Namespace, r: Array, p: Array) -> Array:
    """p log r - (p + r) log(p + r) + r log r + p."""
    return -entropy_gap(xp, p + r, r, -p)


def odds_gap(xp: Namespace, m: Array, r: Array, p: Array, q: Array) -> Array:
    """m log(m / ((m + r) p)) + r log(r / ((m + r) q)), at least 0, for q = 1 - p."""
    total = m + r
    d = r * p - m * q
    return entropy_gap(xp, m, total * p, d) + entropy_gap(xp, r, total * q, -d)


def geometric_gap(xp: Namespace, p: Array, other: Array) -> Array:
    """The divergence of the Bernoulli distributions with probabilities p > 0 and `other`, over p."""
    return relative_gap(xp, other, p) + xp.divide(entropy_gap(xp, 1 - p, 1 - other, p - other), p)


def scaled_bernoulli_gap(xp: Namespace, n: Array, p: Array, other: Array) -> Array:
    """n times the divergence of the Bernoulli distributions with probabilities p and `other`."""
    d = n * (other - p)
    return entropy_gap(xp, n * p, n * other, d) + entropy_gap(xp, n * (1 - p), n * (1 - other), -d)


def stirling_difference(xp: Namespace, x: Array, d: Array) -> Array:
    """H(x + d) - H(x) for positive x and non-negative d, with H(a) = lgamma(a) - a log a + a."""
    near = d < 0.5 * x
    x_near, d_near = xp.where(near, x, 1.0), xp.where(near, d, 0.0)
    close = stirling_gap(xp, x_near + d_near, x_near, d_near) - d_near * digamma_gap(xp, x_near)
    x_far, y_far = xp.where(near, 1.0, x), xp.where(near, 1.0, x + d)
    return xp.where(near, close, stirling(xp, y_far) - stirling(xp, x_far))


def log_factorial_excess(xp: Namespace, x: Array) -> Array:
    """log x! - x log x + x, for non-negative x."""
    small = x < 1
    y = xp.where(small, 1.0, x)
    x = xp.where(small, x, 0.0)
    return xp.where(small, xp.gammaln(x + 1) - _xlogx(xp, x) + x, xp.log(y) + stirling(xp, y))


def log_factorial_excess_difference(xp: Namespace, x: Array, d: Array) -> Array:
    """The difference of `log_factorial_excess` between x + d and x, for non-negative arguments."""
    near = (d < 0.5 * x) & (x > 0.5)
    x_near, d_near = xp.where(near, x, 1.0), xp.where(near, d, 0.0)
    close = xp.log1p(d_near / x_near) + stirling_difference(xp, x_near, d_near)
    x_far, d_far = xp.where(near, 1.0, x), xp.where(near, 0.0, d)
    return xp.where(near, close, log_factorial_excess(xp, x_far + d_far) - log_factorial_excess(xp, x_far))


def _spread(xp: Namespace, m: Array, cumulant: Cumulant, t: Array, u: Array) -> Array:
    """G(z) - z^m at z = exp(-t), at least 0."""
    log_g, c = cumulant(t, u)
    power = xp.exp(-m[..., None] * t)
    small = c < 1
    return xp.where(small, power * xp.expm1(xp.where(small, c, 0.0)), xp.exp(log_g) - power)


def _jensen(xp: Namespace, r: Array, m: Array, scale: Array, cumulant: Cumulant) -> Array:
    """E log Gamma(x + r) - log Gamma(E x + r)."""

    def integrand(t: Array, u: Array) -> Array:
        return xp.divide(xp.divide(xp.exp(-r[..., None] * t) * _spread(xp, m, cumulant, t, u), u), t)

    return _integrate(xp, integrand, scale + r)


class Law:
    """A law of counts, by its mean, its cumulants, and the scale of its outcomes."""

    def __init__(self, xp: Namespace, mean: Array, scale: Array, cumulant: Cumulant) -> None:
        self._xp, self.mean, self._scale, self.cumulant = xp, mean, scale + 1, cumulant

    def jensen(self, r: Array) -> Array:
        """Return E log Gamma(x + r) - log Gamma(E x + r)."""
        xp = self._xp
        return _jensen(xp, r + 0 * self.mean, self.mean + 0 * r, self._scale, self.cumulant)

    def log_factorial_excess(self) -> Array:
        """Return E log x! less m log m - m."""
        m = self.mean
        return log_factorial_excess(self._xp, m) + self.jensen(self._xp.ones_like(m))

    def log_rising_excess(self, r: Array) -> Array:
        """Return E log (Gamma(x + r) / Gamma(r)) less (m + r) log(m + r) - r log r - m."""
        m = self.mean + 0 * r
        return stirling_difference(self._xp, r + 0 * m, m) + self.jensen(r)

    def rising_gap(self, r: Array, other: Array) -> Array:
        """Return the remainder at `other` over its tangent at r of -`log_rising_excess`."""
        xp, m = self._xp, self.mean[..., None]
        d = (other - r)[..., None]

        def integrand(t: Array, u: Array) -> Array:
            above = -d * t > 1
            gap = expm1_gap(xp, xp.where(above, 0.0, -d * t)) * xp.exp(-r[..., None] * t)
            far = xp.exp(-other[..., None] * t) - (1 - d * t) * xp.exp(-r[..., None] * t)
            some = -xp.expm1(self.cumulant(t, u)[0])
            rest = xp.divide(expm1_gap(xp, -t) * some, u) - _spread(xp, m[..., 0], self.cumulant, t, u)
            return xp.divide(xp.divide(xp.where(above, far, gap) * rest, t), t)

        return _integrate(xp, integrand, self._scale + r + other)


def poisson_law(xp: Namespace, rate: Array) -> Law:
    """The Poisson distribution."""

    def cumulant(t: Array, u: Array) -> tuple[Array, Array]:
        return -rate[..., None] * u, rate[..., None] * expm1_gap(xp, -t)

    return Law(xp, rate, rate, cumulant)


def binomial_law(xp: Namespace, n: Array, p: Array, q: Array) -> Law:
    """The binomial distribution, for q = 1 - p."""

    def cumulant(t: Array, u: Array) -> tuple[Array, Array]:
        n_, p_, q_ = n[..., None], p[..., None], q[..., None]
        late = u > 0.5
        z = xp.exp(-t)
        rest = q_ + p_ * z
        none = rest == 0  # p = 1, and z underflows
        log_rest = xp.where(none, -t, xp.log(xp.where(none, 1.0, rest)))
        log_g = n_ * xp.where(late, log_rest, xp.log1p(-p_ * xp.where(late, 0.0, u)))
        # The mean of exp(-t (x - p)) over x = 0 and 1; far out the first form serves.
        moderate = p_ * t < 40
        t = xp.where(moderate, t, 0.0)
        c = n_ * xp.log1p(p_ * expm1_gap(xp, -q_ * t) + q_ * expm1_gap(xp, p_ * t))
        return log_g, xp.where(moderate, c, 2.0)

    n = n + 0 * p
    return Law(xp, n * p, n * p, cumulant)


def negative_binomial_law(xp: Namespace, r: Array, p: Array, q: Array) -> Law:
    """The negative binomial distribution, for q = 1 - p."""
    odds = p / q
    r = r + 0 * odds

    def cumulant(t: Array, u: Array) -> tuple[Array, Array]:
        r_, o_ = r[..., None], odds[..., None]
        return -r_ * xp.log1p(o_ * u), r_ * (o_ * expm1_gap(xp, -t) + log1p_gap(xp, o_ * u))

    return Law(xp, r * odds, r * odds + odds, cumulant)


def _log_sinhc(xp: Namespace, x: Array) -> Array:
    """log(sinh(x) / x), for non-negative x."""
    near = x < 1
    y = xp.where(near, x, 0.0)
    y = y * y
    series = 0.0 * y
    for k in range(19, 1, -2):
        series = (series + 1) * y / (k * (k - 1))
    far = xp.where(near, 1.0, x)
    return xp.where(near, xp.log1p(series), far + xp.log(-xp.expm1(-2 * far) / (2 * far)))


def discrete_uniform_law(xp: Namespace, low: Array, high: Array) -> Law:
    """The discrete uniform distribution, for non-negative `low`."""
    width = (high - low) + 1
    m = low + 0.5 * (high - low)

    def cumulant(t: Array, u: Array) -> tuple[Array, Array]:
        w, half = width[..., None], 0.5 * t
        log_g = xp.log(-xp.expm1(-w * t) / (w * u)) - low[..., None] * t
        return log_g, _log_sinhc(xp, w * half) - _log_sinhc(xp, half)

    return Law(xp, m, high + 0 * m, cumulant)


def rising_excess_gap(xp: Namespace, law: Law, r: Array, sign: int) -> Array:
    """The `log_rising_excess` of a law, or of the opposite sign, where it is known to be at least 0."""
    value = sign * law.log_rising_excess(r)
    return value - xp.stop_gradient(xp.where(value < 0, value, 0.0))


def poisson_entropy(xp: Namespace, rate: Array) -> Array:
    """The entropy of the Poisson distribution."""
    return poisson_law(xp, rate).log_factorial_excess()


def negative_binomial_entropy(xp: Namespace, r: Array, p: Array, q: Array) -> Array:
    """The entropy of the negative binomial distribution, for q = 1 - p."""
    law = negative_binomial_law(xp, r, p, q)
    return law.log_factorial_excess() - law.log_rising_excess(r)


def binomial_entropy(xp: Namespace, n: Array, p: Array, q: Array) -> Array:
    """The entropy of the binomial distribution, for q = 1 - p."""
    each = binomial_law(xp, n, p, q).log_factorial_excess() + binomial_law(xp, n, q, p).log_factorial_excess()
    return each - log_factorial_excess(xp, n)


def binomial_shortfall(xp: Namespace, n: Array, p: Array, q: Array) -> Array:
    """The divergence of a binomial distribution from the Poisson distribution of the same mean, for q = 1 - p."""
    n = n + 0 * p
    misses = binomial_law(xp, n, q, p)
    value = log_factorial_excess_difference(xp, n * q, n * p) - misses.jensen(xp.ones_like(n))
    return value - xp.stop_gradient(xp.where(value < 0, value, 0.0))


def binomial_count_gap(xp: Namespace, n: Array, p: Array, q: Array, other: Array) -> Array:
    """The divergence of Binomial(n, p) from Binomial(other, n p / other), for other >= n and q = 1 - p."""
    n, other = n + 0 * p + 0 * other, other + 0 * p + 0 * n
    more = other - n
    misses = binomial_law(xp, n, q, p)
    y = n * q

    def integrand(t: Array, u: Array) -> Array:
        part = -xp.exp(-t) * xp.expm1(-more[..., None] * t)
        return xp.divide(xp.divide(part * _spread(xp, y, misses.cumulant, t, u), u), t)

    first = log_factorial_excess_difference(xp, y, n * p)
    second = log_factorial_excess_difference(xp, y + more, n * p)
    value = (first - second) - _integrate(xp, integrand, other + 1)
    value = xp.where(more == 0, 0.0 * value, value)
    return value - xp.stop_gradient(xp.where(value < 0, value, 0.0))


def binomial_gap(xp: Namespace, n: Array, p: Array, other: Array, p_other: Array) -> Array:
    """The divergence of Binomial(n, p) from Binomial(other, p_other), for other >= n."""
    share = xp.where(n == other, 1.0, n / xp.where(other == 0, 1.0, other))
    return scaled_bernoulli_gap(xp, other, share * p, p_other) + binomial_count_gap(xp, n, p, 1 - p, other)


def discrete_uniform_binomial_gap(xp: Namespace, low: Array, high: Array, n: Array, p: Array, q: Array) -> Array:
    """The divergence of the uniform law on low, ..., high from Binomial(n, p), for high <= n and q = 1 - p."""
    hits, misses = discrete_uniform_law(xp, low, high), discrete_uniform_law(xp, n - high, n - low)
    choices = log_factorial_excess(xp, n) - hits.log_factorial_excess() - misses.log_factorial_excess()
    value = odds_gap(xp, hits.mean, misses.mean, p, q) - xp.log(high - low + 1) - choices
    return value - xp.stop_gradient(xp.where(value < 0, value, 0.0))


def thinned_logit(xp: Namespace, n: Array, other: Array, a: Array) -> Array:
    """The logit of n / other times the probability with logit a, for other >= n."""
    none = n == 0
    more = (other - n) / xp.where(none, 1.0, n)
    positive = a > 0
    finite = xp.where(more > 0, xp.where(a > -inf, a, 0.0), 0.0)
    least = xp.exp(xp.where(positive, -finite, finite))
    below = xp.where(positive, 0.0, a) - xp.log1p(more + more * xp.where(positive, 0.0, least))
    some = xp.where(positive & (more > 0), more, 1.0)
    above = -xp.log(least * (1 + some) + some)
    value = xp.where(more == 0, a, xp.where(positive, above, below))
    return xp.where(none & (other > 0), -inf, value)


def negative_binomial_gap(
    xp: Namespace, r: Array, p: Array, q: Array, other: Array, p_other: Array, q_other: Array
) -> Array:
    """The divergence of NegativeBinomial(r, p) from NegativeBinomial(other, p_other), where q are the complements."""
    shape = r + 0 * q + 0 * other
    law = negative_binomial_law(xp, shape, p + 0 * shape, q + 0 * shape)
    m, total = law.mean, law.mean + other
    # First to the law of the same mean, from there to Q.
    d = ((other - r) * p_other * q + r * xp.where(p < 0.5, p_other - p, q - q_other)) / q
    same = entropy_gap(xp, m, total * p_other, d) + entropy_gap(xp, other + 0 * m, total * q_other, -d)
    gap = law.rising_gap(shape, other + 0 * shape)
    return same + gap - xp.stop_gradient(xp.where(gap < 0, gap, 0.0))


def probit_logit(xp: Namespace, x: Array) -> Array:
    """The logit of the normal distribution function."""
    return log_ndtr(xp, x) - log_ndtr(xp, -x)


def probit_logit_difference(xp: Namespace, a: Array, b: Array) -> Array:
    """The logit of the normal distribution function at b less that at a."""
    d = b - a
    near = xp.abs(d) < 1
    x, weights = (xp.like(v, d, d.dtype) for v in _LEGENDRE)
    start, width = xp.where(near, a, 0.0), xp.where(near, d, 0.0)
    x = start[..., None] + width[..., None] * x
    # The slope: the density over the product of both tails.
    x = xp.abs(x)
    tail = mills(xp, x)
    density = xp.exp(-0.5 * x * x) / (2 * pi) ** 0.5
    slope = 1 / (tail * (1 - density * tail))
    close = width * xp.sum(slope * weights, axis=-1)
    return xp.where(near, close, probit_logit(xp, b) - probit_logit(xp, a))


def _softplus_difference(xp: Namespace, a: Array, b: Array, difference: Array) -> Array:
    """softplus(b) - softplus(a), for b - a as given."""
    near = xp.abs(difference) < 1
    close = xp.log1p(sigmoid(xp, a) * xp.expm1(xp.where(near, difference, 0.0)))
    return xp.where(near, close, softplus(xp, b) - softplus(xp, a))


def _mass_gap(xp: Namespace, log_p: Array, t: Array) -> Array:
    """p (expm1(t) - t), from log p; p exp(t) is at most 1."""
    above = t > 1
    p = xp.exp(log_p)
    near = p * expm1_gap(xp, xp.where(above, 0.0, t))
    return xp.where(above, xp.exp(log_p + xp.where(above, t, 0.0)) - p * (1 + t), near)


def _log_step(xp: Namespace, width: Array) -> Array:
    """log(1 - exp(-width)) for positive width."""
    return xp.log(-xp.expm1(-width))


def ordered_log_mass(xp: Namespace, low: Array, high: Array, width: Array) -> Array:
    """log(sigmoid(high) - sigmoid(low)), with width = high - low; the ends may be infinite."""
    return -softplus(xp, -high) - softplus(xp, low) + _log_step(xp, width)


def ordered_logistic_gap(xp: Namespace, cuts: Array, loc: Array, cuts_q: Array, loc_q: Array) -> Array:
    """The sum over classes of p (expm1(t) - t), with t the difference of the logarithms of their probabilities."""
    a, b = cuts - loc[..., None], cuts_q - loc_q[..., None]
    moved = cuts_q - cuts
    d = moved - (loc_q - loc)[..., None]
    # t of the events below and above each cut
    below = -_softplus_difference(xp, -a, -b, -d)
    above = -_softplus_difference(xp, a, b, d)
    first = _mass_gap(xp, -softplus(xp, -a[..., 0]), below[..., 0])
    last = _mass_gap(xp, -softplus(xp, a[..., -1]), above[..., -1])
    width, width_q = cuts[..., 1:] - cuts[..., :-1], cuts_q[..., 1:] - cuts_q[..., :-1]
    wider = moved[..., 1:] - moved[..., :-1]
    near = xp.abs(wider) < 0.5 * width
    ratio = -xp.expm1(-xp.where(near, wider, 0.0)) * xp.exp(-width) / -xp.expm1(-width)
    close = xp.log1p(ratio)
    t = below[..., 1:] + above[..., :-1] + xp.where(near, close, _log_step(xp, width_q) - _log_step(xp, width))
    log_p = ordered_log_mass(xp, a[..., :-1], a[..., 1:], width)
    return first + last + xp.sum(_mass_gap(xp, log_p, t), axis=-1)


def ordered_log_density(xp: Namespace, cuts: Array, loc: Array, x: Array) -> Array:
    """The logarithm of the probability of class x; -inf where there is no such class."""
    last = xp.sum(xp.ones_like(cuts), axis=-1)
    low, high = select_class(xp, cuts, x - 1), -select_class(xp, -cuts, x)
    return xp.where((x < 0) | (x > last), -inf, ordered_log_mass(xp, low - loc, high - loc, high - low))


def stopping_log_mass(xp: Namespace, logits: Array, x: Array) -> Array:
    """The logarithm of the probability to stop at class x, the logits of stopping being along the last axis."""
    passed = softplus(xp, logits)
    before = xp.cumulative_sum(passed, axis=-1) - passed
    last = -xp.sum(passed, axis=-1)
    stops = select_class(xp, -softplus(xp, -logits) - before, x)
    return xp.where(x == xp.sum(xp.ones_like(logits), axis=-1), last, stops)


def stopping_ratio_gap(xp: Namespace, cuts: Array, loc: Array, cuts_q: Array, loc_q: Array) -> Array:
    """The sum over classes of the probability to reach one times the divergence of stopping there."""
    a, b = cuts - loc[..., None], cuts_q - loc_q[..., None]
    passed = softplus(xp, a)
    reached = xp.exp(passed - xp.cumulative_sum(passed, axis=-1))
    each = bernoulli_logits_gap(xp, a, b, (cuts_q - cuts) - (loc_q - loc)[..., None])
    return xp.sum(reached * each, axis=-1)
