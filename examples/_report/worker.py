"""``python -m _report.worker FRAMEWORK``: what one framework computes, in a process that loads no other.

The calls come from standard input and the numbers go to standard output, as JSON.
"""

import json
import sys
from importlib import import_module
from typing import Any

# Frameworks with divergences of their own, whose families have our names and our order of parameters.
PEERS = {"torch": "torch.distributions"}


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


def main() -> None:
    """Answer the calls on standard input."""
    framework = sys.argv[1]
    xp = import_module(f"kldiv.backends.{framework}")
    peers = {name: import_module(name) for name in [PEERS.get(framework)] if name}
    calls = json.load(sys.stdin)
    reply = {
        "version": sys.modules[framework].__version__,
        "numbers": [compute(call, xp) for call in calls],
        "peers": [
            {name: compute(call, xp, library=peer) for name, peer in peers.items() if call["peers"]} for call in calls
        ],
    }
    json.dump(reply, sys.stdout)


if __name__ == "__main__":
    main()
