"""What `help` shows of a family: its density, its parameters, its divergence, and its names in other libraries."""

import ast
import importlib
import inspect
import re

import numpy as np
import pytest
import scipy.special
import scipy.stats  # noqa: F401  # the calls of docstrings name both

import kldiv
from backends import BACKEND
from cases import FAMILIES, HOLDERS, STANDALONE, number, ordinary
from kldiv import domains
from kldiv._core.family import fields_of

DOMAINS = {
    domains.Real: "real",
    domains.Positive: "positive",
    domains.NonNegative: "non-negative",
    domains.UnitInterval: "between 0 and 1",
    domains.OpenUnitInterval: "between 0 and 1, neither included",
    domains.LeftOpenUnitInterval: "above 0 and at most 1",
    domains.ZeroToBelowOne: "at least 0 and below 1",
    domains.AboveOne: "above 1",
    domains.Integer: "integer",
    domains.Count: "non-negative integer",
    domains.AboveLow: "above low",
    domains.IntegerFromLow: "integer, at least low",
    domains.Logit: "real or infinite",
    domains.RealVector: "real vector",
    domains.PositiveVector: "positive vector",
    domains.PositiveClasses: "positive vector",
    domains.UnitVector: "unit vector",
    domains.Increasing: "increasing vector",
    domains.Edges: "increasing vector",
    domains.Simplex: "vector of probabilities",
    domains.CellProbabilities: "vector of probabilities",
    domains.CellLogits: "vector, real or -inf",
    domains.States: "vector of probabilities",
    domains.Weights: "vector of probabilities",
    domains.Transitions: "matrices whose rows are probabilities",
    domains.Logits: "vector, real or -inf",
    domains.LowRankFactor: "real matrix",
    domains.RealMatrix: "real matrix",
    domains.LowerTriangular: "lower triangular matrix, positive on the diagonal",
    domains.RowFactor: "lower triangular matrix, positive on the diagonal",
    domains.ColumnFactor: "lower triangular matrix, positive on the diagonal",
    domains.PositiveDefinite: "positive definite matrix",
    domains.DegreesOfFreedom: "above d - 1",
}
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.__name__)


def pytest_generate_tests(metafunc):
    if "elsewhere" in metafunc.fixturenames:
        libraries = metafunc.config.stash[BACKEND].libraries
        calls = [(family, call) for family in STANDALONE for name in libraries for call in calls_of(family, name)]
        metafunc.parametrize("elsewhere", calls, ids=[family.__name__ for family, _ in calls])


def sections_of(family):
    """Return the sections of a docstring by name, each with its lines; what precedes them has no name."""
    sections, name = {"": []}, ""
    lines = inspect.getdoc(family).splitlines()
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        if re.fullmatch("-+", after) and len(after) == len(line):
            sections[name := line] = []
        elif not re.fullmatch("-+", line):
            sections[name].append(line)
    return sections


def section_of(family, name):
    """Return the text of a section, which must be there."""
    sections = sections_of(family)
    assert name in sections, f"write a section {name} into the docstring of {family.__name__}, as that of Gamma has it"
    return "\n".join(sections[name])


def calls_of(family, library):
    """Return the calls that make the same distribution in a library."""
    notes = " ".join(" ".join(sections_of(family).get("Notes", [])).split())
    _, _, elsewhere = notes.partition("The same distribution elsewhere: ")
    return [call for call in re.findall("``(.+?)``", elsewhere) if call.startswith(f"{library}.")]


def parameters_of(family):
    """Return the entries of the section Parameters: name, domain, description."""
    text = section_of(family, "Parameters")
    return re.findall(r"^(\w+) : (.+)\n((?:    .+\n?)+)", text, flags=re.MULTILINE)


# ------------------------------------------------------------------------------------------------------- the docstring


@each_family
def test_docstring_begins_with_one_line_that_says_what_the_family_is(family):
    first, second, *_ = inspect.getdoc(family).splitlines()
    assert first.endswith(".")
    assert second == ""


