"""What writers leave behind that are killed at random moments.

Usage: python benchmarks/kills.py [--kills 40] [--seed 0]

Each writer writes again and again in a process of its own, until that is killed (SIGKILL). Then another process writes
once, as the user does who starts again. No temporary file may be left, and what has the right name must be whole.
"""

import argparse
import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from specnb.core.files import read_checkpoint, read_tensors, write_checkpoint, write_tensors
from specnb.core.spectra import Spectra
from specnb.core.storage import SpectraWriter
from specnb.surveys.rvs.pixels import RVS_PIXELS

LONGEST = 0.3  # seconds until a writer is killed
STATE = {"weights": torch.zeros(2_000_000)}  # 8 MB


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=40, help="of each writer")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    random = np.random.default_rng(args.seed)
    print(f"{'writer':14s}  kills  left by a kill  left after the next write  damaged")
    for writer, (write, read) in WRITERS.items():
        with tempfile.TemporaryDirectory() as folder:
            left, damaged = [], 0
            for seconds in random.uniform(0, LONGEST, args.kills):
                kill(write, Path(folder, "file"), seconds)
                left.append(len(temporary(folder)))
                damaged += Path(folder, "file").exists() and not whole(read, Path(folder, "file"))
            write(Path(folder, "file"))
            print(
                f"{writer:14s}{args.kills:7d}{np.count_nonzero(left):16d}"
                f"{len(temporary(folder)):27d}{damaged:9d}"
            )


def kill(write, path, seconds):
    """Start a writer and kill it after some seconds."""
    ready = multiprocessing.Event()
    process = multiprocessing.Process(target=again_and_again, args=(write, path, ready))
    process.start()
    ready.wait()
    time.sleep(seconds)
    process.kill()
    process.join()


def again_and_again(write, path, ready):
    ready.set()
    while True:
        write(path)


def temporary(folder):
    return [path for path in Path(folder).iterdir() if path.name != "file"]


def whole(read, path):
    try:
        read(path)
    except (OSError, ValueError):
        return False
    return True


def write_spectra(path):
    """Ten batches of 1,000 spectra."""
    flux = np.random.default_rng(0).normal(1, 0.01, (1000, len(RVS_PIXELS))).astype(np.float32)
    batch = Spectra(RVS_PIXELS, flux, 0.01 + 0 * flux, flux < 0, np.arange(1000).astype(str))
    with SpectraWriter(path) as writer:
        for _ in range(10):
            writer.append(batch)


WRITERS = {
    "SpectraWriter": (write_spectra, Spectra.read),
    "checkpoint": (
        lambda path: write_checkpoint(STATE, path),
        lambda path: read_checkpoint(path, "cpu", ["weights"]),
    ),
    "tensors": (lambda path: write_tensors(path, STATE, {}), read_tensors),
}

if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    main()
