"""The numbers that a caller passes, as NumPy arrays that are checked."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kldiv._arrays.namespace import computing_dtype, gather

Vector: TypeAlias = NDArray[np.float64]


def as_numpy(values: Any, name: str) -> Vector:
    """Return an array of any framework, a number or a list of numbers as a NumPy array of float64."""
    xp, (array,), dtype = gather([values], [name])
    return np.asarray(xp.to_numpy(xp.astype(array, computing_dtype(xp, dtype))), dtype=np.float64)


def require(holds: NDArray[np.bool_], values: Vector, name: str, condition: str) -> None:
    """Raise ValueError for the first value for which the condition does not hold."""
    if not holds.all():
        index = tuple(np.argwhere(~holds)[0].tolist())
        place = f" at index {index}" if index else ""
        raise ValueError(f"{name} must {condition}; got {values[index]}{place}")


def require_finite(values: Vector, name: str) -> None:
    """Raise ValueError for the first value that is not finite."""
    require(np.isfinite(values), values, name, "be finite")
