"""The command line: ``python -m kldiv env`` and ``python -m kldiv rule Normal Gamma``."""

import argparse
import difflib
import importlib.metadata
import importlib.util
import json
import os
import platform
import sys
from collections.abc import Sequence
from typing import Any

import kldiv
from kldiv import families

_REQUIRED = ("numpy", "scipy", "array-api-compat")
_FRAMEWORKS = ("torch", "tensorflow", "jax", "dask")


def version(package: str) -> str | None:
    """Return the version of an installed package, without importing it, or None.

    The distribution may have another name than the package, as tensorflow-cpu has.
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        if importlib.util.find_spec(package.replace("-", "_")) is None:
            return None
    names = importlib.metadata.packages_distributions().get(package.replace("-", "_"))
    return importlib.metadata.version(names[0]) if names else "unknown version"


def environment() -> dict[str, str | None]:
    """Return the versions of all that matters in a report of a bug; None is not installed."""
    return {
        "kldiv": version("kldiv"),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        **{package: version(package) for package in (*_REQUIRED, *_FRAMEWORKS)},
    }


def family(text: str) -> Any:
    """Return the family of a name such as ``Normal`` or ``Independent[Normal]``.

    Raises
    ------
    ValueError
        If there is no such family, or the brackets do not match.
    """
    name, bracket, rest = text.strip().partition("[")
    if name not in families.__all__:
        near = difflib.get_close_matches(name, families.__all__)
        raise ValueError(f"{name!r} is not a family of kldiv" + (f"; near it are {', '.join(near)}" if near else ""))
    if not bracket:
        return getattr(families, name)
    if not getattr(getattr(families, name), "__parameters__", ()):
        raise ValueError(f"{name} holds no other family: {text!r}")
    if not rest.endswith("]"):
        raise ValueError(f"{text!r} lacks a closing bracket at its end")
    return getattr(families, name)[family(rest[:-1])]


def show_environment(options: argparse.Namespace) -> str:
    """Return what `env` prints."""
    versions = environment()
    if options.json:
        return json.dumps(versions, indent=2)
    return "\n".join(f"{name:16}  {value or 'not installed'}" for name, value in versions.items())


def show_rule(options: argparse.Namespace) -> str:
    """Return what `rule` prints."""
    rule = kldiv.rule(family(options.p), family(options.q))
    if not options.json:
        return str(rule)
    facts = {"p": options.p, "q": options.q, "method": rule.method, "steps": rule.steps, "text": str(rule)}
    return json.dumps(facts | {"equation": rule.equation or None, "source": rule.source or None}, indent=2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit status: 1 if there is no closed form, 2 for input that it cannot work with."""
    parser = argparse.ArgumentParser(prog="python -m kldiv", description=kldiv.__doc__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    command = commands.add_parser("env", help="print the versions of kldiv, of Python and of the frameworks")
    command.set_defaults(show=show_environment)
    command.add_argument("--json", action="store_true", help="print JSON")

    command = commands.add_parser("rule", help="print how KL(P || Q) is computed for two families")
    command.set_defaults(show=show_rule)
    command.add_argument("p", metavar="P", help="a family, such as Normal or Independent[Normal]")
    command.add_argument("q", metavar="Q", help="another one, or the same")
    command.add_argument("--json", action="store_true", help="print JSON")

    options = parser.parse_args(arguments)
    try:
        text = options.show(options)
    except (ValueError, TypeError, kldiv.NoClosedForm) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1 if isinstance(error, kldiv.NoClosedForm) else 2
    try:
        print(text, flush=True)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough; Python would try to flush once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
