"""Large arrays without gradients: time against the peers, and peak memory beyond the input.

All in float32 and one thread. The parameters are drawn so that divergences are about as large as entropies; how long
nearly equal distributions take is said beside it, since those go through the accurate kernels. What exponentials and
logarithms take by themselves in NumPy is said too: they set how far below a peer's time one can get on a processor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from measure import Row, array_of, peak, ratio

import kldiv

DIAGONAL, ELEMENTS, CLASSES = (4096, 1024), (10_000_000,), (1024, 32000)


def normals(shape: tuple[int, ...]) -> list[Any]:
    """Return locations and scales of two batches of normal distributions."""
    rng = np.random.default_rng(0)
    loc_p, scale_p, loc_q, scale_q = (rng.standard_normal(shape, np.float32) for _ in range(4))
    return [loc_p, np.exp(0.5 * scale_p), loc_q, np.exp(0.5 * scale_q)]


def logits(shape: tuple[int, ...], noise: float | None = None) -> list[Any]:
    """Return two batches of logits, independent or a noise apart."""
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape, np.float32) for _ in range(2))
    return [a, b if noise is None else a + np.float32(noise) * b]


def softmax(a: Any) -> Any:
    """Return the probabilities."""
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def normal(loc_p: Any, scale_p: Any, loc_q: Any, scale_q: Any) -> Any:
    """Return kldiv's divergences, element by element."""
    return kldiv.kl_divergence(kldiv.Normal(loc_p, scale_p), kldiv.Normal(loc_q, scale_q))


def diagonal(loc_p: Any, scale_p: Any, loc_q: Any, scale_q: Any) -> Any:
    """Return kldiv's divergences, row by row."""
    return kldiv.kl_divergence(
        kldiv.MultivariateNormalDiag(loc_p, scale_p), kldiv.MultivariateNormalDiag(loc_q, scale_q)
    )


def categorical_logits(a: Any, b: Any) -> Any:
    """Return kldiv's divergences."""
    return kldiv.kl_divergence(kldiv.CategoricalLogits(a), kldiv.CategoricalLogits(b))


def categorical(p: Any, q: Any) -> Any:
    """Return kldiv's divergences."""
    return kldiv.kl_divergence(kldiv.Categorical(p), kldiv.Categorical(q))


def textbook_normal(xp: Any, loc_p: Any, scale_p: Any, loc_q: Any, scale_q: Any) -> Any:
    """Return the divergences by the formula of the textbooks."""
    return xp.log(scale_q / scale_p) + (scale_p**2 + (loc_p - loc_q) ** 2) / (2 * scale_q**2) - 0.5


INPUTS: dict[str, tuple[Callable[..., Any], Callable[[tuple[int, ...]], list[Any]], tuple[int, ...]]] = {
    "diagonal normal, 4096 x 1024": (diagonal, normals, DIAGONAL),
    "normal, 1e7 elements": (normal, normals, ELEMENTS),
    "categorical from logits, 1024 x 32000": (categorical_logits, logits, CLASSES),
    "categorical from probabilities, 1024 x 32000": (
        categorical,
        lambda shape: [softmax(a) for a in logits(shape)],
        CLASSES,
    ),
}


def memory(backend: str, case: str) -> tuple[Callable[[], Any], Callable[[], Any], int]:
    """Return a computation, the same on a little input, and the size of its input: for `measure.peak`."""
    function, make, shape = INPUTS[case]
    array = array_of(backend)
    arrays = [array(x) for x in make(shape)]
    few = [array(x) for x in make((2, *shape[1:]))]
    done = (lambda x: x.block_until_ready()) if backend == "jax" else (lambda x: x)
    return lambda: done(function(*arrays)), lambda: done(function(*few)), 4 * len(arrays) * int(np.prod(shape))


def rows(backend: str) -> Iterator[Row]:
    """Yield time against the peers, then memory."""
    yield from ROWS[backend]()
    if backend != "tensorflow":
        for case, (_, make, shape) in INPUTS.items():
            result = 4 * int(np.prod(shape)) / (4 * len(make((2, 2))) * int(np.prod(shape))) if len(shape) == 1 else 0.0
            extra = peak("large_arrays", "memory", backend, case) - result
            yield Row(f"{case}: peak memory beyond input and result / input", extra, "<= 0.05")


