"""The worked examples: what they print and draw, and that they fail when a framework does."""

import contextlib
import io
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import mpmath
import numpy as np
import pytest
from scipy import integrate, stats

import demo
import grid_descent
import kldiv
import real_data
from _report import main, text, truths
from _report.records import body
from _report.worker import PEERS

EXAMPLES = Path(demo.__file__).parent
CHANGED = "N(0, e) || N(5, 10)"
NAMES = [example.name for example in demo.EXAMPLES]


pytestmark = pytest.mark.xdist_group("examples")  # one worker runs each example once


@pytest.fixture(scope="module", autouse=True)
def _once(backend):
    if backend.name != "numpy":
        pytest.skip("tried once, in the session of NumPy: it starts a process for each framework itself")


def call(*arguments, **options):
    """Run all examples in this process, and return the exit status."""
    return main.main(*demo.EXAMPLES, arguments=arguments, **options)


def run(*arguments, **options):
    """Return exit status and output of all examples, run in this process."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        status = call(*arguments, "--framework", "numpy", **options)
    return status, output.getvalue()


@pytest.fixture(scope="module")
def document():
    def refuse(literal):
        raise AssertionError(f"{literal} is not JSON")

    status, output = run("--json")
    assert status == 0
    return json.loads(output, parse_constant=refuse)


@pytest.fixture(scope="module")
def cases(document):
    return list(itertools.chain.from_iterable(example["cases"] for example in document["examples"]))


@pytest.fixture
def replies(monkeypatch):
    """Replace the frameworks: each computes the truth, but for one case, where a test may set the number."""
    first = {}

    def finish(name, comparisons):
        numbers = [list(map(float, comparison.truth)) for comparison in comparisons]
        index = [comparison.cases[0] for comparison in comparisons].index(CHANGED)
        numbers[index][0] = first.get(name, numbers[index][0])
        peers = [{PEERS[name][0]: list(c.truth)} if c.peers and name in PEERS else {} for c in comparisons]
        return {"version": "1.0", "numbers": numbers, "peers": peers}

    monkeypatch.setattr(main, "start", lambda name: name)
    monkeypatch.setattr(main, "finish", finish)
    return first


# ------------------------------------------------------------------------------------------------------- the numbers


@pytest.mark.parametrize(
    ("label", "alternative", "truth"),
    [
        ("N(0, e) || N(5, 10)", 9.722069, 4.611619913759925),
        ("N(0, e) || N(10, e)", 55.18191617571634, 55.18191617571634),
        ("N(0, e) || N(0.1, e)", 0.0055181916175716375, 0.0055181916175716375),
        ("N(0, e) || itself", 0.0, 0.0),
        ("N(2, 1²) || N(3, 1.5²)", 0.120536, 0.34990955255260890),
        ("N(4, 2²) || N(5, 2.5²)", -0.00308999, 0.12314355131420977),
        ("N(6, 3²) || N(8, 4²)", 0.0311887, 0.19393207245178092),
        ("their sum", 0.1486345, 0.6669851763185994),
        ("N(0, 1) || N(1, 1), dx = 0.001", 500.0, 0.5),
        ("[1, 4], sd 1 || [-3, 2], sd 2.5", 2.5925814637483104, 2.5925814637483104),
    ],
)
def test_worked_example(cases, label, alternative, truth):
    (case,) = (case for case in cases if case["case"] == label)
    assert case["kldiv"]["numpy"] == pytest.approx(truth, rel=1e-14, abs=0)
    assert case["truth"] == pytest.approx(truth, rel=1e-13, abs=0)
    assert case["alternative"] == pytest.approx(alternative, rel=1e-5, abs=4 * case.get("standard_error", 0.0))


def test_determinants_underflow(cases):
    (case,) = (case for case in cases if case["case"] == "policy in 100 dimensions, variance 1e-8")
    assert case["alternative"] == "nan"
    assert case["kldiv"]["numpy"] == pytest.approx(case["truth"], rel=1e-12)


def test_equal_distributions_have_exactly_zero(cases):
    zeros = [case["kldiv"]["numpy"] for case in cases if case["truth"] == 0]
    assert zeros == [0.0] * len(zeros)
    assert zeros


def test_every_case_agrees(document, cases):
    assert all(case["agree"] for case in cases)
    assert document["agree"]
    assert document["compared"] == len(cases)


@pytest.mark.parametrize(("name", "features"), [("Iris", 4), ("Wine", 13)])
def test_real_data(cases, name, features):
    pytest.importorskip("sklearn")
    labels = [case["case"] for case in cases if case["case"].startswith(f"{name}:")]
    assert len(labels) == 2 * 3**2
    assert labels[:9] == labels[9:]
    (comparison,) = (
        c for c in real_data.comparisons() if c.cases == labels[:9] and len(np.shape(c.parameters[3])) == 3
    )
    assert np.shape(comparison.parameters[3]) == (3, features, features)


def test_others_lose_near_equality(cases):
    (case,) = (case for case in cases if case["case"].startswith("Categorical"))
    assert case["kldiv"]["numpy"] == pytest.approx(case["truth"], rel=1e-6)
    assert case["peers"]["SciPy"] != pytest.approx(case["truth"], rel=1e-2)


@pytest.mark.parametrize(("loc", "scale"), [(0.0, 1.0), (0.3, 0.7), (-2.0, 3.0)])
def test_truth_of_normals_is_the_definition(loc, scale):
    def integrand(x):
        log_p, log_q = stats.norm.logpdf(x, loc, scale), stats.norm.logpdf(x, 0.5, 1.5)
        return np.exp(log_p) * (log_p - log_q)

    value, _ = integrate.quad(integrand, loc - 40 * scale, loc + 40 * scale, points=[loc], limit=200)
    assert float(truths.normal_truth(loc, scale, 0.5, 1.5)) == pytest.approx(value, rel=1e-9)


def test_truth_of_multivariate_normals_is_the_textbook_formula_in_many_digits():
    covariance_p, covariance_q = np.array([[2.0, 1e-4], [1e-4, 1e-6]]), np.array([[3.0, -0.5], [-0.5, 1e-1]])
    loc_p, loc_q = np.array([1.0, 2.0]), np.array([0.0, 1.0])
    with mpmath.workdps(50):
        p, q = mpmath.matrix(covariance_p.tolist()), mpmath.matrix(covariance_q.tolist())
        d = mpmath.matrix((loc_q - loc_p).tolist())
        trace = sum((q**-1 * p)[i, i] for i in range(2))
        truth = float((trace + (d.T * q**-1 * d)[0] - 2 + mpmath.log(mpmath.det(q) / mpmath.det(p))) / 2)
    assert truths.multivariate_normal_truth(loc_p, covariance_p, loc_q, covariance_q) == pytest.approx(truth, rel=1e-13)


# ------------------------------------------------------------------------------------------------------- the scripts


def shell(*arguments):
    """Return what a user's shell gets."""
    environment = {**os.environ, "PYTHONPATH": str(Path(kldiv.__file__).parents[1]), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, *arguments, "--framework", "numpy"]
    return subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """Return what a user's shell gets from two of the examples and from all of them."""
    folder = tmp_path_factory.mktemp("demo")
    return {
        "diagonal_gaussians": shell(EXAMPLES / "diagonal_gaussians.py"),
        "grid_descent": shell(EXAMPLES / "grid_descent.py"),
        "demo": shell(EXAMPLES / "demo.py", "--folder", str(folder)),
        "folder": folder,
    }


