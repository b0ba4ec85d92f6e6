"""What two processes do that each hold a half of a batch as DTensors; tests/frameworks/test_dtensor.py starts them."""

import datetime

import torch
import torch.distributed
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor
from torch.utils._python_dispatch import TorchDispatchMode

import kldiv

torch.manual_seed(3)
A, B = torch.randn(2, 6, 4, dtype=torch.float64)
SCALES = torch.exp(torch.randn(2, 6, 4, dtype=torch.float64))
MATRICES = torch.randn(2, 6, 3, 3, dtype=torch.float64)
MATRICES = MATRICES @ MATRICES.mT + torch.eye(3)
BATCH, ALL = [Shard(0)], [Replicate()]


def logits(a, b):
    return kldiv.kl_divergence(kldiv.CategoricalLogits(a), kldiv.CategoricalLogits(b))


def diagonal(m, s, n, t):
    return kldiv.kl_divergence(kldiv.MultivariateNormalDiag(m, s), kldiv.MultivariateNormalDiag(n, t))


def full(m, s, n, t):
    return kldiv.kl_divergence(kldiv.MultivariateNormal(m, s), kldiv.MultivariateNormal(n, t))


def beside_numbers(m, s):
    return kldiv.kl_divergence(kldiv.Normal(m, s), kldiv.Normal([0.0, 1.0, 2.0, 3.0], 2.0))


def independent(m, s):
    return kldiv.kl_divergence(kldiv.Independent(kldiv.Normal(m, s)), kldiv.Independent(kldiv.Normal([0.0] * 4, 2.0)))


def tables(a, b):
    return kldiv.kl_divergence(kldiv.VonMises(0.0, a), kldiv.VonMises(1.0, b))


# A function of parameters, these, how they are placed, and how the result is.
CASES = {
    "logits": (logits, (A, B), (BATCH, BATCH), BATCH),
    "logits of an odd batch": (logits, (A[:5], B[:5]), (BATCH, BATCH), BATCH),
    "logits, Q the same everywhere": (logits, (A, B), (BATCH, ALL), BATCH),
    "logits, one Q": (logits, (A, B[0]), (BATCH, ALL), BATCH),
    "logits, the same everywhere": (logits, (A, B), (ALL, ALL), ALL),
    "diagonal normals": (diagonal, (A, SCALES[0], B, SCALES[1]), (BATCH,) * 4, BATCH),
    "diagonal normals to one": (diagonal, (A, SCALES[0], B[0], SCALES[1, 0]), (BATCH, BATCH, ALL, ALL), BATCH),
    "full covariance": (full, (A[:, :3], MATRICES[0], B[:, :3], MATRICES[1]), (BATCH,) * 4, BATCH),
    "numbers": (beside_numbers, (A, SCALES[0]), (BATCH, BATCH), BATCH),
    "the other axis of the batch": (beside_numbers, (A, SCALES[0]), ([Shard(1)], [Shard(1)]), [Shard(1)]),
    "independent": (independent, (A, SCALES[0]), (BATCH, BATCH), BATCH),
    "series with tables": (tables, (SCALES[0], SCALES[1]), (BATCH, BATCH), BATCH),
    "elementwise": (kldiv.rel_entr, (SCALES[0], SCALES[1]), (BATCH, BATCH), BATCH),
}


class Messages(TorchDispatchMode):
    """Counts the operations by which processes send something; CommDebugMode does too, but takes seconds to import."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if DTensor in types:  # whose own operations come here next
            return NotImplemented
        self.count += func.namespace == "_c10d_functional" and "wait" not in func.__name__
        return func(*args, **(kwargs or {}))


def outcome(mesh, function, parameters, placements):
    """Return what a process has of the value and the derivatives, and how often it sent something for them."""
    distributed = [distribute_tensor(x, mesh, p).requires_grad_() for x, p in zip(parameters, placements, strict=True)]
    with Messages() as sent:
        value = function(*distributed)
    with Messages() as sent_back:
        gradients = torch.autograd.grad(value.to_local().sum(), distributed)
    return {
        "placements": tuple(value.placements),
        "sent": sent.count,
        "sent for derivatives": sent_back.count,
        "part": value.to_local().detach(),
        "value": value.full_tensor().detach(),
        "gradients": [x.full_tensor() for x in gradients],
    }


def refusal(mesh):
    """Return the message about an invalid parameter in the part of the second process."""
    scale = SCALES[0].clone()
    scale[4, 2] = -1.0
    try:
        beside_numbers(*(distribute_tensor(x, mesh, BATCH) for x in (A, scale)))
    except ValueError as error:
        return str(error)
    return ""


def work(rank, folder):
    """Compute all cases as one of two processes, and write what came of them to a file."""
    torch.set_num_threads(1)
    wait = datetime.timedelta(seconds=60)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=int(rank), world_size=2, timeout=wait
    )
    mesh = init_device_mesh("cpu", (2,))
    outcomes = {name: outcome(mesh, *case[:3]) for name, case in CASES.items()}
    a, b = (distribute_tensor(x, mesh, [Shard(1)]) for x in (A, B))
    outcomes["divided classes"] = logits(a, b).full_tensor()
    outcomes["refusal"] = refusal(mesh)
    torch.save(outcomes, f"{folder}/{rank}")
    torch.distributed.destroy_process_group()
