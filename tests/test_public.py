"""The public names, their documentation, and the rules of the house that a reader of one file cannot see kept."""

import ast
import doctest
import importlib
import importlib.util
import inspect
import json
import math
import pkgutil
import re
from pathlib import Path

import pytest

import cases
import kldiv
import selection
from backends import OWN_FILES
from kldiv._core.family import as_kind, fields_of, name_of
from kldiv._core.names import OTHER_NAMES
from kldiv._core.registry import formulas

ROOT = Path(__file__).parents[1]
MODULES = [importlib.import_module(m.name) for m in pkgutil.iter_modules(kldiv.families.__path__, "kldiv.families.")]
CLASSES = [
    value
    for module in MODULES
    for name, value in vars(module).items()
    if inspect.isclass(value) and hasattr(value, "_fields") and value.__module__ == module.__name__ and name[0] != "_"
]
only = pytest.mark.parametrize
each_family = only("family", CLASSES, ids=lambda f: f.__name__)


def pytest_generate_tests(metafunc):
    """Parametrize by the examples of the documentation, which are NumPy's and are run once."""
    if "example" in metafunc.fixturenames:
        examples = EXAMPLES if metafunc.config.getoption("--backend") == "numpy" else []
        metafunc.parametrize("example", examples, ids=lambda e: e.name)


# --------------------------------------------------------------------------------------------------------- public names


@each_family
def test_every_family_is_public(family):
    assert family.__name__ in kldiv.families.__all__, (
        f"paste into kldiv/families/__init__.py:\nfrom {family.__module__} import {family.__name__}\n"
        f'and into its __all__:\n    "{family.__name__}",'
    )


def test_only_families_are_in_the_list_of_families():
    assert set(kldiv.families.__all__) == {family.__name__ for family in CLASSES}


def test_list_of_families_is_sorted():
    assert kldiv.families.__all__ == sorted(kldiv.families.__all__)


@only("name", dir(kldiv))
def test_public_name_resolves(name):
    assert getattr(kldiv, name).__name__ in (name, f"kldiv.{name}")


@each_family
def test_family_is_a_public_name_of_the_package(family):
    assert family.__name__ in dir(kldiv)
    assert getattr(kldiv, family.__name__) is family


def test_unknown_name_is_an_attribute_error():
    assert not hasattr(kldiv, "Nothing")


@only(
    ("guess", "public"),
    [
        ("KL", "kl_divergence"),
        ("kullback_leibler", "kl_divergence"),
        ("relative_entropy", "kl_divergence"),
        ("kl_divergance", "kl_divergence"),
        ("Gaussian", "Normal"),
        ("Gausian", "Normal"),
        ("MultivariateGaussian", "MultivariateNormal"),
        ("StudentsT", "StudentT"),
        ("nbinom", "NegativeBinomial"),
        ("normal", "Normal"),
        ("Weibul", "Weibull"),
    ],
)
def test_names_that_people_guess_are_suggested(guess, public):
    with pytest.raises(AttributeError, match=rf"no attribute '{guess}'; did you mean {public}\b"):
        getattr(kldiv, guess)


@only("name", ["zzzz", "__wrapped__", "_nothing"])
def test_names_like_none_get_no_suggestion(name):
    with pytest.raises(AttributeError, match=f"no attribute '{name}'$"):
        getattr(kldiv, name)


def test_other_names_stand_for_public_ones():
    assert set(OTHER_NAMES.values()) - {"jensen_shannon"} <= set(dir(kldiv))


def seen_by_type_checkers():
    """Return the names that kldiv/__init__.py binds only for type checkers."""
    tree = ast.parse(Path(kldiv.__file__).read_text())
    (block,) = [
        node for node in tree.body if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
    ]
    imported = {alias.asname or alias.name for node in block.body for alias in getattr(node, "names", [])}
    return imported | {target.id for node in block.body for target in getattr(node, "targets", [])}


@only("name", sorted(set(dir(kldiv)) - set(kldiv.families.__all__)))
def test_type_checkers_see_what_is_loaded_on_demand(name):
    assert name in seen_by_type_checkers(), f"add {name} to the imports below TYPE_CHECKING in kldiv/__init__.py"


# -------------------------------------------------------------------------------------------------------- documentation


@only("name", dir(kldiv))
def test_public_name_has_a_docstring_with_an_example(name):
    assert ">>> " in inspect.getdoc(getattr(kldiv, name))


