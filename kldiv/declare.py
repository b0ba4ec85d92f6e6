"""What a family declares: its class, its density, samples, formulas, conversions and expectations.

Everything that the built-in families declare, a family of yours can declare with the same functions. See
``docs/extending.md`` for three worked cases.

Examples
--------
>>> from typing import Annotated, NamedTuple
>>> from kldiv import declare, domains, kl_divergence
>>> @declare.family(domains.POSITIVE)
... class Wait(NamedTuple):
...     "Waiting times: density exp(-x / mean) / mean."
...
...     mean: Annotated[object, domains.Positive]
...
...     @declare.density
...     def log_density(self, xp, x):
...         return -x / self.mean - xp.log(self.mean)
>>> @declare.formula(Wait, Wait)
... def kl_wait_wait(xp, mean_p, mean_q):
...     "m_p / m_q - 1 - log(m_p / m_q)"
...     return mean_p / mean_q - 1 - xp.log(mean_p / mean_q)
>>> float(kl_divergence(Wait(2.0), Wait(1.0)))
0.3068528194400547
"""

from kldiv._core.density import density
from kldiv._core.family import family
from kldiv._core.foreign import converter
from kldiv._core.interpolation import interpolation
from kldiv._core.moments import cross_entropy, expectations
from kldiv._core.registry import conversion, formula
from kldiv._core.sampling import sampler

__all__ = [
    "conversion",
    "converter",
    "cross_entropy",
    "density",
    "expectations",
    "family",
    "formula",
    "interpolation",
    "sampler",
]
