"""The truth that every test compares with: Kullback-Leibler divergences in mpmath, from the exact float inputs.

It must not share a mistake with the library, so it imports nothing of kldiv and uses none of its formulas. ``kl`` adds
up the textbook expectations E_p[log p] - E_p[log q]. Near p = q those cancel, by 30 digits at a relative distance of
1e-15, so precision is not chosen but found: it is raised until two evaluations agree to 28 digits and cancellation is
seen to leave that many. ``definition`` is the integral or sum of p (log p - log q) itself: slow, there to check ``kl``,
and to stand in for it where the records hold no closed expectations.

What is known of the families is in ``oracles/``.
"""

import itertools
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, SupportsFloat, TypeAlias

from oracle import Atoms, Integers, Interval, Oracle, Parameters, Real, Space, covers, merged, mp, xlogy

ORACLES: dict[str, Oracle] = merged("ORACLES")

# --- The exact evaluation --------------------------------------------------------------------------------------------

# Decimal digits tried in turn. A fixed ladder, because mpmath caches Bernoulli numbers and the like per precision.
# The last rungs resolve the smallest KL of float64 locations and scales: 5e-324 apart on a scale of 1e308 is 1e-1264.
# What is smaller still (logits beyond 3000) comes out as 0, which is its rounding.
_LADDER = (75, 105, 150, 300, 340, 600, 640, 1300, 1340)
_DIGITS = 28  # what two evaluations must agree to, and what cancellation must leave


class NoClosedExpectation(NotImplementedError):
    """The records hold no closed expectation for this pair; ``definition`` can still integrate it."""


def kl(p_name: str, p_params: Parameters, q_name: str, q_params: Parameters, digits: int = 30) -> Real:
    """KL(p || q) in nats of one batch element, right to 25 digits and more; ``mp.inf`` where it is infinite.

    Parameters are in the order of the family's fields, so a matrix family takes ``(loc, matrix)`` and a categorical
    ``(weights,)``. A pair whose records hold no closed expectation is integrated by ``definition``, to ``digits``.
    """
    p, q = _frozen(p_params), _frozen(q_params)
    try:
        return _kl(p_name, p, q_name, q)
    except NotImplementedError:  # NoClosedExpectation, or an expectation with arguments that it is not known for
        return _definition(p_name, p, q_name, q, digits)


def kl_independent(
    p_name: str, p_components: Sequence[Parameters], q_name: str, q_components: Sequence[Parameters]
) -> Real:
    """KL of two products of independent components, one parameter tuple for each component."""
    pairs = zip(p_components, q_components, strict=True)
    return mp.fsum(kl(p_name, p, q_name, q) for p, q in pairs)


@lru_cache(maxsize=65536)
def _kl(p_name: str, p_params: tuple[Any, ...], q_name: str, q_params: tuple[Any, ...]) -> Real:
    if (p_name, p_params) == (q_name, q_params):
        return mp.zero
    previous = None
    for dps in _LADDER:
        value, magnitude = _kl_at(dps, p_name, p_params, q_name, q_params)
        if value == mp.inf:
            return value
        # Rounding leaves an absolute error of about magnitude * 10^-dps: does it leave enough digits of this value?
        resolved = abs(value) > magnitude * mp.mpf(10) ** (_DIGITS + 2 - dps)
        if not resolved:
            if dps == _LADDER[0] and _same_distribution(p_name, p_params, q_name, q_params):
                return mp.zero
            previous = None
        elif previous is not None and abs(value - previous) <= abs(value) * mp.mpf(10) ** -_DIGITS:
            return +value
        else:
            previous = value
    if previous is None:
        return mp.zero  # one distribution written in two ways, such as unnormalized weights
    raise ArithmeticError(f"no two precisions agree on KL({p_name}{p_params} || {q_name}{q_params})")


