"""JAX's modes: numbers that become arrays of a weak type."""

import jax
import pytest

import kldiv


def divergence(x, y):
    return kldiv.kl_divergence(kldiv.Normal(x, y), kldiv.Normal(0.0, 2))


WEAK = {
    "divergence": divergence,
    "terms": kldiv.rel_entr,
    "log density": lambda x, y: kldiv.Normal(x, y).log_density(x),
}


@pytest.mark.parametrize("function", WEAK.values(), ids=WEAK.keys())
@pytest.mark.parametrize("number", [2.0, 2], ids=str)
def test_number_beside_a_short_float_is_weak_as_an_argument_too(function, number):
    x = jax.numpy.ones(2, "bfloat16")
    assert function(x, number).dtype == "bfloat16"
    assert function(x, jax.numpy.asarray(number)).dtype == "bfloat16"
    assert jax.eval_shape(function, x, number).dtype == "bfloat16"


def test_dtype_of_a_strong_number_counts():
    x = jax.numpy.ones(2, "bfloat16")
    assert divergence(x, jax.numpy.float32(2.0)).dtype == "float32"
    assert jax.eval_shape(divergence, x, jax.numpy.float32(2.0)).dtype == "float32"
