"""What a process does whose CPU counts as eight devices; tests/frameworks/test_sharding.py starts it."""

import json
import re
import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import kldiv

jax.config.update("jax_enable_x64", True)
DEVICES = 8
COLLECTIVE = re.compile(r" (all-gather|all-reduce|all-to-all|collective-permute|reduce-scatter)(-start)?\(")


def pair_of_logits(classes):
    """Return the logits of 16 distributions each, every other pair nearly equal."""
    a, noise = np.random.default_rng(0).normal(size=(2, 16, classes))
    return a, a + np.resize([1.0, 1e-3], 16)[:, None] * noise


def pair_of_probabilities(classes):
    return [np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True) for x in pair_of_logits(classes)]


def normals(size):
    (m, n), (s, t) = pair_of_logits(size), np.exp(pair_of_logits(size))
    return m, s, n, t


def logits(a, b):
    return kldiv.kl_divergence(kldiv.CategoricalLogits(a), kldiv.CategoricalLogits(b))


def probabilities(p, q):
    return kldiv.kl_divergence(kldiv.Categorical(p), kldiv.Categorical(q))


def diagonal(m, s, n, t):
    return kldiv.kl_divergence(kldiv.MultivariateNormalDiag(m, s), kldiv.MultivariateNormalDiag(n, t))


def normal(m, s, n, t):
    return kldiv.kl_divergence(kldiv.Normal(m, s), kldiv.Normal(n, t))


CASES = {  # a function of parameters, these, and the length of their last axis
    "logits": (logits, pair_of_logits, 6),
    "logits of many classes": (logits, pair_of_logits, 4100),
    "probabilities": (probabilities, pair_of_probabilities, 6),
    "probabilities of many classes": (probabilities, pair_of_probabilities, 4100),
    "diagonal normals": (diagonal, normals, 6),
    "normals": (normal, normals, 6),
}


def outcome(name):
    """Return what came of a case: with the batch in eight parts, against the same in one piece."""
    function, parameters, size = CASES[name]
    whole = [jnp.asarray(x) for x in parameters(size)]
    mesh = Mesh(np.asarray(jax.devices()), ("batch",))
    sharding = NamedSharding(mesh, PartitionSpec("batch"))
    parts = [jax.device_put(x, sharding) for x in whole]
    both = jax.value_and_grad(lambda *x: function(*x).sum(), argnums=tuple(range(len(whole))))
    compiled = jax.jit(function).lower(*parts).compile()
    graded = jax.jit(lambda *x: both(*x)[1]).lower(*parts).compile()
    value, gradients = compiled(*parts), graded(*parts)
    expected, slopes = function(*whole), both(*whole)[1]
    return {
        "devices": len(jax.devices()),
        "sent": largest_sent(compiled.as_text()),
        "sent for the gradient": largest_sent(graded.as_text()),
        "sharded": all(x.sharding.is_equivalent_to(sharding, x.ndim) for x in (value, *gradients)),
        "eager call is sharded": function(*parts).sharding.is_equivalent_to(sharding, value.ndim),
        "value": float(jnp.max(abs(value - expected) / expected)),
        "gradient": max(float(jnp.max(abs(x - y))) for x, y in zip(gradients, slopes, strict=True)),
    }


def largest_sent(program):
    """Return how many numbers the largest array has that goes from one device to another."""
    sizes = [0]
    for line in program.splitlines():
        if found := COLLECTIVE.search(line):
            shapes = re.findall(r"\[([\d,]*)\]", line[: found.start()])
            sizes += [int(np.prod([int(n) for n in shape.split(",") if n])) for shape in shapes]
    return max(sizes)


if __name__ == "__main__":
    print(json.dumps({name: outcome(name) for name in sys.argv[1:]}))