SCRIPTS = pytest.mark.parametrize("name", ["diagonal_gaussians", "grid_descent", "demo"])


@SCRIPTS
def test_script_succeeds_quietly(printed, name):
    assert (printed[name].returncode, printed[name].stderr) == (0, "")


@SCRIPTS
def test_lines_are_short(printed, name):
    assert max(map(len, printed[name].stdout.splitlines())) <= text.WIDTH


@pytest.mark.parametrize("number", ["4.611619913759925", "55.1819161757163", "0.00551819161757", "9.722069"])
def test_script_prints(printed, number):
    assert number in printed["diagonal_gaussians"].stdout


def test_descent_is_printed(printed):
    assert "911  -0.000062  6.353949" in printed["grid_descent"].stdout


@pytest.mark.parametrize("number", ["4.61161991376", "9.722069", "0.1486", "0.0049997", "190.3090162"])
def test_report_prints(printed, number):
    assert number in printed["demo"].stdout


def test_report_has_at_most_sixty_lines(printed):
    assert len(printed["demo"].stdout.splitlines()) <= 60


def test_report_is_saved_and_its_folder_printed(printed):
    assert str(printed["folder"].resolve()) in printed["demo"].stdout
    assert (printed["folder"] / "report.txt").read_text(encoding="utf-8") == printed["demo"].stdout


