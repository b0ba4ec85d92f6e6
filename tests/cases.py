"""The cases: every pair of families that has a rule, with kinds of parameters drawn from their domains.

A new family is tested by existing: its fields' domains say how to draw parameters for it. Where they say too little,
its oracle's file (`oracles/`) has a word: ``DRAWS`` makes ordinary and extreme parameters, ``NEAR`` nearly equal
ones, ``BOUNDS`` the accuracy that is promised.
"""

import itertools
import zlib
from typing import Any, NamedTuple

import numpy as np

import kldiv
import kldiv.families
import reference
import selection
from kldiv import domains
from kldiv._core.family import fields_of, support_of
from oracle import merged

DTYPES = ("float32", "float64")
KINDS = ("interior", "near", "extreme", "boundary")
UNIT_INTERVALS = (domains.UnitInterval, domains.OpenUnitInterval, domains.LeftOpenUnitInterval, domains.ZeroToBelowOne)
FAMILIES = [getattr(kldiv, name) for name in kldiv.families.__all__]
HOLDERS = [f for f in FAMILIES if any(field.component for field in fields_of(f))]
STANDALONE = [f for f in FAMILIES if f not in HOLDERS]
SIMPLE = [f for f in STANDALONE if f is not kldiv.Delta and f.__name__ in reference.ORACLES]
LENGTHS = {"d": 3, "k": 5, "c": 4, "n": 2, "m": 3, "s": 3, "t": 2, "_r": 2, "_cells": 4, "_cells+1": 5}  # of event axes
BOUNDS = merged("BOUNDS")
DRAWS = merged("DRAWS")
NEAR = merged("NEAR")

# Kinds of parameters that share a family: both name the same distributions.
PARAMETRIZATIONS = [
    {"Normal", "NormalLogVariance"},
    {"Bernoulli", "BernoulliLogits", "ProbitBernoulli"},
    {"Binomial", "BinomialLogits"},
    {"Categorical", "CategoricalLogits", "OneHotCategorical", "OneHotCategoricalLogits"},
    {"Multinomial", "MultinomialLogits", "OneHotCategorical", "OneHotCategoricalLogits"},
    {name for name in kldiv.families.__all__ if name.startswith("MultivariateNormal")},
]


def same_family(p: Any, q: Any) -> bool:
    """Tell whether two classes are one family, perhaps in two parametrizations."""
    return p is q or any({p.__name__, q.__name__} <= group for group in PARAMETRIZATIONS)


def method(p: Any, q: Any) -> str:
    """Return how the divergence of a pair is computed; "none" for a pair without a rule."""
    try:
        return kldiv.rule(p, q).method
    except kldiv.NoClosedForm:
        return "none"


def comparable(p: Any, q: Any) -> bool:
    """Tell whether two families have outcomes of the same shape, for the lengths that the tests draw."""
    a, b = support_of(p), support_of(q)
    return a.axes == b.axes and (a.space == b.space or not a.axes) and (("k" in (a.high, b.high)) <= same_family(p, q))


METHODS = {
    (p, q): method(p, q)
    for p, q in itertools.product(SIMPLE, SIMPLE)
    if selection.FAMILY in (None, p.__name__, q.__name__) and comparable(p, q)
}
PAIRS = [pair for pair, how in METHODS.items() if how != "none"]
INFINITE = [pair for pair in PAIRS if METHODS[pair] == "infinite"]
FINITE = [pair for pair in PAIRS if METHODS[pair] != "infinite"]
SAME = [(p, q) for p, q in FINITE if p is q]
CONVERTED = [(p, q) for p, q in FINITE if p is not q and same_family(p, q)]
CROSS = [(p, q) for p, q in FINITE if not same_family(p, q)]


# A sample of pairs has one of these on the other side.
ANCHORS = (
    "AsymmetricLaplace",
    "Bernoulli",
    "Beta",
    "DiscreteUniform",
    "Exponential",
    "Geometric",
    "LogSeries",
    "NegativeBinomial",
    "Normal",
    "PowerSpherical",
    "SphericalUniform",
    "Uniform",
    "VonMises",
    "WrappedCauchy",
    "Zeta",
)


