"""Paths of a Markov chain."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.sampling import SamplingContext, known_length
from kldiv._numerics.linalg import index_like
from kldiv._numerics.markov import is_only_path, log_path, path_gap
from kldiv.domains import PATHS, States, Transitions
from kldiv.families.categorical import sample_categorical


@declare.family(PATHS)
class MarkovChain(NamedTuple):
    """The path of a Markov chain over states 0, 1, ..., one state more than there are steps.

    Mass, for a path x_0, ..., x_T of T steps::

        P(x) = initial_probs[x_0] prod_t transition_matrices[t, x_t, x_(t+1)]

    Parameters
    ----------
    initial_probs : vector of probabilities
        Probabilities of the first state.
    transition_matrices : matrices whose rows are probabilities
        Row i of a matrix has the probabilities of the state after i. There is one matrix for each step; for a
        homogeneous chain broadcast one matrix to the number of steps.

    Notes
    -----
    With pi_t the distribution of the state of P at step t, and P_t, Q_t the matrices::

        KL(P || Q) = KL(initial_p || initial_q) + sum_t sum_i pi_t(i) KL(P_t(i, .) || Q_t(i, .))

    Source: the definition, by the chain rule.

    Examples
    --------
    >>> import kldiv
    >>> p = kldiv.MarkovChain([0.5, 0.5], [[[1.0, 0.0], [0.0, 1.0]]])
    >>> q = kldiv.MarkovChain([0.5, 0.5], [[[0.5, 0.5], [0.5, 0.5]]])
    >>> float(kldiv.kl_divergence(p, q))
    0.6931471805599453
    """

    initial_probs: Annotated[Array, States]
    transition_matrices: Annotated[Array, Transitions]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of the paths `x`."""
        return log_path(xp, self.initial_probs, self.transition_matrices, x)

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether the path `x` has probability 1."""
        return is_only_path(xp, self.initial_probs, self.transition_matrices, x)


@declare.sampler(MarkovChain)
def sample_markov_chain(
    xp: Namespace, draw: SamplingContext, initial_probs: Array, transition_matrices: Array
) -> Array:
    """Return the first state and after it each next one, from the row of its matrix that the state before chooses."""
    path = [sample_categorical(xp, draw, initial_probs)[..., None]]
    for step in range(known_length(xp, transition_matrices, -3)):
        rows = transition_matrices[..., step, :, :]
        chosen = xp.astype(index_like(xp, rows[..., 0, :]) == path[-1], rows.dtype)
        probs = xp.matmul(chosen[..., None, :], rows)[..., 0, :]
        path.append(sample_categorical(xp, draw, probs, per_sample=True)[..., None])
    return xp.concat(path, axis=-1)


@declare.formula(MarkovChain, MarkovChain)
def kl_markov_chain_markov_chain(
    xp: Namespace, initial_p: Array, matrices_p: Array, initial_q: Array, matrices_q: Array
) -> Array:
    """KL(initial_p || initial_q) + sum_t sum_i pi_t(i) KL(P_t(i, .) || Q_t(i, .)), with pi_t P's distribution at t.

    Source: the definition, by the chain rule
    """
    return path_gap(xp, initial_p, matrices_p, initial_q, matrices_q)
