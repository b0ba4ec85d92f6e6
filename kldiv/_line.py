"""Kernels of the families on the whole line, and of the positive ones whose logarithms these are."""

from __future__ import annotations

from kldiv._kernels import expm1_gap, indicator, relative_gap
from kldiv._special import digamma, gammaln_gap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kldiv._protocol import Array, Namespace


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
