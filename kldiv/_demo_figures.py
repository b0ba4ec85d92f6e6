"""The pictures of ``python -m kldiv --figures DIR``: samples, an estimate from them, a descent, heat maps of data."""
# pyright: reportMissingImports=false
# matplotlib is optional; nothing imports this module unless it is there.

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure  # not pyplot: a figure of its own uses Agg and leaves the caller's backend alone
from matplotlib.patches import Ellipse

from kldiv import plotting
from kldiv._examples import DRAWS, descent, monte_carlo

SHOWN = 1_000  # of the draws: more hide each other


def save(document: Any, folder: str) -> list[str]:
    """Save all pictures, and return their paths."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    figures = {"gaussians": gaussians(), "convergence": convergence(document), "trajectory": trajectory()}
    figures |= {dataset["name"].lower(): heat_maps(dataset) for dataset in document["data"]}
    paths: list[str] = []
    for name, figure in figures.items():
        paths.append(str(Path(folder, f"{name}.png")))
        figure.savefig(paths[-1], dpi=150)
    return paths


def _kldiv(case: Any) -> float:
    """Return what kldiv found, on the first framework."""
    return float(next(iter(case["kldiv"].values())))


def gaussians() -> Figure:
    """Draw two Gaussians with samples of each."""
    mc = monte_carlo()
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    others = np.random.default_rng(1).normal(mc.loc_q, mc.scale_q, size=(SHOWN, 2))
    for name, loc, scale, draws, layer in (
        ("P = N([1, 4], 1²)", mc.loc_p, mc.scale_p, mc.draws[:SHOWN], 1.2),
        ("Q = N([-3, 2], 2.5²)", mc.loc_q, mc.scale_q, others, 1.1),
    ):
        (centre,) = axes.plot(*loc, "+", markersize=11, markeredgewidth=2.2, label=name, zorder=3)
        colour = centre.get_color()
        axes.scatter(*draws.T, s=5, color=colour, alpha=0.3, linewidths=0, zorder=layer)
        for sds in (1, 2, 3):
            axes.add_patch(
                Ellipse((loc[0], loc[1]), *(2 * sds * scale), fill=False, edgecolor=colour, linewidth=2.2 - 0.5 * sds)
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


def convergence(document: Any) -> Figure:
    """Draw the Monte Carlo estimate of the divergence of the two Gaussians, as draws are added, and its error."""
    (case,) = (case for example in document["examples"] for case in example["cases"] if "standard_error" in case)
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    figure.suptitle(f"Monte Carlo with {DRAWS} draws: the mean of log p(x) - log q(x), x ~ P, and the exact divergence")
    plotting.convergence(monte_carlo().log_ratios, _kldiv(case), ax=figure.subplots(1, 2))
    return figure


def trajectory() -> Figure:
    """Draw the gradient descent that circulates, of a Gaussian towards another one on a grid."""
    figure = Figure(figsize=(15, 4.6), layout="constrained")
    figure.suptitle("Gradient descent from N(5, 1) towards N(0, 7), by the sum over a grid that forgot dx = 0.1")
    plotting.trajectory(descent(), ax=figure.subplots(1, 3))
    return figure


def heat_maps(dataset: Any) -> Figure:
    """Draw the divergences of all ordered pairs of classes, element-wise and with full covariance."""
    classes = dataset["classes"]
    figure = Figure(figsize=(12, 5), layout="constrained")
    figure.suptitle(f"{dataset['name']}: a Gaussian fitted to each class, all ordered pairs", fontsize=13)
    titles = {"element_wise": "element-wise, without correlations", "full_covariance": "full covariance"}
    matrices = {key: np.reshape([_kldiv(case) for case in dataset[key]], (len(classes),) * 2) for key in titles}
    positive = np.concatenate([m[m > 0] for m in matrices.values()])
    norm = LogNorm(positive.min(), positive.max())  # one scale for both, or their colours could not be compared
    for axes, (key, title) in zip(figure.subplots(1, 2), titles.items(), strict=True):
        plotting.pairwise(matrices[key], classes, ax=axes, norm=norm)
        axes.set_title(title)
    return figure
