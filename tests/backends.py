"""The backends under test, one record each: all that the tests know of a particular framework is in this file."""

import contextlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
import pytest

# Files of tests that need what only the environment of one backend has.
OWN_FILES = {
    "test_numpyro": "jax",
    "test_scipy_distributions": "numpy",
    "test_tfp": "tensorflow",
    "test_torch_distributions": "torch",
    "test_dask": "numpy",
    "test_dtensor": "torch",
    "test_torch_modes": "torch",
    "test_tensorflow_modes": "tensorflow",
    "test_jax_modes": "jax",
    "test_sharding": "jax",
}

BACKEND = pytest.StashKey["Backend"]()  # under which pytest's configuration holds the backend under test


class Programs:
    """Whether what a backend compiles runs compiled, as users have it, or operation by operation.

    A program takes seconds to compile and serves one pair of families. TensorFlow has compiled its operations already.
    """

    def __init__(self, module: Any) -> None:
        self.are_compiled = True
        compile_ = module.compiled

        def compiled(function: Callable[..., Any], /) -> Callable[..., Any]:
            program = compile_(function)
            return lambda *args: (program if self.are_compiled else function)(*args)

        module.compiled = compiled


class Backend(NamedTuple):
    """What a test needs of a framework."""

    name: str
    array: Callable[[Any, str], Any]  # from values and the name of a dtype
    astype: Callable[[Any, str], Any]
    to_numpy: Callable[[Any], np.ndarray]
    is_array: Callable[[Any], bool]
    dtype_name: Callable[[Any], str]
    # The gradient of the sum of a function of arrays: one array for each argument. None: no derivatives.
    gradient: Callable[..., list[Any]] | None
    eager_gradient: Callable[..., list[Any]] | None  # the same for functions that look at values
    # The diagonal of the Hessian of a function of one vector to a scalar, when the Hessian is diagonal.
    hessian: Callable[..., Any] | None
    # The framework's compilers and batching transforms, each from a function of arrays to a function of arrays that
    # must return the same. Arguments have one batch axis.
    transforms: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]]
    runs_the_rest: bool  # whether the tests that have nothing to do with a backend are run beside it: by one
    is_eager: bool  # whether calls on arrays run without compilation
    runs_all_cases: bool  # by default: not where compilers need the time, or NumPy computes, whose own tests have them
    flushes_subnormals: bool
    short_dtypes: tuple[str, ...]  # the 16-bit floats
    default_float: str  # the dtype that integers become
    # By how many ulps the framework's log, log1p, exp and expm1 may be worse than NumPy's, which are right to about 1.
    elementary_ulps: float
    # The derivative of the sum of the gradient of a function of one array: its second derivative, element by element.
    curvature: Callable[..., Any] | None
    # The framework's own divergence, from the names of two families and their parameters, and the pairs that it knows.
    own_divergence: Callable[[str, tuple[Any, ...], str, tuple[Any, ...]], Any] | None
    own_pairs: list[tuple[str, str]]
    # What docstrings call the libraries that have distributions in its environment, and what those are imported as.
    libraries: dict[str, str]
    examples: int  # of hypothesis: compilers are slow on each new shape
    float32_beside_numpy_scalar: str  # the dtype that a float32 array and a wider NumPy scalar make
    module: str  # the module that is its array namespace
    arrays: dict[str, Callable[[], Any]]  # makes each kind of array that the framework has, of ones
    # How often a compiled function has run in Python after calls with the shapes (3,), again (3,), (5,) and (2, 3).
    runs_of_compiled: list[int]
    refused: dict[str, Callable[[], Any]]  # makes what the framework has and no parameter can be
    generators: dict[str, Callable[[], Any]]  # makes each kind of source of random numbers that the framework has
    # The framework's own optimizers of plain gradient descent: from a learning rate, the arguments of kldiv.fit.
    optimizers: dict[str, Callable[[float], dict[str, Any]]] = {}  # noqa: RUF012
    # Enters and leaves a state in which the framework has another default dtype; None: it has but one.
    other_default: Callable[[], AbstractContextManager[Any]] | None = None
    programs: Programs | None = None  # the switch of a backend that compiles and whose operations need no compilation
    gaps: dict[str, str] = {}  # noqa: RUF012  # the tests that fail here and must, by their ids, and why


