"""The zeta distribution."""

from math import inf
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._numerics.interpolation import linear
from kldiv._numerics.zeta import zeta_gap, zeta_mean, zeta_mean_log, zeta_mean_log_factorial, zeta_rest, zeta_variance
from kldiv.domains import AboveOne, Support


@declare.family(Support("integers", 1.0))
class Zeta(NamedTuple):
    """The zeta distribution, or Zipf's law, with probabilities proportional to k^-`exponent`.

    Mass, for k = 1, 2, 3, ...::

        P(k) = k^-exponent / zeta(exponent)

    Parameters
    ----------
    exponent : above 1
        Exponent, ``a`` in SciPy, ``power`` in TFP.

    Notes
    -----
    With s the exponent::

        KL(P || Q) = log(zeta(s_q) / zeta(s_p)) + (s_p - s_q) zeta'(s_p) / zeta(s_p)

    Source: the definition, as E log k = -zeta'(s) / zeta(s).

    The same distribution elsewhere: ``scipy.stats.zipf(a=exponent)``, ``tfp.distributions.Zipf(exponent)``.

    Examples
    --------
    >>> import kldiv
    >>> round(float(kldiv.kl_divergence(kldiv.Zeta(2.0), kldiv.Zeta(3.0))), 14)
    0.25629486601528
    """

    exponent: Annotated[Array, AboveOne]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the probability of `x`."""
        return -self.exponent * xp.log(x) - xp.log1p(zeta_rest(xp, self.exponent))

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether `x` has probability 1: never."""
        return (self.exponent == inf) & (x == 1)


@declare.formula(Zeta, Zeta)
def kl_zeta_zeta(xp: Namespace, exponent_p: Array, exponent_q: Array) -> Array:
    """log(zeta(s_q) / zeta(s_p)) + (s_p - s_q) zeta'(s_p) / zeta(s_p).

    Source: the definition, as E log k = -zeta'(s) / zeta(s)
    """
    return zeta_gap(xp, exponent_p, exponent_q)


declare.expectations(
    Zeta,
    entropy=lambda xp, s: xp.log1p(zeta_rest(xp, s)) + s * zeta_mean_log(xp, s),
    mean=zeta_mean,
    variance=zeta_variance,
    log=zeta_mean_log,
    log_factorial=zeta_mean_log_factorial,
)


@declare.cross_entropy(Zeta, "log")
def cross_entropy_zeta(xp: Namespace, e: Expectations, exponent: Array) -> Array:
    """log zeta(s) + s E log k - H(P).

    Source: the definition
    """
    return xp.log1p(zeta_rest(xp, exponent)) + exponent * e("log")


@declare.interpolation(Zeta)
def between_zetas(xp: Namespace, t: Array, exponent_p: Array, exponent_q: Array) -> Zeta:
    """The exponent is natural."""
    return Zeta(linear(xp, t, exponent_p, exponent_q))
