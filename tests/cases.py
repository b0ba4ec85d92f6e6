"""The cases: every pair of families that has a rule, times dtypes, times kinds of parameters drawn from their domains.

A new family is tested by existing: its fields' domains say how to draw parameters for it. Each case is one batch.
"""

import itertools
import zlib
from typing import Any, NamedTuple

import numpy as np

import kldiv
import kldiv.families
from kldiv import _families, domains

DTYPES = ("float32", "float64")
KINDS = ("interior", "near", "extreme", "boundary")
FAMILIES = [getattr(kldiv, name) for name in kldiv.families.__all__]
SIMPLE = [f for f in FAMILIES if f not in (kldiv.Independent, kldiv.Delta)]
DIMENSION = {"d": 3, "k": 5}  # the lengths of event axes

# Kinds of parameters that share a family: both name the same distributions.
PARAMETRISATIONS = [
    {kldiv.Normal, kldiv.NormalLogVariance},
    {kldiv.Bernoulli, kldiv.BernoulliLogits},
    {kldiv.Categorical, kldiv.CategoricalLogits},
    {
        kldiv.MultivariateNormal,
        kldiv.MultivariateNormalTriL,
        kldiv.MultivariateNormalPrecision,
        kldiv.MultivariateNormalDiag,
    },
]


def has_rule(p: Any, q: Any) -> bool:
    """Tell whether kldiv has a rule for a pair whose outcomes are alike."""
    a, b = _families.support_of(p), _families.support_of(q)
    if len(a.axes) != len(b.axes) or ("k" in (a.high, b.high) and not same_law(p, q)):
        return False
    try:
        kldiv.rule(p, q)
    except kldiv.NoClosedForm:
        return False
    return True


def same_law(p: Any, q: Any) -> bool:
    """Tell whether two classes are one family, perhaps in two parametrisations."""
    return p is q or any({p, q} <= group for group in PARAMETRISATIONS)


PAIRS = [(p, q) for p, q in itertools.product(SIMPLE, SIMPLE) if has_rule(p, q)]
INFINITE = [(p, q) for p, q in PAIRS if kldiv.rule(p, q).formula is None]
FINITE = [pair for pair in PAIRS if pair not in INFINITE]
SAME = [(p, q) for p, q in FINITE if p is q]


