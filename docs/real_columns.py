"""What `estimate_from_samples` says of halves of the numeric columns of scikit-learn's and statsmodels' data sets.

Usage: python docs/real_columns.py (needs scikit-learn and statsmodels; three minutes)

Both halves of a shuffled column have one distribution, so that the divergence is 0. A twin of a column is simulated:
two normal samples of known divergence, of the column's size, rounded to as many steps per standard deviation.
"""

import importlib
import pkgutil
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from calibration import rounded_divergence

import kldiv

LEAST = 30  # rows


def columns() -> Iterator[tuple[str, Any]]:
    """Yield the name and the finite values of each numeric column that is not constant."""
    for name, frame in frames():
        for column in frame.select_dtypes("number"):
            values = frame[column].to_numpy(dtype=float)
            values = values[np.isfinite(values)]
            if len(values) >= LEAST and len(np.unique(values)) > 1:
                yield f"{name} {column}", values


def frames() -> Iterator[tuple[str, Any]]:
    """Yield the data sets that come with the packages."""
    import sklearn.datasets
    import statsmodels.datasets

    for name in ("breast_cancer", "diabetes", "iris", "linnerud", "wine"):
        yield name, getattr(sklearn.datasets, f"load_{name}")(as_frame=True).frame
    for module in pkgutil.iter_modules(statsmodels.datasets.__path__):
        loaded = importlib.import_module(f"statsmodels.datasets.{module.name}")
        if module.ispkg and hasattr(loaded, "load_pandas"):
            yield module.name, loaded.load_pandas().data


def estimate(x: Any, y: Any) -> Any:
    """Return the estimate, without its warning, or the words with which it is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kldiv.EstimateWarning)
        try:
            return kldiv.estimate_from_samples(x, y)
        except ValueError as error:
            return str(error)


def step_of(values: Any) -> float:
    """Return the step that values are rounded to, in standard deviations: a typical gap, if they repeat; or 0."""
    different = np.unique(values)
    return float(np.median(np.diff(different)) / values.std()) if len(different) < 0.9 * len(values) else 0.0


def twin(values: Any, random: np.random.Generator, shift: float) -> tuple[Any, Any, float]:
    """Return two samples like the halves of a column, and their divergence."""
    step, n = step_of(values), len(values) // 2
    x, y = random.standard_normal(n), random.standard_normal(len(values) - n) + shift
    if not step:
        return x, y, shift**2 / 2
    return step * np.round(x / step), step * np.round(y / step), rounded_divergence(shift, step)


def within(found: Any, truth: float) -> bool:
    """Return whether a 95 % interval contains a divergence."""
    return bool(abs(found.value - truth) <= 1.96 * found.error)


def main() -> None:
    """Print what became of the columns."""
    halves, twins, small = [], [], []
    for i, (name, values) in enumerate(columns()):
        random = np.random.default_rng(i)
        shuffled = random.permutation(values)
        found = estimate(shuffled[::2], shuffled[1::2])
        halves.append(found)
        small.append(float(kldiv.permutation_test(shuffled[::2], shuffled[1::2], n_resamples=199)) <= 0.05)
        for shift in (0.0, 0.5, 1.0):
            x, y, truth = twin(values, random, shift)
            twins.append((estimate(x, y), truth))
        if isinstance(found, str) or (found.converged and not within(found, 0.0)):
            print(name, len(values), found if isinstance(found, str) else f"{found.value:.3f} +- {found.error:.3f}")
    answered = [e for e in halves if not isinstance(e, str)]
    certain = [e for e in answered if e.converged]
    print(f"{len(halves)} columns: {len(answered)} have an answer, {len(certain)} are said to be certain")
    print(f"halves: {np.mean([within(e, 0.0) for e in certain]):.1%} of the certain intervals contain 0")
    print(f"permutation tests at the level of 5 %: {np.mean(small):.1%} are significant")
    certain_twins = [(e, truth) for e, truth in twins if not isinstance(e, str) and e.converged]
    share = np.mean([within(e, truth) for e, truth in certain_twins])
    print(f"twins: of {len(twins)} {len(certain_twins)} are certain, {share:.1%} of these intervals contain the truth")


if __name__ == "__main__":
    main()