_OWN = [
    "Normal",
    "NormalLogVariance",
    "Exponential",
    "Gamma",
    "Uniform",
    "Poisson",
    "Bernoulli",
    "BernoulliLogits",
    "Categorical",
    "CategoricalLogits",
    "MultivariateNormal",
    "MultivariateNormalTriL",
    "MultivariateNormalPrecision",
    "MultivariateNormalDiag",
]


def _same(names: list[str]) -> list[tuple[str, str]]:
    return [(name, name) for name in names]


def _keras_variable() -> Any:
    import keras

    return keras.Variable([1.0, 1.0])


def _keras_instance(rate: float) -> dict[str, Any]:
    import keras

    return {"optimizer": keras.optimizers.SGD(rate)}


def _keras_class(rate: float) -> dict[str, Any]:
    import keras

    return {"optimizer": keras.optimizers.SGD, "learning_rate": rate}


def _optax(rate: float) -> dict[str, Any]:
    import optax

    return {"optimizer": optax.sgd(rate)}


# XLA's flags to compile quickly, and the options that undo them: its code would take three quarters of the time.
_HASTY = (
    "--xla_backend_optimization_level=0 --xla_cpu_parallel_codegen_split_count=1 --xla_cpu_use_fusion_emitters=false "
    "--xla_llvm_disable_expensive_passes=true"
)
_THOROUGH = {
    "xla_backend_optimization_level": 3,
    "xla_cpu_parallel_codegen_split_count": 32,
    "xla_cpu_use_fusion_emitters": True,
    "xla_llvm_disable_expensive_passes": False,
}


def load(name: str, full: bool = False) -> Backend:
    """Return the record of a backend, `full` if nothing may be skimped; only this imports its framework."""
    makers = {"numpy": _numpy, "strict": _strict, "torch": _torch, "jax": lambda: _jax(full), "tensorflow": _tensorflow}
    return makers[name]()


def _numpy() -> Backend:
    return Backend(
        name="numpy",
        runs_the_rest=True,
        array=lambda values, dtype: np.asarray(values, dtype=dtype),
        astype=np.errstate(over="ignore")(lambda x, dtype: x.astype(dtype)),
        to_numpy=np.asarray,
        is_array=lambda x: isinstance(x, np.ndarray | np.floating),
        dtype_name=lambda x: x.dtype.name,
        gradient=None,
        eager_gradient=None,
        hessian=None,
        transforms={},
        is_eager=True,
        runs_all_cases=True,
        flushes_subnormals=False,
        short_dtypes=("float16",),
        default_float="float64",
        elementary_ulps=0.0,
        curvature=None,
        own_divergence=None,
        own_pairs=[],
        libraries={"np": "numpy", "scipy": "scipy"},
        examples=60,
        float32_beside_numpy_scalar="float64",
        module="kldiv.backends.numpy",
        arrays={
            "array": lambda: np.ones(2),
            "float32": lambda: np.ones(2, dtype="float32"),
            "integers": lambda: np.ones(2, dtype=int),
            "no axes": lambda: np.ones(()),
            "subclass": lambda: np.ones(2).view(type("Subclass", (np.ndarray,), {})),
        },
        runs_of_compiled=[1, 2, 3, 4],
        generators={"Generator": lambda: np.random.default_rng(3)},
        refused={
            "bool": lambda: np.ones(2, dtype=bool),
            "bool scalar": lambda: np.bool_(True),
            "complex": lambda: np.ones(2, dtype=complex),
            "complex scalar": lambda: np.complex128(1),
            "object": lambda: np.ones(2, dtype=object),
            "strings": lambda: np.asarray(["1", "2"]),
            "string scalar": lambda: np.str_("1"),
            "times": lambda: np.zeros(2, dtype="timedelta64[s]"),
            "structured": lambda: np.zeros(2, dtype=[("loc", float)]),
            "masked": lambda: np.ma.masked_array([1.0, 2.0], mask=[False, True]),
            "masked constant": lambda: np.ma.masked,
            "matrix": lambda: np.ones((2, 2)).view(np.matrix),
        },
    )


