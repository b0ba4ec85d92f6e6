"""Student's t distribution, and the Cauchy distribution."""

from math import log, pi
from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext, bounded_exp
from kldiv._numerics.edges import infinite_like
from kldiv._numerics.special import log_hypot
from kldiv._numerics.student_t import (
    cauchy_gap,
    half_turn_tangent,
    heavy_exponential,
    student_deviation,
    student_distance,
    student_entropy,
    student_log_density,
    student_normal_gap,
)
from kldiv.domains import REALS, Positive, Real
from kldiv.families.normal import Normal


@declare.family(REALS)
class StudentT(NamedTuple):
    """Student's t distribution with `df` degrees of freedom, moved to `loc` and stretched by `scale`.

    Density, for real x, with z = (x - loc) / scale::

        p(x) = Gamma((df + 1) / 2) / (Gamma(df / 2) sqrt(pi df) scale) (1 + z^2 / df)^(-(df + 1) / 2)

    Parameters
    ----------
    df : positive
        Degrees of freedom; any positive number.
    loc : real
        Median.
    scale : positive
        Scale of x - loc.

    Notes
    -----
    There is no closed form between two Student's t distributions; `kldiv.estimate` gives the divergence.

    The same distribution elsewhere: ``scipy.stats.t(df=df, loc=loc, scale=scale)``, ``torch.distributions.StudentT(df,
    loc, scale)``, ``tfp.distributions.StudentT(df, loc, scale)``.

    Examples
    --------
    >>> import kldiv
    >>> print(kldiv.kl_divergence(kldiv.StudentT(df=[2.0, 3.0], loc=0.0, scale=1.0), kldiv.Normal(0.0, 1.0)))
    [       inf 0.64546096]
    """

    df: Annotated[Array, Positive]
    loc: Annotated[Array, Real]
    scale: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        return student_log_density(xp, (x - self.loc) / self.scale, self.df) - xp.log(self.scale)


@declare.family(REALS)
class Cauchy(NamedTuple):
    """The Cauchy distribution with median `loc`; half of it lies within `scale` of that.

    Density, for real x::

        p(x) = 1 / (pi scale (1 + ((x - loc) / scale)^2))

    Parameters
    ----------
    loc : real
        Median.
    scale : positive
        Half the distance between the quartiles.

    Notes
    -----
    With m the median and s the scale::

        KL(P || Q) = log(1 + ((s_p - s_q)^2 + (m_p - m_q)^2) / (4 s_p s_q))

    Source: arXiv:1905.10965.

    The same distribution elsewhere: ``scipy.stats.cauchy(loc=loc, scale=scale)``, ``torch.distributions.Cauchy(loc,
    scale)``, ``tfp.distributions.Cauchy(loc, scale)``.

    Examples
    --------
    >>> import kldiv
    >>> float(kldiv.kl_divergence(kldiv.Cauchy(0.0, 1.0), kldiv.Cauchy(2.0, 1.0)))
    0.6931471805599453
    """

    loc: Annotated[Array, Real]
    scale: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        return xp.log(self.scale) - log(pi) - 2 * log_hypot(xp, self.scale, x - self.loc)


@declare.sampler(StudentT)
def sample_student_t(xp: Namespace, draw: SamplingContext, df: Array, loc: Array, scale: Array) -> Array:
    """Return loc + scale z / sqrt(2 g / df), with z standard normal and g a gamma variable, df / 2."""
    half = 0.5 * df
    width = bounded_exp(xp, 0.5 * (xp.log(half) - draw.log_gamma(xp, half)))
    return loc + scale * draw.normal(loc) * width


@declare.sampler(Cauchy)
def sample_cauchy(xp: Namespace, draw: SamplingContext, loc: Array, scale: Array) -> Array:
    """Return loc + scale tan(pi (u - 1 / 2))."""
    return loc + scale * half_turn_tangent(xp, draw.uniform(loc))


@declare.formula(Cauchy, Cauchy)
def kl_cauchy_cauchy(xp: Namespace, loc_p: Array, scale_p: Array, loc_q: Array, scale_q: Array) -> Array:
    """log(1 + ((s_p - s_q)^2 + (m_p - m_q)^2) / (4 s_p s_q)).

    Source: arXiv:1905.10965
    """
    return cauchy_gap(xp, loc_p - loc_q, scale_p, scale_q)


@declare.formula(StudentT, Normal)
def kl_student_t_normal(
    xp: Namespace, df_p: Array, loc_p: Array, scale_p: Array, loc_q: Array, scale_q: Array
) -> Array:
    """[v - 1 - log v] / 2 + (m_p - m_q)^2 / (2 s_q^2) + J, infinite for df up to 2, with v = Var x / s_q^2.

    J = log(2 pi e df / (df - 2)) / 2 - H(df), with H(df) the entropy at scale 1, is the divergence from the normal
    distribution with the same mean and variance.

    Source: the definition
    """
    return student_normal_gap(xp, df_p, loc_p - loc_q, scale_p, scale_q)


@declare.conversion(Cauchy, StudentT)
def cauchy_as_student_t(xp: Namespace, loc: Array, scale: Array) -> StudentT:
    """There is one degree of freedom."""
    return StudentT(xp.ones_like(scale), loc, scale)


declare.expectations(
    StudentT,
    # (df + 1) / 2 [psi((df + 1) / 2) - psi(df / 2)] + log(sqrt(df) B(df / 2, 1 / 2)) + log s
    entropy=lambda xp, df, loc, scale: student_entropy(xp, df) + xp.log(scale),
    mean=lambda xp, df, loc, scale: loc,
    standard_deviation=lambda xp, df, loc, scale: student_deviation(xp, df, scale),
    distance=lambda xp, m, df, loc, scale: student_distance(xp, loc - m, df, scale),
    exponential=lambda xp, t, m, df, loc, scale: heavy_exponential(xp, t),
)

declare.expectations(
    Cauchy,
    entropy=lambda xp, loc, scale: xp.log(scale) + log(4 * pi),
    mean=lambda xp, loc, scale: loc,
    variance=lambda xp, loc, scale: infinite_like(xp, scale),
    distance=lambda xp, m, loc, scale: infinite_like(xp, scale),
    exponential=lambda xp, t, m, loc, scale: heavy_exponential(xp, t),
    # log(((loc - m)^2 + (scale + s)^2) / s^2)
    log_square=lambda xp, m, s, loc, scale: 2 * (log_hypot(xp, scale + s, loc - m) - xp.log(s)),
)


@declare.cross_entropy(StudentT, "log_square")
def cross_entropy_student_t(xp: Namespace, e: Expectations, df: Array, loc: Array, scale: Array) -> Array:
    """(df + 1) / 2 E log(1 + ((x - m) / s)^2 / df) + log(s sqrt(df) B(df / 2, 1 / 2)) - H(P).

    Source: the definition
    """
    constant = xp.log(scale) - student_log_density(xp, xp.zeros_like(df), df)
    return constant + 0.5 * (df + 1) * e("log_square", loc, scale * xp.sqrt(df))