def _kl_at(dps: int, p_name: str, p_params: Any, q_name: str, q_params: Any) -> tuple[Real, Real]:
    """KL at a working precision, and the size of what was added up to get it.

    The size counts 1 for the sums inside logarithms (1 - p, high - low, sum of weights): a relative error there is an
    absolute error of the logarithm, however small the logarithm is.
    """
    with mp.workdps(dps):
        p_family, p = _converted(p_name, p_params)
        q_family, q = _converted(q_name, q_params)
        p_support = p_family.support(*p)
        if not covers(q_family.support(*q), p_support):
            return mp.inf, mp.one
        if isinstance(p_support, Atoms):
            terms = _finite_terms(p_family.log_density(*p), q_family.log_density(*q), p_support.points)
        else:
            terms = _expected_terms(p_family, p, q_family, q)
            if any(mp.isinf(term) for term in terms):
                return mp.inf, mp.one  # an expectation under P that log q has and that is infinite
        value = mp.fsum(terms)
        if not isinstance(value, mp.mpf) or mp.isnan(value):
            shown = f"{p_name}{mp.nstr(p_params, 17)} || {q_name}{mp.nstr(q_params, 17)}"
            raise ValueError(f"parameters outside their domain (for derivatives there, ask for a side): {shown}")
        return value, 1 + mp.fsum(terms, absolute=True)


def _finite_terms(log_p: Callable[[Any], Real], log_q: Callable[[Any], Real], points: Sequence[Any]) -> list[Real]:
    logs = [(log_p(x), log_q(x)) for x in points]
    return [term for a, b in logs for term in (mp.exp(a) * a, -mp.exp(a) * b)]


def _expected_terms(p_family: Oracle, p: Any, q_family: Oracle, q: Any) -> list[Real]:
    """E_p[log p] and -E_p[log q], statistic by statistic."""
    if p_family.log_terms is None or q_family.log_terms is None:
        raise NoClosedExpectation("a record without log_terms")
    p_terms, q_terms = p_family.log_terms(*p), q_family.log_terms(*q)
    terms = []
    for statistic in p_terms | q_terms:
        name, *arguments = statistic
        p_coefficient, q_coefficient = p_terms.get(statistic, mp.zero), q_terms.get(statistic, mp.zero)
        if name == "1":
            expectation = mp.one
        elif p_coefficient == q_coefficient:
            continue  # the statistic drops out of log p - log q
        elif name in p_family.expectations:
            expectation = p_family.expectations[name](*arguments, *p)
        else:
            raise NoClosedExpectation(f"no expectation of {statistic}")
        # An expectation may be infinite where its coefficient is 0.
        terms += [c * expectation for c in (p_coefficient, -q_coefficient) if c]
    return terms


def _same_distribution(p_name: str, p_params: Any, q_name: str, q_params: Any) -> bool:
    """Whether two parametrizations of one family convert to the same parameters, at the highest precision."""
    with mp.workdps(_LADDER[-1]):
        (p_family, p), (q_family, q) = _converted(p_name, p_params), _converted(q_name, q_params)
        return p_family.log_density is q_family.log_density and p == q


def _converted(name: str, parameters: tuple[Any, ...]) -> tuple[Oracle, tuple[Any, ...]]:
    family = ORACLES[name]
    return family, tuple(family.convert(*_as_mpf(parameters)))


def _as_mpf(value: Any) -> Any:
    # convert, not mpf: it does not round what has more digits than the working precision.
    return [_as_mpf(item) for item in value] if isinstance(value, tuple) else mp.convert(value)


