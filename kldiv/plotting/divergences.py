"""The picture of several divergences of one pair."""

import math

import numpy as np

from kldiv._core.family import Family
from kldiv._core.parameters import named_leaves, unflatten
from kldiv.estimation.estimate import estimate
from kldiv.families.mixture import Mixture
from kldiv.plotting._axes import SHADE, Axes, prepare_axes, require_matplotlib
from kldiv.plotting._distributions import read_pair


def divergences(p: Family, q: Family, *, ax: Axes = None, labels: tuple[str, str] = ("P", "Q")) -> Axes:
    """Draw KL(P || Q) beside KL(Q || P), Jeffreys' divergence and that of Jensen and Shannon, as bars.

    With M the mixture of P and Q in equal parts, for two members of one family::

        Jeffreys(P, Q) = KL(P || Q) + KL(Q || P)
        Jensen-Shannon(P, Q) = (KL(P || M) + KL(Q || M)) / 2 <= log 2

    Each bar has its number, a closed form or an estimate. An infinite one is hatched.

    Parameters
    ----------
    p, q
        Two distributions of numbers, one each, both continuous or both discrete.
    ax
        The matplotlib axes to draw into; None for those of a new figure.
    labels
        What to call P and Q.

    Returns
    -------
    Axes
        What was drawn into; the divergences are in nats.

    Raises
    ------
    TypeError
        If `p` or `q` is no distribution, or they belong to different frameworks.
    ValueError
        If a parameter is invalid, an outcome is not a number, there is a batch of distributions, or one of them is
        continuous and the other discrete.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import kldiv
    >>> ax = kldiv.plotting.divergences(kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 1.0), ax=Figure().subplots())
    >>> [text.get_text() for text in ax.texts]
    ['0.5', '0.5', '1', '0.1114']
    """
    require_matplotlib()
    p, q = read_pair(p, q)
    named = _compute(p, q, labels)
    ax = prepare_axes(ax, 1)
    _draw(ax, named)
    return ax


def _compute(p: Family, q: Family, labels: tuple[str, str]) -> dict[str, float]:
    """Return each divergence by its name."""
    forward, reverse = (f"KL({one} || {other})" for one, other in (labels, labels[::-1]))
    named = {forward: _value(p, q), reverse: _value(q, p)}
    named["Jeffreys"] = named[forward] + named[reverse]
    if type(p) is type(q):
        both = zip(named_leaves(p, "p"), named_leaves(q, "q"), strict=True)
        components = unflatten(p, iter([np.stack([x, y]) for (_, x), (_, y) in both]))
        middle = Mixture(np.asarray([0.5, 0.5]), components)
        named["Jensen-Shannon"] = (_value(p, middle) + _value(q, middle)) / 2
    return named


def _value(p: Family, q: Family) -> float:
    return float(estimate(p, q).value)


def _draw(ax: Axes, named: dict[str, float]) -> None:
    finite = [value for value in named.values() if value < math.inf]
    longest = 1.3 * max(finite, default=0.0) or 1.0
    lengths = [min(value, longest) for value in named.values()]
    bars = ax.barh(list(named), lengths)
    for bar, value in zip(bars, named.values(), strict=True):
        if value == math.inf:
            bar.set(hatch="//", alpha=SHADE)
    ax.bar_label(bars, ["∞" if value == math.inf else f"{value:.4g}" for value in named.values()], padding=3)
    ax.invert_yaxis()
    ax.set(xlim=(0.0, 1.15 * max(lengths) or 1.0), xlabel="nats")