def _numpy() -> Iterator[Row]:
    from scipy.special import log_softmax, rel_entr

    arrays = normals(DIAGONAL)
    found = ratio(lambda: diagonal(*arrays), lambda: textbook_normal(np, *arrays).sum(axis=-1))
    yield Row("diagonal normal, 4096 x 1024 / textbook formula in NumPy", found, "<= 1")
    near = [arrays[0], arrays[1], arrays[0] + np.float32(1e-4), arrays[1] * np.float32(1 + 1e-4)]
    found = ratio(lambda: diagonal(*near), lambda: textbook_normal(np, *near).sum(axis=-1))
    yield Row("the same a relative 1e-4 apart, where the textbook's has no digit left", found, "<= 2")
    arrays = normals(ELEMENTS)
    found = ratio(lambda: normal(*arrays), lambda: textbook_normal(np, *arrays))
    yield Row("normal, 1e7 elements / textbook formula in NumPy", found, "<= 2")

    def peer(a: Any, b: Any) -> Any:
        log_p = log_softmax(a, axis=-1)
        return (np.exp(log_p) * (log_p - log_softmax(b, axis=-1))).sum(axis=-1)

    def alone(function: Any, *arrays: Any) -> Callable[[], None]:
        scratch = np.empty_like(arrays[0][0])

        def call() -> None:
            for x in arrays:
                for row in x:
                    function(row, out=scratch)

        return call

    a, b = logits(CLASSES)
    found = 1 / ratio(lambda: categorical_logits(a, b), lambda: peer(a, b))
    yield Row("categorical from logits, 1024 x 32000: times as fast as scipy's log_softmax and a sum", found, ">= 8")
    found = ratio(lambda: categorical_logits(a, b), alone(np.exp, a, b))
    yield Row("the same / NumPy's exp of every entry, row by row in the cache, and nothing else", found, "<= 2")
    close = logits(CLASSES, 0.1)[1]
    found = 1 / ratio(lambda: categorical_logits(a, close), lambda: peer(a, close))
    yield Row("the same with logits a noise of 0.1 apart", found, ">= 1")
    p, q = softmax(a), softmax(b)
    found = 1 / ratio(lambda: categorical(p, q), lambda: rel_entr(p, q).sum(axis=-1))
    yield Row(
        "categorical from probabilities, 1024 x 32000: times as fast as scipy's rel_entr and a sum", found, ">= 12"
    )
    found = ratio(lambda: categorical(p, q), alone(np.log, p))
    yield Row("the same / NumPy's log of half the entries, row by row in the cache, and nothing else", found, "<= 2")


def _torch() -> Iterator[Row]:
    import torch
    import torch.nn.functional as F
    from torch.distributions import Categorical, Independent, Normal, kl_divergence

    def pair(make: Callable[..., Any], *parameters: Any) -> Any:
        half = len(parameters) // 2
        return kl_divergence(make(*parameters[:half]), make(*parameters[half:]))

    def independent(loc: Any, scale: Any) -> Any:
        return Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)

    def unchecked(loc: Any, scale: Any) -> Any:
        return Normal(loc, scale, validate_args=False)

    arrays = [torch.from_numpy(x) for x in normals(DIAGONAL)]
    found = ratio(lambda: diagonal(*arrays), lambda: pair(independent, *arrays))
    yield Row("diagonal normal, 4096 x 1024 / torch.distributions unvalidated", found, "<= 0.35")
    arrays = [torch.from_numpy(x) for x in normals(ELEMENTS)]
    found = ratio(lambda: normal(*arrays), lambda: pair(unchecked, *arrays))
    yield Row("normal, 1e7 elements / torch.distributions unvalidated", found, "<= 0.5")
    ours = torch.compile(normal)
    peer = torch.compile(lambda *x: textbook_normal(torch, *x))
    yield Row(
        "the same, both under torch.compile / textbook formula",
        ratio(lambda: ours(*arrays), lambda: peer(*arrays)),
        "<= 2",
    )
    a, b = (torch.from_numpy(x) for x in logits(CLASSES))
    with torch.no_grad():
        found = 1 / ratio(
            lambda: categorical_logits(a, b),
            lambda: F.kl_div(F.log_softmax(b, -1), F.log_softmax(a, -1), log_target=True, reduction="none").sum(-1),
        )
        yield Row("categorical from logits, 1024 x 32000: times as fast as log_softmax and F.kl_div", found, ">= 4")
        found = 1 / ratio(
            lambda: categorical_logits(a, b),
            lambda: pair(lambda x: Categorical(logits=x, validate_args=False), a, b),
        )
        yield Row("the same: times as fast as torch.distributions", found, ">= 8")
        p, q = torch.softmax(a, -1), torch.softmax(b, -1)
        found = 1 / ratio(
            lambda: categorical(p, q), lambda: pair(lambda x: Categorical(probs=x, validate_args=False), p, q)
        )
        yield Row("categorical from probabilities, 1024 x 32000: times as fast as torch.distributions", found, ">= 8")


