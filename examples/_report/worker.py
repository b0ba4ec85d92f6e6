"""``python -m _report.worker FRAMEWORK``: what one framework computes, in a process that loads no other.

The calls come from standard input and the numbers go to standard output, as JSON.
"""

import contextlib
import importlib.util
import json
import sys
from importlib import import_module
from typing import Any

# Libraries with divergences of their own, whose families have our names and our parameters: what each is called, its
# package and its module.
PEERS = {
    "torch": ("PyTorch", "torch", "torch.distributions"),
    "jax": ("NumPyro", "numpyro", "numpyro.distributions"),
    "tensorflow": ("TFP", "tensorflow_probability", "tensorflow_probability.python.distributions"),
}


def compute(call: dict[str, Any], xp: Any, **options: Any) -> list[float]:
    """Return the divergences that a function of an example returns, and their total where one is wanted."""
    script, _, name = call["function"].partition(":")
    dtype = getattr(xp, call["dtype"])
    parameters = [xp.asarray(value, dtype=dtype) for value in call["parameters"]]
    value = getattr(import_module(script), name)(*parameters, **options)
    numbers: list[float] = xp.to_numpy(value).ravel().tolist()
    if call["total"]:
        total = xp.sum(value) / (len(numbers) if call["total"] == "mean" else 1)
        numbers.append(float(xp.to_numpy(total)))
    return numbers


def ask(call: dict[str, Any], xp: Any, peers: dict[str, Any]) -> dict[str, list[float]]:
    """Return what other libraries compute, of those that have the family and its divergence."""
    found = {}
    for name, peer in peers.items():
        with contextlib.suppress(AttributeError, NotImplementedError):
            found[name] = compute(call, xp, library=peer)
    return found


def main() -> None:
    """Answer the calls on standard input."""
    framework = sys.argv[1]
    xp = import_module(f"kldiv.backends.{framework}")
    peers = {}
    if framework in PEERS and importlib.util.find_spec(PEERS[framework][1]):
        peers[PEERS[framework][0]] = import_module(PEERS[framework][2])
    calls = json.load(sys.stdin)
    reply = {
        "version": sys.modules[framework].__version__,
        "numbers": [compute(call, xp) for call in calls],
        "peers": [ask(call, xp, peers) if call["peers"] else {} for call in calls],
    }
    json.dump(reply, sys.stdout)


if __name__ == "__main__":
    main()
