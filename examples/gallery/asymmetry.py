r"""
The two directions differ
=========================

KL(P || Q) is not KL(Q || P). Each weighs log(p / q) by the distribution that comes first, so each looks where that one
has its mass. Here P is narrow and Q is wide. P hardly ever draws what surprises Q: KL(P || Q) is small. Q often draws
what P takes for nearly impossible: KL(Q || P) is large.
"""

import kldiv

p, q = kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 3.0)
kldiv.plotting.densities(p, q)

# %%
# Jeffreys' divergence is the sum of both directions. That of Jensen and Shannon compares each with the mixture of both,
# and is at most log 2, since the mixture rules nothing out that one of them allows.
kldiv.plotting.divergences(p, q)
