"""Every check of kldiv; `nox --list` shows the commands, plain `nox` runs them all, as continuous integration does.

A session copies what the package is made of and installs the copy, not editable: a build leaves nothing behind in the
checkout and takes nothing from an earlier one, and the tests meet the files that a user will have.
"""

import contextlib
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_external_run = True

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")

# Run in a fresh environment, outside the checkout.
PROBE = """
import importlib.resources, importlib.util, math, sys
import kldiv
assert "numpy" not in sys.modules, "`import kldiv` imports numpy"
assert importlib.util.find_spec("backends") is None, "a top-level package `backends` was installed"
assert importlib.resources.files("kldiv").joinpath("py.typed").is_file(), "type checkers need py.typed"
import kldiv.backends.numpy
value = float(kldiv.kl_divergence(kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 2.0)))
assert math.isclose(value, math.log(2) - 0.25, rel_tol=1e-15), value
print("KL =", value, "by", kldiv.__file__)
"""


@functools.cache
def uv_settings() -> dict[str, str]:
    """Return pip's find-links under the name that uv reads, for uv knows nothing of pip's settings."""
    links = os.environ.get("PIP_FIND_LINKS")
    if links is None:
        command = [sys.executable, "-m", "pip", "config", "get", "global.find-links"]
        links = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return {"UV_FIND_LINKS": ",".join(links.split())} if links.split() else {}


def install(session: nox.Session, *arguments: str, group: str) -> None:
    """Install the arguments, and the dependency group of that name, into the session's environment."""
    session.install(*arguments, *nox.project.dependency_groups(PYPROJECT, group), env=uv_settings())


@contextlib.contextmanager
def copied() -> Iterator[str]:
    """Lend a fresh copy of what the package is made of."""
    with tempfile.TemporaryDirectory() as copy:
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, copy)
        for name in ("kldiv", "backends"):
            shutil.copytree(ROOT / name, Path(copy, name), ignore=shutil.ignore_patterns("__pycache__"))
        yield copy


@nox.session
def lint(session: nox.Session) -> None:
    """nox -s lint  # the rules and the format of ruff"""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """nox -s types  # mypy and pyright, both strict, on the installed package and on programs that use it"""
    with copied() as source, tempfile.TemporaryDirectory() as outside:
        install(session, source, group="types")
        # pyright finds nothing below a folder whose name starts with a dot, such as the session's environment
        session.install("--no-deps", "--target", outside, source, env=uv_settings())
        shutil.copy(ROOT / "pyproject.toml", outside)
        shutil.copytree(ROOT / "tests" / "typing", Path(outside, "programs"))
        with session.chdir(outside):  # the checkout would hide the installed package
            session.run("mypy", "-p", "kldiv")
            session.run("mypy", "programs")  # right programs, and wrong ones that are to be refused
            session.run("pyright", "kldiv", "programs")


def add_tests(group: str, name: str, what: str, *options: str, default: bool) -> None:
    """Add a session that runs the tests of one backend, with its group of dependencies."""
    backend = group.removeprefix("tests-")

    def tests(session: nox.Session) -> None:
        with copied() as source:
            install(session, source, group=group)
        # -P: the checkout would hide the installed package. loadgroup: what one worker compiles serves a pair's tests.
        command = ["pytest", "--backend", backend, "-n", "2", "--dist", "loadgroup", *options]
        session.run("python", "-P", "-m", *command, *session.posargs)

    tests.__doc__ = f"nox -s {name}  # {what}, on {backend}"
    nox.session(tests, name=name, default=default)


for group in PYPROJECT["dependency-groups"]:
    if group.startswith("tests-"):
        add_tests(group, group, "the tests", default=True)
        full = group.replace("tests-", "tests-full-")
        add_tests(group, full, "the tests, over the full grid of cases", "--full", default=False)


def add_benchmarks(group: str) -> None:
    """Add a session that compares a backend with its peers, with its group of dependencies, and writes the table."""
    backend = group.removeprefix("bench-")

    def benchmarks(session: nox.Session) -> None:
        with copied() as source:
            install(session, source, group=group)
        session.run("python", "benchmarks/run.py", "--backend", backend, *session.posargs)

    benchmarks.__doc__ = f"nox -s {group}  # the benchmarks of {backend} against its peers, written to docs/benchmarks"
    nox.session(benchmarks, name=group, default=False)


for group in PYPROJECT["dependency-groups"]:
    if group.startswith("bench-"):
        add_benchmarks(group)


@nox.session
def package(session: nox.Session) -> None:
    """nox -s package  # a regular install, an editable one and a built wheel, each in a throw-away environment"""
    install(session, group="package")
    with copied() as source, tempfile.TemporaryDirectory() as outside, session.chdir(outside):
        session.run("python", "-m", "build", "--quiet", "--outdir", outside, source)  # an sdist, and from it a wheel
        (wheel,) = Path(outside).glob("*.whl")
        for kind, arguments in {"regular": [source], "editable": ["-e", source], "wheel": [str(wheel)]}.items():
            session.run("python", "-m", "venv", kind)
            python = os.path.join(outside, kind, "Scripts" if os.name == "nt" else "bin", "python")
            session.run(python, "-m", "pip", "install", "--quiet", *arguments, external=True)
            session.run(python, "-c", PROBE, external=True, log=False)


@nox.session
def demo(session: nox.Session) -> None:
    """nox -s demo  # the worked examples on every framework: python -m kldiv"""
    with copied() as source:
        install(session, f"{source}[demo]", group="frameworks")
    session.run("python", "-P", "-m", "kldiv", *session.posargs)