def test_every_script_is_an_example_of_the_report():
    scripts = {path.stem for path in EXAMPLES.glob("*.py")}
    assert scripts == {*NAMES, "demo"}


@pytest.mark.parametrize("example", demo.EXAMPLES, ids=NAMES)
def test_code_is_shown_and_is_code(example):
    pytest.importorskip(example.needs or "kldiv")
    code = [body(comparison.function) for comparison in example.comparisons()]
    for shown in code:
        compile(shown, example.name, "exec")
        assert "kldiv.kl_divergence(" in shown


def test_reader_that_closes_the_pipe_early_is_no_error():
    command = f"{sys.executable} {EXAMPLES / 'monte_carlo.py'} --framework numpy --json | head -n 1"
    environment = {**os.environ, "PYTHONPATH": str(Path(kldiv.__file__).parents[1])}
    ended = subprocess.run(command, shell=True, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert (ended.stdout, ended.stderr) == ("{\n", "")


def test_lines_are_short_with_four_frameworks(monkeypatch, replies, capsys):
    monkeypatch.setattr(main, "is_installed", lambda package: package != "sklearn")
    replies[main.FRAMEWORKS[2]] = 4.6116199137599211
    assert call() == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > text.WIDTH] == []


def test_frameworks_are_those_of_the_list(monkeypatch, replies, capsys):
    monkeypatch.setattr(main, "is_installed", lambda package: True)
    assert call("--json") == 0
    assert tuple(json.loads(capsys.readouterr().out)["frameworks"]) == main.FRAMEWORKS


def test_terminal_gets_the_same_numbers(monkeypatch, replies, capsys):
    pytest.importorskip("rich")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert call("--framework", "numpy") == 0
    assert "9.722069 ✗" in capsys.readouterr().out


def test_plain_ascii_where_nothing_else_can_be_printed(monkeypatch, replies):
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", output)
    assert call("--framework", "numpy") == 0
    output.seek(0)
    assert "9.722069 x" in output.read()


def test_without_scikit_learn_a_line_says_how_to_get_it(monkeypatch, replies, capsys):
    monkeypatch.setattr(main, "is_installed", lambda package: package != "sklearn")
    assert call("--framework", "numpy") == 0
    assert "Iris and Wine come with scikit-learn: pip install scikit-learn" in capsys.readouterr().out


# ------------------------------------------------------------------------------------------------------------ failing


WRONG = pytest.mark.parametrize("wrong", [4.6116199138, float("nan"), float("inf"), -4.611619913759925])


@WRONG
def test_disagreement_is_exit_status_one(replies, wrong):
    replies["numpy"] = wrong
    status, printed = run()
    assert status == 1
    assert f"✗ N(0, e) || N(5, 10): numpy computes {wrong!r}, the truth is 4.6116199137599" in printed


