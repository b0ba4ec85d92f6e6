"""`estimate`: a divergence for any two distributions, by the best method that there is, with its error."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable, Generator
from numbers import Real
from typing import Any, NamedTuple, get_args

from kldiv._arrays.namespace import computing_dtype
from kldiv._arrays.protocol import Array, Namespace
from kldiv._core.evaluation import in_base
from kldiv._core.family import Distribution, Family, class_of, held_kinds, kind_of, name_of, support_of
from kldiv._core.parameters import are_equal, cast, gather_families
from kldiv._core.registry import NoClosedForm
from kldiv._core.sampling import sampler_of
from kldiv._core.search import find
from kldiv._core.validation import check_structure, diagnose_all, tolerances, valid
from kldiv._environment import missing
from kldiv.domains import ONE_HOT
from kldiv.estimation.components import with_support
from kldiv.estimation.estimate_result import Estimate, EstimateWarning, Method
from kldiv.estimation.monte_carlo import Settings, monte_carlo, quasi_monte_carlo
from kldiv.estimation.pareto_tail import normal_quantile
from kldiv.estimation.quadrature import Mass, allowed_error, integrate
from kldiv.estimation.summation import sum_outcomes
from kldiv.families.independent import Independent

METHODS = get_args(Method)


def estimate(
    p: Distribution,
    q: Distribution,
    *,
    method: Method = "auto",
    rtol: float = 1e-3,
    atol: float = 0.0,
    confidence: float = 0.95,
    max_samples: int | None = None,
    rng: Any = None,
    progress: bool = False,
    base: float | None = None,
) -> Estimate[Array]:
    """Return an estimate of ``KL(p || q) = E_p[log p(x) - log q(x)]``, with its error, for any two families.

    Parameters
    ----------
    p, q
        Distributions, as for `kl_divergence`, or a `LogDensity`. Batch shapes broadcast.
    method
        "auto" takes the first of these that applies:

        "closed-form"
            What `kl_divergence` returns, with error 0.
        "sum"
            For distributions of integers and classes: all outcomes if they are few, or else those at the ends of the
            support with the rest by quadrature.
        "quadrature"
            For distributions of one number. The mass is found first, each component of a mixture on its own, and the
            integral is split where a density is not smooth. What lies beyond the numbers that floats can tell apart is
            extrapolated, with its error, and the divergence is infinite only where that is shown.
        "quasi-monte-carlo"
            Samples of P from 16 independently scrambled Sobol sequences, the components of a mixture equally often.
        "monte-carlo"
            Independent samples of P, with the control variate q / p - 1.

        "variational" is the approximation of Hershey and Olsen (2007) for mixtures, whose `error` is the
        width of the interval that `kldiv.bounds` gives.
    rtol, atol
        Stop when the error is at most atol or rtol times the estimate; for samples, when half the confidence interval
        is.
    confidence
        Of that interval.
    max_samples
        The largest number of samples, by default 2^20. The first step with Sobol sequences takes some thousands, even
        if this is less. Under a compiler, which cannot decide when to stop, it is the exact number, by default 2^14.
    rng
        A seed, the framework's own generator or key, or None for new numbers at each call, which is not possible under
        compilers. The same seed gives the same numbers.
    progress
        Whether to show a bar with the estimate and its error so far (with tqdm).
    base
        The base of the logarithm: None for nats, 2 for bits, 10 for bans. Value, error and `atol` are in that unit.

    Returns
    -------
    Estimate
        `error` is a standard error for samples and a bound for the other methods. A negative estimate from samples is
        returned as it is. An estimate can be differentiated with respect to the parameters of both distributions: its
        derivative estimates that of the divergence, for every method.

    Raises
    ------
    ValueError
        If an argument is invalid, the method does not apply to the pair, or the density of a family of yours does not
        integrate to 1 over the support that it is declared on.
    TypeError
        If `rng` is none of those, an argument is not a distribution, or the parameters belong to different frameworks.
    NoClosedForm
        If ``method="closed-form"`` and there is none.
    NotImplementedError
        If samples are needed and the family of `p` has no sampler.

    Warns
    -----
    EstimateWarning
        If the error does not meet the tolerance, or tails are so heavy that it cannot be trusted. An error of inf says
        that nothing bounds it.

    Examples
    --------
    >>> import kldiv
    >>> p = kldiv.Mixture([0.3, 0.7], kldiv.Normal([-2.0, 3.0], [0.5, 1.0]))
    >>> q = kldiv.Mixture([0.6, 0.4], kldiv.Normal([-1.0, 2.0], [1.0, 1.5]))
    >>> result = kldiv.estimate(p, q, rtol=1e-10)
    >>> round(float(result.value), 10), result.method
    (0.6468344072, 'quadrature')
    """
    _check_options(method, rtol, atol, confidence, max_samples)
    unit = 1.0 if base is None else 1 / in_base(1.0, base)  # in nats
    xp, arrays, dtype, (p, q) = gather_families(rng=rng, p=p, q=q)
    check_structure(xp, p, q)
    with xp.ignore_warnings():
        good = valid(xp, p, tolerances(xp, p), inherent=True) & valid(xp, q, tolerances(xp, q), inherent=True)
        if xp.is_concrete(xp.stop_gradient(arrays[0])) and xp.is_concrete(good) and not bool(xp.all(good)):
            diagnose_all(xp, dtype, p=p, q=q)
        p, q = cast(xp, p, dtype), cast(xp, q, dtype)
        zero = xp.asarray_like(0.0, xp.stop_gradient(arrays[0]), computing_dtype(xp, dtype))
        like = xp.where(good, zero, zero)
        with _reporter(xp, progress, max_samples) as report:
            settings = Settings(rtol, atol * unit, confidence, max_samples, report)
            result = _estimate(xp, p, q, like, method, rng, settings)
        value, error = (xp.where(good, x / unit, math.nan) for x in (result.value, result.error))
        if result.heavy is not None or xp.is_concrete(xp.stop_gradient(value)):
            _warn(xp, result._replace(error=error), xp.stop_gradient(value))
    return Estimate(
        xp.astype(value, dtype),
        xp.astype(error, dtype),
        result.method,
        result.samples,
        result.converged & good,
    )


class Result(NamedTuple):
    """The estimate of a method, and how far it can be trusted."""

    value: Array
    error: Array
    method: str
    samples: int
    converged: Array
    heavy: Array | None = None
    warns: bool = True


def _check_options(method: str, rtol: float, atol: float, confidence: float, max_samples: int | None) -> None:
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(map(repr, METHODS))}; got {method!r}")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) < math.inf:
            raise ValueError(f"{name} must be a number of at least 0; got {value!r}")
    if isinstance(confidence, bool) or not isinstance(confidence, Real) or not 0 < float(confidence) < 1:
        raise ValueError(f"confidence must be a number between 0 and 1, such as 0.95; got {confidence!r}")
    whole: Any = max_samples  # whatever a caller may pass
    if whole is not None and (isinstance(whole, bool) or not isinstance(whole, int) or whole < 100):
        raise ValueError(f"max_samples must be an integer of at least 100, or None; got {max_samples!r}")


@contextlib.contextmanager
def _reporter(xp: Namespace, progress: bool, max_samples: int | None) -> Generator[Callable[[int, Array, Array], None]]:
    """Lend a function that shows the samples so far, and the estimate and error that are worst."""
    if not progress:
        yield lambda samples, value, error: None
        return
    try:
        from tqdm.auto import tqdm
    except ImportError as problem:
        raise missing("progress=True", "tqdm", "progress") from problem
    with tqdm(total=max_samples, unit=" samples") as bar:

        def report(samples: int, value: Array, error: Array) -> None:
            if xp.is_concrete(value):
                values, errors = (xp.to_numpy(x).reshape(-1) for x in (value, error))
                worst = int(errors.argmax()) if errors.size else 0
                bar.set_postfix(value=f"{values[worst]:.6g}", error=f"{errors[worst]:.2g}", refresh=False)
            bar.update(samples - bar.n)

        yield report


def _estimate(xp: Namespace, p: Family, q: Family, like: Array, method: str, rng: Any, settings: Settings) -> Result:
    """Return the estimate by a method, with "auto" by the first that applies."""
    kinds = kind_of(p), kind_of(q)
    if method in ("auto", "closed-form"):
        try:
            rule = find(*kinds)
        except NoClosedForm:
            if method == "closed-form":
                raise
        else:
            return Result(rule.evaluate(xp, p, q) + like, like, f"closed form: {rule}", 0, like == 0)
    if method == "variational":
        return _variational(xp, p, q, like, settings)
    if method == "auto" and class_of(kinds[0]) is Independent and class_of(kinds[1]) is Independent:
        return _over_components(xp, p, q, like, rng, settings)
    if method == "auto":
        method = _best(xp, kinds, like)
    if method in ("sum", "quadrature"):
        return _deterministic(xp, p, q, like, method, settings)
    return _sampled(xp, p, q, like, method, rng, settings)


def _deterministic(xp: Namespace, p: Family, q: Family, like: Array, method: str, settings: Settings) -> Result:
    kinds = kind_of(p), kind_of(q)
    if not _applies(method, *kinds):
        what = "integers and classes" if method == "sum" else "one number"
        raise ValueError(
            f"method={method!r} is for distributions of {what}; got {name_of(kinds[0])} and {name_of(kinds[1])}"
        )
    compute = sum_outcomes if method == "sum" else integrate
    # In the widest floats, where tails are followed farther and log densities are rounded less.
    dtype = xp.widest_dtype(like)
    wide_p, wide_q = cast(xp, p, dtype), cast(xp, q, dtype)
    integral = compute(xp, wide_p, wide_q, xp.astype(like, dtype), rtol=settings.rtol, atol=settings.atol)
    value, error = xp.astype(integral.value, like.dtype), xp.astype(integral.error, like.dtype)
    if dtype != like.dtype:
        error = error + xp.abs(xp.stop_gradient(_finite(xp, value))) * float(xp.finfo(like.dtype).eps)
    equal = are_equal(xp, p, q, like)
    value, error = (xp.where(equal & (xp.stop_gradient(x) != 0), 0.0, x) for x in (value, error))
    settings.report(integral.points, xp.stop_gradient(value), error)
    _require_densities(xp, p=(p, integral.mass), q=(q, integral.mass_q))
    # No error is a share of 0: there it is enough that densities agree to the last digits.
    zero = (value == 0) & (error < float(xp.finfo(dtype).eps))
    converged = zero | (error <= allowed_error(xp, value, settings.rtol, settings.atol))
    return Result(value, error, method, integral.points, converged)


def _require_densities(xp: Namespace, **distributions: tuple[Family, Mass]) -> None:
    """Raise ValueError if it is certain that the density of a family of the caller's does not integrate to 1.

    Those of kldiv do: what is missed of them is too narrow for floats to tell apart, and the error says so.
    """
    for name, (d, mass) in distributions.items():
        wrong, built_in = mass.is_wrong(xp), type(with_support(d)).__module__.startswith("kldiv.families.")
        if built_in or not xp.is_concrete(wrong) or not bool(xp.any(wrong)):
            continue
        masses, where = (xp.to_numpy(x) for x in (mass.value, wrong))
        index = tuple(int(i[0]) for i in where.nonzero()) if where.ndim else ()
        place = f" at index {index}" if index else ""
        raise ValueError(
            f"the density of {name}, {name_of(kind_of(d))}, integrates to {masses[index]:.4g}{place}, not to 1: "
            "correct the constant in log_density, or declare the family on the support where the density is positive"
        )


def _finite(xp: Namespace, x: Array) -> Array:
    return xp.where(xp.isfinite(x), x, 0.0)


def _sampled(xp: Namespace, p: Family, q: Family, like: Array, method: str, rng: Any, settings: Settings) -> Result:
    sample = quasi_monte_carlo if method == "quasi-monte-carlo" else monte_carlo
    # In the widest floats, since narrow ones are few near an outcome that is far from 0.
    dtype = xp.widest_dtype(like)
    wide_p, wide_q = (cast(xp, d, dtype) for d in (p, q))
    mean = sample(xp, wide_p, wide_q, xp.astype(like, dtype), rng, settings)
    converged = (mean.interval <= settings.allowed_interval(xp, mean.value)) & ~mean.doubtful
    value, error = (xp.astype(x, like.dtype) for x in (mean.value, mean.error))
    return Result(value, error, method, mean.samples, converged, mean.doubtful)


def _innermost(kind: Any) -> Any:
    held = held_kinds(kind)
    return (
        _innermost(held[0])
        if held and support_of(class_of(kind)) is None and class_of(kind) is not Independent
        else kind
    )


def _applies(method: str, *kinds: Any) -> bool:
    """Tell whether a deterministic method applies to a pair of kinds."""
    for kind in kinds:
        support = support_of(kind)
        if support is None:
            return False
        discrete = support.space == "integers" or support == ONE_HOT
        if method == "sum" and not discrete:
            return False
        if method == "quadrature" and not (support.space in ("line", "circle") and not support.axes):
            return False
    return True


def _best(xp: Namespace, kinds: tuple[Any, Any], like: Array) -> str:
    for method in ("sum", "quadrature"):
        if _applies(method, *kinds):
            return method
    return "quasi-monte-carlo" if xp.is_concrete(like) and sampler_of(_innermost(kinds[0])) else "monte-carlo"


def _over_components(xp: Namespace, p: Family, q: Family, like: Array, rng: Any, settings: Settings) -> Result:
    """Return the sum of the estimates for independent components."""
    mask = valid(xp, p.base, tolerances(xp, p.base)) & valid(xp, q.base, tolerances(xp, q.base))
    inner = xp.where(mask, like[..., None], like[..., None])
    of_components = _estimate(xp, p.base, q.base, inner, "auto", rng, settings)
    value = xp.sum(of_components.value, axis=-1) + like
    sampled = of_components.heavy is not None
    # Standard errors of independent estimates add in squares, bounds as they are.
    error = xp.sum(of_components.error**2, axis=-1) ** 0.5 if sampled else xp.sum(of_components.error, axis=-1)
    method = f"the sum over independent components, each by {of_components.method}"
    heavy = None if of_components.heavy is None else xp.any(of_components.heavy, axis=-1)
    quantile = normal_quantile(settings.confidence) if sampled else 1.0
    converged = (quantile * error <= allowed_error(xp, value, settings.rtol, settings.atol)) & (like == 0)
    if heavy is not None:
        converged = converged & ~heavy
    return Result(value, error + like, method, of_components.samples, converged, heavy)


def _variational(xp: Namespace, p: Family, q: Family, like: Array, settings: Settings) -> Result:
    from kldiv.estimation.mixtures import bounds, variational_approximation

    value = variational_approximation(xp, p, q) + like
    lower, upper = (xp.stop_gradient(x) for x in bounds(p, q))
    still = xp.stop_gradient(value)
    finite = xp.isfinite(still)
    gap = xp.where(upper - still > still - lower, upper - still, still - lower)
    error = xp.where(finite, xp.where(gap > 0, gap, 0.0), 0.0)
    converged = error <= allowed_error(xp, still, settings.rtol, settings.atol)
    return Result(value, error, "variational", 0, converged, warns=False)


def _warn(xp: Namespace, result: Result, value: Array) -> None:
    """Warn of estimates that did not converge, with the place of the first one."""
    if not result.warns or not xp.is_concrete(value):
        return
    bad = ~xp.to_numpy(result.converged | (value != value))
    if not bad.any():
        return
    index = tuple(int(i) for i in next(zip(*bad.nonzero(), strict=True))) if bad.ndim else ()
    number, error = (xp.to_numpy(x)[index] for x in (value, result.error))
    place = f" at index {index}" if index else ""
    others = f", and {int(bad.sum()) - 1} others" if bad.sum() > 1 else ""
    if result.heavy is not None and bool(xp.to_numpy(result.heavy)[index]):
        why = (
            "the tail of log p - log q is so heavy that the error means little, or outcomes that matter were not drawn"
        )
    elif result.heavy is not None:
        why = f"after {result.samples} samples the error does not meet the tolerance; raise max_samples, rtol or atol"
    else:
        why = "the error does not meet the tolerance; raise rtol or atol, or use float64"
    message = f"estimate{place} of {number:.6g} has error {error:.2g}{others} (method {result.method!r}): {why}"
    warnings.warn(message, EstimateWarning, stacklevel=4)
