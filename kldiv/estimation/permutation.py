"""A permutation test of whether two samples have one distribution."""

from __future__ import annotations

import operator
from typing import Any

from kldiv._arrays.protocol import Array
from kldiv.estimation.samples import checked_rank, gather_data


def permutation_test(x: Array, y: Array, *, k: int | None = None, n_resamples: int = 999, rng: Any = 0) -> Array:
    """Return the p-value of a permutation test of P = Q, that is, of KL(P || Q) = 0.

    The statistic is the estimate of `estimate_from_samples` from samples x of P and y of Q. If both have one
    distribution, exchanging points between them does not change the distribution of the statistic. The p-value is the
    share of permutations for which it is at least as large as for the samples as they are, these counted among them.
    Under P = Q it is at most alpha with a probability of at most alpha, for samples of any size, dimension and
    rounding.

    Parameters
    ----------
    x, y
        Independent samples of P and of Q, of shapes (n, d) and (m, d), or (n,) and (m,), as for
        `estimate_from_samples`.
    k
        Which neighbour the statistic takes: 10 if not given, or a third of the smaller sample where that is fewer. More
        than 1 gives more power.
    n_resamples
        How many random permutations; all of them, if there are no more.
    rng
        A seed or a ``numpy.random.Generator`` for the permutations. The same seed gives the same p-value; None gives
        another one each time.

    Returns
    -------
    array
        The p-value, of the framework, dtype and device of the samples, at least ``1 / (n_resamples + 1)``.

    Raises
    ------
    ValueError, TypeError
        As `estimate_from_samples`; or if `n_resamples` is not positive, or `y` a distribution.

    Notes
    -----
    All permutations share one search for neighbours, in the points of both samples. Source of the test: Phipson and
    Smyth 2010.

    Examples
    --------
    >>> import kldiv
    >>> x, y = (kldiv.sample(kldiv.Normal(0.0, 1.0), 100, rng=seed) for seed in (1, 2))
    >>> bool(kldiv.permutation_test(x, y) > 0.05), bool(kldiv.permutation_test(x, y + 1.0) < 0.01)
    (True, True)
    """
    from kldiv.estimation.neighbour_permutations import p_value

    if operator.index(n_resamples) < 1:
        raise ValueError(f"n_resamples must be a positive integer; got {n_resamples!r}")
    data = gather_data(x, y, 1 if k is None else checked_rank(k))
    if data.log_q is not None:
        raise TypeError("y must be samples; with the density of Q known, see estimate_from_samples")
    k = k or max(1, min(10, min(data.sizes) // 3))
    return data.xp.asarray_like(p_value(data.samples, k, n_resamples, rng), data.like, data.dtype)