@each_family
def test_docstring_has_the_density_with_every_parameter_in_it(family):
    text = section_of(family, "")
    match = re.search(r"(?:Density|Mass)\b[^:]*::\n\n    (?:p|P)\(\w(?:, \w)?\) = .+\n", text)
    assert match, f"write the equation of the density or mass into the docstring of {family.__name__}"
    assert [name for name in family._fields if not re.search(rf"\b{name}\b", match[0])] == []


@each_family
def test_parameters_are_those_of_the_family_in_order(family):
    assert [name for name, _, _ in parameters_of(family)] == list(family._fields)


@each_family
def test_parameters_have_their_domains_in_words(family):
    words = ["distribution" if field.component else DOMAINS.get(field.domain) for field in fields_of(family)]
    stated = [domain for _, domain, _ in parameters_of(family)]
    assert [a for a, b in zip(stated, words, strict=True) if b not in (a, None)] == []


@each_family
def test_notes_have_the_divergence_within_the_family_or_say_what_gives_it(family):
    notes = section_of(family, "Notes")
    kind = family if family not in HOLDERS else family[kldiv.Normal]
    try:
        kldiv.rule(kind, kind)
    except kldiv.NoClosedForm:
        assert "no closed form" in notes
        assert "`kldiv.estimate`" in notes
    else:
        assert re.search(r"::\n\n    KL\(P \|\| Q\) = \S", notes)


@each_family
def test_sections_are_in_order_and_end_with_an_example(family):
    assert list(sections_of(family)) == ["", "Parameters", "Notes", "Examples"]
    assert ">>> " in section_of(family, "Examples")


# ----------------------------------------------------------------------------------------------------- other libraries


@each_family
def test_names_in_scipy_are_arguments_of_its_distribution(family):
    text = " ".join(description for _, _, description in parameters_of(family))
    stated = {
        node.id
        for code in re.findall("``([^`]+)`` in SciPy", text)
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Name)
    }
    calls = [ast.parse(call).body[0].value for call in calls_of(family, "scipy")]
    assert stated - {"log", "exp"} <= {keyword.arg for call in calls for keyword in call.keywords}
    assert all(not call.args for call in calls), "name every argument of scipy.stats by its keyword"


OUTCOMES = {  # of families that have no sampler, and of one that SciPy defines on a single turn
    kldiv.VonMises: lambda p: np.linspace(-3, 3, 5),
    kldiv.VonMisesFisher: lambda p: np.eye(len(p.mean_direction)),
    kldiv.WrappedCauchy: lambda p: p.loc + np.linspace(0.1, 6, 5),
    kldiv.Zeta: lambda p: np.arange(1.0, 6.0),
}


def log_density_of(other, x, backend):
    """Return the log density or mass that a distribution of another library has at some outcomes."""
    if hasattr(other, "log_prob"):
        dtype = getattr(getattr(other, "dtype", None), "name", "float64")
        return backend.to_numpy(other.log_prob(backend.array(x, dtype)))
    method = getattr(other, "logpmf", None) or other.logpdf
    is_pair = type(other).__name__ == "normal_inverse_gamma_frozen"  # its outcomes are two arguments
    return np.asarray([method(*row) if is_pair else method(row) for row in x])


def test_distribution_elsewhere_has_the_same_density(backend, elsewhere):
    family, call = elsewhere
    drawn = ordinary(np.random.default_rng(number(family)), family, 1)
    distribution = family(*[drawn[name][0] for name in family._fields])
    x = OUTCOMES[family](distribution) if family in OUTCOMES else kldiv.sample(distribution, 5, rng=0)
    values = {
        field.name: int(value) if field.domain == domains.Count else backend.array(value, "float64")[()]
        for field, value in zip(fields_of(family), distribution, strict=True)
    }
    libraries = {name: importlib.import_module(module) for name, module in backend.libraries.items()}
    other = eval(call, libraries, values)
    np.testing.assert_allclose(log_density_of(other, x, backend), distribution.log_density(x), rtol=1e-6, atol=1e-6)
