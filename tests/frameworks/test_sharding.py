"""JAX's sharded arrays: eight devices hold a part of the batch each, compute its divergences, and gather nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sharding_worker

pytestmark = pytest.mark.xdist_group(__name__)  # for one worker to start the processes
# By default a case of whole rows and one of sums over an axis: the programs of all take a while to compile.
over_cases = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in ("logits of many classes", "normals") else [pytest.mark.full])
        for name in sharding_worker.CASES
    ],
)


@pytest.fixture(scope="module")
def outcomes(request):
    """Return what came of the cases of the tests that run, in a process with eight devices."""
    items = [item for item in request.session.items if item.path == request.path]
    names = sorted({item.callspec.params["name"] for item in items})
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={sharding_worker.DEVICES}"
    process = subprocess.run(
        [sys.executable, sharding_worker.__file__, *names],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


@over_cases
def test_batch_stays_sharded(outcomes, name):
    assert outcomes[name]["devices"] == sharding_worker.DEVICES
    assert outcomes[name]["sharded"]
    assert outcomes[name]["eager call is sharded"]


@over_cases
def test_devices_agree_on_no_more_than_a_number(outcomes, name):
    assert outcomes[name]["sent"] <= 1
    assert outcomes[name]["sent for the gradient"] <= 1


@over_cases
def test_value_is_that_of_the_whole(outcomes, name):
    assert outcomes[name]["value"] < 1e-9


@over_cases
def test_gradient_is_that_of_the_whole(outcomes, name):
    assert outcomes[name]["gradient"] < 1e-13