def _strict() -> Backend:
    import array_api_strict as xp

    return Backend(
        name="strict",
        gaps={"test_generator_gives_numbers_its_framework[Generator]": "a Generator is NumPy's, and gives its arrays"},
        runs_the_rest=False,
        array=lambda values, dtype: xp.astype(xp.from_dlpack(np.array(values)), getattr(xp, dtype)),
        astype=lambda x, dtype: xp.astype(x, getattr(xp, dtype)),
        to_numpy=np.from_dlpack,
        is_array=lambda x: type(x) is type(xp.asarray(0.0)),
        dtype_name=lambda x: str(x.dtype).removeprefix("array_api_strict."),
        gradient=None,
        eager_gradient=None,
        hessian=None,
        transforms={},
        is_eager=True,
        runs_all_cases=False,
        flushes_subnormals=False,
        short_dtypes=(),
        default_float="float64",
        elementary_ulps=0.0,
        curvature=None,
        own_divergence=None,
        own_pairs=[],
        libraries={},
        examples=60,
        float32_beside_numpy_scalar="float32",
        module="kldiv.backends.array_api_strict",
        arrays={
            "array": lambda: xp.ones(2),
            "integers": lambda: xp.ones(2, dtype=xp.int64),
            "no axes": lambda: xp.ones(()),
        },
        runs_of_compiled=[1, 2, 3, 4],
        generators={"Generator": lambda: np.random.default_rng(3)},
        refused={
            "bool": lambda: xp.ones(2, dtype=xp.bool),
            "complex": lambda: xp.ones(2, dtype=xp.complex64),
            "list of scalars": lambda: [xp.asarray(1.0), xp.asarray(2.0)],
        },
    )


