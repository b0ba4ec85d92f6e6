"""The oracle's values for all cases, kept as data, because some are integrals that take seconds.

``python tests/oracle_values.py [FAMILY ...]`` computes what is missing, of all families or of those that are P, and
drops what no case asks for any more. What is not kept is computed when a test asks for it.
"""

import contextlib
import hashlib
import multiprocessing
import signal
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import reference
from oracle import Parameters, Real, mp

FOLDER = Path(__file__).with_name("oracle_values")
DIGITS = 30
UNKNOWN = "?"  # kept for a truth that the oracle does not find in its time
PATIENCE = 60  # seconds for one truth


def kl(p_name: str, p: Parameters, q_name: str, q: Parameters) -> Real:
    """Return the divergence of one batch element: the truth that is kept, or else the oracle's; nan if unknown."""
    kept = _kept(p_name).get(key(p_name, p, q_name, q))
    if kept == UNKNOWN:
        return mp.nan
    return _truth(p_name, p, q_name, q) if kept is None else mp.mpf(kept)


def _truth(p_name: str, p: Parameters, q_name: str, q: Parameters) -> Real:
    # Of different families no more than 12 digits are promised.
    return reference.kl(p_name, p, q_name, q, DIGITS if p_name == q_name else 16)


def unknown() -> dict[str, int]:
    """Return how many truths are kept as unknown, by P."""
    counts = {path.stem: list(_kept(path.stem).values()).count(UNKNOWN) for path in sorted(FOLDER.glob("*.txt"))}
    return {name: count for name, count in counts.items() if count}


def is_kept(p_name: str, p: Parameters, q_name: str, q: Parameters) -> bool:
    """Tell whether a truth is kept."""
    return key(p_name, p, q_name, q) in _kept(p_name)


def key(p_name: str, p: Parameters, q_name: str, q: Parameters) -> str:
    """Return what a truth is kept under: a digest of the exact parameters."""
    text = f"{p_name} {_hexadecimal(p)} {q_name} {_hexadecimal(q)}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _hexadecimal(value: Any) -> str:
    value = value.tolist() if hasattr(value, "tolist") else value
    return f"({' '.join(map(_hexadecimal, value))})" if isinstance(value, list | tuple) else float(value).hex()


@lru_cache
def _kept(p_name: str) -> dict[str, str]:
    path = FOLDER / f"{p_name}.txt"
    return dict(line.split() for line in path.read_text().splitlines()) if path.exists() else {}


def _wanted(p_name: str) -> Iterator[tuple[str, tuple[Any, ...]]]:
    import cases

    for case in cases.cases_of(cases.FINITE):
        if case.p.__name__ == p_name:
            batch = case.batch(case.exact_kinds)
            for i in range(len(batch.kinds)):
                arguments = (p_name, [a[i] for a in batch.p], case.q.__name__, [a[i] for a in batch.q])
                yield key(*arguments), arguments


def _computed(task: tuple[str, tuple[Any, ...]]) -> tuple[str, str]:
    digest, arguments = task
    signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(PATIENCE)
    try:
        return digest, mp.nstr(_truth(*arguments), DIGITS)
    except Exception as error:  # the others go on
        print(f"no truth for {arguments}: {error!r}", file=sys.stderr)
        return digest, UNKNOWN
    finally:
        signal.alarm(0)


def _give_up(*unused: object) -> None:
    raise TimeoutError(f"{PATIENCE} s were not enough")


def main(names: list[str]) -> int:
    """Compute what is missing, drop what is not wanted; return how many truths could not be had."""
    import cases

    FOLDER.mkdir(exist_ok=True)
    failed = 0
    with contextlib.closing(multiprocessing.get_context("fork").Pool()) as pool:
        for p_name in names or [family.__name__ for family in cases.SIMPLE]:
            wanted = dict(_wanted(p_name))
            known = {digest: value for digest, value in _kept(p_name).items() if digest in wanted}
            missing = [(digest, arguments) for digest, arguments in wanted.items() if digest not in known]
            results = dict(pool.imap_unordered(_computed, missing, chunksize=4))
            failed += sum(value == UNKNOWN for value in results.values())
            known |= results
            lines = [f"{digest} {value}\n" for digest, value in sorted(known.items())]
            (FOLDER / f"{p_name}.txt").write_text("".join(lines))
            print(f"{p_name}: {len(known)} truths, {len(results)} of them new")
    return failed


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    sys.exit(main(sys.argv[1:]) > 0)
