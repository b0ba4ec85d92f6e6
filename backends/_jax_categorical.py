"""Categorical distributions with many classes, on JAX: sums over slices of the class axis, and derivatives by formula.

The class axis is cut into slices and the terms of each are added to as many running sums as a slice is wide, so that no
array as large as the logits is ever made, the additions are vector instructions, and rounding errors are those of short
sums. The batch axes are left alone: a batch that is sharded over devices stays sharded.

A first pass has the textbook's sum, and the bound on its error. Where that is not within the accuracy that is promised,
further passes have the sum of terms that cannot be negative.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from kldiv._numerics import exact, gaps

Terms: TypeAlias = Callable[..., tuple[jax.Array, ...]]

FEWEST = 4096  # classes: with fewer, running sums are no small part of the input
WIDTH = 128  # of a slice


_values: Any = SimpleNamespace(  # the namespace of kernels of which no derivative is taken
    abs=jnp.abs,
    differentiable=False,
    divide=jnp.divide,
    finfo=jnp.finfo,
    log=jnp.log,
    ones_like=jnp.ones_like,
    where=jnp.where,
)


def are_many(a: jax.Array, b: jax.Array) -> bool:
    """Tell whether the class axis is long enough to be cut."""
    return a.shape[-1] == b.shape[-1] >= FEWEST


def _sums(terms: Terms, a: jax.Array, b: jax.Array) -> tuple[jax.Array, ...]:
    """Return the sums over classes of each of `terms`, functions of slices of a and b, with a last axis of 1."""
    slices, rest = divmod(a.shape[-1], WIDTH)

    def slice_of(x: jax.Array, start: Any, size: int) -> jax.Array:
        return jax.lax.dynamic_slice_in_dim(x, start, size, axis=-1)

    def step(i: Any, sums: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        new = terms(slice_of(a, i * WIDTH, WIDTH), slice_of(b, i * WIDTH, WIDTH))
        return tuple(s + x for s, x in zip(sums, new, strict=True))

    struct: Any = jax.ShapeDtypeStruct
    start = jax.eval_shape(terms, *(struct((*x.shape[:-1], WIDTH), x.dtype) for x in (a, b)))
    first = tuple(jnp.zeros(x.shape, x.dtype) for x in start)
    sums = [jnp.sum(s, axis=-1, keepdims=True) for s in jax.lax.fori_loop(0, slices, step, first)]
    if rest:
        last = terms(a[..., -rest:], b[..., -rest:])
        sums = [s + jnp.sum(x, axis=-1, keepdims=True) for s, x in zip(sums, last, strict=True)]
    return tuple(sums)


def _refined(good: jax.Array, value: jax.Array, refine: Callable[[], jax.Array]) -> jax.Array:
    """Return the value where it is good, and what `refine` gives elsewhere."""
    best: jax.Array = jax.lax.cond(jnp.all(good), lambda: value, lambda: jnp.where(good, value, refine()))
    return best


# --------------------------------------------------------------------------------------------------------------- logits


@jax.custom_jvp
def logits_gap(a: jax.Array, b: jax.Array) -> jax.Array:
    """Return the divergence between softmax(a) and softmax(b) along the last axis."""

    def textbook(a: jax.Array, b: jax.Array) -> tuple[jax.Array, ...]:
        of_p = jnp.exp(a)
        t = jnp.where(of_p > 0, b - a, 0.0)
        return of_p, jnp.exp(b), of_p * t, of_p * jnp.abs(t)

    # Without the largest logit subtracted there is less to round; what over- or underflows is left to the next passes.
    of_p, of_q, mean, size = _sums(textbook, a, b)
    log_quotient = jnp.log(of_q / of_p)
    value = log_quotient - mean / of_p
    good = (of_p > 1e-20) & (of_p < 1e30) & (of_q > 1e-20) & (of_q < 1e30)
    # The error is about eps times one, half the logarithm, and the mean of |t|.
    good &= 5 * value >= 2 + 0.5 * jnp.abs(log_quotient) + size / of_p
    return _refined(good, value, lambda: _near_logits(a, b))[..., 0]


class _Reference(NamedTuple):
    """What logits are taken relative to: the largest ones, and t = b - a at the likeliest class of P with its error."""

    top: jax.Array
    top_q: jax.Array
    b: jax.Array
    t: jax.Array
    error: jax.Array


def _reference(a: jax.Array, b: jax.Array) -> _Reference:
    a, b = jax.lax.stop_gradient(a), jax.lax.stop_gradient(b)
    top, top_q = (jnp.max(x, axis=-1, keepdims=True) for x in (a, b))
    b_ref = jnp.max(jnp.where(a == top, b, -jnp.inf), axis=-1, keepdims=True)
    known = b_ref > -jnp.inf
    b_ref = jnp.where(known, b_ref, 0.0)
    t, error = (jnp.where(known, x, 0.0) for x in exact.two_difference(b_ref, top))
    return _Reference(top, top_q, b_ref, t, error)


def _relative(reference: _Reference, a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return which classes are possible under both, and t there, relative to that of the reference."""
    live = (a > -jnp.inf) & (b > -jnp.inf)
    t, error = exact.two_difference(jnp.where(live, b, 0.0), jnp.where(live, a, 0.0))
    return live, jnp.where(live, (t - reference.t) + (error - reference.error), 0.0)


