#!/usr/bin/env -S uv run --script
# /// script
# dependencies = ["nox[uv]>=2025.2.9"]
# ///
"""Every check of kldiv; `nox --list` shows the commands, plain `nox` runs them all, as continuous integration does.

The first session that needs the package copies what it is made of and builds a wheel, which all later sessions install:
a build leaves nothing behind in the checkout and takes nothing from an earlier one, and the tests meet the files that a
user will have.
"""

import atexit
import concurrent.futures
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


built: list[str] = []  # the wheel, once a session has built it


def wheel(session: nox.Session) -> str:
    """Return the path of a wheel of the package, built by the first session that asks."""
    if not built:
        folder = tempfile.mkdtemp()
        atexit.register(shutil.rmtree, folder)
        with copied() as source:
            if session.venv_backend == "uv":
                session.run_install("uv", "build", "--quiet", "--wheel", "--out-dir", folder, source, env=uv_settings())
            else:
                session.run_install("python", "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, source)
        built.extend(map(str, Path(folder).glob("*.whl")))
    return built[0] if built else "kldiv"  # nox -R installs and builds nothing


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
    """nox -s lint  # the rules and the format of ruff, and who may import whom"""
    install(session, group="lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    with copied() as source, session.chdir(source):
        shutil.move("backends", "kldiv")  # where the package has it once it is installed
        session.run("lint-imports", "--no-cache")


@nox.session
def types(session: nox.Session) -> None:
    """nox -s types  # mypy and pyright, both strict, on the installed package and on programs that use it"""
    install(session, wheel(session), group="types")
    with tempfile.TemporaryDirectory() as outside, session.chdir(outside):  # the checkout would hide the package
        # pyright finds nothing below a folder whose name starts with a dot, such as the session's environment
        session.install("--no-deps", "--target", outside, wheel(session), env=uv_settings())
        shutil.copy(ROOT / "pyproject.toml", outside)
        shutil.copytree(ROOT / "tests" / "typing", Path(outside, "programs"))

        def mypy() -> None:
            session.run("mypy", "-p", "kldiv")
            session.run("mypy", "programs")  # right programs, and wrong ones that are to be refused

        with concurrent.futures.ThreadPoolExecutor() as pool:  # at the same time: each checker uses one processor
            checks = [pool.submit(mypy), pool.submit(session.run, "pyright", "kldiv", "programs")]
        for check in checks:
            check.result()  # raises what the check has raised


def add_tests(group: str, name: str, what: str, *options: str, default: bool) -> None:
    """Add a session that runs the tests of one backend, with its group of dependencies."""
    backend = group.removeprefix("tests-")

    def tests(session: nox.Session) -> None:
        install(session, wheel(session), group=group)
        # All sessions share bytecode, whatever the caller's setting, and leave none in the checkout.
        session.env.update(
            PYTHONDONTWRITEBYTECODE="", PYTHONPYCACHEPREFIX=str(session.cache_dir.resolve() / "bytecode")
        )
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


def add_oldest(backend: str, extra: str) -> None:
    """Add a session that runs the tests with the oldest releases that the package supports, on Python 3.11."""
    name = f"tests-oldest-{backend}"

    def tests(session: nox.Session) -> None:
        install(session, "--resolution=lowest-direct", wheel(session) + extra, group="test")
        # Old releases use what newer ones of their own dependencies warn of.
        command = ["pytest", "--backend", backend, "-n", "2", "-W", "ignore::DeprecationWarning"]
        command += ["--ignore", "tests/test_docs.py"]  # what the pages use besides is not installed
        session.run("python", "-P", "-m", *command, *session.posargs)

    tests.__doc__ = f"nox -s {name}  # the tests with the oldest releases that are supported, on {backend}"
    nox.session(tests, name=name, default=False, venv_backend="uv")  # pip looks for the newest alone


for backend, extra in {"numpy": "", "torch": "[torch]", "jax": "[jax]", "tensorflow": "[tensorflow]"}.items():
    add_oldest(backend, extra)


@nox.session(default=False)
def estimates(session: nox.Session) -> None:
    """nox -s estimates  # the errors of quadrature and of sums on 25,000 pairs of each dtype and kind of parameters"""
    install(session, wheel(session), group="tests-numpy")
    session.run("python", "tests/draws.py", *(session.posargs or ["25000"]))


@nox.session(default=False)
def sampled_estimates(session: nox.Session) -> None:
    """nox -s sampled_estimates  # estimates by samples against closed forms, over all pairs, with their z-scores"""
    install(session, wheel(session), group="tests-numpy")
    session.run("python", "tests/sweep_sampled.py", *session.posargs)


def add_benchmarks(group: str) -> None:
    """Add a session that compares a backend with its peers, with its group of dependencies, and writes the table."""
    backend = group.removeprefix("bench-")

    def benchmarks(session: nox.Session) -> None:
        install(session, wheel(session), group=group)
        session.run("python", "benchmarks/run.py", "--backend", backend, *session.posargs)

    benchmarks.__doc__ = f"nox -s {group}  # the benchmarks of {backend} against its peers, written to docs/benchmarks"
    nox.session(benchmarks, name=group, default=False)


for group in PYPROJECT["dependency-groups"]:
    if group.startswith("bench-"):
        add_benchmarks(group)


def install_afresh(session: nox.Session, kind: str, *arguments: str) -> str:
    """Install the arguments into a throw-away environment in a new folder and return its interpreter."""
    python = os.path.join(os.getcwd(), kind, "Scripts" if os.name == "nt" else "bin", "python")
    if session.venv_backend == "uv" and kind != "regular":  # pip takes most of a minute: once is enough
        session.run_install("uv", "venv", "--quiet", "--python", session.virtualenv.location, kind)
        session.run_install("uv", "pip", "install", "--quiet", "--python", python, *arguments, env=uv_settings())
    else:
        session.run("python", "-m", "venv", kind)
        session.run(python, "-m", "pip", "install", "--quiet", *arguments, external=True)
    return python


@nox.session
def package(session: nox.Session) -> None:
    """nox -s package  # a regular install, an editable one and a built wheel, each in a throw-away environment"""
    install(session, group="package")
    with copied() as source, tempfile.TemporaryDirectory() as outside, session.chdir(outside):
        # an sdist, and from it a wheel
        session.run("python", "-m", "build", "--quiet", "--installer", "uv", "--outdir", outside, source)
        (built_wheel,) = Path(outside).glob("*.whl")
        for kind, arguments in {"regular": [source], "editable": ["-e", source], "wheel": [str(built_wheel)]}.items():
            python = install_afresh(session, kind, *arguments)
            session.run(python, "-c", PROBE, external=True, log=False)


@nox.session
def demo(session: nox.Session) -> None:
    """nox -s demo  # the worked examples on every framework: python examples/demo.py"""
    session.log("Installing PyTorch, TensorFlow, JAX, matplotlib and scikit-learn: minutes, and 3.3 GB on disk.")
    session.log("Then the examples take one to five minutes. With what is installed already: python examples/demo.py")
    install(session, wheel(session), group="demo")
    session.run("python", "examples/demo.py", *session.posargs)


@nox.session(default=False)
def figure(session: nox.Session) -> None:
    """nox -s figure  # the figure of the README, with the libraries that it compares: docs/near_equality.png"""
    install(session, wheel(session), group="peers")
    folder = session.create_tmp()
    session.run("python", "examples/near_equality.py", "--folder", folder)
    shutil.copy(Path(folder, "near_equality.png"), ROOT / "docs")


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """nox -s docs [-- --screenshots DIR]  # the site, every warning an error: build/site/index.html"""
    install(session, wheel(session), group="docs")
    shutil.rmtree(ROOT / "docs" / "generated", ignore_errors=True)
    # -P: the checkout would hide the installed package. -E: nothing is taken from an earlier build.
    command = ["sphinx", "--builder", "html", "-W", "--keep-going", "-E", "-q", "docs", "build/site"]
    session.run("python", "-P", "-m", *command)
    session.run("python", "tests/docs/check_site.py", "build/site", *session.posargs)


@nox.session(default=False)
def review(session: nox.Session) -> None:
    """nox -s review  # what the Scientific Python guide asks of a repository, the workflows' safety, the spelling"""
    install(session, group="review")
    session.run("repo-review", ".")
    session.run("zizmor", "--offline", ".github")
    session.run("codespell")


if __name__ == "__main__":
    nox.main()


# What is changed by `nox -s mutants`, and the tests that must notice each change.
MUTANTS = {
    "kldiv/_arrays/cache.py": "tests/core/test_cache.py",
    "kldiv/_core/signature.py": "tests/core/test_cache.py tests/core/test_shapes.py tests/core/test_input.py",
    "kldiv/_numerics/exact.py": "tests/numerics/test_exact.py tests/numerics/test_kernels.py",
    "kldiv/_numerics/gaps.py": "tests/numerics",
    "kldiv/domains.py": "tests/core/test_input.py",
    "kldiv/estimation/pareto_tail.py": "tests/estimation/test_estimate.py",
}


@nox.session(default=False)
def mutants(session: nox.Session) -> None:
    """nox -s mutants [-- modules]  # which changes of the code no test notices, on NumPy: by cosmic-ray, for hours"""
    install(session, wheel(session), group="mutants")
    for module in session.posargs or MUTANTS:
        with copied() as source, session.chdir(source):  # which cosmic-ray changes in place
            for name in ("tests", "examples", "docs"):
                shutil.copytree(ROOT / name, name, ignore=shutil.ignore_patterns("__pycache__"))
            config = f"""[cosmic-ray]
                module-path = "{module}"
                timeout = 300.0
                excluded-modules = []
                test-command = "python -m pytest --backend numpy -q -x -p no:cacheprovider {MUTANTS[module]}"
                distributor = {{name = "local"}}
            """
            Path("mutants.toml").write_text(config)
            session.run("cosmic-ray", "init", "mutants.toml", "mutants.sqlite")
            session.run("cosmic-ray", "baseline", "mutants.toml")
            session.run("cosmic-ray", "exec", "mutants.toml", "mutants.sqlite")
            session.run("cr-report", "--surviving-only", "--show-diff", "mutants.sqlite")
