r"""
Seeking one mode or covering both
=================================

No normal distribution is close to a mixture with two modes. Which one is nearest depends on the direction. To minimize
KL(target || q) covers the target: where q has no mass but the target has, the divergence would be large. To minimize
KL(q || target) seeks a mode: q pays for mass where the target has none, and may leave out what it likes.
"""

import kldiv

target = kldiv.Mixture([0.4, 0.6], kldiv.Normal([-2.5, 2.5], [0.6, 0.8]))
start = kldiv.Normal(1.0, 1.0)

covering = kldiv.fit(target, start, direction="forward")
kldiv.plotting.densities(target, covering.distribution, labels=("Target", "q"))

# %%
# The same start and the other direction:
seeking = kldiv.fit(target, start, direction="reverse")
kldiv.plotting.densities(seeking.distribution, target, labels=("q", "Target"))

# %%
# The steps on the way, with the target beside the densities:
kldiv.plotting.trajectory(seeking, target)
