r"""
The next token: logits as they are
==================================

Two models give logits for the next word. The logits are passed as they are: no softmax beforehand, which would lose
digits where the models nearly agree, and no word is lost whose probability underflows.
"""

import numpy as np

import kldiv

words = ["the", "a", "my", "this", "no"]
p = kldiv.CategoricalLogits(np.array([2.0, 1.0, 0.0, -0.5, -1.0]))
q = kldiv.CategoricalLogits(np.array([1.0, 1.0, 0.5, -0.5, 0.5]))
kldiv.plotting.densities(p, q, classes=words)

# %%
# A word that Q rules out makes the divergence infinite, and only that one:
ruled_out = kldiv.CategoricalLogits(np.array([2.0, 1.0, 0.0, -0.5, -np.inf]))
print(kldiv.kl_divergence(p, ruled_out), kldiv.kl_divergence(ruled_out, p))
