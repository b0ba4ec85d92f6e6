"""The chi distribution."""

from math import log, sqrt
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv.domains import POSITIVE, Positive
from kldiv.families.chi2 import Chi2
from kldiv.families.generalized_gamma import GeneralizedGamma


@declare.family(POSITIVE)
class Chi(NamedTuple):
    """The distribution of the length of a vector of `df` independent standard normal variables.

    Density, for x > 0::

        p(x) = 2^(1 - df / 2) x^(df - 1) exp(-x^2 / 2) / Gamma(df / 2)

    Parameters
    ----------
    df : positive
        Degrees of freedom; any positive number.

    Notes
    -----
    With a = df / 2, and psi the digamma function::

        KL(P || Q) = lgamma(a_q) - lgamma(a_p) - psi(a_p) (a_q - a_p)

    The same distribution elsewhere: ``scipy.stats.chi(df=df)``, ``tfp.distributions.Chi(df)``.

    Examples
    --------
    >>> import kldiv
    >>> round(float(kldiv.kl_divergence(kldiv.Chi(2.0), kldiv.Chi(4.0))), 12)
    0.577215664902
    """

    df: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        a = 0.5 * self.df
        return xp.xlogy(self.df - 1, x) - 0.5 * x * x - (a - 1) * log(2) - xp.gammaln(a)


@declare.conversion(Chi, Chi2, shared="the square root")
def chi_as_root_of_chi2(xp: Namespace, df: Array) -> Chi2:
    """The degrees of freedom are the same."""
    return Chi2(df)


@declare.conversion(Chi, GeneralizedGamma)
def chi_as_generalized_gamma(xp: Namespace, df: Array) -> GeneralizedGamma:
    """The scale is sqrt(2), the power 2."""
    return GeneralizedGamma(sqrt(2) * xp.ones_like(df), df, 2 * xp.ones_like(df))


@declare.cross_entropy(Chi, "log", "mean", "standard_deviation")
def cross_entropy_chi(xp: Namespace, e: Expectations, df: Array) -> Array:
    """lgamma(df / 2) + (df / 2 - 1) log 2 - (df - 1) E log x + E x^2 / 2 - H(P).

    Source: the definition
    """
    square = e("standard_deviation") * e("standard_deviation") + e("mean") * e("mean")
    return xp.gammaln(0.5 * df) + (0.5 * df - 1) * log(2) - e.times(df - 1, "log") + 0.5 * square
