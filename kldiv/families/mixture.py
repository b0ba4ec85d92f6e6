"""Mixtures of distributions."""

from collections.abc import Iterable
from typing import Annotated, Generic, NamedTuple, TypeVar

from kldiv import declare
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.family import Family, FamilyKey, class_of, fields_of, held_kinds, support_of
from kldiv._core.registry import Conversion, conversions_of, derived_conversions
from kldiv._core.sampling import SamplingContext
from kldiv._numerics.categorical import log_mixture, mixed, mixed_logit, mixed_logits, normalized
from kldiv._numerics.linalg import index_like
from kldiv.domains import Component, Weights
from kldiv.families.bernoulli import Bernoulli, BernoulliLogits
from kldiv.families.categorical import Categorical, CategoricalLogits, sample_categorical

Components = TypeVar("Components")


@declare.family()
class Mixture(NamedTuple, Generic[Components]):
    """The mixture, with probabilities `probs`, of the distributions along the last batch axis of `components`.

    Density or mass, with components[m] entry m of the last batch axis::

        p(x) = sum_m probs[m] components[m](x)

    Parameters
    ----------
    probs : vector of probabilities
        Probabilities of the components, ``mixture_distribution`` in PyTorch and TFP.
    components : distribution
        Distributions along the last batch axis, ``component_distribution`` in PyTorch.

    Notes
    -----
    A mixture of Bernoulli or categorical distributions is one itself. For divergences from and to other mixtures
    there is no closed form: `kldiv.estimate` gives them with their error, `kldiv.bounds` a lower and an upper bound.

    The same distribution elsewhere: ``torch.distributions.MixtureSameFamily(torch.distributions.Categorical(probs),
    components)``, ``tfp.distributions.MixtureSameFamily(tfp.distributions.Categorical(probs=probs), components)``.

    Examples
    --------
    >>> import kldiv
    >>> p = kldiv.Mixture(probs=[0.5, 0.5], components=kldiv.Bernoulli([0.25, 0.75]))
    >>> round(float(p.log_density(1.0)), 12)
    -0.69314718056
    """

    probs: Annotated[Array, Weights]
    components: Annotated[Components, Component(("_m",), event=False)]

    @declare.density
    def log_density(self, xp: Namespace, x: Array) -> Array:
        """Return the logarithm of the density or probability of `x`."""
        components: Family = self.components
        return log_mixture(xp, self.probs, components.log_density(along_components(components, x)))

    def is_certain_of(self, xp: Namespace, x: Array) -> Array:
        """Tell whether `x` has probability 1, for discrete components."""
        components: Family = self.components
        certain = components.is_certain_of(xp, along_components(components, x))
        return xp.all(certain | (self.probs == 0), axis=-1)


@declare.conversion(Mixture[Bernoulli], Bernoulli)
def mixture_of_bernoullis_as_bernoulli(xp: Namespace, d: Family) -> Bernoulli:
    """The probability is the mean of those of the components."""
    return Bernoulli(mixed(xp, d.probs, d.components.probs))


@declare.conversion(Mixture[BernoulliLogits], BernoulliLogits)
def mixture_of_bernoulli_logits_as_bernoulli_logits(xp: Namespace, d: Family) -> BernoulliLogits:
    """Both probabilities are means of those of the components."""
    return BernoulliLogits(mixed_logit(xp, d.probs, d.components.logits))


@declare.conversion(Mixture[Categorical], Categorical)
def mixture_of_categoricals_as_categorical(xp: Namespace, d: Family) -> Categorical:
    """The probabilities are the means of those of the components."""
    probs = normalized(xp, d.components.probs)
    return Categorical(xp.sum(normalized(xp, d.probs)[..., None] * probs, axis=-2))


@declare.conversion(Mixture[CategoricalLogits], CategoricalLogits)
def mixture_of_categorical_logits_as_categorical_logits(xp: Namespace, d: Family) -> CategoricalLogits:
    """The probabilities are the means of those of the components."""
    return CategoricalLogits(mixed_logits(xp, d.probs, d.components.logits))


@derived_conversions
def mixture_conversions(kind: FamilyKey) -> Iterable[Conversion]:
    """If the components are something, the mixture is a mixture of that."""
    if class_of(kind) is not Mixture:
        return

    for inner in conversions_of(*held_kinds(kind)):
        if inner.shared is None:

            def apply(xp: Namespace, d: Family, inner: Conversion = inner) -> Family:
                return Mixture(d.probs, inner.apply(xp, d.components))

            yield Conversion((Mixture, inner.target), apply, inner.words, None)


@declare.sampler(Mixture)
def sample_mixture(xp: Namespace, draw: SamplingContext, d: Family) -> Array:
    """Return samples of all components, of which a uniform draw chooses one."""
    components = draw.sample(xp, d.components)
    chosen = index_like(xp, d.probs) == sample_categorical(xp, draw, d.probs)[..., None]
    event = _event_axes(d.components)
    index = (..., *[None] * event)
    # A sum along the components, of which all but one are 0.
    return xp.sum(xp.where(chosen[index], components, xp.zeros_like(components)), axis=-1 - event)


def _event_axes(d: Family) -> int:
    """Return how many axes an outcome of a distribution has."""
    support = support_of(type(d))
    if support is not None:
        return len(support.axes)
    return sum(_event_axes(getattr(d, f.name)) + f.component.event for f in fields_of(type(d)) if f.component)


def along_components(components: Family, x: Array) -> Array:
    """Return outcomes with a batch axis for the components."""
    return x[(..., None, *[slice(None)] * _event_axes(components))]
