r"""
Two numbers: correlation costs
==============================

P has a correlation that Q leaves out, as the posterior of a variational autoencoder with a diagonal covariance does.
The solid contours hold half of the mass, the dashed ones nine tenths.
"""

import numpy as np

import kldiv

covariance = np.array([[1.0, 0.8], [0.8, 1.0]])
p = kldiv.MultivariateNormal([0.0, 0.0], covariance)
q = kldiv.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0])
kldiv.plotting.densities(p, q)

# %%
# The divergence is the information that one of the numbers has about the other, -log(1 - r^2) / 2:
print(kldiv.kl_divergence(p, q), -0.5 * np.log(1 - 0.8**2))
