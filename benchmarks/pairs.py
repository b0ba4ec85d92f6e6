"""All pairs: `kldiv.pairwise` against one product of matrices.

The product is of as many rows and columns, and as wide as the inner product that the divergence is: d for categorical
distributions, 2 d for diagonal normal ones, d^2 for full ones. All pairs are computed in float64, for products of
float32 do not hold 1e-6 where terms cancel; so parameters of float32 are compared with both products. Broadcasting in
PyTorch is the textbook formula over all pairs at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from measure import Row, array_of, peak, ratio

import kldiv

ROWS, MANY = 1000, 4000
SIZES = {"probs": 64, "logits": 64, "diagonal normal": 64, "full normal": 10, "Gamma vectors": 64}
WIDTHS = {"diagonal normal": 128, "full normal": 100, "Gamma vectors": 128}


def drawn(law: str, rows: int, dtype: str, seed: int) -> list[Any]:
    """Return parameters of a law as NumPy's arrays."""
    rng = np.random.default_rng(seed)
    d = SIZES[law]
    z, scale = rng.standard_normal((rows, d)), np.exp(0.3 * rng.standard_normal((rows, d)))
    weights = np.exp(z)
    below = np.tril(0.3 * rng.standard_normal((rows, d, d)), -1)
    drawn = {
        "probs": lambda: [weights / weights.sum(-1, keepdims=True)],
        "logits": lambda: [z],
        "diagonal normal": lambda: [z, scale],
        "full normal": lambda: [z, below + scale[..., None] * np.eye(d)],
        "Gamma vectors": lambda: [scale, weights],
    }[law]()
    return [x.astype(dtype) for x in drawn]


FAMILIES: dict[str, Callable[..., Any]] = {
    "probs": kldiv.Categorical,
    "logits": kldiv.CategoricalLogits,
    "diagonal normal": kldiv.MultivariateNormalDiag,
    "full normal": kldiv.MultivariateNormalTriL,
    "Gamma vectors": lambda *parameters: kldiv.Independent(kldiv.Gamma(*parameters)),
}


def framework(backend: str) -> tuple[Callable[[Any], Any], Callable[[Any, Any], Any], Callable[[Any], Any]]:
    """Return how to make an array, to multiply one with the transpose of another, and to wait for a result."""
    if backend == "jax":
        import jax

        jax.config.update("jax_enable_x64", True)
        return array_of(backend), jax.jit(lambda a, b: a @ b.T), jax.block_until_ready
    if backend == "tensorflow":
        import tensorflow as tf

        return array_of(backend), lambda a, b: tf.matmul(a, b, transpose_b=True), lambda x: x
    return array_of(backend), lambda a, b: a @ b.T, lambda x: x


def pair(backend: str, law: str, rows: int, dtype: str) -> tuple[Any, Any]:
    """Return two batches of distributions."""
    array = framework(backend)[0]
    return tuple(FAMILIES[law](*map(array, drawn(law, rows, dtype, seed))) for seed in (0, 1))  # type: ignore[return-value]


def output(backend: str, law: str, dtype: str) -> tuple[Callable[[], Any], Callable[[], Any], int]:
    """Return all pairs, a few of them, and the bytes of the result: what `measure.peak` asks for."""
    wait = framework(backend)[2]
    many, few = pair(backend, law, MANY, dtype), pair(backend, law, 10, dtype)
    size = MANY * MANY * np.dtype(dtype).itemsize
    return lambda: wait(kldiv.pairwise(*many)), lambda: wait(kldiv.pairwise(*few)), size


def broadcast(law: str, p: list[Any], q: list[Any]) -> Any:
    """Return the textbook formula over all pairs at once, for PyTorch's tensors."""
    p, q = [x[:, None] for x in p], [x[None] for x in q]
    if law == "diagonal normal":
        ratio = (p[1] / q[1]) ** 2
        return 0.5 * (ratio + ((p[0] - q[0]) / q[1]) ** 2 - 1 - ratio.log()).sum(-1)
    a, b = (x[0].log() if law == "probs" else x[0].log_softmax(-1) for x in (p, q))
    return (a.exp() * (a - b)).sum(-1)


def rows(backend: str) -> Iterator[Row]:
    """Yield the comparisons of one framework."""
    array, product, wait = framework(backend)
    for law, size in SIZES.items():
        for dtype in ("float64", "float32"):
            p, q = pair(backend, law, ROWS, dtype)
            width = WIDTHS.get(law, size)
            what = f"{law}, d = {size}, {ROWS} x {ROWS}, {dtype}"

            def ours(p: Any = p, q: Any = q) -> Any:
                return wait(kldiv.pairwise(p, q))

            for of in sorted({"float64", dtype}):
                a, b = (array(np.random.default_rng(i).random((ROWS, width)).astype(of)) for i in (0, 1))
                found = ratio(ours, lambda a=a, b=b: wait(product(a, b)))
                yield Row(f"{what}: all pairs / one product of {of}, of width {width}", found, "<= 2.5")
            if backend == "torch" and law in ("probs", "logits", "diagonal normal"):
                two = [[array(x) for x in drawn(law, ROWS, dtype, seed)] for seed in (0, 1)]
                slower = 1 / ratio(ours, lambda two=two, law=law: broadcast(law, *two), seconds=4.0, least=3)
                yield Row(f"{what}: broadcasting in torch / all pairs", slower, ">= 50")
    for law in SIZES:
        for dtype in ("float64", "float32"):
            found = peak("pairs", "output", backend, law, dtype)
            yield Row(f"{law}, {MANY} x {MANY}, {dtype}: peak memory / the result", found, "<= 1.6")
