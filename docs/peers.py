"""Ask another library for every pair of families that it shares with kldiv, and keep what it says in peers.json.

``python docs/peers.py torch`` (or tfp, numpyro), each in an environment that has the library.
"""

import datetime
import functools
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

# Ordinary parameters, in the order of the fields. Those of interest to no other library are left out.
_MATRIX = [[1.0, 0.0], [0.5, 1.0]]
PARAMETERS: dict[str, tuple[Any, ...]] = {
    "Bernoulli": (0.3,),
    "Beta": (2.0, 3.0),
    "Binomial": (5.0, 0.3),
    "Categorical": ([0.2, 0.3, 0.5],),
    "Cauchy": (0.5, 2.0),
    "Chi": (3.0,),
    "Chi2": (3.0,),
    "ContinuousBernoulli": (0.3,),
    "Dirichlet": ([2.0, 3.0, 4.0],),
    "ExpGamma": (2.0, 3.0),
    "ExpInverseGamma": (2.0, 3.0),
    "Exponential": (2.0,),
    "Gamma": (2.0, 3.0),
    "Geometric": (0.3,),
    "Gumbel": (0.5, 2.0),
    "HalfCauchy": (2.0,),
    "HalfNormal": (2.0,),
    "InverseGamma": (3.0, 2.0),
    "InverseGaussian": (2.0, 3.0),
    "Kumaraswamy": (2.0, 3.0),
    "Laplace": (0.5, 2.0),
    "LogNormal": (0.5, 2.0),
    "Logistic": (0.5, 2.0),
    "LogitNormal": (0.5, 2.0),
    "Moyal": (0.5, 2.0),
    "Multinomial": (5, [0.2, 0.3, 0.5]),
    "MultivariateNormal": ([0.0, 1.0], [[2.0, 0.5], [0.5, 1.0]]),
    "MultivariateNormalDiag": ([0.0, 1.0], [1.0, 2.0]),
    "MultivariateNormalTriL": ([0.0, 1.0], _MATRIX),
    "NegativeBinomial": (5.0, 0.3),
    "Normal": (0.5, 2.0),
    "OneHotCategorical": ([0.2, 0.3, 0.5],),
    "OrderedLogistic": ([-1.0, 1.0], 0.5),
    "Pareto": (1.5, 3.5),
    "Poisson": (2.0,),
    "PowerSpherical": ([1.0, 0.0, 0.0], 2.0),
    "ProbitBernoulli": (0.3,),
    "SphericalUniform": ([1.0, 0.0, 0.0],),
    "StoppingRatioLogistic": ([-1.0, 1.0], 0.5),
    "StudentT": (5.0, 0.5, 2.0),
    "TruncatedNormal": (0.5, 2.0, 0.0, 1.0),
    "Uniform": (0.25, 0.75),
    "VonMises": (0.5, 2.0),
    "VonMisesFisher": ([1.0, 0.0, 0.0], 2.0),
    "Weibull": (2.0, 1.5),
    "Wishart": (4.0, _MATRIX),
}


def ask_torch() -> tuple[str, dict[str, Callable[[], Any]], Callable[[Any, Any], Any]]:
    """Return the version of PyTorch, its distributions by kldiv's names, and its divergence."""
    import torch
    from torch import distributions as d

    make = {name: getattr(d, name) for name in PARAMETERS if hasattr(d, name)}
    make |= {
        "MultivariateNormalTriL": lambda loc, tril: d.MultivariateNormal(loc, scale_tril=tril),
        "MultivariateNormalDiag": lambda loc, scale: d.Independent(d.Normal(loc, scale), 1),
        "Multinomial": lambda count, probs: d.Multinomial(int(count), probs),
        "Wishart": lambda df, tril: d.Wishart(df, scale_tril=tril),
    }
    return torch.__version__.partition("+")[0], _bound(make, torch.tensor), d.kl_divergence


