"""Normal distributions with full covariance, in float32.

Large matrices are compared with what the textbook needs of LAPACK, two Cholesky factors and a triangular solution,
everything else with torch.distributions, built and validated as ours is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from measure import Row, array_of, peak, ratio
from scipy.linalg.blas import strsm
from scipy.linalg.lapack import spotrf

import kldiv

BATCHES = [((10000,), (10000,), 2), ((5000,), (5000,), 5), ((1000,), (1000,), 10), ((200,), (200,), 50)]
SHARED = [((), (5000,), 10), ((5000,), (1,), 10), ((), (500,), 50), ((500,), (), 50)]


def drawn(shape: tuple[int, ...], d: int, seed: int) -> tuple[Any, Any]:
    """Return means and covariance matrices."""
    rng = np.random.default_rng(seed)
    factors = rng.standard_normal((*shape, d, 2 * d), np.float32)
    covariances = factors @ np.swapaxes(factors, -1, -2) / d
    return rng.standard_normal((*shape, d), np.float32), np.tril(covariances) + np.swapaxes(
        np.tril(covariances, -1), -1, -2
    )


def ours(backend: str, p: Any, q: Any) -> Callable[[], Any]:
    """Return a call of the divergence."""
    p, q = (kldiv.MultivariateNormal(*map(array_of(backend), x)) for x in (p, q))
    return lambda: np.asarray(kldiv.kl_divergence(p, q))


def textbook(p: Any, q: Any) -> Callable[[], Any]:
    """Return what takes the time of the textbook formula."""

    def call() -> Any:
        (top, _), (bottom, _) = spotrf(p[1].T, lower=0), spotrf(q[1].T, lower=0)
        return strsm(1.0, bottom, top, lower=0, trans_a=1)

    return call


def peer(p: Any, q: Any) -> Callable[[], Any]:
    """Return a call of torch.distributions."""
    import torch
    from torch.distributions import MultivariateNormal, kl_divergence

    p, q = ([torch.from_numpy(x) for x in d] for d in (p, q))
    return lambda: kl_divergence(MultivariateNormal(*p), MultivariateNormal(*q))


def shared(backend: str) -> tuple[Callable[[], Any], Callable[[], Any], int]:
    """Return one covariance matrix against many, the same with few, and the size of the input, to measure memory."""
    p, q = drawn((), 10, 0), drawn((100_000,), 10, 1)
    few = [x[:100] for x in q]
    return ours(backend, p, q), ours(backend, p, few), sum(x.nbytes for x in (*p, *q))


def rows(backend: str) -> Iterator[Row]:
    """Yield the rows that a backend has."""
    for d in (500, 1000, 2000):
        p, q = drawn((), d, 0), drawn((), d, 1)
        yield Row(f"covariance, d = {d} / 2 potrf and trsm", ratio(ours(backend, p, q), textbook(p, q)), "<= 0.9")
    yield Row("covariance, one against 100000, d = 10, memory / input", peak("covariance", "shared", backend), "<= 1.5")
    if backend != "torch":
        return
    for cases, wanted in ((BATCHES, "<= 0.7"), (SHARED, "<= 0.75")):
        for batch_p, batch_q, d in cases:
            p, q = drawn(batch_p, d, 0), drawn(batch_q, d, 1)
            for name in ("numpy", backend):
                what = f"covariance, {name}, batches {batch_p} and {batch_q}, d = {d} / torch.distributions"
                yield Row(what, ratio(ours(name, p, q), peer(p, q)), wanted)