@each_family
def test_every_parameter_is_in_the_docstring_of_its_family(family):
    text = inspect.getdoc(family)
    assert [name for name in family._fields if not re.search(rf"\b{name}\b", text)] == []


def functions_of(module):
    """Return the public functions of a module, with their names."""
    names = getattr(module, "__all__", None) or [name for name in dir(module) if name[0] != "_"]
    values = [(f"{module.__name__}.{name}", getattr(module, name)) for name in names]
    own = [(name, f) for name, f in values if inspect.isfunction(f) and f.__module__.startswith("kldiv.")]
    return [(name, f) for name, f in own if f.__module__ == module.__name__ or module is not kldiv.domains]


HEADINGS = ("Parameters", "Returns", "Raises", "Warns", "Notes", "References", "Examples")  # in numpydoc's order
PACKAGE = functions_of(kldiv)
FUNCTIONS = PACKAGE + [
    f for m in (kldiv.declare, kldiv.domains, kldiv.numerics, kldiv.plotting) for f in functions_of(m)
]


def headings(function):
    return re.findall(r"^(\w+)\n-+$", inspect.getdoc(function), flags=re.MULTILINE)


@only("function", [f for _, f in FUNCTIONS], ids=[name for name, _ in FUNCTIONS])
def test_public_function_has_the_sections_of_numpydoc_in_order(function):
    returns = inspect.signature(function).return_annotation not in ("None", None)
    takes = bool(inspect.signature(function).parameters)
    present = headings(function)
    assert present == [name for name in HEADINGS if name in present]
    assert {"Examples", *(["Parameters"] if takes else []), *(["Returns"] if returns else [])} <= set(present)


@only("function", [f for _, f in PACKAGE], ids=[name for name, _ in PACKAGE])
def test_public_function_says_what_it_raises(function):
    assert "Raises" in headings(function) or not inspect.signature(function).parameters


@only("function", [f for _, f in FUNCTIONS], ids=[name for name, _ in FUNCTIONS])
def test_section_parameters_names_every_parameter_in_order(function):
    _, _, text = inspect.getdoc(function).partition("Parameters\n----------\n")
    section = re.split(r"\n\n\w+\n-+\n", text)[0]
    entries = re.findall(r"^\S.*$", section, flags=re.MULTILINE)
    stated = [name.strip() for entry in entries for name in entry.partition(" : ")[0].split(",")]
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    parameters = inspect.signature(function).parameters.values()
    names = [stars.get(parameter.kind, "") + parameter.name for parameter in parameters]
    assert stated == names


DOCUMENTED = [
    "kldiv._core.density",
    "kldiv._core.moments",
    "kldiv._core.registry",
    "kldiv._core.search",
    "kldiv.divergences.kl",
    "kldiv.divergences.elementwise",
    "kldiv._core.family",
    "kldiv._arrays.namespace",
    "kldiv.divergences.pairwise",
    "kldiv._core.sampling",
    "kldiv.declare",
    "kldiv.domains",
    "kldiv.numerics",
    "kldiv._numerics.categorical",
    "kldiv._numerics.edges",
    "kldiv._numerics.exact",
    "kldiv._numerics.gaps",
    "kldiv._numerics.integrals",
    "kldiv._numerics.special",
    "kldiv.estimation.counts",
    "kldiv.estimation.estimate",
    "kldiv.estimation.mixtures",
    "kldiv.estimation.estimate_result",
    "kldiv.estimation.samples",
    "kldiv.sequences.per_sample",
    "kldiv.sequences.sequence_kl",
    "kldiv.fitting.history",
    "kldiv.fitting.centroid",
    "kldiv.fitting.fit",
    "kldiv.fitting.grid",
    "kldiv.fitting.projection",
    "kldiv.plotting",
    "kldiv.plotting.convergence",
    "kldiv.plotting.densities",
    "kldiv.plotting.pairwise",
    "kldiv.plotting.trajectory",
]
EXAMPLES = [
    example
    for module in [kldiv, *map(importlib.import_module, [] if selection.FAMILY else DOCUMENTED), *MODULES]
    for example in doctest.DocTestFinder().find(module, globs={"__name__": "__main__"})
    if example.examples
]
NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:e[-+]?\d+)?")


class Checker(doctest.OutputChecker):
    """Takes a number for right that differs in the last digits, as the elementary functions of two machines do."""

    def check_output(self, want, got, flags):
        same_words = NUMBER.split(want) == NUMBER.split(got)
        numbers = zip(NUMBER.findall(want), NUMBER.findall(got), strict=True)
        return same_words and all(math.isclose(float(a), float(b), rel_tol=1e-14) for a, b in numbers)


