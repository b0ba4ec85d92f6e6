"""Which framework do these arrays belong to?

The only module outside `kldiv.backends` that names the frameworks. A framework is recognized without importing it: an
array of a framework can only exist when the caller has imported that framework, so `sys.modules` guards each test. The
imports are plain statements inside the branches, because compilers that trace Python can follow those and nothing
cleverer.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from kldiv._arrays.protocol import Array, DType, Namespace

_NUMPY, _DASK = "kldiv.backends.numpy", "kldiv.backends.dask"


def namespace(*arrays: Any) -> Namespace:
    """Return the module that serves as array namespace for `arrays`.

    Python numbers, lists and NumPy scalars fit any framework; where nothing else is given they are NumPy's.

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


def gather(values: Sequence[Any], names: Sequence[str], *, lazy: bool = False) -> tuple[Namespace, list[Array], DType]:
    """Return the namespace of `values`, the values as its arrays, and the dtype that a result has.

    If `lazy`, arrays may be in chunks that are yet to be computed, and those of NumPy stay as they are beside them.
    """
    found: Namespace | None = None
    owner = 0
    leaves: list[Array] = []
    weak: list[int] = []
    for i, value in enumerate(values):
        xp, leaf = identify(value, names[i])
        leaves.append(leaf)
        if xp is None:
            weak.append(i)
        elif found is None or (xp.__name__, found.__name__) == (_DASK, _NUMPY):
            found, owner = xp, i
        elif xp is not found and (xp.__name__, found.__name__) != (_NUMPY, _DASK):
            raise TypeError(
                f"{names[owner]} is {_describe(values[owner])} but {names[i]} is {_describe(value)}; "
                "convert one of them, so that all arrays belong to one framework"
            )
    if found is None:
        from kldiv.backends import numpy

        found = numpy
    if found.__name__ == _DASK and not lazy:
        raise TypeError(
            f"{names[owner]} is {_describe(values[owner])}; dask arrays are for kl_divergence, kl_div and rel_entr, "
            "and have no derivatives. For anything else call compute() on it, or map_blocks for its chunks one by one"
        )
    if weak and found.__name__ in (_NUMPY, _DASK):
        # NumPy's scalars carry a dtype among NumPy's arrays; beside another framework they are numbers.
        for i in [i for i in weak if hasattr(leaves[i], "dtype")]:
            leaves[i] = found.asarray(leaves[i])
            weak.remove(i)
    strong = [(names[i], leaf) for i, leaf in enumerate(leaves) if i not in weak]
    dtype = _result_dtype(found, strong)
    if weak:
        other = strong[0][1] if strong else None
        computing = computing_dtype(found, dtype)
        for i in weak:
            try:
                leaves[i] = found.asarray_like(_numbers(leaves[i], names[i]), other, computing)
            except OverflowError as error:
                raise ValueError(f"{names[i]} is a number beyond the range of {dtype}") from error
    return found, leaves, dtype


def computing_dtype(xp: Namespace, dtype: DType) -> DType:
    """Return the dtype to compute in for a result of `dtype`: 16-bit floats are computed in float32."""
    return xp.float32 if xp.finfo(dtype).bits == 16 else dtype


def _result_dtype(xp: Namespace, named: Iterable[tuple[str, Array]]) -> DType:
    """Return the common dtype of the arrays; integers count as the framework's default float."""
    dtypes: list[DType] = []
    for name, array in named:
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
    xp: Namespace
    kind = type(value)
    if kind is float or kind is int or kind is list:
        return None, value
    if "torch" in sys.modules:
        import torch

        if isinstance(value, torch.Tensor):
            if value.layout is not torch.strided or value.is_nested:
                raise TypeError(f"{name} is a sparse or nested tensor; pass a dense one")
            from kldiv.backends import torch as xp

            return xp, value
    if "jax" in sys.modules:
        import jax

        if isinstance(value, jax.Array):
            from kldiv.backends import jax as xp

            return xp, value
    if "tensorflow" in sys.modules:
        import tensorflow as tf

        if isinstance(value, tf.Variable):
            value = tf.convert_to_tensor(value)
        if isinstance(value, tf.Tensor):
            from kldiv.backends import tensorflow as xp

            return xp, value
    if "keras" in sys.modules:
        import keras

        if isinstance(value, keras.Variable):
            return identify(value.value, name)
    if "dask.array" in sys.modules:
        import dask.array
        from dask.array.utils import meta_from_array

        if isinstance(value, dask.array.Array):
            identify(meta_from_array(value), f"a chunk of {name}")
            if any(length != length for length in value.shape):
                raise ValueError(
                    f"{name} is a dask array with chunks of unknown sizes; call its compute_chunk_sizes() first"
                )
            from kldiv.backends import dask as chunked

            dask_namespace: Any = chunked  # as far as it takes to hand its chunks to another
            return dask_namespace, value
    if "numpy" in sys.modules:
        import numpy as np

        if isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray | np.matrix):
            from kldiv.backends import numpy as xp

            return xp, value
        if isinstance(value, np.generic):
            return None, value
    if "array_api_strict" in sys.modules:
        import array_api_strict

        if isinstance(value, type(array_api_strict.zeros(()))):
            from kldiv.backends import array_api_strict as xp

            return xp, value
    if isinstance(value, float | int) and not isinstance(value, bool):
        return None, value
    raise TypeError(
        f"{name} is {_describe(value)}; pass a number, a list of numbers, "
        "or a dense array of NumPy, PyTorch, TensorFlow, JAX or Dask"
    )


def array_converter(xp: Namespace, dtype: DType, parameters: list[Any]) -> Callable[[tuple[Any, ...]], list[Array]]:
    """Return a function that makes arrays of parameters, of which the same ones are numbers as of those given here."""
    is_number = [identify(x, "a parameter")[0] is None for x in parameters]
    array = is_number.index(False) if False in is_number else None

    def convert(parameters: tuple[Any, ...]) -> list[Array]:
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


def _numbers(value: Any, name: str) -> Any:
    """Return `value` if it is a number or a rectangular list of numbers."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, list | tuple):
            if not item or len({len(i) if isinstance(i, list | tuple) else -1 for i in item}) > 1:
                raise TypeError(f"{name} is an empty or ragged list; pass a rectangular list of numbers, or an array")
            stack.extend(item)
        elif isinstance(item, bool) or not (isinstance(item, float | int) or _is_real_scalar(item)):
            raise TypeError(f"{name} holds {item!r}; pass numbers, or one array of a framework")
    return value


def _is_real_scalar(item: Any) -> bool:
    return type(item).__module__ == "numpy" and item.dtype.kind in "fiu" and item.shape == ()
