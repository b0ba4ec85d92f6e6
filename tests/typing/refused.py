# pyright: reportUnnecessaryTypeIgnoreComment=true
"""Wrong programs: mypy and pyright refuse each line with a comment, which would be unused if they did not."""

import kldiv

p = kldiv.Normal(0.0, 1.0)

print(kldiv.Gausian)  # type: ignore[attr-defined]
kldiv.Normal(0.0, scael=1.0)  # type: ignore[call-arg]
kldiv.Normal(0.0)  # type: ignore[call-arg]
print(p.rate)  # type: ignore[attr-defined]
kldiv.kl_divergence(0.3, p)  # type: ignore[arg-type]
kldiv.kl_divergence(p, [0.3, 0.7])  # type: ignore[arg-type]
kldiv.kl_divergence(p, kldiv.Normal)  # type: ignore[arg-type]
kldiv.kl_divergence(p, p, bsae=2)  # type: ignore[call-arg]
kldiv.kl_divergence(p)  # type: ignore[call-arg]
kldiv.sample(0.3, 100)  # type: ignore[arg-type]
kldiv.estimate(p, p, method="quadratur")  # type: ignore[arg-type]
kldiv.estimate(0.3, p)  # type: ignore[arg-type]
kldiv.estimate_from_counts([1], [1], method="plugin")  # type: ignore[arg-type]
kldiv.bounds(p, p, method="tight")  # type: ignore[arg-type]
kldiv.fit(p, p, direction="backwards")  # type: ignore[arg-type]
kldiv.fit(p, p, steps="all")  # type: ignore[arg-type]
print(kldiv.fit(p, p).distribution.rate)  # type: ignore[attr-defined]
print(kldiv.estimate(p, p).valeu)  # type: ignore[attr-defined]
kldiv.centroid(p, side="top")  # type: ignore[arg-type]
