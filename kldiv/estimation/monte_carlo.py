"""Monte Carlo and randomized quasi-Monte Carlo: the mean of log p - log q over samples of P, and its standard error.

A mixture is stratified: each component is sampled equally often, and counts by its weight. To the log ratio at
independent samples a multiple of the control variate q / p - 1 is added, whose expectation is 0; the multiple is fitted
on other samples, so that it leaves no bias. An estimate can be differentiated: through the samples where those move
smoothly with the parameters, and elsewhere by the score of the density that they come from.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from kldiv._arrays.compilation import compile_whole
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family, kind_of
from kldiv._core.parameters import constant, insert_batch_axes, leaves, with_batch_rank
from kldiv._core.sampling import Counter, IndependentSource, Sampler, SamplingContext, require_sampler
from kldiv.estimation.components import Components, components_of
from kldiv.estimation.pareto_tail import is_heavy, normal_quantile, student_quantile
from kldiv.estimation.sobol import Sobol

PILOT = 512  # samples that the control variate is fitted on
REPLICATES = 16  # independent scramblings of a Sobol sequence
DEFAULT = 2**20  # samples at most
COMPILED = 2**14  # samples where values are not known, so that it cannot be told when to stop
CHUNK = 2**22  # numbers in the samples of one step
CHUNKS = (2**6, 2**8, 2**10, 2**12, 2**14, 2**16)  # numbers of samples of each part in one step
# Tail indices; 1/2 is that of an infinite variance.
HEAVY = 0.6  # from here on a standard error means little
LIGHT = 0.15  # up to here the control variate is of use


class Settings(NamedTuple):
    """When to stop, and whom to tell."""

    rtol: float
    atol: float
    confidence: float
    max_samples: int | None
    report: Callable[[int, Array, Array], None]


class Mean(NamedTuple):
    """An estimated mean, and its standard error."""

    value: Array
    error: Array
    interval: Array  # half the length of the confidence interval
    samples: int
    heavy: Array  # whether the tail of the terms is so heavy that the error cannot be trusted


class Terms(NamedTuple):
    """What samples of each part add, along the first axis."""

    n: int
    log_ratio: Array  # log p - log q
    ratio: Array  # q / p - 1, 0 where it overflows
    score: Array | None  # log f less itself: 0, but with the derivative of log f. None: the samples have derivatives


class _Problem:
    """Samples of the parts of P, and the terms that they add."""

    def __init__(self, xp: Namespace, p: Family, q: Family, like: Array) -> None:
        self.xp = xp
        self.parts: Components = components_of(xp, p)
        self.sampler: Sampler = require_sampler(kind_of(self.parts.components))
        self._p, self._q = p, q
        self.like = xp.stop_gradient(like)
        lengths = [] if self.parts.weights is None else xp.shape(self.parts.weights)[-self.parts.axes :]
        self.count = math.prod([length or 1 for length in lengths])
        members = [x for d in (p, q) for x in leaves(d)]
        self.numbers = self.count * max([math.prod([length or 1 for length in xp.shape(x)]) for x in [like, *members]])

    def terms(self, source: Any, n: int) -> Terms:
        """Draw `n` samples of each part."""
        xp, components = self.xp, self.parts.components
        source.n = n
        source.reparameterized = True
        # With all batch axes, or the samples' own axis would be taken for one.
        x = self.sampler(xp, SamplingContext(source), with_batch_rank(xp, components, len(xp.shape(self.deep))))
        x = x if source.reparameterized else xp.stop_gradient(x)
        xp.block_until_ready(xp.stop_gradient(x))
        found = compile_whole(_terms, xp, source.reparameterized)(self._p, self._q, self.deep, x)
        return Terms(n, *found)

    @property
    def deep(self) -> Array:
        """An array of the shape of the batch and the parts."""
        return self.parts.like(self.xp, self.like)

    def weighted(self, x: Array, power: int = 1) -> Array:
        """Return the sum over parts, with the constant weights to a power."""
        xp, weights = self.xp, self.parts.weights
        if weights is None:
            return x
        weights = xp.stop_gradient(weights)
        x = xp.where(weights > 0, x, 0.0)
        return xp.sum(weights**power * x, axis=tuple(range(-self.parts.axes, 0)))

    def control(self, terms: Terms) -> Array:
        """Return the multiple of q / p - 1 that makes the variance smallest; 0 where that cannot be told.

        Where Q has outcomes that P lacks, the mean of q / p is not 1. Where its tail is heavy, its variance may be
        infinite, and what these samples say of it means little.
        """
        xp = self.xp
        log_ratio, ratio = xp.stop_gradient(terms.log_ratio), xp.stop_gradient(terms.ratio)
        log_ratio = xp.where(xp.isfinite(log_ratio), log_ratio, 0.0)
        mean, mean_ratio = xp.sum(log_ratio, axis=0) / terms.n, xp.sum(ratio, axis=0) / terms.n
        a, b = log_ratio - mean, ratio - mean_ratio
        covariance = self.weighted(xp.sum(a * b, axis=0), 2)
        squares = xp.sum(b * b, axis=0)
        variance = self.weighted(squares, 2)
        offset = self.weighted(mean_ratio)
        usable = (offset * offset * terms.n * terms.n <= 16 * variance) & (variance > 0)
        usable = (
            usable
            & xp.isfinite(variance)
            & xp.isfinite(covariance)
            & ~is_heavy(xp, self.parts, ratio, LIGHT, cautious=True)
        )
        return xp.where(usable, -covariance / xp.where(usable, variance, 1.0), 0.0)

    def controlled(self, terms: Terms, control: Array) -> Array:
        """Return log p - log q + c (q / p - 1)."""
        c = control[(..., *[None] * self.parts.axes)]
        return terms.log_ratio + c * terms.ratio

    def total(self, terms: Terms, values: Array, baseline: Array) -> Array:
        """Return the sum over samples of the mean over parts, with the derivatives that the expectation has."""
        xp = self.xp
        if terms.score is not None:
            # The baseline changes no expectation, as that of a score is 0, and keeps the noise of derivatives down.
            rest = xp.stop_gradient(values) - baseline[(..., *[None] * self.parts.axes)]
            values = values + xp.where(xp.isfinite(rest), rest, 0.0) * terms.score
        return self.parts.total(xp, xp.sum(values, axis=0))


def _terms(xp: Namespace, reparameterized: bool, p: Family, q: Family, deep: Array, x: Array) -> tuple[Array, ...]:
    """Return what samples of each part add, the fields of `Terms`."""
    parts = components_of(xp, p)
    log_f = parts.components.log_density(x)
    log_p = log_f if parts.weights is None else insert_batch_axes(xp, p, parts.axes).log_density(x)
    log_q = insert_batch_axes(xp, q, parts.axes).log_density(x)
    # A sample may round to where f has no density; it adds nothing.
    there = xp.stop_gradient(log_p) > -math.inf
    log_ratio = xp.where(there, log_p, 0.0) - xp.where(there, log_q, 0.0) + xp.zeros_like(deep)
    exponent = -log_ratio
    small = (exponent < 0.9 * math.log(xp.finfo(log_p.dtype).max)) & (exponent > -math.inf)
    ratio = xp.where(
        small, xp.expm1(xp.where(small, exponent, 0.0)), xp.where(exponent < 0, -xp.ones_like(exponent), 0.0)
    )
    return log_ratio, ratio, None if reparameterized else xp.where(there, log_f - xp.stop_gradient(log_f), 0.0)


class _Moments:
    """Means and variances of the terms of each part, over all chunks."""

    def __init__(self, xp: Namespace, like: Array) -> None:
        self._xp = xp
        self.n = 0
        self.sum = self.squares = xp.zeros_like(like)

    def add(self, n: int, values: Array, shift: Array) -> None:
        """Take `n` values more in; they are counted from `shift`, near their mean, for the sake of the variance."""
        xp = self._xp
        values = xp.stop_gradient(values) - shift
        self.n += n
        self.sum = self.sum + xp.sum(values, axis=0)
        self.squares = self.squares + xp.sum(values * values, axis=0)

    def variance_of_mean(self) -> Array:
        """Return the variance of the mean of each part."""
        mean = self.sum / self.n
        variance = self.squares / self.n - mean * mean
        return self._xp.where(variance > 0, variance, 0.0) / (self.n - 1)


def _halves(terms: Terms) -> tuple[Terms, Terms]:
    half = terms.n // 2
    first, second = (
        Terms(half, *[None if x is None else x[part, ...] for x in terms[1:]])
        for part in (slice(None, half), slice(half, None))
    )
    return first, second


def monte_carlo(xp: Namespace, p: Family, q: Family, like: Array, rng: Any, settings: Settings) -> Mean:
    """Estimate the divergence from independent samples."""
    problem = _Problem(xp, p, q, like)
    parts, deep = problem.parts, problem.deep
    source = IndependentSource(xp, rng, problem.like)
    concrete = xp.is_concrete(deep)
    most = settings.max_samples or (DEFAULT if concrete else COMPILED)
    z = normal_quantile(settings.confidence)

    pilot = problem.terms(source, max(2, 2 * (min(PILOT if concrete else most, most) // (2 * problem.count))))
    first, second = _halves(pilot)
    control = problem.control(pilot)
    # Each half of the pilot has the control that the other one found, the rest that of the whole pilot.
    chunks = [(first, problem.control(second)), (second, problem.control(first))]
    shift = xp.sum(xp.stop_gradient(pilot.log_ratio), axis=0) / pilot.n
    shift = xp.where(xp.isfinite(shift), shift, 0.0)
    baseline = problem.weighted(shift)
    moments = _Moments(xp, deep)
    total = xp.zeros_like(like)
    values = pilot.log_ratio
    while True:
        for terms, c in chunks:
            values = problem.controlled(terms, c)
            moments.add(terms.n, values, shift)
            total = total + problem.total(terms, values, baseline)
        mean = total / moments.n
        still = xp.stop_gradient(mean)
        finite = xp.isfinite(still)
        error = xp.where(finite, xp.sqrt(problem.weighted(moments.variance_of_mean(), 2)), 0.0)
        wanted = _wanted(xp, still, settings)
        samples = moments.n * problem.count
        settings.report(samples, still, error)
        done = (z * error <= wanted) | ~finite
        if not concrete or samples + 2 * problem.count > most or bool(xp.all(done)):
            return Mean(mean, error, z * error, samples, is_heavy(xp, parts, values, HEAVY) & finite)
        # As many more as the error so far calls for, but no more than fit into memory.
        lack = xp.where(done, 0.0, z * error / xp.where(wanted > 0, wanted, 1.0))
        factor = min(16.0, 1.1 * float(xp.to_numpy(xp.max(xp.where(wanted > 0, lack, 4.0)))) ** 2)
        more = min(math.ceil(moments.n * (factor - 1)), CHUNK // problem.numbers)
        # Few numbers of samples, as there may be a program for each.
        more = min(next((n for n in CHUNKS if n >= more), CHUNKS[-1]), (most - samples) // problem.count)
        chunks = [(problem.terms(source, max(2, more)), control)]


def quasi_monte_carlo(xp: Namespace, p: Family, q: Family, like: Array, rng: Any, settings: Settings) -> Mean:
    """Estimate the divergence from the points of independently scrambled Sobol sequences."""
    problem = _Problem(xp, p, q, like)
    if not xp.is_concrete(problem.deep):
        raise ValueError('method="quasi-monte-carlo" cannot be traced; under a compiler use method="monte-carlo"')
    most = settings.max_samples or DEFAULT
    seeds = IndependentSource(xp, rng, problem.like)
    dimensions = coordinates(xp, problem.sampler, problem.parts.components)
    sources = [Sobol(xp, like.dtype, dimensions, seeds.seed()) for _ in range(REPLICATES + 1)]
    t = student_quantile(settings.confidence, REPLICATES - 1)

    def terms(source: Sobol, n: int) -> Terms:
        source.advance(n)
        return problem.terms(source, n)

    pilot = terms(sources.pop(), max(64, PILOT // problem.count))
    shift = problem.weighted(xp.sum(xp.stop_gradient(pilot.log_ratio), axis=0) / pilot.n)
    shift = xp.where(xp.isfinite(shift), shift, 0.0)
    sums = [xp.zeros_like(like)] * REPLICATES
    drawn = pilot
    # Powers of 2 of points, for the balance of the sequences.
    n, points = _power_of_2(min(256, most // REPLICATES) // problem.count), 0
    while True:
        for i, source in enumerate(sources):
            drawn = terms(source, n)
            sums[i] = sums[i] + problem.total(drawn, drawn.log_ratio, shift)
        points += n
        means = [s / points for s in sums]
        mean = sum(means[1:], means[0]) / REPLICATES
        still = xp.stop_gradient(mean)
        finite = xp.isfinite(still)
        error = xp.sqrt(_variance(xp, [xp.where(finite, xp.stop_gradient(m), 0.0) for m in means]) / REPLICATES)
        samples = points * REPLICATES * problem.count
        settings.report(samples, still, error)
        # Of so few sequences the error is itself uncertain; who stops at the first that is small enough is too sure.
        done = (1.25 * t * error <= _wanted(xp, still, settings)) | ~finite
        if 2 * samples > most or bool(xp.all(done)):
            heavy = is_heavy(xp, problem.parts, drawn.log_ratio, HEAVY) & finite
            return Mean(mean, error, t * error, samples, heavy)
        n = min(points, _power_of_2(CHUNK // problem.numbers))


def _power_of_2(most: int) -> int:
    return int(2 ** (max(2, most).bit_length() - 1))


def _variance(xp: Namespace, values: list[Array]) -> Array:
    mean = sum(values[1:], values[0]) / len(values)
    squares = [(x - mean) ** 2 for x in values]
    return sum(squares[1:], squares[0]) / (len(values) - 1)


def coordinates(xp: Namespace, sampler: Sampler, d: Family) -> int:
    """Return how many coordinates of a sequence a sample of a distribution takes."""
    counter = Counter(xp)
    sampler(xp, SamplingContext(counter), constant(xp, d))
    return counter.coordinates


def _wanted(xp: Namespace, value: Array, settings: Settings) -> Array:
    size = xp.abs(value)
    wanted = settings.rtol * xp.where(size < math.inf, size, 0.0)
    return xp.where(wanted > settings.atol, wanted, settings.atol)
