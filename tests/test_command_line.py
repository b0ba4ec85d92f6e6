"""``python -m kldiv``: what it prints, and what it says of input that it cannot work with."""

import json
import math
import os
import re
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import kldiv
from kldiv import __main__ as command_line, _environment, _notation


def test_rule_is_printed(capsys):
    assert command_line.main(["rule", "Exponential", "Gamma"]) == 0
    assert capsys.readouterr().out == f"{kldiv.rule(kldiv.Exponential, kldiv.Gamma)}\n"


def test_rule_of_held_families(capsys):
    assert command_line.main(["rule", "Independent[Normal]", "Independent[ Laplace ]"]) == 0
    rule = kldiv.rule(kldiv.Independent[kldiv.Normal], kldiv.Independent[kldiv.Laplace])
    assert capsys.readouterr().out == f"{rule}\n"


def test_families_hold_families_that_hold_families():
    expected = kldiv.Mixture[kldiv.Independent[kldiv.Normal]]
    assert _notation.family("Mixture[Independent[Normal]]") == expected


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
        ("Gama", "'Gama' at character 1 of 'Gama' is not a family of kldiv; did you mean Gamma?\n"),
        ("Zzz", "'Zzz' at character 1 of 'Zzz' is not a family of kldiv\n"),
        ("", "the text is empty"),
        ("kl_divergence", "'kl_divergence' at character 1 of 'kl_divergence' is not a family of kldiv"),
        ("Normal]", "'Normal]': unmatched ']' at character 7\n"),
        ("Normal[Gamma]", "'Normal[Gamma]' at character 1 of 'Normal[Gamma]' names a family in brackets"),
        ("Independent[Normal", "'Independent[Normal': '[' was never closed at character 12\n"),
        ("Independent", "Independent holds a family; name it too, such as Independent[Normal]"),
        ("Independent[Gama]", "'Gama' at character 13 of 'Independent[Gama]' is not a family of kldiv"),
        ("Normal(0, 1)", "'Normal(0, 1)' at character 1 of 'Normal(0, 1)' is not a family"),
    ],
)
def test_bad_input_is_one_line_and_exit_status_two(capsys, name, message):
    assert command_line.main(["rule", name, "Gamma"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"kldiv: {message}")
    assert printed.err.count("\n") == 1


def test_no_closed_form_is_exit_status_one(capsys):
    assert command_line.main(["rule", "StudentT", "StudentT"]) == 1
    printed = capsys.readouterr()
    assert "no closed form is known here for KL(StudentT || StudentT)" in printed.err
    assert (printed.out, printed.err.count("\n")) == ("", 1)


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["rule", "Normal"], ["kl", "a", "b", "--base", "x"]])
def test_usage_is_one_line_and_exit_status_two(capsys, arguments):
    with pytest.raises(SystemExit, match="2"):
        command_line.main(arguments)
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert printed.err.endswith("--help\n")


def test_closed_form_and_its_rule_are_printed(capsys):
    assert command_line.main(["kl", "Normal(0, 1)", "Normal(1, scale=2)"]) == 0
    value, rule = capsys.readouterr().out.splitlines()
    assert value == "0.4431471805599453 nats"
    assert rule.startswith("KL(Normal || Normal): kl_normal_normal")


def test_bits(capsys):
    assert command_line.main(["kl", "Bernoulli(1)", "Bernoulli(0.5)", "--base", "2"]) == 0
    assert capsys.readouterr().out.startswith("1.0 bits\n")


def test_estimate_is_printed_with_its_error(capsys):
    assert command_line.main(["kl", "StudentT(3, 0, 1)", "StudentT(5, 0, 1)"]) == 0
    value, how = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"0\.0176\d+ ± \S+ \(quadrature\) nats", value)
    assert how == "estimated: no closed form is known here"


