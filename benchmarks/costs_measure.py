"""Times of the stages of `costs_stages`, written to a file of JSON lines as they come.

Usage: python benchmarks/costs_measure.py OUTPUT.jsonl [--device cpu|cuda] [--threads 2] [--seconds 120]
           [--only STAGE ...]

A line has the wall time and the CPU time of the fastest of a few runs, and the memory of the GPU. A stage that fails
leaves a line with its error, and the others go on. With --seconds, what has not begun by then is left out.
"""

import argparse
import json
import platform
import time
import traceback
import warnings
from dataclasses import asdict
from pathlib import Path

import torch
from costs_stages import STAGES
from threadpoolctl import threadpool_limits

ENOUGH, LONG, RUNS = (
    0.6,
    4.0,
    4,
)  # seconds of all runs, seconds after which one is enough, and the most runs


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--only", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument(
        "--smaller", type=int, default=1, help="divide all numbers of spectra, to try it out"
    )
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(args.threads)
    machine = {"machine": processor(args.device), "torch": torch.__version__}
    end = time.monotonic() + args.seconds
    for name in args.only:
        stage = STAGES[name]
        if args.device not in stage.devices:
            continue
        threads = 1 if stage.alone and args.device == "cpu" else args.threads
        sizes = stage.on(args.device, args.threads)
        for number, size in enumerate(sizes):
            if time.monotonic() > end:
                return
            where = {
                "stage": name,
                "device": args.device,
                "threads": threads,
                "check": number == len(sizes) - 1,
            }
            size = type(size)(**asdict(size) | {"n": max(1, size.n // args.smaller)})
            try:
                torch.set_num_threads(threads)
                with threadpool_limits(threads):
                    found = measured(stage.prepare, size, args.device)
            except Exception as error:  # noqa: BLE001 - the other stages go on
                found = {
                    "error": f"{type(error).__name__}: {error}",
                    "trace": traceback.format_exc(),
                }
            with args.output.open("a") as file:
                file.write(json.dumps(where | asdict(size) | found | machine) + "\n")
            print(
                name,
                args.device,
                asdict(size),
                {key: found[key] for key in found if key != "trace"},
                flush=True,
            )


def measured(prepare, size, device) -> dict:
    """Wall and CPU seconds of the fastest of some runs, and what the work is divided by."""
    begun = time.perf_counter()
    work = prepare(size, device)
    if device == "cuda":
        work()  # loads the GPU's kernels
    prepared = time.perf_counter() - begun
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    walls, cpus, total = [], [], 0.0
    while (len(walls) < 2 and total < LONG) or (total < ENOUGH and len(walls) < RUNS):
        wall, cpu = time.perf_counter(), time.process_time()
        per = work()
        if device == "cuda":
            torch.cuda.synchronize()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
        total += walls[-1]
    memory = torch.cuda.max_memory_allocated() if device == "cuda" else None
    return {
        "wall": min(walls),
        "cpu": min(cpus),
        "runs": len(walls),
        "per": float(per or 1),
        "gpu_memory": memory,
        "prepared": prepared,
    }


def processor(device):
    """Name of the GPU, or of the CPU as Linux tells it."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
