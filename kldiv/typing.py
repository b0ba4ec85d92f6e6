"""Types for those who annotate their own functions and families, for type checkers and for readers.

No static type covers the arrays of all frameworks: `Array` is Any to a type checker, and tells readers what is meant.

Examples
--------
>>> from typing import Annotated, NamedTuple
>>> from kldiv import declare, domains
>>> from kldiv.typing import Array, Namespace, SamplingContext
>>> @declare.family(domains.POSITIVE)
... class Decay(NamedTuple):
...     "Exponential decay: density rate exp(-rate x)."
...
...     rate: Annotated[Array, domains.Positive]
...
...     @declare.density
...     def log_density(self, xp: Namespace, x: Array) -> Array:
...         return xp.log(self.rate) - self.rate * x
>>> @declare.sampler(Decay)
... def sample_decay(xp: Namespace, draw: SamplingContext, rate: Array) -> Array:
...     return -xp.log(draw.uniform(rate)) / rate
"""

from kldiv._arrays.protocol import Array, DType, Namespace
from kldiv._core.family import Distribution
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext

__all__ = ["Array", "DType", "Distribution", "Expectations", "Namespace", "SamplingContext"]
