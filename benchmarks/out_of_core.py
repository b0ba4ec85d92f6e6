"""Divergences of logits on disk that are larger than the memory of the workers that compute them: Dask, two processes.

``python benchmarks/out_of_core.py --gigabytes 8`` writes that many of random logits to a temporary folder, computes the
divergences on a cluster of two workers with a limit of 1 GB each, and compares a part with the result in memory.
"""

import argparse
import os
import resource
import shutil
import tempfile
import time
from pathlib import Path

import dask.array
import numpy as np
from dask.distributed import Client, LocalCluster

import kldiv

CLASSES = 32000
ROWS = 256  # of a chunk: 33 MB
LIMIT = 10**9  # bytes of memory of a worker


def write(path, rows, seed):
    """Write logits to a file, chunk by chunk."""
    rng = np.random.default_rng(seed)
    with open(path, "wb") as file:
        for start in range(0, rows, ROWS):
            rng.standard_normal((min(ROWS, rows - start), CLASSES), "float32").tofile(file)


def on_disk(path, rows):
    """Return the logits in a file as an array in chunks; the task that uses a chunk maps the file into its memory."""

    def load(block_info):
        (start, stop), _ = block_info[None]["array-location"]
        return np.memmap(path, "float32", "r", shape=(rows, CLASSES))[start:stop]

    chunks = dask.array.core.normalize_chunks((ROWS, CLASSES), (rows, CLASSES))
    return dask.array.map_blocks(load, chunks=chunks, dtype="float32", meta=np.empty((0, 0), "float32"))


def process():
    """Return the number of a worker's process, which changes if it was killed, and the most memory it has held."""
    return os.getpid(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run(folder, rows):
    """Write logits, compute their divergences on a cluster, and print what it took."""
    paths = [str(Path(folder, name)) for name in ("p", "q")]
    for seed, path in enumerate(paths):
        write(path, rows, seed)
    size = sum(os.path.getsize(path) for path in paths)
    p, q = (on_disk(path, rows) for path in paths)
    lazy = kldiv.kl_divergence(kldiv.CategoricalLogits(p), kldiv.CategoricalLogits(q))
    settings = {"n_workers": 2, "threads_per_worker": 1, "memory_limit": LIMIT, "dashboard_address": None}
    with LocalCluster(**settings) as cluster, Client(cluster) as client:
        before = client.run(process)
        start = time.perf_counter()
        value = lazy.compute()
        seconds = time.perf_counter() - start
        after = client.run(process)
    part = slice(rows // 3, rows // 3 + 1000)  # begins inside a chunk
    logits = [np.fromfile(path, "float32", 1000 * CLASSES, offset=part.start * CLASSES * 4) for path in paths]
    expected = kldiv.kl_divergence(*(kldiv.CategoricalLogits(x.reshape(-1, CLASSES)) for x in logits))
    difference = np.max(np.abs(value[part] - expected) / expected)
    print(f"{size / 1e9:.2f} GB of logits, {rows} x {CLASSES} of each, in {lazy.npartitions} chunks")
    print(f"{seconds:.1f} s, {size / seconds / 1e9:.2f} GB/s by two workers with a limit of {LIMIT / 1e9:.0f} GB each")
    for address, (pid, peak) in after.items():
        fate = "never killed" if before[address][0] == pid else "KILLED and started again"
        print(f"worker {address}: peak {peak / 1e6:.0f} MB, {fate}")
    print(f"largest relative difference from the result in memory, on {len(expected)} rows: {difference:.1e}")


def main():
    """Read the size from the command line and check that it fits on the disk."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--gigabytes", type=float, default=8.0)
    rows = int(parser.parse_args().gigabytes * 1e9) // (2 * 4 * CLASSES)
    with tempfile.TemporaryDirectory() as folder:
        free = shutil.disk_usage(folder).free
        if free < 1.1 * rows * 2 * 4 * CLASSES:
            raise SystemExit(f"{free / 1e9:.1f} GB of disk are free at {tempfile.gettempdir()}; pass fewer --gigabytes")
        run(folder, rows)


if __name__ == "__main__":  # the workers import this file
    main()
