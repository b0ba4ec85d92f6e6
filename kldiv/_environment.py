"""What is installed: the facts that a report of a bug needs. Nothing of it is imported."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform

_PACKAGES = ("numpy", "scipy", "array-api-compat", "torch", "tensorflow", "jax", "dask")


def version(package: str) -> str | None:
    """Return the version of an installed package, without importing it, or None.

    The distribution may have another name than the package, as tensorflow-cpu has.
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        if importlib.util.find_spec(package.replace("-", "_")) is None:
            return None
    names = importlib.metadata.packages_distributions().get(package.replace("-", "_"))
    return importlib.metadata.version(names[0]) if names else "unknown version"


def versions() -> dict[str, str | None]:
    """Return the versions of all that matters in a report of a bug; None is not installed."""
    return {
        "kldiv": version("kldiv"),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        **{package: version(package) for package in _PACKAGES},
    }


def table_of_versions() -> str:
    """Return the versions as lines of text."""
    return "\n".join(f"{name:16}  {value or 'not installed'}" for name, value in versions().items())


def show_versions() -> None:
    """Print the versions of kldiv, of Python and of the frameworks, for a report of a bug.

    The command ``python -m kldiv env`` prints the same.

    Examples
    --------
    >>> import kldiv
    >>> kldiv.show_versions()  # doctest: +ELLIPSIS
    kldiv  ...
    """
    print(table_of_versions())
