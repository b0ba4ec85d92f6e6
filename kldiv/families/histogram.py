"""Histograms: piecewise constant densities, given by probabilities or logits of their cells."""

from collections.abc import Callable
from math import inf
from typing import Annotated, Any, NamedTuple

from kldiv import declare
from kldiv._arrays.namespace import namespace
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family, FamilyKey
from kldiv._core.parameters import insert_batch_axes
from kldiv._core.registry import NoClosedForm, Rule, rule_factory_before
from kldiv._core.sampling import SamplingContext
from kldiv._core.search import find
from kldiv._numerics.categorical import normalized, softmax, weighted_gap
from kldiv._numerics.edges import log, non_negative, xlogx
from kldiv._numerics.histogram import (
    cell_quantile,
    first_end,
    histogram_gap,
    histogram_logits_gap,
    last_end,
    log_cell_density,
)
from kldiv._numerics.uniform import interval_log
from kldiv.domains import CellLogits, CellProbabilities, Edges, Support
from kldiv.families.uniform import Uniform

CELLS = Support("line", "low", "high")


@declare.family(CELLS)
class Histogram(NamedTuple):
    """The distribution whose density is constant on each cell between neighbouring `edges`, given by `masses`.

    Density, for edges[i] <= x < edges[i + 1]::

        p(x) = masses[i] / (edges[i + 1] - edges[i])

    Parameters
    ----------
    edges : increasing vector
        Ends of the cells, one more than there are cells; the second array that ``numpy.histogram`` returns.
    masses : vector of probabilities
        Probabilities of the cells: the counts of ``numpy.histogram`` divided by their sum.

    Notes
    -----
    With a_ij and b_ij the masses of P and Q where cell i of P and cell j of Q overlap::

        KL(P || Q) = sum_ij a_ij log(a_ij / b_ij)

    Source: the definition. The divergence to any other family that has one from `Uniform` is the sum over cells of
    ``masses[i] (log masses[i] + KL(Uniform(edges[i], edges[i + 1]) || Q))``.

    The same distribution elsewhere: ``scipy.stats.rv_histogram(histogram=(masses, edges), density=False)``.

    Examples
    --------
    >>> import kldiv
    >>> p = kldiv.Histogram(edges=[0.0, 1.0, 3.0], masses=[0.5, 0.5])
    >>> q = kldiv.Histogram(edges=[0.0, 1.5, 3.0], masses=[0.5, 0.5])
    >>> round(float(kldiv.kl_divergence(p, q)), 12), round(float(kldiv.kl_divergence(p, kldiv.Uniform(0.0, 3.0))), 12)
    (0.058891517828, 0.058891517828)
    """

    edges: Annotated[Array, Edges]
    masses: Annotated[Array, CellProbabilities]

    @property
    def probs(self) -> Array:
        """The probabilities of the cells."""
        return self.masses

    @property
    def low(self) -> Array:
        """The lower end of the first cell that has a probability."""
        return first_end(namespace(self.edges), self.edges, self.masses > 0)

    @property
    def high(self) -> Array:
        """The upper end of the last cell that has a probability."""
        return last_end(namespace(self.edges), self.edges, self.masses > 0)

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        return log_cell_density(xp, self.edges, log(xp, self.masses), x)


@declare.family(CELLS)
class HistogramLogits(NamedTuple):
    """The distribution whose density is constant on each cell between neighbouring `edges`, given by `logits`.

    Density, for edges[i] <= x < edges[i + 1]::

        p(x) = exp(logits[i]) / sum_j exp(logits[j]) / (edges[i + 1] - edges[i])

    Parameters
    ----------
    edges : increasing vector
        Ends of the cells, one more than there are cells.
    logits : vector, real or -inf
        Log probabilities of the cells, up to a constant; -inf is a cell of probability 0.

    Notes
    -----
    With a_ij and b_ij the masses of P and Q where cell i of P and cell j of Q overlap::

        KL(P || Q) = sum_ij a_ij log(a_ij / b_ij)

    Source: the definition.

    Examples
    --------
    >>> import kldiv
    >>> far = kldiv.HistogramLogits(edges=[0.0, 1.0, 2.0], logits=[0.0, -1000.0])
    >>> float(kldiv.kl_divergence(kldiv.Uniform(0.0, 2.0), far))
    499.3068528194401
    """

    edges: Annotated[Array, Edges]
    logits: Annotated[Array, CellLogits]

    @property
    def low(self) -> Array:
        """The lower end of the first cell that has a probability."""
        return first_end(namespace(self.edges), self.edges, self.logits > -inf)

    @property
    def high(self) -> Array:
        """The upper end of the last cell that has a probability."""
        return last_end(namespace(self.edges), self.edges, self.logits > -inf)

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        return log_cell_density(xp, self.edges, self.logits, x)


@declare.sampler(Histogram)
def sample_histogram(xp: Namespace, draw: SamplingContext, edges: Array, masses: Array) -> Array:
    """Return the quantile of a uniform draw."""
    return cell_quantile(xp, edges, masses, draw.uniform(masses[..., 0]))


