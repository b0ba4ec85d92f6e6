"""The picture of the convergence of a Monte Carlo estimate."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from kldiv.plotting._arguments import Vector, as_numpy, require_finite
from kldiv.plotting._axes import SHADE, Axes, neutral_colour, prepare_axes, require_matplotlib

_MAX_POINTS = 2000  # of a running mean: more than there are pixels


def convergence(trace: Any, truth: Any = None, *, ax: Axes = None, confidence: float = 0.95) -> Axes:
    """Draw how a Monte Carlo estimate converges: the running mean of its terms, and its squared error.

    After n terms the mean is m_n and the variance of the terms s_n^2. The band is ``m_n +- z s_n / sqrt(n)``, which
    holds the truth with probability `confidence`, point by point, once n is large enough for the central limit theorem.
    The squared error ``(m_n - truth)^2`` is drawn beside the line ``s^2 / n``, its expectation, with the interval that
    holds it with probability `confidence`: ``s^2 / n`` times quantiles of the chi-square distribution with 1 degree of
    freedom. A squared error that leaves the line for good has a bias.

    Parameters
    ----------
    trace
        The terms, a vector: log p(x) - log q(x) at draws of P, in the order in which they were drawn.
    truth
        What the mean should be.
    ax
        Axes for the running mean, or a pair of axes, for the mean and for the squared error. None makes a new figure:
        with both if there is a `truth`, with the mean alone if there is none.
    confidence
        The probability of the band, between 0 and 1.

    Returns
    -------
    Axes or tuple of two Axes
        What was drawn into; the values are in nats, the squared errors in square nats.

    Raises
    ------
    ValueError
        If the trace is not a vector of three terms or more, or has one that is not finite; the truth is not a finite
        number; or a pair of axes is given and no truth.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import numpy as np, kldiv
    >>> p, q = kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 1.0)
    >>> x = np.random.default_rng(0).normal(size=1000)
    >>> trace = p.log_density(x) - q.log_density(x)
    >>> mean, error = kldiv.plotting.convergence(trace, kldiv.kl_divergence(p, q), ax=Figure().subplots(1, 2))
    >>> error.get_xscale(), error.get_yscale()
    ('log', 'log')
    """
    require_matplotlib()
    terms = _read_trace(trace)
    target = None if truth is None else _read_truth(truth)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1; got {confidence!r}")
    panels = prepare_axes(ax, 1 if target is None else 2)
    running = _running_mean(terms)
    if not isinstance(panels, tuple):
        _draw_mean(panels, running, target, confidence)
        return panels
    if len(panels) != 2 or target is None:
        reason = "the squared error needs a truth" if len(panels) == 2 else f"got {len(panels)}"
        raise ValueError(f"ax must be one axes, or two and a truth; {reason}")
    colour = _draw_mean(panels[0], running, target, confidence)
    _draw_squared_error(panels[1], running, target, confidence, colour)
    return panels


# ------------------------------------------------------------------------------------------------------------- compute


class _RunningMean(NamedTuple):
    """The mean and the variance of the first n terms, for some n."""

    n: NDArray[np.int_]
    mean: Vector
    variance: Vector


def _read_trace(trace: Any) -> Vector:
    terms = as_numpy(trace, "trace")
    if terms.ndim != 1 or terms.size < 3:
        raise ValueError(f"trace must be a vector of three terms or more; got shape {terms.shape}")
    require_finite(terms, "trace")
    return terms


def _read_truth(truth: Any) -> float:
    value = as_numpy(truth, "truth")
    if value.ndim:
        raise ValueError(f"truth must be one number; got shape {value.shape}")
    require_finite(value, "truth")
    return float(value)


def _running_mean(terms: Vector) -> _RunningMean:
    count = np.arange(1, terms.size + 1)
    centre = terms.mean()  # without it the sums of squares would cancel
    sums = np.cumsum(terms - centre)
    squares = np.cumsum((terms - centre) ** 2)
    variance = np.maximum(squares - sums**2 / count, 0.0) / np.maximum(count - 1, 1)
    first = min(10, 1 + terms.size // 10) + 1  # fewer terms show nothing but noise
    shown = np.unique(np.geomspace(first, terms.size, _MAX_POINTS).round().astype(int)) - 1
    return _RunningMean(count[shown], centre + sums[shown] / count[shown], variance[shown])


# ---------------------------------------------------------------------------------------------------------------- draw


def _draw_mean(ax: Axes, running: _RunningMean, truth: float | None, confidence: float) -> Any:
    """Draw the running mean with its confidence band, and return its colour."""
    n, mean, variance = running
    half_width = special.ndtri(0.5 + 0.5 * confidence) * np.sqrt(variance / n)
    low, high = mean - half_width, mean + half_width
    (line,) = ax.plot(n, mean, label=f"mean of n terms: {mean[-1]:.4g}")
    band = f"{100 * confidence:g} % confidence: ± {half_width[-1]:.2g}"
    ax.fill_between(n, low, high, color=line.get_color(), alpha=SHADE, linewidth=0, label=band)
    if truth is not None:
        ax.axhline(truth, color=neutral_colour(), linestyle="--", label=f"truth: {truth:.4g}")
    settled = slice(len(n) // 4, None)  # the band of few terms is too wide to choose limits by
    _set_height(ax, np.concatenate([low[settled], high[settled], mean, [] if truth is None else [truth]]))
    ax.set(xscale="log", xlim=(n[0], n[-1]), xlabel="number of terms n", ylabel="KL(P || Q) in nats")
    ax.legend()
    return line.get_color()


def _set_height(ax: Axes, values: Vector) -> None:
    """Show all values, with a margin."""
    low, high = values.min(), values.max()
    if high > low:
        margin = 0.1 * (high - low)
        ax.set_ylim(low - margin, high + margin)


def _draw_squared_error(ax: Axes, running: _RunningMean, truth: float, confidence: float, colour: Any) -> None:
    """Draw the squared error of the running mean beside its expectation."""
    n, mean, variance = running
    error = (mean - truth) ** 2
    ax.plot(n, np.ma.masked_equal(error, 0.0), color=colour, label="(mean - truth)²")
    ax.set(xscale="log", xlim=(n[0], n[-1]), xlabel="number of terms n", ylabel="squared error in nats²")
    if variance[-1] > 0:
        lowest = _draw_expected_error(ax, n, variance[-1], confidence)
    else:
        lowest = error[error > 0].min(initial=np.inf)
    if lowest < np.inf:
        ax.set_yscale("log")
        ax.set_ylim(bottom=0.5 * lowest)  # the error passes through 0 whenever the mean crosses the truth
    ax.legend()


def _draw_expected_error(ax: Axes, n: NDArray[np.int_], variance: float, confidence: float) -> float:
    """Draw the expected squared error with its confidence band, and return the lowest value of the band."""
    neutral = neutral_colour()
    expected = variance / n
    # The quantiles of the chi-square distribution with 1 degree of freedom are squares of those of a normal one.
    low, high = (special.ndtri(0.5 + 0.5 * level) ** 2 for level in (0.5 - 0.5 * confidence, 0.5 + 0.5 * confidence))
    ax.plot(n, expected, color=neutral, linestyle="--", label=f"expected: {variance:.3g} / n")
    band = f"{100 * confidence:g} % of squared errors"
    ax.fill_between(n, low * expected, high * expected, color=neutral, alpha=0.5 * SHADE, linewidth=0, label=band)
    return float(low * expected[-1])
