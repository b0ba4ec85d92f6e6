"""Which tests belong to a family: those of `pytest --family NAME`."""

import difflib
import re
from pathlib import Path

# A file that has one of these words goes through all families: lists of cases.py, and that of the public names.
ALL_FAMILIES = r"\b(?:SIMPLE|STANDALONE|FINITE|INFINITE|SAME|CROSS|__all__)\b"

FAMILY: str | None = None  # of that option, which is known before cases.py is imported


def unknown(name: str, names: list[str]) -> str:
    """Return what is wrong with the name of a family, and which names are near; nothing for the name of a family."""
    if name in names:
        return ""
    lower = {other.lower(): other for other in names}
    close = [lower[other] for other in difflib.get_close_matches(name.lower(), lower, n=4)]
    holding = [other for key, other in lower.items() if name.lower() in key and other not in close]
    near = f"near names: {', '.join([*close, *holding])}" if close or holding else "no name is near"
    return f"--family: no family is called {name}; {near}. A new family has its name in kldiv/families/__init__.py."


def mentions(file: Path, family: str) -> bool:
    """Tell whether a file can have tests of a family: it names the family, or goes through all of them."""
    return re.search(rf"\b{family}\b|{ALL_FAMILIES}", file.read_text()) is not None


def is_about(test: str, family: str) -> bool:
    """Tell whether a test is parametrized by a family, from the name that pytest gives to it."""
    return family in re.findall(r"\w+", test.partition("[")[2])
