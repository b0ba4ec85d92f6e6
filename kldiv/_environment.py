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


def own_version() -> str:
    """Return the version of kldiv, which a bare checkout does not know."""
    try:
        return importlib.metadata.version("kldiv")
    except importlib.metadata.PackageNotFoundError:
        return "0+unknown"


def missing(what: str, package: str, extra: str) -> ImportError:
    """Return the error for something that needs a package that is not installed."""
    return ImportError(
        f'{what} needs {package}; try: pip install "kldiv[{extra}]", or in a clone of the repository '
        f'pip install ".[{extra}]"'
    )


def versions() -> dict[str, str | None]:
    """Return the versions of all that matters in a report of a bug; None is not installed."""
    return {
        "kldiv": own_version(),
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
