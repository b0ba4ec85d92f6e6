"""The Kullback-Leibler divergence of two distributions."""

from __future__ import annotations

from typing import Any

from kldiv._arrays.protocol import Array
from kldiv._core.evaluation import gather_pair, in_base, known_plan, plan_for, zero_of_identical
from kldiv._core.family import Distribution
from kldiv._core.foreign import as_family
from kldiv._core.parameters import gather_families
from kldiv._core.registry import NoClosedForm
from kldiv._core.validation import diagnose_all
from kldiv.divergences import chunks


def kl_divergence(p: Distribution, q: Distribution, *, base: float | None = None, validate: bool = True) -> Array:
    """Return the Kullback-Leibler divergence ``KL(p || q) = E_p[log p(x) - log q(x)]``, one number per batch element.

    Parameters
    ----------
    p, q
        Distributions, such as ``kldiv.Normal(loc, scale)``. Their parameters may be arrays of NumPy, PyTorch,
        TensorFlow or JAX, numbers, or lists. Batch shapes broadcast; event sizes must agree. For Dask arrays the
        result is lazy, with a task for each chunk of the batch, and values are checked when it is computed.
    base
        The base of the logarithm: None for nats, 2 for bits, 10 for bans.
    validate
        Whether invalid parameters raise. Otherwise, and under a compiler or ``python -O``, they give nan.

    Returns
    -------
    array
        At least 0; exactly 0 if the parameters are identical; inf exactly where the divergence is infinite. It is an
        array of the framework, device and dtype of the parameters, of the shape that their batch shapes broadcast to.

    Raises
    ------
    ValueError
        If a parameter is invalid, event sizes differ, or batch shapes do not broadcast.
    TypeError
        If an argument is not a distribution, or the parameters belong to different frameworks.
    NoClosedForm
        If no formula is known for the pair; `kldiv.rule` tells which one is used where there is one.

    Examples
    --------
    >>> import kldiv
    >>> print(kldiv.kl_divergence(kldiv.Normal(loc=0.0, scale=1.0), kldiv.Normal(loc=[0.0, 1.0], scale=1.0)))
    [0.  0.5]

    In bits:

    >>> print(kldiv.kl_divergence(kldiv.Bernoulli(1.0), kldiv.Bernoulli(0.5), base=2))
    1.0
    """
    validate = validate and __debug__
    parameters: list[Any] = []
    plan = known_plan(p, q, parameters)
    if plan is None:
        families = as_family(p, "p"), as_family(q, "q")
        if families[0] is not p or families[1] is not q:
            return kl_divergence(*families, base=base, validate=validate)
        try:
            pair = gather_pair(p, q)
        except NoClosedForm:
            zero = zero_of_identical(p, q)
            if zero is None:
                raise
            return zero
        chunked = chunks.divergence(pair, validate) if pair.xp.map_chunks else None
        if chunked is not None:
            return chunked if base is None else in_base(chunked, base)
        plan, parameters = plan_for(pair, p, q)
    value, has_nan = plan(validate, *parameters)
    if has_nan:
        xp, _, dtype, (p, q) = gather_families(p=p, q=q)
        diagnose_all(xp, dtype, p=p, q=q)
    return value if base is None else in_base(value, base)
