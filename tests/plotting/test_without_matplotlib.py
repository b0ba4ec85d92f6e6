"""matplotlib is optional: without it only a picture fails, and says what to install."""

import subprocess
import sys

import pytest


def run_without_matplotlib(code):
    code = f"import sys; sys.modules['matplotlib'] = None; {code}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "call",
    [
        "densities(kldiv.Normal(0.0, 1.0), kldiv.Normal(1.0, 1.0))",
        "convergence([1.0, 2.0, 3.0])",
        "trajectory(kldiv.fit(kldiv.Exponential(2.0), kldiv.Exponential(1.0), steps=1))",
        "pairwise([[0.0]])",
    ],
)
def test_a_picture_says_what_to_install(call):
    done = run_without_matplotlib(f"import kldiv; kldiv.plotting.{call}")
    assert done.returncode == 1
    message = 'ImportError: kldiv.plotting needs matplotlib; try: pip install "kldiv[plot]", or in a clone'
    assert done.stderr.splitlines()[-1].startswith(message)


@pytest.mark.parametrize(("module", "line"), [("kldiv", "kldiv - Kullback-Leibler"), ("kldiv.plotting", "densities(")])
def test_help_is_there(module, line):
    done = run_without_matplotlib(f"import pydoc; print(pydoc.render_doc('{module}', renderer=pydoc.plaintext))")
    assert (done.returncode, done.stderr) == (0, "")
    assert line in done.stdout
