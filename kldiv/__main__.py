"""The command line: ``kldiv``, or ``python -m kldiv`` where the package is not installed."""

import argparse
import json
import math
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import kldiv
from kldiv import _environment, _notation

_EXAMPLES = """\
examples:
  %(prog)s kl "Normal(0, 1)" "Gamma(2, 1)"
  %(prog)s kl "MultivariateNormalDiag([0, 0], [1, 1])" "MultivariateNormalDiag([1, 0], [1, 2])" --base 2
  %(prog)s kl "Mixture([0.5, 0.5], Normal([-1, 1], 1))" "Normal(loc=0, scale=1.5)" --json
  %(prog)s rule Exponential Gamma
  %(prog)s env
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with status 2."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def show_environment(options: argparse.Namespace) -> str:
    """Return what `env` prints."""
    return json.dumps(_environment.versions(), indent=2) if options.json else _environment.table_of_versions()


def show_rule(options: argparse.Namespace) -> str:
    """Return what `rule` prints."""
    rule = kldiv.rule(_notation.family(options.p), _notation.family(options.q))
    if not options.json:
        return str(rule)
    facts = {"p": options.p, "q": options.q, "method": rule.method, "steps": rule.steps, "text": str(rule)}
    return json.dumps(facts | {"equation": rule.equation or None, "source": rule.source or None}, indent=2)


def show_divergence(options: argparse.Namespace) -> str:
    """Return what `kl` prints: the closed form, or where there is none an estimate and its error."""
    p, q = _notation.distribution(options.p), _notation.distribution(options.q)
    estimate, notes = None, []
    try:
        value = kldiv.kl_divergence(p, q, base=options.base)
    except kldiv.NoClosedForm:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", kldiv.EstimateWarning)
            estimate = kldiv.estimate(p, q, base=options.base, rtol=options.rtol, rng=options.seed)
        notes = [str(warning.message) for warning in caught]
        value = estimate.value
    if not options.json:
        unit = "nats" if options.base is None else "bits" if options.base == 2 else f"base {options.base:g}"
        if estimate is None:
            return f"{value} {unit}\n{kldiv.rule(*map(_kind_of, (p, q)))}"
        return "\n".join([f"{estimate} {unit}", "estimated: no closed form is known here", *notes])
    facts = {
        "p": options.p,
        "q": options.q,
        "base": options.base or "e",
        "value": _plain(value),
        "error": 0.0 if estimate is None else _plain(estimate.error),
        "method": "closed form" if estimate is None else estimate.method,
        "converged": True if estimate is None else _plain(estimate.converged),
    }
    return json.dumps(facts | ({"warnings": notes} if notes else {}), indent=2)


def _kind_of(d: Any) -> Any:
    from kldiv._core.family import kind_of

    return kind_of(d)


def _plain(value: Any) -> Any:
    """Return an array as numbers that JSON has: infinity is a text."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if not isinstance(value, float) or math.isfinite(value) else str(value)


def _parser(prog: str) -> _Parser:
    parser = _Parser(
        prog=prog,
        description=kldiv.__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"kldiv {kldiv.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, show: Callable[[argparse.Namespace], str], what: str) -> _Parser:
        command: _Parser = commands.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.")
        command.set_defaults(show=show)
        command.add_argument("--json", action="store_true", help="print JSON")
        return command

    command = add(
        "kl", show_divergence, "print KL(P || Q) of two distributions, with its error where it is an estimate"
    )
    command.add_argument("p", metavar="P", help='a distribution, such as "Normal(0, 1)"; vectors are lists: "[0, 1]"')
    command.add_argument("q", metavar="Q", help="another one")
    command.add_argument("--base", type=float, help="of the logarithm: 2 for bits; nats by default")
    command.add_argument("--rtol", type=float, default=1e-3, help="the relative error of an estimate (default 1e-3)")
    command.add_argument("--seed", type=int, default=0, help="of an estimate that draws samples (default 0)")

    command = add("rule", show_rule, "print how KL(P || Q) is computed for two families")
    command.add_argument("p", metavar="P", help="a family, such as Normal or Independent[Normal]")
    command.add_argument("q", metavar="Q", help="another one, or the same")

    add("env", show_environment, "print the versions of kldiv, of Python and of the frameworks")
    return parser


def _run(arguments: Sequence[str] | None, prog: str) -> int:
    options = _parser(prog).parse_args(arguments)
    try:
        print(options.show(options))
    except (ValueError, TypeError, NotImplementedError, ImportError) as error:
        print(f"{prog}: {' '.join(str(error).split())}", file=sys.stderr)
        return 1 if isinstance(error, kldiv.NoClosedForm) else 2
    return 0


def main(arguments: Sequence[str] | None = None, prog: str = "kldiv") -> int:
    """Run a command, and return its exit status: 1 if there is no closed form, 2 for input that it cannot work with."""
    try:
        try:
            return _run(arguments, prog)
        finally:  # also where --help exits
            sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough; Python would try to flush once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main(prog="python -m kldiv"))
