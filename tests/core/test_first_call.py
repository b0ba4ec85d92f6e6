"""The first call of a process may be under a compiler, which then traces whatever a first call does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import sys
import numpy as np
import backends, kldiv
backend = backends.load(sys.argv[1])
under_compiler = next(iter(backend.transforms.values()))
matrices = np.eye(3) * np.asarray([1.0, 2.0, 4.0])[:, None, None]
given = [backend.array(x, "float64") for x in (np.zeros((3, 3)), np.ones((3, 3)), matrices)]
value = under_compiler(
    lambda m, n, s: kldiv.kl_divergence(kldiv.MultivariateNormal(m, s), kldiv.MultivariateNormal(n, s))
)(*given)
np.testing.assert_allclose(backend.to_numpy(value), [1.5, 0.75, 0.375])
"""


def test_first_call_is_under_a_compiler(backend):
    if not backend.transforms:
        pytest.skip("nothing to compile with")
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *[p for p in sys.path if p]])
    done = subprocess.run(
        [sys.executable, "-P", "-c", CODE, backend.name],  # -P: backends are those beside this file
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