@declare.sampler(HistogramLogits)
def sample_histogram_logits(xp: Namespace, draw: SamplingContext, edges: Array, logits: Array) -> Array:
    """Return the quantile of a uniform draw."""
    return cell_quantile(xp, edges, softmax(xp, logits), draw.uniform(logits[..., 0]))


@declare.formula(Histogram, Histogram)
def kl_histogram_histogram(xp: Namespace, edges_p: Array, masses_p: Array, edges_q: Array, masses_q: Array) -> Array:
    """sum_ij a_ij log(a_ij / b_ij), with a and b the masses of P and Q where cell i of P overlaps cell j of Q.

    Source: the definition
    """
    return histogram_gap(xp, edges_p, masses_p, edges_q, masses_q)


@declare.formula(HistogramLogits, HistogramLogits)
def kl_histogram_logits_histogram_logits(
    xp: Namespace, edges_p: Array, logits_p: Array, edges_q: Array, logits_q: Array
) -> Array:
    """sum_ij a_ij log(a_ij / b_ij), with a and b the masses of P and Q where cell i of P overlaps cell j of Q.

    Source: the definition
    """
    return histogram_logits_gap(xp, edges_p, logits_p, edges_q, logits_q)


@declare.conversion(Histogram, HistogramLogits)
def histogram_as_histogram_logits(xp: Namespace, edges: Array, masses: Array) -> HistogramLogits:
    """The logits cannot underflow, as a softmax can."""
    return HistogramLogits(edges, log(xp, masses))


def _interval(xp: Namespace, low: Array, high: Array) -> tuple[Array, Array]:
    """Return the edges and the logits of a histogram with one cell."""
    low, high = xp.broadcast_arrays(low, high)
    return xp.concat([low[..., None], high[..., None]], axis=-1), xp.zeros_like(low)[..., None]


@declare.formula(Uniform, HistogramLogits)
def kl_uniform_histogram_logits(xp: Namespace, low: Array, high: Array, edges: Array, logits: Array) -> Array:
    """sum_j a_j log(a_j / b_j), with a and b the masses of P and Q in cell j.

    Source: the definition
    """
    return histogram_logits_gap(xp, *_interval(xp, low, high), edges, logits)


@declare.formula(HistogramLogits, Uniform)
def kl_histogram_logits_uniform(xp: Namespace, edges: Array, logits: Array, low: Array, high: Array) -> Array:
    """sum_i p_i log(p_i (high - low) / w_i), with p the probabilities and w the widths of the cells.

    Source: the definition
    """
    return histogram_logits_gap(xp, edges, logits, *_interval(xp, low, high))


@rule_factory_before
def histogram_rule(p: FamilyKey, q: FamilyKey) -> Rule | None:
    """Return the sum over cells of p_i (log p_i + KL(U_i || Q)), with U_i the uniform distribution on cell i.

    Source: the definition
    """
    if p is not HistogramLogits or q is HistogramLogits:
        return None
    try:
        inner = find(Uniform, q)
    except NoClosedForm:
        return None

    def evaluate(xp: Namespace, a: Family, b: Family) -> Array:
        of_cells = inner.evaluate(xp, Uniform(a.edges[..., :-1], a.edges[..., 1:]), insert_batch_axes(xp, b))
        probs = softmax(xp, a.logits)
        log_probs = log(xp, xp.where(probs > 0, probs, 1.0))
        return non_negative(xp, weighted_gap(xp, probs, log_probs + of_cells))

    return Rule(p, q, inner.method, ("the sum over cells, each uniform", *inner.steps), inner.formula, evaluate)


def _mean_over_cells(function: Callable[..., Array]) -> Callable[..., Array]:
    """Return the expectation under a histogram from the one under a uniform distribution."""

    def expectation(xp: Namespace, *arguments: Any) -> Array:
        *inner, edges, masses = arguments
        values = function(xp, *[x[..., None] for x in inner], edges[..., :-1], edges[..., 1:])
        return weighted_gap(xp, normalized(xp, masses), values)

    return expectation


_mean = _mean_over_cells(lambda xp, low, high: 0.5 * low + 0.5 * high)


def _variance(xp: Namespace, edges: Array, masses: Array) -> Array:
    """The mean of the variances within cells and of the squares of the distances between the means."""
    mean = _mean(xp, edges, masses)[..., None]
    low, high = edges[..., :-1] - mean, edges[..., 1:] - mean
    return xp.sum(normalized(xp, masses) * (low * low + low * high + high * high) / 3, axis=-1)


def _entropy(xp: Namespace, edges: Array, masses: Array) -> Array:
    p = normalized(xp, masses)
    return xp.sum(p * xp.log(edges[..., 1:] - edges[..., :-1]) - xlogx(xp, p), axis=-1)


declare.expectations(Histogram, entropy=_entropy, mean=_mean, variance=_variance, log=_mean_over_cells(interval_log))
