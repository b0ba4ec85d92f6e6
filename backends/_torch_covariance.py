"""The derivatives of divergences of normals with full covariance, in PyTorch's operations on whole batches.

Autograd takes those of each Cholesky factor and triangular solution; written out, they are a few solutions with the
same two factors. Differences of matrices are taken first, so that near equality nothing cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch

Tensor: TypeAlias = torch.Tensor
Slopes: TypeAlias = Callable[..., list[Tensor | None]]
Weighted: TypeAlias = Callable[[Tensor, Sequence[bool], Sequence[Tensor]], tuple[Tensor | None, ...]]


def _factor(matrix: Tensor) -> Tensor:
    factor: Tensor = torch.linalg.cholesky_ex(matrix)[0]
    return factor


def _solved(factor: Tensor, x: Tensor, *, upper: bool = False) -> Tensor:
    solution: Tensor = torch.linalg.solve_triangular(factor, x, upper=upper)
    return solution


def _column(vector: Tensor) -> Tensor:
    return vector[..., None]


def _square(vector: Tensor) -> Tensor:
    return _column(vector) * vector[..., None, :]


def _of_matrices(a: Tensor, b: Tensor, factor_b: Tensor, needed: Sequence[bool]) -> list[Tensor | None]:
    """Return B^-1 (A - B) A^-1 / 2 and -B^-1 (A - B) B^-1 / 2: of [tr(B^-1 A) - d - log det(B^-1 A)] / 2."""
    if not any(needed):
        return [None, None]
    half = torch.cholesky_solve(0.5 * (a - b), factor_b).mT
    return [
        torch.cholesky_solve(half, _factor(a)).mT if needed[0] else None,
        -torch.cholesky_solve(half, factor_b) if needed[1] else None,
    ]


def covariances(loc_p: Tensor, a: Tensor, loc_q: Tensor, b: Tensor, needed: Sequence[bool]) -> list[Tensor | None]:
    """With z = B^-1 (m_p - m_q), z for m_p and -z for m_q; -z z' / 2 comes to that of B."""
    factor = _factor(b)
    z = torch.cholesky_solve(_column(loc_p - loc_q), factor)[..., 0]
    of_a, of_b = _of_matrices(a, b, factor, needed[1::2])
    return [z, of_a, -z, None if of_b is None else of_b - 0.5 * _square(z)]


def precisions(loc_p: Tensor, b: Tensor, loc_q: Tensor, a: Tensor, needed: Sequence[bool]) -> list[Tensor | None]:
    """With d = m_p - m_q, A d for m_p and -A d for m_q; d d' / 2 comes to that of A, the precision matrix of Q."""
    d = loc_p - loc_q
    z = (a @ _column(d))[..., 0]
    of_a, of_b = _of_matrices(a, b, _factor(b), needed[3::-2])
    return [z, of_b, -z, None if of_a is None else of_a + 0.5 * _square(d)]


def factors(loc_p: Tensor, k: Tensor, loc_q: Tensor, m: Tensor, needed: Sequence[bool]) -> list[Tensor | None]:
    """With X = M^-1 (K - M) and z = M^-1 (m_p - m_q), M'^-1 z for m_p and its negative for m_q.

    The lower triangles of M'^-1 (X + [K^-1 (K - M)]') for K and of -M'^-1 (X + X' + X X' + z z') for M.
    """

    def back(x: Tensor) -> Tensor:
        return _solved(m.mT, x, upper=True)

    z = _solved(m, _column(loc_p - loc_q))
    of_loc = back(z)[..., 0]
    of_k = of_m = None
    if needed[1] or needed[3]:
        difference = torch.tril(k - m)
        x = _solved(m, difference)
        if needed[1]:
            of_k = torch.tril(back(x + _solved(k, difference).mT))
        if needed[3]:
            of_m = -torch.tril(back(x + x.mT + x @ x.mT + z @ z.mT))
    return [of_loc, of_k, -of_loc, of_m]


_NAMES: dict[str, Slopes] = {"": covariances, "_tril": factors, "_precision": precisions}


def _weighted(slopes: Slopes, sum_axes: int) -> Weighted:
    """Return what computes the derivatives of the weighted sum of divergences with respect to what is needed."""

    def weighted(weights: Tensor, needed: Sequence[bool], tensors: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
        weights = weights[..., None] if sum_axes else weights
        found = zip(slopes(*tensors, needed), tensors, (1, 2, 1, 2), needed, strict=True)
        return tuple(
            [
                (weights[(..., *[None] * events)] * slope).sum_to_size(x.shape) if n and slope is not None else None
                for slope, x, events, n in found
            ]
        )

    return weighted


def slopes_of(formula: tuple[str, int] | None) -> Weighted | None:
    """Return ``slopes(weights, needed, tensors)`` of a formula, None where it has none written out."""
    return None if formula is None else _SLOPES.get(formula)


_SLOPES = {
    (f"kl_multivariate_normal{name}_multivariate_normal{name}", sum_axes): _weighted(slopes, sum_axes)
    for name, slopes in _NAMES.items()
    for sum_axes in (0, 1)
}