def _torch() -> Backend:
    import torch

    def gradient(function, *arrays):
        leaves = [a.detach().clone().requires_grad_() for a in arrays]
        return list(torch.autograd.grad(function(*leaves).sum(), leaves, materialize_grads=True))

    def curvature(function, x):
        x = x.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(function(x).sum(), x, create_graph=True, materialize_grads=True)
        return torch.autograd.grad(slope.sum(), x, materialize_grads=True)[0] if slope.requires_grad else slope * 0

    def compile_(function):
        torch._dynamo.reset()
        return torch.compile(function, fullgraph=True, backend="aot_eager")

    @contextlib.contextmanager
    def other_default():
        torch.set_default_dtype(torch.float64)
        try:
            yield
        finally:
            torch.set_default_dtype(torch.float32)

    def export(function):
        class Module(torch.nn.Module):
            def forward(self, *arrays):
                return function(*arrays)

        return lambda *arrays: torch.export.export(Module(), arrays).module()(*arrays)

    def value_under_grad(function):
        """Return the value that a function has inside torch.func.grad, where tensors are wrapped."""
        return lambda *arrays: torch.func.vjp(function, *arrays)[0]

    def own_divergence(p, parameters_p, q, parameters_q):
        d = torch.distributions
        families = {
            "Normal": d.Normal,
            "NormalLogVariance": lambda loc, log_variance: d.Normal(loc, (log_variance / 2).exp()),
            "Exponential": d.Exponential,
            "Gamma": d.Gamma,
            "Uniform": d.Uniform,
            "Poisson": d.Poisson,
            "Bernoulli": d.Bernoulli,
            "BernoulliLogits": lambda logits: d.Bernoulli(logits=logits),
            "Categorical": d.Categorical,
            "CategoricalLogits": lambda logits: d.Categorical(logits=logits),
            "MultivariateNormal": d.MultivariateNormal,
            "MultivariateNormalTriL": lambda loc, scale_tril: d.MultivariateNormal(loc, scale_tril=scale_tril),
            "MultivariateNormalPrecision": lambda loc, precision: d.MultivariateNormal(loc, precision_matrix=precision),
            "MultivariateNormalDiag": lambda loc, scale: d.Independent(d.Normal(loc, scale), 1),
        }
        return d.kl_divergence(families[p](*parameters_p), families[q](*parameters_q))

    return Backend(
        name="torch",
        runs_the_rest=False,
        array=lambda values, dtype: torch.asarray(np.array(values)).to(getattr(torch, dtype)),
        astype=lambda x, dtype: x.to(getattr(torch, dtype)),
        to_numpy=lambda x: x.detach().numpy(),
        is_array=lambda x: isinstance(x, torch.Tensor),
        dtype_name=lambda x: str(x.dtype).removeprefix("torch."),
        gradient=gradient,
        eager_gradient=gradient,
        hessian=lambda function, x: torch.func.hessian(function)(x),
        transforms={"compile": compile_, "vmap": torch.func.vmap, "vjp": value_under_grad, "export": export},
        is_eager=True,
        runs_all_cases=True,
        flushes_subnormals=False,
        short_dtypes=("float16", "bfloat16"),
        default_float="float32",
        elementary_ulps=0.0,
        curvature=curvature,
        own_divergence=own_divergence,
        own_pairs=[*_same(_OWN), ("Exponential", "Gamma"), ("Gamma", "Exponential"), ("Bernoulli", "Poisson")],
        libraries={"torch": "torch"},
        examples=30,
        float32_beside_numpy_scalar="float32",
        optimizers={
            "class": lambda rate: {"optimizer": torch.optim.SGD, "learning_rate": rate},
            "function": lambda rate: {"optimizer": lambda tensors: torch.optim.SGD(tensors, lr=rate)},
        },
        module="kldiv.backends.torch",
        arrays={
            "tensor": lambda: torch.ones(2),
            "float64": lambda: torch.ones(2, dtype=torch.float64),
            "integers": lambda: torch.ones(2, dtype=torch.int64),
            "no axes": lambda: torch.ones(()),
            "parameter": lambda: torch.nn.Parameter(torch.ones(2)),
            "buffer": lambda: torch.nn.Buffer(torch.ones(2)),
            "leaf": lambda: torch.ones(2, requires_grad=True),
            "transposed": lambda: torch.ones(2, 3).T,
        },
        runs_of_compiled=[1, 2, 3, 4],
        generators={"Generator": lambda: torch.Generator().manual_seed(3)},
        refused={
            "bool": lambda: torch.ones(2, dtype=torch.bool),
            "complex": lambda: torch.ones(2, dtype=torch.complex64),
            "8 bits": lambda: torch.ones(2).to(torch.float8_e4m3fn),
            "sparse": lambda: torch.ones(2).to_sparse(),
            "nested": lambda: torch.nested.nested_tensor([torch.ones(1), torch.ones(2)], layout=torch.jagged),
            "MKL-DNN": lambda: torch.ones(2).to_mkldnn(),
            "list of scalars": lambda: [torch.tensor(1.0), torch.tensor(2.0)],
            "distribution": lambda: torch.distributions.Normal(0.0, 1.0),
        },
        other_default=other_default,
    )


