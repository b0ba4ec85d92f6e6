"""Rényi divergences, and the divergences that are functions of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.evaluation import in_base
from kldiv._core.family import Distribution, Family
from kldiv._core.interpolation import Way, chernoff_order, find_way, renyi_divergence
from kldiv._numerics.edges import root
from kldiv.divergences.calls import Number, evaluate_pair
from kldiv.divergences.kl import kl_divergence


def renyi(p: Distribution, q: Distribution, order: Any, *, base: float | None = None, validate: bool = True) -> Array:
    """Return the Rényi divergence ``D_a(p || q) = log(E_q[(p / q)^a]) / (a - 1)`` of order a, in nats.

    Parameters
    ----------
    p, q
        Distributions, as for `kl_divergence`. Geometric mixtures p^a q^(1-a) must belong to a family that is known: so
        for exponential families, and for some with a parameter that both sides share, such as the scale of `Pareto`.
    order
        The order a: a finite number that is not negative, or an array, which broadcasts with the batch. Order 1 is the
        Kullback-Leibler divergence, order 0 is ``-log Q(p > 0)``.
    base
        The base of the logarithm: None for nats, 2 for bits.
    validate
        Whether invalid parameters raise. Otherwise, and under a compiler or ``python -O``, they give nan.

    Returns
    -------
    array
        At least 0; exactly 0 if the parameters are identical; inf exactly where the divergence is infinite. It grows
        with the order, and is continuous in it.

    Raises
    ------
    ValueError
        If a parameter or the order is invalid, or a parameter differs that both sides must share.
    NoClosedForm
        If geometric mixtures of the pair belong to no family that is known.

    Notes
    -----
    With R the normalized geometric mixture, ``(1 - a) D_a(P || Q) = a KL(R || P) + (1 - a) KL(R || Q)``: a sum of
    divergences that keep their digits near equality.

    Source: van Erven and Harremoes (2014), arXiv:1206.2459, theorem 30.

    Examples
    --------
    >>> import kldiv
    >>> p, q = kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 1.0)
    >>> print(kldiv.renyi(p, q, [0.5, 1.0, 2.0]))  # a (m_p - m_q)^2 / 2
    [0.25 0.5  1.  ]
    >>> float(kldiv.renyi(kldiv.Normal(0.0, 2.0), q, 2.0))
    inf
    """
    value = _evaluate(_renyi, p, q, order, validate)
    return value if base is None else in_base(value, base)


def bhattacharyya(p: Distribution, q: Distribution, *, base: float | None = None, validate: bool = True) -> Array:
    """Return the Bhattacharyya distance, ``-log(integral of sqrt(p q))``: half the Rényi divergence of order 1/2.

    Parameters
    ----------
    p, q
        Distributions, as for `renyi`.
    base
        The base of the logarithm: None for nats, 2 for bits.
    validate
        Whether invalid parameters raise.

    Returns
    -------
    array
        At least 0, symmetric in `p` and `q`, and infinite where they have no outcomes in common.

    Raises
    ------
    ValueError, NoClosedForm
        As `renyi`.

    Notes
    -----
    Source: Bhattacharyya, On a measure of divergence between two statistical populations (1943).

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.bhattacharyya(kldiv.Normal(0.0, 1.0), kldiv.Normal(2.0, 1.0)))
    0.5
    """
    return 0.5 * renyi(p, q, 0.5, base=base, validate=validate)


def hellinger(p: Distribution, q: Distribution, *, squared: bool = False, validate: bool = True) -> Array:
    """Return the Hellinger distance ``H = sqrt(1 - integral of sqrt(p q))``, from 0 to 1.

    Some authors leave the factor 1/2 of ``H^2 = (1/2) integral of (sqrt p - sqrt q)^2`` out; their distance is larger
    by sqrt(2).

    Parameters
    ----------
    p, q
        Distributions, as for `renyi`.
    squared
        Whether to return H^2, which has derivatives where p and q are equal; those of the distance are set to 0 there.
    validate
        Whether invalid parameters raise.

    Returns
    -------
    array
        A metric between distributions.

    Raises
    ------
    ValueError, NoClosedForm
        As `renyi`.

    Notes
    -----
    Source: van Erven and Harremoes (2014), arXiv:1206.2459, equation 5, with the factor 1/2.

    Examples
    --------
    >>> import kldiv
    >>> print(kldiv.hellinger(kldiv.Bernoulli(0.0), kldiv.Bernoulli([0.0, 0.75, 1.0])))
    [0.         0.70710678 1.        ]
    """
    return _evaluate(_root_of_hellinger if not squared else _hellinger, p, q, 0.5, validate)


def chi2(p: Distribution, q: Distribution, *, validate: bool = True) -> Array:
    """Return Pearson's chi-squared divergence, ``integral of p^2 / q - 1``: ``exp(D_2) - 1`` with D_2 of `renyi`.

    Parameters
    ----------
    p, q
        Distributions, as for `renyi`.
    validate
        Whether invalid parameters raise.

    Returns
    -------
    array
        At least 0; infinite where q has too light tails.

    Raises
    ------
    ValueError, NoClosedForm
        As `renyi`.

    Notes
    -----
    Source: van Erven and Harremoes (2014), arXiv:1206.2459, equation 6.

    Examples
    --------
    >>> import kldiv
    >>> print(kldiv.chi2(kldiv.Bernoulli(0.5), kldiv.Bernoulli([0.5, 0.25])).round(12))
    [0.         0.33333333]
    """
    return tsallis(p, q, 2.0, validate=validate)


def tsallis(p: Distribution, q: Distribution, order: Any, *, validate: bool = True) -> Array:
    """Return the Tsallis divergence ``(E_q[(p / q)^a] - 1) / (a - 1)`` of order a.

    Parameters
    ----------
    p, q
        Distributions, as for `renyi`.
    order
        The order a, as for `renyi`; order 1 is the Kullback-Leibler divergence.
    validate
        Whether invalid parameters raise.

    Returns
    -------
    array
        At least 0.

    Raises
    ------
    ValueError, NoClosedForm
        As `renyi`.

    Notes
    -----
    It is ``expm1((a - 1) D_a) / (a - 1)``, with D_a of `renyi`.

    Source: Tsallis, Generalized entropy-based criterion for consistent testing (1998).

    Examples
    --------
    >>> import kldiv
    >>> p, q = kldiv.Bernoulli(0.5), kldiv.Bernoulli(0.25)
    >>> round(float(kldiv.tsallis(p, q, 2.0)), 12), round(float(kldiv.tsallis(p, q, 1.0)), 12)
    (0.333333333333, 0.143841036226)
    """
    return _evaluate(_tsallis, p, q, order, validate)


def alpha(p: Distribution, q: Distribution, order: Any, *, validate: bool = True) -> Array:
    """Return the alpha divergence ``(1 - E_q[(p / q)^a]) / (a (1 - a))`` of order a.

    Order 1 is KL(p || q), order 0 is KL(q || p), order 1/2 is four times the squared `hellinger` distance, order 2 half
    of `chi2`. Amari's alpha is ``1 - 2 a``.

    Parameters
    ----------
    p, q
        Distributions, as for `renyi`.
    order
        The order a, from 0 on: a number, or an array, which broadcasts with the batch.
    validate
        Whether invalid parameters raise.

    Returns
    -------
    array
        At least 0.

    Raises
    ------
    ValueError, NoClosedForm
        As `renyi`.

    Notes
    -----
    Source: Cichocki and Amari, Families of alpha- beta- and gamma-divergences (2010), Entropy 12(6).

    Examples
    --------
    >>> import kldiv
    >>> p, q = kldiv.Bernoulli(0.5), kldiv.Bernoulli(0.25)
    >>> print(kldiv.alpha(p, q, [0.0, 0.5, 2.0]).round(6))
    [0.130812 0.136297 0.166667]
    """
    return _evaluate(_alpha, p, q, order, validate)


def chernoff(p: Distribution, q: Distribution, *, base: float | None = None, validate: bool = True) -> Array:
    """Return the Chernoff information, the largest of ``(1 - a) D_a(p || q)`` over orders a from 0 to 1.

    It is the rate at which the error of the best test between p and q falls with the number of samples.

    Parameters
    ----------
    p, q
        Distributions, as for `renyi`.
    base
        The base of the logarithm: None for nats, 2 for bits.
    validate
        Whether invalid parameters raise.

    Returns
    -------
    array
        At least 0, symmetric in `p` and `q`.

    Raises
    ------
    ValueError, NoClosedForm
        As `renyi`.

    Notes
    -----
    At the best order the geometric mixture R is equally far from both: KL(R || P) = KL(R || Q). It is found by halving.

    Source: Nielsen, Chernoff information of exponential families (2011), arXiv:1102.2684.

    Examples
    --------
    >>> import kldiv
    >>> round(float(kldiv.chernoff(kldiv.Normal(0.0, 1.0), kldiv.Normal(2.0, 1.0))), 12)
    0.5
    """
    value = _evaluate(_chernoff, p, q, 0.5, validate)
    return value if base is None else in_base(value, base)


def jeffreys(p: Distribution, q: Distribution, *, base: float | None = None, validate: bool = True) -> Array:
    """Return the Jeffreys divergence, ``KL(p || q) + KL(q || p)``.

    Parameters
    ----------
    p, q
        Distributions, as for `kl_divergence`.
    base
        The base of the logarithm: None for nats, 2 for bits.
    validate
        Whether invalid parameters raise.

    Returns
    -------
    array
        At least 0, symmetric in `p` and `q`.

    Raises
    ------
    ValueError, NoClosedForm
        As `kl_divergence`.

    Notes
    -----
    Some authors take half of it.

    Source: Jeffreys, An invariant form for the prior probability in estimation problems (1946).

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.jeffreys(kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 1.0)))
    1.0
    """
    options: dict[str, Any] = {"base": base, "validate": validate}
    return kl_divergence(p, q, **options) + kl_divergence(q, p, **options)


# ------------------------------------------------------------------------------------------------ from arrays to values

Divergence = Callable[[Way, Namespace, Family, Family, Array], Array]
_ORDER = Number("order", "be finite and not negative", lambda xp, a: (a >= 0) & xp.isfinite(a))


def _evaluate(divergence: Divergence, p: Any, q: Any, order: Any, validate: bool) -> Array:
    return evaluate_pair(divergence, find_way, p, q, _ORDER, order, validate)


def _renyi(way: Way, xp: Namespace, p: Family, q: Family, order: Array) -> Array:
    return renyi_divergence(way, xp, p, q, order)


def _tsallis(way: Way, xp: Namespace, p: Family, q: Family, order: Array) -> Array:
    renyi, excess = renyi_divergence(way, xp, p, q, order), order - 1
    at_one = excess == 0
    return xp.where(at_one, renyi, xp.expm1(excess * renyi) / xp.where(at_one, 1.0, excess))


def _alpha(way: Way, xp: Namespace, p: Family, q: Family, order: Array) -> Array:
    # Of orders below 1/2 the mirrored one keeps its digits: a D_(1 - a)(Q || P) = (1 - a) D_a(P || Q).
    mirrored = order < 0.5
    straight = _tsallis(way, xp, p, q, xp.where(mirrored, 0.5, order)) / xp.where(mirrored, 0.5, order)
    turned = _tsallis(way.reversed(), xp, q, p, xp.where(mirrored, 1 - order, 0.5))
    return xp.where(mirrored, turned / xp.where(mirrored, 1 - order, 0.5), straight)


def _hellinger(way: Way, xp: Namespace, p: Family, q: Family, order: Array) -> Array:
    return -xp.expm1(-0.5 * renyi_divergence(way, xp, p, q, order))


def _root_of_hellinger(way: Way, xp: Namespace, p: Family, q: Family, order: Array) -> Array:
    return root(xp, _hellinger(way, xp, p, q, order))


def _chernoff(way: Way, xp: Namespace, p: Family, q: Family, order: Array) -> Array:
    order = chernoff_order(way, xp, p, q, order)
    return (1 - order) * renyi_divergence(way, xp, p, q, order)
