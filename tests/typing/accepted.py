"""Right programs, which mypy and pyright accept, with the types that they find."""

from typing import Annotated, Any, NamedTuple, assert_type

import kldiv
from kldiv import declare, domains
from kldiv.typing import Array, Distribution, Expectations, Namespace, SamplingContext


@declare.family(domains.POSITIVE)
class Decay(NamedTuple):
    rate: Annotated[Array, domains.Positive]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        return xp.log(self.rate) - self.rate * x


@declare.formula(Decay, Decay)
def kl_decay_decay(xp: Namespace, rate_p: Array, rate_q: Array) -> Array:
    return kldiv.numerics.relative_gap(xp, rate_q, rate_p)


@declare.sampler(Decay)
def sample_decay(xp: Namespace, draw: SamplingContext, rate: Array) -> Array:
    return -xp.log(draw.uniform(rate)) / rate


@declare.conversion(Decay, kldiv.Exponential)
def decay_as_exponential(xp: Namespace, rate: Array) -> kldiv.Exponential:
    return kldiv.Exponential(rate)


@declare.cross_entropy(Decay, "mean")
def cross_entropy_decay(xp: Namespace, e: Expectations, rate: Array) -> Array:
    return rate * e("mean") - xp.log(rate)


def half(p: Distribution, q: Distribution) -> Any:
    return kldiv.kl_divergence(p, q) / 2


decay = Decay(2.0)
half(decay, kldiv.Exponential(1.0))
kldiv.kl_divergence(kldiv.Normal(0.0, 1.0), kldiv.Normal([0.0, 1.0], scale=1.0), base=2)
kldiv.kl_divergence(kldiv.Independent(kldiv.Normal([0.0], 1.0)), kldiv.MultivariateNormalDiag([0.0], [1.0]))

assert_type(decay, Decay)
assert_type(decay.log_density(1.0), Any)
assert_type(kldiv.Mixture([0.5, 0.5], kldiv.Normal([0.0, 1.0], 1.0)), kldiv.Mixture[kldiv.Normal])
assert_type(kldiv.rule(kldiv.Normal, kldiv.Normal).equation, str)
assert_type(kldiv.estimate(decay, kldiv.Gamma(1.0, 2.0), method="quadrature"), kldiv.Estimate[Any])
assert_type(kldiv.fit(decay, kldiv.LogNormal(0.0, 1.0), direction="reverse").distribution, kldiv.LogNormal)
assert_type(kldiv.project(decay, kldiv.Exponential), kldiv.Exponential)
