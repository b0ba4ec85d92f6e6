"""The Jensen-Shannon divergence and the total variation of distributions over classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from kldiv._arrays import cache
from kldiv._arrays.namespace import namespace
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.evaluation import in_base
from kldiv._core.family import Distribution, Family, FamilyKey, name_of
from kldiv._core.registry import NoClosedForm, Path, convert
from kldiv._core.search import reachable
from kldiv._numerics.edges import root
from kldiv._numerics.jensen_shannon import (
    bernoulli_jensen_shannon,
    bernoulli_logits_jensen_shannon,
    bernoulli_logits_variation,
    categorical_jensen_shannon,
    categorical_logits_jensen_shannon,
    categorical_logits_variation,
    categorical_variation,
)
from kldiv.divergences.calls import Number, evaluate_pair
from kldiv.families.bernoulli import Bernoulli, BernoulliLogits
from kldiv.families.categorical import Categorical, CategoricalLogits

Formula: TypeAlias = Callable[..., Array]


class _Formulas(NamedTuple):
    jensen_shannon: Formula
    variation: Formula


_FORMULAS: dict[FamilyKey, _Formulas] = {
    Bernoulli: _Formulas(bernoulli_jensen_shannon, lambda xp, p, q: xp.abs(p - q)),
    BernoulliLogits: _Formulas(bernoulli_logits_jensen_shannon, bernoulli_logits_variation),
    Categorical: _Formulas(categorical_jensen_shannon, categorical_variation),
    CategoricalLogits: _Formulas(categorical_logits_jensen_shannon, categorical_logits_variation),
}
_WEIGHT = Number("weight", "be between 0 and 1", lambda xp, w: (w >= 0) & (w <= 1))


class _Way(NamedTuple):
    """The formulas for a pair, and the conversions that lead there."""

    formulas: _Formulas
    path: Path
    equal: tuple[str, ...] = ()

    def parameters(self, xp: Namespace, p: Family, q: Family) -> tuple[Array, ...]:
        return (*convert(xp, self.path, p, 0), *convert(xp, self.path, q, 1))


def jensen_shannon(
    p: Distribution, q: Distribution, *, weight: Any = 0.5, base: float | None = None, validate: bool = True
) -> Array:
    """Return the Jensen-Shannon divergence ``w KL(p || m) + (1 - w) KL(q || m)``, with ``m = w p + (1 - w) q``.

    Parameters
    ----------
    p, q
        Distributions over classes: `Bernoulli`, `Categorical`, `OneHotCategorical`, in probabilities or in logits.
    weight
        The weight w of `p`, from 0 to 1: a number, or an array, which broadcasts with the batch.
    base
        The base of the logarithm: None for nats, 2 for bits.
    validate
        Whether invalid parameters raise. Otherwise, and under a compiler or ``python -O``, they give nan.

    Returns
    -------
    array
        At least 0, exactly 0 if the parameters are identical, and at most log 2; symmetric where the weight is 1/2.

    Raises
    ------
    ValueError
        If a parameter or the weight is invalid.
    NoClosedForm
        If `p` and `q` are not distributions over classes.

    Notes
    -----
    It is a sum over classes of terms that are not negative, in the relative difference of the probabilities, so that it
    keeps its digits where p and q are nearly equal.

    Source: Lin, Divergence measures based on the Shannon entropy (1991), IEEE Transactions on Information Theory 37(1).

    Examples
    --------
    >>> import kldiv
    >>> p, q = kldiv.Categorical([0.5, 0.5, 0.0]), kldiv.Categorical([0.5, 0.0, 0.5])
    >>> float(kldiv.jensen_shannon(p, q, base=2))
    0.5
    >>> float(kldiv.jensen_shannon(kldiv.CategoricalLogits([0.0, 1.0]), kldiv.CategoricalLogits([0.0, 1.0])))
    0.0
    """
    value = evaluate_pair(_divergence, _find, p, q, _WEIGHT, weight, validate)
    return value if base is None else in_base(value, base)


def jensen_shannon_distance(
    p: Distribution, q: Distribution, *, weight: Any = 0.5, base: float | None = None, validate: bool = True
) -> Array:
    """Return the Jensen-Shannon distance, the square root of `jensen_shannon`; with weight 1/2 it is a metric.

    This is what ``scipy.spatial.distance.jensenshannon`` returns.

    Parameters
    ----------
    p, q
        Distributions over classes, as for `jensen_shannon`.
    weight
        The weight of `p`.
    base
        The base of the logarithm, under the root: None for nats, 2 for bits.
    validate
        Whether invalid parameters raise.

    Returns
    -------
    array
        At least 0. Its derivatives are set to 0 where p and q are equal, where it has none.

    Raises
    ------
    ValueError, NoClosedForm
        As `jensen_shannon`.

    Notes
    -----
    Source: Endres and Schindelin, A new metric for probability distributions (2003), IEEE Transactions on Information
    Theory 49(7).

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.jensen_shannon_distance(kldiv.Categorical([1.0, 0.0]), kldiv.Categorical([0.0, 1.0]), base=2))
    1.0
    """
    value = jensen_shannon(p, q, weight=weight, base=base, validate=validate)
    return root(namespace(value), value)


def total_variation(p: Distribution, q: Distribution, *, validate: bool = True) -> Array:
    """Return the total variation distance, ``(1/2) sum |p - q|``: the largest difference in probability of an event.

    Parameters
    ----------
    p, q
        Distributions over classes, as for `jensen_shannon`.
    validate
        Whether invalid parameters raise.

    Returns
    -------
    array
        From 0 to 1.

    Raises
    ------
    ValueError, NoClosedForm
        As `jensen_shannon`.

    Notes
    -----
    Source: Tsybakov, Introduction to Nonparametric Estimation (2009), section 2.4.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.total_variation(kldiv.Categorical([0.5, 0.5, 0.0]), kldiv.Categorical([0.5, 0.25, 0.25])))
    0.25
    """
    return evaluate_pair(_variation, _find, p, q, _WEIGHT, 0.5, validate)


def _divergence(way: _Way, xp: Namespace, p: Family, q: Family, weight: Array) -> Array:
    return way.formulas.jensen_shannon(xp, *way.parameters(xp, p, q), weight)


def _variation(way: _Way, xp: Namespace, p: Family, q: Family, weight: Array) -> Array:
    return way.formulas.variation(xp, *way.parameters(xp, p, q)) + 0 * weight


def _find(p: FamilyKey, q: FamilyKey) -> _Way:
    way: _Way = cache.get_or_make("formulas of classes", (p, q), _search, p, q)
    return way


def _search(p: FamilyKey, q: FamilyKey) -> _Way:
    for at_p, at_q, path in reachable(p, q):
        if at_p == at_q and at_p in _FORMULAS:
            return _Way(_FORMULAS[at_p], path)
    raise NoClosedForm(
        f"no closed form is known here for {name_of(p)} and {name_of(q)}: there are those of Bernoulli and Categorical "
        "distributions, in probabilities and in logits"
    )