def test_example_prints_what_it_says(example):
    report = []
    results = doctest.DocTestRunner(Checker()).run(example, out=report.append)
    assert results.failed == 0, "".join(report)


# ------------------------------------------------------------------------------------------------------------- families


@each_family
def test_every_parameter_has_a_domain(family):
    fields = fields_of(family)
    assert [field.name for field in fields] == list(family._fields), (
        f"annotate the fields of {family.__name__} as in `loc: Annotated[Array, Real]`"
    )
    assert all((field.domain is None) != (field.component is None) for field in fields)


@each_family
def test_family_has_a_log_density(family):
    assert callable(family.log_density)


# Tests register formulas too; these are the library's own.
FORMULAS = {formula: pair for pair, formula in formulas.items() if formula.__module__.startswith("kldiv.families")}
each_formula = only("formula", FORMULAS, ids=lambda f: f.__name__)


def snake_case(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z](?:[a-z]|$))", "_", name.replace("TriL", "Tril")).lower()


@each_formula
def test_formula_is_named_after_its_pair(formula):
    p, q = FORMULAS[formula]
    assert formula.__name__ == f"kl_{snake_case(p.__name__)}_{snake_case(q.__name__)}"


@each_formula
def test_formula_states_its_equation(formula):
    p, q = FORMULAS[formula]
    equation = kldiv.rule(p, q).equation
    assert re.search(r"\w\(| [-+*/] |\w / \w", equation), f"{formula.__name__} begins with no equation: {equation!r}"


SAMPLE = cases.covering([*cases.CROSS, *cases.INFINITE])
RULES = [
    *cases.SAME,
    *cases.CONVERTED,
    *SAMPLE,
    *[pytest.param(*pair, marks=pytest.mark.full) for pair in cases.CROSS if pair not in SAMPLE],
    (kldiv.Independent[kldiv.Normal], kldiv.Independent[kldiv.Normal]),
    (kldiv.Independent[kldiv.Normal], kldiv.MultivariateNormal),
    (kldiv.MultivariateNormal, kldiv.Independent[kldiv.NormalLogVariance]),
    (kldiv.Independent[kldiv.Independent[kldiv.Exponential]], kldiv.Independent[kldiv.Independent[kldiv.Gamma]]),
    (kldiv.Independent[kldiv.Delta], kldiv.MultivariateNormal),
    (kldiv.Delta, kldiv.Poisson),
    (kldiv.Poisson, kldiv.Delta),
    (kldiv.Delta, kldiv.Normal),
]


@only(("p", "q"), RULES, ids=str)
def test_rule_reads_well(p, q):
    text = str(kldiv.rule(p, q))
    names = [name_of(as_kind(kind)) for kind in (p, q)]
    assert text.startswith(f"KL({names[0]} || {names[1]}): ")
    # One line of words: nothing empty, nothing doubled, no Python object.
    assert not re.search(r"\n|  |: ?[;.:]|; ?[;.:]|\.\.|\. \.|\(\)|None|<|>", text)


@only(("p", "q"), RULES, ids=str)
def test_rule_says_what_is_computed(p, q):
    rule = kldiv.rule(p, q)
    assert rule.formula.__name__ in str(rule) if rule.formula else rule.steps


# ---------------------------------------------------------------------------------------------------------- the sources

FRAMEWORKS = {"array_api_strict", "dask", "jax", "jaxlib", "jnp", "keras", "tensorflow", "tf", "torch"}
NUMPY = {"numpy", "np", "scipy"}


def sources(*patterns, without=()):
    files = {file for pattern in patterns for file in ROOT.glob(pattern)}
    return sorted(files - {file for pattern in without for file in ROOT.glob(pattern)})


def names_in(file):
    """Yield every name in a file's code, not in its texts, with its line."""
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Import() | ast.ImportFrom():
                found = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            case ast.Name():
                found = [node.id]
            case ast.Attribute():
                found = [node.attr]
            case ast.FunctionDef() | ast.ClassDef():
                found = [node.name]
            case ast.arg() | ast.keyword():
                found = [node.arg or ""]
            case _:
                found = []
        for name in found:
            yield from ((part, node.lineno) for part in name.split("."))


def mentions(file, words):
    return [f"{file.relative_to(ROOT)}:{line}: {name}" for name, line in names_in(file) if name in words]


