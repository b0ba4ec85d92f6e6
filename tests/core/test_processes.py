"""Threads, processes, and Python's own modes: the same numbers, and nothing left broken."""

import concurrent.futures
import subprocess
import sys

import numpy as np
import pytest

import kldiv

LOC = np.linspace(-1, 1, 50)
TRUTH = 0.5 * LOC**2


def divergence(n):
    """Return the divergences of the first n normal distributions: a shape that is new to the cache for each n."""
    return kldiv.kl_divergence(kldiv.Normal(LOC[:n], 1.0), kldiv.Normal(0.0, 1.0))


def check(values):
    for n, value in enumerate(values):
        np.testing.assert_allclose(value, TRUTH[:n], rtol=1e-15)


def test_threads_share_the_cache():
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        check(list(pool.map(divergence, range(50))))


POOL = """
import concurrent.futures, multiprocessing, sys
import kldiv
if __name__ == "__main__":
    p, q = kldiv.Normal(0.0, 1.0), kldiv.Normal([1.0, 2.0], 1.0)
    kldiv.kl_divergence(p, q)
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context(sys.argv[1])) as pool:
        print(pool.submit(kldiv.kl_divergence, p, q).result())
"""


# With -W error where Python itself has no warning: it has one for forks of processes that have threads.
@pytest.mark.parametrize(
    "options", [["-c", POOL, "fork"], ["-W", "error", "-O", "-c", POOL, "spawn"]], ids=["fork", "spawn"]
)
def test_processes_compute_what_their_parent_does(options):
    done = subprocess.run([sys.executable, *options], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "[0.5 2. ]\n"), done.stderr


def test_interrupt_in_a_fit_leaves_nothing_broken():
    def fitted(callback):
        return kldiv.fit(kldiv.Gamma(2.0, 1.0), kldiv.Gamma(1.0, 1.0), callback=callback).distribution

    def interrupt(*arguments):
        raise KeyboardInterrupt

    before = fitted(None)
    with pytest.raises(KeyboardInterrupt):
        fitted(interrupt)
    assert fitted(None) == before


def test_interrupt_in_an_estimate_leaves_nothing_broken(monkeypatch):
    p, q = kldiv.StudentT(3.0, 0.0, 1.0), kldiv.StudentT(5.0, 0.0, 1.0)
    before = kldiv.estimate(p, q)

    def interrupt(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(kldiv.StudentT, "log_density", interrupt)
        with pytest.raises(KeyboardInterrupt):
            kldiv.estimate(p, q)
    assert kldiv.estimate(p, q) == before