def _jax(full: bool) -> Backend:
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    if not full:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_HASTY}"
    import jax
    import jax.experimental.sparse

    jax.config.update("jax_enable_x64", True)

    # A program for each operation takes several times as long to make as one for all, which is what users make too.
    whole = (lambda function: function) if full else jax.jit

    def slopes(function, arrays):
        return jax.grad(lambda *a: function(*a).sum(), argnums=tuple(range(len(arrays))))

    def gradient(function, *arrays):
        return list(whole(slopes(function, arrays))(*arrays))

    def eager_gradient(function, *arrays):
        return list(slopes(function, arrays)(*arrays))

    def curvature(function, x):
        slope = jax.grad(lambda x: function(x).sum())
        return whole(jax.grad(lambda x: slope(x).sum()))(x)

    def own_divergence(p, parameters_p, q, parameters_q):
        import numpyro.distributions as d

        families = {
            "Normal": d.Normal,
            "NormalLogVariance": lambda loc, log_variance: d.Normal(loc, jax.numpy.exp(log_variance / 2)),
            "Gamma": d.Gamma,
            "Categorical": d.Categorical,
            "MultivariateNormal": d.MultivariateNormal,
            "MultivariateNormalTriL": lambda loc, scale_tril: d.MultivariateNormal(loc, scale_tril=scale_tril),
            "MultivariateNormalPrecision": lambda loc, precision: d.MultivariateNormal(loc, precision_matrix=precision),
            "MultivariateNormalDiag": lambda loc, scale: d.Normal(loc, scale).to_event(1),
        }
        return d.kl_divergence(families[p](*parameters_p), families[q](*parameters_q))

    return Backend(
        name="jax",
        runs_the_rest=False,
        array=lambda values, dtype: jax.numpy.asarray(np.asarray(values), dtype=dtype),
        astype=lambda x, dtype: x.astype(dtype),
        to_numpy=np.asarray,
        is_array=lambda x: isinstance(x, jax.Array),
        dtype_name=lambda x: x.dtype.name,
        gradient=gradient,
        eager_gradient=eager_gradient,
        hessian=lambda function, x: whole(jax.hessian(function))(x),
        transforms={
            "jit": lambda f: jax.jit(f, compiler_options=_THOROUGH),  # as users have it
            "vmap": lambda f: whole(jax.vmap(f)),
            "vjp": lambda f: whole(lambda *arrays: jax.vjp(f, *arrays)[0]),
            **({"jit of vmap": lambda f: jax.jit(jax.vmap(f))} if full else {}),
        },
        is_eager=False,
        runs_all_cases=False,
        flushes_subnormals=True,
        short_dtypes=("float16", "bfloat16"),
        default_float="float64",
        elementary_ulps=1.0,
        curvature=curvature,
        own_divergence=own_divergence,
        own_pairs=_same(["Normal", "NormalLogVariance", "Gamma", "Categorical", "MultivariateNormal", *_OWN[-3:]]),
        libraries={},
        examples=3,
        float32_beside_numpy_scalar="float32",
        optimizers={"optax": _optax},
        module="kldiv.backends.jax",
        arrays={
            "array": lambda: jax.numpy.ones(2),
            "float32": lambda: jax.numpy.ones(2, dtype="float32"),
            "integers": lambda: jax.numpy.ones(2, dtype=int),
            "no axes": lambda: jax.numpy.float32(1.0),
            "committed": lambda: jax.device_put(jax.numpy.ones(2), jax.devices()[0]),
        },
        runs_of_compiled=[1, 1, 2, 3],
        generators={"key": lambda: jax.random.key(3), "PRNGKey": lambda: jax.random.PRNGKey(3)},
        refused={
            "bool": lambda: jax.numpy.ones(2, dtype=bool),
            "complex": lambda: jax.numpy.ones(2, dtype="complex64"),
            "8 bits": lambda: jax.numpy.ones(2, dtype="float8_e4m3fn"),
            "key": lambda: jax.random.key(0),
            "sparse": lambda: jax.experimental.sparse.BCOO.fromdense(jax.numpy.ones(2)),
            "shape": lambda: jax.ShapeDtypeStruct((2,), "float32"),
            "list of scalars": lambda: [jax.numpy.asarray(1.0), jax.numpy.asarray(2.0)],
        },
        other_default=lambda: jax.enable_x64(False),
    )


