"""The picture of several divergences of one pair."""

import math

import pytest

import kldiv
from kldiv import plotting
from pictures import NORMAL

JENSEN_SHANNON = 0.11142148218473618  # mpmath's quadrature of the definition


def test_bars_are_the_divergences(array, ax):
    plotting.divergences(kldiv.Normal(array(0.0), array(1.0)), kldiv.Normal(array(1.0), array(1.0)), ax=ax)
    lengths = {label.get_text(): bar.get_width() for label, bar in zip(ax.get_yticklabels(), ax.patches, strict=True)}
    exact = {"KL(P || Q)": 0.5, "KL(Q || P)": 0.5, "Jeffreys": 1.0, "Jensen-Shannon": JENSEN_SHANNON}
    assert lengths == pytest.approx(exact, rel=1e-6)
    assert [text.get_text() for text in ax.texts] == [f"{value:.4g}" for value in exact.values()]


def test_infinite_bars_are_hatched(ax):
    plotting.divergences(kldiv.Exponential(1.0), NORMAL, ax=ax, labels=("E", "N"))
    assert [text.get_text() for text in ax.texts][1:] == ["∞", "∞"]
    assert [bool(bar.get_hatch()) for bar in ax.patches] == [False, True, True]
    assert max(bar.get_width() for bar in ax.patches) < math.inf
    assert [label.get_text() for label in ax.get_yticklabels()] == ["KL(E || N)", "KL(N || E)", "Jeffreys"]


def test_jensen_shannon_of_distributions_apart_is_log_2(ax):
    plotting.divergences(kldiv.Uniform(0.0, 1.0), kldiv.Uniform(2.0, 3.0), ax=ax)
    assert [text.get_text() for text in ax.texts] == ["∞", "∞", "∞", "0.6931"]


def test_divergences_refuses_vectors(ax):
    vector = kldiv.MultivariateNormalDiag([0.0, 0.0, 0.0], [1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="MultivariateNormalDiag, are not numbers"):
        plotting.divergences(vector, vector, ax=ax)