@WRONG
def test_disagreement_in_json(replies, wrong):
    replies["numpy"] = wrong
    status, printed = run("--json")
    assert status == 1
    (case,) = json.loads(printed)["disagreements"]
    assert case["kldiv"] == main.strict({"numpy": wrong})


def test_one_framework_among_four_that_disagrees_is_named(monkeypatch, replies, capsys):
    monkeypatch.setattr(main, "is_installed", lambda package: package != "sklearn")
    name = main.FRAMEWORKS[1]
    replies[name] = 4.0
    assert call() == 1
    printed = capsys.readouterr().out
    assert f"all but {name}" in printed
    assert f"✗ N(0, e) || N(5, 10): {name} computes 4.0, the truth is 4.61" in printed
    assert "numpy computes" not in printed


@pytest.mark.parametrize("value", [1.0 + 1e-11, float("nan"), float("inf"), -1.0])
def test_what_does_not_agree(value):
    assert not main.agrees(value, 1.0, 1e-12)


@pytest.mark.parametrize(("value", "truth"), [(1.0 + 1e-13, 1.0), (0.0, 0.0), (float("inf"), float("inf"))])
def test_what_agrees(value, truth):
    assert main.agrees(value, truth, 1e-12)


def test_zero_must_be_exact():
    assert not main.agrees(1e-300, 0.0, 1e-12)


def test_broken_framework_is_reported(monkeypatch):
    def start(name):
        pipe = subprocess.PIPE
        command = [sys.executable, "-c", "raise ImportError('libfoo.so is missing')"]
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, encoding="utf-8")

    monkeypatch.setattr(main, "start", start)
    status, printed = run()
    assert status == 1
    assert "numpy failed: ImportError: libfoo.so is missing" in printed


def test_framework_that_is_not_installed_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(main, "is_installed", lambda package: False)
    with pytest.raises(SystemExit, match="2"):
        call("--framework", "numpy")
    assert "numpy is not installed; try: pip install numpy" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------------------ figures


@pytest.fixture(scope="module")
def folder(printed):
    pytest.importorskip("matplotlib")
    assert printed["demo"].returncode == 0
    return printed["folder"]


@pytest.mark.parametrize("name", ["gaussians", "convergence", "trajectory", "iris", "wine"])
def test_figure(folder, name):
    if name in ("iris", "wine"):
        pytest.importorskip("sklearn")
    pixels = pytest.importorskip("matplotlib.image").imread(folder / f"{name}.png")
    assert min(pixels.shape[:2]) > 400
    assert pixels[..., :3].var() > 0.005


def test_descent_is_that_of_the_notebook():
    parameters = grid_descent.descent().history.parameters
    steps = [11, 111, 211, 311, 911]
    loc = [3.240110589514338, 0.33567628558185547, 0.04580545377069405, 0.006973782991828586, -6.21346886535364e-05]
    variance = [3.583713402009752, 4.877738489906517, 5.254824151499824, 5.528220598522301, 6.353949397003121]
    np.testing.assert_allclose(parameters["loc"][steps], loc, rtol=0, atol=1e-9)
    np.testing.assert_allclose(parameters["variance"][steps], variance, rtol=0, atol=1e-9)


def test_figures_need_matplotlib(monkeypatch, capsys):
    monkeypatch.setattr(main, "is_installed", lambda package: package != "matplotlib")
    with pytest.raises(SystemExit, match="2"):
        call("--folder", "somewhere")
    assert "--folder needs matplotlib; try: pip install matplotlib" in capsys.readouterr().err


def test_report_without_matplotlib_says_so(monkeypatch, replies, tmp_path):
    monkeypatch.setattr(main, "is_installed", lambda package: package != "matplotlib")
    status, printed = run(folder=tmp_path)
    assert status == 0
    assert "Figures need matplotlib: pip install matplotlib" in printed
    assert [path.name for path in tmp_path.iterdir()] == ["report.txt"]