def _jax() -> Iterator[Row]:
    import jax
    import jax.numpy as jnp
    from numpyro.distributions import Normal, kl_divergence

    def compared(ours: Callable[..., Any], peer: Callable[..., Any], arrays: list[Any]) -> float:
        ours, peer, arrays = jax.jit(ours), jax.jit(peer), [jnp.asarray(x) for x in arrays]
        return ratio(lambda: ours(*arrays).block_until_ready(), lambda: peer(*arrays).block_until_ready())

    def numpyro(loc_p: Any, scale_p: Any, loc_q: Any, scale_q: Any) -> Any:
        return kl_divergence(Normal(loc_p, scale_p), Normal(loc_q, scale_q))

    found = compared(diagonal, lambda *x: numpyro(*x).sum(axis=-1), normals(DIAGONAL))
    yield Row("diagonal normal, 4096 x 1024, jit / numpyro, jit", found, "<= 2")
    yield Row("normal, 1e7 elements, jit / numpyro, jit", compared(normal, numpyro, normals(ELEMENTS)), "<= 2")

    def textbook(a: Any, b: Any) -> Any:
        log_p, log_q = jax.nn.log_softmax(a), jax.nn.log_softmax(b)
        return (jnp.exp(log_p) * (log_p - log_q)).sum(axis=-1)

    found = 1 / compared(categorical_logits, textbook, logits(CLASSES))
    yield Row("categorical from logits, 1024 x 32000, jit: times as fast as the textbook's, jit", found, ">= 1.5")
    probabilities = [softmax(a) for a in logits(CLASSES)]
    found = 1 / compared(categorical, lambda p, q: (p * jnp.log(p / q)).sum(axis=-1), probabilities)
    yield Row(
        "categorical from probabilities, 1024 x 32000, jit: times as fast as sum p log(p / q), jit", found, ">= 0.5"
    )


def _tensorflow() -> Iterator[Row]:
    import tensorflow as tf
    from tensorflow_probability.python.distributions import Categorical, Independent, Normal, kl_divergence

    def pair(make: Callable[..., Any], *parameters: Any) -> Any:
        half = len(parameters) // 2
        return kl_divergence(make(*parameters[:half]), make(*parameters[half:]))

    arrays = [tf.convert_to_tensor(x) for x in normals(DIAGONAL)]
    found = ratio(lambda: diagonal(*arrays), lambda: pair(lambda *x: Independent(Normal(*x), 1), *arrays))
    yield Row("diagonal normal, 4096 x 1024, eager / TensorFlow Probability, eager", found, "<= 0.4")
    arrays = [tf.convert_to_tensor(x) for x in normals(ELEMENTS)]
    found = ratio(lambda: normal(*arrays), lambda: pair(Normal, *arrays))
    yield Row("normal, 1e7 elements, eager / TensorFlow Probability, eager", found, "<= 0.4")
    a, b = (tf.convert_to_tensor(x) for x in logits(CLASSES))
    found = ratio(lambda: categorical_logits(a, b), lambda: pair(lambda x: Categorical(logits=x), a, b))
    yield Row("categorical from logits, 1024 x 32000, eager / TensorFlow Probability, eager", found, "<= 0.7")


ROWS = {"numpy": _numpy, "torch": _torch, "jax": _jax, "tensorflow": _tensorflow}
