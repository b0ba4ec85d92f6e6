"""Numerics of Markov chains: divergences of paths, and stationary distributions.

The divergence of paths is summed backwards from the last step, by state, and what is infinite counts only in states
that P can get to. The stationary distribution is solved for without the subtraction 1 - p of what stays in a state.
"""

from __future__ import annotations

from math import inf, nan

from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.categorical import categorical_gap, normalized, select_class
from kldiv._numerics.edges import finite_part, log
from kldiv._numerics.linalg import identity_like, index_like


def path_gap(xp: Namespace, initial_p: Array, steps_p: Array, initial_q: Array, steps_q: Array) -> Array:
    """The divergence between two Markov chains; what is infinite counts only where P can get to."""
    rows, finite = finite_part(xp, categorical_gap(xp, steps_p, steps_q))
    matrices = normalized(xp, steps_p)
    lost = xp.where(finite, xp.zeros_like(rows), 1.0)
    last = rows[..., 0, :]

    # From the last step backwards: the divergence of what is to come, by state, and whether it is infinite.
    def step(state: tuple[Array, Array], matrix: Array, row: Array, bad: Array) -> tuple[Array, Array]:
        later, dead = state
        later = row[..., 0] + xp.sum(matrix * later[..., None, :], axis=-1)
        reached = xp.max(xp.where(matrix > 0, dead[..., None, :], 0.0), axis=-1)
        return later, xp.where(bad[..., 0] > 0, xp.ones_like(reached), reached)

    items = tuple(xp.flip(x, axis=(-3,)) for x in (matrices, rows[..., None], lost[..., None]))
    later, dead = xp.scan(step, (xp.zeros_like(last), xp.zeros_like(last)), items)
    bad = xp.any((dead > 0) & (initial_p > 0), axis=-1)
    value = categorical_gap(xp, initial_p, initial_q) + xp.sum(normalized(xp, initial_p) * later, axis=-1)
    return xp.where(bad, inf, value)


def log_path(xp: Namespace, initial: Array, steps: Array, x: Array) -> Array:
    """The logarithm of the probability of the path x."""
    at = _states_of(xp, initial, x)
    moves = at[..., :-1, :, None] & at[..., 1:, None, :]
    log_steps = log(xp, normalized(xp, steps))
    first = select_class(xp, log(xp, normalized(xp, initial)), x[..., 0])
    return first + xp.sum(xp.max(xp.where(moves, log_steps, -inf), axis=(-2, -1)), axis=-1)


def is_only_path(xp: Namespace, initial: Array, steps: Array, x: Array) -> Array:
    """Whether the path x has probability 1."""
    at = _states_of(xp, initial, x)
    first = xp.all((initial > 0) == at[..., 0, :], axis=-1)
    then = ~at[..., :-1, :, None] | ((steps > 0) == at[..., 1:, None, :])
    return first & xp.all(then, axis=(-3, -2, -1))


def recurrent(xp: Namespace, matrix: Array) -> Array:
    """Whether each state of a Markov chain can be reached from every state."""
    reach = xp.where(matrix > 0, xp.ones_like(matrix), identity_like(xp, matrix))
    for _ in range(16):  # paths of up to 2^16 steps
        reach = xp.where(xp.matmul(reach, reach) > 0, xp.ones_like(reach), 0.0)
    return xp.all(reach > 0, axis=-2)


def stationary(xp: Namespace, matrix: Array) -> Array:
    """The stationary distribution of a transition matrix, nan where there is more than one; 0 at transient states."""
    remain = recurrent(xp, matrix)
    unique = xp.any(remain, axis=-1)[..., None]
    # (I - P + 1 u') is regular and its transpose maps pi to u. The diagonal of I - P is what leaves the state.
    identity = identity_like(xp, matrix)
    steps = xp.where(unique[..., None], normalized(xp, matrix), identity + 0.0 * matrix)
    leaving = xp.where(identity > 0, 0.0, steps)
    uniform = normalized(xp, xp.ones_like(matrix[..., 0, :]))
    system = identity * xp.sum(leaving, axis=-1, keepdims=True) - leaving + uniform[..., None, :]
    system = xp.where(unique[..., None], system, identity)
    probs = xp.solve(xp.matrix_transpose(system), uniform[..., None])[..., 0]
    return xp.where(unique, xp.where(remain & (probs > 0), probs, 0.0), nan)


def _states_of(xp: Namespace, like: Array, x: Array) -> Array:
    """Whether the states x are those of the last axis of `like`, along a new last axis."""
    return index_like(xp, like)[..., None, :] == x[..., None]
