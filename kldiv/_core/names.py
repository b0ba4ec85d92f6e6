"""Which public name is meant by a name that people guess, or that another library has?"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Other names of a public one, in lower case and without underscores.
_OTHERS = {
    "kl_divergence": "kl kld kldivergence kullback kullbackleibler kullbackleiblerdivergence relativeentropy",
    "kl_div": "kldivloss",
    "jensen_shannon": "js jsd jsdivergence jensenshannondivergence jensenshannondistance",
    "pairwise": "cdist pairwisekl pdist",
    "project": "mle momentmatch momentmatching mprojection",
    "estimate": "klestimate mckl montecarlo",
    "estimate_from_samples": "klfromsamples knn",
    "Bernoulli": "bernoulliprobs",
    "Binomial": "binom",
    "BetaBinomial": "betabinom",
    "BetaPrime": "betaprime",
    "Categorical": "categoricalprobs discrete multinoulli",
    "CategoricalLogits": "softmax",
    "Chi2": "chisquared",
    "Delta": "deterministic dirac pointmass vectordeterministic",
    "DiscreteUniform": "randint",
    "ExpGamma": "loggamma",
    "Exponential": "expon",
    "Frechet": "invweibull",
    "GeneralizedGamma": "gengamma",
    "GeneralizedNormal": "gennorm exponentialpower",
    "Geometric": "geom geometricprobs",
    "Gumbel": "gumbelr",
    "Independent": "product",
    "InverseGamma": "invgamma",
    "InverseGaussian": "invgauss wald",
    "LogLogistic": "fisk",
    "LogNormal": "lognorm",
    "LogSeries": "logser",
    "LogUniform": "reciprocal",
    "MatrixNormal": "matrixgaussian matrixnormallinearoperator",
    "Mixture": "gaussianmixture bayesiangaussianmixture gaussiankde gmm kde mixturesamefamily mixturegeneral",
    "Multinomial": "multinomialprobs",
    "MultivariateNormal": "multivariategaussian multivariatenormalfullcovariance mvn",
    "MultivariateNormalDiag": "diagonalgaussian diagonalnormal multivariatenormaldiagplusdiag mvndiag",
    "MultivariateNormalLowRank": "lowrankmultivariatenormal multivariatenormaldiagpluslowrank",
    "MultivariateNormalTriL": "mvntril multivariatenormallinearoperator",
    "NegativeBinomial": "nbinom negativebinomialprobs negativebinomial2",
    "Normal": "gauss gaussian norm",
    "NormalLogVariance": "gaussianlogvar normallogscale",
    "OneHotCategorical": "onehot onehotcategoricalstraightthrough",
    "PowerSpherical": "powersphere",
    "SphericalUniform": "uniformdirection hypersphericaluniform",
    "StudentT": "t studentst",
    "TruncatedNormal": "truncnorm",
    "VonMisesFisher": "vmf",
    "Weibull": "weibullmin",
    "Zeta": "zipf",
}
OTHER_NAMES = {other: name for name, others in _OTHERS.items() for other in others.split()}


def meant_by(name: str, public: Iterable[str]) -> list[str]:
    """Return the public names that a name may stand for, the likeliest first; none if it is like none of them."""
    public = list(public)
    spelt = {other: known for other, known in OTHER_NAMES.items() if known in public} | {_plain(x): x for x in public}
    plain = _plain(name)
    near = [plain] if plain in spelt else difflib.get_close_matches(plain, spelt, cutoff=0.7)
    return list(dict.fromkeys(spelt[x] for x in near))


def did_you_mean(name: str, public: Iterable[str]) -> str:
    """Return the end of a message about a name that is not public: which ones are near it, if any are."""
    near = meant_by(name, public)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