def ask_tfp() -> tuple[str, dict[str, Callable[[], Any]], Callable[[Any, Any], Any]]:
    """Return the version of TensorFlow Probability, its distributions by kldiv's names, and its divergence."""
    import tensorflow as tf
    import tensorflow_probability as tfp

    d = tfp.distributions
    make = {name: getattr(d, name) for name in PARAMETERS if hasattr(d, name)}
    keywords = {
        "Bernoulli": "probs",
        "Categorical": "probs",
        "OneHotCategorical": "probs",
        "ProbitBernoulli": "probits",
    }
    keywords |= {"Geometric": "probs", "ContinuousBernoulli": "probs"}
    for name, keyword in keywords.items():
        make[name] = functools.partial(_with_keyword, getattr(d, name), keyword)
    make |= {
        "Binomial": lambda count, probs: d.Binomial(count, probs=probs),
        "NegativeBinomial": lambda count, probs: d.NegativeBinomial(count, probs=probs),
        "Multinomial": lambda count, probs: d.Multinomial(count, probs=probs),
        "MultivariateNormal": d.MultivariateNormalFullCovariance,
        "Pareto": lambda scale, alpha: d.Pareto(alpha, scale),
        "Weibull": lambda scale, concentration: d.Weibull(concentration, scale),
        "Wishart": d.WishartTriL,
        "SphericalUniform": lambda direction: d.SphericalUniform(3),
    }
    return tfp.__version__, _bound(make, lambda x: tf.constant(x, tf.float32)), d.kl_divergence


def _with_keyword(of: Any, keyword: str, x: Any) -> Any:
    return of(**{keyword: x})


def ask_numpyro() -> tuple[str, dict[str, Callable[[], Any]], Callable[[Any, Any], Any]]:
    """Return the version of NumPyro, its distributions by kldiv's names, and its divergence."""
    import jax.numpy
    import numpyro
    from numpyro import distributions as d

    make = {name: getattr(d, name) for name in PARAMETERS if hasattr(d, name)}
    make |= {
        "MultivariateNormalTriL": lambda loc, tril: d.MultivariateNormal(loc, scale_tril=tril),
        "MultivariateNormalDiag": lambda loc, scale: d.Normal(loc, scale).to_event(1),
    }
    return numpyro.__version__, _bound(make, jax.numpy.asarray), d.kl_divergence


def _bound(make: dict[str, Any], array: Callable[[Any], Any]) -> dict[str, Callable[[], Any]]:
    return {
        name: lambda name=name, of=of: of(*[array(x) if not isinstance(x, int) else x for x in PARAMETERS[name]])
        for name, of in make.items()
    }


def measure(library: str) -> None:
    """Ask another library for every pair that it shares with kldiv, and keep what it says."""
    version, make, divergence = {"torch": ask_torch, "tfp": ask_tfp, "numpyro": ask_numpyro}[library]()
    made: dict[str, Any] = {}
    for name, of in make.items():
        try:
            made[name] = of()
        except (TypeError, ValueError, NotImplementedError, AttributeError) as error:
            print(f"{library} has no such {name}: {error}", file=sys.stderr)
    found: dict[str, list[tuple[str, str]]] = {"finite": [], "infinite": []}
    for p, a in made.items():
        for q, b in made.items():
            try:
                value = float(divergence(a, b))
            except (NotImplementedError, ValueError, TypeError, AttributeError):
                continue
            # A shape or a support that does not fit can make nonsense of a pair; an infinite one is a constant there.
            found["finite" if math.isfinite(value) else "infinite"].append((p, q))
    path = HERE / "peers.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    full = {"torch": "torch.distributions", "tfp": "TensorFlow Probability", "numpyro": "NumPyro"}[library]
    known[full] = {"version": version, "date": datetime.date.today().isoformat(), **found}
    path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    print(f"{full} {version}: {len(found['finite'])} finite, {len(found['infinite'])} infinite")


if __name__ == "__main__":
    measure(*sys.argv[1:])
