"""Which framework do these arrays belong to?

The only module outside `kldiv.backends` that names the frameworks. A framework is recognized without importing it: an
array of a framework can only exist when the caller has imported that framework, so `sys.modules` guards each test. The
imports are plain statements inside the branches, because compilers that trace Python can follow those and nothing
cleverer.
"""

from __future__ import annotations

import math
import reprlib
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, TypeAlias

    from kldiv._arrays.protocol import Array, DType, Namespace

    Identified: TypeAlias = tuple[Namespace | None, Any]

_NUMPY, _DASK = "kldiv.backends.numpy", "kldiv.backends.dask"


def namespace(*arrays: Any) -> Namespace:
    """Return the module that serves as array namespace for `arrays`.

    Python numbers, lists and NumPy scalars fit any framework; where nothing else is given they are NumPy's.

    Parameters
    ----------
    *arrays
        Arrays of one framework, numbers, or lists of numbers.

    Returns
    -------
    module
        The backend of that framework, such as `kldiv.backends.numpy`: an array namespace with special functions.

    Raises
    ------
    TypeError
        If the arrays belong to different frameworks, or one is of a kind that no backend takes: masked, ragged, sparse,
        nested or object arrays, or an object that is no array at all.

    Examples
    --------
    >>> import numpy as np, kldiv
    >>> kldiv.namespace(np.ones(3), 2.0).__name__
    'kldiv.backends.numpy'
    """
    return gather(arrays, [f"argument {i}" for i in range(len(arrays))])[0]


def gather(
    values: Sequence[Any], names: Sequence[str], *, lazy: bool = False, rng: Any = None
) -> tuple[Namespace, list[Array], DType]:
    """Return the namespace of `values`, the values as its arrays, and the dtype that a result has.

    If `lazy`, arrays may be in chunks that are yet to be computed, and those of NumPy stay as they are beside them.
    Where all values are numbers, the framework and the device are those of the source `rng` of random numbers.
    """
    identified = [identify(value, name) for value, name in zip(values, names, strict=True)]
    xp, owner = _common_namespace([namespace for namespace, _ in identified], values, names)
    if xp.__name__ == _DASK and not lazy:
        raise TypeError(
            f"{names[owner]} is {_describe(values[owner])}; dask arrays are for kl_divergence, kl_div and rel_entr, "
            "and have no derivatives. For anything else call compute() on it, or map_blocks for its chunks one by one"
        )
    is_weak = [namespace is None for namespace, _ in identified]
    arrays = [array for _, array in identified]
    if xp.__name__ in (_NUMPY, _DASK):
        # NumPy's scalars carry a dtype among NumPy's arrays; beside another framework they are numbers.
        for i, x in enumerate(arrays):
            if is_weak[i] and hasattr(x, "dtype"):
                arrays[i], is_weak[i] = xp.asarray(x), False
            elif not is_weak[i] and not x.dtype.isnative:
                arrays[i] = x.astype(x.dtype.newbyteorder("="))
    strong = [(name, x) for name, x, weak in zip(names, arrays, is_weak, strict=True) if not weak]
    if not strong:
        xp = _of_generator(rng) or xp
    dtype = _result_dtype(xp, strong)
    other = strong[0][1] if strong else rng if hasattr(rng, "device") else None
    for i, name in enumerate(names):
        if is_weak[i]:
            arrays[i] = _array_of_numbers(xp, arrays[i], name, other, dtype)
    return xp, arrays, dtype


def _common_namespace(
    namespaces: list[Namespace | None], values: Sequence[Any], names: Sequence[str]
) -> tuple[Namespace, int]:
    """Return the one namespace of values, and the place of the value that decides it; that of numbers is NumPy's.

    Dask's arrays may have NumPy's beside them.
    """
    common: Namespace | None = None
    owner = 0
    for i, xp in enumerate(namespaces):
        if xp is None or xp is common:
            continue
        if common is None or (xp.__name__, common.__name__) == (_DASK, _NUMPY):
            common, owner = xp, i
        elif (xp.__name__, common.__name__) != (_NUMPY, _DASK):
            raise TypeError(
                f"{names[owner]} is {_describe(values[owner])} but {names[i]} is {_describe(values[i])}; "
                "convert one of them, so that all arrays belong to one framework"
            )
    if common is None:
        from kldiv.backends import numpy

        common = numpy
    return common, owner


