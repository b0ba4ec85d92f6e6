"""The chi-squared distribution."""

from math import log
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._numerics.special import gammaln_gap
from kldiv.domains import POSITIVE, Positive
from kldiv.families.gamma import Gamma


@declare.family(POSITIVE)
class Chi2(NamedTuple):
    """The distribution of the sum of `df` squares of independent standard normal variables.

    Density, for x > 0::

        p(x) = x^(df / 2 - 1) exp(-x / 2) / (2^(df / 2) Gamma(df / 2))

    Parameters
    ----------
    df : positive
        Degrees of freedom; any positive number.

    Notes
    -----
    With a = df / 2, and psi the digamma function::

        KL(P || Q) = lgamma(a_q) - lgamma(a_p) - psi(a_p) (a_q - a_p)

    Source: statproofbook.github.io/P/gam-kl, at rates 1 / 2.

    The same distribution elsewhere: ``scipy.stats.chi2(df=df)``, ``torch.distributions.Chi2(df)``,
    ``tfp.distributions.Chi2(df)``.

    Examples
    --------
    >>> import kldiv
    >>> round(float(kldiv.kl_divergence(kldiv.Chi2(2.0), kldiv.Chi2(4.0))), 12)
    0.577215664902
    """

    df: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        a = 0.5 * self.df
        return xp.xlogy(a - 1, x) - 0.5 * x - a * log(2) - xp.gammaln(a)


@declare.formula(Chi2, Chi2)
def kl_chi2_chi2(xp: Namespace, df_p: Array, df_q: Array) -> Array:
    """lgamma(a_q) - lgamma(a_p) - psi(a_p) (a_q - a_p), with a = df / 2.

    Source: statproofbook.github.io/P/gam-kl, at rates 1 / 2
    """
    return gammaln_gap(xp, 0.5 * df_q, 0.5 * df_p)


@declare.conversion(Chi2, Gamma)
def chi2_as_gamma(xp: Namespace, df: Array) -> Gamma:
    """The concentration is df / 2, the rate 1 / 2."""
    return Gamma(0.5 * df, 0.5 * xp.ones_like(df))
