"""torch's dispatch modes and tracers: what they run has no values for Python."""

import subprocess
import sys

import pytest
import torch
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

import kldiv


def divergence(loc, scale):
    return kldiv.kl_divergence(kldiv.Normal(loc, scale), kldiv.Normal(0.0, 1.0))


def test_fake_tensors_have_the_shape_and_dtype_of_the_result():
    with FakeTensorMode():
        value = divergence(torch.zeros(3), torch.ones(3))
    assert (value.shape, value.dtype) == ((3,), torch.float32)


def test_graph_of_make_fx_gives_the_values():
    loc, scale = torch.tensor([0.0, 1.0]), torch.ones(2)
    graph = make_fx(divergence)(torch.zeros(2), scale)
    torch.testing.assert_close(graph(loc, scale), torch.tensor([0.0, 0.5]))


# --- Autocast ---------------------------------------------------------------------------------------------------------


def precisions(loc, m):
    return kldiv.kl_divergence(
        kldiv.MultivariateNormalPrecision(loc, m), kldiv.MultivariateNormalPrecision(0 * loc, 2 * m)
    )


def low_rank(loc, m):
    p, q = (kldiv.MultivariateNormalLowRank(loc, m, torch.diagonal(x)) for x in (m, 2 * m))
    return kldiv.kl_divergence(p, q)


def wisharts(loc, m):
    df, factor = torch.tensor(5.0), torch.linalg.cholesky(m)
    return kldiv.kl_divergence(
        kldiv.NormalWishart(loc, torch.tensor(1.0), df, factor),
        kldiv.NormalWishart(2 * loc, torch.tensor(2.0), df, factor),
    )


MATRICES = {"precisions": precisions, "low rank": low_rank, "wisharts": wisharts}


@pytest.mark.parametrize("short", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("function", MATRICES.values(), ids=MATRICES.keys())
def test_autocast_changes_nothing(function, short):
    loc = torch.tensor([0.3, 0.7, -0.2], requires_grad=True)
    m = torch.tensor([[1.3, 0.1, 0.2], [0.1, 1.7, 0.3], [0.2, 0.3, 0.9]], requires_grad=True)
    plain = function(loc, m)
    with torch.autocast("cpu", short):
        under_autocast = function(loc, m)
    assert torch.equal(under_autocast, plain)
    slopes = [torch.autograd.grad(v, [loc, m]) for v in (under_autocast, plain)]
    torch.testing.assert_close(*slopes, rtol=0, atol=0)


# --- Imports ----------------------------------------------------------------------------------------------------------

TRAINING = """
import sys
import torch, kldiv
def step(logits):
    p, q = (kldiv.CategoricalLogits(x) for x in (logits.requires_grad_(), torch.zeros(10)))
    kldiv.kl_divergence(p, q).sum().backward()
step(torch.ones(100, 10))
before = set(sys.modules)
logits = torch.linspace(-1, 1, 10) * torch.logspace(-6, 1, 3000)[:, None]
logits[0, 0] = -torch.inf
step(logits)
print(sorted(set(sys.modules) - before))
"""


def test_nothing_is_imported_in_the_middle_of_training():
    command = [sys.executable, "-c", TRAINING]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
