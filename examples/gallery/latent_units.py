r"""
Which latent units of an autoencoder are used
=============================================

An encoder returns a mean and a log variance for each latent unit. The divergence of a unit from the prior, averaged
over a batch, is the number of nats that the unit carries: units that have collapsed to the prior carry none. There is
no reduction in kldiv, so that the divergence of each unit can be seen; the loss is their sum.
"""

import matplotlib.pyplot as plt
import numpy as np

import kldiv

rng = np.random.default_rng(0)
used = np.array([1.5, 1.0, 0.7, 0.4, 0.1, 0.0, 0.0, 0.0])  # how far each unit moves with the input
mean = rng.normal(size=(256, 8)) * used
log_variance = -2.0 * used + 0.01 * rng.normal(size=(256, 8))

kl = kldiv.kl_divergence(kldiv.NormalLogVariance(mean, log_variance), kldiv.NormalLogVariance(0.0, 0.0))
per_unit = kl.mean(axis=0)

fig, ax = plt.subplots(layout="constrained")
ax.bar_label(ax.bar(range(8), per_unit), fmt="%.2g", padding=3)
ax.set(xlabel="latent unit", ylabel="mean KL in nats", title=f"KL of the batch: {kl.sum(axis=-1).mean():.3g} nats")
