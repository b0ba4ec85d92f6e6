"""torch's dispatch modes and tracers: what they run has no values for Python."""

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
