"""Distributions of other libraries, one file for each library.

A library is recognized as arrays are: an object of it can only exist when the caller has imported it. Its file is
imported then, declares the converters of its classes, and says how its own distributions are made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def load(cls: type) -> None:
    """Import the file of the library that a class, or one above it, comes from."""
    for base in cls.__mro__:
        library = base.__module__.partition(".")[0]
        if library == "torch":
            from kldiv.interop import torch as torch
        elif library == "tensorflow_probability":
            from kldiv.interop import tfp as tfp

            tfp.declare_classes(base.__module__)
        elif library == "numpyro":
            from kldiv.interop import numpyro as numpyro
        elif library == "scipy":
            from kldiv.interop import scipy as scipy
        elif library == "sklearn":
            from kldiv.interop import sklearn as sklearn


def inherited(cls: type) -> Callable[[Any], Any] | None:
    """Return the converter that a class has from one above it, None if it has none.

    Pyro's classes are those of PyTorch with more methods. Whatever else has a log density is known by that alone.
    """
    from kldiv._core.foreign import converters
    from kldiv.interop.library import externals

    above = cls.__mro__[1:]
    known: dict[type, Any] = converters if cls.__module__.startswith("pyro.") else {}
    return next((found[base] for found in (known, externals) for base in above if base in found), None)
