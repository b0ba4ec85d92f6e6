"""The package as a user gets it: what importing it loads, what is packed into it, and the commands that check it."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import selection
from backends import OWN_FILES

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def python(*arguments):
    """Return what a fresh interpreter at the checkout's root prints."""
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


@pytest.fixture(scope="module")
def loaded():
    return python("-c", "import sys, kldiv; print(*{name.partition('.')[0] for name in sys.modules})").split()


@pytest.mark.parametrize("library", ["array_api_compat", "jax", "numpy", "scipy", "tensorflow", "torch"])
def test_import_loads_no_array_library(loaded, library):
    assert library not in loaded


@pytest.mark.parametrize("module", ["kldiv", "kldiv.backends", "kldiv.backends.numpy"])
def test_bare_checkout_can_be_imported(module):
    file = python("-c", f"import {module}; print({module}.__file__)").strip()
    assert Path(file).is_relative_to(ROOT)


def test_tests_import_their_own_backends():
    import backends

    assert Path(backends.__file__).parent == ROOT / "tests"


def test_every_folder_is_packed():
    folders = {".".join(file.parent.relative_to(ROOT).parts) for file in ROOT.glob("kldiv/**/*.py")}
    packages = PYPROJECT["tool"]["setuptools"]["packages"]
    assert sorted(packages) == sorted(folders | {"kldiv.backends"}), "correct `packages` in pyproject.toml"


def test_extra_all_is_every_extra():
    extras = PYPROJECT["project"]["optional-dependencies"]
    assert extras["all"] == [f"kldiv[{','.join(sorted(extras.keys() - {'all'}))}]"]


NAMES = ["ExpGamma", "Gamma", "NormalGamma", "Poisson"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Gamma", "^$"),
        ("gama", "no family is called gama; near names: Gamma, ExpGamma"),
        ("Poison", "no family is called Poison; near names: Poisson"),
        ("Beta", "no family is called Beta; no name is near"),
    ],
    ids=["known", "small letters", "misspelt", "far"],
)
def test_option_family_is_told_near_names(name, message):
    assert re.search(message, selection.unknown(name, NAMES))


def test_option_family_leaves_the_tests_of_that_family():
    command = ["-m", "pytest", "--family", "Levy", "--collect-only", "-q", "tests/divergences", "tests/families"]
    *tests, _, count = python(*command).splitlines()
    assert all(re.search(r"\[.*\bLevy\b.*\]", test) for test in tests)
    for test in (
        "divergences/test_conformance.py::test_value_is_within_its_bound_of_the_truth[Levy-Levy-float32]",
        "divergences/test_conformance.py::test_value_is_within_its_bound_of_the_truth[Levy-InverseGamma-float64]",
        "divergences/test_conformance.py::test_value_is_within_its_bound_of_the_truth[InverseGamma-Levy-float64]",
        "divergences/test_conformance.py::test_family_has_an_oracle[Levy]",
        "families/test_densities.py::test_log_density_is_that_of_the_oracle[Levy]",
    ):
        assert f"tests/{test}" in tests
    assert count.startswith(f"{len(tests)}/")


@pytest.fixture(scope="module")
def sessions():
    pytest.importorskip("nox")
    return json.loads(python("-m", "nox", "--list", "--json"))


def test_every_backend_has_one_session(sessions):
    names = [session["session"] for session in sessions if session["session"].startswith("tests-")]
    modules = {file.stem.removeprefix("array_api_") for file in ROOT.glob("backends/[!_]*.py")}
    backends = modules - {name.removeprefix("test_") for name in OWN_FILES}  # those are tested beside another
    assert sorted(names) == sorted(f"tests-{backend}" for backend in backends), (
        "each module in backends/ needs a dependency group `tests-<backend>` in pyproject.toml"
    )


def test_every_session_names_its_command(sessions):
    commands = {session["session"]: session["description"].partition("  # ")[0] for session in sessions}
    assert commands == {name: f"nox -s {name}" for name in commands}
