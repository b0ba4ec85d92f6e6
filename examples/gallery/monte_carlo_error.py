r"""
How fast an estimate converges
==============================

The mean of log p(x) - log q(x) over samples of P is an estimate of KL(P || Q). Its squared error falls as 1 / n, so a
hundred times as many samples give one more digit. Where there is a closed form, as here, it gives all digits at once.
"""

import kldiv

p, q = kldiv.Gamma(2.0, 1.0), kldiv.Gamma(3.0, 2.0)
x = kldiv.sample(p, 100_000, rng=1)
kldiv.plotting.convergence(p.log_density(x) - q.log_density(x), kldiv.kl_divergence(p, q))
