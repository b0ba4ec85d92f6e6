"""`kldiv.namespace`: whose array is this? For every kind of array, number and list, also inside compilers."""

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import backends
import kldiv

ROOT = Path(__file__).parents[2]

NUMBERS = {
    "float": 2.0,
    "integer": 2,
    "list": [1.0, 2.0],
    "nested list": [[1.0], [2.0]],
    "NumPy scalar": np.float64(2.0),
    "NumPy integer": np.int64(2),
    "list of NumPy scalars": [np.float32(1.0), np.float32(2.0)],
}
over_numbers = pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS.keys())


def pytest_generate_tests(metafunc):
    backend = backends.load(metafunc.config.getoption("--backend"))
    if "make_array" in metafunc.fixturenames:
        metafunc.parametrize("make_array", backend.arrays.values(), ids=backend.arrays.keys())
    if "make_foreign" in metafunc.fixturenames:
        foreign = {"numpy": lambda: np.ones(2)}
        others = {name: make for name, make in foreign.items() if name != backend.name}
        metafunc.parametrize("make_foreign", others.values(), ids=others.keys())


@pytest.fixture
def module(backend):
    return importlib.import_module(backend.module)


# --- Recognizing ------------------------------------------------------------------------------------------------------


def test_every_kind_of_array_is_recognized(module, make_array):
    assert kldiv.namespace(make_array()) is module


@over_numbers
def test_numbers_fit_every_framework_from_behind(module, make_array, number):
    assert kldiv.namespace(make_array(), number) is module


@over_numbers
def test_numbers_fit_every_framework_from_before(module, make_array, number):
    assert kldiv.namespace(number, make_array()) is module


@over_numbers
def test_numbers_alone_are_numpys(backend, number):
    assert kldiv.namespace(number).__name__ == "kldiv.backends.numpy"


def test_nothing_at_all_is_numpys(backend):
    assert kldiv.namespace().__name__ == "kldiv.backends.numpy"


def test_several_arrays_of_one_framework_have_one_namespace(backend, module):
    made = [make() for make in backend.arrays.values()]
    assert kldiv.namespace(*made) is module


def test_array_is_recognized_inside_a_transform(backend, transform):
    def function(x):
        # Any other module's function would refuse the tracer, or return what is no tracer.
        return kldiv.namespace(x, 1.0, [2.0]).exp(x)

    x = np.linspace(-1, 1, 5)
    values = backend.to_numpy(transform(function)(backend.array(x, "float64")))
    np.testing.assert_allclose(values, np.exp(x), rtol=1e-15)


def test_several_arrays_are_recognized_inside_a_transform(backend, transform):
    def function(x, y):
        return kldiv.namespace(1.0, x, y).where(x > y, x, y)

    x, y = np.asarray([1.0, 2.0, 3.0]), np.asarray([3.0, 2.0, 1.0])
    values = backend.to_numpy(transform(function)(backend.array(x, "float64"), backend.array(y, "float64")))
    np.testing.assert_array_equal(values, [3.0, 2.0, 3.0])


def test_constant_of_the_framework_is_recognized_beside_an_argument_inside_a_transform(backend, transform):
    constant = backend.array(2.0, "float64")
    x = np.asarray([1.0, 2.0, 3.0])
    function = transform(lambda x: kldiv.namespace(constant, x).exp(x) * constant)
    np.testing.assert_allclose(backend.to_numpy(function(backend.array(x, "float64"))), 2 * np.exp(x), rtol=1e-15)


# --- Using ------------------------------------------------------------------------------------------------------------


def test_every_kind_of_array_is_a_parameter(backend, make_array):
    value = kldiv.kl_divergence(kldiv.Exponential(make_array()), kldiv.Exponential(2.0))
    assert backend.is_array(value)
    np.testing.assert_allclose(backend.to_numpy(value), 1 - np.log(2.0), rtol=1e-6)


def test_every_kind_of_array_is_an_outcome(backend, make_array):
    value = kldiv.Exponential(2.0).log_density(make_array())
    assert backend.is_array(value)
    np.testing.assert_allclose(backend.to_numpy(value), np.log(2.0) - 2, rtol=1e-6)


def test_every_kind_of_array_is_an_element(backend, make_array):
    value = kldiv.rel_entr(make_array(), 2.0)
    assert backend.is_array(value)
    np.testing.assert_allclose(backend.to_numpy(value), -np.log(2.0), rtol=1e-6)


# --- Refusing ---------------------------------------------------------------------------------------------------------


def test_mixture_is_refused_and_both_frameworks_are_named(backend, make_array, make_foreign):
    with pytest.raises(TypeError) as caught:
        kldiv.namespace(make_array(), make_foreign())
    words = str(caught.value)
    assert "argument 0 is a " in words
    assert "argument 1 is a numpy ndarray" in words
    assert "convert one of them" in words


def test_mixture_is_refused_in_either_order(backend, make_array, make_foreign):
    with pytest.raises(TypeError, match="argument 0 is a numpy ndarray but argument 2 is a "):
        kldiv.namespace(make_foreign(), 1.0, make_array())


def test_mixture_is_refused_inside_a_transform(backend, transform, make_foreign):
    function = transform(lambda x: kldiv.namespace(x).exp(x) + kldiv.namespace(x, make_foreign()).exp(x))
    with pytest.raises(Exception, match="belong to one framework"):
        function(backend.array([1.0, 2.0], "float64"))


@pytest.mark.parametrize(
    "value",
    [None, "1.0", {1.0}, {"a": 1.0}, True, 1j, object(), np.ma.masked_array([1.0])],
    ids=lambda v: type(v).__name__,
)
def test_what_is_no_array_is_refused(backend, value):
    with pytest.raises(TypeError, match="argument 1 is a"):
        kldiv.namespace(backend.array([1.0], "float64"), value)


@pytest.mark.parametrize("value", [[], [[1.0], 2.0], [[1.0, 2.0], [3.0]], ["1"], [True], [None]], ids=str)
def test_list_that_is_no_rectangle_of_numbers_is_refused(backend, value):
    with pytest.raises(TypeError, match="argument 1 "):
        kldiv.namespace(backend.array([1.0], "float64"), value)


# --- Importing --------------------------------------------------------------------------------------------------------


def loaded_after(statement):
    """Return the top-level packages that a fresh interpreter has loaded after a statement."""
    code = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.split()
    )


FRAMEWORKS = {"array_api_strict", "jax", "keras", "tensorflow", "torch"}


def test_asking_for_a_namespace_imports_no_array_library():
    assert not loaded_after("from kldiv import namespace") & (FRAMEWORKS | {"numpy", "scipy"})


@pytest.mark.parametrize("argument", ["1.0", "[1.0, 2.0]", "numpy.ones(3)"])
def test_namespace_of_numbers_and_numpys_arrays_imports_no_other_framework(argument):
    assert not loaded_after(f"import kldiv, numpy; kldiv.namespace({argument})") & FRAMEWORKS
