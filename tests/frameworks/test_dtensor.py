"""torch's DTensors: two processes hold a half of the batch each, compute its divergences, and send nothing."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import dtensor_worker

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.xdist_group(__name__)  # for one worker to start the processes
over_cases = pytest.mark.parametrize("name", dtensor_worker.CASES)


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory):
    """Return what came of the cases in each of the two processes."""
    folder = tmp_path_factory.mktemp("parts")
    path = str(ROOT / "tests")
    code = f"import sys; sys.path.append({path!r}); import dtensor_worker; dtensor_worker.work(*sys.argv[1:])"
    commands = [[sys.executable, "-W", "ignore", "-c", code, str(rank), str(folder)] for rank in range(2)]
    processes = [subprocess.Popen(c, cwd=ROOT, stderr=subprocess.PIPE, text=True) for c in commands]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(errors)
    return [torch.load(folder / str(rank), weights_only=False) for rank in range(2)]


def expected(name):
    """Return the value and the gradients of a case in one piece."""
    function, parameters, _, _ = dtensor_worker.CASES[name]
    leaves = [x.clone().requires_grad_() for x in parameters]
    value = function(*leaves)
    return value.detach(), torch.autograd.grad(value.sum(), leaves)


@over_cases
def test_value_is_that_of_the_whole(outcomes, name):
    np.testing.assert_allclose(outcomes[0][name]["value"], expected(name)[0], rtol=1e-14)


@over_cases
def test_result_is_divided_as_the_batch_is(outcomes, name):
    function, parameters, _, placements = dtensor_worker.CASES[name]
    (placement,) = outcomes[0][name]["placements"]
    assert [placement] == placements
    whole = function(*parameters)
    halves = torch.chunk(whole, 2, placement.dim) if placement.is_shard() else [whole, whole]
    for outcome, half in zip(outcomes, halves, strict=True):
        np.testing.assert_allclose(outcome[name]["part"], half, rtol=1e-14)


@over_cases
def test_nothing_is_sent_for_the_value(outcomes, name):
    assert [outcome[name]["sent"] for outcome in outcomes] == [0, 0]


@over_cases
def test_derivatives_are_added_up_only_of_parameters_that_the_parts_share(outcomes, name):
    *_, placements, result = dtensor_worker.CASES[name]
    shared = dtensor_worker.ALL in placements and result != dtensor_worker.ALL
    assert [outcome[name]["sent for derivatives"] > 0 for outcome in outcomes] == [shared, shared]


@over_cases
def test_gradient_is_that_of_the_whole(outcomes, name):
    for gradient, whole in zip(outcomes[1][name]["gradients"], expected(name)[1], strict=True):
        np.testing.assert_allclose(gradient, whole, rtol=1e-13, atol=1e-15)


def test_divided_event_axis_gives_the_same_value(outcomes):
    np.testing.assert_allclose(
        outcomes[0]["divided classes"], dtensor_worker.logits(dtensor_worker.A, dtensor_worker.B), rtol=1e-14
    )


def test_process_that_holds_an_invalid_value_names_its_place_in_the_whole(outcomes):
    words = "Normal.scale must be positive and finite; got -1.0 at index (4, 2) of p"
    assert [outcome["refusal"] for outcome in outcomes] == ["", words]
