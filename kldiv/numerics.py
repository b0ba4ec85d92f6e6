"""Functions that accurate formulas are made of, for those who add a family.

**Why the textbook formula fails.** The divergence of nearly equal distributions is of the order of their squared
distance, while the terms of the textbook formula are of order one and cancel. Two exponential distributions whose rates
differ by one part in a billion have a divergence of 5e-19, which is less than the rounding error of the terms:

>>> import numpy as np
>>> from kldiv import namespace, numerics
>>> rate_p, rate_q = np.asarray(1.0), np.asarray(1.0 + 1e-9)
>>> xp = namespace(rate_p, rate_q)
>>> print(xp.log(rate_p / rate_q) + rate_q / rate_p - 1)
0.0
>>> print(f"{numerics.relative_gap(xp, rate_q, rate_p):.10e}")
5.0000008241e-19

**The recipe.**

1. Write the divergence as a sum of *gaps*. A gap is the remainder of a convex function f over its tangent,
   f(y) - f(x) - f'(x) (y - x). It is at least 0, so nothing cancels in a sum of gaps, and it is exactly 0 at y = x.
   For an exponential family the divergence is one such remainder: that of the log partition function, at the natural
   parameters of Q over the tangent at those of P. It falls apart into gaps of elementary functions and of lgamma.
2. Compute each gap from a *difference* of parameters, which is exact where they are close: `log1p_gap` (of -log),
   `expm1_gap` (of exp), `relative_gap` (of -log of a quotient), `entropy_gap` (of x log x), `stirling_gap` (of lgamma).
   For a difference of products take `product_excess`. If a difference is known better than from the two arguments, pass
   it as ``difference``.
3. Leave branches to these functions: each chooses between its forms and keeps derivatives of any order finite. At the
   edges, `xlogy` and `indicator` say where a term is 0 and where it is infinite.
4. If there is no closed form, integrate the gap of the log densities with `integrate_half_line` or
   `integrate_unit_interval`, whose nodes do not depend on values.

**An example.** The gamma distribution with shape a and rate b has the divergence

    (a_p - a_q) digamma(a_p) - lgamma(a_p) + lgamma(a_q) + a_q log(b_p / b_q) + a_p (b_q / b_p - 1)

With r = (a_p b_q) / (b_p a_q), the quotient of the means, it is a_q [r - 1 - log r] and a gap of
H(a) = lgamma(a) - a log(a) + a, and both are known to the last digits:

>>> def kl_gamma_gamma(xp, a_p, b_p, a_q, b_q):
...     u = numerics.product_excess(xp, a_p, b_q, b_p, a_q)  # r - 1
...     means = numerics.log1p_gap(xp, u, (a_p, a_q), (b_q, b_p))
...     return a_q * means + numerics.stirling_gap(xp, a_q, a_p)
>>> a_p, b_p, a_q, b_q = (np.asarray(x) for x in (2.0, 1.0, 2.0 + 1e-9, 1.0))
>>> print(f"{kl_gamma_gamma(xp, a_p, b_p, a_q, b_q):.10e}")
3.2246708672e-19

Declare such a formula with `kldiv.declare.formula`. ``xp`` is the array namespace of the parameters, which a formula is
called with; the functions here take it first and work in every framework.
"""

from kldiv._numerics.categorical import sigmoid, softplus
from kldiv._numerics.edges import indicator, xlogy
from kldiv._numerics.exact import product_excess
from kldiv._numerics.gaps import entropy_gap, expm1_gap, log1p_gap, log_ratio, relative_gap, stirling_gap
from kldiv._numerics.integrals import integrate_half_line, integrate_unit_interval
from kldiv._numerics.special import digamma, gammaln_difference, log_ndtr

__all__ = [
    "digamma",
    "entropy_gap",
    "expm1_gap",
    "gammaln_difference",
    "indicator",
    "integrate_half_line",
    "integrate_unit_interval",
    "log1p_gap",
    "log_ndtr",
    "log_ratio",
    "product_excess",
    "relative_gap",
    "sigmoid",
    "softplus",
    "stirling_gap",
    "xlogy",
]
