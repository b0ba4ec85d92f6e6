"""The code in the guides does what it says: a page is run from top to bottom, in the framework that a block names."""

import doctest
import re
from pathlib import Path

import matplotlib
import pytest

matplotlib.use("agg")
ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *[ROOT / "docs" / f"{name}.md" for name in ("estimation", "scale", "extending")]]
BLOCK = re.compile(r"^```python *(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def session_of(page, framework):
    """Return the blocks of a page that begin with ```python and the name of a framework, as one session of Python."""
    text = page.read_text()
    blocks = [(match.start(2), match[2]) for match in BLOCK.finditer(text) if match[1] == framework]
    parser = doctest.DocTestParser()
    examples = []
    for start, block in blocks:
        found = parser.get_examples(block)
        for example in found:
            example.lineno += text.count("\n", 0, start)
        examples += found
    return doctest.DocTest(examples, {"__name__": "__main__"}, page.name, str(page), 0, text)


def check(session, least=1):
    report = []
    results = doctest.DocTestRunner().run(session, out=report.append)
    assert results.failed == 0, "".join(report)
    assert results.attempted >= least


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_prints_what_it_says(page):
    check(session_of(page, ""))


def test_examples_of_the_framework_print_what_they_say(differentiable):
    check(session_of(ROOT / "docs" / "estimation.md", differentiable.name))


def test_examples_of_arrays_on_many_devices_print_what_they_say(differentiable):
    check(session_of(ROOT / "docs" / "scale.md", differentiable.name), least=0)  # TensorFlow has none


@pytest.mark.parametrize(
    ("page", "frameworks"),
    [(PAGES[1], {"", "torch", "tensorflow", "jax"}), (PAGES[2], {"", "torch", "jax"}), (PAGES[3], {""})],
    ids=["estimation", "scale", "extending"],
)
def test_every_block_is_run(page, frameworks):
    assert {match[1] for match in BLOCK.finditer(page.read_text())} == frameworks
    prompts = re.findall(r"^```.*\n(?!>>> )", page.read_text(), re.MULTILINE)
    assert [line for line in prompts if "python" in line] == []