def relative(file):
    return str(file.relative_to(ROOT))


CORE = sources(
    "kldiv/**/*.py",
    without=[
        "kldiv/_arrays/namespace.py",
        "kldiv/__main__.py",
        "kldiv/divergences/checked_products.py",
        "kldiv/divergences/inner_products.py",  # all pairs of distributions whose parameters are in the host's memory
        "kldiv/divergences/pairwise_host.py",
        "kldiv/estimation/sobol.py",  # SciPy's sequences and quantiles, on the host
        "kldiv/estimation/neighbours.py",  # works on the host, whatever the framework
        "kldiv/estimation/cells.py",
        "kldiv/estimation/neighbour_estimate.py",
        "kldiv/estimation/neighbour_permutations.py",
        "kldiv/estimation/pareto_tail.py",
        "kldiv/fitting/history.py",  # so does what is kept there
        "kldiv/fitting/lbfgs.py",  # and SciPy's optimizer
        "kldiv/fitting/likelihood.py",  # quantiles of samples are taken there
        "kldiv/fitting/standard_errors.py",  # so are eigenvalues
        "kldiv/interop/*.py",  # one file for each library
        "kldiv/plotting/*.py",  # so does matplotlib
    ],
)
# The files that are about something of one framework, which no other has, are its own.
WORKERS = ["tests/dtensor_worker.py", "tests/sharding_worker.py"]
OWN = [*WORKERS, *(f"tests/{folder}/{name}.py" for folder in ("frameworks", "interop") for name in OWN_FILES)]
TESTS = sources("tests/**/*.py", without=["tests/backends.py", *OWN])


@only("file", CORE, ids=relative)
def test_core_names_no_framework(file):
    assert mentions(file, FRAMEWORKS | NUMPY) == [], "frameworks belong into backends/ and kldiv/_arrays/namespace.py"


@only("file", TESTS, ids=relative)
def test_tests_name_no_framework(file):
    assert mentions(file, FRAMEWORKS) == [], "what tests know of a framework belongs into tests/backends.py"


def decorated(file):
    """Return the functions of a file that are declared to be a formula or a conversion."""
    return [
        node
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef)
        and {getattr(getattr(d, "func", None), "attr", "") for d in node.decorator_list} & {"formula", "conversion"}
    ]


DECORATED = {
    f"{relative(file)}:{function.name}": function
    for file in sources("kldiv/families/*.py")
    for function in decorated(file)
}


@only("function", DECORATED.values(), ids=DECORATED.keys())
def test_formula_leaves_branches_and_tolerances_to_kernels(function):
    names = {getattr(node, "attr", getattr(node, "id", "")) for node in ast.walk(function)}
    assert names & {"where", "eps", "finfo", "maximum", "minimum", "clip"} == set()


# -------------------------------------------------------------------------------------------------- the table of pairs


@pytest.fixture(scope="module")
def pairs():
    spec = importlib.util.spec_from_file_location("pairs", ROOT / "docs" / "pairs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_table_of_pairs_has_every_family_on_both_sides(pairs):
    table = pairs.pairs()
    assert [p for p in pairs.names() if p not in {pair.p for pair in table}] == []
    assert [q for q in pairs.names() if q not in {pair.q for pair in table}] == []


def test_no_pair_is_lost_since_the_release_that_the_readme_counts(pairs):
    count = r"In release \S+, (\d+) ordered pairs of families have a finite divergence, and (\d+) an infinite one"
    released, now = (
        [int(n) for n in re.search(count, text).groups()]
        for text in ((ROOT / "README.md").read_text(), pairs.readme("0.1.0"))
    )
    assert now[0] >= released[0]
    assert sum(now) >= sum(released)  # an infinite one may turn out to be finite


def test_counts_in_the_readme_are_all_that_a_release_changes(pairs):
    outside = re.compile(r"<!-- counts -->.*<!-- counts end -->", re.DOTALL)
    assert outside.sub("", pairs.readme("0.1.0")) == outside.sub("", (ROOT / "README.md").read_text())


def test_no_pair_that_another_library_has_is_missing(pairs):
    answers = json.loads((ROOT / "docs" / "peers.json").read_text()).values()
    ways = {(pair.p, pair.q): pair.way for pair in pairs.pairs()}
    missing = [pair for peer in answers for pair in peer["finite"] if ways.get(tuple(pair)) not in pairs.FINITE]
    assert missing == []