@pytest.mark.parametrize(
    ("p", "q", "expected"),
    [
        ("Normal(0, 1)", "Normal([0, 1], 1)", {"value": [0.0, 0.5], "error": 0.0, "method": "closed form"}),
        ("Normal(0, 1)", "Gamma(2, 1)", {"value": "inf", "base": "e", "converged": True}),
        ("StudentT(3, 0, 1)", "StudentT(4, 0, [1])", {"method": "quadrature", "converged": [True]}),
    ],
)
def test_divergence_in_json(capsys, p, q, expected):
    assert command_line.main(["kl", p, q, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert {key: facts[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Normal(0, 1)", kldiv.Normal(0, 1)),
        (" Normal ( loc = -1e-3 , scale = +2.5 ) ", kldiv.Normal(-1e-3, 2.5)),
        ("Normal(scale=[1, 2], loc=(0, 1))", kldiv.Normal([0, 1], [1, 2])),
        ("BernoulliLogits(-inf)", kldiv.BernoulliLogits(-math.inf)),
        ("MultivariateNormal([0, 0], [[1, 0], [0, 1]])", kldiv.MultivariateNormal([0, 0], [[1, 0], [0, 1]])),
        (
            "Mixture([0.5, 0.5], components=Normal([0, 1], 1))",
            kldiv.Mixture([0.5, 0.5], kldiv.Normal([0, 1], 1)),
        ),
    ],
)
def test_text_of_a_distribution(text, expected):
    assert _notation.distribution(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Norml(0, 1)", "'Norml' at character 1 of .* is not a family of kldiv; did you mean Normal"),
        ("Mixture([1], Gausian(0, 1))", "'Gausian' at character 14 of .*; did you mean Normal"),
        ("Normal(0, 1", r"'Normal\(0, 1': '\(' was never closed at character 7"),
        ("Normal(0, 1))", r"unmatched '\)' at character 13"),
        ("Normal(0)", r"does not fit Normal\(loc, scale\): missing a required argument: 'scale'"),
        ("Normal(0, 1, 2)", r"does not fit Normal\(loc, scale\): too many positional arguments"),
        ("Normal(0, loc=1)", r"does not fit Normal\(loc, scale\): multiple values for argument 'loc'"),
        ("Normal(0, scael=1)", "'scael=1' at character 11 of .* is no parameter of Normal; did you mean scale"),
        ("Normal(*[0, 1])", "cannot be unpacked here"),
        ("Normal(**{})", "cannot be unpacked here"),
        ("Normal(0, '1')", "\"'1'\" at character 11 of .* is not a number or a list of numbers"),
        ("Normal(0, True)", "'True' at character 11 of .* is not a number"),
        ("Normal(0, 1j)", "'1j' at character 11 of .* is not a number"),
        ("Normal(0, 2**9**9)", r"'2\*\*9\*\*9' at character 11 of .* is not a number"),
        ("Normal(__import__('os').getpid(), 1)", "at character 8 of .* is not a number"),
        ("Normal(-[0, 1], 1)", "is a sign before a list"),
        ("Independent(1)", "'1' at character 13 of .* is not a distribution, such as"),
        ("Normal", "is not a distribution, such as"),
        ("kldiv.Normal(0, 1)", "'kldiv.Normal' at character 1 of .* is not a family"),
        ("Normal(0, 1); 1", "invalid syntax"),
        ("Normal(" + 10**4 * "[" + "0", "too many nested parentheses"),
        ("Normal(" + 3 * 10**4 * "-" + "0, 1)", "nested too deeply"),
        ("Normal(0, 1)" + 10**6 * " ", "is too long"),
        ("Normal(\0, 1)", "null bytes|no text"),
    ],
    ids=lambda text: text[:25],
)
def test_text_that_is_no_distribution_tells_the_place(text, message):
    with pytest.raises(ValueError, match=message):
        _notation.distribution(text)


def test_invalid_parameter_is_exit_status_two(capsys):
    assert command_line.main(["kl", "Normal(0, -1)", "Normal(0, 1)"]) == 2
    assert capsys.readouterr().err == "kldiv: Normal.scale must be positive and finite; got -1.0 in p\n"


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        command_line.main(["--version"])
    assert capsys.readouterr().out == f"kldiv {kldiv.__version__}\n"


def test_help_has_examples_that_run(capsys):
    with pytest.raises(SystemExit, match="0"):
        command_line.main(["--help"])
    examples = re.findall(r"^  kldiv (.*)$", capsys.readouterr().out, flags=re.MULTILINE)
    assert [command_line.main(shlex.split(example)) for example in examples] == [0] * 5


def test_missing_extra_names_the_line_that_installs_it():
    error = _environment.missing("kldiv.plotting", "matplotlib", "plot")
    assert 'pip install "kldiv[plot]", or in a clone of the repository pip install ".[plot]"' in str(error)


def test_environment(capsys):
    assert command_line.main(["env"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["numpy"] == np.__version__
    assert lines["python"] == ".".join(map(str, sys.version_info[:3]))


def test_environment_in_json_says_null_of_what_is_not_installed(capsys, monkeypatch):
    monkeypatch.setattr(_environment, "_PACKAGES", ("there_is_no_such_framework",))
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
    assert _environment.version("mpmath") == np.__version__


def shell(command):
    environment = {**os.environ, "PYTHONPATH": str(Path(kldiv.__file__).parents[1])}
    return subprocess.run(command, shell=True, env=environment, capture_output=True, encoding="utf-8", check=False)


def test_environment_imports_no_framework():
    code = 'import sys; from kldiv.__main__ import main; main(["env"]); print("numpy" in sys.modules)'
    ended = shell(f"{sys.executable} -c '{code}'")
    assert (ended.stdout.splitlines()[-1], ended.stderr) == ("False", "")


@pytest.mark.parametrize("arguments", ["env --json", "--help", "kl 'Normal(0,1)' 'Normal(0,2)'"])
def test_reader_that_closes_the_pipe_early_is_no_error(arguments):
    ended = shell(f"{sys.executable} -m kldiv {arguments} | true")
    assert (ended.stdout, ended.stderr) == ("", "")
