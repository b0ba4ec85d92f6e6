"""The figures of the worked examples: samples, an estimate from them, a descent, and heat maps of real data."""
# matplotlib is optional: an example imports this module only where it draws.

import datetime
import math
from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure  # not pyplot: a figure of its own uses Agg and leaves the caller's backend alone
from matplotlib.patches import Ellipse

import kldiv
from _report import main
from _report.records import Case
from _report.truths import Vector
from kldiv import plotting

SHOWN = 1_000  # of the samples: more hide each other


def first(case: Case) -> float:
    """Return the number of the first framework."""
    return float(next(iter(case["kldiv"].values())))


def errors(distances: Vector, cases: Sequence[Case]) -> Figure:
    """Draw the relative error of each library against the relative distance of two distributions."""
    figure = Figure(figsize=(8, 4.8), layout="constrained")
    axes = figure.subplots()
    truth = np.asarray([case["truth"] for case in cases])
    for name, mark in zip(cases[0]["peers"], "sD^vP", strict=False):
        error = _relative([case["peers"][name] for case in cases], truth)
        axes.plot(distances, error, marker=mark, markersize=4, linewidth=1, label=name)
    frameworks = list(cases[0]["kldiv"])
    own = [_relative([case["kldiv"][name] for case in cases], truth) for name in frameworks]
    axes.plot(distances, np.max(own, axis=0), color="black", lw=2.5, label="kldiv")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="relative distance of the two distributions",
        ylabel="relative error of KL(P || Q)",
        title="The error of a divergence, where two distributions come close",
    )
    axes.invert_xaxis()
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    axes.set_ylim(top=30.0)
    figure.supxlabel(f"{datetime.date.today()}, float64; kldiv: largest of {_versions(frameworks)}", fontsize="x-small")
    return figure


def _versions(frameworks: Sequence[str]) -> str:
    """Return what was compared, with versions: the frameworks, then the other libraries."""
    others = ("scipy", "tensorflow-probability", "numpyro")
    installed = {name: main.version(name) for name in (*frameworks, *others)}
    named = [f"{name} {version.partition('+')[0]}" for name, version in installed.items() if version]
    return ", ".join(named[: len(frameworks)]) + "; " + ", ".join(named[len(frameworks) :])


def _relative(values: Sequence[float], truth: Vector) -> Vector:
    """Return relative errors; those below the unit roundoff, 0 among them, are drawn there."""
    return np.maximum(np.abs(np.asarray(values) - truth) / truth, 2.0**-53)


def gaussians(p: Sequence[Vector], q: Sequence[Vector], samples_p: Vector, samples_q: Vector) -> Figure:
    """Draw two diagonal Gaussians, given by mean and standard deviation, with samples of each."""
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    for name, (mean, sd), samples, layer in (("P", p, samples_p, 1.2), ("Q", q, samples_q, 1.1)):
        label = f"{name}: mean [{mean[0]:g}, {mean[1]:g}], sd {sd[0]:g}"
        (centre,) = axes.plot(*mean, "+", markersize=11, markeredgewidth=2.2, label=label, zorder=3)
        colour = centre.get_color()
        axes.scatter(*samples[:SHOWN].T, s=5, color=colour, alpha=0.3, linewidths=0, zorder=layer)
        for sds in (1, 2, 3):
            axes.add_patch(
                Ellipse((mean[0], mean[1]), *(2 * sds * sd), fill=False, edgecolor=colour, linewidth=2.2 - 0.5 * sds)
            )
    axes.set(
        title=f"{SHOWN} samples of each; ellipses at 1, 2 and 3 sd",
        xlabel="$x_1$",
        ylabel="$x_2$",
        aspect="equal",
        ylim=(-6.5, 12.5),
    )
    axes.legend(loc="upper left")
    return figure


def convergence(log_ratios: Vector, exact: float) -> Figure:
    """Draw a Monte Carlo estimate as draws are added, and its error."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    draws = len(log_ratios)
    figure.suptitle(f"Monte Carlo with {draws} draws: the mean of log p(x) - log q(x), x ~ P, and the exact divergence")
    plotting.convergence(log_ratios, exact, ax=figure.subplots(1, 2))
    return figure


def trajectory(descent: "kldiv.Fit") -> Figure:
    """Draw a gradient descent of a Gaussian towards another one on a grid."""
    figure = Figure(figsize=(15, 4.6), layout="constrained")
    figure.suptitle("Gradient descent from N(5, 1) towards N(0, 7), by a sum over a grid without its spacing dx = 0.1")
    plotting.trajectory(descent, kldiv.Normal(0.0, math.sqrt(7.0)), ax=figure.subplots(1, 3))
    return figure


def heat_maps(name: str, cases: Sequence[Case]) -> Figure:
    """Draw the divergences of all ordered pairs of classes, first without correlations and then with them."""
    half = len(cases) // 2
    # Row by row, so that the classes q of the first row are all classes.
    classes = [case["case"].partition(" || ")[2] for case in cases[: math.isqrt(half)]]
    figure = Figure(figsize=(12, 5), layout="constrained")
    figure.suptitle(f"{name}: a Gaussian fitted to each class, all ordered pairs", fontsize=13)
    matrices = {
        "without correlations": np.reshape([first(case) for case in cases[:half]], (len(classes),) * 2),
        "full covariance": np.reshape([first(case) for case in cases[half:]], (len(classes),) * 2),
    }
    positive = np.concatenate([m[m > 0] for m in matrices.values()])
    norm = LogNorm(positive.min(), positive.max())  # one scale for both, so that their colours can be compared
    for axes, (title, matrix) in zip(figure.subplots(1, 2), matrices.items(), strict=True):
        plotting.pairwise(matrix, classes, ax=axes, norm=norm)
        axes.set_title(title)
    return figure