def number(*families: Any) -> int:
    """Return a number as good as random, which is always the same for the same families."""
    return zlib.crc32(" ".join(f.__name__ for f in families).encode())


def share(pairs: list[tuple[Any, Any]], count: int, which: int = 0) -> list[tuple[Any, Any]]:
    """Return one of so many disjoint shares of the pairs; what is in it does not depend on the other pairs."""
    return [pair for pair in pairs if number(*pair) % count == which]


def covering(pairs: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Return a sample of pairs that has every family as P, and as Q, that is so in a pair with one of the `ANCHORS`.

    A family more has pairs more in the sample, and changes no others: those of a family depend on the anchors alone.
    """
    sample = set()
    for place in (0, 1):
        anchored = [pair for pair in pairs if pair[1 - place].__name__ in ANCHORS]
        for family in {pair[place] for pair in anchored}:
            sample.add(min((pair for pair in anchored if pair[place] is family), key=lambda pair: number(*pair)))
    return [pair for pair in pairs if pair in sample]


class Batch(NamedTuple):
    """Parameters of P and Q, each with one batch axis, and the kind of each row."""

    p: list[np.ndarray]
    q: list[np.ndarray]
    kinds: np.ndarray

    def take(self, rows: Any) -> "Batch":
        """Return some of the rows."""
        return Batch([a[rows] for a in self.p], [a[rows] for a in self.q], self.kinds[rows])


class Case(NamedTuple):
    """A pair of families and a dtype."""

    p: Any
    q: Any
    dtype: str

    def __str__(self) -> str:
        return f"{self.p.__name__}-{self.q.__name__}-{self.dtype}"

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of parameters that a pair has; only one family with itself has near-equal ones."""
        return KINDS if self.p is self.q else tuple(kind for kind in KINDS if kind != "near")

    @property
    def exact_kinds(self) -> tuple[str, ...]:
        """Return the kinds for which an accuracy is promised: of different families, ordinary parameters only."""
        return self.kinds if same_family(self.p, self.q) else ("interior",)

    def batch(self, kinds: tuple[str, ...] | None = None) -> Batch:
        """Return the parameters of some kinds, by default of all."""
        parts = [(kind, *self._parameters(kind)) for kind in kinds or self.kinds]
        p, q = ([np.concatenate(a) for a in zip(*(part[i] for part in parts), strict=True)] for i in (1, 2))
        return Batch(p, q, np.concatenate([np.full(len(part[1][0]), part[0]) for part in parts]))

    def _parameters(self, kind: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
        # Parameters of different families are the same numbers in both dtypes, and so is the truth.
        shared = not same_family(self.p, self.q)
        rounded = {domain for f in (self.p, self.q) for _, domain in fields(f)} & {
            domains.Simplex,
            domains.UnitVector,
            domains.CellProbabilities,
        }
        dtype = "float32" if shared and not rounded else self.dtype
        seed = f"{self.p.__name__}-{self.q.__name__}-{kind}-{dtype}"
        rng = np.random.default_rng(zlib.crc32(seed.encode()))
        quick = all(reference.ORACLES[f.__name__].is_quick for f in (self.p, self.q))
        size = 4 if shared else 24 if quick else 8
        draw = {"interior": _interior, "near": _near, "extreme": _extreme, "boundary": _boundary}[kind]
        p, q = draw(rng, self._replace(dtype=dtype), size)
        return tuple([a.astype(dtype).astype(self.dtype) for a in x.values()] for x in (p, q))  # type: ignore[return-value]


def cases_of(pairs: list[tuple[Any, Any]], dtypes: tuple[str, ...] = DTYPES) -> list[Case]:
    """Return the cases of pairs."""
    return [Case(p, q, dtype) for (p, q), dtype in itertools.product(pairs, dtypes)]


Parameters = dict[str, np.ndarray]


def fields(family: Any) -> list[tuple[str, Any]]:
    """Return names and domains of a family's parameters."""
    return [(f.name, f.domain) for f in fields_of(family)]


def ordinary(rng: np.random.Generator, family: Any, size: int, dtype: str = "float64") -> Parameters:
    """Return ordinary parameters of a family, each with one batch axis."""
    return _members(rng, family, "interior", dtype, size)


def _interior(rng: np.random.Generator, case: Case, size: int) -> tuple[Parameters, Parameters]:
    p, q = (_members(rng, f, "interior", case.dtype, size) for f in (case.p, case.q))
    return _nested(rng, case, p, q)


def _extreme(rng: np.random.Generator, case: Case, size: int) -> tuple[Parameters, Parameters]:
    p, q = (_members(rng, f, "extreme", case.dtype, size) for f in (case.p, case.q))
    return _nested(rng, case, p, q)


def _members(rng: np.random.Generator, family: Any, kind: str, dtype: str, size: int) -> Parameters:
    drawn = DRAWS[family.__name__](rng, kind, dtype, size) if family.__name__ in DRAWS else {}
    values: Parameters = {}
    # What lies between two others is drawn after them.
    for name, domain in sorted(fields(family), key=lambda field: bool(field[1].low) + bool(field[1].high)):
        x = np.asarray(drawn[name]) if name in drawn else _member(rng, name, domain, kind, dtype, size, values)
        values[name] = x if dtype == "float32" else _steady(domain, x)
    return {name: values[name] for name in family._fields}


def _member(
    rng: np.random.Generator, name: str, domain: Any, kind: str, dtype: str, size: int, others: Parameters
) -> np.ndarray:
    shape = (size, *(LENGTHS[a] for a in domain.axes))
    if domain.low and domain.high:
        low, high = others[domain.low.parameter], others[domain.high.parameter]
        return low + (high - low) * rng.uniform(0.02, 0.98, size=shape)
    if kind == "interior":
        x = draw(rng, domain, shape)
    else:
        x = _draw_extreme(rng, name, domain, shape, dtype)
        if domain.low:  # by more than rounding
            x = np.maximum(x, 1e-3 * abs(others[domain.low.parameter]))
    return x + others[domain.low.parameter] if domain.low else x


def _steady(domain: Any, x: np.ndarray) -> np.ndarray:
    """Return nearly the same members of the domain, to the last bit the same ones on every machine.

    The last bits of exp, of powers and of matrix products are those of the processor, as NumPy and its BLAS have code
    for each, and truths are kept under the exact parameters. In float32 rounding to the dtype hides this; in float64
    `_rounded` does. What comes after it may only add, multiply, divide and take square roots: these are exact to the
    last bit everywhere.
    """
    if domain in UNIT_INTERVALS:  # such as 1 - 1e-15, which has its digits below 1
        return np.where(x > 0.5, 1 - _rounded(1 - x), _rounded(x))
    x = _rounded(x)
    if domain is domains.UnitVector:
        return x / np.linalg.norm(x, axis=-1, keepdims=True)
    return x / x.sum(axis=-1, keepdims=True) if set(domains.Simplex.conditions) <= set(domain.conditions) else x


def _rounded(x: np.ndarray) -> np.ndarray:
    """Return thirds of numbers of 32 bits, as near as can be: thirds have all the bits that float64 has.

    Where the last bit of a number differs, the one returned does with a probability of 2^-21.
    """
    mantissa, exponent = np.frexp(3 * x)
    return np.ldexp(np.rint(mantissa * 2.0**32) / 2.0**32, exponent) / 3


def draw(rng: np.random.Generator, domain: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return ordinary members of a domain."""
    positive = np.exp(rng.normal(size=shape))
    positives = (domains.Positive, domains.NonNegative, domains.PositiveVector, domains.PositiveClasses)
    match domain:
        case _ if domain.low or domain in positives:
            return positive
        case _ if domain in UNIT_INTERVALS:
            return rng.uniform(0.02, 0.98, size=shape)
        case domains.AboveOne:
            return 1 + positive
        case domains.Count:
            return rng.integers(1, 20, size=shape).astype(float)
        case domains.Integer:
            return rng.integers(-9, 9, size=shape).astype(float)
        case domains.Simplex:
            return positive / positive.sum(axis=-1, keepdims=True)
        case domains.UnitVector:
            x = rng.normal(size=shape)
            return x / np.linalg.norm(x, axis=-1, keepdims=True)
        case domains.Increasing:
            return np.cumsum(positive, axis=-1) - 0.5 * positive.sum(axis=-1, keepdims=True)
        case domains.LowerTriangular:
            return _triangular(rng, shape)
        case domains.PositiveDefinite:
            factor = _triangular(rng, shape)
            return factor @ np.swapaxes(factor, -1, -2)
        case _ if len(domain.axes) > 1 and domain.axes[-1] == domain.axes[-2]:
            return _triangular(rng, shape)
        case _:
            return 2 * rng.normal(size=shape)


def _triangular(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.tril(rng.normal(size=shape), -1) + np.exp(0.5 * rng.normal(size=shape)) * np.eye(shape[-1])


def _nested(rng: np.random.Generator, case: Case, p: Parameters, q: Parameters) -> tuple[Parameters, Parameters]:
    """Return the parameters, moved in two rows of three so that the support of P lies inside that of Q.

    Only ends of supports that are parameters can move: those of Q outwards, or else those of P inwards.
    """
    a, b = support_of(case.p), support_of(case.q)
    if a.space != b.space or a.space not in ("line", "integers") or "k" in (a.high, b.high) or "c" in (a.high, b.high):
        return p, q
    size = len(next(iter(p.values())))
    moved = np.arange(size) % 3 != 0
    inner, outer = ([_end(f, x, end, size) for end in (s.low, s.high)] for f, x, s in ((case.p, p, a), (case.q, q, b)))
    whole = a.space == "integers"
    slack = (lambda x: 1) if whole else (lambda x: 1 + 1e-3 * abs(x))

    def step() -> np.ndarray:
        return rng.integers(0, 5, size=size) if whole else _rounded(np.exp(rng.normal(size=size)))

    q = dict(q)
    ends = [end for end in ((b.low, inner[0], -1), (b.high, inner[1], 1)) if end[0] in q]
    if np.all(np.isfinite([x for _, x, _ in ends])):
        wider: dict[str, np.ndarray] = {}
        outside = moved
        for name, x, sign in ends:
            domain = dict(fields(case.q))[name]
            factor = (1.0 + step()) ** sign
            wider[name] = x * factor if domain is domains.Positive and sign < 0 else x + sign * step() * slack(x)
            if domain in (domains.Positive, domains.Count):
                outside = outside & (wider[name] > 0)
        q |= {name: np.where(outside, x, q[name]) for name, x in wider.items()}
    p = dict(p)
    if a.low in p or a.high in p:  # the ends of P, into a Q whose ends are fixed
        low, high = outer
        low = np.where(np.isinf(low), np.where(np.isinf(high), 0.0, high - 9), low)
        high = np.where(np.isinf(high), low + 9, high)
        inside = np.sort(low + (high - low) * rng.uniform(0.05, 0.95, size=(2, size)), axis=0)
        if whole:
            inside = [np.ceil(inside[0]), np.floor(np.maximum(inside[1], np.ceil(inside[0])))]
        fixed = not isinstance(b.low, str) and not isinstance(b.high, str) and not np.isinf([b.low, b.high]).all()
        for name, x in ((a.low, inside[0]), (a.high, inside[1])):
            if name in p and fixed:
                p[name] = np.where(moved, x, p[name])
    return p, q


def _end(family: Any, parameters: Parameters, end: float | str, size: int) -> np.ndarray:
    """Return the end of supports: a number, a parameter, or what follows from the parameters."""
    return np.full(size, end) if not isinstance(end, str) else getattr(family(**parameters), end)


def _near(rng: np.random.Generator, case: Case, size: int) -> tuple[Parameters, Parameters]:
    p = {name: a.astype(case.dtype).astype(np.float64) for name, a in ordinary(rng, case.p, size, case.dtype).items()}
    smallest = -7 if case.dtype == "float32" else -15
    delta = _rounded(np.logspace(-1, smallest, size))
    if case.p.__name__ in NEAR:
        nudged = NEAR[case.p.__name__](rng, p, delta)
        return p, {name: nudged[name] for name in case.p._fields}
    return p, {name: _nudge(rng, domain, p[name], delta, case) for name, domain in fields(case.p)}


def _nudge(rng: np.random.Generator, domain: Any, x: np.ndarray, delta: np.ndarray, case: Case) -> np.ndarray:
    """Return a member of the domain at a relative distance delta."""
    delta = delta.reshape(-1, *(1,) * (x.ndim - 1))
    noise = delta * rng.uniform(-1, 1, size=x.shape)
    if case.p is kldiv.Uniform:  # outwards, so that P stays inside Q
        return x + abs(noise) * (1 if domain.low else -1)
    if domain in (domains.Count, domains.Integer):
        return x
    if domain is domains.PositiveDefinite:
        noise = (noise + np.swapaxes(noise, -1, -2)) / 2
        scale = np.sqrt(np.diagonal(x, axis1=-2, axis2=-1))
        return x + 0.1 * noise * scale[..., :, None] * scale[..., None, :]
    if domain in UNIT_INTERVALS:
        return np.clip(x * (1 + noise), 0, 1)
    if domain is domains.AboveOne:
        return 1 + (x - 1) * (1 + noise)
    if domain is domains.Simplex:
        y = x * (1 + noise)
        return y / y.sum(axis=-1, keepdims=True)
    if domain is domains.UnitVector:
        y = x + noise
        return y / np.linalg.norm(y, axis=-1, keepdims=True)
    if domain in (domains.Real, domains.RealVector, domains.Logit, domains.Logits, domains.Increasing):
        return x + noise
    return x * (1 + noise)


def _draw_extreme(rng: np.random.Generator, name: str, domain: Any, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Return members of a domain far from 1: ratios of scales reach 1e30 in float32 and 1e150 in float64."""
    decades = 15 if dtype == "float32" else 75
    if name.startswith("concentration"):
        return 10 ** rng.uniform(-6, 8, size=shape)
    if name in ("loc", "low"):
        return rng.normal(size=shape) * 10 ** rng.uniform(-5, 5, size=shape)
    if name == "log_variance":
        return rng.uniform(-decades * 4, decades * 4, size=shape)
    if domain in (domains.Logit, domains.Logits):
        return rng.uniform(-500, 500, size=shape)
    if domain in UNIT_INTERVALS:
        tiny = 10 ** rng.uniform(-2 * decades, -1, size=shape)
        return np.where(rng.uniform(size=shape) < 0.3, 1 - np.clip(tiny, 1e-7 if decades == 15 else 1e-16, 1), tiny)
    if domain is domains.AboveOne:
        return 1 + 10 ** rng.uniform(-3, 1.5, size=shape)
    if domain is domains.Count:
        return np.floor(10 ** rng.uniform(0, 6, size=shape))
    if domain is domains.Integer:
        return np.floor(rng.normal(size=shape) * 10 ** rng.uniform(0, 5, size=shape))
    if domain is domains.Simplex:
        weights = 10 ** rng.uniform(-2 * decades, 0, size=shape)
        return weights / weights.sum(axis=-1, keepdims=True)
    if domain in (domains.UnitVector, domains.Increasing):
        return draw(rng, domain, shape)
    if len(domain.axes) > 1:
        return draw(rng, domain, shape) * 10 ** rng.uniform(
            -decades, decades, size=(shape[0], *(1,) * len(domain.axes))
        )
    return 10 ** rng.uniform(-decades, decades, size=shape)


# Members of a domain at its edge, beside ordinary ones. The subnormals are 2^-140 and 2^-1060.
def _edge(domain: Any, dtype: str) -> list[Any] | None:
    subnormal = 2.0**-140 if dtype == "float32" else 2.0**-1060
    inf = np.inf
    return {
        domains.UnitInterval: [0.0, 1.0, subnormal, 1 - 2.0**-24, 0.5, 0.25],
        domains.LeftOpenUnitInterval: [1.0, 1 - 2.0**-24, 0.5, 0.25],
        domains.ZeroToBelowOne: [0.0, subnormal, 1 - 2.0**-6, 0.5, 0.25],
        domains.NonNegative: [0.0, subnormal, 1.0, 3.5, 1e8],
        domains.Logit: [-inf, inf, -500.0, 500.0, 0.0, -0.25, 40.0],
        domains.Simplex: [
            [1.0, 0.0, 0.0, 0.0, 0.0],
            [0.0, 1.0, 0.0, 0.0, 0.0],
            [0.5, 0.5, 0.0, 0.0, 0.0],
            [0.5, 0.25, 0.25, 0.0, 0.0],
            [0.125, 0.125, 0.25, 0.25, 0.25],
            [1.0, subnormal, 0.0, 0.0, 0.0],
        ],
        domains.Logits: [
            [0.0, -inf, -inf, -inf, -inf],
            [-inf, 0.0, -inf, -inf, -inf],
            [1.0, 0.0, -inf, -inf, -inf],
            [0.5, 0.25, 0.125, -inf, -inf],
            [0.0, 1.0, 2.0, 3.0, 4.0],
            [0.0, -120.0, -500.0, 1.0, -2.0],
        ],
    }.get(domain)


def _boundary(rng: np.random.Generator, case: Case, size: int) -> tuple[Parameters, Parameters]:
    """Return all combinations of parameters at the edge, or equal parameters where a family has no edge."""

    def members(family: Any) -> list[Parameters]:
        edges = {name: _edge(domain, case.dtype) for name, domain in fields(family)}
        count = max((len(edge) for edge in edges.values() if edge is not None), default=3)
        normal = ordinary(rng, family, count, case.dtype)
        return [
            {name: normal[name][i] if edge is None else np.asarray(edge[i % len(edge)]) for name, edge in edges.items()}
            for i in range(count)
        ]

    both = list(itertools.product(members(case.p), members(case.q)))
    return _stack([p for p, _ in both]), _stack([q for _, q in both])


def _stack(members: list[Parameters]) -> Parameters:
    return {name: np.stack([m[name] for m in members]) for name in members[0]}


def bound(case: Case, batch: Batch, truth: list[Any]) -> np.ndarray:
    """Return the accuracy that is promised, in ulps, row by row: the table of the library's bounds."""
    eps = np.finfo(case.dtype).eps
    rows = np.ones(len(truth))
    if case.p is not case.q:
        relative = (1e-5 if case.dtype == "float32" else 1e-12) / eps
        if len(support_of(case.p).axes) == 1:
            relative = relative + _condition(batch)
        k = np.asarray([float(t) for t in truth])
        if same_family(case.p, case.q):
            # To convert one parametrization into the other rounds it once, which shifts a divergence k by about eps
            # sqrt(k).
            return rows * relative * np.maximum(1.0, 1 / np.sqrt(k, where=k > 0, out=np.ones_like(k)))
        # Of different families, the absolute error counts where the divergence is below 0.1.
        return rows * relative * np.maximum(1.0, np.divide(0.1, k, where=k > 0, out=np.full_like(k, 1 / eps)))
    if case.p in (kldiv.MultivariateNormal, kldiv.MultivariateNormalPrecision):
        return rows * (4 * np.sqrt(LENGTHS["d"]) + _condition(batch))
    if case.p is kldiv.MultivariateNormalTriL:
        return rows * (4 * np.sqrt(LENGTHS["d"]) + _condition(batch) / 20)
    if "logits" in case.p._fields and case.p.__name__.startswith(("Categorical", "OneHot", "Multinomial")):
        far = np.isin(batch.kinds, ["extreme", "boundary"])
        return np.where(far, _largest_logit(batch), 5.0)
    promised = BOUNDS.get(case.p.__name__, 64.0)
    if isinstance(promised, dict):
        return np.asarray([promised[kind] for kind in batch.kinds])
    return rows * promised


def _largest_logit(batch: Batch) -> np.ndarray:
    finite = [np.where(np.isfinite(a), abs(a), 0).max(axis=-1) for a in (batch.p[-1], batch.q[-1])]
    return np.maximum(5.0, np.maximum(*finite))


def _condition(batch: Batch) -> np.ndarray:
    """Return the condition number of the matrices among the parameters."""
    matrices = [x[-1].astype(np.float64) for x in (batch.p, batch.q) if x[-1].ndim > 2]
    numbers = [np.linalg.cond(a) for a in matrices if a.shape[-1] == a.shape[-2]]
    return np.max(numbers, axis=0) if numbers else np.asarray(1.0)
