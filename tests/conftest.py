"""One backend per process: `pytest --backend torch`."""

import pytest


def pytest_addoption(parser):
    parser.addoption("--backend", default="numpy", help="numpy, torch, jax, tensorflow or strict")
    parser.addoption("--full", action="store_true", help="the full grid of cases rather than a covering sample")


def pytest_configure(config):
    import backends

    config.stash[BACKEND] = backends.load(config.getoption("--backend"))


BACKEND = pytest.StashKey()


@pytest.fixture(scope="session")
def backend(request):
    """Return the record of the backend under test."""
    return request.config.stash[BACKEND]


def pytest_generate_tests(metafunc):
    """Parametrise `transform` by the transforms of the backend under test, so that no test body asks for its name."""
    if "transform" in metafunc.fixturenames:
        transforms = metafunc.config.stash[BACKEND].transforms
        metafunc.parametrize("transform", transforms.values(), ids=transforms.keys())
