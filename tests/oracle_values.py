"""The oracle's values for the cases, kept as data, because some are integrals that take seconds.

What is not kept is computed when a test asks for it, so a family needs no file here. A file of a family holds its pairs
with all families that had one before: adding it changes no other file. ``python tests/oracle_values.py FAMILY ...``
makes such files, and without a name computes what is missing in those that exist, and drops what no case asks for.
"""

import contextlib
import hashlib
import multiprocessing
import signal
import sys
from functools import cache
from pathlib import Path
from typing import Any

import reference
from oracle import Parameters, Real, mp

FOLDER = Path(__file__).with_name("oracle_values")
DIGITS = 30
UNKNOWN = "?"  # kept for a value that the oracle does not find in its time
PATIENCE = 60  # seconds for one value


def kl(p_name: str, p: Parameters, q_name: str, q: Parameters) -> Real:
    """Return the divergence of one batch element: the value that is kept, or else the oracle's; nan if unknown."""
    kept = _find(p_name, q_name, key(p_name, p, q_name, q))
    if kept == UNKNOWN:
        return mp.nan
    return _compute(p_name, p, q_name, q) if kept is None else mp.mpf(kept)


def _find(p_name: str, q_name: str, digest: str) -> str | None:
    """Return the value that is kept of a pair, in the file of either family."""
    return _kept(p_name).get(digest) or _kept(q_name).get(digest)


def _compute(p_name: str, p: Parameters, q_name: str, q: Parameters) -> Real:
    # Of different families no more than 12 digits are promised.
    return reference.kl(p_name, p, q_name, q, DIGITS if p_name == q_name else 16)


def kept_families() -> set[str]:
    """Return the names of the families that have a file."""
    return {path.stem for path in FOLDER.glob("*.txt")}


def unknown() -> dict[str, int]:
    """Return how many values are kept as unknown, by file."""
    counts = {path.stem: list(_kept(path.stem).values()).count(UNKNOWN) for path in sorted(FOLDER.glob("*.txt"))}
    return {name: count for name, count in counts.items() if count}


def is_kept(p_name: str, p: Parameters, q_name: str, q: Parameters) -> bool:
    """Tell whether a value is kept."""
    return _find(p_name, q_name, key(p_name, p, q_name, q)) is not None


def key(p_name: str, p: Parameters, q_name: str, q: Parameters) -> str:
    """Return what a value is kept under: a digest of the exact parameters."""
    text = f"{p_name} {_hexadecimal(p)} {q_name} {_hexadecimal(q)}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _hexadecimal(value: Any) -> str:
    value = value.tolist() if hasattr(value, "tolist") else value
    return f"({' '.join(map(_hexadecimal, value))})" if isinstance(value, list | tuple) else float(value).hex()


@cache
def _kept(p_name: str) -> dict[str, str]:
    path = FOLDER / f"{p_name}.txt"
    return dict(line.split() for line in path.read_text().splitlines()) if path.exists() else {}


def _wanted(name: str, families: set[str]) -> dict[str, tuple[Any, ...]]:
    """Return what the cases ask of the pairs of a family with some families, by what it is kept under."""
    import cases

    wanted = {}
    for case in cases.cases_of(cases.FINITE):
        names = case.p.__name__, case.q.__name__
        if name in names and {*names} <= families:
            batch = case.batch(case.exact_kinds)
            for i in range(len(batch.kinds)):
                arguments = (names[0], [a[i] for a in batch.p], names[1], [a[i] for a in batch.q])
                wanted[key(*arguments)] = arguments
    return wanted


def _computed(task: tuple[str, tuple[Any, ...]]) -> tuple[str, str]:
    digest, arguments = task
    signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(PATIENCE)
    try:
        return digest, mp.nstr(_compute(*arguments), DIGITS)
    except Exception as error:  # the others go on
        print(f"no value for {arguments}: {error!r}", file=sys.stderr)
        return digest, UNKNOWN
    finally:
        signal.alarm(0)


def _give_up(*unused: object) -> None:
    raise TimeoutError(f"{PATIENCE} s were not enough")


def main(names: list[str]) -> int:
    """Compute what is missing, drop what is not wanted; return how many values could not be had."""
    FOLDER.mkdir(exist_ok=True)
    families = kept_families() | {*names}
    failed = 0
    with contextlib.closing(multiprocessing.get_context("fork").Pool()) as pool:
        for name in names or sorted(families):
            wanted = _wanted(name, families)
            known = {digest: value for digest, value in _kept(name).items() if digest in wanted}
            elsewhere = [_kept(other) for other in families - {name}]
            missing = [
                (digest, arguments)
                for digest, arguments in wanted.items()
                if digest not in known and not any(digest in values for values in elsewhere)
            ]
            results = dict(pool.imap_unordered(_computed, missing, chunksize=4))
            failed += sum(value == UNKNOWN for value in results.values())
            known |= results
            lines = [f"{digest} {value}\n" for digest, value in sorted(known.items())]
            (FOLDER / f"{name}.txt").write_text("".join(lines))
            _kept.cache_clear()
            print(f"{name}: {len(known)} values, {len(results)} of them new")
    return failed


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    sys.exit(main(sys.argv[1:]) > 0)