def covering(pairs: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Return a sample of pairs in which every family that is a P, or a Q, is one once at least."""
    sample: list[tuple[Any, Any]] = []
    for p, q in pairs:
        if p not in {a for a, _ in sample} or q not in {b for _, b in sample}:
            sample.append((p, q))
    return sample


class Case(NamedTuple):
    """A pair of families, a dtype, and how parameters are drawn."""

    p: Any
    q: Any
    kind: str
    dtype: str

    def __str__(self) -> str:
        return f"{self.p.__name__}-{self.q.__name__}-{self.kind}-{self.dtype}"

    def parameters(self, size: int = 24) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the parameters of P and Q, each with one batch axis."""
        rng = np.random.default_rng(zlib.crc32(str(self).encode()))
        draw = {"interior": _interior, "near": _near, "extreme": _extreme, "boundary": _boundary}[self.kind]
        p, q = draw(rng, self, size)
        return [a.astype(self.dtype) for a in p.values()], [a.astype(self.dtype) for a in q.values()]


def cases(pairs: list[tuple[Any, Any]], kinds: tuple[str, ...] = KINDS, dtypes: tuple[str, ...] = DTYPES) -> list[Case]:
    """Return the cases for pairs; only one family with itself has near-equal parameters."""
    return [
        Case(p, q, kind, dtype)
        for (p, q), kind, dtype in itertools.product(pairs, kinds, dtypes)
        if kind != "near" or p is q
    ]


def sample(kinds: tuple[str, ...] = KINDS) -> list[Case]:
    """Return the cases of finite pairs, without those in float64 of two parametrisations of one family."""
    converted = [(p, q) for p, q in FINITE if p is not q]
    return cases(SAME, kinds) + cases(converted, kinds, ("float32",))


Parameters = dict[str, np.ndarray]


def _fields(family: Any) -> list[tuple[str, Any]]:
    return [(f.name, f.domain) for f in _families.fields_of(family)]


def _interior(rng: np.random.Generator, case: Case, size: int) -> tuple[Parameters, Parameters]:
    p, q = _ordinary(rng, case.p, size), _ordinary(rng, case.q, size)
    return p, _enclosing(rng, case, p, q)


def _ordinary(rng: np.random.Generator, family: Any, size: int) -> Parameters:
    values: Parameters = {}
    for name, domain in _fields(family):
        shape = (size, *(DIMENSION[a] for a in domain.axes))
        values[name] = _draw(rng, domain, shape) + (values[domain.above] if domain.above else 0.0)
    return values


def _draw(rng: np.random.Generator, domain: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return ordinary members of a domain."""
    positive = np.exp(rng.normal(size=shape))
    match domain:
        case _ if domain.above or domain in (domains.Positive, domains.NonNegative, domains.PositiveVector):
            return positive
        case domains.UnitInterval:
            return rng.uniform(0.02, 0.98, size=shape)
        case domains.Simplex:
            return positive / positive.sum(axis=-1, keepdims=True)
        case domains.LowerTriangular:
            return _triangular(rng, shape)
        case domains.PositiveDefinite:
            factor = _triangular(rng, shape)
            return factor @ np.swapaxes(factor, -1, -2)
        case _:
            return 2 * rng.normal(size=shape)


def _triangular(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.tril(rng.normal(size=shape), -1) + np.exp(0.5 * rng.normal(size=shape)) * np.eye(shape[-1])


def _enclosing(rng: np.random.Generator, case: Case, p: Parameters, q: Parameters) -> Parameters:
    """Return Q's parameters, widened so that half of its intervals hold those of P, where both have intervals."""
    if case.p is case.q is kldiv.Uniform:
        half = np.arange(len(p["low"])) % 2 == 0
        margin = np.exp(rng.normal(size=(2, *p["low"].shape)))
        return {
            "low": np.where(half, p["low"] - margin[0], q["low"]),
            "high": np.where(half, p["high"] + margin[1], q["high"]),
        }
    return q


def _near(rng: np.random.Generator, case: Case, size: int) -> tuple[Parameters, Parameters]:
    p = {name: a.astype(case.dtype).astype(np.float64) for name, a in _ordinary(rng, case.p, size).items()}
    smallest = -7 if case.dtype == "float32" else -15
    delta = np.logspace(-1, smallest, size)
    return p, {name: _nudge(rng, domain, p[name], delta, case) for name, domain in _fields(case.p)}


def _nudge(rng: np.random.Generator, domain: Any, x: np.ndarray, delta: np.ndarray, case: Case) -> np.ndarray:
    """Return a member of the domain at a relative distance delta."""
    delta = delta.reshape(-1, *(1,) * (x.ndim - 1))
    noise = delta * rng.uniform(-1, 1, size=x.shape)
    if case.p is kldiv.Uniform:  # outwards, so that P stays inside Q
        return x + abs(noise) * (1 if domain.above else -1)
    if domain is domains.PositiveDefinite:
        noise = (noise + np.swapaxes(noise, -1, -2)) / 2
        scale = np.sqrt(np.diagonal(x, axis1=-2, axis2=-1))
        return x + 0.1 * noise * scale[..., :, None] * scale[..., None, :]
    if domain in (domains.Real, domains.RealVector):
        return x + noise
    if domain is domains.UnitInterval:
        return np.clip(x * (1 + noise), 0, 1)
    if domain is domains.Simplex:
        y = x * (1 + noise)
        return y / y.sum(axis=-1, keepdims=True)
    if domain in (domains.Logit, domains.Logits):
        return x + noise
    return x * (1 + noise)


def _extreme(rng: np.random.Generator, case: Case, size: int) -> tuple[Parameters, Parameters]:
    def member(family: Any) -> Parameters:
        values: Parameters = {}
        for name, domain in _fields(family):
            shape = (size, *(DIMENSION[a] for a in domain.axes))
            values[name] = _draw_extreme(rng, name, domain, shape, case)
            if domain.above:  # by more than rounding
                values[name] = values[domain.above] + np.maximum(values[name], 1e-3 * abs(values[domain.above]))
        return values

    p = member(case.p)
    return p, _enclosing(rng, case, p, member(case.q))


def _draw_extreme(rng: np.random.Generator, name: str, domain: Any, shape: tuple[int, ...], case: Case) -> np.ndarray:
    """Return members of a domain far from 1: ratios of scales reach 1e30 in float32 and 1e150 in float64."""
    decades = 15 if case.dtype == "float32" else 75
    if name == "concentration":
        return 10 ** rng.uniform(-6, 8, size=shape)
    if name in ("loc", "low"):
        return rng.normal(size=shape) * 10 ** rng.uniform(-5, 5, size=shape)
    if name == "log_variance":
        return rng.uniform(-decades * 4, decades * 4, size=shape)
    if domain in (domains.Logit, domains.Logits):
        return rng.uniform(-500, 500, size=shape)
    if domain is domains.UnitInterval:
        tiny = 10 ** rng.uniform(-2 * decades, -1, size=shape)
        return np.where(rng.uniform(size=shape) < 0.3, 1 - np.clip(tiny, 1e-7 if decades == 15 else 1e-16, 1), tiny)
    if domain is domains.Simplex:
        weights = 10 ** rng.uniform(-2 * decades, 0, size=shape)
        return weights / weights.sum(axis=-1, keepdims=True)
    if domain in (domains.LowerTriangular, domains.PositiveDefinite):
        return _draw(rng, domain, shape) * 10 ** rng.uniform(-decades, decades, size=(shape[0], 1, 1))
    return 10 ** rng.uniform(-decades, decades, size=shape)


# Members of a domain at its edge, beside ordinary ones. The subnormals are 2^-140 and 2^-1060.
def _edge(domain: Any, dtype: str) -> list[Any] | None:
    subnormal = 2.0**-140 if dtype == "float32" else 2.0**-1060
    inf = np.inf
    return {
        domains.UnitInterval: [0.0, 1.0, subnormal, 1 - 2.0**-24, 0.5, 0.25],
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
        (name, domain), *rest = _fields(family)
        edge = None if rest else _edge(domain, case.dtype)
        if edge is None:
            ordinary = _ordinary(rng, family, 3)
            return [{name: a[i] for name, a in ordinary.items()} for i in range(3)]
        return [{name: np.asarray(value)} for value in edge]

    both = list(itertools.product(members(case.p), members(case.q)))
    return _stack([p for p, _ in both]), _stack([q for _, q in both])


def _stack(members: list[Parameters]) -> Parameters:
    return {name: np.stack([m[name] for m in members]) for name in members[0]}


def bound(case: Case, p: list[np.ndarray], q: list[np.ndarray], truth: list[Any]) -> np.ndarray | float:
    """Return the accuracy that is promised, in ulps: the table of the library's bounds."""
    eps = np.finfo(case.dtype).eps
    if case.p is not case.q:
        relative = (1e-5 if case.dtype == "float32" else 1e-12) / eps
        if len(_families.support_of(case.p).axes) == 1:
            relative = relative + _condition(p, q)
        # To convert one parametrisation into the other rounds it once, which shifts a divergence k by about eps
        # sqrt(k).
        k = np.asarray([float(t) for t in truth])
        return relative * np.maximum(1.0, 1 / np.sqrt(k, where=k > 0, out=np.ones_like(k)))
    if case.p in (kldiv.MultivariateNormal, kldiv.MultivariateNormalPrecision):
        return 4 * np.sqrt(DIMENSION["d"]) + _condition(p, q)
    if case.p is kldiv.MultivariateNormalTriL:
        return 4 * np.sqrt(DIMENSION["d"]) + _condition(p, q) / 20
    if case.p is kldiv.CategoricalLogits and case.kind in ("extreme", "boundary"):
        return _largest_logit(p, q)
    return {
        kldiv.CategoricalLogits: 5.0,
        kldiv.BernoulliLogits: 10.0 if case.kind in ("extreme", "boundary") else 5.0,
        kldiv.Categorical: 6.0,
        kldiv.Gamma: 8.0 if case.kind == "extreme" else 6.0,
        kldiv.MultivariateNormalDiag: 4 * np.sqrt(DIMENSION["d"]),
    }.get(case.p, 4.0)


def _largest_logit(p: list[np.ndarray], q: list[np.ndarray]) -> np.ndarray:
    finite = [np.where(np.isfinite(a), abs(a), 0).max(axis=-1) for a in (p[-1], q[-1])]
    return np.maximum(5.0, np.maximum(*finite))


def _condition(p: list[np.ndarray], q: list[np.ndarray]) -> np.ndarray:
    """Return the condition number of the matrices among the parameters."""
    numbers = [np.linalg.cond(a[-1].astype(np.float64)) for a in (p, q) if a[-1].ndim > 2]
    return np.max(numbers, axis=0) if numbers else np.asarray(1.0)
