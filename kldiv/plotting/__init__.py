"""Pictures of divergences, with matplotlib: ``pip install "kldiv[plot]"``.

Each function draws into the axes that are passed as `ax` and returns them. Without `ax` it makes a new figure through
pyplot, so that notebooks show it; with `ax` pyplot is never loaded. Colours, sizes and fonts are those of the active
style. Arrays may be of any framework. What is drawn is computed on the host, in float64.

Examples
--------
>>> from matplotlib.figure import Figure
>>> import kldiv
>>> ax = kldiv.plotting.densities(kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 1.5), ax=Figure().subplots())
>>> ax.get_title()
'KL(P || Q) = 0.3499 nats'
"""

from kldiv.plotting.convergence import convergence
from kldiv.plotting.densities import densities
from kldiv.plotting.divergences import divergences
from kldiv.plotting.pairwise import pairwise
from kldiv.plotting.trajectory import trajectory

__all__ = ["convergence", "densities", "divergences", "pairwise", "trajectory"]
