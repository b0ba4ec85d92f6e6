"""The pages do what they say: code prints what stands there, links lead somewhere, and other libraries agree."""

import doctest
import importlib
import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest

import kldiv
from backends import BACKEND

matplotlib.use("agg")
ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python *(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)#:]*)(?:#([^)]*))?\)|!\[[^\]]*\]\(([^)]*)\)")
# Where a row of the README's table is run, and what its code calls the modules that it uses.
LIBRARIES = {
    "SciPy": ("numpy", {"scipy": "scipy"}),
    "scikit-learn": ("numpy", {}),
    "PyTorch": ("torch", {"torch": "torch", "F": "torch.nn.functional"}),
    "optax": ("jax", {"optax": "optax", "jnp": "jax.numpy"}),
    "NumPyro": ("jax", {"numpyro": "numpyro"}),
    "Keras": ("tensorflow", {"keras": "keras"}),
    "TFP": ("tensorflow", {"tfp": "tensorflow_probability"}),
}


def rows_of_other_libraries():
    """Return the rows of the README's table: the library, its code and ours."""
    _, _, table = (ROOT / "README.md").read_text().partition("## Coming from")
    rows = [re.split(r" \| ", line.strip("| ")) for line in table.partition("\n## ")[0].splitlines() if "`" in line]
    return [[cell.strip("`") for cell in row] for row in rows if len(row) == 3]


def pytest_generate_tests(metafunc):
    """Parametrize by what runs in the framework under test: its blocks of the pages, and its rows of the table."""
    name = metafunc.config.stash[BACKEND].name
    if "session" in metafunc.fixturenames:
        label = {"numpy": ""}.get(name, name)
        found = [page for page in PAGES if any(match[1] == label for match in BLOCK.finditer(page.read_text()))]
        metafunc.parametrize("session", [session_of(page, label) for page in found], ids=[page.stem for page in found])
    if "row" in metafunc.fixturenames:
        rows = [row for row in rows_of_other_libraries() if LIBRARIES[row[0]][0] == name]
        metafunc.parametrize("row", rows, ids=[f"{library}-{i}" for i, (library, _, _) in enumerate(rows)])


def session_of(page, label):
    """Return the blocks of a page that begin with ```python and the name of a framework, as one session of Python."""
    text = page.read_text()
    blocks = [(match.start(2), match[2]) for match in BLOCK.finditer(text) if match[1] == label]
    parser = doctest.DocTestParser()
    examples = []
    for start, block in blocks:
        found = parser.get_examples(block)
        for example in found:
            example.lineno += text.count("\n", 0, start)
        examples += found
    return doctest.DocTest(examples, {"__name__": "__main__"}, page.name, str(page), 0, text)


def test_page_prints_what_it_says(session, backend):
    report = []
    results = doctest.DocTestRunner().run(session, out=report.append)
    assert results.failed == 0, "".join(report)
    assert results.attempted > 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_is_run(page):
    blocks = list(BLOCK.finditer(page.read_text()))
    assert {block[1] for block in blocks} <= {"", "torch", "tensorflow", "jax"}
    assert [block[2] for block in blocks if not block[2].startswith(">>> ")] == []


# ----------------------------------------------------------------------------------------------------- other libraries


@pytest.fixture
def given(backend):
    """Return what the code of the table uses, as arrays of the framework."""
    weights = np.asarray([[1.0, 2.0, 5.0], [3.0, 3.0, 2.0]])
    values = {
        "p": weights / weights.sum(axis=-1, keepdims=True),
        "q": np.asarray([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]),
        "x": weights,
        "y": weights[::-1],
        "loc": weights / 4,
        "scale": weights,
        "data": np.concatenate([weights, -weights, weights[::-1] / 2])[:, :2],
    }
    return {name: backend.array(value, "float32") for name, value in values.items()}


@pytest.fixture
def scope(row, given):
    """Return the names of the code of a row."""
    named = {name: importlib.import_module(module) for name, module in LIBRARIES[row[0]][1].items()}
    if "mixture" in row[1]:
        mixture = pytest.importorskip("sklearn.mixture").GaussianMixture(2, random_state=0, reg_covar=0.1)
        named["mixture"] = mixture.fit(given["data"])
    return {"kldiv": kldiv, **given, **named}


def test_other_library_returns_the_same(row, scope, backend):
    _, there, here = row
    theirs, ours = (backend.to_numpy(eval(code, scope)) for code in (there, here))
    np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)


# -------------------------------------------------------------------------------------------------------------- links


def anchors(page):
    """Return the anchors of the headings of a page, as GitHub and MyST name them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    targets = [(page.parent / (path or picture or page.name), anchor) for path, anchor, picture in LINK.findall(prose)]
    written = [(target, anchor) for target, anchor in targets if "generated" not in target.parts]
    assert [target for target, _ in written if not target.exists()] == []
    assert [anchor for target, anchor in written if anchor and anchor not in anchors(target)] == []


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_every_guide_is_in_the_menu_of_the_site():
    menus = [(ROOT / "docs" / f"{name}.md").read_text() for name in ("index", "guides")]
    entries = {entry for menu in menus for entry in re.findall(r"^(\w+)$", menu, re.MULTILINE)}
    assert {page.stem for page in PAGES if page.parent.name == "docs"} - {"index"} == entries
