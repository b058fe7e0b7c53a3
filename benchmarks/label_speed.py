"""Labels of many mock spectra by the command: stars a second end to end, and the memory of all its processes.

Usage: python benchmarks/label_speed.py 10000 [--format hdf5|parquet] [--model rvs|rvs-real|apogee|apogee-real]
           [--shards 16] [--jobs 2] [--folder FOLDER] [--large-groups]

The spectra are those of the survey's mock configuration, written in batches to a file that later runs use again. Memory
is the sum of the proportional set sizes (PSS) of the command and its children, sampled four times a second; what
processes share counts once. With --shards the command also runs in so many shards, of which one is killed and run
again, and the bytes of both tables are compared.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil

BATCH = 8192
FIRST_ID = 2 * 10**18  # as long as Gaia's


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stars", type=int)
    parser.add_argument("--format", choices=("hdf5", "parquet"), default="hdf5")
    parser.add_argument("--model", default="rvs")
    parser.add_argument("--shards", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "label_speed")
    parser.add_argument(
        "--large-groups", action="store_true", help="one group of rows, as pyarrow's default"
    )
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    band = args.model.partition("-")[0]
    name = f"{band}-{args.stars}{'-large' * args.large_groups}"
    path = args.folder / f"{name}.{'h5' if args.format == 'hdf5' else 'parquet'}"
    if not path.is_file():
        start = time.perf_counter()
        write(path, band, args.stars, args.large_groups)
        print(
            f"wrote {path}, {path.stat().st_size / 1e6:.0f} MB, in {time.perf_counter() - start:.0f} s"
        )
    table, shards = args.folder / "labels.csv", args.folder / "shards.csv"
    options = ["--model", args.model, "--jobs", str(args.jobs), "--device", "cpu", "--quiet"]
    start = time.perf_counter()
    peak, cpu = watched([path, "-o", table, *options])
    seconds = time.perf_counter() - start
    print(
        f"{args.stars} stars of {path.name} with {args.model}, {args.jobs} jobs: {seconds:.1f} s, "
        f"{args.stars / seconds:.0f} stars/s ({args.stars / cpu:.0f} a CPU second), peak memory {peak / 1e9:.2f} GB"
    )
    if args.shards:
        run = [path, "-o", shards, *options]
        watched([*run, "--shard", f"1/{args.shards}"], kill_after=4.0)
        for i in range(args.shards, 0, -1):
            watched([*run, "--shard", f"{i}/{args.shards}"])
        watched(run)
        same = table.read_bytes() == shards.read_bytes()
        print(f"1 and {args.shards} shards: {'the same bytes' if same else 'DIFFERENT bytes'}")


def write(path, band, n, large_groups):
    """Write mock spectra batch by batch."""
    import pyarrow
    from pyarrow import parquet

    import specnb
    from specnb.core.storage import SpectraWriter
    from specnb.surveys.mock import make_mock

    emulator = specnb.load_emulator(band)
    writer = SpectraWriter(path) if path.suffix == ".h5" else None
    batches = []
    with writer or parquet.ParquetWriter(path, pyarrow_schema()) as file:
        for start in range(0, n, BATCH):
            size = min(BATCH, n - start)
            spectra, _ = make_mock(emulator, emulator.survey.mock(n_stars=size, seed=1 + start))
            spectra = replace(spectra, ids=np.arange(FIRST_ID + start, FIRST_ID + start + size))
            if writer:
                file.append(spectra)
                continue
            batches.append(arrow(spectra))
            if not large_groups or start + BATCH >= n:
                rows = pyarrow.concat_tables(batches)
                file.write_table(rows, row_group_size=len(rows))
                batches = []


def pyarrow_schema():
    import pyarrow

    numbers = pyarrow.list_(pyarrow.float32())
    return pyarrow.schema(
        {
            "source_id": pyarrow.int64(),
            **dict.fromkeys(("wavelength", "flux", "flux_error"), numbers),
        }
    )


def arrow(spectra):
    """Spectra as a table of pyarrow with a row for each star. Masked pixels are NaN."""
    import pyarrow

    shape = spectra.flux.shape
    offsets = np.arange(0, spectra.flux.size + 1, shape[1], dtype=np.int32)
    arrays = {
        "wavelength": np.broadcast_to(spectra.wavelength, shape),
        "flux": np.where(spectra.mask, np.nan, spectra.flux),
        "flux_error": np.where(spectra.mask, np.nan, spectra.flux_error),
    }
    lists = {
        name: pyarrow.ListArray.from_arrays(offsets, array.astype(np.float32).ravel())
        for name, array in arrays.items()
    }
    return pyarrow.table({"source_id": spectra.ids.astype(np.int64), **lists}, pyarrow_schema())


def watched(arguments, kill_after=None):
    """Run the command and give the peak of its memory in bytes, and its CPU time in seconds."""
    command = [sys.executable, "-m", "specnb", "label", *map(str, arguments)]
    process = psutil.Popen(command, stdout=subprocess.DEVNULL)
    start, peak, used = time.perf_counter(), 0, {}
    while process.poll() is None:
        total = 0
        for each in [process, *process.children(recursive=True)]:
            try:
                total += each.memory_full_info().pss
                used[each.pid] = sum(each.cpu_times()[:2])
            except psutil.Error:  # it has ended
                continue
        peak = max(peak, total)
        if kill_after and time.perf_counter() - start > kill_after:
            process.kill()
            process.wait()
            return peak, sum(used.values())
        time.sleep(0.25)
    if process.returncode:
        raise SystemExit(f"the command ended with exit code {process.returncode}")
    return peak, sum(used.values())


if __name__ == "__main__":
    main()
