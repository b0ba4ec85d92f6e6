"""The one cache: what was found out about classes, dtypes and shapes serves the next call of the same kind.

Rules, plans of calls and compiled functions are kept here, each in a section of its own. A section that is full is
emptied, and a new declaration empties all of them, since any entry may depend on it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import Any

MOST = 4096  # entries of a section, and sections
# A compiler that traces a look-up sets a guard for each key of the dictionary, so sections are small where one may:
# those of rules are by P, then by Q.
_sections: dict[Hashable, dict[Hashable, Any]] = {}


def get(section: Hashable, key: Hashable) -> Any:
    """Return the entry of a section, None if there is none."""
    entries = _sections.get(section)
    return None if entries is None else entries.get(key)


def put(section: Hashable, key: Hashable, value: Any) -> None:
    """Keep an entry of a section."""
    if len(_sections) >= MOST:
        _sections.clear()
    entries = _sections.get(section)
    if entries is None:
        entries = _sections[section] = {}
    if len(entries) >= MOST:
        entries.clear()
    entries[key] = value


def get_or_make(section: Hashable, key: Hashable, make: Callable[..., Any], *args: Any) -> Any:
    """Return the entry of a section, which is ``make(*args)`` the first time; never None."""
    value = get(section, key)
    if value is None:
        value = make(*args)
        put(section, key, value)
    return value


def clear() -> None:
    """Forget everything: a declaration has come in."""
    _sections.clear()
