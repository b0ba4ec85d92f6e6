"""What the oracle knows of Delta."""

from oracle import Atoms, Oracle, mp

DELTA = Oracle(
    log_density=lambda value: lambda x: mp.zero if x == value else -mp.inf,
    support=lambda value: Atoms((value,)),
)

ORACLES: dict[str, Oracle] = {"Delta": DELTA}
