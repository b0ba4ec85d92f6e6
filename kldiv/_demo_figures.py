"""The pictures of ``python -m kldiv --figures DIR``: two Gaussians and their samples, and heat maps of real data."""
# pyright: reportMissingImports=false
# matplotlib is optional; nothing imports this module unless it is there.

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure  # not pyplot: a figure of its own uses Agg and leaves the caller's backend alone
from matplotlib.patches import Ellipse
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from kldiv._examples import DRAWS, monte_carlo

BLUE, ORANGE, GREY = "#2166ac", "#e08214", "#555555"
COLOURS = "YlGnBu"  # matplotlib's name of a sequential map
SHOWN = 1_000  # of the draws: more hide each other


def save(document: Any, folder: str) -> list[str]:
    """Save all pictures, and return their paths."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    figures = {"gaussians": gaussians(document)}
    figures |= {dataset["name"].lower(): heat_maps(dataset) for dataset in document["data"]}
    paths = []
    for name, figure in figures.items():
        paths.append(str(Path(folder, f"{name}.png")))
        figure.savefig(paths[-1], dpi=150)
    return paths


def _kldiv(case: Any) -> float:
    """Return what kldiv found, on the first framework."""
    return float(next(iter(case["kldiv"].values())))


def gaussians(document: Any) -> Figure:
    """Draw two Gaussians with samples of each, and the Monte Carlo estimate of their divergence as draws are added."""
    mc = monte_carlo()
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)

    others = np.random.default_rng(1).normal(mc.loc_q, mc.scale_q, size=(SHOWN, 2))
    for name, loc, scale, draws, colour in (
        ("Q = N([-3, 2], 2.5²)", mc.loc_q, mc.scale_q, others, ORANGE),
        ("P = N([1, 4], 1²)", mc.loc_p, mc.scale_p, mc.draws[:SHOWN], BLUE),
    ):
        left.scatter(*draws.T, s=5, color=colour, alpha=0.3, linewidths=0)
        for sds in (1, 2, 3):
            left.add_patch(
                Ellipse((loc[0], loc[1]), *(2 * sds * scale), fill=False, edgecolor=colour, linewidth=2.2 - 0.5 * sds)
            )
        left.plot(*loc, "+", color=colour, markersize=11, markeredgewidth=2.2, label=name)
    left.set(
        title=f"{SHOWN} samples of each; ellipses at 1, 2 and 3 sd",
        xlabel="$x_1$",
        ylabel="$x_2$",
        aspect="equal",
        ylim=(-6.5, 12.5),
    )
    left.legend(loc="upper left")

    n = np.arange(1, DRAWS + 1)
    mean = np.cumsum(mc.log_ratios) / n
    variance = np.maximum(np.cumsum(mc.log_ratios**2) / n - mean**2, 0.0)
    error = np.sqrt(variance / n)
    right.fill_between(n, mean - error, mean + error, color=BLUE, alpha=0.2, linewidth=0, label="± one standard error")
    right.plot(n, mean, color=BLUE, linewidth=1.3, label="mean of log p(x) - log q(x), x ~ P")
    (case,) = (case for example in document["examples"] for case in example["cases"] if "standard_error" in case)
    right.axhline(_kldiv(case), color=GREY, linestyle="--", linewidth=1.3, label=f"kldiv: {_kldiv(case):.10f}")
    right.set(xscale="log", xlim=(10, DRAWS), xlabel="number of draws", ylabel="KL(P || Q) in nats")
    right.set_ylim(_kldiv(case) - 0.8, _kldiv(case) + 0.8)
    right.set_title(f"Monte Carlo after {DRAWS} draws: {mean[-1]:.4f} ± {mc.standard_error:.4f}")
    right.legend(loc="upper right")
    return figure


def heat_maps(dataset: Any) -> Figure:
    """Draw the divergences of all ordered pairs of classes, element-wise and with full covariance."""
    classes = dataset["classes"]
    figure = Figure(figsize=(11, 5), layout="constrained")
    figure.suptitle(f"{dataset['name']}: a Gaussian fitted to each class, all ordered pairs", fontsize=13)
    titles = {"element_wise": "element-wise, without correlations", "full_covariance": "full covariance"}
    matrices = {key: np.reshape([_kldiv(case) for case in dataset[key]], (len(classes),) * 2) for key in titles}
    positive = np.concatenate([m[m > 0] for m in matrices.values()])
    norm = LogNorm(positive.min(), positive.max())  # one scale for both, or their colours could not be compared
    panels = figure.subplots(1, 2)
    for axes, (key, title) in zip(panels, titles.items(), strict=True):
        matrix = matrices[key]
        axes.imshow(np.ma.masked_equal(matrix, 0.0), norm=norm, cmap=COLOURS)
        axes.set_facecolor("#eeeeee")  # the diagonal: exactly 0, which a logarithmic scale lacks
        for (i, j), value in np.ndenumerate(matrix):
            dark = value > 0 and norm(value) > 0.55
            axes.text(j, i, f"{value:.4g}", ha="center", va="center", fontsize=13, color="white" if dark else "black")
        axes.set_xticks(range(len(classes)), classes)
        axes.set_yticks(range(len(classes)), classes, rotation=90, va="center")
        axes.set(title=title, xlabel="q", ylabel="p")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    scale = ScalarMappable(norm, COLOURS)
    bar = figure.colorbar(scale, ax=panels, label="KL(p || q) in nats", shrink=0.9, ticks=LogLocator(subs=(1, 2, 5)))
    bar.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    return figure