def _frozen(value: Any) -> Any:
    """Nested tuples of floats (or of mpf, kept exactly): a key for the caches."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, Sequence):
        return tuple(_frozen(item) for item in value)
    if mp.isnan(value):
        raise ValueError("a parameter is nan")
    return value if isinstance(value, mp.mpf) else float(value)


# --- The definition --------------------------------------------------------------------------------------------------


def definition(p_name: str, p_params: Parameters, q_name: str, q_params: Parameters, digits: int = 30) -> Real:
    """The sum or integral of p (log p - log q), to about ``digits`` digits, from nothing but the log densities."""
    return _definition(p_name, _frozen(p_params), q_name, _frozen(q_params), digits)


@lru_cache(maxsize=4096)
def _definition(p_name: str, p_params: Any, q_name: str, q_params: Any, digits: int) -> Real:
    if (p_name, p_params) == (q_name, q_params) or _same_distribution(p_name, p_params, q_name, q_params):
        return mp.zero
    dps = digits + 30
    while dps < 1000:
        with mp.workdps(dps):
            value, magnitude = _definition_at_precision(p_name, p_params, q_name, q_params, digits)
            if value == mp.inf:
                return value
            needed = digits + 10 + int(mp.ceil(mp.log10((1 + magnitude) / abs(value)))) if value else 2 * dps
        if needed <= dps:
            return +value
        dps = max(needed, dps + 10)
    raise ArithmeticError(f"cancellation hides KL({p_name}{p_params} || {q_name}{q_params})")


def renyi(p_name: str, p_params: Parameters, q_name: str, q_params: Parameters, order: float, digits: int = 20) -> Real:
    """The Rényi divergence log(1 + I) / (a - 1), with I = E_p[(p / q)^(a - 1) - 1], where that is finite."""
    t = 1 - mp.mpf(order)

    def term(log_p: Real, log_q: Real) -> tuple[Real, Real, Real]:
        excess = mp.expm1(t * (log_q - log_p))
        return excess, abs(excess), max(mp.zero, t * (log_q - log_p))

    dps = digits + 30
    while dps < 300:
        with mp.workdps(dps):
            value, magnitude = _definition_at_precision(
                p_name, _frozen(p_params), q_name, _frozen(q_params), digits, term
            )
            needed = digits + 10 + int(mp.ceil(mp.log10((1 + magnitude) / abs(value))))
            if needed <= dps:
                return mp.log1p(value) / -t
        dps = max(needed, dps + 10)
    raise ArithmeticError(f"cancellation hides D({p_name}{p_params} || {q_name}{q_params})")


Term: TypeAlias = Callable[[Real, Real], tuple[Real, Real, Real]]


def _kl_term(log_p: Real, log_q: Real) -> tuple[Real, Real, Real]:
    """What is averaged under p, the size of what cancels in it, and the logarithm of how large it may be."""
    return log_p - log_q, abs(log_p) + abs(log_q), mp.zero


def _definition_at_precision(
    p_name: str, p_params: Any, q_name: str, q_params: Any, digits: int, term: Term = _kl_term
) -> tuple[Real, Real]:
    """The value, and the size of what cancelled in it."""
    p_family, p = _converted(p_name, p_params)
    q_family, q = _converted(q_name, q_params)
    support = p_family.support(*p)
    if not covers(q_family.support(*q), support):
        return mp.inf, mp.zero
    log_p, log_q = p_family.log_density(*p), q_family.log_density(*q)

    def integrand(x: Any, log_weight: Real = mp.zero) -> tuple[Real, Real]:
        if isinstance(support, Interval) and not support.low < x < support.high:
            return mp.zero, mp.zero  # so far out that x has rounded to the end
        a = log_p(x)
        # Where there is no mass, neither q nor the exponential (of a possibly enormous number) is looked at.
        if a + log_weight < -3 * mp.dps * (1 if term is _kl_term else 10):
            return mp.zero, mp.zero
        value, size, growth = term(a, log_q(x))
        if a + log_weight + growth < -3 * mp.dps:
            return mp.zero, mp.zero
        mass = mp.exp(a + log_weight)
        return mass * value, mass * size

    match support:
        case Atoms():
            return _sum_pairs(integrand(x) for x in support.points)
        case Integers():
            return _sum_to_infinity(integrand, support.low, p_family.bulk(*p)[0])
        case Interval():
            kinks = {x for x in (*p_family.kinks(*p), *q_family.kinks(*q)) if support.low < x < support.high}
            pieces = itertools.pairwise([support.low, *sorted(kinks), support.high])
            charts = [_chart(low, high, *p_family.bulk(*p)) for low, high in pieces]
            if any(_diverges(log_p, log_q, chart, sign) for chart in charts for sign in (1, -1)):
                return mp.inf, mp.zero
            return _sum_pairs(_double_exponential(integrand, chart, digits) for chart in charts)
        case Space():
            return _tensor_trapezoid(integrand, *p_family.bulk(*p))


def _diverges(log_p: Callable[[Any], Real], log_q: Callable[[Any], Real], chart: Callable[..., Any], sign: int) -> bool:
    """Whether p log q grows towards an end, where an integrable function falls at least like exp(-t / 300)."""
    with mp.workdps(250):
        sizes: list[Real] = []
        for t in (100, 400):
            x, log_slope = chart(mp.mpf(sign * t))
            a, b = log_p(x), log_q(x)
            sizes.append(a + log_slope + mp.log(1 + abs(b)) if mp.isfinite(a) else -mp.inf)
    return bool(sizes[1] > sizes[0] - 1 and sizes[1] > -1000)


def _sum_pairs(pairs: Iterable[tuple[Real, Real]]) -> tuple[Real, Real]:
    values, sizes = zip(*pairs, strict=True)
    return mp.fsum(values), mp.fsum(sizes)


def _sum_to_infinity(integrand: Callable[..., tuple[Real, Real]], low: int, mode: Real) -> tuple[Real, Real]:
    value, magnitude, last = mp.zero, mp.zero, mp.inf
    for k in range(low, low + 10**6):
        term, size = integrand(mp.mpf(k))
        value, magnitude = value + term, magnitude + size
        # Past the mode of a log-concave mass the ratio of terms only falls, so a geometric series bounds the rest.
        if k > mode and size < last and size / (1 - size / last) < mp.eps * magnitude:
            return value, magnitude
        last = size or last
    raise ArithmeticError("the terms fall too slowly to be summed one by one: give the family closed expectations")


def _chart(low: Real, high: Real, centre: Real, width: Real) -> Callable[[Real], tuple[Real, Real]]:
    """A map t -> (x, log dx/dt) of the real line onto (low, high) that puts the mass near t = 0 on the scale of 1."""
    if not low < centre < high:  # a piece between kinks, beside the centre of the mass
        if mp.isinf(low) or mp.isinf(high):
            centre = low + width if mp.isinf(high) else high - width
        else:  # what mass there is lies at an end, so the ends are resolved
            centre, width = (low + high) / 2, high - low
    if mp.isinf(low) and mp.isinf(high):
        return lambda t: (centre + width * mp.sinh(t), mp.log(width * mp.cosh(t)))
    if mp.isinf(low) or mp.isinf(high):
        end, direction = (low, 1) if mp.isinf(high) else (high, -1)
        distance = abs(centre - end)
        stretch = min(mp.one, width / distance)
        return lambda t: (
            end + direction * distance * mp.exp(stretch * t),
            mp.log(distance * stretch) + stretch * t,
        )
    fraction = (centre - low) / (high - low)
    odds = fraction / (1 - fraction)
    stretch = min(mp.one, width / ((high - low) * fraction * (1 - fraction)))

    def logistic(t: Real) -> tuple[Real, Real]:
        growth = odds * mp.exp(stretch * t)
        x = low + (high - low) * growth / (1 + growth)
        return x, mp.log((high - low) * stretch * growth) - 2 * mp.log(1 + growth)

    return logistic


def _double_exponential(
    integrand: Callable[..., tuple[Real, Real]], chart: Callable[[Real], tuple[Real, Real]], digits: int
) -> tuple[Real, Real]:
    """Trapezoid rule in u where t = sinh(u): converges geometrically for algebraic, exponential and Gaussian tails."""

    def sample(u: Real) -> tuple[Real, Real]:
        x, log_slope = chart(mp.sinh(u))
        return integrand(x, log_slope + mp.log(mp.cosh(u)))

    # A coarse scan, far enough out for tails like x^0.001, finds the window in which there is anything to add.
    step, reach = mp.mpf(1) / 4, 64
    scan = {0: sample(mp.zero)}
    for sign in (1, -1):
        for k in range(1, reach + 1):
            scan[sign * k] = sample(sign * k * step)
            if k > reach // 3 and not scan[sign * k][1] and not scan[sign * (k - 1)][1]:
                break  # farther out there is nothing, and numbers beyond all size
    threshold = max(size for _, size in scan.values()) * mp.eps / 100
    inside = [k for k, (_, size) in scan.items() if size > threshold]
    if not inside:  # a piece without mass
        return mp.zero, mp.zero
    left, right = (min(inside) - 1) * step, (max(inside) + 1) * step
    total, size = _sum_pairs(scan.values())
    value = total * step
    for _ in range(8):
        more, more_size = _sum_pairs(sample(u) for u in _steps(left + step / 2, right, step))
        total, size, step = total + more, size + more_size, step / 2
        previous, value = value, total * step
        # Where cancellation hides the value no step helps; the caller sees the size and raises the precision.
        error = abs(value - previous)
        # So it does where the whole is not well above 10^-dps, which this piece may be below.
        least = max(size * step * mp.eps * 1000, mp.mpf(10) ** -mp.dps)
        if error <= abs(value) * mp.mpf(10) ** (-digits - 2) or error <= least:
            return value, size * step
    raise ArithmeticError("the quadrature does not converge: a kink that the family does not declare?")


def converted(name: str, parameters: Parameters) -> tuple[Oracle, tuple[Any, ...]]:
    """The record of a family, and the parameters that its functions take."""
    return _converted(name, _frozen(parameters))


def _steps(start: Real, stop: Real, step: Real) -> Iterator[Real]:
    return (start + k * step for k in range(int((stop - start) / step) + 1))


def _tensor_trapezoid(
    integrand: Callable[..., tuple[Real, Real]], centre: list[Real], factor: list[list[Real]]
) -> tuple[Real, Real]:
    """Trapezoid rule for a Gaussian mass, on the axes z of x = centre + factor z.

    A step h leaves exp(-2 pi^2/h^2) of a Gaussian (Poisson summation), a range R exp(-R^2/2): both are made 10^-dps.
    """
    if len(centre) > 2:
        raise NotImplementedError("quadrature by a grid is for one and two dimensions")
    decay = mp.dps * mp.log(10)
    step = mp.pi * mp.sqrt(2 / decay)
    reach = int(mp.sqrt(2 * decay) / step) + 2
    log_weight = mp.fsum(mp.log(row[i] * step) for i, row in enumerate(factor))
    axis = [k * step for k in range(-reach, reach + 1)]
    nodes = (
        [c + mp.fdot(row, z) for c, row in zip(centre, factor, strict=True)]
        for z in itertools.product(axis, repeat=len(centre))
    )
    return _sum_pairs(integrand(x, log_weight) for x in nodes)


# --- Derivatives -----------------------------------------------------------------------------------------------------

# Pairs (n, dps): a step of 10^-n of the parameter, in dps digits. Truncation leaves 10^-2n, rounding 10^(n - dps).
_STEPS = ((30, 110), (45, 150), (90, 300), (180, 600), (400, 1300))
# Relative to the terms, a derivative below this power of ten at (180, 600) is all truncation (one-sided: its root).
_ZERO = -330
# The multiples of the step at which KL is evaluated, by order and side.
_NODES = {
    (1, 0): (-1, 1),
    (1, 1): (0, 1),
    (1, -1): (-1, 0),
    (2, 0): (-1, 0, 1),
    (2, 1): (0, 1, 2),
    (2, -1): (-2, -1, 0),
}


def gradient(
    p_name: str, p_params: Parameters, q_name: str, q_params: Parameters, side: int | Sequence[int] = 0
) -> list[Real]:
    """dKL/d(parameter) for every scalar parameter: those of p, then those of q, each in order, matrices by rows.

    Finite differences of ``kl``, right to 25 digits and more: central, or from above or below where ``side`` is +1 or
    -1 (one number, or one for each parameter). One-sided derivatives that diverge are ``mp.inf`` or ``-mp.inf``. Where
    a central difference is impossible (a parameter on its boundary, infinity next to it) it raises and asks for a side.

    Conventions. ``Categorical``: the function normalizes its weights. Logits of -inf: 0, the limit. ``scale_tril``:
    only the lower triangle is read, and entries above it have derivative 0. Covariance and precision matrices: with
    respect to one entry, the others fixed, of

        [tr(S_q^-1 S_p) + (m_p - m_q)' S_q^-1 (m_p - m_q) - d + log(det S_q / det S_p)] / 2

    read from the full matrices, not symmetrized. A function that reads one triangle, or symmetrizes, has another
    gradient G: compare G + G'.
    """
    return _derivatives(1, p_name, _frozen(p_params), q_name, _frozen(q_params), side)


def hessian_diag(
    p_name: str, p_params: Parameters, q_name: str, q_params: Parameters, side: int | Sequence[int] = 0
) -> list[Real]:
    """The second derivative with respect to every scalar parameter; order and conventions of ``gradient``."""
    return _derivatives(2, p_name, _frozen(p_params), q_name, _frozen(q_params), side)


def _derivatives(
    order: int, p_name: str, p: tuple[Any, ...], q_name: str, q: tuple[Any, ...], side: int | Sequence[int]
) -> list[Real]:
    if _kl(p_name, p, q_name, q) == mp.inf:
        raise ValueError("the divergence is infinite here and has no derivative")
    paths = list(_paths((p, q)))
    sides = [side] * len(paths) if isinstance(side, int) else list(side)
    return [
        +_derivative(order, (p_name, q_name), (p, q), path, at, direction)
        for (path, at), direction in zip(paths, sides, strict=True)
    ]


@lru_cache(maxsize=65536)
def _derivative(
    order: int, names: tuple[str, str], params: tuple[Any, Any], path: tuple[int, ...], at: float, side: int
) -> Real:
    distribution, parameter, *index = path
    if ORACLES[names[distribution]].lower_triangular == parameter and index[1] > index[0]:
        return mp.zero
    if mp.isinf(at):
        return mp.zero
    nodes = _NODES[order, side]
    estimates: list[Real] = []
    for n, dps in _STEPS:
        dps += n * (order - 1)
        with mp.workdps(dps):
            unit = abs(mp.convert(at)) or mp.one
            step = unit * mp.mpf(10) ** -n
            moved = [_replaced(params, path, at + k * step) for k in nodes]
            values, sizes = zip(*(_kl_at(dps, names[0], p, names[1], q) for p, q in moved), strict=True)
            if mp.inf in values:
                if not side:
                    raise ValueError(f"the divergence is infinite on one side of parameter {path}: ask for a side")
                return mp.inf if order == 2 else side * mp.inf
            if order == 1 and not side and names[0] == names[1] and params[0] == params[1]:
                return mp.zero  # an interior minimum
            if order == 1:
                estimate = (values[1] - values[0]) / ((nodes[1] - nodes[0]) * step)
            else:
                estimate = (values[0] - 2 * values[1] + values[2]) / step**2
            noise = max(sizes) * mp.mpf(10) ** -dps / step**order
            resolved = abs(estimate) > noise * mp.mpf(10) ** _DIGITS
            if resolved and estimates and abs(estimate - estimates[-1]) <= abs(estimate) * mp.mpf(10) ** -_DIGITS:
                return +estimate
            if n == 180 and abs(estimate) * unit**order < max(sizes) * mp.mpf(10) ** (_ZERO // (2 if side else 1)):
                return mp.zero
            estimates.append(estimate)
    if side and abs(estimates[-1]) > abs(estimates[-2]) > abs(estimates[-3]):
        return mp.inf * mp.sign(estimates[-1])  # grows as the step shrinks, like log(step)
    raise ArithmeticError(f"the difference quotients of {names} {params} do not settle at parameter {path}")


def _paths(value: Any, prefix: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], float]]:
    """The place of every scalar in nested tuples, and the scalar."""
    if not isinstance(value, tuple):
        yield prefix, value
        return
    for i, item in enumerate(value):
        yield from _paths(item, (*prefix, i))


def _replaced(value: Any, path: tuple[int, ...], scalar: Real) -> Any:
    if not path:
        return scalar
    i, *rest = path
    return (*value[:i], _replaced(value[i], tuple(rest), scalar), *value[i + 1 :])


# --- Elementwise functions -------------------------------------------------------------------------------------------


def rel_entr(x: float, y: float) -> Real:
    """scipy.special.rel_entr: x log(x/y) for x, y > 0; 0 for x = 0 <= y; inf otherwise; nan in, nan out.

    Infinite arguments give the limit where there is one: -inf at (x, inf), inf at (inf, y), nan at (inf, inf).
    """
    if math.isnan(x) or math.isnan(y) or (x == y == math.inf):
        return mp.nan
    if x > 0 and y > 0:
        with mp.workdps(100):
            return +(x * (mp.log(x) - mp.log(y)))
    return mp.zero if x == 0 and y >= 0 else mp.inf


def kl_div(x: float, y: float) -> Real:
    """scipy.special.kl_div: x log(x/y) - x + y for x, y > 0; y for x = 0 <= y; inf otherwise; nan in, nan out.

    Infinite arguments give the limit where there is one: inf, but nan at (inf, inf).
    """
    if math.isnan(x) or math.isnan(y) or (x == y == math.inf):
        return mp.nan
    if math.isinf(x) or math.isinf(y) or x < 0 or y < 0 or (y == 0 and x > 0):
        return mp.inf
    with mp.workdps(100):  # x and y are 17 digits or nothing apart: at most 34 digits cancel
        return +(xlogy(mp.mpf(x), mp.mpf(x) / y if y else mp.one) - x + mp.mpf(y))


# --- Coefficients ----------------------------------------------------------------------------------------------------


def chebyshev_fit(function: Callable[[Real], Real], interval: Sequence[Real], terms: int) -> tuple[float, ...]:
    """Return the coefficients of the polynomial that interpolates at Chebyshev's points, in ascending powers."""
    with mp.workdps(50), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Descending", DeprecationWarning)  # the order that is reversed here
        return tuple(float(c) for c in reversed(mp.chebyfit(function, interval, terms)))


# --- Errors in ulps --------------------------------------------------------------------------------------------------

_FORMATS = {"float16": (11, -14), "bfloat16": (8, -126), "float32": (24, -126), "float64": (53, -1022)}


def ulps(value: SupportsFloat, truth: Real, dtype_name: str) -> float:
    """|value - truth| / (eps * max(|truth|, smallest normal)) in the given floating-point format.

    0 for an infinity where the truth is that infinity or rounds to it; inf for nan and for any other infinity.
    """
    precision, least_exponent = _FORMATS[dtype_name]
    value = float(value)
    truth = mp.convert(truth)
    if mp.isnan(truth):
        return 0.0 if math.isnan(value) else math.inf
    if math.isnan(value):
        return math.inf
    # The half-way point between the largest number and the next power of two is the first that rounds to infinity.
    overflow = mp.ldexp(1 - mp.ldexp(1, -precision - 1), 2 - least_exponent)
    if math.isinf(value):
        return 0.0 if abs(truth) >= overflow and mp.sign(truth) == math.copysign(1, value) else math.inf
    if mp.isinf(truth):
        return math.inf
    unit = mp.ldexp(max(abs(truth), mp.ldexp(1, least_exponent)), 1 - precision)
    return float(abs(value - truth) / unit)
