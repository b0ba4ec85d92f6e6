"""Distributions and families as text: ``Normal(0, 1)``, ``Mixture([0.5, 0.5], Normal(loc=[0, 1], scale=1))``.

The text is parsed, and what the tree may hold is built by the functions below; nothing of it is ever evaluated.
"""

from __future__ import annotations

import ast
import inspect
import math
from typing import Any

from kldiv import families
from kldiv._core.family import fields_of
from kldiv._core.names import did_you_mean

_LONGEST = 100_000  # characters


def family(text: str) -> Any:
    """Return the family of a name such as ``Normal`` or ``Independent[Normal]``.

    Raises
    ------
    ValueError
        If there is no such family, or the brackets do not match.
    """
    return _family(_parse(text), text)


def distribution(text: str) -> Any:
    """Return the distribution that a text such as ``Normal(0, scale=[1, 2])`` describes.

    Raises
    ------
    ValueError
        If the text is no such description: the message tells the place.
    """
    node = _parse(text)
    if not isinstance(node, ast.Call):
        raise _error(text, node, "is not a distribution, such as Normal(0, 1)")
    return _distribution(node, text)


def _parse(text: str) -> ast.expr:
    if len(text) > _LONGEST:
        raise ValueError(
            f"a text of {len(text)} characters is too long for a distribution; use Python for large arrays"
        )
    if not text.strip():
        raise ValueError("the text is empty; a distribution is written Normal(0, 1), a family Normal")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        place = f" at character {error.offset}" if error.offset else ""
        raise ValueError(f"{_short(text)!r}: {error.msg}{place}") from None
    except (MemoryError, RecursionError, ValueError):
        raise ValueError(f"{_short(text)!r} is nested too deeply, or holds characters that are no text") from None


def _family(node: ast.expr, text: str) -> Any:
    if isinstance(node, ast.Subscript):
        cls = _family(node.value, text)
        if not getattr(cls, "__parameters__", ()):
            raise _error(text, node, "names a family in brackets, and the one before them holds none")
        return cls[_family(node.slice, text)]
    if not isinstance(node, ast.Name):
        raise _error(text, node, "is not a family, such as Normal or Independent[Normal]")
    if node.id not in families.__all__:
        raise _error(text, node, f"is not a family of kldiv{did_you_mean(node.id, families.__all__)}")
    return getattr(families, node.id)


def _distribution(node: ast.Call, text: str) -> Any:
    cls = _family(node.func, text)
    parts: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
    for part in parts:
        _require_named(part, cls, text)
    try:
        bound = inspect.signature(cls).bind(*node.args, **{str(k.arg): k.value for k in node.keywords})
    except TypeError as error:
        raise _error(text, node, f"does not fit {cls.__name__}({', '.join(cls._fields)}): {error}") from None
    components = {field.name for field in fields_of(cls) if field.component}
    values = {
        name: _component(value, text) if name in components else _number(value, text)
        for name, value in bound.arguments.items()
    }
    return cls(**values)


def _require_named(part: ast.expr | ast.keyword, cls: Any, text: str) -> None:
    """Raise ValueError for an argument that is to be unpacked, or whose name is not one of the family's."""
    if isinstance(part, ast.Starred) or (isinstance(part, ast.keyword) and part.arg is None):
        raise _error(text, part.value, "cannot be unpacked here; write the parameters one by one")
    if isinstance(part, ast.keyword) and part.arg not in cls._fields:
        raise _error(text, part, f"is no parameter of {cls.__name__}{did_you_mean(str(part.arg), cls._fields)}")


def _component(node: ast.expr, text: str) -> Any:
    if not isinstance(node, ast.Call):
        raise _error(text, node, "is not a distribution, such as Normal([0, 1], 1)")
    return _distribution(node, text)


def _number(node: ast.expr, text: str) -> Any:
    """Return a number or a list of numbers."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.Name(id=name) if name in ("inf", "nan"):
            return math.inf if name == "inf" else math.nan
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            value = _number(operand, text)
            if isinstance(value, list):
                raise _error(text, node, "is a sign before a list; write it before each number")
            return -value if isinstance(sign, ast.USub) else value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_number(item, text) for item in items]
        case _:
            raise _error(text, node, "is not a number or a list of numbers")


def _error(text: str, node: ast.expr | ast.keyword, what: str) -> ValueError:
    part = ast.get_source_segment(text.strip(), node) or ""
    return ValueError(f"{_short(part)!r} at character {node.col_offset + 1} of {_short(text)!r} {what}")


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
