"""The negative binomial distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.edges import log_factorial, xlog1my, xlogy
from kldiv._numerics.generating_functions import (
    negative_binomial_cgf,
    poisson_cgf,
)
from kldiv._numerics.interpolation import geometric
from kldiv._numerics.negative_binomial import (
    negative_binomial_entropy,
    negative_binomial_gap,
    negative_binomial_poisson_gap,
    odds_gap,
)
from kldiv.domains import COUNTS, Positive, ZeroToBelowOne
from kldiv.families.geometric import Geometric
from kldiv.families.poisson import Poisson


@declare.family(COUNTS)
class NegativeBinomial(NamedTuple):
    """The number of successes, each of probability `probs`, before the failure number `total_count`.

    Mass, for k = 0, 1, 2, ..., with r = total_count and p = probs::

        P(k) = Gamma(r + k) / (Gamma(r) k!) (1 - p)^r p^k

    Parameters
    ----------
    total_count : positive
        Number of failures, ``n`` in SciPy; any positive number.
    probs : at least 0 and below 1
        Probability of a success, ``1 - p`` in SciPy, which counts failures.

    Notes
    -----
    With r, s the total counts of P and Q, p, q the probabilities, and m = r p / (1 - p) the mean of k under P::

        KL(P || Q) = m log(p / q) + r log(1 - p) - s log(1 - q)
                   + E_P log(Gamma(k + r) Gamma(s) / (Gamma(r) Gamma(k + s)))

    The last mean, which vanishes at equal counts, is an integral of the generating function. Source: the definition.

    The same distribution elsewhere: ``scipy.stats.nbinom(n=total_count, p=1 - probs)``,
    ``torch.distributions.NegativeBinomial(total_count, probs)``, ``tfp.distributions.NegativeBinomial(total_count,
    probs=probs)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.NegativeBinomial(1.0, 0.5), kldiv.NegativeBinomial(1.0, 0.75)))
    0.2876820724517809
    """

    total_count: Annotated[Array, Positive]
    probs: Annotated[Array, ZeroToBelowOne]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of `x`."""
        r, p = self
        return xp.gammaln(r + x) - xp.gammaln(r) - log_factorial(xp, x) + xlog1my(xp, r, p) + xlogy(xp, x, p)

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether `x` has probability 1."""
        return (self.probs == 0) & (x == 0)


@declare.sampler(NegativeBinomial)
def sample_negative_binomial(xp: Namespace, draw: SamplingContext, total_count: Array, probs: Array) -> Array:
    """Return Poisson draws whose rates are gamma draws times p / (1 - p)."""
    return draw.poisson(draw.gamma(total_count) * (probs / (1 - probs)), per_sample=True)


@declare.formula(NegativeBinomial, NegativeBinomial)
def kl_negative_binomial_negative_binomial(
    xp: Namespace, total_count_p: Array, probs_p: Array, total_count_q: Array, probs_q: Array
) -> Array:
    """r / (1 - p) times the divergence of Bernoulli distributions, + (r - s) log((1 - q) / (1 - p)) + B(s; r).

    Here r and s are the counts of P and Q, and B is the remainder over its tangent of -E log(Gamma(k + s) / Gamma(s)),
    an integral of the generating function.

    Source: the definition, as the mean of k under P is r p / (1 - p)
    """
    return negative_binomial_gap(xp, total_count_p, probs_p, 1 - probs_p, total_count_q, probs_q, 1 - probs_q)


@declare.formula(NegativeBinomial, Geometric)
def kl_negative_binomial_geometric(xp: Namespace, total_count: Array, probs_p: Array, probs_q: Array) -> Array:
    """KL(NegativeBinomial(r_p, p) || NegativeBinomial(1, 1 - q)), for the geometric distribution with probability q.

    Source: the definition
    """
    one = xp.ones_like(probs_q)
    return negative_binomial_gap(xp, total_count, probs_p, 1 - probs_p, one, 1 - probs_q, probs_q)


@declare.formula(Geometric, NegativeBinomial)
def kl_geometric_negative_binomial(xp: Namespace, probs_p: Array, total_count: Array, probs_q: Array) -> Array:
    """KL(NegativeBinomial(1, 1 - p) || NegativeBinomial(r_q, q)), for the geometric distribution with probability p.

    Source: the definition
    """
    one = xp.ones_like(probs_p)
    return negative_binomial_gap(xp, one, 1 - probs_p, probs_p, total_count, probs_q, 1 - probs_q)


@declare.formula(NegativeBinomial, Poisson)
def kl_negative_binomial_poisson(xp: Namespace, total_count: Array, probs: Array, rate: Array) -> Array:
    """[m log(m / l) - m + l] + E log(Gamma(k + r) / Gamma(r)) - (m + r) log(m + r) + r log r + m, m = r p / (1 - p).

    The first part is the divergence between Poisson distributions, the rest that to the one of the same mean, an
    integral of the generating function.

    Source: the definition
    """
    return negative_binomial_poisson_gap(xp, total_count, probs, 1 - probs, rate)


@declare.formula(Geometric, Poisson)
def kl_geometric_poisson(xp: Namespace, probs: Array, rate: Array) -> Array:
    """[m log(m / l) - m + l] + E log k! - (m + 1) log(m + 1) + m, with m = (1 - p) / p.

    It is that of the negative binomial distribution with one success.

    Source: the definition
    """
    one = xp.ones_like(probs)
    return negative_binomial_poisson_gap(xp, one, 1 - probs, probs, rate)


@declare.formula(Poisson, NegativeBinomial)
def kl_poisson_negative_binomial(xp: Namespace, rate: Array, total_count: Array, probs: Array) -> Array:
    """m log(l / p) - l - r log(1 - p) - E log(Gamma(k + r) / Gamma(r)), with m = l the mean of k.

    Computed as the divergence to the distribution of the same mean, an integral of the generating function, and
    a gap of means.

    Source: the definition
    """
    gap = poisson_cgf(xp, rate).gap(None, total_count)
    return odds_gap(xp, rate, total_count, probs, 1 - probs) + gap


declare.expectations(
    NegativeBinomial,
    entropy=lambda xp, r, p: negative_binomial_entropy(xp, r, p, 1 - p),
    mean=lambda xp, r, p: r * (p / (1 - p)),
    log_factorial_excess=lambda xp, r, p: negative_binomial_cgf(xp, r, p, 1 - p).log_factorial_excess(),
    log_pochhammer_excess=lambda xp, s, r, p: negative_binomial_cgf(xp, r, p, 1 - p).log_pochhammer_excess(s),
)


@declare.cross_entropy(NegativeBinomial, "mean", "log_factorial_excess", "log_pochhammer_excess")
def cross_entropy_negative_binomial(xp: Namespace, e: Expectations, r: Array, p: Array) -> Array:
    """E log k! - E log(Gamma(k + r) / Gamma(r)) - r log(1 - p) - E k log p - H(P).

    Source: the definition
    """
    logs = e("log_factorial_excess") - e("log_pochhammer_excess", r)
    return odds_gap(xp, e("mean"), r, p, 1 - p) + logs


@declare.interpolation(NegativeBinomial, equal=("total_count",))
def between_negative_binomials(
    xp: Namespace, t: Array, r_p: Array, probs_p: Array, r_q: Array, probs_q: Array
) -> NegativeBinomial:
    """log(probs) is natural, for one count."""
    return NegativeBinomial(r_p, geometric(xp, t, probs_p, probs_q))