@jax.custom_jvp
def _statistics(a: jax.Array, b: jax.Array, reference: _Reference) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return the logarithms of the sums of exp(a) and exp(b), and the mean of t under P, relative to the reference."""

    def weights(a: jax.Array, b: jax.Array) -> tuple[jax.Array, ...]:
        weight = jnp.exp(a - reference.top)
        return weight, jnp.exp(b - reference.top_q), weight * _relative(reference, a, b)[1]

    total, total_q, mean = _sums(weights, a, b)
    return jnp.log(total), jnp.log(total_q), mean / total


@_statistics.defjvp
def _statistics_change(primals: Any, tangents: Any) -> tuple[Any, Any]:
    (a, b, reference), (da, db, _) = primals, tangents
    statistics = _statistics(a, b, reference)
    p, q, live, tau = _softmax(a, b, reference, statistics)
    of_mean = p * tau * da + p * jnp.where(live, db - da, 0.0)
    return statistics, tuple(jnp.sum(x, axis=-1, keepdims=True) for x in (p * da, q * db, of_mean))


def _softmax(
    a: jax.Array, b: jax.Array, reference: _Reference, statistics: tuple[jax.Array, jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Return p, q, which classes are possible under both, and the deviations tau there of t from its mean."""
    log_total, log_total_q, mean = statistics
    # The maximum makes copies, for XLA makes an array of an exponential that is used twice.
    p = jnp.maximum(jnp.exp((a - reference.top) - log_total), -1.0)
    q = jnp.maximum(jnp.exp((b - reference.top_q) - log_total_q), -1.0)
    live, t = _relative(reference, a, b)
    return p, q, live, jnp.where(live, t - mean, 0.0)


def _series(tau: jax.Array) -> jax.Array:
    """Return exp(tau) - 1 - tau for tau between -1 and 1."""
    value: jax.Array = tau * tau * exact.polynomial(gaps.EXP_TAIL[tau.dtype == jnp.float32], tau)
    return value


def _near_logits(a: jax.Array, b: jax.Array) -> jax.Array:
    """Return what `kldiv._numerics.categorical.categorical_logits_gap` does, slice by slice."""
    reference = _reference(a, b)
    log_total, log_total_q, mean = _statistics(a, b, reference)

    def gaps(a: jax.Array, b: jax.Array) -> tuple[jax.Array, ...]:
        live, t = _relative(reference, a, b)
        p = jnp.exp((a - reference.top) - log_total)
        tau = jnp.where(live, t - mean, 0.0)
        only_q = (a == -jnp.inf) & (b > -jnp.inf)
        only_p = (b == -jnp.inf) & (p > 0)
        large = (tau > 1) | only_q
        near = jnp.abs(tau) <= 1
        exponent = (jnp.where(b > -jnp.inf, b, 0.0) - reference.b) - mean - log_total
        immoderate = large & ~(exponent < 60)
        power = jnp.exp(jnp.where(large, jnp.where(immoderate, 0.0, exponent), tau))
        tau_near = jnp.where(near, tau, 0.0)
        gap = jnp.where(large, power - p * (1 + tau), p * jnp.where(near, _series(tau_near), power - (1 + tau)))
        return jnp.where(only_p, jnp.inf, gap), jnp.where(immoderate, 1.0, 0.0).astype(a.dtype)

    excess, immoderate = _sums(gaps, a, b)
    moderate = immoderate == 0
    far = (reference.top_q - reference.top) - (reference.t + mean) + (log_total_q - log_total)
    value = jnp.where(moderate, jnp.log1p(jnp.where(moderate, excess, 0.0)), far)
    return jnp.where(excess == jnp.inf, jnp.inf, value)


