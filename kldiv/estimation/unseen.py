"""What a sample cannot tell: outcomes that were not drawn, and outcomes that round to others.

The mean of r = q / p under P is the mass that Q has where P has any, so that a sample whose mean of r is above 1 has
missed outcomes that Q makes less likely than P does, and one whose mean is below 1 may have missed some that Q makes
more likely.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family, FamilyKey, class_of, held_kinds, support_of
from kldiv._core.parameters import insert_batch_axes
from kldiv._core.supports import is_inside
from kldiv.estimation.components import components_of

STEP = 64  # a log density may itself be too coarse for the next number
SIGNIFICANT = 4.0  # standard errors
RULE_OF_THREE = 3.0  # over n: the probability that what was not seen in n draws has at most, with 95 % confidence


class Nature(NamedTuple):
    """What is known of a pair from its families."""

    discrete: bool  # whether single outcomes of P have probabilities
    covered: bool  # whether P has outcomes wherever Q has, so that the mean of q / p is 1
    bounded: bool  # whether the divergence can only be infinite in a tail, and not at an outcome of P


def nature(p: FamilyKey, q: FamilyKey) -> Nature:
    """Return what is known of a pair of kinds."""
    p, q = _bearer(p), _bearer(q)
    support = support_of(p)
    discrete = support is not None and "integers" in support.space
    return Nature(discrete, is_inside(q, p) is True, is_inside(p, q) is True and not discrete)


def _bearer(kind: FamilyKey) -> FamilyKey:
    """Return the kind that has the support of a kind: itself, or what it holds."""
    while support_of(class_of(kind)) is None and held_kinds(kind):
        kind = held_kinds(kind)[0]
    return kind


class Moments:
    """The mean, the spread and the largest size of values so far, of each component on its own."""

    def __init__(self, zeros: Array) -> None:
        self.n = 0
        self.mean = self.squares = self.largest = zeros

    def add(self, xp: Namespace, values: Array, n: int) -> None:
        """Add `n` values along the first axis; infinite ones do not count."""
        values = xp.stop_gradient(values)
        values = xp.where(xp.isfinite(values), values, 0.0)
        mean = xp.sum(values, axis=0) / n
        step, total = mean - self.mean, self.n + n
        # Chan, Golub and LeVeque 1979: nothing cancels, however small the spread is beside the mean.
        self.squares = self.squares + xp.sum((values - mean) ** 2, axis=0) + step * step * (self.n * n / total)
        self.mean, self.n = self.mean + step * (n / total), total
        largest = xp.max(xp.abs(values), axis=0)
        self.largest = xp.where(largest > self.largest, largest, self.largest)

    @property
    def variance_of_mean(self) -> Array:
        """The squared standard error of the mean."""
        return self.squares / (self.n * (self.n - 1.0))


def ratio_effects(
    xp: Namespace, discrete: bool, p: Family, q: Family, zeros: Array, x: Array
) -> tuple[Array, Array, Array]:
    """Return log p - log q at x, at a number that is `STEP` roundings away, and how far rounding moves it at x itself.

    At the end of the range of numbers outcomes are not rounded but cut off: there the second is inf.
    """
    eps = float(xp.finfo(x.dtype).eps)
    axes = components_of(xp, p).axes
    p, q = insert_batch_axes(xp, p, axes), insert_batch_axes(xp, q, axes)
    log_p, log_q = p.log_density(x) + xp.zeros_like(zeros), q.log_density(x) + xp.zeros_like(zeros)
    if discrete:
        ratio_next, cut_off = log_p - log_q, xp.abs(x) > 1 / eps
    else:
        near = x * (1 + STEP * eps)
        ratio_next = p.log_density(near) - q.log_density(near) + xp.zeros_like(zeros)
        cut_off = (xp.abs(x) <= float(xp.finfo(x.dtype).smallest_normal)) & (x != 0)
    event = len(xp.shape(x)) - len(xp.shape(log_p))
    cut_off = xp.any(cut_off, axis=tuple(range(-event, 0))) if event else cut_off
    known = xp.isfinite(log_p) & xp.isfinite(log_q)
    ratio = xp.where(known, xp.where(known, log_p, 0.0) - xp.where(known, log_q, 0.0), 0.0)
    ratio_next = xp.where(known, ratio_next, 0.0)
    ratio_next = xp.where(xp.isfinite(ratio_next) & ~cut_off, ratio_next, math.inf)
    size = eps * (1 + xp.abs(xp.where(known, log_p, 0.0)) + xp.abs(xp.where(known, log_q, 0.0)))
    return ratio, ratio_next, xp.where(ratio != 0, size, 0.0)


def missed(xp: Namespace, deficit: Array, n: int) -> Array:
    """Return by how much outcomes that `n` draws missed may lower a divergence, if Q has the mass `deficit` there.

    With the mass e under P they add at least e log(e / deficit), which is least at e = deficit / e, and e is at most
    3 / n by the rule of three.
    """
    most = RULE_OF_THREE / n
    some = deficit > math.e * most
    log_ratio = xp.log(xp.where(some, deficit, 1.0) / most)
    return xp.where(some, most * log_ratio, deficit / math.e)


def unseen_error(xp: Namespace, error: Array, largest: Array, n: int) -> Array:
    """Return a standard error, at least that of what `n` draws missed if it is as large as the largest value seen."""
    least = largest * (0.5 * RULE_OF_THREE / n)
    return xp.where(error > least, error, least)


def is_significant(x: Array, error: Array, tolerance: Any) -> Array:
    """Tell where a mean that should be at most 0 is larger than its standard error and rounding explain."""
    return x > SIGNIFICANT * error + tolerance
