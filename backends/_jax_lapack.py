"""Cholesky factors and triangular solutions on JAX's CPU backend, in steps that do not wait for each other.

jaxlib 0.10 shares the matrices of a batch out among the threads that run a program, and waits for these in one of them.
As many such calls at a time as there are threads wait for ever: on a machine with two cores, two Cholesky factors are
enough. A batch of few or small matrices is not shared out, so larger ones are gone through in a loop, those that
`jax.vmap` makes too. What it then cannot differentiate has its derivative here.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

WORK = 2**15  # multiplications of a step; twenty times as many are shared out


def in_steps(function: Callable[..., jax.Array], *stacks: jax.Array) -> jax.Array:
    """Return what a function makes of stacks of matrices with the same batch axes."""
    *batch, rows, _ = stacks[0].shape
    lengths: list[Any] = [n for x in stacks for n in x.shape]
    # A program for any length has symbols for lengths. A loop over a batch that is sharded would gather it.
    if jax.device_count() > 1 or not all(isinstance(n, int) for n in lengths):
        return function(*stacks)
    count = math.prod(batch)
    size = max(1, WORK // max(1, rows**2 * max(x.shape[-1] for x in stacks)))
    if count <= size:
        return function(*stacks)
    flat = tuple([x.reshape(count, *x.shape[-2:]) for x in stacks])
    value: jax.Array = jax.lax.map(lambda part: function(*part), flat, batch_size=size)
    return value.reshape(*batch, *value.shape[1:])


def _batching(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """Return a function of stacks of matrices, in steps, which batch axes are added to by `jax.vmap`."""

    def stepped(*stacks: jax.Array) -> jax.Array:
        return in_steps(function, *stacks)

    batched: Any = custom_vmap(stepped)

    def rule(size: int, is_batched: list[bool], *stacks: jax.Array) -> tuple[jax.Array, bool]:
        whole = [x if b else jnp.broadcast_to(x, (size, *x.shape)) for x, b in zip(stacks, is_batched, strict=True)]
        return batched(*whole), True

    batched.def_vmap(rule)
    return batched  # type: ignore[no-any-return]


_factors = _batching(lambda x: jnp.linalg.cholesky(x, symmetrize_input=False))
_solutions = _batching(lambda a, b: jax.lax.linalg.triangular_solve(a, b, left_side=True, lower=True))
_transposed = _batching(
    lambda a, b: jax.lax.linalg.triangular_solve(a, b, left_side=True, lower=True, transpose_a=True)
)


def solve_triangular(a: jax.Array, b: jax.Array) -> jax.Array:
    """Solve `a @ x = b` for lower triangular `a`, with the same batch axes."""
    if jax.default_backend() != "cpu":
        solution: jax.Array = jax.lax.linalg.triangular_solve(a, b, left_side=True, lower=True)
        return solution
    lower = jnp.tril(a)
    found: jax.Array = jax.lax.custom_linear_solve(
        lambda x: lower @ x, b, lambda _, b: _solutions(a, b), lambda _, b: _transposed(a, b)
    )
    return found


@jax.custom_jvp
def _cholesky(x: jax.Array) -> jax.Array:
    return _factors(x)


@_cholesky.defjvp
def _cholesky_jvp(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    factor = _cholesky(*primals)
    # L^-1 X' L'^-1, of whose symmetric halves one is the derivative of L to the left of it.
    half = solve_triangular(factor, jnp.matrix_transpose(solve_triangular(factor, *tangents)))
    return factor, factor @ (jnp.tril(half, -1) + 0.5 * jnp.tril(jnp.triu(half)))


def cholesky(x: jax.Array) -> jax.Array:
    """Return the lower Cholesky factors; nan where a matrix has none."""
    if jax.default_backend() != "cpu":
        factor: jax.Array = jnp.linalg.cholesky(x)
        return factor
    return _cholesky(0.5 * (x + jnp.matrix_transpose(x)))
