"""Monte Carlo and randomized quasi-Monte Carlo: the mean of log p - log q over samples of P, and its standard error.

A mixture is stratified: each component is sampled equally often, and counts by its weight. To the log ratio at
independent samples a multiple of the control variate q / p - 1 is added, whose expectation is 0; the multiple is fitted
on other samples, so that it leaves no bias. An estimate can be differentiated: through the samples where those move
smoothly with the parameters, and elsewhere by the score of the density that they come from.

The error also has what samples cannot tell (`kldiv.estimation.unseen`): a zero spread is not certainty.
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
from kldiv.estimation.pareto_tail import MOST, is_heavy, normal_quantile, student_quantile
from kldiv.estimation.sobol import Sobol
from kldiv.estimation.unseen import (
    SIGNIFICANT,
    STEP,
    Moments,
    is_significant,
    missed,
    nature,
    ratio_effects,
    unseen_error,
)

PILOT = 512  # samples that the control variate is fitted on
REPLICATES = 16  # independent scramblings of a Sobol sequence
DEFAULT = 2**20  # samples at most
COMPILED = 2**14  # samples where values are not known, so that it cannot be told when to stop
CHUNK = 2**22  # numbers in the samples of one step
CHUNKS = (2**6, 2**8, 2**10, 2**12, 2**14, 2**16)  # numbers of samples of each component in one step
# Tail indices; 1/2 is that of an infinite variance.
HEAVY = 0.6  # from here on a standard error means little
LIGHT = 0.15  # up to here the control variate is of use


class Settings(NamedTuple):
    """When to stop, and what to call with the estimate so far."""

    rtol: float
    atol: float
    confidence: float
    max_samples: int | None
    report: Callable[[int, Array, Array], None]

    def allowed_interval(self, xp: Namespace, value: Array) -> Array:
        """Return half the length of an interval that meets the tolerance; that of an infinite value is `atol`."""
        size = xp.abs(xp.stop_gradient(value))
        allowed = self.rtol * xp.where(size < math.inf, size, 0.0)
        return xp.where(allowed > self.atol, allowed, self.atol)


class Mean(NamedTuple):
    """An estimated mean, and its standard error."""

    value: Array
    error: Array
    interval: Array  # half the length of the confidence interval
    samples: int
    doubtful: Array  # whether the error cannot be trusted: a heavy tail, or outcomes that matter were not drawn


class Terms(NamedTuple):
    """The terms of samples of each component, along the first axis."""

    n: int
    x: Array
    log_ratio: Array  # log p - log q
    ratio: Array  # q / p - 1, 0 where it overflows
    score: Array | None  # log f less itself: 0, but with the derivative of log f. None: the samples have derivatives

    def halves(self) -> tuple[Terms, Terms]:
        """Return the terms of the first and of the second half of the samples."""
        half = self.n // 2
        first, second = (
            Terms(half, *[None if x is None else x[part, ...] for x in self[1:]])
            for part in (slice(None, half), slice(half, None))
        )
        return first, second


class _Found(NamedTuple):
    """What the samples so far give."""

    mean: Array  # of log p - log q
    error: Array  # its standard error
    ratio: Array  # the mean of q / p - 1
    ratio_error: Array
    samples: int


class _Problem:
    """Samples of the components of P, and their terms."""

    def __init__(self, xp: Namespace, p: Family, q: Family, like: Array) -> None:
        self.xp = xp
        self.components: Components = components_of(xp, p)
        self.sampler: Sampler = require_sampler(kind_of(self.components.components))
        self._p, self._q = p, q
        self.nature = nature(kind_of(p), kind_of(q))
        self.like = xp.stop_gradient(like)
        weights = self.components.weights
        lengths = [] if weights is None else xp.shape(weights)[-self.components.axes :]
        self.count = math.prod([length or 1 for length in lengths])
        parameters = [x for d in (p, q) for x in leaves(d)]
        sizes = [math.prod([length or 1 for length in xp.shape(x)]) for x in [like, *parameters]]
        self.numbers = self.count * max(sizes)  # in a sample of each component

    def terms(self, source: Any, n: int) -> Terms:
        """Draw `n` samples of each component."""
        xp = self.xp
        source.n = n
        source.reparameterized = True
        # With all batch axes, or the samples' own axis would be taken for one.
        distribution = with_batch_rank(xp, self.components.components, len(xp.shape(self.zeros)))
        x = self.sampler(xp, SamplingContext(source), distribution)
        x = x if source.reparameterized else xp.stop_gradient(x)
        xp.block_until_ready(xp.stop_gradient(x))
        terms = compile_whole(_terms, xp, source.reparameterized)(self._p, self._q, self.zeros, x)
        return Terms(n, xp.stop_gradient(x), *terms)

    @property
    def zeros(self) -> Array:
        """Zeros of the shape of the batch and the components."""
        return self.components.like(self.xp, self.like)

    def weighted(self, x: Array, power: int = 1) -> Array:
        """Return the sum over components, with the constant weights to a power."""
        xp, weights = self.xp, self.components.weights
        if weights is None:
            return x
        weights = xp.stop_gradient(weights)
        x = xp.where(weights > 0, x, 0.0)
        return xp.sum(weights**power * x, axis=tuple(range(-self.components.axes, 0)))

    def for_components(self, x: Array) -> Array:
        """Return what is the same for all components with their axes."""
        return x[(..., *[None] * self.components.axes)]

    def is_heavy(self, values: Array) -> Array:
        """Return where the tail of values is so heavy that their standard error means little."""
        return is_heavy(self.xp, self.components, values, HEAVY)

    def control(self, terms: Terms) -> Array:
        """Return the multiple of q / p - 1 that makes the variance smallest; 0 where that cannot be told.

        Where Q has outcomes that P lacks, or may have, the mean of q / p is not 1. Where its tail is heavy, its
        variance may be infinite, and what these samples say of it means little.
        """
        xp = self.xp
        if not self.nature.covered:
            return xp.zeros_like(self.like)
        log_ratio, ratio = xp.stop_gradient(terms.log_ratio), xp.stop_gradient(terms.ratio)
        log_ratio = xp.where(xp.isfinite(log_ratio), log_ratio, 0.0)
        mean, mean_ratio = xp.sum(log_ratio, axis=0) / terms.n, xp.sum(ratio, axis=0) / terms.n
        a, b = log_ratio - mean, ratio - mean_ratio
        covariance = self.weighted(xp.sum(a * b, axis=0), 2)
        variance = self.weighted(xp.sum(b * b, axis=0), 2)
        offset = self.weighted(mean_ratio)
        usable = (offset * offset * terms.n * terms.n <= 16 * variance) & (variance > 0)
        usable = usable & xp.isfinite(variance) & xp.isfinite(covariance)
        usable = usable & ~is_heavy(xp, self.components, ratio, LIGHT, cautious=True)
        return xp.where(usable, -covariance / xp.where(usable, variance, 1.0), 0.0)

    def rounding(self, terms: Terms, control: Array) -> tuple[Array, Array]:
        """Return by how much rounding may move the means of log p - log q + c (q / p - 1) and of q / p - 1."""
        xp = self.xp
        effects = compile_whole(ratio_effects, xp, self.nature.discrete)
        at, after, size = effects(constant(xp, self._p), constant(xp, self._q), self.zeros, terms.x)
        c = self.for_components(control)
        r = xp.exp(-xp.where(at > -60.0, at, -60.0))
        step = xp.abs(xp.where(after < math.inf, after, at) - at) * (4 / STEP)
        moved = xp.abs(1 - c * r) * (size + step) + xp.abs(c) * r * step * step
        moved = xp.where(after < math.inf, moved, math.inf)
        of_mean, of_ratio = (self.weighted(xp.sum(y, axis=0) / terms.n) for y in (moved, r * (size + step)))
        return of_mean, of_ratio

    def judged(self, found: _Found, z: float, rounding: tuple[Array, Array]) -> Mean:
        """Return a mean with its whole error: the standard error, rounding, and what may have been missed."""
        xp = self.xp
        still, (of_mean, of_ratio) = xp.stop_gradient(found.mean), rounding
        finite = xp.isfinite(still)
        # The mean of q / p - 1 is at most 0, and is so if nothing that matters to the divergence has been missed.
        excess = is_significant(found.ratio, found.ratio_error, of_ratio)
        deficit = xp.where(is_significant(-found.ratio, found.ratio_error, of_ratio), -found.ratio, 0.0)
        bias = of_mean + missed(xp, deficit, found.samples)
        negative = still < -(SIGNIFICANT * found.error + bias)
        error, interval = (xp.where(finite, x + bias, 0.0) for x in (found.error, z * found.error))
        unproven = (~finite & (still == still)) if self.nature.bounded else still != still
        return Mean(found.mean, error, interval, found.samples, xp.where(finite, excess | negative, unproven))

    def total(self, terms: Terms, values: Array, baseline: Array) -> Array:
        """Return the sum over samples of the mean over components, with the derivatives that the expectation has."""
        xp = self.xp
        if terms.score is not None:
            # The baseline changes no expectation, as that of a score is 0, and keeps the noise of derivatives down.
            rest = xp.stop_gradient(values) - self.for_components(baseline)
            values = values + xp.where(xp.isfinite(rest), rest, 0.0) * terms.score
        return self.components.total(xp, xp.sum(values, axis=0))


def _terms(xp: Namespace, reparameterized: bool, p: Family, q: Family, zeros: Array, x: Array) -> tuple[Array, ...]:
    """Return the terms of samples of each component, the fields of `Terms` but `n`."""
    components = components_of(xp, p)
    log_f = components.components.log_density(x)
    log_p = log_f if components.weights is None else insert_batch_axes(xp, p, components.axes).log_density(x)
    log_q = insert_batch_axes(xp, q, components.axes).log_density(x)
    # A sample may round to where f has no density; it adds nothing.
    has_density = xp.stop_gradient(log_p) > -math.inf
    log_ratio = xp.where(has_density, log_p, 0.0) - xp.where(has_density, log_q, 0.0) + xp.zeros_like(zeros)
    exponent = -log_ratio
    small = (exponent < 0.9 * math.log(xp.finfo(log_p.dtype).max)) & (exponent > -math.inf)
    ratio = xp.where(
        small, xp.expm1(xp.where(small, exponent, 0.0)), xp.where(exponent < 0, -xp.ones_like(exponent), 0.0)
    )
    return log_ratio, ratio, None if reparameterized else xp.where(has_density, log_f - xp.stop_gradient(log_f), 0.0)


# -------------------------------------------------------------------------------------------------- independent samples


class _RunningMean:
    """The mean of log p - log q + c (q / p - 1) over the samples so far, and that of q / p - 1."""

    def __init__(self, problem: _Problem, pilot: Terms, like: Array) -> None:
        xp = problem.xp
        self._problem, self._xp = problem, xp
        shift = problem.weighted(xp.sum(xp.stop_gradient(pilot.log_ratio), axis=0) / pilot.n)
        self._baseline = xp.where(xp.isfinite(shift), shift, 0.0)
        self._total = xp.zeros_like(like)
        self._values, self._ratios = Moments(problem.zeros), Moments(problem.zeros)
        self._last = pilot.log_ratio

    @property
    def n(self) -> int:
        """Samples of each component so far."""
        return self._values.n

    def add(self, terms: Terms, control: Array) -> None:
        """Add the terms of more samples, with c = `control`."""
        problem = self._problem
        self._last = terms.log_ratio + problem.for_components(control) * terms.ratio
        self._values.add(self._xp, self._last, terms.n)
        self._ratios.add(self._xp, terms.ratio, terms.n)
        self._total = self._total + problem.total(terms, self._last, self._baseline)

    def found(self) -> _Found:
        """Return the means with their standard errors."""
        problem, n = self._problem, self.n
        error = self._xp.sqrt(problem.weighted(self._values.variance_of_mean, 2))
        error = unseen_error(self._xp, error, problem.weighted(self._values.largest), n)
        ratio_error = self._xp.sqrt(problem.weighted(self._ratios.variance_of_mean, 2))
        ratio = problem.weighted(self._ratios.mean)
        return _Found(self._total / n, error, ratio, ratio_error, n * problem.count)

    def is_heavy(self) -> Array:
        """Return where the tail of the last terms is so heavy that the error means little."""
        return self._problem.is_heavy(self._last)


def monte_carlo(xp: Namespace, p: Family, q: Family, like: Array, rng: Any, settings: Settings) -> Mean:
    """Estimate the divergence from independent samples."""
    problem = _Problem(xp, p, q, like)
    source = IndependentSource(xp, rng, problem.like)
    concrete = xp.is_concrete(problem.zeros)
    most = settings.max_samples or (DEFAULT if concrete else COMPILED)
    z = normal_quantile(settings.confidence)

    pilot = problem.terms(source, max(2, 2 * (min(PILOT if concrete else most, most) // (2 * problem.count))))
    running = _RunningMean(problem, pilot, like)
    control = problem.control(pilot)
    rounding = problem.rounding(pilot, control)
    # Each half of the pilot has the control that is fitted on the other one, the rest that of the whole pilot.
    first, second = pilot.halves()
    running.add(first, problem.control(second))
    running.add(second, problem.control(first))
    while True:
        mean = problem.judged(running.found(), z, rounding)
        settings.report(mean.samples, xp.stop_gradient(mean.value), mean.error)
        wanted = settings.allowed_interval(xp, mean.value)
        done = _is_done(xp, mean, rounding, wanted)
        if not concrete or mean.samples + 2 * problem.count > most or bool(xp.all(done)):
            return mean._replace(doubtful=mean.doubtful | running.is_heavy() & xp.isfinite(mean.error))
        lack = xp.where(done | ~xp.isfinite(mean.interval), 0.0, mean.interval / xp.where(wanted > 0, wanted, 1.0))
        factor = max(1.5, float(xp.to_numpy(xp.max(xp.where(wanted > 0, lack, 4.0)))))
        more = min(_next_chunk(problem, running.n, factor), (most - mean.samples) // problem.count)
        running.add(problem.terms(source, max(2, more)), control)


def _is_done(xp: Namespace, mean: Mean, rounding: tuple[Array, Array], wanted: Array) -> Array:
    """Tell where more samples are of no use: the error is small enough, infinite, or that of rounding."""
    enough = (mean.interval <= wanted) & ~mean.doubtful
    is_rounding = (rounding[0] > wanted) & (2 * rounding[0] >= mean.interval)
    return enough | is_rounding | ~xp.isfinite(xp.stop_gradient(mean.value))


def _next_chunk(problem: _Problem, n: int, factor: float) -> int:
    """Return how many samples more to take after n, where the error is so many times what is wanted."""
    # As many as the error calls for, but no more than fit into memory.
    more = min(math.ceil(n * (min(16.0, 1.1 * factor**2) - 1)), CHUNK // problem.numbers)
    # Few numbers of samples, as there may be a program for each.
    return next((chunk for chunk in CHUNKS if chunk >= more), CHUNKS[-1])


# ------------------------------------------------------------------------------------------------------ Sobol sequences


class _Replicates:
    """The means over the points so far of independently scrambled Sobol sequences."""

    def __init__(self, problem: _Problem, like: Array, rng: Any) -> None:
        xp = problem.xp
        self._problem = problem
        seeds = IndependentSource(xp, rng, problem.like)
        dimensions = coordinates(xp, problem.sampler, problem.components.components)
        *self._sources, pilot_source = [Sobol(xp, like.dtype, dimensions, seeds.seed()) for _ in range(REPLICATES + 1)]
        self._last = self._terms(pilot_source, _power_of_2(max(64, PILOT // problem.count)))
        shift = problem.weighted(xp.sum(xp.stop_gradient(self._last.log_ratio), axis=0) / self._last.n)
        self._baseline = xp.where(xp.isfinite(shift), shift, 0.0)
        self._sums, self._ratios = ([xp.zeros_like(like)] * REPLICATES for _ in range(2))
        self._values = Moments(problem.zeros)
        self.n = 0  # points of each sequence

    def _terms(self, source: Sobol, n: int) -> Terms:
        source.advance(n)
        return self._problem.terms(source, n)

    def add(self, n: int) -> None:
        """Add the terms of `n` points more of each sequence."""
        last: list[Array] = []
        for i, source in enumerate(self._sources):
            self._last = self._terms(source, n)
            last = [*last[-MOST // n :], self._problem.xp.stop_gradient(self._last.log_ratio)]
            self._sums[i] = self._sums[i] + self._problem.total(self._last, self._last.log_ratio, self._baseline)
            ratio = self._problem.xp.stop_gradient(self._last.ratio)
            self._ratios[i] = self._ratios[i] + self._problem.weighted(self._problem.xp.sum(ratio, axis=0))
            self._values.add(self._problem.xp, self._last.log_ratio, n)
        self.n += n
        self._last_values = self._problem.xp.concat(last, axis=0)

    def found(self) -> _Found:
        """Return the means over the sequences, and their standard errors."""
        problem, xp = self._problem, self._problem.xp
        mean, error = self._mean_and_error(self._sums)
        # The points of all sequences may fall on the same few outcomes, or short of the same heavy tail.
        at_least = unseen_error(xp, error, problem.weighted(self._values.largest), self._values.n)
        doubt = is_heavy(xp, problem.components, self._last_values, 0.0, cautious=True)
        error = at_least if problem.nature.discrete else xp.where(doubt, at_least, error)
        return _Found(mean, error, *self._mean_and_error(self._ratios), self.n * REPLICATES * problem.count)

    def _mean_and_error(self, sums: list[Array]) -> tuple[Array, Array]:
        """Return the mean over the sequences, and its standard error, 0 where the mean is infinite."""
        xp = self._problem.xp
        means = [s / self.n for s in sums]
        mean = sum(means[1:], means[0]) / REPLICATES
        finite = xp.isfinite(xp.stop_gradient(mean))
        variance = _variance([xp.where(finite, xp.stop_gradient(m), 0.0) for m in means])
        return mean, xp.sqrt(variance / REPLICATES)

    def is_heavy(self) -> Array:
        """Return where the tail of the last terms is so heavy that the error means little."""
        return self._problem.is_heavy(self._last_values)

    def rounding(self) -> tuple[Array, Array]:
        """Return by how much rounding may move the means, from the last terms."""
        return self._problem.rounding(self._last, self._problem.xp.zeros_like(self._problem.like))


def quasi_monte_carlo(xp: Namespace, p: Family, q: Family, like: Array, rng: Any, settings: Settings) -> Mean:
    """Estimate the divergence from the points of independently scrambled Sobol sequences."""
    problem = _Problem(xp, p, q, like)
    if not xp.is_concrete(problem.zeros):
        raise ValueError('method="quasi-monte-carlo" cannot be traced; under a compiler use method="monte-carlo"')
    most = settings.max_samples or DEFAULT
    t = student_quantile(settings.confidence, REPLICATES - 1)
    replicates = _Replicates(problem, like, rng)
    rounding = replicates.rounding()
    # Powers of 2 of points, for the balance of the sequences.
    n = _power_of_2(min(256, most // REPLICATES) // problem.count)
    while True:
        replicates.add(n)
        mean = problem.judged(replicates.found(), t, rounding)
        settings.report(mean.samples, xp.stop_gradient(mean.value), mean.error)
        # Of so few sequences the error is itself uncertain; who stops at the first that is small enough is too sure.
        done = _is_done(xp, mean, rounding, settings.allowed_interval(xp, mean.value) / 1.25)
        if 2 * mean.samples > most or bool(xp.all(done)):
            return mean._replace(doubtful=mean.doubtful | replicates.is_heavy() & xp.isfinite(mean.error))
        n = min(replicates.n, _power_of_2(CHUNK // problem.numbers))


def _power_of_2(most: int) -> int:
    return int(2 ** (max(2, most).bit_length() - 1))


def _variance(values: list[Array]) -> Array:
    mean = sum(values[1:], values[0]) / len(values)
    squares = [(x - mean) ** 2 for x in values]
    return sum(squares[1:], squares[0]) / (len(values) - 1)


def coordinates(xp: Namespace, sampler: Sampler, d: Family) -> int:
    """Return how many coordinates of a sequence a sample of a distribution takes."""
    counter = Counter(xp)
    sampler(xp, SamplingContext(counter), constant(xp, d))
    return counter.coordinates
