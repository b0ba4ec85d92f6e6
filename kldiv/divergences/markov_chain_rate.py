"""The rate of divergence of two Markov chains: per step, in the long run."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.categorical import categorical_gap, weighted_gap
from kldiv._numerics.markov import stationary
from kldiv.divergences.kl import kl_divergence
from kldiv.domains import ErgodicTransition, Transition


class ErgodicChain(NamedTuple):
    """A step of a homogeneous Markov chain in its stationary distribution."""

    transition_matrix: Annotated[Array, ErgodicTransition]


class HomogeneousChain(NamedTuple):
    """A step of a homogeneous Markov chain."""

    transition_matrix: Annotated[Array, Transition]


@declare.formula(ErgodicChain, HomogeneousChain)
def kl_ergodic_chain_homogeneous_chain(xp: Namespace, matrix_p: Array, matrix_q: Array) -> Array:
    """sum_i pi(i) KL(P(i, .) || Q(i, .)), with pi the stationary distribution of P.

    Source: the definition, by the chain rule
    """
    return weighted_gap(xp, stationary(xp, matrix_p), categorical_gap(xp, matrix_p, matrix_q))


def markov_chain_rate(p: Array, q: Array, *, base: float | None = None, validate: bool = True) -> Array:
    """Return the divergence per step of two homogeneous Markov chains, from their transition matrices.

    In the long run, `kl_divergence` of the paths grows by this number with every step, wherever the chains start.

    Parameters
    ----------
    p, q
        Transition matrices, with the distribution of the next state along the last axis. In those of `p`, some state
        must be reachable from every state, so that there is one stationary distribution.
    base, validate
        As for `kl_divergence`.

    Returns
    -------
    array
        One number per batch element.

    Raises
    ------
    ValueError
        If a matrix is invalid, or the shapes do not agree.

    Examples
    --------
    >>> import kldiv
    >>> rate = kldiv.markov_chain_rate([[0.9, 0.1], [0.2, 0.8]], [[0.7, 0.3], [0.4, 0.6]])
    >>> round(float(rate), 12)
    0.108053245007
    """
    return kl_divergence(ErgodicChain(p), HomogeneousChain(q), base=base, validate=validate)
