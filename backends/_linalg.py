"""Divergences of normal distributions with full covariance on the host: LAPACK, or elimination over a whole batch.

Each matrix is factored once, however many partners it has, and matrices are gone through one after the other, or in
blocks that stay in the cache. Of a triangular result only the triangle is computed.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from kldiv.backends import numpy
from kldiv.backends._host import Kernel
from scipy.linalg.blas import get_blas_funcs
from scipy.linalg.lapack import get_lapack_funcs

from kldiv._numerics.gaps import log1p_gap

Array: TypeAlias = Any  # numpy.ndarray; its shape and dtype are what counts
Kept: TypeAlias = tuple[dict[int, Array | None], dict[int, Array | None]]  # factors that many pairs have in common
Rows: TypeAlias = slice | Array  # places of the matrices of a block of pairs

SMALL = 24  # matrices up to this size are eliminated over the batch, if there are enough of them
FEW = 16
ENTRIES = 2**17  # of a block of small matrices; half a dozen such arrays fit the cache
PANEL = 128  # columns of a block of a large matrix
NEAR = 0.5  # the largest entry of L^-1 (A - B) L'^-1, up to which two matrices are near each other


class Parts(NamedTuple):
    """What a divergence is the sum of: for each pair the diagonal of X, and for each vector a sum of squares."""

    diagonal: Array
    top: Array  # 1 + diagonal is the quotient of these
    bottom: Array
    squares: Array  # of X
    lengths: Array  # squares of the lengths of the vectors z, with a last axis for the vectors of a pair


# ------------------------------------------------------------------------------------------------------- one large pair


class _Large:
    """LAPACK on single matrices of one dtype. All matrices are triangular in C order: the lower triangle counts."""

    def __init__(self, dtype: Any) -> None:
        (self._potrf,) = get_lapack_funcs(("potrf",), dtype=dtype)
        self._trsm, self._trmv, self._trsv = get_blas_funcs(("trsm", "trmv", "trsv"), dtype=dtype)

    def factor(self, matrix: Array) -> Array | None:
        """Return the Cholesky factor, None if there is none."""
        upper, info = self._potrf(matrix.T, lower=0)  # LAPACK's order is the other one
        return upper.T if info == 0 else None

    def _left(self, factor: Array, m: Array) -> Array:
        """Return L^-1 M, perhaps in the place of M."""
        return self._trsm(1.0, factor.T, m.T, side=1, lower=0, overwrite_b=1).T

    def _right(self, factor: Array, m: Array) -> Array:
        """Return M L'^-1, perhaps in the place of M."""
        return self._trsm(1.0, factor.T, m.T, side=0, lower=0, trans_a=1, overwrite_b=1).T

    def quotient(self, top: Array, bottom: Array) -> Array:
        """Return X = M^-1 (L - M) for L = `top` and M = `bottom`, with anything above the diagonal blocks."""
        d = len(top)
        if d <= PANEL:
            return self._left(bottom, top - bottom)
        x = np.empty_like(top)
        panels = _panels(d)
        for n, (i, end) in enumerate(panels):
            rows = np.subtract(top[i:end, :end], bottom[i:end, :end])
            for j, stop in panels[:n]:
                rows[:, j:stop] -= bottom[i:end, j:i] @ x[j:i, j:stop]
            x[i:end, :end] = self._left(bottom[i:end, i:end], rows)
        return x

    def congruence(self, m: Array, factor: Array) -> Array:
        """Return L^-1 M L'^-1 for a symmetric M, which is overwritten."""
        m = self._left(factor, m)
        d = len(m)
        if d <= PANEL:
            return self._right(factor, m)
        for j, stop in _panels(d):
            columns = m[j:, j:stop] - m[j:, :j] @ factor[j:stop, :j].T
            m[j:, j:stop] = self._right(factor[j:stop, j:stop], columns)
        return m

    def shifted(self, excess: Array) -> Array | None:
        """Return the X with (I + X)(I + X)' = I + E, whose error is relative to that of E."""
        d = len(excess)
        x = np.empty_like(excess)
        for j, stop in _panels(d):
            corner = excess[j:stop, j:stop]
            corner = np.tril(corner - x[j:stop, :j] @ x[j:stop, :j].T)
            part = self._shifted(corner)
            if part is None:
                return None
            x[j:stop, j:stop] = part
            if stop < d:
                below = excess[stop:, j:stop] - x[stop:, :j] @ x[j:stop, :j].T
                x[stop:, j:stop] = self._right(part + np.eye(stop - j, dtype=x.dtype), below)
        return x

    def _shifted(self, excess: Array) -> Array | None:
        one = np.eye(len(excess), dtype=excess.dtype)
        factor = self.factor(one + excess)
        if factor is None:
            return None
        # Its error is that of a number near 1. The residual is known to the last digits of E, and is so small that its
        # own factor may be left out.
        x = factor - one
        residual = excess - x - x.T - x @ x.T
        return x + np.tril(residual, -1) + 0.5 * residual * one

    def solved(self, factor: Array, vectors: Array) -> Array:
        """Return L^-1 z for each of the rows of `vectors`."""
        if len(vectors) == 1:
            return self._trsv(factor.T, vectors[0], lower=0, trans=1)[None]
        return self._trsm(1.0, factor.T, vectors.T, lower=0, trans_a=1).T

    def multiplied(self, factor: Array, vectors: Array) -> Array:
        """Return L' z for each of the rows of `vectors`."""
        if len(vectors) == 1:
            return self._trmv(factor.T, vectors[0], lower=0)[None]
        return vectors @ factor