def _tensorflow() -> Backend:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import kldiv.backends.tensorflow
    import tensorflow as tf

    def gradient(function, *arrays):
        with tf.GradientTape() as tape:
            for a in arrays:
                tape.watch(a)
            value = tf.reduce_sum(function(*arrays))
        return tape.gradient(value, arrays, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def curvature(function, x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            (slope,) = gradient(function, x)
        return outer.gradient(slope, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def hessian(function, x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                value = function(x)
            slope = inner.gradient(value, x)
        return outer.jacobian(slope, x)

    def own_divergence(p, parameters_p, q, parameters_q):
        from tensorflow_probability import distributions as d

        families = {
            "Normal": d.Normal,
            "NormalLogVariance": lambda loc, log_variance: d.Normal(loc, tf.exp(log_variance / 2)),
            "Exponential": d.Exponential,
            "Gamma": d.Gamma,
            "Uniform": d.Uniform,
            "Bernoulli": lambda probs: d.Bernoulli(probs=probs),
            "BernoulliLogits": lambda logits: d.Bernoulli(logits=logits),
            "Categorical": lambda probs: d.Categorical(probs=probs),
            "CategoricalLogits": lambda logits: d.Categorical(logits=logits),
            "MultivariateNormal": d.MultivariateNormalFullCovariance,
            "MultivariateNormalTriL": d.MultivariateNormalTriL,
            "MultivariateNormalDiag": d.MultivariateNormalDiag,
        }
        return d.kl_divergence(families[p](*parameters_p), families[q](*parameters_q))

    return Backend(
        name="tensorflow",
        gaps={"test_second_derivative_at_a_tiny_probability": "TensorFlow's own second derivatives form 1 / p^2"},
        runs_the_rest=False,
        array=lambda values, dtype: tf.cast(tf.constant(np.asarray(values)), dtype),
        astype=lambda x, dtype: tf.cast(x, dtype),
        to_numpy=lambda x: x.numpy(),
        is_array=tf.is_tensor,
        dtype_name=lambda x: x.dtype.name,
        gradient=gradient,
        eager_gradient=gradient,
        hessian=hessian,
        transforms={
            "function": lambda f: tf.function(f),
            "unknown shapes": lambda f: (
                lambda *arrays: tf.function(
                    f, input_signature=[tf.TensorSpec([None] * a.shape.rank, a.dtype) for a in arrays]
                )(*arrays)
            ),
            "xla": lambda f: tf.function(f, jit_compile=True),
            "vectorized_map": lambda f: lambda *arrays: tf.vectorized_map(lambda slices: f(*slices), arrays),
        },
        is_eager=False,
        runs_all_cases=False,
        flushes_subnormals=True,
        short_dtypes=("float16", "bfloat16"),
        default_float="float32",
        elementary_ulps=1.0,
        curvature=curvature,
        own_divergence=own_divergence,
        own_pairs=_same([name for name in _OWN if name not in ("Poisson", "MultivariateNormalPrecision")]),
        libraries={"tfp": "tensorflow_probability"},
        examples=5,
        float32_beside_numpy_scalar="float32",
        programs=Programs(kldiv.backends.tensorflow),
        optimizers={"instance": _keras_instance, "class": _keras_class},
        module="kldiv.backends.tensorflow",
        arrays={
            "tensor": lambda: tf.ones(2),
            "float64": lambda: tf.ones(2, tf.float64),
            "integers": lambda: tf.ones(2, tf.int32),
            "no axes": lambda: tf.ones(()),
            "variable": lambda: tf.Variable([1.0, 1.0]),
            "keras variable": _keras_variable,
        },
        runs_of_compiled=[1, 1, 1, 2],
        generators={"Generator": lambda: tf.random.Generator.from_seed(3)},
        refused={
            "bool": lambda: tf.constant([True, False]),
            "complex": lambda: tf.constant([1j, 2j]),
            "strings": lambda: tf.constant(["1", "2"]),
            "quantized": lambda: tf.quantization.quantize([1.0, 2.0], 0.0, 2.0, tf.qint8).output,
            "sparse": lambda: tf.sparse.from_dense([1.0, 0.0]),
            "ragged": lambda: tf.ragged.constant([[1.0, 2.0], [3.0]]),
            "slices": lambda: tf.IndexedSlices(tf.ones([1]), tf.constant([0])),
            "list of scalars": lambda: [tf.constant(1.0), tf.constant(2.0)],
        },
    )
