"""``python -m kldiv``: what it prints, and what it says of input that it cannot work with."""

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import kldiv
from kldiv import __main__ as command_line


def test_rule_is_printed(capsys):
    assert command_line.main(["rule", "Exponential", "Gamma"]) == 0
    assert capsys.readouterr().out == f"{kldiv.rule(kldiv.Exponential, kldiv.Gamma)}\n"


def test_rule_of_held_families(capsys):
    assert command_line.main(["rule", "Independent[Normal]", "Independent[ Laplace ]"]) == 0
    rule = kldiv.rule(kldiv.Independent[kldiv.Normal], kldiv.Independent[kldiv.Laplace])
    assert capsys.readouterr().out == f"{rule}\n"


def test_families_hold_families_that_hold_families():
    expected = kldiv.Mixture[kldiv.Independent[kldiv.Normal]]
    assert command_line.family("Mixture[Independent[Normal]]") == expected


def test_rule_in_json(capsys):
    assert command_line.main(["rule", "Exponential", "Gamma", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    rule = kldiv.rule(kldiv.Exponential, kldiv.Gamma)
    assert facts == {
        "p": "Exponential",
        "q": "Gamma",
        "method": "conversion",
        "steps": ["Exponential is a Gamma"],
        "text": str(rule),
        "equation": rule.equation,
        "source": rule.source,
    }


def test_infinite_rule_has_no_equation(capsys):
    assert command_line.main(["rule", "Normal", "Gamma", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["method"], facts["equation"], facts["source"]) == ("infinite", None, None)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Gama", "'Gama' is not a family of kldiv; near it are Gamma"),
        ("Zzz", "'Zzz' is not a family of kldiv\n"),
        ("", "'' is not a family of kldiv\n"),
        ("kl_divergence", "'kl_divergence' is not a family of kldiv"),
        ("Normal]", "'Normal]' is not a family of kldiv; near it are Normal"),
        ("Normal[Gamma]", "Normal holds no other family: 'Normal[Gamma]'"),
        ("Independent[Normal", "'Independent[Normal' lacks a closing bracket at its end"),
        ("Independent", "Independent holds a family; name it too, such as Independent[Normal]"),
        ("Independent[Gama]", "'Gama' is not a family of kldiv"),
    ],
)
def test_bad_input_is_one_line_and_exit_status_two(capsys, name, message):
    assert command_line.main(["rule", name, "Gamma"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"python -m kldiv: {message}")
    assert printed.err.count("\n") == 1


def test_no_closed_form_is_exit_status_one(capsys):
    assert command_line.main(["rule", "StudentT", "StudentT"]) == 1
    printed = capsys.readouterr()
    assert "no closed form is known here for KL(StudentT || StudentT)" in printed.err
    assert (printed.out, printed.err.count("\n")) == ("", 1)


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["rule", "Normal"]])
def test_usage_is_exit_status_two(arguments):
    with pytest.raises(SystemExit, match="2"):
        command_line.main(arguments)


def test_environment(capsys):
    assert command_line.main(["env"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["numpy"] == np.__version__
    assert lines["python"] == ".".join(map(str, sys.version_info[:3]))


def test_environment_in_json_says_null_of_what_is_not_installed(capsys, monkeypatch):
    monkeypatch.setattr(command_line, "_FRAMEWORKS", ("there_is_no_such_framework",))
    assert command_line.main(["env", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["there_is_no_such_framework"] is None


def test_version_of_a_package_whose_distribution_has_another_name(monkeypatch):
    monkeypatch.setattr(metadata, "packages_distributions", lambda: {"mpmath": ["numpy"]})
    real = metadata.version

    def version(name):
        if name == "mpmath":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", version)
    assert command_line.version("mpmath") == np.__version__


def shell(command):
    environment = {**os.environ, "PYTHONPATH": str(Path(kldiv.__file__).parents[1])}
    return subprocess.run(command, shell=True, env=environment, capture_output=True, encoding="utf-8", check=False)


def test_environment_imports_no_framework():
    code = 'import sys; from kldiv.__main__ import main; main(["env"]); print("numpy" in sys.modules)'
    ended = shell(f"{sys.executable} -c '{code}'")
    assert (ended.stdout.splitlines()[-1], ended.stderr) == ("False", "")


def test_reader_that_closes_the_pipe_early_is_no_error():
    ended = shell(f"{sys.executable} -m kldiv env --json | true")
    assert (ended.stdout, ended.stderr) == ("", "")
