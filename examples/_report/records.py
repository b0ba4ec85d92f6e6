"""The records of the worked examples."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from numpy.typing import ArrayLike

Case: TypeAlias = dict[str, Any]  # one number of the report, as it stands in the JSON document


class Comparison(NamedTuple):
    """A call that every framework makes, and the divergences that it must find."""

    cases: Sequence[str]  # a label for each number
    function: Callable[..., Any]  # a function of an example, of arrays of the framework
    parameters: Sequence[ArrayLike]
    truth: Sequence[float]
    alternative: Sequence[float] = ()  # the numbers of another formula, right or wrong
    errors: Sequence[float] = ()  # the standard errors of the alternative, if it is an estimate
    total: str = ""  # "sum" or "mean": one more number at the end, over the batch
    dtype: str = "float64"
    others: Mapping[str, Sequence[float]] = MappingProxyType({})  # the numbers of other libraries, computed on NumPy
    peers: bool = False  # whether the framework's own distributions are asked too; the function then takes `library`


class Table(NamedTuple):
    """Cells of text; a cell may have several lines."""

    headings: Sequence[str]
    alignment: str  # "l" or "r" for each column
    rows: Sequence[Sequence[str]]


class Example(NamedTuple):
    """A worked example."""

    title: str
    explanation: str
    comparisons: Callable[[], Sequence[Comparison]]
    layout: str = "formula"  # "formula", "peers" or "pairs": the kind of table
    alternative: str = ""  # the heading of the alternative
    brief: Sequence[str] = ()  # the cases that the report of all examples shows; none: all of them
    code: Sequence[Callable[..., Any]] = ()  # functions to show besides those that are compared
    table: Callable[[], Table] | None = None  # one more table, of NumPy alone
    figures: Callable[[Sequence[Case]], dict[str, Any]] | None = None  # by name, from the cases that were computed
    needs: str = ""  # a package that the example cannot do without

    @property
    def name(self) -> str:
        """The name of the script."""
        return stem(self.comparisons)


def stem(function: Callable[..., Any]) -> str:
    """Return the name of the script that a function stands in, also where that script is `__main__`."""
    return Path(function.__code__.co_filename).stem


def body(function: Callable[..., Any]) -> str:
    """Return the code of a function, without its signature and its docstring."""
    source = textwrap.dedent(inspect.getsource(function))
    (definition,) = ast.parse(source).body
    assert isinstance(definition, ast.FunctionDef)
    first = definition.body[1 if ast.get_docstring(definition) else 0]
    code = textwrap.dedent("\n".join(source.splitlines()[first.lineno - 1 :]))
    return code.replace("library.", "kldiv.").replace("return ", "")
