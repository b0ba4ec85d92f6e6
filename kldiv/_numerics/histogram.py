"""Numerics of histograms: densities that are constant on the cells between increasing edges."""

from __future__ import annotations

from math import inf

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.categorical import log_softmax, log_sum_exp, normalized, select_class
from kldiv._numerics.gaps import expm1_gap, log_ratio

_LARGE = 60.0  # an exponent that does not overflow


def widths(edges: Array) -> Array:
    """The widths of the cells."""
    return edges[..., 1:] - edges[..., :-1]


def first_end(xp: Namespace, edges: Array, possible: Array) -> Array:
    """The lower end of the first cell that is possible."""
    return -xp.max(xp.where(possible, -edges[..., :-1], -inf), axis=-1)


def last_end(xp: Namespace, edges: Array, possible: Array) -> Array:
    """The upper end of the last cell that is possible."""
    return xp.max(xp.where(possible, edges[..., 1:], -inf), axis=-1)


def log_cell_density(xp: Namespace, edges: Array, logits: Array, x: Array) -> Array:
    """The logarithm of the density of the cell that x lies in; the last cell has both of its ends."""
    log_densities = log_softmax(xp, logits) - xp.log(widths(edges))
    passed = xp.sum(xp.astype(x[..., None] >= edges[..., :-1], x.dtype), axis=-1)
    return select_class(xp, log_densities, passed - 1)


def cell_quantile(xp: Namespace, edges: Array, probs: Array, u: Array) -> Array:
    """The outcome below which a share u of the probability lies."""
    p = normalized(xp, probs)
    above = u[..., None] - (xp.cumulative_sum(p, axis=-1) - p)
    inside = (above > 0) & (above < p)
    share = xp.where(inside, above / xp.where(inside, p, 1.0), xp.astype(above >= p, p.dtype))
    return edges[..., 0] + xp.sum(widths(edges) * share, axis=-1)


def histogram_gap(xp: Namespace, edges_p: Array, probs_p: Array, edges_q: Array, probs_q: Array) -> Array:
    """The divergence between histograms with probabilities of the cells."""
    (edges_p, probs_p), (edges_q, probs_q) = _broadcast(xp, (edges_p, probs_p), (edges_q, probs_q))
    overlaps = _Overlaps(xp, edges_p, edges_q)
    p, q = overlaps.of_p(probs_p, 0.0), overlaps.of_q(probs_q, 0.0)
    total_p, total_q = (xp.sum(probs, axis=-1, keepdims=True) for probs in (probs_p, probs_q))
    t = _log_quotient(xp, xp.where(q > 0, q, 1.0), xp.where(p > 0, p, 1.0))
    shift = _shift(xp, overlaps, p / total_p, q / total_p, t, log_ratio(xp, total_q, total_p))
    return _gap(xp, overlaps, p / total_p, q / total_q, t - shift, p > 0, q > 0)


def histogram_logits_gap(xp: Namespace, edges_p: Array, logits_p: Array, edges_q: Array, logits_q: Array) -> Array:
    """The divergence between histograms with logits of the cells, of which some may be -inf."""
    (edges_p, logits_p), (edges_q, logits_q) = _broadcast(xp, (edges_p, logits_p), (edges_q, logits_q))
    overlaps = _Overlaps(xp, edges_p, edges_q)
    a, b = overlaps.of_p(logits_p, -inf), overlaps.of_q(logits_q, -inf)
    possible_p, possible_q = a > -inf, b > -inf
    total_p, total_q = (log_sum_exp(xp, logits)[..., None] for logits in (logits_p, logits_q))
    t = xp.where(possible_q, b, 0.0) - xp.where(possible_p, a, 0.0)
    p, q = xp.exp(a - total_p), xp.exp(b - total_q)
    of_q_beside_p = xp.exp(xp.where(b - total_p < _LARGE, b - total_p, _LARGE))
    shift = _shift(xp, overlaps, p, of_q_beside_p, t, total_q - total_p)
    return _gap(xp, overlaps, p, q, t - shift, possible_p, possible_q)


