"""``python -m kldiv._demo_worker FRAMEWORK``: what one framework finds, in a process that loads no other.

Comparisons come from standard input and numbers go to standard output, as JSON.
"""

import json
import sys
from importlib import import_module
from typing import Any

import kldiv

# Frameworks with divergences of their own: `kl_divergence`, and families that take the parameters of ours in our order.
_PEERS = {"torch": "torch.distributions"}


def encode(distribution: Any) -> list[Any]:
    """Return a distribution as JSON: its family's name, then its parameters."""
    return [type(distribution).__name__, *(encode(f) if isinstance(f, tuple) else f.tolist() for f in distribution)]


def decode(specification: list[Any], families: Any, xp: Any, dtype: Any) -> Any:
    """Return a distribution from a module of families, with arrays of a framework as parameters."""
    name, *fields = specification
    parameters = []
    for field in fields:
        if isinstance(field, list) and isinstance(field[0], str):  # a distribution that this one holds
            parameters.append(decode(field, families, xp, dtype))
        else:
            parameters.append(xp.asarray(field, dtype=dtype))
    return getattr(families, name)(*parameters)


def numbers(job: dict[str, Any], library: Any, xp: Any) -> list[float]:
    """Return the divergences that a library finds, and their total where one is wanted."""
    dtype = getattr(xp, job["dtype"])
    value = library.kl_divergence(decode(job["p"], library, xp, dtype), decode(job["q"], library, xp, dtype))
    found: list[float] = xp.to_numpy(value).ravel().tolist()
    if job["total"]:
        total = xp.sum(value) / (len(found) if job["total"] == "mean" else 1)
        found.append(float(xp.to_numpy(total)))
    return found


def main() -> None:
    """Answer the comparisons on standard input."""
    framework = sys.argv[1]
    xp = import_module(f"kldiv.backends.{framework}")
    peers = {name: import_module(name) for name in [_PEERS.get(framework)] if name}
    jobs = json.load(sys.stdin)
    reply = {
        "version": sys.modules[framework].__version__,
        "numbers": [numbers(job, kldiv, xp) for job in jobs],
        "peers": [{name: numbers(job, peer, xp) for name, peer in peers.items() if job["peers"]} for job in jobs],
    }
    json.dump(reply, sys.stdout)


if __name__ == "__main__":
    main()