def _logits_slopes(primals: tuple[Any, Any], tangents: tuple[Any, Any]) -> tuple[jax.Array, jax.Array]:
    """Return the divergence KL and its change, by the derivatives -p tau and q - p = p (exp(tau - KL) - 1)."""
    a, b = primals
    value = logits_gap(a, b)
    reference = _reference(a, b)
    p, q, live, tau = _softmax(a, b, reference, _statistics(a, b, reference))
    finite = (value < jnp.inf)[..., None]
    change = jnp.zeros_like(value)
    da, db = tangents
    if not isinstance(da, SymbolicZero):
        change = change - jnp.sum(jnp.where(finite, p * tau, 0.0) * da, axis=-1)
    if not isinstance(db, SymbolicZero):
        u = tau - jnp.where(finite, value[..., None], 0.0)
        near = live & (jnp.abs(u) <= 1)
        u = jnp.where(near, u, 0.0)
        slope = jnp.where(near, p * (u + _series(u)), q - p)
        change = change + jnp.sum(jnp.where(finite, slope, 0.0) * db, axis=-1)
    return value, change


logits_gap.defjvp(_logits_slopes, symbolic_zeros=True)


# -------------------------------------------------------------------------------------------------------- probabilities


@jax.custom_jvp
def probabilities_gap(p: jax.Array, q: jax.Array) -> jax.Array:
    """Return the divergence between the distributions proportional to the weights p and q along the last axis."""

    def textbook(p: jax.Array, q: jax.Array) -> tuple[jax.Array, ...]:
        none = p == 0
        quotient = jnp.where(none, 1.0, p) / jnp.where(none, 1.0, q)
        # A quotient that overflows makes nan, for the next pass.
        overflow = jnp.where((quotient == jnp.inf) & (q > 0), jnp.nan, 0.0).astype(p.dtype)
        return p, q, q - p, p * jnp.log(quotient) + overflow

    total_p, total_q, difference, mean = _sums(textbook, p, q)
    value = mean / total_p + jnp.log1p(difference / total_p)
    # The error is about eps times three and the value.
    return _refined(value >= 0.7, value, lambda: _near_probabilities(p, q, total_p, total_q, difference))[..., 0]


def _near_probabilities(
    p: jax.Array, q: jax.Array, total_p: jax.Array, total_q: jax.Array, difference: jax.Array
) -> jax.Array:
    """Return what `kldiv._numerics.categorical.categorical_gap` does, slice by slice."""
    finite = total_q > 0
    total_q = jnp.where(finite, total_q, 1.0)
    scale, excess = total_p / total_q, difference / total_p
    near = jnp.abs(excess) <= 0.5

    def terms(p: jax.Array, q: jax.Array) -> tuple[jax.Array, ...]:
        d = jnp.where(near, ((q - p) - p * jnp.where(near, excess, 0.0)) * scale, q * scale - p)
        return (gaps.entropy_gap(_values, p, q * scale, d),)

    (value,) = _sums(terms, p, q)
    return jnp.where(finite, value / total_p, jnp.inf)


def _probabilities_slopes(primals: tuple[Any, Any], tangents: tuple[Any, Any]) -> tuple[jax.Array, jax.Array]:
    """Return the divergence KL and its change, by log(p / q) - KL and 1 - p / q of normalized weights."""
    p, q = primals
    value = probabilities_gap(p, q)
    total_p, total_q = (jnp.sum(x, axis=-1, keepdims=True) for x in (p, q))
    both = (p > 0) & (q > 0)
    p_in, q_in = jnp.where(both, p, 1.0), jnp.where(both, q, 1.0)
    scale, excess = total_p / total_q, jnp.sum(q - p, axis=-1, keepdims=True) / total_p
    far = jnp.abs(excess) > 0.5
    # What q scaled to the sum of p is more than p.
    d = jnp.where(far, q * scale - p, ((q - p) - p * jnp.where(far, 0.0, excess)) * scale)
    finite = (value < jnp.inf)[..., None]
    change = jnp.zeros_like(value)
    dp, dq = tangents
    if not isinstance(dp, SymbolicZero):
        near = both & (jnp.abs(d) <= 0.5 * p)
        log = jnp.where(near, jnp.log1p(jnp.where(near, d / p_in, 0.0)), jnp.log(q_in * scale) - jnp.log(p_in))
        slope = (jnp.where(both, -log, 0.0) - jnp.where(finite, value[..., None], 0.0)) / total_p
        change = change + jnp.sum(jnp.where(finite, slope, 0.0) * dp, axis=-1)
    if not isinstance(dq, SymbolicZero):
        slope = jnp.where(both, d / q_in / total_p, 1 / total_q)
        change = change + jnp.sum(jnp.where(finite, slope, 0.0) * dq, axis=-1)
    return value, change


probabilities_gap.defjvp(_probabilities_slopes, symbolic_zeros=True)