def _shift(xp: Namespace, overlaps: _Overlaps, p: Array, q: Array, t: Array, far: Array) -> Array:
    """The logarithm of the total of q, where that of p is 1; near 0 from the differences, else `far`."""
    a, b = p * overlaps.share_p, q * overlaps.share_q
    near = (xp.abs(t) < 1) & (overlaps.widths_p == overlaps.widths_q) & (a > 0) & (b > 0)
    excess = xp.sum(xp.where(near, a * xp.expm1(xp.where(near, t, 0.0)), b - a), axis=-1, keepdims=True)
    small = xp.abs(excess) < 0.5
    return xp.where(small, xp.log1p(xp.where(small, excess, 0.0)), far)


def _log_quotient(xp: Namespace, a: Array, b: Array) -> Array:
    """log(a / b), in all digits where a and b are close."""
    near = (a < 2 * b) & (b < 2 * a)
    return xp.where(near, xp.log1p(xp.where(near, a - b, 0.0) / b), log_ratio(xp, a, b))


def _broadcast(xp: Namespace, *histograms: tuple[Array, Array]) -> list[tuple[Array, Array]]:
    """Return edges and values of cells with all batch axes."""
    zeros: Array = sum(xp.zeros_like(x[..., :1]) for pair in histograms for x in pair)
    return [(edges + zeros, values + zeros) for edges, values in histograms]


class _Overlaps:
    """The cells between the edges of both of two histograms, in each of which both densities are constant."""

    def __init__(self, xp: Namespace, edges_p: Array, edges_q: Array) -> None:
        self._xp = xp
        order = xp.argsort(xp.stop_gradient(xp.concat([edges_p, edges_q], axis=-1)), axis=-1)

        def sorted_together(of_p: Array, of_q: Array) -> Array:
            return xp.take_along_axis(xp.concat([of_p, of_q], axis=-1), order, axis=-1)

        def passed(of_p: Array, of_q: Array) -> Array:
            count = xp.cumulative_sum(sorted_together(of_p, of_q), axis=-1)
            return xp.astype(count[..., :-1], order.dtype)

        ones_p, ones_q = xp.ones_like(edges_p), xp.ones_like(edges_q)
        self.widths = widths(sorted_together(edges_p, edges_q))
        self._index_p, self._index_q = passed(ones_p, 0 * ones_q), passed(0 * ones_p, ones_q)
        self.widths_p, self.widths_q = self.of_p(widths(edges_p), 1.0), self.of_q(widths(edges_q), 1.0)
        self.share_p, self.share_q = self.widths / self.widths_p, self.widths / self.widths_q

    def of_p(self, values: Array, outside: float) -> Array:
        """Return the values of the cells of P, and one number outside its edges."""
        return self._pick(values, outside, self._index_p)

    def of_q(self, values: Array, outside: float) -> Array:
        """Return the values of the cells of Q, and one number outside its edges."""
        return self._pick(values, outside, self._index_q)

    def _pick(self, values: Array, outside: float, index: Array) -> Array:
        xp = self._xp
        end = xp.zeros_like(values[..., :1]) + outside
        return xp.take_along_axis(xp.concat([end, values, end], axis=-1), index, axis=-1)


def _gap(
    xp: Namespace, overlaps: _Overlaps, p: Array, q: Array, t: Array, possible_p: Array, possible_q: Array
) -> Array:
    """The sum of a log(a / b) - a + b over overlaps, with masses a of P and b of Q.

    `p` and `q` are the probabilities of the cells that overlap, and `t` is the logarithm of q / p.
    """
    a, b = p * overlaps.share_p, q * overlaps.share_q
    t = t - _log_quotient(xp, overlaps.widths_q, overlaps.widths_p)
    far = t > 1
    inside = xp.where(far, b - a * (1 + t), a * expm1_gap(xp, xp.where(far, 0.0, t)))
    value = xp.sum(xp.where(possible_p & possible_q, inside, b), axis=-1)
    return xp.where(xp.any(possible_p & ~possible_q & (overlaps.widths > 0), axis=-1), inf, value)
