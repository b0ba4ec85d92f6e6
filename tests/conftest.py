"""One backend per process: `pytest --backend torch`. The tests of one family: `pytest --family Gamma`."""

import itertools
import re
import zlib
from collections import defaultdict

import pytest

import selection
from backends import BACKEND, OWN_FILES, load

DTYPE = re.compile(r"\bfloat(32|64)\b")

# Files of tests that have nothing to do with a backend.
ONCE = ("test_command_line", "test_processes", "test_examples", "test_package", "test_public", "test_reference")

# Files and folders of which only those tests have to do with a backend that ask for it.
PARTLY_ONCE = {"plotting", "test_conformance", "test_docs", "test_family_docs", "test_gaps", "test_integrals"}

# Folders whose tests run what the library compiles as programs: loops of many steps, and what backends do themselves.
PROGRAMS = {"arrays", "estimation", "fitting", "frameworks", "sequences"}


def pytest_addoption(parser):
    parser.addoption("--backend", default="numpy", help="numpy, torch, jax, tensorflow or strict")
    parser.addoption("--family", help="the tests of one family, and no others")
    parser.addoption("--full", action="store_true", help="the full grid of cases rather than a covering sample")


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "cases(default, quick, eager, compiled, full): the cases that a test of the matrix runs over"
    )
    config.addinivalue_line("markers", "full: a case more, for `--full`")
    config.addinivalue_line("markers", "one_in(n): where not all cases run by default, one in n does")
    config.addinivalue_line("markers", "compiled: what the library compiles runs compiled, not operation by operation")
    config.stash[BACKEND] = load(config.getoption("--backend"), config.getoption("--full"))
    if family := config.getoption("--family"):
        import kldiv.families

        if message := selection.unknown(family, kldiv.families.__all__):
            raise pytest.UsageError(message)
        selection.FAMILY = family


def pytest_ignore_collect(collection_path, config):
    """Leave out the files that need another environment or miss the family; None leaves the decision to others."""
    owner = OWN_FILES.get(collection_path.stem)
    if owner not in (None, config.stash[BACKEND].name):
        return True
    family = config.getoption("--family")
    missed = family and collection_path.suffix == ".py" and not selection.mentions(collection_path, family)
    return True if missed else None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Run tests operation by operation where a backend can, but for those marked `compiled` and those of programs."""
    programs = item.config.stash[BACKEND].programs
    if programs is not None:
        folder = item.path.relative_to(item.config.rootpath / "tests").parts[0]
        compiled = folder in PROGRAMS or any(mark.name == "compiled" for mark in item.iter_markers())
        programs.are_compiled = compiled or item.config.getoption("--full")


@pytest.fixture(scope="session")
def backend(request):
    """Return the record of the backend under test."""
    return request.config.stash[BACKEND]


@pytest.fixture(scope="session")
def eager(backend):
    """Return the record of a backend that compiles nothing; elsewhere such tests are for `--full`."""
    return backend


@pytest.fixture(scope="session")
def differentiable(backend):
    """Return the record of a backend that has derivatives; elsewhere such tests are not collected."""
    return backend


def pytest_generate_tests(metafunc):
    """Parametrize `transform` and `short_dtype` by what the backend under test has; no test asks for its name."""
    backend = metafunc.config.stash[BACKEND]
    if "transform" in metafunc.fixturenames:
        metafunc.parametrize("transform", backend.transforms.values(), ids=backend.transforms.keys())
    if "short_dtype" in metafunc.fixturenames:
        metafunc.parametrize("short_dtype", backend.short_dtypes)


@pytest.hookimpl(tryfirst=True)  # pytest-xdist has a hook of the same name, which reads the groups
def pytest_collection_modifyitems(config, items):
    """Leave out the tests of what the backend under test does not offer: derivatives, compilers, short floats."""
    backend = config.stash[BACKEND]
    lacking = set()
    if backend.gradient is None:
        lacking.add("differentiable")
    if not (backend.is_eager or config.getoption("--full")):
        lacking.add("eager")
    if not backend.transforms:
        lacking.add("transform")
    if not backend.short_dtypes:
        lacking.add("short_dtype")
    once, partly_once = ((), set()) if backend.runs_the_rest else (ONCE, PARTLY_ONCE)
    family = config.getoption("--family")
    skipped = set() if config.getoption("--full") else {item for item in items if item.get_closest_marker("full")}
    if backend.transforms and not config.getoption("--full"):
        skipped.update(under_other_transforms(items, backend.transforms))
    if not (config.getoption("--full") or backend.runs_all_cases):
        skipped.update(one_of_two_dtypes(items))
    left_out = {
        item
        for item in items
        if (family and not selection.is_about(item.name, family))
        or item.path.stem in once
        or ({item.path.stem, item.path.parent.name} & partly_once and "backend" not in item.fixturenames)
        or lacking & set(item.fixturenames)
        or item in skipped
    }
    if not (config.getoption("--full") or backend.runs_all_cases):
        left_out.update(all_but_one_in_n([item for item in items if item not in left_out]))
    for item in items:
        if item.get_closest_marker("cases"):
            # What one worker compiles for a pair serves all tests of it.
            item.add_marker(pytest.mark.xdist_group(str(item.callspec.params["case"])))
        for name, reason in backend.gaps.items():
            if item.nodeid.endswith(name):
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]


def all_but_one_in_n(items):
    """Return the tests to leave out of those that are marked `one_in`: the first of n stays, and so on."""
    numbers = defaultdict(itertools.count)
    marks = [(item, mark.args[0]) for item in items for mark in item.iter_markers("one_in")]
    return [item for item, n in marks if next(numbers[item.function]) % n]


def one_of_two_dtypes(items):
    """Return one of each two tests that differ in nothing but float32 and float64; the matrix has its own choice."""
    alike = defaultdict(list)
    for item in items:
        if DTYPE.search(item.nodeid) and not item.get_closest_marker("cases"):
            alike[DTYPE.sub("float", item.nodeid)].append(item)
    return {twins[zlib.crc32(name.encode()) % 2] for name, twins in alike.items() if len(twins) == 2}


def under_other_transforms(items, transforms):
    """Return the tests to leave out for each to run under one transform, which its cases take in turn.

    A case of the matrix has the same one whatever the other cases are.
    """
    turns = defaultdict(dict)
    left_out = []
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        if "transform" in parameters:
            place = list(transforms.values()).index(parameters["transform"])
            others = [part for part in item.callspec.id.split("-") if part != list(transforms)[place]]
            others = [part for part in others if not DTYPE.fullmatch(part)]
            in_order = turns[item.function].setdefault("-".join(others), len(turns[item.function]))
            is_case = item.get_closest_marker("cases")
            turn = zlib.crc32(str(parameters["case"]).encode()) if is_case else in_order
            if others and (turn + place) % len(transforms):
                left_out.append(item)
    return left_out