def _array_of_numbers(xp: Namespace, value: Any, name: str, other: Array | None, dtype: DType) -> Array:
    """Return a number or a list as an array like another one, in the dtype that a result of `dtype` is computed in."""
    computing = computing_dtype(xp, dtype)
    return xp.asarray_like(_numbers(value, name, computing, float(xp.finfo(computing).max)), other, computing)


def computing_dtype(xp: Namespace, dtype: DType) -> DType:
    """Return the dtype to compute in for a result of `dtype`: 16-bit floats are computed in float32."""
    return xp.float32 if xp.finfo(dtype).bits == 16 else dtype


def _result_dtype(xp: Namespace, named: Iterable[tuple[str, Array]]) -> DType:
    """Return the common dtype of the arrays; integers count as the framework's default float."""
    arrays = list(named)
    # JAX's name for a number that a transform has made an array of: beside other arrays its dtype does not count.
    strong = [(name, x) for name, x in arrays if not getattr(x, "weak_type", False)]
    dtypes: list[DType] = []
    for name, array in strong or arrays:
        dtype = array.dtype
        if _is_kind(xp, dtype, "integral"):
            dtype = xp.default_dtype()
        elif not _is_kind(xp, dtype, "real floating") or xp.finfo(dtype).bits not in (16, 32, 64):
            raise TypeError(f"{name} has dtype {dtype}; parameters are real: 16-, 32- or 64-bit floats or integers")
        if dtype not in dtypes:
            dtypes.append(dtype)
    if not dtypes:
        return xp.default_dtype()
    return dtypes[0] if len(dtypes) == 1 else xp.result_type(*dtypes)


def _is_kind(xp: Namespace, dtype: DType, kind: str) -> bool:
    try:
        return xp.isdtype(dtype, kind)
    except (TypeError, ValueError):  # a dtype that the standard does not know, such as object
        return False


def identify(value: Any, name: str) -> tuple[Namespace | None, Any]:
    """Return the backend of `value` (None for numbers and lists) and the array that it holds."""
    if type(value) is float or type(value) is int or type(value) is list:
        return None, value
    for recognize in (_torch, _jax, _tensorflow, _keras, _dask, _numpy, _array_api_strict):
        identified = recognize(value, name)
        if identified is not None:
            return identified
    if isinstance(value, float | int) and not isinstance(value, bool):
        return None, value
    distributions = hasattr(value, "_fields") or hasattr(value, "log_prob") or hasattr(value, "logpdf")
    raise TypeError(
        f"{name} is {_describe(value)}; pass a number, a list of numbers, "
        "or a dense array of NumPy, PyTorch, TensorFlow, JAX or Dask"
        + ("; kldiv.kl_divergence is for distributions" if distributions else "")
    )


def _torch(value: Any, name: str) -> Identified | None:
    if "torch" not in sys.modules:
        return None
    import torch

    if not isinstance(value, torch.Tensor):
        return None
    if value.layout is not torch.strided or value.is_nested:
        raise TypeError(f"{name} is a sparse or nested tensor; pass a dense one")
    from kldiv.backends import torch as xp

    return xp, value


def _jax(value: Any, name: str) -> Identified | None:
    if "jax" not in sys.modules:
        return None
    import jax

    if not isinstance(value, jax.Array):
        return None
    from kldiv.backends import jax as xp

    return xp, value


def _tensorflow(value: Any, name: str) -> Identified | None:
    if "tensorflow" not in sys.modules:
        return None
    import tensorflow as tf

    if isinstance(value, tf.Variable):
        value = tf.convert_to_tensor(value)
    if not isinstance(value, tf.Tensor):
        return None
    if not (tf.executing_eagerly() or tf.compat.v1.executing_eagerly_outside_functions()):  # where == is identity
        raise TypeError(f"{name} is a tensor of a TensorFlow 1 graph; call it eagerly or inside tf.function")
    from kldiv.backends import tensorflow as xp

    return xp, value


def _keras(value: Any, name: str) -> Identified | None:
    if "keras" not in sys.modules:
        return None
    import keras

    return identify(value.value, name) if isinstance(value, keras.Variable) else None


