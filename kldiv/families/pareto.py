"""The Pareto distribution."""

from typing import Annotated, NamedTuple

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.moments import Expectations
from kldiv._core.sampling import SamplingContext, bounded_exp
from kldiv._numerics.gaps import log1p_ratio, relative_gap
from kldiv._numerics.interpolation import linear
from kldiv._numerics.pareto import (
    lomax_deviation,
    lomax_distance,
    lomax_exponential,
    lomax_log1p,
    lomax_mean,
    pareto_power,
    shifted_exponential,
)
from kldiv.domains import Positive, Support


@declare.family(Support("line", "scale"))
class Pareto(NamedTuple):
    """The Pareto distribution, a power law with exponent alpha + 1 above `scale`.

    Density, for x > scale::

        p(x) = alpha scale^alpha / x^(alpha + 1)

    Parameters
    ----------
    scale : positive
        Least outcome.
    alpha : positive
        Tail index, ``b`` in SciPy, ``concentration`` in TFP.

    Notes
    -----
    The divergence is infinite where s_p is below s_q; else, with r = a_q / a_p, a the tail index and s the scale::

        KL(P || Q) = [r - 1 - log r] + a_q log(s_p / s_q)

    Source: the definition, as log(x / s_p) is exponential with rate a_p under P.

    The same distribution elsewhere: ``scipy.stats.pareto(b=alpha, scale=scale)``, ``torch.distributions.Pareto(scale,
    alpha)``, ``tfp.distributions.Pareto(alpha, scale)``.

    Examples
    --------
    >>> import kldiv
    >>> print(kldiv.kl_divergence(kldiv.Pareto(2.0, 1.0), kldiv.Pareto([1.0, 3.0], 1.0)))
    [0.69314718        inf]
    """

    scale: Annotated[Array, Positive]
    alpha: Annotated[Array, Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density at `x`."""
        return xp.log(self.alpha) - xp.log(x) - self.alpha * (xp.log(x) - xp.log(self.scale))


@declare.sampler(Pareto)
def sample_pareto(xp: Namespace, draw: SamplingContext, scale: Array, alpha: Array) -> Array:
    """Return scale u^(-1 / alpha)."""
    return scale * bounded_exp(xp, -xp.log(draw.uniform(scale)) / alpha)


@declare.formula(Pareto, Pareto)
def kl_pareto_pareto(xp: Namespace, scale_p: Array, alpha_p: Array, scale_q: Array, alpha_q: Array) -> Array:
    """[r - 1 - log r] + a_q log(s_p / s_q), with r = a_q / a_p; infinite where s_p is below s_q.

    Source: the definition, as log(x / s_p) is exponential with rate a_p under P
    """
    return relative_gap(xp, alpha_q, alpha_p) + alpha_q * log1p_ratio(xp, scale_p - scale_q, scale_q)


declare.expectations(
    Pareto,
    entropy=lambda xp, scale, a: xp.log(scale) - xp.log(a) + 1 + 1 / a,
    mean=lambda xp, scale, a: scale + lomax_mean(xp, scale, a),
    standard_deviation=lomax_deviation,
    distance=lambda xp, m, scale, a: lomax_distance(xp, m - scale, scale, a),
    log=lambda xp, scale, a: xp.log(scale) + 1 / a,
    log_variance=lambda xp, scale, a: 1 / a / a,
    # x - scale is Lomax, and 1 + x / s = (1 + scale / s) (1 + (x - scale) / (s + scale)).
    log1p=lambda xp, s, scale, a: xp.log1p(scale / s) + lomax_log1p(xp, scale / (s + scale), a),
    power=lambda xp, k, s, scale, a: pareto_power(xp, k, xp.log(scale) - xp.log(s), a),
    exponential=lambda xp, t, m, scale, a: shifted_exponential(xp, lomax_exponential(xp, t, scale, a), t, scale - m),
)


@declare.cross_entropy(Pareto, "log")
def cross_entropy_pareto(xp: Namespace, e: Expectations, scale: Array, alpha: Array) -> Array:
    """log(s / a) + (a + 1) (E log x - log s) - H(P).

    Source: the definition
    """
    return xp.log(scale) - xp.log(alpha) + (alpha + 1) * (e("log") - xp.log(scale))


@declare.interpolation(Pareto, equal=("scale",))
def between_paretos(xp: Namespace, t: Array, scale_p: Array, alpha_p: Array, scale_q: Array, alpha_q: Array) -> Pareto:
    """The tail index is natural, for one scale."""
    return Pareto(scale_p, linear(xp, t, alpha_p, alpha_q))