_large = functools.cache(_Large)  # of a dtype


def _panels(d: int) -> list[tuple[int, int]]:
    count = max(-(-d // PANEL), min(5, d // 100))
    ends = [d * i // count for i in range(count + 1)]
    return list(itertools.pairwise(ends))


def _row_squares(x: Array) -> Array:
    """Return the sums of the squares of the rows of a lower triangle."""
    if len(x) <= PANEL:
        return np.einsum("ij,ij->i", x, x)
    return np.concatenate([np.einsum("ij,ij->i", x[i:end, :end], x[i:end, :end]) for i, end in _panels(len(x))])


def _large_block(
    kept: Kept, vectors: Array, a: Array, b: Array, rows_a: Rows, rows_b: Rows, factored: bool, precision: bool
) -> Parts:
    """Return the parts of some pairs, computed one after the other."""
    count, _, d = vectors.shape
    parts = Parts(
        *[np.empty((count, d), a.dtype) for _ in range(3)], *[np.empty(vectors.shape[:n], a.dtype) for n in (1, 2)]
    )
    large = _large(a.dtype)
    for k in range(count):
        i, j = (rows.start + k if isinstance(rows, slice) else int(rows[k]) for rows in (rows_a, rows_b))
        top, bottom = (
            _large_factor(large, kept[0], a, i, rows_a, factored),
            _large_factor(large, kept[1], b, j, rows_b, factored),
        )
        if top is None or bottom is None:
            for x in parts:
                x[k] = np.nan
            continue
        parts.top[k], parts.bottom[k] = top.diagonal(), bottom.diagonal()
        if factored:
            parts.squares[k] = _row_squares(large.quotient(top, bottom)).sum()
            parts.diagonal[k] = (parts.top[k] - parts.bottom[k]) / parts.bottom[k]
        else:
            parts.diagonal[k], parts.squares[k] = _large_pair(large, a[i], b[j], top, bottom)
        z = large.multiplied(top, vectors[k]) if precision else large.solved(bottom, vectors[k])
        parts.lengths[k] = (z * z).sum(axis=-1)
    return parts


def _large_factor(
    large: _Large, kept: dict[int, Array | None], matrices: Array, i: int, rows: Rows, factored: bool
) -> Array | None:
    if i in kept:
        return kept[i]
    m = matrices[i]
    simple = _is_lower(m) if factored else _is_symmetric(m)
    factor = None
    if simple or _is_valid(m[None], factored)[0]:
        factor = m if factored else large.factor(m)
    if not isinstance(rows, slice):
        kept[i] = factor
    return factor


def _large_pair(large: _Large, a: Array, b: Array, top: Array, bottom: Array) -> tuple[Array, Array]:
    """Return the diagonal of X and the sum of the squares of its entries."""
    x = large.quotient(top, bottom)
    diagonal, squares = x.diagonal(), _row_squares(x)
    # L^-1 A L'^-1 - I = X + X' + X X' has this diagonal, which mostly tells that the matrices are not near each other.
    if np.abs(2 * diagonal + squares).max() <= NEAR:
        excess = large.congruence(np.subtract(a, b), bottom)
        if np.abs(np.tril(excess)).max() <= NEAR:
            near = large.shifted(excess)
            if near is not None:
                diagonal, squares = near.diagonal(), _row_squares(near)
    return diagonal, squares.sum()


# ---------------------------------------------------------------------------------------------------- many small pairs
# Matrices have the batch as their last axis here, which each operation goes along. Only lower triangles count.


def _factor_stack(m: Array) -> Array:
    """Replace matrices by their Cholesky factors; of one that has none, the diagonal is not positive or nan."""
    for j in range(len(m)):
        if j:
            m[j:, j] -= np.add.reduce(m[j:, :j] * m[j, :j], axis=1)
        np.sqrt(m[j, j], out=m[j, j])
        m[j + 1 :, j] /= m[j, j]
    return m


def _quotient_stack(factor: Array, m: Array) -> Array:
    """Replace lower triangular M by L^-1 M."""
    for k in range(len(m)):
        m[k, : k + 1] /= factor[k, k]
        m[k + 1 :, : k + 1] -= factor[k + 1 :, k, None] * m[k, : k + 1]
    return m


def _congruence_stack(factor: Array, m: Array) -> Array:
    """Replace symmetric M by L^-1 M L'^-1, of which the lower triangle counts."""
    d = len(m)
    for k in range(d):
        m[k] /= factor[k, k]
        m[k + 1 :] -= factor[k + 1 :, k, None] * m[k]
    for k in range(d):
        m[k:, k] /= factor[k, k]
        m[k:, k + 1 :] -= factor[k + 1 :, k] * m[k:, k, None]
    return m


def _shifted_stack(m: Array) -> Array:
    """Replace E by the X with (I + X)(I + X)' = I + E."""
    for j in range(len(m)):
        if j:
            m[j:, j] -= np.add.reduce(m[j:, :j] * m[j, :j], axis=1)
        root = np.sqrt(1 + m[j, j])
        m[j, j] /= 1 + root
        m[j + 1 :, j] /= root
    return m


def _stacked(matrices: Array) -> Array:
    """Return a copy of matrices with the batch as the last axis."""
    copied: Array = matrices.transpose(1, 2, 0).copy()
    return copied


def _small_factors(kept: dict[int, Array | None], matrices: Array, rows: Rows, factored: bool) -> Array:
    """Return the factors of a block of matrices; those of matrices that many pairs have in common are kept."""
    if isinstance(rows, slice):
        return _small_factor(matrices[rows], factored)
    factors = kept.get(0)
    if factors is None:
        factors = kept[0] = _small_factor(matrices, factored)
    return factors if len(matrices) == 1 else factors[..., rows]


def _small_factor(matrices: Array, factored: bool) -> Array:
    """Return the factors of matrices, nan of those that are invalid."""
    # Two matrices at least: NumPy takes the sums for a single one in another order.
    m = _stacked(matrices if len(matrices) > 1 else np.repeat(matrices, 2, axis=0))
    simple = _is_finite(matrices) and all(
        not m[i, i + 1 :].any() if factored else (m[i, i + 1 :] == m[i + 1 :, i]).all() for i in range(len(m) - 1)
    )
    if not simple:
        m[..., : len(matrices)][..., ~_is_valid(matrices, factored)] = np.nan
    if not factored:
        _factor_stack(m)
    return m[..., : len(matrices)]


def _small_block(
    kept: Kept, vectors: Array, a: Array, b: Array, rows_a: Rows, rows_b: Rows, factored: bool, precision: bool
) -> Parts:
    """Return the parts of some pairs, computed together."""
    top, bottom = (_small_factors(*x, factored) for x in ((kept[0], a, rows_a), (kept[1], b, rows_b)))
    d, tops, bottoms = len(top), top.diagonal(), bottom.diagonal()
    x = np.empty((d, d, len(vectors)), a.dtype)
    for i in range(d):
        np.subtract(top[i, : i + 1], bottom[i, : i + 1], out=x[i, : i + 1])
    x = _quotient_stack(bottom, x)
    squares = _squares_of_rows(x)
    diagonal = (tops - bottoms) / bottoms if factored else x.diagonal().copy()
    if not factored:
        shift = np.abs(2 * x.diagonal() + squares.T).max(axis=-1)
        near = np.nonzero(shift <= NEAR)[0]
        if near.size:
            near = np.resize(near, max(2, near.size))
            difference = _at(a, rows_a, near) - _at(b, rows_b, near)
            factor = bottom if bottom.shape[-1] == 1 else bottom[..., near]
            excess = _congruence_stack(factor, _stacked(difference))
            largest = np.max([np.abs(excess[i, : i + 1]).max(axis=0) for i in range(d)], axis=0)
            good = largest <= NEAR
            near, excess = near[good], _shifted_stack(excess)[..., good]
            diagonal[near], squares[:, near] = excess.diagonal(), _squares_of_rows(excess)
    lengths = _small_lengths(top if precision else bottom, vectors, precision)
    shape = diagonal.shape
    return Parts(diagonal, np.broadcast_to(tops, shape), np.broadcast_to(bottoms, shape), squares.sum(axis=0), lengths)


def _squares_of_rows(x: Array) -> Array:
    return np.stack([np.add.reduce(row[: i + 1] * row[: i + 1], axis=0) for i, row in enumerate(x)])


def _at(matrices: Array, rows: Rows, places: Array) -> Array:
    """Return the matrices at places of a block."""
    if len(matrices) == 1:
        return matrices
    return matrices[places + rows.start] if isinstance(rows, slice) else matrices[rows[places]]


def _small_lengths(factor: Array, vectors: Array, multiply: bool) -> Array:
    """Return the squares of the lengths of L^-1 z, or of L' z, for vectors with the axes (pair, vector, component)."""
    z = vectors.transpose(2, 1, 0).copy()
    d = len(z)
    for k in range(d):
        if multiply:
            z[k] *= factor[k, k]
            for i in range(k + 1, d):
                z[k] += factor[i, k] * z[i]
        else:
            z[k] /= factor[k, k]
            z[k + 1 :] -= factor[k + 1 :, k, None] * z[k]
    return np.add.reduce(z * z, axis=0).T


# ---------------------------------------------------------------------------------------------------------- all pairs


def divergences(
    exact: Callable[..., Array],
    loc_p: Array,
    a: Array,
    loc_q: Array,
    b: Array,
    *,
    factored: bool = False,
    precision: bool = False,
    sum_axes: bool = False,
) -> tuple[Array, bool]:
    """Return sum_i (X_ii - log(1 + X_ii)) + |X|^2 / 2 + |z|^2 / 2, and whether one is nan.

    Here (I + X)(I + X)' = L^-1 A L'^-1 for A = K K' and B = L L', or with `precision` the two in each other's place.
    The matrices are A and B, or with `factored` K and L, z = L^-1 (m_p - m_q), or with `precision` L' (m_p - m_q).
    `exact` computes what is invalid or has no such factors. With `sum_axes`, the last batch axis is sum_axes over.
    """
    if a.dtype not in (np.float32, np.float64) or 0 in (*a.shape, *b.shape, *loc_p.shape, *loc_q.shape):
        value = exact(loc_p, a, loc_q, b)
        return value, bool(np.isnan(value).any())
    given = loc_p, a, loc_q, b
    with np.errstate(all="ignore"):
        value = _values(loc_p - loc_q, *((b, a) if precision else (a, b)), factored, precision)
        whole = value.shape
        value = np.asarray(value.sum(axis=-1)) if sum_axes else value
        doubtful = False
        if not value.max() < np.inf:
            rows = np.nonzero(~(value < np.inf)) if value.ndim else ()
            parts = [np.broadcast_to(x, whole + x.shape[-n:])[rows] for x, n in zip(given, (1, 2, 1, 2), strict=True)]
            value = np.array(value)
            value[rows] = exact(*parts)
            doubtful = bool(np.isnan(value).any())
    return value, doubtful


def _values(vectors: Array, a: Array, b: Array, factored: bool, precision: bool) -> Array:
    """Return the divergences, nan where matrices are invalid."""
    d = a.shape[-1]
    a, b = _unrepeated(a), _unrepeated(b)
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    vectors, restore = _columns(vectors, batch)
    count = math.prod(batch)
    index_a, index_b = _index(a.shape[:-2], batch), _index(b.shape[:-2], batch)
    a, b = a.reshape(-1, d, d), b.reshape(-1, d, d)
    value = np.empty((count, vectors.shape[1]), a.dtype)
    small = d <= SMALL and count >= FEW
    size = max(FEW, ENTRIES // (d**2 if small else d))
    block = _small_block if small else _large_block
    kept: Kept = ({}, {})
    for start in range(0, count, size):
        part = slice(start, min(start + size, count))
        rows_a, rows_b = _rows(index_a, part), _rows(index_b, part)
        value[part] = _value(block(kept, vectors[part], a, b, rows_a, rows_b, factored, precision))
    return restore(value)


def _is_symmetric(m: Array) -> bool:
    """Tell whether a matrix is finite and symmetric as far as `_is_valid` asks; False if that is not certain."""
    if len(m) <= PANEL:
        return bool((m == m.T).all()) and _is_finite(m)
    # M v = M' v for a v with no pattern, which a large asymmetry does not leave alone (Freivalds). Of a positive
    # definite matrix the largest entry is on the diagonal.
    v = _probe(len(m), m.dtype)
    return bool(np.abs(m @ v - v @ m).max() <= 0.1 * np.finfo(m.dtype).eps ** 0.5 * m.diagonal().max())


@functools.cache
def _probe(d: int, dtype: Any) -> Array:
    rng = np.random.default_rng(0)
    return (rng.uniform(1, 2, d) * rng.choice([-1, 1], d)).astype(dtype)


def _is_lower(m: Array) -> bool:
    panels = _panels(len(m))
    return _is_finite(m) and not any(m[i:end, end:].any() or np.triu(m[i:end, i:end], 1).any() for i, end in panels)


def _is_finite(m: Array) -> bool:
    flat = m.reshape(-1)
    return bool(np.dot(flat, flat) < np.inf)  # it may overflow


def _is_valid(m: Array, factored: bool) -> Array:
    largest = np.maximum(m.max(axis=(-2, -1)), -m.min(axis=(-2, -1)))
    if factored:
        return np.isfinite(largest) & ~np.triu(m, 1).any(axis=(-2, -1))
    gap = m - m.swapaxes(-2, -1)  # as large upwards as downwards
    return np.isfinite(largest) & (gap.max(axis=(-2, -1)) <= np.finfo(m.dtype).eps ** 0.5 * largest)


def _value(parts: Parts) -> Array:
    diagonal, top, bottom, squares, lengths = parts
    value = (_gaps(diagonal, top, bottom).sum(axis=-1) + 0.5 * squares)[:, None] + 0.5 * lengths
    value[~((top > 0) & (bottom > 0)).all(axis=-1)] = np.nan
    return value


def _gaps(u: Array, top: Array, bottom: Array) -> Array:
    """Return u - log(1 + u)."""
    if u.dtype != np.float32:
        return log1p_gap(numpy, u, (top, bottom))
    # float64 has digits enough for what cancels; but of a small 1 + u, only the quotient has them.
    wide, log_quotient = u.astype(np.float64), np.log(np.divide(top, bottom, dtype=np.float64))
    return (wide - np.where(wide > -0.5, np.log1p(wide), log_quotient)).astype(np.float32)


def _unrepeated(matrices: Array) -> Array:
    """Return matrices with batch axes of length 1 where they were but repeated, without a copy."""
    repeated = [n > 1 and stride == 0 for n, stride in zip(matrices.shape[:-2], matrices.strides[:-2], strict=True)]
    return matrices[tuple(slice(0, 1) if r else slice(None) for r in repeated)] if any(repeated) else matrices


def _index(shape: tuple[int, ...], batch: tuple[int, ...]) -> Array | None:
    """Return the place of each pair's matrix in a flattened stack; None if it is that of the pair."""
    if math.prod(shape) == math.prod(batch):
        return None
    return np.broadcast_to(np.arange(math.prod(shape)).reshape(shape), batch).reshape(-1)


def _rows(index: Array | None, part: slice) -> Any:
    return part if index is None else index[part]


def _columns(vectors: Array, batch: tuple[int, ...]) -> tuple[Array, Callable[[Array], Array]]:
    """Return vectors with the axes (pair, vector, component), and what turns values of these first two into a result.

    A pair has several vectors where those have a batch axis that the matrices have not.
    """
    whole = np.broadcast_shapes(batch, vectors.shape[:-1])
    if whole == batch:
        every = np.broadcast_to(vectors, (*batch, vectors.shape[-1])).reshape(math.prod(batch), 1, vectors.shape[-1])
        return every, lambda value: value.reshape(batch)
    own = (1,) * (len(whole) - len(batch)) + batch
    vectors = np.broadcast_to(vectors, (*whole, vectors.shape[-1]))
    more = [i for i, (n, m) in enumerate(zip(own, whole, strict=True)) if n != m]
    fewer = [i for i in range(len(whole)) if i not in more]
    count = math.prod(whole[i] for i in more)
    moved = vectors.transpose(*fewer, *more, len(whole)).reshape(math.prod(batch), count, vectors.shape[-1])
    shape = [whole[i] for i in (*fewer, *more)]
    back = np.argsort([*fewer, *more])
    return moved, lambda value: value.reshape(shape).transpose(*back)


_OPTIONS: dict[str, dict[str, Any]] = {"": {}, "_tril": {"factored": True}, "_precision": {"precision": True}}
KERNELS = {
    (f"kl_multivariate_normal{name}_multivariate_normal{name}", axes): Kernel(
        functools.partial(divergences, **options, sum_axes=axes == 1), 0, whole=True
    )
    for name, options in _OPTIONS.items()
    for axes in (0, 1)
}