def _dask(value: Any, name: str) -> Identified | None:
    if "dask.array" not in sys.modules:
        return None
    import dask.array
    from dask.array.utils import meta_from_array

    if not isinstance(value, dask.array.Array):
        return None
    identify(meta_from_array(value), f"a chunk of {name}")
    if any(length != length for length in value.shape):
        raise ValueError(f"{name} is a dask array with chunks of unknown sizes; call its compute_chunk_sizes() first")
    from kldiv.backends import dask as chunked

    xp: Any = chunked  # as far as it takes to hand its chunks to another
    return xp, value


def _numpy(value: Any, name: str) -> Identified | None:
    if "numpy" not in sys.modules:
        return None
    import numpy as np

    if isinstance(value, np.generic):
        return None, value
    if not isinstance(value, np.ndarray) or isinstance(value, np.ma.MaskedArray | np.matrix):
        return None
    from kldiv.backends import numpy as xp

    return xp, value


def _array_api_strict(value: Any, name: str) -> Identified | None:
    if "array_api_strict" not in sys.modules:
        return None
    import array_api_strict

    if not isinstance(value, type(array_api_strict.zeros(()))):
        return None
    from kldiv.backends import array_api_strict as xp

    return xp, value


def _of_generator(rng: Any) -> Namespace | None:
    """Return the backend whose source of random numbers this is, None for seeds and NumPy's generators."""
    if "torch" in sys.modules:
        import torch

        if isinstance(rng, torch.Generator):
            from kldiv.backends import torch as of_torch

            return of_torch
    if "tensorflow" in sys.modules:
        import tensorflow as tf

        if isinstance(rng, tf.random.Generator):
            from kldiv.backends import tensorflow as of_tensorflow

            return of_tensorflow
    key = _jax(rng, "rng")
    return key[0] if key else None


def array_converter(xp: Namespace, dtype: DType, parameters: list[Any]) -> Callable[[Sequence[Any]], list[Array]]:
    """Return a function that makes arrays of parameters, of which the same ones are numbers as of those given here."""
    is_number = [identify(x, "a parameter")[0] is None for x in parameters]
    array = is_number.index(False) if False in is_number else None

    def convert(parameters: Sequence[Any]) -> list[Array]:
        other = None if array is None else parameters[array]
        return [xp.asarray_like(x, other, dtype) if n else x for x, n in zip(parameters, is_number, strict=True)]

    return convert


def _describe(value: Any) -> str:
    kind = type(value)
    return (
        f"a {kind.__module__.partition('.')[0]} {kind.__name__}"
        if kind.__module__ != "builtins"
        else f"a {kind.__name__}"
    )


def _numbers(value: Any, name: str, dtype: DType, largest: float) -> Any:
    """Return `value` if it is a number or a rectangular list of numbers that `dtype` holds, up to its largest one."""
    stack: list[Any] = [value]
    while stack:
        item = stack.pop()
        if type(item) is list or type(item) is tuple:
            if not item or len({len(i) if isinstance(i, list | tuple) else -1 for i in item}) > 1:
                raise TypeError(f"{name} is an empty or ragged list; pass a rectangular list of numbers, or an array")
            stack.extend(item)
        elif isinstance(item, bool) or not (isinstance(item, float | int) or _is_real_scalar(item)):
            raise TypeError(f"{name} holds {item!r}; pass numbers, or one array of a framework{_or_a_batch(item)}")
        elif largest < abs(getattr(item, "item", lambda item=item: item)()) < math.inf:
            raise ValueError(
                f"{name} holds {reprlib.repr(item)}, beyond the range of {dtype}; pass arrays of a wider dtype"
            )
    return value


def _or_a_batch(item: Any) -> str:
    """Return what to write for a list of named tuples, as distributions are."""
    if not hasattr(item, "_fields"):
        return ""
    batch = ", ".join(f"{field}=[...]" for field in item._fields)
    return f"; a batch of distributions is one with a list for each parameter: {type(item).__name__}({batch})"


def _is_real_scalar(item: Any) -> bool:
    return (
        type(item).__module__ == "numpy" and item.dtype.kind in "fiu" and item.dtype.itemsize <= 8 and item.shape == ()
    )
